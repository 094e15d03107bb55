"""Compatibility with files of format 1: layers with other names, options or weight layouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from wavenetlite.nn.convolution2d import Conv2d, ConvTranspose2d
from wavenetlite.nn.graph import Slice
from wavenetlite.nn.module import Module
from wavenetlite.nn.networks import FrequencyTCN
from wavenetlite.nn.normalisation import LayerNorm
from wavenetlite.nn.pointwise import Activation, CumulativePool


def old_types(swapped: list[Module]) -> dict[str, Callable[..., Module]]:
    """Constructors of these types; layers whose weights end with (bins, frames) in the file are added to `swapped`."""

    def frequency_conv(**options: Any) -> Module:
        swapped.append(frequency_convolution(**options))
        return swapped[-1]

    def frequency_tcn(**options: Any) -> Module:
        network = FrequencyTCN(**options)
        swapped.extend(module for _, module in network.modules() if isinstance(module, Conv2d))
        return network

    def activation(name: str, **options: Any) -> Module:
        return LayerNorm(None, **options) if name == "layer_norm" else Activation(name, **options)

    return {
        "Activation": activation,
        "Pool": CumulativePool,
        "Part": Slice,
        "Conv2d": lambda in_maps, out_maps, **options: Conv2d(in_maps, out_maps, **options),
        "ConvTranspose2d": lambda in_maps, out_maps, **options: ConvTranspose2d(in_maps, out_maps, **options),
        "FrequencyConv": frequency_conv,
        "FrequencyTCN": frequency_tcn,
    }


def frequency_convolution(
    *,
    bins: int,
    in_maps: int,
    out_maps: int,
    kernel_size: Sequence[int],
    stride: Sequence[int] = (1, 1),
    dilation: int = 1,
    bias: bool = True,
) -> Conv2d:
    """A causal convolution whose pairs are (bins, frames)."""
    kernel, step = ((pair[1], pair[0]) for pair in (kernel_size, stride))
    return Conv2d(in_maps, out_maps, kernel, bins=bins, stride=step, dilation=(dilation, 1), bias=bias)
