"""fit: it learns, it repeats itself bit for bit, however it was stopped; and every way in which it can go wrong."""

import json
import os
import signal
import subprocess
import sys
import threading
from functools import partial
from itertools import chain
from types import SimpleNamespace

import numpy as np
import pytest
from catalogue import same_bits
from fit_data import SETTINGS, data, network
from places import SUPPORT

import wavenetlite as wl
from wavenetlite.train import CTC, Arrays, ClipBatches, CrossEntropy, MeanSquaredError, Parameters, Tape, fit
from wavenetlite.train.augment import Gain
from wavenetlite.train.batches import OnTheFly, shuffled
from wavenetlite.train.checkpoint import CHECKPOINT

nn = wl.nn
WORKER = SUPPORT / "fit_worker.py"
HISTORY = "history.jsonl"


def trained(model=None, train=None, valid="some", folder=None, **options):
    """(weights, history) of a training with SETTINGS but for `options`."""
    model = network() if model is None else model
    valid = data(16, 1) if isinstance(valid, str) else valid
    history = fit(model, data(48) if train is None else train, valid, folder=folder, **(SETTINGS | options))
    return model.state_dict(), history


def same_weights(a, b):
    return a.keys() == b.keys() and all(same_bits(a[name], b[name]) for name in a)


def without_seconds(history):
    return [{name: value for name, value in row.items() if name != "seconds"} for row in history.rows]


def one_line(excinfo, *parts):
    text = str(excinfo.value)
    assert text
    assert "\n" not in text
    for part in parts:
        assert part in text, text


# ------------------------------------------------------------------------------------------------------------ learning
def test_it_learns():
    model = network()
    history = fit(model, data(96), data(48, 1), epochs=25, batch_size=16, lr=0.03)
    assert history.rows[-1]["valid_accuracy"] == 1.0
    assert history.rows[-1]["train_loss"] < 0.2 < history.rows[0]["train_loss"]
    x, y = data(60, 7)
    assert (model(x)[:, -1].argmax(axis=1) == y).mean() == 1.0


