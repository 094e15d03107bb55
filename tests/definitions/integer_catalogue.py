"""Networks of integers with every integer layer and its options: what `catalogue` adds to its cases."""

import wavenetlite as wl

nn = wl.nn

SCALE, ZERO = 0.05, 3
"""Of the integers behind the first layer."""
WIDE = 6.0
"""The scale of what a convolution with random weights gives."""


def network(in_channels, layers, scale, zero_point, *, rounding="single"):
    """Quantize, the layers, and Dequantize, for the integers that the last layer gives."""
    channels = layers[-1].out_channels
    return wl.Sequential([
        nn.Quantize(in_channels, SCALE, ZERO, rounding=rounding), *layers, nn.Dequantize(channels, scale, zero_point),
    ])  # fmt: skip


def conv(in_channels, out_channels, kernel_size, *, output_scale=WIDE, output_zero_point=-5, **options):
    given = {"input_scale": SCALE, "input_zero_point": ZERO} | options
    return nn.IntegerConv1d(
        in_channels, out_channels, kernel_size, output_scale=output_scale, output_zero_point=output_zero_point, **given
    )


def one(in_channels, out_channels, kernel_size, **options):
    """The case of a single convolution."""
    layer = conv(in_channels, out_channels, kernel_size, **options)
    return lambda: network(in_channels, [layer], layer.output_scale, layer.output_zero_point)


def over_bins(in_channels, out_channels, kernel_size, **options):
    """The case of a single convolution over time and bins."""
    layer = nn.IntegerConv2d(in_channels, out_channels, kernel_size, input_scale=SCALE, input_zero_point=ZERO,
                             output_scale=WIDE, output_zero_point=-5, **options)  # fmt: skip
    return lambda: wl.Sequential([
        nn.Quantize(layer.in_width, SCALE, ZERO), layer, nn.Dequantize(layer.out_width, WIDE, -5),
    ])  # fmt: skip


def after(layer, **options):
    """Two convolutions, the second of the integers that the first gives."""
    given = {"input_scale": layer.output_scale, "input_zero_point": layer.output_zero_point, "output_scale": 9000.0}
    second = conv(layer.out_channels, 5, 3, **{**given, **options})
    return lambda: network(layer.in_channels, [layer, second], second.output_scale, second.output_zero_point)


def elementwise(layer, channels=7):
    return lambda: network(channels, [layer], layer.output_scale, layer.output_zero_point)


def pool(layer):
    return lambda: network(layer.channels, [layer], layer.scale, layer.zero_point)


def graph(channels, nodes, out_channels, scale, zero_point=0):
    """The network of nodes that read "q", the integers of the input; the last is dequantised."""
    first, last = ["q", nn.Quantize(channels, SCALE, ZERO), ["x"]], nodes[-1][0]
    return lambda: nn.Graph(channels, [first, *nodes, ["y", nn.Dequantize(out_channels, scale, zero_point), [last]]])


def of_two(kind, channels, **options):
    """The case of an operation on the integers of the input and a convolution of them, which looks ahead."""
    layer = kind(channels, input_scales=[SCALE, WIDE], input_zero_points=[ZERO, -5], **options)
    side = conv(channels, channels, 3, padding="same")
    nodes = [["side", side, ["q"]], ["both", layer, ["q", "side"]]]
    return graph(channels, nodes, channels, layer.output_scale, layer.output_zero_point)


def residual_network(rounding):
    """As a keyword spotter: dilated blocks with sums, of integers that ReLU has cut off at the zero point."""
    options = {"output_zero_point": -128, "rounding": rounding}
    nodes, last, scale = [["in", conv(9, 12, 1, **options), ["q"]]], "in", WIDE
    for number, dilation in enumerate((1, 2, 5)):
        given = {"input_scale": scale, "input_zero_point": -128}
        block = conv(12, 12, 3, dilation=dilation, output_scale=200 * scale, **given, **options)
        scales = {"input_scales": [scale, 200 * scale], "output_scale": 200 * scale}
        joined = nn.IntegerAdd(12, input_zero_points=[-128, -128], **scales, **options)
        nodes += [[f"conv{number}", block, [last]], [f"sum{number}", joined, [last, f"conv{number}"]]]
        last, scale = f"sum{number}", 200 * scale
    return graph(9, nodes, 12, scale, -128)


