"""Extraction: what is in a feature set, the same for any workers, and what is redone when something changes."""

import json
import os
import shutil
from pathlib import Path

import joblib
import numpy as np
import pytest
from pipeline_data import SPEC, check, corpus, errors, leftovers, lines, small_chunks, spec, tone, touch, tree

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.pipeline import PipelineError, chunks, earlier, extract, shards
from wavenetlite.pipeline.entries import Entry
from wavenetlite.pipeline.extract import writing
from wavenetlite.pipeline.parallel import preferred
from wavenetlite.pipeline.statistics import Statistics, merge


@pytest.fixture
def data(tmp_path):
    return corpus(tmp_path / "data")


def test_features_are_those_of_the_spec(data, tmp_path):
    done = extract(data, tmp_path / "out", features=spec())
    items = check(tmp_path / "out", data)
    assert (done.items, done.computed, done.copied, done.errors) == (40, 40, 0, {})
    assert done.frames == sum(len(item.features) for item in items)
    assert items.labels == ["no", "yes"]
    assert [item.y for item in items] == [0] * 20 + [1] * 20
    item = items["yes/s1_nohash_5.wav"]
    assert (item.label, item.speaker, item.path, item.sr, item.channels) == (
        "yes",
        "s1",
        "yes/s1_nohash_5.wav",
        8000,
        1,
    )
    assert item.duration_s == item.samples / 8000
    assert {item.split for item in items} <= {"train", "valid", "test"}


def test_index_and_dataset_say_what_is_there(data, tmp_path):
    extract(data, tmp_path / "out", features=spec())
    about = json.loads((tmp_path / "out" / "dataset.json").read_text())
    rows = lines(tmp_path / "out" / "index.jsonl")
    assert about["items"] == len(rows) == 40
    assert about["frames"] == sum(row["frames"] for row in rows)
    assert about["hours"] == pytest.approx(sum(row["duration_s"] for row in rows) / 3600)
    assert about["labels"] == {"no": 20, "yes": 20}
    assert sum(about["durations"]["items"]) == 40
    assert about["features"] == spec().config()
    assert {"wavenetlite", "numpy", "soundfile", "libsndfile"} <= about["versions"].keys()
    everything = np.concatenate(
        [np.load(tmp_path / "out" / row["shard"])[row["offset"] :][: row["frames"]] for row in rows]
    )
    assert np.allclose(about["statistics"]["mean"], everything.mean(axis=0, dtype=np.float64), rtol=1e-12)
    assert np.allclose(about["statistics"]["variance"], everything.astype(np.float64).var(axis=0), rtol=1e-10)


@pytest.mark.parametrize("backend", ["sequential", "threading", "loky"])
def test_any_workers_give_the_same_bytes(data, tmp_path, monkeypatch, backend):
    small_chunks(monkeypatch)
    extract(data, tmp_path / "one", features=spec(), n_jobs=1)
    assert len(list((tmp_path / "one" / "shards").iterdir())) > 4
    with joblib.parallel_config(backend=backend, n_jobs=2):
        extract(data, tmp_path / "two", features=spec())
    assert tree(tmp_path / "one") == tree(tmp_path / "two")


def test_any_place_and_date_give_the_same_bytes_but_for_the_source_named(data, tmp_path):
    extract(data, tmp_path / "one", features=spec())
    shutil.copytree(data, tmp_path / "copy", copy_function=shutil.copyfile)
    extract(tmp_path / "copy", tmp_path / "two", features=spec())
    one, two = tree(tmp_path / "one"), tree(tmp_path / "two")
    assert {name for name in one if one[name] != two.get(name)} == {"dataset.json"}
    assert one.keys() == two.keys()


def test_nothing_is_redone_when_nothing_has_changed(data, tmp_path, monkeypatch):
    extract(data, tmp_path / "out", features=spec())
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")}
    monkeypatch.setattr("wavenetlite.pipeline.work.work", None)
    done = extract(data, tmp_path / "out", features=spec())
    assert (done.computed, done.copied, done.items) == (0, 0, 40)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*.*")} == before


def fresh(data, tmp_path, **options):
    """What an extraction into an empty folder makes."""
    shutil.rmtree(tmp_path / "fresh", ignore_errors=True)
    extract(data, tmp_path / "fresh", features=options.pop("features", None) or spec(), **options)
    return tree(tmp_path / "fresh")


