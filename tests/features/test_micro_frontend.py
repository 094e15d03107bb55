"""The front end of microcontroller wake words: integers, so that every value has one right result."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from features_catalogue import BLOCKS, feed, same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from micro_reference import Reference, logarithm

import wavenetlite as wl
from wavenetlite.features import micro_tables as tables

CLIPS = Path(os.environ.get("WAVENETLITE_DATA", ""), "speech_commands12", "yes")
SPEC = wl.MicroFrontend()
TIME = np.arange(4000)
SIGNALS = {
    "silence": np.zeros(4000),
    "noise": np.random.default_rng(0).normal(0, 3000, 4000),
    "faint noise": np.random.default_rng(1).normal(0, 1, 4000),
    "full noise": np.random.default_rng(2).uniform(-32768, 32767, 4000),
    "tone": 20000 * np.sin(2 * np.pi * 440 / 16000 * TIME),
    "full square wave": np.where(TIME // 16 % 2, 32767, -32768),
    "fast square wave": np.where(TIME // 2 % 2, 32767, -32768),
    "loudest": np.full(4000, 32767),
    "lowest": np.full(4000, -32768),
    "one lowest sample": np.where(TIME == 1999, -32768, 0),
    "lowest in faint noise": np.where(TIME % 640 == 239, -32768, np.random.default_rng(3).integers(-3, 4, 4000)),
    "growing": np.random.default_rng(4).normal(0, 1, 4000) * np.geomspace(0.1, 20000, 4000),
}  # fmt: skip
SPECS = {
    "default": wl.MicroFrontend(),
    "20 ms": wl.MicroFrontend(win_length=320, hop_length=320, n_mels=32),
    "short": wl.MicroFrontend(sr=8000, win_length=33, hop_length=33, n_mels=5, fmax=3900.0),
    "100": wl.MicroFrontend(win_length=100, hop_length=50, n_mels=3, fmin=0.0),
    "256": wl.MicroFrontend(win_length=256, hop_length=128, n_mels=30, pcan=False),
    "481": wl.MicroFrontend(win_length=481, hop_length=7, n_mels=41, log=False),
    "1,000": wl.MicroFrontend(sr=44100, win_length=1000, hop_length=999, n_mels=1, fmax=20000.0),
    "2,048": wl.MicroFrontend(sr=48000, win_length=2048, hop_length=480, n_mels=64, pcan=False, log=False),
    "strong gain": wl.MicroFrontend(pcan_strength=2.0, pcan_offset=300.0),
    "no gain": wl.MicroFrontend(pcan_strength=0.0, min_signal_remaining=0.0),
    "no memory": wl.MicroFrontend(even_smoothing=1.0, odd_smoothing=1.0, min_signal_remaining=1.0),
    "no smoothing": wl.MicroFrontend(even_smoothing=0.0, odd_smoothing=0.0),
}


def integers(x):
    return np.clip(np.rint(x), -32768, 32767).astype(np.int16)


def as_features(values):
    return values.astype(np.float32) * np.float32(10 / 256)


@pytest.mark.parametrize("name", SIGNALS)
def test_values_of_the_definition(name):
    x = integers(SIGNALS[name])[:2400]
    assert same_bits(SPEC(x), as_features(Reference(SPEC)(x)))


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("signal", ["growing", "full noise", "one lowest sample"])
def test_values_of_other_options(name, signal):
    spec = SPECS[name]
    x = integers(SIGNALS[signal])[: spec.win_length + 2 * spec.hop_length + 5]
    assert same_bits(spec(x), as_features(Reference(spec)(x)))


@pytest.mark.filterwarnings("ignore:n_mels")
@settings(max_examples=25)
@given(st.data())
def test_values_of_random_options(data):
    length, strength = data.draw(st.integers(33, 700)), data.draw(st.floats(0.3, 4))
    spec = wl.MicroFrontend(
        sr=data.draw(st.sampled_from([8000, 16000, 22050])), win_length=length,
        hop_length=data.draw(st.integers(1, length)), n_mels=data.draw(st.integers(1, 50)),
        fmin=data.draw(st.floats(0, 300)), fmax=data.draw(st.floats(2000, 3990)),
        even_smoothing=data.draw(st.floats(0, 1)), odd_smoothing=data.draw(st.floats(0, 1)),
        min_signal_remaining=data.draw(st.floats(0, 1)), pcan=data.draw(st.booleans()),
        pcan_strength=strength, pcan_offset=2 ** (6 / strength) * data.draw(st.floats(1.01, 100)),
        log=data.draw(st.booleans()))  # fmt: skip
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    x = integers(rng.normal(0, 10 ** data.draw(st.floats(0, 5)), length + 2 * spec.hop_length))
    assert same_bits(spec(x), as_features(Reference(spec)(x)))


def test_the_largest_root_of_32_bits():
    """A band's sum just below 2**32 whose root is nearest to 65,536: the original says 65,535; here shifted by 3."""
    x = integers(np.random.default_rng(90).normal(0, 1000, (401, 480))[156])
    spec = wl.MicroFrontend(pcan=False, log=False, min_signal_remaining=1.0)
    assert Reference(spec)(x)[0, 37] == 65535 >> 3
    assert same_bits(spec(x), as_features(Reference(spec)(x)))


