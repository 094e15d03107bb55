"""ClassifierPool: every signal's events and predictions are those of its own ClassifierStream."""

import threading
from dataclasses import dataclass

import numpy as np
import pytest
from catalogue import same_bits, signal

import wavenetlite as wl
from wavenetlite.classifier import ClassifierStream

feats = wl.features
CAPACITY = 7
OPERATIONS = ["open", "close", "process", "process", "process", "flush", "reset", "snapshot", "restore", "fork", "bad"]


def classifier(decision="last", features=None, model=None, **options):
    features = features or wl.LogMel(n_mels=10).then(feats.Deltas(width=3))
    model = model or wl.TCN(features.out_channels, 3, channels=8, dilations=[1, 2], seed=5)
    detector = wl.detection.Detector(0.38, 0.3, smoothing_ms=30, min_duration_ms=20, refractory_ms=20)
    return wl.AudioClassifier(
        features, model, ["yes", "no", "_unknown_"], decision=decision, detector=detector, **options
    )


CLASSIFIERS = {
    "last": lambda: classifier(),
    "mean": lambda: classifier("mean", clip_s=0.4),
    "peak": lambda: classifier("peak", wl.PCEN(n_mels=8, center=True).then(feats.RunningCMVN(window_frames=9))),
    "strides": lambda: classifier(
        model=wl.Sequential([wl.nn.Conv1d(20, 8, 3, stride=2), wl.nn.Conv1d(8, 3, 3, padding="same")])
    ),
}


