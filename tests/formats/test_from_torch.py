"""PyTorch's modules and weights: what they compute themselves is what ours computes, whole and streamed."""

import io
import os
import pickle
import sys
import warnings
import zipfile

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite import formats

torch = pytest.importorskip("torch", reason="needs PyTorch, of which networks are read")
import torch_models as others  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")


def signal(frames, channels, seed=0):
    return np.random.default_rng(seed).standard_normal((frames, channels), dtype=np.float32)


def theirs(module, x, *, rows=False):
    """What a module in eval() makes of (frames, channels); `rows`: it takes them in this order."""
    given = torch.from_numpy(x.copy())[None]
    with torch.no_grad():
        y = module.eval()(given if rows else given.transpose(1, 2))
    return (y if rows or y.ndim < 3 else y.transpose(1, 2))[0].numpy()


def streamed(model, x, c=None):
    """In blocks of 1, 2, 3, ... frames and what is owed at the end."""
    stream, parts, first = model.stream() if c is None or c.ndim > 1 else model.stream(c=c), [], 0
    for frames in range(1, len(x) + 1):
        local = {} if c is None or c.ndim == 1 else {"c": c[first : first + frames]}
        parts.append(stream.process(x[first : first + frames], **local).copy())
        first += frames
        if first >= len(x):
            break
    return np.concatenate([*parts, stream.flush()])


def agrees(model, x, expected, c=None, offline=True):
    """Ours against theirs, whole and streamed, within 1e-5 of the output's scale (at least 1)."""
    bound = 1e-5 * max(1, np.abs(expected).max())
    outputs = [streamed(model, x, c), *([model(x) if c is None else model(x, c=c)] if offline else [])]
    for y in outputs:
        assert y.shape == expected.shape
        assert np.abs(y - expected).max() <= bound
    return True


def saved(module, path, kind):
    """A module's weights in a file."""
    if kind == "pt":
        torch.save(module.state_dict(), path)
    else:
        library = pytest.importorskip("safetensors.torch", reason="needs safetensors, to write a file")
        library.save_file({name: value.clone().contiguous() for name, value in module.state_dict().items()}, path)
    return path


KINDS = ["pt", "safetensors"]


# ------------------------------------------------------------------------------------------------ Sequentials
SEQUENTIALS = {
    "causal by padding": lambda: [nn.ZeroPad1d((8, 0)), nn.Conv1d(3, 4, 3, dilation=4), nn.ReLU(), nn.Conv1d(4, 2, 1)],
    "padding of two": lambda: [nn.ConstantPad1d((2, 0), 0.0), nn.Dropout(), nn.Conv1d(3, 4, 5, padding=1)],
    "padding on both sides": lambda: [nn.Conv1d(3, 4, 5, padding=4, dilation=2), nn.Conv1d(4, 2, 3, padding=1)],
    "same, even kernel": lambda: [nn.Conv1d(3, 4, 4, padding="same", dilation=3)],
    "no padding": lambda: [nn.Conv1d(3, 4, 3, dilation=2), nn.Conv1d(4, 4, 2, padding="valid")],
    "stride": lambda: [nn.ZeroPad1d((4, 0)), nn.Conv1d(3, 4, 5, stride=2), nn.Conv1d(4, 4, 1, stride=2), nn.Sigmoid()],
    "stride and padding": lambda: [nn.Conv1d(3, 4, 5, stride=3, padding=2)],
    "groups": lambda: [nn.ZeroPad1d((2, 0)), nn.Conv1d(3, 6, 3, groups=3, bias=False), nn.BatchNorm1d(6, eps=1e-3)],
    "plain norm": lambda: [nn.Conv1d(3, 4, 1), nn.BatchNorm1d(4, affine=False), nn.Identity()],
    "nested": lambda: [nn.Sequential(nn.Sequential(nn.Conv1d(3, 4, 1)), nn.PReLU(4)), nn.PReLU(), nn.Dropout1d()],
    "activations": lambda: [nn.Conv1d(3, 4, 1), nn.LeakyReLU(0.2), nn.ELU(0.7), nn.SELU(), nn.SiLU(), nn.GELU(),
                            nn.GELU("tanh"), nn.Hardswish(), nn.Softsign(), nn.Hardtanh(-0.5, 0.7), nn.ReLU6()],
    "over channels": lambda: [nn.Conv1d(3, 8, 1), nn.GLU(dim=1), nn.Softmax(dim=-2)],
    "upsampled": lambda: [nn.Upsample(scale_factor=3), nn.Conv1d(3, 2, 1)],
    "transposed": lambda: [nn.ConvTranspose1d(3, 4, 4, stride=4)],
    "transposed, padded": lambda: [nn.ConvTranspose1d(3, 4, 8, stride=4, padding=2)],
    "transposed, odd": lambda: [nn.ConvTranspose1d(3, 3, 5, stride=2, padding=2, output_padding=1, groups=3)],
    "weight norm": lambda: [others.weight_norm(nn.Conv1d(n, 3, 1), old) for n, old in ((3, True), (3, False))],
    "twice": lambda: [layer := nn.Conv1d(3, 3, 1), nn.ReLU(), layer],
}  # fmt: skip


