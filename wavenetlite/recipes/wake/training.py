"""Training of the network of a wake word: on everything, on what it mistook, and with the rounding of integers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wavenetlite.formats.micro_wake_word import FEATURE_SCALE
from wavenetlite.graph import LOWEST
from wavenetlite.nn import Graph, Module, Sequential
from wavenetlite.nn.fake_quantized import FakeQuantize
from wavenetlite.quantization.networks import quantization_aware, quantize
from wavenetlite.recipes.wake.examples import Examples, Hard
from wavenetlite.recipes.wake.network import heads, last_name, wake_network
from wavenetlite.recipes.wake.reels import Reels
from wavenetlite.recipes.wake.scenes import Scenes
from wavenetlite.recipes.wake.stages import Log
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.train.loop import fit
from wavenetlite.train.losses import CrossEntropy

MOST_HARD = 600
"""Windows of each kind of background that are mined."""
LEAST_MINED = 1.0
"""Weight of the kinds of background that are mined. What is nearly the phrase has less: a network that learns to tell
it apart takes a voice that says the phrase a little otherwise for such, too."""
ALL = "all networks"
CALIBRATED = 256
"""Windows by which the ranges of the integers are found."""


@dataclass(frozen=True)
class Stages:
    """How long is trained: epochs of the first stage, of each after mining, of those with rounding; batches of one.

    Longer is not better: a network then learns the voices that it is given, and hears fewer of those that it is not.
    """

    epochs: tuple[int, ...] = (25, 10)
    rounded: int = 4
    batches: int = 60
    batch_size: int = 64
    lr: float = 4e-3
    mined_lr: float = 2e-3
    rounded_lr: float = 3e-4

    @property
    def total(self) -> int:
        return sum(self.epochs) + self.rounded


class Training:
    """A training.

    Parameters
    ----------
    scenes
        Of each phrase.
    reels
        Everything else, with weights.
    stages
        How long.
    folder
        For the checkpoints.
    name
        Of the network, for what is said of it.
    head, channels
        Of the network; see `wake_network`.
    resume
        Whether to go on from checkpoints.
    log
        Where it says what it does.
    """

    def __init__(
        self, scenes: Sequence[Scenes], reels: Sequence[tuple[Reels, float]], stages: Stages, folder: Path, *,
        name: str, head: int, channels: int, seed: int, threads: int, resume: bool = True, log: Log,
    ) -> None:  # fmt: skip
        self.scenes, self.reels, self.stages, self.folder = scenes, reels, stages, folder
        self.name, self.seed, self.threads, self.resume, self.log = name, seed, threads, resume, log
        self.model = wake_network(len(scenes), channels=channels, head=head, seed=seed)
        self.hard: list[Hard] = []

    def all(self) -> Sequential:
        """The network in float32, trained."""
        for number, epochs in enumerate(self.stages.epochs, 1):
            lr = self.stages.lr if number == 1 else self.stages.mined_lr
            self.fit(self.model, epochs, lr, f"stage-{number}", self.name)
            self.hard = self.mine(self.model)
        return self.model

    def round_weights(self, network: Module) -> Graph:
        """A trained network, or a mean of such, with the rounding of 8-bit integers, trained on with it."""
        frames = self.typical()
        keep = [last_name(network)]
        aware = quantization_aware(network, frames, method="percentile", percentile=99.995, keep=keep)
        aware = with_input(aware, FEATURE_SCALE, LOWEST)
        if self.stages.rounded:
            whose = ALL if len(heads(network)) > 1 else self.name
            self.fit(aware, self.stages.rounded, self.stages.rounded_lr, "rounding", whose)
        return aware

    def fit(self, model: Module, epochs: int, lr: float, stage: str, whose: str) -> None:
        stages = self.stages
        source = Examples(self.scenes, self.reels, self.hard, batches=stages.batches, batch_size=stages.batch_size)
        began = time.monotonic()
        history = fit(
            model, source, loss=CrossEntropy(at="frames"), epochs=epochs, batch_size=stages.batch_size, lr=lr,
            weight_decay=0.02, ema=0.995, warmup=0.1, seed=self.seed, threads=self.threads,
            resume=self.resume, folder=self.folder / stage, freeze=[last_name(model)],
            progress=f"{whose}, {stage}" if self.log.terminal else False,
        )  # fmt: skip
        if not self.log.terminal:
            again = f", {history.resumed_epochs} of them before" if history.resumed_epochs else ""
            self.log.say(f"{whose}, {stage}: {epochs} epochs{again}, loss {history.rows[-1]['train_loss']:.4f}, "
                         f"{time.monotonic() - began:.1f} s")  # fmt: skip

    def mine(self, model: Module) -> list[Hard]:
        """The windows of the kinds of background that are mined in which a network is nearest to hearing a phrase."""
        rng = np.random.default_rng([self.seed, 4])
        made = []
        for reels in (reels for reels, weight in self.reels if weight >= LEAST_MINED):
            scores = nearest(reels.logits(model, self.threads))
            made.append(Hard(reels, reels.hardest(scores, MOST_HARD, rng)))
        return made

    def typical(self) -> Floats:
        """Windows of all kinds."""
        rng = np.random.default_rng([self.seed, 5])
        source = Examples(self.scenes, self.reels, [], batches=1, batch_size=CALIBRATED)
        return source.batch(np.arange(CALIBRATED), rng)[0]


def in_integers(rounded: Graph) -> Graph:
    """The network of 8-bit integers that gives what one with their rounding gives."""
    return quantize(rounded, keep=[last_name(rounded)])


def nearest(logits: Floats) -> Doubles:
    """The logit of the nearest word against the background, (..., labels) -> (...)."""
    words: Doubles = (logits[..., :-1].max(axis=-1) - logits[..., -1]).astype(np.float64)
    return words


def with_input(aware: Graph, scale: float, zero_point: int) -> Graph:
    """The same network, which rounds its input to these integers."""
    (name, layer, reads), *others = aware.nodes
    assert isinstance(layer, FakeQuantize)
    return Graph(aware.in_channels, [[name, FakeQuantize(scale, zero_point), reads], *others])
