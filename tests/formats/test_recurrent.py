"""GRUs and LSTMs of PyTorch, ONNX and RTNeural, and norms over channels: PyTorch and ONNX Runtime are the witnesses."""

import io
import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wavenetlite as wl
from wavenetlite import formats
from wavenetlite.formats import torch_check

torch = pytest.importorskip("torch", reason="needs PyTorch, of which networks are read")

KINDS = {"GRU": torch.nn.GRU, "LSTM": torch.nn.LSTM}
SHAPES = {"inputs": st.integers(1, 9), "hidden": st.integers(1, 17), "num_layers": st.integers(1, 3),
          "bias": st.booleans(), "batch_first": st.booleans()}  # fmt: skip


def signal(frames, channels, seed=0):
    return np.random.default_rng(seed).standard_normal((frames, channels), dtype=np.float32)


def close(y, wanted):
    assert y.shape == wanted.shape
    assert np.abs(y - wanted).max(initial=0) <= 1e-5 * max(1, np.abs(wanted).max(initial=0))


def agrees(model, x, wanted):
    """Whole, and streamed in blocks of 1, 2, 3, ... frames."""
    stream, parts, first = model.stream(), [], 0
    for frames in range(1, len(x) + 1):
        parts.append(stream.process(x[first : first + frames]).copy())
        first += frames
    close(model(x), wanted)
    close(np.concatenate([*parts, stream.flush()]), wanted)


def given_as(module, x):
    """(frames, channels) as a recurrent module takes them."""
    rows = torch.from_numpy(x.copy())
    return rows[None] if module.batch_first else rows[:, None]


class Net(torch.nn.Module):
    """A recurrent module and a linear layer over all its frames, or of its last state."""

    def __init__(self, kind, last=False, **options):
        super().__init__()
        self.units = kind(**options)
        self.head = torch.nn.Linear(options["hidden_size"], 2)
        self.last = last

    def forward(self, x):
        y, state = self.units(x)
        return self.head((state[0] if isinstance(state, tuple) else state)[-1] if self.last else y)


# ---------------------------------------------------------------------------------------------------- PyTorch
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(**SHAPES)
def test_from_torch(kind, inputs, hidden, num_layers, bias, batch_first):
    torch.manual_seed(hidden)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # dropout with one layer
        module = KINDS[kind](inputs, hidden, num_layers, bias=bias, batch_first=batch_first, dropout=0.3).eval()
    x = signal(30, inputs)
    with torch.no_grad():
        y = module(given_as(module, x))[0].numpy()
    agrees(wl.from_torch(module), x, y[0] if batch_first else y[:, 0])


def test_a_recurrent_module_at_the_end_of_a_sequential():
    torch.manual_seed(1)
    module = torch.nn.Sequential(torch.nn.Linear(3, 5), torch.nn.LayerNorm(5), torch.nn.GRU(5, 4, batch_first=True))
    x = signal(20, 3)
    with torch.no_grad():
        agrees(wl.from_torch(module), x, module(torch.from_numpy(x)[None])[0][0].numpy())


def test_norms_without_frames():
    torch.manual_seed(1)
    module = torch.nn.Sequential(torch.nn.Linear(3, 6), torch.nn.GroupNorm(2, 6, eps=0.01), torch.nn.ReLU(),
                                 torch.nn.GroupNorm(3, 6, affine=False), torch.nn.LayerNorm(6))  # fmt: skip
    for norm in (module[1], module[4]):
        norm.weight.data.uniform_(0.5, 1.5)
        norm.bias.data.normal_()
    x = signal(20, 3)
    with torch.no_grad():
        agrees(wl.from_torch(module), x, module(torch.from_numpy(x)).numpy())


def normed():
    module = torch.nn.GRU(2, 3)
    torch.nn.utils.parametrizations.weight_norm(module, "weight_hh_l0")
    return module


REFUSED = [
    ([torch.nn.GRU(2, 3, bidirectional=True)], r"0 \(GRU\): bidirectional=True must be False"),
    ([torch.nn.LSTM(2, 3, proj_size=1)], r"0 \(LSTM\): proj_size=1 must be 0"),
    ([torch.nn.Conv1d(2, 2, 1), torch.nn.LSTM(2, 3)], r"1 \(LSTM\): after a convolution it works on time"),
    (
        [torch.nn.LSTM(2, 3), torch.nn.ReLU()],
        r"1 \(ReLU\): it comes after a LSTM, which gives",
    ),
    ([torch.nn.Conv1d(2, 4, 1), torch.nn.GroupNorm(2, 4)], r"1 \(GroupNorm\): it averages over all frames"),
    ([torch.nn.GroupNorm(2, 4)], r"0 \(GroupNorm\): it averages over all frames"),
]


