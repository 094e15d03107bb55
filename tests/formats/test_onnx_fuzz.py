"""ONNX files that nobody can trust: whatever the bytes, a model that runs or one line, and memory for what is held.

The files are written by ourselves, so nothing but wavenetlite is needed. WAVENETLITE_FUZZ sets how many are tried.
"""

import io
import os
from dataclasses import replace

import numpy as np
import pytest
from catalogue import randomised
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_formats_fuzz import attempt

import wavenetlite as wl
from wavenetlite import nn
from wavenetlite.formats import onnx, onnx_file, onnx_import
from wavenetlite.formats.onnx_operators import OPERATORS
from wavenetlite.formats.protobuf import encode

EXAMPLES = int(os.environ.get("WAVENETLITE_FUZZ", "60"))
few = settings(max_examples=EXAMPLES, deadline=None)
HEAD = b"\x08\x08\x12\x0bwavenetlite"


def written(model):
    file = io.BytesIO()
    onnx.save(model, file)
    return file.getvalue()


def models():
    tcn = wl.TCN(3, 2, channels=4, dilations=[1, 2], activation="gelu")
    up = wl.Sequential([nn.Conv1d(2, 4, 3, padding="valid"), nn.Activation("hardtanh"), nn.Linear(4, 4), nn.GatedUnit(),
                        nn.Concat([[], nn.Activation("softsign")]), nn.Slice(1, 2)])  # fmt: skip
    return {"tcn": randomised(tcn), "others": randomised(up)}


SEEDS = {name: written(model) for name, model in models().items()}
GRAPHS = {name: onnx_file.read(io.BytesIO(data), len(data)) for name, data in SEEDS.items()}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz") / "file.onnx"


@few
@given(data=st.binary(max_size=200))
@example(data=b"\x3a" * 5000)
@example(data=b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f")
@example(data=b"\x3a\x80" + b"\x80" * 3000)
def test_any_bytes(path, data):
    attempt(path, HEAD + data)


@few
@given(data=st.data())
def test_damaged_files(path, data):
    whole = bytearray(SEEDS[data.draw(st.sampled_from(sorted(SEEDS)))])
    for _ in range(data.draw(st.integers(1, 4))):
        at, size = data.draw(st.integers(2, len(whole))), data.draw(st.integers(0, 40))
        kind = data.draw(st.sampled_from(["cut short", "change", "remove", "double", "insert"]))
        if kind == "cut short":
            del whole[at:]
        elif kind == "change":
            whole[at : at + 1] = data.draw(st.binary(min_size=1, max_size=1))
        elif kind == "remove":
            del whole[at : at + size]
        else:
            whole[at:at] = whole[at : at + size] if kind == "double" else data.draw(st.binary(max_size=20))
        if len(whole) < 3:
            break
    attempt(path, bytes(whole))


ODD = st.sampled_from(
    [None, 0, 1, -1, 2, 3, 7, 2**31, 2**62, -(2**62), 0.5, float("nan"), "", "SAME_UPPER", [], [0], [1], [-1], [2, 0],
     [0, 2], [1, 1], [2**40], [-(2**40), 2**40], [3] * 9, [0, 2, 1], np.zeros((2, 3), np.float32)]
)  # fmt: skip
NAMES = ["strides", "dilations", "pads", "group", "auto_pad", "axis", "axes", "perm", "alpha", "epsilon", "split", "to",
         "kernel_shape", "keepdims", "value", "starts", "ends", "mode", "output_padding", "transB"]  # fmt: skip
VALUES = st.sampled_from(
    [np.array(value, dtype) for dtype in ("i8", "f4") for value in
     (0, 1, -1, 5, 2**30, [0], [1], [-1], [2], [1, 1], [0, 0, 2, 0, 0, 0], [2**30], [-(2**30)], [0, -1], [[1, 2]])]
    + [np.array([2**62]), np.array([np.nan]), np.zeros((3, 1, 2), "f4"), np.zeros((1, 3, 0), "f4")]
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=10 * EXAMPLES, deadline=None)
@given(data=st.data())
def test_graphs_that_say_odd_things(data):
    """Attributes, kinds, inputs and constants of every sort, in place of those there are."""
    graph = GRAPHS[data.draw(st.sampled_from(sorted(GRAPHS)))]
    nodes, constants = list(graph.nodes), dict(graph.constants)
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(nodes) - 1))
        node = nodes[at]
        kind = data.draw(st.sampled_from(["attribute", "kind", "inputs", "constant", "more"]))
        if kind == "attribute":
            node = replace(node, attributes=node.attributes | {data.draw(st.sampled_from(NAMES)): data.draw(ODD)})
        elif kind == "kind":
            known = sorted({*OPERATORS, *onnx_import.FOLDED, "RNN"})
            node = replace(node, kind=data.draw(st.sampled_from(known)))
        elif kind == "inputs":
            names = [*constants, "x", *node.inputs, *nodes[at - 1].outputs, "nothing", ""]
            node = replace(node, inputs=tuple(data.draw(st.lists(st.sampled_from(names), max_size=5))))
        elif kind == "constant" and constants:
            constants[data.draw(st.sampled_from(sorted(constants)))] = data.draw(VALUES)
        else:
            constants["odd"] = data.draw(VALUES)
            node = replace(node, inputs=(*node.inputs, "odd"))
        nodes[at] = node
    try:
        model = onnx_import.network(replace(graph, nodes=nodes, constants=constants))
    except wl.ModelFileError as error:
        assert str(error)
        return
    if model.receptive_field < 10_000:
        assert model(np.ones((9, model.in_channels), np.float32)).ndim == 2


