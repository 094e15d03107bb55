"""Pointwise layers: normalisation, activations, gated unit, dropout; and pooling and upsampling over time."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from wavenetlite import graph, nodes
from wavenetlite.graph import MOST_CHANNELS, Edge, Node
from wavenetlite.nn.module import Module, is_training
from wavenetlite.nn.normalisation import LayerNorm
from wavenetlite.nn.torch_twin import functional, over_time, torch
from wavenetlite.support.checks import flag, number, one_of, positive_int
from wavenetlite.support.errors import ParameterError

MOST_WINDOW = 65_536
MOST_FACTOR = 65_536

# Options of the activations, with their defaults (PyTorch's).
ACTIVATION_OPTIONS: dict[str, dict[str, Any]] = {
    "identity": {},
    "relu": {},
    "leaky_relu": {"negative_slope": 0.01},
    "prelu": {"channels": 1},
    "elu": {"alpha": 1.0},
    "silu": {},
    "gelu": {"approximate": "none"},
    "hardtanh": {"min_val": -1.0, "max_val": 1.0},
    "hardswish": {},
    "softsign": {},
    "softmax": {},
    "tanh": {},
    "sigmoid": {},
    "exp": {},
    "sin": {},
    "cos": {},
    "leaky_hardtanh": {"min_val": -1.0, "max_val": 1.0, "min_slope": 0.01, "max_slope": 0.01},
    "fast_tanh": {},
}


TORCH_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "identity": lambda torch, x: x,
    "relu": lambda torch, x: torch.relu(x),
    "leaky_relu": lambda torch, x, negative_slope: torch.leaky_relu(x, negative_slope),
    "elu": lambda torch, x, alpha: torch.elu(x, alpha),
    "silu": lambda torch, x: torch.silu(x),
    "gelu": lambda torch, x, approximate: torch.gelu(x, approximate=approximate),
    "hardtanh": lambda torch, x, min_val, max_val: torch.hardtanh(x, min_val, max_val),
    "hardswish": lambda torch, x: torch.hardswish(x),
    "softsign": lambda torch, x: torch.softsign(x),
    "softmax": lambda torch, x: torch.softmax(x, dim=-1),
    "tanh": lambda torch, x: x.tanh(),
    "sigmoid": lambda torch, x: x.sigmoid(),
    "exp": lambda torch, x: x.exp(),
    "sin": lambda torch, x: x.sin(),
    "cos": lambda torch, x: x.cos(),
}
"""By name: ``function(torch.nn.functional, x, **parameters)``."""


class BatchNorm(Module):
    """``weight * (x - running_mean) / sqrt(running_var + eps) + bias``, channel by channel.

    After a convolution it is folded into the weights when the network is compiled, so it costs nothing.

    Parameters
    ----------
    channels
        Input and output channels.
    eps
        Added to the variance.
    bins
        Number of bins of `channels` maps per frame, which share the parameters: PyTorch's ``BatchNorm2d`` after a
        `Conv2d`.

    Notes
    -----
    Parameters, (channels,) each: ``weight``, ``bias``, ``running_mean``, ``running_var``. Ioffe and Szegedy, "Batch
    Normalization", 2015.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.nn.BatchNorm(2, eps=0.0)(np.ones((1, 2), np.float32)).tolist()
    [[1.0, 1.0]]
    """

    def __init__(self, channels: int, *, eps: float = 1e-5, bins: int = 1) -> None:
        self.channels = positive_int("channels", channels, MOST_CHANNELS)
        self.bins = positive_int("bins", bins, MOST_CHANNELS // self.channels)
        self.in_channels = self.out_channels = self.bins * self.channels
        self.eps = number("eps", eps, least=0.0)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (self.channels,))

    def draw(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.ones(shape) if name in ("weight", "running_var") else np.zeros(shape)

    def build(self, x: Node, c: Node | None) -> Node:
        least = float(self.parameter("running_var").min())
        if least + self.eps <= 0:
            raise ParameterError(f"running_var={least} must be above -eps={-self.eps}")
        weight, bias, mean, variance = (
            self.parameter(name) for name in ("weight", "bias", "running_mean", "running_var")
        )
        return nodes.Norm((Edge(x),), x.channels, x.clock, weight, bias, mean, variance, self.eps, self.bins)

    def torch_forward(self, twin: Any, x: Any) -> Any:
        image = x.unflatten(2, (self.bins, self.channels)).permute(0, 3, 1, 2)
        y = functional().batch_norm(
            image, twin.running_mean, twin.running_var, twin.weight, twin.bias, twin.training, 0.1, self.eps
        )
        return y.permute(0, 2, 3, 1).flatten(2)


class Activation(Module):
    """An activation function by name.

    Parameters
    ----------
    name
        identity, relu, leaky_relu (negative_slope=0.01), prelu (channels=1; slopes are the parameter ``weight``), elu
        (alpha=1), silu, gelu (approximate="none" or "tanh"), hardtanh (min_val=-1, max_val=1), hardswish, softsign,
        softmax (over the channels of a frame), tanh, sigmoid, exp (of at most 88), sin, cos (of at most +-1e5),
        leaky_hardtanh (min_val=-1, max_val=1, min_slope=0.01, max_slope=0.01: hardtanh continued with these slopes),
        fast_tanh (Neural Amp Modeler's rational function, for models trained with it: error at most 4.4e-4 within
        +-6, and 0.008 far out).
    **parameters
        Parameters of the function, as listed.

    Notes
    -----
    Relative error of tanh: 1.85e-7 at most. Errors of the others are stated and measured in
    ``tests/nn/test_values.py``.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.nn.Activation("leaky_relu", negative_slope=0.5)(np.array([[-2, 2]], np.float32)).tolist()
    [[-1.0, 2.0]]
    """

    def __init__(self, name: str, **parameters: Any) -> None:
        self.name = one_of("name", name, tuple(ACTIVATION_OPTIONS))
        unknown = sorted(set(parameters) - set(ACTIVATION_OPTIONS[name]))
        if unknown:
            raise ParameterError(f"{unknown[0]}={parameters[unknown[0]]!r} is not a parameter of {name}")
        self.parameters: dict[str, Any] = {
            key: checked_option(key, value) for key, value in {**ACTIVATION_OPTIONS[name], **parameters}.items()
        }
        if name in ("hardtanh", "leaky_hardtanh") and self.parameters["min_val"] > self.parameters["max_val"]:
            raise ParameterError(
                f"min_val={self.parameters['min_val']} must not be above max_val={self.parameters['max_val']}"
            )
        if name == "prelu" and self.parameters["channels"] > 1:
            self.in_channels = self.out_channels = self.parameters["channels"]

    def options(self) -> dict[str, Any]:
        return {"name": self.name, **self.parameters}

    def __repr__(self) -> str:
        return f"Activation({', '.join([repr(self.name), *(f'{k}={v!r}' for k, v in self.parameters.items())])})"

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"weight": (self.parameters["channels"],)} if self.name == "prelu" else {}

    def draw(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.full(shape, 0.25)

    def build(self, x: Node, c: Node | None) -> Node:
        if self.name == "prelu":
            return nodes.activate(x, "prelu", slopes=self.parameter("weight"))
        if self.name == "gelu":
            return nodes.activate(x, "gelu_tanh" if self.parameters["approximate"] == "tanh" else "gelu")
        return nodes.activate(x, self.name, list(self.parameters.values()))

    def torch_forward(self, twin: Any, x: Any) -> Any:
        if self.name == "prelu":
            return over_time(lambda x: functional().prelu(x, twin.weight), x)
        if self.name not in TORCH_FUNCTIONS:
            raise ParameterError(f"activation {self.name} has no counterpart in PyTorch")
        return TORCH_FUNCTIONS[self.name](functional(), x, **self.parameters)


class Snake(Module):
    """``x + sin(alpha x)^2 / (alpha + 1e-9)``, with an alpha for every channel: periodic, as voiced sounds are.

    Parameters
    ----------
    channels
        Input and output channels.
    beta
        Whether the divisor is a parameter of its own: BigVGAN's SnakeBeta.
    logarithmic
        Whether the parameters are logarithms, as BigVGAN's are: alpha is ``exp(alpha)``, beta likewise.

    Notes
    -----
    Parameters, (channels,) each: ``alpha``, and ``beta`` if there is one; initially 1, or 0 if they are logarithms.
    Absolute error of the sine: 3e-7 up to ``|alpha x| = 1e4``; beyond 1e5 it stays as it is there. Ziyin et al.,
    "Neural Networks Fail to Learn Periodic Functions and How to Fix It", 2020; Lee et al., "BigVGAN", 2023.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> x = np.array([[-np.pi / 2], [0], [np.pi / 2]], np.float32)
    >>> wl.nn.Snake(1)(x).astype(float).round(4).ravel().tolist()
    [-0.5708, 0.0, 2.5708]
    """

    def __init__(self, channels: int, *, beta: bool = False, logarithmic: bool = False) -> None:
        self.channels = self.in_channels = self.out_channels = positive_int("channels", channels, MOST_CHANNELS)
        self.beta, self.logarithmic = flag("beta", beta), flag("logarithmic", logarithmic)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return dict.fromkeys(("alpha", "beta") if self.beta else ("alpha",), (self.channels,))

    def draw(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.zeros(shape) if self.logarithmic else np.ones(shape)

    def build(self, x: Node, c: Node | None) -> Node:
        beta = self.parameter("beta") if self.beta else None
        node = nodes.Snake((Edge(x),), x.channels, x.clock, self.parameter("alpha"), beta, self.logarithmic)
        if not all(np.isfinite(factor).all() for factor in node.factors):
            name = "beta" if self.beta else "alpha"
            raise ParameterError(f"{name} must not be such that 1 / ({name} + 1e-9) exceeds float32")
        return node

    def torch_forward(self, twin: Any, x: Any) -> Any:
        a, b = twin.alpha, twin.beta if self.beta else twin.alpha
        a, b = (a.exp(), b.exp()) if self.logarithmic else (a, b)
        return x + (a * x).sin() ** 2 / (b + nodes.LEAST)


def checked_option(key: str, value: Any) -> Any:
    if key == "channels":
        return positive_int(key, value, MOST_CHANNELS)
    if key == "approximate":
        return one_of(key, value, ("none", "tanh"))
    if abs(number(key, value)) > float(np.finfo(np.float32).max):
        raise ParameterError(f"{key}={value} must fit into float32")
    return float(value)


class GatedUnit(Module):
    """``activation(first half of the channels) * gate(second half)``: WaveNet's gate.

    Parameters
    ----------
    activation, gate
        Activations of the halves: names or `Activation` modules.
    blend
        Whether to compute ``g * activation(a) + (1 - g) * a`` with ``g = gate(b)`` instead of the product: Neural Amp
        Modeler's blending.

    Notes
    -----
    Children, if they have parameters (PReLU): ``activation``, ``gate``. van den Oord et al., "WaveNet", 2016, eq. 2.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.nn.GatedUnit()(np.zeros((1, 4), np.float32)).tolist()
    [[0.0, 0.0]]
    >>> wl.nn.GatedUnit(activation="relu", gate="hardtanh", blend=True)(np.array([[-2, 0.25]], np.float32)).tolist()
    [[-1.5]]
    """

    def __init__(
        self, *, activation: str | Activation = "tanh", gate: str | Activation = "sigmoid", blend: bool = False
    ) -> None:
        self.activation, self.gate, self.blend = activation, gate, flag("blend", blend)
        self._activation, self._gate = as_activation(activation), as_activation(gate)
        known = {half.in_channels for half in (self._activation, self._gate)} - {None}
        if len(known) > 1:
            raise ParameterError(f"activation and gate have {sorted(map(str, known))} channels; they must be equal")
        if known:  # PReLU with one slope per channel
            self.out_channels = known.pop()
            self.in_channels = None if self.out_channels is None else 2 * self.out_channels

    def children(self) -> dict[str, Module]:
        return trained(activation=self._activation, gate=self._gate)

    def build(self, x: Node, c: Node | None) -> Node:
        if x.channels % 2:
            raise ParameterError(f"GatedUnit is given {x.channels} channels; it must be an even number")
        half = x.channels // 2
        names = [getattr(function, "name", "") for function in (self._activation, self._gate)]
        if names == ["tanh", "sigmoid"] and not self.blend:
            return nodes.Gate((Edge(x),), half, x.clock)
        plain = nodes.take(x, 0, half)
        value, gate = self._activation.connect(plain), self._gate.connect(nodes.take(x, half, half))
        if not self.blend:
            return nodes.multiply(value, gate)
        return nodes.add(nodes.multiply(gate, value), nodes.multiply(self.complement(gate), plain))

    def torch_forward(self, twin: Any, x: Any) -> Any:
        plain, gate = x.chunk(2, dim=2)
        value, gate = torch_activated(twin, self._activation, plain), torch_activated(twin, self._gate, gate, "gate")
        return gate * value + (1 - gate) * plain if self.blend else gate * value

    def complement(self, x: Node) -> Node:
        """``1 - x``, as a depthwise convolution."""
        minus, one = self.__dict__.setdefault("_constants", {}).setdefault(
            x.channels, (np.full((x.channels, 1, 1), -1, np.float32), np.ones(x.channels, np.float32))
        )
        return nodes.Conv((Edge(x),), x.channels, x.clock, (minus,), (x.channels,), (one,))


def as_activation(activation: str | Module) -> Module:
    """An activation given by name or as a module; "layer_norm" names a `LayerNorm` without weights."""
    if not isinstance(activation, str):
        return activation
    return LayerNorm(None) if activation == "layer_norm" else Activation(activation)


def trained(**activations: Module | None) -> dict[str, Module]:
    """Those of a layer's activations that have parameters (PReLU): they are children of it, the others are not."""
    return {name: one for name, one in activations.items() if one is not None and one.parameter_shapes()}


