"""FrameStep: what is done to frames after the front end: normalisation, deltas, transforms of the bands."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np

from wavenetlite.features._steps import UNFIT
from wavenetlite.features.filter_banks import Tables, checked
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import one_of
from wavenetlite.support.errors import ParameterError, SnapshotError
from wavenetlite.support.options import option_names


class StepState(Protocol):
    """The state of a step for some signals in step; frames are (signals, frames, channels)."""

    def process(self, x: Floats) -> Floats: ...
    def flush(self, x: Floats) -> Floats:
        """What is still owed at the end; `x` are no frames, in the shape that they have."""

    def reset(self) -> None: ...
    def save(self) -> bytes:
        """All that is remembered."""

    def load(self, state: bytes) -> None:
        """Become what `save` wrote down; only of new state. Raises SnapshotError where it does not fit."""


class FrameStep:
    """Base of all steps. Immutable: state belongs to what `open` returns.

    Attributes
    ----------
    latency
        Frames after frame n that must have come before frame n is returned.

    The arguments of a constructor are attributes of the same names, JSON-able.
    """

    registry: ClassVar[dict[str, type[FrameStep]]] = {}
    latency: int = 0

    def __init_subclass__(cls, internal: bool = False, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if not internal:
            FrameStep.registry[cls.__name__] = cls

    def out_channels(self, channels: int) -> int:
        """Channels of a frame that comes out; raises where `channels` going in do not fit."""
        return channels

    @property
    def cannot_stream(self) -> str | None:
        """Why this step needs the whole signal, and what to use instead; None: it streams."""
        return None

    def open(self, signals: int, channels: int) -> StepState:
        """New state for `signals` signals."""
        raise NotImplementedError

    def apply(self, x: Floats) -> Floats:
        """The step on whole signals, (signals, frames, channels)."""
        raise NotImplementedError

    def tables(self) -> dict[str, Floats]:
        """Arrays that belong to the step beside its options."""
        return {}

    def config(self) -> dict[str, Any]:
        """The step as JSON-able data, without its tables."""
        return {"type": type(self).__name__, **self.options()}

    def options(self) -> dict[str, Any]:
        """The arguments of the constructor that make the step again, but for tables."""
        return {name: getattr(self, name) for name in option_names(type(self))}

    @classmethod
    def restore(cls, options: dict[str, Any], tables: Tables | None) -> FrameStep:
        """The step of `config` and, where there are any, `tables`."""
        checked(tables or {}, {})
        return cls(**options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.options().items())})"


class CausalStep(FrameStep, internal=True):
    """A step that streams: whole signals are fed to fresh state, so the bits are those of the stream."""

    def apply(self, x: Floats) -> Floats:
        return run_out(self.open(len(x), x.shape[2]), x)


def run_out(step: StepState, x: Floats) -> Floats:
    """The last frames through a step, and what it still owes after them."""
    frames = step.process(x)
    owed = step.flush(x[:, :0])
    return np.concatenate([frames, owed], axis=1) if owed.shape[1] else frames


class FrameState:
    """State of a step that owes nothing at the end: around an object with `process` and `reset`."""

    def __init__(self, inner: Any) -> None:
        self.process = inner.process
        self.reset = inner.reset
        self.save = inner.save
        self.load = inner.load

    def flush(self, x: Floats) -> Floats:
        return self.process(x)  # type: ignore[no-any-return]


class Stateless:
    """State of a step that treats every frame by itself: none."""

    def __init__(self, function: Any) -> None:
        self.process = function

    def reset(self) -> None:
        pass

    def save(self) -> bytes:
        return b""

    def load(self, state: bytes) -> None:
        if state:
            raise SnapshotError(UNFIT)


def step_from_config(config: dict[str, Any], tables: Tables | None) -> FrameStep:
    if not isinstance(config, dict):
        raise ParameterError(f"a step of the config is a {type(config).__name__}; it must be an object")
    options = dict(config)
    kind = one_of("type of a step", options.pop("type", None), tuple(FrameStep.registry))
    try:
        return FrameStep.registry[kind].restore(options, tables)
    except TypeError as error:
        if isinstance(error, ParameterError):
            raise
        raise ParameterError(f"config of {kind} is wrong: {error}") from error