def test_it_learns_what_comes_in_frames():
    """Whether the sum of the last three frames is positive: a label a frame; the first two frames do not count."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((32, 50, 1)).astype(np.float32)
    total = x[:, 2:, 0] + x[:, 1:-1, 0] + x[:, :-2, 0]
    y = np.concatenate([np.full((32, 2), -1), (total > 0).astype(int)], axis=1)
    model = wl.Sequential([nn.Conv1d(1, 2, 3)])
    history = fit(model, (x, y), (x, y), loss=CrossEntropy(at="frames"), epochs=40, batch_size=8, lr=0.05)
    assert history.rows[-1]["valid_accuracy"] > 0.98
    assert history.rows[-1]["train_accuracy"] > 0.98


def test_it_learns_a_filter():
    x = np.random.default_rng(0).standard_normal((16, 100, 1)).astype(np.float32)
    target = nn.Conv1d(1, 1, 3, bias=False)
    target.load_state_dict({"weight": np.array([[[0.5, -1, 0.25]]], np.float32)})
    model = nn.Conv1d(1, 1, 3)
    history = fit(model, (x, target(x)), (x, target(x)), loss=MeanSquaredError(), epochs=60, batch_size=4, lr=0.05,
                  keep="best")  # fmt: skip
    assert history.rows[-1]["train_loss"] < 1e-4
    assert history.best_epoch == min(history.rows, key=lambda row: row["valid_loss"])["epoch"]
    assert np.abs(model.state_dict()["weight"] - target.state_dict()["weight"]).max() < 0.01


@pytest.mark.slow
def test_it_learns_sequences_with_ctc():
    rng = np.random.default_rng(0)
    y = rng.integers(1, 3, (48, 2))
    x = 0.1 * rng.standard_normal((48, 20, 2)).astype(np.float32)
    for clip, labels in enumerate(y):
        for label, at in zip(labels, sorted(rng.choice(np.arange(2, 18, 3), 2, replace=False)), strict=True):
            x[clip, at, label - 1] += 3
    model = wl.Sequential([nn.Conv1d(2, 8, 2), nn.Activation("relu"), nn.Conv1d(8, 3, 1)])
    history = fit(model, (x, y), (x, y), loss=CTC(), epochs=60, batch_size=8, lr=0.03)
    assert history.rows[-1]["valid_accuracy"] > 0.95


# ---------------------------------------------------------------------------------------------------------- repeatable
def test_the_same_seed_gives_the_same_bits():
    one, other = trained(), trained()
    assert same_weights(one[0], other[0])
    assert without_seconds(one[1]) == without_seconds(other[1])
    assert not same_weights(one[0], trained(seed=6)[0])


def test_threads_change_nothing():
    one, two = (trained(threads=n) for n in (1, 2))
    assert same_weights(one[0], two[0])
    assert without_seconds(one[1]) == without_seconds(two[1])
    assert not same_weights(one[0], trained(shards=1)[0])  # batch normalisation sees other parts


class Meeting:
    """A source whose batches are made in pairs at one time, or each times out."""

    parallel = True

    def __init__(self):
        self.both = threading.Barrier(2, timeout=20)

    def __len__(self):
        return 32

    def batch(self, indices, rng):
        self.both.wait()
        return rng.standard_normal((len(indices), 6, 3)).astype(np.float32), indices % 2


def test_a_parallel_source_makes_several_batches_at_once_and_the_same_ones():
    together = list(shuffled(Meeting(), 4, seed=3, epoch=1, threads=2))
    alone = Meeting()
    alone.both = threading.Barrier(1)
    one_by_one = list(shuffled(alone, 4, seed=3, epoch=1))
    assert len(together) == len(one_by_one) == 8
    assert all((x == a).all() and (y == b).all() for (x, y), (a, b) in zip(together, one_by_one, strict=True))


def test_a_source_that_does_not_say_that_it_is_parallel_is_used_by_one_thread():
    source, threads = Meeting(), set()
    source.parallel = False
    source.both = SimpleNamespace(wait=lambda: threads.add(threading.get_ident()))
    assert len(list(shuffled(source, 4, seed=0, epoch=1, threads=3))) == 8
    assert len(threads) == 1


def test_validation_and_progress_change_nothing(capsys):
    plain = trained(valid=None, keep="last")
    assert same_weights(plain[0], trained(keep="last")[0])
    assert same_weights(plain[0], trained(keep="last", progress=True)[0])
    assert "loss" in capsys.readouterr().err


def test_without_batch_norm_and_dropout_shards_change_only_rounding():
    def net():
        return wl.Sequential([nn.Conv1d(3, 8, 5), nn.Activation("tanh"), nn.Linear(8, 3)])

    one, four = (trained(net(), shards=n)[0] for n in (1, 4))
    assert all(np.abs(one[name] - four[name]).max() < 1e-3 for name in one)


# ------------------------------------------------------------------------------------------------- stopping, going on
def run_worker(folder, stop_at, how):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = [sys.executable, str(WORKER), str(folder), str(stop_at), how]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    weights, history = trained(folder=folder)
    return weights, history, folder


# 6 steps an epoch, 4 epochs. Batches are made up to 3 ahead.
@pytest.mark.parametrize("stop_at", [3, 9, 12, 24])
def test_a_killed_training_goes_on_to_the_same_bits(tmp_path, uninterrupted, stop_at):
    done = run_worker(tmp_path, stop_at, "kill")
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert not (tmp_path / "weights.npz").exists()
    done_epochs = len(read_history(tmp_path)) if (tmp_path / CHECKPOINT).exists() else 0
    assert done_epochs <= (stop_at - 1) // 6
    weights, history = trained(folder=tmp_path)
    assert same_weights(weights, uninterrupted[0])
    assert without_seconds(history) == without_seconds(uninterrupted[1])
    assert history.best_epoch == uninterrupted[1].best_epoch


@pytest.mark.slow
def test_killed_again_and_again(tmp_path, uninterrupted):
    for stop_at in (8, 8, 8):  # each comes one epoch further, at most
        assert run_worker(tmp_path, stop_at, "kill").returncode == -signal.SIGKILL
    done = run_worker(tmp_path, 0, "kill")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "weights.npz") as file:
        assert same_weights(dict(file), uninterrupted[0])


@pytest.mark.parametrize(("how", "error"), [("interrupt", "KeyboardInterrupt"), ("raise", "OSError")])
def test_interrupted_and_failed_trainings(tmp_path, uninterrupted, how, error):
    """The network keeps the weights that it had; the checkpoint of the last epoch is there."""
    done = run_worker(tmp_path, 15, how)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split("\n")[0] == f"{error} weights unchanged"
    assert 1 <= len(read_history(tmp_path)) <= 2
    assert same_weights(trained(folder=tmp_path)[0], uninterrupted[0])


def test_a_finished_training_is_not_done_again(tmp_path, uninterrupted):
    class Never(Arrays):
        def batch(self, indices, rng):
            raise AssertionError("it has been trained")

    source = Never(*data(48))
    model = network()
    trained(folder=tmp_path)
    history = fit(model, source, data(16, 1), folder=tmp_path, **SETTINGS)
    assert same_weights(model.state_dict(), uninterrupted[0])
    assert without_seconds(history) == without_seconds(uninterrupted[1])


def test_begin_anew_on_request(tmp_path, uninterrupted):
    trained(folder=tmp_path, lr=0.5, seed=1)
    weights, _ = trained(folder=tmp_path, resume=False)
    assert same_weights(weights, uninterrupted[0])
    assert read_history(tmp_path) == [json.loads(json.dumps(row)) for row in trained(folder=tmp_path)[1].rows]


OTHER = {
    "epochs": 5, "batch_size": 12, "lr": 0.02, "ema": 0.5, "shards": 4, "seed": 6, "keep": "last",
    "schedule": "constant", "warmup": 0.5, "weight_decay": 0.5, "clip": 9.0, "patience": 3,
    "loss": CrossEntropy(label_smoothing=0.1),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHER)
def test_going_on_with_another_option_is_an_error(tmp_path, uninterrupted, name):
    folder = uninterrupted[2]
    before = (folder / CHECKPOINT).read_bytes()
    with pytest.raises(wl.ParameterError) as excinfo:
        trained(folder=folder, **{name: OTHER[name]})
    option = "loss.label_smoothing" if name == "loss" else name
    one_line(excinfo, f"{option}=", "resume=False", str(folder / CHECKPOINT))
    assert (folder / CHECKPOINT).read_bytes() == before


@pytest.mark.parametrize(("options", "part"), [
    ({"model": wl.Sequential([nn.Conv1d(3, 3, 1)])}, "network.layers="), ({"train": data(49)}, "items=49"),
    ({"valid": data(17, 1)}, "valid_items=17"), ({"valid": None, "keep": "last"}, "keep=")])  # fmt: skip
def test_going_on_with_another_network_or_other_data_is_an_error(uninterrupted, options, part):
    with pytest.raises(wl.ParameterError) as excinfo:
        trained(folder=uninterrupted[2], **options)
    one_line(excinfo, part)


def truncated(content):
    return content[: len(content) // 2]


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]


@pytest.mark.parametrize("spoil", [truncated, flipped, lambda _: b"", lambda _: b"no checkpoint", lambda c: c[100:]])
def test_a_damaged_checkpoint(tmp_path, uninterrupted, spoil):
    content = (uninterrupted[2] / CHECKPOINT).read_bytes()
    (tmp_path / CHECKPOINT).write_bytes(spoil(content))
    model = network(seed=4)
    before = model.state_dict()
    with pytest.raises(wl.ModelFileError) as excinfo:
        trained(model, folder=tmp_path)
    one_line(excinfo, str(tmp_path / CHECKPOINT), "damaged", "delete it")
    assert same_weights(model.state_dict(), before)
    assert same_weights(trained(folder=tmp_path, resume=False)[0], uninterrupted[0])


@pytest.mark.parametrize("drop", ["values", "average", "first", "head", "statistics.1.running_mean"])
def test_a_checkpoint_that_lacks_something(tmp_path, uninterrupted, drop):
    with np.load(uninterrupted[2] / CHECKPOINT) as file:
        arrays = {name: file[name] for name in file.files if name != drop}
    np.savez(tmp_path / CHECKPOINT, **arrays)
    with pytest.raises(wl.ModelFileError) as excinfo:
        trained(folder=tmp_path)
    one_line(excinfo, "damaged")


def test_a_checkpoint_of_pickles_is_not_loaded(tmp_path):
    np.savez(tmp_path / CHECKPOINT, head=np.array([{"a": 1}], object))
    with pytest.raises(wl.ModelFileError, match="damaged"):
        trained(folder=tmp_path)


def test_the_folder_is_made_and_holds_two_files(tmp_path):
    trained(folder=tmp_path / "a" / "b", epochs=1)
    assert {path.name for path in (tmp_path / "a" / "b").iterdir()} == {CHECKPOINT, HISTORY}


# ------------------------------------------------------------------------------------------------------------- history
def read_history(folder):
    return [json.loads(line) for line in (folder / HISTORY).read_text().splitlines()]


def test_history(uninterrupted):
    weights, history, folder = uninterrupted
    assert read_history(folder) == history.rows
    names = ["epoch", "lr", "train_loss", "train_accuracy", "valid_loss", "valid_accuracy", "seconds"]
    assert [list(row) for row in history.rows] == [names] * 4
    assert [row["epoch"] for row in history.rows] == [1, 2, 3, 4]
    factor = wl.train.schedule("cosine", 24)
    assert [row["lr"] for row in history.rows] == pytest.approx([0.01 * factor(6 * n - 1) for n in (1, 2, 3, 4)])
    assert all(row["seconds"] >= 0 and 0 <= row["valid_accuracy"] <= 1 for row in history.rows)
    best = max(history.rows, key=lambda row: (row["valid_accuracy"], -row["valid_loss"]))
    assert history.best_epoch == best["epoch"]
    assert not history.stopped_early
    # The weights that were kept give the validation that is noted.
    model = network()
    model.load_state_dict(weights)
    (x, y), loss = data(16, 1), CrossEntropy()
    outcome = loss(model(x), y, 16)
    assert (outcome.total / 16, outcome.correct / 16) == (
        pytest.approx(best["valid_loss"], rel=1e-6), best["valid_accuracy"])  # fmt: skip


def test_history_without_validation():
    _, history = trained(valid=None, keep="last", epochs=1)
    row = history.rows[0]
    assert row["valid_loss"] is row["valid_accuracy"] is None
    assert history.best_epoch == 0


def test_patience_and_the_best_epoch():
    """Validation of noise labels gets worse while training gets better."""
    x, y = data(48)
    valid = (x, np.roll(y, 1))
    _, history = trained(valid=valid, epochs=60, patience=3, lr=0.02, keep="last")
    assert history.stopped_early
    assert len(history.rows) == history.best_epoch + 3 < 60
    _, without = trained(valid=valid, epochs=history.best_epoch + 4, lr=0.02, keep="last")
    assert not without.stopped_early


def test_keep_best_keeps_the_weights_of_the_best_epoch(tmp_path):
    x, y = data(48)
    options = {"valid": (x, np.roll(y, 1)), "epochs": 12, "lr": 0.02, "schedule": "constant", "warmup": 0.0}
    best, history = trained(keep="best", **options)
    last, _ = trained(keep="last", **options)
    assert history.best_epoch < 12
    assert not same_weights(best, last)
    then, _ = trained(keep="last", **(options | {"epochs": history.best_epoch}))
    assert same_weights(best, then)


def test_stopped_early_stays_so(tmp_path):
    x, y = data(48)
    options = {"valid": (x, np.roll(y, 1)), "epochs": 60, "patience": 2, "lr": 0.02, "folder": tmp_path}
    one = trained(**options)
    again = trained(**options)
    assert one[1].stopped_early
    assert one[1].rows == again[1].rows
    assert same_weights(one[0], again[0])


# -------------------------------------------------------------------------------------------- one step, by hand
class Noted(Arrays):
    """Arrays that note what is asked."""

    def __init__(self, x, y):
        super().__init__(x, y)
        self.asked = []

    def batch(self, indices, rng):
        self.asked.append(indices.tolist())
        return super().batch(indices, rng)


def by_hand(batches, ema, decay=0.0):
    """The values and running statistics after steps at a constant rate: PyTorch's BatchNorm, Adam, an average."""
    model = network()
    parameters = Parameters(model)
    optimiser = wl.train.AdamW(parameters.trained, decayed=parameters.mask("weight"), weight_decay=decay)
    average = parameters.values.astype(np.float64)
    statistics = {name: value.astype(np.float64) for name, value in parameters.statistics.items()}
    mean_statistics = {name: value.copy() for name, value in statistics.items()}
    for step, (x, y) in enumerate(batches):
        tape = Tape(parameters, *x.shape[:2])
        tape.seed(5, step, 0)
        gradient = tape.backward(CrossEntropy()(tape.forward(x), y, len(y)).gradient).copy()
        wl.train.clip_norm(gradient, 5.0)
        optimiser.step(parameters.values[1:], gradient, 0.01)
        share = min(ema, (2 + step) / (11 + step)) if ema else 0.0
        average += (1 - share) * (parameters.values - average)
        for name, found in tape.statistics[0].items():
            statistics[name] += 0.1 * (found - statistics[name])
            mean_statistics[name] += (1 - share) * (statistics[name] - mean_statistics[name])
    return parameters.state_dict(average.astype(np.float32), mean_statistics)


