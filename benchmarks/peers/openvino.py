"""OpenVINO on the graphs made for ONNX Runtime, the fastest of them; caches are bound in place, one thread.

``fp32``
    Inference in float32.
``bf16``
    Products in bfloat16, where the CPU has them: OpenVINO itself says whether it does.
``int8``
    The quantised graph (`benchmarks.peers.quantized`).
"""

from functools import cache

import numpy as np
import openvino as ov

from benchmarks.contenders import INT8_TOLERANCE, TOLERANCE, Calls, UnavailableError
from benchmarks.models import Network
from benchmarks.peers.fastest import fastest
from benchmarks.peers.onnx_graphs import Graph
from benchmarks.peers.onnx_ways import WAYS
from benchmarks.peers.quantized import QUANTIZED_WAYS, quantized

TOLERANCES = {"fp32": TOLERANCE, "bf16": 0.1, "int8": INT8_TOLERANCE}
FLOAT_WAYS = ("plain", "conv2d", "gemm")  # it does not know ONNX Runtime's own FusedConv


class OpenVino:
    """The contender, in one precision."""

    version = f"openvino {ov.__version__.split('-')[0]}"

    def __init__(self, precision: str):
        self.tolerance = TOLERANCES[precision]
        self._precision = precision
        self._core = ov.Core()
        if precision == "bf16" and "BF16" not in self._core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise UnavailableError("this CPU has no bfloat16 products")
        self._options = {
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
        }

    def prepare(self, network: Network, frames: int, *, streaming: bool, clips: int = 1) -> Calls:
        @cache
        def compiled(way: str) -> tuple[ov.CompiledModel, Graph]:
            graph = WAYS[way](network, frames, streaming=streaming, clips=clips)
            model = quantized(graph, network) if self._precision == "int8" else graph.model().SerializeToString()
            return self._core.compile_model(self._core.read_model(model), "CPU", self._options), graph

        def runner(way: str) -> OpenVinoRunner:
            return OpenVinoRunner(*compiled(way))

        return fastest(runner, QUANTIZED_WAYS if self._precision == "int8" else FLOAT_WAYS, network)


class OpenVinoRunner(Calls):
    """A request with its tensors bound: inputs and outputs stand in the graph's order, the caches after the signal."""

    def __init__(self, compiled: ov.CompiledModel, graph: Graph):
        super().__init__(graph.frames, graph.clips)
        self._graph = graph
        self._request = compiled.create_infer_request()
        self._x, *caches = [_zeros(tensor) for tensor in compiled.inputs]
        self._y = _zeros(compiled.outputs[0])
        for number, (given, made) in enumerate(zip([self._x, *caches], [self._y, *caches], strict=True)):
            self._request.set_input_tensor(number, given)
            self._request.set_output_tensor(number, made)

    def feed(self, block):
        self._x.data[:] = self._graph.given(block)
        self.run(1)
        return self._graph.rows(self._y.data)

    def run(self, calls):
        infer = self._request.infer
        for _ in range(calls):
            infer()


def _zeros(tensor: ov.ConstOutput) -> ov.Tensor:
    return ov.Tensor(np.zeros(list(tensor.shape), np.float32))


def open_contender(precision: str) -> OpenVino:
    """Return OpenVINO in ``"fp32"``, ``"bf16"`` or ``"int8"``."""
    return OpenVino(precision)
