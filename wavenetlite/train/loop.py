"""fit: trains a network epoch by epoch; can be interrupted and resumed."""

from __future__ import annotations

import copy
import json
import math
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from wavenetlite.engine.tape import Tape
from wavenetlite.nn.module import Module
from wavenetlite.support.arrays import Floats
from wavenetlite.support.atomic_files import replacing
from wavenetlite.support.checks import count, number, one_of, positive_int
from wavenetlite.support.cpus import cpus
from wavenetlite.support.descriptions import description
from wavenetlite.support.digests import digest
from wavenetlite.support.errors import ParameterError, TrainingError
from wavenetlite.support.html import html
from wavenetlite.support.progress import Bar
from wavenetlite.support.threads import belong_to
from wavenetlite.train import checkpoint
from wavenetlite.train.batches import (
    Arrays,
    Batch,
    ConditionedBatch,
    Source,
    contents_of,
    shuffled,
    taken_apart,
)
from wavenetlite.train.callbacks import Callbacks, RunStart, Step, copies
from wavenetlite.train.freezing import checked_names, frozen_names
from wavenetlite.train.losses import Loss, Outcome
from wavenetlite.train.named_losses import LossName, loss_from
from wavenetlite.train.optimiser import AdamW, clip_norm, schedule
from wavenetlite.train.parameters import Parameters

HISTORY = "history.jsonl"
MOMENTUM = 0.1  # of the running statistics of batch normalisation, as in PyTorch

Data = Source | tuple[Floats, npt.NDArray[Any]] | tuple[Floats, npt.NDArray[Any], Floats]


