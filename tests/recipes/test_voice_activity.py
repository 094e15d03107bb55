"""The recipe of voice activity, and the detector that is bundled."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.evaluation.activity import roc_areas
from wavenetlite.recipes import VoiceActivityRecipe, read_noise, read_talk, train_voice_activity
from wavenetlite.recipes import voice_activity as module
from wavenetlite.recipes.members import members_of
from wavenetlite.train.talk import Talk

SR = 16000


def voice(seed, seconds=1.5):
    """A buzz of a changing pitch through two resonances, with pauses: as much like a voice as a test needs."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * SR)) / SR
    pitch = 120 * (1 + rng.random()) * (1 + 0.1 * np.sin(2 * np.pi * 3 * t))
    phase = 2 * np.pi * np.cumsum(pitch) / SR
    y = sum(np.sin(n * phase) / n for n in range(1, 20)) * np.clip(np.sin(2 * np.pi * 2 * t) + 0.3, 0, 1)
    return np.concatenate([np.zeros(4000), 0.1 * y, np.zeros(4000)]).astype(np.float32)


def talk(seeds):
    return [Talk.of(voice(seed), SR) for seed in seeds]


QUICK = VoiceActivityRecipe(
    scenes=40, scene={"seconds": 4.0}, batch_size=8, channels=12, dilations=[1, 2, 4], members=1
)


def test_a_detector_is_trained_saved_and_better_than_chance(tmp_path):
    vad = train_voice_activity(talk(range(6)), QUICK, epochs=6, threads=1, info={"data": "buzzes"})
    assert (vad.labels, vad.background, vad.frame_rate) == (["_noise_", "speech"], ("_noise_",), 50.0)
    assert vad.info["data"] == "buzzes" and vad.info["recordings"] == 6
    areas = roc_areas(vad, talk(range(6, 9)), snrs_db=(20.0,), scenes=2)
    assert areas[20.0] > 0.85
    vad.save(tmp_path / "vad.safetensors")
    y = voice(20)
    first, again = (clf.stream() for clf in (vad, wl.load(tmp_path / "vad.safetensors")))
    first.process(y)
    for at in range(0, len(y), 777):
        again.process(y[at : at + 777])
    assert (again.prediction().probabilities == first.prediction().probabilities).all()


def test_members_learn_from_scenes_of_their_own_and_their_mean_is_the_detector(tmp_path, monkeypatch):
    learned, fit = [], module.fit
    monkeypatch.setattr(
        module, "fit", lambda model, scenes, **options: learned.append(scenes) or fit(model, scenes, **options)
    )
    recipe = dataclasses.replace(QUICK, scenes=8, members=2, integers=False)
    both = train_voice_activity(talk(range(4)), recipe, epochs=2, threads=1, seed=3, folder=tmp_path)
    first, second = members_of(both.model)
    assert not (learned[0].frames == learned[1].frames).all()
    assert learned[0].normalisation is learned[1].normalisation  # that of the detector
    alone = train_voice_activity(talk(range(4)), dataclasses.replace(recipe, members=1), epochs=2, threads=1, seed=3)
    x = np.random.default_rng(0).standard_normal((50, both.features.out_channels), np.float32)
    assert (first(x) == alone.model(x)).all() and not np.allclose(first(x), second(x), atol=0.1)
    assert np.allclose(both.model(x), (first(x) + second(x)) / 2, atol=1e-5)
    assert (tmp_path / "history.jsonl").is_file() and (tmp_path / "network-2" / "history.jsonl").is_file()
    again = train_voice_activity(talk(range(4)), recipe, epochs=2, threads=1, seed=3, folder=tmp_path)
    assert (again.model(x) == both.model(x)).all()
    with pytest.raises(wl.ParameterError, match="members"):
        train_voice_activity(talk(range(4)), dataclasses.replace(recipe, members=0), epochs=1)


def test_the_mean_of_members_in_integers_is_the_same_in_any_blocks():
    vad = train_voice_activity(talk(range(4)), dataclasses.replace(QUICK, scenes=8, members=2), epochs=1, threads=1)
    y = voice(9)
    whole, blocks = vad.stream(), vad.stream()
    whole.process(y)
    made = []
    for at in range(0, len(y), 333):
        blocks.process(y[at : at + 333])
        made.append(blocks.probabilities)
    assert (np.concatenate(made) == whole.probabilities).all() and len(whole.probabilities) > 50


