"""Digests of data: whether it is still what it was."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

import numpy as np


def digest(*values: Any) -> str:
    """One digest of arrays (their dtype, shape and bytes) and of plain values (as JSON).

    An array may come in ``pieces()``, rows that are read one after the other; the digest is that of the whole.
    """
    state = blake2b(digest_size=16)
    for value in values:
        pieces = getattr(value, "pieces", None)
        if pieces is not None or (isinstance(value, np.ndarray) and not value.dtype.hasobject):
            state.update(f"{value.dtype.str}{value.shape}".encode())
            for piece in [value] if pieces is None else pieces():
                state.update(np.ascontiguousarray(piece).reshape(-1).view(np.uint8).data)
        else:
            plain = value.tolist() if isinstance(value, np.ndarray) else value
            state.update(json.dumps(plain, sort_keys=True, default=str).encode())
    return state.hexdigest()