@pytest.mark.parametrize("change", ["changed", "added", "removed", "touched", "renamed"])
def test_only_what_has_changed_is_computed(data, tmp_path, monkeypatch, change):
    small_chunks(monkeypatch)
    extract(data, tmp_path / "out", features=spec())
    path = data / "no" / "s1_nohash_13.wav"
    if change == "changed":
        audio.write(path, tone(99), 8000)
    elif change == "added":
        audio.write(path.with_name("s0_nohash_99.wav"), tone(99), 8000)
    elif change == "removed":
        path.unlink()
    elif change == "touched":
        touch(path)
    else:
        path.rename(path.with_name("s9_nohash_77.wav"))
    done = extract(data, tmp_path / "out", features=spec())
    assert done.computed == {"changed": 1, "added": 1, "removed": 0, "touched": 0, "renamed": 1}[change]
    assert done.copied < 20  # what lies in other chunks was not even looked at
    check(tmp_path / "out", data)
    assert tree(tmp_path / "out") == fresh(data, tmp_path)
    assert not leftovers(tmp_path / "out")


def test_another_spec_makes_all_anew_and_the_old_set_stays_until_then(data, tmp_path, monkeypatch):
    extract(data, tmp_path / "out", features=spec())
    other = wl.LogMel(**{**SPEC, "n_mels": 6})
    with monkeypatch.context() as broken:
        broken.setattr("wavenetlite.pipeline.assembly.assemble", failing)
        with pytest.raises(PipelineError, match="No space left"):
            extract(data, tmp_path / "out", features=other)
    assert wl.pipeline.open(tmp_path / "out").channels == 8
    assert extract(data, tmp_path / "out", features=other).computed == 0
    check(tmp_path / "out", data, other)
    assert tree(tmp_path / "out") == fresh(data, tmp_path, features=other)


def failing(*args, **options):
    raise OSError(28, "No space left on device")


def test_labels_may_change_without_any_work(tmp_path, monkeypatch):
    folder = corpus(tmp_path / "data", clips=6)
    rows = [{"path": str(path.relative_to(folder)), "label": "a"} for path in sorted(folder.rglob("*.wav"))]
    manifest = folder / "manifest.jsonl"
    manifest.write_text("".join(json.dumps(row) + "\n" for row in rows))
    extract(manifest, tmp_path / "out", features=spec())
    manifest.write_text("".join(json.dumps({**row, "label": "b"}) + "\n" for row in rows))
    monkeypatch.setattr("wavenetlite.pipeline.work.work", None)
    done = extract(manifest, tmp_path / "out", features=spec())
    assert done.computed == done.copied == 0
    assert wl.pipeline.open(tmp_path / "out").labels == ["b"]


