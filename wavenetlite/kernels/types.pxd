"""The arguments of kernels, and the table of kernels of an instruction set.

Plain memory: kernels know nothing of models, streams or Python. Rows are frames; `ld` ("leading dimension") is the distance
between two rows in floats. Every row that a kernel writes is padded to LANES floats, or to 4 or 8 if it is no longer than
that; the padding is undefined.
"""

cdef enum:
    LANES = 16                  # floats in the widest vector; determines the layout of rows and weights under every instruction set
    WIDE = 8                    # taps with a multiple of this many channels are split between the two chains of a convolution
    MOST_OFFERED = 64           # step kernels, or activations, of an instruction set

cdef struct Panel
cdef struct Conv
cdef struct KernelCall
cdef struct LayerCall
cdef struct Rows
cdef struct Fourier

# Kernels of one panel for many rows, and for a single row, which can be added to a running total (NULL: none). Chosen by
# width when a network is compiled.
ctypedef void (*PanelKernel)(
    const Conv* conv, const Panel* panel, const float* const* x, const Py_ssize_t* ldx, Py_ssize_t rows,
    const float* residual, float* out, Py_ssize_t ld_out) noexcept nogil
ctypedef void (*RowKernel)(
    const Conv* conv, const Panel* panel, const float* const* x, const float* residual, float* out,
    float* total) noexcept nogil
# Computes `rows` rows of each of `count` successive layers of a narrow network; see layer.pxi.in.
ctypedef void (*LayerKernel)(const LayerCall* call, Py_ssize_t count, Py_ssize_t rows) noexcept nogil

# An in-place activation of contiguous rows.
ctypedef void (*ActivationKernel)(
    float* y, Py_ssize_t rows, Py_ssize_t ld, Py_ssize_t channels, const float* parameters) noexcept nogil
ctypedef void (*ActivationGradient)(
    const float* x, const float* g, Py_ssize_t n, float* out, const float* parameters) noexcept nogil
# Computes new output rows of a node, which selects it by name.
ctypedef void (*StepKernel)(const KernelCall* call, const Rows* rows) noexcept nogil

cdef struct Panel:
    PanelKernel rows
    RowKernel row
    Py_ssize_t together         # panels that `rows` computes, this one and those after it,
    Py_ssize_t abreast          # and that `row` does
    Py_ssize_t out              # first of its output channels
    const Py_ssize_t* window    # (taps,) first input channel it reads of each tap: 0 but in grouped convolutions
    const float* bias           # (width,)
    const float* late           # (width,) added after the narrow taps, where there are no wide ones; NULL: none
    const float* narrow         # (sum of the narrow taps' lengths, width)
    const float* wide           # (2 chains, chain_length, width); both may be bf16, in words of two channels

cdef struct Conv:
    Py_ssize_t taps
    Py_ssize_t narrow_taps      # the first of them: not split over the two chains
    Py_ssize_t chain_length     # sum of the wide taps' lengths
    const Py_ssize_t* length    # (taps,) channels of a tap in each chain
    Py_ssize_t panels
    const Panel* panel
    bint grouped                # whether panels read different channels
    Py_ssize_t channels         # of the output
    Py_ssize_t padded           # the same with padding
    bint relu_before            # before the residual is added
    bint relu_after
    const float* leaky          # slope and bounds of a leaky rectifier after that, where `activation` is NULL; NULL: none
    ActivationKernel activation # after that; NULL: none
    bint tanh                   # it is tanh, which is fused into the row kernels
    const float* parameters     # of the activation

# `count` blocks of an output row with equal weights, each written and read one step after the previous one.
cdef struct Strip:
    Conv conv
    const float* weights        # depthwise: (taps, channels), else NULL
    const float* bias
    Py_ssize_t taps, channels
    const Py_ssize_t* tap       # (taps,) index of the step's tap,
    const Py_ssize_t* channel   # (taps,) and first channel of it
    Py_ssize_t count, out, out_step, in_step

