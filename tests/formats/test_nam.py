"""Neural Amp Modeler's files: real ones against the player's renderings, random ones against the definition."""

import importlib.util
import json
import os
from pathlib import Path

import nam_reference
import numpy as np
import pytest
from nam_models import ACTIVATIONS, old_model, random_model, weight_count, wrapped
from places import ROOT

import wavenetlite as wl

DATA = os.environ.get("WAVENETLITE_DATA")
FOLDER = Path(DATA, "nam") if DATA else Path("no-data")
real = pytest.mark.skipif(not FOLDER.is_dir(), reason="needs WAVENETLITE_DATA with its folder nam")
TOLERANCE = 1e-6
SEEDS = range(60)


def write(path, model):
    path.write_text(json.dumps(model))
    return path


@pytest.fixture
def load(tmp_path):
    """The network of a file that holds this JSON."""
    return lambda model, **options: wl.load(write(tmp_path / "amp.nam", model), **options)


def guitar(frames, channels=1, seed=0):
    return (0.5 * np.random.default_rng([seed, 7]).standard_normal((frames, channels))).astype(np.float32)


def agree(y, expected):
    assert y.shape == expected.shape
    return np.abs(y - expected).max() <= TOLERANCE * max(1.0, np.abs(expected).max())


# ---------------------------------------------------------------------------------------------------- real files
@real
@pytest.mark.parametrize("name", ["wavenet", "wavenet_a1_standard", "wavenet_condition_dsp"])
def test_a_real_model_renders_as_the_player_does(name):
    """Within 1e-6 of full scale; the definition in float64 is as far from the player's rendering as we are."""
    x, sr = wl.audio.read(FOLDER / "input.wav")
    expected, _ = wl.audio.read(FOLDER / f"ref_{name}.wav")
    model = wl.load(FOLDER / f"{name}.nam")
    assert isinstance(model, wl.nn.AmpWaveNet) and model.prewarmed and model.sr in (None, sr)
    assert np.abs(model(x[:, None])[:, 0] - expected).max() <= TOLERANCE


@real
def test_a_real_model_that_starts_cold_does_not():
    x, _ = wl.audio.read(FOLDER / "input.wav")
    expected, _ = wl.audio.read(FOLDER / "ref_wavenet.wav")
    y = wl.load(FOLDER / "wavenet.nam", prewarm=False)(x[:100, None])[:, 0]
    assert np.abs(y - expected[:100]).max() > 100 * TOLERANCE


@real
def test_the_standard_model_has_the_plan_of_one_built_by_hand(monkeypatch):
    monkeypatch.syspath_prepend(ROOT)
    by_hand = pytest.importorskip("benchmarks.ours_amp", reason="the benchmarks do not lie beside the tests")

    def plan(model):
        program = model.plan().program
        steps = [
            (step.call.kernel, step.out, step.total is not None, step.residual is not None, step.call.activation,
             [(edge.shift, edge.spacing, edge.taps, program.buffer_of[edge.node]) for edge in step.all_edges])
            for step in program.steps
        ]  # fmt: skip
        return steps, [(b.channels, b.ld, b.history, b.offset, b.ring) for b in program.buffers], program.arena.floats

    model = wl.load(FOLDER / "wavenet_a1_standard.nam")
    assert plan(model) == plan(by_hand.AmpModeler())
    wl.verify_stream(model, partitions=3)


def random_lstm(seed, inputs=1, units=5, layers=2, out=1):
    rng, numbers = np.random.default_rng(seed), 0
    for number in range(layers):
        numbers += 4 * units * ((units if number else inputs) + units + 1) + 2 * units
    numbers += out * (units + 1)
    config = {"input_size": inputs, "hidden_size": units, "num_layers": layers, "out_channels": out}
    return {"version": "0.5.4", "architecture": "LSTM", "config": config, "sample_rate": 44100,
            "weights": (rng.uniform(-2, 2, numbers) / np.sqrt(units + 4)).tolist()}  # fmt: skip


