"""The tables of the features, to the bit: librosa and SciPy are their witnesses, never their source."""

import json
import math
import subprocess
import sys
import warnings

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite import features as F  # noqa: N812
from wavenetlite.features.bessel import i0
from wavenetlite.features.cosine_transform import cosine_transform
from wavenetlite.features.filter_banks import join, split
from wavenetlite.features.windows import FORMULAS, window_named

librosa = pytest.importorskip("librosa")
scipy_fft = pytest.importorskip("scipy.fft")
scipy_special = pytest.importorskip("scipy.special")
scipy_signal = pytest.importorskip("scipy.signal")

PARAMETERS = {
    "kaiser": lambda rng: (rng.uniform(0, 20),),
    "gaussian": lambda rng: (rng.uniform(1, 200),),
    "general_hamming": lambda rng: (rng.uniform(0, 1),),
    "general_gaussian": lambda rng: (rng.uniform(0.3, 3), rng.uniform(1, 100)),
    "tukey": lambda rng: (rng.uniform(-0.1, 1.1),),
    "exponential": lambda rng: (rng.uniform(0, 50), rng.uniform(1, 100)),
}
PARAMETERS_OF = {"kaiser": 1, "gaussian": 1, "general_hamming": 1, "tukey": 1, "general_gaussian": 2}
ROUNDS, EACH = 50, 20
VECTORS = "X86_V4 X86_V3 AVX512_SKX AVX512F AVX2 FMA3"
"""As NumPy 2.4 names them, and as older ones do."""


def numpy_has_the_functions_of_math():
    """Whether it takes them from the C library; vectors of its own differ in last places."""
    x = np.random.default_rng(0).uniform(0.01, 13, 5000)
    return all((getattr(np, name)(x) == [getattr(math, name)(v) for v in x]).all() for name in ("cos", "exp", "log"))


SAME_MATH = numpy_has_the_functions_of_math()


def equal(ours, theirs, last_places=4):
    assert ours.dtype == theirs.dtype
    if SAME_MATH:
        np.testing.assert_array_equal(ours, theirs)
    else:
        np.testing.assert_allclose(
            ours, theirs, rtol=0, atol=last_places * np.finfo(ours.dtype).eps * np.abs(theirs).max()
        )


def some_window(rng):
    names, _ = FORMULAS[rng.integers(len(FORMULAS))]
    name = names[rng.integers(len(names))]
    return (name, *map(float, PARAMETERS[names[0]](rng))) if names[0] in PARAMETERS else name