@pytest.mark.parametrize("name", ["shard", "part", "index", "dataset"])
def test_what_is_lost_is_made_again(data, tmp_path, monkeypatch, name):
    small_chunks(monkeypatch)
    extract(data, tmp_path / "out", features=spec())
    whole = tree(tmp_path / "out")
    lost = {
        "shard": next((tmp_path / "out" / "shards").iterdir()),
        "part": next(path for path in (tmp_path / "out" / ".parts").glob("*.npz") if path.stem != "features"),
        "index": tmp_path / "out" / "index.jsonl",
        "dataset": tmp_path / "out" / "dataset.json",
    }[name]
    if name in ("shard", "part"):  # half of it
        lost.write_bytes(lost.read_bytes()[: lost.stat().st_size // 2])
    else:
        lost.unlink()
        with pytest.raises(PipelineError, match=r"again|damaged"):
            wl.pipeline.open(tmp_path / "out")
    if name == "part":
        (tmp_path / "out" / ".parts" / "assembled").unlink()
    extract(data, tmp_path / "out", features=spec())
    assert tree(tmp_path / "out") == whole


def test_long_recordings_in_blocks_are_what_they_are_whole(tmp_path, monkeypatch):
    (tmp_path / "data" / "long").mkdir(parents=True)
    audio.write(tmp_path / "data" / "long" / "a.flac", tone(5, 50_000), 16000)
    audio.write(tmp_path / "data" / "long" / "b.wav", np.stack([tone(6, 30_001)] * 2, axis=1), 16000)
    features = spec().then(wl.features.Deltas(width=5))
    options = {"features": features, "resample": True, "mono": "mean"}
    extract(tmp_path / "data", tmp_path / "whole", **options)
    monkeypatch.setattr("wavenetlite.pipeline.reading.BLOCK", 777)
    extract(tmp_path / "data", tmp_path / "blocks", **options)
    whole, blocks = wl.pipeline.open(tmp_path / "whole"), wl.pipeline.open(tmp_path / "blocks")
    for one, other in zip(whole, blocks, strict=True):
        assert np.array_equal(one.features, other.features)
        assert one.audio_hash == other.audio_hash
    y, _ = audio.read(tmp_path / "data" / "long" / "a.flac", sr=8000, resample=True)
    assert np.array_equal(whole[0].features, features(y))


def test_features_that_cannot_stream_take_recordings_whole(data, tmp_path):
    features = spec().then(wl.features.UtteranceCMVN())
    extract(data, tmp_path / "out", features=features)
    check(tmp_path / "out", data, features)


@pytest.mark.parametrize(
    "features",
    [lambda: wl.MFCC(sr=8000, n_fft=128, hop_length=64, n_mels=8, n_mfcc=5), lambda: wl.MuLaw(sr=8000),
     lambda: wl.PCEN(sr=8000, n_fft=128, hop_length=64, n_mels=8), lambda: wl.Spectrogram(sr=8000, n_fft=128)],
    ids=["mfcc", "mulaw", "pcen", "spectrogram"],
)  # fmt: skip
def test_any_features(tmp_path, features):
    data = corpus(tmp_path / "data", clips=3)
    extract(data, tmp_path / "out", features=features())
    items = check(tmp_path / "out", data, features())
    assert items.spec.fingerprint == features().fingerprint


@pytest.mark.parametrize("each", [1, 4, 1001])
def test_chunks_do_not_depend_on_what_lies_elsewhere(each):
    entries = [Entry(f"{i:05}.wav", "", "", size=30_000) for i in range(5000)]
    runs = list(chunks.chunks(entries, each))
    assert [entry for run in runs for entry in run] == entries
    assert all(len(run) * each < chunks.MOST + each for run in runs)
    with_one_more = sorted([*entries, Entry("02500a.wav", "", "", size=30_000)], key=lambda entry: entry.key)
    again = list(chunks.chunks(with_one_more, each))
    assert sum(run not in runs for run in again) <= 3


def test_large_files_make_chunks_of_few():
    entries = [Entry(f"{i:03}.wav", "", "", size=2**30) for i in range(10)]
    assert [len(run) for run in chunks.chunks(entries)] == [1] * 10


def test_a_shard_that_is_cut_forgets(tmp_path):
    with shards.ShardWriter(tmp_path, 3) as writer:
        writer.append(np.ones((4, 3), np.float32))
        writer.append(np.full((2, 3), 7, np.float32))
        writer.cut(4)
        writer.append(np.zeros((1, 3), np.float32))
        writer.finish("a.npy")
    assert np.load(tmp_path / "a.npy", mmap_mode="r").tolist() == [[1.0] * 3] * 4 + [[0.0] * 3]
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_progress_goes_to_the_end(data, tmp_path, monkeypatch):
    small_chunks(monkeypatch)
    seen = []
    extract(data, tmp_path / "out", features=spec(), progress=lambda done, total: seen.append((done, total)))
    assert seen[0] == (0, 40)
    assert sorted(done for done, _ in seen)[-1] == 40
    assert len(seen) >= 40  # file by file, in threads
    seen.clear()
    audio.write(data / "no" / "new.wav", tone(99), 8000)
    extract(data, tmp_path / "out", features=spec(), progress=lambda done, total: seen.append((done, total)))
    assert seen[0][0] > 20  # what was done before counts as done
    assert seen[-1] == (41, 41)


@pytest.mark.parametrize(
    ("jobs", "tasks", "wanted"),
    [(2, 1000, "threads"), (4, 9999, "threads"), (64, 30, "threads"), (64, 5000, "processes")],
)
def test_workers_are_threads_unless_there_are_many(jobs, tasks, wanted):
    assert preferred(jobs, tasks) == wanted


def test_two_at_once_in_one_folder_are_refused(data, tmp_path):
    with writing(tmp_path / "out"), pytest.raises(PipelineError, match="another extraction"):
        extract(data, tmp_path / "out", features=spec())


def test_errors_are_empty_when_there_are_none(data, tmp_path):
    extract(data, tmp_path / "out", features=spec())
    assert errors(tmp_path / "out") == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": "LogMel"}, "features is a str"),
        ({"layout": "corpus"}, "layout='corpus' must be one of"),
        ({"leave_out": ["noisy"]}, "leave_out='noisy' must be one of silent, duplicate"),
        ({"max_s": 0}, "max_s=0.0 must be positive"),
        ({"mono": "left"}, "mono='left'"),
        ({"resample": 1}, "resample=1"),
        ({"strict": "yes"}, "strict='yes'"),
        ({"seed": -1}, "seed=-1"),
        ({"n_jobs": 0}, "n_jobs=0"),
        ({"n_jobs": 2.0}, "n_jobs=2.0"),
    ],
)
def test_wrong_parameters(data, tmp_path, options, message):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError), match=message):
        extract(data, tmp_path / "out", **{"features": spec(), **options})
    assert not (tmp_path / "out").exists()


