"""ClassifierPool: many signals at once through one classifier."""

cimport cython
cimport numpy as cnp
from libc.stdint cimport int64_t
from libc.string cimport memcpy

from wavenetlite.classifier.stream cimport ClassifierStream, with_rest
from wavenetlite.engine.stream cimport Stream

from collections.abc import Mapping

import numpy as np

from wavenetlite.engine.pool import StreamPool
from wavenetlite.support.errors import ArrayTypeError, StreamStateError, WavenetliteError
from wavenetlite.support.one_thread import OneThread

cnp.import_array()


@cython.final
cdef class PooledNetwork:
    """One stream of a network pool, with the interface of a `Stream`."""
    cdef object pool
    cdef object sid

    def __init__(self, pool: object, sid: int) -> None:
        self.pool = pool
        self.sid = sid

    def process(self, frames: np.ndarray) -> np.ndarray:
        return self.pool.process({self.sid: frames})[self.sid]

    def flush(self) -> np.ndarray:
        return self.pool.flush(self.sid)

    def reset(self) -> None:
        self.pool.reset(self.sid)

    def snapshot(self) -> bytes:
        return self.pool.snapshot(self.sid)

    def restore(self, snapshot: bytes) -> None:
        self.pool.restore(self.sid, snapshot)

    @property
    def frames_out(self) -> int:
        return self.pool.frames_out(self.sid)


