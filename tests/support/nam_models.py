"""Random Neural Amp Modeler files with every option, as dictionaries."""

import numpy as np

ACTIVATIONS = (
    "Tanh", "Hardtanh", "Fasttanh", "ReLU", "LeakyReLU", "PReLU", "Sigmoid", "SiLU", "Hardswish", "LeakyHardtanh",
    "LeakyHardTanh", "Softsign",
    {"type": "Tanh"}, {"type": "LeakyReLU", "negative_slope": 0.2}, {"type": "PReLU", "negative_slope": 0.3},
    {"type": "LeakyHardtanh", "min_val": -0.5, "max_val": 0.8, "min_slope": 0.1, "max_slope": 0.2},
    {"type": "Hardtanh", "min_val": -0.5, "max_val": 0.7},
)  # fmt: skip
FILMS = ("conv_pre_film", "conv_post_film", "input_mixin_pre_film", "input_mixin_post_film", "activation_pre_film",
         "activation_post_film", "layer1x1_post_film", "head1x1_post_film")  # fmt: skip


def pick(rng, *choices):
    return choices[rng.integers(len(choices))]


def random_activation(rng, channels):
    if rng.random() < 0.1:
        return {"type": "PReLU", "negative_slopes": rng.uniform(0, 0.4, channels).tolist()}
    return pick(rng, *ACTIVATIONS)


def random_film(rng, chance=0.4):
    if rng.random() > chance:
        return pick(rng, None, False, {"active": False, "shift": True, "groups": 1})
    return {"active": True, "shift": bool(rng.integers(2)), "groups": 1}


def random_array(rng, input_size, condition_size, channels, head_width, head_size, films=True):
    """One array of layers; `head_width`: channels of its head outputs, as the array before it sets them."""
    count = int(rng.integers(1, 4))
    head1x1 = (films and rng.random() < 0.4) or head_width % 2 == 1
    bottleneck = int(pick(rng, 2, 4, 6)) if head1x1 else head_width
    layer1x1 = bottleneck != channels or rng.random() < 0.8
    gating = [str(pick(rng, "none", "gated", "blended")) for _ in range(count)]
    groups = [n for n in (1, 2) if channels % n == 0 and bottleneck % n == 0]
    made = {
        "input_size": input_size,
        "condition_size": condition_size,
        "channels": channels,
        "bottleneck": bottleneck,
        "kernel_sizes": rng.integers(1, 5, count).tolist(),
        "dilations": rng.integers(1, 9, count).tolist(),
        "activation": [random_activation(rng, bottleneck) for _ in range(count)],
        "gating_mode": gating,
        "secondary_activation": [None if mode == "none" else random_activation(rng, bottleneck) for mode in gating],
        "head1x1": {"active": bool(head1x1), "out_channels": head_width, "groups": 1},
        "layer1x1": {"active": bool(layer1x1), "groups": int(pick(rng, *groups)) if layer1x1 else 1},
        "groups_input": int(pick(rng, *groups)),
        "groups_input_mixin": 2 if condition_size % 2 == 0 and rng.random() < 0.5 else 1,
        "head": {"out_channels": head_size, "kernel_size": int(rng.integers(1, 4)), "bias": bool(rng.integers(2))},
        "slimmable": None,
    }
    if films:
        made |= {name: random_film(rng) for name in FILMS}
        made["head1x1_post_film"] = made["head1x1_post_film"] if head1x1 else None
        made["layer1x1_post_film"] = made["layer1x1_post_film"] if layer1x1 else None
    return made


