"""A command refuses to write over what it reads, or where no file can be, before it works."""

import os

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.cli import main

pytest.importorskip("librosa")


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for label in ("yes", "no"):
        for number in range(4):
            path = tmp_path / "data" / label / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            wl.audio.write(path, np.full(8000, 0.1, np.float32), 8000)
    wl.Sequential([wl.nn.Conv1d(1, 1, 3)]).save("net.safetensors")
    wl.AudioClassifier(wl.LogMel(sr=8000), wl.TCN(40, 2, channels=4, dilations=[1]), ["no", "yes"]).save(
        "clf.safetensors"
    )
    (tmp_path / "soft.png").symlink_to("clf.safetensors")
    (tmp_path / "clip.png").symlink_to("data/yes/1.wav")
    (tmp_path / "hard.py").hardlink_to("net.safetensors")
    (tmp_path / "hard.wav").hardlink_to("data/yes/1.wav")
    os.mkfifo("pipe.wav")
    return tmp_path


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


SAME = {
    "convert in place": "convert net.safetensors net.safetensors",
    "convert to a hard link": "convert net.safetensors hard.py",
    "render in place": "render data/yes/1.wav data/yes/1.wav --model net.safetensors",
    "render to a hard link": "render data/yes/1.wav hard.wav --model net.safetensors",
    "render over the model": "render data/yes/1.wav net.safetensors --model net.safetensors",
    "a figure over the model": "evaluate clf.safetensors data --figure soft.png",
    "a figure over a clip": "evaluate clf.safetensors data --figure clip.png",
    "a tree over the model": "info clf.safetensors --plot soft.png",
    "a sheet over a clip": "features data set --plot clip.png",
}


@pytest.mark.parametrize("name", SAME)
def test_not_over_an_input(folder, capsys, name):
    before = contents(folder)
    assert main(SAME[name].split()) == 1
    error = capsys.readouterr().err
    assert "is the same file as the input" in error and error.count("\n") == 1
    assert contents(folder) == before


SPECIAL = {
    "convert net.safetensors data": "OUT='data' is a directory",
    "render data/yes/1.wav pipe.wav --model net.safetensors": "OUT='pipe.wav' is a FIFO",
    "features data set --npz /dev/null": "--npz='/dev/null' is a device",
    "train data --out out": "out/metrics.json' is a directory",
}


@pytest.mark.parametrize("command", SPECIAL)
def test_only_where_a_file_can_be(folder, capsys, command):
    (folder / "out" / "metrics.json").mkdir(parents=True)
    before = contents(folder)
    assert main(command.split()) == 1
    error = capsys.readouterr().err
    assert SPECIAL[command] + "; it must be a regular file, or a free name" in error
    assert contents(folder) == before


def test_results_beside_their_data_are_replaced(folder):
    pytest.importorskip("matplotlib")
    for _ in range(2):
        assert main(["info", "clf.safetensors", "--plot", "data/tree.png"]) == 0
        assert main(["evaluate", "clf.safetensors", "data", "--split", "all", "--figure", "data/confusion.png"]) == 0
