"""The networks of examples/dilated_networks.py: they learn, they stream, and the example shows it."""

import importlib.util

import numpy as np
import pytest
from catalogue import same_bits, signal
from places import EXAMPLES

import wavenetlite as wl

nn = wl.nn
EXAMPLE = EXAMPLES / "dilated_networks.py"

pytestmark = pytest.mark.skipif(not EXAMPLE.is_file(), reason="the examples are not beside the tests")


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("dilated_networks", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def digits(example):
    pytest.importorskip("sklearn")
    return example.digits()


def falling(model, x, targets, loss=None, epochs=4, batch_size=16):
    """The losses of a few epochs, which must fall."""
    history = wl.train.fit(model, (x, targets), loss=loss, epochs=epochs, batch_size=batch_size, lr=5e-3, threads=1)
    values = [row["train_loss"] for row in history.rows]
    assert values[-1] < 0.9 * values[0], values
    return values


def tones(clips, frames=30, bins=40, seed=0):
    """Frames with a ridge that rises or falls over the bins, and which it is."""
    rng = np.random.default_rng(seed)
    y = np.arange(clips) % 2
    place = rng.uniform(8, 32, (clips, 1)) + np.where(y, 0.4, -0.4)[:, None] * (np.arange(frames) - frames / 2)
    x = np.exp(-0.5 * (np.arange(bins) - place[:, :, None]) ** 2) + 0.1 * rng.standard_normal((clips, frames, bins))
    return x.astype(np.float32), y


@pytest.mark.parametrize("name", ["speech_network", "residual_network"])
def test_networks_for_speech_learn_and_stream(example, name):
    model = getattr(example, name)(40, 2)
    falling(model, *tones(64))
    assert model.latency == 0
    wl.verify_stream(model, frames=60, partitions=4)
    x, _ = tones(1, seed=1)
    stream = wl.Sequential([model, nn.Activation("softmax")]).stream()
    frames = np.concatenate([stream.process(x[0, n : n + 1]) for n in range(len(x[0]))])
    assert same_bits(frames, wl.Sequential([model, nn.Activation("softmax")])(x[0]))
    assert np.allclose(frames.sum(axis=1), 1, atol=1e-6)


def test_the_speech_network_is_that_of_the_literature(example):
    model = example.speech_network(40, 12, maps=32)
    convs = [layer for layer in model.layers if isinstance(layer, nn.Conv2d)]
    assert [(conv.kernel_size, conv.dilation) for conv in convs] == [((3, 3), (d, d)) for d in (1, 2, 3)]
    assert [conv.in_channels for conv in convs] == [1, 32, 32]
    assert wl.Sequential(model.layers[:-1]).receptive_field == 1 + 2 * (1 + 2 + 3)
    assert model.parameter_count == 10 * 32 + 2 * (32 * 32 * 9 + 32) + (40 * 32 + 1) * 64 + 65 * 12


def test_dilation_in_place_of_stride_keeps_every_frame(example):
    model = example.residual_network(40, 5, dilations=(1, 2, 4))
    assert wl.Sequential(model.layers[:-1]).receptive_field == 3 + 4 * (1 + 2 + 4)
    assert model(signal(21, 40)).shape == (21, 5)


def test_context_at_several_scales_learns_the_class_of_every_pixel(example, digits):
    x, labels = example.pictures(*digits[:2], 32, size=16)
    model = example.context_network(16, 10, maps=8, dilations=(2, 4))
    falling(model, x, labels, loss=example.PerPixel(10), epochs=12, batch_size=8)
    assert model(x).shape == (32, 16, 160)


def test_the_loss_of_pixels_is_that_of_frames(example):
    y, labels = signal(6, 12)[None], np.array([[[0, 1, -1], [2, 3, 0]]]).reshape(1, 2, 3)
    y = y.reshape(1, 2, 36)[:, :, :12]
    loss = example.PerPixel(4)
    outcome = loss(y, labels, loss.items(labels))
    plain = wl.train.CrossEntropy(at="frames")(y.reshape(1, 6, 4), labels.reshape(1, 6), 5)
    assert loss.items(labels) == 5
    assert (outcome.total, outcome.correct, outcome.count) == (plain.total, plain.correct, plain.count)
    assert same_bits(outcome.gradient, plain.gradient.reshape(1, 2, 12))


@pytest.mark.parametrize("rates", [(1, 1, 1), (2, 2, 2), (1, 2, 5)], ids=str)
def test_classifiers_of_every_rate_learn_digits(example, digits, rates):
    x, y, held, y_held = digits
    model = example.image_classifier(8, 10, rates, maps=8)
    falling(model, x, y, epochs=5, batch_size=32)
    assert (model(held)[:, -1].argmax(axis=1) == y_held).mean() > 0.8
    assert wl.Sequential(model.layers[:9]).receptive_field == 1 + 2 * sum(rates)


def test_the_generator_draws_more_than_repeated_pixels_can(example, digits):
    x, _, held, _ = digits
    small = [images.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4)) for images in (x, held)]
    noise = np.random.default_rng(0)
    inputs = [np.stack([s, noise.standard_normal(s.shape)], axis=-1).reshape(len(s), 4, 8).astype("f4") for s in small]
    model = example.generator(4)
    falling(model, inputs[0], x, loss=wl.train.MeanSquaredError(), batch_size=32)
    made = model(inputs[1])
    assert made.shape == held.shape
    assert ((made - held) ** 2).mean() < ((small[1].repeat(2, axis=1).repeat(2, axis=2) - held) ** 2).mean()


@pytest.mark.slow
def test_the_example_shows_a_network_and_draws(example, digits, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert example.main(["generator", "--out", str(tmp_path)]) == 0
    assert "digits from 4 x 4 to 8 x 8 pixels" in capsys.readouterr().out
    assert (tmp_path / "generator.png").stat().st_size > 1000


@pytest.mark.parametrize(("arguments", "message"), [
    (["speach"], "NETWORK=speach must be one of speech, residual"),
    (["--seeds", "0"], "--seeds=0 must be a positive integer")])  # fmt: skip
def test_the_example_refuses_in_one_line(example, arguments, message, capsys):
    with pytest.raises(SystemExit) as exit_:
        example.main(arguments)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]
