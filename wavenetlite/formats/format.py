"""What a format is: how its files are recognised, read and written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from wavenetlite.nn.module import Module
from wavenetlite.support.errors import ArrayTypeError

Model: TypeAlias = Any
"""A `Module`, or an `AudioClassifier`: the room of the latter is imported only when a file holds one."""


def network_of(model: Model) -> Module:
    """A model itself, or the network of a classifier."""
    network = model if isinstance(model, Module) else getattr(model, "model", None)
    if not isinstance(network, Module):
        raise ArrayTypeError(f"model is a {type(model).__name__}; it must be a Module or an AudioClassifier")
    return network


class UnsupportedError(Exception):
    """Why a layer, module or node of a file has no counterpart here; caught by the importer, which says its name."""


@dataclass(frozen=True, eq=False)
class Format:
    """One kind of model file; each has a module of its own in this package, which ends with its `FORMAT`.

    Attributes
    ----------
    name
        For options and messages, such as "onnx".
    title
        What it is, in a few words.
    suffixes
        Of its files' names, lower case with the dot. They choose the format of a file to be written; a file to be read
        is recognised by its content.
    sniff
        ``sniff(ends)``: whether a file may be of this format, by its first and last 64 KiB (of a short file: all of
        it). It must not raise, and cost next to nothing.
    load
        ``load(file, size, **options)``: the model in an open file of `size` bytes. What is wrong with the file raises a
        :class:`wavenetlite.ModelFileError` that says so in one line, without the file's name. Nothing in a file is
        trusted: sizes are checked before memory is taken. Options are keyword-only. None: it cannot be read.
    save
        ``save(model, file, **options)``: write a model; a `ParameterError` says what the format cannot hold. None: it
        cannot be written.
    load_folder
        ``load_folder(path, **options)``: the model whose files are in a folder. None: there are no such folders.
    in_folder
        ``in_folder(path)``: whether a folder may hold such a model, by its files' names and beginnings.
    named
        Whether `save` has the option ``name``, which is by default that of the file, without its ending.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    sniff: Callable[[bytes], bool]
    load: Callable[..., Model] | None = None
    save: Callable[..., Any] | None = None
    named: bool = False
    load_folder: Callable[..., Model] | None = None
    in_folder: Callable[[Path], bool] | None = None
