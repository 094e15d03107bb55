"""Normalisation over the channels of a frame, which needs no other frames and so can stream."""

from __future__ import annotations

from typing import Any

import numpy as np

from wavenetlite import nodes
from wavenetlite.graph import MOST_CHANNELS, Edge, Node
from wavenetlite.nn.module import Module
from wavenetlite.nn.torch_twin import functional
from wavenetlite.support.checks import divides, number, positive_int


class ChannelNorm(Module, abstract=True):
    """Base of both norms."""

    channels: int | None
    groups = 1
    eps: float

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {} if self.channels is None else dict.fromkeys(("weight", "bias"), (self.channels,))

    def draw(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.ones(shape) if name == "weight" else np.zeros(shape)

    def build(self, x: Node, c: Node | None) -> Node:
        weight, bias = (None if self.channels is None else self.parameter(name) for name in ("weight", "bias"))
        return nodes.GroupNorm((Edge(x),), x.channels, x.clock, self.groups, weight, bias, self.eps)

    def torch_forward(self, twin: Any, x: Any) -> Any:
        weight, bias = (None, None) if self.channels is None else (twin.weight, twin.bias)
        frames = x.flatten(0, 1)  # each by itself
        return functional().group_norm(frames, self.groups, weight, bias, self.eps).view_as(x)


class GroupNorm(ChannelNorm):
    """Normalises the channels of a frame to mean 0 and variance 1 by groups; then scales by ``weight``, adds ``bias``.

    PyTorch's ``GroupNorm`` also averages over time, which cannot stream; for a signal of one frame they are equal.

    Parameters
    ----------
    groups
        Number of groups of adjacent channels, which are normalised independently.
    channels
        Input and output channels, a multiple of `groups`.
    eps
        Added to the variance.

    Notes
    -----
    Parameters, (channels,) each: ``weight``, ``bias``. Wu and He, "Group Normalization", 2018.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.nn.GroupNorm(2, 4, eps=0.0)(np.array([[1, 3, 10, 30]], np.float32)).tolist()
    [[-1.0, 1.0, -1.0, 1.0]]
    """

    def __init__(self, groups: int, channels: int, *, eps: float = 1e-5) -> None:
        self.groups = positive_int("groups", groups)
        self.channels = self.in_channels = self.out_channels = positive_int("channels", channels, MOST_CHANNELS)
        self.eps = number("eps", eps, least=0.0)
        divides("groups", self.groups, "channels", self.channels)


class LayerNorm(ChannelNorm):
    """Normalises the channels of a frame to mean 0 and variance 1; then scales by ``weight`` and adds ``bias``.

    Parameters
    ----------
    channels
        Input and output channels; None: any number, without ``weight`` and ``bias`` (PyTorch's
        ``elementwise_affine=False``).
    eps
        Added to the variance.

    Notes
    -----
    Parameters, (channels,) each: ``weight``, ``bias``. Ba et al., "Layer Normalization", 2016.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.nn.LayerNorm(2, eps=0.0)(np.array([[1, 3]], np.float32)).tolist()
    [[-1.0, 1.0]]
    """

    def __init__(self, channels: int | None, *, eps: float = 1e-5) -> None:
        self.channels = None if channels is None else positive_int("channels", channels, MOST_CHANNELS)
        self.in_channels = self.out_channels = self.channels
        self.eps = number("eps", eps, least=0.0)
