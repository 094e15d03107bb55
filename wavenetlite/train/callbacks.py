"""Callbacks of `fit`: what a training run tells while it runs, and to whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ArrayTypeError, ParameterError

State = Callable[[], dict[str, Floats]]


@dataclass(frozen=True)
class RunStart:
    """What a run is, told once.

    Attributes
    ----------
    settings
        The options of `fit` that determine the result.
    steps_per_epoch
        Steps of the optimiser in an epoch.
    rows
        The history of the epochs that a checkpoint already held; see :class:`wavenetlite.train.History`.
    """

    settings: dict[str, Any]
    steps_per_epoch: int
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class Step:
    """A step of the optimiser.

    Attributes
    ----------
    step, epoch
        Its number, and that of its epoch, from 1; `step` counts through all epochs.
    lr
        Its learning rate.
    loss, accuracy
        Of its batch, before the step.
    """

    step: int
    epoch: int
    lr: float
    loss: float
    accuracy: float


class Callback:
    """Base of callbacks: override what is wanted; the others do nothing.

    A callback sees copies, so that it cannot change the result: a run has the same bytes with and without it, and
    resumed or not. What it raises ends the run, as an interruption does: the checkpoint of the last epoch is kept. A
    run that was interrupted within an epoch tells the steps of that epoch again when it is resumed.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> class Printed(wl.train.Callback):
    ...     def on_epoch(self, row, state):
    ...         print(row["epoch"], sorted(state()))
    >>> x, y = np.zeros((8, 5, 2), np.float32), np.arange(8) % 2
    >>> history = wl.train.fit(wl.nn.Linear(2, 2), (x, y), epochs=2, batch_size=4, callbacks=Printed())
    1 ['bias', 'weight']
    2 ['bias', 'weight']
    """

    def on_begin(self, run: RunStart) -> None:
        """The run begins, or is resumed."""

    def on_step(self, step: Step) -> None:
        """A step has been taken."""

    def on_epoch(self, row: dict[str, Any], state: State) -> None:
        """An epoch is over, and its checkpoint written.

        Parameters
        ----------
        row
            Its row of the history.
        state
            ``state()`` is the `state_dict` of the weights to keep so far.
        """

    def on_end(self, rows: list[dict[str, Any]]) -> None:
        """The run is over, completed or not; `rows` is its history."""


EVENTS = ("on_begin", "on_step", "on_epoch", "on_end")


class Callbacks:
    """Several callbacks, told in their order."""

    def __init__(self, given: Any) -> None:
        self.all = checked(given)

    def tell(self, event: str, *facts: Any) -> None:
        for one in self.all:
            if told := getattr(one, event, None):
                told(*facts)

    def end(self, rows: list[dict[str, Any]]) -> None:
        """Tell all that the run is over, even if one of them raises: each may have files to close."""
        with ExitStack() as stack:
            for one in reversed(self.all):
                if told := getattr(one, "on_end", None):
                    stack.callback(told, copies(rows))


def copies(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [dict(row) for row in rows]


def checked(given: Any) -> list[Any]:
    """One callback or several, as a list; raises for what would silently never be called."""
    several = list(given) if isinstance(given, list | tuple) else [given]
    for one in several:
        if isinstance(one, type):
            raise ArrayTypeError(f"callbacks has the class {one.__name__}; it must be an object, {one.__name__}(...)")
        named = [name for name in dir(one) if name.startswith("on_") and callable(getattr(one, name))]
        unknown = [name for name in named if name not in EVENTS]
        if unknown:
            raise ParameterError(
                f"{type(one).__name__}.{unknown[0]} is never called; it must be one of {', '.join(EVENTS)}"
            )
        if not named:
            raise ArrayTypeError(
                f"callbacks has a {type(one).__name__}; it must be a Callback, with some of {', '.join(EVENTS)}"
            )
    return several
