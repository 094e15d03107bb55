"""Gated classifiers: what is heard has the bits of the classifier's own stream, whatever the blocks."""

import math

import numpy as np
import pytest
from gated_words import SR, bursts, loud_is_speech, run, word_classifier

import wavenetlite as wl
from wavenetlite.features import AutoGain, Deltas


def strided():
    return wl.Sequential([wl.nn.Conv1d(8, 8, 3, stride=2), wl.nn.Conv1d(8, 3, 4, stride=3, padding=(1, 2))])


@pytest.mark.parametrize(
    "clf",
    [
        word_classifier(),
        word_classifier(SR, Deltas(width=5)),
        word_classifier(model=strided()),
        word_classifier(clip_s=0.5, decision="peak"),
    ],
    ids=["tcn", "deltas", "strides and latency", "clips"],
)
def test_frames_heard_have_the_bits_of_the_own_stream_in_any_blocks(clf):
    y = bursts()
    gated = clf.gated(loud_is_speech())
    assert gated.exact
    own = clf.stream()
    own.process(y)
    events, numbers, p, stream = run(gated, y, [len(y)])
    inside = numbers < len(own.probabilities)
    assert 20 < inside.sum() < 0.7 * own.frames_out and (np.diff(numbers) > 0).all()
    assert (p[inside] == own.probabilities[numbers[inside]]).all()
    rng = np.random.default_rng(1)
    for sizes in ([160] * 600, rng.integers(0, 5000, 60).tolist()):
        other = run(gated, y, sizes)
        assert other[0] == events and (other[1] == numbers).all() and (other[2] == p).all()
        assert other[3].heard_samples == stream.heard_samples < 0.7 * len(y)


def test_what_is_heard_is_the_speech_with_its_lead_and_hang_over():
    gated = word_classifier().gated(loud_is_speech(), wl.Gate(0.5, 0.4, hang_over_ms=200, lead_ms=100))
    _, _, _, stream = run(gated, bursts(), [1000] * 96)
    # 0.9 - 0.1 to 2.0 + 0.2 s without a pause, 4.1 - 0.1 to 5.0 + 0.2 s; frames of the detector are of 20 ms
    assert stream.heard_s == pytest.approx(1.4 + 1.2, abs=0.13)


def test_events_are_those_of_the_detector_where_frames_not_heard_are_zeros():
    clf = word_classifier(background=[])
    gated = clf.gated(loud_is_speech())
    y = bursts()
    events, numbers, p, _ = run(gated, y, [len(y)])
    every = np.zeros((numbers.max() + 1, 3), np.float32)
    every[numbers] = p
    expected = clf.detector.stream(clf.labels, clf.frame_rate, background=clf.background).process(every)
    assert [(e.label, round(e.time_s, 4), e.score) for e in events] == [
        (e.label, round(min(clf.frame_time_s(e.frame), 6.0), 4), e.score) for e in expected
    ]
    assert events


def test_in_silence_the_classifier_does_not_run():
    gated = word_classifier().gated(loud_is_speech())
    stream = gated.stream()
    for _ in range(50):
        assert stream.process(np.zeros(3200, np.float32)) == []
    assert (stream.heard_s, stream.own.samples_in, stream.in_speech) == (0.0, 0, False)
    assert len(stream.kept) < 4 * (gated.warm_samples + SR)  # the past is not kept for ever
    assert stream.flush() == [] and stream.samples_in == 160_000


def test_a_detector_of_another_rate_gets_the_signal_resampled():
    pytest.importorskip("soxr")
    clf = word_classifier(8000)
    y = bursts(8000)
    whole = run(clf.gated(loud_is_speech()), y, [len(y)])
    own = clf.stream()
    own.process(y)
    inside = whole[1] < own.frames_out
    assert inside.sum() > 20 and (whole[2][inside] == own.probabilities[whole[1][inside]]).all()
    assert abs(whole[3].heard_s - run(clf.gated(loud_is_speech(8000, 160)), y, [len(y)])[3].heard_s) < 0.1


def test_a_memory_without_end_is_told():
    assert not word_classifier(SR, AutoGain()).gated(loud_is_speech()).exact
    recurrent = wl.Sequential([wl.nn.GRU(8, 8), wl.nn.Linear(8, 3)])
    gated = word_classifier(model=recurrent).gated(loud_is_speech())
    assert not gated.exact and gated.warm_samples == 2 * SR
    assert word_classifier().gated(loud_is_speech()).warm_samples < math.inf
    assert run(gated, bursts(), [len(bursts())])[3].heard_s > 1


