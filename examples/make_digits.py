"""Make digits spoken by synthetic voices, for training in addition to a few real speakers.

    python examples/make_digits.py [--out DIR] [--seed N]
    wavenetlite train fsdd --recipe digits --more digits

It needs the program espeak-ng, as make_commands.py does, whose voices, accents and vocal tracts it takes: each voice
with three accents, some 210 speakers, who say every digit once. ``DIGIT/SPEAKER_nohash_0.flac``, at 8 kHz, without a
room and without noise: training adds both.
"""

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np
from make_commands import ACCENTS, SR, VOICES, ProgramError, Speaker

from wavenetlite import audio

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
DIGITS_SR = 8000
ACCENTS_OF_A_VOICE = 3


def speakers(seed: int) -> list[Speaker]:
    """All voices; those of one voice differ in accent, size and pitch."""
    rng = np.random.default_rng([seed, 1])
    accents, cast = ACCENTS.split(), []
    for voice in " ".join(VOICES.values()).split():
        for accent in rng.choice(accents, ACCENTS_OF_A_VOICE, replace=False):
            size, pitch = round(float(rng.uniform(0.85, 1.2)), 3), int(rng.integers(20, 80))
            cast.append(Speaker(voice, str(accent), size, pitch))
    return cast


def make_digits(out: Path, cast: list[Speaker], seed: int) -> None:
    """Write the digits of all speakers into folder `out`, replacing those of an earlier run."""
    for digit in range(10):
        shutil.rmtree(out / str(digit), ignore_errors=True)
        (out / str(digit)).mkdir(parents=True)
    for speaker in cast:
        rng = np.random.default_rng([seed, 2, *speaker.name.encode()])
        for digit, word in enumerate(WORDS):
            y = audio.resample(speaker.says(word, rng).astype(np.float32), SR, DIGITS_SR)
            y *= np.float32(10 ** (rng.uniform(-28.0, -4.0) / 20) / np.abs(y).max())
            audio.write(out / str(digit) / f"{speaker.name}_nohash_0.flac", y, DIGITS_SR, subtype="PCM_16")
        if sys.stderr.isatty():
            print(f"\r{speaker.name:40}", end="", file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make spoken digits with espeak-ng.")
    parser.add_argument("--out", type=Path, default=Path("digits"), help="folder (digits)")
    parser.add_argument("--seed", type=int, default=0, help="of all that varies (0)")
    options = parser.parse_args(arguments)
    if shutil.which("espeak-ng") is None:
        print("make_digits: espeak-ng is not installed; Debian and Ubuntu: apt install espeak-ng", file=sys.stderr)
        return 1
    try:
        make_digits(options.out, speakers(options.seed), options.seed)
    except ProgramError as error:
        print(f"make_digits: {error}", file=sys.stderr)
        return 1
    if sys.stderr.isatty():
        print("\r" + 40 * " ", end="\r", file=sys.stderr)
    print(f"{len(list(options.out.rglob('*.flac')))} files in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
