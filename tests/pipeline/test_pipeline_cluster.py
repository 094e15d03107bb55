"""The user's own cluster: results identical bit for bit to one process, though a worker is killed in the middle."""

import importlib.util
import os
import subprocess
import sys

import pytest
from pipeline_data import check, corpus, small_chunks, spec, tree
from places import SUPPORT

from wavenetlite.pipeline import extract, specs
from wavenetlite.support.errors import ParameterError


@pytest.mark.slow
@pytest.mark.parametrize(
    ("package", "script", "extra"),
    [("distributed", "pipeline_cluster.py", "cluster"), ("ray", "pipeline_ray.py", "ray")],
)
def test_a_cluster_with_a_worker_killed(tmp_path, monkeypatch, package, script, extra):
    if not importlib.util.find_spec(package):
        pytest.skip(f"{package} is not installed (the extra {extra})")
    data = corpus(tmp_path / "data", clips=60)
    specs.write(spec(), tmp_path / "features.npz")
    said = run(tmp_path, SUPPORT / script, data, tmp_path / "cluster", tmp_path / "features.npz")
    assert "120 120 False" in said.splitlines(), said  # Ray says more there
    small_chunks(monkeypatch)
    extract(data, tmp_path / "one", features=spec(), n_jobs=1)
    check(tmp_path / "cluster", data)
    assert tree(tmp_path / "cluster") == tree(tmp_path / "one")


def run(folder, *arguments):
    """What a process of its own prints: a cluster leaves threads behind."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SUPPORT), *sys.path])}
    done = subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True,
                          env=environment, cwd=folder, timeout=300, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_an_engine_that_nobody_has_started(tmp_path, engine, package):
    """It is started for the time of the command, and gives the bytes of one process."""
    if not importlib.util.find_spec(package):
        pytest.skip(f"{package} is not installed")
    data = corpus(tmp_path / "data", clips=3)
    run(tmp_path, "-m", "wavenetlite", "features", data, tmp_path / "out", "--n-fft", "128", "--hop-length", "64",
        "--n-mels", "8", "--jobs", "2", "--quiet", "--engine", engine)  # fmt: skip
    extract(data, tmp_path / "one", features=spec(), n_jobs=1)
    assert tree(tmp_path / "out") == tree(tmp_path / "one")


def test_an_engine_that_is_none(tmp_path):
    with pytest.raises(ParameterError, match="engine='spark' must be one of"):
        extract(tmp_path, tmp_path / "out", engine="spark")


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "package"), [("dask", "distributed"), ("ray", "ray")])
def test_what_is_asked_for_beside_features_is_the_same_on_an_engine(tmp_path, engine, package):
    """Several specs, copies, trimming, statistics of speakers and chunks: workers get all of it with their tasks."""
    if not importlib.util.find_spec(package):
        pytest.skip(f"{package} is not installed")
    data = corpus(tmp_path / "data", clips=6)
    options = ["--features", "logmel,mfcc", "--n-fft", "128", "--hop-length", "64", "--copies", "2", "--trim",
               "voice-activity", "--speaker-statistics", "--chunk-frames", "4", "--jobs", "2", "--quiet"]  # fmt: skip
    run(tmp_path, "-m", "wavenetlite", "features", data, tmp_path / "out", *options, "--engine", engine)
    run(tmp_path, "-m", "wavenetlite", "features", data, tmp_path / "one", *options)
    assert tree(tmp_path / "out") == tree(tmp_path / "one")
