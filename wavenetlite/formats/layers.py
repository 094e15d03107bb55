"""Layers with given weights, as every importer makes them: weights are laid out as PyTorch does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from wavenetlite.formats.format import UnsupportedError
from wavenetlite.nn.combine import Sequential
from wavenetlite.nn.convolution import Conv1d, Linear, Pads
from wavenetlite.nn.convolution2d import ConvTranspose1d
from wavenetlite.nn.files import check_runs
from wavenetlite.nn.module import Module
from wavenetlite.nn.normalisation import GroupNorm, LayerNorm
from wavenetlite.nn.pointwise import Activation, BatchNorm
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ArrayTypeError, ModelFileError, ParameterError

Layer = TypeVar("Layer", bound=Module)
Network = TypeVar("Network", bound=Module)

SELU = 1.0507009873554805, 1.6732632423543772
"""Scale and alpha: Klambauer et al., "Self-Normalizing Neural Networks", 2017."""


def with_weights(layer: Layer, **values: np.ndarray | None) -> Layer:
    """The layer with these values as its parameters; None: it has no such parameter."""
    layer.load_state_dict({name: as_float32(value) for name, value in values.items() if value is not None})
    return layer


def as_float32(values: np.ndarray) -> Floats:
    with np.errstate(over="ignore"):  # becomes infinite, which is refused
        result: Floats = values.astype(np.float32, copy=False)
    return result


def conv1d(
    weight: np.ndarray,
    bias: np.ndarray | None = None,
    *,
    groups: int = 1,
    stride: int = 1,
    dilation: int = 1,
    padding: Pads = "causal",
) -> Conv1d:
    """A convolution; padding that has a name of its own goes by that."""
    out, per_group, kernel_size = weight.shape
    if not isinstance(padding, str):
        padding = named_padding(padding[0], padding[1], (kernel_size - 1) * dilation, stride)
    layer = Conv1d(per_group * groups, out, kernel_size, stride=stride, dilation=dilation, groups=groups,
                   padding=padding, bias=bias is not None)  # fmt: skip
    return with_weights(layer, weight=weight, bias=bias)


def reflected_conv1d(
    weight: np.ndarray, bias: np.ndarray | None, reflected: int, *, stride: int, pads: tuple[int, int], dilation: int,
    groups: int,
) -> Conv1d:  # fmt: skip
    """A convolution of a signal that has `reflected` frames of itself before it, in reverse."""
    out, per_group, kernel_size = weight.shape
    reach = (kernel_size - 1) * dilation
    if stride != 1 or pads != (0, 0) or reflected != reach:
        raise UnsupportedError(f"has stride={stride}, pads={pads} and {reflected} reflected frames before the signal; "
                               f"it must have 1, none, and {reach}, over which its kernel reaches")  # fmt: skip
    layer = Conv1d(per_group * groups, out, kernel_size, dilation=dilation, groups=groups, bias=bias is not None,
                   padding_mode="reflect")  # fmt: skip
    return with_weights(layer, weight=weight, bias=bias)


def named_padding(before: int, after: int, reach: int, stride: int) -> Pads:
    """Padding by its usual name, if it has one."""
    if (before, after) == (reach, 0):
        return "causal"
    if (before, after) == (reach // 2, reach - reach // 2) and stride == 1:
        return "same"
    return "valid" if (before, after) == (0, 0) else (before, after)


def conv_transpose1d(
    weight: np.ndarray, bias: np.ndarray | None, *, groups: int = 1, **options: Any
) -> ConvTranspose1d:
    """A transposed convolution; `options` are stride, dilation and padding of `ConvTranspose1d`."""
    channels, per_group, kernel_size = weight.shape
    layer = ConvTranspose1d(channels, per_group * groups, kernel_size, groups=groups, bias=bias is not None, **options)
    return with_weights(layer, weight=weight, bias=bias)


def linear(weight: np.ndarray, bias: np.ndarray | None = None) -> Linear:
    return with_weights(Linear(weight.shape[1], weight.shape[0], bias=bias is not None), weight=weight, bias=bias)


def batch_norm(
    weight: np.ndarray | None,
    bias: np.ndarray | None,
    mean: np.ndarray,
    variance: np.ndarray,
    *,
    eps: float,
    bins: int = 1,
) -> BatchNorm:
    """Batch normalisation; without weight or bias it does not scale or shift."""
    weight, bias = scale_and_shift(weight, bias, len(mean))
    layer = BatchNorm(len(mean), eps=eps, bins=bins)
    return with_weights(layer, weight=weight, bias=bias, running_mean=mean, running_var=variance)


def layer_norm(channels: int, weight: np.ndarray | None, bias: np.ndarray | None, *, eps: float) -> LayerNorm:
    """Layer normalisation over the channels; without weight or bias it does not scale or shift."""
    weight, bias = scale_and_shift(weight, bias, channels)
    return with_weights(LayerNorm(channels, eps=eps), weight=weight, bias=bias)


def group_norm(
    groups: int, channels: int, weight: np.ndarray | None, bias: np.ndarray | None, *, eps: float
) -> GroupNorm:
    """Normalisation over each group of the channels of a frame."""
    weight, bias = scale_and_shift(weight, bias, channels)
    return with_weights(GroupNorm(groups, channels, eps=eps), weight=weight, bias=bias)


def affine(scale: np.ndarray, shift: np.ndarray) -> BatchNorm:
    """``scale * x + shift``, channel by channel."""
    return batch_norm(scale, shift, np.zeros(len(scale)), np.ones(len(scale)), eps=0.0)


def scale_and_shift(weight: np.ndarray | None, bias: np.ndarray | None, channels: int) -> tuple[np.ndarray, np.ndarray]:
    return (np.ones(channels) if weight is None else weight), (np.zeros(channels) if bias is None else bias)


def prelu(slopes: np.ndarray) -> Activation:
    """With one slope for all channels, or one for each."""
    return with_weights(Activation("prelu", channels=len(slopes)), weight=slopes)


def selu(channels: int) -> Sequential:
    """``scale * elu(x, alpha)``."""
    return Sequential([Activation("elu", alpha=SELU[1]), affine(np.full(channels, SELU[0]), np.zeros(channels))])


def checked_network(make: Callable[..., Network], *arguments: Any, **options: Any) -> Network:
    """What `make` returns for a file's contents: what our layers find wrong is wrong with the file; and it must run."""
    try:
        model = make(*arguments, **options)
    except (ParameterError, ArrayTypeError) as error:
        raise ModelFileError(str(error)) from None
    check_runs(model)
    return model
