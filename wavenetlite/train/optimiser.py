"""AdamW, gradient clipping and learning-rate schedules, over the flat vector of values."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from wavenetlite.kernels import training
from wavenetlite.support.arrays import Floats, is_array
from wavenetlite.support.checks import number, one_of
from wavenetlite.support.errors import ArrayTypeError, ParameterError

SCHEDULES = ("constant", "cosine", "one_cycle")


class AdamW:
    """Adam with decoupled weight decay.

    Parameters
    ----------
    count
        Number of values.
    decayed
        Mask of the values that decay, (count,) booleans.
    weight_decay
        Decay per step, relative to the learning rate.
    betas, eps
        As in ``torch.optim.AdamW``.

    Notes
    -----
    Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019, algorithm 2.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> optimiser, w = wl.train.AdamW(2), np.array([1, 1], np.float32)
    >>> optimiser.step(w, np.array([3, -0.5], np.float32), lr=0.1)     # the first step is lr, whatever the gradient
    >>> [round(float(value), 4) for value in w]
    [0.9, 1.1]
    """

    def __init__(
        self,
        count: int,
        *,
        decayed: npt.NDArray[np.bool_] | None = None,
        weight_decay: float = 0.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
    ) -> None:
        self.weight_decay = number("weight_decay", weight_decay, least=0.0)
        self.decayed = np.ones(count, np.float32) if decayed is None else decayed.astype(np.float32)
        for name, beta in zip(("betas[0]", "betas[1]"), betas, strict=True):
            if not 0 <= number(name, beta) < 1:
                raise ParameterError(f"{name}={beta} must be from 0 to below 1")
        self.betas, self.eps = betas, number("eps", eps, least=0.0)
        self.steps = 0
        self.first: Floats = np.zeros(count, np.float32)
        self.second: Floats = np.zeros(count, np.float32)

    def step(self, values: Floats, gradient: Floats, lr: float) -> None:
        """Change `values` in place by one step; both arrays are float32, (count,) and contiguous."""
        for name, array in (("values", values), ("gradient", gradient)):
            if not is_array(array) or array.dtype != np.float32:
                raise ArrayTypeError(f"{name} is a {getattr(array, 'dtype', type(array).__name__)}; it must be float32")
            if array.shape != self.first.shape or not array.flags.c_contiguous:
                raise ParameterError(f"{name} has shape {array.shape}; it must be {self.first.shape}, contiguous")
        self.steps += 1
        one, two = self.betas
        rate, deviation = lr / (1 - one**self.steps), 1 / math.sqrt(1 - two**self.steps)
        constants = one, 1 - one, two, 1 - two, rate, deviation, self.eps, lr * self.weight_decay
        training.adam(gradient, self.decayed, constants, self.first, self.second, values)


def clip_norm(gradient: Floats, most: float) -> float:
    """Scale a gradient in place to at most this Euclidean norm; returns its original norm.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> g = np.array([3, 4], np.float32)
    >>> wl.train.clip_norm(g, 1.0), [round(float(value), 3) for value in g]
    (5.0, [0.6, 0.8])
    """
    norm = math.sqrt(float(np.square(gradient, dtype=np.float64).sum()))
    if norm > most:
        gradient *= np.float32(most / norm)
    return norm


def schedule(kind: str, steps: int, *, warmup: float = 0.05) -> Callable[[int], float]:
    """A learning-rate schedule: the factor for each of `steps` steps.

    Parameters
    ----------
    kind
        "constant"; "cosine": half-cosine decay to 0; "one_cycle": half-cosine rise in the first 30 %, then decay to 0
        (Smith, "A disciplined approach to neural network hyper-parameters", 2018).
    steps
        Total number of steps.
    warmup
        Share of the steps in which "constant" and "cosine" first rise linearly.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> factor = wl.train.schedule("cosine", 100, warmup=0.1)
    >>> [round(factor(step), 2) for step in (0, 9, 54, 99)]
    [0.1, 1.0, 0.52, 0.0]
    """
    one_of("kind", kind, SCHEDULES)
    if not 0 <= number("warmup", warmup) < 1:
        raise ParameterError(f"warmup={warmup} must be from 0 to below 1")
    rising = max(1, round((0.3 if kind == "one_cycle" else warmup) * steps))

    def factor(step: int) -> float:
        if kind == "one_cycle" and step < rising:
            return 0.04 + 0.96 * (1 - math.cos(math.pi * (step + 1) / rising)) / 2
        if step < rising:
            return (step + 1) / rising
        if kind == "constant":
            return 1.0
        return (1 + math.cos(math.pi * (step - rising) / max(steps - rising, 1))) / 2

    return factor
