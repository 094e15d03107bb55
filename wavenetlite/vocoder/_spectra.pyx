# cython: boundscheck=False, initializedcheck=False, wraparound=False
"""Spectra from what is known of them: powers that agree with mel bands, and phases that agree with each other.

Design: phases are looked for frame by frame, with a few frames of look-ahead. A new frame begins with the phases of what
is known of its samples. Then the spectra of all frames that wait are made consistent by iterations of Griffin and Lim:
overlap-add, transform again, keep the phases. The oldest frame is then settled, and the next may come. So each sample is
one fixed chain of float64 operations whatever the blocks. The frames that wait lie in the four lanes of the transform's
vectors. Zhu, Beauregard and Wyse, "Real-Time Signal Estimation from
Modified Short-Time Fourier Transform Magnitude Spectra", 2007 (RTISI-LA); Perraudin, Balazs and Sondergaard, "A fast
Griffin-Lim algorithm", 2013, for the momentum.
"""

cimport cython
cimport numpy as cnp
from libc.math cimport sqrt
from libc.string cimport memcpy, memmove, memset

from wavenetlite.features._frames cimport SpectralFrontEnd
from wavenetlite.kernels.dispatch cimport kernels
from wavenetlite.kernels.types cimport Fourier, Kernels

import numpy as np

cnp.import_array()

cdef enum:
    LANES = 4               # frames in the vectors of a point's real and imaginary parts
    POINT = 8

LOOKAHEAD = LANES - 1
"""Most frames that come before a frame is settled."""
cdef double LEAST_SHARE = 1e-3      # of the largest sum of squared windows: samples are not divided by less
cdef double LEAST = 1e-30           # magnitude that has a phase; power of a band
cdef double MOST_POWER = 1e30       # of a bin


