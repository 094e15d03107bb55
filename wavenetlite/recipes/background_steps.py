"""What a background adds to a training: segments to reject, hard negatives, talk behind words, thresholds."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence

import numpy as np

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.corpora.background import NOT_WORDS, Background, Folders, check_background, read_background
from wavenetlite.corpora.clips import Clips, Corpus
from wavenetlite.corpora.layouts import SILENCE
from wavenetlite.corpora.lazy_audio import LazyAudio
from wavenetlite.evaluation.alarms import listen_to_background, quiet_detector
from wavenetlite.features import Features
from wavenetlite.nn import Module
from wavenetlite.recipes.joined import joined_words
from wavenetlite.recipes.outputs import softmax
from wavenetlite.recipes.recipe import Recipe
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.progress import Bar
from wavenetlite.train import augment
from wavenetlite.train.background import BackgroundSegments
from wavenetlite.train.batches import Variants

LEAST_S = 5.0
"""Length of the shortest background, seconds; hours are better."""
ROW_S = 10.0
"""Length of the rows that a background is cut into, seconds."""
DEVELOPMENT = 0.12
"""Share of a background that thresholds are chosen on."""
REFINED_SHARE, REFINED_SMOOTHING = 1.0, 0.02
"""Segments for each clip and smoothing of labels of the epochs after the last."""
REFINED_PART = 0.75
"""Part of the refined weights in the average with those before."""
PRIOR = 0.35
"""Power of a background's part in the prior of `UNKNOWN` that is taken back; chosen on validation clips."""
JOINED = 0.4
"""Rows of joined pieces of the corpus' words, by the number of the background's rows."""
MIXED_ROWS = 300
"""Rows of the background that are mixed into words."""


def background_of(background: Background | Folders | None, corpus: Corpus) -> Background | None:
    """The background, read if it is named, of the rate of the corpus and without its words."""
    if background is None:
        return None
    made = background if isinstance(background, Background) else read_background(background, corpus.sr)
    if made.sr != corpus.sr:
        raise ParameterError(f"background has the sample rate {made.sr}; it must be {corpus.sr}, as the corpus")
    if made.hours * 3600 < LEAST_S:
        raise ParameterError(f"background has {made.hours * 3600:.1f} s; it must have at least {LEAST_S:g} s")
    check_background(made, corpus, lambda line: print(line, file=sys.stderr))
    return made


class BackgroundSteps:
    """The steps of a training that need a background.

    Parameters
    ----------
    background
        A part of it is not trained on: the thresholds are chosen on it.
    labels
        Of the classifier.
    seed
        Of what is drawn.
    progress
        Whether to show progress bars.

    Attributes
    ----------
    segments
        What is drawn from in batches, once they are made by `cut`.
    """

    segments: BackgroundSegments

    def __init__(self, background: Background, labels: Sequence[str], seed: int, progress: bool) -> None:
        self.learned, self.development = background.split(DEVELOPMENT, seed)
        self.labels, self.seed, self.progress = list(labels), seed, progress

    def cut(
        self, clips: Clips, features: Features, change: augment.Augment | None, variants: int, threads: int
    ) -> None:
        """Make augmented segments of the background and of joined words, as long as a clip."""
        rows, sr = self.learned.rows(ROW_S, self.seed), self.learned.sr
        words = [at for at, y in enumerate(clips.y.tolist()) if self.labels[y] != SILENCE]
        joined = joined_words(clips.audio, words, round(JOINED * len(rows)), rows.shape[1], sr, self.seed)
        with Bar(self.progress, "background") as bar:
            made = Variants(
                LazyAudio([*rows.rows, *joined], rows.shape[1]), features, change, variants, seed=self.seed,
                threads=threads, progress=bar.share,
            )  # fmt: skip
        self.segments = BackgroundSegments(made.frames, features.frames(clips.audio.shape[1]))

    def mine(self, model: Module, to_labels: np.ndarray) -> None:
        """Find the segments of the background that a network takes for words; the next network learns from them."""
        words = np.array([label not in NOT_WORDS for label in self.labels])

        def margin(x: Floats) -> Floats:
            p = np.maximum(softmax(model(x).astype(np.float64)) @ to_labels, 1e-30)
            odds: Floats = np.log(p[..., words].max(axis=-1)) - np.log(p[..., ~words].max(axis=-1))
            return odds

        self.segments = self.segments.mined(margin)
        if self.progress:
            assert self.segments.hard is not None
            print(f"{len(self.segments.hard.row)} hard negatives", file=sys.stderr, flush=True)

    def behind_words(self, recipe: Recipe) -> augment.Transform:
        """The transform that adds pieces of the background to words."""
        rows = self.learned.rows(ROW_S, self.seed)
        pieces = [row for row in rows[:MIXED_ROWS] if row.any()]
        return augment.BackgroundNoise(("recording",), snr_db=recipe.background_snr_db, recordings=pieces,
                                       probability=recipe.background_mixed)  # fmt: skip

    def quiet(self, clf: AudioClassifier, false_alarms_per_hour: float) -> AudioClassifier:
        """The classifier with thresholds for so many alarms an hour in talk that was not trained on."""
        with Bar(self.progress, "listening") as bar:
            heard = listen_to_background(clf, self.development, progress=lambda done, total: bar.share(done / total))
        return clf.with_detector(quiet_detector(heard, clf, false_alarms_per_hour))


def refining(recipe: Recipe) -> Recipe:
    """The recipe of the epochs after the last: more of the background, and unmixed labels.

    Mixing and smoothed labels keep the probabilities of words and of what is like them close to each other.
    """
    return dataclasses.replace(
        recipe, background_share=REFINED_SHARE, mixup=(0.0, 0.0), label_smoothing=REFINED_SMOOTHING, lr=recipe.lr / 2
    )


def average_with(model: Module, before: dict[str, Floats]) -> None:
    """Average the refined weights with those before.

    That keeps what was learned of clips (Wortsman et al., "Robust fine-tuning of zero-shot models", 2022).
    """
    after, part = model.state_dict(), np.float32(REFINED_PART)
    model.load_state_dict({name: value + part * (after[name] - value) for name, value in before.items()})


def prior_shift(clips: int, unknown: int) -> np.float32:
    """What is taken from the logit of `UNKNOWN`, of which a background makes more than the corpus has."""
    return np.float32(PRIOR * np.log1p(REFINED_SHARE * clips / max(unknown, 1)))
