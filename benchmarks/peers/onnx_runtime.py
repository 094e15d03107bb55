"""ONNX Runtime: static shapes, one thread, all graph optimisations, everything bound to buffers allocated once."""

from functools import cache

import numpy as np
import onnxruntime as ort

from benchmarks.contenders import INT8_TOLERANCE, TOLERANCE, Calls
from benchmarks.models import Network
from benchmarks.peers.fastest import fastest
from benchmarks.peers.onnx_graphs import Graph
from benchmarks.peers.onnx_ways import WAYS
from benchmarks.peers.quantized import QUANTIZED_WAYS, quantized


class OnnxRuntime:
    """The contender; `way` is one of `benchmarks.peers.onnx_ways.WAYS`, or ``int8``: the faster of those quantised."""

    version = f"onnxruntime {ort.__version__}"

    def __init__(self, way: str):
        self._way = way
        self.tolerance = INT8_TOLERANCE if way == "int8" else TOLERANCE

    def prepare(self, network: Network, frames: int, *, streaming: bool, clips: int = 1) -> Calls:
        @cache
        def model(way: str) -> tuple[bytes, Graph]:
            graph = WAYS[way](network, frames, streaming=streaming, clips=clips)
            made = quantized(graph, network) if self._way == "int8" else graph.model().SerializeToString()
            return made, graph

        def runner(way: str) -> OnnxRunner:
            made, graph = model(way)
            session = ort.InferenceSession(made, _session_options(), providers=["CPUExecutionProvider"])
            return OnnxRunner(session, graph)

        return fastest(runner, QUANTIZED_WAYS, network) if self._way == "int8" else runner(self._way)


class OnnxRunner(Calls):
    """A session with its inputs and outputs bound; a cache's output is the buffer of its input (see `onnx_graphs`)."""

    def __init__(self, session: ort.InferenceSession, graph: Graph):
        super().__init__(graph.frames, graph.clips)
        self._session = session
        self._graph = graph
        self._binding = session.io_binding()
        self._buffers: dict[str, ort.OrtValue] = {}
        for tensor in session.get_inputs():
            self._binding.bind_ortvalue_input(tensor.name, self._buffer(tensor.name, tensor.shape))
        for tensor in session.get_outputs():
            self._binding.bind_ortvalue_output(tensor.name, self._buffer(tensor.name, tensor.shape))

    def feed(self, block):
        self._buffers["x"].update_inplace(self._graph.given(block))
        self.run(1)
        return self._graph.rows(self._buffers["y"].numpy())

    def run(self, calls):
        run, binding = self._session.run_with_iobinding, self._binding
        for _ in range(calls):
            run(binding)

    def _buffer(self, name: str, shape: list[int]) -> ort.OrtValue:
        """Return the zeroed buffer of a tensor, the same one for a cache going in and coming out."""
        key = name.removesuffix(".in").removesuffix(".out")
        if key not in self._buffers:
            self._buffers[key] = ort.OrtValue.ortvalue_from_numpy(np.zeros(shape, np.float32))
        return self._buffers[key]


def _session_options() -> ort.SessionOptions:
    options = ort.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    return options


def open_contender(way: str) -> OnnxRuntime:
    """Return ONNX Runtime with one way of writing graphs."""
    return OnnxRuntime(way)
