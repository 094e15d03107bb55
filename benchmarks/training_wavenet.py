"""``python -m benchmarks.training_wavenet``: a step of training of Deep Voice's vocoder B, ours and PyTorch's, seconds.

B: an embedding of 256 classes, 20 gated layers of kernel 2 (64 residual and 128 skip channels, dilations 1 to 512
twice), a head of 256 channels, 256 classes. Step: 8 signals of 1 s at 16 kHz, forward, cross-entropy of every frame,
backward, clipping, AdamW; as many threads for both. Losses and gradients are compared first, on shorter signals. A
round takes a step of each in turn; reported are medians, and the median of the rounds' ratios.
"""

import argparse
import time
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import torch
from torch.nn import functional

import wavenetlite as wl
from wavenetlite.train import CrossEntropy, Parameters
from wavenetlite.train.batches import Arrays
from wavenetlite.train.callbacks import Callbacks
from wavenetlite.train.loop import Run, Settings

RESIDUAL, SKIP, HEAD, CLASSES, SR = 64, 128, 256, 256, 16_000
DILATIONS = [2 ** (i % 10) for i in range(20)]
LR, CLIP = 1e-6, 5.0  # a rate so small that many steps change little


def network() -> wl.Sequential:
    stack = wl.WaveNet(RESIDUAL, CLASSES, residual_channels=RESIDUAL, skip_channels=SKIP, head_channels=HEAD,
                       kernel_size=2, dilations=DILATIONS)  # fmt: skip
    return wl.Sequential([wl.nn.Embedding(CLASSES, RESIDUAL), stack])


class Ours:
    def __init__(self, x: np.ndarray, targets: np.ndarray, threads: int) -> None:
        self.x, self.targets, self.loss = x, targets, CrossEntropy(at="frames")
        settings = Settings(1, len(x), LR, "constant", 0.0, 0.01, CLIP, 0.0, threads, None, "last", 0)
        self.model = network()
        self.run = Run(self.model, Arrays(x, targets), None, self.loss, settings, threads, None, Callbacks(()))

    def step(self) -> tuple[float, np.ndarray]:
        outcome = self.run.one_step(self.x, self.targets)
        return outcome.total / outcome.count, outcome.gradient


class Torchs(torch.nn.Module):
    """The same network in PyTorch, (batch, channels, frames), with our weights."""

    def __init__(self, ours: wl.nn.Module) -> None:
        super().__init__()
        conv = torch.nn.Conv1d
        self.embedding = torch.nn.Embedding(CLASSES, RESIDUAL)
        self.input = conv(RESIDUAL, RESIDUAL, 1)
        self.conv = torch.nn.ModuleList(conv(RESIDUAL, 2 * RESIDUAL, 2, dilation=d) for d in DILATIONS)
        self.residual = torch.nn.ModuleList(conv(RESIDUAL, RESIDUAL, 1) for _ in DILATIONS)
        self.skip = torch.nn.ModuleList(conv(RESIDUAL, SKIP, 1) for _ in DILATIONS)
        self.head1, self.head2 = conv(SKIP, HEAD, 1), conv(HEAD, CLASSES, 1)
        self.names = {name: self.theirs(name) for name in ours.state_dict()}
        self.load_state_dict({self.names[name]: torch.tensor(value) for name, value in ours.state_dict().items()})
        self.optimiser = torch.optim.AdamW(self.parameters(), lr=LR, weight_decay=0.01)

    @staticmethod
    def theirs(name: str) -> str:
        """The name here of a parameter of ours: "conv.3.weight" of "1.blocks.3.conv.weight"."""
        parts = name.split(".")
        if len(parts) == 2:
            return f"embedding.{parts[1]}"
        return ".".join([parts[3], parts[2], parts[4]] if "blocks" in parts else parts[-2:])

    def forward(self, classes: torch.Tensor) -> torch.Tensor:
        x = self.input(self.embedding(classes).mT)
        total: Any = 0.0
        for conv, residual, skip, dilation in zip(self.conv, self.residual, self.skip, DILATIONS, strict=True):
            a, b = conv(functional.pad(x, (dilation, 0))).chunk(2, dim=1)
            z = a.tanh() * b.sigmoid()
            x, total = x + residual(z), total + skip(z)
        return self.head2(self.head1(total.relu()).relu())

    def step(self, classes: torch.Tensor, targets: torch.Tensor) -> float:
        self.optimiser.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(self(classes), targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters(), CLIP)
        self.optimiser.step()
        return loss.item()


def data(items: int, frames: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes of a random walk, and those that follow them."""
    steps = np.random.default_rng(0).integers(-3, 4, (items, frames + 1))
    walk = np.abs(np.cumsum(steps, axis=1) + 128) % CLASSES
    return walk[:, :-1, np.newaxis].astype(np.float32), walk[:, 1:]


def compare(threads: int) -> None:
    """Raise unless a step of both has the same loss and gradient."""
    x, targets = data(2, 1200)
    ours = Ours(x, targets, min(threads, 2))
    theirs = Torchs(ours.model)
    layout = Parameters(ours.model)
    loss, gradient = ours.step()
    wanted = theirs.step(torch.tensor(x[..., 0]).long(), torch.tensor(targets))
    for name, (start, shape) in layout.places.items():
        found = gradient[start - 1 : start - 1 + int(np.prod(shape))].reshape(shape)
        given = dict(theirs.named_parameters())[theirs.names[name]].grad
        if given is None:  # of the last layer's residual, which nothing reads
            continue
        error = np.linalg.norm(found - given.numpy()) / max(float(given.norm()), 1e-12)
        if error > 1e-3:
            raise SystemExit(f"{name}: the gradients differ by {error:g} of their norm")
    if abs(loss - wanted) > 1e-4 * wanted:
        raise SystemExit(f"loss {loss:g}, PyTorch's {wanted:g}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a signal (1)")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    compare(options.threads)
    x, targets = data(8, round(SR * options.seconds))
    ours = Ours(x, targets, options.threads)
    theirs, classes, wanted = Torchs(ours.model), torch.tensor(x[..., 0]).long(), torch.tensor(targets)
    times: list[tuple[float, float]] = []
    for number in range(options.rounds + 1):
        marks = [time.perf_counter()]
        ours.step()
        marks.append(time.perf_counter())
        theirs.step(classes, wanted)
        marks.append(time.perf_counter())
        if number:  # the first warms up
            first, second = (b - a for a, b in pairwise(marks))
            times.append((first, second))
            print(f"ours {first:.2f} s, PyTorch {second:.2f} s, {second / first:.2f}x", flush=True)
    print(f"medians: ours {median(a for a, _ in times):.2f} s, PyTorch {median(b for _, b in times):.2f} s, "
          f"{median(b / a for a, b in times):.2f}x; {options.threads} threads, torch {torch.__version__}")  # fmt: skip
    ours.run.stop.set()
    ours.run.pool.shutdown()


if __name__ == "__main__":
    main()
