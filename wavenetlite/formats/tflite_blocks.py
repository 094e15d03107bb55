"""Dilated convolutions of TFLite: frames in blocks, which a convolution without dilation reads.

Keras' converter puts zeros around a signal, takes every d-th frame of it as a signal of its own
(SPACE_TO_BATCH_ND), convolves each, and puts them together again (BATCH_TO_SPACE_ND). How many zeros at the end are
meant, and how many are there only to fill the last block, is known at the end: so what is between is done then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import BATCH, TIME, Signal
from wavenetlite.formats.sizes import Size
from wavenetlite.formats.tflite_builder import TfliteBuilder, integers_in, only_signal

MOST_BLOCK = 2**16

DEFERRED = {
    "EXPAND_DIMS", "SQUEEZE", "RESHAPE", "CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "SUB", "MUL", "RELU", "RELU6",
    "RELU_N1_TO_1", "TANH", "LOGISTIC", "LEAKY_RELU", "ELU", "HARD_SWISH", "QUANTIZE", "DEQUANTIZE",
}  # fmt: skip
"""What may be done to frames in blocks: it is the same without blocks, but for a dilation."""
CONVOLUTIONS = "CONV_2D", "DEPTHWISE_CONV_2D"


@dataclass(frozen=True)
class Blocked:
    """A signal in blocks of `block` frames, with the zeros `before` and `after` around it.

    `place` is the number of the axis of time, of `rank`; `deferred` is what will be done to it: nodes and their inputs.
    """

    signal: Signal
    block: int
    place: int
    rank: int
    before: int
    after: Any
    deferred: tuple[tuple[OnnxNode, list[Any]], ...] = ()


def space_to_batch(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Blocked:
    signal = only_signal(inputs)
    if signal.axes[0] != BATCH or signal.axes.count(TIME) != 1:
        raise UnsupportedError(f"its input has the axes ({', '.join(signal.axes)}); it must be (batch, ..., time, ...)")
    place = signal.axes.index(TIME)
    block, before, after = along(inputs, place)
    if not isinstance(before, int):
        raise UnsupportedError("puts zeros before the signal by its length")
    return Blocked(signal, block, place, len(signal.axes), before, after)


def along(inputs: list[Any], place: int) -> tuple[int, Any, Any]:
    """Block, and what is put around an axis or cut off it; along other axes, of one place, there may be nothing."""
    blocks, sides = integers_in(inputs[1]), integers_in(inputs[2])
    if len(sides) != 2 * len(blocks) or not 1 <= place <= len(blocks):
        raise UnsupportedError(f"has blocks of {blocks}, and {sides} around them")
    rows = list(zip(blocks, sides[0::2], sides[1::2], strict=True))
    for at, (block, before, after) in enumerate(rows, 1):
        if at != place and (before, after) != (0, block - 1):
            raise UnsupportedError(f"has blocks of {blocks}: over an axis that is not time")
    found = rows[place - 1]
    if not isinstance(found[0], int) or not 1 <= found[0] <= MOST_BLOCK:
        raise UnsupportedError(f"has blocks of {found[0]} frames")
    return found


def defer(node: OnnxNode, inputs: list[Any]) -> Blocked:
    """Note what is to be done to frames in blocks."""
    blocked = next(value for value in inputs if isinstance(value, Blocked))
    if node.kind not in DEFERRED or sum(isinstance(value, Blocked | Signal) for value in inputs) != 1:
        raise UnsupportedError("reads frames in blocks; only a convolution and what goes with it can")
    if node.kind in CONVOLUTIONS:
        if node.attributes["stride_h"] != 1 or node.attributes["stride_w"] != 1:
            raise UnsupportedError("has a stride, and reads frames in blocks")
        node = replace(node, attributes={**node.attributes, "block": blocked.block})
    return replace(blocked, deferred=(*blocked.deferred, (node, inputs)))


def batch_to_space(net: TfliteBuilder, inputs: list[Any], run: Callable[..., Any]) -> Signal:
    """The frames one after the other again, when all that was deferred has been done by ``run(net, node, inputs)``."""
    blocked = inputs[0]
    if not isinstance(blocked, Blocked):
        raise UnsupportedError("puts blocks of frames together that no operator before it made")
    block, before, after = along(inputs, blocked.place)
    end = blocked.after - after
    if block != blocked.block or isinstance(end, Size) or not isinstance(before, int):
        raise UnsupportedError(f"puts blocks of {block} frames together, of which {blocked.block} were made, and "
                               f"leaves out {before} and {after} frames")  # fmt: skip
    value = net.padded(blocked.signal, blocked.before, end)
    for node, values in blocked.deferred:
        now = [value if isinstance(one, Blocked) else one for one in values]
        value = run(net, node, now)
    if not isinstance(value, Signal) or len(value.axes) <= blocked.place or value.axes[blocked.place] != TIME:
        raise UnsupportedError("puts blocks together over an axis that is not time")
    return net.padded(value, -before, 0)
