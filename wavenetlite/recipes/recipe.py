"""Train an `AudioClassifier` on a corpus of labelled clips, by a recipe that holds every setting."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.corpora.background import NOT_WORDS, Background, Folders, check_background, read_background
from wavenetlite.corpora.clips import Clips, Corpus
from wavenetlite.corpora.layouts import SILENCE, UNKNOWN
from wavenetlite.corpora.lazy_audio import LazyAudio
from wavenetlite.evaluation.alarms import listen_to_background, quiet_detector
from wavenetlite.features import Features, LogMel, MeanVariance
from wavenetlite.features.steps import step_from_config
from wavenetlite.nn import FrequencyTCN, Module
from wavenetlite.recipes.joined import joined_words
from wavenetlite.recipes.transfer import adapted, initial_classifier, output_layer
from wavenetlite.recipes.unknown import more_unknown
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count, flag, number, one_of, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.progress import Bar
from wavenetlite.support.version import __version__
from wavenetlite.train import augment
from wavenetlite.train.background import BackgroundSegments, WithBackground
from wavenetlite.train.batches import ClipBatches, OnTheFly, Variants
from wavenetlite.train.loop import History, cpus, fit
from wavenetlite.train.losses import CrossEntropy, balanced_weights

R = TypeVar("R")
ClipSource = ClipBatches | WithBackground

LEAST_S = 5.0
"""Length of the shortest background, seconds; hours are better."""
ROW_S = 10.0
"""Length of the rows that a background is cut into, seconds."""
DEVELOPMENT = 0.12
"""Share of a background that thresholds are chosen on."""
MADE_UNKNOWN = 1.5
"""Clips of unknown words that are made for a corpus without, by the mean number of clips of a word."""
SCOUT, SCOUT_SEED = 0.4, 500
"""Epochs after which hard negatives are searched where there are no teachers, by those that follow; and their seed."""
REFINED_SHARE, REFINED_SMOOTHING, REFINED_SEED = 1.0, 0.02, 700
"""Segments for each clip, smoothing of labels, and seed of the epochs after the last."""
REFINED_PART = 0.75
"""Part of the refined weights in the average with those before."""
BACKGROUND_PRIOR = 0.35
"""Power of a background's part in the prior of `UNKNOWN` that is taken back; chosen on validation clips."""
JOINED = 0.4
"""Rows of joined pieces of the corpus' words, by the number of the background's rows."""
MIXED_ROWS = 300
"""Rows of the background that are mixed into words."""


