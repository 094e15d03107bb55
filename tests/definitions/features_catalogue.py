"""Specs and signals that the tests of features share."""

import numpy as np
from hypothesis import strategies as st

from wavenetlite import features as F  # noqa: N812

SR = 16000


def noise(samples, seed=0, scale=0.1):
    return (scale * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def same_bits(a, b):
    return (
        a.shape == b.shape and a.dtype == b.dtype == np.float32 and bool((a.view(np.uint32) == b.view(np.uint32)).all())
    )


TIME = np.arange(SR) / SR
SIGNALS = {
    "noise": noise(SR),
    "quiet noise": noise(SR, scale=1e-6),
    "loud tone": (0.9 * np.sin(2 * np.pi * 440 * TIME)).astype(np.float32),
    "loud and soft tone": (0.9 * np.sin(2 * np.pi * 440 * TIME) + 1e-5 * np.sin(2 * np.pi * 5e3 * TIME)).astype(
        np.float32
    ),
    "clipped": np.clip(noise(SR, scale=3.0), -1, 1),
    "click": np.eye(1, SR, 300, dtype=np.float32)[0],
    "16 bits": (np.round(3000 * np.sin(2 * np.pi * 200 * TIME)) / 32768).astype(np.float32),
    "silence": np.zeros(SR, np.float32),
    "constant": np.full(SR, 0.5, np.float32),
}

MOMENTS = (np.linspace(-60, -20, 40), np.linspace(50, 150, 40))
SPECS = {
    "log mel": lambda: F.LogMel(),
    "log mel, centred": lambda: F.LogMel(center=True),
    "log mel, 25 ms, htk": lambda: F.LogMel(n_fft=400, win_length=320, n_mels=23, fmin=60, fmax=7600, htk=True),
    "mel": lambda: F.MelSpectrogram(power=1.0, n_mels=17),
    "spectrogram": lambda: F.Spectrogram(n_fft=256, hop_length=100),
    "odd frame, odd power": lambda: F.Spectrogram(n_fft=301, hop_length=77, power=0.7, center=True),
    "hop beyond the frame": lambda: F.Spectrogram(n_fft=64, hop_length=200, window=("kaiser", 5.0)),
    "hop beyond the frame, centred": lambda: F.LogMel(n_fft=128, hop_length=777, n_mels=8, center=True),
    "mfcc": lambda: F.MFCC(n_mfcc=13, lifter=22),
    "mfcc and deltas": lambda: F.MFCC(n_mfcc=13).then(F.Deltas(width=9, order=2)),
    "pcen": lambda: F.PCEN(),
    "pcen, centred": lambda: F.PCEN(center=True, power=2.0, bias=0.0, b=0.1),
    "micro front end": lambda: F.MicroFrontend(),
    "micro front end, 20 ms": lambda: F.MicroFrontend(win_length=321, hop_length=320, n_mels=23),
    "micro front end and deltas": lambda: F.MicroFrontend(log=False).then(F.RunningCMVN(), F.Deltas(width=5)),
    "block floor": lambda: F.LogMel(n_mels=20).then(F.BlockFloor(8, 30.0)),
    "block floor, short first": lambda: F.LogMel(n_mels=20).then(F.BlockFloor(8, 30.0, first=5), F.Deltas(width=5)),
    "openWakeWord": lambda: F.OpenWakeWordMel(),
    "openWakeWord, after ones": lambda: F.OpenWakeWordMel(start="ones", samples="unit"),
    "blocks": lambda: F.BlockSpectrogram(n_fft=64, block=96, context=16),
    "mu-law": lambda: F.MuLaw(),
    "mu-law codes": lambda: F.MuLaw(output="code"),
    "mu-law one hot": lambda: F.MuLaw(mu=15, output="one_hot"),
    "mean and variance": lambda: F.LogMel().then(F.MeanVariance(*MOMENTS)),
    "running": lambda: F.LogMel(center=True).then(F.RunningCMVN(window_frames=7)),
    "running mean": lambda: F.LogMel().then(F.RunningCMVN(window_frames=300, scale=False)),
    "auto gain": lambda: F.LogMel().then(F.AutoGain(range_db=40, fall_db=0.5)),
    "deltas without latency": lambda: F.LogMel().then(F.Deltas(width=5, lookahead_frames=0)),
    "chain": lambda: F.LogMel(center=True).then(
        F.MeanVariance(*MOMENTS), F.Deltas(), F.RunningCMVN(), F.Deltas(width=3)),
}  # fmt: skip

BLOCKS = st.lists(st.sampled_from([0, 1, 2, 7, 63, 64, 159, 160, 161, 511, 512, 513, 1600, 9000]), max_size=30)


def feed(stream, y, blocks):
    """The frames of a stream fed with `y` in blocks of those sizes, the rest at once; with the flush."""
    parts, at = [], 0
    for size in [*blocks, y.shape[-1]]:
        parts.append(stream.process(y[..., at : at + size]))
        at += size
    return np.concatenate([*parts, stream.flush()], axis=-2)
