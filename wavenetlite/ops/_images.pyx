# cython: boundscheck=False, initializedcheck=False, wraparound=False
"""Convolution of images (count, height, width, channels): the loops over rows that feed the kernels of kernels/.

Arrays are float32 views that may skip images, rows and pixels, but a pixel's channels lie side by side. Every function
gives up the interpreter's lock for its work.

Design: an output row is a run of pixels and each tap of the filters a run of input pixels, which is what the convolution
kernel computes, pixel by pixel in the same order of additions. Where a run would leave the image, its rows are first
copied to a window with zeros around them, which stays in the cache: so the kernel has no edges, and a value does not
depend on where its pixel lies or how the image is cut into runs.
"""

cimport numpy as cnp
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from wavenetlite.engine.pack import panel_cuts
from wavenetlite.engine.packed cimport Blocks
from wavenetlite.kernels import padded, panel_widths
from wavenetlite.kernels.dispatch cimport kernels as chosen_kernels
from wavenetlite.kernels.types cimport Conv, Kernels, Panel

cdef extern from "simd.h" nogil:
    uint64_t flush_subnormals()
    void restore_subnormals(uint64_t)

cnp.import_array()

cdef const Kernels* kernels = chosen_kernels()

cdef enum:
    WIDE = 8                    # a tap with a multiple of this many channels is split over the kernel's two chains
    RUN = 240                   # pixels of a row at a time, at most
    TALLEST = 12                # rows of the tallest tile
    TOGETHER = 1024             # pixels whose share in a gradient is summed in float32


# Images in memory: where the first is, and how far apart images, rows and pixels are, in floats.
cdef struct Images:
    float* first
    Py_ssize_t count, height, width, channels
    Py_ssize_t image, row, pixel


cdef Images images(cnp.ndarray a) except *:
    cdef Images v
    cdef bint beside = cnp.PyArray_STRIDE(a, 3) == sizeof(float) or cnp.PyArray_DIM(a, 3) == 1
    if cnp.PyArray_TYPE(a) != cnp.NPY_FLOAT32 or cnp.PyArray_NDIM(a) != 4 or not beside:
        raise TypeError(f"array of {a.dtype}, strides {(<object>a).strides}, holds no images of float32")
    v.first = <float*>cnp.PyArray_DATA(a)
    v.count, v.height = cnp.PyArray_DIM(a, 0), cnp.PyArray_DIM(a, 1)
    v.width, v.channels = cnp.PyArray_DIM(a, 2), cnp.PyArray_DIM(a, 3)
    v.image = cnp.PyArray_STRIDE(a, 0) // <Py_ssize_t>sizeof(float)
    v.row = cnp.PyArray_STRIDE(a, 1) // <Py_ssize_t>sizeof(float)
    v.pixel = cnp.PyArray_STRIDE(a, 2) // <Py_ssize_t>sizeof(float)
    return v


# What a convolution reads: output pixel (r, c) reads, for tap (i, j), input pixel
# (r * stride_down + origin_down + i * spacing_down, the same across).
cdef struct Reach:
    Py_ssize_t origin_down, origin_across, spacing_down, spacing_across, stride_down, stride_across


cdef Reach reach(tuple origin, tuple spacing, tuple strides) except *:
    cdef Reach p
    p.origin_down, p.origin_across = origin
    p.spacing_down, p.spacing_across = spacing
    p.stride_down, p.stride_across = strides
    return p


cdef struct Work:
    Conv conv                   # not depthwise
    const float* weights        # depthwise
    const float* bias
    bint depthwise
    Images x, y
    Reach reach
    Py_ssize_t taps_down, taps_across
    Py_ssize_t span             # neighbouring taps of a row that are read as one
    Py_ssize_t pixel            # floats of a pixel in the window
    Py_ssize_t ring             # rows in the window
    Py_ssize_t line_pixel       # floats of an output pixel as the kernel writes it
    float* window               # (ring, pixels, pixel)
    float* zeros
    float* line                 # (RUN, line_pixel), where the kernel cannot write to the output; NULL where it can
    const float** at            # (taps,) what the kernel is handed
    Py_ssize_t* step


