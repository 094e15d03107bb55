"""Augmentation: what every transform keeps, and what each one does, in numbers."""

import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wavenetlite as wl
from wavenetlite.train import augment as aug
from wavenetlite.train.augment import (
    Augment,
    BackgroundNoise,
    BandLimit,
    Clipping,
    Colouring,
    Equalise,
    FrequencyWarp,
    Gain,
    Reverb,
    SpecAugment,
    Speed,
    TimeShift,
    Transform,
    Trim,
    from_config,
    mixup,
)

DATA = os.environ.get("WAVENETLITE_DATA")
SR = 16000
KINDS = ("white", "pink", "brown", "recording", "babble")


def rng(seed=0):
    return np.random.default_rng(seed)


def noise(*shape, seed=0):
    return (0.1 * rng(seed).standard_normal(shape)).astype(np.float32)


RECORDINGS = [noise(n, seed=n) for n in (3, 500, 1000, 5000)]
WAVEFORM = {
    "shift": lambda p=1.0: TimeShift(10, sr=SR, probability=p),
    "shift zero": lambda p=1.0: TimeShift(10, sr=SR, fill="zero", probability=p),
    "shift wrap": lambda p=1.0: TimeShift(1e9, sr=SR, fill="wrap", probability=p),
    "trim": lambda p=1.0: Trim(10, sr=SR, probability=p),
    "gain": lambda p=1.0: Gain(-6, 6, probability=p),
    "clipping": lambda p=1.0: Clipping(3, 12, probability=p),
    "noise": lambda p=1.0: BackgroundNoise(KINDS, snr_db=(0, 20), recordings=RECORDINGS, probability=p),
    "noise of recordings": lambda p=1.0: BackgroundNoise(("white", "pink"), everywhere=False, probability=p),
    "speed": lambda p=1.0: Speed(0.8, 1.2, probability=p),
    "speed far": lambda p=1.0: Speed(0.25, 4, probability=p),
    "band": lambda p=1.0: BandLimit(sr=SR, probability=p),
    "equalise": lambda p=1.0: Equalise(12, probability=p),
    "reverb": lambda p=1.0: Reverb(sr=SR, probability=p),
}
FRAMES = {
    "spec": lambda p=1.0: SpecAugment(2, 5, 2, 3, probability=p),
    "spec number": lambda p=1.0: SpecAugment(1, 5, 1, 3, fill=-100.0, probability=p),
    "warp": lambda p=1.0: FrequencyWarp(0.8, 1.2, probability=p),
    "colouring": lambda p=1.0: Colouring(3.0, probability=p),
}
EVERY = {**WAVEFORM, **FRAMES}


