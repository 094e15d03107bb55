"""Peers in C++ without a package: NAM Core, RTNeural and NeuralAudio, each as a program that is given by its path.

    PROGRAM MODEL BLOCK SECONDS INPUT OUTPUT

MODEL is a ``.nam`` file. The program reads INPUT (raw float32 samples, little-endian), computes it in calls of BLOCK
samples on one thread, writes as many samples to OUTPUT, then repeats the last call for SECONDS (once at least) and
prints the nanoseconds a sample as its last line.
"""

import shutil
import subprocess
import tempfile
import weakref
from pathlib import Path

import numpy as np

from benchmarks.contenders import UnavailableError, program_path
from benchmarks.models import AMP_ARRAYS, AMP_DILATIONS, AMP_KERNEL_SIZE, Network
from benchmarks.peers import nam_file

TOLERANCE = 0.05
"""These programs approximate tanh, some by choice; the table of errors shows by how much."""
TIME_LIMIT_S = 120


class Program:
    """The contender: one program."""

    tolerance = TOLERANCE

    def __init__(self, name: str):
        self._path = program_path(name)
        self.version = f"{name}, {Path(self._path).name}"

    def prepare(self, network: Network, frames: int, *, streaming: bool, clips: int = 1) -> "ProgramRunner":
        if network.key != "A" or not streaming or clips > 1:
            raise UnavailableError("it streams model A only")
        return ProgramRunner(self._path, network, frames)


class ProgramRunner:
    """A program at one block length. A player begins with the state that endless zeros leave, and not with zeros."""

    settles = len(AMP_ARRAYS) * (AMP_KERNEL_SIZE - 1) * sum(AMP_DILATIONS)

    def __init__(self, path: str, network: Network, frames: int):
        self._path = path
        self._frames = frames
        self._place = Path(tempfile.mkdtemp())
        weakref.finalize(self, shutil.rmtree, self._place, ignore_errors=True)
        nam_file.write(network, self._place / "model.nam")
        self._call_s = 0.0

    def render(self, x):
        self._place.joinpath("input.f32").write_bytes(np.ascontiguousarray(x, "<f4").tobytes())
        self._call_s = self._run(0.0)
        return np.fromfile(self._place / "output.f32", "<f4")[:, np.newaxis]

    def seconds(self, calls):
        self._call_s = self._run(calls * self._call_s)
        return self._call_s

    def _run(self, seconds: float) -> float:
        """Seconds of a call, by the program's own clock."""
        files = [str(self._place / name) for name in ("input.f32", "output.f32")]
        model = str(self._place / "model.nam")
        command = [self._path, model, str(self._frames), f"{seconds:.6f}", *files]
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIME_LIMIT_S)
        if run.returncode:
            said = (run.stderr.strip() or run.stdout.strip() or "nothing").splitlines()[-1]
            raise UnavailableError(f"{self._path} ended with status {run.returncode}: {said}")
        try:
            return 1e-9 * float(run.stdout.split()[-1]) * self._frames
        except (ValueError, IndexError):
            raise UnavailableError(f"{self._path} printed {run.stdout[-60:]!r}, not nanoseconds a sample") from None


def open_contender(name: str) -> Program:
    """Return the program of one of `benchmarks.contenders.PROGRAMS`."""
    return Program(name)