def weight_count(config):
    """How many weights the layers of a configuration have, counted from the definition."""
    total = 1
    for one in config["layers"]:
        channels, c = one["channels"], one["condition_size"]
        b = one.get("bottleneck", channels)
        total += one["input_size"] * channels
        for i in range(len(one["dilations"])):
            modes = one.get("gating_mode", "gated" if one.get("gated") else "none")
            width = b * (1 if (modes[i] if isinstance(modes, list) else modes) == "none" else 2)
            kernels = one["kernel_sizes"][i] if "kernel_sizes" in one else one["kernel_size"]
            total += width * channels // one.get("groups_input", 1) * kernels + width
            total += width * c // one.get("groups_input_mixin", 1)
            layer1x1, head1x1 = one.get("layer1x1", {"active": True}), one.get("head1x1", {"active": False})
            total += channels * b // layer1x1.get("groups", 1) + channels if layer1x1["active"] else 0
            wide = head1x1.get("out_channels")
            total += wide * b // head1x1["groups"] + wide if head1x1["active"] else 0
            for name, size in zip(FILMS, (channels, width, c, width, width, b, channels, wide), strict=True):
                if one.get(name) and one[name].get("active", True):
                    out = size * (2 if one[name].get("shift", True) else 1)
                    total += out * c // one[name].get("groups", 1) + out
        head = one.get("head") or {"out_channels": one["head_size"], "kernel_size": 1, "bias": one["head_bias"]}
        inner = one["head1x1"]["out_channels"] if one.get("head1x1", {}).get("active") else b
        total += head["out_channels"] * inner * head["kernel_size"] + head["out_channels"] * head["bias"]
    if config.get("head"):
        sizes = [config["layers"][-1].get("head", {}).get("out_channels", config["layers"][-1].get("head_size"))]
        for i, kernel in enumerate(config["head"]["kernel_sizes"]):
            last = i + 1 == len(config["head"]["kernel_sizes"])
            sizes.append(config["head"]["out_channels"] if last else config["head"]["channels"])
            total += sizes[-1] * sizes[-2] * kernel + sizes[-1]
    return total


def wrapped(rng, config, version="0.7.0", sample_rate=48000):
    """A whole file for a configuration, with random weights."""
    weights = (0.4 * rng.standard_normal(weight_count(config))).astype(np.float32)
    weights[-1] = config["head_scale"]
    made = {"version": version, "architecture": "WaveNet", "config": config, "weights": weights.tolist()}
    return made | ({} if sample_rate is None else {"sample_rate": sample_rate})


def random_config(rng, in_channels=1, out_channels=1, depth=1, films=True):
    condition = None
    condition_size = in_channels
    if depth and rng.random() < 0.4:
        condition_size = int(rng.integers(1, 4))
        condition = wrapped(rng, random_config(rng, in_channels, condition_size, 0, films))
    channels = [int(pick(rng, 2, 3, 4)) for _ in range(int(rng.integers(1, 4)))]
    layers, width = [], int(pick(rng, 2, 3, 4))
    for i, one in enumerate(channels):
        # The head outputs of an array are added to what the head before it made; in the player also as many channels.
        head = channels[i + 1] if i + 1 < len(channels) else out_channels
        width = one if i else width
        layers.append(random_array(rng, channels[i - 1] if i else in_channels, condition_size, one, width, head, films))
    config = {"layers": layers, "head": None, "head_scale": float(np.float32(rng.uniform(0.1, 1)))}
    if in_channels != 1:
        config["in_channels"] = in_channels
    if condition is not None:
        config["condition_dsp"] = condition
    if depth and rng.random() < 0.3:
        kernels = rng.integers(1, 5, int(rng.integers(1, 4))).tolist()
        config["head"] = {"channels": 3, "activation": pick(rng, "ReLU", {"type": "Tanh"}, {"name": "Softsign"}),
                          "out_channels": out_channels, "kernel_sizes": kernels}  # fmt: skip
        layers[-1]["head"]["out_channels"] = 3
    return config


def random_model(seed, **options):
    """A file of version 0.7 with any of the options."""
    rng = np.random.default_rng(seed)
    return wrapped(rng, random_config(rng, **options))


def old_model(seed, activation="Tanh", gated=False, **config):
    """A file as versions before 0.6 have them."""
    rng = np.random.default_rng(seed)
    sizes = [(4, 3), (3, 1)]
    layers = [
        {"input_size": 1 if i == 0 else sizes[i - 1][0], "condition_size": 1, "head_size": head, "channels": channels,
         "kernel_size": 3, "dilations": [1, 2, 4], "activation": activation, "gated": gated, "head_bias": i == 1}
        for i, (channels, head) in enumerate(sizes)
    ]  # fmt: skip
    return wrapped(rng, {"layers": layers, "head": None, "head_scale": 0.5, **config}, "0.5.2", None)