# z = tanh(conv of x); total += z, unless NULL; out = residual + (after, a single tap, of z), unless `after` is NULL. The rows
# are contiguous but for those of x, of which row r of tap k is at x[k] + r * ldx[k].
cdef struct LayerCall:
    const Conv* conv
    const Conv* after
    const float** x             # (taps of conv,)
    Py_ssize_t* ldx
    const float* residual
    float* z
    float* total
    float* out

# A step as its kernel sees it: the compiled `graph.KernelCall`.
cdef struct KernelCall:
    StepKernel run
    Py_ssize_t channels         # of the output
    Py_ssize_t phases           # output rows per row of each tap
    Py_ssize_t taps
    const Py_ssize_t* sizes     # integers and
    const float** arrays        # weights, with a meaning defined by the kernel
    Conv conv
    Py_ssize_t strips
    const Strip* strip

# The rows that a step's kernel reads and writes: row r of tap k is at x[k] + r * ldx[k].
cdef struct Rows:
    const float** x             # (taps,)
    Py_ssize_t* ldx
    Py_ssize_t rows             # of the output
    const float* residual       # NULL: none
    float* out
    Py_ssize_t ld
    # State of the step: the rows are consecutive ones of one stream with state[0] (state_step 0), or one row of each of as
    # many streams (state_step 1).
    char** state
    Py_ssize_t state_step
    float* scratch              # as many floats per row as the call requests
    const float** at            # scratch: a pointer and a distance per tap
    Py_ssize_t* apart

# A DFT of `length` points: four transforms side by side, in the lanes of the points' vectors.
cdef struct Fourier:
    Py_ssize_t length, passes
    Py_ssize_t room             # points that each of the two buffers must hold
    const Py_ssize_t* radix     # (passes,); their product is the length
    const double* twiddles      # pass after pass, (groups, radix - 1, 2)
    const double** roots        # (passes,): (radix, 2), for radices other than 2 to 5
    const Fourier* convolved    # a power of two, for lengths with a large prime factor; NULL: none
    const double* chirp         # (length, 2)
    const double* spectrum      # (convolved.length, 2): of the conjugate chirp

# Weighted sums of neighbouring bins.
cdef struct Bands:
    const Py_ssize_t* first     # of each band, padded to a multiple of four: its first bin,
    const Py_ssize_t* steps     # and the number of its weights, in fours
    const double* weights

# The computation of a frame of features; see spectrum.pxi.in.
cdef struct Front:
    Py_ssize_t n, bins, channels
    const Fourier* fourier
    const double* window        # (n,); halved if n is even
    const double* halves        # (n / 2 + 1, 2): factors that split the DFT of two real signals
    const double* quarters      # factors that join the four quarters of a frame; NULL: the lanes are frames
    double power                # exponent of the magnitude
    bint banded, decibels
    Bands bands
    double amin, reference_db
    Py_ssize_t lanes, ld, powers, work          # rows of powers, and their distance, place and the size of the work memory, in doubles

# The computation of a frame by integers; see micro_frontend.pxi.in.
cdef struct MicroFront:
    Py_ssize_t n, channels
    Py_ssize_t points           # complex, of the transform: half of the real ones
    const short* window         # (n,), padded with zeros to a multiple of eight
    const short* twiddles       # pass after pass,
    const short* halves         # and of the last step, which splits the DFT of two real signals
    Bands bands
    unsigned int[2] smoothing   # of even and of odd bands
    unsigned int remaining      # of a band, at least
    bint gain_control, logarithm
    const short* gains          # (33, 4): polynomials of the gain, an octave each
    const unsigned short* logs  # (129,): log2(1 + x) - x at multiples of 1 / 128
    int gain_shift, log_shift

# Per-channel energy normalisation: see features.PCEN.
cdef struct Compression:
    double b, scale, gain, bias, power, eps, bias_to_power

# A step of Adam with decoupled weight decay: the shares of the moving averages kept and added, the learning rate and the
# factor of the deviation (both corrected for the averages' start), and the decay of the values.
cdef struct Adam:
    float keep_first, add_first, keep_second, add_second, rate, deviation, eps, decay

