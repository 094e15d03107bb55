"""The command that quantises: what it writes and reports, for classifiers and for networks, and what it refuses."""

import json

import numpy as np
import pytest
from level_classifier import LABELS, SR, judge, sound

import wavenetlite as wl
from wavenetlite import audio, cli


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Runs the command in a folder of its own: exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*argv):
        status = cli.main(["quantize", *map(str, argv)])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return status, said.out, said.err

    return call


@pytest.fixture
def network(tmp_path):
    model = wl.TCN(3, 2, channels=4, dilations=[1, 2], seed=0)
    model.save(tmp_path / "network.safetensors")
    frames = np.random.default_rng(0).standard_normal((200, 3), dtype=np.float32)
    np.save(tmp_path / "frames.npy", frames)
    return model, frames


@pytest.fixture
def corpus(tmp_path):
    """Low and high tones, one speaker a split."""
    for label in LABELS[:2]:
        for number in range(6):
            path = tmp_path / "tones" / ("train", "valid", "test")[number % 3] / label / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            audio.write(path, sound(label, seed=number), SR)
    judge().save(tmp_path / "tones.safetensors")


def test_a_network(run, network):
    model, frames = network
    status, out, err = run("network.safetensors", "frames.npy", "--out", "small.safetensors", "--json")
    assert status == 0, err
    found = json.loads(out)
    assert found["layers"][0]["name"] == "input"
    assert found["weight_bytes"]["int8"] < found["weight_bytes"]["float32"]
    small = wl.load("small.safetensors")
    assert np.array_equal(small(frames), wl.quantize(model, calibration=frames)(frames))


@pytest.fixture
def conditioned(tmp_path):
    model = wl.WaveNet(2, 3, residual_channels=4, skip_channels=4, dilations=[1, 2], condition_channels=5,
                       condition=wl.nn.Upsample(4), seed=0)  # fmt: skip
    model.save(tmp_path / "conditioned.safetensors")
    rng = np.random.default_rng(0)
    x, c = (rng.standard_normal(shape, dtype=np.float32) for shape in ((202, 2), (51, 5)))
    np.savez(tmp_path / "pair.npz", x=x, c=c)
    return model, x, c


@pytest.mark.parametrize("numbers", [[], ["--weights", "bf16"]])
def test_a_network_with_conditioning(run, conditioned, numbers):
    model, x, c = conditioned
    status, out, err = run(
        "conditioned.safetensors", "pair.npz", "pair.npz", "--out", "small.safetensors", "--json", *numbers
    )
    assert status == 0, err
    assert all(layer["snr_db"] is None or layer["snr_db"] > 20 for layer in json.loads(out)["layers"])
    wanted = wl.quantize(model, weights="bf16") if numbers else wl.quantize(model, calibration=(x, c))
    assert np.array_equal(wl.load("small.safetensors")(x, c), wanted(x, c))


def test_a_network_with_conditioning_needs_both_arrays(run, conditioned, tmp_path):
    _, x, c = conditioned
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "other.npz", x=x, condition=c)
    np.savez(tmp_path / "short.npz", x=x, c=c[:50])
    (tmp_path / "bad.npz").write_bytes(b"PK\x03\x04")
    for name, said in [
        ("x.npy", "must be a .npz file of two arrays"), ("other.npz", "must be a .npz file of two arrays"),
        ("bad.npz", "must be a .npz file of two arrays"), ("short.npz", "c, has shape (50, 5); it must be (51, 5)"),
    ]:  # fmt: skip
        status, _, err = run("conditioned.safetensors", name, "--out", "small.safetensors")
        assert status == 1 and said in err
        assert not (tmp_path / "small.safetensors").exists()


def test_a_table_for_people(run, network):
    status, out, err = run("network.safetensors", "frames.npy", "--out", "small.safetensors", "--keep", "output")
    assert status == 0, err
    assert "signal to error" in out and "microseconds a frame" in out and " dB" in out
    assert any(line.split()[:3] == ["output", "Conv1d", "float32"] for line in out.splitlines())


def test_weights_of_bf16(run, network):
    model, frames = network
    status, out, err = run(
        "network.safetensors", "frames.npy", "--weights", "bf16", "--out", "half.safetensors", "--json"
    )
    assert status == 0, err
    found = json.loads(out)
    assert found["weight_bytes"]["bf16"] < found["weight_bytes"]["float32"] and found["layers"][0]["snr_db"] > 30
    half = wl.load("half.safetensors")
    assert np.array_equal(half(frames), wl.quantize(model, weights="bf16")(frames))


