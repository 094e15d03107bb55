"""Convolution of integers over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from wavenetlite.graph import IntegerCall, KernelCall, Quantization
from wavenetlite.kernels.pack_integers import Bytes, pack_integer_conv, pack_integer_depthwise
from wavenetlite.nodes.c_integers import INTEGER_DEPTHWISE, c_integer_conv, c_tables, limits_of, rule_of
from wavenetlite.nodes.conv import Conv
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
    def folded_bias(self) -> npt.NDArray[np.int64]:
        """The bias of sums with the integers as they are, without their zero point."""
        weight: npt.NDArray[Any] = self.weights[0]
        return folded_bias(weight, np.asarray(self.biases[0]), given_to(self).zero_point)

    def call(self) -> IntegerCall:
        weight: npt.NDArray[Any] = self.weights[0]
        given = given_to(self)
        if not (self.weight_scale > 0).all():
            raise ParameterError(f"weight_scale has {self.weight_scale.min()}; it must be positive")
        bias = self.folded_bias
        if self.depthwise:
            packed = pack_integer_depthwise(weight, bias)
        else:
            packed = pack_integer_conv(weight, self.groups[0], bias)
        tables = rescaling_tables(self.rounding, given.scale, self.weight_scale, self.output.scale, packed.channels)
        return IntegerCall(
            self.channels,
            "integer_depthwise" if self.depthwise else "integer_conv",
            sizes=(*row_sizes(self.output, self.rounding, self.low, self.high), *packed.sizes),
            arrays=[packed.weights, packed.bias, *tables],
            scratch_at_least=packed.scratch,
            multiply_adds=weight.size,
        )

    def c(self, write: CStepBuilder, call: KernelCall) -> None:
        weight: npt.NDArray[Any] = self.weights[0]
        bias = self.folded_bias.astype(np.int32)
        if self.depthwise:
            w, rows = write.array(np.ascontiguousarray(weight[:, 0].T)), write.rows()
            by = c_tables(write, [array[: self.channels] for array in call.arrays[2:]], rule_of(call))
            given = [rows, str(self.edges[0].taps), w, write.array(bias), by, *limits_of(call, zero_in_them=False)]
            write.call(INTEGER_DEPTHWISE[rule_of(call)], "y", str(self.channels), *given)
            return
        outs = self.channels // self.groups[0]
        c_integer_conv(write, call, weight, [out // outs * weight.shape[1] for out in range(self.channels)], bias)


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
