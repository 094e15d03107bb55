"""A classifier by its name or file, for whoever has no use for a network alone."""

from __future__ import annotations

from wavenetlite.classifier import AudioClassifier
from wavenetlite.formats import load
from wavenetlite.nn import Module
from wavenetlite.support.errors import ModelFileError


def load_classifier(source: str) -> AudioClassifier:
    """The classifier in a file, or the bundled one of that name; raises `ModelFileError` for a network alone."""
    loaded = load(source)
    if not isinstance(loaded, AudioClassifier):
        lacking = " without features and labels" if isinstance(loaded, Module) else ""
        raise ModelFileError(f"{source}: a {type(loaded).__name__}{lacking}; it must be a classifier")
    return loaded
