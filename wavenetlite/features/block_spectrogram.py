"""BlockSpectrogram: the magnitude spectra of blocks of samples, each mirrored at its end, as silero-vad takes them."""

from __future__ import annotations

import math
from struct import Struct

import numpy as np

from wavenetlite.features import filter_banks as tabular
from wavenetlite.features._frames import checked_samples
from wavenetlite.features._steps import UNFIT
from wavenetlite.features.elementwise import elementwise
from wavenetlite.features.spec import Features
from wavenetlite.features.steps import StepState
from wavenetlite.support.arrays import Floats, Samples
from wavenetlite.support.checks import count, one_of, positive_int
from wavenetlite.support.errors import ParameterError, SnapshotError, StreamStateError

STATE = Struct("<qq")


class BlockSpectrogram(Features):
    """Magnitude spectra of blocks: a frame has all spectra of a block, one after the other.

    A block is taken with the `context` samples before it (zeros before the first) and as many after it, which are its
    own end mirrored; its spectra, with a periodic Hann window, begin ``n_fft // 2`` samples apart. Samples at the end
    of a signal that do not fill a block give no frame.

    Parameters
    ----------
    sr
        Sample rate, Hz.
    n_fft
        Length of a spectrum's window, samples; even.
    block
        Samples of a block, a multiple of ``n_fft // 2``.
    context
        Samples before a block, fewer than a block; with twice as many, a block holds whole windows.

    Notes
    -----
    ``numpy.fft.rfft`` in float64, then float32: spectrum i of a block lies in channels ``i * (n_fft // 2 + 1)`` and on.
    NumPy's transform rounds otherwise on arm64 than on x86-64: magnitudes that are nearly 0 beside others can differ
    there, unlike the outputs of all other features.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.features.BlockSpectrogram(sr=16000)(np.zeros(1300, np.float32)).shape
    (2, 516)
    """

    reach = 1

    def __init__(self, *, sr: int = 16000, n_fft: int = 256, block: int = 512, context: int = 64) -> None:
        self.sr, self.n_fft = positive_int("sr", sr), positive_int("n_fft", n_fft, 65_536)
        self.block, self.context = positive_int("block", block, 2**20), count("context", context)
        length = self.block + 2 * self.context
        if self.n_fft % 2:
            raise ParameterError(f"n_fft={n_fft} must be even")
        if self.context >= self.block:
            raise ParameterError(f"context={context} must be less than block={block}")
        if length < self.n_fft or (length - self.n_fft) % (self.n_fft // 2):
            raise ParameterError(f"block={block} with context={context} on both sides has {length} samples; that must "
                                 f"be n_fft={n_fft} and a multiple of {self.n_fft // 2} more")  # fmt: skip
        self.hop_length = self.frame_length = self.block
        self.versions = tabular.versions("numpy")
        self.spectra = 1 + (length - self.n_fft) // (self.n_fft // 2)
        self.window = 0.5 - 0.5 * elementwise(math.cos, 2 * np.pi * np.arange(self.n_fft) / self.n_fft)

    @property
    def front_channels(self) -> int:
        return self.spectra * (self.n_fft // 2 + 1)

    def front(self, streams: int, on_nonfinite: str, name: str) -> BlockStream:
        return BlockStream(self, streams, on_nonfinite, name)

    def frame(self, samples: Floats) -> Floats:
        """The frame of a block and its context, (context + block,)."""
        mirrored = samples[-1 - self.context : -1][::-1]
        y = np.concatenate([samples, mirrored]).astype(np.float64)
        windows = np.lib.stride_tricks.sliding_window_view(y, self.n_fft)[:: self.n_fft // 2]
        return np.abs(np.fft.rfft(windows * self.window)).astype(np.float32).reshape(-1)


class BlockStream:
    """The front end of :class:`BlockSpectrogram`; its state are the last samples."""

    def __init__(self, spec: BlockSpectrogram, streams: int, on_nonfinite: str, name: str) -> None:
        self.spec = spec
        self.streams = streams
        self.zero = one_of("on_nonfinite", on_nonfinite, ("raise", "zero")) == "zero"
        self.name = name
        self.samples_in, self.flushed = 0, False
        self.kept: Floats = np.zeros((max(streams, 1), spec.context), np.float32)

    def check(self, samples: Samples) -> Floats:
        """The samples, checked; raises what `process` would raise."""
        if self.flushed:
            raise StreamStateError("stream was flushed; call reset() before feeding it again")
        return checked_samples(samples, self.streams, self.zero, self.name)

    def fuse(self, states: list[StepState]) -> list[StepState]:
        return states

    def process(self, samples: Samples) -> Floats:
        spec, y = self.spec, self.check(samples)
        kept = np.concatenate([self.kept, np.atleast_2d(y)], axis=1)
        blocks = (kept.shape[1] - spec.context) // spec.block
        frames = np.empty((len(kept), blocks, spec.front_channels), np.float32)
        for row, of_row in zip(kept, frames, strict=True):
            for n in range(blocks):
                of_row[n] = spec.frame(row[n * spec.block : (n + 1) * spec.block + spec.context])
        self.kept = kept[:, blocks * spec.block :].copy()
        self.samples_in += y.shape[-1]
        return frames if self.streams else frames[0]

    def flush(self) -> Floats:
        made = self.process(np.zeros((self.streams, 0) if self.streams else 0, np.float32))
        self.flushed = True
        return made

    def reset(self) -> None:
        self.kept = np.zeros((max(self.streams, 1), self.spec.context), np.float32)
        self.samples_in = 0
        self.flushed = False

    def save(self) -> bytes:
        return STATE.pack(self.samples_in, self.flushed) + self.kept.tobytes()

    def load(self, state: bytes) -> None:
        rows, spec = max(self.streams, 1), self.spec
        if len(state) < STATE.size:
            raise SnapshotError(UNFIT)
        samples_in, flushed = STATE.unpack(state[: STATE.size])
        if not 0 <= samples_in < 2**60 or flushed not in (0, 1):
            raise SnapshotError(UNFIT)
        width = spec.context + samples_in % spec.block
        if len(state) != STATE.size + 4 * rows * width:
            raise SnapshotError(UNFIT)
        kept = np.frombuffer(state, np.float32, offset=STATE.size).reshape(rows, width)
        if not np.isfinite(kept).all():
            raise SnapshotError(UNFIT)
        self.kept, self.samples_in, self.flushed = kept.copy(), samples_in, bool(flushed)
