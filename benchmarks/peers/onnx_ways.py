"""Four ways to write the same network in ONNX.

Which one ONNX Runtime runs fastest depends on the network, the block length and the CPU, by up to a factor of two, so
all are measured:

``plain``
    One node an operation, as an export from PyTorch gives. Signals are (1, channels, frames).
``fused``
    As `plain`, with the nodes merged by hand: one convolution for all skip paths and for all conditions, a gate's two
    halves as two convolutions (ONNX Runtime puts an activation into the convolution before it), and its own FusedConv
    for ``activation(conv(x) + z)``.
``conv2d``
    As `fused` without FusedConv, on images of height 1: ONNX Runtime's fast channel-blocked convolution (NCHWc) is for
    two dimensions only.
``gemm``
    Signals are (frames, channels), clips one after the other. A dilated layer gathers its taps side by side,
    (frames, kernel_size * channels), and multiplies once.
"""

import numpy as np

from benchmarks.peers.onnx_graphs import Graph


class PlainGraph(Graph):
    """The ``plain`` way; see the module."""

    time_axis = 2

    def shape(self, channels, frames):
        return (self.clips, channels, frames)

    def conv(self, x, layer, dilation=1):
        x, padding = self.padded(x, layer)
        return self.conv_node(x, layer, self.weight(layer), self.bias(layer), dilation, padding)

    def gated(self, x, layer, dilation):
        filtered, gate = self.split(self.conv(x, layer, dilation), 2)
        return self.node("Mul", [self.tanh(filtered), self.node("Sigmoid", [gate])])

    def conditions(self, x, layers):
        return [self.conv(x, layer) for layer in layers]

    def conditioned_tanh(self, x, condition, layer, dilation):
        return self.tanh(self.total([self.conv(x, layer, dilation), condition]))

    def sum_of_convs(self, xs, layers):
        return self.total([self.conv(x, layer) for x, layer in zip(xs, layers, strict=True)])

    def padded(self, x, layer):
        """Give a convolution its past: returns its input and how many zeros the node itself must put before that."""
        if layer not in self.caches:
            return x, 0
        return (self.with_past(x, layer), 0) if self._streaming else (x, self.caches[layer][1])

    def conv_node(self, x, name, weight, bias, dilation=1, padding=0, **options):
        """Append one convolution of signals in this layout."""
        inputs = [x, self.constant(f"{name}.weight", weight)]
        if bias is not None:
            inputs.append(self.constant(f"{name}.bias", bias))
        attributes = {"kernel_shape": [weight.shape[2]], "dilations": [dilation], "pads": [padding, 0]}
        return self.node("Conv", inputs, **attributes, **options)


class MergedGraph(PlainGraph):
    """What ``fused`` and ``conv2d`` share: fewer, larger convolutions."""

    def gated(self, x, layer, dilation):
        x, padding = self.padded(x, layer)
        halves = zip(("Tanh", "Sigmoid"), np.split(self.weight(layer), 2), np.split(self.bias(layer), 2), strict=True)
        parts = [
            self.node(kind, [self.conv_node(x, f"{layer}.{kind}", weight, bias, dilation, padding)])
            for kind, weight, bias in halves
        ]
        return self.node("Mul", parts)

    def conditions(self, x, layers):
        weight = np.concatenate([self.weight(layer) for layer in layers])
        return self.split(self.conv_node(x, f"{layers[0]}...", weight, None), len(layers))

    def sum_of_convs(self, xs, layers):
        weight = np.concatenate([self.weight(layer) for layer in layers], axis=1)
        bias = sum(self.bias(layer) for layer in layers)
        return self.conv_node(self.node("Concat", list(xs), axis=self.channel_axis), f"{layers[0]}...", weight, bias)


class FusedGraph(MergedGraph):
    """The ``fused`` way; see the module."""

    def conditioned_tanh(self, x, condition, layer, dilation):
        x, padding = self.padded(x, layer)
        return self._fused_conv(x, layer, condition, dilations=[dilation], pads=[padding, 0], activation="Tanh")

    def add_conv(self, x, z, layer):
        return self._fused_conv(z, layer, x)

    def _fused_conv(self, x, layer, addend, **attributes):
        """``activation(conv(x) + addend)`` in one node, which ONNX Runtime does not fuse automatically on the CPU."""
        weight, bias = self.weight(layer), self.bias(layer)
        inputs = [x, self.constant(f"{layer}.weight", weight), self.constant(f"{layer}.bias", bias), addend]
        return self.node("FusedConv", inputs, domain="com.microsoft", kernel_shape=[weight.shape[2]], **attributes)


