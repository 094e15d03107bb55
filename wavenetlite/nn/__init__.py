"""Layers, blocks and networks. Names and weight layouts are PyTorch's."""

from wavenetlite.nn.amp import AmpArray, AmpLayer, AmpLSTM, AmpWaveNet
from wavenetlite.nn.blocks import DepthwiseSeparable, GatedResidualBlock, TemporalBlock
from wavenetlite.nn.combine import Add, Concat, Prewarmed, Residual, Sequential
from wavenetlite.nn.convolution import Conv1d, Linear
from wavenetlite.nn.convolution2d import Conv2d, ConvTranspose1d, ConvTranspose2d
from wavenetlite.nn.film import FiLM
from wavenetlite.nn.graph import Graph, Slice
from wavenetlite.nn.module import Module, from_config
from wavenetlite.nn.networks import TCN, FrequencyTCN, WaveNet
from wavenetlite.nn.normalisation import GroupNorm, LayerNorm
from wavenetlite.nn.pointwise import Activation, BatchNorm, CumulativePool, Dropout, GatedUnit, Upsample
from wavenetlite.nn.recurrent import GRU, LSTM

__all__ = [
    "GRU", "LSTM", "TCN", "Activation", "Add", "AmpArray", "AmpLSTM", "AmpLayer", "AmpWaveNet", "BatchNorm", "Concat",
    "Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d", "CumulativePool", "DepthwiseSeparable", "Dropout", "FiLM",
    "FrequencyTCN", "GatedResidualBlock", "GatedUnit", "Graph", "GroupNorm", "LayerNorm", "Linear", "Module",
    "Prewarmed", "Residual", "Sequential", "Slice", "TemporalBlock", "Upsample", "WaveNet", "from_config",
]  # fmt: skip
