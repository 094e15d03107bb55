"""Stacks of causal, dilated convolutions that stream: the same bits whole, frame by frame or in any blocks."""

from wavenetlite import nn
from wavenetlite._version import __version__
from wavenetlite.errors import (
    ArrayTypeError,
    ModelFileError,
    ParameterError,
    StreamMismatchError,
    StreamStateError,
    WavenetliteError,
)
from wavenetlite.files import load
from wavenetlite.kernels import isa
from wavenetlite.nn import TCN, Sequential, WaveNet
from wavenetlite.stream import Stream
from wavenetlite.verify import StreamReport, verify_stream

__all__ = [
    "TCN", "ArrayTypeError", "ModelFileError", "ParameterError", "Sequential", "Stream", "StreamMismatchError",
    "StreamReport", "StreamStateError", "WaveNet", "WavenetliteError", "__version__", "isa", "load", "nn",
    "verify_stream",
]  # fmt: skip
