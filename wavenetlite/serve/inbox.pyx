# cython: boundscheck=False, initializedcheck=False, wraparound=False
"""The samples of a client that wait for a tick.

Design: thousands of clients share a core, so what one has is in no cache when its next message comes, and each Python object
that is touched then costs as much as some arithmetic. What messages and ticks need of a stream is in one compiled object. Its
samples are copied as they come, and once more, decoded, below those of the other streams that a call of the pool serves. A tick
looks at streams that have something, and at no others. Measured with 1,800 to 2,000 clients in blocks of 80 ms, CPU time of a
message from a frame to the array that the pool reads: 12 us by Python objects, 3 so.
"""

cimport cython
cimport numpy as cnp
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.mem cimport PyMem_Free, PyMem_Malloc, PyMem_Realloc
from libc.stdint cimport int16_t, int64_t
from libc.string cimport memcpy, memmove

from time import monotonic

from wavenetlite.support.errors import ParameterError

cnp.import_array()

cdef enum:
    BINARY = 2                  # kind of a WebSocket's frame, RFC 6455, section 5.2
    LITTLE = 65_536             # bytes that are kept for the next samples; more are given back


@cython.final
cdef class Inbox:
    """Samples as they came, 16-bit integers or 32-bit floats, little-endian.

    Parameters
    ----------
    owner
        The session.
    sid
        Its place in the pool.
    sr
        The client's sample rate.
    sample_bytes
        2: integers; 4: floats.
    most_s
        Audio above which it is crowded.
    listed
        Gets the inbox itself while there is something for a tick to do.
    wake
        Is called when the first inbox is listed.

    Attributes
    ----------
    fed_at, since
        When the newest samples came, and the oldest that wait: not later than that, and mostly within a tick of it.
    samples
        Samples that have been taken.
    heard
        Samples that the pool has got, at the model's rate.
    plain
        Whether the pool takes the samples as they are, and nobody wants the probabilities.
    watched
        Whether the owner is to be told, by `was_taken`, when samples have been taken.
    ending
        Whether the signal ends after these samples.
    """

    cdef readonly object owner
    cdef readonly int64_t sid
    cdef public double fed_at, since
    cdef public int64_t samples, heard
    cdef public bint plain, watched
    cdef readonly bint ending
    cdef list listed
    cdef object wake
    cdef bint is_listed, shut
    cdef Py_ssize_t sr, sample_bytes, most
    cdef char* data
    cdef Py_ssize_t start, size, room       # bytes: of those taken, of those that wait, of the memory
    cdef Py_ssize_t older                   # bytes of those that wait that came before `looked_at`; 0: all came after it
    cdef double looked_at

    def __init__(
        self, owner: object, sid: int, sr: int, sample_bytes: int, most_s: float, listed: list, wake: object
    ) -> None:
        self.owner, self.sid, self.sr, self.sample_bytes = owner, sid, sr, sample_bytes
        self.most = <Py_ssize_t>(most_s * sr) * self.sample_bytes
        self.listed, self.wake = listed, wake
        self.fed_at = self.since = self.looked_at = monotonic()

    def __dealloc__(self):
        PyMem_Free(self.data)

    def __len__(self) -> int:
        return self.size

    @property
    def crowded(self) -> bool:
        """Whether so much waits that the connection is not read."""
        return self.size > self.most

    def put(self, data: object) -> None:
        """Queue the next samples; `ParameterError` if they are not whole ones. After `end` and `close` they are ignored."""
        cdef Py_buffer view
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            if view.len % self.sample_bytes:
                raise ParameterError(
                    f"message has {view.len} bytes; a message of format={'pcm16' if self.sample_bytes == 2 else 'float32'}"
                    f" must have whole samples of {self.sample_bytes} bytes")
            if self.shut:
                return
            self.fed_at = monotonic()
            if view.len:
                self.make_room(view.len)
                memcpy(self.data + self.start + self.size, view.buf, view.len)
                if not self.size:
                    self.since = self.looked_at = self.fed_at
                self.size += view.len
                self.list_up()
        finally:
            PyBuffer_Release(&view)

    def hear(self, frame: object) -> bool:
        """Queue the samples of a frame of picows; False: the frame is not a whole message of samples."""
        cdef int kind = frame.msg_type
        if kind != BINARY or not frame.fin or frame.rsv1 or frame.rsv2 or frame.rsv3:
            return False
        self.put(frame.get_payload_as_memoryview())
        return True

    def end(self) -> None:
        """No more samples come."""
        self.ending = self.shut = True
        self.list_up()

    def close(self) -> None:
        """Forget what waits, what else comes, and the owner, which must not wait for the garbage collection."""
        self.shut = True
        self.size = 0
        self.owner = None
        self.give_back()

    cdef int list_up(self) except -1:
        """See that the next tick looks here."""
        if not self.is_listed:
            self.is_listed = True
            self.listed.append(self)
            if len(self.listed) == 1:
                self.wake()
        return 0

    cdef int make_room(self, Py_ssize_t more) except -1:
        cdef Py_ssize_t room = self.room
        cdef char* data
        if self.start + self.size + more <= room:
            return 0
        if self.size + more > room:
            room = max(self.size + more, 2 * room)
            data = <char*>PyMem_Malloc(room) if self.data == NULL else <char*>PyMem_Realloc(self.data, room)
            if data == NULL:
                raise MemoryError(f"no memory for {room} bytes of samples")
            self.data, self.room = data, room
        memmove(self.data, self.data + self.start, self.size)
        self.start = 0
        return 0

    cdef void give_back(self) noexcept:
        """After all samples have been taken: begin anew, without the memory of many."""
        self.start = 0
        if self.room > LITTLE:
            PyMem_Free(self.data)
            self.data, self.room = NULL, 0

    cdef Py_ssize_t share(self, double seconds) noexcept:
        """Samples of so many seconds, if there are as many."""
        cdef Py_ssize_t most = max(<Py_ssize_t>1, <Py_ssize_t>(seconds * self.sr))
        return min(most, self.size // self.sample_bytes)

    cdef void take(self, Py_ssize_t samples, float* to) noexcept:
        """Decode the next samples: in -1..1, 16-bit integers divided by 32768."""
        cdef const char* data = self.data + self.start
        cdef Py_ssize_t i
        if self.sample_bytes == 4:
            memcpy(to, data, 4 * samples)       # as all systems here do, little-endian
        else:
            for i in range(samples):
                to[i] = (<const int16_t*>data)[i] * <float>(1.0 / 32768)
        self.start += self.sample_bytes * samples
        self.size -= self.sample_bytes * samples
        self.older = max(<Py_ssize_t>0, self.older - self.sample_bytes * samples)
        self.samples += samples
        self.heard += samples
        if not self.size:
            self.give_back()

    cdef void look(self, double now) noexcept:
        """Note what waits now, so that it is known when what waits then came."""
        if not self.older:
            self.since, self.older, self.looked_at = self.looked_at, self.size, now


def sort_out(list listed) -> tuple[list, list]:
    """Empty the list; returns the inboxes with samples, and the others: those whose signal ends, and closed ones."""
    cdef Inbox inbox
    cdef list full = [], others = []
    for inbox in listed:
        inbox.is_listed = False
        (full if inbox.size else others).append(inbox)
    listed.clear()
    return full, others


def oldest_of(list inboxes) -> float:
    """Since when the samples wait that have waited longest."""
    cdef Inbox inbox
    return min([inbox.since for inbox in inboxes])


def take(list inboxes, double seconds) -> dict[int, cnp.ndarray]:
    """At most so many seconds of each, float32 by the place in the pool: parts of one array."""
    cdef Inbox inbox
    cdef Py_ssize_t samples = 0
    cdef cnp.npy_intp size
    cdef cnp.ndarray joined, part
    cdef float* to
    cdef dict blocks = {}
    for inbox in inboxes:
        samples += inbox.share(seconds)
    size = samples
    joined = cnp.PyArray_EMPTY(1, &size, cnp.NPY_FLOAT32, 0)
    to = <float*>cnp.PyArray_DATA(joined)
    for inbox in inboxes:
        size = inbox.share(seconds)
        inbox.take(size, to)
        part = cnp.PyArray_SimpleNewFromData(1, &size, cnp.NPY_FLOAT32, to)
        cnp.set_array_base(part, joined)
        blocks[inbox.sid] = part
        to += size
    for inbox in inboxes:           # when all has been read: they may do anything
        if inbox.watched:
            inbox.owner.was_taken()
    return blocks


def list_again(list inboxes, double now) -> list:
    """List those that have more samples; returns the open ones whose signal has ended."""
    cdef Inbox inbox
    cdef list ended = []
    for inbox in inboxes:
        if inbox.size:
            inbox.look(now)
            inbox.list_up()
        elif inbox.ending and inbox.owner is not None:
            ended.append(inbox)
    return ended
