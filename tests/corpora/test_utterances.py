"""Manifests: what is read of them, and every way in which they can be wrong."""

import json

import numpy as np
import pytest
from calls import write_calls, write_manifest
from hypothesis import given
from hypothesis import strategies as st

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.corpora.utterances import Utterance, Utterances, mentions, read_utterances

LINE = {"path": "a.flac", "keyword": "go", "start_s": 0.2, "end_s": 0.6}


@pytest.fixture
def folder(tmp_path):
    for name in ("a.flac", "b.flac", "c.flac"):
        audio.write(tmp_path / name, np.zeros(8000, np.float32), 8000)
    return tmp_path


def read(folder, *lines):
    write_manifest(folder, lines)
    return read_utterances(folder)


def test_a_corpus_is_read_as_it_was_written(tmp_path):
    lines = write_calls(tmp_path, 12)
    seen = []
    found = read_utterances(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert found.words == ["fall", "rise"] and found.sr == 8000 and found.problems == []
    assert [item.name for item in found.items] == [line["path"] for line in lines]
    assert [item.word for item in found.items] == [line["keyword"] for line in lines]
    for item, line in zip(found.items, lines, strict=True):
        assert (item.audio == audio.read(tmp_path / line["path"])[0]).all() and item.untimed == frozenset()
        assert (item.start_s, item.end_s) == (line["start_s"] or 0.0, line["end_s"] or 0.0)
    assert found.hours == pytest.approx(12 * 1.6 / 3600)
    assert seen[-1] == (12, 12) and len(seen) == 12
    assert repr(found) == "Utterances(12 of 2 speakers, 0.01 h, 2 words)"


@pytest.mark.parametrize(
    ("text", "untimed"),
    [
        ("Go", set()),
        ("[beep/] Go {laugh} <as>", set()),
        ("go and GO", {"go"}),
        ("g o, then go", {"go"}),
        ("we go to stop", {"stop"}),
        ("[please say go] Go", {"go"}),
        ("[hum/ umm, go [/hum], go", {"go"}),
        ("G{breath}o", set()),
        (None, set()),
        ("nothing that one would know", set()),
    ],
)
def test_words_that_fall_once_more_than_marked(folder, text, untimed):
    other = {**LINE, "path": "b.flac", "keyword": "stop", "transcription": "stop"}
    assert read(folder, {**LINE, "transcription": text}, other).items[0].untimed == untimed


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("the telehpone, please", 1),
        ("Telephhone telephone", 2),
        ("-elephone?", 1),
        ("telephon- telephon-", 2),
        ("-lephone telep-", 0),  # too little is left
        ("elephone telephon", 0),  # nothing says that it was cut off
        ("telegone television", 0),
        ("[a telehpone rings] hello", 0),
    ],
)
def test_slips_of_typing_and_words_that_are_cut_off_a_little_count(text, count):
    assert mentions(text, ["telephone"]) == {"telephone": count}


def test_short_words_have_no_slips():
    assert mentions("no, I said no", ["on"]) == {"on": 0} and mentions("an-", ["and"]) == {"and": 0}


def test_keywords_without_times_are_words_at_unknown_times(folder):
    untimed = {**LINE, "start_s": None, "end_s": None}
    found = read(folder, untimed, {**LINE, "path": "b.flac"}, {**LINE, "path": "c.flac", "keyword": None})
    assert [(item.word, item.untimed) for item in found.items] == [
        (None, {"go"}), ("go", set()), (None, set()),
    ]  # fmt: skip


def test_times_after_the_end_are_none(folder):
    found = read(folder, {**LINE, "end_s": 1.2}, {**LINE, "path": "b.flac"})
    assert (found.items[0].word, found.items[0].untimed) == (None, {"go"})
    assert found.problems == ["a.flac: go ends at 1.2 s, after the end at 1 s; times ignored"]


