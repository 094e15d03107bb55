"""The bundled vocoder: its notes, its size, its speed as arithmetic, and that its digits are understood."""

import os
from pathlib import Path

import numpy as np
import pytest

import wavenetlite as wl

NAME = "vocoder-8k"
DATA = os.environ.get("WAVENETLITE_DATA")


@pytest.fixture(scope="module")
def vocoder():
    return wl.load(NAME)


def test_it_is_as_promised(vocoder):
    assert isinstance(vocoder, wl.Vocoder)
    assert (vocoder.sr, vocoder.features.hop_length) == (8000, 80)
    assert wl.models.path(NAME).stat().st_size <= 2_000_000
    assert {"recipe", "seed", "accuracy", "attribution", "licence"} <= set(vocoder.info)
    assert "Free Spoken Digit Dataset" in vocoder.info["attribution"]
    assert "CC BY-SA 4.0" in vocoder.info["licence"]


def test_its_recipe_makes_this_network(vocoder):
    recipe = wl.recipes.VocoderRecipe()
    assert recipe.network(vocoder.features, vocoder.info["seed"]).config() == vocoder.model.config()
    assert vocoder.options == {"iterations": recipe.iterations, "lookahead": recipe.lookahead}


@pytest.mark.skipif(DATA is None, reason="WAVENETLITE_DATA is not set")
def test_its_digits_are_understood(vocoder):
    """Ten test clips, one of each digit, of the speaker whom it was not trained on too."""
    clf, heard = wl.load("spoken-digits"), 0
    for digit in range(10):
        who = ("theo", "george", "jackson", "lucas", "nicolas")[digit % 5]
        y, sr = wl.audio.read(Path(DATA, "fsdd", "recordings", f"{digit}_{who}_0.flac"))
        made = vocoder.render(y, sr=sr)
        heard += clf.predict(np.pad(np.clip(made, -1, 1), 1000)).label == str(digit)
    assert heard >= 8


def test_a_stream_of_it_is_the_whole(vocoder):
    frames = vocoder.analyse(0.1 * np.random.default_rng(0).standard_normal(1600).astype(np.float32))
    stream = vocoder.stream()
    parts = [stream.process(frames[at : at + 3]) for at in range(0, len(frames), 3)]
    assert np.concatenate([*parts, stream.flush()]).tobytes() == vocoder.speak(frames).tobytes()


def test_it_keeps_harmonics_and_loudness(vocoder):
    """A voice of steady pitch: the levels within 30 Hz of its harmonics, and little between them."""
    t = np.arange(8000) / 8000
    y = sum(0.1 / k * np.cos(2 * np.pi * 140 * k * t) for k in range(1, 20)).astype(np.float32)
    made = vocoder.render(y)
    assert abs(made[2000:6000].std() / y[2000:6000].std() - 1) < 0.1
    before, after = (np.abs(np.fft.rfft(one[2000:6000] * np.hanning(4000))) ** 2 for one in (y, made))  # 2 Hz a bin
    near, between = ([slice(70 * k + at - 15, 70 * k + at + 16) for k in range(1, 11)] for at in (0, 35))
    levels = [[one[place].sum() for place in near] for one in (before, after)]
    assert np.abs(10 * np.log10(np.divide(*levels))).max() < 3
    assert sum(after[place].sum() for place in between) < 0.05 * sum(levels[1])
