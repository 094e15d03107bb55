"""Dilations for a desired receptive field."""

from __future__ import annotations

from bisect import bisect_left

from wavenetlite.receptive_field.coverage import MOST_CELLS
from wavenetlite.receptive_field.layers import MOST_LAYERS
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ParameterError

MOST_KERNEL = 65_536


def suggest_dilations(*, receptive_field: int, kernel_size: int, layers: int | None = None) -> list[int]:
    """Dilations for a stack of convolutions that covers a receptive field without holes and little more.

    Parameters
    ----------
    receptive_field
        Minimum number of inputs to cover.
    kernel_size
        Kernel size of all layers.
    layers
        Number of layers; None: as few as possible under the rule of hybrid dilated convolution.

    Returns
    -------
    One dilation per layer, rising from 1 by about equal factors. The stack has no holes, no stack of as many layers
    covers the field with less excess, and the rule (see `hybrid_rule`) is satisfied whenever some stack of that size
    can satisfy it. For two axes, use the same dilations on both.

    Raises
    ------
    ParameterError
        This number of layers cannot cover the field without holes.

    Notes
    -----
    Rising dilations d_1, ..., d_n of kernel size k leave no holes exactly if d_1 = 1 and every d_i is at most
    1 + (k - 1) (d_1 + ... + d_{i-1}), the field of the preceding layers: n layers cover at most k^n inputs.

    Examples
    --------
    >>> from wavenetlite.receptive_field import suggest_dilations
    >>> suggest_dilations(receptive_field=16, kernel_size=2, layers=4)
    [1, 2, 4, 8]
    >>> suggest_dilations(receptive_field=17, kernel_size=3, layers=3)
    [1, 2, 5]
    >>> suggest_dilations(receptive_field=1000, kernel_size=3)
    [1, 3, 6, 18, 46, 118, 308]
    """
    wanted = positive_int("receptive_field", receptive_field, MOST_CELLS)
    size = positive_int("kernel_size", kernel_size, MOST_KERNEL)
    if size == 1 and wanted > 1:
        raise ParameterError(f"kernel_size=1 must be at least 2 for a receptive_field of {wanted}")
    total = max(-(-(wanted - 1) // max(size - 1, 1)), 1)  # required sum of the dilations
    if layers is None:
        count = fewest(total, size, hybrid=True)
    else:
        count = positive_int("layers", layers, MOST_LAYERS)
        if count < fewest(total, size, hybrid=False):
            raise ParameterError(
                f"layers={layers} of kernel_size={size} cover at most {size**count} inputs without holes; "
                f"receptive_field={wanted} needs {fewest(total, size, hybrid=False)}"
            )
    return rising(max(total, count), count, size, hybrid=count >= fewest(total, size, hybrid=True))


def bound(below: int, kernel_size: int, *, hybrid: bool) -> int:
    """The largest dilation that may follow dilations with the sum `below`, of which the first is 1.

    To leave no holes it is the field so far; the hybrid rule's bound is derived in `first_too_large`.
    """
    without_holes = 1 + (kernel_size - 1) * below
    return min(without_holes, kernel_size + 2 * (below - 1)) if hybrid and below else without_holes


def fewest(total: int, kernel_size: int, *, hybrid: bool) -> int:
    """The fewest layers whose dilations can add up to `total`."""
    layers, reached = 0, 0
    while reached < total:
        reached += bound(reached, kernel_size, hybrid=hybrid)
        layers += 1
    return layers


def rising(total: int, layers: int, kernel_size: int, *, hybrid: bool) -> list[int]:
    """Dilations within their bounds that add up to `total` and grow as evenly as possible."""
    growth = even_growth(total, layers)
    chosen: list[int] = []
    below, wanted = 0, 0.0
    for after in range(layers - 1, -1, -1):
        low = chosen[-1] if chosen else 1
        high = min(bound(below, kernel_size, hybrid=hybrid), (total - below) // (after + 1))
        options = range(low, high + 1)
        enough = bisect_left(
            options, True, key=lambda d: can_reach(below + d, after, total, kernel_size, hybrid=hybrid)
        )
        wanted += growth ** (layers - 1 - after)
        chosen.append(min(max(round(wanted - below), options[enough]), high))
        below += chosen[-1]
    return chosen


def can_reach(below: int, layers: int, total: int, kernel_size: int, *, hybrid: bool) -> bool:
    """Whether `layers` more layers can increase the sum from `below` to `total`."""
    for _ in range(layers):
        if below >= total:
            break
        below += bound(below, kernel_size, hybrid=hybrid)
    return below >= total


def even_growth(total: int, layers: int) -> float:
    """The g with 1 + g + ... + g^(layers - 1) = total."""
    low, high = 1.0, float(total) ** (1 / max(layers - 1, 1))
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if sum(middle**n for n in range(layers)) < total else (low, middle)
    return low