def theirs(x):
    """The features of pymicro-features, fed with 10 ms at a time."""
    frontend = pytest.importorskip("pymicro_features", reason="pymicro-features is not installed").MicroFrontend()
    audio, read, frames = integers(x).astype("<i2").tobytes() + bytes(320), 0, []
    while len(frames) < SPEC.frames(len(x)):
        part = frontend.process_samples(audio[read : read + 320])
        read += 2 * part.samples_read
        if part.features:
            frames.append(part.features)
    return np.array(frames, np.float32)


@pytest.mark.parametrize("name", SIGNALS)
def test_values_of_pymicro_features(name):
    assert same_bits(SPEC(integers(SIGNALS[name])), theirs(SIGNALS[name]))


@pytest.mark.skipif(not CLIPS.is_dir(), reason="speech_commands12 is not in WAVENETLITE_DATA")
def test_values_of_pymicro_features_on_speech():
    """Of all loudnesses, in a row: the estimate of the noise goes on from clip to clip."""
    clips = [wl.audio.read(path)[0] for path in sorted(CLIPS.glob("*.flac"))[:30]]
    levels = np.geomspace(1e-4, 1, len(clips), dtype=np.float32)
    y = np.concatenate([clip * level for clip, level in zip(clips, levels, strict=True)])
    assert same_bits(SPEC(y), theirs(32768 * y))


@settings(max_examples=60)
@given(samples=st.integers(0, 6000), blocks=BLOCKS, name=st.sampled_from(list(SPECS)), seed=st.integers(0, 2**32 - 1))
def test_any_partition_of_integers(samples, blocks, name, seed):
    x = integers(np.random.default_rng(seed).normal(0, 5000, samples))
    spec = SPECS[name]
    assert same_bits(feed(spec.stream(), x, blocks), spec(x))


def test_one_sample_at_a_time():
    x = integers(SIGNALS["growing"][:1500])
    assert same_bits(feed(SPEC.stream(), x, [1] * 1500), SPEC(x))


def test_counts_of_frames():
    assert SPEC(np.zeros(16000, np.int16)).shape == (98, 40)
    assert [len(SPEC(np.zeros(n, np.int16))) for n in (0, 479, 480, 639, 640)] == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("name", SIGNALS)
def test_integers_are_floats_times_32768(name):
    x = integers(SIGNALS[name])
    assert same_bits(SPEC(x), SPEC(x.astype(np.float32) / 32768))
    assert same_bits(SPEC(x[::-1]), SPEC(x[::-1].copy()))
    rows = np.stack([x, x[::-1]])
    assert same_bits(SPEC(rows), np.stack([SPEC(x), SPEC(x[::-1])]))
    assert same_bits(SPEC(np.asfortranarray(rows)), SPEC(rows))


def test_floats_are_rounded_to_the_nearest_integer_and_clipped():
    rng = np.random.default_rng(0)
    y = (rng.uniform(-1.2, 1.2, 4000) * np.geomspace(1e-4, 1, 4000)).astype(np.float32)
    y[::7] = ((np.arange(len(y[::7])) - 250.5) / 32768).astype(np.float32)  # halves
    y[::501] = [1e30, -1e30, 1.0, -1.0, 1e-30, -3.4e38, 3.4e38, -0.0]
    assert same_bits(SPEC(y), SPEC(integers(y.astype(np.float64) * 32768)))


def test_a_stream_takes_integers_and_floats_in_turn():
    x = integers(SIGNALS["noise"])
    stream = SPEC.stream()
    parts = [
        stream.process(x[:1234]),
        stream.process(x[1234:2000].astype(np.float32) / 32768),
        stream.process(x[2000:]),
    ]
    assert same_bits(np.concatenate(parts), SPEC(x))


@pytest.mark.parametrize("streams", [0, 3])
def test_a_snapshot_keeps_the_noise(streams):
    rng = np.random.default_rng(0)
    x = integers(rng.normal(0, 3000, (streams, 5000) if streams else 5000))
    stream = SPEC.stream(streams=streams) if streams else SPEC.stream()
    stream.process(x[..., :3333])
    twin, other = stream.fork(), SPEC.stream(streams=streams) if streams else SPEC.stream()
    other.restore(stream.snapshot())
    last = stream.process(x[..., 3333:])
    assert same_bits(np.concatenate([SPEC(x)[..., : -last.shape[-2], :], last], axis=-2), SPEC(x))
    assert same_bits(twin.process(x[..., 3333:]), last)
    assert same_bits(other.process(x[..., 3333:]), last)
    stream.reset()
    assert same_bits(stream.process(x), SPEC(x))


def test_a_snapshot_of_other_options_is_refused():
    with pytest.raises(wl.SnapshotError):
        wl.MicroFrontend(odd_smoothing=0.5).stream().restore(SPEC.stream().snapshot())


