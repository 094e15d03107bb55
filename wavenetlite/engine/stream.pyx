"""Stream: the mutable state of one signal for an immutable plan."""

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy

import numpy as np

from wavenetlite.graph import check_indices
from wavenetlite.kernels.system cimport give_aligned
from wavenetlite.support.snapshots cimport HEADER, NETWORK, TRAILER, begin, finish, payload, validate
from wavenetlite.support.arrays import is_masked
from wavenetlite.support.checks import channels_error, count, one_of
from wavenetlite.kernels.turns cimport leave_turn, take_turn
from wavenetlite.engine.plan cimport MUCH_WORK, PIECE_FRAMES, PIECE_WORK, Memory, Plan, Workspace
from wavenetlite.support.errors import ArrayTypeError, ParameterError, SnapshotError, StreamStateError

cnp.import_array()



cdef cnp.ndarray checked(object array, str name, int dimensions, Py_ssize_t channels):
    """`array`, checked to be float32 and of the right shape; a copy if it was not C-contiguous and aligned."""
    if not cnp.PyArray_CheckExact(array) and (
            not cnp.PyArray_Check(array) or is_masked(array)):      # a mask would be dropped silently
        raise ArrayTypeError(f"{name} is a {type(array).__name__}; it must be a NumPy array")
    cdef cnp.ndarray a = array
    if cnp.PyArray_TYPE(a) != cnp.NPY_FLOAT32 or not cnp.PyArray_ISNOTSWAPPED(a):
        raise ArrayTypeError(f"{name} has dtype {a.dtype.newbyteorder('=').name if a.dtype.isnative else a.dtype}; it must be float32")
    if cnp.PyArray_NDIM(a) != dimensions:
        raise ParameterError(f"{name} has shape {array.shape}; it must have {dimensions} dimensions"
                             f" ({'frames, channels' if dimensions == 2 else 'channels'})")
    if cnp.PyArray_DIM(a, dimensions - 1) != channels:
        raise channels_error(name, array.shape, channels)
    if not cnp.PyArray_IS_C_CONTIGUOUS(a) or not cnp.PyArray_ISALIGNED(a):
        return np.require(array, requirements=["C", "A"])
    return a


cdef bint are_indices(const float* x, Py_ssize_t n, Py_ssize_t count) noexcept nogil:
    """Whether finite values are whole numbers from 0 to ``count - 1``."""
    cdef Py_ssize_t i
    for i in range(n):
        if not (0 <= x[i] < count and <Py_ssize_t>x[i] == x[i]):
            return False
    return True


cdef cnp.ndarray finite(Plan plan, cnp.ndarray a, str name, bint zero, Py_ssize_t indices):
    """`a` if it is finite; otherwise raises, or returns a copy with infinities and NaN set to zero. And if `indices` is not 0,
    raises unless it holds whole numbers from 0 to ``indices - 1``."""
    if not plan.kernels.all_finite(<const float*>cnp.PyArray_DATA(a), cnp.PyArray_SIZE(a)):
        if not zero:
            refuse_nonfinite(a, name, " (or pass on_nonfinite='zero')")
        a = np.nan_to_num(a, nan=0.0, posinf=0.0, neginf=0.0)
    return whole_indices(a, name, indices)


cdef cnp.ndarray always_finite(Plan plan, cnp.ndarray a, str name, Py_ssize_t indices):
    """The same where nothing can be set to zero, and the error does not offer it."""
    if not plan.kernels.all_finite(<const float*>cnp.PyArray_DATA(a), cnp.PyArray_SIZE(a)):
        refuse_nonfinite(a, name, "")
    return whole_indices(a, name, indices)


cdef cnp.ndarray whole_indices(cnp.ndarray a, str name, Py_ssize_t indices):
    if indices and not are_indices(<const float*>cnp.PyArray_DATA(a), cnp.PyArray_SIZE(a), indices):
        check_indices(name, a, indices)
    return a


cdef refuse_nonfinite(cnp.ndarray a, str name, str offer):
    rows = np.flatnonzero(~np.isfinite(a.reshape(len(a), -1)).all(axis=1))
    raise ParameterError(f"{name} is not finite at frame {rows[0]}; it must be finite{offer}")


