"""``python -m benchmarks.pipeline_memory``: what ``wavenetlite features`` holds in memory (Linux).

The largest resident memory of the command for 4,000 and for 40,000 files (`--files`) of a quarter of a second
(`--seconds`), and for one long recording, which is also held against real time.
"""

import argparse
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from time import perf_counter

import numpy as np
import soundfile

from benchmarks.pipeline import SR, clean, features_command

FEW, MANY, SECONDS = 4_000, 40_000, 0.25
LABELS = 10


def memory(folder: Path, count: int, seconds: float) -> float:
    """Largest resident memory for so many files, MB."""
    data = folder / f"{count}"
    write_clips(data, count, int(seconds * SR))
    megabytes, _ = peak(data, folder / f"out {count}")
    shutil.rmtree(data)
    return megabytes


def write_clips(data: Path, count: int, samples: int) -> None:
    rng = np.random.default_rng(0)
    noise = (3000 * rng.standard_normal(1 << 20)).astype(np.int16)
    for label in range(LABELS):
        (data / f"label{label}").mkdir(parents=True)
    for number in range(count):
        at = 17 * number % (len(noise) - SR)
        soundfile.write(data / f"label{number % LABELS}" / f"{number:06}.wav", noise[at : at + samples], SR)


def long(folder: Path, hours: float) -> tuple[float, float]:
    """Largest resident memory for one long recording, MB; and how many times as fast as it is heard it is read."""
    data = folder / "long"
    data.mkdir()
    rng = np.random.default_rng(0)
    noise = (300 * rng.standard_normal(1 << 20)).astype(np.int16)
    with soundfile.SoundFile(data / "long.flac", "w", SR, 1, "PCM_16") as file:
        for _ in range(int(hours * 3600 * SR / len(noise)) + 1):
            file.write(np.roll(noise, int(rng.integers(len(noise)))))
    megabytes, seconds = peak(data, folder / "out long")
    return megabytes, 3600 * hours / seconds


def peak(data: Path, out: Path) -> tuple[float, float]:
    """Largest resident memory of the command, MB, as Linux notes it; and the seconds it took."""
    start, most = perf_counter(), 0
    process = subprocess.Popen(features_command(data, out), env=clean())
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
    parser.add_argument("--hours", type=float, default=10, help="length of the long recording (default 10)")
    parser.add_argument("--files", type=int, default=MANY, help=f"the larger number of files (default {MANY:,})")
    parser.add_argument("--seconds", type=float, default=SECONDS, help=f"length of a file (default {SECONDS})")
    given = parser.parse_args()
    hours = given.hours
    with tempfile.TemporaryDirectory() as name:
        for count in (FEW, given.files):
            print(f"{count:,} files: {memory(Path(name), count, given.seconds):.0f} MB", flush=True)
        megabytes, speed = long(Path(name), hours)
        print(f"{hours:g} hours in one file: {megabytes:.0f} MB, {speed:,.0f} times as fast as real time")


if __name__ == "__main__":
    main()
