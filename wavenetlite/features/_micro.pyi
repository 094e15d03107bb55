from typing import Any, final

import numpy as np
import numpy.typing as npt

from wavenetlite.features._frames import FrontEnd

_Integers = npt.NDArray[np.signedinteger[Any] | np.unsignedinteger[Any]]

@final
class MicroFrontEnd(FrontEnd):
    def __init__(
        self,
        *,
        hop_length: int,
        window: _Integers,
        twiddles: _Integers,
        halves: _Integers,
        points: int,
        bands: _Integers,
        smoothing: tuple[int, int],
        remaining: int,
        gains: _Integers | None,
        logs: _Integers | None,
        gain_shift: int,
        log_shift: int,
    ) -> None: ...
