"""Weights of locuslab's TCN (github.com/locuslab/TCN, MIT): Bai et al.'s temporal convolutional network.

The blocks are causal, with dilations 1, 2, 4, ... and ReLU; nothing is left to be said. Weight normalisation is folded.
"""

from __future__ import annotations

from typing import BinaryIO

from wavenetlite.formats import tensors
from wavenetlite.formats.format import Format
from wavenetlite.formats.layers import checked_network
from wavenetlite.formats.tensors import Weights
from wavenetlite.nn.blocks import TemporalBlock
from wavenetlite.nn.combine import Sequential
from wavenetlite.nn.module import Module

TWICE = ".net.0", ".net.4"
"""A block names its convolutions twice, the second time by their places in a Sequential."""


def sniff(ends: bytes) -> bool:
    return tensors.may_hold(ends) and b"network.0.net.0." in ends and b"network.0.conv2." in ends


def load(file: BinaryIO, size: int) -> Sequential:
    """The network of a TemporalConvNet's weights, by itself or as ``tcn`` of a model whose head is ``linear``.

    The head is applied to every frame, where some of the original programs take the last one only; a function after it
    (softmax, sigmoid) is not in the weights.

    Raises
    ------
    ModelFileError
        The file is damaged, or it has tensors of other parts.
    """
    return checked_network(network, Weights(tensors.read(file, size)))


def network(weights: Weights) -> Sequential:
    prefix = "tcn.network" if weights.any("tcn.network.0.") else "network"
    layers: list[Module] = [block(weights, f"{prefix}.{i}", 2**i) for i in range(weights.numbers(prefix))]
    if weights.any("linear."):
        layers.append(weights.linear("linear"))
    weights.all_taken()
    return Sequential(layers)


def block(weights: Weights, prefix: str, dilation: int) -> TemporalBlock:
    convolutions = {name: weights.weight(f"{prefix}.{name}") for name in ("conv1", "conv2")}
    out, channels, kernel_size = convolutions["conv1"].shape
    state = {f"{name}.weight": value for name, value in convolutions.items()}
    state |= {f"{name}.bias": weights.take(f"{prefix}.{name}.bias", 1) for name in convolutions}
    if channels != out:
        state["downsample.weight"] = weights.take(f"{prefix}.downsample.weight", 3)
        state["downsample.bias"] = weights.take(f"{prefix}.downsample.bias", 1)
    weights.taken |= {name for name in weights.tensors if name.startswith(tuple(prefix + one for one in TWICE))}
    made = TemporalBlock(channels, out, kernel_size, dilation=dilation)
    made.load_state_dict(state)
    return made


FORMAT = Format("locuslab", "locuslab's TCN: weights as safetensors or of torch.save", (), sniff, load)
