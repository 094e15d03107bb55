"""Layers in float32 that round as integer layers do: quantisation-aware training makes a network used to it.

`wavenetlite.quantization.quantization_aware` makes such networks, `wavenetlite.quantize` turns them into integers.
Gradients pass the rounding unchanged ("straight through": Bengio et al., 2013) where nothing is clamped.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from wavenetlite import graph, nodes
from wavenetlite.graph import HIGHEST, LOWEST, Node
from wavenetlite.nn.convolution import Conv1d
from wavenetlite.nn.convolution2d import Conv2d
from wavenetlite.nn.integer import checked_quantization
from wavenetlite.nn.module import Module
from wavenetlite.support.errors import ParameterError

FOR_TRAINING = "is for training: take the network that wavenetlite.quantize makes of it"


class FakeQuantize(Module):
    """Rounds to the numbers that 8-bit integers stand for: ``scale * (q - zero_point)``, q from -128 to 127.

    Parameters
    ----------
    scale, zero_point
        Of the integers.

    Notes
    -----
    ``torch.fake_quantize_per_tensor_affine``, with its gradient: 1, and 0 where the value is clamped.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.nn.FakeQuantize(0.5)(np.array([[0.7, -99.0]], np.float32)).tolist()
    [[0.5, -64.0]]
    """

    def __init__(self, scale: float, zero_point: int = 0) -> None:
        self.scale, self.zero_point = checked_quantization("", scale, zero_point)

    def build(self, x: Node, c: Node | None) -> Node:
        ends = (float(LOWEST - self.zero_point), float(HIGHEST - self.zero_point))
        return nodes.activate(x, "fake_quantize", (self.scale, float(np.float32(1) / np.float32(self.scale)), *ends))

    def torch_forward(self, twin: Any, x: Any) -> Any:
        raise ParameterError(f"FakeQuantize {FOR_TRAINING}")


class FakeQuantizedConv1d(Conv1d):
    """A `Conv1d` whose weights are rounded to 8 bits, with one scale per output channel: -127 to 127 cover them.

    The parameters are those of `Conv1d`, unrounded.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> conv = wl.nn.FakeQuantizedConv1d(1, 1, 2, bias=False)
    >>> conv.load_state_dict({"weight": np.array([[[127.0, 0.4]]], np.float32)})
    >>> conv(np.array([[1], [2]], np.float32)).ravel().tolist()
    [0.0, 127.0]
    """

    def build(self, x: Node, c: Node | None) -> Node:
        edge = self.edge(x)
        return nodes.FakeQuantizedConv(
            (edge,), self.out_channels, graph.clock_after([edge]), (self.parameter("weight"),), (self.groups,),
            (self.bias_or_none(),),
        )  # fmt: skip

    def torch_forward(self, twin: Any, x: Any) -> Any:
        raise ParameterError(f"FakeQuantizedConv1d {FOR_TRAINING}")


class FakeQuantizedConv2d(Conv2d):
    """A `Conv2d` whose weights are rounded, likewise.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> wl.nn.FakeQuantizedConv2d(1, 16, 3, bins=40).out_width
    640
    """

    def build(self, x: Node, c: Node | None) -> Node:
        graph.spend(math.prod(self.kernel_size) * self.bins_out)
        edge = self.edge(x)
        return nodes.FakeQuantizedConv2d(
            (edge,), self.out_width, graph.clock_after([edge]), self.parameter("weight"), self.bias_or_none(),
            self.groups, "out, in, frames, bins", (self.links(),),
        )  # fmt: skip

    def torch_forward(self, twin: Any, x: Any) -> Any:
        raise ParameterError(f"FakeQuantizedConv2d {FOR_TRAINING}")
