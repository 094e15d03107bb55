"""Alarms in a background, words in clips, and thresholds for a rate of alarms."""

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.corpora.background import Background, BackgroundFile
from wavenetlite.evaluation.alarms import (
    ALL,
    count_alarms,
    listen_to_background,
    listen_to_clips,
    live_text,
    quiet_detector,
    quiet_thresholds,
)
from wavenetlite.evaluation.scores import ReferenceEvent, ScoredRecording
from wavenetlite.support.errors import ParameterError
from wavenetlite.train import Clips

SR, RATE = 8000, 100.0
LABELS = ["go", "stop", "_unknown_"]


@pytest.fixture(scope="module")
def clf():
    spec = wl.LogMel(sr=SR, n_fft=256, hop_length=80, n_mels=20)
    model = wl.TCN(20, 3, channels=4, dilations=[1], seed=0)
    detector = wl.Detector(0.5, smoothing_ms=0, min_duration_ms=0, refractory_ms=100)
    return wl.AudioClassifier(spec, model, LABELS, detector=detector)


def heard(p, *said, hours=None):
    """A recording with these probabilities of "go" and "stop", (frames, 2)."""
    p = np.asarray(p, np.float32)
    rest = 1 - p.sum(axis=1, keepdims=True)
    times = np.arange(1, len(p) + 1) / RATE
    return ScoredRecording(
        "one", np.concatenate([p, rest], axis=1), times, len(p) / RATE if hours is None else 3600 * hours, said
    )


def with_alarms(frames, **scores):
    p = np.full((frames, 2), 0.01)
    for at, (column, value) in scores.values():
        p[at, column] = value
    return p


def test_a_background_is_one_stream(clf):
    y = (3000 * np.random.default_rng(0).standard_normal(5000)).astype(np.int16)
    whole = listen_to_background(clf, Background([BackgroundFile("a", y)], SR, []))
    parts = listen_to_background(
        clf, Background([BackgroundFile("a", y[:1234]), BackgroundFile("b", y[1234:])], SR, [])
    )
    assert whole.probabilities.tobytes() == parts.probabilities.tobytes()
    assert whole.duration_s == 5000 / SR
    assert len(whole.times_s) == len(whole.probabilities)


def test_another_rate_is_refused(clf):
    with pytest.raises(ParameterError, match="background has the sample rate 16000; it must be 8000"):
        listen_to_background(clf, Background([BackgroundFile("a", np.zeros(100, np.int16))], 16000, []))


def test_clips_lie_in_noise_and_others_are_left_out(clf):
    audio = np.zeros((3, 4000), np.float32)
    audio[:, 1000:3000] = 0.3
    clips = Clips(audio, np.array([0, 1, 2]), ["a", "b", "c"], lengths=np.array([4000, 2000, 4000]))
    made = listen_to_clips(clf, clips, LABELS)
    assert [one.name for one in made] == ["a", "b"]
    assert made[0].said == (ReferenceEvent("go", 1.0, 1.5),)
    assert made[1].said == (ReferenceEvent("stop", 1.125, 1.375),)
    assert made[0].duration_s == 2.5
    again = listen_to_clips(clf, clips, LABELS)
    assert again[1].probabilities.tobytes() == made[1].probabilities.tobytes()


def test_alarms_and_words_are_counted(clf):
    talk = heard(with_alarms(2000, a=(100, (0, 0.9)), b=(105, (0, 0.95)), c=(500, (1, 0.7))), hours=0.5)
    said = [heard(with_alarms(300, a=(150, (0, 0.8))), ReferenceEvent("go", 1.0, 2.0)),
            heard(with_alarms(300), ReferenceEvent("go", 1.0, 2.0))]  # fmt: skip
    found = count_alarms(clf, talk, said)
    assert [(found.background[word].alarms, found.clips[word].found) for word in ("go", "stop", ALL)] == [
        (1, 1),
        (1, 0),
        (2, 1),
    ]
    assert found.note() == {
        "false_alarms": 2, "hours": 0.5, "false_alarms_per_hour": 4.0, "recall": 0.5, "words": 2,
        "delay_median_s": -0.49, "delay_p95_s": -0.49,
    }  # fmt: skip
    assert found.json()["stop"] == {"false_alarms": 1, "false_alarms_per_hour": 2.0, "said": 0, "found": 0}
    assert "0.50 h of background" in str(found)
    at = int(np.searchsorted(found.curve.thresholds, 0.85))
    assert (found.curve.outcomes[at].alarms, found.curve.outcomes[at].found) == (1, 0)
    assert found.curve.outcomes[0].alarms == 2


