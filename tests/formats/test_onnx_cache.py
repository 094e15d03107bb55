"""Streaming graphs of other programs: their caches become state, where they hold what a stream remembers."""

import numpy as np
import pytest

import wavenetlite as wl

pytest.importorskip("onnx", reason="needs onnx")
pytest.importorskip("onnxruntime", reason="needs ONNX Runtime")
from onnx_graphs import graph_bytes
from onnx_running import session

I = np.int64  # noqa: E741
END = 2**62
CHANNELS = 3


class StreamingGraph:
    """Random layers with caches, and how the caches lie in the inputs: one each, or pieces of one. `fault` is what is
    done wrong somewhere, if anything is."""

    def __init__(self, seed, fault=""):
        self.rng = np.random.default_rng(seed)
        self.fault, self.nodes, self.constants = fault, [], {}
        self.pieces, self.period, self.last, self.channels = [], 1, "x", CHANNELS
        layers = int(self.rng.integers(1, 4))
        self.faulty = int(self.rng.integers(layers))
        for number in range(layers):
            self.layer(number)
        self.style = "single" if self.rng.random() < 0.5 else "pairs"

    def of(self, *values):
        return values[int(self.rng.integers(len(values)))]

    def add(self, kind, *reads, outputs=1, **options):
        names = [f"t{len(self.nodes)}_{n}" for n in range(outputs)]
        self.nodes.append((kind, list(reads), names, options))
        return names[0] if outputs == 1 else names

    def value(self, array):
        name = f"c{len(self.constants)}"
        self.constants[name] = np.asarray(array)
        return name

    def part(self, x, start, end):
        return self.add("Slice", x, self.value([I(start)]), self.value([I(end)]), self.value([I(2)]))

    def layer(self, number):
        fault = self.fault if number == self.faulty else ""
        size, dilation, stride = self.of(2, 3, 4), self.of(1, 2), self.of(1, 1, 2)
        if fault in ("next", "later") and size + dilation + stride < 5:
            size = 4
        frames = (size - 1) * dilation + 1 - stride
        if frames < 1:
            size, dilation, frames = 4, 1, 4 - stride
        out, piece = self.of(2, 3), f"p{len(self.pieces)}"
        full = self.add("Concat", piece, self.last, axis=2)
        source = self.last if fault == "forgets" else full
        then = self.part(source, -frames, END)
        if fault == "next":
            then = self.part(full, 0, frames)
        elif fault == "later":
            then = self.part(self.add("Neg", full), -frames, END)
        self.pieces.append((piece, self.channels, frames, then))
        weight = self.value((self.rng.standard_normal((out, self.channels, size)) * 0.5).astype(np.float32))
        pads = {"pads": [1, 1]} if fault == "pads" else {}
        y = self.add("Conv", full, weight, dilations=[dilation], strides=[stride], **pads)
        self.last = self.add(self.of("Tanh", "Relu"), self.part(y, 1, END) if fault == "crop" else y)
        self.channels, self.period = out, self.period * stride

    def bytes(self):
        nodes, inputs, outputs = list(self.nodes), {"x": ["B", CHANNELS, "T"]}, {}
        if self.style == "pairs":
            for piece, channels, frames, _ in self.pieces:
                inputs[piece] = ["B", channels, frames]
            then = [then for *_, then in self.pieces]
        else:  # one flat cache, (batch, values)
            sizes = [channels * frames for _, channels, frames, _ in self.pieces]
            inputs["cache"] = [1, sum(sizes)]
            flat = [f"{piece}_flat" for piece, *_ in self.pieces]
            split = ("Split", ["cache", self.value(np.array(sizes))], flat, {"axis": 1})
            shaped = [("Reshape", [one, self.value(np.array([1, channels, frames]))], [piece], {})
                      for one, (piece, channels, frames, _) in zip(flat, self.pieces, strict=True)]  # fmt: skip
            nodes = [split, *shaped, *nodes]
            ends = [f"{piece}_end" for piece, *_ in self.pieces]
            nodes += [("Reshape", [then, self.value(np.array([0, -1]))], [end], {})
                      for end, (*_, then) in zip(ends, self.pieces, strict=True)]  # fmt: skip
            nodes.append(("Concat", ends, ["next"], {"axis": 1}))
            then = ["next"]
        outputs = {self.last: None, **dict.fromkeys(then[::-1] if self.rng.random() < 0.5 else then)}
        return graph_bytes(nodes, self.constants, inputs=inputs, outputs=outputs), list(inputs)[1:], then


def run_in_blocks(graph, data, caches, then, x, block):
    running = session(data)
    shapes = {one.name: [size if isinstance(size, int) else 1 for size in one.shape] for one in running.get_inputs()}
    state = {name: np.zeros(shapes[name], np.float32) for name in caches}
    made = []
    for at in range(0, x.shape[2], block):
        names = [graph.last, *then]
        found = dict(zip(names, running.run(names, {"x": x[:, :, at : at + block], **state}), strict=True))
        made.append(found[graph.last])
        state = dict(zip(caches, (found[name] for name in then), strict=True))
    return np.concatenate(made, axis=2)[0].T


