"""What `.ci/emulated` compares between this machine and others, here between two of its instruction sets."""

from pathlib import Path

import pytest
from instruction_sets import cpu_has, run_python

PROGRAM = Path(__file__).parents[1] / "support" / "machines.py"


@pytest.mark.slow
@pytest.mark.skipif(not cpu_has("avx2"), reason="needs AVX2")
def test_the_bits_of_everything_are_those_of_another_instruction_set(tmp_path):
    """A machine without AVX-512 compares AVX2 with itself, so that the program is tried there, too."""
    wrote = run_python([str(PROGRAM), "write", str(tmp_path / "here")], "avx512" if cpu_has("avx512") else "avx2")
    assert wrote.returncode == 0, wrote.stderr
    compared = run_python([str(PROGRAM), "compare", str(tmp_path / "here")], "avx2")
    assert compared.returncode == 0, compared.stdout + compared.stderr
    assert "bundled models under avx2; 0 differences" in compared.stdout
