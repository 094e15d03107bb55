"""Beginning with a trained classifier, freezing layers of it, and weights of classes."""

import dataclasses

import numpy as np
import pytest
from test_recipe import LABELS, QUICK, SAMPLES, SR, TINY, tones

import wavenetlite as wl
from wavenetlite.recipes import Recipe, recipes, train_classifier
from wavenetlite.recipes.recipe import RECIPES
from wavenetlite.recipes.transfer import adapted, output_layer
from wavenetlite.train import Clips, Corpus

NEW = ["low", "middle", "high"]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("corpus")
    return Corpus(LABELS, tones(64, 0), tones(24, 1), tones(24, 2), SR, "folders", [], folder)


@pytest.fixture(scope="module")
def clf(corpus):
    return train_classifier(corpus, TINY)


def three_tones(count, seed):
    rng, t = np.random.default_rng(seed), np.arange(SAMPLES) / SR
    y = np.arange(count, dtype=np.int64) % 3
    f = np.array([250, 700, 2200])[y] * rng.uniform(0.9, 1.1, count)
    audio = 0.3 * np.sin(2 * np.pi * f[:, None] * t) + 0.01 * rng.standard_normal((count, SAMPLES))
    return Clips(audio.astype(np.float32), y)


@pytest.fixture(scope="module")
def new(tmp_path_factory):
    empty = three_tones(3, 0).select([])
    return Corpus(NEW, three_tones(36, 0), empty, three_tones(30, 1), SR, "folders", [], tmp_path_factory.mktemp("new"))


def accuracy(clf, clips):
    return np.mean([p.label == clf.labels[y] for p, y in zip(clf.predict(list(clips.audio)), clips.y, strict=True)])


def same(a, b, names):
    return all(a[name].tobytes() == b[name].tobytes() for name in names)


def test_a_trained_network_learns_other_labels(clf, new):
    tuned = train_classifier(new, dataclasses.replace(QUICK, epochs=6), init=clf, reject=False)
    assert tuned.labels == NEW
    assert accuracy(tuned, new.test) == 1.0
    assert repr(tuned.features) == repr(clf.features)
    assert same(tuned.features.state_dict(), clf.features.state_dict(), clf.features.state_dict())
    assert tuned.info["init"] == clf.info


def test_frozen_layers_are_those_of_the_first_classifier(clf, new, tmp_path):
    tuned = train_classifier(new, QUICK, init=clf, freeze=["stem", "input"], folder=tmp_path)
    before, after = clf.model.state_dict(), tuned.model.state_dict()
    frozen = [name for name in before if name.startswith(("stem.", "input."))]
    assert frozen
    assert same(before, after, frozen)
    others = [name for name in after if name.startswith("blocks.") and name.endswith("0.weight")]
    assert others
    assert not any(same(before, after, [name]) for name in others)
    assert tuned.info["frozen"] == ["stem", "input"]
    again = train_classifier(new, QUICK, init=clf, freeze=["stem", "input"], folder=tmp_path)
    assert same(after, again.model.state_dict(), after)
    tuned.save(tmp_path / "tuned.safetensors")
    assert wl.load(tmp_path / "tuned.safetensors").info["init"]["recipe"]["name"] == "tiny"


def test_the_output_keeps_what_it_knows(clf):
    model = adapted(clf, ["high", "new", "_silence_"], seed=3)
    old, made = clf.model.state_dict(), model.state_dict()
    for part in ("output.weight", "output.bias"):
        rows = old[part][[clf.labels.index("high"), clf.labels.index("_silence_")]]
        assert same({"": made[part][[0, 2]]}, {"": rows}, [""])
    x = np.random.default_rng(0).standard_normal((60, 20)).astype(np.float32)
    assert np.array_equal(model(x)[:, 0], clf.model(x)[:, clf.labels.index("high")])
    assert not np.array_equal(adapted(clf, ["a", "b"], seed=1)(x), adapted(clf, ["a", "b"], seed=2)(x))


