"""Wake words from recordings to a detector: a corpus of tones is learned, and every decision on the way is checked."""

import dataclasses
import importlib.util
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from calls import write_calls
from places import EXAMPLES

import wavenetlite as wl
from wavenetlite import cli, models
from wavenetlite.corpora.utterances import read_utterances
from wavenetlite.evaluation.det import ALL, outcomes
from wavenetlite.evaluation.detections import report
from wavenetlite.evaluation.scores import ConcatenatedScores, by_recording, listen_to_all
from wavenetlite.recipes.members import members_of
from wavenetlite.recipes.spotting import (
    BACKGROUND,
    SPOTTING,
    SpottingRecipe,
    chosen_thresholds,
    cross_validate,
    spotting_recipe,
    train_spotter,
)

TINY = SpottingRecipe(
    "tiny",
    features={"n_fft": 256, "hop_length": 80, "n_mels": 20, "amin": 1e-8},
    network={"stem": [[8, [3, 3], [2, 2]]], "channels": 16, "dilations": [1, 2, 4], "pool_frames": 1},
    epochs=14,
    batch_size=8,
    lr=1e-2,
    ema=0.9,
    segment_frames=128,
    waveforms=[{"type": "Gain", "low_db": -6.0, "high_db": 6.0}],
    frames=[
        {"type": "SpecAugment", "time_masks": 1, "most_frames": 4, "frequency_masks": 1, "most_bins": 2, "fill": 0.0}
    ],
    speed=(0.95, 1.05),
    variants=1,
    detector={"smoothing_ms": 40.0, "min_duration_ms": 0.0, "refractory_ms": 300.0},
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("calls")
    write_calls(made, 48)
    return made


@pytest.fixture(scope="module")
def utterances(folder):
    return read_utterances(folder)


@pytest.fixture(scope="module")
def clf(utterances):
    return train_spotter(utterances, TINY, threads=1)


def test_words_are_learned(utterances, clf):
    dev = [utterances.items[i] for i in utterances.of("dev")]
    scores = ConcatenatedScores(listen_to_all(clf, dev), clf.labels, clf.frame_rate)
    made = outcomes(scores, clf.detector, utterances.words, [BACKGROUND])[ALL]
    assert made.words == 8 and made.found >= 7 and made.alarms <= 1
    assert -0.15 < made.delay_s(0.5) < 0.3


def test_a_classifier_says_what_it_is(utterances, clf, tmp_path):
    assert clf.labels == ["fall", "rise", BACKGROUND] and clf.background == (BACKGROUND,) and clf.latency_s == 0
    assert set(clf.detector.thresholds) == {"fall", "rise"}
    train = [item for item in utterances.items if item.split == "train"]
    assert clf.info["utterances"] == len(train) and clf.info["speakers"] == 6 and clf.info["recipe"]["name"] == "tiny"
    clf.save(tmp_path / "a.safetensors")
    again = wl.load(tmp_path / "a.safetensors")
    assert again.detector == clf.detector and again.info == clf.info


def test_thresholds_come_from_what_was_held_out(utterances, clf):
    dev = [utterances.items[i] for i in utterances.of("dev")]
    scores = ConcatenatedScores(by_recording(listen_to_all(clf, dev)), clf.labels, clf.frame_rate)
    assert clf.detector.thresholds == chosen_thresholds(scores, clf.detector, utterances.words)
    found = report(scores, clf.detector, utterances.words, [BACKGROUND])
    for word in utterances.words:
        assert clf.detector.thresholds[word] == pytest.approx(found.curves[word].at(2.0)[0], abs=1e-4)


def test_folds_are_learned_and_not_learned_again(utterances, tmp_path, monkeypatch):
    short = dataclasses.replace(TINY, epochs=1)
    made = cross_validate(utterances, short, folds=2, folder=tmp_path, threads=1)
    assert sorted(recording.name for recording in made.recordings) == sorted(item.name for item in utterances.items)
    assert {file.relative_to(tmp_path).as_posix() for file in tmp_path.rglob("classifier.safetensors")} == {
        "fold-1-of-2/classifier.safetensors", "fold-2-of-2/classifier.safetensors",
    }  # fmt: skip
    by_name = {item.name: item.speaker for item in utterances.items}
    speakers = [{by_name[recording.name] for recording in fold} for fold in made.folds]
    assert not speakers[0] & speakers[1]
    monkeypatch.setattr("wavenetlite.recipes.spotting.fit", None)  # whoever trains again fails
    again = cross_validate(utterances, short, folds=2, folder=tmp_path, threads=1)
    for one, other in zip(made.recordings, again.recordings, strict=True):
        assert (one.probabilities == other.probabilities).all()
    other = dataclasses.replace(short, detector={"smoothing_ms": 90.0})  # which is no matter of learning
    assert cross_validate(utterances, other, folds=2, folder=tmp_path, threads=1).detector.smoothing_ms == 90
    with pytest.raises(TypeError):
        cross_validate(utterances, dataclasses.replace(short, lr=1e-3), folds=2, folder=tmp_path, threads=1)


def test_two_networks_are_learned_and_heard_as_their_mean(utterances, tmp_path):
    """The first is the one that is trained alone; training resumes in the folders of both."""
    one = dataclasses.replace(TINY, epochs=1)
    two = dataclasses.replace(one, members=2)
    alone = train_spotter(utterances, one, folder=tmp_path, threads=1)
    clf = train_spotter(utterances, two, folder=tmp_path, threads=1)
    assert clf.model.parameter_count == 2 * alone.model.parameter_count + len(clf.labels)  # and what divides
    assert (tmp_path / "network-2" / "checkpoint.npz").exists()
    first, second = (member.state_dict()["input.0.weight"] for member in members_of(clf.model))
    np.testing.assert_array_equal(first, alone.model.state_dict()["input.0.weight"])
    assert (first != second).mean() > 0.9
    assert clf.info["recipe"]["members"] == 2
    with pytest.raises(wl.ParameterError, match="members=0 must be a positive integer"):
        train_spotter(utterances, dataclasses.replace(one, members=0), threads=1)


@pytest.mark.slow
def test_thresholds_of_a_fold_are_chosen_on_the_others(utterances, clf):
    made = cross_validate(utterances, dataclasses.replace(TINY, epochs=2), folds=3, threads=1)
    found = made.report()
    assert found.recordings == 48 and found.as_set[ALL].words == sum(item.word is not None for item in utterances.items)
    expected = 0
    for at, fold in enumerate(made.folds):
        others = [recording for number, some in enumerate(made.folds) if number != at for recording in some]
        thresholds = chosen_thresholds(
            ConcatenatedScores(by_recording(others), made.labels, made.frame_rate), made.detector, ["fall", "rise"]
        )
        detector = wl.detection.Detector(**{**TINY.detector, "thresholds": thresholds})
        expected += outcomes(
            ConcatenatedScores(fold, made.labels, made.frame_rate), detector, ["fall", "rise"], [BACKGROUND]
        )[ALL].found
    assert found.as_set[ALL].found == expected
    whole = report(
        ConcatenatedScores(made.recordings, made.labels, made.frame_rate), made.detector, ["fall", "rise"], [BACKGROUND]
    )
    assert [one.found for one in found.curves[ALL].outcomes] == [one.found for one in whole.curves[ALL].outcomes]


def test_everything_is_learned_with_the_thresholds_of_the_folds(utterances, clf):
    dev = [utterances.items[i] for i in utterances.of("dev")]
    recordings = listen_to_all(clf, dev)
    whole = train_spotter(utterances, dataclasses.replace(TINY, epochs=1), recordings=recordings, threads=1)
    assert whole.info["utterances"] == 48 and whole.detector.thresholds == clf.detector.thresholds


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda u: train_spotter(u, "none"), "recipe='none' must be one of wake-words"),
        (lambda u: train_spotter(u, 3), "recipe is a int"),
        (lambda u: train_spotter("calls"), "utterances is a str"),
        (lambda u: train_spotter(u, TINY, thresholds_on=range(48)), "no words to train on"),
        (lambda u: train_spotter(u, TINY, thresholds_on=[]), "none of the split 'dev'"),
        (lambda u: cross_validate(u, TINY, folds=1), "folds=1 must be from 2 to 8"),
        (lambda u: train_spotter(u, TINY, epochs=0), "epochs=0 must be a positive integer"),
    ],
)
def test_mistakes(utterances, call, text):
    with pytest.raises(wl.WavenetliteError, match=text) as caught:
        call(utterances)
    assert "\n" not in str(caught.value)


