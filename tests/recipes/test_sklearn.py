# ruff: noqa: N803, N806
"""SpeechClassifier among scikit-learn's tools."""

import dataclasses
import os
import pickle

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.recipes import Recipe

sklearn = pytest.importorskip("sklearn", minversion="1.6", reason="without sklearn")
from sklearn.base import clone  # noqa: E402
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_predict, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import FunctionTransformer  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

SR = 8000
TINY = Recipe(
    "tiny",
    features={"n_fft": 64, "hop_length": 32, "n_mels": 8},
    network={"stem": [[4, [3, 3], [2, 2]]], "channels": 8, "dilations": [1]},
    epochs=2,
    batch_size=16,
    variants=1,
    ema=0.5,
    lr=0.01,
)
PITCH = {"high": 1500.0, "low": 300.0}
SPEAKERS = np.repeat(["ann", "bob", "eve", "joe"], 10)


def model(**options):
    return wl.sklearn.SpeechClassifier(**{"sr": SR, "recipe": TINY, "epochs": 8, **options})


def tone(label, samples, seed):
    rng = np.random.default_rng(seed)
    y = 0.3 * np.sin(2 * np.pi * PITCH[label] * rng.uniform(0.9, 1.1) * np.arange(samples) / SR)
    return (y + 0.01 * rng.standard_normal(samples)).astype(np.float32)


