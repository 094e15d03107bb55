"""Files that the version before format 2 wrote load, with the bits that it computed; see `wavenetlite.nn.old_types`."""

from pathlib import Path

import numpy as np
import pytest
from catalogue import same_bits, signal

import wavenetlite as wl
from wavenetlite.storage.files import info

FOLDER = Path(__file__).parent / "old_files"
OUTPUTS = np.load(FOLDER / "outputs.npz")


def same(found, name):
    """The bits that the old version computed with FMA; without it, nearly."""
    return np.allclose(found, OUTPUTS[name], atol=1e-6) if wl.isa() == "sse2" else same_bits(found, OUTPUTS[name])


@pytest.mark.parametrize(("name", "channels"), [("network", 12), ("speech", 8), ("norms", 3), ("named_norm", 4)])
def test_networks(name, channels, tmp_path):
    old = FOLDER / f"{name}.safetensors"
    assert info(old).format_version == 1
    model = wl.load(old)
    assert same(model(signal(40, channels)), name)
    model.save(tmp_path / "new.safetensors")
    assert info(tmp_path / "new.safetensors").format_version == 2
    assert same(wl.load(tmp_path / "new.safetensors")(signal(40, channels)), name)


def test_old_names_are_those_of_now():
    kinds = {type(module).__name__ for _, module in wl.load(FOLDER / "network.safetensors").modules()}
    assert {"Conv2d", "ConvTranspose2d", "Slice", "CumulativePool"} < kinds
    layers = wl.load(FOLDER / "norms.safetensors").layers
    assert [type(layer).__name__ for layer in layers] == ["Conv1d", "LayerNorm", "BatchNorm", "Conv1d", "LayerNorm"]


def test_a_classifier():
    with pytest.warns(UserWarning, match=r"^LogMel was saved with definition 1"):
        clf = wl.load(FOLDER / "classifier.safetensors")
    assert clf.info == {"made by": "the version before format 2"}
    found = clf.predict(0.1 * signal(2000, 1)[:, 0]).probabilities
    assert np.allclose(found, OUTPUTS["classifier"], atol=1e-6)  # the features' arithmetic has changed


def test_old_names_are_not_known_in_new_files(tmp_path):
    old = (FOLDER / "network.safetensors").read_bytes()
    new = tmp_path / "new.safetensors"
    new.write_bytes(old.replace(b'"format_version":"1"', b'"format_version":"2"'))
    with pytest.raises(wl.ModelFileError, match="type='FrequencyConv' is not a known layer"):
        wl.load(new)


def test_weights_of_another_layout_are_refused(tmp_path):
    """A file of format 1 whose FrequencyConv has the layout of now."""
    old = (FOLDER / "network.safetensors").read_bytes()
    assert b'"0.weight":{"dtype":"F32","shape":[4,2,3,2]' in old
    (tmp_path / "bad").write_bytes(old.replace(b'"shape":[4,2,3,2]', b'"shape":[4,2,2,3]', 1))
    with pytest.raises(wl.ModelFileError, match=r"tensor '0.weight' has shape \(4, 2, 2, 3\); its config says"):
        wl.load(tmp_path / "bad")
