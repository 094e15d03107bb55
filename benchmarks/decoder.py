"""``python -m benchmarks.decoder``: HiFi-GAN V3 streamed a frame at a time, beside PyTorch on one core.

Random weights; a frame of 80 mel bands makes 256 samples. PyTorch decodes the whole signal at once, and in chunks as it
must where audio is wanted while frames come: each frame with as many before and after it as the network sees, of which
only its own samples are kept. A round times every contender once, in turn; reported are medians of a frame's
microseconds over the rounds, and the medians of the rounds' ratios to ours. One thread each.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import argparse
import json
from collections.abc import Callable
from statistics import median
from time import thread_time

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import wavenetlite as wl

MELS, CHANNELS, RATES = 80, 256, (8, 8, 4)
BLOCKS = {3: (1, 2), 5: (2, 6), 7: (3, 12)}
"""Kernel sizes of the residual blocks, and the dilations of each."""


class Block(nn.Module):
    def __init__(self, channels: int, kernel: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv1d(channels, channels, kernel, dilation=d, padding=(kernel - 1) * d // 2) for d in dilations
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for conv in self.convs:
            x = x + conv(functional.leaky_relu(x, 0.1))
        return x


class Decoder(nn.Module):
    """Kong et al., "HiFi-GAN", 2020: version 3."""

    def __init__(self) -> None:
        super().__init__()
        self.before = nn.Conv1d(MELS, CHANNELS, 7, padding=3)
        self.ups, self.blocks = nn.ModuleList(), nn.ModuleList()
        channels = CHANNELS
        for rate in RATES:
            self.ups.append(nn.ConvTranspose1d(channels, channels // 2, 2 * rate, rate, padding=rate // 2))
            channels //= 2
            self.blocks.append(nn.ModuleList(Block(channels, kernel, d) for kernel, d in BLOCKS.items()))
        self.after = nn.Conv1d(channels, 1, 7, padding=3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.before(x)
        for up, blocks in zip(self.ups, self.blocks, strict=True):
            x = up(functional.leaky_relu(x, 0.1))
            x = sum(block(x) for block in blocks) / len(blocks)
        return torch.tanh(self.after(functional.leaky_relu(x)))


def contenders(frames: int, chunks: int) -> tuple[dict[str, Callable[[], int]], float]:
    """Calls that return how many frames they decoded, and the largest difference of the whole signal."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    theirs = Decoder().eval()
    ours = wl.from_torch(theirs)
    x = np.random.default_rng(0).standard_normal((frames, MELS), dtype=np.float32)
    given = torch.from_numpy(x.T[None].copy())
    stream, sides = ours.stream(), ours.latency
    rows = [x[i : i + 1] for i in range(frames)]
    most = np.empty((frames * 256, 1), np.float32)

    def streamed() -> int:
        for row in rows:
            stream.process(row, out=most[: stream.output_frames(1)])
        return frames

    @torch.no_grad()
    def whole() -> int:
        theirs(given)
        return frames

    @torch.no_grad()
    def chunked() -> int:
        for n in range(sides, sides + chunks):
            theirs(given[:, :, n - sides : n + sides + 1])[..., 256 * sides : 256 * (sides + 1)]
        return chunks

    with torch.no_grad():
        difference = np.abs(ours(x)[:, 0] - theirs(given)[0, 0].numpy()).max()
    calls = {"wavenetlite, frame by frame": streamed, "PyTorch, whole": whole, "PyTorch, frame by frame": chunked}
    return calls, float(difference)


def measured(calls: dict[str, Callable[[], int]], rounds: int) -> dict[str, list[float]]:
    """Microseconds a frame, round by round."""
    for call in calls.values():
        call()
    found: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            begun = thread_time()
            count = call()
            found[name].append(1e6 * (thread_time() - begun) / count)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--frames", type=int, default=200, help="of the whole signal")
    parser.add_argument("--chunks", type=int, default=12, help="frames that PyTorch decodes one by one in a round")
    args = parser.parse_args()
    calls, difference = contenders(args.frames, args.chunks)
    found = measured(calls, args.rounds)
    first = next(iter(found))
    versions = f"wavenetlite {wl.__version__} ({wl.isa()}), PyTorch {torch.__version__}"
    print(f"{versions}; largest difference {difference:.1e}")
    for name, values in found.items():
        ratio = median(value / own for value, own in zip(values, found[first], strict=True))
        print(f"{name:30} {median(values):8.0f} us a frame   {ratio:6.2f} x ours")
    print(json.dumps({name: [round(value, 1) for value in values] for name, values in found.items()}))


if __name__ == "__main__":
    main()
