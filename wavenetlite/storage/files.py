"""A model or a classifier in one file: safetensors, with the configuration as JSON in its metadata.

Such a file is 8 bytes that hold the length of a header, the header, JSON that names every tensor, and the tensors.
Nothing in it is trusted: each step is taken only when the ones before it have bounded what it may cost, memory for a
tensor is taken only when the file is known to hold it, and the tensors must be those that the configuration asks for.

Written here and not with the safetensors package, which puts the metadata in a new order every time: here the same
model makes the same bytes. Tests hold the two against each other.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from wavenetlite import models
from wavenetlite.nn.module import Module, from_config
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ArrayTypeError, ModelFileError, ParameterError, WavenetliteError
from wavenetlite.support.version import __version__

if TYPE_CHECKING:
    from wavenetlite.classifier.classifier import AudioClassifier

FORMAT = "wavenetlite"
VERSION = 1

# What a file may ask for before its tensors are looked at: far above any model of use.
MOST_HEADER_BYTES = 8 * 2**20
MOST_CONFIG_CHARACTERS = 2**20
MOST_MARKS = 1_000_000  # brackets and commas of JSON: they bound how many values it makes
MOST_DEPTH = 100
MOST_LAYERS = 10_000

TABLES, WEIGHTS = "features.", "model."
"""What the names of a classifier's tensors begin with: those of its features and of its network."""

MOST_MESSAGE = 240
"""Characters of a message: what it quotes from a file may be of any length."""


@dataclass(frozen=True)
class FileInfo:
    """What a model file says of itself.

    Attributes
    ----------
    format_version
        Of the file.
    wavenetlite_version
        That wrote it.
    config
        Of the model, as :meth:`wavenetlite.nn.Module.config` gives it; or of the classifier, with labels and notes.
    shapes
        Of the tensors, by name.
    """

    format_version: int
    wavenetlite_version: str
    config: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]


def save(model: Module | AudioClassifier, path: str | os.PathLike[str]) -> None:
    """Write a model or a classifier, configuration and weights, to one safetensors file.

    The same model makes the same bytes. The file appears under its name when it is complete; until then, and if
    anything fails, an older file of that name stays as it was.

    Parameters
    ----------
    model
        Any module, or an :class:`wavenetlite.AudioClassifier`. Layers of your own can be saved if
        `wavenetlite.nn.from_config` makes them again.
    path
        Of the file; its folder must exist.

    Raises
    ------
    ParameterError
        The model cannot be made again from its configuration, or cannot run.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import os, tempfile, wavenetlite as wl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     wl.nn.Linear(3, 2).save(path)
    ...     wl.load(path)
    Linear(in_features=3, out_features=2, bias=True)
    """
    with replacing(path) as file:
        write(model, file)


def write(model: Module | AudioClassifier, file: BinaryIO) -> None:
    """What :func:`save` writes, to an open file; a model that cannot be saved raises before the first byte."""
    network = network_of(model)
    state = {name: np.ascontiguousarray(value, "<f4") for name, value in model.state_dict().items()}
    head = head_of(model, state)
    try:  # what is written must load: the head goes through all that `load` does with it
        header = Header.read(BytesIO(head), len(head) + sum(value.nbytes for value in state.values()))
        twin = header.model()
        check_runs(network)
        header.assembled(network, state)
    except ModelFileError as error:
        raise ParameterError(f"{type(model).__name__} cannot be saved: {error}") from error.__cause__
    if kinds(twin) != kinds(network):
        raise ParameterError(f"{type(model).__name__} cannot be saved: its config makes layers of other types")
    file.write(head)
    for value in state.values():
        file.write(value.data)


def network_of(model: Any) -> Module:
    """A model itself, or the network of a classifier."""
    if isinstance(model, Module):
        return model
    from wavenetlite.classifier.classifier import AudioClassifier

    if not isinstance(model, AudioClassifier):
        raise ArrayTypeError(f"model is a {type(model).__name__}; it must be a Module or an AudioClassifier")
    return model.model


def kinds(model: Module) -> list[tuple[str, type[Module]]]:
    return [(path, type(module)) for path, module in model.modules()]


