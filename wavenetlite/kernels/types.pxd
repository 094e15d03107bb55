"""What the engine hands to a kernel, and the table of kernels that one instruction set offers.

Plain memory: a kernel knows nothing of models, streams or Python. Rows are frames; `ld` ("leading dimension") is the
distance between two rows in floats. Every row that a kernel writes is padded to LANES floats, or to 4 or 8 when it holds
no more than that; the lanes of the padding hold rubbish.
"""

cdef enum:
    LANES = 16                  # floats in the widest vector: rows and weights are laid out for it under every instruction set
    WIDE = 8                    # a tap with a multiple of this many channels is split over the two chains of a convolution
    MOST_OFFERED = 64           # step kernels, and activations, of an instruction set

cdef struct Panel
cdef struct Conv
cdef struct KernelCall
cdef struct Rows

# One panel for all rows; and for a row that comes alone, with a running total that it is added to (NULL: none). Chosen by
# width when a network is compiled.
ctypedef void (*PanelKernel)(
    const Conv* conv, const Panel* panel, const float* const* x, const Py_ssize_t* ldx, Py_ssize_t rows,
    const float* residual, float* out, Py_ssize_t ld_out) noexcept nogil
ctypedef void (*RowKernel)(
    const Conv* conv, const Panel* panel, const float* const* x, const float* residual, float* out,
    float* total) noexcept nogil

# An activation in place, over rows that lie back to back.
ctypedef void (*ActivationKernel)(
    float* y, Py_ssize_t rows, Py_ssize_t ld, Py_ssize_t channels, const float* parameters) noexcept nogil
ctypedef void (*ActivationGradient)(
    const float* x, const float* g, Py_ssize_t n, float* out, const float* parameters) noexcept nogil
# What a node of the graph has asked for by the kernel's name: new rows of its output.
ctypedef void (*StepKernel)(const KernelCall* call, const Rows* rows) noexcept nogil

cdef struct Panel:
    PanelKernel rows
    RowKernel row
    Py_ssize_t out              # first of its output channels
    Py_ssize_t window           # first input channel it reads of a windowed tap (grouped convolution)
    const float* bias           # (width,)
    const float* narrow         # (sum of the narrow taps' lengths, width)
    const float* wide           # (2 chains, chain_length, width)

cdef struct Conv:
    Py_ssize_t taps
    Py_ssize_t narrow_taps      # the first of them: not split over the two chains
    Py_ssize_t chain_length     # sum of the wide taps' lengths
    const Py_ssize_t* length    # (taps,) channels a tap gives to a chain
    const Py_ssize_t* windowed  # (taps,) 1 where a panel reads only its window of channels
    Py_ssize_t panels
    const Panel* panel
    bint grouped                # whether any tap is windowed
    Py_ssize_t channels         # of the output
    Py_ssize_t padded           # and with padding
    bint relu_before            # before the residual is added
    bint relu_after
    ActivationKernel activation # after that; NULL: none
    bint tanh                   # it is tanh, which `row` of a panel takes along
    const float* parameters     # of the activation

# Blocks of a row of the output that are alike: `count` of them, each written and read a step further than the one before.
cdef struct Strip:
    Conv conv
    const float* weights        # depthwise: (taps, channels), else NULL
    const float* bias
    Py_ssize_t taps, channels
    const Py_ssize_t* tap       # (taps,) which of the step's taps a tap of the convolution reads,
    const Py_ssize_t* channel   # (taps,) and from which channel on
    Py_ssize_t count, out, out_step, in_step

# A step as its kernel sees it: what a `graph.KernelCall` says.
cdef struct KernelCall:
    StepKernel run
    Py_ssize_t channels         # of the output
    Py_ssize_t phases           # rows of the output that are made at a time, from one row of each tap
    Py_ssize_t taps
    const Py_ssize_t* sizes     # whole numbers, whatever they mean to the kernel,
    const float** arrays        # and weights
    Conv conv
    Py_ssize_t strips
    const Strip* strip

# What a step's kernel computes at a time, and from what: row r of tap k lies at x[k] + r * ldx[k].
cdef struct Rows:
    const float** x             # (taps,)
    Py_ssize_t* ldx
    Py_ssize_t rows             # of the output
    const float* residual       # NULL: none
    float* out
    Py_ssize_t ld
    # What the step remembers: the rows are those of one stream in their order, whose state is state[0] (state_step 0), or
    # one row each of as many streams (state_step 1).
    char** state
    Py_ssize_t state_step
    float* scratch              # room for as many floats a row as the call asks for
    const float** at            # room for a pointer and a distance for each tap
    Py_ssize_t* apart

cdef extern from "<math.h>" nogil:
    double sqrt(double x)

cdef struct OfferedStep:
    const char* name
    StepKernel run

