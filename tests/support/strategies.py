"""Hypothesis strategies: random layers, blocks and networks, and random partitions of a signal into blocks."""

from catalogue import condition, randomised, signal
from hypothesis import strategies as st

import wavenetlite as wl

nn = wl.nn

CHANNELS = st.sampled_from([1, 2, 3, 4, 7, 8, 12, 17, 40, 100])
# Chosen once a network: whether some kernels and dilations are large; whether it strides or is conditioned.
LARGE = st.shared(st.booleans(), key="large")
KIND = st.shared(st.sampled_from(["plain", "strided", "conditioned"]), key="kind")
KERNEL_SIZES = LARGE.flatmap(lambda large: st.integers(1, 9) | st.sampled_from([16, 33] if large else [2, 3]))
DILATIONS = LARGE.flatmap(
    lambda large: st.integers(1, 9) | st.sampled_from([16, 31, 64, 100, 256, 300] if large else [1, 2, 4, 16])
)
STRIDES = KIND.flatmap(lambda kind: st.sampled_from([1, 2, 3, 5] if kind == "strided" else [1]))
CONDITIONS = KIND.flatmap(lambda kind: st.just(3 if kind == "conditioned" else 0))
PADDINGS = st.sampled_from(["causal", "causal", "same", "valid"])
ACTIVATIONS = st.sampled_from(
    [
        "identity",
        "relu",
        "leaky_relu",
        "elu",
        "silu",
        "gelu",
        "hardtanh",
        "hardswish",
        "softsign",
        "tanh",
        "sigmoid",
        "leaky_hardtanh",
        "fast_tanh",
    ]
)
BLOCK_SIZES = st.sampled_from([0, 0, 1, 1, 2, 3, 7, 13, 16, 31, 64, 97, 257, 1009])
SEEDS = st.integers(0, 2**32 - 1)


@st.composite
def group_counts(draw, in_channels, out_channels):
    """A common divisor of the channel counts, most often 1."""
    divisors = [g for g in range(1, in_channels + 1) if in_channels % g == 0 and out_channels % g == 0]
    return draw(st.sampled_from([1, *divisors]))


@st.composite
def convolutions(draw, in_channels, out_channels, stride=1, paddings=PADDINGS):
    """A Conv1d; a strided one is never "same", and starts on a multiple of its stride."""
    kernel_size, dilation, padding = draw(KERNEL_SIZES), draw(DILATIONS), draw(paddings)
    if stride > 1 and (padding == "same" or (kernel_size - 1) * dilation % stride):
        padding = "causal"
    groups = draw(group_counts(in_channels, out_channels))
    return nn.Conv1d(in_channels, out_channels, kernel_size, stride=stride, padding=padding, dilation=dilation,
                     groups=groups, bias=draw(st.booleans()))  # fmt: skip


@st.composite
def convolutions2d(draw, in_channels, bins, stride=1):
    """A Conv2d; some kernels reach beyond the bins, some strides are wider than the kernel. All bins read some."""
    wide = draw(st.integers(1, 4))
    spread = draw(st.sampled_from([1, 1, 2, 3])) if wide % 2 else 1
    fits = (wide - 1) * spread < bins
    out_channels = draw(st.sampled_from([1, 2, 3, 6, 8, 16]))
    return nn.Conv2d(in_channels, out_channels, (draw(st.integers(1, 4)), wide), bins=bins,
                     stride=(stride, draw(st.sampled_from([1, 1, 2, 3]))), dilation=(draw(st.integers(1, 6)), spread),
                     padding="causal" if stride > 1 else draw(PADDINGS),
                     bin_padding=draw(st.sampled_from(["same", "valid"])) if fits else "same",
                     groups=draw(group_counts(in_channels, out_channels)), bias=draw(st.booleans()))  # fmt: skip


@st.composite
def ups_and_downs(draw, channels):
    """Up to a higher rate, something there, and back."""
    factor, hidden = draw(st.sampled_from([1, 2, 3, 5])), draw(st.sampled_from([1, 3, 8, 17]))
    up = nn.ConvTranspose1d(channels, hidden, draw(st.integers(factor, 9)), stride=factor,
                            padding=draw(st.sampled_from(["causal", "same"])),
                            groups=draw(group_counts(channels, hidden)), bias=draw(st.booleans()))  # fmt: skip
    if draw(st.booleans()):
        mode = draw(st.sampled_from(["nearest", "linear"]))
        up = wl.Sequential([nn.Upsample(factor, mode), nn.Conv1d(channels, hidden, draw(st.integers(1, 4)))])
    layers = [up, *draw(st.lists(pointwise(hidden), max_size=1))]
    if draw(st.booleans()):
        layers.append(nn.Residual([draw(convolutions(hidden, hidden, paddings=st.sampled_from(["causal", "same"])))]))
    return wl.Sequential([*layers, nn.Conv1d(hidden, channels, draw(st.integers(1, 4)), stride=factor)])


