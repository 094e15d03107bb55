"""Fine-tuning of a classifier's network to the rounding of integers."""

from __future__ import annotations

from typing import Any

import numpy as np

from wavenetlite.classifier.classifier import AudioClassifier
from wavenetlite.corpora.clips import Clips
from wavenetlite.nn.module import Module
from wavenetlite.recipes.outputs import last_frames, softmax
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import positive_int
from wavenetlite.support.cpus import cpus
from wavenetlite.support.errors import ParameterError
from wavenetlite.train.batches import ClipBatches, OnTheFly
from wavenetlite.train.loop import fit
from wavenetlite.train.losses import CrossEntropy

TEMPERATURE = 2.0
BATCH = 64
LR = 2e-4
"""Small: the weights are to move by a few integers, not to learn anything new."""


def fine_tune(
    aware: Module, clf: AudioClassifier, clips: Clips, *, epochs: int, seed: int = 0, threads: int | None = None,
    progress: bool = False,
) -> None:  # fmt: skip
    """Train a network of `quantization_aware`, in place, to give what the classifier's own gives for some clips.

    Parameters
    ----------
    aware
        Made from ``clf.model``.
    clf
        The classifier, whose probabilities are the targets (distillation: Hinton et al., 2015).
    clips
        Training clips; their labels are not used.
    epochs, seed, threads, progress
        As in :func:`wavenetlite.train.fit`.

    Raises
    ------
    ParameterError
        There are too few clips for a batch.
    """
    batch = min(BATCH, len(clips) // 2 * 2)
    if not batch:
        raise ParameterError(f"clips has {len(clips)} clips; it must have two or more for fine-tuning")

    def targets(x: Floats, unused: Floats) -> Floats:
        return softmax(last_frames(clf.model, x) / TEMPERATURE).astype(np.float32)

    source = ClipBatches(
        OnTheFly(clips.audio, clf.features), np.zeros(len(clips), np.int64), classes=len(clf.labels), teacher=targets
    )
    options: dict[str, Any] = {"batch_size": batch, "lr": LR, "weight_decay": 0.0, "warmup": 0.0, "seed": seed}
    fit(
        aware,
        source,
        loss=CrossEntropy(temperature=TEMPERATURE),
        epochs=positive_int("epochs", epochs),
        threads=threads or cpus(),
        progress="fine-tuning" if progress else False,
        **options,
    )
