"""PyTorch on one thread, without autograd: eager, or traced and frozen; caches are explicit tensors in and out."""

import warnings

import numpy as np
import torch
from torch.nn import functional

from benchmarks.contenders import TOLERANCE, Calls
from benchmarks.models import Network


class Tensors:
    """`benchmarks.models.Operations` run at once; signals are (1, channels, frames) tensors."""

    def __init__(self, weights: dict[str, torch.Tensor], pasts: dict[str, int], caches: dict[str, torch.Tensor] | None):
        self._weights = weights
        self._pasts = pasts
        self._caches = caches
        self.new_caches: list[torch.Tensor] = []

    def conv(self, x, layer, dilation=1):
        if layer in self._pasts:
            x = self._with_past(x, layer)
        weight, bias = self._weights[f"{layer}.weight"], self._weights.get(f"{layer}.bias")
        return functional.conv1d(x, weight, bias, dilation=dilation)

    def gated(self, x, layer, dilation):
        filtered, gate = self.conv(x, layer, dilation).chunk(2, dim=1)
        return torch.tanh(filtered) * torch.sigmoid(gate)

    def conditions(self, x, layers):
        return functional.conv1d(x, self._weights[f"{layers[0]}..."]).chunk(len(layers), dim=1)

    def conditioned_tanh(self, x, condition, layer, dilation):
        return torch.tanh(self.conv(x, layer, dilation) + condition)

    def add_conv(self, x, z, layer):
        return x + self.conv(z, layer)

    def sum_of_convs(self, xs, layers):
        name = f"{layers[0]}..."
        return functional.conv1d(torch.cat(xs, dim=1), self._weights[name], self._weights[f"{name}.bias"])

    def total(self, xs):
        result = xs[0]
        for x in xs[1:]:
            result = result + x
        return result

    def relu(self, x):
        return torch.relu(x)

    def softmax(self, x):
        return torch.softmax(x, dim=1)

    def _with_past(self, x, layer):
        """Put the cache before `x` and keep the end of it, a view, as the new cache; without caches, pad with zeros."""
        past = self._pasts[layer]
        if self._caches is None:
            return functional.pad(x, (past, 0))
        full = torch.cat((self._caches[layer], x), dim=2)
        self.new_caches.append(full[:, :, -past:])
        return full


class Step(torch.nn.Module):
    """A network as a function of ``(x, *caches)`` that returns ``(y, *new caches)``; whole signals have no caches."""

    def __init__(self, network: Network, *, streaming: bool):
        super().__init__()
        self._network = network
        self._pasts = {layer: past for layer, (_, past) in network.caches().items()}
        self._weights = _merged({name: _tensor(array) for name, array in network.folded.items()})
        self._streaming = streaming

    def forward(self, x, *caches):
        named = dict(zip(self._pasts, caches, strict=True)) if self._streaming else None
        tensors = Tensors(self._weights, self._pasts, named)
        return (self._network.forward(tensors, x), *tensors.new_caches)


def _tensor(array) -> torch.Tensor:
    return torch.tensor(array, dtype=torch.float32)


def _merged(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Add the weights of skip paths and conditions joined to one convolution, under the first one's name and dots.

    One large convolution is faster than many small ones; ONNX Runtime's merged graphs do the same.
    """
    skips = [name.removesuffix(".weight") for name in weights if name.endswith(".skip.weight")]
    if skips:
        weights[f"{skips[0]}..."] = torch.cat([weights[f"{name}.weight"] for name in skips], dim=1)
        weights[f"{skips[0]}....bias"] = sum(weights[f"{name}.bias"] for name in skips)
    stacks: dict[str, list[str]] = {}
    for name in weights:
        if name.endswith(".condition.weight"):
            stacks.setdefault(name.split(".blocks.")[0], []).append(name)
    for names in stacks.values():
        weights[names[0].removesuffix(".weight") + "..."] = torch.cat([weights[name] for name in names])
    return weights


def given(block: np.ndarray) -> torch.Tensor:
    """A call's (frames, channels), or (clips, frames, channels), as (clips, channels, frames)."""
    return torch.from_numpy(np.swapaxes(block.reshape(-1, *block.shape[-2:]), 1, 2).copy())


def rows(y: torch.Tensor, block: np.ndarray) -> np.ndarray:
    """An output in the layout of the block that it came from: a copy."""
    return y.mT.reshape(*block.shape[:-1], -1).numpy().copy()


class TorchRunner(Calls):
    """A step, eager or traced, with the caches that go from call to call."""

    def __init__(self, step, network: Network, frames: int, clips: int, *, streaming: bool):
        super().__init__(frames, clips)
        self._step = step
        shapes = network.caches().values() if streaming else ()
        self._caches = [torch.zeros(1, channels, past) for channels, past in shapes]
        self._x = torch.zeros(clips, network.in_channels, frames)

    def trace(self):
        """Compile the step for its shapes."""
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing warns of Python values baked in, and that it is an old interface
            traced = torch.jit.trace(self._step.eval(), (self._x, *self._caches), check_trace=False)
            self._step = torch.jit.freeze(traced)
            for _ in range(3):  # its first calls profile and compile
                self._step(self._x, *self._caches)

    def feed(self, block):
        self._x = given(block)
        with torch.inference_mode():
            y, *self._caches = self._step(self._x, *self._caches)
        return rows(y, block)

    def run(self, calls):
        step, x, caches = self._step, self._x, self._caches
        with torch.inference_mode():
            for _ in range(calls):
                _, *caches = step(x, *caches)
        self._caches = caches


class PyTorch:
    """The contender, eager or jit."""

    version = f"torch {torch.__version__}"
    tolerance = TOLERANCE

    def __init__(self, *, jit: bool):
        torch.set_num_threads(1)
        torch.set_num_interop_threads(1)
        self._jit = jit

    def prepare(self, network: Network, frames: int, *, streaming: bool, clips: int = 1) -> TorchRunner:
        runner = TorchRunner(Step(network, streaming=streaming), network, frames, clips, streaming=streaming)
        if self._jit:
            runner.trace()
        return runner


def open_contender(variant: str) -> PyTorch:
    """Return PyTorch, ``"eager"`` or ``"jit"``."""
    return PyTorch(jit=variant == "jit")
