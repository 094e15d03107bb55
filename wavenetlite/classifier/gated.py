"""A classifier that runs only where a voice activity detector hears speech."""

from __future__ import annotations

import math
from typing import Any

from wavenetlite.classifier.gated_pool import GatedPool
from wavenetlite.classifier.gated_stream import GatedStream
from wavenetlite.classifier.gating import Gating, receptive_samples
from wavenetlite.detection.gate import Gate
from wavenetlite.support.arrays import NonFinite
from wavenetlite.support.errors import ArrayTypeError, ParameterError

DEFAULT_WARM_S = 2.0
"""What is replayed before speech if the receptive field is infinite."""


class GatedClassifier:
    """A classifier whose features and network run only while a detector hears speech; made by ``clf.gated(vad)``.

    When the detector's gate opens, the classifier is fed what came before, too: `Gate.lead_ms` of audio that is heard
    as the speech is, and before it the receptive field of the classifier, so that it remembers what it would remember.

    What is guaranteed: which frames are heard, their probabilities and the events do not depend on the partition of the
    signal into blocks, and are the same in a pool, or after a snapshot. If `exact`, the probabilities of the frames
    heard have the bits of the classifier's own stream. The events are those of its detector over them, with probability
    0 for all labels in frames that are not heard: a run of frames that lies within speech gives the same event, unless
    a frame that was not heard would have begun the run, counted in its moving average or had an event less than the
    refractory time before.

    Parameters
    ----------
    classifier
        What is to be run.
    vad
        A classifier with background labels, such as ``wl.load("voice-activity")`` or a file of silero-vad: speech is
        what is not background. At another sample rate it gets the signal resampled.
    gate
        When speech begins and ends; None: ``Gate()`` at the threshold and release of the vad's own detector.

    Attributes
    ----------
    exact
        Whether the receptive field is finite, and with it the promise about bits.
    warm_samples
        How much of the past is fed to the classifier before what is heard.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> clf = wl.load("speech-commands-12")
    >>> gated = clf.gated(wl.load("voice-activity"))
    >>> stream = gated.stream()
    >>> events = stream.process(np.zeros(32000, np.float32)) + stream.flush()
    >>> events, stream.heard_s, gated.exact
    ([], 0.0, True)
    """

    def __init__(self, classifier: Any, vad: Any, gate: Gate | None = None) -> None:
        if not vad.background:
            raise ParameterError("vad has no background label; speech is what is not background")
        if gate is None:
            gate = Gate(vad.detector.threshold, vad.detector.release)
        if not isinstance(gate, Gate):
            raise ArrayTypeError(f"gate is a {type(gate).__name__}; it must be a Gate or None")
        self.classifier, self.vad, self.gate = classifier, vad, gate
        reach = receptive_samples(classifier)
        self.exact = reach != math.inf
        warm = reach if self.exact else DEFAULT_WARM_S * classifier.sr
        self.warm_samples = max(int(warm), classifier.timing.clip)
        self.gating = Gating(classifier, vad, gate, self.warm_samples)

    @property
    def labels(self) -> list[str]:
        """The classifier's labels."""
        return list(self.classifier.labels)

    @property
    def background(self) -> tuple[str, ...]:
        """Those of them that give no events."""
        return tuple(self.classifier.background)

    @property
    def sr(self) -> int:
        """Sample rate, Hz."""
        return int(self.classifier.sr)

    def stream(self, *, on_nonfinite: NonFinite = "raise") -> GatedStream:
        """A new stream; see :class:`GatedStream`."""
        return GatedStream(self.gating, on_nonfinite)

    def pool(self, capacity: int, *, threads: int = 1, on_nonfinite: NonFinite = "raise") -> GatedPool:
        """A new pool for many signals at once; see :class:`GatedPool`.

        Parameters
        ----------
        capacity
            Signals that can be open at the same time.
        threads
            Threads that share a network's work in a call; results do not depend on it.
        on_nonfinite
            As in `AudioClassifier.pool`.
        """
        return GatedPool(self.gating, capacity, threads=threads, on_nonfinite=on_nonfinite)

    def __repr__(self) -> str:
        return f"GatedClassifier({self.classifier!r}, vad={self.vad!r}, gate={self.gate!r})"
