"""Decoders of neural codecs and vocoders of PyTorch: any blocks give our whole's bits, and that is what theirs give."""

import numpy as np
import pytest

import wavenetlite as wl

torch = pytest.importorskip("torch", reason="needs PyTorch, of which decoders are read")
import torch_decoders as decoders  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:.*weight_norm.*:FutureWarning")

DECODERS = {
    "hifi-gan v1": (lambda: decoders.hifi_gan(1, 16), 80),
    "hifi-gan v2": (lambda: decoders.hifi_gan(2, 32), 80),
    "hifi-gan v3": (lambda: decoders.hifi_gan(3), 80),  # its real size
    "dac": (lambda: decoders.snake_decoder(8, 24, (4, 3, 2)), 8),
    "snac": (lambda: decoders.snake_decoder(8, 16, (4, 2), depthwise=True, noise=True), 8),
    "encodec": (lambda: decoders.encodec_decoder(12, 2, (4, 2)), 12),
    "encodec with zeros": (lambda: decoders.encodec_decoder(12, 2, (5, 2), "constant"), 12),
    "encodec, not causal": (lambda: decoders.encodec_decoder(12, 2, (3, 2), "constant", causal=False), 12),
    "vocos": (lambda: decoders.Vocos(20, 16, 32, 2, 32, 8), 20),
    "vocos same": (lambda: decoders.Vocos(20, 16, 32, 2, 32, 8, "same"), 20),
}
LATENCY = {"encodec with zeros": 0, "hifi-gan v1": 14, "hifi-gan v2": 14, "hifi-gan v3": 11}
WITH_NOISE = {"snac"}


@pytest.fixture(scope="module")
def read():
    """Decoders by name, theirs and ours; each is read once."""
    known = {}

    def of(name):
        if name not in known:
            torch.manual_seed(len(known))
            theirs = DECODERS[name][0]().eval()
            known[name] = theirs, wl.from_torch(theirs)
        return known[name]

    return of


def features(frames, channels):
    return np.random.default_rng(frames).standard_normal((frames, channels), dtype=np.float32)


def decoded(module, x):
    with torch.no_grad():
        return module(torch.from_numpy(x.T[None].copy())).numpy().reshape(-1, 1)


@pytest.mark.parametrize("name", DECODERS)
def test_as_pytorch(read, name, monkeypatch):
    theirs, ours = read(name)
    drawn = iter(range(100))

    def noise_of_ours(shape, **options):
        made = wl.nn.Noise(shape[1], seed=next(drawn))(np.zeros((shape[2], 1), np.float32))
        return torch.from_numpy(made.T[None].copy())

    monkeypatch.setattr(torch, "randn", noise_of_ours)
    x = features(31, DECODERS[name][1])
    expected, made = decoded(theirs, x), ours(x)
    assert made.shape == expected.shape
    assert np.abs(made - expected).max() <= 1e-5 * max(1, np.abs(expected).max())
    assert np.abs(expected).max() > 1e-3
    assert ours.latency == LATENCY.get(name, ours.latency)


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("blocks", [[1] * 31, [0, 3, 1, 17, 2, 8], [30, 1]])
def test_any_blocks_give_the_same_bits(read, name, blocks):
    _, ours = read(name)
    x = features(31, DECODERS[name][1])
    stream, at, made = ours.stream(), 0, []
    for count in blocks:
        made.append(stream.process(x[at : at + count]))
        at += count
    assert np.array_equal(np.concatenate([*made, stream.flush()]), ours(x))


@pytest.mark.parametrize("name", ["dac", "snac", "vocos"])
def test_saved_and_loaded(read, name, tmp_path):
    _, ours = read(name)
    ours.save(tmp_path / "decoder.safetensors")
    x = features(20, DECODERS[name][1])
    assert np.array_equal(wl.load(tmp_path / "decoder.safetensors")(x), ours(x))


def test_snakes_are_single_layers(read):
    _, ours = read("dac")
    kinds = [type(layer).__name__ for _, layer, _ in ours.nodes]
    assert kinds.count("Snake") == 3 * 7 + 1
    assert "multiply" not in kinds


def test_a_sine_that_is_no_snake_is_itself():
    class Wave(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv1d(3, 3, 2)

        def forward(self, x):
            y = self.conv(x)
            return torch.sin(2 * y) ** 2 + y.exp() - torch.cos(y)  # of another signal than is added

    theirs = Wave().eval()
    ours, x = wl.from_torch(theirs), features(30, 3)
    assert np.abs(ours(x) - theirs(torch.from_numpy(x.T[None].copy())).detach().numpy()[0].T).max() < 1e-5


@pytest.mark.parametrize(("make", "said"), [
    (lambda: decoders.snake_decoder(8, 16, (2,), attention=True), "1 (LocalAttention"),
    (lambda: decoders.encodec_decoder(8, 2, (2,), causal=False), "reflects 3 frames of the signal at its end"),
    (lambda: torch.nn.Sequential(torch.nn.ReflectionPad1d((2, 0)), torch.nn.ReLU()),
     "it comes after reflection padding"),
    (lambda: torch.nn.Sequential(decoders.Snake(3), torch.nn.ReflectionPad1d((2, 0)), torch.nn.Conv1d(3, 1, 4)),
     "2 reflected frames"),
])  # fmt: skip
def test_what_cannot_stream_is_refused_by_name(make, said):
    with pytest.raises(wl.WavenetliteError) as caught:
        wl.from_torch(make().eval())
    assert said in str(caught.value)


ONNX = ["hifi-gan v3", "dac", "snac", "encodec with zeros", "encodec"]


@pytest.mark.parametrize("name", ONNX)
@pytest.mark.filterwarnings("ignore")
def test_from_onnx(read, name, tmp_path):
    """As PyTorch's exporter writes them."""
    pytest.importorskip("onnx", reason="needs onnx, with which PyTorch writes files")
    theirs, ours = read(name)
    path, x = tmp_path / "decoder.onnx", features(31, DECODERS[name][1])
    torch.onnx.export(theirs, (torch.from_numpy(x.T[None].copy()),), path, dynamo=False, input_names=["x"],
                      output_names=["y"])  # fmt: skip
    made = wl.load(path)
    expected = ours(x) if name in WITH_NOISE else decoded(theirs, x)  # files do not say which: the same as of a trace
    assert np.abs(made(x) - expected).max() <= 1e-5 * max(1, np.abs(expected).max())
