"""Frames of items with zero mean and unit variance: of the whole set, or of their speaker."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from wavenetlite.features.normalisation import MeanVariance
from wavenetlite.pipeline.items import ItemSequence
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import flag, one_of

Normalise = bool | MeanVariance | Literal["speaker", "speaker_mean"]
BY_SPEAKER = ("speaker", "speaker_mean")


class Normaliser:
    """Normalises the frames of items.

    Parameters
    ----------
    items
        Of a feature set.
    normalise
        True: by mean and variance of the whole set; a step: by that; "speaker": by mean and variance of the item's
        speaker, "speaker_mean": by the mean only, as Kaldi's ``apply-cmvn`` does by default. An item without a speaker
        has the statistics of the whole set. False: not at all.

    Raises
    ------
    ParameterError
        The set has no statistics of speakers.
    """

    def __init__(self, items: ItemSequence, normalise: Normalise) -> None:
        self.steps: list[MeanVariance] = []
        self.which = np.zeros(len(items.table.y), np.int32)
        if isinstance(normalise, str):
            one_of("normalise", normalise, BY_SPEAKER)
            self.by_speaker(items, mean_only=normalise == "speaker_mean")
        elif isinstance(normalise, MeanVariance):
            normalise.out_channels(items.channels)
            self.steps = [normalise]
        elif flag("normalise", normalise):
            self.steps = [items.mean_variance]

    def by_speaker(self, items: ItemSequence, *, mean_only: bool) -> None:
        speakers, whole = items.speakers, items.about["statistics"]
        variance_of = (lambda values: None) if mean_only else np.array
        self.steps = [MeanVariance(np.array(whole["mean"]), variance_of(whole["variance"]))]
        self.steps += [MeanVariance(one.mean, variance_of(one.variance)) for one in speakers.values()]
        place_of = {name: place for place, name in enumerate(speakers, 1)}
        for number in items.numbers.tolist():
            self.which[number] = place_of.get(items.table.row(number)["speaker"], 0)

    def __call__(self, number: int, frames: Floats) -> Floats:
        """The frames of an item by its number in the whole set; the same array if nothing is to be done."""
        return normalised(self.steps[self.which[number]], frames) if self.steps else frames


def normalised(step: MeanVariance, frames: Floats) -> Floats:
    """Frames with zero mean and unit variance, by the code that streams run."""
    state: Any = step.open(1, frames.shape[1])
    made: Floats = state.process(np.ascontiguousarray(frames)[np.newaxis])[0]
    return made
