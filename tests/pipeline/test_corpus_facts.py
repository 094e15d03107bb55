"""What is found in a corpus: counts as they were made, and a warning for each fault that was put into it."""

import json
import shutil

import numpy as np
import pytest
import soundfile

import wavenetlite as wl
from wavenetlite.pipeline import first_seen
from wavenetlite.pipeline.corpus_facts import corpus_facts
from wavenetlite.pipeline.first_seen import FirstSeen

SR = 16000
SPEC = wl.LogMel(sr=SR, n_mels=8)


def write(path, number, *, seconds=0.2, loud=0.5, channels=1):
    path.parent.mkdir(parents=True, exist_ok=True)
    y = np.random.default_rng(number).uniform(-loud, loud, (round(seconds * SR), channels))
    y[0] = loud
    soundfile.write(path, y, SR)


@pytest.fixture
def rows(tmp_path):
    """A manifest of 24 recordings, 12 of each label, without any fault; a test adds its own."""
    made = []
    for number in range(24):
        split = "train" if number < 16 else "test"
        write(tmp_path / f"{number:02}.wav", number, seconds=0.1 + number / 100)
        made.append({"path": f"{number:02}.wav", "label": ("no", "yes")[number % 2], "split": split,
                     "speaker": f"{split} {number % 3}"})  # fmt: skip
    return made


def facts_of(tmp_path, rows, **options):
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    wl.pipeline.extract(tmp_path / "rows.jsonl", tmp_path / "out", features=SPEC, mono="mean")
    items = wl.pipeline.open(tmp_path / "out")
    return corpus_facts(items.select(**options) if options else items)


def test_counts(tmp_path, rows):
    facts = facts_of(tmp_path, rows)
    assert facts.warnings == []
    assert sorted(facts.durations_s) == pytest.approx([0.1 + number / 100 for number in range(24)], abs=1e-3)
    assert facts.peaks == pytest.approx([0.5] * 24, abs=1e-3)
    assert facts.rates == {SR: 24}
    assert facts.channels == {1: 24}
    assert facts.labels == {"no": {"train": 8, "test": 4}, "yes": {"train": 8, "test": 4}}
    assert facts.splits == ["test", "train"]
    assert sorted(facts.speakers) == [f"{split} {number}" for split in ("test", "train") for number in range(3)]
    assert sum(one.items for one in facts.speakers.values()) == 24
    assert sum(one.seconds for one in facts.speakers.values()) == pytest.approx(facts.durations_s.sum())


def test_a_selection_has_its_own_facts(tmp_path, rows):
    facts = facts_of(tmp_path, rows, split="test")
    assert len(facts.durations_s) == len(facts.peaks) == 8
    assert facts.splits == ["test"]


@pytest.mark.parametrize(
    ("changed", "kinds"),
    [
        ({"split": "test", "speaker": "test 0"}, ["leakage", "duplicates"]),
        ({"label": "yes"}, ["contradiction", "duplicates"]),
        ({}, ["duplicates"]),
    ],
)
def test_the_same_bytes_twice(changed, kinds, tmp_path, rows):
    shutil.copy(tmp_path / "00.wav", tmp_path / "again.wav")
    found = facts_of(tmp_path, [*rows, {**rows[0], "path": "again.wav", **changed}]).warnings
    assert [line.partition(":")[0] for line in found] == kinds
    assert all("1 recording " in line for line in found)
    assert found[0].endswith(": 00.wav") or kinds == ["duplicates"]


def test_parts_of_a_recording_are_not_the_same(tmp_path, rows):
    parts = [{**rows[0], "start_s": 0.0, "end_s": 0.05}, {**rows[0], "start_s": 0.05, "end_s": 0.1, "split": "test",
             "speaker": ""}]  # fmt: skip
    assert facts_of(tmp_path, [*rows, *parts]).warnings == []
    again = [{**part, "key": f"again {number}"} for number, part in enumerate(parts)]
    assert facts_of(tmp_path, [*rows, *parts, *again]).warnings == [
        "duplicates: 2 recordings with the bytes of another"
    ]


@pytest.mark.parametrize(
    ("row", "loud", "warning"),
    [
        ({"speaker": "train 1", "split": "test"}, 0.5, "leakage: 1 speaker in several splits: train 1"),
        ({"label": "rare", "split": ""}, 0.5, "few: 1 label with fewer than 10 items: rare"),
        ({}, 32767 / 32768, "clipping: 1 recording at full scale"),
        ({}, 0.005, "quiet: 1 recording never above -40 dB"),
    ],
)
def test_each_fault_is_told(row, loud, warning, tmp_path, rows):
    write(tmp_path / "more.wav", 99, loud=loud)
    found = facts_of(tmp_path, [*rows, {**rows[0], "path": "more.wav", **row}]).warnings
    assert found[0] == warning
    missing = [f"missing: 1 label not in {split}: rare" for split in ("test", "train")]
    assert found[1:] == (missing if "label" in row else [])


def test_what_was_left_out_of_the_set_has_no_level(tmp_path, rows):
    write(tmp_path / "silent.wav", 24, loud=0)
    shutil.copy(tmp_path / "00.wav", tmp_path / "twin.wav")
    more = [{"path": name, "label": "no"} for name in ("silent.wav", "twin.wav")]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows + more)))
    left_out = ["silent", "duplicate"]
    wl.pipeline.extract(tmp_path / "rows.jsonl", tmp_path / "out", features=SPEC, leave_out=left_out)
    facts = corpus_facts(wl.pipeline.open(tmp_path / "out"))
    assert facts.peaks == pytest.approx([0.5] * 24, abs=1e-3)
    assert not any(line.startswith("quiet") for line in facts.warnings)


def test_without_sidecars_levels_are_not_known(tmp_path, rows):
    facts_of(tmp_path, rows)
    shutil.rmtree(tmp_path / "out" / ".parts")
    items = wl.pipeline.open(tmp_path / "out")
    assert len(corpus_facts(items).peaks) == 0
    wl.figures.corpus_report(items, tmp_path / "report.html")
    assert "Not known: the folder .parts" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(("recent", "block"), [(1 << 16, 1 << 16), (50, 7), (1, 1 << 16), (200, 1000)])
def test_first_seen_is_a_dictionary(monkeypatch, recent, block):
    monkeypatch.setattr(first_seen, "RECENT", recent)
    monkeypatch.setattr(first_seen, "BLOCK", block)
    rng = np.random.default_rng(0)
    seen, first, number = FirstSeen(3000), {}, 0
    for _ in range(300):
        hashes = rng.integers(0, 3000, rng.integers(0, 40)).astype(np.uint64) * np.uint64(2**50)
        numbers = np.arange(number, number + len(hashes), dtype=np.uint32)
        number += len(hashes)
        expected = [first.setdefault(int(one), int(own)) for one, own in zip(hashes, numbers, strict=True)]
        assert seen.add(hashes, numbers).tolist() == expected
    assert len(seen) == len(first)
