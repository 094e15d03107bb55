"""Noise of recordings: as it is to measure in, varied to learn from."""

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.train.recorded_noises import LONG_S, RecordedNoises, recorded_noise
from wavenetlite.train.talk import SceneMaker

SR = 16000


def tone(seconds, hz=440.0):
    return (0.01 * np.sin(2 * np.pi * hz * np.arange(round(seconds * SR)) / SR)).astype(np.float32)


def strongest_hz(y):
    return np.abs(np.fft.rfft(y * np.hanning(len(y)))).argmax() * SR / len(y)


def is_high_tone(y):
    """Whether it is 3 kHz, played at some speed, and nothing else."""
    power = np.square(np.abs(np.fft.rfft(y * np.hanning(len(y)))))
    at = int(power.argmax())
    return 1800 <= at * SR / len(y) <= 5100 and power[at - 3 : at + 4].sum() > 0.99 * power.sum()


def test_noise_to_measure_in_is_one_of_the_recordings_at_the_same_level():
    noise = recorded_noise([np.zeros(100, np.float32), np.full(50, 0.01, np.float32)])
    assert noise(120, np.random.default_rng(0)).tolist() == [1.0] * 120


@pytest.mark.parametrize("of", [recorded_noise, lambda recordings: RecordedNoises(recordings, SR)])
def test_silence_is_no_noise(of):
    with pytest.raises(wl.ParameterError, match="empty or silent"):
        of([np.zeros(100, np.float32), np.zeros(0, np.float32)])


@pytest.mark.parametrize("of", [recorded_noise, lambda recordings: RecordedNoises(recordings, SR)])
@pytest.mark.parametrize("wrong", [np.zeros((100, 2), np.float32), np.full(100, np.nan, np.float32)])
def test_what_is_no_signal_is_told(of, wrong):
    with pytest.raises(wl.ParameterError, match=r"noise\[1\] has shape .* must be \(samples,\), and all of it finite"):
        of([tone(0.2), wrong])


def test_a_long_recording_goes_on_at_other_speeds():
    noises = RecordedNoises([tone(LONG_S + 1)], SR)
    found = []
    for seed in range(12):
        y = noises(8 * SR, np.random.default_rng(seed))
        assert len(y) == 8 * SR and y.dtype == np.float32
        assert np.sqrt(np.square(y.reshape(-1, SR // 4)).mean(axis=1)).min() > 0.6  # without a pause
        found.append(strongest_hz(y))
    assert min(found) >= 0.59 * 440 and max(found) <= 1.71 * 440 and max(found) > 1.5 * min(found)


def test_short_recordings_are_heard_one_after_the_other_with_pauses():
    noises = RecordedNoises([tone(0.2)], SR)
    quiet = []
    for seed in range(12):
        y = noises(8 * SR, np.random.default_rng(seed))
        loud = np.abs(y.reshape(-1, SR // 100)).max(axis=1) > 0.02
        assert loud.any() and np.isfinite(y).all() and (y != 0).all()
        quiet.append(1 - loud.mean())
    assert min(quiet) < 0.3 and max(quiet) > 0.5


def test_the_same_generator_gives_the_same_noise():
    noises = RecordedNoises([tone(0.2), tone(5.0), tone(0.1, 900.0)], SR)
    first, again = (noises(SR, np.random.default_rng(4)) for _ in range(2))
    assert (first == again).all() and not (first == noises(SR, np.random.default_rng(5))).all()


def test_a_share_of_the_noise_of_scenes_is_recorded():
    high = RecordedNoises([tone(4.0, 3000.0)], SR)
    heard = {}
    for share in (0.0, 0.5, 1.0):
        maker = SceneMaker(SR, recorded=high, recorded_share=share)
        noises = [maker.one_noise(SR, np.random.default_rng(seed)) for seed in range(60)]
        heard[share] = np.mean([is_high_tone(y) for y in noises])
    assert heard[1.0] == 1.0 and 0.3 < heard[0.5] < 0.75 and heard[0.0] < 0.15


def test_scenes_without_recordings_are_as_before():
    plain, without = SceneMaker(SR), SceneMaker(SR, recorded_share=1.0)
    for seed in range(5):
        first, second = (maker.noise(SR, np.random.default_rng(seed)) for maker in (plain, without))
        assert (first == second).all()