def audio(samples, rng):
    levels = 10.0 ** np.repeat(rng.uniform(-3, 0, samples // 300 + 1), 300)[:samples]
    return np.clip(rng.standard_normal(samples) * levels, -1, 1).astype(np.float32)


@dataclass
class Twin:
    stream: ClassifierStream
    flushed: bool = False


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_random_operations(name):
    """Open, close, feed, flush, reset, snapshot and restore at random; lone streams do the same."""
    clf, rng = CLASSIFIERS[name](), np.random.default_rng(3)
    pool, twins, kept, closed, events = clf.pool(CAPACITY), {}, [], set(), 0
    for _ in range(1500):
        ids = list(twins)
        sid = ids[rng.integers(len(ids))] if ids else None
        what = rng.choice(OPERATIONS)
        if what == "open" and len(ids) < CAPACITY:
            past = kept[rng.integers(len(kept))] if kept and rng.random() < 0.3 else None
            sid = pool.open(snapshot=past[0]) if past else pool.open()
            assert sid not in closed
            twins[sid] = Twin(past[1].fork(), past[2]) if past else Twin(clf.stream())
        elif what == "process":
            blocks = {one: audio(int(rng.choice([0, 1, 80, 160, 160, 1000])), rng) for one in ids
                      if not twins[one].flushed and rng.random() < 0.7}  # fmt: skip
            found = pool.process(blocks)
            assert list(found) == list(blocks)
            for one, block in blocks.items():
                stream = twins[one].stream
                assert found[one] == stream.process(block)
                assert same_bits(pool.probabilities(one), stream.probabilities)
                assert same_bits(pool.frame_times_s(one), stream.frame_times_s)
                events += len(found[one])
        if sid is None or sid not in twins:
            continue
        twin = twins[sid]
        if what == "close" and rng.random() < 0.5:
            pool.close(sid)
            closed.add(sid)
            del twins[sid]
        elif what == "flush" and not twin.flushed:
            assert pool.flush(sid) == twin.stream.flush()
            twin.flushed = True
        elif what == "reset":
            pool.reset(sid)
            twin.stream.reset()
            twin.flushed = False
        elif what == "snapshot":
            blob = pool.snapshot(sid)
            assert blob == twin.stream.snapshot()
            kept = [*kept[-9:], (blob, twin.stream.fork(), twin.flushed)]
        elif what == "fork" and len(ids) < CAPACITY:
            twins[pool.fork(sid)] = Twin(twin.stream.fork(), twin.flushed)
        elif what == "restore" and kept:
            blob, past, flushed = kept[rng.integers(len(kept))]
            pool.restore(sid, blob)
            twins[sid] = Twin(past.fork(), flushed)
        elif what == "bad":
            blocks = {one: audio(300, rng) for one in ids if one != sid} | {sid: np.full(3, np.nan, np.float32)}
            if any(one.flushed for one in twins.values()):
                blocks = {one: block for one, block in blocks.items() if not twins[one].flushed or one == sid}
            with pytest.raises(wl.WavenetliteError, match=f"stream {sid}: .*(finite|flushed)"):
                pool.process(blocks)
        if sid in twins:
            assert pool.samples_in(sid) == twins[sid].stream.samples_in
            if pool.frames_out(sid):
                mine, alone = pool.prediction(sid), twins[sid].stream.prediction()
                assert mine.label == alone.label
                assert same_bits(mine.probabilities, alone.probabilities)
    assert sorted(pool.ids) == sorted(twins)
    assert events > 20


def test_many_signals_and_threads():
    clf, rng = classifier(), np.random.default_rng(0)
    y = [audio(4000, rng) for _ in range(40)]
    lone = []
    for one in y:
        stream = clf.stream()
        lone.append((stream.process(one) + stream.flush(), stream.prediction().probabilities.tobytes()))
    for threads in (1, 2):
        pool = clf.pool(40, threads=threads)
        ids = [pool.open() for _ in y]
        events = {sid: [] for sid in ids}
        for at in range(0, 4000, 160):
            for sid, some in pool.process({sid: one[at : at + 160] for sid, one in zip(ids, y, strict=True)}).items():
                events[sid] += some
        for sid, (wanted, p) in zip(ids, lone, strict=True):
            assert events[sid] + pool.flush(sid) == wanted
            assert pool.prediction(sid).probabilities.tobytes() == p


@pytest.fixture
def pool():
    pool = classifier().pool(4)
    for _ in range(3):
        pool.open()
    pool.process({sid: audio(900, np.random.default_rng(sid)) for sid in pool.ids})
    return pool


def states(pool):
    return [pool.snapshot(sid) for sid in pool.ids]


BAD = {
    "nan": ({1: np.array([0, np.nan], np.float32)}, "stream 1: samples is not finite at sample 1"),
    "dtype": ({1: np.zeros(9)}, "stream 1: samples has dtype float64"),
    "shape": ({1: np.zeros((1, 9), np.float32)}, "stream 1: samples has shape"),
    "list": ({1: [0.0]}, "stream 1: samples is a list"),
    "unknown": ({7: np.zeros(9, np.float32)}, "sid=7 is not a stream of this pool"),
    "no id": ({"a": np.zeros(9, np.float32)}, "sid='a'"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_mistake_is_named_and_nobody_advances(pool, name):
    bad, message = BAD[name]
    before = states(pool)
    y = np.ones(500, np.float32)
    for blocks in ({0: y, 2: y} | bad, bad | {2: y, 0: y}):
        with pytest.raises(wl.WavenetliteError, match=message) as caught:
            pool.process(blocks)
        assert "\n" not in str(caught.value)
    assert states(pool) == before
    with pytest.raises(wl.ArrayTypeError, match="samples is a list"):
        pool.process([y])


def test_ids_and_capacity(pool):
    pool.close(1)
    assert (len(pool), pool.capacity, pool.ids, 1 in pool) == (3 - 1, 4, [0, 2], False)
    for call in (pool.close, pool.reset, pool.flush, pool.prediction, pool.snapshot, pool.probabilities):
        with pytest.raises(wl.ParameterError, match="sid=1 was closed"):
            call(1)
    assert pool.open() == 5
    pool.open()
    with pytest.raises(wl.StreamStateError, match="capacity=4"):
        pool.open()
    with pytest.raises(wl.ParameterError, match="sid=1 was closed"):
        pool.process({1: np.zeros(3, np.float32)})
    with pytest.raises(wl.ParameterError, match="capacity"):
        classifier().pool(0)
    with pytest.raises(wl.ParameterError, match="sr=8000"):
        classifier().pool(3, sr=8000)


def test_flushed_and_fresh_signals(pool):
    pool.flush(0)
    y = np.zeros(9, np.float32)
    with pytest.raises(wl.StreamStateError, match="stream 0: stream was flushed"):
        pool.process({2: y, 0: y})
    with pytest.raises(wl.StreamStateError, match="stream 0: stream was flushed"):
        pool.flush(0)
    pool.reset(0)
    assert pool.process({0: y}) == {0: []}
    with pytest.raises(wl.StreamStateError, match="stream 0: stream has no frame yet"):
        pool.prediction(0)


@pytest.mark.parametrize("blob", [b"", b"WNLS", bytes(100)])
def test_bad_snapshots_change_nothing(pool, blob):
    before = states(pool)
    for call in (lambda: pool.restore(0, blob), lambda: pool.open(snapshot=blob)):
        with pytest.raises(wl.SnapshotError):
            call()
    other = classifier("mean").stream().snapshot()
    with pytest.raises(wl.SnapshotError, match="another classifier"):
        pool.open(snapshot=other)
    assert states(pool) == before


def test_an_overflow_fails_one_signal_and_loses_nothing_of_the_others(monkeypatch):
    """Finite samples, infinite features: energies are not limited by a logarithm here."""
    monkeypatch.setattr("wavenetlite.audio.scale.LOUDEST", np.inf)  # it would be refused before
    clf = classifier(features=wl.features.MelSpectrogram(n_mels=6, norm=None))
    huge = np.full(1000, 1e30, np.float32)
    rng = np.random.default_rng(1)
    y = [audio(3000, rng) for _ in range(2)]
    lone = [clf.stream() for _ in y]
    wanted = [stream.process(one[:1500]) + stream.process(one[1500:]) for stream, one in zip(lone, y, strict=True)]
    assert all(wanted)
    pool = clf.pool(3)
    a, bad, b = (pool.open() for _ in range(3))
    with pytest.raises(wl.ParameterError, match=f"stream {bad}"):
        pool.process({a: y[0][:1500], bad: huge, b: y[1][:1500]})
    with pytest.raises(wl.StreamStateError, match=f"stream {bad}: stream failed"):
        pool.process({a: y[0], bad: y[0]})
    found = pool.process({a: y[0][1500:], b: y[1][1500:]})
    assert [found[a], found[b]] == wanted
    pool.reset(bad)
    assert pool.process({bad: y[0][:1500]})[bad] == clf.stream().process(y[0][:1500])


def test_events_of_a_call_that_raised_are_kept_until_the_signal_ends_or_starts_over(monkeypatch):
    monkeypatch.setattr("wavenetlite.audio.scale.LOUDEST", np.inf)
    clf, y = classifier(features=wl.features.MelSpectrogram(n_mels=6, norm=None)), audio(3000, np.random.default_rng(1))
    lone = clf.stream()
    events = lone.process(y)
    assert events
    pool = clf.pool(4)
    flushed, started_over, restored, bad = (pool.open() for _ in range(4))
    fresh = pool.snapshot(restored)
    with pytest.raises(wl.ParameterError, match=f"stream {bad}"):
        pool.process({flushed: y, started_over: y, restored: y, bad: np.full(1000, 1e30, np.float32)})
    pool.reset(started_over)
    pool.restore(restored, fresh)
    assert pool.process({started_over: y, restored: y}) == {started_over: events, restored: events}
    assert pool.flush(flushed) == events + lone.flush()


def test_two_threads_in_one_pool():
    pool = classifier().pool(60)
    blocks = {pool.open(): signal(16000, 1, 1)[:, 0] for _ in range(60)}
    refused = []
    for _ in range(20):  # on a busy machine, this thread may not run while the other does
        thread = threading.Thread(target=pool.process, args=(blocks,))
        thread.start()
        while thread.is_alive():
            try:
                pool.prediction(0)
            except wl.StreamStateError as error:
                refused.append(str(error))
        thread.join()
        if refused:
            break
    assert any("another thread" in message for message in refused)


def test_weights_that_are_replaced_are_not_taken_by_an_open_pool():
    clf, y = classifier(), audio(2000, np.random.default_rng(2))
    pool, old = clf.pool(2), clf.stream()
    clf.model.load_state_dict({name: 2 * value for name, value in clf.model.state_dict().items()})
    a = pool.open()
    pool.process({a: y})
    old.process(y)
    assert same_bits(pool.prediction(a).probabilities, old.prediction().probabilities)
