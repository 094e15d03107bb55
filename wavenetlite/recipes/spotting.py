"""Train an `AudioClassifier` that detects words in running speech."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.corpora.utterances import Utterances
from wavenetlite.detection.detector import Detector
from wavenetlite.evaluation.det import curves, merge_curves, outcomes, pooled, with_thresholds
from wavenetlite.evaluation.detections import RATES, Report
from wavenetlite.evaluation.scores import ConcatenatedScores, ScoredRecording, by_recording, listen_to_all
from wavenetlite.features import MeanVariance
from wavenetlite.formats import load
from wavenetlite.nn import FrequencyTCN
from wavenetlite.recipes.members import mean_of_members
from wavenetlite.recipes.recipe import check_rate, features_at, fit_options, jsonable, recipe_of, transform_at
from wavenetlite.support.checks import count, number, positive_int
from wavenetlite.support.cpus import cpus
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.progress import Bar
from wavenetlite.support.version import __version__
from wavenetlite.train import augment
from wavenetlite.train.loop import fit
from wavenetlite.train.losses import CrossEntropy
from wavenetlite.train.segments import Marks, Segments, Spoken, recordings_digest

BACKGROUND = "_background_"
CLASSIFIER = "classifier.safetensors"
"""The file in the folder of each fold."""
NEXT_SEED = 1000
"""Between the seeds of the networks of one classifier: neighbouring seeds are those of other runs."""


@dataclass(frozen=True)
class SpottingRecipe:
    """How a classifier of words in running speech is trained: frame by frame, on segments of speech.

    Attributes
    ----------
    features
        Options of :class:`wavenetlite.LogMel`, as in :class:`wavenetlite.recipes.Recipe`; frames are then normalised by
        the corpus' statistics.
    network
        Options of :class:`wavenetlite.nn.FrequencyTCN`.
    members
        How many networks are trained, each with a seed of its own; their mean is the classifier's, see
        :func:`wavenetlite.recipes.members.mean_of_members`.
    epochs, batch_size, lr, weight_decay, ema, shards
        Of :func:`wavenetlite.train.fit`, with a cosine schedule.
    segment_frames, broken, marks
        Length of a segment, share of broken words, and the frames of a word, as options of `Marks`; see `Segments`.
    waveforms, frames
        Transforms of :mod:`wavenetlite.train.augment`, as their `config`.
    speed, variants
        Range of the tempo, and number of variants of each utterance.
    detector
        Options of :class:`wavenetlite.detection.detector.Detector`; the thresholds are chosen after training.
    false_alarms_per_hour
        False alarms per hour and word that thresholds are chosen for, with words found anywhere in their recording:
        wrong annotations would otherwise raise the thresholds.
    """

    name: str
    features: Mapping[str, Any] = field(default_factory=dict)
    network: Mapping[str, Any] = field(default_factory=dict)
    members: int = 1
    epochs: int = 32
    batch_size: int = 64
    lr: float = 4e-3
    weight_decay: float = 0.02
    ema: float = 0.997
    shards: int = 2
    segment_frames: int = 256
    broken: float = 0.35
    marks: Mapping[str, float] = field(default_factory=dict)
    waveforms: Sequence[Mapping[str, Any]] = ()
    frames: Sequence[Mapping[str, Any]] = ()
    speed: tuple[float, float] = (0.85, 1.18)
    variants: int = 10
    detector: Mapping[str, Any] = field(default_factory=dict)
    false_alarms_per_hour: float = 2.0


SPOTTING = {
    "wake-words": SpottingRecipe(
        "wake-words",
        features={"frame_ms": 32.0, "hop_ms": 10.0, "n_mels": 32, "fmin": 100.0, "fmax": 3800.0, "amin": 1e-8},
        network={
            "stem": [[16, [5, 5], [2, 2]], [24, [3, 3], [2, 2]], [32, [3, 3], [2, 1]]],
            "dilations": [1, 2, 4, 8, 1, 2, 4],
            "pool_frames": 1,
        },
        waveforms=[
            {"type": "Reverb", "sr": 8000, "rt60_ms": [80.0, 400.0], "direct_db": [6.0, 20.0], "probability": 0.2},
            {"type": "Equalise", "most_db": 5.0, "probability": 0.5},
            {"type": "BackgroundNoise", "kinds": ["white", "pink", "brown"], "snr_db": [5.0, 40.0], "probability": 0.5},
            {"type": "Gain", "low_db": -15.0, "high_db": 8.0},
        ],
        frames=[
            {"type": "FrequencyWarp", "low": 0.9, "high": 1.1, "probability": 0.5},
            {"type": "Colouring", "deviation": 0.25},
            {"type": "SpecAugment", "time_masks": 2, "most_frames": 20, "frequency_masks": 2, "most_bins": 6,
             "fill": 0.0},
        ],
        detector={"smoothing_ms": 120.0, "min_duration_ms": 0.0, "refractory_ms": 800.0},
    )
}  # fmt: skip


def spotting_recipe(recipe: str | SpottingRecipe) -> SpottingRecipe:
    return recipe_of(recipe, SpottingRecipe, SPOTTING)


def train_spotter(
    utterances: Utterances,
    recipe: str | SpottingRecipe = "wake-words",
    *,
    thresholds_on: Sequence[int] | None = None,
    recordings: Sequence[ScoredRecording] | None = None,
    folder: str | os.PathLike[str] | None = None,
    seed: int = 0,
    epochs: int | None = None,
    threads: int | None = None,
    resume: bool = True,
    progress: bool = False,
) -> AudioClassifier:
    """Train a classifier of words in running speech, and choose its thresholds.

    Parameters
    ----------
    utterances
        What :func:`read_utterances` returned.
    recipe
        A name, or a `SpottingRecipe`.
    thresholds_on
        Indices of the utterances to choose thresholds on instead of training on them. None: those of the split "dev".
    recordings
        The output of other networks of the same recipe for recordings that they were not trained on, as
        :func:`cross_validate` returns it, to choose thresholds on; then all utterances are trained on.
    folder
        Folder of checkpoint and history; None: nowhere.
    seed
        Of weights, order and augmentation.
    epochs
        Instead of the recipe's.
    threads
        Number of threads; None: one per CPU, at most two. Results do not depend on it.
    resume
        Whether to resume from what is in `folder`.
    progress
        Whether to show progress bars.

    Returns
    -------
    The classifier: the words and `BACKGROUND`, a detector with a threshold for each word, and in ``info`` the recipe,
    the size of the corpus, the seed and the version.

    Raises
    ------
    ParameterError
        There is nothing to train on, or nothing to choose thresholds on.

    Examples
    --------
    >>> import dataclasses, numpy as np, wavenetlite as wl
    >>> from wavenetlite.recipes.spotting import spotting_recipe
    >>> from wavenetlite.corpora.utterances import Utterance, Utterances
    >>> noise = np.random.default_rng(0).standard_normal((8, 24000), dtype=np.float32)
    >>> def said(number):
    ...     split = "train" if number < 6 else "dev"
    ...     return Utterance(f"{number}", 0.1 * noise[number], f"s{number}", split, "go", 1.0, 1.5, frozenset())
    >>> corpus = Utterances(["go"], [said(number) for number in range(8)], 8000, [], None)
    >>> quick = dataclasses.replace(spotting_recipe("wake-words"), variants=0, batch_size=4)
    >>> clf = wl.recipes.train_spotter(corpus, quick, epochs=1)
    >>> clf.labels, list(clf.detector.thresholds), clf.info["speakers"]
    (['go', '_background_'], ['go'], 6)
    """
    training = Spotting(utterances, spotting_recipe(recipe), seed, epochs, threads, resume, progress)
    held_out = [] if recordings is not None else list(utterances.of("dev") if thresholds_on is None else thresholds_on)
    if recordings is None and not held_out:
        raise ParameterError("utterances has none of the split 'dev'; thresholds_on must name some")
    clf = training.network(training.all_but(held_out), None if folder is None else Path(folder))
    if recordings is None:
        recordings = training.heard(clf, held_out)
    return training.with_detector(clf, recordings)


def cross_validate(
    utterances: Utterances,
    recipe: str | SpottingRecipe = "wake-words",
    *,
    folds: int = 5,
    folder: str | os.PathLike[str] | None = None,
    seed: int = 0,
    epochs: int | None = None,
    threads: int | None = None,
    resume: bool = True,
    progress: bool = False,
) -> CrossValidation:
    """Train one network per fold on the speakers of the other folds, and run it on those of the fold.

    Parameters
    ----------
    folds
        Number of parts of about equal duration that the speakers are split into.
    folder
        Folder of each fold's checkpoint and classifier; with `resume`, a finished classifier is not trained again.
        None: nowhere.
    utterances, recipe, seed, epochs, threads, resume, progress
        As in `train_spotter`.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> corpus = wl.train.read_utterances("wake_words")                        # doctest: +SKIP
    >>> print(wl.recipes.cross_validate(corpus, folder="trained").report())      # doctest: +SKIP
    """
    training = Spotting(utterances, spotting_recipe(recipe), seed, epochs, threads, resume, progress)
    heard = []
    for at, held_out in enumerate(utterances.folds(folds), 1):
        place = None if folder is None else Path(folder) / f"fold-{at}-of-{folds}"
        clf = training.network(training.all_but(held_out), place, name=f"fold {at}")
        heard.append(training.heard(clf, held_out))
    detector = Detector(**training.recipe.detector)
    return CrossValidation(heard, training.labels, clf.frame_rate, detector, training.recipe.false_alarms_per_hour)


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What `cross_validate` returns.

    Attributes
    ----------
    folds
        The recordings of each fold, scored by a network that was not trained on its speakers.
    labels, frame_rate
        Of the recordings.
    detector
        The recipe's.
    false_alarms_per_hour
        The rate that thresholds are chosen for.
    """

    folds: list[list[ScoredRecording]]
    labels: list[str]
    frame_rate: float
    detector: Detector
    false_alarms_per_hour: float

    @property
    def recordings(self) -> list[ScoredRecording]:
        """Of all folds."""
        return [recording for fold in self.folds for recording in fold]

    def report(self, *, timed: bool = True) -> Report:
        """The curves over all folds, and the outcome with thresholds that are set in advance.

        These are, for each word and fold, the best ones of the other folds.

        Parameters
        ----------
        timed
            Whether a word must be found where it is annotated; False: anywhere in its recording, see `by_recording`.
        """
        words = [label for label in self.labels if label != BACKGROUND]
        free = [ConcatenatedScores(by_recording(fold), self.labels, self.frame_rate) for fold in self.folds]
        all_scores = [ConcatenatedScores(fold, self.labels, self.frame_rate) for fold in self.folds] if timed else free
        each = [curves(scores, self.detector, words, [BACKGROUND]) for scores in all_scores]
        chosen = (
            [curves(scores, self.detector, words, [BACKGROUND], together=False) for scores in free] if timed else each
        )
        as_set = []
        for at, scores in enumerate(all_scores):
            others = [some for number_of, some in enumerate(chosen) if number_of != at]
            found = {
                word: merge_curves([some[word] for some in others]).at(self.false_alarms_per_hour)[0] for word in words
            }
            as_set.append(outcomes(scores, with_thresholds(self.detector, found), words, [BACKGROUND]))
        return Report(
            {label: merge_curves([some[label] for some in each]) for label in each[0]},
            {label: pooled([some[label] for some in as_set]) for label in as_set[0]},
            RATES,
            len(self.recordings),
            sum(recording.duration_s for recording in self.recordings) / 3600,
            sum(bool(recording.untimed) for recording in self.recordings),
            timed,
        )


