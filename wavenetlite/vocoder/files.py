"""Restoring vocoders from files: the blueprint of a configuration, then its weights and tables."""

from __future__ import annotations

from typing import Any

from wavenetlite import features as feature_specs
from wavenetlite.nn import files as networks
from wavenetlite.storage.registry import ARRAYS, Blueprint, config_errors, register, with_prefix
from wavenetlite.support.errors import ParameterError
from wavenetlite.vocoder.vocoder import TABLES, WEIGHTS, Vocoder, checked_features

WANTED = {"type", "features", "model", "info"}
OPTIONS = ({"iterations", "lookahead"}, {"order", "temperature"})
"""Of networks that give magnitudes, and of those that generate."""


def blueprint(config: dict[str, Any], version: int) -> Blueprint:
    """The vocoder that a configuration describes."""
    given = set(config) - WANTED
    if not set(config) >= WANTED or given not in OPTIONS:
        raise ParameterError(f"config of a vocoder has {', '.join(sorted(config))}; it must have {sorted(WANTED)}, and"
                             f" {' or '.join(map(str, map(sorted, OPTIONS)))}")  # fmt: skip
    network = networks.blueprint(config["model"], version)

    def finish(arrays: ARRAYS) -> Vocoder:
        model = network.finish(with_prefix(WEIGHTS, arrays))
        with config_errors():
            spec = checked_features(feature_specs.from_config(config["features"], with_prefix(TABLES, arrays)))
            return Vocoder(spec, model, info=config["info"], **{name: config[name] for name in given})

    shapes = {WEIGHTS + name: shape for name, shape in network.shapes.items()}
    dtypes = {WEIGHTS + name: dtype for name, dtype in network.dtypes.items()}
    return Blueprint(shapes, finish, free=TABLES, dtypes=dtypes)


register("Vocoder", blueprint)
