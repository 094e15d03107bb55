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

FRAMES = 24, 31, 48
"""Of the signals that a graph is tried with; the first is that for which it is made."""

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
        self.last, self.seen = "x", 0  # nodes up to the last that was looked at

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
        name, count = f"t{len(self.nodes)}", self.seen
        names = [name] + [f"{name}_{n}" for n in range(1, outputs)]
        self.nodes.append((helper.make_node(kind, list(inputs), names, **attributes), name))
        try:
            shape = run(self.bytes(name), self.signal(FRAMES[0])).shape
        except Exception:  # no valid graph
            del self.nodes[count:]
            return False
        if len(shape) != 3 or shape[0] != 1 or min(shape) < 1:
            del self.nodes[count:]
            return False
        self.shapes[name] = shape
        self.last, self.seen = name, len(self.nodes)
        return True

    def hidden(self, kind, *inputs, **attributes):
        """A node that is not looked at, such as one of sizes."""
        name = f"h{len(self.nodes)}"
        self.nodes.append((helper.make_node(kind, list(inputs), [name], **attributes), name))
        return name

    def size(self, x, axis):
        """One size of a tensor, (1,)."""
        return self.hidden("Gather", self.hidden("Shape", x), self.integers(axis))

    def signal(self, frames):
        return np.random.default_rng(1).standard_normal((1, self.channels, frames)).astype(np.float32)

    def grow(self, steps):
        for _ in range(steps):
            source = self.last if self.rng.random() < 0.8 else self.of(*self.shapes)
            STEPS[int(self.rng.integers(len(STEPS)))](self, source, *self.shapes[source][1:])
            del self.nodes[self.seen :]


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
    return g.add("Cast", g.hidden("Cast", x, to=to), to=TensorProto.FLOAT)


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
    turned = g.hidden("Transpose", x, perm=[0, 2, 1])
    if g.rng.random() < 0.5:  # all frames on one axis, as tf2onnx writes a Dense
        rows = g.hidden("Reshape", turned, g.integers(*g.of((-1, channels), (frames, channels))))
        shape = g.hidden("Concat", g.size(turned, 0), g.size(turned, 1), g.integers(out), axis=0)
        made = g.hidden("Relu", g.hidden("MatMul", rows, g.floats(channels, out)))
        g.add("Transpose", g.hidden("Reshape", made, g.of(shape, g.integers(1, -1, out))), perm=[0, 2, 1])
        return
    g.add("Transpose", g.hidden("MatMul", turned, g.floats(channels, out)), perm=[0, 2, 1])


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


def around_strides(g, x, channels, frames):
    """Down and up again, with a skip around."""
    (size, stride), inner = g.of((2, 2), (4, 2), (3, 2), (4, 2), (8, 4), (6, 3), (5, 2)), g.of(1, 2, 3)
    pads = [(size - stride) // 2] * 2
    down = [conv_of(g, x, channels, inner, size, strides=[stride], pads=pads)]
    if g.rng.random() < 0.4:
        low = conv_of(g, down[0], inner, 2, 4, strides=[2], pads=[1, 1])
        low = g.hidden("ConvTranspose", low, g.floats(2, inner, 4), strides=[2], pads=[1, 1])
        down.append(g.hidden("Add", low, down[0]))
    if g.rng.random() < 0.4:
        down.append(conv_of(g, g.hidden("Tanh", down[-1]), inner, inner, 3, pads=[1, 1]))
    up = g.hidden("ConvTranspose", down[-1], g.floats(inner, channels, size), strides=[stride], pads=pads,
                  output_padding=[g.of(0, 0, 1)])  # fmt: skip
    if g.opset >= 11 and g.rng.random() < 0.3:
        up = g.hidden("Slice", up, g.integers(0), g.size(x, 2), g.integers(2))
    if g.opset >= 11 and g.rng.random() < 0.2:
        missing = g.hidden("Sub", g.size(x, 2), g.size(up, 2))
        up = g.hidden("Pad", up, g.hidden("Concat", g.integers(0, 0, 0, 0, 0), missing, axis=0))
    kind = g.of("Add", "Concat", "Mul")
    g.add(kind, up, x, **({"axis": 1} if kind == "Concat" else {}))


def conv_of(g, x, channels, out, size, **options):
    return g.hidden("Conv", x, g.floats(out, channels, size), **options)


def by_shape(g, x, channels, frames):
    """Cut, padded or renamed by sizes that are computed."""
    if g.opset < 11:
        return
    kind = g.of("crop", "half", "channels", "pad", "rename", "other", "round")
    length, other = g.size(x, 2), g.of(*g.shapes)
    if kind == "crop":
        g.add("Slice", x, g.integers(g.of(0, 1)), g.hidden("Sub", length, g.integers(g.of(1, 2))), g.integers(2))
    elif kind == "half" and frames > 3:
        half = g.hidden("Div", length, g.integers(2))
        twice = g.hidden("Mul", half, g.integers(2))
        g.add("Slice", x, g.integers(0), g.hidden("Sub", twice, g.integers(2)) if g.rng.random() < 0.5 else
              g.hidden("Add", length, g.hidden("Sub", length, twice)), g.integers(2))  # fmt: skip
    elif kind == "channels" and channels > 1:
        half = g.hidden("Div", g.hidden("Add", g.size(x, 1), g.integers(1)), g.integers(2))
        ends = g.of((g.integers(0), half), (half, g.hidden("Mul", half, g.integers(2))))
        g.add("Slice", x, *ends, g.integers(1))
    elif kind == "pad":
        before = g.hidden("Sub", g.hidden("Mul", g.size(x, 1), g.integers(1)), g.integers(channels - g.of(0, 1, 2)))
        pads = g.hidden("Concat", g.integers(0, 0), before, g.integers(0, 0, 0), axis=0)
        g.add("Conv", g.hidden("Pad", x, pads), g.floats(2, channels, 3))
    elif kind == "rename":
        shape = g.hidden("Concat", g.size(x, 0), g.size(x, 1), g.integers(-1), axis=0)
        g.add("Reshape", x, shape)
    elif kind == "other" and g.shapes[other][2] >= frames:
        end = g.hidden("Sub", g.size(other, 2), length)
        g.add("Concat", *g.of((x, g.hidden("Slice", other, g.integers(0), length, g.integers(2))),
                              (g.hidden("Slice", other, end, g.size(other, 2), g.integers(2)), x)), axis=1)  # fmt: skip
    elif kind == "round" and frames > 3:  # an end below 0 would count from the other end
        real = g.hidden("Cast", length, to=TensorProto.FLOAT)
        up = g.hidden("Ceil", g.hidden("Div", real, g.constant([g.of(2.0, 1.0, 3.0)])))
        end = g.hidden("Sub", length, g.hidden("Sub", g.hidden("Cast", up, to=TensorProto.INT64), g.integers(3)))
        g.add("Slice", x, g.integers(0), g.of(end, g.hidden("Sub", length, g.integers(3))), g.integers(2))


STEPS = [conv, conv, conv, conv, conv_transpose, around_strides, by_shape, by_shape, crop, crop, pad, pad, activation,
         activation, activation, arithmetic, arithmetic, join, join, join, zeros, norm, pool, matrix, split, reduce,
         reshape, part, resize]  # fmt: skip


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
                print(seed, said, flush=True)
                if "-v" in sys.argv:
                    print(described(seed))
            elif "-r" in sys.argv and said.startswith("refused"):
                print(seed, said, flush=True)
    print(dict(found))
    sys.exit("WRONG:" in found)
