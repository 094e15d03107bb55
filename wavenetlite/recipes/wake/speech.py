"""Speech of programs: made in parallel, at one sample rate, without silence around it, and kept on disk."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from wavenetlite import audio
from wavenetlite.recipes.wake.programs import TIMEOUT_S, Program, SpeechError, Voice, run
from wavenetlite.support.arrays import Floats
from wavenetlite.support.digests import digest
from wavenetlite.support.errors import WavenetliteError
from wavenetlite.support.progress import Progress
from wavenetlite.support.threads import in_threads

SR = 16000
PIECE_MS = 10
BELOW_PEAK_DB = 40.0
"""Speech begins and ends where a piece is at most this much softer than the loudest one."""
MARGIN_MS = 20
MOST_S = 20.0
LEAST_S = 0.1
MOST_FAILED = 0.5
"""Share of the utterances of a program that may fail."""
VERSION = 2
"""Of what is kept; another one is made anew."""


@dataclass(frozen=True)
class Utterance:
    """A text to be said: by whom, and how; speed and pitch are factors."""

    text: str
    voice: Voice
    speed: float = 1.0
    pitch: float = 1.0


class Speech:
    """Speaks by programs, and keeps what was said.

    Parameters
    ----------
    programs
        By name.
    folder
        Where the recordings are kept, FLAC, named by a digest of text, voice, speed and pitch; created if missing.
    timeout_s
        After which a program that still runs is ended.
    """

    def __init__(
        self, programs: Mapping[str, Program], folder: str | os.PathLike[str], *, timeout_s: float = TIMEOUT_S
    ) -> None:
        self.programs, self.folder, self.timeout_s = dict(programs), Path(folder), timeout_s

    def say(self, utterance: Utterance) -> Floats:
        """float32, (samples,) at 16 kHz, from the beginning to the end of the speech; at most 20 s.

        Raises
        ------
        SpeechError
            The program failed, hung, or said nothing.
        """
        kept = self.folder / f"{digest(asdict(utterance), VERSION)}.flac"
        if not kept.exists():
            audio.write(kept, self.speak(utterance), SR, clip=True)
        return audio.read(kept)[0]

    def speak(self, utterance: Utterance) -> Floats:
        voice = utterance.voice
        program = self.programs[voice.program]
        with tempfile.TemporaryDirectory(prefix=".saying-", dir=self.folder) as folder:
            path = Path(folder) / "speech.wav"
            call = program.call(voice.name, utterance.text, path, utterance.speed, utterance.pitch)
            try:
                run(call, self.timeout_s)
            except SpeechError as error:
                raise SpeechError(f"{voice}: {utterance.text!r}: {error}") from None
            try:
                y, sr = audio.read(path, mono="mean")
            except (WavenetliteError, OSError) as error:
                raise SpeechError(f"{voice}: {utterance.text!r} gave no recording: {error}") from None
        y = trim(y if sr == SR else audio.resample(y, sr, SR))[: round(MOST_S * SR)]
        if len(y) < LEAST_S * SR:
            raise SpeechError(f"{voice}: {utterance.text!r} gave only silence")
        return y

    def say_all(
        self, utterances: Sequence[Utterance], *, threads: int = 1, progress: Progress | None = None
    ) -> tuple[list[Floats | None], list[str]]:
        """What `say` gives for each, None for those that failed; and why they did, a line for each.

        Raises
        ------
        SpeechError
            More than half of the utterances of a program failed.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        made: list[Floats | None] = []
        problems: list[str] = []
        failed, last = Counter[str](), dict[str, str]()
        for one in in_threads(self.try_to_say, utterances, threads, name="voices"):
            if isinstance(one, str):
                program = utterances[len(made)].voice.program
                failed[program] += 1
                last[program] = one
                problems.append(one)
            made.append(None if isinstance(one, str) else one)
            if progress is not None:
                progress(len(made), len(utterances))
        asked = Counter(utterance.voice.program for utterance in utterances)
        for program, count in failed.items():
            if count > MOST_FAILED * asked[program]:
                raise SpeechError(
                    f"{count} of {asked[program]} utterances of {program} failed; the last: {last[program]}"
                )
        return made, problems

    def try_to_say(self, utterance: Utterance) -> Floats | str:
        try:
            return self.say(utterance)
        except SpeechError as error:
            return str(error)


def trim(y: Floats) -> Floats:
    """The signal without silence at its ends, scaled to a peak of 0.5; empty if it is silent."""
    size = SR * PIECE_MS // 1000
    pieces = np.pad(y, (0, -len(y) % size)).reshape(-1, size)
    power = np.einsum("ij,ij->i", pieces, pieces)
    loudest = float(power.max(initial=0.0))
    if loudest <= 0.0:
        return y[:0]
    speech = np.flatnonzero(power >= loudest * 10 ** (-BELOW_PEAK_DB / 10))
    margin = SR * MARGIN_MS // 1000
    part = y[max(0, int(speech[0]) * size - margin) : (int(speech[-1]) + 1) * size + margin]
    return part * np.float32(0.5 / max(float(np.abs(part).max()), 1e-9))
