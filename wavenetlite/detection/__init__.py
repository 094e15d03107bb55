"""Scores to timed events."""

from wavenetlite.detection.detector import Detection, Detector
from wavenetlite.detection.gate import Gate

__all__ = ["Detection", "Detector", "Gate"]
