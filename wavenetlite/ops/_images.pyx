# cython: boundscheck=False, initializedcheck=False, wraparound=False
"""Convolution of images (count, height, width, channels): loops over rows around the kernels of kernels/.

Arrays are float32 views that may skip images, rows and pixels, but a pixel's channels are contiguous. Every function
releases the GIL.

Design: an output row is a run of pixels and each tap of the filters a run of input pixels, which is what the convolution
kernel computes, pixel by pixel in the same order of additions. If a run exceeds the image, its rows are first copied to
a zero-padded window, which stays in the cache: so the kernel needs no edge cases, and a value does not depend on the
position of its pixel or the division into runs. Rows above and below the image are skipped: an FMA with zero changes
nothing.
"""

cimport numpy as cnp
from libc.stdint cimport uint64_t
from libc.string cimport memcpy, memset

from functools import lru_cache

from wavenetlite.kernels.pack import panel_cuts
from wavenetlite.kernels.packed cimport Blocks
from wavenetlite.kernels import padded, panel_widths
from wavenetlite.kernels.dispatch cimport kernels as chosen_kernels
from wavenetlite.kernels.types cimport LANES, WIDE, Conv, Kernels, Panel

cdef extern from "simd.h" nogil:
    uint64_t flush_subnormals()
    void restore_subnormals(uint64_t)
    void prefetch(const void*)

cnp.import_array()

cdef const Kernels* kernels = chosen_kernels()

cdef enum:
    RUN = 240                   # pixels of a row at a time, at most
    TALLEST = 12                # rows of the tallest tile
    NEAR = 10000                # floats of a panel's filters that stay in the first-level cache, besides the input
    TOGETHER = 1024             # pixels whose gradients are summed in float32


# Images in memory: the first one, and the distances of images, rows and pixels in floats.
cdef struct Images:
    float* first
    Py_ssize_t count, height, width, channels
    Py_ssize_t image, row, pixel


cdef Images images(cnp.ndarray a) except *:
    cdef Images v
    cdef bint beside = cnp.PyArray_STRIDE(a, 3) == sizeof(float) or cnp.PyArray_DIM(a, 3) == 1
    if cnp.PyArray_TYPE(a) != cnp.NPY_FLOAT32 or cnp.PyArray_NDIM(a) != 4 or not beside:
        raise TypeError(f"array of {a.dtype}, strides {(<object>a).strides}, does not contain float32 images")
    v.first = <float*>cnp.PyArray_DATA(a)
    v.count, v.height = cnp.PyArray_DIM(a, 0), cnp.PyArray_DIM(a, 1)
    v.width, v.channels = cnp.PyArray_DIM(a, 2), cnp.PyArray_DIM(a, 3)
    v.image = cnp.PyArray_STRIDE(a, 0) // <Py_ssize_t>sizeof(float)
    v.row = cnp.PyArray_STRIDE(a, 1) // <Py_ssize_t>sizeof(float)
    v.pixel = cnp.PyArray_STRIDE(a, 2) // <Py_ssize_t>sizeof(float)
    return v


# Geometry of a convolution: output pixel (r, c) reads, for tap (i, j), input pixel
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
    Conv conv                   # both chains, as in the kernel
    Conv[2] chain               # each as a separate convolution, for computing them in turn: see `pack`
    Py_ssize_t chains
    Py_ssize_t share            # channels of a pixel per chain
    bint in_turn                # always in turn, because the filters are large
    const Py_ssize_t* width     # of each panel
    const float* weights        # depthwise: (taps, line_pixel)
    const float* bias           # depthwise
    bint depthwise
    Images x, y
    Reach reach
    Py_ssize_t taps_down
    Py_ssize_t taps_across      # as seen by the kernel: contiguous neighbours may be merged
    Py_ssize_t across           # pixels between the first and last tap of a row
    Py_ssize_t pixel            # floats of a pixel in the window
    Py_ssize_t ring             # rows in the window
    Py_ssize_t line_pixel       # floats of an output pixel as the kernel writes it
    float* window               # (ring, pixels, pixel); NULL if no run exceeds the image
    float* line                 # (RUN, line_pixel), if the kernel cannot write to the output; else NULL
    const float** at            # (taps,) arguments of the kernel
    Py_ssize_t* step


