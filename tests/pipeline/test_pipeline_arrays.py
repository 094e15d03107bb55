"""Several specifications in one pass: each array is what an extraction of it alone gives."""

import io
import json
import tarfile

import numpy as np
import pytest
from joblib import parallel_config
from pipeline_data import corpus, errors, small_chunks, spec, tone, tree

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.cli import main
from wavenetlite.pipeline import PipelineError, extract, work
from wavenetlite.support.errors import ArrayTypeError, ParameterError


def several():
    """Of different frames and channels; one needs the whole signal."""
    return {
        "logmel": spec(),
        "mfcc": wl.MFCC(sr=8000, n_fft=256, hop_length=32, n_mels=12, n_mfcc=5),
        "whole": wl.LogMel(sr=8000, n_fft=128, hop_length=64, n_mels=4).then(wl.features.UtteranceCMVN()),
    }


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("arrays")
    data = corpus(folder / "data", clips=6)
    audio.write(data / "no" / "stereo.wav", np.stack([tone(50), tone(51)], axis=1), 8000)
    audio.write(data / "no" / "short.wav", tone(9, 200), 8000)  # a frame of logmel, none of mfcc
    extract(data, folder / "set", features=several(), mono="mean")
    for name, one in several().items():
        extract(data, folder / name, features=one, mono="mean")
    return folder


@pytest.fixture(scope="module")
def items(folders):
    return wl.pipeline.open(folders / "set")


def rows_of(folder):
    return [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]


def test_each_array_is_that_of_its_spec_alone(folders, items):
    assert items.names == ["logmel", "mfcc", "whole"]
    for name, one in several().items():
        alone = wl.pipeline.open(folders / name)
        alone = alone.select(where=lambda item: item.key != "no/short.wav")
        found = items[name]
        assert found.keys == alone.keys == items.keys
        assert found.spec.fingerprint == one.fingerprint
        for a, b, item in zip(found, alone, items, strict=True):
            assert np.array_equal(a.features, b.features)
            assert np.array_equal(item[name], b.features)
            assert a.feature_hash == b.feature_hash
    frames = np.concatenate([item["mfcc"] for item in items]).astype(np.float64)
    assert np.allclose(items["mfcc"].about["statistics"]["mean"], frames.mean(axis=0), rtol=1e-9)
    assert np.allclose(items["mfcc"].mean_variance.mean, frames.mean(axis=0), rtol=1e-5)
    assert items["mfcc"].verify() == items.verify() == []
    assert next(iter(items["mfcc"].batches(batch_size=4))).x.shape[2] == 5


def test_what_one_cannot_use_is_left_out_of_all(folders, items):
    assert errors(folders / "set")["no/short.wav"] == "short"
    assert "no/short.wav" not in items.keys
    assert "no/short.wav" in wl.pipeline.open(folders / "logmel").keys
    assert items.about["refused"] == 1


def test_one_spec_by_name_or_without(folders, tmp_path):
    extract(folders / "data", tmp_path / "named", features={"features": spec()}, mono="mean")
    assert tree(tmp_path / "named") == tree(folders / "logmel")
    plain = wl.pipeline.open(folders / "logmel")
    assert plain.names == ["features"]
    assert np.array_equal(plain["features"][0].features, plain[0]["features"])
    extract(folders / "data", tmp_path / "mfcc", features={"mfcc": several()["mfcc"]}, mono="mean")
    assert np.array_equal(
        wl.pipeline.open(tmp_path / "mfcc")["mfcc"][1].features, wl.pipeline.open(folders / "mfcc")[1].features
    )


def test_the_audio_is_decoded_once(tmp_path, monkeypatch):
    data, opened = corpus(tmp_path / "data", clips=3), []
    real = audio.opened
    monkeypatch.setattr(audio, "opened", lambda source: opened.append(source) or real(source))
    extract(data, tmp_path / "out", features=several(), n_jobs=1)
    assert len(opened) == 6


def test_any_workers_give_the_same_bytes(folders, tmp_path, monkeypatch):
    small_chunks(monkeypatch)
    done = [extract(folders / "data", tmp_path / str(n), features=several(), mono="mean", n_jobs=n) for n in (1, 3)]
    with parallel_config(backend="loky", n_jobs=2):
        extract(folders / "data", tmp_path / "processes", features=several(), mono="mean")
    assert tree(tmp_path / "1") == tree(tmp_path / "3") == tree(tmp_path / "processes")
    assert [one.computed for one in done] == [14, 14]


