"""A classifier of sounds with scikit-learn's manners: cloned, searched and cross-validated like any other."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.classifier.signals import is_file
from wavenetlite.corpora.clips import Clips, Corpus
from wavenetlite.corpora.loudest import fit as fit_into
from wavenetlite.recipes import Recipe, train_classifier
from wavenetlite.sklearn.signals import one_by_one, signal_at
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count, number, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.optional import optional

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError:

    class ClassifierMixin:  # type: ignore[no-redef]
        """Stands for scikit-learn's, and says what is missing."""

        def __new__(cls, *arguments: Any, **options: Any) -> Any:
            raise optional("sklearn.base", "sklearn", cls.__name__)

    class BaseEstimator:  # type: ignore[no-redef]
        """Stands for scikit-learn's."""


LEAST_CLIP_S = 0.1
"""Length of a clip where all signals are shorter."""


class SpeechClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Learns to tell words or other short sounds apart, by a recipe of :mod:`wavenetlite.recipes`.

    Parameters
    ----------
    sr
        Sample rate of the signals, Hz; files must have it too, unless `resample`.
    clip_s
        Length of a clip, seconds; None: that of the longest signal in training. Shorter signals are centred in silence,
        longer ones are cut to their loudest part in training.
    recipe
        A name of :func:`wavenetlite.recipes.recipes`, or a :class:`wavenetlite.recipes.Recipe`.
    epochs, lr, batch_size
        Instead of the recipe's.
    class_weight
        "balanced", or weights by class, as scikit-learn's; None: all classes weigh the same.
    init, freeze
        A trained classifier to begin with, and its layers that stay as they are; see
        :func:`wavenetlite.recipes.train_classifier`.
    resample
        Whether to convert files of another sample rate.
    random_state
        Seed of weights, order and augmentation: equal ones give equal bits. None: another one each time.
    n_jobs
        Number of threads; does not change the result. None: one per CPU, at most two.
    verbose
        Whether to show the progress of training.

    Attributes
    ----------
    classifier_
        The trained :class:`wavenetlite.AudioClassifier`: stream it, save it.
    classes_
        The classes, sorted.
    clip_s_
        Length of a clip, seconds.
    n_features_in_
        Samples of a signal, if an array was learned from.

    Notes
    -----
    `X` is (signals, samples), or a list of signals, which may differ in length, and of paths of audio files; each as
    :meth:`wavenetlite.AudioClassifier.predict` takes it.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> t, f = np.arange(4000) / 8000, np.where(np.arange(24) % 2, 300.0, 1500.0)
    >>> noise = np.random.default_rng(0).standard_normal((24, 4000))
    >>> X = 0.3 * np.sin(2 * np.pi * f[:, None] * t) + 0.01 * noise
    >>> y = np.where(f < 1000, "low", "high")
    >>> model = wl.sklearn.SpeechClassifier(sr=8000, epochs=3).fit(X, y)
    >>> model.classes_.tolist(), model.predict(X[:2]).tolist()
    (['high', 'low'], ['high', 'low'])
    """

    def __init__(
        self,
        *,
        sr: int = 16000,
        clip_s: float | None = None,
        recipe: str | Recipe = "quick",
        epochs: int | None = None,
        lr: float | None = None,
        batch_size: int | None = None,
        class_weight: Literal["balanced"] | Mapping[Any, float] | None = None,
        init: AudioClassifier | str | os.PathLike[str] | None = None,
        freeze: Sequence[str] = (),
        resample: bool = False,
        random_state: Any = 0,
        n_jobs: int | None = None,
        verbose: bool = False,
    ) -> None:
        self.sr = sr
        self.clip_s = clip_s
        self.recipe = recipe
        self.epochs = epochs
        self.lr = lr
        self.batch_size = batch_size
        self.class_weight = class_weight
        self.init = init
        self.freeze = freeze
        self.resample = resample
        self.random_state = random_state
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: Any, y: Any) -> SpeechClassifier:  # noqa: N803
        """Train on signals and their classes.

        Parameters
        ----------
        X
            (signals, samples), or a list of signals and paths.
        y
            The class of each.

        Raises
        ------
        ParameterError, ArrayTypeError, AudioFileError
            A signal or a parameter is invalid, or there are not two classes.
        """
        positive_int("sr", self.sr)
        if y is None:
            raise ParameterError("SpeechClassifier requires y to be passed, but the target y is None")
        signals = self.signals(X, reset=True)
        check_classification_targets(y)
        targets = column_or_1d(y, warn=True)
        if len(signals) != len(targets):
            raise ParameterError(f"y has {len(targets)} classes; it must have {len(signals)}, one per signal of X")
        self.classes_, numbers = np.unique(targets, return_inverse=True)
        if len(self.classes_) < 2:
            raise ParameterError(f"y has {len(self.classes_)} class; it must have 2 or more classes")
        self.clip_s_ = self.length_of_clips(signals)
        self.classifier_ = train_classifier(
            self.corpus(signals, numbers),
            self.chosen_recipe(),
            seed=self.seed(),
            threads=self.n_jobs,
            progress=self.verbose,
            init=self.init,
            freeze=self.freeze,
            class_weights=self.weights(),
            reject=False,  # every prediction is one of `classes_`
        )
        return self

    def predict_proba(self, X: Any) -> npt.NDArray[np.float32]:  # noqa: N803
        """The probabilities of each signal's classes, (signals, classes), in the order of `classes_`."""
        check_is_fitted(self)
        clips = [self.padded(signal) for signal in self.signals(X, reset=False)]
        found = self.classifier_.predict(clips, threads=self.n_jobs or 1)
        return np.stack([one.probabilities for one in found])

    def predict(self, X: Any) -> npt.NDArray[Any]:  # noqa: N803
        """The most probable class of each signal, (signals,)."""
        probabilities = self.predict_proba(X)
        found: npt.NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
        return found

    # What is learned from

    def signals(self, X: Any, *, reset: bool) -> list[Floats]:  # noqa: N803
        """The signals of X, float32."""
        if is_file(X):
            raise ArrayTypeError(f"X is the path {X!r}; it must be a list of paths or signals")
        if isinstance(X, list | tuple) and not X:
            raise ParameterError("X is empty; it must have at least one signal")
        several = one_by_one(X)
        if several is None:
            array = validate_data(self, X, dtype="numeric", reset=reset)
            several = list(array if array.dtype in (np.float32, np.int16) else array.astype(np.float64))
        return [signal_at(f"X[{index}]", one, self.sr, self.resample) for index, one in enumerate(several)]

    def length_of_clips(self, signals: Sequence[Floats]) -> float:
        if self.clip_s is not None:
            if number("clip_s", self.clip_s) <= 0:
                raise ParameterError(f"clip_s={self.clip_s} must be above 0")
            return float(self.clip_s)
        return max(LEAST_CLIP_S, max(map(len, signals)) / self.sr)

    @property
    def samples(self) -> int:
        """Samples of a clip."""
        return max(1, round(self.clip_s_ * self.sr))

    def padded(self, signal: Floats) -> Floats:
        """The signal, centred in silence if it is shorter than a clip, as in training."""
        if len(signal) >= self.samples:
            return signal
        row = np.zeros(self.samples, np.float32)
        fit_into(signal, row)
        return row

    def corpus(self, signals: Sequence[Floats], numbers: npt.NDArray[Any]) -> Corpus:
        rows = np.zeros((len(signals), self.samples), np.float32)
        lengths = np.array([fit_into(signal, row) for signal, row in zip(signals, rows, strict=True)], np.int64)
        clips = Clips(rows, numbers.astype(np.int64), lengths=lengths)
        none = clips.select([])
        return Corpus(self.labels, clips, none, none, self.sr, "arrays", [], Path())

    @property
    def labels(self) -> list[str]:
        """The classes as labels."""
        return [str(one) for one in self.classes_.tolist()]

    def seed(self) -> int:
        """A seed, drawn if `random_state` is None or a generator."""
        if isinstance(self.random_state, int | np.integer):
            return count("random_state", self.random_state)
        return int(check_random_state(self.random_state).randint(2**31))

    def chosen_recipe(self) -> Recipe:
        """The recipe, with the parameters in place of its own."""
        chosen = Recipe.named(self.recipe) if isinstance(self.recipe, str) else self.recipe
        if not isinstance(chosen, Recipe):
            raise ArrayTypeError(f"recipe is a {type(chosen).__name__}; it must be a name or a Recipe")
        given = {"lr": self.lr, "batch_size": self.batch_size}
        changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
        return dataclasses.replace(chosen.scaled(self.epochs), **changed)

    def weights(self) -> Literal["balanced"] | dict[str, float] | None:
        """The weights of classes, by label."""
        if self.class_weight is None or isinstance(self.class_weight, str):
            return self.class_weight
        return {str(one): weight for one, weight in self.class_weight.items()}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.classifier_tags.poor_score = True  # on anything but sounds
        return tags
