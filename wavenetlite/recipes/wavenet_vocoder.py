"""A vocoder of which a WaveNet generates the excitation: its recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from wavenetlite.features import LogMel
from wavenetlite.nn import Activation, Conv1d, Sequential, Upsample, WaveNet
from wavenetlite.support.arrays import Floats
from wavenetlite.train.densities import LogisticMixtureNLL
from wavenetlite.train.waveforms import Waveforms
from wavenetlite.vocoder import Vocoder
from wavenetlite.vocoder._allpole import filtered, residual
from wavenetlite.vocoder.conditioning import HEADROOM, Envelopes
from wavenetlite.vocoder.frames import aligned


@dataclass(frozen=True)
class WaveNetVocoderRecipe:
    """How a vocoder whose network generates is trained: sample by sample, on random segments of recordings.

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

    @property
    def loss(self) -> LogisticMixtureNLL:
        return LogisticMixtureNLL()

    def network(self, spec: LogMel, seed: int) -> WaveNet:
        """Frames are made ready at their own rate, repeated for each sample, and enter every layer."""
        width, hidden = spec.out_channels + 1, self.condition_hidden
        condition = Sequential([
            Conv1d(width, hidden, 3), Activation("relu"),
            Conv1d(hidden, hidden, 3), Activation("relu"),
            Conv1d(hidden, self.condition_channels, 1),
            Upsample(spec.hop_length),
        ])  # fmt: skip
        made = WaveNet(
            1,
            3 * self.components,
            residual_channels=self.channels,
            skip_channels=self.channels,
            kernel_size=2,
            dilations=self.dilations,
            condition_channels=width,
            condition=condition,
            seed=seed,
        )
        # The excitation is soft beside the conditioning: the network would be slow to learn to listen to itself.
        made.load_state_dict(
            {**made.state_dict(), "input.weight": made.state_dict()["input.weight"] * np.float32(HEADROOM)}
        )
        return made

    def begin(self, model: WaveNet, data: Waveforms) -> None:
        """The weights are left as they were drawn."""

    def data(self, given: Sequence[Floats], spec: LogMel, *, fresh: bool) -> Waveforms:
        """The signals that the network is to foretell, and their conditioning; `fresh`: random segments."""
        signals, conditions, envelopes = [], [], Envelopes(spec, self.order)
        for whole in given:
            y = without_rumble(whole, spec)
            made = envelopes.fork().process(spec(aligned(y, spec)))
            excitation = residual(y, made.coefficients, made.gains, spec.hop_length) / HEADROOM
            signals.append(np.clip(excitation, -1, 1).astype(np.float32))
            conditions.append(made.condition)
        return Waveforms(signals, conditions, samples=self.samples, context=self.context, hop_length=spec.hop_length,
                         segments=self.segments if fresh else None)  # fmt: skip

    def vocoder(self, spec: LogMel, model: WaveNet, info: Mapping[str, Any]) -> Vocoder:
        return Vocoder(spec, model, order=self.order, temperature=self.temperature, info=info)


def without_rumble(y: Floats, spec: LogMel) -> Floats:
    """A recording without what lies below the mel bands: the network would learn to foretell that, which nobody hears.

    Two differences, each with a pole at the lowest frequency of the bands.
    """
    pole, high = np.array([[2 * np.pi * spec.fmin / spec.sr - 1]]), y.astype(np.float64)
    for _ in range(2):
        high = filtered(np.diff(high, prepend=0.0), pole, np.ones(1), len(y), np.zeros(1))
    return np.clip(high, -1, 1).astype(np.float32)
