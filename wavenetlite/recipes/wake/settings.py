"""How much work a wake word is."""

from __future__ import annotations

from dataclasses import dataclass, field

from wavenetlite.formats.micro_wake_word import MOST_VARIABLES
from wavenetlite.recipes.wake.network import KERNELS
from wavenetlite.recipes.wake.training import Stages
from wavenetlite.support.checks import one_of, positive_int
from wavenetlite.support.errors import ParameterError

MOST_NETWORKS = (MOST_VARIABLES - 1) // (len(KERNELS) + 1)
"""On a device: each has a variable before each of its convolutions over time, the first of which they share."""


@dataclass(frozen=True)
class Effort:
    """How much is said, heard and trained.

    Attributes
    ----------
    utterances
        Of each phrase by voices; about as many near misses of each, and sentences in all.
    measured
        Of each phrase by voices that are kept back.
    scenes
        Of each phrase, for the training of a network.
    measured_scenes
        Of each phrase, for measuring.
    near_reels, talk_reels
        Half minutes of near misses and of sentences.
    passes
        How often the background is heard, each time in other rooms.
    most_reels
        Half minutes of background at most.
    channels
        Of a network.
    networks
        Whose mean detects the phrases, 1 to `MOST_NETWORKS`. Two runs of one phrase differ much; their mean is near the
        better of them.
    stages
        Of the training of each.
    """

    utterances: int = 1500
    measured: int = 100
    scenes: int = 4000
    measured_scenes: int = 200
    near_reels: int = 40
    talk_reels: int = 60
    passes: int = 1
    most_reels: int = 600
    channels: int = 64
    networks: int = 3
    stages: Stages = field(default_factory=Stages)

    def __post_init__(self) -> None:
        if positive_int("networks", self.networks) > MOST_NETWORKS:
            raise ParameterError(f"networks={self.networks} must be at most {MOST_NETWORKS}: ESPHome keeps "
                                 f"{MOST_VARIABLES} variables of a wake word, and a network takes five")  # fmt: skip


EFFORTS = {
    "quick": Effort(
        utterances=150, measured=30, scenes=800, measured_scenes=100, near_reels=16, talk_reels=24, passes=1,
        most_reels=200, networks=1, stages=Stages(epochs=(8, 4), rounded=2, batches=40),
    ),
    "normal": Effort(),
    "thorough": Effort(
        utterances=2500, scenes=6000, measured_scenes=400, near_reels=80, talk_reels=120, passes=2, most_reels=1200,
        stages=Stages(epochs=(40, 15), rounded=6, batches=100),
    ),
}  # fmt: skip


def effort_of(effort: str | Effort) -> Effort:
    """The effort itself, or the one of that name."""
    return effort if isinstance(effort, Effort) else EFFORTS[one_of("effort", effort, tuple(EFFORTS))]
