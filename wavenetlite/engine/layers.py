"""Layers of narrow residual networks: pairs of steps that one kernel computes (see kernels/layer.pxi.in)."""

from __future__ import annotations

from wavenetlite.engine.fusion import Step
from wavenetlite.graph import Edge, Node


def join_layers(steps: list[Step]) -> list[Step]:
    """Mark the layers, and move each step that is merged into another directly behind it. Weights must be packed."""
    ordered: list[Step] = []
    done: set[Node] = set()
    for step in steps:
        if step.merged:
            continue
        step.layer = begins_layer(step)
        ordered.append(step)
        done.update((step.node, *(step.total or ())))
        after = next((user for user in steps if step.layer and ends_layer(user, step, done)), None)
        if after is not None:
            after.merged = True
            ordered.append(after)
            done.add(after.node)
    return ordered


def begins_layer(step: Step) -> bool:
    """Whether it is a convolution with tanh and nothing else, for the kernel."""
    call = step.call
    return call.activation == "tanh" and not call.residual and is_plain(step)


def ends_layer(step: Step, before: Step, done: set[Node]) -> bool:
    """Whether it is a 1x1 convolution of the output of `before`, with a residual that is `done` by then."""
    if step.merged or step.residual is None or step.total is not None or len(step.edges) != 1:
        return False
    edge, residual = step.edges[0], step.residual
    return (
        edge.node is before.node
        and edge.taps == 1
        and all(is_same_frame(each) for each in (edge, residual))
        and (bool(residual.node.signal) or residual.node in done)
        and not step.call.activation
        and is_plain(step)
        and step.call.channels == before.call.channels
    )


def is_same_frame(edge: Edge) -> bool:
    return edge.shift == 0 and edge.stride == 1


def is_plain(step: Step) -> bool:
    """Whether it is a convolution of one panel whose wide taps have as many channels as the panel, without ReLU."""
    call = step.call
    if call.conv is None or not call.row_alone or call.relu_before or call.relu_after:
        return False
    wide = call.conv.lengths[call.conv.narrow_taps :]
    panels = call.conv.panels
    floats = not (call.conv.grouped or call.conv.bf16)
    return len(panels) == 1 and floats and all(2 * length == panels[0].cut.width for length in wide)
