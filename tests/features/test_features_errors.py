"""What features refuse: one line that names the parameter, the value and the rule."""

import numpy as np
import pytest
from features_catalogue import noise

import wavenetlite as wl
from wavenetlite import features as F  # noqa: N812

pytest.importorskip("librosa")

BAD_PARAMETERS = {
    "sr=0": lambda: F.LogMel(sr=0),
    "sr=16000.0": lambda: F.LogMel(sr=16000.0),
    "n_fft=1": lambda: F.LogMel(n_fft=1),
    "n_fft=True": lambda: F.LogMel(n_fft=True),
    "hop_length=0": lambda: F.Spectrogram(hop_length=0),
    "win_length=600": lambda: F.LogMel(win_length=600),
    "win_length=0": lambda: F.LogMel(win_length=0),
    "window=": lambda: F.Spectrogram(window=3.0),
    "window=[]": lambda: F.Spectrogram(window=[]),
    "window='swoosh': SciPy says": lambda: F.Spectrogram(window="swoosh"),
    "center=1": lambda: F.LogMel(center=1),
    "power=0": lambda: F.LogMel(power=0),
    "power=nan": lambda: F.LogMel(power=float("nan")),
    "n_mels=-3": lambda: F.LogMel(n_mels=-3),
    "fmin=-1": lambda: F.LogMel(fmin=-1.0),
    "fmin=9000": lambda: F.LogMel(fmin=9000.0),
    "fmin=4000.0": lambda: F.LogMel(fmin=4000.0, fmax=4000.0),
    "fmax=9000": lambda: F.LogMel(fmax=9000),
    "htk='yes'": lambda: F.LogMel(htk="yes"),
    "norm='area'": lambda: F.LogMel(norm="area"),
    "amin=0": lambda: F.LogMel(amin=0.0),
    "ref='loud'": lambda: F.LogMel(ref="loud"),
    "ref=-1": lambda: F.LogMel(ref=-1.0),
    "top_db=-1": lambda: F.LogMel(top_db=-1.0),
    "n_mfcc=41": lambda: F.MFCC(n_mfcc=41),
    "dct_type=1": lambda: F.MFCC(dct_type=1),
    "lifter=-1": lambda: F.MFCC(lifter=-1.0),
    "gain=-1": lambda: F.PCEN(gain=-1.0),
    "b=1.5": lambda: F.PCEN(b=1.5),
    "eps=0": lambda: F.PCEN(eps=0.0),
    "time_constant_s=0": lambda: F.PCEN(time_constant_s=0.0),
    "mu=0": lambda: F.MuLaw(mu=0),
    "output='int'": lambda: F.MuLaw(output="int"),
    "name='chromatic'": lambda: F.Librosa("chromatic"),
    "name=3": lambda: F.Librosa(3),
    "name='delta'": lambda: F.Librosa("delta"),
    "name='__doc__'": lambda: F.Librosa("__doc__"),
    "n_bandz=3": lambda: F.Librosa("spectral_contrast", n_bandz=3),
    "JSON": lambda: F.Librosa("rms", pad_mode=np.zeros(3)),
    "width=4": lambda: F.Deltas(width=4),
    "width=1": lambda: F.Deltas(width=1),
    "order=0": lambda: F.Deltas(order=0),
    "order=3": lambda: F.Deltas(width=3, order=3),
    "lookahead_frames=9": lambda: F.Deltas(width=9, lookahead_frames=9),
    "mode='wrap'": lambda: F.Deltas(mode="wrap"),
    "lookahead_frames must be 4": lambda: F.Deltas(mode="interp", lookahead_frames=0),
    "window_frames=0": lambda: F.RunningCMVN(window_frames=0),
    "eps=0 must": lambda: F.RunningCMVN(eps=0),
    "range_db=-1": lambda: F.AutoGain(range_db=-1),
    "fall_db=-1": lambda: F.AutoGain(fall_db=-1),
    "least_db=nan": lambda: F.AutoGain(least_db=float("nan")),
    "mean=None": lambda: F.MeanVariance(),
    "mean has shape": lambda: F.MeanVariance(np.zeros((2, 2))),
    "mean has infinities": lambda: F.MeanVariance([np.nan]),
    "variance has shape": lambda: F.MeanVariance([0.0, 1.0], [1.0]),
    "variance=-1": lambda: F.MeanVariance([0.0], [-1.0]),
    "frames is empty": lambda: F.MeanVariance.fit([]),
    "mean has 3 values": lambda: F.LogMel().then(F.MeanVariance(np.zeros(3))),
    "step is a str": lambda: F.LogMel().then("cmvn"),
    "samples=-1": lambda: F.LogMel().frames(-1),
}


