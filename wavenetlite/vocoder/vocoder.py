"""Vocoder: log-mel features and a network that generates; turns frames into audio, whole or as they come."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wavenetlite.audio.scale import scale_problem
from wavenetlite.features import LogMel
from wavenetlite.features._frames import checked_samples
from wavenetlite.nn import Module
from wavenetlite.storage.files import save
from wavenetlite.support.arrays import Floats, NonFinite, is_array
from wavenetlite.support.checks import number, one_of, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.html import html
from wavenetlite.support.one_thread import OneThread
from wavenetlite.vocoder._allpole import filtered
from wavenetlite.vocoder.conditioning import HEADROOM, Envelopes, aligned, tables

TABLES, WEIGHTS = "features.", "model."
"""Prefixes of the array names of features and network."""
MOST_ORDER = 256
LARGEST_DB = 200.0
"""Levels beyond it are no levels of audio, whose samples are from -1 to 1."""
SLICE_FRAMES = 1000
"""Frames of a long signal that are processed at a time: a call can be interrupted between two slices."""


class Vocoder:
    """Makes audio from log-mel frames: a network generates the excitation, and a filter that follows from the frames
    gives it the spectral envelope and the harmonics that the mel bands resolve.

    Immutable in use and safe to share between threads; every stream has its own state. `speak` feeds all frames to a
    fresh stream, so audio is bit-identical for any partition of the frames into blocks.

    Parameters
    ----------
    features
        A plain :class:`wavenetlite.LogMel`, without `center`, `top_db` and further steps, and with ``ref=1``.
    model
        A network that generates values: one input channel, conditioning of ``n_mels + 1`` channels, one frame of it per
        `hop_length` samples; 2 output channels (a Gaussian) or 3 K (a mixture of logistics).
    order
        Past samples that the filter of the envelope reads. About 1.5 times the period of a low voice, such as 120 at
        8 kHz, puts the harmonics that the mel bands resolve into the filter; 16 leaves them to the network.
    temperature
        Of `speak`, `render` and `stream`, if none is given; see :func:`wavenetlite.generate`.
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
    >>> network = wl.WaveNet(1, 3, dilations=[1, 2], condition_channels=41, condition=wl.nn.Upsample(80))
    >>> vocoder = wl.Vocoder(spec, network)
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
        order: int = 120,
        temperature: float = 1.0,
        info: Mapping[str, Any] | None = None,
    ) -> None:
        self.features = checked_features(features)
        self.order = positive_int("order", order, MOST_ORDER)
        self.model = checked_model(model, features)
        self.temperature = number("temperature", temperature, 0.0)
        self.model.generator(temperature=self.temperature)  # raises if it cannot generate
        tables(features, self.order)
        if info is not None and not isinstance(info, Mapping):
            raise ArrayTypeError(f"info is a {type(info).__name__}; it must be a dict")
        self.info: dict[str, Any] = copy.deepcopy(dict(info or {}))

    @property
    def sr(self) -> int:
        """Sample rate, Hz."""
        return self.features.sr

    def __repr__(self) -> str:
        return f"Vocoder({self.features!r}, {type(self.model).__name__}, order={self.order})"

    def _repr_html_(self) -> str:
        """Features and network, for notebooks."""
        return html("Vocoder", {
            "features": repr(self.features),
            "network": f"{type(self.model).__name__}, {self.model.parameter_count:,} parameters",
            "sample rate": f"{self.sr} Hz",
            "order": str(self.order),
            "temperature": f"{self.temperature:g}",
        })  # fmt: skip

    def analyse(self, y: Floats, *, sr: int | None = None, on_nonfinite: NonFinite = "raise") -> Floats:
        """The frames of a signal: one for every `hop_length` samples begun, with silence after its end.

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
        return self.features(aligned(samples, self.features))

    def speak(self, frames: Floats, *, seed: int = 0, temperature: float | None = None) -> Floats:
        """The audio of frames.

        Parameters
        ----------
        frames
            (frames, n_mels) float32, dB, as `analyse` and ``vocoder.features`` give them.
        seed, temperature
            Of :func:`wavenetlite.generate`; the same seed gives the same audio.

        Returns
        -------
        (frames * hop_length,) float32. Samples may go beyond -1..1 a little where the frames are as loud as can be.
        """
        stream = self.stream(seed=seed, temperature=temperature)
        checked_frames(frames, self.features)
        parts = [stream.process(frames[at : at + SLICE_FRAMES]) for at in range(0, len(frames), SLICE_FRAMES)]
        return np.concatenate([np.zeros(0, np.float32), *parts])

    def render(
        self, y: Floats, *, sr: int | None = None, seed: int = 0, temperature: float | None = None,
        on_nonfinite: NonFinite = "raise",
    ) -> Floats:  # fmt: skip
        """Copy synthesis: the audio of a signal's own frames, of the same length; see `analyse` and `speak`."""
        frames = self.analyse(y, sr=sr, on_nonfinite=on_nonfinite)
        return self.speak(frames, seed=seed, temperature=temperature)[: len(y)]

    def stream(self, *, seed: int = 0, temperature: float | None = None) -> VocoderStream:
        """A new stream, for frames as they come; see `VocoderStream`."""
        return VocoderStream(self, seed, self.temperature if temperature is None else temperature)

    # Serialisation

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one safetensors file; see :func:`wavenetlite.load`."""
        save(self, path)

    def config(self) -> dict[str, Any]:
        """The configuration as JSON-serialisable data, without weights and tables."""
        return {
            "type": "Vocoder",
            "order": self.order,
            "temperature": self.temperature,
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

    def layer_types(self) -> list[tuple[str, type]]:
        """The network's layer types; see :meth:`wavenetlite.nn.Module.layer_types`."""
        return self.model.layer_types()


