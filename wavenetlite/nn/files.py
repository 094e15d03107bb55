"""Restoring networks from files: the blueprint of a configuration, then its weights."""

from __future__ import annotations

from typing import Any

from wavenetlite.graph import bounded
from wavenetlite.nn.module import Module, from_config
from wavenetlite.nn.old_types import old_types
from wavenetlite.storage.registry import ARRAYS, Blueprint, register
from wavenetlite.storage.safetensors import BF16
from wavenetlite.support.bounded_json import size_of
from wavenetlite.support.errors import ModelFileError, ParameterError

MOST_LAYERS = 10_000
"""Far more than any useful network has; each dilation gives a block."""


def blueprint(config: dict[str, Any], version: int) -> Blueprint:
    """The blueprint of a network."""
    layers = size_of(config)
    if layers > MOST_LAYERS:
        raise ModelFileError(f"its config has {layers} layers and list entries; it must have at most {MOST_LAYERS}")
    swapped: list[Module] = []
    with bounded():
        model = from_config(config, old_types(swapped) if version == 1 else {})
    found = [path + "weight" for path, module in model.modules() if any(module is one for one in swapped)]

    def swap(arrays: ARRAYS) -> ARRAYS:
        return {**arrays, **{name: arrays[name].swapaxes(2, 3) for name in found}}

    def finish(arrays: ARRAYS) -> Module:
        try:
            model.load_state_dict(swap(arrays))
        except ParameterError as error:
            raise ModelFileError(str(error)) from None
        check_runs(model)
        return model

    shapes = model.all_parameter_shapes()
    for name in found:
        *channels, frames, bins = shapes[name]
        shapes[name] = (*channels, bins, frames)
    return Blueprint(shapes, finish, dtypes=model.all_parameter_dtypes() | dict.fromkeys(model.bf16_names(), BF16))


def check_runs(model: Module) -> None:
    """Raise for layers that are valid one by one but not together: branches, conditioning, negative variance."""
    try:
        if model.in_width is not None:
            with bounded():
                model.graph()
    except Exception as error:  # any error that options can cause in any layer
        raise ModelFileError(f"its network cannot run: {error}") from error


register(None, blueprint)
