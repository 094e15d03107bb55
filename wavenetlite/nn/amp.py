"""The networks of Neural Amp Modeler: WaveNet, arrays of layers conditioned on the signal itself, and LSTM.

Implemented from the definition published with its trainer (github.com/sdatkinson/neural-amp-modeler, MIT).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import Any, Literal

from wavenetlite import nodes
from wavenetlite.graph import MOST_CHANNELS, Node
from wavenetlite.nn.convolution import Conv1d, Linear, convolve
from wavenetlite.nn.film import FiLM
from wavenetlite.nn.module import Module
from wavenetlite.nn.pointwise import Activation, GatedUnit, as_activation
from wavenetlite.nn.recurrent import LSTM
from wavenetlite.support.checks import flag, one_of, positive_int
from wavenetlite.support.errors import ArrayTypeError, ParameterError

FILMS = (
    "conv_pre_film", "conv_post_film", "input_mixin_pre_film", "input_mixin_post_film", "activation_pre_film",
    "activation_post_film", "layer1x1_post_film", "head1x1_post_film",
)  # fmt: skip
"""Places in a layer where the conditioning can modulate, in the order of their weights in a ``.nam`` file."""


class AmpLayer(Module):
    """A layer of `AmpArray`: a dilated convolution, an activation or a gate, a 1x1 convolution back onto the input.

    ``z = activation(conv(x) + input_mixin(c))``; the output is ``x + layer1x1(z)``, the head output ``z`` or
    ``head1x1(z)``. A `FiLM` can be inserted at eight places. Used as a standalone module it returns the output.

    Parameters
    ----------
    channels, condition_channels
        Channels of ``x``, in and out, and of the conditioning.
    kernel_size, dilation, groups
        Options of the dilated convolution.
    bottleneck
        Channels of ``z``; None: `channels`.
    activation, gate
        Activations, by name or as modules; `gate` is applied to the second half of a gated layer.
    gating
        "none"; "gated" or "blended": the convolution has twice the channels, which a `GatedUnit` reduces to ``z``.
    input_mixin_groups
        Groups of the conditioning's convolution.
    residual
        "layer1x1"; "activation": the output is ``x + z``; "none": the output is ``x``.
    layer1x1_groups
        Groups of the convolution back onto the input.
    head1x1_channels, head1x1_groups
        Options of the convolution to the head output; None: ``z`` itself.
    **films
        `FiLM` modules by place: conv_pre_film, conv_post_film, input_mixin_pre_film, input_mixin_post_film,
        activation_pre_film, activation_post_film, layer1x1_post_film, head1x1_post_film.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> layer = wl.nn.AmpLayer(8, 1, kernel_size=3, dilation=4)
    >>> layer(np.zeros((3, 8), np.float32), c=np.zeros(1, np.float32)).shape, layer.receptive_field
    ((3, 8), 9)
    """

    def __init__(
        self,
        channels: int,
        condition_channels: int,
        *,
        kernel_size: int,
        dilation: int = 1,
        bottleneck: int | None = None,
        activation: str | Activation = "tanh",
        gating: Literal["none", "gated", "blended"] = "none",
        gate: str | Activation = "sigmoid",
        groups: int = 1,
        input_mixin_groups: int = 1,
        residual: Literal["layer1x1", "activation", "none"] = "layer1x1",
        layer1x1_groups: int = 1,
        head1x1_channels: int | None = None,
        head1x1_groups: int = 1,
        **films: FiLM | None,
    ) -> None:
        self.in_channels = self.out_channels = self.channels = positive_int("channels", channels, MOST_CHANNELS)
        self.condition_channels = positive_int("condition_channels", condition_channels)
        self.kernel_size, self.dilation = positive_int("kernel_size", kernel_size), positive_int("dilation", dilation)
        self.bottleneck = None if bottleneck is None else positive_int("bottleneck", bottleneck, MOST_CHANNELS // 2)
        self.gating = one_of("gating", gating, ("none", "gated", "blended"))
        self.residual = one_of("residual", residual, ("layer1x1", "activation", "none"))
        self.activation, self.gate, self.groups = activation, gate, groups
        self.input_mixin_groups, self.layer1x1_groups = input_mixin_groups, layer1x1_groups
        self.head1x1_channels, self.head1x1_groups = head1x1_channels, head1x1_groups
        middle = self.bottleneck or channels
        width = middle if gating == "none" else 2 * middle
        self.unit: Module = as_activation(activation)
        if gating != "none":
            self.unit = GatedUnit(activation=activation, gate=gate, blend=gating == "blended")
        elif getattr(as_activation(gate), "name", "") != "sigmoid":
            raise ParameterError(f"gate={gate!r} must be 'sigmoid', its default, if the layer is not gated")
        if residual == "activation" and middle != channels:
            raise ParameterError(f"bottleneck={bottleneck} must be channels={channels} with residual='activation'")
        self.parts: dict[str, Module] = {
            "conv": Conv1d(channels, width, kernel_size, dilation=dilation, groups=groups),
            "input_mixin": Conv1d(condition_channels, width, 1, bias=False, groups=input_mixin_groups),
        }
        if residual == "layer1x1":
            self.parts["layer1x1"] = Conv1d(middle, channels, 1, groups=layer1x1_groups)
        if head1x1_channels is not None:
            self.parts["head1x1"] = Conv1d(middle, head1x1_channels, 1, groups=head1x1_groups)
        for place in FILMS:
            setattr(self, place, checked_film(place, films.pop(place, None), condition_channels))
            if getattr(self, place) is not None:
                self.parts[place] = getattr(self, place)
        if films:
            raise TypeError(f"unexpected option {next(iter(films))!r}")
        for place, part in (("layer1x1_post_film", "layer1x1"), ("head1x1_post_film", "head1x1")):
            if place in self.parts and part not in self.parts:
                raise ParameterError(f"{place} must be None in a layer without {part}")
        self.head_channels = self.head1x1_channels or middle

    def options(self) -> dict[str, Any]:
        return super().options() | {place: getattr(self, place) for place in FILMS}

    def children(self) -> dict[str, Module]:
        units = {"activation": self.unit}
        return self.parts | (units if self.unit.all_parameter_shapes() else {})

    def at(self, place: str, x: Node, c: Node | None) -> Node:
        """Apply the part of this name to `x`, if there is one."""
        return self.parts[place].connect(x, c) if place in self.parts else x

    def outputs(self, x: Node, c: Node | None) -> tuple[Node, Node]:
        """The nodes of both outputs: for the next layer and for the head."""
        c = self.checked_condition(c, self.condition_channels)
        conv, mixin = self.parts["conv"], self.parts["input_mixin"]
        assert isinstance(conv, Conv1d) and isinstance(mixin, Conv1d)
        signal, mixed = self.at("conv_pre_film", x, c), self.at("input_mixin_pre_film", c, c)
        if "conv_post_film" in self.parts or "input_mixin_post_film" in self.parts:
            both = [conv.connect(signal), mixin.connect(mixed)]
            pre = nodes.add(self.at("conv_post_film", both[0], c), self.at("input_mixin_post_film", both[1], c))
        else:
            pre = convolve([(conv, signal), (mixin, mixed)])
        z = self.unit.connect(self.at("activation_pre_film", pre, c))
        z = self.at("activation_post_film", z, c)
        head = self.at("head1x1_post_film", self.at("head1x1", z, c), c)
        if self.residual == "none":
            return x, head
        return nodes.add(x, self.at("layer1x1_post_film", self.at("layer1x1", z, c), c)), head

    def build(self, x: Node, c: Node | None) -> Node:
        return self.outputs(x, c)[0]


def checked_film(place: str, film: Any, condition_channels: int) -> FiLM | None:
    if film is not None and not isinstance(film, FiLM):
        raise ArrayTypeError(f"{place} is a {type(film).__name__}; it must be a FiLM or None")
    if film is not None and film.condition_channels != condition_channels:
        raise ParameterError(
            f"{place} has condition_channels={film.condition_channels}; it must be {condition_channels}"
        )
    return film


class AmpArray(Module):
    """A sequence of layers whose head outputs are summed: a part of `AmpWaveNet`.

    ``input`` (1x1, no bias), the layers, and a convolution ``head`` of the sum of their head outputs, which is the
    output of the standalone module.

    Parameters
    ----------
    in_channels
        Input channels.
    layers
        `AmpLayer` modules with equal channels.
    head_channels, head_kernel_size, head_dilation, head_bias
        Options of the head convolution.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> array = wl.nn.AmpArray(1, [wl.nn.AmpLayer(4, 1, kernel_size=3, dilation=d) for d in (1, 2)], head_channels=2)
    >>> array(np.zeros((3, 1), np.float32), c=np.zeros(1, np.float32)).shape
    (3, 2)
    """

    def __init__(
        self,
        in_channels: int,
        layers: Sequence[AmpLayer],
        *,
        head_channels: int,
        head_kernel_size: int = 1,
        head_dilation: int = 1,
        head_bias: bool = False,
    ) -> None:
        self.layers = members("layers", layers, AmpLayer)
        for layer in self.layers:
            if (layer.channels, layer.head_channels) != (self.channels, self.layers[0].head_channels):
                raise ParameterError("layers must have equal channels, and equal channels of their head outputs")
        self.in_channels = positive_int("in_channels", in_channels, MOST_CHANNELS)
        self.out_channels = self.head_channels = positive_int("head_channels", head_channels, MOST_CHANNELS)
        self.head_kernel_size, self.head_dilation = head_kernel_size, head_dilation
        self.head_bias = flag("head_bias", head_bias)
        self.input = Conv1d(in_channels, self.channels, 1, bias=False)
        self.head = Conv1d(
            self.layers[0].head_channels, head_channels, head_kernel_size, dilation=head_dilation, bias=head_bias
        )

    @property
    def channels(self) -> int:
        """Channels of every layer."""
        return int(self.layers[0].channels)

    def children(self) -> dict[str, Module]:
        layers = {f"layers.{index}": layer for index, layer in enumerate(self.layers)}
        return {"input": self.input, **layers, "head": self.head}

    def outputs(self, x: Node, c: Node | None, heads: Sequence[Node]) -> tuple[Node, Node]:
        """The nodes of both outputs, of the layers and of the head; `heads` are added to the layers' head outputs."""
        x = self.input.connect(x)
        summands = list(heads)
        for layer in self.layers:
            x, head = layer.outputs(x, c)
            summands.append(head)
        return x, self.head.connect(reduce(nodes.add, summands))

    def build(self, x: Node, c: Node | None) -> Node:
        return self.outputs(x, c, [])[1]


