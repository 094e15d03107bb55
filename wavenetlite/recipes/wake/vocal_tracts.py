"""Another vocal tract for what is said: logarithms of envelopes, (frames, bins), with other formants and colours.

What tells synthesisers apart is drawn at random: durations, places and widths of formants, the colour, statistical
voices that are blurred in time, and jumps where recorded units are joined.
"""

from __future__ import annotations

import numpy as np

from wavenetlite.recipes.wake.envelopes import average
from wavenetlite.support.arrays import Doubles

RHYTHM, STRETCH = 0.28, 0.3
"""Standard deviation of the logarithm of the local speed, and range of that of the speed of all, to either side."""
FORMANTS = (0.82, 1.3)
"""Range of the factor by which formants move: most voices of programs are men's."""
UNEVEN_FORMANTS, WANDERING_FORMANTS = 0.06, 0.04
"""Standard deviations of the logarithm of what is added to it by frequency, and by time."""
WIDTHS = (0.5, 1.5)
"""Range of the factor of the height of formants above the spectrum around them, in logarithms."""
COLOUR, SLOPE, LEVEL = 0.9, 1.2, 0.5
"""Standard deviations of a smooth colour, of a slope over the spectrum and of a wandering level, logarithm of power."""
JOINS, JOIN_COLOUR = 0.4, 0.35
"""Share of the utterances that change where units are joined, and the standard deviation of that in colour."""
UNIT = (6, 25)
"""Frames of a unit."""
BLURRED, BLUR = 0.5, (2, 6)
"""Share of the utterances that are blurred in time, and over how many frames."""
POINTS = 8
"""Of a smooth colour, over the square root of the frequency: closer where hearing is."""


def wandering(count: int, every: float, deviation: float, rng: np.random.Generator) -> Doubles:
    """A curve with a drawn point every so many places, and lines between."""
    points = max(2, int(count // every) + 2)
    return np.interp(np.linspace(0, points - 1, count), np.arange(points), rng.normal(0.0, deviation, points))


def joins(count: int, values: int, deviation: float, rng: np.random.Generator) -> Doubles:
    """Values that jump from unit to unit, (count, values)."""
    made = np.zeros((count, values))
    at = 0
    while at < count:
        length = int(rng.integers(*UNIT))
        made[at : at + length] = rng.normal(0.0, deviation, values)
        at += length
    return made


def stretch(frames: Doubles, rng: np.random.Generator) -> Doubles:
    """The frames at another rhythm."""
    speed = np.exp(np.clip(wandering(len(frames), 14, RHYTHM, rng), -0.6, 0.6) + rng.uniform(-STRETCH, STRETCH))
    clock = np.cumsum(1 / speed)
    places = np.interp(np.arange(max(2, int(clock[-1]))), clock - clock[0], np.arange(len(frames)))
    low = places.astype(int)
    part = (places - low)[:, np.newaxis]
    made: Doubles = frames[low] * (1 - part) + frames[np.minimum(low + 1, len(frames) - 1)] * part
    return made


def move(log: Doubles, rng: np.random.Generator) -> Doubles:
    """With its formants elsewhere: by a factor that differs by frequency and wanders in time."""
    frames, bins = log.shape
    uneven = np.interp(np.linspace(0, 1, bins), [0, 0.15, 0.5, 1], rng.normal(0.0, UNEVEN_FORMANTS, 4))
    by_bin = rng.uniform(*np.log(FORMANTS)) + uneven
    by_frame = wandering(frames, 20, WANDERING_FORMANTS, rng)
    if rng.random() < JOINS:
        by_frame = by_frame + joins(frames, 1, WANDERING_FORMANTS, rng)[:, 0]
    return at_bins(log, np.arange(bins, dtype=np.float64) * np.exp(-by_bin - by_frame[:, np.newaxis]))


def at_bins(log: Doubles, places: Doubles) -> Doubles:
    """The values at places between bins, (frames, bins)."""
    last = log.shape[1] - 1
    places = np.minimum(places, last)
    low = places.astype(int)
    part = places - low
    rows = np.arange(len(log))[:, np.newaxis]
    made: Doubles = log[rows, low] * (1 - part) + log[rows, np.minimum(low + 1, last)] * part
    return made


def colour(log: Doubles, rng: np.random.Generator) -> Doubles:
    """With sharper or duller formants, in another colour, blurred in time or joined from units."""
    frames, bins = log.shape
    if rng.random() < BLURRED:
        log = blur(log, int(rng.integers(*BLUR)))
    smooth = average(log, 24)
    log = smooth + (log - smooth) * rng.uniform(*WIDTHS)
    colour = over_bins(rng.normal(0.0, COLOUR, (1, POINTS)), bins)
    if rng.random() < JOINS:
        colour = colour + over_bins(joins(frames, POINTS, JOIN_COLOUR, rng), bins)
    slope = rng.normal(0.0, SLOPE) * np.linspace(-1, 1, bins)
    made: Doubles = log + colour + slope + wandering(frames, 16, LEVEL, rng)[:, np.newaxis]
    return made


def blur(log: Doubles, over: int) -> Doubles:
    """The mean over so many frames."""
    padded = np.pad(log, ((over // 2 + 1, over - 1 - over // 2), (0, 0)), mode="edge")
    summed = np.cumsum(padded, axis=0)
    made: Doubles = (summed[over:] - summed[:-over]) / over
    return made


def over_bins(points: Doubles, bins: int) -> Doubles:
    """Smooth curves through some points, (curves, points) -> (curves, bins)."""
    at = np.sqrt(np.linspace(0, 1, bins)) * (points.shape[1] - 1)
    return at_bins(points, np.broadcast_to(at, (len(points), bins)))
