"""Convolutions of wavenetlite.ops under every instruction set: the same bits with FMA, 1e-6 without."""

import numpy as np
import pytest
from instruction_sets import cpu_has, run_python
from places import SUPPORT

WORKER = SUPPORT / "ops_isa_worker.py"


def outputs(isa, folder):
    if not cpu_has(isa):
        pytest.skip(f"this machine has no {isa}")
    done = run_python([str(WORKER), str(folder / f"{isa}.npz")], isa)
    assert done.returncode == 0, done.stderr
    found = dict(np.load(folder / f"{isa}.npz"))
    assert found.pop("isa") == isa
    return found


def test_avx2_and_avx512_give_the_same_bits(tmp_path):
    avx2, avx512 = outputs("avx2", tmp_path), outputs("avx512", tmp_path)
    assert [name for name in avx2 if avx2[name].tobytes() != avx512[name].tobytes()] == []


@pytest.mark.slow
def test_sse2_agrees_closely(tmp_path):
    sse2, avx2 = outputs("sse2", tmp_path), outputs("avx2", tmp_path)
    for name in sse2:
        np.testing.assert_allclose(sse2[name], avx2[name], rtol=0, atol=1e-6 * np.abs(avx2[name]).max(), err_msg=name)
