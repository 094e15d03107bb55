"""AdamW against PyTorch's and its own formula, schedules, clipping."""

import math

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.train import AdamW, clip_norm, schedule


def gradients(steps, count, seed=0):
    rng = np.random.default_rng(seed)
    scale = 10.0 ** rng.integers(-4, 2, count)
    return [(scale * rng.standard_normal(count)).astype(np.float32) for _ in range(steps)]


OPTIONS = [
    {}, {"weight_decay": 0.1}, {"betas": (0.8, 0.9)}, {"eps": 1e-3}, {"betas": (0.0, 0.0)},
    {"weight_decay": 0.5, "betas": (0.5, 0.99), "eps": 1e-6},
]  # fmt: skip


def rates(steps):
    return [0.01 * (1 + math.sin(i)) for i in range(steps)]


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_twenty_steps_as_torch_takes_them(options):
    torch = pytest.importorskip("torch")
    count = 300
    start = np.random.default_rng(1).standard_normal(count).astype(np.float32)
    decayed = np.arange(count) % 3 > 0
    ours, values = AdamW(count, decayed=decayed, **options), start.copy()
    theirs = [torch.nn.Parameter(torch.tensor(start[chosen])) for chosen in (decayed, ~decayed)]
    decay = options.get("weight_decay", 0.0)
    groups = [{"params": [one], "weight_decay": d} for one, d in zip(theirs, (decay, 0.0), strict=True)]
    optimiser = torch.optim.AdamW(groups, **{key: value for key, value in options.items() if key != "weight_decay"})
    for gradient, lr in zip(gradients(20, count), rates(20), strict=True):
        ours.step(values, gradient, lr)
        for one, chosen, group in zip(theirs, (decayed, ~decayed), optimiser.param_groups, strict=True):
            one.grad, group["lr"] = torch.tensor(gradient[chosen]), lr
        optimiser.step()
        for one, chosen in zip(theirs, (decayed, ~decayed), strict=True):
            assert np.abs(values[chosen] - one.detach().numpy()).max() <= 2e-6


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_the_formula_in_float64(options):
    """Loshchilov and Hutter, 2019, algorithm 2."""
    settings = {"weight_decay": 0.0, "betas": (0.9, 0.999), "eps": 1e-8} | options
    count, (one, two) = 40, settings["betas"]
    values = np.random.default_rng(2).standard_normal(count).astype(np.float32)
    w, m, v = values.astype(np.float64), np.zeros(count), np.zeros(count)
    ours = AdamW(count, **options)
    for t, (gradient, lr) in enumerate(zip(gradients(20, count), rates(20), strict=True), 1):
        ours.step(values, gradient, lr)
        g = gradient.astype(np.float64)
        m, v = one * m + (1 - one) * g, two * v + (1 - two) * g**2
        w *= 1 - lr * settings["weight_decay"]
        w -= lr * (m / (1 - one**t)) / (np.sqrt(v / (1 - two**t)) + settings["eps"])
    assert ours.steps == 20
    assert np.abs(values - w).max() < 2e-6


def test_every_value_is_rounded_alike():
    """Whatever its place: the kernel works on vectors and tails as NumPy does, value by value, in float32."""
    f = np.float32
    for count in (1, 7, 16, 45):
        ours, values = AdamW(count, weight_decay=0.3), np.linspace(-2, 3, count, dtype=f)
        w, m, v = values.copy(), np.zeros(count, f), np.zeros(count, f)
        for t, (g, lr) in enumerate(zip(gradients(5, count), rates(5), strict=True), 1):
            ours.step(values, g, lr)
            m = m * f(0.9) + f(1 - 0.9) * g
            v = v * f(0.999) + f(1 - 0.999) * g * g
            deviation = np.sqrt(v) * f(1 / math.sqrt(1 - 0.999**t)) + f(1e-8)
            w = w * (1 - f(lr * 0.3)) - f(lr / (1 - 0.9**t)) * m / deviation
            assert np.array_equal(values, w)


@pytest.mark.parametrize("part", ["values", "gradient"])
@pytest.mark.parametrize(("bad", "said"), [
    (np.zeros(4), "float64"), (np.zeros(3, np.float32), "(3,)"), (np.zeros((2, 2), np.float32), "(2, 2)"),
    (np.zeros(8, np.float32)[::2], "contiguous"), ([0.0] * 4, "list")])  # fmt: skip
