"""Configuration, weights, initialisation and the summary of models."""

import copy
import json
import re
import threading

import numpy as np
import pytest
from catalogue import CATALOGUE, condition, over_bins, randomised, same_bits, signal
from hypothesis import given
from strategies import condition_channels_of, networks

import wavenetlite as wl

nn = wl.nn


def same_state(a, b):
    a, b = a.state_dict(), b.state_dict()
    return list(a) == list(b) and all(same_bits(a[name], b[name]) for name in a)


# ----------------------------------------------------------------------------------------------------- configuration
def check_config_round_trip(model, x, c=None):
    config = model.config()
    twin = nn.from_config(json.loads(json.dumps(config, allow_nan=False)))
    assert type(twin) is type(model)
    assert twin.config() == config
    twin.load_state_dict(model.state_dict())
    assert same_state(twin, model)
    assert same_bits(twin(x, c), model(x, c))
    assert (twin.receptive_field, twin.latency) == (model.receptive_field, model.latency)


@pytest.mark.parametrize("name", CATALOGUE)
def test_config_round_trip(name):
    case = CATALOGUE[name]
    check_config_round_trip(case.model(), signal(70, case.in_channels), condition(70, case.condition_channels))


@pytest.mark.slow
@given(networks())
def test_config_round_trip_of_random_networks(model):
    check_config_round_trip(model, signal(50, model.in_channels), condition(50, condition_channels_of(model)))


def test_config_names_the_type():
    assert nn.Conv1d(3, 5, 2, dilation=4).config() == {
        "type": "Conv1d", "in_channels": 3, "out_channels": 5, "kernel_size": 2, "stride": 1, "padding": "causal",
        "dilation": 4, "groups": 1, "bias": True}  # fmt: skip


BAD_CONFIGS = [
    None, [], {}, "Conv1d", {"type": "Conv3d"}, {"type": 3}, {"type": "Module"}, {"type": "__import__"},
    {"type": "Conv1d"}, {"type": "Conv1d", "in_channels": 1, "out_channels": 1, "kernel_size": 1, "colour": "red"},
    {"type": "Conv1d", "in_channels": 1, "out_channels": 1, "kernel_size": -1},
    {"type": "Sequential", "layers": [{"type": "Conv3d"}]},
    {"type": "Sequential", "layers": 7}, {"type": "Activation", "name": "exec"},
]  # fmt: skip


@pytest.mark.parametrize("config", BAD_CONFIGS, ids=str)
def test_a_bad_config_is_a_one_line_error(config):
    with pytest.raises(wl.WavenetliteError) as excinfo:
        nn.from_config(config)
    assert "\n" not in str(excinfo.value)


# ----------------------------------------------------------------------------------------------------------- weights
STATE_KEYS = {
    "conv 1x1": {"weight": (7, 3, 1), "bias": (7,)},
    "conv k9 no bias": {"weight": (3, 40, 9)},
    "conv groups": {"weight": (18, 4, 3), "bias": (18,)},
    "linear": {"weight": (3, 7), "bias": (3,)},
    "batch norm": {"weight": (7,), "bias": (7,), "running_mean": (7,), "running_var": (7,)},
    "prelu channels": {"weight": (7,)},
    "freq": {"weight": (16, 1, 3, 5), "bias": (16,)},
    "freq 9 bins stride 3": {"weight": (6, 2, 1, 5)},
    "batch norm bins": {"weight": (3,), "bias": (3,), "running_mean": (3,), "running_var": (3,)},
    "dropout": {},
    "pool window": {},
    "relu": {},
    "gated unit": {},
    "residual": {"0.weight": (7, 7, 3), "0.bias": (7,)},
    "residual shortcut": {"0.weight": (7, 3, 3), "0.bias": (7,), "shortcut.weight": (7, 3, 1), "shortcut.bias": (7,)},
    "gated residual condition": {
        "conv.weight": (10, 5, 2), "conv.bias": (10,), "condition.weight": (10, 3, 1),
        "residual.weight": (5, 5, 1), "residual.bias": (5,)},
    "gated residual skip": {
        "conv.weight": (8, 4, 2), "conv.bias": (8,), "residual.weight": (4, 4, 1), "residual.bias": (4,),
        "skip.weight": (9, 4, 1), "skip.bias": (9,)},
    "gated residual plain": {
        "conv.weight": (6, 6, 3), "conv.bias": (6,), "residual.weight": (6, 6, 1), "residual.bias": (6,)},
    "temporal": {"conv1.weight": (7, 7, 3), "conv1.bias": (7,), "conv2.weight": (7, 7, 3), "conv2.bias": (7,)},
    "separable": {"depthwise.weight": (7, 1, 5), "depthwise.bias": (7,), "pointwise.weight": (40, 7, 1),
                  "pointwise.bias": (40,)},
    "sequential": {"0.weight": (8, 3, 1), "0.bias": (8,), "2.weight": (8, 8, 3), "2.bias": (8,), "3.weight": (1, 8, 1),
                   "3.bias": (1,)},
}  # fmt: skip


