"""An S3 server on loopback (moto's), and an extraction there that is killed at random times and resumed.

    python tests/support/pipeline_store.py KILLS

What it must be: the bytes of an extraction that nobody killed, and no shard that is not the set's.
"""

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import fsspec
from moto.server import ThreadedMotoServer
from pipeline_data import corpus, spec

from wavenetlite.pipeline import PipelineError, specs
from wavenetlite.pipeline import open as open_set

WORKER = Path(__file__).with_name("pipeline_worker.py")
SECRET = "hidden-secret-key"


@contextmanager
def s3():
    """A store with the bucket `corpus`; where it is and its account are in the environment, as a user has them."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    before = dict(os.environ)
    os.environ.update(AWS_ACCESS_KEY_ID="hidden-key-id", AWS_SECRET_ACCESS_KEY=SECRET, AWS_DEFAULT_REGION="us-east-1",
                      AWS_ENDPOINT_URL=f"http://{host}:{port}", AWS_EC2_METADATA_DISABLED="true")  # fmt: skip
    try:
        store = fsspec.filesystem("s3", skip_instance_cache=True)
        store.mkdir("corpus")
        yield store
    finally:
        os.environ.clear()
        os.environ.update(before)
        server.stop()


def put(store, data, prefix):
    for path in data.rglob("*.wav"):
        store.pipe_file(f"{prefix}/{path.relative_to(data).as_posix()}", path.read_bytes())


def files(store, prefix):
    """Every public file of a set."""
    store.invalidate_cache()
    return {name.removeprefix(prefix): store.cat_file(name) for name in store.find(prefix) if "/.parts/" not in name}


def start(source, out, tables):
    """A process that has imported everything and is about to extract."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(WORKER.parent), *sys.path])}
    process = subprocess.Popen([sys.executable, str(WORKER), source, out, str(tables)], stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=environment)  # fmt: skip
    assert process.stdout.readline() == "ready\n", process.stderr.read()
    return process


def kill_and_resume(store, tables, kills, seed=0):
    """How many of the extractions into s3://corpus/out were killed before they were complete."""
    begin = time.perf_counter()
    said, problems = start("s3://corpus/data", "s3://corpus/whole", tables).communicate()
    took = time.perf_counter() - begin
    assert said.split()[1:] == ["0"], problems
    rng, killed, total = random.Random(seed), 0, 0
    for _ in range(10 * kills):
        process = start("s3://corpus/data", "s3://corpus/out", tables)
        time.sleep(rng.uniform(0.05, 0.3) * took)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        store.invalidate_cache()
        if store.exists("corpus/out/dataset.json"):
            store.rm("corpus/out", recursive=True)  # it was complete: once more from the beginning
            continue
        try:
            open_set("s3://corpus/out")
            raise AssertionError("half a set was opened")
        except PipelineError:
            killed += 1
        if killed == kills:
            break
    done, problems = start("s3://corpus/data", "s3://corpus/out", tables).communicate()
    assert done, problems
    total += int(done.split()[0])
    assert total <= int(said.split()[0])
    whole, resumed = files(store, "corpus/whole"), files(store, "corpus/out")
    assert resumed == whole
    for name in store.find("corpus/out"):
        content = store.cat_file(name)
        assert SECRET.encode() not in content, name
        assert b"hidden-key-id" not in content, name
    return killed


def main(kills):
    with tempfile.TemporaryDirectory() as folder, s3() as store:
        put(store, corpus(Path(folder, "data"), clips=60), "corpus/data")
        specs.write(spec(), Path(folder, "features.npz"))
        print(kill_and_resume(store, Path(folder, "features.npz"), kills), "kills; the same bytes, nothing doubled")


if __name__ == "__main__":
    main(int(sys.argv[1]))
