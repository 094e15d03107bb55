"""openWakeWord's files as classifiers: the values of the chain window by window, streams, several words, verifiers."""

import shutil

import numpy as np
import pytest
from embedding_files import (
    FRAMES,
    WIDTH,
    embedding_frames,
    embedding_layers,
    mel_model,
    onnx_embedding,
    onnx_word,
    tflite_embedding,
    tflite_word,
    word_weights,
)
from litert_running import needs_litert

import wavenetlite as wl

pytest.importorskip("onnx", reason="the files are written with onnx")

KINDS = ("onnx", "tflite")


def written(folder, kind="onnx", words=("hello",), **options):
    """A folder as openWakeWord has it."""
    make = onnx_embedding if kind == "onnx" else tflite_embedding
    (folder / f"embedding_model.{kind}").write_bytes(make(embedding_layers()))
    (folder / "melspectrogram.onnx").write_bytes(mel_model())
    for seed, word in enumerate(words):
        weights = word_weights(seed)
        data = onnx_word(weights, **options) if kind == "onnx" else tflite_word(weights, **options)
        (folder / f"{word}.{kind}").write_bytes(data)
    return folder


def sound(seconds=6, seed=0):
    rng = np.random.default_rng(seed)
    envelope = np.exp(rng.uniform(-9, -1, 10 * seconds)).repeat(1600)
    return np.clip(envelope * rng.standard_normal(len(envelope)), -1, 1).astype(np.float32)


def fed(clf, y, blocks=7):
    stream, events, rows, times = clf.stream(), [], [], []
    for block in np.array_split(y, blocks):
        events += stream.process(block)
        rows.append(stream.probabilities)
        times += stream.frame_times_s.tolist()
    return events, np.concatenate(rows), times


# --------------------------------------------------------------- the chain as those projects run it: window by window
def mel_frames(y, first, count):
    """The frames of one call: a floor 80 dB below its loudest, of samples in the range of 16-bit integers."""
    spec = wl.features.LogMel(
        sr=16000, n_fft=512, win_length=400, hop_length=160, n_mels=32, fmin=60, fmax=3800, amin=1e-30
    )
    mel = spec(y[first : first + (count - 1) * 160 + 512]).astype(np.float64) + 20 * np.log10(32768)
    mel = np.maximum(mel, -100.0)
    return np.maximum(mel, mel.max() - 80) / 10 + 2


