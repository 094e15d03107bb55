"""`generate`: a network that reads its own output."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from wavenetlite.nn.module import Module
from wavenetlite.support.arrays import Floats, is_array
from wavenetlite.support.checks import count
from wavenetlite.support.errors import ArrayTypeError


def generate(
    model: Module,
    samples: int,
    *,
    condition: Floats | None = None,
    seed: int = 0,
    temperature: float = 1.0,
    top_p: float = 1.0,
    initial: float | None = None,
    output: str | None = None,
) -> npt.NDArray[Any]:
    """Samples that a network draws from what it gives, each after having read the one before.

    Parameters
    ----------
    model
        A causal network that gives a frame for each frame. It reads classes (an `nn.Embedding` comes first, or it has
        as many input as output channels, which are one-hot), or values.
    samples
        How many.
    condition
        Conditioning, float32: (frames, condition_channels), a frame for every ``model.condition_period`` samples, or
        (condition_channels,) for all of them. None: the network has none.
    seed
        Key of the random numbers, 0 to 2**64 - 1: the same samples for the same key, on every machine with fused
        multiply-adds.
    temperature
        0, or from 1e-6 to 1e6: logits are divided, and scales multiplied, by it. 0 is greedy: the likeliest class (the
        first of equal ones), the heaviest component's mean, or the mean.
    top_p
        Classes only: draw from the likeliest ones that together have this probability, 1e-6 to 1.
    initial
        What the network reads first: a class or a value. None: the class of 0.0 (the middle one), or 0.0.
    output
        What the network puts out: "categorical", "mixture" or "gaussian", see `nn.Output`. None: as the network
        declares, or as its channels say: classes where it reads classes, or gives 256, 512 or 1,024 channels (mu-law,
        and it reads their samples); a mixture for 3 K channels; Gaussian for 2.

    Returns
    -------
    (samples,): the classes, int32; or values, float32.

    Raises
    ------
    ParameterError, ArrayTypeError
        The network cannot generate, it is not clear what it puts out, or a parameter does not fit; or its output is not
        finite.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> model = wl.Sequential([wl.nn.Embedding(256, 8), wl.WaveNet(8, 256, dilations=[1, 2, 4, 8])])
    >>> classes = wl.generate(model, 5, seed=1)
    >>> wl.MuLaw(mu=255).decode(classes).shape
    (5,)
    """
    if not isinstance(model, Module):
        raise ArrayTypeError(f"model is a {type(model).__name__}; it must be a network")
    voice: dict[str, Any] = {"seed": seed, "temperature": temperature, "top_p": top_p, "initial": initial}
    generator = model.generator(output=output, **voice)
    if not (is_array(condition) and condition.ndim == 1):
        return generator.process(condition, samples=samples)
    first = np.broadcast_to(condition, (1, len(condition)))
    generator.process(first, samples=min(count("samples", samples), 1) or None)  # errors call it by its name here
    return model.generator(condition, output=output, **voice).process(samples=samples)
