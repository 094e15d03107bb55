"""The network of a wake word, of microWakeWord's shape: small, streaming, and all of it fit for 8-bit integers.

Several of them become one, whose logits are the mean of theirs: two networks that were trained alike mistake different
things, and hear different voices.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import numpy as np

from wavenetlite import nn
from wavenetlite.features import MicroFrontend
from wavenetlite.nn import Graph, Sequential

STRIDE = 3
"""Frames of features for one probability."""
HOP_S = 0.01
KERNELS = (5, 9, 13, 21)
FIRST = 32
MEMBER, SUM, LABELS = "network-", "sum", "labels"
"""Names in a mean: of each network, with its number from 1 on, of the sum of the logits, and of `background_last`."""


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


def mean_of(networks: Sequence[Sequential]) -> Graph:
    """One network, whose logits are the mean of those of some `wake_network`."""
    first, last = networks[0][0], networks[0][-1]
    assert isinstance(first, nn.Conv1d) and isinstance(last, nn.Conv1d)
    names = [f"{MEMBER}{number}" for number in range(1, len(networks) + 1)]
    shares = [share_of(network, len(networks)) for network in networks]
    added = [[SUM, "add", names]] if len(names) > 1 else []
    return Graph(first.in_channels, [
        *([name, share, ["x"]] for name, share in zip(names, shares, strict=True)), *added,
        [LABELS, background_last(last.in_channels), [SUM if added else names[0]]],
    ])  # fmt: skip


def share_of(network: Sequential, parts: int) -> nn.Module:
    """Without the background's layer, and with logits divided by a number: so a sum of such is a mean."""
    made = copy.deepcopy(network)
    scale_logits(made, 1 / parts)
    return made[:-1]


def heads(model: nn.Module) -> list[str]:
    """The paths of the layers that give logits of words, of each network one; the last layer reads their sum."""
    *others, (_, last) = [(path, module) for path, module in model.modules() if isinstance(module, nn.Conv1d)]
    return [path for path, module in others
            if module.out_channels == last.in_channels and module.kernel_size > 1 and module.groups == 1]  # fmt: skip


def scale_logits(model: nn.Module, by: float) -> None:
    """Multiply the logits of all words, in place."""
    state = model.state_dict()
    for path in heads(model):
        for name in ("weight", "bias"):
            state[f"{path}{name}"] = (state[f"{path}{name}"] * by).astype(np.float32)
    model.load_state_dict(state)


def shift_logits(model: nn.Module, by: Sequence[float]) -> None:
    """Add something to the logit of each word, in place; each network's moves by its share."""
    state, paths = model.state_dict(), heads(model)
    for path in paths:
        state[f"{path}bias"] = state[f"{path}bias"] + np.array(by, np.float32) / np.float32(len(paths))
    model.load_state_dict(state)


def head_for(longest_s: float) -> int:
    """The kernel of the last convolution with which the network hears a word of this length, and a little before."""
    frames = int(np.ceil((longest_s + 0.15) / (STRIDE * HOP_S)))
    return min(40, max(5, frames - sum(kernel - 1 for kernel in KERNELS)))


def last_name(model: nn.Module) -> str:
    """The path of the layer that only lays the background beside the words."""
    return [path.rstrip(".") for path, module in model.modules() if isinstance(module, nn.Conv1d)][-1]
