"""The resampler of clients with another rate: its filter is the same on every machine, as streams move between them."""

import os
import subprocess
import sys

import numpy as np
import pytest

from wavenetlite.serve.resampling import SavedResampler

RATES = (48000, 44100, 8000)
VECTORS = "X86_V4 X86_V3 AVX512_SKX AVX512F AVX2 FMA3"
"""As NumPy 2.4 names them, and as older ones do."""
CODE = f"""
import hashlib
from wavenetlite.serve.resampling import filter_of
for sr in {RATES}:
    print(hashlib.sha256(filter_of(sr, 16000)[0].state_dict()["0.weight"].tobytes()).hexdigest())"""


@pytest.mark.slow
def test_the_filter_is_the_same_under_every_instruction_set_of_numpy():
    path = f"import os, sys; sys.path[:] = {sys.path!r}"
    said = [
        subprocess.run([sys.executable, "-W", "ignore", "-c", path + CODE], capture_output=True, text=True, check=True,
                       env={**os.environ, **environment}).stdout
        for environment in ({}, {"NPY_DISABLE_CPU_FEATURES": VECTORS})
    ]  # fmt: skip
    assert len(said[0].split()) == len(RATES)
    assert said[0] == said[1]


@pytest.mark.parametrize("sr", RATES)
def test_a_tone_comes_out_at_the_other_rate(sr):
    seconds = np.arange(sr) / sr
    resampler = SavedResampler(sr, 16000)
    y = np.concatenate([resampler.process(np.sin(2 * np.pi * 1000 * seconds, dtype=np.float32)), resampler.flush()])
    wanted = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    assert len(y) == 16000
    np.testing.assert_allclose(y[500:-500], wanted[500:-500], atol=1e-3)
