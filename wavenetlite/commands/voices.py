"""What voices of programs add to a corpus: options, and how they are used."""

from __future__ import annotations

import argparse
from pathlib import Path

from wavenetlite.commands.options import names, positive
from wavenetlite.commands.output import note, progress
from wavenetlite.corpora.clips import Corpus
from wavenetlite.recipes.said_labels import CLIPS, voices_of, with_voices
from wavenetlite.recipes.wake.choice import known_programs

SPEECH = "speech"
"""Folder below OUT for what was said."""
ALL = "all"


def add_voices(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--voices", type=names, metavar="all|A,B,...", help="programs, or voices such as flite:slt, that say the labels"
        f" as further speakers to train on: {', '.join(known_programs())}; all: those that are installed")  # fmt: skip
    parser.add_argument("--said", type=positive, default=CLIPS, metavar="N", help="with --voices: clips of each label")
    parser.add_argument("--language", default="en", metavar="CODE", help="with --voices: that they speak")


def wanted(args: argparse.Namespace) -> list[str] | None:
    """The voices that are asked for; None: all."""
    return None if args.voices == [ALL] else args.voices


def check_voices(args: argparse.Namespace) -> None:
    """Raise if the voices are not there, before anything is read."""
    if args.voices is not None:
        voices_of(args.language, wanted(args), known_programs())


def with_said(corpus: Corpus, args: argparse.Namespace, out: Path) -> Corpus:
    """The corpus with what voices say of its labels, if they are asked for."""
    if args.voices is None:
        return corpus
    with progress("voices say the labels", quiet=args.quiet) as bar:
        made = with_voices(corpus, out / SPEECH, voices=wanted(args), clips=args.said, language=args.language,
                           seed=args.seed, threads=args.threads, progress=bar)  # fmt: skip
    if not args.quiet:
        note(summary(len(made.train) - len(corpus.train), made.problems[len(corpus.problems) :]))
    return made


def summary(clips: int, problems: list[str]) -> str:
    left_out = f"; {len(problems):,} could not be said, the first: {problems[0]}" if problems else ""
    return f"voices say {clips:,} clips to train on{left_out}"
