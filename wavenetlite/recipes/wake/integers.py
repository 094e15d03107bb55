"""The network of one word, to write as TFLite, from the one of integers that hears all words."""

from __future__ import annotations

import numpy as np

from wavenetlite import nn
from wavenetlite.graph import LOWEST
from wavenetlite.nn import Graph, Sequential
from wavenetlite.nn.integer import Dequantize, IntegerConv1d, IntegerLookup
from wavenetlite.support.errors import ParameterError


def word_network(heard: Graph, word: int) -> Sequential:
    """The network that gives the probability of one word: the same integers up to its logit, then a sigmoid.

    Parameters
    ----------
    heard
        Of `Training.rounded`: a chain of integer layers, the last of which gives the words' logits.
    word
        Number of the word.
    """
    chain = [layer for _, layer, _ in heard.nodes]
    last = next(index for index in reversed(range(len(chain))) if isinstance(chain[index], IntegerConv1d))
    head = chain[last]
    sigmoid = IntegerLookup(
        1, "sigmoid", input_scale=head.output_scale, input_zero_point=head.output_zero_point,
        output_scale=1 / 256, output_zero_point=LOWEST,
    )  # fmt: skip
    return Sequential([*chain[:last], one_row(head, word), sigmoid, Dequantize(1, 1 / 256, LOWEST)])


def one_row(layer: IntegerConv1d, row: int) -> IntegerConv1d:
    """One output channel of a convolution."""
    if not 0 <= row < layer.out_channels:
        raise ParameterError(f"word={row} must be from 0 to {layer.out_channels - 1}")
    options = layer.options() | {"out_channels": 1}
    made = IntegerConv1d(**options)
    made.load_state_dict({name: np.ascontiguousarray(value[row : row + 1])
                          for name, value in layer.state_dict().items()})  # fmt: skip
    return made


def shift_logits(model: nn.Module, by: list[float]) -> None:
    """Add something to the logit of each word, in place: the last bias but one moves."""
    paths = [path for path, module in model.modules() if isinstance(module, nn.Conv1d)]
    state = model.state_dict()
    state[f"{paths[-2]}bias"] = state[f"{paths[-2]}bias"] + np.array(by, np.float32)
    model.load_state_dict(state)