def batch_for(name, clips=6, size=800, seed=0):
    return noise(clips, size, seed=seed) if name in WAVEFORM else noise(clips, size // 40, 12, seed=seed)


def changed(x, y):
    return (x != y).reshape(len(x), -1).any(axis=1)


def db(ratio):
    return 10 * np.log10(ratio)


def spectrum(y):
    return np.abs(np.fft.rfft(y * np.hanning(y.shape[-1])))


def sine(hz, samples=SR):
    return np.sin(2 * np.pi * hz / SR * np.arange(samples)).astype(np.float32)


# ---------------------------------------------------------------------------------------------------- every transform
@pytest.mark.parametrize("name", EVERY)
def test_shape_and_determinism(name):
    x = batch_for(name)
    before = x.copy()
    y = EVERY[name]()(x, rng(1))
    assert (y.shape, y.dtype) == (x.shape, np.float32)
    assert y.flags.c_contiguous
    assert np.isfinite(y).all()
    assert (x == before).all()
    assert not np.shares_memory(x, y)
    assert (y == EVERY[name]()(x, rng(1))).all()
    assert (y != EVERY[name]()(x, rng(2))).any()
    assert changed(x, y).sum() >= 4
    one = EVERY[name]()
    one(x, rng(3))
    assert (y == one(x, rng(1))).all(), "it keeps no state"


@pytest.mark.parametrize("name", EVERY)
def test_probability(name):
    x = batch_for(name, clips=200)
    assert (EVERY[name](0.0)(x, rng(1)) == x).all()
    assert not np.shares_memory(EVERY[name](0.0)(x, rng(1)), x)
    always = changed(x, EVERY[name](1.0)(x, rng(1))).mean()
    assert 0.25 * always < changed(x, EVERY[name](0.5)(x, rng(1))).mean() < 0.75 * always


@pytest.mark.parametrize("name", EVERY)
def test_clips_are_changed_each_in_its_own_way(name):
    x = np.repeat(batch_for(name, clips=1), 6, axis=0)
    y = EVERY[name]()(x, rng(1))
    assert len({row.tobytes() for row in y}) >= 4


@pytest.mark.parametrize("name", EVERY)
def test_silence_and_no_clips(name):
    assert np.isfinite(EVERY[name]()(np.zeros_like(batch_for(name)), rng())).all()
    shapes = [(0, 800), (3, 0), (0, 0)] if name in WAVEFORM else [(0, 20, 12), (3, 0, 12), (3, 20, 0)]
    for shape in shapes:
        assert EVERY[name]()(np.zeros(shape, np.float32), rng()).shape == shape


@pytest.mark.parametrize("name", EVERY)
@settings(max_examples=25)
@given(data=st.data())
def test_any_batch_stays_finite(name, data):
    size = st.integers(0, 70)
    shape = data.draw(st.tuples(st.integers(0, 5), size) if name in WAVEFORM else st.tuples(st.just(2), size, size))
    scale = data.draw(st.sampled_from([0.0, 1e-38, 1e-20, 1.0, 1e9]))
    seed = data.draw(st.integers(0, 100))
    x = (scale * rng(seed).uniform(-1, 1, shape)).astype(np.float32)
    y = EVERY[name]()(x, rng(seed))
    assert y.shape == shape
    assert np.isfinite(y).all()


@pytest.mark.parametrize("name", EVERY)
def test_a_batch_in_any_memory_layout(name):
    x = batch_for(name)
    wide = np.repeat(x, 2, axis=-1)[..., ::2]
    assert not wide.flags.c_contiguous
    assert (EVERY[name]()(wide, rng(1)) == EVERY[name]()(x, rng(1))).all()
    x.flags.writeable = False
    EVERY[name]()(x, rng(1))


@pytest.mark.parametrize("name", EVERY)
def test_config(name):
    transform = EVERY[name](0.5)
    config = json.loads(json.dumps(transform.config()))
    again = from_config(config, recordings=RECORDINGS)
    assert type(again) is type(transform)
    assert again.config() == transform.config()
    assert repr(again) == repr(transform)
    x = batch_for(name)
    assert (again(x, rng(1)) == transform(x, rng(1))).all()


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize(("batch", "error"), [
    (np.zeros((2, 3, 4, 5), np.float32), wl.ParameterError), (np.zeros(5, np.float32), wl.ParameterError),
    ([[0.0]], wl.ArrayTypeError), (None, wl.ArrayTypeError), ("double", wl.ArrayTypeError),
    ("nan", wl.ParameterError), ("inf", wl.ParameterError)])  # fmt: skip
def test_batches_are_checked(name, batch, error):
    if isinstance(batch, str):
        wrong = {"double": batch_for(name).astype(np.float64), "nan": batch_for(name), "inf": batch_for(name)}
        wrong["nan"].flat[-1], wrong["inf"].flat[-1] = np.nan, np.inf
        batch = wrong[batch]
    with pytest.raises(error) as raised:
        EVERY[name]()(batch, rng())
    assert str(raised.value).startswith("batch ")
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("generator", [None, 0, np.random.RandomState(0)])
def test_a_generator_is_wanted(generator):
    with pytest.raises(wl.ArrayTypeError, match="rng"):
        Gain(0, 1)(noise(2, 10), generator)
    with pytest.raises(wl.ArrayTypeError, match="rng"):
        mixup(noise(2, 10), noise(2, 3), generator)


def test_every_transform_is_in_these_tests():
    ours = {one for one in Transform.registry.values() if one.__module__.startswith("wavenetlite.")}
    assert {type(make()) for make in EVERY.values()} == ours


# ------------------------------------------------------------------------------------------------------- composition
def test_transforms_one_after_the_other():
    recipe = [WAVEFORM[name]() for name in ("shift", "noise", "gain")]
    x, generator = noise(8, 800), rng(5)
    y = x
    for transform in recipe:
        y = transform(y, generator)
    assert (Augment(recipe)(x, rng(5)) == y).all()


def test_a_big_batch_is_worked_through_in_pieces(monkeypatch):
    x = noise(20, 100)
    monkeypatch.setattr(aug, "CLIPS_AT_ONCE", 8)
    y = Augment([Gain(-6, 6), Clipping(0, 6)])(x, rng(1))
    generator = rng(1)
    parts = [Augment([Gain(-6, 6), Clipping(0, 6)])(x[at : at + 8], generator) for at in (0, 8, 16)]
    assert (y == np.concatenate(parts)).all()


def test_a_recipe_is_json():
    for names in (WAVEFORM, FRAMES):
        augment = Augment([make(0.5) for make in names.values()])
        again = Augment.from_config(json.loads(json.dumps(augment.config())), recordings=RECORDINGS)
        assert repr(again) == repr(augment)
        x = batch_for(next(iter(names)))
        assert (again(x, rng(1)) == augment(x, rng(1))).all()
    assert Augment.from_config(Gain(0, 1).config()).config() == Augment([Gain(0, 1)]).config()


def test_no_transforms_change_nothing():
    for x in (noise(3, 10), noise(3, 10, 4)):
        y = Augment([])(x, rng())
        assert (y == x).all()
        assert not np.shares_memory(x, y)


def test_waveforms_and_frames_do_not_mix():
    with pytest.raises(wl.ParameterError, match="mixed"):
        Augment([Gain(0, 1), SpecAugment()])
    assert (Augment([Gain(0, 1)]).dimensions, Augment([SpecAugment()]).dimensions, Augment([]).dimensions) == (
        2,
        3,
        None,
    )


@pytest.mark.parametrize("value", [None, Gain(0, 1), [lambda x, rng: x], ["Gain"]])
def test_augment_wants_transforms(value):
    with pytest.raises(wl.ArrayTypeError, match="transform"):
        Augment(value)


@pytest.mark.parametrize("config", [
    {}, {"type": "Nothing"}, {"type": "_Filter"}, {"type": "Gain"}, {"type": "Gain", "low_db": 0, "high_db": 1, "x": 2},
    {"type": "Gain", "low_db": 1, "high_db": 0}, {"type": "Augment"}, {"type": "Augment", "transforms": 3},
    {"type": "Augment", "transforms": [{"type": "Augment", "transforms": []}]}, None, [],
    {"type": "Augment", "transforms": [None]}, {"type": ["Gain"]},
    {"type": "BackgroundNoise", "kinds": ["babble"]}])  # fmt: skip
def test_bad_configs(config):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError)) as raised:
        from_config(config)
    assert "\n" not in str(raised.value)


