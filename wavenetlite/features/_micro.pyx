"""The front end of microcontroller wake words: tables of integers for `kernels/micro_frontend.pxi.in`."""

cimport cython

from wavenetlite.features._frames cimport FrontEnd
from wavenetlite.kernels.types cimport MicroFront

import numpy as np


@cython.final
cdef class MicroFrontEnd(FrontEnd):
    """The computation of a frame by integers; a signal keeps the estimate of the noise in each band.

    Parameters
    ----------
    hop_length
        Samples between two frames.
    window
        int16, (n,): the window, 4,096 stands for 1. It is followed by zeros up to a multiple of eight.
    twiddles, halves
        int16: factors of the transform's passes, and of the step that splits the DFT of two real signals; see
        :mod:`wavenetlite.features.micro_tables`.
    points
        Complex points of the transform, a power of two from 32 on; n is at most twice as many.
    bands
        int16, (bands, points + 1): weights of the bins, 4,096 stands for 1.
    smoothing, remaining
        Of even and of odd bands, and the least share of a band that remains; 16,384 stands for 1.
    gains
        int16, (33, 4): polynomials of the gain, or None: no gain control.
    logs
        uint16, (129,): the table of the logarithm, or None: no logarithm.
    gain_shift, log_shift
        Bits by which the signal is shifted right after the gain, and left before the logarithm.
    """
    cdef MicroFront front

    def __init__(
        self, *, hop_length: int, window: np.ndarray, twiddles: np.ndarray, halves: np.ndarray, points: int,
        bands: np.ndarray, smoothing: tuple, remaining: int, gains: np.ndarray | None, logs: np.ndarray | None,
        gain_shift: int, log_shift: int,
    ) -> None:
        cdef MicroFront* front = &self.front
        front.n = self.n_fft = len(window)
        front.channels = self.channels = len(bands)
        front.points, self.hop_length, self.integers = points, hop_length, True
        self.work = 2 * points + 8 + (self.channels + 3) // 4 * 4
        self.memory = self.channels * sizeof(unsigned int)
        front.window = <const short*>self.copied(np.pad(window, (0, 7)), np.int16)
        front.twiddles = <const short*>self.copied(twiddles, np.int16)
        front.halves = <const short*>self.copied(halves, np.int16)
        self.set_bands(&front.bands, bands)
        front.smoothing[0], front.smoothing[1] = smoothing
        front.remaining = remaining
        front.gain_control, front.logarithm = gains is not None, logs is not None
        if gains is not None:
            front.gains = <const short*>self.copied(gains, np.int16)
        if logs is not None:
            front.logs = <const unsigned short*>self.copied(logs, np.uint16)
        front.gain_shift, front.log_shift = gain_shift, log_shift

    cdef void compute(self, const float* samples, Py_ssize_t frames, char* memory, float* out, double* work) noexcept nogil:
        self.kernels.micro_features(
            &self.front, samples, self.hop_length, frames, <unsigned int*>memory, out, work)
