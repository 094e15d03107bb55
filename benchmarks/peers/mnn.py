"""MNN on the graphs made for ONNX Runtime, the fastest of them; caches are variables in and out, one thread.

The converter is called inside the process: its command would try to install a package and to send a log of its use.
"""

import tempfile
from importlib.metadata import version
from pathlib import Path

import _tools  # MNN's converter, a module of its own in the same package
import MNN
import numpy as np
from MNN import expr

from benchmarks.contenders import INT8_TOLERANCE, TOLERANCE, Calls
from benchmarks.models import Network
from benchmarks.peers.fastest import fastest
from benchmarks.peers.onnx_graphs import Graph
from benchmarks.peers.onnx_ways import WAYS

FLOAT_WAYS = ("plain", "conv2d", "gemm")
OPTIONS = {"backend": "CPU", "numThread": 1, "precision": "high"}
INT8 = {"memory": "low"}
"""Weights of 8 bits stay so, and frames are rounded to 8 bits as they come ("dynamic quantisation")."""


class Mnn:
    """The contender, in float32, or with integers of 8 bits."""

    version = f"MNN {version('MNN')}"

    def __init__(self, *, int8: bool = False):
        self._int8 = int8
        self.tolerance = INT8_TOLERANCE if int8 else TOLERANCE

    def prepare(self, network: Network, frames: int, *, streaming: bool, clips: int = 1) -> Calls:
        def runner(way: str) -> Calls:
            return MnnRunner(WAYS[way](network, frames, streaming=streaming, clips=clips), int8=self._int8)

        return fastest(runner, FLOAT_WAYS, network)


class MnnRunner(Calls):
    """A module and the variables of its caches, which go from call to call."""

    def __init__(self, graph: Graph, *, int8: bool):
        super().__init__(graph.frames, graph.clips)
        model = graph.model()
        self._graph = graph
        shapes = [[one.dim_value for one in tensor.type.tensor_type.shape.dim] for tensor in model.graph.input]
        names = [[tensor.name for tensor in tensors] for tensors in (model.graph.input, model.graph.output)]
        with tempfile.TemporaryDirectory() as folder:
            onnx, mnn = Path(folder, "network.onnx"), Path(folder, "network.mnn")
            onnx.write_bytes(model.SerializeToString())
            files = ["--modelFile", str(onnx), "--MNNModel", str(mnn)]
            bits = ["--weightQuantBits", "8"] if int8 else []
            _tools.mnnconvert(["mnnconvert", "-f", "ONNX", *files, *bits, "--bizCode", "benchmark"])
            self._runtime = MNN.nn.create_runtime_manager((OPTIONS | (INT8 if int8 else {}),))
            self._module = MNN.nn.load_module_from_file(str(mnn), *names, runtime_manager=self._runtime)
        self._x, *self._caches = [_variable(np.zeros(shape, np.float32)) for shape in shapes]

    def feed(self, block):
        self._x = _variable(self._graph.given(block))
        y, *self._caches = self._module.forward([self._x, *self._caches])
        return self._graph.rows(y.read())

    def run(self, calls):
        forward, x, caches = self._module.forward, self._x, self._caches
        for _ in range(calls):
            y, *caches = forward([x, *caches])
            y.read()
        self._caches = caches


def _variable(array: np.ndarray) -> expr.Var:
    return expr.const(array, list(array.shape), expr.NCHW)


def open_contender(numbers: str) -> Mnn:
    """Return MNN, in float32, or in ``"int8"``."""
    return Mnn(int8=numbers == "int8")