@lru_cache(1024)
def panels_of(channels: int) -> list[tuple[int, int, int]]:
    """First channel, width and kind of each panel of output channels."""
    widths = panel_widths()
    return [(cut.first, cut.width, widths.index(cut.width)) for cut in panel_cuts(channels, False)]


cdef int pack(Work* w, const float[:, :, :, ::1] filters, const float[::1] bias, Blocks blocks) except -1:
    """Pack the filters (height, width, in, out) into panels of output channels, as kernels.pack does.

    The chains are also packed as separate convolutions, the second without a bias; the sum of their outputs is
    bit-identical to what the kernel computes from both. So they can be run in turn, which pays if

    - the panels of both do not fit into the first-level cache, so that every tile would reload them;
    - taps at the edge of the image are skipped, whose weights the kernel cannot skip in both chains at once.
    """
    cdef Py_ssize_t taps = filters.shape[0] * filters.shape[1], depth = filters.shape[2], channels = filters.shape[3]
    cdef bint wide = depth % WIDE == 0
    cdef Py_ssize_t first, width, kind, here, chain, tap, c, i, panels
    cdef Py_ssize_t* numbers
    cdef const float* f = &filters[0, 0, 0, 0]
    cdef const float* from_f
    cdef float* to
    cdef Panel* panel
    cuts = panels_of(channels)
    panels = len(cuts)
    w.chains = 2 if wide else 1
    w.share = depth // w.chains
    w.in_turn = not wide or taps * depth * <Py_ssize_t>cuts[0][1] > NEAR
    numbers = <Py_ssize_t*>blocks.allocate((2 * taps + panels) * sizeof(Py_ssize_t))
    panel = <Panel*>blocks.allocate(2 * panels * sizeof(Panel))
    for i in range(taps):
        numbers[i] = depth * filters.shape[1] // w.taps_across // w.chains
    w.conv.taps = w.taps_down * w.taps_across
    w.conv.chain_length = taps * w.share
    w.conv.length, w.width = numbers, numbers + 2 * taps
    w.conv.panels, w.conv.panel = panels, panel
    w.conv.channels, w.conv.padded = channels, w.line_pixel
    w.chain[0] = w.chain[1] = w.conv
    w.chain[1].panel = panel + panels
    to = <float*>blocks.allocate(((taps * depth + 2) * w.line_pixel) * sizeof(float))
    for i, (first, width, kind) in enumerate(cuts):
        numbers[2 * taps + i] = width
        here = max(<Py_ssize_t>0, min(width, channels - first))     # a panel may lie in the padding
        for chain in range(w.chains):
            panel[i + chain * panels].rows, panel[i + chain * panels].together = kernels.panel_kernels[kind], 1
            panel[i + chain * panels].out, panel[i + chain * panels].window = first, numbers + taps     # zeros
            panel[i + chain * panels].bias = to + chain * width         # zeros for the second chain
        if bias is not None:
            memcpy(to, &bias[first], here * sizeof(float))
        to += 2 * width
        panel[i].wide = to
        for chain in range(w.chains):
            panel[i + chain * panels].narrow = to
            for tap in range(taps):
                from_f = f + (tap * depth + chain * w.share) * channels + first
                if width == channels:
                    memcpy(to, from_f, w.share * width * sizeof(float))
                else:
                    for c in range(w.share):
                        memcpy(to + c * width, from_f + c * channels, here * sizeof(float))
                to += w.share * width
    return 0


