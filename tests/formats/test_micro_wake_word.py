"""microWakeWord's manifests as classifiers: ESPHome's decision, streams, pools, files, C; what is refused."""

from collections import deque

import numpy as np
import pytest
from wake_words import micro_word

import wavenetlite as wl


@pytest.fixture
def path(tmp_path):
    return micro_word(tmp_path)


def sound(seconds=20, seed=0):
    """Noise that comes and goes, as integers."""
    rng = np.random.default_rng(seed)
    envelope = np.exp(rng.uniform(-8, -0.5, 10 * seconds)).repeat(1600)
    return (32768 * np.clip(envelope * rng.standard_normal(len(envelope)), -1, 0.999)).astype(np.int16)


def fed(clf, y, blocks=7):
    stream, events, rows = clf.stream(), [], []
    for block in np.array_split(y, blocks):
        events += stream.process(block)
        rows.append(stream.probabilities)
    return events, np.concatenate(rows), stream


def esphome(levels, cutoff, window, stride):
    """The scores with which ESPHome's loop detects; see its streaming model: it counts frames, of which some have no
    new score."""
    least, recent, ignored, found = int(255 * cutoff), deque([0] * window, window), -100, []
    for frame in range(stride * len(levels)):
        if new := frame % stride == stride - 1:
            recent.append(levels[frame // stride])
        if recent[-1] < least:
            ignored = min(ignored + 1, 0)
        if new and ignored >= 0 and sum(recent) > least * window:
            found.append(frame // stride)
            recent.extend([0] * window)
            ignored = -100
    return found


def scores_of(events, clf):
    return [round((event.time_s - clf.frame_time_s(0)) * clf.frame_rate) for event in events]


@pytest.mark.parametrize("cutoff", [0.2, 0.5, 0.6])
@pytest.mark.parametrize(("window", "step"), [(5, 10), (1, 10), (12, 20)])
def test_the_decision_is_esphomes(tmp_path, cutoff, window, step):
    options = {"probability_cutoff": cutoff, "sliding_window_size": window, "feature_step_size": step}
    clf = wl.load(micro_word(tmp_path, **options))
    events, rows, _ = fed(clf, sound(60))
    expected = esphome(np.rint(256 * rows[:, 0]).astype(int).tolist(), cutoff, window, 3)
    assert scores_of(events, clf) == expected and (expected or window > 5 or cutoff > 0.5)
    assert all(event.label == "Hello there" for event in events)


def test_the_other_rule_is_the_mean_of_the_window(path):
    clf = wl.load(path, rule="pymicro")
    events, rows, _ = fed(clf, sound(60))
    levels = np.rint(256 * rows[:, 0])
    means = np.array([levels[max(0, n - 4) : n + 1].sum() / 5 for n in range(len(levels))]) / 256
    above = means > 0.6
    above[:4] = False
    begins = np.flatnonzero(above & ~np.concatenate([[False], above[:-1]])).tolist()
    assert scores_of(events, clf) == begins and len(begins) > 1


def test_probabilities_are_the_networks_and_the_rest(path):
    clf, y = wl.load(path), sound()
    _, rows, _ = fed(clf, y)
    assert clf.labels == ["Hello there", "_unknown_"] and clf.output_labels == ["Hello there"]
    assert np.array_equal(
        rows[:, 0], wl.load(path.with_suffix(".tflite"), rounding="double")(wl.MicroFrontend()(y))[:, 0]
    )
    assert np.array_equal(rows[:, 1], 1 - rows[:, 0]) and rows[:, 0].max() > 0.6


@pytest.mark.parametrize("rounding", ["single", "double"])
def test_a_classifier_like_any_other(path, tmp_path, rounding):
    clf, y = wl.load(path, rounding=rounding), sound()
    events, rows, stream = fed(clf, y, 1)
    assert fed(clf, y, 501)[0] == events and np.array_equal(fed(clf, y, 501)[1], rows)
    pool = clf.pool(2)
    a, b = pool.open(), pool.open()
    found = [pool.process({a: y[i : i + 999], b: y[i : i + 999]})[b] for i in range(0, len(y), 999)]
    assert [event for some in found for event in some] == events
    half = clf.stream()
    first = half.process(y[:100_001])
    other = clf.stream()
    other.restore(half.snapshot())
    assert first + other.process(y[100_001:]) == events
    best = clf.predict(y)
    assert best.label == "Hello there" and best.score == rows[:, 0].max()
    clf.save(tmp_path / "saved.safetensors")
    again = wl.load(tmp_path / "saved.safetensors")
    assert again.outputs == "probabilities" and again.detector == clf.detector and again.info == clf.info
    assert fed(again, y, 3)[0] == events and np.array_equal(fed(again, y, 3)[1], rows)
    assert stream.flush() is not None


def test_the_first_version_has_frames_of_20_ms(tmp_path):
    def older(about):
        about["version"] = 1
        about["micro"] = {"probability_cutoff": 0.4, "sliding_window_average_size": 3}

    clf = wl.load(micro_word(tmp_path, change=older))
    assert clf.features.hop_length == 320 and clf.frame_rate == pytest.approx(1000 / 60)
    assert clf.detector.smoothing_ms == 180 and clf.detector.threshold == (int(255 * 0.4) * 3 + 1) / (256 * 3)


def test_a_folder_is_its_one_manifest(tmp_path, path):
    (tmp_path / "other.json").write_text("{}")
    assert wl.formats.recognise(tmp_path) == wl.formats.recognise(path) == "micro-wake-word"
    assert wl.load(tmp_path).labels == wl.load(str(tmp_path), format="micro-wake-word").labels == wl.load(path).labels
    micro_word(tmp_path, "second", seed=1)
    with pytest.raises(wl.ModelFileError, match=r"2 manifests of microWakeWord \(hello.json, second.json\); load one"):
        wl.load(tmp_path)


def test_folders_of_nothing(tmp_path):
    for read in (wl.load, wl.formats.recognise):
        with pytest.raises(wl.ModelFileError, match="not a file, nor a folder with a model"):
            read(tmp_path)
    with pytest.raises(wl.ModelFileError, match="a folder with 0 manifests of microWakeWord"):
        wl.load(tmp_path, format="micro-wake-word")
    with pytest.raises(wl.ModelFileError, match="not a file, which a model of the format onnx is"):
        wl.load(tmp_path, format="onnx")


def setting(*keys, value):
    def change(about):
        for key in keys[:-1]:
            about = about[key]
        about[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (setting("version", value=3), "version is 3; it must be an integer from 1 to 2"),
        (setting("version", value=1), "micro has no sliding_window_average_size"),
        (setting("micro", value=[]), "micro is a list of 0; it must be an object"),
        (setting("micro", "probability_cutoff", value=1), "micro.probability_cutoff is 1; it must be between 0 and 1"),
        (setting("micro", "probability_cutoff", value="0.9"), "micro.probability_cutoff is '0.9'; it must be a number"),
        (setting("micro", "sliding_window_size", value=0), "micro.sliding_window_size is 0; it must be an integer"),
        (setting("micro", "feature_step_size", value=31), "micro.feature_step_size is 31; it must be an integer"),
        (setting("wake_word", value=""), "wake_word is ''; it must be a word"),
        (setting("wake_word", value="_unknown_"), "wake_word is '_unknown_'; it must be a word"),
        (setting("model", value="../hello.tflite"), "it must be the name of a file in the manifest's folder"),
        (setting("model", value="https://example.org/hello.tflite"), "it must be the name of a file"),
        (setting("model", value="none.tflite"), "none.tflite: there is no such file"),
        (setting("model", value="hello.json"), "hello.json: not a TFLite file"),
    ],
)
def test_bad_manifests_are_one_line(tmp_path, change, says):
    with pytest.raises(wl.ModelFileError) as error:
        wl.load(micro_word(tmp_path, change=change))
    assert says in str(error.value) and "\n" not in str(error.value)


def test_networks_of_another_kind(tmp_path, path):
    scales = {"input_scale": 0.1, "output_scale": 0.1}
    nn = wl.nn
    for layers, says in (
        ([nn.Quantize(3, 0.1), nn.IntegerConv1d(3, 1, 1, **scales), nn.Dequantize(1, 0.1)], "it takes 3 channels"),
        (
            [nn.Quantize(40, 0.1), nn.IntegerConv1d(40, 1, 1, **scales), nn.Dequantize(1, 0.1)],
            "its output must be a prob",
        ),
    ):
        wl.formats.save(wl.Sequential(layers), tmp_path / "hello.tflite")
        with pytest.raises(wl.ModelFileError, match=says):
            wl.load(path)


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ({"rule": "mean"}, "rule='mean' must be one of esphome, pymicro"),
        ({"rounding": "none"}, "rounding='none' must be one of"),
        ({"frames": 3}, "frames=3 is no option of the format micro-wake-word"),
    ],
)
def test_options(path, option, says):
    with pytest.raises(wl.ParameterError, match=says):
        wl.load(path, **option)


