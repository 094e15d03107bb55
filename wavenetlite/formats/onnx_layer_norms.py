"""Layer normalisations that an exporter has written as their arithmetic, made one node again."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np

from wavenetlite.formats.onnx_file import OnnxGraph, OnnxNode

INPUTS = {
    "Sub": (2,), "Add": (2,), "Mul": (2,), "Div": (2,), "Pow": (2,), "Sqrt": (1,), "ReduceMean": (1, 2),
    "Identity": (1,),
}  # fmt: skip
"""How many the operations have that are looked at; damaged files have others."""


def with_layer_norms(file: OnnxGraph) -> OnnxGraph:
    """The graph with ``(x - mean) / sqrt(mean((x - mean)**2) + eps) * weight + bias`` as ``LayerNormalization``.

    Older exporters of PyTorch write it so. What does not fit the pattern stays as it is.
    """
    norms = LayerNorms(file)
    found = [norm for node in norms.nodes if node.kind == "Div" and (norm := norms.at(node)) is not None]
    gone = {id(node) for _, nodes in found for node in nodes}
    last = {id(nodes[-1]): made for made, nodes in found}
    nodes = [last.get(id(node), node) for node in file.nodes if id(node) not in gone or id(node) in last]
    return replace(file, nodes=nodes) if found else file


class LayerNorms:
    """Finds the arithmetic of a layer normalisation around its division."""

    def __init__(self, file: OnnxGraph) -> None:
        self.constants = file.constants
        self.nodes = [node for node in file.nodes if node.outputs and fits(node)]
        self.made_by = {name: node for node in self.nodes for name in node.outputs}
        self.readers = Counter(name for node in file.nodes for name in node.inputs) + Counter(file.outputs)
        self.read_by = {name: node for node in self.nodes for name in node.inputs}  # if by one only, by that

    def at(self, division: OnnxNode) -> tuple[OnnxNode, list[OnnxNode]] | None:
        """The node that a division is a part of, and the nodes that it stands for, in order; None: it is not."""
        difference, deviation = division.inputs
        minus, root = self.of("Sub", difference), self.of("Sqrt", deviation)
        plus = self.of("Add", root.inputs[0]) if root else None
        if minus is None or root is None or plus is None:
            return None
        mean, variance, eps = self.of("ReduceMean", minus.inputs[1]), *self.beside_constant(plus)
        spread = self.of("ReduceMean", variance)
        square = self.made_by.get(spread.inputs[0]) if spread else None
        if mean is None or spread is None or square is None or (epsilon := one_number(eps)) is None:
            return None
        if mean.inputs[0] != minus.inputs[0] or not (self.over_last(mean) and self.over_last(spread)):
            return None
        if not self.is_square(square, difference):
            return None
        inner = [mean, minus, square, spread, plus, root]
        if self.readers[difference] != 2 + (square.kind == "Mul") or any(
            self.readers[node.outputs[0]] != 1 for node in inner if node is not minus
        ):
            return None
        return self.scaled(division, minus.inputs[0], epsilon, [*inner, division])

    def scaled(
        self, division: OnnxNode, x: str, eps: float, nodes: list[OnnxNode]
    ) -> tuple[OnnxNode, list[OnnxNode]] | None:
        """With the weights that follow, which there must be, and the biases."""
        inputs, output = [x], division.outputs[0]
        for kind in ("Mul", "Add"):
            after = self.read_by.get(output) if self.readers[output] == 1 else None
            if after is None or after.kind != kind or self.constant_of(after, output) is None:
                break
            inputs.append(next(name for name in after.inputs if name != output))
            nodes, output = [*nodes, after], after.outputs[0]
        if len(inputs) < 2:
            return None
        options = {"axis": -1, "epsilon": eps}
        return OnnxNode("LayerNormalization", division.place, tuple(inputs), (output,), options), nodes

    def of(self, kind: str, name: str) -> OnnxNode | None:
        node = self.made_by.get(name)
        return node if node is not None and node.kind == kind else None

    def value(self, name: str) -> np.ndarray | None:
        """A constant of the file, also through nodes."""
        node = self.made_by.get(name)
        for _ in self.nodes:  # not for ever, where a damaged file has a circle
            if node is None or node.kind != "Identity":
                break
            name = node.inputs[0]
            node = self.made_by.get(name)
        held: Any = node.attributes.get("value") if node is not None and node.kind == "Constant" else None
        return self.constants.get(name) if held is None else np.asarray(held)

    def constant_of(self, node: OnnxNode, given: str) -> np.ndarray | None:
        """The other input of a node of two, if it is a constant."""
        others = [name for name in node.inputs if name != given]
        return self.value(others[0]) if len(node.inputs) == 2 and len(others) == 1 else None

    def beside_constant(self, node: OnnxNode) -> tuple[str, np.ndarray | None]:
        """The input of a node of two that is no constant, and the other."""
        for name in node.inputs:
            if (value := self.constant_of(node, name)) is not None:
                return name, value
        return "", None

    def is_square(self, node: OnnxNode, name: str) -> bool:
        if node.kind == "Mul":
            return tuple(node.inputs) == (name, name)
        power = self.value(node.inputs[1]) if node.kind == "Pow" and node.inputs[0] == name else None
        return one_number(power) == 2

    def over_last(self, node: OnnxNode) -> bool:
        """Whether a mean is over the last axis, which stays."""
        axes = self.value(node.inputs[1]) if len(node.inputs) > 1 else node.attributes.get("axes")
        given = [] if axes is None else np.asarray(axes).reshape(-1).tolist()
        return given == [-1] and bool(node.attributes.get("keepdims", 1))


def fits(node: OnnxNode) -> bool:
    return node.kind not in INPUTS or len(node.inputs) in INPUTS[node.kind]


def one_number(value: np.ndarray | None) -> float | None:
    """The number in an array of one; None for anything else."""
    return float(value.reshape(-1)[0]) if value is not None and value.size == 1 and value.dtype.kind in "fiu" else None
