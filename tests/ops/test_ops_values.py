"""Values of wavenetlite.ops: against the definitions in float64, PyTorch, and themselves in other batches and tiles."""

import math

import numpy as np
import ops_reference
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from ops_cases import KERNELS, NAMES, PAIRS, STRIDES, close, convolutions, normal, one_thread_of_pytorch

import wavenetlite as wl

ops = wl.ops


def convolve(case, bias=True):
    conv = ops.conv1d if case.axes == 1 else ops.conv2d
    arguments, options = case.options()
    filters = case.filters()[0] if case.axes == 1 else case.filters()
    return conv(case.shaped(case.value()), filters, *arguments, **options, bias=case.bias() if bias else None)


# ------------------------------------------------------------------------------------------------------ convolution
@given(convolutions(least=0))
def test_convolution_is_its_definition(case):
    reference = ops_reference.convolution(case.value(), case.filters(), case.bias(), case.geometry, case.groups)
    close(convolve(case), case.shaped(reference))


@given(convolutions())
def test_convolution_agrees_with_pytorch(case):
    torch = one_thread_of_pytorch()
    value, filters = case.value().transpose(0, 3, 1, 2), case.filters().transpose(3, 2, 0, 1)
    (top, bottom), (left, right) = case.zeros()
    value = np.pad(value, [(0, 0), (0, 0), (top, bottom), (left, right)]).astype(np.float64)
    out = torch.nn.functional.conv2d(
        torch.from_numpy(value), torch.from_numpy(filters.astype(np.float64)), torch.from_numpy(case.bias()).double(),
        stride=case.strides, dilation=case.rates, groups=case.groups)  # fmt: skip
    close(convolve(case), case.shaped(out.numpy().transpose(0, 2, 3, 1)))


@pytest.mark.parametrize("size", [1, 2, 5, 17])
@pytest.mark.parametrize("rate", [1, 2, 7, 100])
@pytest.mark.parametrize("kernel", [1, 2, 3])
def test_atrous_conv2d_has_the_documented_shape(size, rate, kernel):
    value, filters = normal((2, size, size + 1, 3), 0), normal((kernel, kernel, 3, 5), 1)
    assert ops.atrous_conv2d(value, filters, rate, "SAME").shape == (2, size, size + 1, 5)
    out = [n - rate * (kernel - 1) for n in (size, size + 1)]
    if min(out) >= 0:
        assert ops.atrous_conv2d(value, filters, rate, "VALID").shape == (2, *out, 5)
    else:
        with pytest.raises(wl.ParameterError, match="must be at least"):
            ops.atrous_conv2d(value, filters, rate, "VALID")


@given(convolutions(groups=False))
def test_atrous_conv2d_is_the_dilated_convolution(case):
    rate = case.rates[1]
    same = {"padding": "VALID" if case.padding == "VALID" else "SAME", "bias": case.bias()}
    try:
        dilated = ops.conv2d(case.value(), case.filters(), 1, dilations=rate, **same)
    except wl.ParameterError:
        with pytest.raises(wl.ParameterError):
            ops.atrous_conv2d(case.value(), case.filters(), rate, **same)
        return
    assert ops.atrous_conv2d(case.value(), case.filters(), rate, **same).tobytes() == dilated.tobytes()


@pytest.mark.parametrize("padding", ["SAME", "VALID", "CAUSAL"])
@pytest.mark.parametrize("stride", [1, 2, 3, 5])
@pytest.mark.parametrize("rate", [1, 3])
def test_output_sizes_are_the_documented_ones(padding, stride, rate):
    filters = normal((3, 1, 2), 0)
    for width in range(2 * rate, 20):
        got = ops.conv1d(normal((1, width, 1), 1), filters, stride, padding, dilations=rate).shape[1]
        assert got == math.ceil((width - 2 * rate) / stride if padding == "VALID" else width / stride)


