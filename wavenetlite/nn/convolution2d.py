"""Convolution over time and bins, and transposed convolution."""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

from wavenetlite import graph, nodes
from wavenetlite.graph import MOST_CHANNELS, Edge, Node
from wavenetlite.kernels.pack import Link
from wavenetlite.nn.convolution import MOST_DILATION, MOST_KERNEL, Padding, Weighted, checked_groups
from wavenetlite.nn.torch_twin import functional
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import flag, one_of, positive_int
from wavenetlite.support.errors import ParameterError

MOST_LINKS = 2**18
"""Output bins times kernel positions, which are tabulated."""

Pair = int | tuple[int, int] | list[int]


class OverBins(Weighted, abstract=True):
    """Base of layers over time and bins: `in_channels` and `out_channels` are those of a bin, as in PyTorch."""

    bins_out: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        bins: int,
        stride: Pair,
        dilation: Pair,
        groups: int,
        bias: bool,
    ) -> None:
        self.bins = positive_int("bins", bins, MOST_CHANNELS)
        self.in_channels = positive_int("in_channels", in_channels, MOST_CHANNELS // self.bins)
        self.out_channels = positive_int("out_channels", out_channels, MOST_CHANNELS)
        self.kernel_size = pair("kernel_size", kernel_size, MOST_KERNEL)
        self.stride = pair("stride", stride, MOST_DILATION)
        self.dilation = pair("dilation", dilation, MOST_DILATION)
        self.groups = checked_groups(groups, self.in_channels, self.out_channels)
        self.bias = flag("bias", bias)

    def check_size(self) -> None:
        """Raise if the output frames or the table of links are too large."""
        bins = self.bins_out
        if bins * self.out_channels > MOST_CHANNELS:
            most = MOST_CHANNELS // bins
            raise ParameterError(f"out_channels={self.out_channels} must be at most {most} with {bins} bins")
        if math.prod(self.kernel_size) * bins > MOST_LINKS:
            most = MOST_LINKS // bins
            raise ParameterError(
                f"kernel_size={self.kernel_size} must have at most {most} positions with {bins} output bins"
            )

    @property
    def in_width(self) -> int:
        return self.bins * self.in_channels

    @property
    def out_width(self) -> int:
        return self.bins_out * self.out_channels


class Conv2d(OverBins):
    """Dilated convolution over time and bins that streams: "causal" or with a declared latency over time.

    A frame has ``bins * in_channels`` values, the channels of a bin adjacent: a log-mel frame has ``bins`` bins of one
    channel, a row of an image has ``columns`` bins of its colours.

    Parameters
    ----------
    in_channels, out_channels
        Channels of a bin, as in PyTorch; the whole frame has ``in_width = bins * in_channels`` and ``out_width``.
    kernel_size
        Frames and bins of the kernel; one integer for both.
    bins
        Bins of the input frames.
    stride
        Frames and bins between outputs.
    dilation
        Frames and bins between taps.
    padding
        Over time, as in `Conv1d`: "causal"; "same": zeros on both sides, ``total // 2`` of them before, latency
        ``ceil(total / 2)`` with ``total = (kernel_size - 1) * dilation``; "valid".
    bin_padding
        Over the bins: "same", zeros on both sides, giving ``(bins - 1) // stride + 1`` bins; or "valid".
    groups
        Number of groups of channels that are convolved independently.
    bias
        Whether to add a bias.

    Notes
    -----
    Parameters: ``weight`` (out_channels, in_channels / groups, kernel frames, kernel bins), ``bias`` (out_channels,):
    those of ``torch.nn.Conv2d`` over (batch, channels, frames, bins).

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> conv = wl.nn.Conv2d(1, 16, 3, bins=40, dilation=2)
    >>> conv(np.zeros((10, 40), np.float32)).shape, conv.receptive_field, conv.latency
    ((10, 640), 5, 0)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        *,
        bins: int,
        stride: Pair = 1,
        dilation: Pair = 1,
        padding: Padding = "causal",
        bin_padding: Literal["same", "valid"] = "same",
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, bins, stride, dilation, groups, bias)
        self.padding = one_of("padding", padding, ("causal", "same", "valid"))
        self.bin_padding = one_of("bin_padding", bin_padding, ("same", "valid"))
        before, after = self.bin_pads
        left = self.bins + before + after - (self.kernel_size[1] - 1) * self.dilation[1]
        if left < 1:
            raise ParameterError(
                f"kernel_size={self.kernel_size} spans {self.bins - left + 1} bins; it must span at most "
                f"bins={bins} with bin_padding='valid'"
            )
        self.bins_out = (left - 1) // self.stride[1] + 1
        self.weight_shape = (self.out_channels, self.in_channels // self.groups, *self.kernel_size)
        self.check_size()

    def torch_forward(self, twin: Any, x: Any) -> Any:
        reach = (self.kernel_size[0] - 1) * self.dilation[0]
        before, after = {"causal": (reach, 0), "same": (reach // 2, reach - reach // 2), "valid": (0, 0)}[self.padding]
        image = x.unflatten(2, (self.bins, self.in_channels)).permute(0, 3, 1, 2)  # (batch, channels, frames, bins)
        image = functional().pad(image, (*self.bin_pads, before, after))
        bias = twin.bias if self.bias else None
        y = functional().conv2d(image, twin.weight, bias, self.stride, 0, self.dilation, self.groups)
        return y.permute(0, 2, 3, 1).flatten(2)

    @property
    def bin_pads(self) -> tuple[int, int]:
        """Zeros before and after the bins."""
        total = (self.kernel_size[1] - 1) * self.dilation[1] if self.bin_padding == "same" else 0
        return total // 2, total - total // 2

    @property
    def reach(self) -> int:
        """Distance of the kernel's first and last tap, frames."""
        return (self.kernel_size[0] - 1) * self.dilation[0]

    def links(self) -> tuple[tuple[Link, ...], ...]:
        """The links of each output bin; there are none beyond the ends."""
        frames, bins = self.kernel_size
        before = self.bin_pads[0]
        return tuple(
            tuple(
                Link(tap, at, tap, place)
                for tap in range(frames)
                for place in range(bins)
                if 0 <= (at := out * self.stride[1] - before + place * self.dilation[1]) < self.bins
            )
            for out in range(self.bins_out)
        )

    def edge(self, x: Node) -> Edge:
        """How the convolution reads `x`."""
        before = {"causal": self.reach, "same": self.reach // 2, "valid": 0}[self.padding]
        return Edge(
            x,
            stride=self.stride[0],
            shift=-before,
            spacing=self.dilation[0],
            taps=self.kernel_size[0],
            end_reach=self.reach if self.padding == "valid" else 0,
        )

    def build(self, x: Node, c: Node | None) -> Node:
        graph.spend(math.prod(self.kernel_size) * self.bins_out)
        edge = self.edge(x)
        clock = graph.clock_after([edge])
        return nodes.Conv2d((edge,), self.out_width, clock, self.parameter("weight"), self.bias_or_none(), self.groups,
                            "out, in, frames, bins", (self.links(),))  # fmt: skip


class ConvTranspose2d(OverBins):
    """Streaming transposed convolution over time and bins: every frame gives ``stride`` frames, and likewise bins.

    Frame and bin i of the input, times the kernel, is added to the output from ``i * stride`` on, every ``dilation``.

    Parameters
    ----------
    in_channels, out_channels
        Channels of a bin, as in PyTorch; the whole frame has ``in_width = bins * in_channels`` and ``out_width``.
    kernel_size
        Frames and bins of the kernel; one integer for both.
    bins
        Bins of the input frames; the output has ``bins * stride``.
    stride
        Output frames and bins per input frame and bin.
    dilation
        Frames and bins between kernel positions.
    padding
        Over time: "causal": nothing is cut off at the start; frames ``t * stride`` to ``(t + 1) * stride - 1`` are
        available with input frame t. "same": half of the overhang ``(kernel_size - 1) * dilation + 1 - stride``,
        rounded up, is cut off at the start, as over the bins; this has latency. The rest is cut off at the end.
    groups
        Number of independent groups of channels.
    bias
        Whether to add a bias.

    Notes
    -----
    Parameters: ``weight`` (in_channels, out_channels / groups, kernel frames, kernel bins), ``bias`` (out_channels,):
    those of ``torch.nn.ConvTranspose2d``, whose output this is from frame and bin ``padding`` on, ``stride`` for each.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> up = wl.nn.ConvTranspose2d(8, 1, 4, bins=7, stride=2, padding="same")
    >>> up(np.zeros((7, 56), np.float32)).shape, up.latency
    ((14, 14), 1)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        *,
        bins: int,
        stride: Pair = 1,
        dilation: Pair = 1,
        padding: Literal["causal", "same"] = "causal",
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(in_channels, out_channels, kernel_size, bins, stride, dilation, groups, bias)
        self.padding = one_of("padding", padding, ("causal", "same"))
        self.bins_out = self.bins * self.stride[1]
        self.weight_shape = (self.in_channels, self.out_channels // self.groups, *self.kernel_size)
        self.check_size()

    def build(self, x: Node, c: Node | None) -> Node:
        time, bins = (Fold(*axis) for axis in zip(self.kernel_size, self.stride, self.dilation, strict=True))
        cut = (time.cut if self.padding == "same" else 0), bins.cut
        return fold(x, self.parameter("weight"), self.bias_or_none(), self.groups, time, bins, cut, self.bins)


class ConvTranspose1d(Weighted):
    """Streaming transposed convolution over time: every frame gives ``stride`` frames.

    Frame i of the input, times the kernel, is added to the output from ``i * stride`` on, every ``dilation`` frames.
    The state consists of past input, not of partial sums, so that any partition into blocks gives the same bits.

    Parameters
    ----------
    in_channels, out_channels, kernel_size
        As in ``torch.nn.ConvTranspose1d``.
    stride
        Output frames per input frame.
    padding
        "causal": frames ``t * stride`` to ``(t + 1) * stride - 1`` of PyTorch's output are available with input frame
        t. "same": PyTorch's output from frame ``padding`` on, half of the overhang ``(kernel_size - 1) * dilation + 1 -
        stride``, rounded up; this has latency.
    dilation
        Output frames between kernel positions.
    groups
        Number of independent groups of channels.
    bias
        Whether to add a bias.

    Notes
    -----
    Parameters: ``weight`` (in_channels, out_channels / groups, kernel_size), ``bias`` (out_channels,). One input frame
    lasts `stride` output frames, so ``receptive_field`` and ``latency`` still count input frames.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> up = wl.nn.ConvTranspose1d(1, 1, 3, stride=2, bias=False)
    >>> up.load_state_dict({"weight": np.array([[[1, 10, 100]]], np.float32)})
    >>> up(np.array([[1], [2], [3]], np.float32)).ravel().tolist()
    [1.0, 10.0, 102.0, 20.0, 203.0, 30.0]
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: Literal["causal", "same"] = "causal",
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        self.in_channels = positive_int("in_channels", in_channels, MOST_CHANNELS)
        self.out_channels = positive_int("out_channels", out_channels, MOST_CHANNELS)
        self.kernel_size = positive_int("kernel_size", kernel_size, MOST_KERNEL)
        self.stride = positive_int("stride", stride, MOST_DILATION)
        self.padding = one_of("padding", padding, ("causal", "same"))
        self.dilation = positive_int("dilation", dilation, MOST_DILATION)
        self.groups = checked_groups(groups, self.in_channels, self.out_channels)
        self.bias = flag("bias", bias)
        self.weight_shape = (self.in_channels, self.out_channels // self.groups, self.kernel_size)

    def build(self, x: Node, c: Node | None) -> Node:
        time = Fold(self.kernel_size, self.stride, self.dilation)
        weight, bias = self.parameter("weight")[..., None], self.bias_or_none()
        cut = (time.cut if self.padding == "same" else 0), 0
        return fold(x, weight, bias, self.groups, time, Fold(1, 1, 1), cut, 1)


class Fold(NamedTuple):
    """A transposed convolution along one axis."""

    kernel: int
    stride: int
    dilation: int

    @property
    def cut(self) -> int:
        """Half of the overhang of one input's output, rounded up."""
        return max(0, ((self.kernel - 1) * self.dilation + 2 - self.stride) // 2)

    def reads(self, at: int) -> list[tuple[int, int]]:
        """(input, kernel position) of all terms of one output."""
        return [
            ((at - place * self.dilation) // self.stride, place)
            for place in range(self.kernel)
            if (at - place * self.dilation) % self.stride == 0
        ]


def fold(
    x: Node, weight: Floats, bias: Floats | None, groups: int, time: Fold, over: Fold, cut: tuple[int, int], bins: int
) -> Node:
    """A transposed convolution as the links of each bin of each of the ``time.stride`` output frames of a block."""
    graph.spend(time.kernel * (time.stride + over.kernel * bins) + bins * over.stride * (time.stride + over.kernel))
    rows = [time.reads(phase + cut[0]) for phase in range(time.stride)]
    columns = [over.reads(out + cut[1]) for out in range(bins * over.stride)]
    oldest = min(frame for row in rows for frame, _ in row)
    newest = max(frame for row in rows for frame, _ in row)
    links = tuple(
        tuple(
            tuple(Link(frame - oldest, at, k, place) for frame, k in row for at, place in column if 0 <= at < bins)
            for column in columns
        )
        for row in rows
    )
    edge = Edge(x, shift=oldest, taps=newest - oldest + 1)
    clock = graph.clock_after([edge], [min((frame for frame, _ in row), default=newest) - oldest for row in rows])
    channels = len(columns) * weight.shape[1] * groups
    return nodes.Conv2d((edge,), channels, clock, weight, bias, groups, "in, out, frames, bins", links)


def pair(name: str, value: Pair, most: int) -> tuple[int, int]:
    """Frames and bins: two positive integers, or one for both."""
    if isinstance(value, list | tuple):
        if len(value) != 2:
            raise ParameterError(f"{name}={value!r} must be one integer or two: frames and bins")
        return positive_int(f"{name}[0]", value[0], most), positive_int(f"{name}[1]", value[1], most)
    both = positive_int(name, value, most)
    return both, both
