"""wavenetlite detections: how well a classifier detects words in running speech."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.commands.options import UsageError, add_json, add_streaming, describe, streamed_block_ms
from wavenetlite.commands.output import note, progress, say, say_json
from wavenetlite.commands.pictures import picture
from wavenetlite.commands.places import check_file
from wavenetlite.commands.shared import add_vad, gated, trained_on
from wavenetlite.corpora.layouts import audio_below
from wavenetlite.corpora.utterances import Utterance, Utterances, read_utterances
from wavenetlite.evaluation.clips import block_samples
from wavenetlite.evaluation.detections import report
from wavenetlite.evaluation.report import match_events
from wavenetlite.evaluation.scores import ConcatenatedScores, alarms_elsewhere, by_recording, listen_to_all
from wavenetlite.figures import det_curve
from wavenetlite.formats.classifiers import load_classifier
from wavenetlite.storage import opening
from wavenetlite.support.errors import ParameterError

ABOUT = """\
Detect the words in a folder of longer recordings, whose manifest.jsonl gives
words and times. Prints, for each word and for all together, the false rejects
at given rates of false alarms per hour, and the delay of detection after the
end of the word."""
EXAMPLES = """\
  wavenetlite detections wake-words-telephone wake_words
  wavenetlite detections wake-words-telephone wake_words --split all --by-recording --wrong
  wavenetlite detections trained/classifier.safetensors wake_words --figure det.png --other other_speech --json"""


def add(parser: argparse.ArgumentParser) -> None:
    describe(parser, ABOUT, EXAMPLES)
    parser.add_argument("model", metavar="MODEL", help="a bundled classifier's name, or the file of one")
    parser.add_argument("data", metavar="DATA", help="folder of recordings with a manifest.jsonl")
    parser.add_argument("--split", default="dev", metavar="NAME", help="which of its recordings, or all")
    add_streaming(parser, "recording")
    parser.add_argument("--by-recording", action="store_true", help="a word may be found anywhere in its recording")
    parser.add_argument(
        "--other", metavar="FOLDER", help="also count the alarms in the audio files of a folder, as one stream"
    )
    add_vad(parser)
    parser.add_argument("--figure", type=picture, metavar="FILE.png", help="draw the curve")
    parser.add_argument("--wrong", action="store_true", help="list missed words and false alarms")
    add_json(parser, "an object with words and as_set")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    block_ms = streamed_block_ms(args)
    if args.figure is not None:
        inputs = [opening.found(args.model), args.data] + ([] if args.other is None else [args.other])
        check_file(args.figure, inputs, "--figure")
    clf = load_classifier(args.model)
    heard_by = gated(clf, args.vad)
    others = [] if args.other is None else files(args.other)
    with progress("reading") as bar:
        utterances = read_utterances(args.data, progress=bar)
    for problem in utterances.problems:
        note(problem)
    items = chosen(clf, utterances, args)
    seen = sorted({item.split for item in items} & set(trained_on(clf)))
    if seen and args.split != "train":
        note(f"by its notes, the classifier was also trained on {' and '.join(seen)} recordings")
    with progress("listening") as bar:
        block = None if block_ms is None else block_samples(block_ms, clf.sr)
        recordings = listen_to_all(heard_by, items, block=block, progress=bar)
    scores = ConcatenatedScores(
        by_recording(recordings) if args.by_recording else recordings, clf.labels, clf.frame_rate
    )
    with progress("detecting") as bar:
        found = report(scores, clf.detector, utterances.words, list(clf.background), timed=not args.by_recording,
                       progress=bar)  # fmt: skip
    with progress("other speech") as bar:
        elsewhere = alarms_elsewhere(heard_by, others, progress=bar) if others else None
    if args.figure is not None:
        det_curve(list(found.curves.values()), args.figure)
    if args.json:
        other = None if elsewhere is None else {"alarms": elsewhere[0], "hours": elsewhere[1]}
        say_json({"model": args.model, "data": args.data, "split": args.split, "streamed": args.stream,
                  **found.json(), "other": other, "problems": utterances.problems})  # fmt: skip
        return 0
    say(str(found))
    if elsewhere is not None:
        counts, hours = elsewhere
        say(f"\n{args.other}: {sum(counts.values())} alarms in {hours:.2f} h of other speech, with its own thresholds: "
            + ", ".join(f"{label} {count}" for label, count in counts.items()))  # fmt: skip
    if args.wrong:
        report_wrong(clf, scores)
    return 0


def chosen(clf: AudioClassifier, utterances: Utterances, args: argparse.Namespace) -> Sequence[Utterance]:
    """The recordings of the split, which must fit the classifier."""
    if utterances.sr != clf.sr:
        raise ParameterError(f"{args.data}: its sample rate is {utterances.sr}; it must be the classifier's {clf.sr}")
    unknown = [word for word in utterances.words if word not in clf.labels or word in clf.background]
    if unknown:
        raise ParameterError(f"{args.data}: has the word {unknown[0]!r}; the classifier detects "
                             f"{', '.join(label for label in clf.labels if label not in clf.background)}")  # fmt: skip
    if args.split == "all":
        return utterances.items
    items = [utterances.items[i] for i in utterances.of(args.split)]
    if not items:
        raise ParameterError(f"{args.data}: has no {args.split} recordings; --split all takes all")
    return items


def files(folder: str) -> list[Path]:
    """The audio files in a folder and below it, in the order of their names."""
    if not Path(folder).is_dir():
        raise UsageError(f"--other {folder}: there is no such folder")
    found = audio_below(Path(folder))
    if not found:
        raise UsageError(f"--other {folder}: has no audio files; it must have some")
    return found


def report_wrong(clf: AudioClassifier, scores: ConcatenatedScores) -> None:
    """List missed words and false alarms, with the classifier's own thresholds."""
    events = scores.events(clf.detector, clf.background)
    for number_of, recording in enumerate(scores.recordings):
        known = events.get(number_of, [])
        matches = match_events(recording.sought, known)
        elsewhere = {recording.said[missed].label for missed in matches.missed}
        for missed in matches.missed:
            word = recording.said[missed]
            say(f"{recording.name}: {word.label} missed, {word.start_s:.2f} to {word.end_s:.2f} s")
        for false in matches.false:
            label = known[false].label
            why = " (said, but marked elsewhere)" if label in elsewhere else ""
            why = " (said at an unknown time)" if label in recording.untimed else why
            say(f"{recording.name}: {label} at {known[false].time_s:.2f} s, a false alarm{why}")
