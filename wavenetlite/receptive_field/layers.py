"""The layers that determine a receptive field: from a list, or along the widest path through a network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import Any

from wavenetlite.graph import Edge, Node, topological_order
from wavenetlite.nn.module import Module, Trace
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError

MOST_LAYERS = 4096
Numbers = tuple[int, ...]
Rates = tuple[int | Fraction, ...]
"""Rates are fractions if a network upsamples."""


@dataclass(frozen=True)
class Layer:
    """A layer with more than one tap or a stride; numbers are per axis: (frames,), (frames, bins) or (rows, columns).

    Attributes
    ----------
    name
        "layer 1", or the layer's path in the model.
    kernel_size, dilation, stride
        Taps, and the distances of taps and of outputs in positions of its input; a stride below 1 upsamples.
    shift
        Position of the first tap relative to the output.
    step
        Distance of taps in positions of the network's input: the dilation times the preceding strides.
    receptive_field
        Receptive field of this layer's output along the path.
    """

    name: str
    kernel_size: Numbers
    dilation: Numbers
    stride: Rates
    shift: Numbers
    step: Rates
    receptive_field: Numbers


Sizes = tuple[Numbers, Numbers, Rates, Numbers]
"""Kernel size, dilation, stride and shift, one number per axis each."""


def chain(names: Sequence[str], sizes: Sequence[Sizes]) -> tuple[Layer, ...]:
    """A sequence of layers."""
    layers: list[Layer] = []
    rate: Rates = (1,) * len(sizes[0][0]) if sizes else ()
    reach = rate
    for name, (kernel_size, dilation, stride, shift) in zip(names, sizes, strict=True):
        step = tuple(d * r for d, r in zip(dilation, rate, strict=True))
        reach = tuple(n + (k - 1) * s for n, k, s in zip(reach, kernel_size, step, strict=True))
        rate = tuple(s * r for s, r in zip(stride, rate, strict=True))
        layers.append(Layer(name, kernel_size, dilation, stride, shift, step, tuple(map(floor, reach))))
    return tuple(layers)


# Lists


def listed(layers: Any) -> tuple[Layer, ...]:
    """Layers from a list of (kernel_size, dilation, stride), in integers, or in pairs for two axes."""
    if not isinstance(layers, list | tuple):
        raise ArrayTypeError(
            f"model_or_layers is a {type(layers).__name__}; it must be a Module of wl.nn or a list of (kernel_size, "
            "dilation, stride)"
        )
    if not 1 <= len(layers) <= MOST_LAYERS:
        raise ParameterError(f"layers has {len(layers)} entries; it must have 1 to {MOST_LAYERS}")
    sizes = [sizes_of(f"layers[{index}]", layer) for index, layer in enumerate(layers)]
    axes = {len(kernel_size) for kernel_size, *_ in sizes}
    if len(axes) > 1:
        raise ParameterError("layers has entries of one and of two axes; they must have equally many")
    return chain([f"layer {number}" for number in range(1, len(sizes) + 1)], sizes)


def sizes_of(name: str, layer: Any) -> Sizes:
    """Sizes of one layer of a list: causal over one axis, centred over two."""
    if not isinstance(layer, list | tuple) or len(layer) not in (2, 3):
        raise ParameterError(f"{name}={layer!r:.80} must be (kernel_size, dilation, stride) or (kernel_size, dilation)")
    parts = ("kernel_size", "dilation", "stride")
    given = dict(zip(parts, layer, strict=False))
    axes = 2 if any(isinstance(part, list | tuple) for part in layer) else 1
    kernel_size, dilation, stride = (numbers_of(f"{name} {part}", given.get(part, 1), axes) for part in parts)
    shift = tuple(-((k - 1) * d // axes) for k, d in zip(kernel_size, dilation, strict=True))
    return kernel_size, dilation, stride, shift


def numbers_of(name: str, value: Any, axes: int) -> Numbers:
    """One positive integer per axis; a single one applies to all axes."""
    if not isinstance(value, list | tuple):
        return (positive_int(name, value),) * axes
    if len(value) != axes:
        raise ParameterError(f"{name}={value!r:.80} must be an integer, or {axes} integers, one per axis")
    return tuple(positive_int(f"{name}[{axis}]", number) for axis, number in enumerate(value))


# Networks


def along_widest_path(output: Node, trace: Trace, model: Module, axes: int) -> tuple[Layer, ...]:
    """The layers on the path with the largest receptive field over time."""
    names = names_of(trace, model)
    used = [(node, index) for node, index in widest_path(output) if widens(node, node.edges[index])]
    return chain(
        [names.get(node, {}).get(index, type(node).__name__) for node, index in used],
        [axis_sizes(node, node.edges[index], axes) for node, index in used],
    )


def widest_path(output: Node) -> list[tuple[Node, int]]:
    """(operation, index of its edge), from the input on; of equally wide paths the one with more layers."""
    reach: dict[Node, tuple[int | Fraction, int]] = {}
    taken: dict[Node, int] = {}
    for node in topological_order(output):
        options = []
        for edge in node.edges:
            width, layers = reach[edge.node]
            own = (edge.taps - 1) * edge.spacing * edge.node.clock.rate
            options.append((width + own, layers + widens(node, edge)))
        if options:
            taken[node] = options.index(max(options))
        reach[node] = max(options, default=(0, 0))
    path = []
    node = output
    while node.edges:
        path.append((node, taken[node]))
        node = node.edges[taken[node]].node
    return path[::-1]


def widens(node: Node, edge: Edge) -> bool:
    return edge.taps > 1 or edge.stride > 1 or node.phases > 1 or node.over_bins.taps > 1


def axis_sizes(node: Node, edge: Edge, axes: int) -> Sizes:
    """Sizes of one operation; for a transposed convolution, in terms of what a block of frames reads."""
    stride = edge.stride if node.phases == 1 else Fraction(edge.stride, node.phases)
    bins = node.over_bins
    return (
        (edge.taps, bins.taps)[:axes],
        (edge.spacing, bins.spacing)[:axes],
        (stride, bins.stride)[:axes],
        (edge.shift, bins.shift)[:axes],
    )


def names_of(trace: Trace, model: Module) -> dict[Node, dict[int, str]]:
    """Names of the layers that made a node's edges. A shared layer has its first name."""
    paths: dict[int, str] = {}
    for path, module in model.modules():
        paths.setdefault(id(module), path.rstrip(".") or type(module).__name__)
    names: dict[Node, dict[int, str]] = {}
    for module, _, out, _ in trace:
        if not module.children():
            mine = names.setdefault(out, {})
            name = paths.get(id(module), type(module).__name__)
            if name not in mine.values():  # `convolve` and `connect` both record a layer
                mine[len(mine)] = name
    return names


def dilations_of(dilations: Any) -> list[int]:
    """A checked list of dilations."""
    if not isinstance(dilations, list | tuple):
        raise ArrayTypeError(f"dilations is a {type(dilations).__name__}; it must be a list of integers")
    if not 1 <= len(dilations) <= MOST_LAYERS:
        raise ParameterError(f"dilations has {len(dilations)} entries; it must have 1 to {MOST_LAYERS}")
    return [positive_int(f"dilations[{index}]", dilation) for index, dilation in enumerate(dilations)]
