"""What wavenetlite costs before it computes anything: the time of its import and the size of its extensions."""

import importlib.util
import json
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from statistics import median

HEAVY = ("librosa", "scipy", "torch")
"""Packages that the import must not load."""

_SCRIPT = f"""
import json, sys, time
start = time.perf_counter()
import numpy
between = time.perf_counter()
import wavenetlite
end = time.perf_counter()
heavy = [name for name in {HEAVY!r} if name in sys.modules]
print(json.dumps([end - start, between - start, heavy]))
"""


def import_time(runs: int = 7) -> dict:
    """Seconds of ``import wavenetlite`` in fresh interpreters (medians), how much of it is NumPy, and what it loads."""
    answers = [_import_once() for _ in range(runs)]
    return {
        "total_s": median(answer[0] for answer in answers),
        "numpy_s": median(answer[1] for answer in answers),
        "heavy": answers[0][2],
    }


def _import_once() -> list:
    run = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False)
    if run.returncode:
        raise ImportError(run.stderr.strip().splitlines()[-1])
    return json.loads(run.stdout)


def extension_bytes() -> dict[str, int]:
    """Size of every compiled extension inside the installed package, found without importing it."""
    spec = importlib.util.find_spec("wavenetlite")
    if spec is None or not spec.submodule_search_locations:
        raise ImportError("wavenetlite is not installed")
    root = Path(spec.submodule_search_locations[0])
    suffixes = tuple(EXTENSION_SUFFIXES)
    return {
        path.relative_to(root).as_posix(): path.stat().st_size
        for path in sorted(root.rglob("*"))
        if path.name.endswith(suffixes)
    }


def costs() -> dict:
    """Return both measurements, or why there are none."""
    try:
        return {"import": import_time(), "extension_bytes": extension_bytes()}
    except ImportError as error:
        return {"failure": str(error)}


def text(measured: dict) -> str:
    """Return the measurements as lines for people."""
    if "failure" in measured:
        return f"import: not measured: {measured['failure']}"
    loading, sizes = measured["import"], measured["extension_bytes"]
    heavy = ", ".join(loading["heavy"]) or "none"
    return (
        f"import wavenetlite: {loading['total_s']:.3f} s, of it NumPy {loading['numpy_s']:.3f} s; "
        f"loads of {', '.join(HEAVY)}: {heavy}\n"
        f"extensions: {sum(sizes.values()) / 1e6:.2f} MB in {len(sizes)} files"
    )