@pytest.mark.parametrize("name", STATE_KEYS)
def test_names_and_shapes_of_weights(name):
    state = CATALOGUE[name].build().state_dict()
    assert {key: value.shape for key, value in state.items()} == STATE_KEYS[name]
    assert all(value.dtype == np.float32 and value.flags.c_contiguous for value in state.values())


def test_names_in_deep_models():
    keys = wl.WaveNet(1, 1, dilations=[1, 2, 4, 8], condition_channels=2).state_dict().keys()
    assert {"input.weight", "blocks.3.conv.weight", "blocks.3.condition.weight", "blocks.0.skip.bias", "head1.weight",
            "head2.bias"} <= keys  # fmt: skip
    stack = wl.Sequential([nn.Conv1d(3, 3, 1), nn.Residual([nn.Conv1d(3, 3, 2), nn.BatchNorm(3)])])
    assert {"0.weight", "1.0.weight", "1.1.running_mean"} <= stack.state_dict().keys()
    assert {"1.0.weight", "2.0.weight"} <= nn.Add([[], nn.Linear(3, 3), [nn.Linear(3, 3)]]).state_dict().keys()


@pytest.mark.parametrize("name", ["wavenet", "tcn", "nested", "conv groups", "prelu channels"])
def test_state_dict_is_a_copy_and_loads_back(name):
    case = CATALOGUE[name]
    model, x = case.model(), signal(50, case.in_channels)
    y = model(x)
    state = model.state_dict()
    for value in state.values():
        value[...] = np.nan
    assert same_bits(model(x), y)
    fresh = case.build()
    fresh.load_state_dict(model.state_dict())
    assert same_state(fresh, model)
    assert same_bits(fresh(x), y)


def test_loading_copies_the_arrays_and_reaches_new_streams():
    model = nn.Conv1d(2, 2, 1)
    state = {"weight": np.ones((2, 2, 1), np.float32), "bias": np.zeros(2, np.float32)}
    x = signal(10, 2)
    model(x)  # a plan made before the weights come must not survive them
    model.load_state_dict(state)
    state["weight"][...] = 7
    assert same_bits(model.state_dict()["weight"], np.ones((2, 2, 1), np.float32))
    assert np.array_equal(model.stream().process(x)[:, 0], x[:, 0] + x[:, 1])


def test_a_running_stream_keeps_its_weights():
    model = randomised(nn.Conv1d(2, 2, 3))
    x, stream = signal(20, 2), model.stream()
    y = model(x)
    first = stream.process(x[:9])
    randomised(model, seed=1)
    assert same_bits(np.concatenate([first, stream.process(x[9:])]), y)
    assert not same_bits(model(x), y)


def without(state, name):
    return {key: value for key, value in state.items() if key != name}


