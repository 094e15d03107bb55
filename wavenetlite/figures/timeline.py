"""The detections of a classifier in a recording, as a PNG file."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.evaluation.report import Matches, field, match_events
from wavenetlite.figures.style import (
    BLUE,
    FAINT,
    INK,
    ORANGE,
    RULE,
    PathLike,
    finite_array,
    heading,
    new_figure,
    save,
    text_inches,
)
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ParameterError

SHADE, GREY_SHADE = "#e3eef7", "#f1f1f1"
RISE = 0.85
"""Height of probability 1, in rows."""
COLUMNS = 1800
"""Most columns of a waveform: about one per pixel."""


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
    """Draw the output of a classifier for a recording: waveform, features and probabilities on one time axis.

    Every label has a row, which its curve fills at probability 1. A detection is a disc on its row: blue, or orange if
    `truth` has no such word; a ring is a missed word.

    Parameters
    ----------
    path
        Of the PNG file; an older one is replaced when the new one is complete.
    audio
        (samples,).
    sr
        Its sample rate, Hz.
    log_mel
        Features, (frames, bins); stretched over the recording if their number is not that of `probabilities`.
    frame_times_s
        Times of the rows of `probabilities`, seconds, ascending, (n,).
    probabilities
        In 0..1, (n, labels).
    labels
        Names of the classes.
    events
        Detections: objects or mappings with `label`, `time_s` and `score`.
    truth
        What was said: objects or mappings with `label`, `start_s`, `end_s` and optionally `word`; None: unknown.
    background
        Labels that are not detected; their curves are grey.
    title
        Above the figure; None: the number of words found.

    Raises
    ------
    FigureError
        matplotlib is not installed, or the file cannot be written.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> from wavenetlite.figures import detections
    >>> rng = np.random.default_rng(0)
    >>> times = np.arange(1, 101) / 100
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "detections.png")
    ...     detections(path, rng.uniform(-1, 1, 16000), 16000, rng.standard_normal((100, 40)), times,
    ...                rng.dirichlet([1, 1], 100), ["yes", "no"], [{"label": "yes", "time_s": 0.5, "score": 0.9}])
    ...     os.path.getsize(path) > 1000
    True
    """
    y, rate = finite_array("audio", audio, 1), positive_int("sr", sr)
    mel = finite_array("log_mel", log_mel, 2)
    times = finite_array("frame_times_s", frame_times_s, 1)
    scores = finite_array("probabilities", probabilities, 2)
    if scores.shape != (len(times), len(labels)):
        wanted = f"({len(times)}, {len(labels)}), frame_times_s by labels"
        raise ParameterError(f"probabilities has shape {scores.shape}; it must be {wanted}")
    named = [(str(field(event, "label")), float(field(event, "time_s")), event) for event in events]
    unknown = sorted({label for label, _, _ in named} - set(labels))
    if unknown:
        raise ParameterError(f"events has the label {unknown[0]!r}; it must be one of labels")
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
    """Draw the highest and lowest sample of every column, so that no peak is lost."""
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
    floor = max(float(mel.min()), float(mel.max()) - 80.0)  # decibels; below is the floor of the logarithm
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
    """Discs for detections, with their scores; rings for missed words."""
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
    """Text beside a mark, with a white outline against the curves."""
    from matplotlib.patheffects import withStroke

    axes.annotate(text, (x, y), (7, -3), textcoords="offset points", fontsize=8.5, color=colour, zorder=6,
                  path_effects=[withStroke(linewidth=2.5, foreground="white")])  # fmt: skip


def draw_truth(
    panels: Sequence[Any], truth: Sequence[Any], background: Sequence[str], inches_per_second: float
) -> None:
    """Shade each word and write it on top, higher if there is no room beside the previous one."""
    ends = [-math.inf, -math.inf]
    for word in sorted(truth, key=lambda word: float(field(word, "start_s"))):
        start, end, label = field(word, "start_s"), field(word, "end_s"), str(field(word, "label"))
        known = label not in background
        for panel in (panels[0], panels[-1]):
            panel.axvspan(start, end, color=SHADE if known else GREY_SHADE, linewidth=0, zorder=0)
        name = str(word["word"]) if isinstance(word, Mapping) and "word" in word else label
        middle, half = (start + end) / 2, 0.55 * text_inches(name) / inches_per_second
        level = 0 if ends[0] <= middle - half or ends[0] <= ends[1] else 1
        ends[level] = middle + half
        look: dict[str, Any] = {"color": INK, "weight": "bold"} if known else {"color": FAINT}
        place = panels[0].get_xaxis_transform()
        panels[0].text(middle, 1.04 + 0.19 * level, name, transform=place, ha="center", fontsize=9.5, **look)


def finish_panel(axes: Any, duration: float, *, last: bool) -> None:
    axes.set_xlim(0, duration)
    axes.tick_params(length=3 if last else 0, labelsize=9, colors=INK, labelbottom=last, color=RULE)
    if last:
        axes.tick_params(axis="y", length=0, labelsize=10)
    axes.spines[:].set_visible(False)


def envelope(y: Floats) -> tuple[Floats, Floats, Floats]:
    """Lowest and highest sample of up to COLUMNS ranges, and where these begin."""
    starts = np.unique(np.linspace(0, len(y), min(len(y), COLUMNS), endpoint=False).astype(int))
    if not starts.size:
        return np.zeros(0, np.float32), np.zeros(0, np.float32), np.zeros(0, np.float32)
    low, high = np.minimum.reduceat(y, starts), np.maximum.reduceat(y, starts)
    return np.minimum(low, 0), np.maximum(high, 0), starts.astype(np.float32)


def nice(peak: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is at most `peak`."""
    power = 10.0 ** math.floor(math.log10(peak))
    return float(max(factor * power for factor in (1, 2, 5) if factor * power <= peak * (1 + 1e-9)))
