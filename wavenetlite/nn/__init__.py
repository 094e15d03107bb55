"""What a network is: layers, blocks, networks. Names and weight layouts are PyTorch's."""

from wavenetlite.nn.amp import AmpArray, AmpLayer, AmpWaveNet
from wavenetlite.nn.blocks import DepthwiseSeparable, GatedResidualBlock, TemporalBlock
from wavenetlite.nn.combine import Add, Concat, Prewarmed, Residual, Sequential
from wavenetlite.nn.convolution import Conv1d, Linear
from wavenetlite.nn.convolution2d import Conv2d, ConvTranspose1d, ConvTranspose2d
from wavenetlite.nn.film import FiLM
from wavenetlite.nn.frequency import FrequencyConv
from wavenetlite.nn.graph import Graph, Part
from wavenetlite.nn.module import Module, from_config
from wavenetlite.nn.networks import TCN, FrequencyTCN, WaveNet
from wavenetlite.nn.pointwise import Activation, BatchNorm, Dropout, GatedUnit, Pool, Upsample

__all__ = [
    "TCN", "Activation", "Add", "AmpArray", "AmpLayer", "AmpWaveNet", "BatchNorm", "Concat", "Conv1d", "Conv2d",
    "ConvTranspose1d", "ConvTranspose2d", "DepthwiseSeparable", "Dropout", "FiLM", "FrequencyConv", "FrequencyTCN",
    "GatedResidualBlock", "GatedUnit", "Graph", "Linear", "Module", "Part", "Pool", "Prewarmed", "Residual",
    "Sequential", "TemporalBlock", "Upsample", "WaveNet", "from_config",
]  # fmt: skip
