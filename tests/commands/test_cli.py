"""The command line: what it prints, what it writes, what it says of mistakes, and how it ends."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import pytest
from level_classifier import LABELS, PITCHES, SR, judge, sound
from wrapped import Wrapped, wrap

import wavenetlite as wl
from wavenetlite import audio, cli, models
from wavenetlite.evaluation.clips import evaluate
from wavenetlite.recipes.recipe import RECIPES
from wavenetlite.train.corpus import read_corpus

f32 = np.float32
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
COMMANDS = ("train", "evaluate", "detections", "classify", "listen", "info", "verify")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A folder of its own for each test; the environment of nobody's shell."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WAVENETLITE_TRACEBACK", raising=False)


@pytest.fixture
def run(capsys):
    """Runs a command line: exit status, standard output, standard error."""

    def call(*argv):
        status = cli.main([str(word) for word in argv])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return status, said.out, said.err

    return call


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The file of a classifier that tells low tones from high ones."""
    path = tmp_path_factory.mktemp("model") / "tones.safetensors"
    judge(info={"recipe": "by hand", "attribution": "nobody's"}).save(path)
    return str(path)


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "network.safetensors"
    wl.TCN(3, 2, channels=4, dilations=[1, 2], seed=0).save(path)
    return str(path)


def wav(name, y, sr=SR, **options):
    audio.write(name, np.asarray(y, f32), sr, **options)
    return name


def lines_of(out):
    return [json.loads(line) for line in out.splitlines()]


def one_error(err, start):
    """Standard error is one line, which begins so."""
    assert err.endswith("\n")
    assert len(err.splitlines()) == 1, err
    assert err.startswith(start), err
    return True


# ---------------------------------------------------------------------------------------------------------------- help
def test_help_tells_the_commands(run):
    status, out, err = run("--help")
    assert (status, err) == (0, "")
    assert all(f"\n    {command} " in out for command in COMMANDS)
    assert "examples:" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command(run, command):
    status, out, err = run(command, "--help")
    assert (status, err) == (0, "")
    assert out.startswith(f"usage: wavenetlite {command} ")
    examples = [line.strip() for line in out.split("examples:\n")[1].splitlines() if line.strip()]
    for example in examples:  # they are command lines that are understood
        words = shlex.split(example.split(" | ")[0].split(" > ")[0])
        words = words[words.index("wavenetlite") + 1 :]
        assert cli.parser(words).parse_args(words).command == command
    defaults = [action.default for action in parser_of(command)._actions if action.default not in (None, False)]
    assert all(f"(default: {default})" in " ".join(out.split()) for default in defaults if default != "==SUPPRESS==")


def parser_of(command):
    return next(action for action in cli.parser([command])._actions if action.dest == "command").choices[command]


def test_version(run):
    assert run("--version") == (0, f"wavenetlite {wl.__version__} ({wl.isa()})\n", "")


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["no-such-command"],
        ["classify"],
        ["classify", "--thresh", "0.5", "a.wav"],
        ["classify", "a.wav", "--top", "0"],
        ["classify", "a.wav", "--threshold", "1.5", "--events"],
        ["classify", "a.wav", "--threshold", "nan", "--events"],
        ["classify", "a.wav", "--mono", "left"],
        ["classify", "a.wav", "--mono", "-1"],
        ["classify", "a.wav", "--threshold", "0.5"],
        ["evaluate", "model"],
        ["evaluate", "model", "data", "--split", "some"],
        ["evaluate", "model", "data", "--block-ms", "10"],
        ["evaluate", "model", "data", "--stream", "--block-ms", "0"],
        ["train", "data", "--epochs", "0"],
        ["train", "data", "--seed", "1e3"],
        ["train", "data", "--sr", "sixteen"],
        ["train", "data", "--clip-s", "inf"],
        ["listen", "--seconds", "-1"],
        ["verify", "model", "--partitions", "x"],
    ],
    ids=" ".join,
)
def test_wrong_usage(run, argv):
    status, out, err = run(*argv)
    assert (status, out) == (2, "")
    assert "error: " in err.splitlines()[-1]


def modules_after(words):
    """What is imported by a command line that prints a help text."""
    code = f"import sys; from wavenetlite.cli import main; main({words}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_help_is_light():
    loaded = modules_after(["--help"])
    assert not loaded & {"librosa", "scipy", "soundfile", "soxr", "matplotlib", "tqdm", "numba", "wavenetlite.train"}
    assert not {name for name in loaded if name.startswith("wavenetlite.commands.")} - {
        "wavenetlite.commands.names", "wavenetlite.commands.options", "wavenetlite.commands.output",
    }  # fmt: skip
    loaded = modules_after(["train", "--help"])
    assert "wavenetlite.train" in loaded
    assert not loaded & {"librosa", "soundfile", "soxr", "matplotlib", "tqdm", "numba"}


# ------------------------------------------------------------------------------------------------------------ classify
@pytest.fixture
def low():
    return wav("low.wav", sound("low"))


@pytest.fixture
def high():
    return wav("high.flac", sound("high"))


def test_classify(run, model, low, high):
    status, out, err = run("classify", "--model", model, low, high)
    clf = wl.load(model)
    scores = [clf.predict(audio.read(name)[0]).score for name in (low, high)]
    assert (status, err) == (0, "")
    assert out == f"low.wav    low  {scores[0]:.3f}\nhigh.flac  high  {scores[1]:.3f}\n"


def test_classify_top(run, model, low):
    _, out, _ = run("classify", "--model", model, low, "--top", 2)
    words = out.split()
    assert words[:2] == ["low.wav", "low"]
    assert len(words) == 5
    assert float(words[2]) >= float(words[4])
    assert len(run("classify", "--model", model, low, "--top", 99)[1].split()) == 7


def test_classify_json_has_the_bits_of_predict(run, model, low, high):
    status, out, err = run("classify", "--model", model, "--json", low, high, "--top", 1)
    assert (status, err) == (0, "")
    clf = wl.load(model)
    for name, one in zip((low, high), lines_of(out), strict=True):
        p = clf.predict(audio.read(name)[0])
        assert (one["path"], one["label"], one["score"]) == (name, p.label, p.score)
        assert list(one["probabilities"]) == LABELS
        assert np.array(list(one["probabilities"].values()), f32).tobytes() == p.probabilities.tobytes()
        assert one["top"] == [{"label": p.label, "score": p.score}]
        assert one["seconds"] == 0.25


