"""Scenes: the truth of recordings, levels of noise, and targets of frames."""

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.train.noises import NOISES
from wavenetlite.train.talk import (
    Scene,
    SceneMaker,
    Scenes,
    Talk,
    doubtful,
    frame_truth,
    spoken,
    without_gaps,
)

SR = 16000


def bursts(*pieces, seconds=2.0, floor=0.0, seed=0):
    rng = np.random.default_rng(seed)
    y = floor * rng.standard_normal(round(seconds * SR))
    for from_s, to_s in pieces:
        at = slice(round(from_s * SR), round(to_s * SR))
        y[at] += 0.1 * rng.standard_normal(at.stop - at.start)
    return y.astype(np.float32)


def plain(**changes):
    same = {"speed": (1.0, 1.0), "equalised": 0.0, "silent": 0.0, "clean": 0.0, "rooms": 0.0, "narrow": 0.0}
    return SceneMaker(SR, 4.0, **{**same, **changes})


@pytest.mark.parametrize("floor", [0.0, 1e-4])
def test_speech_is_what_is_loud_and_short_pauses_belong_to_it(floor):
    truth = spoken(bursts((0.5, 0.8), (0.86, 1.0), (1.5, 1.6), floor=floor), SR)
    at = np.flatnonzero(np.diff(truth.astype(int)))
    assert len(truth) == 200 and np.abs(at - [49, 99, 149, 159]).max() <= 2


def test_of_noisy_short_and_silent_recordings_nothing_is_known():
    assert spoken(bursts((0.5, 1.0), floor=0.01), SR) is None
    assert spoken(np.zeros(100, np.float32), SR) is None and spoken(np.zeros(SR, np.float32), SR) is None
    assert Talk.of(np.zeros(SR, np.float32), SR) is None


