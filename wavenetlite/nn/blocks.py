"""Building blocks of dilated networks."""

from __future__ import annotations

from typing import Any

from wavenetlite import nodes
from wavenetlite.graph import MOST_CHANNELS, Edge, Node
from wavenetlite.nn.convolution import Conv1d, Padding, convolve
from wavenetlite.nn.module import Module
from wavenetlite.nn.pointwise import BatchNorm, as_activation, torch_activated, trained
from wavenetlite.support.checks import count, flag, one_of, positive_int
from wavenetlite.support.errors import ParameterError


class GatedResidualBlock(Module):
    """WaveNet's block: a dilated convolution, a gate, a 1x1 convolution back onto the input and one to the skip output.

    ``z = tanh(a) * sigmoid(b)`` with ``(a, b) = conv(x) + condition(c)``; the output is ``x + residual(z)``, the skip
    output ``skip(z)``. Used as a standalone module it returns the output; networks that collect skips call `outputs`.

    Parameters
    ----------
    channels
        Residual channels, in and out.
    kernel_size, dilation, padding
        Options of the dilated convolution.
    skip_channels
        Channels of the skip output; None: ``z`` itself.
    condition_channels
        Channels of the conditioning, which enters through a 1x1 convolution without bias; 0: none.
    gated
        Whether ``z`` is gated as above; otherwise ``z = activation(conv(x) + condition(c))``.
    activation
        Name of the activation of an ungated block; gated blocks use tanh.

    Notes
    -----
    Children: ``conv``, ``condition``, ``residual``, ``skip``. van den Oord et al., "WaveNet", 2016, section 2.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> block = wl.nn.GatedResidualBlock(8, kernel_size=2, dilation=4)
    >>> block(np.zeros((3, 8), np.float32)).shape, block.receptive_field
    ((3, 8), 5)
    """

    def __init__(
        self,
        channels: int,
        *,
        kernel_size: int,
        dilation: int = 1,
        skip_channels: int | None = None,
        condition_channels: int = 0,
        gated: bool = True,
        activation: str = "tanh",
        padding: Padding = "causal",
    ) -> None:
        self.in_channels = self.out_channels = self.channels = positive_int("channels", channels, MOST_CHANNELS)
        self.kernel_size = positive_int("kernel_size", kernel_size)
        self.dilation = positive_int("dilation", dilation)
        self.skip_channels = None if skip_channels is None else positive_int("skip_channels", skip_channels)
        self.condition_channels = count("condition_channels", condition_channels)
        self.gated = flag("gated", gated)
        self.activation = activation
        self.padding: Padding = padding
        if gated and activation != "tanh":
            raise ParameterError(f"activation={activation!r} must be 'tanh' in a gated block")
        width = 2 * self.channels if self.gated else self.channels
        self.conv = Conv1d(channels, width, kernel_size, dilation=dilation, padding=padding)
        self.condition = Conv1d(self.condition_channels, width, 1, bias=False) if self.condition_channels else None
        self.residual = Conv1d(channels, channels, 1)
        self.skip = Conv1d(channels, self.skip_channels, 1) if self.skip_channels else None
        self._activation = as_activation(activation)

    def children(self) -> dict[str, Module]:
        named = {"conv": self.conv, "condition": self.condition, "residual": self.residual, "skip": self.skip}
        present = {name: child for name, child in named.items() if child is not None}
        return present | trained(activation=self._activation)

    def outputs(self, x: Node, c: Node | None) -> tuple[Node, Node]:
        """The nodes of both outputs: residual and skip."""
        sources = [(self.conv, x)]
        if self.condition is not None:
            sources.append((self.condition, self.checked_condition(c, self.condition_channels)))
        pre = convolve(sources)
        z = nodes.Gate((Edge(pre),), self.channels, pre.clock) if self.gated else self._activation.connect(pre)
        skip = self.skip.connect(z) if self.skip is not None else z
        return nodes.add(x, self.residual.connect(z)), skip

    def build(self, x: Node, c: Node | None) -> Node:
        return self.outputs(x, c)[0]

    def torch_outputs(self, twin: Any, x: Any) -> tuple[Any, Any]:
        """Both outputs in PyTorch, without conditioning."""
        pre = twin.conv(x)
        plain, gate = pre.chunk(2, dim=2) if self.gated else (pre, None)
        z = torch_activated(twin, self._activation, plain) if gate is None else plain.tanh() * gate.sigmoid()
        return x + twin.residual(z), z if self.skip is None else twin.skip(z)

    def torch_forward(self, twin: Any, x: Any) -> Any:
        return self.torch_outputs(twin, x)[0]


