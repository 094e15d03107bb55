"""Run in its own process by test_ops_isa.py: outputs of convolutions of many shapes, in one .npz file."""

import itertools
import sys

import numpy as np
from ops_cases import normal

import wavenetlite as wl

ops = wl.ops
CHANNELS = (1, 3, 4, 8, 12, 16, 24, 33, 64, 100)


def outputs():
    yield "isa", np.array(wl.isa())
    for depth, channels in itertools.product(CHANNELS, CHANNELS):
        value, filters, bias = normal((2, 7, 29, depth), 0), normal((3, 2, depth, channels), 1), normal((channels,), 2)
        name = f"{depth} to {channels}"
        yield name, ops.conv2d(value, filters, dilations=(1, 3), bias=bias)
        yield f"{name}, across", ops.conv2d(value, filters, (2, 1), "VALID", bias=bias)
        yield f"{name}, transposed", ops.conv2d_transpose(value, filters.transpose(0, 1, 3, 2).copy(), strides=(2, 3))
    for channels, per_group in ((12, 1), (12, 3), (64, 1), (64, 16)):
        filters = normal((3, per_group, channels), 3)
        yield f"groups of {per_group}", ops.conv1d(normal((2, 500, channels), 4), filters, groups=channels // per_group)


if __name__ == "__main__":
    np.savez(sys.argv[1], **dict(outputs()))
