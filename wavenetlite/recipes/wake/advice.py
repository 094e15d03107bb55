"""What is doubtful about a wake word, and what helps: a model that hears nothing must not look like one that works."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

LEAST_EXPECTED = 0.25
"""False alarms, at the rate that is wanted, in what was kept back: with fewer, the threshold is taken from far away."""
FEW = 0.5
"""Of the scenes with the phrase that should be heard at least."""


def advice(phrase: str, about: Mapping[str, Any]) -> str:
    """A sentence or two; "" if nothing is doubtful.

    Parameters
    ----------
    phrase
        The wake word.
    about
        What `Findings.json` says of it.
    """
    hours, rate = about["background_hours"], about["wanted_false_alarms_per_hour"]
    doubts = []
    if hours * rate < LEAST_EXPECTED:
        doubts.append(
            f"its threshold is a guess, as {60 * hours:.0f} minutes were kept back, too few for {rate:g} false alarms"
            f" an hour: --background of {4 * LEAST_EXPECTED / rate:.2g} hours or more would measure it"
        )
    if about["found"] < FEW * about["scenes"]:
        doubts.append(
            f"at {about['threshold']:.2f} it hears {about['found']} of {about['scenes']} scenes: with a lower"
            " --threshold, or a greater --false-alarms-per-hour, it hears more and mistakes more"
        )
    return f"{phrase}: {'; '.join(doubts)}" if doubts else ""
