"""Shards: frames of many recordings, one after the other, in one .npy file that can be mapped into memory."""

from __future__ import annotations

import os
import secrets
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from wavenetlite.support.arrays import Floats

FOLDER = "shards"
DTYPE = np.dtype("<f4")
TEMPORARY = ".tmp"


class ShardWriter:
    """Writes a shard frame by frame; it appears under its name when it is complete.

    NumPy's header leaves room for its first dimension to grow (numpy.lib.format), so it is written once without frames,
    and again when they have been counted.

    Attributes
    ----------
    frames
        Written so far.
    """

    def __init__(self, folder: Path, channels: int) -> None:
        self.folder, self.channels, self.frames = folder, channels, 0
        self.temporary = folder / f".{secrets.token_hex(8)}{TEMPORARY}"
        self.file: BinaryIO = self.temporary.open("xb")
        self.header_bytes = self.file.write(header(0, channels))

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()
        self.temporary.unlink(missing_ok=True)

    def append(self, frames: Floats) -> None:
        self.file.write(np.ascontiguousarray(frames, DTYPE).data)
        self.frames += len(frames)

    def cut(self, frames: int) -> None:
        """Forget all but the first so many frames."""
        if frames == self.frames:
            return
        self.file.seek(self.header_bytes + frames * self.channels * DTYPE.itemsize)
        self.file.truncate()
        self.frames = frames

    def finish(self, name: str) -> None:
        """Give the file its name, once it is on the disk."""
        self.file.seek(0)
        self.file.write(header(self.frames, self.channels))
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        self.temporary.replace(self.folder / name)


def header(frames: int, channels: int) -> bytes:
    """What a .npy file of so many frames begins with."""
    file = BytesIO()
    description: dict[str, Any] = {"descr": DTYPE.str, "fortran_order": False, "shape": (frames, channels)}
    np.lib.format.write_array_header_1_0(file, description)
    return file.getvalue()


def opened(path: Path) -> Floats:
    """The frames of a shard, mapped into memory: (frames, channels), read-only."""
    mapped: Floats = np.load(path, mmap_mode="r")
    return mapped.view(np.ndarray)


def frames_hash() -> Any:
    """A hash for the frames of an item, or the bytes of a file."""
    return blake2b(digest_size=8)
