"""U-Nets: skips around convolutions with a stride, and the sizes that exporters compute for them."""

import numpy as np
import pytest

import wavenetlite as wl

pytest.importorskip("onnx", reason="needs onnx")
pytest.importorskip("onnxruntime", reason="needs ONNX Runtime")
from onnx_graphs import graph_bytes
from onnx_running import session

RNG = np.random.default_rng(0)
I = np.int64  # noqa: E741


def floats(*shape):
    return (RNG.standard_normal(shape) * 0.5).astype(np.float32)


def conv(source, weight, out, **options):
    return "Conv", [source, weight], [out], options


def up(source, weight, out, **options):
    return "ConvTranspose", [source, weight], [out], options


def one_level(size, stride, kind="Add"):
    pads = [(size - stride) // 2] * 2
    nodes = [conv("x", "w", "a", strides=[stride], pads=pads), up("a", "v", "b", strides=[stride], pads=pads),
             (kind, ["b", "x"], ["y"], {"axis": 1} if kind == "Concat" else {})]  # fmt: skip
    return nodes, {"w": floats(4, 3, size), "v": floats(4, 3, size)}


def three_levels(inner_skips):
    options = {"strides": [2], "pads": [1, 1]}
    nodes = [conv("x", "w0", "d0", **options), conv("d0", "w", "d1", **options), conv("d1", "w", "d2", **options),
             conv("d2", "m", "mid", pads=[1, 1]), up("mid", "v", "u2", **options),
             ("Add", ["u2", "d1"], ["s2"], {}) if inner_skips else ("Tanh", ["u2"], ["s2"], {}),
             up("s2", "v", "u1", **options),
             ("Mul", ["d0", "u1"], ["s1"], {}) if inner_skips else ("Tanh", ["u1"], ["s1"], {}),
             up("s1", "v", "u0", **options), ("Concat", ["u0", "x"], ["c"], {"axis": 1}),
             conv("c", "o", "y", pads=[2, 2])]  # fmt: skip
    return nodes, {"w0": floats(4, 3, 4), "w": floats(4, 4, 4), "m": floats(4, 4, 3), "v": floats(4, 4, 4),
                   "o": floats(2, 7, 5)}  # fmt: skip


def wave_u_net():
    """Every second frame, and repeated frames on the way up."""
    nodes = [conv("x", "w", "a", pads=[2, 2]), ("Slice", ["a", "0", "end", "2", "2"], ["d"], {}),
             conv("d", "m", "e", pads=[1, 1]),
             ("Resize", ["e", "", "s"], ["u"], {"mode": "nearest", "nearest_mode": "floor",
                                                "coordinate_transformation_mode": "asymmetric"}),
             ("Concat", ["a", "u"], ["y"], {"axis": 1})]  # fmt: skip
    return nodes, {"w": floats(4, 3, 5), "m": floats(4, 4, 3), "s": np.array([1, 1, 2], np.float32), "0": [I(0)],
                   "2": [I(2)], "end": [I(2**62)]}  # fmt: skip


# Latencies: the frames of an upsampled sequence come together, the first as late as the last
NETS = {
    "4 taps, stride 2": (one_level(4, 2), 4),
    "concatenated": (one_level(4, 2, "Concat"), 4),
    "2 taps, stride 2": (one_level(2, 2), 1),
    "8 taps, stride 4": (one_level(8, 4, "Mul"), 9),
    "three levels": (three_levels(True), 38),
    "three levels, one skip": (three_levels(False), 38),
    "every second frame": (wave_u_net(), 4),
}


@pytest.mark.parametrize("name", NETS)
def test_u_nets_equal_onnx_runtime(name, tmp_path):
    """For all lengths that ONNX Runtime itself takes; the latency is said, and the blocks do not matter."""
    (nodes, constants), latency = NETS[name]
    data = graph_bytes(nodes, constants)
    (tmp_path / "u.onnx").write_bytes(data)
    model, running, lengths = wl.load(tmp_path / "u.onnx"), session(data), 0
    for frames in (32, 37, 40, 42, 56):
        x = floats(1, 3, frames)
        try:
            (wanted,) = running.run(None, {"x": x})
        except Exception:  # the skips do not fit
            continue
        got = model(np.ascontiguousarray(x[0].T))
        assert got.shape == wanted[0].T.shape
        assert np.abs(got - wanted[0].T).max() <= 1e-5 * max(1, np.abs(wanted).max())
        lengths += 1
    assert lengths >= 3 and model.latency == latency
    wl.verify_stream(model, frames=96, partitions=3)


def by_shape(*nodes):
    """Nodes that read "t", the length of x, and constants of integers by their value."""
    used = {name for _, reads, _, _ in nodes for name in reads if name.lstrip("-").isdigit()} | {"2"}
    begin = [("Shape", ["x"], ["s"], {}), ("Gather", ["s", "2"], ["t"], {})]
    return [*begin, *nodes], {name: np.array([int(name)]) for name in used} | {"w": floats(2, 3, 3)}


SIZES = {
    "an end that is computed": by_shape(
        ("Sub", ["t", "3"], ["e"], {}), ("Slice", ["x", "1", "e", "2"], ["y"], {})),
    "twice the half of an even number": by_shape(
        ("Mul", ["t", "2"], ["twice"], {}), ("Div", ["twice", "2"], ["e"], {}),
        ("Sub", ["e", "2"], ["f"], {}), ("Slice", ["x", "0", "f", "2"], ["y"], {})),
    "a start beyond what is divided": by_shape(
        ("Mod", ["t", "1"], ["r"], {}), ("Add", ["r", "2"], ["b"], {}), ("Slice", ["x", "b", "t", "2"], ["y"], {})),
    "pads by the difference of two lengths": by_shape(
        ("Conv", ["x", "w"], ["c"], {}), ("Shape", ["c"], ["z"], {}), ("Gather", ["z", "2"], ["u"], {}),
        ("Sub", ["t", "u"], ["d"], {}), ("Concat", ["0", "0", "d", "0", "0", "0"], ["p"], {"axis": 0}),
        ("Pad", ["x", "p"], ["q"], {}), ("Conv", ["q", "w"], ["y"], {})),
    "zeros of a shape": by_shape(
        ("Shape", ["x"], ["z"], {"start": 0, "end": 2}), ("Concat", ["z", "2"], ["n"], {"axis": 0}),
        ("ConstantOfShape", ["n"], ["zeros"], {}), ("Concat", ["zeros", "x"], ["q"], {"axis": 2}),
        ("Conv", ["q", "w"], ["y"], {})),
    "a shape with the batch and the length": by_shape(
        ("Gather", ["s", "0"], ["b"], {}), ("Concat", ["b", "3", "t"], ["n"], {"axis": 0}),
        ("Reshape", ["x", "n"], ["r"], {}), ("Conv", ["r", "w"], ["y"], {})),
    "the least of two lengths": by_shape(
        ("Sub", ["t", "2"], ["e"], {}), ("Min", ["t", "e"], ["f"], {}), ("Slice", ["x", "0", "f", "2"], ["y"], {})),
}  # fmt: skip


@pytest.mark.parametrize("name", SIZES)
def test_sizes_that_are_computed(name, tmp_path):
    data = graph_bytes(*SIZES[name])
    (tmp_path / "s.onnx").write_bytes(data)
    model = wl.load(tmp_path / "s.onnx")
    for frames in (20, 33):
        x = floats(1, 3, frames)
        wanted = session(data).run(None, {"x": x})[0][0].T
        got = model(np.ascontiguousarray(x[0].T))
        assert got.shape == wanted.shape and np.abs(got - wanted).max() <= 1e-5


DEPENDS = {
    "half of the signal": (by_shape(("Div", ["t", "2"], ["e"], {}), ("Slice", ["x", "0", "e", "2"], ["y"], {})),
                           "takes frames whose place depends on the length of the signal"),
    "padded to a multiple of 4": (
        by_shape(("Sub", ["0", "t"], ["n"], {}), ("Mod", ["n", "4"], ["d"], {}),
                 ("Concat", ["0", "0", "0", "0", "0", "d"], ["p"], {"axis": 0}), ("Pad", ["x", "p"], ["q"], {}),
                 ("Conv", ["q", "w"], ["y"], {})),
        "a number of frames or places that depends on the size of the batch or the length"),
    "chosen by the length's rest": (
        by_shape(("Mod", ["t", "2"], ["r"], {}), ("Equal", ["r", "0"], ["even"], {}),
                 ("Where", ["even", "1", "2"], ["b"], {}), ("Slice", ["x", "b", "t", "2"], ["y"], {})),
        "chooses by the size of the batch or the length"),
    "divided by zero": (by_shape(("Div", ["t", "0"], ["e"], {}), ("Slice", ["x", "0", "e", "2"], ["y"], {})),
                        "divides by zero"),
    "cut after an upsampled part of odd length": (
        (lambda nodes, constants: (
            [*nodes[:2], ("Shape", ["x"], ["s"], {}), ("Gather", ["s", "2"], ["t"], {}), ("Sub", ["t", "1"], ["e"], {}),
             ("Slice", ["b", "0", "e", "2"], ["y"], {})],
            constants | {"2": [I(2)], "1": [I(1)], "0": [I(0)]}))(*one_level(4, 2)),
        "takes frames whose place depends on the length of the signal"),
}  # fmt: skip


@pytest.mark.parametrize("name", DEPENDS)
def test_what_depends_on_the_length_is_refused(name, tmp_path):
    parts, said = DEPENDS[name]
    (tmp_path / "s.onnx").write_bytes(graph_bytes(*parts))
    with pytest.raises(wl.ModelFileError, match=said):
        wl.load(tmp_path / "s.onnx")
