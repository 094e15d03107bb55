"""Operators of TFLite that cut, move, join or rename the axes of tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from wavenetlite.formats import onnx_axes
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import name_for
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import BATCH, CHANNELS, ONE, ROWS, TIME, TO_THE_END, Signal
from wavenetlite.formats.onnx_window import Window
from wavenetlite.formats.sizes import Size
from wavenetlite.formats.tflite_builder import TfliteBuilder, integers_in, only_signal
from wavenetlite.nn.pointwise import Upsample


@dataclass(frozen=True)
class Repeated:
    """A tensor whose frames stand several times, on an axis of their own after time."""

    signal: Signal
    factor: int


def reshape(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal | Window:
    wanted = integers_in(inputs[1]) if len(inputs) > 1 else node.attributes["shape"].tolist()
    if isinstance(inputs[0], Repeated):
        signal = one_after_the_other(net, node, inputs[0])
        return reshaped(net, signal, [net.size(signal, axis) for axis in signal.axes], wanted)
    signal = only_signal(inputs)
    return reshaped(net, signal, net.sizes_in_file(node.inputs[0], signal.axes, signal), wanted)


def reshaped(net: TfliteBuilder, signal: Signal, sizes: list[Any], wanted: list[Any]) -> Signal | Window:
    """A tensor of these sizes in another shape: axes of one come and go, and some become one axis."""
    parts: list[tuple[str, Any]] = []
    for axis, size in zip(signal.axes, sizes, strict=True):
        if axis == ROWS and wanted_rows(net, signal, wanted) is None:
            parts += [(BATCH, net.size(signal, BATCH)), (TIME, net.length(signal))]
        elif axis != ONE:
            parts.append((axis, size))
    axes = next(arranged(parts, wanted, net.block is not None), None)
    if axes is None:
        raise UnsupportedError(f"gives the shape {wanted} to axes ({', '.join(signal.axes)})")
    if (TIME, CHANNELS) in axes:
        frames = dict(parts)[TIME]
        if not isinstance(frames, int) or set(axes) - {(TIME, CHANNELS), (BATCH,), ()}:
            raise UnsupportedError("puts the channels of all frames of a signal of unknown length in a row")
        return Window(signal, frames)
    return replace(signal, axes=tuple(named(axis) for axis in axes))


def wanted_rows(net: TfliteBuilder, signal: Signal, wanted: list[Any]) -> int | None:
    """Where a shape has one axis of all frames."""
    rows = net.size(signal, ROWS)
    return next((at for at, size in enumerate(wanted) if size == rows or (size == -1 and len(wanted) == 2)), None)


def named(axes: tuple[str, ...]) -> str:
    """What axes that become one are."""
    return ROWS if len(axes) > 1 else axes[0] if axes else ONE


def arranged(parts: list[tuple[str, Any]], wanted: list[Any], calls: bool) -> Iterator[list[tuple[str, ...]]]:
    """Which axes each size of a shape may be, the likeliest first; an axis of one may come and go."""
    if not wanted:
        if all(size == 1 or (calls and axis == BATCH) for axis, size in parts):
            yield []
        return
    first = wanted[0]
    for count in (1, 2):
        taken = parts[:count]
        axes = tuple(axis for axis, _ in taken)
        if len(taken) == count and (count == 1 or axes in ((BATCH, TIME), (TIME, CHANNELS))):
            sizes = [size for _, size in taken]
            if count == 2 and 1 in sizes:
                continue  # it goes without it, below
            if first == -1 or first == (sizes[0] * sizes[1] if count == 2 else sizes[0]):
                yield from ([axes, *rest] for rest in arranged(parts[count:], wanted[1:], calls))
    if first == 1 or first == -1:
        yield from ([(), *rest] for rest in arranged(parts, wanted[1:], calls))
    if parts and parts[0][1] == 1:
        yield from arranged(parts[1:], wanted, calls)


def expand_dims(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal = only_signal(inputs)
    made = onnx_axes.unsqueeze(net, replace(node, attributes={}), [signal, np.asarray(inputs[1]).reshape(-1)])
    if net.block is not None and not signal.over_time:  # a frame for each call is a tensor over time
        axes = list(made.axes)
        axes[next(i for i, axis in enumerate(axes) if axis == ONE)] = TIME
        made = replace(made, axes=tuple(axes))
    return made


def squeeze(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal = only_signal(inputs)
    axes = node.attributes["axes"] if "axes" in node.attributes else np.empty(0, np.int32)
    numbers = [int(one) % len(signal.axes) for one in axes]
    sizes = net.sizes_in_file(node.inputs[0], signal.axes, signal)
    if not numbers:
        numbers = [at for at, size in enumerate(sizes) if size == 1 and not isinstance(size, Size)]
    for at in numbers:
        if sizes[at] != 1:
            raise UnsupportedError(f"takes away the axis {signal.axes[at]}")
        if signal.axes[at] == TIME and net.block is None:
            raise UnsupportedError("takes away the axis time")
    return replace(signal, axes=tuple(axis for at, axis in enumerate(signal.axes) if at not in numbers))


def transpose(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    order = [int(one) for one in integers_in(inputs[1])]
    return onnx_axes.transpose(net, replace(node, attributes={"perm": order}), inputs[:1])


def pad(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """PAD and PADV2: zeros around the signal."""
    signal = only_signal(inputs)
    sides = integers_in(inputs[1])
    if len(inputs) > 2 and np.asarray(inputs[2]).any():
        raise UnsupportedError("puts something else than zeros around the signal")
    pads = np.empty(len(sides), object)
    pads[:] = [*sides[0::2], *sides[1::2]]
    return onnx_axes.zero_pad(net, replace(node, attributes={}), [signal, pads])


def strided_slice(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    signal, options = only_signal(inputs), node.attributes
    check_masks(options)
    begins, ends, steps = (integers_in(value) for value in inputs[1:4])
    gone = []
    for number, (begin, end, step) in enumerate(zip(begins, ends, steps, strict=True)):
        bit = 1 << number
        if options["shrink_mask"] & bit:
            signal = taken(net, node, signal, number, begin)
            gone.append(number)
        else:
            first = 0 if options["begin_mask"] & bit else begin
            last = TO_THE_END if options["end_mask"] & bit else end
            signal = sliced(net, node, signal, number, first, last, step)
    return replace(signal, axes=tuple(axis for at, axis in enumerate(signal.axes) if at not in gone))


def check_masks(options: dict[str, Any]) -> None:
    for name in ("ellipsis_mask", "new_axis_mask", "offset"):
        if options.get(name):
            raise UnsupportedError(f"has {name}={int(options[name])}; it must be 0")


def sliced(net: TfliteBuilder, node: OnnxNode, signal: Signal, number: int, first: Any, last: Any, step: Any) -> Signal:
    """A part of an axis; of a call's frames, those from some frame on."""
    if net.block is None or signal.axis(number) != TIME:
        return onnx_axes.sliced(net, node, signal, number, first, last, step)
    frames = net.about[node.inputs[0]].static_shape[number]
    first = max(0, first + frames if first < 0 else first)
    if step != 1 or (last not in (0, TO_THE_END) and last < frames):
        raise UnsupportedError("takes frames of a call that are not the last")
    return net.padded(signal, -min(first, frames), 0)


