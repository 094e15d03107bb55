"""keras-tcn's layer TCN (github.com/philipperemy/keras-tcn 3.5, MIT), which is a network."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wavenetlite.formats.keras_layers import (
    RefusedError,
    activation_of,
    batch_normalised,
    convolved,
    layer_normalised,
    one_integer,
    sequence,
    taken,
)
from wavenetlite.formats.reading import Fields, shown
from wavenetlite.nn.pointwise import Dropout

if TYPE_CHECKING:
    from wavenetlite.formats.keras_import import Builder, Layer, Signal


def tcn(net: Builder, layer: Layer, name: str, x: Signal) -> Signal:
    """The layer, as Keras's own are in `keras_layers`: residual blocks, whose outputs may be summed up."""
    config = layer.config
    sequence(x)
    for option in ("use_weight_norm", "go_backwards", "return_state"):
        if config.flag(option, False):
            raise RefusedError(f"{option}=True must be False")
    dilations = list(config.list("dilations", most=1024))
    filters = config.any("nb_filters")
    filters = filters if isinstance(filters, list) else [filters] * len(dilations)
    if len(filters) != len(dilations) or not dilations:
        raise config.wrong("nb_filters", f"a number, or {len(dilations)} of them, one for each of dilations")
    x_of_blocks, skips = x, []
    for index in range(config.integer("nb_stacks", 1, most=1024) * len(dilations)):
        place = index % len(dilations)
        block = Block(net, layer, f"residual_block_{index}", filters[place], dilations[place], name)
        x_of_blocks, skip = block.connect(x_of_blocks)
        skips.append(skip)
    out = x_of_blocks
    if config.flag("use_skip_connections", True):
        out = net.add(f"{name}.skips", "add", *skips) if len(skips) > 1 else skips[0]
    if config.flag("return_sequences", False):
        return out
    return out._replace(frame="last" if config.text("padding", "causal") == "causal" else "middle")


class Block:
    """A residual block: twice a convolution, a norm and an activation; another activation; then the input added."""

    def __init__(self, net: Builder, layer: Layer, part: str, filters: Any, dilation: Any, name: str) -> None:
        self.net, self.config = net, layer.config
        self.path = (*layer.path, part)
        self.name = f"{name}.{part}"
        self.filters, self.dilation = filters, dilation
        self.size = one_integer(layer.config, "kernel_size", 3)
        self.activation = layer.config.any("activation", "relu")
        self.dropout = layer.config.number("dropout_rate", 0.0)
        for value in (filters, dilation):
            if type(value) is not int or not 1 <= value <= 65_536:
                raise RefusedError(f"nb_filters and dilations must be integers from 1 to 65536, not {shown(value)}")

    def connect(self, x: Signal) -> tuple[Signal, Signal]:
        """The block's output, and what goes to the sum of all blocks."""
        inner = x
        for number in (0, 1):
            inner = self.conv(f"conv1D_{number}", inner, self.size, self.dilation)
            inner = self.norm(number, inner)
            inner = self.activate(f"Act_Conv1D_{number}", inner)
            if 0 < self.dropout < 1:
                inner = self.net.add(
                    f"{self.name}.SDropout_{number}", Dropout(self.dropout, whole_channels=True), inner
                )
        inner = self.activate("Act_Conv_Blocks", inner)
        short = x if x.node.channels == self.filters else self.conv("matching_conv1D", x, 1, 1)
        return self.activate("Act_Res_Block", self.net.add(f"{self.name}.add", "add", short, inner)), inner

    def conv(self, part: str, x: Signal, size: int, dilation: int) -> Signal:
        shapes = (size, x.node.channels, self.filters), (self.filters,)
        try:
            kernel, bias = taken(self.net.arrays((*self.path, part)), *shapes)
        except RefusedError as reason:
            raise RefusedError(f"{self.path[-1]}/{part}: {reason}") from None
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
        paths = [path for path in self.net.below(self.path) if path[-1].startswith(kind)]
        if len(paths) != 2:
            raise RefusedError(f"{self.path[-1]} has {len(paths)} norms {kind!r} in the file; it must have 2")
        made = batch_normalised if batch else layer_normalised
        module = made(self.net.arrays(paths[number]), x.node.channels, Fields({}, self.config.place))
        return self.net.add(f"{self.name}.norm_{number}", module, x)

    def activate(self, part: str, x: Signal) -> Signal:
        return self.net.add(f"{self.name}.{part}", activation_of(self.activation, x.node.channels), x)
