"""What the integers of TFLite's tensors stand for, and the ways between integers and floats.

A byte of ours is a signed one: a tensor of unsigned bytes has the same scale, and a zero point that is 128 less.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_builder import name_for, signal_in
from wavenetlite.formats.onnx_file import OnnxNode
from wavenetlite.formats.onnx_signal import Signal
from wavenetlite.formats.tflite_builder import TfliteBuilder
from wavenetlite.formats.tflite_file import ACTIVATIONS, Tensor
from wavenetlite.graph import HIGHEST, LOWEST, Quantization
from wavenetlite.nn.integer import (
    Dequantize,
    Quantize,
    Requantize,
)
from wavenetlite.nn.module import Module

BYTES = {"int8": 0, "uint8": 128}
"""Types of activations, and how far their zero points are from ours."""
LIMITS = {"RELU": (0.0, None), "RELU6": (0.0, 6.0), "RELU_N1_TO_1": (-1.0, 1.0), "RELU_0_TO_1": (0.0, 1.0)}
"""By activation: the least and the largest number that it gives."""


def quantization(tensor: Tensor) -> Quantization:
    """What the integers of a tensor stand for."""
    if tensor.type not in BYTES or len(tensor.scale) != 1:
        raise UnsupportedError(f"gives {tensor.type}{' with several scales' if len(tensor.scale) > 1 else ''}; a "
                               "sequence of integers must be int8 or uint8, with one scale")  # fmt: skip
    return Quantization(float(tensor.scale[0]), int(tensor.zero_point[0]) - BYTES[tensor.type])


def given_to(signal: Signal) -> Quantization:
    """The integers of a signal."""
    if signal.node.quantization is None:
        raise UnsupportedError("reads floats beside integers")
    return signal.node.quantization


def output_of(net: TfliteBuilder, node: OnnxNode) -> Quantization:
    return quantization(net.about[node.outputs[0]])


def from_to(given: Quantization, output: Quantization) -> dict[str, Any]:
    """Scales and zero points of a layer."""
    return {"input_scale": given.scale, "input_zero_point": given.zero_point, "output_scale": output.scale,
            "output_zero_point": output.zero_point}  # fmt: skip


def limits(node: OnnxNode, output: Quantization) -> dict[str, int]:
    """The least and the largest integer, by the activation that an operator has as an option."""
    number = node.attributes.get("activation", 0)
    kind = ACTIVATIONS.get(number)
    if kind is None or (kind and kind not in LIMITS):
        raise UnsupportedError(f"has the fused activation {kind or number}, which no layer of integers has")
    return between(*LIMITS[kind], output) if kind else {"low": LOWEST, "high": HIGHEST}


def between(least: float, most: float | None, output: Quantization) -> dict[str, int]:
    return {
        "low": clamped(least, output),
        "high": HIGHEST if most is None else clamped(most, output),
    }


def clamped(value: float, output: Quantization) -> int:
    """The integer that stands for a number: rounded to nearest, ties away from zero."""
    steps = np.float32(value) / np.float32(output.scale)
    nearest = output.zero_point + int(np.copysign(np.floor(np.abs(steps) + 0.5), steps))
    return min(max(nearest, LOWEST), HIGHEST)


def quantize(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    """QUANTIZE: of floats, or of integers into others."""
    signal, output = signal_in(inputs), output_of(net, node)
    return quantised(net, name_for(node), signal, output)


def quantised(net: TfliteBuilder, name: str, signal: Signal, output: Quantization) -> Signal:
    given = signal.node.quantization
    if given == output:
        return signal
    if given is None:
        layer: Module = Quantize(signal.channels, *output, rounding=net.rounding)
    else:
        layer = Requantize(signal.channels, **from_to(given, output), rounding=net.rounding)
    return net.layer(name, layer, signal).pending_as(signal)


def dequantize(net: TfliteBuilder, node: OnnxNode, inputs: list[Any]) -> Signal:
    return dequantised(net, name_for(node), signal_in(inputs))


def dequantised(net: TfliteBuilder, name: str, signal: Signal) -> Signal:
    """The floats that a signal's integers stand for; of floats, the signal itself."""
    given = signal.node.quantization
    if given is None:
        return signal
    return net.layer(name, Dequantize(signal.channels, *given), signal).pending_as(signal)
