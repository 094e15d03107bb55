"""BlockSpectrogram: against its definition, in any blocks, and what is refused."""

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.features import BlockSpectrogram, from_config


def by_definition(y, n_fft, block, context):
    """Each block on its own, with a Fourier matrix."""
    padded = np.concatenate([np.zeros(context), y])
    turns = np.exp(-2j * np.pi * np.outer(np.arange(n_fft // 2 + 1), np.arange(n_fft)) / n_fft)
    window = np.sin(np.pi * np.arange(n_fft) / n_fft) ** 2
    frames = []
    for at in range(0, len(y) - block + 1, block):
        part = padded[at : at + block + context]
        part = np.pad(part, (0, context), "reflect") if context else part
        starts = range(0, len(part) - n_fft + 1, n_fft // 2)
        frames.append(np.concatenate([np.abs(turns @ (window * part[s : s + n_fft])) for s in starts]))
    return np.array(frames).reshape(len(frames), -1)


@pytest.mark.parametrize(("n_fft", "block", "context"), [(256, 512, 64), (128, 256, 32), (16, 24, 0), (16, 20, 10)])
def test_the_definition_whole_and_in_blocks(n_fft, block, context):
    y = np.random.default_rng(0).standard_normal(5 * block + 7).astype(np.float32)
    spec = BlockSpectrogram(sr=8000, n_fft=n_fft, block=block, context=context)
    whole = spec(y)
    assert whole.shape == (5, spec.out_channels) == (spec.frames(len(y)), spec.front_channels)
    np.testing.assert_allclose(whole, by_definition(y, n_fft, block, context), rtol=1e-5, atol=1e-5)
    stream = spec.stream()
    parts, at = [], 0
    for size in (0, 1, block - 1, 3, 2 * block, len(y)):
        parts.append(stream.process(y[at : at + size]))
        if at < block < at + size:
            other = spec.stream()
            other.restore(stream.snapshot())
            stream = other
        at += size
    assert (np.concatenate([*parts, stream.flush()]) == whole).all()
    both = spec(np.stack([y, y[::-1]]))
    assert (both[0] == whole).all() and (both[1] == spec(np.ascontiguousarray(y[::-1]))).all()
    assert (from_config(spec.config(), spec.state_dict())(y) == whole).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_fft": 255}, "n_fft=255 must be even"),
        ({"context": 512}, "context=512 must be less than block=512"),
        ({"block": 500}, "has 628 samples"),
        ({"n_fft": 1024}, "has 640 samples"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(wl.ParameterError, match=message):
        BlockSpectrogram(**options)


def test_a_damaged_snapshot_is_refused():
    spec = BlockSpectrogram()
    front = spec.front(0, "raise", "samples")
    front.process(np.zeros(700, np.float32))
    state = front.save()
    for bad in (b"", state[:-1], state + b"\0", state[:-4] + np.float32(np.nan).tobytes()):
        with pytest.raises(wl.SnapshotError):
            spec.front(0, "raise", "samples").load(bad)