@dataclass(frozen=True)
class Recipe:
    """How a classifier of clips is trained.

    First, `teachers` networks are trained on the labels; then the final network is trained on their mean output for the
    same augmented and mixed frames (self-distillation). Without teachers it is trained on the labels.

    Attributes
    ----------
    features
        Options of :class:`wavenetlite.LogMel`, without `sr`, and with `frame_ms` and `hop_ms` for `n_fft` and
        `hop_length`, so that they mean the same at every rate; frames are then normalised by the corpus' statistics.
    steps
        Steps between the two, as their `config`.
    network
        Options of :class:`wavenetlite.nn.FrequencyTCN`; `pool_frames` is by default the length of a clip.
    epochs, batch_size, lr, weight_decay, ema, shards
        Of :func:`wavenetlite.train.fit`, with a cosine schedule.
    label_smoothing
        Of the cross-entropy on labels.
    waveforms, frames
        Transforms of :mod:`wavenetlite.train.augment`, as their `config`; kinds of noise "recording" and "babble"
        use the silences and the words of the corpus.
    variants
        Number of augmented variants of the waveforms, computed once; 0: a new one each time.
    mixup, distilled_mixup
        `alpha` of the mixing ratio, and the probability that a clip is mixed: for training on labels and on teachers.
    unknown_repeats, unknown_spliced
        How often clips of ``_unknown_`` are repeated, and how many new ones are made; see `more_unknown`. That changes
        the prior of ``_unknown_``, which is corrected at the end.
    least_clips
        Clips of a smaller corpus are repeated, each time with other variants, until an epoch has about this many.
    teachers, teacher_epochs, temperature
        Of the distillation.
    words_apart
        Whether teachers learn the words of ``_unknown_``, by file name, as separate classes.
    background_share, background_variants
        Segments of a background for each clip of a batch, and number of augmented variants that they are cut from.
    background_mixed, background_snr_db
        Probability that a piece of the background is mixed into a word, and the range of the word's level above it, dB.
    refining_epochs
        With a background, epochs after the last with the hard negatives of the trained network.
    false_alarms_per_hour
        Of all words together, for which thresholds are chosen on a background.
    class_weights
        "balanced": classes weigh in inverse proportion to their number of clips; or weights by label, 1 for those that
        are not named; None: all weigh the same.

    Notes
    -----
    Furlanello et al., "Born-Again Neural Networks", 2018, and Beyer et al., "Knowledge distillation: a good teacher is
    patient and consistent", 2022, for the distillation.
    """

    name: str
    features: Mapping[str, Any] = field(default_factory=dict)
    steps: Sequence[Mapping[str, Any]] = ()
    network: Mapping[str, Any] = field(default_factory=dict)
    epochs: int = 100
    batch_size: int = 64
    lr: float = 4e-3
    weight_decay: float = 0.02
    ema: float = 0.998
    shards: int = 2
    label_smoothing: float = 0.1
    waveforms: Sequence[Mapping[str, Any]] = ()
    frames: Sequence[Mapping[str, Any]] = ()
    variants: int = 32
    mixup: tuple[float, float] = (0.5, 0.5)
    distilled_mixup: tuple[float, float] = (0.5, 0.9)
    unknown_repeats: int = 1
    unknown_spliced: int = 0
    least_clips: int = 0
    teachers: int = 0
    teacher_epochs: int = 100
    temperature: float = 2.0
    words_apart: bool = False
    class_weights: Literal["balanced"] | Mapping[str, float] | None = None
    background_share: float = 0.375
    background_variants: int = 2
    background_mixed: float = 0.3
    background_snr_db: tuple[float, float] = (0.0, 20.0)
    refining_epochs: int = 0
    false_alarms_per_hour: float = 3.0

    @staticmethod
    def named(name: str, *, epochs: int | None = None) -> Recipe:
        """The recipe of a name, with other epochs; ``dataclasses.replace`` changes anything else.

        Examples
        --------
        >>> import wavenetlite as wl
        >>> wl.recipes.Recipe.named("commands").plan().partition(", ")[0]
        'recipe commands trains 4 networks'
        >>> wl.recipes.Recipe.named("quick", epochs=5).plan()
        'recipe quick trains one network, 5 epochs'
        """
        return recipe_of(name, Recipe, RECIPES).scaled(epochs)

    @property
    def networks(self) -> int:
        """How many networks are trained."""
        return self.teachers + 1

    def scaled(self, epochs: int | None) -> Recipe:
        """The recipe with other `epochs` of the final network, and all others by the same factor; None: as it is."""
        if epochs is None:
            return self
        scale = positive_int("epochs", epochs) / self.epochs
        teacher = max(1, round(scale * self.teacher_epochs))
        refining = max(1, round(scale * self.refining_epochs)) if self.refining_epochs else 0
        return dataclasses.replace(self, epochs=epochs, teacher_epochs=teacher, refining_epochs=refining)

    def plan(self) -> str:
        """What will be trained, in a sentence."""
        if not self.teachers:
            return f"recipe {self.name} trains one network, {self.epochs} epochs"
        teachers = f"{self.teachers} teacher{'s' * (self.teachers > 1)} of {self.teacher_epochs} epochs"
        return (
            f"recipe {self.name} trains {self.networks} networks, one after the other: {teachers},"
            f" then one of {self.epochs} epochs that learns from them"
        )


COLOURING = {"type": "Colouring", "deviation": 0.25}
MASKS = {
    "type": "SpecAugment", "time_masks": 2, "most_frames": 20, "frequency_masks": 2, "most_bins": 7, "fill": 0.0,
}  # fmt: skip
FRAMES = ({"type": "FrequencyWarp", "low": 0.9, "high": 1.1, "probability": 0.5}, COLOURING, MASKS)
WIDE_FRAMES = ({"type": "FrequencyWarp", "low": 0.88, "high": 1.12, "probability": 0.5}, COLOURING, MASKS)


def waveforms(sr: int, *, wide: bool = False) -> list[dict[str, Any]]:
    """The usual augmentation of a waveform: pitch and tempo, position, room, noise, level; `wide`: more of it."""
    low, high = (0.78, 1.25) if wide else (0.82, 1.22)
    filters = [
        {"type": "BandLimit", "sr": sr, "probability": 0.2},
        {"type": "Equalise", "most_db": 6.0, "probability": 0.3},
    ]
    return [
        {"type": "Speed", "low": low, "high": high, "probability": 0.85},
        {"type": "TimeShift", "most_ms": 100.0, "sr": sr, "fill": "zero", "probability": 0.9},
        {"type": "Reverb", "sr": sr, "rt60_ms": [80.0, 400.0], "direct_db": [6.0, 20.0], "probability": 0.25},
        {"type": "BackgroundNoise", "kinds": ["recording"], "snr_db": [0.0, 30.0], "probability": 0.45},
        {"type": "BackgroundNoise", "kinds": ["white", "pink", "brown"], "snr_db": [0.0, 35.0], "probability": 0.2},
        *(filters if wide else []),
        {"type": "Gain", "low_db": -12.0, "high_db": 8.0},
    ]


