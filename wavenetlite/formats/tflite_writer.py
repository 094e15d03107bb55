"""A TFLite file that grows tensor by tensor and operator by operator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from wavenetlite.formats.flatbuffer import Writer
from wavenetlite.formats.tflite_file import MAGIC
from wavenetlite.formats.tflite_schema import MODEL, OPERATORS, OPTIONS, TYPES

CODES = {name: number for number, name in TYPES.items()}
OPTION_TYPES = {
    "CONV_2D": 1, "DEPTHWISE_CONV_2D": 2, "AVERAGE_POOL_2D": 5, "MAX_POOL_2D": 5, "FULLY_CONNECTED": 8, "SOFTMAX": 9,
    "CONCATENATION": 10, "ADD": 11, "RESHAPE": 17, "MUL": 21, "PAD": 22, "GATHER": 23, "BATCH_TO_SPACE_ND": 24,
    "SPACE_TO_BATCH_ND": 25, "TRANSPOSE": 26, "MEAN": 27, "REDUCE_MAX": 27, "SUB": 28, "DIV": 29, "SQUEEZE": 30,
    "STRIDED_SLICE": 32, "SPLIT": 35, "MAXIMUM": 39, "MINIMUM": 39, "NEG": 42, "EXPAND_DIMS": 52, "TILE": 53,
    "SHAPE": 55, "PACK": 59, "LEAKY_RELU": 75, "SQUARED_DIFFERENCE": 76, "SPLIT_V": 79, "QUANTIZE": 89,
    "GREATER_EQUAL": 45, "IF": 92,
    "CALL_ONCE": 103, "VAR_HANDLE": 111, "READ_VARIABLE": 112, "ASSIGN_VARIABLE": 113, "GELU": 114,
}  # fmt: skip
"""By operator: the number of the kind of its options in the schema."""
VERSIONS = {"CONV_2D": 3, "DEPTHWISE_CONV_2D": 3, "ADD": 2, "MUL": 2, "CONCATENATION": 2, "STRIDED_SLICE": 2,
            "LOGISTIC": 2, "MAX_POOL_2D": 2, "AVERAGE_POOL_2D": 2}  # fmt: skip
"""Of operators on int8; of all others it is 1."""


class TfliteWriter:
    """A file with one or more graphs; tensors and operators are of the last one."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self.buffers: list[dict[str, Any]] = [{}]
        self.graphs: list[dict[str, Any]] = []
        self.graph()

    def graph(self) -> None:
        """Begin another graph."""
        self.tensors: list[dict[str, Any]] = []
        self.operators: list[dict[str, Any]] = []
        self.graphs.append({"tensors": self.tensors, "operators": self.operators, "inputs": [], "outputs": []})

    def ends(self, inputs: Sequence[int], outputs: Sequence[int]) -> None:
        """Say which tensors are the graph's inputs and outputs."""
        self.graphs[-1] |= {"inputs": inputs, "outputs": outputs}

    def tensor(
        self, shape: Sequence[int], type: str = "float32", *, data: np.ndarray | None = None,
        signature: Sequence[int] | None = None, scale: Any = None, zero_point: int = 0, axis: int = 0,
    ) -> int:  # fmt: skip
        """Add a tensor; its number. `scale` is one number, or one for each place of `axis`."""
        name = f"t{len(self.tensors)}"
        about: dict[str, Any] = {"shape": list(shape), "type": CODES[type], "name": name, "buffer": 0,
                                 "signature": signature}  # fmt: skip
        if data is not None:
            about["buffer"] = len(self.buffers)
            self.buffers.append({"data": np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)})
        if scale is not None:
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            about["quantization"] = {"scale": scales, "zero_point": np.full(len(scales), zero_point), "axis": axis}
        self.tensors.append(about)
        return len(self.tensors) - 1

    def constant(self, data: Any, **options: Any) -> int:
        array = np.asarray(data)
        return self.tensor(array.shape, str(array.dtype), data=array, **options)

    def operator(self, kind: str, inputs: Sequence[int], outputs: Sequence[int], **options: Any) -> int:
        """Add an operator; the number of its first output, -1 if it has none."""
        if kind not in self.codes:
            self.codes.append(kind)
        about: dict[str, Any] = {"code": self.codes.index(kind), "inputs": inputs, "outputs": outputs}
        if kind in OPTION_TYPES:
            about["options_type"] = OPTION_TYPES[kind]
            about["options"] = lambda writer: writer.table(OPTIONS.get(kind, {}), options)
        self.operators.append(about)
        return outputs[0] if outputs else -1

    def bytes(self, **more: Any) -> bytes:
        """The file; `more` are further fields of the model."""
        numbers = [OPERATORS.index(kind) for kind in self.codes]
        codes = [{"old_code": min(number, 127), "code": number, "version": VERSIONS.get(kind, 1)}
                 for kind, number in zip(self.codes, numbers, strict=True)]  # fmt: skip
        model = {"version": 3, "codes": codes, "subgraphs": self.graphs, "buffers": self.buffers} | more
        return Writer(MAGIC).file(MODEL, model)
