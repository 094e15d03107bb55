"""Classifiers: the same bits in any blocks, times that are true, and one clear line for what cannot be classified."""

import copy
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from catalogue import randomised
from features_catalogue import same_bits
from hypothesis import given, settings
from hypothesis import strategies as st

import wavenetlite as wl
from wavenetlite import features as F  # noqa: N812

nn = wl.nn
f32 = np.float32
SR = 16000
LABELS = ["yes", "no", "_silence_"]
ALERT = wl.detection.Detector(0.4, 0.35, smoothing_ms=40, min_duration_ms=20, refractory_ms=60)


def tcn(channels=40, **options):
    return randomised(wl.TCN(channels, 3, channels=8, kernel_size=3, dilations=[1, 2, 4], **options))


def strided():
    layers = [nn.BatchNorm(40), nn.Conv1d(40, 8, 5, stride=2), nn.Activation("relu"), nn.Conv1d(8, 6, 3, stride=3)]
    return randomised(wl.Sequential([*layers, nn.Activation("tanh"), nn.Linear(6, 3)]))


def looking_ahead():
    layers = [
        nn.Conv1d(40, 8, 5, padding="same"),
        nn.Activation("relu"),
        nn.Conv1d(8, 3, 3, dilation=2, padding="same"),
    ]
    return randomised(wl.Sequential(layers))


def starting_late():
    layers = [
        nn.Conv1d(40, 8, 5, padding="valid"),
        nn.Activation("relu"),
        nn.Conv1d(8, 3, 3, stride=2, padding="valid"),
    ]
    return randomised(wl.Sequential(layers))


def wavenet():
    return randomised(wl.WaveNet(40, 3, residual_channels=4, skip_channels=4, dilations=[1, 2]))


def pooled():
    layers = [nn.Conv1d(40, 8, 3), nn.Activation("elu"), nn.CumulativePool("mean"), nn.Linear(8, 3)]
    return randomised(wl.Sequential(layers))


def whitened(**options):
    return F.LogMel(**options).then(F.MeanVariance(np.full(40, -35.0), np.full(40, 60.0)))


CLASSIFIERS = {
    "log mel, tcn": lambda: (whitened(), tcn()),
    "centred": lambda: (whitened(center=True), tcn()),
    "strided": lambda: (whitened(), strided()),
    "centred and strided": lambda: (whitened(center=True, hop_length=100), strided()),
    "looking ahead": lambda: (whitened(), looking_ahead()),
    "centred, looking ahead": lambda: (whitened(center=True), looking_ahead()),
    "deltas that look ahead": lambda: (F.MFCC(n_mfcc=13).then(F.RunningCMVN(), F.Deltas(width=5)), tcn(26)),
    "starting late": lambda: (whitened(), starting_late()),
    "pooled": lambda: (whitened(), pooled()),
    "wavenet": lambda: (whitened(), wavenet()),
    "hop beyond the frame": lambda: (F.LogMel(n_fft=256, hop_length=700, n_mels=20), tcn(20)),
    "pcen": lambda: (F.PCEN(), tcn()),
    "samples": lambda: (F.MuLaw(), randomised(wl.TCN(1, 3, channels=4, kernel_size=2, dilations=[1, 2, 4, 8]))),
}  # fmt: skip
MADE = {}


def classifier(name="log mel, tcn", decision="last", **options):
    """Made once: the tests share them, as threads may."""
    if options or (name, decision) not in MADE:
        features, model = CLASSIFIERS[name]()
        made = wl.AudioClassifier(features, model, LABELS, decision=decision, **{"detector": ALERT, **options})
        if options:
            return made
        MADE[name, decision] = made
    return MADE[name, decision]


