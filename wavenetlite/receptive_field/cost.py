"""The cost saved by dilation: comparison with undilated networks of the same receptive field."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wavenetlite.graph import Node, topological_order
from wavenetlite.nn.module import Module
from wavenetlite.receptive_field.layers import Layer, Numbers

FLOAT = 4
"""Bytes."""
NAMES = ("this network", "holes filled", "more layers")


@dataclass(frozen=True)
class Cost:
    """The cost of a network.

    Attributes
    ----------
    name
        "this network"; "holes filled": each dilated kernel as one of (kernel_size - 1) * dilation + 1 taps; "more
        layers": each layer of dilation d (the larger of two axes) as d layers of dilation 1. All have the same reach.
    layers
        Convolutions with more than one tap.
    parameters
        Trainable parameters; for a list of layers, the weights of one channel.
    macs_per_frame
        Multiply-adds of the convolutions per input frame (or pixel, for one channel). Undilated over bins, as if every
        tap read a bin.
    state_bytes
        Bytes of past frames that a stream must keep (a compiled plan rounds them up); None: an image.
    """

    name: str
    layers: int
    parameters: int
    macs_per_frame: float
    state_bytes: int | None


@dataclass(frozen=True)
class Work:
    """One use of a convolution with more than one tap."""

    source: object  # its input: readers of one sequence share its history
    weight: object  # shared parameters count once
    kernel_size: Numbers
    dilation: Numbers
    parameters: int
    macs: float  # per input frame of the network
    inner_parameters: int  # of a layer that keeps the number of channels
    inner_macs: float
    frame_bytes: int

    @property
    def deep(self) -> int:
        """Number of undilated layers with the same reach."""
        return max(d for k, d in zip(self.kernel_size, self.dilation, strict=True) if k > 1)

    @property
    def wide(self) -> float:
        """Ratio of the number of taps with holes filled."""
        return math.prod(((k - 1) * d + 1) / k for k, d in zip(self.kernel_size, self.dilation, strict=True))


def costs(work: Sequence[Work], parameters: int, macs: float, *, streams: bool) -> tuple[Cost, Cost, Cost]:
    """Costs of a network with these convolutions, and of its two undilated counterparts."""
    own = {id(use.weight): use for use in work}.values()
    state = remembered(work, deep=False) if streams else None
    return (
        Cost(NAMES[0], len(work), parameters, macs, state),
        Cost(
            NAMES[1],
            len(work),
            parameters + sum(round((use.wide - 1) * use.parameters) for use in own),
            math.fsum([macs, *((use.wide - 1) * use.macs for use in work)]),
            state,
        ),
        Cost(
            NAMES[2],
            sum(use.deep for use in work),
            parameters + sum((use.deep - 1) * use.inner_parameters for use in own),
            math.fsum([macs, *((use.deep - 1) * use.inner_macs for use in work)]),
            remembered(work, deep=True) if streams else None,
        ),
    )


def remembered(work: Sequence[Work], *, deep: bool) -> int:
    """Bytes of history: for each sequence, as far as its longest kernel reaches back."""
    longest: dict[int, int] = {}
    inner = 0
    for use in work:
        taps, dilation = use.kernel_size[0], use.dilation[0]
        own = (taps - 1) * (1 if deep else dilation) * use.frame_bytes
        longest[id(use.source)] = max(longest.get(id(use.source), 0), own)
        inner += (use.deep - 1) * (taps - 1) * use.frame_bytes if deep else 0
    return sum(longest.values()) + inner


def costs_of_list(layers: Sequence[Layer]) -> tuple[Cost, Cost, Cost]:
    """Costs for one channel."""
    work: list[Work] = []
    macs: list[float] = []
    rate, weights = 1, 0
    for layer in layers:
        taps, before = math.prod(layer.kernel_size), rate
        rate *= math.prod(map(int, layer.stride))
        weights += taps
        macs.append(taps / rate)
        if taps > 1:
            work.append(
                Work(layer, layer, layer.kernel_size, layer.dilation, taps, taps / rate, taps, taps / before, FLOAT)
            )
    return costs(work, weights, math.fsum(macs), streams=len(layers[0].kernel_size) == 1)


def costs_of_model(model: Module, output: Node) -> tuple[Cost, Cost, Cost]:
    return costs(list(uses(output)), model.parameter_count, model.macs_per_frame, streams=True)


def uses(output: Node) -> Iterator[Work]:
    """The convolutions of a graph, including the untrained window of a pool."""
    for node in topological_order(output):
        for read in node.edge_weights():
            if math.prod(read.kernel_size) > 1:
                source = node.edges[read.edge].node
                yield Work(
                    source=source,
                    weight=read.weight,
                    kernel_size=read.kernel_size,
                    dilation=read.dilation,
                    parameters=read.weight.size,
                    macs=read.multiply_adds / float(node.clock.rate),
                    inner_parameters=read.inner_parameters,
                    inner_macs=read.inner_multiply_adds / float(source.clock.rate),
                    frame_bytes=FLOAT * source.row_floats,
                )
