"""ONNX: what we write, run by ONNX Runtime; what PyTorch's exporters write, run by us; and what is refused, and how."""

import json

import numpy as np
import pytest
from catalogue import CATALOGUE, condition, randomised, signal
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from strategies import condition_channels_of, networks

import wavenetlite as wl
from wavenetlite import formats, nn
from wavenetlite.cli import main

onnx = pytest.importorskip("onnx", reason="needs the package onnx")
pytest.importorskip("onnxruntime", reason="needs the package onnxruntime")

from onnx import TensorProto  # noqa: E402
from onnx_running import exported, offline, session, streamed  # noqa: E402

FLOAT = TensorProto.FLOAT


def close(y, wanted):
    assert y.shape == wanted.shape
    assert np.abs(y - wanted).max(initial=0) <= 1e-5 * max(1, np.abs(wanted).max(initial=0))


# ---------------------------------------------------------------------------------------------------- written
@pytest.mark.parametrize("name", CATALOGUE)
def test_whole_and_streamed_outputs_equal_ours(name):
    case = CATALOGUE[name]
    model = case.model()
    if model.in_channels is None:
        model = randomised(wl.Sequential([nn.Conv1d(case.in_channels, case.in_channels, 2), model]))
    period = model.condition_period
    x, c = signal(60 * period, case.in_channels), condition(60, case.condition_channels)
    wanted = model(x, c)
    for streaming, run in ((False, offline), (True, streamed)):
        data = exported(model, streaming=streaming)
        onnx.checker.check_model(onnx.load_model_from_string(data), full_check=True)
        y = run(data, x, c, period=period) if streaming else run(data, x, c)
        close(y[: len(wanted)], wanted)


@settings(max_examples=25, deadline=None)
@given(networks(max_blocks=2, depth=1), st.integers(1, 150), st.lists(st.integers(1, 40), min_size=1, max_size=5))
def test_random_networks(model, frames, blocks):
    x, c = signal(frames, model.in_channels), condition(frames, condition_channels_of(model))
    wanted = model(x, c)
    assume(len(wanted))
    close(offline(exported(model), x, c), wanted)
    close(streamed(exported(model, streaming=True), x, c, blocks)[: len(wanted)], wanted)


def test_a_batch_streams_with_a_cache_for_each():
    model = randomised(wl.TCN(3, 2, channels=4, dilations=[1, 2]))
    running = session(exported(model, streaming=True))
    x = signal(30, 3).reshape(3, 10, 3)
    cache = np.zeros((3, json.loads(running.get_modelmeta().custom_metadata_map["cache_shape"])[1]), np.float32)
    outputs = []
    for at in (0, 5):
        y, cache = running.run(None, {"x": np.ascontiguousarray(x[:, at : at + 5].transpose(0, 2, 1)), "cache": cache})
        outputs.append(y)
    close(np.concatenate(outputs, axis=2).transpose(0, 2, 1), model(x))


def test_the_cache_is_as_small_as_the_memory_that_is_needed():
    model = nn.Conv1d(3, 2, 3, dilation=4)
    about = onnx.load_model_from_string(exported(model, streaming=True)).metadata_props
    about = {one.key: one.value for one in about}
    assert json.loads(about["cache_shape"]) == [1, 3 * 8]
    assert (about["cache_initial"], about["block_multiple"], about["delay"]) == ("zeros", "1", "0")
    assert about["latency"] == "0" and about["form"] == "streaming" and about["layout"] == "batch, channels, frames"


def test_parameters_keep_their_names():
    model = wl.Sequential([nn.Conv1d(3, 4, 3), nn.BatchNorm(4), nn.Linear(4, 2)])
    names = {one.name for one in onnx.load_model_from_string(exported(model)).graph.initializer}
    assert {"0.weight", "0.bias", "1.weight", "1.running_mean"} <= names


def test_a_classifier_is_written_with_its_labels(tmp_path):
    spec = wl.LogMel(sr=8000, n_fft=256, hop_length=80, n_mels=10)
    model = wl.Sequential([nn.Conv1d(10, 4, 3), nn.Pool("mean"), nn.Linear(4, 2)])
    formats.save(wl.AudioClassifier(spec, model, ["yes", "no"]), tmp_path / "clf.onnx")
    about = session(str(tmp_path / "clf.onnx")).get_modelmeta().custom_metadata_map
    assert json.loads(about["labels"]) == ["yes", "no"] and json.loads(about["features"])["n_mels"] == 10
    x = signal(20, 10)
    close(offline((tmp_path / "clf.onnx").read_bytes(), x), model(x))


def test_the_command_writes_a_streaming_graph(tmp_path):
    model = randomised(wl.TCN(3, 2, channels=4, dilations=[1, 2]))
    model.save(tmp_path / "a.safetensors")
    assert main(["convert", str(tmp_path / "a.safetensors"), str(tmp_path / "b.onnx"), "--save", "streaming=true"]) == 0
    x = signal(20, 3)
    close(streamed((tmp_path / "b.onnx").read_bytes(), x), model(x))


def test_what_cannot_be_written():
    with pytest.raises(wl.ParameterError, match="Activation takes any number of channels"):
        exported(nn.Activation("relu"))
    with pytest.raises(wl.ParameterError, match="67502080 weights when it is written out over channels"):
        exported(nn.Conv2d(1, 16, 3, bins=1186))
    with pytest.raises(wl.ArrayTypeError, match="streaming=1 is a int"):
        exported(nn.Linear(1, 1), streaming=1)


# ---------------------------------------------------------------------------------------------------- there and back
ROUND = [name for name in CATALOGUE if "pool" not in name and not CATALOGUE[name].condition_channels
         and "prewarm" not in name and "amp wavenet" not in name]  # fmt: skip


@pytest.mark.parametrize("name", ROUND)
def test_what_was_written_is_read(name, tmp_path):
    case = CATALOGUE[name]
    model = case.model()
    if model.in_channels is None:
        model = randomised(wl.Sequential([nn.Conv1d(case.in_channels, case.in_channels, 2), model]))
    path = tmp_path / "model.onnx"
    formats.save(model, path)
    try:
        again = wl.load(path)
    except wl.ModelFileError as error:
        assert "up" in name or "fast tanh" in name, error
        return
    x = signal(50, case.in_channels)
    close(again(x), model(x))
    assert (again.receptive_field, again.latency) == (model.receptive_field, model.latency)
