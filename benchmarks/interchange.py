"""``python -m benchmarks.interchange``: networks of others, one frame a call, one thread.

wekws' MDTC (4 stacks of 4 blocks, 64 channels, 80 features) beside ONNX Runtime, which runs the streaming graph that
wavenetlite exports of it, with its cache bound in place; and pytorch-tcn's TCN beside its own streaming. Everybody's
stream is compared with ours offline before it is timed.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import io
from collections.abc import Callable
from typing import Any

import numpy as np

import wavenetlite as wl
from benchmarks import side_by_side
from benchmarks.contenders import Library
from benchmarks.side_by_side import Case, Section
from wavenetlite.formats import wekws
from wavenetlite.formats.tensors import Weights

CHECKED, TIMED = 300, 50
TOLERANCE = 1e-4
FEATURES, CHANNELS, KERNEL = 80, 64, 5
OURS, ORT, PYTORCH_TCN = f"ours {wl.isa()}", "ort", "pytorch-tcn"
LIBRARIES = {
    ORT: Library("", ("onnx", "onnxruntime"), "onnx onnxruntime", ()),
    PYTORCH_TCN: Library("", ("torch", "pytorch_tcn"), "torch==2.13.0 pytorch-tcn", ()),
}
Step = Callable[[np.ndarray], np.ndarray]
"""Feeds a frame, (1, channels), to a stream."""


def section() -> Section:
    """Both networks, each beside its peer."""
    cases: list[Case] = []
    versions: dict[str, str] = {}
    missing: dict[str, str] = {}
    for name, peer, make in (("wekws' MDTC", ORT, mdtc), ("pytorch-tcn's TCN", PYTORCH_TCN, pytorch_tcn)):
        if reason := LIBRARIES[peer].missing():
            missing[peer] = reason
            continue
        model, step, versions[peer] = make()
        cases.append(case(name, model, peer, step))
    return Section("interchange", "Interchange: networks of others, one frame a call", cases, versions, missing)


def case(name: str, model: wl.nn.Module, peer: str, step: Step) -> Case:
    x = np.random.default_rng(1).standard_normal((CHECKED, model.in_channels), dtype=np.float32)
    expected, errors = model(x), {}
    for who, one in ((OURS, ours(model)), (peer, step)):
        y = np.concatenate([one(frame[None]).copy() for frame in x])
        errors[who] = float(np.abs(y - expected).max() / np.abs(expected).max())
        if not errors[who] <= TOLERANCE:
            raise SystemExit(f"{who}: wrong output: it differs by {errors[who]:.1e} of its scale")
    frames = [frame[None] for frame in x[:TIMED]]
    mine = ours(model)
    calls = {OURS: lambda: [mine(one) for one in frames], peer: lambda: [step(one) for one in frames]}
    return Case(name, calls, "a frame", TIMED, {peer: errors[peer]})


def ours(model: wl.nn.Module) -> Step:
    stream, out = model.stream(), np.empty((1, model.out_channels), np.float32)
    return lambda frame: stream.process(frame, out=out)


# ------------------------------------------------------------------------------------------------ wekws' MDTC
def mdtc_tensors(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Random weights under wekws' names."""
    tensors = {}

    def convolution(name: str, *shape: int) -> None:
        bound = 1 / np.sqrt(np.prod(shape[1:]))
        tensors[f"{name}.weight"] = rng.uniform(-bound, bound, shape).astype(np.float32)
        tensors[f"{name}.bias"] = rng.uniform(-bound, bound, shape[0]).astype(np.float32)

    def norm(name: str, channels: int) -> None:
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


def mdtc() -> tuple[wl.nn.Module, Step, str]:
    import onnxruntime

    tensors = mdtc_tensors(np.random.default_rng(0))
    model = wekws.network(Weights(tensors), causal=True, norm_var=True, classifier="element")
    return model, onnx_runtime(model), f"onnxruntime {onnxruntime.__version__}"


def onnx_runtime(model: wl.nn.Module) -> Step:
    """The streaming graph in ONNX Runtime; what it returns as its cache is bound as the next call's."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    data = io.BytesIO()
    wl.formats.FORMATS["onnx"].save(model, data, streaming=True)
    session = onnxruntime.InferenceSession(data.getvalue(), options, providers=["CPUExecutionProvider"])
    cache = initial_cache(session)
    x = np.zeros((1, model.in_channels, 1), np.float32)
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

    def step(frame: np.ndarray) -> np.ndarray:
        x[0, :, 0] = frame[0]
        session.run_with_iobinding(bindings[turn[0]])
        turn[0] ^= 1
        return out[:, :, 0]

    return step


def initial_cache(session: Any) -> np.ndarray:
    metadata = session.get_modelmeta().custom_metadata_map
    shape = [1, *(int(n) for n in metadata["cache_shape"].strip("[]").split(",") if n.strip())][-2:]
    if metadata["cache_initial"] != "zeros":
        raise SystemExit("the cache must begin with zeros here")
    return np.zeros(shape, np.float32)


# ------------------------------------------------------------------------------------------------ pytorch-tcn
def pytorch_tcn() -> tuple[wl.nn.Module, Step, str]:
    from importlib.metadata import version

    import pytorch_tcn as library
    import torch

    torch.set_num_threads(1)
    torch.manual_seed(0)
    module = library.TCN(40, [64] * 8, kernel_size=4).eval()
    model = wl.from_torch(module)

    def step(frame: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(frame.T)[None], inference=True)[0].T.numpy()

    return model, step, f"pytorch-tcn {version('pytorch-tcn')}, torch {torch.__version__}"


if __name__ == "__main__":
    side_by_side.main(section, __doc__, rounds=15)