def lively(samples, seed=0):
    """Noise whose loudness and colour change, so that networks change their minds."""
    rng = np.random.default_rng(seed)
    y = rng.standard_normal(samples) * 10.0 ** np.repeat(rng.uniform(-3, 0, samples // 800 + 1), 800)[:samples]
    tone = np.sin(np.cumsum(np.repeat(rng.uniform(0.05, 2.0, samples // 1500 + 1), 1500)[:samples]))
    return np.clip(0.3 * y + 0.3 * tone, -1, 1).astype(f32)


def fed(stream, y, blocks=()):
    """Everything that a stream gives of `y` in blocks of those sizes, the rest at once; with the flush."""
    events, probabilities, times, at = [], [], [], 0
    for size in [*blocks, len(y), None]:
        events += stream.flush() if size is None else stream.process(y[at : at + size])
        at += size or 0
        probabilities.append(stream.probabilities)
        times.append(stream.frame_times_s)
    return events, np.concatenate(probabilities), np.concatenate(times), stream.prediction()


def same(a, b):
    return a[0] == b[0] and same_bits(a[1], b[1]) and np.array_equal(a[2], b[2]) and same_prediction(a[3], b[3])


def same_prediction(a, b):
    return a.label == b.label and a.score == b.score and same_bits(a.probabilities, b.probabilities)


# ------------------------------------------------------------------------------------------------------------- parity
SIZES = st.lists(st.sampled_from([0, 1, 2, 7, 159, 160, 161, 511, 512, 513, 1600, 5000]), max_size=25)


@pytest.mark.parametrize("decision", ["last", "mean"])
@pytest.mark.parametrize("name", CLASSIFIERS)
@settings(max_examples=15)
@given(blocks=SIZES, seed=st.integers(0, 3), samples=st.sampled_from([4800, 12_000, 12_345]))
def test_any_blocks_give_the_same_bits(name, decision, blocks, seed, samples):
    clf, y = classifier(name, decision), lively(samples, seed)
    whole = fed(clf.stream(), y)
    assert same(fed(clf.stream(), y, blocks), whole)
    assert same_prediction(clf.predict(y, sr=SR), whole[3])


@pytest.mark.parametrize("name", ["log mel, tcn", "centred and strided", "looking ahead", "samples"])
def test_sample_by_sample(name):
    clf, y = classifier(name), lively(3000)
    assert same(fed(clf.stream(), y, [1, 0] * 3000), fed(clf.stream(), y))


def test_there_are_events_to_compare():
    counts = {name: len(fed(classifier(name).stream(), lively(12_345))[0]) for name in CLASSIFIERS}
    assert sum(count > 0 for count in counts.values()) >= 10, counts


def test_a_stream_reset_is_a_new_one():
    for decision in ("last", "mean"):
        clf = classifier("centred", decision)
        stream = clf.stream()
        fresh = fed(clf.stream(), lively(9000))
        fed(stream, lively(7777, seed=5))
        stream.reset()
        assert (stream.frames_out, stream.samples_in, stream.probabilities.shape) == (0, 0, (0, 3))
        assert same(fed(stream, lively(9000)), fresh)
        stream.reset()
        stream.process(lively(5000, seed=6))  # and without a flush
        stream.reset()
        assert same(fed(stream, lively(9000)), fresh)


@pytest.mark.parametrize("decision", ["last", "mean"])
def test_the_prediction_so_far(decision):
    clf, y = classifier(decision=decision), lively(8000)
    stream = clf.stream()
    for at in range(0, 8000, 400):
        stream.process(y[at : at + 400])
        if at + 400 >= clf.least_samples:
            assert same_prediction(stream.prediction(), clf.predict(y[: at + 400]))  # nothing is owed at the end


# ------------------------------------------------------------------------------------------------------------- values
def test_the_decision_last_is_the_softmax_of_the_newest_frame():
    clf, y = classifier(), lively(9000)
    logits = clf.model(clf.features(y)).astype(np.float64)
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    _, probabilities, _, prediction = fed(clf.stream(), y)
    assert np.abs(probabilities - expected).max() < 1e-6
    assert same_bits(prediction.probabilities, probabilities[-1])
    assert prediction.labels == clf.labels == LABELS
    assert prediction.label == LABELS[int(np.argmax(expected[-1]))]
    assert prediction.score == prediction.probabilities.max()


def test_the_decision_mean_is_the_mean_of_the_log_softmax():
    clf, y = classifier(decision="mean"), lively(9000)
    logits = clf.model(clf.features(y)).astype(np.float64)
    mean = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))).mean(axis=0)
    expected = np.exp(mean) / np.exp(mean).sum()
    prediction = clf.predict(y)
    assert np.abs(prediction.probabilities - expected).max() < 1e-6
    assert prediction.probabilities.dtype == f32
    assert not same_prediction(prediction, classifier().predict(y))


def test_the_decision_mean_bears_logits_far_apart():
    """The third label never comes first, yet is the best in the mean: probabilities of 0 would not know."""
    net = wl.Sequential([nn.Linear(1, 3)])
    weight = np.array([-1000, 900, 0], f32).reshape(net.state_dict()["0.weight"].shape)
    net.load_state_dict({"0.weight": weight, "0.bias": np.array([0, 0, 200], f32)})
    clf = wl.AudioClassifier(F.MuLaw(), net, LABELS, decision="mean")
    assert clf.predict(np.tile(np.array([1, -1], f32), 50)).probabilities.tolist() == [0, 0, 1]
    assert clf.predict(np.array([1, 1, 1, -1], f32)).probabilities.tolist() == [0, 1, 0]


def test_the_probabilities_are_read_only_and_the_predictions_ones_own():
    stream = classifier().stream()
    stream.process(lively(4000))
    with pytest.raises(ValueError, match="read-only"):
        stream.probabilities[0, 0] = 1
    before = stream.prediction()
    stream.prediction().probabilities[:] = 0
    assert same_prediction(stream.prediction(), before)


# -------------------------------------------------------------------------------------------------------------- times
CAUSAL = ["log mel, tcn", "strided", "starting late", "wavenet", "hop beyond the frame", "pcen", "centred and strided"]


@pytest.mark.parametrize("name", CAUSAL)
def test_a_frame_ends_where_the_audio_ends_that_it_depends_on(name):
    """Samples from the frame's end on change nothing in it; those just before its end do."""
    clf, y = classifier(name), lively(9000)
    probabilities = fed(clf.stream(), y)[1]
    for frame in (0, 1, 2, 4):
        end = round(clf.frame_time_s(frame) * SR)
        assert clf.frame_time_s(frame) == end / SR
        after, before = y.copy(), y.copy()
        after[end:] += f32(0.5)
        before[end - 60 : end] += f32(0.5)  # a window is nearly 0 at its ends
        assert same_bits(fed(clf.stream(), after)[1][: frame + 1], probabilities[: frame + 1])
        changed = fed(clf.stream(), before)[1]
        assert not same_bits(changed[frame], probabilities[frame])


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_frame_comes_as_soon_as_its_time_and_the_latency_are_over(name):
    clf, y = classifier(name), lively(6000)
    stream, due = clf.stream(), []
    for at in range(len(y)):
        stream.process(y[at : at + 1])
        expected = [clf.frame_time_s(n) for n in range(len(due), stream.frames_out)]
        assert stream.frame_times_s.tolist() == expected
        due += [at + 1] * len(expected)
    assert len(due) == stream.frames_out > 3
    expected = [clf.frame_time_s(n) + clf.latency_s for n in range(len(due))]
    assert np.allclose(np.array(due) / SR, np.maximum(expected, 1 / SR), rtol=0, atol=1e-9)


def test_times_of_a_strided_network_by_hand():
    clf = classifier("strided")  # 512 samples a frame, 160 from frame to frame, one frame in six
    assert [round(clf.frame_time_s(n) * SR) for n in range(3)] == [512, 512 + 960, 512 + 2 * 960]
    assert clf.frame_rate == SR / 960
    late = classifier("starting late")  # first frame: 5 + 2 frames, from then on every second
    assert [round(late.frame_time_s(n) * SR) for n in range(2)] == [512 + 6 * 160, 512 + 8 * 160]
    assert (late.latency_s, clf.latency_s) == (0, 0)
    assert classifier("looking ahead").latency_s == 0.04
    assert classifier("deltas that look ahead").latency_s == 0.02


def test_times_end_with_the_signal():
    """Centred frames reach into the padding; no event is later than the audio."""
    for name in CLASSIFIERS:
        events, probabilities, times, _ = fed(classifier(name).stream(), lively(5003))
        assert len(times) == len(probabilities) > 0
        assert (np.diff(times) >= 0).all()
        assert times[-1] <= 5003 / SR
        for event in events:
            assert 0 <= event.start_s < event.end_s == event.time_s <= 5003 / SR
            assert event.time_s in times or event.time_s == 5003 / SR  # heard in the silence that follows


def test_a_signal_of_any_type_is_classified(tmp_path):
    clf = classifier()
    y = (np.round(GOOD * 32768).clip(-32768, 32767) / 32768).astype(f32)
    wanted = clf.predict(y)
    path = tmp_path / "y.wav"
    wl.audio.write(path, y, SR)
    for other in ((y * 32768).astype(np.int16), y.astype(np.float64), y.tolist(), str(path), path):
        assert same_prediction(clf.predict(other), wanted)
    several = clf.predict([y, y.tolist(), path], threads=2)
    assert all(same_prediction(one, wanted) for one in several)


def test_other_rates_are_resampled_on_request(tmp_path):
    clf, slow = classifier(), lively(4500)
    wanted = clf.predict(wl.audio.resample(slow, 8000, SR))
    path = tmp_path / "slow.wav"
    wl.audio.write(path, slow, 8000, subtype="FLOAT")
    assert same_prediction(clf.predict(slow, sr=8000, resample=True), wanted)
    assert same_prediction(clf.predict(path, resample=True), wanted)
    for call in (lambda: clf.predict(slow, sr=8000), lambda: clf.predict(path), lambda: clf.stream(sr=8000)):
        with pytest.raises(wl.WavenetliteError, match="resample=True"):
            call()


def test_integers_stored_as_floats_are_refused_by_streams():
    clf = classifier()
    stream, pool = clf.stream(), clf.pool(1)
    sid, before = pool.open(), stream.snapshot()
    with pytest.raises(wl.ParameterError, match=r"samples reach .* divide integers by 32768"):
        stream.process(GOOD * 32768)
    with pytest.raises(wl.ParameterError, match="samples reach"):
        pool.process({sid: GOOD * 32768})
    assert stream.snapshot() == pool.snapshot(sid) == before


def test_a_word_at_the_very_end_is_heard():
    """As if silence followed: in any blocks, in pools and from snapshots, and without another frame."""
    clf = wl.load("speech-commands-12")
    folder = Path(__file__).parents[2] / "examples" / "data"
    noise, heard = np.random.default_rng(0).standard_normal(24000).astype(f32) * f32(1e-3), 0
    words = ("yes", "no", "left", "right", "stop")
    for word in words:
        y, _ = wl.audio.read(sorted((folder / word).iterdir())[0])
        loud = np.flatnonzero(np.abs(y) > 0.02 * np.abs(y).max())
        y = np.concatenate([noise, y[loud[0] : loud[-1] + 1]])
        stream, other, pool = clf.stream(), clf.stream(), clf.pool(2)
        events = stream.process(y)
        frames = stream.frames_out
        events += stream.flush()
        assert stream.frames_out == frames
        assert len(stream.probabilities) == 0
        sid = pool.open()
        again = pool.process({sid: y[:20001]})[sid]
        other.restore(pool.snapshot(sid))
        rest = other.process(y[20001:]) + other.flush()
        assert again + rest == again + pool.process({sid: y[20001:]})[sid] + pool.flush(sid) == events
        assert same_prediction(stream.prediction(), clf.predict(y))
        assert same_prediction(stream.prediction(), pool.prediction(sid))
        assert all(0 <= one.start_s < one.end_s == one.time_s <= len(y) / SR for one in events)
        heard += word in [one.label for one in events] and stream.prediction().label == word
    assert heard >= len(words) - 1


def test_the_peak_of_a_clip_is_not_in_the_silence_after_it():
    """Only where a signal is longer than a clip may its best frame be one that has heard the silence that follows."""
    later, rng = [], np.random.default_rng(0)
    for seed in range(4):
        spec = wl.LogMel(sr=8000, n_fft=256, hop_length=80, n_mels=10)
        net = wl.TCN(10, 2, channels=4, dilations=[1, 2], seed=seed)
        clf = wl.AudioClassifier(spec, net, ["yes", "no"], decision="peak", clip_s=0.2)
        for samples in (1000, 1600):
            y, stream = 0.1 * rng.standard_normal(samples, dtype=f32), clf.stream()
            stream.process(y)
            stream.flush()
            assert same_prediction(stream.prediction(), clf.predict(y))
            longer = np.concatenate([y, np.zeros(2000, f32)])
            later.append(not same_prediction(clf.predict(longer), clf.predict(y)))
    assert any(later)


def test_no_event_begins_before_the_signal():
    """The first centred frame reaches back into the padding."""
    at_once = wl.detection.Detector(0.01, smoothing_ms=0, min_duration_ms=0)
    events = fed(classifier("centred", detector=at_once).stream(), GOOD)[0]
    assert (events[0].start_s, events[0].time_s) == (0.0, 256 / SR)


def test_frame_time_needs_a_frame():
    for bad in (-1, 1.5, None):
        with pytest.raises(wl.WavenetliteError, match="frame="):
            classifier().frame_time_s(bad)


# ------------------------------------------------------------------------------------------------------------- events
def tones(*parts):
    """(samples, Hz) one after the other; 0 Hz: almost silence."""
    return np.concatenate([
        0.5 * np.sin(2 * np.pi * hz * np.arange(n) / SR) if hz else 1e-5 * np.ones(n) for n, hz in parts
    ]).astype(f32)  # fmt: skip


def pitch_classifier(**options):
    """Tells low from high from silence: the nearest of three frames, which is linear and needs no training."""
    spec = F.LogMel()
    frames = [spec(tones((512, hz)))[0].astype(np.float64) for hz in (300, 4000, 0)]
    net = wl.Sequential([nn.Linear(40, 3)])
    shapes = {name: value.shape for name, value in net.state_dict().items()}
    values = {"0.weight": np.stack(frames) / 500, "0.bias": np.array([-frame @ frame / 1000 for frame in frames])}
    net.load_state_dict({name: values[name].astype(f32).reshape(shape) for name, shape in shapes.items()})
    return wl.AudioClassifier(spec, net, ["low", "high", "_silence_"], **options)


def test_events_of_tones():
    clf = pitch_classifier()
    y = tones((8000, 0), (6000, 300), (10_000, 0), (6000, 4000), (16_000, 0), (6000, 300))
    events = fed(clf.stream(), y, [160] * 200)[0]
    assert [event.label for event in events] == ["low", "high", "low"]
    for event, onset in zip(events, [8000, 24_000, 46_000], strict=True):
        # The average of ten frames is at 0.6 with the sixth that hears the tone, which takes up to a frame of 32 ms.
        first_end_s = event.start_s + 512 / SR
        assert onset / SR + 0.05 < first_end_s < onset / SR + 0.05 + 0.032 + 0.01
        assert event.time_s == event.end_s == pytest.approx(first_end_s + 0.04)  # five frames last 50 ms
        assert 0.6 <= event.score <= 1.0
    assert clf.predict(tones((8000, 0))).label == "_silence_"  # which made no event, but can be predicted


def test_background_and_detector():
    y = tones((8000, 300), (8000, 4000), (8000, 0))
    labels = [e.label for e in fed(pitch_classifier(background=["low"]).stream(), y)[0]]
    assert labels == ["high", "_silence_"]
    assert pitch_classifier(background=["low"]).background == ("low",)
    assert pitch_classifier().background == ("_silence_",)
    never = wl.detection.Detector(thresholds={"low": 1.0}, smoothing_ms=2000)
    assert [e.label for e in fed(pitch_classifier(detector=never).stream(), y)[0]] == []


# -------------------------------------------------------------------------------------------------------------- batch
@pytest.mark.parametrize("threads", [1, 3])
def test_a_batch_has_the_bits_of_each_alone(threads):
    clf = classifier(decision="mean")
    signals = [lively(n, seed=n) for n in (512, 9000, 4000, 16_000, 700)]
    alone = [clf.predict(y) for y in signals]
    together = clf.predict(signals, sr=SR, threads=threads)
    assert isinstance(together, list)
    assert all(map(same_prediction, together, alone))
    rows = np.stack([lively(6000, seed=n) for n in range(4)])
    assert all(map(same_prediction, clf.predict(rows, threads=threads), map(clf.predict, rows)))
    assert clf.predict([], threads=threads) == []
    assert len(clf.predict((signals[0],), threads=threads)) == 1


def test_long_signals_are_worked_on_in_slices(monkeypatch):
    y = lively(20_000)
    whole = classifier().predict(y)
    monkeypatch.setattr("wavenetlite.classifier.classifier.SLICE_SAMPLES", 777)
    assert same_prediction(classifier().predict(y), whole)


# ---------------------------------------------------------------------------------------------------------- bad input
GOOD = lively(9000)
BAD_SIGNALS = {
    "empty": (np.zeros(0, f32), "y has 0 samples; at least 512 (one frame) are needed"),
    "3 samples": (np.ones(3, f32), "y has 3 samples; at least 512 (one frame) are needed"),
    "one too few": (GOOD[:511], "y has 511 samples; at least 512"),
    "nan": (np.where(np.arange(9000) == 77, np.nan, GOOD).astype(f32), "y is not finite at sample 77"),
    "infinity": (np.where(np.arange(9000) == 8999, np.inf, GOOD).astype(f32), "y is not finite at sample 8999"),
    "integers": ((GOOD * 32767).astype(np.int32), "y has dtype int32; it must be float32, float64 or int16"),
    "integers as floats": (GOOD * 32767, "samples must be in -1..1: divide integers by 32768"),
    "masked": (np.ma.masked_array(GOOD, GOOD > 0.5), "y is a masked array"),
    "stereo": (np.stack([GOOD, GOOD], axis=1), "select a channel or their mean with wavenetlite.audio.to_mono"),
    "three dimensions": (GOOD.reshape(1, 9, 1000), "y has shape (1, 9, 1000)"),
    "no signals": (np.zeros((0, 9000), f32), "y has shape (0, 9000)"),
    "text": ("a.wav", "a.wav: there is no such file"),
    "None": (None, "y is a NoneType; it must be a NumPy array"),
    "bytes": (b"RIFF", "y is a bytes"),
    "a list of numbers": ([0.1, 0.2], "y has 2 samples; at least 512"),
    "numbers and signals": ([0.1, GOOD], "y[0] is a float; it must be a NumPy array"),
    "one of a list": ([GOOD, GOOD[:3]], "y[1] has 3 samples; at least 512"),
    "stereo in a list": ([np.stack([GOOD, GOOD], axis=1)], "y[0] has shape (9000, 2)"),
}


@pytest.mark.parametrize("name", BAD_SIGNALS)
def test_signals_that_cannot_be_predicted(name):
    y, message = BAD_SIGNALS[name]
    with pytest.raises(wl.WavenetliteError) as excinfo:
        classifier().predict(y, sr=SR)
    assert message in str(excinfo.value)
    assert "\n" not in str(excinfo.value)


def test_the_rate_must_be_the_classifiers():
    for call in (lambda: classifier().predict(GOOD, sr=8000), lambda: classifier().stream(sr=8000)):
        with pytest.raises(wl.ParameterError, match="sr=8000 must be 16000"):
            call()
    assert classifier().sr == SR


def test_other_arguments_that_are_refused():
    clf = classifier()
    for arguments, message in [({"on_nonfinite": "drop"}, "on_nonfinite='drop'"), ({"threads": 0}, "threads=0")]:
        with pytest.raises(wl.WavenetliteError, match=message):
            clf.predict(GOOD, **arguments)
    with pytest.raises(wl.ParameterError, match="on_nonfinite='drop'"):
        clf.stream(on_nonfinite="drop")


def test_frames_that_a_network_needs_before_its_first():
    late = classifier("starting late")
    assert late.least_samples == 512 + 6 * 160
    with pytest.raises(wl.ParameterError, match=r"y has 1000 samples; at least 1472 \(7 frames\) are needed"):
        late.predict(GOOD[:1000])


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_shortest_signal_is_really_the_shortest(name):
    clf = classifier(name)
    clf.predict(GOOD[: clf.least_samples])
    with pytest.raises(wl.ParameterError, match="are needed"):
        clf.predict(GOOD[: clf.least_samples - 1])


def test_signals_that_are_odd_but_can_be_classified():
    clf = classifier()
    for y in (np.zeros(16_000, f32), np.ones(16_000, f32), np.sign(GOOD), GOOD[::2], np.full(600, -1e-40, f32)):
        p = clf.predict(y)
        assert np.isfinite(p.probabilities).all()
        assert abs(float(p.probabilities.sum()) - 1) < 1e-6
        assert same(fed(clf.stream(), y, [1, 511, 512]), fed(clf.stream(), y))


def test_on_nonfinite_zero():
    clf, bad, good = classifier(), GOOD.copy(), GOOD.copy()
    bad[[5, 700, 8000]] = np.nan, np.inf, -np.inf
    good[[5, 700, 8000]] = 0
    assert same_prediction(clf.predict(bad, on_nonfinite="zero"), clf.predict(good))
    assert same(fed(clf.stream(on_nonfinite="zero"), bad, [100]), fed(clf.stream(), good))


def test_a_stream_too_short_for_a_frame():
    for signal in (np.zeros(0, f32), np.ones(3, f32)):
        stream = classifier().stream()
        with pytest.raises(wl.StreamStateError, match="no frame yet: it was fed 0 samples; at least 512 are needed"):
            stream.prediction()
        assert stream.process(signal) == stream.flush() == []
        assert stream.probabilities.shape == (0, 3)
        assert stream.frame_times_s.shape == (0,)
        with pytest.raises(wl.StreamStateError, match=f"no frame yet: it was fed {len(signal)} samples"):
            stream.prediction()


BAD_BLOCKS = [value for value, _ in BAD_SIGNALS.values() if not (isinstance(value, np.ndarray) and value.ndim == 1 and
              value.dtype == f32 and np.isfinite(value).all())]  # fmt: skip


@pytest.mark.parametrize("name", ["log mel, tcn", "samples"])
def test_a_call_that_raises_leaves_the_stream_as_it_was(name):
    clf = classifier(name, "mean")
    stream = clf.stream()
    events = stream.process(GOOD[:5000])
    probabilities, times, before = stream.probabilities, stream.frame_times_s, stream.prediction()
    assert len(BAD_BLOCKS) > 8
    for bad in BAD_BLOCKS + [np.full(9, 2.0, f32)] * (name == "samples"):
        with pytest.raises(wl.WavenetliteError):
            stream.process(bad)
        assert same_bits(stream.probabilities, probabilities)
        assert np.array_equal(stream.frame_times_s, times)
        assert same_prediction(stream.prediction(), before)
    events += stream.process(GOOD[5000:]) + stream.flush()
    assert events == fed(clf.stream(), GOOD)[0]
    assert same_prediction(stream.prediction(), clf.predict(GOOD))


def test_after_a_flush_a_stream_must_be_reset():
    stream = classifier("centred").stream()
    stream.process(GOOD)
    stream.flush()
    after = stream.prediction()
    for call in (lambda: stream.process(GOOD), stream.flush):
        with pytest.raises(wl.StreamStateError, match="was flushed"):
            call()
        assert same_prediction(stream.prediction(), after)


def test_what_overflows_in_the_features_is_told_until_the_stream_is_reset(monkeypatch):
    monkeypatch.setattr("wavenetlite.audio.scale.LOUDEST", np.inf)  # it would be refused before
    clf = wl.AudioClassifier(F.MelSpectrogram(), tcn(), LABELS)
    stream = clf.stream()
    with pytest.raises(wl.ParameterError, match="features is not finite at frame 0"):
        stream.process(np.full(600, 1e30, f32))
    for call in (lambda: stream.process(GOOD), stream.flush, stream.prediction):
        with pytest.raises(wl.StreamStateError, match="stream failed in an earlier call"):
            call()
    stream.reset()
    assert same(fed(stream, GOOD), fed(clf.stream(), GOOD))


def test_what_overflows_in_the_network_is_told():
    net = wl.Sequential([nn.Linear(40, 40), nn.Linear(40, 3)])
    net.load_state_dict({name: np.full(value.shape, 1e30, f32) for name, value in net.state_dict().items()})
    clf = wl.AudioClassifier(F.MelSpectrogram(), net, LABELS)
    for call in (clf.predict, clf.stream().process, clf.stream(on_nonfinite="zero").process):
        with pytest.raises(wl.ParameterError, match="the network gives logits that are not finite at frame 0"):
            call(GOOD)


# --------------------------------------------------------------------------------------------------------------- files
def test_files_that_cannot_be_classified(tmp_path):
    """From the file to the decision: whatever is wrong is one line, and what is only odd has an answer."""
    pytest.importorskip("soundfile")
    clf, audio = classifier(), wl.audio

    def predict(name):
        y, sr = audio.read(tmp_path / name, sr=clf.sr)
        return clf.predict(y, sr=sr)

    audio.write(tmp_path / "good.wav", GOOD, SR, subtype="FLOAT")
    audio.write(tmp_path / "silent.wav", np.zeros(9000, f32), SR)
    audio.write(tmp_path / "clipped.wav", np.sign(GOOD), SR)
    audio.write(tmp_path / "empty.wav", np.zeros(0, f32), SR)
    audio.write(tmp_path / "3.wav", np.zeros(3, f32), SR)
    audio.write(tmp_path / "8k.wav", GOOD, 8000)
    audio.write(tmp_path / "stereo.wav", np.stack([GOOD, GOOD], axis=1), SR)
    audio.write(tmp_path / "long.flac", GOOD, SR)
    (tmp_path / "truncated.flac").write_bytes((tmp_path / "long.flac").read_bytes()[:-3000])
    (tmp_path / "truncated.wav").write_bytes((tmp_path / "good.wav").read_bytes()[:-3000])
    (tmp_path / "text.wav").write_text("this is no audio")
    (tmp_path / "nothing.wav").write_bytes(b"")
    raw = bytearray((tmp_path / "good.wav").read_bytes())
    raw[-40:-36] = np.float32(np.nan).tobytes()
    (tmp_path / "nan.wav").write_bytes(raw)

    assert same_prediction(predict("good.wav"), clf.predict(GOOD))
    for name in ("silent.wav", "clipped.wav"):
        assert predict(name).label in LABELS
    for name, message in {
        "empty.wav": "y has 0 samples; at least 512",
        "3.wav": "y has 3 samples; at least 512",
        "8k.wav": "its sample rate is 8000, not sr=16000",
        "stereo.wav": "select a channel or their mean",
        "truncated.wav": "truncated",
        "truncated.flac": "truncated.flac: ",
        "text.wav": "text.wav: ",
        "nothing.wav": "nothing.wav: ",
        "nan.wav": "nan.wav: not finite at sample 8990",
        "none.wav": "none.wav: ",
    }.items():
        with pytest.raises(wl.WavenetliteError) as excinfo:
            predict(name)
        assert message in str(excinfo.value), name
        assert "\n" not in str(excinfo.value)


# -------------------------------------------------------------------------------------------------------- construction
BAD_PARTS = {
    "features is a str": lambda: wl.AudioClassifier("mel", tcn(), LABELS),
    "model is a function": lambda: wl.AudioClassifier(F.LogMel(), lambda x: x, LABELS),
    "model has in_channels=13; it must be 40, the features' out_channels": lambda: wl.AudioClassifier(
        F.LogMel(), tcn(13), LABELS),
    "labels has 2 entries; it must have 3, the model's out_channels": lambda: wl.AudioClassifier(
        F.LogMel(), tcn(), LABELS[:2]),
    "labels is a str": lambda: wl.AudioClassifier(F.LogMel(), tcn(), "abc"),
    "labels[1]=2 is a int": lambda: wl.AudioClassifier(F.LogMel(), tcn(), ["a", 2, "c"]),
    "labels[2]='' must not be empty": lambda: wl.AudioClassifier(F.LogMel(), tcn(), ["a", "b", ""]),
    "labels contains 'a' twice": lambda: wl.AudioClassifier(F.LogMel(), tcn(), ["a", "b", "a"]),
    "labels has 1 entries": lambda: wl.AudioClassifier(F.LogMel(), wl.TCN(40, 1, channels=4, dilations=[1]), ["a"]),
    "decision='max' must be one of last, mean, peak": lambda: classifier(decision="max"),
    "background contains 'maybe'": lambda: classifier(background=["maybe"]),
    "background is a str": lambda: classifier(background="yes"),
    "background contains 3, a int": lambda: classifier(background=[3]),
    "detector is a dict": lambda: classifier(detector={}),
    "thresholds contains 'go'": lambda: classifier(detector=wl.detection.Detector(thresholds={"go": 0.5})),
    "info is a list": lambda: classifier(info=[1]),
    "condition_channels=2": lambda: wl.AudioClassifier(
        F.LogMel(), wl.WaveNet(40, 3, residual_channels=4, skip_channels=4, condition_channels=2), LABELS),
    "ref='max' needs the loudest value": lambda: wl.AudioClassifier(F.LogMel(ref="max"), tcn(), LABELS),
    "use RunningCMVN": lambda: wl.AudioClassifier(F.LogMel().then(F.UtteranceCMVN()), tcn(), LABELS),
    "name='rms' cannot stream": lambda: wl.AudioClassifier(F.Librosa("rms"), tcn(1), LABELS),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD_PARTS)
def test_parts_that_do_not_fit(message):
    with pytest.raises(wl.WavenetliteError) as excinfo:
        BAD_PARTS[message]()
    assert message in str(excinfo.value)
    assert "\n" not in str(excinfo.value)


def test_a_network_that_takes_any_channels():
    net = wl.Sequential([nn.Activation("tanh")])
    p = wl.AudioClassifier(F.LogMel(n_mels=3), net, LABELS).predict(GOOD)
    assert p.probabilities.shape == (3,)


def test_what_is_given_out_is_a_copy():
    notes = {"data": ["a"]}
    clf = classifier(info=notes)
    clf.labels.append("what")
    clf.predict(GOOD).labels.append("what")
    notes["data"].append("b")
    assert clf.labels == LABELS
    assert clf.info == {"data": ["a"]}
    assert repr(clf).startswith("AudioClassifier(3 labels, LogMel(")


# -------------------------------------------------------------------------------------------------------------- sharing
def test_new_weights_are_for_new_streams():
    clf = wl.AudioClassifier(whitened(), tcn(), LABELS)
    before = clf.predict(GOOD)
    stream = clf.stream()
    stream.process(GOOD[:4000])
    randomised(clf.model, seed=9)
    stream.process(GOOD[4000:])
    stream.flush()
    assert same_prediction(stream.prediction(), before)
    assert not same_prediction(clf.predict(GOOD), before)


def test_threads_share_a_classifier():
    clf, signals, results = classifier(decision="mean"), [lively(9000, seed=n) for n in range(4)], {}
    expected = [fed(clf.stream(), y) for y in signals]

    def work(n):
        results[n] = fed(clf.stream(), signals[n], [160] * 40)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same(results[n], expected[n]) for n in range(4))


def test_two_threads_on_one_stream_are_an_error():
    inside, leave = threading.Event(), threading.Event()

    class Slow(wl.features.FrameStep, internal=True):
        """A step that waits from the second block on."""

        def open(self, signals, channels):
            return SimpleNamespace(process=self.process, blocks=0)

        def process(self, x):
            if stream.samples_in:
                inside.set()
                leave.wait(10)
            return x

    clf = copy.copy(classifier())
    clf.features = clf.features.then(Slow())
    stream = clf.stream()
    stream.process(GOOD[:5000])
    thread = threading.Thread(target=stream.process, args=(GOOD[5000:],))
    thread.start()
    assert inside.wait(10)
    for call in (lambda: stream.process(GOOD), stream.flush, stream.reset, stream.prediction):
        with pytest.raises(wl.StreamStateError, match="in use by another thread"):
            call()
    leave.set()
    thread.join()
    assert same_prediction(stream.prediction(), classifier().predict(GOOD))


# ----------------------------------------------------------------------------------------------------- real recordings
DATA = os.environ.get("WAVENETLITE_DATA")


@pytest.mark.skipif(not DATA, reason="needs recordings: set WAVENETLITE_DATA to their folder")
def test_real_speech_in_any_blocks():
    folder = Path(DATA) / "speech_commands12"
    if not folder.is_dir():
        pytest.skip("needs speech_commands12 in WAVENETLITE_DATA")
    rng = np.random.default_rng(0)
    files = [sorted(label.glob("*.flac"))[0] for label in sorted(folder.iterdir()) if label.is_dir()]
    assert len(files) == 12
    y = np.concatenate([wl.audio.read(file, sr=SR)[0] for file in files])
    for name in CLASSIFIERS:
        clf = classifier(name)
        whole = fed(clf.stream(), y)
        assert same(fed(clf.stream(), y, rng.integers(0, 4000, 60).tolist()), whole)
        assert same_prediction(clf.predict(y), whole[3])