BAD_STATES = {
    "missing": (lambda state: without(state, "1.running_var"), "1.running_var"),
    "extra": (lambda state: state | {"9.weight": np.zeros(3, np.float32)}, "9.weight"),
    "renamed": (lambda state: {f"net.{key}": value for key, value in state.items()}, "weight"),
    "shape": (lambda state: state | {"0.weight": np.zeros((4, 3, 5), np.float32)}, "0.weight"),
    "transposed": (lambda state: state | {"0.weight": np.zeros((3, 4, 2), np.float32)}, "0.weight"),
    "rank": (lambda state: state | {"0.bias": np.zeros((4, 1), np.float32)}, "0.bias"),
    "dtype": (lambda state: state | {"0.bias": np.zeros(4, np.int32)}, "0.bias"),
    "nan": (lambda state: state | {"0.bias": np.full(4, np.nan, np.float32)}, "0.bias"),
    "not an array": (lambda state: state | {"0.bias": "zeros"}, "0.bias"),
}


@pytest.mark.parametrize("name", BAD_STATES)
def test_loading_is_strict_and_all_or_nothing(name):
    model = randomised(wl.Sequential([nn.Conv1d(3, 4, 2), nn.BatchNorm(4)]))
    x, before = signal(20, 3), model.state_dict()
    y = model(x)
    spoil, key = BAD_STATES[name]
    good = {label: value + 1 for label, value in before.items()}
    with pytest.raises(wl.WavenetliteError) as excinfo:
        model.load_state_dict(spoil(good))
    assert key in str(excinfo.value)
    assert "\n" not in str(excinfo.value)
    assert all(same_bits(model.state_dict()[label], value) for label, value in before.items())
    assert same_bits(model(x), y)


def test_a_negative_variance_is_an_error_and_not_a_nan():
    model = nn.BatchNorm(4)

    def load_and_use():  # either may raise
        model.load_state_dict(model.state_dict() | {"running_var": np.full(4, -1, np.float32)})
        model(signal(5, 4))

    with pytest.raises(wl.ParameterError, match="running_var"):
        load_and_use()


def test_num_batches_tracked_is_ignored():
    model = wl.Sequential([nn.Conv1d(3, 4, 2), nn.BatchNorm(4)])
    model.load_state_dict(model.state_dict() | {"1.num_batches_tracked": np.array(7)})
    assert "1.num_batches_tracked" not in model.state_dict()


def test_non_contiguous_arrays_load_with_their_values():
    weight = signal(7, 3).T.reshape(3, 7, 1)
    strided = np.asfortranarray(weight)
    layer = nn.Conv1d(7, 3, 1, bias=False)
    layer.load_state_dict({"weight": strided})
    assert np.array_equal(layer.state_dict()["weight"], weight)


# ---------------------------------------------------------------------------------------------------- initialisation
SEEDED = {
    "sequential": lambda seed: wl.Sequential(
        [nn.Conv1d(3, 4, 2), nn.Residual([nn.Conv1d(4, 4, 3)]), nn.Linear(4, 2)], seed=seed),
    "wavenet": lambda seed: wl.WaveNet(3, 4, residual_channels=8, dilations=[1, 2], condition_channels=2, seed=seed),
    "tcn": lambda seed: wl.TCN(3, 4, channels=8, dilations=[1, 2], seed=seed),
}  # fmt: skip


@pytest.mark.parametrize("name", SEEDED)
def test_seeded_initialisation(name):
    build = SEEDED[name]
    assert same_state(build(7), build(7))
    one, other = build(7).state_dict(), build(8).state_dict()
    for key in one:
        random = np.unique(one[key]).size > 1
        assert not random or not same_bits(one[key], other[key]), key
    assert any(np.unique(value).size > 1 for value in one.values())


@pytest.mark.parametrize("name", SEEDED)
def test_layers_of_like_shape_start_differently(name):
    state = SEEDED[name](0).state_dict()
    tensors = [value.tobytes() for value in state.values() if np.unique(value).size > 1]
    assert len(set(tensors)) == len(tensors)


