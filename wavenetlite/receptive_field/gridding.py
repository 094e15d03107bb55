"""Gridding: holes and periodic patterns in the coverage of a receptive field."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.receptive_field.coverage import Coverage
from wavenetlite.receptive_field.layers import Layer

MOST_CONTRAST = 0.5
"""With period 2: one half of the inputs has three times as many paths as the other."""

EVEN = 1e-9
"""Tolerance for rounding."""


@dataclass(frozen=True)
class Gridding:
    """Holes in a coverage, and its strongest periodic pattern; true if there is gridding.

    There is gridding if the receptive field has holes (Wang et al., "Understanding Convolution for Semantic
    Segmentation", 2018, section 3.2), or if all inputs are covered but periodically unevenly, with a `contrast` above
    1/2 (uneven overlap: Odena et al., "Deconvolution and Checkerboard Artifacts", 2016).

    Attributes
    ----------
    holes
        Inputs of the receptive field with no path to the output.
    contrast
        ``|sum_t c[t] exp(2 pi i t / period)| / sum_t c[t]`` of the coverage c, the maximum over all periods of the
        layers' steps, in 0..1. 0: every phase of every period has the same number of paths; 1: one phase has them all.
        With period 2 it is the contrast between even and odd inputs: 1/3 is two to one.
    period
        Period of that pattern, one number per axis (1: no pattern along it); None: the contrast is 0.
    """

    holes: int
    contrast: float
    period: tuple[float, ...] | None

    def __bool__(self) -> bool:
        return self.holes > 0 or self.contrast > MOST_CONTRAST

    def __str__(self) -> str:
        holes = f"{self.holes:,} hole{'s' * (self.holes > 1)}" if self.holes else "no holes"
        pattern = "an even coverage"
        if self.period is not None:
            pattern = f"a pattern of period {' x '.join(f'{p:.4g}' for p in self.period)}, contrast {self.contrast:.2f}"
        return f"{'yes' if self else 'no'}: {holes}; {pattern}"


def gridding(coverage: Coverage, layers: Iterable[Layer]) -> Gridding:
    """Gridding of a coverage, whose periods are the steps of the layers, or divisors of these."""
    contrast, period = 0.0, None
    if not coverage.size:
        return Gridding(0, contrast, period)
    weights = shares(coverage.counts)
    for step in sorted({step_of(layer) for layer in layers}):
        if math.prod(step) > 1:
            found = strongest(phases(weights, step))
            if found[0] > contrast + EVEN:
                contrast, period = found
    return Gridding(coverage.holes, contrast, period)


def step_of(layer: Layer) -> tuple[int, ...]:
    """Distance of taps in inputs, or the period until taps coincide with inputs; 1 for a single tap."""
    return tuple(step.numerator if taps > 1 else 1 for step, taps in zip(layer.step, layer.kernel_size, strict=True))


def shares(counts: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Shares of all paths; exact integers may exceed floats, their quotients do not."""
    total = int(counts.sum(dtype=object))
    return np.array([int(count) / total for count in counts.flat]).reshape(counts.shape)


def phases(shares: npt.NDArray[np.float64], step: tuple[int, ...]) -> npt.NDArray[np.float64]:
    """The share of paths in each phase: inputs a multiple of `step` apart."""
    for axis, period in enumerate(step):
        widths = [(0, -size % period if axis == other else 0) for other, size in enumerate(shares.shape)]
        shape = (*shares.shape[:axis], -1, period, *shares.shape[axis + 1 :])
        shares = np.pad(shares, widths).reshape(shape).sum(axis=axis)
    return shares


def strongest(shares: npt.NDArray[np.float64]) -> tuple[float, tuple[float, ...]]:
    """The largest harmonic of a pattern, and its period on each axis."""
    size = np.abs(np.fft.fftn(shares))
    size.flat[0] = 0
    place = np.unravel_index(np.flatnonzero(size > size.max() - EVEN)[-1], size.shape)  # the longest period if equal
    waves = [min(int(k), n - int(k)) for k, n in zip(place, size.shape, strict=True)]
    return float(size.max()), tuple(n / k if k else 1.0 for k, n in zip(waves, size.shape, strict=True))