def test_a_parametrized_module_is_traced():
    module = normed()
    x = np.random.default_rng(0).standard_normal((30, 2)).astype(np.float32)
    with torch.no_grad():
        wanted = module(torch.from_numpy(x)[:, None])[0][:, 0].numpy()
    np.testing.assert_allclose(wl.from_torch(module)(x), wanted, atol=1e-6)


@pytest.mark.parametrize(("layers", "message"), REFUSED, ids=range(len(REFUSED)))
def test_refused_by_from_torch(layers, message):
    with pytest.raises(wl.ParameterError, match=message):
        wl.from_torch(torch.nn.Sequential(*layers))


# ---------------------------------------------------------------------------------------------------- ONNX
def from_onnx(data):
    return formats.FORMATS["onnx"].load(io.BytesIO(data), len(data))


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(**SHAPES, dynamic=st.booleans(), last=st.booleans())
def test_what_pytorch_exports(kind, inputs, hidden, num_layers, bias, batch_first, dynamic, last):
    pytest.importorskip("onnx", reason="needs the package onnx")
    torch.manual_seed(hidden)
    module = Net(KINDS[kind], last, input_size=inputs, hidden_size=hidden, num_layers=num_layers, bias=bias,
                 batch_first=batch_first).eval()  # fmt: skip
    x = signal(11, inputs)
    theirs = given_as(module.units, x)
    axes = ("batch", "time") if batch_first else ("time", "batch")
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (theirs,), file, dynamo=False, input_names=["x"], output_names=["y"],
                          dynamic_axes={"x": dict(enumerate(axes))} if dynamic else None)  # fmt: skip
        with torch.no_grad():
            y = module(theirs).numpy()
    model = from_onnx(file.getvalue())
    if last:
        close(model(x)[-1], y[0])
    else:
        agrees(model, x, y[0] if batch_first else y[:, 0])


