"""Stacks of causal, dilated convolutions that stream: the same bits whole, frame by frame or in any blocks."""

from importlib import import_module
from typing import Any

from wavenetlite.kernels import isa
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

_ROOMS = ("audio", "client", "detection", "evaluation", "features", "figures", "formats", "hub", "models", "nn", "ops",
          "pipeline", "quantization", "receptive_field", "recipes", "sklearn", "train")  # fmt: skip
_HOMES = {
    **dict.fromkeys(("AudioClassifier", "ClassifierPool", "ClassifierStream", "Event", "Prediction"), "classifier"),
    **dict.fromkeys(("Detector", "Gate"), "detection"),
    **dict.fromkeys(("Vocoder", "VocoderStream"), "vocoder"),
    **dict.fromkeys(("Sequential", "TCN", "WaveNet"), "nn"),
    "generate": "nn.generation",
    "Generator": "engine.generator",
    "GeneratorPool": "engine.generator_pool",
    "Stream": "engine.stream",
    "StreamPool": "engine.pool",
    "load": "formats",
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
    """Whatever is named is imported then: who streams a network does not wait for audio, nor features for networks."""
    if name in _ROOMS:
        return import_module(f"wavenetlite.{name}")
    if name in _HOMES:
        return getattr(import_module(f"wavenetlite.{_HOMES[name]}"), name)
    raise AttributeError(f"module 'wavenetlite' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
