"""How clients write samples: mono, little-endian, 16-bit integers or 32-bit floats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError


@dataclass(frozen=True)
class Encoding:
    """Samples as bytes."""

    name: str
    dtype: np.dtype[Any]
    sample_bytes: int
    scale: np.float32

    def decode(self, data: bytes) -> Floats:
        """float32 samples in -1..1; 16-bit integers are divided by 32768."""
        samples = np.frombuffer(data, self.dtype)
        return samples.astype(np.float32) / self.scale

    def check(self, data: bytes) -> None:
        if len(data) % self.sample_bytes:
            raise ParameterError(
                f"message has {len(data)} bytes; a message of format={self.name} must have whole samples of"
                f" {self.sample_bytes} bytes"
            )


ENCODINGS = {
    "pcm16": Encoding("pcm16", np.dtype("<i2"), 2, np.float32(32768)),
    "float32": Encoding("float32", np.dtype("<f4"), 4, np.float32(1)),
}


def encoding(name: str) -> Encoding:
    if name not in ENCODINGS:
        raise ParameterError(f"format={name!r} must be one of {', '.join(ENCODINGS)}")
    return ENCODINGS[name]
