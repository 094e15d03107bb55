"""Train a vocoder, which makes audio from log-mel frames, on recordings."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wavenetlite import audio
from wavenetlite.corpora.clips import Clips
from wavenetlite.features import LogMel
from wavenetlite.recipes.magnitude_vocoder import VocoderRecipe
from wavenetlite.recipes.recipe import fit_options, jsonable
from wavenetlite.recipes.wavenet_vocoder import WaveNetVocoderRecipe
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count, positive_int
from wavenetlite.support.errors import ArrayTypeError
from wavenetlite.support.version import __version__
from wavenetlite.train.loop import fit
from wavenetlite.train.waveforms import checked_recordings
from wavenetlite.vocoder import Vocoder


def train_vocoder(
    recordings: Sequence[Floats],
    valid: Sequence[Floats] = (),
    recipe: VocoderRecipe | WaveNetVocoderRecipe | None = None,
    *,
    sr: int,
    folder: str | os.PathLike[str] | None = None,
    seed: int = 0,
    epochs: int | None = None,
    threads: int | None = None,
    resume: bool = True,
    progress: bool = False,
    info: Mapping[str, Any] | None = None,
) -> Vocoder:
    """Train a vocoder.

    Parameters
    ----------
    recordings, valid
        Float32 (samples,) each, from -1 to 1, without silence around them: `recordings_of` takes them from the clips of
        a corpus. The loss of `valid` is in the history of `folder`.
    recipe
        `VocoderRecipe`, for a network that gives magnitudes, or `WaveNetVocoderRecipe`, for one that generates. None:
        ``VocoderRecipe()``.
    sr
        Their sample rate, Hz.
    folder, seed, epochs, threads, resume, progress
        As in :func:`wavenetlite.train.fit`.
    info
        Notes to be saved with the vocoder, besides those on the training.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> y = (0.3 * np.sin(0.2 * np.arange(4000))).astype(np.float32)
    >>> quick = wl.recipes.VocoderRecipe(channels=4, blocks=1, frames=16, batch_size=2)
    >>> vocoder = wl.recipes.train_vocoder([y], recipe=quick, sr=8000, epochs=1)
    >>> vocoder.render(y).shape
    (4000,)
    """
    chosen: Any = VocoderRecipe() if recipe is None else checked_recipe(recipe)
    spec = LogMel(sr=positive_int("sr", sr), **chosen.features)
    given = checked_recordings(recordings)
    train = chosen.data(with_speeds(given, sr, chosen.speeds, count("seed", seed)), spec, fresh=True)
    model = chosen.network(spec, seed)
    chosen.begin(model, train)
    history = fit(
        model,
        train,
        chosen.data(checked_recordings(valid), spec, fresh=False) if len(valid) else None,
        loss=chosen.loss,
        epochs=chosen.epochs if epochs is None else epochs,
        **fit_options(chosen, train),
        schedule=chosen.schedule,
        warmup=0.0 if chosen.schedule == "constant" else 0.05,
        clip=chosen.clip,
        threads=threads,
        folder=folder,
        resume=resume,
        seed=seed,
        progress="vocoder" if progress else False,
    )
    notes = {
        "recipe": {"name": type(chosen).__name__, **jsonable(dataclasses.asdict(chosen))},
        "epochs": len(history.rows),
        "seed": seed,
        "recordings": len(given),
        "hours": round(sum(map(len, given)) / sr / 3600, 4),
        "valid_loss": history.rows[-1]["valid_loss"],
        "wavenetlite": __version__,
        **(info or {}),
    }
    made: Vocoder = chosen.vocoder(spec, model, notes)
    return made


def checked_recipe(recipe: Any) -> Any:
    if not isinstance(recipe, VocoderRecipe | WaveNetVocoderRecipe):
        name = type(recipe).__name__
        raise ArrayTypeError(f"recipe is a {name}; it must be a VocoderRecipe or a WaveNetVocoderRecipe")
    return recipe


def recordings_of(clips: Clips) -> list[Floats]:
    """The audio of clips, without the silence around it."""
    return [
        np.ascontiguousarray(clips.audio[i][first : first + length])
        for i, (first, length) in enumerate(zip(clips.starts.tolist(), clips.lengths.tolist(), strict=True))
    ]


def with_speeds(given: list[Floats], sr: int, speeds: tuple[float, float, int], seed: int) -> list[Floats]:
    """The recordings, and variants of each that are played faster or slower."""
    low, high, variants = speeds
    rng = np.random.default_rng([seed, 11])
    made = [audio.resample(y, round(sr * rng.uniform(low, high)), sr) for _ in range(variants) for y in given]
    return given + made