QUICK = (
    {"type": "Speed", "low": 0.85, "high": 1.18, "probability": 0.8},
    {"type": "TimeShift", "most_ms": 100.0, "sr": 16000, "fill": "zero", "probability": 0.9},
    {"type": "BackgroundNoise", "kinds": ["white", "pink", "brown"], "snr_db": [5.0, 35.0], "probability": 0.5},
    {"type": "Gain", "low_db": -10.0, "high_db": 6.0},
)

COMMANDS = Recipe(
    "commands",
    features={"frame_ms": 32.0, "hop_ms": 10.0, "n_mels": 40, "fmin": 20.0, "fmax": 7600.0, "amin": 1e-8},
    waveforms=waveforms(16000),
    frames=FRAMES,
    epochs=140,
    unknown_repeats=2,
    unknown_spliced=60,
    teachers=3,
    teacher_epochs=80,
    words_apart=True,
)

RECIPES = {
    "commands": COMMANDS,
    # For a background: its labels are hard, and hard negatives come of the network's own first epochs.
    "live": dataclasses.replace(
        COMMANDS,
        name="live",
        waveforms=waveforms(16000, wide=True),
        frames=WIDE_FRAMES,
        teachers=0,
        words_apart=False,
        variants=20,
        refining_epochs=70,
    ),
    "digits": Recipe(
        "digits",
        features={"frame_ms": 32.0, "hop_ms": 10.0, "n_mels": 40, "fmin": 20.0, "fmax": 4000.0},
        # Levels differ by up to 25 dB between speakers; a network would take the level for part of the word.
        steps=[{"type": "AutoGain", "range_db": 64.0, "fall_db": 0.1, "least_db": -15.0}],
        waveforms=[
            {"type": "Speed", "low": 0.75, "high": 1.35, "probability": 0.9},
            {"type": "TimeShift", "most_ms": 300.0, "sr": 8000, "fill": "zero", "probability": 0.9},
            {"type": "Reverb", "sr": 8000, "rt60_ms": [80.0, 400.0], "direct_db": [6.0, 20.0], "probability": 0.25},
            {
                "type": "BackgroundNoise",
                "kinds": ["white", "pink", "brown"],
                "snr_db": [5.0, 40.0],
                "probability": 0.5,
            },
            {"type": "Gain", "low_db": -12.0, "high_db": 8.0},
        ],
        frames=WIDE_FRAMES,
        variants=16,
        epochs=36,
        label_smoothing=0.05,
        refining_epochs=40,
    ),
    # One network, to see within a minute or two what a corpus is good for, at any sample rate.
    "quick": Recipe(
        "quick",
        features={"frame_ms": 32.0, "hop_ms": 10.0, "n_mels": 40, "fmin": 20.0, "amin": 1e-8},
        network={"stem": [[16, [5, 5], [2, 2]], [24, [3, 3], [2, 2]]], "channels": 48, "dilations": [1, 2, 4]},
        waveforms=QUICK,
        frames=FRAMES[2:],
        variants=4,
        least_clips=500,
        epochs=40,
        refining_epochs=15,
        batch_size=32,
        ema=0.98,
    ),
}


def default_recipe(background: object) -> str:
    """The name of the recipe where none is given: "live" with a background, "commands" without (None, or no folders).

    Examples
    --------
    >>> import wavenetlite as wl
    >>> wl.recipes.default_recipe(None), wl.recipes.default_recipe(["talk"])
    ('commands', 'live')
    """
    return "commands" if background is None or background == [] else "live"


def recipes() -> tuple[str, ...]:
    """Names of the recipes.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> "commands" in wl.recipes.recipes()
    True
    """
    return tuple(RECIPES)


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


def made_clips(clips: Clips, labels: Sequence[str]) -> int:
    """How many clips of unknown words are made for a corpus that has none."""
    return round(MADE_UNKNOWN * len(clips) / len(labels))


def features_at(options: Mapping[str, Any], sr: int) -> LogMel:
    """The features of a recipe at a sample rate: `frame_ms` and `hop_ms` become n_fft and hop_length."""
    made = dict(options)
    for name, ms in (("n_fft", "frame_ms"), ("hop_length", "hop_ms")):
        if ms in made:
            made[name] = max(1, round(number(ms, made.pop(ms), 0.0) * sr / 1000))
    return LogMel(sr=sr, **made)


def transform_at(config: Mapping[str, Any], sr: int) -> dict[str, Any]:
    """The configuration of a transform, for the corpus' sample rate where it has one."""
    return {**config, "sr": sr} if "sr" in config else dict(config)