@pytest.mark.parametrize("name", SEQUENTIALS)
def test_sequentials(name):
    torch.manual_seed(1)
    module = others.randomised(nn.Sequential(*SEQUENTIALS[name]()))
    x = signal(50, 3)
    assert agrees(wl.from_torch(module), x, theirs(module, x))


def test_linear_layers_take_the_channels_last():
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.LayerNorm(5), nn.LayerNorm(5, bias=False),
                           others.weight_norm(nn.Linear(5, 4, bias=False), False),
                           nn.Softmax(dim=-1))  # fmt: skip
    x = signal(9, 3)
    assert agrees(wl.from_torch(module), x, theirs(module, x, rows=True))


def test_a_layer_by_itself_and_of_other_precision():
    module = nn.Conv1d(2, 3, 1).double()
    x = signal(5, 2)
    assert agrees(wl.from_torch(module), x, theirs(module.float(), x))


def test_nothing_is_shared_and_nothing_changed():
    module = others.weight_norm(nn.Conv1d(2, 3, 1), True).train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    ours, x = wl.from_torch(module), signal(5, 2)
    y = ours(x)
    assert module.training
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    module.weight_v.data.zero_()
    assert np.array_equal(ours(x), y)


class Own(nn.Module):
    def forward(self, x):
        return x.cumsum(-1)


def pruned():
    layer = nn.Conv1d(2, 2, 1)
    nn.utils.parametrizations.orthogonal(layer)
    return layer


def hooked():
    layer = nn.Conv1d(2, 2, 1)
    layer.register_forward_hook(lambda module, inputs, y: 2 * y)
    return layer


REFUSED = [
    ([nn.Conv1d(2, 2, 1), Own()], r"1 \(Own, line \d+ of test_from_torch.py\): cumsum has no counterpart here"),
    ([nn.Sequential(nn.Conv1d(2, 2, 1), nn.RNN(2, 2))], r"0\.1 \(RNN\): there is no such layer here"),
    ([nn.LayerNorm((2, 3)), nn.Flatten()], r"0 \(LayerNorm\): .*; 1 \(Flatten\): "),
    ([nn.Conv1d(2, 2, 3, padding=1, padding_mode="reflect")], r"padding_mode='reflect' must be 'zeros'"),
    ([nn.ConstantPad1d((1, 0), 1.0), nn.Conv1d(2, 2, 2)], r"0 \(ConstantPad1d\): padding must be zeros"),
    ([nn.ZeroPad1d((1, 0)), nn.ReLU()], r"1 \(ReLU\): it comes after zero padding"),
    ([nn.Conv1d(2, 2, 1), nn.ZeroPad1d((1, 0))], r"zero padding must come before"),
    ([nn.ZeroPad1d((5, 0)), nn.Conv1d(2, 2, 2)], r"1 \(Conv1d\): padding=\(5, 0\)"),
    ([nn.Conv1d(2, 2, 1), nn.Linear(2, 2)], r"1 \(Linear\): after a convolution it works on time"),
    ([nn.Linear(2, 2), nn.Conv1d(2, 2, 1)], r"1 \(Conv1d\): it takes time for the last axis"),
    ([nn.BatchNorm1d(2, track_running_stats=False)], r"track_running_stats=False"),
    ([nn.Conv1d(2, 2, 1), nn.Softmax(dim=-1)], r"dim=-1 must be 1"),
    ([nn.Softmax()], r"dim=None must be 1"),
    ([nn.ConvTranspose1d(2, 2, 3, stride=2)], r"padding=0 must be half of the overhang 1"),
    ([nn.Upsample(scale_factor=1.5)], r"scale_factor=1.5"),
    ([nn.Upsample(scale_factor=2, mode="linear")], r"mode='linear'"),
    ([nn.SELU()], r"SELU"),
    ([nn.LogSoftmax(1)], r"LogSoftmax"),
]