def test_initialisation_does_not_touch_numpy_global_state():
    before = np.random.get_state(legacy=False)  # noqa: NPY002
    wl.TCN(3, 4, channels=8, dilations=[1, 2], seed=1).state_dict()
    after = np.random.get_state(legacy=False)  # noqa: NPY002
    assert np.array_equal(before["state"]["key"], after["state"]["key"])
    assert before["state"]["pos"] == after["state"]["pos"]


def test_initial_weights_are_tame():
    y = wl.TCN(40, 12, channels=64, kernel_size=5, dilations=[1, 2, 4, 8] * 2, seed=0)(signal(500, 40))
    assert 1e-3 < np.abs(y).max() < 1e3


@pytest.mark.parametrize("seed", [-1, 1.5, "a", True])
def test_a_bad_seed(seed):
    with pytest.raises(wl.WavenetliteError, match="seed"):
        wl.Sequential([nn.Conv1d(1, 1, 1)], seed=seed)


# ------------------------------------------------------------------------------------------------------------ figures
def keyword_model():
    return wl.TCN(40, 12, channels=64, kernel_size=5, dilations=[1, 2, 4, 8] * 2)


def test_figures_of_the_keyword_model():
    model = keyword_model()
    assert model.macs_per_frame == 40 * 64 + 8 * 5 * 64 * 64 + 64 * 12 == 167_168
    assert model.parameter_count == 40 * 64 + 64 + 8 * (5 * 64 * 64 + 64 + 2 * 64) + 64 * 12 + 12
    assert model.receptive_field == 1 + 4 * 30
    assert model.latency == 0
    assert (model.in_channels, model.out_channels) == (40, 12)


def test_figures_of_the_vocoder():
    model = wl.WaveNet(256, 256, residual_channels=64, skip_channels=128, kernel_size=2, head_channels=256,
                       dilations=[2**i for i in range(10)] * 2)  # fmt: skip
    block = 64 * 128 * 2 + 64 * 64 + 64 * 128
    assert model.macs_per_frame == 256 * 64 + 20 * block + 128 * 256 + 256 * 256 == 256 * 64 + 671_744
    assert model.receptive_field == 1 + 2 * 1023


@pytest.mark.parametrize(("block", "macs"), [
    (nn.GatedResidualBlock(8, kernel_size=3, skip_channels=None), 3 * 8 * 16 + 8 * 8),
    (nn.GatedResidualBlock(8, kernel_size=3, gated=False), 3 * 8 * 8 + 8 * 8),
    (nn.GatedResidualBlock(8, kernel_size=2, condition_channels=5), 2 * 8 * 16 + 5 * 16 + 8 * 8),
    (nn.TemporalBlock(4, 8, 3), 3 * 4 * 8 + 3 * 8 * 8 + 4 * 8),
    (nn.DepthwiseSeparable(8, 5, 3), 3 * 8 + 8 * 5),
    (nn.Residual([nn.Conv1d(8, 8, 3), nn.BatchNorm(8)]), 3 * 8 * 8),
    (over_bins(5, 2, 3, (3, 4)), (5 * 3 - 2) * 2 * 3 * 4),
    (over_bins(5, 2, 3, (3, 4), stride=(2, 2)), (3 * 3 - 2) * 2 * 3 * 4 / 2),
    (over_bins(2, 1, 1, (5, 1)), 2 * 2),
    (over_bins(9, 1, 2, (1, 1), stride=(4, 1)), 3 * 2),
    (wl.Sequential([nn.Linear(3, 3), nn.Dropout(0.5), nn.CumulativePool("mean", window_frames=50)]), 3 * 3),
    (nn.Concat([nn.Linear(8, 3), [], nn.Conv1d(8, 2, 5)]), 8 * 3 + 5 * 8 * 2)])  # fmt: skip
def test_work_of_blocks(block, macs):
    assert block.macs_per_frame == macs


