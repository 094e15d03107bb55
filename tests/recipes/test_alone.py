"""The gate that leaves a network sure of a word only where the word stands alone."""

from pathlib import Path

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.recipes import alone
from wavenetlite.recipes.alone import REFRACTORY_MS, greatest, hears_alone, standing_alone, without_gate
from wavenetlite.recipes.transfer import adapted
from wavenetlite.support.errors import ParameterError

RECORDING = Path(__file__).parents[2] / "examples" / "data" / "recording.flac"
SR, HOP = 8000, 80
PLAIN = wl.LogMel(sr=SR, n_fft=256, hop_length=HOP, n_mels=20, amin=1e-8)
LABELS = ["low", "high", "_unknown_"]


def noise(seconds, level, seed=0):
    return (level * np.random.default_rng(seed).standard_normal(round(seconds * SR))).astype(np.float32)


SPEC = PLAIN.then(wl.features.MeanVariance.fit([PLAIN(noise(1.0, 0.1)), PLAIN(noise(1.0, 1e-3))]))
NETWORK = wl.nn.FrequencyTCN(20, 3, stem=[[4, [3, 3], [2, 2]]], channels=8, dilations=[1, 2], pool_frames=20)


def put(y, start_s, seconds, level=0.1):
    """The signal with a noise of its own in it."""
    made, first = y.copy(), round(start_s * SR)
    made[first : first + round(seconds * SR)] = noise(seconds, level, seed=round(1000 * start_s))
    return made


def gate_of(y):
    """The gate at the end of each frame: what the logits are multiplied by."""
    x = SPEC(y)
    ratio = standing_alone(NETWORK, SPEC)(x).astype(np.float64) / NETWORK(x)
    assert np.ptp(ratio, axis=1).max() < 1e-3  # the same for all labels
    return ratio[:, 0]


def at(gate, second):
    return gate[round((second - 0.016) * SR / HOP / 2)]


def between(gate, first_s, last_s):
    return gate[round(first_s * SR / HOP / 2) : round(last_s * SR / HOP / 2)]


def test_a_network_is_known_for_one_that_hears_words_alone():
    made, x = standing_alone(NETWORK, SPEC), SPEC(noise(4.0, 0.1))
    forms = [
        made,
        wl.quantize(made, calibration=[x]),
        *(wl.quantize(made, **{name: "bf16"}) for name in ("weights", "dtype")),
    ]
    assert [hears_alone(one) for one in forms] == [True] * 4
    assert not hears_alone(NETWORK)
    assert not hears_alone(without_gate(made))


def test_a_word_between_quiet_opens_the_gate():
    gate = gate_of(put(noise(4.0, 1e-4), 2.0, 0.5))
    assert at(gate, 2.9) == pytest.approx(1.0, abs=1e-3)
    assert at(gate, 2.4) < 0.2  # it has not ended
    assert at(gate, 3.3) < 0.3  # it ended long ago, and what is quiet before it now is a part of it


@pytest.mark.parametrize("others", [[(0.8, 3.2)], [(0.8, 1.2)], [(2.5, 1.0)], [(1.4, 0.4), (2.7, 0.3)]])
def test_the_same_word_beside_talk_does_not(others):
    y = noise(4.0, 1e-4)
    for start, seconds in others:
        y = put(y, start, seconds)
    assert between(gate_of(put(y, 2.0, 0.5)), 2.3, 3.2).max() < 0.3


def test_what_is_long_is_no_word():
    assert between(gate_of(put(noise(5.0, 1e-4), 1.5, 1.5)), 1.6, 3.9).max() < 0.3


def test_steady_noise_is_quiet_once_it_is_known():
    assert at(gate_of(put(noise(9.0, 0.01), 7.0, 0.5)), 7.9) > 0.85
    assert (
        at(gate_of(put(np.concatenate([noise(6.7, 1e-4), noise(2.3, 0.01)]), 7.0, 0.5)), 7.9) < 0.6
    )  # it has just begun


def test_a_word_at_the_start_of_a_signal_stands_alone():
    gate = gate_of(np.concatenate([noise(0.5, 0.1), noise(1.0, 1e-4)]))
    assert at(gate, 0.9) == pytest.approx(1.0, abs=1e-3)


def test_labels_stay_in_order():
    x = SPEC(put(noise(3.0, 0.05), 1.0, 0.5))
    order = np.argsort(NETWORK(x), axis=1)
    assert np.array_equal(np.argsort(standing_alone(NETWORK, SPEC)(x), axis=1), order)


