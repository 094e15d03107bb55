"""PyTorch as a second witness: first of the reference itself, then of the package."""

import numpy as np
import pytest
import reference
from catalogue import IMAGES, randomised, signal

import wavenetlite as wl

torch = pytest.importorskip("torch")
from torch_peers import CausalConv1d, TorchWaveNet, as_image, from_image, our_image, torch_image  # noqa: E402

functional = torch.nn.functional
nn = wl.nn
pytestmark = pytest.mark.filterwarnings("ignore:Using padding='same'")

CONVOLUTIONS = [
    {"kernel_size": 1},
    {"kernel_size": 2},
    {"kernel_size": 3, "dilation": 4},
    {"kernel_size": 9, "dilation": 37},
    {"kernel_size": 3, "stride": 2},
    {"kernel_size": 4, "stride": 3, "dilation": 5},
    {"kernel_size": 3, "groups": 2},
    {"kernel_size": 5, "groups": 6, "dilation": 3},
    {"kernel_size": 3, "bias": False},
]
TORCH_ACTIVATIONS = {
    "identity": (torch.nn.Identity, {}),
    "relu": (torch.nn.ReLU, {}),
    "leaky_relu": (torch.nn.LeakyReLU, {"negative_slope": 0.2}),
    "prelu": (torch.nn.PReLU, {}),
    "elu": (torch.nn.ELU, {"alpha": 0.8}),
    "silu": (torch.nn.SiLU, {}),
    "gelu": (torch.nn.GELU, {"approximate": "none"}),
    "gelu tanh": (torch.nn.GELU, {"approximate": "tanh"}),
    "hardtanh": (torch.nn.Hardtanh, {"min_val": -0.5, "max_val": 0.7}),
    "hardswish": (torch.nn.Hardswish, {}),
    "softsign": (torch.nn.Softsign, {}),
    "softmax": (lambda: torch.nn.Softmax(dim=-1), {}),
    "tanh": (torch.nn.Tanh, {}),
    "sigmoid": (torch.nn.Sigmoid, {}),
}


def torch_convolution(in_channels, out_channels, padding, options):
    if padding == "causal":
        return CausalConv1d(in_channels, out_channels, **options)
    return torch.nn.Conv1d(in_channels, out_channels, padding=padding, **options)


def run_torch(module, x, dtype=torch.float32):
    """(T, in) -> (frames, out) through a module that wants (batch, channels, frames)."""
    with torch.no_grad():
        return module.eval().to(dtype)(torch.tensor(x, dtype=dtype).T[None])[0].T.numpy()


def arrays(module):
    """A PyTorch state_dict as NumPy arrays."""
    return {name: tensor.numpy() for name, tensor in module.state_dict().items()}


def convolution_cases():
    return [(options, padding) for options in CONVOLUTIONS for padding in ("causal", "same", "valid")
            if padding != "same" or options.get("stride", 1) == 1]  # fmt: skip


def close(actual, expected, tolerance=1e-6):
    assert actual.shape == expected.shape
    return np.abs(actual - expected).max() <= tolerance * max(1.0, np.abs(expected).max())


# ---------------------------------------------------------------------------------------------------- the reference
@pytest.mark.parametrize(("options", "padding"), convolution_cases())
def test_reference_convolution(options, padding):
    theirs = torch_convolution(6, 12, padding, options).double()
    ours = {name: value for name, value in options.items() if name not in ("kernel_size", "bias")}
    tensors = arrays(theirs)
    x = signal(400, 6)
    y = reference.conv1d(x.astype(float), tensors["weight"], tensors.get("bias"), padding=padding, **ours)
    assert close(y, run_torch(theirs, x, torch.float64), 1e-13)


@pytest.mark.parametrize("name", TORCH_ACTIVATIONS)
def test_reference_activation(name):
    build, options = TORCH_ACTIVATIONS[name]
    theirs = build(**options).double()
    x = 5 * signal(500, 7).astype(float)
    options = {"weight": theirs.weight.detach().numpy()} if name == "prelu" else options
    with torch.no_grad():
        expected = theirs(torch.tensor(x)).numpy()
    assert close(reference.ACTIVATIONS[name.split()[0]](x, **options), expected, 1e-13)


# ------------------------------------------------------------------------------------------------------ the package
@pytest.mark.parametrize(("options", "padding"), convolution_cases())
def test_convolution_takes_the_weights_of_torch(options, padding):
    theirs = torch_convolution(6, 12, padding, options)
    ours = nn.Conv1d(6, 12, padding=padding, **options)
    ours.load_state_dict(arrays(theirs))
    x = signal(400, 6)
    assert close(ours(x), run_torch(theirs, x))
    assert {name: value.shape for name, value in ours.state_dict().items()} == {
        name: value.shape for name, value in arrays(theirs).items()}  # fmt: skip


@pytest.mark.parametrize("name", TORCH_ACTIVATIONS)
def test_activation(name):
    build, options = TORCH_ACTIVATIONS[name]
    theirs, ours = build(**options), nn.Activation(name.split()[0], **options)
    assert ours.state_dict().keys() == arrays(theirs).keys()
    ours.load_state_dict(arrays(theirs))
    x = 5 * signal(500, 7)
    with torch.no_grad():
        assert close(ours(x), theirs(torch.tensor(x)).numpy(), 3e-7)


