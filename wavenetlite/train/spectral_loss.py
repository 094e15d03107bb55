"""The loss of networks that give samples: how far their spectra are from those wanted, at several resolutions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.checks import number, positive_int
from wavenetlite.support.errors import ParameterError
from wavenetlite.train.densities import checked
from wavenetlite.train.losses import Outcome, Targets

Spectra = npt.NDArray[np.complex128]
LEAST_POWER = 1e-10
"""Added to the power of each bin: below -100 dB magnitudes are not told apart."""
HOPS = 4
"""Of a window."""
QUIET = 1e-3
"""RMS of noise of -60 dB, to which the spectral convergence of quieter targets is relative: silent ones would swamp all
others."""


class SpectralLoss:
    """Multi-resolution distance of spectra.

    For each window length, with Hann's window and hops of a quarter of it: the sum of the spectral convergence
    ``norm(S - Y) / norm(S)`` and of the mean of ``abs(log(S) - log(Y))``, where S and Y are the magnitudes of a clip's
    target and output; then the mean over the lengths. It does not hear phases; `waveform` adds a term that does.

    Parameters
    ----------
    n_fft
        Window lengths, samples, each a multiple of 4.
    convergence, logarithm
        Weights of the two terms.
    waveform
        Weight of the mean of ``abs(target - output)`` over the samples.

    Notes
    -----
    Targets: float32, (clips, samples) or (clips, samples, 1); samples of NaN count as silence in the output too. An
    item is a clip, and none is ever "correct". The spectral convergence of a target quieter than noise of -60 dB is
    relative to such noise, so that silent clips do not swamp all others. Yamamoto et al., "Parallel WaveGAN", 2020,
    section 2.2; Arik et al., "Fast Spectrogram Inversion using Multi-head Convolutional Neural Networks", 2019.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> loss = wl.train.SpectralLoss(n_fft=[64])
    >>> y = np.sin(np.arange(400, dtype=np.float32)).reshape(1, 400, 1)
    >>> round(loss(y, y[..., 0], items=1).total, 6), round(loss(0.5 * y, y[..., 0], items=1).total, 2)
    (0.0, 1.19)
    """

    def __init__(
        self,
        n_fft: Sequence[int] = (128, 256, 512),
        *,
        convergence: float = 1.0,
        logarithm: float = 1.0,
        waveform: float = 0.0,
    ) -> None:
        if not isinstance(n_fft, list | tuple) or not n_fft:
            raise ParameterError(f"n_fft={n_fft!r} must be a list of window lengths")
        self.n_fft = [positive_int("n_fft", n, 65_536) for n in n_fft]
        if wrong := [n for n in self.n_fft if n % HOPS]:
            raise ParameterError(f"n_fft={wrong[0]} must be a multiple of {HOPS}")
        self.convergence = number("convergence", convergence, 0.0)
        self.logarithm = number("logarithm", logarithm, 0.0)
        self.waveform = number("waveform", waveform, 0.0)

    def items(self, targets: Targets) -> int:
        return len(targets)

    def __call__(self, y: Floats, targets: Targets, items: int) -> Outcome:
        if y.shape[2] != 1:
            raise ParameterError(f"output has {y.shape[2]} channels; it must have one, the samples")
        wanted, known = checked(targets, y.shape)
        given = np.where(known, y[..., 0], 0.0).astype(np.float64)
        difference = given - wanted
        total = self.waveform * np.abs(difference).mean(axis=1).sum()
        gradient = self.waveform * np.sign(difference) / y.shape[1]
        for n in self.n_fft:
            more, slope = self.at(given, wanted, n)
            total, gradient = total + more / len(self.n_fft), gradient + slope / len(self.n_fft)
        scaled: Any = (gradient * known / max(items, 1))[..., np.newaxis]
        return Outcome(float(total), scaled.astype(np.float32), 0.0, len(y))

    def at(self, given: Doubles, wanted: Doubles, n: int) -> tuple[float, Doubles]:
        """The two terms at one window length, summed over the clips, and their gradient by the samples."""
        window = np.hanning(n + 1)[:n]
        spectra = transformed(given, window)
        y, s = magnitudes(spectra), magnitudes(transformed(wanted, window))
        norm = np.sqrt(((s - y) ** 2).sum(axis=(1, 2), keepdims=True))
        logs, cells = np.log(y / s), y.shape[1] * y.shape[2]
        quiet = QUIET**2 * (window**2).sum() * cells
        scale = np.sqrt(np.maximum((s**2).sum(axis=(1, 2), keepdims=True), quiet))
        total = self.convergence * (norm / scale).sum() + self.logarithm * np.abs(logs).sum() / cells
        slope = self.convergence * (y - s) / (np.maximum(norm, LEAST_POWER) * scale)
        slope += self.logarithm * np.sign(logs) / (y * cells)
        return float(total), samples_gradient(slope / y * spectra, window, given.shape[1])


def transformed(y: Doubles, window: Doubles) -> Spectra:
    """Short-time spectra (clips, frames, bins) of rows of samples with silence around them."""
    n, hop = len(window), len(window) // HOPS
    padded = np.pad(y, ((0, 0), (n - hop, n - hop + -y.shape[1] % hop)))
    frames = np.lib.stride_tricks.sliding_window_view(padded, n, axis=1)[:, ::hop]
    made: Spectra = np.fft.rfft(frames * window)
    return made


def magnitudes(spectra: Spectra) -> Doubles:
    made: Doubles = np.sqrt(spectra.real**2 + spectra.imag**2 + LEAST_POWER)
    return made


def samples_gradient(slope: Spectra, window: Doubles, samples: int) -> Doubles:
    """The adjoint of `transformed`: the gradient by the samples, given those by real and imaginary parts."""
    n, hop = len(window), len(window) // HOPS
    halved = slope.copy()
    halved[..., 1:-1] /= 2  # the inverse transform takes these bins twice
    frames = np.fft.irfft(halved, n) * n * window
    clips, count, _ = frames.shape
    total = np.zeros((clips, count + HOPS - 1, hop))
    for k in range(HOPS):
        total[:, k : k + count] += frames[:, :, k * hop : (k + 1) * hop]
    gradient: Doubles = total.reshape(clips, -1)[:, n - hop : n - hop + samples]
    return gradient
