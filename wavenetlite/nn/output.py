"""What a network puts out, said in the network."""

from __future__ import annotations

from typing import Any

from wavenetlite.engine.sampling import DISTRIBUTIONS
from wavenetlite.graph import Node
from wavenetlite.nn.module import Module
from wavenetlite.support.checks import one_of


class Output(Module):
    """Says what the channels before it are, for `wavenetlite.generate` and for training; they pass unchanged.

    A network needs it only where its channels leave that open; it stands at the end and is kept in files.

    Parameters
    ----------
    distribution
        "categorical": logits of classes. "mixture": of K logistic distributions, 3 K channels: K logits of their
        weights, K means, K logarithms of scales. "gaussian": 2 channels, a mean and the logarithm of the standard
        deviation.

    Notes
    -----
    Mixtures: Salimans et al., "PixelCNN++", 2017. Gaussian: Ping et al., "ClariNet", 2019.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> model = wl.Sequential([wl.TCN(1, 30, channels=8), wl.nn.Output("categorical")])     # and not a mixture of ten
    >>> wl.generate(model, 3, temperature=0.0).dtype
    dtype('int32')
    """

    def __init__(self, distribution: str) -> None:
        self.distribution = one_of("distribution", distribution, DISTRIBUTIONS)

    @property
    def declared_output(self) -> str | None:
        return self.distribution

    def build(self, x: Node, c: Node | None) -> Node:
        return x

    def torch_forward(self, twin: Any, x: Any) -> Any:
        return x
