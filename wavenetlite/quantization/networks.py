"""`quantize`, and `quantization_aware`, which prepares a network for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, overload

from wavenetlite.nn.bf16 import Bf16, Bf16Weights
from wavenetlite.nn.graph import Graph
from wavenetlite.nn.integer import Dequantize, Quantize, Rounding
from wavenetlite.nn.module import Module
from wavenetlite.quantization.bf16 import in_bf16, with_bf16_weights
from wavenetlite.quantization.calibration import METHODS, Calibration
from wavenetlite.quantization.conversion import Conversion
from wavenetlite.quantization.emitters import Emitter, IntegerLayers, RoundedLayers
from wavenetlite.quantization.examples import Example, Given, checked_examples
from wavenetlite.support.checks import number, one_of
from wavenetlite.support.errors import ArrayTypeError, ParameterError

WEIGHTS = ("int8", "bf16")
DTYPES = ("bf16",)


@overload
def quantize(
    model: Module,
    calibration: Given | None = None,
    *,
    weights: Literal["int8"] = "int8",
    method: str = "minmax",
    percentile: float = 99.99,
    rounding: Rounding = "single",
    keep: Sequence[str] = (),
) -> Graph: ...


@overload
def quantize(model: Module, *, weights: Literal["bf16"]) -> Bf16Weights: ...


@overload
def quantize(model: Module, *, dtype: Literal["bf16"]) -> Bf16: ...


def quantize(
    model: Module,
    calibration: Given | None = None,
    *,
    weights: str = "int8",
    dtype: str | None = None,
    method: str = "minmax",
    percentile: float = 99.99,
    rounding: Rounding = "single",
    keep: Sequence[str] = (),
) -> Graph | Bf16Weights:
    """A network that computes with integers of 8 bits what `model` computes in float32; or one of bf16.

    With ``weights="bf16"`` the weights alone are rounded, and everything is computed in float32 as before; see
    `wavenetlite.nn.Bf16Weights`. With ``dtype="bf16"`` the frames between the operations are rounded, too; see
    `wavenetlite.nn.Bf16`. The rest of this page is about ``weights="int8"``.

    Convolutions (with batch normalisation folded into them), sums, products, gates, activations and pools over a
    window become integer layers, with 8-bit weights, one scale per output channel, and 8-bit sequences whose ranges
    are those that occur for the calibration signals. Layers without a form in integers stay in float32, between a
    `Dequantize` and a `Quantize`; `summary()` says which.

    Parameters
    ----------
    model
        A network that starts from zeros; for bf16, any network.
    weights
        "int8", or "bf16", which needs no calibration and takes no other option.
    dtype
        "bf16": of weights and frames; it takes no other option either.
    calibration
        Typical input: float32, (frames, in_channels), (batch, frames, in_channels), or a list of the former. A few
        hundred to thousand frames suffice. Of a network with conditioning a pair (x, c), or a list of pairs, with c as
        the network takes it. A network of `quantization_aware` needs none: it has its ranges.
    method
        The range of a sequence: "minmax", all values that occur; "percentile", all but a few on either side; "mse", the
        one with the least mean squared error.
    percentile
        For "percentile": the percentage of the values that are covered.
    rounding
        How sums are rescaled, "single" or "double": see `wavenetlite.nn.integer`.
    keep
        Paths of layers that stay in float32, as `summary()` of `model` names them. Of a block that gives its skips to
        the network, too, all layers stay.

    Returns
    -------
    A network like any other, with float32 input and output, which streams with the same bits on every machine.

    Raises
    ------
    ParameterError, ArrayTypeError
        The network starts in a steady state or is quantised already; no such layer; wrong signals.

    Notes
    -----
    Jacob et al., "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference", 2018.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> model = wl.TCN(4, 2, channels=8, dilations=[1, 2], seed=1)
    >>> x = np.random.default_rng(0).standard_normal((500, 4), dtype=np.float32)
    >>> q = wl.quantize(model, calibration=x)
    >>> bool(np.abs(q(x) - model(x)).max() < 0.05 * np.abs(model(x)).max())
    True
    """
    if one_of("weights", weights, WEIGHTS) == "int8" and dtype is None:
        examples = checked_examples(calibration, checked_module(model))
        return conversion_of(model, examples, method, percentile, keep, IntegerLayers(rounding)).network
    option = "weights='bf16'" if dtype is None else f"dtype={one_of('dtype', dtype, DTYPES)!r}"
    if calibration is not None or (method, percentile, rounding, *keep) != ("minmax", 99.99, "single"):
        raise ParameterError(f"{option} takes no calibration, method, percentile, rounding or keep: values are rounded "
                             "to bf16, and nothing else")  # fmt: skip
    if dtype is None:
        return with_bf16_weights(checked_module(model))
    if weights != "int8":
        raise ParameterError(f"{option} takes no weights: they are bf16")
    return in_bf16(checked_module(model))


def quantization_aware(
    model: Module,
    calibration: Given,
    *,
    method: str = "minmax",
    percentile: float = 99.99,
    keep: Sequence[str] = (),
) -> Graph:
    """A network in float32 that rounds what `quantize` makes integers, for a few more epochs of training.

    Batch normalisation is folded into the weights. The ranges of the sequences stay as they are; those of the weights
    follow the training. What `quantize` makes of the result computes the same but for rare roundings of sums.

    Parameters
    ----------
    model, calibration, method, percentile, keep
        As in `quantize`.

    Raises
    ------
    ParameterError, ArrayTypeError
        As in `quantize`.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> rng = np.random.default_rng(0)
    >>> y = np.arange(64) % 2
    >>> x = (rng.standard_normal((64, 20, 3)) + y[:, None, None]).astype(np.float32)
    >>> layers = wl.nn.Conv1d(3, 8, 3), wl.nn.Activation("relu"), wl.nn.CumulativePool("mean"), wl.nn.Linear(8, 2)
    >>> aware = wl.quantization.quantization_aware(wl.Sequential(layers), calibration=x)
    >>> history = wl.train.fit(aware, (x, y), epochs=30, batch_size=32, lr=0.02)
    >>> q = wl.quantize(aware)
    >>> bool(np.abs(q(x) - aware(x)).max() < 0.1 * np.abs(aware(x)).max())
    True
    """
    examples = checked_examples(calibration, checked_module(model))
    return conversion_of(model, examples, method, percentile, keep, RoundedLayers()).network


def conversion_of(
    model: Module,
    examples: Sequence[Example],
    method: str,
    percentile: float,
    keep: Sequence[str],
    emitter: Emitter,
) -> Conversion:
    """Convert to the emitter's layers; the other arguments are those of `quantize`."""
    check_model(model)
    one_of("method", method, tuple(METHODS))
    if not 50.0 <= number("percentile", percentile) <= 100.0:
        raise ParameterError(f"percentile={percentile} must be from 50 to 100")
    channels = examples[0].x.shape[1] if examples else model.in_width
    if channels is None:
        raise ParameterError(f"model={type(model).__name__} accepts any number of channels; calibration is needed")
    return Conversion(model, channels, Calibration(examples, method, float(percentile)), emitter, chosen(model, keep))


def checked_module(model: Any) -> Module:
    if not isinstance(model, Module):
        raise ArrayTypeError(f"model is a {type(model).__name__}; it must be a Module")
    return model


def check_model(model: Any) -> None:
    name = type(checked_module(model)).__name__
    if model.prewarmed:
        raise ParameterError(f"model={name} starts in a steady state; only networks that start from zeros can be "
                             "quantised")  # fmt: skip
    if any(issubclass(kind, Quantize | Dequantize) for _, kind in model.layer_types()):
        raise ParameterError(f"model={name} has integer layers already; quantise the network that they were made from")
    if any(issubclass(kind, Bf16) for _, kind in model.layer_types()):
        raise ParameterError(f"model={name} rounds to bf16; quantise the network that it was made from")


def chosen(model: Module, keep: Sequence[str]) -> list[Module]:
    """The modules of these paths."""
    if isinstance(keep, str):
        raise ArrayTypeError(f"keep={keep!r} must be a list of paths of layers")
    known = {path.rstrip("."): module for path, module in model.modules()}
    for path in keep:
        if path not in known or path == "":
            raise ParameterError(f"keep has {path!r}, which is not the path of a layer; model.summary() lists them")
    return [known[path] for path in keep]