def test_both_shards_of_a_batch_have_all_classes():
    """Corpora come sorted by label: a batch in that order would give each shard's batch norm half of the classes."""
    x, _ = data(96)
    source = Noted(x, np.arange(96) // 48)
    trained(train=source, shards=2, batch_size=32, epochs=4)
    halves = [half for rows in source.asked for half in np.split(source.targets[rows], 2)]
    assert all(0.1 < half.mean() < 0.9 for half in halves)


@pytest.mark.parametrize("ema", [0.0, 0.2, 0.999])
def test_steps_by_hand(ema):
    source = Noted(*data(48))
    weights, _ = trained(train=source, ema=ema, shards=1, schedule="constant", warmup=0.0, keep="last", epochs=2,
                         clip=5.0, weight_decay=0.0)  # fmt: skip
    assert all(sorted(chain(*epoch)) == list(range(48)) for epoch in (source.asked[:6], source.asked[6:]))
    assert source.asked[:6] != source.asked[6:]
    expected = by_hand([(source.x[rows], source.targets[rows]) for rows in source.asked], ema)
    assert weights.keys() == expected.keys()
    for name, value in weights.items():
        assert np.abs(value - expected[name]).max() <= 1e-5, name
    if ema == 0:
        assert all(same_bits(weights[name], expected[name]) for name in weights if "running" not in name)


def test_running_statistics_as_in_torch():
    """One layer, so that its statistics do not depend on what is learned: momentum 0.1, unbiased variance."""
    torch = pytest.importorskip("torch")
    source = Noted(*data(24))
    model = wl.Sequential([nn.BatchNorm(3), nn.Linear(3, 3)])
    fit(model, source, epochs=3, batch_size=8, shards=1)
    theirs = torch.nn.BatchNorm1d(3)
    for rows in source.asked:
        theirs(torch.tensor(source.x[rows]).mT)
    for name in ("running_mean", "running_var"):
        assert np.abs(model.state_dict()[f"0.{name}"] - getattr(theirs, name).numpy()).max() < 1e-6


def test_an_incomplete_last_batch_is_left_out():
    source = Noted(*data(45))
    trained(train=source, epochs=1)
    assert [len(rows) for rows in source.asked] == [8] * 5


def test_batches_of_different_lengths():
    class Lengths(Arrays):
        def batch(self, indices, rng):
            x, y = super().batch(indices, rng)
            return np.ascontiguousarray(x[:, : 10 + 3 * (indices[0] % 3)]), y

    x, y = data(48)
    weights, history = trained(train=Lengths(x, y), epochs=8)
    again, _ = trained(train=Lengths(x, y), epochs=8)
    assert same_weights(weights, again)
    assert history.rows[-1]["train_loss"] < history.rows[0]["train_loss"]


def test_weight_decay_shrinks_weights_only():
    x, y = np.zeros((16, 5, 3), np.float32), np.zeros(16, int)  # no gradient but for biases
    model = wl.Sequential([nn.Conv1d(3, 4, 2), nn.BatchNorm(4), nn.Linear(4, 2)])
    before = model.state_dict()
    fit(model, (x, y), epochs=5, batch_size=8, weight_decay=0.5, lr=0.1, schedule="constant", warmup=0.0, ema=0.0)
    after = model.state_dict()
    assert np.allclose(after["0.weight"], before["0.weight"] * 0.95**10, rtol=1e-4)
    assert same_bits(after["1.weight"], before["1.weight"])


def test_clipping_bounds_the_gradient():
    """With Adam's eps far above the gradient, steps are as long as it."""
    x, y = data(16)
    free, tight = (trained(train=(100 * x, y), epochs=1, clip=clip, valid=None, keep="last")[0] for clip in (0, 1e-9))
    start = network().state_dict()
    moved = [max(np.abs(w[name] - start[name]).max() for name in w if "running" not in name) for w in (free, tight)]
    assert moved[1] < moved[0]


# -------------------------------------------------------------------------------------------------------- progress bar
def test_the_progress_bar_is_on_standard_error(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    trained(progress=True)
    shown = capsys.readouterr()
    assert shown.out == ""
    for part in ("4/4", "loss", "accuracy", "valid"):
        assert part in shown.err
    trained(progress="student")
    assert "student" in capsys.readouterr().err


def test_where_there_is_no_terminal_an_epoch_is_a_line(capsys):
    history = trained(progress="student")[1]
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": loss")[0] for line in lines] == [f"student: epoch {n}/4" for n in (1, 2, 3, 4)]
    for line, row in zip(lines, history.rows, strict=True):
        assert f"loss {row['train_loss']:.3f} accuracy {row['train_accuracy']:.1%}" in line
        assert f"valid loss {row['valid_loss']:.3f} accuracy {row['valid_accuracy']:.1%}" in line
        assert line.endswith(f"{row['seconds']:.1f} s")
    trained(progress=True, valid=None, keep="last", patience=None)
    assert "valid" not in capsys.readouterr().err


