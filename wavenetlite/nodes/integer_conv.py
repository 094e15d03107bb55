"""Convolution of integers over time, and over time and bins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from wavenetlite.graph import IntegerCall, Quantization
from wavenetlite.kernels.pack_integers import (
    PackedIntegers,
    folded_bias,
    group_begins,
    pack_integer_conv,
    pack_integer_depthwise,
)
from wavenetlite.kernels.rescaling import filled, rescaling_tables
from wavenetlite.nodes.conv import Conv
from wavenetlite.nodes.conv2d import Conv2d
from wavenetlite.nodes.integers import Integers, given_to, row_sizes
from wavenetlite.support.arrays import Floats
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

    def call(self) -> IntegerCall:
        weight: npt.NDArray[Any] = self.weights[0]
        bias = np.asarray(self.biases[0])
        if self.depthwise:
            packed, kernel = pack_integer_depthwise(weight), "integer_depthwise"
        else:
            begins = group_begins(len(weight), self.groups[0], weight.shape[1])
            packed, kernel = pack_integer_conv(weight, begins, self.edges[0].node.channels), "integer_conv"
        return convolution_call(self, weight, bias, self.weight_scale, packed, kernel)


@dataclass(frozen=True, eq=False)
class IntegerConv2d(Integers, Conv2d):
    """A convolution over time and bins with weights and a bias of integers, likewise. It is not transposed."""

    operation: ClassVar[str] = "integer_conv2d"

    output: Quantization
    weight_scale: Floats
    low: int
    high: int
    rounding: str

    def call(self) -> IntegerCall:
        weight, begins = self.windows()
        bias, scale = (np.tile(np.asarray(one), self.bins) for one in (self.bias, self.weight_scale))
        packed = pack_integer_conv(weight, begins, self.edges[0].node.channels)
        return convolution_call(self, weight, bias, scale, packed, "integer_conv")

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


def convolution_call(
    node: IntegerConv | IntegerConv2d,
    weight: npt.NDArray[Any],
    bias: npt.NDArray[Any],
    scale: Floats,
    packed: PackedIntegers,
    kernel: str,
) -> IntegerCall:
    """The call of a kernel; weights (channels, ...), biases and scales have a row for each output channel."""
    given = given_to(node)
    if not (scale > 0).all():
        raise ParameterError(f"weight_scale has {scale.min()}; it must be positive")
    tables = rescaling_tables(node.rounding, given.scale, scale, node.output.scale, packed.channels)
    return IntegerCall(
        node.channels,
        kernel,
        sizes=(*row_sizes(node.output, node.rounding, node.low, node.high), *packed.sizes),
        arrays=[
            packed.weights,
            filled(folded_bias(weight, bias, given.zero_point), packed.channels, np.int32),
            *tables,
        ],
        scratch_at_least=packed.scratch,
        multiply_adds=node.multiply_adds,
    )