def test_prelu_with_a_slope_a_channel():
    theirs, ours = torch.nn.PReLU(7, init=0.1), nn.Activation("prelu", channels=7)
    torch.nn.init.uniform_(theirs.weight)
    ours.load_state_dict(arrays(theirs))
    x = signal(100, 7)
    assert close(ours(x), run_torch(theirs, x))


def test_batch_norm_takes_the_state_of_torch():
    theirs = torch.nn.BatchNorm1d(7, eps=1e-3)
    for name, tensor in theirs.state_dict().items():
        if name != "num_batches_tracked":
            torch.nn.init.uniform_(tensor, 0.5, 2)
    ours = nn.BatchNorm(7, eps=1e-3)
    ours.load_state_dict(arrays(theirs))  # num_batches_tracked is ignored
    x = signal(100, 7)
    assert close(ours(x), run_torch(theirs, x))


@pytest.mark.parametrize("shape", IMAGES, ids=str)
def test_conv2d_and_batch_norm_2d_take_the_state_of_torch(shape):
    theirs, ours = torch_image(*shape), our_image(*shape)
    for norm in (theirs[0], theirs[3]):
        for name, tensor in norm.state_dict().items():
            if name != "num_batches_tracked":
                torch.nn.init.uniform_(tensor, 0.5, 2)
    ours.load_state_dict(arrays(theirs))
    x = signal(60, ours.in_channels)
    with torch.no_grad():
        expected = theirs.eval()(torch.tensor(as_image(x, shape[0]))[None])[0].numpy()
    assert close(ours(x), from_image(expected), 2e-6)


def test_linear_takes_the_weights_of_torch():
    theirs, ours = torch.nn.Linear(40, 12), nn.Linear(40, 12)
    ours.load_state_dict(arrays(theirs))
    x = signal(100, 40)
    with torch.no_grad():
        assert close(ours(x), theirs(torch.tensor(x)).numpy())


def test_sequential_takes_the_state_of_torch():
    theirs = torch.nn.Sequential(
        CausalConv1d(3, 8, 3, dilation=2), torch.nn.BatchNorm1d(8), torch.nn.ReLU(), torch.nn.Conv1d(8, 5, 1)
    )
    ours = wl.Sequential([nn.Conv1d(3, 8, 3, dilation=2), nn.BatchNorm(8), nn.Activation("relu"), nn.Conv1d(8, 5, 1)])
    theirs[1].running_mean.uniform_(-1, 1)
    theirs[1].running_var.uniform_(0.5, 2)
    ours.load_state_dict(arrays(theirs))
    x = signal(200, 3)
    assert close(ours(x), run_torch(theirs, x))


def test_wavenet_takes_the_state_of_a_torch_wavenet():
    theirs = TorchWaveNet(3, 5, 8, 9, 3, [1, 2, 4, 8], condition=4)
    ours = wl.WaveNet(3, 5, residual_channels=8, skip_channels=9, kernel_size=3, dilations=[1, 2, 4, 8],
                      condition_channels=4)  # fmt: skip
    ours.load_state_dict(arrays(theirs))
    x, c = signal(200, 3, 1), signal(200, 4, 2)
    with torch.no_grad():
        expected = theirs.eval()(torch.tensor(x).T[None], torch.tensor(c).T[None])[0].T.numpy()
    assert close(ours(x, c=c), expected)


class TorchTemporalBlock(torch.nn.Module):
    """Bai, Kolter and Koltun 2018, without dropout and weight norm."""

    def __init__(self, in_channels, out_channels, kernel_size, dilation):
        super().__init__()
        self.conv1 = CausalConv1d(in_channels, out_channels, kernel_size, dilation=dilation)
        self.conv2 = CausalConv1d(out_channels, out_channels, kernel_size, dilation=dilation)
        self.downsample = torch.nn.Conv1d(in_channels, out_channels, 1)

    def forward(self, x):
        y = functional.relu(self.conv2(functional.relu(self.conv1(x))))
        return functional.relu(self.downsample(x) + y)


def test_temporal_block_takes_the_state_of_torch():
    theirs, ours = TorchTemporalBlock(3, 8, 3, 4), nn.TemporalBlock(3, 8, 3, dilation=4)
    ours.load_state_dict(arrays(theirs))
    x = signal(200, 3)
    assert close(ours(x), run_torch(theirs, x))


def test_state_goes_back_to_torch():
    ours = randomised(wl.Sequential([nn.Conv1d(3, 8, 3), nn.Activation("prelu", channels=8), nn.Conv1d(8, 2, 1)]))
    theirs = torch.nn.Sequential(CausalConv1d(3, 8, 3), torch.nn.PReLU(8), torch.nn.Conv1d(8, 2, 1))
    theirs.load_state_dict({name: torch.tensor(value) for name, value in ours.state_dict().items()}, strict=True)
    x = signal(100, 3)
    assert close(ours(x), run_torch(theirs, x))
