"""Wake words for ESPHome: a TFLite file, and the manifest beside it that says how its scores are decided on."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wavenetlite.formats import tflite_export
from wavenetlite.formats.format import Model, network_of
from wavenetlite.formats.tflite_file import Graph, TfliteFile
from wavenetlite.support.atomic_files import replacing
from wavenetlite.support.checks import number, positive_int
from wavenetlite.support.errors import ParameterError

FEATURES = 40
"""That ESPHome's front end gives for each step."""
FEATURE_SCALE, FEATURE_ZERO_POINT, TOLERANCE = 26 / 255, -128, 0.01
"""How it turns features into integers: by constants of its own, whatever the file says."""
TENSOR_BYTES, OPERATOR_BYTES, ARENA_BYTES = 80, 192, 2048
"""That TensorFlow Lite Micro takes for each tensor and operator besides their numbers, and for all; rather too many."""
MOST_VARIABLES = 20
"""That ESPHome's interpreter has room for: one for each sequence of which earlier frames are read."""
GAPS = 2
"""Of the memory for tensors that are needed at once: they lie at multiples of 16 bytes, as they happen to fit."""


def save_wake_word(
    model: Model,
    path: str | os.PathLike[str],
    *,
    wake_word: str,
    probability_cutoff: float,
    sliding_window_size: int = 5,
    feature_step_size: int = 10,
    trained_languages: Sequence[str] = ("en",),
    author: str = "",
    website: str = "",
    tensor_arena_size: int | None = None,
    minimum_esphome_version: str = "2024.7.0",
) -> None:
    """Write a network of 8-bit integers as a wake word for ESPHome: ``path`` and, of that name, a manifest ``.json``.

    Parameters
    ----------
    model
        A network from 40 features of `MicroFrontend` to one probability, that :func:`wavenetlite.formats.save` can
        write as TFLite. Its first `Quantize` must have scale 26 / 255 and zero point -128: ESPHome makes such integers,
        whatever the file says.
    path
        Of the file; it must end in ``.tflite``.
    wake_word, trained_languages, author, website
        What users are told of it.
    probability_cutoff
        The word is detected where the mean of the last `sliding_window_size` probabilities is above this, 0 to 1.
    feature_step_size
        Milliseconds from one frame of features to the next.
    tensor_arena_size
        Bytes of memory that the model needs on the device; None: enough of them, by its tensors.
    minimum_esphome_version
        That can run it.

    Raises
    ------
    ParameterError
        The network is no such one, or an option is out of range; no file is changed.

    Examples
    --------
    >>> import numpy as np, os, tempfile, wavenetlite as wl
    >>> nn = wl.nn
    >>> scales = {"input_scale": 26 / 255, "input_zero_point": -128, "output_scale": 0.1}
    >>> net = wl.Sequential([
    ...     nn.Quantize(40, 26 / 255, -128), nn.IntegerConv1d(40, 1, 5, stride=3, padding=(2, 0), **scales),
    ...     nn.IntegerLookup(1, "sigmoid", input_scale=0.1, output_scale=1 / 256, output_zero_point=-128),
    ...     nn.Dequantize(1, 1 / 256, -128)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "hello.tflite")
    ...     wl.formats.save_wake_word(net, path, wake_word="Hello", probability_cutoff=0.9)
    ...     sorted(os.listdir(folder))
    ['hello.json', 'hello.tflite']
    """
    target = Path(path)
    if target.suffix.lower() != ".tflite":
        raise ParameterError(f"path={os.fspath(path)!r} must end in .tflite")
    if not 0 < number("probability_cutoff", probability_cutoff) < 1:
        raise ParameterError(f"probability_cutoff={probability_cutoff} must be between 0 and 1")
    for name, value in (("wake_word", wake_word), ("author", author), ("website", website)):
        if not isinstance(value, str):
            raise ParameterError(f"{name}={value!r} must be a string")
    if not wake_word.strip():
        raise ParameterError(f"wake_word={wake_word!r} must not be empty")
    data = tflite_export.network_bytes(network_of(model), None)
    check_ends(data)
    check_variables(data)
    arena = arena_size(data) if tensor_arena_size is None else positive_int("tensor_arena_size", tensor_arena_size)
    manifest = {
        "type": "micro", "wake_word": wake_word, "author": author, "website": website, "model": target.name,
        "trained_languages": list(trained_languages), "version": 2,
        "micro": {
            "probability_cutoff": float(probability_cutoff),
            "feature_step_size": positive_int("feature_step_size", feature_step_size),
            "sliding_window_size": positive_int("sliding_window_size", sliding_window_size),
            "tensor_arena_size": arena, "minimum_esphome_version": minimum_esphome_version,
        },
    }  # fmt: skip
    text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
    for where, content in ((target, data), (target.with_suffix(".json"), text.encode())):
        with replacing(where) as file:
            file.write(content)


def ends(data: bytes) -> tuple[Any, Any]:
    """The tensors of input and output of a file."""
    graph = TfliteFile(data).main()
    return graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]


def check_ends(data: bytes) -> None:
    given, gives = ends(data)
    if given.shape[-1] != FEATURES:
        raise ParameterError(f"the model reads {given.shape[-1]} channels; a wake word must read {FEATURES} features")
    scale, zero_point = float(given.scale[0]), int(given.zero_point[0])
    if zero_point != FEATURE_ZERO_POINT or abs(scale / FEATURE_SCALE - 1) > TOLERANCE:
        raise ParameterError(f"the model's Quantize has scale={scale:.6g}, zero_point={zero_point}; ESPHome gives "
                             f"integers of scale=26/255, zero_point={FEATURE_ZERO_POINT}: quantise with these, such as "
                             "by calibration frames that reach from 0 to 26")  # fmt: skip
    if gives.shape != (1, 1) or gives.type != "uint8":
        raise ParameterError("the model must give one probability at each call: a sigmoid of 1 channel with "
                             "output_scale=1/256 and output_zero_point=-128, then a Dequantize")  # fmt: skip


def check_variables(data: bytes) -> None:
    """Raise if a device would have no room for what the model remembers."""
    count = sum(node.kind == "VAR_HANDLE" for node in TfliteFile(data).graph(0).nodes)
    if count > MOST_VARIABLES:
        raise ParameterError(f"the model keeps {count} sequences of earlier frames; ESPHome has room for "
                             f"{MOST_VARIABLES}: leave out convolutions over time, or networks of a mean")  # fmt: skip


def arena_size(data: bytes) -> int:
    """Bytes that are enough for the tensors of a file that are needed at once, and what is kept about all."""
    file = TfliteFile(data)
    graph, setter = file.graph(0), file.graph(1)
    kept = [one.data.size for one in setter.tensors.values() if one.data is not None]
    tensors, operators = len(graph.tensors) + len(setter.tensors), len(graph.nodes) + len(setter.nodes)
    return GAPS * most_at_once(graph) + sum(kept) + TENSOR_BYTES * tensors + OPERATOR_BYTES * operators + ARENA_BYTES


def most_at_once(graph: Graph) -> int:
    """The most bytes of tensors that were made, or given, and are still to be read."""
    sizes = {name: math.prod(one.shape) for name, one in graph.tensors.items() if one.data is None}
    last = {name: at for at, node in enumerate(graph.nodes) for name in node.inputs}
    now = most = sum(sizes[name] for name in graph.inputs)
    for at, node in enumerate(graph.nodes):
        now += sum(sizes[name] for name in node.outputs)
        most = max(most, now)
        now -= sum(sizes[name] for name in {*node.inputs, *node.outputs} if name in sizes and last.get(name, at) == at)
    return most
