"""Weights as the kernels read them: panels of output channels, taps inside, all in one aligned arena.

The order of additions that this layout implies is part of the numeric contract (see kernels/convolution.pxi.in), so
nothing here may depend on the instruction set except how many channels stand side by side in a panel.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from wavenetlite.engine.graph import FrequencyConv
from wavenetlite.kernels import LANES, padded, panel_widths

WIDE = 8
"""A tap with a multiple of this many channels is split over the two chains."""


Links = tuple[tuple[tuple[int, int], ...], ...]
"""For each output bin of a block: (input bin, its place in the kernel) of all that it reads."""


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
    return cut(padded(channels), [width for width in panel_widths() if width <= LANES or not grouped])


def cut(end: int, widths: list[int]) -> list[tuple[int, int]]:
    """(first, width) of panels that fill `end` channels, a multiple of 4, exactly; the widest come first."""
    cuts, first = [], 0
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


def pack_frequency(arena: Arena, conv: FrequencyConv, weight: np.ndarray, bias: np.ndarray | None) -> PackedConv:
    """Pack a convolution over frequency: each output bin reads a window of input bins, and most share their weights."""
    links = [conv.links(f) for f in range(conv.bins_out)]
    return pack_links(arena, links, weight, bias, conv.bins)


def pack_frequency_back(arena: Arena, conv: FrequencyConv, weight: np.ndarray) -> PackedConv:
    """The convolution that takes a gradient back: input bin f gets it from the output bins that read it."""
    links: list[list[tuple[int, int]]] = [[] for _ in range(conv.bins)]
    for out in range(conv.bins_out):
        for f, k in conv.links(out):
            links[f].append((out, k))
    return pack_links(arena, links, weight.transpose(1, 0, 2, 3), None, conv.bins_out)


def pack_links(
    arena: Arena, links: list[list[tuple[int, int]]], weight: np.ndarray, bias: np.ndarray | None, bins_in: int
) -> PackedConv:
    """Pack a convolution whose output bin f reads the bins ``links[f]``, with weights (maps out, in, kernel, taps).

    Bins are taken together until their maps fill whole vectors of 4; blocks that look alike share their weights.
    """
    maps_out, maps_in, _, taps = weight.shape
    together = 4 // math.gcd(4, maps_out)
    blocks = [links[first : first + together] for first in range(0, len(links), together)]
    read = [[source for one in block for source, _ in one] or [0] for block in blocks]  # a stride may pass bins over
    bins = max(max(sources) - min(sources) + 1 for sources in read)
    length = bins * maps_in
    wide = length % WIDE == 0
    made: dict[Links, list[PackedPanel]] = {}
    panels = []
    for number, (block, sources) in enumerate(zip(blocks, read, strict=True)):
        start = min(min(sources), bins_in - bins)
        alike = tuple(tuple((source - start, k) for source, k in one) for one in block)
        if alike not in made:
            made[alike] = panels_of_links(arena, alike, weight, bias, length, wide)
        at, window = number * together * maps_out, start * maps_in
        panels += [replace(panel, out=at + panel.out, window=window) for panel in made[alike]]
    return PackedConv(
        order=tuple((0, tap) for tap in range(taps)),
        narrow_taps=0 if wide else taps,
        lengths=(length // 2 if wide else length,) * taps,
        windowed=(True,) * taps,
        panels=tuple(panels),
    )


def panels_of_links(
    arena: Arena, links: Links, weight: np.ndarray, bias: np.ndarray | None, length: int, wide: bool
) -> list[PackedPanel]:
    """The panels of one block of output bins, as if it were the first."""
    maps_out, maps_in, _, taps = weight.shape
    channels = -(-len(links) * maps_out // 4) * 4
    dense, biases = np.zeros((taps, length, channels), np.float32), np.zeros(channels, np.float32)
    for one, sources in enumerate(links):
        outs = slice(one * maps_out, (one + 1) * maps_out)
        biases[outs] = 0.0 if bias is None else bias
        for source, k in sources:
            dense[:, source * maps_in : (source + 1) * maps_in, outs] = weight[:, :, k].transpose(2, 1, 0)
    panels = []
    for first, width in cut(channels, panel_widths()):
        block = dense[:, :, first : first + width]
        halves = [block[:, : length // 2], block[:, length // 2 :]] if wide else []
        panels.append(
            PackedPanel(
                width=width,
                out=first,
                window=0,
                bias=arena.add(biases[first : first + width]),
                narrow=arena.add(block if not wide else block[:0]),
                wide=arena.add(np.concatenate(halves) if wide else block[:0]),
            )
        )
    return panels


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
