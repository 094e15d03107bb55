"""Convolutions of Keras, and the zeros that it puts around signals."""

from __future__ import annotations

from wavenetlite.formats import layers
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.keras_activations import activated
from wavenetlite.formats.keras_builder import KerasBuilder, Layer, Signal, channels_last, one_integer, sequence
from wavenetlite.formats.reading import Fields
from wavenetlite.support.arrays import Floats


def conv1d(net: KerasBuilder, layer: Layer, name: str, x: Signal) -> Signal:
    config = layer.config
    filters, bias = config.integer("filters"), config.flag("use_bias", True)
    size, groups = one_integer(config, "kernel_size", 1), one_integer(config, "groups", 1)
    shapes = [(size, x.channels // groups, filters), (filters,)]
    kernel, *rest = net.arrays(layer.path, *shapes[: 1 + bias])
    out = convolved(net, config, name, x, kernel.transpose(2, 1, 0), rest, groups)
    return activated(net, layer, name, out)


def depthwise(net: KerasBuilder, layer: Layer, name: str, x: Signal) -> Signal:
    config = layer.config
    size, multiplier = one_integer(config, "kernel_size", 1), config.integer("depth_multiplier", 1)
    bias = config.flag("use_bias", True)
    shapes = [(size, x.channels, multiplier), (x.channels * multiplier,)]
    kernel, *rest = net.arrays(layer.path, *shapes[: 1 + bias])
    out = convolved(net, config, name, x, each_channel(kernel), rest, x.channels)
    return activated(net, layer, name, out)


def separable(net: KerasBuilder, layer: Layer, name: str, x: Signal) -> Signal:
    config = layer.config
    size, multiplier = one_integer(config, "kernel_size", 1), config.integer("depth_multiplier", 1)
    filters, bias = config.integer("filters"), config.flag("use_bias", True)
    shapes = [(size, x.channels, multiplier), (1, x.channels * multiplier, filters), (filters,)]
    kernel, mix, *rest = net.arrays(layer.path, *shapes[: 2 + bias])
    out = convolved(net, config, f"{name}.depthwise", x, each_channel(kernel), [], x.channels)
    out = net.layer(f"{name}.pointwise", layers.conv1d(mix.transpose(2, 1, 0), *rest), out)
    return activated(net, layer, name, out)


def each_channel(kernel: Floats) -> Floats:
    """A depthwise kernel, (size, channels, multiplier), as (channels * multiplier, 1, size)."""
    return kernel.transpose(1, 2, 0).reshape(-1, 1, kernel.shape[0])


def convolved(
    net: KerasBuilder, config: Fields, name: str, x: Signal, weight: Floats, bias: list[Floats], groups: int
) -> Signal:
    """A convolution with our layout of weights, and the padding, stride and dilation of a configuration."""
    sequence(x)
    channels_last(config)
    stride, dilation = one_integer(config, "strides", 1), one_integer(config, "dilation_rate", 1)
    reach = (weight.shape[2] - 1) * dilation
    padding = config.text("padding", "valid").lower()
    if padding == "same":
        frames = net.frames_of(x.node)
        before = zeros_before(reach, stride, frames if isinstance(frames, int) else None)
        pads = before, reach - before
    elif padding in ("causal", "valid"):
        pads = (reach if padding == "causal" else 0), 0
    else:
        raise config.wrong("padding", "'causal', 'same' or 'valid'")
    pads = pads[0] + x.pads[0], pads[1] + x.pads[1]
    conv = layers.conv1d(weight, *bias, groups=groups, stride=stride, dilation=dilation, padding=pads)
    return net.layer(name, conv, x._replace(pads=(0, 0)))


def zeros_before(reach: int, stride: int, frames: int | None) -> int:
    """Zeros that padding "same" puts before a signal: half of those that ``ceil(frames / stride)`` outputs need.

    With a stride their number depends on how many frames the last output begins before the end, 1 to `stride`.
    """
    rests = range(1, stride + 1) if frames is None else [(frames - 1) % stride + 1]
    found = {max(reach + 1 - rest, 0) // 2 for rest in rests}
    if len(found) > 1:
        raise UnsupportedError(f"strides={stride} with padding='same' begins where the length of the signal says, "
                               "which is not known; pass frames=...")  # fmt: skip
    return found.pop()


def zero_padding(net: KerasBuilder, layer: Layer, name: str, x: Signal) -> Signal:
    sequence(x)
    channels_last(layer.config)
    value = layer.config.any("padding", 1)
    pads = [value, value] if type(value) is int else value
    if not isinstance(pads, list) or len(pads) != 2 or any(type(n) is not int or not 0 <= n < 2**31 for n in pads):
        raise layer.config.wrong("padding", "a number of frames, or two")
    return x._replace(pads=(x.pads[0] + pads[0], x.pads[1] + pads[1]))
