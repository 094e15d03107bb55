"""Entries in columns against entries in a list; tasks in threads without joblib."""

import random
import subprocess
import sys
import tracemalloc
from dataclasses import replace

import pytest

from wavenetlite.corpora import trees
from wavenetlite.corpora.items import Item, PackedItems
from wavenetlite.corpora.trees import DiskTree, PackedNodes, walk
from wavenetlite.pipeline import parallel, work
from wavenetlite.pipeline.entries import Entries, Entry, Listing, Member
from wavenetlite.pipeline.sources import listed
from wavenetlite.support.packed_texts import MOST_RUNS, PackedNumbers, PackedTexts, order_of


def some(count, seed=0):
    rng = random.Random(seed)
    return [
        Entry(f"{'ß/' * (n % 3)}{rng.randrange(10 * count)}", "base" * (n % 2), f"name {n}\udce9", f"label {n % 4}",
              "" if n % 5 else "a", ("train", "")[n % 2], 0.5 if n % 7 == 0 else None, size=n - 1, mtime_ns=n * 10**16,
              member=Member("tar", "m", n, 4) if n % 11 == 0 else None, extra={"n": n} if n % 13 == 0 else None,
              channel=n % 17 or None)
        for n in range(count)
    ]  # fmt: skip


def test_what_is_added_is_there():
    made = some(300)
    entries = Entries(made)
    assert list(entries) == made
    assert [entries[n] for n in range(-300, 300)] == made + made
    assert list(entries[7:200:3]) == made[7:200:3]
    assert list(entries + made) == made + made
    with pytest.raises(IndexError):
        entries[300]


def test_dates_beyond_64_bits_are_told_apart():
    dates = [2**63 - 1, 2**63, 2**63 + 1, -(2**63), 14 * 10**18]
    found = [entry.mtime_ns for entry in Entries(replace(some(1)[0], mtime_ns=date) for date in dates)]
    assert found[:1] + found[3:4] == dates[:1] + dates[3:4]
    assert len(set(found)) == 4  # the second has the bits of the fourth


def test_sorted_without_doubles():
    made = some(300)
    made += [replace(made[5], label="later"), replace(made[9], label="later")]
    listing = Listing("", Entries(made)).finish("source")
    first = {}
    for entry in made:
        first.setdefault(entry.key, entry)
    assert list(listing.entries) == [first[key] for key in sorted(first)]
    assert len(listing.entries) == len(first)
    twice = sorted(entry.key for entry in made)
    for key in first:
        twice.remove(key)
    assert [problem.key for problem in listing.problems] == twice


def test_all_are_changed():
    entries = Entries(some(50))
    entries.change(lambda entry: setattr(entry, "split", f"{entry.split}!"))
    assert list(entries) == [replace(entry, split=f"{entry.split}!") for entry in some(50)]


@pytest.mark.parametrize("count", [0, 1, 2, 50, 3 * MOST_RUNS])
def test_order(count):
    keys = [random.Random(n).randrange(count) for n in range(count)]
    found = order_of(count, keys.__getitem__)
    assert list(range(count) if found is None else found) == sorted(range(count), key=keys.__getitem__)


def test_packed_items_are_items(tmp_path):
    packed, plain = PackedItems(DiskTree(tmp_path)), []
    for n in (5, 3, 9, 1):
        packed.add(f"{n}.wav", f"label {n % 2}", "s", "train")
        plain.append(Item(str(tmp_path / f"{n}.wav"), f"{n}.wav", f"label {n % 2}", "s", "train"))
    assert list(packed) == plain
    assert list(packed.in_order()) == sorted(plain, key=lambda item: (item.label, item.name))
    packed.move([1, 2], "test")
    assert [item.part for item in packed] == ["train", "test", "test", "train"]


def test_threads_of_our_own(monkeypatch):
    def done(task):
        if task == 50:
            raise ValueError("fifty")
        return -task

    monkeypatch.setattr(work, "work", done)
    assert sorted(parallel.in_threads(iter(range(40)), 3)) == sorted(-n for n in range(40))
    given = []
    with pytest.raises(ValueError, match="fifty"):
        list(parallel.in_threads((given.append(n) or n for n in range(1000)), 2))
    assert len(given) < 60


