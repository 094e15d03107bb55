"""One call of an ONNX graph, computed with NumPy: graphs that branch are read by what a call of them does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from wavenetlite.formats.onnx_constants import FOLDED, Row, axes_of, bounded, computed, integers
from wavenetlite.formats.onnx_file import OnnxGraph, OnnxNode, subgraph
from wavenetlite.support.errors import ModelFileError

MOST_STEPS = 20_000
"""Nodes that a call may run."""
MOST_DEPTH = 16
"""Branches within branches."""
WEIGHTED = ("Conv", "LSTM", "Gemm")

Values = dict[str, Any]


@dataclass(frozen=True)
class Step:
    """A node with weights that a call ran, and what it was given; inputs that are left out are None."""

    node: OnnxNode
    inputs: list[Any]


@dataclass
class Call:
    """What a call of a graph ran.

    Attributes
    ----------
    outputs
        By name.
    steps
        The nodes with weights, in the order in which they were run.
    """

    outputs: Values = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    count: int = 0


def call(graph: OnnxGraph, inputs: Mapping[str, Any]) -> Call:
    """Run a graph once; branches are taken as its conditions say.

    Raises
    ------
    ModelFileError
        A node is not known here, or cannot be computed of what it is given.
    """
    made = Call()
    values: Values = {**graph.constants, **inputs}
    run(graph, values, made, 0)
    made.outputs = {name: values[name] for name in graph.outputs}
    return made


def run(graph: OnnxGraph, values: Values, made: Call, depth: int) -> None:
    """Run the nodes of a graph; `values` gets what they give."""
    if depth > MOST_DEPTH:
        raise ModelFileError(f"its graph has more than {MOST_DEPTH} branches within each other")
    for node in graph.nodes:
        made.count += 1
        if made.count > MOST_STEPS:
            raise ModelFileError(f"a call of its graph runs more than {MOST_STEPS} nodes")
        for name in node.inputs:
            if name and name not in values:
                raise ModelFileError(f"{node.place}: reads {name!r}, which nothing gives")
        given = [values[name] if name else None for name in node.inputs]
        values.update(zip(node.outputs, outputs_of(node, given, values, made, depth), strict=False))
    for name in graph.outputs:
        if name not in values:
            raise ModelFileError(f"its graph has the output {name!r}, which nothing gives")


def outputs_of(node: OnnxNode, given: list[Any], values: Values, made: Call, depth: int) -> Any:
    if node.kind == "If":
        branch = node.attributes.get("then_branch" if np.asarray(given[0]).any() else "else_branch")
        inner = subgraph(branch, node.place)
        known = {**values, **inner.constants}
        run(inner, known, made, depth + 1)
        return [known[name] for name in inner.outputs]
    if node.kind in WEIGHTED:
        made.steps.append(Step(node, given))
    row = COMPUTED.get(node.kind) or FOLDED.get(node.kind)
    if row is None:
        raise ModelFileError(f"{node.place}: is not known here in a graph that branches")
    try:
        return computed(row, node, given)
    except ModelFileError as error:
        raise ModelFileError(f"{node.place}: {error}") from None


def sigmoid(x: Any) -> Any:
    return (1 / (1 + np.exp(-x))).astype(x.dtype)


def pad(node: OnnxNode, inputs: list[Any]) -> Any:
    mode = node.attributes.get("mode", "constant")
    pads = integers(node.given(inputs, 1, "pads"))
    before, after = pads[: len(pads) // 2], pads[len(pads) // 2 :]
    bounded([n + a + b for n, a, b in zip(inputs[0].shape, before, after, strict=True)], inputs)
    if mode not in ("constant", "reflect", "edge"):
        raise ModelFileError(f"has mode={mode!r}")
    return np.pad(inputs[0], list(zip(before, after, strict=True)), mode)


def convolution(node: OnnxNode, inputs: list[Any]) -> Any:
    """Of one dimension, without dilation and groups."""
    x, weight, *bias = inputs
    options = node.attributes
    if x.ndim != 3 or options.get("group", 1) != 1 or options.get("dilations", [1]) != [1]:
        raise ModelFileError("must be a convolution over time without dilation and groups")
    if options.get("auto_pad", "NOTSET") != "NOTSET":
        raise ModelFileError(f"has auto_pad={options['auto_pad']!r}; it must be 'NOTSET'")
    padded = np.pad(x, [(0, 0), (0, 0), tuple(options.get("pads", [0, 0]))])
    windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2], axis=2)
    made = np.einsum("bctk,ock->bot", windows[:, :, :: options.get("strides", [1])[0]], weight, optimize=True)
    return made + bias[0][:, np.newaxis] if bias else made


def gemm(node: OnnxNode, inputs: list[Any]) -> Any:
    a, b, *c = inputs
    options = node.attributes
    a, b = (a.T if options.get("transA") else a), (b.T if options.get("transB") else b)
    made = a @ b * a.dtype.type(options.get("alpha", 1.0))
    return made + c[0] * a.dtype.type(options.get("beta", 1.0)) if c else made


def lstm(node: OnnxNode, inputs: list[Any]) -> Any:
    """Forward, with both first states given."""
    x, weight, recurrent, bias, _, h, c = [*inputs, *(7 - len(inputs)) * [None]][:7]
    if node.attributes.get("direction", "forward") != "forward" or node.attributes.get("layout", 0) or bias is None:
        raise ModelFileError("must be a forward LSTM with biases")
    both = bias[0][: len(bias[0]) // 2] + bias[0][len(bias[0]) // 2 :]
    h, c = h[0], c[0]
    every = []
    for frame in x:
        i, o, f, g = np.split(frame @ weight[0].T + h @ recurrent[0].T + both, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        every.append(h[np.newaxis])
    return [np.stack(every), h[np.newaxis], c[np.newaxis]]


def mean(node: OnnxNode, inputs: list[Any]) -> Any:
    return np.mean(inputs[0], axis=axes_of(node, inputs), keepdims=bool(node.attributes.get("keepdims", 1)))


COMPUTED: dict[str, Row | Callable[..., Any]] = {
    "Pad": pad, "Conv": convolution, "Gemm": gemm, "LSTM": lstm, "ReduceMean": mean,
    "Relu": lambda node, inputs: np.maximum(inputs[0], 0), "Sigmoid": lambda node, inputs: sigmoid(inputs[0]),
    "Tanh": lambda node, inputs: np.tanh(inputs[0]),
    "Size": lambda node, inputs: np.array(inputs[0].size, np.int64),
}  # fmt: skip
"""What a signal is computed with, besides `FOLDED`."""


def branches(graph: OnnxGraph) -> Iterator[OnnxGraph]:
    """The branches of a graph, not those within them."""
    for node in graph.nodes:
        for name in ("then_branch", "else_branch"):
            if node.kind == "If" and node.attributes.get(name) is not None:
                yield subgraph(node.attributes[name], node.place)
