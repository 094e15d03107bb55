"""microWakeWord: a manifest, and the TFLite file beside it, as a classifier with ESPHome's decision."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal, TypeAlias

from wavenetlite import nn
from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.detection.detector import Detector
from wavenetlite.features.micro_frontend import MicroFrontend
from wavenetlite.formats import tflite
from wavenetlite.formats.format import Format
from wavenetlite.formats.reading import Fields, read_json
from wavenetlite.nn.integer import ROUNDINGS, Rounding
from wavenetlite.storage.opening import opened
from wavenetlite.support.checks import one_of
from wavenetlite.support.errors import ModelFileError

RuleName: TypeAlias = Literal["esphome", "pymicro"]
RULES = ("esphome", "pymicro")

LEVELS = 256
"""Of a score: 0 to 255 of them."""
QUIET_FRAMES = 100
"""Frames of features before ESPHome's first event, and after each."""
OLD_STEP_MS = 20
"""From frame to frame in the first version of manifests, which do not say."""
MOST_STEP_MS = 30
MOST_WINDOW = 1000
MOST_MANIFEST = 2**16
NOTES = ("wake_word", "author", "website", "trained_languages")
REST = "_unknown_"


def sniff(ends: bytes) -> bool:
    return ends.lstrip()[:1] == b"{" and re.search(rb'"type"\s*:\s*"micro"', ends) is not None


def load(file: BinaryIO, size: int, *, rounding: Rounding = "double", rule: RuleName = "esphome") -> AudioClassifier:
    """The wake word of a manifest of microWakeWord, version 1 or 2, whose TFLite file is in the same folder.

    Its labels are the wake word and ``_unknown_``; its probabilities are those of the file, in 256ths.

    Parameters
    ----------
    rounding
        How the network's sums are rescaled: "double", as on microcontrollers, or "single", as LiteRT does by default.
    rule
        When the word is detected: "esphome", where the sum of the last scores is above ``int(255 * cutoff)`` for each
        of them, and scores below the cutoff have come for 100 frames of features since the start and since the last
        event; or "pymicro", where the mean of the last scores is above the cutoff, as pymicro-wakeword has it, which
        leaves the rest to its user.

    Raises
    ------
    ModelFileError
        The manifest is of another kind or version, a field is missing or out of range, its model is not a file beside
        it, or not a network from 40 features to one probability of 8 bits.
    """
    one_of("rounding", rounding, ROUNDINGS)
    one_of("rule", rule, RULES)
    manifest = Fields(read_json(file, size))
    window, step_ms = timing_of(manifest)
    cutoff = manifest.fields("micro").number("probability_cutoff")
    if not 0 < cutoff < 1:
        raise manifest.fields("micro").wrong("probability_cutoff", "between 0 and 1")
    network = network_beside(file, manifest.text("model"), rounding)
    features = MicroFrontend(hop_length=16 * step_ms)
    return AudioClassifier(
        features,
        network,
        [word_of(manifest), REST],
        decision="peak",
        background=[REST],
        detector=detector(cutoff, window, step_ms, stride_of(network), rule),
        outputs="probabilities",
        info=notes(manifest.value, cutoff, rule),
    )


def in_folder(path: Path) -> bool:
    return bool(manifests(path))


def load_folder(path: Path, *, rounding: Rounding = "double", rule: RuleName = "esphome") -> AudioClassifier:
    """The wake word of the one manifest in a folder; see `load`.

    Raises
    ------
    ModelFileError
        It holds no manifest or several, or as in `load`.
    """
    held = manifests(path)
    if len(held) != 1:
        names = ", ".join(one.name for one in held) or "none"
        raise ModelFileError(
            f"a folder with {len(held)} manifests of microWakeWord ({names}); load one of them by name"
        )
    with opened(held[0]) as (file, size):
        return load(file, size, rounding=rounding, rule=rule)


def manifests(path: Path) -> list[Path]:
    """The files of a folder that begin as manifests do."""
    files = sorted(one for one in path.glob("*.json") if one.is_file())
    return [one for one in files if sniff(beginning(one))]


