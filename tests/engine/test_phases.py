"""Streams of one pool that are at different frames: those in the same phase go through the network together."""

import numpy as np
import pytest
from catalogue import CATALOGUE, Case, condition, same_bits, signal

import wavenetlite as wl
from wavenetlite import nn

STRIDED = {
    "stride 2": Case(lambda: wl.Sequential([nn.Conv1d(3, 8, 5, stride=2), nn.Conv1d(8, 20, 3, dilation=2)]), 3),
    "strides 2 and 3": Case(
        lambda: wl.Sequential([nn.Conv1d(3, 8, 5, stride=2), nn.Conv1d(8, 20, 4, stride=3), nn.Conv1d(20, 5, 2)]), 3
    ),
    "stride and depthwise": Case(
        lambda: wl.Sequential([nn.Conv1d(3, 16, 3, stride=2), nn.Conv1d(16, 16, 30, groups=16), nn.Conv1d(16, 7, 1)]), 3
    ),
    "down and up": Case(
        lambda: wl.Sequential(
            [nn.Conv1d(3, 8, 4, stride=2), nn.ConvTranspose1d(8, 8, 4, stride=2), nn.Conv1d(8, 6, 5)]
        ),
        3,
    ),
    "up and down": Case(
        lambda: wl.Sequential([nn.ConvTranspose1d(3, 8, 6, stride=3), nn.Conv1d(8, 6, 5, stride=2)]), 3
    ),
    "stride and state": Case(
        lambda: wl.Sequential([nn.Conv1d(3, 8, 5, stride=2), nn.GRU(8, 8), nn.Conv1d(8, 4, 3)]), 3
    ),
    "lookahead": Case(
        lambda: wl.Sequential([nn.Conv1d(3, 8, 5, padding="same"), nn.Conv1d(8, 4, 3, padding="same")]), 3
    ),
}


def fed_pool(model, case, offsets, rng):
    """A pool whose streams have been fed `offsets` frames, and the lone streams that they must equal."""
    pool = model.pool(len(offsets), channels=None if model.in_channels else case.in_channels)
    ids, alone = [pool.open() for _ in offsets], []
    for sid, frames in zip(ids, offsets, strict=True):
        stream = model.stream(channels=None if model.in_channels else case.in_channels)
        x, c = block(model, case, 0, frames, rng)
        first = pool.process({sid: x}, None if c is None else {sid: c})[sid]
        assert same_bits(first, stream.process(x, c))
        alone.append(stream)
    return pool, ids, alone


