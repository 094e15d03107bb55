"""Recordings that cannot be used: each is listed with its reason, and stops nothing."""

import errno
import os
import wave

import numpy as np
import pytest
import soundfile
from pipeline_data import check, corpus, errors, lines, spec, tone, touch

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.pipeline import PipelineError, extract, work
from wavenetlite.pipeline.entries import REASONS
from wavenetlite.pipeline.reading import UnusableRecordingError
from wavenetlite.support.errors import ArrayTypeError

RATE = 8000


def bad_files(folder):
    """One file of each kind, and what it is."""
    where = folder / "odd"
    where.mkdir()
    (where / "empty.wav").touch()
    (where / "noise.wav").write_bytes(b"this is no audio at all" * 9)
    audio.write(where / "rate.wav", tone(1), 16000)
    audio.write(where / "stereo.wav", np.stack([tone(2)] * 2, axis=1), RATE)
    audio.write(where / "short.wav", tone(3, 50), RATE)
    audio.write(where / "silent.wav", np.zeros(600, np.float32), RATE)
    audio.write(where / "long.wav", tone(4, 80_000), RATE)
    (where / "twin.wav").write_bytes((folder / "no" / "s0_nohash_0.wav").read_bytes())
    with wave.open(str(where / "none.wav"), "wb") as file:  # a header, and no sample
        file.setparams((1, 2, RATE, 0, "NONE", ""))
    y = tone(5)
    y[77] = np.nan
    soundfile.write(where / "nan.wav", y, RATE, subtype="FLOAT")
    soundfile.write(where / "loud.wav", 30000 * tone(6), RATE, subtype="FLOAT")
    audio.write(where / "cut.wav", tone(7, 4000), RATE)
    (where / "cut.wav").write_bytes((where / "cut.wav").read_bytes()[:3000])
    audio.write(where / "cut.flac", np.random.default_rng(8).uniform(-1, 1, 30_000).astype(np.float32), RATE)
    (where / "cut.flac").write_bytes((where / "cut.flac").read_bytes()[:30_000])
    (where / "gone.wav").symlink_to(where / "nothing.wav")
    return {"empty.wav": "empty", "noise.wav": "unreadable", "rate.wav": "rate", "stereo.wav": "channels",
            "short.wav": "short", "silent.wav": "silent", "long.wav": "oversized", "none.wav": "empty",
            "nan.wav": "nonfinite", "loud.wav": "range", "cut.wav": "truncated", "twin.wav": "duplicate",
            "cut.flac": ("truncated", "unreadable")}  # fmt: skip


@pytest.fixture
def data(tmp_path):
    return corpus(tmp_path / "data", clips=10)


def test_every_kind_is_listed_and_the_others_go_on(data, tmp_path):
    wanted = bad_files(data)
    done = extract(data, tmp_path / "out", features=spec(), max_s=5)
    found = errors(tmp_path / "out")
    layout = found.pop("")
    assert layout == "layout"  # the link to nothing
    assert found.keys() == {f"odd/{name}" for name in wanted}
    for name, reason in wanted.items():
        assert found[f"odd/{name}"] in ([reason] if isinstance(reason, str) else reason), name
    assert set(found.values()) <= REASONS.keys()
    assert sum(done.errors.values()) == len(wanted) + 1
    items = check_kept(tmp_path / "out", data)
    assert len(items) == 22  # with the silent one and the twin
    for row in lines(tmp_path / "out" / "errors.jsonl"):
        assert row["kept"] == (row["reason"] in ("silent", "duplicate"))
        assert row["message"]
        assert "\n" not in row["message"]
        assert str(tmp_path) not in row["message"]


def check_kept(out, data):
    items = wl.pipeline.open(out)
    for item in items:
        assert np.array_equal(item.features, spec()(audio.read(data / item.path)[0]))
    return items


def test_silent_and_duplicate_ones_may_be_left_out_without_any_work(data, tmp_path, monkeypatch):
    bad_files(data)
    extract(data, tmp_path / "out", features=spec(), max_s=5)
    monkeypatch.setattr("wavenetlite.pipeline.work.work", None)
    extract(data, tmp_path / "out", features=spec(), max_s=5, leave_out=["duplicate", "silent"])
    items = check_kept(tmp_path / "out", data)
    assert len(items) == 20
    assert not any(row["kept"] for row in lines(tmp_path / "out" / "errors.jsonl"))
    exact = np.concatenate([item.features for item in items]).astype(np.float64)
    assert np.allclose(items.about["statistics"]["mean"], exact.mean(axis=0), rtol=1e-12)
    assert np.allclose(items.about["statistics"]["variance"], exact.var(axis=0), rtol=1e-10)


def test_a_failure_in_the_middle_of_a_long_recording_leaves_no_frame(data, tmp_path, monkeypatch):
    monkeypatch.setattr("wavenetlite.pipeline.reading.BLOCK", 500)
    y = tone(5, 20_000)
    y[19_000] = np.inf
    soundfile.write(data / "no" / "s1_nohash_0inf.wav", y, RATE, subtype="FLOAT")
    extract(data, tmp_path / "out", features=spec())
    assert errors(tmp_path / "out") == {"no/s1_nohash_0inf.wav": "nonfinite"}
    assert lines(tmp_path / "out" / "errors.jsonl")[0]["message"] == "not finite at sample 19000"
    check(tmp_path / "out", data)


