"""Random ONNX graphs over the operations that our reader takes, held against ONNX Runtime.

As a script: ``python tests/support/random_onnx.py FIRST COUNT`` tries that many and says which differ.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import wavenetlite as wl

FRAMES = 23, 31
"""Of the two signals that a graph is tried with; the first is that for which it is made."""

onnxruntime.set_default_logger_severity(4)


class RandomGraph:
    """A graph that grows node by node; every tensor's shape, (1, channels, frames), is known from ONNX Runtime."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.opset = int(self.rng.choice([9, 11, 12, 13, 17, 18]))
        self.channels = int(self.rng.integers(1, 5))
        self.dynamic = bool(self.rng.random() < 0.7)
        self.nodes, self.constants = [], {}
        self.shapes = {"x": (1, self.channels, FRAMES[0])}
        self.last = "x"

    def of(self, *values):
        return values[int(self.rng.integers(len(values)))]

    def constant(self, value, dtype=np.float32):
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(value, dtype)
        return name

    def floats(self, *shape):
        return self.constant(self.rng.standard_normal(shape) * 0.7)

    def integers(self, *values):
        return self.constant(values, np.int64)

    def bytes(self, output=None):
        frames = "T" if self.dynamic else FRAMES[0]
        infos = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, self.channels, frames])]
        outputs = [helper.make_tensor_value_info(output or self.last, TensorProto.FLOAT, None)]
        values = [numpy_helper.from_array(value, name) for name, value in self.constants.items()]
        graph = helper.make_graph([node for node, _ in self.nodes], "g", infos, outputs, values)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)
        return model.SerializeToString()

    def add(self, kind, *inputs, outputs=1, **attributes):
        """Note a node, if ONNX Runtime can run it; its first output is the newest tensor."""
        name = f"t{len(self.nodes)}"
        names = [name] + [f"{name}_{n}" for n in range(1, outputs)]
        self.nodes.append((helper.make_node(kind, list(inputs), names, **attributes), name))
        try:
            shape = run(self.bytes(name), self.signal(FRAMES[0])).shape
        except Exception:  # no valid graph
            self.nodes.pop()
            return False
        if len(shape) != 3 or shape[0] != 1 or min(shape) < 1:
            self.nodes.pop()
            return False
        self.shapes[name] = shape
        self.last = name
        return True

    def signal(self, frames):
        return np.random.default_rng(1).standard_normal((1, self.channels, frames)).astype(np.float32)

    def grow(self, steps):
        for _ in range(steps):
            source = self.last if self.rng.random() < 0.8 else self.of(*self.shapes)
            STEPS[int(self.rng.integers(len(STEPS)))](self, source, *self.shapes[source][1:])


def run(data, x):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(data, options).run(None, {"x": x})[0]


