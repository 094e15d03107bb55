"""Statistics of speakers: what they are, what reads them, and what is told of speakers of one item."""

import json

import numpy as np
import pytest
from pipeline_data import corpus, lines, small_chunks, spec, tone, tree

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.cli import main
from wavenetlite.pipeline import PipelineError, extract
from wavenetlite.support.errors import ParameterError
from wavenetlite.train.augment import Augment, Gain


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Speakers s0 to s3, one of whom is louder; once has one clip, and one clip is nobody's."""
    folder = corpus(tmp_path_factory.mktemp("speakers") / "data", clips=8)
    rows = [{"path": path.relative_to(folder).as_posix(), "label": path.parent.name, "speaker": path.name[:2]}
            for path in sorted(folder.rglob("*.wav"))]  # fmt: skip
    for name, speaker in (("once.wav", "once"), ("nobody.wav", "")):
        audio.write(folder / name, 2 * tone(70 + len(name)), 8000)
        rows.append({"path": name, "label": "no", "speaker": speaker})
    (folder / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder / "rows.jsonl"


@pytest.fixture(scope="module")
def out(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("speakers") / "set"
    extract(data, folder, features=spec(), speaker_statistics=True)
    return folder


def frames_of(items, speaker):
    return np.concatenate([item.features for item in items if item.speaker == speaker]).astype(np.float64)


def test_they_are_those_of_all_frames_of_a_speaker(out):
    items = wl.pipeline.open(out)
    assert list(items.speakers) == ["once", "s0", "s1", "s2", "s3"]
    for name, found in items.speakers.items():
        x = frames_of(items, name)
        assert np.allclose(found.mean, x.mean(axis=0), rtol=1e-10)
        assert np.allclose(found.variance, x.var(axis=0), rtol=1e-8)
        assert (found.frames, found.items) == (len(x), sum(item.speaker == name for item in items))
    assert items.about["speakers"] == 5


def test_speakers_of_one_item_are_told(out):
    found = [(row["key"], row["reason"], row["message"], row["kept"]) for row in lines(out / "errors.jsonl")]
    assert found == [
        ("nobody.wav", "speaker", "1 item has no speaker, and the statistics of the whole set", True),
        ("once.wav", "speaker", "the only recording of speaker 'once': the statistics are its own", True),
    ]


def test_a_copy_is_no_further_recording_of_its_speaker(data, tmp_path):
    louder = Augment([Gain(3.0, 6.0)])
    extract(data, tmp_path / "set", features=spec(), speaker_statistics=True, copies=2, augment=louder, seed=0)
    told = {row["key"]: row["message"] for row in lines(tmp_path / "set" / "errors.jsonl")}
    assert told["once.wav"] == "the only recording of speaker 'once': the statistics are its own"
    assert wl.pipeline.open(tmp_path / "set").speakers["once"].items == 3


@pytest.mark.parametrize("normalise", ["speaker", "speaker_mean"])
def test_batches_and_datasets_normalise_by_them(out, normalise):
    items = wl.pipeline.open(out)
    whole = items.about["statistics"]
    batch = next(iter(items.batches(batch_size=len(items), normalise=normalise, shuffle=False)))
    dataset = items.dataset(normalise=normalise)
    for place, item in enumerate(items):
        known = items.speakers.get(item.speaker)
        mean, variance = (whole["mean"], whole["variance"]) if known is None else (known.mean, known.variance)
        x = item.features - np.array(mean, np.float32)
        wanted = x if normalise == "speaker_mean" else x / np.sqrt(np.array(variance) + 1e-5)
        assert np.allclose(batch.x[place, : item.frames], wanted, rtol=1e-4, atol=1e-4)
        assert np.array_equal(dataset[place][0], batch.x[place, : item.frames])
        assert not np.array_equal(dataset[place][0], item.features)
    joined = np.concatenate([dataset[place][0] for place, item in enumerate(items) if item.speaker == "s1"])
    assert np.allclose(joined.mean(axis=0), 0, atol=1e-4)
    if normalise == "speaker":
        assert np.allclose(joined.std(axis=0), 1, atol=1e-3)


def test_a_selection_has_the_statistics_of_the_whole_set(out):
    items = wl.pipeline.open(out)
    some = items.select(label="yes")
    assert np.array_equal(some.speakers["s2"].mean, items.speakers["s2"].mean)
    number = some.numbers[3]
    assert np.array_equal(some.dataset(normalise="speaker")[3][0], items.dataset(normalise="speaker")[int(number)][0])


def test_padding_is_silence_of_the_speaker(out):
    items = wl.pipeline.open(out)
    batch = next(iter(items.batches(batch_size=4, frames=40, normalise="speaker", shuffle=False)))
    quiet = spec()(np.zeros(128, np.float32))[0]
    for place, number in enumerate(batch.numbers):
        known = items.speakers.get(items[int(number)].speaker)
        if known is not None:
            wanted = (quiet - known.mean) / np.sqrt(known.variance + 1e-5)
            assert np.allclose(batch.x[place, -1], wanted, rtol=1e-4)


def test_any_workers_give_the_same_bytes_and_nothing_is_computed_again(data, tmp_path, monkeypatch):
    small_chunks(monkeypatch)
    for n in (1, 3):
        extract(data, tmp_path / str(n), features=spec(), speaker_statistics=True, n_jobs=n)
    assert tree(tmp_path / "1") == tree(tmp_path / "3")
    assert "speakers.npz" in tree(tmp_path / "1")
    extract(data, tmp_path / "later", features=spec())
    assert extract(data, tmp_path / "later", features=spec(), speaker_statistics=True).computed == 0
    assert tree(tmp_path / "later") == tree(tmp_path / "1")
    extract(data, tmp_path / "later", features=spec())
    assert not (tmp_path / "later" / "speakers.npz").exists()


def test_a_damaged_file_is_made_again(data, tmp_path):
    extract(data, tmp_path / "out", features=spec(), speaker_statistics=True)
    before = (tmp_path / "out" / "speakers.npz").read_bytes()
    (tmp_path / "out" / "speakers.npz").write_bytes(before[:100])
    with pytest.raises(PipelineError, match=r"speakers\.npz is missing, or not what was written"):
        wl.pipeline.open(tmp_path / "out").speakers  # noqa: B018
    extract(data, tmp_path / "out", features=spec(), speaker_statistics=True)
    assert (tmp_path / "out" / "speakers.npz").read_bytes() == before


def test_no_export_overwrites_them(data, tmp_path):
    extract(data, tmp_path / "out", features={"a": spec(), "b": wl.MFCC(sr=8000, n_fft=128)}, speaker_statistics=True)
    items = wl.pipeline.open(tmp_path / "out")
    with pytest.raises(ParameterError, match="is a file of the feature set itself"):
        wl.pipeline.to_npz(items["a"], tmp_path / "out" / "speakers.b.npz")


def test_of_several_arrays(data, tmp_path):
    specs = {"logmel": spec(), "mfcc": wl.MFCC(sr=8000, n_fft=128, n_mfcc=5)}
    extract(data, tmp_path / "out", features=specs, speaker_statistics=True)
    items = wl.pipeline.open(tmp_path / "out")
    for name in specs:
        part = items[name]
        assert np.allclose(part.speakers["s3"].mean, frames_of(part, "s3").mean(axis=0), rtol=1e-10)
    part.to_webdataset(tmp_path / "web")
    assert np.array_equal(wl.pipeline.open(tmp_path / "web").speakers["s3"].mean, part.speakers["s3"].mean)
    items.to_webdataset(tmp_path / "both")
    assert np.array_equal(wl.pipeline.open(tmp_path / "both")["mfcc"].speakers["s3"].mean, part.speakers["s3"].mean)


def test_in_parquet(out, tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra arrow)")
    items = wl.pipeline.open(out)
    items.to_parquet(tmp_path / "set.parquet")
    found = wl.pipeline.open(tmp_path / "set.parquet")
    assert list(found.speakers) == list(items.speakers)
    assert np.array_equal(found.dataset(normalise="speaker")[4][0], items.dataset(normalise="speaker")[4][0])


def test_without_them(data, tmp_path):
    extract(data, tmp_path / "out", features=spec())
    items = wl.pipeline.open(tmp_path / "out")
    with pytest.raises(ParameterError, match="speaker_statistics=True, which computes no features again"):
        items.batches(normalise="speaker")
    with pytest.raises(ParameterError, match="normalise='voice' must be one of"):
        items.batches(normalise="voice")


def test_a_corpus_without_speakers(tmp_path):
    (tmp_path / "data" / "tone").mkdir(parents=True)
    audio.write(tmp_path / "data" / "tone" / "a.wav", tone(1), 8000)
    extract(tmp_path / "data", tmp_path / "out", features=spec(), speaker_statistics=True)
    assert [row["reason"] for row in lines(tmp_path / "out" / "errors.jsonl")] == ["speaker"]
    assert wl.pipeline.open(tmp_path / "out").speakers == {}


def test_the_command(data, tmp_path):
    small = ["--n-fft", "128", "--hop-length", "64", "--n-mels", "8"]
    assert main(["features", str(data), str(tmp_path / "out"), *small, "--speaker-statistics"]) == 0
    assert len(wl.pipeline.open(tmp_path / "out").speakers) == 5
