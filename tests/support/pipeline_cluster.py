"""An extraction by a real cluster of processes, one of which is killed in the middle.

Arguments: source, folder of the set, file of the spec. A process of its own: a cluster leaves threads behind.
"""

import os
import signal
import sys
from pathlib import Path

import joblib
from distributed import Client, LocalCluster

from wavenetlite.pipeline import chunks, extract, specs


def main():
    chunks.LEAST, chunks.MOST, chunks.ONE_IN = 4, 9, 2
    options = {"n_workers": 3, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        pids = client.run(os.getpid)
        assert len(set(pids.values()) | {os.getpid()}) == 4
        victim, calls = next(iter(pids.values())), []

        def progress(done, total):
            calls.append(done)
            if len(calls) == 3:
                os.kill(victim, signal.SIGKILL)

        with joblib.parallel_config(backend="dask"):
            done = extract(sys.argv[1], sys.argv[2], features=specs.read(Path(sys.argv[3])), progress=progress)
        assert len(calls) > 5
        assert calls[-1] == done.items
        now = client.run(os.getpid)
        print(done.items, done.computed, victim in now.values())


if __name__ == "__main__":
    main()
