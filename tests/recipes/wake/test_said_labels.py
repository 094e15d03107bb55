"""Voices as further speakers of a corpus: which labels they say, and what becomes of it."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

from wavenetlite import audio, cli, recipes
from wavenetlite.commands import voices as voices_command
from wavenetlite.corpora.clips import Clips, Corpus
from wavenetlite.recipes.said_labels import LEVELS_DB, with_voices
from wavenetlite.support.errors import MissingPackageError, ParameterError

LABELS = ["turn_left", "no", "_unknown_"]


def corpus(sr=16000, samples=16000, labels=LABELS):
    rng = np.random.default_rng(0)
    audio = (0.1 * rng.standard_normal((2 * len(labels), samples))).astype(np.float32)
    clips = Clips(audio, np.repeat(np.arange(len(labels)), 2), speakers=["somebody"] * 2 * len(labels))
    return Corpus(train=clips, valid=clips, test=clips.select([]), labels=list(labels), sr=sr, layout="folders",
                  problems=["odd.wav: is empty"], folder=Path())  # fmt: skip


def said_of(tones, tmp_path, given, **options):
    made = with_voices(given, tmp_path / "speech", programs={"tones": tones}, voices=["tones"], **options)
    return made, made.train.select(np.arange(len(given.train), len(made.train)))


@pytest.mark.parametrize("sr", [16000, 8000])
def test_every_voice_says_every_word_for_training_alone(tones, tmp_path, sr):
    given = corpus(sr, sr)
    made, said = said_of(tones, tmp_path, given, clips=6)
    assert np.bincount(said.y).tolist() == [6, 6]  # nobody says _unknown_
    assert {one: said.speakers.count(one) for one in said.speakers} == dict.fromkeys(
        ["tones:high", "tones:low", "tones:odd"], 4
    )
    assert np.array_equal(made.train.audio[: len(given.train)], given.train.audio)
    assert made.valid is given.valid and made.test is given.test and made.labels == LABELS
    assert made.problems == given.problems
    for y, start, length in zip(said.audio, said.starts, said.lengths, strict=True):
        assert 0.1 * sr < length <= sr
        heard = np.flatnonzero(y)
        assert start <= heard[0] < start + 0.05 * sr and heard[-1] < start + length
        peak = 20 * np.log10(np.abs(y).max() / 0.5)
        assert LEVELS_DB[0] - 1 < peak < LEVELS_DB[1] + 1
    assert len({float(np.abs(y).max()) for y in said.audio}) == len(said)


def test_the_same_seed_gives_the_same_clips_and_reads_what_was_said(tones, tmp_path):
    _, first = said_of(tones, tmp_path, corpus(), clips=3)
    tones.script.unlink()  # the voices are silent now
    _, again = said_of(tones, tmp_path, corpus(), clips=3)
    assert np.array_equal(first.audio, again.audio) and first.names == again.names


def test_a_word_longer_than_a_clip_is_cut_at_its_end(tones, tmp_path):
    _, said = said_of(tones, tmp_path, corpus(samples=4000), clips=3)
    assert said.audio.shape[1] == 4000
    assert set(said.lengths[said.y == 0].tolist()) == {4000}  # nine letters of 100 ms


def test_what_cannot_be_said_is_told(tones, tmp_path):
    script = tones.script.read_text()
    tones.script.write_text("import sys\nif sys.argv[3] == 'odd': sys.exit('a sore throat')\n" + script)
    made, said = said_of(tones, tmp_path, corpus(), clips=3)
    assert len(said) == 4
    assert [one for one in made.problems if "tones:odd" in one and "a sore throat" in one] == made.problems[1:]
    assert len(made.problems) == 3


def test_labels_that_are_no_words_are_refused(tones, tmp_path):
    with pytest.raises(
        ParameterError, match="corpus has the labels _unknown_, _noise_; voices need one that is a word"
    ):
        said_of(tones, tmp_path, corpus(labels=["_unknown_", "_noise_"]))
    with pytest.raises(ParameterError, match="clips"):
        said_of(tones, tmp_path, corpus(), clips=0)


def test_a_language_that_nobody_speaks_is_told(tones, tmp_path, monkeypatch):
    monkeypatch.setattr(type(tones), "voices", lambda self, language: [])
    with pytest.raises(ParameterError, match="language='fr': no program that is installed speaks it"):
        with_voices(corpus(), tmp_path / "speech", programs={"tones": tones}, language="fr")
    assert not (tmp_path / "speech").exists()


# The command


@pytest.fixture
def folder(tones, tmp_path, monkeypatch):
    """A small corpus in the current folder; the tones are all the programs there are."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(voices_command, "known_programs", lambda: {"tones": tones})
    monkeypatch.setattr("wavenetlite.recipes.said_labels.known_programs", lambda: {"tones": tones})
    one_epoch = dataclasses.replace(recipes.Recipe.named("quick"), epochs=1)
    monkeypatch.setattr(recipes.Recipe, "named", staticmethod(lambda name: one_epoch))
    rng = np.random.default_rng(1)
    for label in ("no", "yes"):
        Path("data", label).mkdir(parents=True)
        for n in range(10):
            audio.write(Path("data", label, f"{n}.wav"), 0.1 * rng.standard_normal(8000).astype(np.float32), 8000)
    return tmp_path


def test_train_with_voices(folder, capsys):
    assert cli.main(["train", "data", "--recipe", "quick", "--voices", "all", "--said", "5", "--out", "made"]) == 0
    err = capsys.readouterr().err
    assert "voices say 10 clips to train on" in err
    about = json.loads(Path("made", "metrics.json").read_text())["corpus"]
    assert about["voices"] == ["all"]
    assert about["by_label"] == {"no": [13, 1, 1], "yes": [13, 1, 1]}
    assert len(list(Path("made", "speech").glob("*.flac"))) == 10


@pytest.mark.parametrize(("voices", "message"), [
    ("nobody", "voices has 'nobody'; it must be one of tones"),
    ("tones:deep", "tones has no such voice for language='en', it has high, low, odd"),
])  # fmt: skip
def test_voices_that_are_not_there_are_told_before_anything_is_read(folder, capsys, voices, message):
    assert cli.main(["train", "nothing-here", "--voices", voices]) != 0
    assert message in capsys.readouterr().err
    assert not Path("trained").exists()


def test_no_program_is_told(folder, capsys, tones, monkeypatch):
    monkeypatch.setattr(type(tones), "installed", lambda self: False)
    assert cli.main(["train", "data", "--voices", "all"]) != 0
    assert "no program that speaks is installed" in capsys.readouterr().err
    with pytest.raises(MissingPackageError, match="no program that speaks"):
        with_voices(corpus(), folder / "speech", programs={"tones": tones})


@pytest.mark.parametrize(("options", "message"), [
    (["--said", "5"], "--said and --language need --voices"),
    (["--language", "de"], "--said and --language need --voices"),
    (["--voices", "all", "--out", "data/made"], "data: holds --out data/made, whose speech would be read"),
])  # fmt: skip
def test_options_that_would_be_passed_over_or_spoil_the_data_are_refused(folder, capsys, options, message):
    assert cli.main(["train", "data", *options]) == 2
    assert message in capsys.readouterr().err
    assert not Path("trained").exists() and not Path("data", "made").exists()
