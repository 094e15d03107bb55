#!/usr/bin/env bash
# NumPy 2.4.6, one wheel on one machine with AVX-512, with and without NPY_DISABLE_CPU_FEATURES=X86_V4 (what a CPU without
# AVX-512 runs): tables of signal processing in float64.
# Expected: the last bit of a transcendental function may depend on the wheel, not on the CPU that it runs on; and if exp does,
# then so do all of its family.
# Behaviour: np.exp, np.log10 and x ** y give other last bits in up to a tenth of their values, and so does np.kaiser in 50 of
# 1,000; np.sin, np.cos, np.sinc and np.hanning give the same. So a filter or window of two machines with the same packages is
# the same or not by the functions it happens to be made of, and a test on one kind of CPU never sees it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6
cat > "$folder/values.py" <<'PYTHON'
import json

import numpy as np

x = np.linspace(0.01, 20, 4001)
found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
values = {
    "exp": np.exp(x), "log10": np.log10(x), "power": x**1.7, "kaiser": np.kaiser(1000, 8.0),
    "sin": np.sin(x), "cos": np.cos(x), "sinc": np.sinc(x), "hanning": np.hanning(1000),
}
print(json.dumps({"X86_V4": "X86_V4" in found, **{name: one.tolist() for name, one in values.items()}}))
PYTHON
"$folder/venv/bin/python" "$folder/values.py" > "$folder/all"
NPY_DISABLE_CPU_FEATURES="X86_V4 AVX512_ICL AVX512_SPR" "$folder/venv/bin/python" -W ignore "$folder/values.py" > "$folder/without"
"$folder/venv/bin/python" - "$folder/all" "$folder/without" <<'PYTHON'
import json
import sys
from pathlib import Path

first, second = (json.loads(Path(name).read_text()) for name in sys.argv[1:])
if not first.pop("X86_V4"):
    sys.exit("this CPU has no AVX-512: nothing to compare")
assert not second.pop("X86_V4")
other = {name: sum(a != b for a, b in zip(first[name], second[name], strict=True)) for name in first}
print("values with other bits:", other)
assert all(other[name] > 0 for name in ("exp", "log10", "power", "kaiser"))
assert not any(other[name] for name in ("sin", "cos", "sinc", "hanning"))
PYTHON
echo "as described"