def test_a_reset_stream_is_a_new_one():
    gated, y = word_classifier().gated(loud_is_speech()), bursts()
    first = run(gated, y, [len(y)])
    stream = first[3]
    with pytest.raises(wl.StreamStateError, match="flushed"):
        stream.process(y)
    stream.reset()
    stream.process(y[:30_000])
    stream.reset()
    assert stream.process(y) + stream.flush() == first[0]


def test_bad_blocks_leave_the_stream_as_it_was():
    gated, y = word_classifier().gated(loud_is_speech()), bursts()
    stream = gated.stream()
    events = stream.process(y[:20_000])
    for bad, error in ((y[:10].astype(np.float64), wl.ArrayTypeError), (np.full(9, np.nan, np.float32),
                       wl.ParameterError), (3000 * np.ones(50, np.float32), wl.ParameterError)):  # fmt: skip
        with pytest.raises(error):
            stream.process(bad)
    assert events + stream.process(y[20_000:]) + stream.flush() == run(gated, y, [len(y)])[0]


def test_what_is_no_detector_of_speech_is_refused():
    clf = word_classifier()
    with pytest.raises(wl.ArrayTypeError, match="vad is a TCN"):
        clf.gated(wl.TCN(8, 2, channels=4, dilations=[1]))
    with pytest.raises(wl.ParameterError, match="no background label"):
        clf.gated(wl.AudioClassifier(clf.features, clf.model, ["x", "y", "z"]))
    with pytest.raises(wl.ArrayTypeError, match="gate is a float"):
        clf.gated(loud_is_speech(), 0.5)


def test_a_snapshot_anywhere_resumes_with_the_same_bits_whatever_the_blocks_before():
    gated, y = word_classifier(SR, Deltas(width=5)).gated(loud_is_speech()), bursts()
    whole = run(gated, y, [len(y)])
    assert whole[0]
    for cut in (0, 700, 14_000, 17_000, 25_000, 40_000, 66_000, 75_000):
        stream, other = gated.stream(), gated.stream()
        before = stream.process(y[:cut])
        p = [stream.probabilities]
        for at in range(0, cut, 371):
            other.process(y[at : min(at + 371, cut)])
        blob = stream.snapshot()
        assert other.snapshot() == blob
        again = gated.stream()
        again.process(y[:50_000])
        again.restore(blob)
        for follower in (again, stream.fork()):
            assert follower.process(y[:0]) == []
            events = before + follower.process(y[cut:])
            rows = [*p, follower.probabilities]
            events += follower.flush()
            assert events == whole[0]
            assert (np.concatenate([*rows, follower.probabilities]) == whole[2]).all()
            assert follower.heard_samples == whole[3].heard_samples


def test_a_snapshot_is_small_in_silence_and_holds_what_may_be_needed():
    gated = word_classifier().gated(loud_is_speech())
    stream = gated.stream()
    stream.process(np.zeros(30 * SR, np.float32))
    assert len(stream.snapshot()) < 4 * gated.gating.past + 60_000


def test_snapshots_of_others_or_damaged_leave_the_stream_as_it_was():
    gated, y = word_classifier().gated(loud_is_speech()), bursts()
    stream = gated.stream()
    events = stream.process(y[:20_000])
    blob = stream.snapshot()
    others = [
        blob[:-9], blob[:100] + b"x" + blob[101:], word_classifier().stream().snapshot(),
        word_classifier().gated(loud_is_speech(), wl.Gate(0.5, 0.3)).stream().snapshot(),
    ]  # fmt: skip
    for bad in others:
        with pytest.raises(wl.SnapshotError):
            stream.restore(bad)
    assert events + stream.process(y[20_000:]) + stream.flush() == run(gated, y, [len(y)])[0]
    with pytest.raises(wl.StreamStateError, match="flushed"):
        stream.snapshot()


@pytest.mark.parametrize("name", ["samples_in", "vad_frames", "decided", "fed_to", "heard_samples", "fed_from"])
def test_counts_of_a_snapshot_that_contradict_each_other_are_refused(name):
    gated, y = word_classifier().gated(loud_is_speech()), bursts()
    stream = gated.stream()
    stream.process(y[:20_000])
    for value in (-1, 10**9):
        forged = gated.stream()
        forged.restore(stream.snapshot())
        setattr(forged, name, value)
        with pytest.raises(wl.SnapshotError):
            gated.stream().restore(forged.snapshot())


def test_a_resampler_cannot_be_saved_and_that_is_told():
    pytest.importorskip("soxr")
    stream = word_classifier(8000).gated(loud_is_speech()).stream()
    with pytest.raises(wl.StreamStateError, match="vad has the sample rate 16000, the classifier 8000"):
        stream.snapshot()
