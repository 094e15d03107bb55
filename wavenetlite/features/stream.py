"""FeatureStream: streaming features of one signal, or of several in lockstep."""

from __future__ import annotations

from struct import Struct
from typing import Any, Literal, Protocol

import numpy as np

from wavenetlite.features._steps import UNFIT
from wavenetlite.features.steps import StepState, run_out
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import SnapshotError, StreamStateError
from wavenetlite.support.one_thread import OneThread
from wavenetlite.support.snapshots import pack, seal, unpack, unseal

STATE = Struct("<qq")


class Front(Protocol):
    """A front end: turns samples into frames, (frames, channels), or (streams, frames, channels) if streams > 0."""

    @property
    def samples_in(self) -> int: ...
    def fuse(self, states: list[StepState]) -> list[StepState]:
        """Run the first of these steps in the same call as the front end, as far as it can; returns the others."""

    def process(self, samples: Floats) -> Floats: ...
    def flush(self) -> Floats: ...
    def reset(self) -> None: ...
    def check(self, samples: Floats) -> object:
        """Raise what `process` would raise about `samples`."""

    def save(self) -> bytes: ...
    def load(self, state: bytes) -> None: ...


class Spec(Protocol):
    """What a stream needs of its features."""

    @property
    def fingerprint(self) -> bytes: ...
    @property
    def latency(self) -> int: ...
    def stream(self, *, streams: int | None, on_nonfinite: Literal["raise", "zero"]) -> FeatureStream: ...


class FeatureStream:
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

    def __init__(
        self,
        spec: Spec,
        front: Front,
        steps: list[StepState],
        streams: int,
        on_nonfinite: Literal["raise", "zero"] = "raise",
    ) -> None:
        self.spec = spec
        self.streams = streams
        self.on_nonfinite: Literal["raise", "zero"] = on_nonfinite
        self.frames_out = 0
        self._front = front
        self._steps = steps
        self._later = front.fuse(steps)  # the steps that are not run in the front end's call
        self._alone = OneThread("stream")

    def process(self, samples: Floats) -> Floats:
        """Feed the next samples; returns the completed frames.

        Parameters
        ----------
        samples
            float32, (n,), or (streams, n) if the stream was made for several signals; n >= 0.

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
        with self._alone:
            frames = self._front.process(samples)
            if self._later:
                frames = self._after(frames, ended=False)
            self.frames_out += frames.shape[-2]
            return frames

    def flush(self) -> Floats:
        """End the signal; returns the frames held back by padding or deltas. Afterwards the stream must be `reset`."""
        with self._alone:
            frames = self._after(self._front.flush(), ended=True)
            self.frames_out += frames.shape[-2]
            return frames

    def reset(self) -> None:
        """Start over: the next sample is the first."""
        with self._alone:
            self._front.reset()
            for step in self._steps:
                step.reset()
            self.frames_out = 0

    def check(self, samples: Floats) -> None:
        """Raise what `process` would raise about the values, shape and dtype of `samples`."""
        self._front.check(samples)

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
        with self._alone:
            return self._saved()

    def restore(self, snapshot: bytes | bytearray | memoryview) -> None:
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
        with self._alone:
            self._become(self._twin(snapshot))

    def fork(self) -> FeatureStream:
        """An independent copy of the stream."""
        with self._alone:
            return self._twin(self._saved())

    def __reduce__(self) -> Any:
        raise StreamStateError(
            "a stream cannot be copied or pickled; use fork() or snapshot(), or make another with spec.stream()"
        )

    def _saved(self) -> bytes:
        parts = [self._front.save(), *(step.save() for step in self._steps)]
        return seal("features", self.spec.fingerprint, pack(STATE.pack(self.streams, self.frames_out), *parts))

    def _twin(self, snapshot: object) -> FeatureStream:
        """A new stream restored from a snapshot."""
        twin = self.spec.stream(streams=self.streams or None, on_nonfinite=self.on_nonfinite)
        head, front, *steps = unpack(unseal("features", self.spec.fingerprint, snapshot), 2 + len(self._steps), UNFIT)
        streams, frames_out = STATE.unpack(head) if len(head) == STATE.size else (-1, -1)
        if streams != self.streams:
            raise SnapshotError(f"snapshot is of streams={streams or None}; it must be {self.streams or None}")
        if not 0 <= frames_out < 2**60:
            raise SnapshotError(UNFIT)
        twin._front.load(front)
        for step, state in zip(twin._steps, steps, strict=True):
            step.load(state)
        twin.frames_out = frames_out
        return twin

    def _become(self, twin: FeatureStream) -> None:
        self._front, self._steps, self._later = twin._front, twin._steps, twin._later
        self.frames_out = twin.frames_out

    @property
    def samples_in(self) -> int:
        """Samples fed since the start or the last reset, of each signal."""
        return self._front.samples_in

    @property
    def latency(self) -> int:
        """Frames of lookahead before frame n is returned."""
        return self.spec.latency

    def _after(self, frames: Floats, *, ended: bool) -> Floats:
        """Apply the steps to the front end's frames."""
        x = frames if self.streams else frames[np.newaxis]
        for step in self._later:
            x = run_out(step, x) if ended else step.process(x)
        return x if self.streams else x[0]
