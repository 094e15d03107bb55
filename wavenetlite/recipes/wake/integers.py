"""The network of one word, to write as TFLite, from the one of integers that hears all words."""

from __future__ import annotations

from typing import Any

import numpy as np

from wavenetlite.graph import LOWEST
from wavenetlite.nn import Graph
from wavenetlite.nn.integer import Dequantize, IntegerAdd, IntegerConv1d, IntegerLookup
from wavenetlite.support.errors import ParameterError


def word_network(heard: Graph, word: int) -> Graph:
    """The network that gives the probability of one word: the same integers up to its logit, then a sigmoid.

    Parameters
    ----------
    heard
        Of `in_integers`: integer layers, of which convolutions, or sums of some, give the words' logits.
    word
        Number of the word.
    """
    end = next(index for index, (_, layer, _) in enumerate(heard.nodes) if isinstance(layer, Dequantize))
    (logits,) = heard.nodes[end][2]
    last = last_layers(heard, logits)
    entries = [[name, one_row(last[name], word) if name in last else layer, reads]
               for name, layer, reads in heard.nodes[:end]]  # fmt: skip
    scale, zero_point = last[logits].output
    sigmoid = IntegerLookup(
        1, "sigmoid", input_scale=scale, input_zero_point=zero_point, output_scale=1 / 256, output_zero_point=LOWEST
    )
    return Graph(heard.in_channels, [
        *entries, ["sigmoid", sigmoid, [logits]], ["probability", Dequantize(1, 1 / 256, LOWEST), ["sigmoid"]],
    ])  # fmt: skip


def last_layers(heard: Graph, logits: str) -> dict[str, IntegerConv1d | IntegerAdd]:
    """The layers that give the words' logits, by name: of each network a convolution, and their sums."""
    by_name = {name: (layer, reads) for name, layer, reads in heard.nodes}
    found: dict[str, IntegerConv1d | IntegerAdd] = {}
    waiting = [logits]
    while waiting:
        name = waiting.pop()
        layer, reads = by_name[name]
        assert isinstance(layer, IntegerConv1d | IntegerAdd)
        found[name] = layer
        if isinstance(layer, IntegerAdd):
            waiting += reads
    return found


def one_row(layer: IntegerConv1d | IntegerAdd, row: int) -> IntegerConv1d | IntegerAdd:
    """One output channel of a convolution, or of a sum."""
    if not 0 <= row < layer.out_channels:
        raise ParameterError(f"word={row} must be from 0 to {layer.out_channels - 1}")
    options: dict[str, Any] = layer.options()
    if isinstance(layer, IntegerAdd):
        return IntegerAdd(**(options | {"channels": 1}))
    made = IntegerConv1d(**(options | {"out_channels": 1}))
    made.load_state_dict({name: np.ascontiguousarray(value[row : row + 1])
                          for name, value in layer.state_dict().items()})  # fmt: skip
    return made