def torch_activated(twin: Any, activation: Module, x: Any, name: str = "activation") -> Any:
    """An activation of a layer in PyTorch, where it is a child of the layer's twin only if it has parameters."""
    return getattr(twin, name)(x) if activation.parameter_shapes() else activation.torch_forward(None, x)


class CumulativePool(Module):
    """Streaming pooling over time: frame t pools frames 0 to t.

    Parameters
    ----------
    kind
        "mean" or "max" of all frames so far, or "last": the frame itself. The last output frame is the pool over the
        whole signal, so a classifier uses ``model(x)[-1]`` offline and the newest frame online.
    window_frames
        For "mean": pool only this many recent frames, each with the weight ``1 / window_frames``; zeros precede the
        signal. With it a classifier of an endless signal forgets the distant past.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.nn.CumulativePool("mean")(np.array([[1], [2], [6]], np.float32)).ravel().tolist()
    [1.0, 1.5, 3.0]
    """

    def __init__(self, kind: Literal["mean", "max", "last"], *, window_frames: int | None = None) -> None:
        self.kind = one_of("kind", kind, ("mean", "max", "last"))
        self.window_frames = (
            None if window_frames is None else positive_int("window_frames", window_frames, MOST_WINDOW)
        )
        if self.window_frames is not None and self.kind != "mean":
            raise ParameterError(f"window_frames={window_frames} must be None with kind={kind!r}")

    def window(self, x: Node, frames: int) -> Node:
        """The mean of recent frames, as a depthwise convolution."""
        weight = self.__dict__.setdefault("_window", {}).setdefault(
            x.channels, np.broadcast_to(np.float32(1 / frames), (x.channels, 1, frames))
        )
        edge = Edge(x, shift=1 - frames, taps=frames)
        return nodes.Conv((edge,), x.channels, graph.clock_after([edge]), (weight,), (x.channels,), (None,))

    def build(self, x: Node, c: Node | None) -> Node:
        if self.window_frames is not None:
            return self.window(x, self.window_frames)
        if self.kind == "last":
            return x
        clock = replace(x.clock, oldest=-math.inf)
        return nodes.CumulativePool((Edge(x),), x.channels, clock, self.kind)

    def torch_forward(self, twin: Any, x: Any) -> Any:
        if self.window_frames is not None:
            before = functional().pad(x, (0, 0, self.window_frames - 1, 0))
            return over_time(lambda x: functional().avg_pool1d(x, self.window_frames, 1), before)
        if self.kind == "last":
            return x
        if self.kind == "max":
            return x.cummax(dim=1).values
        frames = torch().arange(1, x.shape[1] + 1, dtype=x.dtype, device=x.device)
        return x.cumsum(dim=1) / frames[:, None]


