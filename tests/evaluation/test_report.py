"""Reports of training and of detections, as text."""

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.evaluation.report import confusion, confusion_text, match_events


def said(label, start, end):
    return {"label": label, "start_s": start, "end_s": end}


def heard(label, at):
    return {"label": label, "time_s": at}


def test_confusion_counts_every_clip():
    rng = np.random.default_rng(0)
    truth, predicted = rng.integers(0, 5, 300), rng.integers(0, 5, 300)
    matrix = confusion(truth, predicted, 5)
    assert matrix.dtype == np.int64
    for row in range(5):
        for column in range(5):
            assert matrix[row, column] == sum(t == row and p == column for t, p in zip(truth, predicted, strict=True))
    assert confusion([], [], 3).tolist() == np.zeros((3, 3)).tolist()


@pytest.mark.parametrize(
    ("truth", "predicted", "error", "text"),
    [
        ([0, 1], [0], wl.ParameterError, "predicted has shape"),
        ([0.0], [0], wl.ArrayTypeError, "truth has dtype float64"),
        ([0], [3], wl.ParameterError, "predicted ranges from 3 to 3"),
        ([-1], [0], wl.ParameterError, "truth ranges from -1"),
    ],
)
def test_confusion_refuses(truth, predicted, error, text):
    with pytest.raises(error, match=text) as caught:
        confusion(truth, predicted, 3)
    assert "\n" not in str(caught.value)


def test_text_of_a_confusion_matrix():
    text = confusion_text([[9, 1, 0], [0, 1234, 0], [0, 0, 0]], ["yes", "no", "_unknown_"])
    lines = text.split("\n")
    assert len(lines) == 4
    assert len({len(line) for line in lines}) == 1  # columns stand under each other
    assert lines[1].split() == ["yes", "9", "1", ".", "90", "%"]
    assert lines[2].split() == ["no", ".", "1234", ".", "100", "%"]
    assert lines[3].split()[-2:] == ["none", "said"]


@pytest.mark.parametrize(
    ("matrix", "labels", "error"),
    [
        ([[1, 0]], ["a", "b"], wl.ParameterError),
        ([[1, -1], [0, 1]], ["a", "b"], wl.ParameterError),
        ([[1.0, 0.0], [0.0, 1.0]], ["a", "b"], wl.ArrayTypeError),
        ([[1, 0], [0, 1]], "ab", wl.ArrayTypeError),
        (np.zeros((0, 0), int), [], wl.ParameterError),
    ],
)
def test_text_refuses(matrix, labels, error):
    with pytest.raises(error) as caught:
        confusion_text(matrix, labels)
    assert "\n" not in str(caught.value)


def test_matches():
    truth = [said("yes", 1.0, 1.5), said("no", 2.0, 2.4), said("_unknown_", 3.0, 3.3), said("yes", 4.0, 4.4)]
    events = [heard("yes", 1.9), heard("yes", 2.1), heard("up", 3.2), heard("yes", 4.2)]
    matches = match_events(truth, events, background=["_unknown_"])
    assert matches.found == ((0, 0), (3, 3))
    assert matches.missed == (1,)
    assert matches.false == (1, 2)  # too late for the first yes, which moreover has its event; no "up" was said
    assert str(matches) == "2 of 3 words found, 2 false alarms"


def test_matches_know_order_and_edges():
    truth = [said("yes", 2.0, 2.25), said("yes", 1.0, 1.25)]
    events = [heard("yes", 2.75), heard("yes", 1.0)]
    assert match_events(truth, events).found == ((1, 1), (0, 0))
    assert match_events(truth, [heard("yes", 0.99)]).false == (0,)
    assert match_events(truth, [heard("yes", 1.3)], tolerance_s=0.0).false == (0,)
    assert match_events([], []).found == ()


def test_one_event_finds_one_word():
    assert len(match_events([said("yes", 1.0, 1.4)], [heard("yes", 1.2), heard("yes", 1.3)]).false) == 1


def test_matches_refuse_what_is_no_event():
    with pytest.raises(wl.ArrayTypeError, match="has no time_s"):
        match_events([], [{"label": "yes"}])
