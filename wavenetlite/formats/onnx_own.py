"""The network that an ONNX file was written of, in the file's metadata: what we write, we read back as it was.

An ONNX graph says less than a network: masks at a signal's ends, caches that begin with other values than zeros, how
several layers became one operator. So files of ours have the network's configuration and those parameters that the
graph has not under their own names. Both hold for the graph that was written: if anything of it was changed, it is read
as any other graph is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import json
import math
from typing import Any

import numpy as np

from wavenetlite.formats import onnx_file
from wavenetlite.formats.onnx_file import OnnxGraph
from wavenetlite.formats.protobuf import encode
from wavenetlite.nn.module import Module
from wavenetlite.storage import registry
from wavenetlite.storage.files import MOST_CONFIG_CHARACTERS, VERSION
from wavenetlite.support.arrays import Floats
from wavenetlite.support.bounded_json import parse_json
from wavenetlite.support.errors import ModelFileError, WavenetliteError

CONFIG, PARAMETERS, DIGEST = "network", "network_parameters", "network_digest"
"""Names in the metadata: the configuration, base 64 of float32 (little-endian), and SHA-256 of both with the graph."""


def appendix(model: Module, data: bytes) -> bytes:
    """What to write after a file of the network, so that it is read back as it was; nothing for layers of one's own,
    which no configuration restores."""
    graph = onnx_file.read(io.BytesIO(data), len(data))
    try:
        config = json.dumps({"version": VERSION, "config": model.config()}, separators=(",", ":"), allow_nan=False)
        blueprint = registry.blueprint(json.loads(config)["config"], VERSION)
        if blueprint.finish(model.state_dict()).layer_types() != model.layer_types():
            return b""
    except (WavenetliteError, TypeError, ValueError, RecursionError):
        return b""
    state = model.state_dict()
    left = not_in_graph(graph, blueprint.shapes)
    if any(not np.array_equal(graph.constants[name], value) for name, value in state.items() if name not in left):
        return b""  # another constant has a parameter's name
    text = base64.b64encode(b"".join(state[name].astype("<f4").tobytes() for name in left)).decode()
    about = {CONFIG: config, PARAMETERS: text, DIGEST: digest(graph, config, text)}
    entries = [encode(onnx_file.ENTRY, key=key, value=value) for key, value in about.items()]
    return encode(onnx_file.MODEL, metadata_props=entries)


def network(graph: OnnxGraph) -> Module | None:
    """The network of a graph that is as it was written; None: of any other."""
    config, text, wanted = (graph.metadata.get(name) for name in (CONFIG, PARAMETERS, DIGEST))
    if config is None or text is None or wanted is None or digest(graph, config, text) != wanted:
        return None
    if len(config) > MOST_CONFIG_CHARACTERS:
        raise ModelFileError(f"its configuration has {len(config)} characters; it must have at most "
                             f"{MOST_CONFIG_CHARACTERS}")  # fmt: skip
    about = parse_json("its configuration", config, MOST_CONFIG_CHARACTERS)
    if about.get("version") not in range(1, VERSION + 1) or not isinstance(about.get("config"), dict):
        return None  # of a later version
    blueprint = registry.blueprint(about["config"], about["version"])
    made: Module = blueprint.finish(arrays(graph, blueprint.shapes, text))
    return made


def arrays(graph: OnnxGraph, shapes: dict[str, tuple[int, ...]], text: str) -> dict[str, Floats]:
    """All parameters: of the graph, and of the metadata."""
    try:
        rest = np.frombuffer(base64.b64decode(text, validate=True), "<f4")
    except (binascii.Error, ValueError):
        raise ModelFileError("the parameters in its metadata are not base 64 of float32") from None
    left = not_in_graph(graph, shapes)
    sizes = [math.prod(shapes[name]) for name in left]
    if sum(sizes) != len(rest):
        raise ModelFileError(f"its metadata have {len(rest)} parameters; its network needs {sum(sizes)}")
    found: dict[str, Any] = {name: graph.constants[name] for name in shapes if name not in left}
    for name, size in zip(left, sizes, strict=True):
        found[name], rest = rest[:size].reshape(shapes[name]), rest[size:]
    return {name: np.array(found[name], np.float32) for name in shapes}


def not_in_graph(graph: OnnxGraph, shapes: dict[str, tuple[int, ...]]) -> list[str]:
    """Parameters that the graph has not as they are."""
    return [name for name, shape in shapes.items()
            if name not in graph.constants or graph.constants[name].shape != shape]  # fmt: skip


def digest(graph: OnnxGraph, config: str, text: str) -> str:
    """Of all that a graph computes, and of what its metadata say of it."""
    made = hashlib.sha256()

    def note(*values: Any) -> None:
        for value in values:
            if isinstance(value, np.ndarray):
                note(value.dtype.str, value.shape)
                made.update(np.ascontiguousarray(value).tobytes())
            else:
                value = bytes(value) if isinstance(value, memoryview) else value
                made.update(repr(value.item() if isinstance(value, np.generic) else value).encode() + b"\n")

    note(config, text, graph.opset, graph.inputs, graph.outputs)
    for node in graph.nodes:
        note(node.kind, node.inputs, node.outputs)
        for name in sorted(node.attributes):
            note(name, node.attributes[name])
    for name in sorted(graph.constants):
        note(name, graph.constants[name])
    return made.hexdigest()
