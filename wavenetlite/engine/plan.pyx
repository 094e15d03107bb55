"""A compiled network: steps over buffers, run chunk by chunk without the interpreter.

Design: a chunk is up to MAX_CHUNK frames that go through all steps before the next chunk begins, so that rows are still in
the first-level cache when they are read. Within a chunk every buffer's new rows are contiguous, in the workspace or, for an
input, in the caller's array. What a convolution needs from before the chunk is in a ring of exactly `history` frames in the
stream's memory. A tap is resolved once per chunk to one pointer and one row distance: into the new rows, into the ring, or,
if it spans both, into the workspace after the missing history has been copied before the new rows. Only a tap that wraps
around the end of its ring is gathered row by row. So the kernels see plain matrices for any block length, and a stream's
memory is no larger than its receptive field. The workspace holds nothing between calls: a call borrows one from the plan,
which has as many as calls have run at the same time.

One frame each of many streams are the rows of one matrix, too, if the streams are in the same phase: then each has equally
many new rows of every buffer, at the same distances from the ends of its rings. Regular networks have one phase; with
strides, the phase is the number of frames modulo the least common multiple of the buffers' rates.

One or two frames of a regular network, as a plug-in for a live sound feeds them, take a path of their own, `run_few`: the
work of a chunk's preparation would exceed that of a narrow network's arithmetic.

What a step computes is a function that a kernel file registers by name and that its node requests; the plan knows only two
kinds of step: the row kernel of a convolution is called directly, and so is the kernel of narrow layers, each of two steps. Calling the others through a pointer costs no more than a
switch over their kinds did (measured: a layer, and networks with one frame per call, 0.99 to 1.02 of the time).
"""

cimport cython
from libc.stdint cimport INT64_MAX, int64_t, uint64_t
from libc.string cimport memcpy, memset

import math
from fractions import Fraction

import numpy as np

from wavenetlite.engine.fingerprint import fingerprint
from wavenetlite.engine.lower import Program
from wavenetlite.graph import index_counts
from wavenetlite.kernels import padded, panel_widths
from wavenetlite.kernels.packed cimport Blocks, new_strips, set_activation, set_conv
from wavenetlite.kernels.system cimport give_aligned, take_aligned
from wavenetlite.support.errors import StreamStateError
from wavenetlite.kernels.dispatch cimport activation_kernel, step_kernel
from wavenetlite.kernels.dispatch cimport kernels as chosen_kernels
from wavenetlite.kernels.types cimport LANES, Strip

cdef extern from "simd.h" nogil:
    void expect(bint)
    void prefetch(const void*)
    void* take_from(void** place)
    bint put_into(void** place, void* thing)
    uint64_t flush_subnormals()
    void restore_subnormals(uint64_t)

cdef enum:
    EVEN_CHUNK = 96             # frames per chunk while more are to come: whole tiles of 12, 8, 6 and 4 rows
    TILE = 12
    AHEAD = 8                   # rows prefetched while one is gathered: the memories of many streams exceed the caches
    LITTLE_WORK = 4             # multiply-adds for each float read, below which gathering it for many streams takes longer
    MOST_GATHERED = 262_144     # floats gathered for a step of many streams: they stay in the second-level cache

MOST_PERIOD = 2**40


cdef inline void copy_row(float* to, const float* source, Py_ssize_t floats) noexcept nogil:
    """Copy by vectors if the length allows: calling memcpy would cost as much as the copying."""
    cdef Py_ssize_t i
    if floats % 16 == 0:
        for i in range(0, floats, 16):
            memcpy(to + i, source + i, 64)
    elif floats % 4 == 0:
        for i in range(0, floats, 4):
            memcpy(to + i, source + i, 16)
    else:
        for i in range(floats):
            to[i] = source[i]


cdef void fill_rows(float* to, Py_ssize_t rows, Py_ssize_t ld, const float* row) noexcept nogil:
    """Fill `rows` rows with this one; NULL: zeros."""
    cdef Py_ssize_t i
    if row == NULL:
        memset(to, 0, rows * ld * sizeof(float))
        return
    for i in range(rows):
        memcpy(to + i * ld, row, ld * sizeof(float))


cdef Py_ssize_t two_rows(const Buffer* buffer) noexcept:
    """Floats for two rows of a buffer; a whole vector may be read or written past the last one."""
    return (2 * buffer.ld + LANES - 1) // LANES * LANES + LANES


cdef inline void prefetch_row(const float* row, Py_ssize_t floats) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(0, floats, 16):
        prefetch(row + i)


