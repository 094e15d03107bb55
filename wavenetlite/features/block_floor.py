"""BlockFloor: decibels no lower than so much below the loudest of their block of frames."""

from __future__ import annotations

import numpy as np

from wavenetlite.features._steps import UNFIT
from wavenetlite.features.steps import CausalStep, StepState
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import number, positive_int
from wavenetlite.support.errors import ParameterError, SnapshotError

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
        return BlockFloorState(self, signals, channels)


class BlockFloorState:
    """The frames of the block that is not yet complete.

    Parameters
    ----------
    step
        The step.
    signals, channels
        Signals in lockstep, and channels of a frame.
    """

    def __init__(self, step: BlockFloor, signals: int, channels: int) -> None:
        self.size, self.below = step.frames, np.float32(step.below_db)
        self.first = step.first or step.frames
        self.none = np.zeros((signals, 0, channels), np.float32)
        self.reset()

    def reset(self) -> None:
        self.held, self.begun = self.none, False

    def process(self, x: Floats) -> Floats:
        """The next frames, (signals, frames, channels); returns those of complete blocks."""
        x = np.concatenate([self.held, x], axis=1) if self.held.shape[1] else x
        parts = []
        if not self.begun:
            if x.shape[1] < self.first:
                self.held = x.copy()
                return self.none
            parts.append(self.floored(x[:, : self.first], self.first))
            x, self.begun = x[:, self.first :], True
        whole = x.shape[1] // self.size * self.size
        parts.append(self.floored(x[:, :whole], self.size))
        self.held = x[:, whole:].copy()
        return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)

    def floored(self, x: Floats, size: int) -> Floats:
        """Blocks of `size` frames."""
        if not x.shape[1]:
            return x
        blocks = x.reshape(len(x), -1, size * x.shape[2])
        floor = blocks.max(axis=2, keepdims=True) - self.below
        raised: Floats = np.maximum(blocks, floor).reshape(x.shape)
        return raised

    def flush(self, x: Floats) -> Floats:
        """The frames of the last block."""
        held, self.held = self.held, self.none
        return self.floored(held, held.shape[1])

    def save(self) -> bytes:
        return bytes([self.begun]) + self.held.tobytes()

    def load(self, state: bytes) -> None:
        """Restore what `save` returned; only on new state."""
        signals, _, channels = self.none.shape
        frames, rest = divmod(len(state) - 1, 4 * signals * channels)
        begun = state[:1]
        if rest or begun not in (b"\0", b"\1") or frames >= (self.size if begun == b"\1" else self.first):
            raise SnapshotError(UNFIT)
        held = np.frombuffer(state, np.float32, offset=1).reshape(signals, frames, channels)
        if not np.isfinite(held).all():
            raise SnapshotError(UNFIT)
        self.begun, self.held = begun == b"\1", held.copy()
