# The mean and the maximum of all frames so far. A step's state is one double per channel, and the number of frames.

cdef void running_mean(
    const float* x, Py_ssize_t rows, double* total, double frames, float* out, Py_ssize_t ld) noexcept nogil:
    """Mean of all frames so far; `frames` is the number of previous frames. Summed in double, frame by frame."""
    cdef Py_ssize_t row, c
    for row in range(rows):
        frames += 1.0
        for c in range(ld):
            total[c] += x[row * ld + c]
            out[row * ld + c] = <float>(total[c] / frames)


cdef void running_max(
    const float* x, Py_ssize_t rows, double* top, double frames, float* out, Py_ssize_t ld) noexcept nogil:
    """Maximum of all frames so far; `frames` is the number of previous frames."""
    cdef Py_ssize_t row, c
    for row in range(rows):
        for c in range(ld):
            if x[row * ld + c] > top[c] or (frames == 0.0 and row == 0):
                top[c] = x[row * ld + c]
            out[row * ld + c] = <float>top[c]


cdef void run_mean(const KernelCall* call, const Rows* rows) noexcept nogil:
    run_running(running_mean, rows)


cdef void run_max(const KernelCall* call, const Rows* rows) noexcept nogil:
    run_running(running_max, rows)


ctypedef void (*Running)(
    const float* x, Py_ssize_t rows, double* state, double frames, float* out, Py_ssize_t ld) noexcept nogil


cdef void run_running(Running running, const Rows* rows) noexcept nogil:
    """Consecutive rows of one stream, or one row of each of many."""
    cdef Py_ssize_t together = 1 if rows.state_step else rows.rows, row = 0
    cdef double* state
    while row < rows.rows:
        state = <double*>rows.state[row * rows.state_step]
        running(rows.x[0] + row * rows.ldx[0], together, state, state[rows.ld], rows.out + row * rows.ld, rows.ld)
        state[rows.ld] += together
        row += together


cdef void running_mean_gradient(
    const float* g, Py_ssize_t ldg, Py_ssize_t rows, Py_ssize_t channels, float* out, Py_ssize_t ld) noexcept nogil:
    """out += the gradient of the mean of all frames so far: frame s gets sum over t >= s of g[t] / (t + 1)."""
    cdef Py_ssize_t row, c, tile, first, n
    cdef float total[TILE]
    cdef float share
    for tile in range((channels + TILE - 1) // TILE):
        first = tile * TILE
        n = min(<Py_ssize_t>TILE, channels - first)
        memset(total, 0, sizeof(total))
        for row in range(rows - 1, -1, -1):
            share = <float>(1.0 / (row + 1))
            for c in range(n):
                total[c] += g[row * ldg + first + c] * share
                out[row * ld + first + c] += total[c]


cdef void running_max_gradient(
    const float* x, Py_ssize_t ldx, const float* g, Py_ssize_t ldg, Py_ssize_t rows, Py_ssize_t channels, float* out,
    Py_ssize_t ld) noexcept nogil:
    """out += the gradient of the maximum of all frames so far: each goes to the first frame with the maximum."""
    cdef Py_ssize_t row, c, top
    for c in range(channels):
        top = 0
        for row in range(rows):
            if x[row * ldx + c] > x[top * ldx + c]:
                top = row
            out[top * ld + c] += g[row * ldg + c]


KERNELS.running_mean = running_mean
KERNELS.running_max = running_max
KERNELS.running_mean_gradient = running_mean_gradient
KERNELS.running_max_gradient = running_max_gradient
offer_step(b"mean", run_mean)
offer_step(b"max", run_max)
