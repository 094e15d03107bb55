"""Weights of wekws' keyword spotters (github.com/wenet-e2e/wekws, Apache-2.0): TCN, DS-TCN and MDTC.

A model is a normalisation of the features (``global_cmvn``), a linear layer (``preprocessing``), a backbone and a
classifier. MDTC: Hou et al., "The NPU System for the 2020 Personalized Voice Trigger Challenge", 2021.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, BinaryIO

import numpy as np

from wavenetlite.formats import tensors
from wavenetlite.formats.format import Format
from wavenetlite.formats.layers import affine, as_float32, checked_network, conv1d
from wavenetlite.formats.tensors import Weights
from wavenetlite.nn.combine import Residual, Sequential
from wavenetlite.nn.convolution import Conv1d
from wavenetlite.nn.module import Module
from wavenetlite.nn.pointwise import Activation, BatchNorm, CumulativePool
from wavenetlite.support.checks import flag, one_of
from wavenetlite.support.errors import ModelFileError, ParameterError

TCN, MDTC = "network.0.cnn.0.weight", "preprocessor.conv1.conv.weight"
POOLS = {"GlobalClassifier": "global", "LastClassifier": "last", "ElementClassifier": "element"}
"""wekws' classifiers and what they take of the frames."""


def sniff(ends: bytes) -> bool:
    return tensors.may_hold(ends) and (TCN.encode() in ends or MDTC.encode() in ends)


def is_known(names: Iterable[str]) -> bool:
    return any(name.endswith((TCN, MDTC)) for name in names)


def load(
    file: BinaryIO,
    size: int,
    *,
    causal: bool | None = None,
    norm_var: bool | None = None,
    classifier: str | None = None,
    activation: str | None = None,
) -> Sequential:
    """The network of a model's weights, or of a backbone's alone; frames are features.

    Parameters
    ----------
    causal
        Of an MDTC; must be given, and must be True: one that is not causal has all its padding around the whole, so its
        layers see beyond both ends of the signal, which a stream cannot.
    norm_var
        Whether the features are divided by their deviation; must be given where there is a ``global_cmvn``.
    classifier
        For a classifier of two layers: what it takes, "global" (the mean of all frames: here of those so far), "last"
        or "element" (each frame by itself); must be given.
    activation
        "sigmoid" or "identity" at the end; None: as wekws has it, sigmoid after a single linear layer.

    Raises
    ------
    ModelFileError
        The file is damaged, or it has other parts: FSMN, GRU, convolutions before the backbone.
    ParameterError
        An option that the weights do not tell is missing.
    """
    weights = Weights(tensors.read(file, size))
    needed = {
        "causal": causal if weights_of(weights, MDTC) else True,
        "norm_var": norm_var if weights.has("global_cmvn.istd") else True,
        "classifier": classifier if weights.any("classifier.classifier.") else "element",
    }
    missing = [name for name, value in needed.items() if value is None]
    if missing:
        raise ParameterError(f"{', '.join(missing)} must be given: the weights of this wekws model do not say it")
    for name in ("causal", "norm_var"):
        flag(name, needed[name])
    one_of("classifier", needed["classifier"], tuple(POOLS.values()))
    if activation is not None:
        one_of("activation", activation, ("sigmoid", "identity"))
    return checked_network(network, weights, activation=activation, **needed)


def from_module(module: Any, weights: Weights) -> Sequential:
    """The network of one of wekws' modules; what the weights do not say is read from it."""
    backbone = getattr(module, "backbone", module)
    head = type(getattr(module, "classifier", None)).__name__
    ends = {"Sigmoid": "sigmoid", "Identity": "identity", "NoneType": None}
    end = type(getattr(module, "activation", None)).__name__
    if end not in ends:
        raise ModelFileError(f"activation is a {end}; it must be a Sigmoid or an Identity")
    norm = getattr(module, "global_cmvn", None)
    return network(weights, causal=getattr(backbone, "causal", True), norm_var=getattr(norm, "norm_var", True),
                   classifier=POOLS.get(head, "element"), activation=ends[end])  # fmt: skip


def weights_of(weights: Weights, name: str) -> bool:
    return any(one.endswith(name) for one in weights.tensors)


def network(
    weights: Weights, *, causal: Any, norm_var: Any, classifier: Any, activation: str | None = None
) -> Sequential:
    layers: list[Module] = []
    if weights.has("global_cmvn.istd"):
        mean, scale = (weights.take(f"global_cmvn.{name}", 1).astype(np.float64) for name in ("mean", "istd"))
        scale = scale if norm_var else np.ones_like(scale)
        layers.append(affine(scale, -mean * scale))
    if weights.any("preprocessing."):
        layers += [weights.linear("preprocessing.out.0"), Activation("relu")]
    prefix = "backbone." if weights.any("backbone.") else ""
    if weights.any(f"{prefix}network.0.cnn."):
        layers += [
            tcn_block(weights, f"{prefix}network.{i}.cnn", 2**i) for i in range(weights.numbers(f"{prefix}network"))
        ]
    else:
        if not causal:
            raise ModelFileError("it is an MDTC that is not causal: its layers see beyond both ends of the signal")
        layers += mdtc(weights, prefix)
    if weights.any("classifier.linear."):
        layers.append(weights.linear("classifier.linear"))
    elif weights.any("classifier."):
        layers += [CumulativePool("mean")] if classifier == "global" else []
        layers += [weights.linear("classifier.classifier.0"), Activation("relu"),
                   weights.linear("classifier.classifier.3")]  # fmt: skip
    if activation == "sigmoid" or (activation is None and weights.any("classifier.linear.")):
        layers.append(Activation("sigmoid"))
    weights.all_taken()
    return Sequential(layers)


