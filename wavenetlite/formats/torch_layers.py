"""Layers of PyTorch: each function makes ours of one of theirs. A new layer is one row of `LAYERS`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from wavenetlite.formats import layers
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.recurrent import PARAMETERS, Cell, layer_of
from wavenetlite.formats.tensors import tensor
from wavenetlite.nn.convolution import Conv1d
from wavenetlite.nn.convolution2d import ConvTranspose1d
from wavenetlite.nn.module import Module
from wavenetlite.nn.pointwise import Activation, GatedUnit, Upsample
from wavenetlite.nn.recurrent import GRU, LSTM
from wavenetlite.support.arrays import Floats

NOTHING = "Identity", "Dropout", "Dropout1d", "AlphaDropout", "FeatureAlphaDropout"
"""Modules that do nothing to a signal in ``eval()``."""


def kind(module: Any) -> str:
    """The name of a module's class, without what parametrizations or ``torch.jit`` make of it."""
    name: str = getattr(module, "original_name", type(module).__name__)
    return name.removeprefix("Parametrized")


def float32(name: str, value: Any) -> Floats:
    return np.ascontiguousarray(tensor(name, value), np.float32)


class TorchReader:
    """Makes our layers of PyTorch's one by one, and remembers what one says to the next.

    Attributes
    ----------
    layers
        Ours, so far.
    pads
        Zeros around the signal, which wait for a convolution.
    reflected
        Frames of the signal before it in reverse, which wait for one too.
    channels
        Of the signal, where a layer has said it.
    axis
        Which axis the layers so far take for the last one: "time" or "channels".
    last
        What was read last, if no layer can come after it.
    """

    def __init__(self) -> None:
        self.layers: list[Module] = []
        self.pads = (0, 0)
        self.reflected = 0
        self.channels: int | None = None
        self.axis: str | None = None
        self.last = ""

    def read(self, module: Any) -> None:
        name = kind(module)
        if not type(module).__module__.startswith(("torch.nn.", "pytorch_tcn.")):
            raise UnsupportedError("it is no module of torch.nn, and what it computes cannot be seen")
        if module._forward_hooks:
            raise UnsupportedError("it has forward hooks, which may change what it computes")
        if self.last:
            raise UnsupportedError(f"it comes after {self.last}: PyTorch itself cannot run that")
        if name in NOTHING:
            return
        if name in ("ConstantPad1d", "ZeroPad1d"):
            self.pad(module)
            return
        if name == "ReflectionPad1d":
            self.reflect(module)
            return
        if (self.pads != (0, 0) or self.reflected) and name not in ("Conv1d", "TemporalConv1d"):
            kind_of_padding = "reflection" if self.reflected else "zero"
            raise UnsupportedError(f"it comes after {kind_of_padding} padding, which must come before a Conv1d")
        layer = LAYERS[name](self, module) if name in LAYERS else activation(module, self.channels)
        self.layers.append(layer)
        if isinstance(layer, GatedUnit):
            self.channels = None if self.channels is None else self.channels // 2
        self.channels = layer.out_width or self.channels

    def last_axis(self, axis: str) -> None:
        if self.axis not in (None, axis):
            raise UnsupportedError(f"it takes {axis} for the last axis, where layers before it take {self.axis}")
        self.axis = axis

    def channels_last(self, instead: str = "") -> None:
        """Refuse after a convolution what works on the last axis."""
        if self.axis == "time":
            raise UnsupportedError(f"after a convolution it works on time, not on channels{instead}")
        self.last_axis("channels")

    def over_channels(self, dim: Any) -> None:
        """Refuse what works on another axis than the channels."""
        axes = {"time": (1, -2), "channels": (2, -1), None: (1, -2)}[self.axis]
        if dim not in axes:
            raise UnsupportedError(f"dim={dim} must be {axes[0]}, that of the channels")

    def pad(self, module: Any) -> None:
        before, after = module.padding
        if module.__dict__.get("value", 0) != 0 or min(before, after) < 0:
            raise UnsupportedError("padding must be zeros, as many as 0 or more")
        self.pads = self.pads[0] + before, self.pads[1] + after
        self.last_axis("time")

    def reflect(self, module: Any) -> None:
        before, after = module.padding
        if after or before < 0 or self.pads != (0, 0) or self.reflected:
            raise UnsupportedError(f"padding={tuple(module.padding)} must be before the signal, and alone: a stream's "
                                   "end is not known before it comes")  # fmt: skip
        self.reflected = before
        self.last_axis("time")

    def convolution(self, module: Any, before: int, after: int) -> Conv1d:
        """A convolution with zeros of its own and those that wait, or after a reflection."""
        if self.reflected:
            reflected, self.reflected = self.reflected, 0
            return layers.reflected_conv1d(weight_of(module), bias_of(module), reflected, stride=module.stride[0],
                                           pads=(before, after), dilation=module.dilation[0],
                                           groups=module.groups)  # fmt: skip
        pads, self.pads = (self.pads[0] + before, self.pads[1] + after), (0, 0)
        return layers.conv1d(weight_of(module), bias_of(module), stride=module.stride[0], padding=pads,
                             dilation=module.dilation[0], groups=module.groups)  # fmt: skip


