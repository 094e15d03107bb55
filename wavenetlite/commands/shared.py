"""What several commands do: load a classifier, write down events and evaluations."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wavenetlite.classifier import AudioClassifier, Event
from wavenetlite.classifier.files import restored
from wavenetlite.commands.options import UsageError
from wavenetlite.commands.output import note
from wavenetlite.corpora.clips import Corpus
from wavenetlite.detection.detector import Detector
from wavenetlite.evaluation.clips import Evaluation
from wavenetlite.formats import load
from wavenetlite.support.errors import ModelFileError

DEFAULT_MODEL = "speech-commands-12"
MOST_PROBLEMS = 20
"""Problems of a corpus that are reported one by one."""


def load_classifier(path: str) -> AudioClassifier:
    """The classifier in a file, or the bundled one of that name."""
    loaded = load(path)
    if not isinstance(loaded, AudioClassifier):
        raise ModelFileError(f"{path}: a {type(loaded).__name__} without features and labels; it must be a classifier")
    return loaded


def with_threshold(clf: AudioClassifier, threshold: float | None) -> AudioClassifier:
    """The same classifier with another threshold for the events of all labels."""
    if threshold is None:
        return clf
    config = clf.config()
    release = config["detector"]["release"]
    detector = Detector(
        **{
            **config["detector"],
            "threshold": threshold,
            "release": None if release is None else min(release, threshold),
            "thresholds": {},
        }
    )
    return restored({**config, "detector": detector.config()}, clf.model, clf.features.state_dict())


def trained_on(clf: AudioClassifier) -> list[Any]:
    """The parts of its corpus that a classifier learned from, as far as it says."""
    notes = clf.info.get("data")
    parts = notes.get("trained_on") if isinstance(notes, Mapping) else None
    return parts if isinstance(parts, list) else []


def event_json(event: Event) -> dict[str, Any]:
    return {
        "label": event.label,
        "score": event.score,
        "time_s": event.time_s,
        "start_s": event.start_s,
        "end_s": event.end_s,
    }


def event_text(event: Event) -> str:
    return f"{event.time_s:10.3f} s  {event.label}  {event.score:.3f}"


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "clips": evaluation.count,
        "accuracy": evaluation.accuracy,
        "per_label": evaluation.per_label,
        "labels": evaluation.labels,
        "matrix": evaluation.matrix.tolist(),
        "wrong": [wrong._asdict() for wrong in evaluation.wrong],
    }


def report_problems(corpus: Corpus) -> None:
    """What was odd in a corpus; of very many problems the first ones."""
    for problem in corpus.problems[:MOST_PROBLEMS]:
        note(problem)
    left = len(corpus.problems) - MOST_PROBLEMS
    if left > 0:
        note(f"... and {left:,} problems more")


def cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def checked_folder(path: str) -> Path:
    """A folder to write into: there or not yet, but nothing else."""
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {path}: not a folder")
    return folder
