"""Live audio in and out: a function of each block, called by the sound system."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from wavenetlite.audio.microphone import AudioDeviceError
from wavenetlite.audio.packages import sounddevice_module
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import positive_int
from wavenetlite.support.optional import optional

Process = Callable[[Floats, Floats], None]
"""Reads a block (samples, channels) and fills another; both are only lent."""
Device = int | str | None


class Duplex:
    """Base of live audio: a context manager, in which `process` is called for every block, in a thread of its own.

    Attributes
    ----------
    sr, block_samples
        Sample rate, Hz, and samples per block.
    blocks, samples
        How many have been processed.
    underruns, overflows
        How often a block came too late to be played, and how often samples were lost that came in meanwhile.
    slowest_s
        Seconds that the slowest block took.
    error
        What `process` raised, or why the sound system has stopped: then silence is played, and `process` is not called
        again.
    """

    def __init__(self, process: Process, *, sr: int, block_samples: int) -> None:
        self.process = process
        self.sr = positive_int("sr", sr)
        self.block_samples = positive_int("block_samples", block_samples)
        self.blocks = self.samples = self.underruns = self.overflows = 0
        self.slowest_s = 0.0
        self.error: Exception | None = None

    def run(self, given: Floats, made: Floats) -> None:
        """One block; it allocates no arrays."""
        if self.error is not None:
            made[...] = 0.0
            return
        started = time.perf_counter()
        try:
            self.process(given, made)
        except Exception as error:  # there is nobody to catch it in the sound system's thread
            self.error = error
            made[...] = 0.0
        self.blocks += 1
        self.samples += len(given)
        self.slowest_s = max(self.slowest_s, time.perf_counter() - started)


class SoundDeviceDuplex(Duplex):
    """Through sounddevice, that is PortAudio.

    Parameters
    ----------
    process, sr, block_samples
        See `Duplex`; the sound system converts from the devices' own rates.
    channels
        Input and output channels.
    devices
        Number or name of the input and of the output, as ``python -m sounddevice`` lists them; None: the system's.

    Raises
    ------
    AudioDeviceError
        sounddevice is not installed, or a device cannot be opened.
    """

    def __init__(
        self, process: Process, *, sr: int, block_samples: int, channels: tuple[int, int] = (1, 2),
        devices: tuple[Device, Device] = (None, None),
    ) -> None:  # fmt: skip
        super().__init__(process, sr=sr, block_samples=block_samples)
        self.channels, self.devices = channels, devices
        self._stream: Any = None

    def __enter__(self) -> SoundDeviceDuplex:
        sounddevice = sounddevice_module("live audio", AudioDeviceError)
        try:
            self._stream = sounddevice.Stream(
                samplerate=self.sr, blocksize=self.block_samples, channels=self.channels, device=self.devices,
                dtype="float32", latency="low", callback=self._callback, finished_callback=self._finished,
            )  # fmt: skip
            self._stream.start()
        except Exception as error:  # PortAudioError, or ValueError for an unknown device
            self.__exit__()
            raise AudioDeviceError(
                f"devices={self.devices!r} cannot be opened: {' '.join(str(error).split())}"
            ) from None
        return self

    def __exit__(self, *error: object) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def _finished(self) -> None:
        """The sound system has ended the stream: if nobody has closed it, its device is gone."""
        if self._stream is not None and self.error is None:
            self.error = AudioDeviceError(f"devices={self.devices!r}: the sound system has stopped the stream")

    def _callback(self, given: Any, made: Any, frames: int, when: Any, status: Any) -> None:
        if status:
            self.underruns += bool(status.output_underflow)
            self.overflows += bool(status.input_overflow)
        self.run(given, made)


class JackDuplex(Duplex):
    """Through JACK (or PipeWire's JACK), whose rate and block it takes; one channel in, two out, both the same.

    The server may change the length of its blocks while it runs.

    Raises
    ------
    AudioDeviceError
        JACK-Client is not installed, there is no server, or its rate is not `sr`.
    """

    def __init__(self, process: Process, *, sr: int) -> None:
        super().__init__(process, sr=sr, block_samples=1)
        self._client: Any = None

    def __enter__(self) -> JackDuplex:
        try:
            jack = optional("jack", "jack", "live audio through JACK", AudioDeviceError)
            self._client = jack.Client("wavenetlite", no_start_server=True)
        except AudioDeviceError:
            raise
        except Exception as error:  # OSError without the library, JackError without a server
            raise AudioDeviceError(f"JACK cannot be reached: {' '.join(str(error).split())}") from None
        try:
            self.start()
        except AudioDeviceError:
            self.__exit__()
            raise
        except Exception as error:  # JackError: no port, or no connection
            self.__exit__()
            raise AudioDeviceError(f"JACK refuses: {' '.join(str(error).split())}") from None
        return self

    def start(self) -> None:
        """Register what is called back, and connect."""
        if self._client.samplerate != self.sr:
            rate = self._client.samplerate
            raise AudioDeviceError(f"JACK runs at {rate} Hz; it must be {self.sr} Hz: restart it at that rate")
        self.block_samples = self._client.blocksize
        self.reserve(self.block_samples)
        self._in = self._client.inports.register("in")
        self._out = [self._client.outports.register(f"out_{side}") for side in ("left", "right")]
        self._client.set_process_callback(self._callback)
        self._client.set_xrun_callback(self._count)
        self._client.set_shutdown_callback(self._stopped)
        self._client.activate()
        self.connect()

    def reserve(self, block: int) -> None:
        """Memory for blocks of so many samples."""
        self._given, self._made = (np.zeros((block, 1), np.float32) for _ in range(2))

    def connect(self) -> None:
        """The first microphone to the input, and the outputs to the first two loudspeakers, where there are any."""
        sources = self._client.get_ports(is_physical=True, is_output=True, is_audio=True)
        targets = self._client.get_ports(is_physical=True, is_input=True, is_audio=True)
        for source in sources[:1]:
            self._client.connect(source, self._in)
        for out, target in zip(self._out, targets, strict=False):
            self._client.connect(out, target)

    def __exit__(self, *error: object) -> None:
        if self._client is not None:
            self._client.close()
            self._client = None

    def _count(self, delayed: float) -> None:
        self.underruns += 1

    def _stopped(self, status: Any, reason: str) -> None:
        self.error = AudioDeviceError(f"JACK has stopped: {reason}")

    def _callback(self, frames: int) -> None:
        if frames != len(self._given):
            self.reserve(frames)
        self._given[:, 0] = self._in.get_array()
        self.run(self._given, self._made)
        for out in self._out:
            out.get_array()[:] = self._made[:, 0]
