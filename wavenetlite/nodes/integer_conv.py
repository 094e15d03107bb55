"""Convolution of integers over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from wavenetlite.graph import IntegerCall, Quantization
from wavenetlite.kernels.pack_integers import folded_bias, pack_integer_conv, pack_integer_depthwise
from wavenetlite.kernels.rescaling import filled, rescaling_tables
from wavenetlite.nodes.conv import Conv
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
        given = given_to(self)
        if not (self.weight_scale > 0).all():
            raise ParameterError(f"weight_scale has {self.weight_scale.min()}; it must be positive")
        bias = folded_bias(weight, np.asarray(self.biases[0]), given.zero_point)
        packed = pack_integer_depthwise(weight) if self.depthwise else pack_integer_conv(weight, self.groups[0])
        tables = rescaling_tables(self.rounding, given.scale, self.weight_scale, self.output.scale, packed.channels)
        return IntegerCall(
            self.channels,
            "integer_depthwise" if self.depthwise else "integer_conv",
            sizes=(*row_sizes(self.output, self.rounding, self.low, self.high), *packed.sizes),
            arrays=[packed.weights, filled(bias, packed.channels, np.int32), *tables],
            scratch_at_least=packed.scratch,
            multiply_adds=weight.size,
        )
