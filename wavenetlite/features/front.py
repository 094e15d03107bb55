"""What a stream of features needs of its front end and its spec."""

from __future__ import annotations

from typing import Literal, Protocol

from wavenetlite.features.steps import StepState
from wavenetlite.features.stream import FeatureStream
from wavenetlite.support.arrays import Floats, Samples


class Front(Protocol):
    """A front end: turns samples into frames, (frames, channels), or (streams, frames, channels) if streams > 0."""

    @property
    def samples_in(self) -> int: ...
    def fuse(self, states: list[StepState]) -> list[StepState]:
        """Run the first of these steps in the same call as the front end, as far as it can; returns the others."""

    def process(self, samples: Samples) -> Floats: ...
    def flush(self) -> Floats: ...
    def reset(self) -> None: ...
    def check(self, samples: Samples) -> object:
        """Raise what `process` would raise about `samples`."""

    def save(self) -> bytes: ...
    def load(self, state: bytes) -> None: ...


class Spec(Protocol):
    """What a stream needs of its features."""

    @property
    def fingerprint(self) -> bytes: ...
    @property
    def hop_length(self) -> int: ...
    @property
    def latency(self) -> int: ...
    def stream(self, *, streams: int | None, on_nonfinite: Literal["raise", "zero"]) -> FeatureStream: ...
