"""Activations of Keras, as layers and as options of layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wavenetlite.formats import layers
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.keras_builder import KerasBuilder, Layer, Signal, over_channels, shown_shapes
from wavenetlite.formats.reading import Fields, shown
from wavenetlite.nn.module import Module
from wavenetlite.nn.pointwise import Activation

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


def activation_of(value: Any, channels: int) -> Module:
    """An activation as a layer's option has it: a name, or a layer."""
    if isinstance(value, dict):
        inner = Fields(value, "activation")
        kind = inner.text("class_name")
        if kind in ACTIVATION_LAYERS:
            return ACTIVATION_LAYERS[kind](inner.fields("config"), channels)
        raise UnsupportedError(f"activation {shown(kind)} is not known, or is code")
    if value == "selu":
        return layers.selu(channels)
    if not isinstance(value, str) or value not in ACTIVATIONS:
        raise UnsupportedError(f"activation={shown(value)} has no counterpart here")
    name, options = ACTIVATIONS[value]
    return Activation(name, **options)


def named(config: Fields, channels: int) -> Module:
    return activation_of(config.any("activation"), channels)


def relu(config: Fields, channels: int) -> Module:
    most, slope = config.number("max_value", None), config.number("negative_slope", 0.0)
    if config.number("threshold", 0.0) != 0:
        raise UnsupportedError(f"threshold={config.number('threshold')} must be 0")
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


ACTIVATION_LAYERS: dict[str, Callable[[Fields, int], Module]] = {
    "Activation": named, "ReLU": relu, "LeakyReLU": leaky_relu, "ELU": elu, "Softmax": softmax,
}  # fmt: skip
"""By class: those without variables, which may be options of other layers."""


def activation_layer(net: KerasBuilder, layer: Layer, name: str, x: Signal) -> Signal:
    return net.layer(name, ACTIVATION_LAYERS[layer.kind](layer.config, x.channels), x)


def activated(net: KerasBuilder, layer: Layer, name: str, x: Signal) -> Signal:
    """The activation that a layer has as an option."""
    value = layer.config.any("activation", "linear")
    if value == "linear":
        return x
    return net.layer(f"{name}_activation", activation_of(value, x.channels), x)


def prelu(net: KerasBuilder, layer: Layer, name: str, x: Signal) -> Signal:
    arrays = net.variables.get(layer.path, [])
    if len(arrays) != 1 or arrays[0].shape not in ((1, x.channels), (1, 1)):
        raise UnsupportedError(f"its slopes have the shape {shown_shapes([a.shape for a in arrays])}; it must be "
                               f"(1,{x.channels}): shared_axes=[1], the same for all frames")  # fmt: skip
    return net.layer(name, layers.prelu(arrays[0][0]), x)
