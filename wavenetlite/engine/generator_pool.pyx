# cython: boundscheck=False, initializedcheck=False, wraparound=False
"""GeneratorPool: networks that read what they have given, sample by sample, many voices at once.

Design: a sample is a frame through the plan, as of a stream, and a draw from what the network gives. What is drawn with is a
function of the seed and of the sample's number (`support.philox`), so no state of a generator of random numbers is kept, and
neither blocks nor other voices change a bit. The voices that are still to go are the rows of one matrix at each sample, the
longest first. The layers that only see the conditioning run before, block by block: they are a plan of their own.

What a call may fail at (values that are not finite, Ctrl-C) comes up in its midst, so the memories of its voices are copied
before the first sample: some tens of microseconds, as much as a few samples take.
"""

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals
from libc.math cimport isfinite
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset

from collections.abc import Mapping
from struct import Struct

import numpy as np

from wavenetlite.engine.plan cimport PIECE_FRAMES, PIECE_WORK, Memory, Plan, Workspace
from wavenetlite.engine.sampling import Sampling, checked_initial, checked_settings
from wavenetlite.engine.stream cimport (
    Saved, Stream, always_finite, checked, flush_subnormals, release, restore_subnormals, saved, try_acquire)
from wavenetlite.kernels.packed cimport Blocks
from wavenetlite.kernels.system cimport give_aligned, take_aligned
from wavenetlite.kernels.turns cimport leave_turn, take_turn
from wavenetlite.kernels.types cimport Draw
from wavenetlite.support.checks import count, integer, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError, SnapshotError, StreamStateError
from wavenetlite.support.philox cimport philox, uniform
from wavenetlite.support.snapshots import seal, unseal

cnp.import_array()

MOST_VOICES = 2**16
MOST_SAMPLES = 2**40

SETTINGS = Struct("<8sQqffff")
"""Of a voice in a snapshot: distribution, seed, samples, initial, value, temperature, top_p."""
UNFIT = "snapshot is damaged: its state does not fit this network"

cdef enum Distribution:
    CLASSES, MIXTURE, NORMAL

cdef struct Voice:
    bint open
    Memory* memory
    Memory* before              # what it was before the call at hand
    uint64_t seed
    int64_t samples             # drawn so far
    float initial, value        # the class or value that is read first, and next
    Draw draw
    # The call at hand
    int64_t wanted              # samples
    float value_before
    const float* c
    Py_ssize_t c_step
    int32_t* classes            # where the samples go: one of these
    float* values


