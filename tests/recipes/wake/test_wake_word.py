"""A wake word from beginning to end, with a stand-in for voices and very little of everything."""

import dataclasses
import gc
import json
import shutil
import weakref

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite import audio
from wavenetlite.cli import main
from wavenetlite.commands import wake_word
from wavenetlite.formats.micro_wake_word import FEATURE_SCALE
from wavenetlite.graph import LOWEST
from wavenetlite.quantization.networks import quantization_aware
from wavenetlite.recipes.wake import EFFORTS, Effort, ensemble, train_wake_word
from wavenetlite.recipes.wake.integers import word_network
from wavenetlite.recipes.wake.measuring import Scored, findings
from wavenetlite.recipes.wake.network import KERNELS, head_for, heads, last_name, mean_of, shift_logits, wake_network
from wavenetlite.recipes.wake.scenes import FRAMES, STEPS, Scenes
from wavenetlite.recipes.wake.settings import MOST_NETWORKS
from wavenetlite.recipes.wake.speech import Speech
from wavenetlite.recipes.wake.thresholds import detector
from wavenetlite.recipes.wake.training import Stages, Training, in_integers, with_input
from wavenetlite.support.errors import ArrayTypeError, ParameterError
from wavenetlite.train.loop import Run

TINY = Effort(utterances=8, measured=3, scenes=40, measured_scenes=8, near_reels=1, talk_reels=1, channels=8,
              networks=2, stages=Stages(epochs=(2, 1), rounded=1, batches=3, batch_size=16))  # fmt: skip
FILES = ["classifier.safetensors", "ab_cd.tflite", "ab_cd.json", "wake-word.json", "report.html", "README.md"]


@pytest.fixture(scope="module")
def made(tones_of_all, tmp_path_factory):
    """A wake word, and its folder."""
    folder = tmp_path_factory.mktemp("wake") / "out"
    return train_wake_word("Ab cd", folder, effort=TINY, programs={"tones": tones_of_all}), folder


def digests(folder):
    return {name: (folder / name).read_bytes() for name in FILES if name != "report.html"}


def test_everything_is_written(made):
    word, folder = made
    assert word.files == FILES
    assert all((folder / name).stat().st_size > 300 for name in FILES)
    manifest = json.loads((folder / "ab_cd.json").read_text())
    assert manifest["wake_word"] == "Ab cd" and manifest["model"] == "ab_cd.tflite" and manifest["version"] == 2
    assert manifest["micro"]["probability_cutoff"] == word.classifier.detector.thresholds["Ab cd"]
    notes = json.loads((folder / "wake-word.json").read_text())
    assert notes["phrases"]["Ab cd"]["scenes"] == 8 and notes["made_of"]["utterances of voices"] == 8


def test_a_threshold_that_is_a_guess_is_told(made):
    """A few seconds of sentences are no measure of false alarms."""
    _, folder = made
    assert "its threshold is a guess, as 2 minutes were kept back" in (folder / "report.html").read_text()


def test_the_classifier_is_loaded_and_streams(made):
    word, folder = made
    clf = wl.load(folder / "classifier.safetensors")
    assert clf.labels == ["Ab cd", "_unknown_"] and clf.background == word.classifier.background
    y = 0.3 * np.random.default_rng(0).standard_normal(40_000).astype(np.float32)
    stream = clf.stream()
    for block in np.array_split(y, 30):
        stream.process(block)
    whole = clf.stream()
    whole.process(y)
    np.testing.assert_array_equal(stream.probabilities[-1], whole.probabilities[-1])
    pool = clf.pool(2)
    assert pool.open() is not None
    wl.verify_stream(clf.model)


