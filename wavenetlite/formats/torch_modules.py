"""Networks of PyTorch's modules: `from_torch`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from wavenetlite.formats import locuslab, pytorch_tcn, wekws
from wavenetlite.formats.tensors import Weights, affine, selu, tensor, with_weights
from wavenetlite.nn.combine import Sequential
from wavenetlite.nn.convolution import Conv1d, Linear
from wavenetlite.nn.convolution2d import ConvTranspose1d
from wavenetlite.nn.files import check_runs
from wavenetlite.nn.module import Module
from wavenetlite.nn.pointwise import Activation, BatchNorm, GatedUnit, Upsample
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ArrayTypeError, ModelFileError, ParameterError

PLAIN = {"ReLU": "relu", "SiLU": "silu", "Hardswish": "hardswish", "Softsign": "softsign", "Tanh": "tanh",
         "Sigmoid": "sigmoid"}  # fmt: skip
"""Activations without parameters, by the names of PyTorch's classes."""

NOTHING = "Identity", "Dropout", "Dropout1d", "AlphaDropout", "FeatureAlphaDropout"
"""Modules that do nothing to a signal in ``eval()``."""

NUMBERED = re.compile(r"(?:.*\.)?(?:network|res_blocks)\.([0-9]{1,2})\.(?:conv[12](?:\.conv)?|cnn\.0)")
"""Where the published networks have their dilated convolutions; dilations are 1, 2, 4, ..."""


class RefusedError(Exception):
    """Why a module has no counterpart."""


def from_torch(module: Any) -> Module:
    """A PyTorch module as one of our networks, with its weights; it computes what the module does in ``eval()``.

    Parameters
    ----------
    module
        A ``torch.nn.Sequential``, or one such layer, of Conv1d, ConvTranspose1d, Linear, BatchNorm1d, LayerNorm,
        Upsample, zero padding, activations and dropout, which may hold more Sequentials and weight normalisation; or a
        TCN of pytorch-tcn (1.x), locuslab's TemporalConvNet, or a model of wekws with a TCN, DS-TCN or MDTC.

        Padding before the signal makes a convolution causal, padding after it is latency. A signal is (batch, channels,
        time) in PyTorch where there are convolutions, and (batch, time, features) where there is Linear, which is why
        both in one Sequential are refused; here it is always (batch, time, channels).

    Returns
    -------
    Module
        It shares nothing with `module`.

    Raises
    ------
    ParameterError
        Modules that have no counterpart, or options of theirs: each is named by its path, with the reason.

    Examples
    --------
    >>> import numpy as np, torch, wavenetlite as wl
    >>> model = wl.from_torch(torch.nn.Sequential(torch.nn.ZeroPad1d((8, 0)), torch.nn.Conv1d(1, 2, 3, dilation=4)))
    >>> model.receptive_field, model(np.zeros((5, 1), np.float32)).shape
    (9, (5, 2))
    """
    import torch

    if not isinstance(module, torch.nn.Module):
        raise ArrayTypeError(f"module is a {type(module).__name__}; it must be a torch.nn.Module")
    with torch.no_grad():
        try:
            model = known_network(module)
            check_runs(model)
        except ModelFileError as error:  # of readers of files that take a module's weights
            raise ParameterError(f"module: {error}") from None
    return model


def known_network(module: Any) -> Module:
    """A network of the libraries that are known, by its weights and attributes; any other is made of its layers."""
    names = set(module.state_dict())
    if kind(module) == "TCN" and type(module).__module__.startswith("pytorch_tcn."):
        return pytorch_tcn.from_module(module, state(module), placed)
    if "network.0.net.0.bias" in names or "tcn.network.0.net.0.bias" in names:
        check_as_published(module)
        return locuslab.network(state(module))
    if wekws.is_known(names):
        check_as_published(module)
        return wekws.from_module(module, state(module))
    return layers_of(module)


