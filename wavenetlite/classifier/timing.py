"""Positions of the frames of probabilities in a signal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wavenetlite.features import Features
from wavenetlite.graph import Node
from wavenetlite.support.errors import ParameterError


@dataclass(frozen=True)
class Timing:
    """Labels and times of a classifier's frames, shared by its streams and pools; all counts are in samples.

    Attributes
    ----------
    labels
        Labels of the probabilities.
    sr
        Sample rate, Hz.
    period
        Distance of two frames.
    first_start, first_end
        The audio covered by the first frame; before 0 is padding.
    first_frames
        Frames of features that the first frame of probabilities needs.
    least
        Length of the shortest signal that has a frame.
    ahead
        Samples needed after the end of a frame before its probabilities are available.
    clip
        Length of the training clips: a shorter signal is padded with silence to that length.
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
        """The timing of features and a network whose graph ends with `output`."""
        clock, hop = output.clock, features.hop_length
        period, start = int(clock.rate), int(clock.start)
        if (period, start) != (clock.rate, clock.start):
            raise ParameterError(f"model gives a frame every {clock.rate} feature frames; it must be an integer")
        first_start, first_end = features.frame_span(start)
        return Timing(
            labels,
            features.sr,
            period * hop,
            first_start,
            first_end,
            start + 1,
            features.least_samples(start),
            (clock.latency - start + features.latency) * hop,
            round(clip_s * features.sr),
        )

    @property
    def frame_rate(self) -> float:
        """Frames per second."""
        return self.sr / self.period

    def start_s(self, frame: int) -> float:
        """Where the audio that a frame covers begins, seconds from the first sample."""
        return max(self.first_start + frame * self.period, 0) / self.sr

    def end_s(self, frame: int) -> float:
        """Where it ends, even beyond the end of the signal."""
        return (self.first_end + frame * self.period) / self.sr

    def ends_s(self, first: int, frames: int, samples: int) -> npt.NDArray[np.float64]:
        """Where the audio of each of `frames` frames ends, in a signal of `samples` samples."""
        ends = self.first_end + np.arange(first, first + frames) * self.period
        return np.minimum(ends, samples) / self.sr
