"""The tables of TFLite's schema (version 3) of which something is read, its operators and its types."""

from __future__ import annotations

from wavenetlite.formats.flatbuffer import Field, Table

QUANTIZATION: Table = {
    2: Field("scale", "floats"), 3: Field("zero_point", "longs"), 4: Field("details_type", "uint8"),
    6: Field("axis", "int32"),
}  # fmt: skip
TENSOR: Table = {
    0: Field("shape", "ints"), 1: Field("type", "int8"), 2: Field("buffer", "uint32"), 3: Field("name", "text"),
    4: Field("quantization", QUANTIZATION), 5: Field("is_variable", "bool"), 6: Field("sparsity", "position"),
    7: Field("signature", "ints"),
}  # fmt: skip
OPERATOR: Table = {
    0: Field("code", "uint32"), 1: Field("inputs", "ints"), 2: Field("outputs", "ints"),
    3: Field("options_type", "uint8"), 4: Field("options", "position"),
}  # fmt: skip
SUBGRAPH: Table = {
    0: Field("tensors", TENSOR, many=True), 1: Field("inputs", "ints"), 2: Field("outputs", "ints"),
    3: Field("operators", OPERATOR, many=True), 4: Field("name", "text"),
}  # fmt: skip
OPERATOR_CODE: Table = {
    0: Field("old_code", "int8"), 1: Field("custom", "text"), 2: Field("version", "int32", default=1),
    3: Field("code", "int32"),
}  # fmt: skip
BUFFER: Table = {0: Field("data", "bytes"), 1: Field("offset", "uint64"), 2: Field("size", "uint64")}
NAMED_TENSOR: Table = {0: Field("name", "text"), 1: Field("tensor", "uint32")}
SIGNATURE: Table = {
    0: Field("inputs", NAMED_TENSOR, many=True), 1: Field("outputs", NAMED_TENSOR, many=True), 2: Field("key", "text"),
    4: Field("subgraph", "uint32"),
}  # fmt: skip
MODEL: Table = {
    0: Field("version", "uint32"), 1: Field("codes", OPERATOR_CODE, many=True),
    2: Field("subgraphs", SUBGRAPH, many=True), 4: Field("buffers", BUFFER, many=True),
    7: Field("signatures", SIGNATURE, many=True),
}  # fmt: skip

# Options of operators


def numbers(*names: str) -> Table:
    return {number: Field(name, "int32") for number, name in enumerate(names)}


ACTIVATION: Table = {0: Field("activation", "int8")}
CONV_2D: Table = {
    0: Field("padding", "int8"), 1: Field("stride_w", "int32"), 2: Field("stride_h", "int32"),
    3: Field("activation", "int8"), 4: Field("dilation_w", "int32", default=1),
    5: Field("dilation_h", "int32", default=1),
}  # fmt: skip
DEPTHWISE_CONV_2D: Table = {
    0: Field("padding", "int8"), 1: Field("stride_w", "int32"), 2: Field("stride_h", "int32"),
    3: Field("multiplier", "int32"), 4: Field("activation", "int8"), 5: Field("dilation_w", "int32", default=1),
    6: Field("dilation_h", "int32", default=1),
}  # fmt: skip
POOL_2D: Table = {
    0: Field("padding", "int8"), 1: Field("stride_w", "int32"), 2: Field("stride_h", "int32"),
    3: Field("width", "int32"), 4: Field("height", "int32"), 5: Field("activation", "int8"),
}  # fmt: skip
AXIS: Table = numbers("axis")

OPTIONS: dict[str, Table] = {
    "ADD": ACTIVATION, "SUB": ACTIVATION, "MUL": ACTIVATION, "DIV": ACTIVATION,
    "AVERAGE_POOL_2D": POOL_2D, "MAX_POOL_2D": POOL_2D, "CONV_2D": CONV_2D, "DEPTHWISE_CONV_2D": DEPTHWISE_CONV_2D,
    "CALL_ONCE": numbers("subgraph"),
    "CONCATENATION": AXIS | {1: Field("activation", "int8")},
    "FULLY_CONNECTED": ACTIVATION | {1: Field("weights_format", "int8"), 2: Field("keep_dims", "bool")},
    "GATHER": numbers("axis", "batch_dims"),
    "GELU": {0: Field("approximate", "bool")},
    "IF": numbers("then", "else"),
    "LEAKY_RELU": {0: Field("alpha", "float")},
    "MEAN": {0: Field("keep_dims", "bool")}, "SUM": {0: Field("keep_dims", "bool")},
    "REDUCE_MAX": {0: Field("keep_dims", "bool")}, "REDUCE_PROD": {0: Field("keep_dims", "bool")},
    "PACK": numbers("count", "axis"), "UNPACK": numbers("count", "axis"),
    "RESHAPE": {0: Field("shape", "ints")},
    "SHAPE": {0: Field("type", "int8")},
    "SOFTMAX": {0: Field("beta", "float")},
    "SPLIT": numbers("count"), "SPLIT_V": numbers("count"),
    "SQUEEZE": {0: Field("axes", "ints")},
    "STRIDED_SLICE": {**numbers("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_mask"),
                      5: Field("offset", "bool")},
    "VAR_HANDLE": {0: Field("container", "text"), 1: Field("name", "text")},
}  # fmt: skip
"""By operator: the options that are read. Operators that are not here have none, or none that matters."""

