"""The streaming contract, one function a rule; in the spirit of sequence-layers' ``verify_contract``.

A module is fed ``x`` (frames, channels) float32 and, if it is conditioned, a local condition ``c`` with as many frames.
"""

import math

import numpy as np
from catalogue import open_stream, same_bits, signal
from reference import Dependence, evaluate, trace

TOLERANCE = 1e-6
PERIOD = 12  # frames after which the networks of the tests that upsample repeat themselves
WILD = 5e-6  # of random networks, whose inner signals may be larger than their output


def check_values(model, x, c=None, tolerance=TOLERANCE):
    """Offline output against the float64 reference, relative to the output's scale (at least 1, as the signals)."""
    expected = evaluate(model, x, c)
    actual = model(x, c)
    assert actual.dtype == np.float32
    assert actual.flags.c_contiguous
    assert actual.shape == expected.shape
    if expected.size:
        assert np.abs(actual - expected).max() <= tolerance * max(1.0, np.abs(expected).max())


def feed(stream, x, c, blocks, out_channels=None):
    """The outputs of a stream fed with x in blocks of those sizes, into `out=` if out_channels are given; no flush."""
    outputs, at = [], 0
    for size in blocks:
        block, block_c = x[at : at + size], None if c is None else c[at : at + size]
        promised = stream.output_frames(size)
        if out_channels is None:
            outputs.append(stream.process(block, block_c))
        else:
            outputs.append(np.full((promised, out_channels), np.nan, np.float32))
            assert stream.process(block, block_c, out=outputs[-1]) is outputs[-1]
        assert len(outputs[-1]) == promised
        at += size
    assert at == len(x)
    return outputs


def check_partition(model, x, c, blocks, use_out=False):
    """Fed in blocks, then flushed, a stream gives the offline output bit for bit; and again after a reset."""
    whole = model(x, c)
    stream = open_stream(model, x)
    for _ in range(2):
        outputs = feed(stream, x, c, blocks, whole.shape[1] if use_out else None)
        fed = sum(map(len, outputs))
        assert (stream.frames_in, stream.frames_out) == (len(x), fed)
        tail = stream.flush()
        assert same_bits(np.concatenate([*outputs, tail]), whole)
        stream.reset()
        assert (stream.frames_in, stream.frames_out) == (0, 0)


def check_reset_midway(model, x, c, cut):
    """A stream that is reset in the middle of a signal has forgotten it."""
    stream = open_stream(model, x)
    stream.process(x[:cut], None if c is None else c[:cut])
    stream.reset()
    again = [stream.process(x, c), stream.flush()]
    assert same_bits(np.concatenate(again), model(x, c))


def check_batch(model, x, c, count=3):
    """A batch gives what its rows give alone, bit for bit."""
    rows = np.stack([np.roll(x, 5 * i, axis=0) for i in range(count)])
    conditions = None if c is None else np.stack([np.roll(c, 3 * i, axis=0) for i in range(count)])
    together = model(rows, conditions)
    for i in range(count):
        assert same_bits(together[i], model(rows[i], None if c is None else conditions[i]))


def check_causality(model, x, c, cut):
    """No output frame that is due before input frame `cut` depends on it or on later ones, offline either."""
    early = newest_inputs(model, x, c) < cut
    changed = x.copy()
    changed[cut:] = -3 * changed[cut:] + 1
    assert same_bits(model(changed, c)[early], model(x, c)[early])


def check_memory(model, x, c, cut):
    """No output frame depends on input frames before its receptive field."""
    if math.isinf(model.receptive_field):
        return
    oldest = newest_inputs(model, x, c) - model.receptive_field + 1
    changed = x.copy()
    changed[:cut] = -3 * changed[:cut] + 1
    assert same_bits(model(changed, c)[oldest >= cut], model(x, c)[oldest >= cut])


def newest_inputs(model, x, c):
    """The newest input frame that each output frame depends on, as the model's clock says."""
    y = trace(model, x, c)
    newest = clock_of(model).newest
    return np.array([math.floor(n * y.step + newest) for n in range(len(y.values))], int)


def clock_of(model):
    """The clock of the model's output; `slack` says that its frames come several at a time."""
    return model.graph(model.in_width or 64).clock


def check_clock(model, in_channels, condition_channels=0, most_frames=4000, random=False):
    """Receptive field, latency and the number of frames a stream gives, against dependence found by perturbation.

    Where frames come several at a time, the receptive field is a bound; in a random network, which may not use them
    all, latency is one too.
    """
    bounds = random and clock_of(model).slack
    field = model.receptive_field
    past = 100 if math.isinf(field) else field
    frames = 2 * past + 3 * model.latency + 200
    if frames > most_frames:
        return
    dependence = Dependence(model, frames, in_channels, condition_channels)
    steady = math.ceil(past / dependence.signal.step)
    alike = range(steady, steady + (PERIOD if clock_of(model).slack else 1))  # of several at a time, not all are alike
    waited = max(math.ceil(dependence.latency(n)) for n in alike)
    assert model.latency == waited or (bounds and model.latency > waited)
    if math.isinf(field):
        assert dependence.oldest(len(dependence.signal.values) - 1) == dependence.oldest(steady) < past
    else:
        found = max(dependence.receptive_field(n) for n in alike)
        assert field == found or (clock_of(model).slack and field == found + 1) or (bounds and field > found)
    check_frame_counts(model, dependence)


def check_frame_counts(model, dependence):
    """A stream gives each frame as soon as its inputs are there; `output_frames` foretells it."""
    counts = dependence.counts(clock_of(model).newest)
    stream = open_stream(model, dependence.x)
    assert stream.latency == model.latency
    for n in (0, 1, 2, 3, 17, dependence.frames):
        assert stream.output_frames(n) == counts[n]
    for t in range(min(dependence.frames, 120)):
        assert stream.output_frames(1) == counts[t + 1] - counts[t]
        rows = [None if a is None else a[t : t + 1].astype(np.float32) for a in (dependence.x, dependence.c)]
        assert len(stream.process(*rows)) == counts[t + 1] - counts[t]


def check_edges_matter(model, in_channels, condition_channels=0):
    """The oldest and the newest frame of the receptive field change the output; the frames beyond do not."""
    field = model.receptive_field
    frames = 2 * field + 2 * model.latency + 40
    x, c = signal(frames, in_channels, 5), signal(frames, condition_channels, 6) if condition_channels else None
    y = model(x, c)
    n = len(y) // 2
    newest = newest_inputs(model, x, c)[n]
    oldest = newest - field + 1
    if clock_of(model).slack:  # of several frames at a time, one that reaches as far as any
        dependence = Dependence(model, frames, in_channels, condition_channels)
        n = max(range(n, n + PERIOD), key=dependence.receptive_field)
        oldest, newest = dependence.oldest(n), dependence.newest(n)
    assert 0 <= oldest <= newest < frames
    for frame, matters in ((oldest - 1, False), (oldest, True), (newest, True), (newest + 1, False)):
        changed = x.copy()
        changed[frame] = 8 * np.sign(-changed[frame])
        assert same_bits(model(changed, c)[n], y[n]) != matters
