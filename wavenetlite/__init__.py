"""Stacks of causal, dilated convolutions that stream: the same bits whole, frame by frame or in any blocks."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from wavenetlite import formats, nn
from wavenetlite._version import __version__
from wavenetlite.errors import (
    ArrayTypeError,
    ModelFileError,
    ParameterError,
    SnapshotError,
    StreamMismatchError,
    StreamStateError,
    TrainingError,
    WavenetliteError,
)
from wavenetlite.formats import load
from wavenetlite.kernels import isa
from wavenetlite.nn import TCN, Sequential, WaveNet
from wavenetlite.pool import StreamPool
from wavenetlite.stream import Stream
from wavenetlite.verify import StreamReport, verify_stream

if TYPE_CHECKING:
    from wavenetlite import audio, detect, features, ops, pipeline, receptive_field, train
    from wavenetlite.classify import AudioClassifier
    from wavenetlite.features import MFCC, PCEN, Librosa, LogMel, MelSpectrogram, MuLaw, Spectrogram
    from wavenetlite.formats.torch_modules import from_torch

_FEATURES = ("LogMel", "MelSpectrogram", "Spectrogram", "MFCC", "PCEN", "MuLaw", "Librosa")

__all__ = [
    "MFCC", "PCEN", "TCN", "ArrayTypeError", "AudioClassifier", "Librosa", "LogMel", "MelSpectrogram", "ModelFileError",
    "MuLaw", "ParameterError", "Sequential", "SnapshotError", "Spectrogram", "Stream", "StreamMismatchError",
    "StreamPool", "StreamReport", "StreamStateError", "TrainingError", "WaveNet", "WavenetliteError", "__version__",
    "audio", "detect", "features", "formats", "from_torch", "isa", "load", "nn", "ops", "pipeline", "receptive_field",
    "train", "verify_stream",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Features, audio and what needs them are imported when first named: who streams a network alone does not wait."""
    if name in ("audio", "detect", "features", "ops", "pipeline", "receptive_field", "train"):
        return import_module(f"wavenetlite.{name}")
    if name == "from_torch":
        return import_module("wavenetlite.formats.torch_modules").from_torch
    if name in _FEATURES:
        return getattr(import_module("wavenetlite.features"), name)
    if name == "AudioClassifier":
        return import_module("wavenetlite.classify").AudioClassifier
    raise AttributeError(f"module 'wavenetlite' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
