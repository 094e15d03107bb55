"""PyTorch's names for layers that have a name of their own here: the same nodes, weights and values."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from wavenetlite.nn.module import Module
from wavenetlite.nn.pointwise import Activation, BatchNorm, Dropout, GatedUnit
from wavenetlite.support.checks import flag, integer, number
from wavenetlite.support.errors import ParameterError


class NamedActivation(Activation, abstract=True):
    """Base of activations whose class says which one they are.

    `inplace` is taken as PyTorch's modules take it and has no effect: nothing is computed in place here.
    """

    function: ClassVar[str]

    def __init__(self, inplace: bool = False, **parameters: Any) -> None:
        flag("inplace", inplace)
        super().__init__(self.function, **parameters)

    def options(self) -> dict[str, Any]:
        return dict(self.parameters)

    def __repr__(self) -> str:
        return Module.__repr__(self)


class ReLU(NamedActivation):
    """``max(x, 0)``: ``Activation("relu")``.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> wl.nn.ReLU()(np.array([[-1, 2]], np.float32)).tolist()
    [[0.0, 2.0]]
    """

    function = "relu"


class SiLU(NamedActivation):
    """``x * sigmoid(x)``: ``Activation("silu")``."""

    function = "silu"


class Hardswish(NamedActivation):
    """``x * clip(x + 3, 0, 6) / 6``: ``Activation("hardswish")``."""

    function = "hardswish"


class PlainActivation(NamedActivation, abstract=True):
    """Base of those without options, PyTorch's `inplace` included."""

    def __init__(self) -> None:
        super().__init__()


class Softsign(PlainActivation):
    """``x / (1 + abs(x))``: ``Activation("softsign")``."""

    function = "softsign"


class Tanh(PlainActivation):
    """``Activation("tanh")``."""

    function = "tanh"


class Sigmoid(PlainActivation):
    """``Activation("sigmoid")``."""

    function = "sigmoid"


class Identity(PlainActivation):
    """Returns its input: ``Activation("identity")``."""

    function = "identity"


class LeakyReLU(NamedActivation):
    """``x`` above 0, ``negative_slope * x`` below: ``Activation("leaky_relu")``."""

    function = "leaky_relu"

    def __init__(self, negative_slope: float = 0.01, inplace: bool = False) -> None:
        super().__init__(inplace, negative_slope=negative_slope)


class ELU(NamedActivation):
    """``x`` above 0, ``alpha * (exp(x) - 1)`` below: ``Activation("elu")``."""

    function = "elu"

    def __init__(self, alpha: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace, alpha=alpha)


class GELU(NamedActivation):
    """``x`` times the normal distribution's ``P(X <= x)``: ``Activation("gelu")``."""

    function = "gelu"

    def __init__(self, approximate: Literal["none", "tanh"] = "none") -> None:
        super().__init__(approximate=approximate)


class Hardtanh(NamedActivation):
    """``clip(x, min_val, max_val)``: ``Activation("hardtanh")``."""

    function = "hardtanh"

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> None:
        super().__init__(inplace, min_val=min_val, max_val=max_val)


class ReLU6(NamedActivation):
    """``clip(x, 0, 6)``."""

    function = "hardtanh"

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(inplace, min_val=0.0, max_val=6.0)

    def options(self) -> dict[str, Any]:
        return {}


class PReLU(NamedActivation):
    """``x`` above 0, ``weight * x`` below: ``Activation("prelu")``.

    Parameters
    ----------
    num_parameters
        1, one slope for all channels, or the number of channels.
    init
        Initial slope.

    Notes
    -----
    Parameter: ``weight`` (num_parameters,).
    """

    function = "prelu"

    def __init__(self, num_parameters: int = 1, init: float = 0.25) -> None:
        super().__init__(channels=num_parameters)
        self.init = number("init", init)

    def options(self) -> dict[str, Any]:
        return {"num_parameters": self.parameters["channels"], "init": self.init}

    def draw(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return np.full(shape, self.init)


class Softmax(NamedActivation):
    """The softmax over the channels of a frame: ``Activation("softmax")``.

    Parameters
    ----------
    dim
        -1: the channels are the last axis here.
    """

    function = "softmax"

    def __init__(self, dim: int = -1) -> None:
        super().__init__()
        self.dim = checked_dim(dim)

    def options(self) -> dict[str, Any]:
        return {"dim": self.dim}


class GLU(GatedUnit):
    """``first half of the channels * sigmoid(second half)``: ``GatedUnit(activation="identity")``.

    Parameters
    ----------
    dim
        -1: the channels are the last axis here.
    """

    def __init__(self, dim: int = -1) -> None:
        super().__init__(activation="identity", gate="sigmoid")
        self.dim = checked_dim(dim)


class BatchNorm1d(BatchNorm):
    """`BatchNorm` of the channels of a frame.

    Parameters
    ----------
    num_features
        Input and output channels.
    eps
        Added to the variance.

    Notes
    -----
    Parameters, (num_features,) each: ``weight``, ``bias``, ``running_mean``, ``running_var``. In training the running
    statistics have PyTorch's default ``momentum=0.1``.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> model = wl.Sequential([wl.nn.Conv1d(40, 8, 3, bias=False), wl.nn.BatchNorm1d(8), wl.nn.ReLU()])
    >>> list(model.state_dict())
    ['0.weight', '1.weight', '1.bias', '1.running_mean', '1.running_var']
    """

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__(num_features, eps=eps)

    @property
    def num_features(self) -> int:
        """Input and output channels."""
        return self.channels


class Dropout1d(Dropout):
    """`Dropout` of whole channels of a signal."""

    def __init__(self, p: float = 0.5, inplace: bool = False) -> None:
        flag("inplace", inplace)
        super().__init__(p, whole_channels=True)

    def options(self) -> dict[str, Any]:
        return {"p": self.p}


def checked_dim(dim: int) -> int:
    """The axis of the channels, which is the last one here."""
    if integer("dim", dim) != -1:
        raise ParameterError(f"dim={dim} must be -1: the channels are the last axis, (batch, frames, channels)")
    return -1