@pytest.mark.parametrize("make", [pruned, hooked])
def test_parametrizations_and_hooks_are_traced(make):
    module, x = make(), signal(30, 2)
    assert agrees(wl.from_torch(module), x, theirs(module, x))


@pytest.mark.parametrize(("layers", "message"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_what_is_refused_is_named(layers, message):
    with pytest.raises(wl.ParameterError, match=message) as caught:
        wl.from_torch(nn.Sequential(*layers))
    assert "\n" not in str(caught.value)


def test_what_is_no_module():
    with pytest.raises(wl.ArrayTypeError, match=r"module is a list; it must be a torch\.nn\.Module"):
        wl.from_torch([nn.ReLU()])


# ------------------------------------------------------------------------------------------------ pytorch-tcn
PYTORCH_TCN = {
    "defaults": {},
    "batch norm": {"use_norm": "batch_norm"},
    "no norm": {"use_norm": None},
    "layer norm": {"use_norm": "layer_norm"},
    "gate, layer norm": {"use_norm": "layer_norm", "use_gate": True},
    "not causal": {"causal": False},
    "gate": {"use_gate": True},
    "gate, batch norm": {"use_gate": True, "use_norm": "batch_norm"},
    "skips": {"use_skip_connections": True},
    "skips, one width": {"use_skip_connections": True, "num_channels": [4, 4, 4]},
    "skips, not causal, projection": {"use_skip_connections": True, "causal": False, "output_projection": 2},
    "kernel of 1": {"kernel_size": 1},
    "kernel of 2": {"kernel_size": 2},
    "dilations": {"dilations": [5, 1, 3]},
    "dilation reset": {"dilation_reset": 2},
    "projection": {"output_projection": 3, "output_activation": "sigmoid"},
    "time first": {"input_shape": "NLC"},
    "tanh": {"activation": "tanh", "kernel_initializer": "xavier_normal"},
    "leaky": {"activation": "leaky_relu", "kernel_initializer": "kaiming_uniform"},
    "sigmoid": {"activation": "sigmoid", "kernel_initializer": "kaiming_normal"},
    "elu": {"activation": "elu", "kernel_initializer": "normal"},
    "gelu": {"activation": "gelu", "kernel_initializer": "uniform"},
    "selu": {"activation": "selu", "use_skip_connections": True, "output_activation": "selu"},
}
EMBEDDED = {
    "add": {"embedding_shapes": [(2,), (3,)]},
    "concat": {"embedding_shapes": [(5,)], "embedding_mode": "concat"},
    "gate": {"embedding_shapes": [(5,)], "use_gate": True, "embedding_mode": "concat"},
}


def pytorch_tcn(num_channels=(4, 4, 5), **options):
    library = pytest.importorskip("pytorch_tcn", reason="needs pytorch-tcn, whose networks are read")
    torch.manual_seed(3)
    return others.randomised(library.TCN(3, list(num_channels), **options))


def said(options):
    """Of a TCN's options those that the weights do not say."""
    names = ("activation", "causal", "use_skip_connections", "output_activation")
    defaults = {"activation": "relu", "causal": True, "use_skip_connections": False}
    embedding = {"embedding_mode": options.get("embedding_mode", "add")} if "embedding_shapes" in options else {}
    return {**defaults, **{name: options[name] for name in names if name in options}, **embedding}


@pytest.mark.parametrize("name", PYTORCH_TCN)
def test_pytorch_tcn(name, tmp_path):
    options = PYTORCH_TCN[name]
    module, x = pytorch_tcn(**options), signal(60, 3)
    expected = theirs(module, x, rows=options.get("input_shape") == "NLC")
    assert agrees(wl.from_torch(module), x, expected)
    assert agrees(wl.load(saved(module, tmp_path / "tcn.pt", "pt"), **said(options)), x, expected)


@pytest.mark.parametrize("name", EMBEDDED)
@pytest.mark.parametrize("local", [False, True])
def test_embeddings_of_pytorch_tcn_are_conditioning(name, local, tmp_path):
    options = EMBEDDED[name]
    module, x = pytorch_tcn(**options), signal(40, 3)
    c = signal(40, 5, seed=1) if local else signal(1, 5, seed=1)[0]
    sizes = [shape[0] for shape in options["embedding_shapes"]]
    split = torch.from_numpy(c.T.copy())[None].split(sizes, dim=1)
    with torch.no_grad():
        expected = module(torch.from_numpy(x.T.copy())[None], embeddings=list(split))[0].T.numpy()
    assert agrees(wl.from_torch(module), x, expected, c)
    assert agrees(wl.load(saved(module, tmp_path / "tcn.pt", "pt"), **said(options)), x, expected, c)


def test_custom_activations_of_pytorch_tcn():
    module, x = pytorch_tcn(activation=nn.PReLU, kernel_initializer="normal"), signal(40, 3)
    for index, one in enumerate(one for one in module.modules() if isinstance(one, nn.PReLU)):
        one.weight.data.fill_(0.1 * index)
    with pytest.raises(wl.ModelFileError, match=r"activation1\.weight"):
        buffer = io.BytesIO()
        torch.save(module.state_dict(), buffer)
        formats.FORMATS["pytorch-tcn"].load(io.BytesIO(buffer.getvalue()), buffer.tell(), **said({}))
    assert agrees(wl.from_torch(module), x, theirs(module, x))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"activation": "softmax", "kernel_initializer": "normal"}, r"network.0.activation1 \(Softmax\): dim=None"),
        ({"activation": "log_softmax", "kernel_initializer": "normal"}, r"\(LogSoftmax\): dim=None"),
    ],
)
def test_what_pytorch_tcn_has_and_we_have_not(options, message):
    with pytest.raises(wl.ParameterError, match=message):
        wl.from_torch(pytorch_tcn(**options))