def test_no_bar_unless_asked(capsys):
    trained()
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", "")


# -------------------------------------------------------------------------------------------------------------- errors
def unchanged_after(error, *parts, **options):
    """The call raises that, in one line, and the network has the weights that it had."""
    model = options.pop("model", None) or network(seed=3)
    before = model.state_dict()
    with pytest.raises(error) as excinfo:
        trained(model, **options)
    one_line(excinfo, *parts)
    assert same_weights(model.state_dict(), before)


BAD_OPTIONS = {
    "epochs": [0, -1, 2.5, "4", True], "batch_size": [0, 8.0, 49], "lr": [-0.1, float("nan"), float("inf"), "fast"],
    "schedule": ["linear", None], "warmup": [1.0, -0.1], "weight_decay": [-1.0], "clip": [-1.0], "ema": [1.0, -0.5],
    "shards": [0, 3, 16, 1.0], "threads": [0, -2, 1.5], "patience": [0, 1.5], "keep": ["first"], "seed": [-1, 0.5],
}  # fmt: skip


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in BAD_OPTIONS for value in BAD_OPTIONS[name]])
def test_bad_options(name, value):
    unchanged_after((wl.ParameterError, wl.ArrayTypeError), "kind" if name == "schedule" else name, **{name: value})


def test_options_may_be_numpy_numbers(tmp_path, uninterrupted):
    options = {name: value if isinstance(value, str) else np.asarray(value)[()] for name, value in SETTINGS.items()}
    assert same_weights(trained(folder=tmp_path, **options)[0], uninterrupted[0])
    assert same_weights(trained(folder=tmp_path)[0], uninterrupted[0])  # and it goes on with plain ones


