# Training kernels without explicit vectors: the compiler vectorises them over channels. Sums over a clip's rows are in
# float32, sums over clips in float64.
cdef enum:
    TILE = 64                   # channels summed at a time


cdef void sum_rows(const float* x, Py_ssize_t ldx, Py_ssize_t rows, Py_ssize_t channels, float* out) noexcept nogil:
    """out += the sum of the rows."""
    cdef Py_ssize_t row, c, tile, first, n
    cdef float total[TILE]
    for tile in range((channels + TILE - 1) // TILE):
        first = tile * TILE
        n = min(<Py_ssize_t>TILE, channels - first)
        memset(total, 0, sizeof(total))
        for row in range(rows):
            for c in range(n):
                total[c] += x[row * ldx + first + c]
        for c in range(n):
            out[first + c] += total[c]


cdef void depthwise_gradient(
    const float* x, Py_ssize_t ldx, const float* g, Py_ssize_t ldg, Py_ssize_t rows, Py_ssize_t channels, float* out,
) noexcept nogil:
    """out[c] += sum over the rows of x[row, c] g[row, c]: one tap of a depthwise convolution."""
    cdef Py_ssize_t row, c, tile, first, n
    cdef float total[TILE]
    for tile in range((channels + TILE - 1) // TILE):
        first = tile * TILE
        n = min(<Py_ssize_t>TILE, channels - first)
        memset(total, 0, sizeof(total))
        for row in range(rows):
            for c in range(n):
                total[c] += x[row * ldx + first + c] * g[row * ldg + first + c]
        for c in range(n):
            out[first + c] += total[c]


cdef void channel_sums(
    const float* x, Py_ssize_t ldx, Py_ssize_t rows, Py_ssize_t channels, const float* shift, double* total, double* squares,
) noexcept nogil:
    """Sums of x - shift and of its square, over the rows of a clip."""
    cdef Py_ssize_t row, c, tile, first, n
    cdef float one[TILE]
    cdef float two[TILE]
    cdef float v
    for tile in range((channels + TILE - 1) // TILE):
        first = tile * TILE
        n = min(<Py_ssize_t>TILE, channels - first)
        memset(one, 0, sizeof(one))
        memset(two, 0, sizeof(two))
        for row in range(rows):
            for c in range(n):
                v = x[row * ldx + first + c] - shift[first + c]
                one[c] += v
                two[c] += v * v
        for c in range(n):
            total[first + c] += one[c]
            squares[first + c] += two[c]


cdef void normalise(
    const float* x, Py_ssize_t ldx, Py_ssize_t rows, Py_ssize_t channels, const float* scale, const float* offset, bint relu,
    const float* addend, Py_ssize_t ld_addend, float* out, Py_ssize_t ld) noexcept nogil:
    """out = x * scale + offset, optionally with a ReLU, plus the addend (NULL: none)."""
    cdef Py_ssize_t row, c
    cdef float least = 0.0 if relu else -3.4e38, v
    for row in range(rows):
        if addend == NULL:
            for c in range(channels):
                v = x[row * ldx + c] * scale[c] + offset[c]
                out[row * ld + c] = least if v < least else v
        else:
            for c in range(channels):
                v = x[row * ldx + c] * scale[c] + offset[c]
                out[row * ld + c] = (least if v < least else v) + addend[row * ld_addend + c]


cdef void normalise_sums(
    const float* x, Py_ssize_t ldx, const float* g, Py_ssize_t ldg, Py_ssize_t rows, Py_ssize_t channels, const float* scale,
    const float* offset, const float* mean, bint relu, double* total, double* products) noexcept nogil:
    """Sums over a clip of the gradient before the ReLU, and of its product with x - mean."""
    cdef Py_ssize_t row, c, tile, first, n
    cdef float one[TILE]
    cdef float two[TILE]
    cdef float v, open_at = 0.0 if relu else -3.4e38
    for tile in range((channels + TILE - 1) // TILE):
        first = tile * TILE
        n = min(<Py_ssize_t>TILE, channels - first)
        memset(one, 0, sizeof(one))
        memset(two, 0, sizeof(two))
        for row in range(rows):
            for c in range(n):
                v = g[row * ldg + first + c] if x[row * ldx + first + c] * scale[first + c] + offset[first + c] > open_at else <float>0.0
                one[c] += v
                two[c] += v * (x[row * ldx + first + c] - mean[first + c])
        for c in range(n):
            total[first + c] += one[c]
            products[first + c] += two[c]


cdef void normalise_gradient(
    const float* x, Py_ssize_t ldx, const float* g, Py_ssize_t ldg, Py_ssize_t rows, Py_ssize_t channels, const float* scale,
    const float* offset, const float* mean, bint relu, const float* constant, const float* slope, bint accumulate, float* out,
    Py_ssize_t ld) noexcept nogil:
    """out (+)= scale * gradient before the ReLU - constant - slope * (x - mean)."""
    cdef Py_ssize_t row, c
    cdef float v, w, open_at = 0.0 if relu else -3.4e38
    for row in range(rows):
        for c in range(channels):
            w = x[row * ldx + c]
            v = g[row * ldg + c] if w * scale[c] + offset[c] > open_at else <float>0.0
            v = v * scale[c] - constant[c] - slope[c] * (w - mean[c])
            out[row * ld + c] = (out[row * ld + c] if accumulate else <float>0.0) + v


cdef void add_rows(const float* x, Py_ssize_t ldx, Py_ssize_t rows, Py_ssize_t channels, float* out, Py_ssize_t ld) noexcept nogil:
    """out += x."""
    cdef Py_ssize_t row, c
    for row in range(rows):
        for c in range(channels):
            out[row * ld + c] += x[row * ldx + c]


cdef void adam(
    Py_ssize_t n, const float* gradient, const float* decayed, const Adam* adam, float* first, float* second,
    float* values) noexcept nogil:
    """A step of `values` and of the moving averages of the gradient and of its square; `decayed` is 1 where values decay."""
    cdef Adam a = adam[0]
    cdef Py_ssize_t i
    cdef float g, v
    for i in range(n):
        g = gradient[i]
        first[i] = first[i] * a.keep_first + a.add_first * g
        second[i] = second[i] * a.keep_second + a.add_second * g * g
        v = values[i] * (<float>1.0 - a.decay * decayed[i])
        values[i] = v - a.rate * first[i] / (sqrtf(second[i]) * a.deviation + a.eps)


KERNELS.adam = adam
KERNELS.sum_rows = sum_rows
KERNELS.depthwise_gradient = depthwise_gradient
KERNELS.channel_sums = channel_sums
KERNELS.normalise = normalise
KERNELS.normalise_sums = normalise_sums
KERNELS.normalise_gradient = normalise_gradient
KERNELS.add_rows = add_rows
