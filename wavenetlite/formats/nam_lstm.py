"""LSTM models of Neural Amp Modeler.

The list of weights has for each layer those of input and last output side by side, one bias, and the state before the
signal, which the trainer makes of a second of silence; at last those of the linear layer.
"""

from __future__ import annotations

import numpy as np

from wavenetlite.formats.nam_weights import sample_rate, weights
from wavenetlite.formats.reading import Fields
from wavenetlite.graph import MOST_CHANNELS
from wavenetlite.nn.amp import AmpLSTM
from wavenetlite.support.arrays import Floats

MOST_LAYERS = 1024


def lstm(fields: Fields) -> AmpLSTM:
    """The network of an object with architecture "LSTM"."""
    config = fields.fields("config")
    config.only("input_size", "hidden_size", "num_layers", "in_channels", "out_channels")
    inputs, units = (config.integer(key, most=MOST_CHANNELS) for key in ("input_size", "hidden_size"))
    layers, out = config.integer("num_layers", most=MOST_LAYERS), config.integer("out_channels", 1, most=MOST_CHANNELS)
    if config.integer("in_channels", inputs) != inputs:
        raise config.wrong("in_channels", f"input_size, {inputs}")
    shapes: dict[str, tuple[int, ...]] = {}
    for number in range(layers):
        shapes[f"weight {number}"] = (4 * units, (units if number else inputs) + units)
        shapes |= {f"bias {number}": (4 * units,), f"state {number}": (2, units)}
    given = weights(fields, shapes | {"head.weight": (out, units), "head.bias": (out,)})
    state = {name: given[name] for name in ("head.weight", "head.bias")}
    for number in range(layers):
        own = layer_state(*(given[f"{name} {number}"] for name in ("weight", "bias", "state")))
        state |= {f"lstm.{name}_l{number}": value for name, value in own.items()}
    model = AmpLSTM(inputs, units, num_layers=layers, out_channels=out, sr=sample_rate(fields))
    model.load_state_dict(state)
    return model


def layer_state(weight: Floats, bias: Floats, first: Floats) -> dict[str, Floats]:
    """A layer's parameters by our names; gates are in our order."""
    units = first.shape[1]
    return {"weight_ih": weight[:, :-units], "weight_hh": weight[:, -units:], "bias_ih": bias,
            "bias_hh": np.zeros_like(bias), "first_state": first}  # fmt: skip
