"""Several trained networks as one: its logits are the mean of theirs.

Networks that differ in their initial weights err in different places, the more so the fewer clips there were to learn
from; what most of them hear is more often right than what any one of them hears.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from wavenetlite.nn import Conv1d, Graph, Module
from wavenetlite.support.errors import ParameterError

MEMBER, SUM, MEAN = "member-", "sum", "mean"
"""Names of the nodes: of each network, with its number from 1 on, of their sum and of the output."""


def mean_of_members(models: Sequence[Module]) -> Module:
    """A network whose logits are the mean of those of several.

    Parameters
    ----------
    models
        The networks: the same number of input channels, frame rate and labels, whose logits are the outputs.

    Returns
    -------
    A `Graph`, in which each network is as it was; of one network, that network itself.

    Raises
    ------
    ParameterError
        There are no networks, or their input or output channels or frame rates differ.

    Notes
    -----
    Lakshminarayanan et al., "Simple and Scalable Predictive Uncertainty Estimation using Deep Ensembles", 2017. The
    mean is of logits and not of probabilities, so it is made of layers that every format knows.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> from wavenetlite.recipes.members import mean_of_members
    >>> two = [wl.TCN(4, 3, channels=4, seed=seed) for seed in (0, 1)]
    >>> x = np.random.default_rng(0).standard_normal((20, 4), np.float32)
    >>> bool(np.abs(mean_of_members(two)(x) - (two[0](x) + two[1](x)) / 2).max() < 1e-6)
    True
    """
    if not models:
        raise ParameterError("models is empty; there must be at least one network")
    widths = {(model.in_width, model.graph(model.in_width or 1).channels) for model in models}
    if len(widths) > 1:
        raise ParameterError(f"models have different (input, output) channels: {sorted(widths, key=str)}")
    if len(models) == 1:
        return models[0]
    inputs, labels = next(iter(widths))
    names = [f"{MEMBER}{number}" for number in range(1, len(models) + 1)]
    mean = Graph(inputs or 1, [
        *([name, model, ["x"]] for name, model in zip(names, models, strict=True)),
        [SUM, "add", names],
        [MEAN, divided(labels, len(models)), [SUM]],
    ])  # fmt: skip
    mean.graph(inputs or 1)  # raises for different frame rates
    return mean


def members_of(model: Module) -> list[Module]:
    """The networks of what `mean_of_members` returned; any other network alone."""
    if isinstance(model, Graph) and model.nodes[-1][0] == MEAN and model.nodes[0][0] == f"{MEMBER}1":
        return [layer for name, layer, _ in model.nodes if name.startswith(MEMBER)]
    return [model]


def divided(channels: int, by: int) -> Conv1d:
    """The layer that divides every channel."""
    made = Conv1d(channels, channels, 1, groups=channels, bias=False)
    made.load_state_dict({"weight": np.full((channels, 1, 1), 1 / by, np.float32)})
    return made
