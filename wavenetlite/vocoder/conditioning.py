"""What a network that generates is told of log-mel frames, and the filters that make speech of what it gives.

It gives the excitation, a signal of about the same loudness and colour everywhere; an all-pole filter that
follows from the frames gives it the spectral envelope and, as its order is high, harmonics.
"""

from __future__ import annotations

import copy
import math
from typing import NamedTuple

import numpy as np

from wavenetlite.features import LogMel
from wavenetlite.features.elementwise import elementwise
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.errors import ParameterError
from wavenetlite.vocoder._allpole import envelopes
from wavenetlite.vocoder.levels import conditioning, powers
from wavenetlite.vocoder.saved import doubles_of, floats_of

HEADROOM = 10.0
"""The network's signal is the excitation divided by this, cut to -1..1: pulses of voice reach beyond that seldom."""
BROADENED_HZ = 10.0
"""Width of the lag window: narrow, so that a filter of high order has the harmonics that the bands resolve."""
WHITE = 1e-4
"""White noise that is added to the spectrum, by its power: the envelope is not modelled below that (-40 dB)."""


class Frames(NamedTuple):
    """What frames become: conditioning (frames, bins + 1), and filters (frames, order) with their gains (frames,)."""

    condition: Floats
    coefficients: Doubles
    gains: Doubles


class Envelopes:
    """Turns frames into conditioning and filters; its state is the last frames, so it serves one signal.

    Conditioning is each frame less its level, the mean of its bins, and how much that differs from the level of the
    frame before. Linear prediction on the mel bands gives the filter of the frame whose window is centred on the
    samples; the conditioning is of a later frame, which the network may look ahead to.

    Parameters
    ----------
    spec
        Features of the frames: powers in dB.
    order
        Number of past samples that a filter reads.

    Notes
    -----
    Makhoul, "Linear Prediction: A Tutorial Review", 1975; Song et al., "ExcitNet Vocoder", 2019, for networks that
    give an excitation.
    """

    def __init__(self, spec: LogMel, order: int) -> None:
        self.lag = lag_of(spec)
        self.cosines, self.lags, self.power = tables(spec, order)
        self.bins = spec.out_channels
        self.waiting: Floats = np.zeros((0, self.bins), np.float32)
        self.level: float | None = None

    def fork(self) -> Envelopes:
        """An independent copy, at the same place of its signal."""
        return copy.copy(self)  # whose attributes are replaced, not changed

    def process(self, frames: Floats) -> Frames:
        """Conditioning and filters of the next frames, of which there is one at least."""
        condition, levels = conditioning(frames, self.level)
        earlier = self.waiting if self.level is not None else np.repeat(frames[:1], self.lag, axis=0)
        known = np.concatenate([earlier, frames])
        self.level, self.waiting = float(levels[-1]), known[len(frames) :]
        return Frames(condition, *envelopes(powers(known[: len(frames)]), self.cosines, self.lags, self.power))

    def save(self) -> bytes:
        """The state: the last level and the frames that wait; nothing before the first frame."""
        return b"" if self.level is None else np.float64(self.level).tobytes() + self.waiting.tobytes()

    def load(self, state: bytes) -> None:
        """Restore what `save` returned."""
        self.level, self.waiting = None, self.waiting[:0]
        if state:
            level, waiting = doubles_of(state[:8], 1), floats_of(state[8:], self.lag * self.bins)
            self.level, self.waiting = float(level[0]), waiting.reshape(self.lag, self.bins)


def tables(spec: LogMel, order: int) -> tuple[Doubles, Doubles, float]:
    """Cosines that turn powers of mel bands into an autocorrelation, the lag window, and the power of the window."""
    basis = np.asarray(spec.mel_basis(), np.float64)
    hertz = np.arange(basis.shape[1]) * spec.sr / spec.n_fft
    sums = basis.sum(axis=1)
    if not sums.all():
        raise ParameterError(f"n_mels={spec.n_mels} must be smaller: some bands of the features have no frequency")
    centres = (basis * hertz).sum(axis=1) / sums
    weights = np.stack([np.interp(hertz, centres, row) for row in np.diag(1 / sums)], axis=1)  # (frequencies, bands)
    halved = np.ones(len(hertz))
    halved[[0, -1]] = 0.5
    k = np.arange(order + 1)
    waves = elementwise(math.cos, 2 * np.pi * np.outer(k, hertz) / spec.sr) * halved / halved.sum()
    cosines = product(waves, weights)
    lags = elementwise(math.exp, -0.5 * (2 * np.pi * BROADENED_HZ * k / spec.sr) ** 2)
    lags[0] += WHITE
    window = np.asarray(spec.padded_window(), np.float64)
    return cosines, lags, float((window**2).sum())


def product(a: Doubles, b: Doubles) -> Doubles:
    """``a @ b`` with sums in one order, where that of BLAS is another on another CPU."""
    made = np.zeros((len(a), b.shape[1]))
    for column, row in zip(a.T, b, strict=True):
        made += np.outer(column, row)
    return made


def lag_of(spec: LogMel) -> int:
    """Frames by which the centre of a frame's window is later than the centre of its samples."""
    return max(0, round((spec.frame_length - spec.hop_length) / (2 * spec.hop_length)))
