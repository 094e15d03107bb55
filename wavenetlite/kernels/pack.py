"""Packing of weights into the kernels' layout: panels of output channels, taps inside, all in one aligned arena.

The order of additions that this layout implies is part of the numeric contract (see kernels/convolution.pxi.in), so
nothing here may depend on the instruction set except the width of the panels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from wavenetlite.kernels import LANES, WIDE, padded, panel_widths, vector_width
from wavenetlite.kernels.bf16 import are_bf16, upper_halves


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

    def add_bits(self, array: npt.NDArray[Any]) -> int:
        """Append an array of any type, bit by bit."""
        size = -(-array.nbytes // 4) * 4
        return self.add(np.frombuffer(array.tobytes().ljust(size, b"\0"), np.float32))


class SharingArena(Arena):
    """An arena in front of another, in which arrays that are parts of earlier ones of this one are not kept again.

    The bins at the ends of a frame read part of what the others read, with the same weights in the same order: keeping
    them once leaves more room in the cache.
    """

    def __init__(self, arena: Arena) -> None:
        super().__init__()
        self.arena = arena

    def add(self, array: npt.ArrayLike) -> int:
        values = np.ascontiguousarray(array, np.float32).ravel()
        for offset, kept in self.arrays:
            start = place_in(kept.view(np.uint32), values.view(np.uint32))
            if start is not None:
                return offset + start
        offset = self.arena.add(values)
        self.arrays.append((offset, values))
        self.floats = self.arena.floats
        return offset


FEW_PLACES = 16
"""Places at which a whole array is compared: more are left only where most weights are equal."""


def place_in(whole: npt.NDArray[np.uint32], part: npt.NDArray[np.uint32]) -> int | None:
    """A vector boundary at which `whole` holds `part`, None: none was found among few that look like it."""
    if not 0 < part.size <= whole.size:
        return None
    starts = np.arange(0, whole.size - part.size + 1, LANES)
    for at in np.linspace(0, part.size - 1, 64).astype(np.intp):
        starts = starts[whole[starts + at] == part[at]]
        if starts.size <= FEW_PLACES:
            break
    places = (int(start) for start in starts[:FEW_PLACES])
    return next((start for start in places if (whole[start : start + part.size] == part).all()), None)


WHOLE_GROUPS = [{(group, group)} for group in (1, 2, 4)]
"""Inputs and outputs of groups that have kernels of their own: whole ones lie in a vector of 4."""

FEWEST_BF16 = 2**12
"""Weights of a convolution from which on they are kept as bf16: fewer lie in the first-level cache as floats."""

CLEARLY = 0.6
"""A grouped convolution gets narrower panels if they are estimated to cost less than this part of what wide ones do."""


class Cut(NamedTuple):
    """A panel: `width` output channels from `first` on. `group`: in groups of so many inputs and outputs; 0: any."""

    first: int
    width: int
    group: int = 0


class PackedPanel(NamedTuple):
    """A panel of a packed convolution: what it computes, and where its weights lie."""

    cut: Cut
    windows: tuple[int, ...]  # first input channel read of each tap
    bias: int  # offsets in the arena
    late: int | None
    narrow: int
    wide: int


@dataclass(frozen=True, eq=False)
class PackedConv:
    """`order[i]` is the (edge, tap) at position i."""

    channels: int
    order: tuple[tuple[int, int], ...]
    narrow_taps: int
    lengths: tuple[int, ...]
    grouped: bool
    panels: tuple[PackedPanel, ...]
    bf16: bool = False  # whether the weights are


@dataclass(frozen=True, eq=False)
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


def panel_cuts(channels: int, grouped: bool, floats: int | None = None) -> list[Cut]:
    """The panels; together they write `floats` per row, None: what is fastest.

    Windows of grouped convolutions must not depend on the CPU: at most 16.
    """
    if grouped:
        return cut(
            padded(channels) if floats is None else floats, [width for width in panel_widths() if width <= LANES]
        )
    return cut(whole_panels(channels) if floats is None else floats, panel_widths())


def whole_panels(channels: int) -> int:
    """Floats to compute per row: `channels` in whole panels of 8, as narrower ones are not faster, or vectors of 4."""
    grain = min(8, vector_width())
    return min(-(-channels // grain) * grain, padded(channels))


def cut(end: int, widths: list[int], first: int = 0) -> list[Cut]:
    """Panels that exactly fill the channels from `first` to `end`, a multiple of 4; widest first."""
    cuts = []
    while first < end:
        width = next(width for width in widths if width <= end - first)
        cuts.append(Cut(first, width))
        first += width
    return cuts


class Source:
    """A source of a convolution, weights (channels, in / groups, taps), and how many of its channels panels read."""

    def __init__(self, weight: np.ndarray, groups: int, cuts: Sequence[Cut]) -> None:
        self.weight, self.groups = weight, groups
        self.channels, self.per_group, self.taps = (int(size) for size in weight.shape)
        windows = [self.window(cut) for cut in cuts]
        self.length = max(end - first for first, end in windows)

    @property
    def wide(self) -> bool:
        """Whether its channels are split between the two chains."""
        return self.length % WIDE == 0

    @property
    def lengths(self) -> list[int]:
        """Channels of each tap in each chain."""
        return [self.length // 2 if self.wide else self.length] * self.taps

    def window(self, cut: Cut) -> tuple[int, int]:
        """Input channels that a panel depends on."""
        last = min(cut.first + cut.width, self.channels) - 1
        return self.first_read(cut.first), self.first_read(last) + self.per_group

    def first_read(self, out: int) -> int:
        """First input channel that an output channel depends on."""
        return out // (self.channels // self.groups) * self.per_group

    def start(self, cut: Cut) -> int:
        """First channel of the window of `length` channels that a panel reads; it lies within the input."""
        return cut.first if cut.group else min(self.window(cut)[0], self.per_group * self.groups - self.length)

    def runs(self, cuts: Sequence[Cut]) -> list[tuple[int, int, int, int, int]]:
        """(first input, inputs, those of chain 0, first output, outputs) of outputs that read the same inputs."""
        runs: list[tuple[int, int, int, int, int]] = []
        for cut in cuts:
            half = self.start(cut) + self.length // 2
            for out in range(cut.first, min(cut.first + cut.width, self.channels)):
                first, size = self.first_read(out), self.per_group
                read = first, size, min(max(half - first, 0), size) if self.wide else size
                if runs and runs[-1][:3] == read:
                    runs[-1] = (*read, runs[-1][3], runs[-1][4] + 1)
                else:
                    runs.append((*read, out, 1))
        return runs

    def block(self, cut: Cut) -> np.ndarray:
        """Weights of a panel for its window, (taps, length, width); zero between different groups."""
        if cut.group:
            return np.ascontiguousarray(self.weight[cut.first : cut.first + cut.width].transpose(2, 1, 0))
        block, start = np.zeros((self.taps, self.length, cut.width), np.float32), self.start(cut)
        for out in range(cut.first, min(cut.first + cut.width, self.channels)):
            begin = self.first_read(out) - start
            block[:, begin : begin + self.per_group, out - cut.first] = self.weight[out].T
        return block


def pack_conv(
    arena: Arena, weights: Sequence[np.ndarray], groups: Sequence[int], bias: np.ndarray | None, channels: int,
    floats: int | None = None, *, bf16: bool = False,
) -> PackedConv:  # fmt: skip
    """Pack the sources of a convolution, weights[i] (channels, in / groups[i], taps), which writes `floats` per row.

    `bf16`: keep the weights as bf16, which they must be, unless there are groups.
    """
    cuts = panel_cuts(channels, any(group > 1 for group in groups), floats)
    sources = [Source(weight, group, cuts) for weight, group in zip(weights, groups, strict=True)]
    late = late_channels(sources, cuts)
    if late is not None:
        narrower = min(narrower_cuts(sources), key=lambda some: cost(sources, some))
        if cost(sources, narrower) < CLEARLY * cost(sources, cuts):
            return pack_one_chain(arena, sources, bias, narrower, late if sources[0].wide else None)
    return pack_two_chains(arena, sources, bias, channels, cuts, bf16 and not any(one.groups > 1 for one in sources))


def pack_two_chains(
    arena: Arena, sources: Sequence[Source], bias: np.ndarray | None, channels: int, cuts: Sequence[Cut], bf16: bool
) -> PackedConv:
    """Pack for the kernels that compute both chains of every output."""
    add = partial(add_bf16, arena) if bf16 else partial(add_floats, arena)
    order = sorted(range(len(sources)), key=lambda number: sources[number].wide)
    ordered, biases = [sources[number] for number in order], whole_row(bias, channels, cuts)
    panels = []
    for cut in cuts:
        narrow = [tap for source in ordered if not source.wide for tap in source.block(cut)]
        halves = [np.split(source.block(cut), 2, axis=1) for source in ordered if source.wide]
        wide = [tap for chain in range(2) for half in halves for tap in half[chain]]
        panels.append(
            PackedPanel(
                cut=cut,
                windows=tuple(source.start(cut) for source in ordered for _ in range(source.taps)),
                bias=arena.add(biases[cut.first : cut.first + cut.width]),
                late=None,
                narrow=add(narrow, cut),
                wide=add(wide, cut),
            )
        )
    return PackedConv(
        channels=channels,
        order=tuple((number, tap) for number in order for tap in range(sources[number].taps)),
        narrow_taps=sum(source.taps for source in ordered if not source.wide),
        lengths=tuple(length for source in ordered for length in source.lengths),
        grouped=any(source.groups > 1 for source in sources),
        panels=tuple(panels),
        bf16=bf16,
    )


def add_floats(arena: Arena, taps: Sequence[np.ndarray], cut: Cut) -> int:
    """Add weights of a panel, each (length, width); the offset."""
    return arena.add(np.concatenate([*taps, np.zeros((0, cut.width))]))


def add_bf16(arena: Arena, taps: Sequence[np.ndarray], cut: Cut) -> int:
    """The same as words of two channels each: the first in the lower half."""
    words: list[npt.NDArray[Any]] = [np.zeros((0, cut.width), np.uint32)]
    for tap in taps:
        halves = np.zeros((-(-len(tap) // 2) * 2, cut.width), np.uint32)
        halves[: len(tap)] = upper_halves(tap)
        words.append(halves[::2] | halves[1::2] << 16)
    return arena.add_bits(np.concatenate(words))


def pack_one_chain(
    arena: Arena, sources: Sequence[Source], bias: np.ndarray | None, cuts: Sequence[Cut], late: np.ndarray | None
) -> PackedConv:
    """Pack a grouped convolution for kernels that compute one chain of each output.

    That chain begins with the bias, or the bias is added last: to chain 1, whose channels are `late`. A chain 0 that is
    complete gets the zero of chain 1 added, as by the kernels for both; `late` is None where there is no chain 1.
    """
    sources = read_by(sources, cuts)
    biases = whole_row(bias, sources[0].channels, cuts)
    is_late = whole_row(late, sources[0].channels, cuts) > 0
    panels = []
    for cut in cuts:
        lanes = slice(cut.first, cut.first + cut.width)
        panels.append(
            PackedPanel(
                cut=cut,
                windows=tuple(source.start(cut) for source in sources for _ in range(source.taps)),
                bias=arena.add(np.where(is_late, 0.0, biases)[lanes]),
                late=None if late is None else arena.add(np.where(is_late, biases, 0.0)[lanes]),
                narrow=arena.add(np.concatenate([tap for source in sources for tap in source.block(cut)])),
                wide=arena.floats,
            )
        )
    return PackedConv(
        channels=sources[0].channels,
        order=tuple((number, tap) for number, source in enumerate(sources) for tap in range(source.taps)),
        narrow_taps=sum(source.taps for source in sources),
        lengths=tuple(source.length for source in sources for _ in range(source.taps)),
        grouped=True,
        panels=tuple(panels),
    )


def keeps_bf16(weights: Sequence[np.ndarray]) -> bool:
    """Whether a convolution's weights are numbers of bf16, all of them, and enough to be kept as such."""
    return sum(weight.size for weight in weights) >= FEWEST_BF16 and all(map(are_bf16, weights))


