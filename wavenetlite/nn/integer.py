"""Integer layers: networks between a `Quantize` and a `Dequantize` compute with 8-bit integers, exactly.

An integer q of a sequence stands for ``scale * (q - zero_point)``, as in TensorFlow Lite. Sums have 32 bits and cannot
overflow; each layer then rescales them to the 8 bits of its output by a named rule, so that the result is the same on
every machine: ``rounding="single"`` is that of LiteRT's default kernels (XNNPACK), ``rounding="double"`` that of
TensorFlow Lite Micro and of LiteRT's reference kernels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np

from wavenetlite import graph, nodes
from wavenetlite.graph import HIGHEST, LOWEST, MOST_CHANNELS, Edge, Node, Quantization
from wavenetlite.nn.convolution import OverTime, Padding, Pads, checked_groups
from wavenetlite.nn.convolution2d import Conv2d, Pair
from wavenetlite.nn.module import Module
from wavenetlite.support.checks import integer, number, one_of, positive_int
from wavenetlite.support.errors import ParameterError

Rounding = Literal["single", "double"]
ROUNDINGS = ("single", "double")

LEAST_SCALE, MOST_SCALE = 2.0**-126, 2.0**126
"""Scales are float32 numbers, far from its limits."""


def checked_scale(name: str, value: float) -> float:
    """A scale, rounded to float32."""
    scale = float(np.float32(number(name, value)))
    if not LEAST_SCALE <= scale <= MOST_SCALE:
        raise ParameterError(f"{name}={value} must be positive: 2**-126 to 2**126")
    return scale


def checked_byte(name: str, value: int) -> int:
    if not LOWEST <= integer(name, value) <= HIGHEST:
        raise ParameterError(f"{name}={value} must be an integer from {LOWEST} to {HIGHEST}")
    return int(value)


def checked_quantization(name: str, scale: float, zero_point: int) -> Quantization:
    """The integers of a sequence; `name` prefixes the parameters' names."""
    return Quantization(checked_scale(f"{name}scale", scale), checked_byte(f"{name}zero_point", zero_point))


def checked_clamp(low: int, high: int) -> tuple[int, int]:
    if checked_byte("low", low) > checked_byte("high", high):
        raise ParameterError(f"low={low} must not be above high={high}")
    return int(low), int(high)


class Quantize(Module):
    """Rounds float32 to 8-bit integers: ``q = clamp(round(x / scale) + zero_point, -128, 127)``.

    Parameters
    ----------
    channels
        Input and output channels.
    scale, zero_point
        Of the output.
    rounding
        "single": x is multiplied by the float32 number 1 / scale, and ties go to the even integer, as XNNPACK does;
        "double": x is divided by scale, and ties go away from zero, as TensorFlow Lite's reference does.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> model = wl.Sequential([wl.nn.Quantize(1, 0.5), wl.nn.Dequantize(1, 0.5)])
    >>> model(np.array([[0.7], [-99.0]], np.float32)).tolist()
    [[0.5], [-64.0]]
    """

    terse: ClassVar[bool] = True

    def __init__(self, channels: int, scale: float, zero_point: int = 0, *, rounding: Rounding = "single") -> None:
        self.in_channels = self.out_channels = self.channels = positive_int("channels", channels, MOST_CHANNELS)
        self.scale, self.zero_point = checked_quantization("", scale, zero_point)
        self.rounding = one_of("rounding", rounding, ROUNDINGS)

    def build(self, x: Node, c: Node | None) -> Node:
        return nodes.quantize(x, Quantization(self.scale, self.zero_point), self.rounding)


class Dequantize(Module):
    """Converts 8-bit integers to float32: ``scale * (q - zero_point)``.

    Parameters
    ----------
    channels
        Input and output channels.
    scale, zero_point
        Of the input.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> wl.nn.Dequantize(12, 1 / 256, -128)
    Dequantize(channels=12, scale=0.00390625, zero_point=-128)
    """

    terse: ClassVar[bool] = True

    def __init__(self, channels: int, scale: float, zero_point: int = 0) -> None:
        self.in_channels = self.out_channels = self.channels = positive_int("channels", channels, MOST_CHANNELS)
        self.scale, self.zero_point = checked_quantization("", scale, zero_point)

    def build(self, x: Node, c: Node | None) -> Node:
        return nodes.dequantize(nodes.as_quantized(x, Quantization(self.scale, self.zero_point)))


