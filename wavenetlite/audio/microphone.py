"""Live audio input."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

from wavenetlite.audio.packages import sounddevice_module
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import one_of, positive_int
from wavenetlite.support.errors import WavenetliteError


class AudioDeviceError(WavenetliteError, RuntimeError):
    """There is no usable microphone, or it lost samples."""


class Microphone:
    """Blocks of live audio: a context manager and an endless iterator.

    Parameters
    ----------
    sr
        Sample rate, Hz; the sound system converts from the device's own rate.
    block_samples
        Samples per block.
    channels
        1 gives blocks (samples,), more (samples, channels).
    device
        Number or name of the device, as ``python -m sounddevice`` lists them; None: the default device.
    on_overflow
        When samples are lost because the program was too slow: "raise"; or "count" the losses in `overflows`; or
        also "fill" them with zeros, so that a sample's position stays its time. How many they are follows from the
        driver's clock, within one of its buffers.

    Attributes
    ----------
    overflows
        How often samples were lost.
    lost_samples
        How many were filled in.

    Raises
    ------
    AudioDeviceError
        sounddevice is not installed, or the device cannot be opened.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> def listen(spec, seconds):                             # doctest: +SKIP
    ...     online = spec.stream()
    ...     with wl.audio.Microphone(sr=spec.sr, block_samples=160) as microphone:
    ...         for block, _ in zip(microphone, range(100 * seconds)):
    ...             print(online.process(block).shape)
    """

    def __init__(
        self,
        *,
        sr: int = 16000,
        block_samples: int = 160,
        channels: int = 1,
        device: int | str | None = None,
        on_overflow: Literal["raise", "count", "fill"] = "raise",
    ) -> None:
        self.sr = positive_int("sr", sr)
        self.block_samples = positive_int("block_samples", block_samples)
        self.channels = positive_int("channels", channels)
        self.device = device
        self.on_overflow = one_of("on_overflow", on_overflow, ("raise", "count", "fill"))
        self.overflows = self.lost_samples = 0
        self._input: Any = None
        self._delivered = 0  # samples, with those that were filled in
        self._start_s = math.inf  # of the recording, by the driver's clock: the earliest that a read has shown
        self._missing = 0  # samples that are still to be filled in before `_held`
        self._held: Floats | None = None

    def __enter__(self) -> Microphone:
        sounddevice = sounddevice_module("the microphone", AudioDeviceError)
        try:
            self._input = sounddevice.InputStream(
                samplerate=self.sr,
                blocksize=self.block_samples,
                channels=self.channels,
                device=self.device,
                dtype="float32",
            )
            self._input.start()
        except Exception as error:  # PortAudioError, or ValueError for an unknown device
            raise AudioDeviceError(f"device={self.device!r} cannot be opened: {' '.join(str(error).split())}") from None
        return self

    def __exit__(self, *error: object) -> None:
        if self._input is not None:
            self._input.close()
            self._input = None

    def __iter__(self) -> Iterator[Floats]:
        while True:
            yield self.read()

    def read(self) -> Floats:
        """The next block; waits for it. With "fill", zeros stand for what is lost; the last such block may be short."""
        if self._held is not None:
            return self._next_held(self._held)
        if self._input is None:
            raise AudioDeviceError("the microphone is not open; use it in a with statement")
        block, overflowed = self._input.read(self.block_samples)
        made = np.ascontiguousarray(block[:, 0] if self.channels == 1 else block, np.float32)
        self._delivered += len(made)
        recorded_s = (self._delivered + getattr(self._input, "read_available", 0)) / self.sr
        now_s = getattr(self._input, "time", None)
        now_s = time.monotonic() if now_s is None else float(now_s)
        if not overflowed:
            self._start_s = min(self._start_s, now_s - recorded_s)
            return made
        self.overflows += 1
        if self.on_overflow == "raise":
            raise AudioDeviceError("samples were lost: blocks were not read in time (or pass on_overflow='count')")
        lost = 0 if math.isinf(self._start_s) else round((now_s - self._start_s - recorded_s) * self.sr)
        if self.on_overflow == "count" or lost <= 0:
            return made
        self.lost_samples += lost
        self._delivered += lost
        self._missing, self._held = lost, made
        return self._next_held(made)

    def _next_held(self, held: Floats) -> Floats:
        """Zeros for what was lost, block by block, then the block that came after it."""
        if not self._missing:
            self._held = None
            return held
        samples = min(self.block_samples, self._missing)
        self._missing -= samples
        return np.zeros((samples, *held.shape[1:]), np.float32)
