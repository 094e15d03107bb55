"""`analyse`: the receptive field of a network or of a list of layers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from wavenetlite import graph, nodes
from wavenetlite.graph import Edge, Node, exact
from wavenetlite.nn.module import ANY_CHANNELS, Module, recorded
from wavenetlite.receptive_field.cost import Cost, costs_of_list, costs_of_model
from wavenetlite.receptive_field.coverage import MOST_CELLS, Coverage, count_paths, nothing_seen
from wavenetlite.receptive_field.gridding import Gridding, gridding
from wavenetlite.receptive_field.hybrid import HybridRule, rule_of
from wavenetlite.receptive_field.layers import Layer, Rates, along_widest_path, listed
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.tables import table_lines


@dataclass(frozen=True, eq=False)
class Analysis:
    """The receptive field of one output of a network; prints as a table.

    Attributes
    ----------
    receptive_field
        For a network or a list with one axis: frames, `math.inf` with a pool over all frames so far. For a list with
        two axes: (rows, columns).
    coverage
        Number of paths from each input of the receptive field: :class:`Coverage`.
    condition_coverage
        The same for the conditioning; None: the network has none.
    gridding
        Holes and patterns in the coverage: :class:`Gridding`, true if there is gridding.
    hybrid_rule
        The rule of hybrid dilated convolution for `layers`: :class:`HybridRule`, true if it is satisfied.
    stride
        Distance of outputs, in inputs, one number per axis; below 1 if the network upsamples.
    latency
        Frames of lookahead before output n is returned; None: an image.
    layers
        The layers on the widest path through the network that have more than one tap or a stride, from the input on.
    costs
        :class:`Cost` of the network, and of two undilated ones with the same receptive field.
    axes
        ("frames",), ("frames", "bins") or ("rows", "columns"): the axes of the coverage.
    """

    receptive_field: float | tuple[int, ...]
    coverage: Coverage
    condition_coverage: Coverage | None
    gridding: Gridding
    hybrid_rule: HybridRule
    stride: Rates
    latency: int | None
    layers: tuple[Layer, ...]
    costs: tuple[Cost, Cost, Cost]
    axes: tuple[str, ...]

    @property
    def size(self) -> float:
        """Number of inputs in the bounding box of the receptive field."""
        return math.inf if self.coverage.endless else self.coverage.size

    def __str__(self) -> str:
        facts = {
            "receptive field": self.reach,
            "coverage": self.coverage,
            "conditioning": self.condition_coverage,
            "gridding": self.gridding,
            "hybrid rule": self.hybrid_rule,
            "stride": by(self.stride),
            "latency": None if self.latency is None else f"{self.latency:,} frames",
        }
        text = "\n".join(f"{name:15}  {value}" for name, value in facts.items() if value is not None)
        return "\n\n".join([text, *([layer_table(self.layers)] if self.layers else []), cost_table(self.costs)])

    @property
    def reach(self) -> str:
        """The receptive field as text."""
        if isinstance(self.receptive_field, tuple):
            return f"{by(self.receptive_field)} {' x '.join(self.axes)}"
        return "everything so far" if math.isinf(self.receptive_field) else f"{self.receptive_field:,} {self.axes[0]}"


def analyse(model_or_layers: Module | Sequence[Sequence[int | Sequence[int]]]) -> Analysis:
    """Analyse the receptive field of one output of a network: size, coverage, gridding, cost.

    Parameters
    ----------
    model_or_layers
        Any network, block or layer of ``wl.nn``; or a list of (kernel_size, dilation, stride), from the input on, the
        stride optional. With pairs (rows, columns) instead of integers, the layers are over images.

    Returns
    -------
    :class:`Analysis`. The layers of a list are causal over one axis (the output is at the newest input) and centred
    over two. If the output has bins, the middle one is analysed; if the network upsamples, its output frames read
    different inputs, and the one that reads most is analysed.

    Raises
    ------
    ArrayTypeError, ParameterError
        `model_or_layers` is neither; a number of a layer is invalid; or the coverage has more than 4,194,304 inputs.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> plain = wl.receptive_field.analyse([(2, 1, 1)] * 4)
    >>> plain.receptive_field, plain.coverage.counts.tolist()
    (5, [1, 4, 6, 4, 1])
    >>> print(wl.receptive_field.analyse([(2, 1, 1), (2, 2, 1), (2, 4, 1), (2, 8, 1)]))
    receptive field  16 frames
    coverage         all 16 inputs are seen, by 1 path each
    gridding         no: no holes; an even coverage
    hybrid rule      kept
    stride           1
    latency          0 frames
    <BLANKLINE>
    layer    kernel  dilation  stride  step  receptive field
    layer 1       2         1       1     1                2
    layer 2       2         2       1     2                4
    layer 3       2         4       1     4                8
    layer 4       2         8       1     8               16
    <BLANKLINE>
    cost          layers  parameters  MACs per frame  state, bytes
    this network       4           8               8            60
    holes filled       4          19              19            60
    more layers       15          30              30            60
    >>> images = wl.receptive_field.analyse([((3, 3), (2, 2), (1, 1))] * 3)
    >>> images.receptive_field, images.coverage.seen, bool(images.gridding)
    ((13, 13), 49, True)
    >>> model = wl.WaveNet(1, 256, kernel_size=2, dilations=[1, 2, 4, 8])
    >>> wl.receptive_field.analyse(model).receptive_field == model.receptive_field
    True
    """
    if isinstance(model_or_layers, Module):
        return of_model(model_or_layers)
    return of_list(listed(model_or_layers))


def of_model(model: Module) -> Analysis:
    output, trace = recorded(model, model.in_width or ANY_CHANNELS)
    found = count_paths(output)
    coverage = found.get("x") or nothing_seen()
    axes = ("frames", "bins")[: coverage.counts.ndim]
    layers = along_widest_path(output, trace, model, len(axes))
    return Analysis(
        receptive_field=output.clock.receptive_field,
        coverage=coverage,
        condition_coverage=found.get("c"),
        gridding=gridding(coverage, layers),
        hybrid_rule=rule_of(layers),
        stride=(output.clock.rate,),
        latency=output.clock.latency,
        layers=layers,
        costs=costs_of_model(model, output),
        axes=axes,
    )


def of_list(layers: tuple[Layer, ...]) -> Analysis:
    axes = ("rows", "columns") if len(layers[0].kernel_size) == 2 else ("frames",)
    coverage = plain_coverage(layers, len(axes))
    return Analysis(
        receptive_field=coverage.shape if len(axes) == 2 else coverage.size,
        coverage=coverage,
        condition_coverage=None,
        gridding=gridding(coverage, layers),
        hybrid_rule=rule_of(layers),
        stride=tuple(math.prod(layer.stride[axis] for layer in layers) for axis in range(len(axes))),
        latency=0 if len(axes) == 1 else None,
        layers=layers,
        costs=costs_of_list(layers),
        axes=axes,
    )


def plain_coverage(layers: tuple[Layer, ...], axes: int) -> Coverage:
    """The coverage of a sequence of layers, computed per axis, since kernels are separable in their positions."""
    parts = [count_paths(stack(layers, axis))["x"] for axis in range(axes)]
    if axes == 1:
        return parts[0]
    rows, columns = parts
    if rows.size * columns.size > MOST_CELLS:
        raise ParameterError(f"receptive field of {by((rows.size, columns.size))} inputs must be at most {MOST_CELLS}")
    counts = np.multiply.outer(exact(rows.counts, int(columns.counts.max())), columns.counts)
    counts.flags.writeable = False
    return Coverage(counts, rows.first + columns.first)


def stack(layers: tuple[Layer, ...], axis: int) -> Node:
    """The graph of the layers along one axis."""
    x: Node = nodes.Input((), 1, graph.Clock(), "x")
    for layer in layers:
        edge = Edge(x, int(layer.stride[axis]), layer.shift[axis], layer.dilation[axis], layer.kernel_size[axis])
        x = nodes.Conv((edge,), 1, graph.clock_after([edge]), (), (1,), ())
    return x


# Tables


def by(numbers: Sequence[int | Fraction]) -> str:
    return " x ".join(f"{number:,}" if isinstance(number, int) else str(number) for number in numbers)


def layer_table(layers: Sequence[Layer]) -> str:
    parts = ("kernel_size", "dilation", "stride", "step", "receptive_field")
    body = [[layer.name, *(by(getattr(layer, part)) for part in parts)] for layer in layers]
    head = ["layer", "kernel", "dilation", "stride", "step", "receptive field"]
    return "\n".join(table_lines([head, *body]))


def cost_table(costs: Sequence[Cost]) -> str:
    state = [] if costs[0].state_bytes is None else ["state, bytes"]
    head = ["cost", "layers", "parameters", "MACs per frame" if state else "MACs per pixel", *state]
    body = [
        [cost.name, f"{cost.layers:,}", f"{cost.parameters:,}", f"{cost.macs_per_frame:,.10g}",
         *([f"{cost.state_bytes:,}"] if state else [])]
        for cost in costs
    ]  # fmt: skip
    return "\n".join(table_lines([head, *body]))
