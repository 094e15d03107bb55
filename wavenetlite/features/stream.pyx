# cython: boundscheck=False, initializedcheck=False
"""FeatureStream: streaming features of one signal, or of several in lockstep."""

cimport cython
cimport numpy as cnp
from cpython.exc cimport PyErr_CheckSignals

from wavenetlite.features._frames cimport FrameStream

from struct import Struct

import numpy as np

from wavenetlite.features._steps import UNFIT
from wavenetlite.features.steps import run_out
from wavenetlite.support.errors import SnapshotError, StreamStateError
from wavenetlite.support.snapshots import seal, unseal

cdef extern from "simd.h" nogil:
    bint try_acquire(int*)
    void release(int*)

cnp.import_array()

cdef enum:
    PIECE_FRAMES = 1 << 14      # between two looks for signals: some 10 ms of work

STATE = Struct("<qq")


@cython.final
cdef class FeatureStream:
    """Streaming features of one signal, or of several in lockstep, fed in blocks of any length.

    Made by ``spec.stream()``. The frames are bit-identical to ``spec(y)`` for any partition into blocks. A call that
    raises leaves the stream unchanged. A stream serves one thread at a time; another gets a `StreamStateError`.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> spec = wl.LogMel(sr=16000, n_fft=512, hop_length=160, n_mels=40)
    >>> y = np.random.default_rng(0).standard_normal(16000, dtype=np.float32)
    >>> online = spec.stream()
    >>> blocks = [online.process(y[:1]), online.process(y[1:5000]), online.process(y[5000:]), online.flush()]
    >>> bool((np.concatenate(blocks) == spec(y)).all())
    True
    """

    # The attributes stand in stream.pxd.

    def __init__(self, spec: object, front: object, steps: list, streams: int, on_nonfinite: str = "raise") -> None:
        self.spec = spec
        self.streams = streams
        self.on_nonfinite = on_nonfinite
        self.frames_out = 0
        self.piece = PIECE_FRAMES * spec.hop_length
        self.become(front, steps)

    cdef become(self, object front, list steps):
        self.front = front
        self.frames = front if isinstance(front, FrameStream) else None
        self.steps = steps
        self.later = front.fuse(steps)

    cdef acquire(self):
        if not try_acquire(&self.busy):
            raise StreamStateError("stream is in use by another thread; give each thread its own stream")

    cdef cnp.ndarray advance(self, object samples):
        """What `process` returns; for an owner that lets only one thread in."""
        if cnp.PyArray_Check(samples) and cnp.PyArray_SIZE(samples) > self.piece * max(self.streams, 1):
            return self.in_pieces(samples)
        return self.piece_of(samples)

    cdef cnp.ndarray checked(self, object samples):
        """Raise what `advance` would raise about `samples`; returns them as `advance_to` takes them, or None: it cannot."""
        if self.frames is None or self.later or (cnp.PyArray_Check(samples) and cnp.PyArray_SIZE(samples) > self.piece):
            self.front.check(samples)
            return None
        self.frames.refuse_if_flushed()
        return self.frames.checked(samples)

    cdef int advance_to(self, cnp.ndarray samples, float* out) except -1:
        """`advance` for samples that have been checked, which writes the frames, `self.frames.frames_due`, to `out`."""
        cdef Py_ssize_t before = self.frames.frames_out
        self.frames.feed_to(samples, out)
        self.frames_out += self.frames.frames_out - before
        return 0

    cdef cnp.ndarray in_pieces(self, object samples):
        """A long block, looking for signals such as Ctrl-C between pieces; if one raises, the stream is as it was."""
        cdef bytes before
        self.front.check(samples)
        before = self.saved()
        parts = []
        try:
            for first in range(0, samples.shape[-1], self.piece):
                parts.append(self.piece_of(samples[..., first : first + self.piece]))
                PyErr_CheckSignals()
        except BaseException:
            self.replace(self.twin(before))
            raise
        return np.concatenate(parts, axis=-2)

    cdef cnp.ndarray piece_of(self, object samples):
        cdef cnp.ndarray out = self.front.process(samples) if self.frames is None else self.frames.advance(samples)
        if self.later:
            out = self.after(out, False)
        self.frames_out += cnp.PyArray_DIM(out, cnp.PyArray_NDIM(out) - 2)
        return out

    cdef cnp.ndarray after(self, cnp.ndarray frames, bint ended):
        """Apply the later steps to the front end's frames."""
        x = frames if self.streams else frames[np.newaxis]
        for step in self.later:
            x = run_out(step, x) if ended else step.process(x)
        return x if self.streams else x[0]

    def process(self, samples: np.ndarray) -> np.ndarray:
        """Feed the next samples; returns the completed frames.

        Parameters
        ----------
        samples
            float32, (n,), or (streams, n) if the stream was made for several signals; n >= 0. `MicroFrontend` takes int16,
            too.

        Returns
        -------
        (m, out_channels), or (streams, m, out_channels); float32.

        Raises
        ------
        ParameterError, ArrayTypeError
            Wrong shape, dtype or values; the stream is unchanged.
        StreamStateError
            Another thread is using the stream, or it was flushed and not reset.
        """
        self.acquire()
        try:
            return self.advance(samples)
        finally:
            release(&self.busy)

    def flush(self) -> np.ndarray:
        """End the signal; returns the frames held back by padding or deltas. Afterwards the stream must be `reset`."""
        self.acquire()
        try:
            frames = self.after(self.front.flush(), True)
            self.frames_out += cnp.PyArray_DIM(frames, cnp.PyArray_NDIM(frames) - 2)
            return frames
        finally:
            release(&self.busy)

    def reset(self) -> None:
        """Start over: the next sample is the first."""
        self.acquire()
        try:
            self.front.reset()
            for step in self.steps:
                step.reset()
            self.frames_out = 0
        finally:
            release(&self.busy)

    def check(self, samples: np.ndarray) -> None:
        """Raise what `process` would raise about the values, shape and dtype of `samples`."""
        self.front.check(samples)

    def snapshot(self) -> bytes:
        """The state of the stream as bytes, the same for any partition of the signal into blocks.

        Examples
        --------
        >>> import numpy as np, wavenetlite as wl
        >>> spec = wl.LogMel(n_mels=40).then(wl.features.Deltas(width=5))
        >>> y = np.random.default_rng(0).standard_normal(4000, dtype=np.float32)
        >>> online, other = spec.stream(), spec.stream()
        >>> frames = online.process(y[:1234])
        >>> other.restore(online.snapshot())
        >>> bool((other.process(y[1234:]) == online.process(y[1234:])).all())
        True
        """
        self.acquire()
        try:
            return self.saved()
        finally:
            release(&self.busy)

    def restore(self, snapshot: object) -> None:
        """Restore the state of a snapshot; the present state is discarded.

        Parameters
        ----------
        snapshot
            A snapshot of a stream of the same spec for the same number of signals.

        Raises
        ------
        SnapshotError
            It is not a snapshot, truncated, damaged, of another format or of other features; the stream is unchanged.
        StreamStateError
            Another thread is using the stream.
        """
        self.acquire()
        try:
            self.replace(self.twin(snapshot))
        finally:
            release(&self.busy)

    def fork(self) -> FeatureStream:
        """An independent copy of the stream."""
        self.acquire()
        try:
            return self.twin(self.saved())
        finally:
            release(&self.busy)

    def __reduce__(self) -> object:
        raise StreamStateError(
            "a stream cannot be copied or pickled; use fork() or snapshot(), or make another with spec.stream()"
        )

    cdef replace(self, FeatureStream twin):
        self.front, self.frames, self.steps, self.later = twin.front, twin.frames, twin.steps, twin.later
        self.frames_out = twin.frames_out

    cdef bytes saved(self):
        parts = [self.front.save(), *(step.save() for step in self.steps)]
        return seal("features", self.spec.fingerprint, STATE.pack(self.streams, self.frames_out), *parts)

    cdef FeatureStream twin(self, object snapshot):
        """A new stream restored from a snapshot."""
        cdef FeatureStream twin = self.spec.stream(streams=self.streams or None, on_nonfinite=self.on_nonfinite)
        twin.load(snapshot)
        return twin

    cdef load(self, object snapshot):
        """Resume from a snapshot; only on a new stream, which is useless if this raises."""
        head, front, *steps = unseal("features", self.spec.fingerprint, snapshot, 2 + len(self.steps), UNFIT)
        streams, frames_out = STATE.unpack(head) if len(head) == STATE.size else (-1, -1)
        if streams != self.streams:
            raise SnapshotError(f"snapshot is of streams={streams or None}; it must be {self.streams or None}")
        if not 0 <= frames_out < 2**60:
            raise SnapshotError(UNFIT)
        self.front.load(front)
        for step, state in zip(self.steps, steps, strict=True):
            step.load(state)
        self.frames_out = frames_out

    @property
    def samples_in(self) -> int:
        """Samples fed since the start or the last reset, of each signal."""
        return self.front.samples_in

    @property
    def latency(self) -> int:
        """Frames of lookahead before frame n is returned."""
        return self.spec.latency
