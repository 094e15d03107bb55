"""Adapters: what they are given is the network, and a program of one's own is driven as described."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import wavenetlite as wl

WHY = "the benchmarks do not lie beside the tests"
contenders, log_mel, models, nam_file, program, reference = (
    pytest.importorskip(f"benchmarks.{name}", reason=WHY)
    for name in ("contenders", "log_mel", "models", "peers.nam_file", "peers.program", "reference")
)
ROOT = Path(__file__).parents[2]

PLAYER = """#!{python}
import sys
import numpy as np
sys.path.insert(0, {root!r})
import wavenetlite as wl
model, block, seconds, given, made = sys.argv[1:]
x = np.fromfile(given, "<f4")
y = wl.load(model)(x[:, np.newaxis])[:, 0]
(y * {factor}).astype("<f4").tofile(made)
print("{said}")
"""


@pytest.fixture
def player(tmp_path, monkeypatch):
    """Makes a program that plays a model with wavenetlite itself, and gives its path."""

    def make(factor=1.0, said="250.0", name="nam-core"):
        path = tmp_path / "player"
        path.write_text(PLAYER.format(python=sys.executable, root=str(ROOT), factor=factor, said=said))
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv(contenders.variable(name), str(path))
        return contenders.open_contender(name)

    return make


def test_the_file_of_model_a_is_model_a(tmp_path):
    network = models.amp_modeler()
    nam_file.write(network, tmp_path / "a.nam")
    model = wl.load(tmp_path / "a.nam", prewarm=False)
    expected = reference.expected(network, 300)
    assert np.abs(model(models.signal(network, 300)) - expected).max() < 1e-5 * np.abs(expected).max()
    assert model.sr == nam_file.SR


def test_a_program_is_checked_and_its_nanoseconds_are_taken(player):
    network = models.amp_modeler()
    runner = player().prepare(network, 64, streaming=True)
    x = models.signal(network, 64 * 80)
    y, expected = runner.render(x), reference.expected(network, len(x))
    assert y.shape == expected.shape
    assert np.abs(y - expected)[runner.settles :].max() < 1e-5 * np.abs(expected).max()
    assert runner.settles == 4092  # what A looks back on
    assert runner.seconds(100) == pytest.approx(64 * 250e-9)


def test_a_program_of_another_network_or_with_another_answer_is_refused(player):
    with pytest.raises(contenders.UnavailableError, match="streams model A only"):
        player().prepare(models.keyword_tcn(), 1, streaming=True)
    with pytest.raises(contenders.UnavailableError, match="streams model A only"):
        player().prepare(models.amp_modeler(), 100, streaming=False)
    runner = player(said="done").prepare(models.amp_modeler(), 64, streaming=True)
    with pytest.raises(contenders.UnavailableError, match=r"printed 'done.n', not nanoseconds a sample"):
        runner.render(np.zeros((64, 1), np.float32))


def test_a_program_that_fails_is_named_with_what_it_said(player, tmp_path):
    runner = player().prepare(models.amp_modeler(), 64, streaming=True)
    (tmp_path / "player").write_text("#!/bin/sh\necho no such model >&2\nexit 3\n")
    with pytest.raises(contenders.UnavailableError, match="player ended with status 3: no such model"):
        runner.render(np.zeros((64, 1), np.float32))


@pytest.mark.parametrize("path", [None, "", "/no/such/program"])
def test_without_a_program_the_reason_is_given(monkeypatch, path):
    monkeypatch.delenv("BENCHMARK_RTNEURAL", raising=False)
    if path is not None:
        monkeypatch.setenv("BENCHMARK_RTNEURAL", path)
    with pytest.raises(contenders.UnavailableError, match=r"--program rtneural=PATH|not a program that can be run"):
        contenders.open_contender("rtneural")


def test_a_wrong_program_is_found_out_by_the_command(player, tmp_path):
    """The whole way: the program's output is wrong by a tenth, so it is not timed and the status is 1."""
    player(factor=1.1)
    command = [sys.executable, "-m", "benchmarks", "--quick", "--models", "A", "--blocks", "64", "--whole", "--batches"]
    choice = ["--peers", "nam-core", "--isa", wl.isa(), "--json", str(tmp_path / "out" / "results.json")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([*command, *choice], env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "nam-core: not measured: wrong output: differs by" in done.stdout
    found = pytest.importorskip("benchmarks.results", reason=WHY).load(tmp_path / "out" / "results.json")
    ours, theirs = found.section("A")
    assert len(ours.seconds) == 3 and ours.error < 1e-5
    assert theirs.contender == "nam-core" and theirs.seconds == []


def test_a_front_end_without_a_stream_is_given_whole_frames():
    y = np.arange(log_mel.HOP * 8, dtype=np.float32)
    kept = log_mel.Kept(lambda frame: frame.copy())
    found = [frame for chunk in y.reshape(-1, log_mel.HOP) for frame in kept([chunk])]
    assert np.array_equal(found, log_mel.frames(y)[: len(found)]) and len(found) == 5


def test_the_definition_that_front_ends_are_checked_against_is_ours():
    spec = wl.LogMel(sr=log_mel.SR, n_fft=log_mel.N_FFT, hop_length=log_mel.HOP, n_mels=log_mel.MELS)
    y = np.random.default_rng(0).standard_normal(3000).astype(np.float32)
    expected = log_mel.decibels(spec.padded_window(), spec.mel_basis())(y)
    assert np.abs(spec(y) - expected).max() < 1e-4
