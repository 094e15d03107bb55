"""The options --background: what is printed, noted and refused."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from level_classifier import PITCHES, SR, judge, sound

import wavenetlite as wl
from wavenetlite import audio, cli
from wavenetlite.commands.listen import about, quietness
from wavenetlite.support.errors import ParameterError

TINY = {"epochs": 1, "refining_epochs": 1, "variants": 1, "background_variants": 1, "teachers": 0, "least_clips": 0}


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run(capsys):
    def call(*argv):
        status = cli.main([str(word) for word in argv])
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return status, said.out, said.err

    return call


@pytest.fixture
def model():
    judge().save("tones.safetensors")
    return "tones.safetensors"


@pytest.fixture
def data():
    for label in PITCHES:
        Path("data", label).mkdir(parents=True)
        for i in range(10):
            audio.write(Path("data", label, f"{i}.wav"), sound(label, 4000, i), SR)
    return "data"


@pytest.fixture
def talk():
    """Faint noise, and in it one low tone and two high ones: three alarms."""
    Path("talk", "deep").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for n, label in enumerate(("low", "high", "high")):
        y = (0.001 * rng.standard_normal(4 * SR)).astype(np.float32)
        y[SR : SR + 4000] += sound(label, 4000, 50 + n)
        audio.write(Path("talk", "deep" if n else "", f"{n}.wav"), np.clip(y, -1, 1), SR)
    return "talk"


def small(monkeypatch):
    import dataclasses

    from wavenetlite.recipes import recipe

    monkeypatch.setitem(recipe.RECIPES, "quick", dataclasses.replace(recipe.RECIPES["quick"], **TINY))


def test_alarms_of_any_model(run, model, talk):
    status, out, _ = run("evaluate", model, "--background", talk)
    assert status == 0
    rows = {line.split()[0]: line.split()[1:] for line in out.splitlines()[-3:]}
    assert (rows["low"][0], rows["high"][0], rows["all"][1]) == ("1", "2", "3")
    found = json.loads(
        run("evaluate", model, "--background", Path(talk, "deep"), "--background", Path(talk, "0.wav"), "--json")[1]
    )
    assert found["live"]["false_alarms"] == 3
    assert found["live"]["by_word"]["high"]["false_alarms"] == 2
    assert found["live"]["false_alarms_per_hour"] == pytest.approx(3 / (12 / 3600), abs=0.01)


def test_alarms_and_words(run, model, data, talk):
    pytest.importorskip("matplotlib")
    options = ["evaluate", model, data, "--split", "all", "--words", "all", "--clip-s", 0.5, "--background", talk]
    status, out, _ = run(*options, "--det", "det.png")
    assert status == 0
    assert "100.00 % of 20 clips recognised" in out
    assert "delay after the end of the clip" in out
    assert Path("det.png").stat().st_size > 1000
    live = json.loads(run(*options, "--json")[1])["live"]
    assert (live["false_alarms"], live["recall"], live["words"]) == (3, 1.0, 20)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ([], "DATA or --background is needed"),
        (["--background", "nowhere"], "background=nowhere: there is no such folder or file"),
        (["--background", "."], "has no audio files"),
        (["--background", "talk", "--det", "det.png"], "--det needs DATA and --background"),
        (["--background", "talk", "--wrong"], "--wrong needs DATA"),
        (["--background", "talk", "--figure", "f.png"], "--figure needs DATA"),
    ],
)
def test_evaluate_refuses_in_one_line(run, model, request, argv, message):
    if "talk" in argv:
        request.getfixturevalue("talk")
    status, out, err = run("evaluate", model, *argv)
    assert status in (1, 2)
    assert out == ""
    assert message in err.splitlines()[-1]


@pytest.fixture
def refined(monkeypatch):
    """What pictures of trainings say of further epochs."""
    said = []
    monkeypatch.setattr(
        "wavenetlite.commands.train.training_curve", lambda *args, refined, **options: said.append(refined)
    )
    return said


def test_train_with_a_background(run, data, talk, refined, monkeypatch):
    small(monkeypatch)
    status, out, err = run("train", data, "--recipe", "quick", "--clip-s", 0.5, "--background", talk, "--out", "made")
    assert status == 0
    assert refined == [True]
    assert "Background(3 recordings" in err
    assert "the recordings have no _unknown_: it is made from their words" in err
    clf = wl.load("made/classifier.safetensors")
    assert "_unknown_" in clf.labels
    assert set(clf.detector.thresholds) == set(PITCHES)
    assert clf.info["data"]["background"] == ["talk"]
    live, metrics = clf.info["live"], json.loads(Path("made/metrics.json").read_text())["live"]
    assert {name: metrics[name] for name in live if name != "background"} == {
        name: value for name, value in live.items() if name != "background"
    }
    assert "false alarms an hour in" in out.splitlines()[-1]


def test_train_without_a_label_of_what_is_rejected(run, data, refined, monkeypatch):
    small(monkeypatch)
    options = ["train", data, "--recipe", "quick", "--clip-s", 0.5, "--out", "made", "--no-reject"]
    assert run(*options)[0] == 0
    clf = wl.load("made/classifier.safetensors")
    assert refined == [False]
    assert clf.labels == sorted(PITCHES)
    assert "live" not in clf.info


def test_train_options_that_change_the_recipe(run, data, talk, monkeypatch):
    calls = []

    def stub(*args, **options):
        calls.append(options["recipe"])
        raise ParameterError("enough")

    monkeypatch.setattr(wl.recipes, "train_classifier", stub)
    recipe = ["--recipe", "live"]
    for more in (recipe, ["--in-talk", *recipe], ["--members", 3, *recipe], ["--teachers", 2, "--members", 2], []):
        assert run("train", data, "--clip-s", 0.5, "--background", talk, *more)[0] == 1
    live, few = (wl.recipes.Recipe.named(name) for name in ("live", "few"))
    members = dataclasses.replace(live, members=3)
    two = dataclasses.replace(few.taught_by(2), members=2)
    assert calls == [live, dataclasses.replace(live, alone=False), members, two, few]
    status, _, err = run("train", data, "--in-talk")
    assert status == 2
    assert "--in-talk needs --background" in err


def test_few_clips_have_several_networks_by_default(run, data, talk, monkeypatch):
    """Below a number of clips the default is the recipe `few`, and the command says so unless it is quiet."""
    calls = []

    def stub(corpus, recipe, **options):
        calls.append((len(corpus.train), recipe))
        raise ParameterError("enough")

    monkeypatch.setattr(wl.recipes, "train_classifier", stub)
    train = ["train", data, "--clip-s", 0.5, "--background", talk]
    told = run(*train)[2]
    count = calls[0][0]
    assert f"{count} clips are few: the recipe is few; --recipe live is the one for many" in told
    monkeypatch.setattr("wavenetlite.recipes.recipe.FEW_CLIPS", count)
    assert "clips are few" not in run(*train)[2]
    monkeypatch.setattr("wavenetlite.recipes.recipe.FEW_CLIPS", count + 1)
    assert "clips are few" not in run(*train, "--quiet")[2]
    assert "clips are few" not in run(*train, "--everything")[2]
    assert [recipe.name for _, recipe in calls] == ["few", "live", "few", "live"]


def test_train_refuses_its_own_clips(run, data):
    status, _, err = run("train", data, "--recipe", "quick", "--clip-s", 0.5, "--background", data)
    assert status == 1
    assert "background holds 20 recordings of the corpus" in err.splitlines()[-1]
    assert not Path("trained").exists()
    status, _, err = run("train", data, "--recipe", "quick", "--background", "data", "--no-reject")
    assert status == 2
    assert "--no-reject cannot be given with it" in err


def test_listen_tells_how_quiet_its_model_is():
    clf = judge()
    assert "is not in its notes" in quietness(clf, None)
    clf.info["live"] = {"false_alarms_per_hour": 1.5, "hours": 2, "recall": 0.9}
    measured = "measured: 1.5 false alarms an hour in 2 h of talk; hears 90.0 % of clips of its words"
    assert quietness(clf, None) == measured
    assert quietness(clf, 0.4).endswith("; --threshold 0.4 changes that")
    clf.info["live"] = "quiet"
    assert "is not in its notes" in quietness(clf, None)
    assert about(clf, None) == [quietness(clf, None)]


def test_listen_and_info_say_that_words_must_stand_alone(run):
    """Whoever speaks to such a model as to others is not heard, and would not know why."""
    clf = wl.load("spoken-digits")
    assert "hears words that stand alone, with 0.6 s of quiet before and 0.3 s after" in about(clf, None)[0]
    told = "hears            words that stand alone, with 0.6 s of quiet before and 0.3 s after; within speech"
    assert told in run("info", "spoken-digits")[1]
    assert json.loads(run("info", "spoken-digits", "--json")[1])["alone"] is True
    assert "\nhears " not in run("info", "speech-commands-12")[1]
    assert json.loads(run("info", "speech-commands-12", "--json")[1])["alone"] is False
