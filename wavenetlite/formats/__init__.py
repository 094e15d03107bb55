"""Model files of all kinds: recognised by content, read into our networks, and written.

A format is one module of this package and one entry of `FORMATS`. What a format needs that wavenetlite does not is
imported when it is used.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from wavenetlite.formats import own
from wavenetlite.formats.format import Format, Model, network_of
from wavenetlite.storage.opening import is_folder, named_errors, opened
from wavenetlite.support.atomic_files import replacing
from wavenetlite.support.checks import one_of
from wavenetlite.support.errors import ArrayTypeError, ModelFileError, ParameterError

MODULES = {
    "wavenetlite": "own", "nam": "nam", "rtneural": "rtneural", "script": "script", "c": "c_export", "onnx": "onnx",
    "locuslab": "locuslab", "wekws": "wekws", "pytorch-tcn": "pytorch_tcn", "keras": "keras", "tflite": "tflite",
    "micro-wake-word": "micro_manifest", "openwakeword": "open_wake_word",
}  # fmt: skip
"""Where the formats are defined, in the order in which they are asked whether a file is theirs."""


class Formats(Mapping[str, Format]):
    """By name; a format's module is imported when it is first asked for: who loads our own files waits for no other."""

    def __getitem__(self, name: str) -> Format:
        found: Format = import_module(f"{__name__}.{MODULES[name]}").FORMAT
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(MODULES)

    def __len__(self) -> int:
        return len(MODULES)


FORMATS = Formats()

END_BYTES = 2**16

__all__ = ["FORMATS", "Format", "load", "recognise", "save"]


