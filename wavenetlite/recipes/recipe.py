"""Recipes for classifiers of clips: every setting of a training, and what recipes have in common."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar

from wavenetlite.features import LogMel
from wavenetlite.support.checks import number, one_of, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError

R = TypeVar("R")

VARIABLE = {
    "waveforms": "augmentation", "frames": "augmentation", "variants": "augmentation", "network": "layers",
    "mixup": "mixing", "label_smoothing": "label smoothing", "lr": "learning rate", "weight_decay": "weight decay",
}  # fmt: skip
"""What a recipe's members may do in other ways, and its name in a sentence: what needs no other features, labels or
epochs."""

FEW_CLIPS = 1500
"""Below so many, a background's default is several networks: epochs are cheap, and single networks err at random."""
SCOUT = 0.4
"""Epochs after which hard negatives are searched where there are no teachers, by those that follow."""


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
    members
        Networks whose mean logits are those of the classifier, see `mean_of_members`. All learn from the same augmented
        clips, in orders of their own; with a background, those after the first begin with the hard negatives that the
        member before them found last.
    variations
        What members change of the recipe, in turn: ``variations[0]`` for the first, and after the last of them the
        first again. Keys are names of `VARIABLE`, values replace the recipe's; an empty mapping changes nothing. Each
        member then learns from augmented clips and made-up unknown words of its own, and so does each teacher.
    words_apart
        Whether teachers learn the words of ``_unknown_``, by file name, as separate classes.
    background_share, background_variants
        Segments of a background for each clip of a batch, and number of augmented variants that they are cut from.
    background_mixed, background_snr_db
        Probability that a piece of the background is mixed into a word, and the range of the word's level above it, dB.
    refining_epochs
        With a background, epochs after the last with the hard negatives of the trained network.
    alone
        Whether, with a background, words give events only where they stand alone, with quiet before and after them:
        nearly all false alarms are within running speech.
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
    members: int = 1
    variations: Sequence[Mapping[str, Any]] = ()
    words_apart: bool = False
    class_weights: Literal["balanced"] | Mapping[str, float] | None = None
    background_share: float = 0.375
    background_variants: int = 2
    background_mixed: float = 0.3
    background_snr_db: tuple[float, float] = (0.0, 20.0)
    refining_epochs: int = 0
    alone: bool = False
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
        return self.teachers + self.members

    def scaled(self, epochs: int | None) -> Recipe:
        """The recipe with other `epochs` of the final network, and all others by the same factor; None: as it is."""
        if epochs is None:
            return self
        scale = positive_int("epochs", epochs) / self.epochs
        teacher = max(1, round(scale * self.teacher_epochs))
        refining = max(1, round(scale * self.refining_epochs)) if self.refining_epochs else 0
        return dataclasses.replace(self, epochs=epochs, teacher_epochs=teacher, refining_epochs=refining)

    def taught_by(self, teachers: int) -> Recipe:
        """The recipe with so many teachers, of as many epochs as its networks where it had none.

        No epochs refine what they taught: those learn from labels alone, without doubt about what is like a word.

        Examples
        --------
        >>> import wavenetlite as wl
        >>> wl.recipes.Recipe.named("quick").taught_by(2).plan(background=True).partition(": ")[2]
        '2 teachers of 40 epochs, then one of 40 epochs that learns from them'
        """
        positive_int("teachers", teachers)
        epochs = self.teacher_epochs if self.teachers else self.epochs
        return dataclasses.replace(self, teachers=teachers, teacher_epochs=epochs, refining_epochs=0)

    def of_member(self, number: int) -> Recipe:
        """The recipe of a member, or of a teacher, from 1 on: with its variation.

        Examples
        --------
        >>> import dataclasses, wavenetlite as wl
        >>> two = dataclasses.replace(wl.recipes.Recipe.named("quick"), members=2, variations=[{}, {"variants": 9}])
        >>> [two.of_member(number).variants for number in (1, 2, 3)]
        [4, 9, 4]
        """
        if not self.variations:
            return self
        changes = list(self.variations)[(positive_int("number", number) - 1) % len(self.variations)]
        if not isinstance(changes, Mapping):
            raise ArrayTypeError(f"variations has a {type(changes).__name__}; it must be a list of mappings")
        for name in changes:
            one_of("variations", name, tuple(VARIABLE))
        return dataclasses.replace(self, **changes)

    @property
    def scout_epochs(self) -> int:
        """With a background and without teachers, epochs before the others, after which hard negatives are searched."""
        return 0 if self.teachers else max(1, round(SCOUT * self.epochs))

    @property
    def differ(self) -> str:
        """In what the networks differ, for a sentence; one, or a teacher and its one pupil, do not."""
        used = self.variations[: max(self.teachers, self.members)]
        names = sorted({VARIABLE[name] for changes in used for name in changes}) if len(used) > 1 else []
        return f" (of different {', '.join(names)})" if names else ""

    def plan(self, *, background: bool = False) -> str:
        """What will be trained, in a sentence; `background`: with one.

        Examples
        --------
        >>> import wavenetlite as wl
        >>> wl.recipes.Recipe.named("quick").plan(background=True)
        'recipe quick trains one network: 16 epochs to find hard negatives, 40 epochs, then 15 epochs to refine it'
        >>> import dataclasses
        >>> three = dataclasses.replace(wl.recipes.Recipe.named("quick"), members=3)
        >>> three.plan()
        'recipe quick trains 3 networks, whose mean is the model: 40 epochs each'
        >>> dataclasses.replace(three, variations=[{}, {"mixup": (0.0, 0.0)}]).plan()
        'recipe quick trains 3 networks (of different mixing), whose mean is the model: 40 epochs each'
        """
        several = self.members > 1
        what = "each" if several else "it"
        refined = (
            f", then {self.refining_epochs} epochs to refine {what}" if background and self.refining_epochs else ""
        )
        if background and self.alone:
            refined += "; it will hear words that stand alone"
        if not self.teachers:
            before = f"{self.scout_epochs} epochs to find hard negatives, " if background else ""
            networks = f"{self.members} networks{self.differ}, whose mean is the model" if several else "one network"
            each = f"{self.epochs} epochs{' each' * several}{refined}"
            return f"recipe {self.name} trains {networks}{': ' if before or several else ', '}{before}{each}"
        teachers = f"{self.teachers} teacher{'s' * (self.teachers > 1)} of {self.teacher_epochs} epochs"
        final = (
            f"{self.members} of {self.epochs} epochs that learn"
            if several
            else f"one of {self.epochs} epochs that learns"
        )
        return (
            f"recipe {self.name} trains {self.networks} networks{self.differ}, one after the other: {teachers},"
            f" then {final} from them{refined}"
        )


