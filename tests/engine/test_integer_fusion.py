"""What is fused into a convolution of integers gives the bytes of the separate steps."""

import numpy as np
import pytest
from catalogue import signal
from integer_catalogue import SCALE, WIDE, ZERO, conv, graph

import wavenetlite as wl
from wavenetlite.engine.lower import lower
from wavenetlite.engine.offline import run_offline
from wavenetlite.engine.plan import Plan

nn = wl.nn
SINGLE_DOUBLE = pytest.mark.parametrize("rounding", ["single", "double"])


def steps(network, *, fuse_all=True):
    """The kernels of the steps, each with those that run in it."""
    program = lower(network.graph(network.in_width), fuse_all=fuse_all)
    return [(step.call.kernel, len(getattr(step.call, "followers", ()))) for step in program.steps]


def check(network, expected):
    """Fused as expected, whole and in blocks as the separate steps."""
    assert [step for step in steps(network) if "quantize" not in step[0]] == expected
    x = signal(150, network.in_width, 3)
    plan = Plan(lower(network.graph(network.in_width), fuse_all=False))
    apart = run_offline(plan, x, None, "raise", "x")
    assert np.unique(apart).size > 20
    np.testing.assert_array_equal(network(x), apart)
    stream = network.stream()
    sizes = [1, 1, 2, 3, 1, 7, 24, 25, 1, 0, 50, 35]
    blocks = [stream.process(block) for block in np.split(x, np.cumsum(sizes)[:-1])]
    np.testing.assert_array_equal(np.concatenate([*blocks, stream.flush()]), apart)
    pool = network.pool(capacity=3)
    twice = pool.process({pool.open(): x, pool.open(): x[:77]})
    for rows in twice.values():
        np.testing.assert_array_equal(rows, apart[: len(rows)])


def quantized(model, rounding="single"):
    x = signal(400, model.in_width, 7)
    return wl.quantize(model, calibration=x, rounding=rounding)


def joined(kind, channels, first, second, **options):
    """A sum or product of sequences (scale, zero point)."""
    (a, i), (b, j) = first, second
    return kind(channels, input_scales=[a, b], input_zero_points=[i, j], **options)


@SINGLE_DOUBLE
@pytest.mark.parametrize("channels", [12, 64, 70, 200])
def test_residual_blocks(channels, rounding):
    model = quantized(wl.TCN(9, 5, channels=channels, kernel_size=3, dilations=[1, 2, 4], seed=1), rounding)
    kinds = steps(model)
    assert ("integer_add", 0) not in kinds
    assert sum(followers for _, followers in kinds) >= 3
    x = signal(150, 9, 3)
    plan = Plan(lower(model.graph(9), fuse_all=False))
    apart = run_offline(plan, x, None, "raise", "x")
    np.testing.assert_array_equal(model(x), apart)
    stream = model.stream()
    np.testing.assert_array_equal(np.concatenate([stream.process(x[i : i + 1]) for i in range(150)]), apart)


@SINGLE_DOUBLE
@pytest.mark.parametrize("channels", [6, 33, 64, 80, 200])
def test_gated_layers(channels, rounding):
    dilations = [1, 2, 4]
    model = quantized(
        wl.WaveNet(5, 7, residual_channels=channels, skip_channels=20, dilations=dilations, seed=2), rounding
    )
    kinds = steps(model)
    assert not {"integer_add", "integer_multiply", "integer_gate", "look_up", "integer_concat"} & {k for k, _ in kinds}
    x = signal(150, 5, 3)
    plan = Plan(lower(model.graph(5), fuse_all=False))
    apart = run_offline(plan, x, None, "raise", "x")
    np.testing.assert_array_equal(model(x), apart)
    stream = model.stream()
    np.testing.assert_array_equal(np.concatenate([stream.process(x[i : i + 1]) for i in range(150)]), apart)


def gate(channels, given, **options):
    """Nodes from "s" to "z": tanh of the first channels times sigmoid of the last."""
    scale, zero = given
    look = {"input_scale": scale, "input_zero_point": zero, "output_scale": 1 / 128}
    product = joined(nn.IntegerMultiply, channels, (1 / 128, 0), (1 / 128, 0), output_scale=0.01, **options)
    return [
        ["a", nn.Slice(0, channels), ["s"]],
        ["b", nn.Slice(channels, channels), ["s"]],
        ["t", nn.IntegerLookup(channels, "tanh", **look), ["a"]],
        ["u", nn.IntegerLookup(channels, "sigmoid", **look), ["b"]],
        ["z", product, ["t", "u"]],
    ]


