"""Who is measured, and what the harness asks of them.

A contender lives in a process of its own (`benchmarks.worker`), so that one instruction set is chosen once, and no
library's threads, allocator or floating-point flags reach another.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Protocol

import numpy as np

from benchmarks.models import Network


class Runner(Protocol):
    """One network at one block length, with its buffers allocated and its state at the start of a signal."""

    def feed(self, block: np.ndarray) -> np.ndarray:
        """Run one call on (frames, in_channels) float32; returns its (frames, out_channels) as a new array."""

    def run(self, calls: int) -> None:
        """Make `calls` calls on the block fed last: the loop that is timed, with nothing in it but the calls."""


class Contender(Protocol):
    """A library, set to one thread."""

    version: str

    def prepare(self, network: Network, frames: int, *, streaming: bool) -> Runner:
        """Build `network` for calls of `frames` frames: blocks of a stream, or whole signals."""


class UnavailableError(Exception):
    """The contender cannot run here; the text says why."""


PEERS = ("ort plain", "ort fused", "ort conv2d", "ort gemm", "torch eager", "torch jit")
INSTRUCTION_SETS = ("neon", "sse2", "avx2", "avx512")


def is_ours(name: str) -> bool:
    """Whether the contender is wavenetlite."""
    return name.startswith("ours ")


def open_contender(name: str) -> Contender:
    """Import the library behind `name`, a member of `PEERS` or ``"ours <instruction set>"``.

    Raises
    ------
    UnavailableError
        When it is not installed, or this CPU lacks the instruction set.
    """
    library, variant = name.split()
    module = {"ours": "ours", "ort": "peer_onnx", "torch": "peer_torch"}[library]
    try:
        opener: Callable[[str], Contender] = import_module(f"benchmarks.{module}").open_contender
        return opener(variant)
    except ImportError as error:
        raise UnavailableError(f"cannot be imported: {error}") from error