class AmpWaveNet(Module):
    """Neural Amp Modeler's WaveNet: arrays of layers, each conditioned on the input signal.

    An array gets the output of the previous array's layers, and adds the output of the previous head to its own head
    outputs. The output is that of the last array's head, optionally processed by `head`.

    Parameters
    ----------
    arrays
        `AmpArray` modules.
    head
        A module after the last array; None: none.
    condition
        A network that computes the conditioning from the signal; None: the signal itself.
    sr
        Sample rate of the training audio, Hz; None: unknown.
    prewarm
        Whether streams start in the steady state of endless zeros, as in NAM's player, instead of with zeros before
        each layer: see `Prewarmed`.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> layers = [wl.nn.AmpLayer(4, 1, kernel_size=3, dilation=d) for d in (1, 2, 4)]
    >>> amp = wl.nn.AmpWaveNet([wl.nn.AmpArray(1, layers, head_channels=1, head_bias=True)], sr=48000)
    >>> amp(np.zeros((20, 1), np.float32)).shape, amp.receptive_field
    ((20, 1), 15)
    """

    condition_channels_needed = 0  # the conditioning is computed from the signal
    in_channels: int
    out_channels: int

    def __init__(
        self,
        arrays: Sequence[AmpArray],
        *,
        head: Module | None = None,
        condition: Module | None = None,
        sr: int | None = None,
        prewarm: bool = True,
    ) -> None:
        self.arrays = members("arrays", arrays, AmpArray)
        for before, array in zip(self.arrays, self.arrays[1:], strict=False):
            if (array.in_channels, array.layers[0].head_channels) != (before.channels, before.head_channels):
                raise ParameterError(
                    f"an array has {array.in_channels} input and {array.layers[0].head_channels} head channels; it "
                    f"must have {before.channels} and {before.head_channels}, as given by the previous array"
                )
        self.head = self.checked("head", head, self.arrays[-1].head_channels)
        self.condition = self.checked("condition", condition, self.arrays[0].in_channels)
        self.sr = None if sr is None else positive_int("sr", sr)
        self.prewarm = flag("prewarm", prewarm)
        self.in_channels = self.arrays[0].in_channels
        self.out_channels = self.arrays[-1].head_channels
        if self.head is not None and self.head.out_width is not None:
            self.out_channels = self.head.out_width

    @staticmethod
    def checked(name: str, module: Any, channels: int) -> Module | None:
        """A module with this number of input channels, or None."""
        if module is not None and not isinstance(module, Module):
            raise ArrayTypeError(f"{name} is a {type(module).__name__}; it must be a Module or None")
        if module is not None and module.in_width not in (channels, None):
            raise ParameterError(f"{name} has in_channels={module.in_width}; it must be {channels}")
        return module

    @property
    def prewarmed(self) -> bool:
        return self.prewarm

    def children(self) -> dict[str, Module]:
        arrays = {f"arrays.{index}": array for index, array in enumerate(self.arrays)}
        named = {"condition": self.condition, **arrays, "head": self.head}
        return {name: child for name, child in named.items() if child is not None}

    def build(self, x: Node, c: Node | None) -> Node:
        hidden, condition = x, x if self.condition is None else self.condition.connect(x)
        heads: list[Node] = []
        for array in self.arrays:
            hidden, head = array.outputs(hidden, condition, heads)
            heads = [head]
        return heads[0] if self.head is None else self.head.connect(heads[0])