cdef cnp.ndarray output_array(object out, Py_ssize_t rows, Py_ssize_t channels, str what):
    """`out`, checked, or a new array (rows, channels) if it is None."""
    cdef cnp.npy_intp shape[2]
    shape[0] = rows
    shape[1] = channels
    if out is None:
        return cnp.PyArray_EMPTY(2, shape, cnp.NPY_FLOAT32, 0)
    if not cnp.PyArray_CheckExact(out) and (not cnp.PyArray_Check(out) or is_masked(out)):        # whose mask would stay
        raise ArrayTypeError(f"out is a {type(out).__name__}; it must be a NumPy array")
    if cnp.PyArray_TYPE(<cnp.ndarray>out) != cnp.NPY_FLOAT32:
        raise ArrayTypeError(f"out has dtype {out.dtype}; it must be float32")
    cdef cnp.ndarray a = out
    if cnp.PyArray_NDIM(a) != 2 or cnp.PyArray_DIM(a, 0) != shape[0] or cnp.PyArray_DIM(a, 1) != shape[1]:
        raise ParameterError(f"out has shape {out.shape}; it must be {(rows, channels)} for {what}")
    if not cnp.PyArray_ISCARRAY(a):
        raise ParameterError("out must be C-contiguous, aligned and writeable, in the machine's byte order")
    return a


