"""Layers of RTNeural's sequential models, read and written. A new layer is one row of `READERS` and of `WRITERS`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from wavenetlite.formats import layers, recurrent
from wavenetlite.formats.reading import Fields, array, shown, size_of
from wavenetlite.nn.convolution import Conv1d, Linear
from wavenetlite.nn.convolution2d import Conv2d
from wavenetlite.nn.module import Module
from wavenetlite.nn.pointwise import Activation, BatchNorm
from wavenetlite.nn.recurrent import GRU, LSTM
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ModelFileError, ParameterError

MOST_DENSE = 2**22
"""Weights of a 2-D convolution that is written out."""
ACTIVATIONS = ("tanh", "relu", "sigmoid", "softmax", "elu")
WITHOUT_ACTIVATION = ("batchnorm", "batchnorm2d", "prelu", "gru", "lstm")
"""Layers whose activation RTNeural's loader passes over."""
FIELDS = (
    "type", "activation", "shape", "weights", "name", "kernel_size", "dilation", "groups", "strides", "padding",
    "epsilon", "kernel_size_time", "kernel_size_feature", "num_filters_in", "num_features_in", "num_filters_out",
)  # fmt: skip
"""All that layers have; any other may say something that matters."""
NORM = ("weight", "bias", "running_mean", "running_var")

Written = dict[str, Any]


def layers_of(fields: Fields, channels: int) -> Iterator[Module]:
    """A layer of a file, which gets `channels` channels, and the activation that goes with it."""
    fields.only(*FIELDS)
    kind = fields.text("type")
    if kind in READERS:
        yield READERS[kind](fields, channels, last_dimensions(fields, "shape"))
    elif kind != "activation":
        raise ModelFileError(f"{fields.name('type')} is {shown(kind)}, which is no layer that can run here")
    name = fields.text("activation", "")
    if name and name not in ACTIVATIONS:
        raise fields.wrong("activation", f"one of {', '.join(ACTIVATIONS)}")
    if name and kind not in WITHOUT_ACTIVATION:
        yield Activation(name)


def written(layer: Module, channels: int) -> list[Written]:
    """A layer, which gets `channels` channels, as the objects that stand for it in a file."""
    write = WRITERS.get(type(layer))
    if write is None:
        raise ParameterError(f"a {type(layer).__name__} cannot be held by RTNeural's JSON")
    made = write(layer, channels)
    shape = [None, None, layer.out_width or channels]
    return [{"activation": "", **one, "shape": shape} for one in (made if isinstance(made, list) else [made])]


# What files say


def last_dimensions(fields: Fields, key: str) -> int:
    """Channels of a frame: of a shape of four dimensions, which a 2-D convolution has, features times filters."""
    shape = fields.list(key, most=8)
    wanted = shape[2:] if len(shape) == 4 else shape[-1:]
    if not wanted or any(type(n) is not int or not 1 <= n <= 65_536 for n in wanted):
        raise fields.wrong(key, "a shape that ends in channels")
    return int(np.prod(wanted))


def last_integer(fields: Fields, key: str) -> int:
    """An integer, or the last of a list."""
    value = fields.any(key)
    last = value[-1] if isinstance(value, list) and value else value
    return int(Fields({key: last}, fields.place).integer(key))


def weights(fields: Fields, *shapes: tuple[int, ...], counts: tuple[int, ...] = ()) -> list[Floats]:
    """A layer's arrays, which must have these shapes; `counts`: how many of the first there may be."""
    place, values = fields.name("weights"), fields.list("weights")
    counts = counts or (len(shapes),)
    if len(values) not in counts:
        raise ModelFileError(f"{place} has {len(values)} arrays; it must have {' or '.join(map(str, counts))}")
    return [array(f"{place}[{index}]", value, shape)
            for index, (value, shape) in enumerate(zip(values, shapes, strict=False))]  # fmt: skip


# Layers


def dense(fields: Fields, channels: int, out: int) -> Module:
    weight, *bias = weights(fields, (channels, out), (out,), counts=(1, 2))
    return layers.linear(weight.T, *bias)


def written_dense(layer: Linear, channels: int) -> Written:
    return {"type": "dense", "weights": [layer.parameter("weight").T.tolist(), bias_of(layer, layer.out_features)]}


