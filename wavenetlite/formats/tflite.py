"""TFLite (LiteRT): networks of Keras' converter and streaming models with state, read; and networks
of integers for microcontrollers, written.

Nothing of it needs TensorFlow or LiteRT: files are read by `wavenetlite.formats.flatbuffer`.
"""

from __future__ import annotations

from typing import BinaryIO

from wavenetlite.formats import tflite_export, tflite_file, tflite_import, tflite_verifier
from wavenetlite.formats.format import Format, Model, network_of
from wavenetlite.formats.layers import checked_network
from wavenetlite.nn.integer import ROUNDINGS, Rounding
from wavenetlite.nn.module import Module
from wavenetlite.support.checks import one_of, positive_int


def load(
    file: BinaryIO, size: int, *, rounding: Rounding = "single", frames: int | None = None, signature: str | None = None
) -> Module:
    """The network in a TFLite file, made to stream: its padding becomes state, and symmetric padding latency.

    A file that keeps state in variables, as microWakeWord's do, is read as the network for the whole signal that its
    calls make block by block; it may be fed in blocks of any size.

    Weights in float16 or, with activations in floats (dynamic range), in int8 are converted to float32 when they are
    loaded, and the network computes in float32. LiteRT rounds such a layer's input to int8 at every call; we do not.

    Layers of 8-bit integers stay so. The network takes and gives floats: what an input of integers stands for, and what
    an output of integers stands for.

    Parameters
    ----------
    rounding
        How sums of integers are rescaled: "single", as LiteRT's default kernels do, or "double", as TensorFlow Lite
        Micro does. They differ in the last bit here and there.
    frames
        Length of the signals that the model is for, where it has strides with padding SAME, which begins elsewhere for
        other lengths; None: as its input says.
    signature
        Of the graph, where the file has several; None: the only one.

    Raises
    ------
    ModelFileError
        An operator has no counterpart, or it cannot stream: it is named, with its place and the reason. Or the file has
        several graphs and `signature` is not given.
    ParameterError
        There is no such signature.
    """
    if frames is not None:
        positive_int("frames", frames)
    one_of("rounding", rounding, ROUNDINGS)
    held = tflite_file.read(file, size)
    graph = held.main(signature)
    make = tflite_verifier.network if tflite_verifier.has_verifier(graph) else tflite_import.network
    return checked_network(make, held, graph, frames, rounding)


def save(model: Model, file: BinaryIO, *, frames: int | None = None) -> None:
    """Write a network of 8-bit integers as a file that is called block by block, for microcontrollers.

    It has only operators that ESPHome registers for microWakeWord's models, and keeps its state in variables. Input and
    output are the integers of the network's `Quantize` and `Dequantize`; probabilities in 256ths become unsigned. The
    first call is as at the start of a stream. What computes it may round sums as `rounding` does, or by the other rule.

    Parameters
    ----------
    frames
        Of the input at each call: a multiple of the network's frame period; None: one period.

    Raises
    ------
    ParameterError
        The network has layers of floats between its ends, or others that such a file cannot hold, or it waits for later
        frames.
    """
    if frames is not None:
        positive_int("frames", frames)
    file.write(tflite_export.network_bytes(network_of(model), frames))


FORMAT = Format(
    "tflite", "TFLite: graphs of convolutions, whole or streaming", (".tflite",), tflite_file.sniff, load, save
)
