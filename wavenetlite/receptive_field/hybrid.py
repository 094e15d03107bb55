"""The rule of hybrid dilated convolution: Wang et al., "Understanding Convolution for Semantic Segmentation", 2018.

Layers of growing rates r_1, ..., r_n and kernel size K leave a distance of at most M_2 between two covered inputs, with
``M_i = max(M_{i+1} - 2 r_i, M_{i+1} - 2 (M_{i+1} - r_i), r_i)`` and ``M_n = r_n``. The rule is M_2 <= K, and no common
factor of all rates. As in the paper, layers of one resolution are grouped by rising edges of a sawtooth of rates: a
group begins when the rate falls, and after a stride. The rule is a guideline designed for K = 3; the coverage is exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from wavenetlite.receptive_field.layers import Layer, chain, dilations_of
from wavenetlite.support.checks import positive_int


@dataclass(frozen=True)
class RuleGroup:
    """The rule for one rising edge of rates.

    Attributes
    ----------
    layers, rates
        Names of the layers, from the input on, and their dilations.
    kernel_size
        K, that of the group's first layer.
    distances
        M_2 to M_n.
    common_factor
        Greatest common divisor of all rates.
    axis
        0: frames or rows; 1: bins or columns.
    offender
        Name of the layer that violates the rule; None: satisfied.
    reason
        The violation, and what would be allowed; "" if the rule is satisfied.
    """

    layers: tuple[str, ...]
    rates: tuple[int, ...]
    kernel_size: int
    distances: tuple[int, ...]
    common_factor: int
    axis: int = 0
    offender: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class HybridRule:
    """The rule for all groups of layers; true if all satisfy it.

    Attributes
    ----------
    groups
        One :class:`RuleGroup` per rising edge of rates and axis.
    """

    groups: tuple[RuleGroup, ...]

    @property
    def offenders(self) -> tuple[str, ...]:
        """Names of the layers that violate the rule."""
        return tuple(group.offender for group in self.groups if group.offender is not None)

    def __bool__(self) -> bool:
        return not self.offenders

    def __str__(self) -> str:
        broken = [f"{group.offender}: {group.reason}" for group in self.groups if group.offender is not None]
        return "broken by " + "; ".join(dict.fromkeys(broken)) if broken else "kept"


def hybrid_rule(dilations: Sequence[int], kernel_size: int) -> HybridRule:
    """The rule of hybrid dilated convolution for layers of one kernel size.

    Parameters
    ----------
    dilations
        One per layer, from the input on.
    kernel_size
        Kernel size of all layers, at least 2.

    Examples
    --------
    >>> from wavenetlite.receptive_field import hybrid_rule
    >>> bool(hybrid_rule([1, 2, 5], 3))
    True
    >>> print(hybrid_rule([1, 2, 9], 3))
    broken by layer 3: rate 9 must be at most 7, for M_2 = 5 > 3
    >>> print(hybrid_rule([2, 2, 2], 3))
    broken by layer 1: rates 2, 2, 2 have the common factor 2
    """
    size = positive_int("kernel_size", kernel_size)
    rates = dilations_of(dilations)
    layers = chain([f"layer {n + 1}" for n in range(len(rates))], [((size,), (rate,), (1,), (0,)) for rate in rates])
    return rule_of(layers)


def rule_of(layers: Sequence[Layer]) -> HybridRule:
    """The rule along every axis, for the layers with more than one tap along it."""
    axes = len(layers[0].kernel_size) if layers else 0
    return HybridRule(tuple(
        checked([layers[index] for index in group], axis)
        for axis in range(axes)
        for group in rising_edges(layers, axis)
    ))  # fmt: skip


def rising_edges(layers: Sequence[Layer], axis: int) -> list[list[int]]:
    """Indices of the layers of each group."""
    groups: list[list[int]] = []
    rate = 0
    pace: int | Fraction = 0
    for index, layer in enumerate(layers):
        if layer.kernel_size[axis] > 1:
            if layer.dilation[axis] < rate or layer.step[axis] != pace * layer.dilation[axis]:
                groups.append([])
            rate, pace = layer.dilation[axis], Fraction(layer.step[axis]) / layer.dilation[axis]
            groups[-1].append(index)
    return groups


def checked(group: Sequence[Layer], axis: int) -> RuleGroup:
    names = tuple(layer.name for layer in group)
    rates = tuple(layer.dilation[axis] for layer in group)
    kernel_size = group[0].kernel_size[axis]
    distances, factor = largest_gaps(rates), math.gcd(*rates)
    offender, reason = None, ""
    if distances and distances[0] > kernel_size:
        index, most = first_too_large(rates, kernel_size)
        offender = names[index]
        reason = f"rate {rates[index]} must be at most {most}, for M_2 = {distances[0]} > {kernel_size}"
    elif factor > 1:
        rates_text = f"rates {', '.join(map(str, rates))} have" if len(rates) > 1 else f"rate {factor} alone has"
        offender, reason = names[0], f"{rates_text} the common factor {factor}"
    return RuleGroup(names, rates, kernel_size, distances, factor, axis, offender, reason)


def largest_gaps(rates: Sequence[int]) -> tuple[int, ...]:
    """M_2, ..., M_n."""
    gaps = [rates[-1]]
    for rate in rates[-2:0:-1]:
        gaps.append(max(gaps[-1] - 2 * rate, gaps[-1] - 2 * (gaps[-1] - rate), rate))
    return tuple(gaps[::-1]) if len(rates) > 1 else ()


def first_too_large(rates: Sequence[int], kernel_size: int) -> tuple[int, int]:
    """The first layer whose rate violates M_2 <= K, and the largest rate that would not.

    With rising rates M_i is max(M_{i+1} - 2 r_i, r_i), so M_2 <= K means r_i <= K + 2 (r_2 + ... + r_{i-1}) for all i.
    """
    most = kernel_size
    for index in range(1, len(rates)):
        if rates[index] > most:
            return index, most
        most += 2 * rates[index]
    raise AssertionError("M_2 > K, so one rate is too large")
