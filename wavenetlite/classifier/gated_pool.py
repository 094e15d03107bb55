"""Many signals at once through a gated classifier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from wavenetlite.classifier.event import Event
from wavenetlite.classifier.gated_stream import GatedStream, unsealed
from wavenetlite.classifier.gating import Gating
from wavenetlite.classifier.pool import ClassifierPool
from wavenetlite.support.arrays import Doubles, Floats, NonFinite
from wavenetlite.support.errors import ArrayTypeError, StreamStateError, WavenetliteError
from wavenetlite.support.one_thread import OneThread


class PooledClassifier:
    """One signal of a `ClassifierPool`, with the interface of a `ClassifierStream`."""

    def __init__(self, pool: ClassifierPool, snapshot: bytes | None = None) -> None:
        self.pool, self.sid = pool, pool.open(snapshot=snapshot)

    def process(self, samples: Floats) -> list[Event]:
        return self.pool.process({self.sid: samples})[self.sid]

    def flush(self) -> list[Event]:
        return self.pool.flush(self.sid)

    def reset(self) -> None:
        self.pool.reset(self.sid)

    def close(self) -> None:
        self.pool.close(self.sid)

    def snapshot(self) -> bytes:
        return self.pool.snapshot(self.sid)

    def restore(self, snapshot: bytes) -> None:
        self.pool.restore(self.sid, snapshot)

    @property
    def usable(self) -> bool:
        """Whether it did not fail."""
        try:
            self.snapshot()
        except StreamStateError:
            return False
        return True

    @property
    def probabilities(self) -> Floats:
        return self.pool.probabilities(self.sid)

    @property
    def frames_out(self) -> int:
        return self.pool.frames_out(self.sid)

    @property
    def samples_in(self) -> int:
        return self.pool.samples_in(self.sid)


class GatedPool:
    """Many signals processed by one gated classifier; made by ``gated.pool(capacity)``.

    Every signal is identified by the id that `open` returns. What is heard of it, its events and probabilities are
    bit-identical to those of a :class:`GatedStream` of its own. The vad runs for all signals together, and then the
    classifier for those in which somebody speaks. A call validates its arguments first: if they are invalid, nothing
    has changed. An id is never reused. A pool serves one thread at a time; another gets a `StreamStateError`.

    If a network overflows float32 on finite samples, the call raises and names the signal, which then raises until it
    is `reset` or closed. The other signals have been fed; their events are returned by their next call.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> gated = wl.load("speech-commands-12").gated(wl.load("voice-activity"))
    >>> pool = gated.pool(8)
    >>> a, b = pool.open(), pool.open()
    >>> pool.process({a: np.zeros(16000, np.float32), b: np.zeros(320, np.float32)}) == {a: [], b: []}
    True
    >>> pool.heard_s(a)
    0.0
    """

    def __init__(self, gating: Gating, capacity: int, *, threads: int = 1, on_nonfinite: NonFinite = "raise") -> None:
        self.gating, self.on_nonfinite = gating, on_nonfinite
        self.vads: ClassifierPool = gating.vad.pool(capacity, threads=threads, on_nonfinite=on_nonfinite)
        self.owns: ClassifierPool = gating.classifier.pool(capacity, threads=threads, on_nonfinite=on_nonfinite)
        self.members: dict[int, GatedStream] = {}
        self.pending: dict[int, list[Event]] = {}  # events of calls that raised because of another signal
        self.alone = OneThread("pool")

    # Signals

    def open(self, *, snapshot: bytes | bytearray | memoryview | None = None) -> int:
        """A new signal; returns its id.

        Parameters
        ----------
        snapshot
            A snapshot of a stream or pool of the same gated classifier: the signal resumes from there.

        Raises
        ------
        StreamStateError
            The pool is full.
        SnapshotError
            The snapshot is invalid, damaged, or of another classifier; nothing has been opened.
        """
        with self.alone, ExitStack() as undoing:
            parts = None if snapshot is None else unsealed(self.gating, snapshot)
            vad = PooledClassifier(self.vads, None if parts is None else parts[1])
            undoing.callback(vad.close)
            own = PooledClassifier(self.owns, None if parts is None else parts[2])
            undoing.callback(own.close)
            stream = GatedStream(self.gating, self.on_nonfinite, vad, own)
            if parts is not None:
                head, _, _, scanner, past = parts
                stream.load(head, scanner, past)
            undoing.pop_all()
            self.members[vad.sid] = stream
            return vad.sid

    def close(self, sid: int) -> None:
        """Close a signal without flushing: its id becomes invalid."""
        with self.alone:
            member = self.member(sid)
            member.vad.close()
            member.own.close()
            del self.members[sid]
            self.pending.pop(sid, None)

    def reset(self, sid: int) -> None:
        """Start a signal over: the next sample is the first."""
        with self.alone:
            self.member(sid).reset()
            self.pending.pop(sid, None)

    def snapshot(self, sid: int) -> bytes:
        """The state of a signal as bytes, the same as of `GatedStream.snapshot`.

        Events still pending from a call that raised are not included.
        """
        with self.alone, naming(sid):
            return self.member(sid).snapshot()

    def restore(self, sid: int, snapshot: bytes | bytearray | memoryview) -> None:
        """Restore a signal from a snapshot; see `GatedStream.restore`."""
        with self.alone:
            self.member(sid).restore(snapshot)
            self.pending.pop(sid, None)

    def fork(self, sid: int) -> int:
        """Open a copy of a signal; returns its id."""
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
        Lists of events by id: what `GatedStream.process` returns.

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
            given = {}
            for sid, block in samples.items():
                member = self.member(sid)
                with naming(sid):
                    given[sid] = member.checked(block)
            return self.hear(given)

    def hear(self, given: dict[int, Floats]) -> dict[int, list[Event]]:
        """The vad for all signals, then, as long as there are spans of speech, the classifier for the next of each."""
        members = {sid: self.members[sid] for sid in given}
        for member in members.values():
            member.failed = True  # until all is done
        errors = feed(members, self.vads, "vad", {sid: one.for_vad(given[sid]) for sid, one in members.items()})
        following = {}
        for sid, member in members.items():
            member.keep(given[sid])
            following[sid] = member.spoken_spans()
        events: dict[int, list[Event]] = {sid: [] for sid in members}
        while spans := {sid: until for sid, ends in following.items() if (until := next(ends, None)) is not None}:
            errors += feed(members, self.owns, "own", {sid: members[sid].piece(until) for sid, until in spans.items()})
            following = {sid: following[sid] for sid in spans if sid in members}
            for sid in following:
                events[sid] += members[sid].heard(spans[sid])
        for member in members.values():
            member.failed = False
        made = {sid: self.pending.pop(sid, []) + events[sid] for sid in members}
        if errors:
            self.pending |= {sid: some for sid, some in made.items() if some}
            raise errors[0]
        return made

    def flush(self, sid: int) -> list[Event]:
        """End a signal; returns its pending events, as `GatedStream.flush`. Then reset or close it."""
        with self.alone, naming(sid):
            events = self.member(sid).flush()
            return self.pending.pop(sid, []) + events

    # Results

    def probabilities(self, sid: int) -> Floats:
        """Probabilities of the frames heard in the signal's last call, (frames, labels) float32."""
        with self.alone:
            return self.member(sid).probabilities

    def frame_numbers(self, sid: int) -> np.ndarray:
        """Their numbers: those that the frames have in a stream of the classifier itself."""
        with self.alone:
            return self.member(sid).frame_numbers

    def frame_times_s(self, sid: int) -> Doubles:
        """The end of the audio that each of them covers, seconds from the first sample."""
        with self.alone:
            return self.member(sid).frame_times_s

    def samples_in(self, sid: int) -> int:
        """Samples fed to a signal since it was opened or last reset."""
        with self.alone:
            return self.member(sid).samples_in

    def heard_s(self, sid: int) -> float:
        """Seconds of a signal that were heard as speech so far."""
        with self.alone:
            return self.member(sid).heard_s

    @property
    def capacity(self) -> int:
        """Signals that can be open at the same time."""
        return self.vads.capacity

    @property
    def ids(self) -> list[int]:
        """Ids of the open signals."""
        return self.vads.ids

    def __len__(self) -> int:
        return len(self.vads)

    def __contains__(self, sid: object) -> bool:
        return sid in self.vads

    def __repr__(self) -> str:
        return f"GatedPool({len(self)} of {self.capacity} signals open, {len(self.gating.classifier.labels)} labels)"

    def __reduce__(self) -> Any:
        raise StreamStateError("a pool cannot be copied or pickled; make another with gated.pool()")

    def member(self, sid: int) -> GatedStream:
        self.vads.frames_out(sid)  # raises unless it is the id of an open signal
        return self.members[sid]


def feed(
    members: dict[int, GatedStream], pool: ClassifierPool, part: str, blocks: dict[int, Floats]
) -> list[WavenetliteError]:
    """Feed a part of some signals together; members that failed are taken out, and why they did is returned."""
    parts: dict[int, PooledClassifier] = {sid: getattr(members[sid], part) for sid in blocks}
    try:
        pool.process({parts[sid].sid: block for sid, block in blocks.items()})
    except WavenetliteError as error:
        for sid, one in parts.items():
            if not one.usable:
                del members[sid]
        return [error]
    return []


@contextmanager
def naming(sid: int) -> Iterator[None]:
    """Name the signal in errors that do not."""
    try:
        yield
    except WavenetliteError as error:
        if str(error).startswith((f"stream {sid}:", f"sid={sid} ")):
            raise
        raise type(error)(f"stream {sid}: {error}") from None
