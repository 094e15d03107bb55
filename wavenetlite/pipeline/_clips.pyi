from wavenetlite.audio import Mono
from wavenetlite.features.stream import FeatureStream
from wavenetlite.support.arrays import Doubles, Floats

MOST_LANES: int
MOST_BYTES: int

Made = tuple[int, int, str, list[tuple[int, Doubles, Doubles]]]

class ClipReader:
    def __init__(
        self, onlines: list[FeatureStream], *, sr: int, max_s: float, most_samples: int, mono: Mono
    ) -> None: ...
    def compute(
        self, paths: list[bytes | None], contents: list[bytes]
    ) -> list[tuple[str, int, int, int, float, list[Made]] | None]: ...
    def rows(self, lane: int, first: int, count: int) -> Floats: ...

def computes(online: object) -> bool: ...
