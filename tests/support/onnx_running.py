"""ONNX Runtime as the tests use it: whole signals, and streams through one cache, as the files' metadata say."""

import base64
import io
import json
import math
from fractions import Fraction

import numpy as np
import onnx
import onnxruntime

from wavenetlite.formats import onnx as onnx_format


def exported(model, **options):
    """The bytes of a model's ONNX file."""
    file = io.BytesIO()
    onnx_format.save(model, file, **options)
    return file.getvalue()


def bare(data):
    """A file of ours without the network in its metadata: only its graph is left to be read."""
    model = onnx.load_model_from_string(data)
    kept = [one for one in model.metadata_props if not one.key.startswith("network")]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    return model.SerializeToString()


def session(data):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def fed(name, value):
    return {} if value is None else {name: np.ascontiguousarray(value.T[None])}


def offline(data, x, c=None):
    """The output (frames, channels) for a whole signal."""
    return session(data).run(None, fed("x", x) | fed("c", c))[0][0].T


def streamed(data, x, c=None, blocks=(1, 3, 2, 7), period=1):
    """The output for a signal in blocks; lengths are counted in the smallest block there is."""
    running = session(data)
    about = running.get_modelmeta().custom_metadata_map
    initial, shape = about["cache_initial"], json.loads(about["cache_shape"])
    cache = np.zeros(shape, np.float32)
    if initial != "zeros":
        cache = np.frombuffer(base64.b64decode(initial), "<f4").reshape(shape)
    delay, rate = int(about["delay"]), Fraction(about["frame_period"])
    unit = math.lcm(int(about["block_multiple"]), period)
    total = math.ceil((len(x) + delay * rate) / unit) * unit
    valid = (np.arange(total) < len(x)).astype(np.float32)[:, None]
    x, c = longer(x, total), None if c is None else longer(c, total // period)
    has_valid = "valid" in {one.name for one in running.get_overridable_initializers()}
    outputs, at, number = [], 0, 0
    while at < total:
        end = min(total, at + unit * blocks[number % len(blocks)])
        number += 1
        given = fed("x", x[at:end]) | fed("valid", valid[at:end] if has_valid else None) | {"cache": cache}
        given |= fed("c", None if c is None else c[at // period : end // period])
        y, cache = running.run(None, given)
        outputs.append(y[0].T)
        at = end
    return np.concatenate(outputs)[delay:]


def longer(x, frames):
    return np.concatenate([x, np.zeros((frames - len(x), x.shape[1]), np.float32)])
