"""What all streams of a gated classifier share."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from wavenetlite.detection.gate import Gate
from wavenetlite.support.blake2 import blake2b


@dataclass(frozen=True, eq=False)
class Gating:
    """A classifier, the detector of speech that gates it, and how much of the past it is fed.

    Attributes
    ----------
    classifier, vad
        Both are an `AudioClassifier`.
    gate
        When speech begins and ends.
    warm
        Samples that are fed to the classifier before what is heard.
    """

    classifier: Any
    vad: Any
    gate: Gate
    warm: int

    @cached_property
    def spoken(self) -> list[int]:
        """Numbers of the vad's labels that are speech."""
        return [number for number, label in enumerate(self.vad.labels) if label not in self.vad.background]

    @property
    def resampled(self) -> bool:
        """Whether the vad has another sample rate."""
        return bool(self.classifier.sr != self.vad.sr)

    @cached_property
    def lead(self) -> int:
        """Samples that are heard before the frame that opened the gate."""
        return round(self.gate.lead_ms * int(self.classifier.sr) / 1000)

    @cached_property
    def past(self) -> int:
        """Samples that may be needed of what lies before the last decision."""
        return int(self.lead + self.warm + self.classifier.timing.period)

    @cached_property
    def clear(self) -> int:
        """Frames of zeros after which the classifier's detector has forgotten everything."""
        return int(self.limits["smoothing"] + self.limits["duration"] + self.limits["refractory"] + 1)

    @cached_property
    def limits(self) -> dict[str, Any]:
        """Arguments of the state of the classifier's detector."""
        limits: dict[str, Any] = self.classifier.design().limits
        return limits

    @cached_property
    def fingerprint(self) -> bytes:
        """Equal for gated classifiers of the same parts."""
        digest = blake2b(json.dumps(self.gate.config()).encode(), digest_size=16, person=b"wavenetlite gate")
        for part in (self.classifier, self.vad):
            digest.update(part.design().fingerprint)
        digest.update(str(self.warm).encode())
        return digest.digest()


def receptive_samples(classifier: Any) -> float:
    """How many samples a frame of probabilities depends on, at most; infinite with a memory without end."""
    features, model = classifier.features, classifier.model
    frames = features.reach + model.graph(features.out_channels).clock.receptive_field
    for step in features.all_steps:
        frames += step.reach
    return math.inf if frames == math.inf else float((frames - 1) * features.hop_length + features.frame_length)
