"""``python -m benchmarks.pipeline``: a corpus to log-mel features, beside librosa and kaldi-native-fbank.

40 mels, n_fft 512, hop 160. The corpus is made for it: clips of a second at 16 kHz, FLAC, in folders of their labels.

- Once everything is imported. Ours: shards, index, hashes, moments, errors, all on the disk. librosa: a plain loop,
  ``librosa.load``, ``melspectrogram``, ``power_to_db``, one process, nothing written. kaldi-native-fbank: a pool of
  processes, each decoding with soundfile and writing a .npy for each 128 clips. Its definition differs, only its time
  is compared. Ours and kaldi's use every core that the process may run on, librosa's one.
- ``wavenetlite features`` as a person runs it, start of the interpreter included; and once more, nothing changed.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import atexit
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from time import perf_counter

import numpy as np
import soundfile

import wavenetlite as wl
from benchmarks import side_by_side
from benchmarks.contenders import Library
from benchmarks.side_by_side import Call, Case, Section
from wavenetlite.pipeline import extract, listed

SR, N_FFT, HOP, MELS = 16000, 512, 160, 40
SPEC = wl.LogMel(sr=SR, n_fft=N_FFT, hop_length=HOP, n_mels=MELS)
CLIPS, LABELS = 400, 10
KALDI_CHUNK = 128
WORKERS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
OURS, LIBROSA, KALDI = f"ours {wl.isa()}", "librosa", "kaldi-native-fbank"
LIBRARIES = {
    LIBROSA: Library("", ("librosa",), "librosa", ()),
    KALDI: Library("", ("kaldi_native_fbank",), "kaldi-native-fbank", ()),
}


def section() -> Section:
    """The corpus by everybody who is installed; the command, alone."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    data, place = Path(folder.name, "data"), Path(folder.name)
    write_corpus(data)
    paths = [entry.path for entry in listed(data).entries]
    extraction: dict[str, Call] = {
        OURS: lambda: ours(data, place / "ours"),
        LIBROSA: lambda: by_librosa(paths),
        KALDI: lambda: by_kaldi(paths, place / "kaldi"),
    }
    missing = {name: reason for name, library in LIBRARIES.items() if (reason := library.missing())}
    versions = {name: f"{name} {version(name)}" for name in LIBRARIES if name not in missing}
    cases = [
        Case("a corpus to features", {name: call for name, call in extraction.items() if name not in missing}),
        Case("the command, first run", {OURS: lambda: command(data, place / "first", new=True)}),
        Case("the command, nothing changed", {OURS: lambda: command(data, place / "again", new=False)}),
    ]
    cases = [Case(case.name, case.calls, "a clip", CLIPS, clock=perf_counter) for case in cases]
    return Section("pipeline", f"Pipeline: {CLIPS} clips of a second to log-mel features", cases, versions, missing)


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


def by_librosa(paths: list[str]) -> None:
    import librosa

    for path in paths:
        y, sr = librosa.load(path, sr=None)
        energies = librosa.feature.melspectrogram(y=y, sr=sr, n_fft=N_FFT, hop_length=HOP, n_mels=MELS, center=False)
        librosa.power_to_db(energies, top_db=None)


def by_kaldi(paths: list[str], out: Path) -> None:
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    chunks = [(paths[at : at + KALDI_CHUNK], str(out / f"{at}.npy")) for at in range(0, len(paths), KALDI_CHUNK)]
    with multiprocessing.get_context("fork").Pool(WORKERS) as pool:
        pool.map(kaldi_chunk, chunks, chunksize=1)


def kaldi_chunk(chunk: tuple[list[str], str]) -> None:
    import kaldi_native_fbank as knf

    options = knf.FbankOptions()
    options.frame_opts.samp_freq = SR
    options.frame_opts.frame_length_ms = 1000 * N_FFT / SR
    options.frame_opts.frame_shift_ms = 1000 * HOP / SR
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = MELS
    frames = []
    for path in chunk[0]:
        y, _ = soundfile.read(path, dtype="float32")
        fbank = knf.OnlineFbank(options)
        fbank.accept_waveform(SR, y.tolist())
        fbank.input_finished()
        frames += [fbank.get_frame(frame) for frame in range(fbank.num_frames_ready)]
    np.save(chunk[1], np.array(frames, np.float32))


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
