# cython: boundscheck=False, initializedcheck=False, wraparound=False
"""Pooling of images (count, height, width, channels), and its gradients. Windows are cut off where the image ends."""

from libc.string cimport memcpy, memset


# The part of a window that lies in the image: rows and columns from ... to.
cdef struct Window:
    Py_ssize_t top, bottom, left, right


cdef inline Window window(
    Py_ssize_t r, Py_ssize_t c, (Py_ssize_t, Py_ssize_t) size, (Py_ssize_t, Py_ssize_t) strides,
    (Py_ssize_t, Py_ssize_t) before, Py_ssize_t height, Py_ssize_t width) noexcept nogil:
    cdef Window w
    w.top, w.left = max(r * strides[0] - before[0], 0), max(c * strides[1] - before[1], 0)
    w.bottom = min(r * strides[0] - before[0] + size[0], height)
    w.right = min(c * strides[1] - before[1] + size[1], width)
    return w


def max_pool(
    const float[:, :, :, ::1] value, (Py_ssize_t, Py_ssize_t) size, (Py_ssize_t, Py_ssize_t) strides,
    (Py_ssize_t, Py_ssize_t) before, float[:, :, :, ::1] out):
    """out = the largest of each window, NaN if there is one."""
    cdef Py_ssize_t b, r, c, i, j, k, channels = value.shape[3]
    cdef const float* x
    cdef float* y
    cdef Window w
    with nogil:
        for b in range(out.shape[0]):
            for r in range(out.shape[1]):
                for c in range(out.shape[2]):
                    w = window(r, c, size, strides, before, value.shape[1], value.shape[2])
                    y = &out[b, r, c, 0]
                    memcpy(y, &value[b, w.top, w.left, 0], channels * sizeof(float))
                    for i in range(w.top, w.bottom):
                        for j in range(w.left, w.right):
                            x = &value[b, i, j, 0]
                            for k in range(channels):
                                y[k] = x[k] if x[k] > y[k] or x[k] != x[k] else y[k]


def average_pool(
    const float[:, :, :, ::1] value, (Py_ssize_t, Py_ssize_t) size, (Py_ssize_t, Py_ssize_t) strides,
    (Py_ssize_t, Py_ssize_t) before, float[:, :, :, ::1] out):
    """out = the mean of what each window has in the image, summed row by row."""
    cdef Py_ssize_t b, r, c, i, j, k, channels = value.shape[3]
    cdef const float* x
    cdef float* y
    cdef float count
    cdef Window w
    with nogil:
        for b in range(out.shape[0]):
            for r in range(out.shape[1]):
                for c in range(out.shape[2]):
                    w = window(r, c, size, strides, before, value.shape[1], value.shape[2])
                    y = &out[b, r, c, 0]
                    memset(y, 0, channels * sizeof(float))
                    for i in range(w.top, w.bottom):
                        for j in range(w.left, w.right):
                            x = &value[b, i, j, 0]
                            for k in range(channels):
                                y[k] += x[k]
                    count = <float>((w.bottom - w.top) * (w.right - w.left))
                    for k in range(channels):
                        y[k] /= count


def max_pool_gradient(
    const float[:, :, :, ::1] value, const float[:, :, :, ::1] upstream, (Py_ssize_t, Py_ssize_t) size,
    (Py_ssize_t, Py_ssize_t) strides, (Py_ssize_t, Py_ssize_t) before, float[:, :, :, ::1] out):
    """out += the gradient of each output, where its window first has its largest value."""
    cdef Py_ssize_t b, r, c, i, j, k, row, column
    cdef float top, v
    cdef Window w
    with nogil:
        for b in range(upstream.shape[0]):
            for r in range(upstream.shape[1]):
                for c in range(upstream.shape[2]):
                    w = window(r, c, size, strides, before, value.shape[1], value.shape[2])
                    for k in range(value.shape[3]):
                        row, column = w.top, w.left
                        top = value[b, row, column, k]
                        for i in range(w.top, w.bottom):
                            for j in range(w.left, w.right):
                                v = value[b, i, j, k]
                                if v > top or (v != v and top == top):
                                    row, column, top = i, j, v
                        out[b, row, column, k] += upstream[b, r, c, k]


def average_pool_gradient(
    const float[:, :, :, ::1] upstream, (Py_ssize_t, Py_ssize_t) size, (Py_ssize_t, Py_ssize_t) strides,
    (Py_ssize_t, Py_ssize_t) before, float[:, :, :, ::1] out):
    """out += the gradient of each output, shared equally by what its window has in the image."""
    cdef Py_ssize_t b, r, c, i, j, k
    cdef float count
    cdef Window w
    with nogil:
        for b in range(upstream.shape[0]):
            for r in range(upstream.shape[1]):
                for c in range(upstream.shape[2]):
                    w = window(r, c, size, strides, before, out.shape[1], out.shape[2])
                    count = <float>((w.bottom - w.top) * (w.right - w.left))
                    for i in range(w.top, w.bottom):
                        for j in range(w.left, w.right):
                            for k in range(out.shape[3]):
                                out[b, i, j, k] += upstream[b, r, c, k] / count
