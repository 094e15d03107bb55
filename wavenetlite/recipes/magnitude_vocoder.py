"""A vocoder whose network gives magnitudes: its recipe, and its training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from wavenetlite.features import LogMel, Spectrogram
from wavenetlite.nn import Activation, Conv1d, LayerNorm, Linear, Residual, Sequential
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import positive_int
from wavenetlite.support.digests import digest
from wavenetlite.train.batches import Batch, Integers
from wavenetlite.train.losses import MeanSquaredError
from wavenetlite.vocoder import Vocoder
from wavenetlite.vocoder.levels import PER_10_DB, conditioning

CONTEXT = 5
"""Frames that the network's first layer reads: two before and two after."""
RIDGE = 1.0
"""Added to the squares of each input of the linear prediction."""
FRAMES_AT_ONCE = 10_000
FLOOR_DB = -75.0
"""Noise that is added to targets, below the loudest bin of a recording: what is softer is not heard."""


@dataclass(frozen=True)
class VocoderRecipe:
    """How a vocoder whose network gives magnitudes is trained: on random segments of the spectra of recordings.

    Attributes
    ----------
    features
        Options of :class:`wavenetlite.LogMel`, without `sr`.
    channels, blocks
        Of the network: a convolution of 5 frames, of which 2 are to come, then residual blocks of 3 frames. What they
        give is added to a linear prediction from the same 5 frames, which begins as that of least squares.
    iterations, lookahead
        Of :class:`wavenetlite.Vocoder`.
    speeds
        Range of the playback speed of the variants of a recording, and their number: with it pitch and vocal tract
        vary, as they do between speakers.
    frames
        Of a segment.
    epochs, batch_size, lr, schedule, weight_decay, clip, ema, shards
        Of :func:`wavenetlite.train.fit`.
    """

    features: Mapping[str, Any] = field(default_factory=lambda: {
        "n_fft": 400, "hop_length": 80, "n_mels": 80, "fmin": 40.0, "fmax": 4000.0
    })  # fmt: skip
    channels: int = 160
    blocks: int = 3
    iterations: int = 16
    lookahead: int = 3
    speeds: tuple[float, float, int] = (0.8, 1.25, 2)
    frames: int = 64
    epochs: int = 20
    batch_size: int = 16
    lr: float = 2e-3
    schedule: Literal["constant", "cosine", "one_cycle"] = "cosine"
    weight_decay: float = 1e-4
    clip: float = 1.0
    ema: float = 0.995
    shards: int = 2

    @property
    def loss(self) -> MeanSquaredError:
        return MeanSquaredError()

    def network(self, spec: LogMel, seed: int) -> Sequential:
        """From conditioning to magnitudes, both in units of 10 dB and less the level of the frame."""
        width, inputs, outputs = self.channels, spec.out_channels + 1, spec.frame_length // 2 + 1
        blocks = [Residual([Conv1d(width, width, 3), Activation("relu"), Conv1d(width, width, 1)])
                  for _ in range(self.blocks)]  # fmt: skip
        layers = [
            Conv1d(inputs, width, CONTEXT, padding="same"), Activation("relu"), *blocks,
            LayerNorm(width), Linear(width, outputs),
        ]  # fmt: skip
        return Sequential([Residual(layers, shortcut=Conv1d(inputs, outputs, CONTEXT, padding="same"))], seed=seed)

    def begin(self, model: Sequential, data: Spectra) -> None:
        """Let the network give the linear prediction of least squares at first."""
        weights = model.state_dict()
        weight, bias = linear_prediction(data.x, data.targets, CONTEXT)
        last = f"0.{3 + self.blocks}"
        zeros = {name: 0 * weights[name] for name in (f"{last}.weight", f"{last}.bias")}
        model.load_state_dict({**weights, **zeros, "0.shortcut.weight": weight, "0.shortcut.bias": bias})

    def data(self, given: Sequence[Floats], spec: LogMel, *, fresh: bool) -> Spectra:
        """What the network is told, and what it is to say; `fresh`: random segments."""
        return Spectra(given, spec, self.frames, fresh)

    def vocoder(self, spec: LogMel, model: Sequential, info: Mapping[str, Any]) -> Vocoder:
        return Vocoder(spec, model, iterations=self.iterations, lookahead=self.lookahead, info=info)


class Spectra:
    """Segments of recordings that follow each other with silence between: conditioning, and magnitudes as targets.

    Parameters
    ----------
    recordings
        Float32 (samples,) each.
    spec
        Features of the frames.
    frames
        Of a segment.
    fresh
        Whether segments begin anywhere, drawn anew each time; or one after the other.
    """

    def __init__(self, recordings: Sequence[Floats], spec: LogMel, frames: int, fresh: bool) -> None:
        self.frames, self.fresh = positive_int("frames", frames), fresh
        pairs = [pair(y, spec) for y in recordings]
        short = max(0, frames - sum(len(x) for x, _ in pairs))
        self.x, self.targets = (np.pad(np.concatenate(one), ((0, short), (0, 0))) for one in zip(*pairs, strict=True))

    def __len__(self) -> int:
        return len(self.x) // self.frames

    def batch(self, indices: Integers, rng: np.random.Generator) -> Batch:
        last = len(self.x) - self.frames
        firsts = rng.integers(last + 1, size=len(indices)) if self.fresh else indices * self.frames
        at = firsts[:, np.newaxis] + np.arange(self.frames)
        return self.x[at], self.targets[at]

    def contents(self) -> dict[str, str]:
        return {"conditioning": digest(self.x), "magnitudes": digest(self.targets), "segments": digest([self.frames])}


def pair(y: Floats, spec: LogMel) -> tuple[Floats, Floats]:
    """Conditioning and targets of a recording with silence around it."""
    whole = np.pad(y, spec.frame_length)
    condition, levels = conditioning(spec(whole), None)
    spectrum = Spectrogram(sr=spec.sr, n_fft=spec.n_fft, hop_length=spec.hop_length, win_length=spec.win_length,
                           window=spec.window, center=False)  # fmt: skip
    powers = spectrum(whole).astype(np.float64)
    decibels = 10 * np.log10(powers + powers.max() * 10 ** (FLOOR_DB / 10) + spec.amin)
    return condition, ((decibels - levels[:, np.newaxis]) * PER_10_DB).astype(np.float32)


def linear_prediction(x: Floats, targets: Floats, context: int) -> tuple[Floats, Floats]:
    """Weights (outputs, inputs, context) and bias of a convolution, by least squares.

    They are rounded, so that they hardly depend on the order in which a library sums.
    """
    inputs = x.shape[1]
    squares, products = np.zeros((context * inputs + 1,) * 2), np.zeros((context * inputs + 1, targets.shape[1]))
    padded = np.pad(x, ((context // 2, context // 2), (0, 0)))
    for first in range(0, len(x), FRAMES_AT_ONCE):
        wanted = targets[first : first + FRAMES_AT_ONCE]
        taps = [padded[first + k : first + k + len(wanted)] for k in range(context)]
        rows = np.concatenate([*taps, np.ones((len(wanted), 1))], axis=1)  # float64
        squares += rows.T @ rows
        products += rows.T @ wanted
    solved = np.linalg.solve(squares + RIDGE * np.eye(len(squares)), products).round(4).astype(np.float32)
    return np.ascontiguousarray(solved[:-1].reshape(context, inputs, -1).transpose(2, 1, 0)), solved[-1]
