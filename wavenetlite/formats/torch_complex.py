"""Complex numbers in traces of PyTorch, and the inverse short-time Fourier transform, to which alone they may lead."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from wavenetlite.formats.format import UnsupportedError

HEAD = ("n_fft", "hop_length", "win_length", "window", "padding")
"""Attributes of a module that makes samples of a complex spectrum, as Vocos's ISTFT."""


class Complex(NamedTuple):
    """Names of the real and the imaginary part; None: zeros."""

    real: Any
    imaginary: Any


def product(t: Any, out: str, a: dict[str, Any], node: Any) -> Complex:
    """Of a real signal and i, or of a real signal and a complex one."""
    one, other = a["self"], a["other"]
    if isinstance(one, complex) or complex_of(t, one) is not None:
        one, other = other, one
    if other == 1j and complex_of(t, one) is None:
        return Complex(None, one)
    parts = complex_of(t, other)
    if parts is None or complex_of(t, one) is not None:
        raise UnsupportedError("multiplies complex numbers otherwise than by real ones")
    made = (part and t.note("Mul", f"{out}_{name}", one, part) for name, part in zip("ri", parts, strict=True))
    return Complex(*made)


def total(t: Any, out: str, a: dict[str, Any], node: Any) -> Complex:
    """Of a real part and an imaginary one."""
    one, other = (complex_of(t, a[name]) or Complex(a[name], None) for name in ("self", "other"))
    if a.get("alpha", 1) != 1 or (one.real is None) == (other.real is None):
        raise UnsupportedError("adds complex numbers otherwise than a real part and an imaginary one")
    real, imaginary = (one, other) if other.real is None else (other, one)
    if real.imaginary is not None or imaginary.imaginary is None:
        raise UnsupportedError("adds complex numbers otherwise than a real part and an imaginary one")
    return Complex(real.real, imaginary.imaginary)


def joined(t: Any, out: str, a: dict[str, Any], node: Any) -> Complex:
    return Complex(a["real"], a["imag"])


def polar(t: Any, out: str, a: dict[str, Any], node: Any) -> Complex:
    parts = (t.note(kind, f"{out}_{kind}", a["angle"]) for kind in ("Cos", "Sin"))
    return Complex(*(t.note("Mul", f"{out}_{name}", a["abs"], part) for name, part in zip("ri", parts, strict=True)))


def istft(t: Any, out: str, a: dict[str, Any], node: Any) -> str:
    """``torch.istft``."""
    n_fft, hop = a["n_fft"], a["hop_length"] or a["n_fft"] // 4
    if not a["center"] or a["normalized"] or a["onesided"] is False or a["length"] is not None or a["return_complex"]:
        raise UnsupportedError("must have center=True, normalized=False, onesided=True and no length")
    if (a["win_length"] or n_fft) != n_fft:
        raise UnsupportedError(f"has win_length={a['win_length']}; it must be n_fft={n_fft}")
    window = np.ones(n_fft, np.float32) if a["window"] is None else t.array(a["window"])
    return transformed(t, out, a["self"], window, hop, "center")


def inverse_stft(t: Any, out: str, a: dict[str, Any], node: Any) -> str:
    """Of a module, see `known_heads`."""
    return transformed(t, out, a["spectrum"], t.array(a["window"]), a["hop"], a["padding"])


def transformed(t: Any, out: str, spectrum: Any, window: np.ndarray, hop: int, padding: str) -> str:
    parts = complex_of(t, spectrum)
    if parts is None or None in parts:
        raise UnsupportedError("must be given a real part and an imaginary one")
    both = t.note("Concat", f"{out}_parts", *parts, axis=1)
    made = t.note("InverseSTFT", f"{out}_samples", both, window, hop_length=hop, padding=padding)
    return str(t.note("Squeeze", out, made, [1]))


def complex_of(t: Any, value: Any) -> Complex | None:
    """The parts of a value, if it is complex."""
    known = t.names.get(value) if type(value).__name__ == "Node" else None
    return known if isinstance(known, Complex) else None


OPERATORS = {
    "mul": product, "add": total, "complex": joined, "polar": polar, "istft": istft,
    "wavenetlite::inverse_stft": inverse_stft,
}  # fmt: skip
"""By ATen's names, where complex numbers are read or made."""


@contextmanager
def known_heads(module: Any) -> Iterator[None]:
    """Meanwhile modules like Vocos's ISTFT are one operator: their own code looks at values, which no trace can."""
    children = ((one, name, child) for one in module.modules() for name, child in one._modules.items())
    places = [place for place in children if is_head(place[2])]
    try:
        for one, name, child in places:
            one._modules[name] = stand_in()(child)
        yield
    finally:
        for one, name, child in places:
            one._modules[name] = child


def is_head(module: Any) -> bool:
    return (
        all(hasattr(module, name) for name in HEAD)
        and module.padding in ("same", "center")
        and getattr(module.window, "ndim", 0) == 1
        and module.win_length == module.n_fft == len(module.window)
    )


@cache
def stand_in() -> Any:
    """The class of the modules that stand in for such heads."""
    import torch

    def traced_only(spectrum: Any, window: Any, hop: int, padding: str) -> Any:
        raise NotImplementedError

    schema = "(Tensor spectrum, Tensor window, int hop, str padding) -> Tensor"
    inverse = torch.library.custom_op("wavenetlite::inverse_stft", traced_only, mutates_args=(), schema=schema)

    @inverse.register_fake
    def shape(spectrum: Any, window: Any, hop: int, padding: str) -> Any:
        frames = spectrum.shape[-1] - (padding == "center")
        return window.new_empty((spectrum.shape[0], frames * hop))

    class StandIn(torch.nn.Module):
        def __init__(self, head: Any) -> None:
            super().__init__()
            self.register_buffer("window", head.window.detach().clone())
            self.hop, self.padding = head.hop_length, head.padding

        def forward(self, spectrum: Any) -> Any:
            return inverse(spectrum, self.window, self.hop, self.padding)

    return StandIn
