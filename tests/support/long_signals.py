"""Hours of audio through every kind of stream: no growth, the bits of a stream that began a minute ago, and true times.

    python tests/support/long_signals.py HOURS

One minute of noise is repeated. What a stream gives for a minute then depends on its state alone, so two minutes far apart
must be equal, and equal to the second minute of a stream that was not fed for hours.
"""

import resource
import sys

import numpy as np

import wavenetlite as wl

SR, HOP = 8000, 80
MINUTE = 60 * SR
LARGEST_GROWTH_KB = 4000


def minute_of_noise():
    rng = np.random.default_rng(0)
    loudness = np.repeat(rng.uniform(0.001, 0.3, 60), SR)
    return (loudness * rng.uniform(-1, 1, MINUTE)).astype(np.float32)


def classifier():
    network = wl.Sequential([wl.nn.Conv1d(8, 8, 3, dilation=4), wl.nn.Activation("tanh"), wl.nn.Conv1d(8, 3, 1)])
    detector = wl.detection.Detector(0.36, 0.3, smoothing_ms=100, refractory_ms=500)  # frames that divide a minute's
    features = wl.LogMel(sr=SR, n_fft=256, hop_length=HOP, n_mels=8)
    return wl.AudioClassifier(
        features.then(wl.features.RunningCMVN(window_frames=200)), network, ["a", "b", "c"], detector=detector
    )


def rows_of(events, second):
    """Events as plain numbers, with times from the start of their minute."""
    return [(e.label, e.score, *(round(SR * (t - second)) for t in (e.time_s, e.start_s, e.end_s))) for e in events]


class Listeners:
    """One stream of each kind; `minute` gives everything that they return for the next minute, in blocks."""

    def __init__(self, block):
        clf = classifier()
        self.block, self.minutes = block, 0
        self.features, self.network = clf.features.stream(), clf.model.stream()
        self.pool, self.stream, self.signals = clf.model.pool(2), clf.stream(sr=SR), clf.pool(2)
        self.detector = clf.detector.stream(["a", "b", "c"], SR / HOP)
        self.sid, self.signal = self.pool.open(), self.signals.open()

    def minute(self, y):
        frames, events, pooled, detections, probabilities = [], [], [], [], []
        for at in range(0, len(y), self.block):
            piece = y[at : at + self.block]
            frames.append(self.features.process(piece))
            logits = self.network.process(frames[-1])
            assert (self.pool.process({self.sid: frames[-1]})[self.sid] == logits).all()
            events += self.stream.process(piece)
            pooled += self.signals.process({self.signal: piece})[self.signal]
            probabilities.append(self.stream.probabilities)
            detections += self.detector.process(np.ascontiguousarray(probabilities[-1]))
        start_s = 60 * self.minutes
        self.minutes += 1
        assert pooled == events and self.stream.samples_in == self.minutes * MINUTE
        assert len(detections) == len(events) > 0
        return np.concatenate(frames), np.concatenate(probabilities), rows_of(events, start_s)


def check(hours, block=SR):
    """Raise unless the last minute is the second one; returns the growth of memory, kB."""
    y, long, first = minute_of_noise(), Listeners(block), Listeners(7 * HOP + 3)
    first.minute(y)
    wanted = first.minute(y)
    long.minute(y)
    found, before = long.minute(y), 0
    for minute in range(max(1, round(60 * hours) - 2)):
        found = long.minute(y)
        if minute == 0:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for one, other in zip(found[:2], wanted[:2], strict=True):
        assert one.tobytes() == other.tobytes()
    assert found[2] == wanted[2]
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before


if __name__ == "__main__":
    grown = check(float(sys.argv[1]))
    assert grown < LARGEST_GROWTH_KB, f"memory grew by {grown} kB"
    print(f"{sys.argv[1]} hours: the same bits, memory grew by {grown} kB")
