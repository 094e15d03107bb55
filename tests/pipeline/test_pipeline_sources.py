"""Sources: layouts, manifests, archives, globs; what an entry is called, and what is wrong with a line."""

import csv
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from pipeline_data import corpus, errors, spec, tone, tree

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.corpora import layouts
from wavenetlite.pipeline import PipelineError, extract, listed
from wavenetlite.pipeline import open as open_set
from wavenetlite.pipeline.rates import common_rate


def described(listing):
    return {entry.key: (entry.label, entry.speaker, entry.split) for entry in listing.entries}


@pytest.fixture
def data(tmp_path):
    return corpus(tmp_path / "data", clips=3)


# Folders


def test_a_folder_is_divided_as_training_divides_it(tmp_path):
    data = corpus(tmp_path / "data", clips=20)
    found = layouts.find(data, "auto", layouts.Division(0.1, 0.1, 0))
    assert described(listed(data)) == {item.name: (item.label, item.speaker, item.part) for item in found.items}
    assert {split for *_, split in described(listed(data)).values()} == {"train", "valid", "test"}


def test_speech_commands(data):
    (data / "validation_list.txt").write_text("no/s0_nohash_0.wav\n")
    (data / "testing_list.txt").write_text("yes/s1_nohash_1.wav\nyes/s7_nohash_7.wav\n")
    listing = listed(data)
    assert listing.layout == "speech_commands"
    assert described(listing)["no/s0_nohash_0.wav"] == ("no", "s0", "valid")
    assert described(listing)["yes/s1_nohash_1.wav"] == ("yes", "s1", "test")
    assert [problem.reason for problem in listing.problems] == ["layout"]
    assert "s7_nohash_7.wav" in listing.problems[0].message


def test_free_spoken_digits(tmp_path):
    (tmp_path / "recordings").mkdir()
    for name in ("0_theo_0", "0_theo_7", "1_lucas_9"):
        audio.write(tmp_path / "recordings" / f"{name}.wav", tone(1), 8000)
    listing = listed(tmp_path)
    assert listing.layout == "fsdd"
    assert described(listing)["recordings/0_theo_0.wav"] == ("0", "theo", "test")
    assert described(listing)["recordings/1_lucas_9.wav"][:2] == ("1", "lucas")