def some_bands(rng):
    """Parameters of mel bands of every kind: those of the field, and any."""
    sr = int(rng.choice([8000, 16000, 22050, 44100, 48000, rng.integers(1000, 100_000)]))
    fmax = None if rng.random() < 0.4 else float(rng.choice([sr // 2, rng.uniform(0.1, 0.5) * sr]))
    fmin = 0.0 if rng.random() < 0.4 else float(rng.choice([20.0, rng.uniform(0, 0.9) * (fmax or sr / 2)]))
    return {
        "sr": sr,
        "n_fft": int(rng.choice([256, 400, 512, 1024, 2048, rng.integers(2, 3000)])),
        "n_mels": int(rng.choice([13, 20, 40, 64, 80, 128, rng.integers(1, 200)])),
        "fmin": fmin,
        "fmax": fmax,
        "htk": bool(rng.integers(2)),
        "norm": (*("slaney",) * 3, None, 1.0, 2.0, 0.0, 0.5, float(rng.uniform(0.1, 6)))[rng.integers(9)],
    }


@pytest.mark.filterwarnings("ignore:Empty filters", "ignore:n_mels=")
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_random_specs_have_the_tables_of_librosa(seed):
    rng = np.random.default_rng(seed)
    for _ in range(EACH):
        bands, window = some_bands(rng), some_window(rng)
        length = int(rng.integers(1, bands["n_fft"] + 1))
        tables = F.MelSpectrogram(**bands, window=window, win_length=length).state_dict()
        equal(tables["mel"], librosa.filters.mel(**bands))
        assert not np.signbit(tables["mel"]).any()
        whole = librosa.util.pad_center(librosa.filters.get_window(window, length), size=bands["n_fft"])
        equal(join(tables["window"]), join(split(whole)), 16)  # they have 48 bits, so half of one is 8 of these


@pytest.mark.parametrize("names", [names for names, _ in FORMULAS], ids=lambda names: names[0])
def test_windows_of_every_length(names):
    rng = np.random.default_rng(len(names[0]))
    for length in [*range(1, 70), 399, 400, 512]:
        window = (names[0], *map(float, PARAMETERS[names[0]](rng))) if names[0] in PARAMETERS else names[0]
        equal(window_named(window, length), scipy_signal.get_window(window, length))


def test_the_bessel_function_is_that_of_scipy():
    x = np.concatenate(
        [np.random.default_rng(0).uniform(0, [[20], [709]], (2, 5000)).ravel(), [0, 8, np.nextafter(8, 9)]]
    )
    np.testing.assert_allclose(i0(x), scipy_special.i0(x), rtol=5e-16)


def test_parameters_that_a_window_need_not_have():
    for name in ("tukey", "exponential"):
        equal(window_named(name, 400), scipy_signal.get_window(name, 400))


@pytest.mark.parametrize("kind", [2, 3])
def test_cosine_transforms_are_those_of_scipy_in_single_precision(kind):
    """In double precision SciPy's last places are those of its FFT, which differ among machines."""
    for n in [*range(1, 131), 256, 499]:
        ours = cosine_transform(n, n, kind)
        theirs = scipy_fft.dct(np.eye(n), axis=1, type=kind, norm="ortho")
        zero = ours == 0
        assert (np.abs(theirs[zero]) < 1e-15).all()
        assert (ours.astype(np.float32) == theirs.astype(np.float32))[~zero].all()
        assert np.abs(ours - theirs).max() < 2e-15


@pytest.mark.parametrize("kind", [2, 3])
def test_cosine_transforms_are_exact(kind):
    for n in (1, 2, 3, 7, 40, 64, 100):
        matrix = cosine_transform(n, n, kind)
        k, i = np.arange(n, dtype=np.longdouble), np.arange(n, dtype=np.longdouble)[:, np.newaxis]
        angle = (k * (2 * i + 1) if kind == 2 else i * (2 * k + 1)) % (4 * n)
        rows = k if kind == 2 else i
        scale = np.sqrt(np.where(rows == 0, np.longdouble(1), np.longdouble(2)) / n)
        pi = 4 * np.arctan(np.longdouble(1))
        assert np.abs(matrix - scale * np.cos(pi * angle / (2 * n))).max() < 4e-16
        assert (cosine_transform(n, (n + 1) // 2, kind) == matrix[:, : (n + 1) // 2]).all()


@pytest.mark.parametrize(("kind", "lifter"), [(2, 0.0), (3, 0.0), (2, 22.0), (3, 5.5)])
def test_the_transform_of_mfcc(kind, lifter):
    bands = np.random.default_rng(kind).normal(-40, 20, (40, 50))
    matrix = join(F.MFCC(n_mels=40, n_mfcc=13, dct_type=kind, lifter=lifter).state_dict()["dct"])
    theirs = librosa.feature.mfcc(S=bands, n_mfcc=13, dct_type=kind, lifter=lifter)
    np.testing.assert_allclose((bands.T @ matrix).T, theirs, rtol=1e-12, atol=1e-12 * np.abs(theirs).max())


def test_bands_between_two_frequencies_are_told():
    with pytest.warns(UserWarning, match=r"^n_mels=128 gives bands that are always silent.* n_fft above 256$"):
        F.LogMel(n_fft=256, n_mels=128)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        F.LogMel(), F.LogMel(sr=22050, n_fft=2048, n_mels=128)


WRONG = {
    "window='swoosh': SciPy says": {"window": "swoosh"},
    r"window='kaiser' must be a tuple of its name and beta": {"window": "kaiser"},
    r"window=\('kaiser',\) must be a tuple of its name and beta": {"window": ("kaiser",)},
    r"window=\('hann', 3.0\) must have no parameters": {"window": ("hann", 3.0)},
    r"window=\('general_gaussian', 1.0\) must be a tuple of its name and p, sig": {"window": ("general_gaussian", 1.0)},
    r"window=\('tukey', 1.0, 2.0\) must be a tuple of its name and alpha=0.5": {"window": ("tukey", 1.0, 2.0)},
    r"window=\('gaussian', 0.0\) is not finite": {"window": ("gaussian", 0.0)},
    r"window=\('kaiser', 5000.0\) is not finite": {"window": ("kaiser", 5000.0)},
    r"window=\('exponential', 0.0, -0.1\) is not finite": {"window": ("exponential", 0.0, -0.1)},
    "norm=-1": {"norm": -1.0},
    r"n_mels=40 must be smaller, .* fmin=1000.0 and fmax=1000.0000000000001 coincide": {
        "fmin": 1000.0, "fmax": math.nextafter(1000.0, 2000.0)},
}  # fmt: skip


@pytest.mark.parametrize("message", WRONG)
def test_wrong_parameters(message):
    with pytest.raises(wl.ParameterError, match=message) as caught:
        F.LogMel(**WRONG[message])
    assert "\n" not in str(caught.value)


def test_rare_windows_come_from_scipy():
    for window in ("chebwin", "taylor", "dpss"):
        window = (window, 60.0) if window == "chebwin" else (window, 3.0) if window == "dpss" else window
        spec = F.Spectrogram(n_fft=400, window=window)
        assert (join(spec.state_dict()["window"]) == join(split(scipy_signal.get_window(window, 400)))).all()
        assert set(spec.versions) == {"wavenetlite", "numpy", "scipy"}


@pytest.mark.slow
def test_tables_are_the_same_under_every_instruction_set_of_numpy():
    windows = [(names[0], *{"exponential": (None, 40.0)}.get(names[0], (1.3, 50.0)[: PARAMETERS_OF.get(names[0], 0)]))
               for names, _ in FORMULAS]  # fmt: skip
    code = f"""
import json, wavenetlite as wl
from wavenetlite.features.windows import window_named
from wavenetlite.features.block_spectrogram import BlockSpectrogram
from wavenetlite.vocoder.conditioning import tables
print(json.dumps([
    *(wl.MFCC(htk=htk, norm=norm, window=window, lifter=22, n_mels=80).fingerprint.hex()
      for htk in (False, True) for norm in ("slaney", 2.0, 1.7) for window in ("hann", ("kaiser", 8.0), "bohman")),
    *(window_named(one if len(one) > 1 else one[0], 1000).tobytes().hex() for one in {windows!r}),
    BlockSpectrogram().window.tobytes().hex(),
    *(table.tobytes().hex() for table in tables(wl.LogMel(), 16)[:2]),
]))"""
    path = f"import os, sys; sys.path[:] = {sys.path!r}"
    said = [
        subprocess.run([sys.executable, "-W", "ignore", "-c", f"{path}{before}{code}"],
                       capture_output=True, text=True, check=True).stdout
        for before in ("", f"; os.environ['NPY_DISABLE_CPU_FEATURES'] = {VECTORS!r}")
    ]  # fmt: skip
    assert json.loads(said[0]) == json.loads(said[1])
