"""Estimators of scikit-learn."""

from wavenetlite.sklearn.speech_classifier import SpeechClassifier

__all__ = ["SpeechClassifier"]
