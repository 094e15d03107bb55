"""GRU and LSTM of Keras."""

from __future__ import annotations

from wavenetlite.formats import recurrent
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.keras_builder import KerasBuilder, Layer, Signal, must_be_false, sequence
from wavenetlite.formats.reading import shown
from wavenetlite.nn.recurrent import GRU, LSTM

FIXED = {"activation": "tanh", "recurrent_activation": "sigmoid"}
KINDS: dict[str, recurrent.Kind] = {"GRU": GRU, "LSTM": LSTM}


def recurrent_layer(net: KerasBuilder, layer: Layer, name: str, x: Signal) -> Signal:
    sequence(x)
    config, kind = layer.config, KINDS[layer.kind]
    must_be_false(config, "go_backwards", "return_state")
    for option, value in FIXED.items():
        if config.any(option, value) != value:
            raise UnsupportedError(f"{option}={shown(config.any(option))} must be {value!r}")
    if kind is GRU and not config.flag("reset_after", True):
        raise UnsupportedError("reset_after=False must be True: the reset gate comes after the product with the state")
    units, bias = config.integer("units"), config.flag("use_bias", True)
    gates = len(recurrent.KERAS_GATES[kind]) * units
    shapes = [(x.channels, gates), (units, gates), (2, gates) if kind is GRU else (gates,)]
    weights = net.arrays(net.cell_path(layer.path), *shapes[: 2 + bias])
    y = net.layer(name, recurrent.from_keras(kind, *weights), x)
    return y if config.flag("return_sequences", False) else y._replace(frame="last")