class Spotting:
    """The steps of one recipe on one corpus; the augmented utterances are computed once, on first use."""

    def __init__(
        self, utterances: Utterances, recipe: SpottingRecipe, seed: int, epochs: int | None, threads: int | None,
        resume: bool, progress: bool,
    ) -> None:  # fmt: skip
        if not isinstance(utterances, Utterances):
            raise ArrayTypeError(f"utterances is a {type(utterances).__name__}; it must come from read_utterances")
        self.utterances, self.recipe, self.seed = utterances, recipe, count("seed", seed)
        self.epochs = recipe.epochs if epochs is None else positive_int("epochs", epochs)
        self.threads = min(2, cpus()) if threads is None else positive_int("threads", threads)
        self.resume, self.progress = resume, progress
        self.labels = [*utterances.words, BACKGROUND]
        check_rate(recipe.name, recipe.features, utterances.sr, {})
        self.features = features_at(recipe.features, utterances.sr)
        self._spoken: Spoken | None = None

    def all_but(self, held_out: Sequence[int]) -> list[int]:
        left = set(range(len(self.utterances))) - set(held_out)
        if not any(self.utterances.items[i].word for i in left):
            raise ParameterError("utterances has no words to train on")
        return sorted(left)

    @property
    def spoken(self) -> Spoken:
        if self._spoken is None:
            made = [
                augment.transform_from(transform_at(config, self.utterances.sr), None)
                for config in self.recipe.waveforms
            ]
            with Bar(self.progress, "augmentation") as bar:
                self._spoken = Spoken(
                    self.utterances.items,
                    self.features,
                    augment.Augment(made) if made else None,
                    self.recipe.variants,
                    speed=self.recipe.speed,
                    seed=self.seed,
                    threads=self.threads,
                    progress=bar.share,
                )
        return self._spoken

    def network(self, chosen: Sequence[int], folder: Path | None, name: str = "network") -> AudioClassifier:
        """A classifier that is trained on some utterances, with the recipe's detector."""
        done = None if folder is None else folder / CLASSIFIER
        notes = self.info(chosen)
        if done is not None and self.resume and done.exists():
            clf = load(done)
            if isinstance(clf, AudioClassifier) and training_notes(clf.info) == training_notes(notes):
                return clf
        moments = MeanVariance.fit(self.spoken.pieces[0][i].frames.astype(np.float32) for i in chosen)
        features = self.features.then(moments)
        model = mean_of_members([
            self.trained(number, chosen, moments, folder, name)
            for number in range(positive_int("members", self.recipe.members))
        ])  # fmt: skip
        clf = AudioClassifier(features, model, self.labels, background=[BACKGROUND],
                              detector=Detector(**self.recipe.detector), info=notes)  # fmt: skip
        if done is not None:
            clf.save(done)
        return clf

    def trained(
        self, number: int, chosen: Sequence[int], moments: MeanVariance, folder: Path | None, name: str
    ) -> FrequencyTCN:
        """One of the networks; the first has the seed and the folder themselves."""
        seed = self.seed + number * NEXT_SEED
        model = FrequencyTCN(
            self.features.out_channels, len(self.labels), **{"pool_frames": 1, **self.recipe.network}, seed=seed
        )
        if number:
            folder = None if folder is None else folder / f"network-{number + 1}"
            name = f"{name}, network {number + 1}"
        self.fit(model, self.segments(model, chosen, moments), folder, name, seed)
        return model

    def segments(self, model: FrequencyTCN, chosen: Sequence[int], moments: MeanVariance) -> Segments:
        recipe = self.recipe
        frames = recipe.segment_frames
        assert moments.variance is not None
        made = [augment.transform_from(dict(config), None) for config in recipe.frames]
        return Segments(
            self.spoken,
            chosen,
            self.labels,
            background=BACKGROUND,
            marks=Marks(**recipe.marks),
            frames=frames,
            stride=frames // model.plan().output_frames(frames, ended=True),
            mean=moments.mean,
            deviation=np.sqrt(moments.variance + np.float32(moments.eps)),
            broken=recipe.broken,
            augment=augment.Augment(made) if made else None,
        )

    def fit(self, model: FrequencyTCN, segments: Segments, folder: Path | None, name: str, seed: int) -> None:
        fit(
            model,
            segments,
            loss=CrossEntropy(at="frames"),
            epochs=self.epochs,
            **fit_options(self.recipe, segments),
            threads=self.threads,
            folder=folder,
            resume=self.resume,
            seed=seed,
            progress=name if self.progress else False,
        )

    def heard(self, clf: AudioClassifier, chosen: Sequence[int]) -> list[ScoredRecording]:
        with Bar(self.progress, "listening") as bar:
            return listen_to_all(
                clf, [self.utterances.items[i] for i in chosen], progress=lambda done, all_: bar.share(done / all_)
            )

    def with_detector(self, clf: AudioClassifier, recordings: Sequence[ScoredRecording]) -> AudioClassifier:
        """The classifier with thresholds chosen on some recordings."""
        scores = ConcatenatedScores(by_recording(recordings), self.labels, clf.frame_rate)
        found = chosen_thresholds(scores, clf.detector, self.utterances.words, self.recipe.false_alarms_per_hour)
        return AudioClassifier(clf.features, clf.model, clf.labels, background=[BACKGROUND],
                               detector=with_thresholds(clf.detector, found), info=clf.info)  # fmt: skip

    def info(self, chosen: Sequence[int]) -> dict[str, Any]:
        """The notes that are saved with a classifier."""
        items = [self.utterances.items[i] for i in chosen]
        return {
            "recipe": jsonable(dataclasses.asdict(self.recipe)),
            "epochs": self.epochs,
            "seed": self.seed,
            "data": {"trained_on": sorted({item.split for item in items} - {""})},
            "utterances": len(items),
            "speakers": len({item.speaker for item in items}),
            "hours": round(sum(len(item.audio) for item in items) / self.utterances.sr / 3600, 4),
            "recordings": recordings_digest(items),
            "wavenetlite": __version__,
        }


def training_notes(info: Mapping[str, Any]) -> dict[str, Any]:
    """The notes that determine the training: not the detector, which comes after it, nor the names of the splits."""
    recipe = info.get("recipe")
    recipe = dict(recipe) if isinstance(recipe, Mapping) else {}
    return {**info, "data": None, "recipe": {**recipe, "detector": None, "false_alarms_per_hour": None}}


def chosen_thresholds(
    scores: ConcatenatedScores, detector: Detector, words: Sequence[str], false_alarms_per_hour: float = 2.0
) -> dict[str, float]:
    """For each word, the threshold with the fewest false rejects at the false alarm rate."""
    number("false_alarms_per_hour", false_alarms_per_hour, 0.0)
    found = curves(scores, detector, words, [BACKGROUND], together=False)
    return {word: round(found[word].at(false_alarms_per_hour)[0], 4) for word in words}
