"""Convolution and linear layers."""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np

from wavenetlite import graph, nodes
from wavenetlite.graph import MOST_CHANNELS, Edge, Node
from wavenetlite.nn.module import Module
from wavenetlite.nn.torch_twin import functional, over_time
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import divides, flag, integer, one_of, positive_int
from wavenetlite.support.errors import ParameterError

MOST_DILATION = 65_536
MOST_KERNEL = 65_536
MOST_SKIP = 2**31

Padding = Literal["causal", "same", "valid"]
Pads = Padding | tuple[int, int] | list[int]


class Weighted(Module, abstract=True):
    """Base of layers with a weight and optionally a bias; initial values are PyTorch's: uniform in 1 / sqrt(fan in)."""

    in_channels: int
    out_channels: int
    bias: bool
    weight_shape: tuple[int, ...]

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        bias = {"bias": (self.out_channels,)} if self.bias else {}
        return {"weight": self.weight_shape, **bias}

    def draw(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        bound = 1 / math.sqrt(math.prod(self.weight_shape[1:]))
        return rng.uniform(-bound, bound, shape)

    def bias_or_none(self) -> Floats | None:
        return self.parameter("bias") if self.bias else None


class OverTime(Module, abstract=True):
    """Base of layers that read several frames by a kernel."""

    kernel_size: int
    stride: int
    padding: Pads
    dilation: int
    pads: tuple[int, int]

    def set_kernel(self, kernel_size: int, stride: int, padding: Pads, dilation: int) -> None:
        """Check and set the constructor's arguments of these names."""
        self.kernel_size = positive_int("kernel_size", kernel_size, MOST_KERNEL)
        self.stride = positive_int("stride", stride, MOST_DILATION)
        self.padding = (padding[0], padding[1]) if isinstance(padding, list) and len(padding) == 2 else padding
        self.dilation = positive_int("dilation", dilation, MOST_DILATION)
        if self.padding == "same" and self.stride > 1:
            raise ParameterError(f"stride={stride} must be 1 with padding='same'")
        self.pads = checked_pads(self.padding, self.reach)

    @property
    def reach(self) -> int:
        """Distance of the kernel's first and last tap, frames."""
        return (self.kernel_size - 1) * self.dilation

    def edge(self, x: Node) -> Edge:
        """How the layer reads `x`."""
        before, after = self.pads
        return Edge(
            x,
            stride=self.stride,
            shift=-before,
            spacing=self.dilation,
            taps=self.kernel_size,
            end_reach=self.reach - before - after,
        )


class Conv1d(Weighted, OverTime):
    """Dilated convolution over time, ``y[n] = bias + sum_k weight[:, :, k] x[n * stride - (kernel_size - 1 - k) *
    dilation]``.

    Parameters
    ----------
    in_channels, out_channels, kernel_size
        As in ``torch.nn.Conv1d``.
    stride
        Input frames between output frames. Output frame n ends at input frame ``n * stride``.
    padding
        "causal": zeros before the signal, no latency. "same" (stride 1): zeros on both sides as with PyTorch's
        ``padding="same"``, latency ``ceil((kernel_size - 1) * dilation / 2)``. "valid": none; the first output needs a
        full kernel. A pair: zeros before and after the signal, at most what the kernel covers; a negative first number
        skips that many frames.
    dilation
        Distance between taps, frames, 1 to 65,536.
    groups
        Number of groups of channels that are convolved independently; equal to both channel counts: depthwise.
    bias
        Whether to add a bias.
    padding_mode
        "zeros", or "reflect" with causal padding: before the signal stand its frames 1, 2, ... in reverse, as EnCodec
        has them. They must have come before the first frame is made: this has latency ``(kernel_size - 1) * dilation``.
        Beyond the end of a signal that is shorter there are zeros. At the end it cannot be reflected in a stream.

    Notes
    -----
    Parameters: ``weight`` (out_channels, in_channels / groups, kernel_size), ``bias`` (out_channels,); initial values
    are uniform within ``1 / sqrt(fan in)``, as in PyTorch.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> conv = wl.nn.Conv1d(1, 1, 2, dilation=2, bias=False)
    >>> conv.load_state_dict({"weight": np.array([[[10, 1]]], np.float32)})
    >>> conv(np.array([[1], [2], [3], [4]], np.float32)).ravel().tolist()
    [1.0, 2.0, 13.0, 24.0]
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        padding: Pads = "causal",
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: Literal["zeros", "reflect"] = "zeros",
    ) -> None:
        self.in_channels = positive_int("in_channels", in_channels, MOST_CHANNELS)
        self.out_channels = positive_int("out_channels", out_channels, MOST_CHANNELS)
        self.set_kernel(kernel_size, stride, padding, dilation)
        self.padding_mode = one_of("padding_mode", padding_mode, ("zeros", "reflect"))
        if padding_mode == "reflect" and (padding != "causal" or stride > 1):
            raise ParameterError(f"padding_mode='reflect' must have padding='causal' and stride=1, not {padding!r} and "
                                 f"{stride}: a stream's end is not known before it")  # fmt: skip
        self.groups = checked_groups(groups, self.in_channels, self.out_channels)
        self.bias = flag("bias", bias)
        self.weight_shape = (self.out_channels, self.in_channels // self.groups, self.kernel_size)

    def options(self) -> dict[str, Any]:
        """Those of older versions, unless it is not as theirs."""
        options = super().options()
        return options if self.padding_mode != "zeros" else {k: v for k, v in options.items() if k != "padding_mode"}

    def build(self, x: Node, c: Node | None) -> Node:
        return convolve([(self, x)]) if self.padding_mode == "zeros" else self.reflected(x)

    def reflected(self, x: Node) -> Node:
        """A convolution of windows, as one of kernel size 1: the weights of a window are side by side."""
        windows = nodes.reflected_window(x, self.kernel_size, self.dilation)
        weight = self.parameter("weight").reshape(self.out_channels, -1, 1)
        bias = self.bias_or_none()
        return nodes.Conv((Edge(windows),), self.out_channels, windows.clock, (weight,), (self.groups,), (bias,))

    def torch_forward(self, twin: Any, x: Any) -> Any:
        bias = twin.bias if self.bias else None

        def run(x: Any) -> Any:
            padded = functional().pad(x, self.pads, "constant" if self.padding_mode == "zeros" else "reflect")
            return functional().conv1d(padded, twin.weight, bias, self.stride, 0, self.dilation, self.groups)

        return over_time(run, x)


class Linear(Weighted):
    """A matrix product per frame: PyTorch's ``Linear`` over the channels.

    Parameters
    ----------
    in_features, out_features
        Input and output channels.
    bias
        Whether to add a bias.

    Notes
    -----
    Parameters: ``weight`` (out_features, in_features), ``bias`` (out_features,).

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.nn.Linear(3, 2)(np.zeros((5, 3), np.float32)).shape
    (5, 2)
    """

    def __init__(self, in_features: int, out_features: int, *, bias: bool = True) -> None:
        self.in_channels = self.in_features = positive_int("in_features", in_features, MOST_CHANNELS)
        self.out_channels = self.out_features = positive_int("out_features", out_features, MOST_CHANNELS)
        self.bias = flag("bias", bias)
        self.weight_shape = (self.out_features, self.in_features)

    def build(self, x: Node, c: Node | None) -> Node:
        weight = self.parameter("weight")[:, :, None]
        return nodes.Conv((Edge(x),), self.out_channels, x.clock, (weight,), (1,), (self.bias_or_none(),))

    def torch_forward(self, twin: Any, x: Any) -> Any:
        return functional().linear(x, twin.weight, twin.bias if self.bias else None)


def checked_groups(groups: int, in_channels: int, out_channels: int) -> int:
    given = positive_int("groups", groups)
    divides("groups", given, "in_channels", in_channels)
    divides("groups", given, "out_channels", out_channels)
    return given


def checked_pads(padding: Pads, reach: int) -> tuple[int, int]:
    """Zeros before and after the signal, for a kernel that spans `reach` frames besides the current one."""
    if isinstance(padding, list | tuple) and len(padding) == 2:
        before, after = (integer(f"padding[{side}]", value) for side, value in enumerate(padding))
        if before < -MOST_SKIP or after < 0 or before + after > reach:
            raise ParameterError(f"padding={padding!r} must add up to at most {reach} frames, which the kernel spans; "
                                 "the second must not be negative")  # fmt: skip
        return before, after
    one_of("padding", padding, ("causal", "same", "valid"))
    return {"causal": (reach, 0), "same": (reach // 2, reach - reach // 2), "valid": (0, 0)}[str(padding)]


def convolve(sources: list[tuple[Conv1d, Node]]) -> Node:
    """The sum of convolutions of several sequences and their biases, as one operation."""
    edges = graph.aligned([conv.edge(x) for conv, x in sources])
    out = nodes.Conv(
        edges,
        sources[0][0].out_channels,
        graph.clock_after(edges),
        tuple(conv.parameter("weight") for conv, _ in sources),
        tuple(conv.groups for conv, _ in sources),
        tuple(conv.bias_or_none() for conv, _ in sources),
    )
    for conv, x in sources:
        conv.traced(x, out)
    return out
