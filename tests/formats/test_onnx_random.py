"""What is read of ONNX computes what ONNX Runtime does, or is refused: random graphs, and kinds that went wrong."""

import numpy as np
import pytest

import wavenetlite as wl

pytest.importorskip("onnx", reason="needs onnx")
pytest.importorskip("onnxruntime", reason="needs ONNX Runtime")
from onnx import TensorProto, helper, numpy_helper
from random_onnx import described, outcome, run


@pytest.mark.parametrize("first", range(0, 400, 50))
def test_random_graphs(first, tmp_path):
    for seed in range(first, first + 50):
        found = outcome(seed, tmp_path)
        assert not found.startswith("WRONG"), f"seed {seed}: {found}\n{described(seed)}"


RNG = np.random.default_rng(0)
W = RNG.standard_normal((3, 3, 3)).astype(np.float32)
I64 = np.int64


def graph(path, nodes, constants, opset):
    infos = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["B", 3, "T"])]
    ends = [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)]
    values = [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    made = [helper.make_node(kind, reads, writes, **options) for kind, reads, writes, options in nodes]
    model = helper.make_model(helper.make_graph(made, "g", infos, ends, values),
                              opset_imports=[helper.make_opsetid("", opset)], ir_version=8)  # fmt: skip
    path.write_bytes(model.SerializeToString())


def crop_then(start, end, **options):
    constants = {"w": W, "s": [I64(start)], "e": [I64(end)], "a": [I64(2)]}
    return [("Slice", ["x", "s", "e", "a"], ["c"], {}), ("Conv", ["c", "w"], ["y"], options)], constants, 17


def add_twice(axis_of_zeros):
    both = ["z", "x"] if axis_of_zeros == "before" else ["x", "z"]
    pads = [0, 2] if axis_of_zeros == "before" else [2, 0]
    return ([("Concat", both, ["c"], {"axis": 2}), ("Conv", ["c", "w"], ["y"], {"pads": pads[::-1]})],
            {"w": W[:, :, :1].repeat(5, 2), "z": np.zeros((1, 3, 2), np.float32)}, 17)  # fmt: skip


RIGHT = {
    "crop at the start before padding": crop_then(3, 2**62, pads=[2, 0]),
    "crop at the start before less padding": crop_then(2, 2**62, pads=[1, 1]),
    "crop at the end before padding": crop_then(0, -2, pads=[1, 1]),
    "crop at both ends before padding": crop_then(2, -3, pads=[2, 2], dilations=[2]),
    "zeros by Concat before": add_twice("before"),
    "zeros by Concat after": add_twice("after"),
    "a sum of shifted signals": (
        [("Pad", ["x", "p"], ["a"], {}), ("Add", ["a", "a"], ["b"], {}), ("Conv", ["b", "w"], ["y"], {})],
        {"w": W, "p": np.array([0, 0, 1, 0, 0, -1])}, 17),
    "a constant after a sum": (
        [("Tanh", ["x"], ["a"], {}), ("Add", ["x", "a"], ["b"], {}), ("Add", ["b", "k"], ["y"], {})],
        {"k": W[:, :1, 0]}, 17),
    "Softmax of opset 11 over channels that come last": (
        [("Transpose", ["x"], ["a"], {"perm": [0, 2, 1]}), ("Softmax", ["a"], ["y"], {"axis": 2})], {}, 11),
    "AveragePool SAME_UPPER that counts padding": (
        [("AveragePool", ["x"], ["y"], {"kernel_shape": [3], "pads": [1, 1], "count_include_pad": 1})], {}, 17),
    "MaxPool": ([("MaxPool", ["x"], ["y"], {"kernel_shape": [3], "strides": [2]})], {}, 17),
    "MaxPool after a convolution with padding": (
        [("Conv", ["x", "w"], ["a"], {"pads": [1, 1]}),
         ("MaxPool", ["a"], ["b"], {"kernel_shape": [2], "strides": [2]}), ("Conv", ["b", "v"], ["y"], {})],
        {"w": W, "v": np.linspace(-1, 1, 12, dtype=np.float32).reshape(2, 3, 2)}, 17),
    "Resize that repeats frames": (
        [("Resize", ["x", "", "s"], ["y"], {"mode": "nearest", "nearest_mode": "floor",
                                            "coordinate_transformation_mode": "asymmetric"})],
        {"s": np.array([1, 1, 3], np.float32)}, 17),
    "padding that is cut off at both ends": (
        [("Conv", ["x", "w"], ["a"], {"pads": [2, 2]}), ("Slice", ["a", "s", "e", "d"], ["y"], {})],
        {"w": W, "s": [I64(1)], "e": [I64(-1)], "d": [I64(2)]}, 17),
    "Dense as tf2onnx writes it": (
        [("Transpose", ["x"], ["a"], {"perm": [0, 2, 1]}), ("Shape", ["a"], ["s"], {}),
         ("Cast", ["s"], ["si"], {"to": TensorProto.INT32}), ("Gather", ["si", "free"], ["f"], {}),
         ("Concat", ["f", "units"], ["u"], {"axis": 0}), ("Cast", ["u"], ["ul"], {"to": TensorProto.INT64}),
         ("Reshape", ["a", "rows"], ["r"], {}), ("MatMul", ["r", "m"], ["p"], {}),
         ("Reshape", ["p", "ul"], ["q"], {}), ("Add", ["q", "b"], ["y"], {})],
        {"free": np.array([0, 1]), "units": np.array([5], np.int32), "rows": np.array([-1, 3]),
         "m": W[0].repeat(2, 1)[:, :5], "b": W[0, 0].repeat(2)[:5]}, 13),
    "a matrix over the frames of all signals on one axis": (
        [("Transpose", ["x"], ["a"], {"perm": [0, 2, 1]}), ("Flatten", ["a"], ["r"], {"axis": 2}),
         ("Gemm", ["r", "m"], ["g"], {}), ("Unsqueeze", ["g", "0"], ["y"], {})], {"m": W[0], "0": [I64(0)]}, 13),
    "Cast to double and back": (
        [("Cast", ["x"], ["a"], {"to": TensorProto.DOUBLE}), ("Cast", ["a"], ["y"], {"to": TensorProto.FLOAT})],
        {}, 17),
}  # fmt: skip


@pytest.mark.parametrize("name", RIGHT)
def test_kinds_that_are_read(name, tmp_path):
    path = tmp_path / "g.onnx"
    graph(path, *RIGHT[name])
    model = wl.load(path)
    for frames in (20, 33):
        x = RNG.standard_normal((1, 3, frames)).astype(np.float32)
        wanted = run(path.read_bytes(), x)[0]
        y = model(np.ascontiguousarray(x[0].T))
        wanted = wanted.T if wanted.shape[0] == y.shape[1] else wanted
        assert y.shape == wanted.shape
        assert np.abs(y - wanted).max() <= 1e-5 * max(1, np.abs(wanted).max())


REFUSED = {
    "Softmax from the channels on": ([("Softmax", ["x"], ["y"], {"axis": 1})], {}, 11,
                                     "axes channels, time at once, as before opset 13"),
    "Softmax without an axis": ([("Softmax", ["x"], ["y"], {})], {}, 12, "as before opset 13"),
    "MaxPool with padding": ([("MaxPool", ["x"], ["y"], {"kernel_shape": [3], "pads": [1, 1]})], {}, 17,
                             r"has pads=\[1, 1\]"),
    "MaxPool ceil_mode": ([("MaxPool", ["x"], ["y"], {"kernel_shape": [2], "strides": [2], "ceil_mode": 1})], {}, 17,
                          "whether its last maximum"),
    "AveragePool SAME_UPPER": ([("AveragePool", ["x"], ["y"], {"kernel_shape": [3], "auto_pad": "SAME_UPPER"})], {}, 17,
                               "leaves padding out of its means; count_include_pad must be 1"),
    "AveragePool SAME_LOWER": ([("AveragePool", ["x"], ["y"], {"kernel_shape": [2], "auto_pad": "SAME_LOWER"})], {}, 11,
                               "leaves padding out of its means"),
    "AveragePool ceil_mode": (
        [("AveragePool", ["x"], ["y"], {"kernel_shape": [3], "strides": [3], "ceil_mode": 1, "count_include_pad": 1})],
        {}, 17, "has ceil_mode=1 with strides"),
    "Resize that interpolates": (
        [("Resize", ["x", "", "s"], ["y"], {"mode": "linear"})], {"s": np.array([1, 1, 2], np.float32)}, 17,
        "it must repeat frames"),
    "Cast to int": ([("Cast", ["x"], ["a"], {"to": TensorProto.INT32}), ("Cast", ["a"], ["y"], {"to": 1})], {}, 17,
                    r"integers, booleans or strings of the signal \(to=6\)"),
    "Cast to bool": ([("Cast", ["x"], ["a"], {"to": TensorProto.BOOL}), ("Cast", ["a"], ["y"], {"to": 1})], {}, 17,
                     r"\(to=9\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_kinds_that_are_refused(name, tmp_path):
    *parts, said = REFUSED[name]
    graph(tmp_path / "g.onnx", *parts)
    with pytest.raises(wl.ModelFileError, match=said):
        wl.load(tmp_path / "g.onnx")
