"""Layers of Keras: each function notes ours for one of theirs, and gives the signal that it makes.

Signals are (batch, time, channels). A new layer is one row of `LAYERS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wavenetlite.formats import layers
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.keras_activations import ACTIVATION_LAYERS, activated, activation_layer, prelu
from wavenetlite.formats.keras_builder import (
    KerasBuilder,
    Layer,
    Signal,
    channels_last,
    must_be_false,
    one_integer,
    over_channels,
    sequence,
)
from wavenetlite.formats.keras_convolutions import conv1d, depthwise, separable, zero_padding
from wavenetlite.formats.keras_norms import NORMS, group_norm, norm
from wavenetlite.formats.keras_recurrent import recurrent_layer
from wavenetlite.formats.keras_tcn import tcn
from wavenetlite.nn.pointwise import CumulativePool, Dropout, Upsample

JOINING = "Add", "Multiply", "Concatenate"
"""Layers of several signals."""

REASONS = {
    "Lambda": "it is code in the file, which is never run",
    "Flatten": "it makes one frame of a whole signal",
    "MaxPooling1D": "maxima over a few frames are not known here",
    "Masking": "masks are not known here",
    "Embedding": "its input is numbers of tokens, not a signal",
    "Bidirectional": "its second half reads the signal from its end",
} | dict.fromkeys(("SimpleRNN", "RNN"), "of recurrent layers, GRU and LSTM are known here")
"""Why others are refused."""


def dense(net: KerasBuilder, layer: Layer, name: str, x: Signal) -> Signal:
    units, bias = layer.config.integer("units"), layer.config.flag("use_bias", True)
    kernel, *rest = net.arrays(layer.path, *[(x.channels, units), (units,)][: 1 + bias])
    return activated(net, layer, name, net.layer(name, layers.linear(kernel.T, *rest), x))


def dropout(net: KerasBuilder, layer: Layer, name: str, x: Signal) -> Signal:
    rate = layer.config.number("rate", 0.0)
    if not 0 < rate < 1:
        return x
    return net.layer(name, Dropout(rate, whole_channels=layer.kind == "SpatialDropout1D"), x)


def nothing(net: KerasBuilder, layer: Layer, name: str, x: Signal) -> Signal:
    """A layer that does something in training only."""
    return x


def pool(net: KerasBuilder, layer: Layer, name: str, x: Signal) -> Signal:
    sequence(x)
    channels_last(layer.config)
    must_be_false(layer.config, "keepdims")
    kind: Any = "mean" if layer.kind == "GlobalAveragePooling1D" else "max"
    return net.layer(name, CumulativePool(kind), x)._replace(frame="last")


def last_frame(net: KerasBuilder, layer: Layer, name: str, x: Signal) -> Signal:
    """``x[:, -1]``."""
    sequence(x)
    return x._replace(frame="last")


def upsample(net: KerasBuilder, layer: Layer, name: str, x: Signal) -> Signal:
    sequence(x)
    return net.layer(name, Upsample(one_integer(layer.config, "size", 2)), x)


def join(net: KerasBuilder, layer: Layer, name: str, inputs: list[Signal]) -> Signal:
    """Frames are put together by their numbers in Keras, and by their times here: these must be the same."""
    kinds = {(one.frame, one.node.clock.rate, one.node.clock.start if one.frame == "all" else 0) for one in inputs}
    if len(kinds) > 1:
        raise UnsupportedError(
            "its inputs are a sequence and a single frame, or sequences that begin at different frames"
        )
    if layer.kind == "Concatenate":
        over_channels(layer.config)
        return net.layer(name, "concat", *inputs)
    if layer.kind == "Add" or len(inputs) == 1:
        return net.layer(name, "add", *inputs)
    x = inputs[0]
    for one in inputs[1:]:
        x = net.layer(name, "multiply", x, one)
    return x


LAYERS: dict[str, Callable[..., Signal]] = {
    "Conv1D": conv1d,
    "Convolution1D": conv1d,
    "DepthwiseConv1D": depthwise,
    "SeparableConv1D": separable,
    "ZeroPadding1D": zero_padding,
    "Dense": dense,
    "PReLU": prelu,
    "UpSampling1D": upsample,
    "GetItem": last_frame,
    "GroupNormalization": group_norm,
    "GRU": recurrent_layer,
    "LSTM": recurrent_layer,
    "TCN": tcn,
    **dict.fromkeys(NORMS, norm),
    **dict.fromkeys(("GlobalAveragePooling1D", "GlobalMaxPooling1D"), pool),
    **dict.fromkeys(("Dropout", "SpatialDropout1D"), dropout),
    **dict.fromkeys(
        ("GaussianNoise", "GaussianDropout", "AlphaDropout", "ActivityRegularization", "Identity"), nothing
    ),
    **dict.fromkeys(JOINING, join),
    **dict.fromkeys(ACTIVATION_LAYERS, activation_layer),
}
"""By class: ``function(builder, layer, name, signal)``, with a list of signals for those that join several."""