def beginning(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(MOST_MANIFEST)


def word_of(manifest: Fields) -> str:
    word: str = manifest.text("wake_word")
    if not word.strip() or word == REST:
        raise manifest.wrong("wake_word", f"a word, not empty and not {REST!r}")
    return word


def timing_of(manifest: Fields) -> tuple[int, int]:
    """Scores that are averaged, and milliseconds from frame to frame."""
    if manifest.text("type") != "micro":
        raise manifest.wrong("type", "'micro'")
    version, micro = manifest.integer("version", most=2), manifest.fields("micro")
    if version == 1:
        return micro.integer("sliding_window_average_size", most=MOST_WINDOW), OLD_STEP_MS
    return (micro.integer("sliding_window_size", most=MOST_WINDOW),
            micro.integer("feature_step_size", most=MOST_STEP_MS))  # fmt: skip


def network_beside(file: BinaryIO, name: str, rounding: Rounding) -> nn.Module:
    """The network in the file `name` of the manifest's folder."""
    if not name or Path(name).name != name or "\\" in name or ":" in name:
        raise ModelFileError(f"model is {name!r}; it must be the name of a file in the manifest's folder")
    with opened(Path(os.fsdecode(file.name)).parent / name) as (held, size):
        if not tflite.FORMAT.sniff(held.read(min(size, 64))):
            raise ModelFileError("not a TFLite file, which the manifest's model must be")
        held.seek(0)
        network = tflite.load(held, size, rounding=rounding)
        check_ends(network)
    return network


def check_ends(network: nn.Module) -> None:
    """Raise unless it is a network from the front end's features to one probability in 256ths."""
    output = network.graph(network.in_width)
    scaled = [layer for _, layer in network.modules() if isinstance(layer, nn.Dequantize)]
    if network.in_width != MicroFrontend().out_channels or output.channels != 1:
        raise ModelFileError(f"it takes {network.in_width} channels and gives {output.channels}; a microWakeWord takes"
                             f" {MicroFrontend().out_channels} features and gives one probability")  # fmt: skip
    if len(scaled) != 1 or (scaled[0].scale, scaled[0].zero_point) != (1 / LEVELS, -LEVELS // 2):
        raise ModelFileError("its output must be a probability of 8 bits, in 256ths (uint8, or int8 from -128 on)")


def stride_of(network: nn.Module) -> int:
    """Frames of features for each score."""
    return int(network.graph(network.in_width).clock.rate)


def detector(cutoff: float, window: int, step_ms: int, stride: int, rule: RuleName) -> Detector:
    """The rule of ESPHome or pymicro-wakeword."""
    score_ms, most = stride * step_ms, LEVELS * window
    if rule == "pymicro":
        above = math.floor(cutoff * most)
        while above / most <= cutoff:
            above += 1
        # pymicro-wakeword has no score before it has a whole window of them
        return Detector(above / most, smoothing_ms=window * score_ms, min_duration_ms=0.0, refractory_ms=0.0,
                        warm_up_ms=(window - 1) * score_ms)  # fmt: skip
    least = int(255 * cutoff)
    quiet = -(-(QUIET_FRAMES - stride + 1) // stride)  # scores; the first comes with frame `stride`
    return Detector((least * window + 1) / most, least / LEVELS, smoothing_ms=window * score_ms, min_duration_ms=0.0,
                    refractory_ms=0.0, cool_off_ms=quiet * score_ms)  # fmt: skip


def notes(manifest: Mapping[str, Any], cutoff: float, rule: RuleName) -> dict[str, Any]:
    return {
        "kind": "microWakeWord",
        **{name: manifest[name] for name in NOTES if name in manifest},
        "probability_cutoff": cutoff,
        "rule": rule,
    }


FORMAT = Format(
    "micro-wake-word", "microWakeWord: a manifest of ESPHome and a TFLite file", (), sniff, load,
    load_folder=load_folder, in_folder=in_folder,
)  # fmt: skip
