"""A network as an ONNX graph: streaming, with each layer's history as an input and an output, or whole and padded.

The new history is the end of ``Concat(cache, x)``. Only that Concat reads the cache, and every other node that needs
the past reads the Concat, so a caller may bind a cache's input and its output to the same buffer.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.models import Network

OPSETS = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
IR_VERSION = 10


class Graph:
    """Records ONNX nodes; signals are tensor names.

    The base of `benchmarks.models.Operations` in ONNX: the parts that do not depend on how a convolution is written.
    Subclasses (`benchmarks.peers.onnx_ways`) fix the layout of a signal and the convolutions.
    """

    time_axis: int
    channel_axis = 1

    def __init__(self, network: Network, frames: int, *, streaming: bool, clips: int = 1):
        self._network = network
        self._streaming = streaming
        self.clips = clips
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, np.ndarray] = {}
        self._inputs = [self._tensor_info("x", network.in_channels, frames)]
        self._outputs: list[onnx.ValueInfoProto] = []
        self.frames = frames
        self.caches = network.caches()

    def shape(self, channels: int, frames: int) -> tuple[int, ...]:
        """Shape of a signal in this layout."""
        raise NotImplementedError

    def given(self, block: np.ndarray) -> np.ndarray:
        """A call's (frames, channels), or (clips, frames, channels), as the graph's input."""
        x = block if self.time_axis == 0 else np.swapaxes(block, -1, -2)
        return np.ascontiguousarray(x.reshape(self.shape(block.shape[-1], self.frames)))

    def rows(self, y: np.ndarray) -> np.ndarray:
        """The graph's output as (frames, channels), or (clips, frames, channels): a copy."""
        clips = (self.clips,) if self.clips > 1 else ()
        if self.time_axis == 0:
            return y.reshape(*clips, self.frames, -1).copy()
        return np.swapaxes(y.reshape(*clips, -1, self.frames), -1, -2).copy()

    def model(self) -> onnx.ModelProto:
        """Build the graph: inputs ``x`` and ``<layer>.in``, outputs ``y`` and ``<layer>.out``."""
        self.node("Identity", [self._network.forward(self, "x")], output="y")
        outputs = [self._tensor_info("y", self._network.out_channels, self.frames), *self._outputs]
        constants = [numpy_helper.from_array(array, name) for name, array in self._constants.items()]
        graph = helper.make_graph(self._nodes, "network", self._inputs, outputs, constants)
        model = helper.make_model(graph, opset_imports=OPSETS, ir_version=IR_VERSION)
        onnx.checker.check_model(model)
        return model

    # --- pieces for subclasses ---

    def node(self, kind: str, inputs: list[str], *, output: str | None = None, **attributes) -> str:
        """Append a node of one output and return the output's name."""
        output = output or f"t{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def split(self, x: str, parts: int) -> list[str]:
        """Split a signal's channels evenly."""
        outputs = [f"t{len(self._nodes)}.{i}" for i in range(parts)]
        self._nodes.append(helper.make_node("Split", [x], outputs, axis=self.channel_axis))
        return outputs

    def constant(self, name: str, array) -> str:
        """Add an initializer (float32, or int64 for indices) and return its name, which must determine its value."""
        array = np.asarray(array)
        self._constants[name] = np.ascontiguousarray(array, np.int64 if array.dtype.kind == "i" else np.float32)
        return name

    def weight(self, layer: str) -> np.ndarray:
        """Return the layer's weight, (out, in, kernel)."""
        return self._network.folded[f"{layer}.weight"]

    def bias(self, layer: str) -> np.ndarray | None:
        """Return the layer's bias, None when it has none."""
        return self._network.folded.get(f"{layer}.bias")

    def frames_of(self, x: str, start: int, stop: int) -> str:
        """Frames [start, stop) of a signal."""
        bounds = [self.constant(f"at.{n}", [n]) for n in (start, stop)]
        return self.node("Slice", [x, *bounds, self.constant("time_axis", [self.time_axis])])

    def with_past(self, x: str, layer: str) -> str:
        """Put the layer's history before `x`: the cache, of which the new value becomes an output, or zeros."""
        channels, past = self.caches[layer]
        if not self._streaming:
            zeros = self.constant(f"{layer}.zeros", np.zeros(self.shape(channels, past)))
            return self.node("Concat", [zeros, x], axis=self.time_axis)
        self._inputs.append(self._tensor_info(f"{layer}.in", channels, past))
        self._outputs.append(self._tensor_info(f"{layer}.out", channels, past))
        full = self.node("Concat", [f"{layer}.in", x], axis=self.time_axis)
        self.node("Identity", [self.frames_of(full, self.frames, self.frames + past)], output=f"{layer}.out")
        return full

    def _tensor_info(self, name: str, channels: int, frames: int) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, self.shape(channels, frames))

    # --- operations that are the same in every layout ---

    def tanh(self, x):
        return self.node("Tanh", [x])

    def relu(self, x):
        return self.node("Relu", [x])

    def softmax(self, x):
        return self.node("Softmax", [x], axis=self.channel_axis)

    def total(self, xs):
        if len(xs) == 1:
            return xs[0]
        return self.node("Add" if len(xs) == 2 else "Sum", list(xs))

    def add_conv(self, x, z, layer):
        return self.total([x, self.conv(z, layer)])