def bias_of(layer: Conv1d | Conv2d | Linear, size: int) -> list[float]:
    values: list[float] = (layer.parameter("bias") if layer.bias else np.zeros(size)).tolist()
    return values


def conv1d(fields: Fields, channels: int, out: int) -> Module:
    """A convolution with Keras's weights, (kernel, in / groups, out)."""
    kernel, dilation = (last_integer(fields, key) for key in ("kernel_size", "dilation"))
    groups = fields.integer("groups", 1)
    if fields.any("padding", "causal") != "causal" or (fields.has("strides") and last_integer(fields, "strides") != 1):
        raise ModelFileError(f"{fields.place} must have padding 'causal' and strides 1, as RTNeural computes it")
    weight, bias = weights(fields, (kernel, channels // groups, out), (out,))
    return layers.conv1d(weight.transpose(2, 1, 0), bias, dilation=dilation, groups=groups)


def written_conv1d(layer: Conv1d, channels: int) -> Written:
    if layer.padding != "causal" or layer.stride != 1:
        raise ParameterError(f"padding={layer.padding!r}, stride={layer.stride}: must be 'causal' and 1 here")
    arrays = [layer.parameter("weight").transpose(2, 1, 0).tolist(), bias_of(layer, layer.out_channels)]
    return {"type": "conv1d", "kernel_size": [layer.kernel_size], "dilation": [layer.dilation],
            "groups": layer.groups, "weights": arrays}  # fmt: skip


def conv2d(fields: Fields, channels: int, out: int) -> Module:
    """A convolution over time and features with Keras's weights, (frames, features, filters in, filters out).

    Causal over time; over the features it is padded as Keras does ("valid" or "same"). Where a stride meets an even
    number of features Keras begins one feature later than `Conv2d`; it becomes a `Conv1d` then, whose matrices hold the
    kernel at every place.
    """
    frames, wide, dilation, stride, filters_in, features, filters = (last_integer(fields, key) for key in (
        "kernel_size_time", "kernel_size_feature", "dilation", "strides", "num_filters_in", "num_features_in",
        "num_filters_out"))  # fmt: skip
    padding = fields.text("padding")
    if padding not in ("valid", "same"):
        raise fields.wrong("padding", "'valid' or 'same'")
    total = keras_padding(wide, features, stride, padding)
    features_out = (features + total - wide) // stride + 1
    if features * filters_in != channels or features_out * filters != out:
        makes = f"{max(features_out, 0) * filters} channels of {features * filters_in}"
        raise ModelFileError(f"{fields.place} makes {makes}; it must make {out} of {channels}")
    kernel, bias = weights(fields, (frames, wide, filters_in, filters), (filters,))
    layer = Conv2d(filters_in, filters, (frames, wide), bins=features, stride=(1, stride), dilation=(dilation, 1),
                   bin_padding=padding)  # fmt: skip
    if layer.bin_pads[0] == total // 2:
        return layers.with_weights(layer, weight=kernel.transpose(3, 2, 0, 1), bias=bias)
    if out * channels * frames > MOST_DENSE:
        raise ModelFileError(f"{fields.place} has too many features: {out * channels * frames} products a frame; "
                             f"it must have at most {MOST_DENSE}")  # fmt: skip
    weight = np.zeros((features_out, filters, features, filters_in, frames), np.float32)
    for f in range(features_out):
        first = f * stride - total // 2
        inside = slice(max(first, 0), min(first + wide, features))
        weight[f, :, inside] = kernel[:, inside.start - first : inside.stop - first].transpose(3, 1, 2, 0)
    return layers.conv1d(weight.reshape(out, channels, frames), np.tile(bias, features_out), dilation=dilation)


def keras_padding(wide: int, features: int, stride: int, padding: str) -> int:
    """Zeros that Keras puts around the features, on both sides together."""
    return max(wide - (features % stride or stride), 0) if padding == "same" else 0


def written_conv2d(layer: Conv2d, channels: int) -> Written:
    (frames, wide), stride = layer.kernel_size, layer.stride[1]
    if layer.padding != "causal" or (layer.stride[0], layer.dilation[1], layer.groups) != (1, 1, 1):
        raise ParameterError("a Conv2d must be causal, without stride over time, dilation over bins and groups here")
    if layer.bin_pads[0] != keras_padding(wide, layer.bins, stride, layer.bin_padding) // 2:
        raise ParameterError(
            f"bins={layer.bins}, stride={layer.stride}: Keras pads them otherwise; they cannot be held"
        )
    arrays = [layer.parameter("weight").transpose(2, 3, 1, 0).tolist(), bias_of(layer, layer.out_channels)]
    return {"type": "conv2d", "kernel_size_time": frames, "kernel_size_feature": wide,
            "dilation": layer.dilation[0], "strides": stride, "num_filters_in": layer.in_channels,
            "num_features_in": layer.bins, "num_filters_out": layer.out_channels, "padding": layer.bin_padding,
            "weights": arrays}  # fmt: skip


def batch_norm(fields: Fields, channels: int, out: int) -> Module:
    """Batch normalisation, with or without scale and shift; of a 2-D convolution, the features share the parameters."""
    own = channels
    if fields.text("type") == "batchnorm2d":
        own = last_integer(fields, "num_filters_in")
        if own * last_integer(fields, "num_features_in") != channels:
            raise ModelFileError(f"{fields.place} has num_filters_in={own}; with the features it must make {channels}")
    *scale_and_shift, mean, variance = weights(fields, *[(own,)] * 4, counts=(2, 4))
    scale, shift = scale_and_shift or (None, None)
    return layers.batch_norm(scale, shift, mean, variance, eps=fields.number("epsilon"), bins=channels // own)


def written_batch_norm(layer: BatchNorm, channels: int) -> Written:
    over_features = {"num_filters_in": layer.channels, "num_features_in": layer.bins} if layer.bins > 1 else {}
    return {"type": "batchnorm2d" if over_features else "batchnorm", "epsilon": layer.eps, **over_features,
            "weights": [layer.parameter(name).tolist() for name in NORM]}  # fmt: skip


def prelu(fields: Fields, channels: int, out: int) -> Module:
    values = fields.list("weights")
    shared = bool(values) and size_of(values[0], (0, 0)) == (1, 1)  # one slope serves all channels
    (slopes,) = weights(fields, (1, 1 if shared else channels))
    return layers.prelu(slopes[0])


def written_activation(layer: Activation, channels: int) -> Written:
    if layer.name == "prelu":
        slopes = np.broadcast_to(layer.parameter("weight"), channels)
        return {"type": "prelu", "weights": [[slopes.tolist()]]}
    if layer.name in ACTIVATIONS and layer.parameters.get("alpha", 1.0) == 1.0:
        return {"type": "activation", "activation": layer.name, "weights": []}
    raise ParameterError(f"{layer!r} cannot be held by RTNeural's JSON")


def gru(fields: Fields, channels: int, out: int) -> Module:
    """With Keras's weights: kernels (in, 3 out), (out, 3 out) and biases (2, 3 out); gates z, r, h."""
    return recurrent.from_keras(GRU, *weights(fields, (channels, 3 * out), (out, 3 * out), (2, 3 * out)))


def lstm(fields: Fields, channels: int, out: int) -> Module:
    """With Keras's weights: kernels (in, 4 out), (out, 4 out) and biases (4 out); gates i, f, c, o."""
    return recurrent.from_keras(LSTM, *weights(fields, (channels, 4 * out), (out, 4 * out), (4 * out,)))


def written_recurrent(layer: GRU | LSTM, channels: int) -> list[Written]:
    """One object for each of its layers."""
    if layer.first_state:
        raise ParameterError("a recurrent layer must begin with zeros here")
    cells = [recurrent.to_keras(type(layer), cell) for cell in recurrent.cells_of(layer)]
    return [{"type": type(layer).__name__.lower(), "weights": [one.tolist() for one in cell]} for cell in cells]


READERS: dict[str, Callable[[Fields, int, int], Module]] = {
    "dense": dense,
    "time-distributed-dense": dense,
    "conv1d": conv1d,
    "conv2d": conv2d,
    "batchnorm": batch_norm,
    "batchnorm2d": batch_norm,
    "prelu": prelu,
    "gru": gru,
    "lstm": lstm,
}
"""By type: ``function(fields, channels, out)``, with the channels that the layer gets and gives."""

WRITERS: dict[type[Module], Callable[[Any, int], Written | list[Written]]] = {
    Linear: written_dense,
    Conv1d: written_conv1d,
    Conv2d: written_conv2d,
    BatchNorm: written_batch_norm,
    Activation: written_activation,
    GRU: written_recurrent,
    LSTM: written_recurrent,
}