def embedded(window):
    """One embedding of its frames, in float64."""
    x = np.asarray(window, np.float64)[None]  # (maps, frames, bins)
    for kind, *values in embedding_layers():
        if kind == "conv":
            weight, bias, pads = values
            x = np.pad(x, [(0, 0), (0, 0), (pads, pads)])
            frames, bins = x.shape[1] - weight.shape[2] + 1, x.shape[2] - weight.shape[3] + 1
            y = np.zeros((len(weight), frames, bins)) + (0 if bias is None else bias[:, None, None])
            for k in range(weight.shape[2]):
                for j in range(weight.shape[3]):
                    y += np.einsum("oi,ifb->ofb", weight[:, :, k, j], x[:, k : k + frames, j : j + bins])
            x = y
        elif kind == "leaky":
            x = np.maximum(np.where(x > 0, x, 0.2 * x), -0.4)
        else:
            (a, b), (m, f, c) = values[0], x.shape
            x = x[:, : f // a * a, : c // b * b].reshape(m, f // a, a, c // b, b).max(axis=(2, 4))
    return x.reshape(-1)


def score(embeddings, weights, *, norm):
    a = weights["w1"] @ np.concatenate(embeddings) + weights["b1"]
    if norm:
        a = (a - a.mean()) / np.sqrt(((a - a.mean()) ** 2).mean() + 1e-5) * weights["g"] + weights["h"]
    return 1 / (1 + np.exp(-(weights["w2"] @ np.maximum(a, 0) + weights["b2"])))[0]


def scores(y, weights, *, start, norm):
    """Scores at every call of 1,280 samples, as (sample at which the newest embedding ends, score)."""
    seen = embedding_frames(embedding_layers())
    if start == "silence":
        y, before, lead = np.concatenate([np.zeros(40 * 1280, np.float32), y]), 40 * 1280, 0
        calls, parts = [(first, 8) for first in range(0, len(y) - 1632 + 1, 1280)], []
    else:
        before, lead, parts = 0, 191, [np.ones((191, 32))]
        calls = [(0, 5), *((first - 480, 8) for first in range(1280, len(y) - 1152 + 1, 1280))]
    mel = np.concatenate([*parts, *(mel_frames(y, first, count) for first, count in calls)])
    last = range(seen - 1, len(mel), 8) if start == "silence" else range(195 % 8 + 24, len(mel), 8)
    embeddings, found = {end: embedded(mel[end - seen + 1 : end + 1]) for end in last}, []
    for end in sorted(embeddings):
        taken = [embeddings.get(end - 8 * back) for back in range(FRAMES - 1, -1, -1)]
        if all(one is not None for one in taken):
            found.append(((end - lead) * 160 + 512 - before, score(taken, weights, norm=norm)))
    return found


@pytest.mark.parametrize("start", ["silence", "ones"])
@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_chain(tmp_path, kind, start):
    y = sound(4)
    clf = wl.load(written(tmp_path, kind), start=start)
    assert clf.labels == ["hello", "_unknown_"] and clf.outputs == "probabilities"
    _, rows, times = fed(clf, y)
    expected = dict(scores(y, word_weights(0), start=start, norm=kind == "onnx"))
    compared = [(row[0], expected[round(time * 16000)]) for row, time in zip(rows, times, strict=True)
                if round(time * 16000) in expected]  # fmt: skip
    found, wanted = np.array(compared).T
    assert len(compared) >= len(y) // 1280 - 3 and np.ptp(wanted) > 0.05
    assert np.abs(found - wanted).max() < 1e-4


@pytest.mark.parametrize("written_out", [True, False])
def test_layer_norms_of_older_and_newer_exporters(tmp_path, written_out):
    clf = wl.load(written(tmp_path, written_out=written_out) / "hello.onnx")
    kinds = [type(layer).__name__ for _, layer in clf.model.modules()]
    assert kinds.count("LayerNorm") == 1 and kinds.count("MaxPool2d") == 4 and "FiLM" not in kinds


@pytest.mark.parametrize("kind", KINDS)
def test_a_classifier_like_any_other(tmp_path, kind):
    clf, y = wl.load(written(tmp_path, kind)).with_threshold(0.3), sound(8)
    events, rows, _ = fed(clf, y, 1)
    for blocks in (3, 101):
        other = fed(clf, y, blocks)
        assert other[0] == events and np.array_equal(other[1], rows)
    pool = clf.pool(3)
    ids = [pool.open() for _ in range(3)]
    found = [pool.process(dict.fromkeys(ids, y[i : i + 1111]))[ids[2]] for i in range(0, len(y), 1111)]
    assert [event for some in found for event in some] == events
    half, other = clf.stream(), clf.stream()
    first = half.process(y[:50_001])
    other.restore(half.snapshot())
    assert first + other.process(y[50_001:]) == events
    half.reset()
    assert half.process(y) == events
    clf.save(tmp_path / "saved.safetensors")
    again = wl.load(tmp_path / "saved.safetensors")
    assert fed(again, y)[0] == events and np.array_equal(fed(again, y)[1], rows)
    assert clf.predict(y[:1000]).probabilities.shape == (2,)


def test_several_words_share_the_embedding(tmp_path):
    written(tmp_path, words=("hello", "there", "again"))
    clf, y = wl.load(tmp_path), sound()
    assert wl.formats.recognise(tmp_path) == wl.formats.recognise(tmp_path / "again.onnx") == "openwakeword"
    assert clf.labels == ["again", "hello", "there", "_unknown_"]
    _, rows, _ = fed(clf, y)
    for label in clf.labels[:-1]:
        alone = wl.load(tmp_path / f"{label}.onnx")
        assert np.array_equal(fed(alone, y)[1][:, 0], rows[:, clf.labels.index(label)])
    assert np.array_equal(rows[:, 3], 1 - rows[:, :3].max(axis=1))
    assert wl.load(tmp_path, words=["there"]).labels == ["there", "_unknown_"]
    with pytest.raises(wl.ParameterError, match="words contains 'no'; the folder has: again, hello, there"):
        wl.load(tmp_path, words=["no"])


def test_both_formats_give_the_same_embedding(tmp_path):
    layers, y = embedding_layers(), sound(3)
    weights = word_weights(0)
    for kind, data in (("onnx", onnx_embedding(layers)), ("tflite", tflite_embedding(layers))):
        folder = tmp_path / kind
        folder.mkdir()
        (folder / f"embedding_model.{kind}").write_bytes(data)
        (folder / "hello.tflite").write_bytes(tflite_word(weights))
    a, b = (fed(wl.load(tmp_path / kind), y)[1] for kind in KINDS)
    assert np.array_equal(a, b)


@pytest.mark.parametrize("bound", [0.4, 0.5])
def test_a_verifier_counts_only_where_the_first_network_passes(tmp_path, bound):
    first, second = word_weights(0), word_weights(7)
    x = np.random.default_rng(0).standard_normal((400, WIDTH)).astype(np.float32)
    nets = []
    for name, data in {
        "a": tflite_word(first),
        "b": tflite_word(second),
        "c": tflite_word(first, second, bound),
    }.items():
        (tmp_path / f"{name}.tflite").write_bytes(data)
        nets.append(wl.load(tmp_path / f"{name}.tflite")(x)[:, 0])
    a, b, both = nets
    assert 0.1 < (a >= np.float32(bound)).mean() < 0.9
    assert np.array_equal(both, np.where(a >= np.float32(bound), b, a))


def test_the_verifier_as_litert_has_it(tmp_path):
    needs_litert()
    from litert_running import run_litert

    path, x = tmp_path / "c.tflite", np.random.default_rng(0).standard_normal((40, WIDTH)).astype(np.float32)
    path.write_bytes(tflite_word(word_weights(0), word_weights(7), 0.5))
    expected = [run_litert(path, x[None, n : n + FRAMES]).reshape(-1)[0] for n in range(len(x) - FRAMES + 1)]
    assert np.abs(wl.load(path)(x)[:, 0] - expected).max() < 1e-6


def test_scores_at_the_start_trigger_nothing_after_ones(tmp_path):
    clf = wl.load(written(tmp_path), start="ones")
    assert clf.detector.warm_up_ms == 400 and wl.load(tmp_path).detector.warm_up_ms == 0
    events, rows, _ = fed(clf.with_threshold(0.0), sound(3))
    assert len(rows) and round((events[0].time_s - clf.frame_time_s(0)) * clf.frame_rate) == 5


def test_a_word_somewhere_else_needs_its_embedding(tmp_path):
    written(tmp_path)
    apart = tmp_path / "apart"
    apart.mkdir()
    shutil.copy(tmp_path / "hello.onnx", apart)
    assert isinstance(wl.load(apart / "hello.onnx"), wl.nn.Module)
    with pytest.raises(wl.ModelFileError, match=r"no embedding_model.onnx or .tflite beside it; pass embedding"):
        wl.load(apart / "hello.onnx", format="openwakeword")
    clf = wl.load(apart / "hello.onnx", format="openwakeword", embedding=tmp_path / "embedding_model.onnx")
    assert clf.labels == ["hello", "_unknown_"]


def wrong_mel(folder):
    (folder / "melspectrogram.onnx").write_bytes(mel_model(np.ones((257, 32), np.float32)))


def wrong_embedding(change):
    def write(folder):
        (folder / "embedding_model.onnx").write_bytes(onnx_embedding(embedding_layers(), change=change))

    return write


def another(name, data):
    return lambda folder: (folder / name).write_bytes(data())


def unknown_operator(nodes, constants):
    nodes[2] = ("Elu", nodes[2][1], nodes[2][2], {})


def zeros_over_time(nodes, constants):
    nodes[1][3]["pads"] = [1, 1, 1, 1]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (wrong_mel, "melspectrogram.onnx: its mel filters are not openWakeWord's"),
        (wrong_embedding(unknown_operator), "Elu has no counterpart in an embedding"),
        (wrong_embedding(zeros_over_time), "has pads=[1, 1, 1, 1]; there must be none over time"),
        (another("embedding_model.onnx", lambda: onnx_word(word_weights())), "its input has the shape [1, 3, 5]"),
        (another("hello.onnx", lambda: onnx_word(word_weights(), end="Tanh")), "does not end with a sigmoid"),
        (another("hello.onnx", lambda: onnx_embedding(embedding_layers())), "hello.onnx: "),
        (another("hello.onnx", lambda: b"nothing of the kind, but long enough"), "hello.onnx: neither an ONNX nor"),
    ],
    ids=["mel", "operator", "padding", "no embedding", "no sigmoid", "no word", "no file"],
)
def test_what_does_not_fit_is_one_line(tmp_path, spoil, says):
    spoil(written(tmp_path))
    with pytest.raises(wl.ModelFileError) as error:
        wl.load(tmp_path)
    assert says in str(error.value) and "\n" not in str(error.value)
    assert str(error.value).count(str(tmp_path / "hello.onnx")) <= 1


