"""The maximum of a window of frames and bins."""

from __future__ import annotations

from typing import Any

from wavenetlite import graph, nodes
from wavenetlite.graph import MOST_CHANNELS, Edge, Node
from wavenetlite.nn.convolution import MOST_DILATION, MOST_KERNEL
from wavenetlite.nn.convolution2d import Pair, pair
from wavenetlite.nn.module import Module
from wavenetlite.nn.torch_twin import functional
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ParameterError


class MaxPool2d(Module):
    """The maximum of a window of frames and bins, which streams. A window that would reach beyond an end has no output.

    Parameters
    ----------
    channels
        Channels of a bin, of input and output; the whole frame has ``bins * channels``.
    kernel_size
        Frames and bins of the window; one integer for both.
    bins
        Bins of the input frames; 1 for sequences without bins.
    stride
        Frames and bins from one window to the next; None: `kernel_size`.

    Notes
    -----
    ``torch.nn.MaxPool2d`` without padding, over (batch, channels, frames, bins).

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> pool = wl.nn.MaxPool2d(1, (2, 2), bins=4)
    >>> pool(np.array([[1, 2, 3, 4], [8, 7, 6, 5]], np.float32)).tolist()
    [[8.0, 6.0]]
    """

    def __init__(self, channels: int, kernel_size: Pair, *, bins: int, stride: Pair | None = None) -> None:
        self.bins = positive_int("bins", bins, MOST_CHANNELS)
        self.channels = self.in_channels = self.out_channels = positive_int(
            "channels", channels, MOST_CHANNELS // self.bins
        )
        self.kernel_size = pair("kernel_size", kernel_size, MOST_KERNEL)
        self.stride = self.kernel_size if stride is None else pair("stride", stride, MOST_DILATION)
        if self.kernel_size[1] > self.bins:
            raise ParameterError(f"kernel_size={self.kernel_size} has {self.kernel_size[1]} bins; it must have at most "
                                 f"bins={bins}")  # fmt: skip
        self.bins_out = (self.bins - self.kernel_size[1]) // self.stride[1] + 1

    @property
    def in_width(self) -> int:
        return self.bins * self.channels

    @property
    def out_width(self) -> int:
        return self.bins_out * self.channels

    def build(self, x: Node, c: Node | None) -> Node:
        frames, window = self.kernel_size
        graph.spend(frames * window * self.bins_out)
        edge = Edge(x, stride=self.stride[0], taps=frames, end_reach=frames - 1)
        clock = graph.clock_after([edge])
        return nodes.MaxPool((edge,), self.out_width, clock, self.channels, self.stride[1], window)

    def torch_forward(self, twin: Any, x: Any) -> Any:
        image = x.unflatten(2, (self.bins, self.channels)).permute(0, 3, 1, 2)  # (batch, channels, frames, bins)
        return functional().max_pool2d(image, self.kernel_size, self.stride).permute(0, 2, 3, 1).flatten(2)