def test_bf16_throughout(run, network):
    model, frames = network
    status, out, err = run("network.safetensors", "frames.npy", "--dtype", "bf16", "--out", "half.safetensors")
    assert status == 0, err
    assert any(line.split()[:2] == ["float32", "bf16"] for line in out.splitlines())
    assert np.array_equal(wl.load("half.safetensors")(frames), wl.quantize(model, dtype="bf16")(frames))


def test_a_classifier_in_bf16(run, corpus):
    status, _, err = run("tones.safetensors", "tones", "--dtype", "bf16", "--out", "half.safetensors")
    assert status == 0, err
    assert wl.load("half.safetensors").info["quantised"].startswith("to bf16 throughout")


def test_a_classifier_with_weights_of_bf16(run, corpus):
    status, out, err = run("tones.safetensors", "tones", "--weights", "bf16", "--out", "half.safetensors")
    assert status == 0, err
    assert "accuracy" in out and "bf16" in out
    assert wl.load("half.safetensors").info["quantised"].startswith("to weights of bf16")


def test_a_classifier_with_its_accuracy(run, corpus):
    status, out, err = run("tones.safetensors", "tones", "--out", "small.safetensors", "--json", "--clips", 3)
    assert status == 0, err
    found = json.loads(out)
    assert found["evaluation"]["int8"]["clips"] == found["evaluation"]["float32"]["clips"] == 4
    assert isinstance(wl.load("small.safetensors"), wl.AudioClassifier)


def test_fine_tuning(run, corpus):
    status, out, err = run("tones.safetensors", "tones", "--out", "small.safetensors", "--json", "--fine-tune", 1)
    assert status == 0, err
    assert json.loads(out)["layers"][-1]["integer"]


def test_a_damaged_archive_is_one_line(run, tmp_path):
    model = wl.WaveNet(1, 4, residual_channels=4, skip_channels=4, dilations=[1], condition_channels=2)
    model.save(tmp_path / "voice.safetensors")
    rng = np.random.default_rng(0)
    np.savez_compressed(tmp_path / "pair.npz", x=rng.random((900, 1), np.float32), c=rng.random((900, 2), np.float32))
    damaged = bytearray((tmp_path / "pair.npz").read_bytes())
    damaged[200:600] = b"\xff" * 400
    (tmp_path / "pair.npz").write_bytes(damaged)
    status, _, err = run("voice.safetensors", "pair.npz", "--out", "small.safetensors")
    assert status == 1 and err.count("\n") == 1 and "pair.npz: must be a .npz file of two arrays" in err


@pytest.mark.parametrize(("words", "status", "said"), [
    (["network.safetensors", "frames.npy", "--out", "small.safetensors", "--fine-tune", "1"], 2, "--fine-tune"),
    (["network.safetensors", "network.safetensors", "--out", "small.safetensors"], 1, "must be a .npy file of frames"),
    (["network.safetensors", "none.npy", "--out", "small.safetensors"], 1, "none.npy: there is no such file"),
    (["network.safetensors", "frames.npy"], 2, "--out"),
    (["network.safetensors", "frames.npy", "--out", "small.safetensors", "--weights", "bf16", "--keep", "output"], 2,
     "--keep: for --weights int8 only"),
    (["network.safetensors", "frames.npy", "--out", "small.safetensors", "--dtype", "bf16", "--method", "mse"], 2,
     "--method: for --weights int8 only"),
    (["network.safetensors", "frames.npy", "--out", "small.safetensors", "--dtype", "bf16", "--weights", "bf16"], 2,
     "--weights bf16: weights and all else are of --dtype bf16"),
    (["network.safetensors", "frames.npy", "--out", "small.safetensors", "--keep", "nowhere"], 1, "nowhere"),
    (["network.safetensors", "frames.npy", "--out", "frames.npy"], 1, "is the same file as the input"),
    (["network.safetensors", "frames.npy", "--out", "small.safetensors", "--method", "best"], 2, "--method"),
])  # fmt: skip
def test_mistakes_write_nothing(run, network, tmp_path, words, status, said):
    before = sorted(path.name for path in tmp_path.iterdir())
    got, _, err = run(*words)
    assert said in err and got == status
    assert sorted(path.name for path in tmp_path.iterdir()) == before