def test_alarms_alone(clf):
    found = count_alarms(clf, heard(with_alarms(2000)))
    assert found.clips is None
    assert found.curve is None
    assert set(found.note()) == {"false_alarms", "hours", "false_alarms_per_hour"}
    assert str(found).splitlines()[2].split() == ["alarms", "an", "hour"]


def exponential(rng, hours, go, stop, frames=400_000):
    """Talk whose events have exponentially distributed log-odds above -1.5."""
    p = np.full((frames, 2), 0.001)
    for column, count in enumerate((go, stop)):
        odds = -1.5 + rng.exponential(0.6, count)
        p[100 + column * 50 + 200 * np.arange(count), column] = 1 / (1 + np.exp(-odds))
    return heard(p, hours=hours)


def test_thresholds_give_the_rate_that_was_asked_for(clf):
    chosen = exponential(np.random.default_rng(0), 2.0, 400, 100)
    thresholds = quiet_thresholds(chosen, clf, 10.0)
    other = exponential(np.random.default_rng(1), 2.0, 400, 100)
    alarms = count_alarms(clf.with_detector(clf.detector.replace(thresholds=thresholds)), other).background
    assert 4 <= alarms["go"].false_alarms_per_hour <= 6.5  # half of the ten for each word
    assert 3.5 <= alarms["stop"].false_alarms_per_hour <= 6.5
    assert thresholds["go"] > thresholds["stop"]
    stricter = quiet_thresholds(chosen, clf, 1.0)
    assert all(stricter[word] > thresholds[word] for word in thresholds)


def test_minutes_of_talk_do_not_give_many_alarms(clf):
    """Mean rate that thresholds chosen on four minutes really have; of 40 and 10 events an hour, few are in them."""
    rng, hours, per_hour = np.random.default_rng(0), 4 / 60, {"go": 40, "stop": 10}
    rates = []
    for _ in range(60):
        talk = exponential(rng, hours, *rng.poisson([hours * rate for rate in per_hour.values()]), frames=4000)
        thresholds = quiet_thresholds(talk, clf, 1.0)  # less than a quarter of an alarm in them, so 3.75 are taken
        excess = {word: np.log(p / (1 - p)) + 1.5 for word, p in thresholds.items()}
        rates.append(sum(rate * np.exp(-excess[word] / 0.6) for word, rate in per_hour.items()))
    assert 1.0 <= np.mean(rates) <= 3.75


def test_silent_talk_gives_the_least_threshold(clf):
    assert quiet_thresholds(heard(with_alarms(1000), hours=10), clf, 1.0) == {"go": 0.3, "stop": 0.3}


def test_a_quiet_detector_keeps_its_times(clf):
    made = quiet_detector(exponential(np.random.default_rng(0), 2.0, 400, 100), clf, 1.0)
    assert made.refractory_ms == 100
    assert set(made.thresholds) == {"go", "stop"}


@pytest.mark.parametrize("rate", [0, -1.0, float("nan")])
def test_a_rate_must_be_above_zero(clf, rate):
    with pytest.raises(ParameterError, match="false_alarms_per_hour"):
        quiet_thresholds(heard(with_alarms(10)), clf, rate)


@pytest.mark.parametrize(
    ("note", "text"),
    [
        ({"false_alarms_per_hour": 2.5, "hours": 1.5}, "measured: 2.5 false alarms an hour in 1.5 h of talk"),
        (
            {"false_alarms_per_hour": 2, "hours": 1, "background": "Dutch", "recall": 0.925, "delay_median_s": -0.1},
            "measured: 2 false alarms an hour in 1 h of talk (Dutch);"
            " hears 92.5 % of clips of its words, 100 ms before their end",
        ),
        ({}, ""),
        ({"false_alarms_per_hour": "many", "hours": 1}, ""),
    ],
)
def test_notes_as_a_sentence(note, text):
    assert live_text(note) == text