def conv(reader: TorchReader, module: Any) -> Conv1d:
    reader.last_axis("time")
    reach = (module.kernel_size[0] - 1) * module.dilation[0]
    named = {"same": (reach // 2, reach - reach // 2), "valid": (0, 0)}
    before, after = named.get(str(module.padding), (module.padding[0], module.padding[-1]))
    if module.padding_mode != "zeros" and (before, after) != (0, 0):
        raise UnsupportedError(f"padding_mode={module.padding_mode!r} must be 'zeros'")
    return reader.convolution(module, int(before), int(after))


def temporal_conv(reader: TorchReader, module: Any) -> Conv1d:
    """Of pytorch-tcn, which pads by itself."""
    reader.last_axis("time")
    own = module.padder
    if kind(own.pad) != "ConstantPad1d" and own.pad_len:
        raise UnsupportedError(f"its padding is a {kind(own.pad)}; it must be zeros")
    return reader.convolution(module, own.left_padding, own.right_padding)


def conv_transpose(reader: TorchReader, module: Any) -> ConvTranspose1d:
    reader.last_axis("time")
    (kernel_size,), (stride,), (dilation,), (padding,), (output_padding,) = (
        module.kernel_size, module.stride, module.dilation, module.padding, module.output_padding)  # fmt: skip
    overhang = (kernel_size - 1) * dilation + 1 - stride
    if 2 * padding - output_padding != overhang or padding not in (0, -(-overhang // 2)):
        raise UnsupportedError(f"padding={padding} must be half of the overhang {overhang}, rounded up, with an "
                               "output_padding so that every frame gives stride frames")  # fmt: skip
    return transposed(module, "same" if padding else "causal")


def temporal_conv_transpose(reader: TorchReader, module: Any) -> ConvTranspose1d:
    """Of pytorch-tcn: kernels of twice the stride."""
    reader.last_axis("time")
    if not module.causal and module.stride[0] % 2:
        raise UnsupportedError(f"stride={module.stride[0]} must be even where it is not causal")
    if module.causal and kind(module.padder.pad) != "ConstantPad1d":
        raise UnsupportedError(f"its padding is a {kind(module.padder.pad)}; it must be zeros")
    return transposed(module, "causal" if module.causal else "same")


def transposed(module: Any, padding: str) -> ConvTranspose1d:
    return layers.conv_transpose1d(weight_of(module), bias_of(module), stride=module.stride[0], padding=padding,
                                   dilation=module.dilation[0], groups=module.groups)  # fmt: skip


def linear(reader: TorchReader, module: Any) -> Module:
    reader.channels_last("; a Conv1d of kernel size 1 does that")
    return layers.linear(weight_of(module), bias_of(module))


def batch_norm(reader: TorchReader, module: Any) -> Module:
    if module.running_mean is None:
        raise UnsupportedError("track_running_stats=False: it normalises by each batch, which a stream has not")
    mean, variance = float32("running_mean", module.running_mean), float32("running_var", module.running_var)
    return layers.batch_norm(optional(module, "weight"), bias_of(module), mean, variance, eps=module.eps)


def layer_norm(reader: TorchReader, module: Any) -> Module:
    reader.channels_last()
    if len(module.normalized_shape) != 1:
        raise UnsupportedError(f"normalized_shape={tuple(module.normalized_shape)} must be the channels alone")
    (channels,) = module.normalized_shape
    return layers.layer_norm(channels, optional(module, "weight"), bias_of(module), eps=module.eps)


def group_norm(reader: TorchReader, module: Any) -> Module:
    """PyTorch's averages over the channels of a group and all frames: ours, where there is one frame."""
    if reader.axis != "channels":
        raise UnsupportedError("it averages over all frames of a signal, which a stream has not; it can be read only "
                               "after layers that make it work on single frames, such as Linear")  # fmt: skip
    weight, bias = optional(module, "weight"), bias_of(module)
    return layers.group_norm(module.num_groups, module.num_channels, weight, bias, eps=module.eps)


def recurrent(reader: TorchReader, module: Any) -> Module:
    """A GRU or an LSTM; of what it returns, the frames. Its dropout does nothing in ``eval()``."""
    reader.channels_last()
    for option, plain in (("bidirectional", False), ("proj_size", 0)):
        if getattr(module, option) != plain:
            raise UnsupportedError(f"{option}={getattr(module, option)} must be {plain}")
    if hasattr(module, "parametrizations") or module._forward_pre_hooks:
        raise UnsupportedError("it is parametrized or has hooks, which may change its weights")
    names = PARAMETERS if module.bias else PARAMETERS[:2]
    cells = [Cell(*(float32(name, getattr(module, f"{name}_l{n}")) for name in names))
             for n in range(module.num_layers)]  # fmt: skip
    reader.last = f"a {kind(module)}, which gives its frames and its state"
    return layer_of(GRU if kind(module) == "GRU" else LSTM, *cells)


def upsample(reader: TorchReader, module: Any) -> Module:
    reader.last_axis("time")
    factor = module.scale_factor[0] if isinstance(module.scale_factor, tuple) else module.scale_factor
    if module.mode != "nearest" or factor is None or factor != int(factor):
        raise UnsupportedError(f"mode={module.mode!r}, scale_factor={factor} must be 'nearest' and a whole number")
    return Upsample(int(factor))


def softmax(reader: TorchReader, module: Any) -> Module:
    reader.over_channels(module.dim)
    return Activation("softmax")


def glu(reader: TorchReader, module: Any) -> Module:
    reader.over_channels(module.dim)
    return GatedUnit(activation="identity", gate="sigmoid")


LAYERS: dict[str, Callable[[TorchReader, Any], Module]] = {
    "Conv1d": conv,
    "TemporalConv1d": temporal_conv,
    "ConvTranspose1d": conv_transpose,
    "TemporalConvTranspose1d": temporal_conv_transpose,
    "Linear": linear,
    "BatchNorm1d": batch_norm,
    "LayerNorm": layer_norm,
    "GroupNorm": group_norm,
    "GRU": recurrent,
    "LSTM": recurrent,
    "Upsample": upsample,
    "UpsamplingNearest1d": upsample,
    "Softmax": softmax,
    "GLU": glu,
}
"""By class: ``function(reader, module)``."""

ACTIVATIONS: dict[str, Callable[[Any], Module]] = {
    "ReLU": lambda module: Activation("relu"),
    "SiLU": lambda module: Activation("silu"),
    "Hardswish": lambda module: Activation("hardswish"),
    "Softsign": lambda module: Activation("softsign"),
    "Tanh": lambda module: Activation("tanh"),
    "Sigmoid": lambda module: Activation("sigmoid"),
    "Identity": lambda module: Activation("identity"),
    "LeakyReLU": lambda module: Activation("leaky_relu", negative_slope=module.negative_slope),
    "ELU": lambda module: Activation("elu", alpha=float(module.alpha)),
    "GELU": lambda module: Activation("gelu", approximate=module.approximate),
    "Hardtanh": lambda module: Activation("hardtanh", min_val=float(module.min_val), max_val=float(module.max_val)),
    "ReLU6": lambda module: Activation("hardtanh", min_val=float(module.min_val), max_val=float(module.max_val)),
    "PReLU": lambda module: layers.prelu(float32("weight", module.weight)),
}
"""Those that take each value, or each channel, by itself."""


def activation(module: Any, channels: int | None) -> Module:
    """An activation with its parameters; `channels` of the signal, where they are known."""
    name = kind(module)
    if not type(module).__module__.startswith("torch.nn."):
        raise UnsupportedError("it is no module of torch.nn, and what it computes cannot be seen")
    if name in ACTIVATIONS:
        return ACTIVATIONS[name](module)
    if name == "SELU" and channels is not None:
        return layers.selu(channels)
    if name == "SELU":
        raise UnsupportedError("it must come after a layer that says how many channels there are")
    if name in ("Softmax", "LogSoftmax"):
        raise UnsupportedError(f"dim={module.dim}: here it would not run over the channels")
    raise UnsupportedError("there is no such layer here")


def weight_of(module: Any) -> Floats:
    """The weight as it is used, with weight normalisation folded into it."""
    names = {name.removeprefix("parametrizations.") for name in module.state_dict() if name.startswith("parametr")}
    kinds = {type(one).__name__ for many in getattr(module, "parametrizations", {}).values() for one in many}
    if kinds - {"_WeightNorm"} or any(not name.startswith("weight.") for name in names):
        raise UnsupportedError(
            f"it is parametrized by {', '.join(sorted(kinds))}; only weight normalisation of the weight is known"
        )
    for hook in module._forward_pre_hooks.values():  # the older weight normalisation
        if type(hook).__name__ != "WeightNorm" or hook.name != "weight":
            raise UnsupportedError(f"it has a hook {type(hook).__name__}, which may change what it computes")
        return float32("weight", hook.compute_weight(module))
    return float32("weight", module.weight)


def bias_of(module: Any) -> Floats | None:
    return optional(module, "bias")


def optional(module: Any, name: str) -> Floats | None:
    """A parameter that a module may be without."""
    value = getattr(module, name)
    return None if value is None else float32(name, value)
