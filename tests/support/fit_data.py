"""The toy problem of test_fit.py: which of three slow waves is in the noise."""

import numpy as np

import wavenetlite as wl

SETTINGS = {"epochs": 4, "batch_size": 8, "lr": 0.01, "ema": 0.9, "shards": 2, "seed": 5, "keep": "best"}


def data(items, seed=0, frames=20):
    """x (items, frames, 3), y (items,)."""
    rng = np.random.default_rng([seed, 1])
    y = np.arange(items) % 3
    waves = np.sin(np.arange(frames)[:, np.newaxis] * [0.3, 0.9, 1.7])
    x = 0.5 * rng.standard_normal((items, frames, 3)) + waves.T[y][:, :, np.newaxis]
    return x.astype(np.float32), y


def network(seed=0):
    nn = wl.nn
    return wl.Sequential(
        [nn.Conv1d(3, 8, 5), nn.BatchNorm(8), nn.Activation("relu"), nn.Dropout(0.1), nn.CumulativePool("mean"),
         nn.Linear(8, 3)], seed=seed)  # fmt: skip