def test_the_recipe_is_one_that_can_be_made():
    recipe = spotting_recipe("wake-words")
    assert recipe is SPOTTING["wake-words"]
    model = wl.nn.FrequencyTCN(32, 6, **{"pool_frames": 1, **recipe.network})
    assert model.parameter_count <= 150_000 and model.receptive_field / 100 >= 1
    assert json.loads(json.dumps(dataclasses.asdict(recipe)))["name"] == "wake-words"


# ------------------------------------------------------------------------------------------------------ command line
@pytest.fixture(scope="module")
def file(clf, tmp_path_factory):
    path = tmp_path_factory.mktemp("spotter") / "spotter.safetensors"
    clf.save(path)
    return str(path)


def run(capsys, *arguments):
    status = cli.main([str(argument) for argument in arguments])
    caught = capsys.readouterr()
    return status, caught.out, caught.err


def test_detections(capsys, file, folder, tmp_path):
    pytest.importorskip("matplotlib")
    status, out, _ = run(capsys, "detections", file, folder, "--figure", tmp_path / "det.png", "--wrong",
                         "--other", folder)  # fmt: skip
    assert status == 0 and "all together" in out and "alarms in 0.02 h of other speech" in out
    assert (tmp_path / "det.png").exists()
    status, out, err = run(capsys, "detections", file, folder, "--split", "all", "--json")
    made = json.loads(out)
    assert status == 0 and err == "wavenetlite: by its notes, the classifier was also trained on train recordings\n"
    assert made["recordings"] == 48 and made["other"] is None
    assert set(made["words"]) == {"fall", "rise", "each at that rate", "each, said not counted", "all together"}
    status, streamed, _ = run(capsys, "detections", file, folder, "--split", "all", "--json", "--stream",
                              "--block-ms", 7)  # fmt: skip
    assert {**json.loads(streamed), "streamed": False} == made


