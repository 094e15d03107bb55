"""Packing of weights into the kernels' layout: panels of output channels, taps inside, all in one aligned arena.

The order of additions that this layout implies is part of the numeric contract (see kernels/convolution.pxi.in), so
nothing here may depend on the instruction set except the width of the panels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from wavenetlite.kernels import LANES, WIDE, padded, panel_widths, vector_width


class Link(NamedTuple):
    """One input of an output bin: a bin of a tap's frame, with the weights at a position of the kernel."""

    tap: int
    bin: int
    frames: int
    bins: int


Block = tuple[tuple[Link, ...], ...]
"""Adjacent output bins that together fill whole vectors: for each, its links."""


class Arena:
    """Consecutive float arrays, each beginning on a vector boundary."""

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
    windows: tuple[int, ...]  # first input channel read of each tap
    bias: int  # offsets in the arena
    narrow: int
    wide: int


@dataclass(frozen=True)
class PackedConv:
    """`order[i]` is the (edge, tap) at position i."""

    channels: int
    order: tuple[tuple[int, int], ...]
    narrow_taps: int
    lengths: tuple[int, ...]
    grouped: bool
    panels: tuple[PackedPanel, ...]


@dataclass(frozen=True)
class PackedStrip:
    """`count` output blocks with equal weights: each reads `in_step` and writes `out_step` channels after the previous.

    Its convolution is packed by `pack_conv`, or by `pack_depthwise` if it is depthwise. Position i reads tap
    ``taps[i]`` of the step, from channel ``channels[i]`` on.
    """

    packed: PackedConv | tuple[int, int]
    taps: tuple[int, ...]
    channels: tuple[int, ...]
    out: int
    out_channels: int
    count: int
    out_step: int
    in_step: int


def panel_cuts(channels: int, grouped: bool, floats: int | None = None) -> list[tuple[int, int]]:
    """(first output channel, width) of each panel; together they write `floats` per row, None: what is fastest.

    Windows of grouped convolutions must not depend on the CPU: at most 16.
    """
    if grouped:
        return cut(padded(channels) if floats is None else floats, [width for width in panel_widths() if width <= LANES])
    return cut(whole_panels(channels) if floats is None else floats, panel_widths())