def block(model, case, fed, frames, rng):
    """The next `frames` frames after `fed`, and their conditioning."""
    period = model.condition_period
    x = rng.standard_normal((frames, case.in_channels), dtype=np.float32)
    if not case.condition_channels:
        return x, None
    rows = -(-(fed + frames) // period) - -(-fed // period)
    return x, rng.standard_normal((rows, case.condition_channels), dtype=np.float32)


@pytest.mark.parametrize("name", [*CATALOGUE, *STRIDED])
def test_streams_at_any_frame_give_what_they_give_alone(name):
    case = (CATALOGUE | STRIDED)[name]
    model, rng = case.model(), np.random.default_rng(5)
    period = model.condition_period
    offsets = [*range(9), *(period * n + k for n in range(1, 4) for k in range(min(period, 7))), 60, 61, 62, 66]
    pool, ids, alone = fed_pool(model, case, offsets, rng)
    for _ in range(12):
        given = {
            sid: block(model, case, pool.frames_in(sid), int(rng.integers(0, 4)), rng) for sid in rng.permutation(ids)
        }
        c = {int(sid): c for sid, (_, c) in given.items()} if case.condition_channels else None
        outputs = pool.process({int(sid): x for sid, (x, _) in given.items()}, c)
        for sid, stream in zip(ids, alone, strict=True):
            assert same_bits(outputs[sid], stream.process(*given[sid]))
            assert pool.snapshot(sid) == stream.snapshot()


@pytest.mark.parametrize("name", STRIDED)
def test_a_snapshot_of_a_stream_that_ran_with_others_resumes_alone(name):
    case = STRIDED[name]
    model, x = case.model(), signal(50, case.in_channels)
    pool = model.pool(40)
    ids = [pool.open() for _ in range(40)]
    y = [pool.process(dict.fromkeys(ids, x[n : n + 1]))[ids[7]] for n in range(31)]
    stream = model.stream()
    stream.restore(pool.snapshot(ids[7]))
    assert same_bits(np.concatenate([*y, stream.process(x[31:]), stream.flush()]), model(x))


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_share_streams_of_several_phases(threads):
    model = wl.Sequential([nn.Conv1d(8, 160, 5, stride=2), *[nn.Conv1d(160, 160, 5) for _ in range(3)]])
    rng = np.random.default_rng(3)
    pools = [model.pool(200, threads=n) for n in (1, threads)]
    ids = [[pool.open() for _ in range(200)] for pool in pools]
    for _ in range(6):
        blocks = [rng.standard_normal((int(n), 8), dtype=np.float32) for n in rng.integers(0, 4, 200)]
        one, several = [pool.process(dict(zip(own, blocks, strict=True))) for pool, own in zip(pools, ids, strict=True)]
        assert all(same_bits(one[sid], several[sid]) for sid in one)


@pytest.mark.parametrize("name", ["tcn", "wavenet", "wavenet condition", "separable", "concat pool", "softmax"])
@pytest.mark.parametrize("frames", [1, 2, 7, 8])
def test_a_batch_of_short_signals_gives_what_each_gives_alone(name, frames):
    case = CATALOGUE[name]
    model = case.model()
    x = signal(130 * frames, case.in_channels).reshape(130, frames, -1)
    constant = [None]
    if case.condition_channels:
        c = condition(130 * frames, case.condition_channels).reshape(130, frames, -1)
        constant = [c, np.ascontiguousarray(c[:, 0])]
    for c in constant:
        y = model(x, c)
        for i in range(130):
            assert same_bits(y[i], model(x[i], None if c is None else c[i]))


def test_a_mistake_in_a_batch_of_short_signals_is_named():
    model = CATALOGUE["wavenet condition"].model()
    channels, given = model.in_channels, model.condition_channels
    x = np.zeros((5, 1, channels), np.float32)
    c = np.zeros((5, 1, given), np.float32)
    bad = x.copy()
    bad[3, 0, 0] = np.inf
    with pytest.raises(wl.ParameterError, match=r"x\[3\] is not finite at frame 0"):
        model(bad, c)
    assert same_bits(model(bad, c, on_nonfinite="zero"), model(x, c))
    with pytest.raises(wl.ParameterError, match="c has 2 frames"):
        model(x, np.zeros((5, 2, given), np.float32))
    with pytest.raises(wl.ArrayTypeError, match="float64"):
        model(x.astype(np.float64), c)


@pytest.mark.parametrize("name", ["tcn", "strides", "prewarmed", "lookahead"])
@pytest.mark.parametrize("fed", [0, 1, 5, 300])
def test_a_stream_that_was_reset_is_a_new_one(name, fed):
    case = (CATALOGUE | STRIDED).get(name) or CATALOGUE["tcn"]
    model = wl.Sequential([wl.nn.Prewarmed(case.model())]) if name == "prewarmed" else case.model()
    x = signal(400, case.in_channels)
    stream, restored = model.stream(), model.stream()
    stream.process(x[:fed])
    restored.restore(stream.snapshot())
    for used in (stream, restored):
        used.process(x[fed : fed + 2])
        used.reset()
        assert same_bits(np.concatenate([used.process(x[:9]), used.process(x[9:]), used.flush()]), model(x))
        used.reset()
        assert used.snapshot() == model.stream().snapshot()


@pytest.mark.parametrize("rows", range(1, 40))
@pytest.mark.parametrize("channels", [4, 12, 17, 33, 64, 80])
def test_any_number_of_rows_gives_the_same_bits(channels, rows):
    """Whatever tiles a block is cut into, and however many panels a single row has."""
    model = wl.Sequential([nn.Conv1d(3, channels, 3), nn.Residual([nn.Conv1d(channels, channels, 5)])])
    x = signal(rows, 3)
    stream = model.stream()
    assert same_bits(model(x), np.concatenate([stream.process(x[n : n + 1]) for n in range(rows)]))
