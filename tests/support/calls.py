"""Synthetic recordings with words in them: a tone that rises, one that falls, and tones that do neither."""

import json

import numpy as np

from wavenetlite import audio

SR = 8000
WORD_S = 0.3
WORDS = {"fall": (1800.0, 600.0), "rise": (600.0, 1800.0)}
OTHERS = {"high": (1800.0, 1800.0), "low": (600.0, 600.0)}


def tone(begin_hz, end_hz, rng):
    frequency = np.linspace(begin_hz, end_hz, round(WORD_S * SR)) * rng.uniform(0.9, 1.1)
    return 0.3 * np.sin(2 * np.pi * np.cumsum(frequency) / SR)


def recording(word, rng, duration_s=1.6):
    """A recording in which a word falls, or none; its samples, and when."""
    y = 0.005 * rng.standard_normal(round(duration_s * SR))
    begin_s = rng.uniform(0.4, duration_s - WORD_S - 0.4)
    at = round(begin_s * SR)
    y[at : at + round(WORD_S * SR)] += tone(*({**WORDS, **OTHERS}[word]), rng)
    return y.astype(np.float32), begin_s, begin_s + WORD_S


def write_calls(folder, count=40, speakers=8):
    """A folder with a manifest; every fourth recording holds no word, and the last two speakers are for "dev"."""
    rng = np.random.default_rng(0)
    lines = []
    kinds = ["fall", "rise", "fall", "rise", "high", "low"]
    for number in range(count):
        kind = kinds[number % len(kinds)]
        y, start_s, end_s = recording(kind, rng)
        audio.write(folder / f"{number:03}.flac", y, SR)
        speaker = number // len(kinds) % speakers
        known = kind in WORDS
        lines.append({
            "path": f"{number:03}.flac",
            "speaker": f"s{speaker}",
            "split": "dev" if speaker >= speakers - 2 else "train",
            "keyword": kind if known else None,
            "start_s": start_s if known else None,
            "end_s": end_s if known else None,
            "transcription": f"[beep] {kind}",
        })  # fmt: skip
    write_manifest(folder, lines)
    return lines


def write_manifest(folder, lines):
    (folder / "manifest.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
