"""Wake words in telephone calls: learn them, choose thresholds, find them while people speak.

    python examples/wake_words.py --data wake_words                learns from the split "train", thresholds from "dev"
    python examples/wake_words.py --data wake_words --folds 5      what it is worth: cross-validation over all speakers

DATA is a folder with a manifest.jsonl that says of each recording which word falls in it and when, such as the one made
of the WUW Corpus II; without --data it is the folder wake_words in $WAVENETLITE_DATA. Table, curve (det.png) and
classifier go to ./wake_words_output. Ctrl-C stops it; the same command goes on where it was.
"""

import argparse
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
from wavenetlite.recipes.spotting import BACKGROUND, CrossValidation, cross_validate, train_spotter

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
        raise wl.ParameterError(
            "there are no recordings: give --data FOLDER, or set WAVENETLITE_DATA to where they are"
        )
    utterances = read_utterances(folder)
    for problem in utterances.problems[:5]:
        print(f"note: {problem}")
    print(f"{folder}: {utterances}")
    return utterances


def listen(clf: wl.AudioClassifier, item: Utterance) -> list[Event]:
    """Hear a recording as a call would bring it, 10 ms at a time."""
    stream, block = clf.stream(), clf.sr // 100
    events = [event for at in range(0, len(item.audio), block) for event in stream.process(item.audio[at : at + block])]
    return events + stream.flush()


def show(clf: wl.AudioClassifier, items: list[Utterance]) -> None:
    """Some recordings, what is said in them, and what is heard."""
    print("\nrecording        said                            heard")
    for item in items:
        said = f"{item.word} {item.start_s:.2f} to {item.end_s:.2f} s" if item.word else "none of the words"
        heard = ", ".join(f"{event.label} at {event.time_s:.2f} s ({event.score:.2f})" for event in listen(clf, item))
        print(f"{item.name:15}  {said:30}  {heard or 'nothing'}")


def tell(found: Report, out: Path, which: str = "") -> None:
    print(f"\n{found}\n")
    (out / f"detections{which}.json").write_text(json.dumps(found.json(), indent=1))
    try:
        wl.figures.det_curve(list(found.curves.values()), out / f"det{which}.png")
    except wl.figures.FigureError as error:
        print(f"no figure: {error}")


def tell_elsewhere(clf: wl.AudioClassifier, folder: Path | None) -> None:
    """Alarms in speech that holds none of the words."""
    if folder is None:
        return
    counts, hours = alarms_elsewhere(clf, sorted(folder.rglob("*.flac")))
    each = ", ".join(f"{label} {count}" for label, count in counts.items())
    print(f"{folder}, {hours:.2f} h as one stream: {sum(counts.values()) / hours:.1f} alarms per hour ({each})")


def run(options: argparse.Namespace) -> None:
    utterances = read(place_of("wake_words", options.data))
    options.out.mkdir(parents=True, exist_ok=True)
    rest = {"seed": options.seed, "epochs": options.epochs, "progress": sys.stderr.isatty()}
    validated: CrossValidation | None = None
    if options.folds:
        validated = cross_validate(utterances, folds=options.folds, folder=options.out / "folds", **rest)
        tell(validated.report(), options.out)
        tell(validated.report(timed=False), options.out, "-by-recording")
        if not options.everything:
            return
    recordings: list[ScoredRecording] | None = validated.recordings if validated else None
    learned = "everything" if validated else "training"
    clf = train_spotter(utterances, recordings=recordings, folder=options.out / learned, **rest)
    if validated is None:
        dev = [utterances.items[i] for i in utterances.of("dev")]
        scores = ConcatenatedScores(listen_to_all(clf, dev), clf.labels, clf.frame_rate)
        print('\nThe split "dev", on which the thresholds were chosen:')
        tell(report(scores, clf.detector, utterances.words, [BACKGROUND]), options.out)
        show(clf, [dev[i] for i in np.linspace(0, len(dev) - 1, SHOWN).round().astype(int)])
    tell_elsewhere(clf, place_of("speech_commands12", options.other))
    clf.save(options.out / "wake-words.safetensors")
    print(f"{options.out / 'wake-words.safetensors'} is written; `wavenetlite listen` takes it")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, metavar="DIR", help="folder with manifest.jsonl")
    parser.add_argument("--other", type=Path, metavar="DIR", help="speech without the words, to count alarms in")
    parser.add_argument("--folds", type=int, default=0, metavar="N", help="cross-validate with so many folds")
    parser.add_argument(
        "--everything", action="store_true",
        help="with --folds: then learn from all recordings, with the thresholds that the folds gave",
    )  # fmt: skip
    parser.add_argument("--epochs", type=int, metavar="N", help="passes over the recordings; else the recipe's")
    parser.add_argument("--seed", type=int, default=0, help="of the weights and all that is random")
    parser.add_argument("--out", type=Path, default=Path("wake_words_output"), metavar="DIR", help="what is written")
    options = parser.parse_args(arguments)
    try:
        run(options)
    except (wl.WavenetliteError, OSError) as error:
        print(f"wake_words: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("wake_words: stopped; the same command goes on", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
