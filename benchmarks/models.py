"""The benchmarked networks, each defined once, over an abstract set of operations.

A network is its weights (NumPy, seeded, PyTorch's layouts) and a ``forward`` function that is written against an
`Operations` object and knows nothing of the library behind it. Each peer brings its own operations: `reference`
computes in float64, `peers.onnx_ways` records ONNX nodes, `peers.pytorch` runs PyTorch, `peers.ncnn` writes ncnn's
files. So they all compute the same function by construction, and wavenetlite, which builds its own layers in `ours`, is
checked against them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

Weights = dict[str, np.ndarray]
"""Tensor name to array: ``"<layer>.weight"``, (out_channels, in_channels, kernel_size); maybe ``"<layer>.bias"``."""


class Operations(Protocol):
    """What a contender implements. Signals are values of its own, of shape (frames, channels) in its own layout."""

    def conv(self, x: Any, layer: str, dilation: int = 1) -> Any:
        """Causal dilated convolution with the weights called `layer`."""

    def conditions(self, x: Any, layers: Sequence[str]) -> Sequence[Any]:
        """1x1 convolutions, without bias, of one signal by several layers."""

    def conditioned_tanh(self, x: Any, condition: Any, layer: str, dilation: int) -> Any:
        """``tanh(conv(x) + condition)``."""

    def add_conv(self, x: Any, z: Any, layer: str) -> Any:
        """``x + conv(z)``: a residual connection."""

    def gated(self, x: Any, layer: str, dilation: int) -> Any:
        """WaveNet's gated unit: tanh of the first half of the convolution's channels times sigmoid of the second."""

    def sum_of_convs(self, xs: Sequence[Any], layers: Sequence[str]) -> Any:
        """Sum of 1x1 convolutions with bias, each over its own signal: the skip path."""

    def total(self, xs: Sequence[Any]) -> Any:
        """Sum of signals."""

    def relu(self, x: Any) -> Any:
        """max(x, 0)."""

    def softmax(self, x: Any) -> Any:
        """Softmax over channels."""


@dataclass(frozen=True)
class Network:
    """One benchmarked network.

    Attributes
    ----------
    key, title
        Short and long name.
    in_channels, out_channels
        Channels of a frame.
    macs
        Multiply-accumulates per frame: the count every contender's GFLOP/s is computed from, whatever it executes.
    weights
        As wavenetlite gets them: float32, with batch normalisation as its own layer.
    folded
        As the peers get them: float64, batch normalisation folded into the convolution before it.
    forward
        ``forward(operations, x) -> y``, with `Operations`.
    """

    key: str
    title: str
    in_channels: int
    out_channels: int
    macs: int
    weights: Weights
    folded: Weights
    forward: Callable[[Any, Any], Any]

    def caches(self) -> dict[str, tuple[int, int]]:
        """Layers that look back, with (channels, frames) of the history each must keep between two blocks."""
        dilations = _Dilations()
        self.forward(dilations, None)
        shapes = {}
        for layer, dilation in dilations.of_layer.items():
            _, channels, kernel_size = self.folded[f"{layer}.weight"].shape
            if kernel_size > 1:
                shapes[layer] = (channels, (kernel_size - 1) * dilation)
        return shapes


class _Dilations:
    """Operations that only note each convolution's dilation."""

    def __init__(self):
        self.of_layer: dict[str, int] = {}

    def conv(self, x, layer, dilation=1):
        self.of_layer[layer] = dilation

    def gated(self, x, layer, dilation):
        self.of_layer[layer] = dilation

    def conditions(self, x, layers):
        return [None] * len(layers)

    def conditioned_tanh(self, x, condition, layer, dilation):
        self.of_layer[layer] = dilation

    def _nothing(self, *_):
        return None

    add_conv = sum_of_convs = total = relu = softmax = _nothing


