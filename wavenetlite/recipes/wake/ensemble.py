"""Several networks of a wake word, trained on the same recordings, each in scenes and with chances of its own."""

from __future__ import annotations

from pathlib import Path

from wavenetlite.nn import Graph, Module, Sequential
from wavenetlite.recipes.wake.material import Heard, training_reels, training_scenes
from wavenetlite.recipes.wake.network import head_for, mean_of
from wavenetlite.recipes.wake.settings import Effort
from wavenetlite.recipes.wake.stages import Log
from wavenetlite.recipes.wake.training import Training

SEEDS_APART = 1000
"""From the seed of one network to that of the next."""


class Ensemble:
    """The training of several networks, one after the other, and of their mean.

    Parameters
    ----------
    heard
        What is trained on.
    effort
        How many networks, and how much of everything.
    folder
        For the checkpoints.
    seed, threads, resume, log
        As in `Training`.
    """

    def __init__(
        self, heard: Heard, effort: Effort, folder: Path, *, seed: int, threads: int, resume: bool, log: Log
    ) -> None:
        self.heard, self.effort, self.folder = heard, effort, folder
        self.seed, self.threads, self.resume, self.log = seed, threads, resume, log
        with log.bar("background") as bar:
            self.reels = training_reels(heard, effort, seed=seed, threads=threads, progress=bar)
        self.last: Training | None = None

    def all(self) -> Graph:
        """The mean of the networks in float32, each trained."""
        return mean_of([self.trained(number) for number in range(1, self.effort.networks + 1)])

    def trained(self, number: int) -> Sequential:
        """One of them, the first is number 1."""
        self.last = None  # its scenes would fill the memory beside those of the next
        networks, seed = self.effort.networks, self.seed + SEEDS_APART * (number - 1)
        name = f"network {number} of {networks}" if networks > 1 else "network"
        with self.log.bar(f"scenes of {name}") as bar:
            scenes = training_scenes(self.heard, self.effort, seed=seed, threads=self.threads, progress=bar)
        self.last = Training(
            scenes, self.reels, self.effort.stages, self.folder / str(number), name=name, seed=seed,
            head=head_for(self.heard.longest_s), channels=self.effort.channels, threads=self.threads,
            resume=self.resume, log=self.log,
        )  # fmt: skip
        return self.last.all()

    def round_weights(self, network: Module) -> Graph:
        """The mean with the rounding of 8-bit integers, trained on as one network."""
        assert self.last is not None
        return self.last.round_weights(network)
