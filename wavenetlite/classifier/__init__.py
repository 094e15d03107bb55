"""Features, a network and labels as one thing: from audio to a label, or to events while it is still coming."""

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.classifier.decision import Prediction
from wavenetlite.classifier.event import Event
from wavenetlite.classifier.gated import GatedClassifier
from wavenetlite.classifier.gated_pool import GatedPool
from wavenetlite.classifier.gated_stream import GatedStream
from wavenetlite.classifier.pool import ClassifierPool
from wavenetlite.classifier.stream import ClassifierStream
from wavenetlite.classifier.timing import Timing

__all__ = [
    "AudioClassifier",
    "ClassifierPool",
    "ClassifierStream",
    "Event",
    "GatedClassifier",
    "GatedPool",
    "GatedStream",
    "Prediction",
    "Timing",
]