def test_stride_divides_the_work():
    stack = wl.Sequential([nn.Conv1d(4, 8, 3, stride=2), nn.Conv1d(8, 8, 3)])
    assert stack.macs_per_frame == pytest.approx((4 * 8 * 3 + 8 * 8 * 3) / 2)
    assert stack.receptive_field == 3 + 2 * 2


def test_a_layer_that_only_passes_on_does_no_work():
    conv = nn.Conv2d(1, 2, 3, bins=4)
    assert wl.Sequential([conv, nn.Dropout(0.5), nn.Activation("identity")]).macs_per_frame == conv.macs_per_frame


def test_groups_divide_the_work():
    assert nn.Conv1d(12, 18, 3, groups=3).macs_per_frame == 4 * 18 * 3
    assert nn.GRU(5, 7, num_layers=2).macs_per_frame == 21 * 5 + 3 * 21 * 7
    assert nn.Conv1d(12, 18, 3, groups=3).parameter_count == 4 * 18 * 3 + 18


@pytest.mark.parametrize("name", CATALOGUE)
def test_parameter_count_is_that_of_what_training_learns(name):
    model = CATALOGUE[name].build()
    learnt = [value for key, value in model.state_dict().items() if "running_" not in key]
    assert model.parameter_count == sum(value.size for value in learnt)


def test_layers_of_any_width_say_so():
    assert nn.Activation("relu").in_channels is None
    assert nn.CumulativePool("mean").in_channels is None
    assert nn.Conv1d(3, 4, 1).in_channels == 3


def test_summary_tells_what_matters():
    model = wl.Sequential([nn.Conv1d(40, 64, 3, dilation=100), nn.BatchNorm(64), nn.Activation("relu"),
                           nn.Conv1d(64, 12, 5, padding="same")])  # fmt: skip
    text = model.summary()
    for word in ("Conv1d", "BatchNorm", "Activation", "parameters", "receptive field", "latency", "state"):
        assert word.lower() in text.lower(), word
    figures = "".join(text.replace(",", "").replace("_", ""))
    for number in (model.parameter_count, model.macs_per_frame, model.receptive_field, model.latency):
        assert f"{number:.10g}" in figures, number


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_summary_is_text_within_the_page(name):
    lines = CATALOGUE[name].build().summary().splitlines()
    assert len(lines) > 1
    assert max(map(len, lines)) <= 120


def test_repr_names_the_type():
    assert "Conv1d" in repr(nn.Conv1d(3, 4, 2))
    assert "TCN" in repr(keyword_model())


def test_a_used_model_can_be_copied():
    model = wl.TCN(3, 4, channels=8, dilations=[1, 2])
    x = np.ones((5, 3), np.float32)
    before = model(x)
    again = copy.deepcopy(model)
    model.load_state_dict({name: 2 * value for name, value in model.state_dict().items()})
    assert (again(x) == before).all()
    assert not (model(x) == before).all()


def test_a_failed_compilation_does_not_bring_the_old_weights_back():
    norm = nn.BatchNorm(2, eps=0.0)
    x = np.ones((1, 2), np.float32)
    norm(x)
    state = norm.state_dict()
    state["running_var"] *= -1
    norm.load_state_dict(state)
    for _ in range(2):
        with pytest.raises(wl.ParameterError, match="running_var"):
            norm(x)


def test_a_layer_used_twice_has_one_set_of_weights():
    shared = nn.Linear(2, 2)
    model = wl.Sequential([shared, nn.Activation("relu"), shared])
    assert model.parameter_count == shared.parameter_count == 6
    state = model.state_dict()
    model.load_state_dict(state)
    state["0.weight"] = state["0.weight"] + 1
    with pytest.raises(wl.ParameterError, match="shared"):
        model.load_state_dict(state)


