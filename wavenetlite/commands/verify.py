"""wavenetlite verify: check that a model streams bit for bit, on this machine."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

import numpy as np

from wavenetlite.classifier import AudioClassifier, ClassifierStream
from wavenetlite.commands.options import add_json, describe, positive, whole
from wavenetlite.commands.output import say, say_json
from wavenetlite.evaluation.self_check import even, random_blocks, verify_stream
from wavenetlite.formats import load
from wavenetlite.kernels import isa
from wavenetlite.nn import Module
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import StreamMismatchError
from wavenetlite.vocoder import Vocoder

SIGNAL_S = 1.5
SIGNALS = 3

ABOUT = """\
Check on this machine that streams give the bits of the offline call, however
they are fed. The network is fed with random frames (whole, one by one, in even
and random blocks, after resets, from snapshots, in batches and pools). A
classifier is also fed with random audio, in blocks, moved by snapshots and
forks, and in a pool; its probabilities, times, events and predictions are
compared. Exit status 1 if anything differs."""
EXAMPLES = """\
  wavenetlite verify speech-commands-12
  WAVENETLITE_ISA=avx2 wavenetlite verify trained/classifier.safetensors --partitions 50 --json"""


def add(parser: argparse.ArgumentParser) -> None:
    describe(parser, ABOUT, EXAMPLES)
    parser.add_argument("model", metavar="MODEL", help="a bundled model's name, or the file of a classifier or network")
    parser.add_argument(
        "--partitions", type=positive, default=12, metavar="N", help="random ways to cut the signal into blocks"
    )
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="of signals and partitions")
    add_json(parser, "one object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    loaded = load(args.model)
    network = loaded if isinstance(loaded, Module) else loaded.model
    found: dict[str, Any] = {"model": args.model, "isa": isa(), "same": False, "network": None, "audio": None}
    try:
        report = verify_stream(network, partitions=args.partitions, seed=args.seed)
        found["network"] = asdict(report)
        if not args.json:
            say(f"network: {report}")
        if isinstance(loaded, Vocoder):
            found["audio"] = verify_vocoder(loaded, args.partitions, args.seed)
            if not args.json:
                say(f"audio: streams equal the whole bit for bit: {found['audio']['partitions']} partitions")
        elif not isinstance(loaded, Module):
            found["audio"] = verify_classifier(eager(loaded, args.seed), args.partitions, args.seed)
            if not args.json:
                counts = (
                    "{partitions} partitions, {moves} snapshots and forks, {pooled} signals in pools; {events} events"
                )
                say(f"audio: streams equal offline bit for bit: {counts.format(**found['audio'])}")
    except StreamMismatchError as error:
        if args.json:
            say_json({**found, "error": str(error)})
        raise
    if args.json:
        say_json({**found, "same": True})
    return 0


def verify_vocoder(vocoder: Vocoder, partitions: int, seed: int) -> dict[str, int]:
    """Compare streams of a vocoder with all frames spoken at once, on frames of random audio."""
    rng = np.random.default_rng(seed)
    frames = vocoder.analyse(lively(round(SIGNAL_S * vocoder.sr), rng))
    whole = vocoder.speak(frames, seed=seed)
    ways = [even(len(frames), 1), *(random_blocks(len(frames), rng) for _ in range(partitions))]
    for blocks in ways:
        stream, ends = vocoder.stream(seed=seed), np.cumsum(blocks)
        made = np.concatenate([*(stream.process(block) for block in np.split(frames, ends)), stream.flush()])
        if made.tobytes() != whole.tobytes():
            raise StreamMismatchError(f"audio of frames fed in blocks (first {blocks[:8]}) differs from all at once")
    return {"partitions": len(ways), "frames": len(frames), "samples": len(whole)}


def eager(clf: AudioClassifier, seed: int) -> AudioClassifier:
    """The classifier with thresholds so low that it hears its labels in noise: there must be events to compare."""
    stream = clf.stream()
    stream.process(lively(2 * clf.sr + clf.least_samples, np.random.default_rng(seed)))
    foreground = [label not in clf.background for label in clf.labels]
    if not any(foreground):
        return clf
    likeliest = float(stream.probabilities.mean(axis=0)[foreground].max())
    return clf.with_threshold(min(likeliest / 2, clf.detector.threshold))


def verify_classifier(clf: AudioClassifier, partitions: int, seed: int) -> dict[str, int]:
    """Compare streams of a classifier with the whole signal fed at once, on random audio."""
    rng = np.random.default_rng(seed)
    long = max(round(SIGNAL_S * clf.sr), 2 * clf.least_samples, clf.timing.clip + clf.sr // 2)
    found = {"partitions": 0, "samples": 0, "frames": 0, "events": 0, "moves": 0, "pooled": 0}
    for samples in (long, clf.least_samples + 3):  # the short one is padded to a clip, if that is longer
        y = lively(samples, rng)
        whole = SignalOutput()
        alone = clf.stream()
        whole.take(alone.process(y), alone)
        whole.take(alone.flush(), alone)
        if whole.prediction != clf.predict(y).probabilities.tobytes():
            raise StreamMismatchError("the prediction of a stream fed with the whole signal differs from predict")
        ways = [
            ("sample by sample", even(min(samples, 4 * clf.least_samples), 1)),
            ("in blocks of 10 ms", even(samples, max(1, clf.sr // 100))),
            *(("in random blocks", random_blocks(samples, rng)) for _ in range(partitions)),
        ]
        for name, blocks in ways:
            moves = int(rng.integers(0, 4))
            got = fed(clf, y, [*blocks, samples - sum(blocks)], set(rng.integers(0, len(blocks) + 1, moves).tolist()))
            whole.compare(got, f"audio fed {name} (first blocks {blocks[:8]}) and moved {moves} times")
            found["moves"] += moves
        for got in pooled(clf, y, rng):
            whole.compare(got, "audio in a pool of others")
            found["pooled"] += 1
        found["partitions"] += len(ways)
        found["samples"] += samples
        found["frames"] += len(whole.probabilities) // (4 * len(clf.labels))
        found["events"] += len(whole.events)
    return found


class SignalOutput:
    """The output for one signal: bytes of probabilities, times and prediction, and events."""

    def __init__(self) -> None:
        self.probabilities = self.times = self.prediction = b""
        self.events: list[Any] = []

    def take(self, events: list[Any], stream: ClassifierStream) -> None:
        """Add the output of a call."""
        self.add(events, stream.probabilities, stream.frame_times_s)
        if stream.frames_out:
            self.prediction = stream.prediction().probabilities.tobytes()

    def add(self, events: list[Any], probabilities: Floats, times: np.ndarray) -> None:
        self.events += events
        self.probabilities += probabilities.tobytes()
        self.times += times.tobytes()

    def compare(self, got: SignalOutput, how: str) -> None:
        for what in ("probabilities", "times", "events", "prediction"):
            if getattr(got, what) != getattr(self, what):
                raise StreamMismatchError(f"{how}: {what} differ from offline")


def fed(clf: AudioClassifier, y: Floats, blocks: list[int], moves: set[int]) -> SignalOutput:
    """The output of a stream that continues as a fork or from a snapshot after the blocks of numbers `moves`."""
    stream, outputs, at = clf.stream(), SignalOutput(), 0
    for number, size in enumerate(blocks):
        outputs.take(stream.process(y[at : at + size]), stream)
        at += size
        if number in moves:
            moved = stream.fork()
            if number % 2:
                moved = clf.stream()
                moved.process(y[::-1].copy())  # to be overwritten
                moved.restore(stream.snapshot())
            stream = moved
    outputs.take(stream.flush(), stream)
    return outputs


def pooled(clf: AudioClassifier, y: Floats, rng: np.random.Generator) -> list[SignalOutput]:
    """The output for signals in a pool, in different blocks and some of them forked, beside noise."""
    pool = clf.pool(SIGNALS + 2)
    other = pool.open()
    waiting = {pool.open(): (number, random_blocks(len(y), rng)) for number in range(SIGNALS)}
    outputs, at = [SignalOutput() for _ in waiting], [0] * SIGNALS
    while waiting:
        blocks = {other: lively(int(rng.integers(0, 2000)), rng)}
        for sid, (number, sizes) in waiting.items():
            size = sizes.pop(0)
            blocks[sid] = y[at[number] : at[number] + size]
            at[number] += size
        for sid, events in pool.process(blocks).items():
            if sid != other:
                outputs[waiting[sid][0]].add(events, pool.probabilities(sid), pool.frame_times_s(sid))
        for sid, (number, sizes) in list(waiting.items()):
            if not sizes:
                outputs[number].add(pool.flush(sid), pool.probabilities(sid), pool.frame_times_s(sid))
                outputs[number].prediction = pool.prediction(sid).probabilities.tobytes()
                pool.close(sid)
                del waiting[sid]
            elif rng.random() < 0.1:
                waiting[pool.fork(sid)] = waiting.pop(sid)
                pool.close(sid)
    return outputs


def lively(samples: int, rng: np.random.Generator) -> Floats:
    """Noise of changing loudness, so that predictions vary."""
    levels = 10.0 ** np.repeat(rng.uniform(-3, 0, samples // 800 + 1), 800)[:samples]
    return np.clip(rng.standard_normal(samples) * levels, -1, 1).astype(np.float32)