@real
def test_a_real_lstm():
    model, x = wl.load(FOLDER / "lstm.nam"), guitar(3000)
    assert type(model) is wl.nn.AmpLSTM and model.sr == 48000
    wanted = nam_reference.lstm(json.loads((FOLDER / "lstm.nam").read_text()), x)
    assert agree(model(x), wanted)
    wl.verify_stream(model, partitions=3)


@pytest.mark.parametrize("shape", [(1, 5, 2, 1), (1, 16, 1, 1), (2, 3, 3, 2), (1, 40, 1, 1)], ids=str)
def test_random_lstms_agree_with_the_definition(load, shape):
    """Their states before the signal are far from what silence would leave."""
    described = random_lstm(sum(shape), *shape)
    model, x = load(described), guitar(200, shape[0])
    assert agree(model(x), nam_reference.lstm(described, x))
    stream = model.stream()
    assert np.array_equal(np.concatenate([stream.process(x[:1]), stream.process(x[1:])]), model(x))
    stream.reset()
    assert np.array_equal(stream.process(x), model(x))


def test_an_lstm_is_saved_and_loaded_as_ours(load, tmp_path):
    model, x = load(random_lstm(1)), guitar(60)
    model.save(tmp_path / "amp.safetensors")
    again = wl.load(tmp_path / "amp.safetensors")
    assert again.sr == 44100 and np.array_equal(again(x), model(x))


def test_an_lstm_with_weights_that_do_not_fit(load):
    described = random_lstm(1)
    described["weights"].pop()
    with pytest.raises(wl.ModelFileError, match=r"weights has .* numbers; its configuration asks for"):
        load(described)


# ---------------------------------------------------------------------------------------------------- random models
@pytest.mark.parametrize("seed", SEEDS)
def test_random_models_agree_with_the_definition(load, seed):
    model = random_model(seed)
    assert len(model["weights"]) == weight_count(model["config"])
    x = guitar(150, seed=seed)
    for rules in ("core", "trainer"):
        ours = load(model, rules=rules)
        assert ours.sr == 48000 and ours.receptive_field <= nam_reference.memory(model["config"]) + 1
        assert agree(ours(x), nam_reference.evaluate(model, x, core=rules == "core"))
    assert agree(load(model, prewarm=False)(x), nam_reference.evaluate(model, x, prewarm=False))


@pytest.mark.parametrize("seed", range(8))
def test_several_channels_in_and_out(load, seed):
    model = random_model(seed, in_channels=2, out_channels=3)
    x = guitar(90, 2, seed)
    assert agree(load(model)(x), nam_reference.evaluate(model, x))


@pytest.mark.parametrize("described", ACTIVATIONS, ids=str)
@pytest.mark.parametrize("gated", [False, True])
def test_every_activation_of_old_files(load, described, gated):
    model, x = old_model(3, described, gated), guitar(80)
    assert agree(load(model)(x), nam_reference.evaluate(model, x))


@pytest.mark.parametrize("seed", range(6))
def test_streams_are_bit_for_bit_the_offline_call(load, seed):
    wl.verify_stream(load(random_model(100 + seed)), partitions=3)


def test_a_loaded_model_is_saved_and_loaded_as_ours(load, tmp_path):
    model, x = load(random_model(5)), guitar(60)
    model.save(tmp_path / "amp.safetensors")
    again = wl.load(tmp_path / "amp.safetensors")
    assert again.sr == 48000 and again.prewarmed and np.array_equal(again(x), model(x))


# ------------------------------------------------------------------------------------------------- slimmable models
def container(*entries, sample_rate=48000):
    submodels = [{"max_value": limit, "model": model} for limit, model in entries]
    return {"version": "0.7.0", "architecture": "SlimmableContainer", "config": {"submodels": submodels}, "weights": [],
            "sample_rate": sample_rate}  # fmt: skip


def test_a_container_gives_the_model_of_the_size_that_is_asked_for(load):
    models, x = [random_model(seed) for seed in (1, 2, 3)], guitar(40)
    models[0]["architecture"] = "ConvNet"  # what is not asked for need not run here
    whole = container(*zip((0.33, 0.66, 1.0), models, strict=True))
    for slim, chosen in ((1.0, 2), (0.66, 2), (0.5, 1), (0.33, 1)):
        assert agree(load(whole, slim=slim)(x), nam_reference.evaluate(models[chosen], x))
    with pytest.raises(wl.ModelFileError, match=r"submodels\[0\]\.model\.architecture is 'ConvNet'"):
        load(whole, slim=0.1)


