"""What is said of a wake word that is in doubt."""

import pytest

from wavenetlite.recipes.wake.advice import advice

GOOD = {"threshold": 0.6, "scenes": 100, "found": 93, "background_hours": 0.5, "wanted_false_alarms_per_hour": 0.5}


@pytest.mark.parametrize(("changes", "said"), [
    ({}, ""),
    ({"found": 50}, ""),
    ({"background_hours": 0.033}, "hi: its threshold is a guess, as 2 minutes were kept back, too few for 0.5 false "
     "alarms an hour: --background of 2 hours or more would measure it"),
    ({"background_hours": 0.033, "wanted_false_alarms_per_hour": 10.0}, ""),
    ({"found": 0}, "hi: at 0.60 it hears 0 of 100 scenes: with a lower --threshold, or a greater "
     "--false-alarms-per-hour, it hears more and mistakes more"),
])  # fmt: skip
def test_what_is_doubtful_is_told_with_what_helps(changes, said):
    assert advice("hi", {**GOOD, **changes}) == said


def test_both_doubts_are_one_line():
    text = advice("hi", {**GOOD, "found": 0, "background_hours": 0.0})
    assert "is a guess" in text and "; at 0.60 it hears 0 of 100" in text and "\n" not in text
