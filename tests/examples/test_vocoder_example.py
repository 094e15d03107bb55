"""The example that trains the bundled vocoder: whom it leaves out, and what it says of a folder that is none."""

import sys
from pathlib import Path

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite import audio

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    yield __import__("vocoder")
    sys.modules.pop("vocoder", None)


def digits(folder):
    """Two speakers, three digits, and clips of which the first five are the test."""
    (folder / "recordings").mkdir(parents=True)
    for number, who in enumerate(("ann", "bob")):
        for digit in range(3):
            for index in range(8):
                y = np.full(400 + 10 * index, 0.1 + 0.1 * number, np.float32)
                audio.write(folder / "recordings" / f"{digit}_{who}_{index}.wav", y, 8000, subtype="PCM_16")
    return folder


def test_a_speaker_is_left_out(example, tmp_path):
    corpus = wl.train.read_corpus(digits(tmp_path / "fsdd"), clip_s=None)
    kept = example.others(corpus.train, "bob")
    assert kept
    assert {round(float(y[0]), 1) for y in kept} == {0.1}
    assert {round(float(y[0]), 1) for y in example.others(corpus.train, "ann")} == {0.2}


def test_it_trains_and_writes_a_vocoder(example, tmp_path, monkeypatch, capsys):
    small = wl.recipes.VocoderRecipe(channels=4, blocks=1, frames=16, batch_size=4, speeds=(0.9, 1.1, 1))
    monkeypatch.setattr(example, "VocoderRecipe", lambda: small)
    out = tmp_path / "voice.safetensors"
    assert example.main([str(digits(tmp_path / "fsdd")), "--out", str(out), "--leave-out", "bob", "--epochs", "1"]) == 0
    made = wl.load(out)
    assert isinstance(made, wl.Vocoder)
    assert made.info["name"] == "voice"
    assert made.info["data"].endswith("without the speaker bob")
    assert "CC BY-SA 4.0" in made.info["licence"]
    assert "written" in capsys.readouterr().out


def test_a_folder_that_is_none_is_one_line(example, tmp_path, capsys):
    assert example.main([str(tmp_path / "none")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("vocoder: ")
    assert said.count("\n") == 1
