"""ONNX: networks of convolutions that PyTorch and others have exported, read; and any of ours, written."""

from __future__ import annotations

from typing import BinaryIO

from wavenetlite import nn
from wavenetlite.formats import onnx_file, onnx_import
from wavenetlite.formats.format import Format


def load(file: BinaryIO, size: int, *, layout: str | None = None) -> nn.Graph:
    """The network in an ONNX file, made to stream: its padding becomes state, and symmetric padding latency.

    Parameters
    ----------
    layout
        What the axes of the input are, such as "batch, channels, time"; None: found by what the graph does.

    Raises
    ------
    ModelFileError
        A node has no counterpart, or it cannot stream: it is named, with the reason.
    """
    return onnx_import.network(onnx_file.read(file, size), layout)


FORMAT = Format("onnx", "ONNX", (".onnx",), onnx_file.sniff, load)
