"""openWakeWord, livekit-wakeword and nanowakeword: a speech embedding and networks of words as one classifier."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np

from wavenetlite import nn, nodes
from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.detection.detector import Detector
from wavenetlite.features.open_wake_word import BANDS, BLOCK, RangeName, StartName
from wavenetlite.features.open_wake_word import OpenWakeWordMel as Mel
from wavenetlite.formats import onnx, onnx_file, tflite, tflite_file
from wavenetlite.formats.format import Format
from wavenetlite.formats.onnx_file import OnnxGraph
from wavenetlite.formats.speech_embedding import embedding_of
from wavenetlite.formats.tflite_file import Graph
from wavenetlite.nn.module import Module
from wavenetlite.storage.opening import opened
from wavenetlite.support.errors import ArrayTypeError, ModelFileError, ParameterError

EMBEDDING, MEL = "embedding_model", "melspectrogram"
NO_WORDS = (EMBEDDING, MEL, "silero_vad")
"""What the files beside those of words are called; openwakeword downloads all of them into one folder."""
SUFFIXES = (".onnx", ".tflite")
REST = "_unknown_"
MOST_WORDS = 256
STEP_MS = 80.0
WINDOW = 76
"""Frames that an embedding sees; others may differ by blocks."""
FORCED_STEPS = 5
"""Scores at the start of a stream that openwakeword sets to 0."""
PAUSE_MS = 2000.0
"""After an event, as Wyoming's servers and livekit's listener have it."""
MEL_ERROR = 1e-3

Read = TypeVar("Read")


def load(
    file: BinaryIO,
    size: int,
    *,
    embedding: str | os.PathLike[str] | None = None,
    start: StartName = "silence",
    samples: RangeName = "int16",
) -> AudioClassifier:
    """The wake word of one file, ``.onnx`` or ``.tflite``, with the embedding beside it.

    Its labels are the name of the file, without the ending, and ``_unknown_``; there is an event where the score
    reaches 0.5, and then none for two seconds. The embedding is computed once for every 80 ms, as a stream, not anew
    for each window; the values are the same.

    Parameters
    ----------
    embedding
        File of the embedding; None: ``embedding_model.onnx`` or ``.tflite`` in the word's folder.
    start
        What a stream has heard before its first sample; see :class:`wavenetlite.features.OpenWakeWordMel`. "silence",
        as pyopen-wakeword; "ones", as openwakeword, with no event at the first five scores, which it sets to 0.
    samples
        The range of samples that the networks learned from: "int16" (openWakeWord, nanowakeword) or "unit" (livekit).
        Of livekit's the floor is that of blocks, too, where its own is that of the two seconds that it is given.

    Raises
    ------
    ModelFileError
        The embedding is missing or another one, or the word's network takes something else than embeddings, gives no
        probabilities, or has layers that cannot be read: they are named.
    """
    return words_of([Path(os.fsdecode(file.name))], embedding, start, samples)


def load_folder(
    path: Path,
    *,
    words: Sequence[str] | None = None,
    embedding: str | os.PathLike[str] | None = None,
    start: StartName = "silence",
    samples: RangeName = "int16",
) -> AudioClassifier:
    """All wake words of a folder as one classifier: the embedding is computed once for all of them.

    Parameters
    ----------
    words
        Names of the files, without their endings; None: all files of networks but embedding and mel model.
    embedding, start, samples
        As in `load`.
    """
    held = word_files(path)
    if words is not None:
        if isinstance(words, str) or not all(isinstance(one, str) for one in words):
            raise ArrayTypeError(f"words={words!r} must be a list of names")
        if not words:
            raise ParameterError(f"words is empty; the folder has: {', '.join(held) or 'none'}")
        for one in words:
            if one not in held:
                raise ParameterError(f"words contains {one!r}; the folder has: {', '.join(held) or 'none'}")
        held = {one: held[one] for one in words}
    if not 1 <= len(held) <= MOST_WORDS:
        raise ModelFileError(
            f"a folder with {len(held)} networks of words beside the embedding; it must have 1 to {MOST_WORDS}, unless"
            " a word's file is loaded with format='openwakeword' and embedding=..."
        )
    return words_of(list(held.values()), embedding, start, samples)


def in_folder(path: Path) -> bool:
    return beside(path / EMBEDDING) is not None


def is_word(path: Path) -> bool:
    """Whether a file may be the network of a word: there is an embedding beside it."""
    return path.suffix.lower() in SUFFIXES and path.stem not in NO_WORDS and in_folder(path.parent)


def refuse_helper(path: Path) -> None:
    """Raise if a file is the embedding or the mel model: neither hears a word by itself, nor is a network of frames."""
    reads: dict[str, Callable[[OnnxGraph | Graph], Any]] = {
        EMBEDDING: embedding_of,
        MEL: lambda graph: check_mel(graph, Mel()),
    }
    if path.stem not in reads:
        return
    try:
        checked(path, reads[path.stem])
    except ModelFileError:
        return  # another file of this name
    raise ModelFileError(
        f"openWakeWord's {path.stem}, which hears no word by itself: load its folder with the files of words, or one of"
        " these"
    )


def word_files(path: Path) -> dict[str, Path]:
    """By name; of two files of a name, that of the embedding's format."""
    found: dict[str, Path] = {}
    first = beside(path / EMBEDDING)
    for one in sorted(path.iterdir(), key=lambda one: (one.suffix != (first.suffix if first else ""), one.name)):
        if one.suffix.lower() in SUFFIXES and one.stem not in NO_WORDS and one.is_file():
            found.setdefault(one.stem, one)
    return dict(sorted(found.items()))


