"""wavenetlite train: train a classifier on labelled recordings, and evaluate it."""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

from wavenetlite import recipes
from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.commands.options import (
    UsageError,
    above_zero,
    add_division,
    add_json,
    add_words,
    class_weights,
    describe,
    positive,
    whole,
)
from wavenetlite.commands.output import INTERRUPTED, note, progress, say, say_json
from wavenetlite.commands.places import check_folder
from wavenetlite.commands.shared import (
    add_data,
    evaluation_json,
    read_data,
    report_problems,
)
from wavenetlite.commands.talk import add_background, alarms_in, alarms_json, check_folders, read_talk
from wavenetlite.commands.voices import add_voices, check_voices, with_said
from wavenetlite.corpora.background import Background
from wavenetlite.corpora.clips import Clips, Corpus
from wavenetlite.corpora.duplicates import Duplicates
from wavenetlite.corpora.layouts import UNKNOWN
from wavenetlite.evaluation.alarms import Alarms, live_text
from wavenetlite.evaluation.clips import Evaluation, evaluate, scores_text
from wavenetlite.evaluation.report import confusion_text
from wavenetlite.figures import FigureError, confusion_matrix, training_curve
from wavenetlite.formats.classifiers import load_classifier
from wavenetlite.support.atomic_files import check_target, replacing
from wavenetlite.support.cpus import cpus
from wavenetlite.support.optional import optional
from wavenetlite.support.version import __version__
from wavenetlite.train.loop import HISTORY
from wavenetlite.train.recordings import check_exists

CLASSIFIER, METRICS = "classifier.safetensors", "metrics.json"
FIGURES = TRAINING, CONFUSION = "training.png", "confusion.png"
NETWORK = "network"
"""Folder of the final network's training."""
MEASURED = ("valid", "test")
INTERRUPTED_ANEW = "interrupted; run the same command again, without --no-resume, to resume"

ABOUT = f"""\
Train a classifier on labelled recordings, evaluate it, and write to the folder
OUT:

  {CLASSIFIER}  for `classify`, `listen` and wavenetlite.load
  {METRICS}            accuracy, precision, recall, F1 and confusion
                          matrix of the validation and test clips
  network/history.jsonl   loss and accuracy by epoch; and checkpoints (of further
                          members in network-2 and so on, of teachers in
                          teacher-1 and so on)
  training.png            the same as curves (if matplotlib is installed)
  confusion.png           the confusion matrix (if matplotlib is installed)

DATA is a folder of LABEL/*.wav, with validation_list.txt and testing_list.txt
beside the labels (Speech Commands) or without (a random tenth of the clips for
each, or of the speakers where they are known); or train/, valid/ and test/ with
such folders; or recordings/DIGIT_SPEAKER_N.wav (Free Spoken Digit Dataset); or
whatever else `features` takes: a manifest with the columns path and label, an
archive, recordings at any depth, several of these. Files that cannot be used
are reported and skipped.

The recipe `commands` trains four networks, three teachers and one that learns
from them. For --background, `live` trains one, and `few` two where there are few
clips; `digits` trains two. `quick` trains a small one, in seconds for a thousand
clips, to see what the recordings are good for.
--init begins with a trained classifier instead, such as a bundled one, for words
of your own; --freeze leaves layers of it as they are.

A model that is to listen all day needs to hear what it is to ignore: --background
takes folders of talk, music and noise in which the words are not said. Segments
of it are in every batch, those above all that a network took for words, and it
is mixed into the words; the thresholds are chosen on a part that is not trained
on. DATA without {UNKNOWN} gets that label, made from its words.

An interrupted training resumes when the same command is run again."""
EXAMPLES = """\
  wavenetlite train speech_commands --words 12 --out trained
  wavenetlite train recordings --recipe quick --out first
  wavenetlite train recordings --background talk --background music --out quiet
  wavenetlite train recordings --background talk --voices espeak-ng,pico --out quiet
  wavenetlite train recordings --recipe quick --init speech-commands-12 --freeze stem --out tuned
  wavenetlite train recordings --epochs 30 --resample --sr 16000
  wavenetlite train fsdd --hold-out-speaker theo --out fsdd-theo --json > result.json
  wavenetlite train fsdd --recipe digits --more digits --epochs 30
  wavenetlite train manifest.csv --column label=keyword --resample --sr 16000"""


