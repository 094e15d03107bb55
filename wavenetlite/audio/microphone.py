"""Live audio input."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np

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
        "raise" when samples are lost because the program was too slow; or "count" the losses in `overflows`.

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
        on_overflow: Literal["raise", "count"] = "raise",
    ) -> None:
        self.sr = positive_int("sr", sr)
        self.block_samples = positive_int("block_samples", block_samples)
        self.channels = positive_int("channels", channels)
        self.device = device
        self.on_overflow = one_of("on_overflow", on_overflow, ("raise", "count"))
        self.overflows = 0
        self._input: Any = None

    def __enter__(self) -> Microphone:
        try:
            import sounddevice
        except (ImportError, OSError) as error:  # OSError: the package is installed, PortAudio is not
            raise AudioDeviceError(f"the microphone needs the package sounddevice and PortAudio: {error}") from None
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
        """The next block; waits for it."""
        if self._input is None:
            raise AudioDeviceError("the microphone is not open; use it in a with statement")
        block, overflowed = self._input.read(self.block_samples)
        if overflowed:
            self.overflows += 1
            if self.on_overflow == "raise":
                raise AudioDeviceError("samples were lost: blocks were not read in time (or pass on_overflow='count')")
        return np.ascontiguousarray(block[:, 0] if self.channels == 1 else block, np.float32)
