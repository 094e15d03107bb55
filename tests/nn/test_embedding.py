"""Embedding: classes in, rows of a table out, wherever a network runs."""

import c_programs
import contract
import numpy as np
import pytest
import reference
from catalogue import randomised, same_bits

import wavenetlite as wl
from wavenetlite.train import Parameters, Tape

nn = wl.nn


def classes(frames, count, seed=0):
    return np.random.default_rng(seed).integers(count, size=(frames, 1)).astype(np.float32)


NETWORKS = {
    "alone": lambda: nn.Embedding(5, 3),
    "of one": lambda: nn.Embedding(1, 40),
    "first": lambda: wl.Sequential([nn.Embedding(7, 17), nn.Activation("relu"), nn.Conv1d(17, 4, 3, dilation=2)]),
    "of a WaveNet": lambda: wl.Sequential([nn.Embedding(256, 8), wl.WaveNet(8, 256, dilations=[1, 2])]),
    "read twice": lambda: wl.Sequential([nn.Concat([nn.Embedding(9, 3), [nn.Embedding(9, 5), nn.Conv1d(5, 2, 2)]])]),
    "stride": lambda: wl.Sequential([nn.Embedding(4, 6), nn.Conv1d(6, 3, 3, stride=2)]),
    "normalised": lambda: wl.Sequential([nn.Embedding(6, 5), nn.BatchNorm(5), nn.Conv1d(5, 2, 2)]),
}


def count_of(model):
    return min(module.num_embeddings for _, module in model.modules() if isinstance(module, nn.Embedding))


@pytest.fixture(params=NETWORKS)
def model(request):
    return randomised(NETWORKS[request.param]())


def test_values_and_the_streaming_contract(model):
    x = classes(301, count_of(model))
    contract.check_values(model, x)
    for blocks in ([1] * 301, [0, 2, 64, 235], [300, 1]):
        contract.check_partition(model, x, None, blocks, use_out=True)
    contract.check_reset_midway(model, x, None, 100)
    contract.check_batch(model, x, None)
    assert wl.verify_stream(model, frames=150, partitions=2).partitions


def test_files(model, tmp_path):
    model.save(tmp_path / "model.safetensors")
    x = classes(50, count_of(model))
    assert same_bits(wl.load(tmp_path / "model.safetensors")(x), model(x))


@pytest.mark.parametrize("streaming", [False, True])
def test_onnx(model, streaming):
    running = pytest.importorskip("onnx_running", reason="needs the packages onnx and onnxruntime")
    x = classes(60, count_of(model))
    wanted = model(x)
    data = running.exported(model, streaming=streaming)
    y = (running.streamed if streaming else running.offline)(data, x)
    assert np.abs(y[: len(wanted)] - wanted).max() <= 1e-5 * max(1, np.abs(wanted).max())


def test_c_has_the_same_bits(model, tmp_path):
    x = classes(40, count_of(model))
    program = c_programs.compiled(tmp_path, {"net": model})
    ran = c_programs.run(program, {"net": model}, {"net": (x, None)})["net"]
    assert same_bits(np.concatenate([ran.frames, ran.flushed]), model(x))


def test_torch(model):
    torch = pytest.importorskip("torch", reason="needs PyTorch")
    x = np.stack([classes(30, count_of(model), seed) for seed in range(2)])
    y = model.to_torch()(torch.tensor(x)).detach().numpy()
    assert np.abs(y - model(x)).max() <= 1e-5


def test_script(model, tmp_path):
    path = tmp_path / "model.py"
    wl.formats.save(model, path)
    space = {}
    exec(path.read_text("utf-8"), space)
    x = classes(33, count_of(model))
    assert np.abs(space["network"](x.astype(np.float64)) - model(x)).max() <= 1e-5


def test_gradients_are_those_of_the_definition():
    model = randomised(wl.Sequential([nn.Embedding(6, 4), nn.Activation("tanh"), nn.Conv1d(4, 3, 2)]))
    x = np.stack([classes(25, 5, seed) for seed in range(3)])  # the last class does not occur
    parameters = Parameters(model)
    tape = Tape(parameters, 3, 25)
    weights = np.random.default_rng(1).standard_normal(tape.forward(x).shape).astype(np.float32)
    gradient = tape.backward(weights).copy()
    state = {name: value.astype(np.float64) for name, value in model.state_dict().items()}

    def loss(table):
        given = {**state, "0.weight": table}
        made = [reference.run_network(model, reference.Weights(given), reference.Frames(clip.astype(np.float64)), None)
                for clip in x]  # fmt: skip
        return sum((one.values * weight).sum() for one, weight in zip(made, weights, strict=True))

    table = state["0.weight"]
    for place in np.ndindex(table.shape):
        step = np.zeros_like(table)
        step[place] = 1e-5
        slope = (loss(table + step) - loss(table - step)) / 2e-5
        assert abs(gradient[np.ravel_multi_index(place, table.shape)] - slope) <= 1e-4 * max(1, abs(slope))


