"""TFLite files with a second network behind an IF: it is asked where the first one's score reaches a bound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from wavenetlite import nn
from wavenetlite.formats import tflite_import
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.tflite_file import Graph, TfliteFile
from wavenetlite.nn.integer import Rounding
from wavenetlite.support.errors import ModelFileError

STEEP = 2.0**60
"""A difference of one in the last place, times this, is far above 1."""


def has_verifier(graph: Graph) -> bool:
    return bool(graph.nodes) and graph.nodes[-1].kind == "IF"


def network(file: TfliteFile, graph: Graph, frames: int | None, rounding: Rounding) -> nn.Graph:
    """``second(x) if first(x) >= bound else first(x)``, of one score.

    Raises
    ------
    ModelFileError
        What is before the IF is no score and a bound, or one branch does more than give that score.
    """
    choice = graph.nodes[-1]
    place = choice.place
    score, bound, before = compared(graph, choice)
    if list(choice.outputs) != graph.outputs or len(graph.inputs) != 1:
        raise ModelFileError(f"{place}: must give the output of a graph of one input")
    first = Graph(before, graph.tensors, graph.inputs, [score])
    yes, no = (branch(file, graph, choice, name) for name in ("then", "else"))
    if no.nodes or given_to(no, choice).get(no.outputs[0]) != score:
        raise ModelFileError(f"{place}: its else branch must give the score that was compared")
    second = signal_only(yes, graph, choice)
    nets = [tflite_import.network(file, one, frames, rounding) for one in (first, second)]
    return gated(nets[0], nets[1], bound)


def compared(graph: Graph, choice: OnnxNode) -> tuple[str, float, list[OnnxNode]]:
    """The score that the condition of an IF compares, the bound that it must reach, and the operators before."""
    nodes, made = graph.nodes[:-1], choice.inputs[:1]
    if nodes and nodes[-1].kind == "RESHAPE" and nodes[-1].outputs[:1] == made:
        made, nodes = nodes[-1].inputs[:1], nodes[:-1]
    if not made or not nodes or nodes[-1].kind != "GREATER_EQUAL" or nodes[-1].outputs[:1] != made:
        raise ModelFileError(f"{choice.place}: its condition must be GREATER_EQUAL of a score and a bound")
    if len(nodes[-1].inputs) != 2:
        raise ModelFileError(f"{nodes[-1].place}: has {len(nodes[-1].inputs)} inputs; it must have two")
    score, bound = nodes[-1].inputs
    value = graph.tensors[bound].data if bound in graph.tensors else None
    if value is None or value.size != 1 or not np.isfinite(value).all():
        raise ModelFileError(f"{nodes[-1].place}: must compare with one number")
    return score, float(value.reshape(-1)[0]), nodes[:-1]


def branch(file: TfliteFile, graph: Graph, choice: OnnxNode, name: str) -> Graph:
    """A branch of an IF, which must take what the IF is given."""
    made = file.graph(int(choice.attributes[name]))
    if len(made.inputs) != len(choice.inputs) - 1 or len(made.outputs) != 1 or has_verifier(made):
        raise ModelFileError(f"{choice.place}: its {name} branch must take its {len(choice.inputs) - 1} inputs, give"
                             " one output, and have no IF of its own")  # fmt: skip
    return made


def given_to(made: Graph, choice: OnnxNode) -> dict[str, str]:
    """What the IF gives for each input of a branch."""
    return dict(zip(made.inputs, choice.inputs[1:], strict=True))


def signal_only(made: Graph, graph: Graph, choice: OnnxNode) -> Graph:
    """A branch as a graph of one input, the signal: what else it is given are constants."""
    signal, tensors = [], dict(made.tensors)
    for name, given in given_to(made, choice).items():
        if given == graph.inputs[0]:
            signal.append(name)
        elif name in tensors and given in graph.tensors and graph.tensors[given].data is not None:
            tensors[name] = replace(tensors[name], data=graph.tensors[given].data)
        elif any(name in node.inputs for node in made.nodes):
            raise ModelFileError(f"{choice.place}: its then branch computes with {given!r}; it must read the signal")
    return Graph(made.nodes, tensors, signal, made.outputs)


def gated(first: nn.Module, second: nn.Module, bound: float) -> nn.Graph:
    """The second score where the first reaches the bound, else the first."""
    below = float(np.nextafter(np.float32(bound), np.float32(-np.inf)))
    width = first.in_width
    if width is None or width != second.in_width or any(one.graph(width).channels != 1 for one in (first, second)):
        raise ModelFileError("an IF must choose between two networks that give one score of the same input")
    return nn.Graph(width, [
        ["first", first, ["x"]],
        ["second", second, ["x"]],
        ["above", linear(STEEP, -below * STEEP), ["first"]],
        ["passed", nn.Activation("hardtanh", min_val=0.0, max_val=1.0), ["above"]],
        ["failed", linear(-1.0, 1.0), ["passed"]],
        ["verified", "multiply", ["passed", "second"]],
        ["refused", "multiply", ["failed", "first"]],
        ["score", "add", ["verified", "refused"]],
    ])  # fmt: skip


def linear(weight: float, bias: float) -> nn.Linear:
    layer = nn.Linear(1, 1)
    layer.load_state_dict({"weight": np.array([[weight]], np.float32), "bias": np.array([bias], np.float32)})
    return layer