def add(parser: argparse.ArgumentParser) -> None:
    describe(parser, ABOUT, EXAMPLES)
    add_data(parser)
    parser.add_argument("--out", default="trained", metavar="FOLDER", help="where to write; created if missing")
    parser.add_argument(
        "--recipe",
        metavar="NAME",
        help=f"features, network and training: {', '.join(recipes.recipes())} (default: commands; with --background"
        " live, or few for fewer than 1,500 clips)",
    )
    parser.add_argument(
        "--members",
        type=positive,
        metavar="N",
        help="train N networks, whose mean is the model: it mostly errs less, and costs N times as much (default: 2"
        " with the recipes few and digits, else 1)",
    )
    parser.add_argument(
        "--teachers",
        type=positive,
        metavar="N",
        help="first train N networks, from whose mean output the model learns: it mostly errs less, costs no more to"
        " run, and several times as much to train",
    )
    parser.add_argument("--init", metavar="MODEL", help="begin with the features and weights of this classifier")
    parser.add_argument(
        "--freeze",
        action="append",
        default=[],
        metavar="LAYER",
        help="do not train this layer of --init, such as stem, or blocks.0; several times for several",
    )
    parser.add_argument(
        "--class-weights",
        type=class_weights,
        metavar="balanced|A=W,B=W",
        help="weigh labels in the loss: rare ones more (balanced), or by weights, 1 for those that are not named",
    )
    parser.add_argument(
        "--more",
        metavar="DATA",
        help="further recordings, with labels of DATA, for training only",
    )
    add_voices(parser)
    add_background(parser, "what the model is not to take for them")
    parser.add_argument(
        "--no-reject", action="store_true", help=f"do not add the label {UNKNOWN} to DATA that has none"
    )
    parser.add_argument(
        "--in-talk",
        action="store_true",
        help="hear words within running speech, too: with --background, the recipes live, few and digits hear those"
        " that stand alone, with far fewer false alarms",
    )
    add_words(parser, "labels: the 12 of the Speech Commands task, all there are, or a list", "all")
    add_division(parser)
    parser.add_argument("--sr", type=positive, metavar="HZ", help="sample rate (default: that of most files)")
    parser.add_argument("--clip-s", type=above_zero, default=1.0, metavar="S", help="length of a clip, seconds")
    parser.add_argument("--epochs", type=positive, metavar="N", help="passes over the data (default: the recipe's)")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="of weights, order and augmentation")
    parser.add_argument(
        "--everything",
        action="store_true",
        help="train on validation and test clips too; then nothing can be evaluated",
    )
    parser.add_argument("--no-resume", action="store_true", help="start again instead of resuming from OUT")
    parser.add_argument("--threads", type=positive, metavar="N", help="number of threads (default: one per CPU)")
    add_json(parser, f"the content of {METRICS}")
    parser.add_argument(
        "--quiet", action="store_true", help="no progress and no report, only problems; JSON with --json"
    )
    parser.set_defaults(run=run)


def recipe_of(args: argparse.Namespace) -> recipes.Recipe:
    """The recipe, with what the options change of it."""
    named = recipes.Recipe.named(args.recipe)
    taught = named if args.teachers is None else named.taught_by(args.teachers)
    return dataclasses.replace(taught, members=args.members or named.members, alone=named.alone and not args.in_talk)


def chosen_recipe(args: argparse.Namespace, corpus: Corpus) -> str:
    """The name of the recipe where none is given; says so if it is the one for few clips."""
    parts = [corpus.train, corpus.valid, corpus.test] if args.everything else [corpus.train]
    clips = sum(map(len, parts))
    name = recipes.default_recipe(args.background, clips)
    if name == "few" and not args.quiet:
        note(f"{clips:,} clips are few: the recipe is {name}; --recipe live is the one for many")
    return name


