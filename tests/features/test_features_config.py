"""Specs written down and made again: the same bits, without librosa, and never silently different."""

import json
import subprocess
import sys

import numpy as np
import pytest
from features_catalogue import SPECS, noise, same_bits

import wavenetlite as wl
from wavenetlite import features as F  # noqa: N812

pytest.importorskip("librosa")
Y = np.clip(noise(5000), -1, 1)


@pytest.mark.parametrize("name", SPECS)
def test_again_from_config_and_tables(name):
    spec = SPECS[name]()
    config = json.loads(json.dumps(spec.config(), allow_nan=False))
    tables = spec.state_dict()
    again = F.from_config(config, tables)
    assert same_bits(again(Y), spec(Y))
    assert again.config() == spec.config()
    assert repr(again) == repr(spec)
    assert (again.out_channels, again.latency, again.frames(5000)) == (
        spec.out_channels,
        spec.latency,
        spec.frames(5000),
    )
    assert set(again.state_dict()) == set(tables)
    assert all(value.dtype == np.float32 and value.flags.c_contiguous for value in tables.values())


@pytest.mark.parametrize("name", [name for name in SPECS if name not in ("mean and variance", "chain")])
def test_again_from_the_config_alone(name):
    spec = SPECS[name]()
    assert same_bits(F.from_config(spec.config())(Y), spec(Y))


@pytest.mark.slow
def test_offline_specs_can_be_written_down_too():
    specs = (
        F.LogMel(ref=np.max, top_db=60),
        F.LogMel().then(F.UtteranceCMVN(scale=False), F.Deltas(mode="interp")),
        F.Librosa("chroma_stft", n_chroma=6, hop_length=256).then(F.UtteranceCMVN()),
    )
    for spec in specs:
        again = F.from_config(json.loads(json.dumps(spec.config())), spec.state_dict())
        assert same_bits(again(Y), spec(Y))


def test_versions_are_those_that_made_the_tables():
    spec = F.LogMel()
    assert set(spec.config()["versions"]) == {"wavenetlite", "numpy"}
    older = {**spec.config(), "versions": {"librosa": "0.1"}}
    assert F.from_config(older, spec.state_dict()).config()["versions"] == {"librosa": "0.1"}
    assert F.from_config(older).config()["versions"] == spec.config()["versions"]


def test_tables_decide():
    spec = F.LogMel()
    tables = spec.state_dict()
    tables["mel"] *= 2
    louder = F.from_config(spec.config(), tables)
    assert np.abs(louder(Y) - spec(Y) - 10 * np.log10(2)).max() < 1e-4
    assert same_bits(F.LogMel(tables=tables)(Y), louder(Y))


def test_state_dict_is_a_copy():
    spec = F.LogMel()
    before = spec(Y)
    for value in spec.state_dict().values():
        value[:] = 0
    assert same_bits(spec(Y), before)


def broken(change):
    """The config and tables of a spec, after `change`."""
    spec = F.LogMel(n_mels=8).then(F.MeanVariance(np.zeros(8)), F.RunningCMVN())
    config, tables = spec.config(), spec.state_dict()
    change(config, tables)
    return lambda: F.from_config(config, tables)


BROKEN = {
    "type": broken(lambda c, t: c.update(type="Magic")),
    "no type": broken(lambda c, t: c.pop("type")),
    "an internal type": broken(lambda c, t: c.update(type="_Mel")),
    "an unknown option": broken(lambda c, t: c.update(n_melz=3)),
    "a bad option": broken(lambda c, t: c.update(n_mels=0)),
    "a bad type of option": broken(lambda c, t: c.update(n_mels="8")),
    "other sizes": broken(lambda c, t: c.update(n_mels=9)),
    "steps": broken(lambda c, t: c.update(steps=3)),
    "a step": broken(lambda c, t: c["steps"].append("cmvn")),
    "type of a step": broken(lambda c, t: c["steps"].append({"type": "Cepstrum"})),
    "option of a step": broken(lambda c, t: c["steps"][1].update(window=3)),
    "versions": broken(lambda c, t: c.update(versions=[])),
    "missing table": broken(lambda c, t: t.pop("mel")),
    "missing table of a step": broken(lambda c, t: t.pop("steps.0.mean")),
    "unknown table": broken(lambda c, t: t.update(extra=np.zeros(1, np.float32))),
    "table of a step without": broken(lambda c, t: t.update({"steps.1.mean": np.zeros(8, np.float32)})),
    "table of a step beyond": broken(lambda c, t: t.update({"steps.7.mean": np.zeros(8, np.float32)})),
    "dtype": broken(lambda c, t: t.update(mel=t["mel"].astype(np.float64))),
    "shape": broken(lambda c, t: t.update(window=t["window"][:, :-1])),
    "nan": broken(lambda c, t: t["mel"].__setitem__((0, 0), np.nan)),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_configs_and_tables(name):
    with pytest.raises(wl.WavenetliteError) as excinfo:
        BROKEN[name]()
    assert "\n" not in str(excinfo.value)


def test_config_must_be_a_dict():
    with pytest.raises(wl.ArrayTypeError, match="config is a str"):
        F.from_config("LogMel")


def test_a_loaded_spec_streams_without_librosa(tmp_path):
    spec = F.MFCC(center=True).then(F.MeanVariance(np.zeros(20), np.ones(20)), F.Deltas(), F.RunningCMVN())
    (tmp_path / "config.json").write_text(json.dumps(spec.config()))
    np.savez(tmp_path / "tables.npz", **spec.state_dict())
    np.save(tmp_path / "y.npy", Y)
    program = """
import json, sys
import numpy as np
from wavenetlite import features
spec = features.from_config(json.load(open("config.json")), dict(np.load("tables.npz")))
y, stream = np.load("y.npy"), spec.stream()
np.save("frames.npy", np.concatenate([stream.process(y[:999]), stream.process(y[999:]), stream.flush()]))
print(sorted({"librosa", "scipy", "numba", "soundfile", "sklearn"} & set(sys.modules)))
"""
    result = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
    assert same_bits(np.load(tmp_path / "frames.npy"), spec(Y))
