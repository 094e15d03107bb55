"""Resampling with soxr."""

from __future__ import annotations

from typing import Any

import numpy as np

from wavenetlite.audio.channels import checked_signal
from wavenetlite.audio.packages import soxr_module
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import one_of, positive_int
from wavenetlite.support.errors import ParameterError, StreamStateError

QUALITIES = ("QQ", "LQ", "MQ", "HQ", "VHQ")
PIECE_SAMPLES = 2**20
"""Samples in one call of soxr, which hears no Ctrl-C meanwhile."""


def resample(y: Floats, sr_in: int, sr_out: int, *, quality: str = "HQ") -> Floats:
    """Resample a signal.

    Parameters
    ----------
    y
        float32, (samples,) or (samples, channels).
    sr_in, sr_out
        Current and target sample rate, Hz.
    quality
        soxr's quality: "QQ" (quick), "LQ", "MQ", "HQ" or "VHQ".

    Returns
    -------
    float32, about ``samples * sr_out / sr_in`` samples; bit-identical to a :class:`Resampler` fed in any blocks.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite import audio
    >>> audio.resample(np.zeros(48000, np.float32), 48000, 16000).shape
    (16000,)
    """
    y = checked_signal("y", y)
    resampler = Resampler(sr_in, sr_out, channels=1 if y.ndim == 1 else y.shape[1], quality=quality)
    y = y.reshape(len(y)) if resampler.channels == 1 and y.ndim == 2 else y
    return np.concatenate([resampler.process(y), resampler.flush()])


def at_rate(y: Floats, sr_in: int, sr_out: int) -> Floats:
    """`resample`, for functions that have an option of that name."""
    return resample(y, sr_in, sr_out)


class Resampler:
    """Streaming resampler for blocks of any length.

    Parameters
    ----------
    sr_in, sr_out
        Rates, Hz.
    channels
        Number of channels: 1 for blocks (samples,), else (samples, channels).
    quality
        As in :func:`resample`.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite import audio
    >>> resampler = audio.Resampler(48000, 16000)
    >>> parts = [resampler.process(np.zeros(4800, np.float32)) for _ in range(10)] + [resampler.flush()]
    >>> sum(map(len, parts))
    16000
    """

    def __init__(self, sr_in: int, sr_out: int, *, channels: int = 1, quality: str = "HQ") -> None:
        self.sr_in = positive_int("sr_in", sr_in)
        self.sr_out = positive_int("sr_out", sr_out)
        self.channels = positive_int("channels", channels)
        self.quality = one_of("quality", quality, QUALITIES)
        self._flushed = False
        self._soxr: Any = None
        if sr_in != sr_out:
            self._soxr = soxr_module().ResampleStream(sr_in, sr_out, channels, dtype="float32", quality=quality)

    def process(self, block: Floats) -> Floats:
        """Feed the next samples; returns the output samples that are ready."""
        return self._run(block, last=False)

    def flush(self) -> Floats:
        """End the signal; returns the rest. After this the resampler must be `reset`."""
        rest = self._run(np.zeros(0 if self.channels == 1 else (0, self.channels), np.float32), last=True)
        self._flushed = True
        return rest

    def reset(self) -> None:
        """Forget the signal."""
        self._flushed = False
        if self._soxr is not None:
            self._soxr.clear()

    def __reduce__(self) -> Any:
        raise StreamStateError("a resampler cannot be copied or pickled; make another")

    @property
    def delay(self) -> float:
        """Output samples still held back."""
        return 0.0 if self._soxr is None else float(self._soxr.delay())

    def _run(self, block: Floats, *, last: bool) -> Floats:
        if self._flushed:
            raise StreamStateError("resampler was flushed; call reset() before feeding it again")
        block = checked_signal("block", block)
        if (block.shape[1] if block.ndim == 2 else 1) != self.channels or (block.ndim == 2) != (self.channels > 1):
            shape = "(samples,)" if self.channels == 1 else f"(samples, {self.channels})"
            raise ParameterError(f"block has shape {block.shape}; it must be {shape}")
        if self._soxr is None:
            return block.copy()
        made = [self._soxr.resample_chunk(block[at : at + PIECE_SAMPLES]) for at in range(0, len(block), PIECE_SAMPLES)]
        if last or not made:
            made.append(self._soxr.resample_chunk(block[:0], last=last))
        return np.concatenate(made) if len(made) > 1 else made[0]
