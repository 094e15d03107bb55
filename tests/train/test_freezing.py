"""Frozen layers keep their bits, and the gradients of the others are those of PyTorch with the same layers frozen."""

import numpy as np
import pytest
from catalogue import same_bits
from fit_data import SETTINGS, data

import wavenetlite as wl
from wavenetlite.train import Parameters, Tape, fit
from wavenetlite.train.freezing import frozen_names

nn = wl.nn


def network(seed=0):
    body = [nn.Conv1d(3, 6, 3), nn.BatchNorm(6), nn.Activation("relu"), nn.Conv1d(6, 6, 3), nn.BatchNorm(6)]
    model = wl.Sequential([wl.Sequential(body), nn.CumulativePool("mean"), nn.Linear(6, 3)], seed=seed)
    rng = np.random.default_rng(3)
    state = model.state_dict()
    for name, value in state.items():
        if "running" in name:
            value[:] = rng.uniform(0.5, 1.5, value.shape)
    model.load_state_dict(state)
    return model


def trained(freeze, folder=None, **options):
    model = network()
    fit(model, data(48), data(16, 1), folder=folder, freeze=freeze, **(SETTINGS | options))
    return model.state_dict()


@pytest.mark.parametrize(
    ("freeze", "frozen"),
    [
        (["0"], lambda name: name.startswith("0.")),
        (["0.1"], lambda name: name.startswith("0.1.")),
        (["0.[03]"], lambda name: name.startswith(("0.0.", "0.3."))),
        (["2"], lambda name: name.startswith("2.")),
        (["0.1", "0.4", "2"], lambda name: name.startswith(("0.1.", "0.4.", "2."))),
        ([], lambda name: False),
    ],
)
def test_frozen_layers_keep_their_bits_and_the_others_learn(freeze, frozen):
    before, after = network().state_dict(), trained(freeze, weight_decay=0.5)
    for name in before:
        if name == "0.0.bias" or name == "0.3.bias":
            continue  # a bias before a normalisation by the batch has no gradient but rounding
        assert same_bits(before[name], after[name]) == frozen(name), name


def test_a_resumed_run_has_the_same_bits(tmp_path):
    whole = trained(["0.0", "0.1"])

    class Stop(wl.train.Callback):
        def on_epoch(self, row, state):
            if row["epoch"] == 2:
                raise KeyboardInterrupt

    model = network()
    with pytest.raises(KeyboardInterrupt):
        fit(model, data(48), data(16, 1), folder=tmp_path, freeze=["0.0", "0.1"], callbacks=Stop(), **SETTINGS)
    with pytest.raises(wl.ParameterError, match="freeze"):
        trained(["0.0"], folder=tmp_path)
    resumed = trained(["0.0", "0.1"], folder=tmp_path)
    assert all(same_bits(whole[name], resumed[name]) for name in whole)


@pytest.mark.parametrize("freeze", [("0.1",), ("0.4",), ("0.0", "0.1"), ("0",)])
def test_gradients_are_pytorchs_with_the_same_layers_frozen(freeze):
    torch = pytest.importorskip("torch")
    model, rng = network(), np.random.default_rng(0)
    parameters = Parameters(model, frozen_names(model, freeze))
    x = rng.standard_normal((4, 15, 3)).astype(np.float32)
    tape = Tape(parameters, 4, 15)
    y = tape.forward(x)
    share = rng.standard_normal(y.shape).astype(np.float32)
    ours = tape.backward(share).copy()

    class Causal(torch.nn.Conv1d):
        def forward(self, x):
            return super().forward(torch.nn.functional.pad(x, (2, 0)))

    class Mean(torch.nn.Module):
        def forward(self, x):
            return (x.cumsum(dim=2) / torch.arange(1, x.shape[2] + 1)).transpose(1, 2)

    body = [Causal(3, 6, 3), torch.nn.BatchNorm1d(6), torch.nn.ReLU(), Causal(6, 6, 3), torch.nn.BatchNorm1d(6)]
    theirs = torch.nn.Sequential(torch.nn.Sequential(*body), Mean(), torch.nn.Linear(6, 3)).double().train()
    theirs.load_state_dict({name: torch.tensor(value) for name, value in model.state_dict().items()}, strict=False)
    for index, layer in enumerate(body):
        if f"0.{index}" in freeze or "0" in freeze:
            layer.eval()
    z = theirs(torch.tensor(x).double().transpose(1, 2))
    z.backward(torch.tensor(share).double())
    assert np.abs(z.detach().numpy() - y).max() < 1e-4
    frozen = frozen_names(model, freeze)
    for name, parameter in theirs.named_parameters():
        if name not in frozen:
            start, shape = parameters.places[name]
            mine = ours[start - 1 : start - 1 + parameter.numel()].reshape(shape)
            assert np.abs(mine - parameter.grad.numpy()).max() < 1e-3 * max(1, float(parameter.grad.abs().max())), name


@pytest.mark.parametrize(
    ("freeze", "said"),
    [
        (["stem"], "freeze has 'stem'; it must be one of the layers 0, 0.0, 0.1, 0.3, 0.4, 2"),
        (["1"], "freeze has '1'"),
        (["0.0.weight"], "freeze has '0.0.weight'"),
        (["*"], r"freeze=\['\*'\] leaves nothing to train"),
        ("0", "freeze='0' must be a list"),
        ([0], r"freeze=\[0\] must be a list"),
    ],
)
def test_what_is_not_there_is_refused(freeze, said):
    with pytest.raises(wl.WavenetliteError, match=said):
        trained(freeze)


def test_a_frozen_normalisation_lets_a_prewarmed_network_be_trained():
    warm = nn.Prewarmed([nn.Conv1d(3, 4, 3), nn.BatchNorm(4), nn.Conv1d(4, 3, 3)])
    with pytest.raises(wl.ParameterError, match="prewarmed"):
        fit(warm, data(48), **(SETTINGS | {"keep": "last"}))
    before = warm.state_dict()
    fit(warm, data(48), freeze=["1"], **(SETTINGS | {"keep": "last"}))
    after = warm.state_dict()
    assert {name for name in before if same_bits(before[name], after[name])} == {
        name for name in before if name[0] == "1"
    }
