"""Networks in files: what a configuration makes, before and after its weights have been read."""

from __future__ import annotations

from typing import Any

from wavenetlite.nn.module import Module, from_config
from wavenetlite.storage.registry import ARRAYS, Blueprint
from wavenetlite.support.bounded_json import size_of
from wavenetlite.support.errors import ModelFileError, ParameterError

MOST_LAYERS = 10_000
"""Far above any network of use; dilations make a block each."""


def blueprint(config: dict[str, Any], version: int) -> Blueprint:
    """The network that a configuration describes."""
    layers = size_of(config)
    if layers > MOST_LAYERS:
        raise ModelFileError(f"its config has {layers} layers and list entries; it must have at most {MOST_LAYERS}")
    model = from_config(config)

    def finish(arrays: ARRAYS) -> Module:
        try:
            model.load_state_dict(arrays)
        except ParameterError as error:
            raise ModelFileError(str(error)) from None
        check_runs(model)
        return model

    return Blueprint(model.all_parameter_shapes(), finish)


def check_runs(model: Module) -> None:
    """Layers may fit one by one and not together: clocks of branches, conditioning, a variance below zero."""
    try:
        if model.in_channels is not None:
            model.graph()
    except Exception as error:  # what options of any kind do in any layer
        raise ModelFileError(f"its network cannot run: {error}") from error
