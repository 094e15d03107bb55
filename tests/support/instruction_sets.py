"""The instruction sets that this machine has, and Python started with one of them."""

import os
import platform
import subprocess
import sys

import numpy as np

NEEDED = {
    "sse2": [],
    "avx2": ["AVX2", "FMA3"],
    "avx512": ["AVX512F", "AVX512CD", "AVX512BW", "AVX512DQ", "AVX512VL"],
    "vnni": ["AVX512F", "AVX512CD", "AVX512BW", "AVX512DQ", "AVX512VL", "AVX512VNNI"],
}
X86 = platform.machine().lower() in ("x86_64", "amd64")


def cpu_has(isa):
    umath = getattr(np, "_core", None) or np.core
    features = umath._multiarray_umath.__cpu_features__
    return X86 and all(features.get(name, name == "AVX512CD") for name in NEEDED[isa])


def run_python(arguments, isa):
    environment = {name: value for name, value in os.environ.items() if name != "WAVENETLITE_ISA"}
    if isa is not None:
        environment["WAVENETLITE_ISA"] = isa
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, sys.path))
    return subprocess.run([sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False)
