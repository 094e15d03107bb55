"""What a wake word still mistakes for its phrase: the list of a report."""

import numpy as np
import pytest

from wavenetlite.recipes.wake.material import Heard
from wavenetlite.recipes.wake.triggers import MOST, Candidates, Trigger, worst


def test_each_text_counts_once_with_its_highest_score_the_worst_first():
    heard = [("hey carl", [0.75, 0.25]), ("hey carl", [0.5, 0.5]), ("day marcel", [0.625, 0.0])]
    made = worst([(name, np.array(scores, np.float32)) for name, scores in heard], ["hey marcel", "lights on"])
    assert made == [
        Trigger("hey marcel", "hey carl", 0.75),
        Trigger("hey marcel", "day marcel", 0.625),
        Trigger("lights on", "hey carl", 0.5),
        Trigger("lights on", "day marcel", 0.0),
    ]


def test_only_so_many_are_listed():
    heard = [(str(number), np.array([number / 100], np.float32)) for number in range(MOST + 5)]
    assert [one.what for one in worst(heard, ["go"])] == [str(number) for number in range(MOST + 4, 4, -1)]


def test_every_recording_of_every_folder_is_a_candidate():
    parts = [np.full(4, index, np.float32) for index in range(6)]
    heard = Heard(phrases=[], own=[], kept_phrases=[], kept_own=[], near_misses=parts[:1], near_texts=["near"], talk=[],
                  background=[], kept_background=[parts[1:2], parts[2:5], parts[5:]], noises=[])  # fmt: skip
    some = Candidates(heard)
    assert [some.take(index)[1][0] for index in range(len(some))] == pytest.approx(range(6))
    assert some.take(0)[0] == "near"
