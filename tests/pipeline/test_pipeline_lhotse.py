"""Lhotse's manifests as sources: cuts, recordings and supervisions; what Lhotse would compute is reported."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from pipeline_data import corpus, lines, spec, tone

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.pipeline import extract, listed
from wavenetlite.support.errors import ParameterError


def recording(name, channels=1, **more):
    ids = list(range(channels))
    return {"id": name, "sources": [{"type": "file", "channels": ids, "source": f"{name}.wav"}], "sampling_rate": 8000,
            "num_samples": 2400, "duration": 0.3, "channel_ids": ids, **more}  # fmt: skip


def supervision(name, of, start=0.0, duration=0.2, **more):
    return {"id": name, "recording_id": of, "start": start, "duration": duration, "channel": 0, **more}


def cut(name, of, supervisions=(), **more):
    return {"id": name, "start": 0.05, "duration": 0.2, "channel": 0, "supervisions": list(supervisions),
            "recording": of, "type": "MonoCut", **more}  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    tmp_path = tmp_path / "corpus"
    tmp_path.mkdir()
    for number, name in enumerate(("a", "b")):
        audio.write(tmp_path / f"{name}.wav", tone(number, 2400), 8000)
    audio.write(tmp_path / "two.wav", np.stack([tone(7, 2400), tone(8, 2400)], axis=1), 8000)
    return tmp_path


def write(path, rows):
    text = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def facts(path):
    return [(e.key, e.name, e.label, e.speaker, e.start_s, e.end_s, e.channel) for e in listed(path).entries]


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz"])
def test_recordings_and_supervisions(folder, ending):
    write(folder / f"train_recordings.{ending}", [recording("a"), recording("b"), recording("two", 2)])
    said = [supervision("s1", "a", text="yes", speaker="x", custom={"age": 3}),
            supervision("s2", "a", 0.1, 0.1, text="no"),
            supervision("s3", "two", channel=1, text="yes", custom={"label": "command"})]  # fmt: skip
    write(folder / f"train_supervisions.{ending}", said)
    wanted = [("b", "b.wav", "", "", None, None, None), ("s1", "a.wav", "yes", "x", 0.0, 0.2, None),
              ("s2", "a.wav", "no", "", 0.1, 0.2, None), ("s3", "two.wav", "command", "", 0.0, 0.2, 1)]  # fmt: skip
    for name in ("recordings", "supervisions"):
        assert facts(folder / f"train_{name}.{ending}") == wanted
    entries = listed(folder / f"train_recordings.{ending}").entries
    assert [entry.split for entry in entries] == ["train"] * 4
    assert entries[1].extra["age"] == 3
    done = extract(folder / f"train_recordings.{ending}", folder.parent / "out", features=spec())
    assert (done.items, done.errors) == (4, {})


def test_cuts(folder):
    rows = [
        cut("c1", recording("a"), [supervision("s", "a", text="yes", speaker="x")]),
        cut("c2", recording("b"), [supervision("s", "b", text="one"), supervision("t", "b", text="two")]),
        cut("c3", recording("two", 2), channel=[0, 1], type="MultiCut"),
        cut("c4", recording("two", 2), channel=1),
        cut("c5", recording("a"), [supervision("s", "a", custom={"label": "no", "channel": 7, "end_s": 9})]),
    ]
    assert facts(write(folder / "cuts.jsonl.gz", rows)) == [
        ("c1", "a.wav", "yes", "x", 0.05, 0.25, None),
        ("c2", "b.wav", "one two", "", 0.05, 0.25, None),
        ("c3", "two.wav", "", "", 0.05, 0.25, None),
        ("c4", "two.wav", "", "", 0.05, 0.25, 1),
        ("c5", "a.wav", "no", "", 0.05, 0.25, None),
    ]


def test_several_files_of_one_recording(folder):
    sources = [{"type": "file", "channels": [number], "source": f"{name}.wav"} for number, name in enumerate("ab")]
    path = write(folder / "cuts.jsonl", [cut("c", recording("a", 2, sources=sources), channel=1)])
    assert [entry.name for entry in listed(path).entries] == ["b.wav"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (cut("c", recording("a", transforms=[{"name": "Speed"}])), "is changed as it is read"),
        ({"id": "m", "type": "MixedCut", "tracks": []}, "is a MixedCut, which Lhotse computes"),
        ({"id": "p", "type": "PaddingCut", "duration": 1.0}, "is a PaddingCut"),
        (cut("c", None), "has no recording"),
        (
            cut("c", recording("a", sources=[{"type": "command", "channels": [0], "source": "touch here"}])),
            "is a command",
        ),
        (cut("c", recording("a", sources=[])), "has 0 files"),
        (cut("c", {"id": "x"}), "is not a row of Lhotse: KeyError 'sources'"),
        ({"id": "c", "type": "MonoCut", "recording": recording("a")}, "is not a row of Lhotse"),
        (3, "must be an object"),
    ],
)
def test_what_lhotse_would_compute_is_reported(folder, row, reason):
    path = write(folder / "cuts.jsonl", [cut("good", recording("a")), row])
    done = extract(path, folder.parent / "out", features=spec())
    assert (done.items, done.errors) == (1, {"manifest": 1})
    assert reason in lines(folder.parent / "out/errors.jsonl")[0]["message"]
    assert not Path("here").exists()


def test_supervisions_without_their_recordings(folder):
    path = write(folder / "supervisions.jsonl", [supervision("s", "a")])
    with pytest.raises(ParameterError, match=r"need the recordings beside it, in recordings\.jsonl"):
        listed(path)
    write(folder / "recordings.jsonl", [recording("b")])
    assert "there is no recording 'a'" in listed(path).problems[0].message


def test_a_packed_manifest_that_is_damaged(folder):
    path = write(folder / "cuts.jsonl.gz", [cut("c", recording("a"))] * 50)
    whole = path.read_bytes()
    for damaged in (whole[:-20], b"nothing", whole[:15] + bytes(len(whole) - 15)):
        path.write_bytes(damaged)
        with pytest.raises(ParameterError, match="cannot be read") as caught:
            listed(path)
        assert "\n" not in str(caught.value)
    path.write_bytes(gzip.compress((b" " * 999 + b"\n") * 40_000, 9))
    with pytest.raises(ParameterError, match="unpacks to more than"):
        listed(path)


def test_what_we_write_for_lhotse_is_read_back(folder):
    extract(corpus(folder / "data", clips=2), folder / "one", features=spec())
    items = wl.pipeline.open(folder / "one")
    items.to_lhotse(folder / "manifests")
    found = listed(folder / "manifests/recordings.jsonl", columns={"split": "split"})
    assert [(entry.key, entry.label, entry.split) for entry in found.entries] == [
        (item.key, item.label, item.split) for item in items
    ]


@pytest.mark.filterwarnings("default")
def test_as_lhotse_itself_writes_them(folder):
    lhotse = pytest.importorskip("lhotse", reason="lhotse is not installed")
    recordings = lhotse.RecordingSet.from_recordings(
        lhotse.Recording.from_file(folder / f"{n}.wav") for n in ("a", "two")
    )
    supervisions = lhotse.SupervisionSet.from_segments(
        [lhotse.SupervisionSegment("s1", "a", 0.1, 0.15, text="yes", speaker="x"),
         lhotse.SupervisionSegment("s2", "two", 0.0, 0.2, channel=1, text="no")]
    )  # fmt: skip
    recordings.to_file(folder / "recordings.jsonl.gz")
    supervisions.to_file(folder / "supervisions.jsonl.gz")
    cuts = lhotse.CutSet.from_manifests(recordings, supervisions).trim_to_supervisions()
    cuts.to_file(folder / "cuts.jsonl.gz")
    wanted = {cut.supervisions[0].id: np.atleast_2d(cut.load_audio())[0] for cut in cuts}
    for name in ("recordings", "cuts"):
        done = extract(folder / f"{name}.jsonl.gz", folder.parent / name, features=spec())
        assert (done.items, done.errors) == (2, {})
        for item in wl.pipeline.open(folder.parent / name):
            assert np.array_equal(item.features, spec()(wanted[item.key]))
