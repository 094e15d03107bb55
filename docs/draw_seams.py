"""Draws what overlap-and-cut leaves at the seams: `python docs/draw_seams.py` writes docs/images/decoder-seams.svg."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
from drawing import BLUE, FAINT, INK, ORANGE, RULE, WIDTH, save

import wavenetlite as wl

nn = wl.nn
BANDS, CHANNELS, HOP, CHUNK, FRAMES = 40, 32, 16, 16, 64
OVERLAPS = {0: ORANGE, 2: "#b98ac9", 6: FAINT}
FLOOR_DB = -140.0


def decoder() -> nn.Module:
    """A small HiFi-GAN with random weights: 2 times 4 samples of a frame's, and residual blocks of two dilations."""

    def block(channels: int, kernel: int) -> list[nn.Module]:
        return [
            nn.Residual([nn.LeakyReLU(0.1), nn.Conv1d(channels, channels, kernel, dilation=d, padding="same")])
            for d in (1, 3)
        ]

    layers: list[nn.Module] = [nn.Conv1d(BANDS, CHANNELS, 7, padding="same")]
    channels = CHANNELS
    for _ in range(2):
        layers += [nn.LeakyReLU(0.1), nn.ConvTranspose1d(channels, channels // 2, 8, stride=4, padding="same")]
        channels //= 2
        layers.append(nn.Add([block(channels, kernel) for kernel in (3, 7)]))
    return wl.Sequential([*layers, nn.Conv1d(channels, 1, 7, padding="same"), nn.Tanh()], seed=1)


def overlap_and_cut(model: nn.Module, x: np.ndarray, overlap: int) -> np.ndarray:
    """Each chunk decoded alone, with so many frames more at both sides; of the result they are cut off."""
    made = []
    for first in range(0, len(x), CHUNK):
        before = min(overlap, first)
        y = model(x[first - before : first + CHUNK + overlap])
        made.append(y[before * HOP : (before + min(CHUNK, len(x) - first)) * HOP])
    return np.concatenate(made)


def streamed(model: nn.Module, x: np.ndarray) -> np.ndarray:
    stream = model.stream()
    made = [stream.process(x[first : first + CHUNK]) for first in range(0, len(x), CHUNK)]
    return np.concatenate([*made, stream.flush()])


def decibels(error: np.ndarray, scale: float) -> np.ndarray:
    return np.maximum(20 * np.log10(np.maximum(np.abs(error[:, 0]) / scale, 1e-12)), FLOOR_DB)


def main() -> None:
    model = decoder()
    x = np.cumsum(np.random.default_rng(3).standard_normal((FRAMES, BANDS)), axis=0).astype(np.float32) / 4
    whole = model(x)
    scale = float(np.sqrt((whole**2).mean()))
    _, ax = plt.subplots(figsize=(WIDTH, 3.6), layout="constrained")
    n = np.arange(len(whole)) / HOP
    for overlap, color in OVERLAPS.items():
        error = decibels(overlap_and_cut(model, x, overlap) - whole, scale)
        ax.plot(n, error, color=color, lw=1, label=f"chunks of {CHUNK} frames, overlap {overlap}")
    ours = streamed(model, x) - whole
    assert not ours.any()
    ax.plot(n, decibels(ours, scale), color=BLUE, lw=2.5, label="streamed by wavenetlite: 0, to the bit")
    for seam in range(CHUNK, FRAMES, CHUNK):
        ax.axvline(seam, color=RULE, lw=0.8, zorder=0)
    ax.set(xlabel="frame", ylabel="error, dB of the signal", ylim=(FLOOR_DB - 5, 45), xlim=(0, FRAMES))
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(colors=INK)
    ax.legend(frameon=False, fontsize=9, ncols=2, loc="upper center")
    save(ax, "decoder-seams")


if __name__ == "__main__":
    main()
