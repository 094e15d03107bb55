"""The process of one contender: it answers requests over a pipe, one at a time, and sleeps in between."""

import multiprocessing
import signal
import time
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

CHECK_FRAMES = 1100
"""Frames streamed before a contender is trusted: enough that the longest dilation reads what a cache has kept."""
TOLERANCE = 1e-4
"""Largest difference to the float64 value, in units of that value's largest magnitude."""


class WorkerError(Exception):
    """A request to a contender failed; the text is one line."""


class WrongOutputError(Exception):
    """A contender's output is not the network's."""


class Worker:
    """The parent's handle to a contender's process."""

    def __init__(self, name: str):
        self.name = name
        # a fresh interpreter: the parent's imports and WAVENETLITE_ISA must not be inherited
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, name), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, request: str, *arguments: Any) -> Any:
        """Send a request, a method of `_Bench`, and wait for the answer.

        Raises
        ------
        WorkerError
            The request failed in the process, or the process ended.
        """
        try:
            self._pipe.send((request, arguments))
            answer = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise WorkerError(f"{self.name}: its process ended") from error
        if isinstance(answer, _Failure):
            raise WorkerError(answer.reason)
        return answer

    def close(self) -> None:
        """End the process."""
        self._pipe.close()
        self._process.join(timeout=5)
        if self._process.is_alive():
            self._process.kill()


@dataclass
class _Failure:
    reason: str


class _Bench:
    """The worker's side: the contender and the case it is prepared for."""

    def __init__(self, name: str):
        from benchmarks.contenders import open_contender

        self._contender = open_contender(name)
        self._runner: Any = None
        self._calls = 1

    def version(self) -> str:
        return self._contender.version

    def peak(self, seconds: float) -> float | None:
        """FMA peak in GFLOP/s, None when the contender cannot measure it."""
        measure = getattr(self._contender, "fma_peak", None)
        return measure(seconds) if measure else None

    def prepare(self, key: str, frames: int, streaming: bool) -> float:
        """Build a case and check its output; returns the largest difference to the float64 value over its scale."""
        from benchmarks.models import NETWORKS

        self._runner = None  # frees the buffers of the case before
        network = NETWORKS[key]()
        runner = self._contender.prepare(network, frames, streaming=streaming)
        error = _error(runner, network, frames, streaming)
        if not error <= TOLERANCE:
            raise WrongOutputError(f"wrong output: differs by {error:.1e} of its scale")
        self._runner = runner
        return error

    def calibrate(self, seconds: float) -> None:
        """Choose how many calls one measurement makes, so that it lasts `seconds`."""
        self._calls = 1
        once = min(self.measure() for _ in range(3))
        self._calls = max(1, round(seconds / once))

    def measure(self) -> float:
        """Seconds a call, over one run of calls."""
        start = time.perf_counter()
        self._runner.run(self._calls)
        return (time.perf_counter() - start) / self._calls


def _error(runner, network, frames: int, streaming: bool) -> float:
    """Stream the check signal through the runner (or call it once) and compare with the float64 value."""
    import numpy as np

    from benchmarks import models
    from benchmarks.reference import expected

    total = -(-CHECK_FRAMES // frames) * frames if streaming else frames
    x, wanted = models.signal(network, total), expected(network, total)
    got = np.concatenate([runner.feed(x[start : start + frames]) for start in range(0, total, frames)])
    if got.shape != wanted.shape:
        raise WrongOutputError(f"wrong output: shape {got.shape}, not {wanted.shape}")
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


def _serve(pipe: Connection, name: str) -> None:
    """Answer requests until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which closes the pipe
    bench: _Bench | None = None
    while True:
        try:
            request, arguments = pipe.recv()
        except EOFError:
            return
        try:
            bench = bench or _Bench(name)
            pipe.send(getattr(bench, request)(*arguments))
        except Exception as error:
            pipe.send(_Failure(_one_line(error)))


def _one_line(error: Exception) -> str:
    text = traceback.format_exception_only(error)[-1].strip().splitlines()[0]
    return text.removeprefix("benchmarks.contenders.UnavailableError: ").removeprefix(
        "benchmarks.worker.WrongOutputError: "
    )
