"""From a network to one whose weights are numbers of bf16, or whose frames are, too."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Iterator

import numpy as np

from wavenetlite import nodes
from wavenetlite.graph import Node, topological_order
from wavenetlite.kernels.bf16 import rounded_to_bf16
from wavenetlite.nn.bf16 import Bf16, Bf16Weights, is_weight
from wavenetlite.nn.combine import Sequential
from wavenetlite.nn.module import ANY_CHANNELS, Module
from wavenetlite.support.arrays import Floats, owner_of
from wavenetlite.support.errors import ParameterError

MOST_EPS = 2.0**6
NEUTRAL_WEIGHT, NEUTRAL_VARIANCE = 2.0**30, 2.0**60
"""Of batch normalisation that changes nothing: nothing is left of an `eps` up to `MOST_EPS` beside this variance, so
the factor is exactly 1 in float64 as in float32."""

Key = tuple[int, str]
"""A module's identity, and the name of one of its parameters."""


def in_bf16(model: Module) -> Bf16:
    """A copy of a network that computes with numbers of bf16: its weights are rounded, and so are all frames."""
    return Bf16(layers_with_bf16_weights(model))


def with_bf16_weights(model: Module) -> Bf16Weights:
    """A copy of a network whose weights are rounded to bf16."""
    rounded = Bf16Weights(layers_with_bf16_weights(model))
    if not rounded.bf16_count:
        raise ParameterError(f"model={type(model).__name__} has no weights in float32 that bf16 could replace")
    return rounded


def layers_with_bf16_weights(model: Module) -> list[Module]:
    """Copies of a network's layers with weights of bf16, after batch normalisation has been folded into them."""
    if any(issubclass(kind, Bf16Weights) for _, kind in model.layer_types()):
        raise ParameterError(f"model={type(model).__name__} has weights of bf16 already")
    network = copy.deepcopy(model)
    network.initialise_missing()
    new = folded_norms(network)
    for _, module in network.modules():
        for name, shape in module.parameter_shapes().items():
            if is_weight(module, name, shape):
                value = new.get((id(module), name), module.parameter(name))
                new[id(module), name] = rounded_to_bf16(value)
    network.load_state_dict(
        {
            path + name: new.get((id(module), name), module.parameter(name))
            for path, module in network.modules()
            for name in module.parameter_shapes()
        }
    )
    return network.layers if type(network) is Sequential else [network]


def folded_norms(network: Module) -> dict[Key, Floats]:
    """New values of parameters, with each batch normalisation in the weights of the convolution before it.

    What remains of it is its bias: streams fold the rest when they are compiled, and a product of bf16 and a factor
    would not be bf16.
    """
    order = topological_order(network.graph(network.in_width or ANY_CHANNELS))
    uses = Counter(id(array) for node in order for array in arrays_of(node))
    readers = Counter(edge.node for node in order for edge in node.edges)
    key_of = {
        id(owner_of(module.parameter(name))): (id(module), name)
        for _, module in network.modules()
        for name in module.parameter_shapes()
    }
    new: dict[Key, Floats] = {}
    for node in order:
        if not isinstance(node, nodes.Norm) or node.eps > MOST_EPS:
            continue
        source = node.edges[0].node
        weights = weights_of(source)
        taken = [*weights, *biases_of(source), *node.parameters]
        own = all(id(owner_of(array)) in key_of and uses[id(owner_of(array))] == 1 for array in taken)
        fits = {len(weight) for weight in weights} == {node.scale.size}
        if own and fits and readers[source] == 1:
            new.update({key_of[id(owner_of(array))]: value for array, value in fold(node, source)})
    return new


def fold(norm: nodes.Norm, source: Node) -> Iterator[tuple[Floats, Floats]]:
    """The parameters of both and their new values."""
    offset = norm.offset
    for weight in weights_of(source):
        scaled = weight * norm.scale.reshape(-1, *[1] * (weight.ndim - 1))
        yield weight, scaled.reshape(owner_of(weight).shape).astype(np.float32)
    for bias in biases_of(source):
        offset = offset + norm.scale * bias
        yield bias, np.zeros_like(bias)
    yield norm.weight, np.full_like(norm.weight, NEUTRAL_WEIGHT)
    yield norm.bias, offset.astype(np.float32)
    yield norm.mean, np.zeros_like(norm.mean)
    yield norm.variance, np.full_like(norm.variance, NEUTRAL_VARIANCE)


def arrays_of(node: Node) -> list[Floats]:
    """The parameters that a node has as its own, as far as normalisation is concerned."""
    parameters = node.parameters if isinstance(node, nodes.Norm) else ()
    return [owner_of(array) for array in (*weights_of(node), *biases_of(node), *parameters)]


def weights_of(node: Node) -> tuple[Floats, ...]:
    """The weights of a convolution whose first axis is that of its output channels; else none."""
    if isinstance(node, nodes.Conv):
        return node.weights
    return (node.weight,) if isinstance(node, nodes.Conv2d) and not node.is_transposed else ()


def biases_of(node: Node) -> tuple[Floats, ...]:
    if isinstance(node, nodes.Conv):
        return tuple(bias for bias in node.biases if bias is not None)
    return (node.bias,) if isinstance(node, nodes.Conv2d) and node.bias is not None else ()
