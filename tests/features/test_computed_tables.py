"""Files of classifiers without the tables that formulas give again: the same features, nothing huge of a small file."""

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite import features
from wavenetlite.features import filter_banks

SPECS = {
    "log-mel": lambda: wl.LogMel(n_mels=30),
    "MFCC": lambda: wl.MFCC(sr=8000, n_fft=200, n_mels=20, n_mfcc=13, lifter=22, htk=True, window=("kaiser", 6.0)),
    "PCEN": lambda: wl.PCEN(n_mels=24, norm=None),
    "spectrogram": lambda: features.Spectrogram(n_fft=100, window="boxcar", center=True),
    "with steps": lambda: wl.LogMel(n_mels=12).then(features.MeanVariance(np.ones(12), np.full(12, 2.0))),
    "silent bands": lambda: wl.LogMel(n_fft=64, n_mels=40),
}


def restored(spec, **changes):
    return features.from_config({**spec.stored_config(), **changes}, spec.stored_tables())


@pytest.mark.filterwarnings("ignore:n_mels=40 gives bands")
@pytest.mark.parametrize("name", SPECS)
def test_the_same_features_without_tables(name):
    spec = SPECS[name]()
    assert spec.computes_tables
    assert all(name.startswith("steps.") for name in spec.stored_tables())
    twin = restored(spec)
    assert twin.fingerprint == spec.fingerprint
    assert all(np.array_equal(table, twin.state_dict()[name]) for name, table in spec.state_dict().items())
    y = np.random.default_rng(0).standard_normal(4000).astype(np.float32)
    assert np.array_equal(twin(y), spec(y))


def test_tables_of_their_own_are_stored():
    spec = wl.LogMel(n_mels=12)
    tables = spec.state_dict()
    tables["mel"][3] *= np.float32(1.5)
    other = features.from_config(spec.config(), tables)
    assert not other.computes_tables and set(other.stored_tables()) == {"window", "mel"}
    assert "computed" not in other.stored_config()
    assert np.array_equal(restored(other).state_dict()["mel"], tables["mel"])


def test_large_tables_are_stored_and_not_computed_for_a_small_file(monkeypatch):
    spec = wl.LogMel(n_mels=12)
    small = spec.stored_config()
    monkeypatch.setattr(filter_banks, "MOST_COMPUTED", 1000)
    assert set(spec.stored_tables()) == {"window", "mel"}
    with pytest.raises(wl.WavenetliteError, match="tables of LogMel are missing: window, mel"):
        features.from_config(small, {})


def test_a_bomb_is_refused():
    config = {**wl.LogMel(n_mels=12).stored_config(), "n_fft": 2**22, "n_mels": 60_000}
    with pytest.raises(wl.WavenetliteError, match="tables of LogMel are missing"):
        features.from_config(config, {})


def test_tables_that_came_out_otherwise_are_reported():
    with pytest.warns(UserWarning, match="tables of LogMel differ from those it was saved with"):
        restored(wl.LogMel(n_mels=12), computed="0123456789abcdef")


def test_none_without_a_digest():
    spec = wl.LogMel(n_mels=12)
    with pytest.raises(wl.WavenetliteError, match="missing key 'window' in tables"):
        features.from_config(spec.config(), {})


def test_a_classifier_has_no_tables_in_its_file(tmp_path):
    clf = wl.AudioClassifier(wl.LogMel(n_mels=12), wl.TCN(12, 2, channels=4, dilations=[1]), ["yes", "no"])
    clf.save(tmp_path / "classifier.safetensors")
    assert not any(
        name.startswith("features.") for name in wl.storage.files.info(tmp_path / "classifier.safetensors").shapes
    )
    twin = wl.load(tmp_path / "classifier.safetensors")
    y = np.random.default_rng(0).standard_normal(16000).astype(np.float32)
    assert np.array_equal(twin.predict(y, sr=16000).probabilities, clf.predict(y, sr=16000).probabilities)
    twin.save(tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "classifier.safetensors").read_bytes()
    assert clf.state_dict().keys() == twin.state_dict().keys() >= {"features.window", "features.mel"}


def test_the_integer_classifier_is_small(tmp_path):
    clf = wl.load("speech-commands-12")
    frames = np.random.default_rng(0).standard_normal((200, 40), dtype=np.float32)
    clf.with_model(wl.quantize(clf.model, calibration=frames)).save(tmp_path / "small.safetensors")
    assert (tmp_path / "small.safetensors").stat().st_size <= 115_000