def test_concatenation_with_itself_fits_into_a_sequence():
    double = nn.Concat([[], nn.Activation("relu")])
    assert wl.Sequential([double, nn.Conv1d(4, 2, 1)])(np.ones((3, 2), np.float32)).shape == (3, 2)


def test_what_does_not_fit_float32_is_refused():
    with pytest.raises(wl.ParameterError, match="negative_slope"):
        nn.Activation("leaky_relu", negative_slope=1e200)
    model = wl.Sequential([nn.Linear(1, 1), nn.BatchNorm(1, eps=0.0)])
    state = model.state_dict()
    state["0.weight"][:], state["1.weight"][:], state["1.running_var"][:] = 1, 3e38, 1e-20
    model.load_state_dict(state)
    with pytest.raises(wl.ParameterError, match="float32"):
        model(np.ones((1, 1), np.float32))


def test_a_network_that_would_take_all_memory_is_refused():
    with pytest.raises(wl.ParameterError, match=r"bytes of state .* set WAVENETLITE_STREAM_BYTES to a higher limit"):
        nn.Conv1d(1, 1, 65_536, dilation=65_536).stream()


def test_the_memory_that_a_stream_may_take_can_be_set(monkeypatch):
    monkeypatch.setenv("WAVENETLITE_STREAM_BYTES", "100000")
    nn.Conv1d(1, 1, 65, dilation=64).stream()
    with pytest.raises(wl.ParameterError, match="together more than 100,000"):
        nn.Conv1d(1, 1, 65, dilation=640).stream()
    monkeypatch.setenv("WAVENETLITE_STREAM_BYTES", "1 GB")
    with pytest.raises(wl.ParameterError, match="WAVENETLITE_STREAM_BYTES='1 GB' must be a number of bytes"):
        nn.Linear(1, 1).stream()


def test_upsampling_over_and_over_is_refused():
    wl.Sequential([nn.Conv1d(1, 1, 2), nn.Upsample(256), nn.Upsample(256)]).stream()
    with pytest.raises(wl.ParameterError, match="makes 16777216 frames of one input frame; it must be at most 65536"):
        wl.Sequential([nn.Conv1d(1, 1, 2), *[nn.Upsample(256)] * 20]).stream()


def test_parameters_are_replaced_at_once():
    """Whoever opens a stream meanwhile has all the old parameters, or all the new ones."""
    model = wl.Sequential([nn.Linear(1, 1, bias=False) for _ in range(40)])
    names = list(model.state_dict())
    states = [{name: np.full((1, 1), value, np.float32) for name in names} for value in (1, -1)]
    stop, x = threading.Event(), np.ones((1, 1), np.float32)
    model.load_state_dict(states[0])

    def swap():
        while not stop.is_set():
            for state in states:
                model.load_state_dict(state)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        for _ in range(100):
            state = model.state_dict()
            assert len({float(value[0, 0]) for value in state.values()}) == 1
            assert model(x)[0, 0] == 1  # an even number of layers
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize("layer", [
    lambda: nn.Residual([nn.Conv1d(2, 2, 2)], activation="prelu"),
    lambda: wl.TCN(2, 1, channels=3, dilations=[1], activation="prelu"),
    lambda: nn.TemporalBlock(2, 2, 2, activation="prelu"),
    lambda: nn.GatedResidualBlock(2, kernel_size=2, gated=False, activation="prelu"),
    lambda: wl.WaveNet(2, 1, dilations=[1], gated=False, activation="prelu"),
    lambda: nn.GatedUnit(activation="prelu", gate="prelu"),
])  # fmt: skip
def test_slopes_of_an_activation_given_by_name_are_parameters(layer, tmp_path):
    model = layer()
    slopes = [name for name in model.state_dict() if re.search(r"(activation|gate|\d)\.weight$", name)
              and model.state_dict()[name].shape == (1,)]  # fmt: skip
    assert slopes
    x = np.random.default_rng(0).standard_normal((20, model.in_width or 4), dtype=np.float32)
    before = model(x)
    for name in slopes:
        model.load_state_dict(model.state_dict() | {name: np.array([0.9], np.float32)})
        after = model(x)
        assert not np.array_equal(before, after), name
        before = after
    model.save(tmp_path / "model.safetensors")
    assert np.array_equal(wl.load(tmp_path / "model.safetensors")(x), after)


