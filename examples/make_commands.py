"""Make the corpus of spoken commands in examples/data with the speech synthesiser espeak-ng.

    python examples/make_commands.py [--out DIR] [--seed N]

It needs the program espeak-ng (https://github.com/espeak-ng/espeak-ng; Debian and Ubuntu: apt install espeak-ng). With
the same versions of espeak-ng, numpy, soxr and libsndfile the files are the same byte for byte.

The layout is that of Google's Speech Commands: ``WORD/SPEAKER_nohash_N.flac``, one second each, 16 kHz, 16 bit, and two
lists of the files for validation and for testing; all others are for training. A speaker is a voice of espeak-ng with
an accent and a size of the vocal tract; no voice is in two parts. ``recording.flac`` is a longer
recording by another voice, with its words and their times in ``recording.json``.

To keep the files small, speech has nine to ten bits of resolution and no noise between the words (training adds noise),
and noise is stored as coarsely as its level allows: FLAC does not spend bytes on bits that are always zero.
"""

import argparse
import io
import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import soundfile

from wavenetlite import audio

SR = 16000
COMMANDS = ["yes", "no", "up", "down", "left", "right", "stop", "go"]
OTHERS = """
bed bird cat dog happy house marvin sheila tree wow backward forward follow learn visual zero one two three four five
six seven eight nine off light yellow open close ready water paper music window monday"""
UNKNOWN, SILENCE = "_unknown_", "_silence_"

ACCENTS = "en-us en-gb en-gb-scotland en-gb-x-rp en-029 en-us-nyc en-gb-x-gbclan en-gb-x-gbcwmd"
# espeak-ng's voices (its "variants"), but for robots, demons, voices that are hard to understand, and those whose first
# two formants no vocal tract gives (moved apart by half).
VOICES = {
    "train": """
m1 f1 m2 f2 m3 f3 m6 m8 adam Alex Andrea antonio aunty benjamin boris caleb ed edward edward2 Gene Gene2 grandma
Henrique Hugo iven iven3 john klatt klatt3 klatt5 marcelo Mario michel Mike Nguyen pablo paul quincy rob sandro steph
steph3 victor whisper""",
    "validation": "m4 f4 belinda david Denis gustave iven2 klatt2 linda miguel robert",
    "testing": "m7 f5 Annie anika Diogo grandpa klatt4 max Michael norbert pedro Marco",
}
RECORDING_VOICE = "m5"

SPEAKERS_OF_A_VOICE = {"train": 2, "validation": 1, "testing": 1}
ROOMS = {"train": range(40), "validation": range(40, 48), "testing": range(48, 58)}
LEVELS = 320  # steps from zero to the peak of a word


class ProgramError(Exception):
    """espeak-ng failed."""


@dataclass(frozen=True)
class Speaker:
    """A voice of espeak-ng with an accent and a size: above 1, a longer vocal tract and a lower voice."""

    voice: str
    accent: str
    size: float
    pitch: int

    @cached_property
    def name(self) -> str:
        """The part of a file's name before ``_nohash_``."""
        return f"{self.voice}-{self.accent}".lower()

    def says(self, word: str, rng: np.random.Generator) -> np.ndarray:
        """A word as this speaker says it this time, (samples,) at 16 kHz, peak 1, without silence around it."""
        rate, pitch = rng.integers(115, 190), np.clip(self.pitch + rng.integers(-12, 13), 0, 99)
        mark, span = rng.choice(["", "?", "!", ","]), rng.integers(40, 181)
        while True:
            dry = trimmed(espeak(f"{self.accent}+{self.voice}", rate, pitch, f"{word}{mark}", span, self.size))
            if len(dry) <= 0.8 * SR:
                return dry / np.abs(dry).max()
            rate += 25


def espeak(voice: str, rate: int, pitch: int, text: str, span: int, size: float) -> np.ndarray:
    """What espeak-ng says, at 16 kHz; `rate` in words per minute, `span` in percent of the usual range of pitch."""
    command = ["espeak-ng", "-m", "-z", "--stdout", "-v", voice, "-s", str(rate), "-p", str(pitch)]
    spoken = f'<speak><prosody range="{span}%">{text}</prosody></speak>'
    done = subprocess.run([*command, spoken], capture_output=True, check=False)
    if done.returncode != 0 or not done.stdout:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise ProgramError(f"espeak-ng has no voice {voice}, or failed: {said or 'it said nothing'}")
    y, sr = soundfile.read(io.BytesIO(done.stdout), dtype="float32")
    return audio.resample(y, round(sr / size), SR)


