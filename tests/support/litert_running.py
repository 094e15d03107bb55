"""TFLite files run by LiteRT and by TensorFlow Lite Micro, whole or call by call: the witnesses."""

from __future__ import annotations

import numpy as np
import pytest


def needs_litert():
    """Skip the test where the witness is not there."""
    pytest.importorskip("ai_edge_litert", reason="LiteRT, the witness, is not installed (pip install ai-edge-litert)")


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
    return called(made, x, reference=reference)


def called(made, x, *, reference=False):
    """One call, of floats; of quantised inputs and outputs, what they stand for, rounded as the kernels do it."""
    given, gives = made.get_input_details()[0], made.get_output_details()[0]
    made.set_tensor(given["index"], quantised(x, given, reference))
    made.invoke()
    y = made.get_tensor(gives["index"])
    if y.dtype.kind == "f":
        return y
    scale, zero_point = gives["quantization"]
    return ((y.astype(np.int32) - zero_point) * np.float32(scale)).astype(np.float32)


def quantised(x, about, reference):
    if about["dtype"] == np.float32:
        return x
    scale, zero_point = about["quantization"]
    limits = np.iinfo(about["dtype"])
    scale = np.float32(scale)
    if reference:
        exact = (x / scale).astype(np.float64)
        rounded = np.trunc(exact + np.copysign(0.5, exact))
    else:
        rounded = np.rint(x * (np.float32(1) / scale))
    return np.clip(rounded + zero_point, limits.min, limits.max).astype(about["dtype"])


def scores(path, x, frames, *, micro):
    """What a file with state gives of a signal, `frames` of them at each call; a new interpreter."""
    made = interpreter(path)
    blocks = [x[None, at : at + frames] for at in range(0, len(x), frames)]
    if not micro:
        return np.concatenate([called(made, block) for block in blocks])
    from tflite_micro.python.tflite_micro import runtime

    about, gives = made.get_input_details()[0], made.get_output_details()[0]
    made = runtime.Interpreter.from_file(str(path))
    found = []
    for block in blocks:
        made.set_input(quantised(block, about, True), 0)
        made.invoke()
        found.append(made.get_output(0).copy())
    return ((np.concatenate(found).astype(np.int32) - gives["quantization"][1]) * np.float32(
        gives["quantization"][0])).astype(np.float32)  # fmt: skip