def load(path: str | os.PathLike[str]) -> Module | AudioClassifier:
    """The model or the classifier in a file that :func:`save` wrote. Nothing is unpickled; no code comes from a file.

    Parameters
    ----------
    path
        Of the file; or the name of a bundled model (:func:`wavenetlite.models.names`), where there is no such file.

    Raises
    ------
    ModelFileError
        There is no such file, or it is truncated, foreign, written by a newer version or tampered with. No memory is
        taken for weights that the file does not hold.

    Examples
    --------
    >>> import numpy as np, os, tempfile, wavenetlite as wl
    >>> model, x = wl.TCN(40, 12, channels=8, dilations=[1, 2]), np.ones((5, 40), np.float32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     model.save(path)
    ...     again = wl.load(path)
    >>> np.array_equal(again(x), model(x))
    True
    """
    with opened(found(path)) as (file, size):
        return read(file, size)


def read(file: BinaryIO, size: int) -> Module | AudioClassifier:
    """What :func:`load` returns, from an open file of `size` bytes."""
    header = Header.read(file, size)
    model = header.model()
    state = {name: read_tensor(file, name, shape) for name, shape in header.shapes.items()}
    try:
        model.load_state_dict(header.weights(state))
    except ParameterError as error:
        raise ModelFileError(str(error)) from None
    check_runs(model)
    return header.assembled(model, state)


def found(path: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """`path`, or the file of the bundled model of that name."""
    if not isinstance(path, str) or not re.fullmatch(r"[\w-]+", path, re.ASCII) or Path(path).exists():
        return path
    try:
        return models.path(path)
    except ParameterError:
        bundled = ", ".join(models.names()) or "none"
        raise ModelFileError(
            one_line(Path(path), f"there is no such file, nor a bundled model of that name; bundled: {bundled}")
        ) from None


def info(path: str | os.PathLike[str]) -> FileInfo:
    """What a model file says of itself, checked as :func:`load` does; the values of weights and tables are not read.

    Parameters
    ----------
    path
        Of the file, or the name of a bundled model.

    Raises
    ------
    ModelFileError
        As `load`.

    Examples
    --------
    >>> import os, tempfile, wavenetlite as wl
    >>> from wavenetlite.storage import files
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     wl.nn.Linear(3, 2).save(path)
    ...     files.info(path).shapes
    {'weight': (2, 3), 'bias': (2,)}
    """
    with opened(found(path)) as (file, size):
        header = Header.read(file, size)
        header.model()
        return FileInfo(VERSION, header.metadata.get("wavenetlite_version", ""), header.config, header.shapes)


# The header


@dataclass(frozen=True)
class Header:
    """A header whose JSON is sound, whose metadata is ours and whose tensors fill the file."""

    metadata: dict[str, str]
    config: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]  # in the order of the file

    @staticmethod
    def read(file: BinaryIO, size: int) -> Header:
        """The header of a file of `size` bytes; the file is left where the tensors begin."""
        if size < 8:
            raise ModelFileError(f"truncated or not a safetensors file: it has {size} bytes")
        length = int.from_bytes(file.read(8), "little")
        if length > MOST_HEADER_BYTES:
            raise ModelFileError(
                f"not a safetensors file: its header would have {length} bytes; {MOST_HEADER_BYTES} at most are read"
            )
        if length > size - 8:
            raise ModelFileError(f"truncated: its header has {length} bytes, the whole file {size}")
        header = file.read(length)
        if not header.startswith(b"{"):
            raise ModelFileError("not a safetensors file: it has no JSON header")
        try:
            text = header.decode()
        except UnicodeDecodeError:
            raise ModelFileError("its header is not UTF-8") from None
        tensors = parse_json("its header", text)
        metadata = checked_metadata(tensors.pop("__metadata__", None))
        config = parse_json("its config", metadata["config"])
        layers = size_of(config.get("model") if is_classifier(config) else config)
        if layers > MOST_LAYERS:
            raise ModelFileError(f"its config has {layers} layers and list entries; it must have at most {MOST_LAYERS}")
        return Header(metadata, config, checked_tensors(tensors, size - 8 - length))

    def model(self) -> Module:
        """The network of the configuration, without weights; its tensors are those of the file."""
        config = self.config["model"] if self.of_classifier and "model" in self.config else self.config
        try:
            model = from_config(config)
            wanted = {self.prefix + name: shape for name, shape in model.all_parameter_shapes().items()}
        except Exception as error:  # what options of any kind may do in the constructors of any layer
            raise ModelFileError(f"its config is wrong: {error}") from error
        for name, shape in wanted.items():
            if name not in self.shapes:
                raise ModelFileError(f"it lacks the tensor {name!r}, shape {shape}")
            if self.shapes[name] != shape:
                raise ModelFileError(f"tensor {name!r} has shape {self.shapes[name]}; its config says {shape}")
        for name in self.shapes:
            if name not in wanted and not (self.of_classifier and name.startswith(TABLES)):
                raise ModelFileError(f"it has a tensor {name!r}, which the model of its config has not")
        return model

    @property
    def of_classifier(self) -> bool:
        return is_classifier(self.config)

    @property
    def prefix(self) -> str:
        """What the names of the network's tensors begin with."""
        return WEIGHTS if self.of_classifier else ""

    def weights(self, state: dict[str, Floats]) -> dict[str, Floats]:
        """The network's tensors, by the names that it gives them."""
        return {name.removeprefix(self.prefix): value for name, value in state.items() if name.startswith(self.prefix)}

    def assembled(self, model: Module, state: dict[str, Floats]) -> Module | AudioClassifier:
        """The network itself, or the classifier that it is a part of."""
        if not self.of_classifier:
            return model
        from wavenetlite.classifier.classifier import restored

        tables = {name.removeprefix(TABLES): value for name, value in state.items() if name.startswith(TABLES)}
        try:
            return restored(self.config, model, tables)
        except Exception as error:  # as in `model`
            raise ModelFileError(f"its config is wrong: {error}") from error


