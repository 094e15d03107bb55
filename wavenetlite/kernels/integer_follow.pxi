# What follows a convolution in the same step: element-wise kernels of integer_steps.pxi.in. Design: a step for each of them costs
# more than its arithmetic, and rows would go through the caches in between. So the convolution writes a few rows side by side,
# where they are still in the first-level cache when the next kernel reads them; the last one writes the step's output.
#
# `sizes` of each, one after the other, see graph.IntegerConvolution: which kernel; its channels; the tap of the other sequence
# that it reads, after those of the convolution, or -1; whether that comes first; the first of its arrays; how many sizes of
# its own follow; and these.
cdef enum:
    KIND = 0, CHANNELS, OTHER, OTHER_FIRST, ARRAYS, OWN, FOLLOWER_SIZES

# As in graph.FOLLOWING
cdef StepKernel[4] FOLLOWING = [run_look_up, run_integer_add, run_integer_multiply, run_integer_gate]


cdef Rows rows_for(const KernelCall* call, const Rows* rows, Py_ssize_t first, Py_ssize_t last, int* held) noexcept nogil:
    """Where the convolution writes output rows [first, last): to the step's output, or to `held` for those that follow."""
    cdef Rows now = rows[0]
    now.rows = last - first
    if call.sizes[FOLLOWERS]:
        now.out, now.ld = <float*>held, call.sizes[HELD] // 4
    else:
        now.out = rows.out + first * rows.ld
    return now


cdef void follow(
    const KernelCall* call, const Py_ssize_t* follower, const Rows* rows, Py_ssize_t first, const Rows* now) noexcept nogil:
    """Run what follows on the rows that the convolution has written, which are those of the step from `first` on."""
    cdef Py_ssize_t left, ld = now.ld
    cdef const float* x[2]
    cdef Py_ssize_t ldx[2]
    cdef KernelCall next
    cdef Rows taken = now[0]
    taken.x, taken.ldx = x, ldx
    for left in range(call.sizes[FOLLOWERS], 0, -1):
        next.channels, next.taps = follower[CHANNELS], 2
        next.sizes, next.arrays = follower + FOLLOWER_SIZES, call.arrays + follower[ARRAYS]
        x[follower[OTHER_FIRST]], ldx[follower[OTHER_FIRST]] = now.out, ld
        if follower[OTHER] >= 0:
            x[1 - follower[OTHER_FIRST]] = rows.x[follower[OTHER]] + first * rows.ldx[follower[OTHER]]
            ldx[1 - follower[OTHER_FIRST]] = rows.ldx[follower[OTHER]]
        if left == 1:
            taken.out, taken.ld = rows.out + first * rows.ld, rows.ld
        FOLLOWING[follower[KIND]](&next, &taken)
        follower += FOLLOWER_SIZES + follower[OWN]