class AmpLSTM(Module):
    """Neural Amp Modeler's LSTM with a trained initial state, and a linear layer.

    Parameters
    ----------
    in_channels, hidden_channels, num_layers
        As in `LSTM`.
    out_channels
        Output channels of the linear layer.
    sr
        Sample rate of the training audio, Hz; None: unknown.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.nn.AmpLSTM(1, 3, sr=48000)(np.zeros((20, 1), np.float32)).shape
    (20, 1)
    """

    def __init__(
        self,
        in_channels: int,
        hidden_channels: int,
        *,
        num_layers: int = 1,
        out_channels: int = 1,
        sr: int | None = None,
    ) -> None:
        self.lstm = LSTM(in_channels, hidden_channels, num_layers=num_layers, first_state=True)
        self.head = Linear(hidden_channels, out_channels)
        self.in_channels, self.hidden_channels, self.num_layers = in_channels, hidden_channels, num_layers
        self.out_channels = self.head.out_features
        self.sr = None if sr is None else positive_int("sr", sr)

    def children(self) -> dict[str, Module]:
        return {"lstm": self.lstm, "head": self.head}

    def build(self, x: Node, c: Node | None) -> Node:
        return self.head.connect(self.lstm.connect(x))


def members(name: str, given: Any, kind: type[Any]) -> list[Any]:
    """A list of one or more modules of a type."""
    if not isinstance(given, list | tuple) or not given or not all(isinstance(one, kind) for one in given):
        raise ArrayTypeError(f"{name} must be a list of one or more {kind.__name__}")
    return list(given)