EQUALISE = {"type": "Equalise", "most_db": 6.0, "probability": 0.3}
COLOURING = {"type": "Colouring", "deviation": 0.25}
MASKS = {
    "type": "SpecAugment", "time_masks": 2, "most_frames": 20, "frequency_masks": 2, "most_bins": 7, "fill": 0.0,
}  # fmt: skip
FRAMES = ({"type": "FrequencyWarp", "low": 0.9, "high": 1.1, "probability": 0.5}, COLOURING, MASKS)
WIDE_FRAMES = ({"type": "FrequencyWarp", "low": 0.88, "high": 1.12, "probability": 0.5}, COLOURING, MASKS)
LOWER_FRAMES = ({"type": "FrequencyWarp", "low": 0.84, "high": 1.08, "probability": 0.7}, COLOURING, MASKS)
WIDEST_FRAMES = ({"type": "FrequencyWarp", "low": 0.8, "high": 1.2, "probability": 0.8}, COLOURING, MASKS)


def waveforms(sr: int, *, wide: bool = False) -> list[dict[str, Any]]:
    """The usual augmentation of a waveform: pitch and tempo, position, room, noise, level; `wide`: more of it."""
    low, high = (0.78, 1.25) if wide else (0.82, 1.22)
    filters = [
        {"type": "BandLimit", "sr": sr, "probability": 0.2},
        EQUALISE,
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


def cut_close(sr: int, most_ms: float, probability: float) -> list[dict[str, Any]]:
    """In front of others: recordings cut so closely that consonants are missing, in noise that ends with them."""
    return [
        {"type": "Trim", "most_ms": most_ms, "sr": sr, "probability": probability},
        {
            "type": "BackgroundNoise", "kinds": ["white", "pink"], "snr_db": [3.0, 30.0], "everywhere": False,
            "probability": probability,
        },
    ]  # fmt: skip


QUICK = (
    {"type": "Speed", "low": 0.85, "high": 1.18, "probability": 0.8},
    {"type": "TimeShift", "most_ms": 100.0, "sr": 16000, "fill": "zero", "probability": 0.9},
    {"type": "BackgroundNoise", "kinds": ["white", "pink", "brown"], "snr_db": [5.0, 35.0], "probability": 0.5},
    {"type": "Gain", "low_db": -10.0, "high_db": 6.0},
)

DIGITS = (
    {"type": "Speed", "low": 0.72, "high": 1.25, "probability": 0.9},
    {"type": "TimeShift", "most_ms": 300.0, "sr": 8000, "fill": "zero", "probability": 0.9},
    {"type": "Reverb", "sr": 8000, "rt60_ms": [80.0, 400.0], "direct_db": [6.0, 20.0], "probability": 0.25},
    {"type": "BackgroundNoise", "kinds": ["white", "pink", "brown"], "snr_db": [5.0, 40.0], "probability": 0.5},
    {"type": "Gain", "low_db": -12.0, "high_db": 8.0},
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

# For a background: its labels are hard, and hard negatives come of the network's own first epochs.
LIVE = dataclasses.replace(
    COMMANDS,
    name="live",
    waveforms=waveforms(16000, wide=True),
    frames=WIDE_FRAMES,
    teachers=0,
    words_apart=False,
    variants=20,
    refining_epochs=70,
    alone=True,
)

RECIPES = {
    "commands": COMMANDS,
    "live": LIVE,
    # Of few speakers: the second network learns what speakers differ in from wider changes.
    "few": dataclasses.replace(
        LIVE,
        name="few",
        epochs=100,
        refining_epochs=0,
        members=2,
        variations=[{}, {"frames": WIDEST_FRAMES}],
    ),
    "digits": Recipe(
        "digits",
        features={"frame_ms": 32.0, "hop_ms": 10.0, "n_mels": 40, "fmin": 20.0, "fmax": 4000.0},
        # Levels differ by up to 25 dB between speakers; a network would take the level for part of the word.
        steps=[{"type": "AutoGain", "range_db": 64.0, "fall_db": 0.1, "least_db": -15.0}],
        waveforms=DIGITS,
        frames=LOWER_FRAMES,
        variants=12,
        epochs=30,
        label_smoothing=0.05,
        # What is learned of recordings cut closely helps with speakers who are, and harms with faint consonants.
        members=2,
        variations=[{}, {"waveforms": [*cut_close(8000, 120.0, 0.6), EQUALISE, *DIGITS]}],
        refining_epochs=40,
        alone=True,
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


def default_recipe(background: object, clips: int | None = None) -> str:
    """The name of the recipe where none is given.

    Parameters
    ----------
    background
        None, or no folders: there is none.
    clips
        Number of clips to train on; None: many.

    Returns
    -------
    "commands" without a background; with one "live", or "few" for fewer than `FEW_CLIPS` clips.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> wl.recipes.default_recipe(None), wl.recipes.default_recipe(["talk"]), wl.recipes.default_recipe(["talk"], 400)
    ('commands', 'live', 'few')
    """
    if background is None or background == []:
        return "commands"
    return "live" if clips is None or clips >= FEW_CLIPS else "few"


def recipes() -> tuple[str, ...]:
    """Names of the recipes.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> "commands" in wl.recipes.recipes()
    True
    """
    return tuple(RECIPES)


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
    if len(source) < recipe.shards:
        raise ParameterError(
            f"{len(source)} items to train on are too few; there must be at least {recipe.shards}, one for each of the"
            " recipe's shards: take more or longer recordings, or shards=1"
        )
    return {
        "batch_size": batch_size,
        **{name: getattr(recipe, name) for name in ("lr", "weight_decay", "ema", "shards")},
    }


def jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): jsonable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(item) for item in value]
    return value
