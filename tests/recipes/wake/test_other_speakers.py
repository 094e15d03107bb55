"""Other speakers: what is drawn at random changes who speaks, and not what is said."""

import numpy as np
import pytest

from wavenetlite.recipes.wake import vocal_folds
from wavenetlite.recipes.wake.envelopes import BINS, HOP, envelope, match_level, overlap_add, spectra, voiced
from wavenetlite.recipes.wake.likeness import in_manner_of
from wavenetlite.recipes.wake.other_speakers import another_speaker, said_anew, some_talk, uneven
from wavenetlite.recipes.wake.speech import SR
from wavenetlite.recipes.wake.vocal_folds import folds, pulse_train
from wavenetlite.recipes.wake.vocal_tracts import blur, colour, joins, move, over_bins, stretch


def tone(hz, seconds):
    return (0.4 * np.sin(2 * np.pi * hz * np.arange(round(seconds * SR)) / SR)).astype(np.float32)


def vowel(formant, hz=100.0, seconds=1.0):
    """Harmonics with one formant."""
    n = np.arange(round(seconds * SR)) / SR
    heights = [(k, np.exp(-(((hz * k - formant) / 200) ** 2))) for k in range(1, int(3500 / hz))]
    return (0.1 * sum(height * np.cos(2 * np.pi * hz * k * n) for k, height in heights)).astype(np.float32)


def hiss(seconds=1.0):
    rng = np.random.default_rng(0)
    return (0.05 * np.diff(rng.standard_normal(round(seconds * SR)), 2, prepend=[0, 0])).astype(np.float32)


def hill(frames, at):
    """Logarithms of an envelope with one formant at a bin."""
    return np.tile(-(((np.arange(BINS) - at) / 12.0) ** 2), (frames, 1))


