"""Listen live: a microphone, or a recording in real time, through a classifier in blocks of 10 ms.

    python examples/live.py                             the microphone; Ctrl-C stops it
    python examples/live.py --file examples/data/recording.flac

Prints every event when it is detected, and at the end how long the calls took: a call that takes longer than its block
lasts is late. The whole loop is in `listen`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator

import numpy as np

import wavenetlite as wl

BLOCK_S = 0.01


def listen(clf: wl.AudioClassifier, blocks: Iterator[np.ndarray]) -> list[float]:
    """Print events; return the seconds that each call took."""
    stream = clf.stream(on_nonfinite="zero")  # tolerate the NaN of a broken driver
    seconds: list[float] = []
    try:
        for block in blocks:
            start = time.perf_counter()
            events = stream.process(block)
            seconds.append(time.perf_counter() - start)
            for event in events:
                print(f"{event.time_s:7.2f} s  {event.label:<12} {event.score:.2f}", flush=True)
    except KeyboardInterrupt:  # the way to stop it
        pass
    return seconds


def spoken(path: str, sr: int) -> Iterator[np.ndarray]:
    """The blocks of a file in real time."""
    start = time.perf_counter()
    for n, block in enumerate(wl.audio.blocks(path, round(BLOCK_S * sr), sr=sr)):
        time.sleep(max(0.0, start + (n + 1) * BLOCK_S - time.perf_counter()))
        yield block


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="speech-commands-12", help="a bundled classifier, or the file of one")
    parser.add_argument("--file", help="play this recording instead of opening the microphone")
    parser.add_argument("--device", help="the microphone; python -m sounddevice lists them")
    args = parser.parse_args()
    try:
        clf = wl.load(args.model)
        if not isinstance(clf, wl.AudioClassifier):
            raise wl.ParameterError(f"--model {args.model} is a {type(clf).__name__}; it must be a classifier")
        print(f"listening for {', '.join(label for label in clf.labels if label not in clf.background)}")
        if args.file:
            seconds = listen(clf, spoken(args.file, clf.sr))
        else:
            size = round(BLOCK_S * clf.sr)
            with wl.audio.Microphone(sr=clf.sr, block_samples=size, device=args.device, on_overflow="count") as source:
                seconds = listen(clf, iter(source))
    except (wl.WavenetliteError, OSError) as error:
        print(f"live: error: {error}", file=sys.stderr)
        return 1
    if seconds:
        median, worst = 1e6 * float(np.median(seconds)), 1e6 * max(seconds)
        print(f"{len(seconds)} blocks of {1e3 * BLOCK_S:g} ms: median {median:.0f} us per call, worst {worst:.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
