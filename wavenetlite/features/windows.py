"""Windows by their formulas, the same on every machine; the rare ones come from SciPy.

Formulas: Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform", 1978; Nuttall,
"Some windows with very good sidelobe behavior", 1981; D'Antona and Ferrero, "Digital signal processing for measurement
systems", 2006 (flat top); Ha and Pearce, "A new window and comparison to standard windows", 1989 (Bartlett-Hann).
The order of the operations is SciPy's, so that the values are its, to the bit.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from wavenetlite.features.bessel import i0
from wavenetlite.features.elementwise import elementwise, power
from wavenetlite.support.arrays import Doubles
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.optional import optional

Window = Callable[..., Doubles]


def window_named(window: str | tuple[Any, ...], length: int) -> Doubles:
    """A periodic window, as ``scipy.signal.get_window(window, length)``.

    Parameters
    ----------
    window
        A name, or a tuple of a name and parameters.
    length
        Samples.

    Raises
    ------
    ParameterError
        There is no such window, or its parameters are wrong.
    MissingPackageError
        The window is not one of `WINDOWS`, and SciPy is not installed.
    """
    values = by_scipy(window, length) if needs_scipy(window) else by_formula(window, length)
    if not np.isfinite(values).all():
        raise ParameterError(f"window={window!r} is not finite; give it other parameters")
    return values


def by_formula(window: str | tuple[Any, ...], length: int) -> Doubles:
    name, *parameters = (window,) if isinstance(window, str) else window
    function = WINDOWS[name]
    check_count(window, parameters, function)
    if length == 1:
        return np.ones(1)
    try:
        with np.errstate(all="ignore"):
            return function(length + 1, *parameters)[:length]
    except (ArithmeticError, ValueError):  # of `math`
        return np.array([np.nan])


def needs_scipy(window: str | tuple[Any, ...]) -> bool:
    """Whether a window has no formula here."""
    return (window if isinstance(window, str) else window[0]) not in WINDOWS


def by_scipy(window: str | tuple[Any, ...], length: int) -> Doubles:
    known = ", ".join(dict.fromkeys(names[0] for names, _ in FORMULAS))
    signal = optional("scipy.signal", "librosa", f"window={window!r}, which is none of {known},")
    try:
        values: Doubles = signal.get_window(window, length, fftbins=True)
    except Exception as error:  # SciPy and NumPy raise their own errors; all mean a wrong parameter
        raise ParameterError(f"window={window!r}: SciPy says: {' '.join(str(error).split())}") from error
    return values


def check_count(window: Any, parameters: list[Any], function: Window) -> None:
    """Raise unless the window has all parameters that it needs, and no more."""
    _, *takes = inspect.signature(function).parameters.values()
    least = sum(one.default is one.empty for one in takes)
    if not least <= len(parameters) <= len(takes):
        form = ", ".join(one.name if one.default is one.empty else f"{one.name}={one.default}" for one in takes)
        rule = f"be a tuple of its name and {form}" if takes else "have no parameters"
        raise ParameterError(f"window={window!r} must {rule}")


# All are symmetric and of at least 3 samples; without its last sample a window is periodic.


def cosine_sum(*coefficients: float) -> Window:
    """Of cosines of 0, 1, 2, ... periods."""

    def window(samples: int) -> Doubles:
        angle = np.linspace(-np.pi, np.pi, samples)
        total = np.zeros(samples)
        for periods, coefficient in enumerate(coefficients):
            total += coefficient * elementwise(math.cos, periods * angle)
        return total

    return window


def general_hamming(samples: int, alpha: float) -> Doubles:
    return cosine_sum(alpha, 1.0 - alpha)(samples)


def boxcar(samples: int) -> Doubles:
    return np.ones(samples)


def bartlett(samples: int) -> Doubles:
    ramp = 2.0 * np.arange(samples) / (samples - 1)
    return np.minimum(ramp, 2.0 - ramp)


def triang(samples: int) -> Doubles:
    half = np.arange(1, (samples + 1) // 2 + 1)
    if samples % 2:
        rise = 2 * half / (samples + 1.0)
        return np.concatenate([rise, rise[-2::-1]])
    rise = (2 * half - 1.0) / samples
    return np.concatenate([rise, rise[::-1]])


def parzen(samples: int) -> Doubles:
    distance = np.abs(np.arange(samples) - (samples - 1) / 2.0)
    share = distance / (samples / 2.0)
    inside = 1 - 6 * share**2.0 + 6 * power(share, 3.0)
    values: Doubles = np.where(distance <= (samples - 1) / 4.0, inside, 2 * power(1 - share, 3.0))
    return values


def bohman(samples: int) -> Doubles:
    distance = np.abs(np.linspace(-1, 1, samples)[1:-1])
    inside = (1 - distance) * elementwise(math.cos, np.pi * distance) + 1.0 / np.pi * elementwise(
        math.sin, np.pi * distance
    )
    return np.pad(inside, 1)


def barthann(samples: int) -> Doubles:
    distance = np.abs(np.arange(samples) / (samples - 1.0) - 0.5)
    return 0.62 - 0.48 * distance + 0.38 * elementwise(math.cos, 2 * np.pi * distance)


def cosine(samples: int) -> Doubles:
    return elementwise(math.sin, np.pi / samples * (np.arange(samples) + 0.5))


def kaiser(samples: int, beta: float) -> Doubles:
    centre = (samples - 1) / 2.0
    argument = beta * np.sqrt(1 - ((np.arange(samples) - centre) / centre) ** 2.0)
    return i0(np.abs(argument)) / i0(np.array(abs(float(beta))))


def gaussian(samples: int, std: float) -> Doubles:
    n = np.arange(samples) - (samples - 1.0) / 2.0
    return elementwise(math.exp, -(n**2) / (2 * std * std))


def general_gaussian(samples: int, p: float, sig: float) -> Doubles:
    n = np.arange(samples) - (samples - 1.0) / 2.0
    return elementwise(math.exp, -0.5 * power(np.abs(n / sig), 2 * p))


def exponential(samples: int, center: float | None = None, tau: float = 1.0) -> Doubles:
    peak = (samples - 1) / 2.0 if center is None else center
    return elementwise(math.exp, -np.abs(np.arange(samples) - peak) / tau)


def tukey(samples: int, alpha: float = 0.5) -> Doubles:
    if alpha <= 0:
        return np.ones(samples)
    if alpha >= 1:
        return cosine_sum(0.5, 0.5)(samples)
    n = np.arange(samples)
    width = math.floor(alpha * (samples - 1) / 2.0)
    rise = 0.5 * (1 + elementwise(math.cos, np.pi * (-1 + 2.0 * n[: width + 1] / alpha / (samples - 1))))
    fall = 0.5 * (
        1 + elementwise(math.cos, np.pi * (-2.0 / alpha + 1 + 2.0 * n[samples - width - 1 :] / alpha / (samples - 1)))
    )
    return np.concatenate([rise, np.ones(samples - 2 * (width + 1)), fall])


FORMULAS: tuple[tuple[tuple[str, ...], Window], ...] = (
    (("hann", "han"), cosine_sum(0.5, 0.5)),
    (("hamming", "hamm", "ham"), cosine_sum(0.54, 1.0 - 0.54)),
    (("blackman", "black", "blk"), cosine_sum(0.42, 0.50, 0.08)),
    (("blackmanharris", "blackharr", "bkh"), cosine_sum(0.35875, 0.48829, 0.14128, 0.01168)),
    (("nuttall", "nutl", "nut"), cosine_sum(0.3635819, 0.4891775, 0.1365995, 0.0106411)),
    (("flattop", "flat", "flt"), cosine_sum(0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368)),
    (("boxcar", "box", "ones", "rect", "rectangular"), boxcar),
    (("bartlett", "bart", "brt"), bartlett),
    (("triang", "triangle", "tri"), triang),
    (("parzen", "parz", "par"), parzen),
    (("bohman", "bman", "bmn"), bohman),
    (("barthann", "brthan", "bth"), barthann),
    (("cosine", "halfcosine"), cosine),
    (("tukey", "tuk"), tukey),
    (("exponential", "poisson"), exponential),
    (("kaiser", "ksr"), kaiser),
    (("gaussian", "gauss", "gss"), gaussian),
    (("general_hamming", "general hamming"), general_hamming),
    (("general_gaussian", "general gaussian", "general_gauss", "general gauss", "ggs"), general_gaussian),
)
"""Names and formula of each window."""

WINDOWS = {name: function for names, function in FORMULAS for name in names}
