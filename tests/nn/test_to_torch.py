"""to_torch: every network of the catalogue becomes an equal module of PyTorch, or is refused by name."""

import contextlib

import numpy as np
import pytest
from catalogue import CATALOGUE, FLOATS, same_bits, signal

import wavenetlite as wl
from wavenetlite.serve.models import bundled_classifiers
from wavenetlite.train import Parameters, Tape

torch = pytest.importorskip("torch", reason="without torch")
nn = wl.nn
NONE = ("has no counterpart in PyTorch", "conditioning", "cannot be a module of PyTorch", "is for training")
PLAIN = [name for name, case in FLOATS.items() if not case.condition_channels]


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_network_is_equal_or_refused(name):
    case = CATALOGUE[name]
    model = case.model()
    try:
        twin = (
            model.to_torch()
            if model.in_width
            else wl.Sequential(nn.Linear(case.in_channels, case.in_channels), model).to_torch()
        )
    except wl.ParameterError as error:
        assert any(reason in str(error) for reason in NONE), error
        assert "\n" not in str(error)
        return
    if not model.in_width:
        return
    x = np.stack([signal(61, case.in_channels if model.in_width is None else model.in_width, seed) for seed in (1, 2)])
    with torch.no_grad():
        theirs = twin(torch.tensor(x)).numpy()
    ours = model(x)
    assert theirs.shape == ours.shape
    assert np.abs(theirs - ours).max() <= 1e-4 * max(1, np.abs(ours).max())
    state = twin.state_dict()
    assert set(state) == set(model.state_dict())
    assert all(same_bits(np.asarray(state[key]), value) for key, value in model.state_dict().items())


def test_most_networks_have_a_counterpart():
    made = 0
    for name in PLAIN:
        model = CATALOGUE[name].model()
        with contextlib.suppress(wl.ParameterError):
            made += model.in_width is None or model.to_torch() is not None
    assert made >= 0.7 * len(PLAIN), f"{made} of {len(PLAIN)}"


STEM = ((4, (3, 3), (2, 2)),)
NETWORKS = {
    "FrequencyTCN": lambda: nn.FrequencyTCN(20, 4, stem=STEM, channels=6, dilations=(1, 2), dropout=0.0),
    "TCN": lambda: wl.TCN(20, 4, channels=6, dilations=[1, 2]),
    "WaveNet": lambda: wl.WaveNet(20, 4, residual_channels=5, skip_channels=6, dilations=[1, 2]),
    "gated": lambda: wl.Sequential(nn.Conv1d(20, 8, 3), nn.GatedUnit(), nn.LayerNorm(4), nn.GRU(4, 5), nn.PReLU(5)),
    "lstm": lambda: wl.Sequential(nn.LSTM(20, 6, num_layers=2, first_state=True), nn.CumulativePool("max"), nn.ELU()),
    "strided": lambda: wl.Sequential(nn.Conv1d(20, 8, 4, stride=2), nn.GELU(), nn.Upsample(2, "linear"),
                                     nn.GroupNorm(2, 8)),
    "joined": lambda: nn.Graph(20, [["a", nn.Conv1d(20, 4, 3), ["x"]], ["b", nn.Conv1d(20, 4, 5, dilation=2), ["x"]],
                                    ["both", "multiply", ["a", "b"]], ["all", "concat", ["both", "a"]]]),
}  # fmt: skip


def in_training(name):
    """A network, its twin in train(), a batch, and the gradient of its output."""
    model, rng = NETWORKS[name](), np.random.default_rng(3)
    x = rng.standard_normal((6, 40, 20)).astype(np.float32)
    twin = model.to_torch().train()
    y = twin(torch.tensor(x))
    return model, twin, x, y, rng.standard_normal(tuple(y.shape)).astype(np.float32)


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_are_those_of_our_tape(name):
    model, twin, x, y, share = in_training(name)
    y.backward(torch.tensor(share))
    parameters = Parameters(model)
    tape = Tape(parameters, *x.shape[:2])
    out = tape.forward(x)
    assert np.abs(out - y.detach().numpy()).max() < 1e-4 * max(1, np.abs(out).max())
    ours = tape.backward(share)
    seen = 0
    for key, parameter in twin.named_parameters():
        start, shape = parameters.places[key]
        mine = ours[start - 1 : start - 1 + parameter.numel()].reshape(shape)
        theirs = np.zeros(shape) if parameter.grad is None else parameter.grad.numpy()  # the last block's residual
        assert np.abs(mine - theirs).max() < 2e-3 * max(1, np.abs(theirs).max()), key
        seen += parameter.numel()
    assert seen == model.parameter_count


