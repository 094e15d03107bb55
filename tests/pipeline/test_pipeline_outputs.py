"""Feature sets as WebDataset and Parquet: read back by `open`, and by the programs they are for, without us."""

import importlib.util
import json
import os
import tarfile
from io import BytesIO

import numpy as np
import pytest
from pipeline_data import corpus, spec

import wavenetlite as wl
from wavenetlite.pipeline import PipelineError, extract, shards
from wavenetlite.support.errors import ParameterError


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    """Of recordings of different lengths, some of two channels of a manifest with columns of its own."""
    folder = tmp_path_factory.mktemp("outputs")
    data = corpus(folder / "data", clips=5)
    rows = [
        {"path": path.relative_to(data).as_posix(), "label": path.parent.name, "split": "train", "start_s": 0.01,
         "end_s": 0.06 + 0.001 * i, "speaker": path.stem[:2], "age": i, "shard": [1, i]}
        for i, path in enumerate(sorted(data.rglob("*.wav")))
    ]  # fmt: skip
    rows[1].update(split="test", label="")
    (data / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    extract(data / "rows.jsonl", folder / "set", features=spec())
    return wl.pipeline.open(folder / "set")


def webdataset_of(items, tmp_path):
    items.to_webdataset(tmp_path / "web", items_per_shard=4)
    return tmp_path / "web"


def parquet_of(items, tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra arrow)")
    items.to_parquet(tmp_path / "set.parquet")
    return tmp_path / "set.parquet"


FORMS = pytest.mark.parametrize("write", [webdataset_of, parquet_of])


def same(found, wanted):
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        assert np.array_equal(one.features, other.features)
        assert one.features.dtype == np.float32
        assert {name: getattr(one, name) for name in one.__slots__ if name not in ("features", "y")} == {
            name: getattr(other, name) for name in other.__slots__ if name not in ("features", "y")
        }


@FORMS
def test_open_reads_all_of_it_back(items, tmp_path, write):
    found = wl.pipeline.open(write(items, tmp_path))
    same(found, items)
    assert found.labels == items.labels
    assert found.y.tolist() == items.y.tolist()
    assert found.spec.fingerprint == items.spec.fingerprint
    assert found.verify() == []
    assert found[items.keys[3]].key == items.keys[3]
    same(found.select(split="train", label="yes"), items.select(split="train", label="yes"))
    for name in ("items", "frames", "hours", "labels", "splits", "durations", "statistics", "features"):
        assert found.about[name] == items.about[name]
    batch = next(iter(found.batches(batch_size=4, shuffle=False).epoch(0)))
    assert batch.x.shape[2] == found.channels


@FORMS
def test_a_selection_says_what_it_holds(items, tmp_path, write):
    chosen = items[[7, 2, 2, 5]]
    found = wl.pipeline.open(write(chosen, tmp_path))
    same(found, items[[2, 5, 7]])
    assert found.about["items"] == 3
    assert found[items.keys[7]].frames == items[7].frames
    assert found.about["frames"] == int(found.frames.sum())


@FORMS
def test_the_same_items_give_the_same_bytes(items, tmp_path, write):
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        path = write(items, tmp_path / name)
        inside = sorted(path.rglob("*")) if path.is_dir() else [path]
        files.append([one.read_bytes() for one in inside if one.is_file()])
    assert files[0] == files[1]


@FORMS
def test_to_a_store_and_back(items, write):
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (the extra remote)")

    class Memory:
        def __truediv__(self, name):
            return f"memory://outputs/{name}"

    same(wl.pipeline.open(write(items, Memory())), items)
    fsspec.filesystem("memory").rm("/outputs", recursive=True)


@FORMS
def test_in_another_process(items, tmp_path, write):
    import pickle

    found = wl.pipeline.open(write(items, tmp_path))
    assert np.array_equal(found[2].features, items[2].features)
    same(pickle.loads(pickle.dumps(found)), items)


@FORMS
def test_damage_is_one_line(items, tmp_path, write):
    path = write(items, tmp_path)
    victim = path if path.is_file() else path / "shards/000001.tar"
    whole = victim.read_bytes()
    for size in (0, 100, len(whole) // 8 // 4 * 4):
        victim.write_bytes(whole[:size])
        with pytest.raises(PipelineError) as caught:
            wl.pipeline.open(path)[5].features  # noqa: B018
        assert "\n" not in str(caught.value)


def test_names_in_a_tar_are_those_of_webdataset(items, tmp_path):
    with tarfile.open(webdataset_of(items, tmp_path) / "shards/000001.tar") as archive:
        names = archive.getnames()
        about = json.load(archive.extractfile("00000004.json"))
        frames = np.load(BytesIO(archive.extractfile("00000004.npy").read()))
    assert names[:4] == ["00000004.npy", "00000004.cls", "00000004.json", "00000005.npy"]
    assert about["key"] == items.keys[4]
    assert about["age"] == 4
    assert np.array_equal(frames, items[4].features)


def test_shards_do_not_replace_an_extraction(items, tmp_path):
    extraction = items.table.folder
    before = {path.name: path.read_bytes() for path in extraction.iterdir() if path.is_file()}
    other = wl.pipeline.open(webdataset_of(items, tmp_path))
    with pytest.raises(ParameterError, match="holds a feature set of another kind; choose another folder"):
        other.to_webdataset(extraction)
    assert {path.name: path.read_bytes() for path in extraction.iterdir() if path.is_file()} == before


def test_shards_over_older_ones(items, tmp_path, monkeypatch):
    path = webdataset_of(items, tmp_path)
    again = wl.pipeline.open(path)
    with pytest.raises(ParameterError, match="holds the items themselves"):
        again.to_webdataset(path / ".", items_per_shard=2)
    same(wl.pipeline.open(path), items)

    items[:3].to_webdataset(path, items_per_shard=2)
    assert sorted(one.name for one in (path / shards.FOLDER).iterdir()) == ["000000.tar", "000001.tar"]
    same(wl.pipeline.open(path), items[:3])

    def fail(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(wl.pipeline.webdataset.specs, "write", fail)
    with pytest.raises(KeyboardInterrupt):
        items[3:6].to_webdataset(path, items_per_shard=2)
    with pytest.raises(PipelineError, match="not finished"):
        wl.pipeline.open(path)


def test_what_is_no_set_is_refused(tmp_path, items):
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra arrow)")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(arrow.table({"a": [1]}), tmp_path / "a.parquet")
    with pytest.raises(PipelineError, match="not a feature set"):
        wl.pipeline.open(tmp_path / "a.parquet")
    with pytest.raises(PipelineError, match="no such file"):
        wl.pipeline.open(tmp_path / "b.parquet")
    with pytest.raises(ParameterError, match="items_per_shard=0"):
        items.to_webdataset(tmp_path / "web", items_per_shard=0)
    with pytest.raises(ParameterError, match="https cannot be written to"):
        items.to_parquet("https://host/a.parquet")


def test_a_name_that_is_not_utf_8_is_one_line_and_leaves_no_table(tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra arrow)")
    data = corpus(tmp_path / "data", clips=2)
    try:
        (data / "no" / os.fsdecode(b"caf\xe9.wav")).write_bytes((data / "no" / "s0_nohash_0.wav").read_bytes())
    except OSError:
        pytest.skip("the file system has no such names")
    extract(data, tmp_path / "set", features=spec())
    items = wl.pipeline.open(tmp_path / "set")
    with pytest.raises(
        PipelineError, match=r"^key no/caf\\xe9\.wav is not UTF-8, as texts of Parquet must be; rename it"
    ):
        items.to_parquet(tmp_path / "set.parquet")
    assert not (tmp_path / "set.parquet").exists()
    same(wl.pipeline.open(webdataset_of(items, tmp_path)), items)


def test_an_older_version_would_refuse_tars(items, tmp_path):
    about = json.loads((webdataset_of(items, tmp_path) / "dataset.json").read_text())
    assert about["format_version"] > items.about["format_version"] == 1


# Without us


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
def test_webdataset_reads_it(items, tmp_path):
    webdataset = pytest.importorskip("webdataset", reason="webdataset is not installed")
    paths = sorted(map(str, (webdataset_of(items, tmp_path) / shards.FOLDER).glob("*.tar")))
    samples = list(webdataset.WebDataset(paths, shardshuffle=False).decode())
    assert [sample["json"]["key"] for sample in samples] == items.keys
    assert [sample["cls"] for sample in samples] == items.y.tolist()
    assert all(np.array_equal(sample["npy"], item.features) for sample, item in zip(samples, items, strict=True))


@pytest.mark.filterwarnings("default")
def test_datasets_reads_both(items, tmp_path, monkeypatch):
    pytest.importorskip("datasets", reason="datasets is not installed")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    import datasets

    files = str(webdataset_of(items, tmp_path) / "shards/*.tar")
    web = datasets.load_dataset("webdataset", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert [row["key"] for row in web["json"]] == items.keys
    assert all(
        np.array_equal(np.array(row["npy"], np.float32), item.features) for row, item in zip(web, items, strict=True)
    )
    table = datasets.load_dataset("parquet", data_files=str(parquet_of(items, tmp_path)), split="train",
                                  cache_dir=str(tmp_path / "cache"))  # fmt: skip
    assert table["label"][:] == [item.label for item in items]
    assert all(
        np.array_equal(np.array(row["features"], np.float32), item.features)
        for row, item in zip(table, items, strict=True)
    )


def test_pandas_reads_the_table(items, tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.read_parquet(parquet_of(items, tmp_path))
    assert frame["key"].tolist() == items.keys
    assert json.loads(frame["extra"][2])["age"] == 2
    for found, item in zip(frame["features"], items, strict=True):
        assert np.array_equal(np.stack(found), item.features)


@pytest.mark.filterwarnings("default")
def test_lhotse_reads_its_manifests(items, tmp_path):
    lhotse = pytest.importorskip("lhotse", reason="lhotse is not installed")
    items.to_lhotse(tmp_path)
    cuts = lhotse.CutSet.from_manifests(
        *(kind.from_jsonl(tmp_path / name)
          for kind, name in ((lhotse.RecordingSet, "recordings.jsonl"), (lhotse.SupervisionSet, "supervisions.jsonl"),
                             (lhotse.FeatureSet, "features.jsonl")))
    )  # fmt: skip
    assert len(cuts) == len(items)


def test_shards_of_others_are_not_overwritten(items, tmp_path):
    """A folder of recordings in WebDataset's form has shards of the same names."""
    (tmp_path / "web" / "shards").mkdir(parents=True)
    (tmp_path / "web" / "shards" / "000000.tar").write_bytes(b"recordings")
    with pytest.raises(ParameterError, match=r"holds 000000\.tar, which an export to WebDataset did not write"):
        webdataset_of(items, tmp_path)
    assert (tmp_path / "web" / "shards" / "000000.tar").read_bytes() == b"recordings"
    assert not (tmp_path / "web" / "features.npz").exists()
    (tmp_path / "web" / "shards" / "000000.tar").unlink()
    webdataset_of(items, tmp_path)
    (tmp_path / "web" / "shards" / "notes.txt").write_text("mine")
    with pytest.raises(ParameterError, match=r"holds notes\.txt"):
        webdataset_of(items, tmp_path)
    same(wl.pipeline.open(tmp_path / "web"), items)


def test_what_a_killed_export_left_is_replaced(items, tmp_path):
    webdataset_of(items, tmp_path)
    for name in ("dataset.json", "index.jsonl"):
        (tmp_path / "web" / name).unlink()
    items[:3].to_webdataset(tmp_path / "web")
    assert len(list((tmp_path / "web" / "shards").iterdir())) == 1
    same(wl.pipeline.open(tmp_path / "web"), items[:3])


@pytest.mark.parametrize("name", ["features.npz", "index.jsonl", "dataset.json"])
def test_files_of_the_set_itself_are_not_overwritten(items, tmp_path, name):
    own = items.table.folder / name
    before = own.read_bytes()
    with pytest.raises(ParameterError, match="is a file of the feature set itself"):
        wl.pipeline.to_npz(items, own)
    if importlib.util.find_spec("pyarrow"):
        with pytest.raises(ParameterError, match="is a file of the feature set itself"):
            items.to_parquet(own)
    assert own.read_bytes() == before
    wl.pipeline.to_npz(items, items.table.folder / "all.npz")
