"""Random segments for teacher forcing: what is foretold, from what, at which place; and recordings that do not fit."""

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.train import CrossEntropy, Waveforms, fit

F32 = np.float32


def ramps(*lengths):
    """Recordings each of whose samples tells its place."""
    return [(np.arange(1, length + 1) / 1000).astype(F32) for length in lengths]


def frames(recordings, hop):
    """Conditioning that tells the place too."""
    return [np.arange(-(-len(y) // hop), dtype=F32)[:, np.newaxis] for y in recordings]


def rng(seed=0):
    return np.random.default_rng(seed)


def all_of(source, seed=0):
    return source.batch(np.arange(len(source)), rng(seed))


def test_each_target_is_the_sample_after_x():
    source = Waveforms(ramps(50, 9), samples=16, context=4)
    assert len(source) == 5
    x, targets = all_of(source)
    assert x.shape == (5, 20, 1)
    assert targets.shape == (5, 20)
    known = ~np.isnan(targets)
    assert known[:, 4:].any(axis=1).all()
    assert not known[:, :4].any()
    np.testing.assert_allclose(targets[known], x[..., 0][known] + F32(0.001), atol=1e-6)
    assert not known[4, 4 + 9 :].any()  # after the end of the recording
    assert x[4, 4, 0] == 0  # before its beginning


def test_the_context_is_what_precedes_the_segment():
    source = Waveforms(ramps(200), samples=16, context=8)
    x, _ = source.batch(np.zeros(20, np.int64), rng())
    started = x[:, 0, 0] > 0
    assert started.any()
    np.testing.assert_allclose(np.diff(x[started, :, 0], axis=1), 0.001, atol=1e-6)


def test_both_ends_come_as_often_as_the_middle():
    source = Waveforms(ramps(80), samples=16)
    counts = np.zeros(80)
    for seed in range(400):
        _, targets = source.batch(np.zeros(5, np.int64), rng(seed))
        counts += np.bincount(np.rint(targets.ravel() * 1000).astype(int) - 1, minlength=80)
    assert counts.min() > 0.5 * counts.mean()


@pytest.mark.parametrize("hop", [1, 4])
def test_a_frame_of_conditioning_goes_with_its_samples(hop):
    recordings = ramps(61, 30)
    source = Waveforms(recordings, frames(recordings, hop), samples=16, context=4, hop_length=hop)
    _, targets, c = all_of(source)
    assert c.shape == (len(source), 20 // hop, 1)
    known = ~np.isnan(targets)
    place = np.rint(targets[known] * 1000).astype(int) - 1
    assert (np.repeat(c[..., 0], hop, axis=1)[known] == place // hop).all()


def test_a_global_condition_is_its_recordings():
    recordings = [np.full(20, value, F32) for value in (0.1, 0.2)]
    _, targets, c = all_of(Waveforms(recordings, [np.array([v], F32) for v in (1, 2)], samples=8))
    assert c.shape == (6, 1)
    np.testing.assert_allclose(targets[:, 3], c[:, 0] / 10, rtol=1e-6)


@pytest.mark.parametrize("inputs", ["value", "class", "one_hot"])
def test_classes_are_those_of_mu_law(inputs):
    y = rng().uniform(-1, 1, 40).astype(F32)
    x, targets = all_of(Waveforms([y], samples=48, classes=256, inputs=inputs))
    coder = wl.MuLaw(mu=255, output="code")
    codes = coder.codes(np.concatenate([np.zeros(1, F32), y]))
    assert (targets[0, :40] == codes[1:]).all()
    assert (targets[0, 40:] == -1).all()
    if inputs == "class":
        assert (x[0, :41, 0] == codes).all()
    elif inputs == "one_hot":
        assert (x[0, :41].argmax(axis=1) == codes).all()
        assert (x.sum(axis=2) == 1).all()
    else:
        assert (x[0, :41, 0] == coder.expand((codes - 128).astype(F32)[:, np.newaxis])).all()


def test_a_number_of_segments_draws_recordings_by_their_lengths():
    recordings = [np.full(length, value, F32) for length, value in ((160, 0.5), (16, 0.25))]
    source = Waveforms(recordings, samples=16, segments=300)
    assert len(source) == 300
    x, targets = all_of(source)
    assert x.shape == (300, 16, 1)
    assert 0.02 < np.mean(targets[:, 0] == 0.25) < 0.2


def test_a_batch_depends_on_its_generator_alone():
    source = Waveforms(ramps(300, 200), samples=32)
    first, again, other = (source.batch(np.arange(6), rng(seed)) for seed in (3, 3, 4))
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


@pytest.mark.parametrize("loss", ["gaussian", "mixture", CrossEntropy(at="frames")])
def test_a_network_learns_a_tone(loss, tmp_path):
    y = (0.5 * np.sin(0.3 * np.arange(400))).astype(F32)
    classes = 16 if isinstance(loss, CrossEntropy) else None
    source = Waveforms([y], samples=64, context=8, classes=classes, segments=32)
    model = wl.WaveNet(1, classes or (2 if loss == "gaussian" else 3), residual_channels=8, skip_channels=8,
                       dilations=[1, 2, 4])  # fmt: skip
    options = {"loss": loss, "batch_size": 8, "lr": 0.02}
    rows = fit(model, source, source, epochs=12, folder=tmp_path, **options).rows
    assert rows[-1]["valid_loss"] < rows[0]["valid_loss"] - 0.5
    again = Waveforms([y], samples=64, context=8, classes=classes, segments=16)
    with pytest.raises(wl.ParameterError, match="must be 32"):
        fit(model, again, source, epochs=12, folder=tmp_path, **options)


GOOD = ramps(20, 30)


@pytest.mark.parametrize(("recordings", "options", "error", "part"), [
    ([], {}, wl.ParameterError, "recordings is empty"),
    (GOOD[0], {}, wl.ArrayTypeError, "recordings is one array"),
    (None, {}, wl.ArrayTypeError, "recordings is a NoneType; it must be a list of float32 arrays"),
    (GOOD, {"condition": 5}, wl.ArrayTypeError, "condition is a int; it must be a list of float32 arrays"),
    ([GOOD[0].astype(float)], {}, wl.ArrayTypeError, r"recordings\[0\] is a float64 array"),
    ([GOOD[0], GOOD[1][:0]], {}, wl.ParameterError, r"recordings\[1\] is empty"),
    ([GOOD[0] * 100], {}, wl.ParameterError, r"recordings\[0\] reaches 2"),
    ([GOOD[0][np.newaxis]], {}, wl.ParameterError, r"recordings\[0\] has shape \(1, 20\)"),
    ([GOOD[0] * F32(np.nan)], {}, wl.ParameterError, r"recordings\[0\] has infinities or NaN"),
    (GOOD, {"samples": 10, "hop_length": 4}, wl.ParameterError, "samples=10 must be a multiple of hop_length=4"),
    (GOOD, {"samples": 8, "hop_length": 4, "context": 2}, wl.ParameterError, "context=2 must be a multiple"),
    (GOOD, {"inputs": "class"}, wl.ParameterError, "inputs='class' needs classes"),
    (GOOD, {"inputs": "codes"}, wl.ParameterError, "inputs='codes' must be one of"),
    (GOOD, {"condition": frames(GOOD, 1)[:1]}, wl.ParameterError, "condition has 1 items; it must have 2"),
    (GOOD, {"condition": frames(GOOD, 2)}, wl.ParameterError, r"condition\[0\] has 10 frames; it must have 20"),
    (GOOD, {"condition": [np.zeros(3, F32), np.zeros(2, F32)]}, wl.ParameterError, r"condition\[1\] has shape"),
    (GOOD, {"segments": 0}, wl.ParameterError, "segments=0"),
])  # fmt: skip
def test_bad_recordings(recordings, options, error, part):
    with pytest.raises(error, match=part):
        Waveforms(recordings, **({"samples": 16, "hop_length": 1} | options))