@dataclass(repr=False)
class History:
    """The history of a training run: one row per epoch, as in ``history.jsonl``.

    Attributes
    ----------
    rows
        ``epoch, lr, train_loss, train_accuracy, valid_loss, valid_accuracy, seconds``; None if not measured.
    best_epoch
        The epoch with the highest validation accuracy (for equal ones, the lowest loss), 0: none.
    stopped_early
        Whether `patience` was exceeded.
    resumed_epochs
        How many of the rows a checkpoint already held; all of them: nothing was left to train.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    best_epoch: int = 0
    stopped_early: bool = False
    resumed_epochs: int = 0

    def __repr__(self) -> str:
        return f"History({len(self.rows)} epochs, best_epoch={self.best_epoch}, stopped_early={self.stopped_early})"

    def _repr_html_(self) -> str:
        rows = [["" if value is None else f"{value:.5g}" for value in row.values()] for row in self.rows]
        return html(repr(self), head=list(self.rows[0]) if self.rows else [], rows=rows)


@dataclass(frozen=True)
class Settings:
    """The options of `fit` that determine the result: a checkpoint is bound to them."""

    epochs: int
    batch_size: int
    lr: float
    schedule: str
    warmup: float
    weight_decay: float
    clip: float
    ema: float
    shards: int
    patience: int | None
    keep: str
    seed: int
    freeze: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "shards"):  # converted to plain numbers for the checkpoint
            object.__setattr__(self, name, positive_int(name, getattr(self, name)))
        for name in ("lr", "weight_decay", "clip", "ema", "warmup"):
            object.__setattr__(self, name, number(name, getattr(self, name), least=0.0))
        if self.ema >= 1:
            raise ParameterError(f"ema={self.ema} must be from 0 to below 1")
        if self.batch_size % self.shards:
            raise ParameterError(f"shards={self.shards} must divide batch_size={self.batch_size}")
        if self.patience is not None:
            object.__setattr__(self, "patience", positive_int("patience", self.patience))
        one_of("keep", self.keep, ("last", "best"))
        object.__setattr__(self, "seed", count("seed", self.seed))
        schedule(self.schedule, 1, warmup=self.warmup)


def fit(
    model: Module,
    train: Data,
    valid: Data | None = None,
    *,
    condition: Floats | None = None,
    loss: Loss | LossName | None = None,
    epochs: int = 50,
    batch_size: int = 64,
    lr: float = 2e-3,
    schedule: Literal["constant", "cosine", "one_cycle"] = "cosine",
    warmup: float = 0.05,
    weight_decay: float = 0.01,
    clip: float = 5.0,
    ema: float = 0.0,
    shards: int = 2,
    threads: int | None = None,
    patience: int | None = None,
    keep: Literal["last", "best"] = "last",
    folder: str | os.PathLike[str] | None = None,
    resume: bool = True,
    seed: int = 0,
    progress: bool | str = False,
    callbacks: Any = (),
    freeze: Sequence[str] = (),
) -> History:
    """Train a network in place.

    The same data, settings and seed give the same weights on one machine, for any number of threads and
    interruptions.

    Parameters
    ----------
    model
        The network; training starts from its current weights.
    train, valid
        ``(x, targets)``, x float32 (items, frames, channels), or ``(x, targets, condition)``, or a `Source` such as
        `ClipBatches` or `Waveforms`. Items of a batch have the same length; an incomplete last batch of an epoch is
        dropped.
    condition
        Conditioning of `train`, for a network that has it: float32, (items, condition frames, condition_channels), with
        a frame per `condition_period` frames of x; or (items, condition_channels), the same for all frames.
    loss
        None: `CrossEntropy`, one class per item, at the last frame; or the name of a loss with its default options.
    epochs, batch_size
        Passes over the data, and items per step.
    lr, schedule, warmup
        Peak learning rate of AdamW, and its schedule; see :func:`wavenetlite.train.schedule`.
    weight_decay
        Weight decay of weights with at least two dimensions; biases and normalisation do not decay.
    clip
        Maximum Euclidean norm of the gradient; 0: no clipping.
    ema
        Decay per step of the exponential moving average of the weights, which is validated and kept; 0: none. In the
        first steps it is smaller, ``(1 + step) / (10 + step)``.
    shards
        Parts of a batch that go through the network separately and in parallel: batch normalisation sees one part
        ("ghost batch normalisation", Hoffer et al., 2017).
    threads
        Number of threads; None: as many as there are shards and CPUs. Does not change the result.
    patience
        Epochs without improvement in validation after which training stops; None: never.
    keep
        Which weights the model gets: the "last", or those of the "best" validation.
    folder
        Folder for ``checkpoint.npz`` (after each epoch) and ``history.jsonl``; created if missing. None: not saved.
    resume
        Whether to resume from a checkpoint in `folder`: only with the same network, options and data, and the same
        version of the package; anything else is an error that names what differs.
    seed
        Seed of the order of the items, augmentation and dropout.
    progress
        Whether to show a progress bar on standard error, or a line an epoch where that is no terminal; a name is shown
        before it.
    callbacks
        A :class:`wavenetlite.train.Callback` or a list of them, which are told of steps and epochs. They do not change
        the result.
    freeze
        Names of layers that are not trained, as `state_dict` begins its names with, such as "stem" or "blocks.0"; also
        with wildcards, "blocks.[01]". Their batch normalisation uses its running statistics.

    Raises
    ------
    ParameterError, ArrayTypeError
        An option or the data is invalid.
    TrainingError
        The loss is not finite; the message names the epoch.
    KeyboardInterrupt
        As usual; the checkpoint of the last epoch is kept.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(64) % 2
    >>> x = (rng.standard_normal((64, 20, 3)) + y[:, None, None]).astype(np.float32)
    >>> layers = wl.nn.Conv1d(3, 8, 3), wl.nn.Activation("relu"), wl.nn.CumulativePool("mean"), wl.nn.Linear(8, 2)
    >>> model = wl.Sequential(layers)
    >>> history = wl.train.fit(model, (x, y), epochs=30, batch_size=32, lr=0.02)
    >>> history.rows[-1]["train_accuracy"]
    1.0
    """
    settings = Settings(
        epochs, batch_size, lr, schedule, warmup, weight_decay, clip, ema, shards, patience, keep, seed,
        checked_names(freeze),
    )  # fmt: skip
    told = Callbacks(callbacks)
    at_once = min(settings.shards, cpus()) if threads is None else positive_int("threads", threads)
    run = Run(model, conditioned(train, condition), None if valid is None else source(valid), loss_from(loss), settings,
              at_once, None if folder is None else Path(folder), told)  # fmt: skip
    return run.all(resume, progress)


class Run:
    """A training run."""

    def __init__(
        self,
        model: Module,
        train: Source,
        valid: Source | None,
        loss: Loss,
        settings: Settings,
        threads: int,
        folder: Path | None,
        callbacks: Callbacks,
    ) -> None:
        self.model, self.train, self.valid, self.loss, self.settings = model, train, valid, loss, settings
        self.threads, self.folder, self.callbacks = threads, folder, callbacks
        self.contents: dict[str, str] = {}  # of the data, if there is a folder
        if len(train) < settings.batch_size:
            raise ParameterError(f"batch_size={settings.batch_size} must be at most {len(train)}, the number of items")
        if valid is None and settings.keep == "best":
            raise ParameterError("keep='best' needs validation: pass valid")
        if valid is None and settings.patience is not None:
            raise ParameterError(f"patience={settings.patience} needs validation: pass valid")
        if valid is not None and len(valid) == 0:
            raise ParameterError("valid is empty; it must contain items")
        self.began_with = digest(description(model.state_dict()))
        self.parameters = Parameters(model, frozen_names(model, settings.freeze))
        frozen = self.parameters.frozen
        if frozen.all():
            raise ParameterError(f"freeze={list(settings.freeze)} leaves nothing to train")
        self.steps_per_epoch = len(train) // settings.batch_size
        self.factor = schedule(settings.schedule, settings.epochs * self.steps_per_epoch, warmup=settings.warmup)
        self.optimiser = AdamW(
            self.parameters.trained,
            decayed=self.parameters.mask("weight") & ~frozen,
            weight_decay=settings.weight_decay,
        )
        self.step = 0
        self.average: Floats = self.parameters.values[: 1 + self.parameters.trained].copy()
        self.average_statistics = {name: value.copy() for name, value in self.parameters.statistics.items()}
        self.history = History()
        self.best: dict[str, Floats] | None = None
        self.tapes: dict[tuple[int, int], list[Tape]] = {}
        self.valid_batches: list[Batch | ConditionedBatch] = []
        self.stop = threading.Event()
        self.pool = ThreadPoolExecutor(threads, "shards", belong_to, (self.stop,))

    def all(self, resume: bool, progress: bool | str) -> History:
        """Train to the end, from the start or from a checkpoint, and update the model's weights."""
        if self.folder is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.contents = self.digests()
            if resume and (state := checkpoint.read(self.folder, self.bound_to(), self.contents)) is not None:
                self.restore(state)
        try:
            self.callbacks.tell("on_begin", RunStart({**vars(self.settings)}, self.steps_per_epoch,
                                                     copies(self.history.rows)))  # fmt: skip
            self.epochs(progress)
        finally:
            self.stop.set()
            self.pool.shutdown(cancel_futures=True)
            self.callbacks.end(self.history.rows)
        self.model.load_state_dict(self.result())
        return self.history

    def result(self) -> dict[str, Floats]:
        """The weights that the model gets."""
        return self.best if self.settings.keep == "best" and self.best else self.state_dict()

    def epochs(self, progress: bool | str) -> None:
        """Run the remaining epochs."""
        name = progress if isinstance(progress, str) else ""
        with Bar(bool(progress), name, total=self.settings.epochs, done=len(self.history.rows)) as bar:
            if self.complete:
                bar.say(f"all {len(self.history.rows)} epochs in {self.folder} were complete: nothing was trained")
            while not self.complete:
                self.epoch(bar)
                if self.folder is not None:
                    self.write()
                self.callbacks.tell("on_epoch", dict(self.history.rows[-1]), self.state_dict)

    @property
    def complete(self) -> bool:
        return len(self.history.rows) >= self.settings.epochs or self.history.stopped_early

    def digests(self) -> dict[str, str]:
        """The digest of each aspect of the data, such as "valid targets"."""
        parts = {"train": self.train, "valid": self.valid}
        return {
            f"{part} {aspect}": value
            for part, data in parts.items()
            if data is not None
            for aspect, value in contents_of(data).items()
        }

    def bound_to(self) -> dict[str, Any]:
        """Settings that a checkpoint must match."""
        valid_items = None if self.valid is None else len(self.valid)
        return {**vars(self.settings), "network": self.model.config(), "items": len(self.train),
                "valid_items": valid_items, "loss": description(self.loss)}  # fmt: skip

    def epoch(self, bar: Bar) -> None:
        settings, number_of = self.settings, len(self.history.rows) + 1
        began, total, correct, items = time.perf_counter(), 0.0, 0.0, 0
        for batch in shuffled(self.train, settings.batch_size, settings.seed, number_of, self.threads):
            with quiet():
                outcome = self.one_step(*taken_apart(batch))
            if not math.isfinite(outcome.total):
                raise TrainingError(
                    f"loss is {outcome.total} in epoch {number_of}; a smaller lr than {settings.lr} may help"
                )
            total, correct, items = total + outcome.total, correct + outcome.correct, items + outcome.count
            self.tell_step(number_of, outcome)
            bar.step((self.step - 1) % self.steps_per_epoch + 1, self.steps_per_epoch, total / items, correct / items)
        if not np.isfinite(self.parameters.values).all():
            raise TrainingError(
                f"weights are not finite in epoch {number_of}; a smaller lr than {settings.lr} may help"
            )
        row = {
            "epoch": number_of,
            "lr": settings.lr * self.factor(self.step - 1),
            "train_loss": total / max(items, 1),
            "train_accuracy": correct / max(items, 1),
            "valid_loss": None,
            "valid_accuracy": None,
            "seconds": None,
        }
        if self.valid is not None:
            row["valid_loss"], row["valid_accuracy"] = self.validate(self.valid)
        row["seconds"] = round(time.perf_counter() - began, 3)
        self.history.rows.append(row)
        self.judge(row)
        bar.epoch(row)

    def tell_step(self, epoch: int, outcome: Outcome) -> None:
        lr, items = self.settings.lr * self.factor(self.step - 1), max(outcome.count, 1)
        step = Step(self.step, epoch, lr, outcome.total / items, outcome.correct / items)
        self.callbacks.tell("on_step", step)

    def one_step(self, x: Floats, targets: npt.NDArray[Any], condition: Floats | None = None) -> Outcome:
        """Forward, backward, and a step of the optimiser."""
        settings, parameters = self.settings, self.parameters
        tapes, shards = self.tapes_for(x), range(settings.shards)
        every_x, every_target = np.split(x, settings.shards), np.split(targets, settings.shards)
        every_c = [None for _ in shards] if condition is None else np.split(condition, settings.shards)
        items = self.loss.items(targets)

        def run(shard: int) -> tuple[Outcome, Floats]:
            tape = tapes[shard]
            tape.seed(settings.seed, self.step, shard)
            with quiet():
                outcome = self.loss(tape.forward(every_x[shard], every_c[shard]), every_target[shard], items)
                return outcome, tape.backward(outcome.gradient)

        results = list(self.pool.map(run, shards))
        gradient = results[0][1].copy()
        for _, more in results[1:]:
            gradient += more
        gradient[parameters.frozen] = 0.0
        if settings.clip:
            clip_norm(gradient, settings.clip)
        trained = parameters.values[1 : 1 + parameters.trained]
        self.optimiser.step(trained, gradient, settings.lr * self.factor(self.step))
        self.step += 1
        self.keep_statistics(tapes)
        self.keep_average()
        outcomes = [outcome for outcome, _ in results]
        return Outcome(
            sum(one.total for one in outcomes), gradient, sum(one.correct for one in outcomes),
            sum(one.count for one in outcomes),
        )  # fmt: skip

    def tapes_for(self, x: Floats) -> list[Tape]:
        key = (len(x) // self.settings.shards, x.shape[1])
        if key not in self.tapes:
            self.tapes.clear()  # one shape at a time: a tape holds all activations
            self.tapes[key] = [Tape(self.parameters, *key) for _ in range(self.settings.shards)]
        return self.tapes[key]

    def keep_statistics(self, tapes: Sequence[Tape]) -> None:
        """Update the running statistics of batch normalisation with those of this step, averaged over the shards."""
        for shards in zip(*(tape.statistics for tape in tapes), strict=True):
            for name in shards[0]:
                running = self.parameters.statistics[name]
                total = shards[0][name].copy()
                for other in shards[1:]:
                    total += other[name]
                running += (MOMENTUM * (total / len(shards) - running)).astype(np.float32)

    def keep_average(self) -> None:
        """Update the moving averages of weights and statistics."""
        decay = min(self.settings.ema, (1 + self.step) / (10 + self.step))
        pairs = [(self.average, self.parameters.values[: len(self.average)])]
        pairs += [(self.average_statistics[name], value) for name, value in self.parameters.statistics.items()]
        for average, now in pairs:
            if self.settings.ema:
                average += np.float32(1 - decay) * (now - average)
            else:
                average[:] = now

    def state_dict(self) -> dict[str, Floats]:
        """The weights to keep."""
        return self.parameters.state_dict(self.average, self.average_statistics)

    # Validation

    def validate(self, valid: Source) -> tuple[float, float]:
        """Loss and accuracy of the weights to keep, by the inference engine."""
        if not self.valid_batches:
            rng = np.random.default_rng(0)
            self.valid_batches = [
                valid.batch(np.arange(i, min(i + 64, len(valid))), rng) for i in range(0, len(valid), 64)
            ]
        twin = copy.deepcopy(self.model)
        twin.load_state_dict(self.state_dict())
        twin.plan()

        def measure(batch: Batch | ConditionedBatch) -> Outcome:
            x, targets, condition = taken_apart(batch)
            return self.loss(twin(x, condition), targets, self.loss.items(targets))

        outcomes = list(self.pool.map(measure, self.valid_batches))
        items = max(sum(one.count for one in outcomes), 1)
        return sum(one.total for one in outcomes) / items, sum(one.correct for one in outcomes) / items

    def judge(self, row: dict[str, Any]) -> None:
        """Update the best epoch, and stop after too many epochs without improvement."""
        if self.valid is None:
            return
        best = next((old for old in self.history.rows if old["epoch"] == self.history.best_epoch), None)
        if best is None or merit(row) > merit(best):
            self.history.best_epoch = row["epoch"]
            self.best = self.state_dict() if self.settings.keep == "best" else None
        if self.settings.patience is not None:
            self.history.stopped_early = row["epoch"] - self.history.best_epoch >= self.settings.patience

    # Checkpoints

    def write(self) -> None:
        """Write the checkpoint and the history."""
        assert self.folder is not None
        arrays = {
            "values": self.parameters.values[: 1 + self.parameters.trained],
            "average": self.average,
            "first": self.optimiser.first,
            "second": self.optimiser.second,
        }
        arrays |= {f"statistics.{name}": value for name, value in self.parameters.statistics.items()}
        arrays |= {f"average.{name}": value for name, value in self.average_statistics.items()}
        arrays |= {f"best.{name}": value for name, value in (self.best or {}).items()}
        notes = {"rows": self.history.rows, "best_epoch": self.history.best_epoch, "step": self.step,
                 "stopped_early": self.history.stopped_early, "began_with": self.began_with}  # fmt: skip
        checkpoint.write(self.folder, checkpoint.State(len(self.history.rows), arrays, notes), self.bound_to(),
                         self.contents)  # fmt: skip
        with replacing(self.folder / HISTORY) as file:
            file.write("".join(json.dumps(row) + "\n" for row in self.history.rows).encode())

    def restore(self, state: checkpoint.State) -> None:
        """Resume from a checkpoint."""
        assert self.folder is not None
        path = self.folder / checkpoint.CHECKPOINT
        given = self.began_with
        try:
            self.take(state)
        except (KeyError, TypeError, ValueError) as error:
            raise checkpoint.damaged(path, error) from None
        finished = self.complete and given == digest(description(self.result()))
        if given != self.began_with and not finished:
            raise ParameterError(f"{path} began with other weights than model has now; {checkpoint.ANEW}")

    def take(self, state: checkpoint.State) -> None:
        end = 1 + self.parameters.trained
        self.parameters.values[:end] = state.arrays["values"]
        self.average[:] = state.arrays["average"]
        self.optimiser.first[:], self.optimiser.second[:] = state.arrays["first"], state.arrays["second"]
        for name in self.parameters.statistics:
            self.parameters.statistics[name][:] = state.arrays[f"statistics.{name}"]
            self.average_statistics[name][:] = state.arrays[f"average.{name}"]
        best = {name.removeprefix("best."): value for name, value in state.arrays.items() if name.startswith("best.")}
        self.best = best or None
        self.step = self.optimiser.steps = state.notes["step"]
        self.began_with = state.notes["began_with"]
        self.history = History(state.notes["rows"], state.notes["best_epoch"], state.notes["stopped_early"],
                               len(state.notes["rows"]))  # fmt: skip


def quiet() -> np.errstate:
    """Suppress NumPy's warnings about overflow, which is detected from the loss and the weights."""
    return np.errstate(over="ignore", invalid="ignore", divide="ignore")


def merit(row: dict[str, Any]) -> tuple[float, float]:
    """The key by which epochs are compared."""
    return row["valid_accuracy"], -row["valid_loss"]


def source(data: Data) -> Source:
    if isinstance(data, tuple) and len(data) not in (2, 3):
        raise ParameterError(
            f"train or valid has {len(data)} arrays; it must be (x, targets) or (x, targets, condition)"
        )
    return Arrays(*data) if isinstance(data, tuple) else data


def conditioned(data: Data, condition: Floats | None) -> Source:
    """The source of `data`, with the conditioning that was given beside it."""
    if condition is None:
        return source(data)
    if not isinstance(data, tuple) or len(data) != 2:
        kind = "(x, targets, condition)" if isinstance(data, tuple) else f"a {type(data).__name__}"
        raise ParameterError(f"condition must be None where train is {kind}: it is given there")
    return Arrays(*data, condition)
