"""Neural Amp Modeler's ``.nam`` files, versions 0.5 to 0.7: WaveNet and LSTM models, and containers of them.

Written from the public sources of the trainer (github.com/sdatkinson/neural-amp-modeler 0.13) and of the player
(NeuralAmpModelerCore 0.5.5), both MIT. A file is JSON: the configuration of the layers, and all weights in one list, in
the order of the layers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any, BinaryIO, Literal

from wavenetlite.formats.format import Format
from wavenetlite.formats.layers import checked_network, prelu
from wavenetlite.formats.nam_lstm import lstm
from wavenetlite.formats.nam_weights import sample_rate, weights
from wavenetlite.formats.reading import Fields, array, read_json, shown
from wavenetlite.graph import MOST_CHANNELS
from wavenetlite.nn.amp import FILMS, AmpArray, AmpLayer, AmpLSTM, AmpWaveNet
from wavenetlite.nn.combine import Sequential
from wavenetlite.nn.convolution import Conv1d
from wavenetlite.nn.film import FiLM
from wavenetlite.nn.module import Module
from wavenetlite.nn.pointwise import Activation
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import flag, number, one_of
from wavenetlite.support.errors import ModelFileError, ParameterError

VERSIONS = re.compile(r"0\.[567]\.[0-9]{1,4}")
MOST_LAYERS = 1024
MOST_CONDITIONS = 8
"""Condition networks inside each other."""

SLICED = "slice_channels_uniform"

Rules = Literal["core", "trainer"]
Network = AmpWaveNet | AmpLSTM

PLAIN = {
    "Tanh": "tanh", "Fasttanh": "fast_tanh", "ReLU": "relu", "Sigmoid": "sigmoid", "SiLU": "silu",
    "Hardswish": "hardswish", "Softsign": "softsign", "Identity": "identity",
}  # fmt: skip
"""Activations without parameters, by their names in a file."""


@dataclass(frozen=True)
class Options:
    """Of `load`, and how many condition networks are still allowed inside each other."""

    slim: float
    rules: Rules
    conditions: int = MOST_CONDITIONS


def sniff(ends: bytes) -> bool:
    return ends.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"{" and b'"architecture"' in ends and b'"config"' in ends


def load(
    file: BinaryIO, size: int, *, slim: float = 1.0, rules: Rules = "core", prewarm: bool = True
) -> AmpWaveNet | AmpLSTM:
    """The network in a ``.nam`` file; its sample rate is the attribute ``sr``, Hz (None: the file does not say).

    Parameters
    ----------
    file, size
        An open file and its size.
    slim
        0 to 1: how much of a slimmable model is taken, 1 for all; it chooses the model of a container, or the share of
        the channels.
    rules
        Where trainer and player disagree about the meaning of a file: "core", as NeuralAmpModelerCore plays it, or
        "trainer", as it was trained. They do for a layer without ``layer1x1`` (core: ``x`` goes on alone; trainer: ``x
        + z``), for ``layer1x1_post_film`` where the layer is not blended (core passes over it), and for a Hardtanh that
        is not that of -1 to 1 (core takes it for that).
    prewarm
        Whether a signal begins as after endless zeros, as in the player. An LSTM begins in any case with the state that
        its file holds, which is what the trainer's second of silence has left.

    Raises
    ------
    ModelFileError
        The file is damaged, of another version or architecture, or its parts do not fit.
    """
    number("slim", slim, least=0.0)
    if slim > 1:
        raise ParameterError(f"slim={slim} must be at most 1")
    options = Options(slim, one_of("rules", rules, ("core", "trainer")))  # type: ignore[arg-type]
    flag("prewarm", prewarm)
    fields = Fields(read_json(file, size))
    return checked_network(network, fields, options, prewarm)


def network(fields: Fields, options: Options, prewarm: bool = False) -> Network:
    """The network that an object with version, architecture, config and weights describes."""
    version, architecture = fields.text("version"), fields.text("architecture")
    if not VERSIONS.fullmatch(version):
        raise ModelFileError(f"{fields.name('version')} is {shown(version)}; it must be 0.5.x to 0.7.x")
    if architecture == "SlimmableContainer":
        return network(submodel(fields, options.slim), options, prewarm)
    if architecture == "LSTM":
        return lstm(fields)
    if architecture != "WaveNet":
        raise ModelFileError(f"{fields.name('architecture')} is {shown(architecture)}; it must be WaveNet or LSTM")
    return wavenet_network(fields, options, prewarm)


def wavenet_network(fields: Fields, options: Options, prewarm: bool) -> AmpWaveNet:
    """The network of an object with architecture "WaveNet", which may hold another that makes its conditioning."""
    config = fields.fields("config")
    sr = sample_rate(fields)
    condition = None
    if config.has("condition_dsp"):
        inner = config.fields("condition_dsp")
        if (other := sample_rate(inner, sr)) != sr:
            raise ModelFileError(f"{inner.name('sample_rate')} is {other}; it must be {sr}, the model's")
        if not options.conditions:
            raise ModelFileError(f"{inner.place} is one of more than {MOST_CONDITIONS} inside each other")
        condition = network(inner, Options(1.0, options.rules, options.conditions - 1))  # never slimmed
    make = partial(wavenet, config, condition=condition, sr=sr, prewarm=prewarm)
    state = named_weights(fields, make(rules="trainer"), condition)
    model = make(rules=options.rules, slim=options.slim)
    for path, module in model.modules():  # slopes stand in the configuration
        if isinstance(module, Activation) and module.name == "prelu":
            state[path + "weight"] = module.parameter("weight")
    slices = {name: tuple(map(slice, shape)) for name, shape in model.all_parameter_shapes().items()}
    model.load_state_dict({name: state[name][slices[name]] for name in slices})
    return model


def submodel(fields: Fields, slim: float) -> Fields:
    """The model of a container that is chosen: the first whose max_value is above `slim`, else the last."""
    config = fields.fields("config")
    entries = list(config.each("submodels", MOST_LAYERS))
    limits = [entry.number("max_value") for entry in entries]
    if not entries or any(a >= b for a, b in pairwise(limits)) or limits[-1] < 1:
        raise ModelFileError(f"{config.name('submodels')} must have max_values that ascend to 1 or more")
    models = [entry.fields("model") for entry in entries]
    rates = {sample_rate(one) for one in [fields, *models] if one.has("sample_rate")}
    if len(rates) > 1:
        raise ModelFileError(f"its models have sample rates {sorted(map(str, rates))}; they must be equal")
    chosen = next((model for model, limit in zip(models, limits, strict=True) if slim < limit), models[-1])
    stated = {} if chosen.has("sample_rate") or not rates else {"sample_rate": rates.pop()}
    return Fields({**chosen.value, **stated}, chosen.place)


def named_weights(fields: Fields, model: AmpWaveNet, condition: Module | None) -> dict[str, Floats]:
    """All weights by the names that `model` gives them: the list in the file has them in the model's order.

    The last number is head_scale, by which the last array's head is multiplied.
    """
    shapes = {
        path + name: shape
        for path, module in model.modules()
        for name, shape in module.parameter_shapes().items()
        if not isinstance(module, Activation) and not path.startswith("condition.")
    }
    state = weights(fields, shapes | {"head_scale": (1,)})
    scale = state.pop("head_scale")
    last = f"arrays.{len(model.arrays) - 1}.head."
    for name in state:
        if name.startswith(last):
            state[name] = state[name] * scale
    return state | ({f"condition.{name}": value for name, value in condition.state_dict().items()} if condition else {})


# The configuration


def wavenet(
    config: Fields, *, condition: Module | None, sr: int | None, prewarm: bool, rules: Rules, slim: float = 1.0
) -> AmpWaveNet:
    """The network of a configuration, without weights."""
    config.only("layers", "head", "head_scale", "condition_dsp", "in_channels")
    arrays = list(config.each("layers", MOST_LAYERS))
    if not arrays or sum(len(one.list("dilations")) for one in arrays) > MOST_LAYERS:
        raise ModelFileError(f"{config.name('layers')} must have 1 to {MOST_LAYERS} layers")
    channels = [slimmed(one, slim) for one in arrays]
    inputs: list[int | None] = [None] * len(arrays)
    heads = inputs.copy()
    if any(size != one.integer("channels") for size, one in zip(channels, arrays, strict=True)):
        inputs[1:], heads[:-1] = channels[:-1], channels[1:]  # slimmed: they follow their neighbours
        if config.has("head"):
            raise ModelFileError(f"{config.name('head')} is there; a model that is slimmed must be without")
    made = [layer_array(*parts, rules) for parts in zip(arrays, channels, inputs, heads, strict=True)]
    model = AmpWaveNet(
        made,
        head=post_head(config.fields("head"), made[-1].head_channels, rules) if config.has("head") else None,
        condition=condition,
        sr=sr,
        prewarm=prewarm,
    )
    if model.in_width != config.integer("in_channels", 1):
        raise ModelFileError(f"{arrays[0].name('input_size')} is {model.in_width}; it must be in_channels")
    return model


def slimmed(fields: Fields, slim: float) -> int:
    """Channels of an array of which a share `slim` is taken."""
    channels: int = fields.integer("channels", most=MOST_CHANNELS)
    if not fields.has("slimmable"):
        return channels
    how = fields.fields("slimmable")
    if how.text("method") != SLICED:
        raise how.wrong("method", repr(SLICED))
    kwargs = how.fields("kwargs") if how.has("kwargs") else Fields({})
    allowed = kwargs.list("allowed_channels", None) or list(range(1, channels + 1))
    if any(type(n) is not int for n in allowed) or sorted(set(allowed)) != allowed or allowed[0] < 1:
        raise kwargs.wrong("allowed_channels", "integers that ascend from 1 or more")
    if allowed[-1] != channels:
        raise kwargs.wrong("allowed_channels", f"up to {channels}, all channels")
    return int(allowed[min(int(slim * len(allowed)), len(allowed) - 1)])


def layer_array(
    fields: Fields, channels: int, in_channels: int | None, head_channels: int | None, rules: Rules
) -> AmpArray:
    """One array of layers, of `channels` channels; the other counts are given where a slimmed neighbour sets them."""
    fields.only(
        "input_size", "condition_size", "channels", "bottleneck", "kernel_size", "kernel_sizes", "dilations",
        "activation", "gated", "gating_mode", "secondary_activation", "head", "head_size", "head_bias", "head1x1",
        "layer1x1", "groups_input", "groups_input_mixin", "slimmable", *FILMS,
    )  # fmt: skip
    middle = bottleneck(fields, channels)
    head = head_options(fields)
    if channels != fields.integer("channels"):
        groups = [fields.integer(key, 1) for key in ("groups_input", "groups_input_mixin")]
        groups += [part.integer("groups", 1) for key in ("layer1x1", "head1x1") if (part := switch(fields, key))]
        if set(groups) != {1} or head["head_kernel_size"] != 1:
            raise ModelFileError(f"{fields.place} has groups or a head kernel; slimmed it must have neither")
    return AmpArray(
        in_channels or fields.integer("input_size"),
        [layer(fields, index, channels, middle, rules) for index in range(len(fields.list("dilations")))],
        **head | ({"head_channels": head_channels} if head_channels else {}),
    )


def bottleneck(fields: Fields, channels: int) -> int:
    """Channels of what comes out of the activation, in an array that is slimmed to `channels`."""
    full = fields.integer("channels")
    middle = fields.integer("bottleneck", full)
    if switch(fields, "layer1x1", default=True) is not None:
        return max(1, int(middle) * channels // int(full))
    if middle != full:
        raise ModelFileError(f"{fields.name('bottleneck')} is {middle}; without layer1x1 it must be channels, {full}")
    return channels


def head_options(fields: Fields) -> dict[str, Any]:
    """What an array says of its head: as an object from version 0.7 on, before that in two fields."""
    if not fields.has("head"):
        return {"head_channels": fields.integer("head_size"), "head_bias": fields.flag("head_bias"),
                "head_kernel_size": 1, "head_dilation": 1}  # fmt: skip
    head = fields.fields("head")
    head.only("out_channels", "kernel_size", "bias", "head_dilation")
    dilation = head.integer("head_dilation", 1)
    return {"head_channels": head.integer("out_channels"), "head_bias": head.flag("bias"),
            "head_kernel_size": head.integer("kernel_size"), "head_dilation": dilation}  # fmt: skip


def layer(fields: Fields, index: int, channels: int, middle: int, rules: Rules) -> AmpLayer:
    """One layer of an array; `middle`: its bottleneck."""
    count, condition = len(fields.list("dilations")), fields.integer("condition_size")
    layer1x1, head1x1 = switch(fields, "layer1x1", default=True), switch(fields, "head1x1")
    gating = gating_of(fields, index)
    width = middle if gating == "none" else 2 * middle
    head = None if head1x1 is None else head1x1.integer("out_channels")
    sizes = (channels, width, condition, width, width, middle, channels, head)
    films = {place: film(fields, place, size) for place, size in zip(FILMS, sizes, strict=True)}
    if rules == "core" and gating != "blended":
        films["layer1x1_post_film"] = None
    return AmpLayer(
        channels,
        condition,
        kernel_size=kernel_size(fields, index, count),
        dilation=entry(fields, "dilations", index, count).integer("entry"),
        bottleneck=middle,
        activation=activation(entry(fields, "activation", index, count), middle, rules),
        gating=gating,
        gate=gate(fields, index, count, middle, rules) if gating != "none" else "sigmoid",
        groups=fields.integer("groups_input", 1),
        input_mixin_groups=fields.integer("groups_input_mixin", 1),
        residual="layer1x1" if layer1x1 is not None else "none" if rules == "core" else "activation",
        layer1x1_groups=1 if layer1x1 is None else layer1x1.integer("groups", 1),
        head1x1_channels=head,
        head1x1_groups=1 if head1x1 is None else head1x1.integer("groups", 1),
        **films,
    )


def entry(fields: Fields, key: str, index: int, count: int) -> Fields:
    """What a field says of one layer: itself, or its entry where it is a list with one for each; as field "entry"."""
    value = fields.any(key)
    if isinstance(value, list):
        if len(value) != count:
            raise ModelFileError(
                f"{fields.name(key)} has {len(value)} entries; it must have {count}, one for each layer"
            )
        value = value[index]
    return Fields({"entry": value}, f"{fields.name(key)}[{index}]")


def kernel_size(fields: Fields, index: int, count: int) -> int:
    if fields.has("kernel_size") == fields.has("kernel_sizes"):
        raise ModelFileError(f"{fields.place} must have kernel_size or kernel_sizes")
    key = "kernel_size" if fields.has("kernel_size") else "kernel_sizes"
    return int(entry(fields, key, index, count).integer("entry"))


def switch(fields: Fields, key: str, default: bool = False) -> Fields | None:
    """An object that is there, or is active: None where it is not."""
    if not fields.has(key):
        return Fields({}, fields.name(key)) if default else None
    inner = fields.fields(key)
    inner.only("active", "out_channels", "groups")
    return inner if inner.flag("active") else None


def film(fields: Fields, place: str, channels: int | None) -> FiLM | None:
    if not fields.has(place) or fields.value[place] is False:
        return None
    inner = fields.fields(place)
    inner.only("active", "shift", "groups")
    if not inner.flag("active", True):
        return None
    if channels is None:
        raise ModelFileError(f"{fields.name(place)} is active; it must not be without head1x1")
    condition = fields.integer("condition_size")
    return FiLM(channels, condition, shift=inner.flag("shift", True), groups=inner.integer("groups", 1))


def gating_of(fields: Fields, index: int) -> Literal["none", "gated", "blended"]:
    if not fields.has("gating_mode"):
        return "gated" if fields.flag("gated", False) else "none"
    mode = entry(fields, "gating_mode", index, len(fields.list("dilations")))
    if mode.text("entry") not in ("none", "gated", "blended"):
        raise mode.wrong("entry", "none, gated or blended")
    return mode.text("entry")  # type: ignore[no-any-return]


def gate(fields: Fields, index: int, count: int, channels: int, rules: Rules) -> Activation:
    if not fields.has("secondary_activation"):
        return Activation("sigmoid")
    return activation(entry(fields, "secondary_activation", index, count), channels, rules)


def activation(given: Fields, channels: int, rules: Rules) -> Activation:
    """An activation, which a file gives by its name or as an object with parameters."""
    described = {"type": given.value["entry"]} if isinstance(given.any("entry"), str) else given.value["entry"]
    fields = Fields(described, given.place)
    kind = fields.text("type", None) or fields.text("name")  # "name": the trainer, in the head
    if kind in PLAIN:
        return Activation(PLAIN[kind])
    if kind == "Hardtanh":
        ends = (-1.0, 1.0) if rules == "core" else (fields.number("min_val", -1.0), fields.number("max_val", 1.0))
        return Activation("hardtanh", min_val=ends[0], max_val=ends[1])
    if kind == "LeakyReLU":
        return Activation("leaky_relu", negative_slope=fields.number("negative_slope", 0.01))
    if kind in ("LeakyHardtanh", "LeakyHardTanh"):
        defaults = {"min_val": -1.0, "max_val": 1.0, "min_slope": 0.01, "max_slope": 0.01}
        return Activation("leaky_hardtanh", **{name: fields.number(name, value) for name, value in defaults.items()})
    if kind == "PReLU":
        slopes = fields.list("negative_slopes", [fields.number("negative_slope", 0.01)])
        values = array(fields.name("negative_slopes"), slopes, (len(slopes),))
        return prelu(values[:channels])  # a slimmed model takes the first
    raise ModelFileError(f"{fields.place} is {shown(kind)}, which is no activation of Neural Amp Modeler's player")


def post_head(fields: Fields, in_channels: int, rules: Rules) -> Sequential:
    """What comes after the last array: an activation and a convolution, once or several times."""
    fields.only("in_channels", "channels", "activation", "out_channels", "kernel_sizes")
    if fields.integer("in_channels", in_channels) != in_channels:
        raise fields.wrong("in_channels", f"{in_channels}, the last array's")
    kernels = fields.list("kernel_sizes", most=MOST_LAYERS)
    if not kernels:
        raise fields.wrong("kernel_sizes", "a list of one or more")
    described = Fields({"entry": fields.any("activation")}, fields.name("activation"))  # one for all
    layers: list[Module] = []
    for index in range(len(kernels)):
        last = index + 1 == len(kernels)
        out = fields.integer("out_channels" if last else "channels")
        layers.append(activation(described, in_channels, rules))
        layers.append(Conv1d(in_channels, out, entry(fields, "kernel_sizes", index, len(kernels)).integer("entry")))
        in_channels = out
    return Sequential(layers)


FORMAT = Format("nam", "Neural Amp Modeler: WaveNet and LSTM models and containers of them", (".nam",), sniff, load)
