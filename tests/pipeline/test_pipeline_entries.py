"""Entries in columns against entries in a list; tasks in threads without joblib."""

import random
import subprocess
import sys
from dataclasses import replace

import pytest

from wavenetlite.corpora.items import Item, PackedItems
from wavenetlite.corpora.trees import DiskTree
from wavenetlite.pipeline import parallel, work
from wavenetlite.pipeline.entries import Entries, Entry, Listing, Member
from wavenetlite.support.packed_texts import MOST_RUNS, order_of


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
