"""Training: corpora of clips, and augmentation."""

from wavenetlite.train.augment import (
    Augment,
    BackgroundNoise,
    BandLimit,
    Clipping,
    Equalise,
    FrequencyWarp,
    Gain,
    Reverb,
    SpecAugment,
    Speed,
    TimeShift,
    Transform,
    mixup,
)
from wavenetlite.train.data import Clips, Corpus, read_corpus

__all__ = [
    "Augment", "BackgroundNoise", "BandLimit", "Clipping", "Clips", "Corpus", "Equalise", "FrequencyWarp", "Gain",
    "Reverb", "SpecAugment", "Speed", "TimeShift", "Transform", "mixup", "read_corpus",
]  # fmt: skip
