"""PyTorch modules with a `forward` of their own: traced by `torch.export`, and read as an ONNX graph is.

The operators of the trace become nodes of ONNX, one row of `OPERATORS` for each; what they compute of parameters alone
is computed by PyTorch.
"""

from __future__ import annotations

import logging
import operator
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from wavenetlite.formats import onnx_import, torch_complex
from wavenetlite.formats.format import UnsupportedError
from wavenetlite.formats.onnx_file import OnnxGraph, OnnxNode
from wavenetlite.formats.tensors import tensor
from wavenetlite.formats.torch_complex import Complex, known_heads
from wavenetlite.nn.module import Module
from wavenetlite.support.errors import ModelFileError, ParameterError

OPSET = 20
FAR = 2**62
PASSED = (
    "contiguous",
    "clone",
    "detach",
    "alias",
    "lift_fresh_copy",
    "detach_",
    "positive",
    "to",
    "_to_copy",
    "type_as",
)
NOISES = ("randn", "randn_like")
DROPOUT = ("dropout", "dropout_", "feature_dropout", "alpha_dropout", "feature_alpha_dropout")
PLAIN = {
    "relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "hardswish": "HardSwish", "neg": "Neg", "abs": "Abs",
    "softsign": "Softsign", "exp": "Exp", "sin": "Sin", "cos": "Cos",
}  # fmt: skip
GRU_GATES, LSTM_GATES = (1, 0, 2), (0, 3, 1, 2)
"""Where ONNX's gates stand among PyTorch's."""
LINE = re.compile(r'File "(.+)", line (\d+), in (\w+)')


def traced(module: Any, x: Any, layout: str) -> Module:
    """The network that a module's trace with the signal `x` is; `layout` says what its axes are."""
    try:
        with warnings.catch_warnings(), quiet():
            warnings.simplefilter("ignore")
            program = exported(module, x)
    except Exception as error:  # whatever the module's own code raises
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ParameterError(f"module: torch.export cannot trace it: {reason[:200]}") from None
    try:
        return onnx_import.network(Trace(program).graph(tuple(x.shape)), layout)
    except ModelFileError as error:
        raise ParameterError(f"module: {error}") from None


def exported(module: Any, x: Any) -> Any:
    """The program that a module is."""
    import torch

    with known_heads(module), unscripted(module) as plain:
        return torch.export.export(plain, (x,), strict=False)


@contextmanager
def unscripted(module: Any) -> Iterator[Any]:
    """The module with other modules in the places of those of ``torch.jit``, which torch.export does not take: they run
    the same code. Afterwards it is as it was."""
    import torch

    class Unscripted(torch.nn.Module):
        def __init__(self, scripted: Any) -> None:
            super().__init__()
            self.run = scripted._c._get_method("forward")

        def forward(self, *inputs: Any) -> Any:
            return self.run(*inputs)

    def is_scripted(one: Any) -> bool:
        return isinstance(one, torch.jit.ScriptModule)

    holders = [] if is_scripted(module) else [one for one in module.modules() if not is_scripted(one)]
    places = [(one, name, child) for one in holders for name, child in one._modules.items() if is_scripted(child)]
    try:
        for one, name, child in places:
            one._modules[name] = Unscripted(child)
        yield Unscripted(module) if is_scripted(module) else module
    finally:
        for one, name, child in places:
            one._modules[name] = child