cdef int pack_depthwise(Work* w, const float[:, :, :, ::1] filters, const float[::1] bias, Blocks blocks) except -1:
    """Pack the filters (height, width, 1, channels) with padded rows, followed by the bias."""
    cdef Py_ssize_t tap, taps = filters.shape[0] * filters.shape[1], channels = filters.shape[3]
    cdef float* arena = <float*>blocks.allocate((taps + 1) * w.line_pixel * sizeof(float))
    for tap in range(taps):
        memcpy(arena + tap * w.line_pixel, &filters[0, 0, 0, 0] + tap * channels, channels * sizeof(float))
    w.weights, w.bias = arena, arena + taps * w.line_pixel
    if bias is not None:
        memcpy(arena + taps * w.line_pixel, &bias[0], channels * sizeof(float))
    return 0


cdef void copy_row(Work* w, const float* image, Py_ssize_t row, Py_ssize_t first, Py_ssize_t pixels) noexcept nogil:
    """Copy a row's pixels from `first` on to the window, which is already zero outside the image."""
    cdef float* to = w.window + (row % w.ring) * pixels * w.pixel
    cdef const float* x = image + row * w.x.row
    cdef Py_ssize_t begin = min(max(-first, 0), pixels), end = max(min(w.x.width - first, pixels), begin), i
    if w.x.pixel == w.pixel:
        memcpy(to + begin * w.pixel, x + (first + begin) * w.pixel, (end - begin) * w.pixel * sizeof(float))
    else:
        for i in range(begin, end):
            memcpy(to + i * w.pixel, x + (first + i) * w.x.pixel, w.x.channels * sizeof(float))