@pytest.mark.parametrize(("nodes", "said"), [
    ([["c", nn.Conv1d(2, 3, 1), ["x"]]], "has the name 'c' of another node"),
    ([["a", nn.Conv1d(2, 3, 1), ["x", "c"]]], "reads 2 nodes; it must be 1"),
    ([["a", nn.FiLM(2, 4), ["x", "c"]]], "condition_channels=4 but the conditioning given has 3 channels"),
    ([["a", nn.FiLM(2, 3), ["x", "c", "c"]]], "reads 3 nodes; it must be 1 or 2"),
])  # fmt: skip
def test_graphs_with_conditioning_say_what_does_not_fit(nodes, said):
    with pytest.raises(wl.ParameterError) as error:
        nn.Graph(2, nodes, condition_channels=3)(np.zeros((4, 2), np.float32), np.zeros((4, 3), np.float32))
    assert said in str(error.value)


def upsampling(factor):
    return wl.WaveNet(1, 1, dilations=[1], condition_channels=3, condition=nn.Upsample(factor))


@pytest.mark.parametrize(("nodes", "options", "said"), [
    ([["a", nn.Conv1d(1, 3, 1), ["x"]]], {"condition_channels": 3}, "channels=3 but no node reads conditioning"),
    ([["a", nn.Conv1d(1, 3, 1), ["x"]]], {"condition_period": 4}, "condition_period=4 but no node reads conditioning"),
    ([["a", upsampling(4), ["x"]]], {"condition_period": 2}, "condition_period=2 but node 'a' needs 4; it must be 4"),
    ([["a", upsampling(4), ["x"]]], {"condition_period": 8}, "condition_period=8 but node 'a' needs 4; it must be 4"),
    ([["a", nn.Conv1d(1, 3, 1), ["x"]], ["b", "add", ["a", "c"]]], {"condition_channels": 3, "condition_period": 4},
     "node 'b': branches have frame periods [1, 4]; they must be equal; the conditioning has one frame for every 4"
     " frames of x (condition_period=4)"),
    ([["a", upsampling(4), ["x"]], ["b", nn.FiLM(1, 3), ["a"]]], {}, "for every 4 frames of x (condition_period=4)"),
    ([["a", upsampling(4), ["x", "c"]]], {"condition_channels": 3}, "for each frame of x (condition_period=1)"),
])  # fmt: skip
def test_conditioning_that_no_node_reads_or_at_another_rate_is_told(nodes, options, said):
    with pytest.raises(wl.ParameterError) as error:
        nn.Graph(1, nodes, **options)(np.zeros((8, 1), np.float32), np.zeros((2, 3), np.float32))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_the_rate_of_a_graph_s_conditioning_is_that_of_its_layers():
    for period in (1, 4):
        assert nn.Graph(1, [["a", upsampling(4), ["x"]]], condition_period=period).condition_period == 4


def test_a_graph_s_conditioning_has_a_rate_of_its_own(tmp_path):
    model = nn.Graph(1, [["slow", nn.Upsample(4), ["c"]], ["film", nn.FiLM(1, 2), ["x", "slow"]]],
                     condition_channels=2, condition_period=4)  # fmt: skip
    assert (model.condition_channels_needed, model.condition_period) == (2, 4)
    assert nn.Graph(1, [["c", nn.Conv1d(1, 2, 1), ["x"]]]).condition_channels_needed == 0
    model.save(tmp_path / "graph.safetensors")
    x, c = np.ones((10, 1), np.float32), np.ones((3, 2), np.float32)
    assert np.array_equal(wl.load(tmp_path / "graph.safetensors")(x, c), model(x, c))
