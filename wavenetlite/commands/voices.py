"""What voices of programs add to a corpus: options, and how they are used."""

from __future__ import annotations

import argparse
from pathlib import Path

from wavenetlite.commands.options import UsageError, names, positive
from wavenetlite.commands.output import note, progress
from wavenetlite.commands.places import holds
from wavenetlite.corpora.clips import Corpus
from wavenetlite.recipes.said_labels import CLIPS, voices_of, with_voices
from wavenetlite.recipes.wake.choice import known_programs

SPEECH = "speech"
"""Folder below OUT for what was said."""
ALL, LANGUAGE = "all", "en"


def add_voices(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--voices", type=names, metavar="all|A,B,...", help="programs, or voices such as flite:slt, that say the labels"
        f" as further speakers to train on: {', '.join(known_programs())}; all: those that are installed")  # fmt: skip
    parser.add_argument("--said", type=positive, metavar="N", help=f"with --voices: clips of each label ({CLIPS})")
    parser.add_argument("--language", metavar="CODE", help=f"with --voices: that they speak ({LANGUAGE})")


def wanted(args: argparse.Namespace) -> list[str] | None:
    """The voices that are asked for; None: all."""
    return None if args.voices == [ALL] else args.voices


def check_voices(args: argparse.Namespace, out: Path) -> None:
    """Raise if the voices are not there, or what they say would be read as recordings; before anything is read."""
    if args.voices is None:
        if args.said is not None or args.language is not None:
            raise UsageError("--said and --language need --voices: nobody speaks without")
        return
    for folder in args.data:
        if holds(folder, out):
            raise UsageError(f"{folder}: holds --out {out}, whose speech would be read as recordings")
    voices_of(args.language or LANGUAGE, wanted(args), known_programs())


def with_said(corpus: Corpus, args: argparse.Namespace, out: Path) -> Corpus:
    """The corpus with what voices say of its labels, if they are asked for."""
    if args.voices is None:
        return corpus
    with progress("voices say the labels", quiet=args.quiet) as bar:
        made = with_voices(
            corpus, out / SPEECH, voices=wanted(args), clips=args.said or CLIPS, language=args.language or LANGUAGE,
            seed=args.seed, threads=args.threads, progress=bar,
        )  # fmt: skip
    if not args.quiet:
        note(summary(len(made.train) - len(corpus.train), made.problems[len(corpus.problems) :]))
    return made


def summary(clips: int, problems: list[str]) -> str:
    left_out = f"; {len(problems):,} could not be said, the first: {problems[0]}" if problems else ""
    return f"voices say {clips:,} clips to train on{left_out}"
