"""Who does the work: threads, processes, or whatever the user has told joblib; and how far they are."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from wavenetlite.pipeline import work
from wavenetlite.pipeline.entries import PipelineError
from wavenetlite.pipeline.work import Done, Task
from wavenetlite.support.progress import Progress

MOST_THREADS = 4
TASKS_A_PROCESS = 8
"""So much work each, and a process is worth its start."""


def in_parallel(tasks: Iterator[Task], count: int, n_jobs: int | None) -> Iterator[Done]:
    """Do tasks through joblib, on whatever the user has configured; else in threads, or in processes."""
    import joblib
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
        raise PipelineError(f"a worker died: {reason}; what was finished is kept") from None


def preferred(n_jobs: int, tasks: int) -> str:
    """What workers are where nothing else was said.

    Decoding and features run without the interpreter's lock for the most part, so some threads use as many CPUs, and
    start at once, where a process would first import what it needs. Many would wait for the lock.
    """
    return "processes" if n_jobs > MOST_THREADS and tasks >= TASKS_A_PROCESS * n_jobs else "threads"


class Ticks:
    """Tells how far the work is, whoever does it."""

    def __init__(self, progress: Progress | None, done: int, total: int) -> None:
        self.progress, self.done, self.total = progress, done, total
        self.lock = threading.Lock()
        self.more(0)

    def one(self) -> None:
        self.more(1)

    def more(self, entries: int) -> None:
        with self.lock:
            self.done += entries
            if self.progress is not None:
                self.progress(self.done, self.total)