def melody():
    """Low for half a second, silence, high for half a second; twice."""
    part = [sound("low", 4000), sound("quiet", 4000), sound("high", 4000), sound("quiet", 4000)]
    return np.concatenate(part * 2)


def test_classify_events(run, model):
    wav("melody.wav", melody())
    _, out, _ = run("classify", "--model", model, "--events", "melody.wav")
    first, *events = out.splitlines()
    assert first.split()[:2] == ["melody.wav", "_silence_"]
    assert [line.split()[2] for line in events] == ["low", "high", "low", "high"]
    times = [float(line.split()[0]) for line in events]
    assert all(at < time < at + 0.3 for at, time in zip((0, 1, 2, 3), times, strict=True))
    one = lines_of(run("classify", "--model", model, "--json", "melody.wav")[1])[0]
    assert [(event["label"], round(event["time_s"], 3)) for event in one["events"]] == [
        (line.split()[2], time) for line, time in zip(events, times, strict=True)
    ]
    assert all(event["start_s"] < event["end_s"] == event["time_s"] for event in one["events"])
    stream = wl.load(model).stream()
    found = stream.process(audio.read("melody.wav")[0]) + stream.flush()
    assert [event["score"] for event in one["events"]] == [event.score for event in found]


def test_classify_threshold(run, model):
    wav("melody.wav", melody())
    for threshold, count in ((0.5, 4), (1, 0)):
        one = lines_of(run("classify", "--model", model, "--json", "melody.wav", "--threshold", threshold)[1])[0]
        assert len(one["events"]) == count


def test_threshold_replaces_those_of_labels_and_bounds_release(run, tmp_path):
    path = tmp_path / "strict.safetensors"
    judge(detector=wl.detection.Detector(0.9, 0.8, smoothing_ms=30, min_duration_ms=20, thresholds={"low": 1.0})).save(
        path
    )
    wav("melody.wav", melody())

    def heard(*options):
        out = run("classify", "--model", path, "--json", "melody.wav", *options)[1]
        return [event["label"] for event in lines_of(out)[0]["events"]]

    assert "low" not in heard()
    assert {"low", "high"} <= set(heard("--threshold", 0.5))


def test_classify_other_rates_and_channels(run, model):
    wav("fast.wav", np.repeat(sound("low"), 2), 16000)
    wav("stereo.wav", np.stack([sound("low"), sound("high")], axis=1))
    status, out, err = run("classify", "--model", model, "fast.wav", "stereo.wav")
    assert (status, out) == (1, "")
    assert err.splitlines() == [
        "wavenetlite: error: fast.wav: its sample rate is 16000, not sr=8000 (give --resample to convert)",
        "wavenetlite: error: stereo.wav: it has 2 channels (give --mono mean, or --mono 0 for the first)",
    ]
    for channel, label in ((0, "low"), (1, "high")):
        status, out, err = run("classify", "--model", model, "fast.wav", "stereo.wav", "--resample", "--mono", channel)
        assert (status, err) == (0, "")
        assert [line.split()[1] for line in out.splitlines()] == ["low", label]
    assert run("classify", "--model", model, "stereo.wav", "--mono", "mean")[0] == 0
    assert one_error(
        run("classify", "--model", model, "stereo.wav", "--mono", 2)[2], "wavenetlite: error: stereo.wav: mono=2"
    )