@cython.final
cdef class Plan:
    """A compiled network. Immutable: any number of streams in any number of threads may run it at once."""

    def __cinit__(self, program: Program):
        self.program = program
        self.kernels = chosen_kernels()
        self.blocks = Blocks()
        self.in_channels = program.buffers[program.inputs["x"]].channels
        self.x = program.inputs["x"]
        self.c = program.inputs.get("c", -1)
        self.condition_channels = 0 if self.c < 0 else program.buffers[self.c].channels
        self.output = program.output
        self.out_channels = program.buffers[program.output].channels
        self.condition_period = 1 if self.c < 0 else program.buffers[self.c].clock.rate
        counts = index_counts(program.graph)
        self.x_indices, self.c_indices = counts.get("x", 0), counts.get("c", 0)
        self.chunk = program.chunk
        self.even_chunk = min(<Py_ssize_t>EVEN_CHUNK, self.chunk)
        self.multiply_adds = math.ceil(sum(step.call.multiply_adds / step.node.clock.rate for step in program.steps))
        self.rings_floats = program.state_floats
        self.states_bytes = program.states_bytes
        self.workspace_floats = program.workspace_floats
        self.regular = all(
            step.call.phases == edge.stride == 1 and edge.reach <= 0 for step in program.steps for edge in step.all_edges
        ) and program.clock.newest == 0
        self.set_buffers(program)
        self.set_steps(program)
        self.set_pieces(program)
        self.set_saved()
        self.set_together(program)
        if program.prewarmed:
            self.prewarm()
        self.state_bytes = 4 * self.rings_floats + self.states_bytes + 16 * self.buffers + sizeof(Memory)
        self.workspace_bytes = 4 * (self.row_floats + self.workspace_floats + max(self.staged_floats, self.gathered_together))

    def __dealloc__(self):
        cdef Py_ssize_t i
        for i in range(IDLE):
            give_aligned(self.idle[i])

    def __reduce__(self):
        raise StreamStateError("a plan cannot be copied or pickled; copy the model")

    cdef set_buffers(self, program: Program):
        cdef Buffer* buffer
        self.buffers = len(program.buffers)
        self.buffer = <Buffer*>self.blocks.allocate(self.buffers * sizeof(Buffer))
        for number, source in enumerate(program.buffers):
            buffer = self.buffer + <Py_ssize_t>number
            buffer.channels = source.channels
            buffer.ld = source.ld
            buffer.history = source.history
            buffer.prefix = source.prefix
            buffer.offset = source.offset
            buffer.ring = source.ring
            buffer.external = source.external
            if source.zero is not None:
                buffer.zero = <float*>self.blocks.allocate(buffer.ld * sizeof(float))
                memset(buffer.zero, <int>source.zero, buffer.ld * sizeof(float))
                buffer.before = buffer.zero

    cdef set_steps(self, program: Program):
        cdef Py_ssize_t number
        cdef float* arena = <float*>self.blocks.allocate(4 * (program.arena.floats + 64))
        cdef const float[::1] source
        for offset, array in program.arena.arrays:
            if array.size:
                source = array
                memcpy(arena + <Py_ssize_t>offset, &source[0], 4 * source.shape[0])
        program.arena.arrays.clear()        # copied above
        self.steps = len(program.steps)
        self.step = <Step*>self.blocks.allocate(self.steps * sizeof(Step))
        self.most_taps = self.most_gathered_floats = 1
        for number in range(self.steps):
            self.set_step(self.step + number, program.steps[number], program.buffer_of, arena)
        if self.regular:
            self.set_layers(program)
            self.set_few()

    cdef set_step(self, Step* step, object source, dict buffer_of, float* arena):
        cdef Need* need
        cdef int* end
        cdef Py_ssize_t i
        step.out = source.out
        step.phases = source.call.phases
        step.state = source.state
        step.total = -1 if source.total is None else buffer_of[source.total[1]]
        self.set_taps(step, source, buffer_of)
        self.set_kernel(step, source.call, arena)
        step.needs = len(source.all_edges)
        need = <Need*>self.blocks.allocate(step.needs * sizeof(Need))
        for i, edge in enumerate(source.all_edges):
            need[i].buffer = buffer_of[edge.node]
            need[i].stride = edge.stride
            need[i].reach = edge.reach
            need[i].end_reach = edge.end_reach
        step.need = need
        ending = [number for number in source.ends if self.buffer[<Py_ssize_t>number].history]
        step.ends = len(ending)
        end = <int*>self.blocks.allocate(step.ends * sizeof(int))
        for i in range(step.ends):
            end[i] = ending[i]
        step.end = end
        self.staged_floats = max(self.staged_floats, self.most_staged_floats(source, buffer_of))
        gathered = self.gathered_floats(step)
        step.alone = source.call.multiply_adds < LITTLE_WORK * gathered
        if not step.alone or step.phases > 1:
            self.most_gathered_floats = max(self.most_gathered_floats, gathered)

    cdef set_taps(self, Step* step, object source, dict buffer_of):
        """Set where each tap reads, in the kernel's order; the residual comes last."""
        cdef Py_ssize_t i
        order = [(e, k) for e, edge in enumerate(source.edges) for k in range(edge.taps)]
        if source.call.order is not None:
            order = source.call.order
        step.taps = len(order)
        self.most_taps = max(self.most_taps, step.taps + 1)
        tap = <Tap*>self.blocks.allocate((step.taps + 1) * sizeof(Tap))
        for i, (e, k) in enumerate(order):
            edge = source.edges[e]
            self.set_tap(tap + i, buffer_of[edge.node], edge.stride, edge.shift + k * edge.spacing)
        step.tap = tap
        if source.residual is not None:
            self.set_tap(tap + step.taps, buffer_of[source.residual.node], 1, source.residual.shift)
            step.residual = tap + step.taps
        step.reads = step.taps + (step.residual != NULL)

    cdef set_kernel(self, Step* step, object source, const float* arena):
        """Set what a step computes: a `KernelCall`, whose weights are in `arena`."""
        cdef KernelCall* call = &step.call
        cdef Strip* strip
        cdef const float** arrays = <const float**>self.blocks.allocate(len(source.offsets) * sizeof(float*))
        cdef Py_ssize_t* sizes = <Py_ssize_t*>self.blocks.allocate(len(source.sizes) * sizeof(Py_ssize_t))
        cdef Py_ssize_t i
        for i, offset in enumerate(source.offsets):
            arrays[i] = arena + <Py_ssize_t>offset
        for i, size in enumerate(source.sizes):
            sizes[i] = size
        call.run = step_kernel(source.kernel)
        call.channels, call.phases, call.taps = source.channels, source.phases, step.taps
        call.arrays, call.sizes = arrays, sizes
        self.scratch_floats = max(self.scratch_floats, <Py_ssize_t>source.scratch)
        self.scratch_at_least = max(self.scratch_at_least, <Py_ssize_t>source.scratch_at_least)
        if source.parameters_offset >= 0:
            step.parameters = arena + <Py_ssize_t>source.parameters_offset
        if source.conv is not None:
            set_conv(&call.conv, source.conv, arena, self.kernels, self.blocks)
            call.conv.relu_before, call.conv.relu_after = source.relu_before, source.relu_after
        if source.row_alone:
            set_activation(&call.conv, source.activation, step.parameters)
            step.dense = True
            if call.conv.panel.abreast == call.conv.panels and (call.conv.activation == NULL or call.conv.tanh):
                step.row = call.conv.panel.row
        elif source.activation:
            step.activation = activation_kernel(source.activation).run
        if source.strips:
            strip = new_strips(source.strips, arena, self.kernels, self.blocks)
            call.strips, call.strip = len(source.strips), strip
            for i in range(call.strips):
                strip[i].conv.relu_before, strip[i].conv.relu_after = source.relu_before, source.relu_after
                strip[i].conv.leaky = step.parameters if source.leaky else NULL
                self.most_taps = max(self.most_taps, strip[i].taps)

    cdef set_layers(self, program: Program):
        """Let one kernel compute a layer, if there is one for its width: `engine.layers` has found those that fit."""
        cdef Py_ssize_t number, kind
        cdef Step* step
        for number, source in enumerate(program.steps):
            step = self.step + number
            if source.layer:
                kind = panel_widths().index(source.call.conv.panels[0].cut.width)
                step.layer = self.kernels.layer_kernels[kind]
            step.merged = source.merged and step[-1].layer != NULL

    cdef set_few(self):
        """Set where one or two frames are read and written."""
        cdef Py_ssize_t number, k
        cdef const Buffer* buffer
        cdef Step* step
        self.ring = <Ring*>self.blocks.allocate(self.buffers * sizeof(Ring))
        for number in range(self.buffers):
            buffer = self.buffer + number
            self.row_floats += two_rows(buffer)
            if buffer.history:
                self.ring[self.rings] = Ring(number, buffer.ld, buffer.history * buffer.ld, buffer.ring)
                self.rings += 1
        for number in range(self.steps):
            self.step[number].place = self.places
            self.places += self.step[number].reads
        self.ring_tap = <RingTap*>self.blocks.allocate(self.places * sizeof(RingTap))
        for number in range(self.steps):
            step = self.step + number
            for k in range(step.reads):
                if step.tap[k].shift < 0:
                    self.ring_tap[self.ring_taps] = RingTap(step.tap + k, step.place + k)
                    self.ring_taps += 1
                    step.apart |= not step.dense or k == step.taps
        self.set_runs()

    cdef set_runs(self):
        """Join successive layers of the same width: they run in one call."""
        cdef Py_ssize_t number
        cdef const Step* step
        self.few = <Run*>self.blocks.allocate(self.steps * sizeof(Run))
        for number in range(self.steps):
            step = self.step + number
            if step.merged:
                continue
            if step.layer != NULL and self.runs and self.few[self.runs - 1].layer == step.layer:
                self.few[self.runs - 1].count += 1
            else:
                self.few[self.runs] = Run(step, step.layer, self.layers, 1, NULL)
                if not step.dense and step.activation == NULL and step.total < 0 and step.state < 0 and step.residual == NULL:
                    self.few[self.runs].alone = step.call.run
                self.runs += 1
            self.layers += step.layer != NULL

    cdef void bind(self, Workspace* work) noexcept:
        """Set what the steps read and write for one or two frames."""
        cdef Py_ssize_t number, k, floats = 0, layers = 0
        cdef const Step* step
        cdef Rows* rows
        for number in range(self.buffers):
            work.row[number] = work.rows_of_few + floats
            floats += two_rows(self.buffer + number)
        for number in range(self.steps):
            step = self.step + number
            rows = work.bound + number
            rows[0] = work.now
            rows.x, rows.ldx = work.x + step.place, work.ldx + step.place
            rows.out, rows.ld = work.row[step.out], self.buffer[step.out].ld
            for k in range(step.reads):
                rows.x[k] = work.row[step.tap[k].buffer]
                rows.ldx[k] = self.buffer[step.tap[k].buffer].ld
            if step.layer != NULL:
                work.layer[layers] = self.layer_call(step, rows, work.row, 0)
                layers += 1

    cdef set_pieces(self, object program):
        """Locate the steps' states, without the padding of their rows, and set their initial values."""
        cdef Py_ssize_t i, start
        cdef const unsigned char[::1] first
        pieces, begins = [], {}
        for step in program.steps:
            start = step.state
            for i, length in enumerate(step.call.state):
                if step.call.first_state:
                    begins[start] = step.call.first_state[i].tobytes()
                pieces.append((start, step.call.state_bytes * length))
                start += step.call.state_bytes * padded(length)
        if begins:
            self.first_states = <char*>self.blocks.allocate(self.states_bytes)
            memset(self.first_states, 0, self.states_bytes)
        for start, value in begins.items():
            first = value
            memcpy(self.first_states + start, &first[0], first.shape[0])
        self.pieces = len(pieces)
        self.piece = <Piece*>self.blocks.allocate(self.pieces * sizeof(Piece))
        for i, (begin, size) in enumerate(pieces):
            self.piece[i].start, self.piece[i].size = begin, size

    cdef Py_ssize_t gathered_floats(self, const Step* step) noexcept:
        """Most floats that a step reads from the rings of a stream for one row."""
        cdef Py_ssize_t k, floats = 0
        cdef const Tap* tap
        for k in range(step.reads):
            tap = step.tap + k
            if self.buffer[tap.buffer].history and not (self.regular and tap.shift == 0):
                floats += self.buffer[tap.buffer].ld
        return floats

    cdef set_together(self, program: Program):
        """Set how many streams' frames are processed at once, and when streams do the same with their next frame."""
        cdef Py_ssize_t most_fresh
        clocks = [buffer.clock for buffer in program.buffers]
        settled = 1 + max(math.ceil(clock.newest + clock.slack) for clock in clocks)
        self.settled = min(max(settled, 0), MOST_PERIOD)
        self.period = min(math.lcm(*(Fraction(clock.rate).numerator for clock in clocks)), MOST_PERIOD)
        fresh = [1] * self.buffers          # most new rows by one frame of a stream
        for step in program.steps:
            fresh[step.out] = step.call.phases * max(
                (-(-fresh[program.buffer_of[edge.node]] // edge.stride) for edge in step.all_edges), default=1)
        most_fresh = max(fresh)
        self.together = min(
            self.even_chunk, min(buffer.rows // most for buffer, most in zip(program.buffers, fresh, strict=True)),
            max(<Py_ssize_t>TILE, MOST_GATHERED // self.most_gathered_floats // most_fresh // TILE * TILE))
        if self.together < TILE or (most_fresh > 1 and self.states_bytes):
            self.together = 1
        self.most_rows_out = self.together * <Py_ssize_t>fresh[self.output]
        self.gathered_together = self.together * self.most_gathered_floats * most_fresh

    cdef void set_tap(self, Tap* tap, int buffer, Py_ssize_t stride, Py_ssize_t shift) noexcept:
        tap.buffer = buffer
        tap.stride = stride
        tap.shift = shift
        tap.back = shift * self.buffer[buffer].ld
        tap.around = self.buffer[buffer].history * self.buffer[buffer].ld
        tap.ring = self.buffer[buffer].ring

    cdef Py_ssize_t most_staged_floats(self, object source, dict buffer_of) except -1:
        """Most floats that the taps of a step can need at once where they wrap around the ends of their rings."""
        floats = 0
        rows = self.program.buffers[source.out].rows // source.call.phases
        for edge in source.all_edges:
            buffer = self.program.buffers[buffer_of[edge.node]]
            meeting = min(edge.taps, (rows * edge.stride) // edge.spacing + 2)
            floats += meeting * rows * buffer.ld if buffer.history else 0
        return floats + 16

    # Memory

    cdef Memory* new_memory(self) except NULL:
        """Allocate the memory of a new stream; to be freed in one piece."""
        cdef char* block = <char*>take_aligned(self.memory_bytes())
        if block == NULL:
            raise MemoryError(f"no memory for a stream of {self.memory_bytes()} bytes")
        return self.lay_out_memory(block)

    cdef size_t memory_bytes(self) noexcept nogil:
        """Size of a stream: an odd number of cache lines, so that adjacent streams do not compete for the same sets."""
        cdef size_t lines = (self.rings_start() + 4 * self.rings_floats + 128 + 63) // 64
        return 64 * (lines | 1)

    cdef size_t states_start(self) noexcept nogil:
        return (sizeof(Memory) + self.buffers * (sizeof(int64_t) + sizeof(Py_ssize_t)) + 63) // 64 * 64

    cdef size_t rings_start(self) noexcept nogil:
        return (self.states_start() + self.states_bytes + 63) // 64 * 64

    cdef Memory* lay_out_memory(self, char* block) noexcept nogil:
        """Initialise the memory of a new stream in `memory_bytes` bytes on a 64-byte boundary."""
        memory = <Memory*>block
        memory.count = <int64_t*>(block + sizeof(Memory))
        memory.head = <Py_ssize_t*>(memory.count + self.buffers)
        memory.states = block + self.states_start()
        memory.rings = <float*>(block + self.rings_start())
        self.clear_memory(memory)
        return memory

    cdef void copy_memory(self, Memory* to, const Memory* source) noexcept nogil:
        """Copy the state of a stream, but not its pointers."""
        to.frames_in = source.frames_in
        to.frames_out = source.frames_out
        memcpy(to.count, source.count, self.buffers * sizeof(int64_t))
        memcpy(to.head, source.head, self.buffers * sizeof(Py_ssize_t))
        memcpy(to.states, source.states, self.states_bytes)
        memcpy(to.rings, source.rings, self.rings_floats * sizeof(float))

    cdef void clear_memory(self, Memory* memory) noexcept nogil:
        """Set the state of a new stream, whatever was there."""
        cdef Py_ssize_t number
        memset(memory.rings, 0, (self.rings_floats + 16) * sizeof(float))
        for number in range(self.buffers):
            if self.buffer[number].before != NULL:
                self.clear_rows(memory, number, self.buffer[number].history)
        self.clear_counts(memory)

    cdef void reset_memory(self, Memory* memory) noexcept nogil:
        """Set the state of a new stream after its memory has been used: only rows that were written are cleared."""
        cdef Py_ssize_t number
        for number in range(self.buffers):
            self.clear_rows(memory, number, min(
                memory.frames_in if self.regular else memory.count[number], self.buffer[number].history))
        self.clear_counts(memory)

    cdef void clear_rows(self, Memory* memory, int number, Py_ssize_t rows) noexcept nogil:
        """Clear the first rows of a ring: until it is full, it is filled from its beginning."""
        cdef const Buffer* buffer = self.buffer + number
        fill_rows(memory.rings + buffer.ring, rows, buffer.ld, buffer.before)

    cdef void clear_counts(self, Memory* memory) noexcept nogil:
        memory.frames_in = 0
        memory.frames_out = 0
        memset(memory.count, 0, self.buffers * sizeof(int64_t))
        memset(memory.head, 0, self.buffers * sizeof(Py_ssize_t))
        if self.first_states == NULL:
            memset(memory.states, 0, self.states_bytes)
        else:
            memcpy(memory.states, self.first_states, self.states_bytes)

    cdef prewarm(self):
        """Compute the rows that precede the signals of a prewarmed network: one frame of zeros goes through all steps, and
        every tap of a step reads the same row, as after endless zeros."""
        cdef Workspace* work = self.new_workspace()
        cdef Buffer* buffer
        cdef Py_ssize_t number
        cdef uint64_t mode
        for number in range(self.buffers):
            buffer = self.buffer + number
            if buffer.history and number != self.x:
                buffer.before = <float*>self.blocks.allocate(buffer.ld * sizeof(float))
        mode = flush_subnormals()
        self.feed(work, self.x, NULL, 0, 1)
        for number in range(self.steps):
            self.prewarm_step(self.step + number, work)
        restore_subnormals(mode)
        give_aligned(work)

    cdef void prewarm_step(self, const Step* step, Workspace* work) noexcept nogil:
        cdef Py_ssize_t k
        cdef const Buffer* buffer
        for k in range(step.reads):
            work.now.x[k] = work.first[step.tap[k].buffer]
            work.now.ldx[k] = self.buffer[step.tap[k].buffer].ld
        if not step.merged:
            self.compute(step, NULL, 1, work, 0, 1)
        for k in range(step.ends):
            buffer = self.buffer + step.end[k]
            if buffer.before != NULL:
                memcpy(buffer.before, work.first[step.end[k]], buffer.ld * sizeof(float))

    cdef Workspace* borrow(self) except NULL:
        """A workspace that no other call is using, to be given back: a plan has as many as calls have run at once."""
        cdef Workspace* work
        cdef Py_ssize_t i
        for i in range(IDLE):
            work = <Workspace*>take_from(&self.idle[i])
            if work != NULL:
                return work
        return self.new_workspace()

    cdef void give_back(self, Workspace* work) noexcept:
        cdef Py_ssize_t i
        for i in range(IDLE):
            if put_into(&self.idle[i], work):
                return
        give_aligned(work)

    cdef Workspace* new_workspace(self) except NULL:
        """Allocate scratch memory for one chunk. To be freed in one piece."""
        cdef Py_ssize_t staged_floats = max(self.staged_floats, self.gathered_together)
        cdef Py_ssize_t streams = self.together
        cdef size_t header = sizeof(Workspace) + (5 * self.buffers + 4 * self.most_taps + streams) * sizeof(void*)
        header += 2 * self.places * sizeof(void*) + self.steps * sizeof(Rows) + self.layers * sizeof(LayerCall)
        header = (header + 63) // 64 * 64
        cdef size_t size = header + 4 * (
            self.row_floats + self.workspace_floats + staged_floats
            + max(self.scratch_floats * streams, self.scratch_at_least) + 48)
        cdef char* block = <char*>take_aligned(size)
        if block == NULL:
            raise MemoryError(f"no memory for a workspace of {size} bytes")
        memset(block, 0, size)
        work = <Workspace*>block
        work.first = <float**>(block + sizeof(Workspace))
        work.rows = <Py_ssize_t*>(work.first + self.buffers)
        work.laid = work.rows + self.buffers
        work.end = <int64_t*>(work.laid + self.buffers)
        work.now.x = <const float**>(work.end + self.buffers)
        work.now.ldx = <Py_ssize_t*>(work.now.x + self.most_taps)
        work.now.at = <const float**>(work.now.ldx + self.most_taps)
        work.now.apart = <Py_ssize_t*>(work.now.at + self.most_taps)
        work.now.state = <char**>(work.now.apart + self.most_taps)
        work.row = <float**>(work.now.state + streams)
        work.x = <const float**>(work.row + self.buffers)
        work.ldx = <Py_ssize_t*>(work.x + self.places)
        work.bound = <Rows*>(work.ldx + self.places)
        work.layer = <LayerCall*>(work.bound + self.steps)
        work.rows_of_few = <float*>(block + header)
        work.floats = work.rows_of_few + self.row_floats
        work.staged = work.floats + self.workspace_floats + 16
        work.staged_floats = staged_floats
        work.now.scratch = work.staged + staged_floats
        cdef Py_ssize_t number
        for number in range(self.buffers):
            work.first[number] = work.floats + self.buffer[number].offset
        if self.regular:
            self.bind(work)
        return work

    # Snapshots hold the state of a stream independently of its layout in memory: no padding, rings from their oldest row.

    @property
    def fingerprint(self) -> bytes:
        """A hash of the network, its weights, and the layout of its streams' state."""
        if self.hash is None:
            histories = tuple((buffer.channels, buffer.history) for buffer in self.program.buffers)
            states = tuple((step.call.state, step.call.state_bytes) for step in self.program.steps)
            self.hash = fingerprint(self.program.graph, (histories, states, self.program.prewarmed))
        return self.hash

    cdef set_saved(self):
        cdef Py_ssize_t number
        for number in range(self.buffers):
            self.saved_bytes += 4 * self.buffer[number].history * self.buffer[number].channels
        for number in range(self.pieces):
            self.saved_bytes += self.piece[number].size
        self.most_fed = int(2.0**60 / self.most_growth())

    cdef double most_growth(self):
        """Frames of the buffer with the most per input frame; upsampling multiplies them."""
        cdef Py_ssize_t s, i
        growth = [1.0] * self.buffers
        for s in range(self.steps):
            rates = [growth[self.step[s].need[i].buffer] / self.step[s].need[i].stride for i in range(self.step[s].needs)]
            growth[self.step[s].out] = self.step[s].phases * max(rates, default=1.0)
        return max(growth)

    cdef void save_memory(self, const Memory* memory, char* to) noexcept nogil:
        """Write `saved_bytes` bytes."""
        cdef const Buffer* buffer
        cdef const float* ring
        cdef Py_ssize_t number, row, slot, size
        for number in range(self.pieces):
            memcpy(to, memory.states + self.piece[number].start, self.piece[number].size)
            to += self.piece[number].size
        for number in range(self.buffers):
            buffer = self.buffer + number
            ring = memory.rings + buffer.ring
            slot = memory.head[number]          # of the oldest row, in floats
            if buffer.ld == buffer.channels:
                size = 4 * (buffer.history * buffer.ld - slot)
                memcpy(to, ring + slot, size)
                memcpy(to + size, ring, 4 * slot)
                to += 4 * buffer.history * buffer.ld
                continue
            for row in range(buffer.history):
                memcpy(to, ring + slot, 4 * buffer.channels)
                to += 4 * buffer.channels
                slot += buffer.ld
                if slot == buffer.history * buffer.ld:
                    slot = 0

    cdef void restore_memory(self, Memory* memory, const char* source, int64_t frames_in) noexcept nogil:
        """Restore what `save_memory` wrote after `frames_in` frames without a flush."""
        cdef const Buffer* buffer
        cdef float* ring
        cdef Py_ssize_t number, row, slot, size
        self.clear_counts(memory)
        memory.frames_in = frames_in
        memory.frames_out = self.frames_after(frames_in, False, memory.count)
        for number in range(self.pieces):
            memcpy(memory.states + self.piece[number].start, source, self.piece[number].size)
            source += self.piece[number].size
        for number in range(self.buffers):
            buffer = self.buffer + number
            ring = memory.rings + buffer.ring
            slot = memory.count[number] if memory.count[number] < buffer.history else 0     # of the oldest row
            memory.head[number] = slot * buffer.ld
            if buffer.ld == buffer.channels:
                size = 4 * buffer.ld * (buffer.history - slot)
                memcpy(ring + slot * buffer.ld, source, size)
                memcpy(ring, source + size, 4 * buffer.ld * slot)
                source += 4 * buffer.ld * buffer.history
                continue
            for row in range(buffer.history):
                memcpy(ring + slot * buffer.ld, source, 4 * buffer.channels)
                source += 4 * buffer.channels
                slot = slot + 1 if slot + 1 < buffer.history else 0

    # Counting frames

    cdef int64_t ready(self, const Step* step, const int64_t* count, bint ended) noexcept nogil:
        """Output frames of a step that are computable from `count` frames of its inputs."""
        cdef int64_t frames = INT64_MAX, left
        cdef const Need* need
        cdef Py_ssize_t i
        for i in range(step.needs):
            need = step.need + i
            left = count[need.buffer] - (need.end_reach if ended else need.reach)
            frames = min(frames, (left + need.stride - 1) // need.stride if left > 0 else 0)
        return frames * step.phases

    cdef int64_t condition_frames(self, int64_t frames_in) noexcept nogil:
        """Conditioning frames that come with the first `frames_in` input frames: each with the first one it applies to."""
        return (frames_in + self.condition_period - 1) // self.condition_period

    cdef int64_t frames_after(self, int64_t frames_in, bint ended, int64_t* count) noexcept nogil:
        """Frames of every buffer, and of the output, after `frames_in` frames (ended: after the flush)."""
        cdef Py_ssize_t s
        count[self.x] = frames_in
        if self.c >= 0:
            count[self.c] = self.condition_frames(frames_in)
        for s in range(self.steps):
            count[self.step[s].out] = self.ready(self.step + s, count, ended)
        return count[self.output]

    def output_frames(self, frames_in: int, ended: bool = False) -> int:
        """Output frames for `frames_in` frames from the start, with or without a flush at the end."""
        cdef Blocks scratch = Blocks()
        return self.frames_after(frames_in, ended, <int64_t*>scratch.allocate(self.buffers * sizeof(int64_t)))

    def frame_before(self, number: int) -> np.ndarray | None:
        """The frame that fills a buffer's ring before its first; None: zeros."""
        cdef const Buffer* buffer = self.buffer + <Py_ssize_t>number
        if buffer.before == NULL:
            return None
        return np.array([buffer.before[i] for i in range(buffer.channels)], np.float32)

    # Running

    cdef Py_ssize_t run(
        self, Memory* memory, Workspace* work, const float* x, const float* c, Py_ssize_t c_step, Py_ssize_t frames,
        float* out) noexcept nogil:
        """Feed (frames, in_channels) floats; returns the rows written to `out`, (rows, out_channels)."""
        cdef Py_ssize_t done = 0, rows, conditions, written = 0
        while done < frames:
            rows = frames - done if frames - done <= self.chunk else self.even_chunk
            if rows <= 2 and self.regular:
                self.run_few(memory, work, x + done * self.in_channels, c, c_step, rows, out + written * self.out_channels)
                c += rows * c_step
                memory.frames_in += rows
                written += rows
                done += rows
                continue
            self.feed(work, self.x, x + done * self.in_channels, self.in_channels, rows)
            if self.c >= 0:
                conditions = self.condition_frames(memory.frames_in + rows) - self.condition_frames(memory.frames_in)
                self.feed(work, self.c, c, c_step, conditions)
                c += conditions * c_step
            self.run_chunk(memory, work, NULL)
            written += self.collect(work.first[self.output], work.rows[self.output], out + written * self.out_channels)
            done += rows
            memory.frames_in += rows
        memory.frames_out += written
        return written

    cdef Py_ssize_t run_out(self, Memory* memory, Workspace* work, float* out) noexcept nogil:
        """Flush: feed zeros until all pending frames are out. Frames past a sequence's end are zeros."""
        cdef int64_t* end = work.end
        cdef Py_ssize_t rows, written = 0
        cdef int64_t fed = memory.frames_in
        self.frames_after(memory.frames_in, True, end)
        while memory.frames_out < end[self.output]:
            self.feed(work, self.x, NULL, 0, self.even_chunk)
            if self.c >= 0:
                self.feed(
                    work, self.c, NULL, 0, self.condition_frames(fed + self.even_chunk) - self.condition_frames(fed))
            fed += self.even_chunk
            self.run_chunk(memory, work, end)
            rows = min(<int64_t>work.rows[self.output], end[self.output] - memory.frames_out)
            written += self.collect(work.first[self.output], rows, out + written * self.out_channels)
            memory.frames_out += rows
        return written

    cdef void feed(self, Workspace* work, int number, const float* x, Py_ssize_t step, Py_ssize_t rows) noexcept nogil:
        """Set the new rows of an input: (rows, channels) floats, `step` apart; x NULL: zeros."""
        cdef const Buffer* buffer = self.buffer + number
        cdef float* first = work.floats + buffer.offset
        cdef Py_ssize_t row
        work.rows[number] = rows
        work.laid[number] = 0
        work.first[number] = first
        if x == NULL:
            memset(first, 0, rows * buffer.ld * sizeof(float))
        elif buffer.external and step == buffer.channels:
            work.first[number] = <float*>x      # read only, by convolutions only, and never past a row's end
        else:
            for row in range(rows):
                memcpy(first + row * buffer.ld, x + row * step, buffer.channels * sizeof(float))

    cdef Py_ssize_t collect(self, const float* first, Py_ssize_t rows, float* out) noexcept nogil:
        """Copy the network's new output rows to the caller's array."""
        cdef const Buffer* buffer = self.buffer + self.output
        cdef Py_ssize_t row
        if buffer.ld == buffer.channels:
            memcpy(out, first, rows * buffer.ld * sizeof(float))
            return rows
        for row in range(rows):
            memcpy(out + row * buffer.channels, first + row * buffer.ld, buffer.channels * sizeof(float))
        return rows

    cdef void run_chunk(self, Memory* memory, Workspace* work, const int64_t* end) noexcept nogil:
        """Run all steps on the rows set by `feed`; `end`, in a flush: the true number of frames of each buffer."""
        cdef Py_ssize_t s, rows, past
        cdef const Step* step
        memory.count[self.x] += work.rows[self.x]
        if self.c >= 0:
            memory.count[self.c] += work.rows[self.c]
        for s in range(self.steps):
            step = self.step + s
            rows = work.rows[self.x] if self.regular else self.ready(step, memory.count, False) - memory.count[step.out]
            work.rows[step.out] = rows
            work.laid[step.out] = 0
            if rows > 0 and not step.merged:
                self.locate_taps(step, memory, work, rows)
                self.compute(step, &memory, 1, work, 0, rows)
            memory.count[step.out] += rows
            if end != NULL and memory.count[step.out] > end[step.out]:
                past = min(<int64_t>rows, memory.count[step.out] - end[step.out])
                self.clear_last(step.out, rows, past, work)
                if step.total >= 0:
                    self.clear_last(step.total, rows, past, work)
            self.keep_ended(step, memory, work)

    cdef void clear_last(self, int number, Py_ssize_t rows, Py_ssize_t past, Workspace* work) noexcept nogil:
        """Zero the last `past` of a buffer's new rows."""
        cdef Py_ssize_t ld = self.buffer[number].ld
        fill_rows(work.first[number] + (rows - past) * ld, past, ld, self.buffer[number].zero)

    cdef void run_few(
        self, Memory* memory, Workspace* work, const float* x, const float* c, Py_ssize_t c_step, Py_ssize_t frames,
        float* out) noexcept nogil:
        """Feed one or two frames of a regular network, which gives as many.

        Design: what a step reads and writes is bound when the workspace is made. Only the pointers into the rings are set
        here, all before the first step, and the rings are written after the last one: the less there is between the
        arithmetic of two layers, the more of the second the CPU can do while it waits for results of the first. Any two
        rows are at some distance, so the rows of a tap need not be copied to be adjacent.
        """
        cdef const Run* run = self.few
        cdef const Run* end = run + self.runs
        self.feed_few(work, self.x, x, self.in_channels, frames)
        if self.c >= 0:
            self.feed_few(work, self.c, c, c_step, frames)
        self.point_into_rings(memory, work, frames)
        while run < end:
            if run.layer != NULL:
                run.layer(work.layer + run.first, run.count, frames)
            elif run.alone != NULL and frames == 1:
                work.bound[run.step - self.step].rows = 1
                run.alone(&run.step.call, work.bound + (run.step - self.step))
            else:
                self.run_bound(run.step, memory, work, frames)
            run += 1
        self.keep_few(memory, work, frames)
        self.collect(work.row[self.output], frames, out)

    cdef inline void feed_few(
        self, Workspace* work, int number, const float* x, Py_ssize_t step, Py_ssize_t frames) noexcept nogil:
        """Set the new rows of an input: (frames, channels) floats, `step` apart."""
        cdef const Buffer* buffer = self.buffer + number
        cdef Py_ssize_t row
        for row in range(frames):
            memcpy(work.row[number] + row * buffer.ld, x + row * step, buffer.channels * sizeof(float))

    cdef inline void point_into_rings(self, Memory* memory, Workspace* work, Py_ssize_t frames) noexcept nogil:
        """Set the pointers to the rows before the new ones."""
        cdef const RingTap* ring_tap = self.ring_tap
        cdef const RingTap* end = ring_tap + self.ring_taps
        cdef const Tap* tap
        cdef const float* second
        while ring_tap < end:
            tap = ring_tap.tap
            work.x[ring_tap.place] = self.past_row(tap, memory, tap.back)
            if frames == 2:
                second = self.row_at(tap, memory, tap.back + self.buffer[tap.buffer].ld, work.row[tap.buffer])
                work.ldx[ring_tap.place] = (
                    <Py_ssize_t>second - <Py_ssize_t>work.x[ring_tap.place]) // <Py_ssize_t>sizeof(float)
            ring_tap += 1

    cdef inline void keep_few(self, Memory* memory, Workspace* work, Py_ssize_t frames) noexcept nogil:
        """Append the new rows to the rings."""
        cdef const Ring* ring = self.ring
        cdef const Ring* end = ring + self.rings
        cdef const float* row
        cdef Py_ssize_t i, slot
        while ring < end:
            slot = memory.head[ring.buffer]
            row = work.row[ring.buffer]
            for i in range(frames):
                copy_row(memory.rings + ring.start + slot, row, ring.ld)
                row += ring.ld
                slot += ring.ld
                slot &= -<Py_ssize_t>(slot < ring.around)
            memory.head[ring.buffer] = slot
            ring += 1

    cdef inline void run_bound(self, const Step* step, Memory* memory, Workspace* work, Py_ssize_t frames) noexcept nogil:
        """Compute one or two rows of a step that is no layer."""
        cdef Rows* rows = work.bound + (step - self.step)
        cdef float* total = work.row[step.total] if step.total >= 0 else NULL
        cdef Py_ssize_t i, k
        if step.state >= 0:
            rows.state_step = 0
            rows.state[0] = memory.states + step.state
        if not step.apart:
            self.run_rows(step, rows, frames, total)
            return
        for i in range(frames):
            self.run_rows(step, rows, 1, total)
            for k in range(step.reads):
                rows.x[k] += rows.ldx[k]
            rows.out += rows.ld
            if total != NULL:
                total += rows.ld
        for k in range(step.reads):
            rows.x[k] -= frames * rows.ldx[k]
        rows.out -= frames * rows.ld

    cdef inline void run_rows(self, const Step* step, Rows* rows, Py_ssize_t n, float* total) noexcept nogil:
        """Compute consecutive rows of one stream, and add them to `total` unless NULL."""
        rows.rows = n
        rows.residual = rows.x[step.taps] if step.residual != NULL else NULL
        if step.dense and n == 1:
            if step.row != NULL:        # the kernel that convolve_row would call
                step.row(&step.call.conv, step.call.conv.panel, rows.x, rows.residual, rows.out, total)
            else:
                self.kernels.convolve_row(&step.call.conv, rows.x, rows.residual, rows.out, total)
            return
        step.call.run(&step.call, rows)
        if step.activation != NULL:
            step.activation(rows.out, n, rows.ld, step.call.channels, step.parameters)
        if total != NULL:
            self.kernels.add(total, rows.out, n, total, rows.ld)

    cdef inline LayerCall layer_call(
        self, const Step* step, const Rows* rows, float** first, Py_ssize_t row) noexcept nogil:
        """The call of a layer from `row` on, which reads `rows`; `first`: per buffer, the first row."""
        cdef const Step* after = step + 1
        cdef Py_ssize_t at = row * self.buffer[step.out].ld
        cdef LayerCall call
        call.conv, call.after = &step.call.conv, NULL
        call.x, call.ldx = rows.x, rows.ldx
        call.z = first[step.out] + at
        call.total = first[step.total] + at if step.total >= 0 else NULL
        call.residual = call.out = NULL
        if after < self.step + self.steps and after.merged:
            call.after = &after.call.conv
            call.residual = first[after.residual.buffer] + at
            call.out = first[after.out] + at
        return call

    # One frame of each of many streams

    cdef int64_t phase(self, int64_t frames_in) noexcept nogil:
        """Streams in the same phase do the same with their next frame, at the same places of their rings' ends."""
        return frames_in if frames_in < self.settled else self.settled + (frames_in - self.settled) % self.period

    cdef Py_ssize_t run_many(
        self, Memory** memory, Py_ssize_t streams, Workspace* work, const float* x, const float* c, float* out) noexcept nogil:
        """Feed one frame to each of many streams in the same phase: x is (streams, in_channels); c, if the frame comes with
        conditioning, (streams, condition_channels). Returns the rows of each stream that are written to `out`.

        The frames of different streams are rows of one matrix, like the frames of a chunk; only the locations of the
        preceding rows differ.
        """
        cdef Py_ssize_t done = 0, rows, row, written = 0, all_written = 0
        while done < streams:
            rows = min(streams - done, self.together)
            if rows == 1 and self.regular:
                self.run_few(
                    memory[done], work, x + done * self.in_channels, c + done * self.condition_channels, 0, 1,
                    out + all_written * self.out_channels)
                written = 1
                all_written += 1
                memory[done].frames_in += 1
                memory[done].frames_out += 1
                break
            self.feed(work, self.x, x + done * self.in_channels, self.in_channels, rows)
            if self.c >= 0:
                self.feed(
                    work, self.c, c + done * self.condition_channels, self.condition_channels,
                    rows * self.conditions_next(memory[done]))
            if rows > 1:
                self.run_together(memory + done, rows, work)
            else:
                self.run_chunk(memory[done], work, NULL)
            written = work.rows[self.output] // rows
            all_written += self.collect(work.first[self.output], work.rows[self.output], out + all_written * self.out_channels)
            for row in range(done, done + rows):
                memory[row].frames_in += 1
                memory[row].frames_out += written
            done += rows
        return written

    cdef Py_ssize_t conditions_next(self, const Memory* memory) noexcept nogil:
        """Conditioning frames that come with a stream's next frame: 1 or 0."""
        return self.condition_frames(memory.frames_in + 1) - self.condition_frames(memory.frames_in)

    cdef void run_together(self, Memory** memory, Py_ssize_t streams, Workspace* work) noexcept nogil:
        """`run_few`, or `run_chunk`, for the frames of several streams in the same phase, set by `feed`. Each stream has
        equally many new rows of a buffer; they are adjacent."""
        cdef const Step* step = self.step
        cdef const Step* end = step + self.steps
        cdef int64_t* count = memory[0].count       # of the others the same, from the same start
        cdef Py_ssize_t i, fresh
        if not self.regular:
            count[self.x] += 1
            if self.c >= 0:
                count[self.c] += work.rows[self.c] // streams
        while step < end:
            fresh = 1 if self.regular else self.ready(step, count, False) - count[step.out]
            work.rows[step.out] = streams * fresh
            if fresh > 0 and not step.merged:
                if step.alone and fresh == 1:
                    self.run_each(step, memory, streams, work)
                else:
                    self.gather(step, memory, streams, fresh, work)
                    self.compute(step, memory, streams, work, 0, streams * fresh)
            if fresh > 0 and not self.regular:
                count[step.out] += fresh
            for i in range(step.ends):
                self.keep_rows(step.end[i], memory, streams, work)
            step += 1
        if not self.regular:
            self.count_alike(memory, streams, work)

    cdef void count_alike(self, Memory** memory, Py_ssize_t streams, const Workspace* work) noexcept nogil:
        """Count the new rows of all streams but the first, whose rows are counted."""
        cdef Py_ssize_t stream, number
        for number in range(self.buffers):
            if work.rows[number]:
                for stream in range(1, streams):
                    memory[stream].count[number] += work.rows[number] // streams

    cdef Py_ssize_t first_row(self, const Step* step, const Tap* tap, const Memory* memory, Py_ssize_t fresh) noexcept nogil:
        """The first row that a tap reads, counted from the first of `fresh` new rows of its buffer: negative in the ring."""
        if self.regular:
            return tap.shift
        return memory.count[step.out] // step.phases * tap.stride + tap.shift - (memory.count[tap.buffer] - fresh)

    cdef void gather(
        self, const Step* step, Memory** memory, Py_ssize_t streams, Py_ssize_t rows, Workspace* work) noexcept nogil:
        """Set the pointers to what a step reads for `rows` new rows of each stream. What is not in the chunk at equal
        distances is gathered."""
        cdef const Tap* tap = step.tap
        cdef float* staged = work.staged
        cdef Py_ssize_t k, ld, first, fresh
        rows //= step.phases
        for k in range(step.reads):
            ld = self.buffer[tap.buffer].ld
            fresh = work.rows[tap.buffer] // streams
            first = self.first_row(step, tap, memory[0], fresh)
            if first >= 0 and (rows == 1 or (rows == fresh and tap.stride == 1)):
                work.now.x[k] = work.first[tap.buffer] + first * ld
                work.now.ldx[k] = ld if rows == fresh else fresh * ld
            else:
                work.now.x[k] = staged
                work.now.ldx[k] = ld
                expect(staged + streams * rows * ld <= work.staged + work.staged_floats)
                self.gather_tap(tap, memory, streams, first, rows, work, staged)
                staged += streams * rows * ld
            tap += 1

    cdef void gather_tap(
        self, const Tap* tap, Memory** memory, Py_ssize_t streams, Py_ssize_t first, Py_ssize_t rows, Workspace* work,
        float* to) noexcept nogil:
        """Copy `rows` rows of each stream from `first` on, which is counted as in `first_row`."""
        cdef Py_ssize_t stream, i, ld = self.buffer[tap.buffer].ld
        cdef const float* chunk = work.first[tap.buffer]
        for stream in range(streams):
            if rows == 1:       # of the ring: one of the chunk need not be gathered
                if stream + AHEAD < streams:
                    prefetch_row(self.past_row(tap, memory[stream + AHEAD], first * ld), ld)
                copy_row(to, self.past_row(tap, memory[stream], first * ld), ld)
            else:
                for i in range(rows):
                    copy_row(to + i * ld, self.row_at(tap, memory[stream], (first + i * tap.stride) * ld, chunk), ld)
                chunk += work.rows[tap.buffer] // streams * ld
            to += rows * ld

    cdef inline const float* row_at(
        self, const Tap* tap, const Memory* memory, Py_ssize_t row, const float* chunk) noexcept nogil:
        """A row of a stream, `row` floats from its first new one: in its ring, or among the new ones at `chunk`."""
        return self.past_row(tap, memory, row) if row < 0 else chunk + row

    cdef inline const float* past_row(self, const Tap* tap, const Memory* memory, Py_ssize_t back) noexcept nogil:
        """The row of the ring that stands `back`, which is negative, floats from its end, as in `run_few`."""
        cdef Py_ssize_t slot = memory.head[tap.buffer] + back
        return memory.rings + tap.ring + slot + (tap.around & (slot >> 63))

    cdef void run_each(self, const Step* step, Memory** memory, Py_ssize_t streams, Workspace* work) noexcept nogil:
        """Run a step stream by stream, on rows where they are: gathering them would take longer than computing."""
        cdef const Tap* tap
        cdef Py_ssize_t stream, k, first, fresh, ld
        for stream in range(streams):
            tap = step.tap
            for k in range(step.reads):
                ld = self.buffer[tap.buffer].ld
                fresh = 1 if self.regular else work.rows[tap.buffer] // streams
                first = self.first_row(step, tap, memory[0], fresh)
                work.now.x[k] = self.row_at(
                    tap, memory[stream], first * ld, work.first[tap.buffer] + stream * fresh * ld)
                work.now.ldx[k] = 0
                tap += 1
            self.compute(step, memory + stream, 1, work, stream, 1)

    cdef void keep_rows(self, int number, Memory** memory, Py_ssize_t streams, Workspace* work) noexcept nogil:
        """Append the new rows to the ring of each stream."""
        cdef const Buffer* buffer = self.buffer + number
        cdef const float* source = work.first[number]
        cdef Py_ssize_t around = buffer.history * buffer.ld, fresh = work.rows[number] // streams, stream, slot, row
        for stream in range(streams):
            if stream + AHEAD < streams:
                prefetch_row(memory[stream + AHEAD].rings + buffer.ring + memory[stream + AHEAD].head[number], buffer.ld)
            slot = memory[stream].head[number]
            for row in range(fresh):
                copy_row(memory[stream].rings + buffer.ring + slot, source, buffer.ld)
                slot += buffer.ld
                slot &= -<Py_ssize_t>(slot < around)
                source += buffer.ld
            memory[stream].head[number] = slot

    cdef void locate_taps(self, const Step* step, Memory* memory, Workspace* work, Py_ssize_t rows) noexcept nogil:
        """Set the pointers to the rows that a step reads: one per tap, the residual's last."""
        cdef Py_ssize_t k, staged = 0
        for k in range(step.reads):
            work.now.x[k] = self.locate(
                step.tap + k, memory.count[step.out] // step.phases, memory, work, rows // step.phases, work.now.ldx + k, &staged)

    cdef void compute(
        self, const Step* step, Memory** memory, Py_ssize_t streams, Workspace* work, Py_ssize_t row, Py_ssize_t rows) noexcept nogil:
        """Compute new rows of one step, from `row` on: several of one stream, or one of each of many."""
        cdef Rows* now = &work.now
        cdef LayerCall layer
        cdef Py_ssize_t i
        cdef float* total
        if step.layer != NULL:
            layer = self.layer_call(step, now, work.first, row)
            step.layer(&layer, 1, rows)
            return
        now.rows = rows
        now.residual = now.x[step.taps] if step.residual != NULL else NULL
        now.ld = self.buffer[step.out].ld
        now.out = work.first[step.out] + row * now.ld
        if step.state >= 0:
            now.state_step = streams > 1
            for i in range(streams):
                now.state[i] = memory[i].states + step.state
        step.call.run(&step.call, now)
        if step.activation != NULL:
            step.activation(now.out, rows, now.ld, step.call.channels, step.parameters)
        if step.total >= 0:
            total = work.first[step.total] + row * now.ld
            self.kernels.add(total, now.out, rows, total, now.ld)

    cdef const float* locate(
        self, const Tap* tap, int64_t done, Memory* memory, Workspace* work, Py_ssize_t rows, Py_ssize_t* ld,
        Py_ssize_t* staged) noexcept nogil:
        """Locate the `rows` rows of a tap after the first `done`, `ld` apart: in the chunk, in the ring, before the chunk, or gathered."""
        cdef const Buffer* buffer = self.buffer + tap.buffer
        cdef float* chunk = work.first[tap.buffer]
        cdef float* ring = memory.rings + buffer.ring
        # Rows are counted from the chunk's first row; the count of a buffer that is read includes the chunk's rows.
        cdef Py_ssize_t first = (
            done * tap.stride + tap.shift - (memory.count[tap.buffer] - work.rows[tap.buffer]))
        cdef Py_ssize_t last = first + (rows - 1) * tap.stride
        cdef Py_ssize_t slot, row
        cdef float* gathered
        ld[0] = buffer.ld * tap.stride
        expect(last < work.rows[tap.buffer] and -first <= buffer.history)
        if first >= 0:
            return chunk + first * buffer.ld
        if last < 0:
            slot = memory.head[tap.buffer] // buffer.ld + first
            if slot < 0:
                slot += buffer.history
            if slot + last - first < buffer.history:
                return ring + slot * buffer.ld
        elif -first <= buffer.prefix:
            self.lay(tap.buffer, -first, memory, work)
            return chunk + first * buffer.ld
        gathered = work.staged + staged[0]
        ld[0] = buffer.ld
        staged[0] += rows * buffer.ld
        expect(staged[0] <= work.staged_floats)
        for row in range(rows):
            slot = first + row * tap.stride
            if slot < 0:
                slot += memory.head[tap.buffer] // buffer.ld
                if slot < 0:
                    slot += buffer.history
                memcpy(gathered + row * buffer.ld, ring + slot * buffer.ld, buffer.ld * sizeof(float))
            else:
                memcpy(gathered + row * buffer.ld, chunk + slot * buffer.ld, buffer.ld * sizeof(float))
        return gathered

    cdef void lay(self, int number, Py_ssize_t rows, Memory* memory, Workspace* work) noexcept nogil:
        """Copy the last `rows` rows of history before the chunk's rows, unless they are there already."""
        cdef const Buffer* buffer = self.buffer + number
        cdef Py_ssize_t missing = rows - work.laid[number], slot, piece
        cdef float* to = work.first[number] - rows * buffer.ld
        if missing <= 0:
            return
        slot = memory.head[number] // buffer.ld - rows
        if slot < 0:
            slot += buffer.history
        work.laid[number] = rows
        piece = min(missing, buffer.history - slot)
        memcpy(to, memory.rings + buffer.ring + slot * buffer.ld, piece * buffer.ld * sizeof(float))
        memcpy(to + piece * buffer.ld, memory.rings + buffer.ring, (missing - piece) * buffer.ld * sizeof(float))

    cdef void keep_ended(self, const Step* step, Memory* memory, Workspace* work) noexcept nogil:
        """Save to the rings the buffers that no later step reads."""
        cdef Py_ssize_t i
        for i in range(step.ends):
            self.keep(step.end[i], memory, work)

    cdef void keep(self, int number, Memory* memory, Workspace* work) noexcept nogil:
        """Copy the chunk's last rows into the ring."""
        cdef const Buffer* buffer = self.buffer + number
        cdef Py_ssize_t rows = min(work.rows[number], buffer.history), slot = memory.head[number], piece
        cdef const float* source = work.first[number] + (work.rows[number] - rows) * buffer.ld
        cdef float* ring = memory.rings + buffer.ring
        slot = slot // buffer.ld if rows < buffer.history else 0        # else the whole ring is overwritten
        piece = min(rows, buffer.history - slot)
        memcpy(ring + slot * buffer.ld, source, piece * buffer.ld * sizeof(float))
        memcpy(ring, source + piece * buffer.ld, (rows - piece) * buffer.ld * sizeof(float))
        slot += rows
        memory.head[number] = (slot if slot < buffer.history else slot - buffer.history) * buffer.ld
