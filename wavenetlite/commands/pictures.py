"""Options that name a picture: whether it can be drawn is told before the work."""

from __future__ import annotations

import argparse

from wavenetlite.figures.style import image_format, matplotlib
from wavenetlite.support.errors import ParameterError


def picture(path: str) -> str:
    """The name of a file that is drawn at the end; raises FigureError if matplotlib is missing."""
    matplotlib()
    return path


def png_or_svg(path: str) -> str:
    """The same of one of two formats."""
    try:
        image_format(path)
    except ParameterError:
        raise argparse.ArgumentTypeError(f"{path} must end in .png or .svg") from None
    return picture(path)