# ------------------------------------------------------------------------ networks that give probabilities, in general
def test_what_they_need():
    net = wl.Sequential([wl.nn.Linear(40, 2), wl.nn.Activation("sigmoid")])
    clf = wl.AudioClassifier(wl.LogMel(n_mels=40), net, ["on", "off", "rest"], outputs="probabilities")
    rows = fed(clf, np.random.default_rng(0).standard_normal(8000, dtype=np.float32))[1]
    assert np.array_equal(rows[:, 2], 1 - rows[:, :2].max(axis=1))
    with pytest.raises(
        wl.ParameterError, match="labels has 2 entries; it must have 3, the model's out_channels and one"
    ):
        wl.AudioClassifier(wl.LogMel(n_mels=40), net, ["on", "off"], outputs="probabilities")
    with pytest.raises(wl.ParameterError, match="decision='mean' needs logits"):
        wl.AudioClassifier(wl.LogMel(n_mels=40), net, list("abc"), outputs="probabilities", decision="mean")
    with pytest.raises(wl.ParameterError, match="outputs='odds' must be one of logits, probabilities"):
        wl.AudioClassifier(wl.LogMel(n_mels=40), net, list("abc"), outputs="odds")


def test_a_network_that_gives_something_else():
    net = wl.nn.Linear(40, 1)
    net.load_state_dict({"weight": np.ones((1, 40), np.float32), "bias": np.zeros(1, np.float32)})
    clf = wl.AudioClassifier(wl.LogMel(n_mels=40), net, ["on", "rest"], outputs="probabilities")
    stream = clf.stream()
    with pytest.raises(wl.ParameterError, match=r"gives \[-\d+.*\] at frame 0; with outputs='probabilities' it must"):
        stream.process(np.zeros(1000, np.float32))
    with pytest.raises(wl.StreamStateError, match="reset"):
        stream.process(np.zeros(1000, np.float32))


def test_quantised():
    net = wl.Sequential(
        [wl.nn.Conv1d(40, 8, 3), wl.nn.Activation("relu"), wl.nn.Linear(8, 1), wl.nn.Activation("sigmoid")]
    )
    clf = wl.AudioClassifier(wl.MicroFrontend(), net, ["on", "rest"], outputs="probabilities")
    y = sound(3)
    small = clf.with_model(wl.quantize(net, calibration=clf.features(y)))
    assert abs(fed(small, y)[1] - fed(clf, y)[1]).max() < 0.05 and small.outputs == "probabilities"