X, Y = data(48)
BAD_DATA = [
    ((X.astype(float), Y), wl.ArrayTypeError, "x is a float64"),
    ((X.tolist(), Y), wl.ArrayTypeError, "x is a list"),
    ((X[0], Y), wl.ParameterError, "(20, 3)"),
    ((X, Y[:-1]), wl.ParameterError, "47"),
    ((X, [[1], [1, 2]] * 24), wl.ArrayTypeError, "different lengths"),
    ((X * np.float32(np.nan), Y), wl.ParameterError, "finite"),
    ((X[:, :, :2].copy(), Y), wl.ParameterError, "(4, 20, 2)"),
    ((X, Y + 1), wl.ParameterError, "targets go from"),
    ((X, Y.astype(float)), wl.ParameterError, "targets"),
    ((X, np.zeros((48, 3), np.float32)[:, :2]), wl.ParameterError, "targets"),
    ((X[:0], Y[:0]), wl.ParameterError, "batch_size=8"),
]


@pytest.mark.parametrize("index", range(len(BAD_DATA)))
def test_bad_data(index):
    train, error, part = BAD_DATA[index]
    unchanged_after(error, part, train=train)


@pytest.mark.parametrize(("valid", "part"), [
    ((X[:5], Y[:4]), "targets"), ((X[:0], Y[:0]), "valid"), ((X[:5, :, :2].copy(), Y[:5]), "channels"),
    ((X[:5], Y[:5] + 9), "targets")])  # fmt: skip