def slice_(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """SLICE: by begin and size."""
    signal = only_signal(inputs)
    begins, sizes = (integers_in(value) for value in inputs[1:3])
    for number, (begin, size) in enumerate(zip(begins, sizes, strict=True)):
        last = TO_THE_END if isinstance(size, int) and size == -1 else begin + size
        signal = sliced(net, node, signal, number, begin, last, 1)
    return signal


def taken(net: TfliteBuilder, node: OnnxNode, signal: Signal, number: int, index: Any) -> Signal:
    """One place of an axis, which stays."""
    axis = signal.axis(number)
    if axis == TIME and net.block is None and (index == -1 or index == net.length(signal) - 1):
        return replace(net.settled(signal), axes=tuple(ONE if one == TIME else one for one in signal.axes))
    if axis in (ONE, BATCH) and index in (0, -1) and net.size(signal, axis) == 1:
        return signal
    raise UnsupportedError(f"takes place {index} of the axis {axis}; it must be the last frame")


def gather(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    if node.attributes.get("batch_dims", 0):
        raise UnsupportedError("has batch_dims")
    return onnx_axes.gather(net, node, inputs)


def split(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> list[Signal]:
    """SPLIT and SPLIT_V."""
    if node.kind == "SPLIT":
        axis, value, sizes = integers_in(inputs[0])[0], inputs[1], None
    else:
        axis, value, sizes = integers_in(inputs[2])[0], inputs[0], np.asarray(inputs[1])
    return onnx_axes.split(net, replace(node, attributes={"axis": axis}), [value, sizes])


def tile(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Repeated | Signal:
    signal = only_signal(inputs)
    times = integers_in(inputs[1])
    more = [at for at, count in enumerate(times) if count != 1]
    if len(times) != len(signal.axes) or any(isinstance(count, Size) for count in times):
        raise UnsupportedError(f"repeats the axes ({', '.join(signal.axes)}) {times} times")
    if not more:
        return signal
    before = signal.axes[more[0] - 1] if more[0] else ""
    if len(more) != 1 or signal.axes[more[0]] != ONE or before != TIME or not 1 <= times[more[0]] <= 2**16:
        raise UnsupportedError(f"repeats the axes ({', '.join(signal.axes)}) {times} times; it must repeat frames")
    return Repeated(signal, times[more[0]])


def one_after_the_other(net: TfliteBuilder, node: OnnxNode, value: Repeated) -> Signal:
    """The frames of a tensor, each several times, as frames."""
    signal = net.settled(value.signal)
    axes = list(signal.axes)
    del axes[axes.index(TIME) + 1]
    return replace(net.layer(name_for(node), Upsample(value.factor), signal), axes=tuple(axes))
