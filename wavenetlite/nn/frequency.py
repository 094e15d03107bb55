"""`Conv2d` by its older name."""

from __future__ import annotations

import numpy as np

from wavenetlite.graph import Node
from wavenetlite.nn.convolution import MOST_DILATION
from wavenetlite.nn.convolution2d import Conv2d
from wavenetlite.nn.module import Module
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ParameterError

MOST_KERNEL = 64


class FrequencyConv(Module):
    """A 2-D convolution over frequency and time: `Conv2d`, causal, with the order of the axes turned round.

    The same weights serve every bin, so what is learned of one pitch or one speaker holds a little higher and lower
    too. New networks take `Conv2d`, which can do more.

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
        self.kernel_size = pair("kernel_size", kernel_size, MOST_KERNEL)
        self.stride = pair("stride", stride, MOST_DILATION)
        self.dilation = positive_int("dilation", dilation, MOST_DILATION)
        self._conv = Conv2d(
            in_maps,
            out_maps,
            self.kernel_size[::-1],
            bins=bins,
            stride=self.stride[::-1],
            dilation=(dilation, 1),
            bias=bias,
        )
        if self.kernel_size[0] % 2 == 0:
            raise ParameterError(f"kernel_size={self.kernel_size} must have an odd number of bins")
        if self.kernel_size[0] // 2 > self._conv.bins:
            raise ParameterError(
                f"kernel_size={self.kernel_size} must be at most {2 * self._conv.bins + 1} bins, with bins={bins}"
            )
        self.bins, self.in_maps, self.out_maps = self._conv.bins, self._conv.in_maps, self._conv.out_maps
        self.bins_out, self.bias = self._conv.bins_out, self._conv.bias
        self.in_channels, self.out_channels = self._conv.in_channels, self._conv.out_channels

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {"weight": (self.out_maps, self.in_maps, *self.kernel_size)}
        return shapes | ({"bias": (self.out_maps,)} if self.bias else {})

    def draw(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return self._conv.draw(name, shape, rng)

    def build(self, x: Node, c: Node | None) -> Node:
        bias = self.parameter("bias") if self.bias else None
        return self._conv.node(x, self.parameter("weight"), bias, "out, in, bins, frames")


def pair(name: str, value: tuple[int, int] | list[int], most: int) -> tuple[int, int]:
    """Two positive integers: over bins, and over frames."""
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise ParameterError(f"{name}={value!r} must be two integers: bins and frames")
    return positive_int(f"{name}[0]", value[0], most), positive_int(f"{name}[1]", value[1], most)
