"""What the subcommands share: options, what goes to which stream, loading a classifier."""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from wavenetlite.support.errors import ModelFileError

if TYPE_CHECKING:
    from wavenetlite.classifier import AudioClassifier, Event
    from wavenetlite.corpora.corpus import Corpus
    from wavenetlite.evaluation.clips import Evaluation

Subparsers: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

DEFAULT_MODEL = "speech-commands-12"
BLOCK_MS = 10.0
MOST_PROBLEMS = 20
"""Problems of a corpus that are told one by one."""


class UsageError(Exception):
    """The command line is wrong in a way that argparse cannot see: exit status 2."""


class HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Descriptions and examples as they are written, and the default of every option that has one."""

    def _get_help_string(self, action: argparse.Action) -> str | None:
        text = action.help
        shown = action.option_strings and action.default not in (None, False, argparse.SUPPRESS)
        return f"{text} (default: %(default)s)" if text and shown and "%(default)" not in text else text


def subcommand(subparsers: Subparsers, name: str, summary: str, about: str, examples: str) -> argparse.ArgumentParser:
    """A parser for a subcommand; its module's `run` is to be set with ``set_defaults(run=run)``."""
    return subparsers.add_parser(
        name,
        help=summary,
        description=about,
        epilog=f"examples:\n{examples}",
        formatter_class=HelpFormatter,
        allow_abbrev=False,
    )


# Types of options


def positive(text: str) -> int:
    """A whole number from 1."""
    value = whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} must be 1 or more")
    return value


def whole(text: str) -> int:
    """A whole number from 0."""
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise argparse.ArgumentTypeError(f"{text!r} must be a whole number from 0")
    return int(text)


def share(text: str) -> float:
    """A number in 0..1."""
    if not 0 <= finite(text) <= 1:
        raise argparse.ArgumentTypeError(f"{text} must be between 0 and 1")
    return float(text)


def above_zero(text: str) -> float:
    if finite(text) <= 0:
        raise argparse.ArgumentTypeError(f"{text} must be above 0")
    return float(text)


def finite(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text!r} must be a number")
    return value


def mono(text: str) -> Literal["mean"] | int:
    return "mean" if text == "mean" else whole(text)


def words(text: str) -> str | list[str]:
    """What `read_corpus` takes: "12", "all", or a list of labels."""
    return text if text in ("12", "all") else [word.strip() for word in text.split(",") if word.strip()]


def device(text: str) -> int | str:
    return int(text) if text.isascii() and text.isdigit() else text


def add_json(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--json", action="store_true", help=f"standard output is JSON and nothing else: {what}")


def add_reading(parser: argparse.ArgumentParser) -> None:
    """How audio that does not fit may be made to fit."""
    parser.add_argument(
        "--resample", action="store_true", help="convert audio of another sample rate; else it is refused"
    )
    parser.add_argument(
        "--mono",
        type=mono,
        metavar="mean|N",
        help="of several channels take the mean, or channel N from 0; else refused",
    )


# Output: results go to standard output, all else to standard error


def say(text: str) -> None:
    """A line of results."""
    print(printable(text), flush=True)


def say_json(value: Any) -> None:
    """Results as one line of JSON."""
    print(json.dumps(value, allow_nan=False), flush=True)


def note(text: str) -> None:
    """A line that is no result."""
    print(f"wavenetlite: {one_line(text)}", file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """A text that any terminal can show: file names may hold anything."""
    return "".join(character if character.isprintable() or character == "\n" else "\ufffd" for character in text)


def one_line(text: str) -> str:
    """A message of the library as the command line would say it: options and not arguments, on one line."""
    for pattern, replacement in PHRASES:
        text = pattern.sub(replacement, text)
    return printable(" ".join(text.split()))


PHRASES = [
    (re.compile(r"\bpass (\w+)=True\b"), lambda match: f"give {option(match[1])}"),
    (re.compile(r"\bpass (\w+)=False\b"), lambda match: f"give {option('no_' + match[1])}"),
    (re.compile(r"\bpass (\w+)='(\w+)'"), lambda match: f"give {option(match[1])} {match[2]}"),
]


def option(name: str) -> str:
    return "--" + name.replace("_", "-")


@contextmanager
def progress(what: str, *, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error, where a person can see it; what it yields is called with what is done, and all."""
    if quiet or not sys.stderr.isatty():  # nor is anything imported for it
        yield lambda done, total: None
        return
    from wavenetlite.support.progress import Bar

    with Bar(True, what) as bar:
        yield lambda done, total: bar.share(done / max(total, 1))


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


def tell_problems(corpus: Corpus) -> None:
    """What was odd in a corpus; of very many problems the first ones."""
    for problem in corpus.problems[:MOST_PROBLEMS]:
        note(problem)
    left = len(corpus.problems) - MOST_PROBLEMS
    if left > 0:
        note(f"... and {left:,} problems more")


# Models


def load_classifier(path: str) -> AudioClassifier:
    """The classifier in a file, or the bundled one of that name."""
    from wavenetlite.classifier.classifier import AudioClassifier
    from wavenetlite.formats import load

    loaded = load(path)
    if not isinstance(loaded, AudioClassifier):
        raise ModelFileError(f"{path}: a {type(loaded).__name__} without features and labels; it must be a classifier")
    return loaded


def with_threshold(clf: AudioClassifier, threshold: float | None) -> AudioClassifier:
    """The same classifier with another threshold for the events of all labels."""
    if threshold is None:
        return clf
    from wavenetlite.classifier.files import restored
    from wavenetlite.detection.detector import Detector

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


def cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def checked_folder(path: str) -> Path:
    """A folder to write into: there or not yet, but nothing else."""
    folder = Path(path)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"--out {path}: not a folder")
    return folder


def table(rows: Sequence[tuple[str, str]]) -> str:
    """Names and values, aligned."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value}".rstrip() for name, value in rows)
