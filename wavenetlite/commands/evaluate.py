"""wavenetlite evaluate: the accuracy of a classifier on labelled recordings."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from wavenetlite.classifier import AudioClassifier, GatedClassifier
from wavenetlite.commands.options import (
    BLOCK_MS,
    UsageError,
    above_zero,
    add_division,
    add_json,
    add_streaming,
    add_words,
    describe,
    positive,
    streamed_block_ms,
)
from wavenetlite.commands.output import note, progress, say, say_json
from wavenetlite.commands.pictures import picture
from wavenetlite.commands.places import check_file
from wavenetlite.commands.shared import (
    add_data,
    add_vad,
    evaluation_json,
    gated,
    read_data,
    report_problems,
    trained_on,
)
from wavenetlite.commands.talk import add_background, alarms_in, alarms_json, check_folders, read_talk
from wavenetlite.corpora.clips import PARTS, Clips, Corpus
from wavenetlite.corpora.duplicates import Duplicates
from wavenetlite.corpora.layouts import DEFINE_TEST
from wavenetlite.evaluation.alarms import Alarms
from wavenetlite.evaluation.clips import Evaluation, evaluate, scores_text
from wavenetlite.evaluation.det import ALL
from wavenetlite.evaluation.report import confusion_text
from wavenetlite.figures import confusion_matrix, det_curve
from wavenetlite.formats.classifiers import load_classifier
from wavenetlite.storage import opening
from wavenetlite.support.cpus import cpus
from wavenetlite.support.errors import ParameterError

SPLITS = ("test", "valid", "train", "all")

ABOUT = """\
Classify labelled recordings, as `train` takes them, and print accuracy,
precision, recall, F1 and confusion matrix. The clips are split as in the training, so
that no test clip was trained on.

With --background, count the false alarms an hour of a live model: it is played
the recordings of a folder, in which its words are not said, as one stream. With
DATA too, its words are counted that it hears, each clip alone in faint noise,
and the delay after the end of a clip. With --vad, it listens there only where
somebody speaks."""
EXAMPLES = """\
  wavenetlite evaluate trained/classifier.safetensors speech_commands
  wavenetlite evaluate speech-commands-12 speech_commands --stream --block-ms 20 --wrong
  wavenetlite evaluate speech-commands-12 --background talk
  wavenetlite evaluate speech-commands-12 speech_commands --background talk --det det.png
  wavenetlite evaluate speech-commands-12-live --background talk --vad
  wavenetlite evaluate trained/classifier.safetensors new_recordings --split all --words all --figure confusion.png"""


def add(parser: argparse.ArgumentParser) -> None:
    describe(parser, ABOUT, EXAMPLES)
    parser.add_argument("model", metavar="MODEL", help="a bundled classifier's name, or the file of one")
    add_data(parser, needed=False)
    add_background(parser, "count the false alarms in them")
    add_vad(parser)
    parser.add_argument("--split", choices=SPLITS, default="test", help="which of its clips")
    add_streaming(parser, "clip")
    add_words(parser, "labels to use: the 12 of Speech Commands, all there are, or a list (default: the model's)", None)
    add_division(parser)
    parser.add_argument(
        "--clip-s", type=above_zero, metavar="S", help="length of a clip, seconds (default: as in the training, else 1)"
    )
    parser.add_argument("--threads", type=positive, metavar="N", help="number of threads (default: one per CPU)")
    parser.add_argument("--figure", type=picture, metavar="FILE.png", help="draw the confusion matrix")
    parser.add_argument(
        "--det",
        type=picture,
        metavar="FILE.png",
        help="draw false rejects of DATA against false alarms in --background",
    )
    parser.add_argument("--wrong", action="store_true", help="list the misclassified clips")
    add_json(parser, "an object with accuracy, macro_f1, scores (precision, recall, F1), labels, matrix and wrong")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    block_ms = streamed_block_ms(args)
    check_usage(args)
    clf = load_classifier(args.model)
    heard_by = gated(clf, args.vad)
    if not args.data:
        return run_background(clf, heard_by, args)
    corpus = read(clf, args)
    report_problems(corpus)
    clips = chosen(corpus, args)
    note_training(clf, corpus, args.split)
    background = read_talk(args.background, clf.sr, corpus)
    with progress("classifying") as bar:
        evaluation = evaluate(
            clf,
            clips,
            corpus.labels,
            streamed=args.stream,
            block_ms=block_ms or BLOCK_MS,
            threads=args.threads or cpus(),
            progress=bar,
        )
    alarms = None if background is None else alarms_in(clf, background, clips, corpus.labels, heard_by=heard_by)
    if args.figure is not None:
        confusion_matrix(evaluation.matrix, evaluation.labels, args.figure)
    if args.det is not None and alarms is not None and alarms.curve is not None:
        det_curve([alarms.curve], args.det)
    if args.json:
        say_json(
            {
                "model": args.model,
                "data": args.data[0] if len(args.data) == 1 else args.data,
                "split": args.split,
                "streamed": args.stream,
                "block_ms": block_ms,
                **evaluation_json(evaluation),
                "vad": args.vad,
                "live": None if alarms is None else alarms_json(alarms),
                "problems": corpus.problems,
                "duplicates": Duplicates(corpus).json(),
            }
        )
    else:
        report(evaluation, args)
        if alarms is not None:
            report_alarms(alarms)
    return 0


def check_usage(args: argparse.Namespace) -> None:
    """Raise if options do not fit together, before anything is read."""
    if not args.data and not args.background:
        raise UsageError("DATA or --background is needed: there is nothing to evaluate on")
    if args.det is not None and not (args.data and args.background):
        raise UsageError(
            "--det needs DATA and --background: it draws false rejects of the one against alarms in the other"
        )
    if args.vad is not None and not args.background:
        raise UsageError("--vad needs --background: clips alone are classified whole, whether somebody speaks or not")
    for given, option in ((args.figure, "--figure"), (args.wrong or None, "--wrong")):
        if given is not None and not args.data:
            raise UsageError(f"{option} needs DATA")
    check_folders(args.background)
    for path, option in ((args.figure, "--figure"), (args.det, "--det")):
        if path is not None:
            check_file(path, [opening.found(args.model), *args.data, *args.background], option)


def run_background(clf: AudioClassifier, heard_by: AudioClassifier | GatedClassifier, args: argparse.Namespace) -> int:
    """Count alarms alone."""
    background = read_talk(args.background, clf.sr, None)
    assert background is not None  # `check_usage`
    alarms = alarms_in(clf, background, None, clf.labels, heard_by=heard_by)
    if args.json:
        say_json({"model": args.model, "background": args.background, "vad": args.vad, "live": alarms_json(alarms),
                  "problems": background.problems})  # fmt: skip
    else:
        report_alarms(alarms)
    return 0


def report_alarms(alarms: Alarms) -> None:
    say(f"\n{alarms}")
    said = alarms.clips
    if said is not None and said[ALL].found:
        delay = " and ".join(
            f"{1000 * said[ALL].delay_s(q):.0f} ms ({name})" for q, name in ((0.5, "median"), (0.95, "95 %"))
        )
        say(f"\ndelay after the end of the clip: {delay}")


def read(clf: AudioClassifier, args: argparse.Namespace) -> Corpus:
    """The corpus, read as for the training by the classifier's notes, unless options say otherwise."""
    notes = clf.info.get("data")
    notes = notes if isinstance(notes, Mapping) else {}
    return read_data(
        args.data,
        args,
        sr=clf.sr,
        clip_s=args.clip_s or clf.clip_s or noted(notes, "clip_s", float, 1.0),
        words=clf.labels if args.words is None else args.words,
        for_training=False,
        hold_out_speaker=args.hold_out_speaker or noted(notes, "hold_out_speaker", str, None),
    )


