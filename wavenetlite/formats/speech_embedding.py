"""Google's speech embedding, as openWakeWord has it in ONNX and TFLite files: convolutions over time and bins.

The files compute one window of mel frames; here the same layers run over the whole signal, each frame once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from wavenetlite import nn
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_file import OnnxGraph, OnnxNode
from wavenetlite.formats.tflite_file import Graph
from wavenetlite.nn.module import Module
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ModelFileError, ParameterError, WavenetliteError

MOST_LAYERS = 1000
NO_BOUND = float(np.finfo(np.float32).max)
SAME, VALID = 0, 1
"""TFLite's numbers of paddings."""

RENAMING = ("Reshape", "Squeeze", "Unsqueeze", "Transpose", "Identity", "RESHAPE", "SQUEEZE", "EXPAND_DIMS")


class ChainBuilder:
    """Layers in a row, over frames of `bins` bins of so many maps, which become a `Sequential`.

    Attributes
    ----------
    pads
        Zeros that a PAD has put before and after the bins, for the next convolution.
    """

    def __init__(self, bins: int) -> None:
        self.bins, self.maps = bins, 1
        self.layers: list[Module] = []
        self.pads = (0, 0)

    def conv(self, weight: Floats, bias: Floats | None, pads: tuple[int, int], stride: tuple[int, int]) -> None:
        """A convolution with weights (maps out, maps in, frames, bins), and zeros around the bins."""
        if weight.ndim != 4 or weight.shape[1] != self.maps:
            raise UnsupportedError(f"has weights of the shape {list(weight.shape)} for {self.maps} maps")
        pads, self.pads = (pads[0] + self.pads[0], pads[1] + self.pads[1]), (0, 0)
        around = weight.shape[3] - 1
        if pads not in ((0, 0), (around // 2, around - around // 2)):
            raise UnsupportedError(f"has {pads} zeros around the bins; it must have none, or keep their number")
        layer = nn.Conv2d(
            self.maps, len(weight), (weight.shape[2], weight.shape[3]), bins=self.bins, stride=stride, padding="valid",
            bin_padding="same" if any(pads) else "valid", bias=bias is not None,
        )  # fmt: skip
        layer.load_state_dict({"weight": weight, **({} if bias is None else {"bias": bias})})
        self.layers.append(layer)
        self.bins, self.maps = layer.bins_out, len(weight)

    def max_pool(self, kernel_size: tuple[int, int], stride: tuple[int, int]) -> None:
        layer = nn.MaxPool2d(self.maps, kernel_size, bins=self.bins, stride=stride)
        self.layers.append(layer)
        self.bins = layer.bins_out

    def activation(self, name: str, **options: float) -> None:
        self.layers.append(nn.Activation(name, **options))

    def at_least(self, least: float) -> None:
        self.activation("hardtanh", min_val=least, max_val=NO_BOUND)


def embedding_of(file: OnnxGraph | Graph) -> nn.Sequential:
    """The network of a file's graph, from its mel bands to its embedding.

    Raises
    ------
    ModelFileError
        It is no chain of convolutions, leaky rectifiers, bounds and maxima over (1, frames, bins, 1).
    """
    name = next(iter(file.inputs), "")
    rows: dict[str, Row]
    if isinstance(file, OnnxGraph):
        rows, constants, shape = ONNX, dict(file.constants), file.inputs.get(name, ())
    else:
        constants = {key: one.dequantised() for key, one in file.tensors.items() if one.data is not None}
        rows, shape = TFLITE, file.tensors[name].shape if name in file.tensors else ()
    if len(shape) != 4 or shape[3] != 1 or not isinstance(shape[2], int) or not 1 <= shape[2] <= 1024:
        raise ModelFileError(f"its input has the shape {list(shape)}; an embedding's must be (1, frames, bands, 1)")
    net = ChainBuilder(shape[2])
    for node in file.nodes[: MOST_LAYERS + 1]:
        if name not in node.inputs:
            if node.kind == "Constant" and "value" in node.attributes:
                constants[output_of(node)] = node.attributes["value"]
                continue
            raise ModelFileError(f"{node.place}: does not read the node before it; an embedding must be a chain")
        try:
            take(net, rows, node, [constants.get(one) for one in node.inputs if one != name])
        except (UnsupportedError, WavenetliteError, KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"{node.place}: {error}") from None
        name = output_of(node)
    if not net.layers or name not in file.outputs or net.bins != 1:
        raise ModelFileError("its layers do not end with one embedding, which is its output")
    return nn.Sequential(net.layers)


def output_of(node: OnnxNode) -> str:
    """The name of the only thing that a node computes."""
    if len(node.outputs) != 1:
        raise ModelFileError(f"{node.place}: has {len(node.outputs)} outputs; it must have one")
    return node.outputs[0]


def take(net: ChainBuilder, rows: dict[str, Row], node: OnnxNode, constants: list[Any]) -> None:
    """Note the layer of a node."""
    if len(net.layers) >= MOST_LAYERS:
        raise ParameterError(f"has more than {MOST_LAYERS} layers")
    if node.kind in RENAMING:
        return
    if node.kind not in rows:
        raise UnsupportedError(f"{node.kind} has no counterpart in an embedding")
    rows[node.kind](net, node.attributes, constants)


Row = Callable[[ChainBuilder, dict[str, Any], list[Any]], None]


def first(constants: list[Any]) -> Any:
    """The constant that a node cannot do without."""
    if not constants:
        raise UnsupportedError("lacks a constant")
    return constants[0]


def whole(value: Any) -> Floats:
    """A constant, which must be there."""
    if value is None:
        raise UnsupportedError("reads what is no constant")
    return np.ascontiguousarray(value, np.float32)


def scalar(value: Any) -> float:
    numbers = whole(value).reshape(-1)
    if numbers.size != 1:
        raise UnsupportedError(f"has {numbers.size} bounds; it must have one")
    return float(numbers[0])


def ones(what: str, values: Iterable[int]) -> None:
    if any(one != 1 for one in values):
        raise UnsupportedError(f"has {what}={list(values)}; they must be 1")


def two(values: Any) -> tuple[int, int]:
    first, second = (int(one) for one in values)
    return first, second


# ---------------------------------------------------------------------------------------------------------- ONNX
def no_pads_over_time(options: dict[str, Any]) -> tuple[int, int]:
    """Zeros around the bins; there may be none around time."""
    if options.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID", b"NOTSET", b"VALID"):
        raise UnsupportedError(f"has auto_pad={options['auto_pad']!r}; its zeros must be given as pads")
    pads = list(options.get("pads") or [0, 0, 0, 0])
    if len(pads) != 4 or pads[0] or pads[2]:
        raise UnsupportedError(f"has pads={pads}; there must be none over time")
    return int(pads[1]), int(pads[3])


def onnx_conv(net: ChainBuilder, options: dict[str, Any], constants: list[Any]) -> None:
    ones("dilations", options.get("dilations", [1]))
    ones("group", [options.get("group", 1)])
    bias = whole(constants[1]) if len(constants) > 1 else None
    net.conv(whole(first(constants)), bias, no_pads_over_time(options), two(options.get("strides", [1, 1])))


def onnx_max_pool(net: ChainBuilder, options: dict[str, Any], constants: list[Any]) -> None:
    ones("dilations", options.get("dilations", [1]))
    if any(no_pads_over_time(options)) or options.get("ceil_mode", 0):
        raise UnsupportedError("has padding or ceil_mode")
    net.max_pool(two(options["kernel_shape"]), two(options.get("strides", [1, 1])))


def onnx_clip(net: ChainBuilder, options: dict[str, Any], constants: list[Any]) -> None:
    least, most = ([*constants, None, None][:2]) if constants else (options.get("min"), options.get("max"))
    net.activation("hardtanh", min_val=-NO_BOUND if least is None else scalar(least),
                   max_val=NO_BOUND if most is None else min(scalar(most), NO_BOUND))  # fmt: skip


ONNX: dict[str, Row] = {
    "Clip": onnx_clip,
    "Conv": onnx_conv,
    "LeakyRelu": lambda net, options, _: net.activation("leaky_relu", negative_slope=options.get("alpha", 0.01)),
    "Max": lambda net, _, constants: net.at_least(scalar(first(constants))),
    "MaxPool": onnx_max_pool,
    "Relu": lambda net, _options, _constants: net.activation("relu"),
}


# -------------------------------------------------------------------------------------------------------- TFLite
def tflite_pad(net: ChainBuilder, options: dict[str, Any], constants: list[Any]) -> None:
    sides = np.asarray(first(constants)).reshape(-1, 2)
    if len(sides) != 4 or sides[[0, 1, 3]].any() or (sides < 0).any():
        raise UnsupportedError(f"puts {sides.tolist()} zeros around; they must be around the bins")
    net.pads = two(sides[2])


def tflite_conv(net: ChainBuilder, options: dict[str, Any], constants: list[Any]) -> None:
    ones("dilations", [options["dilation_h"], options["dilation_w"]])
    weight = np.ascontiguousarray(whole(first(constants)).transpose(0, 3, 1, 2))
    around, pads = weight.shape[3] - 1, (0, 0)
    if options["padding"] == SAME:
        if weight.shape[2] != 1:
            raise UnsupportedError("has padding=SAME over time; it must be VALID")
        pads = around // 2, around - around // 2
    stride = int(options["stride_h"]), int(options["stride_w"])
    if stride[1] != 1 and any(pads):
        raise UnsupportedError("has padding=SAME with a stride over the bins")
    net.conv(weight, whole(constants[1]) if len(constants) > 1 and constants[1] is not None else None, pads, stride)
    fused(net, options)


def tflite_max_pool(net: ChainBuilder, options: dict[str, Any], constants: list[Any]) -> None:
    kernel, stride = (
        (int(options["height"]), int(options["width"])),
        (int(options["stride_h"]), int(options["stride_w"])),
    )
    if min(*kernel, *stride) < 1:
        raise UnsupportedError(f"has kernel={kernel} and stride={stride}; they must be at least 1")
    if options["padding"] != VALID and (kernel != stride or net.bins % kernel[1] or kernel[0] != 1):
        raise UnsupportedError("has padding=SAME; it must be VALID")
    net.max_pool(kernel, stride)
    fused(net, options)


def fused(net: ChainBuilder, options: dict[str, Any]) -> None:
    """The activation that an operator has of its own."""
    kind = options.get("activation", 0)
    if kind not in (0, 1):
        raise UnsupportedError(f"has the activation {kind}; it must have none, or a rectifier")
    if kind:
        net.activation("relu")


TFLITE: dict[str, Row] = {
    "CONV_2D": tflite_conv,
    "LEAKY_RELU": lambda net, options, _: net.activation("leaky_relu", negative_slope=options["alpha"]),
    "MAXIMUM": lambda net, _, constants: net.at_least(scalar(first(constants))),
    "MAX_POOL_2D": tflite_max_pool,
    "PAD": tflite_pad,
    "RELU": lambda net, _options, _constants: net.activation("relu"),
}
