"""MuLaw: companded samples, the input and output of a WaveNet."""

from __future__ import annotations

from struct import Struct
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.features import filter_banks as tabular
from wavenetlite.features._frames import checked_samples
from wavenetlite.features._steps import UNFIT, companded
from wavenetlite.features.spec import Features
from wavenetlite.features.steps import StepState
from wavenetlite.support.arrays import Floats, Samples, is_array
from wavenetlite.support.checks import one_of, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError, SnapshotError, StreamStateError
from wavenetlite.support.mu_law import expanded, samples_of

STATE = Struct("<qq")
OUTPUTS = ("value", "code", "one_hot")


class MuLaw(Features):
    """Mu-law companding (ITU-T G.711's curve): one frame per sample.

    Parameters
    ----------
    sr
        Sample rate, Hz.
    mu
        Parameter of the curve ``sign(y) log(1 + mu |y|) / log(1 + mu)``; mu + 1 is the number of codes.
    output
        "value": the curve's value in -1..1, one channel. "code": librosa's code, an integer from -(mu + 1) // 2 on, as
        float32, one channel. "one_hot": mu + 1 channels with a 1 at the code, counted from 0.

    Notes
    -----
    ``librosa.mu_compress(y, mu=mu, quantize=...)``; van den Oord et al., "WaveNet", 2016, section 2.2. Samples outside
    -1..1 raise.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> spec = wl.MuLaw(sr=16000, mu=255, output="code")
    >>> codes = spec(np.array([-1, 0.5, 1], np.float32))
    >>> codes.ravel().tolist()
    [-128.0, 112.0, 127.0]
    >>> spec.expand(codes).shape
    (3,)
    """

    hop_length = 1
    frame_length = 1

    def __init__(self, *, sr: int = 16000, mu: int = 255, output: str = "value") -> None:
        self.sr = positive_int("sr", sr)
        self.mu = positive_int("mu", mu, 65_535)
        self.output = one_of("output", output, OUTPUTS)
        self.versions = tabular.versions()
        self.edges = np.linspace(-1, 1, num=self.mu + 1, endpoint=True)

    @property
    def front_channels(self) -> int:
        return self.mu + 1 if self.output == "one_hot" else 1

    def front(self, streams: int, on_nonfinite: str, name: str) -> SampleStream:
        return SampleStream(self, streams, on_nonfinite, name)

    def compress(self, y: Floats) -> npt.NDArray[np.float64]:
        """The curve, in float64: with float32 a sample of 1 comes out above 1, a code out of range in librosa."""
        return companded(y, self.mu)

    def codes(self, y: Floats) -> npt.NDArray[np.int64]:
        """Codes of samples, counted from 0 to mu; any shape."""
        codes: npt.NDArray[np.int64] = np.digitize(self.compress(y), self.edges, right=True).astype(np.int64)
        return codes

    def encode(self, y: Floats) -> Floats:
        """Frames from samples: adds the channel axis."""
        if self.output == "value":
            frames: npt.NDArray[Any] = self.compress(y)[..., np.newaxis]
        elif self.output == "code":
            frames = (self.codes(y) - (self.mu + 1) // 2)[..., np.newaxis]
        else:
            frames = self.codes(y)[..., np.newaxis] == np.arange(self.mu + 1)
        return np.asarray(frames, np.float32)

    def expand(self, frames: npt.NDArray[np.floating]) -> Floats:
        """Samples from frames, as ``librosa.mu_expand``; "one_hot" also accepts scores, of which the largest counts.

        Parameters
        ----------
        frames
            (..., channels), in the format of `output`.

        Returns
        -------
        (...) float32, in -1..1.
        """
        if not is_array(frames):
            raise ArrayTypeError(f"frames is a {type(frames).__name__}; it must be a NumPy array")
        if frames.ndim < 1 or frames.shape[-1] != self.front_channels:
            raise ParameterError(f"frames has shape {frames.shape}; its last axis must be {self.front_channels}")
        if self.output == "value":
            x = frames[..., 0].astype(np.float64)
        else:
            code = frames[..., 0] if self.output == "code" else np.argmax(frames, axis=-1) - (self.mu + 1) // 2
            x = code.astype(np.float64) * 2.0 / (1 + self.mu)
        if not (np.abs(x) <= 1).all():
            raise ParameterError("frames has values outside the range of the output; they must be mu-law values")
        return expanded(x, self.mu)

    def decode(self, codes: npt.NDArray[np.integer]) -> Floats:
        """Samples of codes counted from 0 to mu, as `codes` gives and `wavenetlite.generate` draws them; any shape."""
        if not is_array(codes) or codes.dtype.kind not in "iu":
            raise ArrayTypeError(
                f"codes is a {getattr(codes, 'dtype', type(codes).__name__)}; it must be an array of integers"
            )
        if codes.size and not 0 <= codes.min() <= codes.max() <= self.mu:
            raise ParameterError(
                f"codes has values from {codes.min()} to {codes.max()}; they must be from 0 to {self.mu}"
            )
        return samples_of(codes, self.mu + 1)


class SampleStream:
    """The front end of :class:`MuLaw`: every sample is a frame; its only state is the count."""

    def __init__(self, spec: MuLaw, streams: int, on_nonfinite: str, name: str) -> None:
        self.spec = spec
        self.streams = streams
        self.zero = one_of("on_nonfinite", on_nonfinite, ("raise", "zero")) == "zero"
        self.name = name
        self.reset()

    def check(self, samples: Samples) -> Floats:
        """The samples, checked; raises what `process` would raise."""
        if self.flushed:
            raise StreamStateError("stream was flushed; call reset() before feeding it again")
        y = checked_samples(samples, self.streams, self.zero, self.name)
        if y.size and np.abs(y).max() > 1:
            raise ParameterError(f"{self.name} reaches {float(np.abs(y).max()):g}; mu-law samples must be in -1..1")
        return y

    def fuse(self, states: list[StepState]) -> list[StepState]:
        return states

    def process(self, samples: Samples) -> Floats:
        y = self.check(samples)
        self.samples_in += y.shape[-1]
        return self.spec.encode(y)

    def flush(self) -> Floats:
        shape = (0, self.spec.front_channels)
        self.process(np.zeros((self.streams, 0) if self.streams else 0, np.float32))
        self.flushed = True
        return np.zeros((self.streams, *shape) if self.streams else shape, np.float32)

    def reset(self) -> None:
        self.samples_in = 0
        self.flushed = False

    def save(self) -> bytes:
        return STATE.pack(self.samples_in, self.flushed)

    def load(self, state: bytes) -> None:
        if len(state) != STATE.size:
            raise SnapshotError(UNFIT)
        samples_in, flushed = STATE.unpack(state)
        if not 0 <= samples_in < 2**60 or flushed not in (0, 1):
            raise SnapshotError(UNFIT)
        self.samples_in, self.flushed = samples_in, bool(flushed)