@pytest.mark.parametrize(
    ("options", "status", "text"),
    [
        (["--block-ms", "7"], 2, "--block-ms needs --stream"),
        (["--split", "test"], 1, "has no test recordings; --split all takes all"),
        (["--other", "nowhere"], 2, "--other nowhere: there is no such folder"),
    ],
)
def test_wrong_options(capsys, file, folder, options, status, text):
    made, out, err = run(capsys, "detections", file, folder, *options)
    assert (made, out) == (status, "") and text in err and "Traceback" not in err and err.count("\n") == 1


def test_options_of_clips_are_those_of_another_command(capsys, file, folder):
    assert run(capsys, "detections", file, folder, "--words", "all")[0] == 2
    assert run(capsys, "evaluate", file, folder, "--by-recording")[0] == 2
    assert run(capsys, "evaluate", file, folder, "--split", "dev")[0] == 2


def test_words_that_a_classifier_does_not_know(capsys, folder):
    status, _, err = run(capsys, "detections", "spoken-digits", folder)
    assert status == 1 and "has the word 'fall'; the classifier detects 0, 1" in err
    status, _, err = run(capsys, "detections", "speech-commands-12", folder)
    assert status == 1 and "its sample rate is 8000; it must be the classifier's 16000" in err


# ----------------------------------------------------------------------------------------------------------- example
@pytest.fixture
def example(monkeypatch):
    spec = importlib.util.spec_from_file_location("wake_words", EXAMPLES / "wake_words.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "wake_words", module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(SPOTTING, "wake-words", dataclasses.replace(TINY, epochs=2))
    monkeypatch.delenv("WAVENETLITE_DATA", raising=False)
    return module


def test_the_example_from_end_to_end(example, folder, tmp_path, capsys, monkeypatch):
    pytest.importorskip("matplotlib")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "wake_words").symlink_to(folder, target_is_directory=True)
    monkeypatch.setenv("WAVENETLITE_DATA", str(tmp_path / "data"))
    assert example.main(["--out", str(tmp_path / "out"), "--other", str(folder)]) == 0
    out = capsys.readouterr().out
    assert "all together" in out and "recording        said" in out and "as one stream" in out
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "det.png", "detections.json", "training", "wake-words.safetensors",
    }  # fmt: skip
    assert set(wl.load(tmp_path / "out" / "wake-words.safetensors").labels) == {"fall", "rise", BACKGROUND}


