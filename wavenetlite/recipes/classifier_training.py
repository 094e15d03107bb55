"""Train an `AudioClassifier` on a corpus of labelled clips, by a recipe."""

from __future__ import annotations

import dataclasses
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.corpora.background import Background, Folders
from wavenetlite.corpora.clips import Clips, Corpus
from wavenetlite.corpora.layouts import SILENCE, UNKNOWN
from wavenetlite.corpora.lazy_audio import LazyAudio
from wavenetlite.detection.detector import Detector
from wavenetlite.features import Features, MeanVariance
from wavenetlite.features.steps import step_from_config
from wavenetlite.nn import FrequencyTCN, Module
from wavenetlite.recipes.alone import REFRACTORY_MS, check_level, standing_alone
from wavenetlite.recipes.background_steps import BackgroundSteps, average_with, background_of, prior_shift, refining
from wavenetlite.recipes.distillation import Teachers, mean_and_label, mean_of, tempered
from wavenetlite.recipes.members import mean_of_members
from wavenetlite.recipes.outputs import last_frames, softmax
from wavenetlite.recipes.recipe import (
    RECIPES,
    Recipe,
    check_rate,
    default_recipe,
    features_at,
    fit_options,
    jsonable,
    recipe_of,
    transform_at,
)
from wavenetlite.recipes.transfer import adapted, initial_classifier, output_layer
from wavenetlite.recipes.unknown import more_unknown
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count, flag, one_of, positive_int
from wavenetlite.support.cpus import cpus
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.progress import Bar
from wavenetlite.support.version import __version__
from wavenetlite.train import augment
from wavenetlite.train.background import WithBackground
from wavenetlite.train.batches import ClipBatches, OnTheFly, Variants
from wavenetlite.train.loop import History, fit
from wavenetlite.train.losses import CrossEntropy, balanced_weights

ClipSource = ClipBatches | WithBackground

MADE_UNKNOWN = 1.5
"""Clips of unknown words that are made for a corpus without, by the mean number of clips of a word."""
SCOUT_SEED, REFINED_SEED = 500, 700
"""Of the epochs before the others and after the last."""
MEMBER_SEEDS = 100_000
"""From the seed of a member to that of the next: more than teachers and others are away from theirs."""


