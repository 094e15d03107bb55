"""Random models of Neural Amp Modeler's trainer (the package neural-amp-modeler), and what it exports of them."""

import numpy as np

FILMS = ("conv_pre_film", "conv_post_film", "input_mixin_pre_film", "input_mixin_post_film", "activation_pre_film",
         "activation_post_film", "layer1x1_post_film", "head1x1_post_film")  # fmt: skip
SIMPLE = ("Tanh", "ReLU", "Sigmoid", "SiLU", "Hardswish", "Hardtanh", "LeakyReLU", "PReLU")
OWN = ("Softsign", "LeakyHardtanh")  # of the trainer's own; it cannot export a pair of them


def random_activation(rng):
    kind = rng.random()
    if kind < 0.5:
        return str(rng.choice(SIMPLE + OWN))
    return {"name": "PairMultiply" if kind < 0.75 else "PairBlend", "primary": str(rng.choice(SIMPLE)),
            "secondary": str(rng.choice(("Sigmoid", "Hardswish", "Tanh")))}  # fmt: skip


def random_array(rng, input_size, condition_size, channels, head_width, head_size):
    count = int(rng.integers(1, 4))
    head1x1 = bool(rng.random() < 0.4)
    bottleneck = int(rng.choice([2, 4, 6])) if head1x1 else head_width
    layer1x1 = bool(bottleneck != channels or rng.random() < 0.7)
    groups = [n for n in (1, 2) if channels % n == 0 and bottleneck % n == 0]
    films = {name: {"active": bool(rng.random() < 0.4), "shift": bool(rng.integers(2)), "groups": 1} for name in FILMS}
    films["layer1x1_post_film"]["active"] &= layer1x1
    films["head1x1_post_film"]["active"] &= head1x1
    return {
        "input_size": input_size,
        "condition_size": condition_size,
        "channels": channels,
        "bottleneck": bottleneck,
        "kernel_sizes": rng.integers(1, 5, count).tolist(),
        "dilations": rng.integers(1, 9, count).tolist(),
        "activation": [random_activation(rng) for _ in range(count)],
        "head_1x1_config": {"active": head1x1, "out_channels": head_width, "groups": 1},
        "layer_1x1_config": {"active": layer1x1, "groups": int(rng.choice(groups)) if layer1x1 else 1},
        "groups_input": int(rng.choice(groups)),
        "groups_input_mixin": 1,
        "film_params": films,
        "head": {"out_channels": head_size, "kernel_size": int(rng.integers(1, 4)), "bias": bool(rng.integers(2))},
    }


def random_net(rng, out_channels=1, depth=1):
    made, condition_size = {}, 1
    if depth and rng.random() < 0.4:
        condition_size = int(rng.integers(1, 4))
        made["condition_dsp"] = {"name": "WaveNet", "config": random_net(rng, condition_size, 0)}
    channels = [int(rng.choice([2, 4])) for _ in range(int(rng.integers(1, 4)))]
    layers, width = [], 4
    for i, one in enumerate(channels):
        head = channels[i + 1] if i + 1 < len(channels) else out_channels
        width = one if i else width
        layers.append(random_array(rng, channels[i - 1] if i else 1, condition_size, one, width, head))
    made |= {"layers_configs": layers, "head_scale": float(rng.uniform(0.1, 1))}
    if depth and rng.random() < 0.4:
        activations = ("ReLU", "Tanh", "SiLU", {"name": "LeakyReLU", "negative_slope": 0.2})
        made["head"] = {"channels": 3, "activation": activations[rng.integers(4)], "out_channels": 1,
                        "kernel_sizes": rng.integers(1, 5, int(rng.integers(1, 4))).tolist()}  # fmt: skip
        layers[-1]["head"]["out_channels"] = 3
    return made


def random_trainer_config(seed):
    """What the trainer's ``WaveNet.init_from_config`` takes."""
    return random_net(np.random.default_rng(seed)) | {"sample_rate": 48000}


def exported(model):
    """The file that the trainer writes, without its measurements of loudness."""
    return {
        "version": "0.7.0",
        "architecture": "WaveNet",
        "config": model._export_config(),
        "weights": model._export_weights().tolist(),
        "sample_rate": model.sample_rate,
    }
