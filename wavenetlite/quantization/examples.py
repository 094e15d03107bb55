"""Typical input of a network, by which the ranges of its sequences are found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from wavenetlite.nn.module import Module
from wavenetlite.support.arrays import Floats, is_array
from wavenetlite.support.errors import ArrayTypeError, ParameterError

Given = Floats | Sequence[Floats] | tuple[Floats, Floats] | Sequence[tuple[Floats, Floats]]
"""What `quantize` takes as `calibration`."""


class Example(NamedTuple):
    """A signal (frames, channels), and its conditioning, (frames, condition_channels) or None."""

    x: Floats
    c: Floats | None = None


def checked_examples(calibration: Any, model: Module) -> list[Example]:
    """The examples of typical input; None: there are none."""
    if calibration is None:
        return []
    named = list(given_examples(calibration, conditioned=bool(model.condition_channels_needed)))
    if not named:
        raise ParameterError("calibration is empty; it must have some typical input")
    examples = [example for name, x, c in named for example in items_of(name, x, c, model)]
    widths = {example.x.shape[1] for example in examples}
    if len(widths) != 1 or model.in_width not in (None, *widths):
        wanted = model.in_width or "the same in all"
        raise ParameterError(f"calibration has {sorted(widths)} channels; it must have {wanted}")
    if not sum(len(example.x) for example in examples):
        raise ParameterError("calibration has no frames; it must have some typical input")
    return examples


def given_examples(calibration: Any, *, conditioned: bool) -> Iterator[tuple[str, Any, Any]]:
    """A name, signals and conditioning of each that is given."""
    is_one = is_pair(calibration) if conditioned else not isinstance(calibration, list | tuple)
    given = [calibration] if is_one or not isinstance(calibration, list | tuple) else calibration
    for index, one in enumerate(given):
        name = "calibration" if given is not calibration else f"calibration[{index}]"
        if not conditioned:
            yield name, one, None
        elif is_pair(one):
            yield name, *one
        else:
            raise ArrayTypeError(f"{name} is a {type(one).__name__}; it must be a pair (x, c): the model has "
                                 "conditioning")  # fmt: skip


def is_pair(value: Any) -> bool:
    """Whether it is a signal and its conditioning."""
    return isinstance(value, list | tuple) and len(value) == 2 and all(is_array(one) for one in value)


def items_of(name: str, x: Any, c: Any, model: Module) -> Iterator[Example]:
    """The examples of an array of signals, which may be a batch if it is the only one, and its conditioning."""
    x = checked(name if c is None else f"{name}, x,", x)
    if x.ndim not in (2, 3) or (x.ndim == 3 and name != "calibration"):
        raise ParameterError(f"{name} has shape {x.shape}; it must be (frames, channels)")
    signals = x if x.ndim == 3 else x[np.newaxis]
    if c is None:
        yield from map(Example, signals)
        return
    c = checked(f"{name}, c,", c)
    conditions = c if x.ndim == 3 else c[np.newaxis]
    frames = -(-x.shape[-2] // model.condition_period)
    wanted = (model.condition_channels_needed,)
    if conditions.ndim not in (2, 3) or conditions.shape[1:] not in (wanted, (frames, *wanted)):
        raise ParameterError(f"{name}, c, has shape {c.shape}; it must be {(frames, *wanted)} or {wanted} for each "
                             f"signal of {x.shape[-2]} frames")  # fmt: skip
    if len(conditions) != len(signals):
        raise ParameterError(f"{name}, c, has {len(conditions)} items; it must have {len(signals)}, as x has")
    for signal, condition in zip(signals, conditions, strict=True):
        rows = condition if condition.ndim == 2 else np.tile(condition, (frames, 1))
        yield Example(signal, rows)


def checked(name: str, value: Any) -> Floats:
    """Finite float32."""
    if not is_array(value) or value.dtype != np.float32:
        raise ArrayTypeError(f"{name} is {getattr(value, 'dtype', type(value).__name__)}; it must be a float32 array")
    if not np.isfinite(value).all():
        raise ParameterError(f"{name} has infinities or NaN; it must be finite")
    return value
