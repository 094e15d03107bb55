"""Pools of gated classifiers: every signal has the bits of a stream of its own."""

import numpy as np
import pytest
from gated_words import SR, bursts, loud_is_speech, run, word_classifier

import wavenetlite as wl


@pytest.fixture(scope="module")
def gated():
    return word_classifier(background=[]).gated(loud_is_speech())


def fed(pool, signals, rng, most=9000):
    """Feed signals in blocks of any length, in any company; what `run` returns, by id."""
    at = dict.fromkeys(signals, 0)
    found = {sid: ([], [], []) for sid in signals}

    def take(sid, events):
        for kept, more in zip(found[sid], (events, [pool.frame_numbers(sid)], [pool.probabilities(sid)]), strict=True):
            kept.extend(more)

    while any(at[sid] < len(y) for sid, y in signals.items()):
        some = {sid: y[at[sid] : at[sid] + rng.integers(most)] for sid, y in signals.items() if rng.random() < 0.7}
        for sid, events in pool.process(some).items():
            at[sid] += len(some[sid])
            take(sid, events)
    for sid in signals:
        take(sid, pool.flush(sid))
    return {sid: (events, np.concatenate(n), np.concatenate(p)) for sid, (events, n, p) in found.items()}


def test_signals_have_the_bits_of_their_own_streams(gated):
    rng = np.random.default_rng(0)
    pool = gated.pool(5)
    signals = {pool.open(): np.roll(bursts(seed=seed), 7000 * seed) for seed in range(4)}
    assert (len(pool), pool.capacity, pool.ids) == (4, 5, list(signals))
    found = fed(pool, signals, rng)
    for sid, y in signals.items():
        events, numbers, p, stream = run(gated, y, [len(y)])
        assert found[sid][0] == events
        assert (found[sid][1] == numbers).all() and (found[sid][2] == p).all()
        assert pool.heard_s(sid) == stream.heard_s and pool.samples_in(sid) == len(y)
    assert any(events for events, _, _ in found.values())


def test_snapshots_go_between_pools_and_streams(gated):
    y = bursts()
    whole = run(gated, y, [len(y)])[0]
    pool, stream = gated.pool(3), gated.stream()
    sid = pool.open()
    for at in range(0, 26_000, 1300):
        assert pool.process({sid: y[at : at + 1300]})[sid] == stream.process(y[at : at + 1300])
    blob = pool.snapshot(sid)
    assert blob == stream.snapshot()
    copy, other = pool.fork(sid), pool.open(snapshot=blob)
    pool.restore(sid, blob)
    assert pool.process(dict.fromkeys((sid, copy, other), y[:0])) == {sid: [], copy: [], other: []}
    rest = pool.process(dict.fromkeys((sid, copy, other), y[26_000:]))
    ends = [rest[one] + pool.flush(one) for one in (sid, copy, other)]
    stream.restore(blob)
    assert ends == [stream.process(y[26_000:]) + stream.flush()] * 3
    assert ends[0] and whole[-len(ends[0]) :] == ends[0]


def test_places_are_freed_and_ids_are_not_used_again(gated):
    pool = gated.pool(1)
    first = pool.open()
    with pytest.raises(wl.StreamStateError, match="full"):
        pool.open()
    pool.close(first)
    with pytest.raises(wl.SnapshotError):
        pool.open(snapshot=b"none")
    second = pool.open()
    assert second != first and second in pool and first not in pool
    with pytest.raises(wl.ParameterError):
        pool.process({first: np.zeros(10, np.float32)})


def test_bad_samples_of_one_change_nothing(gated):
    y, pool = bursts(), gated.pool(2)
    a, b = pool.open(), pool.open()
    events = pool.process({a: y[:20_000], b: y[:100]})[a]
    for bad, error in ((np.zeros(5), wl.ArrayTypeError), (np.full(3, np.nan, np.float32), wl.ParameterError)):
        with pytest.raises(error, match=f"stream {b}: "):
            pool.process({a: y[20_000:], b: bad})
    with pytest.raises(wl.ArrayTypeError, match="dict of ids"):
        pool.process([y])
    events += pool.process({a: y[20_000:]})[a] + pool.flush(a)
    assert events == run(gated, y, [len(y)])[0]
    with pytest.raises(wl.StreamStateError, match=f"stream {a}: .*flushed"):
        pool.process({a: y[:5]})
    pool.reset(a)
    assert pool.process({a: y})[a] + pool.flush(a) == events


def exploding(labels, **options):
    """A classifier that overflows where the signal is loud."""
    features = wl.Spectrogram(sr=SR, n_fft=320, hop_length=320)
    layers = [wl.nn.Linear(features.out_channels, 2, bias=False) for _ in range(2)]
    model = wl.Sequential([layers[0], wl.nn.Linear(2, 2, bias=False)])
    model.load_state_dict({name: np.full_like(w, 1e30) for name, w in model.state_dict().items()})
    return wl.AudioClassifier(features, model, labels, **options)


def test_an_overflow_of_one_is_told_and_the_others_go_on():
    clf = exploding(["a", "b"])
    gated, y = clf.gated(loud_is_speech()), bursts()
    pool = gated.pool(2)
    loud, quiet = pool.open(), pool.open()
    still = np.zeros(len(y), np.float32)
    with pytest.raises(wl.ParameterError, match="not finite"):
        pool.process({loud: y, quiet: still})
    with pytest.raises(wl.StreamStateError, match=f"stream {loud}: .*failed in an earlier call"):
        pool.process({loud: y[:10]})
    assert pool.samples_in(quiet) == len(y)
    assert pool.process({quiet: still[:10]}) == {quiet: []}
    pool.reset(loud)
    assert pool.process({loud: still}) == {loud: []}
    with pytest.raises(wl.ParameterError, match=r"^sid=99 is not a stream"):
        pool.snapshot(99)


def test_a_detector_of_another_rate_in_a_pool():
    pytest.importorskip("soxr")
    gated, y = word_classifier(8000).gated(loud_is_speech()), bursts(8000)
    pool = gated.pool(2)
    signals = {pool.open(): y, pool.open(): y[::-1].copy()}
    found = fed(pool, signals, np.random.default_rng(1), 4000)
    for sid, signal in signals.items():
        events, numbers, p, _ = run(gated, signal, [len(signal)])
        assert found[sid][0] == events and (found[sid][1] == numbers).all() and (found[sid][2] == p).all()
