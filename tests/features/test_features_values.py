"""Features against their definitions in float64 and against librosa.

The measure. On the power, magnitude or mel scale ``|ours - theirs| <= 1e-5 * theirs``, element by element, down to
-220 dB (what float64's rounding leaves of a zero is not compared) and to float32's smallest normal number. Decibels:
the same relative difference of the energies, 4.4e-5 dB, and two roundings of float32 at 100 dB. MFCC and deltas are
differences, which may vanish: 1e-5 of the largest of the signal.
"""

import features_reference as reference
import numpy as np
import pytest
from features_catalogue import SIGNALS, SR, noise
from hypothesis import given
from hypothesis import strategies as st

from wavenetlite import features as F  # noqa: N812

librosa = pytest.importorskip("librosa")
pytestmark = [
    pytest.mark.filterwarnings("ignore:Empty filters:UserWarning", "ignore:n_mels=:UserWarning"),
    pytest.mark.filterwarnings("ignore:n_fft=:UserWarning"),
]
RELATIVE = 1e-5
DECIBELS = 10 * np.log10(1 + RELATIVE) + 2e-5


def close(ours, theirs, y, power=2.0):
    """`y` is the signal: what is 220 dB below a constant of its peak is float64's rounding of a zero."""
    assert ours.shape == theirs.shape
    assert ours.dtype == np.float32
    if ours.size:
        floor = (1e-11 * 512 * np.abs(y).max()) ** power + 2e-38
        assert (np.abs(ours - theirs.astype(np.float64)) <= RELATIVE * np.abs(theirs) + floor).all()


def close_db(ours, theirs):
    assert ours.shape == theirs.shape
    assert ours.size == 0 or np.abs(ours - theirs).max() <= DECIBELS


def close_scaled(ours, theirs):
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= RELATIVE * np.abs(theirs).max()


def by_value(options):
    """The name of a test case; that of a function, since its repr tells where it lies in this process."""
    return str({name: getattr(value, "__name__", value) for name, value in options.items()})


TRANSFORMS = [
    {"n_fft": 512, "hop_length": 160},
    {"n_fft": 512, "hop_length": 160, "center": True},
    {"n_fft": 400, "hop_length": 160, "win_length": 320},
    {"n_fft": 1024, "hop_length": 256, "win_length": 601, "center": True, "power": 1.0},
    {"n_fft": 255, "hop_length": 300, "power": 0.5},
    {"n_fft": 255, "hop_length": 128, "power": 3.0, "center": True},
    {"n_fft": 2048, "hop_length": 512, "center": True},
    {"n_fft": 64, "hop_length": 1},
]
SCALES = [
    {"n_mels": 40},
    {"n_mels": 23, "fmin": 20.0, "fmax": 7600.0, "htk": True},
    {"n_mels": 80, "norm": None},
    {"n_mels": 10, "fmin": 300.0, "fmax": 3400.0, "htk": True, "norm": None},
]


def magnitudes(y, center=False, power=2.0, **transform):
    return np.abs(librosa.stft(y, center=center, **transform)).T ** power


def mel_energies(y, center=False, **options):
    return librosa.feature.melspectrogram(y=y, sr=SR, center=center, **options).T


@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
@pytest.mark.parametrize("name", SIGNALS)
def test_spectrogram(name, transform):
    y = SIGNALS[name][: 3000 if transform["hop_length"] == 1 else SR]
    ours = F.Spectrogram(sr=SR, **transform)(y)
    close(ours, magnitudes(y, **transform), y, transform.get("power", 2.0))
    if name == "noise":
        close(ours, reference.spectrogram(y, **transform), y, transform.get("power", 2.0))


@pytest.mark.parametrize("scale", SCALES, ids=str)
@pytest.mark.parametrize("transform", TRANSFORMS[:4], ids=str)
@pytest.mark.parametrize("name", SIGNALS)
def test_mel(name, transform, scale):
    y = SIGNALS[name]
    theirs = mel_energies(y, **transform, **scale)
    close(F.MelSpectrogram(sr=SR, **transform, **scale)(y), theirs, y, transform.get("power", 2.0))
    close_db(F.LogMel(sr=SR, **transform, **scale)(y), librosa.power_to_db(theirs, top_db=None))


@pytest.mark.parametrize("scale", SCALES, ids=str)
def test_mel_by_its_definition(scale):
    y = SIGNALS["noise"][:4000]
    basis = reference.mel_basis(sr=SR, n_fft=512, **scale)
    energies = reference.spectrogram(y, n_fft=512, hop_length=160) @ basis.T
    close(F.MelSpectrogram(sr=SR, **scale)(y), energies, y)
    close_db(F.LogMel(sr=SR, **scale)(y), reference.decibels(energies))


