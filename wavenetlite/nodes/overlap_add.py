"""The overlap-add of an inverse short-time Fourier transform."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from wavenetlite.graph import Counts, Edge, KernelCall, Node, clock_after, rebinned
from wavenetlite.support.arrays import Floats


@dataclass(frozen=True, eq=False)
class OverlapAdd(Node):
    """Samples of frames that overlap, `hop_length` for each frame, divided by the sum of the frames' squared windows.

    A frame of the edge holds the samples, times the window, and after them a 1. Sample 0 is sample `first` of the
    oldest frame that is read.
    """

    operation: ClassVar[str] = "overlap_add"

    window: Floats
    hop_length: int
    first: int

    @property
    def phases(self) -> int:
        return self.hop_length

    def call(self) -> KernelCall:
        squared = (self.window.astype(np.float64) ** 2).astype(np.float32)
        sizes = (len(self.window), self.first)
        return KernelCall(self.channels, "overlap_add", sizes=sizes, arrays=[squared], phases=self.phases)

    @property
    def bins_made(self) -> int:
        return 1

    def bins_read(self, index: int, counts: Counts) -> Counts:
        return rebinned(counts, 1)


def overlap_add(x: Node, window: Floats, hop_length: int, cut: int, dropped: int) -> Node:
    """Without the first `cut` samples, and without those of the last `dropped` frames beyond."""
    oldest = -((len(window) - 1 - cut) // hop_length)
    newest = (cut + hop_length - 1) // hop_length
    edge = Edge(x, shift=oldest, taps=newest - oldest + 1, end_reach=dropped)
    clock = clock_after([edge], [0] * hop_length)
    return OverlapAdd((edge,), 1, clock, window, hop_length, cut - oldest * hop_length)
