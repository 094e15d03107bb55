import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Floats

Pair = tuple[int, int]

def convolve(
    value: Floats,
    filters: Floats,
    bias: Floats | None,
    depthwise: bool,
    origin: Pair,
    spacing: Pair,
    strides: Pair,
    out: Floats,
) -> None: ...
def filters_gradient(
    value: Floats,
    upstream: Floats,
    depthwise: bool,
    origin: Pair,
    spacing: Pair,
    strides: Pair,
    out: npt.NDArray[np.float64],
) -> None: ...
