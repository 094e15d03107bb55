"""Networks of others, written from their published definitions in PyTorch, with random weights and statistics."""

import warnings

import torch
from torch import nn
from torch.nn import functional


def randomised(module, seed=0):
    """The module in eval(), with batch normalisations that are not those of a new one."""
    generator = torch.Generator().manual_seed(seed)
    for one in module.modules():
        if isinstance(one, nn.LayerNorm):
            one.weight.data.uniform_(0.5, 1.5, generator=generator)
            one.bias.data.normal_(0, 0.3, generator=generator)
        if isinstance(one, nn.BatchNorm1d):
            one.running_mean.normal_(0, 0.3, generator=generator)
            one.running_var.uniform_(0.5, 2, generator=generator)
            if one.affine:
                one.weight.data.uniform_(0.5, 1.5, generator=generator)
                one.bias.data.normal_(0, 0.3, generator=generator)
    return module.eval()


def weight_norm(module, old):
    """Weight normalised in PyTorch's older way or its newer one, with a scale of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = (nn.utils.weight_norm if old else nn.utils.parametrizations.weight_norm)(module)
    scale = module.weight_g if old else module.parametrizations.weight.original0
    scale.data.mul_(1.5)
    return module


# --------------------------------------------------------------------------------- Bai et al.: locuslab's names
class Cut(nn.Module):
    """Leaves out the last frames, which padding on both sides has added."""

    def __init__(self, frames):
        super().__init__()
        self.frames = frames

    def forward(self, x):
        return x[:, :, : -self.frames]


class BaiBlock(nn.Module):
    def __init__(self, channels_in, channels, kernel_size, dilation, old):
        super().__init__()
        pad = (kernel_size - 1) * dilation

        def conv(given):
            return weight_norm(nn.Conv1d(given, channels, kernel_size, padding=pad, dilation=dilation), old)

        self.conv1, self.conv2 = conv(channels_in), conv(channels)
        self.net = nn.Sequential(self.conv1, Cut(pad), nn.ReLU(), nn.Dropout(0.2),
                                 self.conv2, Cut(pad), nn.ReLU(), nn.Dropout(0.2))  # fmt: skip
        self.downsample = nn.Conv1d(channels_in, channels, 1) if channels_in != channels else None

    def forward(self, x):
        short = x if self.downsample is None else self.downsample(x)
        return functional.relu(short + self.net(x))


class BaiTCN(nn.Module):
    def __init__(self, channels_in, channels, kernel_size=3, old=True):
        super().__init__()
        given = [channels_in, *channels[:-1]]
        blocks = [BaiBlock(a, b, kernel_size, 2**i, old) for i, (a, b) in enumerate(zip(given, channels, strict=True))]
        self.network = nn.Sequential(*blocks)

    def forward(self, x):
        return self.network(x)


class BaiModel(nn.Module):
    """With a head for every frame."""

    def __init__(self, channels_in, channels, outputs, **options):
        super().__init__()
        self.tcn = BaiTCN(channels_in, channels, **options)
        self.linear = nn.Linear(channels[-1], outputs)

    def forward(self, x):
        return self.linear(self.tcn(x).transpose(1, 2)).transpose(1, 2)


# --------------------------------------------------------------------------------- wekws: (batch, time, features)
class KwsTCN(nn.Module):
    """Convolution, normalisation and ReLU, once or depthwise and then pointwise, beside the signal."""

    def __init__(self, layers, channels, kernel_size, separable):
        super().__init__()
        self.network = nn.ModuleList()
        for index in range(layers):
            conv = nn.Conv1d(channels, channels, kernel_size, dilation=2**index, groups=channels if separable else 1)
            cnn = [conv, nn.BatchNorm1d(channels), nn.ReLU()]
            if separable:
                cnn += [nn.Conv1d(channels, channels, 1), nn.BatchNorm1d(channels), nn.ReLU()]
            self.network.append(nn.ModuleDict({"cnn": nn.Sequential(*cnn, nn.Dropout(0.1))}))

    def forward(self, x):
        x = x.transpose(1, 2)
        for block in self.network:
            conv = block["cnn"][0]
            x = x + block["cnn"](functional.pad(x, ((conv.kernel_size[0] - 1) * conv.dilation[0], 0)))
        return x.transpose(1, 2)


class KwsSeparable(nn.Module):
    def __init__(self, channels_in, channels, kernel_size, dilation):
        super().__init__()
        self.conv = nn.Conv1d(channels_in, channels_in, kernel_size, dilation=dilation, groups=channels_in)
        self.bn = nn.BatchNorm1d(channels_in)
        self.pointwise = nn.Conv1d(channels_in, channels, 1)

    def forward(self, x):
        return self.pointwise(self.bn(self.conv(x)))


class KwsBlock(nn.Module):
    def __init__(self, channels_in, channels, kernel_size, dilation, causal):
        super().__init__()
        self.reach, self.causal = dilation * (kernel_size - 1), causal
        self.conv1 = KwsSeparable(channels_in, channels, kernel_size, dilation)
        self.bn1 = nn.BatchNorm1d(channels)
        self.conv2 = nn.Conv1d(channels, channels, 1)
        self.bn2 = nn.BatchNorm1d(channels)

    def forward(self, x):
        y = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        after = 0 if self.causal else self.reach // 2
        short = x[:, :, self.reach - after : x.shape[2] - after]
        return functional.relu(y + short if short.shape == y.shape else y)


class KwsStack(nn.Module):
    def __init__(self, blocks):
        super().__init__()
        self.res_blocks = nn.Sequential(*blocks)

    def forward(self, x):
        return self.res_blocks(x)


class KwsMDTC(nn.Module):
    """All padding is before (and, if not causal, after) the input; the stacks' outputs are added."""

    def __init__(self, stacks, size, channels_in, channels, kernel_size=5, causal=True):
        super().__init__()
        self.causal = causal
        self.preprocessor = KwsBlock(channels_in, channels, kernel_size, 1, causal)
        self.blocks = nn.ModuleList()
        for _ in range(stacks):
            blocks = [KwsBlock(channels, channels, kernel_size, 2**i, causal) for i in range(size)]
            self.blocks.append(KwsStack(blocks))
        self.reach = (kernel_size - 1) * (1 + stacks * (2**size - 1))

    def forward(self, x):
        after = 0 if self.causal else self.reach // 2
        y = self.preprocessor(functional.pad(x.transpose(1, 2), (self.reach - after, after)))
        outputs = []
        for block in self.blocks:
            y = block(y)
            outputs.append(y)
        frames = x.shape[1]
        surplus = [one.shape[2] - frames for one in outputs]
        firsts = surplus if self.causal else [n // 2 for n in surplus]
        return sum(one[:, :, n : n + frames] for one, n in zip(outputs, firsts, strict=True)).transpose(1, 2)


class GlobalCMVN(nn.Module):
    def __init__(self, channels, norm_var):
        super().__init__()
        self.norm_var = norm_var
        self.register_buffer("mean", torch.randn(channels))
        self.register_buffer("istd", torch.rand(channels) + 0.5)

    def forward(self, x):
        return (x - self.mean) * (self.istd if self.norm_var else 1)


class LinearFirst(nn.Module):
    def __init__(self, channels_in, channels):
        super().__init__()
        self.out = nn.Sequential(nn.Linear(channels_in, channels), nn.ReLU())

    def forward(self, x):
        return self.out(x)


class LinearClassifier(nn.Module):
    def __init__(self, channels, outputs):
        super().__init__()
        self.linear = nn.Linear(channels, outputs)

    def forward(self, x):
        return self.linear(x)


class GlobalClassifier(nn.Module):
    def __init__(self, channels, outputs):
        super().__init__()
        self.classifier = nn.Sequential(nn.Linear(channels, 64), nn.ReLU(), nn.Dropout(0.1), nn.Linear(64, outputs))

    def forward(self, x):
        return self.classifier(x.mean(dim=1))


class KwsModel(nn.Module):
    def __init__(self, global_cmvn, preprocessing, backbone, classifier, activation):
        super().__init__()
        self.global_cmvn, self.preprocessing, self.backbone = global_cmvn, preprocessing, backbone
        self.classifier, self.activation = classifier, activation

    def forward(self, x):
        x = x if self.global_cmvn is None else self.global_cmvn(x)
        return self.activation(self.classifier(self.backbone(self.preprocessing(x))))


def kws_mdtc(stacks=4, size=4, features=80, channels=64, outputs=2, causal=True, norm_var=True, kernel_size=5):
    backbone = KwsMDTC(stacks, size, features, channels, kernel_size, causal)
    return randomised(KwsModel(GlobalCMVN(features, norm_var), nn.Identity(), backbone,
                               LinearClassifier(channels, outputs), nn.Sigmoid()))  # fmt: skip


def kws_tcn(separable, features=10, channels=8, outputs=3, classifier=LinearClassifier):
    end = nn.Sigmoid() if classifier is LinearClassifier else nn.Identity()
    return randomised(KwsModel(GlobalCMVN(features, True), LinearFirst(features, channels),
                               KwsTCN(3, channels, 4, separable), classifier(channels, outputs), end))  # fmt: skip