def tcn_block(weights: Weights, prefix: str, dilation: int) -> Residual:
    """A causal convolution, of each channel by itself and then across them in a DS-TCN, and a residual."""
    separable = weights.any(f"{prefix}.3.")
    layers = [weights.conv(f"{prefix}.0", depthwise=separable, dilation=dilation), weights.batch_norm(f"{prefix}.1"),
              Activation("relu")]  # fmt: skip
    if separable:
        layers += [weights.conv(f"{prefix}.3"), weights.batch_norm(f"{prefix}.4"), Activation("relu")]
    return Residual(layers)


# MDTC


def mdtc(weights: Weights, prefix: str) -> list[Module]:
    """The stacks one after the other; the outputs of all are added.

    The original puts zeros before the input of the whole, and has no padding inside. So what stands before a layer's
    signal is not zeros, but what endless zeros at the input make of it: `rest`, the same for every frame. The blocks
    here subtract it before a convolution, which then may begin with zeros, and add what the convolution makes of it.
    """
    first = Block(weights, f"{prefix}preprocessor", 1)
    rest = np.zeros(first.channels)
    layers, rest = [first.module(rest)], first.after(rest)
    stacks: list[list[Module]] = []
    for index in range(weights.numbers(f"{prefix}blocks")):
        place = f"{prefix}blocks.{index}.res_blocks"
        stack = []
        for number in range(weights.numbers(place)):
            block = Block(weights, f"{place}.{number}", 2**number)
            stack.append(block.module(rest))
            rest = block.after(rest)
        stacks.append(stack)
    if not stacks:
        raise ModelFileError(f"it lacks the tensors {prefix + 'blocks.0'!r}...")
    summed: list[Module] = []  # of the stacks from one to the last: what the one before it gives, and all after it
    for stack in reversed(stacks[1:]):
        summed = [Residual([*stack, *summed])]
    return [*layers, *stacks[0], *summed]


class Block:
    """A depthwise convolution over time and two across the channels, with a residual where the channels stay."""

    def __init__(self, weights: Weights, prefix: str, dilation: int) -> None:
        self.depthwise = weights.conv(f"{prefix}.conv1.conv", depthwise=True, dilation=dilation)
        self.frame: list[Module] = [
            weights.batch_norm(f"{prefix}.conv1.bn"), weights.conv(f"{prefix}.conv1.pointwise"),
            weights.batch_norm(f"{prefix}.bn1"), Activation("relu"),
            weights.conv(f"{prefix}.conv2"), weights.batch_norm(f"{prefix}.bn2"),
        ]  # fmt: skip
        self.channels = self.depthwise.in_channels
        self.residual = self.channels == self.frame[-1].out_channels

    def module(self, rest: np.ndarray) -> Module:
        layers: list[Module] = [self.depthwise, *self.frame]
        if rest.any():
            weight = self.depthwise.parameter("weight")
            bias = self.depthwise.parameter("bias") if self.depthwise.bias else np.zeros(self.channels)
            shifted = conv1d(weight, as_float32(bias + weight[:, 0].sum(axis=1) * rest), groups=self.channels,
                             dilation=self.depthwise.dilation)  # fmt: skip
            layers = [affine(np.ones(self.channels), -rest), shifted, *self.frame]
        return Residual(layers, activation="relu") if self.residual else Sequential([*layers, Activation("relu")])

    def after(self, rest: np.ndarray) -> np.ndarray:
        """What the block makes of an endless signal that is always `rest`."""
        y: np.ndarray = rest
        for layer in (self.depthwise, *self.frame):
            if isinstance(layer, Conv1d):
                weight = layer.parameter("weight").astype(np.float64).sum(axis=2)
                y = weight[:, 0] * y if layer.groups > 1 else weight @ y
                y = y + layer.parameter("bias") if layer.bias else y
            elif isinstance(layer, BatchNorm):
                mean, variance = layer.parameter("running_mean"), layer.parameter("running_var").astype(np.float64)
                y = (y - mean) / np.sqrt(variance + layer.eps) * layer.parameter("weight") + layer.parameter("bias")
            else:
                y = np.maximum(y, 0)
        y = y + rest if self.residual else y
        return y.clip(min=0)


FORMAT = Format("wekws", "wekws' TCN, DS-TCN and MDTC: weights as safetensors or of torch.save", (), sniff, load)
