"""wavenetlite evaluate: how often a classifier is right on a folder of recordings."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wavenetlite.commands.shared import (
    BLOCK_MS,
    Subparsers,
    UsageError,
    above_zero,
    add_json,
    add_reading,
    cpus,
    evaluation_json,
    load_classifier,
    note,
    positive,
    progress,
    say,
    say_json,
    subcommand,
    tell_problems,
)
from wavenetlite.commands.train import add_division, add_words
from wavenetlite.support.errors import ParameterError

if TYPE_CHECKING:
    from wavenetlite.classifier.classifier import AudioClassifier
    from wavenetlite.corpora.corpus import Clips, Corpus
    from wavenetlite.evaluation.clips import Evaluation

SPLITS = ("test", "valid", "dev", "train", "all")

ABOUT = """\
Classify the clips of a folder of labelled recordings, as `train` takes it, and
print accuracy and confusion matrix. The clips are divided as they were for the
training, so that the test has none that was trained on.

With --detect, find the words in a folder of longer recordings: DATA then has a
manifest.jsonl that says which word falls when. Printed are, for each word and
together, the false rejects at so many false alarms per hour, and how long after
the word's end it was detected."""
EXAMPLES = """\
  wavenetlite evaluate trained/classifier.safetensors speech_commands
  wavenetlite evaluate speech-commands-12 speech_commands --stream --block-ms 20 --wrong
  wavenetlite evaluate trained/classifier.safetensors new_recordings --split all --words all --figure confusion.png
  wavenetlite evaluate wake-words-telephone wake_words --detect --split dev --figure det.png --other other_speech"""


def add(subparsers: Subparsers) -> None:
    parser = subcommand(subparsers, "evaluate", "measure a classifier on a folder of recordings", ABOUT, EXAMPLES)
    parser.add_argument("model", metavar="MODEL", help="a bundled classifier's name, or the file of one")
    parser.add_argument("data", metavar="DATA", help="folder of labelled recordings")
    parser.add_argument(
        "--split", choices=SPLITS, help="which of its clips; without this option test, with --detect dev"
    )
    parser.add_argument("--stream", action="store_true", help="feed each clip in blocks, as from a microphone")
    parser.add_argument(
        "--block-ms", type=above_zero, metavar="MS", help=f"length of a block with --stream (default: {BLOCK_MS:g})"
    )
    add_words(
        parser, "labels to take: the 12 of Speech Commands, all there are, or a list (default: the model's)", None
    )
    add_division(parser)
    parser.add_argument(
        "--clip-s", type=above_zero, metavar="S", help="length of a clip, seconds (default: as in the training, else 1)"
    )
    add_reading(parser)
    parser.add_argument("--threads", type=positive, metavar="N", help="without this option as many as there are CPUs")
    parser.add_argument(
        "--figure", metavar="FILE.png", help="draw the confusion matrix, or with --detect the curve (needs matplotlib)"
    )
    parser.add_argument(
        "--wrong", action="store_true", help="list the clips taken for something else, or what was missed and false"
    )
    parser.add_argument("--detect", action="store_true", help="find words in the longer recordings of a manifest")
    parser.add_argument(
        "--by-recording", action="store_true", help="with --detect: a word may be found wherever in its recording"
    )
    parser.add_argument(
        "--other",
        metavar="FOLDER",
        help="with --detect: count the alarms in the audio files of a folder, as one stream",
    )
    add_json(parser, "an object with accuracy, per_label, labels, matrix and wrong, or with --detect words and as_set")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.block_ms is not None and not args.stream:
        raise UsageError("--block-ms is the length of a block of --stream; give --stream too")
    clf = load_classifier(args.model)
    if args.detect:
        from wavenetlite.commands.detection import run_detection

        return run_detection(clf, args)
    for name in ("other", "by_recording"):
        if getattr(args, name):
            raise UsageError(f"--{name.replace('_', '-')} is for the detection of words; give --detect too")
    args.split = args.split or "test"
    if args.split == "dev":
        raise UsageError("--split dev is a part of a manifest; give --detect too, or valid")
    from wavenetlite.evaluation.clips import evaluate

    corpus = read(clf, args)
    tell_problems(corpus)
    clips = chosen(corpus, args)
    if args.split != "train" and args.split in trained_on(clf):
        note(f"by its notes, the classifier was trained on {args.split} clips too")
    block_ms = args.block_ms or BLOCK_MS
    with progress("classifying") as bar:
        evaluation = evaluate(
            clf,
            clips,
            corpus.labels,
            streamed=args.stream,
            block_ms=block_ms,
            threads=args.threads or cpus(),
            progress=bar,
        )
    if args.figure is not None:
        from wavenetlite.figures.speech import confusion_matrix

        confusion_matrix(evaluation.matrix, evaluation.labels, args.figure)
    if args.json:
        say_json(
            {
                "model": args.model,
                "data": args.data,
                "split": args.split,
                "streamed": args.stream,
                "block_ms": block_ms if args.stream else None,
                **evaluation_json(evaluation),
                "problems": corpus.problems,
            }
        )
    else:
        report(evaluation, args)
    return 0


def read(clf: AudioClassifier, args: argparse.Namespace) -> Corpus:
    """The corpus, as it was for the training if the classifier has notes of that and no option says otherwise."""
    from wavenetlite.train import read_corpus

    notes = clf.info.get("data")
    notes = notes if isinstance(notes, Mapping) else {}
    with progress("reading") as bar:
        return read_corpus(
            args.data,
            sr=clf.sr,
            clip_s=args.clip_s or clf.clip_s or noted(notes, "clip_s", float, 1.0),
            words=clf.labels if args.words is None else args.words,
            hold_out_speaker=args.hold_out_speaker or noted(notes, "hold_out_speaker", str, None),
            resample=args.resample,
            mono=args.mono,
            progress=bar,
        )


def trained_on(clf: AudioClassifier) -> list[Any]:
    """The parts of its corpus that a classifier learned from, as far as it says."""
    notes = clf.info.get("data")
    parts = notes.get("trained_on") if isinstance(notes, Mapping) else None
    return parts if isinstance(parts, list) else []


def noted(notes: Mapping[str, Any], name: str, kind: type, default: Any) -> Any:
    """A note of the right type: anyone may have written it."""
    value = notes.get(name)
    return value if isinstance(value, kind) else default


def chosen(corpus: Corpus, args: argparse.Namespace) -> Clips:
    from wavenetlite.train import Clips

    if args.split == "all":
        return Clips.concatenate([corpus.train, corpus.valid, corpus.test])
    clips: Clips = getattr(corpus, args.split)
    if not len(clips):
        raise ParameterError(f"{args.data}: it has no {args.split} clips; --split all takes every clip")
    return clips


def report(evaluation: Evaluation, args: argparse.Namespace) -> None:
    from wavenetlite.evaluation.report import confusion_text

    say(confusion_text(evaluation.matrix, evaluation.labels))
    say("")
    say(str(evaluation))
    if args.wrong:
        for name, truth, predicted, score in evaluation.wrong:
            say(f"{name}: {truth} taken for {predicted} ({score:.3f})")
