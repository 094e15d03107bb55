"""The example that trains a WaveNet on spoken digits: it writes a network and clips, and says how good they are."""

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
    made = __import__("digit_wavenet")
    small = {"SAMPLES": 240, "SEGMENTS": 16, "VALIDATED": 16, "CLIP_S": 0.05}
    for name, value in small.items():
        monkeypatch.setattr(made, name, value)
    monkeypatch.setattr(made, "network", lambda *, conditional, seed: wl.WaveNet(
        1, 256, residual_channels=4, skip_channels=4, dilations=[1, 2], seed=seed,
        **({"condition_channels": 1, "condition": wl.Sequential(wl.nn.Embedding(120, 3), wl.nn.Upsample(80))}
           if conditional else {})))  # fmt: skip
    yield made
    sys.modules.pop("digit_wavenet", None)


@pytest.fixture
def folder(tmp_path):
    """One speaker, ten digits; the first five recordings of each are the test."""
    (tmp_path / "fsdd" / "recordings").mkdir(parents=True)
    for digit in range(10):
        for index in range(8):
            y = np.full(300 + 10 * index, 0.05 * digit, np.float32)
            audio.write(tmp_path / "fsdd" / "recordings" / f"{digit}_ann_{index}.wav", y, 8000, subtype="PCM_16")
    return tmp_path


@pytest.mark.parametrize("options", [[], ["--unconditional"]])
def test_it_trains_and_speaks(example, folder, capsys, options):
    out = folder / "digits.safetensors"
    arguments = [str(folder / "fsdd"), "--out", str(out), "--epochs", "1", "--clips", "1", "--threads", "1", *options]
    assert example.main(arguments) == 0
    said = capsys.readouterr().out
    assert "bits a sample" in said and ("of 10 generated clips" in said) == (not options)
    assert wl.load(out).condition_channels == (0 if options else 1)
    assert [len(audio.read(folder / f"digit-{digit}.wav")[0]) for digit in range(10)] == [400] * 10


def test_one_speaker_can_be_chosen(example, folder, capsys):
    arguments = [str(folder / "fsdd"), "--out", str(folder / "d.safetensors"), "--epochs", "1", "--clips", "1"]
    assert example.main([*arguments, "--speaker", "ann"]) == 0
    assert example.main([*arguments, "--speaker", "bob"]) == 1
    assert capsys.readouterr().err.endswith("speaker='bob' has no clips; there are ann\n")


def test_a_digit_goes_through_its_parts(example):
    parts = example.parts_of(3, 30).ravel()
    assert parts[0] == 36 and parts[-1] == 47 and set(np.diff(parts)) <= {0, 1}
    assert example.parts_of(0, 1).tolist() == [[0]]


def test_a_folder_that_is_none_is_one_line(example, tmp_path, capsys):
    assert example.main([str(tmp_path / "none")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("digit_wavenet: ") and said.count("\n") == 1


def test_other_labels_are_one_line(example, tmp_path, capsys):
    for label in ("yes", "no"):
        for index in range(8):
            path = tmp_path / "words" / label / f"a{index}_nohash_0.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            audio.write(path, np.full(300, 0.1, np.float32), 8000, subtype="PCM_16")
    assert example.main([str(tmp_path / "words"), "--out", str(tmp_path / "digits.safetensors")]) == 1
    said = capsys.readouterr().err
    assert "has the label no; they must be the digits 0 to 9" in said and said.count("\n") == 1


@pytest.mark.parametrize(("options", "part"), [
    (["--out", "digits"], "--out digits must have an ending"), (["--clips", "0"], "--clips 0 must be at least 1"),
])  # fmt: skip
def test_mistakes_that_would_show_after_the_training(example, capsys, options, part):
    with pytest.raises(SystemExit) as stopped:
        example.main(["fsdd", *options])
    assert stopped.value.code == 2 and part in capsys.readouterr().err