def trimmed(y: np.ndarray, below_db: float = 36.0) -> np.ndarray:
    """The part of a signal from its first to its last sample within `below_db` of its peak."""
    loud = np.flatnonzero(np.abs(y) > np.abs(y).max() * 10 ** (-below_db / 20))
    return y[loud[0] : loud[-1] + 1]


def in_a_room(y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The signal behind a microphone (its tone smoothly coloured, up to 5 dB) and, half the time, in a small room."""
    if rng.random() < 0.5:
        decay_s, level_db = rng.uniform(0.06, 0.25), rng.uniform(-18.0, -9.0)
        t = np.arange(int(decay_s * SR)) / SR
        tail = rng.standard_normal(len(t)) * 10 ** (-3 * t / decay_s)
        tail *= 10 ** (level_db / 20) / np.sqrt(np.sum(tail**2))
        tail[: int(0.002 * SR)] = 0
        tail[0] = 1
        y = convolved(y, tail)
    return coloured(y, rng.uniform(-5, 5, 5), [0, 300, 1000, 3000, 8000])


def convolved(y: np.ndarray, response: np.ndarray) -> np.ndarray:
    n = len(y) + len(response) - 1
    return np.fft.irfft(np.fft.rfft(y, n) * np.fft.rfft(response, n), n)


def coloured(y: np.ndarray, gains_db: np.ndarray, at_hz: list[float]) -> np.ndarray:
    """The signal through a filter of these gains, decibels, with straight lines between them."""
    gains = 10 ** (np.interp(np.fft.rfftfreq(2 * len(y), 1 / SR), at_hz, gains_db) / 20)
    return np.fft.irfft(np.fft.rfft(y, 2 * len(y)) * gains)[: len(y)]


def coarse(y: np.ndarray, step: float) -> np.ndarray:
    """The signal rounded to multiples of `step`, itself rounded down to a power of two of 16-bit steps."""
    step = 2.0 ** max(np.floor(np.log2(step * 32768)), 0) / 32768
    return (np.round(y / step) * step).astype(np.float32)


def clip_of(word: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One second with a word in it, at a place and a level that vary; the end of a reverberation may be cut."""
    wet = in_a_room(word, rng)[: SR - SR // 20]
    start = rng.integers(0, SR - SR // 20 - min(len(wet), len(word)) + 1)
    y = np.zeros(SR)
    y[start : start + len(wet)] = wet[: SR - start]
    peak = 10 ** (rng.uniform(-20.0, -2.0) / 20)
    return coarse(y * (peak / np.abs(y).max()), peak / LEVELS)


def noise_of_a_room(seconds: float, rng: np.random.Generator) -> np.ndarray:
    """What a room sounds like when nobody speaks, rms 1: noise of some colour, perhaps a fan, a hum, taps."""
    n = int(seconds * SR)
    slope = rng.uniform(-7.0, 0.0)  # decibels per octave
    octaves = np.log2(np.maximum([0, 60, 125, 250, 500, 1000, 2000, 4000, 8000], 30) / 1000)
    bumps = rng.uniform(-4, 4, 9)
    y = coloured(rng.standard_normal(n), slope * octaves + bumps, [0, 60, 125, 250, 500, 1000, 2000, 4000, 8000])
    y /= y.std()
    t = np.arange(n) / SR
    if rng.random() < 0.4:  # a fan turns
        y *= 1 + rng.uniform(0.2, 0.6) * np.sin(2 * np.pi * rng.uniform(2, 9) * t)
    if rng.random() < 0.4:  # the mains hum
        f = rng.choice([50, 60]) * (1 + rng.uniform(-0.01, 0.01))
        y += sum(rng.uniform(0, 1.5) / k * np.sin(2 * np.pi * (k * f * t + rng.random())) for k in (1, 2, 3, 5))
    if rng.random() < 0.3:  # somebody types
        for at in rng.integers(0, n - 800, rng.integers(1, 1 + int(5 * seconds))):
            y[at : at + 800] += rng.uniform(3, 10) * rng.standard_normal(800) * np.exp(-np.arange(800) / 90)
    return y / y.std()


def speakers(seed: int) -> dict[str, list[Speaker]]:
    """Speakers of each part; those of one voice differ in accent, size and pitch."""
    rng = np.random.default_rng([seed, 1])
    accents, parts = ACCENTS.split(), {}
    for part, voices in VOICES.items():
        used = [voice for voice in voices.split() for _ in range(SPEAKERS_OF_A_VOICE[part])]
        spoken = [accents[(i + i // len(accents)) % len(accents)] for i in range(len(used))]
        parts[part] = [
            Speaker(voice, accent, round(float(rng.uniform(0.92, 1.08)), 3), int(rng.integers(30, 71)))
            for voice, accent in zip(used, spoken, strict=True)
        ]
    return parts


def make_words(out: Path, part: str, cast: list[Speaker], seed: int) -> list[str]:
    """Every speaker says every command and two other words; the names of the files."""
    names = []
    for speaker in cast:
        rng = np.random.default_rng([seed, 2, *speaker.name.encode()])
        others = [str(word) for word in rng.choice(OTHERS.split(), 2, replace=False)]
        for word in [*COMMANDS, *others]:
            name = f"{word}/{speaker.name}" if word in COMMANDS else f"{UNKNOWN}/{word}_{speaker.name}"
            name = f"{name}_nohash_0.flac"
            audio.write(out / name, clip_of(speaker.says(word, rng), rng), SR, subtype="PCM_16")
            names.append(name)
        if sys.stderr.isatty():
            print(f"\r{part:10}  {speaker.name:28}", end="", file=sys.stderr, flush=True)
    return names


def make_silence(out: Path, part: str, seed: int) -> list[str]:
    """Rooms in which nobody speaks; the names of the files."""
    names = []
    for number in ROOMS[part]:
        rng = np.random.default_rng([seed, 3, number])
        level = 10 ** (rng.uniform(-66.0, -34.0) / 20)
        name = f"{SILENCE}/room{number:02}_nohash_0.flac"
        audio.write(out / name, coarse(np.clip(level * noise_of_a_room(1.0, rng), -1, 1), level), SR, subtype="PCM_16")
        names.append(name)
    return names


def make_recording(out: Path, seed: int) -> None:
    """Commands and other words with pauses in between, in one room; their times do not count the room's tail."""
    rng = np.random.default_rng([seed, 4])
    speaker = Speaker(RECORDING_VOICE, "en-us", 1.0, 45)
    script = [*COMMANDS, *rng.choice(COMMANDS, 4, replace=False), *rng.choice(OTHERS.split(), 6, replace=False)]
    script = [str(word) for word in rng.permutation(script)]
    at, words, y = 1.2, [], np.zeros(60 * SR)
    for word in script:
        dry = speaker.says(word, rng)
        start = int(at * SR)
        y[start : start + len(dry)] += dry * 10 ** (rng.uniform(-8.0, 0.0) / 20)
        end_s = (start + len(dry)) / SR
        label = word if word in COMMANDS else UNKNOWN
        words.append({"label": label, "word": word, "start_s": round(start / SR, 3), "end_s": round(end_s, 3)})
        at = end_s + rng.uniform(0.5, 1.3)
    y = in_a_room(y[: int((at + 0.4) * SR)], rng)[: int((at + 0.4) * SR)]
    y *= 0.35 / np.abs(y).max()
    noise = 10 ** (-54 / 20)
    y = coarse(y + noise * noise_of_a_room(len(y) / SR, np.random.default_rng([seed, 5])), noise)
    audio.write(out / "recording.flac", y, SR, subtype="PCM_16")
    lines = ",\n".join("  " + json.dumps(word) for word in words)
    (out / "recording.json").write_text(f"[\n{lines}\n]\n")


def make_corpus(out: Path, seed: int) -> None:
    """Write the corpus into folder `out`, replacing that of an earlier run."""
    for label in [*COMMANDS, UNKNOWN, SILENCE]:
        shutil.rmtree(out / label, ignore_errors=True)
        (out / label).mkdir(parents=True)
    for part, cast in speakers(seed).items():
        names = [*make_words(out, part, cast, seed), *make_silence(out, part, seed)]
        if part != "train":
            (out / f"{part}_list.txt").write_text("".join(f"{name}\n" for name in sorted(names)))
    make_recording(out, seed)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make the corpus of spoken commands with espeak-ng.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "data", help="folder (examples/data)")
    parser.add_argument("--seed", type=int, default=0, help="random seed (0)")
    options = parser.parse_args(arguments)
    if shutil.which("espeak-ng") is None:
        print("make_commands: espeak-ng is not installed; Debian and Ubuntu: apt install espeak-ng", file=sys.stderr)
        return 1
    try:
        make_corpus(options.out, options.seed)
    except ProgramError as error:
        print(f"make_commands: {error}", file=sys.stderr)
        return 1
    if sys.stderr.isatty():
        print("\r" + 40 * " ", end="\r", file=sys.stderr)
    files = list(options.out.rglob("*.flac"))
    print(f"{len(files)} files, {sum(file.stat().st_size for file in files) / 1e6:.2f} MB in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
