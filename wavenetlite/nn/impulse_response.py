"""A long impulse response, as of a loudspeaker cabinet or a room."""

from __future__ import annotations

from typing import Any

import numpy as np

from wavenetlite import nodes
from wavenetlite.graph import Node
from wavenetlite.nn.module import Module
from wavenetlite.nn.torch_twin import functional, over_time
from wavenetlite.support.checks import positive_int

MOST_TAPS = 2**22


class ImpulseResponse(Module):
    """Convolution of one channel with an impulse response: ``y[n] = sum_k weight[k] x[n - k]``, without latency.

    The first 256 taps are summed directly, the others by Fourier transforms on a grid that begins with the signal: a
    second at 48 kHz costs some 1,000 products a sample instead of 48,000, and the bits are the same in any blocks.

    Parameters
    ----------
    length
        Taps, 1 to 4,194,304.

    Notes
    -----
    Parameter: ``weight`` (length,), initially 1, 0, 0, ...: the signal as it is. Computed in double precision. It
    cannot be trained. Gardner, "Efficient convolution without input-output delay", 1995.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> echo = wl.nn.ImpulseResponse(3)
    >>> echo.load_state_dict({"weight": np.array([1, 0, 0.5], np.float32)})
    >>> echo(np.array([[1], [2], [3], [4]], np.float32)).ravel().tolist()
    [1.0, 2.0, 3.5, 5.0]
    """

    def __init__(self, length: int) -> None:
        self.length = positive_int("length", length, MOST_TAPS)
        self.in_channels = self.out_channels = 1

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"weight": (self.length,)}

    def draw(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        first = np.zeros(shape)
        first[0] = 1
        return first

    def build(self, x: Node, c: Node | None) -> Node:
        return nodes.impulse_response(x, self.parameter("weight"))

    def torch_forward(self, twin: Any, x: Any) -> Any:
        taps = twin.weight.flip(0)[None, None]
        return over_time(lambda x: functional().conv1d(functional().pad(x, (self.length - 1, 0)), taps), x)
