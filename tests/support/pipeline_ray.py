"""An extraction by a real Ray cluster, a worker of which is killed in the middle.

Arguments: source, folder of the set, file of the spec. A process of its own: a cluster leaves threads behind.
"""

import os
import signal
import sys
from pathlib import Path

import psutil
import ray

from wavenetlite.pipeline import chunks, extract, specs


def main():
    chunks.LEAST, chunks.MOST, chunks.ONE_IN = 4, 9, 2
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR",
             object_store_memory=80 << 20)  # fmt: skip
    try:
        calls, victims = [], []

        def progress(done, total):
            calls.append(done)
            if len(calls) >= 3 and not victims:  # at the third call both may be between two tasks
                for process in psutil.Process().children(recursive=True):
                    if process.name().startswith("ray::work"):  # it is at work
                        victims.append(process.pid)
                        os.kill(process.pid, signal.SIGKILL)

        spec = specs.read(Path(sys.argv[3]))
        done = extract(sys.argv[1], sys.argv[2], features=spec, engine="ray", progress=progress)
        batch = ray.data.from_items([{"audio": [0.1] * 600, "sr": 8000, "label": str(i)} for i in range(5)])
        rows = batch.map_batches(spec.map_batch, batch_size=2).take_all()
        assert sorted(row["label"] for row in rows) == list("01234")
        assert all(row["features"].shape == (8, 8) for row in rows), [row["features"].shape for row in rows]
        assert len(calls) > 5
        assert calls[-1] == done.items
        assert victims
        print(done.items, done.computed, any(map(psutil.pid_exists, victims)))
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
