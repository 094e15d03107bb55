"""Thresholds for a rate of false alarms, and the decision that ESPHome takes by them."""

import numpy as np
import pytest

from wavenetlite.evaluation.tails import Tail, smoothed
from wavenetlite.recipes.wake.thresholds import LEAST, MOST, WINDOW, Tails, detector, tail_of, threshold_for


def test_the_tail_of_known_scores_goes_on_where_the_recordings_end():
    """Exponential log-odds: the threshold for a rate is known, though it is seldom reached."""
    rng = np.random.default_rng(0)
    steps, rate = 120_000, 0.5  # an hour of probabilities
    found = []
    for _ in range(24):
        odds = np.full(steps, -12.0)
        at = rng.choice(np.arange(100, steps, 60), 200, replace=False)
        odds[at] = rng.exponential(1.5, 200) - 6.0
        p = 1 / (1 + np.exp(-np.repeat(odds, 1)))
        held = np.maximum.reduce([np.roll(p, shift) for shift in range(5)])  # as long as the average
        found.append(tail_of([held], 1.0).at(rate))
    wanted = -6.0 + 1.5 * np.log(200 / rate)
    assert np.mean(found) == pytest.approx(wanted, abs=1.0)
    assert np.std(found) < 1.0  # of a dozen peaks 1.25


@pytest.mark.parametrize(("tail", "wanted"), [(Tail(-30.0, 1.0, 0.1), LEAST), (Tail(30.0, 100.0, 0.1), MOST)])
def test_a_threshold_is_one_that_8_bits_reach(tail, wanted):
    assert threshold_for(tail, 0.5) == wanted


def test_a_threshold_holds_in_the_kind_of_background_that_has_most_alarms():
    quiet, talk = Tail(-6.0, 4.0, 1.0), Tail(-3.0, 12.0, 0.8)
    both = Tails((quiet, talk))
    assert threshold_for(both, 0.5) == threshold_for(talk, 0.5) > threshold_for(quiet, 0.5)
    assert both.rate(0.5) == pytest.approx(talk.rate(0.5)) and talk.rate(0.5) > quiet.rate(0.5)
    assert both.rate(threshold_for(both, 0.5)) == pytest.approx(0.5)


def test_kinds_of_background_lend_each_other_their_scale():
    """One recording with two odd peaks must not raise the threshold for all."""
    odd, plain = Tail(-5.0, 20.0, 3.0), Tail(-4.0, 8.0, 1.0)
    both = Tails((odd, plain)).of_one_scale()
    assert [one.scale for one in both.kinds] == [2.0, 2.0]
    assert [(one.start, one.per_hour) for one in both.kinds] == [(-5.0, 20.0), (-4.0, 8.0)]
    assert both.at(0.5) == pytest.approx(max(-5 + 2 * np.log(40), -4 + 2 * np.log(16)))


def test_nothing_was_heard():
    assert 0 < threshold_for(tail_of([], 0.0), 0.5) < 1


def test_the_decision_is_that_of_esphome():
    rng = np.random.default_rng(1)
    p = np.clip(rng.normal(0.5, 0.3, 400), 0, 1).astype(np.float32)
    stream = detector({"go": 0.6}).stream(["go", "_unknown_"], 100 / 3, background=["_unknown_"])
    events = stream.process(np.stack([p, 1 - p], axis=1))
    above = np.flatnonzero(smoothed(p.astype(np.float64), WINDOW) >= 0.6)
    assert events[0].frame == above[0]
    assert all(event.frame in above for event in events)
