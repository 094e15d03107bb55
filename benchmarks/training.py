"""``python -m benchmarks.training``: one step of training: ours and PyTorch's, one thread each.

Step: forward in training mode, cross-entropy of the last frame, backward, AdamW; network C of the benchmarks, 32 clips
of 100 frames. Convolution: gradients of input, weight and bias of one convolution of kernel 3, 32 clips of 100 frames.
Outputs, gradients and running statistics are compared first, with PyTorch's eager step. PyTorch runs eager,
compiled (it needs a C++ compiler for that) and with bfloat16 autocast where the CPU has such products;
`torch.optim.AdamW` as it chooses to run it (foreach).
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

from typing import Any

import numpy as np

import wavenetlite as wl
from benchmarks import side_by_side
from benchmarks.contenders import Library
from benchmarks.side_by_side import Call, Case, Section
from wavenetlite.train import AdamW, CrossEntropy, Parameters, Tape

CLIPS, FRAMES = 32, 100
LR, DECAY, MOMENTUM = 1e-6, 0.01, 0.1  # a rate so small that many steps change little
CHANNELS = (32, 64)
KERNEL = 3
OURS, PEER, AUTOCAST = f"ours {wl.isa()}", "torch eager", "torch eager, bf16 autocast"
LIBRARY = Library("", ("torch",), "torch==2.13.0", ())
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
    """The same training by PyTorch: eager, compiled, or with products in bfloat16."""

    def __init__(self, *, compiled: bool = False, autocast: bool = False) -> None:
        import torch

        self.network = torch_network()
        self.call = torch.compile(self.network) if compiled else self.network
        self.precision = torch.autocast("cpu", torch.bfloat16, enabled=autocast)
        self.x, self.y = torch.tensor(X).mT.contiguous(), torch.tensor(Y)
        decayed = [one for one in self.network.parameters() if one.ndim > 1]
        others = [one for one in self.network.parameters() if one.ndim == 1]
        groups = [{"params": decayed, "weight_decay": DECAY}, {"params": others, "weight_decay": 0.0}]
        self.optimiser = torch.optim.AdamW(groups, lr=LR)

    def step(self) -> None:
        from torch.nn import functional

        self.optimiser.zero_grad()
        with self.precision:
            loss = functional.cross_entropy(self.call(self.x)[:, :, -1], self.y)
        loss.backward()
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


def section() -> Section:
    """A step and single convolutions, PyTorch's beside ours after they have been compared."""
    mine = Ours()
    convolutions = {channels: OurConvolution(channels) for channels in CHANNELS}
    step: dict[str, Call] = {OURS: mine.step}
    backward: dict[int, dict[str, Call]] = {channels: {OURS: one.run} for channels, one in convolutions.items()}
    versions: dict[str, str] = {}
    missing: dict[str, str] = {}
    if reason := LIBRARY.missing():
        missing[PEER] = reason
    else:
        versions = peers(mine, convolutions, step, backward, missing)
    cases = [Case(f"step of C, {CLIPS} x {FRAMES} frames", step)]
    cases += [Case(f"gradients of a convolution of {channels}", calls) for channels, calls in backward.items()]
    return Section("training", "Training", cases, versions, missing)


def peers(
    mine: Ours,
    convolutions: dict[int, OurConvolution],
    step: dict[str, Call],
    backward: dict[int, dict[str, Call]],
    missing: dict[str, str],
) -> dict[str, str]:
    """Put PyTorch's calls beside ours; returns their versions."""
    import torch

    torch.set_num_threads(1)
    theirs = Torchs()
    compare_steps(mine, theirs)
    step |= {PEER: theirs.step, "torch compile": Torchs(compiled=True).step}
    if torch.cpu._is_avx512_bf16_supported():
        step[AUTOCAST] = Torchs(autocast=True).step
    else:
        missing[AUTOCAST] = "this CPU has no bfloat16 products"
    for channels, one in convolutions.items():
        other = TorchConvolution(one)
        for what, a, b in zip(("input", "weight"), one.gradients(), other.gradients(), strict=True):
            agree(f"gradient of the {what} of a convolution of {channels}", a, b)
        backward[channels][PEER] = other.run
    return dict.fromkeys([name for name in step if name != OURS], f"torch {torch.__version__}")


if __name__ == "__main__":
    side_by_side.main(section, __doc__, rounds=15)