def test_talk_is_read_from_folders_without_their_noise(tmp_path):
    for name in ("en/a.flac", "en/deep/b.flac", "en/_silence_/n.flac", "en/_unknown_/c.flac", "noisy/d.flac"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        noise = 0.1 * np.random.default_rng(0).standard_normal(SR).astype(np.float32)
        audio.write(tmp_path / name, noise if name.startswith("noisy") else voice(1), SR)
    found, left_out = read_talk([tmp_path / "en"])
    assert (len(found), left_out) == (3, 0)
    assert len(read_talk([tmp_path / "en"], most=2)[0]) == 2
    with pytest.raises(wl.ParameterError, match="has no recording of clean speech"):
        read_talk([tmp_path / "noisy"])
    with pytest.raises(wl.ParameterError, match="there is no such folder"):
        read_talk([tmp_path / "none"])
    with pytest.raises(wl.ParameterError, match="talk is empty"):
        train_voice_activity([], QUICK)


def test_noise_of_recordings_is_in_the_scenes_of_every_other_network(monkeypatch):
    """A tone of 3 kHz, at other speeds, in scenes without speech."""
    learned, fit = [], module.fit
    monkeypatch.setattr(
        module, "fit", lambda model, scenes, **options: learned.append(scenes) or fit(model, scenes, **options)
    )
    tone = (0.1 * np.sin(2 * np.pi * 3000 * np.arange(4 * SR) / SR)).astype(np.float32)
    scene = {"seconds": 4.0, "silent": 1.0, "clean": 0.0, "narrow": 0.0, "recorded_share": 1.0}
    recipe = dataclasses.replace(QUICK, scenes=20, scene=scene, members=3, integers=False)
    vad = train_voice_activity(talk(range(2)), recipe, noise=[tone], epochs=1, threads=1)
    assert vad.info["noise_recordings"] == 1
    loudest = [scenes.frames.astype(np.float32).mean(axis=1).argmax(axis=1) for scenes in learned]
    first, second, third = (np.mean((bands >= 16) & (bands <= 29)) for bands in loudest)
    assert second < 0.7 and min(first, third) > 0.9


def test_noise_is_read_from_folders(tmp_path):
    noise = 0.1 * np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    (tmp_path / "_noise_").mkdir()
    audio.write(tmp_path / "_noise_" / "a.wav", noise, 8000)
    audio.write(tmp_path / "b.aiff", noise, 8000)
    (tmp_path / "notes.txt").write_text("wind")
    one, other = read_noise([tmp_path])
    assert len(one) == len(other) == 16000 and one.dtype == np.float32
    (tmp_path / "none").mkdir()
    with pytest.raises(wl.ParameterError, match="none' has no recording; it must be a folder with some"):
        read_noise([tmp_path / "none"])
    with pytest.raises(wl.ParameterError, match="there is no such folder"):
        read_noise([tmp_path / "nowhere"])


def test_the_bundled_detector_hears_no_speech_in_silence_and_noise():
    vad = wl.load("voice-activity")
    assert vad.labels == ["_noise_", "speech"] and vad.info["recipe"]["channels"] == 64
    rng = np.random.default_rng(0)
    for y in (np.zeros(3 * SR), 1e-3 * rng.standard_normal(3 * SR), 0.1 * rng.standard_normal(3 * SR)):
        stream = vad.stream()
        assert stream.process(y.astype(np.float32)) == []
        assert stream.probabilities[50:, 1].mean() < 0.2


@pytest.mark.skipif("WAVENETLITE_DATA" not in os.environ, reason="WAVENETLITE_DATA is not set: no recordings")
def test_the_bundled_detector_tells_speech_from_noise():
    found, _ = read_talk([Path(os.environ["WAVENETLITE_DATA"]) / "wake_words" / "00001"])
    areas = roc_areas(wl.load("voice-activity"), found, snrs_db=(20.0,), scenes=3)
    assert areas[20.0] > 0.95
