"""Keras models as networks of ours: the graph of layers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from wavenetlite.formats import keras_layers
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.keras_builder import KerasBuilder, Layer, Signal
from wavenetlite.formats.keras_file import KerasFile, Path
from wavenetlite.formats.reading import Fields, shown
from wavenetlite.graph import MOST_CHANNELS
from wavenetlite.nn.combine import Sequential
from wavenetlite.nn.graph import INPUT
from wavenetlite.nn.module import Module
from wavenetlite.support.errors import ArrayTypeError, ModelFileError, ParameterError

MOST_LAYERS = 4096

KNOWN_MODULES = "keras", "tf_keras", "tensorflow", "tcn"
"""Packages whose classes are known by their names."""

WHOLE = {"class_name": "__slice__", "config": {"start": None, "stop": None, "step": None}}
LAST_FRAME = [WHOLE, -1], [WHOLE, -1, WHOLE]
"""``x[:, -1]`` and ``x[:, -1, :]``, as Keras 3 writes them."""

QUANTIZED = "int8", "int4", "float8", "gptq"

MODELS = "Sequential", "Functional", "Model"


def network(file: KerasFile, config: dict[str, Any], frames: int | None) -> Module:
    """The network of a configuration, with the variables of a file."""
    model = Fields(config, "model")
    kind, config_fields = model.text("class_name"), model.fields("config")
    if kind not in MODELS:
        raise ModelFileError(f"the model is a {shown(kind)}; it must be a Sequential or a functional model")
    length, channels = input_size(kind, config_fields, model)
    net = KerasBuilder(file, channels, length if frames is None else frames)
    x = Signal(INPUT, net.nodes[INPUT])
    out = KerasReader(net, file.by_name).model(kind, config_fields, (), x, "")
    if out.pads != (0, 0):
        raise ModelFileError("the model ends in zeros that are put around the signal; only a Conv1D can read them")
    return finished(net, out.name)


def input_size(kind: str, config: Fields, model: Fields) -> tuple[int | None, int]:
    """Frames, where they are known, and channels of a model's input."""
    shape = input_shape(kind, config, model)
    if len(shape) != 3 or type(shape[2]) is not int:
        raise ModelFileError(f"the input has the shape {shown(shape)}; it must be (batch, time, channels), with a "
                             "number of channels")  # fmt: skip
    if not 1 <= shape[2] <= MOST_CHANNELS:
        raise ModelFileError(f"the input has {shape[2]} channels; it must have 1 to {MOST_CHANNELS}")
    return (shape[1] if type(shape[1]) is int and shape[1] > 0 else None), shape[2]


def input_shape(kind: str, config: Fields, model: Fields) -> list[Any]:
    """Of the model's input: of its InputLayer, or of what a Sequential was built with."""
    layers = config.list("layers", most=MOST_LAYERS)
    for entry in layers if kind != "Sequential" else layers[:1]:
        fields = Fields(entry, "model.layers")
        if fields.text("class_name", "") == "InputLayer" or kind == "Sequential":
            inner = fields.fields("config")
            for key in ("batch_shape", "batch_input_shape"):
                if inner.has(key):
                    return list(inner.list(key, most=8))
    if config.has("build_input_shape"):
        return list(config.list("build_input_shape", most=8))
    if model.has("build_config") and model.fields("build_config").has("input_shape"):
        return list(model.fields("build_config").list("input_shape", most=8))
    raise ModelFileError("the model does not say the shape of its input")


