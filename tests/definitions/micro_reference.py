"""The front end of microcontroller wake words on integers of any size, wrapped to 16 or 32 bits as in the original.

Written from the definition, TensorFlow Lite's `experimental/microfrontend` and kissfft.
"""

import numpy as np

from wavenetlite.features import micro_tables as tables


def wrap(x, bits=16):
    """As a signed integer of `bits` bits."""
    half = 1 << (bits - 1)
    return ((np.asarray(x, np.int64) + half) & (2 * half - 1)) - half


def scaled(x, factor):
    """x * factor / 2**15, to the nearest."""
    return wrap((x * factor + (1 << 14)) >> 15)


def turned(real, imaginary, angle):
    """Times exp(i angle), rounded as one sum."""
    c, s = (np.floor(0.5 + 32767 * part(angle)).astype(np.int64) for part in (np.cos, np.sin))
    return wrap((real * c - imaginary * s + (1 << 14)) >> 15), wrap((real * s + imaginary * c + (1 << 14)) >> 15)


def transform(real, imaginary):
    """kissfft's DFT over its length, of radix 4 and, for what is left, 2; along the last axis."""
    n = real.shape[-1]
    if n == 1:
        return real, imaginary
    radix = 4 if n % 4 == 0 else 2
    parts = []
    for q in range(radix):
        part = transform(real[..., q::radix], imaginary[..., q::radix])
        part = [scaled(values, 32767 // radix) for values in part]
        parts.append(turned(*part, -2 * np.pi * q * np.arange(n // radix) / n))
    if radix == 2:
        (ar, ai), (br, bi) = parts
        return joined(ar + br, ar - br), joined(ai + bi, ai - bi)
    (ar, ai), (br, bi), (cr, ci), (dr, di) = parts
    sr, si, tr, ti = wrap(ar + cr), wrap(ai + ci), wrap(ar - cr), wrap(ai - ci)
    ur, ui, vr, vi = wrap(br + dr), wrap(bi + di), wrap(br - dr), wrap(bi - di)
    return joined(sr + ur, tr + vi, sr - ur, tr - vi), joined(si + ui, ti - vr, si - ui, ti + vr)


def joined(*parts):
    return wrap(np.concatenate(parts, axis=-1))


def powers(x):
    """Powers of bins 1 to n / 2 - 1 of n real samples, the others 0; along the last axis."""
    real, imaginary = transform(x[..., ::2], x[..., 1::2])
    n = real.shape[-1]
    k = np.arange(1, n // 2 + 1)
    ar, ai = scaled(real[..., k], 16383), scaled(imaginary[..., k], 16383)
    br, bi = scaled(real[..., n - k], 16383), scaled(wrap(-imaginary[..., n - k]), 16383)
    er, ei = wrap(ar + br), wrap(ai + bi)
    tr, ti = turned(wrap(ar - br), wrap(ai - bi), -np.pi * (k / n + 0.5))
    found = np.zeros((*x.shape[:-1], n + 1), np.int64)
    found[..., k] = ((er + tr) >> 1) ** 2 + ((ei + ti) >> 1) ** 2
    found[..., n - k] = ((er - tr) >> 1) ** 2 + ((ti - ei) >> 1) ** 2
    return found


def root(number):
    """The nearest integer to the square root; 65,535 is the largest below 2**32."""
    least = int(np.floor(np.sqrt(float(number))))
    while least * least > number:
        least -= 1
    while (least + 1) ** 2 <= number:
        least += 1
    nearest = least + (number - least * least > least)
    return 65535 if nearest == 65536 and number < 2**32 else nearest


def gain(table, noise):
    if noise <= 2:
        return int(table[noise, 0])
    octave = noise.bit_length()
    place = ((noise << 11) >> octave) & 1023
    value, slope, curve, _ = (int(number) for number in table[octave])
    return int(wrap(value + ((((curve * place >> 5) + slope * 32) * place + (1 << 14)) >> 15)))


def logarithm(number, table):
    """64 ln(number), by a table of the logarithm to base 2."""
    whole = number.bit_length() - 1
    place = ((number - (1 << whole)) << 16) >> whole
    segment, rest = divmod(place, 512)
    low, high = int(table[segment]), int(table[segment + 1])
    log2 = (whole << 16) + place + low + ((high - low) * rest >> 16)
    natural = (45426 * log2 + (1 << 15)) >> 16
    return (natural * 64 + (1 << 15)) >> 16


class Reference:
    """The frames of an int16 signal by a `MicroFrontend`'s options; the integers of the original."""

    def __init__(self, spec):
        self.spec = spec
        self.n = 1 << (spec.win_length - 1).bit_length()
        self.correction = self.n.bit_length() - 1 - 6
        self.window = tables.hann(spec.win_length)
        self.bands = tables.mel_bands(
            sr=spec.sr, points=self.n // 2, n_mels=spec.n_mels, fmin=spec.fmin, fmax=spec.fmax
        )
        self.gains = tables.gain_table(strength=spec.pcan_strength, offset=spec.pcan_offset, bits=10 - self.correction)
        self.smoothing = [int(np.float32(share) * 16384) for share in (spec.even_smoothing, spec.odd_smoothing)]
        self.least = int(np.float32(spec.min_signal_remaining) * 16384)
        self.logs = tables.log_table()

    def __call__(self, x):
        spec, noise = self.spec, [0] * self.spec.n_mels
        count = 0 if len(x) < spec.win_length else 1 + (len(x) - spec.win_length) // spec.hop_length
        frames = np.array([x[t * spec.hop_length :][: spec.win_length] for t in range(count)], np.int64)
        values = self.signals(frames.reshape(count, spec.win_length))
        return np.array(
            [[self.finish(signal, band, noise) for band, signal in enumerate(frame)] for frame in values], np.int64
        ).reshape(count, spec.n_mels)

    def signals(self, frames):
        """The square roots of the bands of frames, as lists."""
        windowed = (frames * self.window) >> 12
        loudest = wrap(np.abs(windowed)).max(axis=1, initial=0)  # -32,768 has no magnitude of 16 bits
        shifts = [15 - int(value).bit_length() for value in loudest]
        padded = np.pad(
            wrap(windowed << np.array(shifts, np.int64)[:, np.newaxis]), [(0, 0), (0, self.n - frames.shape[1])]
        )
        sums = powers(padded) @ self.bands.T
        return [[root(int(total)) >> shift for total in row] for row, shift in zip(sums, shifts, strict=True)]

    def finish(self, signal, band, noise):
        share, most = self.smoothing[band % 2], 0xFFFFFFFF
        raised = signal << 10 & most
        noise[band] = (raised * share + noise[band] * (16384 - share)) >> 14
        signal = max((raised - min(noise[band], raised)) >> 10, signal * self.least >> 14)
        if self.spec.pcan:
            ratio = signal * gain(self.gains, noise[band]) >> (21 - self.correction - 12) & most
            signal = ratio * ratio >> 20 if ratio < 8192 else (ratio >> 6) - 64
        if self.spec.log:
            signal = signal << self.correction & most
            signal = logarithm(signal, self.logs) if signal > 1 else 0
        return min(signal, 65535)
