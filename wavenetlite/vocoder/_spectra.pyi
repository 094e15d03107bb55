import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Doubles, Floats

LOOKAHEAD: int

class PhaseSearch:
    n: int
    bins: int
    hop: int
    lookahead: int
    iterations: int
    reach: int
    momentum: float
    def __init__(self, window: Doubles, hop_length: int, lookahead: int, iterations: int, momentum: float) -> None: ...
    def new_state(self) -> Doubles: ...
    def process(self, state: Doubles, magnitudes: Floats) -> Doubles: ...
    def flush(self, state: Doubles, more: int) -> Doubles: ...

def fitted(powers: Floats, bands: Floats, basis: Doubles, spans: npt.NDArray[np.intp], rounds: int) -> Floats: ...
