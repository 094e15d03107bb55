"""Who runs the tasks of an extraction: joblib here, a Dask cluster through it, or Ray. They schedule; we only ask.

A task may be run again by any of them, whose worker has died: it is a pure function that writes its files whole.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

from wavenetlite.pipeline import work
from wavenetlite.pipeline.entries import PipelineError
from wavenetlite.pipeline.parallel import in_parallel, needed
from wavenetlite.pipeline.work import Done, Task
from wavenetlite.support.optional import optional

ENGINES = ("joblib", "dask", "ray")
RETRIES = 10
"""How often Ray runs a task again whose worker has died."""
AHEAD = 2
"""Tasks that are given to Ray for each CPU: the next are ready, and not all of a large corpus are in its memory."""


@dataclass(frozen=True)
class Workers:
    """Those of an engine; `n_jobs` is their number on this machine, None: one for each CPU."""

    engine: str = "joblib"
    n_jobs: int | None = None

    def run(self, tasks: Iterator[Task], count: int) -> Iterator[Done]:
        """Run `count` tasks, in any order."""
        if self.engine == "ray":
            yield from in_ray(tasks, self.n_jobs)
        elif self.engine == "dask":
            with dask_client(self.n_jobs):
                yield from in_parallel(tasks, count, None)
        else:
            yield from in_parallel(tasks, count, self.n_jobs)


def check_installed(engine: str) -> None:
    """Raise MissingPackageError before any work."""
    if engine == "dask":
        optional("distributed", "cluster", "engine='dask'")
    elif engine == "ray":
        optional("ray", "ray", "engine='ray'")


@contextmanager
def dask_client(n_jobs: int | None) -> Iterator[None]:
    """The caller's client; else one of DASK_SCHEDULER_ADDRESS; else of a cluster on this machine."""
    distributed = optional("distributed", "cluster", "engine='dask'")
    dask = optional("dask", "cluster", "engine='dask'")
    with ExitStack() as opened:
        try:
            distributed.default_client()
        except ValueError:  # there is none
            if dask.config.get("scheduler-address", None):
                opened.enter_context(distributed.Client())
            else:
                options = {"n_workers": workers(n_jobs), "threads_per_worker": 1, "dashboard_address": None}
                cluster = opened.enter_context(distributed.LocalCluster(**options))
                opened.enter_context(distributed.Client(cluster))
        opened.enter_context(needed().parallel_config(backend="dask"))
        yield


def in_ray(tasks: Iterator[Task], n_jobs: int | None) -> Iterator[Done]:
    """Run tasks in the caller's Ray; else in that of RAY_ADDRESS; else on this machine."""
    ray = optional("ray", "ray", "engine='ray'")
    with ray_cluster(ray, n_jobs):
        remote = ray.remote(max_retries=RETRIES)(work.work)
        most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        waiting: list[Any] = []
        try:
            for task in tasks:
                waiting.append(remote.remote(task))
                if len(waiting) >= most:
                    done, waiting = ray.wait(waiting)
                    yield from ray.get(done)
            while waiting:
                done, waiting = ray.wait(waiting)
                yield from ray.get(done)
        except ray.exceptions.RayTaskError as error:
            raise error.cause from None
        except ray.exceptions.RayError as error:
            raise PipelineError(f"a worker died: {' '.join(str(error).split())[:200]}; finished work is kept") from None
        finally:
            for one in waiting:
                ray.cancel(one)


@contextmanager
def ray_cluster(ray: Any, n_jobs: int | None) -> Iterator[None]:
    if ray.is_initialized():
        yield
        return
    local = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers(n_jobs), "include_dashboard": False}
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nobody was asked
    ray.init(log_to_driver=False, logging_level="ERROR", **local)
    try:
        yield
    finally:
        ray.shutdown()


def workers(n_jobs: int | None) -> int:
    return n_jobs if n_jobs is not None and n_jobs > 0 else int(needed().cpu_count())
