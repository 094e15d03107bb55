"""What a wake word is trained on and measured by: speech of voices, recordings of one's own, background."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wavenetlite.recipes.wake.recordings import Joined
from wavenetlite.recipes.wake.reels import Reels, reels_for, reels_of
from wavenetlite.recipes.wake.scenes import Scenes, scenes_of
from wavenetlite.recipes.wake.settings import Effort
from wavenetlite.recipes.wake.speech import SR
from wavenetlite.support.arrays import Floats
from wavenetlite.support.progress import Progress

OWN = 0.35
"""Share of the scenes that are of one's own recordings, if there are any."""
NEAR = 0.3
"""How often near misses are drawn, by sentences; see `LEAST_MINED`."""
NOISES_S = 600.0
"""Seconds of background that may lie under what is said."""
LEAST_KEPT_S = 600.0
"""Of a folder's recordings that were kept back, to be measured alone; what is shorter is measured together."""


@dataclass(frozen=True)
class Heard:
    """What was said and recorded, float32 signals at 16 kHz.

    Attributes
    ----------
    phrases, own
        Recordings of each phrase by voices, and of one's own, for training.
    kept_phrases, kept_own
        The same, for measuring.
    near_misses, near_texts
        Of voices, for training, and what each says.
    talk
        Sentences of voices, and some background.
    background
        Recordings without any phrase.
    kept_background
        The same, for measuring, of each folder.
    noises
        Some of the background, to lie under the rest.
    """

    phrases: list[list[Floats]]
    own: list[list[Floats]]
    kept_phrases: list[list[Floats]]
    kept_own: list[list[Floats]]
    near_misses: list[Floats]
    near_texts: list[str]
    talk: list[Floats]
    background: Sequence[Floats]
    kept_background: Sequence[Sequence[Floats]]
    noises: list[Floats]

    @property
    def made_of(self) -> dict[str, float]:
        """How much there is, by kind."""
        return {
            "utterances of voices": sum(map(len, self.phrases)), "own recordings": sum(map(len, self.own)),
            "near misses": len(self.near_misses), "sentences and talk": len(self.talk),
            "background, pieces": len(self.background),
            "background kept back, pieces": sum(map(len, self.kept_background)),
        }  # fmt: skip

    @property
    def longest_s(self) -> float:
        """The length of a phrase that nine of ten are shorter than."""
        lengths = [len(one) for some in (*self.phrases, *self.own) for one in some]
        return float(np.quantile(lengths, 0.9)) / 16000


def training_scenes(
    heard: Heard, effort: Effort, *, seed: int, threads: int, progress: Progress | None
) -> list[Scenes]:
    """Of each phrase."""
    made = []
    for number, (voices, own) in enumerate(zip(heard.phrases, heard.own, strict=True)):
        mine = round(OWN * effort.scenes) if own else 0
        some = [(voices, effort.scenes - mine, 10), (own, mine, 20)]
        made.append(joined_scenes([
            scenes_of(parts, heard.talk, heard.noises, count, seed=1000 * seed + kind + number, threads=threads,
                      progress=progress) for parts, count, kind in some if count
        ]))  # fmt: skip
    return made


def measuring_scenes(heard: Heard, effort: Effort, *, seed: int, threads: int) -> list[Scenes]:
    """Of each phrase: by one's own recordings that were kept back, if there are any, else by voices."""
    return [
        scenes_of(own or voices, heard.talk, heard.noises, effort.measured_scenes, seed=1000 * seed + 30 + number,
                  threads=threads) for number, (voices, own) in enumerate(zip(heard.kept_phrases, heard.kept_own,
                                                                              strict=True))
    ]  # fmt: skip


def training_reels(
    heard: Heard, effort: Effort, *, seed: int, threads: int, progress: Progress | None
) -> list[tuple[Reels, float]]:
    """Everything that no phrase is said in, and how often it is drawn."""
    whole = min(effort.most_reels, effort.passes * reels_for(heard.background)) if len(heard.background) else 0
    kinds: list[tuple[str, Sequence[Floats], int, float]] = [
        ("near misses", heard.near_misses, effort.near_reels, NEAR),
        ("sentences", heard.talk, effort.talk_reels, 1.0 if whole else 2.0),
        ("background", heard.background, whole, 2.0),
    ]
    return [(reels_of(name, parts, heard.noises, count, seed=1000 * seed + 40 + number, threads=threads,
                      channels=() if parts is heard.background else heard.noises, progress=progress), weight)
            for number, (name, parts, count, weight) in enumerate(kinds) if count and len(parts)]  # fmt: skip


def measuring_reels(heard: Heard, *, seed: int, threads: int) -> list[Reels]:
    """The background that was kept back of each folder, as it is, and once more in rooms and noise."""
    made = []
    for number, parts in enumerate(long_enough(heard.kept_background)):
        both = [reels_of("kept back", parts, heard.noises if around else [], reels_for(parts),
                         seed=1000 * seed + 50 + around + 2 * number, around=around, threads=threads)
                for around in (False, True)]  # fmt: skip
        made.append(Reels("kept back", np.concatenate([one.frames for one in both])))
    return made


def long_enough(kinds: Sequence[Sequence[Floats]]) -> list[Joined]:
    """The recordings of each folder that has enough of them to tell how seldom something is, with the rest.

    There is always one kind: without recordings, it is empty, and what is measured on is a reel of silence.
    """
    lengths = [sum(map(len, some)) for some in kinds]
    ordered = sorted(range(len(kinds)), key=lambda number: -lengths[number])
    enough = [number for number in ordered if lengths[number] >= LEAST_KEPT_S * SR]
    rest = ordered[len(enough) :]
    groups = [[number] for number in enough]
    if groups and sum(lengths[number] for number in rest) < LEAST_KEPT_S * SR:
        groups[0] += rest
    elif not groups or any(lengths[number] for number in rest):
        groups.append(rest)
    return [Joined([kinds[number] for number in group]) for group in groups]


def joined_scenes(some: Sequence[Scenes]) -> Scenes:
    return Scenes(*(np.concatenate([getattr(one, name) for one in some])
                    for name in ("frames", "ends_s", "lengths_s")))  # fmt: skip
