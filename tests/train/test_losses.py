"""Losses: values and gradients against their definitions, differences, PyTorch, and paths counted one by one."""

import itertools

import numpy as np
import pytest
from loss_gradients import check_gradient

import wavenetlite as wl
from wavenetlite.train import CTC, CrossEntropy, MeanSquaredError, losses
from wavenetlite.train.losses import collapse


def logits(*shape, seed=0, scale=2.0):
    return (scale * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def log_softmax(y):
    y = y.astype(np.float64)
    return y - np.logaddexp.reduce(y, axis=-1, keepdims=True)


# ------------------------------------------------------------------------------------------------------ cross-entropy
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_cross_entropy_of_the_last_frame(smoothing, temperature):
    y, targets = logits(5, 7, 4), np.array([0, 3, 2, 2, 1])
    loss = CrossEntropy(label_smoothing=smoothing, temperature=temperature)
    wanted = (1 - smoothing) * np.eye(4)[targets] + smoothing / 4
    outcome = loss(y, targets, loss.items(targets))
    expected = -(temperature**2) * (wanted * log_softmax(y[:, -1] / np.float64(temperature))).sum()
    assert abs(outcome.total - expected) < 1e-5
    assert outcome.count == loss.items(targets) == 5
    assert outcome.correct == (y[:, -1].argmax(axis=1) == targets).sum()
    assert not outcome.gradient[:, :-1].any()
    check_gradient(loss, y, targets)


@pytest.mark.parametrize(("at", "temperature"), [("last", 1.0), ("last", 3.0), ("frames", 1.0), ("frames", 0.7)])
def test_classes_are_soft_targets_of_one_class(at, temperature):
    """The way without a number for every class has the bits of the one with weights of 1."""
    y, rng = logits(5, 9, 6), np.random.default_rng(2)
    targets = rng.integers(-1, 6, (5, 9)) if at == "frames" else rng.integers(0, 6, 5)
    options = {"at": at, "temperature": temperature}
    one = CrossEntropy(**options)(y, targets, 7)
    other = CrossEntropy(**options, class_weights=[1] * 6)(y, targets, 7)
    assert np.array_equal(one.gradient, other.gradient)
    assert (one.total, one.correct, one.count) == (other.total, other.correct, other.count)


@pytest.mark.parametrize("options", [{}, {"label_smoothing": 0.1, "class_weights": [1, 2, 3, 4]}])
def test_many_frames_are_gone_through_part_by_part(monkeypatch, options):
    y, targets = logits(2, 50, 4), np.random.default_rng(1).integers(-1, 4, (2, 50))
    loss = CrossEntropy(at="frames", **options)
    whole = loss(y, targets, 80)
    monkeypatch.setattr(losses, "LOGITS_AT_ONCE", 56)  # seven frames
    parts = loss(y, targets, 80)
    assert (parts.gradient == whole.gradient).all()
    assert abs(parts.total - whole.total) < 1e-9
    assert (parts.correct, parts.count) == (whole.correct, whole.count)
    with pytest.raises(wl.ParameterError, match=r"they must be \(2, 50\)"):
        loss(y, targets[:, :49], 80)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_cross_entropy_of_every_frame(smoothing):
    y = logits(3, 6, 4)
    targets = np.random.default_rng(1).integers(-1, 4, (3, 6))
    loss = CrossEntropy(label_smoothing=smoothing, at="frames")
    counted = targets >= 0
    assert 0 < counted.sum() < targets.size
    outcome = loss(y, targets, loss.items(targets))
    wanted = (1 - smoothing) * np.eye(4)[targets] + smoothing / 4
    assert abs(outcome.total + ((wanted * log_softmax(y)).sum(axis=2) * counted).sum()) < 1e-5
    assert outcome.count == loss.items(targets) == counted.sum()
    assert outcome.correct == ((y.argmax(axis=2) == targets) & counted).sum()
    assert not outcome.gradient[~counted].any()
    assert outcome.gradient[counted].any(axis=1).all()
    check_gradient(loss, y, targets)


def test_frames_that_all_do_not_count():
    loss, targets = CrossEntropy(at="frames"), np.full((2, 3), -1)
    outcome = loss(logits(2, 3, 4), targets, loss.items(targets))
    assert (outcome.total, outcome.count, outcome.correct, np.abs(outcome.gradient).max()) == (0, 0, 0, 0)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_soft_targets(smoothing):
    y, targets = logits(3, 5, 4), np.random.default_rng(2).dirichlet(np.ones(4), 3).astype(np.float32)
    loss = CrossEntropy(label_smoothing=smoothing)
    outcome = loss(y, targets, loss.items(targets))
    wanted = (1 - smoothing) * targets + smoothing / 4
    assert abs(outcome.total + (wanted * log_softmax(y[:, -1])).sum()) < 1e-5
    assert outcome.correct == (y[:, -1].argmax(axis=1) == targets.argmax(axis=1)).sum()
    check_gradient(loss, y, targets)


def test_hard_targets_are_soft_ones_with_all_on_one():
    y, targets = logits(4, 3, 5), np.array([4, 0, 2, 2])
    hard, soft = (CrossEntropy()(y, t, 4) for t in (targets, np.eye(5, dtype=np.float32)[targets]))
    assert hard.total == soft.total
    assert np.array_equal(hard.gradient, soft.gradient)


def test_the_gradient_of_a_part_of_a_batch_is_of_the_mean_over_the_whole():
    y, targets = logits(6, 3, 4), np.array([0, 1, 2, 3, 0, 1])
    for loss, given in ((CrossEntropy(), targets), (CTC(), np.where(targets > 0, targets, 1)[:, np.newaxis]),
                        (MeanSquaredError(), logits(6, 3, 4, seed=3))):  # fmt: skip
        items = loss.items(given)
        whole, parts = loss(y, given, items), [loss(y[s], given[s], items) for s in (slice(0, 2), slice(2, 6))]
        assert np.allclose(np.concatenate([part.gradient for part in parts]), whole.gradient, atol=1e-7)
        assert sum(part.total for part in parts) == pytest.approx(whole.total)
        assert sum(part.count for part in parts) == whole.count == items


def test_huge_logits_stay_finite():
    outcome = CrossEntropy()(np.array([[[3e38, -3e38, 0]]], np.float32), np.array([1]), 1)
    assert np.isfinite(outcome.gradient).all()
    assert outcome.total > 1e38


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy_against_torch(smoothing):
    torch = pytest.importorskip("torch")
    y, targets = logits(5, 9, 6), np.random.default_rng(4).integers(-1, 6, (5, 9))
    theirs = torch.tensor(y, requires_grad=True)
    loss = torch.nn.functional.cross_entropy(
        theirs.mT, torch.tensor(targets), ignore_index=-1, label_smoothing=smoothing
    )
    loss.backward()
    ours = CrossEntropy(label_smoothing=smoothing, at="frames")
    outcome = ours(y, targets, ours.items(targets))
    assert outcome.total / outcome.count == pytest.approx(float(loss.detach()), rel=1e-6)
    assert np.abs(outcome.gradient - theirs.grad.numpy()).max() < 1e-7


BAD_TARGETS = [
    (CrossEntropy(), np.array([0, 4]), "0 to 3"),
    (CrossEntropy(), np.array([0, -1]), "0 to 3"),
    (CrossEntropy(), np.array([0, 1, 2]), "(3,)"),
    (CrossEntropy(), np.array([0.0, 1.0]), "(2,)"),
    (CrossEntropy(), np.zeros((2, 3), np.float32), "(2, 3)"),
    (CrossEntropy(), np.array(["a", "b"]), "integers"),
    (CrossEntropy(), np.array([True, False]), "integers"),
    (CrossEntropy(), np.array([None, 1]), "integers"),
    (CrossEntropy(at="frames"), np.zeros((2, 4), int), "(2, 4)"),
    (CrossEntropy(at="frames"), np.full((2, 5), -2), "-2"),
    (CrossEntropy(at="frames"), np.zeros((2, 4), np.float32), "soft"),
    (MeanSquaredError(), np.zeros((2, 5), np.float32), "(2, 5)"),
    (CTC(), np.array([1, 2]), "(2,)"),
    (CTC(), np.array([[1]]), "(1, 1)"),
    (CTC(), np.array([[1.0], [2.0]]), "integers"),
    (CTC(), np.array([[1], [4]]), "0 to 3"),
    (CTC(), np.array([[1], [-2]]), "-2"),
    (CTC(), np.array([[1], [0]]), "blank=0"),
    (CTC(blank=3), np.array([[1], [3]]), "blank=3"),
    (CTC(blank=4), np.array([[1], [2]]), "blank=4"),
    (CTC(), np.array([[1, -1, 2], [1, 2, -1]]), "after the last"),
]


@pytest.mark.parametrize("index", range(len(BAD_TARGETS)))
def test_bad_targets(index):
    loss, targets, part = BAD_TARGETS[index]
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError)) as excinfo:
        loss(logits(2, 5, 4), targets, 2)
    text = str(excinfo.value)
    assert "\n" not in text
    assert part in text, text