def test_resumed_and_extended_only_what_is_missing_is_computed(folders, tmp_path, monkeypatch):
    small_chunks(monkeypatch)
    data, out, specs = folders / "data", tmp_path / "out", several()
    extract(data, tmp_path / "whole", features=specs, mono="mean")
    extract(data, out, features={"logmel": specs["logmel"]}, mono="mean")
    asked = []
    real, finish = work.Chunk.compute, work.Lane.finish
    monkeypatch.setattr(work.Chunk, "compute", lambda self, entry, lanes: (
        asked.append({lane.part.name for lane in lanes}), real(self, entry, lanes)))  # fmt: skip
    extract(data, out, features=specs, mono="mean", n_jobs=1)
    assert asked == [{"mfcc", "whole"}] * 14
    assert tree(out) == tree(tmp_path / "whole")
    assert extract(data, out, features=specs, mono="mean").unchanged == 14
    victim = wl.pipeline.open(out).about["arrays"]["mfcc"]["shards"][0]["file"]
    (out / victim).unlink()
    written = []
    monkeypatch.setattr(work.Lane, "finish", lambda self: (written.append(self.part.name), finish(self)))
    assert extract(data, out, features=specs, mono="mean", n_jobs=1).computed < 14
    assert written == ["mfcc"]
    assert tree(out) == tree(tmp_path / "whole")
    extract(data, out, features=specs["logmel"], mono="mean")  # and back to one
    extract(data, tmp_path / "one", features=specs["logmel"], mono="mean")
    assert tree(out) == tree(tmp_path / "one")
    assert [path.name for path in out.glob("features*")] == ["features.npz"]


def test_a_changed_recording_is_computed_for_all(tmp_path, monkeypatch):
    small_chunks(monkeypatch)
    data, out = corpus(tmp_path / "data", clips=6), tmp_path / "out"
    extract(data, out, features=several())
    audio.write(data / "yes" / "s1_nohash_1.wav", tone(77), 8000)
    done = extract(data, out, features=several())
    assert (done.computed, done.items) == (1, 12)
    assert done.copied
    extract(data, tmp_path / "new", features=several())
    assert tree(out) == tree(tmp_path / "new")


def parquet_of(items, tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra arrow)")
    items.to_parquet(tmp_path / "set.parquet")
    return tmp_path / "set.parquet"


def webdataset_of(items, tmp_path):
    items.to_webdataset(tmp_path / "web", items_per_shard=4)
    return tmp_path / "web"


@pytest.mark.parametrize("write", [webdataset_of, parquet_of])
def test_other_forms_have_all_arrays(items, tmp_path, write):
    path = write(items, tmp_path)
    found = wl.pipeline.open(path)
    assert found.names == items.names
    assert found.verify() == []
    for one, other in zip(found, items, strict=True):
        assert one.arrays == other.arrays
        assert one.key == other.key
        assert one.extra == other.extra
    for name in items.names:
        assert found[name].spec.fingerprint == items[name].spec.fingerprint
        assert np.array_equal(found[name][3].features, items[name][3].features)
        assert found.about["arrays"][name]["frames"] == items.about["arrays"][name]["frames"]
    again = tmp_path / "one"
    again.mkdir()
    one = wl.pipeline.open(write(items["mfcc"], again))
    assert one.names == ["features"]
    assert np.array_equal(one[2].features, items[2]["mfcc"])


@pytest.mark.parametrize("write", [webdataset_of, parquet_of])
def test_other_forms_of_a_single_name(folders, tmp_path, write):
    extract(folders / "data", tmp_path / "set", features={"mfcc": several()["mfcc"]}, mono="mean")
    items = wl.pipeline.open(tmp_path / "set")
    found = wl.pipeline.open(write(items, tmp_path))
    assert found.names == ["mfcc"]
    assert np.array_equal(found["mfcc"][1].features, items[1].features)
    assert found[1].arrays == items[1].arrays
    assert found.verify() == []
    wl.pipeline.to_lhotse(items, tmp_path / "lhotse")  # one array is what it takes


def test_programs_read_them_without_us(items, tmp_path):
    with tarfile.open(webdataset_of(items, tmp_path) / "shards/000000.tar") as archive:
        names = archive.getnames()
        assert names[:5] == [
            "00000000.logmel.npy",
            "00000000.mfcc.npy",
            "00000000.whole.npy",
            "00000000.cls",
            "00000000.json",
        ]
        frames = np.load(io.BytesIO(archive.extractfile("00000001.mfcc.npy").read()))
    assert np.array_equal(frames, items[1]["mfcc"])
    wl.pipeline.to_npz(items, tmp_path / "all.npz")
    with np.load(tmp_path / "all.npz") as arrays:
        begin, end = arrays["mfcc_offsets"][1:3]
        assert np.array_equal(arrays["mfcc"][begin:end], items[1]["mfcc"])
        assert "features" not in arrays