@pytest.mark.slow
def test_the_example_with_folds(example, folder, tmp_path, capsys):
    command = ["--data", str(folder), "--folds", "2", "--out", str(tmp_path)]
    assert example.main(command) == 0
    out = capsys.readouterr().out
    assert "48 recordings" in out and not (tmp_path / "wake-words.safetensors").exists()
    assert example.main([*command, "--everything", "--members", "2"]) == 0
    assert len(members_of(wl.load(tmp_path / "wake-words.safetensors").model)) == 2
    capsys.readouterr()
    assert example.main([*command, "--everything"]) == 0
    assert wl.load(tmp_path / "wake-words.safetensors").info["utterances"] == 48
    assert capsys.readouterr().out.split("\n")[2:9] == out.split("\n")[2:9]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "no recordings: give --data FOLDER, or set WAVENETLITE_DATA"),
        (["--data", "nowhere"], "there is no such folder"),
        (["--epochs", "0"], "epochs=0"),
        (["--members", "0"], "members=0 must be a positive integer"),
        (["--folds", "9"], "folds=9 must be from 2 to 8"),
    ],
)
def test_mistakes_in_the_example_are_one_line(example, folder, tmp_path, capsys, arguments, text):
    data = ["--data", str(folder)] if arguments and "--data" not in arguments else []
    assert example.main([*arguments, *data, "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err.strip().split("\n")[-1]
    assert error.startswith("wake_words: ") and text in error


# ------------------------------------------------------------------------------------------------------ bundled model
BUNDLED = "wake-words-telephone"
DATA = Path(os.environ.get("WAVENETLITE_DATA", "")) / "wake_words"
calls = pytest.mark.skipif(
    not (os.environ.get("WAVENETLITE_DATA") and DATA.is_dir()), reason="wake_words is not in WAVENETLITE_DATA"
)


@pytest.fixture(scope="module")
def bundled():
    return wl.load(BUNDLED)


def test_the_bundled_model_is_as_promised(bundled):
    assert BUNDLED in models.names()
    assert bundled.sr == 8000 and bundled.latency_s == 0 and bundled.model.parameter_count <= 250_000
    assert bundled.labels == ["onword", "operator", "thinkengine", "voyager", "wildfire", BACKGROUND]
    assert set(bundled.detector.thresholds) == set(bundled.labels[:-1])
    assert {"recipe", "seed", "accuracy", "attribution"} <= set(bundled.info)
    assert "WUW Corpus II" in bundled.info["attribution"] and "BY-SA 4.0" in bundled.info["attribution"]
    assert bundled.info["recipe"]["name"] == "wake-words"


def test_the_bundled_model_hears_nothing_in_noise(bundled):
    rng = np.random.default_rng(0)
    for level in (0.0, 1e-3, 0.1):
        y = (level * rng.standard_normal(8000 * 20)).astype(np.float32)
        stream = bundled.stream()
        assert stream.process(y) + stream.flush() == []


@calls
def test_the_bundled_model_finds_words_in_real_calls_however_they_come(bundled):
    """It has heard these recordings: this says that it works as installed, not how well it would work elsewhere."""
    lines = [json.loads(line) for line in (DATA / "manifest.jsonl").read_text().splitlines()]
    chosen = [line for line in lines if line["start_s"] is not None][::50]
    rng = np.random.default_rng(1)
    found = 0
    for line in chosen:
        y, sr = wl.audio.read(DATA / line["path"])
        whole = bundled.stream(sr=sr)
        events = whole.process(y) + whole.flush()
        stream, at, streamed = bundled.stream(), 0, []
        while at < len(y):
            size = int(rng.integers(1, 700))
            streamed += stream.process(y[at : at + size])
            at += size
        assert streamed + stream.flush() == events
        found += any(event.label == line["keyword"] for event in events)
    assert found >= 0.9 * len(chosen)
