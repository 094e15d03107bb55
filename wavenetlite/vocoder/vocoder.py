"""Vocoder: log-mel features and a network; turns frames into audio, whole or as they come."""

from __future__ import annotations

import copy
import json
import os
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavenetlite.audio.scale import scale_problem
from wavenetlite.features import LogMel
from wavenetlite.features._frames import checked_samples
from wavenetlite.nn import Module
from wavenetlite.storage.files import save
from wavenetlite.support.arrays import Floats, NonFinite
from wavenetlite.support.blake2 import blake2b
from wavenetlite.support.checks import one_of
from wavenetlite.support.errors import ArrayTypeError, ParameterError, SnapshotError, StreamStateError
from wavenetlite.support.html import html
from wavenetlite.support.one_thread import OneThread
from wavenetlite.support.snapshots import seal, unseal
from wavenetlite.vocoder.excitation import Excitation, ExcitationState
from wavenetlite.vocoder.frames import aligned, checked_frames
from wavenetlite.vocoder.saved import UNFIT
from wavenetlite.vocoder.spectral import Spectral, SpectralState

TABLES, WEIGHTS = "features.", "model."
"""Prefixes of the array names of features and network."""
HEAD = struct.Struct("<q?")
"""Of a snapshot: frames fed, and whether the stream was flushed."""
SLICE_FRAMES = 1000
"""Frames of a long signal that are processed at a time: a call can be interrupted between two slices."""


