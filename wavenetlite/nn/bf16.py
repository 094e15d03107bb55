"""Networks whose weights are numbers of bf16, and networks that compute with such numbers throughout."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any, ClassVar

from wavenetlite import nodes
from wavenetlite.graph import Node, index_counts, topological_order
from wavenetlite.kernels.bf16 import are_bf16
from wavenetlite.nn.combine import Chain
from wavenetlite.nn.module import Module, is_training
from wavenetlite.support.errors import ParameterError


class Bf16Weights(Chain):
    """A sequence of layers whose weights are numbers of bf16, which take half the memory: :func:`wavenetlite.quantize`
    makes one with ``weights="bf16"``.

    Weights are the parameters of at least two dimensions of convolutions, linear and recurrent layers; biases,
    normalisation and slopes are float32 as ever, and so are all sums: a network gives the same bits as the same layers
    with the same weights in float32. What is gained is memory, in the file and in the caches. It cannot be trained:
    steps of training are mostly smaller than bf16 resolves.

    Parameters
    ----------
    layers
        Modules in sequence. Weights that are not numbers of bf16 are refused when the network is run or saved.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> model = wl.TCN(4, 2, channels=8, dilations=[1, 2], seed=1)
    >>> half = wl.quantize(model, weights="bf16")
    >>> [type(layer).__name__ for layer in half], half.bf16_count
    (['TCN'], 688)
    """

    option: ClassVar[str] = "weights"
    """Of `wavenetlite.quantize`, which makes it."""

    def bf16_names(self) -> set[str]:
        return {
            path + name
            for path, module in self.modules()
            for name, shape in module.parameter_shapes().items()
            if is_weight(module, name, shape)
        }

    def build(self, x: Node, c: Node | None) -> Node:
        if is_training.get():
            raise ParameterError(f"weights of {type(self).__name__} cannot be trained: train the network in float32, "
                                 "then quantise")  # fmt: skip
        for path, module in self.modules():
            for name, shape in module.parameter_shapes().items():
                if is_weight(module, name, shape) and not are_bf16(module.parameter(name)):
                    raise ParameterError(f"{path}{name} has values that are not bf16, as in {type(self).__name__} they "
                                         f"must be: wl.quantize(model, {self.option}='bf16') rounds them")  # fmt: skip
        return super().build(x, c)

    def some(self, layers: list[Module]) -> Chain:
        return type(self)(layers)


class Bf16(Bf16Weights):
    """A sequence of layers that compute with numbers of bf16: :func:`wavenetlite.quantize` makes one with
    ``dtype="bf16"``.

    Weights are those of `Bf16Weights`. Besides, the input, the conditioning and what every operation gives are rounded
    to the nearest number of bf16, ties to even. Inside an operation everything is float32: the sums of products,
    biases, the states of recurrent layers and of pools. A convolution, its bias and a ReLU behind it are one operation.

    Parameters
    ----------
    layers
        Modules in sequence. Weights that are not numbers of bf16 are refused when the network is run or saved.

    Notes
    -----
    Products of two numbers of bf16 are exact in float32, and their sums have the order that they always have. No bf16
    instruction is used: AVX512-BF16's ``VDPBF16PS`` adds in an order and with a rounding of its own. Frames stay 32
    bits wide in memory.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> model = wl.TCN(4, 2, channels=8, dilations=[1, 2], seed=1)
    >>> small = wl.quantize(model, dtype="bf16")
    >>> y = small(np.ones((1, 4), np.float32))
    >>> type(small).__name__, bool((y.view(np.uint32) % 2**16 == 0).all())
    ('Bf16', True)
    """

    option: ClassVar[str] = "dtype"
    rounds_frames: ClassVar[bool] = True

    def build(self, x: Node, c: Node | None) -> Node:
        indices = index_counts(super().build(x, c))  # classes that an embedding reads are no numbers to be rounded
        entrances = [node if node.signal in indices else rounded(node) for node in (x, c) if node is not None]
        return with_roundings(super().build(entrances[0], entrances[1] if c is not None else None), entrances)

    def torch_forward(self, twin: Any, x: Any) -> Any:
        raise ParameterError("Bf16 has no counterpart in PyTorch, whose sums are others: take a Sequential of its "
                             "layers, and PyTorch's own bfloat16()")  # fmt: skip


def rounded(node: Node) -> Node:
    return nodes.activate(node, "bf16")


def with_roundings(output: Node, entrances: list[Node]) -> Node:
    """The operations between the entrances, which are rounded, and `output`; each rounds what it gives."""
    order = topological_order(output)
    readers = Counter(edge.node for node in order for edge in node.edges)
    completed = {node.edges[0].node for node in order if completes(node) and readers[node.edges[0].node] == 1}
    made = {node: node for node in entrances}
    for node in order:
        if not any(edge.node in made for edge in node.edges):
            continue  # before the entrances, or one of them
        own = replace(node, edges=tuple(replace(edge, node=made[edge.node]) for edge in node.edges))
        as_it_is = node in completed or node.quantization is not None or keeps_bf16(node, completed)
        made[node] = own if as_it_is else rounded(own)
    return made[output]


def completes(node: Node) -> bool:
    """Whether it is one operation with the convolution before it: its bias, or a ReLU."""
    bias = isinstance(node, nodes.Norm) and bool((node.scale == 1).all())
    source = node.edges[0].node if node.edges else node
    return (bias or node.is_relu) and isinstance(source, nodes.Conv | nodes.Conv2d | nodes.Norm)


def keeps_bf16(node: Node, completed: set[Node]) -> bool:
    """Whether it gives numbers of bf16 by itself: some of those that it reads."""
    chooses = node.is_relu or isinstance(node, nodes.Slice | nodes.Concat | nodes.MaxPool)
    return chooses and not any(edge.node in completed for edge in node.edges)


def is_weight(module: Module, name: str, shape: tuple[int, ...]) -> bool:
    """Whether a module's own parameter is one of the weights that may be bf16."""
    return name.startswith("weight") and len(shape) > 1 and name not in module.parameter_dtypes()