class Rescaling(Module, abstract=True):
    """Base of layers from integers of one scale to integers of another."""

    terse: ClassVar[bool] = True

    def set_quantization(
        self, input_scale: float, input_zero_point: int, output_scale: float, output_zero_point: int
    ) -> None:
        """Check and set the constructor's arguments of these names."""
        self.input_scale, self.input_zero_point = checked_quantization("input_", input_scale, input_zero_point)
        self.output_scale, self.output_zero_point = checked_quantization("output_", output_scale, output_zero_point)

    @property
    def output(self) -> Quantization:
        return Quantization(self.output_scale, self.output_zero_point)

    def read(self, x: Node) -> Node:
        """`x`, whose integers must be those that the layer expects."""
        return nodes.as_quantized(x, Quantization(self.input_scale, self.input_zero_point))


class Requantize(Rescaling):
    """Converts 8-bit integers to others of another scale and zero point.

    Parameters
    ----------
    channels
        Input and output channels.
    input_scale, input_zero_point, output_scale, output_zero_point
        Of input and output.
    rounding
        "single" or "double": see `wavenetlite.nn.integer`.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> wl.nn.Requantize(12, input_scale=0.5, output_scale=0.25).out_channels
    12
    """

    def __init__(
        self,
        channels: int,
        *,
        input_scale: float,
        output_scale: float,
        input_zero_point: int = 0,
        output_zero_point: int = 0,
        rounding: Rounding = "single",
    ) -> None:
        self.in_channels = self.out_channels = self.channels = positive_int("channels", channels, MOST_CHANNELS)
        self.set_quantization(input_scale, input_zero_point, output_scale, output_zero_point)
        self.rounding = one_of("rounding", rounding, ROUNDINGS)

    def build(self, x: Node, c: Node | None) -> Node:
        return nodes.requantize(self.read(x), self.output, self.rounding)


