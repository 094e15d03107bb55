"""The features by their definitions, in float64 NumPy; none of librosa's or SciPy's code."""

import numpy as np


def hann(length):
    return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)


def spectrogram(y, *, n_fft, hop_length, win_length=None, center=False, power=2.0):
    """(frames, n_fft // 2 + 1): magnitudes to a power."""
    length = win_length or n_fft
    window = np.zeros(n_fft)
    left = (n_fft - length) // 2
    window[left : left + length] = hann(length)
    y = np.pad(np.asarray(y, np.float64), n_fft // 2) if center and len(y) else np.asarray(y, np.float64)
    starts = range(0, max(len(y) - n_fft + 1, 0), hop_length)
    fourier = np.exp(-2j * np.pi * np.outer(np.arange(n_fft), np.arange(n_fft // 2 + 1)) / n_fft)
    frames = [np.abs((window * y[start : start + n_fft]) @ fourier) ** power for start in starts]
    return np.array(frames).reshape(len(starts), n_fft // 2 + 1)


def to_mel(hz, htk):
    hz = np.asarray(hz, np.float64)
    if htk:
        return 2595 * np.log10(1 + hz / 700)
    return np.where(hz < 1000, hz * 3 / 200, 15 + 27 * np.log(np.maximum(hz, 1000) / 1000) / np.log(6.4))


def to_hz(mel, htk):
    if htk:
        return 700 * (10 ** (mel / 2595) - 1)
    return np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))


def mel_basis(*, sr, n_fft, n_mels, fmin=0.0, fmax=None, htk=False, norm="slaney"):
    """(n_mels, n_fft // 2 + 1): triangles between neighbours of evenly spaced mels."""
    edges = to_hz(np.linspace(*to_mel([fmin, fmax or sr / 2], htk), n_mels + 2), htk)
    frequencies = np.arange(n_fft // 2 + 1) * sr / n_fft
    rising = (frequencies - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    falling = (edges[2:, None] - frequencies) / (edges[2:] - edges[1:-1])[:, None]
    basis = np.maximum(0, np.minimum(rising, falling))
    return basis * (2 / (edges[2:] - edges[:-2]))[:, None] if norm == "slaney" else basis


def decibels(energies, amin=1e-10, ref=1.0):
    return 10 * np.log10(np.maximum(energies, amin)) - 10 * np.log10(max(ref, amin))


def cosine_transform(bands, coefficients):
    """Orthonormal DCT-II of each frame."""
    n = bands.shape[1]
    matrix = np.cos(np.pi * np.outer(np.arange(n) + 0.5, np.arange(coefficients)) / n) * np.sqrt(2 / n)
    matrix[:, 0] /= np.sqrt(2)
    return bands @ matrix


def pcen(energies, *, b, gain=0.98, bias=2.0, power=0.5, eps=1e-6):
    smooth, delayed = np.empty_like(energies), np.full(energies.shape[1], 1 - b)
    for t, energy in enumerate(energies):
        smooth[t] = b * energy + delayed
        delayed = (1 - b) * smooth[t]
    return (energies / (eps + smooth) ** gain + bias) ** power - bias**power


def running_cmvn(x, window, eps=1e-5):
    x = np.asarray(x, np.float64)
    y = np.empty_like(x)
    for t in range(len(x)):
        last = x[max(0, t - window + 1) : t + 1]
        y[t] = (x[t] - last.mean(axis=0)) / np.sqrt(last.var(axis=0) + eps)
    return y


def auto_gain(x, range_db, fall_db, least_db):
    x = np.asarray(x, np.float64)
    ages = np.arange(len(x))
    levels = [max(least_db, (x[: t + 1].max(axis=1) - fall_db * ages[t::-1]).max()) for t in range(len(x))]
    return np.maximum(x - np.array(levels)[:, np.newaxis], -range_db)


def slopes(x, width, lookahead):
    """First derivatives by least squares over `width` frames, of which `lookahead` lie after the frame."""
    x = np.asarray(x, np.float64)
    padded = np.concatenate([np.repeat(x[:1], width - 1 - lookahead, axis=0), x, np.repeat(x[-1:], lookahead, axis=0)])
    places = np.arange(width) - width // 2
    return np.array([np.polyfit(places, padded[t : t + width], 1)[0] for t in range(len(x))])
