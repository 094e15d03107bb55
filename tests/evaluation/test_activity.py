"""Areas under the ROC curve, and the scores of units of time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wavenetlite as wl
from wavenetlite.evaluation.activity import area_under_roc, roc_areas, speech_scores
from wavenetlite.train.talk import Talk


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_the_area_is_the_share_of_pairs_in_order(drawn):
    scores, truth = np.array([one for one, _ in drawn]) / 5, np.array([one for _, one in drawn])
    if truth.all() or not truth.any():
        with pytest.raises(wl.ParameterError, match="both values"):
            area_under_roc(scores, truth)
        return
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[truth] for b in scores[~truth]]
    assert area_under_roc(scores, truth) == pytest.approx(np.mean(pairs))


def test_shapes_must_be_the_same():
    with pytest.raises(wl.ParameterError, match=r"scores has shape \(2,\) and truth \(3,\)"):
        area_under_roc([0.1, 0.2], [True, False, True])


def level_detector():
    features = wl.LogMel(sr=16000, n_fft=320, hop_length=320, n_mels=4)
    layer = wl.nn.Linear(4, 2)
    layer.load_state_dict({"weight": np.array([[0.1] * 4, [0.0] * 4], np.float32), "bias": np.array([18, 0], "f4")})
    return wl.AudioClassifier(features, wl.Sequential([layer]), ["speech", "_noise_"], background=["_noise_"])


def test_a_unit_has_the_score_of_the_frame_it_is_new_in():
    y = np.zeros(32_000, np.float32)
    y[8000:16_000] = 0.1 * np.random.default_rng(0).standard_normal(8000)
    scores = speech_scores(level_detector(), y, 200)
    assert (scores[:50] < 0.5).all() and (scores[50:100] > 0.5).all() and (scores[100:] < 0.5).all()
    with pytest.raises(wl.ParameterError, match="y has 100 samples"):
        speech_scores(level_detector(), y[:100], 1)


def test_a_detector_of_level_is_better_the_less_noise_there_is():
    y = np.zeros(32_000, np.float32)
    y[8000:24_000] = 0.1 * np.random.default_rng(0).standard_normal(16_000)
    areas = roc_areas(level_detector(), [Talk.of(y, 16000)], snrs_db=(-10.0, 20.0), scenes=2)
    assert list(areas) == [-10.0, 20.0] and 0.5 < areas[-10.0] < areas[20.0] and areas[20.0] > 0.9


def test_echoes_count_only_where_it_is_asked_for():
    rng = np.random.default_rng(0)
    y = np.zeros(48_000, np.float32)
    fall = 10 ** (-50 * np.arange(24_000) / 16_000 / 20)
    y[8000:16_000] = 0.1 * rng.standard_normal(8000)
    y[16_000:40_000] = 0.1 * fall * rng.standard_normal(24_000)
    talk = [Talk.of(y, 16000)]
    sure, all_units = (
        roc_areas(level_detector(), talk, snrs_db=(20.0,), scenes=2, doubtful=doubtful)[20.0]
        for doubtful in (False, True)
    )
    assert all_units < sure - 0.02 and sure > 0.98
