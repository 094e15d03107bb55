"""Several trained networks whose mean logits are one classifier's."""

import dataclasses
import weakref

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.recipes import Recipe, train_classifier
from wavenetlite.recipes import classifier_training as module
from wavenetlite.recipes.alone import standing_alone, without_gate
from wavenetlite.recipes.members import mean_of_members, members_of
from wavenetlite.recipes.recipe import jsonable
from wavenetlite.recipes.transfer import adapted
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.train import Clips, Corpus

SR, SAMPLES = 8000, 4000
NETWORK = {"stem": [[4, [3, 3], [2, 2]]], "channels": 8, "dilations": [1, 2]}
TINY = Recipe(
    "tiny",
    features={"n_fft": 256, "hop_length": 80, "n_mels": 20, "amin": 1e-8},
    network=NETWORK,
    epochs=2,
    batch_size=16,
    variants=1,
    members=3,
)


def clips(count, seed):
    """Noises with their energy in low or in high bins."""
    rng = np.random.default_rng(seed)
    audio = rng.standard_normal((count, SAMPLES)).astype(np.float32)
    y = np.arange(count, dtype=np.int64) % 2
    audio[y == 0] = np.cumsum(audio[y == 0], axis=1, dtype=np.float32) / 50
    return Clips(0.1 * audio, y, [f"{n}" for n in range(count)])


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    return Corpus(
        ["low", "high"], clips(32, 0), clips(8, 1), clips(8, 2), SR, "folders", [], tmp_path_factory.mktemp("c")
    )


@pytest.fixture(scope="module")
def trained(corpus):
    return train_classifier(corpus, TINY, reject=False)


def networks(count):
    return [wl.nn.FrequencyTCN(20, 3, pool_frames=20, seed=seed, **NETWORK) for seed in range(count)]


def weights(model):
    return b"".join(value.tobytes() for value in model.state_dict().values())


@pytest.mark.core
def test_logits_are_the_mean_and_members_stay_as_they_were(tmp_path):
    models = networks(3)
    mean = mean_of_members(models)
    x = np.random.default_rng(0).standard_normal((50, 20)).astype(np.float32)
    wanted = np.mean([model(x).astype(np.float64) for model in models], axis=0)
    np.testing.assert_allclose(mean(x), wanted, atol=1e-6)
    wl.verify_stream(mean)
    mean.save(tmp_path / "mean.safetensors")
    again = members_of(wl.load(tmp_path / "mean.safetensors"))
    assert [weights(one) for one in again] == [weights(one) for one in models]


def test_members_run_in_pools_onnx_and_integers(tmp_path):
    mean = mean_of_members(networks(2))
    x = np.random.default_rng(1).standard_normal((2, 48, 20)).astype(np.float32)
    pool = mean.pool(2)
    ids = [pool.open() for _ in x]
    blocks = [pool.process({one: y[at : at + 16] for one, y in zip(ids, x, strict=True)}) for at in range(0, 48, 16)]
    for one, y in zip(ids, x, strict=True):
        assert np.concatenate([block[one] for block in blocks]).tobytes() == mean(y).tobytes()
    wl.formats.save(mean, tmp_path / "mean.onnx")
    np.testing.assert_allclose(wl.load(tmp_path / "mean.onnx")(x[0]), mean(x[0]), atol=1e-5)
    rounded = wl.quantize(mean, list(x))
    assert np.abs(rounded(x[0]) - mean(x[0])).max() < 0.1 * np.ptp(mean(x[0]))


def test_one_network_is_its_own_mean_and_member():
    (model,) = networks(1)
    assert mean_of_members([model]) is model
    assert members_of(model) == [model]
    other = wl.nn.Graph(20, [["member-1", model, ["x"]], ["more", wl.nn.Activation("relu"), ["member-1"]]])
    assert members_of(other) == [other]


@pytest.mark.parametrize(
    ("models", "needle"),
    [([], "models is empty"), ([wl.TCN(4, 3), wl.TCN(5, 3)], "different"), ([wl.TCN(4, 3), wl.TCN(4, 2)], "different")],
)
def test_networks_that_have_no_mean_are_refused(models, needle):
    with pytest.raises(ParameterError, match=needle):
        mean_of_members(models)


