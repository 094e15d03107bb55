# Channels side by side.


cdef void run_concat(const KernelCall* call, const Rows* rows) noexcept nogil:
    """The channels of the taps one after the other, or those of each of `bins` bins; sizes: bins, first channel that is read
    of a tap's, and for each tap how many of a bin."""
    cdef Py_ssize_t bins = call.sizes[0], skipped = call.sizes[1], row, k, i, n, first = 0
    for k in range(call.taps):
        n = call.sizes[2 + k]
        for row in range(rows.rows):
            for i in range(bins):
                memcpy(
                    rows.out + row * rows.ld + i * (call.channels // bins) + first,
                    rows.x[k] + row * rows.ldx[k] + i * n + skipped, n * sizeof(float))
        first += n


offer_step(b"concat", run_concat)
