"""Feature sets, opened: items, choices, batches for training, exports."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from pipeline_data import SPEC, check, corpus, spec, tree

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.pipeline import Batches, PipelineError, extract
from wavenetlite.pipeline import open as open_set


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return corpus(tmp_path_factory.mktemp("data"), clips=30)


@pytest.fixture(scope="module")
def out(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("features")
    extract(data, folder, features=spec())
    return folder


@pytest.fixture
def items(out):
    return open_set(out)


def test_a_sequence(items, data):
    assert len(items) == 60
    assert items[0].key == items.keys[0] == items[-60].key
    assert [item.key for item in items[10:13]] == items.keys[10:13]
    assert [item.key for item in items[np.array([5, 3])]] == [items.keys[5], items.keys[3]]
    assert len(items[items.y == 1]) == 30
    assert items[7].key in repr(items[7])
    assert repr(items) == f"Items(60 items, {items.frames.sum():,} frames of 8 channels, 2 labels)"
    with pytest.raises(IndexError):
        items[60]
    with pytest.raises(KeyError):
        items["no/nothing.wav"]
    key = items.select(label="no").keys[0]
    with pytest.raises(KeyError):
        items.select(label="yes")[key]
    assert not items[0].features.flags.writeable


def test_choices(items):
    parts = [items.select(split=split) for split in ("train", "valid", "test")]
    assert sum(map(len, parts)) == 60
    assert {item.split for item in parts[0]} == {"train"}
    assert set(items.select(label=["yes"]).y) == {1}
    assert len(items.select(label="no", where=lambda item: item.speaker == "s0")) == 8
    assert parts[1].labels == items.labels
    with pytest.raises(wl.ParameterError, match="split='dev' must be one of the set's: test, train, valid"):
        items.select(split="dev")
    with pytest.raises(wl.ParameterError, match="label='maybe'"):
        items.select(label="maybe")


def test_a_set_can_be_pickled(items):
    again = pickle.loads(pickle.dumps(items.select(label="yes")))
    assert np.array_equal(again[3].features, items.select(label="yes")[3].features)
    assert len(pickle.dumps(items)) < 20_000  # frames stay in their files


def test_the_spec_is_stored_and_its_moments(items, data):
    assert items.spec.fingerprint == spec().fingerprint
    exact = np.concatenate([item.features for item in items]).astype(np.float64)
    assert np.allclose(items.mean_variance.mean, exact.mean(axis=0), rtol=1e-6)
    assert np.allclose(items.mean_variance.variance, exact.var(axis=0), rtol=1e-6)
    y, _ = audio.read(data / items[3].path)
    live = items.normalised.stream()
    streamed = np.concatenate([live.process(y[:100]), live.process(y[100:]), live.flush()])
    batch = Batches(items, normalise=True, bucket=False).take(np.array([3]))
    assert np.array_equal(batch.x[0], streamed)  # what is trained on has the bits of what is heard


# Batches


def test_batches_hold_every_item_once_padded(items):
    batches = Batches(items, batch_size=7)
    seen = []
    for x, y, lengths, numbers in batches:
        assert x.shape == (len(numbers), lengths.max(), 8)
        for row, label, length, number in zip(x, y, lengths, numbers, strict=True):
            item = items[int(number)]
            assert np.array_equal(row[:length], item.features)
            assert (label, length) == (item.y, item.frames)
            assert np.array_equal(row[length:], np.broadcast_to(silent(), (len(row) - length, 8)))
        seen += list(numbers)
    assert sorted(seen) == list(range(60))


def silent():
    """The frame of silence: 100 dB below an energy of 1."""
    return np.full(8, -100, np.float32)


def test_batches_are_of_about_one_length(items):
    def padding(batches):
        return sum(batch.x.shape[0] * batch.x.shape[1] - batch.lengths.sum() for batch in batches)

    assert padding(Batches(items, batch_size=6)) < 0.3 * padding(Batches(items, batch_size=6, bucket=False))


def test_the_seed_and_the_epoch_make_the_order(items):
    def order(seed, epoch, **options):
        return [batch.numbers.tolist() for batch in Batches(items, batch_size=8, seed=seed, **options).epoch(epoch)]

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1) != order(2, 1)
    assert [number for batch in order(0, 0, shuffle=False) for number in batch] == list(range(60))
    assert [len(batch) for batch in order(0, 0)] == [8] * 7 + [4]
    assert [len(batch) for batch in order(0, 0, last=False)] == [8] * 7


@pytest.mark.parametrize(("pad", "first"), [("end", 0), ("start", 3), ("both", 1)])
def test_where_the_padding_goes(items, pad, first):
    item = items[0]
    size = item.frames + 3
    x, _, lengths, _ = Batches(items, frames=size, pad=pad, pad_value=7).take(np.array([0]))
    assert np.array_equal(x[0, first : first + item.frames], item.features)
    assert (np.delete(x[0], np.s_[first : first + item.frames], axis=0) == 7).all()
    x, _, lengths, _ = Batches(items, frames=4).take(np.array([0]))
    assert np.array_equal(x[0], item.features[:4])
    assert lengths.tolist() == [4]


def test_moments_of_the_training_part_alone(items):
    train = items.select(split="train")
    step = wl.features.MeanVariance.fit(item.features for item in train)
    x = np.concatenate(
        [x[:n] for batch in Batches(train, normalise=step) for x, n in zip(batch.x, batch.lengths, strict=True)]
    )
    assert np.allclose(x.mean(axis=0), 0, atol=1e-4)
    assert np.allclose(x.std(axis=0), 1, atol=1e-3)
    with pytest.raises(wl.ParameterError, match="mean has 3 values; it must have 8"):
        Batches(train, normalise=wl.features.MeanVariance(np.zeros(3)))


def test_training_takes_them(items):
    layers = [wl.nn.Conv1d(8, 8, 3), wl.nn.Activation("relu"), wl.nn.CumulativePool("mean"), wl.nn.Linear(8, 2)]
    model = wl.Sequential(layers)
    train, valid = items.select(split="train"), items.select(split="valid")
    options = {"normalise": True, "pad": "start"}
    history = wl.train.fit(model, Batches(train, **options), Batches(valid, **options), epochs=3, batch_size=8)
    assert len(history.rows) == 3
    assert history.rows[-1]["valid_accuracy"] is not None


@pytest.mark.parametrize(
    ("options", "message"),
    [({"batch_size": 0}, "batch_size=0"), ({"frames": 0}, "frames=0"), ({"pad": "left"}, "pad='left'"),
     ({"normalise": 1}, "normalise=1"), ({"pad_value": float("nan")}, "pad_value=nan"), ({"seed": -1}, "seed=-1")],
)  # fmt: skip
def test_wrong_options(items, options, message):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError), match=message):
        Batches(items, **options)


def test_no_items_no_batches(items):
    with pytest.raises(wl.ParameterError, match="items is empty"):
        Batches(items[:0])


# Exports


def test_npz(items, tmp_path):
    chosen = items.select(label="yes")
    wl.pipeline.to_npz(chosen, tmp_path / "all.npz")
    with np.load(tmp_path / "all.npz") as arrays:
        assert arrays["keys"].tolist() == chosen.keys
        assert arrays["label_names"].tolist() == ["no", "yes"]
        assert (arrays["y"] == 1).all()
        for number, item in enumerate(chosen):
            first, last = arrays["offsets"][number : number + 2]
            assert np.array_equal(arrays["features"][first:last], item.features)
        assert {"labels", "speakers", "splits"} <= set(arrays.files)
    data = (tmp_path / "all.npz").read_bytes()
    wl.pipeline.to_npz(chosen, tmp_path / "all.npz")
    assert (tmp_path / "all.npz").read_bytes() == data


def test_a_dataset_for_pytorch(items):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    dataset = wl.pipeline.MapDataset(items, normalise=True)
    loader = torch.utils.data.DataLoader(dataset, batch_size=16, collate_fn=dataset.collate)
    x, y, lengths = next(iter(loader))
    assert x.shape == (16, int(lengths.max()), 8)
    assert x.dtype == torch.float32
    for number in range(16):
        assert np.array_equal(x[number, : lengths[number]].numpy(), dataset[number][0])
        assert not x[number, lengths[number] :].any()
    assert y.tolist() == items.y[:16].tolist()


def test_lhotse_manifests(items, data, tmp_path):
    wl.pipeline.to_lhotse(items, tmp_path)
    rows = {name: [json.loads(line) for line in (tmp_path / f"{name}.jsonl").read_text().splitlines()]
            for name in ("recordings", "supervisions", "features")}  # fmt: skip
    assert [len(of_one) for of_one in rows.values()] == [60, 60, 60]
    recording, supervision, stored = (of_one[5] for of_one in rows.values())
    item = items[5]
    assert (recording["id"], recording["sampling_rate"], recording["num_samples"]) == (item.path, 8000, item.samples)
    assert Path(recording["sources"][0]["source"]) == data / item.path
    assert (supervision["text"], supervision["speaker"], supervision["custom"]["split"]) == (
        item.label, item.speaker, item.split)  # fmt: skip
    assert np.array_equal(np.load(Path(stored["storage_path"], stored["storage_key"])), item.features)
    assert (stored["num_frames"], stored["num_features"]) == item.features.shape


def test_lhotse_itself_reads_them(items, tmp_path):
    lhotse = pytest.importorskip("lhotse", reason="Lhotse is not installed")
    wl.pipeline.to_lhotse(items, tmp_path)
    manifests = {name: lhotse.load_manifest(tmp_path / f"{name}.jsonl")
                 for name in ("recordings", "supervisions", "features")}  # fmt: skip
    cuts = lhotse.CutSet.from_manifests(**manifests)
    assert len(cuts) == 60
    for cut, item in zip(sorted(cuts, key=lambda cut: cut.recording_id), items, strict=True):
        assert cut.supervisions[0].text == item.label
        assert np.array_equal(cut.features.load(), item.features)
        lhotse.qa.validate(cut.features)
        lhotse.qa.validate(cut.recording)


# What is wrong with a set


def test_no_set(tmp_path):
    with pytest.raises(PipelineError, match=r"there is no dataset.json"):
        open_set(tmp_path)
    with pytest.raises(wl.ArrayTypeError, match="out is a int"):
        open_set(3)


@pytest.mark.parametrize("what", ["dataset", "foreign", "newer", "index", "shard", "tables"])
def test_damaged_sets(data, tmp_path, what):
    extract(data, tmp_path, features=spec())
    dataset = tmp_path / "dataset.json"
    about = json.loads(dataset.read_text())
    if what == "dataset":
        dataset.write_text(dataset.read_text()[:100])
    elif what == "foreign":
        dataset.write_text("{}")
    elif what == "newer":
        dataset.write_text(json.dumps({**about, "format_version": 99}))
    elif what == "index":
        index = tmp_path / "index.jsonl"
        index.write_text(index.read_text().replace("yes", "no"))
    elif what == "shard":
        for shard in (tmp_path / "shards").iterdir():
            shard.write_bytes(shard.read_bytes()[:200])
    else:
        (tmp_path / "features.npz").write_bytes(b"")
    with pytest.raises(PipelineError) as caught:
        items = open_set(tmp_path)
        _ = items.spec, items[0]
    assert "\n" not in str(caught.value)


def test_a_bit_that_the_disk_has_changed_is_found(data, tmp_path):
    extract(data, tmp_path, features=spec())
    shard = next((tmp_path / "shards").iterdir())
    whole = bytearray(shard.read_bytes())
    whole[-5] ^= 1
    shard.write_bytes(whole)
    assert len(open_set(tmp_path).verify()) == 1


def test_names_in_the_design(data, tmp_path):
    wl.pipeline.extract(str(data), str(tmp_path / "out"), features=wl.LogMel(**SPEC))
    for item in wl.pipeline.open(str(tmp_path / "out")):
        assert item.features.shape[1] == 8
        assert item.label in ("no", "yes")
        assert isinstance(item.key, str)
    check(tmp_path / "out", data)
    assert tree(tmp_path / "out")


def test_what_items_become_by_their_methods(items, tmp_path):
    items.to_npz(tmp_path / "a.npz")
    wl.pipeline.to_npz(items, tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert len(items[:5].dataset()) == 5
    assert type(items[:5]) is type(items.select(label=items.labels[0])) is type(items)
    assert sum(len(batch.y) for batch in items.batches(batch_size=7)) == len(items)
