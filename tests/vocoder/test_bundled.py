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
    made = wl.recipes.vocoder.network(recipe, vocoder.features, vocoder.info["seed"])
    assert made.config() == vocoder.model.config()
    assert vocoder.order == recipe.order


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
    stream = vocoder.stream(seed=4)
    parts = [stream.process(frames[at : at + 3]) for at in range(0, len(frames), 3)]
    assert np.concatenate(parts).tobytes() == vocoder.speak(frames, seed=4).tobytes()
