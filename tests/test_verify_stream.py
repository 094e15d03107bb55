"""`wl.verify_stream`, the self-check of the product: it passes what is right, and finds what is wrong."""

import numpy as np
import pytest
from catalogue import CATALOGUE

import wavenetlite as wl


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_catalogue_entry_verifies(name):
    case = CATALOGUE[name]
    report = wl.verify_stream(case.model(), channels=case.in_channels, seed=3)
    assert min(report.frames, report.partitions, report.resets, report.batches) > 0
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


def test_a_wrong_batch_is_found():
    with pytest.raises(wl.StreamMismatchError, match="batch"):
        wl.verify_stream(MixedBatch(CATALOGUE["tcn"].model()))
