"""RTNeural's JSON: sequential models, as its Python script writes them from Keras, and layers of PyTorch state_dicts.

Written from the public source of its loader (github.com/jatinchowdhury18/RTNeural, BSD-3). A sequential model says what
its layers are. A state_dict, which RTNeural's torch helpers read, does not: it holds arrays by name, and the program
that loads it knows the rest, so here it is given as options.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np

from wavenetlite.formats import layers
from wavenetlite.formats.format import Format
from wavenetlite.formats.layers import checked_network
from wavenetlite.formats.reading import Fields, array, read_json, shown, size_of
from wavenetlite.formats.rtneural_layers import NORM, last_dimensions, layers_of, written
from wavenetlite.nn.combine import Residual, Sequential
from wavenetlite.nn.module import Module
from wavenetlite.nn.pointwise import Activation, Dropout
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ArrayTypeError, ModelFileError, ParameterError

MOST_LAYERS = 4096
MOST_DECIBELS = 120
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

    A sequential model may have ``in_skip`` (the input is added to the output), ``in_gain`` and ``out_gain`` (decibels),
    as AIDA-X plays them.

    Returns
    -------
    A `Sequential`; for a state_dict the one layer: a `Conv1d` (three dimensions of weights), a `Linear` (two), a
    `BatchNorm`, or an `Activation` "prelu".

    Raises
    ------
    ModelFileError
        The file is damaged, or it holds what cannot run here.
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
    return checked_network(sequential, fields) if whole else checked_network(state_dict_layer, fields, prefix, given)


# Sequential models


def sequential(fields: Fields) -> Sequential:
    fields.only("in_shape", "layers", "in_skip", "in_gain", "out_gain", "metadata")
    first = channels = last_dimensions(fields, "in_shape")
    found: list[Module] = []
    for one in fields.each("layers", MOST_LAYERS):
        made = list(layers_of(one, channels))
        found += made
        channels = next((layer.out_width for layer in reversed(made) if layer.out_width), channels)
        if channels != last_dimensions(one, "shape"):
            raise ModelFileError(f"{one.name('shape')} ends in {last_dimensions(one, 'shape')}; it must in {channels}")
    if not found:
        raise ModelFileError("layers is empty; it must have one or more")
    if fields.integer("in_skip", 0, least=0, most=1):
        if channels != first:
            raise ModelFileError(f"in_skip is 1 with {first} channels in and {channels} out; they must be as many")
        found = [Residual(found)]
    return Sequential([*gain(fields, "in_gain", first), *found, *gain(fields, "out_gain", channels)])


def gain(fields: Fields, key: str, channels: int) -> list[Module]:
    """What multiplies all samples by a number of decibels; nothing for 0 dB."""
    decibels = fields.number(key, 0.0)
    if abs(decibels) > MOST_DECIBELS:
        raise fields.wrong(key, f"decibels from -{MOST_DECIBELS} to {MOST_DECIBELS}")
    return [layers.affine(np.full(channels, 10 ** (decibels / 20)), np.zeros(channels))] if decibels else []


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
    bias = array(prefix + "bias", own["bias"], shape[:1]) if "bias" in own else None
    if len(shape) == 3:
        return layers.conv1d(weight, bias, **given)  # type: ignore[arg-type]
    if len(shape) == 2:
        return layers.linear(weight, bias)
    if len(shape) == 1 and "running_mean" in own:
        rest = (array(prefix + name, Fields(own, prefix).any(name), shape) for name in NORM[1:])
        return layers.batch_norm(weight, *rest, eps=Fields(own, prefix.rstrip(".")).number("eps", 1e-5))
    if len(shape) == 1 and bias is None:
        return layers.prelu(weight)
    raise ModelFileError(f"{prefix}weight has the shape {list(shape)}, which is that of no layer that can run here")


# Writing


def save(model: Module, file: BinaryIO) -> None:
    """Write a sequential model: causal `Conv1d` and `Conv2d` without stride over time, `Linear`, `BatchNorm`, `GRU`,
    `LSTM`, and the activations that RTNeural's loader knows (tanh, relu, sigmoid, softmax, elu, prelu).

    Raises
    ------
    ParameterError
        The model has a layer that such a file cannot hold; the message names it.
    """
    if not isinstance(model, Module) or model.in_width is None:
        raise ParameterError(f"a {type(model).__name__} is no sequential network with a number of channels in")
    model.initialise_missing()
    channels, objects = model.in_width, []
    for path, layer in flat("", model):
        try:
            objects += written(layer, channels)
        except ParameterError as error:
            raise ParameterError(f"layer {path or '0'}: {error}") from None
        channels = layer.out_width or channels
    file.write(json.dumps({"in_shape": [None, None, model.in_width], "layers": objects}).encode())


def flat(path: str, model: Module) -> Iterator[tuple[str, Module]]:
    """The layers in order, without those that do nothing."""
    if isinstance(model, Sequential):
        for index, layer in enumerate(model.layers):
            yield from flat(f"{path}.{index}" if path else str(index), layer)
    elif not isinstance(model, Dropout) and not (isinstance(model, Activation) and model.name == "identity"):
        yield path, model


FORMAT = Format("rtneural", "RTNeural: sequential models, and layers of PyTorch state_dicts, in JSON", (".json",),
                sniff, load, save)  # fmt: skip