class Upsample(Module):
    """Upsamples conditioning, or any sequence: every frame gives ``factor`` frames.

    Parameters
    ----------
    factor
        Output frames per input frame.
    mode
        "nearest": repeat each frame, without latency. "linear": interpolate between consecutive frames, with a latency
        of one input frame. The last frame is interpolated towards zero.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> x = np.array([[0], [4], [8]], np.float32)
    >>> wl.nn.Upsample(2)(x).ravel().tolist(), wl.nn.Upsample(2, "linear")(x).ravel().tolist()
    ([0.0, 0.0, 4.0, 4.0, 8.0, 8.0], [0.0, 2.0, 4.0, 6.0, 8.0, 4.0])
    """

    def __init__(self, factor: int, mode: Literal["nearest", "linear"] = "nearest") -> None:
        self.factor = positive_int("factor", factor, MOST_FACTOR)
        self.mode = one_of("mode", mode, ("nearest", "linear"))

    def build(self, x: Node, c: Node | None) -> Node:
        graph.spend(self.factor)
        phases = range(self.factor)
        if self.mode == "nearest" or self.factor == 1:
            weights: list[tuple[float, ...]] = [(1.0,) for _ in phases]
        else:
            weights = [(1 - phase / self.factor, phase / self.factor) for phase in phases]
        edge = Edge(x, taps=len(weights[0]))
        return nodes.Upsample((edge,), x.channels, graph.clock_after([edge], [0] * self.factor), tuple(weights))

    def torch_forward(self, twin: Any, x: Any) -> Any:
        repeated = x.repeat_interleave(self.factor, dim=1)
        if self.mode == "nearest" or self.factor == 1:
            return repeated
        following = functional().pad(x[:, 1:], (0, 0, 0, 1)).repeat_interleave(self.factor, dim=1)
        phase = torch().arange(repeated.shape[1], device=x.device) % self.factor / self.factor
        return repeated + phase[:, None].to(x.dtype) * (following - repeated)


