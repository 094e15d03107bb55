"""The process of one contender: it answers requests over a pipe, one at a time, and sleeps in between."""

import multiprocessing
import os
import signal
import traceback
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from benchmarks import models
from benchmarks.contenders import UnavailableError, open_contender
from benchmarks.reference import expected

CHECK_FRAMES = 1100
"""Frames streamed before a contender is trusted: enough that the longest dilation reads what a cache has kept."""


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
        self._contender = open_contender(name)
        self._runner: Any = None
        self._calls = 1

    def version(self) -> str:
        return self._contender.version

    def peak(self, seconds: float) -> float | None:
        """FMA peak in GFLOP/s, None when the contender cannot measure it."""
        measure = getattr(self._contender, "fma_peak", None)
        return measure(seconds) if measure else None

    def prepare(self, key: str, frames: int, streaming: bool, clips: int) -> float:
        """Build a case and check its output; returns the largest difference to the float64 value over its scale."""
        self._runner = None  # frees the buffers of the case before
        network = models.NETWORKS[key]()
        runner = self._contender.prepare(network, frames, streaming=streaming, clips=clips)
        error = _error(runner, network, frames, streaming, clips)
        if not error <= self._contender.tolerance:
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
        return self._runner.seconds(self._calls)


def _error(runner, network, frames: int, streaming: bool, clips: int) -> float:
    """Stream the check signal through the runner (or call it once) and compare with the float64 value."""
    total = -(-(runner.settles + CHECK_FRAMES) // frames) * frames if streaming else frames
    x = models.signal(network, total, clips)
    got, wanted = (y[runner.settles :] for y in (runner.render(x), expected(network, total, clips)))
    if got.shape != wanted.shape:
        raise WrongOutputError(f"wrong output: shape {got.shape}, not {wanted.shape}")
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


def _serve(pipe: Connection, name: str) -> None:
    """Answer requests until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which closes the pipe
    _be_silent()
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


def _be_silent() -> None:
    """Libraries talk on both outputs, from C++ too; what goes wrong comes through the pipe."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for output in (1, 2):
        os.dup2(nowhere, output)


def _one_line(error: Exception) -> str:
    text = traceback.format_exception_only(error)[-1].strip().splitlines()[0]
    for own in (UnavailableError, WrongOutputError):
        text = text.removeprefix(f"{own.__module__}.{own.__name__}: ")
    return text
