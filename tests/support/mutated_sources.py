"""Archives, manifests and feature sets with random damage: each is read, in part or whole, or refused in one line.

As a program, ``mutated_sources.py FIRST COUNT`` tries as many of every kind, and ends with status 1 if another error
came through, one took more than 5 s, or memory grew by more than 500 MB.
"""

import gzip
import hashlib
import io
import json
import random
import resource
import shutil
import sys
import tarfile
import tempfile
import time
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.pipeline import archives, extract, listed
from wavenetlite.pipeline import open as open_set
from wavenetlite.pipeline.summary import summary

KINDS = ("tar", "tar.gz", "zip", "csv", "tsv", "jsonl", "json", "dataset.json", "index.jsonl", "shard")
MOST_S, MOST_BYTES = 5.0, 500 << 20
NAMES = [f"{label}/{n}.wav" for label in ("no", "yes") for n in range(3)]
TOKENS = [b'"', b",", b"\n", b"\r", b"\t", b"\\", b"{", b"}", b"[" * 200, b"[", b"]", b":", b"null", b"NaN", b"-1",
          b"1e999", b"9" * 400, b"9" * 5000, b"\0", b"\xe2\x80\xa8", b"\xff", b"\xed\xa0\x80", b"true", b"{}", b"../",
          b";", b"'"]  # fmt: skip
WORDS = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\1\0\0\0", b"77777777777", b"PK\1\2",
         b"ustar"]  # fmt: skip


def spec():
    return wl.LogMel(sr=8000, n_fft=64, hop_length=64, n_mels=4)


class Originals:
    """One source of every kind, undamaged."""

    def __init__(self, folder):
        self.folder = folder
        rng = np.random.default_rng(0)
        for name in NAMES:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            audio.write(folder / name, rng.uniform(-0.5, 0.5, 200).astype(np.float32), 8000)
        self.bytes = {name: (folder / name).read_bytes() for name in NAMES}
        extract(folder, folder.parent / "set", features=spec(), n_jobs=1)
        self.set = folder.parent / "set"
        rows = [
            {"path": name, "label": name[:2], "speaker": "ann", "start_s": 0.001, "note": 'a "b", c'} for name in NAMES
        ]
        self.data = {"tar": self.tar(), "zip": self.zip(), "csv": table(rows, ","), "tsv": table(rows, "\t"),
                     "jsonl": b"".join(json.dumps(row).encode() + b"\n" for row in rows),
                     "json": json.dumps({row["path"]: row for row in rows}).encode(),
                     "dataset.json": (self.set / "dataset.json").read_bytes(),
                     "index.jsonl": (self.set / "index.jsonl").read_bytes(),
                     "shard": next((self.set / "shards").iterdir()).read_bytes()}  # fmt: skip
        self.data["tar.gz"] = gzip.compress(self.data["tar"], mtime=0)

    def tar(self):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name in NAMES:
                archive.add(self.folder / name, name)
            add(archive, "yes/0.cls", b"yes")
            add(archive, "yes/1.json", b'{"label": "yes", "speaker": "bob"}')
            add(archive, "yes/" + "long" * 40 + ".txt", b"x" * 50)
            for kind, name in ((tarfile.LNKTYPE, "no/hard.wav"), (tarfile.SYMTYPE, "no/soft.wav")):
                info = tarfile.TarInfo(name)
                info.type, info.linkname = kind, "yes/0.wav" if kind == tarfile.LNKTYPE else "../yes/1.wav"
                archive.addfile(info)
        return file.getvalue()

    def zip(self):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name in NAMES:
                archive.write(self.folder / name, name)
            archive.writestr("testing_list.txt", "yes/0.wav\n")
            archive.writestr("validation_list.txt", "no/0.wav\n")
        return file.getvalue()


def add(archive, name, content):
    info = tarfile.TarInfo(name)
    info.size = len(content)
    archive.addfile(info, io.BytesIO(content))


def table(rows, delimiter):
    lines = [delimiter.join(rows[0])]
    lines += [delimiter.join('"' + str(value).replace('"', '""') + '"' for value in row.values()) for row in rows]
    return "\n".join(lines).encode() + b"\n"


# Damage


