#!/usr/bin/env bash
# mlflow-skinny 3.17.2 with its file store (MLFLOW_ALLOW_FILE_STORE=true): a tracking folder that exists and is empty, as
# tempfile.mkdtemp or a mounted volume gives it.
# Expected: a run is started there as in a folder that does not exist yet, which is set up at the first run.
# Behaviour: start_run() raises "Could not find experiment with ID 0": the default experiment is only made together with the
# folder. Creating an experiment by name, and running in that, works.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet mlflow-skinny==3.17.2
mkdir "$folder/empty"
MLFLOW_ALLOW_FILE_STORE=true "$folder/venv/bin/python" - "$folder" <<'PYTHON'
import logging
import sys
from pathlib import Path

import mlflow

logging.disable(logging.WARNING)
print("mlflow", mlflow.__version__)
folder = Path(sys.argv[1])


def run(place):
    mlflow.set_tracking_uri(str(folder / place))
    try:
        with mlflow.start_run():
            mlflow.log_metric("loss", 1.0)
    except mlflow.exceptions.MlflowException as error:
        return str(error)
    return "ok"


found = {place: run(place) for place in ("new", "empty")}
print(found)
assert found == {"new": "ok", "empty": "Could not find experiment with ID 0"}
mlflow.create_experiment("mine")
with mlflow.start_run(experiment_id=mlflow.get_experiment_by_name("mine").experiment_id):
    mlflow.log_metric("loss", 1.0)
print("an experiment by name: ok")
PYTHON
echo "as described"
