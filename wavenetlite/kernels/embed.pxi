# Rows of a table, which the input's only channel numbers.


cdef void run_embed(const KernelCall* call, const Rows* rows) noexcept nogil:
    """sizes: rows of the table, and floats in each. Whoever feeds a network has checked the numbers; what lies in the padding
    of a chunk must not lead out of the table all the same."""
    cdef Py_ssize_t row, floats = call.sizes[1]
    cdef float last = call.sizes[0] - 1, number
    for row in range(rows.rows):
        number = rows.x[0][row * rows.ldx[0]]
        number = number if number > 0 else 0
        number = number if number < last else last
        memcpy(rows.out + row * rows.ld, call.arrays[0] + <Py_ssize_t>number * floats, floats * sizeof(float))


offer_step(b"embed", run_embed)
