"""Decoders of neural codecs and vocoders in PyTorch, written from their published definitions, with random weights."""

import math

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils import weight_norm as weight_norm_by_hooks
from torch.nn.utils.parametrizations import weight_norm


def same(kernel_size, dilation=1):
    return (kernel_size - 1) * dilation // 2


# HiFi-GAN: Kong et al., 2020. Each upsampling is followed by the mean of residual blocks of several kernels.


class HifiBlock(nn.Module):
    def __init__(self, channels, kernel_size, dilations, twice):
        super().__init__()

        def convs(dilations):
            return nn.ModuleList(
                weight_norm(nn.Conv1d(channels, channels, kernel_size, dilation=d, padding=same(kernel_size, d)))
                for d in dilations
            )

        self.first = convs(dilations)
        self.second = convs([1] * len(dilations)) if twice else None  # type 1 of two

    def forward(self, x):
        for i, conv in enumerate(self.first):
            y = conv(F.leaky_relu(x, 0.1))
            if self.second is not None:
                y = self.second[i](F.leaky_relu(y, 0.1))
            x = x + y
        return x


class HifiGan(nn.Module):
    def __init__(self, mels, channels, rates, kernels, block_kernels, dilations, twice=True):
        super().__init__()
        self.before = weight_norm_by_hooks(nn.Conv1d(mels, channels, 7, padding=3))
        self.ups, self.blocks = nn.ModuleList(), nn.ModuleList()
        for rate, kernel in zip(rates, kernels, strict=True):
            up = nn.ConvTranspose1d(channels, channels // 2, kernel, rate, padding=(kernel - rate) // 2)
            self.ups.append(weight_norm(up))
            channels //= 2
            self.blocks.append(
                nn.ModuleList(HifiBlock(channels, k, d, twice) for k, d in zip(block_kernels, dilations, strict=True))
            )
        self.after = weight_norm(nn.Conv1d(channels, 1, 7, padding=3))

    def forward(self, x):
        x = self.before(x)
        for up, blocks in zip(self.ups, self.blocks, strict=True):
            x = up(F.leaky_relu(x, 0.1))
            x = sum(block(x) for block in blocks) / len(blocks)
        return torch.tanh(self.after(F.leaky_relu(x)))


def hifi_gan(version, channels=None):
    """V1 to V3, with so many channels at first instead of their own."""
    if version == 3:
        return HifiGan(80, channels or 256, (8, 8, 4), (16, 16, 8), (3, 5, 7), ((1, 2), (2, 6), (3, 12)), twice=False)
    return HifiGan(
        80, channels or {1: 512, 2: 128}[version], (8, 8, 2, 2), (16, 16, 4, 4), (3, 7, 11), ((1, 3, 5),) * 3
    )


# DAC: Kumar et al., 2023. SNAC: Siuzdak et al., 2024: depthwise, and with noise.


class Snake(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.alpha = nn.Parameter(torch.rand(1, channels, 1) + 0.5)

    def forward(self, x):
        return x + (self.alpha + 1e-9).reciprocal() * torch.sin(self.alpha * x).pow(2)


class NoiseBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.linear = weight_norm(nn.Conv1d(channels, channels, 1, bias=False))

    def forward(self, x):
        noise = torch.randn((x.shape[0], 1, x.shape[2]), device=x.device, dtype=x.dtype)
        return x + noise * self.linear(x)


class SnakeUnit(nn.Module):
    def __init__(self, channels, dilation, groups):
        super().__init__()
        conv = nn.Conv1d(channels, channels, 7, dilation=dilation, padding=3 * dilation, groups=groups)
        self.block = nn.Sequential(
            Snake(channels), weight_norm(conv), Snake(channels), weight_norm(nn.Conv1d(channels, channels, 1))
        )

    def forward(self, x):
        y = self.block(x)
        cut = (x.shape[-1] - y.shape[-1]) // 2
        return (x[..., cut:-cut] if cut else x) + y


class LocalAttention(nn.Module):
    """SNAC's: within windows of frames."""

    def __init__(self, channels, window=32):
        super().__init__()
        self.window, self.norm = window, nn.LayerNorm(channels)
        self.qkv, self.out = nn.Linear(channels, 3 * channels, bias=False), nn.Linear(channels, channels, bias=False)

    def forward(self, x):
        y = self.norm(x.transpose(1, 2))
        q, k, v = (part.unflatten(1, (-1, self.window)) for part in self.qkv(y).chunk(3, dim=-1))
        return x + self.out(F.scaled_dot_product_attention(q, k, v).flatten(1, 2)).transpose(1, 2)


def snake_decoder(latent, channels, rates, *, depthwise=False, noise=False, attention=False):
    """DAC's decoder, or SNAC's."""
    if depthwise:
        layers = [weight_norm(nn.Conv1d(latent, latent, 7, padding=3, groups=latent)),
                  weight_norm(nn.Conv1d(latent, channels, 1))]  # fmt: skip
    else:
        layers = [weight_norm(nn.Conv1d(latent, channels, 7, padding=3))]
    if attention:
        layers.append(LocalAttention(channels))
    for rate in rates:
        up = nn.ConvTranspose1d(
            channels, channels // 2, 2 * rate, rate, padding=math.ceil(rate / 2), output_padding=rate % 2
        )
        layers += [Snake(channels), weight_norm(up)]
        channels //= 2
        layers += [NoiseBlock(channels)] if noise else []
        layers += [SnakeUnit(channels, dilation, channels if depthwise else 1) for dilation in (1, 3, 9)]
    return nn.Sequential(*layers, Snake(channels), weight_norm(nn.Conv1d(channels, 1, 7, padding=3)), nn.Tanh())


# EnCodec: Défossez et al., 2022. Its convolutions pad by themselves, and are causal in the model of 24 kHz.


class PaddedConv(nn.Module):
    def __init__(self, ins, outs, kernel_size, dilation=1, mode="reflect", causal=True):
        super().__init__()
        self.conv = weight_norm(nn.Conv1d(ins, outs, kernel_size, dilation=dilation))
        self.total, self.mode, self.causal = (kernel_size - 1) * dilation, mode, causal

    def forward(self, x):
        after = 0 if self.causal else self.total // 2
        pads, extra = (self.total - after, after), 0
        if self.mode == "reflect" and x.shape[-1] <= max(pads):
            extra = max(pads) - x.shape[-1] + 1
            x = F.pad(x, (0, extra))
        x = F.pad(x, pads, self.mode)
        return self.conv(x[..., : x.shape[-1] - extra])


class TrimmedUp(nn.Module):
    def __init__(self, ins, outs, rate, causal=True):
        super().__init__()
        self.conv, self.total, self.causal = weight_norm(nn.ConvTranspose1d(ins, outs, 2 * rate, rate)), rate, causal

    def forward(self, x):
        y = self.conv(x)
        after = self.total if self.causal else self.total // 2
        return y[..., self.total - after : y.shape[-1] - after]


class EncodecUnit(nn.Module):
    def __init__(self, channels, mode, causal):
        super().__init__()
        half = channels // 2
        self.block = nn.Sequential(
            nn.ELU(), PaddedConv(channels, half, 3, 1, mode, causal), nn.ELU(), PaddedConv(half, channels, 1, 1, mode)
        )
        self.shortcut = PaddedConv(channels, channels, 1, 1, mode)

    def forward(self, x):
        return self.shortcut(x) + self.block(x)


class SkippedLstm(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.lstm = nn.LSTM(channels, channels, 2)

    def forward(self, x):
        x = x.permute(2, 0, 1)
        y, _ = self.lstm(x)
        return (y + x).permute(1, 2, 0)


def encodec_decoder(latent=128, filters=32, rates=(8, 5, 4, 2), mode="reflect", causal=True):
    channels = filters * 2 ** len(rates)
    layers = [PaddedConv(latent, channels, 7, 1, mode, causal), SkippedLstm(channels)]
    for rate in rates:
        layers += [nn.ELU(), TrimmedUp(channels, channels // 2, rate, causal)]
        channels //= 2
        layers.append(EncodecUnit(channels, mode, causal))
    return nn.Sequential(*layers, nn.ELU(), PaddedConv(channels, 1, 7, 1, mode, causal))


# Vocos: Siuzdak, 2024: ConvNeXt blocks at the rate of frames, and an inverse STFT.


class ConvNeXt(nn.Module):
    def __init__(self, channels, inner, scale):
        super().__init__()
        self.depthwise = nn.Conv1d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.wide, self.narrow = nn.Linear(channels, inner), nn.Linear(inner, channels)
        self.gamma = nn.Parameter(scale * torch.ones(channels))

    def forward(self, x):
        y = self.norm(self.depthwise(x).transpose(1, 2))
        return x + (self.gamma * self.narrow(F.gelu(self.wide(y)))).transpose(1, 2)


class ISTFT(nn.Module):
    """With padding="same" as well, which ``torch.istft`` has not."""

    def __init__(self, n_fft, hop_length, padding):
        super().__init__()
        self.n_fft = self.win_length = n_fft
        self.hop_length, self.padding = hop_length, padding
        self.register_buffer("window", torch.hann_window(n_fft))

    def added(self, frames):
        size = (1, (frames.shape[-1] - 1) * self.hop_length + self.n_fft)
        made = F.fold(frames, size, kernel_size=(1, self.n_fft), stride=(1, self.hop_length))[:, 0, 0]
        cut = (self.n_fft - self.hop_length) // 2
        return made[:, cut : made.shape[-1] - cut]

    def forward(self, spectrum):
        if self.padding == "center":
            return torch.istft(spectrum, self.n_fft, self.hop_length, self.n_fft, self.window, center=True)
        frames = torch.fft.irfft(spectrum, self.n_fft, dim=1) * self.window[None, :, None]
        windows = self.added(self.window.square()[None, :, None].expand(1, -1, spectrum.shape[-1]))
        assert (windows > 1e-11).all()
        return self.added(frames) / windows


class Vocos(nn.Module):
    def __init__(self, mels=100, channels=512, inner=1536, blocks=8, n_fft=1024, hop_length=256, padding="center"):
        super().__init__()
        self.embed, self.norm = nn.Conv1d(mels, channels, 7, padding=3), nn.LayerNorm(channels, eps=1e-6)
        self.blocks = nn.ModuleList(ConvNeXt(channels, inner, 1 / blocks) for _ in range(blocks))
        self.last_norm = nn.LayerNorm(channels, eps=1e-6)
        self.out, self.istft = nn.Linear(channels, n_fft + 2), ISTFT(n_fft, hop_length, padding)

    def forward(self, x):
        x = self.norm(self.embed(x).transpose(1, 2)).transpose(1, 2)
        for block in self.blocks:
            x = block(x)
        magnitude, phase = self.out(self.last_norm(x.transpose(1, 2))).transpose(1, 2).chunk(2, dim=1)
        magnitude = torch.clip(torch.exp(magnitude), max=1e2)
        return self.istft(magnitude * (torch.cos(phase) + 1j * torch.sin(phase)))
