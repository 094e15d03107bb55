"""Files of Keras: what they say of a model, and its variables; read here, without Keras.

A ``.keras`` file is a zip of ``config.json`` and ``model.weights.h5``; a legacy ``.h5`` file has the configuration in
an attribute. Variables are kept by the path of their layer, in the layer's own order. The two name layers differently:
by class and number ("conv1d_1"), and by the names that the configuration gives them.
"""

from __future__ import annotations

import io
import math
import mmap
import zipfile
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from wavenetlite.formats.hdf5_strings import check_strings
from wavenetlite.formats.layers import as_float32
from wavenetlite.formats.reading import MOST_JSON_BYTES, MOST_NUMBERS
from wavenetlite.formats.tensors import MOST_TENSORS
from wavenetlite.support.arrays import Floats
from wavenetlite.support.bounded_json import parse_json
from wavenetlite.support.errors import ModelFileError
from wavenetlite.support.optional import optional

HDF5 = b"\x89HDF\r\n\x1a\n"
ZIP = b"PK\x03\x04"
NAMES = rb"(?:model_config|layer_names|weight_names)\d*"
"""Of the attributes that are read."""
MOST_DEPTH = 32
MOST_LINKS = 8 * MOST_TENSORS
CONTAINERS = "layers", "_layer_checkpoint_dependencies"
"""Groups between a model and its layers, by newer and by older versions."""

Path = tuple[str, ...]


@dataclass(frozen=True)
class KerasFile:
    """What a file holds.

    Attributes
    ----------
    config
        Of the model, as Keras serialises it; None: the file has variables only.
    variables
        Float arrays by the path of their layer.
    by_name
        Whether paths are of the configuration's names, or of classes and numbers.
    """

    config: dict[str, Any] | None
    variables: dict[Path, list[Floats]]
    by_name: bool


def sniff(ends: bytes) -> bool:
    archive = ends.startswith(ZIP) and b"config.json" in ends and b"model.weights.h5" in ends
    return archive or ends.startswith(HDF5)


def read(file: BinaryIO, size: int) -> KerasFile:
    """All that a file holds. Nothing in it is run."""
    begin = file.read(len(HDF5))
    file.seek(0)
    if not begin.startswith(ZIP):
        return read_hdf5(file, size)
    config, weights = unpacked(file, size)
    held = read_hdf5(io.BytesIO(weights), len(weights))
    return KerasFile(parsed(config), held.variables, held.by_name)


def parsed(config: bytes | str) -> dict[str, Any]:
    if len(config) > MOST_JSON_BYTES:
        raise ModelFileError(f"its configuration has {len(config)} characters; it must have at most {MOST_JSON_BYTES}")
    try:
        text = config.decode() if isinstance(config, bytes) else config
    except UnicodeDecodeError:
        raise ModelFileError("its configuration is not UTF-8") from None
    return parse_json("its configuration", text, MOST_NUMBERS)


def unpacked(file: BinaryIO, size: int) -> tuple[bytes, bytes]:
    """The two parts of a ``.keras`` file."""
    try:
        with zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if any(one.compress_type != zipfile.ZIP_STORED for one in entries):
                raise ModelFileError("its archive has parts that are compressed: Keras writes none")
            if sum(one.file_size for one in entries) > size:
                raise ModelFileError("its archive has parts that are larger than the file")
            return archive.read("config.json"), archive.read("model.weights.h5")
    except ModelFileError:
        raise
    except Exception as error:  # whatever bytes do to it
        raise ModelFileError(f"its archive is damaged: {first_line(error)}") from None


def read_hdf5(file: BinaryIO, size: int) -> KerasFile:
    h5py = optional("h5py", "keras", "a file of Keras", ModelFileError)
    if isinstance(file, io.BytesIO):
        check_strings(file.getvalue(), NAMES)
    elif size:
        with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as data:
            check_strings(data, NAMES)
    try:
        with h5py.File(file, "r") as root:
            return contents(h5py, root, size)
    except ModelFileError:
        raise
    except Exception as error:  # whatever bytes do to it
        raise ModelFileError(f"its HDF5 data are damaged: {first_line(error)}") from None