def test_bad_validation(valid, part):
    unchanged_after(wl.ParameterError, part, valid=valid)


def test_what_needs_validation():
    unchanged_after(wl.ParameterError, "keep='best'", "valid", valid=None)
    unchanged_after(wl.ParameterError, "patience=2", "valid", valid=None, keep="last", patience=2)


def test_a_loss_that_is_not_finite_names_the_epoch(tmp_path):
    class Bad(Arrays):
        calls = 0

        def batch(self, indices, rng):
            x, y = super().batch(indices, rng)
            self.calls += 1
            return (x * np.float32(np.nan) if self.calls == 14 else x), y

    unchanged_after(wl.TrainingError, "epoch 3", "nan", model=network(), train=Bad(*data(48)), folder=tmp_path)
    assert len(read_history(tmp_path)) == 2
    assert same_weights(trained(folder=tmp_path)[0], trained()[0])  # what broke was the data, and they are whole again


def test_a_learning_rate_that_is_too_high(tmp_path):
    unchanged_after(wl.TrainingError, "epoch", "lr", lr=1e30, clip=0.0, folder=tmp_path, valid=None, keep="last")


def test_weights_that_are_not_finite_after_the_last_step():
    """The loss of the only step is finite, what it does to the weights is not."""

    class Wild(CrossEntropy):
        def __call__(self, y, targets, items):
            outcome = super().__call__(y, targets, items)
            outcome.gradient[:] = np.inf
            return outcome

    unchanged_after(wl.TrainingError, "epoch 1", epochs=1, batch_size=48, loss=Wild())


