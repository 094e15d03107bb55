"""Figures of training and of detections, as PNG files; they need matplotlib (the extra ``figures``).

See :mod:`wavenetlite.figures.style` for what they share with other figures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.evaluation.report import Matches, checked_matrix, field, match_events
from wavenetlite.figures.style import (
    BLUE,
    FAINT,
    INK,
    ORANGE,
    RULE,
    PathLike,
    heading,
    new_figure,
    rgb,
    save,
    text_inches,
)
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError

SHADE, GREY_SHADE = "#e3eef7", "#f1f1f1"
MAX_CELL = 0.85
"""Inches; wider labels are written aslant."""
RISE = 0.85
"""Height of probability 1, in rows."""
WORDS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
LEAST_ALARMS, MOST_ALARMS, LEAST_REJECTS = 0.2, 100.0, 0.5
COLUMNS = 1800
"""Most columns that a waveform is drawn with: about one a pixel."""


# Confusion matrix


def confusion_matrix(matrix: npt.ArrayLike, labels: Sequence[str], path: PathLike, *, title: str | None = None) -> None:
    """Draw a confusion matrix: what was right in blue, what was confused in orange, the number of clips in each cell.

    Parameters
    ----------
    matrix
        Integers, (labels, labels): clips of the row's label that were taken for the column's.
    labels
        Names of the classes.
    path
        Of the PNG file; an older one is replaced when the new one is complete.
    title
        Above the figure; None: how many clips were right.

    Raises
    ------
    FigureError
        matplotlib is not installed, or the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> from wavenetlite.figures.speech import confusion_matrix
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "confusion.png")
    ...     confusion_matrix([[9, 1], [0, 12]], ["yes", "no"], path)
    ...     os.path.getsize(path) > 1000
    True
    """
    counts = checked_matrix(matrix, labels)
    n, said = len(labels), counts.sum(axis=1)
    shares = counts / np.maximum(said, 1)[:, None]
    widest = max(text_inches(label) for label in labels)
    slanted = widest > MAX_CELL
    cell = 0.5 if slanted else max(0.5, widest + 0.12)
    left, above, right = widest + 0.5, (0.6 + 0.75 * widest if slanted else 0.6), 1.35
    row_height = min(cell, 0.6)
    figure, size = new_figure(max(left + n * cell + right, 4.6), n * row_height + above + 0.95)
    axes = figure.add_axes((left / size[0], 0.3 / size[1], n * cell / size[0], n * row_height / size[1]))
    axes.imshow(cell_colours(shares), aspect="auto")
    for row in range(n):
        for column in range(n):
            draw_cell(axes, row, column, int(counts[row, column]), float(shares[row, column]))
        share = f"{100 * shares[row, row]:.0f} %" if said[row] else "none"
        axes.text(n - 0.5 + 0.62 / cell, row, share, va="center", ha="right", color=INK, fontsize=10)
        axes.text(n - 0.5 + 0.72 / cell, row, f"of {said[row]}", va="center", color=FAINT, fontsize=9)
    grid_lines(axes, n)
    slant = {"rotation": 45, "ha": "left", "rotation_mode": "anchor"} if slanted else {}
    axes.set_xticks(range(n), labels, fontsize=10, color=INK, **slant)
    axes.set_yticks(range(n), labels, fontsize=10, color=INK)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.text(0, 1 + (above - 0.22) / (n * row_height), "heard as", transform=axes.transAxes, fontsize=10, color=FAINT)
    axes.text(
        -0.07 / (n * cell),
        1 + 0.07 / (n * row_height),
        "said",
        transform=axes.transAxes,
        ha="right",
        fontsize=10,
        color=FAINT,
    )
    hits, total = int(counts.trace()), int(counts.sum())
    heading(figure, title or f"{hits} of {total} clips recognised ({100 * hits / max(total, 1):.1f} %)", size)
    save(figure, path)


def cell_colours(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """White to blue on the diagonal, white to orange beside it; (rows, columns, 3)."""
    diagonal = np.eye(len(shares), dtype=bool)
    strength = np.where(diagonal, shares, np.minimum(1.0, 0.12 + 1.6 * shares) * (shares > 0))[:, :, None]
    colours = np.where(diagonal[:, :, None], rgb(BLUE), rgb(ORANGE))
    return np.asarray(1 - strength * (1 - colours))


def draw_cell(axes: Any, row: int, column: int, clips: int, share: float) -> None:
    if clips == 0 and row != column:
        return
    dark = share > 0.5 if row == column else share > 0.3
    axes.text(column, row, str(clips), ha="center", va="center", fontsize=11, color="white" if dark else INK)


def grid_lines(axes: Any, n: int) -> None:
    for at in np.arange(-0.5, n):
        axes.axhline(at, color=RULE, linewidth=0.8)
        axes.axvline(at, color=RULE, linewidth=0.8)
    for side in axes.spines.values():
        side.set_visible(False)


# Detections


def detections(
    path: PathLike,
    audio: npt.ArrayLike,
    sr: int,
    log_mel: npt.ArrayLike,
    frame_times_s: npt.ArrayLike,
    probabilities: npt.ArrayLike,
    labels: Sequence[str],
    events: Sequence[Any],
    *,
    truth: Sequence[Any] | None = None,
    background: Sequence[str] = ("_silence_", "_unknown_"),
    title: str | None = None,
) -> None:
    """Draw what a classifier made of a recording: waveform, features and probabilities on one axis of time.

    Every label has a row, which its curve fills where its probability is 1. A detection is a disc on its row:
    blue, or orange where `truth` has no such word; a ring is a word that was missed.

    Parameters
    ----------
    path
        Of the PNG file; an older one is replaced when the new one is complete.
    audio
        (samples,).
    sr
        Its sample rate, Hz.
    log_mel
        Features, (frames, bins); spread over the recording where they are not as many as `probabilities`.
    frame_times_s
        Times of the rows of `probabilities`, seconds, ascending, (n,).
    probabilities
        In 0..1, (n, labels).
    labels
        Names of the classes.
    events
        Detections: objects or mappings with `label`, `time_s` and `score`.
    truth
        What was said: objects or mappings with `label`, `start_s` and `end_s`, and perhaps `word`; None: unknown.
    background
        Labels that are no detections; their curves are grey.
    title
        Above the figure; None: how many words were found.

    Raises
    ------
    FigureError
        matplotlib is not installed, or the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from wavenetlite.figures.speech import detections
    >>> rng = np.random.default_rng(0)
    >>> times = np.arange(1, 101) / 100
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "detections.png")
    ...     detections(path, rng.uniform(-1, 1, 16000), 16000, rng.standard_normal((100, 40)), times,
    ...                rng.dirichlet([1, 1], 100), ["yes", "no"], [{"label": "yes", "time_s": 0.5, "score": 0.9}])
    ...     os.path.getsize(path) > 1000
    True
    """
    y, rate = real("audio", audio, 1), positive_int("sr", sr)
    mel = real("log_mel", log_mel, 2)
    times = real("frame_times_s", frame_times_s, 1)
    scores = real("probabilities", probabilities, 2)
    if scores.shape != (len(times), len(labels)):
        wanted = f"({len(times)}, {len(labels)}), frame_times_s by labels"
        raise ParameterError(f"probabilities has shape {scores.shape}; it must be {wanted}")
    named = [(str(field(event, "label")), float(field(event, "time_s")), event) for event in events]
    unknown = sorted({label for label, _, _ in named} - set(labels))
    if unknown:
        raise ParameterError(f"events have the label {unknown[0]!r}; it must be one of labels")
    rows = [label for label in labels if label not in background] + [label for label in labels if label in background]
    matches = None if truth is None else match_events(truth, events, background=background)
    duration = max(len(y) / rate, 1e-3)
    heights = (0.95, 1.35, 0.42 * len(rows) + 0.3)
    figure, size = new_figure(
        min(18.0, max(9.0, 3.5 + 0.4 * duration)), sum(heights) + 1.6 + 0.37 * (truth is not None)
    )
    top, panels = size[1] - (0.75 if truth is None else 1.12), []
    for height in heights:
        top -= height
        panels.append(figure.add_axes((1.05 / size[0], top / size[1], 1 - 1.35 / size[0], height / size[1])))
        top -= 0.12
    draw_waveform(panels[0], y, rate)
    draw_log_mel(panels[1], mel, times, duration)
    draw_probabilities(panels[2], scores, times, labels, rows, background)
    draw_events(panels[2], named, rows, truth, matches)
    caption = "Below, the probability of each label, 0 to 1. Discs: detections, with their scores."
    if truth is not None:
        draw_truth(panels, truth, background, (size[0] - 1.35) / duration)
        caption += " Shaded: what was said."
    figure.text(0.3 / size[0], 1 - 0.56 / size[1], caption, fontsize=9.5, color=FAINT, va="center")
    for panel in panels:
        finish_panel(panel, duration, last=panel is panels[-1])
    heading(figure, title or (f"{len(named)} detections" if matches is None else str(matches)), size)
    save(figure, path)


def draw_waveform(axes: Any, y: Floats, rate: int) -> None:
    """Highest and lowest sample of every column, so that no peak is lost."""
    low, high, edges = envelope(y)
    axes.fill_between(edges / rate, low, high, color=FAINT, linewidth=0.4, step="post")
    peak = max(float(np.abs(y).max(initial=0.0)), 1e-4)
    axes.set_ylim(-1.1 * peak, 1.1 * peak)
    axes.set_yticks([-nice(peak), 0, nice(peak)])
    axes.set_ylabel("amplitude", fontsize=9, color=INK)


def draw_log_mel(axes: Any, mel: Floats, times: Floats, duration: float) -> None:
    if not mel.size:
        return
    start, end = (float(times[0]), float(times[-1])) if len(mel) == len(times) > 1 else (0.0, duration)
    floor = max(float(mel.min()), float(mel.max()) - 80.0)  # decibels: what lies deeper is the floor of the logarithm
    axes.imshow(mel.T, origin="lower", aspect="auto", extent=(start, end, 0, mel.shape[1]), cmap="magma", vmin=floor)
    axes.set_yticks([0, mel.shape[1]])
    axes.set_ylabel("mel band", fontsize=9, color=INK)


def draw_probabilities(
    axes: Any, scores: Floats, times: Floats, labels: Sequence[str], rows: Sequence[str], background: Sequence[str]
) -> None:
    for row, label in enumerate(rows):
        base = len(rows) - 1 - row
        curve = base + RISE * np.clip(scores[:, list(labels).index(label)], 0, 1)
        colour = "#b5b5b5" if label in background else BLUE
        axes.axhline(base, color=RULE, linewidth=0.8, zorder=1)
        axes.fill_between(times, base, curve, color=colour, alpha=0.35, linewidth=0, zorder=2)
        axes.plot(times, curve, color=colour, linewidth=0.9, zorder=3)
    axes.set_ylim(-0.12, len(rows) + 0.18)
    axes.set_yticks([len(rows) - 1 - row + 0.3 for row in range(len(rows))], rows, fontsize=10)
    for text, label in zip(axes.get_yticklabels(), rows, strict=True):
        text.set_color(FAINT if label in background else INK)
    axes.set_xlabel("time, seconds", fontsize=10, color=INK)


def draw_events(
    axes: Any,
    named: Sequence[tuple[str, float, Any]],
    rows: Sequence[str],
    truth: Sequence[Any] | None,
    matches: Matches | None,
) -> None:
    """Discs for detections, with their score; rings for the words that were missed."""
    base = {label: len(rows) - 1 - row for row, label in enumerate(rows)}
    false = set() if matches is None else set(matches.false)
    for n, (label, at, event) in enumerate(named):
        colour = ORANGE if n in false else BLUE
        score = float(field(event, "score"))
        height = base[label] + RISE * min(max(score, 0.0), 1.0)
        axes.plot([at, at], [base[label], height], color=colour, linewidth=1.2, zorder=4)
        axes.plot(at, height, "o", color=colour, markersize=7, markeredgecolor="white", zorder=5)
        text = f"{score:.2f}" + (" false alarm" if n in false else "")
        note(axes, text, at, height, colour)
    missed = [] if matches is None or truth is None else [truth[n] for n in matches.missed]
    for word in missed:
        label = str(field(word, "label"))
        if label in base:
            middle = (field(word, "start_s") + field(word, "end_s")) / 2
            axes.plot(middle, base[label] + 0.43, "o", markersize=7, markerfacecolor="none", markeredgecolor=ORANGE)
            note(axes, "missed", middle, base[label] + 0.43, ORANGE)


def note(axes: Any, text: str, x: float, y: float, colour: str) -> None:
    """Words beside a mark, with a white edge so that curves do not run through them."""
    from matplotlib.patheffects import withStroke

    axes.annotate(text, (x, y), (7, -3), textcoords="offset points", fontsize=8.5, color=colour, zorder=6,
                  path_effects=[withStroke(linewidth=2.5, foreground="white")])  # fmt: skip


def draw_truth(panels: Sequence[Any], truth: Sequence[Any], background: Sequence[str], inches_a_second: float) -> None:
    """Shades where a word is said, its name on top; a name that has no room beside the one before stands higher."""
    taken = [-math.inf, -math.inf]
    for word in sorted(truth, key=lambda word: float(field(word, "start_s"))):
        start, end, label = field(word, "start_s"), field(word, "end_s"), str(field(word, "label"))
        known = label not in background
        for panel in (panels[0], panels[-1]):
            panel.axvspan(start, end, color=SHADE if known else GREY_SHADE, linewidth=0, zorder=0)
        name = str(word["word"]) if isinstance(word, Mapping) and "word" in word else label
        middle, half = (start + end) / 2, 0.55 * text_inches(name) / inches_a_second
        level = 0 if taken[0] <= middle - half or taken[0] <= taken[1] else 1
        taken[level] = middle + half
        look: dict[str, Any] = {"color": INK, "weight": "bold"} if known else {"color": FAINT}
        place = panels[0].get_xaxis_transform()
        panels[0].text(middle, 1.04 + 0.19 * level, name, transform=place, ha="center", fontsize=9.5, **look)


def finish_panel(axes: Any, duration: float, *, last: bool) -> None:
    axes.set_xlim(0, duration)
    axes.tick_params(length=3 if last else 0, labelsize=9, colors=INK, labelbottom=last, color=RULE)
    if last:
        axes.tick_params(axis="y", length=0, labelsize=10)
    for side in axes.spines.values():
        side.set_visible(False)


def envelope(y: Floats) -> tuple[Floats, Floats, Floats]:
    """Lowest and highest sample of up to COLUMNS stretches, and where these begin."""
    starts = np.unique(np.linspace(0, len(y), min(len(y), COLUMNS), endpoint=False).astype(int))
    if not starts.size:
        return np.zeros(0, np.float32), np.zeros(0, np.float32), np.zeros(0, np.float32)
    low, high = np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)
    return np.minimum(low, 0), np.maximum(high, 0), starts.astype(np.float32)


def nice(peak: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is not above."""
    power = 10.0 ** math.floor(math.log10(peak))
    return float(max(factor * power for factor in (1, 2, 5) if factor * power <= peak * (1 + 1e-9)))


