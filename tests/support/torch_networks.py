"""Networks as people write them in PyTorch, with random weights: what the exporters make of them is imported."""

import torch
import torch.nn as tnn
import torch.nn.functional as F  # noqa: N812
from torch.nn.utils.parametrizations import weight_norm


class Chomp(tnn.Module):
    def __init__(self, frames):
        super().__init__()
        self.frames = frames

    def forward(self, x):
        return x[:, :, : -self.frames].contiguous()


class TemporalBlock(tnn.Module):
    """Bai et al.'s: padded on both sides, and cut off again."""

    def __init__(self, ins, outs, kernel_size, dilation):
        super().__init__()
        pad = (kernel_size - 1) * dilation
        convs = [tnn.Conv1d(n, outs, kernel_size, padding=pad, dilation=dilation) for n in (ins, outs)]
        layers = [[weight_norm(conv), Chomp(pad), tnn.ReLU(), tnn.Dropout(0.2)] for conv in convs]
        self.net = tnn.Sequential(*layers[0], *layers[1])
        self.downsample = tnn.Conv1d(ins, outs, 1) if ins != outs else tnn.Identity()

    def forward(self, x):
        return torch.relu(self.net(x) + self.downsample(x))


class TemporalNetwork(tnn.Module):
    def __init__(self, last):
        super().__init__()
        self.network = tnn.Sequential(*[TemporalBlock(5 if d == 1 else 8, 8, 3, d) for d in (1, 2, 4)])
        self.linear = tnn.Linear(8, 4)
        self.last = last

    def forward(self, x):
        y = self.network(x)
        return self.linear(y[:, :, -1]) if self.last else self.linear(y.transpose(1, 2)).transpose(1, 2)


class WaveNet(tnn.Module):
    """Padded before every convolution; or not, so that residual and skip have to be cut."""

    def __init__(self, valid):
        super().__init__()
        self.valid, self.dilations = valid, (1, 2, 4, 8)
        self.input = tnn.Conv1d(1, 8, 1)
        self.dilated = tnn.ModuleList(tnn.Conv1d(8, 16, 2, dilation=d) for d in self.dilations)
        self.residual = tnn.ModuleList(tnn.Conv1d(8, 8, 1) for _ in self.dilations)
        self.skip = tnn.ModuleList(tnn.Conv1d(8, 10, 1) for _ in self.dilations)
        self.head = tnn.Sequential(tnn.ReLU(), tnn.Conv1d(10, 10, 1), tnn.ReLU(), tnn.Conv1d(10, 3, 1))

    def forward(self, x):
        x, total = self.input(x), None
        for dilated, residual, skip, d in zip(self.dilated, self.residual, self.skip, self.dilations, strict=True):
            value, gate = dilated(x if self.valid else F.pad(x, (d, 0))).chunk(2, 1)
            z = torch.tanh(value) * torch.sigmoid(gate)
            cut = d if self.valid else 0
            total = skip(z) if total is None else skip(z) + total[:, :, cut:]
            x = residual(z) + x[:, :, cut:]
        return self.head(total)


class KeywordNetwork(tnn.Module):
    """Depthwise separable, as wekws has it: (batch, frames, features) in and out."""

    def __init__(self):
        super().__init__()
        self.dilations = (1, 2, 4)
        self.input = tnn.Linear(40, 16)
        self.blocks = tnn.ModuleList(
            tnn.Sequential(tnn.Conv1d(16, 16, 5, dilation=d, groups=16), tnn.BatchNorm1d(16), tnn.ReLU(),
                           tnn.Conv1d(16, 16, 1), tnn.BatchNorm1d(16)) for d in self.dilations)  # fmt: skip
        self.output = tnn.Linear(16, 3)

    def forward(self, x):
        x = torch.relu(self.input(x)).transpose(1, 2)
        for block, d in zip(self.blocks, self.dilations, strict=True):
            x = torch.relu(block(F.pad(x, (4 * d, 0))) + x)
        return torch.sigmoid(self.output(x.transpose(1, 2)))


