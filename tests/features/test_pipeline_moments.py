"""Mean and variance in one pass: right far from zero, and the same in whatever parts."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from wavenetlite.pipeline.statistics import Statistics, merge


@given(st.integers(0, 2**32 - 1), st.lists(st.integers(0, 40), min_size=1, max_size=12),
       st.sampled_from([0.0, -60.0, 1e6]), st.sampled_from([1e-3, 1.0, 1e3]))  # fmt: skip
def test_any_parts_give_the_moments_of_the_whole(seed, sizes, mean, deviation):
    rng = np.random.default_rng(seed)
    parts = [mean + deviation * rng.standard_normal((size, 3)) for size in sizes]
    whole, found = np.concatenate(parts), merge([Statistics.of(part) for part in parts], 3)
    assert found.count == len(whole)
    if len(whole):
        assert np.allclose(found.mean, whole.mean(axis=0), rtol=1e-12, atol=1e-12 * max(abs(mean), deviation))
        assert np.allclose(found.variance, whole.var(axis=0), rtol=1e-6, atol=1e-9 * deviation**2)
    else:
        assert not found.variance.any()


def test_a_naive_sum_of_squares_would_fail():
    x = 1e8 + np.random.default_rng(0).standard_normal((100_000, 1))
    naive = (x**2).mean(axis=0) - x.mean(axis=0) ** 2
    found = merge([Statistics.of(part) for part in np.array_split(x, 37)], 1)
    assert abs(naive[0] - 1) > 0.1
    assert np.allclose(found.variance, x.var(axis=0), rtol=1e-9)
