"""Feature streams: bit for bit what the offline call gives, for any blocks, alone or with others; and their state."""

import threading

import numpy as np
import pytest
from features_catalogue import BLOCKS, SPECS, feed, noise, same_bits
from hypothesis import given, settings
from hypothesis import strategies as st

import wavenetlite as wl
from wavenetlite import features as F  # noqa: N812

MADE = {}


def spec_named(name):
    """Specs are immutable: one of each kind serves all tests."""
    if name not in MADE:
        MADE[name] = SPECS[name]()
    return MADE[name]


def signal_for(name, samples, seed=0):
    return np.clip(noise(samples, seed), -1, 1)


@pytest.mark.parametrize("name", SPECS)
def test_streams_equal_offline(name):
    @settings(max_examples=60)
    @given(samples=st.integers(0, 9000), blocks=BLOCKS, seed=st.integers(0, 2**32 - 1))
    def check(samples, blocks, seed):
        spec, y = spec_named(name), signal_for(name, samples, seed)
        assert same_bits(feed(spec.stream(), y, blocks), spec(y))

    check()


@pytest.mark.parametrize("name", SPECS)
def test_sample_by_sample_and_all_at_once(name):
    spec, y = spec_named(name), signal_for(name, 2500)
    whole = spec(y)
    assert len(whole) == spec.frames(len(y))
    assert whole.shape[1] == spec.out_channels
    assert same_bits(feed(spec.stream(), y, [1] * 2500), whole)
    assert same_bits(feed(spec.stream(), y, []), whole)


@pytest.mark.parametrize("name", SPECS)
def test_a_long_signal(name):
    spec, y = spec_named(name), signal_for(name, 40_000)
    assert same_bits(feed(spec.stream(), y, [160] * 250), spec(y))


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("streams", [1, 3, 50])
def test_several_streams_in_step(name, streams):
    spec = spec_named(name)
    y = np.stack([signal_for(name, 2100, seed) for seed in range(streams)])
    alone = np.stack([spec(row) for row in y])
    assert same_bits(spec(y), alone)
    stream = spec.stream(streams=streams)
    assert same_bits(feed(stream, y, [0, 1, 700, 160, 160]), alone)
    assert (stream.samples_in, stream.frames_out) == (2100, spec.frames(2100))


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("streams", [0, 2])
def test_a_restored_stream_goes_on_from_anywhere(name, streams):
    """In the gap between two frames too, where the hop is longer than a frame."""
    spec = spec_named(name)
    y = signal_for(name, 2100) if not streams else np.stack([signal_for(name, 2100, seed) for seed in range(streams)])
    whole = spec(y)
    for cut in (0, 1, 63, 150, 199, 700, 2099, 2100):
        stream, other = (spec.stream(streams=streams) if streams else spec.stream() for _ in range(2))
        first = stream.process(y[..., :cut])
        other.restore(stream.snapshot())
        assert (other.samples_in, other.frames_out) == (cut, first.shape[-2])
        assert same_bits(np.concatenate([first, feed(other, y[..., cut:], [40])], axis=-2), whole)


@pytest.mark.parametrize("name", SPECS)
def test_reset(name):
    spec, y = spec_named(name), signal_for(name, 3000)
    stream = spec.stream()
    for cut in (0, 100, 1500):
        stream.process(y[:cut])
        stream.reset()
        assert (stream.samples_in, stream.frames_out) == (0, 0)
        assert same_bits(feed(stream, y, [7, 1000]), spec(y))
        assert (stream.samples_in, stream.frames_out) == (3000, spec.frames(3000))
        stream.reset()


@given(st.lists(st.tuples(st.integers(0, 900), st.integers(1, 300)), max_size=8))
def test_mu_law_bits_do_not_depend_on_the_block(cuts):
    spec, y = spec_named("mu-law"), np.clip(noise(1200, 3, 0.5), -1, 1)
    whole = spec(y)
    for start, length in cuts:
        assert same_bits(spec(y[start : start + length].copy()), whole[start : start + length])


def test_strided_and_read_only_samples():
    spec, stereo = spec_named("log mel"), noise((4000, 2))
    assert same_bits(spec(stereo[:, 0]), spec(stereo[:, 0].copy()))
    y = stereo[:, 1].copy()
    y.flags.writeable = False
    assert same_bits(feed(spec.stream(), y, [100]), spec(y))


