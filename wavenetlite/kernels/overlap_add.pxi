# Frames of samples that overlap, added: the last step of an inverse short-time Fourier transform.


cdef void run_overlap_add(const KernelCall* call, const Rows* rows) noexcept nogil:
    """Each sample is the sum of the frames over it, oldest first, divided by the sum of their squared windows.

    sizes: samples of a frame, and which of them of the first tap is phase 0; arrays: the squared window. The value after
    the samples of a frame is 1, but before the signal and after its end, where frames are zeros: so the first and last
    samples are divided by the windows of the frames that are there.
    """
    cdef Py_ssize_t n = call.sizes[0], hop = call.phases, row, phase, k, at, frame
    cdef const float* x
    cdef float total, window
    for row in range(rows.rows):
        frame, phase = row // hop, row % hop
        total = window = 0.0
        for k in range(call.taps):
            at = call.sizes[1] + phase - k * hop
            if 0 <= at < n:
                x = rows.x[k] + frame * rows.ldx[k]
                total += x[at]
                window += x[n] * call.arrays[0][at]
        rows.out[row * rows.ld] = total / window if window > <float>1e-11 else total


offer_step(b"overlap_add", run_overlap_add)
