"""``python -m benchmarks.pipeline DATA``: a corpus to log-mel features, beside librosa and kaldi-native-fbank.

40 mels, n_fft 512, hop 160, the corpus's rate (16 kHz). What is measured:

- `command`: ``wavenetlite features DATA OUT`` as a person runs it, start of the interpreter included; then once more,
  with nothing changed.
- `running`: clips a second once everything is imported. Ours: shards, index, hashes, moments, errors, all on the disk.
  librosa: a plain loop, ``librosa.load``, ``melspectrogram``, ``power_to_db``, one process, nothing written.
  kaldi-native-fbank: a pool of processes, each decoding with soundfile and writing a .npy for each 128 clips. A round
  times each contender once; reported are medians, and the median of the rounds' ratios to ours. Where others use the
  machine, the CPU time says more: ours is spread over all CPUs, as kaldi's is, librosa's is not.
- `memory`: the largest resident memory of the command for 4,000 and for 40,000 files of a quarter of a second.
- `long`: the same for one recording of ten hours.

kaldi-native-fbank is used where it is installed; its definition differs, only its time is compared.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import argparse
import importlib.util
import json
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
import soundfile

import wavenetlite as wl
from wavenetlite.pipeline import extract, listed

N_FFT, HOP, MELS = 512, 160, 40
LIBROSA_CLIPS = 400
KALDI_CHUNK = 128
WORKERS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
SR = 16000

WHAT = ["command", "running", "memory", "long"]
Result = dict[str, float]


# The command


def command(data: Path, folder: Path) -> Result:
    """Seconds of a first run and of a second, with nothing changed; and what the processors did for each."""
    out = folder / "command"
    result = {}
    for name in ("first run", "second run"):
        before, start = os.times(), perf_counter()
        subprocess.run(
            [sys.executable, "-m", "wavenetlite", "features", str(data), str(out), "--quiet"], check=True, env=clean()
        )
        after = os.times()
        result[f"{name}, s"] = perf_counter() - start
        result[f"{name}, s of CPU"] = sum(after[2:4]) - sum(before[2:4])
    return result


def clean() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


# Clips per second


def running(data: Path, folder: Path, rounds: int) -> Result:
    entries = listed(data).entries
    paths = [entry.path for entry in entries]
    contenders: dict[str, tuple[Callable[[], object], int]] = {
        "wavenetlite": (lambda: ours(data, folder / "ours"), len(paths)),
        "librosa": (lambda: by_librosa(paths[:LIBROSA_CLIPS]), min(len(paths), LIBROSA_CLIPS)),
    }
    if importlib.util.find_spec("kaldi_native_fbank"):
        contenders["kaldi-native-fbank"] = (lambda: by_kaldi(paths, folder / "kaldi"), len(paths))
    else:
        print("kaldi_native_fbank is not installed: left out")
    by_librosa(paths[:5])  # compiles
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    work: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, (call, clips) in contenders.items():
            before, start = os.times(), perf_counter()
            call()
            rates[name].append(clips / (perf_counter() - start))
            work[name].append(1000 * (sum(os.times()[:4]) - sum(before[:4])) / clips)
    result = {f"{name}, clips per second": median(values) for name, values in rates.items()}
    result |= {f"{name}, ms of CPU a clip": median(values) for name, values in work.items()}
    for name in list(contenders)[1:]:
        ratios = [mine / theirs for mine, theirs in zip(rates["wavenetlite"], rates[name], strict=True)]
        result[f"wavenetlite over {name}"] = median(ratios)
    return result


SPEC = wl.LogMel(sr=SR, n_fft=N_FFT, hop_length=HOP, n_mels=MELS)


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


# Memory


def memory(folder: Path) -> Result:
    """Largest resident memory, MB, for few and for many files."""
    result = {}
    for count in (4_000, 40_000):
        data = folder / f"{count}"
        write_clips(data, count)
        result[f"{count:,} files, MB"], _ = peak(data, folder / f"out {count}")
        shutil.rmtree(data)
    return result


def write_clips(data: Path, count: int) -> None:
    rng = np.random.default_rng(0)
    noise = (3000 * rng.standard_normal(1 << 20)).astype(np.int16)
    for label in range(10):
        (data / f"label{label}").mkdir(parents=True)
    for number in range(count):
        at = 17 * number % (len(noise) - SR)
        soundfile.write(data / f"label{number % 10}" / f"{number:06}.wav", noise[at : at + SR // 4], SR)


def long(folder: Path, hours: float) -> Result:
    """The same for one long recording; and how many times as fast as it is heard it is read."""
    data = folder / "long"
    data.mkdir()
    rng = np.random.default_rng(0)
    noise = (300 * rng.standard_normal(1 << 20)).astype(np.int16)
    with soundfile.SoundFile(data / "long.flac", "w", SR, 1, "PCM_16") as file:
        for _ in range(int(hours * 3600 * SR / len(noise)) + 1):
            file.write(np.roll(noise, int(rng.integers(len(noise)))))
    megabytes, seconds = peak(data, folder / "out long")
    return {f"{hours:g} hours, MB": megabytes, f"{hours:g} hours, times real time": 3600 * hours / seconds}


def peak(data: Path, out: Path) -> tuple[float, float]:
    """Largest resident memory of the command, MB, as Linux notes it; and the seconds it took."""
    start, most = perf_counter(), 0
    process = subprocess.Popen(
        [sys.executable, "-m", "wavenetlite", "features", str(data), str(out), "--quiet"], env=clean()
    )
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except OSError:
            break
        found = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
        most = max([most, *found])
        time.sleep(0.05)
    if process.wait():
        raise SystemExit("the command failed")
    return most / 1024, perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder of clips, such as Speech Commands")
    parser.add_argument("--what", nargs="+", choices=WHAT, default=WHAT, help="what to measure (default: all)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of `running` (default 5)")
    parser.add_argument("--hours", type=float, default=10, help="length of the long recording (default 10)")
    parser.add_argument("--json", metavar="FILE", help="write the results to a file as well")
    arguments = parser.parse_args()
    results: dict[str, Result] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts: dict[str, Callable[[], Result]] = {
            "command": lambda: command(arguments.data, folder),
            "running": lambda: running(arguments.data, folder, arguments.rounds),
            "memory": lambda: memory(folder),
            "long": lambda: long(folder, arguments.hours),
        }
        for what in arguments.what:
            results[what] = parts[what]()
            for name, value in results[what].items():
                print(f"{what:8} {name:44}{value:12.2f}", flush=True)
    if arguments.json:
        with open(arguments.json, "w") as file:  # noqa: PTH123
            json.dump(results, file, indent=1)


if __name__ == "__main__":
    main()
