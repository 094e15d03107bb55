"""Space to batch and back, and chains of dilated convolutions that run undilated in between."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from wavenetlite.ops.arguments import AXES, PerAxis, each_axis, images, like, pairs, per_axis
from wavenetlite.ops.convolution import checked_bias, checked_filters
from wavenetlite.ops.geometry import Axis, AxisPadding, axis
from wavenetlite.ops.lowering import convolve, convolve_back, gradient_of_filters, sum_over_pixels
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import one_of
from wavenetlite.support.errors import ArrayTypeError, ParameterError

Pairs = Sequence[Sequence[int]]


def space_to_batch(value: Floats, block_shape: PerAxis, paddings: Pairs) -> Floats:
    """Move each phase of a grid to a separate image, as ``tf.space_to_batch``.

    Parameters
    ----------
    value
        (batch, width, channels) or (batch, height, width, channels), float32, C-contiguous.
    block_shape
        Phases of each axis: an integer, or one for each axis.
    paddings
        ``[[before, after], ...]`` zeros per axis, added first; the padded sizes must be multiples of the blocks.

    Returns
    -------
    (blocks * batch, padded sizes / block_shape, channels): image ``phase * batch + b`` has every block_shape-th pixel
    of image b from `phase` on; phases are in row-major order.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value = np.array([1, 2, 3, 4, 5], np.float32).reshape(1, 5, 1)
    >>> wl.ops.space_to_batch(value, 2, [[0, 1]])[..., 0].tolist()
    [[1.0, 3.0, 5.0], [2.0, 4.0, 0.0]]
    """
    axes = axes_of("value", value)
    blocks = per_axis("block_shape", block_shape, axes)
    zeros = pairs("paddings", paddings, axes, f"a pair of zeros before and after for each of: {', '.join(AXES[axes])}")
    sizes = [before + size + after for size, (before, after) in zip(value.shape[1:-1], zeros, strict=True)]
    for name, size, block in zip(AXES[axes], sizes, blocks, strict=True):
        if size % block:
            raise ParameterError(f"paddings={paddings!r} make {name}={size}; it must be a multiple of {block}")
    padded = np.pad(value, [(0, 0), *zeros, (0, 0)])
    cells = [part for size, block in zip(sizes, blocks, strict=True) for part in (size // block, block)]
    order = [*range(2, 2 * axes + 1, 2), 0, *range(1, 2 * axes + 1, 2), 2 * axes + 1]
    phases = padded.reshape(len(value), *cells, value.shape[-1]).transpose(order)
    shape = (math.prod(blocks) * len(value), *phases.shape[axes + 1 :])
    return np.ascontiguousarray(phases).reshape(shape)


def batch_to_space(value: Floats, block_shape: PerAxis, crops: Pairs) -> Floats:
    """Interleave the phases of a grid, as ``tf.batch_to_space``: the inverse of :func:`space_to_batch`.

    Parameters
    ----------
    value
        (blocks * batch, width, channels) or (blocks * batch, height, width, channels), float32, C-contiguous.
    block_shape
        Phases of each axis: an integer, or one for each axis.
    crops
        ``[[before, after], ...]`` pixels per axis, cut off last.

    Returns
    -------
    (batch, sizes * block_shape - crops, channels), float32.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value = np.array([[[1], [3], [5]], [[2], [4], [0]]], np.float32)
    >>> wl.ops.batch_to_space(value, 2, [[0, 1]]).ravel().tolist()
    [1.0, 2.0, 3.0, 4.0, 5.0]
    """
    axes = axes_of("value", value)
    blocks = per_axis("block_shape", block_shape, axes)
    cut = pairs("crops", crops, axes, f"a pair of pixels before and after for each of: {', '.join(AXES[axes])}")
    images_each = math.prod(blocks)
    if len(value) % images_each:
        raise ParameterError(f"value has batch {len(value)}; it must be a multiple of {images_each}, the blocks")
    sizes = [size * block for size, block in zip(value.shape[1:-1], blocks, strict=True)]
    for name, size, (before, after) in zip(AXES[axes], sizes, cut, strict=True):
        if before + after > size:
            raise ParameterError(f"crops={crops!r} cut {before + after} of {name}={size}; they must not exceed it")
    phases = value.reshape(*blocks, len(value) // images_each, *value.shape[1:])
    order = [axes, *(i for a in range(axes) for i in (axes + 1 + a, a)), 2 * axes + 1]
    whole = phases.transpose(order).reshape(len(value) // images_each, *sizes, value.shape[-1])
    kept = [slice(before, size - after) for size, (before, after) in zip(sizes, cut, strict=True)]
    return np.ascontiguousarray(whole[:, *kept])


def space_to_batch_gradient(upstream: Floats, block_shape: PerAxis, paddings: Pairs) -> Floats:
    """Gradient of :func:`space_to_batch`: :func:`batch_to_space`, cropping the padding.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.ops.space_to_batch_gradient(np.ones((2, 3, 1), np.float32), 2, [[0, 1]]).shape
    (1, 5, 1)
    """
    return batch_to_space(upstream, block_shape, paddings)


def batch_to_space_gradient(upstream: Floats, block_shape: PerAxis, crops: Pairs) -> Floats:
    """Gradient of :func:`batch_to_space`: :func:`space_to_batch`, padding the crops with zeros.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.ops.batch_to_space_gradient(np.ones((1, 5, 1), np.float32), 2, [[0, 1]])[..., 0].tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]]
    """
    return space_to_batch(upstream, block_shape, crops)


class SequenceGradient(NamedTuple):
    """Gradients of a chain of convolutions: of its value, and of the filters and bias of each convolution."""

    value: Floats
    filters: tuple[Floats, ...]
    biases: tuple[Floats, ...]


def atrous_sequence(
    value: Floats,
    filters: Sequence[Floats],
    rate: PerAxis,
    padding: Literal["SAME", "VALID", "CAUSAL"] = "SAME",
    *,
    biases: Sequence[Floats] | None = None,
    activation: Literal["relu"] | None = None,
) -> Floats:
    """A chain of convolutions of one rate, run undilated between one space to batch and one batch to space.

    It is bit-identical to the plain chain ``for f in filters: value = atrous_conv2d(value, f, rate, padding)``. The
    version in TensorFlow's documentation of `atrous_conv2d` is wrong for phases of unequal size and filters of even
    size; here every size, rate and filter is correct, because

    - pixels of the batch outside the image are reset to zero after every convolution but the last;
    - "SAME" padding that is not a multiple of the rate shifts the image between the phases: its origin is tracked, and
      determines the crops of `batch_to_space`.

    Parameters
    ----------
    value
        (batch, width, channels) or (batch, height, width, channels), float32, C-contiguous.
    filters
        One array per convolution, as in :func:`conv1d` or :func:`conv2d`.
    rate
        Distance of taps in all convolutions, in inputs: an integer, or one per axis.
    padding
        "SAME", "VALID" or "CAUSAL", for every convolution.
    biases
        One (out channels,) array per convolution.
    activation
        "relu" after every convolution but the last, or None.

    Returns
    -------
    The output of the last convolution.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value = np.arange(49, dtype=np.float32).reshape(1, 7, 7, 1)
    >>> filters = [np.ones((3, 3, 1, 4), np.float32), np.ones((2, 2, 4, 1), np.float32)]
    >>> plain = wl.ops.atrous_conv2d(wl.ops.atrous_conv2d(value, filters[0], 3, "SAME"), filters[1], 3, "SAME")
    >>> bool((wl.ops.atrous_sequence(value, filters, 3) == plain).all())
    True
    """
    chain = checked_chain(value, filters, rate, padding, biases, activation)
    return forward(value, filters, chain, biases, activation == "relu")[-1]


def atrous_sequence_gradient(
    upstream: Floats,
    value: Floats,
    filters: Sequence[Floats],
    rate: PerAxis,
    padding: Literal["SAME", "VALID", "CAUSAL"] = "SAME",
    *,
    biases: Sequence[Floats] | None = None,
    activation: Literal["relu"] | None = None,
) -> SequenceGradient:
    """Gradients of :func:`atrous_sequence`, as :mod:`wavenetlite.ops` describes them.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> value, filters = np.ones((1, 6, 1), np.float32), [np.ones((2, 1, 1), np.float32)] * 2
    >>> gradient = wl.ops.atrous_sequence_gradient(np.ones((1, 2, 1), np.float32), value, filters, 2, "VALID")
    >>> gradient.value.ravel().tolist(), gradient.filters[1].ravel().tolist()
    ([1.0, 1.0, 2.0, 2.0, 1.0, 1.0], [4.0, 4.0])
    """
    chain = checked_chain(value, filters, rate, padding, biases, activation)
    return backward(upstream, value, filters, chain, biases, activation == "relu")


@dataclass(frozen=True)
class Cells:
    """One axis in cells of `rate` pixels: the image has `size` pixels from `offset` in the first cell on."""

    rate: int
    size: int
    offset: int = 0

    @property
    def count(self) -> int:
        return -(-(self.size + self.offset) // self.rate) if self.size else 0

    @property
    def outside(self) -> tuple[int, int]:
        """Pixels before and after the image."""
        return (self.offset, self.count * self.rate - self.offset - self.size) if self.size else (0, 0)

    def after(self, kernel: int, padding: AxisPadding, name: str) -> tuple[Axis, Cells]:
        """A convolution of this rate as an undilated one over cells, and the axis after it.

        It is padded with whole cells in front (`before`) instead of pixels; so its first cell begins less than a cell
        before the image, which gives the next offset.
        """
        plain = axis(self.size, kernel, 1, self.rate, padding, name)
        before = -((self.offset - plain.before) // self.rate)
        cells = Cells(self.rate, plain.out, self.offset + before * self.rate - plain.before)
        return Axis(self.count, kernel, 1, 1, before, cells.count), cells


Grid = tuple[Cells, ...]


@dataclass(frozen=True)
class Chain:
    """The convolutions of a chain, and the grids before, between and after them."""

    convolutions: tuple[tuple[Axis, ...], ...]
    grids: tuple[Grid, ...]

    @property
    def rates(self) -> tuple[int, ...]:
        return tuple(cells.rate for cells in self.grids[0])


def checked_chain(value: Any, filters: Any, rate: Any, padding: Any, biases: Any, activation: Any) -> Chain:
    """Check the arguments of a chain; returns its geometry."""
    axes = axes_of("value", value)
    if not isinstance(filters, Sequence) or not filters:
        raise ArrayTypeError(f"filters is a {type(filters).__name__}; it must be a list of at least one array")
    if biases is not None and (not isinstance(biases, Sequence) or len(biases) != len(filters)):
        raise ParameterError(f"biases must be a list of {len(filters)} arrays, one per convolution")
    rules = each_axis(one_of("padding", padding, ("SAME", "VALID", "CAUSAL")), axes)
    if activation is not None:
        one_of("activation", activation, ("relu",))
    rates = per_axis("rate", rate, axes)
    grids = [tuple(map(Cells, rates, value.shape[1:-1]))]
    convolutions, depth = [], value.shape[-1]
    for i, one in enumerate(filters):
        checked_filters(f"filters[{i}]", one, axes, depth, 1)
        depth = one.shape[-1]
        steps = [
            cells.after(kernel, rule, name)
            for cells, kernel, rule, name in zip(grids[-1], one.shape[:-2], rules, AXES[axes], strict=True)
        ]
        convolutions.append(tuple(step for step, _ in steps))
        grids.append(tuple(cells for _, cells in steps))
        checked_bias(None if biases is None else biases[i], one, f"biases[{i}]")
    return Chain(tuple(convolutions), tuple(grids))


def forward(
    value: Floats, filters: Sequence[Floats], chain: Chain, biases: Sequence[Floats] | None, relu: bool
) -> list[Floats]:
    """The batched inputs of all convolutions of the chain, and finally the output, in space."""
    x = space_to_batch(value, chain.rates, [cells.outside for cells in chain.grids[0]])
    seen = []
    for i, (axes, grid) in enumerate(zip(chain.convolutions, chain.grids[1:], strict=True)):
        seen.append(x)
        x = convolve(x, filters[i], None if biases is None else biases[i], axes, 1)
        if i + 1 < len(filters):
            if relu:
                np.maximum(x, 0.0, out=x)
            clear_outside(x, grid)
    return [*seen, batch_to_space(x, chain.rates, [cells.outside for cells in chain.grids[-1]])]


def backward(
    upstream: Floats,
    value: Floats,
    filters: Sequence[Floats],
    chain: Chain,
    biases: Sequence[Floats] | None,
    relu: bool,
) -> SequenceGradient:
    """Backpropagate through the chain."""
    *seen, y = forward(value, filters, chain, biases, relu)
    like("upstream", upstream, y.shape, len(chain.rates))
    g = space_to_batch(upstream, chain.rates, [cells.outside for cells in chain.grids[-1]])
    of_filters, of_biases = [], []
    for i in reversed(range(len(filters))):
        of_filters.append(gradient_of_filters(seen[i], g, filters[i].shape, chain.convolutions[i], 1))
        of_biases.append(sum_over_pixels(g))
        g = convolve_back(g, filters[i], None, chain.convolutions[i], 1)
        if i > 0:
            if relu:
                g[seen[i] <= 0.0] = 0.0
            clear_outside(g, chain.grids[i])
    g = batch_to_space(g, chain.rates, [cells.outside for cells in chain.grids[0]])
    return SequenceGradient(g, tuple(reversed(of_filters)), tuple(reversed(of_biases)))


def clear_outside(x: Floats, grid: Grid) -> None:
    """Zero the pixels of a batch of phases outside the image, in its first and last cells."""
    axes = len(grid)
    rates = [cells.rate for cells in grid]
    phases = x.reshape(*rates, len(x) // math.prod(rates), *x.shape[1:])
    for a, cells in enumerate(grid):
        before, after = cells.outside
        for phase, cell in ((slice(before), 0), (slice(cells.rate - after, None), -1)):
            if cells.count:
                phases[(slice(None),) * a + (phase,) + (slice(None),) * axes + (cell,)] = 0.0


def axes_of(name: str, array: Any) -> int:
    """Number of axes: 1 for sequences, 2 for images."""
    axes = 1 if isinstance(array, np.ndarray) and array.ndim == 3 else 2
    images(name, array, axes)
    return axes
