"""``python -m benchmarks.vocoder FSDD``: a vocoder's copy synthesis of spoken digits beside other ways, in figures.

Of the test clips (indices 0 to 4 of each digit and speaker; and of one speaker whom the vocoder has not been trained
on): how many digits `spoken-digits` recognises, the log-spectral distance to the original, PESQ (narrowband, ITU-T
P.862, where `pip install pesq` is), and how many times faster than real time. Beside it the original itself;
librosa's Griffin-Lim, from the same frames; and mu-law coding. Of a vocoder whose network gives magnitudes also what
no network could better: the search for phases on the original's magnitudes; these at random phases; and without a
network, flat magnitudes scaled to the bands. Of one whose network generates, its filters excited by white noise.
`--draw FILE` draws spectrograms of one clip.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")  # before NumPy is imported

import argparse
import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from time import thread_time
from typing import Any

import numpy as np

import wavenetlite as wl
from wavenetlite.support.arrays import Floats
from wavenetlite.vocoder import Vocoder
from wavenetlite.vocoder._allpole import filtered
from wavenetlite.vocoder.conditioning import Envelopes
from wavenetlite.vocoder.excitation import Excitation
from wavenetlite.vocoder.frames import aligned
from wavenetlite.vocoder.spectral import Spectral

LEFT_OUT = "theo"
WINDOW, HOP = 256, 64
RANGE_DB = 60.0
"""Levels lower than this below the loudest count as this far below it: they are not heard."""
Way = Callable[[Floats], Floats]


def ways(vocoder: Vocoder, seed: int) -> dict[str, Way]:
    """What makes audio of audio, by name."""
    made: dict[str, Way] = {
        "original": lambda y: y,
        "vocoder": lambda y: vocoder.render(y, seed=seed),
        "mu-law, 8 bits": lambda y: mu_law(y, 256),
        "mu-law, 4 bits": lambda y: mu_law(y, 16),
    }
    design = vocoder.design
    if isinstance(design, Spectral):
        made |= {
            "the original's magnitudes, its search for phases": lambda y: searched(design, magnitudes(design, y), y),
            "the original's magnitudes, random phases": lambda y: at_random(design, y, seed),
            "flat magnitudes in each band, its search": lambda y: searched(design, flat(design, y), y),
        }
    else:
        made["its filters, white noise"] = lambda y: from_noise(design, y, seed)
    if find_spec("librosa"):
        made["Griffin-Lim, the same frames"] = lambda y: griffin_lim(vocoder.features, y, seed)
    return made


def spectra(design: Spectral, y: Floats) -> Any:
    """Of a signal's frames, (frames, bins)."""
    spec = design.features
    rows = np.lib.stride_tricks.sliding_window_view(aligned(y, spec, design.lead), spec.frame_length)
    return np.fft.rfft(rows[:: spec.hop_length] * spec.padded_window())


def magnitudes(design: Spectral, y: Floats) -> Floats:
    return np.abs(spectra(design, y)).astype(np.float32)


def flat(design: Spectral, y: Floats) -> Floats:
    """What the vocoder makes of frames without its network."""
    frames = design.features(aligned(y, design.features, design.lead))
    return design.magnitudes(np.zeros((len(frames), design.search.bins), np.float32), frames)


def searched(design: Spectral, given: Floats, y: Floats) -> Floats:
    state = design.search.new_state()
    made = np.concatenate([design.search.process(state, given), design.search.flush(state, design.lead)])
    return made[design.lead :][: len(y)].astype(np.float32)


def at_random(design: Spectral, y: Floats, seed: int) -> Floats:
    """The original's magnitudes, each frame with phases of its own."""
    hop, n, window = design.features.hop_length, design.search.n, design.features.padded_window()
    given = np.abs(spectra(design, y))
    given = given * np.exp(2j * np.pi * np.random.default_rng(seed).random(given.shape))
    total, share = np.zeros(len(given) * hop + n), np.full(len(given) * hop + n, 1e-3)
    for t, frame in enumerate(np.fft.irfft(given, n) * window):
        total[t * hop : t * hop + n] += frame
        share[t * hop : t * hop + n] += window**2
    return (total / share)[design.lead :][: len(y)].astype(np.float32)


def from_noise(design: Excitation, y: Floats, seed: int) -> Floats:
    spec = design.features
    made = Envelopes(spec, design.order).process(spec(aligned(y, spec)))
    noise = np.random.default_rng(seed).standard_normal(len(made.gains) * spec.hop_length)
    out = filtered(noise, made.coefficients, made.gains, spec.hop_length, np.zeros(design.order))
    return out[: len(y)].astype(np.float32)


def mu_law(y: Floats, classes: int) -> Floats:
    coder = wl.MuLaw(sr=8000, mu=classes - 1, output="code")
    return coder.expand(coder.encode(y))


def griffin_lim(spec: wl.LogMel, y: Floats, seed: int) -> Floats:
    """Of the frames without padding, as librosa inverts them: 32 iterations from random phases, momentum 0.99."""
    import librosa

    padded = np.pad(y, (spec.frame_length, 2 * spec.frame_length))
    power = 10 ** (spec(padded).T / 10)
    bank = {"sr": spec.sr, "n_fft": spec.n_fft, "power": 2.0, "fmin": spec.fmin, "fmax": spec.fmax}
    magnitude = librosa.feature.inverse.mel_to_stft(power, **bank)
    made = librosa.griffinlim(magnitude, n_fft=spec.n_fft, hop_length=spec.hop_length, center=False, random_state=seed)
    return np.asarray(made[spec.frame_length : spec.frame_length + len(y)], np.float32)


