"""OpenWakeWordMel: the front end of openWakeWord, livekit-wakeword and nanowakeword."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from wavenetlite.features._frames import FrameStream
from wavenetlite.features._steps import UNFIT
from wavenetlite.features.block_floor import BlockFloor
from wavenetlite.features.filter_banks import Tables
from wavenetlite.features.front import Front
from wavenetlite.features.mel import LogMel
from wavenetlite.features.normalisation import MeanVariance
from wavenetlite.features.spec import Features
from wavenetlite.features.steps import CausalStep, FrameStep, StepState
from wavenetlite.support.arrays import Floats, Samples
from wavenetlite.support.checks import count, one_of
from wavenetlite.support.errors import SnapshotError

StartName: TypeAlias = Literal["silence", "ones"]
STARTS = ("silence", "ones")
RangeName: TypeAlias = Literal["int16", "unit"]
RANGES = {"int16": 32768.0, "unit": 1.0}

SR, HOP, BANDS = 16000, 160, 32
BLOCK = 8
"""Frames of a call of 1,280 samples."""
BELOW_DB = 80.0
AMIN = 1e-10
SILENT_SAMPLES = 24 * BLOCK * HOP
"""Of silence before the signal: the first output that has seen 16 embeddings ends in the signal's first block."""
ONES = 191
"""Frames of ones before the signal, for the same reason."""
FIRST_BLOCK = 5
"""Frames of the first call, which has no samples before it."""


class OpenWakeWordMel(Features):
    """Log-mel frames as openWakeWord's networks hear them: 32 bands, 16 kHz, with a floor in blocks of eight frames.

    ``LogMel(sr=16000, n_fft=512, win_length=400, hop_length=160, n_mels=32, fmin=60, fmax=3800)`` of samples in the
    range of 16-bit integers, no lower than 80 dB below the loudest value of its block (`BlockFloor`), times 1/10,
    plus 2.

    openWakeWord takes the floor of the frames that a call makes, so that its scores depend on how audio is cut into
    calls. Here the blocks are those of calls of 1,280 samples from the start of the stream, whatever the calls are.

    Parameters
    ----------
    start
        What a stream has heard before its first sample. "silence": two seconds of it, as pyopen-wakeword begins (with
        eight, which is the same to networks that look back for less); blocks are eight frames each. "ones": frames of
        ones, as openwakeword begins; the first block has five frames. (openwakeword's first embeddings are of random
        noise; here they are of these ones.)
    samples
        The range of samples that the networks learned from: "int16", -32,768 to 32,767, as of openWakeWord and
        nanowakeword; or "unit", -1 to 1, as of livekit-wakeword. What is fed is always in -1..1.
    tables
        The result of `state_dict`; None: they are computed.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> spec = wl.features.OpenWakeWordMel()
    >>> X = spec(np.zeros(16000, np.float32))
    >>> X.shape, float(X.max())
    ((289, 32), -8.0)
    """

    def __init__(
        self, *, start: StartName = "silence", samples: RangeName = "int16", tables: Tables | None = None
    ) -> None:
        self.start = one_of("start", start, STARTS)
        self.samples = one_of("samples", samples, tuple(RANGES))
        power = RANGES[self.samples] ** 2
        self._mel = LogMel(
            sr=SR, n_fft=512, win_length=400, hop_length=HOP, n_mels=BANDS, fmin=60.0, fmax=3800.0,
            amin=AMIN / power, ref=1 / power, tables=tables,
        )  # fmt: skip
        self.sr, self.hop_length, self.frame_length = SR, HOP, self._mel.frame_length
        self.versions = self._mel.versions

    @property
    def front_channels(self) -> int:
        return BANDS

    def front(self, streams: int, on_nonfinite: str, name: str) -> Front:
        heard = self._mel.front(streams, on_nonfinite, name)
        return AfterSilence(heard, SILENT_SAMPLES) if self.start == "silence" else heard

    def own_steps(self) -> tuple[FrameStep, ...]:
        scale = MeanVariance(np.full(BANDS, -20.0), np.full(BANDS, 100.0), eps=0.0)
        if self.start == "silence":
            return BlockFloor(BLOCK, BELOW_DB), scale
        return BlockFloor(BLOCK, BELOW_DB, first=FIRST_BLOCK), scale, LeadIn(ONES, 1.0)

    def own_tables(self) -> dict[str, Floats]:
        return self._mel.own_tables()

    @property
    def lead(self) -> int:
        """Frames before the first that begins with the signal."""
        return SILENT_SAMPLES // HOP if self.start == "silence" else ONES

    def frames(self, samples: int) -> int:
        if self.start == "silence":
            return self._mel.frames(count("samples", samples) + SILENT_SAMPLES) if samples else 0
        heard = self._mel.frames(samples)
        return heard + ONES if heard else 0

    def frame_span(self, frame: int) -> tuple[int, int]:
        first = (count("frame", frame) - self.lead) * HOP
        return first, first + self.frame_length

    def least_samples(self, frame: int) -> int:
        return max(1 if self.start == "silence" else self.frame_length, self.frame_span(frame)[1])


class AfterSilence:
    """A front end that has heard silence before the first sample: its frames come with those of the first samples.

    Parameters
    ----------
    front
        Of the signal, not padded.
    silent
        Samples of silence.
    """

    def __init__(self, front: FrameStream, silent: int) -> None:
        self.front, self.silent = front, silent

    @property
    def samples_in(self) -> int:
        return max(0, self.front.samples_in - self.silent)

    def fuse(self, states: list[StepState]) -> list[StepState]:
        return self.front.fuse(states)

    def process(self, samples: Samples) -> Floats:
        if self.front.samples_in or not samples.size:
            return self.front.process(samples)
        self.front.check(samples)
        silence = self.front.process(np.zeros((*samples.shape[:-1], self.silent), np.float32))
        return np.concatenate([silence, self.front.process(samples)], axis=-2)

    def flush(self) -> Floats:
        return self.front.flush()

    def reset(self) -> None:
        self.front.reset()

    def check(self, samples: Samples) -> None:
        self.front.check(samples)

    def save(self) -> bytes:
        return self.front.save()

    def load(self, state: bytes) -> None:
        self.front.load(state)
        if 0 < self.front.samples_in <= self.silent:
            raise SnapshotError(UNFIT)


class LeadIn(CausalStep, internal=True):
    """Puts frames of a constant before the first."""

    def __init__(self, frames: int, value: float) -> None:
        self.frames, self.value = frames, value

    def open(self, signals: int, channels: int) -> StepState:
        return LeadInState(np.full((signals, self.frames, channels), self.value, np.float32))


class LeadInState:
    """Whether the constant frames have been given."""

    def __init__(self, lead: Floats) -> None:
        self.lead = lead
        self.begun = False

    def process(self, x: Floats) -> Floats:
        if self.begun or not x.shape[1]:
            return x
        self.begun = True
        return np.concatenate([self.lead, x], axis=1)

    def flush(self, x: Floats) -> Floats:
        return x

    def reset(self) -> None:
        self.begun = False

    def save(self) -> bytes:
        return bytes([self.begun])

    def load(self, state: bytes) -> None:
        if state not in (b"\0", b"\1"):
            raise SnapshotError(UNFIT)
        self.begun = state == b"\1"
