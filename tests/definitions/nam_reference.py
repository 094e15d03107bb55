"""Neural Amp Modeler's WaveNet in float64, from its file alone: written from the published definition.

Frames are columns here, (channels, time), and every layer is a function of whole signals, so nothing is shared with the
code under test. The signal is preceded by zeros for as long as the network can remember.
"""

import math

import numpy as np

FILMS = ("conv_pre_film", "conv_post_film", "input_mixin_pre_film", "input_mixin_post_film", "activation_pre_film",
         "activation_post_film", "layer1x1_post_film", "head1x1_post_film")  # fmt: skip


def fast_tanh(x):
    a, x2 = np.abs(x), x * x
    return (x * (2.45550750702956 + 2.45550750702956 * a + (0.893229853513558 + 0.821226666969744 * a) * x2)
            / (2.44506634652299 + (2.44506634652299 + x2) * np.abs(x + 0.814642734961073 * x * a)))  # fmt: skip


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def leaky_hardtanh(x, min_val=-1.0, max_val=1.0, min_slope=0.01, max_slope=0.01):
    return np.where(x < min_val, (x - min_val) * min_slope + min_val,
                    np.where(x > max_val, (x - max_val) * max_slope + max_val, x))  # fmt: skip


def activation(described, core):
    """The function that a name, or an object with a type, stands for."""
    described = {"type": described} if isinstance(described, str) else dict(described)
    kind = described.pop("type", None) or described.pop("name")
    if kind == "PReLU":
        slopes = np.array(described.get("negative_slopes", [described.get("negative_slope", 0.01)]))[:, None]
        return lambda x: np.where(x > 0, x, x * slopes[: len(x)])
    if kind == "LeakyReLU":
        slope = described.get("negative_slope", 0.01)
        return lambda x: np.where(x > 0, x, x * slope)
    if kind in ("LeakyHardtanh", "LeakyHardTanh"):
        return lambda x: leaky_hardtanh(x, **described)
    if kind == "Hardtanh":
        ends = (-1, 1) if core else (described.get("min_val", -1), described.get("max_val", 1))
        return lambda x: np.clip(x, *ends)
    return {"Tanh": np.tanh, "Fasttanh": fast_tanh, "ReLU": lambda x: np.maximum(x, 0), "Sigmoid": sigmoid,
            "SiLU": lambda x: x * sigmoid(x), "Hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
            "Softsign": lambda x: x / (1 + np.abs(x)), "Identity": lambda x: x}[kind]  # fmt: skip


class Numbers:
    """The list of weights, taken from the front."""

    def __init__(self, values):
        self.values, self.at = np.asarray(values, np.float64), 0

    def take(self, *shape):
        count = int(np.prod(shape))
        self.at += count
        assert self.at <= len(self.values)
        return self.values[self.at - count : self.at].reshape(shape)


