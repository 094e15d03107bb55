"""Ctrl-C: a long call ends soon, and what it worked on is as it was before the call."""

import signal
import threading
import time

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.support.threads import StoppedError, check_stopped, in_threads

FRAMES = 150_000


class Alarm(BaseException):
    """What the handler of a signal raises."""


@pytest.fixture
def interrupted():
    """Runs a function and raises in its middle, by a signal; whether it did."""
    if not hasattr(signal, "setitimer"):
        pytest.skip("no interval timers here")

    def ring(*_):
        raise Alarm

    before = signal.signal(signal.SIGALRM, ring)

    def run(function, after_s):
        try:
            signal.setitimer(signal.ITIMER_REAL, after_s)
            function()
            signal.setitimer(signal.ITIMER_REAL, 0)
        except Alarm:
            return True
        return False

    yield run
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


def network(conditioned=False):
    options = {"condition_channels": 3} if conditioned else {}
    return wl.WaveNet(in_channels=2, out_channels=3, residual_channels=8, skip_channels=8, kernel_size=2,
                      dilations=[1, 2, 4], seed=0, **options)  # fmt: skip


def frames(count, channels=2, seed=0):
    return np.random.default_rng(seed).standard_normal((count, channels)).astype(np.float32)


@pytest.mark.parametrize("after_s", [0.002, 0.01, 0.02])
@pytest.mark.parametrize("conditioned", [False, True])
def test_an_interrupted_stream_is_as_it_was(interrupted, conditioned, after_s):
    model = network(conditioned)
    stream, twin = model.stream(), model.stream()

    def c(n):
        return frames(n, 3, 1) if conditioned else None

    for one in (stream, twin):
        one.process(frames(100), c(100))
    before, x, conditions = stream.snapshot(), frames(20 * FRAMES), c(20 * FRAMES)
    assert interrupted(lambda: stream.process(x, conditions), after_s)
    assert stream.snapshot() == before
    y = stream.process(x[:FRAMES], None if conditions is None else conditions[:FRAMES])
    rest = [twin.process(x[a : a + 999], None if conditions is None else conditions[a : min(a + 999, FRAMES)])
            for a in range(0, FRAMES - FRAMES % 999, 999)]  # fmt: skip
    rest = np.concatenate(rest)
    assert (y[: len(rest)] == rest).all(), "pieces have the bits of other blocks"


def test_a_stream_that_changes_the_rate_is_run_in_pieces_too():
    up = wl.Sequential([wl.nn.Conv1d(2, 4, 3), wl.nn.Upsample(3), wl.nn.Conv1d(4, 2, 2, stride=2)], seed=0)
    x = frames(FRAMES)
    whole, parts = up.stream(), up.stream()
    assert (
        whole.process(x) == np.concatenate([parts.process(x[a : a + 10_000]) for a in range(0, FRAMES, 10_000)])
    ).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_an_interrupted_pool_is_as_it_was(interrupted, threads):
    pool = network().pool(4, threads=threads)
    ids = [pool.open() for _ in range(3)]
    pool.process({sid: frames(50 + sid) for sid in ids})
    before = [pool.snapshot(sid) for sid in ids]
    x = {ids[0]: frames(10 * FRAMES), ids[1]: frames(7 * FRAMES, seed=1), ids[2]: frames(3, seed=2)}
    assert interrupted(lambda: pool.process(x), 0.01)
    assert [pool.snapshot(sid) for sid in ids] == before


