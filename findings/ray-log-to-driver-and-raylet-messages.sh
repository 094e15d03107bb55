#!/usr/bin/env bash
# ray 2.60.0: ray.init(log_to_driver=False), in a driver whose own stdout is read by another program, when a worker process
# ends in the middle of a task.
# Expected: stdout is the driver's own: the option is documented as keeping the workers' output from it, the driver learns of
# the end from WorkerCrashedError, and ray's other warnings go to stderr, through the logger "ray".
# Behaviour: what the worker prints is kept away, but "(raylet) A worker died or was killed while executing a task ...", a line
# of several hundred characters, is printed to the driver's stdout, with log_to_driver=False as with True, and with the logger
# "ray" switched off too. So a stdout of JSON lines no longer parses on the day when a worker is killed, and on no other.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check ray==2.60.0
cat > "$folder/driver.py" <<'PYTHON'
import json
import logging
import os
import sys
import time
from pathlib import Path

import ray

copied, folder, stdout = sys.argv[1] == "copied", sys.argv[2], Path(sys.argv[3])
logging.getLogger("ray").disabled = True
ray.init(num_cpus=1, log_to_driver=copied, configure_logging=False, include_dashboard=False, _temp_dir=folder)


@ray.remote(max_retries=0)
def end():
    print("printed by the worker", flush=True)
    time.sleep(2)
    os._exit(1)


try:
    ray.get(end.remote())
except ray.exceptions.WorkerCrashedError as error:
    print(json.dumps({"ray": ray.__version__, "error": type(error).__name__}), flush=True)
until = time.monotonic() + 30
while "(raylet)" not in stdout.read_text() and time.monotonic() < until:
    time.sleep(0.5)
ray.shutdown()
PYTHON
export HOME="$folder" RAY_USAGE_STATS_ENABLED=0 RAY_COLOR_PREFIX=0
for output in copied kept; do
    stdout="$folder/$output"
    "$folder/venv/bin/python" "$folder/driver.py" "$output" "$folder/ray" "$stdout" > "$stdout" 2> "$folder/stderr"
    echo "workers' output $output; the driver's stdout:"
    cut -c 1-100 "$stdout"
    grep -qx '{"ray": "2.60.0", "error": "WorkerCrashedError"}' "$stdout"
    grep -q "^(raylet) A worker died or was killed while executing a task" "$stdout"
done
grep -q "printed by the worker" "$folder/copied"
if grep -q "printed by the worker" "$folder/kept"; then exit 1; fi
echo "as described"
