"""Folders as people have them: links, loops, hidden and unreadable folders, files of every ending."""

import os

import pytest
from pipeline_data import corpus, errors, lines, spec, tone

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.corpora import trees
from wavenetlite.corpora.trees import DiskTree, UnreadableFolderError, walk
from wavenetlite.pipeline import extract, listed

RATE = 8000


def put(folder, *names):
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        audio.write(folder / name, tone(number), RATE)


def keys(listing):
    return [entry.key for entry in listing.entries]


def messages(listing):
    return [problem.message for problem in listing.problems]


def test_linked_folders_are_followed_at_any_depth(tmp_path):
    put(tmp_path, "store/yes/1.wav", "data/a/b/no/1.wav")
    (tmp_path / "data/a/b/yes").symlink_to(tmp_path / "store/yes")
    listing = listed(tmp_path / "data")
    assert keys(listing) == ["a/b/no/1.wav", "a/b/yes/1.wav"]
    assert {entry.label for entry in listing.entries} == {"no", "yes"}
    assert keys(listed(str(tmp_path / "data/**/*.wav"))) == keys(listing)


@pytest.mark.parametrize("target", [".", "..", "../..", "../../..", "/"])
def test_loops_of_links_end_and_are_reported(tmp_path, target):
    put(tmp_path, "data/a/b/no/1.wav")
    (tmp_path / "data/a/b/loop").symlink_to(target)
    for source in (tmp_path / "data", str(tmp_path / "data/**/*.wav")):
        listing = listed(source, layout="tree")
        assert keys(listing) == ["a/b/no/1.wav"]
        assert messages(listing) == ["a/b/loop: a link back to a folder that it is in; skipped"]


def test_folders_that_all_lead_to_each_other(tmp_path):
    for a in range(9):
        put(tmp_path, f"{a}/{a}.wav")
        for b in range(9):
            if a != b:
                (tmp_path / f"{a}" / f"to{b}").symlink_to(f"../{b}")
    listing = listed(tmp_path, layout="tree")
    assert {f"{a}/{a}.wav" for a in range(9)} <= set(keys(listing))
    assert len(listing.entries) <= 9 * (trees.MOST_VISITS + 1)
    assert any("links have led to already" in message for message in messages(listing))


def test_hidden_folders_and_companions_are_passed_over(tmp_path):
    good = ("x/no/1.wav", "x/yes/1.wav")
    put(tmp_path, *good, "x/.Trash-1000/files/yes/old.wav", "x/yes/.ipynb_checkpoints/1.wav", ".git/a.wav",
        "__MACOSX/x/yes/1.wav", "x/no/._1.wav", "$RECYCLE.BIN/a.wav")  # fmt: skip
    (tmp_path / "x/yes/.DS_Store").write_bytes(b"x")
    for source, layout in ((tmp_path, "auto"), (tmp_path, "tree"), (str(tmp_path / "**/*.wav"), "auto")):
        listing = listed(source, layout=layout)
        assert (keys(listing), messages(listing)) == (list(good), [])


