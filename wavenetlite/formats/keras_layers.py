"""Layers of Keras, one by one: each function notes ours for one of theirs, and gives the signal that it makes.

Variables come in the order in which Keras's layers make them; signals are (batch, time, channels).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from wavenetlite.formats.reading import Fields, shown
from wavenetlite.formats.tensors import affine, selu, with_weights
from wavenetlite.nn.combine import Sequential
from wavenetlite.nn.convolution import Conv1d, Linear
from wavenetlite.nn.module import Module
from wavenetlite.nn.pointwise import Activation, BatchNorm, CumulativePool, Dropout, Upsample
from wavenetlite.support.arrays import Floats

if TYPE_CHECKING:
    from wavenetlite.formats.keras_import import Builder, Layer, Signal

ACTIVATIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "linear": ("identity", {}),
    "relu": ("relu", {}),
    "relu6": ("hardtanh", {"min_val": 0.0, "max_val": 6.0}),
    "leaky_relu": ("leaky_relu", {"negative_slope": 0.2}),
    "elu": ("elu", {}),
    "silu": ("silu", {}),
    "swish": ("silu", {}),
    "gelu": ("gelu", {}),
    "hard_tanh": ("hardtanh", {}),
    "hard_silu": ("hardswish", {}),
    "hard_swish": ("hardswish", {}),
    "softsign": ("softsign", {}),
    "softmax": ("softmax", {}),
    "tanh": ("tanh", {}),
    "sigmoid": ("sigmoid", {}),
}
"""By Keras's names, with its defaults."""

EPSILON = 1e-3
"""Of normalisations, where it is not said."""

JOINING = "Add", "Multiply", "Concatenate"

REASONS = {
    "Lambda": "it is code in the file, which is never run",
    "Flatten": "it makes one frame of a whole signal",
    "MaxPooling1D": "maxima over a few frames are not known here",
    "Masking": "masks are not known here",
    "Embedding": "its input is numbers of tokens, not a signal",
    "Bidirectional": "its second half reads the signal from its end",
} | dict.fromkeys(("LSTM", "GRU", "SimpleRNN", "RNN"), "recurrent layers cannot run here")


class RefusedError(Exception):
    """Why a layer has no counterpart."""


# Variables and options


def taken(arrays: list[Floats], *shapes: tuple[int, ...]) -> list[Floats]:
    """A layer's variables, which must have these shapes."""
    found = [one.shape for one in arrays]
    if found != list(shapes):
        raise RefusedError(f"it has arrays of the shapes {shown_shapes(found)}; they must be {shown_shapes(shapes)}")
    return arrays


def shown_shapes(shapes: Any) -> str:
    return " and ".join(str(tuple(shape)).replace(" ", "") for shape in list(shapes)[:8]) or "none"


def one_integer(config: Fields, key: str, default: int) -> int:
    """A number for the only axis, by itself or in a list of one."""
    value = config.any(key, default)
    value = value[0] if isinstance(value, list) and len(value) == 1 else value
    if type(value) is not int or not 1 <= value <= 65_536:
        raise config.wrong(key, "an integer from 1 to 65536")
    return value


def over_channels(config: Fields, default: int = -1) -> None:
    """Refuse what works on another axis than the last."""
    axis = config.any("axis", default)
    axis = axis[0] if isinstance(axis, list) and len(axis) == 1 else axis
    if axis not in (-1, 2) or type(axis) is not int:
        raise RefusedError(f"axis={shown(axis)} must be -1, that of the channels")


def sequence(signal: Signal) -> None:
    """Refuse one frame for the whole signal where a sequence is needed."""
    if signal.frame != "all":
        raise RefusedError("it reads one frame for a whole signal; it must be a sequence")


def channels_last(config: Fields) -> None:
    if config.any("data_format", "channels_last") != "channels_last":
        raise RefusedError(f"data_format={shown(config.any('data_format'))} must be 'channels_last'")


# Activations


def activation_of(value: Any, channels: int) -> Module:
    """An activation as a layer's option has it: a name, or a layer."""
    if isinstance(value, dict):
        inner = Fields(value, "activation")
        kind = inner.text("class_name")
        if kind in STATELESS:
            return STATELESS[kind](inner.fields("config"), channels)
        raise RefusedError(f"activation {shown(kind)} is not known, or is code")
    if value == "selu":
        return selu(channels)
    if not isinstance(value, str) or value not in ACTIVATIONS:
        raise RefusedError(f"activation={shown(value)} has no counterpart here")
    name, options = ACTIVATIONS[value]
    return Activation(name, **options)


