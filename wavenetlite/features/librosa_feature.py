"""Librosa: any other feature function of librosa, offline."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from functools import cached_property
from typing import Any, Literal

import numpy as np

from wavenetlite.features import filter_banks as tabular
from wavenetlite.features._frames import checked_samples
from wavenetlite.features.spec import Features
from wavenetlite.features.stream import FeatureStream
from wavenetlite.support.arrays import Floats, Samples, is_array
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.optional import optional

REPLACEMENTS = {
    "melspectrogram": "MelSpectrogram or LogMel",
    "mfcc": "MFCC",
    "delta": "the step Deltas",
}


PITCH = "yin"


class Librosa(Features):
    """A function of `librosa.feature` by its name, or `librosa.yin`, the pitch; offline only.

    Parameters
    ----------
    name
        Name of the function: "chroma_stft", "rms", "spectral_contrast", "zero_crossing_rate", ..., "yin".
    sr
        Sample rate, Hz.
    **parameters
        Its JSON-serialisable parameters; `y` and `sr` are passed to it.

    Notes
    -----
    librosa's (bins, frames) is transposed to (frames, bins) and rounded to float32. librosa, which the extra `librosa`
    installs, is imported when the spec is constructed. Padding is librosa's: most functions have ``center=True``.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> spec = wl.Librosa("zero_crossing_rate", hop_length=160, frame_length=512, center=False)
    >>> spec(np.zeros(16000, np.float32)).shape
    (97, 1)
    """

    def __init__(self, name: str, *, sr: int = 16000, **parameters: Any) -> None:
        self.sr = positive_int("sr", sr)
        self.name = name
        self.parameters = parameters
        try:
            json.dumps(parameters, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise ParameterError(f"parameters of {name} must be JSON-serialisable: {error}") from None
        self.function = function_named(name)
        self.check_parameters()
        self.frame_length = positive_int("frame_length", self.value_of("frame_length", self.value_of("n_fft", 2048)))
        self.hop_length = positive_int("hop_length", self.value_of("hop_length", self.frame_length // 4))
        self.versions = tabular.versions("librosa", "scipy")

    def check_parameters(self) -> None:
        accepted = inspect.signature(self.function).parameters
        if "y" not in accepted:
            raise ParameterError(f"name={self.name!r} must be a function that takes a signal y")
        if any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()):
            return
        for key, value in self.parameters.items():
            if key not in accepted or key == "y":
                raise ParameterError(f"{key}={value!r} is not a parameter of librosa.feature.{self.name}")

    def value_of(self, name: str, otherwise: Any) -> Any:
        """The given parameter, the function's default, or `otherwise`."""
        accepted = inspect.signature(self.function).parameters
        default = accepted[name].default if name in accepted else None
        value = self.parameters.get(name, default)
        return value if isinstance(value, int) else otherwise

    def __call__(
        self, y: Samples, *, sr: int | None = None, on_nonfinite: Literal["raise", "zero"] = "raise"
    ) -> Floats:
        self.check_rate(sr)
        streams = self.signals_in(y)
        if on_nonfinite not in ("raise", "zero"):
            raise ParameterError(f"on_nonfinite={on_nonfinite!r} must be 'raise' or 'zero'")
        y = checked_samples(y, streams, on_nonfinite == "zero", "y")
        x = np.stack([self.compute(row) for row in (y if streams else y[np.newaxis])])
        for step in self.all_steps:
            x = step.apply(x)
        return x if streams else x[0]

    def compute(self, y: Floats) -> Floats:
        arguments = dict(self.parameters)
        if "sr" in inspect.signature(self.function).parameters:
            arguments["sr"] = self.sr
        frames = by_librosa(f"Librosa({self.name!r})", lambda librosa: self.function(y=y, **arguments))
        if self.name == PITCH and is_array(frames) and frames.ndim == 1:
            frames = frames[np.newaxis]
        if not is_array(frames) or frames.ndim != 2:
            raise ParameterError(f"name={self.name!r} gives {type(frames).__name__}; it must give (bins, frames)")
        return np.ascontiguousarray(frames.T, np.float32)

    def stream(self, *, streams: int | None = None, on_nonfinite: Any = "raise") -> FeatureStream:
        instead = REPLACEMENTS.get(self.name, "Spectrogram, LogMel, MFCC or PCEN")
        raise ParameterError(
            f"name={self.name!r} cannot stream: librosa computes it over the whole signal; {instead} can"
        )

    @property
    def causal(self) -> bool:
        return False

    @cached_property
    def front_channels(self) -> int:
        """Found by a trial run: librosa does not report it."""
        noise = np.random.default_rng(0).standard_normal(4 * self.frame_length, dtype=np.float32)
        return int(self.compute(noise).shape[1])

    def frames(self, samples: int) -> int:
        """Not known in advance: librosa's functions differ."""
        raise ParameterError(f"name={self.name!r}: the number of frames is librosa's; call the spec")

    def config(self) -> dict[str, Any]:
        return {**super().config(), **self.parameters}

    def __repr__(self) -> str:
        given = "".join(f", {name}={value!r}" for name, value in {"sr": self.sr, **self.parameters}.items())
        return f"Librosa({self.name!r}{given})" + (f".then({', '.join(map(repr, self.steps))})" if self.steps else "")


def by_librosa(name: str, compute: Callable[[Any], Any]) -> Any:
    """`compute(librosa)`; errors of librosa about the parameters become a ParameterError."""
    librosa = optional("librosa", "librosa", name)
    try:
        return compute(librosa)
    except Exception as error:  # librosa, SciPy and NumPy raise their own errors; all mean a wrong parameter
        raise ParameterError(f"{name}: librosa says: {' '.join(str(error).split())}") from error


def function_named(name: Any) -> Callable[..., Any]:
    if not isinstance(name, str):
        raise ArrayTypeError(f"name={name!r} is a {type(name).__name__}; it must be a string")
    found = (
        None
        if name.startswith("_")
        else by_librosa(
            f"Librosa({name!r})", lambda librosa: getattr(librosa.feature, name, named_above(librosa, name))
        )
    )
    if not inspect.isfunction(found):
        raise ParameterError(f"name={name!r} must be a function of librosa.feature")
    return found


def named_above(librosa: Any, name: str) -> Any:
    """The one function that is not in `librosa.feature`."""
    return librosa.yin if name == PITCH else None