class TemporalBlock(Module):
    """The block of Bai et al.'s TCN: two dilated convolutions, each with an activation, and a residual.

    ``activation(downsample(x) + activation(conv2(activation(conv1(x)))))``; batch normalisation after the
    convolutions is optional; ``downsample`` is a 1x1 convolution if the channels change, else the identity.

    Parameters
    ----------
    in_channels, out_channels, kernel_size
        As in ``torch.nn.Conv1d``.
    dilation
        Dilation of both convolutions.
    activation
        Name of all three activations.
    batch_norm
        Whether to add ``norm1`` and ``norm2`` after the convolutions.

    Notes
    -----
    Children: ``conv1``, ``norm1``, ``conv2``, ``norm2``, ``downsample``. Bai, Kolter and Koltun, "An Empirical
    Evaluation of Generic Convolutional and Recurrent Networks for Sequence Modeling", 2018; its weight normalisation
    concerns training only and is folded into the weights.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> wl.nn.TemporalBlock(4, 8, 3, dilation=2).receptive_field
    9
    """

    in_channels: int
    out_channels: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        dilation: int = 1,
        activation: str = "relu",
        batch_norm: bool = False,
    ) -> None:
        self.conv1 = Conv1d(in_channels, out_channels, kernel_size, dilation=dilation)
        self.conv2 = Conv1d(out_channels, out_channels, kernel_size, dilation=dilation)
        self.in_channels, self.out_channels = self.conv1.in_channels, self.conv1.out_channels
        self.kernel_size, self.dilation = self.conv1.kernel_size, self.conv1.dilation
        self.activation = activation
        self.batch_norm = flag("batch_norm", batch_norm)
        self.norm1 = BatchNorm(out_channels) if batch_norm else None
        self.norm2 = BatchNorm(out_channels) if batch_norm else None
        self.downsample = Conv1d(in_channels, out_channels, 1) if in_channels != out_channels else None
        self._activation = as_activation(activation)

    def children(self) -> dict[str, Module]:
        names = ("conv1", "norm1", "conv2", "norm2", "downsample")
        named = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return named | trained(activation=self._activation)

    def build(self, x: Node, c: Node | None) -> Node:
        short = self.downsample.connect(x) if self.downsample is not None else x
        out = x
        for conv, norm in ((self.conv1, self.norm1), (self.conv2, self.norm2)):
            out = conv.connect(out)
            out = norm.connect(out) if norm is not None else out
            out = self._activation.connect(out)
        return self._activation.connect(nodes.add(short, out))

    def torch_forward(self, twin: Any, x: Any) -> Any:
        out = x
        for conv, norm in ((twin.conv1, self.norm1 and twin.norm1), (twin.conv2, self.norm2 and twin.norm2)):
            out = torch_activated(twin, self._activation, norm(conv(out)) if norm else conv(out))
        short = x if self.downsample is None else twin.downsample(x)
        return torch_activated(twin, self._activation, short + out)


class DepthwiseSeparable(Module):
    """A depthwise convolution followed by a 1x1 convolution.

    Parameters
    ----------
    in_channels, out_channels, kernel_size
        As in ``torch.nn.Conv1d``.
    stride, dilation, padding
        Options of the depthwise convolution.
    bias
        Whether both convolutions have a bias.

    Notes
    -----
    Children: ``depthwise``, ``pointwise``. Howard et al., "MobileNets", 2017.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> wl.nn.DepthwiseSeparable(40, 64, 5).parameter_count
    2864
    """

    in_channels: int
    out_channels: int

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        padding: Padding = "causal",
        bias: bool = True,
    ) -> None:
        one_of("padding", padding, ("causal", "same", "valid"))
        depthwise: dict[str, Any] = {"stride": stride, "dilation": dilation, "padding": padding, "bias": bias}
        self.depthwise = Conv1d(in_channels, in_channels, kernel_size, groups=in_channels, **depthwise)
        self.pointwise = Conv1d(in_channels, out_channels, 1, bias=bias)
        self.in_channels, self.out_channels = self.depthwise.in_channels, self.pointwise.out_channels
        self.kernel_size, self.stride = self.depthwise.kernel_size, self.depthwise.stride
        self.dilation, self.padding, self.bias = self.depthwise.dilation, self.depthwise.padding, self.depthwise.bias

    def children(self) -> dict[str, Module]:
        return {"depthwise": self.depthwise, "pointwise": self.pointwise}

    def build(self, x: Node, c: Node | None) -> Node:
        return self.pointwise.connect(self.depthwise.connect(x))

    def torch_forward(self, twin: Any, x: Any) -> Any:
        return twin.pointwise(twin.depthwise(x))