class WeightMaker:
    """Draws layers in order from one seeded generator, scaled so that signals neither die out nor blow up."""

    def __init__(self, seed: int):
        self._rng = np.random.default_rng(seed)
        self.weights: Weights = {}

    def conv(self, layer: str, in_channels: int, out_channels: int, kernel_size: int = 1, *, bias=True, gain=1.0):
        """Add a convolution: normal weights of variance gain^2 / fan-in, small normal bias."""
        scale = gain / np.sqrt(in_channels * kernel_size)
        weight = self._rng.standard_normal((out_channels, in_channels, kernel_size)) * scale
        self.weights[f"{layer}.weight"] = weight.astype(np.float32)
        if bias:
            self.weights[f"{layer}.bias"] = (0.1 * self._rng.standard_normal(out_channels)).astype(np.float32)

    def batch_norm(self, layer: str, channels: int):
        """Add a batch normalisation with statistics that are not trivial."""
        draws = {
            "weight": self._rng.uniform(0.5, 1.5, channels),
            "bias": 0.1 * self._rng.standard_normal(channels),
            "running_mean": 0.1 * self._rng.standard_normal(channels),
            "running_var": self._rng.uniform(0.5, 1.5, channels),
        }
        self.weights.update({f"{layer}.{name}": value.astype(np.float32) for name, value in draws.items()})


def fold_batch_norm(weights: Weights, eps: float = 1e-5) -> Weights:
    """Float64 copy of `weights` with each ``<block>.norm`` folded into ``<block>.conv``.

    Any deployment does this, so the peers are given it; wavenetlite folds it when it compiles.
    """
    folded = {name: array.astype(np.float64) for name, array in weights.items() if ".norm." not in name}
    for mean_name in [name for name in weights if name.endswith(".norm.running_mean")]:
        block = mean_name.removesuffix(".norm.running_mean")
        names = ("weight", "bias", "running_mean", "running_var")
        gamma, beta, mean, var = (weights[f"{block}.norm.{name}"].astype(np.float64) for name in names)
        factor = gamma / np.sqrt(var + eps)
        folded[f"{block}.conv.weight"] *= factor[:, None, None]
        folded[f"{block}.conv.bias"] = (folded[f"{block}.conv.bias"] - mean) * factor + beta
    return folded


def _network(key: str, title: str, channels: tuple[int, int], forward: Callable, weights: Weights) -> Network:
    """Assemble a `Network`; every convolution weight is used once a frame, so MACs are their number of elements."""
    macs = sum(array.size for array in weights.values() if array.ndim == 3)
    return Network(key, title, *channels, macs, weights, fold_batch_norm(weights), forward)


# --- A: Neural Amp Modeler, "A1 standard" -----------------------------------------------------------------------------

AMP_ARRAYS = ((16, 8), (8, 1))
"""(channels, head channels) of A's two layer arrays."""
AMP_KERNEL_SIZE = 3
AMP_DILATIONS = tuple(2**i for i in range(10))


def amp_modeler(seed: int = 1) -> Network:
    """Two stacks of ten ungated layers; the raw sample conditions every layer, activations are the skip signals.

    The first array's head feeds the second's head sum. The format's ``head_scale`` is taken into the last convolution.
    """
    maker = WeightMaker(seed)
    width = 1
    for a, (channels, head_channels) in enumerate(AMP_ARRAYS):
        maker.conv(f"arrays.{a}.input", width, channels, bias=False)
        for i in range(len(AMP_DILATIONS)):
            block = f"arrays.{a}.blocks.{i}"
            maker.conv(f"{block}.conv", channels, channels, AMP_KERNEL_SIZE)
            maker.conv(f"{block}.condition", 1, channels, bias=False)
            maker.conv(f"{block}.residual", channels, channels, gain=0.3)
        maker.conv(f"arrays.{a}.head", channels, head_channels, bias=a == 1)
        width = channels

    def forward(ops: Operations, x):
        h, heads = x, []
        for a in range(len(AMP_ARRAYS)):
            h = ops.conv(h, f"arrays.{a}.input")
            conditions = ops.conditions(x, [f"arrays.{a}.blocks.{i}.condition" for i in range(len(AMP_DILATIONS))])
            for i, dilation in enumerate(AMP_DILATIONS):
                block = f"arrays.{a}.blocks.{i}"
                z = ops.conditioned_tanh(h, conditions[i], f"{block}.conv", dilation)
                heads.append(z)
                if (a, i) != (1, len(AMP_DILATIONS) - 1):  # nobody reads the last layer's residual output
                    h = ops.add_conv(h, z, f"{block}.residual")
            heads = [ops.conv(ops.total(heads), f"arrays.{a}.head")]
        return heads[0]

    return _network("A", "Neural Amp Modeler A1 standard WaveNet", (1, 1), forward, maker.weights)


# --- B: the WaveNet of Deep Voice -------------------------------------------------------------------------------------