@pytest.mark.parametrize(("make", "part"), [
    (lambda: CrossEntropy(label_smoothing=1.5), "label_smoothing=1.5"),
    (lambda: CrossEntropy(label_smoothing=-0.1), "label_smoothing=-0.1"),
    (lambda: CrossEntropy(label_smoothing="much"), "label_smoothing"),
    (lambda: CrossEntropy(temperature=0.0), "temperature=0.0"),
    (lambda: CrossEntropy(at="first"), "at='first'"),
    (lambda: CTC(blank=-1), "blank=-1"),
    (lambda: CTC(blank=1.0), "blank=1.0")])  # fmt: skip
def test_bad_options(make, part):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError)) as excinfo:
        make()
    assert part in str(excinfo.value)


# ----------------------------------------------------------------------------------------------------- squared error
def test_mean_squared_error():
    y, targets, loss = logits(3, 5, 2), logits(3, 5, 2, seed=1), MeanSquaredError()
    outcome = loss(y, targets, loss.items(targets))
    assert outcome.total == pytest.approx(((y.astype(float) - targets) ** 2).sum())
    assert outcome.count == 30
    check_gradient(loss, y, targets)


# --------------------------------------------------------------------------------------------------------------- CTC
def by_paths(y, labels, blank):
    """The probability of the labels: that of all paths that collapse to them."""
    p, total = np.exp(log_softmax(y)), 0.0
    for path in itertools.product(range(y.shape[1]), repeat=len(y)):
        if [c for c, _ in itertools.groupby(path) if c != blank] == list(labels):
            total += np.prod(p[np.arange(len(y)), path])
    return total


