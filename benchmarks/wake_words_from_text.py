"""``python -m benchmarks.wake_words_from_text CLASSIFIER... --talk FOLDER``: wake words on voices and talk new to them.

Of classifiers that ``wavenetlite wake-word`` made from voices of other people (``--voices espeak-ng,mbrola,pico``; of
RHVoice's, Slt is the same person as flite's slt): how many of 118 clips of each phrase they hear, which flite's and
festival's English voices say at many speeds and pitches, each alone in faint noise; and how many false alarms an hour
they raise in talk, a row for each folder. With the threshold that each run chose, and, as the threshold moves, at no
more than `--rate` alarms an hour in the first folder: that one nobody knows beforehand.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import argparse
import json
import tempfile
from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import wavenetlite as wl
from wavenetlite.classifier import AudioClassifier
from wavenetlite.corpora.background import read_background
from wavenetlite.evaluation.alarms import AROUND_S, FAINT, listen_to_background, words_of
from wavenetlite.evaluation.det import Curve, curves, outcomes
from wavenetlite.evaluation.scores import ConcatenatedScores, ReferenceEvent, ScoredRecording, scored
from wavenetlite.recipes.wake.choice import known_programs
from wavenetlite.recipes.wake.programs import Voice
from wavenetlite.recipes.wake.speech import SR, Speech, Utterance
from wavenetlite.support.arrays import Floats

SPEEDS = {"flite": (0.8, 0.9, 1.0, 1.12, 1.25), "festival": tuple(np.geomspace(0.75, 1.35, 18).round(3).tolist())}
PITCHES = {"flite": (0.85, 1.0, 1.15, 1.3), "festival": (1.0,)}
"""festival's voice, of recorded units, keeps its pitch."""


def utterances(phrase: str) -> list[Utterance]:
    """A phrase by every voice at every speed and pitch: five voices of flite and one of festival make 118."""
    programs = known_programs()
    voices = [voice for name in SPEEDS for voice in programs[name].voices("en")]
    return [Utterance(phrase, Voice(one.program, one.name), speed, pitch) for one in voices
            for speed, pitch in product(SPEEDS[one.program], PITCHES[one.program])]  # fmt: skip


def clips(clf: AudioClassifier, phrase: str, speech: Speech) -> list[ScoredRecording]:
    """The scores of each utterance, named by its voice, in faint noise: a second before it and a second after."""
    rng, made = np.random.default_rng(0), []
    asked = utterances(phrase)
    for one, y in zip(asked, speech.say_all(asked)[0], strict=True):
        if y is not None:
            found = scored(str(one.voice), clf, [in_noise(y, rng)])
            said = ReferenceEvent(phrase, AROUND_S, AROUND_S + len(y) / SR)
            made.append(replace(found, said=(said,), anywhere=True))
    return made


def in_noise(y: Floats, rng: np.random.Generator) -> Floats:
    around = round(AROUND_S * SR)
    noise = FAINT * rng.standard_normal(len(y) + 2 * around)
    noise[around : around + len(y)] += y
    return np.clip(noise, -1.0, 1.0).astype(np.float32)


def results(
    clf: AudioClassifier, talk: dict[str, ScoredRecording], speech: Speech, rates: list[float]
) -> dict[str, Any]:  # fmt: skip
    """Figures of each phrase."""
    made = {}
    for phrase in words_of(clf):
        said = clips(clf, phrase, speech)
        others = [label for label in clf.labels if label != phrase]
        threshold = clf.detector.thresholds.get(phrase, clf.detector.threshold)
        own = clf.detector.replace(threshold=threshold, thresholds={})
        heard, *rest = (ConcatenatedScores(some, clf.labels, clf.frame_rate)
                        for some in (said, *([one] for one in talk.values())))  # fmt: skip
        now = outcomes(heard, own, [phrase], others)[phrase]
        alarms = [outcomes(one, own, [phrase], others)[phrase].alarms for one in rest]
        both = [curves(some, own, [phrase], others, together=False)[phrase] for some in (heard, rest[0])]
        made[phrase] = {
            "clips": now.words, "threshold": threshold, "found": now.found,
            "false_alarms_per_hour": {name: round(count / (one.duration_s / 3600), 2)
                                      for (name, one), count in zip(talk.items(), alarms, strict=True)},
            "by_voice": by_voice(heard, own, others), "on_the_curve": [best(*both, rate) for rate in rates],
        }  # fmt: skip
    return made


def best(said: Curve, talk: Curve, rate: float) -> dict[str, Any]:
    """The lowest threshold with so few alarms: that, how many clips it finds, and its alarms an hour."""
    few = [at for at, per_hour in enumerate(talk.false_alarms_per_hour) if per_hour <= rate]
    at = few[0] if few else len(talk.thresholds) - 1
    return {"threshold": round(float(said.thresholds[at]), 4), "found": said.outcomes[at].found,
            "false_alarms_per_hour": round(float(talk.false_alarms_per_hour[at]), 2)}  # fmt: skip


def by_voice(heard: ConcatenatedScores, detector: Any, others: list[str]) -> dict[str, str]:
    """How many clips of each voice are found."""
    found = heard.events(detector, others)
    hits = Counter(one.name for number, one in enumerate(heard.recordings) if number in found)
    return {name: f"{hits[name]}/{count}" for name, count in Counter(one.name for one in heard.recordings).items()}


def line(name: str, phrase: str, one: dict[str, Any]) -> str:
    alarms = ", ".join(f"{key} {value:g}" for key, value in one["false_alarms_per_hour"].items())
    count = max(one["clips"], 1)
    curve = ", ".join(f'at {at["threshold"]:.3f} {100 * at["found"] / count:.1f} % at {at["false_alarms_per_hour"]:g}'
                      for at in one["on_the_curve"])  # fmt: skip
    return (f'{name} "{phrase}": threshold {one["threshold"]:.2f} hears {100 * one["found"] / count:.1f} %'
            f' of {one["clips"]}, alarms an hour {alarms}; on the curve {curve}')  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.wake_words_from_text", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("classifiers", nargs="+", metavar="CLASSIFIER", help="classifier.safetensors of wake-word")
    parser.add_argument("--talk", action="append", required=True, metavar="FOLDER", help="in which no phrase is said")
    parser.add_argument("--rate", type=float, action="append", metavar="N", help="false alarms an hour (default: 0.5)")
    parser.add_argument("--speech", metavar="FOLDER", help="keeps what the voices said, for the next time")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    talk = {Path(folder).name: read_background(folder, SR) for folder in options.talk}
    figures = {}
    with tempfile.TemporaryDirectory() as temporary:
        speech = Speech(known_programs(), options.speech or temporary)
        for name in options.classifiers:
            clf = wl.load(name)
            played = {key: listen_to_background(clf, one) for key, one in talk.items()}
            figures[name] = results(clf, played, speech, options.rate or [0.5])
            if not options.json:
                for phrase, one in figures[name].items():
                    print(line(name, phrase, one), flush=True)
                    print("   ", ", ".join(f"{voice} {found}" for voice, found in one["by_voice"].items()), flush=True)
    if options.json:
        print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
