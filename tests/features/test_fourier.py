"""The transform under the features: any frame length, in float64, and the tables it is made from."""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wavenetlite as wl
from wavenetlite.features._frames import FrameStream, SpectralFrontEnd
from wavenetlite.support import fourier

LENGTHS = [2, 3, 4, 5, 6, 7, 8, 16, 24, 400, 441, 480, 512, 640, 882, 1102, 1103, 1200, 1920, 2018, 3063, 4096, 67 * 64]


def spectrum(window, y, hop=37):
    return FrameStream(SpectralFrontEnd(window, hop_length=hop, left_pad=0, power=2.0)).process(y)


def defined(window, y, hop=37):
    """Powers by the definition: the sum over a frame's samples, with exact integer phases."""
    n = len(window)
    phases = np.outer(np.arange(n // 2 + 1), np.arange(n)) % n
    matrix = np.exp(-2j * np.pi * phases / n)
    frames = np.stack([y[i : i + n].astype(np.float64) * window for i in range(0, len(y) - n + 1, hop)])
    return np.abs(frames @ matrix.T) ** 2


def check(n, seed):
    rng = np.random.default_rng(seed)
    window, y = rng.uniform(0.1, 1.0, n), rng.standard_normal(n + 5 * 37).astype(np.float32)
    ours, theirs = spectrum(window, y), defined(window, y)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 1.2e-7 * theirs.max()


@pytest.mark.parametrize("n", LENGTHS)
def test_lengths_in_use_and_odd_ones(n):
    check(n, n)


@given(st.integers(2, 700), st.integers(0, 2**32 - 1))
def test_any_length(n, seed):
    check(n, seed)


@pytest.mark.parametrize("n", [8, 12, 400, 480, 512, 640, 1200, 1920, 2048, 4 * 67, 4 * 1009])
def test_the_noise_floor_is_that_of_float64(n):
    """A cosine of four samples a period is exact in float32, and every bin but its own is 0."""
    y = np.tile(np.array([1, 0, -1, 0], np.float32), n // 4)
    powers = spectrum(np.ones(n), y)[0]
    peak, others = powers[n // 4], np.delete(powers, n // 4)
    assert peak == pytest.approx((n / 2) ** 2)
    assert np.sqrt(others.max() / peak) < 1e-15


@given(st.integers(1, 2000))
def test_roots_of_unity_are_correctly_rounded(n):
    roots = fourier.roots_of_unity(n)
    angles = np.arange(n) * (8 * np.arctan(np.longdouble(1)) / n)
    assert roots.shape == (n, 2)
    assert np.abs(roots[:, 0] - np.cos(angles)).max() < 5.6e-17
    assert np.abs(roots[:, 1] + np.sin(angles)).max() < 5.6e-17
    if n % 4 == 0:
        assert roots[:: n // 4].tolist() == [[1.0, 0.0], [0.0, -1.0], [-1.0, 0.0], [0.0, 1.0]]


def test_a_prime_length_is_a_convolution_and_others_are_passes():
    assert fourier.radices(480) == (4, 4, 2, 3, 5)
    assert fourier.radices(61 * 7) == (7, 61)
    assert fourier.radices(67) == ()
    for n in (1, 60, 61, 4096):
        assert math.prod(fourier.radices(n)) == n


@pytest.mark.parametrize("amplitude", [1e-15, 1e-6, 1.0, 8.0])
def test_decibels_are_those_of_the_energies(amplitude):
    y = (amplitude * np.random.default_rng(0).standard_normal(4000)).astype(np.float32)
    energies = wl.features.MelSpectrogram(n_mels=33)(y).astype(np.float64)
    decibels = wl.LogMel(n_mels=33, amin=1e-30)(y)
    expected = 10 * np.log10(np.maximum(energies, 1e-30))
    assert np.abs(decibels - expected).max() < 2e-5  # the energies' rounding to float32, and the decibels'


def test_silence_is_the_least_energy_in_decibels():
    for amin in (1e-10, 1e-300, 1.0):
        assert (wl.LogMel(amin=amin)(np.zeros(2000, np.float32)) == np.float32(10 * np.log10(amin))).all()


@pytest.mark.parametrize("bias", [0.0, 1e-3, 2.0, 1e9])
@pytest.mark.parametrize("compression", [0.0, 0.01, 0.5, 1.0])
def test_pcen_of_energies_of_any_size(bias, compression):
    """Small energies beside a large bias are where ``(E + bias) ** p - bias ** p`` loses its digits."""
    for amplitude in (0.0, 1e-9, 1e-3, 1.0):
        y = (amplitude * np.random.default_rng(1).standard_normal(3000)).astype(np.float32)
        spec = wl.PCEN(n_mels=7, bias=bias, compression=compression)
        energies = wl.features.MelSpectrogram(n_mels=7, power=1.0)(y).astype(np.longdouble) * spec.scale
        smooth, b = np.full(7, 1.0, np.longdouble), np.longdouble(spec.smoothing)
        for given_, found in zip(energies, spec(y), strict=True):
            smooth = (1 - b) * smooth + b * given_
            gained = given_ * np.exp(-np.longdouble(spec.gain) * np.log(spec.eps + smooth))
            if compression == 0:
                expected = np.log1p(gained)
            elif bias == 0:
                expected = gained**compression
            else:
                expected = np.longdouble(bias) ** compression * np.expm1(compression * np.log1p(gained / bias))
            assert np.abs(found - expected).max() <= 2e-6 * np.abs(expected).max() + 1e-37


# The number of the definition


def test_features_saved_with_an_older_definition_load_with_a_line_that_says_so():
    spec = wl.LogMel(n_mels=20)
    config = {name: value for name, value in spec.config().items() if name != "definition"}
    with pytest.warns(UserWarning, match=r"^LogMel was saved with definition 1 .* with definition 2.*save it again"):
        again = wl.features.from_config(config, spec.state_dict())
    assert again.config()["definition"] == 2
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        wl.features.from_config(again.config(), again.state_dict())
        wl.features.from_config({"type": "MuLaw"})


@pytest.mark.parametrize("definition", [3, -1, 1.5, "2"])
def test_a_definition_that_is_not_known_is_refused(definition):
    spec = wl.LogMel(n_mels=20)
    with pytest.raises(wl.WavenetliteError, match="definition"):
        wl.features.from_config({**spec.config(), "definition": definition}, spec.state_dict())