# Training


def training_curve(history: Sequence[Mapping[str, Any]], path: PathLike, *, title: str | None = None) -> None:
    """Draw loss, accuracy and learning rate by epoch.

    Parameters
    ----------
    history
        A mapping an epoch with `epoch` and any of `train_loss`, `valid_loss`, `train_accuracy`, `valid_accuracy` (0..1)
        and `lr`; values may be missing or None.
    path
        Of the PNG file; an older one is replaced when the new one is complete.
    title
        Above the figure; None: the best epoch.

    Raises
    ------
    FigureError
        matplotlib is not installed, or the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> from wavenetlite.figures.speech import training_curve
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "training.png")
    ...     training_curve([{"epoch": 1, "train_loss": 2.0}, {"epoch": 2, "train_loss": 1.0}], path)
    ...     os.path.getsize(path) > 1000
    True
    """
    rows = list(history)
    if not rows or not all(isinstance(row, Mapping) and "epoch" in row for row in rows):
        raise ParameterError(f"history={rows!r:.60} must be a mapping an epoch, with 'epoch'")
    panels = [
        ("loss", {"training": series(rows, "train_loss"), "validation": series(rows, "valid_loss")}),
        (
            "accuracy, %",
            {"training": series(rows, "train_accuracy", 100), "validation": series(rows, "valid_accuracy", 100)},
        ),
        ("learning rate", {"": series(rows, "lr")}),
    ]
    panels = [(name, curves) for name, curves in panels if any(len(x) for x, _ in curves.values())]
    if not panels:
        raise ParameterError("history has neither losses nor accuracies nor learning rates")
    best = best_epoch(rows)
    heights = [0.9 if name == "learning rate" else 2.1 for name, _ in panels]
    figure, size = new_figure(8.2, sum(heights) + 0.25 * len(panels) + 1.2)
    top = size[1] - 0.65
    for (name, curves), height in zip(panels, heights, strict=True):
        top -= height
        axes = figure.add_axes((0.95 / size[0], top / size[1], 1 - 2.15 / size[0], height / size[1]))
        top -= 0.25
        draw_curves(axes, name, curves, best)
        epochs = [float(row["epoch"]) for row in rows]
        finish_curves(axes, epochs, last=name == panels[-1][0])
    heading(figure, title or ("Training" if best is None else best_words(rows, best)), size)
    save(figure, path)


