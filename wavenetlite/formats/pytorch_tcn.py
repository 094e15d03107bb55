"""Weights of pytorch-tcn's TCN (github.com/paul-krug/pytorch-tcn 1.x, MIT), and its modules themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from wavenetlite.formats import tensors
from wavenetlite.formats.format import Format
from wavenetlite.formats.layers import as_float32, checked_network, conv1d, layer_norm, selu
from wavenetlite.formats.tensors import Weights
from wavenetlite.nn.film import FiLM
from wavenetlite.nn.graph import INPUT, Graph
from wavenetlite.nn.module import Module
from wavenetlite.nn.pointwise import Activation, GatedUnit
from wavenetlite.support.checks import flag, one_of, positive_int
from wavenetlite.support.errors import ModelFileError, ParameterError

ACTIVATIONS = ("relu", "tanh", "leaky_relu", "sigmoid", "elu", "gelu", "selu")
"""By pytorch-tcn's names. Its softmax and log_softmax run over the batch: they are made without a dimension."""

BUFFERS = ".buffer"
"""Of its streams, in the state_dict."""

Activations = Callable[[str, int], Module]
"""The activation at a place, such as "network.0.activation1", of so many channels."""


@dataclass(frozen=True)
class Options:
    """What the weights do not say."""

    activations: Activations
    causal: bool
    skips: bool
    embedding_mode: str | None
    output: bool  # whether there is an activation at the end
    dilations: Sequence[int]


def sniff(ends: bytes) -> bool:
    known = b"network.0.conv1." in ends and b"network.0.conv2." in ends and b"network.0.net." not in ends
    return tensors.may_hold(ends) and known


def load(
    file: BinaryIO,
    size: int,
    *,
    activation: str | None = None,
    causal: bool | None = None,
    use_skip_connections: bool | None = None,
    embedding_mode: str | None = None,
    output_activation: str | None = None,
    dilations: Sequence[int] | None = None,
) -> Graph:
    """The network of a TCN's weights; a TCN itself, with all its options, is taken by :func:`wavenetlite.from_torch`.

    Channels, kernel size, norms, gate and projection are seen from the weights; what is not must be said, in
    pytorch-tcn's words and with the values that the TCN was made with.

    Parameters
    ----------
    activation
        "relu", "tanh", "leaky_relu", "sigmoid", "elu", "gelu" or "selu"; must be given.
    causal
        Must be given. A TCN that is not causal streams with latency.
    use_skip_connections
        Must be given, unless the weights show that there are.
    embedding_mode
        "add" or "concat"; must be given where there are embeddings. These come as conditioning ``c``, the channels of
        several one after the other.
    output_activation
        As `activation`; None: there is none.
    dilations
        Of the blocks; needed only where the weights were saved without the stream buffers, which tell them.

    Raises
    ------
    ModelFileError
        The file is damaged, or has tensors of other parts.
    ParameterError
        An option that the weights do not tell is missing.
    """
    weights = Weights(tensors.read(file, size))
    if weights.any("downsample_skip_connection."):
        use_skip_connections = True
    needed = {"activation": activation, "causal": causal, "use_skip_connections": use_skip_connections}
    if weights.any("network.0.embedding_projection_1."):
        needed["embedding_mode"] = embedding_mode
    missing = [name for name, value in needed.items() if value is None]
    if missing:
        raise ParameterError(f"{', '.join(missing)} must be given: the weights of a pytorch-tcn TCN do not say it")
    by_name = {"": one_of("activation", activation, ACTIVATIONS)}
    if output_activation is not None:
        by_name["activation_out"] = one_of("output_activation", output_activation, ACTIVATIONS)
    options = Options(
        activations=lambda place, channels: named(by_name.get(place, by_name[""]), channels),
        causal=flag("causal", causal),
        skips=flag("use_skip_connections", use_skip_connections),
        embedding_mode=None if embedding_mode is None else one_of("embedding_mode", embedding_mode, ("add", "concat")),
        output=output_activation is not None,
        dilations=all_dilations(weights, dilations),
    )
    return checked_network(network, weights, options)


def from_module(module: Any, weights: Weights, convert: Callable[[str, Any, int], Module]) -> Graph:
    """The network of a ``pytorch_tcn.TCN``; `convert` makes an activation of the module at a place."""

    def activation(place: str, channels: int) -> Module:
        weights.taken |= {name for name in weights.tensors if name.startswith(f"{place}.")}
        return convert(place, module.get_submodule(place), channels)

    options = Options(activation, module.causal, module.use_skip_connections, module.embedding_mode,
                      module.activation_out is not None, module.dilations)  # fmt: skip
    return network(weights, options)


def named(name: str, channels: int) -> Module:
    return selu(channels) if name == "selu" else Activation(name)


