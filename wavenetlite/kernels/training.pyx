"""Training kernels as functions of arrays: batches (clips, rows, channels), which are views of the rows of larger arrays.

A view may skip rows (a stride) and begin anywhere, but its channels are contiguous and padded as the kernels require. Every
function releases the GIL.
"""

cimport cython
cimport numpy as cnp
from libc.stdint cimport int32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

import numpy as np

from wavenetlite.kernels.pack import Arena
from wavenetlite.kernels.packed cimport Blocks, new_strips, set_conv
from wavenetlite.kernels.dispatch cimport kernels as chosen_kernels
from wavenetlite.kernels.types cimport Adam, Conv, Kernels, Strip

cdef extern from "simd.h" nogil:
    uint64_t flush_subnormals()
    void restore_subnormals(uint64_t)
    void expect(bint)

cnp.import_array()

cdef const Kernels* kernels = chosen_kernels()

cdef enum:
    PIECE_FLOATS = 49_152       # of the rows of a gradient, and of what it belongs to, that are worked on at a time


# A batch in memory: its first row, and the distances of rows and clips in floats.
cdef struct View:
    float* first
    Py_ssize_t clips, rows, channels, clip, row


cdef View view(cnp.ndarray a) except *:
    cdef View v
    if cnp.PyArray_TYPE(a) != cnp.NPY_FLOAT32 or cnp.PyArray_NDIM(a) != 3 or cnp.PyArray_STRIDE(a, 2) != sizeof(float):
        raise TypeError(f"array of {a.dtype}, strides {(<object>a).strides}, is not a batch of float32 rows")
    v.first = <float*>cnp.PyArray_DATA(a)
    v.clips, v.rows, v.channels = cnp.PyArray_DIM(a, 0), cnp.PyArray_DIM(a, 1), cnp.PyArray_DIM(a, 2)
    v.clip = cnp.PyArray_STRIDE(a, 0) // <Py_ssize_t>sizeof(float)
    v.row = cnp.PyArray_STRIDE(a, 1) // <Py_ssize_t>sizeof(float)
    return v


cdef Py_ssize_t same(View a, View b) except -1:
    """The number of clips of two batches, checked to have equal numbers of clips and rows."""
    if a.clips != b.clips or a.rows != b.rows:
        raise ValueError(f"batches of {a.clips} x {a.rows} and {b.clips} x {b.rows} rows do not match")
    return a.clips


class NoSubnormals:
    """Context manager that flushes subnormal numbers to zero in this thread: vanishing gradients would be slow."""

    def __enter__(self):
        self.before = flush_subnormals()

    def __exit__(self, *error):
        restore_subnormals(self.before)