def test_a_folder_without_words(tmp_path):
    (written(tmp_path) / "hello.onnx").unlink()
    with pytest.raises(wl.ModelFileError, match=r"a folder with 0 networks of words beside the .* embedding=\.\.\."):
        wl.load(tmp_path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["embedding_model", "melspectrogram"])
def test_the_files_beside_the_words_say_what_they_are(tmp_path, kind, name):
    written(tmp_path, kind)
    path = next(tmp_path.glob(f"{name}.*"))
    with pytest.raises(
        wl.ModelFileError, match=rf"openWakeWord's {name}, which hears no word by itself: load its folder"
    ):
        wl.load(path)


def test_another_network_may_have_the_name_of_the_embedding(tmp_path):
    (tmp_path / "embedding_model.onnx").write_bytes(onnx_word(word_weights()))
    assert isinstance(wl.load(tmp_path / "embedding_model.onnx"), wl.nn.Module)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"start": "noise"}, "start='noise' must be one of silence, ones"),
        ({"samples": "int8"}, "samples='int8' must be one of int16, unit"),
        ({"words": "hello"}, "words='hello' must be a list of names"),
        ({"words": []}, "words is empty; the folder has: hello"),
    ],
)
def test_options(tmp_path, options, says):
    with pytest.raises(wl.WavenetliteError, match=says):
        wl.load(written(tmp_path), **options)
