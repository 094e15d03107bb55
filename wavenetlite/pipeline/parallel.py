"""Run tasks in threads, processes, or as configured in joblib, and report progress."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, as_completed, wait
from importlib.util import find_spec
from typing import Any

from wavenetlite.pipeline import work
from wavenetlite.pipeline.entries import PipelineError
from wavenetlite.pipeline.work import Done, Task
from wavenetlite.support.cpus import cpus
from wavenetlite.support.optional import optional
from wavenetlite.support.progress import Progress

MOST_THREADS = 4
AHEAD = 2
"""Tasks that are made for each thread: the next are ready, and not all of a large corpus are in memory."""
TASKS_PER_PROCESS = 8
"""With this much work each, processes are worth their start."""


def needed() -> Any:
    """The package joblib."""
    return optional("joblib", "pipeline", "wavenetlite.pipeline.extract")


def check_joblib() -> None:
    """Raise MissingPackageError if it is not installed; it is not imported yet, which takes 70 ms."""
    try:
        there = "joblib" in sys.modules or find_spec("joblib") is not None
    except ImportError:
        there = False
    if not there:
        needed()


def in_parallel(tasks: Iterator[Task], count: int, n_jobs: int | None) -> Iterator[Done]:
    """Run tasks through joblib: as the user has configured it, else in threads or processes.

    A few threads that nobody has configured are started without it.
    """
    threads = n_jobs if n_jobs is not None and n_jobs > 0 else cpus()
    if "joblib" not in sys.modules and preferred(threads, count) == "threads":
        yield from in_threads(tasks, threads)
    else:
        yield from in_joblib(tasks, count, n_jobs)


def in_threads(tasks: Iterator[Task], count: int) -> Iterator[Done]:
    """Run tasks in threads; those that have not begun are dropped when one raises, or when nobody wants more."""
    waiting: set[Future[Done]] = set()
    with ThreadPoolExecutor(count) as pool:
        try:
            for task in tasks:
                waiting.add(pool.submit(work.work, task))
                if len(waiting) >= AHEAD * count:
                    done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
                    yield from (one.result() for one in done)
            for one in as_completed(waiting):
                yield one.result()
        finally:
            for one in waiting:
                one.cancel()


def in_joblib(tasks: Iterator[Task], count: int, n_jobs: int | None) -> Iterator[Done]:
    joblib = needed()
    from joblib.externals.loky.process_executor import BrokenProcessPool
    from joblib.parallel import get_active_backend

    backend, _ = get_active_backend(prefer="threads")
    if n_jobs is None and get_active_backend()[1] is None:
        local = type(backend).__module__ == "joblib._parallel_backends"
        n_jobs = joblib.cpu_count() if local else -1
    workers = "threads" if n_jobs is None else preferred(n_jobs if n_jobs > 0 else joblib.cpu_count(), count)
    generates = getattr(backend, "supports_return_generator", False)
    parallel = joblib.Parallel(
        n_jobs=n_jobs,
        prefer=workers,
        batch_size=1,
        return_as="generator_unordered" if generates else "list",
    )
    try:
        yield from parallel(joblib.delayed(work.work)(task) for task in tasks)
    except BrokenProcessPool as error:
        reason = " ".join(str(error).split())[:200]
        raise PipelineError(f"a worker died: {reason}; finished work is kept") from None


def preferred(n_jobs: int, tasks: int) -> str:
    """Threads or processes, by default.

    Decoding and features mostly run without the interpreter's lock, so a few threads use as many CPUs and start at
    once, where a process first has to import the package. Many threads would wait for the lock.
    """
    return "processes" if n_jobs > MOST_THREADS and tasks >= TASKS_PER_PROCESS * n_jobs else "threads"


class Ticks:
    """Reports progress from any thread."""

    def __init__(self, progress: Progress | None, done: int, total: int) -> None:
        self.progress, self.done, self.total = progress, done, total
        self.lock = threading.Lock()
        self.add(0)

    def add(self, entries: int = 1) -> None:
        with self.lock:
            self.done += entries
            if self.progress is not None:
                self.progress(self.done, self.total)
