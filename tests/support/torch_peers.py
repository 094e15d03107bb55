"""Layers and networks of ours as PyTorch has them: witnesses of values and of gradients."""

import numpy as np
import torch
from catalogue import over_bins
from torch.nn import functional

import wavenetlite as wl

nn = wl.nn


class CausalConv1d(torch.nn.Conv1d):
    """Zeros on the left, as many as the kernel looks back."""

    def forward(self, x):
        return super().forward(functional.pad(x, ((self.kernel_size[0] - 1) * self.dilation[0], 0)))


def torch_image(bins, in_channels, out_channels, kernel, stride, dilation):
    """Conv2d over (batch, channels, frames, bins): causal over time, "same" over the bins; normalised on both sides."""
    return torch.nn.Sequential(
        torch.nn.BatchNorm2d(in_channels), torch.nn.ZeroPad2d((0, 0, (kernel[1] - 1) * dilation, 0)),
        torch.nn.Conv2d(in_channels, out_channels, kernel[::-1], stride=stride[::-1], padding=(0, kernel[0] // 2),
                        dilation=(dilation, 1)),
        torch.nn.BatchNorm2d(out_channels), torch.nn.ReLU(),
    )  # fmt: skip


def our_image(bins, in_channels, out_channels, kernel, stride, dilation):
    conv = over_bins(bins, in_channels, out_channels, kernel, stride=stride, dilation=dilation)
    return wl.Sequential([nn.BatchNorm(in_channels, bins=bins), nn.Activation("identity"), conv,
                          nn.BatchNorm(out_channels, bins=conv.bins_out), nn.Activation("relu")])  # fmt: skip


def as_image(x, bins):
    """(..., frames, bins * channels) -> (..., channels, frames, bins)."""
    return np.moveaxis(x.reshape(*x.shape[:-1], bins, -1), -1, -3).copy()


def from_image(y):
    return np.moveaxis(y, -3, -1).reshape(*y.shape[:-3], y.shape[-2], -1)


class TorchWaveNet(torch.nn.Module):
    """van den Oord et al. 2016, with the names of wl.WaveNet."""

    def __init__(self, in_channels, out_channels, residual, skip, kernel_size, dilations, condition):
        super().__init__()
        self.input = torch.nn.Conv1d(in_channels, residual, 1)
        self.blocks = torch.nn.ModuleList(TorchBlock(residual, skip, kernel_size, d, condition) for d in dilations)
        self.head1 = torch.nn.Conv1d(skip, skip, 1)
        self.head2 = torch.nn.Conv1d(skip, out_channels, 1)

    def forward(self, x, c):
        x = self.input(x)
        total = 0
        for block in self.blocks:
            x, skip = block(x, c)
            total = total + skip
        return self.head2(functional.relu(self.head1(functional.relu(total))))


class TorchBlock(torch.nn.Module):
    def __init__(self, residual, skip, kernel_size, dilation, condition):
        super().__init__()
        self.conv = CausalConv1d(residual, 2 * residual, kernel_size, dilation=dilation)
        self.condition = torch.nn.Conv1d(condition, 2 * residual, 1, bias=False)
        self.residual = torch.nn.Conv1d(residual, residual, 1)
        self.skip = torch.nn.Conv1d(residual, skip, 1)

    def forward(self, x, c):
        a, b = torch.chunk(self.conv(x) + self.condition(c), 2, dim=1)
        z = torch.tanh(a) * torch.sigmoid(b)
        return x + self.residual(z), self.skip(z)
