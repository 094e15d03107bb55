"""The operations of networks, one file per operation."""

from wavenetlite.nodes.activate import Activate, activate
from wavenetlite.nodes.concat import Concat
from wavenetlite.nodes.conv import Conv
from wavenetlite.nodes.conv2d import Conv2d
from wavenetlite.nodes.cumulative_pool import CumulativePool
from wavenetlite.nodes.dropout import Dropout
from wavenetlite.nodes.embedding import Embedding
from wavenetlite.nodes.fake_quantized import FakeQuantizedConv, FakeQuantizedConv2d
from wavenetlite.nodes.gate import Gate
from wavenetlite.nodes.group_norm import GroupNorm
from wavenetlite.nodes.impulse_response import impulse_response
from wavenetlite.nodes.input import Input
from wavenetlite.nodes.integer_binary import IntegerBinary, combine_integers
from wavenetlite.nodes.integer_channels import IntegerConcat, IntegerSlice, concat, take
from wavenetlite.nodes.integer_conv import IntegerConv, IntegerConv2d
from wavenetlite.nodes.integer_pool import IntegerCumulativePool, IntegerPool
from wavenetlite.nodes.integers import Dequantize, Quantize, as_quantized, dequantize, quantize
from wavenetlite.nodes.look_up import TABLE_FUNCTIONS, LookUp, look_up, requantize, table_of
from wavenetlite.nodes.max_pool import MaxPool
from wavenetlite.nodes.noise import Noise
from wavenetlite.nodes.norm import Norm
from wavenetlite.nodes.overlap_add import OverlapAdd, overlap_add
from wavenetlite.nodes.product import Product, multiply
from wavenetlite.nodes.recurrent import GRU, LSTM, Recurrent
from wavenetlite.nodes.reflected_window import ReflectedWindow, reflected_window
from wavenetlite.nodes.slice import Slice
from wavenetlite.nodes.snake import LEAST, Snake
from wavenetlite.nodes.sum import Sum, add
from wavenetlite.nodes.upsample import Upsample

__all__ = [
    "GRU", "LEAST", "LSTM", "TABLE_FUNCTIONS", "Activate", "Concat", "Conv", "Conv2d", "CumulativePool", "Dequantize",
    "Dropout", "Embedding", "FakeQuantizedConv", "FakeQuantizedConv2d", "Gate", "GroupNorm", "Input", "IntegerBinary",
    "IntegerConcat", "IntegerConv", "IntegerConv2d", "IntegerCumulativePool", "IntegerPool", "IntegerSlice", "LookUp",
    "MaxPool", "Noise", "Norm", "OverlapAdd", "Product", "Quantize", "Recurrent", "ReflectedWindow", "Slice", "Snake",
    "Sum", "Upsample", "activate", "add", "as_quantized", "combine_integers", "concat", "dequantize",
    "impulse_response", "look_up", "multiply", "overlap_add", "quantize", "reflected_window", "requantize",
    "table_of", "take",
]  # fmt: skip
