"""Recipes with a background, and corpora without a label of what is to be rejected."""

import dataclasses

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.corpora.background import Background, BackgroundFile
from wavenetlite.evaluation.alarms import count_alarms, listen_to_background, listen_to_clips
from wavenetlite.recipes import Recipe, train_classifier
from wavenetlite.recipes import classifier_training as module
from wavenetlite.recipes.alone import standing_alone, without_gate
from wavenetlite.recipes.outputs import last_frames, softmax
from wavenetlite.recipes.unknown import cut_word, more_unknown
from wavenetlite.support.errors import ParameterError
from wavenetlite.train import Clips, Corpus

SR, SAMPLES = 8000, 4000
TINY = Recipe(
    "tiny",
    features={"n_fft": 256, "hop_length": 80, "n_mels": 20, "amin": 1e-8},
    network={"stem": [[4, [3, 3], [2, 2]]], "channels": 16, "dilations": [1, 2]},
    epochs=8,
    batch_size=16,
    lr=0.01,
    ema=0.9,
    waveforms=[{"type": "TimeShift", "most_ms": 50.0, "sr": SR}, {"type": "Gain", "low_db": -6.0, "high_db": 6.0}],
    variants=2,
    background_variants=1,
)
QUICK = dataclasses.replace(TINY, epochs=1)


def tone(frequency, samples, rng):
    """A tone of 0.3 s in faint noise."""
    t = np.arange(samples) / SR
    made = 0.3 * np.sin(2 * np.pi * frequency * rng.uniform(0.95, 1.05) * t) * (np.abs(t - samples / SR / 2) < 0.15)
    return (made + 0.003 * rng.standard_normal(samples)).astype(np.float32)


def words(count, seed):
    """Low and high tones."""
    rng = np.random.default_rng(seed)
    y = np.arange(count, dtype=np.int64) % 2
    return Clips(np.stack([tone((300, 2500)[n], SAMPLES, rng) for n in y]), y, [f"{n}" for n in range(count)])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return Corpus(
        ["low", "high"], words(48, 0), words(16, 1), words(24, 2), SR, "folders", [], tmp_path_factory.mktemp("c")
    )


def talk(files, seed):
    """Tones between the words, many of them just beside: what a detector of tones takes for its words."""
    rng = np.random.default_rng(seed)
    made = []
    for n in range(files):
        y = np.concatenate([tone(rng.choice([450, 700, 1200, 1900, 3300]), SAMPLES, rng) for _ in range(8)])
        made.append(BackgroundFile(f"{n}.wav", np.rint(y * 32767).astype(np.int16)))
    return Background(made, SR, [])


def weights(clf):
    return b"".join(value.tobytes() for value in clf.state_dict().values())


def alarms(clf, background):
    return sum(one.alarms for word, one in count_alarms(clf, listen_to_background(clf, background)).background.items()
               if word in ("low", "high"))  # fmt: skip


def test_a_background_makes_a_model_quiet(corpus):
    loud = train_classifier(corpus, TINY, reject=False)
    quiet = train_classifier(corpus, TINY, background=talk(20, 0))
    assert quiet.labels == ["low", "high", "_unknown_"]
    kept_back = talk(10, 99)
    assert alarms(quiet, kept_back) < alarms(loud, kept_back) / 4
    found = count_alarms(
        quiet, listen_to_background(quiet, kept_back), listen_to_clips(quiet, corpus.test, corpus.labels)
    )
    assert found.note()["recall"] >= 0.85
    assert set(quiet.detector.thresholds) == {"low", "high"}


def test_words_that_stand_alone(corpus, tmp_path):
    """The same training, and thresholds for the network that hears only those."""
    plain, alone = (
        train_classifier(corpus, dataclasses.replace(QUICK, alone=alone), folder=tmp_path, background=talk(6, 0))
        for alone in (False, True)  # the second resumes from the first
    )
    assert weights(without_gate(alone.model)) == weights(plain.model)
    x = plain.features(corpus.test.audio[0])
    assert np.array_equal(alone.model(x), standing_alone(plain.model, plain.features)(x))
    assert set(alone.detector.thresholds) == {"low", "high"}
    again = train_classifier(corpus, dataclasses.replace(QUICK, alone=True), init=alone, background=talk(6, 0))
    assert without_gate(without_gate(again.model)) is without_gate(again.model) is not again.model
    bare = train_classifier(corpus, dataclasses.replace(QUICK, alone=True))  # without a background
    assert without_gate(bare.model) is bare.model


def test_levels_are_needed_before_the_training_begins(corpus, tmp_path):
    recipe = dataclasses.replace(TINY, alone=True, epochs=1)
    begin = wl.AudioClassifier(wl.PCEN(sr=SR, n_fft=256, n_mels=20), wl.TCN(20, 2, channels=4), ["low", "high"])
    with pytest.raises(ParameterError, match=r"must be LogMel\(\.\.\.\) and end with MeanVariance"):
        train_classifier(corpus, recipe, init=begin, background=talk(2, 0), folder=tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("teachers", "folders"), [(0, ["network", "refined", "scout"]), (1, ["network", "teacher-1"])])
