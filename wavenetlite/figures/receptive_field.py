"""Figures of receptive fields, PNG or SVG."""

from __future__ import annotations

from collections.abc import Sequence

from wavenetlite.figures.heat_map import draw_map, map_size
from wavenetlite.figures.style import PathLike, heading, image_format, new_figure, save
from wavenetlite.figures.tree import draw_tree, tree_size
from wavenetlite.nn.module import Module
from wavenetlite.receptive_field.analysis import Analysis, analyse
from wavenetlite.support.errors import ParameterError

What = Analysis | Module | Sequence[Sequence[int | Sequence[int]]]


def plot_tree(what: What, path: PathLike, *, title: str | None = None) -> None:
    """Draw the tree of taps below one output: a row of frames for each layer, and the coverage below.

    The tree is that of the widest path (see :class:`Analysis`), along its first axis; the coverage below is that of the
    whole network. In a deep or wide network, overlapping lines are drawn as one.

    Parameters
    ----------
    what
        A network, a list of (kernel_size, dilation, stride), or an :class:`Analysis` of one.
    path
        Of the file, .png or .svg; an older one is replaced when the new one is complete.
    title
        Above the figure; None: the receptive field.

    Raises
    ------
    FigureError
        matplotlib is not installed, or the file cannot be written.
    ParameterError, ArrayTypeError
        The path has another ending, or `what` cannot be analysed.

    Examples
    --------
    >>> import os, tempfile
    >>> import wavenetlite as wl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "tree.png")
    ...     wl.figures.plot_tree([(2, 1, 1), (2, 2, 1), (2, 4, 1), (2, 8, 1)], path)
    ...     os.path.getsize(path) > 1000
    True
    """
    kind = image_format(path)
    analysis = checked_analysis(what)
    figure, size = new_figure(*tree_size(analysis))
    draw_tree(figure, size, analysis)
    heading(figure, title or headline(analysis), size)
    save(figure, path, kind)


def plot_coverage(what: What, path: PathLike, *, title: str | None = None) -> None:
    """Draw how often each input is read for one output: a heat map over two axes, bars over one.

    Parameters
    ----------
    what, path, title
        As in :func:`plot_tree`.

    Raises
    ------
    FigureError, ParameterError, ArrayTypeError
        As in :func:`plot_tree`.

    Examples
    --------
    >>> import os, tempfile
    >>> import wavenetlite as wl
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "coverage.svg")
    ...     wl.figures.plot_coverage([((3, 3), rate) for rate in (2, 2, 2)], path)
    ...     os.path.getsize(path) > 1000
    True
    """
    kind = image_format(path)
    analysis = checked_analysis(what)
    figure, size = new_figure(*map_size(analysis))
    draw_map(figure, size, analysis)
    heading(figure, title or headline(analysis), size)
    save(figure, path, kind)


def checked_analysis(what: What) -> Analysis:
    analysis = what if isinstance(what, Analysis) else analyse(what)
    if not analysis.coverage.size:
        raise ParameterError("the output does not depend on the input; there is nothing to draw")
    return analysis


def headline(analysis: Analysis) -> str:
    """What the figure shows, in a few words."""
    shape = " x ".join(f"{n:,}" for n in analysis.coverage.shape)
    field = f"the newest {shape}" if analysis.coverage.endless else shape
    holes = analysis.coverage.holes
    return f"Receptive field {field}: " + (f"{holes:,} holes" if holes else "no holes")