@pytest.mark.parametrize(
    ("kernel_size", "stride", "causal"), [(1, 1, True), (3, 2, True), (4, 3, True), (1, 2, True), (4, 2, False)]
)
def test_layers_of_pytorch_tcn_stream_as_they_compute_whole(kernel_size, stride, causal):
    """Kernels of 1 and strides of 2, whose own streams give other frames than the whole signal does."""
    library = pytest.importorskip("pytorch_tcn", reason="needs pytorch-tcn, whose networks are read")
    torch.manual_seed(0)
    layer = library.TemporalConv1d(3, 4, kernel_size, stride=stride, causal=causal)
    x = signal(41, 3)
    assert agrees(wl.from_torch(nn.Sequential(layer, nn.ReLU())), x, theirs(nn.Sequential(layer, nn.ReLU()), x))


@pytest.mark.parametrize(("stride", "causal"), [(2, True), (3, True), (2, False), (4, False)])
def test_transposed_layers_of_pytorch_tcn(stride, causal):
    library = pytest.importorskip("pytorch_tcn", reason="needs pytorch-tcn, whose networks are read")
    torch.manual_seed(0)
    layer = library.TemporalConvTranspose1d(3, 4, 2 * stride, stride=stride, causal=causal)
    x = signal(20, 3)
    assert agrees(wl.from_torch(layer), x, theirs(layer, x))


def test_options_that_the_weights_do_not_say(tmp_path):
    path = saved(pytorch_tcn(embedding_shapes=[(5,)]), tmp_path / "tcn.pt", "pt")
    assert formats.recognise(path) == "pytorch-tcn"
    with pytest.raises(
        wl.ParameterError, match=r"^activation, causal, use_skip_connections, embedding_mode must be given"
    ):
        wl.load(path)
    with pytest.raises(wl.ParameterError, match="activation='swish' must be one of relu"):
        wl.load(path, activation="swish", causal=True, use_skip_connections=False, embedding_mode="add")


def test_dilations_are_in_the_stream_buffers_or_must_be_said(tmp_path):
    module, x = pytorch_tcn(dilations=[5, 1, 3]), signal(40, 3)
    bare = {name: value for name, value in module.state_dict().items() if not name.endswith("buffer")}
    torch.save(
        {"epoch": 3, "state_dict": {f"module.{name}": value for name, value in bare.items()}}, tmp_path / "a.pth"
    )
    with pytest.raises(wl.ParameterError, match="dilations must be given"):
        wl.load(tmp_path / "a.pth", **said({}))
    with pytest.raises(wl.ParameterError, match="must be a list of 3"):
        wl.load(tmp_path / "a.pth", dilations=[1], **said({}))
    assert agrees(wl.load(tmp_path / "a.pth", dilations=[5, 1, 3], **said({})), x, theirs(module, x))


# ------------------------------------------------------------------------------------------------ locuslab
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("old", [True, False])
def test_locuslab(kind, old, tmp_path):
    torch.manual_seed(2)
    module, x = others.BaiModel(3, [4, 4, 6], 2, old=old).eval(), signal(70, 3)
    path = saved(module, tmp_path / "tcn", kind)
    assert formats.recognise(path) == "locuslab"
    for model in (wl.load(path), wl.from_torch(module)):
        assert agrees(model, x, theirs(module, x))
    assert agrees(wl.from_torch(module.tcn), x, theirs(module.tcn, x))