cdef const float* pack(Work* w, const float[:, :, :, ::1] filters, const float[::1] bias, Blocks blocks) except NULL:
    """Lay the filters (height, width, in, out) out in panels of output channels, as engine.pack does."""
    cdef Conv* conv = &w.conv
    cdef Py_ssize_t taps = w.taps_down * w.taps_across, depth = filters.shape[2], channels = filters.shape[3]
    cdef bint wide = depth % WIDE == 0
    cdef Py_ssize_t chains = 2 if wide else 1, share = depth // chains, first, width, here, chain, tap, c, i
    cdef Py_ssize_t* lengths
    cdef const float* f = &filters[0, 0, 0, 0]
    cdef float* arena
    cdef float* to
    cdef Panel* panel
    cuts, widths = panel_cuts(channels, False), panel_widths()
    conv.taps = taps // w.span
    conv.narrow_taps = 0 if wide else conv.taps
    conv.chain_length = taps * share if wide else 0
    conv.panels = len(cuts)
    conv.channels = channels
    conv.padded = w.line_pixel
    lengths = <Py_ssize_t*>blocks.allocate(2 * conv.taps * sizeof(Py_ssize_t))
    for i in range(conv.taps):
        lengths[i] = share * w.span
    conv.length, conv.windowed = lengths, lengths + conv.taps
    panel = <Panel*>blocks.allocate(conv.panels * sizeof(Panel))
    conv.panel = panel
    arena = to = <float*>blocks.allocate((taps * depth + 1) * w.line_pixel * sizeof(float))
    for i, (first, width) in enumerate(cuts):
        kind = widths.index(width)
        panel[i].rows, panel[i].row = kernels.panel_kernels[kind], kernels.row_kernels[kind]
        panel[i].out = first
        here = min(width, channels - first)
        panel[i].bias = to
        if bias is not None and here > 0:
            memcpy(to, &bias[first], here * sizeof(float))
        to += width
        panel[i].narrow = panel[i].wide = to
        for chain in range(chains):
            for tap in range(taps):
                for c in range(chain * share, (chain + 1) * share):
                    if here > 0:
                        memcpy(to, f + (tap * depth + c) * channels + first, here * sizeof(float))
                    to += width
    return arena


cdef const float* pack_depthwise(Work* w, const float[:, :, :, ::1] filters, const float[::1] bias, Blocks blocks) except NULL:
    """The filters (height, width, 1, channels) with their rows padded, and the bias behind them."""
    cdef Py_ssize_t tap, taps = w.taps_down * w.taps_across, channels = filters.shape[3]
    cdef float* arena = <float*>blocks.allocate((taps + 1) * w.line_pixel * sizeof(float))
    for tap in range(taps):
        memcpy(arena + tap * w.line_pixel, &filters[0, 0, 0, 0] + tap * channels, channels * sizeof(float))
    w.weights, w.bias = arena, arena + taps * w.line_pixel
    if bias is not None:
        memcpy(arena + taps * w.line_pixel, &bias[0], channels * sizeof(float))
    return arena


cdef void copy_row(Work* w, const float* image, Py_ssize_t row, Py_ssize_t first, Py_ssize_t pixels) noexcept nogil:
    """Copy a row's pixels from `first` on to its place in the window, zeros where the row has none."""
    cdef float* to = w.window + (row % w.ring) * pixels * w.pixel
    cdef const float* x = image + row * w.x.row
    cdef Py_ssize_t begin = min(max(-first, 0), pixels), end = max(min(w.x.width - first, pixels), begin), i
    memset(to, 0, begin * w.pixel * sizeof(float))
    if w.x.pixel == w.pixel:
        memcpy(to + begin * w.pixel, x + (first + begin) * w.pixel, (end - begin) * w.pixel * sizeof(float))
    else:
        for i in range(begin, end):
            memcpy(to + i * w.pixel, x + (first + i) * w.x.pixel, w.x.channels * sizeof(float))
    memset(to + end * w.pixel, 0, (pixels - end) * w.pixel * sizeof(float))


