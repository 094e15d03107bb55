"""Small files of openWakeWord's kind: a mel model, an embedding and networks of words, in ONNX and TFLite."""

import numpy as np
from tflite_files import TfliteFile

import wavenetlite as wl

MAPS, WIDTH, FRAMES = 3, 5, 3
"""Of the small embedding; and embeddings that a word's network reads."""


def embedding_layers(seed=0):
    """(kind, values): weights as (maps out, maps in, frames, bins), the zeros around the bins, and windows."""
    rng, maps = np.random.default_rng(seed), 1
    layers = []
    for kernel, pads, pool in (((5, 3), 1, (2, 2)), ((1, 3), 1, (2, 2)), ((3, 1), 0, (2, 2)), ((1, 1), 0, (1, 2))):
        weight = rng.standard_normal((MAPS, maps, *kernel)).astype(np.float32) / (maps * kernel[0] * kernel[1]) ** 0.5
        layers += [("conv", weight, rng.standard_normal(MAPS).astype(np.float32) / 4, pads), ("leaky",), ("pool", pool)]
        maps = MAPS
    return [*layers, ("conv", rng.standard_normal((WIDTH, MAPS, 2, 2)).astype(np.float32), None, 0)]


def embedding_frames(layers):
    """Frames that one embedding sees."""
    frames = 1
    for kind, *values in reversed(layers):
        if kind == "conv":
            frames += values[0].shape[2] - 1
        elif kind == "pool":
            frames *= values[0][0]
    return frames


def onnx_embedding(layers, *, change=None):
    from onnx_graphs import graph_bytes

    constants, nodes, name = (
        {"shape": np.array([-1, 1, embedding_frames(layers), 32]), "low": np.float32(-0.4)},
        [],
        "i",
    )
    nodes.append(("Reshape", ["x", "shape"], ["i"], {}))
    for index, (kind, *values) in enumerate(layers):
        made = f"t{index}"
        if kind == "conv":
            weight, bias, pads = values
            constants[f"w{index}"] = weight
            reads = [name, f"w{index}"]
            if bias is not None:
                constants[f"b{index}"] = bias
                reads.append(f"b{index}")
            nodes.append(("Conv", reads, [made], {"kernel_shape": list(weight.shape[2:]), "pads": [0, pads, 0, pads]}))
        elif kind == "leaky":
            nodes += [("LeakyRelu", [name], [f"l{index}"], {"alpha": 0.2}), ("Max", [f"l{index}", "low"], [made], {})]
        else:
            nodes.append(("MaxPool", [name], [made], {"kernel_shape": list(values[0]), "strides": list(values[0])}))
        name = made
    constants["flat"] = np.array([-1, 1, 1, WIDTH])
    nodes.append(("Reshape", [name, "flat"], ["y"], {}))
    if change is not None:
        change(nodes, constants)
    return graph_bytes(nodes, constants, inputs={"x": ["B", embedding_frames(layers), 32, 1]})


def tflite_embedding(layers):
    file, frames, bins, maps = TfliteFile(), embedding_frames(layers), 32, 1
    x = y = file.tensor((1, frames, bins, 1), signature=(-1, frames, bins, 1))
    for kind, *values in layers:
        if kind == "conv":
            weight, bias, pads = values
            if pads:
                sides = file.constant(np.array([[0, 0], [0, 0], [pads, pads], [0, 0]], np.int32))
                y = file.operator("PAD", [y, sides], [file.tensor((1, frames, bins + 2 * pads, maps))])
            frames, bins = frames - weight.shape[2] + 1, bins + 2 * pads - weight.shape[3] + 1
            maps = len(weight)
            held = [file.constant(np.ascontiguousarray(weight.transpose(0, 2, 3, 1))),
                    -1 if bias is None else file.constant(bias)]  # fmt: skip
            y = file.operator("CONV_2D", [y, *held], [file.tensor((1, frames, bins, maps))], padding=1, stride_w=1,
                              stride_h=1, activation=0, dilation_w=1, dilation_h=1)  # fmt: skip
        elif kind == "leaky":
            y = file.operator("LEAKY_RELU", [y], [file.tensor((1, frames, bins, maps))], alpha=0.2)
            low = file.constant(np.array(-0.4, np.float32))
            y = file.operator("MAXIMUM", [y, low], [file.tensor((1, frames, bins, maps))])
        else:
            height, width = values[0]
            frames, bins = frames // height, bins // width
            y = file.operator("MAX_POOL_2D", [y], [file.tensor((1, frames, bins, maps))], padding=1, stride_w=width,
                              stride_h=height, width=width, height=height, activation=0)  # fmt: skip
    file.ends([x], [y])
    return file.bytes(signatures=[{"key": "serving_default", "subgraph": 0}])