class Part(NamedTuple):
    """Products in the order of their additions: `outs` outputs from `out` on, of `ins` inputs of a tap from `first` on.

    The first `split` of the inputs go to chain 0, the others to chain 1.
    """

    source: int
    tap: int
    first: int
    ins: int
    split: int
    out: int
    outs: int


def parts_of(
    weights: Sequence[np.ndarray], groups: Sequence[int], channels: int, floats: int | None = None
) -> list[Part]:
    """What `pack_conv` packs, as a list without panels: the definition of every sum, for code that is not ours."""
    cuts = panel_cuts(channels, any(group > 1 for group in groups), floats)
    sources = [Source(weight, group, cuts) for weight, group in zip(weights, groups, strict=True)]
    parts = []
    for number in sorted(range(len(sources)), key=lambda number: sources[number].wide):
        runs = sources[number].runs(cuts)
        parts += [Part(number, tap, *run) for tap in range(sources[number].taps) for run in runs]
    return parts


def whole_row(values: np.ndarray | None, channels: int, cuts: Sequence[Cut]) -> np.ndarray:
    """Values of the channels, None: zeros, and zeros to the end of the last panel."""
    row = np.zeros(cuts[-1].first + cuts[-1].width, np.float32)
    row[:channels] = 0.0 if values is None else values
    return row


