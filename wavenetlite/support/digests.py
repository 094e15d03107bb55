"""Digests of data: whether it is still what it was."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

import numpy as np


def digest(*values: Any) -> str:
    """One digest of arrays (their dtype, shape and bytes) and of plain values (as JSON)."""
    state = blake2b(digest_size=16)
    for value in values:
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            state.update(f"{value.dtype.str}{value.shape}".encode())
            state.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
        else:
            plain = value.tolist() if isinstance(value, np.ndarray) else value
            state.update(json.dumps(plain, sort_keys=True, default=str).encode())
    return state.hexdigest()
