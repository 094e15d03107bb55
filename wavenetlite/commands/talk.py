"""The option --background of commands: talk, music and noise without the words of a model, and its alarms in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wavenetlite.classifier import AudioClassifier, GatedClassifier
from wavenetlite.commands.options import Options
from wavenetlite.commands.output import note, progress
from wavenetlite.commands.shared import MOST_PROBLEMS
from wavenetlite.corpora.background import Background, background_files, check_background, read_background
from wavenetlite.corpora.clips import Clips, Corpus
from wavenetlite.evaluation.alarms import Alarms, count_alarms, listen_to_background, listen_to_clips


def add_background(parser: Options, about: str) -> None:
    parser.add_argument(
        "--background",
        action="append",
        default=[],
        metavar="FOLDER",
        help=f"talk, music and noise of any length and rate, without the words: {about}; several times for several",
    )


def check_folders(folders: Sequence[str]) -> None:
    """Raise if one of the folders has no audio, before long work."""
    if folders:
        background_files(folders)


def read_talk(folders: Sequence[str], sr: int, corpus: Corpus | None, *, quiet: bool = False) -> Background | None:
    """The background in some folders, without clips of the corpus; what was skipped is reported."""
    if not folders:
        return None
    with progress("reading background", quiet=quiet) as bar:
        background = read_background(folders, sr, progress=bar)
    for problem in background.problems[:MOST_PROBLEMS]:
        note(problem)
    if corpus is not None:
        check_background(background, corpus, note)
    if not quiet:
        note(str(background))
    return background


def alarms_in(
    clf: AudioClassifier,
    background: Background,
    clips: Clips | None,
    labels: Sequence[str],
    *,
    heard_by: AudioClassifier | GatedClassifier | None = None,
    quiet: bool = False,
) -> Alarms:
    """The alarms of a classifier in a background, and what it hears of clips, each in faint noise.

    `heard_by` is the same classifier gated, if it is to listen so.
    """
    heard_by = heard_by or clf
    with progress("listening to background", quiet=quiet) as bar:
        heard = listen_to_background(heard_by, background, progress=bar)
    said = []
    if clips is not None and len(clips):
        with progress("listening to clips", quiet=quiet) as bar:
            said = listen_to_clips(heard_by, clips, labels, progress=bar)
    with progress("detecting", quiet=quiet) as bar:
        return count_alarms(clf, heard, said, progress=bar)


def alarms_json(alarms: Alarms) -> dict[str, Any]:
    return {**alarms.note(), "by_word": alarms.json()}
