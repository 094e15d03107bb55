"""The definitions, in float64 NumPy: what every layer, block and network of ``wavenetlite.nn`` is supposed to compute.

Nothing here is fast and nothing here is shared with the package. A module is evaluated by walking its public
attributes, its children and the names of its ``state_dict``; one function a type, registered in ``DEFINITIONS``.

Time. Every intermediate signal is a `Frames`: values (frames, channels), and the *causal time* of its frames. Frame n
has causal time ``start + n * step``, counted in frames of the network's input: the newest input frame its causal part
sees. A causal layer keeps ``start``; ``stride`` multiplies ``step``; a "valid" convolution starts
``(kernel_size - 1) * dilation`` frames later; a "same" convolution keeps the times and looks ahead of them. Branches
that are added or concatenated are aligned by causal time: those that start earlier drop their first frames. A layer
that gives several frames for one divides ``step``, which is a fraction then.

Receptive field and latency are not computed from formulas but from dependence: a NaN in an input frame makes NaN of
exactly the output frames that depend on it.
"""

import math
from dataclasses import dataclass, replace
from fractions import Fraction

import integer_reference as integers
import numpy as np


@dataclass(frozen=True)
class Frames:
    """A signal (frames, channels) and the causal time of each of its frames."""

    values: np.ndarray
    start: int | Fraction = 0
    step: int | Fraction = 1

    def map(self, function):
        """The same times, other values."""
        return replace(self, values=function(self.values))

    def time(self, n):
        """Causal time of frame n, in frames of the network's input."""
        return self.start + n * self.step

    def from_time(self, start):
        """The signal without the frames before causal time ``start``."""
        late = start - self.start
        assert late >= 0
        assert late % self.step == 0, "branches do not fall on common frames"
        return Frames(self.values[late // self.step :], start, self.step)


# ---------------------------------------------------------------------------------------------------- activations
def sigmoid(x):
    return np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def erf(x):
    return np.vectorize(math.erf, otypes=[np.float64])(x)


def erfc(x):
    return np.vectorize(math.erfc, otypes=[np.float64])(x)


def leaky_relu(x, negative_slope=0.01):
    return np.where(x > 0, x, x * negative_slope)


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def gelu(x, approximate="none"):
    if approximate == "tanh":
        return x * sigmoid(2 * math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))  # 0.5 (1 + tanh u) = sigmoid(2 u)
    return x * 0.5 * erfc(-x / math.sqrt(2))


def hardtanh(x, min_val=-1.0, max_val=1.0):
    return np.clip(x, min_val, max_val)


def leaky_hardtanh(x, min_val=-1.0, max_val=1.0, min_slope=0.01, max_slope=0.01):
    below, above = (x - min_val) * min_slope + min_val, (x - max_val) * max_slope + max_val
    return np.where(x < min_val, below, np.where(x > max_val, above, x))


def fast_tanh(x):
    """Neural Amp Modeler's, which tends to 0.8212... / 0.8146...; its powers are kept from overflowing."""
    x = np.clip(x, -1e6, 1e6)
    a, x2 = np.abs(x), x * x
    above = x * (2.45550750702956 + 2.45550750702956 * a + (0.893229853513558 + 0.821226666969744 * a) * x2)
    return above / (2.44506634652299 + (2.44506634652299 + x2) * np.abs(x + 0.814642734961073 * x * a))


def softmax(x):
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def layer_norm(x, eps=1e-5):
    return (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + eps)


ACTIVATIONS = {
    "identity": lambda x: x,
    "relu": lambda x: np.maximum(x, 0),
    "leaky_relu": leaky_relu,
    "prelu": lambda x, weight: leaky_relu(x, weight),
    "elu": elu,
    "silu": lambda x: x * sigmoid(x),
    "gelu": gelu,
    "hardtanh": hardtanh,
    "hardswish": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "softsign": lambda x: x / (1 + np.abs(x)),
    "softmax": softmax,
    "tanh": np.tanh,
    "sigmoid": sigmoid,
    "exp": np.exp,
    "sin": np.sin,
    "cos": np.cos,
    "leaky_hardtanh": leaky_hardtanh,
    "fast_tanh": fast_tanh,
}


def gated_unit(x):
    half = x.shape[1] // 2
    return np.tanh(x[:, :half]) * sigmoid(x[:, half:])


# ---------------------------------------------------------------------------------------------------- convolution
def padding_of(kernel_size, dilation, padding):
    """Zero frames put before and after the signal; negative: frames that are left out."""
    if isinstance(padding, list | tuple):
        return tuple(padding)
    span = (kernel_size - 1) * dilation
    if padding == "causal":
        return span, 0
    if padding == "same":
        return span // 2, span - span // 2
    assert padding == "valid"
    return 0, 0


def conv1d(x, weight, bias=None, *, stride=1, padding="causal", dilation=1, groups=1):
    """x (T, in), weight (out, in / groups, K) -> (frames, out)."""
    out_channels, in_per_group, kernel_size = weight.shape
    out_per_group = out_channels // groups
    span = (kernel_size - 1) * dilation
    left, right = padding_of(kernel_size, dilation, padding)
    x = x[max(0, -left) :]
    padded = np.concatenate([np.zeros((max(0, left), x.shape[1])), x, np.zeros((right, x.shape[1]))])
    count = max(0, (len(padded) - 1 - span) // stride + 1)
    out = np.zeros((count, out_channels))
    for g in range(groups):
        outs = slice(g * out_per_group, (g + 1) * out_per_group)
        ins = slice(g * in_per_group, (g + 1) * in_per_group)
        for k in range(kernel_size):
            tap = padded[k * dilation :, ins][::stride][:count]
            out[:, outs] += tap @ weight[outs, :, k].T
    return out if bias is None else out + bias


def conv2d(x, weight, bias=None, *, bins, stride, dilation, before, groups):
    """x (T, bins * maps), weight (out, maps / groups, K frames, K bins) -> every frame and bin there is.

    ``before`` and after it are the zeros put around frames and bins: ((before, after), (before, after)).
    """
    out_maps, per_group, *kernel = weight.shape
    image = np.pad(x.reshape(len(x), bins, per_group * groups), (*before, (0, 0)))
    counts = [max(0, (size - 1 - (k - 1) * d) // s + 1)
              for size, k, d, s in zip(image.shape, kernel, dilation, stride, strict=False)]  # fmt: skip
    out = np.zeros((*counts, out_maps))
    for group in range(groups):
        outs = slice(group * (out_maps // groups), (group + 1) * (out_maps // groups))
        maps = image[:, :, group * per_group : (group + 1) * per_group]
        for k in range(kernel[0]):
            for m in range(kernel[1]):
                seen = maps[k * dilation[0] :, m * dilation[1] :][:: stride[0], :: stride[1]][: counts[0], : counts[1]]
                out[:, :, outs] += seen @ weight[outs, :, k, m].T
    return (out if bias is None else out + bias).reshape(counts[0], counts[1] * out_maps)


def conv_transpose2d(x, weight, bias=None, *, bins, stride, dilation, before, groups):
    """x (T, bins * maps), weight (maps, out / groups, K frames, K bins) -> (T * stride, bins * stride * out), added up.

    The output begins ``before`` frames and bins into all that is added up.
    """
    in_maps, per_group, *kernel = weight.shape
    image = x.reshape(len(x), bins, in_maps)
    sizes = [size * s for size, s in zip(image.shape, stride, strict=False)]
    whole = [size + (k - 1) * d + 1 for size, k, d in zip(sizes, kernel, dilation, strict=True)]
    out = np.zeros((*whole, per_group * groups))
    for group in range(groups):
        ins = slice(group * (in_maps // groups), (group + 1) * (in_maps // groups))
        outs = slice(group * per_group, (group + 1) * per_group)
        for k in range(kernel[0]):
            for m in range(kernel[1]):
                to = out[k * dilation[0] :, m * dilation[1] :][: sizes[0] : stride[0], : sizes[1] : stride[1], outs]
                to += image[:, :, ins] @ weight[ins, :, k, m]
    out = out[before[0] : before[0] + sizes[0], before[1] : before[1] + sizes[1]]
    return (out if bias is None else out + bias).reshape(sizes[0], sizes[1] * out.shape[2])


def overhang(kernel, stride, dilation):
    """Half of what the output of one input of a transposed convolution is longer than its share."""
    return max(0, math.ceil(((kernel - 1) * dilation + 1 - stride) / 2))


def upsample(x, factor, mode):
    following = np.concatenate([x[1:], np.zeros((1, x.shape[1]))])[: len(x)]
    out = np.repeat(x, factor, axis=0)
    for phase in range(1, factor if mode == "linear" else 1):
        out[phase::factor] = x + (following - x) * phase / factor
    return out


def window_mean(x, frames):
    """The mean of the newest frames, with zeros before the first."""
    padded = np.concatenate([np.zeros((frames - 1, x.shape[1])), x])
    return sum(padded[k : k + len(x)] for k in range(frames)) / frames


def batch_norm(x, weight, bias, running_mean, running_var, eps):
    return (x - running_mean) / np.sqrt(running_var + eps) * weight + bias


def running_mean(x):
    return np.cumsum(x, axis=0) / np.arange(1, len(x) + 1)[:, None]


POOLS = {"mean": running_mean, "max": lambda x: np.maximum.accumulate(x, axis=0), "last": lambda x: x}


# ------------------------------------------------------------------------------------------------ walking a module
class Weights:
    """The part of a ``state_dict`` under one name, as float64."""

    def __init__(self, state, prefix=""):
        self.state, self.prefix = state, prefix

    def __getitem__(self, name):
        return np.asarray(self.state[self.prefix + name], dtype=np.float64)

    def get(self, name):
        return self[name] if self.prefix + name in self.state else None

    def child(self, name):
        return Weights(self.state, f"{self.prefix}{name}.")


OPTIONS = ("negative_slope", "alpha", "approximate", "min_val", "max_val", "min_slope", "max_slope", "eps")


def options_of(activation):
    """The parameters of an Activation module, by name, from its configuration."""
    config = dict(activation.config())
    config.update(config.pop("parameters", {}))
    return {name: config[name] for name in OPTIONS if name in config}


def align(signals):
    """Signals from their latest common start on."""
    start = max(signal.start for signal in signals)
    assert len({signal.step for signal in signals}) == 1, "branches of different stride"
    aligned = [signal.from_time(start) for signal in signals]
    assert len({len(signal.values) for signal in aligned}) == 1
    return aligned


def add(*signals):
    aligned = align(signals)
    return aligned[0].map(lambda _: sum(signal.values for signal in aligned))


def multiply(a, b):
    a, b = align([a, b])
    return a.map(lambda v: v * b.values)


def concat(signals, bins=1):
    aligned = align(signals)
    parts = [signal.values.reshape(len(signal.values), bins, signal.values.shape[1] // bins) for signal in aligned]
    joined = np.concatenate(parts, axis=2)
    return aligned[0].map(lambda _: joined.reshape(len(joined), bins * joined.shape[2]))


def run(module, weights, x, c=None):
    """`module` applied to the signal ``x`` under the condition ``c`` (None, or a signal in step with the input)."""
    return DEFINITIONS[type(module).__name__](module, weights, x, c)


def run_conv1d(layer, weights, x, c):
    if getattr(layer, "padding_mode", "zeros") == "reflect":
        return run_reflected_conv1d(layer, weights, x, c)
    values = conv1d(x.values, weights["weight"], weights.get("bias"), stride=layer.stride, padding=layer.padding,
                    dilation=layer.dilation, groups=layer.groups)  # fmt: skip
    late = (layer.kernel_size - 1) * layer.dilation - sum(padding_of(layer.kernel_size, layer.dilation, layer.padding))
    return Frames(values, x.start + late * x.step, x.step * layer.stride)


def run_reflected_conv1d(layer, weights, x, c):
    """As if frames 1, 2, ... stood before the signal in reverse; zeros are put behind a signal that is too short."""
    span = (layer.kernel_size - 1) * layer.dilation
    long = np.concatenate([x.values, np.zeros((max(0, span + 1 - len(x.values)), x.values.shape[1]))])
    padded = np.concatenate([long[1 : span + 1][::-1], x.values])
    values = conv1d(padded, weights["weight"], weights.get("bias"), padding="valid", dilation=layer.dilation,
                    groups=layer.groups)  # fmt: skip
    return x.map(lambda _: values)


def run_snake(layer, weights, x, c):
    a, b = weights["alpha"], weights["beta" if layer.beta else "alpha"]
    a, b = (np.exp(a), np.exp(b)) if layer.logarithmic else (a, b)
    return x.map(lambda v: v + np.sin(a * v) ** 2 / (b + 1e-9))


def run_inverse_stft(layer, weights, x, c):
    """By NumPy's inverse transform; the frames are added where they stand, and what overhangs is cut off."""
    n, hop, window = layer.n_fft, layer.hop_length, weights["window"]
    half = n // 2 + 1
    frames = np.fft.irfft(x.values[:, :half] + 1j * x.values[:, half:], n) * window
    total = np.zeros((len(frames) + n // hop + 2) * hop + n)
    windows = np.zeros_like(total)
    for t, frame in enumerate(frames):
        total[t * hop : t * hop + n] += frame
        windows[t * hop : t * hop + n] += window**2
    cut, count = (n // 2, len(frames) - 1) if layer.padding == "center" else ((n - hop) // 2, len(frames))
    part = slice(cut, cut + max(0, count) * hop)
    late = x.step if layer.padding == "center" else 0
    samples = total[part] / np.where(windows[part] > 1e-11, windows[part], 1)
    return Frames(samples[:, None], x.start + late, Fraction(x.step) / hop)


def run_impulse_response(layer, weights, x, c):
    return x.map(lambda v: conv1d(v, weights["weight"][None, None, ::-1]))


def run_istft_head(layer, weights, x, c):
    half = layer.n_fft // 2 + 1
    made = run_linear(layer.out, weights.child("out"), x, c)
    size, angle = made.values[:, :half], made.values[:, half:]
    size = np.minimum(np.exp(size), 100)
    parts = np.concatenate([size * np.cos(angle), size * np.sin(angle)], axis=1)
    return run_inverse_stft(layer.istft, weights.child("istft"), made.map(lambda _: parts), c)


def run_linear(layer, weights, x, c):
    bias = weights.get("bias")
    return x.map(lambda v: v @ weights["weight"].T + (0 if bias is None else bias))


def run_batch_norm(layer, weights, x, c):
    names = ("weight", "bias", "running_mean", "running_var")
    parameters = [np.concatenate([weights[name]] * layer.bins) for name in names]
    return x.map(lambda v: batch_norm(v, *parameters, layer.eps))


def group_norm(x, groups, eps):
    split = x.reshape(len(x), groups, x.shape[1] // groups)
    return layer_norm(split, eps).reshape(x.shape)


def run_group_norm(layer, weights, x, c):
    return x.map(lambda v: group_norm(v, layer.groups, layer.eps) * weights["weight"] + weights["bias"])


def run_layer_norm(layer, weights, x, c):
    if layer.channels is None:
        return x.map(lambda v: layer_norm(v, layer.eps))
    return x.map(lambda v: layer_norm(v, layer.eps) * weights["weight"] + weights["bias"])


def gru_step(x, p, h, c):
    """The new h and c from the projections of the input and of the last h: gates r, z, n."""
    (xr, xz, xn), (pr, pz, pn) = np.split(x, 3), np.split(p, 3)
    z = sigmoid(xz + pz)
    return (1 - z) * np.tanh(xn + sigmoid(xr + pr) * pn) + z * h, c


def lstm_step(x, p, h, c):
    """Gates i, f, g, o."""
    i, f, g, o = np.split(x + p, 4)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def recurrent(values, weights, layer, step):
    """One layer of recurrent units."""
    w, u = weights[f"weight_ih_l{layer}"], weights[f"weight_hh_l{layer}"]
    biases = [weights.get(f"bias_{of}_l{layer}") for of in ("ih", "hh")]
    b, d = (0 if bias is None else bias for bias in biases)
    first = weights.get(f"first_state_l{layer}")
    h, c = np.zeros((2, u.shape[1])) if first is None else (first[0], first[-1])
    out = np.empty((len(values), u.shape[1]))
    for t, x in enumerate(values):
        h, c = step(w @ x + b, u @ h + d, h, c)
        out[t] = h
    return out


def run_recurrent(layer, weights, x, c):
    step = gru_step if type(layer).__name__ == "GRU" else lstm_step
    for number in range(layer.num_layers):
        x = x.map(lambda v, n=number: recurrent(v, weights, n, step))
    return x


def run_amp_lstm(model, weights, x, c):
    return run(model.head, weights.child("head"), run(model.lstm, weights.child("lstm"), x))


def run_activation(layer, weights, x, c):
    options = {"weight": weights["weight"]} if layer.name == "prelu" else options_of(layer)
    return x.map(lambda v: ACTIVATIONS[layer.name](v, **options))


def activate(activation, weights, name, x):
    """An activation given as a name, as a module, or as None."""
    if activation is None:
        return x
    if activation == "prelu":
        return x.map(lambda v: ACTIVATIONS["prelu"](v, weights.child(name)["weight"]))
    if isinstance(activation, str):
        return x.map(ACTIVATIONS[activation])
    return run(activation, weights.child(name), x)


def run_gated_unit(layer, weights, x, c):
    half = x.values.shape[1] // 2
    value, gate = x.map(lambda v: v[:, :half]), x.map(lambda v: v[:, half:])
    on = activate(layer.activation, weights, "activation", value).values
    g = activate(layer.gate, weights, "gate", gate).values
    return x.map(lambda v: g * on + (1 - g) * value.values if layer.blend else on * g)


def run_film(layer, weights, x, c):
    modulation = run(layer.conv, weights.child("conv"), c)
    if not layer.shift:
        return multiply(x, modulation)
    if not layer.scale:
        return add(x, modulation)
    scale = modulation.map(lambda v: v[:, : layer.channels])
    return add(multiply(x, scale), modulation.map(lambda v: v[:, layer.channels :]))


def amp_layer(layer, weights, x, c):
    """The two outputs (out, head) of a layer of an amp."""

    def at(place, value):
        return run(layer.parts[place], weights.child(place), value, c) if place in layer.parts else value

    z = add(at("conv_post_film", at("conv", at("conv_pre_film", x))),
            at("input_mixin_post_film", at("input_mixin", at("input_mixin_pre_film", c))))  # fmt: skip
    z = at("activation_post_film", run(layer.unit, weights.child("activation"), at("activation_pre_film", z)))
    head = at("head1x1_post_film", at("head1x1", z))
    return (x if layer.residual == "none" else add(x, at("layer1x1_post_film", at("layer1x1", z)))), head


def run_amp_layer(layer, weights, x, c):
    return amp_layer(layer, weights, x, c)[0]


def amp_array(array, weights, x, c, heads):
    x = run(array.input, weights.child("input"), x)
    for i, layer in enumerate(array.layers):
        x, head = amp_layer(layer, weights.child("layers").child(i), x, c)
        heads = [*heads, head]
    return x, run(array.head, weights.child("head"), add(*heads))


def run_amp_array(array, weights, x, c):
    return amp_array(array, weights, x, c, [])[1]


def run_amp_wavenet(model, weights, x, c):
    c = x if model.condition is None else run(model.condition, weights.child("condition"), x)
    heads = []
    for i, array in enumerate(model.arrays):
        x, head = amp_array(array, weights.child("arrays").child(i), x, c, heads)
        heads = [head]
    return heads[0] if model.head is None else run(model.head, weights.child("head"), heads[0])


def run_conv2d(layer, weights, x, c):
    total = [(k - 1) * d for k, d in zip(layer.kernel_size, layer.dilation, strict=True)]
    times = padding_of(layer.kernel_size[0], layer.dilation[0], layer.padding)
    places = padding_of(layer.kernel_size[1], layer.dilation[1], layer.bin_padding)
    values = conv2d(x.values, weights["weight"], weights.get("bias"), bins=layer.bins, stride=layer.stride,
                    dilation=layer.dilation, before=(times, places), groups=layer.groups)  # fmt: skip
    late = total[0] if layer.padding == "valid" else 0
    return Frames(values, x.start + late * x.step, x.step * layer.stride[0])


def run_conv_transpose2d(layer, weights, x, c):
    before = [overhang(*axis) for axis in zip(layer.kernel_size, layer.stride, layer.dilation, strict=True)]
    before[0] *= layer.padding == "same"
    values = conv_transpose2d(x.values, weights["weight"], weights.get("bias"), bins=layer.bins, stride=layer.stride,
                              dilation=layer.dilation, before=before, groups=layer.groups)  # fmt: skip
    return Frames(values, x.start, x.step * Fraction(1, layer.stride[0]))


def run_conv_transpose1d(layer, weights, x, c):
    before = overhang(layer.kernel_size, layer.stride, layer.dilation) if layer.padding == "same" else 0
    values = conv_transpose2d(x.values, weights["weight"][..., None], weights.get("bias"), bins=1,
                              stride=(layer.stride, 1), dilation=(layer.dilation, 1), before=(before, 0),
                              groups=layer.groups)  # fmt: skip
    return Frames(values, x.start, x.step * Fraction(1, layer.stride))


def run_upsample(layer, weights, x, c):
    return Frames(upsample(x.values, layer.factor, layer.mode), x.start, x.step * Fraction(1, layer.factor))


def run_dropout(layer, weights, x, c):
    return x


def run_embedding(layer, weights, x, c):
    return x.map(lambda v: weights["weight"][v[:, 0].astype(int)])


def run_pool(layer, weights, x, c):
    if layer.window_frames is not None:
        return x.map(lambda v: window_mean(v, layer.window_frames))
    return x.map(POOLS[layer.kind])


def run_max_pool2d(layer, weights, x, c):
    (frames, window), (stride, step) = layer.kernel_size, layer.stride
    image = x.values.reshape(len(x.values), layer.bins, layer.channels)
    values = [
        np.concatenate([image[n : n + frames, f * step : f * step + window].max(axis=(0, 1))
                        for f in range(layer.bins_out)])
        for n in range(0, len(image) - frames + 1, stride)
    ]  # fmt: skip
    values = np.array(values).reshape(-1, layer.out_width)
    return Frames(values, x.start + (frames - 1) * x.step, x.step * stride)


def run_chain(layers, weights, x, c):
    for i, layer in enumerate(layers):
        x = run(layer, weights.child(i), x, c)
    return x


def run_sequential(block, weights, x, c):
    return run_chain(block.layers, weights, x, c)


def run_residual(block, weights, x, c):
    shortcut = x if block.shortcut is None else run(block.shortcut, weights.child("shortcut"), x, c)
    return activate(block.activation, weights, "activation", add(shortcut, run_sequential(block, weights, x, c)))


def run_slice(layer, weights, x, c):
    return x.map(lambda v: v[:, layer.first : layer.first + layer.channels])


JOINS = {"add": add, "multiply": multiply, "concat": lambda *signals: concat(signals)}


def run_graph(model, weights, x, c):
    made = {"x": x} | ({"c": c} if model.condition_channels else {})
    for name, layer, inputs in model.nodes:
        read = [made[one] for one in inputs]
        if isinstance(layer, str):
            made[name] = JOINS[layer](*read)
        elif len(read) == 2 and layer.condition_channels_needed:
            made[name] = run(layer, weights.child(name), *read)
        else:  # a join of integers reads several
            made[name] = DEFINITIONS[type(layer).__name__](layer, weights.child(name), *read, c)
    return made[name]


def run_branches(block, weights, x, c):
    return [run_chain(branch, weights.child(i), x, c) for i, branch in enumerate(block.branches)]


def run_add(block, weights, x, c):
    return add(*run_branches(block, weights, x, c))


def run_concat(block, weights, x, c):
    return concat(run_branches(block, weights, x, c), block.bins)


def gated_residual(block, weights, x, c):
    """The two outputs (out, skip) of a WaveNet block."""
    pre = run(block.conv, weights.child("conv"), x)
    if block.condition is not None:
        pre = add(pre, run(block.condition, weights.child("condition"), c))
    z = pre.map(gated_unit) if block.gated else activate(block.activation, weights, "activation", pre)
    skip = z if block.skip is None else run(block.skip, weights.child("skip"), z)
    return add(x, run(block.residual, weights.child("residual"), z)), skip


def run_gated_residual(block, weights, x, c):
    return gated_residual(block, weights, x, c)[0]


def run_temporal(block, weights, x, c):
    y = x
    for conv, norm in (("conv1", "norm1"), ("conv2", "norm2")):
        y = run(getattr(block, conv), weights.child(conv), y)
        if block.batch_norm:
            y = run(getattr(block, norm), weights.child(norm), y)
        y = activate(block.activation, weights, "activation", y)
    shortcut = x if block.downsample is None else run(block.downsample, weights.child("downsample"), x)
    return activate(block.activation, weights, "activation", add(shortcut, y))


def run_depthwise_separable(block, weights, x, c):
    return run(block.pointwise, weights.child("pointwise"), run(block.depthwise, weights.child("depthwise"), x))


def run_wavenet(model, weights, x, c):
    if model.condition is not None:
        c = run(model.condition, weights.child("condition"), c).map(lambda v: v[: len(x.values)])
    x = run(model.input, weights.child("input"), x)
    skips = []
    for i, block in enumerate(model.blocks):
        x, skip = gated_residual(block, weights.child("blocks").child(i), x, c)
        skips.append(skip)
    hidden = add(*skips).map(ACTIVATIONS["relu"])
    hidden = run(model.head1, weights.child("head1"), hidden).map(ACTIVATIONS["relu"])
    return run(model.head2, weights.child("head2"), hidden)


def run_tcn(model, weights, x, c):
    hidden = activate(model.activation, weights, "activation", run(model.input, weights.child("input"), x))
    return run(model.output, weights.child("output"), run_chain(model.blocks, weights.child("blocks"), hidden, c))


def run_frequency_tcn(model, weights, x, c):
    for name in ("stem", "input", "blocks", "pool", "output"):
        if name in model.children():
            x = run(model.children()[name], weights.child(name), x, c)
    return x


# ------------------------------------------------------------------------------------------------------- integers
def run_quantize(layer, weights, x, c):
    return x.map(lambda v: integers.quantize(v, layer))


def run_dequantize(layer, weights, x, c):
    return x.map(lambda v: integers.dequantize(v, layer))


def run_requantize(layer, weights, x, c):
    return x.map(lambda v: integers.requantize(v, layer.input_scale, layer.input_zero_point, layer))


def run_integer_conv(layer, weights, x, c):
    sums = run_conv1d(layer, weights, x.map(lambda v: v - layer.input_zero_point), c)  # float64 holds them exactly
    return sums.map(lambda v: integers.rescaled(v, layer.input_scale, weights["weight_scale"], layer))


def run_integer_conv2d(layer, weights, x, c):
    sums = run_conv2d(layer, weights, x.map(lambda v: v - layer.input_zero_point), c)
    scales = np.tile(weights["weight_scale"], layer.bins_out)
    return sums.map(lambda v: integers.rescaled(v, layer.input_scale, scales, layer))


def run_fake_quantize(layer, weights, x, c):
    ends = (-128 - layer.zero_point, 127 - layer.zero_point)
    return x.map(lambda v: np.clip(np.rint(v / layer.scale), *ends) * layer.scale)


def rounded_weights(weights):
    """The same, the weights rounded to what integers of 8 bits stand for, one scale for each output channel."""
    weight = weights["weight"]
    scale = np.abs(weight).reshape(len(weight), -1).max(axis=1).reshape(-1, *[1] * (weight.ndim - 1)) / 127
    return {"weight": np.rint(weight / scale) * scale, "bias": weights.get("bias")}


def run_fake_quantized_conv(layer, weights, x, c):
    return run_conv1d(layer, rounded_weights(weights), x, c)


def run_fake_quantized_conv2d(layer, weights, x, c):
    return run_conv2d(layer, rounded_weights(weights), x, c)


def run_integer_lookup(layer, weights, x, c):
    return x.map(lambda v: integers.look_up(v, layer, weights.get("table")))


def run_integer_pool(layer, weights, x, c):
    before, after = padding_of(layer.kernel_size, 1, layer.padding)
    mean = type(layer).__name__ == "IntegerAvgPool1d"
    late = layer.kernel_size - 1 - before - after
    values = integers.pooled(x.values, layer, mean, before, after)
    return Frames(values, x.start + late * x.step, x.step * layer.stride)


def run_integer_running(layer, weights, x, c):
    return x.map(lambda v: integers.pooled_so_far(v, layer))


def run_integer_join(layer, weights, *given):
    *signals, _ = given
    aligned = align(signals)
    kind = type(layer).__name__
    if kind == "IntegerConcat":
        quantizations = zip(layer.input_scales, layer.input_zero_points, strict=True)
        parts = [integers.requantize(s.values, *q, layer) for s, q in zip(aligned, quantizations, strict=True)]
        return aligned[0].map(lambda _: np.concatenate(parts, axis=1))
    function = integers.add if kind == "IntegerAdd" else integers.multiply
    return aligned[0].map(lambda v: function(v, aligned[1].values, layer))


DEFINITIONS = {
    "Quantize": run_quantize,
    "Dequantize": run_dequantize,
    "Requantize": run_requantize,
    "IntegerConv1d": run_integer_conv,
    "IntegerConv2d": run_integer_conv2d,
    "FakeQuantize": run_fake_quantize,
    "FakeQuantizedConv1d": run_fake_quantized_conv,
    "FakeQuantizedConv2d": run_fake_quantized_conv2d,
    "IntegerLookup": run_integer_lookup,
    "IntegerMaxPool1d": run_integer_pool,
    "IntegerAvgPool1d": run_integer_pool,
    "IntegerCumulativePool": run_integer_running,
    "IntegerAdd": run_integer_join,
    "IntegerMultiply": run_integer_join,
    "IntegerConcat": run_integer_join,
    "Conv1d": run_conv1d,
    "Linear": run_linear,
    "BatchNorm": run_batch_norm,
    "Activation": run_activation,
    "Snake": run_snake,
    "ImpulseResponse": run_impulse_response,
    "InverseSTFT": run_inverse_stft,
    "ISTFTHead": run_istft_head,
    "GroupNorm": run_group_norm,
    "LayerNorm": run_layer_norm,
    "GRU": run_recurrent,
    "LSTM": run_recurrent,
    "AmpLSTM": run_amp_lstm,
    "Conv2d": run_conv2d,
    "ConvTranspose1d": run_conv_transpose1d,
    "ConvTranspose2d": run_conv_transpose2d,
    "Upsample": run_upsample,
    "Dropout": run_dropout,
    "Output": run_dropout,
    "Embedding": run_embedding,
    "GatedUnit": run_gated_unit,
    "FiLM": run_film,
    "Slice": run_slice,
    "Graph": run_graph,
    "Prewarmed": run_sequential,
    "AmpLayer": run_amp_layer,
    "AmpArray": run_amp_array,
    "AmpWaveNet": run_amp_wavenet,
    "CumulativePool": run_pool,
    "MaxPool2d": run_max_pool2d,
    "Sequential": run_sequential,
    "Residual": run_residual,
    "Add": run_add,
    "Concat": run_concat,
    "GatedResidualBlock": run_gated_residual,
    "TemporalBlock": run_temporal,
    "DepthwiseSeparable": run_depthwise_separable,
    "WaveNet": run_wavenet,
    "TCN": run_tcn,
    "FrequencyTCN": run_frequency_tcn,
}


LEAD = 240
"""Zeros before the signal of a prewarmed network; a multiple of all strides that are tested."""


def trace(module, x, c=None):
    """The output signal of `module` for the input x (T, in): values and times, in float64."""
    x = np.asarray(x, dtype=np.float64)
    if c is not None:
        count = math.ceil(len(x) / module.condition_period)
        c = Frames(
            np.broadcast_to(np.asarray(c, dtype=np.float64), (count, np.shape(c)[-1])), 0, module.condition_period
        )
    return run_network(module, Weights(module.state_dict()), Frames(x), c)


def run_network(module, weights, x, c):
    """`run` for a network as a whole: a prewarmed one is fed zeros before the signal."""
    if not module.prewarmed:
        return run(module, weights, x, c)
    assert module.receptive_field <= LEAD and c is None
    signal = run(module, weights, Frames(np.concatenate([np.zeros((LEAD, x.values.shape[1])), x.values])))
    return Frames(signal.values[LEAD // signal.step :], signal.start, signal.step)


def evaluate(module, x, c=None):
    """The output of `module`, (T, in) -> (frames, out) or (B, T, in) -> (B, frames, out), in float64."""
    if np.ndim(x) == 3:
        conditions = [None] * len(x) if c is None else c
        return np.stack([trace(module, row, row_c).values for row, row_c in zip(x, conditions, strict=True)])
    return trace(module, x, c).values


# ------------------------------------------------------------------------------------------- dependence by perturbation
class Dependence:
    """Which input frames the output frames of a module depend on, found by putting NaN into the input."""

    def __init__(self, module, frames, in_channels, condition_channels=0):
        self.module, self.frames = module, frames
        self.x = np.zeros((frames, in_channels))
        self.c = np.zeros((frames, condition_channels)) if condition_channels else None
        self.signal = trace(module, self.x, self.c)

    def touched(self, poisoned):
        """One bool an output frame: does it depend on an input frame in the slice `poisoned`?"""
        x = self.x.copy()
        x[poisoned] = np.nan
        with np.errstate(invalid="ignore"):
            return np.isnan(trace(self.module, x, self.c).values).any(axis=1)

    def oldest(self, n):
        """The oldest input frame output frame n depends on."""
        low, high = -1, self.frames - 1  # n does not depend on [0, low], does depend on [0, high]
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.touched(slice(0, middle + 1))[n] else (middle, high)
        return high

    def newest(self, n):
        """The newest input frame output frame n depends on."""
        low, high = 0, self.frames  # n does depend on [low, frames), does not depend on [high, frames)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.touched(slice(middle, self.frames))[n] else (low, middle)
        return low

    def receptive_field(self, n):
        """Input frames from the oldest to the newest that output frame n depends on."""
        return self.newest(n) - self.oldest(n) + 1

    def latency(self, n):
        """Input frames after its own, n * step, that output frame n waits for."""
        return self.newest(n) - n * self.signal.step

    def counts(self, newest):
        """For every number of input frames 0..frames: output frames of a stream whose clock has `newest`."""
        if self.signal.step.denominator == 1:
            needed = np.arange(len(self.signal.values)) * int(self.signal.step) + math.floor(newest) + 1
        else:
            needed = [math.floor(n * self.signal.step + newest) + 1 for n in range(len(self.signal.values))]
        return np.searchsorted(needed, np.arange(self.frames + 1), side="right")
