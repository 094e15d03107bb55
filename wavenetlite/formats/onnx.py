"""ONNX: networks of convolutions that PyTorch and others have exported, read; and any of ours, written.

Nothing of it needs the onnx package: files are read and written by `wavenetlite.formats.protobuf`.
"""

from __future__ import annotations

from typing import BinaryIO

from wavenetlite import nn
from wavenetlite.formats import onnx_export, onnx_file, onnx_import, onnx_own, silero_vad
from wavenetlite.formats.format import Format, Model, network_of
from wavenetlite.support.checks import flag
from wavenetlite.support.errors import ParameterError


def load(file: BinaryIO, size: int, *, layout: str | None = None, sr: int | None = None) -> Model:
    """The network in an ONNX file, made to stream: its padding becomes state, and symmetric padding latency.

    A graph with further inputs is read as one for blocks of a signal: what they hold must be the last frames, or the
    last states, that the outputs beside the first give; it begins with zeros. Files that we wrote give the network of
    which they were written, unless they have been changed.

    Parameters
    ----------
    layout
        What the axes of the input are, such as "batch, channels, time"; None: found by what the graph does.
    sr
        Of silero-vad's files, which are read as classifiers: which of the two networks in a file, 16000 or 8000.

    Raises
    ------
    ModelFileError
        A node has no counterpart, or it cannot stream: it is named, with the reason.
    """
    graph = onnx_file.read(file, size)
    if silero_vad.is_one(graph) and layout is None:
        return silero_vad.classifier(graph, sr)
    if sr is not None:
        raise ParameterError(f"sr={sr} applies to files of silero-vad only")
    ours = onnx_own.network(graph) if layout is None else None
    return onnx_import.network(graph, layout) if ours is None else ours


def save(model: Model, file: BinaryIO, *, streaming: bool = False) -> None:
    """Write a network, or that of a classifier, with its labels in the metadata.

    Input x and output y are (batch, channels, frames); conditioning is an input c. The metadata has ``form``,
    ``frame_period`` (input frames for one of the output), ``latency``, ``receptive_field`` and of a classifier
    ``labels``, ``decision``, ``priors`` where it has some, and ``features``, as JSON. The output is the network's: a
    classifier's are logits, or probabilities of all labels but the last where the metadata's ``outputs`` says so. For
    :func:`wavenetlite.load` it has the network itself, too.

    Parameters
    ----------
    streaming
        False: for whole signals of any length. True: for blocks; a second input ``cache`` and output ``next_cache``
        hold all that is remembered, (batch, floats). The metadata has ``cache_shape`` for one stream; its first value
        ``cache_initial``, "zeros" or the floats in base 64 (little-endian); ``block_multiple``: a block may have any
        number of frames that this divides; and ``delay``: how many of the first output frames are to be dropped,
        because they were before the signal. A network with latency has a third input ``valid``, 1 if left out: 0 for
        the frames of zeros that are given after the signal's end to get its last frames.

    Raises
    ------
    ParameterError
        The network takes any number of channels, or has an operation that ONNX has no nodes for.
    """
    network, channels, metadata = network_of(model), None, {}
    if not isinstance(model, nn.Module):
        channels, about = model.features.out_channels, model.config()
        names = ("labels", "decision", "priors", "outputs", "features")
        metadata = {name: about[name] for name in names if name in about}
    flag("streaming", streaming)
    data = onnx_export.network_bytes(network, channels, streaming=streaming, metadata=metadata)
    file.write(data + onnx_own.appendix(network, data))


FORMAT = Format("onnx", "ONNX: graphs of convolutions; whole or streaming", (".onnx",), onnx_file.sniff, load, save)