class Conv2dGraph(MergedGraph):
    """The ``conv2d`` way; see the module."""

    time_axis = 3

    def shape(self, channels, frames):
        return (self.clips, channels, 1, frames)

    def conv_node(self, x, name, weight, bias, dilation=1, padding=0, **options):
        inputs = [x, self.constant(f"{name}.weight", weight[:, :, None, :])]
        if bias is not None:
            inputs.append(self.constant(f"{name}.bias", bias))
        attributes = {"kernel_shape": [1, weight.shape[2]], "dilations": [1, dilation], "pads": [0, padding, 0, 0]}
        return self.node("Conv", inputs, **attributes, **options)


class GemmGraph(Graph):
    """The ``gemm`` way; see the module."""

    time_axis = 0

    def shape(self, channels, frames):
        return (self.clips * frames, channels)

    def conv(self, x, layer, dilation=1):
        return self._gemm(self._taps(x, layer, dilation), layer, _rows(self.weight(layer)), self.bias(layer))

    def gated(self, x, layer, dilation):
        taps, rows = self._taps(x, layer, dilation), _rows(self.weight(layer))
        halves = zip(("Tanh", "Sigmoid"), np.split(rows, 2, axis=1), np.split(self.bias(layer), 2), strict=True)
        parts = [self.node(kind, [self._gemm(taps, f"{layer}.{kind}", *half)]) for kind, *half in halves]
        return self.node("Mul", parts)

    def conditions(self, x, layers):
        # the dilated layer's own bias rides along here, because Gemm has room for one addend only
        rows = np.concatenate([_rows(self.weight(layer)) for layer in layers], axis=1)
        bias = np.concatenate([self.bias(layer.replace("condition", "conv")) for layer in layers])
        return self.split(self._gemm(x, f"{layers[0]}...", rows, bias), len(layers))

    def conditioned_tanh(self, x, condition, layer, dilation):
        rows = self.constant(f"{layer}.rows", _rows(self.weight(layer)))
        return self.tanh(self.node("Gemm", [self._taps(x, layer, dilation), rows, condition]))

    def sum_of_convs(self, xs, layers):
        rows = np.concatenate([_rows(self.weight(layer)) for layer in layers])
        bias = sum(self.bias(layer) for layer in layers)
        return self._gemm(self.node("Concat", list(xs), axis=1), f"{layers[0]}...", rows, bias)

    def _taps(self, x, layer, dilation):
        """Put the layer's input, delayed for each tap, side by side, the oldest first."""
        if layer not in self.caches:
            return x
        _, channels, kernel_size = self.weight(layer).shape
        full = self.with_past(x, layer) if self.clips == 1 else self._padded_clips(x, layer)
        if kernel_size == 2 and self.clips == 1:  # measured: from three taps on, one Gather is cheaper than slices
            return self.node("Concat", [self.frames_of(full, 0, self.frames), x], axis=1)
        starts = np.arange(self.clips) * (self.caches[layer][1] + self.frames)
        rows = np.add.outer(starts, np.arange(self.frames)).ravel()
        index = np.add.outer(rows, np.arange(kernel_size) * dilation)
        taps = self.node("Gather", [full, self.constant(f"{layer}.index", index)], axis=0)
        return self._reshaped(taps, len(rows), kernel_size * channels)

    def _padded_clips(self, x, layer):
        """Zeros before each clip, all in one sequence."""
        channels, past = self.caches[layer]
        zeros = self.constant(f"{layer}.zeros", np.zeros((self.clips, past, channels)))
        clips = self._reshaped(x, self.clips, self.frames, channels)
        full = self.node("Concat", [zeros, clips], axis=1)
        return self._reshaped(full, self.clips * (past + self.frames), channels)

    def _reshaped(self, x, *shape: int):
        name = "shape." + ".".join(map(str, shape))
        return self.node("Reshape", [x, self.constant(name, shape)])

    def _gemm(self, x, name, rows, bias):
        rows = self.constant(f"{name}.rows", rows)
        if bias is None:
            return self.node("MatMul", [x, rows])
        return self.node("Gemm", [x, rows, self.constant(f"{name}.bias", bias)])


def _rows(weight: np.ndarray) -> np.ndarray:
    """(out, in, kernel) weights as the (kernel * in, out) matrix that taps side by side are multiplied with."""
    return weight.transpose(2, 1, 0).reshape(-1, weight.shape[0])


WAYS = {"plain": PlainGraph, "fused": FusedGraph, "conv2d": Conv2dGraph, "gemm": GemmGraph}