@contextmanager
def quiet() -> Iterator[None]:
    """Without what torch.export logs of sizes."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


class Trace:
    """Goes through the operators of a traced program and notes nodes of ONNX."""

    def __init__(self, program: Any) -> None:
        self.program = program
        self.nodes: list[OnnxNode] = []
        self.constants: dict[str, np.ndarray] = {}
        self.known: dict[Any, Any] = {}  # what does not depend on the input, as PyTorch computes it
        self.names: dict[Any, Any] = {}  # of what does; of several outputs all names
        self.place = ""
        self.noises = 0

    def graph(self, shape: tuple[int, ...]) -> OnnxGraph:
        signature = self.program.graph_signature
        held = {**signature.inputs_to_parameters, **signature.inputs_to_buffers,
                **signature.inputs_to_lifted_tensor_constants}  # fmt: skip
        state = {**self.program.state_dict, **self.program.constants}
        for node in self.program.graph.nodes:
            if node.op == "placeholder":
                if node.name in held:
                    self.known[node] = state[held[node.name]]
                    self.names[node] = held[node.name]
                elif node.name in signature.user_inputs:
                    self.names[node] = node.name
            elif node.op == "call_function":
                self.place = place_of(node)
                self.call(node)
        found = next(node.args[0] for node in self.program.graph.nodes if node.op == "output")
        outputs = [
            one for one, spec in zip(found, signature.output_specs, strict=True) if spec.kind.name == "USER_OUTPUT"
        ]
        if not outputs or outputs[0] in self.known or outputs[0] not in self.names:
            raise ModelFileError("what it returns does not depend on its input")
        return OnnxGraph(self.nodes, self.constants, {signature.user_inputs[0]: shape}, [self.name(outputs[0])], OPSET)

    def call(self, node: Any) -> None:
        """One operator: computed, where it reads no signal; else noted."""
        if not node.users:  # sizes that nothing reads
            return
        sources = node.all_input_nodes
        if node.target is operator.getitem:
            whole, index = node.args
            if whole in self.known:
                self.known[node] = self.known[whole][index]
            else:
                self.names[node] = self.names[whole][index]
            return
        if kind_of(node) in NOISES:
            self.names[node] = noise(self, node.name, node)
            return
        if all(one in self.known for one in sources):
            args, kwargs = (replaced(part, self.known) for part in (node.args, node.kwargs))
            self.known[node] = node.target(*args, **kwargs)
            return
        schema = getattr(node.target, "_schema", None)
        kind = kind_of(node)
        rows = torch_complex.OPERATORS if self.is_complex(node) else OPERATORS
        row = rows.get(kind.removesuffix("_"), rows.get(kind))
        if schema is None or row is None:
            raise ModelFileError(f"{self.place}: {kind} has no counterpart here")
        given = {one.name: one.default_value for one in schema.arguments if one.has_default_value()}
        given |= {one.name: value for one, value in zip(schema.arguments, node.args, strict=False)} | node.kwargs
        try:
            self.names[node] = row(self, node.name, given, node)
        except UnsupportedError as reason:
            raise ModelFileError(f"{self.place}: {kind} {reason}") from None

    def is_complex(self, node: Any) -> bool:
        """Whether complex numbers are made or read."""
        value = node.meta.get("val")
        made = hasattr(value, "is_complex") and value.is_complex()
        return made or any(isinstance(self.names.get(one), Complex) for one in node.all_input_nodes)

    # Nodes

    def name(self, value: Any) -> str:
        """The name of a tensor: a signal, or a constant, which may be a number or a list of integers."""
        if value is None:
            return ""
        is_node = type(value).__name__ == "Node"
        if is_node and isinstance(self.names.get(value), Complex):
            raise UnsupportedError("reads complex numbers")
        if is_node and value in self.names:
            name = str(self.names[value])
            if value in self.known and name not in self.constants:
                self.constants[name] = as_array(name, self.known[value])
            return name
        name = f"constant_{len(self.constants)}"
        if is_node:
            self.constants[name] = as_array(name, self.known[value])
        else:
            kind = np.int64 if isinstance(value, list | tuple) else getattr(value, "dtype", np.float32)
            self.constants[name] = np.asarray(value, kind)
        return name

    def note(self, kind: str, out: str, *inputs: Any, **attributes: Any) -> str:
        read = tuple(one if isinstance(one, str) else self.name(one) for one in inputs)
        self.nodes.append(OnnxNode(kind, self.place, read, (out,), attributes))
        return out

    def several(self, kind: str, outs: list[str], *inputs: Any, **attributes: Any) -> list[str]:
        self.note(kind, "", *inputs, **attributes)
        self.nodes[-1] = OnnxNode(kind, self.place, self.nodes[-1].inputs, tuple(outs), attributes)
        return outs

    def array(self, value: Any) -> np.ndarray:
        """A constant's values."""
        if value not in self.known:
            raise UnsupportedError("has weights that depend on the input")
        return as_array("", self.known[value])