def network(weights: Weights, options: Options) -> Graph:
    nodes: list[list[Any]] = []

    def add(name: str, layer: Module | str, *inputs: str) -> str:
        nodes.append([name, layer, list(inputs)])
        return name

    x, skips = INPUT, []
    for index, dilation in enumerate(options.dilations):
        x, skip, channels = block(weights, options, f"network.{index}", dilation, add, x)
        if weights.any(f"downsample_skip_connection.{index}."):
            name = f"downsample_skip_connection.{index}"
            skip = add(name, weights.conv(name), skip)
        skips.append(skip)
    if options.skips:  # the last block's has no part in the sum
        x = add("skip_sum", "add", *skips[:-1], x)
        x = add("activation_skip_out", options.activations("activation_skip_out", channels), x)
    if weights.any("projection_out."):
        projection = weights.conv("projection_out")
        x, channels = add("projection_out", projection, x), projection.out_channels
    if options.output:
        add("activation_out", options.activations("activation_out", channels), x)
    weights.all_taken(ignored=(BUFFERS,))
    return Graph(nodes[0][1].in_channels, nodes)


def block(
    weights: Weights, options: Options, prefix: str, dilation: int, add: Callable[..., str], x: str
) -> tuple[str, str, int]:
    """The names of a block's outputs, to the next block and to the sum, and their channels."""
    first = weights.conv(f"{prefix}.conv1", dilation=dilation, padding="causal" if options.causal else "same")
    second = weights.conv(f"{prefix}.conv2", dilation=dilation, padding="causal" if options.causal else "same")
    out = add(f"{prefix}.conv1", first, x)
    out = norm(weights, f"{prefix}.norm1", add, out)
    if weights.any(f"{prefix}.embedding_projection_1."):
        out = embed(weights, options.embedding_mode, prefix, add, out)
    channels = second.out_channels
    gated = first.out_channels == 2 * second.in_channels
    glu = GatedUnit(activation="identity", gate="sigmoid")
    out = add(f"{prefix}.activation1", glu if gated else options.activations(f"{prefix}.activation1", channels), out)
    out = add(f"{prefix}.conv2", second, out)
    out = norm(weights, f"{prefix}.norm2", add, out)
    out = add(f"{prefix}.activation2", options.activations(f"{prefix}.activation2", channels), out)
    if weights.any(f"{prefix}.downsample."):
        x = add(f"{prefix}.downsample", weights.conv(f"{prefix}.downsample"), x)
    both = add(f"{prefix}.sum", "add", x, out)
    return (
        add(f"{prefix}.activation_final", options.activations(f"{prefix}.activation_final", channels), both),
        out,
        channels,
    )


def norm(weights: Weights, name: str, add: Callable[..., str], x: str) -> str:
    """The name of the normalised node; weight normalisation is in the weights already."""
    if not weights.any(f"{name}."):
        return x
    if not weights.has(f"{name}.running_mean"):
        scale, shift = (weights.take(f"{name}.{part}", 1) for part in ("weight", "bias"))
        return add(name, layer_norm(len(scale), scale, shift, eps=1e-5), x)
    return add(name, weights.batch_norm(name), x)


def embed(weights: Weights, mode: str | None, prefix: str, add: Callable[..., str], x: str) -> str:
    """Conditioning: projected and added; or projected, put beside the signal, and both projected."""
    first, second = f"{prefix}.embedding_projection_1", f"{prefix}.embedding_projection_2"
    weight, bias = weights.take(f"{first}.weight", 3)[:, :, 0], weights.take(f"{first}.bias", 1)
    both, both_bias = weights.take(f"{second}.weight", 3)[:, :, 0], weights.take(f"{second}.bias", 1)
    channels = len(weight)
    if mode == "concat":  # the two projections of the conditioning become one
        own, other = both[:, :channels], both[:, channels:].astype(np.float64)
        weight, bias = as_float32(other @ weight), as_float32(other @ bias + both_bias)
        x = add(second, conv1d(own[:, :, None]), x)
    film = FiLM(channels, weight.shape[1], scale=False)
    film.load_state_dict({"conv.weight": weight[:, :, None], "conv.bias": bias})
    return add(first, film, x)


def all_dilations(weights: Weights, given: Sequence[int] | None) -> list[int]:
    """Dilations of the blocks: those given, or as the stream buffers, ``(kernel_size - 1) * dilation`` long, tell."""
    count = weights.numbers("network")
    if given is not None:
        if not isinstance(given, Sequence) or len(given) != count:
            raise ParameterError(f"dilations={given!r} must be a list of {count}, one for each block")
        return [positive_int("dilations", int(one)) for one in given]
    found = []
    for index in range(count):
        prefix = f"network.{index}.conv1"
        taps = weights.weight(prefix).shape[2]
        name = next((n for n in (f"{prefix}.padder.buffer", f"{prefix}.buffer") if weights.has(n)), None)
        if taps > 1 and name is None:
            raise ParameterError("dilations must be given: the weights have no stream buffers that tell them")
        frames = weights.tensors[name].shape[-1] if name and weights.tensors[name].ndim else 0
        if taps > 1 and (frames == 0 or frames % (taps - 1)):
            raise ModelFileError(f"tensor {name!r} has {frames} frames, of which {taps - 1} are not a divisor")
        found.append(frames // (taps - 1) if taps > 1 else 1)
    return found


FORMAT = Format("pytorch-tcn", "pytorch-tcn's TCN: weights as safetensors or of torch.save", (), sniff, load)