class Symmetric(tnn.Module):
    """Looks ahead, strides, and takes the mean of all frames."""

    def __init__(self):
        super().__init__()
        self.net = tnn.Sequential(
            tnn.Conv1d(10, 12, 3, padding=1), tnn.BatchNorm1d(12), tnn.SiLU(),
            tnn.Conv1d(12, 12, 5, padding=4, dilation=2), tnn.PReLU(),
            tnn.Conv1d(12, 8, 3, stride=2, padding=1), tnn.ELU(), tnn.Conv1d(8, 8, 4, stride=2), tnn.GELU(),
        )  # fmt: skip
        self.head = tnn.Linear(8, 5)

    def forward(self, x):
        return self.head(self.net(x).mean(2))


class Vocoder(tnn.Module):
    """Upsampling with symmetric padding."""

    def __init__(self):
        super().__init__()
        self.net = tnn.Sequential(
            tnn.Conv1d(3, 6, 7, padding=3), tnn.ConvTranspose1d(6, 4, 16, stride=8, padding=4), tnn.LeakyReLU(0.1),
            tnn.ConvTranspose1d(4, 4, 3, stride=2, padding=1, output_padding=1), tnn.Conv1d(4, 1, 7, padding=3),
            tnn.Tanh(),
        )  # fmt: skip

    def forward(self, x):
        return self.net(x)


class CausalUpsampling(tnn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.conv = tnn.ConvTranspose1d(3, 4, 4, stride=2), tnn.Conv1d(4, 2, 3)

    def forward(self, x):
        return self.conv(F.pad(self.up(x)[:, :, :-2], (2, 0)))


class Activations(tnn.Module):
    """All of them, and arithmetic with constants."""

    def __init__(self):
        super().__init__()
        self.conv, self.mix = tnn.Conv1d(4, 8, 3, padding=1), tnn.Conv1d(8, 8, 1)

    def forward(self, x):
        h = torch.cat([F.glu(self.conv(x), 1), x], 1) * 0.5 - 0.1
        h = F.hardtanh(F.hardswish(self.mix(h))) + torch.clamp(h, -0.3, 0.4) + F.relu6(h) + F.gelu(h) - h**2
        h = h + F.softsign(h) - F.selu(h) / 3 + F.hardsigmoid(h) + F.leaky_relu(h) + F.elu(1 - h)
        return F.softmax(h, 1)


class Delayed(tnn.Module):
    """Frames that are moved, stacked and added up, taken every other, and of other axes."""

    def __init__(self):
        super().__init__()
        self.a, self.b = tnn.Conv1d(4, 4, 5), tnn.Conv2d(4, 3, (1, 3), padding=(0, 1))

    def forward(self, x):
        y = torch.stack([self.a(x), x[:, :, 2:-2], F.pad(x, (1, -1))[:, :, 1:-3]]).sum(0)
        return F.avg_pool1d(self.b(y[:, :, ::2].unsqueeze(2)).squeeze(2), 2, stride=1)


NETWORKS = {
    "tcn": (lambda: TemporalNetwork(False), (1, 5, 60)),
    "tcn, last frame": (lambda: TemporalNetwork(True), (1, 5, 60)),
    "wavenet": (lambda: WaveNet(False), (1, 1, 60)),
    "wavenet without padding": (lambda: WaveNet(True), (1, 1, 60)),
    "keywords": (KeywordNetwork, (1, 60, 40)),
    "symmetric": (Symmetric, (1, 10, 61)),
    "vocoder": (Vocoder, (1, 3, 20)),
    "causal upsampling": (CausalUpsampling, (1, 3, 20)),
    "activations": (Activations, (1, 4, 33)),
    "delayed": (Delayed, (1, 4, 41)),
}


def network(name, seed=0):
    """A network, ready to be used, and an input for it."""
    torch.manual_seed(seed)
    make, shape = NETWORKS[name]
    module = make()
    for part in module.modules():
        if isinstance(part, tnn.BatchNorm1d):
            part.running_mean.normal_(0, 0.2)
            part.running_var.uniform_(0.5, 1.5)
    return module.eval(), torch.randn(shape)
