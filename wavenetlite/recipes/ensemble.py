"""Several trained networks as one, whose logits are the mean of theirs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wavenetlite.nn import Concat, FrequencyTCN, Linear, Module, Sequential, from_config
from wavenetlite.support.arrays import Floats
from wavenetlite.support.errors import ParameterError

LAST = "output"
"""The layer of the logits."""


def mean_logits(networks: Sequence[FrequencyTCN]) -> Module:
    """One network whose logits are the mean of those of some trained ones.

    The mistakes of networks that began with other weights agree less than their correct decisions do, so few are left
    in the mean. The softmax of mean logits is the geometric mean of probabilities, normalised: a class that one network
    rules out is out.

    Parameters
    ----------
    networks
        At least one, all with the same inputs and outputs. They stay as they are.

    Returns
    -------
    The network itself if it is one; else a :class:`wavenetlite.nn.Sequential` of two: the networks without their last
    layers, side by side, and one linear layer of all their channels. So it can be fine-tuned like one network.

    Notes
    -----
    Hansen & Salamon, "Neural Network Ensembles", 1990.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> from wavenetlite.recipes.ensemble import mean_logits
    >>> two = [wl.nn.FrequencyTCN(40, 3, pool_frames=1, seed=seed) for seed in (0, 1)]
    >>> x = np.random.default_rng(0).standard_normal((20, 40), dtype=np.float32)
    >>> bool(np.allclose(mean_logits(two)(x), (two[0](x) + two[1](x)) / 2, atol=1e-5))
    True
    """
    if not networks:
        raise ParameterError("networks is empty; it must have at least one")
    if len(networks) == 1:
        return networks[0]
    trunks = [[part for name, part in network.children().items() if name != LAST] for network in networks]
    shared = Sequential([Concat(trunks), Linear(sum(one.channels for one in networks), networks[0].out_channels)])
    state = {**shared.state_dict(), "1.weight": averaged(networks, "weight"), "1.bias": averaged(networks, "bias")}
    mean = from_config(shared.config())  # with weights of its own
    mean.load_state_dict(state)
    return mean


def averaged(networks: Sequence[FrequencyTCN], name: str) -> Floats:
    """A parameter of the layer that takes all networks' channels: weights side by side, biases added, and divided."""
    some = [network.state_dict()[f"{LAST}.{name}"] for network in networks]
    whole = np.concatenate(some, axis=1) if name == "weight" else np.sum(some, axis=0)
    made: Floats = (whole / np.float32(len(networks))).astype(np.float32)
    return made
