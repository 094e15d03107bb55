"""Convolution over bins, transposed, upsampling, conditioning at a lower rate: what the catalogue has not."""

import numpy as np
import pytest
import reference
from catalogue import condition, randomised, same_bits, signal
from hypothesis import given
from hypothesis import strategies as st
from training import Check

import wavenetlite as wl

nn = wl.nn
torch = pytest.importorskip("torch")
f32 = np.float32


def close(a, b, tolerance=2e-6):
    return a.shape == b.shape and (a.size == 0 or np.abs(a - b).max() <= tolerance * max(1, np.abs(b).max()))


def as_image(x, bins):
    """(frames, bins * maps) -> (1, maps, frames, bins), PyTorch's."""
    return torch.tensor(np.moveaxis(x.reshape(len(x), bins, -1), -1, 0).copy())[None]


def from_image(y):
    y = np.moveaxis(y[0].numpy(), 0, -1)
    return y.reshape(y.shape[0], y.shape[1] * y.shape[2])


def parameters_of(layer):
    state = {name: torch.tensor(value) for name, value in layer.state_dict().items()}
    return state["weight"], state.get("bias")


@st.composite
def pairs(draw, most):
    return draw(st.integers(1, most)), draw(st.integers(1, most))


@pytest.mark.slow
@given(data=st.data())
def test_conv2d_is_that_of_torch(data):
    groups = data.draw(st.sampled_from([1, 1, 2, 3]))
    maps_in, maps_out = (groups * data.draw(st.integers(1, 4)) for _ in range(2))
    kernel, stride, dilation = data.draw(pairs(4)), data.draw(pairs(3)), data.draw(pairs(3))
    bins, frames = data.draw(st.integers(1, 12)), data.draw(st.integers(1, 20))
    padding = data.draw(st.sampled_from(["causal", "same", "valid"]))
    over_bins = "valid" if (kernel[1] - 1) * dilation[1] < bins and data.draw(st.booleans()) else "same"
    layer = randomised(nn.Conv2d(maps_in, maps_out, kernel, bins=bins, stride=stride, dilation=dilation, groups=groups,
                                 padding=padding, bin_padding=over_bins, bias=data.draw(st.booleans())))  # fmt: skip
    x = signal(frames, layer.in_width)
    total = [(k - 1) * d for k, d in zip(kernel, dilation, strict=True)]
    before = {"causal": (total[0], 0), "same": (total[0] // 2, total[0] - total[0] // 2), "valid": (0, 0)}[padding]
    sides = (total[1] // 2, total[1] - total[1] // 2) if over_bins == "same" else (0, 0)
    image = torch.nn.functional.pad(as_image(x, bins), (*sides, *before))
    if image.shape[2] <= total[0]:
        assert layer(x).shape == (0, layer.out_width)
        return
    expected = torch.nn.functional.conv2d(image, *parameters_of(layer), stride, 0, dilation, groups)
    assert close(layer(x), from_image(expected))


@pytest.mark.slow
@given(data=st.data())
def test_conv_transpose2d_is_that_of_torch(data):
    groups = data.draw(st.sampled_from([1, 1, 2]))
    maps_in, maps_out = (groups * data.draw(st.integers(1, 4)) for _ in range(2))
    kernel, stride, dilation = data.draw(pairs(6)), data.draw(pairs(4)), data.draw(pairs(3))
    bins, frames = data.draw(st.integers(1, 6)), data.draw(st.integers(1, 9))
    padding = data.draw(st.sampled_from(["causal", "same"]))
    layer = randomised(nn.ConvTranspose2d(maps_in, maps_out, kernel, bins=bins, stride=stride, dilation=dilation,
                                          groups=groups, padding=padding, bias=data.draw(st.booleans())))  # fmt: skip
    x = signal(frames, layer.in_width)
    longer = [(k - 1) * d + 1 - s for k, d, s in zip(kernel, dilation, stride, strict=True)]
    cut = [max(0, -(-more // 2)) for more in longer]
    cut[0] *= padding == "same"
    weight, bias = parameters_of(layer)
    whole = torch.nn.functional.conv_transpose2d(as_image(x, bins), weight, None, stride, 0, 0, groups, dilation)
    whole = torch.nn.functional.pad(whole, (0, stride[1], 0, stride[0]))  # a kernel may be shorter than the stride
    y = whole[:, :, cut[0] : cut[0] + frames * stride[0], cut[1] : cut[1] + bins * stride[1]]
    assert close(layer(x), from_image(y if bias is None else y + bias[:, None, None]))


@pytest.mark.parametrize(("kernel", "stride", "padding", "output_padding"), [
    (4, 2, 1, 0), (3, 2, 1, 1), (5, 3, 1, 0), (8, 4, 2, 0), (6, 2, 2, 0), (3, 1, 1, 0)])  # fmt: skip
def test_conv_transpose1d_same_is_torch_with_its_padding(kernel, stride, padding, output_padding):
    layer = randomised(nn.ConvTranspose1d(3, 4, kernel, stride=stride, padding="same"))
    theirs = torch.nn.ConvTranspose1d(3, 4, kernel, stride, padding, output_padding)
    theirs.load_state_dict({name: torch.tensor(value) for name, value in layer.state_dict().items()})
    x = signal(20, 3)
    with torch.no_grad():
        assert close(layer(x), theirs(torch.tensor(x.T)[None])[0].numpy().T)


@given(st.integers(1, 5), st.integers(1, 3), st.integers(1, 12), st.integers(1, 4), st.integers(0, 9))
def test_conv_transpose1d_causal_is_the_beginning_of_torchs(stride, dilation, kernel, channels, frames):
    layer = randomised(nn.ConvTranspose1d(channels, 3, kernel, stride=stride, dilation=dilation))
    x = signal(frames, channels)
    expected = np.tile(layer.state_dict()["bias"], (frames * stride, 1))
    if frames:
        weight, bias = parameters_of(layer)
        y = torch.nn.functional.conv_transpose1d(torch.tensor(x.T)[None], weight, bias, stride, dilation=dilation)
        count = min(y.shape[2], frames * stride)
        expected[:count] = y[0].numpy().T[:count]
    assert close(layer(x), expected)


def test_upsampling_is_that_of_torch():
    x = signal(9, 3)
    image = torch.tensor(x.T)[None]
    assert same_bits(
        nn.Upsample(4)(x), np.ascontiguousarray(torch.nn.functional.interpolate(image, scale_factor=4)[0].T)
    )
    linear = torch.nn.functional.interpolate(image, size=33, mode="linear", align_corners=True)[0].numpy().T
    assert close(nn.Upsample(4, "linear")(x)[:33], linear)  # from the first frame to the last; torch has none after it


@pytest.mark.parametrize("build", [
    lambda: nn.Conv2d(4, 6, 3, bins=5, dilation=(1, 2), groups=2, padding="same"),
    lambda: nn.Conv2d(3, 5, (2, 3), bins=7, stride=(2, 3)),
    lambda: nn.ConvTranspose2d(2, 3, (4, 3), bins=4, stride=(2, 3)),
    lambda: nn.ConvTranspose1d(6, 4, 5, stride=3, groups=2)])  # fmt: skip
def test_gradients_are_those_of_torch(build):
    from wavenetlite.train import Parameters, Tape

    layer = randomised(build())
    x = signal(12, layer.in_width)
    tape = Tape(Parameters(layer), 1, len(x))
    y = tape.forward(x[None])
    g = signal(y.shape[1], y.shape[2], 7)
    found = tape.backward(g[None]).copy()
    weight, bias = (p.requires_grad_() for p in parameters_of(layer))
    bins = getattr(layer, "bins", 1)
    image, kernel = as_image(x, bins), weight if weight.ndim == 4 else weight[..., None]
    if isinstance(layer, nn.Conv2d):
        total = [(k - 1) * d for k, d in zip(layer.kernel_size, layer.dilation, strict=True)]
        times = (total[0] // 2, total[0] - total[0] // 2) if layer.padding == "same" else (total[0], 0)
        image = torch.nn.functional.pad(image, (total[1] // 2, total[1] - total[1] // 2, *times))
        out = torch.nn.functional.conv2d(image, kernel, bias, layer.stride, 0, layer.dilation, layer.groups)
    else:
        stride = layer.stride if isinstance(layer.stride, tuple) else (layer.stride, 1)
        out = torch.nn.functional.conv_transpose2d(image, kernel, bias, stride, 0, 0, layer.groups)
        out = out[:, :, : y.shape[1], : y.shape[2] // bias.numel()]
    (out * as_image(g, y.shape[2] // bias.numel())).sum().backward()
    assert close(found, np.concatenate([weight.grad.numpy().ravel(), bias.grad.numpy()]), 1e-5)


# ------------------------------------------------------------------------------------------------ what bins are read
def test_a_kernel_that_misses_all_bins_gives_the_bias():
    layer = randomised(nn.Conv2d(2, 3, 2, bins=4, dilation=(1, 10)))
    assert same_bits(layer(signal(5, 8)), np.tile(layer.state_dict()["bias"], (5, 4)))


def test_work_counts_no_bins_beyond_the_ends():
    assert nn.Conv2d(2, 3, 3, bins=5).macs_per_frame == (5 * 3 - 2) * 3 * 2 * 3
    assert nn.Conv2d(2, 3, 3, bins=5, dilation=(1, 2)).macs_per_frame == (5 * 3 - 4) * 3 * 2 * 3
    assert nn.Conv2d(4, 8, 3, bins=5, groups=2, bin_padding="valid").macs_per_frame == 3 * 9 * 4 * 8 / 2
    assert nn.ConvTranspose1d(3, 5, 4, stride=2).macs_per_frame == 4 * 3 * 5


# -------------------------------------------------------------------------------------- conditioning at a lower rate
def vocoder(upsampling, channels=5, period=6):
    """A WaveNet whose conditioning comes once in `period` samples."""
    model = randomised(wl.WaveNet(1, 3, residual_channels=6, skip_channels=6, dilations=[1, 2, 4], condition_channels=5,
                                  condition=upsampling()))  # fmt: skip
    assert model.condition_period == period
    return model


UPSAMPLINGS = {
    "nearest": lambda: nn.Upsample(6),
    "linear": lambda: nn.Upsample(6, "linear"),
    "learnt": lambda: wl.Sequential([nn.Conv1d(5, 4, 3, padding="same"), nn.Activation("relu"),
                                     nn.ConvTranspose1d(4, 7, 6, stride=2), nn.ConvTranspose1d(7, 4, 6, stride=3)]),
}  # fmt: skip


@pytest.mark.parametrize("name", UPSAMPLINGS)
def test_conditioning_at_a_lower_rate_streams(name):
    wl.verify_stream(vocoder(UPSAMPLINGS[name]))


@pytest.mark.parametrize("name", ["nearest", "linear"])
def test_conditioning_at_a_lower_rate_is_that_of_its_samples(name):
    model = vocoder(UPSAMPLINGS[name])
    plain = wl.WaveNet(1, 3, residual_channels=6, skip_channels=6, dilations=[1, 2, 4], condition_channels=5)
    plain.load_state_dict(model.state_dict())
    x, c = signal(60, 1), condition(10, 5)
    assert model.latency == (6 if name == "linear" else 0)
    assert close(model(x, c), plain(x, reference.upsample(c.astype(float), 6, name).astype(f32)))


def test_a_conditioning_frame_comes_with_its_first_sample():
    model, x, c = vocoder(UPSAMPLINGS["nearest"]), signal(13, 1), condition(3, 5)
    stream = model.stream()
    y = [stream.process(x[:1], c[:1]), stream.process(x[1:6], c[:0]), stream.process(x[6:13], c[1:3])]
    assert same_bits(np.concatenate(y), model(x, c))
    for wrong in (0, 2):
        with pytest.raises(
            wl.ParameterError, match=rf"^c has {wrong} frames; it must have 1, one for every 6th of the 6 frames"
        ):
            stream.process(x[:6], c[:wrong])
    pool = model.pool(2)
    sid = pool.open()
    assert same_bits(pool.process({sid: x[:6]}, {sid: c[:1]})[sid], model(x[:6], c[:1]))
    with pytest.raises(wl.ParameterError, match=rf"^c of stream {sid} has 6 frames; it must have 1, one for every 6th"):
        pool.process({sid: x[:6]}, {sid: condition(6, 5)})
    with pytest.raises(
        wl.ParameterError, match=r"^c has 10 frames; it must have 2, one for every 6th of the 10 frames"
    ):
        model(x[:10], condition(10, 5))


def test_constant_conditioning_needs_no_rate():
    model, x, c = vocoder(UPSAMPLINGS["nearest"]), signal(20, 1), condition(1, 5)[0]
    assert same_bits(model(x, c), model(x, np.tile(c, (4, 1))))


@pytest.mark.parametrize("name", UPSAMPLINGS)
def test_conditioning_at_a_lower_rate_is_saved_and_trained(name, tmp_path):
    model, x, c = vocoder(UPSAMPLINGS[name]), signal(20, 1), condition(4, 5)
    model.save(tmp_path / "model.safetensors")
    assert same_bits(wl.load(tmp_path / "model.safetensors")(x, c), model(x, c))
    check = Check(model, 2, 20, 5)
    assert close(model(x, c), reference.evaluate(model, x, c))
    check.output()
    check.directions()


# --------------------------------------------------------------------------------------------------------------- errors
BAD = {
    r"bins=0 must be": lambda: nn.Conv2d(1, 1, 3, bins=0),
    r"kernel_size=\(3, 3, 3\) must be one integer or two": lambda: nn.Conv2d(1, 1, (3, 3, 3), bins=5),
    r"kernel_size\[1\]=0 must be": lambda: nn.Conv2d(1, 1, (3, 0), bins=5),
    r"kernel_size='3' is a str": lambda: nn.Conv2d(1, 1, "3", bins=5),
    r"stride\[0\]=0 must be": lambda: nn.Conv2d(1, 1, 3, bins=5, stride=(0, 1)),
    r"dilation=0 must be": lambda: nn.Conv2d(1, 1, 3, bins=5, dilation=0),
    r"padding='reflect' must be": lambda: nn.Conv2d(1, 1, 3, bins=5, padding="reflect"),
    r"bin_padding='causal' must be": lambda: nn.Conv2d(1, 1, 3, bins=5, bin_padding="causal"),
    r"groups=2 must divide in_channels=3": lambda: nn.Conv2d(3, 4, 3, bins=5, groups=2),
    r"groups=3 must divide out_channels=4": lambda: nn.Conv2d(3, 4, 3, bins=5, groups=3),
    r"kernel_size=\(3, 3\) spans 9 bins; it must span at most bins=8": lambda: nn.Conv2d(
        1, 1, 3, bins=8, dilation=4, bin_padding="valid"),
    r"out_channels=60000 must be at most 13107 with 5 bins": lambda: nn.Conv2d(
        1, 60_000, 3, bins=5),
    r"kernel_size=\(1000, 1000\) must have at most 52428 positions": lambda: nn.Conv2d(1, 1, 1000, bins=5),
    r"padding='valid' must be": lambda: nn.ConvTranspose1d(1, 1, 3, padding="valid"),
    r"stride=0 must be": lambda: nn.ConvTranspose1d(1, 1, 3, stride=0),
    r"groups=2 must divide out_channels=3": lambda: nn.ConvTranspose1d(2, 3, 3, groups=2),
    r"out_channels=9000 must be at most 8192 with 8 bins": lambda: nn.ConvTranspose2d(1, 9000, 3, bins=4, stride=2),
    r"groups=2 must divide in_channels=1": lambda: nn.ConvTranspose2d(1, 2, 3, bins=4, groups=2),
    r"bins=3 must divide out_channels=4": lambda: nn.Concat([nn.Linear(6, 4), []], bins=3),
    r"bins=4 must divide channels=6": lambda: nn.Concat([[], nn.Activation("relu")], bins=4)(signal(3, 6)),
    r"factor=0 must be": lambda: nn.Upsample(0),
    r"mode='cubic' must be": lambda: nn.Upsample(2, "cubic"),
    r"condition is a str": lambda: wl.WaveNet(1, 1, condition_channels=2, condition="linear"),
    r"condition_channels=0 must be positive": lambda: wl.WaveNet(1, 1, condition=nn.Upsample(2)),
    r"condition_channels=2 must be 3": lambda: wl.WaveNet(1, 1, condition_channels=2, condition=nn.Linear(3, 4)),
    r"condition gives 0.5 frames per frame": lambda: wl.WaveNet(
        1, 1, condition_channels=2, condition=nn.Conv1d(2, 2, 2, stride=2)).latency,
    r"branches have frame periods \[1/2, 1\]; they must be equal": lambda: nn.Add(
        [nn.Upsample(2), []]).latency,
    r"model gives a frame every 1/2 feature frames; it must be an integer": lambda: wl.AudioClassifier(
        features=wl.LogMel(sr=8000, n_fft=256, hop_length=80, n_mels=8),
        model=nn.ConvTranspose1d(8, 2, 2, stride=2), labels=["a", "b"]),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD)
def test_errors_in_one_line(message):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError), match=f"^({message})") as excinfo:
        BAD[message]()
    assert "\n" not in str(excinfo.value)
