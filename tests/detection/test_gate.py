"""The gate: hysteresis, hang-over, any blocks, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wavenetlite as wl


def opened(scores, **options):
    return wl.Gate(0.6, **options).stream(50.0).process(np.array(scores, np.float32)).tolist()


def test_it_opens_at_the_threshold_and_stays_open_above_the_release():
    assert opened([0.5, 0.6, 0.5, 0.4, 0.3, 0.6], release=0.4, hang_over_ms=20) == [
        False, True, True, True, False, True,
    ]  # fmt: skip


def test_it_closes_when_so_many_frames_in_a_row_were_quiet():
    assert opened([0.9, 0.1, 0.1, 0.5, 0.1, 0.1, 0.1, 0.1], hang_over_ms=60) == [True] * 6 + [False] * 2
    assert opened([0.9, 0.1, 0.1], hang_over_ms=0) == [True, False, False]


def test_without_a_release_it_is_somewhat_below_the_threshold():
    assert opened([0.6, 0.46, 0.44], hang_over_ms=20) == [True, True, False]
    assert wl.Gate(0.1).stream(50.0).process(np.array([0.2, 0.0, 0.0], np.float32)).tolist() == [True] * 3


@given(st.lists(st.floats(0, 1, width=32), max_size=40), st.integers(0, 40), st.sampled_from([0, 20, 60, 200]))
def test_blocks_do_not_matter(scores, cut, hang_over_ms):
    gate = wl.Gate(0.5, 0.3, hang_over_ms=hang_over_ms)
    x = np.array(scores, np.float32)
    stream = gate.stream(50.0)
    parts = [*stream.process(x[:cut]), *stream.process(x[cut:])]
    assert parts == gate.stream(50.0).process(x).tolist()
    stream.reset()
    assert stream.process(x).tolist() == parts


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, "threshold=1.5"),
        ({"threshold": 0.4, "release": 0.5}, "release=0.5 must be at most threshold=0.4"),
        ({"hang_over_ms": -1}, "hang_over_ms=-1"),
        ({"lead_ms": float("nan")}, "lead_ms=nan"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(wl.ParameterError, match=message):
        wl.Gate(**options)


def test_bad_scores_and_rates_are_refused():
    with pytest.raises(wl.ParameterError, match="frame_rate=0"):
        wl.Gate().stream(0)
    for scores in ([0.5], np.zeros((2, 2), np.float32), np.zeros(3, np.int64)):
        with pytest.raises(wl.ArrayTypeError, match="scores must be"):
            wl.Gate().stream(50.0).process(scores)
    assert wl.Gate(0.7, lead_ms=100) == wl.Gate(**wl.Gate(0.7, lead_ms=100).config()) != wl.Gate(0.7)
