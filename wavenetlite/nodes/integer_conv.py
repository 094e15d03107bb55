"""Convolution of integers over time, and over time and bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from wavenetlite.graph import IntegerConvolution, KernelCall, Quantization
from wavenetlite.kernels import LANES
from wavenetlite.kernels.pack_integers import (
    Bytes,
    PackedIntegers,
    group_begins,
    pack_integer_conv,
    pack_integer_depthwise,
)
from wavenetlite.nodes.c_integers import INTEGER_DEPTHWISE, c_integer_conv, c_tables, limits_of, rule_of
from wavenetlite.nodes.conv import Conv
from wavenetlite.nodes.conv2d import Conv2d
from wavenetlite.nodes.integers import Integers, given_to, row_sizes
from wavenetlite.nodes.rescaling import rescaling_tables
from wavenetlite.support.arrays import Floats
from wavenetlite.support.c_builder import CStepBuilder
from wavenetlite.support.errors import ParameterError


@dataclass(frozen=True, eq=False)
class IntegerConv(Integers, Conv):
    """A convolution with weights and a bias of integers; its sums are rescaled and clamped to the output's integers."""

    operation: ClassVar[str] = "integer_conv"

    output: Quantization
    weight_scale: Floats
    low: int
    high: int
    rounding: str

    @property
    def reads_parts(self) -> bool:
        return False

    @property
    def rows(self) -> IntegerRows:
        return IntegerRows(np.asarray(self.weights[0]), np.asarray(self.biases[0]), self.weight_scale)

    def call(self) -> IntegerConvolution:
        rows = self.rows
        bias = rows.folded_bias(self)
        if self.depthwise:
            return rows.call(self, pack_integer_depthwise(rows.weight, bias), "integer_depthwise")
        begins = group_begins(len(bias), self.groups[0], rows.weight.shape[1])
        packed = pack_integer_conv(rows.weight, begins, self.edges[0].node.channels, bias)
        return rows.call(self, packed, "integer_conv")

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        weight, bias = self.rows.weight, self.rows.folded_bias(self).astype(np.int32)
        if self.depthwise:
            w, given = write.array(np.ascontiguousarray(weight[:, 0].T)), write.rows()
            by = c_tables(write, [array[: self.channels] for array in call.arrays[2:]], rule_of(call))
            more = [str(self.edges[0].taps), w, write.array(bias), by, *limits_of(call, zero_in_them=False)]
            write.call(INTEGER_DEPTHWISE[rule_of(call)], "y", str(self.channels), given, *more)
        else:
            begins = group_begins(len(bias), self.groups[0], weight.shape[1])
            c_integer_conv(write, call, weight, begins, bias)


@dataclass(frozen=True, eq=False)
class IntegerConv2d(Integers, Conv2d):
    """A convolution over time and bins with weights and a bias of integers, likewise. It is not transposed."""

    operation: ClassVar[str] = "integer_conv2d"

    output: Quantization
    weight_scale: Floats
    low: int
    high: int
    rounding: str

    def call(self) -> IntegerConvolution:
        rows, begins = self.rows
        packed = pack_integer_conv(rows.weight, begins, self.edges[0].node.channels, rows.folded_bias(self))
        return rows.call(self, packed, "integer_conv")

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        rows, begins = self.rows
        c_integer_conv(write, call, rows.weight, begins, rows.folded_bias(self).astype(np.int32))

    @property
    def rows(self) -> tuple[IntegerRows, list[int]]:
        """All output channels, and where the window of each begins."""
        weight, begins = self.windows()
        bias, scale = (np.tile(np.asarray(one), self.bins) for one in (self.bias, self.weight_scale))
        return IntegerRows(weight, bias, scale), begins

    def windows(self) -> tuple[npt.NDArray[np.int8], list[int]]:
        """Weights (channels, window, taps) of all output channels, and where the window of each begins."""
        weight: npt.NDArray[Any] = self.weight
        maps_out, per_group = weight.shape[:2]
        maps_in = per_group * self.groups
        bins = [[link.bin for link in links] or [0] for links in self.links[0]]
        span = max(max(read) - min(read) for read in bins) + 1
        firsts = [min(min(read), self.bins_in - span) for read in bins]
        spread = np.zeros((self.bins, maps_out, span, maps_in, self.edges[0].taps), np.int8)
        inputs = np.arange(per_group) + np.array(group_begins(maps_out, self.groups, per_group))[:, None]
        for out, (links, first) in enumerate(zip(self.links[0], firsts, strict=True)):
            for link in links:
                here = spread[out, :, link.bin - first, :, link.tap]
                np.put_along_axis(here, inputs, weight[:, :, link.frames, link.bins], axis=1)
        begins = [first * maps_in for first in firsts for _ in range(maps_out)]
        return spread.reshape(self.channels, span * maps_in, -1), begins


class IntegerRows(NamedTuple):
    """Weights (channels, ...), biases and scales, with a row for each output channel of a convolution."""

    weight: npt.NDArray[Any]
    bias: npt.NDArray[Any]
    scale: Floats

    def folded_bias(self, node: IntegerConv | IntegerConv2d) -> npt.NDArray[np.int64]:
        if not (self.scale > 0).all():
            raise ParameterError(f"weight_scale has {self.scale.min()}; it must be positive")
        return folded_bias(self.weight, self.bias, given_to(node).zero_point)

    def call(self, node: IntegerConv | IntegerConv2d, packed: PackedIntegers, kernel: str) -> IntegerConvolution:
        """The call of a kernel with the packed weights."""
        tables = rescaling_tables(node.rounding, given_to(node).scale, self.scale, node.output.scale, packed.channels)
        return IntegerConvolution(
            node.channels,
            kernel,
            sizes=row_sizes(node.output, node.rounding, node.low, node.high),
            arrays=[packed.bias, packed.weights, *tables],
            scratch_at_least=packed.scratch,
            multiply_adds=node.multiply_adds,
            rows=packed.rows,
            units=packed.units,
            panels=packed.panels,
            row_bytes=-(-packed.channels // LANES) * LANES,
            taps=node.edges[0].taps,
        )


def folded_bias(weight: Bytes, bias: npt.NDArray[np.int32], zero_point: int) -> npt.NDArray[np.int64]:
    """The bias of ``sum(w * (q - zero_point))`` as a sum of w * q, which must fit into 32 bits whatever q is."""
    flat = weight.reshape(len(weight), -1).astype(np.int64)
    folded: npt.NDArray[np.int64] = bias - zero_point * flat.sum(axis=1)
    most = np.abs(folded) + 128 * np.abs(flat).sum(axis=1)
    if most.max() >= 2**31:
        channel = int(most.argmax())
        raise ParameterError(
            f"bias and weights of output channel {channel} may add up to {most[channel]}; that must be below 2**31"
        )
    return folded