def made_clips(clips: Clips, labels: Sequence[str]) -> int:
    """How many clips of unknown words are made for a corpus that has none."""
    return round(MADE_UNKNOWN * len(clips) / len(labels))


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
        (fine-tuning); its output layer keeps what it knows of common labels. Of several networks whose mean it gives,
        each member begins with one: a recipe of one member with the first alone.
    freeze
        Names of layers of `init` that stay as they are; see :func:`wavenetlite.train.fit`.
    class_weights
        Instead of the recipe's; see `Recipe`.
    callbacks
        Of :func:`wavenetlite.train.fit`, for the final network; of several members, for each.
    background
        Talk, music and noise without the words: what :func:`wavenetlite.train.read_background` returned, or folders.
        Segments of it are in every batch as what is to be rejected, those among them that a network before took for
        words, and it is mixed into the words. An eighth of it, by file, is not trained on: the thresholds are chosen on
        it, for the recipe's `false_alarms_per_hour` of all words together.
    reject
        Whether a corpus without ``_unknown_`` gets that label, made from its words: spliced, cut and reversed. As none
        of its clips is one, no prediction of a whole clip has that label then (`priors` of the classifier); events need
        it.

    Returns
    -------
    The classifier; ``info`` holds the recipe, the size of the corpus, the seed and the version. The history is
    ``network/history.jsonl`` in `folder`, of the second member ``network-2/history.jsonl``, and so on.

    Raises
    ------
    ParameterError
        The corpus has no clips to train on, or does not fit the recipe.
    """
    if not isinstance(corpus, Corpus):
        raise ArrayTypeError(f"corpus is a {type(corpus).__name__}; it must come from read_corpus")
    clips = Clips.concatenate([corpus.train, corpus.valid, corpus.test]) if everything else corpus.train
    chosen = recipe_of(default_recipe(background, len(clips)) if recipe is None else recipe, Recipe, RECIPES)
    if not len(clips):
        raise ParameterError("corpus has no clips in its training part; it must have some")
    valid = None if everything or not len(corpus.valid) else corpus.valid
    count("seed", seed)
    positive_int("members", chosen.members)
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
        self.whole, self.corpus, self.valid, self.folder = recipe, corpus, valid, folder
        self.recipe = recipe  # of the network that is trained now, where they differ
        self.made_unknown = reject and UNKNOWN not in corpus.labels
        self.labels = [*corpus.labels, *([UNKNOWN] if self.made_unknown else [])]
        self.seed, self.threads, self.resume, self.progress = seed, threads, resume, progress
        self.begin, self.freeze, self.callbacks = begin, freeze, callbacks
        self.learned_from = np.bincount(clips.y, minlength=len(self.labels))
        self.recorded, self.clips = clips, clips  # with more of unknown words for each network, see `vary`
        self.features: Features = self.normalised(clips) if begin is None else begin.features
        self.frames: OnTheFly | Variants
        self.number = 0  # of the network whose clips are augmented
        self.background: BackgroundSteps | None = None
        if background is not None:
            self.background = BackgroundSteps(background, self.labels, seed, progress)
        self.alone = recipe.alone and background is not None
        if self.alone:
            check_level(self.features)

    def normalised(self, clips: Clips) -> Features:
        """The features of the recipe, normalised by the statistics of the clips."""
        recipe, sr = self.recipe, self.corpus.sr
        check_rate(recipe.name, recipe.features, sr, {name: one.features for name, one in RECIPES.items()})
        plain = features_at(recipe.features, sr).then(*(step_from_config(dict(s), None) for s in recipe.steps))
        return plain.then(MeanVariance.fit(plain(clip) for clip in clips.audio))

    def classifier(self) -> AudioClassifier:
        """Train the teachers, then the final network, or each of its members."""
        self.check_variations()
        if self.progress:
            print(self.whole.plan(background=self.background is not None), file=sys.stderr, flush=True)
        self.vary(1)
        if self.background is not None:
            change = self.transforms(self.recipe.waveforms, mixed=False)
            threads = self.threads or min(2, cpus())
            self.background.cut(self.clips, self.features, change, self.recipe.background_variants, threads)
        recipe, teachers, members = self.whole, [], []
        for number in range(1, recipe.teachers + 1):
            self.vary(number)
            teachers.append(self.teacher(number))
        for number in range(1, recipe.members + 1):
            self.vary(number)
            members.append(self.member(number, teachers))
        model = mean_of_members(members)
        clf = AudioClassifier(
            self.features,
            standing_alone(model, self.features) if self.alone else model,
            self.labels,
            decision="peak" if self.begin is None else self.begin.decision,
            priors={UNKNOWN: 0.0} if self.made_unknown else None,  # none of the corpus' clips is one; talk is
            detector=Detector(refractory_ms=REFRACTORY_MS) if self.alone else None,
            clip_s=self.clips.audio.shape[1] / self.corpus.sr,
            info=self.info(),
        )
        return clf if self.background is None else self.background.quiet(clf, recipe.false_alarms_per_hour)

    def check_variations(self) -> None:
        """Raise for what a later network could not learn from or be, before hours of training of the first."""
        networks = []
        for number in range(1, len(self.whole.variations) + 1):
            self.recipe = self.whole.of_member(number)
            self.transforms(self.recipe.waveforms, mixed=False)
            self.transforms(self.recipe.frames)
            networks.append(self.network(self.labels, self.seed, number))
        if networks:
            mean_of_members(networks[: self.whole.members])

    def vary(self, number: int) -> None:
        """Take up the recipe of a member or teacher, from 1 on; where they differ, with augmented clips of its own."""
        number = number if self.whole.variations else 1
        if number == self.number:
            return
        if self.number:
            del self.frames  # or those of two networks would be in memory, or on disk, at once
        self.number, seed = number, self.seed_of(number)
        self.recipe = self.whole.of_member(number)
        self.clips = self.epoch_clips(self.recorded, seed)
        self.frames = self.augmented(seed)

    def seed_of(self, number: int) -> int:
        return self.seed + (number - 1) * MEMBER_SEEDS

    def member(self, number: int, teachers: Teachers) -> Module:
        """The network of a number from 1 on; those after the first begin with the hard negatives found last."""
        recipe, classes = self.recipe, len(self.labels)
        seed, part = self.seed_of(number), "" if number == 1 else f"-{number}"
        model = self.network(self.labels, seed, number)
        if self.background is not None and not teachers and number == 1:
            self.scout(model)
        loss = CrossEntropy(
            temperature=recipe.temperature if teachers else 1.0,
            label_smoothing=0.0 if teachers else recipe.label_smoothing,
            class_weights=self.class_weights(self.clips.y, np.arange(classes)),
        )
        source = self.source(self.clips.y, classes, teachers)
        self.fit(f"network{part}", model, source, self.validation(), loss, recipe.epochs, seed, self.callbacks)
        if self.background is not None and recipe.refining_epochs:
            self.refine(model, f"refined{part}", REFINED_SEED + seed)
        self.restore_priors(model)
        return model

    def epoch_clips(self, clips: Clips, seed: int) -> Clips:
        """The clips of an epoch: with more of unknown words, several times if they are fewer than the recipe wants."""
        more = self.with_more_unknown(clips, seed)
        times = -(-self.recipe.least_clips // len(more))
        return more if times < 2 else more.select(np.tile(np.arange(len(more)), times))

    def with_more_unknown(self, clips: Clips, seed: int) -> Clips:
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
            sr=self.corpus.sr, seed=seed,
        )  # fmt: skip

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
        if self.background is not None:
            at = self.labels.index(UNKNOWN)
            state[bias][at] -= prior_shift(len(self.clips), used[at])
        state[bias] -= np.where(self.learned_from, np.log(np.maximum(used, 1) / known), 0.0).astype(np.float32)
        model.load_state_dict(state)

    def network(self, labels: Sequence[str], seed: int, member: int = 1) -> Module:
        """The network to begin with; a new one's last frame of a clip pools all frames of the clip."""
        if self.begin is not None:
            return adapted(self.begin, labels, seed, member)
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
        """The trained teacher of a number: softmax probabilities of the labels for frames, at a temperature."""
        y, label_of = self.fine_classes() if self.recipe.words_apart else (self.clips.y, np.arange(len(self.labels)))
        classes, seed = len(label_of), 1000 * number + self.seed
        labels = self.labels
        model = self.network([*labels, *(f"word {n}" for n in range(classes - len(labels)))], seed)
        weights = self.class_weights(y, label_of)
        loss = CrossEntropy(label_smoothing=self.recipe.label_smoothing, class_weights=weights)
        source = self.source(y, classes)
        self.fit(f"teacher-{number}", model, source, None, loss, self.recipe.teacher_epochs, seed)
        to_labels = np.eye(len(self.labels))[label_of]
        self.mine(model, to_labels)

        def probabilities(x: Floats, temperature: float) -> Floats:
            logits = last_frames(model, x)
            # The probabilities of a label's words are added before the temperature is applied.
            return tempered(softmax(logits) @ to_labels, temperature)

        return probabilities

    def scout(self, model: Module) -> None:
        """Train the network for some epochs before the others, for the hard negatives that it then finds."""
        recipe, classes = self.recipe, len(self.labels)
        weights = self.class_weights(self.clips.y, np.arange(classes))
        loss = CrossEntropy(label_smoothing=recipe.label_smoothing, class_weights=weights)
        source, seed = self.source(self.clips.y, classes), SCOUT_SEED + self.seed
        self.fit("scout", model, source, None, loss, recipe.scout_epochs, seed)
        self.mine(model, np.eye(classes))

    def refine(self, model: Module, name: str, seed: int) -> None:
        """Train on with the hard negatives of the trained network; see `refining`."""
        recipe, classes, before = self.recipe, len(self.labels), model.state_dict()
        self.mine(model, np.eye(classes))
        self.recipe = refining(recipe)
        weights = self.class_weights(self.clips.y, np.arange(classes))
        loss = CrossEntropy(label_smoothing=self.recipe.label_smoothing, class_weights=weights)
        source = self.source(self.clips.y, classes)
        self.fit(name, model, source, self.validation(), loss, recipe.refining_epochs, seed)
        self.recipe = recipe
        average_with(model, before)

    def mine(self, model: Module, to_labels: np.ndarray) -> None:
        """Find hard negatives, if there is a background."""
        if self.background is not None:
            self.background.mine(model, to_labels)

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

    def source(self, y: np.ndarray, classes: int, teachers: Teachers = ()) -> ClipSource:
        recipe = self.recipe
        alpha, probability = recipe.distilled_mixup if teachers else recipe.mixup

        def mix(x: Floats, targets: Floats, rng: np.random.Generator) -> tuple[Floats, Floats]:
            return augment.mixup(x, targets, rng, alpha, probability)

        clips = ClipBatches(
            self.frames,
            y,
            classes=classes,
            augment=self.transforms(recipe.frames),
            mix=mix if alpha and probability else None,
            teacher=mean_of(teachers, recipe.temperature) if teachers else None,
            names=self.clips.names,
            labels=self.labels,
            parallel=True,
        )
        if self.background is None:
            return clips
        return WithBackground(
            clips,
            self.background.segments,
            self.labels.index(UNKNOWN),
            share=recipe.background_share,
            multiple=recipe.shards,
            teacher=mean_and_label(teachers, recipe.temperature, recipe.label_smoothing) if teachers else None,
        )

    def augmented(self, seed: int) -> OnTheFly | Variants:
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
                seed=seed,
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
            made.insert(-1, self.background.behind_words(self.recipe))  # before the gain
        return augment.Augment(made) if made else None

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
            "recipe": jsonable(dataclasses.asdict(self.whole)),
            "seed": self.seed,
            "clips": int(self.learned_from.sum()),
            "corpus": self.corpus.layout,
            "wavenetlite": __version__,
            **({} if self.begin is None else {"init": self.begin.info, "frozen": list(self.freeze)}),
        }


def word_of(name: str) -> str:
    """The word in the name of a clip: "backward" of "_unknown_/backward_0c540988_nohash_0.flac"."""
    parts = Path(name).stem.split("_")
    return parts[0] if len(parts) > 2 and "nohash" in parts else ""