# What a sample is drawn with: two uniform numbers between 0 and 1, exclusive, and how; see draw.pxi.in.
cdef struct Draw:
    double uniform, second
    float temperature, top_p

cdef extern from "<math.h>" nogil:
    double sqrt(double x)
    float sqrtf(float x)

# Kernels of `panels` panels of these kinds, as numbered in `panel_widths`; `rows` is NULL where panels run one by one.
cdef struct PanelChoice:
    Py_ssize_t panels
    Py_ssize_t[4] kinds
    PanelKernel rows
    RowKernel row

# The kernels of a panel of whole groups of as many inputs as outputs; `row` computes all panels `abreast`.
cdef struct GroupKernel:
    Py_ssize_t width, group
    PanelKernel rows
    RowKernel row

cdef struct OfferedStep:
    const char* name
    StepKernel run

cdef struct OfferedActivation:
    const char* name
    ActivationKernel run
    ActivationGradient gradient # NULL: implemented by the batch step

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
    double (*peak)(const float* x, Py_ssize_t n) noexcept nogil
    void (*frame_features)(
        const Front* front, const float* samples, Py_ssize_t hop, Py_ssize_t frames, float* out, double* work) noexcept nogil
    void (*micro_features)(
        const MicroFront* front, const float* samples, Py_ssize_t hop, Py_ssize_t frames, unsigned int* noise, float* out,
        double* work) noexcept nogil
    void (*standardise_frames)(
        const float* x, Py_ssize_t rows, Py_ssize_t channels, const double* mean, const double* deviation,
        float* out) noexcept nogil
    void (*project_frames)(
        const float* x, Py_ssize_t rows, Py_ssize_t channels, const double* matrix, Py_ssize_t out_channels,
        float* out) noexcept nogil
    void (*compress_frames)(
        const float* x, Py_ssize_t rows, Py_ssize_t channels, const Compression* compression, double* delayed,
        float* out) noexcept nogil
    void (*compand_samples)(const float* y, Py_ssize_t n, double mu, double* out) noexcept nogil
    double* (*transform_points)(const Fourier* fourier, double* x, double* y) noexcept nogil
    # Training: see gradient.pxi.in and batch.pxi.
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
    void (*channel_sums)(
        const float* x, Py_ssize_t ldx, Py_ssize_t rows, Py_ssize_t channels, const float* shift, double* total,
        double* squares) noexcept nogil
    void (*normalise)(
        const float* x, Py_ssize_t ldx, Py_ssize_t rows, Py_ssize_t channels, const float* scale, const float* offset,
        bint relu, const float* addend, Py_ssize_t ld_addend, float* out, Py_ssize_t ld) noexcept nogil
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
    void (*adam)(
        Py_ssize_t n, const float* gradient, const float* decayed, const Adam* adam, float* first, float* second,
        float* values) noexcept nogil
    # Generation: see draw.pxi.in. `work` has room for a float for every class, and a double for every 16, in whole 16s.
    Py_ssize_t (*draw_class)(
        const float* y, Py_ssize_t n, bint are_probabilities, const Draw* draw, float* work) noexcept nogil
    float (*draw_mixture)(const float* y, Py_ssize_t n, const Draw* draw, float* work) noexcept nogil
    float (*draw_normal)(const float* y, const Draw* draw) noexcept nogil
    double (*multiply_adds)(Py_ssize_t rounds) noexcept nogil
    Py_ssize_t lanes            # floats of its widest vector
    # Kernels registered by name
    Py_ssize_t steps, activations
    OfferedStep[MOST_OFFERED] step
    OfferedActivation[MOST_OFFERED] activation
    # Panels of output channels: widths, widest first, terminated by 0; and the kernels for each.
    const int* panel_widths
    const PanelKernel* panel_kernels
    const LayerKernel* layer_kernels    # NULL: none for this width
    const PanelChoice* row_kernels      # the most panels first
    const PanelChoice* apart_kernels    # the same for panels that read different channels, in one chain
    const GroupKernel* group_kernels
    const PanelKernel* bf16_panel_kernels   # with weights in bf16
    const PanelChoice* bf16_row_kernels
