"""Speech of a network that gives magnitudes: phases are looked for that make spectra of them."""

from __future__ import annotations

import math
import struct

import numpy as np
import numpy.typing as npt

from wavenetlite.features import LogMel
from wavenetlite.nn import Module
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.checks import count, positive_int
from wavenetlite.support.errors import ParameterError, SnapshotError
from wavenetlite.vocoder._spectra import LOOKAHEAD, PhaseSearch, fitted
from wavenetlite.vocoder.levels import PER_10_DB, conditioning, mean_levels, powers
from wavenetlite.vocoder.saved import UNFIT, doubles_of, floats_of

ITERATIONS, MOST_ITERATIONS = 16, 1000
MOMENTUM = 0.9
ROUNDS = 2
"""In which the powers of bins are scaled to those of their bands."""
HEAD = struct.Struct("<qd?")
"""Samples still to be left out; the last level, and whether there is one."""


class Spectral:
    """How frames become speech by a network that gives magnitudes; what it has of a signal is a `SpectralState`.

    Parameters
    ----------
    features, model, iterations, lookahead
        Of :class:`wavenetlite.Vocoder`.
    """

    def __init__(self, features: LogMel, model: Module, iterations: int | None, lookahead: int | None) -> None:
        self.features, self.model = features, model
        self.iterations = positive_int("iterations", ITERATIONS if iterations is None else iterations, MOST_ITERATIONS)
        self.lookahead = count("lookahead", LOOKAHEAD if lookahead is None else lookahead)
        if self.lookahead > LOOKAHEAD:
            raise ParameterError(f"lookahead={lookahead} must be at most {LOOKAHEAD}")
        check_model(model, features)
        window = np.asarray(features.padded_window(), np.float64)
        self.search = PhaseSearch(window, features.hop_length, self.lookahead, self.iterations, MOMENTUM)
        self.basis: Doubles = np.asarray(features.mel_basis(), np.float64)
        self.spans = spans_of(self.basis)

    @property
    def options(self) -> dict[str, float]:
        """Those of the vocoder that it has."""
        return {"iterations": self.iterations, "lookahead": self.lookahead}

    @property
    def lead(self) -> int:
        """Samples before a signal that its first frame covers: a frame's centre is that of its `hop_length` samples."""
        return (self.features.frame_length - self.features.hop_length) // 2

    @property
    def latency(self) -> int:
        """Samples by which what a stream gives lags behind the frames that it is given."""
        return (self.lookahead + self.model.latency) * self.features.hop_length + self.lead

    def begin(self, seed: int, temperature: float | None) -> SpectralState:
        count("seed", seed)
        if temperature is not None:
            raise ParameterError(f"temperature={temperature} must be left out: this vocoder's network draws no samples")
        return SpectralState(self)

    def magnitudes(self, told: Floats, frames: Floats) -> Floats:
        """Of what the network said of frames."""
        decibels = told.astype(np.float64) / PER_10_DB + mean_levels(frames)[:, np.newaxis]
        return fitted(powers(decibels), powers(frames), self.basis, self.spans, ROUNDS)


class SpectralState:
    """What is kept of a signal between two blocks of frames. A call that raises changes nothing."""

    PARTS = 4

    def __init__(self, design: Spectral) -> None:
        self.design = design
        self.network = design.model.stream()
        self.level: float | None = None
        self.waiting: Floats = np.zeros((0, design.features.out_channels), np.float32)
        self.state = design.search.new_state()
        self.cut = design.lead

    def process(self, frames: Floats) -> Floats:
        condition, levels = conditioning(frames, self.level)
        before, state = self.network.snapshot(), self.state.copy()
        known = np.concatenate([self.waiting, frames])
        try:
            told = self.network.process(condition)
            y = self.design.search.process(state, self.design.magnitudes(told, known[: len(told)]))
            cut = min(self.cut, len(y))
            made = y[cut:].astype(np.float32)
        except BaseException:
            self.network.restore(before)
            raise
        self.level, self.waiting, self.state, self.cut = float(levels[-1]), known[len(told) :], state, self.cut - cut
        return made

    def flush(self) -> Floats:
        """What is owed of the frames that were given."""
        before, state, search = self.network.snapshot(), self.state.copy(), self.design.search
        try:
            told = self.network.flush()
            y = search.process(state, self.design.magnitudes(told, self.waiting))
            made = np.concatenate([y, search.flush(state, self.design.lead)])[self.cut :].astype(np.float32)
        except BaseException:
            self.network.restore(before)
            raise
        self.waiting, self.state, self.cut = self.waiting[:0], state, 0
        return made

    def save(self) -> list[bytes]:
        head = HEAD.pack(self.cut, self.level or 0.0, self.level is not None)
        return [head, self.network.snapshot(), self.waiting.tobytes(), self.state.tobytes()]

    def load(self, parts: list[bytes]) -> None:
        head, network, waiting, state = parts
        if len(head) != HEAD.size:
            raise SnapshotError(UNFIT)
        self.cut, level, known = HEAD.unpack(head)
        self.level = level if known else None
        self.state = doubles_of(state, len(self.state))
        self.network.restore(network)
        rows, bins = self.network.frames_in - self.network.frames_out, self.waiting.shape[1]
        self.waiting = floats_of(waiting, rows * bins).reshape(rows, bins)
        settled, pending = self.state[:2]
        if not (
            0 <= self.cut <= self.design.lead
            and math.isfinite(level)
            and pending in range(self.design.lookahead + 1)
            and settled >= 0
            and settled + pending == self.network.frames_out
        ):
            raise SnapshotError(UNFIT)


def check_model(model: Module, features: LogMel) -> None:
    """Raise unless the network takes the conditioning of frames and gives a magnitude for each bin, frame by frame."""
    if features.hop_length > features.frame_length:
        raise ParameterError(f"features has hop_length={features.hop_length}; it must be at most"
                             f" n_fft={features.frame_length}, so that frames overlap")  # fmt: skip
    plan = model.plan()
    for name, given, wanted in (
        ("in_channels", model.in_width, features.out_channels + 1),
        ("condition_channels", model.condition_channels_needed, 0),
        ("out_channels", plan.out_channels, features.frame_length // 2 + 1),
    ):
        if given != wanted:
            raise ParameterError(f"model has {name}={given}; it must be {wanted}, for these features")
    clock = model.graph().clock
    if clock.rate != 1 or clock.start:
        raise ParameterError("model must give one frame for each that it takes")


def spans_of(basis: Doubles) -> npt.NDArray[np.intp]:
    """The first bin that a band weighs, and the one after the last."""
    if not basis.any(axis=1).all():
        raise ParameterError(f"n_mels={len(basis)} must be smaller: some bands of the features have no frequency")
    return np.array([[row.nonzero()[0][0], row.nonzero()[0][-1] + 1] for row in basis], np.intp)
