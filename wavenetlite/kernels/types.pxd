"""What the engine hands to a kernel, and the table of kernels that one instruction set offers.

Plain memory: a kernel knows nothing of models, streams or Python. Rows are frames; `ld` ("leading dimension") is the
distance between two rows in floats. Every row that a kernel writes is padded to LANES floats, or to 4 or 8 when it holds
no more than that; the lanes of the padding hold rubbish.
"""

cdef enum:
    LANES = 16                  # floats in the widest vector: rows and weights are laid out for it under every instruction set

cdef struct Panel
cdef struct Conv

# One panel for all rows; and for a row that comes alone, with a running total that it is added to (NULL: none). Chosen by
# width when a network is compiled.
ctypedef void (*PanelKernel)(
    const Conv* conv, const Panel* panel, const float* const* x, const Py_ssize_t* ldx, Py_ssize_t rows,
    const float* residual, float* out, Py_ssize_t ld_out) noexcept nogil
ctypedef void (*RowKernel)(
    const Conv* conv, const Panel* panel, const float* const* x, const float* residual, float* out,
    float* total) noexcept nogil

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
    int activation              # after that
    const float* parameters     # of the activation

cdef extern from "<math.h>" nogil:
    double sqrt(double x)

# Activation codes, in the order of wavenetlite.kernels.ACTIVATIONS.
cdef enum:
    IDENTITY, RELU, LEAKY_RELU, PRELU, ELU, SILU, GELU, GELU_TANH, HARDTANH, HARDSWISH, SOFTSIGN, SOFTMAX, TANH, SIGMOID, LEAKY_HARDTANH,
    FAST_TANH, LAYER_NORM

cdef struct Kernels:
    void (*convolve)(
        const Conv* conv, const float* const* x, const Py_ssize_t* ldx, Py_ssize_t rows,
        const float* residual, float* out, Py_ssize_t ld_out) noexcept nogil
    void (*convolve_row)(
        const Conv* conv, const float* const* x, const float* residual, float* out, float* total) noexcept nogil
    void (*convolve_depthwise)(
        const float* w, const float* bias, Py_ssize_t taps, const float* const* x, const Py_ssize_t* ldx,
        Py_ssize_t rows, float* out, Py_ssize_t ld) noexcept nogil
    void (*activate)(
        int code, float* y, Py_ssize_t rows, Py_ssize_t ld, Py_ssize_t channels, const float* parameters) noexcept nogil
    void (*gate)(
        const float* x, Py_ssize_t ldx, Py_ssize_t rows, Py_ssize_t channels, float* out, Py_ssize_t ld) noexcept nogil
    void (*add)(const float* a, const float* b, Py_ssize_t rows, float* out, Py_ssize_t ld) noexcept nogil
    void (*multiply)(const float* a, const float* b, Py_ssize_t rows, float* out, Py_ssize_t ld) noexcept nogil
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
    void (*activate_gradient)(
        int code, const float* x, const float* g, Py_ssize_t n, float* out, const float* parameters) noexcept nogil
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
    # How output channels are cut into panels: widths, widest first, 0 at the end; and the kernels for each.
    const int* panel_widths
    const PanelKernel* panel_kernels
    const RowKernel* row_kernels