def note_training(clf: AudioClassifier, corpus: Corpus, split: str) -> None:
    """Say that clips were, or may have been, trained on, as far as the classifier's notes tell."""
    parts = trained_on(clf)
    if not parts or split == "train":
        return
    notes = clf.info["data"]
    sizes = {part: len(getattr(corpus, part)) for part in PARTS}
    same = (notes.get("layout"), notes.get("clips")) == (corpus.layout, sizes)
    if split not in parts:
        same = same or split == "all" or set(corpus.labels) != set(clf.labels)
        if not same and notes.get("layout") == corpus.layout and corpus.layout not in DEFINE_TEST:
            note(f"the training had other numbers of clips than this: if it is the same corpus, changed since, {split} "
                 "clips that were drawn now may have been trained on")  # fmt: skip
    elif same:
        note(f"by its notes, the classifier was also trained on {split} clips")
    else:
        note(f"by its notes, the classifier was also trained on {split} clips of its own corpus "
             f"({notes.get('layout')}); these are others, or only some of them")  # fmt: skip


def noted(notes: Mapping[str, Any], name: str, kind: type, default: Any) -> Any:
    """A note, if it has the right type."""
    value = notes.get(name)
    return value if isinstance(value, kind) else default


def chosen(corpus: Corpus, args: argparse.Namespace) -> Clips:
    if args.split == "all":
        return Clips.concatenate([corpus.train, corpus.valid, corpus.test])
    clips: Clips = getattr(corpus, args.split)
    if not len(clips):
        raise ParameterError(f"{', '.join(args.data)}: has no {args.split} clips; --split all takes all")
    return clips


def report(evaluation: Evaluation, args: argparse.Namespace) -> None:
    say(confusion_text(evaluation.matrix, evaluation.labels))
    say("")
    say(scores_text(evaluation))
    say("")
    say(str(evaluation))
    if args.wrong:
        for name, truth, predicted, score in evaluation.wrong:
            say(f"{name}: {truth} classified as {predicted} ({score:.3f})")
