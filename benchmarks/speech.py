"""``python -m benchmarks.speech``: 2-D dilated convolutions as a stream, ours and PyTorch's, microseconds a call.

The speech network of the literature: log-mel frames (time, 40, 1) through three 3x3 convolutions of dilation 1, 2, 3
with ReLU, then dense and softmax over 12 classes; causal, so that a frame in gives a frame out. PyTorch keeps the past
of every convolution as an explicit tensor, in and out; it runs eager, traced and frozen, and in the layout
channels-last. All outputs are compared with ours first. One thread each.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

import wavenetlite as wl
from benchmarks import side_by_side
from benchmarks.contenders import Library
from benchmarks.side_by_side import Call, Case, Section

BINS, CLASSES, DILATIONS = 40, 12, (1, 2, 3)
MAPS, BLOCKS = (16, 32), (1, 16, 100)
FRAMES, FEWEST_BLOCKS = 64, 4
TOLERANCE = 1e-5
OURS = f"ours {wl.isa()}"
WAYS = ("torch eager", "torch channels-last", "torch traced")
LIBRARY = Library("", ("torch",), "torch==2.13.0", ())


def section() -> Section:
    """Every number of maps and length of a block, PyTorch's ways beside ours."""
    versions, missing = {}, {}
    if reason := LIBRARY.missing():
        missing = dict.fromkeys(WAYS, reason)
    else:
        import torch

        versions = dict.fromkeys(WAYS, f"torch {torch.__version__}")
    cases = [case(maps, frames, peers=not missing) for maps in MAPS for frames in BLOCKS]
    return Section("speech", "Speech: a streamed network of 2-D dilated convolutions", cases, versions, missing)


def case(maps: int, frames: int, *, peers: bool) -> Case:
    """Calls that stream the same blocks on and on, compared before they are timed."""
    model = network(maps)
    shape = (max(FEWEST_BLOCKS, FRAMES // frames), frames, BINS)
    blocks = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    expected = model(blocks.reshape(-1, BINS))
    calls, errors = {OURS: ours(model, blocks)}, {}
    for name in WAYS if peers else ():
        calls[name], given = pytorch(name, model, blocks)
        errors[name] = float(np.abs(given - expected).max())
        if not errors[name] <= TOLERANCE:
            raise SystemExit(f"{name}: wrong output, by {errors[name]:g}")
    return Case(f"{maps} maps, block {frames}", calls, units=len(blocks), errors=errors)


def network(maps: int) -> wl.Sequential:
    layers: list[wl.nn.Module] = []
    for inputs, dilation in zip([1, maps, maps], DILATIONS, strict=True):
        layers += [wl.nn.Conv2d(inputs, maps, 3, bins=BINS, dilation=dilation), wl.nn.Activation("relu")]
    return wl.Sequential([*layers, wl.nn.Linear(BINS * maps, CLASSES), wl.nn.Activation("softmax")])


def ours(model: wl.Sequential, blocks: np.ndarray) -> Call:
    stream, out = model.stream(), np.empty((blocks.shape[1], CLASSES), np.float32)

    def call() -> None:
        for block in blocks:
            stream.process(block, out=out)

    return call


def pytorch(name: str, model: wl.Sequential, blocks: np.ndarray) -> tuple[Call, np.ndarray]:
    """One of PyTorch's ways as a call, and its output on the blocks."""
    import torch

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    layout = torch.channels_last if name == "torch channels-last" else torch.contiguous_format
    module = torch_network(model, layout)
    maps = model.state_dict()["0.weight"].shape[0]
    start = [torch.zeros(1, 1 if not layer else maps, 2 * dilation, BINS).contiguous(memory_format=layout)
             for layer, dilation in enumerate(DILATIONS)]  # fmt: skip
    tensors = [torch.tensor(block)[None, None] for block in blocks]
    if name == "torch traced":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module = torch.jit.freeze(torch.jit.trace(module, (tensors[0], *start), check_trace=False))
    past, outputs = start, []
    for block in tensors:
        y, *past = module(block, *past)
        outputs.append(y[0].numpy().copy())

    def call() -> None:
        nonlocal past
        for block in tensors:
            _, *past = module(block, *past)

    return call, np.concatenate(outputs)


def torch_network(model: wl.Sequential, layout: Any) -> Callable[..., Any]:
    """The network as a PyTorch module of ``(block, *pasts)`` that returns ``(y, *new pasts)``."""
    import torch
    from torch.nn import functional

    state = {name: torch.tensor(value) for name, value in model.state_dict().items()}
    weights = [state[f"{2 * layer}.weight"].contiguous(memory_format=layout) for layer in range(len(DILATIONS))]
    # PyTorch's maps come before its bins, ours after them
    dense = state["6.weight"].reshape(CLASSES, BINS, -1).transpose(1, 2).reshape(CLASSES, -1).contiguous()

    class Network(torch.nn.Module):
        def forward(self, x: torch.Tensor, *past: torch.Tensor) -> tuple[torch.Tensor, ...]:
            kept = []
            for layer, (dilation, before) in enumerate(zip(DILATIONS, past, strict=True)):
                full = torch.cat((before, x), dim=2)
                kept.append(full[:, :, -2 * dilation :])
                bias = state[f"{2 * layer}.bias"]
                x = torch.relu(functional.conv2d(full, weights[layer], bias, padding=(0, dilation), dilation=dilation))
            x = x.transpose(1, 2).flatten(2)
            return torch.softmax(functional.linear(x, dense, state["6.bias"]), dim=2), *kept

    return Network().eval()


if __name__ == "__main__":
    side_by_side.main(section, __doc__, rounds=15)
