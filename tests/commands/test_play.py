"""The command play, with a stand-in for the sound system that plays some blocks and is then slow."""

import json
import sys
import threading
from types import SimpleNamespace

import numpy as np
import pytest
from catalogue import randomised

import wavenetlite as wl
from wavenetlite import audio, nn
from wavenetlite.cli import main


class FakeStream:
    """Calls back a few times, in another thread, as soon as it runs; of some blocks it says that they came too late."""

    def __init__(self, *, channels, blocksize, callback, samplerate, device, **options):
        FakeStream.asked = {"samplerate": samplerate, "device": device, "blocksize": blocksize}
        given, made = np.ones((blocksize, channels[0]), np.float32), np.empty((blocksize, channels[1]), np.float32)
        FakeStream.made = made

        def play():
            for number in range(5):
                status = SimpleNamespace(output_underflow=number > 2, input_overflow=number == 4)
                callback(given, made, blocksize, None, status)

        self.thread = threading.Thread(target=play)

    def start(self):
        self.thread.start()

    def close(self):
        self.thread.join()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "sounddevice", SimpleNamespace(Stream=FakeStream))
    randomised(wl.Sequential([nn.Conv1d(1, 3, 4), nn.Tanh(), nn.Conv1d(3, 1, 1)])).save("amp.safetensors")
    audio.write("cabinet.wav", np.full(40, 0.1, np.float32), 48_000, subtype="FLOAT")


def test_it_plays_and_tells_of_losses(folder, capsys):
    assert main(["play", "--model", "amp.safetensors", "--ir", "cabinet.wav", "--input", "3", "--seconds", "0.3",
                 "--json"]) == 0  # fmt: skip
    out, err = capsys.readouterr()
    about = json.loads(out)
    assert (about["underruns"], about["overflows"], about["block"], about["sr"]) == (2, 1, 128, 48_000)
    assert about["seconds"] == 5 * 128 / 48_000
    assert "3 blocks came too late: the machine is too slow" in err
    assert FakeStream.asked == {"samplerate": 48_000, "device": (3, None), "blocksize": 128}
    assert np.isfinite(FakeStream.made).all() and FakeStream.made.any()


def test_in_words(folder, capsys):
    assert main(["play", "--ir", "cabinet.wav", "--block", "32", "--seconds", "0.1"]) == 0
    assert "played: 2 underruns, 1 overflows; the slowest block took" in capsys.readouterr().out


@pytest.mark.parametrize(("arguments", "status", "said"), [
    ([], 2, "needs --model FILE or --ir FILE"),
    (["--model", "amp.safetensors", "--jack", "--block", "64"], 2, "--jack takes JACK's blocks"),
    (["--model", "amp.safetensors", "--ir", "cabinet.wav", "--sr", "44100"], 1, "cabinet.wav"),
    (["--model", "two.safetensors"], 1, "one of each"),
    (["--model", "up.safetensors"], 1, "does not give one frame per sample"),
])  # fmt: skip
def test_errors(folder, capsys, arguments, status, said):
    nn.Conv1d(2, 2, 3).save("two.safetensors")
    nn.ConvTranspose1d(1, 1, 2, stride=2).save("up.safetensors")
    assert main(["play", *arguments, "--seconds", "0.1"]) == status
    assert said in capsys.readouterr().err


def test_an_error_of_the_network_ends_it(folder, capsys, monkeypatch):
    def fail(self, given, made):
        raise wl.ParameterError("it failed")

    monkeypatch.setattr("wavenetlite.commands.play.Player.process", fail)
    assert main(["play", "--model", "amp.safetensors"]) == 1
    assert "it failed" in capsys.readouterr().err
