"""The detection error trade-off, as a PNG file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wavenetlite.evaluation.report import field
from wavenetlite.figures.style import INK, RULE, PathLike, finite_array, heading, new_figure, save
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError

WORDS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
LEAST_ALARMS, MOST_ALARMS, LEAST_REJECTS = 0.2, 100.0, 0.5


def det_curve(curves: Sequence[Any], path: PathLike, *, title: str | None = None) -> None:
    """Draw false rejects against false alarms per hour, one line per word.

    Parameters
    ----------
    curves
        With `label`, `false_rejects` (0..1) and `false_alarms_per_hour`, both (points,), such as the values that
        :func:`wavenetlite.evaluation.det.curves` returns; the last one is drawn in black.
    path
        Of the PNG file; an older one is replaced when the new one is complete.
    title
        Above the figure; None: the false rejects of the last curve at one false alarm per hour.

    Raises
    ------
    FigureError
        matplotlib is not installed, or the file cannot be written.

    Notes
    -----
    A line shows, for each rate of false alarms, the fewest false rejects of all thresholds with no more alarms: it
    never rises. Both axes are logarithmic; points without a false alarm, or without a false reject, lie on the edge;
    what has more than 100 false alarms per hour is not shown.

    Examples
    --------
    >>> import os, tempfile, types
    >>> from wavenetlite.figures import det_curve
    >>> curve = types.SimpleNamespace(label="go", false_rejects=[0.0, 0.1, 0.5], false_alarms_per_hour=[20.0, 2.0, 0.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "det.png")
    ...     det_curve([curve], path)
    ...     os.path.getsize(path) > 1000
    True
    """
    lines = [
        (field(curve, "label"), 100 * finite_array("false_rejects", field(curve, "false_rejects"), 1),
         finite_array("false_alarms_per_hour", field(curve, "false_alarms_per_hour"), 1)) for curve in curves
    ]  # fmt: skip
    lines = [(label, *operating_points(rejects, alarms)) for label, rejects, alarms in lines]
    if not lines:
        raise ParameterError("curves is empty; it must have at least one")
    figure, size = new_figure(8.2, 5.6)
    axes = figure.add_axes((0.95 / size[0], 0.7 / size[1], 1 - 2.65 / size[0], 1 - 1.45 / size[1]))
    for at, (label, rejects, alarms) in enumerate(lines):
        last = at == len(lines) - 1
        axes.step(
            np.maximum(alarms, LEAST_ALARMS), np.clip(rejects, LEAST_REJECTS, 100), where="pre", label=label,
            color=INK if last else WORDS[at % len(WORDS)], linewidth=2.4 if last else 1.6, zorder=4 if last else 3,
        )  # fmt: skip
    finish_det(axes)
    heading(figure, title or det_words(*lines[-1]), size)
    save(figure, path)


def operating_points(rejects: Floats, alarms: Floats) -> tuple[Floats, Floats]:
    """The points by descending alarms, each with the fewest rejects of all that have no more alarms."""
    order = np.lexsort((rejects, alarms))
    return np.minimum.accumulate(rejects[order])[::-1], alarms[order][::-1]


def det_words(label: str, rejects: Floats, alarms: Floats) -> str:
    few = rejects[alarms <= 1]
    return f"{label}: {few.min():.1f} % false rejects at 1 false alarm per hour" if few.size else str(label)


def finish_det(axes: Any) -> None:
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(LEAST_ALARMS, MOST_ALARMS)
    axes.set_ylim(LEAST_REJECTS, 100)
    for axis, ticks in ((axes.xaxis, (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100)), (axes.yaxis, (1, 2, 5, 10, 20, 50, 100))):
        axis.set_major_locator(FixedLocator(ticks))
        axis.set_minor_locator(NullLocator())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlabel("false alarms per hour", fontsize=10, color=INK)
    axes.set_ylabel("false rejects, %", fontsize=10, color=INK)
    axes.grid(color=RULE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=9, colors=INK)
    axes.spines[:].set_color(RULE)
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False, fontsize=10, labelcolor=INK)