@pytest.mark.parametrize("labels", [[], [1], [2], [1, 2], [1, 1], [2, 1, 2], [1, 1, 1], [2, 2], [1, 2, 2, 1]])
@pytest.mark.parametrize("frames", [1, 2, 4, 5])
@pytest.mark.parametrize("blank", [0, 3])
def test_ctc_counts_all_paths(labels, frames, blank):
    if blank == 3:
        labels = [label - 1 for label in labels]
    y = logits(1, frames, 4, seed=frames)
    targets = np.array([[*labels, -1, -1]])
    outcome = CTC(blank=blank)(y, targets, 1)
    p = by_paths(y[0], labels, blank)
    if p == 0:
        assert (outcome.total, np.abs(outcome.gradient).max()) == (0, 0)
    else:
        assert np.exp(-outcome.total) == pytest.approx(p, rel=1e-6)
        check_gradient(CTC(blank=blank), y, targets)


CTC_TARGETS = [
    [[1, 2, 3], [3, 3, 3], [1, -1, -1], [-1, -1, -1], [2, 2, 1]],
    [[4, 4, 4, 4, 4, 4], [1, 2, 1, 2, 1, 2], [1, 2, 3, 4, -1, -1], [-1] * 6, [1, 1, 2, 2, 3, 3]],
]


@pytest.mark.parametrize("targets", CTC_TARGETS, ids=["short", "long"])
@pytest.mark.parametrize("frames", [1, 2, 3, 6, 8, 11, 40, 300])
@pytest.mark.parametrize("blank", [0, 5])
def test_ctc_against_torch(targets, frames, blank):
    torch = pytest.importorskip("torch")
    targets = np.array(targets)
    y = logits(len(targets), frames, 6, seed=frames)
    theirs = torch.tensor(y, dtype=torch.float64, requires_grad=True)
    lengths = (targets >= 0).sum(axis=1)
    log_p = theirs.log_softmax(dim=2).transpose(0, 1)
    values = torch.nn.functional.ctc_loss(
        log_p, torch.tensor(np.maximum(targets, 1)), torch.full((len(y),), frames), torch.tensor(lengths), blank=blank,
        reduction="none", zero_infinity=True,
    )  # fmt: skip
    values.sum().backward()
    outcome = CTC(blank=blank)(y, targets, 1)
    assert outcome.total == pytest.approx(float(values.detach().sum()), rel=1e-6)
    assert np.abs(outcome.gradient - theirs.grad.numpy()).max() <= 1e-6