VOICE_OPTIONS: dict[str, Any] = {
    "in_channels": 1,
    "out_channels": 256,
    "residual_channels": 64,
    "skip_channels": 128,
    "kernel_size": 2,
    "dilations": tuple(2**i for i in range(10)) * 2,
    "head_channels": 256,
}
"""B's arguments of ``wl.WaveNet``; a softmax follows."""


def deep_voice(seed: int = 2) -> Network:
    """Twenty gated layers, a summed skip path and a two-layer head, to probabilities of 256 sample values."""
    r, s, head = (VOICE_OPTIONS[name] for name in ("residual_channels", "skip_channels", "head_channels"))
    dilations = VOICE_OPTIONS["dilations"]
    maker = WeightMaker(seed)
    maker.conv("input", VOICE_OPTIONS["in_channels"], r)
    for i in range(len(dilations)):
        maker.conv(f"blocks.{i}.conv", r, 2 * r, VOICE_OPTIONS["kernel_size"])
        maker.conv(f"blocks.{i}.residual", r, r)
        maker.conv(f"blocks.{i}.skip", r, s)
    maker.conv("head1", s, head)
    maker.conv("head2", head, VOICE_OPTIONS["out_channels"])

    def forward(ops: Operations, x):
        h, gates = ops.conv(x, "input"), []
        for i, dilation in enumerate(dilations):
            gates.append(ops.gated(h, f"blocks.{i}.conv", dilation))
            if i + 1 < len(dilations):  # nobody reads the last layer's residual output
                h = ops.add_conv(h, gates[-1], f"blocks.{i}.residual")
        skip = ops.sum_of_convs(gates, [f"blocks.{i}.skip" for i in range(len(dilations))])
        return ops.softmax(ops.conv(ops.relu(ops.conv(ops.relu(skip), "head1")), "head2"))

    return _network("B", "Deep Voice WaveNet", (1, VOICE_OPTIONS["out_channels"]), forward, maker.weights)


# --- C: keyword TCN ---------------------------------------------------------------------------------------------------

KEYWORD_OPTIONS: dict[str, Any] = {
    "in_channels": 40,
    "out_channels": 12,
    "channels": 64,
    "kernel_size": 5,
    "dilations": (1, 2, 4, 8) * 2,
}
"""C's arguments of ``wl.TCN``."""


def keyword_tcn(seed: int = 3) -> Network:
    """Eight residual blocks, each one convolution, batch normalisation and ReLU."""
    channels, dilations = KEYWORD_OPTIONS["channels"], KEYWORD_OPTIONS["dilations"]
    maker = WeightMaker(seed)
    maker.conv("input", KEYWORD_OPTIONS["in_channels"], channels)
    for i in range(len(dilations)):
        maker.conv(f"blocks.{i}.conv", channels, channels, KEYWORD_OPTIONS["kernel_size"])
        maker.batch_norm(f"blocks.{i}.norm", channels)
    maker.conv("output", channels, KEYWORD_OPTIONS["out_channels"])

    def forward(ops: Operations, x):
        h = ops.relu(ops.conv(x, "input"))
        for i, dilation in enumerate(dilations):
            h = ops.total([h, ops.relu(ops.conv(h, f"blocks.{i}.conv", dilation))])
        return ops.conv(h, "output")

    channel_pair = (KEYWORD_OPTIONS["in_channels"], KEYWORD_OPTIONS["out_channels"])
    return _network("C", "keyword TCN", channel_pair, forward, maker.weights)


# --- one layer, for the overhead of a call ----------------------------------------------------------------------------


def one_layer(seed: int = 4) -> Network:
    """One 1x1 convolution of one channel: its time is the price of a call."""
    maker = WeightMaker(seed)
    maker.conv("0", 1, 1)
    return _network("call", "one 1x1 convolution, 1 channel", (1, 1), lambda ops, x: ops.conv(x, "0"), maker.weights)


NETWORKS: dict[str, Callable[[], Network]] = {"A": amp_modeler, "B": deep_voice, "C": keyword_tcn, "call": one_layer}


def signal(network: Network, frames: int, clips: int = 1) -> np.ndarray:
    """The seeded input of `network`, float32: (frames, in_channels), or (clips, frames, in_channels) of several clips.

    A shorter one is a prefix of a longer one.
    """
    rng = np.random.default_rng(2024)
    x = rng.standard_normal((clips * frames, network.in_channels)).astype(np.float32)
    return x if clips == 1 else x.reshape(clips, frames, -1)