@pytest.mark.parametrize("norm", [1, 2.0])
def test_mel_with_numeric_norm(norm):
    y = SIGNALS["noise"]
    close(F.MelSpectrogram(norm=norm)(y), mel_energies(y, n_fft=512, hop_length=160, n_mels=40, norm=norm), y)


@given(
    samples=st.integers(1, 4000),
    n_fft=st.integers(16, 700),
    hop_length=st.integers(1, 800),
    window_share=st.floats(0.2, 1.0),
    center=st.booleans(),
    power=st.sampled_from([1.0, 2.0, 1.5]),
    n_mels=st.integers(1, 30),
    htk=st.booleans(),
    norm=st.sampled_from(["slaney", None]),
    band=st.sampled_from([(0.0, None), (100.0, 7000.0), (0.0, 4000.0)]),
    window=st.sampled_from(["hann", "hamming", "blackman", ("kaiser", 8.0), "boxcar"]),
)
def test_mel_of_any_parameters(
    samples, n_fft, hop_length, window_share, center, power, n_mels, htk, norm, band, window
):
    y = noise(samples, seed=samples)
    transform = {"n_fft": n_fft, "hop_length": max(hop_length, samples // 200 + 1), "center": center, "window": window,
                 "win_length": max(2, int(n_fft * window_share)), "power": power}  # fmt: skip
    scale = {"n_mels": n_mels, "htk": htk, "norm": norm, "fmin": band[0], "fmax": band[1]}
    ours = F.MelSpectrogram(sr=SR, **transform, **scale)
    if samples < n_fft and not center:
        assert ours(y).shape == (0, n_mels)
        return
    close(ours(y), mel_energies(y, **transform, **scale), y, power)
    assert len(ours(y)) == ours.frames(samples)


@pytest.mark.parametrize("options", [{"ref": np.max}, {"ref": "max", "top_db": 30.0}, {"top_db": 40.0}, {"ref": 0.01},
                                     {"amin": 1e-5, "ref": 0.0}], ids=by_value)  # fmt: skip
def test_log_mel_relative_to_the_signal(options):
    y = SIGNALS["loud and soft tone"]
    energies = mel_energies(y, n_fft=512, hop_length=160, n_mels=40).T
    ref = np.max if options.get("ref") == "max" else options.get("ref", 1.0)
    theirs = librosa.power_to_db(energies, **{"top_db": None, **options, "ref": ref})
    close_db(F.LogMel(**options)(y), theirs.T)


@pytest.mark.parametrize("options", [{}, {"dct_type": 3}, {"lifter": 22}, {"n_mels": 80, "n_mfcc": 40}], ids=str)
@pytest.mark.parametrize("name", ["noise", "loud tone", "16 bits"])
def test_mfcc(name, options):
    y, options = SIGNALS[name], {"n_mels": 40, "n_mfcc": 13, **options}
    bands = librosa.power_to_db(mel_energies(y, n_fft=512, hop_length=160, n_mels=options["n_mels"]).T, top_db=None)
    theirs = librosa.feature.mfcc(S=bands, **{key: value for key, value in options.items() if key != "n_mels"}).T
    close_scaled(F.MFCC(sr=SR, **options)(y), theirs)
    if set(options) == {"n_mels", "n_mfcc"}:
        close_scaled(theirs, reference.cosine_transform(bands.T.astype(np.float64), options["n_mfcc"]))


def test_mfcc_like_librosa_by_default():
    y = SIGNALS["loud tone"]
    theirs = librosa.feature.mfcc(y=y, sr=SR, n_fft=512, hop_length=160, n_mels=40, center=False).T
    close_scaled(F.MFCC(sr=SR, top_db=80.0)(y), theirs)


PCEN_OPTIONS = [
    {},
    {"power": 2.0, "scale": 1.0},
    {"b": 0.2, "gain": 0.5},
    {"bias": 0.0},
    {"compression": 0.0},
    {"time_constant_s": 0.06, "eps": 1e-3},
]


@pytest.mark.parametrize("options", PCEN_OPTIONS, ids=str)
@pytest.mark.parametrize("name", ["noise", "loud and soft tone", "quiet noise", "16 bits"])
def test_pcen(name, options):
    y, renamed = SIGNALS[name], {"compression": "power", "time_constant_s": "time_constant"}
    energies = mel_energies(y, n_fft=512, hop_length=160, n_mels=40, power=options.get("power", 1.0)).T
    theirs = {renamed.get(key, key): value for key, value in options.items() if key not in ("power", "scale")}
    expected = librosa.pcen(energies * options.get("scale", 2.0**31), sr=SR, hop_length=160, **theirs)
    close(F.PCEN(sr=SR, **options)(y), expected.T, y, power=1.0)


def test_pcen_by_its_definition():
    spec, y = F.PCEN(), SIGNALS["noise"]
    energies = 2.0**31 * F.MelSpectrogram(power=1.0)(y).astype(np.float64)
    close(spec(y), reference.pcen(energies, b=spec.smoothing), y)


@pytest.mark.parametrize("mu", [255, 15])
def test_mu_law(mu):
    y = np.clip(np.concatenate([noise(50000), noise(50000, 1, 1e-3), [0, 1, -1, 0.5]]), -1, 1).astype(np.float32)
    curve = np.sign(y) * np.log1p(mu * np.abs(y.astype(np.float64))) / np.log1p(mu)
    assert np.abs(F.MuLaw(mu=mu)(y)[:, 0] - curve).max() < 1e-6
    codes = F.MuLaw(mu=mu, output="code")(y)
    assert (codes[:, 0] == np.minimum(librosa.mu_compress(y, mu=mu, quantize=True), mu // 2)).all()
    one_hot = F.MuLaw(mu=mu, output="one_hot")(y[-1000:])
    assert (one_hot.sum(axis=1) == 1).all()
    assert (one_hot.argmax(axis=1) - (mu + 1) // 2 == codes[-1000:, 0]).all()


@pytest.mark.parametrize("output", ["value", "code", "one_hot"])
def test_mu_law_back(output):
    spec, y = F.MuLaw(output=output), np.clip(noise(2000), -1, 1)
    back = spec.expand(spec(y))
    assert np.abs(back - y).max() < (1e-6 if output == "value" else 0.05)
    codes = librosa.mu_compress(y, mu=255, quantize=True)
    if output != "value":
        assert np.allclose(back, librosa.mu_expand(codes, mu=255, quantize=True), atol=1e-6)


@pytest.mark.parametrize("mode", ["nearest", "interp"])
@pytest.mark.parametrize("width", [3, 5, 9])
def test_deltas(width, mode):
    spec, y = F.LogMel(), SIGNALS["noise"]
    frames = spec(y)
    order = min(2, width - 1)
    ours = spec.then(F.Deltas(width=width, order=order, mode=mode))(y)
    assert (ours[:, :40] == frames).all()
    for k in range(1, order + 1):
        theirs = librosa.feature.delta(frames.T, width=width, order=k, mode=mode).T
        assert np.abs(ours[:, 40 * k : 40 * (k + 1)] - theirs).max() <= 1e-5 * np.abs(frames).max()


@pytest.mark.parametrize("lookahead", [0, 1, 4, 8])
def test_deltas_with_any_lookahead(lookahead):
    spec, y = F.LogMel(), SIGNALS["noise"]
    ours = spec.then(F.Deltas(width=9, lookahead_frames=lookahead))(y)[:, 40:]
    assert np.abs(ours - reference.slopes(spec(y), 9, lookahead)).max() < 1e-5


def test_deltas_of_few_frames():
    y = noise(512 + 160)
    assert F.LogMel().then(F.Deltas(width=9))(y).shape == (2, 80)
    assert F.LogMel().then(F.Deltas(width=9))(y[:100]).shape == (0, 80)


@pytest.mark.parametrize("window", [1, 2, 50, 1000])
def test_running_cmvn(window):
    spec, y = F.LogMel(), SIGNALS["noise"]
    ours = spec.then(F.RunningCMVN(window_frames=window))(y)
    assert np.abs(ours - reference.running_cmvn(spec(y), window)).max() < 1e-5


def test_running_cmvn_ends_as_utterance_cmvn():
    spec, y = F.LogMel(), SIGNALS["noise"]
    whole, running = spec.then(F.UtteranceCMVN())(y), spec.then(F.RunningCMVN(window_frames=97))(y)
    assert len(whole) == 97
    assert np.abs(whole.mean(axis=0)).max() < 1e-6
    assert np.abs(whole.std(axis=0) - 1).max() < 1e-5
    assert np.abs(whole[-1] - running[-1]).max() < 1e-5


@pytest.mark.parametrize("eps", [1e-5, 0.01, 3.0])
def test_utterance_cmvn_of_channels_that_hardly_change(eps):
    frames = noise((1, 50, 4)) * np.array([1.0, 0.1, 1e-3, 0.0], np.float32) + np.float32(2)
    exact = frames[0].astype(np.float64)
    wanted = (exact - exact.mean(axis=0)) / np.sqrt(exact.var(axis=0) + eps)
    ours = F.UtteranceCMVN(eps=eps).apply(frames)[0]
    assert np.abs(ours - wanted).max() < 1e-5
    assert (ours[:, 3] == 0).all()


def test_running_cmvn_does_not_drift():
    """A loud hour must not be felt in the quiet after it."""
    frames = np.concatenate([noise((100_000, 2), 0, 1e4), noise((500, 2), 1, 1e-2)])[np.newaxis]
    ours = F.RunningCMVN(window_frames=100).apply(np.ascontiguousarray(frames))[0]
    assert np.abs(ours[-300:] - reference.running_cmvn(frames[0, -500:], 100)[-300:]).max() < 1e-5


@pytest.mark.parametrize("level", [0.1, 123.45, -98765.4, 3.3e9])
@pytest.mark.parametrize("window", [3, 7, 100])
def test_running_cmvn_of_a_channel_that_does_not_change(level, window):
    """Its variance is 0, which rounding may make negative."""
    ours = F.RunningCMVN(window_frames=window).apply(np.full((1, 300, 2), level, np.float32))
    assert np.isfinite(ours).all()
    assert np.abs(ours).max() <= 300 * np.finfo(np.float64).eps * abs(level) / 1e-5**0.5


@pytest.mark.parametrize(
    ("range_db", "fall_db", "least_db"), [(60, 0.1, -60), (20, 3, -15), (0, 0, -200), (80, 500, 5)]
)
def test_auto_gain(range_db, fall_db, least_db):
    y = np.concatenate([SIGNALS["noise"], 0.01 * SIGNALS["noise"], np.zeros(3000, np.float32), SIGNALS["noise"]])
    frames = F.LogMel()(y)
    ours = F.AutoGain(range_db=range_db, fall_db=fall_db, least_db=least_db).apply(frames[np.newaxis])[0]
    assert np.abs(ours - reference.auto_gain(frames, range_db, fall_db, least_db)).max() < 1e-4


def test_auto_gain_makes_loud_and_soft_the_same():
    spec, y = F.LogMel(amin=1e-30).then(F.AutoGain(range_db=50, least_db=-200)), SIGNALS["noise"]
    assert np.abs(spec(y) - spec(y / 64)).max() < 1e-4


def test_auto_gain_leaves_soft_background_soft():
    spec, y = F.LogMel(amin=1e-30), 1e-4 * SIGNALS["noise"]
    frames = spec(y)
    assert frames.max() < -40
    assert np.abs(spec.then(F.AutoGain(range_db=200, least_db=-40))(y) - (frames + 40)).max() < 1e-4


def test_mean_variance():
    spec = F.LogMel()
    clips = [noise(samples, samples) for samples in (600, 5000, 16000)]
    step = F.MeanVariance.fit(spec(clip) for clip in clips)
    frames = np.concatenate([spec(clip) for clip in clips]).astype(np.float64)
    assert np.abs(step.mean - frames.mean(axis=0)).max() < 1e-5
    assert np.abs(step.variance / frames.var(axis=0) - 1).max() < 1e-5
    expected = (spec(clips[1]) - frames.mean(axis=0)) / np.sqrt(frames.var(axis=0) + 1e-5)
    assert np.abs(spec.then(step)(clips[1]) - expected).max() < 1e-5
    centred = spec.then(F.MeanVariance.fit([spec(clips[1])], scale=False))(clips[1])
    assert np.abs(centred.mean(axis=0)).max() < 1e-5


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("chroma_stft", {"n_chroma": 12}),
        ("spectral_centroid", {}),
        ("spectral_contrast", {"n_bands": 4}),
        ("zero_crossing_rate", {"center": False}),
        ("rms", {}),
        ("melspectrogram", {"n_mels": 20}),
        ("mfcc", {"n_mfcc": 5}),
    ],
)
def test_any_feature_of_librosa(name, options):
    y = SIGNALS["noise"]
    spec = F.Librosa(name, sr=SR, **options)
    rate = {} if name in ("zero_crossing_rate", "rms") else {"sr": SR}
    theirs = getattr(librosa.feature, name)(y=y, **rate, **options).T
    ours = spec(y)
    assert ours.dtype == np.float32
    assert (ours == theirs.astype(np.float32)).all()
    assert spec.out_channels == ours.shape[1]
    assert (spec(np.stack([y, -y]))[0] == ours).all()


def test_librosa_with_a_step():
    spec = F.Librosa("rms", frame_length=512, hop_length=160).then(F.UtteranceCMVN())
    assert abs(spec(SIGNALS["noise"]).mean()) < 1e-5


def test_times():
    spec = F.LogMel(n_fft=512, hop_length=160)
    assert spec.frame_span(3) == (480, 992)
    assert F.LogMel(center=True).frame_span(0) == (-256, 256)
    assert spec.then(F.Deltas(width=9)).available_at(0) == 512 + 4 * 160
    assert spec.frame_rate == 100.0


@pytest.mark.parametrize("center", [False, True])
def test_a_frame_comes_when_it_is_said_to(center):
    spec = F.LogMel(center=center).then(F.Deltas(width=5))
    stream, arrivals = spec.stream(), []
    for sample in noise(3000):
        come = len(stream.process(np.array([sample])))
        arrivals += [stream.samples_in] * come
    assert arrivals == [spec.available_at(frame) for frame in range(len(arrivals))]
    assert len(arrivals) > 10
