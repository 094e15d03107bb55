"""A classifier by its name or file, for whoever has no use for a network alone."""

from __future__ import annotations

from wavenetlite.classifier import AudioClassifier
from wavenetlite.formats import load
from wavenetlite.support.errors import ModelFileError


def load_classifier(source: str) -> AudioClassifier:
    """The classifier in a file, or the bundled one of that name; raises `ModelFileError` for a network alone."""
    loaded = load(source)
    if not isinstance(loaded, AudioClassifier):
        raise ModelFileError(
            f"{source}: a {type(loaded).__name__} without features and labels; it must be a classifier"
        )
    return loaded