def test_what_only_has_the_names_of_a_published_network():
    """It is traced, and taken as it computes."""
    module = others.randomised(others.BaiTCN(3, [4, 4, 4]))
    module.network[2].conv2.dilation = (2,)
    module.network[2].net[5].frames = 4
    module.network[2].conv2.padding = (4,)
    x = signal(60, 3)
    assert agrees(wl.from_torch(module), x, theirs(module, x))


class Chomp(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.before, self.after = before, after

    def forward(self, x):
        return x[:, :, self.before : x.shape[2] - self.after]


class Block(nn.Module):
    """Of the names and order of a published TCN, with any padding and chomp."""

    def __init__(self, channels, out, dilation, padding, chomp, mode="zeros"):
        super().__init__()

        def parts(width):
            conv = nn.Conv1d(width, out, 3, padding=padding, dilation=dilation, padding_mode=mode)
            return conv, Chomp(*chomp), nn.ReLU(), nn.Dropout(0.1)

        self.conv1, self.chomp1, self.relu1, self.dropout1 = parts(channels)
        self.conv2, self.chomp2, self.relu2, self.dropout2 = parts(out)
        self.net = nn.Sequential(self.conv1, self.chomp1, self.relu1, self.dropout1,
                                 self.conv2, self.chomp2, self.relu2, self.dropout2)  # fmt: skip
        self.downsample = nn.Conv1d(channels, out, 1) if channels != out else None
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.net(x) + (x if self.downsample is None else self.downsample(x)))


class Published(nn.Module):
    def __init__(self, kind="causal", mode="zeros"):
        super().__init__()
        padding, chomp = {"causal": (2, (0, 2)), "symmetric": (2, (1, 1)), "same": (1, (0, 0))}[kind]
        blocks = [Block(3, 4, d, padding * d, [n * d for n in chomp], mode) for d in (1, 2)]
        blocks[1] = Block(4, 4, 2, padding * 2, [n * 2 for n in chomp], mode)
        self.network = nn.Sequential(*blocks)

    def forward(self, x):
        return self.network(x)


def with_hook(module):
    module.network[1].register_forward_hook(lambda module, inputs, y: 2 * y)
    return module


def with_forward(module):
    inner = module.network[0]
    inner.forward = lambda x: torch.tanh(type(inner).forward(inner, x))
    return module


class Scaled(Published):
    """With another `forward` and a child more."""

    def __init__(self):
        super().__init__()
        self.more = nn.Conv1d(4, 2, 1)

    def forward(self, x):
        return functional.softsign(self.more(functional.pad(self.network(x), (3, 0))[..., :-3]))


class UNet(nn.Module):
    """Two halvings and the way back, with skips."""

    def __init__(self):
        super().__init__()
        self.down = nn.ModuleList(nn.Conv1d(a, b, 4, 2, 1) for a, b in ((3, 4), (4, 5)))
        self.up = nn.ModuleList(nn.ConvTranspose1d(a, b, 4, 2, 1) for a, b in ((5, 4), (8, 3)))

    def forward(self, x):
        first = torch.relu(self.down[0](x))
        back = self.up[0](torch.relu(self.down[1](first)))
        return self.up[1](torch.cat([back, first], dim=1))


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.rnn, self.head = (
            nn.Conv1d(3, 4, 3, padding=1),
            nn.LSTM(4, 5, 2, batch_first=True),
            nn.Linear(5, 2),
        )

    def forward(self, x):
        return self.head(self.rnn(self.conv(x).transpose(1, 2))[0]).transpose(1, 2)


TRACED = {
    "symmetric chomp": lambda: Published("symmetric"),
    "no chomp": lambda: Published("same"),
    "a hook on a block": lambda: with_hook(Published()),
    "forward of an instance": lambda: with_forward(Published()),
    "another forward": Scaled,
    "recurrent": Recurrent,
    "weight norm": lambda: nn.Sequential(Published(), nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 2, 2))),
}


@pytest.mark.parametrize("name", TRACED)
def test_modules_with_a_forward_of_their_own(name):
    torch.manual_seed(1)
    module, x = others.randomised(TRACED[name]()), signal(60, 3)
    assert agrees(wl.from_torch(module), x, theirs(module, x))


