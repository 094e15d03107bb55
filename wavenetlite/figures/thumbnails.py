"""Frames as small pictures inside a page: PNG without any package."""

from __future__ import annotations

import struct
import zlib
from base64 import b64encode

import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Floats

COLOURS = np.array([(0, 0, 4), (60, 15, 110), (140, 41, 129), (222, 73, 104), (254, 159, 109), (252, 253, 191)])
"""From the lowest value to the highest; between them straight lines."""


def picture(values: Floats, low: float, high: float) -> str:
    """An image element of frames, (frames, channels): time to the right, channels upwards.

    Examples
    --------
    >>> import numpy as np
    >>> from wavenetlite.figures.thumbnails import picture
    >>> picture(np.zeros((3, 2), np.float32), 0.0, 1.0)[:32]
    '<img alt="" src="data:image/png;'
    """
    share = np.clip((values.T[::-1] - low) / max(high - low, 1e-9), 0, 1) * (len(COLOURS) - 1)
    marks = np.arange(len(COLOURS))
    pixels = np.stack([np.interp(share, marks, COLOURS[:, channel]) for channel in range(3)], -1)
    data = b64encode(png(np.rint(pixels).astype(np.uint8))).decode()
    return f'<img alt="" src="data:image/png;base64,{data}">'


def png(pixels: npt.NDArray[np.uint8]) -> bytes:
    """The PNG file of pixels, (height, width, 3)."""
    height, width, _ = pixels.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), pixels.reshape(height, 3 * width)], axis=1)
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
