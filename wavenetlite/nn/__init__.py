"""What a network is: layers, blocks, networks. Names and weight layouts are PyTorch's."""

from wavenetlite.nn.blocks import DepthwiseSeparable, GatedResidualBlock, TemporalBlock
from wavenetlite.nn.combine import Add, Concat, Residual, Sequential
from wavenetlite.nn.convolution import Conv1d, Linear
from wavenetlite.nn.convolution2d import Conv2d, ConvTranspose1d, ConvTranspose2d
from wavenetlite.nn.frequency import FrequencyConv
from wavenetlite.nn.module import Module, from_config
from wavenetlite.nn.networks import TCN, FrequencyTCN, WaveNet
from wavenetlite.nn.pointwise import Activation, BatchNorm, Dropout, GatedUnit, Pool, Upsample

__all__ = [
    "TCN", "Activation", "Add", "BatchNorm", "Concat", "Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d",
    "DepthwiseSeparable", "Dropout", "FrequencyConv", "FrequencyTCN", "GatedResidualBlock", "GatedUnit", "Linear",
    "Module", "Pool", "Residual", "Sequential", "TemporalBlock", "Upsample", "WaveNet", "from_config",
]  # fmt: skip
