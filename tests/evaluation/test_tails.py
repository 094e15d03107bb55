"""Peaks of scores, and how seldom high ones are."""

import numpy as np
import pytest

from wavenetlite.detection.detector import Detector
from wavenetlite.evaluation.tails import Tail, log_odds, odds_to_probability, peaks, smoothed


def test_the_mean_of_the_last_five():
    p = np.array([[0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]])
    np.testing.assert_allclose(smoothed(p, 5), [[0, 0.2, 0.4, 0.6, 0.8, 1.0, 0.8]], atol=1e-12)
    np.testing.assert_allclose(smoothed(p[0], 1), p[0])


def test_a_peak_is_the_highest_on_both_sides():
    scores = np.array([0.0, 5.0, 4.0, 0.0, 0.0, 3.0, 0.0])
    assert peaks(scores, 2).tolist() == [5.0, 3.0]
    assert peaks(scores, 2, 4.0).tolist() == [5.0]
    assert peaks(scores, 3).tolist() == [5.0, 3.0]
    assert peaks(scores, 4).tolist() == [5.0]
    assert peaks(np.zeros(0), 2).tolist() == []


def test_a_long_slope_is_no_peak():
    slope = np.concatenate([np.arange(50.0), np.arange(50.0)[::-1]])
    assert peaks(slope, 3).tolist() == [49.0]


def test_a_plateau_is_one_peak_and_equal_scores_apart_are_two():
    assert peaks(np.array([0.0, 1.0, 1.0, 1.0, 0.0]), 3).tolist() == [1.0]
    assert peaks(np.array([0.0, *[1.0] * 20, 0.0]), 3).tolist() == [1.0]
    assert peaks(np.array([1.0, 0.0, 0.0, 0.0, 1.0]), 3).tolist() == [1.0, 1.0]


def test_a_shoulder_belongs_to_its_peak_on_either_side():
    shoulder = np.array([0.0, 5.0, *[4.0] * 12, 0.0])
    assert peaks(shoulder, 3, 1.0).tolist() == peaks(shoulder[::-1], 3, 1.0).tolist() == [5.0]
    assert peaks(np.array([0.0, 5.0, 3.0, 3.0, 3.0, 3.0, 4.0, 0.0]), 3, 1.0).tolist() == [5.0, 4.0]


def test_equal_scores_that_follow_each_other_closely_do_not_hide_all_later_ones():
    every_third = np.tile([1.0, 0.0, 0.0], 20)
    assert len(peaks(every_third, 5, 1.0)) == 10


@pytest.mark.parametrize("apart", [1, 2, 7])
@pytest.mark.parametrize("often", [0.1, 0.5, 0.95])
def test_of_two_levels_there_are_as_many_peaks_as_the_detector_has_events(apart, often):
    detector = Detector(0.75, smoothing_ms=0, min_duration_ms=0, refractory_ms=10 * apart)
    for seed in range(20):
        scores = np.where(np.random.default_rng(seed).random(300) < often, 0.75, 0.25)
        heard = detector.stream(["word"], 100.0).process(scores[:, None].astype(np.float32))
        assert len(peaks(scores, apart, 0.5)) == len(heard)


def test_a_rate_and_its_threshold_are_inverse():
    tail = Tail(start=-2.0, per_hour=10.0, scale=0.7)
    assert tail.rate(odds_to_probability(tail.at(0.5))) == pytest.approx(0.5)
    assert tail.rate(0.001) == 10.0


def test_log_odds_of_the_ends_are_finite():
    odds = log_odds(np.array([0.0, 0.5, 1.0]))
    assert np.isfinite(odds).all() and odds[1] == 0
    assert odds_to_probability(float(log_odds(np.array(0.3)))) == pytest.approx(0.3)