def test_no_labels_at_all():
    y, targets = logits(2, 4, 3), np.zeros((2, 0), int)
    outcome = CTC()(y, targets, 2)
    assert outcome.total == pytest.approx(-log_softmax(y)[:, :, 0].sum())
    check_gradient(CTC(), y, targets)


def test_nan_is_no_impossible_target():
    y = logits(1, 4, 3)
    y[0, 1, 1] = np.nan
    assert np.isnan(CTC()(y, np.array([[1]]), 1).total)


def test_ctc_counts_clips_whose_best_path_is_right():
    y = np.full((3, 4, 3), -9, np.float32)
    y[0, [0, 1, 2, 3], [0, 1, 1, 2]] = 9  # 1 2
    y[1, [0, 1, 2, 3], [1, 0, 1, 0]] = 9  # 1 1
    y[2, :, 0] = 9  # nothing
    assert CTC()(y, np.array([[1, 2], [1, 1], [-1, -1]]), 3).correct == 3
    assert CTC()(y, np.array([[1, 1], [1, -1], [1, -1]]), 3).correct == 0


@pytest.mark.parametrize(("path", "labels"), [
    ([0], []), ([1], [1]), ([1, 1, 0, 1, 2, 2, 0], [1, 1, 2]), ([0, 0, 2, 0], [2])])  # fmt: skip
def test_collapse(path, labels):
    assert collapse(np.array(path), 0) == labels


# Weights of classes


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
@pytest.mark.parametrize("soft", [False, True])
def test_weights_of_classes_are_pytorchs(smoothing, soft):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    y, weights = rng.standard_normal((5, 3, 4)).astype(np.float32), [0.5, 2.0, 0.0, 1.5]
    targets = rng.dirichlet(np.ones(4), 5).astype(np.float32) if soft else rng.integers(0, 4, 5)
    logits = torch.tensor(y[:, -1], dtype=torch.float64, requires_grad=True)
    wanted = torch.tensor(targets).double() if soft else torch.tensor(targets)
    theirs = torch.nn.functional.cross_entropy(
        logits, wanted, weight=torch.tensor(weights).double(), label_smoothing=smoothing, reduction="sum"
    )
    theirs.backward()
    outcome = wl.train.CrossEntropy(class_weights=weights, label_smoothing=smoothing)(y, targets, items=5)
    assert abs(outcome.total - theirs.item()) < 1e-6
    assert np.abs(outcome.gradient[:, -1] - logits.grad.numpy() / 5).max() < 1e-7
    assert not outcome.gradient[:, :-1].any()


def test_weights_of_one_are_no_weights():
    rng = np.random.default_rng(1)
    y, targets = rng.standard_normal((5, 3, 4)).astype(np.float32), np.array([[0, -1, 2]] * 5)
    plain, weighted = (wl.train.CrossEntropy(at="frames", class_weights=one)(y, targets, 10) for one in (None, [1] * 4))
    assert abs(plain.total - weighted.total) < 1e-12
    assert np.abs(plain.gradient - weighted.gradient).max() < 1e-7


def test_balanced_weights():
    y = np.array([0] * 6 + [1] * 3 + [3])
    weights = wl.train.balanced_weights(y, 4)
    assert weights == [10 / 18, 10 / 9, 0.0, 10 / 3]
    assert np.isclose(np.mean(np.array(weights)[y]), 1.0)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("balanced", "class_weights is a str"),
        (3, "class_weights is a int"),
        ([1, -1, 1], r"class_weights\[1\]=-1 must be finite and at least 0"),
        ([1, np.nan, 1], r"class_weights\[1\]=nan"),
        ([1, "2", 1], r"class_weights\[1\]='2' is a str"),
        ([0, 0, 0], "must not all be 0"),
        ([1, 1], "class_weights has 2 entries; it must have 3, one per class"),
    ],
)
def test_wrong_weights(weights, said):
    with pytest.raises(wl.WavenetliteError, match=said):
        wl.train.CrossEntropy(class_weights=weights)(np.zeros((1, 1, 3), np.float32), np.array([0]), 1)
