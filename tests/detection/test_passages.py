"""Segments: which frames should say a word, and that nothing else does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import wavenetlite as wl
from wavenetlite.corpora.utterances import Utterance
from wavenetlite.train.augment import Augment, Gain
from wavenetlite.train.segments import IGNORED, Marks, Segments, Spoken

SPEC = wl.LogMel(sr=8000, n_fft=256, hop_length=80, n_mels=8)
LABELS = ["fall", "rise", "_"]
WORD = 1.0, 1.4
MARKS = Marks(from_ms=0.0, to_ms=100.0, before_ms=200.0, after_ms=300.0, least_heard=0.9, most_broken=0.6)


def item(word="rise", seconds=2.4, untimed=(), level=0.1, seed=0):
    y = level * np.random.default_rng(seed).standard_normal(round(8000 * seconds))
    times = WORD if word else (0.0, 0.0)
    return Utterance("a", y.astype(np.float32), "s", "train", word, *times, frozenset(untimed))


def segments(items, frames=64, *, spoken=None, chosen=None, **options):
    spoken = spoken or Spoken(items, SPEC, None, 0)
    chosen = range(len(items)) if chosen is None else chosen
    zero, one = np.zeros(8, np.float32), np.ones(8, np.float32)
    options = {"background": "_", "marks": MARKS, "stride": 1, "mean": zero, "deviation": one, **options}
    return Segments(spoken, chosen, LABELS, frames=frames, **options)


def wanted(word="rise", begin=0, end=None, **options):
    """The targets of frames and the milliseconds since the word's end at which each frame ends."""
    made = segments([item(word, **options)])
    piece = made.spoken.pieces[0][0]
    end = len(piece.frames) if end is None else end
    targets = made.wanted(0, piece, begin, end)
    assert targets.dtype == np.int64 and len(targets) == end - begin
    return targets, (np.arange(begin, end) * 10 + 32 - 1400).astype(float)


def test_the_frames_after_a_word_say_it():
    targets, ms = wanted()
    assert (targets[(ms >= 0) & (ms <= 100)] == 1).all() and (targets == 1).sum() == 10
    assert (targets[((ms >= -200) & (ms < 0)) | ((ms > 100) & (ms <= 400))] == IGNORED).all()
    assert (targets[(ms < -200) | (ms > 400)] == 2).all()


def test_without_a_word_all_is_background():
    assert (wanted(None)[0] == 2).all()


def test_where_a_word_falls_at_an_unknown_time_only_marked_frames_count():
    targets, ms = wanted(untimed={"fall"})
    assert (targets[(ms >= 0) & (ms <= 100)] == 1).all()
    assert (targets[(ms < 0) | (ms > 100)] == IGNORED).all()
    assert (wanted(None, untimed={"rise"})[0] == IGNORED).all()


@pytest.mark.parametrize(("begin", "of_word"), [(100, [1]), (103, [1]), (110, [IGNORED]), (118, [2]), (135, [2])])
def test_a_word_whose_beginning_is_cut_off(begin, of_word):
    targets, ms = wanted(begin=begin)  # of the word from 1.0 to 1.4 s, what is left is heard
    assert set(targets[(ms >= 0) & (ms <= 100)].tolist()) == set(of_word)
    assert (targets[ms > 400] == 2).all()


def test_faster_speech_moves_the_word():
    spoken = Spoken([item()], SPEC, None, 3, speed=(0.8, 0.8))
    assert [(piece.start_s, piece.end_s) for piece in spoken.pieces[0]] == [WORD]
    for variant in spoken.pieces[1:]:
        assert variant[0].start_s == pytest.approx(1.25) and variant[0].end_s == pytest.approx(1.75)
        assert len(variant[0].frames) == SPEC.frames(round(2.4 * 8000 / 0.8))
        targets = segments([item()], spoken=spoken).wanted(0, variant[0], 0, len(variant[0].frames))
        ms = np.arange(len(targets)) * 10 + 32 - 1750
        assert ((targets == 1) == ((ms >= 0) & (ms <= 100))).all()


@pytest.mark.parametrize(("begin", "of_word"), [(124, 1), (135, IGNORED), (150, 2)])
def test_the_share_of_a_slower_word_that_is_heard(begin, of_word):
    spoken = Spoken([item()], SPEC, None, 1, speed=(0.8, 0.8))  # the word is now from 1.25 to 1.75 s
    piece = spoken.pieces[1][0]
    targets = segments([item()], spoken=spoken).wanted(0, piece, begin, len(piece.frames))
    ms = np.arange(begin, len(piece.frames)) * 10 + 32 - 1750
    assert set(targets[(ms >= 0) & (ms <= 100)].tolist()) == {of_word}


