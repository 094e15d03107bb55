"""Whether a network computes what the PyTorch module does that it was made of: both are run and compared."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np

from wavenetlite.nn.module import Module
from wavenetlite.nn.noise import Noise
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import WavenetliteError

LAYOUTS = {"batch, channels, time": (0, 2, 1), "batch, time, channels": (0, 1, 2), "time, batch, channels": (1, 0, 2)}
"""What the axes of a module's input may be, and how (batch, time, channels) becomes it."""
LIBRARIES = "torch.nn.", "pytorch_tcn."
MOST_FRAMES = 16_384
REMEMBERED = 1024
"""Frames of most signals for a network that never forgets: a recurrent one of PyTorch takes long for each."""
STEP = 64
"""Lengths are multiples of it at first: a network that halves its rate several times takes no others."""
TOLERANCE = 1e-4


@contextmanager
def evaluating(module: Any) -> Iterator[None]:
    """With all of a module in ``eval()``, and without gradients; afterwards as it was."""
    import torch

    modes = [(one, one.training) for one in module.modules()]
    try:
        module.eval()
        with torch.no_grad():
            yield
    finally:
        for one, mode in modes:
            one.training = mode


def is_plain(module: Any) -> bool:
    """Whether a module is made only of layers as the libraries have them: no hooks, no `forward` of its own."""
    return not any(
        one._forward_hooks or "forward" in vars(one) or "__call__" in vars(one)
        or any(type(hook).__name__ != "WeightNorm" for hook in one._forward_pre_hooks.values())
        or not type(one).__module__.startswith(LIBRARIES)
        for one in module.modules()
    )  # fmt: skip


def channel_counts(module: Any) -> list[int]:
    """What the input of a module may have: what its layers say that theirs has, the first layers' first."""
    names = ("in_channels", "in_features", "input_size", "num_features", "num_channels")
    found = [
        getattr(one, name) for one in module.modules() for name in names if isinstance(getattr(one, name, None), int)
    ]
    found += [one.normalized_shape[-1] for one in module.modules() if hasattr(one, "normalized_shape")]
    # traced modules have their weights only
    found += [size for one in module.parameters() if one.ndim in (2, 3) for size in one.shape[1::-1]]
    return list(dict.fromkeys(found))[:8]


def signal(frames: int, channels: int) -> Floats:
    return np.random.default_rng(frames).standard_normal((1, frames, channels)).astype(np.float32)


def theirs(module: Any, x: Floats, layout: str, noisy: bool = False) -> np.ndarray | None:
    """What a module makes of (batch, time, channels): its first output; None: it cannot run so."""
    try:
        with same_noise() if noisy else nullcontext():  # only where needed: every step of a GRU would be looked at
            made = module(as_input(module, x, layout))
    except Exception:  # whatever its own code raises
        return None
    while isinstance(made, tuple | list) and made:
        made = made[0]
    if not hasattr(made, "detach") or made.ndim < 1 or made.is_complex():
        return None
    result: np.ndarray = made.detach().cpu().double().numpy()
    return result


def has_noise(model: Module) -> bool:
    return isinstance(model, Noise) or any(map(has_noise, model.children().values()))


def same_noise() -> Any:
    """Where random numbers are drawn, draw those of our layers: the first noise is that of seed 0, and so on."""
    import torch
    from torch.utils import _python_dispatch

    mode: Any = _python_dispatch.TorchDispatchMode

    class SameNoise(mode):  # type: ignore[misc]
        drawn = 0

        def __torch_dispatch__(self, kind: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            made = kind(*args, **(kwargs or {}))
            if kind.overloadpacket not in (torch.ops.aten.randn, torch.ops.aten.randn_like) or made.ndim != 3:
                return made
            noise = Noise(made.shape[1], seed=self.drawn)(np.zeros((made.shape[2], 1), np.float32))
            self.drawn += 1
            return torch.from_numpy(noise.T.copy()).to(made).expand_as(made)

    return SameNoise()


def as_input(module: Any, x: Floats, layout: str) -> Any:
    import torch

    like = next((one for one in module.parameters() if one.is_floating_point()), torch.zeros(()))
    order = LAYOUTS[layout]
    return torch.from_numpy(np.ascontiguousarray(x.transpose(order))).to(dtype=like.dtype, device=like.device)


def tolerance(module: Any) -> float:
    """Of single precision; of half precision as much as that has."""
    narrow = any(one.is_floating_point() and one.element_size() < 4 for one in module.parameters())
    return 0.05 if narrow else TOLERANCE


def lengths(model: Module) -> list[int]:
    """Beyond what the network sees, so that all of it matters; with every remainder by strides of up to 8.

    `torch.export` may take what is so for one length, such as that nothing is padded, for what is always so.
    """
    rate = model.graph(model.in_width or 1).clock.rate
    most = MOST_FRAMES if rate >= 1 else max(STEP, int(MOST_FRAMES * rate))  # a decoder makes many samples of a frame
    seen = model.receptive_field + model.latency
    longest = -(-int(min(most, seen)) // STEP) * STEP + STEP
    first = longest if seen < math.inf else min(longest, REMEMBERED)
    return [longest, first + STEP, *(first + more for more in range(1, 8))]


def agrees(model: Module, module: Any) -> bool | None:
    """Whether both compute the same; None: the module does not run on one signal alone."""
    if model.condition_channels_needed:
        return None
    channels = model.in_width or next(iter(channel_counts(module)), 1)
    ran = False
    for layout in LAYOUTS:
        found = [compared(model, module, signal(frames, channels), layout) for frames in lengths(model)]
        known = [one for one in found if one is not None]
        ran = ran or bool(known)
        if len(known) > 1 and all(known):
            return True
    return False if ran else None


def compared(model: Module, module: Any, x: Floats, layout: str) -> bool | None:
    wanted = theirs(module, x, layout, has_noise(model))
    if wanted is None:
        return None
    try:
        ours = model(np.ascontiguousarray(x[0]))
    except WavenetliteError:
        return False
    scale = float(np.abs(wanted).max(initial=0)) or 1.0
    frames = wanted.reshape([one for one in wanted.shape if one != 1])
    shown = ours[-1:] if wanted.size == ours.shape[1] else ours  # of a mean over the signal, the last
    shown = shown.reshape([one for one in shown.shape if one != 1])
    return any(one.shape == frames.shape and bool((np.abs(one - frames) <= tolerance(module) * scale).all())
               for one in (shown, shown.T))  # fmt: skip
