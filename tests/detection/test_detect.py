"""Detection: against a slow detector written from the definition, in any blocks; rules, and what is refused."""

import json
import math
import threading
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import wavenetlite as wl
from wavenetlite.detection.detector import Detection, Detector

LABELS = ["yes", "no", "up", "_silence_"]
RATE = 100.0


def scores(*rows):
    """(frames, 4) float32 from rows of (label's number, score) or None."""
    x = np.zeros((len(rows), len(LABELS)), np.float32)
    for row, cell in zip(x, rows, strict=True):
        if cell is not None:
            row[cell[0]] = cell[1]
    return x


def plain(**options):
    """A detector that does nothing but compare, unless told otherwise."""
    return Detector(**{"threshold": 0.5, "smoothing_ms": 0, "min_duration_ms": 0, "refractory_ms": 0, **options})


def detect(detector, x, blocks=None, background=("_silence_",), rate=RATE):
    stream = detector.stream(LABELS, rate, background=background)
    parts = np.split(x, np.cumsum(blocks)) if blocks else [x]
    return [event for part in parts for event in stream.process(part)]


def what(events):
    return [(event.label, event.start_frame, event.frame) for event in events]


# --------------------------------------------------------------------------------------------------------- reference
def reference(detector, x, background, rate):
    """The definition in Detector's docstring, frame by frame, in exact fractions."""
    smoothing = max(1, round(detector.smoothing_ms * rate / 1000))
    duration = max(1, math.ceil(detector.min_duration_ms * rate / 1000 - 1e-6))
    refractory, warm_up, cool_off = (
        math.ceil(ms * rate / 1000 - 1e-6) for ms in (detector.refractory_ms, detector.warm_up_ms, detector.cool_off_ms)
    )
    events, run, fired, last, low = [], {}, set(), -math.inf, dict.fromkeys(LABELS, 0)
    for n in range(len(x)):
        certain = []
        for i, label in enumerate(LABELS):
            window = x[max(0, n - smoothing + 1) : n + 1, i]
            counted = sum(math.floor(Fraction(float(value)) * 2**40 + Fraction(1, 2)) for value in window)
            score = Fraction(counted, 2**40 * smoothing)
            start = detector.thresholds.get(label, detector.threshold)
            end = start if detector.release is None else detector.release
            rested = low[label] >= cool_off
            if cool_off and rested and label in fired:
                del run[label]
                fired.discard(label)
            low[label] += bool(x[n, i] < end)
            if label in run and score < end:
                del run[label]
                fired.discard(label)
            if label not in run and score >= start and label not in background:
                run[label] = (n, [])
            if label in run:
                run[label][1].append(score)
                waited = n - last >= refractory and n >= warm_up and rested and not (cool_off and score < start)
                if n - run[label][0] + 1 >= duration and label not in fired and waited:
                    certain.append((-score, i))
        if certain:
            label = LABELS[min(certain)[1]]
            first, values = run[label]
            fired.add(label)
            last, low[label] = n, 0
            events.append(Detection(label, float(max(values)), n, first, (n + 1) / rate, first / rate))
    return events


EIGHTHS = st.integers(0, 8).map(lambda k: k / 8)


@st.composite
def detectors(draw):
    """Thresholds in eighths and windows of a power of two frames, so that scores meet thresholds exactly."""
    thresholds = {label: draw(EIGHTHS) for label in draw(st.sets(st.sampled_from(LABELS), max_size=2))}
    threshold = draw(EIGHTHS)
    release = draw(st.none() | EIGHTHS)
    if release is not None:
        release = min([release, threshold, *thresholds.values()])
    times = st.sampled_from([0, 3, 10, 20, 35, 40])
    return Detector(
        threshold, release, smoothing_ms=draw(st.sampled_from([0, 10, 20, 40, 80])), min_duration_ms=draw(times),
        refractory_ms=draw(times), thresholds=thresholds, warm_up_ms=draw(times), cool_off_ms=draw(times),
    )  # fmt: skip