def check_as_published(module: Any) -> None:
    """Refuse what has the names of a published network, but other dilations or activations."""
    for path, layer in module.named_modules():
        number = NUMBERED.fullmatch(path)
        if number and getattr(layer, "kernel_size", (1,))[0] > 1 and layer.dilation[0] != 2 ** int(number[1]):
            raise ParameterError(f"{path}: dilation={layer.dilation[0]} must be {2 ** int(number[1])} in this network")
        if number is None and path.rpartition(".")[2] in ("relu", "relu1", "relu2") and kind(layer) != "ReLU":
            raise ParameterError(f"{path} ({kind(layer)}): it must be ReLU in this network")


def state(module: Any) -> Weights:
    return Weights({name: float32(name, value) for name, value in module.state_dict().items()})


def float32(name: str, value: Any) -> Floats:
    return np.ascontiguousarray(tensor(name, value), np.float32)


def kind(module: Any) -> str:
    """The name of a module's class, without what parametrizations make of it."""
    return type(module).__name__.removeprefix("Parametrized")


def placed(place: str, module: Any, channels: int) -> Module:
    """The activation at a place of a network."""
    try:
        return activation(module, channels)
    except RefusedError as reason:
        raise ParameterError(f"{place} ({kind(module)}): {reason}") from None


# Sequentials


def layers_of(module: Any) -> Sequential:
    """The layers of a Sequential one after the other; all that are refused are named."""
    reader = Reader()
    refused = []
    for path, layer in flat("", module):
        try:
            reader.read(layer)
        except (RefusedError, ParameterError, ArrayTypeError, ModelFileError) as reason:
            refused.append(f"{path or 'module'} ({kind(layer)}): {reason}")
    if reader.pads != (0, 0):
        refused.append("module: zero padding must come before a Conv1d")
    if refused:
        more = f"; and {len(refused) - 8} more" if len(refused) > 8 else ""
        raise ParameterError("; ".join(refused[:8]) + more)
    return Sequential(reader.layers)


def flat(path: str, module: Any) -> Iterator[tuple[str, Any]]:
    """The layers of nested Sequentials with their paths."""
    if kind(module) != "Sequential" or not type(module).__module__.startswith("torch.nn."):
        yield path, module
        return
    for name, child in module._modules.items():  # named_children() leaves out one that comes twice
        yield from flat(f"{path}.{name}" if path else name, child)