def is_classifier(config: dict[str, Any]) -> bool:
    return config.get("type") == "AudioClassifier"


def head_of(model: Module | AudioClassifier, state: dict[str, Floats]) -> bytes:
    """What stands in a file before the tensors of `state`, which follow in that order."""
    try:
        config = json.dumps(model.config(), separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ParameterError(f"{type(model).__name__} cannot be saved: its config is not JSON: {error}") from None
    entries: dict[str, Any] = {
        "__metadata__": {
            "format": FORMAT,
            "format_version": str(VERSION),
            "wavenetlite_version": __version__,
            "config": config,
        }
    }
    at = 0
    for name, value in state.items():
        entries[name] = {"dtype": "F32", "shape": value.shape, "data_offsets": (at, at + value.nbytes)}
        at += value.nbytes
    header = json.dumps(entries, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the tensors begin on a multiple of 8 bytes, as safetensors advises
    return len(header).to_bytes(8, "little") + header


def parse_json(what: str, text: str, most_marks: int = MOST_MARKS) -> dict[str, Any]:
    """A JSON object, refused before it is parsed if it would nest deeply or make very many values."""
    outline = re.sub(r'"[^"]*"', "", text.replace(r"\\", "").replace(r"\"", ""))
    if sum(map(outline.count, ",[]{}")) > most_marks:
        raise ModelFileError(f"{what} has more than {most_marks} brackets and commas")
    # A depth of our own: the parser's limit is the interpreter's, which may have been set higher than the stack bears.
    if max(accumulate(1 if mark in "[{" else -1 for mark in re.findall(r"[][{}]", outline)), default=0) > MOST_DEPTH:
        raise ModelFileError(f"{what} is nested more than {MOST_DEPTH} deep")
    try:
        value = json.loads(text, object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise ModelFileError(f"{what} is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ModelFileError(f"{what} is a {type(value).__name__}; it must be an object")
    return value


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        raise ValueError("a name stands in it twice")
    return made


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def size_of(config: Any) -> int:
    """Objects and list entries in a configuration: a bound for the layers it makes (dilations make a block each)."""
    if isinstance(config, dict):
        return 1 + sum(map(size_of, config.values()))
    if isinstance(config, list):
        return sum(max(1, size_of(item)) for item in config)
    return 0


def checked_metadata(metadata: Any) -> dict[str, str]:
    if not isinstance(metadata, dict):
        raise ModelFileError("not a wavenetlite model: its header has no metadata")
    if metadata.get("format") != FORMAT:
        raise ModelFileError(f"not a wavenetlite model: its metadata has format={metadata.get('format')!r}")
    for key, value in metadata.items():
        if not isinstance(value, str):
            raise ModelFileError(f"its metadata has {key}={value!r}; it must be a string")
    version = metadata.get("format_version", "")
    if not re.fullmatch("[1-9][0-9]{0,8}", version):
        raise ModelFileError(f"its metadata has format_version={version!r}; it must be a positive integer")
    if int(version) > VERSION:
        raise ModelFileError(f"it was written by a newer wavenetlite: format {version}, this version reads {VERSION}")
    config = metadata.get("config")
    if config is None:
        raise ModelFileError("its metadata has no config")
    if len(config) > MOST_CONFIG_CHARACTERS:
        raise ModelFileError(f"its config has {len(config)} characters; it must have at most {MOST_CONFIG_CHARACTERS}")
    return metadata


def checked_tensors(tensors: dict[str, Any], data_bytes: int) -> dict[str, tuple[int, ...]]:
    """Shapes of the tensors in the order of the file, which they fill from the first to the last byte."""
    spans: list[tuple[int, int, str, tuple[int, ...]]] = []
    for name, entry in tensors.items():
        if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
            raise ModelFileError(f"tensor {name!r} must have a dtype, a shape and data_offsets")
        if entry["dtype"] != "F32":
            raise ModelFileError(f"tensor {name!r} has dtype {entry['dtype']!r}; it must be 'F32'")
        shape, offsets = integers(name, "shape", entry["shape"]), integers(name, "data_offsets", entry["data_offsets"])
        if len(offsets) != 2 or offsets[1] - offsets[0] != math.prod(shape) * 4:
            raise ModelFileError(f"tensor {name!r} has data_offsets {offsets}, which its shape {shape} does not fill")
        spans.append((offsets[0], offsets[1], name, shape))
    spans.sort()
    end = 0
    for first, last, name, _ in spans:
        if first != end:
            raise ModelFileError(
                f"tensor {name!r} begins at byte {first} of the data; it must at {end}, where the one before ends"
            )
        end = last
    if end > data_bytes:
        raise ModelFileError(f"truncated: it has {data_bytes} of {end} bytes of tensors")
    if end < data_bytes:
        raise ModelFileError(f"it has {data_bytes - end} bytes after the last tensor")
    return {name: shape for _, _, name, shape in spans}


def integers(name: str, key: str, value: Any) -> tuple[int, ...]:
    """A list of integers from 0 on; of few, so that their product is one too that can be computed."""
    if not isinstance(value, list) or len(value) > 8 or any(type(item) is not int or item < 0 for item in value):
        raise ModelFileError(f"tensor {name!r} has {key}={value!r}; it must be a list of a few integers")
    return tuple(value)


# The tensors and the file


def read_tensor(file: BinaryIO, name: str, shape: tuple[int, ...]) -> Floats:
    """The tensor that comes next."""
    data = file.read(math.prod(shape) * 4)
    if len(data) < math.prod(shape) * 4:
        raise ModelFileError(f"truncated in tensor {name!r} while it was read")
    return np.frombuffer(data, "<f4").reshape(shape).astype(np.float32, copy=False)


def check_runs(model: Module) -> None:
    """Layers may fit one by one and not together: clocks of branches, conditioning, a variance below zero."""
    try:
        if model.in_channels is not None:
            model.graph()
    except Exception as error:  # as in `Header.model`
        raise ModelFileError(f"its network cannot run: {error}") from error


@contextmanager
def opened(path: str | os.PathLike[str]) -> Iterator[tuple[BinaryIO, int]]:
    """The file and its size; whatever is wrong with it is told in one line that names it."""
    if not isinstance(path, str | os.PathLike):
        raise ArrayTypeError(f"path is a {type(path).__name__}; it must be a string or a path")
    path = Path(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # asked first: opening a pipe would wait for its other end
            raise ModelFileError("not a file")
        with path.open("rb") as file:
            yield file, os.fstat(file.fileno()).st_size
    except ModelFileError as error:
        raise ModelFileError(one_line(path, str(error))) from error.__cause__
    except WavenetliteError:  # of the caller's options, not of the file
        raise
    except FileNotFoundError:
        raise ModelFileError(one_line(path, "there is no such file")) from None
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise ModelFileError(one_line(path, f"cannot be read: {error}")) from None


def one_line(path: Path, message: str) -> str:
    """What is wrong with a file. What is quoted from it may be long, and have line ends and control characters."""
    half = MOST_MESSAGE // 2
    short = message if len(message) <= MOST_MESSAGE else f"{message[:half]} ... {message[-half:]}"
    return "".join(character if character.isprintable() else "?" for character in f"{path}: {short}")


@contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A new file that takes its name, and the place of an older file, when all has been written."""
    target = Path(path).resolve()  # a link goes on to lead to the file
    temporary = target.parent / f".{secrets.token_hex(8)}.tmp"  # in that folder: a rename stays within one disk
    try:
        with temporary.open("xb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # the bytes before the name: a power cut leaves the old file or the new one
        temporary.replace(target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(path)) from error
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