def slimmable(channels=6, allowed=(2, 4, 6), gating="none", head_size=1, **more):
    slopes = [0.1 * i for i in range(channels)]
    kwargs = {"allowed_channels": list(allowed)}
    return {
        "input_size": 1,
        "condition_size": 1,
        "head_size": head_size,
        "channels": channels,
        "kernel_size": 3,
        "dilations": [1, 4],
        "activation": {"type": "PReLU", "negative_slopes": slopes},
        "gating_mode": gating,
        "head_bias": True,
        "slimmable": {"method": "slice_channels_uniform", "kwargs": kwargs},
    } | more


def sliced(weights, config, channels):
    """The weights of a model of fewer channels: the first of each, array by array, as the player's source has it."""
    full, numbers, taken = config["channels"], iter(weights), []

    def block(outs, ins, kernel, kept_outs, kept_ins, bias=True):
        values = np.array([next(numbers) for _ in range(outs * ins * kernel)]).reshape(outs, ins, kernel)
        taken.extend(values[:kept_outs, :kept_ins].ravel())
        if bias:
            taken.extend([next(numbers) for _ in range(outs)][:kept_outs])

    twice = 1 if config["gating_mode"] == "none" else 2
    block(full, 1, 1, channels, 1, bias=False)
    for _ in config["dilations"]:
        block(twice * full, full, 3, twice * channels, channels)
        block(twice * full, 1, 1, twice * channels, 1, bias=False)
        block(full, full, 1, channels, channels)
    block(1, full, 1, 1, channels)
    return [*taken, next(numbers)]


@pytest.mark.parametrize("gating", ["none", "gated"])
@pytest.mark.parametrize(("slim", "channels"), [(1.0, 6), (0.9, 6), (0.5, 4), (0.3, 2), (0.0, 2)])
def test_a_slimmable_model_gives_the_first_channels(load, gating, slim, channels):
    layer, x = slimmable(gating=gating), guitar(40)
    config = {"layers": [layer], "head": None, "head_scale": 0.5}
    model = wrapped(np.random.default_rng(0), config)
    small = {k: v for k, v in layer.items() if k != "slimmable"} | {"channels": channels}
    expected = {**model, "config": {**config, "layers": [small]}, "weights": sliced(model["weights"], layer, channels)}
    ours = load(model, slim=slim)
    assert ours.arrays[0].channels == channels
    assert agree(ours(x), nam_reference.evaluate(expected, x))


def test_two_slimmable_arrays_fit_each_other(load):
    layers = [slimmable(head_size=4), slimmable(4, (2, 3, 4), input_size=6)]
    model = wrapped(np.random.default_rng(0), {"layers": layers, "head": None, "head_scale": 0.5})
    for slim, sizes in ((1.0, (6, 4)), (0.4, (4, 3)), (0.0, (2, 2))):
        ours = load(model, slim=slim)
        assert tuple(array.channels for array in ours.arrays) == sizes
        assert np.isfinite(ours(guitar(30))).all()


@pytest.mark.parametrize(
    ("more", "said"),
    [({"groups_input": 2}, "slimmed it must have neither"), ({"layer1x1": {"active": True, "groups": 2}}, "neither"),
     ({"head": {"out_channels": 1, "kernel_size": 2, "bias": True}}, "slimmed it must have neither")],
)  # fmt: skip
def test_what_the_player_does_not_slim_is_refused(load, more, said):
    model = wrapped(np.random.default_rng(0), {"layers": [slimmable(**more)], "head": None, "head_scale": 0.5})
    assert agree(load(model)(guitar(30)), nam_reference.evaluate(model, guitar(30)))
    with pytest.raises(wl.ModelFileError, match=said):
        load(model, slim=0.4)


