"""Where a feature set is written: never into its source, never over another one or over what is not a set."""

import json
import shutil

import pytest
from pipeline_data import corpus, spec, tree

import wavenetlite as wl
from wavenetlite.cli import main
from wavenetlite.pipeline import PipelineError, extract
from wavenetlite.pipeline import open as open_set
from wavenetlite.pipeline.summary import summary


@pytest.fixture
def data(tmp_path):
    return corpus(tmp_path / "data", clips=3)


def run(source, out, **options):
    return extract(source, out, features=options.pop("features", None) or spec(), n_jobs=1, **options)


@pytest.mark.parametrize(
    "place", ["data", "data/features", "data/no/x", "link/features", "data/../data/x", "outer/data/y"]
)
def test_a_target_inside_the_source_is_refused(data, tmp_path, place):
    (tmp_path / "link").symlink_to(data)
    (tmp_path / "outer").symlink_to(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(wl.ParameterError, match=r"is inside the source .*; choose a folder outside"):
        run(data, tmp_path / place)
    with pytest.raises(wl.ParameterError, match="is inside the source"):
        run([corpus(tmp_path / "more", clips=1), data], tmp_path / place)
    shutil.rmtree(tmp_path / "more")
    assert sorted(tmp_path.rglob("*")) == before


def test_another_corpus_is_refused_and_the_set_stays(data, tmp_path, capsys):
    out = tmp_path / "out"
    run(data, out)
    before = tree(out)
    other = corpus(tmp_path / "other", clips=4, samples=900)
    for source in (other, str(other / "**/*.wav"), [other]):
        with pytest.raises(wl.ParameterError, match=r"holds the features of another source, .*data'; choose another"):
            run(source, out)
    assert main(["features", str(other), str(out)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert tree(out) == before


def test_another_corpus_by_the_same_name_is_refused(tmp_path, monkeypatch):
    for place in ("a", "b"):
        corpus(tmp_path / place / "data", clips=3 if place == "a" else 5)
    monkeypatch.chdir(tmp_path / "a")
    run("data", tmp_path / "out")
    monkeypatch.chdir(tmp_path / "b")
    with pytest.raises(wl.ParameterError, match="another source, 'data'"):
        run("data", tmp_path / "out")


def test_half_a_set_of_another_corpus_is_refused_too(data, tmp_path):
    run(data, tmp_path / "out")
    (tmp_path / "out/dataset.json").unlink()
    with pytest.raises(wl.ParameterError, match="holds the features of another source; choose another"):
        run(corpus(tmp_path / "other", clips=4, samples=900), tmp_path / "out")
    run(data, tmp_path / "out")


def test_a_corpus_that_was_moved_or_grew_is_the_same(data, tmp_path):
    run(data, tmp_path / "out")
    moved = data.rename(tmp_path / "moved")
    for name in ("new1.wav", "new2.wav"):
        shutil.copy(moved / "no/s0_nohash_0.wav", moved / "yes" / name)
    done = run(moved, tmp_path / "out")
    assert (done.items, done.computed, done.unchanged) == (8, 2, 6)
    assert run([moved, corpus(tmp_path / "more", clips=1)], tmp_path / "out").items == 10


def test_other_features_of_the_same_corpus_replace_the_set(data, tmp_path):
    run(data, tmp_path / "out")
    run(data, tmp_path / "out", features=wl.LogMel(sr=8000, n_fft=128, hop_length=64, n_mels=5))
    assert open_set(tmp_path / "out").channels == 5


@pytest.mark.parametrize("name", ["index.jsonl", "dataset.json", "errors.jsonl", "features.npz", "shards/a.npy"])
def test_files_that_are_no_sets_are_not_overwritten(data, tmp_path, name):
    (tmp_path / "out" / name).parent.mkdir(parents=True)
    (tmp_path / "out" / name).write_text('{"mine": 1}')
    (tmp_path / "out/notes.txt").write_text("mine")
    with pytest.raises(wl.ParameterError, match=rf"has {name.partition('/')[0]}, which is not part of a feature set"):
        run(data, tmp_path / "out")
    assert (tmp_path / "out" / name).read_text() == '{"mine": 1}'
    (tmp_path / "out" / name).unlink()
    shutil.rmtree(tmp_path / "out/shards", ignore_errors=True)
    run(data, tmp_path / "out")
    assert (tmp_path / "out/notes.txt").read_text() == "mine"


def test_a_corpus_is_no_target(data, tmp_path, capsys):
    other = corpus(tmp_path / "other", clips=2)
    before = sorted(other.rglob("*"))
    assert main(["features", str(data), str(other)]) == 1
    assert "holds recordings, such as no/s0_nohash_0.wav; choose another folder" in capsys.readouterr().err
    assert sorted(other.rglob("*")) == before
    (tmp_path / "deep/a/b").mkdir(parents=True)
    other.rename(tmp_path / "deep/a/b/c")
    with pytest.raises(wl.ParameterError, match="holds recordings, such as a/b/c/no/"):
        run(data, tmp_path / "deep")


def test_counts_are_never_negative(data, tmp_path, capsys):
    for number in range(5):
        (data / "no" / f"bad{number}.wav").write_bytes(b"RIFFxxxx")
    assert main(["features", str(data), str(tmp_path / "out")]) == 0
    assert "11 computed, 0 unchanged" in capsys.readouterr().out
    assert main(["features", str(data), str(tmp_path / "out"), "--leave-out", "duplicate"]) == 0
    assert "0 computed, 11 unchanged" in capsys.readouterr().out


# Damage


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("items", -1), ("items", 10**12), ("items", "6"), ("items", True), ("channels", 0), ("channels", 10**30),
        ("sr", 0), ("hours", None), ("features", {}),
        ("labels", {"no": "x"}), ("labels", []), ("shards", [{"file": "../../x.npy", "frames": 1}]), ("shards", [7]),
        ("statistics", {"mean": [1], "variance": [1]}), ("statistics", {}), ("roots", [{"path": 7}]), ("index", {}),
        ("durations", {"edges_s": [1], "items": [1]}), ("errors", {"a": None}),
        ("durations", {"edges_s": [1], "items": [1, 1e999]}), ("durations", {"edges_s": [1e999], "items": [1, 1]}),
        ("format_version", "x"),
    ],
)  # fmt: skip
def test_a_dataset_that_says_nonsense_is_one_line(data, tmp_path, name, value):
    run(data, tmp_path / "out")
    about = json.loads((tmp_path / "out/dataset.json").read_text())
    (tmp_path / "out/dataset.json").write_text(json.dumps({**about, name: value}).replace("Infinity", "1e999"))
    with pytest.raises(PipelineError, match=r"damaged: .*; run the extraction again") as error:
        summary(open_set(tmp_path / "out").about)
    assert "\n" not in str(error.value)
    run(data, tmp_path / "out")  # which it can
    assert len(open_set(tmp_path / "out")) == 6


@pytest.mark.parametrize("damage", [b"", b"x", b"\x93NUMPY\1\0v\0{'descr': '|O'", None])
def test_a_damaged_shard_is_one_line(data, tmp_path, damage):
    run(data, tmp_path / "out")
    shard = next((tmp_path / "out/shards").iterdir())
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-4] if damage is None else damage + whole[len(damage) :] if damage else b"")
    with pytest.raises(PipelineError, match=r"damaged: shards/.*; run the extraction again"):
        open_set(tmp_path / "out")[0].features.sum()
    run(data, tmp_path / "out")  # which it can
    assert open_set(tmp_path / "out").verify() == []


def test_an_index_that_does_not_fit_is_one_line(data, tmp_path):
    run(data, tmp_path / "out")
    with (tmp_path / "out/index.jsonl").open("a") as file:
        file.write("[" * 100_000)
    with pytest.raises(PipelineError, match=r"index.jsonl does not match dataset.json"):
        open_set(tmp_path / "out")
    run(data, tmp_path / "out")
    assert len(open_set(tmp_path / "out")) == 6
