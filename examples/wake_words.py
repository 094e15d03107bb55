"""Wake words in telephone calls: train, choose thresholds, detect them in running speech.

    python examples/wake_words.py --data wake_words                train on the split "train", thresholds from "dev"
    python examples/wake_words.py --data wake_words --folds 5      evaluate: cross-validation over all speakers
    python examples/wake_words.py --data wake_words --members 2   a classifier of two networks: fewer false alarms

DATA is a folder with a manifest.jsonl of the words in each recording and their times, such as the one made from the
WUW Corpus II; without --data it is the folder wake_words in $WAVENETLITE_DATA. Table, curve (det.png) and
classifier go to ./wake_words_output. Ctrl-C stops it; the same command resumes.
"""

import argparse
import dataclasses
import json
import os
import sys
from pathlib import Path

import numpy as np

import wavenetlite as wl
from wavenetlite.classifier import Event
from wavenetlite.corpora.utterances import Utterance, Utterances, read_utterances
from wavenetlite.evaluation.detections import Report, report
from wavenetlite.evaluation.scores import ConcatenatedScores, ScoredRecording, alarms_elsewhere, listen_to_all
from wavenetlite.recipes.spotting import BACKGROUND, CrossValidation, cross_validate, spotting_recipe, train_spotter

SHOWN = 8
"""Recordings whose events are printed."""


def place_of(name: str, given: Path | None) -> Path | None:
    """A folder of recordings: as given, or the one of that name in $WAVENETLITE_DATA."""
    if given is not None:
        return given
    around = os.environ.get("WAVENETLITE_DATA")
    return Path(around) / name if around and (Path(around) / name).is_dir() else None


def read(folder: Path | None) -> Utterances:
    if folder is None:
        raise wl.ParameterError("no recordings: give --data FOLDER, or set WAVENETLITE_DATA to their folder")
    utterances = read_utterances(folder)
    for problem in utterances.problems[:5]:
        print(f"note: {problem}")
    print(f"{folder}: {utterances}")
    return utterances


def listen(clf: wl.AudioClassifier, item: Utterance) -> list[Event]:
    """The events in a recording, fed in blocks of 10 ms as in a call."""
    stream, block = clf.stream(sr=clf.sr), clf.sr // 100
    events = [event for at in range(0, len(item.audio), block) for event in stream.process(item.audio[at : at + block])]
    return events + stream.flush()


def show(clf: wl.AudioClassifier, items: list[Utterance]) -> None:
    """Print the words of some recordings, and the events."""
    print("\nrecording        said                            detected")
    for item in items:
        said = f"{item.word} {item.start_s:.2f} to {item.end_s:.2f} s" if item.word else "none of the words"
        heard = ", ".join(f"{event.label} at {event.time_s:.2f} s ({event.score:.2f})" for event in listen(clf, item))
        print(f"{item.name:15}  {said:30}  {heard or 'nothing'}")


def report_on(found: Report, out: Path, which: str = "") -> None:
    print(f"\n{found}\n")
    (out / f"detections{which}.json").write_text(json.dumps(found.json(), indent=1))
    try:
        wl.figures.det_curve(list(found.curves.values()), out / f"det{which}.png")
    except wl.figures.FigureError as error:
        print(f"no figure: {error}")


def report_elsewhere(clf: wl.AudioClassifier, folder: Path | None) -> None:
    """Print the false alarms in speech without the words."""
    if folder is None:
        return
    counts, hours = alarms_elsewhere(clf, sorted(folder.rglob("*.flac")))
    each = ", ".join(f"{label} {count}" for label, count in counts.items())
    print(f"{folder}, {hours:.2f} h as one stream: {sum(counts.values()) / hours:.1f} alarms per hour ({each})")


def run(options: argparse.Namespace) -> None:
    utterances = read(place_of("wake_words", options.data))
    options.out.mkdir(parents=True, exist_ok=True)
    recipe = dataclasses.replace(spotting_recipe("wake-words"), members=options.members)
    rest = {"recipe": recipe, "seed": options.seed, "epochs": options.epochs, "progress": sys.stderr.isatty()}
    validated: CrossValidation | None = None
    if options.folds:
        validated = cross_validate(utterances, folds=options.folds, folder=options.out / "folds", **rest)
        report_on(validated.report(), options.out)
        report_on(validated.report(timed=False), options.out, "-by-recording")
        if not options.everything:
            return
    recordings: list[ScoredRecording] | None = validated.recordings if validated else None
    learned = "everything" if validated else "training"
    clf = train_spotter(utterances, recordings=recordings, folder=options.out / learned, **rest)
    if validated is None:
        dev = [utterances.items[i] for i in utterances.of("dev")]
        scores = ConcatenatedScores(listen_to_all(clf, dev), clf.labels, clf.frame_rate)
        print('\nThe split "dev", on which the thresholds were chosen:')
        report_on(report(scores, clf.detector, utterances.words, [BACKGROUND]), options.out)
        show(clf, [dev[i] for i in np.linspace(0, len(dev) - 1, SHOWN).round().astype(int)])
    report_elsewhere(clf, place_of("speech_commands12", options.other))
    clf.save(options.out / "wake-words.safetensors")
    print(f"{options.out / 'wake-words.safetensors'} written; run it with `wavenetlite listen --model`")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with manifest.jsonl")
    parser.add_argument("--other", type=Path, metavar="DIR", help="speech without the words, to count alarms in")
    parser.add_argument("--folds", type=int, default=0, metavar="N", help="number of folds of a cross-validation")
    parser.add_argument(
        "--everything", action="store_true",
        help="with --folds: then train on all recordings, with the thresholds of the folds",
    )  # fmt: skip
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the recordings (default: the recipe's)")
    parser.add_argument(
        "--members", type=int, default=1, metavar="N", help="networks of a classifier, whose mean it takes (1)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of weights, order and augmentation")
    parser.add_argument(
        "--out", type=Path, default=Path("wake_words_output"), metavar="DIR", help="folder of the results"
    )
    options = parser.parse_args(arguments)
    try:
        run(options)
    except (wl.WavenetliteError, OSError) as error:
        print(f"wake_words: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("wake_words: stopped; the same command resumes", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