@cython.final
cdef class Stream:
    """Streaming inference on one signal, fed in blocks of any length.

    Made by ``model.stream()``. The output is bit-identical to ``model(x)`` for any partition into blocks. A call that raises
    leaves the stream unchanged. A stream serves one thread at a time (another gets a `StreamStateError`); different streams of
    one model run in parallel; a call with much work releases the GIL.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> model = wl.TCN(40, 12, channels=16, dilations=[1, 2, 4])
    >>> x = np.random.default_rng(0).standard_normal((100, 40), dtype=np.float32)
    >>> stream = model.stream()
    >>> y = np.concatenate([stream.process(x[:1]), stream.process(x[1:64]), stream.process(x[64:]), stream.flush()])
    >>> bool((y == model(x)).all())
    True
    """
    def __cinit__(self, Plan plan not None, c: object = None, *, on_nonfinite: object = "raise", name: str = "block"):
        one_of("on_nonfinite", on_nonfinite, ("raise", "zero"))
        self.plan = plan
        self.name = name
        self.zero_nonfinite = on_nonfinite == "zero"
        self.condition = None
        if c is not None:
            self.refuse_condition()
            self.condition = self.finite_condition(checked(c, "c", 1, plan.condition_channels)).copy()
        self.memory = plan.new_memory()

    def __reduce__(self):
        raise StreamStateError("a stream cannot be copied or pickled; make another with model.stream()")

    def __dealloc__(self):
        give_aligned(self.memory)

    cdef acquire(self):
        if not try_acquire(&self.busy):
            raise StreamStateError("stream is in use by another thread; give each thread its own stream")

    cdef refuse_condition(self):
        if self.plan.condition_channels == 0:
            raise ParameterError("c given; it must be None, this network has no conditioning")

    cdef cnp.ndarray finite_block(self, cnp.ndarray a):
        return finite(self.plan, a, self.name, self.zero_nonfinite, self.plan.x_indices)

    cdef cnp.ndarray finite_condition(self, cnp.ndarray a):
        return finite(self.plan, a, "c", self.zero_nonfinite, self.plan.c_indices)

    def check(self, block: object) -> None:
        """Raise what `process` would raise for the values, shape and dtype of `block`."""
        self.finite_block(checked(block, self.name, 2, self.plan.in_channels))

    def check_condition(self, c: object, frames: int) -> None:
        """Raise what `process` would raise for the conditioning of `frames` frames."""
        self.conditions(c, frames)

    def process(self, block: object, c: object = None, *, out: object = None) -> np.ndarray:
        """Feed the next frames; returns the completed output frames.

        Parameters
        ----------
        block
            Next frames, float32, shape (n, in_channels); n >= 0.
        c
            Their local conditioning, float32, shape (n, condition_channels), or constant conditioning,
            (condition_channels,); None if the stream was made with a constant or the network has none. If the network
            upsamples its conditioning, frame m of it comes with input frame ``m * model.condition_period``.
        out
            Output array, float32, C-contiguous, exactly (m, out_channels); avoids any allocation. It must not overlap
            `block` or `c`.

        Returns
        -------
        (m, out_channels) float32; m is n for a causal network without strides, and `output_frames(n)` in general.

        Raises
        ------
        ParameterError, ArrayTypeError
            Wrong shape, dtype or values; the stream is unchanged.
        StreamStateError
            Another thread is using the stream, or it was flushed and not reset.
        """
        self.acquire()
        try:
            return self.process_alone(block, c, out)
        finally:
            release(&self.busy)

    cdef cnp.ndarray process_alone(self, object block, object c, object out):
        """`process` for a caller that lets one thread at a time in."""
        self.work = self.plan.borrow()
        try:
            return self.feed(block, c, out)
        finally:
            self.plan.give_back(self.work)

    cdef cnp.ndarray feed(self, object block, object c, object out):
        cdef Plan plan = self.plan
        cdef cnp.ndarray x, conditions = None, y
        cdef const float* cp = NULL
        cdef Py_ssize_t c_step = 0, frames, rows
        if self.flushed:
            raise StreamStateError("stream was flushed; call reset() before feeding it again")
        x = self.finite_block(checked(block, self.name, 2, plan.in_channels))
        frames = cnp.PyArray_DIM(x, 0)
        if c is not None or plan.condition_channels:
            conditions = self.conditions(c, frames)
            cp = <const float*>cnp.PyArray_DATA(conditions)
            c_step = plan.condition_channels if cnp.PyArray_NDIM(conditions) == 2 else 0
        rows = frames if plan.regular else (
            plan.frames_after(self.memory.frames_in + frames, False, self.work.end) - self.memory.frames_out)
        y = output_array(out, rows, plan.out_channels, "this block")
        if out is not None:
            refuse_overlap(y, x, self.name)
            if conditions is not None:
                refuse_overlap(y, conditions, "c")
        if frames * plan.multiply_adds > PIECE_WORK or frames > PIECE_FRAMES:
            self.run_in_pieces(<const float*>cnp.PyArray_DATA(x), cp, c_step, frames, <float*>cnp.PyArray_DATA(y))
        elif frames * plan.multiply_adds > MUCH_WORK:
            with nogil:
                leave_turn()
                self.run(<const float*>cnp.PyArray_DATA(x), cp, c_step, frames, <float*>cnp.PyArray_DATA(y))
                take_turn()
        else:
            self.run(<const float*>cnp.PyArray_DATA(x), cp, c_step, frames, <float*>cnp.PyArray_DATA(y))
        return y

    cdef void run(self, const float* x, const float* c, Py_ssize_t c_step, Py_ssize_t frames, float* y) noexcept nogil:
        cdef uint64_t mode = flush_subnormals()
        self.plan.run(self.memory, self.work, x, c, c_step, frames, y)
        restore_subnormals(mode)

    cdef run_in_pieces(self, const float* x, const float* c, Py_ssize_t c_step, Py_ssize_t frames, float* y):
        """`run`, looking for signals between pieces; if one raises, the stream is as it was before the call."""
        cdef Plan plan = self.plan
        cdef Memory* memory = self.memory
        cdef int64_t first = memory.frames_in, out = memory.frames_out, at
        cdef Py_ssize_t done = 0, now, c_done = 0, most = frames_of_piece(plan, 1)
        cdef Saved before = Saved(plan, saved(plan, memory, False, None))
        try:
            while done < frames:
                now = min(most, frames - done)
                if c_step:
                    c_done = plan.condition_frames(first + done) - plan.condition_frames(first)
                at = memory.frames_out - out
                with nogil:
                    leave_turn()
                    self.run(x + done * plan.in_channels, c + c_done * c_step, c_step, now, y + at * plan.out_channels)
                    take_turn()
                done += now
                PyErr_CheckSignals()
        except BaseException:
            before.restore(memory)
            raise

    cdef cnp.ndarray conditions(self, object c, Py_ssize_t frames):
        """The conditioning of the next `frames` frames: (frames, channels), or (channels,) if constant."""
        cdef cnp.ndarray a
        if c is None:
            if self.condition is None:
                raise ParameterError(f"c=None; this network needs conditioning, (frames, {self.plan.condition_channels}) or "
                                     f"({self.plan.condition_channels},)")
            return self.condition
        self.refuse_condition()
        if self.condition is not None:
            raise ParameterError("c given; it must be None, the stream was made with constant conditioning")
        if cnp.PyArray_Check(c) and cnp.PyArray_NDIM(<cnp.ndarray>c) == 1:
            return self.finite_condition(checked(c, "c", 1, self.plan.condition_channels))
        a = self.finite_condition(checked(c, "c", 2, self.plan.condition_channels))
        refuse_condition_frames(self.plan, "c", cnp.PyArray_DIM(a, 0), self.memory.frames_in, frames)
        return a

    def flush(self) -> np.ndarray:
        """End the signal; returns the frames held back by the network's latency, (k, out_channels) float32.

        The lookahead of "same" padding is filled with zeros, as offline. Afterwards the stream must be `reset`.
        """
        self.acquire()
        try:
            if self.flushed:
                raise StreamStateError("stream was flushed; call reset() before using it again")
            self.work = self.plan.borrow()
            try:
                return self.run_out()
            finally:
                self.plan.give_back(self.work)
        finally:
            release(&self.busy)

    cdef cnp.ndarray run_out(self):
        cdef uint64_t mode
        cdef cnp.ndarray y = output_array(
            None, self.plan.frames_after(self.memory.frames_in, True, self.work.end) - self.memory.frames_out,
            self.plan.out_channels, "the flush")
        with nogil:
            mode = flush_subnormals()
            self.plan.run_out(self.memory, self.work, <float*>cnp.PyArray_DATA(y))
            restore_subnormals(mode)
        self.flushed = True
        return y

    def reset(self) -> None:
        """Start over: the next frame is the first."""
        self.acquire()
        self.plan.reset_memory(self.memory)
        self.flushed = False
        release(&self.busy)

    def snapshot(self) -> bytes:
        """The state of the stream as bytes, the same for any partition of the signal into blocks.

        It contains the past frames that the network still needs, the number of frames fed, the constant conditioning if
        any, and a hash of the network and its weights. A stream of the same network, in this or another process or on
        another machine, can resume from it, bit-identically if both machines have fused multiply-adds.

        Examples
        --------
        >>> import numpy as np, wavenetlite as wl
        >>> model = wl.TCN(40, 12, channels=16, dilations=[1, 2, 4])
        >>> x = np.random.default_rng(0).standard_normal((100, 40), dtype=np.float32)
        >>> stream, other = model.stream(), model.stream()
        >>> y = stream.process(x[:50])
        >>> other.restore(stream.snapshot())
        >>> bool((other.process(x[50:]) == stream.process(x[50:])).all())
        True
        """
        self.acquire()
        try:
            return saved(self.plan, self.memory, self.flushed, self.condition)
        finally:
            release(&self.busy)

    def restore(self, snapshot: object) -> None:
        """Restore the state of a snapshot; the present state is discarded.

        Parameters
        ----------
        snapshot
            A snapshot of a stream or pool of the same network; bytes.

        Raises
        ------
        SnapshotError
            It is not a snapshot, truncated, damaged, of another format, or of another network or other weights; the
            stream is unchanged.
        StreamStateError
            Another thread is using the stream.
        """
        cdef Saved given
        self.acquire()
        try:
            given = Saved(self.plan, snapshot)
            given.restore(self.memory)
            self.flushed = given.flushed
            self.condition = given.condition
        finally:
            release(&self.busy)

    def fork(self) -> Stream:
        """An independent copy of the stream."""
        cdef Stream twin
        self.acquire()
        try:
            twin = Stream(
                self.plan, self.condition, on_nonfinite="zero" if self.zero_nonfinite else "raise", name=self.name)
            self.plan.copy_memory(twin.memory, self.memory)
            twin.flushed = self.flushed
            return twin
        finally:
            release(&self.busy)

    def output_frames(self, frames: object) -> int:
        """Frames that the next `process` returns for `frames` frames."""
        more = min(count("frames", frames), self.plan.most_fed)
        return self.plan.output_frames(self.memory.frames_in + more) - self.memory.frames_out

    @property
    def frames_in(self) -> int:
        """Frames fed since the start or the last reset."""
        return self.memory.frames_in

    @property
    def frames_out(self) -> int:
        """Frames returned since the start or the last reset."""
        return self.memory.frames_out

    @property
    def latency(self) -> int:
        """Input frames of lookahead before output frame n is returned."""
        return self.plan.program.clock.latency

    @property
    def state_bytes(self) -> int:
        """Size of the state, bytes: receptive field x padded channels."""
        return self.plan.state_bytes

    @property
    def workspace_bytes(self) -> int:
        """Size of the scratch memory of a call, bytes; it holds nothing between calls, and all streams of a network share it."""
        return self.plan.workspace_bytes


