"""The user's own cluster: results identical bit for bit to one process, though a worker is killed in the middle."""

import importlib.util
import os
import subprocess
import sys

import pytest
from pipeline_data import check, corpus, small_chunks, spec, tree
from places import SUPPORT

from wavenetlite.pipeline import extract, specs

SCRIPT = SUPPORT / "pipeline_cluster.py"


@pytest.mark.slow
@pytest.mark.skipif(
    not importlib.util.find_spec("distributed"), reason="dask.distributed is not installed (the extra cluster)"
)
def test_a_cluster_with_a_worker_killed(tmp_path, monkeypatch):
    data = corpus(tmp_path / "data", clips=60)
    specs.write(spec(), tmp_path / "features.npz")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(SCRIPT.parent), *sys.path])}
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(data), str(tmp_path / "cluster"), str(tmp_path / "features.npz")],
        capture_output=True, text=True, env=environment, cwd=tmp_path, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split() == ["120", "120", "False"]
    small_chunks(monkeypatch)
    extract(data, tmp_path / "one", features=spec(), n_jobs=1)
    check(tmp_path / "cluster", data)
    assert tree(tmp_path / "cluster") == tree(tmp_path / "one")
