"""Errors of wavenetlite.ops: the right class, one line, with the parameter, the value and the rule."""

import numpy as np
import pytest
from ops_cases import normal

import wavenetlite as wl
from wavenetlite import ArrayTypeError, ParameterError

ops = wl.ops
X1, X2 = normal((2, 9, 4), 0), normal((2, 9, 8, 4), 0)
F1, F2 = normal((3, 4, 6), 1), normal((3, 3, 4, 6), 1)
T1, T2 = normal((3, 6, 4), 1), normal((3, 3, 6, 4), 1)
V4, V6 = np.ones(4, np.float32), np.ones(6, np.float32)
FAR = [[0, 0], [0, 0]]

CASES = [
    # arrays: type, dtype, rank, layout
    (lambda: ops.conv1d(X1.tolist(), F1), ArrayTypeError, "value is a list", "NumPy array"),
    (lambda: ops.conv1d(X1.astype(np.float64), F1), ArrayTypeError, "value has dtype float64", "float32"),
    (lambda: ops.conv2d(X2, F2.astype(np.float16)), ArrayTypeError, "filters has dtype float16", "float32"),
    (lambda: ops.conv1d(X2, F1), ParameterError, "value has shape (2, 9, 8, 4)", "(batch, width, channels)"),
    (lambda: ops.conv2d(X1, F2), ParameterError, "value has shape (2, 9, 4)", "(batch, height, width, channels)"),
    (lambda: ops.conv2d(X2, F1), ParameterError, "filters has shape (3, 4, 6)", "(height, width, in channels / groups"),
    (lambda: ops.conv1d(X1[:, ::2], F1), ParameterError, "value has strides", "C-contiguous"),
    (lambda: ops.conv1d(X1, F1.T.copy().T), ParameterError, "filters has strides", "C-contiguous"),
    (lambda: ops.conv1d(X1, F1[:0]), ParameterError, "filters has shape (0, 4, 6)", "positive"),
    (lambda: ops.conv1d(X1, F1, bias=V4), ParameterError, "bias has shape (4,)", "(6,)"),
    (lambda: ops.conv1d(X1, F1, bias=[0] * 6), ArrayTypeError, "bias is a list", "NumPy array"),
    # depth and groups
    (lambda: ops.conv1d(normal((1, 9, 5), 0), F1), ParameterError, "filters has input depth 4", "5"),
    (lambda: ops.conv2d(X2, F2, groups=2), ParameterError, "filters has input depth 4 * groups=2", "4"),
    (lambda: ops.conv2d(X2, F2, groups=4), ParameterError, "groups=4", "must divide out channels=6"),
    (lambda: ops.conv2d(X2, F2, groups=0), ParameterError, "groups=0", "positive"),
    (lambda: ops.atrous_conv2d(normal((1, 5, 5, 3), 0), F2, 2, "SAME"), ParameterError, "depth 4", "3"),
    # strides, rates
    (lambda: ops.conv1d(X1, F1, 0), ParameterError, "stride=0", "positive"),
    (lambda: ops.conv1d(X1, F1, 1.5), ArrayTypeError, "stride=1.5", "integers"),
    (lambda: ops.conv1d(X1, F1, True), ArrayTypeError, "stride=True", "integer"),
    (lambda: ops.conv2d(X2, F2, (1, 0)), ParameterError, "strides[1]=0", "positive"),
    (lambda: ops.conv2d(X2, F2, (1, 2, 3)), ParameterError, "strides=(1, 2, 3)", "height, width"),
    (lambda: ops.conv2d(X2, F2, (2, 1, 1, 1)), ParameterError, "strides=(2, 1, 1, 1)", "height, width"),
    (lambda: ops.conv2d(X2, F2, dilations=-1), ParameterError, "dilations=-1", "positive"),
    (lambda: ops.conv2d(X2, F2, dilations="2"), ArrayTypeError, "dilations='2'", "integers"),
    (lambda: ops.conv2d(X2, F2, dilations=2**40), ParameterError, f"dilations={2**40}", "at most"),
    (lambda: ops.atrous_conv2d(X2, F2, 0, "SAME"), ParameterError, "rate=0", "positive"),
    (lambda: ops.atrous_conv2d(X2, F2, -2, "SAME"), ParameterError, "rate=-2", "positive"),
    (lambda: ops.atrous_conv2d(X2, F2, 1.0, "SAME"), ArrayTypeError, "rate=1.0", "integer"),
    # padding
    (lambda: ops.conv1d(X1, F1, padding="same"), ParameterError, "padding='same'", "SAME, VALID, CAUSAL"),
    (lambda: ops.conv2d(X2, F2, padding=2), ArrayTypeError, "padding=2", "pair"),
    (lambda: ops.conv2d(X2, F2, padding=None), ArrayTypeError, "padding=None", "pair"),
    (lambda: ops.conv2d(X2, F2, padding=[1, 1]), ArrayTypeError, "padding=[1, 1]", "pair"),
    (lambda: ops.conv2d(X2, F2, padding=[[1, 1]]), ParameterError, "padding=[[1, 1]]", "height, width"),
    (lambda: ops.conv2d(X2, F2, padding=[[1, 1], [1]]), ParameterError, "padding=[[1, 1], [1]]", "pair"),
    (lambda: ops.conv2d(X2, F2, padding=[[0, 1], [2, 2], [0, 0], [0, 0]]), ParameterError, "padding=", "height, width"),
    (lambda: ops.conv2d(X2, F2, padding=[[0, 0], [-1, 0]]), ParameterError, "padding[1][0]=-1", "negative"),
    (lambda: ops.atrous_conv2d(X2, F2, 2, "CAUSAL"), ParameterError, "padding='CAUSAL'", "SAME, VALID"),
    (lambda: ops.atrous_conv2d(X2, F2, 2, [[0, 0], [0, 0]]), ParameterError, "padding=", "SAME, VALID"),
    (lambda: ops.atrous_conv2d(X2, F2, 7, "VALID"), ParameterError, "value has height=9", "at least 14"),
    (lambda: ops.conv1d(X1, F1, 1, [[1, 0]], dilations=6), ParameterError, "1 of padding", "at least 11"),
    # gradients
    (lambda: ops.conv1d_gradient(X1, X1, F1), ParameterError, "upstream has shape (2, 9, 4)", "(2, 9, 6)"),
    (lambda: ops.conv2d_gradient(X1, X2, F2), ParameterError, "upstream has shape (2, 9, 4)", "(batch, height"),
    (lambda: ops.conv2d_gradient(None, X2, F2), ArrayTypeError, "upstream is a NoneType", "NumPy array"),
    (lambda: ops.conv1d_transpose_gradient(X1, X1, T1), ParameterError, "upstream has shape (2, 9, 4)", "(2, 9, 6)"),
    # transposed
    (lambda: ops.conv1d_transpose(X1, F1), ParameterError, "value has depth 4", "6"),
    (lambda: ops.conv1d_transpose(X1, T1, 19, 2, "VALID", bias=V4), ParameterError, "bias has shape (4,)", "(6,)"),
    (lambda: ops.conv1d_transpose(X1, T1, 21, 2), ParameterError, "output_shape has sizes (21,)", "value, (9,)"),
    (lambda: ops.conv2d_transpose(X2, T2, (9,), 1), ParameterError, "output_shape=(9,)", "(2, height, width, 6)"),
    (lambda: ops.conv2d_transpose(X2, T2, (2, 9, 8, 4)), ParameterError, "output_shape=(2, 9, 8, 4)", "6"),
    (lambda: ops.conv2d_transpose(X2, T2, (9, -8)), ParameterError, "output_shape[1]=-8", "negative"),
    (lambda: ops.conv2d_transpose(X2, T2, "SAME"), ArrayTypeError, "output_shape='SAME'", "integers"),
    (lambda: ops.conv1d_transpose(X1[:, :1].copy(), T1, None, 1, [[3, 3]]), ParameterError, "padding=(3, 3)", "cut"),
    (lambda: ops.conv1d_transpose(X1, T1, groups=3), ParameterError, "groups=3", "must divide in channels=4"),
    # space to batch, sequences
    (lambda: ops.space_to_batch(X2, 2, FAR), ParameterError, "height=9", "multiple of 2"),
    (lambda: ops.space_to_batch(X2, 0, FAR), ParameterError, "block_shape=0", "positive"),
    (lambda: ops.space_to_batch(X2, 1, [[0, 0]]), ParameterError, "paddings=[[0, 0]]", "height, width"),
    (lambda: ops.space_to_batch(V4, 1, [[0, 0]]), ParameterError, "value has shape (4,)", "channels"),
    (lambda: ops.batch_to_space(X2, 2, FAR), ParameterError, "value has batch 2", "multiple of 4, the blocks"),
    (lambda: ops.batch_to_space(X1, 2, [[10, 9]]), ParameterError, "crops=[[10, 9]] cut 19 of width=18", "must not"),
    (lambda: ops.atrous_sequence(X2, [], 2), ArrayTypeError, "filters is a list", "at least one array"),
    (lambda: ops.atrous_sequence(X2, F2, 2), ArrayTypeError, "filters is a ndarray", "list"),
    (lambda: ops.atrous_sequence(X2, [F2, F2], 2), ParameterError, "filters[1] has input depth 4", "6"),
    (lambda: ops.atrous_sequence(X2, [F2], 2, biases=[]), ParameterError, "biases", "1 arrays"),
    (lambda: ops.atrous_sequence(X2, [F2], 2, biases=[V4]), ParameterError, "biases[0] has shape (4,)", "(6,)"),
    (lambda: ops.atrous_sequence(X2, [F2], 0), ParameterError, "rate=0", "positive"),
    (lambda: ops.atrous_sequence(X2, [F2], 2, "same"), ParameterError, "padding='same'", "SAME, VALID, CAUSAL"),
    (lambda: ops.atrous_sequence(X2, [F2], 2, activation="tanh"), ParameterError, "activation='tanh'", "relu"),
    (lambda: ops.atrous_sequence(X2, [F2] * 1, 6, "VALID"), ParameterError, "value has height=9", "at least 12"),
    (lambda: ops.atrous_sequence_gradient(X2, X2, [F2], 2), ParameterError, "upstream has shape", "(2, 9, 8, 6)"),
    # pooling, normalisation
    (lambda: ops.max_pool2d(X2, 0, 1, "SAME"), ParameterError, "ksize=0", "positive"),
    (lambda: ops.avg_pool2d(X2, 2, (1, 2, 2), "SAME"), ParameterError, "strides=(1, 2, 2)", "height, width"),
    (lambda: ops.max_pool1d(X1, 2, 2, "FULL"), ParameterError, "padding='FULL'", "SAME, VALID"),
    (lambda: ops.max_pool1d(X1, 2, 2, [[2, 0]]), ParameterError, "padding=[[2, 0]]", "less than ksize=2"),
    (lambda: ops.max_pool1d(X1, 11, 1, "VALID"), ParameterError, "value has width=9", "at least 10"),
    (lambda: ops.max_pool1d(X1[:, :0].copy(), 2, 1, [[1, 1]]), ParameterError, "value has width=0", "at least 1"),
    (lambda: ops.max_pool2d_gradient(X2, X2, 2, 2, "SAME"), ParameterError, "upstream has shape", "(2, 5, 4, 4)"),
    (lambda: ops.batch_norm(V4, V4, V4), ParameterError, "value has shape (4,)", "(..., channels)"),
    (lambda: ops.batch_norm(X1, V6, V4), ParameterError, "scale has shape (6,)", "(4,)"),
    (lambda: ops.batch_norm(X1, V4, None), ArrayTypeError, "offset is a NoneType", "NumPy array"),
    (lambda: ops.batch_norm(X1, V4, V4, V4), ParameterError, "mean and variance", "together"),
    (lambda: ops.batch_norm(X1, V4, V4, V4, -V4), ParameterError, "variance is -1", "positive"),
    (lambda: ops.batch_norm(X1, V4, V4, epsilon=-1), ParameterError, "epsilon=-1", "at least 0"),
    (lambda: ops.batch_norm(X1[:0], V4, V4), ParameterError, "value has shape (0, 9, 4)", "at least one pixel"),
    (lambda: ops.moments(X1[:, :0].copy()), ParameterError, "value has shape (2, 0, 4)", "at least one pixel"),
    (lambda: ops.batch_norm_gradient(X2, X1, V4, V4), ParameterError, "upstream has shape", "(2, 9, 4)"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("call", "kind", "said", "rule"), CASES, ids=[f"{i}: {case[2]}" for i, case in enumerate(CASES)]
)
def test_the_message_is_one_line_with_value_and_rule(call, kind, said, rule):
    with pytest.raises(kind) as excinfo:
        call()
    message = str(excinfo.value)
    assert "\n" not in message and said in message and rule in message, message
    assert isinstance(excinfo.value, wl.WavenetliteError | ValueError | TypeError)


def test_every_operator_has_its_gradient():
    operators = {name for name in ops.__all__ if name.islower() and not name.endswith("_gradient")}
    assert {f"{name}_gradient" for name in operators - {"moments"}} <= set(ops.__all__)