cdef Py_ssize_t frames_of_piece(Plan plan, Py_ssize_t streams) noexcept:
    """Frames of each of some streams that are run between two looks for signals."""
    cdef int64_t work = max(1, plan.multiply_adds * streams)
    return max(1, min(PIECE_WORK // work, PIECE_FRAMES // streams))


cdef refuse_condition_frames(Plan plan, str name, Py_ssize_t given, int64_t frames_in, Py_ssize_t frames):
    """Raise unless the number of conditioning frames `given` matches the next `frames` input frames."""
    cdef Py_ssize_t needed = plan.condition_frames(frames_in + frames) - plan.condition_frames(frames_in)
    if given != needed:
        why = "as in the block" if plan.condition_period == 1 else (
            f"one for every {plan.condition_period}th of the {frames} frames from frame {frames_in} on")
        raise ParameterError(f"{name} has {given} frames; it must have {needed}, {why}")


cdef refuse_overlap(cnp.ndarray y, cnp.ndarray x, str name):
    cdef char* a = <char*>cnp.PyArray_DATA(y)
    cdef char* b = <char*>cnp.PyArray_DATA(x)
    if a < b + cnp.PyArray_NBYTES(x) and b < a + cnp.PyArray_NBYTES(y):
        raise ParameterError(f"out overlaps {name} in memory; it must not")


# Snapshots. The state consists of: frames fed (8 bytes); flags (8 bytes: 1 flushed, 2 constant conditioning); the
# conditioning; and, unless flushed, the state written by the plan.

UNFIT = "snapshot is damaged: its state does not fit this network"

cdef enum:
    FLUSHED = 1, CONDITIONED = 2


cdef bytes saved(Plan plan, const Memory* memory, bint flushed, cnp.ndarray condition):
    cdef int64_t flags = (FLUSHED if flushed else 0) | (CONDITIONED if condition is not None else 0)
    cdef Py_ssize_t condition_bytes = 0 if condition is None else 4 * plan.condition_channels
    cdef bytes blob = begin(NETWORK, plan.fingerprint, 16 + condition_bytes + (0 if flushed else plan.saved_bytes))
    cdef char* to = payload(blob)
    memcpy(to, &memory.frames_in, 8)
    memcpy(to + 8, &flags, 8)
    if condition is not None:
        memcpy(to + 16, cnp.PyArray_DATA(condition), condition_bytes)
    if not flushed:
        plan.save_memory(memory, to + 16 + condition_bytes)
    return finish(blob)


@cython.final
cdef class Saved:
    """A validated snapshot: restoring it cannot fail."""

    def __cinit__(self, Plan plan not None, object blob):
        cdef Py_ssize_t size, condition_bytes
        cdef int64_t flags
        cdef cnp.npy_intp shape[1]
        self.plan = plan
        self.blob = validate(blob, NETWORK, plan.fingerprint)
        size = len(self.blob) - HEADER - TRAILER
        if size < 16:
            raise SnapshotError(UNFIT)
        memcpy(&self.frames_in, payload(self.blob), 8)
        memcpy(&flags, payload(self.blob) + 8, 8)
        self.flushed = flags & FLUSHED
        condition_bytes = 4 * plan.condition_channels if flags & CONDITIONED else 0
        if (size != 16 + condition_bytes + (0 if self.flushed else plan.saved_bytes) or flags & ~(FLUSHED | CONDITIONED)
                or not 0 <= self.frames_in <= plan.most_fed or (flags & CONDITIONED and not plan.condition_channels)):
            raise SnapshotError(UNFIT)
        self.state = payload(self.blob) + 16 + condition_bytes
        self.condition = None
        if flags & CONDITIONED:
            shape[0] = plan.condition_channels
            self.condition = cnp.PyArray_EMPTY(1, shape, cnp.NPY_FLOAT32, 0)
            memcpy(cnp.PyArray_DATA(self.condition), payload(self.blob) + 16, condition_bytes)
            always_finite(plan, self.condition, "snapshot's conditioning", plan.c_indices)

    cdef void restore(self, Memory* memory) noexcept:
        if self.flushed:
            self.plan.clear_memory(memory)
            memory.frames_in = self.frames_in
            memory.frames_out = self.plan.frames_after(self.frames_in, True, memory.count)
        else:
            self.plan.restore_memory(memory, self.state, self.frames_in)