def conditioned(rounding):
    """As WaveNet's block and FiLM's scale: a convolution of the conditioning is added, another one multiplied."""
    options = {"output_zero_point": -5, "rounding": rounding}
    scales = {"input_scales": [WIDE, WIDE], "input_zero_points": [-5, -5]}
    return lambda: nn.Graph(5, [
        ["q", nn.Quantize(5, SCALE, ZERO), ["x"]],
        ["p", nn.Quantize(3, SCALE, ZERO), ["c"]],
        ["a", conv(5, 8, 3, dilation=2, rounding=rounding), ["q"]],
        ["b", conv(3, 8, 1, rounding=rounding), ["p"]],
        ["sum", nn.IntegerAdd(8, output_scale=WIDE, **scales, **options), ["a", "b"]],
        ["scale", conv(3, 8, 2, rounding=rounding), ["p"]],
        ["product", nn.IntegerMultiply(8, output_scale=90.0, **scales, **options), ["sum", "scale"]],
        ["y", nn.Dequantize(8, 90.0, -5), ["product"]],
    ], condition_channels=3)  # fmt: skip


ODD = {"output_scale": 0.04, "output_zero_point": -100}

INTEGERS = {
    "int quantize": (lambda: wl.Sequential([nn.Quantize(5, 0.03, -7), nn.Dequantize(5, 0.03, -7)]), 5),
    "int quantize double": (
        lambda: wl.Sequential([nn.Quantize(18, 0.03, rounding="double"), nn.Dequantize(18, 0.03)]), 18),
    "int requantize": (elementwise(nn.Requantize(7, input_scale=SCALE, input_zero_point=ZERO, **ODD)), 7),
    "int requantize double": (
        elementwise(nn.Requantize(7, input_scale=SCALE, input_zero_point=ZERO, rounding="double", **ODD)), 7),
    "int conv 1x1": (one(3, 7, 1), 3),
    "int conv k5 d3": (one(7, 40, 5, dilation=3, output_scale=20.0), 7),
    "int conv double": (one(33, 17, 3, rounding="double", output_scale=20.0), 33),
    "int conv relu6": (one(8, 24, 2, low=-5, high=100), 8),
    "int conv finer than its sums": (one(2, 3, 2, output_scale=1e-3, rounding="double"), 2),
    "int conv coarser than its sums": (one(2, 3, 2, output_scale=60.0, rounding="single"), 2),
    "int conv same": (one(5, 6, 4, padding="same"), 5),
    "int conv valid stride": (one(4, 5, 3, padding="valid", stride=2), 4),
    "int conv stride 3": (one(6, 8, 4, stride=3, padding=(2, 0)), 6),
    "int conv groups": (one(12, 18, 3, groups=3), 12),
    "int conv groups of 3": (one(66, 66, 2, groups=22), 66),
    "int conv depthwise x2": (one(5, 10, 3, groups=5), 5),
    "int depthwise": (one(40, 40, 5, groups=40), 40),
    "int depthwise k1 double": (one(7, 7, 1, groups=7, rounding="double"), 7),
    "int depthwise even stride": (one(9, 9, 4, groups=9, stride=2, dilation=2), 9),
    "int conv then conv": (after(conv(5, 7, 2, output_zero_point=17), dilation=4), 5),
    "int same then same": (after(conv(5, 7, 3, padding="same", output_zero_point=-90), padding="same"), 5),
    "int depthwise then conv": (after(conv(9, 9, 3, groups=9, rounding="double"), rounding="double"), 9),
    "int conv2d": (over_bins(1, 6, 3, bins=7), 7),
    "int conv2d strides double": (over_bins(3, 5, (4, 3), bins=6, stride=(2, 2), rounding="double"), 18),
    "int conv2d dilated valid": (
        over_bins(2, 4, (2, 3), bins=9, dilation=(3, 2), padding="valid", bin_padding="valid", low=-5), 18),
    "int conv2d same": (over_bins(4, 9, 3, bins=5, padding="same"), 20),
    "int conv2d groups": (over_bins(4, 6, (1, 2), bins=5, groups=2), 20),
    "int lookup table": (
        elementwise(nn.IntegerLookup(7, input_scale=SCALE, input_zero_point=ZERO, output_scale=0.1)), 7),
    **{
        f"int {name}": (
            elementwise(nn.IntegerLookup(7, name, input_scale=SCALE, input_zero_point=ZERO, **ODD)), 7)
        for name in ("elu", "gelu", "hardsigmoid", "hardswish", "leaky_relu", "relu", "sigmoid", "silu", "tanh")
    },
    "int max pool": (pool(nn.IntegerMaxPool1d(7, 3, scale=SCALE, zero_point=ZERO)), 7),
    "int max pool causal": (
        pool(nn.IntegerMaxPool1d(18, 4, scale=SCALE, zero_point=ZERO, stride=1, padding="causal", high=90)), 18),
    "int mean pool": (pool(nn.IntegerAvgPool1d(7, 2, scale=SCALE, zero_point=ZERO)), 7),
    "int mean pool causal": (
        pool(nn.IntegerAvgPool1d(33, 7, scale=SCALE, zero_point=ZERO, stride=1, padding="causal", low=-3)), 33),
    "int running mean": (
        elementwise(nn.IntegerCumulativePool(7, "mean", input_scale=SCALE, input_zero_point=ZERO,
                                             output_scale=0.02)), 7),
    "int running mean double": (
        elementwise(nn.IntegerCumulativePool(18, "mean", input_scale=SCALE, input_zero_point=ZERO, rounding="double",
                                             output_scale=0.004, output_zero_point=-20), 18), 18),
    "int running max": (
        elementwise(nn.IntegerCumulativePool(9, "max", input_scale=SCALE, input_zero_point=ZERO, output_scale=SCALE,
                                             output_zero_point=ZERO), 9), 9),
    "int add": (of_two(nn.IntegerAdd, 7, output_scale=WIDE, output_zero_point=9), 7),
    "int add double": (of_two(nn.IntegerAdd, 18, output_scale=7.0, rounding="double", low=-40), 18),
    "int multiply": (of_two(nn.IntegerMultiply, 7, output_scale=9.0, output_zero_point=-20), 7),
    "int multiply double": (of_two(nn.IntegerMultiply, 40, output_scale=9.0, rounding="double", high=50), 40),
    "int concat": (
        graph(5, [["a", conv(5, 3, 2), ["q"]],
                  ["b", nn.IntegerConcat([3, 5, 3], input_scales=[WIDE, SCALE, WIDE], input_zero_points=[-5, ZERO, -5],
                                         output_scale=WIDE, output_zero_point=-5), ["a", "q", "a"]]], 11, WIDE, -5), 5),
    "int slices": (
        graph(9, [["a", nn.Slice(3, 5), ["q"]], ["b", nn.Slice(0, 2), ["q"]], ["c", "concat", ["a", "b"]]], 7, SCALE,
              ZERO), 9),
    "int conditioned": (conditioned("single"), 5, 3),
    "int conditioned double": (conditioned("double"), 5, 3),
    "int residual network": (residual_network("single"), 9),
    "int residual network double": (residual_network("double"), 9),
}  # fmt: skip
"""Name -> (build, channels of the input, of the conditioning if there is one)."""
