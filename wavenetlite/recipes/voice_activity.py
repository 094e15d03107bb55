"""Train a detector of voice activity on clean talk that is mixed with noise."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wavenetlite import audio
from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.corpora.layouts import audio_below
from wavenetlite.detection.detector import Detector
from wavenetlite.features import MeanVariance
from wavenetlite.nn import Activation, BatchNorm, Conv1d, Linear, Module, Residual, Sequential
from wavenetlite.quantization import quantize
from wavenetlite.recipes.members import mean_of_members
from wavenetlite.recipes.recipe import features_at, fit_options, jsonable
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import count, positive_int
from wavenetlite.support.cpus import cpus
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.progress import Bar
from wavenetlite.support.version import __version__
from wavenetlite.train.loop import fit
from wavenetlite.train.losses import CrossEntropy
from wavenetlite.train.recorded_noises import RecordedNoises
from wavenetlite.train.talk import SceneMaker, Scenes, Talk

SPEECH, NOISE = "speech", "_noise_"
LABELS = [NOISE, SPEECH]
CALIBRATED_ON = 16
"""Scenes that the ranges of integers are chosen on."""
MEMBER_SEEDS = 1000
"""Between the seeds of the networks of one detector."""


@dataclass(frozen=True)
class VoiceActivityRecipe:
    """How a detector of voice activity is trained: frame by frame, on scenes whose truth is known.

    Attributes
    ----------
    features
        As of :class:`wavenetlite.recipes.Recipe`; frames are then normalised by the statistics of the scenes.
    channels, kernel_size, dilations
        Of the residual blocks: a depthwise convolution over time, and one over channels.
    scenes
        Number of scenes for each network, and options of :class:`wavenetlite.train.talk.SceneMaker`: a loud echo counts
        as speech, as it does in a recording. What is doubtful is not learned.
    epochs, batch_size, lr, weight_decay, ema, shards
        Of :func:`wavenetlite.train.fit`, with a cosine schedule.
    members
        Networks whose mean is the detector, see :func:`wavenetlite.recipes.members.mean_of_members`; each learns from
        scenes of its own, and every other one of recorded noise, where there is some.
    detector
        Options of :class:`wavenetlite.Detector`: when speech begins.
    integers
        Whether the network is rounded to integers after training.
    """

    features: Mapping[str, Any] = field(default_factory=lambda: {
        "frame_ms": 32.0, "hop_ms": 20.0, "n_mels": 32, "fmin": 60.0, "fmax": 7600.0, "amin": 1e-9
    })  # fmt: skip
    channels: int = 64
    kernel_size: int = 5
    dilations: Sequence[int] = (1, 2, 4, 8, 16, 1, 2, 4, 8, 16)
    scenes: int = 3000
    scene: Mapping[str, Any] = field(default_factory=lambda: {
        "seconds": 10.0, "speed": (0.8, 1.25), "rooms": 0.4, "rt60_ms": (60.0, 1400.0), "echoes": True
    })  # fmt: skip
    epochs: int = 32
    batch_size: int = 32
    lr: float = 4e-3
    weight_decay: float = 0.01
    ema: float = 0.995
    shards: int = 1
    members: int = 3
    detector: Mapping[str, Any] = field(default_factory=lambda: {
        "threshold": 0.5, "release": 0.3, "smoothing_ms": 0.0, "min_duration_ms": 60.0, "refractory_ms": 0.0
    })  # fmt: skip
    integers: bool = True


def read_talk(
    folders: Sequence[str | os.PathLike[str]], sr: int = 16000, *, most: int | None = None, progress: bool = False
) -> tuple[list[Talk], int]:
    """The recordings of speech in folders and below them, resampled to one rate, and how many were left out.

    Left out are those that are too noisy, short or silent to tell where somebody speaks in them, and those in folders
    whose names begin with an underscore, such as ``_silence_`` and ``_background_noise_``. Of a folder with more than
    `most` recordings, so many are taken, evenly over their names.

    Raises
    ------
    ParameterError
        A folder does not exist or holds no audio that can be used.
    """
    positive_int("sr", sr)
    found: list[Talk] = []
    left_out = 0
    for folder in folders:
        paths = audio_files(folder)
        if most is not None and len(paths) > positive_int("most", most):
            paths = [paths[n * len(paths) // most] for n in range(most)]
        usable = len(found)
        with Bar(progress, f"reading {Path(folder).name}") as bar:
            for done, path in enumerate(paths, 1):
                y, rate = audio.read(path, mono="mean")
                talk = Talk.of(y if rate == sr else audio.resample(y, rate, sr), sr)
                left_out += talk is None
                found += [] if talk is None else [talk]
                bar.share(done / len(paths))
        if len(found) == usable:
            raise ParameterError(f"{folder}: has no recording of clean speech; it must have some")
    return found, left_out


def read_noise(folders: Sequence[str | os.PathLike[str]], sr: int = 16000) -> list[Floats]:
    """The recordings in folders and below them, float32, (samples,), resampled to one rate.

    Raises
    ------
    ParameterError
        A folder does not exist or holds no audio.
    """
    found: list[Floats] = []
    for folder in folders:
        paths = sounds_in(folder)
        if not paths:
            raise ParameterError(f"noise={str(folder)!r} has no recording; it must be a folder with some")
        for path in paths:
            y, rate = audio.read(path, mono="mean")
            found.append(y if rate == sr else audio.resample(y, rate, sr))
    return found


def audio_files(folder: str | os.PathLike[str]) -> list[Path]:
    """The audio files in a folder and below it, sorted; not those in folders of noise."""
    return [
        path
        for path in sounds_in(folder)
        if not any(part.startswith("_") and part != "_unknown_" for part in path.relative_to(folder).parts[:-1])
    ]


def sounds_in(folder: str | os.PathLike[str]) -> list[Path]:
    """All audio files in a folder and below it, sorted."""
    place = Path(folder)
    if not place.is_dir():
        raise ParameterError(f"folder={str(folder)!r}: there is no such folder")
    return audio_below(place)


def train_voice_activity(
    talk: Sequence[Talk],
    recipe: VoiceActivityRecipe | None = None,
    *,
    noise: Sequence[Floats] = (),
    sr: int = 16000,
    folder: str | os.PathLike[str] | None = None,
    seed: int = 0,
    epochs: int | None = None,
    threads: int | None = None,
    resume: bool = True,
    progress: bool = False,
    info: Mapping[str, Any] | None = None,
) -> AudioClassifier:
    """Train a detector of voice activity.

    Parameters
    ----------
    talk
        Clean recordings, as `read_talk` gives them.
    recipe
        None: ``VoiceActivityRecipe()``.
    noise
        Recordings without speech, as `read_noise` gives them. The first network and every other one after it learn in
        them and in synthetic noise, half each, the others in synthetic noise alone: so they mistake different things.
    sr
        Their sample rate, Hz.
    folder, seed, epochs, threads, resume, progress
        As in :func:`wavenetlite.recipes.train_spotter`.
    info
        Notes to be saved with the classifier, besides those on the training.

    Returns
    -------
    A classifier of "speech" and "_noise_", a frame every 20 ms.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> from wavenetlite.train.talk import Talk
    >>> y = np.zeros(16000, np.float32)
    >>> y[4000:12000] = 0.1 * np.random.default_rng(0).standard_normal(8000)
    >>> quick = wl.recipes.VoiceActivityRecipe(scenes=4, scene={"seconds": 2.0}, batch_size=2, channels=8)
    >>> vad = wl.recipes.train_voice_activity([Talk.of(y, 16000)], quick, epochs=1)
    >>> vad.labels, vad.frame_rate
    (['_noise_', 'speech'], 50.0)
    """
    chosen = recipe or VoiceActivityRecipe()
    if not talk:
        raise ParameterError("talk is empty; it must have at least one recording")
    epochs = chosen.epochs if epochs is None else positive_int("epochs", epochs)
    training = Training(
        talk, noise, chosen, sr, epochs=epochs, folder=None if folder is None else Path(folder),
        seed=count("seed", seed), threads=min(2, cpus()) if threads is None else positive_int("threads", threads),
        resume=resume, progress=progress,
    )  # fmt: skip
    model, normalisation = training.all()
    notes = {
        "recipe": jsonable(dataclasses.asdict(chosen)),
        "epochs": epochs,
        "seed": seed,
        "hours": round(sum(len(one.audio) for one in talk) / sr / 3600, 4),
        "recordings": len(talk),
        "noise_recordings": len(noise),
        "wavenetlite": __version__,
        **(info or {}),
    }
    return classifier(training.features, normalisation, model, chosen, notes)


class Training:
    """The training of the networks of one detector; parameters are those of `train_voice_activity`."""

    def __init__(
        self, talk: Sequence[Talk], noise: Sequence[Floats], recipe: VoiceActivityRecipe, sr: int, *, epochs: int,
        folder: Path | None, seed: int, threads: int, resume: bool, progress: bool,
    ) -> None:  # fmt: skip
        self.talk, self.recipe, self.sr, self.epochs, self.folder = talk, recipe, sr, epochs, folder
        self.recorded = RecordedNoises(noise, sr) if len(noise) else None
        self.seed, self.threads, self.resume, self.progress = seed, threads, resume, progress
        self.features = features_at(recipe.features, sr)
        positive_int("members", recipe.members)

    def all(self) -> tuple[Module, MeanVariance]:
        """The detector's network, and the normalisation of its frames."""
        scenes = self.scenes(1)
        normalisation, most = scenes.normalisation, min(CALIBRATED_ON, len(scenes))
        few = [scenes.normalised(scenes.frames[n]) for n in range(most)]
        networks = [self.network(1, scenes)]
        del scenes  # the next network's take as much memory
        for number in range(2, self.recipe.members + 1):
            networks.append(self.network(number, self.scenes(number, normalisation)))
        model = mean_of_members(networks)
        return (quantize(model, calibration=few) if self.recipe.integers else model), normalisation

    def scenes(self, number: int, normalisation: MeanVariance | None = None) -> Scenes:
        """What a network learns from, the first is number 1."""
        recipe = self.recipe
        recorded = self.recorded if number % 2 else None  # those that heard other noise mistake other things
        with Bar(self.progress, f"scenes{self.of(number)}") as bar:
            return Scenes(
                self.talk, SceneMaker(self.sr, **recipe.scene, recorded=recorded), self.features, recipe.scenes,
                normalisation=normalisation, seed=self.seed_of(number), threads=self.threads, progress=bar.share,
            )  # fmt: skip

    def network(self, number: int, scenes: Scenes) -> Module:
        """A network, trained; the first has the seed and the folder themselves."""
        model = network(self.recipe, self.features.out_channels, self.seed_of(number))
        fit(
            model,
            scenes,
            loss=CrossEntropy(at="frames"),
            epochs=self.epochs,
            **fit_options(self.recipe, scenes),
            threads=self.threads,
            folder=self.folder if number == 1 or self.folder is None else self.folder / f"network-{number}",
            resume=self.resume,
            seed=self.seed_of(number),
            progress=f"network{self.of(number)}" if self.progress else False,
        )
        return model

    def seed_of(self, number: int) -> int:
        return self.seed + (number - 1) * MEMBER_SEEDS

    def of(self, number: int) -> str:
        """Which network, for a progress bar, where there are several."""
        return f" {number} of {self.recipe.members}" if self.recipe.members > 1 else ""


def classifier(
    plain: Any, normalisation: MeanVariance, model: Module, recipe: VoiceActivityRecipe, notes: dict[str, Any]
) -> AudioClassifier:
    return AudioClassifier(plain.then(normalisation), model, LABELS, background=[NOISE],
                           detector=Detector(**recipe.detector), info=notes)  # fmt: skip


def network(recipe: VoiceActivityRecipe, bins: int, seed: int) -> Sequential:
    """Residual blocks of separable convolutions, and two logits."""
    channels, kernel = recipe.channels, recipe.kernel_size
    blocks = [
        Residual([
            Conv1d(channels, channels, kernel, dilation=dilation, groups=channels),
            Conv1d(channels, channels, 1),
            BatchNorm(channels),
            Activation("relu"),
        ])
        for dilation in recipe.dilations
    ]  # fmt: skip
    return Sequential(
        [Conv1d(bins, channels, 3), BatchNorm(channels), Activation("relu"), *blocks, Linear(channels, 2)], seed=seed
    )
