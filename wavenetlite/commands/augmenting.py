"""The transforms of `wavenetlite features --augment`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from wavenetlite.train import Augment
from wavenetlite.train import augment as transforms

MADE: dict[str, Callable[[int], transforms.Transform]] = {
    "speed": lambda sr: transforms.Speed(0.9, 1.1),
    "rooms": lambda sr: transforms.Reverb(sr=sr),
    "noise": lambda sr: transforms.BackgroundNoise(),
    "gain": lambda sr: transforms.Gain(-6.0, 6.0),
}
"""By name: a transform for a sample rate."""


def augment(names: Sequence[str], sr: int) -> Augment:
    """What changes the copies."""
    return Augment([MADE[name](sr) for name in names])
