"""``python -m benchmarks.integers``: networks quantised to 8-bit integers beside the same in float32, us a frame.

Keyword TCN C (40 -> 64 channels, kernel 5, 8 residual blocks, 12 classes) and Deep Voice's vocoder B (20 gated layers
of kernel 2), with random weights; every system quantises the float32 network itself, by the ranges of the signal that
is timed. Peers run whole signals only, those that are installed: ONNX Runtime (static QDQ, weights per channel,
activations without sign, which is its fastest), OpenVINO (by NNCF, or without it on ONNX Runtime's file), ExecuTorch
(XNNPACK's quantiser). A round times every contender once, in turn; reported are medians over the rounds and the medians
of the rounds' ratios of our float32 to each. Errors are the largest, against the float32 network, of its output's
largest value. One thread each, whose CPU time is measured.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import argparse
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import thread_time
from typing import Any

import numpy as np

import wavenetlite as wl
from wavenetlite import formats

nn = wl.nn
WHOLE, BLOCKS = 1000, (1000, 64, 16, 1)
Call = Callable[[], Any]


def keywords() -> wl.nn.Module:
    """C."""
    dilations = [1, 2, 4, 8] * 2
    blocks = [[nn.Conv1d(64, 64, 5, dilation=d), nn.BatchNorm(64), nn.Activation("relu")] for d in dilations]
    return wl.Sequential([nn.Conv1d(40, 64, 1), *(nn.Residual(block) for block in blocks), nn.Conv1d(64, 12, 1)])


def vocoder() -> wl.nn.Module:
    """B."""
    dilations = [2 ** (i % 10) for i in range(20)]
    return wl.WaveNet(64, 256, residual_channels=64, skip_channels=128, kernel_size=2, dilations=dilations)


def fed(model: wl.nn.Module, x: np.ndarray, size: int) -> Call:
    """A call that feeds some blocks to a stream."""
    stream, frames = model.stream(), max(size, min(len(x), 100 * size))
    blocks = [x[first : first + size] for first in range(0, frames - size + 1, size)]
    return lambda: [stream.process(block) for block in blocks]


# Peers: their calls on the whole signal, which give (channels, frames)


def onnx_peers(model: wl.nn.Module, x: np.ndarray, folder: Path) -> Iterator[tuple[str, Call]]:
    """ONNX Runtime, which writes the files int8.onnx and float.onnx, and OpenVINO."""
    if not (find_spec("onnxruntime") and find_spec("onnx")):
        return
    import onnxruntime
    from onnxruntime import quantization

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    plain, small = str(folder / "float.onnx"), str(folder / "int8.onnx")
    formats.save(model, plain)
    session = onnxruntime.InferenceSession(plain, options)
    given = {session.get_inputs()[0].name: np.ascontiguousarray(x.T[None])}

    class Reader(quantization.CalibrationDataReader):
        def __init__(self) -> None:
            self.left = [given]

        def get_next(self) -> Any:
            return self.left.pop() if self.left else None

    unsigned = quantization.QuantType.QUInt8
    quantization.quantize_static(plain, small, Reader(), per_channel=True, activation_type=unsigned)
    quantised = onnxruntime.InferenceSession(small, options)
    yield "onnxruntime float32", lambda: session.run(None, given)[0][0]
    yield "onnxruntime int8", lambda: quantised.run(None, given)[0][0]
    if find_spec("openvino"):
        yield from openvino_peer(next(iter(given.values())), plain, small)


def openvino_peer(given: np.ndarray, plain: str, small: str) -> Iterator[tuple[str, Call]]:
    import openvino

    core = openvino.Core()
    if find_spec("nncf"):
        import nncf

        model = nncf.quantize(core.read_model(plain), nncf.Dataset([given]))
    else:
        print("NNCF is not installed: OpenVINO runs ONNX Runtime's quantised file")
        model = core.read_model(small)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": 1})
    request = compiled.create_infer_request()
    yield "openvino int8", lambda: next(iter(request.infer([given]).values()))[0]


def executorch_peer(model: wl.nn.Module, x: np.ndarray) -> Iterator[tuple[str, Call]]:
    if not (find_spec("executorch") and find_spec("torchao")):
        return
    import torch
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.backends.xnnpack.quantizer import xnnpack_quantizer
    from executorch.exir import to_edge_transform_and_lower
    from executorch.extension.pybindings.portable_lib import _unsafe_reset_threadpool
    from executorch.runtime import Runtime
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    torch.set_num_threads(1)
    _unsafe_reset_threadpool(1)
    given = (torch.from_numpy(x)[None],)  # of NumPy's new axis the stride is 0, which the exporter refuses
    config = xnnpack_quantizer.get_symmetric_quantization_config(is_per_channel=True)
    quantizer = xnnpack_quantizer.XNNPACKQuantizer().set_global(config)
    with torch.no_grad():
        prepared = prepare_pt2e(torch.export.export(model.to_torch().eval(), given).module(), quantizer)
        prepared(*given)
        program = torch.export.export(convert_pt2e(prepared), given)
    lowered = to_edge_transform_and_lower(program, partitioner=[XnnpackPartitioner()]).to_executorch()
    loaded = Runtime.get().load_program(lowered.buffer)
    execute = loaded.load_method("forward").execute
    yield "executorch int8", lambda program=loaded: execute(list(given))[0][0].numpy().T  # keeps its program alive


def peers(model: wl.nn.Module, x: np.ndarray, folder: Path) -> dict[str, Call]:
    """The calls of what is installed and can run the network, by name."""
    found: dict[str, Call] = {}
    for made in (onnx_peers(model, x, folder), executorch_peer(model, x)):
        try:
            found.update(made)
        except Exception as error:  # of any kind, as these systems raise
            print(f"left out: {type(error).__name__}: {str(error).splitlines()[0]}")
    return found


def measured(calls: dict[str, tuple[Call, int]], rounds: int) -> dict[str, list[float]]:
    """us a frame of every contender, round by round; each call is of so many frames."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, (call, frames) in calls.items():
            start = thread_time()
            call()
            times[name].append(1e6 * (thread_time() - start) / frames)
    return times


def report(title: str, times: dict[str, list[float]]) -> None:
    ours = times["float32"]
    for name, values in times.items():
        ratio = median(a / b for a, b in zip(ours, values, strict=True))
        print(f"{title}: {name:20} {median(values):7.2f} us, {ratio:.2f}x")


def report_errors(title: str, exact: np.ndarray, outputs: dict[str, np.ndarray]) -> None:
    for name, y in outputs.items():
        error = float(np.abs(y - exact).max() / np.abs(exact).max())
        print(f"{title}, error: {name:20} {error:.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25, help="rounds; medians are reported")
    rounds = parser.parse_args().rounds
    print(f"{wl.isa()}, a frame, medians of {rounds} rounds")
    for title, floats in (("C", keywords()), ("B", vocoder())):
        x = np.random.default_rng(1).standard_normal((WHOLE, floats.in_width or 0)).astype(np.float32)
        both = {"float32": floats, "int8": wl.quantize(floats, calibration=x)}
        with tempfile.TemporaryDirectory() as folder:
            others = peers(floats, x, Path(folder))
        report_errors(title, floats(x), {"int8": both["int8"](x), **{name: call().T for name, call in others.items()}})
        for size in BLOCKS:
            frames = max(size, min(len(x) // size, 100) * size)
            calls = {name: (fed(model, x, size), frames) for name, model in both.items()}
            if size == WHOLE:
                calls |= {name: (call, WHOLE) for name, call in others.items()}
            report(f"{title}, blocks of {size}", measured(calls, rounds))


if __name__ == "__main__":
    main()
