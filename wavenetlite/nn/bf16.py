"""Networks whose weights are numbers of bf16."""

from __future__ import annotations

from wavenetlite.graph import Node
from wavenetlite.kernels.bf16 import are_bf16
from wavenetlite.nn.combine import Chain
from wavenetlite.nn.module import Module, is_training
from wavenetlite.support.errors import ParameterError


class Bf16Weights(Chain):
    """A sequence of layers whose weights are numbers of bf16, which take half the memory: :func:`wavenetlite.quantize`
    makes one with ``weights="bf16"``.

    Weights are the parameters of at least two dimensions of convolutions, linear and recurrent layers; biases,
    normalisation and slopes are float32 as ever, and so are all sums: a network gives the same bits as the same layers
    with the same weights in float32. What is gained is memory, in the file and in the caches. It cannot be trained:
    steps of training are mostly smaller than bf16 resolves.

    Parameters
    ----------
    layers
        Modules in sequence. Weights that are not numbers of bf16 are refused when the network is run or saved.

    Examples
    --------
    >>> import wavenetlite as wl
    >>> model = wl.TCN(4, 2, channels=8, dilations=[1, 2], seed=1)
    >>> half = wl.quantize(model, weights="bf16")
    >>> [type(layer).__name__ for layer in half], half.bf16_count
    (['TCN'], 688)
    """

    def bf16_names(self) -> set[str]:
        return {
            path + name
            for path, module in self.modules()
            for name, shape in module.parameter_shapes().items()
            if is_weight(module, name, shape)
        }

    def build(self, x: Node, c: Node | None) -> Node:
        if is_training.get():
            raise ParameterError(
                "weights of Bf16Weights cannot be trained: train the network in float32, then quantise"
            )
        for path, module in self.modules():
            for name, shape in module.parameter_shapes().items():
                if is_weight(module, name, shape) and not are_bf16(module.parameter(name)):
                    raise ParameterError(f"{path}{name} has values that are not bf16, as in Bf16Weights they must be: "
                                         "wl.quantize(model, weights='bf16') rounds them")  # fmt: skip
        return super().build(x, c)

    def some(self, layers: list[Module]) -> Chain:
        return Bf16Weights(layers)


def is_weight(module: Module, name: str, shape: tuple[int, ...]) -> bool:
    """Whether a module's own parameter is one of the weights that may be bf16."""
    return name.startswith("weight") and len(shape) > 1 and name not in module.parameter_dtypes()
