"""Writes what a wake word is: a classifier, a file and a manifest for ESPHome for each phrase, findings, a report."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.formats.micro_wake_word import save_wake_word
from wavenetlite.nn import Graph
from wavenetlite.recipes.wake.integers import word_network
from wavenetlite.recipes.wake.measuring import Findings
from wavenetlite.recipes.wake.report import page
from wavenetlite.recipes.wake.thresholds import WINDOW
from wavenetlite.recipes.wake.triggers import Trigger
from wavenetlite.support.atomic_files import replacing
from wavenetlite.support.version import __version__

CLASSIFIER, NOTES, REPORT, README = "classifier.safetensors", "wake-word.json", "report.html", "README.md"
KEPT = """\
# {title}

| file | what it is |
|---|---|
| `{classifier}` | for wavenetlite: `wavenetlite listen --model {classifier}` |
{rows}
| `{report}` | how well it hears, what still triggers it, what it was made of |
| `{notes}` | the same numbers |
| `speech` | what the voices said; kept for the next run, may be deleted |
| `training` | checkpoints, by which an interrupted run resumes; may be deleted |

Made by wavenetlite {version}. The voices have licences of their own.
"""


@dataclass(frozen=True)
class Saved:
    """What is written of some phrases, each with the name of its files."""

    phrases: list[str]
    names: list[str]
    clf: AudioClassifier
    findings: Findings
    triggers: list[Trigger]
    language: str
    options: dict[str, Any]

    def notes(self) -> dict[str, Any]:
        """All that was measured, as JSON."""
        thresholds = self.clf.detector.thresholds
        return {
            "wavenetlite": __version__,
            "options": self.options,
            "phrases": {phrase: self.findings.json(phrase, thresholds[phrase]) for phrase in self.phrases},
            "made_of": self.findings.made_of,
            "triggers": [one._asdict() for one in self.triggers],
        }


def save_all(saved: Saved, folder: Path) -> list[str]:
    """Write everything; the names of the files."""
    notes = saved.notes()
    saved.clf.info["wake_word"] = notes
    saved.clf.info["live"] = saved.findings.live()
    saved.clf.save(folder / CLASSIFIER)
    files = [CLASSIFIER]
    network = saved.clf.model
    assert isinstance(network, Graph)
    for number, (phrase, name) in enumerate(zip(saved.phrases, saved.names, strict=True)):
        cutoff = round(saved.clf.detector.thresholds[phrase], 3)
        save_wake_word(word_network(network, number), folder / f"{name}.tflite", wake_word=phrase,
                       probability_cutoff=cutoff, sliding_window_size=WINDOW,
                       trained_languages=[saved.language])  # fmt: skip
        files += [f"{name}.tflite", f"{name}.json"]
    texts = {NOTES: json.dumps(notes, indent=1) + "\n", REPORT: page(saved.phrases, saved.names, notes, saved.findings),
             README: readme(saved)}  # fmt: skip
    for name, text in texts.items():
        with replacing(folder / name) as file:
            file.write(text.encode())
        files.append(name)
    return files


def readme(saved: Saved) -> str:
    """What the files of the folder are."""
    rows = "\n".join(f"| `{name}.tflite`, `{name}.json` | \"{phrase}\" for ESPHome's `micro_wake_word` |"
                     for phrase, name in zip(saved.phrases, saved.names, strict=True))  # fmt: skip
    return KEPT.format(title=", ".join(saved.phrases), classifier=CLASSIFIER, rows=rows, report=REPORT, notes=NOTES,
                       version=__version__)  # fmt: skip
