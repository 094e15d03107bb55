"""Damaged TFLite graphs, whose operators lack inputs, outputs or sizes: each is refused in one line.

The long run of `mutated_models.py` found each of these.
"""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.speech_embedding import embedding_of
from wavenetlite.formats.tflite_file import Graph, Tensor, TfliteFile
from wavenetlite.formats.tflite_verifier import compared, signal_only
from wavenetlite.support.errors import ModelFileError

CONV = {"dilation_h": 1, "dilation_w": 1, "padding": 1, "stride_h": 1, "stride_w": 1, "activation": 0}
POOL = {"height": 1, "width": 2, "stride_h": 1, "stride_w": 2, "padding": 0, "activation": 0}


def tensor(name, shape=(), data=None):
    return Tensor(name, "float32", shape, shape, None, None, 0, data)


def embedding(kind, inputs=("x",), outputs=("y",), attributes=None):
    x = tensor("x", (1, 8, 4, 1))
    node = OnnxNode(kind, f"operator 0 ({kind})", tuple(inputs), tuple(outputs), attributes or {})
    return Graph([node], {"x": x}, ["x"], ["y"])


@pytest.mark.parametrize(("graph", "message"), [
    (embedding("PAD"), "operator 0 (PAD): lacks a constant"),
    (embedding("MAXIMUM"), "operator 0 (MAXIMUM): lacks a constant"),
    (embedding("CONV_2D", attributes=CONV), "operator 0 (CONV_2D): lacks a constant"),
    (embedding("LEAKY_RELU", outputs=(), attributes={"alpha": 0.2}), "operator 0 (LEAKY_RELU): has 0 outputs"),
    (embedding("MAX_POOL_2D", attributes=POOL | {"width": 0, "stride_w": 0}), "kernel=(1, 0) and stride=(1, 0)"),
    (embedding("MAX_POOL_2D", attributes=POOL | {"stride_h": -1}), "they must be at least 1"),
])  # fmt: skip
def test_an_embedding_with_a_damaged_operator(graph, message):
    with pytest.raises(ModelFileError) as raised:
        embedding_of(graph)
    assert message in str(raised.value) and "\n" not in str(raised.value)


def verifier():
    """The end of a file with a second network: a score, compared, and a choice."""
    nodes = [
        OnnxNode("LOGISTIC", "operator 0 (LOGISTIC)", ("x",), ("score",), {}),
        OnnxNode("GREATER_EQUAL", "operator 1 (GREATER_EQUAL)", ("score", "bound"), ("above",), {}),
        OnnxNode("IF", "operator 2 (IF)", ("above", "x"), ("out",), {"then": 1, "else": 2}),
    ]
    return Graph(nodes, {"bound": tensor("bound", (1,), np.array([0.5], np.float32))}, ["x"], ["out"])


def test_a_verifier_that_is_whole():
    graph = verifier()
    score, bound, before = compared(graph, graph.nodes[-1])
    assert (score, bound, before) == ("score", 0.5, graph.nodes[:1])


@pytest.mark.parametrize(("at", "changes", "message"), [
    (1, {"outputs": ()}, "its condition must be GREATER_EQUAL"),
    (1, {"inputs": ("score",)}, "has 1 inputs; it must have two"),
    (1, {"kind": "RESHAPE", "outputs": ()}, "its condition must be GREATER_EQUAL"),
    (1, {"kind": "RESHAPE", "inputs": ()}, "its condition must be GREATER_EQUAL"),
    (2, {"inputs": ()}, "its condition must be GREATER_EQUAL"),
])  # fmt: skip
def test_a_verifier_with_a_damaged_operator(at, changes, message):
    graph = verifier()
    graph.nodes[at] = replace(graph.nodes[at], **changes)
    with pytest.raises(ModelFileError, match=message):
        compared(graph, graph.nodes[-1])


@pytest.mark.parametrize(("inputs", "given"), [(["signal", "more"], ""), (["signal", ""], "bound")])
def test_a_branch_that_is_given_what_is_not_there(inputs, given):
    """An input that an operator leaves out has the name ""; a branch that reads it is refused, another one is not."""
    graph = verifier()
    choice = replace(graph.nodes[-1], inputs=("above", "x", given))
    reads = OnnxNode("ADD", "operator 0 (ADD)", tuple(inputs), ("out",), {})
    branch = Graph([reads], {"signal": tensor("signal"), "more": tensor("more")}, inputs, ["out"])
    with pytest.raises(ModelFileError, match="its then branch computes with"):
        signal_only(branch, graph, choice)
    assert signal_only(replace(branch, nodes=[]), graph, choice).inputs == ["signal"]


@pytest.mark.parametrize("index", [-1, -7, 1])
def test_a_graph_that_the_file_does_not_have(index):
    file = object.__new__(TfliteFile)
    file.model = SimpleNamespace(subgraphs=[SimpleNamespace()])
    with pytest.raises(ModelFileError, match=f"it has 1 graphs, and asks for number {index}"):
        file.graph(index)
