"""`wl.verify_stream`, the self-check of the product: it passes what is right, and finds what is wrong."""

import numpy as np
import pytest
from catalogue import CATALOGUE

import wavenetlite as wl


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_catalogue_entry_verifies(name):
    case = CATALOGUE[name]
    report = wl.verify_stream(case.model(), channels=case.in_channels, seed=3)
    assert min(report.frames, report.partitions, report.resets, report.batches, report.snapshots, report.pooled) > 0
    assert report.isa == wl.isa()


def test_the_report_is_one_line():
    report = wl.verify_stream(CATALOGUE["tcn"].model(), frames=50, partitions=2)
    assert report.frames == 50
    assert "\n" not in str(report)
    assert "bit" in str(report)


@pytest.mark.parametrize("options", [{"frames": -1}, {"partitions": -1}, {"partitions": 1.5}, {"seed": -1}])
def test_its_parameters_are_checked(options):
    with pytest.raises(wl.WavenetliteError, match=next(iter(options))):
        wl.verify_stream(CATALOGUE["tcn"].model(), **options)


class Proxy:
    """Stands for another object, with some of its methods replaced."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)


class Liar(Proxy):
    """A model like another, whose streams are of another class."""

    def __init__(self, model, stream_class):
        super().__init__(model)
        self.stream_class = stream_class

    def __call__(self, *arguments, **options):
        return self.inner(*arguments, **options)

    def stream(self, *arguments, **options):
        return self.stream_class(self.inner.stream(*arguments, **options))


class WrongBit(Proxy):
    """The last bit of frame 23 is wrong."""

    def process(self, *arguments, **options):
        at = 23 - self.inner.frames_out
        y = self.inner.process(*arguments, **options)
        if 0 <= at < len(y):
            y[at, 0] = np.nextafter(y[at, 0], np.float32(np.inf))
        return y


class NoReset(Proxy):
    """Is not reset but after a flush, when it has to be."""

    flushed = False

    def flush(self):
        self.flushed = True
        return self.inner.flush()

    def reset(self):
        if self.flushed:
            self.inner.reset()
        self.flushed = False


class Forgetful(Proxy):
    """Keeps its tail for itself."""

    def flush(self):
        return self.inner.flush()[:0]


class LosesItsPast(Proxy):
    """Forgets the signal when a snapshot is restored."""

    def restore(self, blob):
        self.inner.restore(blob)
        self.inner.reset()


class LosesItselfInAFork(Proxy):
    """Goes on from the beginning in a fork."""

    def fork(self):
        twin = self.inner.fork()
        twin.reset()
        return twin


class WrongPool(Proxy):
    """Streams of the pool forget their signal now and then: when the others are fed without them, or with them."""

    def __init__(self, inner, method):
        super().__init__(inner)
        setattr(self, method, self.spoilt(getattr(inner, method)))

    def spoilt(self, method):
        def call(*arguments):
            y = method(*arguments)
            for sid in self.inner.ids[1:2]:
                self.inner.reset(sid)
            return y

        return call

    def __len__(self):
        return len(self.inner)


class PoolLiar(Proxy):
    """A model like another, but for its pools."""

    def __init__(self, model, method):
        super().__init__(model)
        self.method = method

    def __call__(self, *arguments, **options):
        return self.inner(*arguments, **options)

    def pool(self, *arguments, **options):
        return WrongPool(self.inner.pool(*arguments, **options), self.method)


class MixedBatch(Proxy):
    """A model whose batches mix their rows."""

    def __call__(self, x, c=None):
        y = self.inner(x, c)
        return y[::-1] if x.ndim == 3 else y


def test_one_wrong_bit_is_found_and_its_frame_named():
    with pytest.raises(wl.StreamMismatchError, match=r"\bframe 23\b"):
        wl.verify_stream(Liar(CATALOGUE["tcn"].model(), WrongBit))


@pytest.mark.parametrize("stream_class", [NoReset, Forgetful])
def test_a_wrong_stream_is_found(stream_class):
    with pytest.raises(wl.StreamMismatchError):
        wl.verify_stream(Liar(CATALOGUE["same same"].model(), stream_class))


@pytest.mark.parametrize("stream_class", [LosesItsPast, LosesItselfInAFork])
def test_a_wrong_snapshot_is_found(stream_class):
    with pytest.raises(wl.StreamMismatchError, match=r"snapshot|fork"):
        wl.verify_stream(Liar(CATALOGUE["same same"].model(), stream_class))


@pytest.mark.parametrize("method", ["step", "process", "close"])
def test_a_wrong_pool_is_found(method):
    with pytest.raises(wl.StreamMismatchError, match="pool"):
        wl.verify_stream(PoolLiar(CATALOGUE["tcn"].model(), method))


def test_a_wrong_batch_is_found():
    with pytest.raises(wl.StreamMismatchError, match="batch"):
        wl.verify_stream(MixedBatch(CATALOGUE["tcn"].model()))


def test_what_is_no_network_is_named():
    with pytest.raises(wl.WavenetliteError, match=r"model is a AudioClassifier; it must be a network"):
        wl.verify_stream(wl.load("speech-commands-12"))