def first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def contents(h5py: Any, root: Any, size: int) -> KerasFile:
    groups, datasets = walk(h5py, root)
    if sum(math.prod(one.shape or ()) * one.dtype.itemsize for one in datasets.values()) > size:
        raise ModelFileError("its arrays have more bytes than the file")
    config = attribute(root, "model_config", size)
    top: Path = () if config is None else ("model_weights",)
    if top in groups and (names := attribute(groups[top], "layer_names", size)) is not None:
        variables = legacy(groups, datasets, top, names, size)
        return KerasFile(None if config is None else parsed("".join(config)), variables, by_name=True)
    if config is not None:
        raise ModelFileError("it has a configuration and no weights")
    return KerasFile(None, numbered(datasets), by_name=False)


def walk(h5py: Any, root: Any) -> tuple[dict[Path, Any], dict[Path, Any]]:
    """All groups and arrays of numbers in a file.

    Links to elsewhere are not followed, and arrays that lie elsewhere refused.
    """
    groups: dict[Path, Any] = {(): root}
    datasets: dict[Path, Any] = {}
    waiting: list[Path] = [()]
    links = 0
    while waiting:
        path = waiting.pop()
        for name in groups[path]:
            links += 1
            if links > MOST_LINKS or len(path) > MOST_DEPTH:
                raise ModelFileError(f"it has more than {MOST_LINKS} parts, or nests them more than {MOST_DEPTH} deep")
            if not isinstance(groups[path].get(name, getlink=True), h5py.HardLink):
                continue
            one, place = groups[path][name], (*path, name)
            if isinstance(one, h5py.Group):
                groups[place] = one
                waiting.append(place)
            elif isinstance(one, h5py.Dataset) and one.dtype.kind == "f":
                if one.external or one.is_virtual:
                    raise ModelFileError(f"array {'/'.join(place)!r} lies in another file")
                datasets[place] = one
    return groups, datasets


def numbered(datasets: dict[Path, Any]) -> dict[Path, list[Floats]]:
    """Variables of newer files: arrays "0", "1", ... of a group "vars" of each layer."""
    found: dict[Path, dict[int, Floats]] = {}
    for path, one in datasets.items():
        if len(path) > 2 and path[-2] == "vars" and path[-1].isascii() and path[-1].isdigit() and path[0] in CONTAINERS:
            layer = tuple(part for part in path[:-2] if part not in CONTAINERS)
            found.setdefault(layer, {})[int(path[-1][:9])] = values(path, one)
    return {layer: [arrays[index] for index in sorted(arrays)] for layer, arrays in sorted(found.items())}


def legacy(
    groups: dict[Path, Any], datasets: dict[Path, Any], top: Path, names: list[str], size: int
) -> dict[Path, list[Floats]]:
    """Variables of legacy files: a group for each layer, whose attribute names its arrays in order."""
    found: dict[Path, list[Floats]] = {}
    for name in names:
        place = (*top, *name.split("/"))
        for weight in (attribute(groups[place], "weight_names", size) or []) if place in groups else []:
            parts = tuple(part for part in weight.split("/") if part)
            if (*place, *parts) not in datasets:
                raise ModelFileError(f"it lacks the array {weight!r} of layer {name!r}")
            scopes = parts[:-1]
            inner = scopes[len(scopes) - scopes[::-1].index(name) :] if name in scopes else scopes
            found.setdefault((name, *inner), []).append(values((*place, *parts), datasets[*place, *parts]))
    return found


def attribute(group: Any, name: str, size: int) -> list[str] | None:
    """Strings of an attribute, which may be spread over several: "weight_names0", "weight_names1", ..."""
    names = [name] if name in group.attrs else []
    while not names or names[-1] != name:
        if f"{name}{len(names)}" not in group.attrs:
            break
        names.append(f"{name}{len(names)}")
    found: list[str] = []
    for one in names:
        shape = group.attrs.get_id(one).shape or ()
        if math.prod(shape) > size:
            raise ModelFileError(f"its attribute {one!r} has more entries than the file has bytes")
        value = group.attrs[one]
        entries = np.asarray(value).ravel().tolist() if shape else [value]
        found += [entry.decode() if isinstance(entry, bytes) else str(entry) for entry in entries]
    return found if names else None


def values(path: Path, dataset: Any) -> Floats:
    array = as_float32(np.asarray(dataset[()]))
    if not np.isfinite(array).all():
        raise ModelFileError(f"array {'/'.join(path)!r} has numbers that are not finite in float32")
    return array
