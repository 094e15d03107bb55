"""The NumPy script of a network computes what the network does, and needs nothing of ours."""

import subprocess
import sys

import numpy as np
import pytest
from catalogue import FLOATS, condition, signal

import wavenetlite as wl
from wavenetlite import formats
from wavenetlite.kernels import ACTIVATIONS
from wavenetlite.nodes.functions import FUNCTIONS


def run(path):
    """The names that a script defines."""
    space = {"__name__": "script"}
    exec(compile(path.read_text(), str(path), "exec"), space)  # our own words
    return space


@pytest.mark.parametrize("name", [name for name, case in FLOATS.items() if case.build().in_channels])
def test_every_layer_block_and_network(name, tmp_path):
    case = FLOATS[name]
    model = case.model()
    formats.save(model, tmp_path / "model.py")
    x = signal(330 if "d300" in name else 90, case.in_channels)
    c = condition(-(-len(x) // model.condition_period), case.condition_channels)
    script = run(tmp_path / "model.py")
    y, expected = script["network"](x, *[] if c is None else [c]), model(x, c)
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= 1e-6 * max(1, np.abs(expected).max())
    assert {key: value for key, value in script["w"].items() if not key.startswith("constant")}.keys() <= set(
        model.state_dict()
    )


@pytest.mark.parametrize(("n_fft", "hop", "padding"), [(16, 4, "center"), (20, 6, "same"), (6, 6, "same")])
def test_heads_that_give_samples(n_fft, hop, padding, tmp_path):
    model = wl.Sequential([wl.nn.Conv1d(3, 5, 3), wl.nn.ISTFTHead(5, n_fft, hop, padding=padding)], seed=2)
    formats.save(model, tmp_path / "model.py")
    x = signal(40, 3)
    y, expected = run(tmp_path / "model.py")["network"](x), model(x)
    assert y.shape == expected.shape
    assert np.abs(y - expected).max() <= 3e-6 * np.abs(expected).max()


def test_it_has_the_functions_that_it_calls_only(tmp_path):
    formats.save(wl.Sequential([wl.nn.Linear(2, 4), wl.nn.GatedUnit()]), tmp_path / "model.py")
    assert {"conv", "gate"} <= run(tmp_path / "model.py").keys()
    assert not {"conv2d", "norm", "relu"} & run(tmp_path / "model.py").keys()


def test_every_activation_is_known_to_other_notations():
    assert set(FUNCTIONS) == set(ACTIVATIONS) - {"identity"}


def test_it_runs_as_a_program_without_wavenetlite(tmp_path):
    model, x = wl.TCN(3, 2, channels=4, dilations=[1, 2]), signal(40, 3)
    formats.save(model, tmp_path / "model.py")
    np.save(tmp_path / "in.npy", x)
    command = [sys.executable, "model.py", "in.npy", "out.npy"]
    subprocess.run(command, cwd=tmp_path, check=True, env={"PYTHONPATH": ""})
    y = np.load(tmp_path / "out.npy")
    assert y.dtype == np.float32 and np.abs(y - model(x)).max() <= 1e-6
    assert "wavenetlite." not in (tmp_path / "model.py").read_text()


def test_it_is_not_read_back(tmp_path):
    formats.save(wl.nn.Linear(2, 2), tmp_path / "model.py")
    with pytest.raises(wl.ModelFileError, match="not a model file of any known format"):
        wl.load(tmp_path / "model.py")
    with pytest.raises(wl.ModelFileError, match="can be written, but not read"):
        wl.load(tmp_path / "model.py", format="script")


def test_what_is_no_network_is_refused(tmp_path):
    for model in (wl.load("speech-commands-12"), wl.nn.Activation("relu")):
        with pytest.raises(wl.ParameterError, match="is no network with a number of channels in"):
            formats.save(model, tmp_path / "model.py")
    assert not list(tmp_path.iterdir())
