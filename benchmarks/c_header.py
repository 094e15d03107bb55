"""Networks written as C beside the engine, one thread: ``python -m benchmarks.c_header [--core N]``.

The keyword network C in float32 and in integers of 8 bits, and the network of speech-commands-12: headers as
`wl.formats.save` writes them, compiled by gcc -O3 -march=native. Their outputs must have the engine's bits. Rounds time
the C, our stream frame by frame and our whole signal in turn; times are medians over the rounds, ratios medians of the
rounds' ratios.
"""

import argparse
import ctypes
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

import wavenetlite as wl

nn = wl.nn
ROUNDS, FRAMES = 31, 100

RUN = """\
#include "net.h"
static net_state state;
void start(void) { net_init(&state); }
void run(const float *x, int frames, float *y)
{
    for (; frames > 0; frames--, x += NET_IN_CHANNELS) y += NET_OUT_CHANNELS * net_process(&state, x, y);
}
"""


def main():
    """Measure the networks and print one line for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.c_header", description=__doc__.split(":")[0])
    parser.add_argument("--core", type=int, help="run on this core (Linux)")
    core = parser.parse_args().core
    if core is not None:
        os.sched_setaffinity(0, {core})
    if shutil.which("gcc") is None:
        raise SystemExit("not measured: there is no gcc")
    keywords = wl.TCN(40, 12, channels=64, kernel_size=5, dilations=[1, 2, 4, 8])
    cases = {"C": keywords, "speech-commands-12": wl.load("speech-commands-12").model, "C int8": integers(64, 5)}
    for title, model in cases.items():
        with tempfile.TemporaryDirectory() as folder:
            c, alone, whole = in_turn(model, compiled(model, Path(folder)))
        one, many = (statistics.median(a / b for a, b in zip(c, other, strict=True)) for other in (alone, whole))
        times = [statistics.median(times) for times in (c, alone, whole)]
        print(
            f"{title}: C {times[0]:.2f} us a frame; ours one frame a call {times[1]:.2f} us, {one:.2f} x; "
            f"whole {times[2]:.2f} us, {many:.2f} x"
        )


def integers(channels, kernel_size):
    """The keyword network of residual blocks in integers, with random weights."""
    kinds = {"input_scale": 0.05, "input_zero_point": -128, "output_scale": 0.05, "output_zero_point": -128}
    nodes, last = (
        [["q", nn.Quantize(40, 0.05, -128), ["x"]], ["in", nn.IntegerConv1d(40, channels, 1, **kinds), ["q"]]],
        "in",
    )
    both = {"input_scales": [0.05, 0.05], "input_zero_points": [-128, -128], "output_scale": 0.05}
    for dilation in (1, 2, 4, 8):
        conv = nn.IntegerConv1d(channels, channels, kernel_size, dilation=dilation, **kinds)
        joined = nn.IntegerAdd(channels, output_zero_point=-128, **both)
        nodes += [[f"conv{dilation}", conv, [last]], [f"sum{dilation}", joined, [last, f"conv{dilation}"]]]
        last = f"sum{dilation}"
    nodes += [
        ["out", nn.IntegerConv1d(channels, 12, 1, **kinds), [last]],
        ["y", nn.Dequantize(12, 0.05, -128), ["out"]],
    ]
    model, rng = nn.Graph(40, nodes), np.random.default_rng(0)
    model.load_state_dict({name: drawn(rng, value) for name, value in model.state_dict().items()})
    return model


def drawn(rng, value):
    if value.dtype == np.float32:
        return np.full_like(value, 0.002)
    most = 127 if value.dtype == np.int8 else 1000
    return rng.integers(-most, most + 1, value.shape).astype(value.dtype)


def compiled(model, folder):
    """The library of a network's header."""
    wl.formats.save(model, folder / "net.h")
    (folder / "run.c").write_text(RUN)
    command = ["gcc", "-std=c99", "-O3", "-march=native", "-shared", "-fPIC", "run.c", "-o", "run.so", "-lm"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "run.so"))


def in_turn(model, library):
    """Microseconds a frame: in C, one frame a call, and whole, of every round."""
    x = np.random.default_rng(1).standard_normal((FRAMES, model.in_width), dtype=np.float32)
    y, expected = np.zeros_like(model(x)), model(x)

    def in_c():
        library.start()
        library.run(x.ctypes.data_as(ctypes.c_void_p), FRAMES, y.ctypes.data_as(ctypes.c_void_p))

    def alone():
        stream = model.stream()
        for i in range(FRAMES):
            stream.process(x[i : i + 1])

    in_c()
    if y.tobytes() != expected.tobytes():
        raise SystemExit(f"wrong output: it differs by {np.abs(y - expected).max()}")
    rounds = [[timed(way) for way in (in_c, alone, lambda: model(x))] for _ in range(ROUNDS)]
    return list(zip(*rounds, strict=True))


def timed(way):
    """Microseconds a frame."""
    first = time.perf_counter()
    way()
    return (time.perf_counter() - first) / FRAMES * 1e6


if __name__ == "__main__":
    main()
