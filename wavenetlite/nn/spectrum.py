"""From a spectrum to samples: the inverse short-time Fourier transform, and Vocos' head."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from wavenetlite import nodes
from wavenetlite.graph import MOST_CHANNELS, Edge, Node
from wavenetlite.nn.convolution import Linear
from wavenetlite.nn.module import Module
from wavenetlite.support.arrays import Doubles, Floats
from wavenetlite.support.checks import one_of, positive_int
from wavenetlite.support.errors import ParameterError
from wavenetlite.support.fourier import roots_of_unity

MOST_MAGNITUDE = 100.0
"""Vocos clips magnitudes there."""

STFTPadding = Literal["same", "center"]


class InverseSTFT(Module):
    """The inverse short-time Fourier transform: each frame of a spectrum gives `hop_length` samples.

    The state of a stream is the last frames; what is not overlapped yet waits, and that is the latency.

    Parameters
    ----------
    n_fft
        Samples of a frame, even. The input has the real parts of the ``n_fft // 2 + 1`` bins, then the imaginary parts.
    hop_length
        Samples from one frame to the next, at most ``n_fft``.
    padding
        "center": ``torch.istft``'s output with ``center=True``: without the first and the last ``n_fft // 2`` samples,
        so that n frames give n - 1 hops. "same": Vocos's: without half of the overlap at both ends, so that n frames
        give n hops.

    Notes
    -----
    Parameter: ``window`` (n_fft,), initially Hann's, which is not trained. A sum of frames is divided by the sum of
    their squared windows, at the ends too, where there are fewer. Griffin and Lim, "Signal estimation from modified
    short-time Fourier transform", 1984.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.nn.InverseSTFT(8, 2, padding="same")(np.ones((5, 10), np.float32)).shape
    (10, 1)
    """

    def __init__(self, n_fft: int, hop_length: int, *, padding: STFTPadding = "center") -> None:
        self.n_fft = positive_int("n_fft", n_fft, MOST_CHANNELS // 2)
        self.hop_length = positive_int("hop_length", hop_length, self.n_fft)
        self.padding = one_of("padding", padding, ("same", "center"))
        if self.n_fft % 2 or (self.padding == "same" and self.hop_length % 2):
            raise ParameterError(f"n_fft={n_fft} and, with padding='same', hop_length={hop_length} must be even")
        self.in_channels, self.out_channels = self.n_fft + 2, 1

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"window": (self.n_fft,)}

    def draw(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return hann(self.n_fft)

    def build(self, x: Node, c: Node | None) -> Node:
        window = self.parameter("window")
        weight, one = self.basis(window)
        frames = nodes.Conv((Edge(x),), self.n_fft + 1, x.clock, (weight,), (1,), (one,))
        if self.padding == "same":
            return nodes.overlap_add(frames, window, self.hop_length, (self.n_fft - self.hop_length) // 2, 0)
        return nodes.overlap_add(frames, window, self.hop_length, self.n_fft // 2, 1)

    def basis(self, window: Floats) -> tuple[Floats, Floats]:
        """The inverse transform, times the window, as weights of a convolution, with a last output of 1."""
        known = self.__dict__.setdefault("_basis", {})
        if known.get("window") is not window:
            one = np.zeros(self.n_fft + 1, np.float32)
            weight = np.zeros((self.n_fft + 1, self.n_fft + 2, 1), np.float32)
            weight[:-1, :, 0] = inverse_transform(self.n_fft) * window[:, np.newaxis]
            one[-1] = 1
            known.update(window=window, arrays=(weight, one))
        arrays: tuple[Floats, Floats] = known["arrays"]
        return arrays

    def torch_forward(self, twin: Any, x: Any) -> Any:
        raise ParameterError("InverseSTFT has no counterpart in PyTorch that takes any length")


class ISTFTHead(Module):
    """Vocos's head: a matrix gives the logarithm of the magnitude and the phase of every bin, and they give samples.

    ``S = min(exp(m), 100) (cos p + i sin p)``, then `InverseSTFT`.

    Parameters
    ----------
    dim
        Input channels.
    n_fft, hop_length, padding
        As in `InverseSTFT`.

    Notes
    -----
    Parameters: ``out.weight`` (n_fft + 2, dim), ``out.bias`` (n_fft + 2,), ``istft.window`` (n_fft,): Vocos's. Siuzdak,
    "Vocos: Closing the gap between time-domain and Fourier-based neural vocoders", 2024.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> head = wl.nn.ISTFTHead(4, 16, 4, padding="same")
    >>> head(np.zeros((3, 4), np.float32)).shape, head.latency
    ((12, 1), 2)
    """

    def __init__(self, dim: int, n_fft: int, hop_length: int, *, padding: STFTPadding = "center") -> None:
        self.istft = InverseSTFT(n_fft, hop_length, padding=padding)
        self.out = Linear(dim, n_fft + 2)
        self.in_channels = self.dim = self.out.in_features
        self.n_fft, self.hop_length, self.padding = n_fft, hop_length, padding
        self.out_channels = 1

    def children(self) -> dict[str, Module]:
        return {"out": self.out, "istft": self.istft}

    def build(self, x: Node, c: Node | None) -> Node:
        x, bins = self.out.connect(x), self.n_fft // 2 + 1
        magnitude = nodes.activate(nodes.take(x, 0, bins), "exp")
        magnitude = nodes.activate(magnitude, "hardtanh", [0.0, MOST_MAGNITUDE])
        phase = nodes.take(x, bins, bins)
        parts = [nodes.multiply(magnitude, nodes.activate(phase, name)) for name in ("cos", "sin")]
        return self.istft.connect(nodes.concat(*parts))

    def torch_forward(self, twin: Any, x: Any) -> Any:
        return self.istft.torch_forward(twin, x)


def hann(n: int) -> Doubles:
    """Hann's window, periodic."""
    window: Doubles = 0.5 - 0.5 * roots_of_unity(n)[:, 0]
    return window


def inverse_transform(n: int) -> Doubles:
    """The inverse DFT of a real signal as a matrix (n, n + 2): of its bins' real parts, then of the imaginary ones."""
    roots = roots_of_unity(n)
    places = np.outer(np.arange(n), np.arange(n // 2 + 1)) % n
    share = np.full(n // 2 + 1, 2 / n)
    share[[0, -1]] = 1 / n
    matrix: Doubles = np.concatenate([roots[places, 0] * share, roots[places, 1] * share], axis=1)
    return matrix
