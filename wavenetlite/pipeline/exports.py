"""Feature sets for other programs: one .npz, Lhotse's manifests, a dataset for a PyTorch DataLoader."""

from __future__ import annotations

import json
import os
import re
import sys
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.corpora.trees import readable
from wavenetlite.pipeline import manifests, shards, specs
from wavenetlite.pipeline.about import arrays_of
from wavenetlite.pipeline.assembly import CHUNKS, DATASET, ERRORS, INDEX
from wavenetlite.pipeline.entries import joined
from wavenetlite.pipeline.items import Item, ItemSequence
from wavenetlite.pipeline.normalising import Normalise, Normaliser
from wavenetlite.pipeline.speakers import is_speakers
from wavenetlite.pipeline.specs import ONLY
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.remote import Place, RemotePath, check_writable, place, replacing

Target = str | os.PathLike[str] | RemotePath
MANIFESTS, FRAMES = ("recordings.jsonl", "supervisions.jsonl", "features.jsonl"), "features"
OWN_FILE = re.compile(r"\d{8,}\.npy")
"""Of an export to Lhotse: its manifests, the folder of frames, and a file in it."""
OURS = (DATASET, INDEX, ERRORS)
"""Files of a feature set, beside shards, specs and speakers."""
DATE = (1980, 1, 1, 0, 0, 0)
"""Of the members of a zip, as in NumPy, so that the same set gives the same bytes."""


class MapDataset:
    """Items as (frames, number of the label): a map-style dataset for PyTorch that does not need PyTorch.

    Parameters
    ----------
    items
        Of a feature set.
    normalise
        Whether to subtract the mean of the whole set and divide by its standard deviation; or "speaker", "speaker_mean"
        or a step, as in :class:`Batches`.

    Examples
    --------
    >>> import numpy as np, tempfile, wavenetlite as wl
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     Path(folder, "data", "tone").mkdir(parents=True)
    ...     wl.audio.write(Path(folder, "data", "tone", "a.wav"), np.ones(16000, np.float32), 16000)
    ...     done = wl.pipeline.extract(Path(folder, "data"), Path(folder, "features"))
    ...     dataset = wl.pipeline.MapDataset(wl.pipeline.open(Path(folder, "features")))
    ...     x, y = dataset[0]
    >>> len(dataset), x.shape, y
    (1, (97, 40), 0)

    With PyTorch: ``DataLoader(dataset, batch_size=32, shuffle=True, collate_fn=dataset.collate, num_workers=2)``.
    """

    def __init__(self, items: ItemSequence, *, normalise: Normalise = False) -> None:
        self.items = items
        self.normalise = Normaliser(items, normalise)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[Floats, int]:
        """Writable frames, and the number of the label."""
        item = self.items[int(index)]
        frames = self.normalise(int(self.items.numbers[int(index)]), item.features)
        return frames.copy() if frames is item.features else frames, item.y

    @staticmethod
    def collate(samples: Sequence[tuple[Floats, int]]) -> tuple[Any, Any, Any]:
        """A batch: zero-padded frames, numbers of the labels, lengths; tensors if PyTorch is imported."""
        lengths = np.array([len(frames) for frames, _ in samples], np.int64)
        x = np.zeros((len(samples), int(lengths.max()), samples[0][0].shape[1]), np.float32)
        for row, (frames, _) in zip(x, samples, strict=True):
            row[: len(frames)] = frames
        arrays = (x, np.array([y for _, y in samples], np.int64), lengths)
        torch = sys.modules.get("torch")
        return arrays if torch is None else tuple(map(torch.from_numpy, arrays))


