"""TFLite files made for tests."""

from __future__ import annotations

import numpy as np

from wavenetlite.formats.tflite_writer import TfliteWriter as TfliteFile


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
