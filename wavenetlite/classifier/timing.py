"""Where the frames of probabilities lie in a signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wavenetlite.features import Features
from wavenetlite.graph import Node
from wavenetlite.support.errors import ParameterError


@dataclass(frozen=True)
class Timing:
    """Labels and times of a classifier's frames, which its streams and pools share; all counts are of samples.

    Attributes
    ----------
    labels
        Of the probabilities of a frame.
    sr
        Sample rate, Hz.
    period
        From one frame to the next.
    first_start, first_end
        The audio that the first frame covers; before 0 lies padding.
    first_frames
        Frames of features that the first frame of probabilities needs.
    least
        Of the shortest signal that has a frame.
    ahead
        After the end of a frame, that must have come before its probabilities do.
    clip
        Of the clips that the network learned from: silence follows a shorter signal up to that length.
    """

    labels: tuple[str, ...]
    sr: int
    period: int
    first_start: int
    first_end: int
    first_frames: int
    least: int
    ahead: int
    clip: int

    @staticmethod
    def of(features: Features, output: Node, labels: tuple[str, ...], clip_s: float) -> Timing:
        """Those of features and the network whose graph ends with `output`."""
        clock, hop = output.clock, features.hop_length
        period, start = int(clock.rate), int(clock.start)
        if (period, start) != (clock.rate, clock.start):
            raise ParameterError(f"model gives a frame every {clock.rate}; a classifier's must be a whole number apart")
        first_start, first_end = features.frame_span(start)
        return Timing(
            labels,
            features.sr,
            period * hop,
            first_start,
            first_end,
            start + 1,
            max(1, features.frame_length + start * hop - 2 * features.left_pad),
            (clock.latency - start + features.latency) * hop,
            round(clip_s * features.sr),
        )

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.sr / self.period

    def start_s(self, frame: int) -> float:
        """Where the audio that a frame covers begins, seconds from the first sample."""
        return max(self.first_start + frame * self.period, 0) / self.sr

    def end_s(self, frame: int) -> float:
        """Where it ends, whether or not the signal has come so far."""
        return (self.first_end + frame * self.period) / self.sr

    def ends_s(self, first: int, frames: int, heard: int) -> npt.NDArray[np.float64]:
        """Where the audio of each of `frames` frames ends, in a signal of `heard` samples."""
        ends = self.first_end + np.arange(first, first + frames) * self.period
        return np.minimum(ends, heard) / self.sr
