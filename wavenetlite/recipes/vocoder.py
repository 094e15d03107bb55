"""Train a vocoder, which makes audio from log-mel frames, on recordings."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wavenetlite import audio
from wavenetlite.corpora.clips import Clips
from wavenetlite.features import LogMel
from wavenetlite.nn import Activation, Conv1d, Sequential, Upsample, WaveNet
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ParameterError
from wavenetlite.train.densities import LogisticMixtureNLL
from wavenetlite.train.loop import cpus, fit
from wavenetlite.train.waveforms import Waveforms
from wavenetlite.vocoder._allpole import residual
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
        Channels of the conditioning at the rate of samples, and in the two convolutions at the rate of frames before it.
    components
        Logistics in the mixture that the network puts out.
    speeds
        Range of the playback speed of the variants of a recording, and their number: with it pitch and vocal tract
        vary, as they do between speakers.
    samples, context, segments
        Of :class:`wavenetlite.train.Waveforms`.
    epochs, batch_size, lr, ema, shards
        Of :func:`wavenetlite.train.fit`, with a cosine schedule.
    """

    features: Mapping[str, Any] = field(default_factory=lambda: {
        "n_fft": 400, "hop_length": 80, "n_mels": 60, "fmin": 40.0, "fmax": 4000.0
    })  # fmt: skip
    order: int = 16
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
    lr: float = 4e-3
    ema: float = 0.999
    shards: int = 2


def network(recipe: VocoderRecipe, spec: LogMel, seed: int) -> WaveNet:
    """The network: frames are made ready at their own rate, repeated for each sample, and enter every layer."""
    width, hidden = spec.out_channels + 1, recipe.condition_hidden
    condition = Sequential([
        Conv1d(width, hidden, 3), Activation("relu"),
        Conv1d(hidden, hidden, 3), Activation("relu"),
        Conv1d(hidden, recipe.condition_channels, 1),
        Upsample(spec.hop_length),
    ])  # fmt: skip
    return WaveNet(
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


def recordings(clips: Clips) -> list[Floats]:
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


def waveforms(given: Sequence[Floats], spec: LogMel, recipe: VocoderRecipe, segments: int | None = None) -> Waveforms:
    """The signals that the network is to foretell, and their conditioning."""
    signals, conditions = [], []
    for y in given:
        made = Envelopes(spec, recipe.order).process(spec(aligned(y, spec)))
        excitation = residual(y, made.coefficients, made.gains, spec.hop_length) / HEADROOM
        signals.append(np.clip(excitation, -1, 1).astype(np.float32))
        conditions.append(made.condition)
    return Waveforms(signals, conditions, samples=recipe.samples, context=recipe.context, hop_length=spec.hop_length,
                     segments=segments)  # fmt: skip