BAD_PARAMETERS = {
    "most_ms": lambda: TimeShift(-1, sr=SR),
    "sr": lambda: TimeShift(1, sr=0),
    "sr ": lambda: Reverb(sr=16000.0),
    "most_ms ": lambda: Trim(-1, sr=SR),
    "least_left": lambda: Trim(1, sr=SR, least_left=1.5),
    "everywhere": lambda: BackgroundNoise(everywhere=0),
    "fill": lambda: TimeShift(1, sr=SR, fill="pink"),
    "fill ": lambda: SpecAugment(fill="median"),
    "fill  ": lambda: SpecAugment(fill=float("nan")),
    "low_db, high_db": lambda: Gain(3, -3),
    "low_db, high_db ": lambda: Gain(0, float("inf")),
    "low_db, high_db  ": lambda: Clipping(-1, 3),
    "snr_db": lambda: BackgroundNoise(snr_db=(5,)),
    "snr_db ": lambda: BackgroundNoise(snr_db=5),
    "kinds": lambda: BackgroundNoise(()),
    "kinds ": lambda: BackgroundNoise("white"),
    "kinds  ": lambda: BackgroundNoise(["white", "white"]),
    "kinds   ": lambda: BackgroundNoise(["green"]),
    "kinds    ": lambda: BandLimit(["bandpass"], sr=SR),
    "recordings": lambda: BackgroundNoise(["babble"]),
    "recordings ": lambda: BackgroundNoise(["babble"], recordings=[]),
    "recordings[1]": lambda: BackgroundNoise(["babble"], recordings=[noise(5), noise(0)]),
    "recordings[0]": lambda: BackgroundNoise(["babble"], recordings=[np.zeros(5)]),
    "recordings[0] ": lambda: BackgroundNoise(["babble"], recordings=np.full((1, 5), np.nan, np.float32)),
    "recordings  ": lambda: BackgroundNoise(["babble"], recordings=7),
    "low, high": lambda: Speed(0, 1),
    "low, high ": lambda: FrequencyWarp(1, 100),
    "lowpass_hz": lambda: BandLimit(sr=SR, lowpass_hz=(100, 9000)),
    "highpass_hz": lambda: BandLimit(sr=SR, highpass_hz=(0, 100)),
    "most_db": lambda: Equalise(-1),
    "points": lambda: Equalise(1, points=0),
    "rt60_ms": lambda: Reverb((0, 100), sr=SR),
    "direct_db": lambda: Reverb(sr=SR, direct_db=(3, 0)),
    "time_masks": lambda: SpecAugment(-1),
    "most_bins": lambda: SpecAugment(1, 1, 1, 1.5),
    "probability": lambda: Gain(0, 1, probability=1.5),
    "probability ": lambda: SpecAugment(probability=-0.5),
    "probability  ": lambda: Speed(1, 1, probability="always"),
}


