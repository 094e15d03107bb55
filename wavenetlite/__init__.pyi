from wavenetlite import (
    audio,
    client,
    detection,
    evaluation,
    features,
    figures,
    formats,
    hub,
    models,
    nn,
    ops,
    pipeline,
    quantization,
    receptive_field,
    recipes,
    sklearn,
    train,
)
from wavenetlite.classifier import AudioClassifier, ClassifierPool, ClassifierStream, Event, Prediction
from wavenetlite.detection import Detector, Gate
from wavenetlite.engine.generator import Generator
from wavenetlite.engine.generator_pool import GeneratorPool
from wavenetlite.engine.pool import StreamPool
from wavenetlite.engine.stream import Stream
from wavenetlite.evaluation.self_check import StreamReport, verify_stream
from wavenetlite.features import MFCC, PCEN, Librosa, LogMel, MelSpectrogram, MicroFrontend, MuLaw, Spectrogram
from wavenetlite.formats import load
from wavenetlite.formats.torch_modules import from_torch
from wavenetlite.kernels import isa
from wavenetlite.nn import TCN, Sequential, WaveNet
from wavenetlite.nn.generation import generate
from wavenetlite.quantization import quantize
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
from wavenetlite.vocoder import Vocoder, VocoderStream

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