@st.composite
def held_scores(draw):
    """Scores that stay for some frames, as those of real networks do."""
    runs = draw(st.lists(st.tuples(st.integers(1, 6), st.tuples(*[EIGHTHS] * 4)), min_size=1, max_size=15))
    return np.array([row for frames, row in runs for _ in range(frames)], np.float32)


@given(detector=detectors(), x=held_scores(), background=st.sets(st.sampled_from(LABELS), max_size=2), data=st.data())
def test_the_definition_and_any_blocks(detector, x, background, data):
    expected = reference(detector, x, background, RATE)
    assert detect(detector, x, background=background) == expected
    blocks = data.draw(st.lists(st.integers(0, 5), max_size=len(x)))
    assert detect(detector, x, blocks, background=background) == expected


@pytest.mark.slow
@given(seed=st.integers(0, 2**32 - 1), rate=st.sampled_from([12.5, 62.5, 100.0, 16000 / 160 / 3]))
@example(seed=0, rate=100.0)
def test_the_definition_on_scores_of_any_value(seed, rate):
    rng = np.random.default_rng(seed)
    logits = np.cumsum(rng.standard_normal((200, 4)), axis=0)
    x = np.exp(logits - logits.max(axis=1, keepdims=True))
    x = (x / x.sum(axis=1, keepdims=True)).astype(np.float32)
    detector = Detector(0.55, 0.5, smoothing_ms=90, min_duration_ms=30, refractory_ms=70)
    assert detect(detector, x, rate=rate) == reference(detector, x, {"_silence_"}, rate)


def test_the_reference_finds_events():
    """It would prove nothing if there were none."""
    x = np.repeat(np.eye(4, dtype=np.float32), 20, axis=0)
    found = reference(Detector(0.6, smoothing_ms=40), x, {"_silence_"}, RATE)
    assert [event.label for event in found] == ["yes", "up"]  # "no" is over when the half second after "yes" is


# -------------------------------------------------------------------------------------------------------------- rules
def test_a_run_makes_one_event_however_long():
    assert what(detect(plain(), scores(*[(0, 0.9)] * 50))) == [("yes", 0, 0)]
    assert what(detect(plain(), scores((0, 0.9), None, (0, 0.9)))) == [("yes", 0, 0), ("yes", 2, 2)]


def test_hysteresis():
    x = scores((0, 0.6), (0, 0.4), (0, 0.6), (0, 0.2), (0, 0.6))
    assert what(detect(plain(), x)) == [("yes", 0, 0), ("yes", 2, 2), ("yes", 4, 4)]
    assert what(detect(plain(release=0.3), x)) == [("yes", 0, 0), ("yes", 4, 4)]


def test_the_threshold_is_reached_by_an_equal_score():
    assert what(detect(plain(threshold=0.75), scores((0, 0.75)))) == [("yes", 0, 0)]
    below = np.nextafter(np.float32(0.75), np.float32(0))
    assert not detect(plain(threshold=0.75), scores((0, below)))


def test_smoothing_counts_zeros_before_the_first_frame():
    detector = plain(threshold=0.6, smoothing_ms=50)
    assert what(detect(detector, scores(*[(1, 1.0)] * 5))) == [("no", 2, 2)]  # 3 of 5 frames
    assert not detect(detector, scores(*[(1, 1.0)] * 2))
    assert not detect(detector, scores((1, 1.0), None, (1, 1.0), None, None))


def test_min_duration_is_rounded_up_and_counts_the_first_frame():
    x = scores(*[(0, 0.9)] * 3)
    for duration, frame in ((0, 0), (1, 0), (10, 0), (10.1, 1), (20, 1), (30, 2)):
        assert what(detect(plain(min_duration_ms=duration), x)) == [("yes", 0, frame)]
    assert not detect(plain(min_duration_ms=31), x)
    assert not detect(plain(min_duration_ms=20), scores((0, 0.9), None, (0, 0.9)))


