"""Recipes: small corpora of tones, whole trainings in seconds."""

import dataclasses
import json

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.commands.output import one_line
from wavenetlite.recipes import Recipe, recipes, train_classifier
from wavenetlite.recipes.classifier_training import Training, word_of
from wavenetlite.recipes.recipe import RECIPES, recipe_of
from wavenetlite.recipes.unknown import more_unknown
from wavenetlite.train import Clips, Corpus

SR, SAMPLES = 8000, 4000
LABELS = ["_silence_", "_unknown_", "high", "low"]
TINY = Recipe(
    "tiny",
    features={"n_fft": 256, "hop_length": 80, "n_mels": 20, "amin": 1e-8},
    network={"stem": [[4, [3, 3], [2, 2]]], "channels": 16, "dilations": [1, 2]},
    epochs=12,
    batch_size=16,
    lr=0.01,
    ema=0.9,
    label_smoothing=0.05,
    waveforms=[
        {"type": "Gain", "low_db": -6.0, "high_db": 6.0},
        {"type": "BackgroundNoise", "kinds": ["recording"], "snr_db": [10.0, 30.0]},
    ],
    frames=[{"type": "SpecAugment", "time_masks": 1, "most_frames": 5, "frequency_masks": 1, "most_bins": 2}],
    variants=2,
    mixup=(0.3, 0.5),
)
QUICK = dataclasses.replace(TINY, epochs=2)


