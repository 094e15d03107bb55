"""Several trained networks as one, whose logits are the mean of theirs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wavenetlite.nn import Add, Module, from_config
from wavenetlite.recipes.transfer import output_layer
from wavenetlite.support.errors import ParameterError


def mean_logits(networks: Sequence[Module]) -> Module:
    """One network whose logits are the mean of those of some trained ones.

    The mistakes of networks that began with other weights agree less than their correct decisions do, so few are left
    in the mean. The softmax of mean logits is the geometric mean of probabilities, normalised: a class that one network
    rules out is out.

    Parameters
    ----------
    networks
        At least one, all with the same inputs and outputs; each ends with a linear layer or a convolution. They stay as
        they are.

    Returns
    -------
    The network itself if it is one; else an :class:`wavenetlite.nn.Add` of networks whose last layers are divided by
    their number.

    Notes
    -----
    Hansen & Salamon, "Neural Network Ensembles", 1990.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> from wavenetlite.recipes.ensemble import mean_logits
    >>> two = [wl.TCN(4, 3, channels=8, kernel_size=2, dilations=[1, 2], seed=seed) for seed in (0, 1)]
    >>> x = np.random.default_rng(0).standard_normal((20, 4), dtype=np.float32)
    >>> bool(np.allclose(mean_logits(two)(x), (two[0](x) + two[1](x)) / 2, atol=1e-6))
    True
    """
    if not networks:
        raise ParameterError("networks is empty; it must have at least one")
    if len(networks) == 1:
        return networks[0]
    shared = Add(list(networks))
    count, state = np.float32(len(networks)), shared.state_dict()
    for number, network in enumerate(networks):
        last = f"{number}.0.{output_layer(network)}."
        state.update({name: value / count for name, value in state.items() if name.startswith(last)})
    mean = from_config(shared.config())  # with weights of its own
    mean.load_state_dict(state)
    return mean
