"""The network of a wake word, of microWakeWord's shape: small, streaming, and all of it fit for 8-bit integers."""

from __future__ import annotations

import numpy as np

from wavenetlite import nn
from wavenetlite.features import MicroFrontend
from wavenetlite.nn import Sequential

STRIDE = 3
"""Frames of features for one probability."""
HOP_S = 0.01
KERNELS = (5, 9, 13, 21)
FIRST = 32
LABELS = "labels"
HEAD = "head"


def features() -> MicroFrontend:
    """What ESPHome gives its wake words."""
    return MicroFrontend()


def wake_network(words: int, *, channels: int = 64, head: int = 5, seed: int = 0) -> Sequential:
    """A network from 40 features to the logits of `words` words and, last, of none of them, which is 0.

    Parameters
    ----------
    words
        How many.
    channels
        Of the inner layers.
    head
        Kernel of the last convolution, probabilities.
    seed
        Of the weights.
    """
    layers: list[nn.Module] = [
        nn.Conv1d(40, FIRST, 5, stride=STRIDE, padding=(2, 0), bias=False), nn.BatchNorm(FIRST), nn.Activation("relu")
    ]  # fmt: skip
    width = FIRST
    for kernel in KERNELS:
        layers += [nn.Conv1d(width, width, kernel, groups=width, bias=False), nn.Conv1d(width, channels, 1, bias=False),
                   nn.BatchNorm(channels), nn.Activation("relu")]  # fmt: skip
        width = channels
    layers += [nn.Conv1d(width, words, head), background_last(words)]
    return Sequential(layers, seed=seed)


def background_last(words: int) -> nn.Conv1d:
    """The logits of the words, and a 0 for their background: the softmax of one word is its sigmoid."""
    layer = nn.Conv1d(words, words + 1, 1)
    weight = np.eye(words + 1, words, dtype=np.float32)[:, :, np.newaxis]
    layer.load_state_dict({"weight": weight, "bias": np.zeros(words + 1, np.float32)})
    return layer


def head_for(longest_s: float) -> int:
    """The kernel of the last convolution with which the network hears a word of this length, and a little before."""
    frames = int(np.ceil((longest_s + 0.15) / (STRIDE * HOP_S)))
    return min(40, max(5, frames - sum(kernel - 1 for kernel in KERNELS)))


def last_name(model: nn.Module) -> str:
    """The path of the layer that only lays the background beside the words."""
    return [path.rstrip(".") for path, module in model.modules() if isinstance(module, nn.Conv1d)][-1]
