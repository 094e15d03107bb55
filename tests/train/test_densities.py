"""Losses of densities: against SciPy-free definitions in float64, PyTorch, sums over all levels, and differences."""

import math

import numpy as np
import pytest
from loss_gradients import check_gradient

import wavenetlite as wl
from wavenetlite.train import GaussianNLL, LogisticMixtureNLL


def outputs(channels, seed=0, clips=2, frames=7):
    return np.random.default_rng(seed).standard_normal((clips, frames, channels)).astype(np.float32)


def samples(seed=1, clips=2, frames=7):
    return np.random.default_rng(seed).uniform(-1, 1, (clips, frames)).astype(np.float32)


def sigmoid(x):
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def interval(x, mean, log_scale, levels):
    """The probability of the level of `x`, as the paper says it."""
    half, scale = 1 / (levels - 1), math.exp(log_scale)
    upper = 1.0 if x > 1 - half else sigmoid((x + half - mean) / scale)
    lower = 0.0 if x < -1 + half else sigmoid((x - half - mean) / scale)
    return upper - lower


# ----------------------------------------------------------------------------------------------------------- Gaussian
def test_the_gaussian_is_its_density():
    y, targets = outputs(2), samples()
    mean, deviation = y[..., 0].astype(np.float64), np.exp(y[..., 1].astype(np.float64))
    density = np.exp(-0.5 * ((targets - mean) / deviation) ** 2) / (deviation * math.sqrt(2 * math.pi))
    outcome = GaussianNLL()(y, targets, targets.size)
    assert abs(outcome.total + np.log(density).sum()) < 1e-9
    assert (outcome.count, outcome.correct) == (14, 0.0)
    check_gradient(GaussianNLL(), y, targets)


def test_the_gaussian_is_pytorchs():
    torch = pytest.importorskip("torch")
    y, targets = outputs(2), samples()
    theirs = torch.tensor(y.astype(np.float64), requires_grad=True)
    variance = torch.exp(2 * theirs[..., 1])
    loss = torch.nn.GaussianNLLLoss(full=True, eps=1e-12)(theirs[..., 0], torch.tensor(targets), variance)
    loss.backward()
    outcome = GaussianNLL()(y, targets, targets.size)
    assert abs(outcome.total / targets.size - loss.item()) < 1e-9
    assert np.abs(outcome.gradient - theirs.grad.numpy()).max() < 1e-6


# ----------------------------------------------------------------------------------------------- mixture of logistics
@pytest.mark.parametrize("components", [1, 3])
def test_the_mixture_is_its_definition(components):
    y, targets, levels = outputs(3 * components), samples(), 256
    targets[0, :4] = -1, 1, -0.999, 0.999
    logits, means, scales = np.split(y.astype(np.float64), 3, axis=2)
    weights = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    wanted = 0.0
    for at in np.ndindex(targets.shape):
        parts = zip(weights[at], means[at], scales[at], strict=True)
        wanted -= math.log(sum(w * interval(float(targets[at]), m, s, levels) for w, m, s in parts))
    loss = LogisticMixtureNLL(levels=levels)
    assert abs(loss(y, targets, targets.size).total - wanted) < 1e-9
    check_gradient(loss, y, targets)


def test_the_probabilities_of_all_levels_sum_to_one():
    levels = 32
    every = np.linspace(-1, 1, levels).astype(np.float32)[np.newaxis]
    y = np.repeat(outputs(9, clips=1, frames=1), levels, axis=1)
    y[..., 6:] -= 3
    loss = LogisticMixtureNLL(levels=levels)
    each = [loss(y[:, i : i + 1], every[:, i : i + 1], 1).total for i in range(levels)]
    assert abs(np.exp(-np.array(each)).sum() - 1) < 1e-6


def test_the_mixture_is_pytorchs_derivative():
    torch = pytest.importorskip("torch")
    y, targets, half = outputs(6), samples(), 1 / 255
    theirs, x = (
        torch.tensor(y.astype(np.float64), requires_grad=True),
        torch.tensor(targets.astype(np.float64))[..., None],
    )
    logits, means, scales = theirs.chunk(3, dim=2)
    upper = torch.sigmoid((x + half - means) * torch.exp(-scales))
    lower = torch.sigmoid((x - half - means) * torch.exp(-scales))
    loss = -torch.logsumexp(torch.log_softmax(logits, 2) + torch.log(upper - lower), 2).mean()
    loss.backward()
    outcome = LogisticMixtureNLL(levels=256)(y, targets, targets.size)
    assert abs(outcome.total / targets.size - loss.item()) < 1e-9
    assert np.abs(outcome.gradient - theirs.grad.numpy()).max() < 1e-6