def test_nobody_imports_joblib_for_a_few_threads(tmp_path):
    code = f"""
import sys, numpy as np, wavenetlite as wl
from pathlib import Path
folder = Path({str(tmp_path)!r})
(folder / "data" / "tone").mkdir(parents=True)
wl.audio.write(folder / "data" / "tone" / "a.wav", np.sin(np.arange(8000, dtype=np.float32)), 16000)
print(wl.pipeline.extract(folder / "data", folder / "out", n_jobs=2).items, "joblib" in sys.modules)
"""
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert found.stdout.split() == ["1", "False"]


def test_numbers_are_as_wide_as_the_largest():
    rng, plain, packed = random.Random(0), [], PackedNumbers()
    for bits in (3, 7, 8, 15, 16, 31, 32, 63):
        some = [rng.choice((-1, 1)) * rng.randrange(1 << bits - 1, 1 << bits) for _ in range(5)]
        plain += [*some, some[0], some[0], some[0], -1]
        packed.extend(some[:3])
        for one in some[3:]:
            packed.append(one)
        packed.repeat(some[0], 3)
        packed.extend([])
        packed.append(-1)
        assert list(packed) == plain
        assert packed.values.itemsize == next(size for size in (1, 2, 4, 8) if bits < 8 * size)
    with pytest.raises(OverflowError):
        packed.append(1 << 63)
    assert list(packed) == plain


@pytest.mark.parametrize("texts", [["", "a", "bc"] * 900, ["ß", "a\udce9", ""] * 900, []])
def test_texts_added_together_and_one_by_one(texts):
    one_by_one, together = PackedTexts(), PackedTexts()
    for text in texts:
        one_by_one.append(text)
    together.extend(texts)
    together.extend(texts)
    assert list(one_by_one) == texts
    assert list(together) == texts + texts
    assert together.between(len(texts) // 2, len(texts)) == texts[len(texts) // 2 :]
    assert [together[n] for n in range(0, len(together), 7)] == (texts + texts)[::7]


def test_entries_between_two_places():
    entries = Entries(some(300))
    assert entries.between(10, 200) == some(300)[10:200]
    entries.sort()
    assert entries.between(10, 200) == list(entries)[10:200]


def test_bytes_of_an_entry():
    count, names = 50_000, 17
    items = PackedItems(DiskTree("corpus"))
    for label in range(10):
        items.add_all([f"label{label}/{n:06}.wav" for n in range(count // 10)], f"label{label}", [""] * (count // 10))
    tracemalloc.start()
    try:
        entries = Entries.of_files(
            items, "corpus", lambda name: (32_044, 1_700_000_000 * 10**9 + len(name)), divided=True
        )
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    held = len(items.names.data) + sum(
        column.values.buffer_info()[1] * column.values.itemsize
        for column in (
            items.names.ends,
            items.labels,
            items.speakers,
            items.parts,
            entries.sizes,
            entries.times,
            entries.bases,
        )
    )
    assert len(entries) == count
    assert held < (names + 20) * count  # place, size and date take 4, 2 and 8, the rest a byte each
    assert grown < 20 * count


def test_a_large_folder_is_one_in_order(tmp_path, monkeypatch):
    for n in range(200):
        (tmp_path / f"{random.Random(n).random()}{'.wav' * (n % 3 > 0)}").write_bytes(b"")
    for name in ("b", "\udce9", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "a").symlink_to("nothing")
    small = DiskTree(tmp_path).nodes("")
    walked = [(folder, list(nodes)) for folder, nodes in walk(DiskTree(tmp_path), [])]
    monkeypatch.setattr(trees, "MANY", 30)
    large = DiskTree(tmp_path).nodes("")
    assert isinstance(large, PackedNodes)
    assert list(large) == small == sorted(small)
    assert [large[n] for n in range(-len(small), len(small))] == small + small
    assert large[3:150:7] == small[3:150:7]
    assert [(folder, list(nodes)) for folder, nodes in walk(DiskTree(tmp_path), [])] == walked


def test_one_folder_of_recordings_is_listed_alike(tmp_path, monkeypatch):
    for n in range(50):
        (tmp_path / f"{n:03}.wav").write_bytes(b"RIFF")
    (tmp_path / "003.cls").write_text("three")
    small = listed(tmp_path)
    monkeypatch.setattr(trees, "MANY", 7)
    large = listed(tmp_path)
    assert small.layout == large.layout == "webdataset"
    assert list(small.entries) == list(large.entries)
    assert [entry.label for entry in large.entries][2:5] == ["", "three", ""]