@st.composite
def frequency_stacks(draw, channels, stride=1):
    """One or two frequency convolutions, normalised and rectified or not, between the channels and back to them."""
    maps = draw(st.sampled_from([m for m in range(1, channels + 1) if channels % m == 0]))
    first = draw(convolutions2d(maps, channels // maps, stride=stride))
    layers, last = [first], first
    if draw(st.booleans()):
        shared = draw(st.booleans())
        layers.append(nn.BatchNorm(last.out_channels, bins=last.bins_out) if shared else nn.BatchNorm(last.out_width))
    layers += draw(st.sampled_from([[], [nn.Activation("relu")], [nn.Activation("tanh")]]))
    if draw(st.booleans()):
        kernel_size = (2, draw(st.sampled_from([1, 3])))
        body = [nn.Conv2d(last.out_channels, last.out_channels, kernel_size, bins=last.bins_out)]
        body += [nn.BatchNorm(last.out_channels, bins=last.bins_out), nn.Activation("relu")]
        layers.append(nn.Residual(body, activation=draw(st.sampled_from([None, "relu"]))))
    return wl.Sequential([*layers, nn.Conv1d(last.out_width, channels, 1)])


@st.composite
def activations(draw, channels):
    name = draw(st.one_of(ACTIVATIONS, st.sampled_from(["prelu", "softmax"])))
    if name == "prelu":
        return nn.Activation(name, channels=draw(st.sampled_from([1, channels])))
    if name == "gelu":
        return nn.Activation(name, approximate=draw(st.sampled_from(["none", "tanh"])))
    return nn.Activation(name)


@st.composite
def pointwise(draw, channels):
    """A layer that keeps channels and frames."""
    kind = draw(st.sampled_from(["activation", "activation", "batch_norm", "linear", "dropout", "norm"]))
    if kind == "norm":  # a large eps: what hardly varies must not be blown up, and its rounding with it
        groups = draw(st.sampled_from([n for n in range(1, channels + 1) if channels % n == 0]))
        return nn.LayerNorm(channels, eps=0.3) if groups == 1 else nn.GroupNorm(groups, channels, eps=0.3)
    if kind == "dropout":
        return nn.Dropout(draw(st.sampled_from([0.0, 0.3])), whole_channels=draw(st.booleans()))
    if kind == "activation":
        return draw(activations(channels))
    if kind == "batch_norm":
        return nn.BatchNorm(channels, eps=draw(st.sampled_from([1e-5, 1e-3])))
    return nn.Linear(channels, channels, bias=draw(st.booleans()))


@st.composite
def gated_residuals(draw, channels):
    gated = draw(st.booleans())
    return nn.GatedResidualBlock(
        channels,
        kernel_size=draw(KERNEL_SIZES),
        dilation=draw(DILATIONS),
        skip_channels=draw(st.sampled_from([None, 1, 5])),
        condition_channels=draw(CONDITIONS),
        gated=gated,
        activation="tanh" if gated else draw(ACTIVATIONS),
        padding=draw(PADDINGS),
    )


@st.composite
def chains(draw, in_channels, out_channels, stride=1, depth=1):
    """A list of layers from in_channels to out_channels that strides by `stride` in all; with one layer at least."""
    hidden = draw(CHANNELS)
    paddings = PADDINGS if stride == 1 else st.just("causal")  # up to the stride, every frame keeps its causal time
    layers = [draw(convolutions(in_channels, hidden, stride=stride, paddings=paddings))]
    for _ in range(draw(st.integers(0, 2))):
        layers.append(draw(blocks(hidden, depth=depth - 1) if depth else pointwise(hidden)))
    if hidden != out_channels or draw(st.booleans()):
        layers.append(draw(convolutions(hidden, out_channels)))
    return layers


@st.composite
def residuals(draw, in_channels, out_channels, depth, stride=1):
    plain = stride == 1 and in_channels == out_channels
    shortcut = None if plain and draw(st.booleans()) else nn.Conv1d(in_channels, out_channels, 1, stride=stride)
    layers = draw(chains(in_channels, out_channels, stride=stride, depth=depth))
    return nn.Residual(layers, shortcut=shortcut, activation=draw(st.none() | ACTIVATIONS))


@st.composite
def additions(draw, in_channels, out_channels, depth, stride=1):
    branch = chains(in_channels, out_channels, stride=stride, depth=depth)
    branches = draw(st.lists(branch, min_size=1, max_size=3))
    if stride == 1 and in_channels == out_channels:
        branches += draw(st.sampled_from([[], [[]]]))
    return nn.Add(branches)


@st.composite
def concatenations(draw, in_channels, out_channels, depth, stride=1):
    """Branches side by side, brought to out_channels by a Linear."""
    widths = draw(st.lists(CHANNELS, min_size=1, max_size=3))
    branches = [draw(chains(in_channels, width, stride=stride, depth=depth)) for width in widths]
    if stride == 1 and draw(st.booleans()):
        branches.append([])
        widths.append(in_channels)
    return wl.Sequential([nn.Concat(branches), nn.Linear(sum(widths), out_channels)])


@st.composite
def blocks(draw, channels, depth=1, may_stride=False):
    """A block that keeps the channels."""
    kinds = ["pointwise", "conv", "gated", "gated", "temporal", "separable", "gated_unit", "pool", "freq", "freq"]
    kinds += ["up", "recurrent"]
    if depth > 0:
        kinds += ["residual", "add", "concat", "sequential"] * 2
    kind = draw(st.sampled_from(kinds))
    stride = draw(STRIDES) if may_stride else 1
    if kind == "up" and not may_stride:
        kind = "conv"  # whose frames keep pace with those of other branches
    if kind == "up":
        return draw(ups_and_downs(channels))
    if kind == "freq":
        return draw(frequency_stacks(channels, stride=stride))
    if kind == "pool":
        if draw(st.booleans()):
            return nn.CumulativePool("mean", window_frames=draw(st.sampled_from([1, 2, 5, 33])))
        return nn.CumulativePool(draw(st.sampled_from(["mean", "max", "last"])))
    if kind == "recurrent":
        units = draw(st.sampled_from([nn.GRU, nn.LSTM]))
        return units(channels, channels, num_layers=draw(st.integers(1, 2)), bias=draw(st.booleans()))
    if kind == "pointwise":
        return draw(pointwise(channels))
    if kind == "conv":
        return draw(convolutions(channels, channels, stride=stride))
    if kind == "gated":
        return draw(gated_residuals(channels))
    if kind == "gated_unit":
        unit = nn.GatedUnit(activation=draw(ACTIVATIONS), gate=draw(st.just("sigmoid") | ACTIVATIONS),
                            blend=draw(st.booleans())) if draw(st.booleans()) else nn.GatedUnit()  # fmt: skip
        return wl.Sequential([nn.Linear(channels, 2 * channels), unit])
    if kind == "temporal":
        return nn.TemporalBlock(channels, channels, draw(KERNEL_SIZES), dilation=draw(DILATIONS),
                                activation=draw(ACTIVATIONS), batch_norm=draw(st.booleans()))  # fmt: skip
    if kind == "separable":
        padding = "causal" if stride > 1 else draw(PADDINGS)
        return nn.DepthwiseSeparable(channels, channels, draw(KERNEL_SIZES), stride=stride, dilation=draw(DILATIONS),
                                     padding=padding, bias=draw(st.booleans()))  # fmt: skip
    if kind == "sequential":
        return wl.Sequential(draw(chains(channels, channels, stride=stride, depth=depth - 1)))
    composite = {"residual": residuals, "add": additions, "concat": concatenations}[kind]
    return draw(composite(channels, channels, depth - 1, stride=stride))


@st.composite
def networks(draw, max_blocks=4, depth=2):
    """A random network with random weights: one convolution in, some blocks, one convolution out."""
    in_channels, hidden, out_channels = draw(CHANNELS), draw(CHANNELS), draw(CHANNELS)
    layers = [draw(convolutions(in_channels, hidden))]
    layers += [draw(blocks(hidden, depth=depth, may_stride=True)) for _ in range(draw(st.integers(0, max_blocks)))]
    layers.append(nn.Conv1d(hidden, out_channels, 1))
    return randomised(wl.Sequential(layers), draw(SEEDS))


def condition_channels_of(model):
    """Channels of the condition a network takes; 0: none."""
    widths = [tensor.shape[1] for name, tensor in model.state_dict().items() if name.endswith("condition.weight")]
    return max(widths, default=0)


@st.composite
def inputs(draw, model, frames):
    """A signal and a local condition (None, if it takes none) for a network."""
    seed = draw(st.integers(0, 999))
    return signal(frames, model.in_channels, seed), condition(frames, condition_channels_of(model), seed)


@st.composite
def partitions(draw, frames):
    """Block sizes that add up to `frames`: empty, single, prime and huge blocks, mixed or all alike."""
    sizes = draw(st.lists(BLOCK_SIZES, min_size=1, max_size=12) | BLOCK_SIZES.map(lambda size: [size or 1] * frames))
    blocks, left = [], frames
    for size in sizes:
        blocks.append(min(size, left))
        left -= blocks[-1]
        if left == 0:
            break
    return [*blocks, left] if left else blocks


FRAMES = st.one_of(st.integers(0, 40), st.integers(41, 700))
