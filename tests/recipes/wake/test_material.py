"""Scenes and reels: where the phrase ends, what is the target, and that nothing depends on threads."""

import numpy as np
import pytest

from wavenetlite import audio
from wavenetlite.corpora.background import read_background
from wavenetlite.recipes.wake.examples import Examples, Hard
from wavenetlite.recipes.wake.material import LEAST_KEPT_S, NEAR, long_enough
from wavenetlite.recipes.wake.recordings import Joined, Pieces, own_files, read_own
from wavenetlite.recipes.wake.reels import Reels, reels_for, reels_of, share_of
from wavenetlite.recipes.wake.scenes import FRAMES, SAMPLES, STEPS, Scenes, scenes_of
from wavenetlite.recipes.wake.speech import SR
from wavenetlite.recipes.wake.stages import Log
from wavenetlite.recipes.wake.training import Stages, Training
from wavenetlite.support.errors import ParameterError
from wavenetlite.train.segments import IGNORED


def tone(hz, seconds):
    return (0.4 * np.sin(2 * np.pi * hz * np.arange(round(seconds * SR)) / SR)).astype(np.float32)


PHRASES = [tone(600, 0.7), tone(900, 0.5)]
TALK = [tone(300, 2.0), tone(1500, 1.0)]


def test_scenes_are_the_same_for_any_number_of_threads():
    one, other = (scenes_of(PHRASES, TALK, TALK, 40, seed=1, threads=threads) for threads in (1, 3))
    for name in ("frames", "ends_s", "lengths_s"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert one.frames.shape == (40, FRAMES, 40)
    assert (one.ends_s >= 0.9).all() and (one.ends_s <= 2.8).all()


def test_a_phrase_of_any_length_fits():
    scenes = scenes_of([tone(500, 6.0), tone(500, 0.1)], [], [], 8, seed=0)
    assert (scenes.ends_s <= SAMPLES / SR).all() and np.isfinite(scenes.frames.astype(np.float32)).all()


def test_the_target_is_the_phrase_just_after_its_end():
    scenes = Scenes(np.zeros((1, FRAMES, 40), np.float16), np.array([2.0], np.float32), np.array([0.8], np.float32))
    (targets,) = scenes.targets(np.array([0]), 0, 1)
    times = 0.05 + 0.03 * np.arange(STEPS)  # of the newest sample that a step has heard
    assert (targets[(times >= 1.98) & (times <= 2.26)] == 0).all()
    assert (targets[times < 1.55] == 1).all() and (targets[times > 2.65] == 1).all()
    assert (targets[(times > 1.65) & (times < 1.95)] == IGNORED).all()


def test_reels_hold_all_parts_and_do_not_depend_on_threads():
    parts = [tone(200 + 50 * index, 7.0) for index in range(9)]
    assert reels_for(parts) == 2
    one, other = (reels_of("tones", parts, TALK, 3, seed=2, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.frames, other.frames)
    assert one.frames.shape[0] == 3 and one.hours == pytest.approx(90 / 3600, rel=0.01)


@pytest.mark.parametrize(("reels", "shares"), [(4, 40), (7, 40), (39, 40), (40, 40), (100, 40)])
def test_too_few_reels_hear_some_from_beginning_to_end(reels, shares):
    """A background has its folders one after the other: the last must not go unheard."""
    taken = [share_of(number, reels, shares) for number in range(reels)]
    assert all(0 <= one < shares for one in taken) and len(set(taken)) == min(reels, shares)
    gaps = np.diff([-1, *sorted(set(taken)), shares])
    assert gaps.max() <= -(-shares // reels) + 1


def test_what_was_kept_back_is_measured_by_folder_where_it_is_long_enough():
    a, b = np.zeros(round(0.6 * LEAST_KEPT_S * SR), np.float32), np.zeros(round(0.2 * LEAST_KEPT_S * SR), np.float32)
    assert [list(map(len, some)) for some in long_enough([[b], [a, a], [a, a, a]])] == [
        [len(a)] * 3 + [len(b)], [len(a)] * 2]  # fmt: skip
    assert [list(map(len, some)) for some in long_enough([[a], [a, a], [a]])] == [[len(a)] * 2, [len(a)] * 2]
    assert [list(map(len, some)) for some in long_enough([[b], [b]])] == [[len(b)] * 2]


@pytest.mark.parametrize("around", [False, True])
def test_where_no_voice_could_say_a_sentence_a_reel_of_silence_is_measured(around):
    (nothing,) = long_enough([[]])
    reels = reels_of("kept back", nothing, [], reels_for(nothing), seed=0, around=around)
    assert len(nothing) == 0 and len(reels.frames) == 1 and np.isfinite(reels.frames).all()


def test_what_was_kept_back_is_not_read_at_once():
    """A background of tens of hours does not fit into memory as float32."""
    taken = []

    class Counted(Joined):
        def __getitem__(self, index):
            taken.append(index)
            return super().__getitem__(index)

    kept = [Counted([[np.full(round(LEAST_KEPT_S * SR / 2), n, np.float32)] * 3]) for n in range(2)]
    made = long_enough(kept)
    taken.clear()
    assert [len(one) for one in made] == [3, 3] and taken == []
    assert made[1][-1][0] == 1 and [one[0] for one in made[0][1:]] == [0, 0] and len(taken) == 3
    with pytest.raises(IndexError):
        made[0][3]


def test_the_hardest_windows_hold_the_peaks():
    reels = Reels("numbers", np.broadcast_to(np.arange(900, dtype=np.float16)[np.newaxis, :, np.newaxis], (2, 900, 40)))
    scores = np.full((2, 300), -5.0)
    scores[0, 150], scores[1, 299], scores[1, 0] = 3.0, 2.0, 1.0
    places = reels.hardest(scores, 3, np.random.default_rng(0))
    assert [reel for reel, _ in places] == [0, 1, 1]
    for (_, start), step in zip(places, (150, 299, 0), strict=True):
        assert start <= 3 * step < start + FRAMES
    assert reels.take(places).shape == (3, FRAMES, 40)


def test_batches_have_phrases_and_everything_else():
    scenes = [scenes_of(PHRASES[:1], [], [], 8, seed=0), scenes_of(PHRASES[1:], [], [], 8, seed=1)]
    reels = [(reels_of("a", TALK, [], 1, seed=0), 1.0), (reels_of("b", TALK, [], 1, seed=1), 3.0)]
    hard = [Hard(reels[0][0], [(0, 0), (0, 100)]), Hard(reels[1][0], [])]
    source = Examples(scenes, reels, hard, batches=2, batch_size=40)
    x, y = source.batch(np.arange(40), np.random.default_rng(0))
    assert len(source) == 80 and x.shape == (40, FRAMES, 40) and y.shape == (40, STEPS)
    assert set(np.unique(y)) == {IGNORED, 0, 1, 2}
    assert (y == 2).all(axis=1).sum() == 26
    again = source.batch(np.arange(40), np.random.default_rng(0))
    np.testing.assert_array_equal(x, again[0])
    np.testing.assert_array_equal(y, again[1])
    assert source.contents() != Examples(scenes, reels, [], batches=2, batch_size=40).contents()


def test_near_misses_are_not_searched_for_what_is_mistaken(tmp_path):
    said = [scenes_of(PHRASES[:1], [], [], 4, seed=0)]
    reels = [(reels_of("near misses", TALK, [], 1, seed=0), NEAR), (reels_of("background", TALK, [], 1, seed=1), 2.0)]
    training = Training(said, reels, Stages(), tmp_path, name="", head=5, channels=4, seed=0, threads=1, log=Log(False))
    assert [one.reels.name for one in training.mine(training.model)] == ["background"]


# Recordings


def test_a_background_comes_in_pieces(tmp_path):
    audio.write(tmp_path / "long.wav", np.full(8000 * 41, 0.5, np.float32), 8000)
    audio.write(tmp_path / "short.flac", np.zeros(2000, np.float32), 16000)
    pieces = Pieces(read_background([tmp_path], SR))
    assert [round(len(one) / SR) for one in pieces] == [20, 20, 1]
    assert pieces[1].dtype == np.float32 and pieces[1][100] == pytest.approx(0.5, abs=1e-3)
    assert [pieces.place(index) for index in (0, 1)] == ["long.wav", "long.wav, from 20 s on"]
    assert len(pieces.some(1e9, np.random.default_rng(0))) == 3 and len(pieces.some(1, np.random.default_rng(0))) <= 2
    assert len(Pieces()) == 0 and Pieces().some(5, np.random.default_rng(0)) == []


def test_ones_own_recordings_are_read_at_any_rate(tmp_path):
    audio.write(tmp_path / "a.wav", np.zeros((8000, 2), np.float32), 8000)
    (tmp_path / "bad.wav").write_bytes(b"no audio")
    (tmp_path / "notes.txt").write_text("not audio")
    signals, problems = read_own(own_files(tmp_path))
    assert [len(one) for one in signals] == [SR]
    assert len(problems) == 1 and "bad.wav" in problems[0]


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_recordings_is_told(tmp_path, name):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ParameterError, match=f"recordings=.*{name}"):
        own_files(tmp_path / name)
