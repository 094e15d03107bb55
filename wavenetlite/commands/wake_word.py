"""wavenetlite wake-word: a detector of words that nobody has recorded, from their text."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from wavenetlite.commands.options import UsageError, above_zero, add_json, describe, names, positive, whole
from wavenetlite.commands.output import INTERRUPTED, say, say_json
from wavenetlite.commands.places import check_folder, holds
from wavenetlite.commands.train import INTERRUPTED_ANEW
from wavenetlite.recipes.wake import EFFORTS, WakeWord, train_wake_word
from wavenetlite.support.optional import optional
from wavenetlite.support.tables import table_lines

ABOUT = """\
Make a wake word from its text, on this computer: all voices that are installed, of
espeak-ng, mbrola, flite, festival, pico, RHVoice and piper, say the phrase, what sounds
nearly like it and ordinary sentences; small networks learn to tell them apart among talk
and noise, and their mean decides. Writes into OUT:

  classifier.safetensors  for listen, classify and wavenetlite.load; 8-bit integers
  hey_marcel.tflite       for ESPHome's micro_wake_word, one for each phrase,
  hey_marcel.json         and its manifest
  report.html             how well it hears, what still triggers it, what it was made of
  wake-word.json          the same as JSON

With --background, talk and noise of your own rooms and programs, it becomes much
quieter; some of the files are kept back, and the threshold is chosen on them. With a
few --recordings of the phrase it hears their speakers better.

The same command resumes after an interruption, with the same result."""
EXAMPLES = """\
  wavenetlite wake-word "hey marcel" --out marcel --background podcasts
  wavenetlite wake-word "hey marcel" --out marcel --recordings mine --background podcasts
  wavenetlite wake-word "lights on" "lights off" --out lights --false-alarms-per-hour 0.2
  wavenetlite wake-word "hey marcel" --out first --effort quick --voices espeak-ng
  wavenetlite listen --model marcel/classifier.safetensors"""


def add(parser: argparse.ArgumentParser) -> None:
    describe(parser, ABOUT, EXAMPLES)
    parser.add_argument("phrases", nargs="+", metavar="PHRASE", help="what is to be heard, as it is written")
    parser.add_argument("--out", required=True, metavar="FOLDER", help="where to write; created if missing")
    parser.add_argument("--language", default="en", metavar="CODE", help="that the voices speak")
    parser.add_argument(
        "--recordings", metavar="FOLDER", help="your own recordings of the phrase, each of it alone; of several "
        "phrases in folders named like their files")  # fmt: skip
    parser.add_argument(
        "--background", action="append", metavar="FOLDER", help="talk, music and noise without the phrase; several "
        "times for several")  # fmt: skip
    parser.add_argument(
        "--voices", type=names, metavar="A,B,...", help="programs to train on, or single voices, such as flite:slt "
        "(default: all that are installed)")  # fmt: skip
    parser.add_argument(
        "--test-voices",
        type=names,
        metavar="A,B,...",
        help="others to measure by, not trained on (default: one in eight)",
    )
    parser.add_argument("--piper-voices", metavar="FOLDER", help="the .onnx files of piper (default: $PIPER_VOICES)")
    parser.add_argument(
        "--false-alarms-per-hour",
        type=above_zero,
        default=0.5,
        metavar="N",
        help="of each phrase, in each folder of --background, to choose the threshold",
    )
    parser.add_argument("--effort", choices=tuple(EFFORTS), default="normal", help="how much is said and trained")
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="of everything that is drawn")
    parser.add_argument("--no-resume", action="store_true", help="train again instead of resuming from OUT")
    parser.add_argument("--threads", type=positive, metavar="N", help="number of threads (default: one per CPU)")
    add_json(parser, "the content of wake-word.json")
    parser.add_argument("--quiet", action="store_true", help="no progress and no report, only problems")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    optional("scipy", "train", "wavenetlite wake-word")
    out = check_folder(args.out, "--out")
    background = args.background or []
    for folder in [*background, *([] if args.recordings is None else [args.recordings])]:
        if holds(folder, out) and Path(folder).is_dir() and out.exists():
            raise UsageError(f"{folder}: holds --out {args.out}, whose speech would be read as recordings")
    args.interrupted = INTERRUPTED_ANEW if args.no_resume else INTERRUPTED
    made = train_wake_word(
        args.phrases, out, language=args.language, recordings=args.recordings, background=background,
        voices=args.voices, test_voices=args.test_voices, piper_voices=args.piper_voices,
        false_alarms_per_hour=args.false_alarms_per_hour, effort=args.effort, seed=args.seed, threads=args.threads,
        resume=not args.no_resume, progress=not args.quiet,
    )  # fmt: skip
    if args.json:
        say_json(made.classifier.info["wake_word"])
    elif not args.quiet:
        report(made, out)
    return 0


def report(made: WakeWord, out: Path) -> None:
    rows: list[tuple[str, ...]] = [("", "found", "false alarms", "an hour", "delay", "threshold")]
    rows += [row(phrase, one) for phrase, one in made.classifier.info["wake_word"]["phrases"].items()]
    say("\n".join(table_lines(rows, left=1)))
    say("")
    for name in made.files:
        say(f"wrote {out / name}")


def row(phrase: str, about: dict[str, Any]) -> tuple[str, ...]:
    delay = about["median_delay_s"]
    return (
        phrase, f"{100 * about['found'] / max(about['scenes'], 1):.1f} %",
        f"{about['false_alarms']} in {about['background_hours']:.2f} h",
        f"about {about['estimated_false_alarms_per_hour']:.2g}", "-" if delay is None else f"{1000 * delay:.0f} ms",
        f"{about['threshold']:.2f}",
    )  # fmt: skip