class Dropout(Module):
    """Sets elements to zero at random in training, and scales up the others; does nothing in inference.

    Parameters
    ----------
    p
        Dropout probability, 0 <= p < 1.
    whole_channels
        Whether to drop whole channels of a signal (PyTorch's ``Dropout1d``) instead of single elements.

    Notes
    -----
    Srivastava et al., "Dropout", 2014; Tompson et al., "Efficient Object Localization", 2015 (whole channels).

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.nn.Dropout(0.5)(np.ones((1, 3), np.float32)).tolist()
    [[1.0, 1.0, 1.0]]
    """

    def __init__(self, p: float = 0.5, *, whole_channels: bool = False) -> None:
        self.p = number("p", p, least=0.0)
        if self.p >= 1:
            raise ParameterError(f"p={p} must be below 1")
        self.whole_channels = flag("whole_channels", whole_channels)

    def build(self, x: Node, c: Node | None) -> Node:
        if not is_training.get() or self.p == 0:
            return x
        return nodes.Dropout((Edge(x),), x.channels, x.clock, self.p, self.whole_channels)

    def torch_forward(self, twin: Any, x: Any) -> Any:
        if self.whole_channels:
            return over_time(lambda x: functional().dropout1d(x, self.p, twin.training), x)
        return functional().dropout(x, self.p, twin.training)