def test_a_slimmable_model_of_any_size(load):
    layer = slimmable(slimmable={"method": "slice_channels_uniform"}, activation="ReLU")
    model = wrapped(np.random.default_rng(0), {"layers": [layer], "head": None, "head_scale": 0.5})
    assert [load(model, slim=slim).arrays[0].channels for slim in (0, 0.2, 0.5, 0.99, 1)] == [1, 2, 4, 6, 6]
    with pytest.raises(wl.ModelFileError, match="channels is 2147483647; it must be an integer from 1 to 65536"):
        load(changed(model, *LAYER, "channels", to=2**31 - 1))


# ------------------------------------------------------------------------------------------------ a second witness
@pytest.mark.skipif(importlib.util.find_spec("nam") is None, reason="needs the package neural-amp-modeler")
@pytest.mark.parametrize("seed", range(25))
def test_the_trainer_agrees(load, seed):
    """Models that the trainer itself built and exported, as it runs them: after their receptive field."""
    torch = pytest.importorskip("torch")
    from nam.models.wavenet import WaveNet
    from nam_trainer import exported, random_trainer_config

    torch.manual_seed(seed)
    theirs = WaveNet.init_from_config(random_trainer_config(seed))
    theirs.eval()
    model = exported(theirs)
    ours = load(model, rules="trainer")
    x = guitar(400, seed=seed)
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x[:, 0]), pad_start=False).numpy()
    y = ours(x)[-len(expected) :, 0]
    assert len(expected) > 100
    assert np.abs(y - expected).max() <= 2 * TOLERANCE * max(1.0, np.abs(expected).max())
    assert agree(ours(x), nam_reference.evaluate(model, x, core=False))


# ---------------------------------------------------------------------------------------------------------- errors
def changed(model, *path, to):
    """A copy with one value replaced; `...`: removed."""
    copy = json.loads(json.dumps(model))
    inner = copy
    for key in path[:-1]:
        inner = inner[key]
    if to is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = to
    return copy


