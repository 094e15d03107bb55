"""Killed at any moment, an extraction goes on where it stopped; what the disk refuses is one line."""

import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pipeline_data import check, corpus, small_chunks, spec, tree
from places import SUPPORT

import wavenetlite as wl
from wavenetlite.pipeline import PipelineError, extract, shards, specs

WORKER = SUPPORT / "pipeline_worker.py"


def start(data, out):
    """A process that has imported everything and is about to extract."""
    tables = data / "features.npz"
    specs.write(spec(), tables)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(WORKER.parent), *sys.path])}
    process = subprocess.Popen(
        [sys.executable, str(WORKER), str(data), str(out), str(tables)],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.slow
def test_killed_at_random_times_it_ends_with_the_same_bytes(tmp_path):
    data, out = corpus(tmp_path / "data", clips=150), tmp_path / "out"
    began = time.perf_counter()
    process = start(data, tmp_path / "whole")
    begin = time.perf_counter()
    assert process.communicate()[0] == "300 0\n"
    took = time.perf_counter() - begin
    rng = random.Random(0)
    kills = 0
    for _ in range(6):
        process = start(data, out)
        time.sleep(rng.uniform(0, 0.7 * took))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        kills += process.returncode == -signal.SIGKILL
        if not (out / "dataset.json").exists():  # else it was complete before it was killed
            with pytest.raises(PipelineError):  # half a set is none
                wl.pipeline.open(out)
    assert kills
    computed, copied = map(int, start(data, out).communicate()[0].split())
    assert computed + copied <= 300
    check(out, data)
    assert tree(out) == tree(tmp_path / "whole")
    assert not list(out.rglob("*.tmp"))
    assert time.perf_counter() - began < 600


def test_what_was_finished_is_not_done_again(tmp_path, monkeypatch):
    """Work stops at every chunk in turn; the next run begins there."""
    small_chunks(monkeypatch)
    data, out = corpus(tmp_path / "data"), tmp_path / "out"
    finish, done = shards.ShardWriter.finish, []

    def stop_at_the_third(self, name):
        if len(done) % 3 == 2:
            done.append(None)
            raise KeyboardInterrupt
        finish(self, name)
        done.append(name)

    monkeypatch.setattr(shards.ShardWriter, "finish", stop_at_the_third)
    interrupts = 0
    while True:
        try:
            extract(data, out, features=spec(), n_jobs=1)
            break
        except KeyboardInterrupt:
            interrupts += 1
    names = [name for name in done if name]
    assert interrupts >= 2
    assert len(names) == len(set(names))  # no shard was made twice
    check(out, data)


def test_killed_between_index_and_dataset(tmp_path, monkeypatch):
    """The index is new, dataset.json is not: opening says so, and the next run mends it."""
    data, out = corpus(tmp_path / "data"), tmp_path / "out"
    extract(data, out, features=spec())
    (data / "no" / "s0_nohash_0.wav").unlink()
    with monkeypatch.context() as killed:
        killed.setattr("wavenetlite.pipeline.assembly.specs.write", interrupted_at_the_end(out))
        with pytest.raises(KeyboardInterrupt):
            extract(data, out, features=spec())
    with pytest.raises(PipelineError, match=r"index.jsonl does not match dataset.json"):
        wl.pipeline.open(out)
    extract(data, out, features=spec())
    assert len(check(out, data)) == 39


def interrupted_at_the_end(out):
    write = specs.write

    def written(spec, path):
        if path == out / specs.TABLES:
            raise KeyboardInterrupt
        write(spec, path)

    return written


def test_a_full_disk_is_one_line_and_finished_work_is_kept(tmp_path, monkeypatch):
    small_chunks(monkeypatch)
    data, out = corpus(tmp_path / "data"), tmp_path / "out"
    finish, done = shards.ShardWriter.finish, []

    def full_after_three(self, name):
        if len(done) == 3:
            raise OSError(28, os.strerror(28))
        finish(self, name)
        done.append(name)

    with monkeypatch.context() as full:
        full.setattr(shards.ShardWriter, "finish", full_after_three)
        with pytest.raises(PipelineError) as caught:
            extract(data, out, features=spec(), n_jobs=1)
    message = str(caught.value)
    assert message.startswith(f"{out}: cannot be written: No space left on device; finished work is kept")
    assert "\n" not in message
    assert not list(out.rglob("*.tmp"))
    assert len(list((out / "shards").iterdir())) == 3
    computed = extract(data, out, features=spec()).computed
    assert 0 < computed < 40
    check(out, data)


def test_a_really_full_disk(tmp_path):
    data, out = corpus(tmp_path / "data", clips=3), tmp_path / "out"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, limits[1]))
    try:
        with pytest.raises(PipelineError, match="cannot be written: File too large"):
            extract(data, out, features=spec(), n_jobs=1)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not list(out.rglob("*.tmp"))
    extract(data, out, features=spec())
    check(out, data)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_target_without_permission_is_one_line(tmp_path):
    data = corpus(tmp_path / "data", clips=1)
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(PipelineError, match="cannot be written: Permission denied"):
        extract(data, tmp_path / "out", features=spec())


def test_a_read_only_disk_is_one_line(tmp_path, monkeypatch):
    data = corpus(tmp_path / "data", clips=1)

    def refused(*args, **options):
        raise OSError(30, os.strerror(30))

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(PipelineError, match="out: cannot be written: Read-only file system"):
        extract(data, tmp_path / "out", features=spec())


def test_a_target_that_is_a_file_is_one_line(tmp_path):
    data = corpus(tmp_path / "data", clips=1)
    (tmp_path / "out").write_text("")
    with pytest.raises(PipelineError, match="cannot be written: it is not a folder"):
        extract(data, tmp_path / "out", features=spec())


def test_a_worker_that_dies_is_one_line_and_the_next_run_goes_on(tmp_path, monkeypatch):
    """With processes: the worker of the second chunk is killed."""
    import joblib

    small_chunks(monkeypatch)
    data, out = corpus(tmp_path / "data"), tmp_path / "out"
    (data / "no" / "s0_nohash_4.wav").rename(data / "no" / "s0_nohash_4.dead.wav")
    import pipeline_killer

    monkeypatch.setattr("wavenetlite.pipeline.work.work", pipeline_killer.work)
    with joblib.parallel_config(backend="loky", n_jobs=2), pytest.raises(PipelineError, match="a worker died"):
        extract(data, out, features=spec())
    monkeypatch.undo()
    small_chunks(monkeypatch)
    extract(data, out, features=spec())
    check(out, data)
    shutil.rmtree(out)
