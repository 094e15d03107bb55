# cython: boundscheck=False, initializedcheck=False, wraparound=False
"""All-pole filters from spectral envelopes, and signals through them: one fixed chain of float64 operations a sample."""

from libc.math cimport sqrt

import numpy as np


def envelopes(
    const float[:, ::1] powers, const double[:, ::1] cosines, const double[::1] lags, double power
):
    """Filters of the envelopes of frames: coefficients (frames, order) of y[n - 1] and on, and gains (frames,).

    ``cosines @ powers`` of a frame is its autocorrelation, which is multiplied by `lags`; `power` is that of the
    analysis window.
    """
    cdef Py_ssize_t t, i, j, frames = powers.shape[0], bins = powers.shape[1], order = cosines.shape[0] - 1
    cdef double total
    coefficients = np.zeros((frames, order))
    gains = np.empty(frames)
    cdef double[:, ::1] a = coefficients
    cdef double[::1] g = gains
    cdef double[::1] r = np.empty(order + 1), before = np.empty(order)
    with nogil:
        for t in range(frames):
            for i in range(order + 1):
                total = 0.0
                for j in range(bins):
                    total += cosines[i, j] * powers[t, j]
                r[i] = total * lags[i]
            g[t] = sqrt(predictor(&r[0], order, &a[t, 0], &before[0]) / power)
    return coefficients, gains


cdef double predictor(const double* r, Py_ssize_t order, double* a, double* before) noexcept nogil:
    """The filter of an autocorrelation, by Levinson's and Durbin's recursion; returns the power that it leaves."""
    cdef Py_ssize_t i, j
    cdef double reflection, total, error = r[0]
    for i in range(order):
        total = r[i + 1]
        for j in range(i):
            total += a[j] * r[i - j]
        reflection = -total / error
        for j in range(i):
            before[j] = a[j]
        for j in range(i):
            a[j] = before[j] + reflection * before[i - 1 - j]
        a[i] = reflection
        error *= 1.0 - reflection * reflection
    return error


def residual(const float[::1] y, const double[:, ::1] coefficients, const double[::1] gains, Py_ssize_t hop):
    """What the filters leave of a signal that begins after silence, divided by their gains; `hop` samples per filter."""
    cdef Py_ssize_t n, k, t, order = coefficients.shape[1], samples = y.shape[0]
    cdef double total
    made = np.empty(samples)
    cdef double[::1] e = made
    with nogil:
        for n in range(samples):
            t = n // hop
            total = y[n]
            for k in range(min(order, n)):
                total += coefficients[t, k] * y[n - 1 - k]
            e[n] = total / gains[t]
    return made


def filtered(
    const double[::1] e, const double[:, ::1] coefficients, const double[::1] gains, Py_ssize_t hop, double[::1] past
):
    """The inverse of `residual`. `past` holds the last samples, the newest first, and is changed."""
    cdef Py_ssize_t n, k, t, order = coefficients.shape[1], samples = e.shape[0]
    cdef double total
    made = np.empty(order + samples)
    cdef double[::1] y = made
    with nogil:
        for k in range(order):
            y[order - 1 - k] = past[k]
        for n in range(samples):
            t = n // hop
            total = e[n] * gains[t]
            for k in range(order):
                total -= coefficients[t, k] * y[order + n - 1 - k]
            y[order + n] = total
        for k in range(order):
            past[k] = y[samples + order - 1 - k]
    return made[order:]