cdef void convolve_run(
    Work* w, const float* image, float* out, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Output pixels `begin` to `end` of every row of an image."""
    cdef Reach p = w.reach
    cdef Py_ssize_t down = (w.taps_down - 1) * p.spacing_down, across = (w.taps_across - 1) * p.spacing_across
    cdef Py_ssize_t first = begin * p.stride_across + p.origin_across
    cdef Py_ssize_t pixels = (end - 1 - begin) * p.stride_across + across + 1
    cdef bint inside = w.window == NULL or (first >= 0 and first + pixels <= w.x.width and w.x.pixel == w.pixel)
    cdef Py_ssize_t pixel = w.x.pixel if inside else w.pixel
    cdef Py_ssize_t r, i, j, k, row, top, ready = 0, c, taps = w.taps_down * w.taps_across // w.span
    cdef const float* x
    cdef float* y
    for r in range(w.y.height):
        top = r * p.stride_down + p.origin_down
        if not inside:
            ready = max(ready, top)
            while ready < min(top + down + 1, w.x.height):
                copy_row(w, image, ready, first, pixels)
                ready += 1
        k = 0
        for i in range(w.taps_down):
            row = top + i * p.spacing_down
            if inside:
                x = image + row * w.x.row + first * pixel
            else:
                x = w.window + (row % w.ring) * pixels * pixel
            for j in range(w.taps_across // w.span):
                if 0 <= row < w.x.height:
                    w.at[k], w.step[k] = x + j * p.spacing_across * pixel, p.stride_across * pixel
                else:
                    w.at[k], w.step[k] = w.zeros, 0
                k += 1
        y = out + r * w.y.row + begin * w.y.pixel
        if w.depthwise:
            kernels.convolve_depthwise(w.weights, w.bias, taps, w.at, w.step, end - begin, w.line, w.line_pixel)
        elif w.line != NULL:
            kernels.convolve(&w.conv, w.at, w.step, end - begin, NULL, w.line, w.line_pixel)
        else:
            kernels.convolve(&w.conv, w.at, w.step, end - begin, NULL, y, w.y.pixel)
        if w.line != NULL:
            for c in range(end - begin):
                memcpy(y + c * w.y.pixel, w.line + c * w.line_pixel, w.y.channels * sizeof(float))


def convolve(
    cnp.ndarray value, const float[:, :, :, ::1] filters, const float[::1] bias, bint depthwise, tuple origin,
    tuple spacing, tuple strides, cnp.ndarray out):
    """out = bias + the convolution of `value` with `filters` (height, width, in, out); zeros lie around an image.

    Output pixel r reads for tap i input pixel ``r * stride + origin + i * spacing``, on each axis.
    """
    cdef Work w
    cdef Blocks blocks = Blocks()
    cdef Py_ssize_t b, runs, run, begin, end, pixels, down, across, most
    cdef uint64_t mode
    memset(&w, 0, sizeof(w))
    w.x, w.y = images(value), images(out)
    w.depthwise = depthwise
    w.taps_down, w.taps_across = filters.shape[0], filters.shape[1]
    w.reach = reach(origin, spacing, strides)
    w.line_pixel = padded(w.y.channels)
    w.pixel = w.line_pixel if w.depthwise else w.x.channels
    w.span = 1
    if w.reach.spacing_across == 1 and w.x.channels % WIDE and w.x.pixel == w.pixel and not w.depthwise:
        w.span = w.taps_across                  # narrow taps, one after the other in memory as in the chain
    if w.depthwise:
        pack_depthwise(&w, filters, bias, blocks)
    else:
        pack(&w, filters, bias, blocks)
    w.at = <const float**>blocks.allocate(w.taps_down * w.taps_across * sizeof(float*))
    w.step = <Py_ssize_t*>blocks.allocate(w.taps_down * w.taps_across * sizeof(Py_ssize_t))
    w.zeros = <float*>blocks.allocate(w.span * w.pixel * sizeof(float))
    down = (w.taps_down - 1) * w.reach.spacing_down
    across = (w.taps_across - 1) * w.reach.spacing_across
    runs = (w.y.width + RUN - 1) // RUN
    run = min((w.y.width + runs * TALLEST - 1) // (runs * TALLEST) * TALLEST, w.y.width)    # of one length, or nearly
    most = (w.y.width - 1) * w.reach.stride_across + w.reach.origin_across + across + 1
    if w.reach.origin_across < 0 or most > w.x.width or w.x.pixel != w.pixel:
        w.ring = min(down + 1, w.x.height)
        pixels = (run - 1) * w.reach.stride_across + across + 1
        w.window = <float*>blocks.allocate(w.ring * pixels * w.pixel * sizeof(float))
    if w.depthwise or w.line_pixel != w.y.channels:
        w.line = <float*>blocks.allocate(run * w.line_pixel * sizeof(float))
    with nogil:
        mode = flush_subnormals()
        for b in range(w.y.count):
            begin = 0
            while begin < w.y.width:
                end = min(begin + run, w.y.width)
                convolve_run(&w, w.x.first + b * w.x.image, w.y.first + b * w.y.image, begin, end)
                begin = end
        restore_subnormals(mode)


cdef void flush_sums(float* total, double* out, Py_ssize_t size) noexcept nogil:
    """out += total; total = 0."""
    cdef Py_ssize_t i
    for i in range(size):
        out[i] += total[i]
    memset(total, 0, size * sizeof(float))


cdef void add_rows_of_gradient(
    const Images* x, const Images* g, const Reach* p, Py_ssize_t b, Py_ssize_t r, Py_ssize_t begin, Py_ssize_t end,
    bint depthwise, Py_ssize_t taps_down, Py_ssize_t taps_across, Py_ssize_t depth, Py_ssize_t channels, float* total,
) noexcept nogil:
    """total += what the output pixels `begin` to `end` of a row of image `b` give to each tap."""
    cdef Py_ssize_t i, j, row, shift, first, last
    cdef const float* from_x
    cdef const float* from_g
    for i in range(taps_down):
        row = r * p.stride_down + p.origin_down + i * p.spacing_down
        if row < 0 or row >= x.height:
            continue
        for j in range(taps_across):
            shift = p.origin_across + j * p.spacing_across      # output pixel c reads c * stride + shift
            if shift >= x.width:
                continue
            first = max(begin, (p.stride_across - 1 - shift) // p.stride_across if shift < 0 else 0)
            last = min(end, (x.width - 1 - shift) // p.stride_across + 1)
            if first >= last:
                continue
            from_x = x.first + b * x.image + row * x.row + (first * p.stride_across + shift) * x.pixel
            from_g = g.first + b * g.image + r * g.row + first * g.pixel
            if depthwise:
                kernels.depthwise_gradient(
                    from_x, p.stride_across * x.pixel, from_g, g.pixel, last - first, channels,
                    total + (i * taps_across + j) * channels)
            else:
                kernels.weight_gradient(
                    from_x, p.stride_across * x.pixel, from_g, g.pixel, last - first, depth, channels,
                    total + (i * taps_across + j) * depth * channels)


def filters_gradient(
    cnp.ndarray value, cnp.ndarray upstream, bint depthwise, tuple origin, tuple spacing, tuple strides,
    double[:, :, :, ::1] out):
    """out (height, width, in, out) += the gradient of the filters where the output's is `upstream`.

    Channels out are a multiple of 4 unless the convolution is depthwise. Summed in float32 over a thousand pixels or so at a
    time, and in float64 over these sums.
    """
    cdef Images x = images(value), g = images(upstream)
    cdef Reach p = reach(origin, spacing, strides)
    cdef Blocks blocks = Blocks()
    cdef Py_ssize_t b, r, run, i, summed = 0, size = out.shape[0] * out.shape[1] * out.shape[2] * out.shape[3]
    cdef float* total = <float*>blocks.allocate(size * sizeof(float))
    cdef uint64_t mode
    with nogil:
        mode = flush_subnormals()
        for b in range(g.count):
            for r in range(g.height):
                for run in range((g.width + RUN - 1) // RUN):
                    add_rows_of_gradient(
                        &x, &g, &p, b, r, run * RUN, min((run + 1) * RUN, g.width), depthwise, out.shape[0], out.shape[1],
                        out.shape[2], out.shape[3], total)
                    summed += min(<Py_ssize_t>RUN, g.width)
                    if summed >= TOGETHER:
                        flush_sums(total, &out[0, 0, 0, 0], size)
                        summed = 0
        flush_sums(total, &out[0, 0, 0, 0], size)
        restore_subnormals(mode)
