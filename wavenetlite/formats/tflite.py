"""TFLite (LiteRT): networks of Keras' converter and streaming models with state, read.

Nothing of it needs TensorFlow or LiteRT: files are read by `wavenetlite.formats.flatbuffer`.
"""

from __future__ import annotations

from typing import BinaryIO

from wavenetlite.formats import tflite_file, tflite_import
from wavenetlite.formats.format import Format
from wavenetlite.formats.layers import checked_network
from wavenetlite.nn.module import Module
from wavenetlite.support.checks import positive_int


def load(file: BinaryIO, size: int, *, frames: int | None = None, signature: str | None = None) -> Module:
    """The network in a TFLite file, made to stream: its padding becomes state, and symmetric padding latency.

    A file that keeps state in variables, as microWakeWord's do, is read as the network for the whole signal that its
    calls make block by block; it may be fed in blocks of any size.

    Weights in float16 or, with activations in floats (dynamic range), in int8 are converted to float32 when they are
    loaded, and the network computes in float32. LiteRT rounds such a layer's input to int8 at every call; we do not.

    Parameters
    ----------
    frames
        Length of the signals that the model is for, where it has strides with padding SAME, which begins elsewhere for
        other lengths; None: as its input says.
    signature
        Of the graph, where the file has several; None: the only one.

    Raises
    ------
    ModelFileError
        An operator has no counterpart, or it cannot stream: it is named, with its place and the reason.
    ParameterError
        The file has several graphs and `signature` is not given, or there is no such signature.
    """
    if frames is not None:
        positive_int("frames", frames)
    return checked_network(tflite_import.network, tflite_file.read(file, size), frames, signature)


FORMAT = Format("tflite", "TFLite: graphs of convolutions, whole or streaming", (".tflite",), tflite_file.sniff, load)