@cython.final
cdef class Convolution:
    """A convolution whose weights are repacked whenever the parameters have changed.

    Parameters
    ----------
    taps, channels
        Taps of the kernel and channels of the output.
    pack
        Packs the weights' positions in the vector of values (position 0 holds 0) into an arena, as `pack_conv`,
        `pack_depthwise` or `pack_strips` do with weights.
    """
    cdef Conv conv
    cdef Blocks blocks
    cdef float* arena
    cdef int32_t* source
    cdef Py_ssize_t floats, taps, padded
    cdef const float** x
    cdef Py_ssize_t* ldx
    cdef Py_ssize_t* clip
    cdef Py_ssize_t* place
    cdef Py_ssize_t depthwise_weights, depthwise_bias
    cdef bint depthwise
    cdef Strip* strip
    cdef Py_ssize_t strips
    cdef const float** at
    cdef Py_ssize_t* apart

    def __cinit__(self, taps: int, channels: int, pack: object):
        cdef Py_ssize_t i
        arena = Arena()
        packed = pack(arena)
        self.blocks = Blocks()
        self.depthwise = isinstance(packed, tuple)
        self.taps = taps
        if self.depthwise:
            self.depthwise_weights, self.depthwise_bias = packed
            order = [(0, k) for k in range(taps)]
        elif isinstance(packed, list):
            order = [(0, k) for k in range(taps)]
        else:
            order = packed.order
        self.floats = arena.floats
        self.arena = <float*>self.blocks.allocate(4 * (self.floats + 64))
        self.source = <int32_t*>self.blocks.allocate(4 * self.floats)
        for offset, array in arena.arrays:
            for i, position in enumerate(array.astype(np.int32)):
                self.source[<Py_ssize_t>offset + i] = position
        if isinstance(packed, list):
            self.strips = len(packed)
            self.strip = new_strips(packed, self.arena, kernels, self.blocks)
            most = max(len(strip.taps) for strip in packed)
            self.at = <const float**>self.blocks.allocate(most * sizeof(float*))
            self.apart = <Py_ssize_t*>self.blocks.allocate(most * sizeof(Py_ssize_t))
        elif not self.depthwise:
            set_conv(&self.conv, packed, self.arena, kernels, self.blocks)
        self.x = <const float**>self.blocks.allocate(self.taps * sizeof(float*))
        self.ldx = <Py_ssize_t*>self.blocks.allocate(self.taps * sizeof(Py_ssize_t))
        self.clip = <Py_ssize_t*>self.blocks.allocate(self.taps * sizeof(Py_ssize_t))
        self.place = <Py_ssize_t*>self.blocks.allocate(self.taps * sizeof(Py_ssize_t))
        for i, (_, tap) in enumerate(order):
            self.place[i] = tap

    def pack(self, const float[::1] values):
        """Update the weights from the vector of values."""
        cdef Py_ssize_t i
        cdef const float* v = &values[0]
        with nogil:
            for i in range(self.floats):
                self.arena[i] = v[self.source[i]]

    def run(self, list taps, cnp.ndarray out, bint accumulate):
        """out (+)= the convolution of `taps`, one batch of rows per tap."""
        cdef View y = view(out)
        cdef Py_ssize_t b
        self.read(taps, y)
        with nogil:
            for b in range(y.clips):
                self.run_clip(y.first + b * y.clip, y.rows, y.row, accumulate)

    cdef int read(self, list taps, View y) except -1:
        """Let the first clip be the next."""
        cdef View v
        cdef Py_ssize_t i
        for i in range(self.taps):
            v = view(taps[self.place[i]])
            same(v, y)
            self.x[i], self.ldx[i], self.clip[i] = v.first, v.row, v.clip
        return 0

    cdef void run_clip(self, float* out, Py_ssize_t rows, Py_ssize_t ld, bint accumulate) noexcept nogil:
        """The convolution of the next clip."""
        self.run_rows(out, rows, ld, accumulate)
        self.end_clip(rows)

    cdef void end_clip(self, Py_ssize_t rows) noexcept nogil:
        """Go from the last of a clip's rows to the next clip."""
        cdef Py_ssize_t i
        for i in range(self.taps):
            self.x[i] += self.clip[i] - rows * self.ldx[i]

    cdef void run_rows(self, float* out, Py_ssize_t rows, Py_ssize_t ld, bint accumulate) noexcept nogil:
        """The convolution of the next rows of a clip."""
        cdef Py_ssize_t i
        if self.depthwise:
            expect(not accumulate)
            kernels.convolve_depthwise(
                self.arena + self.depthwise_weights, self.arena + self.depthwise_bias, self.taps, self.x, self.ldx, rows, out, ld)
        elif self.strips:
            kernels.convolve_strips(
                self.strip, self.strips, self.x, self.ldx, rows, out if accumulate else NULL, out, ld, self.at, self.apart)
        else:
            kernels.convolve(&self.conv, self.x, self.ldx, rows, out if accumulate else NULL, out, ld)
        for i in range(self.taps):
            self.x[i] += rows * self.ldx[i]


def weight_gradients(list taps, cnp.ndarray g, float[:, :, ::1] out):
    """out[k] (in, out, a multiple of 4) += x^T g: the gradient of tap k, which reads the rows x, for output gradients g.

    Clip by clip, so that a clip's rows stay in the cache.
    """
    dense_gradients(taps, g, out, None, None, [], None, False)


