"""Training with conditioning: local, at a lower rate, and global; the same bytes when resumed; and what cannot be."""

import numpy as np
import pytest
from catalogue import same_bits

import wavenetlite as wl
from wavenetlite.train import Arrays, MeanSquaredError, Parameters, Tape, fit

nn = wl.nn
SETTINGS = {"loss": "mse", "epochs": 3, "batch_size": 4, "lr": 0.02, "ema": 0.5}


def network(period=1):
    condition = None if period == 1 else nn.Sequential([nn.Conv1d(2, 3, 2), nn.Upsample(period)])
    return wl.WaveNet(1, 1, residual_channels=4, skip_channels=4, dilations=[1, 2], condition_channels=2,
                      condition=condition)  # fmt: skip


def film():
    """Every layer that takes conditioning but WaveNet, in a row."""
    return nn.Sequential([nn.Conv1d(1, 4, 1), nn.FiLM(4, 2),
                          nn.Activation("tanh"), nn.GatedResidualBlock(4, kernel_size=2, condition_channels=2),
                          nn.Conv1d(4, 1, 1)])  # fmt: skip


def data(items=8, frames=12, period=1, seed=0):
    """Signals whose targets cannot be told without the conditioning."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((items, frames, 1)).astype(np.float32)
    c = rng.standard_normal((items, frames // period, 2)).astype(np.float32)
    return x, x * np.repeat(c, period, axis=1)[..., :1], c


def weights(model, train, folder=None, **options):
    fit(model, *(train if isinstance(train, tuple) else (train,)), folder=folder, **(SETTINGS | options))
    return model.state_dict()


def same_weights(a, b):
    return a.keys() == b.keys() and all(same_bits(a[name], b[name]) for name in a)


@pytest.mark.parametrize("make", [network, film])
def test_it_learns_what_only_the_conditioning_tells(make):
    x, y, c = data(32)
    rows = fit(make(), (x, y), (x, y, c), condition=c, loss="mse", epochs=60, batch_size=8, lr=0.03).rows
    assert rows[-1]["valid_loss"] < 0.3 * rows[0]["valid_loss"]
    hidden = fit(make(), (x, y), (x, y, 0 * c), condition=0 * c, loss="mse", epochs=60, batch_size=8, lr=0.03).rows
    assert rows[-1]["valid_loss"] < 0.3 * hidden[-1]["valid_loss"]


def test_the_three_ways_of_giving_it_are_one():
    x, y, c = data(period=3)
    beside = weights(network(3), ((x, y),), condition=c)
    assert same_weights(weights(network(3), ((x, y, c),)), beside)
    assert same_weights(weights(network(3), Arrays(x, y, c)), beside)


def test_validation_is_by_the_conditioned_network():
    x, y, c = data()
    model = network()
    row = fit(model, (x, y), (x, y, c), condition=c, **(SETTINGS | {"epochs": 1})).rows[0]
    assert abs(row["valid_loss"] - np.mean((model(x, c) - y) ** 2)) < 1e-6


def test_a_global_condition_is_the_same_for_all_frames():
    x, y, c = data()
    of_items = np.ascontiguousarray(c[:, 0])
    spread = np.repeat(of_items[:, np.newaxis], x.shape[1], axis=1)
    model = network()
    a, b = (Tape(Parameters(model), len(x), x.shape[1]).forward(x, given) for given in (of_items, spread))
    assert same_bits(a, b)
    one = weights(network(), ((x, y),), condition=of_items)
    assert same_weights(weights(network(), ((x, y),), condition=spread), one)


def test_threads_shards_and_resuming_do_not_change_the_bytes(tmp_path):
    x, y, c = data(period=2)
    whole = weights(network(2), ((x, y),), condition=c)
    assert same_weights(weights(network(2), ((x, y),), condition=c, threads=1), whole)

    class Stop(wl.train.Callback):
        def on_epoch(self, row, state):
            if row["epoch"] == 2:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        weights(network(2), ((x, y),), tmp_path, condition=c, callbacks=Stop())
    resumed = network(2)
    assert same_weights(weights(resumed, ((x, y),), tmp_path, condition=c), whole)
    with pytest.raises(wl.ParameterError, match="train condition changed"):
        weights(network(2), ((x, y),), tmp_path, condition=c + 1)


def test_another_source_brings_its_condition_as_the_third(tmp_path):
    x, y, c = data()

    class Own:
        def __len__(self):
            return len(x)

        def batch(self, indices, rng):
            return x[indices], y[indices], c[indices]

    assert same_weights(weights(network(), Own()), weights(network(), ((x, y),), condition=c))
    weights(network(), Own(), tmp_path)
    c = c + 1
    with pytest.raises(wl.ParameterError, match="train condition changed"):
        weights(network(), Own(), tmp_path)


X, Y, C = data()
F32 = np.float32


@pytest.mark.parametrize(("model", "condition", "error", "part"), [
    (network(), None, wl.ArrayTypeError, "c is a NoneType; it must be float32: the network has 2"),
    (nn.Conv1d(1, 1, 1), C, wl.ParameterError, "the network has no conditioning"),
    (network(), C[:, :-1], wl.ParameterError, "c has shape"),
    (network(), C[..., :1], wl.ParameterError, "c has shape"),
    (network(), C[:, 0, :1], wl.ParameterError, "c has shape"),
    (network(2), C, wl.ParameterError, "c has shape"),
    (network(), C[:-1], wl.ParameterError, "condition has 7 items; it must have 8"),
    (network(), C.astype(float), wl.ArrayTypeError, "condition is a float64 array"),
    (network(), C.tolist(), wl.ArrayTypeError, "condition is a list"),
    (network(), C[0, 0], wl.ParameterError, r"condition has shape \(2,\)"),
    (network(), C * F32(np.inf), wl.ParameterError, "condition has infinities"),
])  # fmt: skip
def test_bad_conditions_change_nothing(model, condition, error, part):
    before = model.state_dict()
    with pytest.raises(error, match=part):
        fit(model, (X, Y), condition=condition, **SETTINGS)
    assert same_weights(model.state_dict(), before)


def test_two_conditions_are_one_too_many():
    for train in ((X, Y, C), Arrays(X, Y)):
        with pytest.raises(wl.ParameterError, match="condition must be None"):
            fit(network(), train, condition=C, **SETTINGS)


def test_four_arrays_are_too_many():
    with pytest.raises(wl.ParameterError, match="train or valid has 4 arrays; it must be"):
        fit(network(), (X, Y, C, C), **SETTINGS)


def test_the_gradient_is_that_of_differences():
    """Of a network whose conditioning comes at a lower rate, by the values of all its parameters."""
    x, y, c = (array[:2].astype(F32) for array in data(period=3))
    parameters = Parameters(network(3))
    tape, loss = Tape(parameters, 2, x.shape[1]), MeanSquaredError()
    found = tape.backward(loss(tape.forward(x, c), y, y.size).gradient).copy()
    rng = np.random.default_rng(3)
    for _ in range(5):
        direction = rng.standard_normal(len(found)).astype(F32)
        totals = []
        for step in (1e-3, -1e-3):
            moved = Parameters(network(3))
            moved.values[1 : 1 + moved.trained] += F32(step) * direction
            totals.append(loss(Tape(moved, 2, x.shape[1]).forward(x, c), y, y.size).total / y.size)
        wanted = (totals[0] - totals[1]) / 2e-3
        assert abs(wanted - found @ direction) < 3e-3 * max(1, abs(wanted))
