"""Streams that have run for days or for centuries: counters near 2**31, 2**48 and 2**53 change no bit and no time."""

import struct

import long_signals
import numpy as np
import pytest
from catalogue import CATALOGUE, condition, same_bits, signal

import wavenetlite as wl
from wavenetlite.support.snapshots import checksum, seal, unseal

HEADER = 32
CYCLE = 240_000  # frames, a multiple of all strides, windows and periods here
FAR = {"2**31": 2**31 // CYCLE * CYCLE, "2**48": 2**48 // CYCLE * CYCLE, "2**53": 2**53 // CYCLE * CYCLE}


@pytest.fixture(params=FAR)
def far(request):
    return FAR[request.param]


def later(state, at, *more):
    """The state with 8-byte numbers from byte `at` on raised by so much each."""
    numbers = struct.unpack_from(f"<{len(more)}q", state, at)
    raised = struct.pack(f"<{len(more)}q", *(n + m for n, m in zip(numbers, more, strict=True)))
    return state[:at] + raised + state[at + len(raised) :]


def network_later(blob, frames):
    body = later(blob[:-8], HEADER, frames)
    return body + struct.pack("<Q", checksum(body))


def features_later(blob, frames, hop, window=None):
    head, front, *steps = unseal("features", blob[8:24], blob, 2 if window is None else 3, "")
    parts = [later(head, 8, frames), later(front, 0, frames * hop, frames), *(later(step, 0, frames) for step in steps)]
    return seal("features", blob[8:24], *parts)


@pytest.mark.parametrize("name", ["tcn", "strides", "nested", "same same", "wavenet condition"])
def test_networks(name, far):
    case = CATALOGUE[name]
    model, x, c = (
        case.model(),
        signal(CYCLE // 1000, case.in_channels),
        condition(CYCLE // 1000, case.condition_channels),
    )
    near, stream, pool = model.stream(), model.stream(), model.pool(1)
    near.process(x, c)
    blob = network_later(near.snapshot(), far - len(x))
    sid = pool.open(snapshot=blob)
    stream.restore(blob)
    for size in (1, 7, 100, 132):
        some = None if c is None else c[:size]
        wanted = near.process(x[:size], some)
        assert same_bits(stream.process(x[:size], some), wanted)
        assert same_bits(pool.process({sid: x[:size]}, None if c is None else {sid: some})[sid], wanted)
    assert stream.frames_in == far + 240 and near.frames_in == len(x) + 240
    assert (stream.frames_out - near.frames_out) * model.graph().clock.rate == far - len(x)
    assert same_bits(stream.fork().flush(), near.fork().flush())


@pytest.mark.parametrize("window", [None, 100])
def test_features(far, window):
    pytest.importorskip("librosa")
    spec = wl.LogMel(sr=8000, n_fft=256, hop_length=80, n_mels=8)
    spec = spec if window is None else spec.then(wl.features.RunningCMVN(window_frames=window))
    y = long_signals.minute_of_noise()[:40_000]
    near, stream = spec.stream(), spec.stream()
    near.process(y)
    stream.restore(features_later(near.snapshot(), far, 80, window))
    assert stream.samples_in == 40_000 + 80 * far and stream.frames_out == near.frames_out + far
    for size in (1, 79, 4000, 20_000):
        assert same_bits(stream.process(y[:size]), near.process(y[:size]))
    assert same_bits(stream.flush(), near.flush())


def test_classifiers_and_their_times(far):
    pytest.importorskip("librosa")
    clf = long_signals.classifier()
    y = long_signals.minute_of_noise()
    near, stream = clf.stream(), clf.stream()
    near.process(y[:400_000])
    blob = near.snapshot()
    counts, newest, features, network, detector, decision = unseal("classifier", blob[8:24], blob, 6, "")
    runs = np.frombuffer(detector, np.int64, 3, len(detector) - 17 * 3)
    detector = later(detector, 0, far, far)
    detector = later(detector, len(detector) - 17 * 3, *(far if run >= 0 else 0 for run in runs))
    parts = [later(counts, 0, far, far * 80), newest, features_later(features, far, 80, 200),
             network_later(network, far), detector, later(decision, 0, far) if decision else decision]  # fmt: skip
    stream.restore(seal("classifier", blob[8:24], *parts))
    wanted, found = near.process(y[400_000:]), stream.process(y[400_000:])
    assert same_bits(stream.probabilities, near.probabilities) and len(wanted) > 1
    second, exact = far * 80 / 8000, far * 80 < 2**53
    for one, other in zip(found, wanted, strict=True):
        assert (one.label, one.score) == (other.label, other.score)
        for here, there in ((one.time_s, other.time_s), (one.start_s, other.start_s)):
            assert abs(here - (second + there)) <= (1e-9 * max(1, second / 1e5) if exact else np.spacing(here))
    assert stream.samples_in == near.samples_in + 80 * far
    assert stream.frame_times_s[0] > second


def test_a_few_minutes_of_everything():
    """.ci/long has a day of it."""
    pytest.importorskip("librosa")
    long_signals.check(4 / 60)