def log_spectrum(y: Floats) -> Any:
    """(frames, frequencies), dB."""
    rows = np.lib.stride_tricks.sliding_window_view(np.pad(y, (0, WINDOW)), WINDOW)[::HOP]
    return 20 * np.log10(np.abs(np.fft.rfft(rows * np.hanning(WINDOW))) + 1e-9)


def distance(y: Floats, made: Floats) -> float:
    """Log-spectral distance: root mean square over frequencies, mean over frames, dB."""
    spectra = [log_spectrum(one) for one in (y, made)]
    floor = spectra[0].max() - RANGE_DB
    difference = np.maximum(spectra[0], floor) - np.maximum(spectra[1], floor)
    return float(np.sqrt((difference**2).mean(axis=1)).mean())


def quality(y: Floats, made: Floats, sr: int) -> float:
    """PESQ of a clip with silence around it, or NaN where it cannot be measured."""
    if not find_spec("pesq"):
        return float("nan")
    from pesq import PesqError, pesq

    pair = [np.pad(one, 2000) for one in (y, made)]
    try:
        return float(pesq(sr, *pair, "nb"))
    except PesqError:  # no speech is found in a few short clips
        return float("nan")


def measured(way: Way, clips: Any, labels: list[str], clf: wl.AudioClassifier) -> dict[str, float]:
    """The figures of a way."""
    right, distances, qualities, seconds, samples = [], [], [], 0.0, 0
    for index, y in enumerate(wl.recipes.recordings_of(clips)):
        began = thread_time()
        made = way(y)
        seconds, samples = seconds + thread_time() - began, samples + len(y)
        heard = np.clip(made, -1, 1)
        padded = np.pad(heard, ((8000 - len(y)) // 2 if len(y) < 8000 else 0, max(0, 8000 - len(y)) // 2))
        right.append(clf.predict(padded).label == labels[clips.y[index]])
        distances.append(distance(y, heard))
        qualities.append(quality(y, heard, clf.sr))
    known = np.array(qualities)[~np.isnan(qualities)]
    return {
        "accuracy": float(np.mean(right)),
        "log_spectral_distance_db": float(np.mean(distances)),
        "pesq": float(known.mean()) if len(known) else float("nan"),
        "real_time": samples / clf.sr / max(seconds, 1e-9),
    }


def draw(found: dict[str, Way], y: Floats, path: Path, sr: int) -> None:
    """Spectrograms of a clip by some of the ways, in rows of two."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    left_out = "mu-law, 8 bits", "flat magnitudes in each band, its search"
    shown = [name for name in found if name not in left_out]
    figure, grid = plt.subplots(
        (len(shown) + 1) // 2, 2, figsize=(9, 6.4), sharex=True, sharey=True, layout="constrained"
    )
    most = log_spectrum(y).max()
    for axes, name in zip(grid.ravel(), shown, strict=False):
        picture = log_spectrum(found[name](y)).T
        extent = (0, len(y) / sr, 0, sr / 2000)
        axes.imshow(
            picture, origin="lower", aspect="auto", vmin=most - RANGE_DB, vmax=most, extent=extent, cmap="magma"
        )
        axes.set_title(name, fontsize=10, loc="left")
    for axes in grid[-1]:
        axes.set_xlabel("seconds")
    for axes in grid[:, 0]:
        axes.set_ylabel("kHz")
    for axes in grid.ravel()[len(shown) :]:
        axes.set_visible(False)
    figure.savefig(path, dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", metavar="FSDD", help="folder of the Free Spoken Digit Dataset")
    parser.add_argument("--model", default="vocoder-8k", help="a vocoder (vocoder-8k)")
    parser.add_argument("--part", choices=("valid", "test"), default="test", help="clips to measure (test)")
    parser.add_argument("--way", action="append", default=[], metavar="NAME", help="only this one; repeatable")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only each N-th clip")
    parser.add_argument("--seed", type=int, default=0, help="of all that is random (0)")
    parser.add_argument("--draw", type=Path, metavar="FILE", help="draw spectrograms of the first clip, .png")
    parser.add_argument("--clip", type=int, default=0, metavar="N", help="the clip that is drawn (0)")
    options = parser.parse_args()
    corpus, vocoder, clf = (
        wl.train.read_corpus(options.data, clip_s=None),
        wl.load(options.model),
        wl.load("spoken-digits"),
    )
    part = getattr(corpus, options.part)
    found = ways(vocoder, options.seed)
    if options.draw:
        draw(found, wl.recipes.recordings_of(part)[options.clip], options.draw, vocoder.sr)
        return
    known = np.array([speaker != LEFT_OUT for speaker in part.speakers])
    for name in options.way or list(found):
        way = found[name]
        for who, mask in (("known voices", known), (LEFT_OUT, ~known)):
            clips = part.select(np.flatnonzero(mask)[:: options.every])
            figures = {key: round(value, 3) for key, value in measured(way, clips, corpus.labels, clf).items()}
            print(json.dumps({"way": name, "voices": who, "clips": len(clips), **figures}), flush=True)


if __name__ == "__main__":
    main()
