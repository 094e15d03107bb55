"""What the catalogue's networks, features and the bundled models give on two machines, compared.

As a program: ``machines.py write FOLDER`` writes outputs, whole and streamed, with a snapshot in the middle;
``machines.py compare FOLDER`` computes them again, goes on from those snapshots, says what differs in a bit, and then
ends with status 1.
"""

import sys
from pathlib import Path

import numpy as np

import wavenetlite as wl

sys.path += [str(Path(__file__).parents[1] / "definitions")]
import catalogue
import features_catalogue

FRAMES, HALF = 157, 80


class Work:
    """One signal through a network, a feature, a classifier or a vocoder."""

    def __init__(self, offline, open_stream, x, c=None):
        self.offline, self.open_stream, self.x, self.c = offline, open_stream, x, c
        self.middle = HALF if x.ndim == 2 else len(x) // 2
        self.sizes = (37, 29) if x.ndim == 2 else (411, 290)

    def feed(self, stream, first, end, size):
        return [self.feed_block(stream, at, min(at + size, end)) for at in range(first, end, size)]

    def feed_block(self, stream, first, end):
        if self.c is not None:
            return stream.process(self.x[first:end], self.c[first:end])
        made = stream.process(self.x[first:end])
        return stream.probabilities.copy() if isinstance(made, list) else made

    def end(self, stream):
        made = stream.flush()
        return stream.probabilities.copy() if isinstance(made, list) else made

    def results(self):
        """name -> array: the whole, what came before and after the middle, and the snapshot taken there."""
        stream = self.open_stream()
        before = self.feed(stream, 0, self.middle, self.sizes[0])
        snapshot = stream.snapshot()
        return {"whole": self.offline(), "before": np.concatenate(before), "after": self.after(stream),
                "snapshot": np.frombuffer(snapshot, np.uint8)}  # fmt: skip

    def after(self, stream):
        return np.concatenate([*self.feed(stream, self.middle, len(self.x), self.sizes[1]), self.end(stream)])

    def continued(self, snapshot):
        """What comes after the middle from the snapshot of another machine."""
        stream = self.open_stream()
        stream.restore(snapshot.tobytes())
        return self.after(stream)


def network(case):
    model, x = case.model(), catalogue.signal(FRAMES, case.in_channels)
    c = catalogue.condition(FRAMES, case.condition_channels)
    return Work(lambda: model(x, c), lambda: catalogue.open_stream(model, x), x, c)


def feature(make, y):
    spec = make()
    return Work(lambda: spec(y), spec.stream, y)


def bundled(name):
    """A classifier on noise, or a vocoder on the frames of noise."""
    loaded = wl.load(name)
    if not isinstance(loaded, wl.Vocoder):
        return classifier(loaded)
    frames = loaded.analyse((0.1 * np.random.default_rng(0).standard_normal(2 * loaded.sr)).astype(np.float32))
    return Work(lambda: loaded.speak(frames), loaded.stream, frames)


def classifier(clf):
    y = (0.1 * np.random.default_rng(0).standard_normal(2 * clf.sr)).astype(np.float32)
    return Work(lambda: clf.predict(y, sr=clf.sr).probabilities, lambda: clf.stream(sr=clf.sr), y)


def every_work():
    """(name, what makes the work) of everything."""
    yield from ((f"network {name}", lambda case=case: network(case)) for name, case in catalogue.CATALOGUE.items())
    for name, make in features_catalogue.SPECS.items():
        for kind, y in features_catalogue.SIGNALS.items():
            yield f"feature {name}, {kind}", lambda make=make, y=y: feature(make, y)
    yield from ((f"bundled {name}", lambda name=name: bundled(name)) for name in wl.models.names())


def write(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for index, (_, make) in enumerate(every_work()):
        np.savez(folder / f"{index}.npz", **make().results())
    return []


def compare(folder):
    """A line for everything that differs."""
    wrong, count = [], 0
    for index, (name, make) in enumerate(every_work()):
        count += 1
        theirs, work = dict(np.load(folder / f"{index}.npz")), make()
        ours = work.results()
        wrong += [f"{name}: {part} differs" for part in theirs if not catalogue.same_bits(ours[part], theirs[part])]
        try:
            if not catalogue.same_bits(work.continued(theirs["snapshot"]), theirs["after"]):
                wrong.append(f"{name}: goes on otherwise from the other machine's snapshot")
        except wl.SnapshotError as error:
            wrong.append(f"{name}: {error}")
    print(f"{count} networks, features and bundled models under {wl.isa()}; {len(wrong)} differences")
    return wrong


if __name__ == "__main__":
    found = {"write": write, "compare": compare}[sys.argv[1]](Path(sys.argv[2]))
    print("\n".join(found), end="\n" if found else "")
    sys.exit(bool(found))
