"""How features are computed: the spec, its tables and the libraries, stored beside them."""

from __future__ import annotations

import inspect
import json
import zipfile
import zlib
from dataclasses import dataclass
from hashlib import blake2b
from io import BytesIO
from typing import Any

import numpy as np

from wavenetlite import audio
from wavenetlite.audio.packages import soundfile_module, soxr_module
from wavenetlite.features import Features, from_config
from wavenetlite.pipeline.copies import Copies
from wavenetlite.pipeline.trimming import Trim
from wavenetlite.support.checks import flag, number
from wavenetlite.support.errors import ParameterError, WavenetliteError
from wavenetlite.support.optional import optional
from wavenetlite.support.remote import Place, replacing
from wavenetlite.support.version import __version__

ONLY = "features"
"""Name of the array of a set of one spec that was given no name."""
TABLES = "features.npz"
"""The spec and its tables, in the folder of a feature set."""


@dataclass(frozen=True)
class Reading:
    """How recordings are read; parameters of `extract`."""

    resample: bool = False
    mono: audio.Mono = None
    max_s: float = 86_400.0
    trim: Trim | None = None
    copies: Copies | None = None

    def __post_init__(self) -> None:
        flag("resample", self.resample)
        audio.checked_mono(self.mono)
        if number("max_s", self.max_s) <= 0:
            raise ParameterError(f"max_s={self.max_s} must be positive")

    def config(self) -> dict[str, Any]:
        changes = {"trim": self.trim, "copies": self.copies}
        return {"resample": self.resample, "mono": self.mono, "max_s": self.max_s,
                **{name: change.config() for name, change in changes.items() if change is not None}}  # fmt: skip

    @property
    def changes(self) -> bool:
        """Whether samples are changed before the features: recordings are then read as a whole."""
        return self.trim is not None or self.copies is not None


@dataclass(frozen=True)
class Recipe:
    """Everything that determines the features of a recording.

    Attributes
    ----------
    spec
        From samples to frames.
    reading
        From files to samples.
    """

    spec: Features
    reading: Reading

    def versions(self) -> dict[str, str]:
        """Versions of the libraries that the features depend on; those of the spec's tables are in its config."""
        soundfile = soundfile_module()

        found = {"wavenetlite": __version__, "numpy": np.__version__, "soundfile": soundfile.__version__,
                 "libsndfile": soundfile.__libsndfile_version__}  # fmt: skip
        if self.reading.resample:
            found["soxr"] = soxr_module().__version__
        if self.reading.copies is not None:
            found["scipy"] = optional("scipy", "train", "augmentation").__version__
        return found

    @property
    def digest(self) -> str:
        """Differs if features would differ."""
        text = json.dumps([self.spec.fingerprint.hex(), self.reading.config(), self.versions()], sort_keys=True)
        return blake2b(text.encode(), digest_size=16).hexdigest()


# Files


def packed(spec: Features) -> bytes:
    """A spec with its tables, as the bytes of an .npz file; the same bytes for the same spec."""
    config = np.frombuffer(json.dumps(spec.config()).encode(), np.uint8)
    file = BytesIO()
    np.savez(file, config=config, **spec.state_dict())  # type: ignore[arg-type]
    return file.getvalue()


def unpacked(data: bytes) -> Features:
    with np.load(BytesIO(data)) as arrays:
        tables = {name: arrays[name] for name in arrays.files if name != "config"}
        return from_config(json.loads(arrays["config"].tobytes()), tables)


def write(spec: Features, path: Place) -> None:
    """Write the spec; raises ParameterError if it cannot be restored from its file."""
    data = packed(spec)
    if path.exists() and path.read_bytes() == data:
        return
    try:
        same = unpacked(data).fingerprint == spec.fingerprint
    except WavenetliteError as error:
        raise ParameterError(f"features={spec!r} cannot be stored: {error}") from None
    if not same:
        raise ParameterError(f"features={spec!r} cannot be stored: its config gives other features")
    with replacing(path) as file:
        file.write(data)


def read(path: Place) -> Features | None:
    """The spec in a file; None if it is missing or unusable."""
    try:
        return unpacked(path.read_bytes())
    except (OSError, ValueError, LookupError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error):
        return None


def tables_of(name: str) -> str:
    """The file of the spec of an array."""
    return TABLES if name == ONLY else f"features.{name}.npz"


def is_tables(file: str) -> bool:
    """Whether a file's name is one of `tables_of`."""
    return file == TABLES or (file.startswith("features.") and file.endswith(".npz"))


def defaults(kind: str) -> dict[str, Any]:
    """The default options of a kind of features."""
    arguments = inspect.signature(Features.registry[kind]).parameters.values()
    return {argument.name: argument.default for argument in arguments if argument.name != "tables"}
