"""Feature-wise linear modulation: conditioning that scales and shifts channels."""

from __future__ import annotations

from wavenetlite import nodes
from wavenetlite.graph import MOST_CHANNELS, Node
from wavenetlite.nn.convolution import Conv1d
from wavenetlite.nn.module import Module
from wavenetlite.support.checks import flag, positive_int
from wavenetlite.support.errors import ParameterError


class FiLM(Module):
    """``scale * x + shift``, channel by channel, with both from a 1x1 convolution of the conditioning.

    Parameters
    ----------
    channels
        Input and output channels.
    condition_channels
        Channels of the conditioning.
    scale, shift
        Whether to scale and to shift; at least one.
    groups
        Groups of the convolution.

    Notes
    -----
    Child: ``conv``; the first half of its channels is the scale, the second half the shift. Perez et al., "FiLM: Visual
    Reasoning with a General Conditioning Layer", 2018.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> film = wl.nn.FiLM(1, 1)
    >>> film.load_state_dict({"conv.weight": np.ones((2, 1, 1), np.float32), "conv.bias": np.zeros(2, np.float32)})
    >>> film(np.array([[2], [3]], np.float32), c=np.array([[10], [20]], np.float32)).ravel().tolist()
    [30.0, 80.0]
    """

    def __init__(
        self, channels: int, condition_channels: int, *, scale: bool = True, shift: bool = True, groups: int = 1
    ) -> None:
        self.in_channels = self.out_channels = self.channels = positive_int("channels", channels, MOST_CHANNELS)
        self.condition_channels = positive_int("condition_channels", condition_channels)
        self.scale, self.shift = flag("scale", scale), flag("shift", shift)
        if not (self.scale or self.shift):
            raise ParameterError("scale=False, shift=False: one of them must be True")
        self.groups = positive_int("groups", groups)
        self.conv = Conv1d(self.condition_channels, (self.scale + self.shift) * self.channels, 1, groups=self.groups)

    def children(self) -> dict[str, Module]:
        return {"conv": self.conv}

    def build(self, x: Node, c: Node | None) -> Node:
        both = self.conv.connect(self.checked_condition(c, self.condition_channels))
        if not self.shift:
            return nodes.multiply(x, both)
        if not self.scale:
            return nodes.add(x, both)
        scale, shift = nodes.take(both, 0, self.channels), nodes.take(both, self.channels, self.channels)
        return nodes.add(nodes.multiply(x, scale), shift)
