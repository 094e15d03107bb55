from wavenetlite import (
    audio,
    detection,
    evaluation,
    features,
    figures,
    formats,
    nn,
    ops,
    pipeline,
    receptive_field,
    recipes,
    train,
)
from wavenetlite.classifier import AudioClassifier
from wavenetlite.engine.pool import StreamPool
from wavenetlite.engine.stream import Stream
from wavenetlite.evaluation.self_check import StreamReport, verify_stream
from wavenetlite.features import MFCC, PCEN, Librosa, LogMel, MelSpectrogram, MuLaw, Spectrogram
from wavenetlite.formats import load
from wavenetlite.formats.torch_modules import from_torch
from wavenetlite.kernels import isa
from wavenetlite.nn import TCN, Sequential, WaveNet
from wavenetlite.support.errors import (
    ArrayTypeError,
    ModelFileError,
    ParameterError,
    SnapshotError,
    StreamMismatchError,
    StreamStateError,
    TrainingError,
    WavenetliteError,
)
from wavenetlite.support.version import __version__

__all__ = [
    "MFCC", "PCEN", "TCN", "ArrayTypeError", "AudioClassifier", "Librosa", "LogMel", "MelSpectrogram", "ModelFileError",
    "MuLaw", "ParameterError", "Sequential", "SnapshotError", "Spectrogram", "Stream", "StreamMismatchError",
    "StreamPool", "StreamReport", "StreamStateError", "TrainingError", "WaveNet", "WavenetliteError", "__version__",
    "audio", "detection", "evaluation", "features", "figures", "formats", "from_torch", "isa", "load", "nn", "ops",
    "pipeline", "receptive_field", "recipes", "train", "verify_stream",
]  # fmt: skip
