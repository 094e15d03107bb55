"""The operations of networks, one file per operation."""

from wavenetlite.nodes.activate import Activate, activate
from wavenetlite.nodes.concat import Concat, concat
from wavenetlite.nodes.conv import Conv
from wavenetlite.nodes.conv2d import Conv2d
from wavenetlite.nodes.cumulative_pool import CumulativePool
from wavenetlite.nodes.dropout import Dropout
from wavenetlite.nodes.gate import Gate
from wavenetlite.nodes.group_norm import GroupNorm
from wavenetlite.nodes.input import Input
from wavenetlite.nodes.norm import Norm
from wavenetlite.nodes.product import Product, multiply
from wavenetlite.nodes.recurrent import GRU, LSTM, Recurrent
from wavenetlite.nodes.slice import Slice, take
from wavenetlite.nodes.sum import Sum, add
from wavenetlite.nodes.upsample import Upsample

__all__ = [
    "GRU", "LSTM", "Activate", "Concat", "Conv", "Conv2d", "CumulativePool", "Dropout", "Gate", "GroupNorm", "Input",
    "Norm", "Product", "Recurrent", "Slice", "Sum", "Upsample", "activate", "add", "concat", "multiply", "take",
]  # fmt: skip