def whole_panels(channels: int) -> int:
    """Floats to compute per row: `channels` in whole vectors, but a panel of 4 costs as much as one of 8 where vectors do."""
    grain = min(8, vector_width())
    return min(-(-channels // grain) * grain, padded(channels))


def cut(end: int, widths: list[int]) -> list[tuple[int, int]]:
    """(first, width) of panels that exactly fill `end` channels, a multiple of 4; widest first."""
    cuts, first = [], 0
    while first < end:
        width = next(width for width in widths if width <= end - first)
        cuts.append((first, width))
        first += width
    return cuts


def pack_conv(
    arena: Arena, weights: Sequence[np.ndarray], groups: Sequence[int], bias: np.ndarray | None, channels: int,
    floats: int | None = None,
) -> PackedConv:  # fmt: skip
    """Pack the sources of a convolution, weights[i] (channels, in / groups[i], taps), which writes `floats` per row."""
    cuts = panel_cuts(channels, any(group > 1 for group in groups), floats)
    windows = [
        [input_window(weight, group, channels, *cut) for cut in cuts]
        for weight, group in zip(weights, groups, strict=True)
    ]
    lengths = [max(end - first for first, end in window) for window in windows]
    is_wide = [length % WIDE == 0 for length in lengths]
    sources = sorted(range(len(weights)), key=lambda source: is_wide[source])
    order = tuple((source, tap) for source in sources for tap in range(weights[source].shape[2]))
    padded_bias = np.zeros(sum(cuts[-1]), np.float32)
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
                windows=tuple(starts[s] for s, _ in order),
                bias=arena.add(padded_bias[first : first + width]),
                narrow=arena.add(np.concatenate([*narrow, np.zeros((0, width))])),
                wide=arena.add(np.concatenate([*wide, np.zeros((0, width))])),
            )
        )
    return PackedConv(
        channels=channels,
        order=order,
        narrow_taps=sum(not is_wide[s] for s, _ in order),
        lengths=tuple(lengths[s] // 2 if is_wide[s] else lengths[s] for s, _ in order),
        grouped=any(group > 1 for group in groups),
        panels=tuple(panels),
    )


def pack_strips(
    arena: Arena, links: Sequence[Sequence[tuple[Link, ...]]], weight: np.ndarray, groups: int, bias: np.ndarray | None
) -> list[PackedStrip]:
    """Pack a convolution over time and bins, whose output bins read ``links[phase][bin]``.

    `weight` is (maps out, maps in / groups, kernel frames, kernel bins). Bins are combined until their maps fill whole
    vectors of 4; equal blocks share their weights. Output positions are counted in a row of all phases, each padded.
    """
    together = 4 // math.gcd(4, weight.shape[0])
    if together > 1:
        weight, groups = ungrouped(weight, groups), 1
    maps_out, maps_in = weight.shape[0], weight.shape[1] * groups
    alike: dict[Block, list[tuple[int, int]]] = {}
    for phase, row in enumerate(links):
        row_start = phase * padded(len(row) * maps_out)
        for first in range(0, len(row), together):
            block = row[first : first + together]
            start = min((link.bin for read in block for link in read), default=0)
            moved = tuple(tuple(link._replace(bin=link.bin - start) for link in read) for read in block)
            alike.setdefault(moved, []).append((row_start + first * maps_out, start * maps_in))
    strips = []
    for block, places in alike.items():
        channels, series = len(block) * maps_out, progressions(places)
        runs, weights = block_sources(block, weight, groups)
        order: Sequence[tuple[int, int]] = [(source, 0) for source in range(len(runs))]
        all_bias = None if bias is None else np.tile(bias, len(block))
        packed: PackedConv | tuple[int, int]
        depthwise = groups > 1 and weight.shape[:2] == (groups, 1)
        if depthwise and all(count == 1 or step[0] == channels for _, count, step in series):
            taps = np.concatenate([np.zeros((channels, 1, 0)), *weights], axis=2)
            packed = pack_depthwise(arena, taps, all_bias, floats=channels)
        else:
            packed = pack_conv(arena, weights, [groups] * len(runs), all_bias, channels, -(-channels // 4) * 4)
            order = packed.order
        for (out, start), count, (out_step, in_step) in series:
            strips.append(
                PackedStrip(
                    packed=packed,
                    taps=tuple(runs[source][0] for source, _ in order),
                    channels=tuple(start + runs[source][1] * maps_in for source, _ in order),
                    out=out,
                    out_channels=channels,
                    count=count,
                    out_step=out_step,
                    in_step=in_step,
                )
            )
    return strips


def block_sources(block: Block, weight: np.ndarray, groups: int) -> tuple[list[tuple[int, int]], list[np.ndarray]]:
    """(tap, first bin) of every piece that a block of bins reads, oldest first, and its weights.

    A piece is a run of bins with contiguous maps; with groups it is a single bin, to keep the groups apart.
    """
    maps_out, maps_in = weight.shape[:2]
    runs: list[tuple[int, int, int]] = []  # tap, first bin, bins
    for tap, at in sorted({(link.tap, link.bin) for read in block for link in read}):
        if runs and (runs[-1][0], sum(runs[-1][1:])) == (tap, at) and groups == 1:
            runs[-1] = (tap, runs[-1][1], runs[-1][2] + 1)
        else:
            runs.append((tap, at, 1))
    pieces = [np.zeros((len(block) * maps_out, bins * maps_in, 1)) for _, _, bins in runs]
    places = {
        (tap, first + i): piece[:, i * maps_in : (i + 1) * maps_in, 0]
        for (tap, first, bins), piece in zip(runs, pieces, strict=True)
        for i in range(bins)
    }
    for number, links in enumerate(block):
        for tap, at, k_frames, k_bins in links:
            places[tap, at][number * maps_out : (number + 1) * maps_out] = weight[:, :, k_frames, k_bins]
    return [(tap, first) for tap, first, _ in runs], pieces


def ungrouped(weight: np.ndarray, groups: int) -> np.ndarray:
    """Equivalent weights without groups."""
    maps_out, per_group = weight.shape[:2]
    whole = np.zeros((maps_out, groups * per_group, *weight.shape[2:]), weight.dtype)
    for out in range(maps_out):
        first = out // (maps_out // groups) * per_group
        whole[out, first : first + per_group] = weight[out]
    return whole


def progressions(places: Sequence[tuple[int, int]]) -> list[tuple[tuple[int, int], int, tuple[int, int]]]:
    """(first position, count, step) of the runs of equidistant positions."""
    runs: list[tuple[tuple[int, int], int, tuple[int, int]]] = []
    for place in places:
        if runs:
            first, count, step = runs[-1]
            apart = place[0] - first[0], place[1] - first[1]
            if count == 1 or apart == (count * step[0], count * step[1]):
                runs[-1] = (first, count + 1, apart if count == 1 else step)
                continue
        runs.append((place, 1, (0, 0)))
    return runs


def input_window(weight: np.ndarray, groups: int, channels: int, first: int, width: int) -> tuple[int, int]:
    """Input channels that output channels [first, first + width) depend on."""
    per_group_out, per_group_in = channels // groups, weight.shape[1]
    last = min(first + width, channels) - 1
    return (first // per_group_out) * per_group_in, (last // per_group_out + 1) * per_group_in


def window_start(weight: np.ndarray, groups: int, window: tuple[int, int], length: int) -> int:
    """First channel of a window of `length` channels that covers `window` and lies within the input."""
    return min(window[0], int(weight.shape[1]) * groups - length)


def dense_block(
    weight: np.ndarray, groups: int, channels: int, first: int, width: int, start: int, length: int
) -> np.ndarray:
    """Weights of one panel for one window of inputs, (taps, length, width); zero between different groups."""
    per_group_out, per_group_in, taps = channels // groups, weight.shape[1], weight.shape[2]
    block = np.zeros((taps, length, width), np.float32)
    for out in range(first, min(first + width, channels)):
        begin = (out // per_group_out) * per_group_in - start
        block[:, begin : begin + per_group_in, out - first] = weight[out].T
    return block


def pack_depthwise(
    arena: Arena, weight: np.ndarray, bias: np.ndarray | None, phases: int = 1, floats: int | None = None
) -> tuple[int, int]:
    """Offsets of (phases, taps, floats) weights and of the bias, from weights (phases * channels, 1, taps)."""
    channels, _, taps = weight.shape
    channels //= phases
    table = np.zeros((phases * taps + 1, padded(channels) if floats is None else floats), np.float32)
    table[:-1, :channels] = weight.reshape(phases, channels, taps).swapaxes(1, 2).reshape(phases * taps, channels)
    table[-1, :channels] = 0.0 if bias is None else bias
    return arena.add(table[:-1]), arena.add(table[-1])
