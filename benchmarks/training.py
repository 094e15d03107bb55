"""``python -m benchmarks.training``: one step of training, milliseconds: ours and PyTorch's, one thread each.

Step: forward in training mode, cross-entropy of the last frame, backward, AdamW; network C of the benchmarks, 32 clips
of 100 frames. Convolution: gradients of input, weight and bias of one convolution of kernel 3, 32 clips of 100 frames.
Outputs, gradients and running statistics are compared first. A round times every contender once, in turn;
reported are medians over the rounds and medians of the rounds' ratios to ours. PyTorch runs eager, with
`torch.optim.AdamW` as it chooses to run it (foreach); with ``--compile`` its network through `torch.compile` too,
which needs a C++ compiler and a minute. The share of the peak counts the multiply-adds of all convolutions, forward and
back, against what independent FMAs reach in the same process.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import argparse
import importlib.util
import json
from collections.abc import Callable
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

import wavenetlite as wl
from wavenetlite.kernels import dispatch
from wavenetlite.train import AdamW, CrossEntropy, Parameters, Tape

CLIPS, FRAMES = 32, 100
LR, DECAY, MOMENTUM = 1e-6, 0.01, 0.1  # a rate so small that many steps change little
CHANNELS = (32, 64)
KERNEL = 3
TOLERANCE = 2e-4  # of the largest value

rng = np.random.default_rng(0)
X = rng.standard_normal((CLIPS, FRAMES, 40)).astype(np.float32)
Y = rng.integers(0, 12, CLIPS)


def network() -> wl.TCN:
    return wl.TCN(40, 12, channels=64, kernel_size=5, dilations=[1, 2, 4, 8] * 2)


class Ours:
    """A training of ours that can be taken step by step."""

    def __init__(self) -> None:
        self.parameters = Parameters(network())
        self.tape = Tape(self.parameters, CLIPS, FRAMES)
        self.loss = CrossEntropy()
        decayed = self.parameters.mask("weight")
        self.optimiser = AdamW(self.parameters.trained, decayed=decayed, weight_decay=DECAY)

    def step(self) -> None:
        y = self.tape.forward(X)
        gradient = self.tape.backward(self.loss(y, Y, CLIPS).gradient)
        self.optimiser.step(self.parameters.values[1 : 1 + self.parameters.trained], gradient, LR)
        for statistics in self.tape.statistics:
            for name, found in statistics.items():
                running = self.parameters.statistics[name]
                running += (MOMENTUM * (found - running)).astype(np.float32)


def torch_network() -> Any:
    """The same network in PyTorch, with the same names and initial weights."""
    import torch
    from torch.nn import functional

    class Block(torch.nn.Module):
        def __init__(self, dilation: int) -> None:
            super().__init__()
            self.add_module("0", torch.nn.Conv1d(64, 64, 5, dilation=dilation))
            self.add_module("1", torch.nn.BatchNorm1d(64))
            self.past = 4 * dilation

        def forward(self, x: Any) -> Any:
            conv, norm = self._modules["0"], self._modules["1"]
            return x + functional.relu(norm(conv(functional.pad(x, (self.past, 0)))))

    class Network(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.input = torch.nn.Conv1d(40, 64, 1)
            self.blocks = torch.nn.ModuleList(Block(dilation) for dilation in [1, 2, 4, 8] * 2)
            self.output = torch.nn.Conv1d(64, 12, 1)

        def forward(self, x: Any) -> Any:
            x = functional.relu(self.input(x))
            for block in self.blocks:
                x = block(x)
            return self.output(x)

    theirs = Network()
    model = network()
    model.initialise_missing()
    state = {name: torch.tensor(value) for name, value in model.state_dict().items()}
    theirs.load_state_dict(state, strict=False)  # but for num_batches_tracked
    return theirs.train()


class Torchs:
    """The same training by PyTorch."""

    def __init__(self, compiled: bool = False) -> None:
        import torch

        self.network = torch_network()
        self.forward = torch.compile(self.network) if compiled else self.network
        self.x, self.y = torch.tensor(X).mT.contiguous(), torch.tensor(Y)
        decayed = [one for one in self.network.parameters() if one.ndim > 1]
        others = [one for one in self.network.parameters() if one.ndim == 1]
        groups = [{"params": decayed, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=LR)

    def step(self) -> None:
        from torch.nn import functional

        self.optimiser.zero_grad()
        functional.cross_entropy(self.forward(self.x)[:, :, -1], self.y).backward()
        self.optimiser.step()


class OurConvolution:
    """The backward pass of a convolution of ours, with the packing of its weights."""

    def __init__(self, channels: int) -> None:
        first, conv = wl.nn.Linear(channels, channels), wl.nn.Conv1d(channels, channels, KERNEL)
        parameters = Parameters(wl.Sequential([first, conv]))
        self.tape = Tape(parameters, CLIPS, FRAMES)
        self.x = self.tape.forward(rng.standard_normal((CLIPS, FRAMES, channels)).astype(np.float32))
        self.place, self.shape = parameters.places["1.weight"]
        self.weight = parameters.state_dict()["1.weight"]
        self.values = parameters.values
        self.conv = self.tape.steps[1]
        self.x = self.conv.inputs[0].values[:, :, :channels].copy()
        self.g = rng.standard_normal(self.x.shape).astype(np.float32)
        self.tape.backward(self.g)

    def run(self) -> None:
        self.conv.inputs[0].has_gradient = False
        self.conv.pack(self.values)
        self.conv.backward(self.tape.gradient)

    def gradients(self) -> list[np.ndarray]:
        """Of input and weight."""
        self.tape.gradient[:] = 0.0
        self.run()
        end = self.place + int(np.prod(self.shape))
        channels = self.x.shape[2]
        return [self.conv.inputs[0].gradient[:, :, :channels].copy(), self.tape.gradient[self.place : end].copy()]


class TorchConvolution:
    """The backward pass of the same convolution by PyTorch: of an input that has been padded."""

    def __init__(self, ours: OurConvolution) -> None:
        import torch

        past = KERNEL - 1
        self.x = torch.nn.functional.pad(torch.tensor(ours.x).mT, (past, 0)).contiguous()
        self.weight, self.g = torch.tensor(ours.weight), torch.tensor(ours.g).mT.contiguous()
        self.backward = torch.ops.aten.convolution_backward

    def run(self) -> Any:
        channels = [len(self.weight)]
        return self.backward(
            self.g, self.x, self.weight, channels, [1], [0], [1], False, [0], 1, [True, True, True]
        )  # fmt: skip

    def gradients(self) -> list[np.ndarray]:
        x, weight, _ = self.run()
        return [x[:, :, KERNEL - 1 :].mT.numpy(), weight.numpy().ravel()]


def agree(what: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    """Both within the tolerance of each other, or there is nothing to time."""
    difference = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
    print(f"{what}: differs from PyTorch's by {difference:.1e} of the largest value")
    if not difference <= TOLERANCE:
        raise SystemExit(f"{what} differs by more than {TOLERANCE}")


def compare_steps(ours: Ours, theirs: Torchs) -> None:
    """Output, gradient and running statistics of the first step."""
    ours.step()
    theirs.step()
    y = ours.tape.output.values[:, :, :12]
    fresh = torch_network()
    agree("output", y, fresh(theirs.x).detach().mT.numpy())
    given = dict(theirs.network.named_parameters())
    flat = np.concatenate([given[name].grad.numpy().ravel() for name in ours.parameters.places])
    agree("gradient", ours.tape.gradient[1 : 1 + ours.parameters.trained], flat)
    buffers = dict(theirs.network.named_buffers())
    names = list(ours.parameters.statistics)
    mine, other = ours.parameters.statistics, {name: buffers[name].numpy() for name in names}
    agree("statistics", np.concatenate([mine[name] for name in names]), np.concatenate([other[name] for name in names]))


def contenders(compiled: bool) -> dict[str, Callable[[], object]]:
    """All that are installed, after they have been compared; `compiled`: torch.compile too."""
    mine = Ours()
    found: dict[str, Callable[[], object]] = {"step of model C: wavenetlite": mine.step}
    convolutions = {channels: OurConvolution(channels) for channels in CHANNELS}
    found |= {f"convolution of {channels}: wavenetlite": one.run for channels, one in convolutions.items()}
    if not importlib.util.find_spec("torch"):
        print("torch is not installed: left out")
        return found
    import torch

    torch.set_num_threads(1)
    theirs = Torchs()
    compare_steps(mine, theirs)
    found["step of model C: torch"] = theirs.step
    if compiled:
        found["step of model C: torch.compile"] = Torchs(compiled=True).step
    for channels, one in convolutions.items():
        other = TorchConvolution(one)
        for what, a, b in zip(("input", "weight"), one.gradients(), other.gradients(), strict=True):
            agree(f"gradient of the {what} of a convolution of {channels}", a, b)
        found[f"convolution of {channels}: torch"] = other.run
    return found


def share_of_peak(milliseconds: float) -> float:
    """Share of the FMA peak: a step's convolutions forward, and back to their weights and inputs, but not to `X`."""
    multiply_adds = CLIPS * FRAMES * (3 * network().macs_per_frame - 40 * 64)
    rates = []
    for _ in range(5):
        start = perf_counter()
        done = dispatch.multiply_adds(100_000)
        rates.append(done / (perf_counter() - start))
    return multiply_adds / (milliseconds / 1e3) / max(rates)