def test_a_gate_of_the_input_is_one_step():
    nodes = [["s", conv(3, 14, 1, output_scale=1.0), ["q"]], *gate(7, (1.0, -5))]
    check(graph(3, nodes, 7, 0.01)(), [("integer_conv", 1)])
    nodes = [["s", nn.IntegerLookup(14, "relu", input_scale=SCALE, input_zero_point=ZERO, output_scale=SCALE), ["q"]],
             *gate(7, (SCALE, 0))]  # fmt: skip
    check(graph(14, nodes, 7, 0.01)(), [("look_up", 0), ("integer_gate", 0)])


def test_slices_that_others_read_are_kept():
    nodes = [["s", conv(3, 14, 1, output_scale=1.0), ["q"]], *gate(7, (1.0, -5))]
    both = joined(nn.IntegerAdd, 7, (0.01, 0), (1.0, -5), output_scale=0.5)
    kinds = [("integer_conv", 0), ("integer_concat", 0), ("look_up", 0), ("integer_concat", 0), ("look_up", 0)]
    check(graph(3, [*nodes, ["w", both, ["z", "a"]]], 7, 0.5)(), [*kinds, ("integer_multiply", 0), ("integer_add", 0)])


@SINGLE_DOUBLE
@pytest.mark.parametrize("order", [["s", "q"], ["q", "s"]])
@pytest.mark.parametrize("kind", [nn.IntegerAdd, nn.IntegerMultiply])
def test_either_operand_may_be_the_convolution(kind, order, rounding):
    given = {"s": (WIDE, -5), "q": (SCALE, ZERO)}
    both = joined(kind, 20, *(given[name] for name in order), output_scale=2.0, output_zero_point=9, low=-90,
                  high=100, rounding=rounding)  # fmt: skip
    nodes = [["s", conv(20, 20, 3, dilation=2), ["q"]], ["z", both, order]]
    check(graph(20, nodes, 20, 2.0, 9)(), [("integer_conv", 1)])


def test_a_depthwise_convolution_goes_on_too():
    both = joined(nn.IntegerAdd, 40, (SCALE, ZERO), (WIDE, -5), output_scale=5.0)
    nodes = [["s", conv(40, 40, 5, groups=40), ["q"]], ["z", both, ["q", "s"]]]
    check(graph(40, nodes, 40, 5.0)(), [("integer_depthwise", 1)])


def test_the_later_of_two_convolutions_goes_on():
    both = joined(nn.IntegerAdd, 12, (WIDE, -5), (WIDE, -5), output_scale=9.0)
    nodes = [["r", conv(5, 12, 3), ["q"]], ["s", conv(5, 12, 1), ["q"]], ["z", both, ["r", "s"]]]
    check(graph(5, nodes, 12, 9.0)(), [("integer_conv", 0), ("integer_conv", 1)])


def test_a_convolution_that_is_read_twice_is_a_step():
    both = joined(nn.IntegerAdd, 12, (WIDE, -5), (WIDE, -5), output_scale=9.0)
    nodes = [["s", conv(5, 12, 3), ["q"]], ["z", both, ["s", "s"]]]
    check(graph(5, nodes, 12, 9.0)(), [("integer_conv", 0), ("integer_add", 0)])


def test_a_sum_with_an_earlier_or_later_sequence():
    both = joined(nn.IntegerAdd, 6, (SCALE, ZERO), (WIDE, -5), output_scale=9.0)
    nodes = [["s", conv(6, 6, 5, padding="same"), ["q"]], ["z", both, ["q", "s"]]]
    check(graph(6, nodes, 6, 9.0)(), [("integer_conv", 1)])
    late = conv(6, 6, 5, padding="same", input_scale=WIDE, input_zero_point=-5)
    both = joined(nn.IntegerAdd, 6, (WIDE, -5), (WIDE, -5), output_scale=9.0)
    nodes = [["s", conv(6, 6, 3), ["q"]], ["t", late, ["s"]], ["r", conv(6, 6, 1), ["q"]], ["z", both, ["r", "t"]]]
    check(graph(6, nodes, 6, 9.0)(), [("integer_conv", 0), ("integer_conv", 0), ("integer_conv", 1)])


def test_wide_rows_are_held_a_few_at_a_time_or_not_at_all():
    for channels, kernels in ((3000, [("integer_conv", 0), ("integer_add", 0)]), (1000, [("integer_conv", 1)])):
        both = joined(nn.IntegerAdd, channels, (WIDE, -5), (WIDE, -5), output_scale=9.0)
        nodes = [["s", conv(2, channels, 1), ["q"]], ["r", conv(2, channels, 1, groups=1), ["q"]],
                 ["z", both, ["s", "r"]]]  # fmt: skip
        check(graph(2, nodes, channels, 9.0)(), [("integer_conv", 0), *kernels])
