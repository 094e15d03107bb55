"""What a network puts out, and what it reads of its own output."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from wavenetlite import nodes
from wavenetlite.graph import Node, index_counts
from wavenetlite.support.arrays import Floats
from wavenetlite.support.checks import integer, number, one_of
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.support.mu_law import samples_of

DISTRIBUTIONS = ("categorical", "mixture", "gaussian")
MU_LAW = (256, 512, 1024)
"""Classes of 8 to 10 bits, which a network that reads values is taken to mean."""
LEAST_TEMPERATURE, MOST_TEMPERATURE = float(np.float32(1e-6)), 1e6
LEAST_TOP_P = float(np.float32(1e-6))
"""As a voice and its snapshots hold them, a little less than 1e-6."""
MOST_SEED = 2**64 - 1
MOST_VALUE = float(np.finfo(np.float32).max)


@dataclass(frozen=True, eq=False)
class Sampling:
    """How samples are drawn from a network's output and read by it.

    Attributes
    ----------
    distribution
        "categorical": logits, or probabilities, of classes. "mixture": of K logistic distributions, K logits, K means
        and K logarithms of scales. "gaussian": a mean and the logarithm of a standard deviation.
    classes
        That the network can read; 0: it reads values.
    first
        The class or value that it reads before its first own sample.
    one_hot
        Whether it reads a class as a frame of zeros with a one.
    table
        The value that it reads for each class; None: the class itself, or a value.
    are_probabilities
        Whether it gives probabilities of classes, not logits.
    condition_period
        Samples per frame of its conditioning.
    """

    distribution: str
    classes: int = 0
    first: float = 0.0
    one_hot: bool = False
    table: Floats | None = None
    are_probabilities: bool = False
    condition_period: int = 1

    @property
    def tag(self) -> bytes:
        """Eight bytes that stand for the distribution in snapshots."""
        return self.distribution.encode()[:8].ljust(8)


def distribution_of(output: Node, declared: str | None) -> str:
    """The distribution that a network puts out: the declared one, or what its channels say."""
    ins, outs, indices = shape_of(output)
    if declared is not None:
        return one_of("output", declared, DISTRIBUTIONS)
    if indices or ins == outs > 1 or (ins == 1 and outs in MU_LAW):
        return "categorical"
    if ins == 1 and outs == 2:
        return "gaussian"
    if ins == 1 and outs % 3 == 0:
        return "mixture"
    raise ParameterError(f"output=None is ambiguous for a network of {ins} to {outs} channels; it must be one of "
                         f"{', '.join(DISTRIBUTIONS)}, or the network must end in an nn.Output")  # fmt: skip


def shape_of(output: Node) -> tuple[int, int, int]:
    """Input channels, output channels, and the classes of an embedding that comes first, or 0."""
    inputs = [node for node in sources(output) if node.signal == "x"]
    ins = inputs[0].channels if inputs else 0
    return ins, output.channels, index_counts(output).get("x", 0)


def sources(output: Node) -> list[Node]:
    """The network's inputs that its output depends on."""
    seen, wanted = {output}, [output]
    while wanted:
        for edge in wanted.pop().edges:
            if edge.node not in seen:
                seen.add(edge.node)
                wanted.append(edge.node)
    return [node for node in seen if node.signal]


def sampling_of(output: Node, declared: str | None, condition_period: int) -> Sampling:
    """How to draw from a network with this graph and feed it; raises if it does not go together."""
    distribution = distribution_of(output, declared)
    ins, outs, indices = shape_of(output)
    if distribution != "categorical":
        fits = ins == 1 and not indices and (outs % 3 == 0 if distribution == "mixture" else outs == 2)
        if not fits:
            wanted = "3 K, for K components" if distribution == "mixture" else "2"
            what = "classes" if indices else f"{ins} channels"
            raise ParameterError(f"output={distribution!r} needs a network that reads one value and gives {wanted} "
                                 f"channels; this one reads {what} and gives {outs}")  # fmt: skip
        return Sampling(distribution, condition_period=condition_period)
    if not (outs > 1 and (outs <= indices or (not indices and ins in (1, outs)))):
        what = f"{indices} classes" if indices else f"{ins} channels"
        raise ParameterError("output='categorical' needs a network that gives as many classes as it reads, or reads "
                             f"one value; this one reads {what} and gives {outs}")  # fmt: skip
    values = not indices and ins == 1
    return Sampling(
        distribution,
        classes=indices or outs,
        first=outs // 2,
        one_hot=not indices and ins > 1,
        table=samples_of(np.arange(outs), outs) if values else None,
        are_probabilities=isinstance(output, nodes.Activate) and output.name == "softmax",
        condition_period=condition_period,
    )


def checked_settings(sampling: Sampling, seed: object, temperature: object, top_p: object) -> tuple[int, float, float]:
    """Seed, temperature and top_p of a voice."""
    key, heat, share = integer("seed", seed), number("temperature", temperature), number("top_p", top_p)
    if not 0 <= key <= MOST_SEED:
        raise ParameterError(f"seed={key} must be from 0 to 2**64 - 1")
    if heat != 0 and not LEAST_TEMPERATURE <= heat <= MOST_TEMPERATURE:
        raise ParameterError(f"temperature={heat:g} must be 0 (greedy), or from {LEAST_TEMPERATURE:g} to "
                             f"{MOST_TEMPERATURE:g}")  # fmt: skip
    if not LEAST_TOP_P <= share <= 1:
        raise ParameterError(f"top_p={share:g} must be from {LEAST_TOP_P:g} to 1")
    if share < 1 and sampling.distribution != "categorical":
        raise ParameterError(f"top_p={share:g} must be 1: top_p is of classes, and this network gives values "
                             f"(output={sampling.distribution!r})")  # fmt: skip
    return key, heat, share


def checked_initial(sampling: Sampling, initial: Any) -> float:
    """What a voice reads first, as a float."""
    if initial is None:
        return sampling.first
    if not sampling.classes:
        value = number("initial", initial)
        if abs(value) > MOST_VALUE:
            raise ParameterError(f"initial={value:g} must fit into float32")
        return value
    try:
        given = integer("initial", initial)
    except ArrayTypeError as error:
        raise ArrayTypeError(f"{error}: the number of a class") from None
    if not 0 <= given < sampling.classes:
        raise ParameterError(f"initial={given} must be a class, from 0 to {sampling.classes - 1}")
    return float(given)
