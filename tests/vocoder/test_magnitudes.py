"""Vocoders whose network gives magnitudes: phases and powers by definition, the same bits in any blocks, errors."""

import pickle

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.vocoder._spectra import PhaseSearch, fitted
from wavenetlite.vocoder.levels import conditioning, powers
from wavenetlite.vocoder.spectral import spans_of

F32 = np.float32
HOP, BINS, N = 20, 24, 100
SPEC = wl.LogMel(sr=8000, n_fft=N, hop_length=HOP, n_mels=BINS)


def network(seed=0, channels=BINS + 1):
    return wl.Sequential([wl.nn.Conv1d(channels, 8, 5, padding="same"), wl.nn.Activation("relu"),
                          wl.nn.Conv1d(8, N // 2 + 1, 2)], seed=seed)  # fmt: skip


def vocoder(**options):
    return wl.Vocoder(SPEC, network(), **options)


def sound(samples=1500, seed=0):
    """A tone with an echo of noise."""
    rng = np.random.default_rng(seed)
    return (0.2 * np.sin(0.3 * np.arange(samples)) + 0.02 * rng.standard_normal(samples)).astype(F32)


def frames_of(samples=1500, seed=0):
    return vocoder().analyse(sound(samples, seed))


# ------------------------------------------------------------------------------------------------------------ spectra
def spectra(y):
    window = np.asarray(SPEC.padded_window(), float)
    return np.fft.rfft(np.lib.stride_tricks.sliding_window_view(y, N)[::HOP] * window)


def spoken(search, magnitudes):
    state = search.new_state()
    return np.concatenate([search.process(state, magnitudes), search.flush(state, N - HOP)])


def test_magnitudes_of_a_signal_become_a_signal_with_these_magnitudes():
    y = np.pad(sound(), N).astype(float)
    wanted = np.abs(spectra(y))
    search = PhaseSearch(SPEC.padded_window(), HOP, 3, 60, 0.9)
    made = spoken(search, wanted.astype(F32))
    assert len(made) == len(wanted) * HOP + N - HOP
    found = np.abs(spectra(made))
    assert np.linalg.norm(found - wanted) < 0.06 * np.linalg.norm(wanted)
    none = spoken(PhaseSearch(SPEC.padded_window(), HOP, 3, 1, 0.0), wanted.astype(F32))
    assert np.linalg.norm(np.abs(spectra(none)) - wanted) > 2 * np.linalg.norm(found - wanted)


def test_one_frame_without_a_search_is_a_pulse_amid_the_frame():
    """Phases of a first frame: sample n / 2 of flat magnitudes, through the window and divided by its square."""
    search = PhaseSearch(np.ones(8), 8, 0, 1, 0.0)
    made = spoken_alone(search, np.ones((1, 5), F32))
    np.testing.assert_allclose(made, [0, 0, 0, 0, 1, 0, 0, 0], atol=1e-15)


def spoken_alone(search, magnitudes):
    state = search.new_state()
    return np.concatenate([search.process(state, magnitudes), search.flush(state, 0)])


@pytest.mark.parametrize(("n", "hop"), [(8, 2), (9, 3), (12, 5), (100, 20)])
def test_a_step_of_the_search_is_griffin_and_lims(n, hop):
    """All frames of a short signal at once, against NumPy: overlap-add, transform, keep the phases."""
    rng = np.random.default_rng(n)
    window, wanted = np.hanning(n + 2)[1:-1], rng.uniform(0.5, 1, (3, n // 2 + 1))
    search, state = PhaseSearch(window, hop, 3, 2, 0.5), None
    state = search.new_state()
    assert len(search.process(state, wanted.astype(F32))) == 0
    made = search.flush(state, n - hop)

    def overlapped(s):
        total, share = np.zeros(n + 2 * hop), np.zeros(n + 2 * hop)
        for t, one in enumerate(np.fft.irfft(s, n) * window):
            total[t * hop : t * hop + n] += one
            share[t * hop : t * hop + n] += window**2
        return total / np.maximum(share, search_least(window, hop))

    def improved(s, steps):
        last = None
        for _ in range(steps):
            z = np.fft.rfft([overlapped(s)[t * hop : t * hop + n] * window for t in range(len(s))])
            moved = z if last is None else z + 0.5 * (z - last)
            s, last = wanted[: len(s)].astype(F32) * moved / np.abs(moved), z
        return s

    assert np.isfinite(made).all()
    assert len(made) == 3 * hop + n - hop
    # The first frame as it comes: a pulse, improved alone.
    pulse = wanted[:1].astype(F32) * np.cos(np.pi * np.arange(n // 2 + 1))
    single = PhaseSearch(window, hop, 0, 2, 0.5)
    alone = spoken_with(single, wanted[:1].astype(F32), n - hop)
    np.testing.assert_allclose(alone, overlapped(improved(pulse, 2))[:n], rtol=1e-9, atol=1e-12)


def search_least(window, hop):
    return 1e-3 * max((window[i::hop] ** 2).sum() for i in range(hop))


def spoken_with(search, magnitudes, more):
    state = search.new_state()
    return np.concatenate([search.process(state, magnitudes), search.flush(state, more)])


def test_powers_are_scaled_to_their_bands():
    basis = np.asarray(SPEC.mel_basis(), float)
    rng = np.random.default_rng(3)
    given, wanted = rng.uniform(0.1, 1, (5, N // 2 + 1)).astype(F32), rng.uniform(0.1, 1, (5, BINS)).astype(F32)
    defined = given.astype(float)
    weight = basis.sum(axis=0)
    for _ in range(2):
        lacking = wanted / (defined @ basis.T)
        defined *= np.divide(lacking @ basis, weight, out=np.ones_like(defined), where=weight > 0)
    made = fitted(given.copy(), wanted, basis, spans_of(basis), 2)
    np.testing.assert_allclose(made, np.sqrt(defined), rtol=1e-5)
    assert (made[:, weight == 0] == np.sqrt(given[:, weight == 0])).all()
    close = fitted(given.copy(), wanted, basis, spans_of(basis), 50).astype(float) ** 2 @ basis.T
    assert np.abs(np.log(close / wanted)).mean() < 0.1 * np.abs(np.log(given @ basis.T / wanted)).mean()


def test_powers_of_levels():
    levels = np.linspace(-200, 200, 999).reshape(27, 37)
    np.testing.assert_allclose(powers(levels), 10 ** (levels / 10), rtol=3e-6)
    assert powers(np.zeros((0, 5))).shape == (0, 5)


def test_conditioning_is_less_its_level():
    frames = np.array([[1, 3], [7, 5]], F32)
    condition, levels = conditioning(frames, None)
    assert levels.tolist() == [2, 6]
    np.testing.assert_allclose(condition, [[-0.1, 0.1, 0], [0.1, -0.1, 0.4]], rtol=1e-6)
    assert conditioning(frames, 12.0)[0][0, 2] == -1


# -------------------------------------------------------------------------------------------------------------- audio
def test_any_blocks_give_the_same_bits():
    one, frames = vocoder(), frames_of()
    whole = one.speak(frames)
    assert whole.shape == (len(frames) * HOP,)
    assert whole.dtype == F32
    assert np.abs(whole).max() > 0.01
    rng = np.random.default_rng(1)
    for _ in range(4):
        ends = np.sort(rng.integers(0, len(frames) + 1, 6))
        stream = one.stream(seed=5)  # which draws nothing
        blocks = [stream.process(block) for block in np.split(frames, ends)]
        assert np.concatenate([*blocks, stream.flush()]).tobytes() == whole.tobytes()
        stream.reset()
        assert np.concatenate([stream.process(frames), stream.flush()]).tobytes() == whole.tobytes()


@pytest.mark.parametrize("lookahead", [0, 1, 3])
def test_audio_lags_behind_frames_by_the_latency(lookahead):
    one, frames = vocoder(lookahead=lookahead, iterations=2), frames_of()
    assert one.latency == (2 + lookahead) * HOP + (N - HOP) // 2
    stream, given = one.stream(), 0
    for t in range(len(frames)):
        given += len(stream.process(frames[t : t + 1]))
        assert given == max(0, (t + 1) * HOP - one.latency)
    assert len(stream.flush()) == min(one.latency, len(frames) * HOP)


def test_later_frames_change_no_sample_that_was_given():
    one, frames = vocoder(), frames_of()
    changed = frames.copy()
    changed[40:] += F32(7)
    same = (one.speak(frames) == one.speak(changed))[: 40 * HOP - one.latency]
    assert same.all()


@pytest.mark.parametrize("samples", [1, HOP - 1, HOP, HOP + 1, 777])
def test_copy_synthesis_is_as_long_as_its_signal(samples):
    one = vocoder()
    assert one.analyse(sound(samples)).shape == (-(-samples // HOP), BINS)
    assert one.render(sound(samples), sr=8000).shape == (samples,)


def test_a_frame_is_centred_on_its_samples():
    y = sound()
    whole = np.pad(y, (40, 40))
    assert vocoder().lead == 40
    assert (vocoder().analyse(y) == SPEC(whole)).all()


def test_without_frames_there_is_no_audio():
    stream = vocoder().stream()
    assert len(stream.process(np.zeros((0, BINS), F32))) == 0
    assert len(stream.flush()) == 0


@pytest.mark.parametrize("level", [-100, 0, 150, 200, -200])
def test_any_level_gives_finite_audio(level):
    assert np.isfinite(vocoder().speak(np.full((9, BINS), level, F32))).all()


def test_loudness_changes_loudness_alone():
    one, frames = vocoder(), frames_of() - F32(20)
    soft, loud = one.speak(frames), one.speak(frames + F32(20))
    assert 9.9 < loud.std() / soft.std() < 10.1  # phases may differ: a search is chaotic in the last bits of levels


def test_a_call_that_raises_changes_nothing(monkeypatch):
    one, frames = vocoder(), frames_of()
    stream = one.stream()
    parts = [stream.process(frames[:9])]
    with pytest.raises(wl.WavenetliteError):
        stream.process(frames.T)
    with monkeypatch.context() as patch:
        patch.setattr("wavenetlite.vocoder.spectral.fitted", interrupted)
        for call in (lambda: stream.process(frames[9:20]), stream.flush):
            with pytest.raises(KeyboardInterrupt):
                call()
    parts += [stream.process(frames[9:]), stream.flush()]
    assert np.concatenate(parts).tobytes() == one.speak(frames).tobytes()


def interrupted(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("at", [0, 1, 3, 6, 30])
def test_snapshots_and_forks(at):
    one, frames = vocoder(), frames_of()
    whole, stream = one.speak(frames), one.stream()
    before = stream.process(frames[:at])
    blob, twin, other = stream.snapshot(), stream.fork(), one.stream()
    other.process(frames[:5])
    other.restore(blob)
    for each in (stream, twin, other):
        assert repr(each) == f"VocoderStream({at} frames in, latency={one.latency} samples)"
        made = np.concatenate([before, each.process(frames[at:]), each.flush()])
        assert made.tobytes() == whole.tobytes()
    ended = stream.fork()
    assert "flushed" in repr(ended)
    for call in (ended.flush, lambda: ended.process(frames)):
        with pytest.raises(wl.StreamStateError, match=r"call reset\(\)"):
            call()
    with pytest.raises(wl.StreamStateError, match="fork"):
        pickle.dumps(stream)


def test_snapshots_that_do_not_fit():
    one, frames = vocoder(), frames_of()
    stream = one.stream()
    parts = [stream.process(frames[:9])]
    blob = stream.snapshot()
    for bad, said in [
        (blob[:-3], "truncated"), (blob[:60] + b"?" + blob[61:], "checksum"),
        (one.model.stream().snapshot(), "of a network"),
        (wl.Vocoder(SPEC, network(seed=1)).stream().snapshot(), "another vocoder"),
        (vocoder(iterations=3).stream().snapshot(), "another vocoder"), (b"", "not a wavenetlite snapshot"),
    ]:  # fmt: skip
        with pytest.raises(wl.SnapshotError, match=said):
            stream.restore(bad)
    with pytest.raises(wl.ArrayTypeError):
        stream.restore(None)
    parts += [stream.process(frames[9:]), stream.flush()]
    assert np.concatenate(parts).tobytes() == one.speak(frames).tobytes()


def test_crafted_snapshots_are_refused():
    """With a valid checksum, but parts that do not belong together: nothing is read or written out of bounds."""
    one, frames = vocoder(), frames_of()
    stream = one.stream()
    stream.process(frames[:9])
    state = stream._state
    head, network_state, waiting, numbers = state.save()
    many = np.frombuffer(numbers).copy()
    many[1] = 99.0
    settled = np.frombuffer(numbers).copy()
    settled[0] = 1e300  # a loop over as many frames would not end
    endless = np.frombuffer(numbers).copy()
    endless[5] = np.nan
    for parts in (
        [head[:-1], network_state, waiting, numbers], [head, network_state, waiting[:-4], numbers],
        [head, network_state, waiting + waiting, numbers], [head, network_state, waiting, numbers[:-8]],
        [head, network_state, waiting, many.tobytes()], [head, network_state, waiting, endless.tobytes()],
        [head, network_state, waiting, settled.tobytes()],
        [b"\xff" * len(head), network_state, waiting, numbers],
    ):  # fmt: skip
        with pytest.raises(wl.SnapshotError, match="damaged"):
            one.stream()._state.load(parts)


def test_files_and_copies(tmp_path):
    one, y = vocoder(iterations=5, lookahead=2, info={"data": "none"}), sound()
    one.save(tmp_path / "voice.safetensors")
    again = wl.load(tmp_path / "voice.safetensors")
    assert (again.options, again.info) == ({"iterations": 5, "lookahead": 2}, {"data": "none"})
    for each in (again, pickle.loads(pickle.dumps(one))):
        assert each.render(y).tobytes() == one.render(y).tobytes()
    assert "iterations=5, lookahead=2" in repr(one)
    assert "lookahead" in one._repr_html_()


# ------------------------------------------------------------------------------------------------------------- errors
@pytest.mark.parametrize(("model", "options", "part"), [
    (network(channels=BINS), {}, f"model has in_channels={BINS}; it must be {BINS + 1}"),
    (wl.nn.Conv1d(BINS + 1, 50, 1), {}, "model has out_channels=50; it must be 51"),
    (wl.nn.Conv1d(BINS + 1, 51, 2, stride=2), {}, "model must give one frame for each"),
    (wl.WaveNet(BINS + 1, 51, dilations=[1], condition_channels=3), {}, "condition_channels=3; it must"),
    (network(), {"order": 16}, "order=16 must be left out: only a network that gives samples has it"),
    (network(), {"temperature": 1.0}, "temperature=1.0 must be left out"),
    (network(), {"iterations": 0}, "iterations=0 must be a positive integer"),
    (network(), {"lookahead": 4}, "lookahead=4 must be at most 3"),
    (network(), {"lookahead": -1}, "lookahead=-1 must not be negative"),
])  # fmt: skip
def test_networks_and_options_that_do_not_fit(model, options, part):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError)) as excinfo:
        wl.Vocoder(SPEC, model, **options)
    assert part in str(excinfo.value)


def test_features_that_do_not_fit():
    gaps = wl.LogMel(sr=8000, n_fft=N, hop_length=N + 1, n_mels=BINS)
    with pytest.raises(wl.ParameterError, match="hop_length=101; it must be at most"):
        wl.Vocoder(gaps, network())
    with pytest.warns(UserWarning, match="n_mels=90"):
        many = wl.LogMel(sr=8000, n_fft=N, hop_length=HOP, n_mels=90)
    with (
        pytest.warns(UserWarning, match="n_mels=90"),
        pytest.raises(wl.ParameterError, match="n_mels=90 must be smaller"),
    ):
        wl.Vocoder(many, network(channels=91))


def test_a_temperature_that_nothing_has():
    for call in (vocoder().speak, vocoder().stream):
        with pytest.raises(wl.ParameterError, match=r"temperature=0\.5 must be left out"):
            call(*([frames_of()] if call.__name__ == "speak" else []), temperature=0.5)


# ------------------------------------------------------------------------------------------------------------- recipe
def test_a_recipe_trains_one(tmp_path):
    recipe = wl.recipes.VocoderRecipe(features={"n_fft": N, "hop_length": HOP, "n_mels": BINS}, channels=4, blocks=1,
                                      frames=16, batch_size=4, speeds=(0.9, 1.1, 1))  # fmt: skip
    given, valid = [sound(), sound(900, 1)], [sound(700, 2)]
    made = wl.recipes.train_vocoder(given, valid, recipe, sr=8000, epochs=2, folder=tmp_path)
    again = wl.recipes.train_vocoder(given, valid, recipe, sr=8000, epochs=2, threads=1)
    assert made.info["epochs"] == 2
    assert made.info["valid_loss"] == again.info["valid_loss"]
    assert made.render(sound()).tobytes() == again.render(sound()).tobytes()
    resumed = wl.recipes.train_vocoder(given, valid, recipe, sr=8000, epochs=2, folder=tmp_path)
    assert resumed.render(sound()).tobytes() == made.render(sound()).tobytes()


@pytest.mark.parametrize(("recipe", "part"), [
    ("quick", "recipe is a str; it must be a VocoderRecipe or a WaveNetVocoderRecipe"),
    (wl.recipes.VocoderRecipe(frames=0), "frames=0 must be a positive integer"),
    (wl.recipes.VocoderRecipe(frames=5000), "1 items to train on are too few; there must be at least 2"),
])  # fmt: skip
def test_recipes_that_do_not_fit(recipe, part):
    with pytest.raises((wl.ParameterError, wl.ArrayTypeError)) as excinfo:
        wl.recipes.train_vocoder([sound(400)], recipe=recipe, sr=8000, epochs=1)
    assert part in str(excinfo.value)


def test_a_network_begins_with_least_squares():
    recipe = wl.recipes.VocoderRecipe(channels=4, blocks=1, frames=16)
    spec = wl.LogMel(sr=8000, **recipe.features)
    data, model = recipe.data([sound(4000)], spec, fresh=False), recipe.network(spec, 0)
    recipe.begin(model, data)
    padded = np.pad(data.x, ((2, 2), (0, 0))).astype(float)
    taps = np.concatenate([*(padded[k : k + len(data.x)] for k in range(5)), np.ones((len(data.x), 1))], axis=1)
    solved = np.linalg.solve(taps.T @ taps + np.eye(406), taps.T @ data.targets)
    wanted = taps @ solved
    assert np.abs(model(data.x) - wanted).max() < 0.02
    assert ((model(data.x) - data.targets) ** 2).mean() < 0.5 * data.targets.var()


def test_segments_of_spectra():
    recipe = wl.recipes.VocoderRecipe(frames=16)
    spec = wl.LogMel(sr=8000, **recipe.features)
    data = recipe.data([sound(3000), sound(3000)], spec, fresh=False)
    x, targets = data.batch(np.arange(len(data)), np.random.default_rng(0))
    assert x.shape[1:] == (16, 81)
    assert targets.shape[1:] == (16, 201)
    assert (x.reshape(-1, 81) == data.x[: x.shape[0] * 16]).all()
    fresh = recipe.data([sound(3000)], spec, fresh=True)
    one, other = (fresh.batch(np.zeros(3, int), np.random.default_rng(seed))[0] for seed in (1, 2))
    assert (one != other).any()
    short = recipe.data([sound(80)], spec, fresh=True)
    assert len(short) == 1
    assert short.batch(np.zeros(1, int), np.random.default_rng(0))[0].shape == (1, 16, 81)