def kind_of(node: Any) -> str:
    """ATen's name of an operator."""
    schema = getattr(node.target, "_schema", None)
    return schema.name.removeprefix("aten::") if schema is not None else str(node.target)


def as_array(name: str, value: Any) -> np.ndarray:
    if not hasattr(value, "is_floating_point"):
        return np.asarray(value)
    return tensor(name, value).astype(np.float32 if value.is_floating_point() else np.int64)


def replaced(value: Any, known: dict[Any, Any]) -> Any:
    """Arguments with the values of what is known."""
    if isinstance(value, dict):
        return {name: replaced(one, known) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [replaced(one, known) for one in value]
    return known[value] if type(value).__name__ == "Node" else value


def place_of(node: Any) -> str:
    """The module that an operator belongs to, and the line of its code that is not PyTorch's."""
    stack = list(node.meta.get("nn_module_stack", {}).values())
    path, kind = stack[-1] if stack else ("", "")
    kind = (kind if isinstance(kind, str) else kind.__name__).rpartition(".")[2]
    lines = [one for one in LINE.findall(node.meta.get("stack_trace") or "") if "/torch/" not in one[0]]
    line = f", line {lines[-1][1]} of {lines[-1][0].rpartition('/')[2]}" if lines else ""
    return f"{str(path).removeprefix('L__self__').strip('.') or 'module'} ({kind}{line})"


def size(node: Any) -> list[int]:
    """The shape of an operator's (first) output or of an input."""
    value = node.meta["val"]
    return [int(one) for one in (value[0] if isinstance(value, tuple | list) else value).shape]


# Operators: function(trace, name of the output, arguments by name, node) gives the name, or those of several outputs


def plain(kind: str) -> Row:
    return lambda t, out, a, node: t.note(kind, out, a["self"] if "self" in a else a["input"])


def same(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    value = node.meta["val"]
    if not value.is_floating_point():
        raise UnsupportedError(f"makes {value.dtype} of the signal; it must stay floats")
    return t.note("Identity", out, a["self"] if "self" in a else a["input"])


def noise(t: Trace, out: str, node: Any) -> str:
    """Normal random numbers, which a signal with as many frames will read."""
    shape = size(node)
    if len(shape) != 3:
        raise ModelFileError(f"{t.place}: {kind_of(node)} makes numbers of shape {shape}; it must be (batch, channels, "
                             "time)")  # fmt: skip
    t.noises += 1
    return t.note("RandomNormal", out, shape=shape, seed=float(t.noises - 1))


def dropout(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    if a["train"] and a["p"]:
        raise UnsupportedError("is in training mode also in eval()")
    return t.note("Identity", out, a["input"])


def conv(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    shape = size(a["weight"])[2:]
    strides, dilations, pads = (spread(a[name], len(shape)) for name in ("stride", "dilation", "padding"))
    if isinstance(a["padding"], str):
        total = [(k - 1) * d if a["padding"] == "same" else 0 for k, d in zip(shape, dilations, strict=True)]
        both = [n // 2 for n in total] + [n - n // 2 for n in total]
    else:
        both = pads * 2
    t.array(a["weight"])
    return t.note("Conv", out, a["input"], a["weight"], a["bias"], strides=strides, dilations=dilations, pads=both,
                  group=a["groups"])  # fmt: skip


def convolution(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    """Of both kinds, as TorchScript traces them."""
    return (conv_transpose if a["transposed"] else conv)(t, out, a, node)


def conv_transpose(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    count = len(size(a["weight"])) - 2
    strides, dilations, pads, more = (
        spread(a[one], count) for one in ("stride", "dilation", "padding", "output_padding")
    )
    t.array(a["weight"])
    return t.note("ConvTranspose", out, a["input"], a["weight"], a["bias"], strides=strides, dilations=dilations,
                  pads=pads * 2, output_padding=more, group=a["groups"])  # fmt: skip


def spread(value: Any, count: int) -> list[int]:
    """A number for each axis."""
    values = [] if isinstance(value, str) else list(value) if isinstance(value, list | tuple) else [value]
    return values * count if len(values) == 1 else values


def linear(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    weight = t.name(a["weight"])
    t.array(a["weight"])
    t.constants[f"{out}_t.weight"] = t.constants[weight].T
    made = t.note("MatMul", f"{out}_product" if a["bias"] is not None else out, a["input"], f"{out}_t.weight")
    return made if a["bias"] is None else t.note("Add", out, made, a["bias"])


def batch_norm(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    if a["training"] or a["running_mean"] is None:
        raise UnsupportedError("normalises by each batch, which a stream has not")
    count = size(a["running_mean"])[0]
    weight = np.ones(count, np.float32) if a["weight"] is None else a["weight"]
    bias = np.zeros(count, np.float32) if a["bias"] is None else a["bias"]
    return t.note("BatchNormalization", out, a["input"], weight, bias, a["running_mean"], a["running_var"],
                  epsilon=a["eps"])  # fmt: skip


def layer_norm(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    shape = list(a["normalized_shape"])
    weight = np.ones(shape, np.float32) if a["weight"] is None else a["weight"]
    return t.note("LayerNormalization", out, a["input"], weight, a["bias"], axis=-len(shape), epsilon=a["eps"])


def over_all_frames(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    raise UnsupportedError("averages over all frames of a signal, which a stream has not")


def binary(kind: str) -> Row:
    def row(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
        other = a["other"]
        if a.get("alpha", 1) != 1:
            other = t.note("Mul", f"{out}_scaled", other, float(a["alpha"]))
        if a.get("rounding_mode") is not None:
            raise UnsupportedError(f"has rounding_mode={a['rounding_mode']!r}; it must have none")
        return t.note(kind, out, a["self"], float(other) if isinstance(other, int | float) else other)

    return row


def reversed_subtraction(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    if a.get("alpha", 1) != 1 or not isinstance(a["other"], int | float):
        raise UnsupportedError("is known only with a number and alpha=1")
    return t.note("Sub", out, float(a["other"]), a["self"])


def power(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    if not isinstance(a["exponent"], int | float):
        raise UnsupportedError("is known only with a number as the exponent")
    return t.note("Pow", out, a["self"], float(a["exponent"]))


def silu(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    return t.note("Mul", out, a["self"], t.note("Sigmoid", f"{out}_gate", a["self"]))


def glu(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    axis = a["dim"] % len(size(a["self"]))
    half = size(a["self"])[axis] // 2
    value, gate = t.several("Split", [f"{out}_value", f"{out}_gate"], a["self"], [half, half], axis=axis)
    return t.note("Mul", out, value, t.note("Sigmoid", f"{out}_sigmoid", gate))


def clip(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    low, high = a.get("min", a.get("min_val")), a.get("max", a.get("max_val"))
    if any(one is not None and not isinstance(one, int | float) for one in (low, high)):
        raise UnsupportedError("is known only with numbers as limits")
    return t.note("Clip", out, a["self"], *(None if one is None else float(one) for one in (low, high)))


def elu(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    if a["scale"] != 1 or a["input_scale"] != 1:
        raise UnsupportedError("has scales; they must be 1")
    return t.note("Elu", out, a["self"], alpha=float(a["alpha"]))


def prelu(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    slopes = t.array(a["weight"]).reshape([-1] + [1] * (len(size(a["self"])) - 2))
    return t.note("PRelu", out, a["self"], slopes)


def softmax(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    return t.note("Softmax", out, a["self"], axis=a["dim"])


def concat(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    return t.note("Concat", out, *a["tensors"], axis=a["dim"])


def slice_(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    start = 0 if a["start"] is None else a["start"]
    end = FAR if a["end"] is None or a["end"] > FAR else a["end"]
    return t.note("Slice", out, a["self"], [start], [end], [a["dim"]], [a["step"]])


def narrow(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    start, count = a["start"], size(a["self"])[a["dim"]]
    start = start + count if start < 0 else start
    return t.note("Slice", out, a["self"], [start], [start + a["length"]], [a["dim"]], [1])


def select(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    return t.note("Gather", out, a["self"], np.int64(a["index"]) + np.zeros((), np.int64), axis=a["dim"])


def split(t: Trace, out: str, a: dict[str, Any], node: Any) -> list[str]:
    """Also chunk: the sizes are those of the outputs."""
    axis = a["dim"]
    sizes = [int(one.shape[axis]) for one in node.meta["val"]]
    return t.several("Split", [f"{out}_{n}" for n in range(len(sizes))], a["self"], sizes, axis=axis)


def transpose(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    order = list(range(len(size(a["self"]))))
    first, second = a.get("dim0", 0), a.get("dim1", -1)
    order[first], order[second] = order[second], order[first]
    return t.note("Transpose", out, a["self"], perm=order)


def permute(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    return t.note("Transpose", out, a["self"], perm=[one % len(a["dims"]) for one in a["dims"]])


def squeeze(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    shape = size(a["self"])
    wanted = a.get("dim", list(range(len(shape))))
    wanted = [wanted] if isinstance(wanted, int) else wanted
    axes = [one % len(shape) for one in wanted if shape[one] == 1]
    return t.note("Squeeze", out, a["self"], axes) if axes else t.note("Identity", out, a["self"])


def unsqueeze(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    return t.note("Unsqueeze", out, a["self"], [a["dim"]])


def reshape(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    return t.note("Reshape", out, a["self"], size(node))


def expand(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    if size(a["self"]) != size(node):
        raise UnsupportedError(f"makes {size(node)} of {size(a['self'])}; sizes must stay")
    return t.note("Identity", out, a["self"])


def mean(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    kind = "ReduceMax" if "amax" in node.name else "ReduceMean"
    axes = list(range(len(size(a["self"])))) if not a.get("dim") and a.get("dim") != 0 else spread(a["dim"], 1)
    return t.note(kind, out, a["self"], axes, keepdims=int(a.get("keepdim", False)))


def adaptive(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    if spread(a["output_size"], 1) != [1]:
        raise UnsupportedError(f"has output_size={a['output_size']}; it must be 1")
    return t.note("ReduceMean", out, a["self"], [-1], keepdims=1)


def average_pool(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    kernel = spread(a["kernel_size"], 1)
    return t.note("AveragePool", out, a["self"], kernel_shape=kernel, strides=spread(a["stride"], 1) or kernel,
                  pads=spread(a["padding"], 1) * 2, ceil_mode=int(a["ceil_mode"]),
                  count_include_pad=int(a["count_include_pad"]))  # fmt: skip


def max_pool(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    kernel = spread(a["kernel_size"], 1)
    return t.note("MaxPool", out, a["self"], kernel_shape=kernel, strides=spread(a.get("stride"), 1) or kernel,
                  pads=spread(a.get("padding") or 0, 1) * 2, dilations=spread(a.get("dilation") or 1, 1),
                  ceil_mode=int(a.get("ceil_mode") or False))  # fmt: skip


def pad(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    rank, pads, mode = len(size(a["self"])), list(a["pad"]), a.get("mode", "constant")
    pairs = [(pads[i], pads[i + 1]) for i in range(0, len(pads), 2)] + [(0, 0)] * (rank - len(pads) // 2)
    both = [before for before, _ in pairs[::-1]] + [after for _, after in pairs[::-1]]
    return t.note("Pad", out, a["self"], both, float(a["value"] or 0), mode=mode)


def reflection(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    rank, (before, after) = len(size(a["self"])), a["padding"]
    both = [0] * (rank - 1) + [before] + [0] * (rank - 1) + [after]
    return t.note("Pad", out, a["self"], both, mode="reflect")


def upsample(t: Trace, out: str, a: dict[str, Any], node: Any) -> str:
    factor, rest = divmod(size(node)[-1], size(a["input"] if "input" in a else a["self"])[-1])
    if rest or factor < 1:
        raise UnsupportedError("has a factor that is no whole number")
    return t.note("Upsample", out, a["input"] if "input" in a else a["self"], np.array([1, 1, factor], np.float32),
                  mode="nearest")  # fmt: skip


def recurrent(kind: str, order: Sequence[int]) -> Row:
    def row(t: Trace, out: str, a: dict[str, Any], node: Any) -> list[str]:
        states = list(a["hx"] if isinstance(a["hx"], list | tuple) else [a["hx"]])
        if "input" not in a or a["bidirectional"] or (a["train"] and a["dropout"]):
            raise UnsupportedError("is bidirectional, packed or in training mode")
        if any(t.array(one).any() for one in states):
            raise UnsupportedError("has a first state that is not zeros")
        each = 4 if a["has_biases"] else 2
        if len(a["params"]) != each * a["num_layers"]:
            raise UnsupportedError("has proj_size, which must be 0")
        x = t.name(a["input"])
        if a["batch_first"]:
            x = t.note("Transpose", f"{out}_in", x, perm=[1, 0, 2])
        for layer in range(a["num_layers"]):
            arrays = [reordered(t.array(one), order) for one in a["params"][layer * each : (layer + 1) * each]]
            inputs = [x, *(one[np.newaxis] for one in arrays[:2])]
            if each == 4:
                inputs.append(np.concatenate(arrays[2:])[np.newaxis])
            outs = [f"{out}_all_{layer}", f"{out}_last_{layer}"]
            options = {"linear_before_reset": 1} if kind == "GRU" else {}
            t.several(kind, outs, *inputs, hidden_size=arrays[1].shape[1], **options)
            x = t.note("Squeeze", f"{out}_frames_{layer}", outs[0], [1])
        if a["batch_first"]:
            x = t.note("Transpose", f"{out}_out", x, perm=[1, 0, 2])
        return [x, outs[1] if a["num_layers"] == 1 else f"{out}_states", f"{out}_cells"]

    return row


def reordered(array: np.ndarray, order: Sequence[int]) -> np.ndarray:
    parts = np.split(array, len(order))
    return np.concatenate([parts[one] for one in order])


def with_slope(kind: str, theirs: str) -> Row:
    return lambda t, out, a, node: t.note(kind, out, a["self"], alpha=float(a[theirs]))


Row = Callable[[Trace, str, dict[str, Any], Any], Any]

OPERATORS: dict[str, Row] = {
    **{theirs: plain(kind) for theirs, kind in PLAIN.items()},
    **dict.fromkeys(PASSED, same),
    **dict.fromkeys(DROPOUT, dropout),
    **dict.fromkeys(("conv1d", "conv2d"), conv),
    **dict.fromkeys(("convolution", "_convolution"), convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d"), conv_transpose),
    **dict.fromkeys(("group_norm", "instance_norm"), over_all_frames),
    **dict.fromkeys(("split", "split_with_sizes", "chunk"), split),
    **dict.fromkeys(("view", "reshape", "flatten", "unflatten", "_unsafe_view", "view_as"), reshape),
    **dict.fromkeys(("expand", "expand_as"), expand),
    **dict.fromkeys(("mean", "amax"), mean),
    **dict.fromkeys(("pad", "constant_pad_nd"), pad),
    **dict.fromkeys(("clamp", "clip", "hardtanh", "clamp_min", "clamp_max"), clip),
    **dict.fromkeys(("cat", "concat", "concatenate"), concat),
    **dict.fromkeys(("upsample_nearest1d", "upsample_nearest2d"), upsample),
    "reflection_pad1d": reflection,
    "relu6": lambda t, out, a, node: t.note("Clip", out, a["self"], 0.0, 6.0),
    "leaky_relu": with_slope("LeakyRelu", "negative_slope"),
    "hardsigmoid": lambda t, out, a, node: t.note("HardSigmoid", out, a["self"], alpha=1 / 6, beta=0.5),
    "gelu": lambda t, out, a, node: t.note("Gelu", out, a["self"], approximate=a["approximate"]),
    "selu": plain("Selu"),
    "elu": elu,
    "silu": silu,
    "glu": glu,
    "prelu": prelu,
    "softmax": softmax,
    "linear": linear,
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "add": binary("Add"),
    "sub": binary("Sub"),
    "rsub": reversed_subtraction,
    "mul": binary("Mul"),
    "multiply": binary("Mul"),
    "div": binary("Div"),
    "pow": power,
    "matmul": binary("MatMul"),
    "slice": slice_,
    "narrow": narrow,
    "select": select,
    "transpose": transpose,
    "t": transpose,
    "permute": permute,
    "squeeze": squeeze,
    "unsqueeze": unsqueeze,
    "adaptive_avg_pool1d": adaptive,
    "avg_pool1d": average_pool,
    "max_pool1d": max_pool,
    "gru": recurrent("GRU", GRU_GATES),
    "lstm": recurrent("LSTM", LSTM_GATES),
}  # fmt: skip
"""By ATen's names."""