class KerasReader:
    """Goes through the layers of a model and notes ours."""

    def __init__(self, net: KerasBuilder, by_name: bool) -> None:
        self.net, self.by_name = net, by_name
        self.layers = 0

    def model(self, kind: str, config: Fields, path: Path, x: Signal, prefix: str) -> Signal:
        layers = list(self.layers_of(config, path))
        if kind == "Sequential":
            for layer in layers:
                x = self.call(layer, [x], prefix) if layer.kind != "InputLayer" else x
            return x
        return self.functional(config, layers, x, prefix)

    def layers_of(self, config: Fields, path: Path) -> list[Layer]:
        """The layers of a model, in order."""
        counts: dict[str, int] = {}
        found = []
        for entry in config.each("layers", MOST_LAYERS):
            kind, inner = entry.text("class_name"), entry.fields("config")
            kind = kind.rpartition(">")[2]  # as registered: "Custom>TCN"
            name = inner.text("name", entry.text("name", kind))
            numbered = snake(kind)
            number = counts[numbered] = counts.get(numbered, -1) + 1
            step = name if self.by_name else f"{numbered}_{number}" if number else numbered
            found.append(Layer(kind, name, Fields(inner.value, f"layer {name!r}"), entry.value, (*path, step)))
        self.layers += len(found)
        if self.layers > MOST_LAYERS:
            raise ModelFileError(f"the model has more than {MOST_LAYERS} layers")
        return found

    def functional(self, config: Fields, layers: Sequence[Layer], x: Signal, prefix: str) -> Signal:
        """Layers as soon as what they read is there: a layer may be called several times, with other layers between."""
        known: dict[tuple[str, int], Signal] = {self.one_tensor(config, "input_layers"): x}
        waiting: list[tuple[Layer, int, Any]] = []
        for layer in layers:
            if layer.kind != "InputLayer":
                calls = Fields(layer.entry, layer.config.place).list("inbound_nodes", most=MOST_LAYERS)
                waiting += [(layer, index, call) for index, call in enumerate(calls)]
        if len(waiting) > MOST_LAYERS:
            raise ModelFileError(f"the model calls layers more than {MOST_LAYERS} times")
        read = {(layer.name, index): self.read_by(layer, call) for layer, index, call in waiting}
        first = self.first_calls(layers, [*read.values(), [self.one_tensor(config, "output_layers")]])
        while waiting:
            later = []
            for layer, index, call in waiting:
                sources = read[layer.name, index]
                if all(one in known for one in sources):
                    known[layer.name, index + first.get(layer.name, 0)] = self.call(
                        layer, [known[one] for one in sources], prefix
                    )
                else:
                    later.append((layer, index, call))
            if len(later) == len(waiting):
                missing = next(one[0] for one in read[later[0][0].name, later[0][1]] if one not in known)
                raise ModelFileError(f"layer {later[0][0].name!r} reads {missing!r}, which no layer before it gives")
            waiting = later
        wanted = self.one_tensor(config, "output_layers")
        if wanted not in known:
            raise ModelFileError(f"the model's output is of {wanted[0]!r}, which no layer is")
        return known[wanted]

    def first_calls(self, layers: Sequence[Layer], reads: Sequence[list[tuple[str, int]]]) -> dict[str, int]:
        """The number of the first call of models inside the model: 1, if their own making was counted as number 0."""
        zero = {name for many in reads for name, index in many if index == 0}
        return {layer.name: 1 for layer in layers if layer.kind in MODELS and layer.name not in zero}

    def one_tensor(self, config: Fields, key: str) -> tuple[str, int]:
        """The only input or output of a model."""
        found = tensors_in(config.any(key))
        if len(found) != 1:
            raise ModelFileError(f"the model has {len(found)} {key.replace('_layers', 's')}; it must have one")
        return found[0]

    def read_by(self, layer: Layer, call: Any) -> list[tuple[str, int]]:
        """What a call of a layer reads."""
        place = f"layer {layer.name!r} ({layer.kind})"
        if not isinstance(call, dict | list):
            raise ModelFileError(f"{place}: its inbound_nodes have {shown(call)}; they must be objects or lists")
        if isinstance(call, dict):  # Keras 3
            args, kwargs = call.get("args"), [call.get("kwargs") or {}]
        else:
            args = call
            kwargs = [one[3] for one in call if isinstance(one, list) and len(one) > 3]
        others = others_in(args)
        if others and not (layer.kind == "GetItem" and others in LAST_FRAME):
            raise ModelFileError(f"{place}: it is called with {shown(others[0])} beside signals")
        for given in kwargs:
            if not isinstance(given, dict) or any(value not in (None, False) for value in given.values()):
                raise ModelFileError(f"{place}: it is called with arguments by name, {shown(given)}")
        found = tensors_in(args)
        if not found:
            raise ModelFileError(f"{place}: it reads no layer")
        return found

    def call(self, layer: Layer, inputs: list[Signal], prefix: str) -> Signal:
        """What a layer makes of signals; what is wrong is said with its name and class."""
        name = prefix + layer.name.replace(".", "_")
        place = f"layer {layer.name!r} ({layer.kind})"
        if layer.kind in MODELS:
            if len(inputs) != 1:
                raise ModelFileError(f"{place}: it reads {len(inputs)} signals; it must be one")
            return self.model(layer.kind, layer.config, layer.path, inputs[0], f"{name}.")
        try:
            check_precision(layer.config)
            module = layer.entry.get("module")
            if isinstance(module, str) and module.partition(".")[0] not in KNOWN_MODULES:
                raise UnsupportedError(f"it is of the module {shown(module)}, and what it computes cannot be seen")
            if isinstance(module, str) and ".ops" in module and layer.kind not in (*keras_layers.JOINING, "GetItem"):
                raise UnsupportedError(
                    "it is a function of keras.ops; known are only Add, Multiply, Concatenate and GetItem"
                )
            make = keras_layers.LAYERS.get(layer.kind)
            if make is None:
                raise UnsupportedError(keras_layers.REASONS.get(layer.kind, "there is no such layer here"))
            if layer.kind not in keras_layers.JOINING and len(inputs) != 1:
                raise UnsupportedError(f"it reads {len(inputs)} signals; it must be one")
            made: Signal = make(self.net, layer, name, inputs if layer.kind in keras_layers.JOINING else inputs[0])
            return made
        except (UnsupportedError, ParameterError, ArrayTypeError) as reason:
            raise ModelFileError(f"{place}: {reason}") from None


