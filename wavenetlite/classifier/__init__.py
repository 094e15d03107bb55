"""Features, a network and labels as one thing: from audio to a label, or to events while it is still coming."""

from wavenetlite.classifier.classifier import AudioClassifier, ClassifierStream, Event, Prediction
from wavenetlite.classifier.pool import ClassifierPool

__all__ = ["AudioClassifier", "ClassifierPool", "ClassifierStream", "Event", "Prediction"]