@pytest.mark.parametrize("name", BAD_PARAMETERS)
def test_parameters_are_checked(name):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError)) as raised:
        BAD_PARAMETERS[name]()
    assert name.strip() in str(raised.value)
    assert "\n" not in str(raised.value)


# ----------------------------------------------------------------------------------------------------- time and level
def padded(clips=200, seed=0):
    """Recordings of 300 to 600 samples somewhere in clips of 1000 zeros, and their first and last samples."""
    generator = rng(seed)
    x, first = np.zeros((clips, 1000), np.float32), generator.integers(50, 300, clips)
    last = first + generator.integers(300, 600, clips)
    for row, start, end in zip(x, first, last, strict=True):
        row[start:end] = 0.5 + noise(end - start, seed=int(start)).clip(-0.4, 0.4)
    return x, first, last


def test_recordings_are_trimmed_at_both_ends():
    x, first, last = padded()
    y = Trim(10, sr=SR, least_left=0.0)(x, rng(1))
    begins, ends = aug.extents(y)
    for before, after, start, end in zip(x, y, begins, ends, strict=True):
        assert (after[start:end] == before[start:end]).all()
    for cut in (begins - first, last - ends):
        assert cut.min() <= 5
        assert 150 <= cut.max() <= 160
        assert 70 < cut.mean() < 90
    assert abs(np.corrcoef(begins - first, last - ends)[0, 1]) < 0.2
    assert (Trim(1e6, sr=SR, least_left=0.75)(x, rng(1)) != 0).sum() > 0.75 * (x != 0).sum()


def test_noise_of_recordings_begins_and_ends_with_them():
    x, first, last = padded()
    for kind in ("white", "recording"):
        y = BackgroundNoise([kind], snr_db=(7, 7), recordings=RECORDINGS, everywhere=False)(x, rng(1))
        for before, after, start, end in zip(x, y, first, last, strict=True):
            assert not after[:start].any()
            assert not after[end:].any()
            change = (after - before)[start:end]
            assert (change != 0).mean() > 0.9
            assert db((before**2).sum() / (change**2).sum()) == pytest.approx(7, abs=0.01)
    assert not BackgroundNoise(everywhere=False)(np.zeros((3, 500), np.float32), rng()).any()


def test_extents():
    x = np.array([[0, 0, 1, 0, 2, 0], [0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 1]], np.float32)
    first, last = aug.extents(x)
    assert (first.tolist(), last.tolist()) == ([2, 0, 0], [5, 0, 6])


@pytest.mark.parametrize("fill", ["noise", "zero", "wrap"])
def test_a_shift_is_a_shift(fill):
    x = noise(40, 1000)
    y = TimeShift(10, sr=SR, fill=fill)(x, rng(1))
    shifts = []
    for before, after in zip(x, y, strict=True):
        found = [s for s in range(-160, 161) if (after[max(0, s) : 1000 + s] == before[max(0, -s) : 1000 - s]).all()]
        assert len(found) == 1
        shifts += found
        gap = after[: found[0]] if found[0] > 0 else after[1000 + found[0] :]
        if fill == "zero":
            assert not gap.any()
        elif fill == "wrap":
            assert (after == np.roll(before, found[0])).all()
        elif found[0]:
            assert 0 < np.abs(gap).max() < np.abs(before).max()
    assert min(shifts) < -80
    assert max(shifts) > 80


