"""Networks as modules of PyTorch: a twin of every layer, with the same names, weights and layout of arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Protocol

import numpy as np

from wavenetlite.graph import Node, random_input
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.optional import optional

FRAMES = (1, 2, 50, 83)
"""Lengths of the signals on which a twin is compared."""
TOLERANCE = 1e-4


class Layer(Protocol):
    """The part of a module that its twin needs."""

    def __call__(self, x: Floats) -> Floats: ...
    def children(self) -> Mapping[str, Any]: ...
    def parameter(self, name: str) -> Floats: ...
    def parameter_shapes(self) -> Mapping[str, tuple[int, ...]]: ...
    def torch_forward(self, twin: Any, x: Any) -> Any: ...
    def graph(self, channels: int | None = None) -> Node: ...


def torch() -> Any:
    return optional("torch", "torch", "to_torch")


def functional() -> Any:
    return torch().nn.functional


def over_time(function: Callable[[Any], Any], x: Any) -> Any:
    """Apply a function of (batch, channels, frames) to (batch, frames, channels)."""
    return function(x.transpose(1, 2)).transpose(1, 2)


@cache
def twin_class() -> Any:
    """The class of all twins, made when PyTorch is first asked for."""
    nn = torch().nn

    class Twin(nn.Module):  # type: ignore[misc,name-defined]
        """A layer of wavenetlite in PyTorch; (batch, frames, channels) in and out."""

        def __init__(self, ours: Layer, known: dict[int, Any]) -> None:
            super().__init__()
            self.ours = ours
            known[id(ours)] = self
            for name in ours.parameter_shapes():
                value = torch().tensor(np.array(ours.parameter(name)))
                if name.startswith("running_") or not value.is_floating_point():
                    self.register_buffer(name, value)
                else:
                    self.register_parameter(name, nn.Parameter(value))
            for name, child in ours.children().items():  # a shared layer has one twin
                attach(self, name, known.get(id(child)) or Twin(child, known))

        def forward(self, x: Any) -> Any:
            return self.ours.torch_forward(self, x)

        def extra_repr(self) -> str:
            return type(self.ours).__name__

    def attach(to: Any, name: str, part: Any) -> None:
        """Add a module under a name that may hold dots."""
        *path, last = name.split(".")
        for step in path:
            if step not in to._modules:
                to.add_module(step, nn.Module())
            to = to._modules[step]
        to.add_module(last, part)

    return Twin


def twin_of(module: Layer, channels: int) -> Any:
    """The twin of a network, compared with it on random signals.

    Raises
    ------
    ParameterError
        They differ: the network aligns or pads in a way that the twins of its layers do not.
    """
    twin = twin_class()(module, {}).eval()
    rng = np.random.default_rng(0)
    for frames in FRAMES:
        x = random_input(module.graph(channels), "x", (2, frames, channels), rng)
        ours = module(x)
        if not ours.shape[1]:
            continue
        problem = difference(twin, x, ours)
        if problem:
            raise ParameterError(f"{type(module).__name__} cannot be a module of PyTorch: {problem}")
    return twin


def difference(twin: Any, x: Floats, ours: Floats) -> str:
    """How the output of a twin differs from `ours`; "": it does not."""
    try:
        with torch().no_grad():
            theirs = twin(torch().tensor(x)).numpy()
    except RuntimeError as error:
        return f"there its layers do not fit together ({' '.join(str(error).split())})"
    if theirs.shape != ours.shape:
        return f"there it gives {theirs.shape[1]} frames, here {ours.shape[1]}"
    if np.abs(theirs - ours).max() > TOLERANCE * max(1.0, float(np.abs(ours).max())):
        return "there it computes something else"
    return ""
