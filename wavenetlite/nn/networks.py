"""Complete networks: WaveNet, TCN, and FrequencyTCN for speech."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from typing import Any

from wavenetlite import nodes
from wavenetlite.graph import Node
from wavenetlite.nn.blocks import GatedResidualBlock
from wavenetlite.nn.combine import Residual, Sequential, connect_all
from wavenetlite.nn.convolution import Conv1d, Linear
from wavenetlite.nn.convolution2d import Conv2d
from wavenetlite.nn.module import Module
from wavenetlite.nn.pointwise import BatchNorm, CumulativePool, Dropout, as_activation, torch_activated, trained
from wavenetlite.support.checks import count, flag, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError

MOST_LAYERS = 4096


def dilation_list(dilations: Sequence[int]) -> list[int]:
    if isinstance(dilations, str | bytes) or not isinstance(dilations, Sequence):
        raise ArrayTypeError(f"dilations is a {type(dilations).__name__}; it must be a list of integers")
    if not 1 <= len(dilations) <= MOST_LAYERS:
        raise ParameterError(f"dilations has {len(dilations)} entries; it must have 1 to {MOST_LAYERS}")
    return [positive_int("dilation", dilation) for dilation in dilations]


class Stack(Module, abstract=True):
    """Submodules of a network under a common prefix: "blocks.0.", "blocks.1." ..."""

    def __init__(self, modules: Sequence[Module]) -> None:
        self.items = list(modules)

    def children(self) -> dict[str, Module]:
        return {str(index): module for index, module in enumerate(self.items)}


def checked_condition(condition: object, channels: int) -> Module | None:
    if condition is None:
        return None
    if not isinstance(condition, Module):
        raise ArrayTypeError(f"condition is a {type(condition).__name__}; it must be a Module or None")
    if not channels or condition.in_width not in (None, channels):
        raise ParameterError(
            f"condition_channels={channels} must be {condition.in_width or 'positive'}, as condition requires"
        )
    return condition


class WaveNet(Module):
    """A stack of gated residual blocks with summed skip outputs: van den Oord et al., "WaveNet", 2016.

    ``input`` (1x1) -> one `GatedResidualBlock` per dilation -> sum of skips -> ReLU -> ``head1`` (1x1) -> ReLU
    -> ``head2`` (1x1). The output has no activation: logits, parameters of a distribution, or a signal.

    Parameters
    ----------
    in_channels, out_channels
        Channels of a frame.
    residual_channels, skip_channels
        Channels of the blocks.
    kernel_size, dilations
        Options of the dilated convolutions; one dilation per block.
    condition_channels
        Channels of the conditioning, 0: none. It is passed as ``c``: (frames, condition_channels) is local, frame by
        frame; (condition_channels,) is global, the same for all frames.
    condition
        Layers applied to local conditioning first, such as `Upsample` or `ConvTranspose1d`, so that it comes at a lower
        rate, one frame per `condition_period` samples. None: none.
    head_channels
        Channels between the two head convolutions; None: `skip_channels`.
    gated, activation
        As in `GatedResidualBlock`.
    seed
        Seed of the initial weights.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> model = wl.WaveNet(1, 256, kernel_size=2, dilations=[1, 2, 4, 8], condition_channels=3)
    >>> model(np.zeros((20, 1), np.float32), c=np.zeros(3, np.float32)).shape, model.receptive_field
    ((20, 256), 16)
    """

    in_channels: int
    out_channels: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        residual_channels: int = 32,
        skip_channels: int = 32,
        kernel_size: int = 2,
        dilations: Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512),
        condition_channels: int = 0,
        condition: Module | None = None,
        head_channels: int | None = None,
        gated: bool = True,
        activation: str = "tanh",
        seed: int = 0,
    ) -> None:
        self.residual_channels = positive_int("residual_channels", residual_channels)
        self.skip_channels = positive_int("skip_channels", skip_channels)
        self.kernel_size = positive_int("kernel_size", kernel_size)
        self.dilations = dilation_list(dilations)
        self.condition_channels = count("condition_channels", condition_channels)
        self.condition = checked_condition(condition, self.condition_channels)
        self.head_channels = None if head_channels is None else positive_int("head_channels", head_channels)
        self.gated = flag("gated", gated)
        self.activation = activation
        self.seed = count("seed", seed)
        hidden = self.head_channels or self.skip_channels
        self.input = Conv1d(in_channels, residual_channels, 1)
        self.blocks = [
            GatedResidualBlock(
                residual_channels,
                kernel_size=kernel_size,
                dilation=dilation,
                skip_channels=skip_channels,
                condition_channels=(condition and condition.out_width) or condition_channels,
                gated=gated,
                activation=activation,
            )
            for dilation in self.dilations
        ]
        self.head1 = Conv1d(skip_channels, hidden, 1)
        self.head2 = Conv1d(hidden, out_channels, 1)
        self.in_channels, self.out_channels = self.input.in_channels, self.head2.out_channels

    def children(self) -> dict[str, Module]:
        first = {"condition": self.condition} if self.condition is not None else {}
        return first | {"input": self.input, "blocks": Stack(self.blocks), "head1": self.head1, "head2": self.head2}

    @property
    def condition_channels_needed(self) -> int:
        return self.condition_channels

    @property
    def condition_period(self) -> int:
        if self.condition is None:
            return 1
        self.initialise_missing()
        rate = self.condition.graph(self.condition_channels).clock.rate
        if rate > 1 or Fraction(rate).numerator > 1:
            raise ParameterError(f"condition gives {1 / rate} frames per frame; it must be an integer")
        return Fraction(rate).denominator

    def build(self, x: Node, c: Node | None) -> Node:
        x = self.input.connect(x)
        c = self.condition.connect(c) if self.condition is not None and c is not None else c
        skips = []
        for block in self.blocks:
            x, skip = block.outputs(x, c)
            skips.append(skip)
        total = reduce(nodes.add, skips)
        hidden = self.head1.connect(nodes.activate(total, "relu"))
        return self.head2.connect(nodes.activate(hidden, "relu"))

    def torch_forward(self, twin: Any, x: Any) -> Any:
        x, total = twin.input(x), x.new_zeros(())
        for index, block in enumerate(self.blocks):
            x, skip = block.torch_outputs(twin.blocks.get_submodule(str(index)), x)
            total = total + skip
        return twin.head2(twin.head1(total.relu()).relu())


class TCN(Module):
    """A temporal convolutional network with one convolution per residual block.

    ``input`` (1x1) and an activation, then ``x + activation(norm(conv(x)))`` per dilation, then ``output`` (1x1). For
    the block with two convolutions see `TemporalBlock`.

    Parameters
    ----------
    in_channels, out_channels
        Input and output channels; the output is logits.
    channels, kernel_size, dilations
        Options of the blocks' convolutions; one dilation per block.
    activation
        Name of the activation.
    batch_norm
        Whether to add batch normalisation after the blocks' convolutions.
    seed
        Seed of the initial weights.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> model = wl.TCN(40, 12, channels=64, kernel_size=5, dilations=[1, 2, 4, 8] * 2)
    >>> model.receptive_field, model.macs_per_frame
    (121, 167168.0)
    """

    in_channels: int
    out_channels: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        *,
        channels: int = 64,
        kernel_size: int = 5,
        dilations: Sequence[int] = (1, 2, 4, 8),
        activation: str = "relu",
        batch_norm: bool = True,
        seed: int = 0,
    ) -> None:
        self.channels = positive_int("channels", channels)
        self.kernel_size = positive_int("kernel_size", kernel_size)
        self.dilations = dilation_list(dilations)
        self.activation = activation
        self.batch_norm = flag("batch_norm", batch_norm)
        self.seed = count("seed", seed)
        self.input = Conv1d(in_channels, channels, 1)
        self._activation = as_activation(activation)
        self.blocks = [self.block(dilation) for dilation in self.dilations]
        self.output = Conv1d(channels, out_channels, 1)
        self.in_channels, self.out_channels = self.input.in_channels, self.output.out_channels

    def block(self, dilation: int) -> Residual:
        conv = Conv1d(self.channels, self.channels, self.kernel_size, dilation=dilation)
        norm = [BatchNorm(self.channels)] if self.batch_norm else []
        return Residual([conv, *norm, as_activation(self.activation)])

    def children(self) -> dict[str, Module]:
        named = {"input": self.input, "blocks": Stack(self.blocks), "output": self.output}
        return named | trained(activation=self._activation)

    def build(self, x: Node, c: Node | None) -> Node:
        x = self._activation.connect(self.input.connect(x))
        for block in self.blocks:
            x = block.connect(x)
        return self.output.connect(x)

    def torch_forward(self, twin: Any, x: Any) -> Any:
        x = torch_activated(twin, self._activation, twin.input(x))
        for block in twin.blocks.children():
            x = block(x)
        return twin.output(x)


class FrequencyTCN(Module):
    """A network for speech: 2-D convolutions over frequency and time, then a TCN, then a mean over recent frames.

    ``stem``: per entry `Conv2d`, batch norm, activation. Then ``input``: a 1x1 convolution of all bins and maps to
    `channels`, batch norm, activation. Then ``activation(x + norm(conv(x)))`` per dilation, then the mean of the last
    `pool_frames` frames, and ``output`` (linear), whose channels are logits.

    Sharing weights between neighbouring frequencies makes it learn from little data.

    Parameters
    ----------
    bins, out_channels
        Input bins (of one map) and output channels.
    stem
        (maps, kernel_size, stride) of each 2-D convolution, the last two (bins, frames); strides over frames reduce the
        frame rate.
    channels, kernel_size, dilations
        Options of the blocks' convolutions; one dilation per block, in frames after the stem's strides.
    pool_frames
        Frames in the mean, after the stem's strides; None: all so far.
    dropout
        Dropout probability of the pooled channels in training.
    activation
        Name of all activations.
    seed
        Seed of the initial weights.

    Notes
    -----
    He et al., "Deep Residual Learning", 2015, and Bai et al., "An Empirical Evaluation ...", 2018, for the blocks;
    Choi et al., "Temporal Convolution for Real-time Keyword Spotting", 2019, is the same without the stem.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> model = wl.nn.FrequencyTCN(40, 12)
    >>> model(np.zeros((97, 40), np.float32)).shape, model.parameter_count
    ((49, 12), 96556)
    """

    in_channels: int
    out_channels: int

    def __init__(
        self,
        bins: int,
        out_channels: int,
        *,
        stem: Sequence[Sequence[Any]] = ((16, (5, 5), (2, 2)), (24, (3, 3), (2, 1)), (32, (3, 3), (2, 1))),
        channels: int = 64,
        kernel_size: int = 3,
        dilations: Sequence[int] = (1, 2, 4, 8, 1, 2),
        pool_frames: int | None = 49,
        dropout: float = 0.1,
        activation: str = "relu",
        seed: int = 0,
    ) -> None:
        self.bins = positive_int("bins", bins)
        self.channels = positive_int("channels", channels)
        self.kernel_size = positive_int("kernel_size", kernel_size)
        self.dilations = dilation_list(dilations)
        self.pool_frames, self.dropout, self.activation = pool_frames, dropout, activation
        self.seed = count("seed", seed)
        act = as_activation(activation)
        stages: list[Module] = []
        maps = 1
        self.stem = []
        if not isinstance(stem, list | tuple):
            raise ParameterError(f"stem={stem!r} must be a list of (maps, kernel_size, stride)")
        for entry in stem:
            conv = stem_convolution(bins, maps, entry)
            bins, maps = conv.bins_out, conv.out_channels
            stages += [conv, BatchNorm(maps, bins=bins), act]
            self.stem.append((maps, conv.kernel_size[::-1], conv.stride[::-1]))
        entrance = [Conv1d(bins * maps, channels, 1, bias=False), BatchNorm(channels), act]
        blocks = [
            Residual([Conv1d(channels, channels, kernel_size, dilation=d, bias=False), BatchNorm(channels)],
                     activation=activation)
            for d in self.dilations
        ]  # fmt: skip
        pool = CumulativePool("mean", window_frames=pool_frames)
        self.parts = {
            "stem": Sequential(stages) if stages else None,
            "input": Sequential(entrance),
            "blocks": Sequential(blocks),
            "pool": Sequential([pool, Dropout(dropout)]),
            "output": Linear(channels, out_channels),
        }
        self.in_channels, self.out_channels = self.bins, out_channels

    def children(self) -> dict[str, Module]:
        return {name: part for name, part in self.parts.items() if part is not None}

    def build(self, x: Node, c: Node | None) -> Node:
        return connect_all(list(self.children().values()), x, c)

    def torch_forward(self, twin: Any, x: Any) -> Any:
        for part in twin.children():
            x = part(x)
        return x


def stem_convolution(bins: int, channels: int, entry: Any) -> Conv2d:
    """The convolution of an entry ``(maps, kernel_size, stride)``, whose pairs are (bins, frames)."""
    if not isinstance(entry, list | tuple) or len(entry) != 3:
        raise ParameterError(f"stem has {entry!r}; its entries must be (maps, kernel_size, stride)")
    for name, pair in (("kernel_size", entry[1]), ("stride", entry[2])):
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise ParameterError(f"{name}={pair!r} of the stem must be two integers: bins and frames")
    return Conv2d(channels, entry[0], entry[1][::-1], bins=bins, stride=entry[2][::-1], bias=False)
