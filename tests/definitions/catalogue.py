"""Every layer and block of ``wavenetlite.nn`` with its options, as named test cases; and small helpers."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from integer_catalogue import INTEGERS as INTEGER_NETWORKS

import wavenetlite as wl

nn = wl.nn


@dataclass(frozen=True)
class Case:
    """A module to build, and the channels it is fed."""

    build: Callable[[], wl.nn.Module]
    in_channels: int
    condition_channels: int = 0

    def model(self, seed=0):
        return randomised(self.build(), seed)


def randomised(model, seed=0):
    """The model with random weights that keep signals of unit scale at about unit scale."""
    rng = np.random.default_rng(seed)
    model.load_state_dict(
        {name: random_tensor(rng, name, old.shape, old.dtype) for name, old in model.state_dict().items()}
    )
    return model


def random_tensor(rng, name, shape, dtype=np.float32):
    """Random values for the tensor of that name in a state_dict."""
    kind = name.rsplit(".", 1)[-1]
    if dtype == np.int8:
        return rng.integers(-128, 128, shape).astype(np.int8)
    if dtype == np.int32:
        return rng.integers(-1000, 1000, shape).astype(np.int32)
    if kind == "running_var":
        values = rng.uniform(0.5, 2.0, shape)
    elif kind.startswith("bias") or kind == "running_mean":
        values = 0.1 * rng.standard_normal(shape)
    elif len(shape) == 1:  # the weight of a BatchNorm or a PReLU
        values = rng.uniform(0.3, 1.3, shape)
    else:
        values = rng.standard_normal(shape) / np.sqrt(np.prod(shape[1:]))
        if kind.startswith("weight_"):  # of recurrent units: they add up how frames were rounded
            values *= 0.5
    return values.astype(np.float32)


def signal(frames, channels, seed=0):
    """A float32 normal signal (frames, channels)."""
    return np.random.default_rng([seed, 1]).standard_normal((frames, channels)).astype(np.float32)


def condition(frames, channels, seed=0):
    """A local condition (frames, channels), or None when there are no channels."""
    return np.random.default_rng([seed, 2]).standard_normal((frames, channels)).astype(np.float32) if channels else None


def open_stream(model, x, **options):
    """A stream for signals like x; a module that takes any number of channels is told them."""
    return model.stream(channels=None if model.in_channels else x.shape[-1], **options)


def same_bits(a, b):
    """Equal shape, dtype and bytes: -0.0 is not 0.0, and a NaN is itself."""
    return a.shape == b.shape and a.dtype == b.dtype and a.tobytes() == b.tobytes()


def conv(*args, **options):
    return lambda: nn.Conv1d(*args, **options)


def over_bins(bins, in_channels, out_channels, kernel_size, *, stride=(1, 1), dilation=1, bias=True):
    """A causal Conv2d; pairs are (bins, frames)."""
    return nn.Conv2d(in_channels, out_channels, kernel_size[::-1], bins=bins, stride=stride[::-1],
                     dilation=(dilation, 1), bias=bias)  # fmt: skip


def freq(*args, **options):
    return lambda: over_bins(*args, **options)


def conv2d(*args, **options):
    return lambda: nn.Conv2d(*args, **options)


def up1d(*args, **options):
    return lambda: nn.ConvTranspose1d(*args, **options)


def up2d(*args, **options):
    return lambda: nn.ConvTranspose2d(*args, **options)


def sequential(*layers):
    return lambda: wl.Sequential([layer() if callable(layer) and not isinstance(layer, nn.Module) else layer
                                  for layer in layers])  # fmt: skip


def activation(name, **parameters):
    return lambda: nn.Activation(name, **parameters)


LAYERS = {
    "conv 1x1": Case(conv(3, 7, 1), 3),
    "conv pads": Case(conv(3, 4, 4, dilation=2, padding=(2, 1)), 3),
    "conv pads before": Case(conv(3, 4, 4, padding=(1, 0), stride=2), 3),
    "conv pads after": Case(conv(3, 4, 3, padding=[0, 2]), 3),
    "conv skips": Case(conv(4, 4, 2, padding=(-5, 1), groups=4), 4),
    "conv k2": Case(conv(1, 1, 2), 1),
    "conv k3 d2": Case(conv(7, 40, 3, dilation=2), 7),
    "conv k5 d300": Case(conv(3, 5, 5, dilation=300), 3),
    "conv k9 no bias": Case(conv(40, 3, 9, bias=False), 40),
    "conv k33": Case(conv(2, 3, 33), 2),
    "conv 100 to 100": Case(conv(100, 100, 3, dilation=4), 100),
    "conv groups": Case(conv(12, 18, 3, groups=3, dilation=2), 12),
    "conv groups of 2": Case(conv(18, 18, 2, groups=9), 18),
    "conv groups of 4": Case(conv(24, 24, 3, groups=6), 24),
    "conv groups of 8": Case(conv(40, 40, 3, groups=5, dilation=2), 40),
    "conv 17 to 33": Case(conv(17, 33, 3), 17),
    "conv depthwise": Case(conv(40, 40, 5, groups=40), 40),
    "conv depthwise x2": Case(conv(7, 14, 3, groups=7), 7),
    "conv stride 2": Case(conv(3, 7, 3, stride=2), 3),
    "conv stride 2 k1": Case(conv(3, 4, 1, stride=2), 3),
    "conv stride 3 d5": Case(conv(4, 3, 4, stride=3, dilation=5), 4),
    "conv stride 7 k2": Case(conv(1, 1, 2, stride=7), 1),
    "conv stride groups": Case(conv(4, 8, 5, stride=2, groups=2), 4),
    "conv same": Case(conv(3, 7, 3, padding="same"), 3),
    "conv same even": Case(conv(3, 2, 4, padding="same"), 3),
    "conv same even d3": Case(conv(3, 2, 2, padding="same", dilation=3), 3),
    "conv same depthwise": Case(conv(7, 7, 5, padding="same", groups=7, dilation=4), 7),
    "conv valid": Case(conv(3, 7, 3, padding="valid", dilation=5), 3),
    "conv valid stride": Case(conv(3, 2, 4, padding="valid", stride=3), 3),
    "freq": Case(freq(12, 1, 16, (5, 3)), 12),
    "freq 3 maps": Case(freq(7, 3, 5, (3, 2), dilation=3), 21),
    "freq 6 to 24 maps": Case(freq(10, 6, 24, (3, 3)), 60),
    "freq 16 to 32 maps": Case(freq(5, 16, 32, (3, 3), stride=(2, 1)), 80),
    "freq 24 to 3 maps": Case(freq(4, 24, 3, (3, 1)), 96),
    "freq 32 to 6 maps": Case(freq(3, 32, 6, (5, 2)), 96),
    "freq 40 bins stride 2 2": Case(freq(40, 1, 6, (5, 4), stride=(2, 2)), 40),
    "freq 9 bins stride 3": Case(freq(9, 2, 6, (5, 1), stride=(3, 1), bias=False), 18),
    "freq stride over bins": Case(freq(9, 3, 1, (1, 2), stride=(4, 1)), 27),
    "freq stride over all": Case(freq(11, 2, 3, (3, 2), stride=(12, 3)), 22),
    "freq one bin": Case(freq(1, 4, 5, (3, 3)), 4),
    "freq one bin k1": Case(freq(1, 1, 1, (1, 1)), 1),
    "freq wider than the bins": Case(freq(2, 5, 3, (5, 2), dilation=9), 10),
    "freq much wider": Case(freq(3, 1, 16, (7, 3)), 3),
    "freq one map": Case(freq(7, 3, 1, (3, 3)), 21),
    "conv2d": Case(conv2d(1, 16, 3, bins=12), 12),
    "conv2d d2": Case(conv2d(3, 4, 3, bins=7, dilation=2), 21),
    "conv2d d3 1 of 8 maps": Case(conv2d(8, 8, (2, 3), bins=9, dilation=(5, 3)), 72),
    "conv2d odd maps d2": Case(conv2d(3, 5, (3, 3), bins=11, dilation=(1, 2)), 33),
    "conv2d stride": Case(conv2d(2, 6, (3, 4), bins=10, stride=(2, 3), dilation=(1, 2)), 20),
    "conv2d stride 3 2": Case(conv2d(4, 12, 5, bins=9, stride=(3, 2), bias=False), 36),
    "conv2d same": Case(conv2d(3, 8, 3, bins=6, dilation=2, padding="same"), 18),
    "conv2d same even": Case(conv2d(2, 3, (4, 2), bins=5, padding="same"), 10),
    "conv2d same stride": Case(conv2d(2, 4, 3, bins=8, stride=2, padding="same"), 16),
    "conv2d valid": Case(conv2d(3, 4, (3, 2), bins=5, dilation=(2, 3), padding="valid", bin_padding="valid"), 15),
    "conv2d valid bins": Case(conv2d(2, 16, 3, bins=9, stride=(1, 2), bin_padding="valid"), 18),
    "conv2d bins gone": Case(conv2d(2, 5, 3, bins=3, dilation=(1, 5)), 6),
    "conv2d groups": Case(conv2d(4, 8, 3, bins=5, groups=2, dilation=(2, 1)), 20),
    "conv2d groups odd": Case(conv2d(6, 9, (2, 3), bins=4, groups=3), 24),
    "conv2d depthwise": Case(conv2d(16, 16, 3, bins=6, groups=16, padding="same"), 96),
    "conv2d depthwise dilated": Case(conv2d(4, 4, 3, bins=9, groups=4, dilation=(2, 3)), 36),
    "conv2d depthwise stride": Case(conv2d(8, 8, 3, bins=7, groups=8, stride=(2, 3), bias=False), 56),
    "conv2d depthwise 20 maps": Case(conv2d(20, 20, (2, 3), bins=5, groups=20), 100),
    "conv2d depthwise odd": Case(conv2d(3, 3, (2, 3), bins=6, groups=3), 18),
    "up 2d depthwise": Case(up2d(4, 4, 4, bins=5, groups=4, stride=2), 20),
    "conv2d one bin": Case(conv2d(5, 3, 3, bins=1, dilation=2), 5),
    "up": Case(up1d(3, 5, 4, stride=2), 3),
    "up k1": Case(up1d(2, 3, 1, stride=3), 2),
    "up no stride": Case(up1d(4, 8, 3), 4),
    "up k5 stride 3": Case(up1d(7, 16, 5, stride=3), 7),
    "up short kernel": Case(up1d(3, 4, 2, stride=4), 3),
    "up dilation": Case(up1d(3, 2, 4, stride=2, dilation=3), 3),
    "up even dilation": Case(up1d(3, 3, 3, stride=2, dilation=2, bias=False), 3),
    "up groups": Case(up1d(6, 4, 4, stride=3, groups=2), 6),
    "up depthwise": Case(up1d(20, 20, 6, stride=3, groups=20), 20),
    "up same": Case(up1d(3, 4, 4, stride=2, padding="same"), 3),
    "up same odd": Case(up1d(2, 4, 7, stride=3, padding="same"), 2),
    "up same long": Case(up1d(2, 3, 9, stride=2, padding="same", dilation=2), 2),
    "up of 12": Case(up1d(2, 17, 25, stride=12), 2),
    "up 2d": Case(up2d(3, 4, 4, bins=5, stride=2), 15),
    "up 2d same": Case(up2d(8, 3, 4, bins=4, stride=2, padding="same"), 32),
    "up 2d mixed": Case(up2d(2, 5, (3, 5), bins=6, stride=(1, 3), dilation=(2, 1), padding="same"), 12),
    "up 2d groups": Case(up2d(4, 8, 3, bins=3, stride=(3, 2), groups=2), 12),
    "upsample": Case(lambda: nn.Upsample(3), 7),
    "upsample by one": Case(lambda: nn.Upsample(1), 3),
    "upsample linear": Case(lambda: nn.Upsample(4, "linear"), 17),
    "upsample linear by one": Case(lambda: nn.Upsample(1, "linear"), 3),
    "dropout": Case(lambda: nn.Dropout(0.4), 3),
    "dropout channels": Case(lambda: nn.Dropout(0.5, whole_channels=True), 7),
    "output": Case(lambda: nn.Output("gaussian"), 2),
    "dropout none": Case(lambda: nn.Dropout(0.0), 3),
    "linear": Case(lambda: nn.Linear(7, 3), 7),
    "linear no bias": Case(lambda: nn.Linear(1, 40, bias=False), 1),
    "batch norm": Case(lambda: nn.BatchNorm(7), 7),
    "batch norm eps": Case(lambda: nn.BatchNorm(1, eps=0.1), 1),
    "batch norm bins": Case(lambda: nn.BatchNorm(3, bins=5), 15),
    "batch norm one map": Case(lambda: nn.BatchNorm(1, bins=12), 12),
    "gated unit": Case(lambda: nn.GatedUnit(), 14),
    "gated unit of others": Case(lambda: nn.GatedUnit(activation="relu", gate="hardswish"), 6),
    "gated unit of one": Case(lambda: nn.GatedUnit(gate="relu"), 2),
    "gated unit blended": Case(lambda: nn.GatedUnit(gate="hardtanh", blend=True), 10),
    "gated unit blended prelu": Case(
        lambda: nn.GatedUnit(activation=nn.Activation("prelu", channels=5), gate=nn.Activation("prelu"), blend=True), 10
    ),
    "gated unit of prelus": Case(lambda: nn.GatedUnit(activation="prelu", gate="prelu"), 6),
    "residual prelu": Case(lambda: nn.Residual([nn.Conv1d(5, 5, 2)], activation="prelu"), 5),
    "tcn prelu": Case(lambda: wl.TCN(3, 2, channels=5, kernel_size=2, dilations=[1, 2], activation="prelu"), 3),
    "temporal block prelu": Case(lambda: nn.TemporalBlock(4, 6, 2, dilation=2, activation="prelu"), 4),
    "block prelu": Case(lambda: nn.GatedResidualBlock(6, kernel_size=2, gated=False, activation="prelu"), 6),
    "film": Case(lambda: nn.FiLM(7, 3), 7, 3),
    "film no shift": Case(lambda: nn.FiLM(40, 1, shift=False), 40, 1),
    "film no scale": Case(lambda: nn.FiLM(5, 3, scale=False), 5, 3),
    "film groups": Case(lambda: nn.FiLM(6, 4, groups=2), 6, 4),
    "pool mean": Case(lambda: nn.CumulativePool("mean"), 3),
    "pool max": Case(lambda: nn.CumulativePool("max"), 7),
    "pool last": Case(lambda: nn.CumulativePool("last"), 3),
    "pool window": Case(lambda: nn.CumulativePool("mean", window_frames=9), 3),
    "pool window of one": Case(lambda: nn.CumulativePool("mean", window_frames=1), 7),
    "pool long window": Case(lambda: nn.CumulativePool("mean", window_frames=100), 40),
    "max pool": Case(lambda: nn.MaxPool2d(3, (2, 1), bins=1), 3),
    "max pool of bins": Case(lambda: nn.MaxPool2d(2, (1, 2), bins=7), 14),
    "max pool, overlapping": Case(lambda: nn.MaxPool2d(3, (3, 2), bins=5, stride=(2, 1)), 15),
    "max pool, windows apart": Case(lambda: nn.MaxPool2d(1, 2, bins=40, stride=(3, 5)), 40),
    "max pool between convolutions": Case(
        sequential(
            lambda: nn.Conv2d(1, 4, 3, bins=6),
            lambda: nn.Activation("leaky_relu"),
            lambda: nn.MaxPool2d(4, 2, bins=6),
            lambda: nn.Conv2d(4, 2, (2, 3), bins=3, padding="valid"),
        ),
        6,
    ),
    "conv2d with bounded leaky rectifiers": Case(
        sequential(
            lambda: nn.Conv2d(1, 40, (1, 3), bins=4),
            lambda: nn.Activation("leaky_relu", negative_slope=0.2),
            lambda: nn.Activation("hardtanh", min_val=-0.1, max_val=3e38),
            lambda: nn.Conv2d(40, 24, (3, 1), bins=4, padding="valid", bin_padding="valid"),
            lambda: nn.Activation("leaky_relu", negative_slope=-0.5),
            lambda: nn.Activation("hardtanh", min_val=-1.0, max_val=3.0),
        ),
        4,
    ),
    "identity": Case(activation("identity"), 3),
    "relu": Case(activation("relu"), 7),
    "leaky relu": Case(activation("leaky_relu"), 3),
    "leaky relu slope": Case(activation("leaky_relu", negative_slope=0.3), 3),
    "prelu": Case(activation("prelu"), 5),
    "prelu channels": Case(activation("prelu", channels=7), 7),
    "elu": Case(activation("elu"), 3),
    "elu alpha": Case(activation("elu", alpha=0.7), 40),
    "silu": Case(activation("silu"), 3),
    "gelu": Case(activation("gelu"), 7),
    "gelu tanh": Case(activation("gelu", approximate="tanh"), 3),
    "hardtanh": Case(activation("hardtanh"), 3),
    "hardtanh range": Case(activation("hardtanh", min_val=-0.25, max_val=2.0), 3),
    "hardswish": Case(activation("hardswish"), 1),
    "softsign": Case(activation("softsign"), 3),
    "softmax": Case(activation("softmax"), 12),
    "exp": Case(activation("exp"), 3),
    "sin": Case(activation("sin"), 7),
    "cos": Case(activation("cos"), 5),
    "snake": Case(lambda: nn.Snake(7), 7),
    "snake beta": Case(lambda: nn.Snake(40, beta=True, logarithmic=True), 40),
    "snake between convolutions": Case(
        sequential(
            lambda: nn.Conv1d(3, 20, 3, padding="same"),
            lambda: nn.Snake(20, logarithmic=True),
            lambda: nn.Conv1d(20, 2, 3),
        ),
        3,
    ),
    "layer norm": Case(lambda: nn.LayerNorm(None, eps=1e-3), 12),
    "layer norm after convolution": Case(
        lambda: wl.Sequential([nn.Conv1d(3, 21, 2), nn.LayerNorm(None), nn.BatchNorm(21), nn.Conv1d(21, 2, 3)]),
        3,
    ),
    "layer norm of its own": Case(lambda: nn.LayerNorm(21, eps=1e-3), 21),
    "layer norm without weights": Case(lambda: nn.LayerNorm(None), 5),
    "layer norm between convolutions": Case(
        lambda: wl.Sequential([nn.Conv1d(3, 40, 2), nn.LayerNorm(40), nn.Activation("relu"), nn.Conv1d(40, 2, 3)]), 3
    ),
    "group norm": Case(lambda: nn.GroupNorm(3, 12), 12),
    "group norm of pairs": Case(lambda: nn.GroupNorm(7, 14, eps=0.1), 14),
    "group norm, stride": Case(
        lambda: wl.Sequential([nn.Conv1d(3, 20, 3, stride=2), nn.GroupNorm(5, 20), nn.Activation("tanh")]), 3
    ),
    "gru": Case(lambda: nn.GRU(5, 7), 5),
    "gru 40 to 64": Case(lambda: nn.GRU(40, 64), 40),
    "gru of three layers": Case(lambda: nn.GRU(3, 20, num_layers=3), 3),
    "gru no bias": Case(lambda: nn.GRU(4, 3, bias=False), 4),
    "gru of one unit": Case(lambda: nn.GRU(1, 1), 1),
    "gru between convolutions": Case(
        lambda: wl.Sequential(
            [
                nn.Conv1d(3, 8, 3, dilation=4),
                nn.Activation("relu"),
                nn.GRU(8, 12),
                nn.BatchNorm(12),
                nn.Activation("tanh"),
                nn.Conv1d(12, 2, 3, dilation=2),
            ]
        ),
        3,
    ),
    "gru, stride": Case(
        lambda: wl.Sequential([nn.Conv1d(3, 8, 3, stride=2, padding="valid"), nn.GRU(8, 9), nn.Linear(9, 2)]), 3
    ),
    "gru, same": Case(
        lambda: wl.Sequential([nn.Conv1d(3, 8, 5, padding="same"), nn.GRU(8, 16), nn.Conv1d(16, 3, 5, padding="same")]),
        3,
    ),
    "gru residual": Case(lambda: nn.Residual([nn.GRU(6, 6), nn.Conv1d(6, 6, 2)]), 6),
    "gru upsampled": Case(
        lambda: wl.Sequential([nn.ConvTranspose1d(3, 4, 4, stride=2), nn.GRU(4, 5), nn.Conv1d(5, 2, 3)]), 3
    ),
    "lstm": Case(lambda: nn.LSTM(5, 7), 5),
    "lstm of two layers": Case(lambda: nn.LSTM(3, 33, num_layers=2), 3),
    "lstm no bias": Case(lambda: nn.LSTM(40, 16, bias=False), 40),
    "gru, first state": Case(lambda: nn.GRU(3, 5, num_layers=2, first_state=True), 3),
    "lstm, first state": Case(lambda: nn.LSTM(3, 18, first_state=True), 3),
    "amp of recurrent units": Case(lambda: nn.AmpLSTM(2, 5, num_layers=2), 2),
    "lstm between convolutions": Case(
        lambda: wl.Sequential(
            [nn.Conv1d(2, 8, 2), nn.LSTM(8, 4), nn.Concat([[], nn.CumulativePool("max")]), nn.LSTM(8, 3)]
        ),
        2,
    ),
    "tanh": Case(activation("tanh"), 7),
    "sigmoid": Case(activation("sigmoid"), 100),
    "leaky hardtanh": Case(activation("leaky_hardtanh"), 7),
    "leaky hardtanh range": Case(
        activation("leaky_hardtanh", min_val=-0.25, max_val=0.5, min_slope=0.3, max_slope=-0.1), 3
    ),
    "fast tanh": Case(activation("fast_tanh"), 12),
}

BLOCKS = {
    "residual": Case(lambda: nn.Residual([nn.Conv1d(7, 7, 3, dilation=2), nn.Activation("relu")]), 7),
    "residual activation": Case(
        lambda: nn.Residual([nn.Conv1d(4, 4, 3), nn.BatchNorm(4)], activation="relu"), 4),
    "residual shortcut": Case(
        lambda: nn.Residual([nn.Conv1d(3, 7, 3, stride=2)], shortcut=nn.Conv1d(3, 7, 1, stride=2),
                            activation="elu"), 3),
    "residual same": Case(lambda: nn.Residual([nn.Conv1d(3, 3, 5, padding="same", dilation=3)]), 3),
    "residual valid": Case(lambda: nn.Residual([nn.Conv1d(3, 3, 3, padding="valid", dilation=4)]), 3),
    "gated residual": Case(lambda: nn.GatedResidualBlock(7, kernel_size=3, dilation=4), 7),
    "gated residual skip": Case(lambda: nn.GatedResidualBlock(4, kernel_size=2, skip_channels=9), 4),
    "gated residual condition": Case(
        lambda: nn.GatedResidualBlock(5, kernel_size=2, dilation=8, condition_channels=3), 5, 3),
    "gated residual plain": Case(
        lambda: nn.GatedResidualBlock(6, kernel_size=3, dilation=2, gated=False, activation="relu"), 6),
    "gated residual same": Case(lambda: nn.GatedResidualBlock(3, kernel_size=3, dilation=3, padding="same"), 3),
    "gated residual same condition": Case(
        lambda: nn.GatedResidualBlock(3, kernel_size=4, dilation=3, padding="same", condition_channels=2), 3, 2),
    "gated residual valid": Case(lambda: nn.GatedResidualBlock(3, kernel_size=3, dilation=3, padding="valid"), 3),
    "gated residual valid condition": Case(
        lambda: nn.GatedResidualBlock(3, kernel_size=2, dilation=5, padding="valid", condition_channels=2), 3, 2),
    "temporal": Case(lambda: nn.TemporalBlock(7, 7, 3, dilation=2), 7),
    "temporal downsample": Case(lambda: nn.TemporalBlock(3, 8, 2, dilation=4, batch_norm=True), 3),
    "temporal tanh": Case(lambda: nn.TemporalBlock(5, 5, 4, activation="tanh"), 5),
    "separable": Case(lambda: nn.DepthwiseSeparable(7, 40, 5, dilation=3), 7),
    "separable stride": Case(lambda: nn.DepthwiseSeparable(6, 5, 3, stride=2, bias=False), 6),
    "separable same": Case(lambda: nn.DepthwiseSeparable(3, 4, 5, padding="same"), 3),
    "separable valid": Case(lambda: nn.DepthwiseSeparable(3, 4, 5, padding="valid"), 3),
    "prewarmed": Case(lambda: nn.Prewarmed([nn.Conv1d(3, 7, 3, dilation=4), nn.Activation("tanh"), nn.Conv1d(7, 2, 5)]),
                      3),
    "prewarmed stride": Case(
        lambda: nn.Prewarmed([nn.Conv1d(2, 40, 3, stride=2), nn.Activation("silu"), nn.Conv1d(40, 3, 4, stride=3),
                              nn.Conv1d(3, 3, 2, dilation=5)]), 2),
    "prewarmed inside": Case(
        lambda: wl.Sequential([nn.Conv1d(3, 4, 5), nn.Prewarmed([nn.Activation("sigmoid")]), nn.Conv1d(4, 2, 3)]), 3),
    "prewarmed freq": Case(lambda: nn.Prewarmed([over_bins(7, 1, 3, (3, 3)), nn.Conv1d(21, 2, 40)]), 7),
    "prewarmed sum": Case(
        lambda: nn.Prewarmed([nn.Conv1d(5, 5, 1), nn.Residual([nn.Conv1d(5, 5, 3, dilation=9), nn.Activation("elu")]),
                              nn.Concat([[], nn.Conv1d(5, 2, 2)]), nn.Conv1d(7, 3, 4)]), 5),
    "amp layer": Case(lambda: nn.AmpLayer(7, 2, kernel_size=3, dilation=4), 7, 2),
    "amp layer gated": Case(
        lambda: nn.AmpLayer(6, 1, kernel_size=2, dilation=3, bottleneck=4, gating="gated", activation="silu",
                            groups=2, layer1x1_groups=2, conv_post_film=nn.FiLM(8, 1)), 6, 1),
    "amp layer blended": Case(
        lambda: nn.AmpLayer(4, 3, kernel_size=3, gating="blended", gate="hardtanh", residual="activation",
                            activation=nn.Activation("prelu", channels=4), activation_pre_film=nn.FiLM(8, 3),
                            activation_post_film=nn.FiLM(4, 3, shift=False)), 4, 3),
    "amp layer films": Case(
        lambda: nn.AmpLayer(5, 2, kernel_size=2, dilation=5, bottleneck=3, head1x1_channels=4, residual="layer1x1",
                            conv_pre_film=nn.FiLM(5, 2), input_mixin_pre_film=nn.FiLM(2, 2, groups=2),
                            input_mixin_post_film=nn.FiLM(3, 2), layer1x1_post_film=nn.FiLM(5, 2, shift=False),
                            head1x1_post_film=nn.FiLM(4, 2)), 5, 2),
    "amp array": Case(
        lambda: nn.AmpArray(3, [nn.AmpLayer(5, 2, kernel_size=3, dilation=d) for d in (1, 2, 4)], head_channels=2,
                            head_kernel_size=3, head_dilation=2, head_bias=True), 3, 2),
    "part": Case(lambda: nn.Slice(1, 5), 8),
    "graph": Case(
        lambda: nn.Graph(3, [
            ["in", nn.Conv1d(3, 8, 3), ["x"]], ["a", nn.Slice(0, 4), ["in"]], ["b", nn.Slice(4, 4), ["in"]],
            ["on.a", nn.Activation("tanh"), ["a"]], ["on.b", nn.Activation("sigmoid"), ["b"]],
            ["z", "multiply", ["on.a", "on.b"]], ["ahead", nn.Conv1d(4, 4, 3, dilation=2, padding=(3, 1)), ["z"]],
            ["sum", "add", ["ahead", "z", "a"]], ["late", nn.Conv1d(4, 2, 2, padding=(-3, 0)), ["z"]],
            ["all", "concat", ["sum", "late", "x"]], ["out", nn.Linear(9, 2), ["all"]],
        ]), 3),
    "add": Case(lambda: nn.Add([nn.Conv1d(3, 3, 3), [nn.Conv1d(3, 3, 2, dilation=9), nn.Activation("tanh")], []]), 3),
    "add latencies": Case(
        lambda: nn.Add([nn.Conv1d(3, 5, 3, padding="same"), nn.Conv1d(3, 5, 7, dilation=3, padding="same"),
                        nn.Conv1d(3, 5, 2)]), 3),
    "add starts": Case(
        lambda: nn.Add([nn.Conv1d(2, 2, 3, padding="valid"), [], nn.Conv1d(2, 2, 2, dilation=7, padding="valid")]), 2),
    "add same and valid": Case(
        lambda: nn.Add([nn.Conv1d(3, 3, 5, padding="same"), nn.Conv1d(3, 3, 3, padding="valid"), []]), 3),
    "add stride": Case(lambda: nn.Add([nn.Conv1d(3, 4, 3, stride=2), nn.Conv1d(3, 4, 5, stride=2, dilation=2)]), 3),
    "concat": Case(lambda: nn.Concat([nn.Conv1d(3, 5, 3), [], [nn.Linear(3, 7), nn.Activation("silu")]]), 3),
    "concat then activation": Case(
        lambda: wl.Sequential([nn.Concat([[], nn.Conv1d(3, 2, 3)]), nn.Activation("gelu")]), 3),
    "concat bins then activation": Case(
        lambda: wl.Sequential([nn.Concat([[], nn.Linear(4, 6)], bins=2), nn.Activation("tanh"), nn.Linear(10, 2)]), 4),
    "concat latencies": Case(lambda: nn.Concat([nn.Conv1d(3, 5, 9, padding="same"), [], nn.Conv1d(3, 1, 3)]), 3),
    "concat pool": Case(lambda: nn.Concat([nn.CumulativePool(kind) for kind in ("mean", "max", "last")]), 3),
    "sequential": Case(sequential(conv(3, 8, 1), activation("relu"), conv(8, 8, 3, dilation=2), conv(8, 1, 1)), 3),
    "stride after same": Case(sequential(conv(3, 4, 5, padding="same"), conv(4, 3, 3, stride=2)), 3),
    "same after stride": Case(sequential(conv(3, 4, 3, stride=2), conv(4, 3, 5, padding="same"), conv(3, 2, 2)), 3),
    "strides": Case(sequential(conv(2, 4, 4, stride=2), conv(4, 4, 3, stride=3), conv(4, 2, 2, dilation=5)), 2),
    "same same": Case(sequential(conv(3, 4, 3, padding="same"), activation("tanh"), conv(4, 3, 4, padding="same")), 3),
    "valid valid": Case(sequential(conv(3, 4, 3, padding="valid"), conv(4, 3, 4, padding="valid", dilation=3)), 3),
    "pool of same": Case(
        sequential(conv(3, 4, 3, padding="same"), lambda: nn.CumulativePool("mean"), conv(4, 2, 1)), 3),
    "pool of stride": Case(sequential(conv(3, 4, 3, stride=2), lambda: nn.CumulativePool("max")), 3),
    "pool then conv": Case(sequential(lambda: nn.CumulativePool("mean"), conv(3, 4, 3, dilation=2)), 3),
    "pool window of stride": Case(
        sequential(conv(3, 4, 3, stride=2), lambda: nn.CumulativePool("mean", window_frames=5), conv(4, 2, 2)), 3),
    "pool window of same": Case(
        sequential(conv(3, 4, 5, padding="same"), activation("relu"),
                   lambda: nn.CumulativePool("mean", window_frames=4)), 3),
    "concat pool window": Case(
        lambda: nn.Concat([nn.CumulativePool("mean", window_frames=3), nn.CumulativePool("max"), []]), 3),
    "dropout chain": Case(
        sequential(conv(3, 8, 2), lambda: nn.Dropout(0.5), activation("tanh"),
                   lambda: nn.Dropout(0.2, whole_channels=True), conv(8, 2, 1)), 3),
    "freq residual": Case(
        lambda: nn.Residual([over_bins(5, 6, 6, (3, 3)), nn.BatchNorm(6, bins=5), nn.Activation("relu")]), 30),
    "freq residual activation": Case(
        lambda: nn.Residual([over_bins(4, 3, 3, (3, 2), dilation=4), nn.BatchNorm(3, bins=4)],
                            activation="relu"), 12),
    "freq residual shortcut": Case(
        lambda: nn.Residual([over_bins(6, 3, 5, (3, 3), stride=(2, 2)), nn.BatchNorm(5, bins=3)],
                            shortcut=over_bins(6, 3, 5, (1, 1), stride=(2, 2)), activation="relu"), 18),
    "freq then unshared norm": Case(
        sequential(freq(5, 1, 3, (3, 2)), lambda: nn.BatchNorm(15), activation("relu"), conv(15, 2, 1)), 5),
    "norm then freq": Case(sequential(lambda: nn.BatchNorm(2, bins=6), freq(6, 2, 5, (3, 3))), 12),
    "unshared norm then freq": Case(sequential(lambda: nn.BatchNorm(12), freq(6, 2, 5, (3, 3))), 12),
    "freq then conv": Case(sequential(freq(7, 1, 3, (5, 3), stride=(2, 1)), conv(12, 5, 3, dilation=2)), 7),
    "freq after same": Case(sequential(conv(3, 8, 3, padding="same"), activation("relu"), freq(8, 1, 2, (3, 2))), 3),
    "freq add": Case(
        lambda: nn.Add([over_bins(5, 3, 3, (3, 2)), nn.Conv1d(15, 15, 3, padding="same"), []]), 15),
    "freq stack": Case(
        lambda: wl.Sequential([
            nn.BatchNorm(1, bins=20),
            over_bins(20, 1, 6, (5, 3), stride=(2, 1)), nn.BatchNorm(6, bins=10), nn.Activation("relu"),
            nn.Residual([over_bins(10, 6, 6, (3, 3)), nn.BatchNorm(6, bins=10), nn.Activation("relu")]),
            over_bins(10, 6, 16, (3, 2), stride=(2, 2)), nn.Activation("prelu"), nn.Dropout(0.1),
            nn.CumulativePool("mean", window_frames=6), nn.Conv1d(80, 12, 1),
        ]), 20),
    "conv2d residual": Case(
        lambda: nn.Residual([nn.Conv2d(6, 6, 3, bins=5, dilation=2, padding="same"), nn.BatchNorm(6, bins=5),
                             nn.Activation("relu"), nn.Conv2d(6, 6, 3, bins=5, padding="same"),
                             nn.BatchNorm(6, bins=5)], activation="relu"), 30),
    "conv2d scales": Case(
        lambda: nn.Concat([nn.Conv2d(3, 4, 3, bins=6, dilation=d, padding="same") for d in (1, 2, 3)] +
                          [nn.Conv2d(3, 4, 1, bins=6)], bins=6), 18),
    "concat bins then conv2d": Case(
        lambda: wl.Sequential([nn.Concat([[], nn.Conv2d(2, 3, 3, bins=4, padding="same")], bins=4),
                               nn.Conv2d(5, 4, 3, bins=4)]), 8),
    "concat bins then conv": Case(
        lambda: wl.Sequential([nn.Concat([nn.Linear(6, 9), []], bins=3), nn.Conv1d(15, 4, 2)]), 6),
    "conv2d depthwise residual": Case(
        lambda: nn.Residual([nn.Conv2d(8, 8, 3, bins=4, groups=8, padding="same"), nn.BatchNorm(8, bins=4),
                             nn.Activation("relu"), nn.Conv2d(8, 8, 1, bins=4)], activation="relu"), 32),
    "conv2d depthwise added": Case(
        lambda: nn.Add([nn.Conv2d(4, 4, 3, bins=5, groups=4), nn.Conv2d(4, 4, 3, bins=5), []]), 20),
    "conv2d then conv": Case(sequential(conv2d(1, 3, 3, bins=7), activation("tanh"), conv(21, 5, 2)), 7),
    "conv2d prelu sum": Case(
        lambda: nn.Add([[nn.Conv2d(2, 2, 3, bins=4), nn.Activation("prelu")], nn.Conv2d(2, 2, 1, bins=4), []]), 8),
    "up then conv": Case(sequential(up1d(3, 4, 4, stride=2), activation("relu"), conv(4, 5, 3, dilation=3)), 3),
    "up norm relu": Case(sequential(up1d(3, 4, 4, stride=2), lambda: nn.BatchNorm(4), activation("relu")), 3),
    "up up": Case(sequential(up1d(2, 4, 3, stride=2), activation("tanh"), up1d(4, 3, 4, stride=3)), 2),
    "up then same": Case(sequential(up1d(2, 4, 4, stride=4), conv(4, 3, 7, padding="same")), 2),
    "up then valid": Case(sequential(up1d(2, 4, 4, stride=4), conv(4, 3, 3, padding="valid")), 2),
    "up then down": Case(sequential(up1d(2, 4, 4, stride=3), conv(4, 3, 4, stride=3)), 2),
    "up then slower": Case(sequential(up1d(2, 4, 4, stride=2), conv(4, 3, 3, stride=3)), 2),
    "up then mean": Case(sequential(up1d(2, 4, 4, stride=2), lambda: nn.CumulativePool("mean")), 2),
    "up then residual": Case(
        lambda: wl.Sequential([nn.ConvTranspose1d(2, 3, 4, stride=2),
                               nn.Residual([nn.Conv1d(3, 3, 3, padding="same"), nn.Activation("silu")])]), 2),
    "up in branches": Case(
        lambda: nn.Add([nn.ConvTranspose1d(2, 3, 4, stride=2), nn.ConvTranspose1d(2, 3, 8, stride=2, padding="same"),
                        [nn.Upsample(2, "linear"), nn.Conv1d(2, 3, 1)]]), 2),
    "upsample concat": Case(lambda: nn.Concat([nn.Upsample(3), nn.Upsample(3, "linear")]), 3),
    "conditioned graph": Case(
        lambda: nn.Graph(4, [
            ["mixed", nn.Conv1d(2, 3, 1), ["c"]],
            ["film", nn.FiLM(4, 3), ["x", "mixed"]],
            ["block", nn.GatedResidualBlock(4, kernel_size=2, condition_channels=2), ["film"]],
            ["all", "concat", ["block", "c"]],
        ], condition_channels=2), 4, 2),
    "conditioned chain": Case(
        lambda: wl.Sequential([
            nn.GatedResidualBlock(4, kernel_size=3, padding="valid", condition_channels=2),
            nn.Residual([nn.GatedResidualBlock(4, kernel_size=3, padding="same", condition_channels=2)]),
            nn.Add([nn.GatedResidualBlock(4, kernel_size=2, dilation=6, condition_channels=2), []]),
        ]), 4, 2),
    "nested": Case(
        lambda: wl.Sequential([
            nn.Conv1d(3, 4, 2),
            nn.Residual([nn.Add([nn.Residual([nn.Conv1d(4, 4, 3, padding="same")]), []]), nn.Activation("silu")]),
            nn.Concat([[nn.Residual([nn.Conv1d(4, 4, 2, padding="valid")])], nn.Conv1d(4, 3, 3, padding="same")]),
            nn.Linear(7, 2),
        ]), 3),
}  # fmt: skip

MODELS = {
    "wavenet": Case(
        lambda: wl.WaveNet(3, 5, residual_channels=7, skip_channels=9, kernel_size=3, dilations=[1, 2, 4] * 2), 3),
    "wavenet condition": Case(
        lambda: wl.WaveNet(1, 4, residual_channels=8, skip_channels=8, dilations=[1, 2, 4, 8],
                           condition_channels=5), 1, 5),
    "wavenet plain": Case(
        lambda: wl.WaveNet(2, 2, residual_channels=6, skip_channels=4, kernel_size=2, dilations=[1, 3, 9], gated=False,
                           activation="relu", head_channels=11), 2),
    "tcn": Case(lambda: wl.TCN(40, 12, channels=16, kernel_size=5, dilations=[1, 2, 4]), 40),
    "frequency tcn": Case(
        lambda: nn.FrequencyTCN(20, 4, stem=[(6, (5, 3), (2, 2)), (8, (3, 3), (3, 1))], channels=12, dilations=[1, 2],
                                pool_frames=7), 20),
    "frequency tcn no stem": Case(
        lambda: nn.FrequencyTCN(5, 3, stem=[], channels=7, kernel_size=2, dilations=[3], pool_frames=None, dropout=0.0,
                                activation="silu"), 5),
    "amp wavenet": Case(
        lambda: nn.AmpWaveNet([
            nn.AmpArray(1, [nn.AmpLayer(16, 1, kernel_size=3, dilation=d) for d in (1, 2, 4, 8)], head_channels=8),
            nn.AmpArray(16, [nn.AmpLayer(8, 1, kernel_size=3, dilation=d) for d in (1, 2, 4)], head_channels=1,
                        head_bias=True)], sr=48000), 1),
    "amp wavenet narrow": Case(
        lambda: nn.AmpWaveNet([
            nn.AmpArray(1, [nn.AmpLayer(12, 1, kernel_size=2, dilation=d) for d in (3, 1)], head_channels=4),
            nn.AmpArray(12, [nn.AmpLayer(4, 1, kernel_size=k, dilation=5) for k in (1, 4)], head_channels=2)]), 1),
    "amp wavenet conditioned": Case(
        lambda: nn.AmpWaveNet(
            [nn.AmpArray(2, [nn.AmpLayer(4, 3, kernel_size=k, dilation=d, gating=g, head1x1_channels=3, groups=2,
                                         layer1x1_post_film=nn.FiLM(4, 3), head1x1_post_film=nn.FiLM(3, 3))
                             for k, d, g in ((3, 1, "none"), (2, 5, "gated"), (4, 3, "blended"))], head_channels=5)],
            head=wl.Sequential([nn.Activation("relu"), nn.Conv1d(5, 2, 3)]),
            condition=wl.Sequential([nn.Conv1d(2, 3, 4), nn.Activation("tanh")])), 2),
    "amp wavenet cold": Case(
        lambda: nn.AmpWaveNet([nn.AmpArray(1, [nn.AmpLayer(3, 1, kernel_size=2, residual="none")], head_channels=1)],
                              prewarm=False), 1),
    "tcn no batch norm": Case(
        lambda: wl.TCN(3, 2, channels=5, kernel_size=3, dilations=[1, 5], activation="gelu", batch_norm=False), 3),
}  # fmt: skip

INTEGERS = {name: Case(*case) for name, case in INTEGER_NETWORKS.items()}

FLOATS = LAYERS | BLOCKS | MODELS
ROUNDED = {
    "fake quantize": Case(lambda: nn.FakeQuantize(0.05, 3), 7),
    "fake quantize of positive ones": Case(lambda: nn.FakeQuantize(0.01, -128), 18),
    "fake quantized conv": Case(lambda: nn.FakeQuantizedConv1d(5, 9, 3, dilation=2), 5),
    "fake quantized depthwise": Case(lambda: nn.FakeQuantizedConv1d(9, 9, 4, groups=9, stride=2, bias=False), 9),
    "fake quantized conv2d": Case(lambda: nn.FakeQuantizedConv2d(2, 5, 3, bins=6, stride=(1, 2)), 12),
}
"""For training with the rounding of integers; they are not exported."""
CATALOGUE = FLOATS | INTEGERS | ROUNDED

IMAGES = [  # bins, maps in, maps out, kernel, stride, dilation
    (40, 1, 16, (5, 5), (2, 2), 1), (20, 16, 24, (3, 3), (2, 1), 2), (10, 24, 32, (3, 3), (2, 1), 1),
    (7, 3, 5, (3, 2), (1, 1), 3), (9, 2, 6, (5, 1), (3, 1), 1), (3, 1, 1, (3, 3), (1, 2), 3),
    (2, 4, 8, (5, 3), (1, 1), 1), (1, 6, 3, (3, 4), (1, 1), 1), (11, 3, 4, (1, 2), (4, 3), 2),
    (40, 6, 1, (9, 2), (1, 1), 1),
]  # fmt: skip
"""Convolutions over bins and time that are held against PyTorch's."""
