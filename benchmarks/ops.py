"""``python -m benchmarks.ops``: dilated convolutions of images, microseconds: ours and PyTorch's, one thread each.

The speech network's convolutions, log-mel (98, 40, 1) through three of 3 x 3 with dilations 1, 2 and 3, 16 or 32
channels; and a stack of 64 channels on 128 x 128 with dilations 1, 2 and 4. Each stack as a whole, every output the
next one's input, then each convolution alone. Outputs are compared with ours first.

PyTorch runs eager in inference mode: on contiguous tensors, on channels-last ones (filters too), and with oneDNN's own
layout and filters repacked beforehand (`to_mkldnn`). Ours packs its filters in every call. Memory that was freed stays
with the process, or some outputs would cost page faults and others not.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np

import wavenetlite as wl
from benchmarks import side_by_side
from benchmarks.contenders import Library
from benchmarks.side_by_side import Call, Case, Section

TOLERANCE = 1e-5  # of the largest value
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
OURS = f"ours {wl.isa()}"
LIBRARY = Library("", ("torch",), "torch==2.13.0", ())


@dataclass(frozen=True)
class Stack:
    """3 x 3 convolutions one after the other, with "SAME" padding."""

    name: str
    size: tuple[int, int]
    channels: tuple[int, ...]
    rates: tuple[int, ...]

    def parts(self) -> list["Stack"]:
        """The convolutions by themselves."""
        named = [
            (f"{i} to {o}, dilation {r}", (i, o), (r,))
            for i, o, r in zip(self.channels, self.channels[1:], self.rates, strict=False)
        ]
        return [Stack(f"{self.name}: {name}", self.size, channels, rates) for name, channels, rates in named]


STACKS = [
    Stack("speech network, 16 channels", (98, 40), (1, 16, 16, 16), (1, 2, 3)),
    Stack("speech network, 32 channels", (98, 40), (1, 32, 32, 32), (1, 2, 3)),
    Stack("64 channels on 128 x 128", (128, 128), (64, 64, 64, 64), (1, 2, 4)),
]


def arrays(stack: Stack) -> tuple[np.ndarray, list[np.ndarray]]:
    """An image and the filters; of a scale that the stack keeps."""
    rng = np.random.default_rng(0)
    value = rng.standard_normal((1, *stack.size, stack.channels[0])).astype(np.float32)
    shapes = [(3, 3, i, o) for i, o in zip(stack.channels, stack.channels[1:], strict=False)]
    return value, [(rng.standard_normal(s) / np.sqrt(9 * s[2])).astype(np.float32) for s in shapes]


def ours(stack: Stack) -> Call:
    value, filters = arrays(stack)

    def call() -> np.ndarray:
        x = value
        for rate, one in zip(stack.rates, filters, strict=True):
            x = wl.ops.atrous_conv2d(x, one, rate, "SAME")
        return x

    return call


def pytorch(stack: Stack) -> dict[str, Call]:
    """PyTorch's ways, each a call that gives (1, channels, height, width)."""
    import torch

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    image, filters = arrays(stack)
    value = torch.tensor(image.transpose(0, 3, 1, 2).copy())
    weights = [torch.tensor(one.transpose(3, 2, 0, 1).copy()) for one in filters]

    def convolutions(x: Any, weights: list[Any]) -> Call:
        @torch.inference_mode()
        def call() -> Any:
            y = x
            for rate, weight in zip(stack.rates, weights, strict=True):
                y = torch.nn.functional.conv2d(y, weight, padding=rate, dilation=rate)
            return y

        return call

    last = {"memory_format": torch.channels_last}
    ways = {
        "torch contiguous": convolutions(value, weights),
        "torch channels last": convolutions(
            value.contiguous(**last), [weight.contiguous(**last) for weight in weights]
        ),
    }
    if torch.backends.mkldnn.is_available():
        ways["torch oneDNN"] = repacked(stack, value, weights)
    return ways


def repacked(stack: Stack, value: Any, weights: list[Any]) -> Call:
    """Modules whose filters oneDNN has laid out for itself, on a tensor of its layout."""
    import torch
    from torch.utils import mkldnn

    layers = []
    for rate, weight in zip(stack.rates, weights, strict=True):
        layer = torch.nn.Conv2d(weight.shape[1], weight.shape[0], 3, padding=rate, dilation=rate, bias=False).eval()
        layer.weight.copy_(weight)
        layers.append(layer)
    network = mkldnn.to_mkldnn(torch.nn.Sequential(*layers))
    x = value.to_mkldnn()

    @torch.inference_mode()
    def call() -> Any:
        return network(x)

    return call


def section() -> Section:
    """Stacks and their convolutions, PyTorch's ways beside ours."""
    keep_memory()
    reason = LIBRARY.missing()
    cases = [case(one, peers=not reason) for stack in STACKS for one in (stack, *stack.parts())]
    versions: dict[str, str] = {}
    if not reason:
        import torch

        versions = {name: f"torch {torch.__version__}" for case in cases for name in case.calls if name != OURS}
    return Section(
        "ops", "Dilated convolutions of images (wl.ops)", cases, versions, {"torch": reason} if reason else {}
    )


def case(stack: Stack, *, peers: bool) -> Case:
    """Ours, and PyTorch's ways after their outputs have been compared with it."""
    mine = ours(stack)
    theirs = pytorch(stack) if peers else {}
    y = mine()
    errors = {name: difference(y, call, name) for name, call in theirs.items()}
    return Case(stack.name, {OURS: mine, **theirs}, errors=errors)


def difference(mine: np.ndarray, call: Call, name: str) -> float:
    """How far a contender's output is from ours, of the largest value."""
    y: Any = call()
    theirs = (y.to_dense() if y.is_mkldnn else y).numpy().transpose(0, 2, 3, 1)
    error = float(np.abs(mine - theirs).max() / np.abs(theirs).max())
    if not error <= TOLERANCE:
        raise SystemExit(f"{name} differs from ours by {error:.1e} of the largest value")
    return error


def keep_memory() -> None:
    """Tell glibc's malloc not to give memory back to the system; other C libraries keep to their own ways."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter in (M_TRIM_THRESHOLD, M_MMAP_THRESHOLD):
            mallopt(parameter, 1 << 30)


if __name__ == "__main__":
    side_by_side.main(section, __doc__, rounds=15)
