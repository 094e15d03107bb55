"""Networks of others, one frame a call, one thread: ``python -m benchmarks.interchange [--core N]``.

wekws' MDTC (4 stacks of 4 blocks, 64 channels, 80 features) beside ONNX Runtime, which runs the streaming graph that
wavenetlite exports of it, with its cache bound in place; and pytorch-tcn's TCN beside its own streaming. Everybody's
stream is compared with ours offline before it is timed. Rounds time ours and the peer in turn; times are medians over
the rounds, ratios medians of the rounds' ratios. Who is missing is named and left out.
"""

import argparse
import io
import os
import statistics
import time

import numpy as np

import wavenetlite as wl
from wavenetlite.formats import wekws
from wavenetlite.formats.tensors import Weights

ROUNDS, SECONDS, CHECKED = 15, 0.05, 300
FEATURES, CHANNELS, KERNEL = 80, 64, 5


def main():
    """Measure both networks and print one line for each."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interchange", description=__doc__.split(":")[0])
    parser.add_argument("--core", type=int, help="run on this core (Linux)")
    core = parser.parse_args().core
    if core is not None:
        os.sched_setaffinity(0, {core})
    for title, case in (("wekws MDTC, ONNX Runtime", mdtc), ("pytorch-tcn, its own streaming", pytorch_tcn)):
        try:
            model, peer = case()
        except ImportError as error:
            print(f"{title}: not measured: {error}")
            continue
        x = np.random.default_rng(1).standard_normal((CHECKED, model.in_channels), dtype=np.float32)
        check(model, ours(model), x)
        check(model, peer, x)
        own, other, ratio = in_turn(ours(model), peer, x)
        print(f"{title}: {model.parameter_count} parameters; ours {own:.2f} us, peer {other:.1f} us, {ratio:.0f} x")


def ours(model):
    """A function of a frame (1, channels)."""
    stream, out = model.stream(), np.empty((1, model.out_channels), np.float32)
    return lambda frame: stream.process(frame, out=out)


def check(model, step, x):
    """Raise unless frames one by one give what the whole signal does."""
    expected = model(x)
    y = np.concatenate([step(frame[None]).copy() for frame in x])
    if np.abs(y - expected).max() > 1e-4 * np.abs(expected).max():
        raise SystemExit(f"wrong output: it differs by {np.abs(y - expected).max()}")


def in_turn(own, peer, x):
    """Microseconds a call of both, and how many times longer the peer takes."""
    frame = x[:1].copy()
    times = [(timed(own, frame), timed(peer, frame)) for _ in range(ROUNDS)]
    mine, others = zip(*times, strict=True)
    return statistics.median(mine), statistics.median(others), statistics.median(b / a for a, b in times)


def timed(step, frame):
    calls, first = 0, time.perf_counter()
    while time.perf_counter() - first < SECONDS:
        for _ in range(20):
            step(frame)
        calls += 20
    return (time.perf_counter() - first) / calls * 1e6


# ------------------------------------------------------------------------------------------------ wekws' MDTC
def mdtc_tensors(rng):
    """Random weights under wekws' names."""
    tensors = {}

    def convolution(name, *shape):
        bound = 1 / np.sqrt(np.prod(shape[1:]))
        tensors[f"{name}.weight"] = rng.uniform(-bound, bound, shape).astype(np.float32)
        tensors[f"{name}.bias"] = rng.uniform(-bound, bound, shape[0]).astype(np.float32)

    def norm(name, channels):
        for part, least, most in (("weight", 0.5, 1.5), ("bias", -0.3, 0.3), ("running_mean", -0.3, 0.3),
                                  ("running_var", 0.5, 2.0)):  # fmt: skip
            tensors[f"{name}.{part}"] = rng.uniform(least, most, channels).astype(np.float32)

    places = [f"backbone.blocks.{stack}.res_blocks.{number}" for stack in range(4) for number in range(4)]
    for place, channels in (("backbone.preprocessor", FEATURES), *((place, CHANNELS) for place in places)):
        convolution(f"{place}.conv1.conv", channels, 1, KERNEL)
        norm(f"{place}.conv1.bn", channels)
        convolution(f"{place}.conv1.pointwise", CHANNELS, channels, 1)
        norm(f"{place}.bn1", CHANNELS)
        convolution(f"{place}.conv2", CHANNELS, CHANNELS, 1)
        norm(f"{place}.bn2", CHANNELS)
    convolution("classifier.linear", 1, CHANNELS)
    return tensors


def mdtc():
    tensors = mdtc_tensors(np.random.default_rng(0))
    model = wekws.network(Weights(tensors), causal=True, norm_var=True, classifier="element")
    return model, onnx_runtime(model)


def onnx_runtime(model):
    """The streaming graph in ONNX Runtime; what it returns as its cache is bound as the next call's."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    data = io.BytesIO()
    wl.formats.FORMATS["onnx"].save(model, data, streaming=True)
    session = onnxruntime.InferenceSession(data.getvalue(), options, providers=["CPUExecutionProvider"])
    cache = initial_cache(session)
    x, binding = np.zeros((1, model.in_channels, 1), np.float32), session.io_binding()
    out, caches = np.empty((1, model.out_channels, 1), np.float32), [cache, np.empty_like(cache)]
    bindings = []
    for old, new in (caches, caches[::-1]):
        binding = session.io_binding()
        binding.bind_cpu_input("x", x)
        binding.bind_cpu_input("cache", old)
        for name, array in (("y", out), ("next_cache", new)):
            binding.bind_output(name, "cpu", 0, np.float32, array.shape, array.ctypes.data)
        bindings.append(binding)
    turn = [0]

    def step(frame):
        x[0, :, 0] = frame[0]
        session.run_with_iobinding(bindings[turn[0]])
        turn[0] ^= 1
        return out[:, :, 0]

    return step


def initial_cache(session):
    metadata = session.get_modelmeta().custom_metadata_map
    shape = [1, *(int(n) for n in metadata["cache_shape"].strip("[]").split(",") if n.strip())][-2:]
    if metadata["cache_initial"] != "zeros":
        raise SystemExit("the cache must begin with zeros here")
    return np.zeros(shape, np.float32)


# ------------------------------------------------------------------------------------------------ pytorch-tcn
def pytorch_tcn():
    import pytorch_tcn as library
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    module = library.TCN(40, [64] * 8, kernel_size=4).eval()

    def step(frame):
        with torch.inference_mode():
            return module(torch.from_numpy(frame.T)[None], inference=True)[0].T.numpy()

    return wl.from_torch(module), step


if __name__ == "__main__":
    main()