cdef struct OfferedActivation:
    const char* name
    ActivationKernel run
    ActivationGradient gradient # NULL: the batch executor has its own

cdef struct Kernels:
    void (*convolve)(
        const Conv* conv, const float* const* x, const Py_ssize_t* ldx, Py_ssize_t rows,
        const float* residual, float* out, Py_ssize_t ld_out) noexcept nogil
    void (*convolve_row)(
        const Conv* conv, const float* const* x, const float* residual, float* out, float* total) noexcept nogil
    void (*convolve_depthwise)(
        const float* w, const float* bias, Py_ssize_t taps, const float* const* x, const Py_ssize_t* ldx,
        Py_ssize_t rows, float* out, Py_ssize_t ld) noexcept nogil
    void (*convolve_strips)(
        const Strip* strip, Py_ssize_t strips, const float* const* x, const Py_ssize_t* ldx, Py_ssize_t rows,
        const float* residual, float* out, Py_ssize_t ld_out, const float** at, Py_ssize_t* apart) noexcept nogil
    void (*gate)(
        const float* x, Py_ssize_t ldx, Py_ssize_t rows, Py_ssize_t channels, float* out, Py_ssize_t ld) noexcept nogil
    void (*add)(const float* a, const float* b, Py_ssize_t rows, float* out, Py_ssize_t ld) noexcept nogil
    void (*running_mean)(
        const float* x, Py_ssize_t rows, double* total, double frames, float* out, Py_ssize_t ld) noexcept nogil
    void (*running_max)(
        const float* x, Py_ssize_t rows, double* top, double frames, float* out, Py_ssize_t ld) noexcept nogil
    bint (*all_finite)(const float* x, Py_ssize_t n) noexcept nogil
    # Of training: see gradient.pxi.in and batch.pxi.
    void (*weight_gradient)(
        const float* x, Py_ssize_t ldx, const float* g, Py_ssize_t ldg, Py_ssize_t rows, Py_ssize_t in_channels,
        Py_ssize_t out_channels, float* out) noexcept nogil
    void (*depthwise_gradient)(
        const float* x, Py_ssize_t ldx, const float* g, Py_ssize_t ldg, Py_ssize_t rows, Py_ssize_t channels,
        float* out) noexcept nogil
    void (*gate_gradient)(
        const float* x, Py_ssize_t ldx, const float* g, Py_ssize_t ldg, Py_ssize_t rows, Py_ssize_t channels, float* out,
        Py_ssize_t ld) noexcept nogil
    void (*sum_rows)(const float* x, Py_ssize_t ldx, Py_ssize_t rows, Py_ssize_t channels, float* out) noexcept nogil
    void (*add_rows)(
        const float* x, Py_ssize_t ldx, Py_ssize_t rows, Py_ssize_t channels, float* out, Py_ssize_t ld) noexcept nogil
    void (*moments)(
        const float* x, Py_ssize_t ldx, Py_ssize_t rows, Py_ssize_t channels, const float* shift, double* total,
        double* squares) noexcept nogil
    void (*normalise)(
        const float* x, Py_ssize_t ldx, Py_ssize_t rows, Py_ssize_t channels, const float* scale, const float* offset,
        bint relu, float* out, Py_ssize_t ld) noexcept nogil
    void (*normalise_sums)(
        const float* x, Py_ssize_t ldx, const float* g, Py_ssize_t ldg, Py_ssize_t rows, Py_ssize_t channels,
        const float* scale, const float* offset, const float* mean, bint relu, double* total, double* products) noexcept nogil
    void (*normalise_gradient)(
        const float* x, Py_ssize_t ldx, const float* g, Py_ssize_t ldg, Py_ssize_t rows, Py_ssize_t channels,
        const float* scale, const float* offset, const float* mean, bint relu, const float* constant, const float* slope,
        bint accumulate, float* out, Py_ssize_t ld) noexcept nogil
    void (*running_mean_gradient)(
        const float* g, Py_ssize_t ldg, Py_ssize_t rows, Py_ssize_t channels, float* out, Py_ssize_t ld) noexcept nogil
    void (*running_max_gradient)(
        const float* x, Py_ssize_t ldx, const float* g, Py_ssize_t ldg, Py_ssize_t rows, Py_ssize_t channels, float* out,
        Py_ssize_t ld) noexcept nogil
    double (*multiply_adds)(Py_ssize_t rounds) noexcept nogil
    Py_ssize_t lanes            # floats of its widest vector
    # What the texts of the kernels offer by name.
    Py_ssize_t steps, activations
    OfferedStep[MOST_OFFERED] step
    OfferedActivation[MOST_OFFERED] activation
    # How output channels are cut into panels: widths, widest first, 0 at the end; and the kernels for each.
    const int* panel_widths
    const PanelKernel* panel_kernels
    const RowKernel* row_kernels
