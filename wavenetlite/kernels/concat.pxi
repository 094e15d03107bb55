# Concatenation of channels.


cdef void run_concat(const KernelCall* call, const Rows* rows) noexcept nogil:
    """Concatenate the channels of the taps, bin by bin; sizes: bins, first channel read of each tap, and for each tap the
    channels per bin."""
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
