"""Normalisations of Keras."""

from __future__ import annotations

from collections.abc import Callable

from wavenetlite.formats import layers
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.keras_builder import KerasBuilder, Layer, Signal, must_be_false, over_channels
from wavenetlite.formats.keras_file import Path
from wavenetlite.formats.reading import Fields
from wavenetlite.nn.module import Module
from wavenetlite.support.arrays import Floats

EPSILON = 1e-3
"""Where it is not said."""


def norm(net: KerasBuilder, layer: Layer, name: str, x: Signal) -> Signal:
    over_channels(layer.config)
    must_be_false(layer.config, "rms_scaling")
    return net.layer(name, NORMS[layer.kind](net, layer.path, x.channels, layer.config), x)


def batch_norm(net: KerasBuilder, path: Path, channels: int, config: Fields) -> Module:
    scale, shift, (mean, variance) = parameters(net, path, channels, config, more=2)
    return layers.batch_norm(scale, shift, mean, variance, eps=config.number("epsilon", EPSILON))


def layer_norm(net: KerasBuilder, path: Path, channels: int, config: Fields) -> Module:
    scale, shift, _ = parameters(net, path, channels, config, more=0)
    return layers.layer_norm(channels, scale, shift, eps=config.number("epsilon", EPSILON))


def group_norm(net: KerasBuilder, layer: Layer, name: str, x: Signal) -> Signal:
    """Keras's averages over the channels of a group and all frames: ours, where there is one frame."""
    over_channels(layer.config)
    if x.frame == "all" and net.frames_of(x.node) != 1:
        raise UnsupportedError("it averages over all frames of a signal, which a stream has not; it can be read only "
                               "where the signal is one frame")  # fmt: skip
    groups = layer.config.integer("groups", 32)
    scale, shift, _ = parameters(net, layer.path, x.channels, layer.config, more=0)
    norm = layers.group_norm(groups, x.channels, scale, shift, eps=layer.config.number("epsilon", EPSILON))
    return net.layer(name, norm, x)


def parameters(
    net: KerasBuilder, path: Path, channels: int, config: Fields, more: int
) -> tuple[Floats | None, Floats | None, list[Floats]]:
    """Gamma and beta, None where there is none, and `more` arrays after them."""
    has_scale, has_shift = config.flag("scale", True), config.flag("center", True)
    left = list(net.arrays(path, *[(channels,)] * (has_scale + has_shift + more)))
    return left.pop(0) if has_scale else None, left.pop(0) if has_shift else None, left


NORMS: dict[str, Callable[[KerasBuilder, Path, int, Fields], Module]] = {
    "BatchNormalization": batch_norm, "LayerNormalization": layer_norm,
}  # fmt: skip