def named(config: Fields, channels: int) -> Module:
    return activation_of(config.any("activation"), channels)


def relu(config: Fields, channels: int) -> Module:
    most, slope = config.number("max_value", None), config.number("negative_slope", 0.0)
    if config.number("threshold", 0.0) != 0:
        raise RefusedError(f"threshold={config.number('threshold')} must be 0")
    if most is None:
        return Activation("leaky_relu", negative_slope=slope) if slope else Activation("relu")
    return Activation("leaky_hardtanh", min_val=0.0, max_val=most, min_slope=slope, max_slope=0.0)


def leaky_relu(config: Fields, channels: int) -> Module:
    return Activation("leaky_relu", negative_slope=config.number("negative_slope", config.number("alpha", 0.3)))


def elu(config: Fields, channels: int) -> Module:
    return Activation("elu", alpha=config.number("alpha", 1.0))


def softmax(config: Fields, channels: int) -> Module:
    over_channels(config)
    return Activation("softmax")


STATELESS: dict[str, Callable[[Fields, int], Module]] = {
    "Activation": named, "ReLU": relu, "LeakyReLU": leaky_relu, "ELU": elu, "Softmax": softmax,
}  # fmt: skip


def activation_layer(net: Builder, layer: Layer, name: str, x: Signal) -> Signal:
    return net.add(name, STATELESS[layer.kind](layer.config, x.node.channels), x)


def activated(net: Builder, layer: Layer, name: str, x: Signal) -> Signal:
    """The activation that a layer has as an option."""
    value = layer.config.any("activation", "linear")
    if value == "linear":
        return x
    return net.add(f"{name}_activation", activation_of(value, x.node.channels), x)


def prelu(net: Builder, layer: Layer, name: str, x: Signal) -> Signal:
    arrays = net.arrays(layer.path)
    channels = x.node.channels
    if len(arrays) != 1 or arrays[0].shape not in ((1, channels), (1, 1)):
        raise RefusedError(f"its slopes have the shape {shown_shapes(a.shape for a in arrays)}; it must be "
                           f"(1,{channels}): shared_axes=[1], the same for all frames")  # fmt: skip
    slopes = arrays[0][0]
    return net.add(name, with_weights(Activation("prelu", channels=slopes.size), weight=slopes), x)


# Convolutions