@cython.final
cdef class ClassifierPool:
    """Many signals processed by one classifier; made by ``clf.pool(capacity)``.

    Every signal is identified by the id that `open` returns. Its events, predictions and probabilities are
    bit-identical to those of a :class:`ClassifierStream` of its own. The frames of all signals go through the network
    together. A call validates its arguments first: if they are invalid, nothing has changed. An id is never reused. A pool serves one thread at a time; another gets a `StreamStateError`.

    If features or network overflow float32 on finite but absurdly large samples, that is detected after the samples
    have been consumed: the call raises and names the signal, which then raises until it is `reset` or closed. The
    other signals have been fed; their events are returned by their next call.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> clf = wl.AudioClassifier(wl.LogMel(), wl.TCN(40, 2, channels=4, dilations=[1]), ["yes", "no"])
    >>> y = np.random.default_rng(0).standard_normal((2, 16000), dtype=np.float32)
    >>> pool = clf.pool(8)
    >>> a, b = pool.open(), pool.open()
    >>> events = pool.process({a: y[0, :8000], b: y[1]})
    >>> sorted(events) == [a, b]
    True
    >>> events = pool.process({a: y[0, 8000:]})
    >>> bool((pool.prediction(a).probabilities == clf.predict(y[0]).probabilities).all())
    True
    """

    cdef object design
    cdef object network                     # a StreamPool
    cdef Stream softmax                     # of all signals; None: the network gives probabilities
    cdef cnp.ndarray none                   # no probabilities
    cdef str on_nonfinite
    cdef dict members                       # ClassifierStreams by id
    cdef dict pending                       # by id: events of calls that raised because of another signal
    cdef object alone

    def __init__(self, design: object, capacity: int, *, threads: int = 1, on_nonfinite: str = "raise") -> None:
        self.design = design
        self.network = StreamPool(
            design.network, capacity, threads=threads, on_nonfinite=on_nonfinite, name="features"
        )
        self.softmax = None if design.softmax is None else Stream(design.softmax)
        self.none = design.none
        self.on_nonfinite = on_nonfinite
        self.members = {}
        self.pending = {}
        self.alone = OneThread("pool")

    @property
    def timing(self) -> object:
        """Labels of the probabilities, and where their frames lie in a signal."""
        return self.design.timing

    # Signals

    def open(self, *, snapshot: object = None) -> int:
        """A new signal; returns its id.

        Parameters
        ----------
        snapshot
            A snapshot of a stream or pool of the same classifier: the signal resumes from there.

        Raises
        ------
        StreamStateError
            The pool is full.
        SnapshotError
            The snapshot is invalid, damaged, or of another classifier; nothing has been opened.
        """
        cdef ClassifierStream stream
        with self.alone:
            sid = self.network.open()
            try:
                network = PooledNetwork(self.network, sid)
                stream = ClassifierStream(
                    self.design, on_nonfinite=self.on_nonfinite, network=network, softmax=self.softmax)
                if snapshot is not None:
                    stream.load(snapshot)
            except BaseException:
                self.network.close(sid)
                raise
            self.members[sid] = stream
            return sid

    def close(self, sid: int) -> None:
        """Close a signal without flushing: its slot is freed and its id becomes invalid."""
        with self.alone:
            self.network.close(sid)
            del self.members[sid]
            self.pending.pop(sid, None)

    def reset(self, sid: int) -> None:
        """Start a signal over: the next sample is the first."""
        with self.alone:
            self.member(sid).reset()
            self.pending.pop(sid, None)

    def snapshot(self, sid: int) -> bytes:
        """The state of a signal as bytes, the same as of `ClassifierStream.snapshot`.

        Events still pending from a call that raised are not included.
        """
        with self.alone:
            return self.member(sid).snapshot()

    def restore(self, sid: int, snapshot: object) -> None:
        """Restore a signal from a snapshot; see `ClassifierStream.restore`."""
        with self.alone:
            self.member(sid).restore(snapshot)
            self.pending.pop(sid, None)

    def fork(self, sid: int) -> int:
        """Open a copy of a signal; returns its id.

        Raises
        ------
        StreamStateError
            The pool is full.
        """
        return self.open(snapshot=self.snapshot(sid))

    # Audio

    def process(self, samples: object) -> dict:
        """Feed the next samples of any number of signals; returns the events detected.

        Parameters
        ----------
        samples
            The next samples of each signal by id: float32, (n,), n >= 0.

        Returns
        -------
        Lists of events by id: what `ClassifierStream.process` returns.

        Raises
        ------
        ParameterError, ArrayTypeError
            An id is not that of an open signal, or samples have a wrong shape, dtype or value; nothing has changed.
        StreamStateError
            A signal was flushed and not reset, or another thread is using the pool.
        """
        with self.alone:
            if not isinstance(samples, Mapping):
                raise ArrayTypeError(f"samples is a {type(samples).__name__}; it must be a dict of ids to arrays")
            return self.hear(samples)

    cdef dict hear(self, object samples):
        cdef ClassifierStream member
        cdef cnp.ndarray ready
        cdef list sids = [], members = [], blocks = []
        cdef bint joined = True
        for sid, block in (samples if type(samples) is dict else dict(samples)).items():    # a signal occurs once
            member = self.member(sid)
            try:
                ready = member.check(block)
            except WavenetliteError as error:
                raise named(error, sid) from None
            joined &= ready is not None
            sids.append(sid)
            members.append(member)
            blocks.append(block if ready is None else ready)
        frames, counts = self.extract_joined(members, blocks) if joined else self.extract(members, blocks)
        logits, counts, errors = self.through_network(np.array(sids, np.int64), frames, counts)
        return self.decide(sids, members, logits, counts, errors)

    cdef tuple extract_joined(self, list members, list blocks):
        """The frames of features of all signals one below the other, written in place, and how many each has."""
        cdef ClassifierStream member
        cdef cnp.ndarray block, counts = np.empty(len(members), np.int64), frames
        cdef int64_t* count = <int64_t*>cnp.PyArray_DATA(counts)
        cdef Py_ssize_t i, rows = 0, channels = self.design.features.out_channels
        cdef float* out
        for i in range(len(members)):
            member, block = members[i], blocks[i]
            count[i] = member.features.frames.frames_due(cnp.PyArray_DIM(block, 0))
            rows += count[i]
        frames = np.empty((rows, channels), np.float32)
        out = <float*>cnp.PyArray_DATA(frames)
        for i in range(len(members)):
            member = members[i]
            member.extract_to(blocks[i], out)
            out += count[i] * channels
        return frames, counts

    cdef tuple extract(self, list members, list blocks):
        """The same for features with steps in Python, or long blocks."""
        cdef ClassifierStream member
        cdef list parts = [np.empty((0, self.design.features.out_channels), np.float32)]
        for member, block in zip(members, blocks):
            parts.append(member.extract(block))
        return np.concatenate(parts), np.array([len(part) for part in parts[1:]], np.int64)

    cdef tuple through_network(self, object ids, object frames, object counts):
        """The logits of all signals, likewise, and the errors of those that have none, by position."""
        cdef dict errors = {}
        try:
            logits, rows = self.network.process_joined(frames, ids, counts)
            return logits, rows, errors
        except WavenetliteError:  # an overflow; no stream has been fed, so find out whose it is
            parts, rows, first = [], np.zeros(len(ids), np.int64), 0
            for i, sid in enumerate(ids.tolist()):
                mine = frames[first : first + counts[i]]
                first += counts[i]
                try:
                    parts.append(self.network.process({sid: mine})[sid])
                    rows[i] = len(parts[-1])
                except WavenetliteError as error:
                    errors[i] = error
            empty = np.empty((0, self.network.plan.out_channels), np.float32)
            return np.concatenate([empty, *parts]), rows, errors

    cdef dict decide(self, list sids, list members, cnp.ndarray logits, cnp.ndarray counts, dict errors):
        """Logits of all signals to events by id."""
        cdef ClassifierStream member
        cdef cnp.ndarray probabilities = self.probabilities_of(logits), mine
        cdef const int64_t* count = <const int64_t*>cnp.PyArray_DATA(counts)
        cdef Py_ssize_t i, row = 0
        cdef dict events = {}
        cdef list found
        for i in range(len(members)):
            member = members[i]
            if i not in errors:
                try:
                    if probabilities is None:
                        found = member.decide(logits[row : row + count[i]])
                    else:
                        mine = self.rows_of(probabilities, row, count[i])
                        found = member.hear(mine, <const float*>cnp.PyArray_DATA(logits) + row * cnp.PyArray_DIM(logits, 1))
                    events[sids[i]] = self.pending.pop(sids[i], []) + found if self.pending else found
                except WavenetliteError as error:
                    errors[i] = named(error, sids[i])
            row += count[i]
        if errors:
            self.pending |= {sid: some for sid, some in events.items() if some}
            raise errors[min(errors)]
        return events

    cdef cnp.ndarray probabilities_of(self, cnp.ndarray logits):
        """The probabilities of all signals in one call; None: there is an invalid one, and a call each finds out whose."""
        try:
            return with_rest(logits, 0) if self.softmax is None else self.softmax.process_alone(logits, None, None)
        except WavenetliteError:
            return None

    cdef cnp.ndarray rows_of(self, cnp.ndarray probabilities, Py_ssize_t first, Py_ssize_t rows):
        """A copy of some rows, which a signal keeps until its next call."""
        cdef Py_ssize_t labels = cnp.PyArray_DIM(probabilities, 1)
        cdef cnp.npy_intp shape[2]
        cdef cnp.ndarray copy
        if not rows:
            return self.none
        shape[0], shape[1] = rows, labels
        copy = cnp.PyArray_EMPTY(2, shape, cnp.NPY_FLOAT32, 0)
        memcpy(cnp.PyArray_DATA(copy), <const float*>cnp.PyArray_DATA(probabilities) + first * labels, rows * labels * sizeof(float))
        return copy

    def flush(self, sid: int) -> list:
        """End a signal; returns its pending events, as `ClassifierStream.flush`. Then reset or close it."""
        with self.alone:
            member = self.member(sid)
            try:
                events = member.flush()
            except WavenetliteError as error:
                raise named(error, sid) from None
            return self.pending.pop(sid, []) + events

    # Results

    def prediction(self, sid: int) -> object:
        """The prediction for a signal so far; see `ClassifierStream.prediction`."""
        with self.alone:
            member = self.member(sid)
            try:
                return member.prediction()
            except WavenetliteError as error:
                raise named(error, sid) from None

    def probabilities(self, sid: int) -> np.ndarray:
        """Probabilities of the frames completed by the signal's last call, (frames, labels) float32; read-only."""
        with self.alone:
            return self.member(sid).probabilities

    def frame_times_s(self, sid: int) -> np.ndarray:
        """The end of the audio that each frame of `probabilities` covers, seconds from the first sample."""
        with self.alone:
            return self.member(sid).frame_times_s

    def frames_out(self, sid: int) -> int:
        """Frames of probabilities of a signal since it was opened or last reset."""
        with self.alone:
            return self.member(sid).frames_out

    def samples_in(self, sid: int) -> int:
        """Samples fed to a signal since it was opened or last reset."""
        with self.alone:
            return self.member(sid).samples_in

    @property
    def capacity(self) -> int:
        """Signals that can be open at the same time."""
        return self.network.capacity

    @property
    def ids(self) -> list:
        """Ids of the open signals."""
        return self.network.ids

    def __len__(self) -> int:
        return len(self.network)

    def __contains__(self, sid: object) -> bool:
        return sid in self.network

    def __repr__(self) -> str:
        return f"ClassifierPool({len(self)} of {self.capacity} signals open, {len(self.timing.labels)} labels)"

    def __reduce__(self) -> object:
        raise StreamStateError("a pool cannot be copied or pickled; make another with clf.pool()")

    cdef ClassifierStream member(self, object sid):
        found = self.members.get(sid) if type(sid) is int else None
        if found is None:
            self.network.frames_in(sid)  # raises unless it is the id of an open signal
            found = self.members[sid]
        return found


cdef object named(object error, object sid):
    """The error, which names the signal."""
    return type(error)(f"stream {sid}: {error}")