class Reader:
    """Makes our layers of PyTorch's one by one, and remembers what one says to the next."""

    def __init__(self) -> None:
        self.layers: list[Module] = []
        self.pads = (0, 0)
        self.channels: int | None = None
        self.axis: str | None = None  # which the layers so far take for the last one: "time" or "channels"

    def read(self, module: Any) -> None:
        name = kind(module)
        if not type(module).__module__.startswith(("torch.nn.", "pytorch_tcn.")):
            raise RefusedError("it is no module of torch.nn, and what it computes cannot be seen")
        if module._forward_hooks:
            raise RefusedError("it has forward hooks, which may change what it computes")
        if name in NOTHING:
            return
        if name in ("ConstantPad1d", "ZeroPad1d"):
            self.pad(module)
            return
        reads = {
            "Conv1d": self.conv, "TemporalConv1d": self.temporal_conv, "ConvTranspose1d": self.conv_transpose,
            "TemporalConvTranspose1d": self.temporal_conv_transpose, "Linear": self.linear,
            "BatchNorm1d": self.batch_norm, "Upsample": self.upsample, "UpsamplingNearest1d": self.upsample,
            "LayerNorm": self.layer_norm, "Softmax": self.softmax, "GLU": self.glu,
        }  # fmt: skip
        if self.pads != (0, 0) and name not in ("Conv1d", "TemporalConv1d"):
            raise RefusedError("it comes after zero padding, which must come before a Conv1d")
        layer = reads[name](module) if name in reads else activation(module, self.channels)
        self.layers.append(layer)
        if isinstance(layer, GatedUnit):
            self.channels = None if self.channels is None else self.channels // 2
        self.channels = layer.out_width or self.channels

    def last_axis(self, axis: str) -> None:
        if self.axis not in (None, axis):
            raise RefusedError(f"it takes {axis} for the last axis, where layers before it take {self.axis}")
        self.axis = axis

    def pad(self, module: Any) -> None:
        before, after = module.padding
        if module.__dict__.get("value", 0) != 0 or min(before, after) < 0:
            raise RefusedError("padding must be zeros, as many as 0 or more")
        self.pads = self.pads[0] + before, self.pads[1] + after
        self.last_axis("time")

    def conv(self, module: Any) -> Conv1d:
        self.last_axis("time")
        reach = (module.kernel_size[0] - 1) * module.dilation[0]
        given = {"same": (reach // 2, reach - reach // 2), "valid": (0, 0)}.get(
            str(module.padding), (module.padding[0], module.padding[-1])
        )
        if module.padding_mode != "zeros" and given != (0, 0):
            raise RefusedError(f"padding_mode={module.padding_mode!r} must be 'zeros'")
        pads, self.pads = (self.pads[0] + int(given[0]), self.pads[1] + int(given[1])), (0, 0)
        return convolution(module, pads)

    def temporal_conv(self, module: Any) -> Conv1d:
        """Of pytorch-tcn, which pads by itself."""
        self.last_axis("time")
        own = module.padder
        if kind(own.pad) != "ConstantPad1d" and own.pad_len:
            raise RefusedError(f"its padding is a {kind(own.pad)}; it must be zeros")
        pads, self.pads = (self.pads[0] + own.left_padding, self.pads[1] + own.right_padding), (0, 0)
        return convolution(module, pads)

    def conv_transpose(self, module: Any) -> ConvTranspose1d:
        self.last_axis("time")
        (kernel_size,), (stride,), (dilation,), (padding,), (output_padding,) = (
            module.kernel_size, module.stride, module.dilation, module.padding, module.output_padding)  # fmt: skip
        overhang = (kernel_size - 1) * dilation + 1 - stride
        if 2 * padding - output_padding != overhang or padding not in (0, -(-overhang // 2)):
            raise RefusedError(f"padding={padding} must be half of the overhang {overhang}, rounded up, with an "
                          "output_padding so that every frame gives stride frames")  # fmt: skip
        return transposed(module, "same" if padding else "causal")

    def temporal_conv_transpose(self, module: Any) -> ConvTranspose1d:
        """Of pytorch-tcn: kernels of twice the stride."""
        self.last_axis("time")
        if not module.causal and module.stride[0] % 2:
            raise RefusedError(f"stride={module.stride[0]} must be even where it is not causal")
        if module.causal and kind(module.padder.pad) != "ConstantPad1d":
            raise RefusedError(f"its padding is a {kind(module.padder.pad)}; it must be zeros")
        return transposed(module, "causal" if module.causal else "same")

    def linear(self, module: Any) -> Linear:
        if self.axis == "time":
            raise RefusedError(
                "after a convolution it works on time, not on channels; a Conv1d of kernel size 1 does that"
            )
        self.last_axis("channels")
        bias = {} if module.bias is None else {"bias": float32("bias", module.bias)}
        layer = Linear(module.in_features, module.out_features, bias=bool(bias))
        return with_weights(layer, weight=weight_of(module), **bias)

    def batch_norm(self, module: Any) -> BatchNorm:
        if module.running_mean is None:
            raise RefusedError("track_running_stats=False: it normalises by each batch, which a stream has not")
        count = module.num_features
        scale = np.ones(count, np.float32) if module.weight is None else float32("weight", module.weight)
        shift = np.zeros(count, np.float32) if module.bias is None else float32("bias", module.bias)
        return with_weights(BatchNorm(count, eps=module.eps), weight=scale, bias=shift,
                            running_mean=float32("running_mean", module.running_mean),
                            running_var=float32("running_var", module.running_var))  # fmt: skip

    def layer_norm(self, module: Any) -> Sequential:
        if self.axis == "time":
            raise RefusedError("after a convolution it works on time, not on channels")
        self.last_axis("channels")
        if len(module.normalized_shape) != 1:
            raise RefusedError(f"normalized_shape={tuple(module.normalized_shape)} must be the channels alone")
        count = module.normalized_shape[0]
        scale = np.ones(count) if module.weight is None else float32("weight", module.weight)
        shift = np.zeros(count) if module.bias is None else float32("bias", module.bias)
        return Sequential([Activation("layer_norm", eps=module.eps), affine(scale, shift)])

    def upsample(self, module: Any) -> Upsample:
        self.last_axis("time")
        factor = module.scale_factor[0] if isinstance(module.scale_factor, tuple) else module.scale_factor
        if module.mode != "nearest" or factor is None or factor != int(factor):
            raise RefusedError(f"mode={module.mode!r}, scale_factor={factor} must be 'nearest' and a whole number")
        return Upsample(int(factor))

    def over_channels(self, dim: Any) -> None:
        """Refuse what works on another axis than the channels."""
        axes = {"time": (1, -2), "channels": (2, -1), None: (1, -2)}[self.axis]
        if dim not in axes:
            raise RefusedError(f"dim={dim} must be {axes[0]}, that of the channels")

    def softmax(self, module: Any) -> Activation:
        self.over_channels(module.dim)
        return Activation("softmax")

    def glu(self, module: Any) -> GatedUnit:
        self.over_channels(module.dim)
        return GatedUnit(activation="identity", gate="sigmoid")


def convolution(module: Any, pads: tuple[int, int]) -> Conv1d:
    (kernel_size,), (stride,), (dilation,) = module.kernel_size, module.stride, module.dilation
    reach = (kernel_size - 1) * dilation
    names: dict[tuple[int, int], Any] = {(0, 0): "valid", (reach, 0): "causal"}
    bias = {} if module.bias is None else {"bias": float32("bias", module.bias)}
    layer = Conv1d(module.in_channels, module.out_channels, kernel_size, stride=stride, dilation=dilation,
                   padding=names.get(pads, pads), groups=module.groups, bias=bool(bias))  # fmt: skip
    return with_weights(layer, weight=weight_of(module), **bias)


def transposed(module: Any, padding: Any) -> ConvTranspose1d:
    bias = {} if module.bias is None else {"bias": float32("bias", module.bias)}
    layer = ConvTranspose1d(module.in_channels, module.out_channels, module.kernel_size[0], stride=module.stride[0],
                            dilation=module.dilation[0], padding=padding, groups=module.groups,
                            bias=bool(bias))  # fmt: skip
    return with_weights(layer, weight=weight_of(module), **bias)


def weight_of(module: Any) -> Floats:
    """The weight as it is used, with weight normalisation folded into it."""
    names = {name.removeprefix("parametrizations.") for name in module.state_dict() if name.startswith("parametr")}
    kinds = {type(one).__name__ for many in getattr(module, "parametrizations", {}).values() for one in many}
    if kinds - {"_WeightNorm"} or any(not name.startswith("weight.") for name in names):
        raise RefusedError(
            f"it is parametrized by {', '.join(sorted(kinds))}; only weight normalisation of the weight is known"
        )
    for hook in module._forward_pre_hooks.values():  # the older weight normalisation
        if type(hook).__name__ != "WeightNorm" or hook.name != "weight":
            raise RefusedError(f"it has a hook {type(hook).__name__}, which may change what it computes")
        return float32("weight", hook.compute_weight(module))
    return float32("weight", module.weight)


def activation(module: Any, channels: int | None) -> Module:
    """An activation with its parameters; `channels` of the signal, where they are known."""
    name = kind(module)
    if not type(module).__module__.startswith("torch.nn."):
        raise RefusedError("it is no module of torch.nn, and what it computes cannot be seen")
    if name in PLAIN:
        return Activation(PLAIN[name])
    if name == "Identity":
        return Activation("identity")
    if name == "LeakyReLU":
        return Activation("leaky_relu", negative_slope=module.negative_slope)
    if name == "PReLU":
        slopes = float32("weight", module.weight)
        return with_weights(Activation("prelu", channels=slopes.size), weight=slopes)
    if name == "ELU":
        return Activation("elu", alpha=float(module.alpha))
    if name == "GELU":
        return Activation("gelu", approximate=module.approximate)
    if name in ("Hardtanh", "ReLU6"):
        return Activation("hardtanh", min_val=float(module.min_val), max_val=float(module.max_val))
    if name == "SELU" and channels is not None:
        return selu(channels)
    if name == "SELU":
        raise RefusedError("it must come after a layer that says how many channels there are")
    if name in ("Softmax", "LogSoftmax"):
        raise RefusedError(f"dim={module.dim}: here it would not run over the channels")
    raise RefusedError("there is no such layer here")