def test_parquet_by_pyarrow(items, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet", reason="pyarrow is not installed (the extra arrow)")
    row = parquet.read_table(parquet_of(items, tmp_path)).to_pylist()[1]
    assert np.array_equal(np.stack(row["mfcc"]).astype(np.float32), items[1]["mfcc"])


def test_damage_in_one_array_is_found(folders, tmp_path):
    out = tmp_path / "out"
    extract(folders / "data", out, features=several(), mono="mean")
    shard = out / wl.pipeline.open(out).about["arrays"]["whole"]["shards"][0]["file"]
    content = bytearray(shard.read_bytes())
    content[-1] ^= 1
    shard.write_bytes(content)
    found = wl.pipeline.open(out)
    assert found["logmel"].verify() == []
    assert found.verify() == found["whole"].verify() == [found.keys[-1]]
    index = out / "index.jsonl"
    about = json.loads((out / "dataset.json").read_text())
    about["arrays"]["whole"]["channels"] = 0
    (out / "dataset.json").write_text(json.dumps(about))
    with pytest.raises(PipelineError, match=r"damaged: dataset\.json has channels=0"):
        wl.pipeline.open(out)
    assert index.exists()


@pytest.mark.parametrize(
    ("features", "message"),
    [
        ({}, "features is empty"),
        ({"label": spec()}, "features has the name 'label'"),
        ({"Mel": spec()}, "features has the name 'Mel'"),
        ({3: spec()}, "features has the name 3"),
        ({"features": spec(), "offsets": spec()}, "features has the name 'offsets'"),
        ({"a": spec(), "a_offsets": spec()}, "features has the name 'a_offsets'"),
        ({"a": spec(), "b": wl.LogMel(sr=16000)}, "'b' has sr=16000, 'a' has sr=8000"),
        ({"a/b": spec()}, "features has the name 'a/b'"),
    ],
)
def test_what_does_not_fit_is_refused(folders, tmp_path, features, message):
    with pytest.raises(ParameterError, match=message):
        extract(folders / "data", tmp_path / "out", features=features)
    assert not (tmp_path / "out").exists()


def test_names_and_keys(folders, items, tmp_path):
    with pytest.raises(ArrayTypeError, match=r"features\['b'\] is a int"):
        extract(folders / "data", tmp_path / "out", features={"a": spec(), "b": 3})
    (folders / "data" / "rows.jsonl").write_text('{"path": "no/s0_nohash_0.wav", "key": "mfcc"}')
    with pytest.raises(ParameterError, match="'mfcc', which is the key of a recording"):
        extract(folders / "data" / "rows.jsonl", tmp_path / "out", features=several())
    with pytest.raises(KeyError, match="pcen"):
        items["pcen"]
    with pytest.raises(ParameterError, match=r"items\['logmel'\].to_lhotse"):
        wl.pipeline.to_lhotse(items, tmp_path / "lhotse")


def test_an_export_to_lhotse_does_not_overwrite(items, tmp_path):
    one = items["logmel"]
    wl.pipeline.to_lhotse(one, tmp_path / "lhotse")
    wl.pipeline.to_lhotse(one[:3], tmp_path / "lhotse")  # its own, smaller
    assert len(list((tmp_path / "lhotse" / "features").iterdir())) == 3
    for name in ("notes.txt", "features/mine.npy"):
        (tmp_path / "lhotse" / name).write_text("mine")
        with pytest.raises(ParameterError, match=f"holds {name.rpartition('/')[2]}, which an export to Lhotse"):
            wl.pipeline.to_lhotse(one, tmp_path / "lhotse")
        assert len(list((tmp_path / "lhotse" / "features").glob("0*"))) == 3
        (tmp_path / "lhotse" / name).unlink()


def test_the_command(folders, tmp_path, capsys):
    out, data = tmp_path / "out", str(folders / "data")
    small = ["--n-fft", "128", "--hop-length", "64", "--n-mels", "8", "--mono", "mean"]
    assert main(["features", data, str(out), "--features", "logmel,mfcc", *small, "--n-mfcc", "4"]) == 0
    assert "arrays     logmel 8 (LogMel), mfcc 4 (MFCC)" in capsys.readouterr().out
    assert wl.pipeline.open(out)[0]["mfcc"].shape[1] == 4
    assert main(["features", "--inspect", str(out)]) == 0
    assert main(["features", data, str(out), "--features", "logmel,other"]) == 2
    assert main(["features", data, str(out), "--features", "mfcc,mfcc"]) == 2
    assert main(["features", data, str(out), "--features", "logmel,pcen", "--n-mfcc", "4"]) == 2
    assert main(["features", data, str(out), "--features", "logmel,mfcc", "--lhotse", str(tmp_path / "l")]) == 2


def test_energy_and_pitch_of_the_command(folders, tmp_path):
    pytest.importorskip("librosa", reason="librosa is not installed")
    n = np.arange(8000)
    (tmp_path / "data" / "tone").mkdir(parents=True)
    audio.write(
        tmp_path / "data" / "tone" / "a.wav", (0.5 * np.sin(2 * np.pi * 200 * n / 8000)).astype(np.float32), 8000
    )
    out = tmp_path / "out"
    assert (
        main(["features", str(tmp_path / "data"), str(out), "--features", "energy,pitch,logmel", "--hop-length", "80"])
        == 0
    )
    item = wl.pipeline.open(out)[0]
    assert np.allclose(item["energy"], 0.5 / np.sqrt(2), rtol=0.02)
    assert np.allclose(item["pitch"], 200, rtol=0.02)
    assert item["energy"].shape == (len(item["logmel"]), 1)
    assert main(["features", str(tmp_path / "data"), str(out), "--features", "pitch", "--n-fft", "128"]) == 2
