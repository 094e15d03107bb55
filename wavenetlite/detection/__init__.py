"""Scores to timed events."""

from wavenetlite.detection.detector import Detection, Detector

__all__ = ["Detection", "Detector"]
