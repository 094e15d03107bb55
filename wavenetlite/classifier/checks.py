"""Checks that the parts of a classifier fit together: each returns its argument or raises a one-line error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from wavenetlite.features import Features
from wavenetlite.nn import Module
from wavenetlite.support.checks import number
from wavenetlite.support.errors import ArrayTypeError, ParameterError

BACKGROUND = ("_silence_", "_unknown_")
"""Speech Commands' names of the two classes that are not words."""


def checked_features(features: Any) -> Features:
    if not isinstance(features, Features):
        raise ArrayTypeError(f"features is a {type(features).__name__}; it must be a spec such as wl.LogMel()")
    if not features.causal:
        features.stream()  # raises, and names a streaming alternative
        raise ParameterError(f"features={features!r} must stream")
    return features


def checked_model(model: Any, features: Features) -> Module:
    if not isinstance(model, Module):
        raise ArrayTypeError(f"model is a {type(model).__name__}; it must be a Module")
    if model.in_width not in (None, features.out_channels):
        raise ParameterError(
            f"model has in_channels={model.in_width}; it must be {features.out_channels}, the features' out_channels"
        )
    if model.condition_channels_needed:
        raise ParameterError(
            f"model has condition_channels={model.condition_channels_needed}; it must be 0 in a classifier"
        )
    return model


def checked_labels(labels: Any) -> tuple[str, ...]:
    if not isinstance(labels, list | tuple):
        raise ArrayTypeError(f"labels is a {type(labels).__name__}; it must be a list of strings")
    for index, label in enumerate(labels):
        if not isinstance(label, str):
            raise ArrayTypeError(f"labels[{index}]={label!r} is a {type(label).__name__}; it must be a string")
        if not label:
            raise ParameterError(f"labels[{index}]='' must not be empty")
    if len(set(labels)) < len(labels):
        twice = Counter(labels).most_common(1)[0][0]
        raise ParameterError(f"labels contains {twice!r} twice; labels must be unique")
    if len(labels) < 2:
        raise ParameterError(
            f"labels has {len(labels)} entries; it must have at least 2: the softmax of one is always 1"
        )
    return tuple(labels)


def checked_background(background: Any, labels: tuple[str, ...]) -> tuple[str, ...]:
    """The background labels among `labels`, in their order."""
    if isinstance(background, str) or not isinstance(background, Iterable):
        raise ArrayTypeError(f"background is a {type(background).__name__}; it must be a list of labels")
    named, known = list(background), frozenset((*labels, *BACKGROUND))
    for label in named:
        if not isinstance(label, str):
            raise ArrayTypeError(f"background contains {label!r}, a {type(label).__name__}; it must list labels")
        if label not in known:
            raise ParameterError(f"background contains {label!r}; it must be one of the labels {', '.join(labels)}")
    chosen = frozenset(named)
    return tuple(label for label in labels if label in chosen)


def checked_priors(priors: Any, labels: tuple[str, ...]) -> dict[str, float]:
    """The factors by label, of the labels that are named."""
    if priors is None:
        return {}
    if not isinstance(priors, Mapping):
        raise ArrayTypeError(f"priors is a {type(priors).__name__}; it must be a dict of labels to numbers")
    for label in priors:
        if label not in labels:
            raise ParameterError(f"priors has {label!r}; it must be one of the labels {', '.join(labels)}")
    made = {label: number(f"priors[{label!r}]", value, least=0.0) for label, value in priors.items()}
    if len(made) == len(labels) and not any(made.values()):
        raise ParameterError("priors has 0 for every label; it must leave some to predict")
    return made