def series(rows: Sequence[Mapping[str, Any]], name: str, scale: float = 1.0) -> tuple[list[float], list[float]]:
    """Epochs and values of a column, where there are finite ones."""
    there = [row for row in rows if row.get(name) is not None and math.isfinite(row[name])]
    return [float(row["epoch"]) for row in there], [scale * float(row[name]) for row in there]


def best_epoch(rows: Sequence[Mapping[str, Any]]) -> float | None:
    """The first epoch of the highest validation accuracy."""
    epochs, values = series(rows, "valid_accuracy")
    return epochs[int(np.argmax(values))] if values else None


def best_words(rows: Sequence[Mapping[str, Any]], best: float) -> str:
    accuracy = max(series(rows, "valid_accuracy", 100)[1])
    return f"Best on the validation clips: {accuracy:.1f} % after epoch {best:g}"


def draw_curves(
    axes: Any, name: str, curves: Mapping[str, tuple[list[float], list[float]]], best: float | None
) -> None:
    """Lines with their names at their ends."""
    colours = {"training": FAINT, "validation": BLUE, "": INK}
    drawn = {label: curve for label, curve in curves.items() if curve[0]}
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
        axes.set_ylim(0, 1.08 * max(max(values) for _, values in drawn.values()) or 1)
    if name == "accuracy, %":
        axes.set_ylim(max(0, min(min(values) for _, values in drawn.values()) - 5), 101.5)
    if name == "learning rate":
        axes.set_ylim(0, 1.15 * max(drawn[""][1]) or 1)
    for label, height in spread(axes, drawn).items():
        axes.annotate(label, (1.0, height), (8, 0), xycoords="axes fraction", textcoords="offset points", va="center",
                      fontsize=10, color=colours[label])  # fmt: skip