def damaged(data, rng, text):
    """The bytes with one to four mistakes."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(data) + 1)
        size = rng.choice((1, 1, 4, 16, 512, 3000))
        how = rng.randrange(7)
        if how == 0:
            data[at : at + 1] = bytes([rng.randrange(256)])
        elif how == 1:
            del data[at:]
        elif how == 2:
            del data[at : at + size]
        elif how == 3:
            data[at:at] = data[at : at + size]
        elif how == 4:
            data[at:at] = rng.choice(TOKENS) if text else rng.randbytes(size)
        elif how == 5:
            word = rng.choice(TOKENS if text else WORDS)
            data[at : at + len(word)] = word
        else:
            data[at : at + size] = rng.randbytes(size) if not text else rng.choice(TOKENS) * min(size, 16)
    return bytes(data)


def with_checksums(tar):
    """Headers that were damaged, with checksums that say they were not."""
    data = bytearray(tar)
    for at in range(0, len(data) - 511, 512):
        if data[at + 257 : at + 262] == b"ustar":
            data[at + 148 : at + 156] = b" " * 8
            data[at + 148 : at + 156] = b"%06o\0 " % sum(data[at : at + 512])
    return bytes(data)


def damaged_source(originals, kind, rng):
    if kind == "tar.gz" and rng.random() < 0.5:
        return gzip.compress(damaged_source(originals, "tar", rng), 1, mtime=0)
    data = damaged(originals.data[kind], rng, kind.endswith(("csv", "tsv", "json", "jsonl")))
    if kind == "zip" and rng.random() < 0.5:  # in the directory, which says where everything is
        at = originals.data[kind].rindex(b"PK\1\2", 0, -200)
        data = originals.data[kind][:at] + damaged(originals.data[kind][at:], rng, False)
    return with_checksums(data) if kind == "tar" and rng.random() < 0.5 else data


# Outcome


def read_source(originals, kind, data, whole):
    """What came of it: "read", or "refused"; raises AssertionError if it was read wrong."""
    path = originals.folder / f"damaged.{kind}"
    path.write_bytes(data)
    listing = listed(path)
    for entry in listing.entries:
        assert entry.key == entry.key.strip("\0")
        if entry.member is not None and entry.member.kind != "packed":
            try:
                found = archives.data(entry.path, entry.member)
            except (OSError, ValueError):
                continue  # is reported when it is extracted
            assert kind != "zip" or found == originals.bytes.get(entry.key, found), f"{entry.key} has other bytes"
    if whole:
        with tempfile.TemporaryDirectory() as out:
            extract(listing, out, features=spec(), n_jobs=1)
            open_set(out)


def read_set(originals, kind, data, rng):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(originals.set, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".parts"))
        name = next(Path(folder, "shards").iterdir()) if kind == "shard" else Path(folder, kind)
        name.write_bytes(data)
        if kind == "index.jsonl" and rng.random() < 0.5:  # as one would who wants it to be believed
            about = json.loads(originals.data["dataset.json"])
            about["index"]["blake2b"] = hashlib.blake2b(data, digest_size=16).hexdigest()
            Path(folder, "dataset.json").write_text(json.dumps(about))
        items = open_set(folder)
        summary(items.about)
        assert all(item.features.shape == (item.frames, 4) for item in items)
        items.verify()
        items.mean_variance  # noqa: B018


def outcome(originals, kind, seed):
    """What came of one damaged source: "read", "refused ..." or "WRONG ..."."""
    rng = random.Random(f"{kind} {seed}")
    data = damaged_source(originals, kind, rng)
    began = time.process_time()
    said = "read"
    try:
        if kind in ("dataset.json", "index.jsonl", "shard"):
            read_set(originals, kind, data, rng)
        else:
            read_source(originals, kind, data, whole=seed % 20 == 0)
    except wl.WavenetliteError as error:
        said = f"refused: {error}" if "\n" not in str(error) and len(str(error)) < 1000 else f"WRONG: {error!r}"
    except Exception as error:
        said = f"WRONG: {type(error).__name__}: {error}"
    took = time.process_time() - began  # of this process: others may have the machine
    return said if took < MOST_S else f"WRONG: took {took:.1f} s"


if __name__ == "__main__":
    first, count = map(int, sys.argv[1:3])
    wrong = False
    with tempfile.TemporaryDirectory() as place:
        sources = Originals(Path(place, "data"))
        for kind in KINDS:
            outcome(sources, kind, -1)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for kind in sys.argv[3:] or KINDS:
            found: Counter[str] = Counter()
            for seed in range(first, first + count):
                said = outcome(sources, kind, seed)
                found[said.partition(":")[0]] += 1
                if said.startswith("WRONG"):
                    wrong = True
                    print(kind, seed, said[:300])
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) << 10
            wrong |= grown > MOST_BYTES
            print(f"{kind}: {dict(found)}, memory grown by {grown >> 20} MB", flush=True)
    sys.exit(wrong)