def test_a_pool_gives_the_same_bits_in_pieces():
    model = network()
    pool = model.pool(4)
    ids = [pool.open() for _ in range(3)]
    x = {ids[0]: frames(FRAMES), ids[1]: frames(FRAMES // 2, seed=1), ids[2]: frames(3, seed=2)}
    made = pool.process(x)
    for sid in ids:
        assert (made[sid] == model.stream().process(x[sid])).all()


def test_training_data_and_model_survive_an_interrupt(interrupted):
    model = network()
    before = model.state_dict()
    x, y = frames(64 * 400).reshape(64, 400, 2), np.arange(64) % 3
    wl.train.fit(network(), (x[:2], y[:2]), epochs=1, batch_size=2)  # what is imported when first wanted is there then
    assert interrupted(lambda: wl.train.fit(model, (x, y), epochs=10_000, batch_size=32), 0.1)
    assert all((model.state_dict()[name] == before[name]).all() for name in before)
    ours = [thread for thread in threading.enumerate() if thread.name.startswith(("shards", "batches"))]
    deadline = time.monotonic() + 60  # one whose start was interrupted could not be waited for, and ends by itself
    while any(thread.is_alive() for thread in ours) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not [thread for thread in ours if thread.is_alive()]


# -------------------------------------------------------------------------------------------------------------- threads
def test_work_in_threads_comes_in_order():
    assert list(in_threads(lambda n: n * n, range(100), 3, together=7)) == [n * n for n in range(100)]
    assert list(in_threads(str, [], 2)) == []


def test_threads_end_when_their_owner_stops():
    begun, ended = threading.Semaphore(0), []

    def forever(key):
        if key == 0:
            return key
        begun.release()
        try:
            while True:
                check_stopped()
                time.sleep(0.001)
        except StoppedError:
            ended.append(key)
            raise

    work = in_threads(forever, range(100), 2)
    assert next(work) == 0
    begun.acquire()
    work.close()
    assert 1 <= len(ended) <= 2
    check_stopped()  # the owner's own thread is never stopped


def test_an_interrupt_while_a_thread_starts_leaves_none_behind(monkeypatch):
    start, made = threading.Thread.start, []

    def interrupted_after(thread):
        start(thread)
        made.append(thread)
        raise Alarm

    monkeypatch.setattr(threading.Thread, "start", interrupted_after)
    work = in_threads(str, range(100), 2)
    with pytest.raises(Alarm):
        next(work)
    assert len(made) == 1 and not made[0].is_alive()


def test_an_error_in_a_thread_reaches_the_owner():
    def broken(key):
        if key == 3:
            raise ZeroDivisionError
        return key

    work = in_threads(broken, range(100), 2)
    assert [next(work) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        next(work)


FEATURES = {
    "decibels": wl.LogMel(n_fft=64, hop_length=1, n_mels=8),
    "steps": wl.LogMel(n_fft=64, hop_length=2, n_mels=8).then(
        wl.features.RunningCMVN(window_frames=9), wl.features.Deltas(width=5)
    ),
    "codes": wl.MuLaw(),
}


@pytest.mark.parametrize("name", FEATURES)
def test_features_of_a_long_block_are_those_of_its_parts(name):
    spec, y = FEATURES[name], np.tanh(frames(2, 70_000))
    many = spec(y)
    online = spec.stream()
    parts = [online.process(part) for part in np.array_split(y[0], 7)]
    assert np.concatenate([*parts, online.flush()]).tobytes() == many[0].tobytes() == spec(y[0]).tobytes()
    bad = y[0].copy()
    bad[-1] = np.nan
    online.reset()
    with pytest.raises(wl.ParameterError, match="not finite at sample 69999"):
        online.process(bad)
    assert (online.samples_in, online.frames_out) == (0, 0)


@pytest.mark.parametrize("after_s", [0.002, 0.02])
@pytest.mark.parametrize("name", FEATURES)
def test_an_interrupted_feature_stream_is_as_it_was(interrupted, name, after_s):
    spec = FEATURES[name]
    y = np.tanh(frames(1, 400_000)[0])
    online, twin = spec.stream(), spec.stream()
    for stream in (online, twin):
        stream.process(y[:1000])
    stopped = interrupted(lambda: online.process(y), after_s)
    if not stopped or online.samples_in > twin.samples_in:  # the signal may come when the call is over
        twin.process(y)
    assert (online.samples_in, online.frames_out) == (twin.samples_in, twin.frames_out)
    assert online.process(y[:500]).tobytes() == twin.process(y[:500]).tobytes()