class IntegerWeighted(Rescaling, abstract=True):
    """Base of convolutions with weights of integers."""

    out_channels: int
    weight_shape: tuple[int, ...]

    def set_clamp(self, low: int, high: int, rounding: Rounding) -> None:
        """Check and set the constructor's arguments of these names."""
        self.low, self.high = checked_clamp(low, high)
        self.rounding = one_of("rounding", rounding, ROUNDINGS)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"weight": self.weight_shape, "weight_scale": (self.out_channels,), "bias": (self.out_channels,)}

    def parameter_dtypes(self) -> dict[str, str]:
        return {"weight": "int8", "bias": "int32"}

    def draw(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        """With these, the output has about the range of the input."""
        if name == "weight":
            return rng.integers(-HIGHEST, HIGHEST, shape, endpoint=True)
        if name == "bias":
            return np.zeros(shape)
        fan_in = math.prod(self.weight_shape[1:])
        return np.full(shape, self.output_scale / self.input_scale / math.sqrt(fan_in) / HIGHEST)


class IntegerConv1d(IntegerWeighted, OverTime):
    """Convolution over time of 8-bit integers with 8-bit weights, 32-bit sums, and an output of 8 bits.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, stride, padding, dilation, groups
        As in `Conv1d`. What pads the signal is the input's zero point, that is a real zero.
    input_scale, input_zero_point, output_scale, output_zero_point
        Of input and output.
    low, high
        Limits of the output's integers: ReLU is ``low=output_zero_point``, ReLU6 also
        ``high=output_zero_point + round(6 / output_scale)``, at most 127.
    rounding
        How sums are rescaled, "single" or "double": see `wavenetlite.nn.integer`.

    Notes
    -----
    Parameters: ``weight`` int8, (out_channels, in_channels / groups, kernel_size); ``weight_scale`` float32,
    (out_channels,), positive: a weight w stands for ``weight_scale * w``; ``bias`` int32, (out_channels,), in units of
    ``input_scale * weight_scale``. A sum that could exceed 32 bits is refused.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> conv = wl.nn.IntegerConv1d(1, 1, 2, input_scale=0.5, output_scale=1.0)
    >>> conv.load_state_dict({"weight": np.array([[[2, 1]]], np.int8), "weight_scale": np.ones(1, np.float32),
    ...                       "bias": np.zeros(1, np.int32)})
    >>> model = wl.Sequential([wl.nn.Quantize(1, 0.5), conv, wl.nn.Dequantize(1, 1.0)])
    >>> model(np.array([[1], [2], [3]], np.float32)).ravel().tolist()
    [1.0, 4.0, 7.0]
    """

    in_channels: int
    out_channels: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        input_scale: float,
        output_scale: float,
        input_zero_point: int = 0,
        output_zero_point: int = 0,
        stride: int = 1,
        padding: Pads = "causal",
        dilation: int = 1,
        groups: int = 1,
        low: int = LOWEST,
        high: int = HIGHEST,
        rounding: Rounding = "single",
    ) -> None:
        self.in_channels = positive_int("in_channels", in_channels, MOST_CHANNELS)
        self.out_channels = positive_int("out_channels", out_channels, MOST_CHANNELS)
        self.set_kernel(kernel_size, stride, padding, dilation)
        self.groups = checked_groups(groups, self.in_channels, self.out_channels)
        self.weight_shape = (self.out_channels, self.in_channels // self.groups, self.kernel_size)
        self.set_quantization(input_scale, input_zero_point, output_scale, output_zero_point)
        self.set_clamp(low, high, rounding)

    def build(self, x: Node, c: Node | None) -> Node:
        edge = self.edge(self.read(x))
        return nodes.IntegerConv(
            (edge,),
            self.out_channels,
            graph.clock_after([edge]),
            (self.parameter("weight"),),
            (self.groups,),
            (self.parameter("bias"),),
            self.output,
            self.parameter("weight_scale"),
            self.low,
            self.high,
            self.rounding,
        )


class IntegerConv2d(IntegerWeighted, Conv2d):
    """Convolution over time and bins of 8-bit integers with 8-bit weights, 32-bit sums, and an output of 8 bits.

    Parameters
    ----------
    in_channels, out_channels, kernel_size, bins, stride, dilation, padding, bin_padding, groups
        As in `Conv2d`. What pads the signal and the bins is the input's zero point, that is a real zero.
    input_scale, input_zero_point, output_scale, output_zero_point, low, high, rounding
        As in `IntegerConv1d`.

    Notes
    -----
    Parameters: ``weight`` int8, (out_channels, in_channels / groups, kernel frames, kernel bins); ``weight_scale``
    float32, (out_channels,), and ``bias`` int32, (out_channels,), as in `IntegerConv1d`.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> conv = wl.nn.IntegerConv2d(1, 16, 3, bins=40, stride=(1, 2), input_scale=0.1, output_scale=0.2)
    >>> conv.bins_out, conv.out_width
    (20, 320)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        *,
        bins: int,
        input_scale: float,
        output_scale: float,
        input_zero_point: int = 0,
        output_zero_point: int = 0,
        stride: Pair = 1,
        dilation: Pair = 1,
        padding: Padding = "causal",
        bin_padding: Literal["same", "valid"] = "same",
        groups: int = 1,
        low: int = LOWEST,
        high: int = HIGHEST,
        rounding: Rounding = "single",
    ) -> None:
        super().__init__(
            in_channels, out_channels, kernel_size, bins=bins, stride=stride, dilation=dilation, padding=padding,
            bin_padding=bin_padding, groups=groups,
        )  # fmt: skip
        self.set_quantization(input_scale, input_zero_point, output_scale, output_zero_point)
        self.set_clamp(low, high, rounding)

    def build(self, x: Node, c: Node | None) -> Node:
        graph.spend(math.prod(self.kernel_size) * self.bins_out)
        edge = self.edge(self.read(x))
        return nodes.IntegerConv2d(
            (edge,), self.out_width, graph.clock_after([edge]), self.parameter("weight"), self.parameter("bias"),
            self.groups, "out, in, frames, bins", (self.links(),), self.output, self.parameter("weight_scale"),
            self.low, self.high, self.rounding,
        )  # fmt: skip


class IntegerLookup(Rescaling):
    """Any function of single 8-bit integers, by a table of its 256 values.

    Parameters
    ----------
    channels
        Input and output channels.
    activation
        "table": the table is the parameter ``table``. "sigmoid", "tanh", "leaky_relu" (slope `negative_slope`), "relu",
        "elu", "silu", "gelu", "hardswish" or "hardsigmoid": it is computed from the function's definition in double
        precision, rounded to nearest, ties away from zero.
    input_scale, input_zero_point, output_scale, output_zero_point
        Of input and output.
    negative_slope
        Of "leaky_relu".

    Notes
    -----
    Parameter, with "table" only: ``table`` int8, (256,): the output for the integers -128 to 127.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> sigmoid = wl.nn.IntegerLookup(1, "sigmoid", input_scale=1.0, output_scale=1 / 256, output_zero_point=-128)
    >>> model = wl.Sequential([wl.nn.Quantize(1, 1.0), sigmoid, wl.nn.Dequantize(1, 1 / 256, -128)])
    >>> model(np.zeros((1, 1), np.float32)).tolist()
    [[0.5]]
    """

    def __init__(
        self,
        channels: int,
        activation: str = "table",
        *,
        input_scale: float,
        output_scale: float,
        input_zero_point: int = 0,
        output_zero_point: int = 0,
        negative_slope: float = 0.01,
    ) -> None:
        self.in_channels = self.out_channels = self.channels = positive_int("channels", channels, MOST_CHANNELS)
        self.activation = one_of("activation", activation, ("table", *nodes.TABLE_FUNCTIONS))
        self.set_quantization(input_scale, input_zero_point, output_scale, output_zero_point)
        self.negative_slope = number("negative_slope", negative_slope)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"table": (256,)} if self.activation == "table" else {}

    def parameter_dtypes(self) -> dict[str, str]:
        return dict.fromkeys(self.parameter_shapes(), "int8")

    def draw(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.arange(LOWEST, HIGHEST + 1)

    def build(self, x: Node, c: Node | None) -> Node:
        own = self.activation == "table"
        given = Quantization(self.input_scale, self.input_zero_point)
        table = (
            self.parameter("table")
            if own
            else nodes.table_of(self.activation, given, self.output, negative_slope=self.negative_slope)
        )
        return nodes.look_up(self.read(x), self.output, table)


class IntegerPool(OverTime, abstract=True):
    """Base of pools over a window of frames of 8-bit integers, which keep scale and zero point."""

    terse: ClassVar[bool] = True

    kind: str

    def __init__(
        self,
        channels: int,
        kernel_size: int,
        *,
        scale: float,
        zero_point: int = 0,
        stride: int | None = None,
        padding: Pads = "valid",
        low: int = LOWEST,
        high: int = HIGHEST,
    ) -> None:
        self.in_channels = self.out_channels = self.channels = positive_int("channels", channels, MOST_CHANNELS)
        self.set_kernel(kernel_size, kernel_size if stride is None else stride, padding, 1)
        self.scale, self.zero_point = checked_quantization("", scale, zero_point)
        self.low, self.high = checked_clamp(low, high)

    def build(self, x: Node, c: Node | None) -> Node:
        given = Quantization(self.scale, self.zero_point)
        edge = self.edge(nodes.as_quantized(x, given))
        clock = graph.clock_after([edge])
        return nodes.IntegerPool((edge,), self.channels, clock, given, self.kind, self.low, self.high)


class IntegerMaxPool1d(IntegerPool):
    """The maximum of `kernel_size` frames of 8-bit integers.

    Parameters
    ----------
    channels
        Input and output channels.
    kernel_size, stride, padding
        As in `Conv1d`; `stride` None: `kernel_size`. What pads the signal is the zero point, that is a real zero.
    scale, zero_point
        Of input and output.
    low, high
        Limits of the output's integers.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> pool = wl.nn.IntegerMaxPool1d(1, 2, scale=1.0)
    >>> model = wl.Sequential([wl.nn.Quantize(1, 1.0), pool, wl.nn.Dequantize(1, 1.0)])
    >>> model(np.array([[1], [3], [5], [2]], np.float32)).ravel().tolist()
    [3.0, 5.0]
    """

    kind = "max"


class IntegerAvgPool1d(IntegerPool):
    """The mean of `kernel_size` frames of 8-bit integers, rounded to nearest, ties away from zero.

    Parameters
    ----------
    channels, kernel_size, stride, padding, scale, zero_point, low, high
        As in `IntegerMaxPool1d`. The padding counts as frames of zeros.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> pool = wl.nn.IntegerAvgPool1d(1, 2, scale=1.0)
    >>> model = wl.Sequential([wl.nn.Quantize(1, 1.0), pool, wl.nn.Dequantize(1, 1.0)])
    >>> model(np.array([[1], [3], [5], [2]], np.float32)).ravel().tolist()
    [2.0, 4.0]
    """

    kind = "mean"


class IntegerCumulativePool(Rescaling):
    """Streaming pooling over time of 8-bit integers: frame t pools frames 0 to t.

    Parameters
    ----------
    channels
        Input and output channels.
    kind
        "mean" or "max". The last output frame is the pool over the whole signal.
    input_scale, input_zero_point, output_scale, output_zero_point
        Of input and output; for "max" they must be the same.
    rounding
        "single" or "double": see `wavenetlite.nn.integer`.

    Notes
    -----
    The mean of more than 8,388,607 frames is rounded coarser with "double", as its sums have 32 bits there.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> pool = wl.nn.IntegerCumulativePool(1, "mean", input_scale=1.0, output_scale=0.5)
    >>> model = wl.Sequential([wl.nn.Quantize(1, 1.0), pool, wl.nn.Dequantize(1, 0.5)])
    >>> model(np.array([[1], [2], [6]], np.float32)).ravel().tolist()
    [1.0, 1.5, 3.0]
    """

    def __init__(
        self,
        channels: int,
        kind: Literal["mean", "max"],
        *,
        input_scale: float,
        output_scale: float,
        input_zero_point: int = 0,
        output_zero_point: int = 0,
        rounding: Rounding = "single",
    ) -> None:
        self.in_channels = self.out_channels = self.channels = positive_int("channels", channels, MOST_CHANNELS)
        self.kind = one_of("kind", kind, ("mean", "max"))
        self.set_quantization(input_scale, input_zero_point, output_scale, output_zero_point)
        self.rounding = one_of("rounding", rounding, ROUNDINGS)
        if kind == "max" and self.output != (self.input_scale, self.input_zero_point):
            raise ParameterError("output_scale and output_zero_point must be those of the input with kind='max'")

    def build(self, x: Node, c: Node | None) -> Node:
        edge, clock = Edge(self.read(x)), replace(x.clock, oldest=-math.inf)
        return nodes.IntegerCumulativePool((edge,), self.channels, clock, self.output, self.kind, self.rounding)


class IntegerJoin(Module, abstract=True):
    """Base of layers that read several sequences of 8-bit integers: nodes of a `Graph`."""

    terse: ClassVar[bool] = True

    in_channels: int
    out_channels: int
    input_scales: tuple[float, ...]
    input_zero_points: tuple[int, ...]

    def set_joined(
        self,
        input_scales: Sequence[float],
        input_zero_points: Sequence[int] | None,
        output_scale: float,
        output_zero_point: int,
        inputs: int,
    ) -> None:
        """Check and set the constructor's arguments of these names."""
        points = [0] * inputs if input_zero_points is None else input_zero_points
        for name, values in (("input_scales", input_scales), ("input_zero_points", points)):
            if not isinstance(values, list | tuple) or len(values) != inputs:
                raise ParameterError(f"{name}={values!r} must be a list of {inputs}, one for each sequence")
        self.input_scales = tuple(checked_scale(f"input_scales[{i}]", one) for i, one in enumerate(input_scales))
        self.input_zero_points = tuple(checked_byte(f"input_zero_points[{i}]", one) for i, one in enumerate(points))
        self.output_scale, self.output_zero_point = checked_quantization("output_", output_scale, output_zero_point)

    @property
    def joined_channels(self) -> tuple[int, ...]:
        """Channels of each sequence that it reads."""
        return (self.in_channels,) * len(self.input_scales)

    @property
    def output(self) -> Quantization:
        return Quantization(self.output_scale, self.output_zero_point)

    def build(self, x: Node, c: Node | None) -> Node:
        raise ParameterError(
            f"{type(self).__name__} reads {len(self.input_scales)} sequences: make it a node of wavenetlite.nn.Graph"
        )

    def join(self, given: Sequence[Node]) -> Node:
        """Extend the graph after several sequences."""
        read = [
            nodes.as_quantized(x, Quantization(scale, zero_point))
            for x, scale, zero_point in zip(given, self.input_scales, self.input_zero_points, strict=True)
        ]
        return self.traced(given[0], self.build_join(read))

    def build_join(self, given: Sequence[Node]) -> Node:
        """The node that joins these sequences."""
        raise NotImplementedError


class IntegerBinary(IntegerJoin, abstract=True):
    """Base of element-wise operations on two sequences."""

    kind: str

    def __init__(
        self,
        channels: int,
        *,
        input_scales: Sequence[float],
        output_scale: float,
        input_zero_points: Sequence[int] | None = None,
        output_zero_point: int = 0,
        low: int = LOWEST,
        high: int = HIGHEST,
        rounding: Rounding = "single",
    ) -> None:
        self.in_channels = self.out_channels = self.channels = positive_int("channels", channels, MOST_CHANNELS)
        self.set_joined(input_scales, input_zero_points, output_scale, output_zero_point, 2)
        self.low, self.high = checked_clamp(low, high)
        self.rounding = one_of("rounding", rounding, ROUNDINGS)

    def build_join(self, given: Sequence[Node]) -> Node:
        return nodes.combine_integers(self.kind, given, self.output, self.low, self.high, self.rounding)


class IntegerAdd(IntegerBinary):
    """The sum of two sequences of 8-bit integers: a node of a `Graph` that reads two others.

    Parameters
    ----------
    channels
        Channels of both inputs, and of the output.
    input_scales, input_zero_points
        Of the two inputs; zero points None: 0.
    output_scale, output_zero_point
        Of the output.
    low, high
        Limits of the output's integers, as in `IntegerConv1d`.
    rounding
        "single" or "double": see `wavenetlite.nn.integer`.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> model = wl.nn.Graph(1, [
    ...     ["q", wl.nn.Quantize(1, 0.5), ["x"]],
    ...     ["sum", wl.nn.IntegerAdd(1, input_scales=[0.5, 0.5], output_scale=1.0), ["q", "q"]],
    ...     ["y", wl.nn.Dequantize(1, 1.0), ["sum"]],
    ... ])
    >>> model(np.array([[1], [2]], np.float32)).ravel().tolist()
    [2.0, 4.0]
    """

    kind = "add"


class IntegerMultiply(IntegerBinary):
    """The product of two sequences of 8-bit integers, element by element: a node of a `Graph` that reads two others.

    Parameters
    ----------
    channels, input_scales, input_zero_points, output_scale, output_zero_point, low, high, rounding
        As in `IntegerAdd`.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> model = wl.nn.Graph(1, [
    ...     ["q", wl.nn.Quantize(1, 0.5), ["x"]],
    ...     ["square", wl.nn.IntegerMultiply(1, input_scales=[0.5, 0.5], output_scale=1.0), ["q", "q"]],
    ...     ["y", wl.nn.Dequantize(1, 1.0), ["square"]],
    ... ])
    >>> model(np.array([[1], [3]], np.float32)).ravel().tolist()
    [1.0, 9.0]
    """

    kind = "multiply"


class IntegerConcat(IntegerJoin):
    """The channels of several sequences of 8-bit integers side by side: a node of a `Graph` that reads them.

    Parameters
    ----------
    channels
        A list: the channels of each input.
    input_scales, input_zero_points
        Of the inputs; zero points None: 0. Those that are not the output's are requantised.
    output_scale, output_zero_point
        Of the output.
    rounding
        "single" or "double": see `wavenetlite.nn.integer`.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> model = wl.nn.Graph(1, [
    ...     ["q", wl.nn.Quantize(1, 0.5), ["x"]],
    ...     ["twice", wl.nn.IntegerConcat([1, 1], input_scales=[0.5, 0.5], output_scale=0.5), ["q", "q"]],
    ...     ["y", wl.nn.Dequantize(2, 0.5), ["twice"]],
    ... ])
    >>> model(np.array([[1]], np.float32)).tolist()
    [[1.0, 1.0]]
    """

    def __init__(
        self,
        channels: Sequence[int],
        *,
        input_scales: Sequence[float],
        output_scale: float,
        input_zero_points: Sequence[int] | None = None,
        output_zero_point: int = 0,
        rounding: Rounding = "single",
    ) -> None:
        if not isinstance(channels, list | tuple) or not channels:
            raise ParameterError(f"channels={channels!r} must be a list: the channels of each sequence")
        self.channels = tuple(positive_int(f"channels[{i}]", one, MOST_CHANNELS) for i, one in enumerate(channels))
        self.in_channels = self.channels[0]
        self.out_channels = positive_int("sum of channels", sum(self.channels), MOST_CHANNELS)
        self.set_joined(input_scales, input_zero_points, output_scale, output_zero_point, len(self.channels))
        self.rounding = one_of("rounding", rounding, ROUNDINGS)

    @property
    def joined_channels(self) -> tuple[int, ...]:
        return self.channels

    def build_join(self, given: Sequence[Node]) -> Node:
        return nodes.concat(*(nodes.requantize(x, self.output, self.rounding) for x in given))
