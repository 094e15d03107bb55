# What follows a convolution in the same step: element-wise kernels of integer_steps.pxi.in. Design: a step for each of them costs
# more than its arithmetic, and rows would go through the caches in between. So the convolution writes a few rows side by side,
# where they are still in the first-level cache when the next kernel reads them; the last one writes the step's output.
#
# `sizes` of each, one after the other, see graph.IntegerConvolution: which kernel; its channels; the tap of the other sequence
# that it reads, after those of the convolution, or -1; whether that comes first; the first of its arrays; how many sizes of
# its own follow; and these.
cdef enum:
    ADD = 1                     # of KIND
    KIND = 0, CHANNELS, OTHER, OTHER_FIRST, ARRAYS, OWN, FOLLOWER_SIZES

# Rows of an element-wise kernel, in bytes. It gets only what it reads, each by itself: a copy of a larger struct that has just
# been written waits until that has left the CPU's buffer of stores, and so for all that was computed before.
cdef struct Operands:
    Py_ssize_t rows
    const signed char* x
    Py_ssize_t ldx
    const signed char* y
    Py_ssize_t ldy
    signed char* out
    Py_ssize_t ld

ctypedef void (*Following)(
    const Py_ssize_t* sizes, const float** arrays, Py_ssize_t channels, const Operands* rows) noexcept nogil

# As in graph.FOLLOWING
cdef Following[4] FOLLOWING = [look_up_rows, integer_add_rows, integer_multiply_rows, integer_gate_rows]


cdef inline void run_following(Following run, const KernelCall* call, const Rows* rows) noexcept nogil:
    """Run it as a step of its own."""
    cdef Operands operands
    cdef Py_ssize_t second = call.taps > 1
    operands.rows = rows.rows
    operands.x, operands.ldx = row_of(rows, 0, 0), 4 * rows.ldx[0]
    operands.y, operands.ldy = row_of(rows, second, 0), 4 * rows.ldx[second]
    operands.out, operands.ld = out_of(rows, 0), 4 * rows.ld
    run(call.sizes, call.arrays, call.channels, &operands)


cdef inline void place_rows(
    const KernelCall* call, const Rows* rows, Py_ssize_t first, Py_ssize_t last, int* held, Written* to) noexcept nogil:
    """Where the convolution writes output rows [first, last): to the step's output, or to `held` for those that follow."""
    to.rows = last - first
    if call.sizes[FOLLOWERS]:
        to.out, to.ld = <signed char*>held, call.sizes[HELD]
    else:
        to.out, to.ld = out_of(rows, first), 4 * rows.ld


cdef void follow(
    const KernelCall* call, const Py_ssize_t* follower, const Rows* rows, Py_ssize_t first, Py_ssize_t n, signed char* held,
    Py_ssize_t ld) noexcept nogil:
    """Run what follows on the n rows that the convolution has written, which are those of the step from `first` on."""
    cdef Py_ssize_t left, other
    cdef Operands operands
    operands.rows, operands.out, operands.ld = n, held, ld
    for left in range(call.sizes[FOLLOWERS], 0, -1):
        operands.x, operands.ldx = held, ld
        other = follower[OTHER]
        if other >= 0:
            operands.y, operands.ldy = row_of(rows, other, first), 4 * rows.ldx[other]
            if follower[OTHER_FIRST]:
                operands.x, operands.ldx, operands.y, operands.ldy = operands.y, operands.ldy, held, ld
        if left == 1:
            operands.out, operands.ld = out_of(rows, first), 4 * rows.ld
        FOLLOWING[follower[KIND]](
            follower + FOLLOWER_SIZES, call.arrays + follower[ARRAYS], follower[CHANNELS], &operands)
        follower += FOLLOWER_SIZES + follower[OWN]