def check_precision(config: Fields) -> None:
    """Refuse layers whose variables are quantized, or of bfloat16: the file holds no floats that are read here."""
    policy = config.any("dtype", "float32")
    inner = policy.get("config") if isinstance(policy, dict) else None
    name = str(inner.get("name", "")) if isinstance(inner, dict) else str(policy)
    if name == "bfloat16" or name.startswith(QUANTIZED) or config.any("quantization_config", None):
        raise UnsupportedError(f"its variables are of the type {shown(name)}; they must be float16, float32 or float64")


def snake(kind: str) -> str:
    """A class's name as Keras makes paths of it: "PReLU" becomes "p_re_lu"."""
    return re.sub(r"(?<!^)(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", "_", re.sub(r"\W", "", kind)).lower()


def tensor(value: Any) -> tuple[str, int] | None:
    """The layer and the number of its call that a value names: an object of Keras 3, or a list of Keras 2."""
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        inner = value.get("config")
        value = inner.get("keras_history") if isinstance(inner, dict) else None
    if not isinstance(value, list) or len(value) not in (3, 4) or [type(one) for one in value[:3]] != [str, int, int]:
        return None
    if value[2] != 0:
        raise ModelFileError(f"layer {value[0]!r} gives several outputs, of which only the first is known")
    return value[0], value[1]


def tensors_in(value: Any) -> list[tuple[str, int]]:
    """All tensors that a value names."""
    if (found := tensor(value)) is not None:
        return [found]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
    return [one for part in parts for one in tensors_in(part)]


def others_in(value: Any) -> list[Any]:
    """What a value has that is no tensor."""
    if tensor(value) is not None:
        return []
    return [one for part in value for one in others_in(part)] if isinstance(value, list) else [value]


def finished(net: KerasBuilder, output: str) -> Module:
    """The layers that the output depends on: in a row, or as a graph."""
    entries = net.needed(output)
    if not entries:
        raise ModelFileError("the model has no layer that does something")
    if all(isinstance(layer, Module) for _, layer, _ in entries):  # each reads one, so they stand in a row
        row = Sequential([layer for _, layer, _ in entries])
        if row.in_channels == net.channels:  # layers that take any number would not say it
            return row
    return net.network(output)
