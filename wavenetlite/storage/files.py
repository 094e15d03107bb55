"""Models and classifiers in safetensors files, with the configuration as JSON in the metadata.

Nothing in such a file is trusted; its tensors must be exactly those that the configuration requires. `registry` maps a
configuration to the code that restores it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np

from wavenetlite.storage.opening import opened
from wavenetlite.storage.registry import Blueprint, Storable, blueprint
from wavenetlite.storage.safetensors import (
    BF16,
    OWN_TYPES,
    Tensor,
    as_read,
    checked_tensors,
    header_bytes,
    read_header,
    read_tensors,
)
from wavenetlite.support.arrays import Floats
from wavenetlite.support.atomic_files import replacing
from wavenetlite.support.bounded_json import parse_json
from wavenetlite.support.errors import ModelFileError, ParameterError
from wavenetlite.support.version import __version__

FORMAT = "wavenetlite"
VERSION = 2
"""Version 1 had other layer names: see `wavenetlite.nn.old_types`."""

MOST_CONFIG_CHARACTERS = 2**20
"""Far more than any useful model needs."""


@dataclass(frozen=True)
class FileInfo:
    """The metadata of a model file.

    Attributes
    ----------
    format_version
        Version of the file format.
    wavenetlite_version
        Version of wavenetlite that wrote the file.
    config
        Configuration of the model, as :meth:`wavenetlite.nn.Module.config` returns it; or of the classifier, with
        labels and notes.
    shapes
        Shapes of the tensors, by name.
    dtypes
        Their types: NumPy's names, and ``"bfloat16"``.
    """

    format_version: int
    wavenetlite_version: str
    config: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]
    dtypes: dict[str, str]


def save(model: Storable, path: str | os.PathLike[str]) -> None:
    """Save the configuration and weights of a model or classifier to a safetensors file.

    The same model gives the same bytes. The file is written atomically: until it is complete, and on failure, an
    existing file is left unchanged.

    Parameters
    ----------
    model
        Any module, or an :class:`wavenetlite.AudioClassifier`. Custom layers can be saved if
        `wavenetlite.nn.from_config` can restore them.
    path
        Path of the file; its folder must exist.

    Raises
    ------
    ParameterError
        The model cannot be restored from its configuration, or cannot run.
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


def write(model: Storable, file: BinaryIO) -> None:
    """:func:`save` to an open file; a model that cannot be saved raises before the first byte is written."""
    arrays = {name: little_endian(value) for name, value in model.stored_arrays().items()}
    head = header_bytes(metadata_of(model), arrays)
    try:  # what is written must load: the header passes all checks of `read`
        header = Header.read(BytesIO(head), len(head) + sum(value.nbytes for value in arrays.values()))
        twin = header.finished({name: as_read(value) for name, value in arrays.items()})
    except ModelFileError as error:
        raise ParameterError(f"{type(model).__name__} cannot be saved: {error}") from error.__cause__
    if twin.layer_types() != model.layer_types():
        raise ParameterError(f"{type(model).__name__} cannot be saved: its config restores layers of other types")
    file.write(head)
    for value in arrays.values():
        file.write(value.data)


def little_endian(value: np.ndarray) -> np.ndarray:
    """An array as it is stored, of one of the types of a model's tensors."""
    return np.ascontiguousarray(value, value.dtype.newbyteorder("<"))


def metadata_of(model: Storable) -> dict[str, str]:
    try:
        config = json.dumps(model.config(), separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ParameterError(f"{type(model).__name__} cannot be saved: its config is not valid JSON: {error}") from None
    return {"format": FORMAT, "format_version": str(VERSION), "wavenetlite_version": __version__, "config": config}


def read(file: BinaryIO, size: int) -> Any:
    """Load the model or classifier from an open file of `size` bytes that :func:`save` wrote.

    Raises
    ------
    ModelFileError
        It is truncated, foreign, written by a newer version or tampered with. No memory is allocated for weights that
        are not in the file; nothing is unpickled, and no code is loaded from the file.
    """
    header = Header.read(file, size)
    return header.blueprint().finish(read_tensors(file, header.tensors, as_floats=False))


def info(path: str | os.PathLike[str]) -> FileInfo:
    """Read the metadata of a model file with all checks of `read`, but without the values of weights and tables.

    Parameters
    ----------
    path
        Path of the file, or the name of a bundled model.

    Raises
    ------
    ModelFileError
        The file does not exist, or as in `read`.

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
    with opened(path) as (file, size):
        header = Header.read(file, size)
        header.blueprint()
        written_by = header.metadata.get("wavenetlite_version", "")
        return FileInfo(header.version, written_by, header.config, header.shapes, header.dtypes)


@dataclass(frozen=True, eq=False)
class Header:
    """A validated header: its metadata is ours and its tensors fill the file."""

    metadata: dict[str, str]
    config: dict[str, Any]
    tensors: dict[str, Tensor]  # in the order of the file

    @staticmethod
    def read(file: BinaryIO, size: int) -> Header:
        """Read the header of a file of `size` bytes, up to where the tensors begin."""
        entries, data_bytes = read_header(file, size)
        metadata = checked_metadata(entries.pop("__metadata__", None))
        config = parse_json("its config", metadata["config"])
        return Header(metadata, config, checked_tensors(entries, data_bytes, list(OWN_TYPES.values())))

    @property
    def version(self) -> int:
        return int(self.metadata["format_version"])

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        return {name: tensor.shape for name, tensor in self.tensors.items()}

    @property
    def dtypes(self) -> dict[str, str]:
        numpy_names = {own: name for name, own in OWN_TYPES.items()} | {"BF16": BF16}
        return {name: numpy_names[tensor.dtype] for name, tensor in self.tensors.items()}

    def blueprint(self) -> Blueprint:
        """The blueprint of the configuration, checked against the tensors of the file."""
        found = blueprint(self.config, self.version)
        found.check(self.shapes, self.dtypes)
        return found

    def finished(self, arrays: Mapping[str, Floats]) -> Any:
        """The object in the file, with these arrays."""
        return self.blueprint().finish(arrays)


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