def test_a_folder_that_cannot_be_read_is_reported(tmp_path, monkeypatch):
    put(tmp_path, "a/b/no/1.wav", "a/b/yes/1.wav", "a/b/yes/2.wav")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("no"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("os.scandir", refuse)
    for source, layout in ((tmp_path, "tree"), (tmp_path / "a/b", "folders"), (str(tmp_path / "**/*.wav"), "auto")):
        listing = listed(source, layout=layout)
        assert [key.rpartition("/")[2] for key in keys(listing)] == ["1.wav", "2.wav"]
        assert len(listing.problems) == 1
        assert "no" in messages(listing)[0]
        assert "cannot be read: Permission denied; skipped" in messages(listing)[0]
    monkeypatch.setattr("os.scandir", lambda path: refuse("no"))
    with pytest.raises(UnreadableFolderError, match="cannot be read"):
        list(walk(DiskTree(tmp_path), []))


def test_every_ending_that_libsndfile_reads(tmp_path):
    kinds = {"aif": "AIFF", "aifc": "AIFF", "au": "AU", "snd": "AU", "avr": "AVR", "caf": "CAF", "flac": "FLAC",
             "mp3": "MP3", "mp2": "MP3", "ogg": "OGG", "oga": "OGG", "paf": "PAF", "rf64": "RF64", "sf": "IRCAM",
             "voc": "VOC", "w64": "W64", "wav": "WAV", "wave": "WAV", "sph": "NIST", "WAV": "WAV"}  # fmt: skip
    soundfile = pytest.importorskip("soundfile")
    (tmp_path / "data/x/y").mkdir(parents=True)
    for ending, kind in kinds.items():
        soundfile.write(tmp_path / f"data/x/y/{ending}_.{ending}", tone(1), RATE, format=kind)
    done = extract(tmp_path / "data", tmp_path / "out", features=spec(), n_jobs=1)
    assert done.items == len(kinds)


def test_recordings_that_cannot_be_read_are_reported_by_their_kind(tmp_path):
    put(tmp_path, "data/yes/1.wav", "data/no/1.wav")
    (tmp_path / "data/yes/2.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(99))
    (tmp_path / "data/no/2.wma").write_bytes(b"0&\xb2u\x8ef\xcf\x11" + bytes(99))
    extract(tmp_path / "data", tmp_path / "out", features=spec(), n_jobs=1)
    assert errors(tmp_path / "out") == {"yes/2.m4a": "unreadable", "no/2.wma": "unreadable"}
    said = " ".join(row["message"] for row in lines(tmp_path / "out/errors.jsonl"))
    assert "MPEG-4" in said
    assert "Windows Media" in said


def test_a_corpus_inside_one_folder(tmp_path):
    data = corpus(tmp_path / "data", clips=20)
    (tmp_path / "outer/middle").mkdir(parents=True)
    (tmp_path / "outer/middle/corpus").symlink_to(data)
    inner, outer = listed(data), listed(tmp_path / "outer")
    assert outer.layout == "folders"
    assert [(f"middle/corpus/{one.key}", one.label, one.split) for one in inner.entries] == [
        (one.key, one.label, one.split) for one in outer.entries]  # fmt: skip


def test_a_stray_recording_does_not_hide_the_others(tmp_path):
    put(tmp_path, "yes/stray.wav", *(f"yes/ann/{n}.wav" for n in range(4)), *(f"no/bob/{n}.wav" for n in range(4)))
    assert len(listed(tmp_path).entries) == 9


def test_audio_beside_the_recordings_of_fsdd_is_reported(tmp_path):
    put(tmp_path, *(f"recordings/{n}_theo_{n}.wav" for n in range(5)), "extra/1_bob_1.wav", "2_bob_2.wav")
    listing = listed(tmp_path)
    assert (listing.layout, len(listing.entries)) == ("fsdd", 5)
    assert messages(listing) == ["2_bob_2.wav: is not in the folder of a label; skipped",
                                 "extra/: is not recordings/; skipped"]  # fmt: skip


def test_two_sources_of_one_name(tmp_path):
    for site in ("a/x", "b/x", "c"):
        put(tmp_path, f"{site}/clips/yes/1.wav", f"{site}/clips/no/1.wav")
    listing = listed([tmp_path / "a/x/clips", tmp_path / "b/x/clips", tmp_path / "c/clips"])
    assert keys(listing) == [f"{place}/{label}/1.wav" for place in ("a/x/clips", "b/x/clips", "c/clips")
                             for label in ("no", "yes")]  # fmt: skip
    assert not listing.problems
    twice = listed([tmp_path / "c/clips", tmp_path / "c/clips"])
    assert (len(twice.entries), len(twice.problems)) == (2, 2)


def test_a_pattern_of_folders(tmp_path):
    put(tmp_path, "spk1/yes/1.wav", "spk2/no/deep/1.wav", "other/yes/1.wav")
    assert keys(listed(str(tmp_path / "spk*"))) == ["spk1/yes/1.wav", "spk2/no/deep/1.wav"]


def test_a_folder_of_archives_says_what_to_do(tmp_path):
    put(tmp_path, "x/1.wav")
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards/a.tar").write_bytes(b"x")
    with pytest.raises(wl.ParameterError, match=r"has no recordings \(a.tar: a manifest or an archive; pass it as the"):
        extract(tmp_path / "shards", tmp_path / "out", features=spec())


def test_what_belongs_to_a_recording_is_no_manifest(tmp_path):
    put(tmp_path, "1.wav", "2.wav")
    (tmp_path / "1.json").write_text('{"take": 7}')
    (tmp_path / "2.csv").write_text("0.1,0.2,yes\n")
    for pattern in ("*", "**/*"):
        assert keys(listed(str(tmp_path / pattern))) == ["1.wav", "2.wav"]


def test_lhotse_finds_the_recordings_of_every_source(tmp_path, monkeypatch):
    put(tmp_path, "a/clips/yes/1.wav", "a/clips/no/1.wav", "b/clips/yes/1.wav")
    monkeypatch.chdir(tmp_path)
    sources = {"one": "a/clips", "pattern": "a/**/*.wav", "list": ["a/clips", "b/clips"], "whole": str(tmp_path / "b")}
    for name, source in sources.items():
        extract(source, name, features=spec(), n_jobs=1)
        items = wl.pipeline.open(name)
        items.to_lhotse(f"{name}_lhotse")
        recordings = lines(f"{name}_lhotse/recordings.jsonl")
        assert len({row["id"] for row in recordings}) == len(recordings) == len(items)
        assert all(os.path.isfile(row["sources"][0]["source"]) for row in recordings)  # noqa: PTH113
        assert {row["recording_id"] for row in lines(f"{name}_lhotse/supervisions.jsonl")} == {
            row["id"] for row in recordings}  # fmt: skip
