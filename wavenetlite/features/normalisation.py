"""Normalisation of frames by mean and variance: stored, of the recent frames, or of the whole signal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.features import filter_banks as tabular
from wavenetlite.features._steps import PeakFollower, RunningStatistics, Standardisation
from wavenetlite.features.filter_banks import Tables
from wavenetlite.features.steps import CausalStep, FrameStep, StepState
from wavenetlite.support.arrays import Doubles, Floats, unmasked
from wavenetlite.support.c_builder import CBuilder, CText
from wavenetlite.support.checks import flag, number, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError

STANDARDISE = CText(
    "standardise",
    """\
static inline void $standardise(float *y, const float *mean, const float *deviation, int n)
{
    int i;
    for (i = 0; i < n; i++) y[i] = (y[i] - mean[i]) / deviation[i];
}
""",
)
AUTO_GAIN = CText(
    "auto_gain",
    """\
/* Decibels relative to a level that follows the loudest of n bands. */
static inline void $auto_gain(float *y, int n, float *level, float fall, float least, float range)
{
    int i;
    *level = *level - fall > least ? *level - fall : least;
    for (i = 0; i < n; i++) *level = y[i] > *level ? y[i] : *level;
    for (i = 0; i < n; i++) y[i] = y[i] - *level > -range ? y[i] - *level : -range;
}
""",
)


class MeanVariance(CausalStep):
    """``(x - mean) / sqrt(variance + eps)`` with fixed statistics, stored in the spec.

    Parameters
    ----------
    mean, variance
        Statistics of each channel, (channels,); kept as float32. `variance` None: only the mean is subtracted.
    eps
        Added to the variance.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> spec = wl.LogMel(n_mels=40)
    >>> clips = np.random.default_rng(0).standard_normal((3, 16000), dtype=np.float32)
    >>> step = wl.features.MeanVariance.fit(spec(y) for y in clips)
    >>> X = spec.then(step)(clips[0])
    >>> X.shape, bool(abs(X.mean()) < 0.1)
    ((97, 40), True)
    """

    reach = 0

    def __init__(
        self,
        mean: npt.ArrayLike | None = None,
        variance: npt.ArrayLike | None = None,
        *,
        eps: float = 1e-5,
        tables: Tables | None = None,
    ) -> None:
        self.eps = number("eps", eps, least=0.0)
        if tables is not None:
            mean, variance = tables.get("mean"), tables.get("variance")
        if mean is None:
            raise ParameterError("mean=None must be an array, one value per channel")
        self.mean = statistic("mean", mean)
        self.variance = None if variance is None else statistic("variance", variance)
        if self.variance is not None and self.variance.shape != self.mean.shape:
            raise ParameterError(f"variance has shape {self.variance.shape}; it must be {self.mean.shape}, like mean")
        if self.variance is not None and (self.variance.astype(np.float64) + self.eps <= 0).any():
            raise ParameterError(f"variance={self.variance.min()} must be positive, or eps")
        if tables is not None:
            tabular.checked(tables, {name: value.shape for name, value in self.tables().items()})
        self._states: dict[int, StepState] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_states": {}}

    @classmethod
    def fit(cls, frames: Iterable[Floats], *, scale: bool = True, eps: float = 1e-5) -> MeanVariance:
        """From the statistics of all frames, in arrays (frames, channels); `scale` False: only the mean."""
        number_of, total, squares = 0, 0.0, 0.0
        origin: Any = None
        for x in frames:
            exact = np.asarray(unmasked("frames", x), np.float64)
            if exact.ndim != 2:
                raise ParameterError(f"frames has shape {exact.shape}; it must be (frames, channels)")
            if len(exact) == 0:
                continue
            origin = exact[0] if origin is None else origin  # near the mean: differences of squares keep their digits
            number_of += len(exact)
            total = total + (exact - origin).sum(axis=0)
            squares = squares + ((exact - origin) ** 2).sum(axis=0)
        if number_of == 0:
            raise ParameterError("frames is empty; it must contain at least one frame")
        shift = total / number_of
        return cls(origin + shift, np.maximum(squares / number_of - shift**2, 0.0) if scale else None, eps=eps)

    def tables(self) -> dict[str, Floats]:
        return {"mean": self.mean} if self.variance is None else {"mean": self.mean, "variance": self.variance}

    def options(self) -> dict[str, Any]:
        return {"eps": self.eps}

    @classmethod
    def restore(cls, options: dict[str, Any], tables: Tables | None) -> FrameStep:
        return cls(**options, tables=tables or {})

    def out_channels(self, channels: int) -> int:
        if channels != len(self.mean):
            raise ParameterError(f"mean has {len(self.mean)} values; it must have {channels}, one per channel")
        return channels

    def open(self, signals: int, channels: int) -> StepState:
        self.out_channels(channels)
        if signals not in self._states:
            self._states[signals] = self.new_state(signals)
        return self._states[signals]

    def c(self, write: CBuilder, channels: int) -> None:
        variance = np.ones_like(self.mean) if self.variance is None else self.variance
        deviation = np.sqrt(variance.astype(np.float64) + (0.0 if self.variance is None else self.eps))
        write.call(STANDARDISE, "y", write.floats(self.mean), write.floats(deviation), str(channels))

    def new_state(self, signals: int) -> StepState:
        """The state for `signals` signals, which is empty and hence shared by all streams."""
        mean = self.mean.astype(np.float64)
        variance = np.ones_like(mean) if self.variance is None else self.variance.astype(np.float64) + self.eps
        return Standardisation(signals, mean, np.sqrt(variance))

    def __repr__(self) -> str:
        return f"MeanVariance({len(self.mean)} channels, eps={self.eps})"


class RunningCMVN(CausalStep):
    """Normalises each channel by the mean and variance of the recent frames, including the current one.

    Parameters
    ----------
    window_frames
        Number of frames; fewer at the beginning.
    scale
        Whether to divide by the standard deviation; False: only subtract the mean.
    eps
        Added to the variance.

    Notes
    -----
    The streaming form of :class:`UtteranceCMVN`: sums over a sliding window, in float64.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> spec = wl.LogMel(n_mels=40).then(wl.features.RunningCMVN(window_frames=300, scale=False))
    >>> float(spec(np.ones(512, np.float32)).max())    # the first frame is its own mean
    0.0
    """

    def __init__(self, *, window_frames: int = 300, scale: bool = True, eps: float = 1e-5) -> None:
        self.window_frames = positive_int("window_frames", window_frames, 1_000_000)
        self.scale = flag("scale", scale)
        self.eps = number("eps", eps, least=0.0)
        if self.scale and self.eps == 0:
            raise ParameterError("eps=0 must be positive: the variance of the first frame is 0")

    def open(self, signals: int, channels: int) -> StepState:
        return RunningStatistics(signals, channels, window=self.window_frames, scale=self.scale, eps=self.eps)


class AutoGain(CausalStep):
    """Expresses frames in decibels relative to the loudest recent band: a causal automatic gain control.

    ``max(x - level, -range_db)``, where the level follows the loudest band of a frame upwards at once and downwards
    slowly. So the output depends neither on the loudness of a recording nor, below the range, on its background level.

    Parameters
    ----------
    range_db
        Dynamic range below the level, dB; softer bands are clipped.
    fall_db
        Decay of the level per frame, dB; 0: none.
    least_db
        Lowest and initial level, dB: background softer than this is not amplified.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> spec = wl.LogMel(n_mels=40).then(wl.features.AutoGain(range_db=50))
    >>> y = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
    >>> bool(abs(spec(y) - spec(y / 4)).max() < 1e-3)
    True
    """

    def __init__(self, *, range_db: float = 60.0, fall_db: float = 0.1, least_db: float = -60.0) -> None:
        self.range_db = number("range_db", range_db, least=0.0)
        self.fall_db = number("fall_db", fall_db, least=0.0)
        self.least_db = number("least_db", least_db)

    def c(self, write: CBuilder, channels: int) -> None:
        level = write.kept("float", 1, np.full(1, self.least_db, np.float32))
        limits = [write.number(value) for value in (self.fall_db, self.least_db, self.range_db)]
        write.call(AUTO_GAIN, "y", str(channels), level, *limits)

    def open(self, signals: int, channels: int) -> StepState:
        levels = {"fall_db": self.fall_db, "least_db": self.least_db, "range_db": self.range_db}
        return PeakFollower(signals, channels, **levels)


class UtteranceCMVN(FrameStep):
    """Normalises each channel by the mean and variance of the whole signal; offline only.

    Parameters
    ----------
    scale
        Whether to divide by the standard deviation; False: only subtract the mean.
    eps
        Added to the variance.
    """

    def __init__(self, *, scale: bool = True, eps: float = 1e-5) -> None:
        self.scale = flag("scale", scale)
        self.eps = number("eps", eps, least=0.0)

    @property
    def cannot_stream(self) -> str:
        return (
            "UtteranceCMVN needs the whole signal and cannot stream; use RunningCMVN or MeanVariance (fixed statistics)"
        )

    def apply(self, x: Floats) -> Floats:
        if not x.shape[1]:
            return x
        exact: Doubles = x.astype(np.float64)
        exact = exact - exact.mean(axis=1, keepdims=True)
        if self.scale:
            exact = exact / np.sqrt((exact**2).mean(axis=1, keepdims=True) + self.eps)
        return exact.astype(np.float32)


def statistic(name: str, value: npt.ArrayLike) -> Floats:
    """One finite value per channel, as float32."""
    try:
        exact = np.asarray(unmasked(name, value), np.float64)
    except (TypeError, ValueError):
        raise ArrayTypeError(f"{name} is a {type(value).__name__}; it must be an array of numbers") from None
    if exact.ndim != 1 or not len(exact):
        raise ParameterError(f"{name} has shape {exact.shape}; it must be (channels,)")
    if not np.isfinite(exact).all():
        raise ParameterError(f"{name} has infinities or NaN; it must be finite")
    return exact.astype(np.float32)
