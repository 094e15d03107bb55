from libc.stdint cimport int64_t

from wavenetlite.kernels.packed cimport Blocks
from wavenetlite.kernels.types cimport ActivationKernel, KernelCall, Kernels, LayerCall, LayerKernel, RowKernel, Rows, StepKernel

cdef enum:
    # Multiply-adds per call above which the GIL is released, which costs about 30 ns: half a microsecond of work.
    MUCH_WORK = 10_000
    IDLE = 64                   # most workspaces that a plan keeps for the next calls
    # Multiply-adds (5 to 50 ms) and frames between two looks for signals such as Ctrl-C.
    PIECE_WORK = 500_000_000
    PIECE_FRAMES = 65_536

# A sequence of frames: `ld` floats per row. Its last `history` frames are kept in a ring in the stream's memory.
cdef struct Buffer:
    Py_ssize_t channels, ld
    Py_ssize_t history
    Py_ssize_t prefix           # rows before the chunk's first row into which history can be copied
    Py_ssize_t offset           # floats from the start of the workspace to the chunk's first row
    Py_ssize_t ring             # floats from the start of the stream's rings
    bint external               # an input that is read in place from the caller's array
    float* before               # the row that precedes the signal; NULL: zeros
    float* zero                 # the row that stands for zeros, as after the signal; NULL: zeros

# Output row n of a step reads row n * stride + shift of a buffer; the rows (phases) that a step makes at a time count as
# one row here and in Need. The other fields are for single frames, in floats.
cdef struct Tap:
    int buffer
    Py_ssize_t stride, shift
    Py_ssize_t back             # shift rows
    Py_ssize_t around           # the ring's length
    Py_ssize_t ring             # its place in the stream's memory

# Output frame n of a step exists once frame n * stride + reach of a buffer does (end_reach: after its end).
cdef struct Need:
    int buffer
    Py_ssize_t stride, reach, end_reach

cdef struct Step:
    KernelCall call
    int out
    Py_ssize_t phases           # output rows made at a time
    Py_ssize_t taps
    Py_ssize_t reads            # taps, and the residual if any
    const Tap* tap
    const Tap* residual         # NULL: none
    bint alone                  # run stream by stream where others run many at once
    bint apart                  # one of two frames at a time: reads the ring, in which two rows need not be adjacent
    bint dense                  # a convolution with a kernel for single rows,
    RowKernel row               # this one, if one call does it all and it has no activation that the row kernel lacks
    LayerKernel layer           # computes this step, and the next if that is merged into it; NULL: none
    bint merged                 # into the step before
    Py_ssize_t place            # of its first tap among those of all steps
    ActivationKernel activation # to be applied after the kernel; NULL: none
    const float* parameters     # of the activation
    int total                   # buffer to which the output is added; -1: none
    Py_ssize_t state            # bytes from the start of the stream's states; -1: none
    Py_ssize_t needs
    const Need* need
    Py_ssize_t ends
    const int* end              # buffers with history that no later step reads

# A piece of the steps' states, in bytes from the start of the stream's states.
cdef struct Piece:
    Py_ssize_t start, size

# Of one or two frames: a tap that reads a ring, the pointer to whose row is `place` in Workspace.x,
cdef struct RingTap:
    const Tap* tap
    Py_ssize_t place

# a ring that is written,
cdef struct Ring:
    int buffer
    Py_ssize_t ld, around, start

# and `count` successive layers, or a single step that is none: NULL.
cdef struct Run:
    const Step* step
    LayerKernel layer
    Py_ssize_t first            # among the layers
    Py_ssize_t count
    StepKernel alone            # all that a step has to do for one frame; NULL: there is more

# The state of a stream. `count` frames of each buffer exist; `head` is the position of the next row in the ring.
cdef struct Memory:
    int64_t frames_in, frames_out
    int64_t* count
    Py_ssize_t* head            # in floats
    char* states                # of the steps, besides the frames that they read
    float* rings

# Scratch memory for computing a chunk; holds nothing between calls.
cdef struct Workspace:
    float* floats
    float** first               # per buffer: the chunk's first row
    Py_ssize_t* rows            # per buffer: rows of this chunk
    Py_ssize_t* laid            # per buffer: rows of history copied before the first row
    int64_t* end                # per buffer: true number of frames in a flush; else scratch
    Rows now                    # of the current step
    # For one or two frames, whose rows are close together:
    float* rows_of_few
    float** row                 # per buffer: the first row
    const float** x             # per tap of all steps: the row it reads,
    Py_ssize_t* ldx             # and the distance of the second
    Rows* bound                 # per step
    LayerCall* layer            # per layer
    float* staged               # rows gathered for taps that are not contiguous
    Py_ssize_t staged_floats