def spread(axes: Any, drawn: Mapping[str, tuple[list[float], list[float]]]) -> dict[str, float]:
    """Heights of the lines' names, as parts of the axes: at the lines' ends, but not on each other."""
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
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(RULE)
    if last:
        axes.set_xlabel("epoch", fontsize=10, color=INK)


# Detection error trade-off


def det_curve(curves: Sequence[Any], path: PathLike, *, title: str | None = None) -> None:
    """Draw false rejects against false alarms per hour, a line for each word.

    Parameters
    ----------
    curves
        With `label`, `false_rejects` (0..1) and `false_alarms_per_hour`, both (points,): such as the values of what
        :func:`wavenetlite.evaluation.detections.curves` returns; the last one is drawn in black.
    path
        Of the PNG file; an older one is replaced when the new one is complete.
    title
        Above the figure; None: what the last curve has at one false alarm per hour.

    Raises
    ------
    FigureError
        matplotlib is not installed, or the file cannot be written.

    Notes
    -----
    Both axes are logarithmic; points without a false alarm, or without a false reject, lie on the edge.

    Examples
    --------
    >>> import os, tempfile, types
    >>> from wavenetlite.figures.speech import det_curve
    >>> curve = types.SimpleNamespace(label="go", false_rejects=[0.0, 0.1, 0.5], false_alarms_per_hour=[20.0, 2.0, 0.0])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "det.png")
    ...     det_curve([curve], path)
    ...     os.path.getsize(path) > 1000
    True
    """
    lines = [
        (field(curve, "label"), 100 * real("false_rejects", field(curve, "false_rejects"), 1),
         real("false_alarms_per_hour", field(curve, "false_alarms_per_hour"), 1)) for curve in curves
    ]  # fmt: skip
    if not lines:
        raise ParameterError("curves has no curve; it must have at least one")
    figure, size = new_figure(8.2, 5.6)
    axes = figure.add_axes((0.95 / size[0], 0.7 / size[1], 1 - 2.65 / size[0], 1 - 1.45 / size[1]))
    for at, (label, rejects, alarms) in enumerate(lines):
        last = at == len(lines) - 1
        axes.step(
            np.clip(alarms, LEAST_ALARMS, MOST_ALARMS), np.clip(rejects, LEAST_REJECTS, 100), where="pre", label=label,
            color=INK if last else WORDS[at % len(WORDS)], linewidth=2.4 if last else 1.6, zorder=4 if last else 3,
        )  # fmt: skip
    finish_det(axes)
    heading(figure, title or det_words(*lines[-1]), size)
    save(figure, path)


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
    for side in axes.spines.values():
        side.set_color(RULE)
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), frameon=False, fontsize=10, labelcolor=INK)


# All figures


def real(name: str, values: npt.ArrayLike, dimensions: int) -> Floats:
    """An array of finite numbers."""
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise ArrayTypeError(f"{name} has dtype {array.dtype}; it must be of numbers")
    if array.ndim != dimensions:
        raise ParameterError(
            f"{name} has shape {array.shape}; it must have {dimensions} dimension{'s' * (dimensions > 1)}"
        )
    if not np.isfinite(array).all():
        raise ParameterError(f"{name} must be finite everywhere")
    return array.astype(np.float32)
