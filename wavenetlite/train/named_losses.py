"""Losses by name."""

from __future__ import annotations

from typing import Literal, TypeAlias

from wavenetlite.support.checks import one_of
from wavenetlite.support.errors import ArrayTypeError
from wavenetlite.train.densities import GaussianNLL, LogisticMixtureNLL
from wavenetlite.train.losses import CTC, CrossEntropy, Loss, MeanSquaredError
from wavenetlite.train.spectral_loss import SpectralLoss

LossName: TypeAlias = Literal["cross_entropy", "mse", "ctc", "gaussian", "mixture", "spectral"]
LOSSES: dict[str, type[Loss]] = {
    "cross_entropy": CrossEntropy,
    "mse": MeanSquaredError,
    "ctc": CTC,
    "gaussian": GaussianNLL,
    "mixture": LogisticMixtureNLL,
    "spectral": SpectralLoss,
}


def loss_from(loss: Loss | str | None) -> Loss:
    """A loss, or the one of a name with its default options; None: cross-entropy."""
    if loss is None or isinstance(loss, str):
        return LOSSES[one_of("loss", loss or "cross_entropy", tuple(LOSSES))]()
    if isinstance(loss, type) or not callable(loss) or not callable(getattr(loss, "items", None)):
        given = f"the class {loss.__name__}" if isinstance(loss, type) else f"a {type(loss).__name__}"
        raise ArrayTypeError(
            f"loss is {given}; it must be one of {', '.join(LOSSES)}, or an object such as CrossEntropy()"
        )
    return loss
