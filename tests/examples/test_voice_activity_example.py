"""The example that trains and measures a detector of voice activity: what it prints of scenes, and of nothing to do."""

import sys
from pathlib import Path

import numpy as np
import pytest

from wavenetlite import audio

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    yield __import__("voice_activity")
    sys.modules.pop("voice_activity", None)


def test_areas_with_and_without_echoes(example, tmp_path, capsys):
    """Of words that fade away: they count whole, or their first 22 dB."""
    rng = np.random.default_rng(0)
    (tmp_path / "talk").mkdir()
    y = np.zeros(40_000, np.float32)
    y[8000:36_000] = 0.2 * 10 ** (-np.arange(28_000) / 16_000 * 2) * rng.standard_normal(28_000)
    audio.write(tmp_path / "talk" / "a.wav", y, 16_000)
    given = ["--model", "voice-activity", "--measure", str(tmp_path / "talk"), "--scenes", "1"]
    assert example.main(given) == 0
    sure = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in sure] == [f"talk, {snr:4} dB" for snr in (0, 5, 10, 20)]
    assert example.main([*given, "--doubtful"]) == 0
    assert capsys.readouterr().out.splitlines() != sure


def test_nothing_to_do_is_one_line(example, capsys):
    assert example.main([]) == 1
    assert capsys.readouterr().err == (
        "voice_activity: nothing to do: give folders of speech to train on, or --model with --measure\n"
    )


def test_a_folder_without_noise_is_named(example, tmp_path, capsys):
    (tmp_path / "noise").mkdir()
    (tmp_path / "noise" / "a.txt").write_text("wind")
    y = np.random.default_rng(0).standard_normal(16_000).astype(np.float32)
    (tmp_path / "talk").mkdir()
    speech = np.zeros(40_000, np.float32)
    speech[8000:24_000] = 0.1 * y
    audio.write(tmp_path / "talk" / "a.wav", speech, 16_000)
    noise = tmp_path / "noise"
    assert example.main(["--model", "voice-activity", "--measure", str(tmp_path / "talk"), "--noise", str(noise)]) == 1
    assert f"noise={str(noise)!r} has no recording; it must be a folder with some" in capsys.readouterr().err
