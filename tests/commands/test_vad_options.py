"""--vad: on files, recordings with words, and what it refuses."""

import json

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.cli import main
from wavenetlite.corpora.utterances import Utterance
from wavenetlite.evaluation.scores import listen

SR = 16000


@pytest.fixture
def models(tmp_path):
    """A detector of loud frames, and a classifier that says "go" when it is loud."""
    features = wl.LogMel(sr=SR, n_fft=320, hop_length=320, n_mels=4)
    layer = wl.nn.Linear(4, 2)
    layer.load_state_dict({"weight": np.array([[0.1] * 4, [0.0] * 4], np.float32), "bias": np.array([18, 0], "f4")})
    for name, label in (("vad", "speech"), ("words", "go")):
        wl.AudioClassifier(features, wl.Sequential([layer]), [label, "_noise_"], background=["_noise_"]).save(
            tmp_path / f"{name}.safetensors"
        )
    y = np.zeros(4 * SR, np.float32)
    y[SR : 2 * SR] = 0.1 * np.random.default_rng(0).standard_normal(SR)
    audio.write(tmp_path / "a.wav", y, SR)
    return tmp_path


def test_classify_lists_the_events_and_how_much_was_heard(models, capsys):
    given = ["classify", "--model", str(models / "words.safetensors"), "--vad", str(models / "vad.safetensors")]
    assert main([*given, "--events", str(models / "a.wav")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("of 4.0 s heard as speech") and len(lines) == 2 and " go " in lines[1]
    assert main([*given, "--json", str(models / "a.wav"), str(models / "none.wav")]) == 1
    found, missing = map(json.loads, capsys.readouterr().out.splitlines())
    assert 1.0 < found["speech_s"] < 2.2 and found["seconds"] == 4.0 and found["events"][0]["label"] == "go"
    assert "none.wav" in missing["error"]


@pytest.mark.parametrize("options", [[], ["--events", "--top", "2"]])
def test_classify_has_no_label_of_a_file_that_was_heard_in_part(models, options, capsys):
    given = ["classify", "--model", str(models / "words.safetensors"), "--vad", str(models / "vad.safetensors")]
    assert main([*given, *options, str(models / "a.wav")]) == 2
    assert "--vad gives events, and no label of a whole file" in capsys.readouterr().err


def test_a_detector_without_background_is_refused(models, capsys):
    clf = wl.load(models / "vad.safetensors")
    wl.AudioClassifier(clf.features, clf.model, ["a", "b"]).save(models / "plain.safetensors")
    given = ["classify", "--model", str(models / "words.safetensors"), "--vad", str(models / "plain.safetensors")]
    assert main([*given, "--events", str(models / "a.wav")]) == 1
    assert "vad has no background label" in capsys.readouterr().err


def test_a_classifier_of_words_is_refused(models, capsys):
    """It would have gated by its words, without a word about it."""
    assert main(["classify", "--vad", "speech-commands-12", "--events", str(models / "a.wav")]) == 1
    assert "--vad speech-commands-12: tells down, go, left, ... from each other; it must be" in capsys.readouterr().err


def test_frames_that_are_not_heard_have_probabilities_of_zero(models):
    clf, vad = wl.load(models / "words.safetensors"), wl.load(models / "vad.safetensors")
    y, _ = audio.read(models / "a.wav")
    item = Utterance("a.wav", y, "s", "dev", "go", 1.0, 2.0, frozenset())
    plain = listen(clf, item)
    for block in (None, 160, 5000):
        scored = listen(clf.gated(vad), item, block=block)
        assert scored.probabilities.shape == plain.probabilities.shape and (scored.times_s == plain.times_s).all()
        heard = scored.probabilities.any(axis=1)
        assert 50 < heard.sum() < 120 and (scored.probabilities[heard] == plain.probabilities[heard]).all()


def test_evaluate_counts_the_alarms_of_what_is_heard(models, capsys):
    clf = wl.load(models / "words.safetensors")
    always = clf.with_detector(clf.detector.with_threshold(0.001))
    always.save(models / "always.safetensors")
    given = ["evaluate", str(models / "always.safetensors"), "--background", str(models / "a.wav"), "--json"]
    counted = {}
    for vad in ([], ["--vad", str(models / "vad.safetensors")]):
        assert main([*given, *vad]) == 0
        found = json.loads(capsys.readouterr().out)
        counted[bool(vad)] = found["live"]["false_alarms"]
        assert found["vad"] == (vad[1] if vad else None)
    stream = always.gated(wl.load(models / "vad.safetensors")).stream()
    y, _ = audio.read(models / "a.wav")
    assert counted[True] == len(stream.process(y) + stream.flush()) > 0
    assert counted[False] >= counted[True]


def test_evaluate_gates_no_clips_alone(models, capsys):
    assert main(["evaluate", str(models / "words.safetensors"), str(models), "--vad"]) == 2
    assert "--vad needs --background" in capsys.readouterr().err