def test_the_same_bytes_after_a_break(corpus, tmp_path, monkeypatch, teachers, folders):
    recipe = dataclasses.replace(
        QUICK, epochs=2, teachers=teachers, teacher_epochs=2, refining_epochs=0 if teachers else 1
    )
    whole = train_classifier(corpus, recipe, background=talk(6, 0))
    with monkeypatch.context() as patched:
        patched.setattr(module.Training, "restore_priors", lambda run, model: 1 / 0)  # after all networks are trained
        with pytest.raises(ZeroDivisionError):
            train_classifier(corpus, recipe, background=talk(6, 0), folder=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == folders
    resumed = train_classifier(corpus, recipe, background=talk(6, 0), folder=tmp_path)
    assert weights(resumed) == weights(whole)
    assert resumed.detector == whole.detector


def test_teachers_leave_the_prior_to_the_end(corpus, monkeypatch):
    """It is taken back once: a network that learned it from its teachers, too, would reject too little."""
    recipe = dataclasses.replace(QUICK, teachers=1, teacher_epochs=1)
    heard, models, mean = [], [], module.mean_of
    monkeypatch.setattr(module, "mean_of", lambda teachers, temperature: heard.extend(teachers) or mean(teachers, 1.0))
    fit = module.Training.fit
    monkeypatch.setattr(
        module.Training, "fit", lambda run, name, model, *rest: models.append(model) or fit(run, name, model, *rest)
    )
    clf = train_classifier(corpus, recipe, background=talk(6, 0))
    x = np.stack([clf.features(y) for y in corpus.test.audio[:3]])
    np.testing.assert_allclose(heard[0](x, 1.0), softmax(last_frames(models[0], x)), atol=1e-6)


def test_another_background_is_another_run(corpus, tmp_path):
    train_classifier(corpus, QUICK, background=talk(6, 0), folder=tmp_path)
    with pytest.raises(ParameterError, match="background"):
        train_classifier(corpus, QUICK, background=talk(6, 1), folder=tmp_path)


def test_hard_negatives_are_found_before_the_last_epochs(corpus, capsys):
    train_classifier(corpus, dataclasses.replace(TINY, epochs=6), background=talk(10, 0), progress=True)
    told = [line for line in capsys.readouterr().err.splitlines() if line.endswith("hard negatives")]
    assert len(told) == 1
    assert int(told[0].split()[0]) > 0


def test_a_folder_of_another_rate(corpus, tmp_path):
    for n, file in enumerate(talk(4, 0).files):
        y = audio.resample(file.samples.astype(np.float32) / 32767, SR, 11025)
        audio.write(tmp_path / f"{n}.wav", y, 11025)
    assert train_classifier(corpus, QUICK, background=tmp_path).labels[-1] == "_unknown_"


def test_what_does_not_fit_is_refused(corpus):
    other = dataclasses.replace(talk(2, 0), sr=16000)
    with pytest.raises(ParameterError, match="background has the sample rate 16000; it must be 8000, as the corpus"):
        train_classifier(corpus, QUICK, background=other)
    with pytest.raises(ParameterError, match="reject=False leaves no label for the background"):
        train_classifier(corpus, QUICK, background=talk(2, 0), reject=False)
    short = Background([BackgroundFile("a", np.ones(20, np.int16))], SR, [])
    with pytest.raises(ParameterError, match=r"background has 0\.0 s; it must have at least 5 s"):
        train_classifier(corpus, QUICK, background=short)


def test_a_corpus_without_unknown_words_gets_them(corpus):
    clf = train_classifier(corpus, dataclasses.replace(TINY, epochs=10))
    assert clf.labels == ["low", "high", "_unknown_"]
    right = [clf.predict(y).label == corpus.labels[n] for y, n in zip(corpus.test.audio, corpus.test.y, strict=True)]
    assert np.mean(right) >= 0.9
    assert clf.priors == {"_unknown_": 0.0}  # none of the corpus' clips is one
    assert clf.detector == wl.Detector()  # without a background, thresholds stay


def test_unknown_words_of_the_corpus_are_kept(corpus):
    clips = Clips(corpus.train.audio, np.arange(48) % 3, corpus.train.names)
    named = dataclasses.replace(corpus, labels=["low", "high", "_unknown_"], train=clips)
    clf = train_classifier(named, QUICK)
    assert clf.labels == named.labels
    assert clf.priors == {}


def test_words_are_cut():
    rng = np.random.default_rng(0)
    y = np.zeros(1000, np.float32)
    y[300:700] = 1.0
    for _ in range(20):
        cut = cut_word(y, rng, 10)
        assert 90 <= (cut > 0.5).sum() <= 250
        middle = int(np.flatnonzero(cut > 0.5).mean())
        assert abs(middle - 500) <= 3


def test_cut_words_are_among_the_made_ones():
    clips = Clips(np.zeros((2, 1000), np.float32), np.array([0, 1]))
    clips.audio[0, 300:700], clips.audio[1, 400:600] = 1.0, -1.0
    made = {
        cut: more_unknown(clips, 2, ["a", "b"], repeats=1, spliced=80, sr=1000, cut=cut).audio[2:]
        for cut in (True, False)
    }
    shorter = {cut: np.mean([(np.abs(one) > 0.5).sum() < 180 for one in some]) for cut, some in made.items()}
    assert shorter[True] > shorter[False] + 0.05
