"""The command `wavenetlite features`: what a person sees, and what a program reads."""

import json

import numpy as np
import pytest
from pipeline_data import check, corpus, tone

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.cli import main

SMALL = ["--n-fft", "128", "--hop-length", "64", "--n-mels", "8"]
TABLES = {"sr": 8000, "n_fft": 128, "hop_length": 64, "n_mels": 8}


@pytest.fixture
def data(tmp_path):
    return corpus(tmp_path / "data", clips=6)


def test_a_folder_to_features(data, tmp_path, capsys):
    assert main(["features", str(data), str(tmp_path / "out"), *SMALL]) == 0
    text = capsys.readouterr().out
    assert text.startswith("12 items, ")
    assert "labels     no 6, yes 6" in text
    assert "errors     none" in text
    assert "out is complete: 12 computed, 0 unchanged" in text
    check(tmp_path / "out", data, wl.LogMel(**TABLES))  # the rate is that of the files
    assert main(["features", str(data), str(tmp_path / "out"), *SMALL]) == 0
    assert "0 computed, 12 unchanged" in capsys.readouterr().out


def test_json_and_nothing_else(data, tmp_path, capsys):
    audio.write(data / "no" / "other.wav", tone(3), 16000)
    assert main(["features", str(data), str(tmp_path / "out"), *SMALL, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["items"], said["computed"], said["copied"], said["errors"]) == (12, 13, 0, {"rate": 1})


def test_inspect(data, tmp_path, capsys):
    out = tmp_path / "out"
    main(["features", str(data), str(out), *SMALL, "--quiet"])
    assert capsys.readouterr().out == ""
    assert main(["features", "--inspect", str(out)]) == 0
    assert "all 12 items are unchanged" in capsys.readouterr().out
    shard = next((out / "shards").iterdir())
    whole = bytearray(shard.read_bytes())
    whole[-3] ^= 4
    shard.write_bytes(whole)
    assert main(["features", "--inspect", str(out), "--json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["changed"]) == 1


def test_everything_that_can_be_written_beside(data, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    names = {"--plot": "sheet.png", "--npz": "all.npz", "--lhotse": "lhotse"}
    options = [word for option, name in names.items() for word in (option, str(tmp_path / name))]
    assert main(["features", str(data), str(tmp_path / "out"), *SMALL, *options]) == 0
    assert all(f"{name} is written" in capsys.readouterr().out or (tmp_path / name).exists() for name in names.values())
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "lhotse" / "features.jsonl").exists()


def test_processes(data, tmp_path):
    assert main(["features", str(data), str(tmp_path / "out"), *SMALL, "--quiet", "--processes", "--jobs", "2"]) == 0
    check(tmp_path / "out", data, wl.LogMel(**TABLES))


@pytest.mark.parametrize("kind", ["mel", "spectrogram", "mfcc", "pcen", "microfrontend", "mulaw"])
def test_every_kind_of_features(data, tmp_path, kind):
    micro = ["--win-length", "200", "--hop-length", "80", "--n-mels", "8", "--fmin", "100", "--fmax", "3900"]
    options = {"mfcc": [*SMALL, "--n-mfcc", "4"], "spectrogram": SMALL[:4], "microfrontend": micro, "mulaw": []}
    options = options.get(kind, SMALL)
    assert main(["features", str(data), str(tmp_path / "out"), "--features", kind, *options, "--quiet"]) == 0
    assert len(wl.pipeline.open(tmp_path / "out")) == 12


def test_features_of_a_classifier(data, tmp_path):
    assert main(["features", str(data), str(tmp_path / "out"), "--model", "spoken-digits", "--quiet"]) == 0
    folder = corpus(tmp_path / "longer", clips=2, samples=4000)
    assert main(["features", str(folder), str(tmp_path / "two"), "--model", "spoken-digits", "--quiet"]) == 0
    assert wl.pipeline.open(tmp_path / "two").spec.fingerprint == wl.load("spoken-digits").features.fingerprint


def test_a_manifest_with_other_names(data, tmp_path):
    rows = [{"path": f"no/s{i % 4}_nohash_{i}.wav", "word": "nay"} for i in range(3)]
    (data / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["features", str(data / "m.jsonl"), str(tmp_path / "out"), *SMALL, "--column", "label=word", "--quiet"]
    assert main(command) == 0
    assert wl.pipeline.open(tmp_path / "out").labels == ["nay"]


def test_strict_and_other_failures_are_one_line(data, tmp_path, capsys):
    audio.write(data / "no" / "z.wav", np.stack([tone(3)] * 2, axis=1), 8000)
    assert main(["features", str(data), str(tmp_path / "out"), *SMALL, "--strict"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err == (
        "wavenetlite features: error: no/z.wav: has 2 channels (give --mono mean) (channels; strict stops here)\n"
    )
    assert main(["features", str(tmp_path / "none"), str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["features", "--inspect", str(tmp_path)]) == 1
    assert "there is no dataset.json" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [["data"], ["--inspect", "a", "b"], ["a", "b", "--features", "mulaw", "--n-mels", "4"], ["a", "b", "--column", "x"],
     ["a", "b", "--leave-out", "loud"], ["a", "b", "--features", "plp"], ["a", "b", "--model", "x", "--sr", "8000"]],
)  # fmt: skip
def test_wrong_usage(words, data, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(data.parent)
    (data.parent / "a").mkdir()
    audio.write(data.parent / "a" / "x.wav", tone(1), 8000)
    assert main(["features", *words]) == 2
    assert "error:" in capsys.readouterr().err


def test_help_tells_the_options(capsys):
    assert main(["features", "--help"]) == 0
    text = capsys.readouterr().out
    assert "--inspect" in text
    assert "errors.jsonl" in text


def test_urls_in_and_out(data, tmp_path, capsys):
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (the extra remote)")
    store = fsspec.filesystem("memory")
    for path in data.rglob("*.wav"):
        store.pipe_file(f"/words/{path.relative_to(data).as_posix()}", path.read_bytes())
    try:
        out = ["memory://sets/one", *SMALL]
        assert (
            main(
                [
                    "features",
                    "memory://words",
                    *out,
                    "--webdataset",
                    "memory://sets/web",
                    "--npz",
                    "memory://sets/a.npz",
                ]
            )
            == 0
        )
        text = capsys.readouterr().out
        assert "memory://sets/one is complete: 12 computed" in text
        assert "wrote memory://sets/web" in text
        for folder in ("one", "web"):
            assert main(["features", "--inspect", f"memory://sets/{folder}"]) == 0
            assert "all 12 items are unchanged" in capsys.readouterr().out
        assert len(np.load(store.open("/sets/a.npz"))["keys"]) == 12
        assert main(["features", "https://me:hidden@127.0.0.1:9/a.wav", str(tmp_path / "out")]) == 1
        assert "hidden" not in "".join(capsys.readouterr())
    finally:
        store.rm("/", recursive=True)


@pytest.mark.parametrize("engine", ["dask", "ray"])
def test_processes_are_of_joblib(data, tmp_path, capsys, engine):
    assert main(["features", str(data), str(tmp_path / "out"), *SMALL, "--processes", "--engine", engine]) == 2
    assert f"--engine {engine} has its own" in capsys.readouterr().err


def test_other_forms_beside(data, tmp_path):
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (the extra arrow)")
    table, shards = tmp_path / "all.parquet", tmp_path / "web"
    options = ["--parquet", str(table), "--webdataset", str(shards), "--quiet"]
    assert main(["features", str(data), str(tmp_path / "out"), *SMALL, *options]) == 0
    assert len(wl.pipeline.open(table)) == len(wl.pipeline.open(shards)) == 12
    assert main(["features", "--inspect", str(table)]) == 0