OPERATORS = [
    "ADD", "AVERAGE_POOL_2D", "CONCATENATION", "CONV_2D", "DEPTHWISE_CONV_2D", "DEPTH_TO_SPACE", "DEQUANTIZE",
    "EMBEDDING_LOOKUP", "FLOOR", "FULLY_CONNECTED", "HASHTABLE_LOOKUP", "L2_NORMALIZATION", "L2_POOL_2D",
    "LOCAL_RESPONSE_NORMALIZATION", "LOGISTIC", "LSH_PROJECTION", "LSTM", "MAX_POOL_2D", "MUL", "RELU",
    "RELU_N1_TO_1", "RELU6", "RESHAPE", "RESIZE_BILINEAR", "RNN", "SOFTMAX", "SPACE_TO_DEPTH", "SVDF", "TANH",
    "CONCAT_EMBEDDINGS", "SKIP_GRAM", "CALL", "CUSTOM", "EMBEDDING_LOOKUP_SPARSE", "PAD",
    "UNIDIRECTIONAL_SEQUENCE_RNN", "GATHER", "BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND", "TRANSPOSE", "MEAN", "SUB",
    "DIV", "SQUEEZE", "UNIDIRECTIONAL_SEQUENCE_LSTM", "STRIDED_SLICE", "BIDIRECTIONAL_SEQUENCE_RNN", "EXP",
    "TOPK_V2", "SPLIT", "LOG_SOFTMAX", "DELEGATE", "BIDIRECTIONAL_SEQUENCE_LSTM", "CAST", "PRELU", "MAXIMUM",
    "ARG_MAX", "MINIMUM", "LESS", "NEG", "PADV2", "GREATER", "GREATER_EQUAL", "LESS_EQUAL", "SELECT", "SLICE",
    "SIN", "TRANSPOSE_CONV", "SPARSE_TO_DENSE", "TILE", "EXPAND_DIMS", "EQUAL", "NOT_EQUAL", "LOG", "SUM", "SQRT",
    "RSQRT", "SHAPE", "POW", "ARG_MIN", "FAKE_QUANT", "REDUCE_PROD", "REDUCE_MAX", "PACK", "LOGICAL_OR", "ONE_HOT",
    "LOGICAL_AND", "LOGICAL_NOT", "UNPACK", "REDUCE_MIN", "FLOOR_DIV", "REDUCE_ANY", "SQUARE", "ZEROS_LIKE", "FILL",
    "FLOOR_MOD", "RANGE", "RESIZE_NEAREST_NEIGHBOR", "LEAKY_RELU", "SQUARED_DIFFERENCE", "MIRROR_PAD", "ABS",
    "SPLIT_V", "UNIQUE", "CEIL", "REVERSE_V2", "ADD_N", "GATHER_ND", "COS", "WHERE", "RANK", "ELU",
    "REVERSE_SEQUENCE", "MATRIX_DIAG", "QUANTIZE", "MATRIX_SET_DIAG", "ROUND", "HARD_SWISH", "IF", "WHILE",
    "NON_MAX_SUPPRESSION_V4", "NON_MAX_SUPPRESSION_V5", "SCATTER_ND", "SELECT_V2", "DENSIFY", "SEGMENT_SUM",
    "BATCH_MATMUL", "PLACEHOLDER_FOR_GREATER_OP_CODES", "CUMSUM", "CALL_ONCE", "BROADCAST_TO", "RFFT2D", "CONV_3D",
    "IMAG", "REAL", "COMPLEX_ABS", "HASHTABLE", "HASHTABLE_FIND", "HASHTABLE_IMPORT", "HASHTABLE_SIZE",
    "REDUCE_ALL", "CONV_3D_TRANSPOSE", "VAR_HANDLE", "READ_VARIABLE", "ASSIGN_VARIABLE", "BROADCAST_ARGS",
    "RANDOM_STANDARD_NORMAL", "BUCKETIZE", "RANDOM_UNIFORM", "MULTINOMIAL", "GELU", "DYNAMIC_UPDATE_SLICE",
    "RELU_0_TO_1", "UNSORTED_SEGMENT_PROD", "UNSORTED_SEGMENT_MAX", "UNSORTED_SEGMENT_SUM", "ATAN2",
    "UNSORTED_SEGMENT_MIN", "SIGN",
]  # fmt: skip
"""Names by their numbers, up to the last that a model from Keras has."""

TYPES = {
    0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 5: "string", 6: "bool", 7: "int16", 9: "int8",
    10: "float64", 12: "uint64", 13: "resource", 14: "variant", 15: "uint32", 16: "uint16", 17: "int4", 18: "bfloat16",
}  # fmt: skip
"""Names of tensors' types by their numbers."""