def __getattr__(name: str) -> Any:
    """`save_wake_word`, which is imported when first named."""
    if name == "save_wake_word":
        return import_module(f"{__name__}.micro_wake_word").save_wake_word
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def load(path: str | os.PathLike[str], *, format: str | None = None, **options: Any) -> Model:
    """The model or the classifier in a file of any known format. Nothing is unpickled; no code comes from a file.

    Parameters
    ----------
    path
        Of the file; or of a folder with the files of a wake word (microWakeWord's manifest, openWakeWord's
        embedding and words); or the name of a bundled
        model (:func:`wavenetlite.models.names`), where there is no such file; or
        ``hf://owner/name[/file][@revision]``, of the Hugging Face Hub.
    format
        Name of the file's format; None: it is recognised by the file's content.
    **options
        Of that format; see its module in `wavenetlite.formats`.

    Raises
    ------
    ModelFileError
        There is no such file, or it is truncated, of no known format, tampered with, or holds what cannot run here. No
        memory is taken for weights that the file does not hold.
    ParameterError
        There is no such format, or it has no such option.

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
    named = None if format is None else FORMATS[one_of("format", format, tuple(FORMATS))]
    if is_folder(path):
        with named_errors(Path(path)):
            return from_folder(Path(path), named, options)
    with opened(path) as (file, size):
        found = named or recognised(file, size)
        if named is None and found.name in ("onnx", "tflite"):
            import_module(f"{__name__}.open_wake_word").refuse_helper(Path(file.name))
        if found.load is None:
            raise ModelFileError(f"files of the format {found.name} can be written, but not read")
        return found.load(file, size, **checked_options(found, found.load, options))


def from_folder(path: Path, named: Format | None, options: Mapping[str, Any]) -> Model:
    """The model whose files are in a folder."""
    found = named or recognised_folder(path)
    if found.load_folder is None:
        raise ModelFileError(f"not a file, which a model of the format {found.name} is")
    return found.load_folder(path, **checked_options(found, found.load_folder, options))


def save(model: Model, path: str | os.PathLike[str], *, format: str | None = None, **options: Any) -> None:
    """Write a model to a file of any format that can be written.

    The file appears under its name when it is complete; until then, and if anything fails, an older file of that name
    stays as it was.

    Parameters
    ----------
    model
        A module or a classifier.
    path
        Of the file; its folder must exist.
    format
        Name of a format; None: the one whose files' names end as `path` does.
    **options
        Of that format.

    Raises
    ------
    ParameterError
        No format can be told from the name, or the format cannot hold this model.
    OSError
        The file cannot be written.

    Examples
    --------
    >>> import os, tempfile, wavenetlite as wl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "model.safetensors")
    ...     wl.formats.save(wl.nn.Linear(3, 2), path)
    ...     wl.load(path)
    Linear(in_features=3, out_features=2, bias=True)
    """
    chosen = by_suffix(path) if format is None else FORMATS[one_of("format", format, tuple(FORMATS))]
    if chosen.save is None:
        raise ParameterError(f"files of the format {chosen.name} can be read, but not written")
    options = checked_options(chosen, chosen.save, options)
    network_of(model)
    if chosen.named:
        options.setdefault("name", Path(path).stem)
    with replacing(path) as file:
        chosen.save(model, file, **options)


def recognise(path: str | os.PathLike[str]) -> str:
    """Name of a file's format, by its content; or of a folder's, by its files.

    Raises
    ------
    ModelFileError
        There is no such file, or it is of no known format.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> wl.formats.recognise("speech-commands-12")
    'wavenetlite'
    """
    if is_folder(path):
        with named_errors(Path(path)):
            return recognised_folder(Path(path)).name
    with opened(path) as (file, size):
        return recognised(file, size).name


def recognised_folder(path: Path) -> Format:
    """The format whose model is in a folder."""
    for known in FORMATS.values():
        if known.in_folder is not None and known.in_folder(path):
            return known
    kinds = ", ".join(known.title for known in FORMATS.values() if known.load_folder is not None)
    raise ModelFileError(f"not a file, nor a folder with a model of several files ({kinds}); name a file")


def recognised(file: BinaryIO, size: int) -> Format:
    """The format of an open file, which is left at its beginning."""
    ends = file.read(min(size, END_BYTES))
    if size > END_BYTES:
        file.seek(max(size - END_BYTES, END_BYTES))
        ends += file.read(END_BYTES)
    file.seek(0)
    for known in FORMATS.values():
        if known.sniff(ends):
            return beside_embedding(file, known)
    if reason := import_module(f"{__name__}.tensors").why_unknown(ends):
        raise ModelFileError(reason)
    if size < 8 or ends[8:9] == b"{":  # as our own begin: their reader says what is wrong
        return own.FORMAT
    readable = ", ".join(name for name, known in FORMATS.items() if known.load is not None)
    raise ModelFileError(f"not a model file of any known format ({readable})")


def beside_embedding(file: BinaryIO, known: Format) -> Format:
    """The format, or openWakeWord's, where a network lies beside its embedding."""
    module = import_module(f"{__name__}.open_wake_word") if known.name in ("onnx", "tflite") else None
    found: Format = module.FORMAT if module is not None and module.is_word(Path(file.name)) else known
    return found


def by_suffix(path: str | os.PathLike[str]) -> Format:
    """The format whose files are named like `path`."""
    if not isinstance(path, str | os.PathLike):
        raise ArrayTypeError(f"path is a {type(path).__name__}; it must be a string or a path")
    suffix = Path(path).suffix.lower()
    for known in FORMATS.values():
        if suffix in known.suffixes:
            return known
    suffixes = ", ".join(suffix for known in FORMATS.values() if known.save is not None for suffix in known.suffixes)
    raise ParameterError(f"path={os.fspath(path)!r} tells no format; it must end in {suffixes} (or pass format=...)")


def checked_options(known: Format, function: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Options, each of which `function` takes by keyword only."""
    parameters = inspect.signature(function).parameters.values()
    names = [parameter.name for parameter in parameters if parameter.kind is inspect.Parameter.KEYWORD_ONLY]
    for name in options:
        if name not in names:
            takes = ", ".join(names) or "none"
            raise ParameterError(f"{name}={options[name]!r} is no option of the format {known.name}; it has: {takes}")
    return dict(options)
