"""keras-tcn's layer TCN (github.com/philipperemy/keras-tcn 3.1 to 3.5, MIT), which is a network."""

from __future__ import annotations

from typing import Any

from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.keras_activations import activation_of
from wavenetlite.formats.keras_builder import KerasBuilder, Layer, Signal, must_be_false, one_integer, sequence
from wavenetlite.formats.keras_convolutions import convolved
from wavenetlite.formats.keras_norms import batch_norm, layer_norm
from wavenetlite.formats.reading import Fields, shown
from wavenetlite.nn.pointwise import Dropout


def tcn(net: KerasBuilder, layer: Layer, name: str, x: Signal) -> Signal:
    """The layer, as Keras's own are in `keras_layers`: residual blocks, whose outputs may be summed up."""
    config = layer.config
    sequence(x)
    must_be_false(config, "use_weight_norm", "go_backwards", "return_state")
    dilations = list(config.list("dilations", most=1024))
    filters = config.any("nb_filters")
    filters = filters if isinstance(filters, list) else [filters] * len(dilations)
    if len(filters) != len(dilations) or not dilations:
        raise config.wrong("nb_filters", f"a number, or {len(dilations)} of them, one for each of dilations")
    x_of_blocks, skips = x, []
    for index in range(config.integer("nb_stacks", 1, most=1024) * len(dilations)):
        place = index % len(dilations)
        block = Block(net, layer, index, filters[place], dilations[place], name)
        x_of_blocks, skip = block.connect(x_of_blocks)
        skips.append(skip)
    out = x_of_blocks
    if config.flag("use_skip_connections", True):
        out = net.layer(f"{name}.skips", "add", *skips) if len(skips) > 1 else skips[0]
    if config.flag("return_sequences", False):
        return out
    return out._replace(frame="last" if config.text("padding", "causal") == "causal" else "middle")


TRACKED = {"conv1D_0": "conv1d", "conv1D_1": "conv1d_1", "matching_conv1D": "shape_match_conv"}
"""What Keras 2 calls the parts of a block in its newer kind of file."""

LATER = "use_weight_norm", "go_backwards", "return_state"
"""Options, one of which every version since 3.2 has. Before, all activations but a block's last were ReLU."""


class Block:
    """A residual block: twice a convolution, a norm and an activation; another activation; then the input added."""

    def __init__(self, net: KerasBuilder, layer: Layer, index: int, filters: Any, dilation: Any, name: str) -> None:
        self.net, self.config = net, layer.config
        self.path, self.parts = (*layer.path, f"residual_block_{index}"), dict.fromkeys(TRACKED, "")
        tracked = (*layer.path, "residual_blocks")
        if net.below(tracked):
            self.path, self.parts = (*tracked, f"residual_block_{index}" if index else "residual_block"), TRACKED
        self.name = f"{name}.residual_block_{index}"
        self.filters, self.dilation = filters, dilation
        self.size = one_integer(layer.config, "kernel_size", 3)
        self.activation = layer.config.any("activation", "relu")
        self.first_version = not any(option in layer.config.value for option in LATER)
        self.dropout = layer.config.number("dropout_rate", 0.0)
        for value in (filters, dilation):
            if type(value) is not int or not 1 <= value <= 65_536:
                raise UnsupportedError(f"nb_filters and dilations must be integers from 1 to 65536, not {shown(value)}")

    def connect(self, x: Signal) -> tuple[Signal, Signal]:
        """The block's output, and what goes to the sum of all blocks."""
        inner = x
        for number in (0, 1):
            inner = self.conv(f"conv1D_{number}", inner, self.size, self.dilation)
            inner = self.norm(number, inner)
            inner = self.activate(f"Act_Conv1D_{number}", inner, "relu" if self.first_version else self.activation)
            if 0 < self.dropout < 1:
                dropout = Dropout(self.dropout, whole_channels=True)
                inner = self.net.layer(f"{self.name}.SDropout_{number}", dropout, inner)
        if not self.first_version:
            inner = self.activate("Act_Conv_Blocks", inner, self.activation)
        short = x if x.channels == self.filters else self.conv("matching_conv1D", x, 1, 1)
        out = self.net.layer(f"{self.name}.add", "add", short, inner)
        return self.activate("Act_Res_Block", out, self.activation), inner

    def conv(self, part: str, x: Signal, size: int, dilation: int) -> Signal:
        shapes = (size, x.channels, self.filters), (self.filters,)
        try:
            kernel, bias = self.net.arrays((*self.path, self.parts[part] or part), *shapes)
        except UnsupportedError as reason:
            raise UnsupportedError(f"{self.path[-1]}/{part}: {reason}") from None
        given = {"padding": self.config.text("padding", "causal"), "dilation_rate": dilation}
        if given["padding"] not in ("causal", "same"):
            raise self.config.wrong("padding", "'causal' or 'same'")
        return convolved(self.net, Fields(given, self.config.place), f"{self.name}.{part}", x,
                         kernel.transpose(2, 1, 0), [bias], 1)  # fmt: skip

    def norm(self, number: int, x: Signal) -> Signal:
        batch, layer = (self.config.flag(f"use_{kind}_norm", False) for kind in ("batch", "layer"))
        if not batch and not layer:
            return x
        kind = "batch_normalization" if batch else "layer_normalization"
        paths = [path for path in self.net.below(self.path) if path[-1].startswith((kind, "norm_"))]
        if len(paths) != 2:
            raise UnsupportedError(f"{self.path[-1]} has {len(paths)} norms {kind!r} in the file; it must have 2")
        made = batch_norm if batch else layer_norm
        module = made(self.net, paths[number], x.channels, Fields({}, self.config.place))
        return self.net.layer(f"{self.name}.norm_{number}", module, x)

    def activate(self, part: str, x: Signal, activation: Any) -> Signal:
        return self.net.layer(f"{self.name}.{part}", activation_of(activation, x.channels), x)
