"""Networks of PyTorch's modules: `from_torch`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from wavenetlite.formats import locuslab, pytorch_tcn, wekws
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.tensors import Weights
from wavenetlite.formats.torch_check import (
    LAYOUTS,
    STEP,
    agrees,
    as_input,
    channel_counts,
    evaluating,
    is_plain,
    signal,
    theirs,
)
from wavenetlite.formats.torch_layers import TorchReader, activation, float32, kind
from wavenetlite.formats.torch_trace import traced
from wavenetlite.nn.combine import Sequential
from wavenetlite.nn.files import check_runs
from wavenetlite.nn.module import Module
from wavenetlite.support.errors import ArrayTypeError, ModelFileError, ParameterError
from wavenetlite.support.optional import optional

LOCUSLAB = {"network.0.net.0.bias", "tcn.network.0.net.0.bias"}
NUMBERED = re.compile(r"(?:.*\.)?(?:network|res_blocks)\.([0-9]{1,2})\.(?:conv[12](?:\.conv)?|cnn\.0)")
"""Where the published networks have their dilated convolutions; dilations are 1, 2, 4, ..."""


def from_torch(module: Any) -> Module:
    """A PyTorch module as one of our networks, with its weights; it computes what the module does in ``eval()``.

    Parameters
    ----------
    module
        Layers of ``torch.nn`` one after the other, with weight normalisation or without; a TCN of pytorch-tcn (1.x),
        locuslab's TemporalConvNet, or a model of wekws with a TCN, DS-TCN or MDTC; or any module whose `forward` takes
        one signal and is made of operations that stream: convolutions, slices, zero padding, sums, products,
        concatenations, matrices over the channels, norms with fixed statistics, activations, GRU and LSTM. Its hooks
        are heeded. Such a module is traced by `torch.export`; what it is read as is run beside it and must agree.

        Padding before the signal makes a convolution causal, padding after it is latency. Whether a signal is (batch,
        channels, time) or (batch, time, channels) for the module is tried; here it is always the latter. Of a GRU or an
        LSTM at the end of a Sequential the frames are taken, whatever its ``batch_first``.

    Returns
    -------
    Module
        It shares nothing with `module`.

    Raises
    ------
    ParameterError
        What has no counterpart is named by its path and, in a `forward`, the line, with the reason.

    Examples
    --------
    >>> import numpy as np, torch, wavenetlite as wl
    >>> model = wl.from_torch(torch.nn.Sequential(torch.nn.ZeroPad1d((8, 0)), torch.nn.Conv1d(1, 2, 3, dilation=4)))
    >>> model.receptive_field, model(np.zeros((5, 1), np.float32)).shape
    (9, (5, 2))
    """
    torch = optional("torch", "torch", "wl.from_torch")
    if not isinstance(module, torch.nn.Module):
        raise ArrayTypeError(f"module is a {type(module).__name__}; it must be a torch.nn.Module")
    with evaluating(module):
        plain = is_plain(module)
        try:
            model = known_network(module)
            check_runs(model)
        except ModelFileError as error:  # of readers of files that take a module's weights
            reason: ParameterError | None = ParameterError(f"module: {error}")
        except ParameterError as error:
            reason = error if plain or is_published(set(module.state_dict())) else None
        else:
            same = agrees(model, module)
            if same or (same is None and plain):
                return model
            reason = None
        return by_trace(module, reason)


def by_trace(module: Any, reason: ParameterError | None) -> Module:
    """The network of what a module does with a signal; `reason` is raised where there is one, and this fails."""
    for channels in channel_counts(module):
        for layout in LAYOUTS:
            x = signal(STEP, channels)
            if theirs(module, x, layout) is None:
                continue
            try:
                model = traced(module, as_input(module, x, layout), layout)
                check_runs(model)
            except (ParameterError, ModelFileError) as error:
                reason = reason or ParameterError(str(error))
                continue
            if agrees(model, module):
                return model
            reason = reason or ParameterError("module: what it computes depends on the length of the signal, or on "
                                              "more than the signal")  # fmt: skip
    raise reason or ParameterError("module: it does not run on a signal (1, channels, 64) or (1, 64, channels) of as "
                                   "many channels as one of its layers has")  # fmt: skip


def known_network(module: Any) -> Module:
    """A network of the libraries that are known, by its weights and attributes; any other is made of its layers."""
    names = set(module.state_dict())
    if kind(module) == "TCN" and type(module).__module__.startswith("pytorch_tcn."):
        return pytorch_tcn.from_module(module, state(module), placed)
    if not names.isdisjoint(LOCUSLAB):
        check_as_published(module)
        return locuslab.network(state(module))
    if wekws.is_known(names):
        check_as_published(module)
        return wekws.from_module(module, state(module))
    return layers_of(module)


def is_published(names: set[str]) -> bool:
    return not names.isdisjoint(LOCUSLAB) or wekws.is_known(names)


def check_as_published(module: Any) -> None:
    """Refuse what has the names of a published network, but other dilations or activations."""
    for path, layer in module.named_modules():
        number = NUMBERED.fullmatch(path)
        if number and getattr(layer, "kernel_size", (1,))[0] > 1 and layer.dilation[0] != 2 ** int(number[1]):
            raise ParameterError(f"{path}: dilation={layer.dilation[0]} must be {2 ** int(number[1])} in this network")
        if getattr(layer, "eps", 1e-5) != 1e-5:
            raise ParameterError(f"{path}: eps={layer.eps} must be 1e-05 in this network")
        if number is None and path.rpartition(".")[2] in ("relu", "relu1", "relu2") and kind(layer) != "ReLU":
            raise ParameterError(f"{path} ({kind(layer)}): it must be ReLU in this network")


def state(module: Any) -> Weights:
    return Weights({name: float32(name, value) for name, value in module.state_dict().items()})


def placed(place: str, module: Any, channels: int) -> Module:
    """The activation at a place of a network."""
    try:
        return activation(module, channels)
    except UnsupportedError as reason:
        raise ParameterError(f"{place} ({kind(module)}): {reason}") from None


# Sequentials


def layers_of(module: Any) -> Sequential:
    """The layers of a Sequential one after the other; all that are refused are named."""
    reader = TorchReader()
    refused = []
    for path, layer in flat("", module):
        try:
            reader.read(layer)
        except (UnsupportedError, ParameterError, ArrayTypeError, ModelFileError) as reason:
            refused.append(f"{path or 'module'} ({kind(layer)}): {reason}")
    if reader.pads != (0, 0) or reader.reflected:
        kind_of_padding = "reflection" if reader.reflected else "zero"
        refused.append(f"module: {kind_of_padding} padding must come before a Conv1d")
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
