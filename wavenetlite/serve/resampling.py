"""Resampling whose state can be saved, as a convolution with a stride.

A ratio of rates L / M is a convolution that reads M samples and gives L: its output channels are the L phases of one
windowed sinc. So the engine runs it, with the same bits for any partition into blocks, and its stream has a snapshot,
which soxr's has not. The filter is a sinc of 32 zero crossings a side under a Kaiser window (J. F. Kaiser, 1974).
"""

from __future__ import annotations

from functools import lru_cache
from math import ceil, fsum, gcd, pi, sin

import numpy as np

from wavenetlite.features.bessel import i0
from wavenetlite.features.elementwise import elementwise
from wavenetlite.nn import Conv1d, Sequential
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError, SnapshotError
from wavenetlite.support.parts import pack, unpack

RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""Rates that clients may declare, Hz, besides the model's own."""
CROSSINGS, BETA, ROLLOFF = 32, 10.0, 0.94
UNFIT = "snapshot does not fit the resampler"


@lru_cache(maxsize=32)
def filter_of(sr_in: int, sr_out: int) -> tuple[Sequential, int]:
    """The convolution, and how many of its first output frames lie before the signal.

    A stream may go on in a process on another CPU, so the weights must be the same there; NumPy's functions are not.
    """
    divisor = gcd(sr_in, sr_out)
    up, down = sr_out // divisor, sr_in // divisor
    cutoff = ROLLOFF * min(1.0, up / down)  # of the input's Nyquist frequency
    reach = CROSSINGS / cutoff
    delay = ceil((down + reach) / down)
    taps = ceil(reach) + delay * down + 1
    phases = np.arange(up)[:, None] * down / up
    offsets = phases - (np.arange(taps) - (taps - 1) + delay * down)
    weight, near = np.zeros_like(offsets), np.abs(offsets) <= reach
    window = i0(BETA * np.sqrt(1.0 - (offsets[near] / reach) ** 2))
    weight[near] = elementwise(sinc, cutoff * offsets[near]) * window
    weight /= [[fsum(row)] for row in weight.tolist()]  # silence of direct current in every phase
    layer = Conv1d(1, up, taps, stride=down, bias=False)
    layer.load_state_dict({"weight": weight[:, None, :].astype(np.float32)})
    return Sequential([layer]), delay


def sinc(x: float) -> float:
    return sin(pi * x) / (pi * x) if x else 1.0


class SavedResampler:
    """A streaming resampler with a snapshot; aligned in time, its end filled with zeros.

    Parameters
    ----------
    sr_in, sr_out
        Rates, Hz; `sr_in` is one of `RATES`.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.serve.resampling import SavedResampler
    >>> resampler = SavedResampler(48000, 16000)
    >>> y = np.sin(np.arange(4800) / 40).astype(np.float32)
    >>> len(resampler.process(y[:1000])) + len(resampler.process(y[1000:])) + len(resampler.flush())
    1600
    """

    def __init__(self, sr_in: int, sr_out: int) -> None:
        if sr_in not in RATES:
            raise ParameterError(
                f"sr={sr_in} must be {sr_out}, the model's rate, or one of {', '.join(map(str, RATES))}"
            )
        self.sr_in, self.sr_out = sr_in, sr_out
        network, self._delay = filter_of(sr_in, sr_out)
        self._up = sr_out // gcd(sr_in, sr_out)
        self._stream = network.stream()
        self._given = 0

    def process(self, samples: Floats) -> Floats:
        """Feed the next samples; returns the output samples that are ready."""
        before = self._stream.frames_out
        frames = self._stream.process(samples.reshape(-1, 1))
        early = max(0, min(self._delay - before, len(frames)))
        made: Floats = np.ascontiguousarray(frames[early:]).reshape(-1)
        self._given += len(made)
        return made

    def flush(self) -> Floats:
        """The rest of the signal: `round(samples * sr_out / sr_in)` have come in all."""
        due = round(self._stream.frames_in * self.sr_out / self.sr_in) - self._given
        rest = [self.process(np.zeros(0, np.float32))]
        while sum(map(len, rest)) < due:
            rest.append(self.process(np.zeros(self.sr_in // 100, np.float32)))
        return np.concatenate(rest)[: max(0, due)]

    def snapshot(self) -> bytes:
        return pack(self._given.to_bytes(8, "little"), self._stream.snapshot())

    def restore(self, snapshot: bytes) -> None:
        given, state = unpack(snapshot, 2, UNFIT)
        if len(given) != 8:
            raise SnapshotError(UNFIT)
        self._stream.restore(state)
        self._given = int.from_bytes(given, "little")
