"""Waveform to frames, whole or in blocks of any length, with the same bits: what librosa computes, made to stream."""

from wavenetlite.features.block_floor import BlockFloor
from wavenetlite.features.block_spectrogram import BlockSpectrogram
from wavenetlite.features.deltas import Deltas
from wavenetlite.features.librosa_feature import Librosa
from wavenetlite.features.mel import LogMel, MelSpectrogram
from wavenetlite.features.mfcc import MFCC
from wavenetlite.features.micro_frontend import MicroFrontend
from wavenetlite.features.mulaw import MuLaw
from wavenetlite.features.normalisation import AutoGain, MeanVariance, RunningCMVN, UtteranceCMVN
from wavenetlite.features.open_wake_word import OpenWakeWordMel
from wavenetlite.features.pcen import PCEN
from wavenetlite.features.spec import Features, from_config
from wavenetlite.features.spectrogram import Spectrogram
from wavenetlite.features.steps import FrameStep
from wavenetlite.features.stream import FeatureStream

__all__ = [
    "MFCC",
    "PCEN",
    "AutoGain",
    "BlockFloor",
    "BlockSpectrogram",
    "Deltas",
    "FeatureStream",
    "Features",
    "FrameStep",
    "Librosa",
    "LogMel",
    "MeanVariance",
    "MelSpectrogram",
    "MicroFrontend",
    "MuLaw",
    "OpenWakeWordMel",
    "RunningCMVN",
    "Spectrogram",
    "UtteranceCMVN",
    "from_config",
]  # fmt: skip
