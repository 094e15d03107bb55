"""Files of classifiers: what is saved loads without librosa and classifies bit for bit; nothing in them is trusted."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from catalogue import randomised
from features_catalogue import same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from model_files import JUNK, MB, join, peak_of_refusal, refused, split
from test_classify import CLASSIFIERS, GOOD, LABELS, classifier, fed, lively, same, same_prediction, tcn

import wavenetlite as wl
from wavenetlite import features as F  # noqa: N812
from wavenetlite import models
from wavenetlite.storage import files

SOME = wl.detection.Detector(0.45, 0.4, smoothing_ms=30, min_duration_ms=20, refractory_ms=300, thresholds={"no": 0.5})
INFO = {"recipe": "none", "accuracy": {"test": 0.5}, "by": ["a", "ö"], "n": None}


def small():
    """A classifier with filters of its own, which are in its file."""
    net, spec = randomised(wl.TCN(8, 3, channels=4, kernel_size=2, dilations=[1])), F.LogMel(n_fft=64, n_mels=8)
    tables = spec.state_dict()
    spec = F.from_config(spec.config(), {**tables, "mel": 2 * tables["mel"]})
    return wl.AudioClassifier(spec, net, LABELS, decision="mean", detector=SOME, info=INFO)


def loaded_or_refused(path, content):
    """A file of any bytes is a classifier or a model, or one line."""
    path.write_bytes(content)
    try:
        loaded = wl.load(path)
    except wl.ModelFileError as error:
        assert str(error).startswith(f"{path}: ")
        assert str(error).isprintable()
    else:
        assert isinstance(loaded, wl.AudioClassifier | wl.nn.Module)
        assert all(np.isfinite(value).all() for value in loaded.state_dict().values())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "classifier.safetensors"


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    """The bytes of a small valid file."""
    path = tmp_path_factory.mktemp("valid") / "classifier.safetensors"
    small().save(path)
    return path.read_bytes()


# ---------------------------------------------------------------------------------------------------------- round trip
@pytest.mark.parametrize("decision", ["last", "mean"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_what_is_saved_classifies_bit_for_bit(name, decision, path):
    clf = classifier(name, decision)
    clf.save(path)
    again = wl.load(path)
    assert isinstance(again, wl.AudioClassifier)
    assert again.config() == clf.config()
    assert repr(again) == repr(clf)
    before, after = clf.state_dict(), again.state_dict()
    assert list(before) == list(after)
    assert all(same_bits(before[key], after[key]) for key in before)
    y = lively(9000)
    assert same(fed(again.stream(), y, [700, 1]), fed(clf.stream(), y))
    assert again.frame_time_s(7) == clf.frame_time_s(7)
    first = path.read_bytes()
    again.save(path)
    assert path.read_bytes() == first


def test_everything_is_in_the_file(path):
    clf = small()
    files.save(clf, path)
    again = wl.load(str(path))
    assert (again.labels, again.decision, again.background) == (LABELS, "mean", ("_silence_",))
    assert again.detector == SOME
    assert again.info == INFO
    assert dict(again.features.versions) == dict(clf.features.versions)
    assert set(again.features.versions) == {"wavenetlite", "numpy"}


def test_notes_made_after_the_classifier_are_saved(path):
    clf = small()
    clf.info["accuracy"]["valid"] = 0.25
    clf.save(path)
    assert wl.load(path).info["accuracy"] == {"test": 0.5, "valid": 0.25}
    for bad in (float("nan"), {1, 2}, np.float32(0.5), clf):
        clf.info["bad"] = bad
        with pytest.raises(wl.ParameterError, match="AudioClassifier cannot be saved: its config is not valid JSON"):
            clf.save(path)
    assert "valid" in wl.load(path).info["accuracy"]


def test_info_of_a_classifier(path):
    clf = small()
    clf.save(path)
    about = files.info(path)
    assert about.config == clf.config()
    assert about.config["labels"] == LABELS
    assert about.shapes == {name: value.shape for name, value in clf.state_dict().items()}
    assert about.shapes["features.mel"] == (8, 33)
    assert (about.format_version, about.wavenetlite_version) == (2, wl.__version__)


def test_the_safetensors_package_reads_it(path):
    safetensors = pytest.importorskip("safetensors.numpy")
    clf = small()
    clf.save(path)
    read = safetensors.load_file(path)
    assert set(read) == set(clf.state_dict())
    assert all(same_bits(read[name], value) for name, value in clf.state_dict().items())


def test_a_model_alone_is_still_a_model(path):
    model = tcn()
    model.save(path)
    assert type(wl.load(path)) is wl.TCN
    with pytest.raises(wl.ArrayTypeError, match="must be a Module or an AudioClassifier"):
        wl.formats.save(F.LogMel(), path)


# ------------------------------------------------------------------------------------------------------ other processes
SAVE_SOME = """
import sys, numpy as np, wavenetlite as wl
net = wl.TCN(40, 2, channels=4, dilations=[1, 2], seed=3)
clf = wl.AudioClassifier(wl.LogMel(), net, ["a", "b"], info={"z": 1, "a": {"y": 2, "b": 3}},
                         detector=wl.detection.Detector(thresholds={"b": 0.9, "a": 0.8}), background={"a", "b"})
