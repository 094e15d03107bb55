"""Weights as the kernels read them: panels of output channels, taps inside, all in one aligned arena.

The order of additions that this layout implies is part of the numeric contract (see kernels/convolution.pxi.in), so
nothing here may depend on the instruction set except how many channels stand side by side in a panel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from wavenetlite.kernels import LANES, padded, panel_widths

WIDE = 8
"""A tap with a multiple of this many channels is split over the two chains."""


class Arena:
    """Float arrays one after the other, each beginning on a vector boundary."""

    def __init__(self) -> None:
        self.arrays: list[tuple[int, npt.NDArray[np.float32]]] = []  # with their offsets
        self.floats = 0

    def add(self, array: npt.ArrayLike) -> int:
        """Append an array; returns its offset in floats."""
        offset = self.floats
        values = np.ascontiguousarray(array, np.float32).ravel()
        self.arrays.append((offset, values))
        self.floats += -(-values.size // LANES) * LANES
        return offset


@dataclass(frozen=True)
class PackedPanel:
    width: int
    out: int
    window: int
    bias: int  # offsets in the arena
    narrow: int
    wide: int


@dataclass(frozen=True)
class PackedConv:
    """`order[i]` is the (edge, tap) that stands at place i."""

    order: tuple[tuple[int, int], ...]
    narrow_taps: int
    lengths: tuple[int, ...]
    windowed: tuple[bool, ...]
    panels: tuple[PackedPanel, ...]


def panel_cuts(channels: int, grouped: bool) -> list[tuple[int, int]]:
    """(first output channel, width) of each panel.

    Windows of grouped convolutions must not depend on the CPU: 16 at most.
    """
    widths = [width for width in panel_widths() if width <= LANES or not grouped]
    cuts, first, end = [], 0, padded(channels)
    while first < end:
        width = next(width for width in widths if width <= end - first)
        cuts.append((first, width))
        first += width
    return cuts


def pack_conv(
    arena: Arena, weights: Sequence[np.ndarray], groups: Sequence[int], bias: np.ndarray | None, channels: int
) -> PackedConv:
    """Pack the sources of a convolution; weights[i] is (channels, in / groups[i], taps)."""
    cuts = panel_cuts(channels, any(group > 1 for group in groups))
    windows = [
        [input_window(weight, group, channels, *cut) for cut in cuts]
        for weight, group in zip(weights, groups, strict=True)
    ]
    lengths = [max(end - first for first, end in window) for window in windows]
    is_wide = [length % WIDE == 0 for length in lengths]
    sources = sorted(range(len(weights)), key=lambda source: is_wide[source])
    order = tuple((source, tap) for source in sources for tap in range(weights[source].shape[2]))
    padded_bias = np.zeros(padded(channels), np.float32)
    padded_bias[:channels] = 0.0 if bias is None else bias
    panels = []
    for number, (first, width) in enumerate(cuts):
        starts = {s: window_start(weights[s], groups[s], windows[s][number], lengths[s]) for s in sources}
        blocks = {s: dense_block(weights[s], groups[s], channels, first, width, starts[s], lengths[s]) for s in sources}
        narrow = [blocks[s][tap] for s, tap in order if not is_wide[s]]
        wide = [
            blocks[s][tap][chain * lengths[s] // 2 : (chain + 1) * lengths[s] // 2]
            for chain in range(2)
            for s, tap in order
            if is_wide[s]
        ]
        panels.append(
            PackedPanel(
                width=width,
                out=first,
                window=max((starts[s] for s in sources if groups[s] > 1), default=0),
                bias=arena.add(padded_bias[first : first + width]),
                narrow=arena.add(np.concatenate([*narrow, np.zeros((0, width))])),
                wide=arena.add(np.concatenate([*wide, np.zeros((0, width))])),
            )
        )
    return PackedConv(
        order=order,
        narrow_taps=sum(not is_wide[s] for s, _ in order),
        lengths=tuple(lengths[s] // 2 if is_wide[s] else lengths[s] for s, _ in order),
        windowed=tuple(groups[s] > 1 for s, _ in order),
        panels=tuple(panels),
    )


def input_window(weight: np.ndarray, groups: int, channels: int, first: int, width: int) -> tuple[int, int]:
    """Input channels that output channels [first, first + width) depend on."""
    per_group_out, per_group_in = channels // groups, weight.shape[1]
    last = min(first + width, channels) - 1
    return (first // per_group_out) * per_group_in, (last // per_group_out + 1) * per_group_in


def window_start(weight: np.ndarray, groups: int, window: tuple[int, int], length: int) -> int:
    """First channel of a window of `length` that covers `window` and ends within the input."""
    return min(window[0], int(weight.shape[1]) * groups - length)


def dense_block(
    weight: np.ndarray, groups: int, channels: int, first: int, width: int, start: int, length: int
) -> np.ndarray:
    """(taps, length, width) weights of one panel over one window of inputs; zero between different groups."""
    per_group_out, per_group_in, taps = channels // groups, weight.shape[1], weight.shape[2]
    block = np.zeros((taps, length, width), np.float32)
    for out in range(first, min(first + width, channels)):
        begin = (out // per_group_out) * per_group_in - start
        block[:, begin : begin + per_group_in, out - first] = weight[out].T
    return block


def pack_depthwise(arena: Arena, weight: np.ndarray, bias: np.ndarray | None) -> tuple[int, int]:
    """Offsets of (taps, padded channels) weights and the padded bias."""
    channels, _, taps = weight.shape
    table = np.zeros((taps + 1, padded(channels)), np.float32)
    table[:taps, :channels] = weight[:, 0].T
    table[taps, :channels] = 0.0 if bias is None else bias
    return arena.add(table[:taps]), arena.add(table[taps])
