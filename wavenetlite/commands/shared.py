"""What several commands do: load a classifier, read a corpus, print events and evaluations."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from wavenetlite.classifier import AudioClassifier, Event, GatedClassifier
from wavenetlite.commands.options import add_reading, column, share
from wavenetlite.commands.output import note, progress
from wavenetlite.corpora.clips import Corpus
from wavenetlite.corpora.duplicates import Duplicates
from wavenetlite.evaluation.clips import Evaluation
from wavenetlite.formats.classifiers import load_classifier
from wavenetlite.support.errors import ParameterError
from wavenetlite.train.corpus import read_corpus

DEFAULT_MODEL, LIVE_MODEL = "speech-commands-12", "speech-commands-12-live"
DEFAULT_VAD = "voice-activity"
MOST_PROBLEMS = 20
"""Problems of a corpus that are reported one by one."""


def add_detector(parser: argparse.ArgumentParser, default: str = DEFAULT_MODEL) -> None:
    parser.add_argument(
        "--model", default=default, metavar="NAME|FILE", help="a bundled classifier, or the file of one"
    )
    parser.add_argument(
        "--threshold", type=share, metavar="P", help="probability of an event, 0..1, instead of the model's"
    )


def load_detector(args: argparse.Namespace) -> AudioClassifier:
    """The classifier of `add_detector`'s options: --threshold replaces the thresholds of all labels."""
    clf = load_classifier(args.model)
    return clf if args.threshold is None else clf.with_threshold(args.threshold)


def add_vad(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--vad", nargs="?", const=DEFAULT_VAD, metavar="NAME|FILE", help="run the classifier only where this detector "
        f"of voice activity hears speech: {DEFAULT_VAD} if none is named, or the file of one, such as silero-vad's ONNX"
    )  # fmt: skip


def gated(clf: AudioClassifier, vad: str | None) -> AudioClassifier | GatedClassifier:
    """The classifier, gated by the detector of --vad, if there is one: it has one label besides its background."""
    if vad is None:
        return clf
    detector = load_classifier(vad)
    words = [label for label in detector.labels if label not in detector.background]
    if detector.background and len(words) > 1:
        several = ", ".join(words[:3]) + (", ..." if len(words) > 3 else "")
        raise ParameterError(
            f"--vad {vad}: tells {several} from each other; it must be a detector of voice activity, with one label"
            " besides its background"
        )
    return clf.gated(detector)


def add_data(parser: argparse.ArgumentParser, *, needed: bool = True) -> None:
    """DATA, and how it is read."""
    parser.add_argument(
        "data", nargs="+" if needed else "*", metavar="DATA", help="labelled recordings: folders, manifests, archives"
    )
    group = parser.add_argument_group("recordings")
    group.add_argument("--layout", default="auto", metavar="NAME", help="of a folder: speech_commands, fsdd, parts, "
                       "folders, or tree (any depth, labelled by the folder of a recording)")  # fmt: skip
    group.add_argument("--column", action="append", default=[], type=column, metavar="NAME=COLUMN", help="a manifest "
                       "has NAME (path, key, label, speaker, split, start_s or end_s) in COLUMN")  # fmt: skip
    group.add_argument("--lazy", action="store_true", help="read clips when they are needed: for recordings that do "
                       "not fit into memory; the result is the same")  # fmt: skip
    add_reading(group)


def read_data(source: str | list[str], args: argparse.Namespace, what: str = "reading", **options: Any) -> Corpus:
    """The corpus of a source, by the options of `add_data` and others of `read_corpus`."""
    source = source[0] if len(source) == 1 else source
    given = {"layout": args.layout, "columns": dict(args.column), "lazy": args.lazy, "resample": args.resample}
    with progress(what, quiet=getattr(args, "quiet", False)) as bar:
        return read_corpus(source, mono=args.mono, progress=bar, **given, **options)


def trained_on(clf: AudioClassifier) -> list[Any]:
    """The parts of its corpus that a classifier was trained on, by its notes."""
    notes = clf.info.get("data")
    parts = notes.get("trained_on") if isinstance(notes, Mapping) else None
    return parts if isinstance(parts, list) else []


def event_text(event: Event) -> str:
    return f"{event.time_s:10.3f} s  {event.label}  {event.score:.3f}"


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    return {
        "clips": evaluation.count,
        "accuracy": evaluation.accuracy,
        "macro_f1": evaluation.macro_f1,
        "per_label": evaluation.per_label,
        "scores": {label: scores._asdict() for label, scores in evaluation.scores.items()},
        "labels": evaluation.labels,
        "matrix": evaluation.matrix.tolist(),
        "wrong": [wrong._asdict() for wrong in evaluation.wrong],
    }


def report_problems(corpus: Corpus) -> None:
    """Report the problems of a corpus, at most `MOST_PROBLEMS`, and its duplicates."""
    for problem in corpus.problems[:MOST_PROBLEMS]:
        note(problem)
    left = len(corpus.problems) - MOST_PROBLEMS
    if left > 0:
        note(f"... and {left:,} more problems")
    for line in Duplicates(corpus).lines():
        note(line)