@pytest.mark.parametrize("samples", [1, 100, 2047, 2048, 20_000])
@pytest.mark.parametrize("seed", range(4))
def test_another_speaker_is_drawn_and_finite(samples, seed):
    y = tone(300, 2.0)[:samples]
    talk = [vowel(700, seconds=3.0)]
    one, other = (another_speaker(y, np.random.default_rng(seed), talk) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert np.isfinite(one).all() and one.dtype == np.float32 and len(one) >= samples // 3


@pytest.mark.parametrize("y", [np.zeros(9000, np.float32), np.full(9000, 1e-12, np.float32)])
def test_silence_stays_silence(y):
    for seed in range(8):
        made = another_speaker(y, np.random.default_rng(seed), [np.zeros(3 * SR, np.float32)])
        assert np.isfinite(made).all() and np.abs(made).max() < 1e-3


def test_faster_is_higher():
    y = uneven(tone(400, 2.0), 1.25, np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(y))
    assert np.argmax(spectrum) * SR / len(y) == pytest.approx(500, rel=0.2)
    assert len(y) == pytest.approx(1.6 * SR, rel=0.2)


def test_what_sounds_pauses_and_hisses_does_so_afterwards():
    """A vowel, silence and a hiss: in that order, as loud, at another pitch."""
    y = np.concatenate([vowel(600), np.zeros(SR, np.float32), hiss()])
    for seed in range(6):
        made = said_anew(y, np.random.default_rng(seed))
        assert made.dtype == np.float32 and len(made) == pytest.approx(len(y), rel=0.7)
        assert (made**2).mean() == pytest.approx((y**2).mean(), rel=0.05)
        shape = envelope(made)
        power, share = shape.sum(axis=1), voiced(shape)
        third = len(power) // 3
        assert power[third + third // 2] < 0.02 * power.max()
        assert share[: third // 2].mean() > share[-third // 2 :].mean() + 0.2


def test_a_signal_comes_back_from_its_frames():
    y = tone(440, 0.5)
    made = overlap_add(spectra(y), len(y))
    scale = (made * y).sum() / (y**2).sum()
    np.testing.assert_allclose(made / scale, y, atol=0.01)
    assert (match_level(3 * made, y) ** 2).mean() == pytest.approx((y**2).mean(), rel=1e-3)


def test_a_rhythm_keeps_the_order():
    frames = np.repeat(np.arange(100.0)[:, np.newaxis], 3, axis=1)
    lengths = set()
    for seed in range(5):
        made = stretch(frames, np.random.default_rng(seed))
        assert (np.diff(made[:, 0]) >= 0).all() and made[0, 0] == 0 and made[-1, 0] > 90
        lengths.add(len(made))
    assert len(lengths) > 2 and min(lengths) > 40 and max(lengths) < 250


def test_formants_move_up_and_down_and_stay_one():
    factors = [move(hill(60, 60), np.random.default_rng(seed)).mean(axis=0).argmax() / 60 for seed in range(40)]
    assert 0.6 < min(factors) < 0.95 and 1.15 < max(factors) < 1.8


def test_colours_keep_the_formant_and_differ():
    made = np.stack([colour(hill(60, 60), np.random.default_rng(seed)).mean(axis=0) for seed in range(20)])
    assert np.abs(made[:, 40:80].argmax(axis=1) + 40 - 60).max() < 12
    assert made.std(axis=0).min() > 0.3


def test_blur_is_a_mean_over_frames():
    log = np.random.default_rng(0).standard_normal((30, 4))
    for over in (2, 3, 5):
        made = blur(log, over)
        assert made.shape == log.shape
        np.testing.assert_allclose(made[over], log[over - over // 2 : over - over // 2 + over].mean(axis=0))


def test_units_are_joined_with_jumps_and_curves_have_none():
    jumps = joins(200, 2, 1.0, np.random.default_rng(0))
    assert 8 <= len(np.unique(jumps[:, 0])) <= 40
    curve = over_bins(np.array([[0.0, 1.0, 0.0, 2.0]]), 257)[0]
    assert curve[0] == 0 and curve[-1] == 2 and np.abs(np.diff(curve)).max() < 0.4


def test_pulses_have_a_pitch_in_the_range():
    rates = [len(np.flatnonzero(pulse_train(2 * SR, np.random.default_rng(seed)))) / 2 for seed in range(30)]
    assert min(rates) > 50 and max(rates) < 450 and max(rates) > 2 * min(rates)


def test_folds_give_breath_where_nothing_sounds(monkeypatch):
    monkeypatch.setattr(vocal_folds, "WHISPERED", 0.0)
    share = np.repeat([0.0, 1.0], 100)
    made = np.abs(folds(share, np.random.default_rng(3)))[:, 3:60]
    assert made.shape[0] == 200
    heard = np.stack([made[:100], made[100:]]).std(axis=2).mean(axis=1) / np.stack([made[:100], made[100:]]).mean(
        (1, 2)
    )
    assert heard[0] == pytest.approx(0.52, abs=0.08)  # noise: Rayleigh's distribution
    assert abs(heard[1] - heard[0]) > 0.05
    assert len(share) * HOP == 25_600


def test_the_manner_is_that_of_the_recording():
    """Two vowels with formants elsewhere: what is said moves towards the recording, and stays two vowels."""
    ours = envelope(np.concatenate([vowel(500), vowel(1500)]))
    talk = np.concatenate([vowel(620), vowel(1800)])
    made = in_manner_of(ours, talk, np.random.default_rng(0))
    assert made.shape == ours.shape and np.isfinite(made).all()
    hz = np.arange(BINS) * SR / 512
    for frame, least in ((60, 480), (180, 1450)):
        centres = [(hz * some[frame]).sum() / some[frame].sum() for some in (ours, made)]
        assert centres[0] == pytest.approx(least + 35, abs=60) and centres[1] > centres[0]
    assert made[180, 40:].sum() > made[180, :30].sum()


def test_talk_is_drawn_where_there_is_enough():
    rng = np.random.default_rng(0)
    assert some_talk([], rng) is None and some_talk([np.zeros(SR, np.float32)], rng) is None
    assert len(some_talk([np.zeros(30 * SR, np.float32)], rng)) == 10 * SR


def test_noise_has_no_manner_of_speaking():
    ours = envelope(np.concatenate([vowel(500), vowel(1500), vowel(900)]))
    noise = np.random.default_rng(1).standard_normal(4 * SR).astype(np.float32)
    assert in_manner_of(ours, noise, np.random.default_rng(0)) is ours