class CutToTheInput(UNet):
    def forward(self, x):
        return super().forward(x)[..., : x.shape[2]] + x


class PaddedToTheInput(UNet):
    def forward(self, x):
        y = super().forward(x)
        return functional.pad(y, (0, x.shape[2] - y.shape[2])) + x


@pytest.mark.parametrize("kind", [UNet, CutToTheInput])
def test_skips_of_a_u_net_are_aligned(kind):
    torch.manual_seed(1)
    module, x = kind(), signal(64, 3)
    model = wl.from_torch(module)
    assert agrees(model, x, theirs(module, x)) and model.latency > 0


def test_a_u_net_that_is_padded_by_the_signals_length_is_refused():
    """Whether its last frames are zeros depends on the length: for a length that 4 divides they are not."""
    torch.manual_seed(1)
    with pytest.raises(wl.ParameterError, match="depends on the length of the signal"):
        wl.from_torch(PaddedToTheInput())


SCRIPTED = {
    "script": torch.jit.script,
    "trace": lambda module: torch.jit.trace(module, torch.zeros(1, 3, 40)),
    "a scripted part": lambda module: nn.Sequential(nn.Conv1d(3, 3, 2), torch.jit.script(module), nn.Tanh()),
    "a traced part": lambda module: nn.Sequential(torch.jit.trace(module, torch.zeros(1, 3, 40)), nn.Conv1d(4, 2, 3)),
    "a scripted part with a hook": lambda module: with_doubling(nn.Sequential(torch.jit.script(module))),
}


def with_doubling(module):
    module.register_forward_hook(lambda module, inputs, y: 2 * y)
    return module


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", SCRIPTED)
def test_scripted_and_traced_modules(kind):
    torch.manual_seed(1)
    module, x = SCRIPTED[kind](others.randomised(Published("symmetric")).eval()), signal(60, 3)
    parts = list(module.modules())
    assert agrees(wl.from_torch(module), x, theirs(module, x))
    assert [type(one) for one in module.modules()] == [type(one) for one in parts]


@pytest.mark.filterwarnings("ignore")
def test_files_of_pytorch_that_are_of_no_known_network_say_what_to_do(tmp_path):
    module = nn.Sequential(nn.Conv1d(2, 2, 3))
    torch.jit.save(torch.jit.script(module), tmp_path / "script.pt")
    torch.jit.save(torch.jit.script(others.BaiTCN(3, [4, 4], old=False).network), tmp_path / "known.pt")
    torch.save(module, tmp_path / "module.pt")
    torch.save(module.state_dict(), tmp_path / "state.pt")
    torch.save(module.state_dict(), tmp_path / "old.pt", _use_new_zipfile_serialization=False)
    for name in ("script", "known"):
        with pytest.raises(wl.ModelFileError, match=r"it is TorchScript, which is code, .* torch.jit.load"):
            wl.load(tmp_path / f"{name}.pt")
    for name in ("module", "state", "old"):
        with pytest.raises(wl.ModelFileError, match=r"of no network that is known here .* wavenetlite.from_torch"):
            wl.load(tmp_path / f"{name}.pt")


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (lambda: Published("same", "circular"), r"network\.0\.net\.0 \(Conv1d.*has mode='circular'; it must be"),
        (lambda: Published("same", "replicate"), "has mode='replicate'; it must be"),
        (lambda: Published("same", "reflect"), r"reflects \d+ frames of the signal at its end"),
        (lambda: nn.Sequential(nn.InstanceNorm1d(3), Published()), "averages over all frames of a signal"),
    ],
)
def test_modules_that_cannot_stream_are_named(module, message):
    with pytest.raises(wl.ParameterError, match=message) as caught:
        wl.from_torch(module())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "model.", "model._orig_mod."])
def test_weights_of_wrapped_networks(prefix, tmp_path):
    module, x = others.randomised(others.BaiTCN(3, [4, 4])), signal(40, 3)
    state = {prefix + name: value for name, value in module.state_dict().items()}
    torch.save({"state_dict": state}, tmp_path / "m.pt")
    assert agrees(wl.load(tmp_path / "m.pt"), x, theirs(module, x))


def test_files_of_older_versions_of_pytorch(tmp_path):
    module, x = others.randomised(others.BaiTCN(3, [4, 4])), signal(40, 3)
    torch.save(module.state_dict(), tmp_path / "m.pt", _use_new_zipfile_serialization=False)
    assert agrees(wl.load(tmp_path / "m.pt"), x, theirs(module, x))