def test_frozen_tables_get_no_gradient():
    model = nn.Embedding(3, 2)
    x = np.stack([classes(9, 3)])
    tape = Tape(Parameters(model, frozen=["weight"]), 1, 9)
    tape.forward(x)
    assert not tape.backward(np.ones((1, 9, 2), np.float32)).any()


def test_training_learns_a_table():
    x = np.stack([classes(40, 4, seed) for seed in range(4)])
    model = nn.Embedding(4, 2)
    target = np.arange(8, dtype=np.float32).reshape(4, 2)[x[..., 0].astype(int)]
    parameters = Parameters(model)
    tape = Tape(parameters, 4, 40)
    for _ in range(60):
        error = tape.forward(x) - target
        gradient = tape.backward(error / 40)
        parameters.values[1 : 1 + gradient.size] -= 0.5 * gradient
    assert np.abs(tape.forward(x) - target).max() < 1e-2


# ---------------------------------------------------------------------------------------------------- what is refused
@pytest.mark.parametrize("value", [-1, 5, 0.5, 1e9, -0.001, 4.0001])
def test_other_numbers_than_classes_raise(value):
    model = wl.Sequential([nn.Embedding(5, 3), nn.Conv1d(3, 2, 2)])
    x = classes(8, 5)
    x[6, 0] = value
    good, stream = classes(4, 5), model.stream()
    stream.process(good)
    before = stream.snapshot()
    pool = model.pool(2)
    a = pool.open()
    parameters = Parameters(model)
    for call in (
        lambda: model(x),
        lambda: model(np.stack([x, x])),
        lambda: stream.process(x),
        lambda: pool.process({a: x}),
        lambda: pool.step(x[6:7], [a]),
        lambda: Tape(parameters, 1, 8).forward(x[None]),
    ):
        with pytest.raises(wl.ParameterError, match=r"at frame \d+; it must be a class .* from 0 to 4"):
            call()
    assert stream.snapshot() == before
    assert pool.frames_in(a) == 0


def test_minus_zero_is_a_class():
    model = nn.Embedding(2, 1)
    assert same_bits(model(np.array([[-0.0]], np.float32)), model(np.array([[0.0]], np.float32)))


def test_infinities_can_be_zeroed_into_class_0():
    model = nn.Embedding(3, 2)
    x = np.array([[np.nan], [2]], np.float32)
    with pytest.raises(wl.ParameterError, match="not finite at frame 0"):
        model(x)
    assert same_bits(model(x, on_nonfinite="zero"), model(np.array([[0], [2]], np.float32)))


def test_classes_of_the_conditioning_are_checked_too():
    model = wl.WaveNet(2, 3, dilations=[1, 2], condition_channels=1, condition=nn.Embedding(10, 4))
    x = np.zeros((5, 2), np.float32)
    assert same_bits(model(x, c=np.array([7], np.float32)), model(x, c=np.full((5, 1), 7, np.float32)))
    for c in (np.array([10], np.float32), np.full((5, 1), 0.5, np.float32)):
        with pytest.raises(wl.ParameterError, match=r"c has .* from 0 to 9"):
            model(x, c=c)
    with pytest.raises(wl.ParameterError, match="c has 10"):
        model.stream(c=np.array([10], np.float32))
    with pytest.raises(wl.ParameterError, match="c has 10"):
        model.pool(1).open(np.array([10], np.float32))
    assert wl.verify_stream(model, frames=60, partitions=1).partitions


def test_it_must_come_first():
    for layers in ([nn.Conv1d(1, 1, 2), nn.Embedding(3, 2)], [nn.Activation("relu"), nn.Embedding(3, 2)]):
        with pytest.raises(wl.ParameterError, match="it must be the first layer"):
            wl.Sequential(layers)(np.zeros((3, 1), np.float32))


@pytest.mark.parametrize("options", [(0, 3), (3, 0), (2**24 + 1, 1), (1.5, 2), (3, 2**20)])
def test_options(options):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError), match=r"num_embeddings|embedding_dim"):
        nn.Embedding(*options)


def test_quantised_networks_keep_it_in_floats():
    model = randomised(wl.Sequential([nn.Embedding(6, 8), nn.Conv1d(8, 8, 2), nn.Activation("relu"), nn.Linear(8, 2)]))
    x = classes(400, 6)
    quantised = wl.quantize(model, calibration=x)
    assert np.abs(quantised(x) - model(x)).max() < 0.05 * np.abs(model(x)).max()
    with pytest.raises(wl.ParameterError, match="from 0 to 5"):
        quantised(np.full((1, 1), 6, np.float32))
    half = wl.quantize(model, weights="bf16")
    assert np.abs(half(x) - model(x)).max() < 0.05
