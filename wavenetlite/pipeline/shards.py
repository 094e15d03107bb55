"""Shards: the frames of many recordings, concatenated in one .npy file that can be memory-mapped."""

from __future__ import annotations

from hashlib import blake2b
from io import BytesIO
from typing import Any

import numpy as np

from wavenetlite.support.arrays import Floats
from wavenetlite.support.remote import Place, RemotePath, new_file

FOLDER = "shards"
DTYPE = np.dtype("<f4")
TEMPORARY = ".tmp"


class ShardWriter:
    """Writes a shard incrementally; it gets its name when it is complete.

    NumPy's header leaves room for the first dimension to grow (numpy.lib.format), so it is written first for 0 frames,
    and again when the number of frames is known.

    Attributes
    ----------
    frames
        Written so far.
    """

    def __init__(self, folder: Place, channels: int) -> None:
        self.folder, self.channels, self.frames = folder, channels, 0
        self.new: Any = new_file(folder)
        self.file = self.new.file
        self.header_bytes = self.file.write(header(0, channels))

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.new.__exit__(*error)

    def append(self, frames: Floats) -> None:
        self.file.write(np.ascontiguousarray(frames, DTYPE).data)
        self.frames += len(frames)

    def cut(self, frames: int) -> None:
        """Keep only the first `frames` frames."""
        if frames == self.frames:
            return
        self.file.seek(self.header_bytes + frames * self.channels * DTYPE.itemsize)
        self.file.truncate()
        self.frames = frames

    def finish(self, name: str) -> None:
        """Give the shard its name."""
        self.file.seek(0)
        self.file.write(header(self.frames, self.channels))
        self.new.publish(self.folder / name)


def header(frames: int, channels: int) -> bytes:
    """The header of a .npy file of this many frames."""
    file = BytesIO()
    description: dict[str, Any] = {"descr": DTYPE.str, "fortran_order": False, "shape": (frames, channels)}
    np.lib.format.write_array_header_1_0(file, description)
    return file.getvalue()


def open_shard(path: Place, channels: int) -> Floats:
    """The frames of a shard: (frames, channels), read-only; mapped into memory, or fetched from a store.

    Of a tar, in which there is more than frames: all of it as numbers.

    Raises
    ------
    OSError, ValueError
        It cannot be read, or is damaged.
    """
    if is_tar(path.name):
        return floats(path)
    begin, frames = len(header(0, channels)), frames_in(path, channels)
    if not frames:
        return np.empty((0, channels), np.float32)
    if isinstance(path, RemotePath):
        return np.frombuffer(path.read_bytes(), DTYPE, frames * channels, begin).reshape(frames, channels)
    return np.memmap(path, DTYPE, "r", begin, (frames, channels)).view(np.ndarray)


def is_tar(name: str) -> bool:
    """Whether a shard is one of WebDataset: a tar has a .npy for each item."""
    return name.endswith(".tar")


def floats(path: Place) -> Floats:
    if isinstance(path, RemotePath):
        return np.frombuffer(path.read_bytes(), DTYPE)
    return np.memmap(path, DTYPE, "r").view(np.ndarray)


def frames_in(path: Place, channels: int) -> int:
    """How many frames a shard has, by its header and its length, which fit; raises as `open_shard`."""
    begin = len(header(0, channels))
    frames, rest = divmod(path.stat().st_size - begin, channels * DTYPE.itemsize)
    if rest or frames < 0 or first_bytes(path, begin) != header(frames, channels):
        raise ValueError(f"{path.parent.name}/{path.name} has no header of {channels} channels, or another length")
    return frames


def first_bytes(path: Place, count: int) -> bytes:
    if isinstance(path, RemotePath):
        return path.part(0, count)
    with path.open("rb") as file:
        return file.read(count)


def frames_hash() -> Any:
    """A hash for the frames of an item, or the bytes of a file."""
    return blake2b(digest_size=8)


def complete(path: Place, frames: int, channels: int) -> bool:
    """Whether a shard is complete."""
    try:
        return frames_in(path, channels) == frames
    except (OSError, ValueError):
        return False