def check_rate(recipe: str, options: Mapping[str, Any], sr: int, others: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise if a recipe's features need a higher sample rate than the corpus has; the error names the remedies."""
    fmax = options.get("fmax")
    if fmax is None or 2 * fmax <= sr:
        return
    fitting = [name for name, some in others.items() if 2 * (some.get("fmax") or 0.0) <= sr]
    another = f"pass recipe={fitting[0]!r}, or " if fitting else "use "
    raise ParameterError(
        f"sr={sr} of the corpus must be at least {2 * fmax:g} for the recipe {recipe!r};"
        f" {another}resample=True and sr={16000 if 2 * fmax <= 16000 else round(2 * fmax)} when reading"
    )


def recipe_of(recipe: str | R, kind: type[R], known: Mapping[str, R]) -> R:
    """The recipe itself, or the one of that name."""
    if isinstance(recipe, kind):
        return recipe
    if not isinstance(recipe, str):
        raise ArrayTypeError(f"recipe is a {type(recipe).__name__}; it must be a name or a {kind.__name__}")
    return known[one_of("recipe", recipe, tuple(known))]


def fit_options(recipe: Any, source: Sized) -> dict[str, Any]:
    """The options of `fit` that every recipe has; a batch is at most the source, in whole shards."""
    batch_size = min(recipe.batch_size, len(source) // recipe.shards * recipe.shards)
    return {
        "batch_size": batch_size,
        **{name: getattr(recipe, name) for name in ("lr", "weight_decay", "ema", "shards")},
    }


def train_classifier(
    corpus: Corpus,
    recipe: str | Recipe | None = None,
    *,
    folder: str | os.PathLike[str] | None = None,
    seed: int = 0,
    epochs: int | None = None,
    everything: bool = False,
    threads: int | None = None,
    resume: bool = True,
    progress: bool = False,
    init: AudioClassifier | str | os.PathLike[str] | None = None,
    freeze: Sequence[str] = (),
    class_weights: Literal["balanced"] | Mapping[str, float] | None = None,
    callbacks: Any = (),
    background: Background | Folders | None = None,
    reject: bool = True,
) -> AudioClassifier:
    """Train a classifier on a corpus.

    Parameters
    ----------
    corpus
        What :func:`wavenetlite.train.read_corpus` returned. Only its training part is trained on; the validation
        part is evaluated after every epoch and decides nothing.
    recipe
        A name of `recipes`, or a `Recipe`; None: what `default_recipe` says.
    folder
        Folder of checkpoints and history, a sub-folder per network; None: nowhere.
    seed
        Of weights, order and augmentation.
    epochs
        Of the final network, instead of the recipe's; those of teachers are scaled by the same factor.
    everything
        Whether to train on all parts of the corpus, for a model to ship once the recipe is evaluated.
    threads
        Number of threads; None: one per CPU, at most two. Results do not depend on it.
    resume
        Whether to resume from what is in `folder`.
    progress
        Whether to show progress bars.
    init
        A trained classifier, a file or the name of a bundled one, whose features and network to begin with
        (fine-tuning); its output layer keeps what it knows of common labels.
    freeze
        Names of layers of `init` that stay as they are; see :func:`wavenetlite.train.fit`.
    class_weights
        Instead of the recipe's; see `Recipe`.
    callbacks
        Of :func:`wavenetlite.train.fit`, for the final network.
    background
        Talk, music and noise without the words: what :func:`wavenetlite.train.read_background` returned, or folders.
        Segments of it are in every batch as what is to be rejected, those among them that a network before took for
        words, and it is mixed into the words. An eighth of it, by file, is not trained on: the thresholds are chosen on
        it, for the recipe's `false_alarms_per_hour` of all words together.
    reject
        Whether a corpus without ``_unknown_`` gets that label, made from its words: spliced, cut and reversed.

    Returns
    -------
    The classifier; ``info`` holds the recipe, the size of the corpus, the seed and the version. The history is
    ``network/history.jsonl`` in `folder`.

    Raises
    ------
    ParameterError
        The corpus has no clips to train on, or does not fit the recipe.
    """
    chosen = recipe_of(default_recipe(background) if recipe is None else recipe, Recipe, RECIPES)
    if not isinstance(corpus, Corpus):
        raise ArrayTypeError(f"corpus is a {type(corpus).__name__}; it must come from read_corpus")
    clips = Clips.concatenate([corpus.train, corpus.valid, corpus.test]) if everything else corpus.train
    if not len(clips):
        raise ParameterError("corpus has no clips in its training part; it must have some")
    valid = None if everything or not len(corpus.valid) else corpus.valid
    count("seed", seed)
    if freeze and init is None:
        raise ParameterError(
            f"freeze={list(freeze)} needs init: layers with drawn weights would stay as they were drawn"
        )
    if class_weights is not None:
        chosen = dataclasses.replace(chosen, class_weights=class_weights)
    begin = None if init is None else initial_classifier(init, corpus.sr)
    talk = background_of(background, corpus)
    if talk is not None and not flag("reject", reject) and UNKNOWN not in corpus.labels:
        raise ParameterError(f"reject=False leaves no label for the background; it must be True, or add {UNKNOWN!r}")
    where = None if folder is None else Path(folder)
    run = Training(
        chosen.scaled(epochs), corpus, clips, valid, where, seed, threads, resume, progress, begin, freeze, callbacks,
        talk, reject,
    )  # fmt: skip
    return run.classifier()


class Training:
    """The steps of one recipe on one corpus."""

    def __init__(
        self,
        recipe: Recipe,
        corpus: Corpus,
        clips: Clips,
        valid: Clips | None,
        folder: Path | None,
        seed: int,
        threads: int | None,
        resume: bool,
        progress: bool,
        begin: AudioClassifier | None = None,
        freeze: Sequence[str] = (),
        callbacks: Any = (),
        background: Background | None = None,
        reject: bool = True,
    ) -> None:
        self.recipe, self.corpus, self.valid, self.folder = recipe, corpus, valid, folder
        self.background: Background | None = None
        self.development: Background | None = None
        if background is not None:
            self.background, self.development = background.split(DEVELOPMENT, seed)
        self.made_unknown = reject and UNKNOWN not in corpus.labels
        self.labels = [*corpus.labels, *([UNKNOWN] if self.made_unknown else [])]
        self.seed, self.threads, self.resume, self.progress = seed, threads, resume, progress
        self.begin, self.freeze, self.callbacks = begin, freeze, callbacks
        self.learned_from = np.bincount(clips.y, minlength=len(self.labels))
        self.clips = self.repeated(self.with_more_unknown(clips))
        self.features: Features = self.normalised(clips) if begin is None else begin.features
        self.frames: OnTheFly | Variants
        self.segments: BackgroundSegments | None = None

    def normalised(self, clips: Clips) -> Features:
        """The features of the recipe, normalised by the statistics of the clips."""
        recipe, sr = self.recipe, self.corpus.sr
        check_rate(recipe.name, recipe.features, sr, {name: one.features for name, one in RECIPES.items()})
        plain = features_at(recipe.features, sr).then(*(step_from_config(dict(s), None) for s in recipe.steps))
        return plain.then(MeanVariance.fit(plain(clip) for clip in clips.audio))

    def classifier(self) -> AudioClassifier:
        """Train the teachers, then the final network."""
        if self.progress:
            print(self.recipe.plan(), file=sys.stderr, flush=True)
        self.frames = self.augmented()
        if self.background is not None:
            self.segments = self.background_segments(self.background)
        recipe, classes = self.recipe, len(self.labels)
        teachers = [self.teacher(number) for number in range(recipe.teachers)]
        model = self.network(self.labels, self.seed)
        if self.segments is not None and not recipe.teachers:
            self.scout(model)
        loss = CrossEntropy(
            temperature=recipe.temperature if teachers else 1.0,
            label_smoothing=0.0 if teachers else recipe.label_smoothing,
            class_weights=self.class_weights(self.clips.y, np.arange(classes)),
        )
        source = self.source(self.clips.y, classes, mean_of(teachers, recipe.temperature) if teachers else None)
        self.fit("network", model, source, self.validation(), loss, recipe.epochs, self.seed, self.callbacks)
        if self.segments is not None and recipe.refining_epochs:
            self.refine(model)
        self.restore_priors(model)
        clf = AudioClassifier(
            self.features,
            model,
            self.labels,
            decision="peak" if self.begin is None else self.begin.decision,
            clip_s=self.clips.audio.shape[1] / self.corpus.sr,
            info=self.info(),
        )
        return clf if self.development is None else self.quiet(clf, self.development)

    def quiet(self, clf: AudioClassifier, development: Background) -> AudioClassifier:
        """The classifier with thresholds for the recipe's false alarms an hour in talk that was not trained on."""
        with Bar(self.progress, "listening") as bar:
            heard = listen_to_background(clf, development, progress=lambda done, total: bar.share(done / total))
        return clf.with_detector(quiet_detector(heard, clf, self.recipe.false_alarms_per_hour))

    def with_more_unknown(self, clips: Clips) -> Clips:
        labels, recipe = self.labels, self.recipe
        spliced = made_clips(clips, self.corpus.labels) if self.made_unknown else recipe.unknown_spliced
        if UNKNOWN not in labels or (recipe.unknown_repeats, spliced) == (1, 0):
            return clips
        silent = labels.index(SILENCE) if SILENCE in labels else -1
        unknown = labels.index(UNKNOWN)
        words = [
            "" if y == silent else word_of(name) if y == unknown else labels[y]
            for name, y in zip(clips.names, clips.y, strict=True)
        ]
        return more_unknown(
            clips, unknown, words, repeats=recipe.unknown_repeats, spliced=spliced, cut=self.made_unknown,
            sr=self.corpus.sr, seed=self.seed,
        )  # fmt: skip

    def repeated(self, clips: Clips) -> Clips:
        """The clips, several times if they are fewer than the recipe wants."""
        times = -(-self.recipe.least_clips // len(clips))
        return clips if times < 2 else clips.select(np.tile(np.arange(len(clips)), times))

    def restore_priors(self, model: Module) -> None:
        """Restore the priors of the corpus, which added clips have changed.

        A label that is k times as frequent has k times the odds; log(k) is subtracted from its logit (Saerens et al.,
        "Adjusting the Outputs of a Classifier to New a Priori Probabilities", 2002).
        """
        used = np.bincount(self.clips.y, minlength=len(self.learned_from))
        state, bias = model.state_dict(), f"{output_layer(model)}.bias"
        if bias not in state:
            return  # nothing to shift; the network of a recipe has one
        known = np.maximum(self.learned_from, 1)
        if self.segments is not None:
            at = self.labels.index(UNKNOWN)
            state[bias][at] -= np.float32(
                BACKGROUND_PRIOR * np.log1p(REFINED_SHARE * len(self.clips) / max(used[at], 1))
            )
        state[bias] -= np.where(self.learned_from, np.log(np.maximum(used, 1) / known), 0.0).astype(np.float32)
        model.load_state_dict(state)

    def network(self, labels: Sequence[str], seed: int) -> Module:
        """The network to begin with; a new one's last frame of a clip pools all frames of the clip."""
        if self.begin is not None:
            return adapted(self.begin, labels, seed)
        classes = len(labels)
        model = FrequencyTCN(self.features.out_channels, classes, seed=seed, **self.recipe.network)
        frames = self.features.frames(self.clips.audio.shape[1])
        pool_frames = model.plan().output_frames(frames, ended=True)
        return FrequencyTCN(
            self.features.out_channels, classes, seed=seed, **{"pool_frames": pool_frames, **self.recipe.network}
        )

    def class_weights(self, y: np.ndarray, label_of: np.ndarray) -> list[float] | None:
        """The weights of classes, each of which has a label."""
        chosen, labels = self.recipe.class_weights, self.labels
        if chosen is None:
            return None
        if isinstance(chosen, str):
            one_of("class_weights", chosen, ("balanced",))
            return balanced_weights(y, len(label_of))
        for label in chosen:
            if label not in labels:
                raise ParameterError(f"class_weights has {label!r}; it must be one of the labels {', '.join(labels)}")
        return [chosen.get(labels[at], 1.0) for at in label_of.tolist()]

    def teacher(self, number: int) -> Callable[[Floats, float], Floats]:
        """A trained teacher: softmax probabilities of the labels for frames, at a temperature."""
        y, label_of = self.fine_classes() if self.recipe.words_apart else (self.clips.y, np.arange(len(self.labels)))
        classes, seed = len(label_of), 1000 * (number + 1) + self.seed
        labels = self.labels
        model = self.network([*labels, *(f"word {n}" for n in range(classes - len(labels)))], seed)
        weights = self.class_weights(y, label_of)
        loss = CrossEntropy(label_smoothing=self.recipe.label_smoothing, class_weights=weights)
        source = self.source(y, classes, None)
        self.fit(f"teacher-{number + 1}", model, source, None, loss, self.recipe.teacher_epochs, seed)
        to_labels = np.eye(len(self.labels))[label_of]
        self.mine(model, to_labels)
        inflation = self.inflation()

        def probabilities(x: Floats, temperature: float) -> Floats:
            logits = last_frames(model, x)
            # The probabilities of a label's words are added before the temperature is applied.
            p = softmax(logits) @ to_labels / inflation
            return softmax(np.log(np.maximum(p, 1e-30)) / temperature).astype(np.float32)

        return probabilities

    def inflation(self) -> np.ndarray:
        """How much more frequent each label is in batches than in the corpus; segments of a background count."""
        used = np.bincount(self.clips.y, minlength=len(self.labels)).astype(np.float64)
        if self.segments is None:
            return np.ones(len(used))
        used[self.labels.index(UNKNOWN)] += self.recipe.background_share * len(self.clips)
        return np.where(self.learned_from, np.maximum(used, 1) / np.maximum(self.learned_from, 1), 1.0)

    def scout(self, model: Module) -> None:
        """Train the network for some epochs before the others, for the hard negatives that it then finds."""
        recipe, classes = self.recipe, len(self.labels)
        weights = self.class_weights(self.clips.y, np.arange(classes))
        loss = CrossEntropy(label_smoothing=recipe.label_smoothing, class_weights=weights)
        epochs = max(1, round(SCOUT * recipe.epochs))
        self.fit("scout", model, self.source(self.clips.y, classes, None), None, loss, epochs, SCOUT_SEED + self.seed)
        self.mine(model, np.eye(classes))

    def refine(self, model: Module) -> None:
        """Train on with the hard negatives of the trained network, more of the background, and unmixed labels.

        Mixing and smoothed labels keep the probabilities of words and of what is like them close to each other. The
        weights are then averaged with those before, which keeps what was learned of clips (Wortsman et al., "Robust
        fine-tuning of zero-shot models", 2022).
        """
        recipe, classes, before = self.recipe, len(self.labels), model.state_dict()
        self.mine(model, np.eye(classes))
        plain = dataclasses.replace(
            recipe,
            background_share=REFINED_SHARE,
            mixup=(0.0, 0.0),
            label_smoothing=REFINED_SMOOTHING,
            lr=recipe.lr / 2,
        )
        weights = self.class_weights(self.clips.y, np.arange(classes))
        loss = CrossEntropy(label_smoothing=plain.label_smoothing, class_weights=weights)
        self.recipe = plain
        source, seed = self.source(self.clips.y, classes, None), REFINED_SEED + self.seed
        self.fit("refined", model, source, self.validation(), loss, recipe.refining_epochs, seed)
        self.recipe = recipe
        after, part = model.state_dict(), np.float32(REFINED_PART)
        model.load_state_dict({name: value + part * (after[name] - value) for name, value in before.items()})

    def fine_classes(self) -> tuple[np.ndarray, np.ndarray]:
        """Classes with each word of `UNKNOWN` as a separate class, and the label of each class."""
        labels = self.labels
        if UNKNOWN not in labels:
            return self.clips.y, np.arange(len(labels))
        unknown = labels.index(UNKNOWN)
        words = [word_of(name) if y == unknown else "" for name, y in zip(self.clips.names, self.clips.y, strict=True)]
        fine = {word: len(labels) + index for index, word in enumerate(sorted({*words} - {""}))}
        y = np.array([fine.get(word, own) for word, own in zip(words, self.clips.y, strict=True)], np.int64)
        return y, np.concatenate([np.arange(len(labels)), np.full(len(fine), unknown)])

    def source(self, y: np.ndarray, classes: int, teacher: Callable[[Floats, Floats], Floats] | None) -> ClipSource:
        recipe = self.recipe
        alpha, probability = recipe.mixup if teacher is None else recipe.distilled_mixup

        def mix(x: Floats, targets: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
            return augment.mixup(x, targets, rng, alpha, probability)

        clips = ClipBatches(
            self.frames,
            y,
            classes=classes,
            augment=self.transforms(recipe.frames),
            mix=mix if alpha and probability else None,
            teacher=teacher,
            names=self.clips.names,
            labels=self.labels,
            parallel=True,
        )
        if self.segments is None:
            return clips
        return WithBackground(
            clips, self.segments, self.labels.index(UNKNOWN), share=recipe.background_share, multiple=recipe.shards
        )

    def background_segments(self, background: Background) -> BackgroundSegments:
        """Augmented segments of the background, as long as a clip."""
        rows = background.rows(ROW_S, self.seed)
        words = [at for at, y in enumerate(self.clips.y.tolist()) if self.labels[y] != SILENCE]
        joined = joined_words(
            self.clips.audio, words, round(JOINED * len(rows)), rows.shape[1], self.corpus.sr, self.seed
        )
        with Bar(self.progress, "background") as bar:
            variants = Variants(
                LazyAudio([*rows.rows, *joined], rows.shape[1]),
                self.features,
                self.transforms(self.recipe.waveforms, mixed=False),
                self.recipe.background_variants,
                seed=self.seed,
                threads=self.threads or min(2, cpus()),
                progress=bar.share,
            )
        return BackgroundSegments(variants.frames, self.features.frames(self.clips.audio.shape[1]))

    def mine(self, model: Module, to_labels: np.ndarray) -> None:
        """Find the segments of the background that a network takes for words; the next network learns from them."""
        if self.segments is None:
            return
        words = np.array([label not in NOT_WORDS for label in self.labels])

        def margin(x: Floats) -> Floats:
            p = np.maximum(softmax(model(x).astype(np.float64)) @ to_labels, 1e-30)
            odds: Floats = np.log(p[..., words].max(axis=-1)) - np.log(p[..., ~words].max(axis=-1))
            return odds

        self.segments = self.segments.mined(margin)
        if self.progress:
            assert self.segments.hard is not None
            print(f"{len(self.segments.hard.row)} hard negatives", file=sys.stderr, flush=True)

    def augmented(self) -> OnTheFly | Variants:
        """The augmented training clips."""
        recipe, change = self.recipe, self.transforms(self.recipe.waveforms)
        if not recipe.variants:
            return OnTheFly(self.clips.audio, self.features, change)
        with Bar(self.progress, "augmentation") as bar:
            return Variants(
                self.clips.audio,
                self.features,
                change,
                recipe.variants,
                seed=self.seed,
                threads=self.threads or min(2, cpus()),
                progress=bar.share,
                on_disk=isinstance(self.clips.audio, LazyAudio),
            )

    def transforms(self, configs: Sequence[Mapping[str, Any]], *, mixed: bool = True) -> augment.Augment | None:
        """The transforms of a recipe; those that need recordings use the corpus', and with `mixed` the background."""
        made: list[augment.Transform] = []
        labels = self.labels
        silent = labels.index(SILENCE) if SILENCE in labels else -1
        for config in configs:
            kinds = set(config.get("kinds", ()))
            recordings = None
            if "recording" in kinds:
                recordings = [clip for clip in self.clips.audio[self.clips.y == silent] if clip.any()]
                if not recordings:
                    continue
            elif "babble" in kinds:
                recordings = list(self.clips.audio[self.clips.y != silent])
            made.append(augment.transform_from(transform_at(config, self.corpus.sr), recordings))
        if mixed and self.background is not None and made and made[0].dimensions == augment.WAVEFORM:
            made.insert(-1, self.talk_behind(self.background))  # before the gain
        return augment.Augment(made) if made else None

    def talk_behind(self, background: Background) -> augment.Transform:
        """The transform that adds pieces of the background to words."""
        rows = background.rows(ROW_S, self.seed)
        pieces = [row for row in rows[:MIXED_ROWS] if row.any()]
        return augment.BackgroundNoise(("recording",), snr_db=self.recipe.background_snr_db, recordings=pieces,
                                       probability=self.recipe.background_mixed)  # fmt: skip

    def validation(self) -> ClipBatches | None:
        valid = self.valid
        if valid is None:
            return None
        frames = OnTheFly(valid.audio, self.features)
        return ClipBatches(frames, valid.y, names=valid.names, labels=self.labels)

    def fit(
        self, name: str, model: Module, source: ClipSource, valid: ClipBatches | None, loss: CrossEntropy, epochs: int,
        seed: int, callbacks: Any = (),
    ) -> History:  # fmt: skip
        recipe = self.recipe
        return fit(
            model,
            source,
            valid,
            loss=loss,
            epochs=epochs,
            **fit_options(recipe, source),
            threads=self.threads or min(recipe.shards, cpus()),
            folder=None if self.folder is None else self.folder / name,
            resume=self.resume,
            seed=seed,
            progress=name if self.progress else False,
            callbacks=callbacks,
            freeze=self.freeze,
        )

    def info(self) -> dict[str, Any]:
        """The notes that are saved with the classifier."""
        return {
            "recipe": jsonable(dataclasses.asdict(self.recipe)),
            "seed": self.seed,
            "clips": int(self.learned_from.sum()),
            "corpus": self.corpus.layout,
            "wavenetlite": __version__,
            **({} if self.begin is None else {"init": self.begin.info, "frozen": list(self.freeze)}),
        }


def mean_of(
    teachers: list[Callable[[Floats, float], Floats]], temperature: float
) -> Callable[[Floats, Floats], Floats]:
    """The mean output of the teachers."""

    def targets(x: Floats, labels: Floats) -> Floats:
        mean: Floats = np.mean([teacher(x, temperature) for teacher in teachers], axis=0, dtype=np.float32)
        return mean

    return targets


def last_frames(model: Module, x: Floats) -> np.ndarray:
    """Logits of the last frame of each clip."""
    logits: np.ndarray = model(x)[:, -1].astype(np.float64)
    return logits


def softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)  # type: ignore[no-any-return]


def word_of(name: str) -> str:
    """The word in the name of a clip: "backward" of "_unknown_/backward_0c540988_nohash_0.flac"."""
    parts = Path(name).stem.split("_")
    return parts[0] if len(parts) > 2 and "nohash" in parts else ""


def jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): jsonable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    return value
