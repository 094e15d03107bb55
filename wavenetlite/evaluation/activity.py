"""How well a classifier tells speech from noise, frame by frame, in scenes whose truth is known."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.errors import ParameterError
from wavenetlite.train.recorded_noises import NoiseOf
from wavenetlite.train.talk import UNIT_S, Scene, SceneMaker, Talk

SNRS_DB = (0.0, 5.0, 10.0, 20.0)


def area_under_roc(scores: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """The area under the receiver operating characteristic: the probability that speech scores higher than noise.

    Equal scores count half (Mann and Whitney, 1947).

    Examples
    --------
    >>> from wavenetlite.evaluation.activity import area_under_roc
    >>> area_under_roc([0.1, 0.4, 0.35, 0.8], [False, False, True, True])
    0.75
    """
    x, positive = np.asarray(scores, np.float64), np.asarray(truth, np.bool_)
    if x.shape != positive.shape or x.ndim != 1:
        raise ParameterError(f"scores has shape {x.shape} and truth {positive.shape}; both must be (n,)")
    if positive.all() or not positive.any():
        raise ParameterError("truth must have both values")
    _, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[place]
    hits = int(positive.sum())
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * (len(x) - hits)))


def speech_scores(classifier: AudioClassifier, y: Floats, units: int) -> Doubles:
    """The probability of speech, what is not background, in each unit of 10 ms: that of the frame it is new in."""
    stream = classifier.stream()
    stream.process(y)
    spoken = [n for n, label in enumerate(classifier.labels) if label not in classifier.background]
    p = stream.probabilities[:, spoken].sum(axis=1)
    if not len(p):
        raise ParameterError(f"y has {len(y)} samples; at least {classifier.least_samples} are needed")
    timing = classifier.timing
    middles = (np.arange(units) + 0.5) * UNIT_S * classifier.sr
    frames = np.ceil((middles - timing.first_end) / timing.period).astype(np.int64)
    scores: Doubles = p[np.clip(frames, 0, len(p) - 1)].astype(np.float64)
    return scores


def roc_areas(
    classifier: AudioClassifier,
    talk: Sequence[Talk],
    *,
    snrs_db: Sequence[float] = SNRS_DB,
    scenes: int = 10,
    noise_of: NoiseOf | None = None,
    seed: int = 0,
    doubtful: bool = False,
) -> dict[float, float]:
    """The area under the ROC curve at each ratio of speech to noise, over the units of some scenes.

    Parameters
    ----------
    classifier
        "Speech" is what is not background.
    talk
        Clean recordings at its sample rate.
    snrs_db, scenes
        Ratios, and how many scenes of 20 s each.
    noise_of
        As in :class:`wavenetlite.train.talk.SceneMaker`; None: synthetic noise.
    seed
        Of the scenes; these are the same for all classifiers of a sample rate.
    doubtful
        Whether units count of which it is doubtful whether somebody speaks, such as the echo after a word.
    """
    areas = {}
    for at, snr_db in enumerate(snrs_db):
        made = scenes_at(talk, classifier.sr, snr_db, scenes, noise_of, [seed, at])
        scores = np.concatenate([speech_scores(classifier, scene.audio, len(scene.spoken)) for scene in made])
        truth = np.concatenate([scene.spoken for scene in made])
        counted = np.concatenate([np.full(len(scene.spoken), doubtful) | ~scene.doubtful for scene in made])
        areas[float(snr_db)] = area_under_roc(scores[counted], truth[counted])
    return areas


def scenes_at(
    talk: Sequence[Talk], sr: int, snr_db: float, count: int, noise_of: NoiseOf | None, seed: list[int]
) -> list[Scene]:
    maker = SceneMaker(
        sr,
        20.0,
        snr_db=(snr_db, snr_db),
        speed=(1.0, 1.0),
        equalised=0.0,
        silent=0.0,
        clean=0.0,
        rooms=0.25,
        narrow=0.1,
    )
    return [maker.scene(talk, np.random.default_rng([*seed, n]), noise_of) for n in range(count)]
