"""Gradients of losses against differences of the losses themselves."""

import numpy as np


def check_gradient(loss, y, targets, tolerance=1e-5):
    """By differences of the loss, divided by its items, along three random directions."""
    items = loss.items(targets)
    found = loss(y, targets, items).gradient
    assert found.dtype == np.float32
    assert found.shape == y.shape
    rng = np.random.default_rng(8)
    for _ in range(3):
        direction = rng.standard_normal(y.shape)
        above, below = (loss(y.astype(np.float64) + step * direction, targets, items).total for step in (1e-5, -1e-5))
        wanted = (above - below) / 2e-5 / items
        assert abs(wanted - (found * direction).sum()) <= tolerance * max(1, abs(wanted))
