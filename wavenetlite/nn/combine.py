"""Containers: modules in sequence and in parallel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, overload

from wavenetlite import nodes
from wavenetlite.graph import MOST_CHANNELS, Node
from wavenetlite.nn.module import Module
from wavenetlite.nn.pointwise import as_activation, torch_activated, trained
from wavenetlite.nn.torch_twin import torch
from wavenetlite.support.checks import count, divides, integer, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError

Branch = Module | Sequence[Module]


class LayerIndexError(ParameterError, IndexError):
    """There is no layer of that index."""


class Chain(Module, abstract=True):
    """Base of sequences of modules, which are named by their indices, as in PyTorch.

    ``len``, iteration and ``[index]`` give the modules themselves; ``[a:b]`` is a chain of some of them, which shares
    their weights.
    """

    def __init__(self, layers: Branch) -> None:
        self.layers = as_list("layers", layers)
        self.in_channels, self.out_channels = ends(self.layers)

    def children(self) -> dict[str, Module]:
        return {str(index): layer for index, layer in enumerate(self.layers)}

    def build(self, x: Node, c: Node | None) -> Node:
        return connect_all(self.layers, x, c)

    def torch_forward(self, twin: Any, x: Any) -> Any:
        for index in range(len(self)):
            x = twin.get_submodule(str(index))(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    def __bool__(self) -> bool:
        return True  # a network without layers is still a network

    def __iter__(self) -> Iterator[Module]:
        return iter(self.layers)

    @overload
    def __getitem__(self, index: int) -> Module: ...

    @overload
    def __getitem__(self, index: slice) -> Chain: ...

    def __getitem__(self, index: int | slice) -> Module:
        if isinstance(index, slice):
            return self.some(self.layers[index])
        at = integer("index", index)
        if not -len(self) <= at < len(self):
            raise LayerIndexError(f"index={at} must be that of one of {len(self)} layers")
        return self.layers[at]

    def some(self, layers: list[Module]) -> Chain:
        """A chain of some of the layers."""
        return Sequential(layers, seed=self.seed)


class Sequential(Chain):
    """A sequence of layers.

    Parameters
    ----------
    layers
        Modules; each must accept the output channels of the previous one.
    *more
        Further ones: ``Sequential(a, b, c)`` is ``Sequential([a, b, c])``, as in PyTorch.
    seed
        Seed of the initial weights.

    Notes
    -----
    ``len(model)``, ``for layer in model`` and ``model[index]`` give the layers themselves; ``model[a:b]`` is a
    `Sequential` of some of them, which shares their weights.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> model = wl.Sequential([wl.nn.Conv1d(2, 4, 3, dilation=4), wl.nn.Activation("relu"), wl.nn.Linear(4, 1)], seed=1)
    >>> model(np.zeros((10, 2), np.float32)).shape, model.receptive_field
    ((10, 1), 9)
    """

    def __init__(self, layers: Branch, *more: Module, seed: int = 0) -> None:
        super().__init__([layers, *more] if more else layers)  # type: ignore[list-item]
        self.seed = count("seed", seed)


class Prewarmed(Chain):
    """A sequence of layers that starts in the steady state of endless zeros at the input.

    By default the input of every layer is padded with zeros, which with biases differs from what zeros at the network's
    input would give; this affects as many frames as the receptive field. Here every layer's input is padded with its
    steady state instead, so a stream starts as if it had been fed zeros until nothing changed, bit for bit. This
    applies to the whole network that contains such a module; it must be causal, without conditioning and without pools
    over all frames.

    Parameters
    ----------
    layers
        Modules; each must accept the output channels of the previous one.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> layers = [wl.nn.Conv1d(1, 1, 2), wl.nn.Conv1d(1, 1, 4)]
    >>> cold, warm = wl.Sequential(layers), wl.nn.Prewarmed(layers)
    >>> x = np.array([[1], [2], [3]], np.float32)
    >>> zeros = np.zeros((10, 1), np.float32)
    >>> np.array_equal(warm(x), cold(np.concatenate([zeros, x]))[10:])
    True
    """

    @property
    def prewarmed(self) -> bool:
        return True

    def torch_forward(self, twin: Any, x: Any) -> Any:
        raise ParameterError("Prewarmed has no counterpart in PyTorch, which has no steady state")

    def some(self, layers: list[Module]) -> Chain:
        return Prewarmed(layers)


class Residual(Chain):
    """``activation(shortcut(x) + layers(x))``; latencies of the two are aligned.

    Parameters
    ----------
    layers
        Modules in sequence.
    shortcut
        A module, for instance a 1x1 convolution if the channels change; None: the identity.
    activation
        Name of the activation after the sum; None: none.

    Notes
    -----
    He et al., "Deep Residual Learning for Image Recognition", 2015.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.nn.Residual([wl.nn.Activation("relu")])(np.array([[-1, 1]], np.float32)).tolist()
    [[-1.0, 2.0]]
    """

    def __init__(self, layers: Branch, *, shortcut: Module | None = None, activation: str | None = None) -> None:
        super().__init__(layers)
        if shortcut is not None and not isinstance(shortcut, Module):
            raise ArrayTypeError(f"shortcut is a {type(shortcut).__name__}; it must be a Module or None")
        self.shortcut = shortcut
        self.activation = activation
        self._activation = as_activation(activation) if activation is not None else None
        shortcut_ends = ends([] if shortcut is None else [shortcut])
        self.in_channels = joint("in_channels", [self.in_channels, shortcut_ends[0]])
        self.out_channels = joint(
            "out_channels", [self.out_channels, shortcut_ends[1] if shortcut else self.in_channels]
        )

    def children(self) -> dict[str, Module]:
        shortcut = {"shortcut": self.shortcut} if self.shortcut else {}
        return super().children() | shortcut | trained(activation=self._activation)

    def build(self, x: Node, c: Node | None) -> Node:
        short = self.shortcut.connect(x, c) if self.shortcut else x
        out = nodes.add(short, super().build(x, c))
        return self._activation.connect(out) if self._activation else out

    def torch_forward(self, twin: Any, x: Any) -> Any:
        out = (x if self.shortcut is None else twin.shortcut(x)) + super().torch_forward(twin, x)
        return out if self._activation is None else torch_activated(twin, self._activation, out)


class Branches(Module, abstract=True):
    """Base of modules in parallel on one input."""

    def __init__(self, branches: Sequence[Branch]) -> None:
        if not isinstance(branches, list | tuple) or not branches:
            raise ParameterError(f"branches={branches!r} must be a list of one or more branches")
        self.branches = [as_list("branches", branch) for branch in branches]
        self.in_channels = joint("in_channels", [ends(branch)[0] for branch in self.branches])

    def children(self) -> dict[str, Module]:
        return {
            f"{number}.{index}": layer
            for number, branch in enumerate(self.branches)
            for index, layer in enumerate(branch)
        }

    def outputs(self, x: Node, c: Node | None) -> list[Node]:
        return [connect_all(branch, x, c) for branch in self.branches]

    def torch_outputs(self, twin: Any, x: Any) -> list[Any]:
        made = []
        for number, branch in enumerate(self.branches):
            y = x
            for index in range(len(branch)):
                y = twin.get_submodule(f"{number}.{index}")(y)
            made.append(y)
        return made


class Add(Branches):
    """The sum of branches; different latencies are aligned.

    Parameters
    ----------
    branches
        Each a module, a list of modules, or ``[]`` for the identity.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.nn.Add([[], wl.nn.Activation("relu")])(np.array([[-1, 1]], np.float32)).tolist()
    [[-1.0, 2.0]]
    """

    def __init__(self, branches: Sequence[Branch]) -> None:
        super().__init__(branches)
        self.out_channels = joint("out_channels", [ends(branch, self.in_channels)[1] for branch in self.branches])

    def build(self, x: Node, c: Node | None) -> Node:
        return nodes.add(*self.outputs(x, c))

    def torch_forward(self, twin: Any, x: Any) -> Any:
        return sum(self.torch_outputs(twin, x))


class Concat(Branches):
    """The concatenated channels of branches; different latencies are aligned.

    Parameters
    ----------
    branches
        Each a module, a list of modules, or ``[]`` for the identity.
    bins
        Bins of every branch: the maps of a bin stay adjacent, those of the first branch first, as `Conv2d` expects.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.nn.Concat([[], wl.nn.Activation("relu")])(np.array([[-1, 1]], np.float32)).tolist()
    [[-1.0, 1.0, 0.0, 1.0]]
    >>> wl.nn.Concat([[], wl.nn.Activation("relu")], bins=2)(np.array([[-1, 1]], np.float32)).tolist()
    [[-1.0, 0.0, 1.0, 1.0]]
    """

    def __init__(self, branches: Sequence[Branch], *, bins: int = 1) -> None:
        super().__init__(branches)
        self.bins = positive_int("bins", bins, MOST_CHANNELS)
        channels = [ends(branch, self.in_channels)[1] for branch in self.branches]
        known = [number for number in channels if number is not None]
        self.out_channels = sum(known) if len(known) == len(channels) else None
        for number in known:
            divides("bins", self.bins, "out_channels", number)

    def build(self, x: Node, c: Node | None) -> Node:
        return nodes.concat(*self.outputs(x, c), bins=self.bins)

    def torch_forward(self, twin: Any, x: Any) -> Any:
        maps = [y.unflatten(2, (self.bins, -1)) for y in self.torch_outputs(twin, x)]
        return torch().cat(maps, dim=3).flatten(2)


def connect_all(layers: Sequence[Module], x: Node, c: Node | None) -> Node:
    """Connect layers in sequence."""
    for layer in layers:
        x = layer.connect(x, c)
    return x


def as_list(name: str, layers: Any) -> list[Module]:
    """One module or several, as a list."""
    given = [layers] if isinstance(layers, Module) else layers
    if not isinstance(given, list | tuple):
        raise ArrayTypeError(f"{name} is a {type(layers).__name__}; it must be a list of Modules")
    for layer in given:
        if not isinstance(layer, Module):
            raise ArrayTypeError(f"{name} holds a {type(layer).__name__}; it must hold Modules only")
    return list(given)


def ends(layers: Sequence[Module], given: int | None = None) -> tuple[int | None, int | None]:
    """Input and output channels of a chain, as far as known from its layers and `given`; raises if two do not match."""
    first = channels = given
    kept = True  # whether the channels are still those of the input
    for layer in layers:
        if None not in (channels, layer.in_width) and channels != layer.in_width:
            raise ParameterError(f"{type(layer).__name__} has in_channels={layer.in_width}; it must be {channels}, "
                                 "as given by the previous layer")  # fmt: skip
        if first is None and kept:
            first = layer.in_width
        kept = kept and keeps_channels(layer)
        channels = layer.out_width if layer.out_width is not None else after_any(layer, channels)
    return first, channels


def keeps_channels(layer: Module) -> bool:
    """Whether a layer keeps the number of channels, whatever it is."""
    try:
        return layer.out_width is None and layer.graph(MOST_CHANNELS).channels == MOST_CHANNELS
    except ParameterError:  # it does not accept any number, so it does not simply keep it
        return False


def after_any(layer: Module, channels: int | None) -> int | None:
    """Output channels of a layer that does not fix them."""
    return None if channels is None else layer.graph(channels).channels


def joint(name: str, values: Sequence[int | None]) -> int | None:
    """The common value of those that are known."""
    known = {value for value in values if value is not None}
    if len(known) > 1:
        raise ParameterError(f"{name} of the branches are {sorted(known)}; they must be equal")
    return known.pop() if known else None