def word_weights(seed=1, hidden=4):
    rng = np.random.default_rng(seed)
    shapes = {
        "w1": (hidden, FRAMES * WIDTH),
        "b1": (hidden,),
        "g": (hidden,),
        "h": (hidden,),
        "w2": (1, hidden),
        "b2": (1,),
    }
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def onnx_word(weights, *, written_out=True, end="Sigmoid"):
    """A matrix, a layer norm (as arithmetic, as older exporters write it, or as a node), a rectifier, a matrix."""
    from onnx_graphs import graph_bytes

    norm = [
        ("ReduceMean", ["a"], ["m"], {"axes": [-1]}), ("Sub", ["a", "m"], ["d"], {}), ("Pow", ["d", "two"], ["q"], {}),
        ("ReduceMean", ["q"], ["v"], {"axes": [-1]}), ("Add", ["v", "eps"], ["e"], {}), ("Sqrt", ["e"], ["s"], {}),
        ("Div", ["d", "s"], ["n"], {}), ("Mul", ["n", "g"], ["o"], {}), ("Add", ["o", "h"], ["k"], {}),
    ]  # fmt: skip
    if not written_out:
        norm = [("LayerNormalization", ["a", "g", "h"], ["k"], {"axis": -1, "epsilon": 1e-5})]
    nodes = [
        ("Flatten", ["x"], ["f"], {"axis": 1}), ("Gemm", ["f", "w1", "b1"], ["a"], {"transB": 1}), *norm,
        ("Relu", ["k"], ["r"], {}), ("Gemm", ["r", "w2", "b2"], ["z"], {"transB": 1}), (end, ["z"], ["y"], {}),
    ]  # fmt: skip
    constants = weights | {"two": np.float32(2), "eps": np.float32(1e-5)}
    return graph_bytes(nodes, constants, opset=17, inputs={"x": [1, FRAMES, WIDTH]})


def matrices(file, x, weights, *, shared=None):
    """Operators of a word in a TFLite file, without the norm; weights may be tensors already."""
    given = shared or {name: file.constant(value) for name, value in weights.items() if name[0] in "wb"}
    flat = file.constant(np.array([-1, FRAMES * WIDTH], np.int32))
    y = file.operator("RESHAPE", [x, flat], [file.tensor((1, FRAMES * WIDTH))])
    hidden = len(weights["w1"])
    y = file.operator("FULLY_CONNECTED", [y, given["w1"], given["b1"]], [file.tensor((1, hidden))], activation=1)
    y = file.operator("FULLY_CONNECTED", [y, given["w2"], given["b2"]], [file.tensor((1, 1))])
    return file.operator("LOGISTIC", [y], [file.tensor((1, 1))])


def tflite_word(weights, verifier=None, bound=0.5):
    """A word; with the weights of a second network, that behind an IF, as the file of hey_jarvis has it."""
    file = TfliteFile()
    x = file.tensor((1, FRAMES, WIDTH))
    score = matrices(file, x, weights)
    if verifier is None:
        file.ends([x], [score])
        return file.bytes(signatures=[{"key": "serving_default", "subgraph": 0}])
    names = [name for name in verifier if name[0] in "wb"]
    limit = file.constant(np.array(bound, np.float32))
    passed = file.operator("GREATER_EQUAL", [score, limit], [file.tensor((1, 1), "bool")])
    none = file.constant(np.zeros(0, np.int32))
    passed = file.operator("RESHAPE", [passed, none], [file.tensor((), "bool")])
    given = [file.constant(verifier[name]) for name in names]
    end = file.operator("IF", [passed, x, *given, score], [file.tensor((1, 1))], **{"then": 2, "else": 1})
    file.ends([x], [end])
    for second in (False, True):
        file.graph()
        own, held = file.tensor((1, FRAMES, WIDTH)), {name: file.tensor(verifier[name].shape) for name in names}
        first = file.tensor((1, 1))
        made = matrices(file, own, verifier, shared=held) if second else first
        file.ends([own, *held.values(), first], [made])
    return file.bytes(signatures=[{"key": "serving_default", "subgraph": 0}])


def mel_model(filters=None):
    """What is looked at of a mel model: its filters."""
    from onnx_graphs import graph_bytes

    held = wl.features.OpenWakeWordMel().state_dict()["mel"].T if filters is None else filters
    return graph_bytes([("MatMul", ["x", "m"], ["y"], {})], {"m": np.ascontiguousarray(held)}, inputs={"x": ["B", 257]})