# ------------------------------------------------------------------------------------------------ wekws
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("separable", [False, True])
def test_wekws_tcn(kind, separable, tmp_path):
    torch.manual_seed(2)
    module, x = others.kws_tcn(separable), signal(60, 10)
    path = saved(module, tmp_path / "kws", kind)
    assert formats.recognise(path) == "wekws"
    with pytest.raises(wl.ParameterError, match=r"^norm_var must be given"):
        wl.load(path)
    for model in (wl.load(path, norm_var=True), wl.from_torch(module)):
        assert agrees(model, x, theirs(module, x, rows=True))


@pytest.mark.parametrize("norm_var", [True, False])
def test_wekws_mdtc(norm_var, tmp_path):
    """From the first frame on: its padding is before the input only, so what layers begin with is not zeros."""
    torch.manual_seed(2)
    module = others.kws_mdtc(3, 2, 10, 8, 2, norm_var=norm_var)
    x = signal(60, 10)
    path = saved(module, tmp_path / "kws.pt", "pt")
    with pytest.raises(wl.ParameterError, match=r"^causal, norm_var must be given"):
        wl.load(path)
    for model in (wl.load(path, causal=True, norm_var=norm_var), wl.from_torch(module)):
        assert agrees(model, x, theirs(module, x, rows=True))
        assert model.latency == 0


def test_wekws_mdtc_that_is_not_causal(tmp_path):
    module = others.kws_mdtc(2, 2, 10, 8, 2, causal=False)
    with pytest.raises(wl.ModelFileError, match="MDTC that is not causal"):
        wl.load(saved(module, tmp_path / "kws.pt", "pt"), causal=False, norm_var=True)
    with pytest.raises(wl.ParameterError, match="MDTC that is not causal"):
        wl.from_torch(module)


def test_wekws_backbone_alone_and_equal_channels():
    torch.manual_seed(2)
    module, x = others.randomised(others.KwsMDTC(2, 2, 8, 8)), signal(60, 8)
    assert agrees(wl.from_torch(module), x, theirs(module, x, rows=True))


def test_wekws_global_classifier_is_a_running_mean(tmp_path):
    torch.manual_seed(2)
    module, x = others.kws_tcn(True, classifier=others.GlobalClassifier), signal(30, 10)
    path = saved(module, tmp_path / "kws.pt", "pt")
    with pytest.raises(wl.ParameterError, match=r"^classifier must be given"):
        wl.load(path, norm_var=True)
    for model in (wl.load(path, norm_var=True, classifier="global"), wl.from_torch(module)):
        for frames in (1, 7, 30):
            expected = theirs(module, x[:frames], rows=True)
            assert np.abs(model(x[:frames])[-1] - expected).max() <= 1e-5


# ------------------------------------------------------------------------------------------------ hostile files
class Payload:
    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("name", ["pytorch-tcn", "locuslab", "wekws"])
def test_nothing_in_a_file_is_run(name, tmp_path):
    """An attack that works where it is unpickled."""
    attack = {"network.0.conv1.weight": Payload(tmp_path / "harm"), "network.0.conv2.bias": torch.zeros(1)}
    torch.save(attack, tmp_path / "evil.pt")
    options = {} if name != "pytorch-tcn" else said({})
    with pytest.raises(wl.ModelFileError, match="it holds more than tensors, or is damaged"):
        wl.load(tmp_path / "evil.pt", format=name, **options)
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(attack))
    with pytest.raises(wl.ModelFileError):
        wl.load(tmp_path / "plain.pt", format=name, **options)
    assert not (tmp_path / "harm").exists()
    torch.load(tmp_path / "evil.pt", weights_only=False)
    assert (tmp_path / "harm").exists()


def test_without_pytorch(tmp_path, monkeypatch):
    module = others.BaiTCN(3, [4], old=False)
    torch.save(module.state_dict(), tmp_path / "tcn.pt")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(wl.ModelFileError, match=r"tcn\.pt: .* needs the package torch, .*'wavenetlite\[torch\]'"):
        wl.load(tmp_path / "tcn.pt")


def test_whole_modules_are_refused(tmp_path):
    torch.save(others.BaiTCN(3, [4], old=False).network[0].downsample, tmp_path / "module.pt")
    with pytest.raises(wl.ModelFileError, match="it holds more than tensors"):
        wl.load(tmp_path / "module.pt", format="locuslab")


