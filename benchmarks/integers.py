"""``python -m benchmarks.integers``: networks of 8-bit integers beside the same networks in float32, us a frame.

Keyword TCN C (40 -> 64 channels, kernel 5, 8 residual blocks, 12 classes) and Deep Voice's vocoder B (20 gated layers
of kernel 2), with random weights. ONNX Runtime runs C in float32 and statically quantised (QDQ, weights per channel,
activations without sign, which is its fastest), whole signals only. A round times every contender once, in turn;
reported are medians over the rounds and the medians of the rounds' ratios of float32 to int8. One thread each, whose
CPU time is measured.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import argparse
import importlib.util
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import thread_time
from typing import Any

import numpy as np

import wavenetlite as wl
from wavenetlite import formats

nn = wl.nn
SCALE = 0.05
WHOLE, BLOCKS = 1000, (1000, 64, 16, 1)
Call = Callable[[], object]


def conv(in_channels: int, out_channels: int, kernel_size: int, **options: Any) -> wl.nn.Module:
    return nn.IntegerConv1d(in_channels, out_channels, kernel_size, input_scale=SCALE, output_scale=SCALE, **options)


def added(channels: int) -> wl.nn.Module:
    return nn.IntegerAdd(channels, input_scales=[SCALE, SCALE], output_scale=SCALE)


def network(in_channels: int, nodes: list[list[Any]], out_channels: int) -> wl.nn.Module:
    """The integer nodes, which read "q", between floats."""
    last = ["y", nn.Dequantize(out_channels, SCALE), [nodes[-1][0]]]
    return nn.Graph(in_channels, [["q", nn.Quantize(in_channels, SCALE), ["x"]], *nodes, last])


def keywords() -> tuple[wl.nn.Module, wl.nn.Module]:
    """C: in floats, and in integers."""
    dilations = [1, 2, 4, 8] * 2
    blocks = [[nn.Conv1d(64, 64, 5, dilation=d), nn.BatchNorm(64), nn.Activation("relu")] for d in dilations]
    floats = wl.Sequential([nn.Conv1d(40, 64, 1), *(nn.Residual(block) for block in blocks), nn.Conv1d(64, 12, 1)])
    nodes, last = [["in", conv(40, 64, 1), ["q"]]], "in"
    for i, d in enumerate(dilations):
        nodes += [[f"c{i}", conv(64, 64, 5, dilation=d, low=0), [last]], [f"s{i}", added(64), [last, f"c{i}"]]]
        last = f"s{i}"
    return floats, network(40, [*nodes, ["out", conv(64, 12, 1), [last]]], 12)


def vocoder() -> tuple[wl.nn.Module, wl.nn.Module]:
    """B: in floats, and in integers."""
    dilations = [2 ** (i % 10) for i in range(20)]
    floats = wl.WaveNet(64, 256, residual_channels=64, skip_channels=128, kernel_size=2, dilations=dilations)
    nodes, last, skip = [["in", conv(64, 64, 1), ["q"]]], "in", ""
    for i, d in enumerate(dilations):
        halves = {"tanh": nn.Slice(0, 64), "sigmoid": nn.Slice(64, 64)}
        nodes.append([f"c{i}", conv(64, 128, 2, dilation=d), [last]])
        for name, half in halves.items():
            gate = nn.IntegerLookup(64, name, input_scale=SCALE, output_scale=1 / 128)
            nodes += [[f"{name} half {i}".replace(" ", "-"), half, [f"c{i}"]]]
            nodes += [[f"{name}{i}", gate, [nodes[-1][0]]]]
        product = nn.IntegerMultiply(64, input_scales=[1 / 128, 1 / 128], output_scale=SCALE)
        nodes += [[f"z{i}", product, [f"tanh{i}", f"sigmoid{i}"]], [f"r{i}", conv(64, 64, 1), [f"z{i}"]],
                  [f"x{i}", added(64), [last, f"r{i}"]], [f"k{i}", conv(64, 128, 1), [f"z{i}"]]]  # fmt: skip
        last = f"x{i}"
        if skip:
            nodes.append([f"skip{i}", added(128), [skip, f"k{i}"]])
        skip = nodes[-1][0]
    return floats, network(
        64, [*nodes, ["h1", conv(128, 256, 1, low=0), [skip]], ["h2", conv(256, 256, 1), ["h1"]]], 256
    )


def fed(model: wl.nn.Module, x: np.ndarray, size: int) -> Call:
    """A call that feeds some blocks to a stream."""
    stream, frames = model.stream(), max(size, min(len(x), 100 * size))
    blocks = [x[first : first + size] for first in range(0, frames - size + 1, size)]
    return lambda: [stream.process(block) for block in blocks]


def peers(model: wl.nn.Module, x: np.ndarray) -> dict[str, Call]:
    """ONNX Runtime's calls on the whole signal, by name; none without it."""
    if importlib.util.find_spec("onnxruntime") is None or importlib.util.find_spec("onnx") is None:
        print("ONNX Runtime is not installed: ours alone")
        return {}
    import onnxruntime
    from onnxruntime import quantization

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    with tempfile.TemporaryDirectory() as folder:
        plain, small = str(Path(folder, "float.onnx")), str(Path(folder, "int8.onnx"))
        formats.save(model, plain)
        sessions = {"onnxruntime float32": onnxruntime.InferenceSession(plain, options)}
        given = {sessions["onnxruntime float32"].get_inputs()[0].name: np.ascontiguousarray(x.T[None])}

        class Reader(quantization.CalibrationDataReader):
            def __init__(self) -> None:
                self.left = [given]

            def get_next(self) -> Any:
                return self.left.pop() if self.left else None

        unsigned = quantization.QuantType.QUInt8
        quantization.quantize_static(plain, small, Reader(), per_channel=True, activation_type=unsigned)
        sessions["onnxruntime int8"] = onnxruntime.InferenceSession(small, options)
    return {name: lambda session=session: session.run(None, given) for name, session in sessions.items()}


def measured(calls: dict[str, tuple[Call, int]], rounds: int) -> dict[str, list[float]]:
    """us a frame of every contender, round by round; each call is of so many frames."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, (call, frames) in calls.items():
            start = thread_time()
            call()
            times[name].append(1e6 * (thread_time() - start) / frames)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25, help="rounds; medians are reported")
    rounds = parser.parse_args().rounds
    print(f"{wl.isa()}, us a frame, medians of {rounds} rounds")
    for title, (floats, integers) in (("C", keywords()), ("B", vocoder())):
        x = np.random.default_rng(1).standard_normal((WHOLE, integers.in_width or 0)).astype(np.float32)
        for size in BLOCKS:
            calls = {name: (fed(model, x, size), max(size, min(len(x) // size, 100) * size))
                     for name, model in (("float32", floats), ("int8", integers))}  # fmt: skip
            if size == WHOLE and title == "C":
                calls |= {name: (call, WHOLE) for name, call in peers(floats, x).items()}
            times = measured(calls, rounds)
            ratio = median(a / b for a, b in zip(times["float32"], times["int8"], strict=True))
            values = ", ".join(f"{name} {median(values):.2f}" for name, values in times.items())
            print(f"{title}, blocks of {size}: {values}; {ratio:.2f}x")


if __name__ == "__main__":
    main()