def run(args: argparse.Namespace) -> int:
    out = check_folder(args.out, "--out")
    optional("scipy", "train", "wavenetlite train")  # told before the recordings are read
    if args.recipe is not None and args.recipe not in recipes.recipes():
        raise UsageError(f"--recipe {args.recipe} must be one of {', '.join(recipes.recipes())}")
    if args.everything and args.hold_out_speaker is not None:
        raise UsageError("--everything leaves nothing to test on; --hold-out-speaker cannot be given with it")
    if args.freeze and args.init is None:
        raise UsageError("--freeze needs --init: there is nothing learned yet to keep")
    if args.no_reject and args.background:
        raise UsageError("--background needs a label of what is rejected; --no-reject cannot be given with it")
    if args.in_talk and not args.background:
        raise UsageError("--in-talk needs --background: without one, words are heard within talk anyway")
    init = None if args.init is None else load_classifier(args.init)
    check_folders(args.background)
    check_voices(args, out)
    if args.more is not None:
        check_exists(args.more)
    for name in (CLASSIFIER, METRICS, *FIGURES):
        check_target(out / name, [*args.data, *([] if args.more is None else [args.more])])
    choice = {"words": args.words, "hold_out_speaker": args.hold_out_speaker}
    corpus = read_data(args.data, args, sr=args.sr, clip_s=args.clip_s, **choice)
    if args.more is not None:
        everything = {"valid_part": 0, "test_part": 0}
        more = read_data([args.more], args, "reading more", sr=corpus.sr, clip_s=args.clip_s, **everything)
        corpus = corpus.with_training(more)
    args.recipe = args.recipe or chosen_recipe(args, corpus)
    recipe = recipe_of(args)
    report_problems(corpus)
    if not args.quiet:
        note(str(corpus))
    background = read_talk(args.background, corpus.sr, corpus, quiet=args.quiet)
    if UNKNOWN not in corpus.labels and not args.no_reject and not args.quiet:
        note(f"the recordings have no {UNKNOWN}: it is made from their words (spliced, cut, reversed)"
             + ("" if args.background else "; --background with talk makes it better")
             + "; --no-reject leaves it out")  # fmt: skip
    out.mkdir(parents=True, exist_ok=True)
    corpus = with_said(corpus, args, out)
    args.interrupted = INTERRUPTED_ANEW if args.no_resume else INTERRUPTED
    began = time.monotonic()
    clf = recipes.train_classifier(
        corpus,
        recipe=recipe,
        folder=out,
        epochs=args.epochs,
        init=init,
        freeze=args.freeze,
        class_weights=args.class_weights,
        seed=args.seed,
        everything=args.everything,
        resume=not args.no_resume,
        threads=args.threads,
        progress=not args.quiet,
        background=background,
        reject=not args.no_reject,
    )
    seconds = time.monotonic() - began
    evaluations = {} if args.everything else evaluate_parts(clf, corpus, args)
    clf.info["data"] = corpus_notes(corpus, args)
    clf.info["accuracy"] = {
        part: {"accuracy": one.accuracy, "clips": one.count} for part, one in evaluations.items()
    }  # fmt: skip
    alarms = None if background is None else live(clf, corpus, background, args)
    clf.save(out / CLASSIFIER)
    drawn = draw(out, evaluations, recipe.members, refined=background is not None and recipe.refining_epochs > 0)
    metrics = {
        **about_run(args, recipe, corpus),
        "seconds": round(seconds, 1),
        **{part: evaluation_json(evaluations[part]) if part in evaluations else None for part in MEASURED},
        "live": None if alarms is None else alarms_json(alarms),
        "files": [CLASSIFIER, METRICS, *drawn],
        "problems": corpus.problems,
        "duplicates": Duplicates(corpus).json(),
    }
    write_json(out / METRICS, metrics)
    if args.json:
        say_json(metrics)
    elif not args.quiet:
        report(out, evaluations)
        if alarms is not None:
            say(live_text(clf.info["live"]))
    return 0


