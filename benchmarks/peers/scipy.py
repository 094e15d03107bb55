"""Log-mel by hand with NumPy and SciPy's float32 transform: what is written where no library is wanted."""

import numpy as np
import scipy
from scipy.fft import rfft

from benchmarks.log_mel import FLOOR, Kept, Ways, decibels, frames


def ways(window: np.ndarray, bank: np.ndarray) -> Ways:
    window, columns = window.astype(np.float32), np.ascontiguousarray(bank.T, np.float32)

    def log_mel(framed: np.ndarray) -> np.ndarray:
        spectrum = rfft(framed * window)
        powers = spectrum.real**2 + spectrum.imag**2
        return 10 * np.log10(np.maximum(powers @ columns, np.float32(FLOOR)))

    return Ways(f"scipy {scipy.__version__}", lambda y: log_mel(frames(y)), Kept(log_mel), decibels(window, bank))
