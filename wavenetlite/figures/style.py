"""The common style of all figures: colours, blank figure, heading, and saving to a complete file or none.

The colours are Okabe and Ito's, which are safe for colour-blind readers. matplotlib (the extra ``figures``) is imported
when a figure is drawn, and pyplot's global state is not touched.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.support.arrays import Floats
from wavenetlite.support.atomic_files import replacing_path
from wavenetlite.support.errors import ArrayTypeError, ParameterError, WavenetliteError
from wavenetlite.support.optional import optional

PathLike = str | os.PathLike[str]

DPI = 130
INK, FAINT, RULE = "#222222", "#767676", "#d9d9d9"
BLUE, ORANGE = "#0072b2", "#d55e00"


class FigureError(WavenetliteError, RuntimeError):
    """matplotlib is missing, or the file cannot be written."""


def matplotlib(module: str = "matplotlib.figure") -> Any:
    """A module of matplotlib; raises FigureError if it is missing."""
    return optional(module, "figures", "a figure", FigureError)


def new_figure(width: float, height: float) -> tuple[Any, tuple[float, float]]:
    """A white figure of this size, inches, without pyplot."""
    mpl, agg = (matplotlib(module) for module in ("matplotlib.figure", "matplotlib.backends.backend_agg"))
    figure = mpl.Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    agg.FigureCanvasAgg(figure)
    return figure, (width, height)


def heading(figure: Any, text: str, size: tuple[float, float]) -> None:
    figure.text(0.3 / size[0], 1 - 0.3 / size[1], text, fontsize=13, weight="bold", color=INK, va="center")


def image_format(path: PathLike) -> str:
    """The format by the file's ending: png or svg."""
    if not isinstance(path, str | os.PathLike):
        raise ArrayTypeError(f"path is a {type(path).__name__}; it must be a string or a path")
    suffix = Path(path).suffix.lower()
    if suffix not in (".png", ".svg"):
        raise ParameterError(f"path={os.fspath(path)!r} must end in .png or .svg")
    return suffix[1:]


def save(figure: Any, path: PathLike, kind: str = "png") -> None:
    """Write a temporary file, then rename it. The same figure gives the same bytes."""
    import matplotlib as mpl

    if not isinstance(path, str | os.PathLike):
        raise ArrayTypeError(f"path is a {type(path).__name__}; it must be a string or a path")
    metadata = {"Date": None} if kind == "svg" else None
    try:
        with (
            replacing_path(path) as new,
            mpl.rc_context({"svg.hashsalt": "wavenetlite", "svg.fonttype": "none"}),
        ):
            figure.savefig(new, format=kind, dpi=DPI, metadata=metadata)
    except OSError as error:
        raise FigureError(f"{path}: cannot be written: {error.strerror or error}") from None


def text_inches(text: str) -> float:
    """Approximate width of a text of 10 points."""
    return 0.083 * len(text)


def rgb(colour: str) -> npt.NDArray[np.float64]:
    return np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def finite_array(name: str, values: npt.ArrayLike, dimensions: int) -> Floats:
    """The values as float32, if they are finite numbers."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise ArrayTypeError(f"{name} has dtype {array.dtype}; it must be of numbers")
    if array.ndim != dimensions:
        raise ParameterError(
            f"{name} has shape {array.shape}; it must have {dimensions} dimension{'s' * (dimensions > 1)}"
        )
    if not np.isfinite(array).all():
        raise ParameterError(f"{name} must be finite")
    return array.astype(np.float32)