def test_tensors_that_repeat_themselves_take_no_memory(tmp_path):
    torch.save({"network.0.net.0.bias": torch.zeros(1).expand(2**40), "network.0.conv2.bias": torch.zeros(1)},
               tmp_path / "big.pt")  # fmt: skip
    with pytest.raises(wl.ModelFileError, match="more elements than the file has bytes"):
        wl.load(tmp_path / "big.pt")


def test_compressed_archives_are_refused(tmp_path):
    torch.save({"network.0.net.0.bias": torch.zeros(2**20), "network.0.conv2.bias": torch.zeros(1)}, tmp_path / "a.pt")
    with (
        zipfile.ZipFile(tmp_path / "a.pt") as old,
        zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for entry in old.namelist():
            new.writestr(entry, old.read(entry))
    with pytest.raises(wl.ModelFileError, match="compressed, or larger than the file"):
        wl.load(tmp_path / "b.pt", format="locuslab")


def test_weights_that_are_not_finite_or_not_known(tmp_path):
    state = others.BaiTCN(3, [4], old=False).state_dict()
    torch.save({**state, "network.0.conv1.bias": torch.full((4,), torch.nan)}, tmp_path / "nan.pt")
    with pytest.raises(wl.ModelFileError, match=r"'network.0.conv1.bias' has numbers that are not finite"):
        wl.load(tmp_path / "nan.pt")
    torch.save({**state, "lstm.weight": torch.zeros(1)}, tmp_path / "more.pt")
    with pytest.raises(wl.ModelFileError, match=r"'lstm.weight', which is of no part that is known"):
        wl.load(tmp_path / "more.pt")
    torch.save({**state, "network.0.conv1.bias": torch.zeros(5)}, tmp_path / "shape.pt")
    with pytest.raises(wl.ModelFileError, match=r"conv1.bias"):
        wl.load(tmp_path / "shape.pt")


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_give_one_line(kind, tmp_path):
    data = saved(others.BaiTCN(2, [3], old=False), tmp_path / "whole", kind).read_bytes()
    rng, path = np.random.default_rng(0), tmp_path / "damaged"
    for number in range(120):
        broken = bytearray(data)
        if number % 3 == 0:
            del broken[rng.integers(1, len(data)) :]
        else:
            for place in rng.integers(0, len(data) if number % 3 == 1 else min(len(data), 1500), 4):
                broken[place] = rng.integers(256)
        path.write_bytes(broken)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = wl.load(path, format="locuslab")
        except wl.ModelFileError as error:
            assert "\n" not in str(error)
        else:
            assert np.isfinite(model(np.ones((3, model.in_channels), np.float32))).all() or number % 3


@pytest.mark.parametrize(
    "entry",
    [
        {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]},
        {"dtype": "F32", "shape": [2], "data_offsets": [4, -4]},
        {"dtype": "Q8", "shape": [2], "data_offsets": [0, 8]},
        {"dtype": ["F32"], "shape": [2], "data_offsets": [0, 8]},
        {"dtype": "F32", "shape": [-1, -2], "data_offsets": [0, 8]},
        ["F32"],
    ],
)
def test_headers_of_safetensors_that_lie(entry, tmp_path):
    import json

    header = json.dumps({"network.0.net.0.bias": entry, "network.0.conv2.bias": entry, "note": "data_offsets"}).encode()
    (tmp_path / "lie").write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(wl.ModelFileError, match=r"tensor '(network.0.net.0.bias|note)'"):
        wl.load(tmp_path / "lie", format="locuslab")


class AroundStride(nn.Module):
    """Down and up again with a skip around: cut to the shorter length, or padded to the longer one."""

    def __init__(self, stride, *, pad):
        super().__init__()
        self.down, self.up = nn.Conv1d(3, 3, stride, stride), nn.ConvTranspose1d(3, 3, stride, stride)
        self.pad = pad

    def forward(self, x):
        y = self.up(self.down(x))
        return x + (functional.pad(y, (0, x.shape[-1] - y.shape[-1])) if self.pad else y[..., : x.shape[-1]])


def test_zeros_that_depend_on_the_length_are_refused_where_few_lengths_run():
    """Only even lengths run; `torch.export` takes it for certain that nothing is padded, as for its own length."""
    module = nn.Sequential(AroundStride(2, pad=False), AroundStride(4, pad=True)).eval()
    with pytest.raises(wl.ParameterError, match="depends on the length of the signal"):
        wl.from_torch(module)
    assert wl.from_torch(nn.Sequential(AroundStride(2, pad=False), AroundStride(4, pad=False)).eval()).in_width == 3