def test_it_streams_and_is_saved(tmp_path):
    model = standing_alone(NETWORK, SPEC)
    wl.verify_stream(model)
    clf = wl.AudioClassifier(SPEC, model, LABELS, clip_s=1.0)
    assert clf.timing == wl.AudioClassifier(SPEC, NETWORK, LABELS, clip_s=1.0).timing
    clf.save(tmp_path / "a.safetensors")
    x = SPEC(put(noise(3.0, 1e-4), 1.0, 0.5))
    assert np.array_equal(wl.load(tmp_path / "a.safetensors").model(x), model(x))


def test_the_trained_network_is_found_again(tmp_path):
    gated = standing_alone(NETWORK, SPEC)
    assert without_gate(gated) is NETWORK
    assert without_gate(NETWORK) is NETWORK
    other = wl.nn.Graph(20, [["words", NETWORK, ["x"]], ["more", wl.nn.Activation("relu"), ["words"]]])
    assert without_gate(other) is other
    begun = adapted(wl.AudioClassifier(SPEC, gated, LABELS), ["high", "new", "low"], seed=1)
    assert isinstance(begun, wl.nn.FrequencyTCN)
    weights = begun.state_dict()["output.weight"]
    assert np.array_equal(weights[[2, 0]], NETWORK.state_dict()["output.weight"][[0, 1]])


@pytest.mark.parametrize("first", [0, 2])
def test_the_greatest_of_recent_frames(first):
    x = np.abs(np.random.default_rng(0).standard_normal(50)).astype(np.float32)
    padded = np.concatenate([np.zeros(15, np.float32), x])

    def windows(frames):
        return np.lib.stride_tricks.sliding_window_view(padded, 16)[:, 16 - frames :].max(axis=1)

    given = x if first == 0 else windows(2**first)
    made = wl.Sequential(greatest(first, 4))(given[:, np.newaxis])
    assert np.allclose(made[:, 0], windows(16), rtol=1e-6)


@pytest.mark.parametrize(("strides", "spans"), [([1], (5, 9)), ([2, 2], (3, 7)), ([3], (3, 7))])
def test_networks_of_any_rate(strides, spans):
    stem = [[2, [3, 3], [2, stride]] for stride in strides]
    model = wl.nn.FrequencyTCN(20, 3, stem=stem, channels=8, dilations=[1], pool_frames=5)
    gated = standing_alone(model, SPEC)
    x = SPEC(put(noise(3.0, 1e-4), 1.0, 0.5))
    assert gated(x).shape == model(x).shape
    names = {name: layer for name, layer, _ in gated.nodes}
    assert (len(names["newest"]), len(names["floor"]) - 2) == spans
    wl.verify_stream(gated)


DELTAS = PLAIN.then(wl.features.Deltas(width=5, lookahead_frames=0))
WITH_DELTAS = DELTAS.then(wl.features.MeanVariance.fit([DELTAS(noise(1.0, 0.1))]))


@pytest.mark.parametrize(
    "spec", [PLAIN, wl.PCEN(sr=SR, n_fft=256, n_mels=20), PLAIN.then(wl.features.AutoGain()), WITH_DELTAS]
)
def test_features_must_tell_levels(spec):
    with pytest.raises(ParameterError, match=r"must be LogMel\(\.\.\.\) and end with MeanVariance"):
        standing_alone(wl.TCN(spec.out_channels, 3, channels=4), spec)


def test_features_that_only_lose_their_mean():
    centred = PLAIN.then(wl.features.MeanVariance.fit([PLAIN(noise(1.0, 0.1))], scale=False))
    y = put(noise(2.0, 1e-3), 1.0, 0.5)
    found = alone.level(centred, 1)(centred(y))[:, 0]
    assert np.allclose(found, PLAIN(y).mean(axis=1) + 80, atol=1e-3)


def test_recipes_for_listening_hear_words_that_stand_alone():
    assert [name for name in wl.recipes.recipes() if wl.recipes.Recipe.named(name).alone] == [
        "live", "few", "digits",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["speech-commands-12-live", "spoken-digits"])
def test_a_word_is_not_reported_again_when_the_gate_has_forgotten_it(name):
    assert wl.load(name).detector.refractory_ms == REFRACTORY_MS


def test_the_recording_has_each_word_once():
    y, sr = wl.audio.read(RECORDING)
    stream = wl.load("speech-commands-12-live").stream(sr=sr)
    events = [*stream.process(y), *stream.flush()]
    by_word = {}
    for event in events:
        by_word.setdefault(event.label, []).append(event.time_s)
    assert len(events) > 3 and all(np.diff(times).min(initial=9) > 1 for times in by_word.values())