def test_a_source_that_is_none(tmp_path):
    for source, message in [
        (tmp_path / "nothing", "there is no such file"),
        ([], "empty list"),
        (7, "must be a path"),
        (str(tmp_path / "*.wav"), "matches no recording"),
    ]:
        with pytest.raises((wl.ParameterError, wl.ArrayTypeError), match=message):
            extract(source, tmp_path / "out", features=spec())
    (tmp_path / "empty").mkdir()
    with pytest.raises(wl.ParameterError, match="has no recordings"):
        extract(tmp_path / "empty", tmp_path / "out", features=spec())
    Path(tmp_path, "a.doc").write_text("x")
    with pytest.raises(wl.ParameterError, match="by its ending"):
        extract(tmp_path / "a.doc", tmp_path / "out", features=spec())


@pytest.mark.parametrize("kept", [1, 4])
def test_all_dates_and_all_chunks_have_changed_and_nothing_is_computed(data, tmp_path, monkeypatch, kept):
    """What is known of a recording is found in whatever sidecar it is, and no frame is computed."""
    monkeypatch.setattr(earlier, "KEPT", kept)
    small_chunks(monkeypatch)
    extract(data, tmp_path / "out", features=spec())
    for path in data.rglob("*.wav"):
        os.utime(path, (1, 1))
    small_chunks(monkeypatch, least=5, most=11, one_in=3)
    done = extract(data, tmp_path / "out", features=spec())
    assert (done.computed, done.copied, done.items) == (0, 40, 40)
    extract(data, tmp_path / "fresh", features=spec())
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


def test_a_sidecar_that_vanishes_is_no_harm(data, tmp_path, monkeypatch):
    """It was there when the keys were noted, and is not when its rows are wanted."""
    small_chunks(monkeypatch)
    extract(data, tmp_path / "out", features=spec())
    for path in data.rglob("*.wav"):
        os.utime(path, (1, 1))
    whole = earlier.Earlier.of

    def without_the_first(self, entries):
        self.paths[0].unlink(missing_ok=True)
        return whole(self, entries)

    monkeypatch.setattr(earlier.Earlier, "of", without_the_first)
    done = extract(data, tmp_path / "out", features=spec())
    assert done.computed + done.copied == 40
    assert 0 < done.computed < 20
    monkeypatch.undo()
    small_chunks(monkeypatch)
    extract(data, tmp_path / "fresh", features=spec())
    assert tree(tmp_path / "out") == tree(tmp_path / "fresh")


@pytest.mark.parametrize("count", [0, 1, 2, 7, 64, 101])
def test_statistics_are_merged_as_they_are_added(count):
    rng = np.random.default_rng(count)
    parts = [Statistics.of(rng.standard_normal((n, 3)).astype(np.float32)) for n in rng.integers(0, 30, count)]
    level = parts or [Statistics.none(3)]
    while len(level) > 1:
        pairs = [left + right for left, right in zip(level[::2], level[1::2], strict=False)]
        level = pairs + level[len(pairs) * 2 :]
    merged = merge(parts, 3)
    assert merged.count == level[0].count
    assert np.array_equal(merged.mean, level[0].mean)
    assert np.array_equal(merged.deviations, level[0].deviations)
