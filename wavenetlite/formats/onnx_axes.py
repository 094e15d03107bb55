"""Operations of ONNX that cut, move or rename the axes of tensors."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import OnnxGraphBuilder, check_channels, name_for, signal_in
from wavenetlite.formats.onnx_constants import integers
from wavenetlite.formats.onnx_file import FLOAT, FLOATS, OnnxNode
from wavenetlite.formats.onnx_reflection import Reflected, reflected
from wavenetlite.formats.onnx_signal import (
    BATCH,
    CHANNELS,
    ONE,
    ROWS,
    TIME,
    Signal,
    left_out,
    reaches_end,
    scalar,
)
from wavenetlite.formats.onnx_window import Window, window_of
from wavenetlite.nn.graph import Slice


def keep(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """The signal as it is."""
    return signal_in(inputs)


def cast(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """Between floats."""
    to = node.attributes.get("to", FLOAT)
    if to not in FLOATS:
        raise UnsupportedError(f"makes integers, booleans or strings of the signal (to={to}); it must stay floats")
    return signal_in(inputs)


def pad(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal | Reflected:
    options = node.attributes
    if options.get("mode") == "reflect":
        pads = integers(inputs[1]) if len(inputs) > 1 else list(options.get("pads") or [])
        return reflected(net, signal_in(inputs), pads)
    return zero_pad(net, node, inputs)


def zero_pad(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal, options = signal_in(inputs), node.attributes
    if options.get("mode", "constant") not in ("constant", ""):
        raise UnsupportedError(f"has mode={options['mode']!r}; it must be 'constant' with zeros")
    value = scalar(inputs[2]) if node.given(inputs, 2) is not None else options.get("value", 0.0)
    pads = integers(inputs[1]) if len(inputs) > 1 else list(options.get("pads") or options.get("paddings") or [])
    numbers = integers(inputs[3]) if node.given(inputs, 3) is not None else list(range(len(signal.axes)))
    if len(pads) != 2 * len(numbers):
        raise UnsupportedError(f"has {len(pads)} pads for {len(numbers)} axes")
    for number, before, after in zip(numbers, pads, pads[len(numbers) :], strict=False):
        if not before and not after:
            continue
        if signal.axis(number) != TIME or value:
            raise UnsupportedError(f"puts {value or 'zeros'} around the axis {signal.axis(number)}; it "
                              "must put zeros around time")  # fmt: skip
        if max(before, after) > 0:
            net.not_in_blocks("puts zeros around the signal")
        signal = net.padded(signal, before, after)
    return signal


def slice_(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal, options = signal_in(inputs), node.attributes
    given = inputs[1:]
    starts, ends = (given if len(given) > 1 else [options.get("starts"), options.get("ends")])[:2]
    if starts is None or ends is None:
        raise UnsupportedError("has no starts and ends")
    numbers = given[2] if len(given) > 2 else options.get("axes")
    numbers = list(range(len(starts))) if numbers is None else integers(numbers)
    steps = integers(given[3]) if len(given) > 3 and given[3] is not None else [1] * len(numbers)
    for number, start, end, step in zip(numbers, starts, ends, steps, strict=True):
        signal = sliced(net, node, signal, number, start, end, step)
    return signal


def sliced(
    net: OnnxGraphBuilder, node: OnnxNode, signal: Signal, number: int, start: Any, end: Any, step: int
) -> Signal:
    axis = signal.axis(number)
    size = net.size(signal, axis)
    if step < 1:
        raise UnsupportedError(f"goes backward over the axis {axis} (step {step})")
    if axis == TIME and start == -1 and step == 1 and reaches_end(end, size):
        return replace(net.settled(signal), axes=tuple(ONE if one == TIME else one for one in signal.axes))
    before, after = left_out(start, end, size)
    if axis == CHANNELS:
        if step != 1:
            raise UnsupportedError(f"takes every {step}th channel")
        part = Slice(before, signal.channels - after - before)
        return net.layer(name_for(node), part, signal).pending_as(signal) if before or after else signal
    if axis == TIME:
        signal = net.padded(signal, -before, -after)
        return signal if step == 1 else net.one_hot(net.settled(signal), 0, (0, 0), step)
    if before or after or step != 1:
        raise UnsupportedError(f"takes a part of the axis {axis}")
    return signal


def split(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> list[Signal]:
    signal = signal_in(inputs)
    check_channels(signal, node.attributes.get("axis", 0))
    given = node.given(inputs, 1, "split")
    count = len(node.outputs)
    each = -(-signal.channels // max(count, 1))
    sizes = [min(each, signal.channels - each * i) for i in range(count)] if given is None else integers(given)
    if sum(sizes) != signal.channels or len(sizes) != count or min(sizes) < 1:
        raise UnsupportedError(f"splits {signal.channels} channels into {sizes}")
    firsts = [sum(sizes[:index]) for index in range(count)]
    parts = [Slice(first, size) for first, size in zip(firsts, sizes, strict=True)]
    return [
        net.layer(name or name_for(node), part, signal).pending_as(signal)
        for name, part in zip(node.outputs, parts, strict=True)
    ]


def gather(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal, number = signal_in(inputs), node.attributes.get("axis", 0)
    axis, index = signal.axis(number), np.asarray(inputs[1])
    known = {TIME: [-1, net.length(signal) - 1], ONE: [0, -1]}
    if index.size != 1 or index.reshape(-1).tolist()[0] not in known.get(axis, []):
        raise UnsupportedError(f"takes places {index.tolist()!s:.60} of the axis {axis}; it must be the last frame")
    axes = list(signal.axes)
    number %= len(axes)
    axes[number : number + 1] = [ONE] * index.ndim
    return replace(net.settled(signal), axes=tuple(axes))


def transpose(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal = signal_in(inputs)
    order = node.attributes.get("perm") or list(range(len(signal.axes)))[::-1]
    if sorted(order) != list(range(len(signal.axes))):
        raise UnsupportedError(f"has perm={order} for {len(signal.axes)} axes")
    return replace(signal, axes=tuple(signal.axes[number] for number in order))


def squeeze(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal = signal_in(inputs)
    given = node.given(inputs, 1, "axes")
    if given is None:
        numbers = [i for i, axis in enumerate(signal.axes) if axis == ONE or (axis == BATCH and net.batch == 1)]
    else:
        numbers = [number % len(signal.axes) for number in integers(given)]
    for number in numbers:
        axis = signal.axis(number)
        if axis not in (ONE, BATCH) and not (axis == CHANNELS and signal.channels == 1):
            raise UnsupportedError(f"takes away the axis {axis}")
    return replace(signal, axes=tuple(axis for i, axis in enumerate(signal.axes) if i not in numbers))


def unsqueeze(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal = signal_in(inputs)
    given = integers(node.given(inputs, 1, "axes"))
    axes, rank = list(signal.axes), len(signal.axes) + len(given)
    for number in sorted(one % rank for one in given):
        axes.insert(number, CHANNELS if CHANNELS not in signal.axes else ONE)
    return replace(signal, axes=tuple(axes))


def reshape(net: OnnxGraphBuilder, node: OnnxNode, inputs: list[Any]) -> Signal | Window:
    """Only ones may come and go, and batch and time become one axis, or two again; or all frames are in a row."""
    signal = signal_in(inputs)
    if (row := window_of(net, signal)) is not None and in_a_row(node, inputs, row):
        return row
    if node.kind == "Flatten":
        number = node.attributes.get("axis", 1) % (len(signal.axes) + 1)
        kept = [[a for a in part if a != ONE] for part in (signal.axes[:number], signal.axes[number:])]
        kept = [[ROWS] if part == [BATCH, TIME] else part for part in kept]
        for part in kept:
            if len(part) > 1:
                raise UnsupportedError(f"makes one axis of {' and '.join(part)}")
        return replace(signal, axes=tuple(part[0] if part else ONE for part in kept))
    if one_axis_of_rows(net, signal, np.asarray(inputs[1]).tolist()):
        return replace(signal, axes=(ROWS, CHANNELS))
    if ROWS in signal.axes:
        parts = [(BATCH, TIME) if axis == ROWS else (axis,) for axis in signal.axes]
        signal = replace(signal, axes=sum(parts, ()))
    sizes = net.shape(signal).tolist()
    wanted = [sizes[i] if one == 0 and i < len(sizes) else one
              for i, one in enumerate(np.asarray(inputs[1]).tolist())]  # fmt: skip
    left = [(axis, size) for axis, size in zip(signal.axes, sizes, strict=True)
            if axis != ONE and not (axis == CHANNELS and size == 1)]  # fmt: skip
    axes: list[str] = []
    for one in wanted:
        if left and (one == left[0][1] or (one == -1) or (left[0][0] == BATCH and one == 1)):
            axes.append(left.pop(0)[0])
        elif one == 1 or one == -1:
            axes.append(ONE)
        else:
            raise UnsupportedError(f"gives the shape {wanted} to axes ({', '.join(signal.axes)})")
    if [axis for axis, _ in left] not in ([], [BATCH]):
        raise UnsupportedError(f"gives the shape {wanted} to axes ({', '.join(signal.axes)})")
    if CHANNELS not in axes and signal.channels == 1 and ONE in axes:
        axes[axes.index(ONE)] = CHANNELS
    return replace(signal, axes=tuple(axes))


def in_a_row(node: OnnxNode, inputs: list[Any], row: Window) -> bool:
    """Whether the frames of each signal are put in a row."""
    if node.kind == "Flatten":
        return bool(node.attributes.get("axis", 1) == 1)
    wanted, values = np.asarray(inputs[1]).tolist(), row.frames * row.signal.channels
    return len(wanted) == 2 and wanted[0] in (0, 1, -1) and wanted[1] in (values, -1) and wanted != [-1, -1]


def one_axis_of_rows(net: OnnxGraphBuilder, signal: Signal, wanted: list[Any]) -> bool:
    """Whether a shape has the frames of all signals on one axis, and the channels on the other."""
    if [axis for axis in signal.axes if axis != ONE] not in ([BATCH, TIME, CHANNELS], [ROWS, CHANNELS]):
        return False
    rows, channels = net.size(signal, ROWS), signal.channels
    return len(wanted) == 2 and wanted[0] in (-1, rows) and wanted[1] in (-1, channels)
