"""Random PyTorch modules are read as they compute, or refused."""

import pytest

pytest.importorskip("torch", reason="needs PyTorch")

from random_torch import module, outcome


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("first", range(0, 40, 10))
def test_random_modules(first):
    for seed in range(first, first + 10):
        found = outcome(seed)
        assert not found.startswith("WRONG"), f"seed {seed}: {found}\n{module(seed)}"
