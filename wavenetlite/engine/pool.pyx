# cython: boundscheck=False, initializedcheck=False, wraparound=False
"""StreamPool: many signals at once on one immutable plan.

Design: the memories of all streams are adjacent in one allocation. One frame of each of N streams is processed like N frames
of one stream, as N rows of the same matrices (`Plan.run_many`): for each step, the past rows of its taps are gathered from
the rings of the streams, one kernel call computes all rows, and each is appended to its ring. With strides, only streams in
the same phase do the same with their next frame, so they are sorted by it. Longer blocks fill the kernels' tiles on their
own and go through the plan one by one. The results do not depend on which way a block takes. The rows that a step gathers of
1,000 streams of C lie in more small pages than the processor knows the places of, so the streams' memory asks for large ones
(measured: 0.92 of the time).

The other threads of a pool sleep in a queue. A thread that has done its part watches a number for 0.1 ms before it sleeps
again: in calls that follow each other closely it is there at once, which waking (some 50 us) is not. Whoever waits lets others
to the CPU now and then, as there may be fewer CPUs than threads.

A call validates all its arguments before the first stream advances; from then on nothing can fail.
"""

cimport cython
cimport numpy as cnp
from cpython.dict cimport PyDict_Check
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free, qsort
from libc.string cimport memcpy

from collections.abc import Mapping
from queue import SimpleQueue
from threading import Thread

import numpy as np

from wavenetlite.support.arrays import is_masked
from wavenetlite.support.checks import count, integer, one_of, positive_int
from wavenetlite.kernels.packed cimport Blocks
from wavenetlite.kernels.system cimport (
    clock_ns, give_aligned, let_others_run, physical_memory, process_number, sleep_ns, take_large)
from wavenetlite.kernels.turns cimport leave_turn, take_turn
from wavenetlite.engine.plan cimport MUCH_WORK, Memory, Plan, Workspace
from wavenetlite.support.errors import ArrayTypeError, ParameterError, StreamStateError
from wavenetlite.engine.stream cimport (
    Saved, checked, finite, flush_subnormals, frames_of_piece, output_array, refuse_condition_frames, refuse_overlap,
    release, restore_subnormals, saved, try_acquire)

cdef extern from "simd.h" nogil:
    int64_t take_number(int64_t*)
    int look_at(const int*)
    void set_to(int*, int value)
    bint move(int*, int before, int after)
    void add_one(int*)
    void relax()

cnp.import_array()

MOST_STREAMS = 2**24
MOST_FRAMES = 2**48

cdef enum:
    WORK_TO_SHARE = 16_000_000  # multiply-adds per call above which more threads are used: waking one takes about 50 us,
    WORK_TO_HAND_OVER = 1_500_000   # and if they are still watching after the last call: then it takes about 1 us
    WATCH_NS = 100_000          # for which a thread watches for the next call before it sleeps
    WATCHES = 50                # for so many times as long a call watches for its other threads before it sleeps in between
    LOOKS = 50                  # at a number before other threads are let to the CPU
    FEW_FRAMES = 8              # blocks of fewer frames do not fill the kernels' tiles
    WHOLE_FRAMES = 16           # blocks of as many are never cut: to save all streams before would take as long as the work

cdef enum:
    ALONE = -1                  # the phase of a long block

cdef enum Duty:
    STEP, PROCESS

cdef enum:
    ASLEEP, WATCHING, CALLED    # states of the other threads

# One block of one stream.
cdef struct Job:
    Memory* memory
    const float* x
    const float* c
    Py_ssize_t c_step, frames
    float* y
    int64_t phase               # blocks of the same phase are processed together, frame by frame

# The work memory of a thread, its state, and the frames that it processes together.
cdef struct Part:
    int state
    Workspace* work
    Memory** memory
    Job** job
    float* x
    float* c
    float* y


def refuse_excess(capacity: int, stream_bytes: int) -> None:
    """Raise if the streams cannot fit into this machine's memory: it is taken as they are opened, so they would fail late."""
    most = int(physical_memory())
    if most > 0 and capacity * stream_bytes > most:
        raise ParameterError(f"capacity={capacity} needs {capacity * stream_bytes:,} bytes, {stream_bytes:,} for each stream;"
                             f" it must be at most {most // stream_bytes} with the {most:,} bytes of this machine")


cdef bint comes_to(const int* number, int wanted) noexcept nogil:
    """Whether a number that another thread sets is the wanted one, or soon becomes it."""
    cdef Py_ssize_t looks
    for looks in range(LOOKS):
        if look_at(number) == wanted:
            return True
        relax()
    let_others_run()        # perhaps that thread needs this CPU
    return False


cdef bint called_again(int* state) noexcept nogil:
    """Watch for the next call; False: there has been none, and the thread is to sleep."""
    cdef int64_t start = clock_ns()
    while not comes_to(state, CALLED):
        if clock_ns() - start > WATCH_NS:
            return not move(state, WATCHING, ASLEEP)
    return True


cdef int by_phase(const void* a, const void* b) noexcept nogil:
    cdef int64_t one = (<Job**>a)[0].phase, other = (<Job**>b)[0].phase
    return (one > other) - (one < other)


