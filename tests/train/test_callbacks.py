"""Callbacks of fit: they are told all that happens, and change nothing."""

import json
import os

import numpy as np
import pytest
from catalogue import same_bits
from fit_data import SETTINGS, data, network

import wavenetlite as wl
from wavenetlite.train import Callback, MLflow, TensorBoard, WandB, fit

STEPS = 6  # an epoch of 48 items in batches of 8


class Recorder(Callback):
    """Notes everything; raises at a step, if told so."""

    def __init__(self, stop_at=None, error=KeyboardInterrupt):
        self.stop_at, self.error = stop_at, error
        self.begun, self.steps, self.rows, self.states, self.ended = [], [], [], [], []

    def on_begin(self, run):
        self.begun.append(run)

    def on_step(self, step):
        self.steps.append(step)
        if step.step == self.stop_at:
            raise self.error("stopped")

    def on_epoch(self, row, state):
        self.rows.append(row)
        self.states.append(state())

    def on_end(self, rows):
        self.ended.append(rows)


def trained(callbacks=(), folder=None, **options):
    model = network()
    history = fit(model, data(48), data(16, 1), folder=folder, callbacks=callbacks, **(SETTINGS | options))
    return model.state_dict(), history


def same_weights(a, b):
    return a.keys() == b.keys() and all(same_bits(a[name], b[name]) for name in a)


def test_everything_is_told_in_order():
    one, other = Recorder(), Recorder()
    weights, history = trained([one, other], keep="last")
    (run,) = one.begun
    assert (run.steps_per_epoch, run.rows, run.settings["lr"], run.settings["epochs"]) == (STEPS, [], 0.01, 4)
    assert [(step.step, step.epoch) for step in one.steps] == [(n + 1, n // STEPS + 1) for n in range(4 * STEPS)]
    assert one.rows == history.rows
    assert one.ended == [history.rows]
    assert same_weights(one.states[-1], weights)
    assert not same_weights(one.states[0], weights)
    assert (other.steps, other.rows, other.ended) == (one.steps, one.rows, one.ended)


def test_what_is_told_is_true():
    told = Recorder()
    _, history = trained(told)
    for row in history.rows:
        steps = [step for step in told.steps if step.epoch == row["epoch"]]
        assert np.mean([step.loss for step in steps]) == pytest.approx(row["train_loss"])
        assert np.mean([step.accuracy for step in steps]) == pytest.approx(row["train_accuracy"])
        assert steps[-1].lr == row["lr"]


class Vandal(Callback):
    """Spoils all that it is given."""

    def on_begin(self, run):
        run.settings.clear()
        run.rows.append("nonsense")

    def on_epoch(self, row, state):
        row.clear()
        for value in state().values():
            value[:] = np.nan

    def on_end(self, rows):
        rows.clear()


def test_callbacks_change_nothing(tmp_path):
    plain = trained(folder=tmp_path / "plain")
    told = trained([Vandal(), Recorder()], folder=tmp_path / "told")
    assert same_weights(plain[0], told[0])
    rows = [[{**row, "seconds": 0} for row in run[1].rows] for run in (plain, told)]
    assert rows[0] == rows[1]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, wl.ParameterError])
@pytest.mark.parametrize("stop_at", [3, 9, 12])
def test_a_run_that_a_callback_ends_goes_on_to_the_same_bits(tmp_path, error, stop_at):
    first = Recorder(stop_at, error)
    with pytest.raises(error, match="stopped"):
        trained(first, folder=tmp_path)
    whole_epochs = (stop_at - 1) // STEPS
    assert len(first.rows) == whole_epochs
    assert first.ended == [first.rows]
    again = Recorder()
    weights, history = trained(again, folder=tmp_path)
    assert same_weights(weights, trained()[0])
    assert again.begun[0].rows == first.rows
    assert again.steps[0].step == whole_epochs * STEPS + 1  # those of the broken epoch are told again
    assert again.steps[: stop_at - whole_epochs * STEPS] == first.steps[whole_epochs * STEPS :]
    assert first.rows + again.rows == history.rows


def test_an_epoch_is_told_after_it_is_saved(tmp_path):
    class Full(Callback):
        def on_epoch(self, row, state):
            raise OSError("no space left")

    with pytest.raises(OSError, match="no space"):
        trained(Full(), folder=tmp_path)
    assert trained(folder=tmp_path)[1].resumed_epochs == 1


def test_a_complete_run_begins_and_ends(tmp_path):
    trained(folder=tmp_path)
    told = Recorder()
    _, history = trained(told, folder=tmp_path)
    assert (len(told.begun), told.steps, told.rows, told.ended) == (1, [], [], [history.rows])


def test_all_are_told_of_the_end_even_if_one_fails():
    class Failing(Callback):
        def on_end(self, rows):
            raise OSError("cannot close")

    last = Recorder()
    with pytest.raises(OSError, match="cannot close"):
        trained([Failing(), last])
    assert len(last.ended) == 1


def test_an_object_with_some_of_the_methods_will_do():
    class OnlySteps:
        seen = 0

        def on_step(self, step):
            self.seen += 1

    one = OnlySteps()
    trained(one)
    assert one.seen == 4 * STEPS


class MisspeltOne(Callback):
    def on_epoch_end(self, row):
        raise AssertionError