def beside(stem: Path, suffix: str = "") -> Path | None:
    """The file of this name, preferably with this ending."""
    names = [stem.with_name(stem.name + ending) for ending in (suffix.lower(), *SUFFIXES) if ending in SUFFIXES]
    return next((one for one in names if one.is_file()), None)


def words_of(
    paths: list[Path], embedding: str | os.PathLike[str] | None, start: StartName, samples: RangeName
) -> AudioClassifier:
    folder = paths[0].parent
    given = beside(folder / EMBEDDING, paths[0].suffix) if embedding is None else embedding
    if given is None:
        raise ModelFileError(f"no {EMBEDDING}.onnx or .tflite beside it; pass embedding=...")
    features = Mel(start=start, samples=samples)
    if mel := beside(folder / MEL, paths[0].suffix):
        checked(mel, lambda graph: check_mel(graph, features))
    heard = checked(given, embedding_of)
    check_embedding(heard)
    networks = [word_network(path, heard.graph(BANDS).channels) for path in paths]
    labels = [label for path, network in zip(paths, networks, strict=True) for label in labels_of(path, network)]
    return AudioClassifier(
        features,
        joined(heard, networks),
        [*labels, REST],
        decision="peak",
        background=[REST],
        detector=Detector(0.5, smoothing_ms=0.0, min_duration_ms=0.0, refractory_ms=PAUSE_MS,
                          warm_up_ms=FORCED_STEPS * STEP_MS if start == "ones" else 0.0),
        outputs="probabilities",
        info={"kind": "openWakeWord", "words": labels, "start": start, "samples": samples},
    )  # fmt: skip


def checked(path: str | os.PathLike[str], read: Callable[[OnnxGraph | Graph], Read]) -> Read:
    """What `read` makes of the graph of a file; errors name the file."""
    with opened(path) as (file, size):
        beginning = file.read(min(size, 64))
        file.seek(0)
        if onnx_file.sniff(beginning):
            return read(onnx_file.read(file, size))
        if tflite_file.sniff(beginning):
            return read(tflite_file.read(file, size).main())
        raise ModelFileError("neither an ONNX nor a TFLite file")


def check_mel(graph: OnnxGraph | Graph, features: Mel) -> None:
    """Raise if a mel model has other filters than ours, which stand for it."""
    filters = features.state_dict()["mel"].T
    constants = (
        graph.constants.values() if isinstance(graph, OnnxGraph) else (one.data for one in graph.tensors.values())
    )
    held = [one for one in constants if one is not None and one.shape == filters.shape]
    if len(held) != 1 or not np.abs(held[0] - filters).max() <= MEL_ERROR * filters.max():
        raise ModelFileError(
            "its mel filters are not openWakeWord's: 32 bands from 60 to 3,800 Hz of 512 points at 16 kHz"
        )


def check_embedding(network: nn.Module) -> None:
    clock = network.graph(BANDS).clock if network.in_width == BANDS else None
    if clock is None or clock.rate != BLOCK or clock.start != clock.newest or (clock.start - WINDOW + 1) % BLOCK:
        raise ModelFileError(f"the embedding takes {network.in_width} bands; it must take {BANDS}, and give"
                             f" one for every {BLOCK} frames, of {WINDOW}")  # fmt: skip


def word_network(path: Path, channels: int) -> Module:
    """The network of a word, from `channels` of an embedding to probabilities."""
    with opened(path) as (file, size):
        beginning = file.read(min(size, 64))
        file.seek(0)
        known = next((one for one in (onnx, tflite) if one.FORMAT.sniff(beginning)), None)
        if known is None:
            raise ModelFileError("neither an ONNX nor a TFLite file")
        network = known.load(file, size)
        if not isinstance(network, Module):
            raise ModelFileError("holds a classifier; a word's network gives scores for embeddings")
        if network.in_width != channels:
            raise ModelFileError(f"it takes {network.in_width} channels; the embedding gives {channels}")
        output = network.graph(channels)
        if output.clock.rate != 1 or output.clock.latency != output.clock.start:
            raise ModelFileError("it does not give one score for each embedding from those before it")
        if not gives_probabilities(output):
            raise ModelFileError("it does not end with a sigmoid or a softmax, so what it gives are no probabilities")
    return network


def gives_probabilities(output: Any) -> bool:
    if isinstance(output, nodes.Sum):  # a word and its verifier
        return all(isinstance(edge.node, nodes.Product) for edge in output.edges)
    return isinstance(output, nodes.Activate) and output.name in ("sigmoid", "softmax")


def labels_of(path: Path, network: Module) -> list[str]:
    """The file's name; of several scores, with their numbers."""
    count = network.graph(network.in_width).channels
    return [path.stem] if count == 1 else [f"{path.stem} {index}" for index in range(count)]


def joined(embedding: Module, networks: list[Module]) -> Module:
    """The embedding, and all words side by side."""
    if len(networks) == 1:
        return nn.Sequential([embedding, networks[0]])
    names = [f"word_{index}" for index in range(len(networks))]
    return nn.Graph(BANDS, [
        ["embedding", embedding, ["x"]],
        *([name, network, ["embedding"]] for name, network in zip(names, networks, strict=True)),
        ["words", "concat", names],
    ])  # fmt: skip


FORMAT = Format(
    "openwakeword", "openWakeWord: a speech embedding and networks of words in ONNX or TFLite", (),
    lambda ends: False, load, load_folder=load_folder, in_folder=in_folder,
)  # fmt: skip