cdef class Plan:
    cdef readonly Py_ssize_t in_channels, condition_channels, out_channels
    cdef readonly Py_ssize_t state_bytes, workspace_bytes, multiply_adds
    cdef readonly bint regular
    cdef readonly Py_ssize_t x_indices, c_indices    # rows of the table that the input, the conditioning numbers; 0: none
    cdef readonly object program
    cdef readonly Py_ssize_t together       # streams whose frames are processed at once
    cdef readonly int64_t most_fed          # input frames up to which no count of frames overflows
    cdef readonly Py_ssize_t saved_bytes    # of a stream's rings and states in a snapshot
    cdef bytes hash
    cdef const Kernels* kernels
    cdef Py_ssize_t chunk               # most input frames per chunk,
    cdef Py_ssize_t even_chunk          # and while more are to come
    cdef readonly Py_ssize_t condition_period   # input frames per frame of the conditioning
    cdef int64_t settled, period        # after `settled` input frames, what a stream does repeats with this period
    cdef Py_ssize_t most_rows_out       # by one frame of each of these
    cdef Py_ssize_t gathered_together   # floats, most gathered for the streams processed at once
    cdef Py_ssize_t buffers, steps, most_taps, staged_floats, most_gathered_floats, rings_floats, workspace_floats, states_bytes, pieces
    cdef char* first_states             # the steps' initial states; NULL: zeros
    cdef Py_ssize_t scratch_floats      # most per row,
    cdef Py_ssize_t scratch_at_least    # and for any number of rows
    cdef int x, c, output
    cdef Buffer* buffer
    cdef Step* step
    cdef Py_ssize_t places              # taps of all steps
    cdef Py_ssize_t row_floats          # of all buffers' rows for one or two frames
    cdef Py_ssize_t ring_taps, rings, runs, layers
    cdef RingTap* ring_tap
    cdef Ring* ring
    cdef Run* few               # the steps as they run on one or two frames
    cdef Piece* piece           # the steps' states
    cdef Blocks blocks          # memory that the pointers above point into
    cdef void* idle[IDLE]       # workspaces that no call is using

    cdef set_buffers(self, object program)
    cdef set_steps(self, object program)
    cdef set_step(self, Step* step, object source, dict buffer_of, float* arena)
    cdef set_taps(self, Step* step, object source, dict buffer_of)
    cdef set_kernel(self, Step* step, object call, const float* arena)
    cdef set_layers(self, object program)
    cdef set_few(self)
    cdef set_runs(self)
    cdef LayerCall layer_call(self, const Step* step, const Rows* rows, float** first, Py_ssize_t row) noexcept nogil
    cdef set_pieces(self, object program)
    cdef void set_tap(self, Tap* tap, int buffer, Py_ssize_t stride, Py_ssize_t shift) noexcept
    cdef Py_ssize_t gathered_floats(self, const Step* step) noexcept
    cdef set_together(self, object program)
    cdef Py_ssize_t most_staged_floats(self, object source, dict buffer_of) except -1

    cdef prewarm(self)
    cdef void prewarm_step(self, const Step* step, Workspace* work) noexcept nogil

    cdef Memory* new_memory(self) except NULL
    cdef void clear_memory(self, Memory* memory) noexcept nogil
    cdef void reset_memory(self, Memory* memory) noexcept nogil
    cdef void clear_counts(self, Memory* memory) noexcept nogil
    cdef void clear_rows(self, Memory* memory, int number, Py_ssize_t rows) noexcept nogil
    cdef Workspace* new_workspace(self) except NULL
    cdef Workspace* borrow(self) except NULL
    cdef void give_back(self, Workspace* work) noexcept
    cdef size_t memory_bytes(self) noexcept nogil
    cdef size_t states_start(self) noexcept nogil
    cdef size_t rings_start(self) noexcept nogil
    cdef Memory* lay_out_memory(self, char* block) noexcept nogil
    cdef void copy_memory(self, Memory* to, const Memory* source) noexcept nogil

    cdef double most_growth(self)
    cdef set_saved(self)
    cdef void save_memory(self, const Memory* memory, char* to) noexcept nogil
    cdef void restore_memory(self, Memory* memory, const char* source, int64_t frames_in) noexcept nogil

    cdef int64_t ready(self, const Step* step, const int64_t* count, bint ended) noexcept nogil
    cdef int64_t condition_frames(self, int64_t frames_in) noexcept nogil
    cdef int64_t frames_after(self, int64_t frames_in, bint ended, int64_t* count) noexcept nogil
    cdef Py_ssize_t run(
        self, Memory* memory, Workspace* work, const float* x, const float* c, Py_ssize_t c_step, Py_ssize_t frames,
        float* out) noexcept nogil
    cdef Py_ssize_t run_out(self, Memory* memory, Workspace* work, float* out) noexcept nogil
    cdef int64_t phase(self, int64_t frames_in) noexcept nogil
    cdef Py_ssize_t run_many(
        self, Memory** memory, Py_ssize_t streams, Workspace* work, const float* x, const float* c, float* out) noexcept nogil
    cdef Py_ssize_t conditions_next(self, const Memory* memory) noexcept nogil

    cdef void feed(self, Workspace* work, int number, const float* x, Py_ssize_t step, Py_ssize_t rows) noexcept nogil
    cdef Py_ssize_t collect(self, const float* first, Py_ssize_t rows, float* out) noexcept nogil
    cdef void run_chunk(self, Memory* memory, Workspace* work, const int64_t* end) noexcept nogil
    cdef void clear_last(self, int number, Py_ssize_t rows, Py_ssize_t past, Workspace* work) noexcept nogil
    cdef void run_few(
        self, Memory* memory, Workspace* work, const float* x, const float* c, Py_ssize_t c_step, Py_ssize_t frames,
        float* out) noexcept nogil
    cdef void feed_few(self, Workspace* work, int number, const float* x, Py_ssize_t step, Py_ssize_t frames) noexcept nogil
    cdef void keep_few(self, Memory* memory, Workspace* work, Py_ssize_t frames) noexcept nogil
    cdef void point_into_rings(self, Memory* memory, Workspace* work, Py_ssize_t frames) noexcept nogil
    cdef void run_bound(self, const Step* step, Memory* memory, Workspace* work, Py_ssize_t frames) noexcept nogil
    cdef void run_rows(self, const Step* step, Rows* rows, Py_ssize_t n, float* total) noexcept nogil
    cdef void bind(self, Workspace* work) noexcept
    cdef void run_together(self, Memory** memory, Py_ssize_t streams, Workspace* work) noexcept nogil
    cdef void count_alike(self, Memory** memory, Py_ssize_t streams, const Workspace* work) noexcept nogil
    cdef Py_ssize_t first_row(self, const Step* step, const Tap* tap, const Memory* memory, Py_ssize_t fresh) noexcept nogil
    cdef void gather(
        self, const Step* step, Memory** memory, Py_ssize_t streams, Py_ssize_t rows, Workspace* work) noexcept nogil
    cdef void gather_tap(
        self, const Tap* tap, Memory** memory, Py_ssize_t streams, Py_ssize_t first, Py_ssize_t rows, Workspace* work,
        float* to) noexcept nogil
    cdef const float* row_at(
        self, const Tap* tap, const Memory* memory, Py_ssize_t row, const float* chunk) noexcept nogil
    cdef const float* past_row(self, const Tap* tap, const Memory* memory, Py_ssize_t back) noexcept nogil
    cdef void run_each(self, const Step* step, Memory** memory, Py_ssize_t streams, Workspace* work) noexcept nogil
    cdef void keep_rows(self, int number, Memory** memory, Py_ssize_t streams, Workspace* work) noexcept nogil
    cdef void locate_taps(self, const Step* step, Memory* memory, Workspace* work, Py_ssize_t rows) noexcept nogil
    cdef void keep_ended(self, const Step* step, Memory* memory, Workspace* work) noexcept nogil
    cdef void compute(
        self, const Step* step, Memory** memory, Py_ssize_t streams, Workspace* work, Py_ssize_t row,
        Py_ssize_t rows) noexcept nogil
    cdef const float* locate(
        self, const Tap* tap, int64_t done, Memory* memory, Workspace* work, Py_ssize_t rows, Py_ssize_t* ld,
        Py_ssize_t* staged) noexcept nogil
    cdef void lay(self, int number, Py_ssize_t rows, Memory* memory, Workspace* work) noexcept nogil
    cdef void keep(self, int number, Memory* memory, Workspace* work) noexcept nogil