def to_npz(items: ItemSequence, path: Target) -> None:
    """Write items to one .npz file, in constant memory.

    Parameters
    ----------
    items
        Of a feature set.
    path
        Of the file. ``features`` is (frames of all items, channels), ``offsets`` (items + 1) says where each begins;
        of several arrays, those are ``NAME`` and ``NAME_offsets``. ``keys``, ``labels``, ``y``, ``speakers`` and
        ``splits`` have one entry per item, ``label_names`` one per label.

    Raises
    ------
    OSError
        The file cannot be written.
    ParameterError
        It is a file of the set itself.
    """
    target = place(path)
    check_other(target, items)
    with replacing(target) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        offsets = {}
        for name in arrays_of(items.about):
            begins = "offsets" if name == ONLY else f"{name}_offsets"
            offsets[begins] = write_frames(archive, items.array(name), name)
        columns = {"keys": [], "labels": [], "speakers": [], "splits": []}  # type: dict[str, list[str]]
        for item in items:
            for name, column in columns.items():
                column.append(getattr(item, name.removesuffix("s")))
        arrays: dict[str, npt.NDArray[Any]] = {name: np.array(column, np.str_) for name, column in columns.items()}
        arrays |= {"y": items.y, **offsets, "label_names": np.array(items.labels, np.str_)}
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy", DATE), "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def is_same(one: Place, other: Place) -> bool:
    """Whether both are one file or folder."""
    if isinstance(one, RemotePath) or isinstance(other, RemotePath):
        return str(one).rstrip("/") == str(other).rstrip("/")
    return one.resolve() == other.resolve()


def check_other(path: Place, items: ItemSequence) -> None:
    """Raise if a file that is to be written is one of the set itself."""
    folder = items.table.folder
    inside = is_same(path.parent, folder) or is_same(path.parent.parent, folder)
    ours = path.name in OURS or path.suffix == ".npy" or specs.is_tables(path.name)
    if inside and path.exists() and (ours or is_speakers(path)):
        raise ParameterError(f"path={str(path)!r} is a file of the feature set itself; choose another name")


def write_frames(archive: zipfile.ZipFile, items: ItemSequence, name: str) -> npt.NDArray[np.int64]:
    """Write the frames of all items as one member; return where each begins."""
    offsets = np.concatenate([[0], np.cumsum(items.frames)]).astype(np.int64)
    with archive.open(zipfile.ZipInfo(f"{name}.npy", DATE), "w", force_zip64=True) as member:
        member.write(shards.header(int(offsets[-1]), items.channels))
        for item in items:
            member.write(np.ascontiguousarray(item.features, shards.DTYPE).data)
    return offsets


def to_lhotse(items: ItemSequence, folder: Target, *, audio: str | os.PathLike[str] | None = None) -> None:
    """Write manifests for Lhotse: ``recordings.jsonl``, ``supervisions.jsonl``, ``features.jsonl``.

    Parameters
    ----------
    items
        Of a feature set.
    folder
        Where to write them, and the frames, one .npy file per item (Lhotse's "numpy_files").
    audio
        Folder that the paths of the recordings are relative to; None: those of the set's sources. Recordings in
        archives are not separate files: they are not in ``recordings.jsonl``, which is missing if there are no others.

    Raises
    ------
    OSError
        A file cannot be written.
    ParameterError
        The items have several arrays, or the folder holds something that such an export did not write.

    Notes
    -----
    ``lhotse.CutSet.from_manifests(recordings, supervisions, features)`` combines them. The label is the text of a
    supervision; split, label and further columns of a manifest are its ``custom`` fields. The duration of features and
    supervisions is one shift per frame, as Lhotse requires, whatever the padding.
    """
    if CHUNKS in items.about:
        raise ParameterError("items are chunks, which Lhotse cuts itself; extract without chunks, and write these")
    if len(items.select(copy=0)) < len(items):
        raise ParameterError("items has augmented copies, and Lhotse knows features by their recording; write "
                             "items.select(copy=0)")  # fmt: skip
    if len(items.names) > 1:
        raise ParameterError(
            f"items has the arrays {', '.join(items.names)}, and a cut of Lhotse one; write one of them: "
            f"items[{items.names[0]!r}].to_lhotse(...)"
        )
    target = place(folder)
    check_writable(target, "folder")
    remove_older(target)
    storage = target / FRAMES
    storage.mkdir(parents=True, exist_ok=True)
    roots = roots_of(items)
    places = [None if root["archive"] else place(root["path"] if audio is None else audio) for root in roots]
    if any(places):
        write_lines(target / "recordings.jsonl", recordings(items, places))
    write_lines(target / "supervisions.jsonl", (supervision(items, item) for item in items))
    write_lines(target / "features.jsonl", (stored(items, item, number, storage) for number, item in enumerate(items)))