@pytest.mark.parametrize("name", ["TCN", "strided", "joined"])
def test_twins_are_exported_by_pytorch(name):
    """With strides of no tensor 0, which ExecuTorch's exporter refuses."""
    twin, x = NETWORKS[name]().to_torch(), torch.tensor(signal(40, 20))[None]
    program = torch.export.export(twin, (x,))
    with torch.no_grad():
        assert torch.equal(program.module()(x), twin(x))
    values = [node.meta["val"] for node in program.graph.nodes if "val" in node.meta]
    assert not any(0 in value.stride() for value in values if isinstance(value, torch.Tensor))


def test_running_statistics_follow_as_in_fit():
    _, twin, x, _, _ = in_training("TCN")
    model = NETWORKS["TCN"]()
    wl.train.fit(
        model, (x, np.arange(6) % 4), epochs=1, batch_size=6, shards=1, lr=1e-12, schedule="constant", warmup=0.0
    )
    for key, value in model.state_dict().items():
        if "running" in key:
            assert np.allclose(twin.state_dict()[key].numpy(), value, atol=1e-4), key


def test_what_is_trained_there_comes_back():
    model, twin, x, _, _ = in_training("FrequencyTCN")
    optimiser = torch.optim.SGD(twin.parameters(), lr=0.1)
    twin(torch.tensor(x)).square().mean().backward()
    optimiser.step()
    before = model(x)
    model.load_state_dict(twin.eval().state_dict())
    with torch.no_grad():
        assert np.abs(model(x) - twin(torch.tensor(x)).numpy()).max() < 1e-4
    assert np.abs(model(x) - before).max() > 1e-4


def test_bundled_networks():
    for name in bundled_classifiers():
        model = wl.load(name).model
        if name == "voice-activity":
            with pytest.raises(wl.ParameterError, match="Quantize has no counterpart in PyTorch"):
                model.to_torch()
            continue
        x = np.stack([signal(100, model.in_width)])
        with torch.no_grad():
            theirs = model.to_torch()(torch.tensor(x)).numpy()
        assert np.abs(theirs - model(x)).max() < 1e-4 * np.abs(theirs).max()


def test_weights_are_drawn_as_by_the_network_itself():
    twin, model = NETWORKS["TCN"]().to_torch(), NETWORKS["TCN"]()
    assert all(same_bits(np.asarray(twin.state_dict()[key]), value) for key, value in model.state_dict().items())


def test_shared_layers_stay_shared():
    shared = nn.Linear(3, 3)
    twin = wl.Sequential(shared, nn.ReLU(), shared).to_torch()
    assert twin.get_submodule("0") is twin.get_submodule("2")
    assert sum(p.numel() for p in twin.parameters()) == 12


@pytest.mark.parametrize(("model", "said"), [
    (nn.Prewarmed([nn.Conv1d(2, 2, 3)]), "Prewarmed has no counterpart in PyTorch"),
    (wl.WaveNet(2, 2, residual_channels=2, skip_channels=2, dilations=[1], condition_channels=3), "has conditioning"),
    (wl.Sequential(nn.Linear(2, 2), nn.Activation("fast_tanh")), "activation fast_tanh has no counterpart"),
    (nn.Residual([nn.Conv1d(2, 2, 3, padding="valid")]), "cannot be a module of PyTorch"),
])  # fmt: skip
def test_what_has_none_is_refused(model, said):
    with pytest.raises(wl.ParameterError, match=said) as excinfo:
        model.to_torch()
    assert "\n" not in str(excinfo.value)
