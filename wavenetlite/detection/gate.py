"""When somebody speaks: a score of speech to open and closed, with hysteresis and hang-over."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.detection.detector import frames_of, milliseconds, share
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import number
from wavenetlite.support.errors import ArrayTypeError, ParameterError


class Gate:
    """Opens when the score of speech reaches a threshold, and closes when it has been low for some time. Immutable.

    Parameters
    ----------
    threshold
        Score at which the gate opens, in 0..1.
    release
        Score below which a frame is quiet, at most the threshold; None: 0.15 below the threshold.
    hang_over_ms
        How long frames must be quiet, one after the other, until the gate closes; rounded up to frames, at least one.
    lead_ms
        What is heard before the frame that opened the gate: a detector needs some speech to find it.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> gate = wl.Gate(0.5, hang_over_ms=40).stream(frame_rate=50.0)
    >>> gate.process(np.array([0.1, 0.9, 0.4, 0.2, 0.2, 0.9], np.float32)).tolist()
    [False, True, True, True, False, True]
    """

    def __init__(
        self,
        threshold: float = 0.5,
        release: float | None = None,
        *,
        hang_over_ms: float = 400.0,
        lead_ms: float = 300.0,
    ) -> None:
        self.threshold = share("threshold", threshold)
        self.release = None if release is None else share("release", release)
        if self.release is not None and self.release > self.threshold:
            raise ParameterError(f"release={release} must be at most threshold={threshold}")
        self.hang_over_ms = milliseconds("hang_over_ms", hang_over_ms)
        self.lead_ms = milliseconds("lead_ms", lead_ms)

    def stream(self, frame_rate: float) -> GateStream:
        """New state, for scores of so many frames per second."""
        rate = number("frame_rate", frame_rate)
        if rate <= 0:
            raise ParameterError(f"frame_rate={frame_rate} must be positive")
        release = max(0.0, self.threshold - 0.15) if self.release is None else self.release
        return GateStream(self.threshold, release, max(1, frames_of(self.hang_over_ms, rate)))

    def config(self) -> dict[str, Any]:
        """The arguments of the constructor, JSON-serialisable."""
        return {name: getattr(self, name) for name in ("threshold", "release", "hang_over_ms", "lead_ms")}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Gate) and self.config() == other.config()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Gate({', '.join(f'{name}={value!r}' for name, value in self.config().items())})"


class GateStream:
    """A gate over one stream of scores, fed in blocks of any length; made by ``gate.stream(...)``."""

    def __init__(self, threshold: float, release: float, hang_over: int) -> None:
        self.threshold, self.release, self.hang_over = threshold, release, hang_over
        self.reset()

    def reset(self) -> None:
        """Forget the signal."""
        self.open, self.quiet = False, 0

    def process(self, scores: Floats) -> npt.NDArray[np.bool_]:
        """Whether the gate is open, for each frame of scores (n,)."""
        if not isinstance(scores, np.ndarray) or scores.ndim != 1 or scores.dtype.kind != "f":
            raise ArrayTypeError("scores must be an array of floats, (n,)")
        made = np.empty(len(scores), np.bool_)
        for at, score in enumerate(scores.tolist()):
            self.quiet = self.quiet + 1 if score < self.release else 0
            self.open = score >= self.threshold or (self.open and self.quiet < self.hang_over)
            made[at] = self.open
        return made
