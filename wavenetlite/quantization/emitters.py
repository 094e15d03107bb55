"""The layers that a unit of a network becomes: of integers, or of floats that are rounded like them, for training."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from wavenetlite.graph import HIGHEST, LOWEST, Quantization
from wavenetlite.nn.convolution import Conv1d
from wavenetlite.nn.convolution2d import Conv2d
from wavenetlite.nn.fake_quantized import FakeQuantize, FakeQuantizedConv1d, FakeQuantizedConv2d
from wavenetlite.nn.integer import (
    ROUNDINGS,
    Dequantize,
    IntegerAdd,
    IntegerConcat,
    IntegerConv1d,
    IntegerConv2d,
    IntegerCumulativePool,
    IntegerLookup,
    IntegerMultiply,
    Quantize,
    Rounding,
)
from wavenetlite.nn.module import Module
from wavenetlite.nn.pointwise import Activation
from wavenetlite.quantization.calibration import rounded
from wavenetlite.quantization.weights import integer_parameters
from wavenetlite.support.arrays import Doubles
from wavenetlite.support.checks import one_of

Steps = list[Module | str]
"""Successive layers; the first may be the name of a join of `Graph`."""

Clamp = tuple[float, float]

ALL = np.arange(LOWEST, HIGHEST + 1)

NAMED = ("sigmoid", "tanh", "silu", "gelu", "hardswish")
"""Functions whose table an `IntegerLookup` makes itself."""


@dataclass(frozen=True)
class Convolution:
    """A convolution with batch normalisation folded into it.

    `kind` and `options` are those of the module without quantisation; `bias` has a value per output channel.
    """

    kind: type[Conv1d] | type[Conv2d]
    options: dict[str, Any]
    weight: Doubles
    bias: Doubles


class Emitter(Protocol):
    """Makes layers. Sequences are said to be `given`, and are `wanted`, as these integers."""

    def enter(self, channels: int, wanted: Quantization) -> Module:
        """From float32."""

    def leave(self, channels: int, given: Quantization) -> Module | None:
        """To float32; None: they are."""

    def convolution(self, source: Convolution, given: Quantization, wanted: Quantization, clamp: Clamp) -> Steps: ...

    def join(
        self, kind: str, channels: Sequence[int], given: Sequence[Quantization], wanted: Quantization, clamp: Clamp
    ) -> Steps:
        """`kind` is the name of a join of `Graph`; `channels` are those of the inputs."""

    def function(self, channels: int, function: Module, given: Quantization, wanted: Quantization) -> Steps:
        """An element-wise function."""

    def pool(self, channels: int, pool: Module, given: Quantization, wanted: Quantization) -> Steps:
        """A pool over all frames so far."""


@dataclass(frozen=True)
class IntegerLayers:
    """Layers of integers."""

    rounding: Rounding

    def __post_init__(self) -> None:
        one_of("rounding", self.rounding, ROUNDINGS)

    def enter(self, channels: int, wanted: Quantization) -> Module:
        return Quantize(channels, *wanted, rounding=self.rounding)

    def leave(self, channels: int, given: Quantization) -> Module | None:
        return Dequantize(channels, *given)

    def convolution(self, source: Convolution, given: Quantization, wanted: Quantization, clamp: Clamp) -> Steps:
        kind = IntegerConv2d if issubclass(source.kind, Conv2d) else IntegerConv1d
        low, high = limits(clamp, wanted)
        layer = kind(**source.options, **between(given, wanted), low=low, high=high, rounding=self.rounding)
        layer.load_state_dict(integer_parameters(source.weight, source.bias, given.scale))
        return [layer]

    def join(
        self, kind: str, channels: Sequence[int], given: Sequence[Quantization], wanted: Quantization, clamp: Clamp
    ) -> Steps:
        options: dict[str, Any] = {
            "input_scales": [one.scale for one in given], "input_zero_points": [one.zero_point for one in given],
            "output_scale": wanted.scale, "output_zero_point": wanted.zero_point, "rounding": self.rounding,
        }  # fmt: skip
        if kind == "concat":
            return [IntegerConcat(channels, **options)]
        low, high = limits(clamp, wanted)
        return [(IntegerAdd if kind == "add" else IntegerMultiply)(channels[0], **options, low=low, high=high)]

    def function(self, channels: int, function: Module, given: Quantization, wanted: Quantization) -> Steps:
        options = function.options()
        if options.get("name") in NAMED and options == Activation(options["name"]).options():
            return [IntegerLookup(channels, options["name"], **between(given, wanted))]
        layer = IntegerLookup(channels, **between(given, wanted))
        values = function(((ALL - given.zero_point) * given.scale).astype(np.float32).reshape(-1, 1))
        real = rounded(values.ravel().astype(np.float64), wanted)
        layer.load_state_dict({"table": (np.rint(real / wanted.scale) + wanted.zero_point).astype(np.int8)})
        return [layer]

    def pool(self, channels: int, pool: Module, given: Quantization, wanted: Quantization) -> Steps:
        kind = pool.options()["kind"]
        return [IntegerCumulativePool(channels, kind, **between(given, wanted), rounding=self.rounding)]


@dataclass(frozen=True)
class RoundedLayers:
    """Layers of float32, each followed by a rounding to what its integers would stand for."""

    def enter(self, channels: int, wanted: Quantization) -> Module:
        return FakeQuantize(*wanted)

    def leave(self, channels: int, given: Quantization) -> Module | None:
        return None

    def convolution(self, source: Convolution, given: Quantization, wanted: Quantization, clamp: Clamp) -> Steps:
        kind = FakeQuantizedConv2d if issubclass(source.kind, Conv2d) else FakeQuantizedConv1d
        layer = kind(**source.options)
        layer.load_state_dict({"weight": source.weight.astype(np.float32), "bias": source.bias.astype(np.float32)})
        return [layer, *clamped(clamp), FakeQuantize(*wanted)]

    def join(
        self, kind: str, channels: Sequence[int], given: Sequence[Quantization], wanted: Quantization, clamp: Clamp
    ) -> Steps:
        return [kind, *clamped(clamp), FakeQuantize(*wanted)]

    def function(self, channels: int, function: Module, given: Quantization, wanted: Quantization) -> Steps:
        return [copy.deepcopy(function), FakeQuantize(*wanted)]

    def pool(self, channels: int, pool: Module, given: Quantization, wanted: Quantization) -> Steps:
        return [copy.deepcopy(pool), FakeQuantize(*wanted)]


def between(given: Quantization, wanted: Quantization) -> dict[str, Any]:
    """Options of a layer with one input."""
    return {
        "input_scale": given.scale, "input_zero_point": given.zero_point, "output_scale": wanted.scale,
        "output_zero_point": wanted.zero_point,
    }  # fmt: skip


def limits(clamp: Clamp, integers: Quantization) -> tuple[int, int]:
    """The bounds of a clamp as integers."""
    low, high = (np.clip(bound / integers.scale + integers.zero_point, LOWEST, HIGHEST) for bound in clamp)
    return int(np.rint(low)), int(np.rint(high))


def clamped(clamp: Clamp) -> list[Module]:
    """The activation that clamps so."""
    if clamp == (0.0, math.inf):
        return [Activation("relu")]
    return [] if clamp == (-math.inf, math.inf) else [Activation("hardtanh", min_val=clamp[0], max_val=clamp[1])]
