"""Embedding: classes as vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from wavenetlite import nodes
from wavenetlite.graph import MOST_CHANNELS, Edge, Node
from wavenetlite.nn.module import Module
from wavenetlite.nn.torch_twin import functional
from wavenetlite.support.checks import positive_int
from wavenetlite.support.errors import ParameterError

MOST_EMBEDDINGS = 2**24
"""Up to which float32 has all whole numbers."""


class Embedding(Module):
    """A vector for each class: a frame is the number of a class, and becomes that row of a table.

    It reads the network's input, or its conditioning, itself: frames of one channel that holds whole numbers from 0 to
    ``num_embeddings - 1``, as float32. Anything else raises.

    Parameters
    ----------
    num_embeddings
        Number of classes, 1 to 2**24.
    embedding_dim
        Channels of the output.

    Notes
    -----
    Parameter: ``weight`` (num_embeddings, embedding_dim), normally distributed at first, as in PyTorch.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> table = wl.nn.Embedding(3, 2)
    >>> table.load_state_dict({"weight": np.array([[0, 1], [2, 3], [4, 5]], np.float32)})
    >>> table(np.array([[2], [0]], np.float32)).tolist()
    [[4.0, 5.0], [0.0, 1.0]]
    """

    in_channels: int = 1
    out_channels: int

    def __init__(self, num_embeddings: int, embedding_dim: int) -> None:
        self.num_embeddings = positive_int("num_embeddings", num_embeddings, MOST_EMBEDDINGS)
        self.embedding_dim = self.out_channels = positive_int("embedding_dim", embedding_dim, MOST_CHANNELS)

    def parameter_shapes(self) -> dict[str, tuple[int, ...]]:
        return {"weight": (self.num_embeddings, self.embedding_dim)}

    def draw(self, name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal(shape)

    def build(self, x: Node, c: Node | None) -> Node:
        if not x.signal:
            raise ParameterError(f"Embedding is given what {x.operation} makes; it must be the first layer of the "
                                 "network, or of its conditioning, as it reads classes")  # fmt: skip
        return nodes.Embedding((Edge(x),), self.embedding_dim, x.clock, self.parameter("weight"))

    def torch_forward(self, twin: Any, x: Any) -> Any:
        return functional().embedding(x[..., 0].long(), twin.weight)