def live(clf: AudioClassifier, corpus: Corpus, background: Background, args: argparse.Namespace) -> Alarms:
    """The alarms in the part of the background that was not trained on, and the words heard; noted for `listen`."""
    _, development = background.split(recipes.DEVELOPMENT, args.seed)
    clips = None if args.everything else Clips.concatenate([corpus.valid, corpus.test])
    alarms = alarms_in(clf, development, clips, corpus.labels, quiet=args.quiet)
    clf.info["live"] = {**alarms.note(), "background": "the held-out part of its background, that chose the thresholds"}
    return alarms


def evaluate_parts(clf: AudioClassifier, corpus: Corpus, args: argparse.Namespace) -> dict[str, Evaluation]:
    """Evaluations of the parts that have clips and were not trained on."""
    made = {}
    for part in MEASURED:
        clips = getattr(corpus, part)
        if not len(clips):
            note(f"there are no {part} clips to evaluate on")
            continue
        with progress(f"evaluating on {part} clips", quiet=args.quiet) as bar:
            made[part] = evaluate(clf, clips, corpus.labels, threads=args.threads or cpus(), progress=bar)
    return made


def corpus_notes(corpus: Corpus, args: argparse.Namespace) -> dict[str, Any]:
    """Notes on the corpus, by which `evaluate` finds the same test clips again."""
    return {
        "layout": corpus.layout,
        "words": args.words,
        "clip_s": args.clip_s,
        "hold_out_speaker": args.hold_out_speaker,
        "more": None if args.more is None else Path(args.more).name,
        "voices": args.voices,
        "background": [Path(folder).name for folder in args.background],
        "clips": {part: len(getattr(corpus, part)) for part in ("train", *MEASURED)},
        "trained_on": ["train", *MEASURED] if args.everything else ["train"],
    }


def about_run(args: argparse.Namespace, recipe: recipes.Recipe, corpus: Corpus) -> dict[str, Any]:
    return {
        "wavenetlite": __version__,
        "data": args.data[0] if len(args.data) == 1 else args.data,
        "sr": corpus.sr,
        "labels": corpus.labels,
        "corpus": {**corpus_notes(corpus, args), "by_label": corpus.counts()},
        "recipe": args.recipe,
        "members": recipe.members,
        "teachers": recipe.teachers,
        "in_talk": args.in_talk,
        "epochs": args.epochs,
        "init": args.init,
        "freeze": args.freeze,
        "class_weights": args.class_weights,
        "seed": args.seed,
        "everything": args.everything,
    }


def write_json(path: Path, value: Any) -> None:
    with replacing(path) as file:
        file.write((json.dumps(value, indent=1, allow_nan=False) + "\n").encode())


def draw(out: Path, evaluations: dict[str, Evaluation], networks: int, *, refined: bool) -> list[str]:
    """Draw the figures, if matplotlib is installed; return their names."""
    drawn = []
    try:
        if every := histories(out, networks):
            kept = every[0][-1]["epoch"]  # a recipe keeps the last weights
            training_curve(every[0], out / TRAINING, kept=kept, members=every[1:], refined=refined)
            drawn.append(TRAINING)
        if best := shown(evaluations):
            confusion_matrix(evaluations[best].matrix, evaluations[best].labels, out / CONFUSION)
            drawn.append(CONFUSION)
    except FigureError as error:
        note(f"figures are left out: {error}")
    return drawn


def histories(out: Path, networks: int) -> list[list[dict[str, Any]]]:
    """The history of each network's training, one row per epoch."""
    names = [NETWORK, *(f"{NETWORK}-{number}" for number in range(2, networks + 1))]
    paths = [out / name / HISTORY for name in names]
    return [[json.loads(line) for line in path.read_text().splitlines()] for path in paths if path.exists()]


def shown(evaluations: dict[str, Evaluation]) -> str | None:
    """The part whose confusion matrix is shown: the test, if there is one."""
    return next((part for part in reversed(MEASURED) if part in evaluations), None)


def report(out: Path, evaluations: dict[str, Evaluation]) -> None:
    if part := shown(evaluations):
        say(confusion_text(evaluations[part].matrix, evaluations[part].labels))
        say("")
        say(scores_text(evaluations[part]))
        say("")
    for part, evaluation in evaluations.items():
        say(f"{part:5}  {evaluation}")
    say(f"wrote {out / CLASSIFIER}")