def one_line(excinfo, *texts):
    assert "\n" not in str(excinfo.value)
    for text in texts:
        assert text in str(excinfo.value)


@pytest.mark.parametrize("text", BAD_PARAMETERS)
def test_bad_parameters(text):
    with pytest.raises(wl.WavenetliteError) as excinfo:
        BAD_PARAMETERS[text]()
    one_line(excinfo, text)


@pytest.mark.parametrize("call", [lambda: F.LogMel(16000), lambda: F.LogMel(nfft=512), lambda: F.Deltas(9)])
def test_options_are_keyword_only_and_known(call):
    with pytest.raises(TypeError):
        call()


CANNOT_STREAM = {
    "ref": (lambda: F.LogMel(ref=np.max), ["ref='max'", "RunningCMVN", "PCEN"]),
    "top_db": (lambda: F.LogMel(top_db=80), ["top_db=80", "amin", "PCEN"]),
    "top_db of mfcc": (lambda: F.MFCC(top_db=80), ["top_db=80", "amin"]),
    "utterance": (lambda: F.LogMel().then(F.UtteranceCMVN()), ["UtteranceCMVN", "RunningCMVN", "MeanVariance"]),
    "centred deltas": (
        lambda: F.LogMel().then(F.Deltas(mode="interp")),
        ["mode='interp'", "mode='nearest'", "latency 4"],
    ),
    "librosa": (lambda: F.Librosa("chroma_stft"), ["chroma_stft", "LogMel"]),
    "librosa mfcc": (lambda: F.Librosa("mfcc"), ["'mfcc'", "MFCC can"]),
}


@pytest.mark.parametrize("name", CANNOT_STREAM)
def test_what_cannot_stream_says_why_and_what_can(name):
    make, texts = CANNOT_STREAM[name]
    spec = make()
    assert not spec.causal
    assert len(spec(noise(16000)))
    assert len(spec(noise((2, 16000)))) == 2
    with pytest.raises(wl.ParameterError) as excinfo:
        spec.stream()
    one_line(excinfo, "cannot stream", *texts)


def test_a_wrong_rate_is_not_resampled():
    spec = F.LogMel(sr=16000)
    assert len(spec(noise(16000), sr=16000)) == 97
    with pytest.raises(wl.ParameterError) as excinfo:
        spec(noise(8000), sr=8000)
    one_line(excinfo, "sr=8000", "16000", "resample")


@pytest.mark.parametrize("shape", [(16000, 2), (600, 1), (0, 100)])
def test_channels_are_not_taken_for_signals(shape):
    with pytest.raises(wl.ParameterError) as excinfo:
        F.LogMel()(np.zeros(shape, np.float32))
    one_line(excinfo, str(shape))


@pytest.mark.parametrize("samples", [0, 1, 3, 511])
def test_short_signals_have_no_frames(samples):
    spec = F.LogMel(n_fft=512)
    assert spec(noise(samples)).shape == (0, 40)
    assert spec.then(F.Deltas(), F.RunningCMVN())(noise(samples)).shape == (0, 80)
    assert F.LogMel(ref="max", top_db=80)(noise(samples)).shape == (0, 40)
    assert spec.then(F.UtteranceCMVN())(noise(samples)).shape == (0, 40)
    assert len(F.LogMel(center=True)(noise(samples))) == F.LogMel(center=True).frames(samples) == (
        1 + samples // 160 if samples else 0)  # fmt: skip


def test_interp_deltas_want_enough_frames():
    with pytest.raises(wl.ParameterError, match="width=9"):
        F.LogMel().then(F.Deltas(mode="interp"))(noise(700))


def test_samples_of_any_size_give_finite_features():
    for scale in (0.0, 1e-38, 1e-30, 1e6, 1e15, 3e38):
        y = np.full(2000, scale, np.float32) * np.sign(noise(2000))
        for spec in (F.LogMel(), F.MFCC(), F.PCEN(), F.LogMel().then(F.RunningCMVN(), F.Deltas())):
            if scale == 3e38 and isinstance(spec, F.PCEN):
                continue  # its mel energies are float32, and beyond
            assert np.isfinite(spec(y)).all(), (scale, spec)
