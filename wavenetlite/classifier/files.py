"""Restoring classifiers from files: the blueprint of a configuration, then its weights and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wavenetlite import features as feature_specs
from wavenetlite.classifier.classifier import TABLES, WEIGHTS, AudioClassifier
from wavenetlite.detection.detector import Detector
from wavenetlite.nn import Module
from wavenetlite.nn import files as networks
from wavenetlite.storage.registry import ARRAYS, Blueprint, config_errors, register, with_prefix
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError


def blueprint(config: dict[str, Any], version: int) -> Blueprint:
    """The classifier that a configuration describes."""
    network = networks.blueprint(config["model"], version)

    def finish(arrays: ARRAYS) -> AudioClassifier:
        model = network.finish(with_prefix(WEIGHTS, arrays))
        with config_errors():
            return restored(config, model, with_prefix(TABLES, arrays))

    shapes = {WEIGHTS + name: shape for name, shape in network.shapes.items()}
    dtypes = {WEIGHTS + name: dtype for name, dtype in network.dtypes.items()}
    return Blueprint(shapes, finish, free=TABLES, dtypes=dtypes)


def restored(config: Mapping[str, Any], model: Module, tables: Mapping[str, Floats]) -> AudioClassifier:
    """The classifier from its `AudioClassifier.config`, its network, and the tables of its features."""
    wanted = {"type", "labels", "decision", "clip_s", "background", "detector", "features", "model", "info"}
    if set(config) - {"outputs", "priors"} != wanted:  # which are named only where they differ from the usual
        raise ParameterError(f"config of a classifier has {', '.join(sorted(config))}; it must have {sorted(wanted)}")
    spec = config["features"]
    if isinstance(spec, Mapping) and spec.get("type") == "Librosa":  # before librosa is asked for
        raise ParameterError("features are of type Librosa, which cannot stream")
    return AudioClassifier(
        feature_specs.from_config(spec, tables),
        model,
        config["labels"],
        decision=config["decision"],
        outputs=config.get("outputs", "logits"),
        clip_s=config["clip_s"],
        background=config["background"],
        priors=config.get("priors"),
        detector=Detector.from_config(config["detector"]),
        info=config["info"],
    )


register("AudioClassifier", blueprint)
