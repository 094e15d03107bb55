"""Several byte strings as one, each after its length."""

from __future__ import annotations

from wavenetlite.support.errors import SnapshotError


def pack(*parts: bytes) -> bytes:
    """Concatenate the parts, each after its length in 8 bytes."""
    return b"".join(piece for part in parts for piece in (len(part).to_bytes(8, "little"), part))


def unpack(state: bytes, count: int, unfit: str) -> list[bytes]:
    """The `count` parts of what `pack` returned; raises SnapshotError(unfit) if they do not match it exactly."""
    parts, at = [], 0
    for _ in range(count):
        end = at + 8 + int.from_bytes(state[at : at + 8], "little")
        if at + 8 > len(state) or end > len(state):
            raise SnapshotError(unfit)
        parts.append(state[at + 8 : end])
        at = end
    if at != len(state):
        raise SnapshotError(unfit)
    return parts
