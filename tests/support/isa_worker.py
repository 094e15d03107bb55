"""Run in its own process by test_isa.py: the outputs of the catalogue and of three long networks, in one .npz file."""

import sys

import numpy as np
from catalogue import CATALOGUE, condition, open_stream, randomised, signal

import wavenetlite as wl


def long_networks():
    yield "amplifier", wl.WaveNet(1, 1, residual_channels=16, skip_channels=8, kernel_size=3, dilations=[1, 4, 64, 512])
    yield "keywords", wl.TCN(40, 12, channels=64, kernel_size=5, dilations=[1, 2, 4, 8] * 2)
    yield "wide", wl.TCN(100, 7, channels=100, kernel_size=3, dilations=[1, 65536], activation="gelu")


def specs():
    for n in (400, 402, 512, 1103, 1200, 2 * 67):
        yield f"mel energies of {n}", wl.features.MelSpectrogram(n_fft=n)
    yield "decibels", wl.LogMel().then(wl.features.MeanVariance(np.full(40, -30.0), np.full(40, 200.0)))
    yield "cepstrum", wl.MFCC(n_mfcc=13).then(wl.features.RunningCMVN(), wl.features.Deltas(width=5))
    yield "micro front end", wl.MicroFrontend(win_length=400, log=False)
    yield "pcen", wl.PCEN().then(wl.features.AutoGain())


def draws():
    """What is drawn of the same logits or parameters again and again."""
    logits = signal(1, 100)[0]
    kinds = {"classes": (100, logits), "mixture": (1, logits[:30]), "gaussian": (1, logits[:2])}
    for kind, (ins, bias) in kinds.items():
        model = wl.nn.Conv1d(ins, len(bias), 1)
        weight = np.zeros((len(bias), ins, 1), np.float32)
        model.load_state_dict({"weight": weight, "bias": bias})
        for temperature in (1.0, 0.4):
            options = {"top_p": 0.97} if kind == "classes" and temperature < 1 else {}
            yield f"draws of {kind} at {temperature}", wl.generate(model, 300, temperature=temperature, **options)


def outputs():
    yield "isa", np.array(wl.isa())
    for name, spec in specs():
        yield name, spec(0.1 * signal(4000, 1)[:, 0])
    yield from draws()
    for name, case in CATALOGUE.items():
        x, c = signal(333, case.in_channels), condition(333, case.condition_channels)
        model = case.model()
        stream = open_stream(model, x)
        parts = [stream.process(x[i : i + 37], None if c is None else c[i : i + 37]) for i in range(0, 333, 37)]
        yield f"{name}/stream", np.concatenate([*parts, stream.flush()])
        yield f"{name}/offline", model(4 * x, c)
    for name, model in long_networks():
        yield name, randomised(model)(signal(1500, model.in_channels))


if __name__ == "__main__":
    np.savez(sys.argv[1], **dict(outputs()))