@cython.final
cdef class GeneratorPool:
    """Many voices of one network, in one call: each with its own seed, conditioning and settings.

    Made by ``model.generator_pool(capacity)``. Every voice is identified by the id that `open` returns, and gives the same bits
    as alone. A call that raises leaves all voices as they were. The work is done without the GIL; a pool serves one thread at a
    time (another gets a `StreamStateError`).

    Examples
    --------
    >>> import wavenetlite as wl
    >>> model = wl.WaveNet(1, 256, dilations=[1, 2, 4, 8])
    >>> pool = model.generator_pool(2)
    >>> a, b = pool.open(seed=1), pool.open(seed=2)
    >>> audio = pool.process({a: None, b: None}, samples=100)
    >>> bool((audio[b] == wl.generate(model, 100, seed=2)).all())
    True
    """

    cdef readonly Py_ssize_t capacity
    cdef readonly Plan plan
    cdef readonly object sampling
    cdef readonly Py_ssize_t condition_channels, condition_period
    cdef readonly Plan condition_plan   # of the layers that see the conditioning alone, or None
    cdef Distribution distribution
    cdef bint one_hot, are_probabilities
    cdef Py_ssize_t number              # classes of the output, or components
    cdef Py_ssize_t ids
    cdef int busy
    cdef Blocks blocks                  # memory that the pointers point into
    cdef Voice* voice                   # by slot
    cdef int64_t* current               # by slot: its id, or -1
    cdef dict slots                     # by id
    cdef list constant, streams, rest   # by slot: conditioning, the stream of `condition_plan`, rows that it gave too many
    cdef char* slab
    cdef size_t memory_bytes
    cdef Workspace* work
    cdef float* table                   # the value that is read for each class; NULL: the class itself
    cdef float* x
    cdef float* c
    cdef float* y
    cdef float* scratch
    # The call at hand
    cdef Voice** chosen
    cdef Memory** memories
    cdef Py_ssize_t rows
    cdef int64_t failed                 # the sample whose output is not finite, or -1,
    cdef Voice* failing

    def __cinit__(self, Plan plan not None, Plan condition_plan, sampling not None: Sampling, capacity: object):
        cdef Py_ssize_t slot
        cdef const float[::1] table
        self.plan, self.condition_plan, self.sampling = plan, condition_plan, sampling
        self.capacity = positive_int("capacity", capacity, MOST_VOICES)
        self.distribution = {"categorical": CLASSES, "mixture": MIXTURE, "gaussian": NORMAL}[sampling.distribution]
        self.one_hot, self.are_probabilities = sampling.one_hot, sampling.are_probabilities
        self.number = plan.out_channels // 3 if self.distribution == MIXTURE else plan.out_channels
        self.condition_channels = plan.condition_channels if condition_plan is None else condition_plan.in_channels
        self.condition_period = sampling.condition_period
        self.constant, self.streams, self.rest = ([None] * self.capacity for _ in range(3))
        self.slots = {}
        self.blocks = Blocks()
        self.voice = <Voice*>self.blocks.allocate(self.capacity * sizeof(Voice))
        self.current = <int64_t*>self.blocks.allocate(8 * self.capacity)
        self.chosen = <Voice**>self.blocks.allocate(self.capacity * sizeof(Voice*))
        self.memories = <Memory**>self.blocks.allocate(self.capacity * sizeof(Memory*))
        self.x = <float*>self.blocks.allocate(4 * self.capacity * plan.in_channels)
        self.c = <float*>self.blocks.allocate(4 * self.capacity * plan.condition_channels)
        self.y = <float*>self.blocks.allocate(4 * self.capacity * plan.out_channels)
        self.scratch = <float*>self.blocks.allocate(6 * (self.number + 16))
        memset(self.x, 0, 4 * self.capacity * plan.in_channels)
        if sampling.table is not None:
            table = sampling.table
            self.table = <float*>self.blocks.allocate(4 * table.shape[0])
            memcpy(self.table, &table[0], 4 * table.shape[0])
        self.memory_bytes = plan.memory_bytes()
        self.slab = <char*>take_aligned(2 * self.memory_bytes * self.capacity)
        if self.slab == NULL:
            raise MemoryError(f"no memory for {self.capacity} voices of {self.memory_bytes} bytes")
        for slot in range(self.capacity):
            self.voice[slot].open = False
            self.current[slot] = -1
        self.work = plan.borrow()

    def __reduce__(self):
        raise StreamStateError("a pool cannot be copied or pickled; make another with model.generator_pool()")

    def __dealloc__(self):
        give_aligned(self.slab)
        if self.work != NULL and self.plan is not None:
            self.plan.give_back(self.work)
        elif self.work != NULL:         # garbage collection has cleared the plan
            give_aligned(self.work)

    cdef acquire(self):
        if not try_acquire(&self.busy):
            raise StreamStateError("generator is in use by another thread; give each thread its own")

    # Voices

    def open(
        self, c: object = None, *, seed: object = 0, temperature: object = 1.0, top_p: object = 1.0, initial: object = None
    ) -> int:
        """A new voice; returns its id.

        Parameters
        ----------
        c
            Constant conditioning, float32, (condition_channels,); None: none, or passed with each block.
        seed
            Key of its random numbers, 0 to 2**64 - 1.
        temperature
            What the logits, or the distributions' scales, are divided, or multiplied, by: 0, or from 1e-6 to 1e6. 0 is greedy:
            the likeliest class (the first of equal ones), the heaviest component's mean, the mean.
        top_p
            Of classes only: draw from the likeliest ones that together have this probability, 1e-6 to 1.
        initial
            What the network reads before its first own sample: a class or a value; None: the class of 0.0, or 0.0.
        """
        self.acquire()
        try:
            settings = checked_settings(self.sampling, seed, temperature, top_p)
            first = checked_initial(self.sampling, initial)
            constant = None if c is None else self.checked_constant(c)
            slot = self.vacant()
            self.begin(slot, constant, settings, first)
            return self.add_id(slot)
        finally:
            release(&self.busy)

    cdef Py_ssize_t vacant(self) except -1:
        cdef Py_ssize_t slot
        for slot in range(self.capacity):
            if not self.voice[slot].open:
                return slot
        raise StreamStateError(f"pool is full: all {self.capacity} voices are open; close one first (capacity={self.capacity})")

    cdef Py_ssize_t add_id(self, Py_ssize_t slot) except -1:
        cdef Py_ssize_t sid = self.ids
        self.ids += 1
        self.slots[sid] = slot
        self.voice[slot].open = True
        return sid

    cdef checked_constant(self, object c):
        cdef Py_ssize_t indices
        if not self.condition_channels:
            raise ParameterError("c given; it must be None, this network has no conditioning")
        indices = self.plan.c_indices if self.condition_plan is None else self.condition_plan.x_indices
        return always_finite(self.plan, checked(c, "c", 1, self.condition_channels), "c", indices).copy()

    cdef begin(self, Py_ssize_t slot, object constant, tuple settings, float initial):
        """Make a slot a voice that has drawn nothing."""
        cdef Voice* voice = self.voice + slot
        memset(voice, 0, sizeof(Voice))
        voice.seed, voice.draw.temperature, voice.draw.top_p = settings
        voice.initial = voice.value = initial
        voice.memory = self.plan.lay_out_memory(self.slab + 2 * slot * self.memory_bytes)
        voice.before = self.plan.lay_out_memory(self.slab + (2 * slot + 1) * self.memory_bytes)
        self.constant[slot] = constant
        self.streams[slot] = None if self.condition_plan is None else Stream(self.condition_plan, name="condition")
        self.rest[slot] = np.empty((0, self.plan.condition_channels), np.float32)

    cdef Py_ssize_t slot_of(self, object sid) except -1:
        if type(sid) is not int:
            sid = integer("sid", sid)
        if sid not in self.slots:
            raise ParameterError(f"sid={sid} is not an open voice of this pool; it must be an id that open() returned")
        return self.slots[sid]

    def close(self, sid: object) -> None:
        """Close a voice: its id becomes invalid."""
        cdef Py_ssize_t slot
        self.acquire()
        try:
            slot = self.slot_of(sid)
            self.voice[slot].open = False
            self.constant[slot] = self.streams[slot] = self.rest[slot] = None
            del self.slots[sid]
        finally:
            release(&self.busy)

    def reset(self, sid: object) -> None:
        """Start a voice over: its next sample is the first, with the same seed, settings and constant conditioning."""
        cdef Voice* voice
        cdef Py_ssize_t slot
        self.acquire()
        try:
            slot = self.slot_of(sid)
            voice = self.voice + slot
            settings = (voice.seed, voice.draw.temperature, voice.draw.top_p)
            self.begin(slot, self.constant[slot], settings, voice.initial)
            voice.open = True
        finally:
            release(&self.busy)

    # Snapshots: the settings, the state of the network, that of the layers of the conditioning, the rows that these have given
    # too many, and the constant conditioning.

    def snapshot(self, sid: object) -> bytes:
        """The state of a voice as bytes, with its settings: it resumes with the same bits."""
        cdef Py_ssize_t slot
        cdef Voice* voice
        self.acquire()
        try:
            slot = self.slot_of(sid)
            voice = self.voice + slot
            settings = SETTINGS.pack(
                self.sampling.tag, voice.seed, voice.samples, voice.initial, voice.value, voice.draw.temperature, voice.draw.top_p)
            constant, stream = self.constant[slot], self.streams[slot]
            return seal(
                "generator", self.plan.fingerprint, settings, saved(self.plan, voice.memory, False, None),
                b"" if stream is None else stream.snapshot(), self.rest[slot].tobytes(),
                b"" if constant is None else constant.tobytes())
        finally:
            release(&self.busy)

    def restore(self, sid: object, snapshot: object) -> None:
        """Restore a voice from a snapshot of the same network; the present state is discarded."""
        cdef Py_ssize_t slot
        self.acquire()
        try:
            slot = self.slot_of(sid)
            self.take_over(slot, snapshot)
            self.voice[slot].open = True
        finally:
            release(&self.busy)

    def fork(self, sid: object, *, seed: object = None) -> int:
        """Open a copy of a voice; returns its id. With a `seed`, it goes on with other random numbers."""
        cdef Py_ssize_t slot
        blob = self.snapshot(sid)
        self.acquire()
        try:
            if seed is not None:
                seed = checked_settings(self.sampling, seed, 1.0, 1.0)[0]
            slot = self.vacant()
            self.take_over(slot, blob)
            if seed is not None:
                self.voice[slot].seed = seed
            return self.add_id(slot)
        finally:
            release(&self.busy)

    cdef take_over(self, Py_ssize_t slot, object snapshot):
        """Make a slot the voice of a snapshot, which is checked first."""
        cdef Saved network
        cdef Voice* voice = self.voice + slot
        parts = unseal("generator", self.plan.fingerprint, snapshot, 5, UNFIT)
        if len(parts[0]) != SETTINGS.size:
            raise SnapshotError(UNFIT)
        tag, seed, samples, initial, value, temperature, top_p = SETTINGS.unpack(parts[0])
        network = Saved(self.plan, parts[1])
        try:
            settings = checked_settings(self.sampling, seed, temperature, top_p)
            first, now = (checked_initial(self.sampling, int(one) if self.distribution == CLASSES else one)
                          for one in (initial, value))
            constant = checked_constant_of(self, parts[4])
        except (ParameterError, ArrayTypeError, ValueError, OverflowError):
            raise SnapshotError(UNFIT) from None
        rest = rows_of(parts[3], self.plan.condition_channels)
        if tag != self.sampling.tag or network.flushed or network.frames_in != samples or len(rest) >= self.condition_period:
            raise SnapshotError(UNFIT)
        stream = None
        if self.condition_plan is not None:
            stream = Stream(self.condition_plan, name="condition")
            stream.restore(parts[2])
            if stream.frames_in * self.condition_period - len(rest) != samples:
                raise SnapshotError(UNFIT)
        self.begin(slot, constant, settings, first)
        network.restore(voice.memory)
        voice.samples, voice.value = samples, now
        self.streams[slot], self.rest[slot] = stream, rest

    # Generating

    def process(self, conditions: object, samples: object = None) -> dict:
        """Draw the next samples of any number of voices.

        Parameters
        ----------
        conditions
            The next conditioning of each voice by id, float32, (n, condition_channels): each frame is that of the next
            `condition_period` samples. None for a voice that has none, or a constant one.
        samples
            How many samples: of all voices, or by id. None: as many as the conditioning is for.

        Returns
        -------
        By id: (samples,) int32 classes, or float32.

        Raises
        ------
        ParameterError, ArrayTypeError
            An id is not that of an open voice, conditioning does not fit, or the network's output is not finite; the voices
            are as they were.
        """
        self.acquire()
        try:
            slots = self.slots_of(conditions)
            if isinstance(samples, Mapping) and set(samples) != set(conditions):
                raise ParameterError("samples must have the voices that conditions has")
            wanted = [
                self.frames_wanted(slot, c, samples[sid] if isinstance(samples, Mapping) else samples,
                                   "condition" if self.capacity == 1 else f"condition of voice {sid}")
                for slot, (sid, c) in zip(slots, conditions.items())]
            return dict(zip(conditions, self.draw_all(slots, wanted)))
        finally:
            release(&self.busy)

    cdef list slots_of(self, object conditions):
        if not isinstance(conditions, Mapping):
            raise ArrayTypeError(f"conditions is a {type(conditions).__name__}; it must be a dict of ids to arrays or None")
        slots = [self.slot_of(sid) for sid in conditions]
        if len(set(slots)) < len(slots):
            raise ParameterError("conditions contains a voice twice; each must stand there once")
        return slots

    cdef list draw_all(self, list slots, list wanted):
        """The samples of each voice; if that raises, the voices are as they were before."""
        cdef Voice* voice
        cdef Py_ssize_t i, begun = 0
        cdef list held = [], outputs = []
        before = [(self.streams[slot], self.rest[slot], self.state_of(slot)) for slot in slots]
        try:
            for slot, (n, frames) in zip(slots, wanted):
                voice = self.voice + <Py_ssize_t>slot
                self.set_condition(slot, n, frames, held)
                outputs.append(self.set_output(voice, n))
                voice.value_before = voice.value
                self.plan.copy_memory(voice.before, voice.memory)
                self.chosen[begun] = voice
                begun += 1
            self.rows = begun
            self.run_in_pieces()
        except BaseException:
            for i in range(begun):
                self.undo(self.chosen[i])
            for slot, (stream, rest, state) in zip(slots, before):
                if stream is not None:
                    stream.restore(state)
                self.rest[slot] = rest
            raise
        return outputs

    cdef bytes state_of(self, Py_ssize_t slot):
        return None if self.streams[slot] is None else self.streams[slot].snapshot()

    cdef void undo(self, Voice* voice) noexcept:
        cdef Memory* now = voice.memory
        voice.memory, voice.before = voice.before, now
        voice.samples, voice.value = voice.memory.frames_in, voice.value_before

    cdef tuple frames_wanted(self, Py_ssize_t slot, object c, object samples, str name):
        """The samples to draw of a voice, and the conditioning for them: frames, one frame for all, or None."""
        cdef int64_t done = self.voice[slot].samples, period = self.condition_period
        cdef int64_t had = (done + period - 1) // period, due
        n = None if samples is None else count("samples", samples)
        if n is not None and n > MOST_SAMPLES:
            raise ParameterError(f"samples={n} must be at most {MOST_SAMPLES}")
        if c is None:
            if n is None:
                raise ParameterError(f"samples=None and {name}=None; one of them must say how many samples there are to be")
            due = (done + <int64_t>n + period - 1) // period - had
            if not self.condition_channels:
                return n, None
            if self.constant[slot] is None:
                raise ParameterError(f"{name} is None; this network needs conditioning, (frames, {self.condition_channels}), or"
                                     f" ({self.condition_channels},) when the voice is opened")
            return n, self.constant[slot] if self.condition_plan is None else np.tile(self.constant[slot], (due, 1))
        if not self.condition_channels:
            raise ParameterError(f"{name} given; it must be None, this network has no conditioning")
        if self.constant[slot] is not None:
            raise ParameterError(f"{name} given; it must be None, the voice was opened with constant conditioning")
        indices = self.plan.c_indices if self.condition_plan is None else self.condition_plan.x_indices
        given = always_finite(self.plan, checked(c, name, 2, self.condition_channels), name, indices)
        if n is None:
            return (had + len(given)) * period - done, given
        due = (done + <int64_t>n + period - 1) // period - had
        if len(given) != due:
            raise ParameterError(f"{name} has {len(given)} frames; it must have {due}, one for every {period} samples from sample"
                                 f" {done} on, for samples={n}")
        return n, given

    cdef set_condition(self, Py_ssize_t slot, Py_ssize_t n, object frames, list held):
        """Set where the voice's conditioning is read, a row for each sample."""
        cdef Voice* voice = self.voice + slot
        cdef cnp.ndarray rows
        voice.c, voice.c_step = NULL, self.plan.condition_channels
        if frames is None:
            return
        if self.streams[slot] is not None:
            frames = np.concatenate([self.rest[slot], self.streams[slot].process(frames)])
            self.rest[slot] = frames[n:].copy()
        rows = frames
        if cnp.PyArray_NDIM(rows) == 1:
            voice.c_step = 0
        held.append(rows)
        voice.c = <const float*>cnp.PyArray_DATA(rows)

    cdef cnp.ndarray set_output(self, Voice* voice, Py_ssize_t n):
        cdef cnp.ndarray out = np.empty(n, np.int32 if self.distribution == CLASSES else np.float32)
        voice.wanted = n
        voice.classes = <int32_t*>cnp.PyArray_DATA(out)
        voice.values = <float*>cnp.PyArray_DATA(out)
        return out

    cdef run_in_pieces(self):
        """Draw all samples, looking for signals between pieces."""
        cdef int64_t first = 0, longest = 0, most = max(1, min(
            PIECE_WORK // max(1, self.plan.multiply_adds * max(1, self.rows)), PIECE_FRAMES // max(1, self.rows)))
        self.sort()
        self.failed = -1
        longest = self.chosen[0].wanted if self.rows else 0
        while first < longest:
            with nogil:
                leave_turn()
                self.run(first, min(longest, first + most))
                take_turn()
            if self.failed >= 0:
                self.refuse_nonfinite()
            first += most
            PyErr_CheckSignals()

    cdef void sort(self) noexcept:
        """The voices in the order of their samples to go, the most first."""
        cdef Py_ssize_t i, k
        cdef Voice* voice
        for i in range(1, self.rows):
            voice, k = self.chosen[i], i
            while k and self.chosen[k - 1].wanted < voice.wanted:
                self.chosen[k] = self.chosen[k - 1]
                k -= 1
            self.chosen[k] = voice
        for i in range(self.rows):
            self.memories[i] = self.chosen[i].memory

    cdef refuse_nonfinite(self):
        whose = ""
        for sid, slot in self.slots.items():
            if self.capacity > 1 and self.failing == self.voice + <Py_ssize_t>slot:
                whose = f" of voice {sid}"
        raise ParameterError(f"the network's output is not finite at sample {self.failed}{whose}: weights, conditioning or"
                             " what it has generated so far are too large")

    cdef void run(self, int64_t first, int64_t end) noexcept nogil:
        cdef uint64_t mode = flush_subnormals()
        cdef Py_ssize_t rows = self.rows, row
        cdef int64_t i
        for i in range(first, end):
            while rows and self.chosen[rows - 1].wanted <= i:
                rows -= 1
            for row in range(rows):
                self.set_rows(row, i)
            self.plan.run_many(self.memories, rows, self.work, self.x, self.c, self.y)
            for row in range(rows):
                if not self.draw(row, i):
                    self.failed, self.failing = self.chosen[row].samples, self.chosen[row]
                self.chosen[row].samples += 1
            if self.failed >= 0:
                break
        restore_subnormals(mode)

    cdef inline void set_rows(self, Py_ssize_t row, int64_t i) noexcept nogil:
        """Set what the network reads for sample `i` of the call."""
        cdef Voice* voice = self.chosen[row]
        cdef float* x = self.x + row * self.plan.in_channels
        cdef Py_ssize_t channels = self.plan.condition_channels
        if self.one_hot:
            x[<Py_ssize_t>voice.value] = 1.0
        else:
            x[0] = voice.value if self.table == NULL else self.table[<Py_ssize_t>voice.value]
        if channels:
            memcpy(self.c + row * channels, voice.c + i * voice.c_step, 4 * channels)

    cdef inline bint draw(self, Py_ssize_t row, int64_t i) noexcept nogil:
        """Draw sample `i` of the call; False: the network's output is not finite."""
        cdef Voice* voice = self.chosen[row]
        cdef const float* y = self.y + row * self.plan.out_channels
        cdef uint32_t words[4]
        if self.one_hot:
            self.x[row * self.plan.in_channels + <Py_ssize_t>voice.value] = 0.0
        if not self.plan.kernels.all_finite(y, self.plan.out_channels):
            return False
        if voice.draw.temperature != 0:
            philox(voice.seed, voice.samples, 0, words)
            voice.draw.uniform, voice.draw.second = uniform(words[0], words[1]), uniform(words[2], words[3])
        if self.distribution == CLASSES:
            voice.classes[i] = self.plan.kernels.draw_class(
                y, self.number, self.are_probabilities, &voice.draw, self.scratch)
            voice.value = voice.classes[i]
            return True
        if self.distribution == MIXTURE:
            voice.value = self.plan.kernels.draw_mixture(y, self.number, &voice.draw, self.scratch)
        else:
            voice.value = self.plan.kernels.draw_normal(y, &voice.draw)
        voice.values[i] = voice.value
        return isfinite(voice.value)

    @property
    def state_bytes(self) -> int:
        """Memory of all voices, bytes."""
        return 2 * self.memory_bytes * self.capacity

    def samples(self, sid: object) -> int:
        """Samples that a voice has drawn."""
        return self.voice[self.slot_of(sid)].samples

    def __len__(self) -> int:
        return len(self.slots)

    def __contains__(self, sid: object) -> bool:
        return sid in self.slots

    def __repr__(self) -> str:
        return f"GeneratorPool({len(self)} of {self.capacity} voices open, output={self.sampling.distribution!r})"


def checked_constant_of(GeneratorPool pool not None, blob: bytes) -> np.ndarray | None:
    """The constant conditioning in a snapshot."""
    if not blob:
        return None
    if len(blob) != 4 * pool.condition_channels:
        raise SnapshotError(UNFIT)
    return pool.checked_constant(np.frombuffer(blob, np.float32).copy())


def rows_of(blob: bytes, channels: int) -> np.ndarray:
    """The rows in a snapshot."""
    if len(blob) % (4 * channels if channels else 1) or (blob and not channels):
        raise SnapshotError(UNFIT)
    rows = np.frombuffer(blob, np.float32).reshape(-1, channels).copy() if channels else np.empty((0, 0), np.float32)
    if not np.isfinite(rows).all():
        raise SnapshotError(UNFIT)
    return rows
