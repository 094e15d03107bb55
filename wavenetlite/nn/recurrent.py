"""Recurrent layers; streams keep their hidden state."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from wavenetlite import nodes
from wavenetlite.graph import MOST_CHANNELS, Edge, Node
from wavenetlite.nn.module import Module
from wavenetlite.nn.torch_twin import torch
from wavenetlite.support.checks import flag, positive_int

MOST_LAYERS = 1024


class Recurrent(Module, abstract=True):
    """Base of `GRU` and `LSTM`."""

    in_channels: int
    out_channels: int
    unit: ClassVar[type[nodes.Recurrent]]

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        *,
        num_layers: int = 1,
        bias: bool = True,
        first_state: bool = False,
    ) -> None:
        self.in_channels = positive_int("in_channels", in_channels, MOST_CHANNELS)
        most = MOST_CHANNELS // self.unit.gates
        self.hidden_channels = self.out_channels = positive_int("hidden_channels", hidden_channels, most)
        self.num_layers = positive_int("num_layers", num_layers, MOST_LAYERS)
        self.bias = flag("bias", bias)
        self.first_state = flag("first_state", first_state)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        shapes: dict[str, tuple[int, ...]] = {}
        rows = self.unit.gates * self.hidden_channels
        for layer in range(self.num_layers):
            shapes[f"weight_ih_l{layer}"] = (rows, self.hidden_channels if layer else self.in_channels)
            shapes[f"weight_hh_l{layer}"] = (rows, self.hidden_channels)
            if self.bias:
                shapes[f"bias_ih_l{layer}"] = shapes[f"bias_hh_l{layer}"] = (rows,)
            if self.first_state:
                shapes[f"first_state_l{layer}"] = (self.unit.states, self.hidden_channels)
        return shapes

    def draw(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        bound = 1 / math.sqrt(self.hidden_channels)
        return rng.uniform(-bound, bound, shape)

    def build(self, x: Node, c: Node | None) -> Node:
        for layer in range(self.num_layers):
            x = self.build_layer(x, layer)
        return x

    def torch_forward(self, twin: Any, x: Any) -> Any:
        names = ["weight_ih", "weight_hh", *(["bias_ih", "bias_hh"] if self.bias else [])]
        layers = range(self.num_layers)
        weights = [getattr(twin, f"{name}_l{layer}") for layer in layers for name in names]
        states = [self.torch_state(twin, x, state) for state in range(self.unit.states)]
        run = {"GRU": torch().gru, "LSTM": torch().lstm}[self.unit.__name__]
        first = states if len(states) > 1 else states[0]
        return run(x, first, weights, self.bias, self.num_layers, 0.0, False, False, True)[0]

    def torch_state(self, twin: Any, x: Any, state: int) -> Any:
        """The initial state of all layers, (layers, batch, hidden channels)."""
        if not self.first_state:
            return x.new_zeros(self.num_layers, len(x), self.hidden_channels)
        rows = [getattr(twin, f"first_state_l{layer}")[state] for layer in range(self.num_layers)]
        return torch().stack(rows)[:, None].expand(-1, len(x), -1).contiguous()

    def build_layer(self, x: Node, layer: int) -> Node:
        """The input projection as a convolution, and the recurrent units."""
        weight = self.parameter(f"weight_ih_l{layer}")
        bias, hidden_bias = (
            self.parameter(f"bias_{of}_l{layer}") if self.bias else None for of in ("ih", "hh")
        )  # fmt: skip
        projected = nodes.Conv((Edge(x),), len(weight), x.clock, (weight[:, :, np.newaxis],), (1,), (bias,))
        clock = replace(x.clock, oldest=-math.inf)
        last = self.parameter(f"weight_hh_l{layer}")
        first = self.parameter(f"first_state_l{layer}") if self.first_state else None
        return self.unit((Edge(projected),), self.hidden_channels, clock, last, hidden_bias, weight, bias, first)


class GRU(Recurrent):
    """Gated recurrent units.

    For each frame, with input x and previous output h: ``r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)``, likewise z,
    ``n = tanh(W_in x + b_in + r (W_hn h + b_hn))``, ``h = (1 - z) n + z h``. Initially h is 0.

    Parameters
    ----------
    in_channels, hidden_channels
        Input channels, and units, which are the output channels: PyTorch's ``input_size`` and ``hidden_size``.
    num_layers
        Number of stacked layers.
    bias
        Whether to add biases.
    first_state
        Whether the initial state is a parameter instead of zero.

    Notes
    -----
    Parameters of layer k, as in ``torch.nn.GRU``, with the gates r, z, n stacked: ``weight_ih_lk``
    (3 * hidden_channels, in_channels or hidden_channels), ``weight_hh_lk`` (3 * hidden_channels, hidden_channels),
    ``bias_ih_lk``, ``bias_hh_lk`` (3 * hidden_channels,); also ``first_state_lk`` (1, hidden_channels), h.
    The receptive field is infinite. Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> gru, x = wl.nn.GRU(40, 64, num_layers=2), np.ones((10, 40), np.float32)
    >>> stream = gru.stream()
    >>> bool((np.concatenate([stream.process(x[:3]), stream.process(x[3:])]) == gru(x)).all())
    True
    """

    unit = nodes.GRU


class LSTM(Recurrent):
    """Long short-term memory.

    For each frame, with input x and previous output h: ``i = sigmoid(W_ii x + b_ii + W_hi h + b_hi)``, likewise f and
    o, ``g = tanh(W_ig x + b_ig + W_hg h + b_hg)``, ``c = f c + i g``, ``h = o tanh(c)``. Initially h and c are 0.

    Parameters
    ----------
    in_channels, hidden_channels
        Input channels, and units, which are the output channels: PyTorch's ``input_size`` and ``hidden_size``.
    num_layers
        Number of stacked layers.
    bias
        Whether to add biases.
    first_state
        Whether the initial state is a parameter instead of zero.

    Notes
    -----
    Parameters of layer k, as in ``torch.nn.LSTM``, with the gates i, f, g, o stacked: ``weight_ih_lk``
    (4 * hidden_channels, in_channels or hidden_channels), ``weight_hh_lk`` (4 * hidden_channels, hidden_channels),
    ``bias_ih_lk``, ``bias_hh_lk`` (4 * hidden_channels,); also ``first_state_lk`` (2, hidden_channels), h
    and c. The receptive field is infinite. Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; Gers et al.,
    "Learning to Forget", 2000.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.nn.LSTM(40, 64)(np.zeros((10, 40), np.float32)).shape
    (10, 64)
    """

    unit = nodes.LSTM