def test_refractory_time_is_of_all_labels_and_a_run_outlasts_it():
    x = scores((0, 0.9), None, *[(1, 0.9)] * 8)
    assert what(detect(plain(refractory_ms=50), x)) == [("yes", 0, 0), ("no", 2, 5)]
    assert what(detect(plain(refractory_ms=50), x[:5])) == [("yes", 0, 0)]
    assert what(detect(plain(refractory_ms=20), x)) == [("yes", 0, 0), ("no", 2, 2)]
    again = scores((0, 0.9), None, (0, 0.9), None, None, None, (0, 0.9))
    assert what(detect(plain(refractory_ms=50), again)) == [("yes", 0, 0), ("yes", 6, 6)]


def test_of_two_labels_at_once_the_higher_one_is_first():
    x = np.array([[0.6, 0.7, 0, 0]] * 3, np.float32)
    assert what(detect(plain(), x)) == [("no", 0, 0), ("yes", 0, 1)]
    assert what(detect(plain(), np.array([[0.6, 0.6, 0, 0]], np.float32))) == [("yes", 0, 0)]


def test_the_score_is_the_peak_of_the_run_so_far():
    x = scores((0, 0.5), (0, 0.875), (0, 0.75), (0, 1.0))
    (event,) = detect(plain(min_duration_ms=30), x)
    assert (event.score, event.frame) == (0.875, 2)
    (again,) = detect(plain(min_duration_ms=30), np.concatenate([scores((0, 1.0), None), x]))
    assert again.score == 0.875  # and not of the run before


def test_thresholds_of_single_labels_and_background():
    x = scores((0, 0.6), (1, 0.6), (3, 0.9))
    assert what(detect(plain(thresholds={"no": 0.7}), x)) == [("yes", 0, 0)]
    assert what(detect(plain(thresholds={"no": 0.7}), x, background=())) == [("yes", 0, 0), ("_silence_", 2, 2)]
    assert not detect(plain(), np.ones((5, 4), np.float32), background=LABELS)


def test_times_are_frames_at_the_rate():
    (event,) = detect(plain(min_duration_ms=100), scores(None, *[(0, 0.9)] * 9), rate=12.5)
    assert (event.start_frame, event.frame, event.start_s, event.time_s) == (1, 2, 0.08, 0.24)


def test_nothing_is_left_in_the_sums_after_a_long_time():
    """Moving sums in floating-point would keep what rounding left; a score of exactly 1 would no longer be reached."""
    rng = np.random.default_rng(0)
    detector = plain(threshold=1.0, smoothing_ms=70)
    stream = detector.stream(LABELS, RATE)
    assert not stream.process(rng.random((100_000, 4), np.float32) * np.float32(0.99))
    assert what(stream.process(scores(*[(2, 1.0)] * 7))) == [("up", 100_006, 100_006)]


def test_reset_forgets_everything():
    detector = Detector(0.5, 0.25, smoothing_ms=40, min_duration_ms=20, refractory_ms=1000)
    x = np.repeat(np.eye(4, dtype=np.float32)[[0, 1]], 8, axis=0)
    fresh = detect(detector, x, background=())
    stream = detector.stream(LABELS, RATE)
    stream.process(x[::-1].copy())
    assert stream.frames_in == 16
    stream.reset()
    assert stream.frames_in == 0
    assert fresh
    assert stream.process(x) == fresh


