"""What a program says, through the channel of a recording."""

import numpy as np
import pytest

from wavenetlite.recipes.wake import channels
from wavenetlite.recipes.wake.channels import mean_spectrum, through_a_channel, with_channel
from wavenetlite.recipes.wake.speech import SR


def noise(seconds, seed, upto_hz=SR / 2):
    """White up to a frequency."""
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(round(seconds * SR)))
    spectrum[np.fft.rfftfreq(round(seconds * SR), 1 / SR) > upto_hz] = 0
    return (0.1 * np.fft.irfft(spectrum, round(seconds * SR))).astype(np.float32)


def high_db(y):
    """Power from 4 kHz on, by that below 3 kHz."""
    power = mean_spectrum(y)
    return 10 * np.log10(power[128:].mean() / power[:96].mean())


def test_speech_on_the_telephone_ends_where_the_telephone_does():
    y, telephone = noise(1.0, 0), noise(3.0, 1, 3400)
    through = with_channel(y, telephone)
    assert through.dtype == np.float32 and len(through) == len(y)
    assert high_db(y) == pytest.approx(0, abs=2) and high_db(through) < -30
    assert (through**2).mean() == pytest.approx((y**2).mean(), rel=1e-3)
    assert high_db(with_channel(y, telephone, 0.4)) > high_db(through) + 5


def test_a_channel_like_its_own_changes_little():
    y = noise(1.0, 2, 5000)
    through = with_channel(y, noise(4.0, 3, 5000))
    assert np.corrcoef(y[1000:-1000], through[1000:-1000])[0, 1] > 0.95


@pytest.mark.parametrize("silent", [(0, 1), (1, 0)])
def test_silence_has_no_channel(silent):
    y, recording = (noise(1.0, seed) * factor for seed, factor in enumerate(silent))
    np.testing.assert_array_equal(with_channel(y, recording), y)


def test_a_part_of_all_goes_through_a_channel(monkeypatch):
    y, recordings = noise(0.5, 4), [noise(3.0, 5, 2000), noise(0.5, 6)]
    rng = np.random.default_rng(0)
    changed = sum(through_a_channel(y, recordings, rng) is not y for _ in range(60))
    assert 15 < changed < 45
    monkeypatch.setattr(channels, "CHANNELLED", 1.0)
    assert through_a_channel(y, recordings, rng) is not y
    assert through_a_channel(y, [], rng) is y and through_a_channel(y, recordings[1:], rng) is y
