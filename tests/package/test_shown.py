"""What objects say of themselves: one short line in a console, a table in a notebook."""

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from pipeline_data import corpus as write_corpus
from pipeline_data import spec

import wavenetlite as wl
from wavenetlite.corpora.clips import Clips, Corpus
from wavenetlite.corpora.utterances import Utterance, Utterances
from wavenetlite.evaluation.clips import evaluate
from wavenetlite.support.html import MOST_ROWS, html

EVIL = "<script>alert('&')</script>"
f32 = np.float32


class Balanced(HTMLParser):
    """Collects the text, and checks that every element is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.tags = [], [], set()

    def handle_starttag(self, tag, attrs):
        assert not attrs
        self.open.append(tag)
        self.tags.add(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(thing):
    parser = Balanced()
    parser.feed(thing._repr_html_())
    parser.close()
    assert not parser.open
    assert parser.tags <= {"div", "b", "i", "table", "tr", "th", "td"}
    return parser.text


def classifier(labels=("yes", EVIL)):
    return wl.AudioClassifier(wl.LogMel(), wl.TCN(40, len(labels), channels=4, dilations=[1]), list(labels))


def clips(n=6):
    audio = np.random.default_rng(0).standard_normal((n, 8000), dtype=f32) * f32(0.1)
    return Clips(audio, np.arange(n) % 2, [EVIL] * n)


def corpus():
    empty = clips().select([])
    return Corpus(["yes", EVIL], clips(), clips(2), empty, 16000, "folders", ["a.wav: broken"], Path("words"))


def utterances():
    made = Utterance("a", clips().audio[0], "s", "", EVIL, 0.1, 0.2, frozenset())
    return Utterances([EVIL], [made], 16000, [], None)


def evaluation():
    return evaluate(classifier(), clips(), ["yes", EVIL])


def feature_set(tmp_path):
    data = write_corpus(tmp_path / "data", clips=3)
    wl.pipeline.extract(data, tmp_path / "features", features=spec())
    return wl.pipeline.open(tmp_path / "features")


def test_networks():
    model = wl.Sequential([wl.nn.Conv1d(40, 8, 3), wl.nn.ReLU(), wl.nn.Linear(8, 2)])
    text = read(model)
    assert text[0] == "Sequential: 40 -> 2 channels"
    assert {"Conv1d", "ReLU", "Linear", "receptive field", "3 frames", "40 -> 8"} <= set(text)
    assert read(wl.nn.ReLU())[0].startswith("ReLU: any -> ")
    assert len(read(wl.WaveNet(40, 2, residual_channels=4, skip_channels=4, dilations=[1], condition_channels=3))) > 20


def test_a_module_that_cannot_run_is_shown_all_the_same():
    class Unfinished(wl.nn.Module, abstract=True):
        def __init__(self, path):
            self.path = path

    assert read(Unfinished(EVIL)) == [repr(Unfinished(EVIL))]


def test_classifiers_and_what_they_say():
    clf = classifier()
    text = read(clf)
    assert {"AudioClassifier", f"yes, {EVIL}", "16000 Hz", repr(clf.features), repr(clf.detector)} <= set(text)
    prediction = clf.predict(clips().audio[0])
    assert repr(prediction) == f"Prediction(label={prediction.label!r}, score={prediction.score:.4f}, of 2 labels)"
    assert read(prediction)[0] == f"Prediction: {prediction.label}"
    assert set(read(prediction)) >= {"yes", EVIL}


@pytest.mark.parametrize("made", [wl.LogMel(), wl.MFCC().then(wl.features.Deltas(width=5)), wl.Spectrogram(n_fft=64),
                                  wl.PCEN(), wl.MuLaw(), wl.MicroFrontend(),
                                  wl.LogMel().then(wl.features.UtteranceCMVN())])  # fmt: skip
def test_specs(made):
    text = read(made)
    assert text[0] == type(made).__name__
    assert {"sr", str(made.sr), "channels", str(made.out_channels)} <= set(text)
    assert ("needs the whole signal" in text) == (not made.causal)


def test_corpora():
    text = read(corpus())
    assert text[0] == "Corpus, folders"
    assert {"yes", EVIL, "words", "16000 Hz", "train", "valid", "test", "3"} <= set(text)
    assert read(clips())[0] == repr(clips())
    assert read(clips().select([])) == [repr(clips().select([]))]
    assert {"Utterances", EVIL, "said", "1"} <= set(read(utterances()))


def test_evaluations():
    made = evaluation()
    assert repr(made) == f"Evaluation(6 clips, 2 labels, accuracy={made.accuracy:.4f})"
    assert {"precision", "recall", "f1", EVIL, "6"} <= set(read(made))


def test_feature_sets(tmp_path):
    items = feature_set(tmp_path)
    text = read(items)
    assert {"Items", str(len(items)), str(items.channels), "label", *items.labels} <= set(text)
    assert read(items.select(label=items.labels[0]))[0] == "Items"


def test_histories():
    x, y = np.random.default_rng(0).standard_normal((8, 4, 2), dtype=f32), np.arange(8) % 2
    history = wl.train.fit(wl.nn.Linear(2, 2), (x, y), (x, y), epochs=2, batch_size=4)
    assert repr(history).startswith("History(2 epochs, best_epoch=")
    assert {"epoch", "train_loss", "valid_accuracy"} <= set(read(history))


def test_long_tables_are_cut():
    text = html("many", head=["n"], rows=[[n] for n in range(MOST_ROWS + 1000)])
    assert "and 1,000 more rows" in text
    assert text.count("<tr>") == MOST_ROWS + 1
