"""Packed weights: those that are part of others are kept once."""

import numpy as np
import pytest

from wavenetlite.kernels import LANES
from wavenetlite.kernels.pack import Arena, SharingArena, place_in


def bits(values):
    return np.asarray(values, np.float32).view(np.uint32)


def weights(size, zeros, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(size) * (rng.random(size) >= zeros)).astype(np.float32)


@pytest.mark.parametrize("zeros", [0.0, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("size", [1, 4, LANES, 100, 40 * LANES])
def test_a_part_is_found_where_it_lies(size, zeros):
    whole = weights(60 * LANES, zeros)
    for start in (0, 3 * LANES, 60 * LANES - size):
        part = whole[start : start + size]
        found = place_in(bits(whole), bits(part))
        assert found is None or (found % LANES == 0 and (bits(whole)[found : found + size] == bits(part)).all())
        assert found is not None or start % LANES
    if zeros < 1.0:
        assert place_in(bits(whole), bits(weights(40 * LANES, zeros, seed=1))) is None


def test_what_is_longer_or_empty_is_nowhere():
    assert place_in(bits(np.zeros(4)), bits(np.zeros(5))) is None
    assert place_in(bits(np.zeros(4)), bits(np.zeros(0))) is None


def test_zeros_of_two_signs_and_nan_are_told_apart():
    quiet, other = np.array([0x7FC00000], np.uint32), np.array([0x7FC00001], np.uint32)
    whole = np.repeat(np.concatenate([bits([0.0]), bits([-0.0]), quiet]), LANES)
    for number, value in enumerate((bits([0.0]), bits([-0.0]), quiet)):
        assert place_in(whole, np.repeat(value, LANES)) == number * LANES
    assert place_in(whole, np.repeat(other, LANES)) is None


def test_shared_arrays_lie_in_the_arena_as_they_were_given():
    arena = Arena()
    arena.add(np.ones(5))
    sharing = SharingArena(arena)
    arrays = [weights(64, 0.0), weights(20, 0.0), weights(64, 0.0)[LANES : LANES + 20], np.zeros(0), weights(64, 0.0)]
    offsets = [sharing.add(array) for array in arrays]
    assert offsets[2] == offsets[0] + LANES
    assert offsets[4] == offsets[0]
    memory = np.zeros(arena.floats, np.float32)
    for offset, array in arena.arrays:
        memory[offset : offset + array.size] = array
    for offset, array in zip(offsets, arrays, strict=True):
        assert offset % LANES == 0
        assert (memory[offset : offset + array.size] == array).all()


def test_weights_that_look_alike_everywhere_are_compared_at_few_places():
    """At all of them it would take minutes."""
    whole, part = np.zeros(2**22, np.float32), np.zeros(2**21, np.float32)
    whole[5 * LANES // 2 :: 2**12], part[2**20 + 1] = 1.0, 2.0
    assert place_in(bits(whole), bits(part)) is None
