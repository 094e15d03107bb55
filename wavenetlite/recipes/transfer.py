"""Fine-tuning: the network of a trained classifier as the beginning of another one's."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.formats import load
from wavenetlite.nn import Conv1d, Linear, Module, from_config
from wavenetlite.nn.module import recorded
from wavenetlite.recipes.alone import without_gate
from wavenetlite.recipes.members import members_of
from wavenetlite.support.errors import ArrayTypeError, ParameterError


def initial_classifier(init: Any, sr: int) -> AudioClassifier:
    """The classifier to begin with, or the one in a file or of a name, if it has the sample rate of the corpus."""
    given = load(init) if isinstance(init, str | os.PathLike) else init
    if not isinstance(given, AudioClassifier):
        raise ArrayTypeError(f"init is a {type(given).__name__}; it must be an AudioClassifier, or the file of one")
    if given.sr != sr:
        raise ParameterError(
            f"sr={sr} of the corpus must be {given.sr}, the rate of init;"
            f" use resample=True and sr={given.sr} when reading"
        )
    return given


def adapted(init: AudioClassifier, labels: Sequence[str], seed: int, member: int = 1) -> Module:
    """The network of `init` with an output for each of `labels`, without a gate of words that stand alone.

    Of several networks whose mean it gives, that of the number `member`; where there are fewer, the first follows the
    last again.

    The output layer keeps what it knows of labels that `init` has too; the rest of it is drawn anew.
    """
    members = members_of(without_gate(init.model))
    trained = members[(member - 1) % len(members)]
    config, output = trained.config(), output_layer(trained)
    model = from_config({**resized(config, len(labels)), **({"seed": seed} if "seed" in config else {})})
    state, known = model.state_dict(), trained.state_dict()
    for name, value in known.items():
        if name.startswith(f"{output}."):
            for row, label in enumerate(labels):
                if label in init.labels:
                    state[name][row] = value[init.labels.index(label)]
        else:
            state[name] = value
    model.load_state_dict(state)
    return model


def output_layer(model: Module) -> str:
    """The name of the layer with the logits.

    Raises
    ------
    ParameterError
        The network does not end with a linear layer or a convolution.
    """
    output, trace = recorded(model, model.in_width or 1)
    last = [module for module, _, out, _ in trace if out is output and isinstance(module, Linear | Conv1d)]
    names = [path.rstrip(".") for path, module in model.modules() if last and module is last[0]]
    if len(names) != 1:
        raise ParameterError(
            f"{type(model).__name__} must end with a Linear or Conv1d of its own, the layer of its logits"
        )
    return names[0]


def resized(config: dict[str, Any], outputs: int) -> dict[str, Any]:
    """The configuration of a network with another number of outputs."""
    if config["type"] in ("Sequential", "Prewarmed"):
        return {**config, "layers": [*config["layers"][:-1], resized(config["layers"][-1], outputs)]}
    name = next((one for one in ("out_channels", "out_features") if one in config), None)
    if name is None:
        raise ParameterError(f"init ends with a {config['type']}, whose number of outputs cannot be changed")
    return {**config, name: outputs}