clf.save(sys.argv[1])
"""

LOAD_AND_STREAM = """
import sys
import numpy as np, wavenetlite as wl
clf, y = wl.load("classifier.safetensors"), np.load("y.npy")
stream = clf.stream()
events = stream.process(y[:3333]) + stream.process(y[3333:]) + stream.flush()
np.save("p.npy", stream.prediction().probabilities)
assert (clf.predict(y).probabilities == stream.prediction().probabilities).all()
print(len(events), *sorted({"librosa", "scipy", "numba", "soundfile", "soxr", "sklearn"} & set(sys.modules)))
"""


def run(code, *arguments, cwd, seed="0"):
    environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(wl.__file__).parents[1])}
    return subprocess.run([sys.executable, "-c", code, *map(str, arguments)], cwd=cwd, env=environment,
                          capture_output=True, text=True, check=True).stdout  # fmt: skip


@pytest.mark.slow
def test_the_same_classifier_makes_the_same_bytes_in_every_process(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    exec(SAVE_SOME.replace("sys.argv[1]", "path"), {"path": here})
    for seed in ("1", "2"):
        run(SAVE_SOME, there, cwd=tmp_path, seed=seed)
        assert there.read_bytes() == here.read_bytes()


@pytest.mark.parametrize("name", ["log mel, tcn", "deltas that look ahead", "pcen", "samples"])
def test_it_loads_and_streams_without_librosa(name, tmp_path):
    clf, y = classifier(name), lively(12_345)
    clf.save(tmp_path / "classifier.safetensors")
    np.save(tmp_path / "y.npy", y)
    events, _, _, prediction = fed(clf.stream(), y)
    assert run(LOAD_AND_STREAM, cwd=tmp_path).split() == [str(len(events))]
    assert same_bits(np.load(tmp_path / "p.npy"), prediction.probabilities)


# ------------------------------------------------------------------------------------------------------ bundled models
@pytest.fixture
def bundled(tmp_path, monkeypatch):
    folder = tmp_path / "models"
    folder.mkdir()
    monkeypatch.setattr(models, "FOLDER", folder)
    monkeypatch.chdir(tmp_path)
    return folder


def test_bundled_models_are_found_by_their_names(bundled):
    assert models.names() == []
    with pytest.raises(wl.ModelFileError, match=r"^words-3: there is no such file, nor a bundled .*; bundled: none$"):
        wl.load("words-3")
    clf = small()
    clf.save(bundled / "words-3.safetensors")
    tcn().save(bundled / "another_one.safetensors")
    (bundled / "words-3.md").write_text("what it is")
    assert models.names() == ["another_one", "words-3"]
    assert models.path("words-3") == bundled / "words-3.safetensors"
    assert same_prediction(wl.load("words-3").predict(GOOD), clf.predict(GOOD))
    assert files.info("words-3").config["labels"] == LABELS
    assert type(wl.load("another_one")) is wl.TCN
    for name in ("words", "words-3x", "WORDS-3"):
        with pytest.raises(
            wl.ModelFileError, match=f"{name}: there is no such file, .*; bundled: another_one, words-3$"
        ):
            wl.load(name)
    for call in (models.path, lambda name: models.path(f"../models/{name}")):
        with pytest.raises(wl.ParameterError, match="must be one of the bundled models: another_one, words-3"):
            call("words")


def test_files_go_before_bundled_models_and_paths_name_none(bundled):
    small().save(bundled / "words.safetensors")
    assert isinstance(wl.load("words"), wl.AudioClassifier)
    tcn().save("words")
    assert isinstance(wl.load("words"), wl.TCN)
    Path("words").unlink()
    for name in (Path("words"), "./words", "words.safetensors", "a/words", "../words", "", "wor ds", "words\n"):
        with pytest.raises(wl.ModelFileError) as excinfo:
            wl.load(name)
        assert "bundled" not in str(excinfo.value)


@pytest.mark.parametrize("name", ["speech-commands-12", "spoken-digits"])
def test_bundled_models_are_shipped_and_hear_silence(name):
    clf = wl.load(name)
    assert clf.model.parameter_count <= 150_000
    assert clf.latency_s == 0
    assert {"recipe", "seed", "accuracy", "attribution"} <= set(clf.info)
    y = np.zeros(clf.sr, np.float32)
    assert clf.predict(y).probabilities.shape == (len(clf.labels),)
    assert "_silence_" not in clf.labels or clf.predict(y).label == "_silence_"
    assert (models.FOLDER / "README.md").exists()


# -------------------------------------------------------------------------------------------------------- bad contents
def with_config(content, change):
    """The file with a changed configuration."""
    header, data = split(content)
    config = json.loads(header["__metadata__"]["config"])
    change(config)
    header["__metadata__"]["config"] = json.dumps(config)
    return join(header, data)


def setting(*keys, value):
    def change(config):
        for key in keys[:-1]:
            config = config[key]
        config[keys[-1]] = value

    return change


BAD_CONFIGS = {
    "labels too few": (setting("labels", value=["a", "b"]), "labels has 2 entries; it must have 3"),
    "labels not different": (setting("labels", value=["a"] * 3), "labels contains 'a' twice"),
    "labels no text": (setting("labels", value=[1, 2, 3]), "labels[0]=1 is a int"),
    "decision": (setting("decision", value="max"), "decision='max' must be one of last, mean, peak"),
    "background": (setting("background", value=["what"]), "background contains 'what'"),
    "detector's option": (setting("detector", "speed", value=1), "config of a detector is invalid"),
    "detector's value": (setting("detector", "threshold", value=7), "threshold=7 must be between 0 and 1"),
    "detector's memory": (setting("detector", "smoothing_ms", value=1e9), "smoothing_ms=1000000000.0 is"),
    "features' type": (setting("features", "type", value="Mel"), "type='Mel' must be one of"),
    "features of librosa": (setting("features", value={"type": "Librosa", "name": "rms"}), "cannot stream"),
    "features' option": (setting("features", "speed", value=1), "config of LogMel is invalid"),
    "features' table": (
        setting("features", "n_mels", value=9), "tables['mel'] has shape (8, 33); it must be (9, 33)"),
    "features' channels": (
        setting("features", value={"type": "MuLaw"}), "unexpected key"),
    "features that do not stream": (setting("features", "ref", value="max"), "cannot stream"),
    "a step": (setting("features", "steps", value=[{"type": "Reverb"}]), "type of a step='Reverb' must be one of"),
    "steps": (setting("features", "steps", value=3), "must have a list of steps"),
    "the network": (setting("model", "type", value="Mystery"), "type='Mystery' is not a known layer"),
    "the network's shape": (setting("model", "channels", value=5), "tensor 'model."),
    "no network": (lambda config: config.pop("model"), "its config is invalid"),
    "a classifier inside": (lambda config: config.update(model=dict(config)), "type='AudioClassifier' is not a known"),
    "no labels": (lambda config: config.pop("labels"), "it must have"),
    "more than there is": (setting("more", value=1), "more"),
    "notes": (setting("info", value=3), "info is a int"),
    "many layers": (
        setting("model", value={"type": "Add", "branches": [[]] * 20_000}), "20001 layers and list entries"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_CONFIGS)
def test_bad_configs(name, path, content):
    change, message = BAD_CONFIGS[name]
    refused(path, with_config(content, change), message)


def test_tables_that_lack_or_are_too_many(path, content):
    header, data = split(content)
    first = header["features.window"]["data_offsets"][1]
    assert header["features.window"]["data_offsets"][0] == 0
    cut = {name: entry for name, entry in header.items() if name != "features.window"}
    for name, entry in cut.items():
        if name != "__metadata__":
            cut[name] = {**entry, "data_offsets": [offset - first for offset in entry["data_offsets"]]}
    refused(path, join(cut, data[first:]), "missing key 'window' in tables, shape (2, 64)")
    renamed = {name.replace("features.window", "features.other"): entry for name, entry in header.items()}
    refused(path, join(renamed, data), "missing key 'window' in tables")
    for name in ("features.steps.0.mean", "features.more", "more", "0.weight"):
        more = {**header, name: {"dtype": "F32", "shape": [1], "data_offsets": [len(data), len(data) + 4]}}
        refused(path, join(more, data + bytes(4)), name.removeprefix("features."))


def test_tables_that_are_no_numbers(path, content):
    header, data = split(content)
    start = header["features.mel"]["data_offsets"][0]
    bad = data[:start] + np.float32(np.nan).tobytes() + data[start + 4 :]
    refused(path, join(header, bad), "tables['mel'] has infinities or NaN")


def test_a_hostile_file_takes_no_memory(path, content):
    for change in (
        setting("detector", "smoothing_ms", value=1e9),
        setting("features", "n_fft", value=2**24),
        setting("features", "n_mels", value=65_536),
        setting("features", "steps", value=[{"type": "RunningCMVN", "window_frames": 1_000_000}, {"type": "No"}]),
        setting("model", "channels", value=65_536),
        setting("labels", value=["x"] * 9_000),
    ):
        path.write_bytes(with_config(content, change))
        assert peak_of_refusal(path) < 2 * MB + 40 * path.stat().st_size


def test_truncated_anywhere(path, content):
    for length in [*range(0, len(content), 97), len(content) - 1]:
        refused(path, content[:length], "")
    refused(path, content + b"\0", "1 bytes after the last tensor")


@pytest.mark.slow
def test_options_replaced_by_junk(path, content):
    header, data = split(content)
    config = json.loads(header["__metadata__"]["config"])
    for part in (config, config["features"], config["detector"], config["model"]):
        for key, value in list(part.items()):
            for junk in JUNK:
                part[key] = junk
                header["__metadata__"]["config"] = json.dumps(config)
                loaded_or_refused(path, join(header, data))
            part[key] = value


@settings(max_examples=150)
@given(data=st.data())
def test_flipped_bytes(data, content, tmp_path_factory):
    flipped = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        flipped[data.draw(st.integers(0, len(flipped) - 1))] = data.draw(st.integers(0, 255))
    loaded_or_refused(tmp_path_factory.getbasetemp() / "flipped", bytes(flipped))
