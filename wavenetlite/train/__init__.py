"""Training: gradients of every layer on the Cython kernels, losses, AdamW, the loop; data and augmentation."""

from wavenetlite.train.augment import Augment
from wavenetlite.train.batches import Arrays, ClipBatches, Source
from wavenetlite.train.data import Clips, Corpus, read_corpus
from wavenetlite.train.loop import History, fit
from wavenetlite.train.losses import CTC, CrossEntropy, MeanSquaredError
from wavenetlite.train.optimiser import AdamW, clip_norm, schedule
from wavenetlite.train.parameters import Parameters
from wavenetlite.train.recipe import Recipe, recipes, train_classifier
from wavenetlite.train.spotting import SpottingRecipe, cross_validate, train_spotter
from wavenetlite.train.tape import Tape
from wavenetlite.train.utterances import Utterances, read_utterances

__all__ = [
    "CTC", "AdamW", "Arrays", "Augment", "ClipBatches", "Clips", "Corpus", "CrossEntropy", "History",
    "MeanSquaredError", "Parameters", "Recipe", "Source", "SpottingRecipe", "Tape", "Utterances", "clip_norm",
    "cross_validate", "fit", "read_corpus", "read_utterances", "recipes", "schedule", "train_classifier",
    "train_spotter",
]  # fmt: skip
