"""Train a vocoder, which makes audio from log-mel frames, on recordings."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from wavenetlite import audio
from wavenetlite.corpora.clips import Clips
from wavenetlite.features import LogMel
from wavenetlite.nn import Activation, Conv1d, Sequential, Upsample, WaveNet
from wavenetlite.recipes.recipe import fit_options, jsonable
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count, positive_int
from wavenetlite.support.version import __version__
from wavenetlite.train.densities import LogisticMixtureNLL
from wavenetlite.train.loop import fit
from wavenetlite.train.waveforms import Waveforms, checked_recordings
from wavenetlite.vocoder import Vocoder
from wavenetlite.vocoder._allpole import filtered, residual
from wavenetlite.vocoder.conditioning import HEADROOM, Envelopes, aligned


@dataclass(frozen=True)
class VocoderRecipe:
    """How a vocoder is trained: sample by sample, on random segments of recordings.

    Attributes
    ----------
    features
        Options of :class:`wavenetlite.LogMel`, without `sr`.
    order
        Past samples that the filter of the spectral envelope reads.
    channels, dilations
        Of the :class:`wavenetlite.WaveNet`, whose kernels have 2 taps.
    condition_channels, condition_hidden
        Channels of the conditioning at the rate of samples, and of the two convolutions at that of frames before it.
    components
        Logistics in the mixture that the network puts out.
    speeds
        Range of the playback speed of the variants of a recording, and their number: with it pitch and vocal tract
        vary, as they do between speakers.
    samples, context, segments
        Of :class:`wavenetlite.train.Waveforms`.
    epochs, batch_size, lr, schedule, weight_decay, clip, ema, shards
        Of :func:`wavenetlite.train.fit`. At a constant rate it is the moving average that settles the weights, at
        whatever epoch the training ends.
    temperature
        Of :class:`wavenetlite.Vocoder`.
    """

    features: Mapping[str, Any] = field(default_factory=lambda: {
        "n_fft": 400, "hop_length": 80, "n_mels": 80, "fmin": 40.0, "fmax": 4000.0
    })  # fmt: skip
    order: int = 120
    channels: int = 24
    dilations: Sequence[int] = (1, 2, 4, 8, 16, 32, 64, 128)
    condition_channels: int = 24
    condition_hidden: int = 96
    components: int = 3
    speeds: tuple[float, float, int] = (0.8, 1.25, 2)
    samples: int = 2400
    context: int = 240
    segments: int = 2000
    epochs: int = 11
    batch_size: int = 4
    lr: float = 3e-3
    schedule: Literal["constant", "cosine", "one_cycle"] = "constant"
    weight_decay: float = 0.0
    clip: float = 1.0
    ema: float = 0.999
    shards: int = 2
    temperature: float = 1.0


def train_vocoder(
    recordings: Sequence[Floats],
    valid: Sequence[Floats] = (),
    recipe: VocoderRecipe | None = None,
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
        a corpus. The likelihood of `valid` is in the history of `folder`.
    recipe
        None: ``VocoderRecipe()``.
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
    >>> quick = wl.recipes.VocoderRecipe(channels=4, dilations=[1, 2], condition_hidden=4, segments=4)
    >>> vocoder = wl.recipes.train_vocoder([y], recipe=quick, sr=8000, epochs=1)
    >>> vocoder.render(y).shape
    (4000,)
    """
    chosen = recipe or VocoderRecipe()
    spec = LogMel(sr=positive_int("sr", sr), **chosen.features)
    given = checked_recordings(recordings)
    train = waveforms(with_speeds(given, sr, chosen.speeds, count("seed", seed)), spec, chosen, chosen.segments)
    model = network(chosen, spec, seed)
    history = fit(
        model,
        train,
        waveforms(checked_recordings(valid), spec, chosen) if len(valid) else None,
        loss=LogisticMixtureNLL(),
        epochs=chosen.epochs if epochs is None else epochs,
        **fit_options(chosen, train),
        schedule=chosen.schedule,
        warmup=0.0,
        clip=chosen.clip,
        threads=threads,
        folder=folder,
        resume=resume,
        seed=seed,
        progress="vocoder" if progress else False,
    )
    notes = {
        "recipe": jsonable(dataclasses.asdict(chosen)),
        "epochs": len(history.rows),
        "seed": seed,
        "recordings": len(given),
        "hours": round(sum(map(len, given)) / sr / 3600, 4),
        "valid_loss": history.rows[-1]["valid_loss"],
        "wavenetlite": __version__,
        **(info or {}),
    }
    return Vocoder(spec, model, order=chosen.order, temperature=chosen.temperature, info=notes)


def network(recipe: VocoderRecipe, spec: LogMel, seed: int) -> WaveNet:
    """The network: frames are made ready at their own rate, repeated for each sample, and enter every layer."""
    width, hidden = spec.out_channels + 1, recipe.condition_hidden
    condition = Sequential([
        Conv1d(width, hidden, 3), Activation("relu"),
        Conv1d(hidden, hidden, 3), Activation("relu"),
        Conv1d(hidden, recipe.condition_channels, 1),
        Upsample(spec.hop_length),
    ])  # fmt: skip
    made = WaveNet(
        1,
        3 * recipe.components,
        residual_channels=recipe.channels,
        skip_channels=recipe.channels,
        kernel_size=2,
        dilations=recipe.dilations,
        condition_channels=width,
        condition=condition,
        seed=seed,
    )
    # The excitation is soft beside the conditioning: the network would be slow to learn to listen to itself.
    made.load_state_dict(
        {**made.state_dict(), "input.weight": made.state_dict()["input.weight"] * np.float32(HEADROOM)}
    )
    return made


def recordings_of(clips: Clips) -> list[Floats]:
    """The audio of clips, without the silence around it."""
    return [
        np.ascontiguousarray(clips.audio[i][first : first + length])
        for i, (first, length) in enumerate(zip(clips.starts.tolist(), clips.lengths.tolist(), strict=True))
    ]


def without_rumble(y: Floats, spec: LogMel) -> Floats:
    """A recording without what lies below the mel bands: the network would learn to foretell that, which nobody hears.

    Two differences, each with a pole at the lowest frequency of the bands.
    """
    pole, high = np.array([[2 * np.pi * spec.fmin / spec.sr - 1]]), y.astype(np.float64)
    for _ in range(2):
        high = filtered(np.diff(high, prepend=0.0), pole, np.ones(1), len(y), np.zeros(1))
    return np.clip(high, -1, 1).astype(np.float32)


def with_speeds(given: list[Floats], sr: int, speeds: tuple[float, float, int], seed: int) -> list[Floats]:
    """The recordings, and variants of each that are played faster or slower."""
    low, high, variants = speeds
    rng = np.random.default_rng([seed, 11])
    made = [audio.resample(y, round(sr * rng.uniform(low, high)), sr) for _ in range(variants) for y in given]
    return given + made


def waveforms(given: Sequence[Floats], spec: LogMel, recipe: VocoderRecipe, segments: int | None = None) -> Waveforms:
    """The signals that the network is to foretell, and their conditioning."""
    signals, conditions = [], []
    for whole in given:
        y = without_rumble(whole, spec)
        made = Envelopes(spec, recipe.order).process(spec(aligned(y, spec)))
        excitation = residual(y, made.coefficients, made.gains, spec.hop_length) / HEADROOM
        signals.append(np.clip(excitation, -1, 1).astype(np.float32))
        conditions.append(made.condition)
    return Waveforms(signals, conditions, samples=recipe.samples, context=recipe.context, hop_length=spec.hop_length,
                     segments=segments)  # fmt: skip
