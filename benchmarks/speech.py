"""``python -m benchmarks.speech``: 2-D dilated convolutions as a stream, ours and PyTorch's, microseconds a call.

The speech network of the literature: log-mel frames (time, 40, 1) through three 3x3 convolutions of dilation 1, 2, 3
with ReLU, then dense and softmax over 12 classes; causal, so that a frame in gives a frame out. PyTorch keeps the past
of every convolution as an explicit tensor, in and out; it runs eager, traced and frozen, and in the layout
channels-last. All outputs are compared first. A round times every contender once, in turn; reported are medians over
the rounds and medians of the rounds' ratios to ours. One thread each, whose CPU time is measured: a busy machine counts
for little.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import argparse
import importlib.util
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import thread_time

import numpy as np

import wavenetlite as wl

BINS, CLASSES, DILATIONS = 40, 12, (1, 2, 3)
TOLERANCE = 1e-5
Step = Callable[[], object]


def network(maps: int) -> wl.Sequential:
    layers: list[wl.nn.Module] = []
    for inputs, dilation in zip([1, maps, maps], DILATIONS, strict=True):
        layers += [wl.nn.Conv2d(inputs, maps, 3, bins=BINS, dilation=dilation), wl.nn.Activation("relu")]
    return wl.Sequential([*layers, wl.nn.Linear(BINS * maps, CLASSES), wl.nn.Activation("softmax")])


def ours(model: wl.Sequential, blocks: np.ndarray) -> tuple[Step, np.ndarray]:
    """A call that feeds the next block, and what a new stream makes of all blocks."""
    stream, turn = model.stream(), iter(())
    out = np.empty((blocks.shape[1], CLASSES), np.float32)
    whole = np.concatenate([stream.process(block) for block in blocks])

    def step() -> None:
        nonlocal turn
        block = next(turn, None)
        if block is None:
            turn = iter(blocks)
            block = next(turn)
        stream.process(block, out=out)

    return step, whole


def peers(model: wl.Sequential, blocks: np.ndarray) -> dict[str, tuple[Step, np.ndarray]]:
    """PyTorch's calls by name; none without PyTorch."""
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed: ours alone")
        return {}
    import torch
    from torch.nn import functional

    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    state = {name: torch.tensor(value) for name, value in model.state_dict().items()}
    maps = state["0.weight"].shape[0]
    # PyTorch's maps come before its bins, ours after them
    dense = state["6.weight"].reshape(CLASSES, BINS, maps).transpose(1, 2).reshape(CLASSES, -1).contiguous()

    class Network(torch.nn.Module):
        def forward(self, x: torch.Tensor, *past: torch.Tensor) -> tuple[torch.Tensor, ...]:
            kept = []
            for layer, (dilation, before) in enumerate(zip(DILATIONS, past, strict=True)):
                full = torch.cat((before, x), dim=2)
                kept.append(full[:, :, -2 * dilation :])
                weight, bias = weights[layer], state[f"{2 * layer}.bias"]
                x = torch.relu(functional.conv2d(full, weight, bias, padding=(0, dilation), dilation=dilation))
            x = x.transpose(1, 2).flatten(2)
            return torch.softmax(functional.linear(x, dense, state["6.bias"]), dim=2), *kept

    found = {}
    tensors = [torch.tensor(block)[None, None] for block in blocks]
    for name in ("torch eager", "torch channels-last", "torch traced"):
        memory = torch.channels_last if name == "torch channels-last" else torch.contiguous_format
        weights = [state[f"{2 * layer}.weight"].contiguous(memory_format=memory) for layer in range(3)]
        start = [torch.zeros(1, 1 if not layer else maps, 2 * d, BINS).contiguous(memory_format=memory)
                 for layer, d in enumerate(DILATIONS)]  # fmt: skip
        call: Callable[..., tuple[torch.Tensor, ...]] = Network().eval()
        if name == "torch traced":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call = torch.jit.freeze(torch.jit.trace(Network().eval(), (tensors[0], *start), check_trace=False))
        found[name] = stepping(call, tensors, start)
    return found


def stepping(call: Callable, blocks: list, start: list) -> tuple[Step, np.ndarray]:
    """A call with the next block and the past that the last call gave, and what a new past makes of all blocks."""
    past, outputs = start, []
    for block in blocks:
        y, *past = call(block, *past)
        outputs.append(y[0].numpy().copy())
    at = 0

    def step() -> None:
        nonlocal past, at
        _, *past = call(blocks[at], *past)
        at = (at + 1) % len(blocks)

    return step, np.concatenate(outputs)


def measure(steps: dict[str, Step], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Microseconds of a call, a value for each round."""
    calls = {}
    for name, step in steps.items():
        begin, count = thread_time(), 0
        while thread_time() - begin < seconds:
            step()
            count += 1
        calls[name] = count
    times: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            begin = thread_time()
            for _ in range(calls[name]):
                step()
            times[name].append(1e6 * (thread_time() - begin) / calls[name])
    return times


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.speech", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--maps", type=int, nargs="+", default=[16, 32], help="of each convolution")
    parser.add_argument("--blocks", type=int, nargs="+", default=[1, 16, 100], help="frames of a call")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.01, help="of a contender in a round")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    results: dict[str, dict[str, float]] = {}
    for maps in options.maps:
        model = network(maps)
        macs = round(model.macs_per_frame)
        print(f"{maps} maps, {macs:,} multiply-adds a frame, {wl.isa()}; us a call, and times ours")
        for frames in options.blocks:
            x = np.random.default_rng(0).standard_normal((max(4, 64 // frames), frames, BINS), dtype=np.float32)
            mine, expected = ours(model, x)
            steps = {"ours": mine}
            for name, (step, given) in peers(model, x).items():
                error = float(np.abs(given - expected).max())
                if error > TOLERANCE:
                    raise SystemExit(f"{name}: wrong output, by {error:g}")
                steps[name] = step
            times = measure(steps, options.rounds, options.seconds)
            cells = [f"ours {median(times['ours']):.1f} ({2e-3 * macs * frames / median(times['ours']):.0f} GFLOP/s)"]
            for name, some in times.items():
                if name != "ours":
                    ratio = median(theirs / mine for theirs, mine in zip(some, times["ours"], strict=True))
                    cells.append(f"{name} {median(some):.1f} ({ratio:.1f}x)")
            print(f"  block {frames:4}: {', '.join(cells)}", flush=True)
            results[f"{maps} maps, block {frames}"] = {name: median(some) for name, some in times.items()}
    if options.json:
        options.json.write_text(json.dumps({"isa": wl.isa(), "us": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
