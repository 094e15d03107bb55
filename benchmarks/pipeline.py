"""``python -m benchmarks.pipeline``: a corpus to log-mel features, beside librosa, scipy, Kaldi's features and lhotse.

40 mels, n_fft 512, hop 160. The corpus is made for it: clips of a second at 16 kHz, FLAC, in folders of their labels;
or it is the folder that ``BENCHMARK_CORPUS`` names.

- Once everything is imported. Ours: shards, index, hashes, moments, errors, all on the disk. librosa, scipy and
  kaldi-native-fbank: a pool of processes written by hand, each decoding and writing a .npy for each 128 clips. lhotse:
  its manifests and its own pool. The definitions differ, only the time is compared. All use every core that the
  process may run on (`benchmarks.pipeline_peers`).
- ``wavenetlite features`` as a person runs it, start of the interpreter included; and once more, nothing changed.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import atexit
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np
import soundfile

import wavenetlite as wl
from benchmarks import side_by_side
from benchmarks.contenders import Library
from benchmarks.pipeline_peers import (
    HOP,
    MELS,
    N_FFT,
    SR,
    by_lhotse,
    kaldi_frames,
    librosa_frames,
    pooled,
    scipy_frames,
)
from benchmarks.side_by_side import Call, Case, Section
from wavenetlite.pipeline import extract, listed

SPEC = wl.LogMel(sr=SR, n_fft=N_FFT, hop_length=HOP, n_mels=MELS)
CLIPS, LABELS = 400, 10
OURS = f"ours {wl.isa()}"
POOLS = {"librosa": librosa_frames, "scipy": scipy_frames, "kaldi-native-fbank": kaldi_frames}
LIBRARIES = {
    name: Library("", (name.replace("-", "_"),), name, ())
    for name in ("librosa", "scipy", "kaldi-native-fbank", "lhotse")
}


def section() -> Section:
    """The corpus by everybody who is installed; the command, alone."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    place = Path(folder.name)
    data = Path(os.environ.get("BENCHMARK_CORPUS", place / "data"))
    if "BENCHMARK_CORPUS" not in os.environ:
        write_corpus(data)
    paths = [entry.path for entry in listed(data).entries]
    extraction: dict[str, Call] = {
        OURS: lambda: ours(data, place / "ours"),
        **{name: partial(pooled, work, paths, place / name) for name, work in POOLS.items()},
        "lhotse": lambda: by_lhotse(paths, place / "lhotse"),
    }
    missing = {name: reason for name, library in LIBRARIES.items() if (reason := library.missing())}
    versions = {name: f"{name} {version(name)}" for name in LIBRARIES if name not in missing}
    for name in POOLS.keys() - missing.keys():
        POOLS[name](paths[:2])  # imports what it needs, before the processes are forked
    cases = [
        Case("a corpus to features", {name: call for name, call in extraction.items() if name not in missing}),
        Case("the command, first run", {OURS: lambda: command(data, place / "first", new=True)}),
        Case("the command, nothing changed", {OURS: lambda: command(data, place / "again", new=False)}),
    ]
    cases = [Case(case.name, case.calls, "a clip", len(paths), clock=perf_counter) for case in cases]
    return Section(
        "pipeline", f"Pipeline: {len(paths):,} clips of a second to log-mel features", cases, versions, missing
    )


def write_corpus(data: Path) -> None:
    """Decaying harmonics of another pitch in every clip, in a little noise: FLAC takes it for something like speech."""
    rng = np.random.default_rng(0)
    seconds = np.arange(SR) / SR
    for number in range(CLIPS):
        folder = data / f"label{number % LABELS}"
        folder.mkdir(parents=True, exist_ok=True)
        pitch, decay = rng.uniform(80, 300), rng.uniform(2, 8)
        voice = sum(np.sin(2 * np.pi * pitch * n * seconds) / n for n in range(1, 13)) * np.exp(-decay * seconds)
        y = 0.1 * voice + 0.002 * rng.standard_normal(SR)
        soundfile.write(folder / f"{number:05}.flac", y.astype(np.float32), SR)


def ours(data: Path, out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    extract(data, out, features=SPEC)


def command(data: Path, out: Path, *, new: bool) -> None:
    """Run ``wavenetlite features``, into a folder that is new or that holds the features already."""
    if new:
        shutil.rmtree(out, ignore_errors=True)
    subprocess.run(features_command(data, out), check=True, env=clean())


def features_command(data: Path, out: Path) -> list[str]:
    return [sys.executable, "-m", "wavenetlite", "features", str(data), str(out), "--quiet"]


def clean() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


if __name__ == "__main__":
    side_by_side.main(section, __doc__, rounds=7)