def test_teachers_begin_with_it_too(clf, new, tmp_path):
    recipe = dataclasses.replace(QUICK, teachers=1, teacher_epochs=2)
    train_classifier(new, recipe, init=clf, freeze=["stem"], folder=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["network", "teacher-1"]


@pytest.mark.parametrize("name", ["spoken-digits", "wake-words-telephone"])
def test_bundled_classifiers_are_beginnings(name, new):
    tuned = train_classifier(
        new, dataclasses.replace(QUICK, epochs=1), init=name, freeze=["stem", "blocks"], reject=False
    )
    assert tuned.labels == NEW
    assert tuned.decision == wl.load(name).decision
    assert "attribution" in tuned.info["init"]
    assert tuned.predict(new.test.audio[0]).label in NEW


NETWORKS = {
    "TCN": wl.TCN(20, 4, channels=8, dilations=[1, 2]),
    "WaveNet": wl.WaveNet(20, 4, residual_channels=4, skip_channels=4, dilations=[1, 2]),
    "Sequential": wl.Sequential(wl.nn.Conv1d(20, 8, 3), wl.nn.ReLU(), wl.nn.CumulativePool("mean"), wl.nn.Linear(8, 4)),
    "inner": wl.Sequential(wl.nn.Conv1d(20, 8, 3), wl.Sequential(wl.nn.ReLU(), wl.nn.Conv1d(8, 4, 1))),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_any_network_that_ends_with_a_layer_of_its_own(name, new):
    spec = wl.LogMel(sr=SR, n_fft=256, hop_length=80, n_mels=20)
    clf = wl.AudioClassifier(spec, NETWORKS[name], LABELS, decision="mean")
    model = adapted(clf, NEW, 0)
    assert model.out_width == 3
    old, made = clf.model.state_dict(), model.state_dict()
    last = output_layer(clf.model)
    assert same(old, made, [key for key in old if not key.startswith(f"{last}.")])
    assert train_classifier(new, QUICK, init=clf, reject=False).labels == NEW


def test_what_cannot_be_begun_with_is_refused(clf, new, tmp_path):
    clf.model.save(tmp_path / "network.safetensors")
    spec = wl.LogMel(sr=SR, n_fft=256, hop_length=80, n_mels=20)
    ends = wl.Sequential(wl.nn.Conv1d(20, 4, 1), wl.nn.ReLU())
    for options, said in (
        ({"init": tmp_path / "network.safetensors"}, "init is a FrequencyTCN; it must be an AudioClassifier"),
        ({"init": 3}, "init is a int"),
        ({"init": "speech-commands-12"}, "sr=8000 of the corpus must be 16000, the rate of init"),
        ({"init": wl.AudioClassifier(spec, ends, LABELS)}, "Sequential must end with a Linear or Conv1d"),
        ({"init": clf, "freeze": ["head"]}, "freeze has 'head'; it must be one of the layers stem, stem.0"),
        ({"freeze": ["stem"]}, r"freeze=\['stem'\] needs init"),
    ):
        with pytest.raises(wl.WavenetliteError, match=said):
            train_classifier(new, QUICK, **options)


# Weights of classes


def lopsided(corpus):
    """Few clips of "low"."""
    keep = [n for n, y in enumerate(corpus.train.y) if corpus.labels[y] != "low" or n % 16 == 3]
    return dataclasses.replace(corpus, train=corpus.train.select(keep))


def test_classes_are_weighed(corpus):
    few = lopsided(corpus)
    low = corpus.labels.index("low")

    def probability(weights):
        recipe = dataclasses.replace(QUICK, class_weights=weights, mixup=(0.0, 0.0))
        made = train_classifier(few, recipe)
        return np.mean([p.probabilities[low] for p in made.predict(list(corpus.test.audio))])

    plain = probability(None)
    assert probability("balanced") > plain
    assert probability({"low": 20.0}) > plain
    assert probability({"low": 0.01}) < plain


def test_what_is_trained_is_said(corpus, capsys):
    recipe = dataclasses.replace(QUICK, teachers=2, teacher_epochs=1, epochs=1)
    train_classifier(corpus, recipe, progress=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == recipe.plan()
    assert [line.partition(":")[0] for line in lines[1:]] == ["teacher-1", "teacher-2", "network"]
    train_classifier(corpus, recipe)
    assert capsys.readouterr().err == ""


def test_weights_reach_the_words_that_teachers_tell_apart(corpus):
    recipe = dataclasses.replace(QUICK, teachers=1, teacher_epochs=1, words_apart=True, epochs=1)
    for weights in ("balanced", {"_unknown_": 0.5}):
        clf = train_classifier(corpus, recipe, class_weights=weights)
        assert clf.info["recipe"]["class_weights"] == weights


@pytest.mark.parametrize(("weights", "said"), [
    ("even", "class_weights='even' must be one of balanced"),
    ({"medium": 2.0}, "class_weights has 'medium'; it must be one of the labels"),
    ({"low": -1.0}, r"class_weights\[3\]=-1.0"),
])  # fmt: skip
def test_wrong_weights(corpus, weights, said):
    with pytest.raises(wl.WavenetliteError, match=said):
        train_classifier(corpus, dataclasses.replace(QUICK, class_weights=weights))


# Recipes


def test_what_a_recipe_trains():
    assert Recipe.named("commands").networks == 4
    assert Recipe.named("commands").plan() == (
        "recipe commands trains 4 networks, one after the other: 3 teachers of 80 epochs, then one of 140 epochs that "
        "learns from them"
    )
    assert Recipe.named("live", epochs=20).plan(background=True) == (
        "recipe live trains one network: 8 epochs to find hard negatives, 20 epochs, then 10 epochs to refine it; "
        "it will hear words that stand alone"
    )
    assert "alone" not in Recipe.named("live").plan()
    refined = dataclasses.replace(Recipe.named("commands"), refining_epochs=5)
    assert refined.plan(background=True) == f"{refined.plan()}, then 5 epochs to refine it"
    half = Recipe.named("commands", epochs=70)
    assert (half.epochs, half.teacher_epochs) == (70, 40)
    assert "1 teacher of" in dataclasses.replace(RECIPES["quick"], teachers=1).plan()
    with pytest.raises(wl.ParameterError, match="recipe='fast' must be one of commands, live, few, digits, quick"):
        Recipe.named("fast")


@pytest.mark.parametrize("sr", [8000, 16000, 44100])
def test_the_quick_recipe_suits_any_rate(sr):
    assert "quick" in recipes()
    assert Recipe.named("quick").networks == 1
    t = np.arange(sr // 2) / sr
    y = np.arange(16, dtype=np.int64) % 2
    audio = 0.3 * np.sin(2 * np.pi * np.array([300, 1500])[y][:, None] * t)
    clips = Clips(audio.astype(np.float32), y)
    corpus = Corpus(["low", "high"], clips, clips.select([]), clips, sr, "folders", [], None)
    clf = train_classifier(corpus, Recipe.named("quick", epochs=2))
    assert clf.sr == sr
    assert clf.info["recipe"]["epochs"] == 2


def test_a_small_corpus_is_repeated(corpus):
    few = dataclasses.replace(corpus, train=corpus.train.select(np.arange(20)))

    def steps(least_clips):
        class Steps(wl.train.Callback):
            def on_begin(self, run):
                self.number = run.steps_per_epoch

        told = Steps()
        recipe = dataclasses.replace(QUICK, epochs=1, least_clips=least_clips, mixup=(0.0, 0.0))
        made = train_classifier(few, recipe, callbacks=told)
        assert made.info["clips"] == 20
        return told.number

    assert [steps(n) for n in (0, 20, 21, 64)] == [1, 1, 2, 5]
    assert RECIPES["quick"].least_clips == 500


def test_callbacks_are_told_of_the_final_network(corpus):
    class Rows(wl.train.Callback):
        rows = ()

        def on_end(self, rows):
            self.rows = [*self.rows, len(rows)]

    told = Rows()
    train_classifier(corpus, dataclasses.replace(QUICK, teachers=1, teacher_epochs=1), callbacks=told)
    assert told.rows == [QUICK.epochs]
