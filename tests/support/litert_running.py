"""TFLite files run by LiteRT, whole or call by call: the witness."""

from __future__ import annotations

import numpy as np


def interpreter(path, *, reference=False, shape=None):
    """A new interpreter, whose variables have been set by nobody yet."""
    import ai_edge_litert.interpreter as litert

    options = {"experimental_op_resolver_type": litert.OpResolverType.BUILTIN_REF} if reference else {}
    made = litert.Interpreter(model_path=str(path), num_threads=1, **options)
    about = made.get_input_details()[0]
    if shape is not None and list(about["shape"]) != list(shape):
        made.resize_tensor_input(about["index"], shape)
    made.allocate_tensors()
    return made


def run_litert(path, x, *, reference=False):
    """What a file gives of a signal of floats, as floats."""
    made = interpreter(path, reference=reference, shape=x.shape)
    return called(made, x)


def called(made, x):
    """One call, of floats; of quantised inputs and outputs, what they stand for."""
    given, gives = made.get_input_details()[0], made.get_output_details()[0]
    made.set_tensor(given["index"], quantised(x, given))
    made.invoke()
    y = made.get_tensor(gives["index"])
    if y.dtype.kind == "f":
        return y
    scale, zero_point = gives["quantization"]
    return ((y.astype(np.int32) - zero_point) * np.float32(scale)).astype(np.float32)


def quantised(x, about):
    if about["dtype"] == np.float32:
        return x
    scale, zero_point = about["quantization"]
    limits = np.iinfo(about["dtype"])
    # as our Quantize does with rounding="single"
    rounded = np.rint(x * np.float32(1 / np.float32(scale))) + zero_point
    return np.clip(rounded, limits.min, limits.max).astype(about["dtype"])
