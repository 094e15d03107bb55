"""Training: gradients of every layer on the Cython kernels, losses, AdamW, the loop; data and augmentation."""

from wavenetlite.train.batches import Arrays, ClipBatches, Source
from wavenetlite.train.loop import History, fit
from wavenetlite.train.losses import CTC, CrossEntropy, MeanSquaredError
from wavenetlite.train.optimiser import AdamW, clip_norm, schedule
from wavenetlite.train.parameters import Parameters
from wavenetlite.train.tape import Tape

__all__ = [
    "CTC", "AdamW", "Arrays", "ClipBatches", "CrossEntropy", "History", "MeanSquaredError", "Parameters", "Source",
    "Tape", "clip_norm", "fit", "schedule",
]  # fmt: skip
