"""Hypothesis profiles, and what the end of a run says about the tests that were skipped.

The profile "default" looks for new examples on every run, "ci" repeats the same ones, "again" the first of them,
where a run has had them all. ``HYPOTHESIS_PROFILE`` chooses; without it, "ci" where ``CI`` is set.
"""

import atexit
import os
import re
import shutil
import signal
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # every core has a process of its own; NumPy's threads would be in their way
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # numba (librosa 1.0) spoils its folder of compiled functions when two processes fill it at once, and whoever loads
    # from it then dies.
    os.environ["NUMBA_CACHE_DIR"] = tempfile.mkdtemp(prefix="wavenetlite-tests-")
    atexit.register(shutil.rmtree, os.environ["NUMBA_CACHE_DIR"], ignore_errors=True)

import pytest
from hypothesis import HealthCheck, settings

COMMON = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large]}

settings.register_profile("default", max_examples=100, **COMMON)
settings.register_profile("ci", max_examples=150, derandomize=True, print_blob=True, **COMMON)
settings.register_profile("again", max_examples=25, derandomize=True, print_blob=True, **COMMON)
settings.register_profile("thorough", max_examples=1000, **COMMON)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if os.environ.get("CI") else "default"))

# A shell starts what runs in the background deaf to Ctrl-C, and the programs that the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

PROJECT = Path(__file__).parent.parent / "pyproject.toml"
# What a reason to skip speaks of, and the package that is lacking; the first that fits counts.
PACKAGES = {
    "pytorch[-_]tcn": "pytorch-tcn",
    "tensorflow": "tensorflow",
    "lhotse": "lhotse",
    "neural-amp-modeler": "neural-amp-modeler",
    "onnxscript": "onnxscript",
    "onnxruntime": "onnxruntime",
    "onnx": "onnx",
    "h5py": "h5py",
    "package keras": "keras",
    "distributed": "distributed",
    "matplotlib": "matplotlib",
    "safetensors": "safetensors",
    "sklearn": "scikit-learn",
    "torch": "torch",
    "aiohttp": "aiohttp",
    "picows": "picows",
    "websockets": "websockets",
    "needs wyoming": "wyoming",
    "needs redis$": "redis",
}


def extras():
    """The extra of the project that brings a package, by the package's name."""
    if not PROJECT.is_file():
        return {}
    optional = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    return {re.match(r"[\w.-]+", package)[0]: extra for extra, packages in optional.items() for package in packages}


def remedy(reason, extra_of):
    """What would run a test that was skipped for this reason, as the end of a line; or the reason itself."""
    if "WAVENETLITE_DATA" in reason:
        return " without real recordings: set WAVENETLITE_DATA to their folder"
    if "espeak-ng" in reason:
        return " without espeak-ng: sudo apt install espeak-ng"
    for mentioned, package in PACKAGES.items():
        if re.search(mentioned, reason, re.IGNORECASE):
            wanted = f"-e '.[{extra_of[package]}]'" if package in extra_of else package
            return f" without {package}: .venv/bin/pip install {wanted}"
    return f": {reason}"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark the core, `pytest -m core`: of every test that is not slow the first case and every 50th after it."""
    cases = Counter()
    for item in items:
        test = item.nodeid.partition("[")[0]
        if cases[test] % 50 == 0 and item.get_closest_marker("slow") is None:
            item.add_marker("core")
        cases[test] += 1


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter):
    """Say what was skipped and what would run it, a line for each thing that was lacking."""
    extra_of, tests, files = extras(), Counter(), Counter()
    for report in terminalreporter.stats.get("skipped", []):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        counts = tests if isinstance(report, pytest.TestReport) else files
        counts[remedy(reason.removeprefix("Skipped: "), extra_of)] += 1
    if tests or files:
        terminalreporter.section("skipped", "=")
    for need in sorted({*tests, *files}):
        parts = [(tests[need], "test"), (files[need], "whole file")]
        number = " and ".join(f"{count} {what}{'s' * (count > 1)}" for count, what in parts if count)
        terminalreporter.write_line(f"skipped {number}{need}")