def data(n=40, samples=1000):
    y = np.array(["low", "high"] * (n // 2))
    return np.stack([tone(label, samples, seed) for seed, label in enumerate(y)]), y


@pytest.fixture(scope="module")
def fitted():
    return model().fit(*data())


# What scikit-learn checks of every estimator: on random numbers, which are no sound

NO_SOUND = "its numbers reach 100 and are no sound: samples must be in -1..1"
EXPECTED = {
    "check_class_weight_classifiers": NO_SOUND,
    "check_fit_idempotent": NO_SOUND,
    "check_fit_check_is_fitted": NO_SOUND,
    "check_n_features_in": NO_SOUND,
}


@pytest.mark.filterwarnings("ignore")
@parametrize_with_checks([model(epochs=2)], expected_failed_checks=lambda estimator: EXPECTED)
def test_checks_of_scikit_learn(estimator, check):
    check(estimator)


class Scaled(wl.sklearn.SpeechClassifier):
    """Takes any numbers for sound, to pass the checks that the real one refuses for their scale."""

    def signals(self, X, *, reset):
        if isinstance(X, np.ndarray) and X.dtype.kind == "f" and X.size and np.abs(X).max() > 1:
            X = X / 200
        return super().signals(X, reset=reset)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["check_fit_idempotent", "check_fit_check_is_fitted", "check_n_features_in"])
def test_the_refused_checks_pass_with_sound(name):
    from sklearn.utils import estimator_checks

    getattr(estimator_checks, name)("Scaled", Scaled(sr=SR, recipe=TINY, epochs=2))


# Use


def test_fit_predict_score(fitted):
    X, y = data(20)
    assert fitted.classes_.tolist() == ["high", "low"]
    assert fitted.score(X, y) == 1.0
    assert fitted.predict(X).tolist() == y.tolist()
    p = fitted.predict_proba(X)
    assert p.shape == (20, 2)
    assert np.allclose(p.sum(axis=1), 1)
    assert (fitted.classifier_.labels, fitted.clip_s_, fitted.n_features_in_) == (["high", "low"], 0.125, 1000)


def test_probabilities_are_those_of_the_classifier(fitted):
    X, _ = data(6)
    expected = [one.probabilities for one in fitted.classifier_.predict(list(X))]
    for n_jobs in (None, 1, 2):
        assert fitted.set_params(n_jobs=n_jobs).predict_proba(X).tobytes() == np.stack(expected).tobytes()
    fitted.set_params(n_jobs=None)


def test_the_same_as_a_recipe_by_hand():
    X, y = data(20)
    clips = wl.train.Clips(X, (y == "low").astype(np.int64))
    none = clips.select([])
    corpus = wl.train.Corpus(["high", "low"], clips, none, none, SR, "arrays", [], None)
    by_hand = wl.recipes.train_classifier(corpus, dataclasses.replace(TINY, lr=0.02), epochs=3, seed=7, reject=False)
    ours = model(epochs=3, lr=0.02, random_state=7).fit(X, y).classifier_
    assert ours.predict(X[0]).probabilities.tobytes() == by_hand.predict(X[0]).probabilities.tobytes()


@pytest.mark.parametrize(
    "kind", ["float64", "int16", "list of arrays", "lists", "paths", "path objects", "array of paths"]
)
def test_signals_of_every_kind(fitted, kind, tmp_path):
    X, y = data(8)
    X = np.round(X * 32768).clip(-32768, 32767).astype(np.int16)
    plain = (X / 32768).astype(np.float32)
    expected = fitted.predict_proba(plain)
    paths = [os.fspath(tmp_path / f"{n}.wav") for n in range(len(X))]
    for path, signal in zip(paths, plain, strict=True):
        wl.audio.write(path, signal, SR)
    given = {
        "float64": plain.astype(np.float64),
        "int16": X,
        "list of arrays": list(plain),
        "lists": plain.tolist(),
        "paths": paths,
        "path objects": [tmp_path / f"{n}.wav" for n in range(len(X))],
        "array of paths": np.array(paths),
    }[kind]
    assert fitted.predict_proba(given).tobytes() == expected.tobytes()
    again = model(epochs=1).fit(given, y)
    assert again.predict_proba(given).tobytes() == model(epochs=1).fit(plain, y).predict_proba(plain).tobytes()


def test_signals_of_different_lengths():
    lengths = [300, 1000, 700, 2000] * 8
    labels = np.array(["low", "high"] * 16)
    X = [tone(label, n, seed) for seed, (label, n) in enumerate(zip(labels, lengths, strict=True))]
    whole = model().fit(X, labels)
    assert whole.clip_s_ == 0.25
    assert not hasattr(whole, "n_features_in_")
    assert whole.score(X, labels) >= 0.9
    cut = model(clip_s=0.05).fit(X, labels)
    assert cut.classifier_.clip_s == 0.05
    assert cut.score(X, labels) >= 0.8
    assert len(cut.predict([X[0][:10]])) == 1  # shorter than a frame: padded


@pytest.mark.parametrize("classes", [[3, 7], [False, True], [0.0, 1.0], ["no", "yes"]])
def test_classes_of_any_type(classes):
    X, y = data(16)
    y = np.array(classes)[(y == "low").astype(int)]
    made = model(epochs=1).fit(X, y)
    assert made.classes_.tolist() == classes
    assert made.predict(X).dtype == y.dtype


def test_clones_and_pickles(fitted):
    X, y = data(8)
    twin = clone(fitted)
    assert not hasattr(twin, "classifier_")
    assert twin.get_params() == fitted.get_params()
    assert pickle.loads(pickle.dumps(fitted)).predict_proba(X).tobytes() == fitted.predict_proba(X).tobytes()
    assert clone(fitted).fit(*data()).predict_proba(X).tobytes() == fitted.predict_proba(X).tobytes()
    assert "SpeechClassifier(" in repr(fitted)
    assert y.shape == (8,)


def test_a_pipeline():
    X, y = data(24)
    louder = make_pipeline(FunctionTransformer(lambda X: X * 0.5), model())
    assert louder.fit(X, y).score(X, y) >= 0.9
    assert louder[-1].classifier_.labels == ["high", "low"]


def test_a_search_over_speakers(tmp_path):
    X, y = data()
    search = GridSearchCV(model(), {"epochs": [1, 8], "class_weight": [None, "balanced"]}, cv=GroupKFold(4))
    search.fit(X, y, groups=SPEAKERS)
    assert search.best_params_["epochs"] == 8
    assert search.best_score_ >= 0.9
    search.best_estimator_.classifier_.save(tmp_path / "best.safetensors")
    assert wl.load(tmp_path / "best.safetensors").labels == ["high", "low"]


def test_paths_are_cross_validated_too(tmp_path):
    X, y = data()
    paths = [os.fspath(tmp_path / f"{n}.wav") for n in range(len(X))]
    for path, signal in zip(paths, X, strict=True):
        wl.audio.write(path, signal, SR)
    scores = cross_val_score(model(), paths, y, groups=SPEAKERS, cv=GroupKFold(2))
    assert scores.shape == (2,)
    assert scores.min() >= 0.8
    found = cross_val_predict(model(epochs=1), paths, y, groups=SPEAKERS, cv=GroupKFold(2), method="predict_proba")
    assert found.shape == (40, 2)


def test_class_weights_by_class():
    X, y = data(16)
    y = (y == "low").astype(int)
    probability = [model(class_weight=weights).fit(X, y).predict_proba(X)[:, 1].mean()
                   for weights in ({0: 1.0, 1: 0.01}, {1: 100.0})]  # fmt: skip
    assert probability[0] < probability[1]


def test_beginning_with_a_classifier(fitted):
    X, y = data(16)
    y = np.where(y == "low", "deep", "high")
    tuned = model(epochs=1, init=fitted.classifier_, freeze=["stem"]).fit(X, y)
    frozen = [name for name in fitted.classifier_.model.state_dict() if name.startswith("stem.")]
    before, after = fitted.classifier_.model.state_dict(), tuned.classifier_.model.state_dict()
    assert all(before[name].tobytes() == after[name].tobytes() for name in frozen)


def test_another_seed_is_another_network():
    X, y = data(16)
    made = [model(epochs=1, random_state=seed).fit(X, y).predict_proba(X) for seed in (0, 1, np.random.RandomState(3))]
    assert len({one.tobytes() for one in made}) == 3
    assert model(epochs=1, random_state=None).fit(X, y).predict_proba(X).shape == (16, 2)


@pytest.mark.parametrize(("change", "said"), [
    ({"sr": 0}, "sr=0 must be a positive integer"),
    ({"clip_s": 0.0}, "clip_s=0.0 must be above 0"),
    ({"recipe": "soup"}, "recipe='soup' must be one of commands, live, few, digits, quick"),
    ({"recipe": 3}, "recipe is a int"),
    ({"epochs": 0}, "epochs=0"),
    ({"batch_size": 3}, "shards=2 must divide batch_size=3"),
    ({"class_weight": "even"}, "class_weights='even'"),
    ({"class_weight": {"medium": 2}}, "class_weights has 'medium'"),
    ({"freeze": ["stem"]}, "needs init"),
    ({"random_state": -1}, "random_state=-1"),
])  # fmt: skip
def test_wrong_parameters_are_refused_by_fit(change, said):
    with pytest.raises(wl.WavenetliteError, match=said):
        model(**change).fit(*data(16))


def test_wrong_signals_are_one_line(tmp_path):
    X, y = data(8)
    wl.audio.write(tmp_path / "a.wav", X[0], 16000)
    for signals, said in (
        (X * 32768, "divide integers by 32768"),
        ([X[0], "nowhere.wav"] * 4, "nowhere.wav"),
        ([X[0], tmp_path / "a.wav"] * 4, "resample=True"),
        ([X[0], X[1][None]] * 4, r"X\[1\] has shape \(1, 1000\)"),
        ([X[0], X[0][:0]] * 4, r"X\[1\] has shape \(0,\)"),
        ([X[0], np.full(9, np.nan, np.float32)] * 4, r"X\[1\] has NaN"),
        ("a.wav", "X is the path 'a.wav'; it must be a list"),
        ([], "X is empty"),
        ([X[0], X[1]], "y has 8 classes; it must have 2"),
    ):
        with pytest.raises(wl.WavenetliteError, match=said):
            model(epochs=1).fit(signals, y)
    with pytest.raises(wl.ParameterError, match="y has 1 class; it must have 2 or more"):
        model().fit(X, ["low"] * 8)
    with pytest.raises(sklearn.exceptions.NotFittedError):
        model().predict(X)