def conv1d(net: Builder, layer: Layer, name: str, x: Signal) -> Signal:
    config = layer.config
    filters, size, groups = (
        config.integer("filters"),
        one_integer(config, "kernel_size", 1),
        one_integer(config, "groups", 1),
    )
    bias = config.flag("use_bias", True)
    shapes = [(size, x.node.channels // groups, filters), (filters,)]
    kernel, *rest = taken(net.arrays(layer.path), *shapes[: 1 + bias])
    out = convolved(net, config, name, x, kernel.transpose(2, 1, 0), rest, groups)
    return activated(net, layer, name, out)


def depthwise(net: Builder, layer: Layer, name: str, x: Signal) -> Signal:
    config, channels = layer.config, x.node.channels
    size, multiplier = one_integer(config, "kernel_size", 1), config.integer("depth_multiplier", 1)
    bias = config.flag("use_bias", True)
    shapes = [(size, channels, multiplier), (channels * multiplier,)]
    kernel, *rest = taken(net.arrays(layer.path), *shapes[: 1 + bias])
    out = convolved(net, config, name, x, each_channel(kernel), rest, channels)
    return activated(net, layer, name, out)


def separable(net: Builder, layer: Layer, name: str, x: Signal) -> Signal:
    config, channels = layer.config, x.node.channels
    size, multiplier = one_integer(config, "kernel_size", 1), config.integer("depth_multiplier", 1)
    filters, bias = config.integer("filters"), config.flag("use_bias", True)
    shapes = [(size, channels, multiplier), (1, channels * multiplier, filters), (filters,)]
    kernel, mix, *rest = taken(net.arrays(layer.path), *shapes[: 2 + bias])
    out = convolved(net, config, f"{name}.depthwise", x, each_channel(kernel), [], channels)
    pointwise = Conv1d(channels * multiplier, filters, 1, bias=bool(rest))
    weights = {"weight": mix.transpose(2, 1, 0)} | dict(zip(("bias",), rest, strict=False))
    return activated(net, layer, name, net.add(f"{name}.pointwise", with_weights(pointwise, **weights), out))


def each_channel(kernel: Floats) -> Floats:
    """A depthwise kernel, (size, channels, multiplier), as (channels * multiplier, 1, size)."""
    return kernel.transpose(1, 2, 0).reshape(-1, 1, kernel.shape[0])


def convolved(
    net: Builder, config: Fields, name: str, x: Signal, weight: Floats, bias: list[Floats], groups: int
) -> Signal:
    """A convolution with our layout of weights, and the padding, stride and dilation of a configuration."""
    sequence(x)
    channels_last(config)
    stride, dilation = one_integer(config, "strides", 1), one_integer(config, "dilation_rate", 1)
    reach = (weight.shape[2] - 1) * dilation
    padding = config.text("padding", "valid").lower()
    if padding == "same":
        before = zeros_before(reach, stride, net.length(x))
        pads = before, reach - before
    elif padding in ("causal", "valid"):
        pads = (reach if padding == "causal" else 0), 0
    else:
        raise config.wrong("padding", "'causal', 'same' or 'valid'")
    pads = pads[0] + x.pads[0], pads[1] + x.pads[1]
    names: dict[tuple[int, int], Any] = {(0, 0): "valid", (reach, 0): "causal"}
    conv = Conv1d(x.node.channels, len(weight), weight.shape[2], stride=stride, dilation=dilation, groups=groups,
                  padding=names.get(pads, pads), bias=bool(bias))  # fmt: skip
    weights = {"weight": np.ascontiguousarray(weight)} | dict(zip(("bias",), bias, strict=False))
    return net.add(name, with_weights(conv, **weights), x._replace(pads=(0, 0)))


def zeros_before(reach: int, stride: int, frames: int | None) -> int:
    """Zeros that padding "same" puts before a signal: half of those that ``ceil(frames / stride)`` outputs need.

    With a stride their number depends on how many frames the last output begins before the end, 1 to `stride`.
    """
    rests = range(1, stride + 1) if frames is None else [(frames - 1) % stride + 1]
    found = {max(reach + 1 - rest, 0) // 2 for rest in rests}
    if len(found) > 1:
        raise RefusedError(f"strides={stride} with padding='same' begins where the length of the signal says, which is "
                           "not known; pass frames=...")  # fmt: skip
    return found.pop()


def zero_padding(net: Builder, layer: Layer, name: str, x: Signal) -> Signal:
    sequence(x)
    channels_last(layer.config)
    value = layer.config.any("padding", 1)
    pads = [value, value] if type(value) is int else value
    if not isinstance(pads, list) or len(pads) != 2 or any(type(n) is not int or not 0 <= n < 2**31 for n in pads):
        raise layer.config.wrong("padding", "a number of frames, or two")
    return x._replace(pads=(x.pads[0] + pads[0], x.pads[1] + pads[1]))


# Frame by frame


def dense(net: Builder, layer: Layer, name: str, x: Signal) -> Signal:
    units, bias = layer.config.integer("units"), layer.config.flag("use_bias", True)
    kernel, *rest = taken(net.arrays(layer.path), *[(x.node.channels, units), (units,)][: 1 + bias])
    linear = Linear(x.node.channels, units, bias=bias)
    weights = {"weight": np.ascontiguousarray(kernel.T)} | dict(zip(("bias",), rest, strict=False))
    return activated(net, layer, name, net.add(name, with_weights(linear, **weights), x))


def batch_norm(net: Builder, layer: Layer, name: str, x: Signal) -> Signal:
    over_channels(layer.config)
    return net.add(name, batch_normalised(net.arrays(layer.path), x.node.channels, layer.config), x)


def batch_normalised(arrays: list[Floats], channels: int, config: Fields) -> BatchNorm:
    scale, shift, rest = scale_and_shift(arrays, channels, config, more=2)
    eps = config.number("epsilon", EPSILON)
    return with_weights(BatchNorm(channels, eps=eps), weight=scale, bias=shift, running_mean=rest[0],
                        running_var=rest[1])  # fmt: skip


def layer_norm(net: Builder, layer: Layer, name: str, x: Signal) -> Signal:
    over_channels(layer.config)
    if layer.config.flag("rms_scaling", False):
        raise RefusedError("rms_scaling=True must be False")
    return net.add(name, layer_normalised(net.arrays(layer.path), x.node.channels, layer.config), x)


def layer_normalised(arrays: list[Floats], channels: int, config: Fields) -> Sequential:
    scale, shift, _ = scale_and_shift(arrays, channels, config, more=0)
    return Sequential([Activation("layer_norm", eps=config.number("epsilon", EPSILON)), affine(scale, shift)])


def scale_and_shift(
    arrays: list[Floats], channels: int, config: Fields, more: int
) -> tuple[Floats, Floats, list[Floats]]:
    """Gamma and beta, where there are any, and `more` arrays after them."""
    has_scale, has_shift = config.flag("scale", True), config.flag("center", True)
    left = list(taken(arrays, *[(channels,)] * (has_scale + has_shift + more)))
    scale = left.pop(0) if has_scale else np.ones(channels, np.float32)
    shift = left.pop(0) if has_shift else np.zeros(channels, np.float32)
    return scale, shift, left


def dropout(net: Builder, layer: Layer, name: str, x: Signal) -> Signal:
    rate = layer.config.number("rate", 0.0)
    if not 0 < rate < 1:
        return x
    return net.add(name, Dropout(rate, whole_channels=layer.kind == "SpatialDropout1D"), x)


def nothing(net: Builder, layer: Layer, name: str, x: Signal) -> Signal:
    """A layer that does something in training only."""
    return x


# Over time, and of several signals


def pool(net: Builder, layer: Layer, name: str, x: Signal) -> Signal:
    sequence(x)
    channels_last(layer.config)
    if layer.config.flag("keepdims", False):
        raise RefusedError("keepdims=True must be False")
    kind: Any = "mean" if layer.kind == "GlobalAveragePooling1D" else "max"
    return net.add(name, CumulativePool(kind), x)._replace(frame="last")


def last_frame(net: Builder, layer: Layer, name: str, x: Signal) -> Signal:
    """``x[:, -1]``."""
    sequence(x)
    return x._replace(frame="last")


def upsample(net: Builder, layer: Layer, name: str, x: Signal) -> Signal:
    sequence(x)
    return net.add(name, Upsample(one_integer(layer.config, "size", 2)), x)


def join(net: Builder, layer: Layer, name: str, inputs: list[Signal]) -> Signal:
    """Frames are put together by their numbers in Keras, and by their times here: these must be the same."""
    kinds = {(one.frame, one.node.clock.rate, one.node.clock.start if one.frame == "all" else 0) for one in inputs}
    if len(kinds) > 1:
        raise RefusedError("its inputs are a sequence and a single frame, or sequences that begin at different frames")
    if layer.kind == "Concatenate":
        over_channels(layer.config)
        return net.add(name, "concat", *inputs)
    if layer.kind == "Add" or len(inputs) == 1:
        return net.add(name, "add", *inputs)
    x = inputs[0]
    for one in inputs[1:]:
        x = net.add(name, "multiply", x, one)
    return x


LAYERS: dict[str, Callable[..., Any]] = (
    {"Conv1D": conv1d, "Convolution1D": conv1d, "DepthwiseConv1D": depthwise, "SeparableConv1D": separable}
    | {"ZeroPadding1D": zero_padding, "Dense": dense, "BatchNormalization": batch_norm, "PReLU": prelu}
    | {"LayerNormalization": layer_norm, "UpSampling1D": upsample, "GetItem": last_frame}
    | dict.fromkeys(("GlobalAveragePooling1D", "GlobalMaxPooling1D"), pool)
    | dict.fromkeys(("Dropout", "SpatialDropout1D"), dropout)
    | dict.fromkeys(("GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization", "Identity"), nothing)
    | dict.fromkeys(JOINING, join)
    | dict.fromkeys(STATELESS, activation_layer)
)
"""By class: ``function(builder, layer, name, signal)``, with a list of signals for those that join several."""