class VocoderStream:
    """Audio of frames as they come: `process` gives `hop_length` samples for each, at once.

    Made by `Vocoder.stream`. A call that raises leaves the stream as it was. A stream serves one thread at a time.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> spec = wl.LogMel(sr=8000, n_fft=400, hop_length=80, n_mels=40)
    >>> network = wl.WaveNet(1, 3, dilations=[1, 2], condition_channels=41, condition=wl.nn.Upsample(80))
    >>> vocoder, frames = wl.Vocoder(spec, network), np.zeros((5, 40), np.float32)
    >>> stream = vocoder.stream(seed=3)
    >>> audio = np.concatenate([stream.process(frames[:2]), stream.process(frames[2:])])
    >>> bool((audio == vocoder.speak(frames, seed=3)).all())
    True
    """

    def __init__(self, vocoder: Vocoder, seed: int, temperature: float) -> None:
        self.vocoder = vocoder
        self._generator = vocoder.model.generator(seed=seed, temperature=temperature)
        self._one_thread = OneThread("stream")
        self._begin()

    def _begin(self) -> None:
        self._envelopes = Envelopes(self.vocoder.features, self.vocoder.order)
        self._past = np.zeros(self.vocoder.order)

    def process(self, frames: Floats) -> Floats:
        """The samples of the next frames, (frames * hop_length,) float32."""
        given, hop = checked_frames(frames, self.vocoder.features), self.vocoder.features.hop_length
        with self._one_thread:
            if not len(given):
                return np.zeros(0, np.float32)
            envelopes, past = self._envelopes.fork(), self._past.copy()
            made, before = envelopes.process(given), self._generator.snapshot()
            try:
                excitation = self._generator.process(made.condition).astype(np.float64) * HEADROOM
                y = filtered(excitation, made.coefficients, made.gains, hop, past).astype(np.float32)
            except BaseException:
                self._generator.restore(before)
                raise
            self._envelopes, self._past = envelopes, past
            return y

    def reset(self) -> None:
        """Start over, with the same seed."""
        with self._one_thread:
            self._generator.reset()
            self._begin()


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


def checked_model(model: Any, features: LogMel) -> Module:
    if not isinstance(model, Module):
        raise ArrayTypeError(f"model is a {type(model).__name__}; it must be a Module")
    for name, given, wanted in (
        ("in_channels", model.in_width, 1),
        ("condition_channels", model.condition_channels_needed, features.out_channels + 1),
        ("condition_period", model.condition_period, features.hop_length),
    ):
        if given != wanted:
            raise ParameterError(f"model has {name}={given}; it must be {wanted}, for these features")
    return model


def checked_frames(frames: Any, features: LogMel) -> Floats:
    """Frames that these features can have given."""
    if not is_array(frames) or frames.dtype != np.float32:
        given = f"{frames.dtype} array" if is_array(frames) else type(frames).__name__
        raise ArrayTypeError(f"frames is a {given}; it must be a float32 array")
    bins = features.out_channels
    if frames.ndim != 2 or frames.shape[1] != bins:
        turned = "; librosa's (n_mels, frames) must be transposed" if frames.shape[:1] == (bins,) else ""
        raise ParameterError(f"frames has shape {frames.shape}; it must be (frames, {bins}){turned}")
    if not np.isfinite(frames).all():
        raise ParameterError("frames has infinities or NaN; levels in dB must be finite")
    if frames.size and np.abs(frames).max() > LARGEST_DB:
        raise ParameterError(f"frames reaches {float(np.abs(frames).max()):g}; levels in dB are within {LARGEST_DB:g}")
    return np.ascontiguousarray(frames)
