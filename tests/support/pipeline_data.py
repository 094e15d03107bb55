"""Small corpora of synthetic recordings, and what a feature set must be, for the tests of the pipeline."""

import hashlib
import json
import os
from pathlib import Path

import numpy as np

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.pipeline import chunks

SPEC = {"sr": 8000, "n_fft": 128, "hop_length": 64, "n_mels": 8}
LABELS = ("no", "yes")


def spec():
    return wl.LogMel(**SPEC)


def tone(number, samples=600):
    """A recording that no other is like."""
    rng = np.random.default_rng(number)
    return (
        0.3 * np.sin(np.arange(samples) * (0.05 + 0.01 * (number % 7))) + 0.05 * rng.standard_normal(samples)
    ).astype(np.float32)


def corpus(folder, clips=20, labels=LABELS, samples=600, ending=".wav"):
    """LABEL/SPEAKER_nohash_N.wav, some longer than others; returns the folder."""
    for place, label in enumerate(labels):
        Path(folder, label).mkdir(parents=True, exist_ok=True)
        for i in range(clips):
            name = f"{label}/s{i % 4:x}_nohash_{i}{ending}"
            audio.write(Path(folder, name), tone(1000 * place + i, samples + 37 * (i % 5)), SPEC["sr"])
    return Path(folder)


def small_chunks(monkeypatch, least=4, most=9, one_in=2):
    """Chunks of a few files, so that a small corpus has many."""
    for name, value in {"LEAST": least, "MOST": most, "ONE_IN": one_in}.items():
        monkeypatch.setattr(chunks, name, value)


def tree(out):
    """Every public file of a feature set by its hash: what must be the same, bit for bit."""
    return {
        path.relative_to(out).as_posix(): hashlib.blake2b(path.read_bytes()).hexdigest()
        for path in sorted(Path(out).rglob("*"))
        if path.is_file() and ".parts" not in path.parts
    }


def lines(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def errors(out):
    """Reasons by key."""
    return {row["key"]: row["reason"] for row in lines(Path(out, "errors.jsonl"))}


def check(out, folder, features=None):
    """The set holds what the spec makes of every recording that is in it: no gap, no duplicate, no half shard."""
    features = features or spec()
    items = wl.pipeline.open(out)
    keys = items.keys
    assert keys == sorted(set(keys))
    for item in items:
        y, _ = audio.read(Path(folder, item.path))
        assert np.array_equal(item.features, features(y)), item.key
    covered = {}
    for row in lines(Path(out, "index.jsonl")):
        covered.setdefault(row["shard"], []).append((row["offset"], row["offset"] + row["frames"]))
    assert {path.name for path in Path(out, "shards").iterdir()} == {Path(name).name for name in covered}
    for shard, spans in covered.items():
        frames = np.load(Path(out, shard), mmap_mode="r")
        ends = [0, *(end for _, end in spans)]
        assert [start for start, _ in spans] == ends[:-1]
        assert frames.shape == (ends[-1], features.out_channels)
        assert frames.dtype == np.float32
    assert items.verify() == []
    return items


def leftovers(out):
    """Temporary files that nobody needs any more."""
    return list(Path(out).rglob("*.tmp"))


def touch(path, seconds=10):
    """Another date, the same bytes."""
    stat = Path(path).stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + seconds * 10**9))
