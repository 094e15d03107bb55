"""pymicro-features: TensorFlow Lite's `microfrontend`, which takes the bytes of 10 ms a call."""

from collections.abc import Sequence

import numpy as np
from pymicro_features import MicroFrontend


class Live:
    """One stream, fed on and on; the frames that the chunks complete, one by one."""

    def __init__(self) -> None:
        self._frontend = MicroFrontend()

    def __call__(self, chunks: Sequence[bytes]) -> list[list[float]]:
        process = self._frontend.process_samples
        return [found for chunk in chunks if (found := process(chunk).features)]


def frames(chunks: Sequence[bytes]) -> np.ndarray:
    """The frames of a signal from its beginning."""
    return np.array(Live()(chunks), np.float32)
