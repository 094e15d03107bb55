"""Layers, blocks and networks. Names and weight layouts are PyTorch's."""

from wavenetlite.nn.amp import AmpArray, AmpLayer, AmpLSTM, AmpWaveNet
from wavenetlite.nn.bf16 import Bf16, Bf16Weights
from wavenetlite.nn.blocks import DepthwiseSeparable, GatedResidualBlock, TemporalBlock
from wavenetlite.nn.combine import Add, Concat, Prewarmed, Residual, Sequential
from wavenetlite.nn.convolution import Conv1d, Linear
from wavenetlite.nn.convolution2d import Conv2d, ConvTranspose1d, ConvTranspose2d
from wavenetlite.nn.embedding import Embedding
from wavenetlite.nn.fake_quantized import FakeQuantize, FakeQuantizedConv1d, FakeQuantizedConv2d
from wavenetlite.nn.film import FiLM
from wavenetlite.nn.graph import Graph, Slice
from wavenetlite.nn.impulse_response import ImpulseResponse
from wavenetlite.nn.integer import (
    Dequantize,
    IntegerAdd,
    IntegerAvgPool1d,
    IntegerConcat,
    IntegerConv1d,
    IntegerConv2d,
    IntegerCumulativePool,
    IntegerLookup,
    IntegerMaxPool1d,
    IntegerMultiply,
    Quantize,
    Requantize,
)
from wavenetlite.nn.max_pool import MaxPool2d
from wavenetlite.nn.module import Module, from_config
from wavenetlite.nn.networks import TCN, FrequencyTCN, WaveNet
from wavenetlite.nn.noise import Noise
from wavenetlite.nn.normalisation import GroupNorm, LayerNorm
from wavenetlite.nn.output import Output
from wavenetlite.nn.pointwise import Activation, BatchNorm, CumulativePool, Dropout, GatedUnit, Snake, Upsample
from wavenetlite.nn.pytorch_names import (
    ELU,
    GELU,
    GLU,
    BatchNorm1d,
    Dropout1d,
    Hardswish,
    Hardtanh,
    Identity,
    LeakyReLU,
    PReLU,
    ReLU,
    ReLU6,
    Sigmoid,
    SiLU,
    Softmax,
    Softsign,
    Tanh,
)
from wavenetlite.nn.recurrent import GRU, LSTM
from wavenetlite.nn.spectrum import InverseSTFT, ISTFTHead

__all__ = [
    "ELU", "GELU", "GLU", "GRU", "LSTM", "TCN", "Activation", "Add", "AmpArray", "AmpLSTM", "AmpLayer", "AmpWaveNet",
    "BatchNorm", "BatchNorm1d", "Bf16", "Bf16Weights", "Concat", "Conv1d", "Conv2d", "ConvTranspose1d",
    "ConvTranspose2d", "CumulativePool", "DepthwiseSeparable", "Dequantize", "Dropout", "Dropout1d", "Embedding",
    "FakeQuantize", "FakeQuantizedConv1d", "FakeQuantizedConv2d", "FiLM", "FrequencyTCN", "GatedResidualBlock",
    "GatedUnit", "Graph", "GroupNorm", "Hardswish", "Hardtanh", "ISTFTHead", "Identity", "ImpulseResponse",
    "IntegerAdd", "IntegerAvgPool1d", "IntegerConcat", "IntegerConv1d", "IntegerConv2d", "IntegerCumulativePool",
    "IntegerLookup", "IntegerMaxPool1d", "IntegerMultiply", "InverseSTFT", "LayerNorm", "LeakyReLU", "Linear",
    "MaxPool2d", "Module", "Noise", "Output", "PReLU", "Prewarmed", "Quantize", "ReLU", "ReLU6", "Requantize",
    "Residual", "Sequential", "SiLU", "Sigmoid", "Slice", "Snake", "Softmax", "Softsign", "Tanh", "TemporalBlock",
    "Upsample", "WaveNet", "from_config",
]  # fmt: skip
