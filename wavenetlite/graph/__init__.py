"""A network as a graph of operations on sequences of frames, with the clock of every sequence."""

from wavenetlite.graph.bins import Counts, exact, rebinned
from wavenetlite.graph.budget import bounded, spend
from wavenetlite.graph.builders import OnnxBuilder, ScriptBuilder
from wavenetlite.graph.clock import Clock, tidy
from wavenetlite.graph.edge_weights import EdgeWeights, OverBins
from wavenetlite.graph.indices import check_indices, index_counts, random_input
from wavenetlite.graph.kernel_call import (
    MOST_FLOAT,
    Convolution,
    Dense,
    Depthwise,
    IntegerCall,
    IntegerConvolution,
    KernelCall,
)
from wavenetlite.graph.node import (
    MOST_CHANNELS,
    MOST_FRAMES,
    MOST_UPSAMPLING,
    Edge,
    Node,
    RateError,
    aligned,
    clock_after,
)
from wavenetlite.graph.order import topological_order
from wavenetlite.graph.quantization import HIGHEST, LOWEST, Quantization

__all__ = [
    "HIGHEST",
    "LOWEST",
    "MOST_CHANNELS",
    "MOST_FLOAT",
    "MOST_FRAMES",
    "MOST_UPSAMPLING",
    "Clock",
    "Convolution",
    "Counts",
    "Dense",
    "Depthwise",
    "Edge",
    "EdgeWeights",
    "IntegerCall",
    "IntegerConvolution",
    "KernelCall",
    "Node",
    "OnnxBuilder",
    "OverBins",
    "Quantization",
    "RateError",
    "ScriptBuilder",
    "aligned",
    "bounded",
    "check_indices",
    "clock_after",
    "exact",
    "index_counts",
    "random_input",
    "rebinned",
    "spend",
    "tidy",
    "topological_order",
]