def conv(g, x, channels, frames):
    groups = channels if g.rng.random() < 0.2 else 1
    size, dilation, out = (
        g.of(1, 2, 3, 4, 5),
        g.of(1, 1, 2, 3),
        groups * g.of(1, 2, 3) if groups > 1 else g.of(1, 2, 3, 4),
    )
    reach = (size - 1) * dilation
    options = {"group": groups, "dilations": [dilation]}
    kind = g.of("none", "causal", "some", "auto")
    if kind == "auto":
        options["auto_pad"] = g.of("SAME_UPPER", "SAME_LOWER", "VALID")
    elif kind != "none":
        options["pads"] = [reach, 0] if kind == "causal" else [g.of(*range(reach + 1)), g.of(*range(reach + 2))]
    if g.rng.random() < 0.25:
        options["strides"] = [g.of(2, 3)]
    inputs = [x, g.floats(out, channels // groups, size)] + ([g.floats(out)] if g.rng.random() < 0.5 else [])
    g.add("Conv", *inputs, **options)


def conv_transpose(g, x, channels, frames):
    stride, size, out = g.of(1, 2, 3), g.of(1, 2, 3, 4), g.of(1, 2, 3)
    pads = [g.of(0, 1, 2), g.of(0, 1, 2)]
    g.add(
        "ConvTranspose",
        x,
        g.floats(channels, out, size),
        strides=[stride],
        pads=pads,
        output_padding=[g.of(0, 0, 1)],
        dilations=[g.of(1, 1, 2)],
    )


def crop(g, x, channels, frames):
    start = g.of(0, 1, 2, 3, 0, 1, 2, 3, -3, -(frames - 1), frames - 2)
    end = g.of(2**31 - 1, 2**63 - 1, -1, -2, 2**31 - 1, 2**63 - 1, -1, -2, -3, frames, frames - 1, frames + 5)
    step = g.of(1, 1, 1, 2)
    if g.opset < 10:
        g.add("Slice", x, starts=[start], ends=[min(end, 2**31 - 1)], axes=[2])
    else:
        g.add("Slice", x, g.integers(start), g.integers(end), g.integers(g.of(2, -1)), g.integers(step))


def part(g, x, channels, frames):
    start = g.of(*range(channels))
    if g.opset >= 10:
        g.add("Slice", x, g.integers(start), g.integers(g.of(channels, channels + 1, 2**62, -1)), g.integers(1))


def pad(g, x, channels, frames):
    pads = [0, 0, g.of(-2, -1, 0, 1, 2, 4), 0, 0, g.of(-2, -1, 0, 1, 2)]
    mode = g.of(*["constant"] * 30, "reflect", "edge")
    if g.opset < 11:
        g.add("Pad", x, pads=pads, mode=mode)
    else:
        g.add("Pad", x, g.integers(*pads), *([g.constant(g.of(0.0, 1.0))] if g.rng.random() < 0.2 else []), mode=mode)


def activation(g, x, channels, frames):
    kind = g.of(
        "Relu",
        "Tanh",
        "Sigmoid",
        "LeakyRelu",
        "Elu",
        "Softsign",
        "HardSigmoid",
        "Selu",
        "Neg",
        "Identity",
        "Softmax",
        "PRelu",
        "Clip",
        "Cast",
        "HardSwish",
        "Pow",
        "Dropout",
        g.of("Abs", "Erf", "LogSoftmax", "Exp", "Tanh"),
    )
    options, inputs = {}, [x]
    if kind in ("Softmax", "LogSoftmax") and g.rng.random() < 0.8:
        options["axis"] = g.of(0, 1, 2, -1, -2)
    if kind in ("LeakyRelu", "Elu", "Selu", "HardSigmoid") and g.rng.random() < 0.5:
        options["alpha"] = float(g.rng.uniform(0.1, 1.5))
    if kind == "HardSigmoid" and g.rng.random() < 0.5:
        options["beta"] = float(g.rng.uniform(-1, 1))
    if kind == "PRelu":
        inputs.append(g.floats(channels, 1) if g.rng.random() < 0.6 else g.floats(1))
    if kind == "Clip":
        low, high = sorted(g.rng.standard_normal(2).tolist())
        if g.opset < 11:
            options = {"min": low, "max": high}
        else:
            inputs += [g.of("", g.constant(low)), g.of("", g.constant(high))]
    if kind == "Cast":
        options["to"] = g.of(TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.INT32, TensorProto.BOOL)
        if not g.add_cast(x, options["to"]):
            return
        return
    if kind == "Pow":
        inputs.append(g.constant(g.of(2.0, 2.0, 3.0)))
    g.add(kind, *inputs, **options)


def cast(g, x, to):
    """To another type and back again, as one step."""
    name = f"k{len(g.nodes)}"
    g.nodes.append((helper.make_node("Cast", [x], [name], to=to), name))
    if not g.add("Cast", name, to=TensorProto.FLOAT):
        g.nodes.pop()
        return False
    return True


RandomGraph.add_cast = cast


def arithmetic(g, x, channels, frames):
    shape = g.of(
        (), (1,), (channels, 1), (1, channels, 1), g.of((1, 1, 1), (channels, 1), (channels, frames), (frames,))
    )
    inputs = [x, g.floats(*shape)]
    kind = g.of("Add", "Sub", "Mul", "Div")
    if g.rng.random() < (0.03 if kind == "Div" else 0.3):
        inputs.reverse()
    g.add(kind, *inputs)


def join(g, x, channels, frames):
    others = [name for name, shape in g.shapes.items() if shape[2] == frames and shape[1] in (channels, 1)]
    if g.rng.random() < 0.4:
        others = [name for name, shape in g.shapes.items() if shape[2] >= frames] or others
        other = g.of(*others)
        more = g.shapes[other][2] - frames
        if more and g.opset >= 10:
            start = g.of(0, more, *range(more + 1))
            g.add("Slice", other, g.integers(start), g.integers(start + frames), g.integers(2))
            other = g.last
    else:
        other = g.of(*others)
    inputs = [x, other] if g.rng.random() < 0.5 else [other, x]
    if g.rng.random() < 0.3:
        g.add("Concat", *inputs, axis=1)
    elif g.rng.random() < 0.1:
        g.add("Concat", *inputs, axis=2)
    else:
        g.add(g.of("Add", "Sub", "Mul", "Sum", "Add", g.of("Add", "Sub", "Div")), *inputs)


def zeros(g, x, channels, frames):
    constant = g.constant(np.zeros((1, channels, g.of(1, 2, 3))))
    g.add("Concat", *g.of((x, constant), (constant, x)), axis=g.of(2, 2, -1))


def norm(g, x, channels, frames):
    kind = g.of(
        "BatchNormalization", "BatchNormalization", "BatchNormalization", "InstanceNormalization", "LayerNormalization"
    )
    if kind == "BatchNormalization":
        variance = g.constant(g.rng.uniform(0.5, 2, channels))
        g.add(kind, x, *(g.floats(channels) for _ in range(3)), variance, epsilon=g.of(1e-5, 1e-2))
    elif kind == "InstanceNormalization":
        g.add(kind, x, g.floats(channels), g.floats(channels))
    elif g.opset >= 17:
        axis = g.of(-1, 1, 2)
        g.add(kind, x, g.floats(*g.shapes[x][axis:]), axis=axis)


def pool(g, x, channels, frames):
    size = g.of(1, 2, 3)
    options = {"kernel_shape": [size], "strides": [g.of(1, 1, 2, 3)]}
    if g.rng.random() < 0.5:
        options["count_include_pad"] = g.of(0, 1, 1, 1)
    if g.rng.random() < 0.3 and g.opset >= 10:
        options["ceil_mode"] = g.of(0, 1)
    if g.rng.random() < 0.6:
        options["pads"] = [g.of(*range(size)), g.of(*range(size))]
    elif g.rng.random() < 0.5:
        options["auto_pad"] = g.of("SAME_UPPER", "SAME_LOWER", "VALID")
    g.add("AveragePool", x, **options)


def resize(g, x, channels, frames):
    scales = g.constant([1, 1, g.of(1.0, 2.0, 3.0, 1.5)])
    if g.opset < 10:
        g.add("Upsample", x, scales, mode=g.of("nearest", "nearest", "linear"))
    elif g.opset >= 11:
        options = {"mode": g.of("nearest", "nearest", "linear")}
        if g.rng.random() < 0.7:
            options["coordinate_transformation_mode"] = g.of("half_pixel", "asymmetric", "align_corners")
        if g.rng.random() < 0.7:
            options["nearest_mode"] = g.of("floor", "round_prefer_floor", "round_prefer_ceil", "ceil")
        g.add("Resize", x, "", scales, **options)


def matrix(g, x, channels, frames):
    """A matrix over the channels: from the left, or between two transpositions."""
    out = g.of(1, 2, 3)
    if g.rng.random() < 0.4:
        g.add("MatMul", g.floats(out, channels), x)
        return
    name = f"k{len(g.nodes)}"
    count = len(g.nodes)
    g.nodes.append((helper.make_node("Transpose", [x], [name], perm=[0, 2, 1]), name))
    g.nodes.append((helper.make_node("MatMul", [name, g.floats(channels, out)], [name + "m"]), name))
    if not g.add("Transpose", name + "m", perm=[0, 2, 1]):
        del g.nodes[count:]


def split(g, x, channels, frames):
    first = g.of(*range(1, channels)) if channels > 1 else 1
    if g.opset < 13:
        g.add("Split", x, outputs=2, axis=1, split=[first, channels - first])
    else:
        g.add("Split", x, g.integers(first, channels - first), outputs=2, axis=1)


def reduce(g, x, channels, frames):
    if g.rng.random() < 0.7:
        return
    if g.opset < 18:
        g.add(g.of("ReduceMean", "ReduceMax"), x, axes=[g.of(2, 1, -1)], keepdims=1)
    else:
        g.add(g.of("ReduceMean", "ReduceMax"), x, g.integers(g.of(2, 1, -1)), keepdims=1)
    if g.rng.random() < 0.3:
        g.add(g.of("GlobalAveragePool", "GlobalMaxPool"), x)


def reshape(g, x, channels, frames):
    g.add(
        "Reshape",
        x,
        g.integers(
            *g.of(
                (1, channels, -1),
                (0, 0, -1),
                (-1, channels, frames),
                (1, -1, channels),
                (1, channels, frames),
                (1, frames, channels),
            )
        ),
    )


STEPS = [conv, conv, conv, conv, conv_transpose, crop, crop, pad, pad, activation, activation, activation, arithmetic,
         arithmetic, join, join, join, zeros, norm, pool, matrix, split, reduce, reshape, part,
         resize]  # fmt: skip


def outcome(seed, folder):
    """What becomes of a random graph: "right", "refused", "invalid", or what is wrong."""
    g = RandomGraph(seed)
    g.grow(int(g.rng.integers(1, 8)))
    if not g.nodes:
        return "invalid"
    data = g.bytes()
    path = Path(folder) / "g.onnx"
    path.write_bytes(data)
    try:
        model = wl.load(path)
    except wl.ModelFileError as error:
        return f"refused {str(error).rpartition('): ')[2]}"
    for frames in FRAMES if g.dynamic else FRAMES[:1]:
        x = g.signal(frames)
        try:
            wanted = run(data, x)[0].T
        except Exception:  # a constant of the other length
            continue
        mine = x[0].T if model.in_channels == g.channels else x[0]  # of a fixed length, either axis may be time
        got = model(np.ascontiguousarray(mine))
        if model.in_channels != g.channels:
            wanted = wanted.T if len(wanted) > 1 or got.shape[1:] != wanted.shape[1:] else wanted
        if (
            len(wanted) == 1 and len(got) > 1 and got.shape[::-1] != wanted.shape
        ):  # a mean over the signal: that of all frames is the last
            got = got[-1:]
        if got.shape not in (wanted.shape, wanted.shape[::-1]) and wanted.size == got.shape[1]:
            got, wanted = got[-1], wanted.ravel()  # so too where its channels stand on another axis
        if got.shape != wanted.shape and got.shape[::-1] == wanted.shape:  # a single channel has no axis of its own
            got = got.T
        if got.shape != wanted.shape:
            return f"WRONG: {frames} frames give {got.shape}, must be {wanted.shape}"
        if not np.abs(got - wanted).max() <= 2e-5 * max(1.0, np.abs(wanted).max()):
            return f"WRONG: {frames} frames differ by {np.abs(got - wanted).max():.3g} of {np.abs(wanted).max():.3g}"
    return "right"


def described(seed):
    """The nodes of a graph, for a message."""
    g = RandomGraph(seed)
    g.grow(int(g.rng.integers(1, 8)))
    lines = [f"opset {g.opset}, channels {g.channels}, dynamic {g.dynamic}"]
    for node, name in g.nodes:
        options = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        values = [g.constants[i].ravel().tolist() if i in g.constants and g.constants[i].dtype == np.int64 else
                  f"{i}{g.constants[i].shape}" if i in g.constants else i for i in node.input]  # fmt: skip
        lines.append(f"  {node.op_type} {values} -> {list(node.output)} {options} {g.shapes.get(name)}")
    return "\n".join(lines)


if __name__ == "__main__":
    first, count = map(int, sys.argv[1:3])
    found: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            try:
                said = outcome(seed, folder)
            except Exception as error:
                said = f"WRONG: {type(error).__name__} {error}"
            found[said.split(" ")[0]] += 1
            if said.startswith("WRONG"):
                print(seed, said)
                if "-v" in sys.argv:
                    print(described(seed))
            elif "-r" in sys.argv and said.startswith("refused"):
                print(seed, said)
    print(dict(found))
    sys.exit("WRONG:" in found)
