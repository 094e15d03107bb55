"""Deltas: derivatives of the frames over time."""

from __future__ import annotations

from math import factorial, fsum

import numpy as np

from wavenetlite.features._steps import DeltaState, filter_frames
from wavenetlite.features.c_spectrum import REAL
from wavenetlite.features.steps import CausalStep, StepState
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.c_builder import CBuilder, CText
from wavenetlite.support.checks import count, one_of, positive_int
from wavenetlite.support.errors import ParameterError

DELTAS = CText(
    "deltas",
    """\
/* Derivatives of n channels over the last `width` frames, which are held, the oldest first; the first is repeated. */
static inline void $deltas(float *y, int n, float *held, int *begun, const $real *tap, int width, int order)
{
    int i, k, row;
    memmove(held, held + n, (size_t)((width - 1) * n) * sizeof(float));
    for (k = *begun ? width - 1 : 0; k < width; k++) memcpy(held + k * n, y, (size_t)n * sizeof(float));
    *begun = 1;
    for (row = 0; row < order; row++, tap += width) {
        y += n;
        for (i = 0; i < n; i++) {
            $real sum = 0;
            for (k = 0; k < width; k++) sum += tap[k] * held[k * n + i];
            y[i] = (float)sum;
        }
    }
}
""",
    (REAL,),
)


class Deltas(CausalStep):
    """Append to each frame its derivatives over time: channels, first derivatives, second derivatives, ...

    The derivative of order k is that of the polynomial of degree k that fits `width` frames best (Savitzky and Golay,
    1964).

    Parameters
    ----------
    width
        Number of fitted frames; odd, at least 3.
    order
        Highest derivative.
    lookahead_frames
        Number of fitted frames after the current one: the latency of the stream. None: width // 2, the centred deltas
        of ``librosa.feature.delta``; 0: no latency, the slope of the frames up to the current one.
    mode
        Treatment of the ends. "nearest": repeat the first and the last frame. "interp": evaluate the polynomials of
        the outermost `width` frames, librosa's default, which cannot stream.

    Notes
    -----
    With lookahead_frames=None, ``librosa.feature.delta(X, width=width, order=k, mode=mode)``, within 1e-5 of the
    largest value.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> spec = wl.MFCC(n_mfcc=13).then(wl.features.Deltas(width=9, order=2))
    >>> spec.out_channels, spec.latency
    (39, 4)
    """

    def __init__(
        self, *, width: int = 9, order: int = 1, lookahead_frames: int | None = None, mode: str = "nearest"
    ) -> None:
        self.width = positive_int("width", width, 1001)
        if width < 3 or width % 2 == 0:
            raise ParameterError(f"width={width} must be odd and at least 3")
        self.order = positive_int("order", order)
        if order >= width:
            raise ParameterError(f"order={order} must be below width={width}")
        self.lookahead_frames = None if lookahead_frames is None else count("lookahead_frames", lookahead_frames)
        self.reach = width - 1
        self.latency = width // 2 if self.lookahead_frames is None else self.lookahead_frames
        if self.latency >= width:
            raise ParameterError(f"lookahead_frames={lookahead_frames} must be below width={width}")
        self.mode = one_of("mode", mode, ("nearest", "interp"))
        if mode == "interp" and self.latency != width // 2:
            raise ParameterError(f"mode='interp' is for centred deltas: lookahead_frames must be {width // 2} or None")
        self.taps = np.stack([derivative(width, k) for k in range(1, order + 1)])

    def out_channels(self, channels: int) -> int:
        return channels * (1 + self.order)

    @property
    def cannot_stream(self) -> str | None:
        if self.mode == "nearest":
            return None
        return (
            f"mode='interp' fits the last {self.width} frames of the whole signal and cannot stream; use mode='nearest'"
            f" (latency {self.latency} frames, or lookahead_frames=0 for none)"
        )

    def c(self, write: CBuilder, channels: int) -> None:
        if self.latency:
            raise ParameterError(f"lookahead_frames={self.lookahead_frames} of Deltas must be 0 to be exported to C, "
                                 "where a frame goes to the network at once: train with that")  # fmt: skip
        held, begun = write.kept("float", self.width * channels), write.kept("int", 1)
        taps = write.array(self.taps)
        write.call(DELTAS, "y", str(channels), held, begun, taps, str(self.width), str(self.order))

    def open(self, signals: int, channels: int) -> StepState:
        return DeltaState(signals, channels, self.taps, self.latency)

    def apply(self, x: Floats) -> Floats:
        if self.mode == "nearest" or not x.shape[1]:
            return super().apply(x)
        if x.shape[1] < self.width:
            raise ParameterError(f"width={self.width} must be at most the {x.shape[1]} frames given to mode='interp'")
        half, channels = self.width // 2, x.shape[2]
        inner = filter_frames(x, self.taps, half)
        y = np.empty((len(x), x.shape[1], inner.shape[2]), np.float32)
        y[:, :half], y[:, half:-half], y[:, -half:] = inner[:, :1], inner, inner[:, -1:]
        y[:, :, :channels] = x
        return y


def derivative(width: int, order: int) -> Doubles:
    """Weights of `width` frames that give the derivative of the best-fitting polynomial of degree `order`.

    It is the same at every frame, so the same weights serve centred and causal windows and the ends. The polynomial's
    leading coefficient is the projection on the monic orthogonal (Gram) polynomial of that degree, which the three-term
    recurrence gives without a solver, hence with the same bits everywhere.
    """
    places = np.arange(width) - float(width // 2)
    before, gram = np.zeros(width), np.ones(width)
    for k in range(order):
        before, gram = gram, places * gram - k**2 * (width**2 - k**2) / (4 * (4 * k**2 - 1)) * before
    weights: Doubles = gram * (factorial(order) / fsum(gram * gram))
    return weights
