"""What the network of a recipe says to clips."""

from __future__ import annotations

import numpy as np

from wavenetlite.nn import Module
from wavenetlite.support.arrays import Floats


def last_frames(model: Module, x: Floats) -> np.ndarray:
    """Logits of the last frame of each clip."""
    logits: np.ndarray = model(x)[:, -1].astype(np.float64)
    return logits


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)  # type: ignore[no-any-return]
