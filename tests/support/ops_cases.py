"""Hypothesis strategies for wavenetlite.ops: convolutions and poolings of random shapes, and their arguments drawn."""

from dataclasses import dataclass

import numpy as np
import ops_reference
import pytest
from hypothesis import assume
from hypothesis import strategies as st

CHANNELS = st.sampled_from([1, 2, 3, 4, 7, 8, 12, 16, 20, 33])
KERNELS = st.integers(1, 5)
STRIDES = st.sampled_from([1, 1, 2, 3, 4])
RATES = st.sampled_from([1, 1, 2, 3, 5, 20])
PAIRS = st.tuples(st.integers(0, 5), st.integers(0, 5))
NAMES = st.sampled_from(["SAME", "VALID", "CAUSAL"])


@dataclass(frozen=True)
class Case:
    """A convolution of images, or of sequences: then images of height 1 and filters of height 1."""

    axes: int
    batch: int
    sizes: tuple[int, int]
    kernels: tuple[int, int]
    strides: tuple[int, int]
    rates: tuple[int, int]
    padding: object  # a name, or a pair for each axis
    depth: int  # channels in and out
    channels: int
    groups: int
    seed: int

    @property
    def geometry(self):
        """(out, before, stride, dilation) of each axis."""
        rules = ("CAUSAL", "SAME") if self.padding == "CAUSAL" else (self.padding,) * 2
        if self.axes == 1:
            rules = ("VALID", self.padding if isinstance(self.padding, str) else self.padding[0])
        elif not isinstance(self.padding, str):
            rules = self.padding
        axes = zip(self.sizes, self.kernels, self.strides, self.rates, rules, strict=True)
        found = [(ops_reference.sizes(*axis), axis) for axis in axes]
        return tuple((out, before, axis[2], axis[3]) for (out, before), axis in found)

    @property
    def out_sizes(self):
        return tuple(axis[0] for axis in self.geometry)

    def zeros(self):
        """Zeros before and after each axis."""
        return tuple(
            (before, max((out - 1) * stride + (kernel - 1) * rate + 1 - size - before, 0))
            for (out, before, stride, rate), kernel, size in zip(self.geometry, self.kernels, self.sizes, strict=True)
        )

    def options(self):
        """Arguments of conv1d or conv2d behind the filters."""
        if self.axes == 1:
            return (self.strides[1], self.padding), {"dilations": self.rates[1], "groups": self.groups}
        return (self.strides, self.padding), {"dilations": self.rates, "groups": self.groups}

    def shaped(self, array):
        """An image or filters without the height that a sequence does not have."""
        return array if self.axes == 2 else np.ascontiguousarray(array[:, 0] if array.ndim == 4 else array)

    def value(self):
        return normal((self.batch, *self.sizes, self.depth), self.seed)

    def filters(self):
        return normal((*self.kernels, self.depth // self.groups, self.channels), self.seed + 1)

    def bias(self):
        return normal((self.channels,), self.seed + 2)

    def upstream(self):
        return normal((self.batch, *self.out_sizes, self.channels), self.seed + 3)


def normal(shape, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@st.composite
def convolutions(draw, least=1, groups=True):
    """Convolutions with `least` outputs or more on each axis."""
    axes = draw(st.sampled_from([1, 2]))
    group = draw(st.sampled_from([1, 1, 1, 2, 3])) if groups else 1
    depth, channels = draw(CHANNELS) * group, draw(CHANNELS) * group
    if groups and draw(st.integers(0, 5)) == 0:
        group = channels = depth  # depthwise
    width = draw(st.integers(1, 14) | st.sampled_from([47, 300]))
    one = axes == 1
    case = Case(
        axes=axes,
        batch=draw(st.integers(1, 3)),
        sizes=(1 if one else draw(st.integers(1, 14)), width),
        kernels=(1 if one else draw(KERNELS), draw(KERNELS)),
        strides=(1 if one else draw(STRIDES), draw(STRIDES)),
        rates=(1 if one else draw(RATES), draw(RATES)),
        padding=draw(NAMES | st.tuples(*[PAIRS] * axes)),
        depth=depth,
        channels=channels,
        groups=group,
        seed=draw(st.integers(0, 1000)),
    )
    assume(min(case.out_sizes) >= least)
    return case


def close(mine, reference, tolerance=1e-5):
    """Equal within a part of the reference's largest value."""
    assert mine.dtype == np.float32 and mine.flags.c_contiguous
    assert mine.shape == reference.shape, (mine.shape, reference.shape)
    scale = np.abs(reference).max(initial=1e-3)
    np.testing.assert_allclose(mine, reference, rtol=0, atol=tolerance * scale)


def one_thread_of_pytorch():
    """PyTorch, or a skip; small tensors on several threads would wait for each other."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch
