"""Vocoders that generate: filters by definition, the same bits in any blocks, files, and parts that do not fit."""

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.train.waveforms import cut
from wavenetlite.vocoder import conditioning
from wavenetlite.vocoder._allpole import filtered, residual
from wavenetlite.vocoder.conditioning import Envelopes, lag_of, tables
from wavenetlite.vocoder.frames import aligned

F32 = np.float32
HOP, BINS = 80, 40
SPEC = wl.LogMel(sr=8000, n_fft=400, hop_length=HOP, n_mels=BINS)


def network(outputs=3, channels=BINS + 1, period=HOP, seed=0):
    return wl.WaveNet(1, outputs, residual_channels=8, skip_channels=8, dilations=[1, 2, 4],
                      condition_channels=channels, condition=wl.nn.Upsample(period), seed=seed)  # fmt: skip


def vocoder(**options):
    return wl.Vocoder(SPEC, network(), **options)


def sound(samples=2000, seed=0):
    """Noise that gets louder, coloured by a resonance."""
    rng = np.random.default_rng(seed)
    e, y = rng.standard_normal(samples) * np.linspace(0.01, 0.1, samples), np.zeros(samples + 2)
    for n in range(samples):
        y[n + 2] = e[n] + 1.6 * y[n + 1] - 0.9 * y[n]
    return (0.3 * y[2:] / np.abs(y).max()).astype(F32)


# ------------------------------------------------------------------------------------------------------------ filters
def test_the_filter_undoes_the_residual():
    y, made = sound(), Envelopes(SPEC, 16).process(SPEC(aligned(sound(), SPEC)))
    excitation = residual(y, made.coefficients, made.gains, HOP)
    back = filtered(excitation, made.coefficients, made.gains, HOP, np.zeros(16))
    assert np.abs(back - y).max() < 1e-12


def test_the_residual_is_flat_and_about_one():
    y = sound(20_000)
    made = Envelopes(SPEC, 16).process(SPEC(aligned(y, SPEC)))
    excitation = residual(y, made.coefficients, made.gains, HOP)[2000:]
    assert 0.3 < excitation.std() < 2
    halves = excitation[: len(excitation) // 2], excitation[len(excitation) // 2 :]
    assert 0.7 < halves[0].std() / halves[1].std() < 1.4  # the signal itself gets louder fivefold

    def flatness(x):
        power = (np.abs(np.fft.rfft(x[: len(x) // 256 * 256].reshape(-1, 256) * np.hanning(256))) ** 2).mean(axis=0)[1:]
        return np.exp(np.log(power).mean()) / power.mean()

    assert flatness(excitation) > 2 * flatness(y.astype(float))


def test_the_filter_solves_the_normal_equations():
    """Levinson's recursion against NumPy's solver, on the autocorrelation of one frame."""
    frame = SPEC(sound())[:1]
    made = Envelopes(SPEC, 12).process(frame)
    cosines, lags, power = tables(SPEC, 12)
    r = cosines @ 10 ** (frame[0].astype(float) / 10) * lags
    toeplitz = r[np.abs(np.subtract.outer(np.arange(12), np.arange(12)))]
    wanted = -np.linalg.solve(toeplitz, r[1:])
    np.testing.assert_allclose(made.coefficients[0], wanted, rtol=1e-5, atol=1e-6)
    assert abs(made.gains[0] / np.sqrt((r[0] + wanted @ r[1:]) / power) - 1) < 1e-5


def test_a_frame_shapes_the_samples_under_its_centre():
    assert lag_of(SPEC) == 2  # the centre of 400 samples is 200, that of the first 80 is 40
    frames = np.zeros((6, BINS), F32)
    frames[3] = np.linspace(0, -60, BINS)
    made = Envelopes(SPEC, 4).process(frames)
    differs = np.abs(made.coefficients - made.coefficients[0]).max(axis=1) > 1e-6
    assert differs.tolist() == [False, False, False, False, False, True]
    assert (made.condition[4] != made.condition[5]).any()  # which sees it when it comes
    assert (made.condition[3] != made.condition[2]).any()


def test_loudness_changes_the_gain_alone():
    frames = SPEC(sound())
    soft, loud = (Envelopes(SPEC, 16).process(frames + F32(db)) for db in (0, 20))
    np.testing.assert_allclose(loud.condition, soft.condition, atol=1e-5)
    np.testing.assert_allclose(loud.coefficients, soft.coefficients, atol=1e-4)
    np.testing.assert_allclose(loud.gains, 10 * soft.gains, rtol=1e-4)


def test_silence_has_a_finite_filter():
    made = Envelopes(SPEC, 16).process(np.full((4, BINS), -100, F32))
    assert np.isfinite(made.coefficients).all()
    assert (made.gains > 0).all()
    assert np.abs(vocoder().render(np.zeros(500, F32))).max() < 1e-3


# -------------------------------------------------------------------------------------------------------------- audio
def test_any_blocks_give_the_same_bits():
    one, frames = vocoder(), SPEC(sound(4000))
    whole = one.speak(frames, seed=5)
    assert whole.shape == (len(frames) * HOP,)
    assert whole.dtype == F32
    rng = np.random.default_rng(1)
    for _ in range(4):
        ends = np.sort(rng.integers(0, len(frames) + 1, 5))
        stream = one.stream(seed=5)
        blocks = [stream.process(block) for block in np.split(frames, ends)]
        assert np.concatenate(blocks).tobytes() == whole.tobytes()
        stream.reset()
        assert stream.process(frames).tobytes() == whole.tobytes()


def test_seed_and_temperature_matter():
    one, frames = vocoder(temperature=0.5), SPEC(sound())
    usual = one.speak(frames)
    assert usual.tobytes() == one.speak(frames, seed=0, temperature=0.5).tobytes()
    assert usual.tobytes() != one.speak(frames, seed=1).tobytes()
    assert usual.tobytes() != one.speak(frames, temperature=1.0).tobytes()
    assert one.speak(frames, temperature=0.0).tobytes() == one.speak(frames, seed=1, temperature=0.0).tobytes()


@pytest.mark.parametrize("samples", [1, 79, 80, 81, 1000])
def test_copy_synthesis_is_as_long_as_its_signal(samples):
    one, y = vocoder(), sound(samples)
    assert one.analyse(y).shape == (-(-samples // HOP), BINS)
    assert one.render(y, sr=8000).shape == (samples,)


def test_frames_of_the_features_are_those_that_it_analyses():
    y = sound(1000)
    frames = SPEC(y)
    assert (vocoder().analyse(y)[: len(frames)] == frames).all()


def test_a_call_that_raises_changes_nothing():
    one, frames = vocoder(), SPEC(sound())
    stream = one.stream()
    parts = [stream.process(frames[:3])]
    for bad in (frames.T, frames.astype(float), frames * F32(np.nan)):
        with pytest.raises(wl.WavenetliteError):
            stream.process(bad)
    parts.append(stream.process(frames[3:]))
    assert np.concatenate(parts).tobytes() == one.speak(frames).tobytes()


def test_an_interrupt_after_the_network_changes_nothing(monkeypatch):
    """Ctrl-C is noticed between two steps of a call: after the excitation, before the state is kept."""
    one, frames = vocoder(), SPEC(sound())
    stream = one.stream()
    parts = [stream.process(frames[:3])]
    with monkeypatch.context() as patch:
        patch.setattr("wavenetlite.vocoder.excitation.filtered", interrupted)
        with pytest.raises(KeyboardInterrupt):
            stream.process(frames[3:5])
    parts.append(stream.process(frames[3:]))
    assert np.concatenate(parts).tobytes() == one.speak(frames).tobytes()


def interrupted(*_):
    raise KeyboardInterrupt


def test_snapshots_forks_and_what_a_stream_says():
    one, frames = vocoder(), SPEC(sound())
    whole, stream = one.speak(frames, seed=5), one.stream(seed=5)
    before = stream.process(frames[:7])
    blob, twin, other = stream.snapshot(), stream.fork(), one.stream(seed=9)
    assert repr(stream) == "VocoderStream(7 frames in, latency=0 samples)"
    other.restore(blob)
    for each in (stream, twin, other):
        assert np.concatenate([before, each.process(frames[7:])]).tobytes() == whole.tobytes()
        assert len(each.flush()) == 0
        with pytest.raises(wl.StreamStateError, match="flushed"):
            each.process(frames)


def test_a_stream_makes_no_tables(monkeypatch):
    made, frames = vocoder(), SPEC(sound())
    whole = made.stream().process(frames)
    monkeypatch.setattr(conditioning, "tables", None)
    for _ in range(2):
        np.testing.assert_array_equal(made.stream().process(frames), whole)


def test_files(tmp_path):
    one, y = vocoder(order=10, temperature=0.7, info={"data": "none"}), sound()
    one.save(tmp_path / "voice.safetensors")
    again = wl.load(tmp_path / "voice.safetensors")
    assert isinstance(again, wl.Vocoder)
    assert (again.options, again.info) == ({"order": 10, "temperature": 0.7}, {"data": "none"})
    assert again.render(y).tobytes() == one.render(y).tobytes()
    for path in ("a", "b"):
        again.save(tmp_path / path)
    assert (
        (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (tmp_path / "voice.safetensors").read_bytes()
    )


def test_it_says_what_it_is():
    one = vocoder()
    assert repr(one).startswith("Vocoder(LogMel(")
    assert "8000 Hz" in one._repr_html_()


# ------------------------------------------------------------------------------------------------------------- errors
@pytest.mark.parametrize(("features", "part"), [
    (wl.Spectrogram(sr=8000), "features is a Spectrogram; it must be a LogMel"),
    (wl.MFCC(sr=8000, n_mfcc=BINS, n_fft=400, hop_length=HOP), "features is a MFCC; it must be a LogMel"),
    (wl.LogMel(sr=8000, n_fft=400, hop_length=HOP, n_mels=BINS, center=True), "center=True; a vocoder's must have"),
    (wl.LogMel(sr=8000, n_fft=400, hop_length=HOP, n_mels=BINS, power=1.0), "power=1.0"),
    (wl.LogMel(sr=8000, n_fft=400, hop_length=HOP, n_mels=BINS, ref=2.0), "ref=2.0"),
    (SPEC.then(wl.features.MeanVariance(np.zeros(BINS), np.ones(BINS))), "further steps"),
    (wl.LogMel(sr=8000, n_fft=400, hop_length=HOP, n_mels=39), "condition_channels=41; it must be 40"),
    (wl.LogMel(sr=8000, n_fft=400, hop_length=100, n_mels=BINS), "condition_period=80; it must be 100"),
])  # fmt: skip
def test_features_that_do_not_fit(features, part):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError)) as excinfo:
        wl.Vocoder(features, network())
    assert part in str(excinfo.value)


@pytest.mark.parametrize(("model", "options", "part"), [
    (None, {}, "model is a NoneType"),
    (wl.WaveNet(1, 3, dilations=[1]), {}, "condition_channels=0; it must be 41"),
    (wl.WaveNet(2, 3, dilations=[1], condition_channels=41, condition=wl.nn.Upsample(HOP)), {}, "in_channels=2;"),
    (network(), {"iterations": 4}, "iterations=4 must be left out: only a network that gives magnitudes has it"),
    (network(), {"lookahead": 0}, "lookahead=0 must be left out"),
    (network(outputs=4), {}, "ambiguous"),
    (network(), {"order": 0}, "order=0"),
    (network(), {"order": 257}, "order=257"),
    (network(), {"temperature": -1}, "temperature=-1"),
    (network(), {"info": [1]}, "info is a list"),
])  # fmt: skip
def test_networks_and_options_that_do_not_fit(model, options, part):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError)) as excinfo:
        wl.Vocoder(SPEC, model, **options)
    assert part in str(excinfo.value)


@pytest.mark.parametrize(("frames", "part"), [
    (np.zeros((3, 39), F32), r"frames has shape (3, 39); it must be (frames, 40)"),
    (np.zeros((BINS, 7), F32), "librosa's (n_mels, frames) must be transposed"),
    (np.zeros((1, 3, BINS), F32), "frames has shape"),
    (np.zeros((3, BINS)), "frames is a float64 array; it must be a float32 array; frames.astype(np.float32) converts"),
    ([[0.0] * BINS], "frames is a list"),
    (np.full((3, BINS), np.inf, F32), "infinities"),
    (np.full((3, BINS), 4000, F32), "levels in dB are within 200"),
])  # fmt: skip
def test_frames_that_do_not_fit(frames, part):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError)) as excinfo:
        vocoder().speak(frames)
    assert part in str(excinfo.value)


def test_signals_that_do_not_fit():
    one = vocoder()
    for y, options, part in [
        (sound(), {"sr": 16000}, "sr=16000 must be 8000, the vocoder's rate"),
        (sound() * F32(np.nan), {}, "y"),
        (sound()[:, np.newaxis], {}, "y has shape"),
        (sound() * 30_000, {}, "y"),
    ]:
        with pytest.raises((wl.ParameterError, wl.ArrayTypeError)) as excinfo:
            one.analyse(y, **options)
        assert part in str(excinfo.value)


def test_a_damaged_configuration_is_one_line(tmp_path):
    path = tmp_path / "voice.safetensors"
    vocoder().save(path)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b'\\"order\\":120', b'\\"order\\":999'))
    with pytest.raises(wl.ModelFileError, match="order=999 must be at most 256"):
        wl.load(path)
    path.write_bytes(whole[:-8])
    with pytest.raises(wl.ModelFileError):
        wl.load(path)


# ------------------------------------------------------------------------------------------------------------- recipe
def test_a_recipe_trains_one(tmp_path):
    recipe = wl.recipes.WaveNetVocoderRecipe(channels=4, dilations=[1, 2], condition_hidden=4, condition_channels=4,
                                      samples=400, context=80, segments=4, speeds=(0.9, 1.1, 1))  # fmt: skip
    made = wl.recipes.train_vocoder(
        [sound(), sound(900, 1)], [sound(700, 2)], recipe, sr=8000, epochs=2, folder=tmp_path
    )
    again = wl.recipes.train_vocoder([sound(), sound(900, 1)], [sound(700, 2)], recipe, sr=8000, epochs=2, threads=1)
    assert made.info["epochs"] == 2
    assert made.info["valid_loss"] == again.info["valid_loss"]
    assert made.render(sound()).tobytes() == again.render(sound()).tobytes()
    assert (tmp_path / "checkpoint.npz").exists()


def test_recordings_of_clips_are_without_the_silence_around_them():
    y = sound(300)
    clips = wl.train.Clips(np.stack([cut(y, -100, 500), cut(y[:100], -200, 500)]), np.zeros(2, np.int64),
                           lengths=np.array([300, 100]))  # fmt: skip
    assert [len(one) for one in wl.recipes.recordings_of(clips)] == [300, 100]
    assert (wl.recipes.recordings_of(clips)[0] == y).all()


def test_without_recordings_there_is_no_vocoder():
    with pytest.raises(wl.ParameterError, match="recordings is empty"):
        wl.recipes.train_vocoder([], sr=8000)