def test_strict_stops_at_the_first_and_keeps_what_was_finished(data, tmp_path):
    audio.write(data / "yes" / "z.wav", tone(1), 16000)
    with pytest.raises(PipelineError, match=r"yes/z.wav: its sample rate is 16000, not sr=8000 .*\(rate; strict stops"):
        extract(data, tmp_path / "out", features=spec(), strict=True)
    (data / "yes" / "z.wav").unlink()
    done = extract(data, tmp_path / "out", features=spec(), strict=True)
    assert done.computed == 0
    check(tmp_path / "out", data)


def test_strict_stops_again_when_the_work_is_already_done(data, tmp_path):
    audio.write(data / "yes" / "z.wav", tone(1), 16000)
    extract(data, tmp_path / "out", features=spec())
    with pytest.raises(PipelineError, match=r"yes/z.wav"):
        extract(data, tmp_path / "out", features=spec(), strict=True)


def test_nothing_that_can_be_used_is_an_error_with_the_first_reason(tmp_path):
    (tmp_path / "data" / "a").mkdir(parents=True)
    audio.write(tmp_path / "data" / "a" / "b.wav", tone(1), 16000)
    with pytest.raises(PipelineError, match=r"none of its 1 recordings can be used: a/b.wav: its sample rate is 16000"):
        extract(tmp_path / "data", tmp_path / "out", features=spec())
    assert errors(tmp_path / "out") == {"a/b.wav": "rate"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_could_not_be_read_is_tried_again(data, tmp_path):
    path = data / "no" / "s0_nohash_0.wav"
    path.chmod(0)
    extract(data, tmp_path / "out", features=spec())
    assert errors(tmp_path / "out") == {"no/s0_nohash_0.wav": "unreadable"}
    path.chmod(0o600)
    assert extract(data, tmp_path / "out", features=spec()).computed == 1
    check(tmp_path / "out", data)


def test_what_a_disk_failed_to_read_is_tried_again(data, tmp_path, monkeypatch):
    """Its size and date are the same when it can be read."""
    read = work.Recordings.of

    def failing(self, entry):
        if entry.key == "no/s0_nohash_0.wav":
            raise UnusableRecordingError("unreadable", os.strerror(errno.EIO), again=True)
        return read(self, entry)

    with monkeypatch.context() as broken:
        broken.setattr(work.Clips, "takes", lambda self, entry: False)
        broken.setattr(work.Recordings, "of", failing)
        extract(data, tmp_path / "out", features=spec(), n_jobs=1)
    assert errors(tmp_path / "out") == {"no/s0_nohash_0.wav": "unreadable"}
    assert extract(data, tmp_path / "out", features=spec()).computed == 1
    check(tmp_path / "out", data)


def test_what_vanished_is_tried_again(data, tmp_path):
    """A file that is in a manifest and not on the disk; then it is there."""
    rows = [f'{{"path": "{path.relative_to(data)}"}}\n' for path in sorted(data.rglob("*.wav"))]
    (data / "manifest.jsonl").write_text("".join(rows))
    saved = (data / "no" / "s0_nohash_0.wav").read_bytes()
    (data / "no" / "s0_nohash_0.wav").unlink()
    extract(data / "manifest.jsonl", tmp_path / "out", features=spec())
    assert errors(tmp_path / "out") == {"no/s0_nohash_0.wav": "unreadable"}
    (data / "no" / "s0_nohash_0.wav").write_bytes(saved)
    assert extract(data / "manifest.jsonl", tmp_path / "out", features=spec()).computed == 1
    assert errors(tmp_path / "out") == {}
    check(tmp_path / "out", data)


def test_what_is_no_file(data, tmp_path):
    os.mkfifo(data / "pipe.wav")
    (data / "m.jsonl").write_text(
        "".join(f'{{"path": "{name}"}}\n' for name in ("pipe.wav", "no", "no/s0_nohash_0.wav"))
    )
    extract(data / "m.jsonl", tmp_path / "out", features=spec())
    assert errors(tmp_path / "out") == {"pipe.wav": "unreadable", "no": "unreadable"}


def test_a_file_that_was_bad_and_is_mended(data, tmp_path):
    path = data / "no" / "s0_nohash_0.wav"
    good = path.read_bytes()
    path.write_bytes(good[:100])
    extract(data, tmp_path / "out", features=spec())
    assert errors(tmp_path / "out") == {"no/s0_nohash_0.wav": "truncated"}
    path.write_bytes(good)
    touch(path)
    extract(data, tmp_path / "out", features=spec())
    check(tmp_path / "out", data)


def test_names_that_no_terminal_can_show(data, tmp_path):
    name = os.fsdecode(b"\xff\n\x1b[31m.wav")
    try:
        (data / "no" / name).write_bytes((data / "no" / "s0_nohash_0.wav").read_bytes()[:-1])
    except OSError:
        pytest.skip("the file system has no such names")
    extract(data, tmp_path / "out", features=spec())
    assert list(errors(tmp_path / "out")) == [f"no/{name}"]
    assert len(wl.pipeline.open(tmp_path / "out")) == 20


@pytest.mark.parametrize(
    ("options", "message"),
    [({"max_s": "long"}, "max_s='long'"), ({"leave_out": "silent"}, "leave_out='silent' is a str; it must be a list")],
)
def test_options_of_another_type_are_refused(data, tmp_path, options, message):
    with pytest.raises(ArrayTypeError, match=message):
        extract(data, tmp_path / "out", features=spec(), **options)
