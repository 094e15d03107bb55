"""A network's graph in int8: weights by channel, activations by tensor, QuantizeLinear and DequantizeLinear nodes.

ONNX Runtime's own tool makes it, from the ranges of signals in the first frames that the output is checked on.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from benchmarks.models import Network, signal
from benchmarks.peers.onnx_graphs import Graph

QUANTIZED_WAYS = ("plain", "gemm")
CALIBRATION_FRAMES, MOST_CALLS = 1100, 64


class Calls(CalibrationDataReader):
    """The inputs of calls one after the other: a block, and the caches that the call before has left."""

    def __init__(self, graph: Graph, model: bytes, network: Network):
        self._inputs = self._made(graph, ort.InferenceSession(model, providers=["CPUExecutionProvider"]), network)

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._inputs, None)

    @staticmethod
    def _made(graph: Graph, session: ort.InferenceSession, network: Network) -> Iterator[dict[str, np.ndarray]]:
        shapes = {tensor.name: tensor.shape for tensor in session.get_inputs()}
        caches = {name: np.zeros(shape, np.float32) for name, shape in shapes.items() if name != "x"}
        calls = min(-(-CALIBRATION_FRAMES // graph.frames), MOST_CALLS) if caches else 1
        for block in np.split(signal(network, calls * graph.frames, graph.clips), calls, axis=-2):
            inputs = {"x": graph.given(block), **caches}
            yield inputs
            _, *outputs = session.run(None, inputs)
            caches = dict(zip(caches, outputs, strict=True))


def quantized(graph: Graph, network: Network) -> bytes:
    """The graph's model in int8, serialised."""
    model = graph.model().SerializeToString()
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "float.onnx"), Path(folder, "int8.onnx")
        given.write_bytes(model)
        quantize_static(
            str(given),
            str(made),
            Calls(graph, model, network),
            quant_format=QuantFormat.QDQ,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["Conv", "Gemm", "MatMul"],
        )
        return made.read_bytes()
