# A window of frames before each frame, where the signal is reflected at its start.


cdef void run_reflected(const KernelCall* call, const Rows* rows) noexcept nogil:
    """The frames of a window side by side, channel by channel; sizes: frames of the window, from one of them to the next,
    and channels of a frame. Frame -i is frame i. The taps are as many frames before this one as after it. State: the
    frames so far."""
    cdef Py_ssize_t window = call.sizes[0], spacing = call.sizes[1], channels = call.sizes[2], row, k, c, tap, back
    cdef double* frames
    cdef const float* x
    for row in range(rows.rows):
        frames = <double*>rows.state[row * rows.state_step]
        for k in range(window):
            back = (window - 1 - k) * spacing
            tap = call.taps // 2 - back
            if <double>back > frames[0]:        # frame i - back is the same as frame back - i
                tap += 2 * (back - <Py_ssize_t>frames[0])
            x = rows.x[tap] + row * rows.ldx[tap]
            for c in range(channels):
                rows.out[row * rows.ld + c * window + k] = x[c]
        frames[0] += 1.0


offer_step(b"reflected", run_reflected)
