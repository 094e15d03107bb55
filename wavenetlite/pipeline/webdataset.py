"""Feature sets as shards of WebDataset: tars of KEY.npy, KEY.cls and KEY.json, with an index by which we map them."""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from hashlib import blake2b
from io import BytesIO
from typing import IO, Any

import numpy as np

from wavenetlite.corpora.trees import readable
from wavenetlite.pipeline import shards, speakers, specs
from wavenetlite.pipeline.about import arrays_of, read_about
from wavenetlite.pipeline.assembly import ARRAYS, DATASET, INDEX, SPEAKERS, line
from wavenetlite.pipeline.entries import PipelineError
from wavenetlite.pipeline.exports import Target, is_same
from wavenetlite.pipeline.items import ItemSequence
from wavenetlite.pipeline.selections import about, ordered, place_of, row_of
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.remote import Place, check_writable, place, replacing

STORAGE = "webdataset"
OWN_SHARD = re.compile(r"\d{6,}\.tar|\..*\.tmp")
HEADER_BYTES = 512
"""Of a member of a tar, before its content."""


def to_webdataset(items: ItemSequence, folder: Target, *, items_per_shard: int = 1000) -> None:
    """Write items as shards of WebDataset, in constant memory.

    Parameters
    ----------
    items
        Of a feature set; they are written in the order of their keys, each once.
    folder
        Where to write them: ``shards/000000.tar``, ... and an index; a path, or a URL such as ``s3://bucket/folder``.
        Older shards of such a set are removed.
    items_per_shard
        In all shards but the last.

    Raises
    ------
    OSError
        A file cannot be written.
    ParameterError
        The folder is that of the items themselves, of a feature set of another kind, or holds other shards.

    Notes
    -----
    A sample is ``KEY.npy``, float32, (frames, channels), or ``KEY.NAME.npy`` of each of several arrays; ``KEY.cls``,
    the number of its label; and ``KEY.json``, all that is known of it, with its label and its own key: KEY is its
    number in eight digits, as WebDataset ends a key at the first dot. ``webdataset.WebDataset(...).decode()`` and
    ``datasets.load_dataset("webdataset", ...)`` read them, and :func:`wavenetlite.pipeline.open` the folder. The same
    items give the same bytes.
    """
    positive_int("items_per_shard", items_per_shard)
    target, items = place(folder), ordered(items)
    check_writable(target, "folder")
    if is_same(target, items.table.folder):
        raise ParameterError(f"folder={str(folder)!r} holds the items themselves; choose another folder")
    remove_older(target)
    (target / shards.FOLDER).mkdir(parents=True, exist_ok=True)
    write_specs(items, target)
    made, digest = [], blake2b(digest_size=16)
    with replacing(target / INDEX) as index:
        for first in range(0, len(items), items_per_shard):
            name = f"{shards.FOLDER}/{first // items_per_shard:06}.tar"
            chosen, frames = items[first : first + items_per_shard], 0
            with replacing(target / name) as file:
                for row in write_shard(file, chosen, first, name):
                    data = line({"key": row.pop("key"), "shard": name, **row})
                    digest.update(data)
                    index.write(data)
                    frames += row["frames"]
            made.append({"file": name, "frames": frames})
    with replacing(target / DATASET) as file:
        text = json.dumps(about(items, STORAGE, made, digest.hexdigest()), indent=1, allow_nan=False)
        file.write(f"{text}\n".encode())


def write_specs(items: ItemSequence, folder: Place) -> None:
    """What describes each array."""
    for name in arrays_of(items.about):
        part = items.array(name)
        specs.write(part.spec, folder / specs.tables_of(name))
        if SPEAKERS in items.about:
            with replacing(folder / speakers.file_of(name)) as file:
                file.write(speakers.packed(part.speakers))


def remove_older(folder: Place) -> None:
    """The shards of an older set: programs take all that are there, and half of either is no set.

    A set that was written in part has the files of its specs, which are written first.
    """
    with suppress(PipelineError, OSError):
        if read_about(folder).get("storage") != STORAGE:
            raise ParameterError(f"folder={str(folder)!r} holds a feature set of another kind; choose another folder")
    older: list[Place] = [*(folder / shards.FOLDER).iterdir()] if (folder / shards.FOLDER).is_dir() else []
    tables: list[Place] = [path for path in folder.glob("*.npz") if is_own(path)] if folder.is_dir() else []
    foreign = [path for path in older if not tables or not OWN_SHARD.fullmatch(path.name)]
    foreign += [folder / name for name in (INDEX, DATASET) if not tables and (folder / name).exists()]
    if foreign:
        raise ParameterError(f"folder={str(folder)!r} holds {readable(foreign[0].name)}, which an export to WebDataset "
                             "did not write; choose another folder")  # fmt: skip
    for path in (folder / DATASET, *older, *tables):
        path.unlink(missing_ok=True)


def is_own(path: Place) -> bool:
    """Whether a file is of a set's specs or speakers."""
    return speakers.is_speakers(path) or (specs.is_tables(path.name) and specs.read(path) is not None)


def write_shard(file: IO[bytes], items: ItemSequence, first: int, name: str) -> Iterator[dict[str, Any]]:
    """Write a shard of this name; give the row of each item, with the places of its first values in the shard."""
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for number, item in enumerate(items, first):
            row = row_of(item)
            if ARRAYS in items.about:
                row[ARRAYS] = {array: place_of(frames) for array, frames in item.arrays.items()}
            text = json.dumps(row).encode()
            offsets = [
                add_frames(archive, f"{number:08}.{f'{array}.npy' if ARRAYS in row else 'npy'}", frames)
                for array, frames in item.arrays.items()
            ]
            add_member(archive, f"{number:08}.cls", str(item.y).encode())
            add_member(archive, f"{number:08}.json", text)
            for place, offset in zip(row.get(ARRAYS, {}).values(), offsets, strict=False):
                place |= {"shard": name, "offset": offset}
            yield {**row, "offset": offsets[0]}


def add_frames(archive: tarfile.TarFile, member: str, frames: Floats) -> int:
    """Add a .npy; return the place of its first value in the archive."""
    head = shards.header(*frames.shape)
    offset: int = (archive.offset + HEADER_BYTES + len(head)) // shards.DTYPE.itemsize
    add_member(archive, member, head + np.ascontiguousarray(frames, shards.DTYPE).tobytes())
    return offset


def add_member(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, BytesIO(content))