def broken_files():
    """Files that cannot be classified, and what is said of each."""
    Path("text.wav").write_text("this is no audio at all, whatever its name")
    Path("empty.wav").write_bytes(b"")
    Path("folder.wav").mkdir()
    whole = Path(wav("whole.wav", sound("low"))).read_bytes()
    Path("truncated.wav").write_bytes(whole[: len(whole) // 2])
    whole = Path(wav("whole.flac", sound("low"))).read_bytes()
    Path("truncated.flac").write_bytes(whole[: len(whole) // 2])
    y = sound("low")
    y[77] = np.nan
    soundfile = pytest.importorskip("soundfile")
    soundfile.write("nan.wav", y, SR, subtype="FLOAT")
    wav("three.wav", [0.1, 0.2, 0.3])
    soundfile.write("none.wav", np.zeros(0, f32), SR)
    return {
        "missing.wav": "there is no such file",
        "folder.wav": "not a file",
        "text.wav": "not audio, or damaged",
        "empty.wav": "it is empty",
        "truncated.wav": "truncated",
        "truncated.flac": "",
        "nan.wav": "not finite at sample 77 (or give --on-nonfinite zero)",
        "three.wav": "too short: it has 3 samples at 8000 Hz; at least 256 are needed",
        "none.wav": "too short: it has 0 samples",
    }


def test_classify_tells_each_bad_file_and_goes_on(run, model, low):
    bad = broken_files()
    names = [name for pair in zip(bad, [low] * len(bad), strict=True) for name in pair]
    status, out, err = run("classify", "--model", model, *names)
    assert status == 1
    assert out.count("low.wav ") == len(out.splitlines()) == len(bad)
    for line, (name, reason) in zip(err.splitlines(), bad.items(), strict=True):
        assert line.startswith(f"wavenetlite: error: {name}: {reason}")
    status, out, _ = run("classify", "--model", model, "--json", *names)
    assert status == 1
    for name, one in zip(names, lines_of(out), strict=True):
        assert one["path"] == name
        assert set(one) == {"path", "error"} if name in bad else one["label"] == "low"


def test_classify_nan_as_zero(run, model):
    broken_files()
    status, out, _ = run("classify", "--model", model, "nan.wav", "--on-nonfinite", "zero")
    assert status == 0
    assert out.split()[1] == "low"


def test_classify_odd_names(run, model):
    name = "a\nb\x1b[31m.wav"
    wav(name, sound("low"))
    status, out, _ = run("classify", "--model", model, name, "--json")
    assert status == 0
    assert lines_of(out)[0]["path"] == name
    status, out, _ = run("classify", "--model", model, name)
    assert "\x1b" not in out
    status, _, err = run("classify", "--model", model, "no\nsuch.wav")
    assert status == 1
    assert one_error(err, "wavenetlite: error: ")


def test_classify_the_bundled_model_by_default(run, model, low, tmp_path, monkeypatch):
    monkeypatch.setattr(models, "FOLDER", tmp_path / "models")
    status, _, err = run("classify", low)
    assert status == 1
    assert one_error(err, "wavenetlite classify: error: speech-commands-12: there is no such file, nor a bundled model")
    models.FOLDER.mkdir()
    wl.load(model).save(models.FOLDER / "speech-commands-12.safetensors")
    assert run("classify", low)[1].startswith("low.wav  low")


@pytest.mark.parametrize("command", ["classify", "evaluate", "info", "verify", "listen"])
def test_models_that_are_none(run, command, low, network):
    data = ["data"] if command == "evaluate" else []

    def status_and_error(path):
        argv = {"classify": ["--model", path, low], "listen": ["--model", path]}.get(command, [path, *data])
        status, out, err = run(command, *argv)
        assert out == ""
        assert status == 1
        return err

    Path("text.safetensors").write_text("{}")
    Path("empty.safetensors").write_bytes(b"")
    start = f"wavenetlite {command}: error: "
    assert one_error(
        status_and_error("no-such-model"), f"{start}no-such-model: there is no such file, nor a bundled model"
    )
    assert one_error(status_and_error("missing.safetensors"), f"{start}missing.safetensors: there is no such file")
    assert one_error(status_and_error("text.safetensors"), f"{start}text.safetensors: ")
    assert one_error(status_and_error("empty.safetensors"), f"{start}empty.safetensors: truncated")
    assert one_error(status_and_error("."), f"{start}.: not a file")
    if command not in ("info", "verify"):
        assert one_error(status_and_error(network), f"{start}{network}: a TCN without features and labels")


# -------------------------------------------------------------------------------------------------------- info, verify
def test_info(run, model):
    status, out, err = run("info", model)
    assert (status, err) == (0, "")
    rows = {line[:16].strip(): line[16:].strip() for line in out.splitlines()}
    assert rows["labels"] == "3: low, high, _silence_"
    assert rows["parameters"] == "33"
    assert rows["receptive field"] == "1 frames, 0.032 s of audio"
    assert rows["latency"] == "0.0 ms, and one decision every 10.00 ms"
    assert rows["recipe"] == "by hand"
    assert rows["attribution"] == "nobody's"


def test_info_json(run, model, network):
    about = json.loads(run("info", model, "--json", "--layers")[1])
    assert (about["labels"], about["sr"], about["latency_s"], about["frame_rate"]) == (LABELS, SR, 0.0, 100.0)
    assert about["network"]["parameters"] == 33
    assert about["info"] == {"recipe": "by hand", "attribution": "nobody's"}
    assert about["detector"] == wl.load(model).detector.config()
    assert "Linear" in about["layers"]
    about = json.loads(run("info", network, "--json")[1])
    assert (about["type"], about["in_channels"], about["out_channels"]) == ("TCN", 3, 2)
    assert about["parameters"] == wl.load(network).parameter_count


def test_info_of_what_has_no_bounds(run):
    nn = wl.nn
    wl.Sequential([nn.Conv1d(3, 4, 3), nn.CumulativePool("mean"), nn.Linear(4, 2)]).save("pooled.safetensors")
    nn.Activation("relu").save("any.safetensors")
    assert "everything so far" in run("info", "pooled.safetensors")[1]
    assert json.loads(run("info", "pooled.safetensors", "--json")[1])["receptive_field_frames"] is None
    assert "any -> as many channels" in run("info", "any.safetensors")[1]


def test_info_of_long_notes(run):
    clf = judge(info={"recipe": {"name": "mine", "numbers": list(range(100))}, "accuracy": {"test": 0.5}})
    clf.save("noted.safetensors")
    out = run("info", "noted.safetensors")[1]
    assert "mine (--json shows all of it)" in out
    assert "accuracy         test 0.5" in out


def test_verify(run, model, network):
    status, out, err = run("verify", model, "--partitions", 3)
    assert (status, err) == (0, "")
    assert [line.split(":")[0] for line in out.splitlines()] == ["network", "audio"]
    found = json.loads(run("verify", model, "--partitions", 3, "--json")[1])
    assert found["same"] is True
    assert found["isa"] == wl.isa()
    assert found["audio"]["partitions"] == 10
    assert found["audio"]["frames"] > 100
    assert found["network"]["partitions"] == 8
    found = json.loads(run("verify", network, "--partitions", 2, "--json")[1])
    assert found["same"] is True
    assert found["audio"] is None


@pytest.mark.parametrize("decision", ["last", "mean", "peak"])
def test_verify_of_clips_with_silence_after_them(run, decision):
    judge(decision=decision, clip_s=0.5).save("clips.safetensors")
    assert run("verify", "clips.safetensors", "--partitions", 4)[0] == 0


def test_verify_finds_what_a_snapshot_forgets(run, model, monkeypatch):
    class Forgetful(Wrapped):
        def restore(self, snapshot):  # what a snapshot that has lost its place in the signal would do
            self.inner.restore(snapshot)
            self.inner.process(np.zeros(1, np.float32))

    wrap(monkeypatch, wl.AudioClassifier, "stream", Forgetful)
    assert run("verify", model, "--partitions", 4)[0] == 1


def test_verify_finds_a_neighbour_in_a_pool(run, model, monkeypatch):
    class Mixed(Wrapped):
        def process(self, samples):  # what a pool that confuses two signals would do
            first, *rest = samples
            return self.inner.process({first: samples[first], **{sid: samples[sid][::-1].copy() for sid in rest}})

    wrap(monkeypatch, wl.AudioClassifier, "pool", Mixed)
    status, _, err = run("verify", model, "--partitions", 1)
    assert status == 1
    assert one_error(err, "wavenetlite verify: error: audio in a pool of others")


def test_verify_finds_a_difference(run, model, monkeypatch):
    class Leaky(Wrapped):
        def process(self, samples):  # what a stream with a lost sample would do
            return self.inner.process(samples[1:] if len(samples) == 80 else samples)

    wrap(monkeypatch, wl.AudioClassifier, "stream", Leaky)
    status, out, err = run("verify", model, "--partitions", 1, "--json")
    assert status == 1
    assert one_error(err, "wavenetlite verify: error: audio fed in blocks of 10 ms")
    found = json.loads(out)
    assert found["same"] is False
    assert found["error"] in err
    assert found["network"]["partitions"] == 6


# -------------------------------------------------------------------------------------------------------------- listen
class FakeMicrophone:
    """A microphone that hears a melody, and then an interruption or a fault."""

    end: BaseException = KeyboardInterrupt()
    opened: dict[str, object]

    def __init__(self, *, sr, block_samples, device, on_overflow):
        FakeMicrophone.opened = {"sr": sr, "block_samples": block_samples, "device": device, "on": on_overflow}
        self.device, self.block, self.overflows, self.lost_samples = device, block_samples, 2, SR // 2

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def __iter__(self):
        y = melody()
        for first in range(0, len(y), self.block):
            yield y[first : first + self.block]
        raise self.end


@pytest.fixture
def microphone(monkeypatch):
    monkeypatch.setattr(audio, "Microphone", FakeMicrophone)
    monkeypatch.setattr(FakeMicrophone, "end", KeyboardInterrupt())


def test_listen_until_interrupted(run, model, microphone):
    status, out, err = run("listen", "--model", model, "--device", "3")
    assert status == 0
    assert [line.split()[2] for line in out.splitlines()] == ["low", "high", "low", "high"]
    assert err.splitlines() == [
        "wavenetlite: listening for low, high; Ctrl-C stops it",
        "wavenetlite: how often this model raises false alarms is not in its notes; `wavenetlite evaluate --background`"
        " counts",
        "wavenetlite: 4.0 s of audio: low 2, high 2; samples were lost 2 times: the machine was too slow; "
        "0.50 s of silence stand for them, so that times stay true",
    ]
    assert FakeMicrophone.opened == {"sr": SR, "block_samples": 80, "device": 3, "on": "fill"}


def test_listen_json_says_what_classify_says(run, model, microphone):
    wav("melody.wav", melody())
    events = lines_of(run("classify", "--model", model, "--json", "melody.wav")[1])[0]["events"]
    heard = lines_of(run("listen", "--model", model, "--json", "--device", "USB")[1])
    assert [event["label"] for event in heard] == [event["label"] for event in events]
    assert [event["time_s"] for event in heard] == [event["time_s"] for event in events]
    assert FakeMicrophone.opened["device"] == "USB"


def test_listen_for_some_time(run, model, microphone):
    status, out, err = run("listen", "--model", model, "--seconds", 1.5)
    assert status == 0
    assert [line.split()[2] for line in out.splitlines()] == ["low", "high"]
    assert "1.5 s of audio: low 1, high 1" in err


def test_listen_until_something_breaks(run, model, microphone, monkeypatch):
    monkeypatch.setattr(FakeMicrophone, "end", RuntimeError("Device\nunavailable [PaErrorCode -9985]"))
    status, out, err = run("listen", "--model", model)
    assert status == 1
    assert len(out.splitlines()) == 4
    assert one_error(
        err.splitlines(keepends=True)[-1], "wavenetlite listen: error: device=None failed: Device unavailable"
    )


def test_listen_without_sounddevice(run, model, monkeypatch):
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    status, out, err = run("listen", "--model", model)
    assert (status, out) == (1, "")
    assert one_error(err, "wavenetlite listen: error: the microphone needs the package sounddevice, which")


def test_listen_without_a_device(run, model, monkeypatch):
    class Sounddevice:
        def InputStream(self, **options):  # noqa: N802
            raise ValueError("No input device matching 'none'")

    monkeypatch.setitem(sys.modules, "sounddevice", Sounddevice())
    status, _, err = run("listen", "--model", model, "--device", "none")
    assert status == 1
    assert one_error(err, "wavenetlite listen: error: device='none' cannot be opened: No input device matching 'none'")


# ------------------------------------------------------------------------------------------------------------ evaluate
@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Ten clips each of low and high tones, and a text that is no audio."""
    folder = tmp_path_factory.mktemp("data")
    for label in PITCHES:
        (folder / label).mkdir()
        for i in range(10):
            audio.write(folder / label / f"{i}.wav", sound(label, 2000, i), SR)
    (folder / "low" / "notes.txt").write_text("none")
    return str(folder)


def test_evaluate(run, model, data):
    status, out, err = run("evaluate", model, data, "--words", "all", "--split", "all", "--clip-s", 0.25)
    assert status == 0
    assert one_error(err, "wavenetlite: low/notes.txt: not audio by its ending")
    assert out.splitlines()[-1] == "100.00 % of 20 clips recognised, macro F1 100.00 %"
    assert out.startswith("said \\ heard")
    assert "none said" in out


def test_evaluate_json(run, model, data):
    options = ["evaluate", model, data, "--words", "high,low", "--clip-s", 0.25, "--json"]
    offline, streamed, threaded = (
        json.loads(run(*options, *more)[1]) for more in ([], ["--stream", "--block-ms", 7], ["--threads", 3])
    )
    assert (offline["split"], offline["clips"], offline["accuracy"]) == ("test", 2, 1.0)
    assert offline["per_label"] == {"low": 1.0, "high": 1.0, "_silence_": None}
    assert offline["matrix"] == [[1, 0, 0], [0, 1, 0], [0, 0, 0]]
    assert (streamed["streamed"], streamed["block_ms"]) == (True, 7.0)
    assert {**streamed, "streamed": False, "block_ms": None} == offline == threaded
    assert len(offline["problems"]) == 1


def test_evaluate_tells_what_is_wrong(run, data):
    judge(["high", "low"]).save("swapped.safetensors")
    clf = wl.load("swapped.safetensors")
    clf.model.load_state_dict({name: value[::-1].copy() for name, value in clf.model.state_dict().items()})
    clf.save("swapped.safetensors")
    options = ["evaluate", "swapped.safetensors", data, "--clip-s", 0.25, "--split", "valid"]
    out = run(*options, "--wrong")[1]
    assert out.splitlines()[-3].startswith("0.00 % of 2 clips")
    assert " classified as " in out.splitlines()[-1]
    wrong = json.loads(run(*options, "--json")[1])["wrong"]
    corpus = read_corpus(data, sr=SR, clip_s=0.25, words=["high", "low"])
    found = evaluate(clf, corpus.valid, corpus.labels)
    assert wrong == [one._asdict() for one in found.wrong]
    assert {one["truth"] for one in wrong} == {"low", "high"}


def test_evaluate_takes_the_labels_and_the_length_of_the_model(run, data):
    judge(["high", "low"], clip_s=0.5).save("pair.safetensors")
    found = json.loads(run("evaluate", "pair.safetensors", data, "--json")[1])
    assert found["labels"] == ["high", "low"]
    corpus = read_corpus(data, sr=SR, clip_s=0.5, words=["high", "low"])
    expected = evaluate(wl.load("pair.safetensors"), corpus.test, corpus.labels)
    assert found["matrix"] == expected.matrix.tolist()


def test_evaluate_draws(run, model, data):
    pytest.importorskip("matplotlib")
    assert run("evaluate", model, data, "--words", "all", "--clip-s", 0.25, "--figure", "c.png")[0] == 0
    assert Path("c.png").read_bytes().startswith(b"\x89PNG")
    status, out, err = run("evaluate", model, data, "--words", "all", "--clip-s", 0.25, "--figure", "no/c.png")
    assert (status, out) == (1, "")
    assert "error: no/c.png: cannot be written" in err


def test_evaluate_without_matplotlib(run, model, data, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    status, _, err = run("evaluate", model, data, "--words", "all", "--clip-s", 0.25, "--figure", "c.png")
    assert status == 1
    assert "wavenetlite evaluate: error: a figure needs the package matplotlib" in err


def test_evaluate_on_data_that_does_not_fit(run, model, data, tmp_path):
    def error(*argv):
        status, out, err = run("evaluate", *argv)
        assert (status, out) == (1, "")
        return err.splitlines()[-1]

    assert "there is no such folder" in error(model, "nowhere")
    assert "no audio files with labels" in error(model, str(tmp_path))
    assert "0 labels have clips" in error(model, data, "--words", "_silence_,up")
    judge(["low", "other"]).save("other.safetensors")
    assert "labels has 'high'; it must be a label of the classifier" in error(
        "other.safetensors", data, "--words", "all"
    )
    spec = wl.LogMel(sr=16000, n_fft=256, hop_length=80, n_mels=10)
    wl.AudioClassifier(spec, wl.nn.Linear(10, 2), ["low", "high"]).save("fast.safetensors")
    assert "have another sample rate" in error("fast.safetensors", data)
    assert "give --resample" in error("fast.safetensors", data)
    assert run("evaluate", "fast.safetensors", data, "--resample")[0] == 0


# --------------------------------------------------------------------------------------------------------------- train
class Training:
    """Stands in for training: a classifier that is right by nature, and the files that a recipe leaves."""

    def __init__(self):
        self.calls = []
        self.error = None

    def __call__(self, corpus, recipe="commands", *, folder, **options):
        self.calls.append({"corpus": corpus, "recipe": recipe, "folder": folder, **options})
        if self.error is not None:
            raise self.error
        inner = Path(folder) / "network"
        inner.mkdir(exist_ok=True)
        rows = [{"epoch": n, "train_loss": 1 / n, "valid_accuracy": 1 - 1 / n, "lr": 0.01} for n in (1, 2, 3)]
        (inner / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return judge(corpus.labels, info={"recipe": recipe.name})


@pytest.fixture
def training(monkeypatch):
    stub = Training()
    monkeypatch.setattr(wl.recipes, "train_classifier", stub)
    monkeypatch.setattr(wl.recipes, "recipes", lambda: ("commands", "small"))
    monkeypatch.setitem(RECIPES, "small", wl.recipes.Recipe.named("quick"))
    return stub


def test_train(run, data, training):
    pytest.importorskip("matplotlib")
    status, out, err = run("train", data, "--clip-s", 0.25)
    assert status == 0
    assert "low/notes.txt" in err
    assert "Corpus(folders, 2 labels, 16 + 2 + 2 clips, 8000 Hz" in err
    assert out.splitlines()[0].startswith("said \\ heard")
    assert out.splitlines()[-3:] == [
        "valid  100.00 % of 2 clips recognised, macro F1 100.00 %",
        "test   100.00 % of 2 clips recognised, macro F1 100.00 %",
        f"wrote {Path('trained', 'classifier.safetensors')}",
    ]
    names = {path.name for path in Path("trained").iterdir()}
    assert names == {"classifier.safetensors", "metrics.json", "network", "training.png", "confusion.png"}
    (call,) = training.calls
    corpus = call.pop("corpus")
    assert corpus.train.audio.shape == (16, 2000)
    recipe = call.pop("recipe")
    assert recipe == wl.recipes.Recipe.named("commands")
    assert call == {"folder": Path("trained"), "epochs": None, "seed": 0, "everything": False,
                    "resume": True, "threads": None, "progress": True, "init": None, "freeze": [],
                    "class_weights": None, "background": None, "reject": True}  # fmt: skip


def test_train_options_go_where_they_belong(run, data, training):
    argv = ["--out", "a/b", "--recipe", "small", "--words", "high,low", "--sr", 16000, "--resample", "--epochs", 3]
    argv += ["--seed", 5, "--no-resume", "--threads", 2, "--clip-s", 0.5, "--quiet", "--mono", "mean"]
    status, out, _ = run("train", data, *argv)
    assert (status, out) == (0, "")
    (call,) = training.calls
    corpus = call.pop("corpus")
    assert (corpus.labels, corpus.sr, corpus.train.audio.shape[1]) == (["high", "low"], 16000, 8000)
    assert call.pop("recipe") == RECIPES["small"]
    assert call == {"folder": Path("a/b"), "epochs": 3, "seed": 5, "everything": False,
                    "resume": False, "threads": 2, "progress": False, "init": None, "freeze": [],
                    "class_weights": None, "background": None, "reject": True}  # fmt: skip


def test_train_from_a_classifier(run, data, training):
    judge(["high", "low"], info={"attribution": "me"}).save("judge.safetensors")
    argv = ["--init", "judge.safetensors", "--freeze", "0", "--freeze", "1", "--class-weights", "high=0.5, low=2"]
    status, out, _ = run("train", data, *argv, "--clip-s", 0.25, "--json")
    assert status == 0
    (call,) = training.calls
    assert call["init"].info == {"attribution": "me"}
    assert (call["freeze"], call["class_weights"]) == (["0", "1"], {"high": 0.5, "low": 2.0})
    metrics = json.loads(out)
    assert (metrics["init"], metrics["freeze"]) == ("judge.safetensors", ["0", "1"])
    assert metrics["class_weights"] == {"high": 0.5, "low": 2.0}
    assert (metrics["members"], metrics["teachers"], metrics["in_talk"]) == (1, 3, False)


@pytest.mark.parametrize(("argv", "status", "said"), [
    (["--freeze", "stem"], 2, "--freeze needs --init: there is nothing learned yet to keep"),
    (["--init", "nothing.safetensors"], 1, "nothing.safetensors"),
    (["--class-weights", "even"], 2, "'even' must be LABEL=WEIGHT, or balanced alone"),
    (["--class-weights", "high=much"], 2, "'much' must be a number"),
    (["--class-weights", "high=-1"], 2, "high=-1 must not be negative"),
])  # fmt: skip
def test_train_from_nothing_usable(run, data, training, argv, status, said):
    made, out, err = run("train", data, *argv)
    assert (made, out) == (status, "")
    assert said in err.splitlines()[-1]
    assert not training.calls


def test_train_json_is_what_is_in_the_file(run, data, training):
    status, out, _ = run("train", data, "--clip-s", 0.25, "--json")
    assert status == 0
    assert len(out.splitlines()) == 1
    metrics = json.loads(out)
    assert metrics == json.loads(Path("trained/metrics.json").read_text())
    assert metrics["test"]["accuracy"] == metrics["valid"]["accuracy"] == 1.0
    assert metrics["test"]["matrix"] == [[1, 0], [0, 1]]
    perfect = {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}
    assert metrics["test"]["scores"] == {"high": perfect, "low": perfect}
    assert metrics["test"]["macro_f1"] == 1.0
    assert metrics["labels"] == ["high", "low"]
    assert metrics["corpus"]["clips"] == {"train": 16, "valid": 2, "test": 2}
    assert metrics["corpus"]["by_label"] == {"high": [8, 1, 1], "low": [8, 1, 1]}
    assert len(metrics["problems"]) == 1
    assert all(Path("trained", name).exists() for name in metrics["files"])


def test_what_was_trained_can_be_used(run, data, training, low):
    run("train", data, "--clip-s", 0.25)
    clf = wl.load("trained/classifier.safetensors")
    assert clf.info["accuracy"]["test"] == {"accuracy": 1.0, "clips": 2}
    assert clf.info["recipe"] == "commands"
    assert clf.info["data"]["clip_s"] == 0.25
    assert run("classify", "--model", "trained/classifier.safetensors", low)[1].split()[1] == "low"
    metrics = json.loads(Path("trained/metrics.json").read_text())
    found = json.loads(run("evaluate", "trained/classifier.safetensors", data, "--json")[1])
    assert {name: found[name] for name in metrics["test"]} == metrics["test"]
    assert run("info", "trained/classifier.safetensors")[0] == 0


def test_train_on_everything(run, data, training):
    status, out, _ = run("train", data, "--clip-s", 0.25, "--everything")
    assert status == 0
    assert out == f"wrote {Path('trained', 'classifier.safetensors')}\n"
    metrics = json.loads(Path("trained/metrics.json").read_text())
    assert (metrics["valid"], metrics["test"], metrics["everything"]) == (None, None, True)
    assert training.calls[0]["everything"] is True
    assert "confusion.png" not in metrics["files"]
    _, _, err = run("evaluate", "trained/classifier.safetensors", data)
    assert "also trained on test clips" in err


def test_train_without_one_speaker(run, training):
    for speaker in ("ann", "bob"):
        for label in PITCHES:
            for i in range(8):
                Path(label).mkdir(exist_ok=True)
                wav(f"{label}/{label}_{speaker}_{i}.wav", sound(label, 2000, i))
    status, _, _ = run("train", ".", "--hold-out-speaker", "bob", "--clip-s", 0.25, "--out", "trained")
    assert status == 0
    test = training.calls[0]["corpus"].test
    assert set(test.speakers) == {"bob"}
    assert len(test) == 16
    for path in ("trained/confusion.png", "trained/training.png"):
        Path(path).unlink(missing_ok=True)
    found = json.loads(run("evaluate", "trained/classifier.safetensors", ".", "--json")[1])
    assert found["clips"] == 16


def test_train_on_more(run, data, training, tmp_path):
    more = tones(tmp_path / "more", 3)
    status, out, _ = run("train", data, "--clip-s", 0.25, "--more", more, "--json")
    assert status == 0
    assert json.loads(out)["corpus"]["clips"] == {"train": 16 + 6, "valid": 2, "test": 2}
    assert json.loads(out)["corpus"]["more"] == "more"
    assert len(training.calls[0]["corpus"].train) == 22
    (more / "low").rename(more / "lower")
    status, _, err = run("train", data, "--clip-s", 0.25, "--more", more)
    assert status == 1
    assert "more has the label 'lower'" in err


def test_train_without_matplotlib(run, data, training, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    status, _, err = run("train", data, "--clip-s", 0.25)
    assert status == 0
    assert err.count("figures are left out: a figure needs the package matplotlib") == 1
    assert json.loads(Path("trained/metrics.json").read_text())["files"] == ["classifier.safetensors", "metrics.json"]


def test_train_of_many_problems_tells_some(run, data, training, tmp_path):
    for label in PITCHES:
        (tmp_path / "many" / label).mkdir(parents=True)
        for i in range(10):
            wav(str(tmp_path / "many" / label / f"{i}.wav"), sound(label, 2000, i))
        for i in range(20):
            (tmp_path / "many" / label / f"{i}.txt").write_text("")
    _, _, err = run("train", "many", "--clip-s", 0.25, "--quiet")
    assert err.splitlines()[-1] == "wavenetlite: ... and 20 more problems"
    assert len(json.loads(Path("trained/metrics.json").read_text())["problems"]) == 40


def test_train_cannot_begin(run, data, training, tmp_path):
    def error(*argv):
        status, out, err = run("train", *argv)
        assert out == ""
        assert not training.calls
        return status, err.splitlines()[-1]

    empty = tmp_path / "empty"
    empty.mkdir()
    start = "wavenetlite train: error: "
    assert error(data, "--recipe", "soup") == (2, f"{start}--recipe soup must be one of commands, small")
    status, line = error("nowhere")
    assert (status, line) == (1, f"{start}source='nowhere': there is no such folder or file")
    status, line = error(str(empty))
    assert status == 1
    assert "no audio files with labels" in line
    status, line = error(data, "--sr", 16000)
    assert status == 1
    assert line.endswith("give --resample, or their rate")
    status, line = error(data, "--words", "low,dog")
    assert status == 1
    assert "no clip to train on for 'dog'" in line
    status, line = error(data, "--words", "low")
    assert status == 1
    assert "two or more different labels" in line
    Path("file").write_text("")
    assert error(data, "--out", "file") == (2, f"{start}--out file: not a folder")
    assert not Path("trained").exists()


def test_train_that_fails(run, data, training):
    for problem, reason in (
        (wl.TrainingError("loss is nan in epoch 3"), "loss is nan in epoch 3"),
        (wl.ParameterError("epochs=3 must be 5; or pass resume=False"), "epochs=3 must be 5; or give --no-resume"),
        (
            wl.ParameterError("sr=8000 must be 16000; use resample=True and sr=16000 when reading"),
            "sr=8000 must be 16000; give --resample --sr 16000",
        ),
        (
            wl.ParameterError("path='a.c' tells no format (or pass format=...)"),
            "path='a.c' tells no format (or give --to FORMAT)",
        ),
        (OSError(28, "No space left on device", "x/checkpoint.npz"), "x/checkpoint.npz: No space left on device"),
        (MemoryError(), "out of memory"),
        (ModuleNotFoundError("No tqdm", name="tqdm"), "this needs the package tqdm, which is not installed"),
    ):
        training.error = problem
        status, out, err = run("train", data, "--clip-s", 0.25)
        assert (status, out) == (1, "")
        assert err.splitlines()[-1] == f"wavenetlite train: error: {reason}"
    assert not Path("trained/classifier.safetensors").exists()


def test_train_interrupted(run, data, training):
    training.error = KeyboardInterrupt()
    status, out, err = run("train", data, "--clip-s", 0.25)
    assert (status, out) == (130, "")
    assert err.splitlines()[-1] == "wavenetlite train: interrupted; run the same command again to resume"
    status, _, err = run("train", data, "--clip-s", 0.25, "--no-resume")
    assert status == 130
    assert err.splitlines()[-1].endswith("run the same command again, without --no-resume, to resume")
    training.error = None
    assert run("train", data, "--clip-s", 0.25)[0] == 0


def test_interrupted_elsewhere(run, model, low, monkeypatch):
    def stop(*argv, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr(audio, "blocks", stop)
    assert run("classify", "--model", model, low) == (130, "", "wavenetlite classify: interrupted\n")


def test_mistakes_of_ours_are_not_hidden(model, low, monkeypatch):
    def bug(*argv, **options):
        raise ZeroDivisionError

    monkeypatch.setattr(audio, "info", bug)
    with pytest.raises(ZeroDivisionError):
        cli.main(["classify", "--model", model, low])


def test_tracebacks_on_demand(monkeypatch):
    monkeypatch.setenv("WAVENETLITE_TRACEBACK", "1")
    with pytest.raises(wl.ModelFileError):
        cli.main(["info", "no-such-model"])


# ----------------------------------------------------------------------------------------------------------- processes
def process(*argv, **options):
    return subprocess.Popen(
        [sys.executable, "-m", "wavenetlite", *map(str, argv)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**ENVIRONMENT, **options},
    )


def test_the_module_is_the_command(model, low):
    child = process("classify", "--model", model, low, "missing.wav")
    out, err = child.communicate(timeout=120)
    assert child.returncode == 1
    assert out.decode().startswith("low.wav      low  0.")
    assert err.decode() == "wavenetlite: error: missing.wav: there is no such file\n"


def test_wrong_usage_of_the_process():
    child = process("classify")
    out, err = child.communicate(timeout=120)
    assert (child.returncode, out) == (2, b"")
    assert b"the following arguments are required: FILE" in err


def test_nobody_reads(model, low):
    for argv in (["classify", "--model", model, *[low] * 50], ["info", model]):
        with process(*argv) as child:
            child.stdout.close()
            assert child.stderr.read() == b""
        assert child.returncode == 141


def test_a_terminal_without_the_letters(low):
    judge(["low", "high", "schön"]).save("german.safetensors")
    child = process("info", "german.safetensors", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    out, err = child.communicate(timeout=120)
    assert (child.returncode, err) == (0, b"")
    assert b"low, high, sch\\xf6n" in out


LISTENER = """
import sys, time
import numpy as np
from wavenetlite import audio, cli

class Quiet:
    overflows, lost_samples, device = 0, 0, None
    def __init__(self, **options): pass
    def __enter__(self): return self
    def __exit__(self, *error): pass
    def __iter__(self):
        while True:
            time.sleep(0.01)
            yield np.zeros(80, np.float32)

audio.Microphone = Quiet
cli.console()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_signal_ends_listening(model):
    child = subprocess.Popen([sys.executable, "-c", LISTENER, "listen", "--model", model], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, env=ENVIRONMENT)  # fmt: skip
    assert b"listening for" in child.stderr.readline()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=120)
    assert (child.returncode, out) == (0, b"")
    assert b"s of audio: nothing" in err
    assert b"Traceback" not in err


def tones(folder, count):
    """A corpus of tones that a recipe can be trained on."""
    for label in PITCHES:
        (folder / label).mkdir(parents=True)
        for i in range(count):
            wav(str(folder / label / f"{i}.wav"), sound(label, 2400, i))
    return folder


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_real_training_that_was_interrupted_ends_as_another(tmp_path):
    tones(tmp_path / "tones", 10)
    options = ["train", "tones", "--recipe", "digits", "--epochs", 30, "--clip-s", 0.3, "--quiet"]
    with process(*options, "--out", "broken") as child:
        history = tmp_path / "broken" / "network" / "history.jsonl"  # written after the checkpoint
        while not history.exists() and child.poll() is None:
            time.sleep(0.01)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=300)
    assert (child.returncode, out) == (130, b""), err
    assert err == b"wavenetlite train: interrupted; run the same command again to resume\n"
    assert not (tmp_path / "broken" / "classifier.safetensors").exists()
    assert 1 <= len(history.read_text().splitlines()) < 30
    for out in ("broken", "whole"):
        assert cli.main([*map(str, options), "--out", out]) == 0, out
    one, other = (tmp_path / out / "classifier.safetensors" for out in ("broken", "whole"))
    assert one.read_bytes() == other.read_bytes()
    assert len(history.read_text().splitlines()) == 30
    metrics = json.loads((tmp_path / "broken" / "metrics.json").read_text())
    clf = wl.load(one)
    corpus = read_corpus(tmp_path / "tones", clip_s=0.3)
    assert metrics["test"]["clips"] == len(corpus.test) > 0
    streamed = evaluate(clf, corpus.test, corpus.labels, streamed=True, block_ms=7)
    assert streamed.matrix.tolist() == metrics["test"]["matrix"]
    assert cli.main([*map(str, options), "--out", "broken", "--seed", "1"]) == 1


def test_the_command_is_installed():
    found = entry_points(group="console_scripts", name="wavenetlite")
    if not found:
        pytest.skip("an older wavenetlite is installed, or none")
    (script,) = found
    assert script.load() is cli.console


# ------------------------------------------------------------------------------------------ what is said before work
MODEL = "speech-commands-12"


@pytest.fixture
def no_work(monkeypatch):
    """Fails if a command begins to read recordings or models."""

    def work(*_, **__):
        raise AssertionError("the work has begun")

    places = ("shared.read_corpus", "evaluate.load_classifier", "detections.load_classifier", "features.listed",
              "processing.load")  # fmt: skip
    for place in places:
        module, name = place.split(".")
        monkeypatch.setattr(import_module(f"wavenetlite.commands.{module}"), name, work)
    monkeypatch.setattr(wl.formats, "load", work)


@pytest.mark.parametrize("argv", [
    ["train", "data", "--out", "file/deeper"], ["features", "data", "file/deeper"],
    ["features", "data", "out", "--plot", "no/a.png"], ["features", "data", "out", "--npz", "no/a.npz"],
    ["features", "data", "out", "--npz", "folder"], ["features", "data", "out", "--lhotse", "file/deeper"],
    ["evaluate", MODEL, "data", "--figure", "no/a.png"], ["evaluate", MODEL, "data", "--figure", "file/a.png"],
    ["detections", MODEL, "data", "--figure", "no/a.png"], ["render", "in.wav", "no/out.wav", "--model", MODEL],
    ["render", "in.wav", "folder", "--model", MODEL], ["convert", MODEL, "no/m.onnx"],
    ["train", "data", "--more", "nowhere"]])  # fmt: skip
def test_what_cannot_be_written_is_said_before_the_work(run, tmp_path, monkeypatch, no_work, argv):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.rglob("*"))
    status, out, err = run(*argv)
    assert (status, out) == (1, "")
    assert len(err.splitlines()) == 1
    assert "cannot be written" in err or "no such folder or file" in err or "is a directory" in err
    assert sorted(tmp_path.rglob("*")) == before


def test_options_that_contradict_each_other(run, no_work):
    assert run("train", "data", "--everything", "--hold-out-speaker", "ann")[0] == 2


# --------------------------------------------------------------------------------------------- what the corpus is like
def test_a_folder_that_has_only_a_test(run, model, tmp_path):
    for label in PITCHES:
        for i in range(2):
            (tmp_path / "d" / "test" / label).mkdir(parents=True, exist_ok=True)
            audio.write(tmp_path / "d" / "test" / label / f"{i}.wav", sound(label), SR)
    status, out, err = run("evaluate", model, tmp_path / "d", "--clip-s", 0.25, "--json")
    assert status == 0, err
    assert "no clips of _silence_" in err
    found = json.loads(out)
    assert (found["clips"], found["accuracy"]) == (4, 1.0)
    assert found["duplicates"]["within"] == {"train": 0, "valid": 0, "test": 2}
    assert "trained on" not in err
    assert "2 clips of test repeat others, byte for byte" in err


@pytest.mark.parametrize(
    ("clips", "said"), [(4, "also trained on test clips\n"), (5, "of its own corpus (parts); these")]
)
def test_the_notes_on_training_claim_no_more_than_they_know(run, model, tmp_path, clips, said):
    clf = wl.load(model)
    clf.info["data"] = {
        "layout": "parts",
        "trained_on": ["train", "test"],
        "clips": {"train": 0, "valid": 0, "test": clips},
    }
    clf.save(tmp_path / "m.safetensors")
    for label in PITCHES:
        for i in range(2):
            (tmp_path / "d" / "test" / label).mkdir(parents=True, exist_ok=True)
            audio.write(tmp_path / "d" / "test" / label / f"{i}.wav", sound(label), SR)
    status, _, err = run("evaluate", tmp_path / "m.safetensors", tmp_path / "d", "--clip-s", 0.25)
    assert status == 0
    assert said in err


@pytest.mark.parametrize(("clips", "warns"), [(4, False), (3, True)])
def test_a_folder_that_has_grown_is_split_anew_and_that_is_said(run, model, tmp_path, clips, warns):
    for label in (*PITCHES, "_silence_"):
        (tmp_path / "d" / label).mkdir(parents=True)
        for i in range(5):
            audio.write(tmp_path / "d" / label / f"{i}.wav", sound(label), SR)
    corpus = read_corpus(tmp_path / "d", sr=SR, clip_s=0.25, words="all")
    sizes = {part: len(getattr(corpus, part)) for part in ("train", "valid", "test")}
    clf = wl.load(model)
    clf.info["data"] = {"layout": "folders", "trained_on": ["train"], "clips": sizes}
    clf.save(tmp_path / "m.safetensors")
    for i in range(clips, 4):
        audio.write(tmp_path / "d" / "low" / f"more{i}.wav", sound("low"), SR)
    status, _, err = run("evaluate", tmp_path / "m.safetensors", tmp_path / "d", "--clip-s", 0.25)
    assert status == 0, err
    assert ("may have been trained on" in err) == warns


def test_train_reads_a_manifest_and_reports_duplicates(run, data, training, tmp_path):
    pytest.importorskip("matplotlib")
    files = sorted(path for path in Path(data).glob("*/*.wav"))
    lines = [f"{path},{path.parent.name},s{i % 6}" for i, path in enumerate(files)]
    copy = tmp_path / "copy.wav"
    copy.write_bytes(files[0].read_bytes())
    lines.append(f"{copy},{files[0].parent.name},s0")
    (tmp_path / "m.csv").write_text("\n".join(["path,word,who", *lines]))
    status, out, err = run("train", tmp_path / "m.csv", "--column", "label=word", "--column", "speaker=who", "--clip-s",
                           0.25, "--json", "--lazy", "--out", tmp_path / "out")  # fmt: skip
    assert status == 0, err
    assert training.calls[0]["corpus"].layout == "manifest"
    assert "repeats another, byte for byte" in err
    assert sum(json.loads(out)["duplicates"]["within"].values()) == 1