def dense_gradients(
    list taps, cnp.ndarray g, float[:, :, ::1] weights, float[::1] bias, Convolution back, list back_taps, cnp.ndarray out,
    bint accumulate):
    """All gradients of a convolution across channels: `weights` as by `weight_gradients`, `bias` += the sum of all rows of g,
    and out (+)= the convolution `back` of `back_taps`; each unless None.

    Clip by clip, and piece by piece of it, so that the rows are still in the second-level cache when they are read again."""
    cdef View b = view(g), y
    cdef Py_ssize_t i, k, first, n, longest = b.rows, count = len(taps) if weights is not None else 0
    cdef Py_ssize_t piece = max(1, PIECE_FLOATS // max(1, b.channels + (view(taps[0]).channels if taps else 0)))
    cdef View* x = <View*>malloc((count + 1) * sizeof(View))
    if x == NULL:
        raise MemoryError(f"no memory for {count} taps")
    try:
        for k in range(count):
            x[k] = view(taps[k])
            same(x[k], b)
        if back is not None:
            y = view(out)
            if y.clips != b.clips:
                raise ValueError(f"batches of {y.clips} and {b.clips} clips do not match")
            back.read(back_taps, y)
            longest = max(longest, y.rows)
        with nogil:
            for i in range(b.clips):
                if bias is not None:
                    kernels.sum_rows(b.first + i * b.clip, b.row, b.rows, bias.shape[0], &bias[0])
                first = 0
                while first < longest:
                    n = max(0, min(piece, b.rows - first))
                    for k in range(count):
                        kernels.weight_gradient(
                            x[k].first + i * x[k].clip + first * x[k].row, x[k].row, b.first + i * b.clip + first * b.row,
                            b.row, n, weights.shape[1], weights.shape[2], &weights[k, 0, 0])
                    if back is not None and first < y.rows:
                        back.run_rows(y.first + i * y.clip + first * y.row, min(piece, y.rows - first), y.row, accumulate)
                    first += piece
                if back is not None:
                    back.end_clip(y.rows)
    finally:
        free(x)


def add_transposed(float[:, :, ::1] weights, Py_ssize_t channels, float[::1] out):
    """out, that is (channels, in, taps), += `weights` (taps, in, at least `channels`)."""
    cdef Py_ssize_t taps = weights.shape[0], ins = weights.shape[1], ld = weights.shape[2], i, o, k
    cdef const float* share = &weights[0, 0, 0]
    cdef float* to
    if out.shape[0] != channels * ins * taps or channels > weights.shape[2]:
        raise ValueError(f"{out.shape[0]} floats cannot hold {channels} x {ins} x {taps} weights")
    with nogil:
        for i in range(ins):
            for o in range(channels):
                to = &out[0] + (o * ins + i) * taps
                for k in range(taps):
                    to[k] += share[(k * ins + i) * ld + o]


def weight_gradients_of_bins(
    list taps, cnp.ndarray g, const Py_ssize_t[:, ::1] meetings, bint depthwise, float[:, :, ::1] out):
    """out[position] (in, out, a multiple of 4) += x^T g for all `meetings`: (tap, channel of x, channel of g, position).

    Depthwise: out[position] (1, channels) += the sum of the rows of x g.
    """
    cdef View b = view(g), a
    cdef View* views = <View*>malloc(len(taps) * sizeof(View))
    cdef const float* x
    cdef const float* to
    cdef Py_ssize_t i, k
    if views == NULL:
        raise MemoryError(f"no memory for {len(taps)} taps")
    try:
        for k in range(len(taps)):
            views[k] = view(taps[k])
            same(views[k], b)
        with nogil:
            for i in range(b.clips):
                for k in range(meetings.shape[0]):
                    a = views[meetings[k, 0]]
                    x, to = a.first + i * a.clip + meetings[k, 1], b.first + i * b.clip + meetings[k, 2]
                    if depthwise:
                        kernels.depthwise_gradient(
                            x, a.row, to, b.row, b.rows, out.shape[2], &out[meetings[k, 3], 0, 0])
                    else:
                        kernels.weight_gradient(
                            x, a.row, to, b.row, b.rows, out.shape[1], out.shape[2], &out[meetings[k, 3], 0, 0])
    finally:
        free(views)


def depthwise_gradient(cnp.ndarray x, cnp.ndarray g, float[::1] out):
    """out (channels,) += the gradient of one tap of a depthwise convolution."""
    cdef View a = view(x), b = view(g)
    cdef Py_ssize_t i, clips = same(a, b)
    with nogil:
        for i in range(clips):
            kernels.depthwise_gradient(
                a.first + i * a.clip, a.row, b.first + i * b.clip, b.row, a.rows, out.shape[0], &out[0])


def sum_rows(cnp.ndarray x, float[::1] out):
    """out (channels,) += the sum of all rows."""
    cdef View a = view(x)
    cdef Py_ssize_t i
    with nogil:
        for i in range(a.clips):
            kernels.sum_rows(a.first + i * a.clip, a.row, a.rows, out.shape[0], &out[0])


def adam(
    const float[::1] gradient, const float[::1] decayed, constants, float[::1] first, float[::1] second, float[::1] values):
    """A step of Adam; `constants` are the fields of the kernels' struct of that name, in order."""
    cdef Adam step
    cdef Py_ssize_t n = values.shape[0]
    if not n == gradient.shape[0] == decayed.shape[0] == first.shape[0] == second.shape[0]:
        raise ValueError(f"gradient of {gradient.shape[0]} and averages of {first.shape[0]} do not match {n} values")
    (step.keep_first, step.add_first, step.keep_second, step.add_second, step.rate, step.deviation, step.eps,
     step.decay) = constants
    if n:
        with nogil:
            kernels.adam(n, &gradient[0], &decayed[0], &step, &first[0], &second[0], &values[0])


def copy(cnp.ndarray x, cnp.ndarray out):
    """out = x, both contiguous."""
    cdef View a = view(x), y = view(out)
    cdef Py_ssize_t i, clips = same(a, y)
    with nogil:
        for i in range(clips):
            memcpy(y.first + i * y.clip, a.first + i * a.clip, a.rows * a.row * sizeof(float))


def add_two(cnp.ndarray x, cnp.ndarray more, cnp.ndarray out):
    """out = x + more, all contiguous."""
    cdef View a = view(x), b = view(more), y = view(out)
    cdef Py_ssize_t i, clips = same(a, y)
    same(b, y)
    with nogil:
        for i in range(clips):
            kernels.add(a.first + i * a.clip, b.first + i * b.clip, a.rows, y.first + i * y.clip, y.row)


def add(cnp.ndarray x, cnp.ndarray out):
    """out += x."""
    cdef View a = view(x), y = view(out)
    cdef Py_ssize_t i, clips = same(a, y)
    with nogil:
        for i in range(clips):
            kernels.add_rows(a.first + i * a.clip, a.row, a.rows, a.channels, y.first + i * y.clip, y.row)


def channel_statistics(cnp.ndarray x, Py_ssize_t channels):
    """Mean and (biased) variance of every channel over all rows of all clips, float64."""
    cdef View a = view(x)
    cdef Py_ssize_t i
    cdef double[::1] total = np.zeros(channels), squares = np.zeros(channels)
    cdef float[::1] shift = np.array(x[0, 0, :channels])
    with nogil:
        for i in range(a.clips):
            kernels.channel_sums(a.first + i * a.clip, a.row, a.rows, channels, &shift[0], &total[0], &squares[0])
    count = a.clips * a.rows
    mean = np.asarray(total) / count
    return mean + shift, np.maximum(np.asarray(squares) / count - mean * mean, 0.0)


def normalise(
    cnp.ndarray x, const float[::1] scale, const float[::1] offset, bint relu, cnp.ndarray addend, cnp.ndarray out):
    """out = x * scale + offset, optionally with a ReLU, plus `addend`, unless None."""
    cdef View a = view(x), y = view(out), more
    cdef Py_ssize_t i, clips = same(a, y)
    cdef bint added = addend is not None
    if added:
        more = view(addend)
        same(more, y)
    with nogil:
        for i in range(clips):
            kernels.normalise(
                a.first + i * a.clip, a.row, a.rows, scale.shape[0], &scale[0], &offset[0], relu,
                more.first + i * more.clip if added else NULL, more.row if added else 0, y.first + i * y.clip, y.row)


def normalise_sums(
    cnp.ndarray x, cnp.ndarray g, const float[::1] scale, const float[::1] offset, const float[::1] mean, bint relu):
    """Sums over all rows of the gradient before the ReLU, and of its product with x - mean; float64."""
    cdef View a = view(x), b = view(g)
    cdef Py_ssize_t i, clips = same(a, b)
    cdef double[::1] total = np.zeros(scale.shape[0]), products = np.zeros(scale.shape[0])
    with nogil:
        for i in range(clips):
            kernels.normalise_sums(
                a.first + i * a.clip, a.row, b.first + i * b.clip, b.row, a.rows, scale.shape[0], &scale[0], &offset[0],
                &mean[0], relu, &total[0], &products[0])
    return np.asarray(total), np.asarray(products)


def normalise_gradient(
    cnp.ndarray x, cnp.ndarray g, const float[::1] scale, const float[::1] offset, const float[::1] mean, bint relu,
    const float[::1] constant, const float[::1] slope, bint accumulate, cnp.ndarray out):
    """out (+)= scale * gradient before the ReLU - constant - slope * (x - mean)."""
    cdef View a = view(x), b = view(g), y = view(out)
    cdef Py_ssize_t i, clips = same(a, b)
    same(a, y)
    with nogil:
        for i in range(clips):
            kernels.normalise_gradient(
                a.first + i * a.clip, a.row, b.first + i * b.clip, b.row, a.rows, scale.shape[0], &scale[0], &offset[0],
                &mean[0], relu, &constant[0], &slope[0], accumulate, y.first + i * y.clip, y.row)


def activate(int code, cnp.ndarray x, Py_ssize_t channels, const float[::1] parameters, cnp.ndarray out):
    """out = the activation of x; both contiguous."""
    cdef View a = view(x), y = view(out)
    cdef Py_ssize_t i, clips = same(a, y)
    with nogil:
        for i in range(clips):
            memcpy(y.first + i * y.clip, a.first + i * a.clip, a.rows * a.row * sizeof(float))
            kernels.activation[code].run(y.first + i * y.clip, y.rows, y.row, channels, &parameters[0])


def activate_gradient(int code, cnp.ndarray x, cnp.ndarray g, const float[::1] parameters, bint accumulate, cnp.ndarray out):
    """out (+)= g * the slope of an element-wise activation at x."""
    cdef View a = view(x), b = view(g), y = view(out)
    cdef Py_ssize_t i, clips = same(a, b), n = a.rows * a.row
    cdef float* scratch = <float*>malloc((n + 16) * sizeof(float))
    if scratch == NULL:
        raise MemoryError(f"no memory for {n} floats")
    same(a, y)
    with nogil:
        for i in range(clips):
            kernels.activation[code].gradient(
                a.first + i * a.clip, b.first + i * b.clip, n, scratch if accumulate else y.first + i * y.clip,
                &parameters[0])
            if accumulate:
                kernels.add_rows(scratch, n, 1, n, y.first + i * y.clip, n)
    free(scratch)


def gate(cnp.ndarray x, Py_ssize_t channels, cnp.ndarray out):
    """out = tanh(first half of the channels) * sigmoid(second half)."""
    cdef View a = view(x), y = view(out)
    cdef Py_ssize_t i, clips = same(a, y)
    with nogil:
        for i in range(clips):
            kernels.gate(a.first + i * a.clip, a.row, a.rows, channels, y.first + i * y.clip, y.row)


def gate_gradient(cnp.ndarray x, cnp.ndarray g, Py_ssize_t channels, bint accumulate, cnp.ndarray out):
    """out (+)= the gradients of both halves."""
    cdef View a = view(x), b = view(g), y = view(out)
    cdef Py_ssize_t i, clips = same(a, b)
    cdef float* scratch = <float*>malloc((a.rows * a.row + 16) * sizeof(float))
    if scratch == NULL:
        raise MemoryError(f"no memory for {a.rows * a.row} floats")
    same(a, y)
    with nogil:
        for i in range(clips):
            kernels.gate_gradient(
                a.first + i * a.clip, a.row, b.first + i * b.clip, b.row, a.rows, channels,
                scratch if accumulate else y.first + i * y.clip, a.row)
            if accumulate:
                kernels.add_rows(scratch, a.row, a.rows, 2 * channels, y.first + i * y.clip, y.row)
    free(scratch)


def running(cnp.ndarray x, bint mean, cnp.ndarray out):
    """out = the mean, or the maximum, of all rows of a clip so far."""
    cdef View a = view(x), y = view(out)
    cdef Py_ssize_t i, clips = same(a, y)
    cdef double[::1] state = np.empty(a.row)
    for i in range(clips):
        state[:] = 0.0
        if mean:
            kernels.running_mean(a.first + i * a.clip, a.rows, &state[0], 0.0, y.first + i * y.clip, y.row)
        else:
            kernels.running_max(a.first + i * a.clip, a.rows, &state[0], 0.0, y.first + i * y.clip, y.row)


def running_gradient(cnp.ndarray x, cnp.ndarray g, bint mean, Py_ssize_t channels, cnp.ndarray out):
    """out += the gradient of `running`."""
    cdef View a = view(x), b = view(g), y = view(out)
    cdef Py_ssize_t i, clips = same(a, b)
    same(a, y)
    with nogil:
        for i in range(clips):
            if mean:
                kernels.running_mean_gradient(b.first + i * b.clip, b.row, a.rows, channels, y.first + i * y.clip, y.row)
            else:
                kernels.running_max_gradient(
                    a.first + i * a.clip, a.row, b.first + i * b.clip, b.row, a.rows, channels, y.first + i * y.clip, y.row)