def late_channels(sources: Sequence[Source], cuts: Sequence[Cut]) -> np.ndarray | None:
    """Which output channels of a grouped convolution are summed in chain 1 alone, the others being in chain 0.

    None: some are in both. `cuts` define the chains, also where other panels compute them.
    """
    wide = [source.wide for source in sources]
    if all(source.groups == 1 for source in sources) or (any(wide) and not all(wide)):
        return None
    late = np.zeros((len(sources), sources[0].channels), bool)
    for source, row in zip(sources, late, strict=True):
        for cut in cuts if source.wide else ():
            for out in range(cut.first, min(cut.first + cut.width, source.channels)):
                first, half = source.first_read(out) - source.start(cut), source.length // 2
                if first < half < first + source.per_group:
                    return None
                row[out] = first >= half
    return late[0] if (late == late[0]).all() else None


def narrower_cuts(sources: Sequence[Source]) -> list[list[Cut]]:
    """Panels to choose from for a grouped convolution that needs one chain only."""
    channels, widths = sources[0].channels, [width for width in panel_widths() if width <= LANES]
    end = -(-channels // 4) * 4
    choices = [cut(end, widths[number:]) for number in range(len(widths))]
    outs = max(channels // source.groups for source in sources if source.groups > 1)
    if outs % 4 == 0:
        choices.append([panel for first in range(0, channels, outs) for panel in cut(first + outs, widths, first)])
    if {(source.per_group, channels // source.groups) for source in sources} in WHOLE_GROUPS:
        vectors = cut(channels // 4 * 4, [width for width in widths if width <= vector_width()])
        choices.append(
            [panel._replace(group=sources[0].per_group) for panel in vectors] + cut(end, [4], channels // 4 * 4)
        )
    return choices


def cost(sources: Sequence[Source], cuts: Sequence[Cut]) -> float:
    """Roughly the time of a row: lanes computed for each input read; spreading it over groups takes half as much."""
    lanes = [max(cut.width, min(8, vector_width())) for cut in cuts]
    length = sum(source.taps * source.length for source in read_by(sources, cuts))
    spread = sum(source.taps * source.per_group for source in sources)
    times = [1.5 * n * spread if cut.group else (n + 1) * length for n, cut in zip(lanes, cuts, strict=True)]
    return float(sum(times))


def read_by(sources: Sequence[Source], cuts: Sequence[Cut]) -> list[Source]:
    """The sources as read by these panels."""
    dense = [cut for cut in cuts if not cut.group]
    return [Source(source.weight, source.groups, dense or cuts) for source in sources]


def pack_strips(
    arena: Arena, links: Sequence[Sequence[tuple[Link, ...]]], weight: np.ndarray, groups: int, bias: np.ndarray | None
) -> list[PackedStrip]:
    """Pack a convolution over time and bins, whose output bins read ``links[phase][bin]``.

    `weight` is (maps out, maps in / groups, kernel frames, kernel bins). Output positions are counted in a row of all
    phases, each padded.
    """
    strips, arena = [], SharingArena(arena)
    # Those with the most weights first, since others may read part of them.
    for alike in sorted(blocks_alike(links, weight, groups), key=lambda alike: -sum(one.size for one in alike.weights)):
        order: Sequence[tuple[int, int]] = [(source, 0) for source in range(len(alike.runs))]
        packed: PackedConv | tuple[int, int]
        if alike.depthwise:
            taps = np.concatenate([np.zeros((alike.channels, 1, 0)), *alike.weights], axis=2)
            packed = pack_depthwise(arena, taps, alike.all_bias(bias), floats=alike.channels)
        else:
            packed = pack_conv(
                arena, alike.weights, alike.groups, alike.all_bias(bias), alike.channels, alike.floats,
                bf16=keeps_bf16(alike.weights),
            )  # fmt: skip
            order = packed.order
        for (out, start), count, (out_step, in_step) in progressions(alike.places):
            strips.append(
                PackedStrip(
                    packed=packed,
                    taps=tuple(alike.runs[source][0] for source, _ in order),
                    channels=tuple(start + alike.runs[source][1] for source, _ in order),
                    out=out,
                    out_channels=alike.channels,
                    count=count,
                    out_step=out_step,
                    in_step=in_step,
                )
            )
    return strips


class BlocksAlike(NamedTuple):
    """Output blocks of `channels` channels that have the same weights: a convolution with a source for every run."""

    channels: int
    runs: list[tuple[int, int]]  # tap and first channel that each source reads, counted from a place's
    weights: list[np.ndarray]
    groups: list[int]
    places: list[tuple[int, int]]  # first channel written and first channel read
    depthwise: bool  # each channel is one chain

    @property
    def floats(self) -> int:
        """Floats that `pack_conv` writes for a block."""
        return -(-self.channels // 4) * 4

    def all_bias(self, bias: np.ndarray | None) -> np.ndarray | None:
        """The biases of a block, from those of the maps."""
        return None if bias is None else np.tile(bias, self.channels // len(bias))


def blocks_alike(
    links: Sequence[Sequence[tuple[Link, ...]]], weight: np.ndarray, groups: int
) -> list[BlocksAlike]:  # fmt: skip
    """The blocks of a convolution over time and bins: bins are combined until their maps fill whole vectors of 4."""
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
    found = []
    for block, places in alike.items():
        channels, series = len(block) * maps_out, progressions(places)
        runs, weights = block_sources(block, weight, groups)
        found.append(
            BlocksAlike(
                channels=channels,
                runs=[(tap, first * maps_in) for tap, first in runs],
                weights=weights,
                groups=[groups] * len(runs),
                places=places,
                depthwise=groups > 1
                and weight.shape[:2] == (groups, 1)
                and all(count == 1 or step[0] == channels for _, count, step in series),
            )
        )
    return found


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