@pytest.mark.parametrize(
    ("callbacks", "said"),
    [
        (Recorder, "class Recorder"),
        ([Recorder], "class Recorder"),
        (print, "callbacks has a builtin_function_or_method; it must be a Callback"),
        ([None], "callbacks has a NoneType"),
        (None, "callbacks has a NoneType"),
        ("tensorboard", "callbacks has a str"),
        (MisspeltOne(), "MisspeltOne.on_epoch_end is never called; it must be one of on_begin, on_step, on_epoch"),
    ],
)
def test_what_would_never_be_called_is_refused(callbacks, said):
    with pytest.raises(wl.WavenetliteError, match=said):
        trained(callbacks)


# Trackers


class Writer:
    """As PyTorch's SummaryWriter."""

    def __init__(self):
        self.seen, self.flushed, self.closed = [], 0, 0

    def add_scalar(self, tag, value, step):
        self.seen.append((tag, value, step))

    def flush(self):
        self.flushed += 1

    def close(self):
        self.closed += 1


def test_curves_are_written_by_names_and_numbers():
    writer = Writer()
    _, history = trained(TensorBoard(writer, every=5))
    losses = [(step, value) for tag, value, step in writer.seen if tag == "epoch/valid_loss"]
    assert losses == [(row["epoch"], row["valid_loss"]) for row in history.rows]
    assert [step for tag, _, step in writer.seen if tag == "step/loss"] == [5, 10, 15, 20]
    assert {tag for tag, _, _ in writer.seen} == {
        "step/loss", "step/accuracy", "step/lr", "epoch/lr", "epoch/train_loss", "epoch/train_accuracy",
        "epoch/valid_loss", "epoch/valid_accuracy", "epoch/seconds",
    }  # fmt: skip
    assert (writer.flushed, writer.closed) == (1, 0)


def test_epochs_only():
    writer = Writer()
    trained(TensorBoard(writer, every=0))
    assert all(tag.startswith("epoch/") for tag, _, _ in writer.seen)


def test_tensorboard_reads_it(tmp_path):
    accumulator = pytest.importorskip(
        "tensorboard.backend.event_processing.event_accumulator", reason="without tensorboard"
    )
    _, history = trained(TensorBoard(tmp_path))
    events = accumulator.EventAccumulator(os.fspath(tmp_path))
    events.Reload()
    tensors = events.Tensors("epoch/valid_accuracy")
    assert [event.step for event in tensors] == [1, 2, 3, 4]
    found = [event.tensor_proto.float_val[0] for event in tensors]
    assert np.allclose(found, [row["valid_accuracy"] for row in history.rows])
    assert [event.step for event in events.Tensors("step/lr")] == [10, 20]


def test_pytorchs_writer(tmp_path):
    pytest.importorskip("tensorboard", reason="without tensorboard")
    tensorboard = pytest.importorskip("torch.utils.tensorboard", reason="without torch")
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    with tensorboard.SummaryWriter(os.fspath(tmp_path)) as writer:
        trained(TensorBoard(writer))
        writer.add_scalar("mine", 1.0, 0)  # it stays open
    events = accumulator.EventAccumulator(os.fspath(tmp_path))
    events.Reload()
    assert {"mine", "epoch/train_loss"} <= set(events.Tags()["scalars"])


def test_mlflow_reads_it(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason="without mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    store = (tmp_path / "store").as_uri()
    mlflow.set_tracking_uri(store)
    with mlflow.start_run() as run:
        _, history = trained(MLflow(), folder=tmp_path / "run")
        trained(MLflow(), folder=tmp_path / "run")  # resumed in the same run: the same parameters
    client = mlflow.MlflowClient(store)
    found = client.get_metric_history(run.info.run_id, "epoch/train_loss")
    assert [(one.step, one.value) for one in found] == [(row["epoch"], row["train_loss"]) for row in history.rows]
    assert client.get_run(run.info.run_id).data.params["lr"] == "0.01"


def test_wandb_takes_it(tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb", reason="without wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    with wandb.init(mode="offline", dir=tmp_path, project="test") as run:
        _, history = trained(WandB(run, every=2))
        assert run.config["lr"] == 0.01
        assert run.summary["epoch/train_loss"] == history.rows[-1]["train_loss"]
        assert run.summary["step"] == 4 * STEPS


class Run:
    """As a run of wandb."""

    def __init__(self):
        self.logged, self.metrics, self.config = [], [], self
        self.settings = {}

    def define_metric(self, name, step_metric=None):
        self.metrics.append((name, step_metric))

    def update(self, settings, allow_val_change):
        self.settings.update(settings)

    def log(self, values):
        self.logged.append(values)


def test_wandb_gets_axes_of_epochs_and_steps():
    run = Run()
    _, history = trained(WandB(run))
    assert ("epoch/*", "epoch") in run.metrics
    assert [values["epoch/valid_loss"] for values in run.logged if "epoch" in values] == [
        row["valid_loss"] for row in history.rows
    ]
    assert json.dumps(run.settings)


@pytest.mark.parametrize(("make", "said"), [
    (lambda: TensorBoard(3), "where is a int; it must be a folder"),
    (lambda: WandB(None), "run is a NoneType; it must be what wandb.init"),
    (lambda: WandB(Run(), every=-1), "every=-1 must not be negative"),
])  # fmt: skip
def test_wrong_trackers(make, said):
    with pytest.raises(wl.WavenetliteError, match=said):
        make()