def test_bad_arrays(part, bad, said):
    ours, arrays = AdamW(4), {"values": np.ones(4, np.float32), "gradient": np.ones(4, np.float32)}
    with pytest.raises(wl.WavenetliteError, match=f"^{part} ") as excinfo:
        ours.step(**arrays | {part: bad}, lr=0.1)
    assert said in str(excinfo.value)
    assert "\n" not in str(excinfo.value)
    assert ours.steps == 0


def test_only_what_is_chosen_decays():
    values = np.ones(4, np.float32)
    AdamW(4, decayed=np.array([True, False, True, False]), weight_decay=0.5).step(values, np.zeros(4, np.float32), 0.1)
    assert values.tolist() == pytest.approx([0.95, 1, 0.95, 1])


@pytest.mark.parametrize(("options", "part"), [
    ({"weight_decay": -1.0}, "weight_decay"), ({"betas": (1.0, 0.9)}, "betas[0]=1.0"),
    ({"betas": (0.9, -0.1)}, "betas[1]"), ({"eps": -1e-8}, "eps"),
    ({"betas": (0.9, float("nan"))}, "betas[1]")])  # fmt: skip
def test_bad_options(options, part):
    with pytest.raises(wl.ParameterError) as excinfo:
        AdamW(3, **options)
    assert part in str(excinfo.value)
    assert "\n" not in str(excinfo.value)


# ------------------------------------------------------------------------------------------------------------- clipping
def test_clip_norm():
    g = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    before, norm = g.copy(), float(np.linalg.norm(g.astype(np.float64)))
    assert clip_norm(g, 2 * norm) == pytest.approx(norm)
    assert np.array_equal(g, before)
    assert clip_norm(g, 1.5) == pytest.approx(norm)
    assert np.linalg.norm(g.astype(np.float64)) == pytest.approx(1.5, rel=1e-5)
    assert np.allclose(g / before, g[0] / before[0], rtol=1e-5)


def test_clipping_sums_squares_beyond_float32():
    g = np.full(4, 1e30, np.float32)
    assert clip_norm(g, 1.0) == pytest.approx(2e30, rel=1e-6)
    assert g.tolist() == pytest.approx([0.5] * 4)
    zero = np.zeros(3, np.float32)
    assert clip_norm(zero, 1.0) == 0
    assert not zero.any()


# ------------------------------------------------------------------------------------------------------------ schedules
def test_constant():
    factor = schedule("constant", 100, warmup=0.1)
    assert [factor(i) for i in (0, 4, 9, 10, 50, 99)] == pytest.approx([0.1, 0.5, 1, 1, 1, 1])
    assert schedule("constant", 100, warmup=0.0)(0) == 1


def test_cosine():
    factor = schedule("cosine", 100, warmup=0.2)
    assert [factor(i) for i in range(20)] == pytest.approx([(i + 1) / 20 for i in range(20)])
    assert [factor(i) for i in range(20, 100)] == pytest.approx(
        [(1 + math.cos(math.pi * (i - 20) / 80)) / 2 for i in range(20, 100)]
    )
    assert factor(99) < 0.001


def test_one_cycle():
    factor = schedule("one_cycle", 100)
    values = [factor(i) for i in range(100)]
    assert values[:30] == sorted(values[:30])
    assert values[29:] == sorted(values[29:], reverse=True)
    assert values[0] == pytest.approx(0.04 + 0.96 * (1 - math.cos(math.pi / 30)) / 2)
    assert max(values) == values[29] == pytest.approx(1)
    assert 0 <= values[-1] < 0.001


@pytest.mark.parametrize("kind", ["constant", "cosine", "one_cycle"])
@pytest.mark.parametrize("steps", [1, 2, 3, 5])
def test_schedules_of_few_steps(kind, steps):
    factor = schedule(kind, steps)
    values = [factor(i) for i in range(steps)]
    assert all(0 <= value <= 1 for value in values)
    assert values[0] > 0


@pytest.mark.parametrize(("kind", "warmup", "part"), [
    ("linear", 0.0, "kind='linear'"), ("cosine", 1.0, "warmup=1.0"), ("cosine", -0.1, "warmup=-0.1"),
    ("constant", "some", "warmup")])  # fmt: skip
def test_bad_schedules(kind, warmup, part):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError)) as excinfo:
        schedule(kind, 10, warmup=warmup)
    assert part in str(excinfo.value)