def model_bytes(**graph):
    return encode(onnx_file.MODEL, ir_version=8, producer_name="odd one", graph=encode(onnx_file.GRAPH, **graph))


def tensor(name, dims, **more):
    return encode(onnx_file.TENSOR, name=name, dims=dims, data_type=1, **more)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (model_bytes(node=[b""] * 40_000), "more than 200000 fields"),
        (model_bytes(initializer=[tensor("w", [2**31, 2**31])]), "its shape .* asks for 18446744073709551616"),
        (model_bytes(initializer=[tensor("w", [-1])]), "it must have at most 8 sizes"),
        (model_bytes(initializer=[tensor("w", [1] * 9)]), "it must have at most 8 sizes"),
        (model_bytes(initializer=[tensor("w", [2], raw_data=b"123")]), "has 3 bytes"),
        (model_bytes(name="empty"), "its graph has no input or no output"),
        (encode(onnx_file.MODEL, ir_version=8, producer_name="no graph here"), "it has no graph"),
    ],
)
def test_what_is_declared_is_not_believed(path, data, said):
    attempt(path, data)
    with pytest.raises(wl.ModelFileError, match=said):
        wl.load(path)


@pytest.mark.parametrize("location", ["/etc/passwd", "../file", "a/b", "..", "", "a\0b", "nothing", "folder", "link"])
def test_no_other_folder_is_read(tmp_path, location):
    (tmp_path / "inside" / "folder").mkdir(parents=True)
    (tmp_path / "file").write_bytes(b"12345678")
    (tmp_path / "inside" / "link").symlink_to(tmp_path / "file")
    where = [encode(onnx_file.ENTRY, key="location", value=location)]
    path = tmp_path / "inside" / "model.onnx"
    path.write_bytes(model_bytes(initializer=[tensor("w", [2], data_location=1, external_data=where)]))
    with pytest.raises(
        wl.ModelFileError, match=r"tensor 'w' lies in .*(only files in the same folder|not there|no file)"
    ):
        wl.load(path)


def chain(kind, count, inputs=1):
    """Nodes that each read the one before."""
    return [onnx_file.OnnxNode(kind, f"node {i}", (f"t{i}",) * inputs, (f"t{i + 1}",), {}) for i in range(count)]


def test_sizes_do_not_grow_without_end():
    shape = onnx_file.OnnxNode("Shape", "shape", ("x",), ("t0",), {})
    graph = onnx_file.OnnxGraph([shape, *chain("Mul", 100, 2)], {}, {"x": (1, 8, "n")}, ["t100"], 17)
    with pytest.raises(wl.ModelFileError, match="gives sizes that are no numbers, or do not fit"):
        onnx_import.network(graph)


def test_constants_do_not_grow_without_end():
    start = {"t0": np.ones((1024, 1024), np.float32)}
    graph = onnx_file.OnnxGraph(chain("Neg", 100), start, {"x": (1, 8, 999)}, ["t100"], 17)
    with pytest.raises(wl.ModelFileError, match="asks for many times the values that the file holds"):
        onnx_import.network(graph)


def test_weights_do_not_grow_without_end():
    graph = onnx_file.OnnxGraph(chain("Neg", 100), {}, {"t0": (1, 65_536, "n")}, ["t100"], 17)
    with pytest.raises(wl.ModelFileError, match="asks for many times the values that the file holds"):
        onnx_import.network(graph)
