"""Weights of GRUs and LSTMs, which every program keeps in an order of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from wavenetlite.formats.layers import with_weights
from wavenetlite.nn.recurrent import GRU, LSTM

Kind = type[GRU] | type[LSTM]

KERAS_GATES: dict[Kind, tuple[int, ...]] = {GRU: (1, 0, 2), LSTM: (0, 1, 2, 3)}
"""Where our gates, r, z and n or i, f, g and o, stand in Keras: z, r, h and i, f, c, o."""
ONNX_GATES: dict[Kind, tuple[int, ...]] = {GRU: (1, 0, 2), LSTM: (0, 2, 3, 1)}
"""And in ONNX: z, r, h and i, o, f, c."""


class Cell(NamedTuple):
    """One layer, as PyTorch has it: (gates * hidden, in), (gates * hidden, hidden), (gates * hidden,) twice.

    `first_state` are the states before the signal, (states, hidden); None: zeros.
    """

    weight_ih: np.ndarray
    weight_hh: np.ndarray
    bias_ih: np.ndarray | None = None
    bias_hh: np.ndarray | None = None
    first_state: np.ndarray | None = None

    def reordered(self, order: Sequence[int]) -> Cell:
        """With the gates in another order: number n is that which was at place ``order[n]``."""

        def moved(one: np.ndarray) -> np.ndarray:
            return np.concatenate([np.split(one, len(order))[n] for n in order])

        biases = [None if one is None else moved(one) for one in (self.bias_ih, self.bias_hh)]
        return Cell(moved(self.weight_ih), moved(self.weight_hh), biases[0], biases[1], self.first_state)

    @property
    def biases(self) -> np.ndarray:
        """Both, (2, gates * hidden); zeros where there are none."""
        zeros = np.zeros(len(self.weight_ih), np.float32)
        return np.stack([zeros if one is None else one for one in (self.bias_ih, self.bias_hh)])


PARAMETERS = Cell._fields[:4]
"""PyTorch's, of which the last two are biases."""


def layer_of(kind: Kind, *cells: Cell) -> GRU | LSTM:
    """A GRU or an LSTM of one or more layers; all of them have biases, or none, and so it is with first states."""
    first = cells[0]
    layer = kind(first.weight_ih.shape[1], first.weight_hh.shape[1], num_layers=len(cells),
                 bias=first.bias_ih is not None, first_state=first.first_state is not None)  # fmt: skip
    return with_weights(layer, **{f"{name}_l{n}": value for n, cell in enumerate(cells)
                                  for name, value in cell._asdict().items()})  # fmt: skip


def cells_of(layer: GRU | LSTM) -> list[Cell]:
    """The weights of each of its layers."""
    names = PARAMETERS if layer.bias else PARAMETERS[:2]
    return [Cell(*(layer.parameter(f"{name}_l{n}") for name in names)) for n in range(layer.num_layers)]


def from_keras(kind: Kind, kernel: np.ndarray, recurrent: np.ndarray, bias: np.ndarray | None = None) -> GRU | LSTM:
    """A layer with Keras's weights: (in, gates * units), (units, gates * units), (2, gates * units) or one bias."""
    biases = () if bias is None else bias if bias.ndim == 2 else (bias, np.zeros_like(bias))
    return layer_of(kind, Cell(kernel.T, recurrent.T, *biases).reordered(KERAS_GATES[kind]))


def to_keras(kind: Kind, cell: Cell) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Both kernels, and the biases of a GRU or the bias of an LSTM."""
    theirs = cell.reordered(np.argsort(KERAS_GATES[kind]).tolist())
    return theirs.weight_ih.T, theirs.weight_hh.T, theirs.biases if kind is GRU else theirs.biases.sum(axis=0)
