"""Frames of bf16: every operation rounds what it gives, to the nearest, however a signal is fed; what is refused."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from c_programs import GCC, compiled, run
from catalogue import FLOATS, condition, same_bits, signal
from instruction_sets import cpu_has, run_python

import wavenetlite as wl
from wavenetlite import nodes
from wavenetlite.graph import topological_order
from wavenetlite.kernels import isa
from wavenetlite.kernels.bf16 import are_bf16, from_halves, rounded_to_bf16
from wavenetlite.nn import Activation, BatchNorm, Bf16, Conv1d, Conv2d, ConvTranspose1d, Linear
from wavenetlite.quantization.calibration import frames_of
from wavenetlite.quantization.examples import Example

RNG = np.random.default_rng(0)
ALL = from_halves(np.arange(2**16, dtype=np.uint16))
ALL = ALL[np.isfinite(ALL)]


def gates(channels):
    return wl.WaveNet(in_channels=channels, out_channels=5, residual_channels=20, skip_channels=12, kernel_size=2,
                      dilations=[1, 2, 4], seed=2)  # fmt: skip


# Against its definition


def step_by_step(output, x):
    """The frames of every sequence of a network: of a rounding, those that it reads, rounded here."""
    frames = {}
    for node in topological_order(output):
        if node.signal:
            frames[node] = x
        elif isinstance(node, nodes.Activate) and node.name == "bf16":
            frames[node] = rounded_to_bf16(frames[node.edges[0].node])
        else:
            frames[node] = in_float32(node, [frames[edge.node] for edge in node.edges])
    return frames


def in_float32(node, given):
    """An operation by itself, on the frames that it reads."""
    channels = [one.shape[1] for one in given]
    firsts = np.cumsum([0, *channels[:-1]])
    source = nodes.Input((), sum(channels), node.edges[0].node.clock, "x")
    parts = [nodes.take(source, int(first), width) for first, width in zip(firsts, channels, strict=True)]
    alone = replace(node, edges=tuple(replace(edge, node=part) for edge, part in zip(node.edges, parts, strict=True)))
    ((_, (frames,)),) = frames_of([alone], [Example(np.concatenate(given, axis=1), None)])
    return frames


@pytest.mark.parametrize("layers", [
    [Conv1d(3, 16, 3, dilation=2), BatchNorm(16, eps=1e-3), Activation("relu"), Linear(16, 5)],
    [Conv1d(3, 8, 2), Activation("tanh"), wl.nn.Residual([Conv1d(8, 8, 3), Activation("relu"), Conv1d(8, 8, 1)])],
    [wl.nn.GRU(3, 8), wl.nn.LayerNorm(8), wl.nn.Add([Conv1d(8, 6, 1), Conv1d(8, 6, 3)]), Activation("softmax")],
    [Conv1d(3, 12, 5, groups=3), wl.nn.GatedUnit(), wl.nn.CumulativePool("mean")],
    [gates(3)],
])  # fmt: skip
def test_its_definition(layers):
    network = wl.quantize(wl.Sequential(layers), dtype="bf16")
    x = signal(60, 3)
    output = network.graph()
    assert same_bits(network(x), step_by_step(output, x)[output])


LAYERS = {
    "dilated": (lambda: Conv1d(6, 9, dilation=2, kernel_size=2),
                lambda torch, w, x: torch.conv1d(pad(torch, x, 2), *w, dilation=2)),
    "grouped": (lambda: Conv1d(6, 12, 3, groups=3), lambda torch, w, x: torch.conv1d(pad(torch, x, 2), *w, groups=3)),
    "strided": (lambda: Conv1d(6, 8, 4, stride=2), lambda torch, w, x: torch.conv1d(pad(torch, x, 3), *w, stride=2)),
    "pointwise": (lambda: Linear(6, 9), lambda torch, w, x: torch.linear(x.mT, *w).mT),
    "tanh": (lambda: Activation("tanh"), lambda torch, w, x: torch.tanh(x)),
    "sigmoid": (lambda: Activation("sigmoid"), lambda torch, w, x: torch.sigmoid(x)),
    "gelu": (lambda: Activation("gelu"), lambda torch, w, x: torch.gelu(x)),
    "softmax": (lambda: Activation("softmax"), lambda torch, w, x: torch.softmax(x, 1)),
}  # fmt: skip
"""Layers, and what PyTorch computes in double precision: of weights, and x (1, channels, frames)."""


def pad(torch, x, frames):
    return torch.pad(x, (frames, 0))


@pytest.mark.parametrize("name", LAYERS)
def test_layers_of_pytorch(name):
    """A sum in another order is rounded to a neighbour now and then, where it lies between two numbers of bf16."""
    torch = pytest.importorskip("torch")
    build, function = LAYERS[name]
    network = wl.quantize(wl.Sequential([build()]), dtype="bf16")
    x = signal(2000, 6)
    weights = [torch.tensor(value).bfloat16().double() if value.ndim > 1 else torch.tensor(value).double()
               for value in network.state_dict().values()]  # fmt: skip
    exact = function(torch.nn.functional, weights, torch.from_numpy(x).bfloat16().double().T[None])
    wanted, y = exact[0].T.float().bfloat16().float().numpy(), network(x)
    assert are_bf16(y) and (y != wanted).mean() < 1e-3
    assert np.abs(y - wanted).max() <= 2**-7 * np.abs(wanted).max()


@pytest.mark.parametrize("name", FLOATS)
def test_the_catalogue_streams(name):
    case = FLOATS[name]
    model = case.model()
    network = wl.quantize(model, dtype="bf16")
    x, c = signal(60, case.in_channels), condition(-(-60 // model.condition_period), case.condition_channels)
    y = network(x, c)
    assert are_bf16(y) and y.shape == model(x, c).shape
    wl.verify_stream(network, frames=60, partitions=2)


@pytest.mark.parametrize("name", FLOATS)
def test_everything_read_is_bf16(name):
    """Sequences of the catalogue that are not rounded are read by their bias and their ReLU alone."""
    case = FLOATS[name]
    output = wl.quantize(case.model(), dtype="bf16").graph(case.in_channels)
    order = topological_order(output)
    raw = {node for node in order if not (isinstance(node, nodes.Activate) and node.name == "bf16")}
    rounded = set(order) - raw
    for node in order:
        if isinstance(node, nodes.Slice | nodes.Concat | nodes.MaxPool) or node.is_relu:
            rounded |= {node} if all(edge.node in rounded for edge in node.edges) else set()
    for node in raw:
        for edge in node.edges:
            one = node.is_relu or isinstance(node, nodes.Norm)
            assert edge.node in rounded or (one and isinstance(edge.node, nodes.Conv | nodes.Conv2d | nodes.Norm))
    assert output in rounded


# Bits


FUNCTIONS = ("tanh", "sigmoid", "silu", "gelu", "elu", "leaky_relu", "hardswish", "softsign", "hardtanh", "fast_tanh")


def exact_under_sse2():
    """Functions of every number of bf16, and a network of convolutions and functions."""
    layers = [Conv1d(3, 37, 3), Activation("tanh"), Conv1d(37, 37, 2, groups=37), Activation("relu"), Linear(37, 6)]
    network = wl.quantize(wl.Sequential(layers, seed=1), dtype="bf16")
    made = [Bf16([Activation(name)])(ALL[:, None]) for name in FUNCTIONS]
    return np.concatenate([*(one.ravel() for one in made), network(signal(300, 3)).ravel()])


@pytest.mark.skipif(not cpu_has("sse2") or isa() == "sse2", reason="needs an x86 CPU with more than SSE2")
def test_convolutions_and_functions_have_the_same_bits_without_fused_multiply_adds(tmp_path):
    """Products of bf16 are exact; and no function of bf16 lies near enough to the middle between two numbers."""
    code = "import sys, numpy, test_bf16_frames; numpy.save(sys.argv[1], test_bf16_frames.exact_under_sse2())"
    done = run_python(["-c", code, str(tmp_path / "bits.npy")], "sse2")
    assert done.returncode == 0, done.stderr
    assert same_bits(np.load(tmp_path / "bits.npy"), exact_under_sse2())


def test_large_and_small_numbers():
    identity = Bf16([Activation("identity")])
    largest = np.float32(3.3895314e38)
    x = np.array([[largest, 3.39e38, -3.4e38, 1e-45, -0.0]], np.float32)
    assert identity(x).tolist() == [[largest, largest, -np.inf, 0.0, 0.0]]


# What it says, files and exports


def test_summary_says_which_layers():
    network = wl.quantize(wl.TCN(4, 2, channels=8, dilations=[1, 2], seed=1), dtype="bf16")
    assert "8 -> 8 bf16" in network.summary() and "688 of them bf16" in network.summary()
    mixed = wl.Sequential([Linear(4, 4), Bf16([Activation("tanh")])])
    lines = [line for line in mixed.summary().splitlines() if " -> " in line][1:]
    assert ["bf16" in line for line in lines] == [False, True]


def test_a_part_of_a_network():
    inner = [Linear(4, 8), Activation("tanh")]
    small = wl.quantize(wl.Sequential(inner), dtype="bf16")
    mixed, x = wl.Sequential([Conv1d(4, 4, 3), small, Linear(8, 2)]), signal(40, 4)
    wanted = mixed[2](small(mixed[0](x)))
    assert same_bits(mixed(x), wanted) and are_bf16(small(x)) and not are_bf16(mixed(x))
    wl.verify_stream(mixed)


def test_a_part_in_integers_stays_so():
    model, x = wl.TCN(4, 2, channels=8, dilations=[1, 2], seed=1), signal(300, 4)
    mixed = wl.quantize(wl.quantize(model, calibration=x, keep=["output"]), dtype="bf16")
    assert are_bf16(mixed(x)) and "int8" in mixed.summary()
    assert np.abs(mixed(x) - model(x)).max() < 0.1 * np.abs(model(x)).max()
    wl.verify_stream(mixed)


def test_a_file_half_as_large(tmp_path):
    network = wl.quantize(gates(1), dtype="bf16")
    network.save(tmp_path / "small.safetensors")
    gates(1).save(tmp_path / "large.safetensors")
    sizes = [(tmp_path / f"{name}.safetensors").stat().st_size for name in ("small", "large")]
    twin, x = wl.load(tmp_path / "small.safetensors"), signal(50, 1)
    assert isinstance(twin, Bf16) and same_bits(twin(x), network(x)) and sizes[0] < 0.8 * sizes[1]


def test_onnx(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    layers = [Conv1d(3, 16, 3), BatchNorm(16), Activation("relu"), ConvTranspose1d(16, 8, 4, stride=2), Linear(8, 4)]
    network, x = wl.quantize(wl.Sequential(layers), dtype="bf16"), signal(100, 3)
    wl.formats.save(network, tmp_path / "network.onnx")
    session = runtime.InferenceSession(tmp_path / "network.onnx", providers=["CPUExecutionProvider"])
    (y,) = session.run(None, {session.get_inputs()[0].name: x.T[None]})
    assert are_bf16(y) and np.abs(y[0].T - network(x)).max() < 0.02 * np.abs(network(x)).max()


def test_a_script(tmp_path):
    network, x = wl.quantize(gates(3), dtype="bf16"), signal(50, 3)
    wl.formats.save(network, tmp_path / "network.py")
    np.save(tmp_path / "x.npy", x)
    done = run_python([str(tmp_path / name) for name in ("network.py", "x.npy", "y.npy")], None)
    assert done.returncode == 0, done.stderr
    assert np.abs(np.load(tmp_path / "y.npy") - network(x)).max() < 0.02 * np.abs(network(x)).max()


@pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc here")
def test_c(tmp_path):
    layers = [Conv1d(3, 8, 3), BatchNorm(8), Activation("relu"), Activation("gelu"), wl.nn.GRU(8, 4)]
    models = {"net0": wl.quantize(gates(3), dtype="bf16"), "net1": wl.quantize(wl.Sequential(layers), dtype="bf16")}
    signals = dict.fromkeys(models, (signal(60, 3), None))
    defines = [f"-D{name.upper()}_NO_FMA" for name in models] if isa() == "sse2" else []
    ran = run(compiled(tmp_path, models, GCC, *defines), models, signals)
    for name, model in models.items():
        assert same_bits(ran[name].frames, model(signals[name][0]))


# Mistakes


def test_it_is_not_trained():
    network = wl.quantize(wl.Sequential([Linear(3, 2)]), dtype="bf16")
    given = RNG.standard_normal((8, 5, 3), dtype=np.float32), np.zeros(8, int)
    with pytest.raises(wl.WavenetliteError, match="weights of Bf16 cannot be trained: train the network in float32"):
        wl.train.fit(network, given, epochs=1, batch_size=4)


@pytest.mark.parametrize(("options", "said"), [
    ({"dtype": "fp16"}, "dtype='fp16' must be"),
    ({"dtype": "int8"}, "dtype='int8' must be"),
    ({"dtype": "bf16", "weights": "bf16"}, "dtype='bf16' takes no weights"),
    ({"dtype": "bf16", "method": "mse"}, "dtype='bf16' takes no calibration, method"),
    ({"dtype": "bf16", "calibration": signal(9, 3)}, "dtype='bf16' takes no calibration, method"),
])  # fmt: skip
def test_options_that_do_not_fit(options, said):
    with pytest.raises(wl.WavenetliteError, match=said):
        wl.quantize(wl.Sequential([Linear(3, 2)]), **options)


def test_twice_is_refused():
    model = wl.Sequential([Conv2d(1, 2, 3, bins=3), Linear(6, 2)])
    network = wl.quantize(model, dtype="bf16")
    for options in ({"dtype": "bf16"}, {"weights": "bf16"}):
        with pytest.raises(wl.WavenetliteError, match="has weights of bf16 already"):
            wl.quantize(network, **options)
    with pytest.raises(wl.WavenetliteError, match="rounds to bf16; quantise the network that it was made from"):
        wl.quantize(network, calibration=signal(50, 3))
    with pytest.raises(wl.WavenetliteError, match=r"dtype='bf16'.* rounds them"):
        Bf16([Linear(3, 2)])(signal(4, 3))


def test_it_has_no_twin_in_pytorch():
    pytest.importorskip("torch")
    with pytest.raises(wl.WavenetliteError, match="Bf16 has no counterpart in PyTorch"):
        wl.quantize(wl.Sequential([Linear(3, 2)]), dtype="bf16").to_torch()
