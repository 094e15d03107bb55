"""wavenetlite bench: what it says is complete and consistent; how large the figures are is no matter of tests."""

import json

import pytest
from catalogue import CATALOGUE

import wavenetlite as wl
from wavenetlite.cli import main
from wavenetlite.commands import bench


@pytest.fixture(autouse=True)
def short(monkeypatch):
    monkeypatch.setattr(bench, "MOST_POOLED", 100)


def result(capsys, *arguments):
    assert main(["bench", "--seconds", "1", "--json", *map(str, arguments)]) == 0
    return json.loads(capsys.readouterr().out)


def check_latency(times):
    assert times["calls"] == 100
    assert 0 < times["p50_us"] <= times["p99_us"] <= times["p999_us"] <= times["worst_us"]


def check_streams(load):
    assert load["pooled"]["streams"] == bench.POOLED
    for cost in load.values():
        assert cost["in_real_time"] == int(1000 * cost["call_ms"] / cost["us"])


def test_without_a_model_the_keyword_network_is_measured(capsys):
    found = result(capsys)
    assert (found["isa"], found["audio_s"], list(found["latency"])) == (wl.isa(), 1, ["network"])
    check_latency(found["latency"]["network"])
    check_streams(found["streams"]["network"])


@pytest.mark.parametrize("name", ["wavenet", "strides", "same same"])
def test_any_network(tmp_path, capsys, name):
    CATALOGUE[name].model().save(tmp_path / "model.safetensors")
    found = result(capsys, tmp_path / "model.safetensors", "--latency")
    check_latency(found["latency"]["network"])
    assert "streams" not in found
    found = result(capsys, tmp_path / "model.safetensors", "--streams")
    check_streams(found["streams"]["network"])
    assert "latency" not in found


def test_a_classifier_and_its_network(tmp_path, capsys):
    clf = wl.AudioClassifier(wl.LogMel(), wl.TCN(40, 2, channels=4, dilations=[1]), ["yes", "no"])
    clf.save(tmp_path / "clf.safetensors")
    found = result(capsys, tmp_path / "clf.safetensors")
    assert list(found["latency"]) == list(found["streams"]) == ["network", "classifier"]
    check_latency(found["latency"]["classifier"])
    check_streams(found["streams"]["classifier"])


def test_text(capsys):
    assert main(["bench", "--seconds", "1"]) == 0
    out = capsys.readouterr().out
    for word in ("p50", "p99", "p99.9", "worst", "in real time on one core", wl.isa()):
        assert word in out


def test_mistakes(tmp_path, capsys):
    CATALOGUE["wavenet condition"].model().save(tmp_path / "c.safetensors")
    CATALOGUE["relu"].model().save(tmp_path / "any.safetensors")
    for arguments, status, message in [
        ([tmp_path / "none.safetensors"], 1, "none.safetensors"),
        ([tmp_path / "c.safetensors"], 1, "conditioning"),
        ([tmp_path / "any.safetensors"], 1, "any number of channels"),
        (["--seconds", "0"], 2, "--seconds"),
    ]:
        assert main(["bench", *map(str, arguments)]) == status
        assert message in capsys.readouterr().err
