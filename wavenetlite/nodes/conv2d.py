"""Convolution over time and bins."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import ClassVar

import numpy as np

from wavenetlite.graph import (
    Convolution,
    Counts,
    Edge,
    EdgeWeights,
    KernelCall,
    Node,
    OnnxBuilder,
    OverBins,
    ScriptBuilder,
    exact,
    rebinned,
)
from wavenetlite.graph.batch import BatchContext, BatchStep, aligned_zeros
from wavenetlite.kernels import padded, training
from wavenetlite.kernels.pack import (
    Arena,
    BlocksAlike,
    Link,
    blocks_alike,
    pack_strips,
    parts_of,
    progressions,
    ungrouped,
)
from wavenetlite.nodes.c_convolution import c_single_chains, c_sums
from wavenetlite.nodes.convolution_batch import (
    ConvolutionBatchStep,
    ConvolutionSource,
    Packed,
    blocks,
    fours,
    transpose,
)
from wavenetlite.support.arrays import Floats
from wavenetlite.support.c_builder import CStepBuilder
from wavenetlite.support.errors import ParameterError

MOST_DENSE = 2**26
"""Weights of a convolution over bins that is expanded to one over channels."""

CONV2D = '''\
def conv2d(x, weight, bias, groups, table):
    """A convolution over time and bins; x as `read` gives it, weight (maps out, maps in / groups, frames, bins).

    table[phase][bin] is a list of what a bin of the output reads: (tap, bin) of x by the weights at (frame, bin), -1:
    no more. A transposed convolution makes as many frames of one reading as there are phases.
    """
    table, ins, outs = table.astype(int), weight.shape[1], len(weight) // groups
    bins = x.shape[2] // (ins * groups)
    x = x.reshape(*x.shape[:2], bins, groups, ins)
    weight = weight.reshape(groups, outs, *weight.shape[1:])
    y = np.zeros((len(x), *table.shape[:2], groups, outs)) + (0 if bias is None else bias.reshape(groups, outs))
    for phase, places in enumerate(table):
        for f, links in enumerate(places):
            for tap, at, frame, place in links[links[:, 0] >= 0]:
                y[:, phase, f] += np.einsum("ngi,goi->ngo", x[:, tap, at], weight[:, :, :, frame, place])
    return y.reshape(len(x) * len(table), -1)
'''

Links = tuple[tuple[tuple[Link, ...], ...], ...]
"""For every phase and bin, its links."""


@dataclass(eq=False)
class Strips(Convolution):
    """A convolution over time and bins with weights (maps out, maps in / groups, kernel frames, kernel bins)."""

    kernel: str = "strips"
    reads_unpadded: bool = True
    reads_bins: bool = True
    links: Links = ()

    def scale(self, scale: np.ndarray, offset: np.ndarray, bins: int) -> bool:
        return bins == len(self.links[0]) and super().scale(scale, offset, bins)

    def pack_weights(self, arena: Arena) -> None:
        self.strips = pack_strips(arena, self.links, self.weights[0], self.groups[0], self.bias)


@dataclass(frozen=True, eq=False)
class Conv2d(Node):
    """A convolution over time and bins, transposed or not. A frame holds bins x maps channels, a bin's maps together.

    ``links[phase][bin]`` lists all inputs of a bin. `weight` is the module's parameter, with the axes named in
    `layout`.
    """

    operation: ClassVar[str] = "conv2d"

    weight: Floats
    bias: Floats | None
    groups: int
    layout: str
    links: Links

    @property
    def phases(self) -> int:
        return len(self.links)

    @property
    def bins(self) -> int:
        """Bins of the output."""
        return len(self.links[0])

    @property
    def depthwise(self) -> bool:
        """Whether it is a depthwise convolution."""
        return self.groups > 1 and self.arranged(self.weight).shape[:2] == (self.groups, 1)

    def arranged(self, weight: np.ndarray) -> np.ndarray:
        """The weights, or an array of their shape, as (maps out, maps in / groups, kernel frames, kernel bins)."""
        if self.layout == "in, out, frames, bins":
            split = weight.reshape(self.groups, -1, *weight.shape[1:]).swapaxes(1, 2)
            return split.reshape(-1, *split.shape[2:])
        return weight

    @property
    def kernel_weight(self) -> Floats:
        """The weights that it computes with, so arranged."""
        return self.arranged(self.weight)

    @property
    def multiply_adds(self) -> float:
        """Per output frame."""
        maps_out, maps_in = self.arranged(self.weight).shape[:2]
        return float(sum(len(links) for row in self.links for links in row) * maps_out * maps_in / self.phases)

    def call(self) -> KernelCall:
        return Strips(
            self.channels, weights=[self.kernel_weight], groups=[self.groups], bias=self.bias,
            phases=self.phases, multiply_adds=self.multiply_adds, takes_residual=not self.depthwise,
            takes_leaky=self.groups == 1, links=self.links,
        )  # fmt: skip

    @property
    def bins_in(self) -> int:
        """Bins of the input."""
        return self.edges[0].node.channels // (int(self.arranged(self.weight).shape[1]) * self.groups)

    @property
    def is_transposed(self) -> bool:
        return self.layout.startswith("in")

    @property
    def bins_made(self) -> int:
        return self.bins

    @property
    def over_bins(self) -> OverBins:
        """From the links; for a transposed convolution, in terms of what it reads."""
        ratio = Fraction(self.bins_in, self.bins)
        stride = ratio if ratio < 1 else round(ratio)
        rows = [sorted({(link.bins, link.bin) for link in row}) for row in self.links[0]]
        if self.is_transposed:
            taps = max(len({at for _, at in row}) for row in rows)
            return OverBins(taps, 1, stride, -(taps // 2))
        taps = self.arranged(self.weight).shape[3]
        pairs = ((a, b) for row in rows for a, b in pairwise(row))
        spacing = next(((b - a) // (after - before) for (before, a), (after, b) in pairs), 1)
        return OverBins(taps, spacing, stride, -(taps // 2) * spacing)

    def taps_read(self, phase: int, counts: Counts) -> Iterator[tuple[int, Counts]]:
        links = [(f, link) for f, row in enumerate(self.links[phase]) for link in row]
        counts = exact(rebinned(counts, self.bins), len(links))
        for tap in sorted({link.tap for _, link in links}):
            read = np.zeros((len(counts), self.bins_in), counts.dtype)
            for f, link in links:
                if link.tap == tap:
                    read[:, link.bin] += counts[:, f]
            yield tap, read

    def edge_weights(self) -> list[EdgeWeights]:
        """A transposed convolution counts as undilated: its kernel has no holes to fill."""
        edge, weight, bins = self.edges[0], self.arranged(self.weight), self.over_bins
        maps = weight.shape[1] * self.groups
        inner = maps * weight[0].size
        only = EdgeWeights(
            edge=0,
            weight=self.weight,
            kernel_size=(edge.taps, bins.taps),
            dilation=(1, 1) if self.is_transposed else (edge.spacing, bins.spacing),
            multiply_adds=self.multiply_adds,
            inner_parameters=inner + (maps if self.bias is not None else 0),
            inner_multiply_adds=self.bins_in * inner,  # taps beyond the ends counted too
        )
        return [only]

    def onnx(self, write: OnnxBuilder[Edge]) -> str:
        """Export as a convolution over channels."""
        names = [write.constant(self.dense())]
        if self.bias is not None:
            names.append(write.constant(np.tile(self.bias, self.phases * self.bins)))
        y = write.conv(self.edges[0], names, 1)
        return write.side_by_side(y, self.phases, self.channels, phases_first=True)

    def dense(self) -> Floats:
        """The weights expanded to (phases x channels, channels read, taps)."""
        edge = self.edges[0]
        rows, columns = self.phases * self.channels, edge.node.channels
        if rows * columns * edge.taps > MOST_DENSE:
            raise ParameterError(f"a convolution over bins has {rows * columns * edge.taps} weights when expanded to "
                                 f"channels; it must have at most {MOST_DENSE} for ONNX export")  # fmt: skip
        given = ungrouped(self.arranged(self.weight), self.groups)
        maps_out, maps_in = given.shape[:2]
        dense = np.zeros((self.phases, self.bins, maps_out, columns // maps_in, maps_in, edge.taps), np.float32)
        for phase, table in enumerate(self.links):
            for out, links in enumerate(table):
                for link in links:
                    dense[phase, out, :, link.bin, :, link.tap] += given[:, :, link.frames, link.bins]
        return dense.reshape(rows, columns, edge.taps)

    def script(self, write: ScriptBuilder[Edge]) -> str:
        arrays = self.arranged_script(write.array(self.weight)), write.array(self.bias)
        return write.call(CONV2D, write.read(self.edges[0]), *arrays, str(self.groups), write.array(self.table()))

    def arranged_script(self, name: str) -> str:
        """The expression of `arranged` for the script."""
        if self.layout == "out, in, bins, frames":
            return f"{name}.swapaxes(2, 3)"
        if self.layout == "in, out, frames, bins":
            split = f"{name}.reshape({self.groups}, -1, *{self.weight.shape[1:]}).swapaxes(1, 2)"
            return f"{split}.reshape{self.arranged(self.weight).shape}"
        return name

    def table(self) -> Floats:
        """The links as an array (phases, bins, links, 4)."""
        longest = max(len(row) for rows in self.links for row in rows)
        table = np.full((self.phases, self.bins, longest, 4), -1, np.float32)
        for phase, rows in enumerate(self.links):
            for f, row in enumerate(rows):
                table[phase, f, : len(row)] = np.array(row, np.float32).reshape(-1, 4)
        return table

    def c(self, write: CStepBuilder, call: Strips) -> None:
        rows = write.rows()
        for alike in blocks_alike(call.links, call.weights[0], call.groups[0]):
            for first, count, step in progressions([self.unpadded(place) for place in alike.places]):
                y, at = (series(begin, apart) for begin, apart in zip(first, step, strict=True))
                write.line(f"for (i = 0; i < {count}; i++) {{" if count > 1 else "{")
                write.line(f"float *const z = y + {y};")
                self.c_block(write, call, alike, rows, at)
                write.line("}")

    def c_block(self, write: CStepBuilder, call: Strips, alike: BlocksAlike, rows: str, at: str) -> None:
        """One of the blocks of bins that have the same weights: it sets `z` from value `at` of the rows on."""
        read, bias = alike.runs, alike.all_bias(call.bias)
        if alike.depthwise:
            weights = np.concatenate([np.zeros((alike.channels, 1, 0)), *alike.weights], axis=2)[:, 0].T
            c_single_chains(write, "z", rows, at, read, weights, bias)
        else:
            parts = parts_of(alike.weights, alike.groups, alike.channels, alike.floats)
            places = [read[part.source] for part in parts]
            c_sums(write, "z", rows, at, places, parts, alike.weights, bias, alike.channels)

    def unpadded(self, place: tuple[int, int]) -> tuple[int, int]:
        """First channel written, in a row of all phases without padding, and first channel read."""
        phase, channel = divmod(place[0], padded(self.channels))
        return phase * self.channels + channel, place[1]

    def batch_step(self, context: BatchContext) -> BatchStep[Node]:
        return ConvolutionBatchStep(self, context, [BinsSource(self, context)])


def series(first: int, apart: int) -> str:
    """The i-th of equidistant numbers, in C."""
    terms = [str(first)] * bool(first or not apart) + [f"i * {apart}"] * bool(apart)
    return " + ".join(terms)


class BinsSource(ConvolutionSource):
    """A convolution over time and bins, transposed or not."""

    def __init__(self, node: Conv2d, context: BatchContext) -> None:
        super().__init__(node, 0, context, node.weight, node.bias, node.groups)
        self.node = node
        self.weight = node.arranged(self.weight)

    def packed(self, arena: Arena) -> Packed:
        return pack_strips(arena, self.node.links, self.weight, self.groups, self.bias)

    def packed_back(self, arena: Arena) -> Packed:
        """A bin gets its gradient from the bins that read it; every phase of the output is a separate tap."""
        bins = self.x.channels // (self.weight.shape[1] * self.groups)
        links: list[list[Link]] = [[] for _ in range(bins)]
        for phase, row in enumerate(self.node.links):
            for out, read in enumerate(row):
                for link in read:
                    links[link.bin].append(link._replace(tap=link.tap * self.phases + phase, bin=out))
        weight = transpose(self.weight, self.groups)
        return pack_strips(arena, [[tuple(read) for read in links]], weight, self.groups, None)

    def prepare(self) -> None:
        super().prepare()
        if self.x.wanted and self.node.depthwise:
            self.scratch = aligned_zeros(self.x.gradient.shape)

    def prepare_gradient(self) -> None:
        maps_out, per_in, frames, bins = self.weight.shape
        maps_in = per_in * self.groups
        groups = 1 if self.node.depthwise else self.groups  # processed separately
        per_in, per_out = maps_in // groups, maps_out // groups
        rows = 1 if self.node.depthwise else per_in
        self.weight_gradient = aligned_zeros((frames * bins * groups, rows, fours(per_out)))
        self.index = self.weight.astype(np.int64)
        ld = padded(self.out.channels)
        # For each link and group: the tap, its first channel, that of the gradient, the position in the kernel.
        self.meetings = np.array([
            (link.tap, link.bin * maps_in + group * per_in, phase * ld + out * maps_out + group * per_out,
             (link.frames * bins + link.bins) * groups + group)
            for phase, row in enumerate(self.node.links)
            for out, read in enumerate(row)
            for link in read
            for group in range(groups)
        ], np.intp).reshape(-1, 4)  # fmt: skip

    def weights_backward(self, gradient: Floats, g: Floats) -> None:
        maps_out, per_in, frames, bins = self.weight.shape
        self.weight_gradient[:] = 0.0
        depthwise = self.node.depthwise
        training.weight_gradients_of_bins(
            self.rows, blocks(g, self.phases), self.meetings, depthwise, self.weight_gradient
        )
        groups = 1 if depthwise else self.groups
        found = self.weight_gradient[:, :, : maps_out // groups].reshape(frames, bins, groups, per_in, -1)
        gradient[self.index] += found.transpose(2, 4, 3, 0, 1).reshape(self.weight.shape)