def test_files_that_cannot_be_used_are_problems(folder):
    (folder / "b.flac").write_bytes(b"no audio")
    audio.write(folder / "c.flac", np.zeros((80, 2), np.float32), 8000)
    audio.write(folder / "d.flac", np.zeros(160, np.float32), 16000)
    audio.write(folder / "e.wav", np.zeros(0, np.float32), 8000)
    names = ["a.flac", "b.flac", "c.flac", "d.flac", "e.wav", "f.flac"]
    found = read(folder, *({**LINE, "path": name} for name in names))
    assert [item.name for item in found.items] == ["a.flac"]
    assert [problem.split(":")[0] for problem in found.problems] == names[1:]
    assert "2 channels" in found.problems[1] and "16000, not 8000" in found.problems[2]
    assert all(problem.endswith("skipped") and str(folder) not in problem for problem in found.problems)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"path": None}, "path=None must be the name of a file"),
        ({"path": 3}, "path=3 must be a string"),
        ({"keyword": ""}, "keyword='' must be a word or null"),
        ({"keyword": ["go"]}, "keyword=.* must be a string"),
        ({"end_s": None}, "start_s and end_s must both be numbers"),
        ({"end_s": 0.2}, "start_s=0.2 must be before end_s=0.2"),
        ({"start_s": -1.0}, "start_s=-1.0 must be finite and at least 0"),
        ({"speaker": 7}, "speaker=7 must be a string"),
    ],
)
def test_wrong_lines_are_named(folder, change, text):
    with pytest.raises(wl.WavenetliteError, match=f"line 2: {text}") as caught:
        read(folder, LINE, {**LINE, **change})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"{", "line 1: is not valid JSON"),
        (b"[]", "line 1: is a list; it must be an object"),
        (b"{}", "line 1: has no path"),
        (b"\xff", "cannot be read"),
        (b"", "no line has a keyword"),
        (json.dumps({**LINE, "keyword": None}).encode(), "no line has a keyword"),
        (json.dumps({**LINE, "start_s": None, "end_s": None}).encode(), "no word has times"),
        (json.dumps({**LINE, "path": "none.flac"}).encode(), "no file of its manifest.jsonl can be read"),
    ],
)
def test_wrong_manifests_are_one_line(folder, content, text):
    (folder / "manifest.jsonl").write_bytes(content)
    with pytest.raises(wl.ParameterError, match=text) as caught:
        read_utterances(folder)
    assert "\n" not in str(caught.value)


def test_folders_that_are_none(tmp_path):
    with pytest.raises(wl.ParameterError, match="there is no such folder"):
        read_utterances(tmp_path / "nowhere")
    with pytest.raises(wl.ParameterError, match=r"has no manifest\.jsonl"):
        read_utterances(tmp_path)
    with pytest.raises(wl.ArrayTypeError, match="folder is a int"):
        read_utterances(3)


def spoken_by(lengths):
    items = [
        Utterance(str(number), np.zeros(length, np.float32), f"s{speaker}", "", None, 0.0, 0.0, frozenset())
        for number, (speaker, length) in enumerate(lengths)
    ]
    return Utterances(["go"], items, 8000, [], None)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 99)), min_size=1, max_size=60), st.integers(2, 6),
       st.integers(0, 9))  # fmt: skip
def test_folds_part_the_speakers(lengths, count, seed):
    corpus = spoken_by(lengths)
    if len(corpus.speakers) < count:
        with pytest.raises(wl.ParameterError, match=f"folds={count} must be from 2 to {len(corpus.speakers)}"):
            corpus.folds(count, seed)
        return
    folds = corpus.folds(count, seed)
    assert sorted(number for fold in folds for number in fold) == list(range(len(lengths)))
    heard = [{corpus.items[number].speaker for number in fold} for fold in folds]
    assert all(heard) and sum(map(len, heard)) == len(corpus.speakers)
    assert folds == corpus.folds(count, seed)
    seconds = [sum(len(corpus.items[number].audio) for number in fold) for fold in folds]
    of_one = {speaker: sum(length for s, length in lengths if f"s{s}" == speaker) for speaker in corpus.speakers}
    assert max(seconds) - min(seconds) <= max(of_one.values())


def test_a_row_for_each_word_is_one_recording(tmp_path):
    """A byte order mark and a line separator inside a text are accepted too."""
    wl.audio.write(tmp_path / "a.wav", np.zeros(24000, np.float32), 8000)
    rows = [
        {"path": "a.wav", "keyword": "stop", "start_s": 1.5, "end_s": 1.8, "transcription": "go\u2028stop stop"},
        {"path": "./a.wav", "keyword": "go", "start_s": 0.2, "end_s": 0.5, "speaker": "ann"},
        {"path": "a.wav", "keyword": "go", "start_s": 0.2, "end_s": 0.5},
        {"path": "a.wav", "keyword": "left", "start_s": None, "end_s": None},
    ]
    text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (tmp_path / "manifest.jsonl").write_text(text, encoding="utf-8-sig")
    corpus = wl.train.read_utterances(tmp_path)
    (item,) = corpus.items
    assert item.said == (("go", 0.2, 0.5), ("stop", 1.5, 1.8))
    assert item.untimed == {"left", "stop"}
    assert corpus.words == ["go", "left", "stop"]
    assert len([line for line in corpus.problems if "speaker=" in line]) == 1
