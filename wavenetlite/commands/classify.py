"""wavenetlite classify: the labels of audio files."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from wavenetlite import audio
from wavenetlite.audio.scale import scale_problem
from wavenetlite.classifier import (
    AudioClassifier,
    ClassifierStream,
    Event,
    GatedClassifier,
    GatedStream,
    Prediction,
)
from wavenetlite.commands.options import BLOCK_MS, UsageError, add_json, add_reading, describe, positive
from wavenetlite.commands.output import note, one_line, say, say_json
from wavenetlite.commands.shared import add_detector, add_vad, event_text, gated, load_detector
from wavenetlite.support.errors import WavenetliteError

ABOUT = f"""\
Classify audio files: one line per file with its name, label and probability.

Files are streamed in blocks of {BLOCK_MS:g} ms, as from a microphone, so any length fits
into memory; the result has the bits of the whole file fed at once. A file that
cannot be used is reported, and the others are still classified; the exit status
is then 1."""
EXAMPLES = """\
  wavenetlite classify yes.wav
  wavenetlite classify --model trained/classifier.safetensors --top 3 *.flac
  wavenetlite classify --resample --mono mean --events meeting.mp3
  wavenetlite classify --json *.wav | jq -r 'select(.label == "yes").path'"""


def add(parser: argparse.ArgumentParser) -> None:
    describe(parser, ABOUT, EXAMPLES)
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="audio: WAV, FLAC, OGG, MP3 or another format of libsndfile"
    )
    add_reading(parser)
    parser.add_argument(
        "--on-nonfinite",
        choices=["raise", "zero"],
        default="raise",
        help="refuse files with NaN, or replace it by zeros",
    )
    parser.add_argument("--events", action="store_true", help="list the events in each file, with their times")
    add_detector(parser)
    add_vad(parser)
    parser.add_argument(
        "--top", type=positive, metavar="N", help="show the N likeliest labels of each file, best first"
    )
    add_json(parser, "one object per file, with label, score, probabilities and events, or with error")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    if args.threshold is not None and not (args.events or args.json):
        raise UsageError("--threshold applies to events; it needs --events or --json")
    if args.vad is not None:
        if not (args.events or args.json) or args.top:
            raise UsageError(
                "--vad gives events, and no label of a whole file; it needs --events or --json, without --top"
            )
        return run_gated(gated(load_detector(args), args.vad), args)
    clf = load_detector(args)
    width = max(len(path) for path in args.files)
    failed = 0
    for path in args.files:
        try:
            prediction, events, seconds = classify(clf, path, args)
        except (WavenetliteError, OSError) as error:
            failed += 1
            refuse(path, error, args)
            continue
        if args.json:
            say_json(as_json(path, prediction, events, seconds, args.top))
        else:
            best = likeliest(prediction, args.top or 1)
            say(f"{path:{width}}  " + "  ".join(f"{label}  {score:.3f}" for label, score in best))
            if args.events:
                for event in events:
                    say(event_text(event))
    return 1 if failed else 0


def run_gated(clf: AudioClassifier | GatedClassifier, args: argparse.Namespace) -> int:
    """The events of each file where speech is heard in it."""
    width = max(len(path) for path in args.files)
    failed = 0
    for path in args.files:
        try:
            stream = clf.stream()
            events = events_of(stream, path, args)
        except (WavenetliteError, OSError) as error:
            failed += 1
            refuse(path, error, args)
            continue
        assert isinstance(stream, GatedStream)
        seconds = stream.samples_in / clf.sr
        if args.json:
            say_json({"path": path, "events": [asdict(event) for event in events], "seconds": seconds,
                      "speech_s": stream.heard_s})  # fmt: skip
        else:
            say(f"{path:{width}}  {stream.heard_s:.1f} of {seconds:.1f} s heard as speech")
            for event in events:
                say(event_text(event))
    return 1 if failed else 0


def refuse(path: str, error: Exception, args: argparse.Namespace) -> None:
    message = one_line(str(error))
    note(f"error: {message}")
    if args.json:
        say_json({"path": path, "error": message})


def classify(clf: AudioClassifier, path: str, args: argparse.Namespace) -> tuple[Prediction, list[Event], float]:
    """The prediction of a file, its events, and its duration in seconds."""
    stream = clf.stream()
    events = events_of(stream, path, args)
    if not stream.frames_out:
        least = clf.least_samples
        raise audio.AudioFileError(
            f"{path}: too short: it has {stream.samples_in} samples at {clf.sr} Hz; at least {least} are needed"
        )
    return stream.prediction(), events, stream.samples_in / clf.sr


def events_of(stream: ClassifierStream | GatedStream, path: str, args: argparse.Namespace) -> list[Event]:
    """Feed a file to a stream; returns the events."""
    about = audio.info(path)
    if about.channels > 1 and args.mono is None:
        raise audio.AudioFileError(
            f"{path}: it has {about.channels} channels (give --mono mean, or --mono 0 for the first)"
        )
    events: list[Event] = []
    size = max(1, round(about.sr * BLOCK_MS / 1000))
    mono = args.mono if about.channels > 1 else None
    for block in audio.blocks(
        path, size, sr=stream.timing.sr, resample=args.resample, mono=mono, on_nonfinite=args.on_nonfinite
    ):
        if problem := scale_problem(block):
            raise audio.AudioFileError(f"{path}: {problem}")
        events += stream.process(block)
    return events + stream.flush()


def likeliest(prediction: Prediction, most: int) -> list[tuple[str, float]]:
    """Labels and probabilities, the highest first; equal ones in the order of the labels."""
    order = (-prediction.probabilities).argsort(kind="stable")[:most]
    return [(prediction.labels[i], float(prediction.probabilities[i])) for i in order]


def as_json(path: str, prediction: Prediction, events: list[Event], seconds: float, top: int | None) -> dict[str, Any]:
    made: dict[str, Any] = {
        "path": path,
        "label": prediction.label,
        "score": prediction.score,
        "probabilities": dict(zip(prediction.labels, prediction.probabilities.tolist(), strict=True)),
        "events": [asdict(event) for event in events],
        "seconds": seconds,
    }
    if top is not None:
        made["top"] = [{"label": label, "score": score} for label, score in likeliest(prediction, top)]
    return made
