"""BlockFloor: decibels no lower than so much below the loudest of their block of frames."""

from __future__ import annotations

from wavenetlite.features._block_floor import BlockFloorState
from wavenetlite.features.steps import CausalStep, StepState
from wavenetlite.support.checks import number, positive_int
from wavenetlite.support.errors import ParameterError

MOST_FRAMES = 4096


class BlockFloor(CausalStep):
    """Raises what lies more than `below_db` below the loudest band of its block of frames to that level.

    The blocks are counted from the start of the signal, so the values do not depend on how it is cut into calls.
    Systems that take the floor of whatever a call holds, as openWakeWord does, are this with blocks of that many
    frames.

    Parameters
    ----------
    frames
        Frames of a block.
    below_db
        Distance of the floor from the block's loudest value.
    first
        Frames of the first block; None: as many as of the others. The last block of a signal may have fewer.

    Notes
    -----
    A block's frames are returned when all have come: the first of them waits for ``frames - 1`` others, which is the
    latency.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> step = wl.features.BlockFloor(2, 10.0)
    >>> step.apply(np.array([[[0], [-30], [-30], [-90]]], np.float32)).ravel().tolist()
    [0.0, -10.0, -30.0, -40.0]
    """

    def __init__(self, frames: int, below_db: float = 80.0, *, first: int | None = None) -> None:
        self.frames = positive_int("frames", frames, MOST_FRAMES)
        self.below_db = number("below_db", below_db, least=0.0)
        self.first = None if first is None else positive_int("first", first, MOST_FRAMES)
        if self.first is not None and self.first > self.frames:
            raise ParameterError(f"first={first} must be at most frames={frames}")
        self.latency = self.frames - 1

    def open(self, signals: int, channels: int) -> StepState:
        return BlockFloorState(
            signals, channels, size=self.frames, first=self.first or self.frames, below=self.below_db
        )
