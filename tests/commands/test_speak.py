"""The commands speak, and render with a vocoder: the Python calls' bits, written completely or not at all."""

import json

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.cli import main

F32 = np.float32
SPEC = wl.LogMel(sr=8000, n_fft=400, hop_length=80, n_mels=40)


def sound(samples=1234, channels=1):
    y = 0.1 * np.random.default_rng(0).standard_normal((samples, channels))
    return y.astype(F32)[:, 0] if channels == 1 else y.astype(F32)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A vocoder, a network, frames, and audio of one and two channels."""
    monkeypatch.chdir(tmp_path)
    network = wl.WaveNet(1, 3, residual_channels=4, skip_channels=4, dilations=[1, 2], condition_channels=41,
                         condition=wl.nn.Upsample(80))  # fmt: skip
    wl.Vocoder(SPEC, network).save("voice.safetensors")
    wl.Vocoder(SPEC, wl.nn.Conv1d(41, 201, 5, padding="same"), iterations=2).save("spectral.safetensors")
    wl.nn.Conv1d(1, 1, 1).save("gain.safetensors")
    np.save("mel.npy", SPEC(sound(9000)))
    audio.write("mono.wav", sound(), 8000, subtype="FLOAT")
    audio.write("stereo.wav", sound(channels=2), 8000, subtype="FLOAT")
    audio.write("fast.wav", sound(), 16000, subtype="FLOAT")
    return tmp_path


def run(command, *arguments, model="voice.safetensors"):
    return main([command, *arguments, "--model", model])


def test_speak_is_the_python_call(folder, capsys):
    one, frames = wl.load("voice.safetensors"), np.load("mel.npy")
    assert run("speak", "mel.npy", "out.wav", "--json") == 0
    summary = json.loads(capsys.readouterr().out)
    assert (summary["frames"], summary["samples"], summary["sr"]) == (len(frames), 80 * len(frames), 8000)
    assert np.array_equal(audio.read("out.wav")[0], one.speak(frames))
    assert run("speak", "mel.npy", "out.wav", "--seed", "3", "--temperature", "0.5") == 0
    assert np.array_equal(audio.read("out.wav")[0], one.speak(frames, seed=3, temperature=0.5))
    assert "8,000 Hz" in capsys.readouterr().out


@pytest.mark.parametrize("block", ["1", "77", "5000"])
def test_render_is_copy_synthesis(folder, block):
    assert run("render", "mono.wav", "out.wav", "--block", block, "--seed", "2") == 0
    assert np.array_equal(audio.read("out.wav")[0], wl.load("voice.safetensors").render(sound(), seed=2))


def test_a_vocoder_that_gives_magnitudes(folder, capsys):
    """It lags behind its frames: what is owed at the end is written too."""
    one, frames = wl.load("spectral.safetensors"), np.load("mel.npy")
    assert run("speak", "mel.npy", "out.wav", "--json", model="spectral.safetensors") == 0
    assert json.loads(capsys.readouterr().out)["samples"] == 80 * len(frames)
    assert np.array_equal(audio.read("out.wav")[0], one.speak(frames))
    for block in ("1", "77", "5000"):
        assert run("render", "mono.wav", "out.wav", "--block", block, model="spectral.safetensors") == 0
        assert np.array_equal(audio.read("out.wav")[0], one.render(sound()))
    assert run("render", "stereo.wav", "out.wav", model="spectral.safetensors") == 0
    made, y = audio.read("out.wav")[0], sound(channels=2)
    assert all(np.array_equal(made[:, i], one.render(np.ascontiguousarray(y[:, i]))) for i in range(2))
    assert main(["info", "spectral.safetensors"]) == 0
    text = capsys.readouterr().out
    assert "lookahead" in text
    assert f"{one.latency / 8:.1f} ms behind the frames" in text
    assert main(["verify", "spectral.safetensors", "--partitions", "2"]) == 0
    (folder / "out.wav").unlink()
    for command in (("speak", "mel.npy"), ("render", "mono.wav")):
        assert run(*command, "out.wav", "--temperature", "0.5", model="spectral.safetensors") == 1
        assert "temperature=0.5 must be left out" in capsys.readouterr().err
        assert not (folder / "out.wav").exists()


def test_render_of_channels(folder):
    one, y = wl.load("voice.safetensors"), sound(channels=2)
    assert run("render", "stereo.wav", "out.wav") == 0
    made = audio.read("out.wav")[0]
    assert all(np.array_equal(made[:, i], one.render(np.ascontiguousarray(y[:, i]))) for i in range(2))


@pytest.mark.parametrize(("frames", "part"), [
    (np.zeros((40, 9), F32), "mel.npy: frames has shape (40, 9); it must be (frames, 40); librosa's"),
    (np.zeros((9, 41), F32), "mel.npy: frames has shape (9, 41)"),
    (np.zeros((9, 40)), "mel.npy: frames is a float64 array"),
    (np.zeros((0, 40), F32), "mel.npy: has no frames"),
    (np.full((2, 40), np.nan, F32), "mel.npy: frames has infinities or NaN"),
    (np.array([{}], object), "mel.npy: not a NumPy file of one array"),
])  # fmt: skip
def test_frames_that_cannot_be_spoken(folder, capsys, frames, part):
    np.save("mel.npy", frames)
    assert run("speak", "mel.npy", "out.wav") == 1
    assert part in capsys.readouterr().err
    assert not (folder / "out.wav").exists()


def test_files_that_are_none(folder, capsys):
    (folder / "text.npy").write_text("none")
    for name, part in [("no.npy", "no.npy: there is no such file"), ("text.npy", "text.npy: not a NumPy file"),
                       ("mono.wav", "mono.wav: not a NumPy file")]:  # fmt: skip
        assert run("speak", name, "out.wav") == 1
        assert part in capsys.readouterr().err
    assert not (folder / "out.wav").exists()


@pytest.mark.parametrize(("arguments", "model", "status", "part"), [
    (("speak", "mel.npy", "out.wav"), "gain.safetensors", 1, "a Conv1d; it must be a vocoder"),
    (("speak", "mel.npy", "out.wav"), "speech-commands-12", 1, "a AudioClassifier; it must be a vocoder"),
    (("speak", "mel.npy", "mel.npy"), "voice.safetensors", 1, "mel.npy"),
    (("speak", "mel.npy", "out.wav", "--temperature", "-1"), "voice.safetensors", 1, "temperature=-1 must be"),
    (("render", "fast.wav", "out.wav"), "voice.safetensors", 1, "8000"),
    (("render", "mono.wav", "out.wav", "--sr", "16000"), "voice.safetensors", 2, "is 8000"),
    (("render", "mono.wav", "out.wav", "--seed", "1"), "gain.safetensors", 2, "--seed: for vocoders only"),
    (("quantize", "mel.npy", "--out", "small.safetensors"), "voice.safetensors", 1, "a vocoder; wl.quantize"),
])  # fmt: skip
def test_what_does_not_go(folder, capsys, arguments, model, status, part):
    if arguments[0] == "quantize":
        arguments, found = ("quantize", model, *arguments[1:]), None
        found = main(list(arguments))
    else:
        found = run(*arguments, model=model)
    assert part in capsys.readouterr().err
    assert found == status
    assert not (folder / "out.wav").exists()


def test_render_resamples_when_asked(folder):
    assert run("render", "fast.wav", "out.wav", "--resample") == 0
    assert audio.read("out.wav")[1] == 8000


def test_info_and_verify_know_vocoders(folder, capsys):
    assert main(["info", "voice.safetensors"]) == 0
    text = capsys.readouterr().out
    assert "a vocoder" in text
    assert "LogMel(sr=8000" in text
    assert main(["info", "voice.safetensors", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == "Vocoder"
    assert main(["verify", "voice.safetensors", "--partitions", "2"]) == 0
    assert "audio: streams equal the whole bit for bit: 3 partitions" in capsys.readouterr().out


def test_a_vocoder_is_no_classifier(folder, capsys):
    assert main(["classify", "mono.wav", "--model", "voice.safetensors"]) == 1
    assert "a Vocoder; it must be a classifier" in capsys.readouterr().err