def test_a_gap_is_filled_as_loud_as_the_clips_quiet_parts():
    x = noise(64, SR)
    x[:, : SR // 2] *= 0.01
    y = TimeShift(100, sr=SR)(x, rng(1))
    moved_left = np.flatnonzero((y[:, 0] != x[:, 0]) & (y[:, -1] != x[:, -1]))
    assert len(moved_left) > 20
    level = np.sqrt((y[:, -20:] ** 2).mean(axis=1))
    assert (np.sort(level)[:20] < 0.003).all()
    assert (np.sort(level) > 0.0003).all()


def test_a_shift_by_more_than_the_clip():
    assert TimeShift(1e6, sr=SR, fill="zero")(noise(5, 30), rng()).shape == (5, 30)


def test_gain_in_decibels():
    x = noise(100, 50)
    y = Gain(-6, 6)(x, rng(1))
    gains = 20 * np.log10(y / x)
    assert np.abs(gains - gains[:, :1]).max() < 1e-4
    assert -6.001 < gains.min() < -5
    assert 5 < gains.max() < 6.001
    assert np.allclose(Gain(20, 20)(x, rng()), 10 * x, rtol=1e-6, atol=0)


def test_clipping_cuts_off_peaks():
    x = noise(10, 1000)
    y = Clipping(6, 6)(x, rng())
    most = np.abs(x).max(axis=1, keepdims=True) * 10 ** (-6 / 20)
    assert np.allclose(y, np.clip(x, -most, most), rtol=1e-6, atol=0)


# -------------------------------------------------------------------------------------------------------------- noise
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("snr_db", [-5.0, 10.0, 30.0])
def test_signal_to_noise_ratio(kind, snr_db):
    x = noise(20, 4000)
    x *= 10 ** rng(1).uniform(-2, 0.5, (20, 1)).astype(np.float32)
    y = BackgroundNoise([kind], snr_db=(snr_db, snr_db), recordings=RECORDINGS)(x, rng(2))
    added = y.astype(np.float64) - x
    assert np.abs(db((x.astype(np.float64) ** 2).sum(axis=1) / (added**2).sum(axis=1)) - snr_db).max() < 0.05


def test_ratios_are_drawn_evenly():
    x = noise(300, 500)
    added = BackgroundNoise(["white"], snr_db=(0, 20))(x, rng()).astype(np.float64) - x
    ratios = db((x.astype(np.float64) ** 2).sum(axis=1) / (added**2).sum(axis=1))
    assert 0 <= ratios.min() < 1
    assert 19 < ratios.max() <= 20.05
    assert 9 < ratios.mean() < 11


@pytest.mark.parametrize(("kind", "slope_db"), [("white", 0), ("pink", -3.01), ("brown", -6.02)])
def test_colours(kind, slope_db):
    y = BackgroundNoise([kind], snr_db=(0, 0))(np.zeros((32, SR), np.float32), rng())
    level = db((np.abs(np.fft.rfft(y, axis=1)) ** 2).mean(axis=0))
    octaves = [level[f : 2 * f].mean() for f in (100, 200, 400, 800, 1600, 3200)]
    assert np.abs(np.diff(octaves) - slope_db).max() < 0.6
    assert np.abs(y.mean(axis=1)).max() < 1e-3


def test_noise_on_silence_has_a_level_of_its_own():
    y = BackgroundNoise(["white"], snr_db=(10, 10))(np.zeros((4, 1000), np.float32), rng())
    assert np.abs(db((y**2).mean(axis=1)) + 50).max() < 0.05


def test_pieces_of_recordings():
    recording = np.arange(1, 2001, dtype=np.float32)
    y = BackgroundNoise(["recording"], snr_db=(0, 0), recordings=[recording])(np.zeros((30, 100), np.float32), rng())
    steps = np.diff(y, axis=1)
    assert (np.abs(steps - steps[:, :1]) < 1e-2 * steps[:, :1]).all(), "one piece without a seam"
    assert len({float(row[0]) for row in y}) > 20
    short = BackgroundNoise(["recording"], snr_db=(0, 0), recordings=[recording[:30]])
    y = short(np.zeros((5, 100), np.float32), rng())
    assert np.allclose(y[:, :70], y[:, 30:], rtol=1e-6), "a short recording goes round"


def test_silent_recordings_add_nothing():
    x = noise(4, 100)
    for kind in ("recording", "babble"):
        quiet = BackgroundNoise([kind], recordings=np.zeros((3, 100), np.float32))
        assert (quiet(x, rng()) == x).all()


def test_babble_is_many_voices():
    voices = [sine(100 * (k + 1), 4000) * 10**-k for k in range(20)]
    y = BackgroundNoise(["babble"], snr_db=(0, 0), recordings=voices)(np.zeros((30, 4000), np.float32), rng())
    heard = (spectrum(y) > 0.2 * spectrum(y).max(axis=1, keepdims=True))[:, 25:501:25].sum(axis=1)
    assert 3 < heard.mean() < 5  # 3 to 6 are drawn, and some of them twice
    assert heard.max() <= 6
    assert all(np.abs(voice).max() <= 1 for voice in voices)


def test_recordings_are_not_changed():
    before = [y.copy() for y in RECORDINGS]
    BackgroundNoise(["recording", "babble"], recordings=RECORDINGS)(noise(50, 300), rng())
    assert all((a == b).all() for a, b in zip(before, RECORDINGS, strict=True))


# --------------------------------------------------------------------------------------------- speed, filters, rooms
@pytest.mark.parametrize("factor", [0.5, 0.85, 0.97, 1.0, 1.07, 1.25, 2.0])
def test_speed_moves_a_tone_by_its_factor(factor):
    y = Speed(factor, factor)(sine(1000)[np.newaxis], rng())[0]
    hz = np.fft.rfftfreq(8 * SR, 1 / SR)[np.abs(np.fft.rfft(y * np.hanning(SR), 8 * SR)).argmax()]
    assert abs(hz / 1000 - factor) < 0.002
    middle = y[SR // 4 : -SR // 4]
    assert abs(np.sqrt((middle**2).mean()) - math.sqrt(0.5)) < 0.01
    assert factor != 1 or np.abs(y - sine(1000)).max() < 1e-5


def test_speeds_lie_in_their_range():
    y = Speed(0.9, 1.1)(np.tile(sine(1000), (100, 1)), rng())
    hz = np.abs(np.fft.rfft(y * np.hanning(SR), 4 * SR, axis=1)).argmax(axis=1) / 4
    assert 899 <= hz.min() < 920
    assert 1080 < hz.max() <= 1101
    assert len(set(hz.tolist())) > 15


def test_speed_keeps_the_middle_in_its_place():
    x = np.zeros((20, 1001), np.float32)
    x[:, 500] = 1
    assert (np.abs(Speed(0.7, 1.5)(x, rng()).argmax(axis=1) - 500) <= 1).all()


def test_a_faster_clip_has_no_aliases():
    y = Speed(1.5, 1.5)(sine(7000)[np.newaxis], rng())[0]
    assert np.abs(y[4000:12000]).max() < 0.01, "10500 Hz is above half of the rate"


@pytest.mark.parametrize(("kind", "options", "passed", "stopped"), [
    ("lowpass", {"lowpass_hz": (2000, 2000)}, 1000, 4000), ("highpass", {"highpass_hz": (300, 300)}, 1000, 100),
    ("telephone", {}, 1000, 100), ("telephone", {}, 1000, 6800)])  # fmt: skip
def test_band_limits(kind, options, passed, stopped):
    transform = BandLimit([kind], sr=SR, **options)
    for hz, least, most in ((passed, -0.3, 0.1), (stopped, -200, -30)):
        y = transform(sine(hz)[np.newaxis], rng())[0]
        level = db((y[4000:12000] ** 2).mean() / 0.5)
        assert least <= level <= most


def test_a_cut_off_frequency_is_at_3_decibels():
    y = BandLimit(["lowpass"], sr=SR, lowpass_hz=(2000, 2000))(sine(2000)[np.newaxis], rng())[0]
    assert abs(db((y[4000:12000] ** 2).mean() / 0.5) + 3.01) < 0.05


def test_an_equaliser_is_smooth_and_within_its_range():
    x = np.zeros((50, SR), np.float32)
    x[:, SR // 2] = 1
    y = Equalise(6)(x, rng())
    gains_db = 20 * np.log10(np.abs(np.fft.rfft(y, axis=1)))[:, 20:-20]
    assert gains_db.min() > -6.2
    assert gains_db.max() < 6.2
    assert gains_db.std(axis=0).min() > 1
    assert np.abs(np.diff(gains_db, axis=1)).max() < 0.1
    assert (y.argmax(axis=1) == SR // 2).all(), "no delay"


@pytest.mark.parametrize("rt60_ms", [100.0, 400.0])
def test_a_room_falls_by_60_decibels(rt60_ms):
    x = np.zeros((64, SR), np.float32)
    x[:, 100] = 1
    y = Reverb((rt60_ms, rt60_ms), sr=SR, direct_db=(3, 3))(x, rng())
    assert np.abs(y[:, :100]).max() < 1e-5
    assert np.abs((y**2).sum(axis=1) - 1).max() < 0.01
    direct, room = y[:, 100] ** 2, (y[:, 132:] ** 2).sum(axis=1)
    assert np.abs(db(direct / room) - 3).max() < 0.1
    energy = (y[:, 132:] ** 2).mean(axis=0)
    tenth = int(rt60_ms * SR / 1000 / 10)
    levels = db(np.array([energy[k * tenth : (k + 1) * tenth].mean() for k in range(8)]))
    assert np.abs(np.diff(levels) + 6).max() < 0.6


def test_a_clip_shorter_than_the_way_to_the_wall():
    x = noise(3, 20)
    assert (Reverb(sr=SR)(x, rng()) == x).all()


# ------------------------------------------------------------------------------------------------------------- frames
def runs(mask):
    """Lengths of the stretches of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return (edges[1::2] - edges[::2]).tolist()


@settings(max_examples=50)
@given(st.integers(0, 3), st.integers(0, 12), st.integers(0, 3), st.integers(0, 12), st.integers(0, 1000))
def test_masks_cover_at_most_what_they_say(time_masks, most_frames, frequency_masks, most_bins, seed):
    x = 1 + np.abs(noise(8, 30, 10, seed=seed))
    y = SpecAugment(time_masks, most_frames, frequency_masks, most_bins, fill=0.0)(x, rng(seed))
    blank = y == 0
    assert (y[~blank] == x[~blank]).all()
    for clip in blank:
        times, bands = clip.all(axis=1), clip.all(axis=0)
        if not times.all() and not bands.all():
            assert (clip == times[:, np.newaxis] | bands).all(), "whole frames and whole bands, and nothing else"
            assert len(runs(times)) <= time_masks
            assert times.sum() <= time_masks * most_frames
            assert len(runs(bands)) <= frequency_masks
            assert bands.sum() <= frequency_masks * most_bins


def test_masks_reach_everywhere_and_every_width():
    y = SpecAugment(1, 4, 0, 0, fill=0.0)(np.ones((500, 10, 3), np.float32), rng())
    blank = (y == 0).all(axis=2)
    assert blank.any(axis=0).all()
    assert {int(row.sum()) for row in blank} == {0, 1, 2, 3, 4}


def test_masks_hold_the_mean():
    x = noise(20, 30, 10) - 40
    y = SpecAugment(1, 5, 1, 3)(x, rng())
    for before, after in zip(x, y, strict=True):
        new = after[after != before]
        assert np.allclose(new, before.mean(), rtol=1e-5)
    assert (x != y).any()


def test_a_warp_by_one_is_the_identity():
    x = noise(5, 7, 40)
    assert (FrequencyWarp(1, 1)(x, rng()) == x).all()


@pytest.mark.parametrize("factor", [0.8, 0.9, 1.1, 1.25])
def test_a_warp_interpolates(factor):
    x = noise(3, 7, 40)
    y = FrequencyWarp(factor, factor)(x, rng())
    places = np.minimum(np.arange(40) / factor, 39)
    expected = np.array([[np.interp(places, np.arange(40), frame) for frame in clip] for clip in x])
    assert np.abs(y - expected).max() < 1e-6


def test_warps_lie_in_their_range():
    x = np.tile(np.arange(40, dtype=np.float32), (200, 1, 1))
    factors = 10 / FrequencyWarp(0.9, 1.1)(x, rng())[:, 0, 10]
    assert 0.8999 < factors.min() < 0.91
    assert 1.09 < factors.max() < 1.1001


# -------------------------------------------------------------------------------------------------------------- mixup
@pytest.mark.parametrize("shape", [(40, 100), (40, 6, 5)])
def test_mixup_is_convex(shape):
    x, y = noise(*shape), np.eye(40, dtype=np.float32)
    before = x.copy(), y.copy()
    mixed, targets = mixup(x, y, rng(1), alpha=0.4)
    assert (mixed.dtype, targets.dtype) == (np.float32, np.float32)
    assert np.abs(targets.sum(axis=1) - 1).max() < 1e-6
    assert targets.min() >= 0
    assert np.diag(targets).min() >= 0.5
    assert (np.count_nonzero(targets, axis=1) <= 2).all()
    assert (np.count_nonzero(targets, axis=1) == 2).sum() > 20
    flat = np.tensordot(targets, x, axes=(1, 0))
    assert np.abs(mixed - flat).max() < 1e-6, "the same shares of the same clips"
    assert (x == before[0]).all()
    assert (y == before[1]).all()
    again = mixup(x, y, rng(1), alpha=0.4)
    assert (again[0] == mixed).all()
    assert (again[1] == targets).all()


def test_mixup_of_nothing():
    x, y = noise(3, 10), np.eye(3, dtype=np.float32)
    mixed, targets = mixup(x, y, rng(), alpha=0)
    assert (mixed == x).all()
    assert (targets == y).all()
    assert not np.shares_memory(mixed, x)
    assert [a.shape for a in mixup(x[:0], y[:0], rng())] == [(0, 10), (0, 3)]


@pytest.mark.parametrize(("x", "y", "alpha", "name"), [
    (noise(3, 10), noise(2, 4), 0.2, "Y"), (noise(3), noise(3, 4), 0.2, "X"), (noise(3, 10), noise(3), 0.2, "Y"),
    (noise(3, 10), np.zeros((3, 2)), 0.2, "Y"), (noise(3, 10), noise(3, 4), -1, "alpha")])  # fmt: skip
def test_mixup_is_checked(x, y, alpha, name):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError), match=name):
        mixup(x, y, rng(), alpha)


# ------------------------------------------------------------------------------------------------------ real recordings
@pytest.mark.skipif(not DATA, reason="WAVENETLITE_DATA, the folder of the real recordings, is not set")
def test_real_clips_stay_what_they_are():
    """A usual recipe changes features by some decibels, not beyond recognition."""
    paths = sorted(Path(DATA, "speech_commands12", "yes").glob("*.flac"))[:20]
    x = np.stack([wl.audio.read(path, sr=SR)[0] for path in paths])
    others = np.stack([wl.audio.read(path)[0] for path in sorted(Path(DATA, "speech_commands12", "go").iterdir())[:20]])
    recipe = Augment([
        Speed(0.95, 1.05), TimeShift(20, sr=SR), Equalise(3), Gain(-3, 3),
        BackgroundNoise(["babble", "pink"], snr_db=(20, 30), recordings=others)])  # fmt: skip
    spec = wl.LogMel(sr=SR)
    before, after = spec(x), spec(recipe(x, rng(1)))
    alike = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(before, after, strict=True)]
    assert 0.5 < np.mean(alike) < 0.99


def test_fingerprints_of_the_same_transforms_are_equal():
    noise = np.random.default_rng(0).normal(0, 0.1, 500).astype(np.float32)
    made = [Augment([Gain(-6, 6), BackgroundNoise(("recording",), recordings=[noise])]) for _ in range(2)]
    assert made[0].fingerprint == made[1].fingerprint
    others = [
        Augment([BackgroundNoise(("recording",), recordings=[noise]), Gain(-6, 6)]),
        Augment([Gain(-6, 5), BackgroundNoise(("recording",), recordings=[noise])]),
        Augment([Gain(-6, 6), BackgroundNoise(("recording",), recordings=[noise[:-1]])]),
        Augment([Gain(-6, 6), BackgroundNoise(("recording",), recordings=[-noise])]),
    ]
    assert len({made[0].fingerprint, *(other.fingerprint for other in others)}) == 5
