from typing import final

import numpy as np
import numpy.typing as npt

_Floats = npt.NDArray[np.float32]
_Doubles = npt.NDArray[np.float64]

@final
class Scanner:
    def __init__(
        self,
        thresholds: _Doubles,
        releases: _Doubles,
        *,
        smoothing: int,
        duration: int,
        refractory: int,
        name: str = "scores",
    ) -> None: ...
    def reset(self) -> None: ...
    @property
    def frames(self) -> int: ...
    def process(self, scores: _Floats) -> list[tuple[int, float, int, int]]: ...

@final
class LogSoftmaxSums:
    def __init__(self, labels: int) -> None: ...
    def reset(self) -> None: ...
    @property
    def frames(self) -> int: ...
    def add(self, logits: _Floats) -> None: ...
    def probabilities(self) -> _Floats: ...
