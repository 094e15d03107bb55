"""Operations of ONNX that join several tensors, or the frames of one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import OnnxGraphBuilder, name_for, signal_in
from wavenetlite.formats.onnx_constants import integers
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import CHANNELS, ONE, TIME, Signal, floats
from wavenetlite.nn.pointwise import CumulativePool


@dataclass(frozen=True)
class Stack:
    """Tensors side by side on the new axis of number `axis`, to be added up, or for one to be taken."""

    signals: list[Signal]
    axis: int


def concat(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal | Stack:
    signals = [value for value in inputs if isinstance(value, Signal)]
    axis = signals[0].axis(node.attributes.get("axis", 0))
    if axis == CHANNELS and len(signals) == len(inputs):
        return net.joined(node, "concat", signals)
    if axis == ONE and len(signals) == len(inputs):
        return Stack(signals, node.attributes.get("axis", 0) % len(signals[0].axes))
    if axis != TIME or len(signals) != 1:
        raise UnsupportedError(f"joins over the axis {axis}; it must join channels, or put zeros around a signal")
    at = next(place for place, value in enumerate(inputs) if isinstance(value, Signal))
    number = node.attributes.get("axis", 0)
    zeros = [floats(value) for value in inputs if not isinstance(value, Signal)]
    if any(value.any() or value.ndim != len(signals[0].axes) for value in zeros):
        raise UnsupportedError("puts a constant that is not zero around a signal")
    net.not_in_blocks("puts zeros around the signal")
    sizes = [value.shape[number] for value in zeros]
    return net.padded(signals[0], sum(sizes[:at]), sum(sizes[at:]))


def leave_stack(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """Sum or mean over the axis of a stack, or one of its tensors."""
    stack = inputs[0]
    if node.kind == "Gather":
        return one_of_stack(stack, np.asarray(inputs[1]), node.attributes.get("axis", 0))
    signals, axis = stack.signals, stack.axis
    given = node.given(inputs, 1, "axes")
    numbers = [] if given is None else [number % len(signals[0].axes) for number in integers(given)]
    if node.kind not in ("ReduceSum", "ReduceMean") or numbers != [axis]:
        raise UnsupportedError("reads tensors on a new axis; they can only be added up over it, or one be taken")
    total = net.joined(node, "add", net.alike(signals))
    if node.kind == "ReduceMean":
        total = net.affine(node, total, np.full(total.channels, 1 / len(signals), np.float32), None)
    return total if node.attributes.get("keepdims", 1) else without_axis(total, axis)


def one_of_stack(stack: Stack, index: np.ndarray, number: int) -> Signal:
    """The tensor of a stack at a place, such as the last layer's state."""
    count = len(stack.signals)
    if number % len(stack.signals[0].axes) != stack.axis or index.size != 1 or not -count <= index < count:
        raise UnsupportedError(f"takes places {index.tolist()!s:.60} of {count} tensors; it must be one of them")
    signal = stack.signals[int(index.item())]
    return signal if index.ndim else without_axis(signal, stack.axis)


def without_axis(signal: Signal, axis: int) -> Signal:
    return replace(signal, axes=signal.axes[:axis] + signal.axes[axis + 1 :])


def pool(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """A mean or maximum over time, which here is that of the signal so far."""
    signal, options = net.settled(signal_in(inputs)), node.attributes
    kind: Literal["max", "mean"] = "max" if "Max" in node.kind else "mean"
    if node.kind.startswith("Global"):
        numbers, keep = list(range(2, len(signal.axes))), True
    else:
        given = node.given(inputs, 1, "axes")
        numbers = list(range(len(signal.axes))) if given is None else integers(given)
        keep = bool(options.get("keepdims", 1))
    over = {signal.axis(number) for number in numbers}
    if over - {TIME, ONE}:
        raise UnsupportedError(f"goes over the axes {', '.join(sorted(over))}; it must go over time")
    if TIME in over:
        net.not_in_blocks("takes the mean or the maximum")
    made = net.layer(name_for(node), CumulativePool(kind), signal) if TIME in over else signal
    gone = {number % len(signal.axes) for number in numbers}
    axes = [ONE if i in gone else axis for i, axis in enumerate(signal.axes) if keep or i not in gone]
    return replace(made, axes=tuple(axes))
