"""Export of the functions of `Activate`: as ONNX operators, and in NumPy."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from wavenetlite.graph import Edge, OnnxBuilder
from wavenetlite.kernels import FAST_TANH
from wavenetlite.support.arrays import Floats

Onnx = OnnxBuilder[Edge]
ONNX_FLOAT, ONNX_BF16 = 1, 16
"""ONNX's numbers of these types."""


class Function(NamedTuple):
    """The exports of one function.

    Attributes
    ----------
    arguments, numpy
        The arguments, x (frames, channels) and the parameters; and an expression of them, after any preceding lines.
    onnx
        Called with a builder, the tensor x and the parameters.
    over_channels
        Whether it is a function of all channels of a frame; `onnx` gets their number before the parameters.
    """

    arguments: str
    numpy: str
    onnx: Callable[..., str]
    over_channels: bool = False

    def text(self, name: str) -> str:
        """Source text of the Python function."""
        *before, value = self.numpy.splitlines()
        return "".join(f"{line}\n" for line in [f"def {name}({self.arguments}):", *before, f"    return {value}"])


def operator(kind: str, *names: str) -> Callable[..., str]:
    """A single ONNX operator; `names` are the attributes for the function's parameters."""

    def append(write: Onnx, x: str, *parameters: float) -> str:
        return write.op(kind, [x], **dict(zip(names, map(float, parameters), strict=True)))

    return append


# Functions composed of several ONNX operators


def prelu(write: Onnx, x: str, slopes: Floats) -> str:
    return write.op("PRelu", [x, write.constant(np.reshape(slopes, (-1, 1)))])


def hardtanh(write: Onnx, x: str, low: float, high: float) -> str:
    return write.op("Clip", [x, write.number(low), write.number(high)])


def silu(write: Onnx, x: str) -> str:
    return write.op("Mul", [x, write.op("Sigmoid", [x])])


def gelu(write: Onnx, x: str) -> str:
    erf = write.op("Erf", [write.op("Div", [x, write.number(math.sqrt(2))])])
    return write.scaled(write.op("Mul", [x, write.plus(erf, 1)]), 0.5)


def gelu_tanh(write: Onnx, x: str) -> str:
    cube = write.op("Mul", [write.op("Mul", [x, x]), x])
    inner = write.scaled(write.op("Add", [x, write.scaled(cube, 0.044715)]), math.sqrt(2 / math.pi))
    return write.scaled(write.op("Mul", [x, write.plus(write.op("Tanh", [inner]), 1)]), 0.5)


def leaky_hardtanh(write: Onnx, x: str, low: float, high: float, low_slope: float, high_slope: float) -> str:
    below = write.op("Clip", [write.plus(x, -low), "", write.number(0)])
    above = write.op("Clip", [write.plus(x, -high), write.number(0)])
    inside = write.op("Clip", [x, write.number(low), write.number(high)])
    return write.op("Sum", [inside, write.scaled(below, low_slope), write.scaled(above, high_slope)])


P0, P1, P2, Q0, Q1 = FAST_TANH
"""Coefficients of fast_tanh, a quotient of polynomials in |x|."""


def fast_tanh(write: Onnx, x: str) -> str:
    a = write.op("Abs", [x])
    square = write.op("Mul", [a, a])
    slope = write.plus(write.scaled(a, P2), P1)
    above = write.op("Add", [write.scaled(write.plus(a, 1), P0), write.op("Mul", [slope, square])])
    rest = write.op("Add", [a, write.scaled(square, Q1)])
    below = write.plus(write.op("Mul", [write.plus(square, Q0), rest]), Q0)
    return write.op("Div", [write.op("Mul", [x, above]), below])


def fake_quantize(write: Onnx, x: str, scale: float, by: float, low: float, high: float) -> str:
    inside = write.op("Clip", [write.scaled(x, by), write.number(low), write.number(high)])
    return write.scaled(write.op("Round", [inside]), scale)


def bf16(write: Onnx, x: str) -> str:
    return write.op("Cast", [write.op("Cast", [x], to=ONNX_BF16)], to=ONNX_FLOAT)


def snake(write: Onnx, x: str, alpha: Floats, scale: Floats) -> str:
    wave = write.op("Sin", [write.op("Mul", [x, write.constant(np.reshape(alpha, (-1, 1)))])])
    square = write.op("Mul", [wave, wave])
    return write.op("Add", [x, write.op("Mul", [square, write.constant(np.reshape(scale, (-1, 1)))])])


def softmax(write: Onnx, x: str, channels: int) -> str:
    return write.op("Softmax", [x], axis=1)


FUNCTIONS = {
    "relu": Function("x", "np.maximum(x, 0)", operator("Relu")),
    "leaky_relu": Function("x, slope", "np.where(x > 0, x, x * slope)", operator("LeakyRelu", "alpha")),
    "prelu": Function("x, slopes", "np.where(x > 0, x, x * slopes)", prelu),
    "snake": Function("x, alpha, scale", "x + scale * np.sin(alpha * x) ** 2", snake),
    "elu": Function("x, alpha", "np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))", operator("Elu", "alpha")),
    "sigmoid": Function("x", "0.5 + 0.5 * np.tanh(0.5 * x)", operator("Sigmoid")),
    "silu": Function("x", "x * (0.5 + 0.5 * np.tanh(0.5 * x))", silu),
    "gelu": Function("x", "x * 0.5 * np.vectorize(math.erfc, otypes=[float])(-x / math.sqrt(2))", gelu),
    "gelu_tanh": Function(
        "x", "0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))", gelu_tanh
    ),
    "hardtanh": Function("x, low, high", "np.clip(x, low, high)", hardtanh),
    "fake_quantize": Function(
        "x, scale, by, low, high", "np.rint(np.clip(x * by, low, high)) * scale", fake_quantize
    ),
    "hardswish": Function("x", "x * np.clip(x + 3, 0, 6) / 6", operator("HardSwish")),
    "softsign": Function("x", "x / (1 + np.abs(x))", operator("Softsign")),
    "softmax": Function("x", """\
    e = np.exp(x - x.max(axis=1, keepdims=True))
e / e.sum(axis=1, keepdims=True)""", softmax, over_channels=True),
    "tanh": Function("x", "np.tanh(x)", operator("Tanh")),
    "exp": Function("x", "np.exp(x)", operator("Exp")),
    "sin": Function("x", "np.sin(x)", operator("Sin")),
    "cos": Function("x", "np.cos(x)", operator("Cos")),
    "leaky_hardtanh": Function("x, low, high, low_slope, high_slope", """\
    below, above = np.minimum(x - low, 0), np.maximum(x - high, 0)
np.clip(x, low, high) + below * low_slope + above * high_slope""", leaky_hardtanh),
    "fast_tanh": Function("x", f"""\
    a = np.abs(x)
    p = {P0} * (1 + a) + ({P1} + {P2} * a) * a**2
x * p / ({Q0} + ({Q0} + a**2) * (a + {Q1} * a**2))""", fast_tanh),
    "bf16": Function("x", """\
    bits = np.float32(x).view(np.uint32)
((bits + (0x7FFF + (bits >> 16 & 1))) & 0xFFFF0000).view(np.float32).astype(float)""", bf16),
}  # fmt: skip
"""By name: all of `wavenetlite.kernels.ACTIVATIONS`."""