def outcome(seed, fault, path):
    """The differences from ONNX Runtime over blocks of several lengths, or why it is refused."""
    graph = StreamingGraph(seed, fault)
    data, caches, then = graph.bytes()
    path.write_bytes(data)
    try:
        model = wl.load(path)
    except wl.ModelFileError as error:
        return str(error)
    x = np.random.default_rng(seed).standard_normal((1, CHANNELS, 48)).astype(np.float32)
    got, worst = model(np.ascontiguousarray(x[0].T)), 0.0
    for block in (graph.period * 2, graph.period * 3, 48):
        wanted = run_in_blocks(graph, data, caches, then, x, block)
        if got.shape != wanted.shape:
            return f"WRONG: {got.shape} in place of {wanted.shape}"
        worst = max(worst, float(np.abs(got - wanted).max()))
    return worst


@pytest.mark.parametrize("first", range(0, 40, 10))
def test_caches_become_state(first, tmp_path):
    for seed in range(first, first + 10):
        found = outcome(seed, "", tmp_path / "s.onnx")
        assert isinstance(found, float) and found <= 1e-5, (seed, found)


@pytest.mark.parametrize("fault", ["next", "later", "pads", "crop", "forgets"])
def test_caches_that_hold_something_else_are_refused(fault, tmp_path):
    """Where the fault does nothing, as with one frame that is the newest, what is read must be right."""
    refused = 0
    for seed in range(20):
        found = outcome(seed, fault, tmp_path / "s.onnx")
        assert (isinstance(found, str) and "WRONG" not in found) or found <= 1e-5, (seed, found)
        refused += isinstance(found, str)
    assert refused >= 12


def test_states_of_recurrent_units(tmp_path):
    """Two GRUs, whose states are one cache (layers, batch, units)."""
    rng = np.random.default_rng(0)
    w, r, b = ((rng.standard_normal(s) * 0.5).astype(np.float32) for s in ((1, 12, 3), (1, 12, 4), (1, 24)))
    w2 = (rng.standard_normal((1, 12, 4)) * 0.5).astype(np.float32)
    nodes = [("Transpose", ["x"], ["a"], {"perm": [2, 0, 1]}), ("Split", ["h", "ones"], ["h0", "h1"], {"axis": 0}),
             ("GRU", ["a", "w", "r", "b", "", "h0"], ["y0", "n0"], {"hidden_size": 4, "linear_before_reset": 1}),
             ("Squeeze", ["y0", "one"], ["q0"], {}),
             ("GRU", ["q0", "w2", "r", "b", "", "h1"], ["y1", "n1"], {"hidden_size": 4, "linear_before_reset": 1}),
             ("Squeeze", ["y1", "one"], ["q1"], {}), ("Transpose", ["q1"], ["y"], {"perm": [1, 2, 0]}),
             ("Concat", ["n0", "n1"], ["hn"], {"axis": 0})]  # fmt: skip
    constants = {"w": w, "w2": w2, "r": r, "b": b, "one": [I(1)], "ones": np.array([1, 1])}
    inputs = {"x": [1, 3, "T"], "h": [2, 1, 4]}
    data = graph_bytes(nodes, constants, inputs=inputs, outputs={"y": None, "hn": None})
    path = tmp_path / "g.onnx"
    path.write_bytes(data)
    x, running, h, made = rng.standard_normal((1, 3, 30)).astype(np.float32), session(data), np.zeros((2, 1, 4)), []
    for at in range(0, 30, 5):
        y, h = running.run(None, {"x": x[:, :, at : at + 5], "h": h.astype(np.float32)})
        made.append(y)
    assert np.abs(wl.load(path)(np.ascontiguousarray(x[0].T)) - np.concatenate(made, axis=2)[0].T).max() <= 1e-5
    kept = [*nodes[:-1], ("Identity", ["h"], ["hn"], {})]  # the state is given back as it came
    path.write_bytes(graph_bytes(kept, constants, inputs=inputs, outputs={"y": None, "hn": None}))
    with pytest.raises(wl.ModelFileError, match=r"none of its outputs .* is the next value of 'h'"):
        wl.load(path)
    without = [(kind, reads[:5] if kind == "GRU" else reads, writes, o) for kind, reads, writes, o in nodes]
    path.write_bytes(graph_bytes(without, constants, inputs=inputs, outputs={"y": None, "hn": None}))
    with pytest.raises(wl.ModelFileError, match="begins anew for every block, not for the whole signal"):
        wl.load(path)


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        ([("ReduceMean", ["x"], ["m"], {"axes": [2]}), ("Add", ["m", "c"], ["n"], {}), ("Relu", ["x"], ["y"], {})],
         "computes with a cache|for every block, not for the whole signal"),
        ([("Concat", ["x", "c"], ["y"], {"axis": 2}), ("Identity", ["c"], ["n"], {})],
         "computes with a cache|joins over the axis time"),
        ([("Relu", ["x"], ["y"], {}), ("Tanh", ["x"], ["n"], {})], "none of its outputs"),
    ],
)  # fmt: skip
def test_second_inputs_that_are_no_cache(nodes, said, tmp_path):
    path = tmp_path / "g.onnx"
    inputs = {"x": ["B", 3, "T"], "c": [1, 3, 2]}
    path.write_bytes(graph_bytes(nodes, {}, inputs=inputs, outputs={"y": None, "n": None}))
    with pytest.raises(wl.ModelFileError, match=said):
        wl.load(path)