LAYER = ("config", "layers", 0)
BROKEN = {
    "no version": (("version",), ..., "it has no version"),
    "old version": (("version",), "0.4.9", "version is '0.4.9'; it must be 0.5.x to 0.7.x"),
    "new version": (("version",), "0.8.0", "version is '0.8.0'"),
    "odd version": (("version",), 7, "version is 7; it must be a string"),
    "architecture": (("architecture",), "ConvNet", "architecture is 'ConvNet'; it must be WaveNet or LSTM"),
    "no config": (("config",), [], "config is a list of 0; it must be an object"),
    "unknown in config": (("config", "resonance"), 1, "config.'resonance' is not known to this version"),
    "unknown in layer": ((*LAYER, "norm"), 1, "config.layers[0].'norm' is not known"),
    "no layers": (("config", "layers"), [], "config.layers must have 1 to 1024 layers"),
    "no dilations": ((*LAYER, "dilations"), [], "layers must be a list of one or more AmpLayer"),
    "dilation": ((*LAYER, "dilations"), [1, 2, 0], "config.layers[0].dilations[2].entry is 0; it must be an integer"),
    "huge dilation": ((*LAYER, "dilations"), [1, 2, 2**40], "it must be an integer from 1"),
    "channels": ((*LAYER, "channels"), -3, "config.layers[0].channels is -3; it must be an integer from 1"),
    "huge channels": ((*LAYER, "channels"), 2**31 - 1, "it must be an integer from 1 to 65536"),
    "channels as text": ((*LAYER, "channels"), "4", "channels is '4'; it must be an integer"),
    "true for a number": ((*LAYER, "channels"), True, "channels is True; it must be an integer"),
    "activation": ((*LAYER, "activation"), "Softmax", "is 'Softmax', which is no activation"),
    "no activation": ((*LAYER, "activation"), ["Tanh"], "activation has 1 entries; it must have 3"),
    "gated": ((*LAYER, "gated"), 1, "gated is 1; it must be true or false"),
    "gating": ((*LAYER, "gating_mode"), "half", "it must be none, gated or blended"),
    "two kernels": ((*LAYER, "kernel_sizes"), [3, 3, 3], "must have kernel_size or kernel_sizes"),
    "no head": ((*LAYER, "head_size"), ..., "config.layers[0] has no head_size"),
    "film": ((*LAYER, "conv_pre_film"), 3, "conv_pre_film is 3; it must be an object"),
    "film of no head1x1": ((*LAYER, "head1x1_post_film"), {"active": True}, "must not be without head1x1"),
    "bottleneck": ((*LAYER, "layer1x1"), {"active": False}, "has"),
    "groups": ((*LAYER, "groups_input"), 3, "groups=3 must divide"),
    "slimmable": ((*LAYER, "slimmable"), {"method": "cut"}, "slimmable.method is 'cut'"),
    "sizes that do not fit": (
        ("config", "layers", 1, "channels"),
        2,
        "an array has 4 input and 2 head channels; it must have 4 and 3",
    ),
    "condition": ((*LAYER, "condition_size"), 2, "numbers; its configuration asks for"),
    "in_channels": (("config", "in_channels"), 2, "input_size is 1; it must be in_channels"),
    "too few weights": (("weights",), [0.1] * 10, "weights has 10 numbers; its configuration asks for"),
    "no weights": (("weights",), ..., "it has no weights"),
    "weights of text": (("weights",), "abc", "weights is 'abc'; it must be a list"),
    "sample rate": (("sample_rate",), 0, "sample_rate is 0; it must be a whole number of Hz"),
    "half a sample": (("sample_rate",), 44100.5, "sample_rate is 44100.5; it must be a whole number of Hz"),
    "head": (("config", "head"), {"channels": 3}, "config.head has no kernel_sizes"),
    "empty head": (("config", "head"), {"kernel_sizes": []}, "kernel_sizes is a list of 0; it must be a list of one"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_with_a_file_is_told_in_one_line(load, name):
    path, to, said = BROKEN[name]
    with pytest.raises(wl.ModelFileError) as excinfo:
        load(changed(old_model(0), *path, to=to))
    assert said in str(excinfo.value) and "\n" not in str(excinfo.value)


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e39", "1e999", "null", '"1"', "[1]", "true", "9" * 400]
)
def test_a_weight_that_is_no_finite_number(tmp_path, value):
    model = old_model(0)
    text = json.dumps(model).replace(json.dumps(model["weights"][5]), value)
    (tmp_path / "amp.nam").write_text(text)
    with pytest.raises(wl.ModelFileError, match=r"amp\.nam: (weights|it is not valid JSON)"):
        wl.load(tmp_path / "amp.nam")


def test_sample_rates_must_agree(load):
    model = random_model(1)
    while "condition_dsp" not in model["config"]:
        model = random_model(np.random.default_rng(len(model["weights"])).integers(1000))
    with pytest.raises(wl.ModelFileError, match=r"condition_dsp\.sample_rate is 44100; it must be 48000"):
        load(changed(model, "config", "condition_dsp", "sample_rate", to=44100))
    with pytest.raises(wl.ModelFileError, match="they must be equal"):
        load(container((1.0, changed(model, "sample_rate", to=44100))))


def test_condition_networks_inside_each_other(load):
    model = old_model(0)
    for _ in range(8):
        model = {**old_model(1), "config": {**old_model(1)["config"], "condition_dsp": model}}
    assert load(model)(guitar(9)).shape == (9, 1)
    with pytest.raises(wl.ModelFileError, match="is one of more than 8 inside each other"):
        load({**old_model(1), "config": {**old_model(1)["config"], "condition_dsp": model}})


@pytest.mark.parametrize("limits", [(), (0.5,), (0.5, 0.5, 1.0), (1.0, 0.5)])
def test_the_sizes_of_a_container_ascend_to_one(load, limits):
    with pytest.raises(wl.ModelFileError, match="must have max_values that ascend to 1 or more"):
        load(container(*((limit, old_model(0)) for limit in limits)))


@pytest.mark.parametrize(
    ("options", "said"),
    [({"slim": 1.5}, "slim=1.5 must be at most 1"), ({"slim": -1}, "slim=-1 must be"), ({"rules": "plugin"}, "rules="),
     ({"prewarm": 1}, "prewarm=1"), ({"size": 1}, "size=1 is no option of the format nam; it has: slim, rules")],
)  # fmt: skip
def test_options_are_checked(load, options, said):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError)) as excinfo:
        load(old_model(0), **options)
    assert str(excinfo.value).startswith(said)
