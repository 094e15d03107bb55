#!/usr/bin/env bash
# NumPy 2.4.6: np.float32(0.5) < 1e300, a float32 beside a number of Python that no float32 can hold.
# Expected: the comparison is exact and silent, as np.int8(5) < 300 is, where 300 is beyond int8.
# Behaviour: the answer is right, with "RuntimeWarning: overflow encountered in cast": 1e300 is cast to float32 first and becomes
# infinity. So a check of a range fails where warnings are errors, and float32 values beside 3.5e38 compare with infinity.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check numpy==2.4.6
"$folder/venv/bin/python" - <<'PYTHON'
import warnings

import numpy as np


def compared(function):
    """The result, and the texts of the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        result = bool(function())
    return result, [str(one.message) for one in caught]


print("np.int8(5) < 300:", compared(lambda: np.int8(5) < 300))
print("np.float32(0.5) < 1e300:", compared(lambda: np.float32(0.5) < 1e300))
print("np.float32(np.inf) <= 3.5e38:", compared(lambda: np.float32(np.inf) <= 3.5e38))
assert compared(lambda: np.int8(5) < 300) == (True, [])
assert compared(lambda: np.float32(0.5) < 1e300) == (True, ["overflow encountered in cast"])
assert compared(lambda: np.float32(np.inf) <= 3.5e38) == (True, ["overflow encountered in cast"])  # float64: False
PYTHON
echo "as described"
