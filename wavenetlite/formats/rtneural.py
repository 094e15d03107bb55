"""RTNeural's JSON: sequential models, as its Python script writes them from Keras, and layers of PyTorch state_dicts.

Written from the public source of its loader (github.com/jatinchowdhury18/RTNeural, BSD-3). A sequential model says what
its layers are. A state_dict, which RTNeural's torch helpers read, does not: it holds arrays by name, and the program
that loads it knows the rest, so here it is given as options.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

import numpy as np

from wavenetlite.formats.format import Format
from wavenetlite.formats.reading import Fields, array, read_json, shown, size_of
from wavenetlite.nn.combine import Sequential
from wavenetlite.nn.convolution import Conv1d, Linear
from wavenetlite.nn.convolution2d import Conv2d
from wavenetlite.nn.files import check_runs
from wavenetlite.nn.module import Module
from wavenetlite.nn.pointwise import Activation, BatchNorm, Dropout
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ArrayTypeError, ModelFileError, ParameterError

MOST_LAYERS = 4096
MOST_DENSE = 2**22
"""Weights of a 2-D convolution that is written out."""
ACTIVATIONS = ("tanh", "relu", "sigmoid", "softmax", "elu")
RECURRENT = ("gru", "lstm")

STATE_DICT = re.compile(rb'\s*\{\s*"[\w.]*(weight|bias|running_mean|running_var)"\s*:\s*\[')


def sniff(ends: bytes) -> bool:
    whole = ends.lstrip()[:1] == b"{" and b'"in_shape"' in ends and b'"layers"' in ends
    return whole or STATE_DICT.match(ends) is not None


def load(file: BinaryIO, size: int, *, prefix: str = "", dilation: int = 1, stride: int = 1, groups: int = 1) -> Module:
    """The network in a JSON file of RTNeural.

    Parameters
    ----------
    file, size
        An open file and its size.
    prefix
        Of a state_dict: what the names of the layer's arrays begin with, such as "conv1.".
    dilation, stride, groups
        Of a convolution in a state_dict, which does not say.

    Returns
    -------
    A `Sequential`; for a state_dict the one layer: a `Conv1d` (three dimensions of weights), a `Linear` (two), a
    `BatchNorm`, or an `Activation` "prelu".

    Raises
    ------
    ModelFileError
        The file is damaged, or it holds what cannot run here: recurrent layers (GRU, LSTM) are refused.
    """
    given = {"dilation": dilation, "stride": stride, "groups": groups}
    for name, value in given.items():
        positive_int(name, value)
    if not isinstance(prefix, str):
        raise ArrayTypeError(f"prefix is a {type(prefix).__name__}; it must be a string")
    fields = Fields(read_json(file, size))
    whole = fields.has("layers")
    if whole and (prefix or set(given.values()) != {1}):
        raise ParameterError("prefix, dilation, stride and groups are for a state_dict; this is a sequential model")
    try:
        model = sequential(fields) if whole else state_dict_layer(fields, prefix, given)
    except (ParameterError, ArrayTypeError) as error:  # of our layers: what was asked of them came from the file
        raise ModelFileError(str(error)) from None
    check_runs(model)
    return model


def with_weights(layer: Module, **values: Floats) -> Module:
    layer.load_state_dict(values)
    return layer


# Sequential models


def sequential(fields: Fields) -> Sequential:
    channels = last_dimensions(fields, "in_shape")
    layers: list[Module] = []
    for one in fields.each("layers", MOST_LAYERS):
        made = list(layers_of(one, channels))
        layers += made
        channels = next((layer.out_width for layer in reversed(made) if layer.out_width), channels)
        if channels != last_dimensions(one, "shape"):
            raise ModelFileError(f"{one.name('shape')} ends in {last_dimensions(one, 'shape')}; it must in {channels}")
    if not layers:
        raise ModelFileError("layers is empty; it must have one or more")
    return Sequential(layers)


def last_dimensions(fields: Fields, key: str) -> int:
    """Channels of a frame: of a shape of four dimensions, which a 2-D convolution has, features times filters."""
    shape = fields.list(key, most=8)
    wanted = shape[2:] if len(shape) == 4 else shape[-1:]
    if not wanted or any(type(n) is not int or not 1 <= n <= 65_536 for n in wanted):
        raise fields.wrong(key, "a shape that ends in channels")
    return int(np.prod(wanted))


def layers_of(fields: Fields, channels: int) -> Iterator[Module]:
    """A layer of a file, which gets `channels` channels, and the activation that goes with it."""
    kind = fields.text("type")
    out = last_dimensions(fields, "shape")
    values = fields.list("weights")
    place = fields.name("weights")
    if kind in RECURRENT:
        raise ModelFileError(f"{fields.name('type')} is {kind!r}: recurrent layers cannot run here")
    if kind in ("dense", "time-distributed-dense"):
        expect(place, values, (1, 2))
        weight = array(f"{place}[0]", values[0], (channels, out)).T
        bias = {} if len(values) == 1 else {"bias": array(f"{place}[1]", values[1], (out,))}
        yield with_weights(Linear(channels, out, bias=bool(bias)), weight=weight, **bias)
    elif kind == "conv1d":
        yield conv1d(fields, channels, out, values, place)
    elif kind == "conv2d":
        yield conv2d(fields, channels, out, values, place)
    elif kind in ("batchnorm", "batchnorm2d"):
        yield batch_norm(fields, channels, values, place)
    elif kind == "prelu":
        expect(place, values, (1,))
        count = 1 if size_of(values[0], (0, 0)) == (1, 1) else channels  # one slope serves all channels
        slopes = array(f"{place}[0]", values[0], (1, count))[0]
        yield with_weights(Activation("prelu", channels=count), weight=slopes)
    elif kind != "activation":
        raise ModelFileError(f"{fields.name('type')} is {shown(kind)}, which is no layer that can run here")
    name = fields.text("activation", "")
    if name and name not in ACTIVATIONS:
        raise fields.wrong("activation", f"one of {', '.join(ACTIVATIONS)}")
    if name and kind not in ("batchnorm", "batchnorm2d", "prelu"):  # RTNeural's loader passes over theirs
        yield Activation(name)


def expect(place: str, values: list[Any], counts: tuple[int, ...]) -> None:
    if len(values) not in counts:
        raise ModelFileError(f"{place} has {len(values)} arrays; it must have {' or '.join(map(str, counts))}")


def conv1d(fields: Fields, channels: int, out: int, values: list[Any], place: str) -> Module:
    """A convolution with Keras's weights, (kernel, in / groups, out)."""
    expect(place, values, (2,))
    kernel, dilation = (last_integer(fields, key) for key in ("kernel_size", "dilation"))
    groups = fields.integer("groups", 1)
    layer = Conv1d(channels, out, kernel, dilation=dilation, groups=groups)
    weight = array(f"{place}[0]", values[0], (kernel, channels // groups, out)).transpose(2, 1, 0)
    return with_weights(layer, weight=weight, bias=array(f"{place}[1]", values[1], (out,)))


def conv2d(fields: Fields, channels: int, out: int, values: list[Any], place: str) -> Module:
    """A convolution over time and features with Keras's weights, (frames, features, filters in, filters out).

    Causal over time; over the features it is padded as Keras does ("valid" or "same"). Where a stride meets an even
    number of features Keras begins one feature later than `Conv2d`; it becomes a `Conv1d` then, whose matrices hold the
    kernel at every place.
    """
    expect(place, values, (2,))
    frames, wide, dilation, stride, filters_in, features, filters = (last_integer(fields, key) for key in (
        "kernel_size_time", "kernel_size_feature", "dilation", "strides", "num_filters_in", "num_features_in",
        "num_filters_out"))  # fmt: skip
    padding = fields.text("padding")
    if padding not in ("valid", "same"):
        raise fields.wrong("padding", "'valid' or 'same'")
    total = max(wide - (features % stride or stride), 0) if padding == "same" else 0
    features_out = (features + total - wide) // stride + 1
    if features * filters_in != channels or features_out * filters != out:
        makes = f"{max(features_out, 0) * filters} channels of {features * filters_in}"
        raise ModelFileError(f"{fields.place} makes {makes}; it must make {out} of {channels}")
    kernel = array(f"{place}[0]", values[0], (frames, wide, filters_in, filters))
    bias = array(f"{place}[1]", values[1], (filters,))
    layer = Conv2d(filters_in, filters, (frames, wide), bins=features, stride=(1, stride), dilation=(dilation, 1),
                   bin_padding=padding)  # fmt: skip
    if layer.bin_pads[0] == total // 2:
        return with_weights(layer, weight=kernel.transpose(3, 2, 0, 1), bias=bias)
    if out * channels * frames > MOST_DENSE:
        raise ModelFileError(f"{fields.place} has too many features: {out * channels * frames} products a frame; "
                             f"it must have at most {MOST_DENSE}")  # fmt: skip
    weight = np.zeros((features_out, filters, features, filters_in, frames), np.float32)
    for f in range(features_out):
        first = f * stride - total // 2
        inside = slice(max(first, 0), min(first + wide, features))
        weight[f, :, inside] = kernel[:, inside.start - first : inside.stop - first].transpose(3, 1, 2, 0)
    dense = Conv1d(channels, out, frames, dilation=dilation)
    return with_weights(dense, weight=weight.reshape(out, channels, frames), bias=np.tile(bias, features_out))


def batch_norm(fields: Fields, channels: int, values: list[Any], place: str) -> Module:
    """Batch normalisation, with or without scale and shift; of a 2-D convolution, the features share the parameters."""
    expect(place, values, (2, 4))
    own = channels
    if fields.text("type") == "batchnorm2d":
        own = last_integer(fields, "num_filters_in")
        if own * last_integer(fields, "num_features_in") != channels:
            raise ModelFileError(f"{fields.place} has num_filters_in={own}; with the features it must make {channels}")
    given = [array(f"{place}[{index}]", value, (own,)) for index, value in enumerate(values)]
    if len(given) == 2:
        given = [np.ones(own, np.float32), np.zeros(own, np.float32), *given]
    layer = BatchNorm(own, eps=fields.number("epsilon"), bins=channels // own)
    return with_weights(layer, **dict(zip(("weight", "bias", "running_mean", "running_var"), given, strict=True)))


def last_integer(fields: Fields, key: str) -> int:
    """An integer, or the last of a list."""
    value = fields.any(key)
    last = value[-1] if isinstance(value, list) and value else value
    return int(Fields({key: last}, fields.place).integer(key))


# Layers of a state_dict


def state_dict_layer(fields: Fields, prefix: str, given: dict[str, int]) -> Module:
    """The layer whose arrays' names begin with `prefix`."""
    own = {name.removeprefix(prefix): value for name, value in fields.value.items() if name.startswith(prefix)}
    if "weight" not in own:
        prefixes = sorted({name.removesuffix("weight") for name in fields.value if name.endswith("weight")})
        known = ", ".join(map(repr, prefixes[:20]))
        raise ModelFileError(f"it has no {shown(prefix + 'weight')}; prefix can be {known or 'none'}")
    shape = size_of(own["weight"], (0, 0, 0))
    weight = array(prefix + "weight", own["weight"], shape)
    extra = ("running_mean", "running_var", "num_batches_tracked", "eps") if "running_mean" in own else ()
    Fields(own, prefix.rstrip(".")).only("weight", "bias", *extra)
    if len(shape) != 3 and any(value != 1 for value in given.values()):
        raise ModelFileError(f"{prefix}weight has {len(shape)} dimensions: dilation, stride and groups must be 1")
    if len(shape) == 3:
        bias = {"bias": array(prefix + "bias", own["bias"], shape[:1])} if "bias" in own else {}
        channels = shape[1] * given["groups"]
        layer = Conv1d(channels, shape[0], shape[2], bias=bool(bias), stride=given["stride"],
                       dilation=given["dilation"], groups=given["groups"])  # fmt: skip
        return with_weights(layer, weight=weight, **bias)
    if len(shape) == 2:
        bias = {"bias": array(prefix + "bias", own["bias"], shape[:1])} if "bias" in own else {}
        return with_weights(Linear(shape[1], shape[0], bias=bool(bias)), weight=weight, **bias)
    if len(shape) == 1 and "running_mean" in own:
        names = ("bias", "running_mean", "running_var")
        values = {name: array(prefix + name, Fields(own, prefix).any(name), shape) for name in names}
        eps = Fields(own, prefix.rstrip(".")).number("eps", 1e-5)
        return with_weights(BatchNorm(shape[0], eps=eps), weight=weight, **values)
    if len(shape) == 1 and "bias" not in own:
        return with_weights(Activation("prelu", channels=shape[0]), weight=weight)
    raise ModelFileError(f"{prefix}weight has the shape {list(shape)}, which is that of no layer that can run here")


# Writing


def save(model: Module, file: BinaryIO) -> None:
    """Write a sequential model: causal `Conv1d` and `Conv2d` without stride over time, `Linear`, `BatchNorm`, and the
    activations that RTNeural's loader knows (tanh, relu, sigmoid, softmax, elu, prelu).

    Raises
    ------
    ParameterError
        The model has a layer that such a file cannot hold; the message names it.
    """
    if not isinstance(model, Module) or model.in_width is None:
        raise ParameterError(f"a {type(model).__name__} is no sequential network with a number of channels in")
    model.initialise_missing()
    channels, layers = model.in_width, []
    for path, layer in flat("", model):
        try:
            layers.append(written(layer, channels))
        except ParameterError as error:
            raise ParameterError(f"layer {path or '0'}: {error}") from None
        channels = layer.out_width or channels
        layers[-1]["shape"] = [None, None, channels]
    file.write(json.dumps({"in_shape": [None, None, model.in_width], "layers": layers}).encode())


def flat(path: str, model: Module) -> Iterator[tuple[str, Module]]:
    """The layers in order, without those that do nothing."""
    if isinstance(model, Sequential):
        for index, layer in enumerate(model.layers):
            yield from flat(f"{path}.{index}" if path else str(index), layer)
    elif not isinstance(model, Dropout) and not (isinstance(model, Activation) and model.name == "identity"):
        yield path, model


def written(layer: Module, channels: int) -> dict[str, Any]:
    """A layer as the object that stands for it in a file."""
    if isinstance(layer, Linear):
        bias = layer.parameter("bias") if layer.bias else np.zeros(layer.out_features)
        return {"type": "dense", "activation": "", "weights": [layer.parameter("weight").T.tolist(), bias.tolist()]}
    if isinstance(layer, Conv1d):
        if layer.padding != "causal" or layer.stride != 1:
            raise ParameterError(f"padding={layer.padding!r}, stride={layer.stride}: must be 'causal' and 1 here")
        bias = layer.parameter("bias") if layer.bias else np.zeros(layer.out_channels)
        weights = [layer.parameter("weight").transpose(2, 1, 0).tolist(), bias.tolist()]
        return {"type": "conv1d", "activation": "", "kernel_size": [layer.kernel_size], "dilation": [layer.dilation],
                "groups": layer.groups, "weights": weights}  # fmt: skip
    if isinstance(layer, Conv2d):
        return written_conv2d(layer)
    if isinstance(layer, BatchNorm):
        names = ("weight", "bias", "running_mean", "running_var")
        over_features = {"num_filters_in": layer.channels, "num_features_in": layer.bins} if layer.bins > 1 else {}
        return {"type": "batchnorm2d" if over_features else "batchnorm", "activation": "", "epsilon": layer.eps,
                **over_features, "weights": [layer.parameter(name).tolist() for name in names]}  # fmt: skip
    if isinstance(layer, Activation) and layer.name == "prelu":
        slopes = np.broadcast_to(layer.parameter("weight"), channels)
        return {"type": "prelu", "activation": "", "weights": [[slopes.tolist()]]}
    if isinstance(layer, Activation) and layer.name in ACTIVATIONS and layer.parameters.get("alpha", 1.0) == 1.0:
        return {"type": "activation", "activation": layer.name, "weights": []}
    what = repr(layer) if isinstance(layer, Activation) else f"a {type(layer).__name__}"
    raise ParameterError(f"{what} cannot be held by RTNeural's JSON")


def written_conv2d(layer: Conv2d) -> dict[str, Any]:
    (frames, wide), stride = layer.kernel_size, layer.stride[1]
    total = max(wide - (layer.bins % stride or stride), 0) if layer.bin_padding == "same" else 0
    if layer.padding != "causal" or (layer.stride[0], layer.dilation[1], layer.groups) != (1, 1, 1):
        raise ParameterError("a Conv2d must be causal, without stride over time, dilation over bins and groups here")
    if layer.bin_pads[0] != total // 2:
        raise ParameterError(
            f"bins={layer.bins}, stride={layer.stride}: Keras pads them otherwise; they cannot be held"
        )
    bias = layer.parameter("bias") if layer.bias else np.zeros(layer.out_channels)
    return {"type": "conv2d", "activation": "", "kernel_size_time": frames, "kernel_size_feature": wide,
            "dilation": layer.dilation[0], "strides": stride, "num_filters_in": layer.in_channels,
            "num_features_in": layer.bins, "num_filters_out": layer.out_channels, "padding": layer.bin_padding,
            "weights": [layer.parameter("weight").transpose(2, 3, 1, 0).tolist(), bias.tolist()]}  # fmt: skip


FORMAT = Format("rtneural", "RTNeural: sequential models, and layers of PyTorch state_dicts, in JSON", (".json",),
                sniff, load, save)  # fmt: skip
