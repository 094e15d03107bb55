"""TFLite files made for tests: tensors, operators and their options, written by our own writer of flatbuffers."""

from __future__ import annotations

import numpy as np

from wavenetlite.formats.flatbuffer import Writer
from wavenetlite.formats.tflite_schema import MODEL, OPERATORS, OPTIONS, TYPES

CODES = {name: number for number, name in TYPES.items()}
OPTION_TYPES = {
    "CONV_2D": 1, "DEPTHWISE_CONV_2D": 2, "AVERAGE_POOL_2D": 5, "MAX_POOL_2D": 5, "FULLY_CONNECTED": 8, "SOFTMAX": 9,
    "CONCATENATION": 10, "ADD": 11, "RESHAPE": 17, "MUL": 21, "PAD": 22, "GATHER": 23, "BATCH_TO_SPACE_ND": 24,
    "SPACE_TO_BATCH_ND": 25, "MEAN": 27, "SUB": 28, "DIV": 29, "SQUEEZE": 30, "STRIDED_SLICE": 32, "SPLIT": 35,
    "MAXIMUM": 39, "MINIMUM": 39, "NEG": 42, "EXPAND_DIMS": 52, "SHAPE": 55, "PACK": 59, "LEAKY_RELU": 75,
    "SQUARED_DIFFERENCE": 76, "SPLIT_V": 79, "QUANTIZE": 89, "CALL_ONCE": 103, "VAR_HANDLE": 111, "READ_VARIABLE": 112,
    "ASSIGN_VARIABLE": 113, "GELU": 114, "REDUCE_MAX": 27, "TRANSPOSE": 26, "TILE": 53,
}  # fmt: skip
"""The number of the kind of options of an operator in the schema."""


class TfliteFile:
    """A file with one or more graphs, of which the first is under way until `graph` begins another."""

    def __init__(self):
        self.codes, self.buffers, self.graphs = [], [{}], []
        self.graph()

    def graph(self):
        self.tensors, self.operators = [], []
        self.graphs.append({"tensors": self.tensors, "operators": self.operators, "inputs": [], "outputs": []})

    def tensor(self, shape, type="float32", *, data=None, name=None, signature=None, scale=None, zero_point=0, axis=0):
        """Add a tensor; its number."""
        about = {"shape": list(shape), "type": CODES[type], "name": name or f"t{len(self.tensors)}", "buffer": 0}
        if signature is not None:
            about["signature"] = list(signature)
        if data is not None:
            about["buffer"] = len(self.buffers)
            self.buffers.append({"data": np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)})
        if scale is not None:
            scales = np.atleast_1d(np.asarray(scale, np.float32))
            about["quantization"] = {"scale": scales, "zero_point": np.full(len(scales), zero_point), "axis": axis}
        self.tensors.append(about)
        return len(self.tensors) - 1

    def constant(self, data, **options):
        data = np.asarray(data)
        return self.tensor(data.shape, str(data.dtype), data=data, **options)

    def operator(self, kind, inputs, outputs, **options):
        if kind not in self.codes:
            self.codes.append(kind)
        about = {"code": self.codes.index(kind), "inputs": inputs, "outputs": outputs}
        if kind in OPTION_TYPES:
            about["options_type"] = OPTION_TYPES[kind]
            about["options"] = lambda writer: writer.table(OPTIONS.get(kind, {}), options)
        self.operators.append(about)
        return outputs[0] if outputs else None

    def ends(self, inputs, outputs):
        self.graphs[-1] |= {"inputs": inputs, "outputs": outputs}

    def model(self, **more):
        codes = [{"old_code": min(OPERATORS.index(kind), 127), "code": OPERATORS.index(kind), "version": 1}
                 for kind in self.codes]  # fmt: skip
        return {"version": 3, "codes": codes, "subgraphs": self.graphs, "buffers": self.buffers} | more

    def bytes(self, **more):
        return Writer(b"TFL3").file(MODEL, self.model(**more))


class StreamingFile(TfliteFile):
    """A file that keeps state in variables, as those of microWakeWord do: floats, time on the axis H."""

    def __init__(self, frames, channels, seed=0):
        super().__init__()
        self.rng = np.random.default_rng(seed)
        self.states, self.start = [], 0.0
        self.operator("CALL_ONCE", [], [], subgraph=1)
        self.input = self.tensor((1, frames, channels))
        self.frames = frames
        shape = self.constant(np.array([1, frames, 1, channels], np.int32))
        self.value = self.operator("RESHAPE", [self.input, shape], [self.tensor((1, frames, 1, channels))])

    def shape(self, number):
        return tuple(self.tensors[number]["shape"])

    def kept(self, state, *, ring=False):
        """Frames of before the call, in front of the value; `ring`: the variable is as long as the result."""
        _, frames, _, channels = self.shape(self.value)
        whole = (1, state + frames, 1, channels)
        held = whole if ring else (1, state, 1, channels)
        name = f"states{len(self.states)}"
        self.states.append((name, held))
        handle = self.operator("VAR_HANDLE", [], [self.tensor((), "resource")], name=name)
        before = self.operator("READ_VARIABLE", [handle], [self.tensor(held)])
        if ring:
            before = self.last(before, state)
        self.value = self.operator("CONCATENATION", [before, self.value], [self.tensor(whole)], axis=1)
        after = self.value if ring else self.last(self.value, state)
        self.operator("ASSIGN_VARIABLE", [handle, after], [])

    def last(self, number, frames):
        """The last frames of a tensor."""
        shape = (1, frames, *self.shape(number)[2:])
        numbers = [self.constant(np.array(one, np.int32)) for one in ((0, -frames, 0, 0), (0,) * 4, (1,) * 4)]
        return self.operator("STRIDED_SLICE", [number, *numbers], [self.tensor(shape)], begin_mask=13, end_mask=15)

    def convolution(self, out, kernel, *, stride=1, activation=1, depthwise=False):
        _, frames, _, channels = self.shape(self.value)
        shape = (1, kernel, 1, channels) if depthwise else (out, kernel, 1, channels)
        weight, bias = (self.rng.standard_normal(one).astype(np.float32) / 3 for one in (shape, (out,)))
        made = self.tensor((1, (frames - kernel) // stride + 1, 1, out))
        kind = "DEPTHWISE_CONV_2D" if depthwise else "CONV_2D"
        options = {"multiplier": 1} if depthwise else {}
        self.value = self.operator(kind, [self.value, self.constant(weight), self.constant(bias)], [made], padding=1,
                                   stride_w=1, stride_h=stride, activation=activation, **options)  # fmt: skip

    def dense(self, out):
        """A matrix over all frames and channels."""
        _, frames, _, channels = self.shape(self.value)
        flat = self.operator("RESHAPE", [self.value, self.constant(np.array([1, frames * channels], np.int32))],
                             [self.tensor((1, frames * channels))])  # fmt: skip
        weight = self.rng.standard_normal((out, frames * channels)).astype(np.float32) / 3
        logits = self.operator("FULLY_CONNECTED", [flat, self.constant(weight), -1], [self.tensor((1, out))])
        self.value = self.operator("LOGISTIC", [logits], [self.tensor((1, out))])

    def finished(self):
        """The bytes, with a graph that sets all of every variable to `start`."""
        self.ends([self.input], [self.value])
        self.graph()
        for name, shape in self.states:
            handle = self.operator("VAR_HANDLE", [], [self.tensor((), "resource")], name=name)
            self.operator("ASSIGN_VARIABLE", [handle, self.constant(np.full(shape, self.start, np.float32))], [])
        return self.bytes(signatures=[{"key": "serving_default", "subgraph": 0}])