@cython.final
cdef class StreamPool:
    """Streaming inference on many signals, in one call and one block of memory.

    Made by ``model.pool(capacity)``. Every stream is identified by the id that `open` returns; its output is bit-identical to
    that of a separate :class:`Stream`. A call validates everything first: if it raises, no stream has changed. Ids are never
    reused, so the id of a closed stream always raises. A pool serves one thread at a time (another gets a
    `StreamStateError`); the work is done without the GIL.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> model = wl.TCN(40, 12, channels=16, dilations=[1, 2, 4])
    >>> x = np.random.default_rng(0).standard_normal((2, 100, 40), dtype=np.float32)
    >>> pool = model.pool(64)
    >>> a, b = pool.open(), pool.open()
    >>> y = pool.process({a: x[0, :60], b: x[1, :7]})                   # blocks of any lengths
    >>> bool((y[b] == model(x[1, :7])).all())
    True
    >>> Y = pool.step(np.stack([x[0, 60], x[1, 7]]), [a, b])            # one frame for each of them
    >>> bool((Y[0] == model(x[0])[60]).all() and (Y[1] == model(x[1])[7]).all())
    True
    >>> pool.close(a)
    >>> len(pool), pool.capacity
    (1, 64)
    """

    cdef readonly Plan plan
    cdef readonly Py_ssize_t capacity, threads
    cdef str name                       # of the blocks, in messages
    cdef bint zero_nonfinite
    cdef int busy
    cdef Blocks blocks                  # memory that the pointers below point into
    cdef char* slab                     # the streams' memories
    cdef size_t memory_bytes            # of each
    cdef int64_t* current               # by slot: id of the open stream, or -1; the slot is id % capacity
    cdef int64_t* next_id
    cdef char* flushed
    cdef char* conditioned              # whether it has constant conditioning, and
    cdef float* condition               # that, (capacity, condition_channels)
    cdef Py_ssize_t* vacant             # slots
    cdef Py_ssize_t vacancies
    # Of the call at hand
    cdef Duty duty
    cdef Py_ssize_t parts               # threads that work on it
    cdef Part* part
    cdef Memory** chosen                # step: the streams, and their frames
    cdef Py_ssize_t rows
    cdef const float* x
    cdef const float* c
    cdef float* y
    cdef float* conditions              # constant ones of the chosen, side by side
    cdef int64_t* mark                  # by slot: the last step in which it was used
    cdef int64_t marks
    cdef Job* job                       # process: the blocks
    cdef Py_ssize_t jobs
    cdef int64_t next_job               # first that no thread has taken
    cdef Job** few                      # those of few frames
    cdef Py_ssize_t few_jobs
    cdef object workers
    cdef int workers_process
    cdef int finished                   # parts of the call at hand
    cdef int64_t ended                  # when the last call with work to share ended, ns

    def __cinit__(
        self, Plan plan not None, capacity: object, *, threads: object = 1, on_nonfinite: object = "raise", name: str = "block"
    ):
        cdef Py_ssize_t slot
        one_of("on_nonfinite", on_nonfinite, ("raise", "zero"))
        self.plan = plan
        self.capacity = positive_int("capacity", capacity, MOST_STREAMS)
        self.threads = positive_int("threads", threads, 256)
        self.zero_nonfinite = on_nonfinite == "zero"
        self.name = name
        self.memory_bytes = plan.memory_bytes()
        refuse_excess(self.capacity, self.memory_bytes)
        self.slab = <char*>take_large(self.memory_bytes * self.capacity)
        if self.slab == NULL:
            raise MemoryError(f"no memory for {self.capacity} streams of {self.memory_bytes} bytes")
        self.blocks = Blocks()
        self.current = <int64_t*>self.blocks.allocate(8 * self.capacity)
        self.next_id = <int64_t*>self.blocks.allocate(8 * self.capacity)
        self.mark = <int64_t*>self.blocks.allocate(8 * self.capacity)
        self.vacant = <Py_ssize_t*>self.blocks.allocate(sizeof(Py_ssize_t) * self.capacity)
        self.flushed = self.blocks.allocate(self.capacity)
        self.conditioned = self.blocks.allocate(self.capacity)
        self.condition = <float*>self.blocks.allocate(4 * self.capacity * plan.condition_channels)
        self.conditions = <float*>self.blocks.allocate(4 * self.capacity * plan.condition_channels)
        self.chosen = <Memory**>self.blocks.allocate(sizeof(Memory*) * self.capacity)
        self.job = <Job*>self.blocks.allocate(sizeof(Job) * self.capacity)
        self.few = <Job**>self.blocks.allocate(sizeof(Job*) * self.capacity)
        for slot in range(self.capacity):
            self.current[slot] = -1
            self.next_id[slot] = slot
            self.vacant[slot] = self.capacity - 1 - slot
        self.vacancies = self.capacity
        self.part = <Part*>calloc(self.threads, sizeof(Part))     # not in `blocks`: garbage collection may clear those first
        if self.part == NULL:
            raise MemoryError
        for slot in range(self.threads):
            self.set_part(self.part + slot)

    cdef set_part(self, Part* part):
        cdef Plan plan = self.plan
        part.memory = <Memory**>self.blocks.allocate(sizeof(Memory*) * plan.together)
        part.job = <Job**>self.blocks.allocate(sizeof(Job*) * plan.together)
        part.x = <float*>self.blocks.allocate(4 * plan.together * plan.in_channels)
        part.c = <float*>self.blocks.allocate(4 * plan.together * plan.condition_channels)
        part.y = <float*>self.blocks.allocate(4 * plan.most_rows_out * plan.out_channels)
        part.work = plan.borrow()

    def __reduce__(self):
        raise StreamStateError("a pool cannot be copied or pickled; make another with model.pool()")

    def __dealloc__(self):
        cdef Py_ssize_t i
        give_aligned(self.slab)
        if self.part != NULL:
            for i in range(self.threads):
                self.return_workspace(self.part[i].work)
        free(self.part)

    cdef void return_workspace(self, Workspace* work) noexcept:
        if self.plan is None:       # garbage collection has cleared it
            give_aligned(work)
        elif work != NULL:
            self.plan.give_back(work)

    cdef acquire(self):
        if not try_acquire(&self.busy):
            raise StreamStateError("pool is in use by another thread; give each thread its own pool")

    # Streams

    def open(self, c: object = None, *, snapshot: object = None) -> int:
        """A new stream; returns its id.

        Parameters
        ----------
        c
            Constant conditioning, float32, (condition_channels,); None: none, or passed with each block.
        snapshot
            A snapshot of a stream or pool of the same network: the new stream resumes from there, with the snapshot's
            conditioning.

        Raises
        ------
        StreamStateError
            The pool is full.
        ParameterError, ArrayTypeError, SnapshotError
            `c` or `snapshot` does not fit; nothing has been opened.
        """
        cdef cnp.ndarray given = None
        cdef Saved past = None
        cdef Py_ssize_t slot
        self.acquire()
        try:
            if self.vacancies == 0:
                raise StreamStateError(f"pool is full: all {self.capacity} streams are open; close one first (capacity={self.capacity})")
            if snapshot is not None:
                if c is not None:
                    raise ParameterError("c given with a snapshot; it must be None, as the snapshot contains it")
                past = Saved(self.plan, snapshot)
            elif c is not None:
                self.refuse_condition("c")
                given = finite(
                    self.plan, checked(c, "c", 1, self.plan.condition_channels), "c", self.zero_nonfinite, self.plan.c_indices)
            self.vacancies -= 1
            slot = self.vacant[self.vacancies]
            self.plan.lay_out_memory(self.slab + slot * self.memory_bytes)
            self.flushed[slot] = False
            self.set_condition(slot, given)
            if past is not None:
                self.take_over(slot, past)
            self.current[slot] = self.next_id[slot]
            self.next_id[slot] += self.capacity
            return self.current[slot]
        finally:
            release(&self.busy)

    def close(self, sid: object) -> None:
        """Close a stream: its slot is freed and its id becomes invalid."""
        cdef Py_ssize_t slot
        self.acquire()
        try:
            slot = self.slot_of(sid)
            self.current[slot] = -1
            self.vacant[self.vacancies] = slot
            self.vacancies += 1
        finally:
            release(&self.busy)

    def reset(self, sid: object) -> None:
        """Start a stream over: the next frame is the first. Constant conditioning is kept."""
        cdef Py_ssize_t slot
        self.acquire()
        try:
            slot = self.slot_of(sid)
            self.plan.reset_memory(self.memory_of(slot))
            self.flushed[slot] = False
        finally:
            release(&self.busy)

    def reset_all(self) -> None:
        """`reset` all open streams."""
        cdef Py_ssize_t slot
        self.acquire()
        for slot in range(self.capacity):
            if self.current[slot] >= 0:
                self.plan.reset_memory(self.memory_of(slot))
                self.flushed[slot] = False
        release(&self.busy)

    def snapshot(self, sid: object) -> bytes:
        """The state of a stream as bytes, the same as of `Stream.snapshot`."""
        cdef Py_ssize_t slot
        self.acquire()
        try:
            slot = self.slot_of(sid)
            return saved(self.plan, self.memory_of(slot), self.flushed[slot], self.condition_of(slot))
        finally:
            release(&self.busy)

    def restore(self, sid: object, snapshot: object) -> None:
        """Restore a stream from a snapshot; see `Stream.restore`."""
        cdef Py_ssize_t slot
        self.acquire()
        try:
            slot = self.slot_of(sid)
            self.take_over(slot, Saved(self.plan, snapshot))
        finally:
            release(&self.busy)

    def fork(self, sid: object) -> int:
        """Open a copy of a stream; returns its id.

        Raises
        ------
        StreamStateError
            The pool is full.
        """
        return self.open(snapshot=self.snapshot(sid))

    cdef void take_over(self, Py_ssize_t slot, Saved past) noexcept:
        past.restore(self.memory_of(slot))
        self.flushed[slot] = past.flushed
        self.set_condition(slot, past.condition)

    cdef void set_condition(self, Py_ssize_t slot, cnp.ndarray c) noexcept:
        self.conditioned[slot] = c is not None
        if c is not None:
            memcpy(self.condition + slot * self.plan.condition_channels, cnp.PyArray_DATA(c), 4 * self.plan.condition_channels)

    cdef cnp.ndarray condition_of(self, Py_ssize_t slot):
        cdef cnp.npy_intp shape[1]
        cdef cnp.ndarray c
        if not self.conditioned[slot]:
            return None
        shape[0] = self.plan.condition_channels
        c = cnp.PyArray_EMPTY(1, shape, cnp.NPY_FLOAT32, 0)
        memcpy(cnp.PyArray_DATA(c), self.condition + slot * self.plan.condition_channels, 4 * self.plan.condition_channels)
        return c

    cdef refuse_condition(self, str name):
        if self.plan.condition_channels == 0:
            raise ParameterError(f"{name} given; it must be None, this network has no conditioning")

    cdef Memory* memory_of(self, Py_ssize_t slot) noexcept nogil:
        return <Memory*>(self.slab + slot * self.memory_bytes)

    cdef Py_ssize_t slot_of(self, object sid) except -1:
        """The slot of an open stream; raises for any other id."""
        cdef int64_t number
        if type(sid) is not int:
            sid = integer("sid", sid)
        if not 0 <= sid < MOST_FRAMES:
            raise ParameterError(f"sid={sid} is not a stream of this pool; it must be an id that open() returned")
        number = sid
        if self.current[number % self.capacity] != number:
            if number < self.next_id[number % self.capacity]:
                raise ParameterError(f"sid={sid} was closed; it must be the id of an open stream")
            raise ParameterError(f"sid={sid} is not a stream of this pool; it must be an id that open() returned")
        return number % self.capacity

    cdef refuse_flushed(self, Py_ssize_t slot):
        if self.flushed[slot]:
            raise StreamStateError(f"stream {self.current[slot]} was flushed; call reset({self.current[slot]}) before feeding it again")

    # Blocks

    def process(self, blocks: object, c: object = None) -> dict:
        """Feed the next frames of any number of streams; returns the completed output frames.

        Parameters
        ----------
        blocks
            The next frames of each stream by id: float32, (n, in_channels), n >= 0.
        c
            Their conditioning by id, unless they were opened with one: float32, (n, condition_channels) or
            (condition_channels,).

        Returns
        -------
        By id, (m, out_channels) float32, as of `Stream.process`.

        Raises
        ------
        ParameterError, ArrayTypeError
            An id is not that of an open stream, or a block has a wrong shape, dtype or value; no stream has changed.
        StreamStateError
            A stream was flushed and not reset, or another thread is using the pool.
        """
        cdef dict outputs
        self.acquire()
        try:
            if not PyDict_Check(blocks) and not isinstance(blocks, Mapping):
                raise ArrayTypeError(f"blocks is a {type(blocks).__name__}; it must be a dict of ids to arrays")
            if c is not None:
                self.refuse_condition("c")
                self.check_conditions_by_id(c, blocks)
            held = []           # what is read must outlive the work, whatever other threads do to `blocks`
            outputs = {}
            self.jobs = 0
            for sid, block in blocks.items():
                self.add_job(sid, block, c, outputs, held)
            self.run_in_pieces()
            return outputs
        finally:
            release(&self.busy)

    def process_joined(self, X: object, ids: object, frames: object) -> tuple:
        """`process` for blocks that lie one below the other, without an array for each; for networks without conditioning.

        Parameters
        ----------
        X
            The blocks, float32, (sum of `frames`, in_channels).
        ids
            Ids of the streams, all different.
        frames
            Frames of each of them, (N,) int64.

        Returns
        -------
        The completed output frames one below the other, (M, out_channels) float32, and how many each stream has, (N,) int64.

        Raises
        ------
        ParameterError, ArrayTypeError
            An id is not that of an open stream or occurs twice, or a shape, dtype or value is wrong; no stream has changed.
        StreamStateError
            A stream was flushed and not reset, or another thread is using the pool.
        """
        self.acquire()
        try:
            return self.joined(X, ids, frames)
        finally:
            release(&self.busy)

    cdef tuple joined(self, object X, object ids, object frames):
        cdef Plan plan = self.plan
        cdef cnp.ndarray x = finite(
            plan, checked(X, "X", 2, plan.in_channels), "X", self.zero_nonfinite, plan.x_indices)
        cdef cnp.ndarray counts = np.ascontiguousarray(frames, np.int64), chosen = self.checked_ids(ids), y
        cdef const int64_t* wanted = <const int64_t*>cnp.PyArray_DATA(chosen)
        cdef int64_t* count
        cdef Job* job
        cdef Py_ssize_t i, first = 0, rows = 0
        if plan.condition_channels:
            raise ParameterError("process_joined() has no conditioning, which this network needs: use process()")
        self.rows = self.jobs = cnp.PyArray_DIM(chosen, 0)
        self.choose(wanted)
        if cnp.PyArray_NDIM(counts) != 1 or len(counts) != self.jobs or (counts < 0).any() or counts.sum() != len(x):
            raise ParameterError(f"frames must have one number from 0 per id, and their sum be {len(x)}, the rows of X")
        if counts is frames:                # it is written below
            counts = counts.copy()
        count = <int64_t*>cnp.PyArray_DATA(counts)
        for i in range(self.jobs):
            job = self.job + i
            job.memory, job.frames, job.c, job.c_step = self.chosen[i], count[i], NULL, 0
            job.x = <const float*>cnp.PyArray_DATA(x) + first * plan.in_channels
            first += count[i]
            count[i] = job.frames if plan.regular else (
                plan.frames_after(job.memory.frames_in + job.frames, False, self.part.work.end) - job.memory.frames_out)
            rows += count[i]
        y = output_array(None, rows, plan.out_channels, "")
        rows = 0
        for i in range(self.jobs):
            self.job[i].y = <float*>cnp.PyArray_DATA(y) + rows * plan.out_channels
            rows += count[i]
        self.run_in_pieces()
        return y, counts

    cdef check_conditions_by_id(self, object c, object blocks):
        if not isinstance(c, Mapping):
            raise ArrayTypeError(f"c is a {type(c).__name__}; it must be a dict of ids to arrays")
        for sid in c:
            if sid not in blocks:
                raise ParameterError(f"c contains stream {sid}, which has no block; it must contain only streams that are fed")

    cdef add_job(self, object sid, object block, object c, dict outputs, list held):
        """Check a block, allocate its output and queue it."""
        cdef Plan plan = self.plan
        cdef Py_ssize_t slot = self.slot_of(sid), rows
        cdef Job* job = self.job + self.jobs
        cdef cnp.ndarray x, y
        self.refuse_flushed(slot)
        x = self.good(block)
        if x is None:           # the name is made when it is needed
            name = f"{self.name} of stream {self.current[slot]}"
            x = finite(plan, checked(block, name, 2, plan.in_channels), name, self.zero_nonfinite, plan.x_indices)
        held.append(x)
        job.memory = self.memory_of(slot)
        job.frames = cnp.PyArray_DIM(x, 0)
        job.x = <const float*>cnp.PyArray_DATA(x)
        if plan.condition_channels:
            self.set_job_condition(job, slot, None if c is None else c.get(sid), held)
        rows = job.frames if plan.regular else (
            plan.frames_after(job.memory.frames_in + job.frames, False, self.part.work.end) - job.memory.frames_out)
        y = output_array(None, rows, plan.out_channels, "")
        job.y = <float*>cnp.PyArray_DATA(y)
        outputs[sid] = y
        if len(outputs) == self.jobs:
            raise ParameterError(f"blocks contains stream {sid} twice")
        self.jobs += 1

    cdef cnp.ndarray good(self, object block):
        """`block` if it can be read in place, else None: it must be copied, or is invalid."""
        cdef cnp.ndarray x
        if cnp.PyArray_CheckExact(block):
            x = block
            if (cnp.PyArray_TYPE(x) == cnp.NPY_FLOAT32 and cnp.PyArray_ISCARRAY_RO(x) and cnp.PyArray_NDIM(x) == 2
                    and cnp.PyArray_DIM(x, 1) == self.plan.in_channels
                    and not self.plan.x_indices
                    and self.plan.kernels.all_finite(<const float*>cnp.PyArray_DATA(x), cnp.PyArray_SIZE(x))):
                return x
        return None

    cdef set_job_condition(self, Job* job, Py_ssize_t slot, object c, list held):
        cdef Plan plan = self.plan
        cdef cnp.ndarray given
        cdef Py_ssize_t dimensions = 2
        sid = self.current[slot]
        job.c_step = 0
        self.check_conditioned(slot, c is not None)
        if c is None:
            job.c = self.condition + slot * plan.condition_channels
            return
        if isinstance(c, np.ndarray) and c.ndim == 1:
            dimensions = 1
        given = finite(
            plan, checked(c, f"c of stream {sid}", dimensions, plan.condition_channels), f"c of stream {sid}", self.zero_nonfinite,
            plan.c_indices)
        if dimensions == 2:
            refuse_condition_frames(plan, f"c of stream {sid}", cnp.PyArray_DIM(given, 0), job.memory.frames_in, job.frames)
        held.append(given)
        job.c = <const float*>cnp.PyArray_DATA(given)
        job.c_step = plan.condition_channels if dimensions == 2 else 0

    cdef check_conditioned(self, Py_ssize_t slot, bint given):
        if not given and not self.conditioned[slot]:
            raise ParameterError(f"c must contain stream {self.current[slot]}; this network needs conditioning,"
                                 f" (frames, {self.plan.condition_channels}) or ({self.plan.condition_channels},)")
        if given and self.conditioned[slot]:
            raise ParameterError(f"c contains stream {self.current[slot]}, which was opened with constant conditioning; it must not")

    cdef run_in_pieces(self):
        """Run the jobs, looking for signals between pieces; if one raises, the streams are as they were before."""
        cdef Py_ssize_t i, most = 0, longest = 0
        cdef Job* job
        cdef Saved before
        if self.jobs:
            most = frames_of_piece(self.plan, self.jobs)
        for i in range(self.jobs):
            longest = max(longest, self.job[i].frames)
        if longest <= max(most, <Py_ssize_t>WHOLE_FRAMES):
            self.run_jobs()
            return
        left = [self.job[i].frames for i in range(self.jobs)]
        saves = [Saved(self.plan, saved(self.plan, self.job[i].memory, False, None)) for i in range(self.jobs)]
        try:
            while longest > 0:
                for i in range(self.jobs):
                    self.job[i].frames = min(most, <Py_ssize_t>left[i])
                    left[i] -= self.job[i].frames
                self.run_piece()
                PyErr_CheckSignals()
                longest -= most
        except BaseException:
            for i in range(self.jobs):
                before = saves[i]
                before.restore(self.job[i].memory)
            raise

    cdef run_piece(self):
        """Run the jobs, and make them begin where they ended."""
        cdef Plan plan = self.plan
        cdef Py_ssize_t i
        cdef int64_t first
        cdef Job* job
        frames_out = [self.job[i].memory.frames_out for i in range(self.jobs)]
        self.run_jobs()
        for i in range(self.jobs):
            job = self.job + i
            first = job.memory.frames_in - job.frames
            job.x += job.frames * plan.in_channels
            if job.phase != ALONE:      # `run_frames` has moved the others
                continue
            job.y += (job.memory.frames_out - <int64_t>frames_out[i]) * plan.out_channels
            if job.c_step:
                job.c += (plan.condition_frames(job.memory.frames_in) - plan.condition_frames(first)) * job.c_step

    cdef run_jobs(self):
        """Run the jobs: short blocks together, long ones alone; in several threads if it pays."""
        cdef Py_ssize_t i, few = 0
        cdef int64_t frames = 0
        for i in range(self.jobs):
            frames += self.job[i].frames
            few += self.job[i].frames < FEW_FRAMES
        few = min(few, <Py_ssize_t>FEW_FRAMES)
        self.few_jobs = 0
        for i in range(self.jobs):
            self.job[i].phase = self.plan.phase(self.job[i].memory.frames_in) if self.job[i].frames < few else ALONE
            if self.job[i].phase != ALONE:      # else the block is more rows than there are streams
                self.few[self.few_jobs] = self.job + i
                self.few_jobs += 1
        if not self.plan.regular:
            qsort(self.few, self.few_jobs, sizeof(Job*), by_phase)
        self.next_job = 0
        self.duty = PROCESS
        self.run(frames)

    cdef run(self, int64_t frames):
        cdef int64_t work = frames * self.plan.multiply_adds
        self.parts = self.threads if self.pays_to_share(work) else 1
        if self.parts > 1:
            self.run_in_threads()
        elif work > MUCH_WORK:
            with nogil:
                leave_turn()
                self.run_part(0)
                take_turn()
        else:
            self.run_part(0)
        if self.threads > 1 and work >= WORK_TO_HAND_OVER:
            self.ended = clock_ns()

    cdef bint pays_to_share(self, int64_t work) noexcept:
        """Whether to use all threads: for much work, or for less in calls that follow each other closely."""
        return work >= WORK_TO_SHARE or (
            self.threads > 1 and work >= WORK_TO_HAND_OVER and clock_ns() - self.ended < WATCH_NS)

    cdef void run_part(self, Py_ssize_t number) noexcept nogil:
        """One thread's part of the work; the results do not depend on the division."""
        cdef uint64_t mode = flush_subnormals()
        if self.duty == STEP:
            self.run_rows(number)
        else:
            self.run_blocks(number)
        restore_subnormals(mode)

    cdef void run_rows(self, Py_ssize_t number) noexcept nogil:
        cdef Py_ssize_t first = self.first_of(number, self.rows), rows = self.first_of(number + 1, self.rows) - first
        self.plan.run_many(
            self.chosen + first, rows, self.part[number].work, self.x + first * self.plan.in_channels,
            self.c + first * self.plan.condition_channels, self.y + first * self.plan.out_channels)

    cdef Py_ssize_t first_of(self, Py_ssize_t number, Py_ssize_t rows) noexcept nogil:
        """First row of a part: whole tiles of 4 rows, if possible."""
        return min(rows, (rows * number // self.parts + 3) // 4 * 4) if number < self.parts else rows

    cdef void run_blocks(self, Py_ssize_t number) noexcept nogil:
        cdef Job* job
        cdef int64_t i
        cdef Py_ssize_t first, last, end, frame
        while True:
            i = take_number(&self.next_job)
            if i >= self.jobs:
                break
            job = self.job + i
            if job.phase == ALONE:
                self.plan.run(job.memory, self.part[number].work, job.x, job.c, job.c_step, job.frames, job.y)
        first = self.first_of(number, self.few_jobs)
        end = self.first_of(number + 1, self.few_jobs)
        while first < end:
            last = min(first + self.plan.together, end)
            for frame in range(FEW_FRAMES - 1):
                self.run_frame_of(frame, first, last, self.part + number)
            first = last

    cdef void run_frame_of(self, Py_ssize_t frame, Py_ssize_t i, Py_ssize_t end, Part* part) noexcept nogil:
        """Run frame `frame` of the short blocks from `i` to `end` that have it: those in the same phase together."""
        cdef Py_ssize_t rows
        while i < end:
            rows = 0
            while i < end and rows < self.plan.together:
                if rows and self.few[i].phase != part.job[0].phase:
                    break
                if self.few[i].frames > frame:
                    part.job[rows] = self.few[i]
                    rows += 1
                i += 1
            if rows:
                self.run_frames(frame, rows, part)

    cdef void run_frames(self, Py_ssize_t frame, Py_ssize_t rows, Part* part) noexcept nogil:
        """Run frame `frame` of the jobs of a part, which are in the same phase."""
        cdef Py_ssize_t row, conditions, written
        cdef Py_ssize_t inputs = self.plan.in_channels, outputs = self.plan.out_channels, given = self.plan.condition_channels
        cdef Job* job
        conditions = self.plan.conditions_next(part.job[0].memory)
        for row in range(rows):
            job = part.job[row]
            part.memory[row] = job.memory
            memcpy(part.x + row * inputs, job.x + frame * inputs, 4 * inputs)
            if given and conditions:
                memcpy(part.c + row * given, job.c, 4 * given)
                job.c += job.c_step
        written = self.plan.run_many(part.memory, rows, part.work, part.x, part.c, part.y)
        for row in range(rows):
            job = part.job[row]
            memcpy(job.y, part.y + row * written * outputs, 4 * written * outputs)
            job.y += written * outputs

    # One frame for each

    def step(self, X: object, ids: object, c: object = None, *, out: object = None) -> np.ndarray:
        """Feed one frame to each of several streams; returns one output frame per stream.

        This is the fastest way to run many streams in lockstep: all frames go through the network together.

        Parameters
        ----------
        X
            The frames, float32, (N, in_channels).
        ids
            Ids of the N streams, all different: a list or, faster, an int64 array.
        c
            Their conditioning, float32, (N, condition_channels), unless they were opened with one.
        out
            Output array, float32, C-contiguous, exactly (N, out_channels); then, with an int64 array of ids and one
            thread, nothing is allocated. It must not overlap `X` or `c`.

        Returns
        -------
        (N, out_channels) float32.

        Raises
        ------
        ParameterError, ArrayTypeError
            The network does not give one frame per frame (strides, latency): use `process`. Or an id is not that of an
            open stream or occurs twice, or a shape, dtype or value is wrong. No stream has changed.
        StreamStateError
            A stream was flushed and not reset, or another thread is using the pool.
        """
        self.acquire()
        try:
            return self.step_alone(X, ids, c, out)
        finally:
            release(&self.busy)

    cdef cnp.ndarray step_alone(self, object X, object ids, object c, object out):
        cdef Plan plan = self.plan
        cdef cnp.ndarray chosen, x, conditions = None, y
        cdef const int64_t* wanted
        if not plan.regular:
            raise ParameterError("step() needs a network that gives one frame per frame; this one has strides or"
                                 " latency: use process()")
        chosen = self.checked_ids(ids)
        wanted = <const int64_t*>cnp.PyArray_DATA(chosen)
        self.rows = cnp.PyArray_DIM(chosen, 0)
        self.choose(wanted)
        x = self.finite_rows(checked(X, "X", 2, plan.in_channels), "X", wanted, plan.x_indices)
        self.c = self.conditions
        if c is not None:
            self.refuse_condition("c")
            conditions = self.finite_rows(checked(c, "c", 2, plan.condition_channels), "c", wanted, plan.c_indices)
            self.c = <const float*>cnp.PyArray_DATA(conditions)
        if plan.condition_channels:
            self.gather_conditions(wanted, c is not None)
        y = output_array(out, self.rows, plan.out_channels, "these ids")
        if out is not None:
            refuse_overlap(y, x, "X")
            if conditions is not None:
                refuse_overlap(y, conditions, "c")
        self.x = <const float*>cnp.PyArray_DATA(x)
        self.y = <float*>cnp.PyArray_DATA(y)
        self.duty = STEP
        self.run(self.rows)
        return y

    cdef cnp.ndarray checked_ids(self, object ids):
        """The ids as a contiguous int64 array."""
        cdef cnp.ndarray a
        if cnp.PyArray_CheckExact(ids) or (cnp.PyArray_Check(ids) and not is_masked(ids)):
            a = ids
            if cnp.PyArray_TYPE(a) == cnp.NPY_INT64 and cnp.PyArray_NDIM(a) == 1 and cnp.PyArray_ISCARRAY_RO(a):
                return a
            if a.dtype.kind not in "iu":
                raise ArrayTypeError(f"ids has dtype {a.dtype}; it must be int64")
            if cnp.PyArray_NDIM(a) != 1:
                raise ParameterError(f"ids has shape {ids.shape}; it must have one dimension, one id per row of X")
            ids = a.tolist()
        elif not isinstance(ids, (list, tuple, range)):
            raise ArrayTypeError(f"ids is a {type(ids).__name__}; it must be a list of ids or an int64 array")
        for sid in ids:
            self.slot_of(sid)
        return np.array(ids, np.int64)

    cdef choose(self, const int64_t* wanted):
        """Look up the streams of a step."""
        cdef Py_ssize_t i, slot
        self.marks += 1
        for i in range(self.rows):
            slot = wanted[i] % self.capacity if wanted[i] >= 0 else 0
            if self.current[slot] != wanted[i] or wanted[i] < 0:
                self.slot_of(wanted[i])
            if self.mark[slot] == self.marks:
                raise ParameterError(f"ids contains stream {wanted[i]} twice; the streams of a step must differ")
            self.mark[slot] = self.marks
            if self.flushed[slot]:
                self.refuse_flushed(slot)
            self.chosen[i] = self.memory_of(slot)

    cdef cnp.ndarray finite_rows(self, cnp.ndarray a, str name, const int64_t* wanted, Py_ssize_t indices):
        if cnp.PyArray_DIM(a, 0) != self.rows:
            raise ParameterError(f"{name} has {cnp.PyArray_DIM(a, 0)} rows; it must have {self.rows}, one per id")
        if self.zero_nonfinite or self.plan.kernels.all_finite(<const float*>cnp.PyArray_DATA(a), cnp.PyArray_SIZE(a)):
            return finite(self.plan, a, name, self.zero_nonfinite, indices)
        row = int(np.flatnonzero(~np.isfinite(a).all(axis=1))[0])
        raise ParameterError(f"{name} is not finite in row {row}, stream {wanted[<Py_ssize_t>row]};"
                             " it must be finite (or pass on_nonfinite='zero')")

    cdef gather_conditions(self, const int64_t* wanted, bint given):
        cdef Py_ssize_t i, slot, channels = self.plan.condition_channels
        for i in range(self.rows):
            slot = wanted[i] % self.capacity
            self.check_conditioned(slot, given)
            if not given:
                memcpy(self.conditions + i * channels, self.condition + slot * channels, 4 * channels)

    # Threads

    cdef run_in_threads(self):
        """`run_part` in one thread per part, of which this is the first."""
        cdef Py_ssize_t number
        if self.workers is None or self.workers_process != process_number():    # threads do not survive a fork
            self.workers = Workers(self.threads - 1)
            self.workers_process = process_number()
            for number in range(self.threads):
                self.part[number].state = ASLEEP
        self.finished = 0
        for number in range(1, self.parts):
            if not move(&self.part[number].state, WATCHING, CALLED):
                self.workers.calls[number - 1].put((self, number))
        with nogil:
            leave_turn()
            self.run_part(0)
            self.wait()
            take_turn()

    cdef void wait(self) noexcept nogil:
        """Wait until the other threads have finished their parts."""
        cdef int64_t start = clock_ns()
        while not comes_to(&self.finished, self.parts - 1):
            if clock_ns() - start > WATCHES * WATCH_NS:
                sleep_ns(WATCH_NS)

    cdef void serve(self, Py_ssize_t number) noexcept nogil:
        """Run a part, and those of the calls that follow closely."""
        cdef int* state = &self.part[number].state
        while True:
            self.run_part(number)
            set_to(state, WATCHING)
            add_one(&self.finished)
            if not called_again(state):
                return

    # Other methods

    def flush(self, sid: object) -> np.ndarray:
        """End a stream's signal; returns the frames held back, as `Stream.flush`. Then it must be `reset` or closed."""
        cdef Plan plan = self.plan
        cdef Py_ssize_t slot
        cdef Memory* memory
        cdef uint64_t mode
        cdef cnp.ndarray y
        self.acquire()
        try:
            slot = self.slot_of(sid)
            self.refuse_flushed(slot)
            memory = self.memory_of(slot)
            y = output_array(
                None, plan.frames_after(memory.frames_in, True, self.part.work.end) - memory.frames_out, plan.out_channels, "")
            with nogil:
                mode = flush_subnormals()
                plan.run_out(memory, self.part.work, <float*>cnp.PyArray_DATA(y))
                restore_subnormals(mode)
            self.flushed[slot] = True
            return y
        finally:
            release(&self.busy)

    def output_frames(self, sid: object, frames: object) -> int:
        """Frames that the next `process` returns for a stream that is fed `frames` frames."""
        more = min(count("frames", frames), self.plan.most_fed)
        self.acquire()
        try:
            memory = self.memory_of(self.slot_of(sid))
            return self.plan.output_frames(memory.frames_in + more) - memory.frames_out
        finally:
            release(&self.busy)

    def frames_in(self, sid: object) -> int:
        """Frames fed to a stream since it was opened or last reset."""
        return self.memory_of(self.slot_of(sid)).frames_in

    def frames_out(self, sid: object) -> int:
        """Frames returned by a stream since it was opened or last reset."""
        return self.memory_of(self.slot_of(sid)).frames_out

    @property
    def ids(self) -> list:
        """Ids of the open streams, in memory order."""
        cdef Py_ssize_t slot
        return [self.current[slot] for slot in range(self.capacity) if self.current[slot] >= 0]

    def __len__(self) -> int:
        return self.capacity - self.vacancies

    def __contains__(self, sid: object) -> bool:
        try:
            self.slot_of(sid)
        except (ParameterError, ArrayTypeError):
            return False
        return True

    @property
    def latency(self) -> int:
        """Input frames of lookahead before output frame n is returned."""
        return self.plan.program.clock.latency

    @property
    def state_bytes(self) -> int:
        """Memory of all streams, bytes; slots never opened use address space only."""
        return self.memory_bytes * self.capacity

    def __repr__(self) -> str:
        return f"StreamPool({len(self)} of {self.capacity} streams open, threads={self.threads})"


class Workers:
    """Worker threads that wait for parts of a pool's work; they end with this object."""

    def __init__(self, count):
        self.calls = [SimpleQueue() for _ in range(count)]
        for calls in self.calls:
            Thread(target=serve, args=(calls,), name="wavenetlite pool", daemon=True).start()

    def __del__(self):
        for calls in self.calls:
            calls.put(None)


def serve(calls):
    """Run incoming parts; a sleeping thread holds no reference to a pool."""
    cdef StreamPool pool
    cdef Py_ssize_t number
    while True:
        call = calls.get()
        if call is None:
            return
        pool, number = call
        with nogil:
            pool.serve(number)
        pool = call = None
