"""Training: gradients of every layer on the Cython kernels, losses, AdamW, the loop; data and augmentation."""

from wavenetlite.train.augment import Augment
from wavenetlite.train.batches import Arrays, ClipBatches, Source
from wavenetlite.train.data import Clips, Corpus, read_corpus
from wavenetlite.train.loop import History, fit
from wavenetlite.train.losses import CTC, CrossEntropy, MeanSquaredError
from wavenetlite.train.optimiser import AdamW, clip_norm, schedule
from wavenetlite.train.parameters import Parameters
from wavenetlite.train.recipe import Recipe, recipes, train_classifier
from wavenetlite.train.tape import Tape

__all__ = [
    "CTC", "AdamW", "Arrays", "Augment", "ClipBatches", "Clips", "Corpus", "CrossEntropy", "History",
    "MeanSquaredError", "Parameters", "Recipe", "Source", "Tape", "clip_norm", "fit", "read_corpus", "recipes",
    "schedule", "train_classifier",
]  # fmt: skip