# ------------------------------------------------------------------------------------------------------------ refused
def test_scores_that_are_refused_leave_the_stream_as_it_was():
    detector, x = Detector(0.5, smoothing_ms=30, min_duration_ms=0), scores(*[(0, 0.9)] * 4)
    stream = detector.stream(LABELS, RATE)
    assert not stream.process(x[:1])
    bad = [
        (x.astype(np.float64), "dtype float64; it must be float32"),
        (x[0], r"has shape \(4,\); it must be \(frames, 4\)"),
        (x[:, :3], r"has shape \(4, 3\)"),
        (np.asfortranarray(x), "must be C-contiguous"),
        (x.tolist(), "is a list; it must be a NumPy array"),
        (None, "is a NoneType"),
        (np.where(x > 0, x, np.float32(np.nan)), "scores is negative or not finite at frame 0"),
        (np.concatenate([x, -x]), "scores is negative or not finite at frame 4"),
        (np.concatenate([x, x * 2]), r"scores has 1.79\d* at frame 4; it must be between 0 and 1"),
        (np.full((1, 4), np.inf, np.float32), "not finite at frame 0"),
    ]
    for value, message in bad:
        with pytest.raises(wl.WavenetliteError, match=message):
            stream.process(value)
    assert stream.frames_in == 1
    assert what(stream.process(x[1:])) == what(detect(detector, x)) == [("yes", 1, 1)]
    assert stream.process(x[:0]) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, "threshold=1.5 must be between 0 and 1"),
        ({"threshold": -0.1}, "threshold=-0.1 must be finite and at least 0"),
        ({"threshold": float("nan")}, "threshold=nan"),
        ({"threshold": "high"}, "threshold='high' is a str; it must be a number"),
        ({"threshold": 0.5, "release": 0.6}, "release=0.6 must be at most threshold=0.5"),
        ({"release": 0.5, "thresholds": {"no": 0.4}}, r"release=0.5 must be at most thresholds\['no'\]=0.4"),
        ({"thresholds": {"no": 2}}, r"thresholds\['no'\]=2 must be between 0 and 1"),
        ({"thresholds": {3: 0.5}}, "thresholds has the key 3"),
        ({"thresholds": [0.5]}, "thresholds is a list; it must be a dict"),
        ({"smoothing_ms": -1}, "smoothing_ms=-1 must be finite and at least 0"),
        ({"min_duration_ms": 1e10}, "min_duration_ms=10000000000.0 must be at most 1e"),
        ({"refractory_ms": None}, "refractory_ms=None is a NoneType"),
    ],
)
def test_options_that_are_refused(options, message):
    with pytest.raises(wl.WavenetliteError, match=message):
        Detector(**options)


def test_streams_that_are_refused():
    for detector, arguments, message in [
        (
            Detector(),
            {"background": ["_quiet_"]},
            "background contains '_quiet_'; it must be one of the labels yes, no",
        ),
        (Detector(thresholds={"go": 0.5}), {}, "thresholds contains 'go'; it must be one of the labels"),
        (Detector(), {"frame_rate": 0}, "frame_rate=0 must be positive"),
        (Detector(smoothing_ms=1e9), {}, "smoothing_ms=1000000000.0 is 100000000 frames of 4 labels"),
    ]:
        with pytest.raises(wl.ParameterError, match=message):
            detector.stream(LABELS, **{"frame_rate": RATE, **arguments})


def test_config():
    detector = Detector(0.7, 0.3, smoothing_ms=123, min_duration_ms=4.5, refractory_ms=0, thresholds={"no": 0.9})
    again = Detector.from_config(json.loads(json.dumps(detector.config())))
    assert again == detector
    assert again.config() == detector.config()
    assert again != Detector()
    assert repr(again) == repr(detector)
    with pytest.raises(wl.ParameterError, match="config of a detector is invalid"):
        Detector.from_config({"threshold": 0.5, "speed": 3})
    with pytest.raises(wl.ArrayTypeError, match="must be a dict"):
        Detector.from_config([0.5])
    detector.thresholds["no"] = 0.1  # a copy
    assert detector == again


def test_two_threads_on_one_stream_are_an_error():
    stream = Detector().stream(LABELS, RATE)
    x, outcomes, barrier = np.zeros((2_000_000, 4), np.float32), [], threading.Barrier(2)

    def work():
        barrier.wait()
        try:
            outcomes.append(stream.process(x))
        except wl.StreamStateError as error:
            outcomes.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # One may have ended before the other began; then both were right.
    refused = [outcome for outcome in outcomes if isinstance(outcome, str)]
    assert len(refused) <= 1
    assert all("another thread" in text for text in refused)
    assert stream.frames_in == len(x) * (2 - len(refused))
