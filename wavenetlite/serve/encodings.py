"""How clients write samples: mono, little-endian, 16-bit integers or 32-bit floats."""

from __future__ import annotations

from dataclasses import dataclass

from wavenetlite.support.errors import ParameterError


@dataclass(frozen=True)
class Encoding:
    """Samples as bytes; `serve.inbox` decodes them: float32 in -1..1, 16-bit integers divided by 32768."""

    name: str
    sample_bytes: int


ENCODINGS = {"pcm16": Encoding("pcm16", 2), "float32": Encoding("float32", 4)}


def encoding(name: str) -> Encoding:
    if name not in ENCODINGS:
        raise ParameterError(f"format={name!r} must be one of {', '.join(ENCODINGS)}")
    return ENCODINGS[name]