class Vocoder:
    """Makes audio from log-mel frames, by a network of one of two kinds.

    One takes frames and gives magnitudes: they are scaled to the powers of the frames' bands, and phases are looked for
    that make them the spectra of one signal. The other, with one input channel, generates, sample by sample, the
    excitation of a filter that follows from the frames.

    Immutable in use and safe to share between threads; every stream has its own state. `speak` feeds all frames to a
    fresh stream, so audio is bit-identical for any partition of the frames into blocks.

    Parameters
    ----------
    features
        A plain :class:`wavenetlite.LogMel`, without `center`, `top_db` and further steps, and with ``ref=1``.
    model
        With ``n_mels + 1`` input channels and ``n_fft // 2 + 1`` output channels, one frame for each: it takes each
        frame less its level (the mean of its bins) and how much that differs from the level before, both in units of
        10 dB, and gives the magnitudes of the frame's spectrum less the level, in the same units. With one input
        channel, conditioning of ``n_mels + 1`` channels, a frame of it per `hop_length` samples, and 2 (a Gaussian) or
        3 K output channels (a mixture of logistics): it generates the excitation.
    iterations
        Of the search for phases, for each frame; more cost more and are slightly better. None: 16. Only of a network
        that gives magnitudes, as `lookahead`.
    lookahead
        Frames after a frame that its phases are looked for with, 0 to 3. None: 3.
    order
        Past samples that the filter of the envelope reads. About 1.5 times the period of a low voice, such as 120 at
        8 kHz, puts the harmonics that the mel bands resolve into the filter; 16 leaves them to the network. None: 120.
        Only of a network that generates, as `temperature`.
    temperature
        Of `speak`, `render` and `stream`, if none is given; see :func:`wavenetlite.generate`. None: 1.0.
    info
        JSON-serialisable notes saved with the vocoder.

    Raises
    ------
    ParameterError, ArrayTypeError
        The parts do not fit together.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> spec = wl.LogMel(sr=8000, n_fft=400, hop_length=80, n_mels=40)
    >>> vocoder = wl.Vocoder(spec, wl.nn.Conv1d(41, 201, 5, padding="same"))     # untrained
    >>> y = 0.1 * np.random.default_rng(0).standard_normal(1000, dtype=np.float32)
    >>> frames = vocoder.analyse(y)
    >>> frames.shape, vocoder.speak(frames).shape, vocoder.render(y).shape
    ((13, 40), (1040,), (1000,))
    """

    def __init__(
        self,
        features: LogMel,
        model: Module,
        *,
        iterations: int | None = None,
        lookahead: int | None = None,
        order: int | None = None,
        temperature: float | None = None,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        self.features, self.model = checked_features(features), checked_model(model)
        self.design: Spectral | Excitation
        if model.in_width == 1:
            refuse("magnitudes", iterations=iterations, lookahead=lookahead)
            self.design = Excitation(features, model, order, temperature)
        else:
            refuse("samples", order=order, temperature=temperature)
            self.design = Spectral(features, model, iterations, lookahead)
        if info is not None and not isinstance(info, Mapping):
            raise ArrayTypeError(f"info is a {type(info).__name__}; it must be a dict")
        self.info: dict[str, Any] = copy.deepcopy(dict(info or {}))

    @property
    def sr(self) -> int:
        """Sample rate, Hz."""
        return self.features.sr

    @property
    def options(self) -> dict[str, float]:
        """`iterations` and `lookahead`, or `order` and `temperature`."""
        return self.design.options

    @property
    def latency(self) -> int:
        """Samples by which the audio of a stream lags behind its frames; `flush` gives them at the end."""
        return self.design.latency

    @property
    def lead(self) -> int:
        """Samples of silence that `analyse` puts before a signal, so that frames lie where the vocoder expects them."""
        return self.design.lead

    def __repr__(self) -> str:
        options = "".join(f", {name}={value}" for name, value in self.options.items())
        return f"Vocoder({self.features!r}, {type(self.model).__name__}{options})"

    def _repr_html_(self) -> str:
        """Features and network, for notebooks."""
        return html("Vocoder", {
            "features": repr(self.features),
            "network": f"{type(self.model).__name__}, {self.model.parameter_count:,} parameters",
            "sample rate": f"{self.sr} Hz",
            **{name: f"{value:g}" for name, value in self.options.items()},
        })  # fmt: skip

    def analyse(self, y: Floats, *, sr: int | None = None, on_nonfinite: NonFinite = "raise") -> Floats:
        """The frames of a signal: one for every `hop_length` samples begun, with silence around it.

        Parameters
        ----------
        y
            (samples,) float32 or float64, from -1 to 1.
        sr
            Its sample rate, Hz; if given, it must be the vocoder's.
        on_nonfinite
            What to do with infinities and NaN in `y`: "raise", or "zero" to replace them.

        Returns
        -------
        (frames, n_mels) float32, dB.
        """
        if sr is not None and sr != self.sr:
            raise ParameterError(f"sr={sr} must be {self.sr}, the vocoder's rate; wavenetlite.audio.resample converts")
        samples = checked_samples(y, 0, one_of("on_nonfinite", on_nonfinite, ("raise", "zero")) == "zero", "y")
        if problem := scale_problem(samples):
            raise ParameterError(f"y {problem}")
        return self.features(aligned(samples, self.features, self.lead))

    def speak(self, frames: Floats, *, seed: int = 0, temperature: float | None = None) -> Floats:
        """The audio of frames.

        Parameters
        ----------
        frames
            (frames, n_mels) float32, dB, as `analyse` and ``vocoder.features`` give them.
        seed, temperature
            Of :func:`wavenetlite.generate`, for a network that generates; the same seed gives the same audio. A network
            that gives magnitudes draws nothing: any seed gives the same audio, and `temperature` must be None.

        Returns
        -------
        (frames * hop_length,) float32. Samples may go beyond -1..1 a little where the frames are as loud as can be.
        """
        stream = self.stream(seed=seed, temperature=temperature)
        checked_frames(frames, self.features)
        parts = [stream.process(frames[at : at + SLICE_FRAMES]) for at in range(0, len(frames), SLICE_FRAMES)]
        return np.concatenate([*parts, stream.flush()])

    def render(
        self, y: Floats, *, sr: int | None = None, seed: int = 0, temperature: float | None = None,
        on_nonfinite: NonFinite = "raise",
    ) -> Floats:  # fmt: skip
        """Copy synthesis: the audio of a signal's own frames, of the same length; see `analyse` and `speak`."""
        frames = self.analyse(y, sr=sr, on_nonfinite=on_nonfinite)
        return self.speak(frames, seed=seed, temperature=temperature)[: len(y)]

    def stream(self, *, seed: int = 0, temperature: float | None = None) -> VocoderStream:
        """A new stream, for frames as they come, and in silence before them; see `VocoderStream`."""
        return VocoderStream(self, seed, temperature)

    # Serialisation

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one safetensors file; see :func:`wavenetlite.load`."""
        save(self, path)

    def config(self) -> dict[str, Any]:
        """The configuration as JSON-serialisable data, without weights and tables."""
        return {
            "type": "Vocoder",
            **self.options,
            "features": self.features.stored_config(),
            "model": self.model.config(),
            "info": self.info,
        }

    def stored_arrays(self) -> dict[str, NDArray[Any]]:
        """Tables and weights by name, as a file has them."""
        return {
            **{TABLES + name: table for name, table in self.features.stored_tables().items()},
            **{WEIGHTS + name: weight for name, weight in self.model.stored_arrays().items()},
        }

    @property
    def fingerprint(self) -> bytes:
        """A 16-byte hash of configuration, tables and weights, which ties snapshots to the vocoder."""
        options = json.dumps(self.options, sort_keys=True).encode()
        parts = options + self.features.fingerprint + self.model.plan().fingerprint
        return blake2b(parts, digest_size=16, person=b"wavenetlite voc").digest()

    def layer_types(self) -> list[tuple[str, type]]:
        """The network's layer types; see :meth:`wavenetlite.nn.Module.layer_types`."""
        return self.model.layer_types()


class VocoderStream:
    """Audio of frames as they come: `process` gives what is complete, `flush` the rest after the last frame.

    Made by `Vocoder.stream`. The audio lags `Vocoder.latency` samples behind the frames; all of it is `hop_length`
    samples for each. A call that raises leaves the stream as it was. A stream serves one thread at a time.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> spec = wl.LogMel(sr=8000, n_fft=400, hop_length=80, n_mels=40)
    >>> network = wl.WaveNet(1, 3, dilations=[1, 2], condition_channels=41, condition=wl.nn.Upsample(80))
    >>> vocoder, frames = wl.Vocoder(spec, network), np.zeros((5, 40), np.float32)
    >>> stream = vocoder.stream(seed=3)
    >>> audio = np.concatenate([stream.process(frames[:2]), stream.process(frames[2:]), stream.flush()])
    >>> bool((audio == vocoder.speak(frames, seed=3)).all())
    True
    """

    def __init__(self, vocoder: Vocoder, seed: int, temperature: float | None) -> None:
        self.vocoder = vocoder
        self._how = seed, temperature
        self._one_thread = OneThread("stream")
        self._begin()

    def _begin(self) -> None:
        self._state: ExcitationState | SpectralState = self.vocoder.design.begin(*self._how)
        self._frames_in, self._flushed = 0, False

    def __repr__(self) -> str:
        ended = ", flushed" if self._flushed else ""
        return f"VocoderStream({self._frames_in} frames in{ended}, latency={self.vocoder.latency} samples)"

    def process(self, frames: Floats) -> Floats:
        """The samples that are complete with the next frames, float32."""
        given = checked_frames(frames, self.vocoder.features)
        with self._one_thread:
            self._refuse_if_flushed()
            if not len(given):
                return np.zeros(0, np.float32)
            made = self._state.process(given)
            self._frames_in += len(given)
            return made

    def flush(self) -> Floats:
        """The samples that are still owed: the frames are at their end."""
        with self._one_thread:
            self._refuse_if_flushed()
            made = self._state.flush()
            self._flushed = True
            return made

    def _refuse_if_flushed(self) -> None:
        if self._flushed:
            raise StreamStateError("stream was flushed; call reset() before feeding it again")

    def reset(self) -> None:
        """Start over, with the same seed."""
        with self._one_thread:
            self._begin()

    def snapshot(self) -> bytes:
        """The state of the stream as bytes, the same for any partition of the frames into blocks.

        Another stream of the same vocoder, here or in another process, can resume from it.

        Examples
        --------
        >>> import numpy as np, wavenetlite as wl
        >>> spec = wl.LogMel(sr=8000, n_fft=400, hop_length=80, n_mels=40)
        >>> vocoder = wl.Vocoder(spec, wl.nn.Conv1d(41, 201, 5, padding="same"))
        >>> frames = np.zeros((9, 40), np.float32)
        >>> stream, other = vocoder.stream(), vocoder.stream()
        >>> audio = stream.process(frames[:7])
        >>> other.restore(stream.snapshot())
        >>> bool((other.process(frames[7:]) == stream.process(frames[7:])).all())
        True
        """
        with self._one_thread:
            return self._saved()

    def restore(self, snapshot: bytes | bytearray | memoryview) -> None:
        """Restore the state of a snapshot; the present state is discarded.

        Raises
        ------
        SnapshotError
            It is not a snapshot, truncated, damaged, of another format or of another vocoder; the stream is unchanged.
        """
        with self._one_thread:
            self._take(snapshot)

    def fork(self) -> VocoderStream:
        """An independent copy of the stream."""
        with self._one_thread:
            twin = VocoderStream(self.vocoder, *self._how)
            twin._take(self._saved())
            return twin

    def __reduce__(self) -> Any:
        raise StreamStateError(
            "a stream cannot be copied or pickled; use fork() or snapshot(), or make another with vocoder.stream()"
        )

    def _saved(self) -> bytes:
        head = HEAD.pack(self._frames_in, self._flushed)
        return seal("vocoder", self.vocoder.fingerprint, head, *self._state.save())

    def _take(self, snapshot: bytes | bytearray | memoryview) -> None:
        state = self.vocoder.design.begin(*self._how)
        head, *parts = unseal("vocoder", self.vocoder.fingerprint, snapshot, 1 + state.PARTS, UNFIT)
        if len(head) != HEAD.size:
            raise SnapshotError(UNFIT)
        state.load(parts)
        self._frames_in, self._flushed = HEAD.unpack(head)
        self._state = state


def checked_features(features: Any) -> LogMel:
    if type(features) is not LogMel:  # MFCC is one too, but no levels of bands
        raise ArrayTypeError(f"features is a {type(features).__name__}; it must be a LogMel")
    wanted = {"center": False, "top_db": None, "ref": 1.0, "power": 2.0}
    for name, value in wanted.items():
        if getattr(features, name) != value:
            raise ParameterError(f"features has {name}={getattr(features, name)}; a vocoder's must have {value}")
    if features.steps:
        raise ParameterError("features has further steps; a vocoder's must be a plain LogMel")
    return features


def checked_model(model: Any) -> Module:
    if not isinstance(model, Module):
        raise ArrayTypeError(f"model is a {type(model).__name__}; it must be a Module")
    return model


def refuse(kind: str, **options: object) -> None:
    """Raise if an option is given that only a network of the other kind has."""
    for name, value in options.items():
        if value is not None:
            raise ParameterError(f"{name}={value} must be left out: only a network that gives {kind} has it")
