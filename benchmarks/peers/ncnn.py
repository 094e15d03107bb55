"""ncnn: its own two files of a network, written directly; caches go in and out as matrices, one thread, float32.

``network.param`` is text, a layer a line: type, name, numbers of inputs and outputs, their names, options ``id=value``.
``network.bin`` has the weights in the order of the layers. A signal is a matrix of height channels and width frames.
"""

import struct
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import ncnn
import numpy as np

from benchmarks.contenders import TOLERANCE, Calls, UnavailableError
from benchmarks.models import Network

MAGIC = 7767517
CHANNELS, FRAMES = 0, 1  # axes of a matrix
ADD, MULTIPLY = 0, 2  # of BinaryOp
REST = -233  # "as much as is left"


@dataclass
class Layer:
    kind: str
    inputs: list[str]
    outputs: list[str]
    options: dict[int, object]
    weights: bytes = b""


@dataclass
class Graph:
    """`benchmarks.models.Operations` that note layers; signals are names of blobs."""

    network: Network
    frames: int
    streaming: bool
    layers: list[Layer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.caches = self.network.caches()
        shapes = {"x": (self.network.in_channels, self.frames)}
        if self.streaming:
            shapes |= {f"{layer}.in": shape for layer, shape in self.caches.items()}
        for name, (channels, frames) in shapes.items():
            self.layers.append(Layer("Input", [], [name], {0: frames, 1: channels}))
        self.add("Noop", [self.network.forward(self, "x")], output="y")

    def add(self, kind: str, inputs: list[str], *, output: str = "", **options) -> str:
        """Append a layer of one output; options are ``_<id>``."""
        output = output or f"t{len(self.layers)}"
        self.layers.append(Layer(kind, inputs, [output], {int(key[1:]): value for key, value in options.items()}))
        return output

    # --- operations ---

    def conv(self, x, layer, dilation=1):
        return self._conv(x, layer, self._weight(layer), self._bias(layer), dilation)

    def conditions(self, x, layers):
        joined = self._conv(x, layers[0], np.concatenate([self._weight(layer) for layer in layers]), None)
        return self._slices(joined, len(layers))

    def conditioned_tanh(self, x, condition, layer, dilation):
        return self.add("TanH", [self.total([self.conv(x, layer, dilation), condition])])

    def add_conv(self, x, z, layer):
        return self.total([x, self.conv(z, layer)])

    def gated(self, x, layer, dilation):
        filtered, gate = self._slices(self.conv(x, layer, dilation), 2)
        return self.add("BinaryOp", [self.add("TanH", [filtered]), self.add("Sigmoid", [gate])], _0=MULTIPLY)

    def sum_of_convs(self, xs, layers):
        weight = np.concatenate([self._weight(layer) for layer in layers], axis=1)
        bias = sum(self._bias(layer) for layer in layers)
        return self._conv(self.add("Concat", list(xs), _0=CHANNELS), "", weight, bias)

    def total(self, xs):
        total, *others = xs
        for x in others:
            total = self.add("BinaryOp", [total, x], _0=ADD)
        return total

    def relu(self, x):
        return self.add("ReLU", [x])

    def softmax(self, x):
        return self.add("Softmax", [x], _0=CHANNELS, _1=1)

    # --- pieces ---

    def _weight(self, layer):
        return self.network.folded[f"{layer}.weight"]

    def _bias(self, layer):
        return self.network.folded.get(f"{layer}.bias")

    def _conv(self, x, layer, weight, bias, dilation=1):
        padding = 0
        if layer in self.caches:
            past = self.caches[layer][1]
            x, padding = (self._with_past(x, layer, past), 0) if self.streaming else (x, past)
        name = self.add(
            "Convolution1D", [x], _0=len(weight), _1=weight.shape[2], _2=dilation, _4=padding, _15=0,
            _5=int(bias is not None), _6=weight.size,
        )  # fmt: skip
        arrays = [weight] if bias is None else [weight, bias]
        data = [array.astype("<f4").tobytes() for array in arrays]
        self.layers[-1].weights = struct.pack("<I", 0) + b"".join(data)  # 0: float32 follows
        return name

    def _with_past(self, x, layer, past):
        full = self.add("Concat", [f"{layer}.in", x], _0=FRAMES)
        self.add("Crop", [full], output=f"{layer}.out", _0=self.frames, _3=past, _4=REST)
        return full

    def _slices(self, x, parts):
        outputs = [f"t{len(self.layers)}.{part}" for part in range(parts)]
        sizes = ",".join([str(parts), *[str(REST)] * parts])
        self.layers.append(Layer("Slice", [x], outputs, {-23300: sizes, 1: CHANNELS}))
        return outputs

    # --- files ---

    def param(self) -> str:
        layers = _with_splits(self.layers)
        lines = [
            " ".join([
                layer.kind, f"l{number}", str(len(layer.inputs)), str(len(layer.outputs)), *layer.inputs,
                *layer.outputs, *(f"{key}={value}" for key, value in layer.options.items()),
            ])
            for number, layer in enumerate(layers)
        ]  # fmt: skip
        blobs = sum(len(layer.outputs) for layer in layers)
        return "\n".join([str(MAGIC), f"{len(layers)} {blobs}", *lines, ""])

    def weights(self) -> bytes:
        return b"".join(layer.weights for layer in self.layers)


def _with_splits(layers: list[Layer]) -> list[Layer]:
    """A blob may be read once: one that is read more often goes through a Split of as many outputs."""
    readers = Counter(name for layer in layers for name in layer.inputs)
    read: Counter[str] = Counter()
    found = []
    for layer in layers:
        inputs = []
        for name in layer.inputs:
            inputs.append(f"{name}_{read[name]}" if readers[name] > 1 else name)
            read[name] += 1
        found.append(Layer(layer.kind, inputs, layer.outputs, layer.options))
        for name in layer.outputs:
            if readers[name] > 1:
                found.append(Layer("Split", [name], [f"{name}_{number}" for number in range(readers[name])], {}))
    return found


class Ncnn:
    """The contender, in float32."""

    version = f"ncnn {version('ncnn')}"
    tolerance = TOLERANCE

    def prepare(self, network: Network, frames: int, *, streaming: bool, clips: int = 1) -> Calls:
        if clips > 1:
            raise UnavailableError("it computes one signal a call")
        return NcnnRunner(Graph(network, frames, streaming))


class NcnnRunner(Calls):
    """A loaded net; every call has an extractor of its own, and the caches go from call to call."""

    def __init__(self, graph: Graph):
        super().__init__(graph.frames)
        self._net = ncnn.Net()
        options = self._net.opt
        options.num_threads = 1
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        options.use_bf16_storage = False
        with tempfile.TemporaryDirectory() as folder:
            param, weights = Path(folder, "network.param"), Path(folder, "network.bin")
            param.write_text(graph.param())
            weights.write_bytes(graph.weights())
            if self._net.load_param(str(param)) or self._net.load_model(str(weights)):
                raise ValueError("ncnn does not load the network that was written for it")
        self._layers = [layer for layer in graph.caches if graph.streaming]
        zeros = [np.zeros(graph.caches[layer], np.float32) for layer in self._layers]
        self._caches = [_matrix(array) for array in zeros]
        self._x = _matrix(np.zeros((graph.network.in_channels, graph.frames), np.float32))

    def feed(self, block):
        self._x = _matrix(np.ascontiguousarray(block.T))
        return np.array(self._call()).T.copy()

    def run(self, calls):
        for _ in range(calls):
            self._call()

    def _call(self) -> ncnn.Mat:
        extractor = self._net.create_extractor()
        extractor.input("x", self._x)
        for layer, cache in zip(self._layers, self._caches, strict=True):
            extractor.input(f"{layer}.in", cache)
        _, y = extractor.extract("y")
        self._caches = [extractor.extract(f"{layer}.out")[1] for layer in self._layers]
        return y


def _matrix(array: np.ndarray) -> ncnn.Mat:
    """A copy: a matrix made of an array does not keep the array alive."""
    return ncnn.Mat(array).clone()


def open_contender(_: str) -> Ncnn:
    """Return ncnn."""
    return Ncnn()
