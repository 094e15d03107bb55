"""Packing of integer weights into the layout of integer.pxi.in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from wavenetlite.kernels import INTEGER_UNIT, vector_width

Bytes = npt.NDArray[np.int8]

MOST_ROWS = 24
"""Rows whose inputs are laid out at a time: whole tiles of 12, 8 and 6,"""
LAID_OUT_BYTES = 2**16
"""that take at most about this much: they stay in the caches."""

PANEL_SIZES = 7
"""Sizes of a panel."""


class PackedIntegers(NamedTuple):
    """Weights and bias as the kernel reads them, and what says where."""

    weights: npt.NDArray[Any]
    bias: npt.NDArray[np.int32]
    channels: int  # of the bias and the tables
    rows: int  # that are computed at a time
    units: int  # in a row
    panels: tuple[int, ...] = ()  # sizes of each
    scratch: int = 0  # floats


def group_begins(channels: int, groups: int, per_group: int) -> list[int]:
    """For each output channel of a grouped convolution the first of the input channels that it reads."""
    return [out // (channels // groups) * per_group for out in range(channels)]


def pack_integer_conv(weight: Bytes, begins: Sequence[int], inputs: int, bias: npt.NDArray[np.int64]) -> PackedIntegers:
    """Pack weights (channels, window, taps) and the folded bias.

    Output o reads a window of the `inputs` channels of a frame, from channel ``begins[o]`` on.
    """
    channels, _, taps = weight.shape
    row_units, lanes = -(-inputs // INTEGER_UNIT), vector_width()
    blocks: list[Bytes] = []
    panels: list[int] = []
    first = 0
    while first < channels:
        vectors, block, start = next_panel(weight, begins, first)
        length = block.shape[1]
        whole = length == row_units  # all taps are one segment
        segments = (1, taps * length) if whole else (taps, length)
        panels += [vectors, first, *segments, row_units, start, sum(one.size for one in blocks)]
        blocks.append(block)
        first += vectors * lanes
    rows = max(1, min(MOST_ROWS, LAID_OUT_BYTES // (4 * taps * row_units) // 6 * 6))
    if INTEGER_UNIT == 4:  # the kernel adds 128 to x; sums have 32 bits and are right whatever overflows in between
        bias = bias - 128 * weight.reshape(channels, -1).sum(axis=1, dtype=np.int64)
    return PackedIntegers(
        weights=np.concatenate([block.ravel() for block in blocks]),
        bias=whole_row(bias, first),
        channels=first,
        rows=rows,
        units=row_units,
        panels=tuple(panels),
        scratch=rows * taps * row_units + 2 * lanes,
    )


def next_panel(weight: Bytes, begins: Sequence[int], first: int) -> tuple[int, Bytes, int]:
    """The vectors of the panel of the outputs from `first` on, its weights, and the first unit of inputs they read.

    These are as many as are filled, if they all read what two would read.
    """
    lanes, left = vector_width(), len(weight) - first
    vectors = 2 if left > lanes else 1
    block, start = panel_block(weight, begins, first, vectors * lanes)
    for wide in (8, 4):
        if left > (wide - 1) * lanes:
            wider, also = panel_block(weight, begins, first, wide * lanes)
            if (also, wider.shape[1]) == (start, block.shape[1]):
                return wide, wider, start
    return vectors, block, start


def panel_block(weight: Bytes, begins: Sequence[int], first: int, width: int) -> tuple[Bytes, int]:
    """Weights (taps, units, width, UNIT) of the outputs from `first` on, and the first unit of inputs they read."""
    channels, window, taps = weight.shape
    outs = range(first, min(first + width, channels))
    start = min(begins[out] for out in outs) // INTEGER_UNIT
    length = -(-(max(begins[out] for out in outs) + window) // INTEGER_UNIT) - start
    block = np.zeros((taps, INTEGER_UNIT * length, width), np.int8)
    for out in outs:
        at = begins[out] - INTEGER_UNIT * start
        block[:, at : at + window, out - first] = weight[out].T
    return np.ascontiguousarray(block.reshape(taps, length, INTEGER_UNIT, width).swapaxes(2, 3)), start


def whole_row(bias: npt.NDArray[np.int64], size: int) -> npt.NDArray[np.int32]:
    """The bias modulo 2**32, and zeros to the end of the last panel."""
    row = np.zeros(size, np.int64)
    row[: len(bias)] = bias
    return row.astype(np.int32)


def pack_integer_depthwise(weight: Bytes, bias: npt.NDArray[np.int64]) -> PackedIntegers:
    """Pack weights (channels, 1, taps) and the folded bias."""
    channels, _, taps = weight.shape
    size = -(-channels // vector_width()) * vector_width()
    table = np.zeros((-(-taps // 2) * 2, size), np.int16)
    table[:taps, :channels] = weight[:, 0].T
    pairs = table.reshape(-1, 2, size).swapaxes(1, 2)
    return PackedIntegers(np.ascontiguousarray(pairs), whole_row(bias, size), size, MOST_ROWS, size)
