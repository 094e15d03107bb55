"""PyTorch's names for our layers, and containers that are indexed as PyTorch's are."""

import numpy as np
import pytest

import wavenetlite as wl

nn = wl.nn
LAYERS = {
    "ReLU": [{}, {"inplace": True}],
    "ReLU6": [{}],
    "LeakyReLU": [{}, {"negative_slope": 0.3}],
    "PReLU": [{}, {"num_parameters": 6}, {"init": 0.5}],
    "ELU": [{}, {"alpha": 0.5}],
    "SiLU": [{}],
    "GELU": [{}, {"approximate": "tanh"}],
    "Hardtanh": [{}, {"min_val": -0.5, "max_val": 0.25}],
    "Hardswish": [{}],
    "Softsign": [{}],
    "Softmax": [{"dim": -1}],
    "GLU": [{"dim": -1}],
    "Tanh": [{}],
    "Sigmoid": [{}],
    "Identity": [{}],
    "Dropout1d": [{}, {"p": 0.2}],
    "BatchNorm1d": [{"num_features": 6}, {"num_features": 6, "eps": 0.5}],
}
CASES = [(name, options) for name, many in LAYERS.items() for options in many]
x = (3 * np.random.default_rng(0).standard_normal((50, 6))).astype(np.float32)


def named(name, options):
    return pytest.param(name, options, id=f"{name}-{'-'.join(map(str, options.values()))}")


each = pytest.mark.parametrize(("name", "options"), [named(*case) for case in CASES])


@each
def test_values_and_parameters_are_pytorchs(name, options):
    torch = pytest.importorskip("torch")
    ours, theirs = getattr(nn, name)(**options), getattr(torch.nn, name)(**options).eval()
    rng = np.random.default_rng(1)
    drawn = {key: torch.tensor(np.abs(rng.standard_normal(tuple(value.shape))).astype(np.float32))
             for key, value in theirs.state_dict().items() if value.ndim}  # fmt: skip
    first = {key: value.numpy() for key, value in theirs.state_dict().items() if value.ndim}
    assert {key: value.tolist() for key, value in ours.state_dict().items()} == {
        key: value.tolist() for key, value in first.items()
    }
    theirs.load_state_dict(drawn, strict=False)
    ours.load_state_dict(drawn)
    with torch.no_grad():
        expected = theirs(torch.tensor(x)).numpy()
    assert np.abs(ours(x) - expected).max() <= 2e-6


@each
def test_they_are_saved_as_what_they_are(name, options, tmp_path):
    model = wl.Sequential([nn.Conv1d(6, 6, 2), getattr(nn, name)(**options)], seed=3)
    model.save(tmp_path / "model.safetensors")
    loaded = wl.load(tmp_path / "model.safetensors")
    assert type(loaded[1]) is type(model[1])
    assert repr(loaded) == repr(model)
    assert loaded(x).tobytes() == model(x).tobytes()


@each
def test_they_are_the_layers_that_files_have_had_so_far(name, options):
    layer = getattr(nn, name)(**options)
    kinds = {"GLU": nn.GatedUnit, "Dropout1d": nn.Dropout, "BatchNorm1d": nn.BatchNorm}
    assert isinstance(layer, kinds.get(name, nn.Activation))
    assert name in repr(layer)
    assert wl.nn.from_config(layer.config()).config() == layer.config()


def test_the_same_network_under_either_name_has_the_same_bits():
    ours = [nn.Conv1d(6, 8, 3), nn.BatchNorm(8), nn.Activation("leaky_relu", negative_slope=0.2), nn.Linear(8, 2)]
    theirs = [nn.Conv1d(6, 8, 3), nn.BatchNorm1d(8), nn.LeakyReLU(0.2), nn.Linear(8, 2)]
    a, b = wl.Sequential(ours, seed=1), wl.Sequential(theirs, seed=1)
    assert list(a.state_dict()) == list(b.state_dict())
    assert a(x).tobytes() == b(x).tobytes()


@pytest.mark.parametrize("make", [nn.Softmax, nn.GLU])
@pytest.mark.parametrize("dim", [1, 0, 2, -2])
def test_another_axis_than_the_channels_is_refused(make, dim):
    with pytest.raises(wl.ParameterError, match=rf"dim={dim} must be -1: the channels are the last axis"):
        make(dim)


@pytest.mark.parametrize("options", [{"inplace": 1}, {"negative_slope": "much"}, {"negative_slope": np.inf}])
def test_wrong_options_are_one_line(options):
    with pytest.raises(wl.WavenetliteError, match=next(iter(options))):
        nn.LeakyReLU(**options)


# Containers


def test_layers_one_by_one_as_in_pytorch():
    layers = [nn.Conv1d(6, 4, 2), nn.ReLU(), nn.Linear(4, 3)]
    assert wl.Sequential(*layers, seed=5).config() == wl.Sequential(layers, seed=5).config()
    with pytest.raises(wl.ArrayTypeError, match="layers holds a str"):
        wl.Sequential(nn.ReLU(), "relu")


@pytest.mark.parametrize("kind", [wl.Sequential, nn.Prewarmed, nn.Residual])
def test_a_chain_is_indexed(kind):
    layers = [nn.Conv1d(6, 6, 2), nn.ReLU(), nn.Conv1d(6, 6, 3), nn.Tanh()]
    chain = kind(layers)
    assert len(chain) == 4
    assert list(chain) == layers
    assert [chain[i] for i in range(-4, 4)] == layers * 2
    assert layers[1] in chain
    assert chain[np.int64(2)] is layers[2]
    assert list(reversed(chain)) == layers[::-1]
    for index in (4, -5):
        with pytest.raises(wl.ParameterError, match=f"index={index} must be that of one of 4 layers"):
            chain[index]
        with pytest.raises(IndexError):
            chain[index]
    with pytest.raises(wl.ArrayTypeError, match="index='0'"):
        chain["0"]


def test_a_slice_shares_the_weights():
    model = wl.Sequential([nn.Conv1d(6, 5, 2), nn.ReLU(), nn.Conv1d(5, 4, 3), nn.Tanh()], seed=2)
    y = model(x)
    head, tail = model[:2], model[2:]
    assert type(head) is wl.Sequential
    assert tail(head(x)).tobytes() == y.tobytes()
    assert tail.state_dict()["0.weight"].tobytes() == model.state_dict()["2.weight"].tobytes()
    assert (head.in_channels, head.out_channels, tail.in_channels, tail.out_channels) == (6, 5, 5, 4)
    assert len(model[4:]) == 0


def test_a_slice_of_a_prewarmed_network_is_prewarmed():
    warm = nn.Prewarmed([nn.Conv1d(6, 6, 4), nn.Conv1d(6, 6, 4)])
    assert warm[:1].prewarmed


def test_an_empty_chain_counts_as_a_layer():
    """A container without layers has length 0 and is still a layer: a shortcut of none is the identity."""
    block = nn.Residual([nn.Conv1d(6, 6, 2)], shortcut=wl.Sequential([]))
    assert "shortcut" in block.children()
    assert block(x).tobytes() == nn.Residual([block[0]])(x).tobytes()
