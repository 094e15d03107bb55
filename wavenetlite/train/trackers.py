"""Callbacks that write the curves of a training for TensorBoard, Weights & Biases and MLflow."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from wavenetlite.support.checks import count
from wavenetlite.support.errors import ArrayTypeError
from wavenetlite.support.optional import optional
from wavenetlite.train.callbacks import Callback, RunStart, State, Step


class Tracker(Callback):
    """Base of trackers: values by name, such as ``epoch/valid_loss`` and ``step/loss``, over epochs and over steps.

    Parameters
    ----------
    every
        Every how many steps to write; 0: epochs only.
    """

    def __init__(self, every: int = 10) -> None:
        self.every = count("every", every)

    def write(self, kind: str, at: int, values: Mapping[str, float]) -> None:
        """Write the values of a "step" or "epoch" of this number."""
        raise NotImplementedError

    def on_step(self, step: Step) -> None:
        if self.every and step.step % self.every == 0:
            self.write("step", step.step, {"loss": step.loss, "accuracy": step.accuracy, "lr": step.lr})

    def on_epoch(self, row: dict[str, Any], state: State) -> None:
        self.write(
            "epoch", row["epoch"], {name: value for name, value in row.items() if value is not None and name != "epoch"}
        )


class TensorBoard(Tracker):
    """Writes for TensorBoard: ``tensorboard --logdir FOLDER`` shows it.

    Parameters
    ----------
    where
        A folder, which needs the package tensorboard; or a writer with ``add_scalar``, such as PyTorch's
        ``SummaryWriter``, which stays open.
    every
        Every how many steps to write; 0: epochs only.
    """

    def __init__(self, where: Any, *, every: int = 10) -> None:
        super().__init__(every)
        self.own = isinstance(where, str | os.PathLike)
        if not self.own and not callable(getattr(where, "add_scalar", None)):
            raise ArrayTypeError(f"where is a {type(where).__name__}; it must be a folder, or a writer with add_scalar")
        self.writer = where
        if self.own:
            self.writer = optional("tensorboard.summary", "tensorboard", "TensorBoard").Writer(os.fspath(where))

    def write(self, kind: str, at: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self.writer.add_scalar(f"{kind}/{name}", value, at)

    def on_end(self, rows: list[dict[str, Any]]) -> None:
        self.writer.flush()
        if self.own:
            self.writer.close()


class WandB(Tracker):
    """Logs to a run of Weights & Biases.

    Parameters
    ----------
    run
        What ``wandb.init(...)`` returned; its config gets the settings of `fit`. It stays open.
    every
        Every how many steps to write; 0: epochs only.
    """

    def __init__(self, run: Any, *, every: int = 10) -> None:
        super().__init__(every)
        if not callable(getattr(run, "log", None)) or not callable(getattr(run, "define_metric", None)):
            raise ArrayTypeError(f"run is a {type(run).__name__}; it must be what wandb.init() returned")
        self.run = run

    def on_begin(self, run: RunStart) -> None:
        # Axes of their own: wandb drops what is logged at an earlier step of its own, as a resumed epoch would be.
        for kind in ("step", "epoch"):
            self.run.define_metric(kind)
            self.run.define_metric(f"{kind}/*", step_metric=kind)
        self.run.config.update(run.settings, allow_val_change=True)

    def write(self, kind: str, at: int, values: Mapping[str, float]) -> None:
        self.run.log({kind: at, **{f"{kind}/{name}": value for name, value in values.items()}})


class MLflow(Tracker):
    """Logs metrics and parameters to the active run of MLflow.

    Parameters
    ----------
    every
        Every how many steps to write; 0: epochs only.
    """

    def __init__(self, *, every: int = 10) -> None:
        super().__init__(every)
        self.mlflow = optional("mlflow", "mlflow", "MLflow")

    def on_begin(self, run: RunStart) -> None:
        self.mlflow.log_params(run.settings)

    def write(self, kind: str, at: int, values: Mapping[str, float]) -> None:
        self.mlflow.log_metrics({f"{kind}/{name}": float(value) for name, value in values.items()}, step=at)