def tones(count, seed):
    """Clips of noise, of chirps (two sorts of "unknown"), of high and of low tones."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % 4
    t = np.arange(SAMPLES) / SR
    audio, names = np.zeros((count, SAMPLES), np.float32), []
    for i, label in enumerate(y):
        noise = 0.01 * rng.standard_normal(SAMPLES)
        f = [0.0, rng.uniform(900, 1100), rng.uniform(2000, 2500), rng.uniform(200, 350)][label]
        audio[i] = noise + (0.3 * np.sin(2 * np.pi * f * t) * (t > 0.1) if label else 3 * noise)
        word = ["noise", ("zero", "one")[i // 4 % 2], "high", "low"][label]
        names.append(f"{LABELS[label]}/{word}_s{i % 5}_nohash_{i}.wav")
    return Clips(audio, y.astype(np.int64), names)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return Corpus(
        LABELS, tones(64, 0), tones(24, 1), tones(24, 2), SR, "folders", [], tmp_path_factory.mktemp("corpus")
    )


def accuracy(clf, clips):
    return np.mean([p.label == clf.labels[y] for p, y in zip(clf.predict(list(clips.audio)), clips.y, strict=True)])


def weights(clf):
    return np.concatenate([value.ravel() for value in clf.state_dict().values()])


def test_a_recipe_learns_tones(corpus, tmp_path):
    clf = train_classifier(corpus, TINY, folder=tmp_path)
    assert accuracy(clf, corpus.test) >= 0.95
    rows = [json.loads(line) for line in (tmp_path / "network" / "history.jsonl").read_text().splitlines()]
    assert len(rows) == 12
    assert rows[-1]["valid_accuracy"] >= 0.9
    assert (clf.decision, clf.clip_s, clf.sr) == ("peak", 0.5, SR)


def test_teachers_are_learned_from(corpus, tmp_path):
    recipe = dataclasses.replace(TINY, epochs=10, teachers=2, teacher_epochs=8, words_apart=True)
    clf = train_classifier(corpus, recipe, folder=tmp_path)
    assert accuracy(clf, corpus.test) >= 0.9
    assert sorted(path.name for path in tmp_path.iterdir()) == ["network", "teacher-1", "teacher-2"]


def test_steps_come_before_the_moments(corpus, tmp_path):
    recipe = dataclasses.replace(TINY, steps=[{"type": "AutoGain", "range_db": 50.0, "least_db": -40.0}])
    clf = train_classifier(corpus, recipe, folder=tmp_path)
    gain, moments = clf.features.steps
    assert (gain.range_db, gain.least_db) == (50.0, -40.0)
    frames = np.concatenate([wl.LogMel(sr=SR, **recipe.features).then(gain)(clip) for clip in corpus.train.audio])
    assert np.abs(moments.mean - frames.mean(axis=0)).max() < 1e-3
    assert accuracy(clf, corpus.test) >= 0.9
    with pytest.raises(wl.ParameterError, match="type of a step='Gain' must be one of"):
        train_classifier(corpus, dataclasses.replace(TINY, steps=[{"type": "Gain"}]))


@pytest.mark.parametrize("variants", [0, 2])
def test_the_same_seed_gives_the_same_bits_whatever_the_threads(corpus, variants):
    recipe = dataclasses.replace(QUICK, variants=variants)
    one, two = (train_classifier(corpus, recipe, threads=threads) for threads in (1, 2))
    assert weights(one).tobytes() == weights(two).tobytes()
    assert weights(train_classifier(corpus, recipe, seed=1)).tobytes() != weights(one).tobytes()


def test_a_training_goes_on_where_it_was(corpus, tmp_path):
    recipe = dataclasses.replace(QUICK, teachers=1, teacher_epochs=2)
    whole = train_classifier(corpus, recipe)
    run = Training(recipe, corpus, corpus.train, corpus.valid, tmp_path, 0, None, True, False)
    run.vary(1)
    run.teacher(1)  # and then it was killed
    resumed = train_classifier(corpus, recipe, folder=tmp_path)
    assert weights(resumed).tobytes() == weights(whole).tobytes()


def test_everything_learns_from_all_parts(corpus):
    clf = train_classifier(corpus, QUICK, everything=True)
    assert clf.info["clips"] == 64 + 24 + 24


def test_what_is_saved_says_how_it_was_made(corpus, tmp_path):
    clf = train_classifier(corpus, QUICK, seed=3, epochs=1)
    clf.save(tmp_path / "tones.safetensors")
    again = wl.load(tmp_path / "tones.safetensors")
    assert again.info["recipe"]["name"] == "tiny"
    assert (again.info["seed"], again.info["clips"]) == (3, 64)
    y = corpus.test.audio[0]
    assert again.predict(y).probabilities.tobytes() == clf.predict(y).probabilities.tobytes()


def test_the_words_of_unknown_stand_apart_for_teachers(corpus):
    run = Training(TINY, corpus, corpus.train, None, None, 0, None, True, False)
    y, label_of = run.fine_classes()
    assert label_of.tolist() == [0, 1, 2, 3, 1, 1]  # "one" and "zero" belong to _unknown_
    assert (label_of[y] == corpus.train.y).all()
    assert set(y[corpus.train.y == 1]) == {4, 5}


@pytest.mark.parametrize(
    ("name", "word"),
    [("_unknown_/backward_0c54_nohash_0.flac", "backward"), ("_silence_/1024.flac", ""), ("", ""), ("a/b_c.wav", "")],
)
def test_words_in_names(name, word):
    assert word_of(name) == word


def test_more_of_what_is_unknown(corpus):
    clips, words = corpus.train, [name.split("/")[1].split("_")[0] for name in corpus.train.names]
    more = more_unknown(clips, 1, words, repeats=3, spliced=10, sr=SR, seed=5)
    assert len(more) == len(clips) + 2 * (clips.y == 1).sum() + 10
    assert (more.y[len(clips) :] == 1).all()
    assert (more.audio[: len(clips)] == clips.audio).all()
    new = more.audio[-10:]
    assert np.isfinite(new).all()
    backwards = [any((one == old[::-1]).all() for old in clips.audio) for one in new]
    assert 0 < sum(backwards) < 10  # some are words played backwards, the others halves of two
    same = more_unknown(clips, 1, words, repeats=3, spliced=10, sr=SR, seed=5)
    assert same.audio.tobytes() == more.audio.tobytes()
    assert len(more_unknown(clips, 1, [""] * len(clips), repeats=1, spliced=10, sr=SR)) == len(clips)
    with pytest.raises(wl.ParameterError, match="repeats=0 must be at least 1"):
        more_unknown(clips, 1, words, repeats=0, spliced=0, sr=SR)


def test_a_recipe_with_more_unknown(corpus):
    clf = train_classifier(corpus, dataclasses.replace(QUICK, unknown_repeats=2, unknown_spliced=4))
    assert clf.info["clips"] == 64


def test_what_was_added_does_not_make_a_label_likelier(corpus):
    recipe = dataclasses.replace(QUICK, unknown_repeats=2, unknown_spliced=16)
    run = Training(recipe, corpus, corpus.train, None, None, 0, None, True, False)
    run.vary(1)
    model = run.network(LABELS, seed=0)
    x = run.features(corpus.test.audio[:3])
    before = model(x)
    run.restore_priors(model)
    odds = np.exp((model(x) - before).astype(np.float64))
    assert np.allclose(odds, [1, 1 / 3, 1, 1], rtol=1e-5)  # 16 clips of "unknown" have become 48


def test_shares_are_restored_in_what_is_kept(corpus, monkeypatch):
    recipe = dataclasses.replace(QUICK, unknown_repeats=4)
    kept = train_classifier(corpus, recipe).state_dict()["model.output.bias"]
    monkeypatch.setattr(Training, "restore_priors", lambda run, model: None)
    learned = train_classifier(corpus, recipe).state_dict()["model.output.bias"]
    assert np.allclose(learned - kept, [0, np.log(4), 0, 0], atol=1e-6)


def test_without_validation_or_silences(corpus, tmp_path):
    words = corpus.train.select(corpus.train.y >= 2)
    words = Clips(words.audio, words.y - 2)
    empty = words.select([])
    bare = Corpus(["high", "low"], words, empty, empty, SR, "folders", [], tmp_path)
    assert train_classifier(bare, QUICK, reject=False).labels == ["high", "low"]


def test_every_recipe_fits_its_network():
    for name in recipes():
        recipe = recipe_of(name, Recipe, RECIPES)
        assert recipe.name == name
        assert recipe is RECIPES[name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"recipe": "nonsense"}, "recipe='nonsense' must be one of"),
        ({"recipe": 3}, "recipe is a int; it must be a name or a Recipe"),
        ({"corpus": 3}, "corpus is a int; it must come from read_corpus"),
        ({"epochs": -1}, "epochs=-1 must be a positive integer"),
        ({"seed": -1}, "seed=-1 must not be negative"),
    ],
)
def test_errors(corpus, arguments, message):
    given = {"corpus": corpus, "recipe": QUICK, **arguments}
    with pytest.raises(wl.WavenetliteError, match=message):
        train_classifier(given.pop("corpus"), given.pop("recipe"), **given)


def test_an_empty_corpus_is_refused(corpus):
    empty = corpus.train.select([])
    with pytest.raises(wl.ParameterError, match="no clips in its training part"):
        train_classifier(dataclasses.replace(corpus, train=empty), QUICK)


@pytest.mark.parametrize("what", ["labels", "names", "audio"])
def test_a_changed_corpus_is_not_taken_for_the_old_one(corpus, tmp_path, what):
    train_classifier(corpus, QUICK, folder=tmp_path)
    clips = corpus.train.select(range(len(corpus.train)))
    changed = dataclasses.replace(corpus, train=clips)
    if what == "labels":
        changed = dataclasses.replace(changed, labels=list(reversed(corpus.labels)))
    elif what == "names":
        clips.names[0] += "x"
    else:
        clips.audio[0] *= 0.5
    with pytest.raises(wl.ParameterError, match=rf"train .*{what}.* changed since; pass resume=False"):
        train_classifier(changed, QUICK, folder=tmp_path)
    train_classifier(changed, QUICK, folder=tmp_path, resume=False)


@pytest.mark.parametrize("name", ["commands", "digits"])
@pytest.mark.parametrize("sr", [16000, 44100])
def test_windows_of_recipes_are_in_milliseconds(name, sr):
    recipe = wl.recipes.recipe.RECIPES[name]
    spec = wl.recipes.recipe.features_at(recipe.features, sr)
    assert spec.frame_length / sr == pytest.approx(0.032, rel=1e-3)
    assert spec.hop_length / sr == pytest.approx(0.010, rel=1e-3)


def test_transforms_have_the_rate_of_the_corpus(corpus):
    recipe = dataclasses.replace(QUICK, waveforms=[{"type": "TimeShift", "most_ms": 10.0, "sr": 1, "fill": "zero"}])
    run = Training(recipe, corpus, corpus.train, corpus.valid, None, 0, None, True, False)
    assert run.transforms(recipe.waveforms).transforms[0].sr == corpus.sr


def test_a_recipe_that_needs_a_higher_rate_names_the_remedies(corpus):
    slow = dataclasses.replace(corpus, sr=8000)
    with pytest.raises(wl.ParameterError) as excinfo:
        train_classifier(slow, "commands")
    text = str(excinfo.value)
    assert "sr=8000" in text
    assert "pass recipe='digits', or resample=True and sr=16000 when reading" in text
    assert one_line(text).endswith("give --recipe digits, or give --resample --sr 16000")
