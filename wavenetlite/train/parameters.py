"""The values of a network in training, in one flat vector."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from wavenetlite.graph import Node
from wavenetlite.graph.batch import Positions
from wavenetlite.nn.module import Module
from wavenetlite.support.arrays import Floats, owner_of
from wavenetlite.support.errors import ParameterError

MOST = 2**24
"""Maximum number of positions: they pass through float32 when weights are packed."""


class Parameters:
    """All values of a network in one vector: a zero at position 0, then the parameters, then constants.

    A graph refers to a parameter by the module's array itself (or a view of it), which identifies its position; other
    arrays are constants, such as the weights of a pool over a window.

    Attributes
    ----------
    values
        float32, (1 + trained + constants,).
    trained
        Number of trained values, without running statistics of batch normalisation.
    statistics
        Running means and variances by name.
    frozen
        Mask of the trained values that stay as they are.
    """

    def __init__(self, module: Module, frozen: Iterable[str] = ()) -> None:
        if integers := [name for name, dtype in module.all_parameter_dtypes().items() if "int" in dtype]:
            raise ParameterError(f"{integers[0]!r} and others are integers, which cannot be trained: train the network "
                                 "of floats, then quantise it")  # fmt: skip
        module.initialise_missing()
        self.frozen_names = frozenset(frozen)
        self.module = module
        self.places: dict[str, tuple[int, tuple[int, ...]]] = {}
        self.statistics: dict[str, Floats] = {}
        self._starts: dict[int, int] = {}  # id of an array: its first position
        self._statistic_names: dict[int, str] = {}
        self._arrays: list[Floats] = []  # kept alive, so that ids stay unique
        parts = [np.zeros(1, np.float32)]
        end = 1
        for path, part in module.modules():
            for name in part.parameter_shapes():
                value = part.parameter(name)
                if name.startswith("running_"):
                    self.statistics[path + name] = value.copy()
                    self._statistic_names[id(value)] = path + name
                elif id(value) in self._starts:  # a shared layer
                    self.places[path + name] = (self._starts[id(value)], value.shape)
                else:
                    self.places[path + name] = (end, value.shape)
                    self._starts[id(value)] = end
                    parts.append(value.ravel())
                    end += value.size
                self._arrays.append(value)
        self.trained = end - 1
        if self.trained >= MOST:
            raise ParameterError(f"network has {self.trained} parameters; at most {MOST - 1} can be trained")
        self.values: Floats = np.concatenate(parts)
        self.frozen = self.mask_of(self.frozen_names)

    def positions(self, array: Floats) -> Positions:
        """Positions of the elements of an array of the graph, in its shape; new constants are appended."""
        owner = owner_of(array)
        start = self._starts.get(id(owner))
        if start is None:
            start = self._starts[id(owner)] = len(self.values)
            self._arrays.append(owner)
            if start + owner.size > MOST:
                raise ParameterError(
                    f"network has {start - 1 + owner.size} values with its pools' windows; "
                    f"at most {MOST - 1} can be trained"
                )
            self.values = np.concatenate([self.values, np.asarray(owner, np.float32).ravel()])
        return (start + np.arange(math.prod(array.shape), dtype=np.float64)).reshape(array.shape)

    @property
    def prewarmed(self) -> bool:
        return self.module.prewarmed

    def graph(self) -> Node:
        """The network's training graph; raises if its parameters have been replaced."""
        current = [part.parameter(name) for _, part in self.module.modules() for name in part.parameter_shapes()]
        kept = self._arrays[: len(current)]
        if len(current) != len(kept) or any(a is not b for a, b in zip(current, kept, strict=True)):
            raise ParameterError("network's parameters were replaced after Parameters(network); create new Parameters")
        return self.module.graph(training=True)

    def is_trained(self, positions: Positions) -> bool:
        """Whether the values at these positions are trained."""
        return bool(positions.flat[0] <= self.trained) and not self.frozen[int(positions.flat[0]) - 1]

    def is_frozen(self, statistic: Floats) -> bool:
        """Whether a running statistic stays as it is."""
        return self.statistic(statistic) in self.frozen_names

    def mask_of(self, names: frozenset[str]) -> npt.NDArray[np.bool_]:
        """Mask of the trained values in these parameters."""
        chosen = np.zeros(self.trained, bool)
        for name, (start, shape) in self.places.items():
            if name in names:
                chosen[start - 1 : start - 1 + math.prod(shape)] = True
        return chosen

    def statistic(self, array: Floats) -> str:
        """Name of the running statistic in an array of the graph."""
        return self._statistic_names[id(array)]

    def state_dict(
        self, values: Floats | None = None, statistics: dict[str, Floats] | None = None
    ) -> dict[str, Floats]:
        """The network's state_dict, from these values or others of the same layout."""
        values = self.values if values is None else values
        state = {name: values[start : start + math.prod(shape)].reshape(shape).copy()
                 for name, (start, shape) in self.places.items()}  # fmt: skip
        return state | {name: value.copy() for name, value in (statistics or self.statistics).items()}

    def mask(self, kind: str) -> npt.NDArray[np.bool_]:
        """Mask of the trained values in parameters named `kind` with at least two dimensions."""
        chosen = np.zeros(self.trained, bool)
        for name, (start, shape) in self.places.items():
            if name.rsplit(".", 1)[-1] == kind and len(shape) > 1:
                chosen[start - 1 : start - 1 + math.prod(shape)] = True
        return chosen
