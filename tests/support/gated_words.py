"""A detector of speech that hears what is loud, a classifier of words behind it, and signals for both."""

import numpy as np

import wavenetlite as wl

SR = 16000


def loud_is_speech(sr=SR, hop=320):
    """A detector of speech that hears what is loud: one logit follows the level."""
    features = wl.LogMel(sr=sr, n_fft=hop, hop_length=hop, n_mels=4)
    model = wl.nn.Linear(4, 2)
    weight = np.array([[0.0] * 4, [0.1] * 4], np.float32)
    model.load_state_dict({"weight": weight, "bias": np.array([0.0, 18.0], np.float32)})
    return wl.AudioClassifier(features, wl.Sequential([model]), ["_noise_", "speech"], background=["_noise_"],
                              detector=wl.Detector(0.5, 0.4))  # fmt: skip


def word_classifier(sr=SR, *steps, model=None, **options):
    features = wl.LogMel(sr=sr, n_fft=400, hop_length=160, n_mels=8).then(*steps)
    network = model or wl.TCN(features.out_channels, 3, channels=8, dilations=[1, 2, 4], seed=3)
    return wl.AudioClassifier(features, network, ["a", "b", "_unknown_"], detector=wl.Detector(0.4, smoothing_ms=30,
                              min_duration_ms=0, refractory_ms=100), **options)  # fmt: skip


def bursts(sr=SR, seconds=6.0, seed=0):
    """Loud bursts with near silence between them."""
    rng = np.random.default_rng(seed)
    y = 1e-4 * rng.standard_normal(round(seconds * sr))
    for from_s, to_s in ((0.9, 1.5), (1.7, 2.0), (4.1, 5.0)):
        y[round(from_s * sr) : round(to_s * sr)] *= 2000
    return y.astype(np.float32)


def run(gated, y, sizes):
    stream = gated.stream()
    events, numbers, p, at = [], [], [], 0
    for size in sizes:
        events += stream.process(y[at : at + size])
        numbers.append(stream.frame_numbers)
        p.append(stream.probabilities)
        at += size
    assert at >= len(y)
    events += stream.flush()
    return events, np.concatenate([*numbers, stream.frame_numbers]), np.concatenate([*p, stream.probabilities]), stream
