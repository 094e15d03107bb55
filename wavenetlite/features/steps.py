"""FrameStep: processing of frames after the front end: normalisation, deltas, transforms of the bands."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Protocol

import numpy as np

from wavenetlite.features.filter_banks import Tables, checked
from wavenetlite.support.arrays import Floats
from wavenetlite.support.c_builder import CBuilder
from wavenetlite.support.checks import one_of
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.options import option_names


class StepState(Protocol):
    """The state of a step for several signals in lockstep; frames are (signals, frames, channels)."""

    def process(self, x: Floats) -> Floats: ...
    def flush(self, x: Floats) -> Floats:
        """The frames still pending at the end; `x` is (signals, 0, channels)."""

    def reset(self) -> None: ...
    def save(self) -> bytes:
        """The state as bytes."""

    def load(self, state: bytes) -> None:
        """Restore what `save` returned; only on new state. Raises SnapshotError if it does not fit."""


class FrameStep:
    """Base of all steps. Immutable: the state is in the object that `open` returns.

    Attributes
    ----------
    latency
        Frames of lookahead before frame n is returned.
    reach
        How many frames before it a frame depends on, lookahead included; infinite with a memory without end.

    The arguments of a constructor are attributes of the same names, JSON-serialisable.
    """

    registry: ClassVar[dict[str, type[FrameStep]]] = {}
    latency: int = 0
    reach: float = math.inf

    def __init_subclass__(cls, internal: bool = False, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if not internal:
            FrameStep.registry[cls.__name__] = cls

    def out_channels(self, channels: int) -> int:
        """Output channels for `channels` input channels; raises if these do not fit."""
        return channels

    @property
    def cannot_stream(self) -> str | None:
        """Why this step needs the whole signal, and a streaming alternative; None: it can stream."""
        return None

    def open(self, signals: int, channels: int) -> StepState:
        """New state for `signals` signals."""
        raise NotImplementedError

    def apply(self, x: Floats) -> Floats:
        """Apply the step to whole signals, (signals, frames, channels)."""
        raise NotImplementedError

    def c(self, write: CBuilder, channels: int) -> None:
        """Append C that applies the step to the frame `y`, in place."""
        raise ParameterError(f"{type(self).__name__} cannot be exported to C: leave out features=True "
                             "(--with-features), and feed the network with frames")  # fmt: skip

    def tables(self) -> dict[str, Floats]:
        """Arrays of the step besides its options."""
        return {}

    def config(self) -> dict[str, Any]:
        """The step as JSON-serialisable data, without its tables."""
        return {"type": type(self).__name__, **self.options()}

    def options(self) -> dict[str, Any]:
        """The constructor's arguments, except tables."""
        return {name: getattr(self, name) for name in option_names(type(self))}

    @classmethod
    def restore(cls, options: dict[str, Any], tables: Tables | None) -> FrameStep:
        """The step from its options and, if it has any, its tables."""
        checked(tables or {}, {})
        return cls(**options)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.options().items())})"


class CausalStep(FrameStep, internal=True):
    """A step that streams: whole signals are fed to fresh state, so they are bit-identical to a stream."""

    def apply(self, x: Floats) -> Floats:
        return run_out(self.open(len(x), x.shape[2]), x)


def run_out(step: StepState, x: Floats) -> Floats:
    """Feed the last frames to a step and flush it."""
    frames = step.process(x)
    owed = step.flush(x[:, :0])
    return np.concatenate([frames, owed], axis=1) if owed.shape[1] else frames


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
        raise ParameterError(f"config of {kind} is invalid: {error}") from error