BAD = {
    "float64": (np.zeros(10), wl.ArrayTypeError, "float64"),
    "int16": (np.zeros(10, np.int16), wl.ArrayTypeError, "int16"),
    "byte order": (np.zeros(10, ">f4"), wl.ArrayTypeError, "dtype"),
    "list": ([0.0] * 10, wl.ArrayTypeError, "list"),
    "rank": (np.zeros((1, 1, 10), np.float32), wl.ParameterError, "(1, 1, 10)"),
    "nan": (np.array([0, np.nan], np.float32), wl.ParameterError, "sample 1"),
    "inf": (np.array([np.inf, 0], np.float32), wl.ParameterError, "sample 0"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("name", ["log mel", "mu-law", "chain", "pcen"])
def test_a_stream_survives_bad_samples(name, bad):
    spec, y = spec_named(name), signal_for(name, 3000)
    samples, error, text = BAD[bad]
    stream = spec.stream()
    first = stream.process(y[:1234])
    with pytest.raises(error, match=r"^[^\n]*$") as excinfo:
        stream.process(samples)
    assert "samples" in str(excinfo.value)
    assert text in str(excinfo.value)
    assert stream.samples_in == 1234
    assert same_bits(np.concatenate([first, stream.process(y[1234:]), stream.flush()]), spec(y))
    with pytest.raises(error):
        spec(samples)


def test_mu_law_wants_samples_in_range():
    with pytest.raises(wl.ParameterError, match=r"reaches 1\.5"):
        F.MuLaw()(np.array([0, -1.5], np.float32))


@pytest.mark.parametrize("name", ["log mel", "mu-law"])
def test_non_finite_samples_may_be_zeroed(name):
    spec, y = spec_named(name), signal_for(name, 1000)
    bad, zeroed = y.copy(), y.copy()
    bad[[3, 500]], zeroed[[3, 500]] = (np.nan, np.inf), 0
    kept = bad.copy()
    assert same_bits(spec(bad, on_nonfinite="zero"), spec(zeroed))
    assert same_bits(feed(spec.stream(on_nonfinite="zero"), bad, [100]), spec(zeroed))
    assert same_bits(bad, kept)
    with pytest.raises(wl.ParameterError, match="on_nonfinite='skip'"):
        spec(y, on_nonfinite="skip")
    with pytest.raises(wl.ParameterError, match="on_nonfinite='skip'"):
        spec.stream(on_nonfinite="skip")


@pytest.mark.parametrize("name", ["log mel", "mu-law", "chain"])
def test_after_flush_a_stream_wants_a_reset(name):
    stream = spec_named(name).stream()
    stream.flush()
    for call in (lambda: stream.process(np.zeros(3, np.float32)), stream.flush):
        with pytest.raises(wl.StreamStateError, match="reset"):
            call()
    stream.reset()
    assert len(stream.process(np.zeros(0, np.float32))) == 0


def test_streams_are_fed_in_step():
    stream = spec_named("log mel").stream(streams=3)
    for bad in (np.zeros(10, np.float32), np.zeros((2, 10), np.float32), np.zeros((10, 3), np.float32)):
        with pytest.raises(wl.ParameterError, match=r"\(3, samples\)"):
            stream.process(bad)
    for bad in (0, -1, 1.5, True):
        with pytest.raises(wl.WavenetliteError, match="streams"):
            spec_named("log mel").stream(streams=bad)


def test_two_threads_on_one_stream_are_an_error():
    stream = spec_named("log mel").stream()
    y, outcomes, barrier = noise(16000 * 60), [], threading.Barrier(2)

    def work():
        barrier.wait()
        try:
            outcomes.append(len(stream.process(y)))
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
    assert stream.samples_in == len(y) * (2 - len(refused))


def test_streams_of_one_spec_in_threads():
    spec = spec_named("chain")
    signals, results = [noise(16000, seed) for seed in range(4)], [None] * 4

    def work(i):
        results[i] = feed(spec.stream(), signals[i], [160] * 90)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(same_bits(result, spec(y)) for result, y in zip(results, signals, strict=True))


@pytest.mark.parametrize(("frames", "fits"), [(0, False), (2, False), (3, True), (4, True), (5, False), (6, False)])
def test_a_state_of_deltas_holds_the_frames_that_it_waits_with(frames, fits):
    """Three before the current one, which is repeated at the beginning, and the one that waits for its successor."""
    state = F.Deltas(width=5, lookahead_frames=1).open(2, 3)
    saved = b"\1" + noise(2 * frames * 3).tobytes()
    if fits:
        state.load(saved)
        assert state.save() == saved
        return
    with pytest.raises(wl.SnapshotError, match="does not fit these features"):
        state.load(saved)
    assert state.save() == b""