@cython.final
cdef class PhaseSearch:
    """Tables for frames of one kind: immutable, shared by all signals, whose state is an array of `new_state`.

    Parameters
    ----------
    window
        (n,) float64, of the analysis.
    hop_length
        Samples from one frame to the next, at most n.
    lookahead
        Frames that come before one is settled, up to `LOOKAHEAD`.
    iterations, momentum
        For each frame that comes; the share of the last change that is added to each.
    """
    cdef readonly Py_ssize_t n, bins, hop, lookahead, iterations, reach
    cdef readonly double momentum
    cdef SpectralFrontEnd owner         # of the transform's memory
    cdef const Fourier* fourier
    cdef const Kernels* kernels
    cdef double[::1] window
    cdef double least

    def __init__(self, window: np.ndarray, hop_length: int, lookahead: int, iterations: int, momentum: float) -> None:
        self.window = np.array(window, np.float64)
        self.n, self.hop, self.bins = len(window), hop_length, len(window) // 2 + 1
        self.lookahead, self.iterations, self.momentum = lookahead, iterations, momentum
        self.reach = (self.n - 1) // self.hop           # earlier frames that overlap with a frame
        self.owner = SpectralFrontEnd(np.asarray(self.window), hop_length=hop_length, left_pad=0, power=2.0)
        self.fourier = self.owner.transform(self.n)
        self.kernels = kernels()
        self.least = LEAST_SHARE * max(sum(float(one) ** 2 for one in window[i::hop_length]) for i in range(hop_length))

    def new_state(self) -> np.ndarray:
        """The state of a signal at its beginning: frames settled, frames that wait, spectra, overlap."""
        return np.zeros(2 + 3 * LANES * self.bins + self.n)

    def __reduce__(self) -> tuple:
        return PhaseSearch, (np.array(self.window), self.hop, self.lookahead, self.iterations, self.momentum)

    def process(self, double[::1] state, const float[:, ::1] magnitudes) -> np.ndarray:
        """The samples that are final with these frames, (frames, n // 2 + 1); `state` is changed."""
        cdef Py_ssize_t t, frames = magnitudes.shape[0], made = 0
        cdef Py_ssize_t due = max(<Py_ssize_t>state[1] + frames - self.lookahead, 0)
        out = np.empty(due * self.hop)
        cdef double[::1] work = np.empty(self.work_size()), y = np.append(out, 0.0)
        with nogil:
            for t in range(frames):
                self.take(&state[0], &magnitudes[t, 0], &work[0])
                self.search(&state[0], &work[0])
                if state[1] > self.lookahead:
                    self.settle(&state[0], &work[0], &y[made])
                    made += self.hop
        return np.asarray(y)[:made]

    def flush(self, double[::1] state, Py_ssize_t more) -> np.ndarray:
        """The samples of the frames that wait, and `more` of those that their overlap holds after them."""
        cdef Py_ssize_t made = 0, waiting = <Py_ssize_t>state[1], hops = (more + self.hop - 1) // self.hop
        cdef double[::1] work = np.empty(self.work_size()), y = np.zeros((waiting + hops) * self.hop + 1)
        cdef Py_ssize_t left
        with nogil:
            while state[1] > 0:
                self.search(&state[0], &work[0])
                self.settle(&state[0], &work[0], &y[made])
                made += self.hop
            for left in range(hops):
                self.release(&state[0], -1 - left, &y[made])
                made += self.hop
        return np.asarray(y)[: waiting * self.hop + more]

    cdef Py_ssize_t work_size(self):
        """Two buffers of the transform, the samples that frames cover, what they are divided by, the last spectra."""
        return 2 * POINT * self.fourier.room + 2 * self.covered() + 2 * LANES * self.bins + 8

    cdef inline Py_ssize_t covered(self) noexcept nogil:
        return self.n + (LANES - 1) * self.hop

    cdef void take(self, double* state, const float* magnitudes, double* work) noexcept nogil:
        """A new frame, with the phases of what earlier ones have of its samples; of silence, of a pulse amid it."""
        cdef Py_ssize_t k, i, lane = <Py_ssize_t>state[1], start = lane * self.hop
        cdef double* target = state + 2
        cdef double* re = target + LANES * self.bins
        cdef double* im = re + LANES * self.bins
        cdef double* total = work + 2 * POINT * self.fourier.room
        cdef double* share = total + self.covered()
        cdef double* x = work
        cdef double* z
        cdef double r
        self.overlap(state, work, total)
        self.divisors(state, <Py_ssize_t>state[1] + 1 + self.reach, share)   # as if later frames were there
        memset(x, 0, POINT * self.n * sizeof(double))
        for i in range(self.n):
            x[POINT * i] = total[start + i] / share[start + i] * self.window[i]
        z = self.kernels.transform_points(self.fourier, x, x + POINT * self.fourier.room)
        for k in range(self.bins):
            i = LANES * k + lane
            r = sqrt(z[POINT * k] * z[POINT * k] + z[POINT * k + 4] * z[POINT * k + 4])
            target[i] = magnitudes[k]
            re[i] = magnitudes[k] * (z[POINT * k] / r if r > LEAST else 1.0 - 2.0 * (k % 2))
            im[i] = magnitudes[k] * (z[POINT * k + 4] / r) if r > LEAST else 0.0
        state[1] += 1

    cdef double* inverse(self, const double* re, const double* im, double* work) noexcept nogil:
        """Samples of the four frames, n times too large: those of sample i are at ``POINT * i`` of what is returned."""
        cdef Py_ssize_t k, lane, n = self.n
        cdef double* x = work
        for k in range(self.bins):
            for lane in range(LANES):
                x[POINT * k + lane] = re[LANES * k + lane]
                x[POINT * k + 4 + lane] = -im[LANES * k + lane]
        for lane in range(LANES):       # those of a real signal are real
            x[4 + lane] = 0.0
            if n % 2 == 0:
                x[POINT * (n // 2) + 4 + lane] = 0.0
        for k in range(1, (n + 1) // 2):
            for lane in range(LANES):
                x[POINT * (n - k) + lane] = re[LANES * k + lane]
                x[POINT * (n - k) + 4 + lane] = im[LANES * k + lane]
        return self.kernels.transform_points(self.fourier, x, x + POINT * self.fourier.room)

    cdef double* overlap(self, double* state, double* work, double* total) noexcept nogil:
        """The windowed sum of the frames settled and of those that wait; the latter's samples are returned."""
        cdef Py_ssize_t i, lane, waiting = <Py_ssize_t>state[1]
        cdef double* re = state + 2 + LANES * self.bins
        cdef double* y
        memcpy(total, re + 2 * LANES * self.bins, self.n * sizeof(double))
        memset(total + self.n, 0, (self.covered() - self.n) * sizeof(double))
        if not waiting:
            return NULL
        y = self.inverse(re, re + LANES * self.bins, work)
        for lane in range(waiting):
            for i in range(self.n):
                total[lane * self.hop + i] += y[POINT * i + lane] / self.n * self.window[i]
        return y

    cdef void divisors(self, const double* state, Py_ssize_t frames, double* share) noexcept nogil:
        """Sums of squared windows, of `frames` frames from the oldest that waits on and of those before it."""
        cdef Py_ssize_t i, j, at, first = -min(<Py_ssize_t>state[0], self.reach), covered = self.covered()
        memset(share, 0, covered * sizeof(double))
        for j in range(first, min(frames, LANES + self.reach)):
            at = j * self.hop
            for i in range(max(0, -at), min(self.n, covered - at)):
                share[at + i] += self.window[i] * self.window[i]
        for i in range(covered):
            if share[i] < self.least:
                share[i] = self.least

    cdef void search(self, double* state, double* work) noexcept nogil:
        """Make the spectra of the frames that wait more consistent, at their magnitudes."""
        cdef Py_ssize_t k, i, lane, step, waiting = <Py_ssize_t>state[1]
        cdef double* target = state + 2
        cdef double* re = target + LANES * self.bins
        cdef double* im = re + LANES * self.bins
        cdef double* x = work
        cdef double* z
        cdef double* total = work + 2 * POINT * self.fourier.room
        cdef double* share = total + self.covered()
        cdef double* last = share + self.covered()
        self.divisors(state, waiting, share)
        for step in range(self.iterations):
            self.overlap(state, work, total)
            for i in range((waiting - 1) * self.hop + self.n):
                total[i] /= share[i]
            memset(x, 0, POINT * self.n * sizeof(double))
            for i in range(self.n):
                for lane in range(waiting):
                    x[POINT * i + lane] = total[lane * self.hop + i] * self.window[i]
            z = self.kernels.transform_points(self.fourier, x, x + POINT * self.fourier.room)
            self.project(z, target, re, im, last, 0.0 if step == 0 else self.momentum)

    cdef void project(
        self, const double* z, const double* target, double* re, double* im, double* last, double momentum
    ) noexcept nogil:
        """The phases of z, moved on by a share of the last change, at the magnitudes wanted."""
        cdef Py_ssize_t k, lane, i
        cdef double a, b, r
        for k in range(self.bins):
            for lane in range(LANES):
                i = LANES * k + lane
                a, b = z[POINT * k + lane], z[POINT * k + 4 + lane]
                if momentum != 0.0:
                    a += momentum * (a - last[i])
                    b += momentum * (b - last[LANES * self.bins + i])
                last[i], last[LANES * self.bins + i] = z[POINT * k + lane], z[POINT * k + 4 + lane]
                r = sqrt(a * a + b * b)
                if r > LEAST:
                    re[i], im[i] = target[i] * a / r, target[i] * b / r

    cdef void settle(self, double* state, double* work, double* y) noexcept nogil:
        """Add the oldest frame to those settled, and give the samples that no later frame has a share in."""
        cdef Py_ssize_t i, k, lane
        cdef double* re = state + 2 + LANES * self.bins
        cdef double* total = re + 2 * LANES * self.bins
        cdef double* z = self.inverse(re, re + LANES * self.bins, work)
        for i in range(self.n):
            total[i] += z[POINT * i] / self.n * self.window[i]
        state[0] += 1
        self.release(state, 0, y)
        for k in range(3 * self.bins):      # magnitudes, real and imaginary parts
            memmove(state + 2 + LANES * k, state + 3 + LANES * k, (LANES - 1) * sizeof(double))
            state[1 + LANES * (k + 1)] = 0.0
        state[1] -= 1

    cdef void release(self, double* state, Py_ssize_t newest, double* y) noexcept nogil:
        """The first `hop` samples of the sum, divided; the newest frame in it begins `newest` hops later."""
        cdef Py_ssize_t i, j, first = max(-self.reach, newest - <Py_ssize_t>state[0] + 1)
        cdef double* total = state + 2 + 3 * LANES * self.bins
        cdef double share
        for i in range(self.hop):
            share = 0.0
            for j in range(first, newest + 1):
                if i - j * self.hop < self.n:
                    share += self.window[i - j * self.hop] * self.window[i - j * self.hop]
            y[i] = total[i] / max(share, self.least)
        memmove(total, total + self.hop, (self.n - self.hop) * sizeof(double))
        memset(total + self.n - self.hop, 0, self.hop * sizeof(double))


def fitted(
    float[:, ::1] powers, const float[:, ::1] bands, const double[:, ::1] basis, const Py_ssize_t[:, ::1] spans,
    Py_ssize_t rounds
):
    """Magnitudes (frames, bins) of spectra whose bands ``basis @ power`` come close to `bands`.

    In each round a bin's power is multiplied by the mean of what its bands lack, weighted as they weigh it; a bin of no
    band keeps its own. `powers` is changed; `spans`: of each band the first bin that has a weight, and the one after
    the last.
    """
    cdef Py_ssize_t t, k, b, frames = powers.shape[0], bins = powers.shape[1], channels = bands.shape[1]
    cdef double total
    cdef double[::1] factor = np.empty(bins), weight = np.empty(bins)
    made = np.empty((frames, bins), np.float32)
    cdef float[:, ::1] out = made
    cdef Py_ssize_t turn
    with nogil:
        for t in range(frames):
            for turn in range(rounds):
                for k in range(bins):
                    factor[k] = weight[k] = 0.0
                for b in range(channels):
                    total = LEAST
                    for k in range(spans[b, 0], spans[b, 1]):
                        total += basis[b, k] * powers[t, k]
                    for k in range(spans[b, 0], spans[b, 1]):
                        factor[k] += basis[b, k] * (bands[t, b] / total)
                        weight[k] += basis[b, k]
                for k in range(bins):
                    if weight[k] > 0.0:
                        powers[t, k] = <float>min(powers[t, k] * (factor[k] / weight[k]), MOST_POWER)
            for k in range(bins):
                out[t, k] = <float>sqrt(powers[t, k])
    return made
