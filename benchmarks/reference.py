"""The float64 NumPy value of a network: what every contender's output is checked against."""

import numpy as np

from benchmarks.models import Network, signal


class Float64:
    """`benchmarks.models.Operations` written from the definitions; signals are (frames, channels)."""

    def __init__(self, weights):
        self._weights = weights

    def conv(self, x, layer, dilation=1):
        weight = self._weights[f"{layer}.weight"]
        kernel_size = weight.shape[2]
        past = (kernel_size - 1) * dilation
        padded = np.concatenate([np.zeros((past, x.shape[1])), x])
        y = np.zeros((len(x), weight.shape[0])) + self._weights.get(f"{layer}.bias", 0.0)
        for k in range(kernel_size):
            y += padded[k * dilation : k * dilation + len(x)] @ weight[:, :, k].T
        return y

    def conditions(self, x, layers):
        return [self.conv(x, layer) for layer in layers]

    def conditioned_tanh(self, x, condition, layer, dilation):
        return np.tanh(self.conv(x, layer, dilation) + condition)

    def add_conv(self, x, z, layer):
        return x + self.conv(z, layer)

    def gated(self, x, layer, dilation):
        filtered, gate = np.split(self.conv(x, layer, dilation), 2, axis=1)
        return np.tanh(filtered) / (1.0 + np.exp(-gate))

    def sum_of_convs(self, xs, layers):
        return sum(self.conv(x, layer) for x, layer in zip(xs, layers, strict=True))

    def total(self, xs):
        return sum(xs)

    def relu(self, x):
        return np.maximum(x, 0.0)

    def softmax(self, x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)


def expected(network: Network, frames: int, clips: int = 1) -> np.ndarray:
    """Float64 output of `network` on its input signal: (frames, out_channels), with several clips one each."""
    x = signal(network, frames, clips).astype(np.float64)
    operations = Float64(network.folded)
    return network.forward(operations, x) if clips == 1 else np.stack([network.forward(operations, one) for one in x])
