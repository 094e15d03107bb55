"""GRU and LSTM of ONNX."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import OnnxGraphBuilder, name_for, signal_in
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import BATCH, CHANNELS, ONE, TIME, Elements, Signal, floats, optional_floats
from wavenetlite.formats.recurrent import ONNX_GATES, Cell, Kind, layer_of
from wavenetlite.nn.recurrent import GRU, LSTM
from wavenetlite.support.arrays import Floats

KINDS: dict[str, tuple[Kind, list[str]]] = {
    "GRU": (GRU, ["Sigmoid", "Tanh"]), "LSTM": (LSTM, ["Sigmoid", "Tanh", "Tanh"]),
}  # fmt: skip
"""Ours, and the activations that it has."""

FIRST_STATE = 5
"""The number of the input that is the state before the signal; that of an LSTM's cell comes after it."""
PEEPHOLES = 7


def recurrent(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> list[Signal | Elements | None]:
    """All hidden states and the last one; an LSTM's last cell state may be read only as the next value of a cache."""
    signal = net.settled(signal_in(inputs))
    kind, activations = KINDS[node.kind]
    batch_first = bool(node.attributes.get("layout", 0))
    check_plain(node, inputs, activations)
    layer = layer_of(kind, cell(node, inputs, kind))
    check_axes(signal, batch_first)
    if len(node.outputs) > 2 and net.readers[node.outputs[2]] and net.cache is None:
        raise UnsupportedError("gives its cell state to another node; only its hidden states are known here")
    made = net.layer(name_for(node), layer, signal)
    batch = signal.axes[0 if batch_first else 1]
    every, last = (batch, TIME, ONE, CHANNELS), (batch, ONE, CHANNELS)
    if not batch_first:
        every, last = (TIME, ONE, batch, CHANNELS), (ONE, batch, CHANNELS)
    cells = None if net.cache is None else remembered(net, made, states_in(node, inputs), len(last))
    return [replace(made, axes=every), replace(made, axes=last), cells]


def remembered(net: OnnxGraphBuilder, made: Signal, states: list[Any], rank: int) -> Elements:
    """The cell state, of a layer whose states before a block must be caches and those after it their next values."""
    cells = net.cache.last(made, 1, (made.name, "cells"))
    if not all(isinstance(one, Elements) for one in states):
        net.not_in_blocks("begins anew")
    for state, then in zip(states, (net.cache.last(made, 1), cells), strict=False):
        net.cache.remember(state.numbers.reshape(-1), then.reshape(-1))
    return Elements(cells.reshape((1,) * (rank - 1) + (-1,)))


def states_in(node: OnnxNode, inputs: list[Any]) -> list[Any]:
    """What a node has for the states before the signal."""
    return [node.given(inputs, number) for number in range(FIRST_STATE, FIRST_STATE + (1 + (node.kind == "LSTM")))]


def check_axes(signal: Signal, batch_first: bool) -> None:
    axes = tuple(BATCH if axis == ONE else axis for axis in signal.axes)
    wanted = (BATCH, TIME, CHANNELS) if batch_first else (TIME, BATCH, CHANNELS)
    if axes != wanted:
        raise UnsupportedError(f"its input has the axes ({', '.join(signal.axes)}); it must be ({', '.join(wanted)})")


def check_plain(node: OnnxNode, inputs: list[Any], activations: list[str]) -> None:
    """Refuse all options that change what is computed."""
    options = node.attributes
    if options.get("direction", "forward") not in ("forward", ""):
        raise UnsupportedError(f"has direction={options['direction']!r}; it must be 'forward': a stream has no end")
    given = options.get("activations") or activations
    if given != activations:
        raise UnsupportedError(f"has activations {given}; they must be {activations}")
    if node.kind == "GRU" and not options.get("linear_before_reset", 0):
        raise UnsupportedError("has linear_before_reset=0; it must be 1, the reset gate after the product with the "
                               "state")  # fmt: skip
    for option in ("clip", "input_forget"):
        if options.get(option, 0):
            raise UnsupportedError(f"has {option}={options[option]}; it must not")
    if node.given(inputs, 4) is not None:
        raise UnsupportedError("has lengths of its sequences; a stream has none")
    if node.given(inputs, PEEPHOLES) is not None and floats(inputs[PEEPHOLES]).any():
        raise UnsupportedError("has peepholes, weights from the cell state to the gates")


def cell(node: OnnxNode, inputs: list[Any], kind: Kind) -> Cell:
    """The weights (1, gates * hidden, ...) and both biases, which lie one after the other."""
    weight_ih, weight_hh = (floats(value) for value in inputs[1:3])
    if weight_ih.shape[0] != 1 or weight_hh.shape[0] != 1:
        raise UnsupportedError(f"has weights of {len(weight_ih)} directions; it must be one")
    bias = node.given(inputs, 3)
    bias_ih, bias_hh = (None, None) if bias is None else np.split(floats(bias)[0], 2)
    first = first_state(node, inputs, weight_hh.shape[2])
    return Cell(weight_ih[0], weight_hh[0], bias_ih, bias_hh, first).reordered(ONNX_GATES[kind])


def first_state(node: OnnxNode, inputs: list[Any], units: int) -> Floats | None:
    """What is remembered before the signal, (states, units), which must be the same for all signals; None: zeros."""
    given = [None if isinstance(one, Elements) else optional_floats(one) for one in states_in(node, inputs)]
    rows = [np.zeros((1, units), np.float32) if one is None else one.reshape(-1, units) for one in given]
    if any((one != one[0]).any() for one in rows):
        raise UnsupportedError("has states before the signals of a batch that differ")
    first = np.stack([one[0] for one in rows])
    return first if first.any() else None