BAD_SAMPLES = {
    "float64": (np.zeros(10), "must be float32 or int16"),
    "int32": (np.zeros(10, np.int32), "must be float32 or int16"),
    "uint16": (np.zeros(10, np.uint16), "must be float32 or int16"),
    "swapped": (np.zeros(10, ">i2"), "must be float32 or int16"),
    "rank": (np.zeros((1, 1, 10), np.int16), "one dimension"),
    "masked": (np.ma.zeros(10, np.int16), "MaskedArray"),
    "nan": (np.array([0, np.nan], np.float32), "sample 1"),
}


@pytest.mark.parametrize("name", BAD_SAMPLES)
def test_samples_that_are_refused(name):
    samples, text = BAD_SAMPLES[name]
    stream = SPEC.stream()
    for call in (stream.process, SPEC):
        with pytest.raises(wl.WavenetliteError, match=text) as excinfo:
            call(samples)
        assert "\n" not in str(excinfo.value)
    assert stream.samples_in == 0


def test_other_features_still_refuse_integers():
    with pytest.raises(wl.ArrayTypeError, match=r"int16; it must be float32$"):
        wl.LogMel()(np.zeros(1000, np.int16))


def test_another_rate_is_refused():
    with pytest.raises(wl.ParameterError, match="sr=8000 must be 16000"):
        SPEC(np.zeros(1000, np.int16), sr=8000)


@pytest.mark.parametrize("options", [
    {"sr": 0}, {"win_length": 32}, {"win_length": 2049}, {"win_length": 480.0}, {"hop_length": 481}, {"hop_length": 0},
    {"n_mels": 0}, {"n_mels": 513}, {"fmin": -1.0}, {"fmin": 7500.0}, {"fmax": 8000.0}, {"fmax": float("nan")},
    {"fmin": 7990.0, "fmax": 7995.0}, {"even_smoothing": 1.5}, {"odd_smoothing": -0.1}, {"min_signal_remaining": 2},
    {"pcan": 1}, {"log": "yes"}, {"pcan_strength": 11.0}, {"pcan_strength": -1}, {"pcan_offset": 0},
    {"pcan_offset": 1e30}, {"pcan_strength": 3.0, "pcan_offset": 1.0}, {"pcan_offset": 50.0},
], ids=str)  # fmt: skip
def test_options_that_are_refused(options):
    with pytest.raises(wl.WavenetliteError, match=next(iter(options))) as excinfo:
        wl.MicroFrontend(**options)
    assert "\n" not in str(excinfo.value)


def test_bands_that_are_always_silent_are_told():
    with pytest.warns(UserWarning, match="n_mels=200 gives bands that are always silent"):
        wl.MicroFrontend(n_mels=200)


def test_saved_and_made_again():
    spec = wl.MicroFrontend(win_length=400, n_mels=32, pcan=False).then(wl.features.Deltas(width=3))
    again = wl.features.from_config(json.loads(json.dumps(spec.config())), spec.state_dict())
    x = integers(SIGNALS["noise"])
    assert same_bits(again(x), spec(x))
    assert repr(again) == repr(spec)
    assert "win_length=400" in repr(spec)
    with pytest.raises(wl.ParameterError, match="unexpected key 'window'"):
        wl.features.from_config(wl.MicroFrontend().config(), {"window": np.zeros(480, np.float32)})


def test_a_classifier_streams_integers_and_floats(tmp_path):
    clf = wl.AudioClassifier(SPEC, wl.TCN(40, 2, channels=4, dilations=[1, 2], seed=0), ["yes", "no"])
    clf.save(tmp_path / "clf.safetensors")
    clf = wl.load(tmp_path / "clf.safetensors")
    x = integers(SIGNALS["growing"])
    y = x.astype(np.float32) / 32768
    one, other = clf.stream(sr=16000), clf.stream(sr=16000)
    one.process(x)
    parts = [(other.process(y[first : first + 700]), other.probabilities)[1] for first in range(0, 4000, 700)]
    assert same_bits(one.probabilities, np.concatenate(parts))
    assert clf.predict(x, sr=16000).label == clf.predict(y, sr=16000).label
    pool = clf.pool(capacity=2, sr=16000)
    first, second = pool.open(), pool.open()
    pool.process({first: x, second: y[::-1].copy()})
    assert same_bits(pool.probabilities(first), one.probabilities)


def test_the_table_of_the_logarithm_bounds_its_error():
    x = np.unique(np.geomspace(2, 2**31, 2000).astype(np.int64))
    logs = tables.log_table()
    from_table = np.array([logarithm(int(number), logs) for number in x])
    assert np.abs(from_table - 64 * np.log(x)).max() < 0.7


def test_the_logarithm_of_the_bands_is_within_a_unit_in_the_last_place():
    x = np.concatenate([[0], np.geomspace(1e-6, 100, 20000)]).astype(np.float32)
    exact = np.log1p(x.astype(np.float64))
    assert (np.abs(tables.log1p(x) - exact) <= np.spacing(exact.astype(np.float32))).all()