def measured(found: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Milliseconds of every contender, one value a round."""
    times: dict[str, list[float]] = {name: [] for name in found}
    for number in range(rounds + 3):
        for name, call in found.items():
            start = perf_counter()
            call()
            if number >= 3:  # the first rounds warm up
                times[name].append(1e3 * (perf_counter() - start))
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=51, help="rounds in which each is timed once (default 51)")
    parser.add_argument("--compile", action="store_true", help="time torch.compile too")
    parser.add_argument("--json", metavar="FILE", help="write the medians to a file as well")
    arguments = parser.parse_args()
    times = measured(contenders(arguments.compile), arguments.rounds)
    print(f"{'':40}{'ms':>10}   times ours")
    for name in sorted(times, key=lambda name: (name.split(":")[0], "torch" in name)):
        base = times[f"{name.split(':')[0]}: wavenetlite"]
        ratio = median(mine / theirs for mine, theirs in zip(times[name], base, strict=True))
        print(f"{name:40}{median(times[name]):10.3f}{ratio:13.2f}")
    share = share_of_peak(median(times["step of model C: wavenetlite"]))
    print(f"our step runs at {share:.0%} of the FMA peak")
    if arguments.json:
        with open(arguments.json, "w") as file:  # noqa: PTH123
            json.dump({name: median(values) for name, values in times.items()}, file, indent=1)


if __name__ == "__main__":
    main()
