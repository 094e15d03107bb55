# The maximum of a window of frames and bins.


cdef void run_max_pool(const KernelCall* call, const Rows* rows) noexcept nogil:
    """sizes: maps of a bin, bins of the output, bins from one output to the next, and bins of the window."""
    cdef Py_ssize_t maps = call.sizes[0], bins = call.sizes[1], step = call.sizes[2] * maps, window = call.sizes[3]
    cdef Py_ssize_t row, bin, k, place, c
    cdef const float* x
    cdef float* y
    for row in range(rows.rows):
        for bin in range(bins):
            y = rows.out + row * rows.ld + bin * maps
            memcpy(y, rows.x[0] + row * rows.ldx[0] + bin * step, maps * sizeof(float))
            for k in range(call.taps):
                x = rows.x[k] + row * rows.ldx[k] + bin * step
                for place in range(k == 0, window):
                    for c in range(maps):
                        y[c] = x[place * maps + c] if x[place * maps + c] > y[c] else y[c]


offer_step(b"max_pool", run_max_pool)
