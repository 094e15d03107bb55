"""Chunks with context: which frames each has, where they lie, and what happens at the edges of a recording."""

import json

import numpy as np
import pytest
from joblib import parallel_config
from pipeline_data import corpus, errors, lines, small_chunks, spec, tone, tree

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.cli import main
from wavenetlite.pipeline import ContextChunks, PipelineError, extract
from wavenetlite.pipeline.corpus_facts import corpus_facts
from wavenetlite.support.errors import ArrayTypeError, ParameterError

PAD = ContextChunks(4, left=2, right=3)
DROP = ContextChunks(4, left=2, right=1, step=3, edges="drop")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Recordings of 8 to 30 frames."""
    folder = corpus(tmp_path_factory.mktemp("chunks") / "data", clips=6)
    audio.write(folder / "no" / "s1_nohash_9.wav", tone(90, 128 + 64 * 29), 8000)
    return folder


@pytest.fixture(scope="module")
def whole(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("chunks") / "whole"
    extract(data, folder, features=spec())
    return wl.pipeline.open(folder)


def wanted(x, chunks):
    """The chunks of frames, in another way: with indices that are held inside the recording."""
    step, n = chunks.step or chunks.frames, len(x)
    found = []
    for start in range(0, n, step):
        places = np.arange(start - chunks.left, start + chunks.frames + chunks.right)
        if chunks.edges == "pad":
            found.append((start, x[np.clip(places, 0, n - 1)]))
    if chunks.edges == "drop":
        start = chunks.left
        while start + chunks.frames + chunks.right <= n:
            found.append((start, x[start - chunks.left : start + chunks.frames + chunks.right]))
            start += step
    return found


@pytest.mark.parametrize("chunks", [PAD, DROP, ContextChunks(5), ContextChunks(7, left=9, right=9)])
def test_chunks_are_the_frames_around_their_offset(data, whole, tmp_path, chunks):
    extract(data, tmp_path / "out", features=spec(), chunks=chunks)
    items = wl.pipeline.open(tmp_path / "out")
    made = [
        (item.key, number, start, x)
        for item in whole
        for number, (start, x) in enumerate(wanted(item.features, chunks))
    ]
    assert items.keys == [f"{key}#chunk{number:06}" for key, number, _, _ in made]
    for item, (_, _, start, x) in zip(items, made, strict=True):
        assert np.array_equal(item.features, x)
        assert item.chunk_start == start
        assert item.frames == len(x) == chunks.length
    assert items.verify() == []
    assert items.about["items"] == len(items)
    assert items.about["frames"] == int(items.frames.sum()) == len(items) * chunks.length
    assert items[items.keys[-1]].chunk_start == items[len(items) - 1].chunk_start
    assert items.about["chunks"]["left"] == chunks.left


def test_frames_are_stored_once_and_the_index_says_where(data, whole, tmp_path):
    extract(data, tmp_path / "out", features=spec(), chunks=PAD)
    for row in lines(tmp_path / "out" / "index.jsonl"):
        stored = np.load(tmp_path / "out" / row["shard"])[row["offset"] : row["offset"] + row["frames"]]
        first = max(row["chunk_start"] - 2, 0)
        assert np.array_equal(stored, whole[row["key"].partition("#")[0]].features[first : first + row["frames"]])
        assert row["frames"] + row["pad_start"] + row["pad_end"] == 9
    sizes = [sum(path.stat().st_size for path in (folder / "shards").iterdir())
             for folder in (tmp_path / "out", whole.table.folder)]  # fmt: skip
    assert sizes[0] == sizes[1]


def test_with_pad_every_frame_is_in_one_chunk(data, whole, tmp_path):
    extract(data, tmp_path / "out", features=spec(), chunks=PAD)
    items = wl.pipeline.open(tmp_path / "out")
    for item in whole:
        own = [one.features[2:6] for one in items.select(where=lambda one, path=item.path: one.path == path)]
        assert np.array_equal(np.concatenate(own)[: item.frames], item.features)
    assert sum(item.duration_s for item in items) == pytest.approx(whole.frames.sum() * 64 / 8000)


def test_other_chunks_compute_nothing(data, tmp_path, monkeypatch):
    small_chunks(monkeypatch)
    extract(data, tmp_path / "out", features=spec())
    for chunks in (PAD, DROP, None):
        assert extract(data, tmp_path / "out", features=spec(), chunks=chunks).computed == 0
        extract(data, tmp_path / "new", features=spec(), chunks=chunks)
        assert tree(tmp_path / "out") == tree(tmp_path / "new")


def test_any_workers_give_the_same_bytes(data, tmp_path, monkeypatch):
    small_chunks(monkeypatch)
    for n in (1, 3):
        extract(data, tmp_path / str(n), features=spec(), chunks=PAD, n_jobs=n)
    with parallel_config(backend="loky", n_jobs=2):
        extract(data, tmp_path / "processes", features=spec(), chunks=PAD)
    assert tree(tmp_path / "1") == tree(tmp_path / "3") == tree(tmp_path / "processes")


def test_what_is_shorter_than_a_chunk_is_told(data, tmp_path):
    chunks = ContextChunks(20, left=4, edges="drop")
    done = extract(data, tmp_path / "out", features=spec(), chunks=chunks)
    assert done.items == 1
    found = errors(tmp_path / "out")
    assert len(found) == 12
    assert set(found.values()) == {"short"}
    message = lines(tmp_path / "out" / "errors.jsonl")[0]["message"]
    assert message == "has 8 frames, less than a chunk with its context, 24"
    with pytest.raises(PipelineError, match="strict stops here"):
        extract(data, tmp_path / "strict", features=spec(), chunks=chunks, strict=True)
    with pytest.raises(PipelineError, match="none of its 13 recordings can be used"):
        extract(data, tmp_path / "none", features=spec(), chunks=ContextChunks(500, edges="drop"))


def test_several_arrays_have_the_same_chunks(data, tmp_path):
    both = {"logmel": spec(), "mfcc": wl.MFCC(sr=8000, n_fft=256, hop_length=64, n_mels=12, n_mfcc=5)}
    extract(data, tmp_path / "plain", features=both)
    extract(data, tmp_path / "out", features=both, chunks=PAD)
    items, plain = wl.pipeline.open(tmp_path / "out"), wl.pipeline.open(tmp_path / "plain")
    for item in items:
        of = plain[item.key.partition("#")[0]]
        n = min(len(of["logmel"]), len(of["mfcc"]))
        for name in both:
            place = item.key.rpartition("chunk")[2]
            assert np.array_equal(item[name], wanted(of[name][:n], PAD)[int(place)][1])
            assert np.array_equal(items[name][item.key].features, item[name])
    assert items.verify() == []
    with pytest.raises(ParameterError, match="hop_length is 32 and 64"):
        extract(
            data,
            tmp_path / "out",
            features={"a": spec(), "b": wl.LogMel(sr=8000, n_fft=128, hop_length=32)},
            chunks=PAD,
        )


def test_with_copies_trimming_and_speakers(data, tmp_path):
    pytest.importorskip("scipy", reason="SciPy is not installed (the extra train)")
    options = {"copies": 1, "augment": wl.train.Augment([wl.train.augment.Gain(-6, 6)]), "trim": "energy",
               "speaker_statistics": True, "chunks": PAD}  # fmt: skip
    extract(data, tmp_path / "out", features=spec(), **options)
    items = wl.pipeline.open(tmp_path / "out")
    assert items.verify() == []
    assert "no/s0_nohash_0.wav#copy1#chunk000001" in items.keys
    batch = next(iter(items.batches(batch_size=5, normalise="speaker")))
    assert batch.x.shape == (5, 9, 8)
    extract(data, tmp_path / "plain", features=spec(), **{**options, "chunks": None})
    plain = wl.pipeline.open(tmp_path / "plain")
    assert np.array_equal(items.speakers["s1"].mean, plain.speakers["s1"].mean)


def webdataset_of(items, folder):
    items.to_webdataset(folder / "web", items_per_shard=7)
    return folder / "web"


def parquet_of(items, folder):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra arrow)")
    items.to_parquet(folder / "set.parquet")
    return folder / "set.parquet"


@pytest.mark.parametrize("write", [webdataset_of, parquet_of])
def test_other_forms_have_the_chunks(data, tmp_path, write):
    extract(data, tmp_path / "out", features=spec(), chunks=PAD)
    items = wl.pipeline.open(tmp_path / "out")
    found = wl.pipeline.open(write(items, tmp_path))
    assert found.verify() == []
    for one, other in zip(found, items, strict=True):
        assert np.array_equal(one.features, other.features)
        assert (one.key, one.chunk_start, one.pad_end) == (other.key, other.chunk_start, other.pad_end)
    again = tmp_path / "again"
    again.mkdir()
    assert np.array_equal(wl.pipeline.open(write(found, again))[3].features, items[3].features)


def test_what_is_of_whole_recordings_is_refused(data, tmp_path):
    extract(data, tmp_path / "out", features=spec(), chunks=PAD)
    items = wl.pipeline.open(tmp_path / "out")
    with pytest.raises(ParameterError, match="which Lhotse cuts itself"):
        items.to_lhotse(tmp_path / "lhotse")
    with pytest.raises(ParameterError, match="a report is of recordings"):
        corpus_facts(items)
    with pytest.raises(ArrayTypeError, match="chunks is a int"):
        extract(data, tmp_path / "other", features=spec(), chunks=100)
    (data / "rows.jsonl").write_text(json.dumps({"path": "no/s0_nohash_0.wav", "key": "a#chunk000001"}))
    with pytest.raises(ParameterError, match="as a chunk is named"):
        extract(data / "rows.jsonl", tmp_path / "other", features=spec(), chunks=PAD)
    for wrong in ({"frames": 0}, {"frames": 5, "left": -1}, {"frames": 5, "step": 0}, {"frames": 5, "edges": "wrap"}):
        with pytest.raises(ParameterError):
            ContextChunks(**wrong)


def test_keys_that_are_not_in_order_are_found(tmp_path):
    """ " " and "!" come before "#": the items of one recording lie together all the same."""
    (tmp_path / "data" / "tone").mkdir(parents=True)
    for number, name in enumerate(("a", "a !.wav", "a!.wav", "a.wav", "a.wav b.wav", "a.wav!.wav")):
        audio.write(tmp_path / "data" / "tone" / (name if "." in name else f"{name}.wav"), tone(number), 8000)
    extract(tmp_path / "data", tmp_path / "out", features=spec(), chunks=PAD)
    items = wl.pipeline.open(tmp_path / "out")
    assert items.keys != sorted(items.keys)
    assert all(items[key].key == key for key in items.keys)
    with pytest.raises(KeyError):
        items["tone/a.wav"]


def test_damaged_pads_are_refused(data, tmp_path):
    extract(data, tmp_path / "out", features=spec(), chunks=PAD)
    about = json.loads((tmp_path / "out" / "dataset.json").read_text())
    about["chunks"] = {"left": 0, "right": 0, "frames": 1}
    (tmp_path / "out" / "dataset.json").write_text(json.dumps(about))
    with pytest.raises(PipelineError, match="padded by more than they have"):
        wl.pipeline.open(tmp_path / "out")


def test_the_command(data, tmp_path, capsys):
    small = ["--n-fft", "128", "--hop-length", "64", "--n-mels", "8"]
    command = ["features", str(data), str(tmp_path / "out"), *small]
    assert main([*command, "--chunk-frames", "4", "--chunk-left", "2", "--chunk-right", "3"]) == 0
    extract(data, tmp_path / "one", features=spec(), chunks=PAD)
    assert tree(tmp_path / "out") == tree(tmp_path / "one")
    assert main([*command, "--chunk-left", "2"]) == 2
    assert main([*command, "--chunk-frames", "4", "--lhotse", str(tmp_path / "l")]) == 2
    assert main([*command, "--chunk-frames", "4", "--chunk-edges", "drop"]) == 0
    assert main(["features", "--inspect", str(tmp_path / "out")]) == 0
