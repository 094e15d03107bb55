"""Training: losses, AdamW, the training loop, augmentation, checkpoints; and the corpora it reads."""

from wavenetlite.corpora.background import Background, read_background
from wavenetlite.corpora.clips import Clips, Corpus
from wavenetlite.corpora.utterances import Utterances, read_utterances
from wavenetlite.engine.tape import Tape
from wavenetlite.train.augment import Augment
from wavenetlite.train.batches import Arrays, ClipBatches, Source
from wavenetlite.train.callbacks import Callback, RunStart, Step
from wavenetlite.train.corpus import read_corpus
from wavenetlite.train.densities import GaussianNLL, LogisticMixtureNLL
from wavenetlite.train.loop import History, fit
from wavenetlite.train.losses import CTC, CrossEntropy, MeanSquaredError, Outcome, balanced_weights
from wavenetlite.train.optimiser import AdamW, clip_norm, schedule
from wavenetlite.train.parameters import Parameters
from wavenetlite.train.spectral_loss import SpectralLoss
from wavenetlite.train.trackers import MLflow, TensorBoard, WandB
from wavenetlite.train.waveforms import Waveforms

__all__ = [
    "CTC", "AdamW", "Arrays", "Augment", "Background", "Callback", "ClipBatches", "Clips", "Corpus", "CrossEntropy",
    "GaussianNLL", "History", "LogisticMixtureNLL", "MLflow", "MeanSquaredError", "Outcome", "Parameters", "RunStart",
    "Source", "SpectralLoss", "Step", "Tape", "TensorBoard", "Utterances", "WandB", "Waveforms", "balanced_weights",
    "clip_norm", "fit", "read_background", "read_corpus", "read_utterances", "schedule",
]  # fmt: skip
