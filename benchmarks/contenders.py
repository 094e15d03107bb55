"""Who is measured, and what the harness asks of them.

A contender lives in a process of its own (`benchmarks.worker`), so that one instruction set is chosen once, and no
library's threads, allocator or floating-point flags reach another.
"""

import importlib.util
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol

import numpy as np

from benchmarks.models import Network

TOLERANCE = 1e-4
"""Largest difference to the float64 value, in units of that value's largest magnitude, of a contender in float32."""
INT8_TOLERANCE = 0.25
"""Weights that were drawn and not trained quantise badly; what comes out is shown in the table of errors."""
INSTRUCTION_SETS = ("neon", "generic", "sse2", "avx2", "avx512", "vnni")
"""Ours, the best one of an architecture last."""


class Runner(Protocol):
    """One network at one length of a call, with its buffers allocated and its state at the start of a signal."""

    settles: int
    """Frames at the start of a signal that need not agree: the state before it is not zero."""

    def render(self, x: np.ndarray) -> np.ndarray:
        """Output for (frames, in_channels) float32, called with a block of the prepared length at a time.

        With several clips a call, the input of one call, (clips, frames, in_channels).
        """

    def seconds(self, calls: int) -> float:
        """Seconds of a call, over a loop of `calls` calls with nothing else in it."""


class Calls:
    """The runner of a library that is called from Python; adapters give `feed` and `run`."""

    settles = 0

    def __init__(self, frames: int, clips: int = 1):
        self.frames = frames
        self.clips = clips

    def feed(self, block: np.ndarray) -> np.ndarray:
        """Run one call on (frames, in_channels) float32; returns its (frames, out_channels) as a new array.

        With several clips a call both have a first axis of them.
        """
        raise NotImplementedError

    def run(self, calls: int) -> None:
        """Make `calls` calls on the block fed last: the loop that is timed, with nothing in it but the calls."""
        raise NotImplementedError

    def render(self, x: np.ndarray) -> np.ndarray:
        if x.ndim == 3:
            return self.feed(x)
        return np.concatenate([self.feed(x[start : start + self.frames]) for start in range(0, len(x), self.frames)])

    def seconds(self, calls: int) -> float:
        start = time.perf_counter()
        self.run(calls)
        return (time.perf_counter() - start) / calls


class Contender(Protocol):
    """A library, set to one thread."""

    version: str
    tolerance: float

    def prepare(self, network: Network, frames: int, *, streaming: bool, clips: int = 1) -> Runner:
        """Build `network` for calls of `frames` frames: blocks of a stream, or whole signals, `clips` a call."""


class UnavailableError(Exception):
    """The contender cannot run here, or not this network; the text says why."""


@dataclass(frozen=True)
class Library:
    """A peer's module in `benchmarks.peers`, what that imports, and the ways in which it is measured."""

    module: str
    imports: tuple[str, ...]
    pip: str
    ways: tuple[str, ...]

    def missing(self) -> str | None:
        """Why it cannot be measured, None when everything is installed."""
        absent = [name for name in self.imports if importlib.util.find_spec(name) is None]
        return f"{' and '.join(absent)} not installed: pip install {self.pip}" if absent else None


LIBRARIES = {
    "ort": Library(
        "onnx_runtime", ("onnx", "onnxruntime"), "onnx onnxruntime", ("plain", "fused", "conv2d", "gemm", "int8")
    ),
    "openvino": Library(
        "openvino", ("openvino", "onnx", "onnxruntime"), "openvino onnx onnxruntime", ("fp32", "bf16", "int8")
    ),
    "executorch": Library("executorch", ("executorch", "torch"), "executorch torch==2.13.0", ("fp32",)),
    "mnn": Library("mnn", ("MNN", "onnx"), "MNN onnx", ("fp32",)),
    "ncnn": Library("ncnn", ("ncnn",), "ncnn", ("fp32",)),
    "torch": Library("pytorch", ("torch",), "torch==2.13.0", ("eager", "jit")),
}
PROGRAMS = ("nam-core", "rtneural", "neuralaudio")
"""Peers without a package: their programs are given by path (`benchmarks.peers.program`)."""
PEERS = (*(f"{name} {way}" for name, library in LIBRARIES.items() for way in library.ways), *PROGRAMS)


def variable(program: str) -> str:
    """The environment variable that holds the path of a peer's program."""
    return f"BENCHMARK_{program.upper().replace('-', '_')}"


def program_path(name: str) -> str:
    """The path of a peer's program.

    Raises
    ------
    UnavailableError
        None was given, or it is not a program.
    """
    path = os.environ.get(variable(name))
    if not path:
        raise UnavailableError(f"no program given: --program {name}=PATH or {variable(name)} (benchmarks/README.md)")
    if not shutil.which(path):
        raise UnavailableError(f"{path} is not a program that can be run")
    return path


def is_ours(name: str) -> bool:
    """Whether the contender is wavenetlite."""
    return name.split()[0] == "ours"


def missing(name: str) -> str | None:
    """Why a contender cannot be measured, as far as that shows without starting it."""
    library = LIBRARIES.get(name.split()[0])
    return library.missing() if library else None


def open_contender(name: str) -> Contender:
    """Import the library behind `name`, a member of `PEERS` or ``"ours <instruction set>"``.

    Raises
    ------
    UnavailableError
        When it is not installed, or this CPU lacks the instruction set.
    """
    library, _, way = name.partition(" ")
    if library == "ours":
        module = "benchmarks.ours"
    else:
        module = f"benchmarks.peers.{LIBRARIES[library].module if library in LIBRARIES else 'program'}"
    try:
        opener: Callable[[str], Contender] = import_module(module).open_contender
        return opener(way or library)
    except ImportError as error:
        raise UnavailableError(f"cannot be imported: {error}") from error