def test_a_source_that_fails():
    class Broken(Arrays):
        def batch(self, indices, rng):
            raise OSError("no such clip")

    unchanged_after(OSError, "no such clip", train=Broken(*data(48)))


def test_too_few_frames():
    model = wl.Sequential([nn.Conv1d(3, 3, 9, dilation=4, padding="valid")])
    unchanged_after(wl.ParameterError, "frames=20", model=model, valid=None, keep="last")


def test_the_network_may_be_used_while_it_learns():
    """It has the old weights until the end."""
    model, seen = network(), []
    x, y = data(48)
    before = model(x[:1])

    class Watching(Arrays):
        def batch(self, indices, rng):
            seen.append(model(x[:1]))
            return super().batch(indices, rng)

    trained(model, Watching(x, y))
    assert all(same_bits(one, before) for one in seen)
    assert not same_bits(model(x[:1]), before)


def test_no_threads_are_left_behind():
    import threading

    before = threading.active_count()
    trained(threads=2)
    with pytest.raises(wl.ParameterError):
        trained(train=(X, Y + 1))
    assert threading.active_count() <= before + 1


def changed_targets():
    x, targets = data(48)
    return x, (targets + 1) % (targets.max() + 1)


def changed_frames():
    x, targets = data(48)
    x = x.copy()
    x[7, 3, 1] += 1e-3
    return x, targets


class Lazy:
    """A source of somebody else: it says nothing of its contents."""

    def __init__(self, arrays):
        self.arrays = arrays

    def __len__(self):
        return len(self.arrays[0])

    def batch(self, indices, rng):
        return tuple(array[indices] for array in self.arrays)


@pytest.mark.parametrize("wrapped", [lambda arrays: arrays, Lazy])
@pytest.mark.parametrize(
    ("name", "changed", "part"),
    [("train", changed_targets, "train targets"), ("train", changed_frames, "train x"),
     ("valid", lambda: data(16, 2), "valid x")],
)  # fmt: skip
def test_a_run_is_resumed_only_on_its_own_data(tmp_path, wrapped, name, changed, part):
    given = {"train": wrapped(data(48)), "valid": wrapped(data(16, 1))}
    trained(folder=tmp_path, **given)
    before = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(wl.ParameterError) as excinfo:
        trained(folder=tmp_path, **given | {name: wrapped(changed())})
    one_line(excinfo, str(tmp_path / CHECKPOINT), f"{part} changed", "resume=False")
    assert (tmp_path / CHECKPOINT).read_bytes() == before
    assert trained(folder=tmp_path, **given)[1].rows


def test_a_complete_run_says_so(tmp_path, capsys):
    first, again = (trained(folder=tmp_path, progress="tones")[1] for _ in range(2))
    assert (first.resumed_epochs, again.resumed_epochs) == (0, len(first.rows))
    assert f"tones: all {len(first.rows)} epochs in {tmp_path} were complete" in capsys.readouterr().err


@pytest.mark.parametrize("change", [{"format": 1}, {"wavenetlite": "0.0.1"}, {"format": 99}])
def test_a_checkpoint_of_another_version(tmp_path, change):
    trained(folder=tmp_path)
    with np.load(tmp_path / CHECKPOINT) as file:
        arrays = {name: file[name] for name in file.files}
    head = json.loads(arrays["head"].tobytes()) | change
    np.savez(tmp_path / CHECKPOINT, **arrays | {"head": np.frombuffer(json.dumps(head).encode(), np.uint8)})
    with pytest.raises(wl.ParameterError) as excinfo:
        trained(folder=tmp_path)
    one_line(excinfo, str(tmp_path / CHECKPOINT), str(*change.values()), "resume=False")


