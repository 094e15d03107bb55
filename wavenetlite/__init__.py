"""Stacks of causal, dilated convolutions that stream: the same bits whole, frame by frame or in any blocks."""

from importlib import import_module
from typing import Any

from wavenetlite import formats, nn
from wavenetlite.engine.generator import Generator
from wavenetlite.engine.generator_pool import GeneratorPool
from wavenetlite.engine.pool import StreamPool
from wavenetlite.engine.stream import Stream
from wavenetlite.formats import load
from wavenetlite.kernels import isa
from wavenetlite.nn import TCN, Sequential, WaveNet
from wavenetlite.nn.generation import generate
from wavenetlite.support.errors import (
    ArrayTypeError,
    MissingPackageError,
    ModelFileError,
    ParameterError,
    SnapshotError,
    StreamMismatchError,
    StreamStateError,
    TargetError,
    TrainingError,
    WavenetliteError,
)
from wavenetlite.support.version import __version__

_ROOMS = ("audio", "client", "detection", "evaluation", "features", "figures", "hub", "models", "ops", "pipeline",
          "quantization", "receptive_field", "recipes", "sklearn", "train")  # fmt: skip
_HOMES = {
    **dict.fromkeys(("AudioClassifier", "ClassifierPool", "ClassifierStream", "Event", "Prediction"), "classifier"),
    **dict.fromkeys(("Detector", "Gate"), "detection"),
    **dict.fromkeys(("Vocoder", "VocoderStream"), "vocoder"),
    "from_torch": "formats.torch_modules",
    "quantize": "quantization",
    **dict.fromkeys(("StreamReport", "verify_stream"), "evaluation.self_check"),
    **dict.fromkeys(
        ("LogMel", "MelSpectrogram", "MicroFrontend", "Spectrogram", "MFCC", "PCEN", "MuLaw", "Librosa"), "features"
    ),
}
"""Where the names lie that are imported when first used."""

__all__ = [
    "MFCC", "PCEN", "TCN", "ArrayTypeError", "AudioClassifier", "ClassifierPool", "ClassifierStream", "Detector",
    "Event",
    "Gate", "Generator", "GeneratorPool", "Librosa", "LogMel", "MelSpectrogram", "MicroFrontend", "MissingPackageError",
    "ModelFileError", "MuLaw", "ParameterError", "Prediction", "Sequential", "SnapshotError", "Spectrogram",
    "Stream", "StreamMismatchError", "StreamPool", "StreamReport", "StreamStateError", "TargetError",
    "TrainingError", "Vocoder", "VocoderStream", "WaveNet", "WavenetliteError", "__version__", "audio", "client",
    "detection", "evaluation",
    "features", "figures", "formats", "from_torch", "generate", "hub", "isa", "load", "models", "nn", "ops", "pipeline",
    "quantization", "quantize", "receptive_field", "recipes", "sklearn", "train", "verify_stream",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """Features, audio and what needs them are imported when first named: who streams a network alone does not wait."""
    if name in _ROOMS:
        return import_module(f"wavenetlite.{name}")
    if name in _HOMES:
        return getattr(import_module(f"wavenetlite.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'wavenetlite' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