def test_the_file_for_esphome_gives_the_same_probabilities(made):
    word, folder = made
    y = 0.3 * np.random.default_rng(1).standard_normal(50_000).astype(np.float32)
    frames = word.classifier.features(y)
    frames = frames[: len(frames) // 3 * 3]
    ours = word.classifier.model(frames)
    p = 1 / (1 + np.exp(ours[:, 1] - ours[:, 0]))
    np.testing.assert_allclose(word_network(word.classifier.model, 0)(frames)[:, 0], p, atol=0.5 / 256 + 1e-6)
    np.testing.assert_array_equal(wl.load(folder / "ab_cd.tflite")(frames),
                                  word_network(word.classifier.model, 0)(frames))  # fmt: skip


def test_the_network_takes_the_integers_that_esphome_gives(made):
    first = made[0].classifier.model.nodes[0][1]
    assert (first.scale, first.zero_point) == (pytest.approx(26 / 255), -128)


def test_the_report_needs_nothing_else(made):
    text = (made[1] / "report.html").read_text()
    assert text.startswith("<!doctype html>") and text.count("<svg") == 2
    assert "http" not in text and "<script" not in text and "src=" not in text
    assert "prefers-color-scheme:dark" in text and "Ab cd" in text and "ab_cd.json" in text


@pytest.mark.parametrize("stages", [1, 3])
def test_a_killed_run_goes_on_with_the_same_result(made, tones_of_all, tmp_path, monkeypatch, stages):
    """Killed in the first network, and in the second one."""
    folder = tmp_path / "out"
    options = {"effort": TINY, "programs": {"tones": tones_of_all}}
    mine, complete = Training.mine, []

    def interrupted(*_):
        raise KeyboardInterrupt

    def some(*args):
        complete.append(1)
        return interrupted() if len(complete) == stages else mine(*args)

    with monkeypatch.context() as patch:  # speech is kept, so many stages are complete
        patch.setattr(Training, "mine", some)
        with pytest.raises(KeyboardInterrupt):
            train_wake_word("Ab cd", folder, **options)
    assert not (folder / "classifier.safetensors").exists()
    with monkeypatch.context() as patch:
        patch.setattr(Speech, "speak", interrupted)  # nothing is said again
        train_wake_word("Ab cd", folder, **options)
    assert digests(folder) == digests(made[1])
    with pytest.raises(ParameterError, match="pass resume=False"):  # nothing of another run is taken over
        train_wake_word("Ab cd", folder, seed=1, **options)
    assert digests(folder) == digests(made[1])


def test_another_rate_of_false_alarms_needs_no_training(made, tones_of_all, tmp_path, monkeypatch):
    """Integers are found for the logits as they are trained: moved before, they were cut off, and no word was heard."""
    folder = tmp_path / "out"
    shutil.copytree(made[1], folder)

    def trained(*_):
        raise AssertionError

    monkeypatch.setattr(Run, "one_step", trained)
    word = train_wake_word("Ab cd", folder, effort=TINY, programs={"tones": tones_of_all}, false_alarms_per_hour=100)
    ours, before = word.classifier.model.state_dict(), made[0].classifier.model.state_dict()
    differ = {name for name in ours if not np.array_equal(ours[name], before[name])}
    assert differ and all(name.endswith("bias") for name in differ)
    assert len(differ) == TINY.networks


def test_several_phrases_have_a_file_each(tones_of_all, tmp_path):
    own = tmp_path / "own" / "ab_cd"
    own.mkdir(parents=True)
    for index in range(5):
        t = np.arange(8000) / 16000
        audio.write(own / f"{index}.wav", (0.3 * np.sin(2 * np.pi * (400 + 20 * index) * t)).astype(np.float32), 16000)
    background = tmp_path / "background"
    background.mkdir()
    rng = np.random.default_rng(0)
    for index in range(3):
        audio.write(
            background / f"{index}.wav", 0.1 * rng.standard_normal(22050 * 8).astype(np.float32), 22050, clip=True
        )
    word = train_wake_word(["ab cd", "ef gh"], tmp_path / "out", effort=TINY, programs={"tones": tones_of_all},
                           recordings=tmp_path / "own", background=[background])  # fmt: skip
    assert word.classifier.labels == ["ab cd", "ef gh", "_unknown_"]
    assert {"ab_cd.tflite", "ef_gh.tflite"} <= set(word.files)
    assert set(word.classifier.detector.thresholds) == {"ab cd", "ef gh"}
    assert word.findings.made_of["own recordings"] == 4
    assert word.findings.made_of["background kept back, pieces"] == 1
    frames = word.classifier.features(rng.standard_normal(20_000).astype(np.float32) * 0.1)[:120]
    logits = word.classifier.model(frames)
    for number in range(2):
        p = word_network(word.classifier.model, number)(frames)[:, 0]
        np.testing.assert_allclose(p, 1 / (1 + np.exp(-(logits[:, number] - logits[:, 2]))), atol=0.5 / 256 + 1e-6)


@pytest.mark.parametrize(("phrases", "options", "message"), [
    ([], {}, "phrases has 0 entries"),
    ("...", {}, "phrase='...'"),
    (["Hey Bo", "hey bo!"], {}, "'hey_bo' twice"),
    ("ab", {"false_alarms_per_hour": 0}, "false_alarms_per_hour=0"),
    ("ab", {"effort": "huge"}, "effort='huge'"),
    ("ab", {"background": ["nowhere"]}, "background=nowhere"),
    ("ab", {"recordings": "nowhere"}, "recordings='nowhere'"),
    ("ab", {"language": "xx"}, "language='xx'"),
    ("ab", {"seed": -1}, "seed=-1"),
])  # fmt: skip
def test_what_cannot_be_is_told_before_any_work(tones, tmp_path, phrases, options, message):
    with pytest.raises(ParameterError, match=message):
        train_wake_word(phrases, tmp_path / "out", programs={"tones": tones}, **options)
    assert not (tmp_path / "out").exists()


def test_a_phrase_is_a_text(tones, tmp_path):
    with pytest.raises(ArrayTypeError, match="phrases"):
        train_wake_word([1], tmp_path / "out", programs={"tones": tones})


# The network


@pytest.mark.parametrize("longest_s", [0.1, 1.0, 1.9])
def test_the_network_hears_the_phrase_whole(longest_s):
    head = head_for(longest_s)
    field = wake_network(1, head=head).receptive_field / 100
    assert field >= longest_s + 0.1
    assert head >= 5 and len(KERNELS) == 4


def test_the_background_is_a_zero_beside_the_words():
    model = wake_network(3, channels=8)
    y = model(np.random.default_rng(0).random((30, 40), dtype=np.float32))
    assert y.shape == (10, 4) and (y[:, 3] == 0).all() and y[:, :3].any()


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_mean_of_networks(count):
    """Its logits are the mean of theirs, and move as they are told to."""
    some = [wake_network(2, channels=8, seed=seed) for seed in range(count)]
    x = np.random.default_rng(0).random((60, 40), dtype=np.float32)
    wanted = np.mean([one(x) for one in some], axis=0)
    mean = mean_of(some)
    np.testing.assert_allclose(mean(x), wanted, atol=1e-6)
    assert len(heads(mean)) == count
    shift_logits(mean, [1.5, -0.25])
    np.testing.assert_allclose(mean(x) - wanted, np.broadcast_to([1.5, -0.25, 0.0], wanted.shape), atol=1e-6)
    np.testing.assert_array_equal(some[0](x), wake_network(2, channels=8, seed=0)(x))  # they are left as they were


def in_bytes(networks):
    """The mean of networks, in 8-bit integers, as the file of its first word has it."""
    mean = mean_of(networks)
    x = np.random.default_rng(0).uniform(0, 26, (2, 300, 40)).astype(np.float32)
    aware = quantization_aware(mean, x, method="percentile", percentile=99.995, keep=[last_name(mean)])
    return word_network(in_integers(with_input(aware, FEATURE_SCALE, LOWEST)), 0)


def test_a_device_has_room_for_as_many_networks_as_may_be_trained(tmp_path):
    """ESPHome's interpreter refuses a model with more variables when it starts, which nobody sees before."""
    about = {"wake_word": "ab cd", "probability_cutoff": 0.5}
    networks = [wake_network(1, channels=4, seed=seed) for seed in range(MOST_NETWORKS + 1)]
    wl.formats.save_wake_word(in_bytes(networks[:-1]), tmp_path / "a.tflite", **about)
    with pytest.raises(ParameterError, match="the model keeps 21 sequences of earlier frames; ESPHome has room for 20"):
        wl.formats.save_wake_word(in_bytes(networks), tmp_path / "b.tflite", **about)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["a.json", "a.tflite"]
    assert all(effort.networks <= MOST_NETWORKS for effort in EFFORTS.values())
    for networks, message in ((MOST_NETWORKS + 1, "networks=4 must be at most 3: ESPHome"), (0, "networks=0")):
        with pytest.raises(ParameterError, match=message):
            Effort(networks=networks)


def test_the_scenes_of_one_network_at_a_time_are_in_memory(tones_of_all, tmp_path, monkeypatch):
    """Those of several phrases are gigabytes."""
    made, most = [], []
    scenes_of_network, stages = ensemble.training_scenes, dataclasses.replace(TINY.stages, epochs=(1,), rounded=0)

    def seen(*args, **options):
        gc.collect()
        most.append(sum(one() is not None for one in made))
        scenes = scenes_of_network(*args, **options)
        made.extend(map(weakref.ref, scenes))
        return scenes

    monkeypatch.setattr(ensemble, "training_scenes", seen)
    train_wake_word("Ab cd", tmp_path / "out", effort=dataclasses.replace(TINY, stages=stages),
                    programs={"tones": tones_of_all})  # fmt: skip
    assert most == [0, 0]


# The command


def test_the_command(monkeypatch, made, tmp_path, capsys):
    seen = {}

    def stand_in(phrases, out, **options):
        seen.update(options, phrases=phrases)
        shutil.copytree(made[1], out)
        return made[0]

    monkeypatch.setattr(wake_word, "train_wake_word", stand_in)
    out = tmp_path / "out"
    assert main(["wake-word", "ab cd", "--out", str(out), "--voices", "tones, flite", "--effort", "quick"]) == 0
    printed = capsys.readouterr().out
    assert "found" in printed and f"wrote {out / 'report.html'}" in printed
    assert seen["voices"] == ["tones", "flite"] and seen["phrases"] == ["ab cd"] and seen["effort"] == "quick"
    assert main(["wake-word", "ab cd", "--out", str(tmp_path / "b"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["phrases"]["Ab cd"]["scenes"] == 8


def test_the_speech_of_a_run_is_not_its_background(tmp_path, capsys):
    (tmp_path / "out").mkdir()
    assert main(["wake-word", "ab", "--out", str(tmp_path / "out"), "--background", str(tmp_path)]) == 2
    assert "holds --out" in capsys.readouterr().err


def test_false_alarms_are_those_of_the_background_only():
    """A phrase that is heard twice in its scene, or early, is no alarm an hour of talk."""
    scenes = Scenes(np.zeros((2, FRAMES, 40), np.float16), np.full(2, 1.5, np.float32), np.full(2, 0.6, np.float32))
    p = np.zeros((2, STEPS, 2), np.float32)
    p[:, 48:60, 0] = 1.0  # at the end of the phrase
    p[1, 90:, 0] = 1.0  # and once more, late
    background = np.zeros((3, 1000, 2), np.float32)
    background[2, 100:110, 0] = 1.0
    for some in (p, background):
        some[..., 1] = 1 - some[..., 0]
    net = wake_network(1, channels=4)
    clf = wl.AudioClassifier(wl.MicroFrontend(), net, ["go", "_unknown_"], detector=detector({"go": 0.6}))
    found = findings(Scored([p], [scenes], [background[:1], background[1:]], [1 / 120, 1 / 60]), ["go"], clf, 0.5, {})
    one = found.outcomes["go"]
    assert (one.words, one.found, one.alarms) == (2, 2, 1)
    assert one.hours == pytest.approx(3 * 30 / 3600, rel=0.01)
    assert found.live()["false_alarms"] == 1 and found.live()["recall"] == 1.0
    assert found.curves["go"].outcomes[60].alarms == 1
