"""ClassifierPool: many signals at once through one classifier."""

cimport cython

from wavenetlite.classifier.stream cimport ClassifierStream

from collections.abc import Mapping

import numpy as np

from wavenetlite.engine.pool import StreamPool
from wavenetlite.support.errors import ArrayTypeError, StreamStateError, WavenetliteError
from wavenetlite.support.one_thread import OneThread


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
    bit-identical to those of a :class:`ClassifierStream` of its own. Features are computed signal by signal; then the
    frames of all signals go through the network together. A call validates its arguments first: if they are invalid,
    nothing has changed. An id is never reused. A pool serves one thread at a time; another gets a `StreamStateError`.

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
    cdef str on_nonfinite
    cdef dict members                       # ClassifierStreams by id
    cdef dict pending                       # by id: events of calls that raised because of another signal
    cdef object alone

    def __init__(self, design: object, capacity: int, *, threads: int = 1, on_nonfinite: str = "raise") -> None:
        self.design = design
        self.network = StreamPool(
            design.network, capacity, threads=threads, on_nonfinite=on_nonfinite, name="features"
        )
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
                stream = ClassifierStream(self.design, on_nonfinite=self.on_nonfinite, network=network)
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
        cdef list given = []
        cdef dict frames = {}
        for sid, block in samples.items():
            member = self.member(sid)
            try:
                member.check(block)
            except WavenetliteError as error:
                raise named(error, sid) from None
            given.append((sid, member, block))
        for sid, member, block in given:
            frames[sid] = member.extract(block)
        return self.decide(frames)

    cdef dict decide(self, dict frames):
        """Frames of features to events."""
        cdef ClassifierStream member
        cdef dict logits, events = {}
        cdef list errors = []
        try:
            logits = self.network.process(frames)
        except WavenetliteError:  # an overflow; no stream has been fed, so find out whose it is
            logits = {}
            for sid, some in frames.items():
                try:
                    logits |= self.network.process({sid: some})
                except WavenetliteError as error:
                    errors.append(error)
        for sid, scores in logits.items():
            member = self.members[sid]
            try:
                found = member.decide(scores)
            except WavenetliteError as error:
                errors.append(named(error, sid))
                continue
            events[sid] = self.pending.pop(sid, []) + found if self.pending else found
        if errors:
            self.pending |= {sid: some for sid, some in events.items() if some}
            raise errors[0]
        return events

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
        self.network.frames_in(sid)  # raises unless it is the id of an open signal
        return self.members[sid]


cdef object named(object error, object sid):
    """The error, which names the signal."""
    return type(error)(f"stream {sid}: {error}")