def remove_older(folder: Place) -> None:
    """Remove the files of an older export, which may have had more items; refuse a folder that holds others."""
    if not folder.is_dir():
        return
    frames: list[Place] = [*(folder / FRAMES).iterdir()] if (folder / FRAMES).is_dir() else []
    found: list[Place] = [path for path in folder.iterdir() if path.name != FRAMES]
    foreign = [path for path in found if path.name not in MANIFESTS]
    foreign += [path for path in frames if not OWN_FILE.fullmatch(path.name)]
    if foreign:
        raise ParameterError(
            f"folder={str(folder)!r} holds {readable(foreign[0].name)}, which an export to Lhotse does not write; "
            "choose another folder"
        )
    for path in (*found, *frames):
        path.unlink(missing_ok=True)


def roots_of(items: ItemSequence) -> list[dict[str, Any]]:
    """The folders and archives that paths of a set's recordings are relative to."""
    if "roots" in items.about:
        return list(items.about["roots"])
    source = Path(items.about["source"])  # of a set that an older version wrote
    folder = source.parent if source.is_file() or manifests.is_manifest(source) else source
    return [{"path": str(folder), "archive": items.about["layout"] == "archive"}]


def recording_id(items: ItemSequence, item: Item) -> str:
    """The same for all parts of a recording; the paths of several sources may be the same."""
    roots = roots_of(items)
    return item.path if len(roots) == 1 else joined(roots[item.root]["path"], item.path)


def write_lines(path: Place, rows: Iterable[dict[str, Any]]) -> None:
    with replacing(path) as file:
        for row in rows:
            file.write((json.dumps(row) + "\n").encode())


def recordings(items: ItemSequence, places: Sequence[Place | None]) -> Iterable[dict[str, Any]]:
    """One for each file, even if several parts of it are items."""
    seen = set()
    for item in items:
        root, name = places[item.root], recording_id(items, item)
        if root is None or name in seen:
            continue
        seen.add(name)
        kind = "url" if isinstance(root, RemotePath) else "file"
        source = {"type": kind, "channels": list(range(item.channels)), "source": str(root / item.path)}
        yield {"id": name, "sources": [source], "sampling_rate": item.sr, "num_samples": item.samples,
               "duration": item.samples / item.sr, "channel_ids": list(range(item.channels))}  # fmt: skip


def covered_s(items: ItemSequence, item: Item) -> float:
    """The duration of an item's frames by Lhotse's rules."""
    return round(item.frames * items.spec.hop_length / items.spec.sr, 9)


def begin_s(item: Item) -> float:
    """Where the frames of an item begin in its recording."""
    return (item.start_s or 0.0) if item.trim_start is None else round(item.trim_start / item.sr, 9)


def supervision(items: ItemSequence, item: Item) -> dict[str, Any]:
    return {
        "id": item.key,
        "recording_id": recording_id(items, item),
        "start": begin_s(item),
        "duration": covered_s(items, item),
        "channel": item.channel or 0,
        "text": item.label,
        "speaker": item.speaker,
        "custom": {"label": item.label, "split": item.split, **item.extra},
    }


def stored(items: ItemSequence, item: Item, number: int, storage: Place) -> dict[str, Any]:
    """Write the frames of an item to a file; return its row for Lhotse."""
    name = f"{number:08}.npy"
    with replacing(storage / name) as file:
        np.save(file, item.features)
    spec = items.spec
    return {"type": type(spec).__name__.lower(), "num_frames": item.frames, "num_features": items.channels,
            "frame_shift": spec.hop_length / spec.sr, "sampling_rate": spec.sr, "start": begin_s(item),
            "duration": covered_s(items, item), "storage_type": "numpy_files", "storage_path": str(storage),
            "storage_key": name, "recording_id": recording_id(items, item), "channels": item.channel or 0}  # fmt: skip