def test_variants_differ_and_the_recording_itself_is_there():
    items = [item(seed=0), item(None, seed=1)]
    spoken = Spoken(items, SPEC, Augment([Gain(-20, 0)]), 2, speed=(0.9, 1.1), seed=3)
    again = Spoken(items, SPEC, Augment([Gain(-20, 0)]), 2, speed=(0.9, 1.1), seed=3, threads=2)
    assert len(spoken.pieces) == 3
    for own, other in zip(spoken.pieces, again.pieces, strict=True):
        assert all((a.frames == b.frames).all() and a[1:] == b[1:] for a, b in zip(own, other, strict=True))
    for piece, one in zip(spoken.pieces[0], items, strict=True):
        assert (piece.frames == SPEC(one.audio).astype(np.float16)).all()
    assert len({spoken.pieces[k][0].frames.tobytes() for k in range(3)}) == 3


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.sampled_from([32, 96, 300]), st.sampled_from([0.0, 1.0]))
def test_passages_are_full_and_of_their_utterances(seed, frames, broken):
    # Each utterance has a level of its own, so that every frame tells where it is from.
    items = [item("rise", 2.4, level=1.0, seed=1), item("fall", 1.6, level=1e-2, seed=2), item(None, 0.5, level=1e-4)]
    made = segments(items, frames, broken=broken)
    x, targets = made.batch(np.arange(len(made)) % len(made), np.random.default_rng(seed))
    assert x.shape == (len(made), frames, 8) and x.dtype == np.float32 and targets.shape == (len(made), frames)
    assert np.isfinite(x).all()
    assert set(np.unique(targets).tolist()) <= {0, 1, 2, IGNORED}
    levels = np.array([SPEC(one.audio).mean() for one in items])
    nearest = np.abs(x.mean(axis=2)[..., np.newaxis] - levels).argmin(axis=2)
    assert (nearest[targets == 1] == 0).all() and (nearest[targets == 0] == 1).all()  # a word is said by who says it


def test_only_chosen_utterances_are_heard_and_long_ones_more_often():
    items = [item("rise", 6.0, level=1.0), item("fall", 1.6, level=1e-2), item(None, 2.0, level=1e-4)]
    made = segments(items, 100, chosen=[0, 2])
    assert made.starts == [0] * 6 + [2] * 2 and len(made) == 8
    x, targets = made.batch(np.arange(8), np.random.default_rng(0))
    assert not (targets == 0).any()
    assert not (np.abs(x.mean(axis=2) - SPEC(items[1].audio).mean()) < 5).any()


def test_a_broken_word_is_no_word():
    made = segments([item("rise"), item(None)], 150, broken=1.0)
    seen = 0
    for seed in range(20):
        targets = np.empty(150, np.int64)
        made.other = lambda rng: 1
        made.fill(np.empty((150, 8), np.float32), targets, 0, np.random.default_rng(seed))
        seen += (targets == 1).sum()
    assert seen == 0


def test_targets_follow_the_stride():
    made = segments([item("rise")], 64, stride=4)
    assert made.batch(np.array([0, 1]), np.random.default_rng(0))[1].shape == (2, 16)
    with pytest.raises(wl.ParameterError, match="frames=64 must be a multiple of the network's stride 3"):
        segments([item("rise")], 64, stride=3)


def test_frames_are_normalised_then_augmented():
    calls = []

    def augment(x, rng):
        calls.append(x.copy())
        return x + 1

    mean, deviation = np.full(8, 3.0, np.float32), np.full(8, 2.0, np.float32)
    made = segments([item("rise")], 64, mean=mean, deviation=deviation, augment=augment)
    plain = segments([item("rise")], 64)
    x, _ = made.batch(np.array([0]), np.random.default_rng(0))
    y, _ = plain.batch(np.array([0]), np.random.default_rng(0))
    assert np.allclose(calls[0], (y - 3) / 2, atol=1e-6) and (x == calls[0] + 1).all()


def test_nothing_to_choose_from():
    with pytest.raises(wl.ParameterError, match="no utterance that is long enough for a frame"):
        segments([item(None, 0.01)])
