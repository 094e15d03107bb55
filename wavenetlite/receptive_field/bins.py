"""Paths over the bins of a frame: which bins an operation reads for each of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite import nodes
from wavenetlite.graph import Node

Counts = npt.NDArray[Any]
"""(frames, bins), int64, or Python's integers (dtype object) where those would overflow; one bin: all are alike."""

OVER_CHANNELS = "softmax", "layer_norm"
"""Activations that take all channels of a frame for each."""


def bins_of(output: Node) -> int:
    """Into how many bins the frames of a sequence are divided; 1: not."""
    bins, seen, stack = 1, {output}, [output]
    while stack:
        node = stack.pop()
        if isinstance(node, nodes.Conv2d | nodes.Concat):
            bins = max(bins, node.bins)
        elif keeps_bins(node):
            new = {edge.node for edge in node.edges} - seen
            seen |= new
            stack += new
    return bins


def keeps_bins(node: Node) -> bool:
    if isinstance(node, nodes.Activate):
        return node.name not in OVER_CHANNELS
    kinds = nodes.Sum | nodes.Product | nodes.Norm | nodes.Dropout | nodes.CumulativePool | nodes.Upsample
    return isinstance(node, kinds) or is_depthwise(node)


def is_depthwise(node: Node) -> bool:
    """Whether a convolution keeps the channels apart."""
    return isinstance(node, nodes.Conv) and node.groups == (node.channels,) == (node.edges[0].node.channels,)


def one_bin(output: Node) -> Counts:
    bins = bins_of(output)
    counts = np.zeros((1, bins), np.int64)
    counts[0, bins // 2] = 1
    return counts


def bins_read(node: Node, index: int, counts: Counts) -> Counts:
    """Counts over the bins that edge number `index` reads, from those of the operation's own bins."""
    if counts.shape[1] == 1:
        return counts
    if isinstance(node, nodes.Conv):
        groups = node.groups[index]
        return counts if groups == node.channels else rebinned(counts, groups)
    if isinstance(node, nodes.Activate) and node.name in OVER_CHANNELS:
        return rebinned(counts, 1)
    if isinstance(node, nodes.Gate):
        return np.concatenate([counts, counts], axis=1)
    if isinstance(node, nodes.Concat):
        return branch_read(node, index, counts)
    if isinstance(node, nodes.Slice):
        return whole_read(node, counts)
    return counts


def whole_read(node: nodes.Slice, counts: Counts) -> Counts:
    """Of the sequence that a part is of: the part's bins in their place, where they are bins of the whole too."""
    size, rest = divmod(node.channels, counts.shape[1])
    whole = node.edges[0].node.channels
    if rest or node.first % size or whole % size:
        return rebinned(counts, 1)
    read = np.zeros((len(counts), whole // size), counts.dtype)
    read[:, node.first // size : (node.first + node.channels) // size] = counts
    return read


def branch_read(node: nodes.Concat, index: int, counts: Counts) -> Counts:
    """Of a branch: its part of every bin, or those bins that its channels make."""
    if node.bins > 1:
        return rebinned(counts, node.bins)
    start, bins = sum(edge.node.channels for edge in node.edges[:index]), counts.shape[1]
    end = start + node.edges[index].node.channels
    return counts[:, start * bins // node.channels : -(-end * bins // node.channels)]


def taps_read(node: nodes.Conv2d | nodes.Upsample, phase: int, counts: Counts) -> Iterator[tuple[int, Counts]]:
    """Every tap that a phase reads, with counts over the bins that are read there."""
    if isinstance(node, nodes.Upsample):
        yield from ((tap, counts) for tap, weight in enumerate(node.weights[phase]) if weight)
        return
    links = [(f, link) for f, row in enumerate(node.links[phase]) for link in row]
    counts = exact(rebinned(counts, node.bins), len(links))
    for tap in sorted({link.tap for _, link in links}):
        read = np.zeros((len(counts), bins_in(node)), counts.dtype)
        for f, link in links:
            if link.tap == tap:
                read[:, link.bin] += counts[:, f]
        yield tap, read


def bins_in(node: nodes.Conv2d) -> int:
    """Of the frames that are read."""
    return node.edges[0].node.channels // (int(node.arranged(node.weight).shape[1]) * node.groups)


def rebinned(counts: Counts, bins: int) -> Counts:
    """Counts over other bins of the same channels: what has a part in a bin is read with it."""
    given = counts.shape[1]
    if bins == given:
        return counts
    counts = exact(counts, given)
    parts = [counts[:, at * given // bins : -(-(at + 1) * given // bins)].sum(axis=1) for at in range(bins)]
    return np.stack(parts, axis=1)


def exact(counts: Counts, times: int) -> Counts:
    """Python's integers if int64 might not hold `times` the counts."""
    if counts.dtype == object or int(counts.max(initial=0)) * times < 2**62:
        return counts
    return counts.astype(object)
