"""The bundled corpus of spoken commands, and the example that learns from it."""

import importlib.util
import json
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from places import EXAMPLES

import wavenetlite as wl

DATA = EXAMPLES / "data"
WORDS = ["yes", "no", "up", "down", "left", "right", "stop", "go"]

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the examples are not beside the tests")


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("speech_classifier", EXAMPLES / "speech_classifier.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def corpus():
    return wl.train.read_corpus(DATA)


# ------------------------------------------------------------------------------------------------------------- corpus
def test_corpus_is_whole_and_small(corpus):
    assert corpus.layout == "speech_commands"
    assert set(corpus.labels) == {*WORDS, "_unknown_", "_silence_"}
    assert [line for line in corpus.problems if not line.startswith("recording.flac")] == []
    assert corpus.train.audio.shape[1] == corpus.sr == 16000
    assert all(min(counts) >= 8 for counts in corpus.counts().values())
    assert sum(file.stat().st_size for file in DATA.rglob("*") if file.is_file()) <= 6e6


def test_no_voice_is_heard_in_two_parts(corpus):
    voices = [{name.split("-")[0] for name in part.speakers} for part in (corpus.train, corpus.valid, corpus.test)]
    assert all(voices)
    assert not voices[0] & voices[1] and not voices[0] & voices[2] and not voices[1] & voices[2]


@pytest.mark.slow
def test_clips_hold_a_word_each(corpus):
    for part in (corpus.train, corpus.valid, corpus.test):
        words = part.y != corpus.labels.index("_silence_")
        peaks = np.abs(part.audio).max(axis=1)
        assert peaks.max() < 1
        assert peaks[words].min() > 0.05
        for clip, peak in zip(part.audio[words], peaks[words], strict=True):
            loud = np.flatnonzero(np.abs(clip) > 0.05 * peak)
            assert 0.08 < (loud[-1] - loud[0]) / 16000 < 0.96
    assert len(np.unique(np.concatenate([corpus.train.audio, corpus.test.audio]), axis=0)) == len(corpus.train) + len(
        corpus.test
    )


def test_the_recording_is_silent_where_nothing_is_said():
    y, sr = wl.audio.read(DATA / "recording.flac")
    words = json.loads((DATA / "recording.json").read_text())
    assert sr == 16000 and 20 < len(y) / sr < 30
    assert {word["label"] for word in words} == {*WORDS, "_unknown_"}
    said = np.zeros(len(y), bool)
    for before, word in zip([{"end_s": 0}, *words], words, strict=False):
        assert before["end_s"] + 0.4 < word["start_s"] < word["end_s"] < len(y) / sr
        said[int(word["start_s"] * sr) : int(word["end_s"] * sr)] = True
        assert np.abs(y[int(word["start_s"] * sr) : int(word["end_s"] * sr)]).max() > 0.05
    pauses = ~np.convolve(said, np.ones(2 * 4800 + 1), "same").astype(bool)  # without what a room adds
    assert pauses.mean() > 0.1 and np.abs(y[pauses]).max() < 0.02


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="the program espeak-ng is not installed")
def test_words_are_made_the_same_twice():
    spec = importlib.util.spec_from_file_location("make_commands", EXAMPLES / "make_commands.py")
    maker = importlib.util.module_from_spec(spec)
    sys.modules["make_commands"] = maker
    try:
        spec.loader.exec_module(maker)
    finally:
        del sys.modules["make_commands"]
    speaker = maker.speakers(0)["testing"][0]
    first, again = (maker.clip_of(speaker.says("yes", rng), rng) for rng in map(np.random.default_rng, (1, 1)))
    assert (first == again).all() and first.shape == (16000,)
    assert (first != maker.clip_of(speaker.says("yes", np.random.default_rng(2)), np.random.default_rng(2))).any()


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="the program espeak-ng is not installed")
def test_digits_are_made(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(EXAMPLES)
    maker = importlib.import_module("make_digits")
    try:
        cast = maker.speakers(0)
        assert len({speaker.name for speaker in cast}) == len(cast) > 200
        maker.make_digits(tmp_path, cast[:2], 0)
    finally:
        del sys.modules["make_digits"], sys.modules["make_commands"]
    corpus = wl.train.read_corpus(tmp_path, valid_part=0, test_part=0)
    assert corpus.counts() == {str(digit): (2, 0, 0) for digit in range(10)}
    assert (corpus.sr, corpus.problems) == (8000, [])
    assert set(corpus.train.speakers) == {speaker.name for speaker in cast[:2]}
    peaks = np.abs(corpus.train.audio).max(axis=1)
    assert peaks.min() > 0.03 and peaks.max() < 0.64


# ------------------------------------------------------------------------------------------------------------ example
@pytest.mark.slow
def test_the_example_from_end_to_end(example, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert example.main(["--epochs", "1", "--out", str(tmp_path / "out")]) == 0
    out = capsys.readouterr().out
    assert re.search(r"Test: \d+ of \d+ clips", out) and re.search(r"\d+ of 12 words found, \d+ false alarm", out)
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "commands.safetensors", "confusion.png", "detections.png", "training.png", "training",
    }  # fmt: skip
    assert set(wl.load(tmp_path / "out" / "commands.safetensors").labels) == {*WORDS, "_unknown_", "_silence_"}
    assert example.main(["--epochs", "1", "--out", str(tmp_path / "out"), "--resume"]) == 0  # nothing is left to train
    again = capsys.readouterr().out
    assert re.findall(r"Test: \d+", again) == re.findall(r"Test: \d+", out)


@pytest.mark.slow
def test_two_words_and_no_figures(example, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    assert example.main(["--words", "yes,no", "--epochs", "1", "--out", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "no figures: a figure needs the package matplotlib" in out
    assert wl.load(tmp_path / "commands.safetensors").labels == ["yes", "no", "_silence_", "_unknown_"]
    assert not list(tmp_path.glob("*.png"))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--data", "nowhere"], "there is no such folder"),
        (["--words", "yes,banana"], "banana"),
        (["--epochs", "-1"], "epochs=-1"),
    ],
)
def test_mistakes_are_one_line(example, tmp_path, capsys, arguments, text):
    assert example.main([*arguments, "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err.strip().split("\n")[-1]
    assert error.startswith("speech_classifier: ") and text in error


@pytest.mark.parametrize("truth", ["{", "[1]", '[{"start_s": 1}]', "5"])
def test_a_bad_file_of_times_is_one_line(example, tmp_path, truth):
    (tmp_path / "a.json").write_text(truth)
    with pytest.raises(wl.ParameterError, match="must be a list of label, start_s, end_s") as caught:
        example.read_truth(tmp_path / "a.json", ["yes"])
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_ctrl_c_leaves_a_checkpoint_and_says_how_to_go_on(tmp_path):
    out = tmp_path / "out"
    command = [sys.executable, str(EXAMPLES / "speech_classifier.py"), "--epochs", "500", "--out", str(out)]
    code = f"import runpy, sys; sys.path[:] = {sys.path!r}; sys.argv = {command[1:]!r}"
    code += "; runpy.run_path(sys.argv[0], run_name='__main__')"
    process = subprocess.Popen(
        [sys.executable, "-c", code], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    try:
        while not (out / "training" / "network" / "history.jsonl").exists() and process.poll() is None:
            time.sleep(0.1)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130
    assert "--resume resumes" in error and "Traceback" not in error
