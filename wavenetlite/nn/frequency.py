"""Convolution over frequency and time."""

from __future__ import annotations

import math

import numpy as np

from wavenetlite.checks import flag, positive_int
from wavenetlite.engine import graph
from wavenetlite.engine.graph import MOST_CHANNELS, Edge, Node
from wavenetlite.errors import ParameterError
from wavenetlite.nn.convolution import MOST_DILATION
from wavenetlite.nn.module import Module

MOST_KERNEL = 64


class FrequencyConv(Module):
    """A 2-D convolution that streams: "same" over the frequency bins of a frame, causal over time.

    A frame holds ``bins * in_maps`` channels, the maps of a bin side by side: a log-mel frame is ``bins`` bins of one
    map. The same weights serve every bin, so what is learned of one pitch or one speaker holds a little higher and
    lower too.

    Parameters
    ----------
    bins
        Frequency bins of a frame that comes in.
    in_maps, out_maps
        Feature maps of a bin: PyTorch's ``in_channels`` and ``out_channels``.
    kernel_size
        Bins and frames of the kernel; the bins an odd number.
    stride
        Bins and frames from one output to the next; ``(bins - 1) // stride + 1`` bins come out.
    dilation
        Frames between two taps.
    bias
        Whether a bias is added.

    Notes
    -----
    Parameters: ``weight`` (out_maps, in_maps, kernel bins, kernel frames), ``bias`` (out_maps,): those of
    ``torch.nn.Conv2d`` over (batch, maps, bins, frames), padded by half the kernel over the bins and on the left
    over time.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> conv = wl.nn.FrequencyConv(40, 1, 16, (5, 3), stride=(2, 1))
    >>> conv(np.zeros((10, 40), np.float32)).shape, conv.parameter_count         # 20 bins of 16 maps
    ((10, 320), 256)
    """

    options = ("bins", "in_maps", "out_maps", "kernel_size", "stride", "dilation", "bias")
    in_channels: int
    out_channels: int

    def __init__(
        self,
        bins: int,
        in_maps: int,
        out_maps: int,
        kernel_size: tuple[int, int] | list[int],
        *,
        stride: tuple[int, int] | list[int] = (1, 1),
        dilation: int = 1,
        bias: bool = True,
    ) -> None:
        self.bins = positive_int("bins", bins, MOST_CHANNELS)
        self.in_maps = positive_int("in_maps", in_maps, MOST_CHANNELS // self.bins)
        self.out_maps = positive_int("out_maps", out_maps, MOST_CHANNELS)
        self.kernel_size = pair("kernel_size", kernel_size, MOST_KERNEL)
        self.stride = pair("stride", stride, MOST_DILATION)
        self.dilation = positive_int("dilation", dilation, MOST_DILATION)
        self.bias = flag("bias", bias)
        if self.kernel_size[0] % 2 == 0:
            raise ParameterError(f"kernel_size={self.kernel_size} must have an odd number of bins")
        if self.kernel_size[0] // 2 > self.bins:
            raise ParameterError(
                f"kernel_size={self.kernel_size} must be at most {2 * self.bins + 1} bins, with bins={bins}"
            )
        self.bins_out = (self.bins - 1) // self.stride[0] + 1
        self.in_channels, self.out_channels = self.bins * self.in_maps, self.bins_out * self.out_maps
        if self.out_channels > MOST_CHANNELS:
            raise ParameterError(
                f"out_maps={out_maps} must be at most {MOST_CHANNELS // self.bins_out} with {self.bins_out} bins"
            )

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {"weight": (self.out_maps, self.in_maps, *self.kernel_size)}
        return shapes | ({"bias": (self.out_maps,)} if self.bias else {})

    def draw(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        bound = 1 / math.sqrt(self.in_maps * math.prod(self.kernel_size))
        return rng.uniform(-bound, bound, shape)

    @property
    def multiply_adds(self) -> int:
        """Of one output frame; the zeros beyond the ends count for nothing."""
        first = [f * self.stride[0] - self.kernel_size[0] // 2 for f in range(self.bins_out)]
        read = sum(min(f + self.kernel_size[0], self.bins) - max(f, 0) for f in first)
        return read * self.in_maps * self.out_maps * self.kernel_size[1]

    def build(self, x: Node, c: Node | None) -> Node:
        taps = self.kernel_size[1]
        edge = Edge(x, stride=self.stride[1], shift=-(taps - 1) * self.dilation, spacing=self.dilation, taps=taps)
        bias = self.parameter("bias") if self.bias else None
        weight = self.parameter("weight")
        return graph.FrequencyConv(
            (edge,), self.out_channels, graph.clock_after([edge]), weight, bias, self.bins, self.stride[0]
        )


def pair(name: str, value: tuple[int, int] | list[int], most: int) -> tuple[int, int]:
    """Two positive integers: over bins, and over frames."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ParameterError(f"{name}={value!r} must be two integers: bins and frames")
    return positive_int(f"{name}[0]", value[0], most), positive_int(f"{name}[1]", value[1], most)
