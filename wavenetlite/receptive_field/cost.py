"""What dilation saves: parameters, work and state beside networks of the same reach without dilation."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wavenetlite import nodes
from wavenetlite.graph import Node, topological_order
from wavenetlite.nn.module import Module
from wavenetlite.receptive_field.bins import bins_in
from wavenetlite.receptive_field.layers import Layer, Numbers, axis_of_bins, axis_sizes, is_transposed

FLOAT = 4
"""Bytes."""
NAMES = ("this network", "holes filled", "more layers")


@dataclass(frozen=True)
class Cost:
    """What a network costs.

    Attributes
    ----------
    name
        "this network"; "holes filled": each dilated kernel as one of (kernel_size - 1) * dilation + 1 taps; "more
        layers": each layer of dilation d, the larger of two axes, as d layers of dilation 1. They reach as far.
    layers
        Convolutions with more than one tap.
    parameters
        That training learns; for a list of layers, the weights of one channel.
    macs_per_frame
        Multiply-adds of the convolutions for one input frame (or pixel, of one channel). Undilated over bins, as if
        every tap met a bin.
    state_bytes
        float32 frames that the convolutions of a stream must remember (a compiled plan rounds them up); None: an image.
    """

    name: str
    layers: int
    parameters: int
    macs_per_frame: float
    state_bytes: int | None


@dataclass(frozen=True)
class Work:
    """One use of a convolution with more than one tap."""

    source: object  # what it reads: readers of one sequence share its history
    weight: object  # whose parameters count once
    kernel_size: Numbers
    dilation: Numbers
    parameters: int
    macs: float  # an input frame of the network
    inner_parameters: int  # of a layer that keeps the channels
    inner_macs: float
    frame_bytes: int

    @property
    def deep(self) -> int:
        """Undilated layers that reach as far."""
        return max(d for k, d in zip(self.kernel_size, self.dilation, strict=True) if k > 1)

    @property
    def wide(self) -> float:
        """Times as many taps without holes."""
        return math.prod(((k - 1) * d + 1) / k for k, d in zip(self.kernel_size, self.dilation, strict=True))


def costs(work: Sequence[Work], parameters: int, macs: float, *, streams: bool) -> tuple[Cost, Cost, Cost]:
    """Of a network with these convolutions, and of its two undilated relatives."""
    own = {id(use.weight): use for use in work}.values()
    state = remembered(work, deep=False) if streams else None
    return (
        Cost(NAMES[0], len(work), parameters, macs, state),
        Cost(
            NAMES[1],
            len(work),
            parameters + sum(round((use.wide - 1) * use.parameters) for use in own),
            macs + sum((use.wide - 1) * use.macs for use in work),
            state,
        ),
        Cost(
            NAMES[2],
            sum(use.deep for use in work),
            parameters + sum((use.deep - 1) * use.inner_parameters for use in own),
            macs + sum((use.deep - 1) * use.inner_macs for use in work),
            remembered(work, deep=True) if streams else None,
        ),
    )


def remembered(work: Sequence[Work], *, deep: bool) -> int:
    """Bytes of history: of a sequence as much as its longest kernel reaches back."""
    longest: dict[int, int] = {}
    inner = 0
    for use in work:
        taps, dilation = use.kernel_size[0], use.dilation[0]
        own = (taps - 1) * (1 if deep else dilation) * use.frame_bytes
        longest[id(use.source)] = max(longest.get(id(use.source), 0), own)
        inner += (use.deep - 1) * (taps - 1) * use.frame_bytes if deep else 0
    return sum(longest.values()) + inner


def costs_of_list(layers: Sequence[Layer]) -> tuple[Cost, Cost, Cost]:
    """Of one channel."""
    work: list[Work] = []
    rate, weights, macs = 1, 0, 0.0
    for layer in layers:
        taps, before = math.prod(layer.kernel_size), rate
        rate *= math.prod(map(int, layer.stride))
        weights, macs = weights + taps, macs + taps / rate
        if taps > 1:
            work.append(
                Work(layer, layer, layer.kernel_size, layer.dilation, taps, taps / rate, taps, taps / before, FLOAT)
            )
    return costs(work, weights, macs, streams=len(layers[0].kernel_size) == 1)


def costs_of_model(model: Module, output: Node) -> tuple[Cost, Cost, Cost]:
    return costs(list(uses(output)), model.parameter_count, model.macs_per_frame, streams=True)


def uses(output: Node) -> Iterator[Work]:
    """The convolutions of a graph; the window of a pool is one that learns nothing."""
    for node in topological_order(output):
        if isinstance(node, nodes.Conv):
            yield from uses_of_conv(node)
        elif isinstance(node, nodes.Conv2d) and node.edges[0].taps * axis_of_bins(node)[0] > 1:
            yield use_over_bins(node)


def uses_of_conv(node: nodes.Conv) -> Iterator[Work]:
    for edge, weight, groups, bias in zip(node.edges, node.weights, node.groups, node.biases, strict=True):
        if edge.taps > 1:
            channels = edge.node.channels
            inner = channels * (channels // groups) * edge.taps
            yield Work(
                source=edge.node,
                weight=weight,
                kernel_size=(edge.taps,),
                dilation=(edge.spacing,),
                parameters=weight.size,
                macs=weight.size / float(node.clock.rate),
                inner_parameters=inner + (channels if bias is not None else 0),
                inner_macs=inner / float(edge.node.clock.rate),
                frame_bytes=FLOAT * channels,
            )


def use_over_bins(node: nodes.Conv2d) -> Work:
    """A transposed convolution is counted as it is: the places of its kernel have no holes to be filled."""
    edge, weight = node.edges[0], node.arranged(node.weight)
    kernel_size, dilation, *_ = axis_sizes(node, edge, 2)
    maps = weight.shape[1] * node.groups
    inner = maps * weight[0].size
    return Work(
        source=edge.node,
        weight=node.weight,
        kernel_size=kernel_size,
        dilation=(1, 1) if is_transposed(node) else dilation,
        parameters=node.weight.size,
        macs=node.multiply_adds / float(node.clock.rate),
        inner_parameters=inner + (maps if node.bias is not None else 0),
        inner_macs=bins_in(node) * inner / float(edge.node.clock.rate),  # taps beyond the ends counted too
        frame_bytes=FLOAT * edge.node.channels,
    )