def test_any_depth(tmp_path):
    for name in ("84/121123/a.wav", "84/b.wav", "c.wav", "84/121123/note.txt", ".hidden.wav"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert {key: label for key, (label, *_) in described(listed(tmp_path, layout="tree")).items()} == {
        "84/121123/a.wav": "121123", "84/b.wav": "84", "c.wav": ""}  # fmt: skip


def test_a_folder_of_recordings_alone_needs_no_labels(tmp_path):
    (tmp_path / "data").mkdir()
    audio.write(tmp_path / "data" / "a.wav", tone(1), 8000)
    listing = listed(tmp_path / "data")
    assert (listing.layout, described(listing)) == ("tree", {"a.wav": ("", "", "")})


def test_one_file(data):
    assert list(described(listed(data / "no" / "s0_nohash_0.wav"))) == ["s0_nohash_0.wav"]


def test_globs(data):
    assert {key: label for key, (label, *_) in described(listed(str(data / "*" / "s0*.wav"))).items()} == {
        "no/s0_nohash_0.wav": "no", "yes/s0_nohash_0.wav": "yes"}  # fmt: skip
    assert {label for label, *_ in described(listed(str(data / "no" / "*.wav"))).values()} == {""}
    assert len(listed(str(data / "**" / "*.wav")).entries) == 6


def test_relative_paths(data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    extract("data", "out", features=spec())
    assert len(open_set("out")) == 6
    assert described(listed("data/*/*.wav")).keys() == described(listed("data")).keys()
    for entry in listed("data/no").entries + listed("data/*/*.wav").entries + listed("data/no/s0_nohash_0.wav").entries:
        assert Path(entry.path).is_absolute()
        assert Path(entry.path).exists()


def test_several_sources(data, tmp_path):
    other = corpus(tmp_path / "other", clips=1, labels=["maybe"])
    listing = listed([data, other])
    assert len(listing.entries) == 7
    assert "other/maybe/s0_nohash_0.wav" in described(listing)
    extract([data, other], tmp_path / "out", features=spec())
    assert open_set(tmp_path / "out").labels == ["maybe", "no", "yes"]


# Manifests


ROWS = [
    {"path": "no/s0_nohash_0.wav", "label": "no", "speaker": "ann", "split": "train", "room": "kitchen"},
    {"path": "no/s1_nohash_1.wav", "label": "no", "speaker": 7, "split": "test", "room": "hall"},
    {"path": "yes/s0_nohash_0.wav", "label": "yes", "speaker": "bob", "split": "train", "room": ""},
]


def write_manifest(path, rows):
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, list(dict.fromkeys(name for row in rows for name in row)),
                                    delimiter="\t" if path.suffix == ".tsv" else ",")  # fmt: skip
            writer.writeheader()
            writer.writerows(rows)
    return path


@pytest.mark.parametrize("ending", [".jsonl", ".csv", ".tsv"])
def test_manifests(data, tmp_path, ending):
    manifest = write_manifest(data / f"manifest{ending}", ROWS)
    extract(manifest, tmp_path / "out", features=spec())
    items = open_set(tmp_path / "out")
    assert [(item.label, item.speaker, item.split, item.extra) for item in items] == [
        ("no", "ann", "train", {"room": "kitchen"}),
        ("no", "7", "test", {"room": "hall"}),
        ("yes", "bob", "train", {"room": ""}),
    ]
    assert np.array_equal(items[1].features, spec()(audio.read(data / ROWS[1]["path"])[0]))
    assert [item.key for item in items.select(split="train")] == [ROWS[0]["path"], ROWS[2]["path"]]


def test_parts_of_recordings(data, tmp_path):
    rows = [
        {"path": "no/s0_nohash_0.wav", "start_s": 0.01, "end_s": 0.05},
        {"path": "no/s0_nohash_0.wav", "start_s": 0.02},
        {"path": "no/s0_nohash_0.wav", "end_s": 0.03, "key": "mine"},
        {"path": "no/s0_nohash_0.wav"},
    ]
    extract(write_manifest(data / "parts.jsonl", rows), tmp_path / "out", features=spec())
    items = open_set(tmp_path / "out")
    y, _ = audio.read(data / "no/s0_nohash_0.wav")
    wanted = {"no/s0_nohash_0.wav#0.01-0.05": y[80:400], "no/s0_nohash_0.wav#0.02-": y[160:], "mine": y[:240],
              "no/s0_nohash_0.wav": y}  # fmt: skip
    assert set(items.keys) == set(wanted)
    for key, part in wanted.items():
        assert np.array_equal(items[key].features, spec()(part))
        assert items[key].duration_s == pytest.approx(len(part) / 8000)
    assert (items["mine"].start_s, items["mine"].end_s) == (None, 0.03)
    assert errors(tmp_path / "out") == {}  # parts of one file are no duplicates


def test_parts_of_long_recordings_are_read_where_they_are(data, tmp_path, monkeypatch):
    audio.write(data / "long.flac", tone(3, 100_000), 8000)
    rows = [{"path": "long.flac", "start_s": at, "end_s": at + 1.5, "label": "a"} for at in (0, 3.25, 10)]
    manifest = write_manifest(data / "parts.jsonl", rows)
    monkeypatch.setattr("wavenetlite.pipeline.reading.BLOCK", 500)
    extract(manifest, tmp_path / "out", features=spec())
    y, _ = audio.read(data / "long.flac")
    for item in open_set(tmp_path / "out"):
        first = round(item.start_s * 8000)
        assert np.array_equal(item.features, spec()(y[first : first + 12_000]))


def test_wrong_lines_are_listed(data, tmp_path):
    bad = ['{"path": 7}', "{", "[]", '{"label": "a"}', '{"path": "a.wav", "start_s": "x"}',
           '{"path": "a.wav", "start_s": 2, "end_s": 1}', '{"path": "a.wav", "start_s": -1}',
           '{"path": "a.wav", "label": {}}', '{"path": "no/s0_nohash_0.wav", "end_s": NaN}']  # fmt: skip
    good = json.dumps(ROWS[0])
    (data / "m.jsonl").write_text("\n".join([*bad, "", good, good]) + "\n")
    listing = listed(data / "m.jsonl")
    assert len(listing.entries) == 1
    messages = [problem.message for problem in listing.problems]
    assert [message.split(":")[0] for message in messages[:-1]] == [f"m.jsonl, line {n}" for n in range(1, 10)]
    assert "duplicate key" in messages[-1]
    done = extract(data / "m.jsonl", tmp_path / "out", features=spec())
    assert done.errors == {"manifest": 10}


def test_segments_outside_are_listed(data, tmp_path):
    rows = [{"path": ROWS[0]["path"], "start_s": 9}, {"path": ROWS[0]["path"], "end_s": 9},
            {"path": ROWS[0]["path"], "end_s": 0.08}, {"path": ROWS[2]["path"]}]  # fmt: skip
    extract(write_manifest(data / "m.jsonl", rows), tmp_path / "out", features=spec())
    assert set(errors(tmp_path / "out").values()) == {"segment"}
    assert len(open_set(tmp_path / "out")) == 2  # 0.08 s of 0.075 s: times are rounded


def test_columns_by_another_name(data, tmp_path):
    rows = [{"file": row["path"], "keyword": row["label"], "label": "kept"} for row in ROWS]
    manifest = write_manifest(data / "m.csv", rows)
    extract(manifest, tmp_path / "out", features=spec(), columns={"path": "file", "label": "keyword"})
    item = open_set(tmp_path / "out")[0]
    assert (item.label, item.extra) == ("no", {"label_": "kept"})
    with pytest.raises(wl.ParameterError, match="columns='word' must be one of path, key, label"):
        listed(manifest, columns={"word": "keyword"})


def test_a_manifest_that_is_no_text(data):
    (data / "m.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(wl.ParameterError, match=r"m.jsonl: cannot be read"):
        listed(data / "m.jsonl")


# Archives


def packed(data, path):
    """The corpus as an archive."""
    files = sorted(file for file in data.rglob("*") if file.is_file())
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for number, file in enumerate(files):
                how = zipfile.ZIP_STORED if number % 2 else zipfile.ZIP_DEFLATED
                archive.write(file, f"corpus/{file.relative_to(data)}", compress_type=how)
    else:
        with tarfile.open(path, f"w:{path.suffix[1:].replace('tar', '').replace('tgz', 'gz')}") as archive:
            for file in files:
                archive.add(file, f"corpus/{file.relative_to(data)}")
    return path


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.tgz", "a.tar.xz", "a.zip"])
def test_archives(data, tmp_path, name):
    (data / "validation_list.txt").write_text("no/s0_nohash_0.wav\n")
    (data / "testing_list.txt").write_text("yes/s1_nohash_1.wav\n")
    archive = packed(data, tmp_path / name)
    extract(archive, tmp_path / "out", features=spec())
    extract(data, tmp_path / "folder", features=spec())
    items, others = open_set(tmp_path / "out"), open_set(tmp_path / "folder")
    assert len(items) == 6
    for item, other in zip(items, others, strict=True):
        assert item.key == f"corpus/{other.key}"
        assert (item.label, item.speaker, item.split) == (other.label, other.speaker, other.split)
        assert (item.audio_hash, item.feature_hash) == (other.audio_hash, other.feature_hash)
    assert not list((tmp_path / "out").rglob("*.tar"))
    assert extract(archive, tmp_path / "out", features=spec()).computed == 0


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip"])
def test_the_rate_of_what_lies_in_an_archive(data, tmp_path, name):
    (data / "no" / "s9_nohash_9.wav").write_bytes(b"damaged")
    audio.write(data / "no" / "s8_nohash_8.wav", tone(1), 16000)
    assert common_rate(listed(packed(data, tmp_path / name)).entries) == common_rate(listed(data).entries) == 8000
    assert common_rate([]) == 16000


def test_only_what_changed_in_an_archive_is_redone(data, tmp_path):
    extract(packed(data, tmp_path / "a.zip"), tmp_path / "out", features=spec())
    audio.write(data / "no" / "s0_nohash_0.wav", tone(99), 8000)
    done = extract(packed(data, tmp_path / "a.zip"), tmp_path / "out", features=spec())
    assert (done.computed, done.copied) == (1, 5)


def test_archives_of_other_layouts(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for name in ("recordings/3_theo_2.wav", "x/train/yes/a.wav", "x/valid/yes/b.wav", "top.wav"):
            archive.writestr(name, b"x")
    assert described(listed(tmp_path / "a.zip")) == {
        "recordings/3_theo_2.wav": ("3", "theo", "test"), "top.wav": ("", "", ""),
        "x/train/yes/a.wav": ("yes", "", "train"), "x/valid/yes/b.wav": ("yes", "", "valid")}  # fmt: skip


@pytest.mark.parametrize("name", ["a.tar", "a.tar.gz", "a.zip"])
def test_damaged_archives(data, tmp_path, name):
    (tmp_path / name).write_bytes(b"no archive" * 100)
    with pytest.raises(wl.ParameterError, match=f"{name}: not an archive, or damaged"):
        listed(tmp_path / name)


def test_a_damaged_member_is_listed(data, tmp_path):
    archive = packed(data, tmp_path / "a.zip")
    with zipfile.ZipFile(archive) as opened:
        info = opened.getinfo("corpus/no/s1_nohash_1.wav")
    whole = bytearray(archive.read_bytes())
    whole[info.header_offset + 200] ^= 255
    archive.write_bytes(whole)
    extract(archive, tmp_path / "out", features=spec())
    assert errors(tmp_path / "out") == {"corpus/no/s1_nohash_1.wav": "unreadable"}
    assert len(open_set(tmp_path / "out")) == 5


def test_an_encrypted_member_is_listed(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/b.wav", b"x" * 50)
    data = bytearray(buffer.getvalue())
    data[6] |= 1
    (tmp_path / "a.zip").write_bytes(data)
    with pytest.raises(PipelineError, match="it is encrypted"):
        extract(tmp_path / "a.zip", tmp_path / "out", features=spec())


def test_the_wake_words(tmp_path):
    root = os.environ.get("WAVENETLITE_DATA")
    if not root:
        pytest.skip("WAVENETLITE_DATA, the folder of the real recordings, is not set")
    manifest = Path(root, "wake_words", "manifest.jsonl")
    listing = listed(manifest, columns={"label": "keyword"})
    rows = [json.loads(line) for line in manifest.read_text().splitlines()]
    assert len(listing.entries) + len(listing.problems) == len(rows)
    listing.entries = listing.entries[::100]
    extract(listing, tmp_path / "out", features=wl.LogMel(sr=8000, n_fft=256, hop_length=80, n_mels=20))
    items = open_set(tmp_path / "out")
    assert len(items) + sum(items.about["errors"].values()) >= len(listing.entries)
    assert {"phone", "gender", "transcription"} <= items[0].extra.keys()
    assert tree(tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "step", "features", "splits"),
    [
        ("speech_commands12", 60, wl.LogMel, {"train": 2214, "valid": 835, "test": 911}),
        ("fsdd", 50, lambda: wl.LogMel(sr=8000, n_fft=256, hop_length=80, n_mels=20), {"test": 250}),
    ],
)
def test_real_corpora(tmp_path, name, step, features, splits):
    root = os.environ.get("WAVENETLITE_DATA")
    if not root:
        pytest.skip("WAVENETLITE_DATA, the folder of the real recordings, is not set")
    listing = listed(Path(root, name))
    for split, clips in splits.items():
        assert sum(entry.split == split for entry in listing.entries) == clips
    listing.entries = listing.entries[::step]
    extract(listing, tmp_path / "out", features=features())
    items = open_set(tmp_path / "out")
    assert len(items) == len(listing.entries)
    for item in items:
        y, _ = audio.read(Path(root, name, item.path))
        assert np.array_equal(item.features, items.spec(y))