def decaying(db_per_s, floor=0.0):
    """Half a second of pause, of noise, and its echo."""
    rng = np.random.default_rng(1)
    y = floor * rng.standard_normal(3 * SR).astype(np.float32)
    loud = np.where(np.arange(2 * SR) < SR, 0.0, -db_per_s * (np.arange(2 * SR) / SR - 1))
    y[SR // 2 : 5 * SR // 2] += (0.1 * 10 ** (loud / 20) * rng.standard_normal(2 * SR)).astype(np.float32)
    return y


@pytest.mark.parametrize("floor", [0.0, 1e-5])
def test_the_echo_of_a_word_is_doubtful_and_neither_the_word_nor_the_pause_is(floor):
    y = decaying(50.0, floor)
    truth = spoken(y, SR)
    doubt = np.flatnonzero(doubtful(y, truth))
    assert truth[50:215].all() and not truth[240:].any()  # 38 dB of it count as speech
    assert (np.diff(doubt[doubt > 100]) == 1).all()
    assert abs(int(doubt[doubt > 100][0]) - 194) <= 3 and 250 <= doubt[-1] <= 272  # from 22 dB on
    assert (doubt < 100).sum() <= 2  # the beginning is sudden


def test_what_a_room_adds_to_a_scene_is_doubtful():
    talk = [Talk.of(bursts((0.2, 1.0)), SR)]
    for seed in range(3):
        dry, wet = (plain(rooms=rooms, clean=1.0).scene(talk, np.random.default_rng(seed)) for rooms in (0.0, 1.0))
        assert dry.spoken.tolist() == wet.spoken.tolist()
        ends = np.flatnonzero(dry.spoken[:-1] & ~dry.spoken[1:]) + 2
        assert wet.doubtful[ends].all() and not dry.doubtful[ends + 3].any()


def test_where_echoes_count_a_loud_one_is_speech_as_it_is_in_a_recording():
    talk = [Talk.of(bursts((0.2, 1.0)), SR)]
    room = {"clean": 1.0, "rooms": 1.0, "rt60_ms": (1300.0, 1300.0), "direct_db": (0.0, 0.0)}
    for seed in range(3):
        dry, wet = (plain(echoes=echoes, **room).scene(talk, np.random.default_rng(seed)) for echoes in (False, True))
        gain = np.abs(dry.audio).max() / np.abs(wet.audio).max()  # the level is that of what is spoken
        np.testing.assert_allclose(dry.audio, gain * wet.audio, atol=1e-6)
        assert dry.spoken.sum() < wet.spoken.sum()
        echo = wet.spoken & ~dry.spoken
        assert dry.doubtful[echo].all() and (echo & ~wet.doubtful).sum() > 10  # the first 22 dB are surely speech
        recording = Talk.of(wet.audio, SR)
        assert (recording.spoken == wet.spoken).all() and (recording.doubtful == wet.doubtful).mean() > 0.95


def test_a_scene_full_of_echo_keeps_the_truth_of_its_dry_recordings():
    truth = np.arange(100) < 50
    speech = bursts((0.0, 1.0), seconds=1.0)  # without a quiet part, the level tells nothing
    maker = plain(echoes=True, rt60_ms=(5000.0, 5000.0), direct_db=(-10.0, -10.0))
    _, spoken_of, doubt = maker.in_room(speech, truth, np.zeros(100, bool), np.random.default_rng(0))
    assert (spoken_of == truth).all() and doubt[50:].all()


def test_gaps():
    speech = np.array([0, 1, 0, 0, 1, 0, 0, 0, 1, 0, 0], bool)
    assert without_gaps(speech, 3).astype(int).tolist() == [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0]


@pytest.mark.parametrize("kind", sorted(NOISES))
def test_noises_are_finite_and_as_long_as_asked(kind):
    for seed in range(3):
        y = NOISES[kind](12_345, SR, np.random.default_rng(seed))
        assert y.shape == (12_345,) and y.dtype == np.float32 and np.isfinite(y).all() and y.any()
        assert (y == NOISES[kind](12_345, SR, np.random.default_rng(seed))).all()


@pytest.mark.parametrize("snr_db", [0.0, 20.0])
def test_noise_has_the_level_it_is_said_to_have(snr_db):
    talk = [Talk.of(bursts((0.2, 1.5)), SR)]
    maker = plain(snr_db=(snr_db, snr_db), level_db=(-30.0, -30.0))
    scene = maker.scene(talk, np.random.default_rng(3), lambda n, rng: rng.standard_normal(n).astype(np.float32))
    units = scene.audio.reshape(len(scene.spoken), -1)
    quiet = 10 * np.log10(np.square(units[~scene.spoken]).mean())
    loud = 10 * np.log10(np.square(units[scene.spoken]).mean() - 10 ** (quiet / 10))
    assert 20 < scene.spoken.sum() < 380
    assert (quiet, loud) == (pytest.approx(-30 - snr_db, abs=0.3), pytest.approx(-30, abs=0.3))


def test_the_truth_moves_with_the_speed():
    talk = Talk.of(bursts((0.5, 1.0)), SR)
    twice = plain(speed=(2.0, 2.0)).varied(talk, np.random.default_rng(0))
    assert len(twice.spoken) == len(twice.doubtful) == 100 and abs(int(twice.spoken.sum()) - 25) <= 1
    level = np.square(twice.audio.reshape(100, -1)).mean(axis=1)
    assert (level > 1e-4)[twice.spoken][1:-1].all() and (level < 1e-4)[~twice.spoken].all()


def test_scenes_are_the_same_whatever_the_threads_and_targets_fit_their_frames():
    talk = [Talk.of(bursts((0.2, 0.7), (1.2, 1.5)), SR)]
    features = wl.LogMel(sr=SR, n_fft=512, hop_length=320, n_mels=8)
    one, two = (Scenes(talk, SceneMaker(SR, 2.0), features, 6, seed=4, threads=n) for n in (1, 2))
    assert one.contents() == two.contents()
    x, targets = one.batch(np.arange(6), np.random.default_rng(0))
    assert x.shape[:2] == targets.shape == (6, features.frames(2 * SR)) and x.dtype == np.float32
    assert {0, 1} <= set(targets.ravel().tolist()) <= {-1, 0, 1} and np.isfinite(x).all()
    truth = np.arange(100) >= 50
    doubt = np.arange(100) >= 90
    made = frame_truth(Scene(np.zeros(100 * 160, np.float32), truth, doubt), features, 48, 160)
    first, unknown = (int(np.ceil((unit * 160 - 352) / 320)) for unit in (50, 90))  # frame k ends at 512 + 320 k
    assert made.tolist() == [0] * first + [1] * (unknown - first) + [-1] * (48 - unknown)