class Between(torch.nn.Module):
    """Units and a norm between convolutions, which are padded on both sides, before the signal, or not at all."""

    def __init__(self, kind, padding):
        super().__init__()
        self.first, self.units = torch.nn.Conv1d(3, 6, 5, padding=padding), kind(6, 4, batch_first=True)
        self.norm, self.second = torch.nn.LayerNorm(4), torch.nn.Conv1d(4, 2, 3, padding=padding % 4 // 2)
        self.cut = 4 if padding == 4 else 0

    def forward(self, x):
        y = torch.relu(self.first(x))
        y = y[:, :, : -self.cut] if self.cut else y
        return self.second(self.norm(self.units(y.transpose(1, 2))[0]).transpose(1, 2))


@pytest.mark.parametrize("dynamo", [False, True], ids=["old exporter", "new exporter"])
@pytest.mark.parametrize("padding", [0, 2, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_units_between_convolutions(kind, padding, dynamo, tmp_path):
    """The state begins with the first frame that the convolution before gives."""
    pytest.importorskip("onnxscript", reason="needs the package onnxscript")
    torch.manual_seed(padding)
    module, x = Between(KINDS[kind], padding).eval(), signal(30, 3)
    theirs = torch.from_numpy(x.T.copy())[None]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(module, (theirs,), tmp_path / "model.onnx", dynamo=dynamo, verbose=False)
    model = wl.load(tmp_path / "model.onnx")
    with torch.no_grad():
        y = module(theirs).numpy()[0].T
    agrees(model, x, y)


def onnx_node(kind, arrays, layout, **attributes):
    """The bytes of a graph with one recurrent node, whose input has a batch of one."""
    onnx = pytest.importorskip("onnx", reason="needs the package onnx")
    helper, numpy = onnx.helper, onnx.numpy_helper
    names = [name if value is not None else "" for name, value in arrays.items()]
    inputs = arrays["w"].shape[2]
    shape = [1, "time", inputs] if layout else ["time", 1, inputs]
    node = helper.make_node(kind, ["x", *names], ["all"], name="units", layout=layout, **attributes)
    squeeze = helper.make_node("Squeeze", ["all", "axis"], ["y"])
    held = [numpy.from_array(value, name) for name, value in arrays.items() if value is not None]
    held.append(numpy.from_array(np.array([2 if layout else 1]), "axis"))
    graph = helper.make_graph([node, squeeze], "graph", [helper.make_tensor_value_info("x", 1, shape)],
                              [helper.make_tensor_value_info("y", 1, None)], held)  # fmt: skip
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()


def onnx_arrays(kind, inputs, hidden, bias, seed=0):
    rng, gates = np.random.default_rng(seed), {"GRU": 3, "LSTM": 4}[kind]
    draw = lambda *shape: rng.uniform(-0.7, 0.7, (1, *shape)).astype(np.float32)  # noqa: E731
    b = draw(2 * gates * hidden) if bias else None
    return {"w": draw(gates * hidden, inputs), "r": draw(gates * hidden, hidden), "b": b}


@pytest.mark.parametrize("layout", [0, 1])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("more", ["bias", "no bias", "first state"])
def test_nodes_as_onnx_runtime_runs_them(kind, more, layout):
    runtime = pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")
    options = {"hidden_size": 5} | ({"linear_before_reset": 1} if kind == "GRU" else {})
    arrays = onnx_arrays(kind, 3, 5, more != "no bias")
    if more == "first state":
        states = signal(2, 5)[:, None, None]
        arrays |= {"lengths": None, "h": states[0]} | ({"c": states[1]} if kind == "LSTM" else {})
    data, x = onnx_node(kind, arrays, layout, **options), signal(20, 3)
    reference = onnx_node(kind, arrays, 0, **options)  # ONNX Runtime has layout 0 only
    y = runtime.InferenceSession(reference, providers=["CPUExecutionProvider"]).run(None, {"x": x[:, None]})[0][:, 0]
    agrees(from_onnx(data), x, y)


ODD_NODES = {
    "backward": ({}, {"direction": "reverse"}, "has direction='reverse'; it must be 'forward'"),
    "reset before": ({}, {"linear_before_reset": 0}, "has linear_before_reset=0; it must be 1"),
    "activations": ({}, {"activations": ["Sigmoid", "Relu"]}, r"has activations \['Sigmoid', 'Relu'\]"),
    "clip": ({}, {"clip": 3.0}, "has clip=3.0"),
    "lengths": ({"lengths": np.array([3], np.int32)}, {}, "has lengths of its sequences"),
    "states": ({"lengths": None, "h": np.eye(2, 5, dtype=np.float32)[None]}, {}, "has states before the signals"),
}


@pytest.mark.parametrize("name", ODD_NODES)
def test_nodes_that_are_refused(name):
    more, attributes, message = ODD_NODES[name]
    arrays = onnx_arrays("GRU", 3, 5, True) | more
    with pytest.raises(wl.ModelFileError, match=rf"node 'units' \(GRU\): .*{message}"):
        from_onnx(onnx_node("GRU", arrays, 0, **({"hidden_size": 5, "linear_before_reset": 1} | attributes)))


# ---------------------------------------------------------------------------------------------------- RTNeural
def rtneural_object(module):
    """A module of PyTorch, one layer, as RTNeural's script writes Keras's of the same weights."""
    gates = [1, 0, 2] if isinstance(module, torch.nn.GRU) else [0, 1, 2, 3]
    order = lambda a: np.concatenate([np.split(a.detach().numpy(), len(gates))[g] for g in gates])  # noqa: E731
    kernels = [order(one).T.tolist() for one in (module.weight_ih_l0, module.weight_hh_l0)]
    biases = np.stack([order(one) for one in (module.bias_ih_l0, module.bias_hh_l0)])
    bias = biases if len(gates) == 3 else biases.sum(axis=0)
    return {"type": type(module).__name__.lower(), "activation": "tanh", "shape": [None, None, module.hidden_size],
            "weights": [*kernels, bias.tolist()]}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10, deadline=None)
@given(inputs=SHAPES["inputs"], hidden=SHAPES["hidden"])
def test_rtneural(kind, inputs, hidden):
    torch.manual_seed(hidden)
    module = KINDS[kind](inputs, hidden, batch_first=True)
    text = json.dumps({"in_shape": [None, None, inputs], "layers": [rtneural_object(module)]}).encode()
    model, x = formats.FORMATS["rtneural"].load(io.BytesIO(text), len(text)), signal(30, inputs)
    with torch.no_grad():
        agrees(model, x, module(torch.from_numpy(x)[None])[0][0].numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_rtneural_there_and_back(kind, tmp_path):
    units = getattr(wl.nn, kind)
    model = wl.Sequential([units(3, 5, num_layers=2), units(5, 4, bias=False), wl.nn.Linear(4, 2)], seed=1)
    x = signal(30, 3)
    formats.save(model, tmp_path / "model.json")
    again = wl.load(tmp_path / "model.json")
    assert [type(layer).__name__ for layer in again.layers] == [kind, kind, kind, "Linear"]
    close(again(x), model(x))


def test_steps_of_a_recurrent_module_are_not_looked_at_one_by_one(monkeypatch):
    """Where random numbers may be drawn, every operation of PyTorch is looked at: a GRU took half a minute."""

    def refuse():
        raise AssertionError("this network draws no random numbers")

    monkeypatch.setattr(torch_check, "same_noise", refuse)
    module = torch.nn.GRU(3, 4)
    x = signal(30, 3)
    with torch.no_grad():
        agrees(wl.from_torch(module), x, module(given_as(module, x))[0].numpy()[:, 0])
