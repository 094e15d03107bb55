"""wavenetlite verify: that a model streams with the bits of the offline call, on this machine."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from wavenetlite.commands.shared import Subparsers, add_json, positive, say, say_json, subcommand, whole
from wavenetlite.errors import StreamMismatchError
from wavenetlite.nn import Module

if TYPE_CHECKING:
    import numpy as np

    from wavenetlite.audio import Floats
    from wavenetlite.classify import AudioClassifier

SIGNAL_S = 1.5

ABOUT = """\
Check on this machine that a model keeps the promise: streams give the bits of
the offline call, however they are fed. The network is fed with random frames
(whole, one by one, in even and random blocks, after resets, in batches). A
classifier is also fed with random audio, and its probabilities, times, events
and predictions are compared. Exit status 1 if anything differs."""
EXAMPLES = """\
  wavenetlite verify speech-commands-12
  WAVENETLITE_ISA=avx2 wavenetlite verify trained/classifier.safetensors --partitions 50 --json"""


def add(subparsers: Subparsers) -> None:
    parser = subcommand(subparsers, "verify", "check that a model streams bit for bit", ABOUT, EXAMPLES)
    parser.add_argument("model", metavar="MODEL", help="a bundled model's name, or the file of a classifier or network")
    parser.add_argument(
        "--partitions", type=positive, default=12, metavar="N", help="random ways to cut the signal into blocks"
    )
    parser.add_argument("--seed", type=whole, default=0, metavar="N", help="of signals and partitions")
    add_json(parser, "one object")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    from wavenetlite import isa
    from wavenetlite.formats import load
    from wavenetlite.verify import verify_stream

    loaded = load(args.model)
    network = loaded if isinstance(loaded, Module) else loaded.model
    found: dict[str, Any] = {"model": args.model, "isa": isa(), "same": False, "network": None, "audio": None}
    try:
        report = verify_stream(network, partitions=args.partitions, seed=args.seed)
        found["network"] = asdict(report)
        if not args.json:
            say(f"network: {report}")
        if not isinstance(loaded, Module):
            found["audio"] = verify_classifier(loaded, args.partitions, args.seed)
            if not args.json:
                counts = "{partitions} partitions of {samples:,} samples, {frames:,} frames and {events} events"
                say(f"audio: streams equal offline bit for bit: {counts.format(**found['audio'])}")
    except StreamMismatchError as error:
        if args.json:
            say_json({**found, "error": str(error)})
        raise
    if args.json:
        say_json({**found, "same": True})
    return 0


def verify_classifier(clf: AudioClassifier, partitions: int, seed: int) -> dict[str, int]:
    """Compare streams of a classifier, fed with random audio in blocks, with the whole signal fed at once."""
    import numpy as np

    from wavenetlite.verify import even, random_blocks

    rng = np.random.default_rng(seed)
    long = max(round(SIGNAL_S * clf.sr), 2 * clf.least_samples, clf.clip_samples + clf.sr // 2)
    found = {"partitions": 0, "samples": 0, "frames": 0, "events": 0}
    for samples in (long, clf.least_samples + 3):  # the short one is followed by silence, where a clip is longer
        y = lively(samples, rng)
        whole = fed(clf, y, [samples])
        if whole[3] != clf.predict(y).probabilities.tobytes():
            raise StreamMismatchError("the prediction of a stream fed with the whole signal differs from predict")
        ways = [
            ("sample by sample", even(min(samples, 4 * clf.least_samples), 1)),
            ("in blocks of 10 ms", even(samples, max(1, clf.sr // 100))),
            *(("in random blocks", random_blocks(samples, rng)) for _ in range(partitions)),
        ]
        for name, blocks in ways:
            got = fed(clf, y, [*blocks, samples - sum(blocks)])
            for what, mine, offline in zip(("probabilities", "times", "events", "prediction"), got, whole, strict=True):
                if mine != offline:
                    raise StreamMismatchError(
                        f"audio fed {name} (first blocks {blocks[:8]}): {what} differ from offline"
                    )
        found["partitions"] += len(ways)
        found["samples"] += samples
        found["frames"] += len(whole[0]) // (4 * len(clf.labels))
        found["events"] += len(whole[2])
    return found


def fed(clf: AudioClassifier, y: Floats, blocks: list[int]) -> tuple[bytes, bytes, list[Any], bytes]:
    """All that a stream gives: bits of the probabilities and their times, events, bits of the prediction."""
    stream, events, probabilities, times, at = clf.stream(), [], [], [], 0
    for size in [*blocks, None]:
        events += stream.flush() if size is None else stream.process(y[at : at + size])
        at += size or 0
        probabilities.append(stream.probabilities.tobytes())
        times.append(stream.frame_times_s.tobytes())
    return b"".join(probabilities), b"".join(times), events, stream.prediction().probabilities.tobytes()


def lively(samples: int, rng: np.random.Generator) -> Floats:
    """Noise whose loudness changes, so that a classifier changes its mind."""
    import numpy as np

    levels = 10.0 ** np.repeat(rng.uniform(-3, 0, samples // 800 + 1), 800)[:samples]
    return np.clip(rng.standard_normal(samples) * levels, -1, 1).astype(np.float32)