def test_a_recipe_trains_members_that_differ(corpus, trained):
    members = members_of(trained.model)
    assert len({weights(one) for one in members}) == 3
    alone = train_classifier(corpus, dataclasses.replace(TINY, members=1), reject=False)
    assert weights(alone.model) == weights(members[0])
    assert trained.timing == alone.timing
    assert trained.info["recipe"]["members"] == 3


def test_members_resume_and_give_the_same_bytes(corpus, trained, tmp_path, monkeypatch):
    done, restore = [], module.Training.restore_priors

    def broken(run, model):
        done.append(model)
        restore(run, model)
        if len(done) == 2:
            raise ZeroDivisionError  # while the second of three is trained

    with monkeypatch.context() as patched:
        patched.setattr(module.Training, "restore_priors", broken)
        with pytest.raises(ZeroDivisionError):
            train_classifier(corpus, TINY, reject=False, folder=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["network", "network-2"]
    resumed = train_classifier(corpus, TINY, reject=False, folder=tmp_path)
    assert weights(resumed.model) == weights(trained.model)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["network", "network-2", "network-3"]


def test_members_behind_one_gate_begin_another_training(corpus, trained):
    gated = trained.with_model(standing_alone(trained.model, trained.features))
    assert without_gate(gated.model) is trained.model
    begun = train_classifier(corpus, dataclasses.replace(TINY, members=1, epochs=1), init=gated, reject=False)
    assert isinstance(begun.model, wl.nn.FrequencyTCN)


def test_each_member_begins_with_one_of_several(trained):
    """Members that all began with the first would err alike."""
    known = [weights(one) for one in members_of(trained.model)]
    begun = [weights(adapted(trained, trained.labels, 0, member)) for member in (1, 2, 3, 4)]
    assert begun == [*known, known[0]]


def test_members_are_trained_on_from_members(corpus, trained):
    still = dataclasses.replace(TINY, members=2, epochs=1, lr=1e-9)
    begun = members_of(train_classifier(corpus, still, init=trained, reject=False).model)
    for one, before in zip(begun, members_of(trained.model), strict=False):
        name = "input.0.weight"
        np.testing.assert_allclose(one.state_dict()[name], before.state_dict()[name], atol=1e-5)


def test_members_must_be_some(corpus):
    with pytest.raises(ParameterError, match="members=0"):
        train_classifier(corpus, dataclasses.replace(TINY, members=0), reject=False)


def test_the_plan_says_how_many_are_trained():
    live = dataclasses.replace(Recipe.named("live"), members=3, alone=False)
    assert live.plan(background=True) == (
        "recipe live trains 3 networks, whose mean is the model: 56 epochs to find hard negatives, 140 epochs each,"
        " then 70 epochs to refine each"
    )
    commands = dataclasses.replace(Recipe.named("commands"), members=2)
    assert commands.networks == 5
    assert commands.plan().endswith("then 2 of 140 epochs that learn from them")


VARIED = dataclasses.replace(
    TINY,
    variations=[{}, {"waveforms": [{"type": "Gain", "low_db": -40.0, "high_db": -30.0}], "variants": 2}],
)


def test_members_learn_in_turn_from_what_the_variations_say(corpus, trained, monkeypatch):
    """What is not varied stays as without: the first member is the same network."""
    learned = []
    fit = module.fit

    def spied(model, source, *args, **options):
        learned.append(source.clips.frames)
        return fit(model, source, *args, **options)

    monkeypatch.setattr(module, "fit", spied)
    members = members_of(train_classifier(corpus, VARIED, reject=False).model)
    assert [len(frames) for frames in learned] == [1, 2, 1]  # variants
    loud, quiet, again = (float(frames.mean()) for frames in learned)
    assert quiet < loud - 1
    assert again == loud  # nothing is augmented in them
    assert weights(members[0]) == weights(members_of(trained.model)[0])
    assert weights(members[1]) != weights(members_of(trained.model)[1])


def test_members_that_differ_have_made_up_words_of_their_own(corpus, monkeypatch):
    made = []
    more = module.more_unknown
    monkeypatch.setattr(
        module, "more_unknown", lambda *args, **options: made.append(more(*args, **options)) or made[-1]
    )
    clf = train_classifier(corpus, VARIED)
    assert clf.priors == {"_unknown_": 0.0}
    first, second, third = ({clip.tobytes() for clip in one.audio[32:]} for one in made[-3:])
    assert min(len(first), len(second), len(third)) > 10
    assert len(first & second) < 10  # a word reversed may be made twice
    assert len(first & third) < 10
    assert {one.y.tobytes() for one in made} == {made[0].y.tobytes()}


def test_members_that_differ_resume_and_give_the_same_bytes(corpus, tmp_path, monkeypatch):
    whole, restore, done = train_classifier(corpus, VARIED), module.Training.restore_priors, []

    def broken(run, model):
        done.append(model)
        restore(run, model)
        if len(done) == 2:
            raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(module.Training, "restore_priors", broken)
        with pytest.raises(ZeroDivisionError):
            train_classifier(corpus, VARIED, folder=tmp_path)
    resumed = train_classifier(corpus, VARIED, folder=tmp_path)
    assert weights(resumed.model) == weights(whole.model)
    assert resumed.info["recipe"]["variations"] == jsonable(VARIED.variations)
    assert Recipe(**resumed.info["recipe"]).of_member(2).variants == 2
    with pytest.raises(ParameterError, match=r"augmentation|audio"):
        train_classifier(corpus, dataclasses.replace(VARIED, variations=VARIED.variations[::-1]), folder=tmp_path)


def test_teachers_differ_as_members_do(corpus, monkeypatch):
    numbers = []
    vary = module.Training.vary
    monkeypatch.setattr(module.Training, "vary", lambda run, number: numbers.append(number) or vary(run, number))
    recipe = dataclasses.replace(VARIED, members=1).taught_by(2)
    told = module.train_classifier(corpus, recipe)
    assert numbers == [1, 1, 2, 1]
    assert isinstance(told.model, wl.nn.FrequencyTCN)
    assert recipe.plan().startswith(
        "recipe tiny trains 3 networks (of different augmentation), one after the other: 2 teachers of"
    )
    assert "different" not in dataclasses.replace(VARIED, members=1).taught_by(1).plan()  # both learn from the same
    assert "different" in dataclasses.replace(VARIED, members=2).taught_by(1).plan()


@pytest.mark.parametrize(
    ("variations", "needle"),
    [
        ([{}, {"epochs": 3}], "variations='epochs' must be one of waveforms"),
        ([{}, {"waveforms": [{"type": "Echo"}]}], "'Echo' must be one of"),
        ([{}, {"network": {**NETWORK, "stem": [[4, [3, 3], [2, 1]]]}}], "frame periods"),
        ([{}, None], "variations has a NoneType; it must be a list of mappings"),
        ({"variants": 2}, "variations has a str; it must be a list of mappings"),
    ],
)
def test_what_cannot_be_varied_is_refused_before_anything_is_trained(corpus, tmp_path, variations, needle):
    wrong = dataclasses.replace(TINY, variations=variations)
    with pytest.raises((ParameterError, ArrayTypeError), match=needle):
        train_classifier(corpus, wrong, reject=False, folder=tmp_path, progress=True)
    assert not list(tmp_path.iterdir())


def test_augmented_clips_of_one_network_at_a_time(corpus, monkeypatch):
    """They are most of the memory of a training, or of its disk."""
    made, alive = [], []
    variants = module.Variants

    def spied(*args, **options):
        alive.append(sum(one() is not None for one in made))
        new = variants(*args, **options)
        made.append(weakref.ref(new))
        return new

    monkeypatch.setattr(module, "Variants", spied)
    train_classifier(corpus, VARIED, reject=False)
    assert alive == [0, 0, 0]