def test_a_sample_far_from_a_narrow_mean_has_a_finite_loss_and_gradient():
    """Where both ends of its interval round to the same number."""
    y = np.array([[[0, 0.9, -6.5], [0, -0.9, -6.5]]], np.float32)
    loss, targets = LogisticMixtureNLL(), np.array([[-0.9, 0.9]], np.float32)
    outcome = loss(y, targets, 2)
    # A logistic's density far out: exp(-distance / scale), over an interval of the width of a level, by its scale.
    scale = math.exp(-6.5)
    assert abs(outcome.total / 2 - (1.8 / scale - math.log(2 / 65_535 / scale))) < 1e-3
    check_gradient(loss, y, targets, 1e-4)


# --------------------------------------------------------------------------------------------------------------- both
BOTH = [(GaussianNLL, 2), (LogisticMixtureNLL, 6)]


@pytest.mark.parametrize(("loss", "channels"), BOTH)
def test_frames_of_nan_are_ignored(loss, channels):
    y, targets = outputs(channels), samples()
    targets[0, 2:] = np.nan
    outcome = loss()(y, targets, loss().items(targets))
    kept = loss()(y[:1, :2], targets[:1, :2], 9).total + loss()(y[1:], targets[1:], 9).total
    assert abs(outcome.total - kept) < 1e-9
    assert outcome.count == loss().items(targets) == 9
    assert not outcome.gradient[0, 2:].any()
    check_gradient(loss(), y, targets)


@pytest.mark.parametrize(("loss", "channels"), BOTH)
def test_targets_may_have_an_axis_for_their_channel(loss, channels):
    y, targets = outputs(channels), samples()
    assert loss()(y, targets[..., np.newaxis], 14).total == loss()(y, targets, 14).total


@pytest.mark.parametrize(("loss", "channels"), BOTH)
def test_scales_below_the_least_count_as_the_least(loss, channels):
    y, targets = outputs(channels), samples()
    scales = slice(channels - channels // 3, None) if channels > 2 else slice(1, None)
    low, least = y.copy(), y.copy()
    low[..., scales], least[..., scales] = -50, -2
    given = loss(least_log_scale=-2)
    assert given(low, targets, 14).total == given(least, targets, 14).total
    assert not given(low, targets, 14).gradient[..., scales].any()


@pytest.mark.parametrize(("loss", "channels", "targets", "parts"), [
    (GaussianNLL, 3, samples(), ["output has 3 channels", "a Gaussian has 2"]),
    (LogisticMixtureNLL, 4, samples(), ["output has 4 channels", "3 K"]),
    (GaussianNLL, 2, samples(frames=6), ["targets have shape (2, 6)", "(2, 7)"]),
    (LogisticMixtureNLL, 3, samples() + 1, ["targets reach", "from -1 to 1"]),
    (GaussianNLL, 2, np.full((2, 7), np.inf, np.float32), ["infinities"]),
])  # fmt: skip
def test_what_does_not_fit(loss, channels, targets, parts):
    with pytest.raises(wl.ParameterError) as excinfo:
        loss()(outputs(channels), targets, 14)
    assert all(part in str(excinfo.value) for part in parts)


@pytest.mark.parametrize(("loss", "channels"), BOTH)
def test_classes_are_no_samples(loss, channels):
    with pytest.raises(wl.ArrayTypeError, match="targets are int64"):
        loss()(outputs(channels), np.zeros((2, 7), np.int64), 14)


@pytest.mark.parametrize(("options", "part"), [
    ({"levels": 1}, "levels=1"), ({"levels": 2**25}, "levels"), ({"least_log_scale": np.nan}, "least_log_scale"),
])  # fmt: skip
def test_bad_options(options, part):
    with pytest.raises(wl.ParameterError, match=part):
        LogisticMixtureNLL(**options)
