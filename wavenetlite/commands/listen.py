"""wavenetlite listen: events from a microphone."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict

from wavenetlite import audio
from wavenetlite.classifier import AudioClassifier, ClassifierStream, Event, GatedStream
from wavenetlite.commands.options import BLOCK_MS, above_zero, add_json, describe, device
from wavenetlite.commands.output import note, say, say_json
from wavenetlite.commands.shared import LIVE_MODEL, add_detector, add_vad, event_text, gated, load_detector
from wavenetlite.evaluation.alarms import live_text
from wavenetlite.recipes.alone import HEARD, hears_alone
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import StreamStateError, WavenetliteError

ABOUT = f"""\
Listen to a microphone in blocks of {BLOCK_MS:g} ms and print events as they are detected:
time since the start, label, probability. Ctrl-C stops it. At its start it tells
whether the model hears only words that stand alone, and how many false alarms
an hour it raised in talk, as far as its notes say.

Needs PortAudio and the package sounddevice:
pip install 'wavenetlite[microphone]'; `python -m sounddevice` lists the devices."""
EXAMPLES = """\
  wavenetlite listen
  wavenetlite listen --model trained/classifier.safetensors --threshold 0.8
  wavenetlite listen --vad
  wavenetlite listen --device 3 --seconds 60 --json"""


def add(parser: argparse.ArgumentParser) -> None:
    describe(parser, ABOUT, EXAMPLES)
    add_detector(parser, LIVE_MODEL)
    add_vad(parser)
    parser.add_argument("--device", type=device, metavar="N|NAME", help="microphone (default: that of the system)")
    parser.add_argument("--seconds", type=above_zero, metavar="S", help="stop after this time (default: at Ctrl-C)")
    add_json(parser, "one object per event")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    clf = load_detector(args)
    stream = gated(clf, args.vad).stream()
    counts: Counter[str] = Counter()

    def report(events: list[Event]) -> None:
        for event in events:
            counts[event.label] += 1
            if args.json:
                say_json(asdict(event))
            else:
                say(event_text(event))

    size = max(1, round(clf.sr * BLOCK_MS / 1000))
    wanted = ", ".join(label for label in clf.labels if label not in clf.background)
    with audio.Microphone(sr=clf.sr, block_samples=size, device=args.device, on_overflow="fill") as microphone:
        try:
            note(f"listening for {wanted}; Ctrl-C stops it")
            for line in about(clf, args.threshold):
                note(line)
            for block in blocks_of(microphone):
                report(stream.process(block))
                if args.seconds is not None and stream.samples_in >= args.seconds * clf.sr:
                    break
        except KeyboardInterrupt:  # the way to stop it
            pass
        with suppress(StreamStateError):  # it was interrupted in the middle of a block
            report(stream.flush())
        note(summary(stream, counts, microphone.overflows, microphone.lost_samples))
    return 0


def about(clf: AudioClassifier, threshold: float | None) -> list[str]:
    """What a user should know of the model who speaks to it: how to, and how quiet it is."""
    how = [f"this model hears {HEARD}: pause around each"] if hears_alone(clf.model) else []
    return [*how, quietness(clf, threshold)]


def quietness(clf: AudioClassifier, threshold: float | None) -> str:
    """How quiet the model is by its notes, which other thresholds than its own make void."""
    live = clf.info.get("live")
    text = live_text(live) if isinstance(live, Mapping) else ""
    if not text:
        return (
            "how often this model raises false alarms is not in its notes; `wavenetlite evaluate --background` counts"
        )
    return text if threshold is None else f"with its own thresholds {text}; --threshold {threshold:g} changes that"


def blocks_of(microphone: audio.Microphone) -> Iterator[Floats]:
    """The microphone's blocks; any failure of the sound system, such as an unplugged device, becomes one line."""
    blocks = iter(microphone)
    while True:
        try:
            block = next(blocks)
        except WavenetliteError:
            raise
        except Exception as error:  # sounddevice's errors, which cannot be named where it is not installed
            raise audio.AudioDeviceError(f"device={microphone.device!r} failed: {error}") from None
        yield block


def summary(stream: ClassifierStream | GatedStream, counts: Counter[str], overflows: int, lost_samples: int) -> str:
    found = ", ".join(f"{label} {number}" for label, number in counts.most_common()) or "nothing"
    speech = f", {stream.heard_s:.1f} s of it heard as speech" if isinstance(stream, GatedStream) else ""
    heard = f"{stream.samples_in / stream.timing.sr:.1f} s of audio{speech}: {found}"
    if not overflows:
        return heard
    lost = f"{heard}; samples were lost {overflows} times: the machine was too slow"
    if lost_samples:
        return f"{lost}; {lost_samples / stream.timing.sr:.2f} s of silence stand for them, so that times stay true"
    return f"{lost}; the driver does not say how many, so later times may be too early"
