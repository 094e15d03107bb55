import numpy as np
import numpy.typing as npt

def peak(y: npt.NDArray[np.floating]) -> float: ...
