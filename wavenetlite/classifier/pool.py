"""ClassifierPool: many signals at once through one classifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.classifier.decision import Prediction
from wavenetlite.classifier.design import Design
from wavenetlite.classifier.stream import ClassifierStream, Event, NonFinite
from wavenetlite.classifier.timing import Timing
from wavenetlite.engine.pool import StreamPool
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ArrayTypeError, StreamStateError, WavenetliteError
from wavenetlite.support.one_thread import OneThread


class PooledNetwork:
    """One stream of a network pool, with the interface of a `Stream`."""

    def __init__(self, pool: StreamPool, sid: int) -> None:
        self.pool = pool
        self.sid = sid

    def process(self, frames: Floats) -> Floats:
        return self.pool.process({self.sid: frames})[self.sid]

    def flush(self) -> Floats:
        return self.pool.flush(self.sid)

    def reset(self) -> None:
        self.pool.reset(self.sid)

    def snapshot(self) -> bytes:
        return self.pool.snapshot(self.sid)

    def restore(self, snapshot: bytes) -> None:
        self.pool.restore(self.sid, snapshot)


class ClassifierPool:
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

    def __init__(self, design: Design, capacity: int, *, threads: int = 1, on_nonfinite: NonFinite = "raise") -> None:
        self._design = design
        self._network = StreamPool(
            design.network, capacity, threads=threads, on_nonfinite=on_nonfinite, name="features"
        )
        self._on_nonfinite: NonFinite = on_nonfinite
        self._members: dict[int, ClassifierStream] = {}
        self._pending: dict[int, list[Event]] = {}  # events of calls that raised because of another signal
        self._alone = OneThread("pool")

    @property
    def timing(self) -> Timing:
        """Labels of the probabilities, and where their frames lie in a signal."""
        return self._design.timing

    # Signals

    def open(self, *, snapshot: bytes | bytearray | memoryview | None = None) -> int:
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
        with self._alone:
            sid = self._network.open()
            try:
                network = PooledNetwork(self._network, sid)
                stream = ClassifierStream(self._design, on_nonfinite=self._on_nonfinite, network=network)
                if snapshot is not None:
                    stream.restore(snapshot)
            except BaseException:
                self._network.close(sid)
                raise
            self._members[sid] = stream
            return sid

    def close(self, sid: int) -> None:
        """Close a signal without flushing: its slot is freed and its id becomes invalid."""
        with self._alone:
            self._network.close(sid)
            del self._members[sid]
            self._pending.pop(sid, None)

    def reset(self, sid: int) -> None:
        """Start a signal over: the next sample is the first."""
        with self._alone:
            self._member(sid).reset()
            self._pending.pop(sid, None)

    def snapshot(self, sid: int) -> bytes:
        """The state of a signal as bytes, the same as of `ClassifierStream.snapshot`.

        Events still pending from a call that raised are not included.
        """
        with self._alone:
            return self._member(sid).snapshot()

    def restore(self, sid: int, snapshot: bytes | bytearray | memoryview) -> None:
        """Restore a signal from a snapshot; see `ClassifierStream.restore`."""
        with self._alone:
            self._member(sid).restore(snapshot)
            self._pending.pop(sid, None)

    def fork(self, sid: int) -> int:
        """Open a copy of a signal; returns its id.

        Raises
        ------
        StreamStateError
            The pool is full.
        """
        return self.open(snapshot=self.snapshot(sid))

    # Audio

    def process(self, samples: Mapping[int, Floats]) -> dict[int, list[Event]]:
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
        with self._alone:
            if not isinstance(samples, Mapping):
                raise ArrayTypeError(f"samples is a {type(samples).__name__}; it must be a dict of ids to arrays")
            given = list(samples.items())
            for sid, block in given:
                member = self._member(sid)
                with naming(sid):
                    member.check(block)
            return self._decide({sid: self._members[sid].extract(block) for sid, block in given})

    def _decide(self, frames: dict[int, Floats]) -> dict[int, list[Event]]:
        """Frames of features to events."""
        errors: list[WavenetliteError] = []
        try:
            logits = self._network.process(frames)
        except WavenetliteError:  # an overflow; no stream has been fed, so find out whose it is
            logits = {}
            for sid, some in frames.items():
                try:
                    logits |= self._network.process({sid: some})
                except WavenetliteError as error:
                    errors.append(error)
        events: dict[int, list[Event]] = {}
        for sid, scores in logits.items():
            try:
                with naming(sid):
                    events[sid] = self._pending.pop(sid, []) + self._members[sid].decide(scores)
            except WavenetliteError as error:
                errors.append(error)
        if errors:
            self._pending |= {sid: some for sid, some in events.items() if some}
            raise errors[0]
        return events

    def flush(self, sid: int) -> list[Event]:
        """End a signal; returns its pending events, as `ClassifierStream.flush`. Then reset or close it."""
        with self._alone:
            member = self._member(sid)
            with naming(sid):
                events = member.flush()
            return self._pending.pop(sid, []) + events

    # Results

    def prediction(self, sid: int) -> Prediction:
        """The prediction for a signal so far; see `ClassifierStream.prediction`."""
        with self._alone:
            member = self._member(sid)
            with naming(sid):
                return member.prediction()

    def probabilities(self, sid: int) -> Floats:
        """Probabilities of the frames completed by the signal's last call, (frames, labels) float32; read-only."""
        with self._alone:
            return self._member(sid).probabilities

    def frame_times_s(self, sid: int) -> npt.NDArray[np.float64]:
        """The end of the audio that each frame of `probabilities` covers, seconds from the first sample."""
        with self._alone:
            return self._member(sid).frame_times_s

    def frames_out(self, sid: int) -> int:
        """Frames of probabilities of a signal since it was opened or last reset."""
        with self._alone:
            return self._member(sid).frames_out

    def samples_in(self, sid: int) -> int:
        """Samples fed to a signal since it was opened or last reset."""
        with self._alone:
            return self._member(sid).samples_in

    @property
    def capacity(self) -> int:
        """Signals that can be open at the same time."""
        return self._network.capacity

    @property
    def ids(self) -> list[int]:
        """Ids of the open signals."""
        return self._network.ids

    def __len__(self) -> int:
        return len(self._network)

    def __contains__(self, sid: object) -> bool:
        return sid in self._network

    def __repr__(self) -> str:
        return f"ClassifierPool({len(self)} of {self.capacity} signals open, {len(self.timing.labels)} labels)"

    def __reduce__(self) -> Any:
        raise StreamStateError("a pool cannot be copied or pickled; make another with clf.pool()")

    def _member(self, sid: Any) -> ClassifierStream:
        self._network.frames_in(sid)  # raises unless it is the id of an open signal
        return self._members[sid]


@contextmanager
def naming(sid: int) -> Iterator[None]:
    """Name the signal in errors raised inside."""
    try:
        yield
    except WavenetliteError as error:
        raise type(error)(f"stream {sid}: {error}") from None