cdef Py_ssize_t bring_rows(
    Work* w, const float* image, Py_ssize_t ready, Py_ssize_t top, Py_ssize_t first, Py_ssize_t pixels) noexcept nogil:
    """Copy the rows that the filters need at row `top` to the window, which has those before `ready`; returns the next.

    The next row is prefetched while the kernel computes.
    """
    cdef Py_ssize_t i, end = min(top + (w.taps_down - 1) * w.reach.spacing_down + 1, w.x.height)
    ready = max(ready, top)
    while ready < end:
        copy_row(w, image, ready, first, pixels)
        ready += 1
    if ready < w.x.height:
        image += ready * w.x.row + max(<Py_ssize_t>0, first) * w.x.pixel
        for i in range(pixels * w.x.pixel // LANES):
            prefetch(image + i * LANES)
    return ready


cdef void chains_in_turn(
    Work* w, Py_ssize_t skipped, Py_ssize_t taps, Py_ssize_t pixels, float* out, Py_ssize_t ld) noexcept nogil:
    """The convolution with only the `taps` after the first `skipped` ones."""
    cdef Py_ssize_t chain, i, k
    cdef Conv conv
    cdef Panel panel
    for chain in range(w.chains):
        conv = w.chain[chain]
        conv.taps = conv.narrow_taps = taps
        for i in range(conv.panels):
            panel = conv.panel[i]
            panel.narrow += skipped * conv.length[0] * w.width[i]
            panel.rows(
                &conv, &panel, w.at, w.step, pixels, out + panel.out if chain else NULL, out + panel.out, ld)
        for k in range(taps):
            w.at[k] += w.share


cdef void convolve_run(
    Work* w, const float* image, float* out, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    """Output pixels `begin` to `end` of every row of an image."""
    cdef Reach p = w.reach
    cdef Py_ssize_t first = begin * p.stride_across + p.origin_across
    cdef Py_ssize_t pixels = (end - 1 - begin) * p.stride_across + w.across + 1
    cdef bint inside = w.window == NULL or (first >= 0 and first + pixels <= w.x.width and w.x.pixel == w.pixel)
    cdef Py_ssize_t pixel = w.x.pixel if inside else w.pixel
    cdef Py_ssize_t r, i, j, row, top, taps, skipped, ready = 0
    cdef const float* x
    cdef float* y
    cdef float* to
    cdef Py_ssize_t ld = w.y.pixel if w.line == NULL else w.line_pixel
    if not inside:
        memset(w.window, 0, w.ring * pixels * w.pixel * sizeof(float))
    for r in range(w.y.height):
        top = r * p.stride_down + p.origin_down
        if not inside:
            ready = bring_rows(w, image, ready, top, first, pixels)
        taps = skipped = 0
        for i in range(w.taps_down):
            row = top + i * p.spacing_down
            if row < 0:
                skipped += w.taps_across
            elif row < w.x.height:
                x = image + row * w.x.row + first * pixel if inside else w.window + (row % w.ring) * pixels * pixel
                for j in range(w.taps_across):
                    w.at[taps], w.step[taps] = x + j * p.spacing_across * pixel, p.stride_across * pixel
                    taps += 1
        y = out + r * w.y.row + begin * w.y.pixel
        to = y if w.line == NULL else w.line
        if w.depthwise:
            kernels.convolve_depthwise(
                w.weights + skipped * w.line_pixel, w.bias, taps, w.at, w.step, end - begin, to, w.line_pixel)
        elif w.in_turn or taps < w.taps_down * w.taps_across:
            chains_in_turn(w, skipped, taps, end - begin, to, ld)
        else:
            kernels.convolve(&w.conv, w.at, w.step, end - begin, NULL, to, ld)
        if w.line != NULL:
            for i in range(end - begin):
                memcpy(y + i * w.y.pixel, w.line + i * w.line_pixel, w.y.channels * sizeof(float))


def convolve(
    cnp.ndarray value, const float[:, :, :, ::1] filters, const float[::1] bias, bint depthwise, tuple origin,
    tuple spacing, tuple strides, cnp.ndarray out):
    """out = bias + the convolution of `value`, zero-padded, with `filters` (height, width, in, out).

    Output pixel r reads for tap i input pixel ``r * stride + origin + i * spacing``, on each axis.
    """
    cdef Work w
    cdef Blocks blocks = Blocks()
    cdef Py_ssize_t b, runs, run, begin, end, most
    cdef uint64_t mode
    memset(&w, 0, sizeof(w))
    w.x, w.y = images(value), images(out)
    w.depthwise = depthwise
    w.reach = reach(origin, spacing, strides)
    w.line_pixel = padded(w.y.channels)
    w.pixel = w.line_pixel if depthwise else w.x.channels
    w.taps_down, w.taps_across = filters.shape[0], filters.shape[1]
    w.across = (w.taps_across - 1) * w.reach.spacing_across
    if w.reach.spacing_across == 1 and w.x.channels % WIDE and w.x.pixel == w.pixel and not depthwise:
        w.taps_across = 1                       # narrow taps, contiguous in memory as in the chain
    if depthwise:
        pack_depthwise(&w, filters, bias, blocks)
    else:
        pack(&w, filters, bias, blocks)
    w.at = <const float**>blocks.allocate(w.taps_down * w.taps_across * sizeof(float*))
    w.step = <Py_ssize_t*>blocks.allocate(w.taps_down * w.taps_across * sizeof(Py_ssize_t))
    runs = (w.y.width + RUN - 1) // RUN
    run = min((w.y.width + runs * TALLEST - 1) // (runs * TALLEST) * TALLEST, w.y.width)    # of about equal length
    most = (w.y.width - 1) * w.reach.stride_across + w.reach.origin_across + w.across + 1
    if w.reach.origin_across < 0 or most > w.x.width or w.x.pixel != w.pixel:
        w.ring = min((w.taps_down - 1) * w.reach.spacing_down + 1, w.x.height)
        w.window = <float*>blocks.allocate(
            w.ring * ((run - 1) * w.reach.stride_across + w.across + 1) * w.pixel * sizeof(float))
    if w.line_pixel != w.y.channels or (depthwise and w.line_pixel != w.y.pixel):
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
    """total += the contribution of the output pixels `begin` to `end` of a row of image `b` to each tap."""
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
    """out (height, width, in, out) += the gradient of the filters, given the gradient `upstream` of the output.

    Output channels are a multiple of 4 unless the convolution is depthwise. Sums are in float32 over about a thousand
    pixels at a time, and in float64 over these.
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