def test_one_pixel_meets_only_the_tap_above_it():
    value, filters = normal((1, 1, 1, 3), 0), normal((3, 3, 3, 4), 1)
    for rate in (1, 2, 10**6):
        close(ops.atrous_conv2d(value, filters, rate, "SAME"), value @ filters[1, 1], 1e-6)
    close(ops.conv2d(value, filters, padding="CAUSAL", dilations=9), value @ filters[2, 1], 1e-6)


def test_a_rate_beyond_the_input_leaves_the_middle():
    value, filters = normal((2, 6, 5, 8), 0), normal((3, 3, 8, 4), 1)
    close(ops.atrous_conv2d(value, filters, 6, "SAME"), value @ filters[1, 1])


@pytest.mark.parametrize("shape", [(0, 5, 5, 2), (1, 0, 5, 2), (1, 5, 0, 2), (1, 0, 0, 2)])
def test_empty_images_have_empty_outputs(shape):
    filters = normal((3, 3, 2, 4), 0)
    out = ops.conv2d(np.zeros(shape, np.float32), filters, 2)
    assert out.shape == (shape[0], -(-shape[1] // 2), -(-shape[2] // 2), 4)
    assert ops.atrous_conv2d(np.zeros(shape, np.float32), filters, 7, "SAME").shape == (*shape[:3], 4)
    assert ops.conv2d_transpose(np.zeros(shape, np.float32), normal((3, 3, 4, 2), 0), strides=2).size == 0
    assert ops.max_pool2d(np.zeros(shape, np.float32), 2, 2, "SAME").size == 0
    gradient = ops.conv2d_gradient(np.zeros(out.shape, np.float32), np.zeros(shape, np.float32), filters, 2)
    assert gradient.value.shape == shape and not gradient.filters.any() and not gradient.bias.any()


def test_no_output_is_an_empty_array():
    assert ops.conv2d(normal((1, 2, 4, 1), 0), normal((3, 3, 1, 2), 1), padding="VALID").shape == (1, 0, 2, 2)


def test_outputs_that_read_only_zeros_are_the_bias():
    out = ops.conv1d(normal((1, 2, 3), 0), normal((1, 3, 2), 1), 5, [[5, 8]], bias=np.array([1, -2], np.float32))
    assert out[0, [0, 2]].tolist() == [[1, -2]] * 2 and out[0, 1].tolist() != [1, -2]


def test_padding_in_tensorflows_form():
    value, filters = normal((1, 5, 6, 2), 0), normal((3, 2, 2, 4), 1)
    short = ops.conv2d(value, filters, (2, 1), [[1, 2], [0, 3]], dilations=[1, 2])
    for padding in ([[0, 0], [1, 2], [0, 3], [0, 0]], np.array([[1, 2], [0, 3]])):
        assert (ops.conv2d(value, filters, [1, 2, 1, 1], padding, dilations=[1, 1, 2, 1]) == short).all()


# ------------------------------------------------------------------------------------------------- numeric contract
@given(convolutions())
def test_an_image_does_not_know_its_batch(case):
    whole = convolve(case)
    arguments, options = case.options()
    conv, filters = (ops.conv1d, case.filters()[0]) if case.axes == 1 else (ops.conv2d, case.filters())
    value = case.shaped(case.value())
    for i in range(case.batch):
        alone = conv(value[i : i + 1].copy(), filters, *arguments, **options, bias=case.bias())
        assert alone.tobytes() == whole[i].tobytes()


@given(convolutions(groups=False), st.integers(0, 5), st.integers(0, 5))
def test_zeros_written_out_are_the_padding(case, more, less):
    """Wider zeros, cut off behind: other runs, other tiles, the same bits."""
    assume(case.axes == 2)
    pairs = case.zeros()
    value = np.pad(case.value(), [(0, 0), *pairs, (0, 0)])
    (_, options), (rows, columns) = case.options(), case.out_sizes
    plain = ops.conv2d(value, case.filters(), case.strides, "VALID", **options, bias=case.bias())
    assert plain[:, :rows, :columns].tobytes() == convolve(case).tobytes()
    wide = np.pad(value, [(0, 0), (0, more), (0, 17 * less), (0, 0)])
    again = ops.conv2d(wide, case.filters(), case.strides, "VALID", **options, bias=case.bias())
    assert again[:, :rows, :columns].tobytes() == convolve(case).tobytes()


# ------------------------------------------------------------------------------------------ transposed convolutions
def transpose(case, value, bias=None):
    """`value` back through the convolution of a case, to its sizes."""
    arguments, options = case.options()
    filters = case.filters() if case.axes == 2 else case.filters()[0]
    back = ops.conv2d_transpose if case.axes == 2 else ops.conv1d_transpose
    sizes = case.sizes if case.axes == 2 else case.sizes[1]
    return back(case.shaped(value), filters, sizes, *arguments, **options, bias=bias)


@given(convolutions())
def test_transposed_convolution_is_its_definition(case):
    assume(case.padding != "CAUSAL")
    bias = normal((case.depth,), 5)
    reference = ops_reference.transposed(
        case.upstream(), case.filters(), bias, case.geometry, case.sizes, case.groups)  # fmt: skip
    close(transpose(case, case.upstream(), bias), case.shaped(reference))


@pytest.mark.slow
@given(convolutions(), PAIRS)
def test_transposed_convolution_agrees_with_pytorch(case, cut):
    torch = one_thread_of_pytorch()
    assume(case.axes == 2)
    cut = [min(cut[a], (case.kernels[a] - 1) * case.rates[a] // 2) for a in range(2)]
    filters = normal((*case.kernels, case.depth // case.groups, case.channels), 1)
    value = normal((case.batch, *case.sizes, case.channels), 0)
    padding = [[n, n] for n in cut]
    options = {"dilations": case.rates, "groups": case.groups}
    mine = ops.conv2d_transpose(value, filters, None, case.strides, padding, **options)
    per_group = filters.reshape(*case.kernels, case.depth // case.groups, case.groups, -1)
    weight = per_group.transpose(3, 4, 2, 0, 1).reshape(case.channels, -1, *case.kernels)
    out = torch.nn.functional.conv_transpose2d(
        torch.from_numpy(value.transpose(0, 3, 1, 2).astype(np.float64)), torch.from_numpy(weight.astype(np.float64)),
        stride=case.strides, padding=cut, dilation=case.rates, groups=case.groups)  # fmt: skip
    close(mine, out.numpy().transpose(0, 2, 3, 1))


@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_default_sizes_of_transposed_convolutions(kernel, stride):
    value, filters = normal((1, 5, 2), 0), normal((kernel, 4, 2), 1)
    sizes = {p: ops.conv1d_transpose(value, filters, None, stride, p).shape for p in ("SAME", "VALID", "CAUSAL")}
    least = 4 * stride + kernel
    assert sizes == {"SAME": (1, 5 * stride, 4), "VALID": (1, least, 4), "CAUSAL": (1, 5 * stride, 4)}


@given(st.integers(1, 5), STRIDES, st.integers(1, 3), st.integers(0, 9))
def test_causal_transposed_convolution_hears_nothing_later(kernel, stride, rate, at):
    value, filters = normal((1, 10, 2), 0), normal((kernel, 3, 2), 1)
    whole = ops.conv1d_transpose(value, filters, None, stride, "CAUSAL", dilations=rate)
    changed = value.copy()
    changed[:, at:] = 7
    other = ops.conv1d_transpose(changed, filters, None, stride, "CAUSAL", dilations=rate)
    assert (other[:, : at * stride] == whole[:, : at * stride]).all()
    valid = ops.conv1d_transpose(value, filters, None, stride, "VALID", dilations=rate)
    n = min(valid.shape[1], 10 * stride)
    assert (whole[:, :n] == valid[:, :n]).all() and not whole[:, n:].any()


# ------------------------------------------------------------------------------------ space to batch, and sequences
def test_space_to_batch_as_documented():
    value = np.arange(1, 17, dtype=np.float32).reshape(1, 4, 4, 1)
    out = ops.space_to_batch(value, 2, [[0, 0], [0, 0]])
    assert out[..., 0].tolist() == [[[1, 3], [9, 11]], [[2, 4], [10, 12]], [[5, 7], [13, 15]], [[6, 8], [14, 16]]]
    out = ops.space_to_batch(value.reshape(2, 2, 4, 1), 2, [[0, 0], [2, 0]])
    assert out.shape == (8, 1, 3, 1)
    assert out[..., 0].tolist() == [[[0, 1, 3]], [[0, 9, 11]], [[0, 2, 4]], [[0, 10, 12]],
                                    [[0, 5, 7]], [[0, 13, 15]], [[0, 6, 8]], [[0, 14, 16]]]  # fmt: skip


@given(st.integers(1, 2), st.integers(0, 3), st.data())
def test_batch_to_space_undoes_space_to_batch(axes, batch, data):
    blocks = data.draw(st.lists(st.integers(1, 4), min_size=axes, max_size=axes))
    before = data.draw(st.lists(st.integers(0, 5), min_size=axes, max_size=axes))
    sizes = data.draw(st.lists(st.integers(0, 9), min_size=axes, max_size=axes))
    pads = [(b, -(b + size) % block) for b, size, block in zip(before, sizes, blocks, strict=True)]
    value = normal((batch, *sizes, 3), 0)
    spread = ops.space_to_batch(value, blocks, pads)
    assert spread.shape[0] == batch * math.prod(blocks) and spread.flags.c_contiguous
    assert (ops.batch_to_space(spread, blocks, pads) == value).all()
    assert (ops.space_to_batch_gradient(spread, blocks, pads) == value).all()
    assert (ops.batch_to_space_gradient(value, blocks, pads) == spread).all()


@st.composite
def sequences(draw):
    """value, filters, rate, padding, options of a chain."""
    axes = draw(st.integers(1, 2))
    channels = draw(st.lists(st.sampled_from([1, 2, 3, 8, 16]), min_size=2, max_size=4))
    sizes = draw(st.lists(st.integers(0, 13), min_size=axes, max_size=axes))
    kernels = [draw(st.lists(st.integers(1, 4), min_size=axes, max_size=axes)) for _ in channels[1:]]
    filters = [normal((*k, i, o), n) for n, (k, i, o) in
               enumerate(zip(kernels, channels[:-1], channels[1:], strict=True))]  # fmt: skip
    rate = draw(st.sampled_from([1, 2, 3, 4, 5, 9]) | st.lists(st.integers(1, 5), min_size=axes, max_size=axes))
    biases = draw(st.sampled_from([None, [normal((n,), 9) for n in channels[1:]]]))
    options = {"biases": biases, "activation": draw(st.sampled_from([None, "relu"]))}
    value = normal((draw(st.integers(1, 2)), *sizes, channels[0]), 7)
    return value, filters, rate, draw(NAMES), options


def plain_chain(value, filters, rate, padding, biases, activation):
    """What goes into every convolution, and last what comes out."""
    conv = ops.conv1d if value.ndim == 3 else ops.conv2d
    found = [value]
    for i, one in enumerate(filters):
        bias = None if biases is None else biases[i]
        out = conv(found[-1], one, 1, padding, dilations=rate, bias=bias)
        found.append(np.maximum(out, 0) if activation and i + 1 < len(filters) else out)
    return found


@given(sequences())
def test_a_sequence_is_the_plain_chain_bit_for_bit(case):
    value, filters, rate, padding, options = case
    try:
        plain = plain_chain(value, filters, rate, padding, **options)[-1]
    except wl.ParameterError as error:
        with pytest.raises(wl.ParameterError) as excinfo:
            ops.atrous_sequence(value, filters, rate, padding, **options)
        assert str(excinfo.value) == str(error)
        return
    out = ops.atrous_sequence(value, filters, rate, padding, **options)
    assert out.shape == plain.shape and out.tobytes() == plain.tobytes()


# ---------------------------------------------------------------------------------------- pooling and normalisation
@st.composite
def poolings(draw):
    """value, windows, strides, padding, geometry; the value takes few values, so that maxima are shared."""
    sizes, kernels, strides = (draw(st.tuples(s, s)) for s in (st.integers(1, 12), KERNELS, STRIDES))
    pairs = st.tuples(*(st.tuples(st.integers(0, k - 1), st.integers(0, k - 1)) for k in kernels))
    padding = draw(NAMES | pairs)
    rules = {"CAUSAL": ("CAUSAL", "SAME")}.get(padding, (padding,) * 2) if isinstance(padding, str) else padding
    found = [ops_reference.sizes(n, k, s, 1, rule) for n, k, s, rule in
             zip(sizes, kernels, strides, rules, strict=True)]  # fmt: skip
    assume(min(out for out, _ in found) >= 1)
    value = normal((draw(st.integers(1, 2)), *sizes, draw(st.sampled_from([1, 3, 8, 17]))), draw(st.integers(0, 99)))
    geometry = [(out, before, stride, 1) for (out, before), stride in zip(found, strides, strict=True)]
    return np.round(2 * value) if draw(st.booleans()) else value, kernels, strides, padding, geometry


@given(poolings())
def test_pooling_is_its_definition(case):
    value, kernels, strides, padding, geometry = case
    largest = ops.max_pool2d(value, kernels, strides, padding)
    assert (largest == ops_reference.pooled(value, kernels, geometry, np.max)).all()
    close(ops.avg_pool2d(value, kernels, strides, padding), ops_reference.pooled(value, kernels, geometry, np.mean))
    if value.shape[1] == kernels[0] == 1 and padding != "CAUSAL":
        sequence = np.ascontiguousarray(value[:, 0])
        rest = (kernels[1], strides[1], padding if isinstance(padding, str) else padding[1:])
        assert (ops.max_pool1d(sequence, *rest) == largest[:, 0]).all()


def test_pooling_agrees_with_pytorch():
    torch = one_thread_of_pytorch()
    value = normal((2, 9, 11, 5), 0)
    tensor = torch.from_numpy(value.transpose(0, 3, 1, 2))
    largest = torch.nn.functional.max_pool2d(tensor, (3, 2), (2, 3), (1, 1))
    mean = torch.nn.functional.avg_pool2d(tensor, (3, 2), (2, 3), (1, 1), count_include_pad=False)
    assert (ops.max_pool2d(value, (3, 2), (2, 3), [[1, 1], [1, 1]]) == largest.numpy().transpose(0, 2, 3, 1)).all()
    close(ops.avg_pool2d(value, (3, 2), (2, 3), [[1, 1], [1, 1]]), mean.numpy().transpose(0, 2, 3, 1))


def test_a_window_with_nan_gives_nan():
    value = np.array([1, np.nan, 3, 4], np.float32).reshape(1, 4, 1)
    assert ops.max_pool1d(value, 2, 1, "VALID").ravel()[[0, 1]].tolist() != [1, 3]
    np.testing.assert_array_equal(ops.max_pool1d(value, 2, 1, "VALID").ravel(), [np.nan, np.nan, 4])


@pytest.mark.parametrize("shape", [(7, 3), (2, 50, 4), (2, 6, 5, 17)])
@pytest.mark.parametrize("own", [True, False])
def test_batch_norm_is_its_definition(shape, own):
    value = 3 * normal(shape, 0) + 100
    scale, offset, mean, variance = (normal(shape[-1:], seed) for seed in (1, 2, 3, 4))
    moments = (None, None) if own else (mean, variance**2)
    reference = ops_reference.normalised(value, scale, offset, *moments, 0.01)
    close(ops.batch_norm(value, scale, offset, *moments, epsilon=0.01), reference)
    got = ops.moments(value)
    close(got[0], value.astype(np.float64).mean(tuple(range(value.ndim - 1))), 1e-6)
    close(got[1], value.astype(np.float64).var(tuple(range(value.ndim - 1))), 1e-6)
