"""Draws the picture of the start page: the recording of examples/data, as the classifier of `make demo` hears it.

make demo && python docs/draw_start.py              writes docs/images/start.svg
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from drawing import BLUE, FAINT, INK, ORANGE, PALE_BLUE, RULE, WIDTH, axes, save

import wavenetlite as wl

ROOT = Path(__file__).resolve().parents[1]
RECORDING = ROOT / "examples/data/recording.flac"
CLASSIFIER = ROOT / "speech_classifier_output/commands.safetensors"
FROM_S, TO_S = 12.0, 24.0
COLUMNS = 400
"""Of the waveform, and half as many points of each curve."""
LEFT, BASE, ROW = 0.85, 0.75, 0.44


def heard(clf: wl.AudioClassifier) -> tuple[np.ndarray, np.ndarray, list]:
    """Times, probabilities and events of the recording, in blocks of 10 ms."""
    stream, times, probabilities, events = clf.stream(sr=clf.sr), [], [], []
    for block in [*wl.audio.blocks(RECORDING, clf.sr // 100), None]:
        events += stream.flush() if block is None else stream.process(block)
        times.append(stream.frame_times_s)
        probabilities.append(stream.probabilities.copy())
    return np.concatenate(times), np.concatenate(probabilities), events


def x_of(seconds: np.ndarray | float) -> np.ndarray | float:
    return LEFT + (WIDTH - LEFT - 0.2) * (np.asarray(seconds) - FROM_S) / (TO_S - FROM_S)


def draw(clf: wl.AudioClassifier) -> None:
    words = [label for label in clf.labels if label not in clf.background]
    said = [word for word in json.loads(RECORDING.with_suffix(".json").read_text()) if word["start_s"] >= FROM_S]
    times, probabilities, events = heard(clf)
    height = BASE + ROW * len(words) + 1.5
    ax, top = axes(height), BASE + ROW * len(words)
    audio, sr = wl.audio.read(RECORDING)
    part = audio[int(FROM_S * sr) : int(TO_S * sr)]
    parts = np.array_split(part, COLUMNS)
    edges = x_of(np.linspace(FROM_S, TO_S, COLUMNS))
    loudest = max(abs(part.min()), part.max())
    level = [np.array([one(piece) for piece in parts]) * 0.45 / loudest + top + 0.65 for one in (np.min, np.max)]
    ax.fill_between(edges, *level, color=FAINT, lw=0.3)
    for word in said:
        ax.axvspan(
            *x_of(np.array([word["start_s"], word["end_s"]])),
            BASE / height,
            (top + 1.1) / height,
            color=PALE_BLUE,
            zorder=0,
        )
        known = word["label"] not in clf.background
        ax.text(x_of((word["start_s"] + word["end_s"]) / 2), top + 1.2, word["word"], ha="center",
                color=INK if known else FAINT, weight="bold" if known else "normal")  # fmt: skip
    at_times = np.linspace(FROM_S, TO_S, COLUMNS // 2)
    for row, label in enumerate(words):
        base = top - ROW * (row + 1)
        ax.plot(x_of(np.array([FROM_S, TO_S])), [base, base], color=RULE, lw=0.8, zorder=1)
        curve = base + 0.36 * np.interp(at_times, times, probabilities[:, clf.labels.index(label)])
        ax.fill_between(x_of(at_times), base, curve, color=BLUE, alpha=0.3, lw=0)
        ax.plot(x_of(at_times), curve, color=BLUE, lw=0.9)
        ax.text(LEFT - 0.15, base + 0.14, label, ha="right", va="center", color=INK)
    for event in events:
        if FROM_S <= event.time_s <= TO_S:
            at, base = x_of(event.time_s), top - ROW * (words.index(event.label) + 1)
            right = any(w["label"] == event.label and w["start_s"] <= event.time_s <= w["end_s"] + 0.5 for w in said)
            ax.plot([at, at], [base, base + 0.36 * event.score], color=BLUE if right else ORANGE, lw=1.6, zorder=3)
            ax.plot(at, base + 0.36 * event.score, "o", ms=8, color=BLUE if right else ORANGE, mec="white", zorder=4)
    for second in range(int(FROM_S), int(TO_S) + 1, 2):
        ax.text(x_of(second), BASE - 0.1, f"{second}", ha="center", va="top", color=INK)
    ax.text(
        x_of((FROM_S + TO_S) / 2),
        0.1,
        "time, seconds; curves: probability, 0 to 1; discs: detections",
        ha="center",
        color=INK,
    )
    save(ax, "start")


if __name__ == "__main__":
    draw(wl.load(CLASSIFIER))
