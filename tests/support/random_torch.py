"""Random PyTorch modules: layers, padding modes, hooks, and forwards of their own, held against what they compute.

As a script: ``python tests/support/random_torch.py FIRST COUNT`` tries that many and says which differ.
"""

from __future__ import annotations

import sys
import warnings
from collections import Counter

import numpy as np
import torch
from torch import nn
from torch.nn import functional

import wavenetlite as wl

LENGTHS = 57, 64, 130
"""Of the signals that a module is tried with: none of them is one that `from_torch` uses."""


class Cut(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.before, self.after = before, after

    def forward(self, x):
        return x[:, :, self.before : x.shape[2] - self.after]


class Residual(nn.Module):
    def __init__(self, inner, how):
        super().__init__()
        self.inner, self.how = inner, how

    def forward(self, x):
        y = self.inner(x)
        short = min(x.shape[2], y.shape[2])
        x, y = x[..., x.shape[2] - short :], y[..., :short]
        return {"add": lambda: x + y, "subtract": lambda: x - 0.5 * y, "multiply": lambda: x * torch.sigmoid(y),
                "concatenate": lambda: torch.cat([x, y], dim=1)}[self.how]()  # fmt: skip


class Functional(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, x):
        return {"pad": lambda: functional.pad(x, (3, 0))[..., :-3], "glu": lambda: functional.glu(x.repeat(1, 2, 1), 1),
                "gelu": lambda: functional.gelu(x), "scale": lambda: 0.5 * x - 1, "flip": lambda: x.flip(-1),
                "chunk": lambda: torch.cat(x.chunk(2, 1)[::-1], 1), "mean": lambda: x - x.mean(-1, keepdim=True),
                "clamp": lambda: x.clamp(-1, 0.5), "softmax": lambda: x.softmax(1), "time": lambda: x.softmax(2),
                "norm": lambda: functional.layer_norm(x.mT, x.shape[1:2]).mT}[self.kind]()  # fmt: skip


class Causal(nn.Conv1d):
    """A layer of PyTorch's with another `forward`."""

    def forward(self, x):
        reach = (self.kernel_size[0] - 1) * self.dilation[0]
        return super().forward(functional.pad(x, (reach, 0)))


class Scaled(nn.Conv1d):
    """One whose weights are not those that it computes with."""

    def forward(self, x):
        return functional.conv1d(x, self.weight * 0.5, self.bias, padding=self.kernel_size[0] - 1)


class AroundStrides(nn.Module):
    """Down and up again, with a skip around; cut to the input's length, padded to it, or neither."""

    def __init__(self, channels, size, stride, how):
        super().__init__()
        padding = (size - stride) // 2
        self.down = nn.Conv1d(channels, 3, size, stride, padding)
        self.up = nn.ConvTranspose1d(3, channels, size, stride, padding)
        self.how = how

    def forward(self, x):
        y = self.up(torch.tanh(self.down(x)))
        if self.how == "cut":
            y = y[..., : x.shape[-1]]
        if self.how == "pad":
            y = functional.pad(y, (0, x.shape[-1] - y.shape[-1]))
        return x + y


class More(nn.Module):
    """Functions that are rarer in networks for streams, of which many must be refused."""

    def __init__(self, kind):
        super().__init__()
        self.kind = kind

    def forward(self, x):
        return {"roll": lambda: x.roll(1, -1), "abs": lambda: x.abs(), "cumsum": lambda: x.cumsum(-1),
                "stack": lambda: torch.stack([x, x.tanh()], 0).sum(0),
                "einsum": lambda: torch.einsum("bct->bct", x) * 2,
                "where": lambda: torch.where(x > 0, x, 0.1 * x), "view": lambda: x.view(x.shape[0], -1, x.shape[-1]),
                "rows": lambda: torch.relu(x.transpose(1, 2).reshape(-1, x.shape[1])).reshape(
                    x.shape[0], x.shape[2], -1).transpose(1, 2),
                "interpolate": lambda: functional.interpolate(x, scale_factor=2.0, mode="linear"),
                "maximum": lambda: functional.max_pool1d(x, 2, 1), "softplus": lambda: functional.softplus(x),
                "addcmul": lambda: torch.addcmul(x, x, x, value=0.5),
                "swap": lambda: x[:, torch.arange(x.shape[1] - 1, -1, -1)],
                "last": lambda: x[..., -1:] + x, "every second": lambda: x[..., ::2], "square": lambda: x**2,
                "std": lambda: x / (x.std(1, keepdim=True) + 1), "split": lambda: sum(x.split(1, 1)) + x,
                "drop": lambda: functional.dropout(x, 0.5, self.training),
                "negative": lambda: x[..., -20:]}[self.kind]()  # fmt: skip


MORE = ["roll", "abs", "cumsum", "stack", "einsum", "where", "view", "rows", "interpolate", "maximum", "softplus",
        "addcmul", "swap", "last", "every second", "square", "std", "split", "drop", "negative"]  # fmt: skip
FUNCTIONS = ["pad", "gelu", "scale", "flip", "chunk", "mean", "clamp", "softmax", "time", "norm", "glu"]
MODES = ["zeros"] * 6 + ["circular", "replicate", "reflect"]


def layer(rng, channels):
    """A layer and its channels."""
    of = lambda *values: values[int(rng.integers(len(values)))]  # noqa: E731
    kind = of("conv", "conv", "conv", "cut", "act", "norm", "residual", "function", "pool", "up", "subclass", "strides",
              "more")  # fmt: skip
    if kind == "conv":
        out, size, dilation = of(2, 3, 4), of(1, 2, 3, 4), of(1, 2, 3)
        padding = of(0, (size - 1) * dilation, (size - 1) * dilation // 2, "same")
        stride = 1 if padding == "same" else of(1, 1, 1, 2)
        made = nn.Conv1d(channels, out, size, stride, padding, dilation, bias=bool(of(0, 1)), padding_mode=of(*MODES))
        if rng.random() < 0.2:
            made = nn.utils.parametrizations.weight_norm(made)
        return made, out
    if kind == "cut":
        return Cut(of(0, 1, 2), of(0, 1, 2)), channels
    if kind == "act":
        return of(nn.ReLU(), nn.Tanh(), nn.SiLU(), nn.ELU(0.5), nn.LeakyReLU(0.3), nn.PReLU(), nn.Softsign()), channels
    if kind == "norm":
        return of(nn.BatchNorm1d(channels, eps=1e-2), nn.InstanceNorm1d(channels), nn.BatchNorm1d(channels)), channels
    if kind == "residual":
        how = of("add", "subtract", "multiply", "concatenate")
        size, cut = of(1, 2, 3), of(0, 1, 2)
        inner = nn.Sequential(nn.Conv1d(channels, channels, size, padding=of(0, size - 1)), Cut(cut, 0))
        return Residual(inner, how), channels * (2 if how == "concatenate" else 1)
    if kind == "pool":
        return nn.AvgPool1d(
            of(2, 3), of(1, 2), of(0, 1), ceil_mode=bool(of(0, 1)), count_include_pad=bool(of(0, 1))
        ), channels
    if kind == "up":
        return of(nn.Upsample(scale_factor=2), nn.ConvTranspose1d(channels, channels, 4, 2, 1), nn.Identity()), channels
    if kind == "subclass":
        return of(Causal, Scaled)(channels, 3, of(1, 2, 3)), 3
    if kind == "strides":
        return AroundStrides(channels, *of((2, 2), (4, 2), (4, 4)), of("cut", "pad", "")), channels
    if kind == "more":
        return More(of(*MORE)), channels
    return Functional(of(*FUNCTIONS)), channels


def module(seed):
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    channels, parts = 3, []
    for _ in range(int(rng.integers(1, 6))):
        made, channels = layer(rng, channels)
        parts.append(made)
    parts.append(nn.Conv1d(channels, 2, 1))
    whole = nn.Sequential(nn.Conv1d(3, 3, 1), *parts)
    for one in whole.modules():
        if isinstance(one, nn.BatchNorm1d):
            one.running_mean.normal_()
            one.running_var.uniform_(0.5, 2)
    if rng.random() < 0.3:
        hooked = list(whole.modules())[int(rng.integers(len(list(whole.modules()))))]
        hooked.register_forward_hook(lambda module, inputs, y: 2 * y)
    if rng.random() < 0.2:
        inner = whole[int(rng.integers(len(whole)))]
        inner.forward = lambda x, first=inner.forward: first(x) + 1
    return with_script(rng, whole.eval())


def with_script(rng, whole):
    """Sometimes with a part, or all, scripted or traced; where TorchScript can."""
    kind = rng.random()
    if kind > 0.25:
        return whole
    at = int(rng.integers(len(whole)))
    try:
        if kind < 0.08:
            return torch.jit.trace(whole, torch.randn(1, 3, 64), check_trace=False)
        if kind < 0.14:
            return torch.jit.script(whole)
        part = torch.jit.script(whole[at]) if kind < 0.2 else None
        if part is None and isinstance(whole[at], nn.Conv1d):
            part = torch.jit.trace(whole[at], torch.randn(1, whole[at].in_channels, 64), check_trace=False)
    except Exception:
        return whole
    if part is not None:
        whole[at] = part
    return whole


def outcome(seed):
    """What becomes of a random module: "right", "refused", or what is wrong."""
    theirs = module(seed)
    try:
        model = wl.from_torch(theirs)
    except wl.ParameterError as error:
        return f"refused {error}"
    for frames in LENGTHS:
        x = np.random.default_rng(seed).standard_normal((frames, 3)).astype(np.float32)
        try:
            with torch.no_grad():
                wanted = theirs(torch.from_numpy(x.T[None].copy()))[0].T.numpy()
        except Exception:  # it takes no signals of that length
            continue
        got = model(x)
        if got.shape != wanted.shape:
            return f"WRONG: {frames} frames give {got.shape}, must be {wanted.shape}"
        if not np.abs(got - wanted).max(initial=0) <= 5e-5 * max(1.0, np.abs(wanted).max(initial=0)):
            return f"WRONG: {frames} frames differ by {np.abs(got - wanted).max():.3g} of {np.abs(wanted).max():.3g}"
    return "right"


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    first, count = map(int, sys.argv[1:3])
    found: Counter[str] = Counter()
    for seed in range(first, first + count):
        said = outcome(seed)
        found[said.split(" ")[0]] += 1
        if said.startswith("WRONG") or "-v" in sys.argv:
            print(seed, said, module(seed) if said.startswith("WRONG") else "", flush=True)
    print(dict(found))
    sys.exit("WRONG:" in found)
