"""evaluate: the counts are true, and the same streamed as offline."""

import numpy as np
import pytest
from level_classifier import LABELS, judge, sound
from wrapped import Wrapped, wrap

import wavenetlite as wl
from wavenetlite.corpora.clips import Clips
from wavenetlite.evaluation.clips import Evaluation, Wrong, evaluate, scores_text

f32 = np.float32


def clips_of(labels, y, samples=2000):
    audio = np.stack([sound(labels[number], samples, seed) for seed, number in enumerate(y)])
    return Clips(audio, np.array(y, np.int64), [f"{labels[number]}/{seed}.wav" for seed, number in enumerate(y)])


def test_every_clip_is_counted_once():
    clips = clips_of(LABELS, [0, 1, 2, 1, 0, 0])
    found = evaluate(judge(), clips)
    assert found.labels == LABELS
    assert found.matrix.tolist() == [[3, 0, 0], [0, 2, 0], [0, 0, 1]]
    assert found.matrix.dtype == np.int64
    assert (found.accuracy, found.count, found.wrong) == (1.0, 6, [])
    assert found.per_label == {"low": 1.0, "high": 1.0, "_silence_": 1.0}
    assert found.predicted == ["low", "high", "_silence_", "high", "low", "low"]
    assert str(found) == "100.00 % of 6 clips recognised, macro F1 100.00 %"


def test_what_is_wrong_is_named():
    clips = clips_of(LABELS, [0, 1, 0])
    clips.y[:] = [1, 1, 0]  # the first one is low, and said to be high
    found = evaluate(judge(), clips)
    assert found.matrix.tolist() == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.per_label == {"low": 1.0, "high": 0.5, "_silence_": None}
    name, truth, predicted, score = found.wrong[0]
    assert (name, truth, predicted) == ("low/0.wav", "high", "low")
    assert score == judge().predict(clips.audio[0]).score
    assert len(found.wrong) == 1


def test_labels_are_matched_by_name():
    corpus_labels = ["high", "low"]
    clips = clips_of(corpus_labels, [0, 1, 1])
    found = evaluate(judge(), clips, corpus_labels)
    assert found.matrix.tolist() == [[2, 0, 0], [0, 1, 0], [0, 0, 0]]
    with pytest.raises(wl.ParameterError, match="labels has 'dog'; it must be a label of the classifier: low, high"):
        evaluate(judge(), clips, ["high", "low", "dog"])
    with pytest.raises(wl.ParameterError, match=r"labels has 1 entries; clips\.y has the number 1"):
        evaluate(judge(), clips, ["high"])


@pytest.mark.parametrize("decision", ["last", "mean"])
@pytest.mark.parametrize("block_ms", [0.125, 7.0, 10.0, 33.3, 1e6])
def test_streamed_is_offline_bit_for_bit(block_ms, decision):
    rng = np.random.default_rng(3)
    clips = Clips((0.1 * rng.standard_normal((7, 1500))).astype(f32), rng.integers(0, 3, 7))
    clf = judge(decision=decision)
    offline = evaluate(clf, clips)
    streamed = evaluate(clf, clips, streamed=True, block_ms=block_ms)
    assert streamed.probabilities.tobytes() == offline.probabilities.tobytes()
    assert streamed.predicted == offline.predicted
    assert streamed.wrong == offline.wrong
    assert (streamed.matrix == offline.matrix).all()


def test_clips_shorter_than_those_learned_from():
    clips = clips_of(LABELS, [0, 1, 2])
    clf = judge(clip_s=0.5)
    offline, streamed = evaluate(clf, clips), evaluate(clf, clips, streamed=True)
    assert streamed.probabilities.tobytes() == offline.probabilities.tobytes()
    assert offline.probabilities.tobytes() != evaluate(judge(), clips).probabilities.tobytes()


@pytest.mark.parametrize("streamed", [False, True])
def test_threads_change_nothing(streamed):
    clips = clips_of(LABELS, [0, 1, 2] * 5)
    alone, together = (evaluate(judge(), clips, streamed=streamed, threads=n) for n in (1, 3))
    assert together.probabilities.tobytes() == alone.probabilities.tobytes()
    assert together.predicted == alone.predicted


