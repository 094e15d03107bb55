"""Backgrounds: what is read, how it is divided, and whose words it must not hold."""

from pathlib import Path

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.corpora import background as module
from wavenetlite.corpora.background import Background, BackgroundFile, background_files, check_background
from wavenetlite.support.errors import ParameterError
from wavenetlite.train import read_background

SR = 8000


def noise(samples, seed=0):
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def of_lengths(*lengths):
    return Background(
        [BackgroundFile(f"{n}", np.full(length, n + 1, np.int16)) for n, length in enumerate(lengths)], SR, []
    )


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep" / "er").mkdir(parents=True)
    audio.write(tmp_path / "a.wav", noise(SR), SR)
    audio.write(tmp_path / "deep" / "b.flac", noise(2 * 16000, 1), 16000)
    stereo = np.stack([noise(SR, 2), np.zeros(SR, np.float32)], axis=1)
    audio.write(tmp_path / "deep" / "er" / "c.wav", stereo, SR)
    (tmp_path / "notes.txt").write_text("not audio")
    return tmp_path


def test_any_rate_depth_and_number_of_channels(folder):
    made = read_background(folder, SR)
    assert [file.name for file in made.files] == ["a.wav", "deep/b.flac", "deep/er/c.wav"]
    assert [len(file.samples) for file in made.files] == [SR, 2 * SR, SR]
    mixed = made.files[2].samples / 32767
    assert np.allclose(mixed, noise(SR, 2) / 2, atol=1e-4)
    assert made.problems == []
    assert repr(made) == "Background(3 recordings, 0.00 h, 8000 Hz)"


def test_several_folders_and_files_each_once(folder):
    names = [name for name, _, _ in background_files([folder, folder / "deep", folder / "a.wav"])]
    assert names == ["a.wav", "deep/b.flac", "deep/er/c.wav"]


def test_what_cannot_be_read_is_reported_and_skipped(folder):
    (folder / "broken.wav").write_bytes(b"RIFF....")
    made = read_background(folder, SR)
    assert len(made) == 3
    assert len(made.problems) == 1
    assert made.problems[0].startswith("broken.wav: ")
    assert made.problems[0].endswith("; skipped")


def test_too_much_is_cut_and_told(folder, monkeypatch):
    monkeypatch.setattr(module, "MOST_HOURS", 1.5 / 3600)
    made = read_background(folder, SR)
    assert len(made) < 3
    assert "more than" in made.problems[-1]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("nowhere", "there is no such folder or file"),
        ("empty", "has no audio files"),
        ([], "must be the path of a folder"),
        (3, "must be the path of a folder"),
    ],
)
def test_nothing_to_read_is_one_line(tmp_path, given, message):
    (tmp_path / "empty").mkdir()
    with pytest.raises((ParameterError, TypeError), match=message):
        read_background(tmp_path / given if isinstance(given, str) else given, SR)


def test_a_recording_is_in_one_part_only():
    whole = of_lengths(*[SR] * 20)
    train, dev = whole.split(0.25, seed=3)
    assert len(dev) == 5
    assert {file.name for file in train.files} | {file.name for file in dev.files} == {f"{n}" for n in range(20)}
    assert len(train) + len(dev) == 20
    again = whole.split(0.25, seed=3)[1]
    assert [file.name for file in again.files] == [file.name for file in dev.files]


def test_every_folder_has_its_own_part(folder):
    made = read_background([folder / "deep" / "er", folder / "a.wav", folder], SR)
    assert [(file.name, file.folder) for file in made.files] == [("c.wav", 0), ("a.wav", 1), ("deep/b.flac", 2)]
    assert [[file.name for file in one.files] for one in made.by_folder()] == [["c.wav"], ["a.wav"], ["deep/b.flac"]]
    assert [file.folder for file in read_background(folder, SR).files] == [0, 0, 0]


def test_a_file_of_two_folders_is_one_of_the_innermost(folder, monkeypatch):
    """So a part of the background can be named besides the whole, and nothing is heard in training and kept back."""
    (folder / "linked").symlink_to(folder / "deep", target_is_directory=True)
    monkeypatch.chdir(folder)
    for given in ([folder, folder / "deep"], [".", folder / "linked"], [folder, "deep"]):
        files = read_background(given, SR).files
        assert [(Path(file.name).name, file.folder) for file in files] == [("a.wav", 0), ("b.flac", 1), ("c.wav", 1)]
    for twice in ([folder, folder], [folder, "."], [folder / "a.wav", "a.wav"]):
        assert {file.folder for file in read_background(twice, SR).files} == {0}
        assert len(read_background(twice, SR)) == len(read_background(twice[0], SR))


def test_one_recording_is_cut_in_two():
    train, dev = of_lengths(1000).split(0.25)
    assert (len(train.files[0].samples), len(dev.files[0].samples)) == (750, 250)


def test_rows_hold_everything():
    rows = of_lengths(700, 500, 300).rows(1000 / SR)
    assert rows.shape == (2, 1000)
    held = np.rint(rows[:].ravel() * 32767).astype(int)
    assert {1, 2, 3} == set(held)
    assert (held[:1500] == 1).sum() == 700
    assert np.array_equal(held[1500:], held[:500])  # the last row goes on from the beginning


def corpus_in(folder, words=("yes", "no")):
    for n, word in enumerate(words):
        (folder / word).mkdir(parents=True)
        for k in range(6):
            audio.write(folder / word / f"{k}.wav", noise(SR // 2, 10 * n + k), SR)
    return wl.train.read_corpus(folder, clip_s=0.5)


def test_the_words_of_the_corpus_are_refused(tmp_path):
    corpus = corpus_in(tmp_path / "corpus")
    with pytest.raises(ParameterError, match=r"background holds 12 recordings of the corpus, such as corpus/no/0.wav"):
        check_background(read_background(tmp_path, SR), corpus, print)


def test_clips_of_unknown_words_may_be_background_if_they_are_not_tested_on(tmp_path):
    corpus = corpus_in(tmp_path / "corpus", ("yes", "_unknown_"))
    trained = {name for name, y in zip(corpus.train.names, corpus.train.y, strict=True) if corpus.labels[y] != "yes"}
    (tmp_path / "talk").mkdir()
    for name in trained:
        (tmp_path / "talk" / name.replace("/", "-")).write_bytes((tmp_path / "corpus" / name).read_bytes())
    check_background(read_background(tmp_path / "talk", SR), corpus, print)
    held_out = [*corpus.test.names, *corpus.valid.names][0]
    (tmp_path / "talk" / "held-out.wav").write_bytes((tmp_path / "corpus" / held_out).read_bytes())
    with pytest.raises(ParameterError, match="holds 1 recordings"):
        check_background(read_background(tmp_path / "talk", SR), corpus, print)


def test_folders_named_like_words_are_told(tmp_path):
    corpus = corpus_in(tmp_path / "corpus")
    (tmp_path / "talk" / "Yes").mkdir(parents=True)
    audio.write(tmp_path / "talk" / "Yes" / "other.wav", noise(SR, 99), SR)
    said = []
    check_background(read_background(tmp_path / "talk", SR), corpus, said.append)
    assert len(said) == 1
    assert "named like words to detect (Yes)" in said[0]
