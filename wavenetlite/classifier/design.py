"""The immutable part that all streams of a classifier share."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.classifier.decision import Decision
from wavenetlite.classifier.timing import Timing
from wavenetlite.detection.detector import Detector
from wavenetlite.detection.scanner import Scanner
from wavenetlite.engine.plan import Plan
from wavenetlite.features import Features
from wavenetlite.support.arrays import Floats
from wavenetlite.support.blake2 import blake2b


@dataclass(frozen=True, eq=False)
class Design:
    """Features, the compiled network and its softmax, the decision and the detector of a classifier.

    Attributes
    ----------
    features
        The spec.
    network
        The plan, with the model's weights at construction.
    softmax
        The plan that turns logits into probabilities; None: the network gives probabilities.
    timing
        Timing of the frames of probabilities.
    decision
        Name of the decision.
    background
        Labels that trigger no events.
    priors
        By label, the factor of its probability in predictions, where it is not 1.
    detector
        How probabilities become events.
    """

    features: Features
    network: Plan
    softmax: Plan | None
    timing: Timing
    decision: str
    background: tuple[str, ...]
    priors: Mapping[str, float]
    detector: Detector

    def same_as(self, other: Design) -> bool:
        """Whether both have the very same parts."""
        return all(getattr(self, part.name) is getattr(other, part.name) for part in fields(self))

    @cached_property
    def limits(self) -> dict[str, Any]:
        """Arguments of the detector's state."""
        return self.detector.limits(self.timing.labels, self.timing.frame_rate, self.background)

    def open_scanner(self) -> Scanner:
        """New state of the detector."""
        return Scanner(**self.limits, name="probabilities")

    @property
    def tail(self) -> int:
        """Samples of silence after a signal in which a word at its very end is heard.

        That is the latency, half a clip, as words stand in the middle of the clips that the network learned from, and
        the frames that the detector averages and waits for.
        """
        timing = self.timing
        frames = self.limits["smoothing"] + self.limits["duration"]
        return int(timing.ahead + timing.clip // 2 + frames * timing.period)

    @cached_property
    def foreground(self) -> npt.NDArray[np.uint8]:
        """For each label, whether it triggers events: 1 or 0."""
        return np.array([label not in self.background for label in self.timing.labels], np.uint8)

    @cached_property
    def factors(self) -> Floats | None:
        """For each label, the factor of its probability in predictions, by the largest; None: all are 1."""
        if not self.priors:
            return None
        given = np.array([self.priors.get(label, 1.0) for label in self.timing.labels], np.float64)
        by_largest: Floats = (given / given.max()).astype(np.float32)
        return by_largest

    @cached_property
    def none(self) -> Floats:
        """No frames of probabilities."""
        return np.zeros((0, len(self.timing.labels)), np.float32)

    @cached_property
    def first(self) -> int:
        """The first frame that the decision "peak" considers."""
        frames = self.features.frames(self.timing.clip)
        return max(0, self.network.output_frames(frames, ended=True) - 1) if frames else 0

    def open_decision(self) -> Decision:
        """New state of the decision."""
        return Decision(self.decision, self.foreground, self.first, self.factors)

    @cached_property
    def fingerprint(self) -> bytes:
        """Equal for classifiers with the same features, weights, labels, clip length, decision and detector."""
        timing = self.timing
        config: list[Any] = [timing.labels, self.decision, timing.clip, self.background, self.detector.config()]
        config += [sorted(self.priors.items())] if self.priors else []
        digest = blake2b(json.dumps(config, sort_keys=True).encode(), digest_size=16, person=b"wavenetlite clf")
        digest.update(self.features.fingerprint + self.network.fingerprint)
        return digest.digest()