def test_losses_by_name():
    x = np.random.default_rng(0).standard_normal((8, 20, 1)).astype(np.float32)
    by_name, by_object = nn.Conv1d(1, 1, 3), nn.Conv1d(1, 1, 3)
    for model, loss in ((by_name, "mse"), (by_object, MeanSquaredError())):
        fit(model, (x, x), loss=loss, epochs=2, batch_size=4)
    assert same_weights(by_name.state_dict(), by_object.state_dict())


@pytest.mark.parametrize("loss", ["l1", MeanSquaredError, 3, np.mean])
def test_losses_that_are_none(loss):
    with pytest.raises(wl.WavenetliteError) as excinfo:
        trained(loss=loss)
    one_line(excinfo, "loss", "cross_entropy, mse, ctc")


def scaled(by):
    return lambda x, rng: x * np.float32(by)


def moved(x, rng, by):
    return x + np.float32(by)


def mixed(by):
    def mix(x, targets, rng):
        return x * np.float32(by), targets

    return mix


class Shift:
    """A change of frames of somebody else."""

    def __init__(self, by):
        self.by = np.full(3, by, np.float32)

    def __call__(self, x, rng):
        return x + self.by


def taught(seed):
    model = wl.Sequential([nn.Linear(3, 3)], seed=seed)
    return lambda x, targets: np.abs(model(x)[:, -1])


CHANGED = {
    "augmentation of frames": [{"augment": scaled(2)}, {"augment": scaled(3)}],
    "augmentation of frames, of an object": [{"augment": Shift(1)}, {"augment": Shift(2)}],
    "augmentation of frames, partial": [{"augment": partial(moved, by=1)}, {"augment": partial(moved, by=2)}],
    "mixing": [{"mix": mixed(1)}, {"mix": mixed(2)}],
    "mixing, none": [{"mix": mixed(1)}, {}],
    "teacher": [{"teacher": taught(0)}, {"teacher": taught(1)}],
    "augmentation of waveforms": [{"waveforms": Gain(-6, 6)}, {"waveforms": Gain(-6, 3)}],
    "labels, of one clip": [{}, {"first_class": 2}],
    "labels, renamed": [{"labels": ["yes", "no", "go"]}, {"labels": ["no", "yes", "go"]}],
    "names": [{"names": [f"{i}.wav" for i in range(48)]}, {"names": [f"{i}.flac" for i in range(48)]}],
    "audio": [{}, {"level": 0.2}],
    "audio, of other features": [{}, {"hop_length": 100}],
}


def clip_batches(waveforms=None, *, first_class=0, level=0.1, hop_length=80, **options):
    audio, targets = np.random.default_rng(0).standard_normal((48, 800)).astype(np.float32), np.arange(48) % 3
    targets[0] = first_class
    spec = wl.LogMel(sr=8000, n_fft=256, hop_length=hop_length, n_mels=3)
    return ClipBatches(OnTheFly(np.float32(level) * audio, spec, waveforms), targets, classes=3, **options)


@pytest.mark.parametrize("name", CHANGED)
def test_a_run_is_resumed_only_with_the_same_changes_of_its_data(tmp_path, name):
    one, other = CHANGED[name]
    trained(folder=tmp_path, train=clip_batches(**one))
    with pytest.raises(wl.ParameterError) as excinfo:
        trained(folder=tmp_path, train=clip_batches(**other))
    one_line(excinfo, str(tmp_path / CHECKPOINT), f"train {name.partition(',')[0]} changed", "resume=False")
    assert trained(folder=tmp_path, train=clip_batches(**one))[1].resumed_epochs


def test_a_run_is_resumed_only_from_its_own_weights(tmp_path):
    model = network()
    trained(model, folder=tmp_path)
    assert trained(model, folder=tmp_path)[1].resumed_epochs, "a finished run knows its own result"
    other = network()
    other.load_state_dict({name: 2 * value for name, value in other.state_dict().items()})
    with pytest.raises(wl.ParameterError) as excinfo:
        trained(other, folder=tmp_path)
    one_line(excinfo, str(tmp_path / CHECKPOINT), "other weights", "resume=False")
    with pytest.raises(wl.ParameterError) as excinfo:
        trained(network(seed=9), folder=tmp_path)
    one_line(excinfo, "network.seed=9 must be 0")