def test_streams_are_really_fed_in_blocks(monkeypatch):
    sizes = []

    class Recorded(Wrapped):
        def process(self, y):
            sizes.append(len(y))
            return self.inner.process(y)

    wrap(monkeypatch, wl.AudioClassifier, "stream", Recorded)
    evaluate(judge(), clips_of(LABELS, [0], 1000), streamed=True, block_ms=50.0)
    assert sizes == [400, 400, 200]


def test_progress_is_told():
    told = []
    evaluate(judge(), clips_of(LABELS, [0, 1, 2]), threads=2, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("streamed", [False, True])
def test_clips_that_cannot_be_classified(streamed, threads):
    good = clips_of(LABELS, [0, 1, 2])
    bad = Clips(good.audio.copy(), good.y, good.names)
    bad.audio[1, 17] = np.nan
    with pytest.raises(wl.ParameterError, match=r"^clip 1 \(high/1\.wav\): .*finite"):
        evaluate(judge(), bad, streamed=streamed, threads=threads)
    short = Clips(good.audio[:, :100].copy(), good.y)
    with pytest.raises(wl.ParameterError, match=r"^clip 0 \(without a name\): .*100 samples"):
        evaluate(judge(), short, streamed=streamed, threads=threads)


def test_an_interruption_is_not_swallowed():
    def stop(done, total):
        if done == 2:
            raise KeyboardInterrupt

    for threads in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            evaluate(judge(), clips_of(LABELS, [0] * 20), threads=threads, progress=stop)


def test_errors():
    clips = clips_of(LABELS, [0, 1])
    with pytest.raises(wl.ParameterError, match="clips is empty"):
        evaluate(judge(), clips.select([]))
    with pytest.raises(wl.ArrayTypeError, match="clips is a ndarray"):
        evaluate(judge(), clips.audio)
    with pytest.raises(wl.ArrayTypeError, match="classifier is a Linear"):
        evaluate(judge().model, clips)
    with pytest.raises(wl.ArrayTypeError, match="labels='lhs' must be a sequence"):
        evaluate(judge(), clips, "lhs")
    with pytest.raises(wl.ParameterError, match=r"block_ms=0\.01 is 0 samples at 8000 Hz"):
        evaluate(judge(), clips, streamed=True, block_ms=0.01)
    with pytest.raises(wl.WavenetliteError, match="threads"):
        evaluate(judge(), clips, threads=0)
    with pytest.raises(wl.ArrayTypeError, match="streamed"):
        evaluate(judge(), clips, streamed=1)


# Precision, recall and F1


def scored(matrix):
    matrix = np.array(matrix)
    truth, heard = (np.repeat(np.indices(matrix.shape)[axis].ravel(), matrix.ravel()) for axis in (0, 1))
    labels = [f"label {n}" for n in range(len(matrix))]
    wrong = [Wrong("", labels[t], labels[h], 1.0) for t, h in zip(truth, heard, strict=True) if t != h]
    made = Evaluation(
        labels, matrix, [labels[h] for h in heard], np.zeros((len(truth), len(labels)), np.float32), wrong
    )
    return made, truth, heard


@pytest.mark.parametrize("seed", range(5))
def test_scores_are_scikit_learns(seed):
    metrics = pytest.importorskip("sklearn.metrics")
    matrix = np.random.default_rng(seed).integers(0, 6, (5, 5)) + np.eye(5, dtype=int)
    made, truth, heard = scored(matrix)
    expected = metrics.precision_recall_fscore_support(truth, heard, labels=range(5))
    found = np.array(list(made.scores.values()), float).T
    assert np.allclose(found, expected, rtol=1e-12)
    assert np.isclose(made.macro_f1, metrics.f1_score(truth, heard, average="macro"), rtol=1e-12)


def test_scores_that_are_not_defined():
    made, _, _ = scored([[2, 0, 1, 0], [3, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0]])
    first, never_heard, never_said, unused = made.scores.values()
    assert first == (0.4, 2 / 3, 0.5, 3)
    assert never_heard == (None, 0.0, 0.0, 3)
    assert never_said == (0.0, None, None, 0)
    assert unused == (None, None, None, 0)
    assert made.macro_f1 == 0.25
    lines = scores_text(made).splitlines()
    assert lines[0].split() == ["label", "precision", "recall", "F1", "clips"]
    assert lines[1:] == [
        "label 0     40.0 %  66.7 %  50.0 %      3",
        "label 1          -   0.0 %   0.0 %      3",
        "label 2      0.0 %       -       -      0",
    ]
