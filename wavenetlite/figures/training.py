"""Loss, accuracy and learning rate by epoch, as a PNG file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wavenetlite.figures.style import BLUE, FAINT, INK, RULE, PathLike, heading, new_figure, save
from wavenetlite.support.errors import ParameterError

History = Sequence[Mapping[str, Any]]
Curve = tuple[list[float], list[float]]


def training_curve(
    history: History,
    path: PathLike,
    *,
    kept: int | None = None,
    title: str | None = None,
    members: Sequence[History] = (),
    refined: bool = False,
) -> None:
    """Draw loss, accuracy and learning rate by epoch.

    Parameters
    ----------
    history
        One mapping per epoch, with `epoch` and any of `train_loss`, `valid_loss`, `train_accuracy`, `valid_accuracy`
        (0..1) and `lr`; values may be missing or None.
    path
        Of the PNG file; an older one is replaced when the new one is complete.
    kept
        The epoch whose weights are kept, which is marked; None: the best on the validation clips.
    title
        Above the figure; None: the accuracy of that epoch.
    members
        Histories of the other networks whose mean is the model; drawn thinly.
    refined
        Whether the kept weights were refined by further epochs, which are not drawn; then the title says so.

    Raises
    ------
    ParameterError
        A history is empty, or the first has no losses, accuracies or learning rates.
    FigureError
        matplotlib is not installed, or the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> from wavenetlite.figures import training_curve
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "training.png")
    ...     training_curve([{"epoch": 1, "train_loss": 2.0}, {"epoch": 2, "train_loss": 1.0}], path)
    ...     os.path.getsize(path) > 1000
    True
    """
    rows, others = checked("history", history), [checked("members", other) for other in members]
    thin = [panels_of(other) for other in others]
    panels = [(name, curves) for name, curves in panels_of(rows).items() if any(len(x) for x, _ in curves.values())]
    if not panels:
        raise ParameterError("history has neither losses nor accuracies nor learning rates")
    best = best_epoch(rows) if kept is None else float(kept)
    heights = [0.9 if name == "learning rate" else 2.1 for name, _ in panels]
    figure, size = new_figure(8.2, sum(heights) + 0.25 * len(panels) + 1.2)
    top = size[1] - 0.65
    for (name, curves), height in zip(panels, heights, strict=True):
        top -= height
        axes = figure.add_axes((0.95 / size[0], top / size[1], 1 - 2.15 / size[0], height / size[1]))
        top -= 0.25
        draw_curves(axes, name, curves, best, [other[name] for other in thin])
        epochs = [float(row["epoch"]) for one in [rows, *others] for row in one]
        finish_curves(axes, epochs, last=name == panels[-1][0])
    heading(figure, title or of_several(1 + len(others)) + marked_words(rows, best, kept is not None, refined), size)
    save(figure, path)


def checked(name: str, history: History) -> list[Mapping[str, Any]]:
    """The epochs of a history."""
    rows = list(history)
    if not rows or not all(isinstance(row, Mapping) and "epoch" in row for row in rows):
        raise ParameterError(f"{name}={rows!r:.60} must be one mapping per epoch, with 'epoch'")
    return rows


def panels_of(rows: History) -> dict[str, dict[str, Curve]]:
    """The curves of each panel, by label."""
    return {
        "loss": {"training": series(rows, "train_loss"), "validation": series(rows, "valid_loss")},
        "accuracy, %": {
            "training": series(rows, "train_accuracy", 100),
            "validation": series(rows, "valid_accuracy", 100),
        },
        "learning rate": {"": series(rows, "lr")},
    }


def series(rows: History, name: str, scale: float = 1.0) -> Curve:
    """Epochs and values of a column, without missing and non-finite ones."""
    there = [row for row in rows if row.get(name) is not None and math.isfinite(row[name])]
    return [float(row["epoch"]) for row in there], [scale * float(row[name]) for row in there]


def best_epoch(rows: History) -> float | None:
    """The first epoch of the highest validation accuracy."""
    epochs, values = series(rows, "valid_accuracy")
    return epochs[int(np.argmax(values))] if values else None


def of_several(networks: int) -> str:
    """How the title begins where several networks were trained."""
    return f"First of {networks} networks. " if networks > 1 else ""


def marked_words(rows: History, epoch: float | None, kept: bool, refined: bool) -> str:
    accuracy = dict(zip(*series(rows, "valid_accuracy", 100), strict=True)).get(epoch or 0.0)
    if accuracy is None:
        fate = "refined" if refined else "kept"
        return "Training" if epoch is None else f"Training; the weights after epoch {epoch:g} are {fate}"
    which = "Before it was refined" if refined else "Kept" if kept else "Best"
    return f"{which}: {accuracy:.1f} % of validation clips after epoch {epoch:g}"


def draw_curves(
    axes: Any, name: str, curves: Mapping[str, Curve], best: float | None, thin: Sequence[Mapping[str, Curve]]
) -> None:
    """Lines, labelled at their ends; `thin`, the same of other networks, without labels."""
    colours = {"training": FAINT, "validation": BLUE, "": INK}
    drawn = {label: curve for label, curve in curves.items() if curve[0]}
    others = [(label, curve) for other in thin for label, curve in other.items() if curve[0]]
    for label, (x, values) in others:
        axes.plot(x, values, color=colours[label], linewidth=0.7, alpha=0.6, zorder=2)
    every = [values for _, values in [*drawn.values(), *(curve for _, curve in others)]]
    if best is not None:
        axes.axvline(best, color=BLUE, linewidth=0.8, linestyle=(0, (2, 2)), zorder=1)
    for label, (x, values) in drawn.items():
        axes.plot(
            x, values, color=colours[label], linewidth=1.8, marker="o" if len(x) < 3 else None, markersize=5, zorder=3
        )
        if label == "validation" and best in x and "accuracy" in name:
            axes.plot(best, values[x.index(best)], "o", color=BLUE, markersize=7, markeredgecolor="white", zorder=4)
    axes.set_ylabel(name, fontsize=10, color=INK)
    if name == "loss":
        axes.set_ylim(0, 1.08 * max(map(max, every)) or 1)
    if name == "accuracy, %":
        axes.set_ylim(max(0, min(map(min, every)) - 5), 101.5)
    if name == "learning rate":
        axes.set_ylim(0, 1.15 * max(map(max, every)) or 1)
    for label, height in spread(axes, drawn).items():
        axes.annotate(label, (1.0, height), (8, 0), xycoords="axes fraction", textcoords="offset points", va="center",
                      fontsize=10, color=colours[label])  # fmt: skip


def spread(axes: Any, drawn: Mapping[str, Curve]) -> dict[str, float]:
    """Heights of the lines' labels, as fractions of the axes: at the lines' ends, without overlap."""
    low, high = axes.get_ylim()
    ends = {label: (values[-1] - low) / (high - low) for label, (_, values) in drawn.items() if label}
    if len(ends) == 2:
        first, second = ends
        gap, middle = ends[first] - ends[second], (ends[first] + ends[second]) / 2
        if abs(gap) < 0.1:
            ends = {first: middle + math.copysign(0.05, gap), second: middle - math.copysign(0.05, gap)}
    return ends


def finish_curves(axes: Any, epochs: Sequence[float], *, last: bool) -> None:
    from matplotlib.ticker import FixedLocator, MaxNLocator

    first, final = min(epochs), max(epochs)
    axes.yaxis.set_label_coords(-0.085, 0.5)
    axes.set_xlim(first - 0.5 * (first == final), final + 0.5 * (first == final))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=12) if first < final else FixedLocator([first]))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=5 if not last else 2, steps=[1, 2, 5, 10]))
    axes.grid(axis="y", color=RULE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=9, colors=INK, labelbottom=last)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    if last:
        axes.set_xlabel("epoch", fontsize=10, color=INK)
