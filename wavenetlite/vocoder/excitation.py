"""Speech of a network that generates: it gives the excitation, sample by sample, and filters make speech of it."""

from __future__ import annotations

import numpy as np

from wavenetlite.features import LogMel
from wavenetlite.nn import Module
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import number, positive_int
from wavenetlite.support.errors import ParameterError
from wavenetlite.vocoder._allpole import filtered
from wavenetlite.vocoder.conditioning import HEADROOM, Envelopes
from wavenetlite.vocoder.saved import doubles_of

MOST_ORDER = 256
ORDER, TEMPERATURE = 120, 1.0


class Excitation:
    """How frames become speech by a network that generates; what it has of a signal is an `ExcitationState`.

    Parameters
    ----------
    features, model, order, temperature
        Of :class:`wavenetlite.Vocoder`.
    """

    def __init__(self, features: LogMel, model: Module, order: int | None, temperature: float | None) -> None:
        self.features, self.model = features, model
        self.order = positive_int("order", ORDER if order is None else order, MOST_ORDER)
        self.temperature = number("temperature", TEMPERATURE if temperature is None else temperature, 0.0)
        for name, given, wanted in (
            ("condition_channels", model.condition_channels_needed, features.out_channels + 1),
            ("condition_period", model.condition_period, features.hop_length),
        ):
            if given != wanted:
                raise ParameterError(f"model has {name}={given}; it must be {wanted}, for these features")
        model.generator(temperature=self.temperature)  # raises if it cannot generate
        self.envelopes = Envelopes(features, self.order)  # of a signal that has not begun: its tables take milliseconds

    @property
    def options(self) -> dict[str, float]:
        """Those of the vocoder that it has."""
        return {"order": self.order, "temperature": self.temperature}

    lead = 0
    """Samples before a signal that its first frame covers."""
    latency = 0
    """Samples by which what a stream gives lags behind the frames that it is given."""

    def begin(self, seed: int, temperature: float | None) -> ExcitationState:
        return ExcitationState(self, seed, self.temperature if temperature is None else temperature)


class ExcitationState:
    """What is kept of a signal between two blocks of frames. A call that raises changes nothing."""

    PARTS = 3

    def __init__(self, design: Excitation, seed: int, temperature: float) -> None:
        self.design = design
        self.generator = design.model.generator(seed=seed, temperature=temperature)
        self.envelopes = design.envelopes.fork()
        self.past = np.zeros(design.order)

    def process(self, frames: Floats) -> Floats:
        envelopes, past = self.envelopes.fork(), self.past.copy()
        made, before = envelopes.process(frames), self.generator.snapshot()
        try:
            excitation = self.generator.process(made.condition).astype(np.float64) * HEADROOM
            hop = self.design.features.hop_length
            y: Floats = filtered(excitation, made.coefficients, made.gains, hop, past).astype(np.float32)
        except BaseException:
            self.generator.restore(before)
            raise
        self.envelopes, self.past = envelopes, past
        return y

    def flush(self) -> Floats:
        """All samples have been given."""
        return np.zeros(0, np.float32)

    def save(self) -> list[bytes]:
        return [self.generator.snapshot(), self.envelopes.save(), self.past.tobytes()]

    def load(self, parts: list[bytes]) -> None:
        generator, envelopes, past = parts
        self.past = doubles_of(past, self.design.order)
        self.envelopes.load(envelopes)
        self.generator.restore(generator)