def conv(numbers, in_channels, out_channels, kernel_size=1, dilation=1, groups=1, bias=True):
    """A causal convolution with the next weights of the list, as a function of a signal; zeros lie before it."""
    weight = numbers.take(out_channels, in_channels // groups, kernel_size)
    offset = numbers.take(out_channels) if bias else np.zeros(out_channels)

    def run(x):
        y = np.zeros((out_channels, x.shape[1])) + offset[:, None]
        ins, outs = in_channels // groups, out_channels // groups
        for k in range(kernel_size):
            back = (kernel_size - 1 - k) * dilation
            late = np.concatenate([np.zeros((in_channels, back)), x], axis=1)[:, : x.shape[1]]
            for g in range(groups):
                y[g * outs : (g + 1) * outs] += weight[g * outs : (g + 1) * outs, :, k] @ late[g * ins : (g + 1) * ins]
        return y

    return run


def film(numbers, config, condition_size, channels):
    if not config or not config.get("active", True):
        return lambda x, c: x
    shift = config.get("shift", True)
    modulation = conv(numbers, condition_size, (2 if shift else 1) * channels, groups=config.get("groups", 1))

    def run(x, c):
        m = modulation(c)
        return x * m[:channels] + (m[channels:] if shift else 0)

    return run


def of_layer(value, index):
    return value[index] if isinstance(value, list) else value


def layer(numbers, config, index, core):
    channels, condition_size = config["channels"], config["condition_size"]
    bottleneck = config.get("bottleneck", channels)
    gating = of_layer(config.get("gating_mode", "gated" if config.get("gated") else "none"), index)
    width = bottleneck * (1 if gating == "none" else 2)
    kernel = of_layer(config["kernel_sizes"] if "kernel_sizes" in config else config["kernel_size"], index)
    one, two = config.get("layer1x1", {"active": True}), config.get("head1x1", {"active": False})
    dilated = conv(numbers, channels, width, kernel, config["dilations"][index], config.get("groups_input", 1))
    mixin = conv(numbers, condition_size, width, groups=config.get("groups_input_mixin", 1), bias=False)
    layer1x1 = conv(numbers, bottleneck, channels, groups=one.get("groups", 1)) if one["active"] else None
    head1x1 = conv(numbers, bottleneck, two["out_channels"], groups=two["groups"]) if two["active"] else None
    sizes = (channels, width, condition_size, width, width, bottleneck, channels, two.get("out_channels"))
    films = {name: film(numbers, config.get(name), condition_size, size)
             for name, size in zip(FILMS, sizes, strict=True)}  # fmt: skip
    if core and gating != "blended":
        films["layer1x1_post_film"] = lambda x, c: x
    first = activation(of_layer(config["activation"], index), core)
    second = activation(of_layer(config.get("secondary_activation") or "Sigmoid", index) or "Sigmoid", core)

    def run(x, c):
        z = films["conv_post_film"](dilated(films["conv_pre_film"](x, c)), c)
        z = z + films["input_mixin_post_film"](mixin(films["input_mixin_pre_film"](c, c)), c)
        z = films["activation_pre_film"](z, c)
        a, b = z[:bottleneck], z[bottleneck:]
        if gating == "gated":
            z = first(a) * second(b)
        elif gating == "blended":
            z = second(b) * first(a) + (1 - second(b)) * a
        else:
            z = first(a)
        z = films["activation_post_film"](z, c)
        head = films["head1x1_post_film"](head1x1(z), c) if head1x1 else z
        if layer1x1:
            return x + films["layer1x1_post_film"](layer1x1(z), c), head
        return (x if core else x + z), head

    return run


def array(numbers, config, core):
    bottleneck = config.get("bottleneck", config["channels"])
    rechannel = conv(numbers, config["input_size"], config["channels"], bias=False)
    layers = [layer(numbers, config, index, core) for index in range(len(config["dilations"]))]
    two = config.get("head1x1", {"active": False})
    head = config.get("head") or {"out_channels": config["head_size"], "kernel_size": 1, "bias": config["head_bias"]}
    wide = two["out_channels"] if two["active"] else bottleneck
    out = conv(numbers, wide, head["out_channels"], head["kernel_size"], head.get("head_dilation", 1),
               bias=head["bias"])  # fmt: skip

    def run(x, c, so_far):
        x = rechannel(x)
        for one in layers:
            x, term = one(x, c)
            so_far = so_far + term
        return x, out(so_far)

    return run


def memory(config):
    """Samples that the network can look back, or more."""
    own = 0
    for one in config["layers"]:
        sizes = one["kernel_sizes"] if "kernel_sizes" in one else one["kernel_size"]
        own += sum((of_layer(sizes, i) - 1) * d for i, d in enumerate(one["dilations"]))
        own += (one["head"]["kernel_size"] - 1) * one["head"].get("head_dilation", 1) if one.get("head") else 0
    own += sum(size - 1 for size in config["head"]["kernel_sizes"]) if config.get("head") else 0
    return own + (memory(config["condition_dsp"]["config"]) if config.get("condition_dsp") else 0)


def network(model, core=True):
    config, numbers = model["config"], Numbers(model["weights"])
    condition = network(config["condition_dsp"], core) if config.get("condition_dsp") else lambda x: x
    arrays = [array(numbers, one, core) for one in config["layers"]]
    tail = []
    if config.get("head"):
        head = config["head"]
        sizes = [config["layers"][-1].get("head", {}).get("out_channels", config["layers"][-1].get("head_size"))]
        for index, kernel in enumerate(head["kernel_sizes"]):
            last = index + 1 == len(head["kernel_sizes"])
            sizes.append(head["out_channels"] if last else head["channels"])
            tail += [activation(head["activation"], core), conv(numbers, sizes[-2], sizes[-1], kernel)]
    scale = numbers.take(1)
    assert numbers.at == len(numbers.values)

    def run(x):
        c, hidden, so_far = condition(x), x, 0
        for one in arrays:
            hidden, so_far = one(hidden, c, so_far)
        y = scale * so_far
        for step in tail:
            y = step(y)
        return y

    return run


def evaluate(model, x, *, core=True, prewarm=True):
    """The output of a model, the parsed JSON of its file, for a signal (frames, channels)."""
    before = memory(model["config"]) if prewarm else 0
    x = np.concatenate([np.zeros((before, x.shape[1])), x]).astype(np.float64)
    return network(model, core)(x.T).T[before:]


def lstm(model, x):
    """An LSTM model of a signal (frames, channels), frame by frame, from the states that the file holds."""
    config, weights = model["config"], np.array(model["weights"], np.float64)
    units, size, at = config["hidden_size"], config["input_size"], 0

    def take(*shape):
        nonlocal at
        at += math.prod(shape)
        return weights[at - math.prod(shape) : at].reshape(shape)

    cells = []
    for number in range(config["num_layers"]):
        width = (units if number else size) + units
        cells.append([take(4 * units, width), take(4 * units), take(units), take(units)])
    out = config.get("out_channels", 1)
    head, bias = take(out, units), take(out)
    y = []
    for frame in x.astype(np.float64):
        for cell in cells:
            w, b, h, c = cell
            i, f, g, o = np.split(w @ np.concatenate([frame, h]) + b, 4)
            c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
            cell[2:] = frame, _ = np.tanh(c) / (1 + np.exp(-o)), c
        y.append(head @ frame + bias)
    return np.array(y)
