"""Segments of a background: what is drawn, hard negatives, and batches with them."""

import numpy as np
import pytest

from wavenetlite.support.errors import ParameterError
from wavenetlite.train.background import BackgroundSegments, WithBackground
from wavenetlite.train.batches import ClipBatches, shuffled

VARIANTS, ROWS, FRAMES, BINS, LENGTH = 2, 5, 40, 3, 8


def segments(**options):
    frames = np.random.default_rng(0).standard_normal((VARIANTS, ROWS, FRAMES, BINS)).astype(np.float16)
    return BackgroundSegments(frames, LENGTH, **options)


def places(made, x):
    """Where each segment was cut from."""
    windows = np.lib.stride_tricks.sliding_window_view(
        made.frames, LENGTH, axis=2
    )  # variants, rows, starts, bins, length
    return [tuple(int(n) for n in np.argwhere((windows == one.T).all(axis=(-1, -2)))[0]) for one in x]


class Clips:
    frames = np.arange(6 * LENGTH * BINS, dtype=np.float32).reshape(6, LENGTH, BINS) + 1000

    def take(self, indices, rng):
        return self.frames[indices]

    def contents(self):
        return {"audio": "clips"}


def batches(**options):
    return WithBackground(ClipBatches(Clips(), np.arange(6) % 2, classes=3), segments(), 2, **options)


def test_segments_are_cut_from_the_rows():
    made = segments()
    x = made.take(20, np.random.default_rng(1))
    assert x.shape == (20, LENGTH, BINS)
    assert x.dtype == np.float32
    assert len(set(places(made, x))) > 10


def test_pauses_are_passed_over():
    frames = np.full((1, 1, FRAMES, BINS), -5.0, np.float16)
    frames[0, 0, 22:] = 0.0
    x = BackgroundSegments(frames, LENGTH).take(40, np.random.default_rng(0))
    assert (x.max(axis=(1, 2)) == 0).mean() > 0.9  # half of all segments are pause


def test_rows_must_be_as_long_as_a_segment():
    with pytest.raises(ParameterError, match="rows of 40 frames; a segment needs 41"):
        BackgroundSegments(np.zeros((1, 1, FRAMES, BINS), np.float16), 41)


@pytest.mark.parametrize("stride", [1, 2])
def test_hard_negatives_end_where_the_margin_is_highest(stride):
    made = segments()

    def margin(x):
        odds = np.full((len(x), FRAMES // stride), -9.0, np.float32)
        for row, one in enumerate(x):
            if (one == made.frames[0, 3].astype(np.float32)).all():
                odds[row, 20 // stride] = 2.0
                odds[row, 21 // stride + 1] = 1.0  # of the same alarm
        return odds

    mined = made.mined(margin, variants=1)
    assert mined.hard is not None
    assert (mined.hard.variant.tolist(), mined.hard.row.tolist(), mined.hard.start.tolist()) == (
        [0],
        [3],
        [20 - LENGTH + 1],
    )
    x = mined.take(10, np.random.default_rng(2))
    near = [abs(start - 13) <= 6 for variant, row, start in places(made, x) if (variant, row) == (0, 3)]
    assert sum(near) >= 5  # half of the segments
    assert made.hard is None
    assert made.contents() != mined.contents()


def test_only_the_hardest_are_kept():
    def margin(x):
        return np.tile(np.linspace(-2, 3, FRAMES, dtype=np.float32), (len(x), 1))

    mined = segments().mined(margin, most=4)
    assert len(mined.hard.row) == 4
    assert set(mined.hard.start.tolist()) == {FRAMES - LENGTH}


def test_without_alarms_all_segments_are_random():
    mined = segments().mined(lambda x: np.full((len(x), FRAMES), -9.0, np.float32))
    assert len(mined.hard.row) == 0
    assert np.array_equal(mined.take(5, np.random.default_rng(0)), segments().take(5, np.random.default_rng(0)))


def test_a_batch_has_clips_and_segments():
    x, targets = batches(share=0.5, multiple=2).batch(np.arange(6), np.random.default_rng(0))
    assert x.shape == (6 + 4, LENGTH, BINS)  # 3 segments, rounded to a multiple of 2
    clips = x[:, 0, 0] >= 1000
    assert targets[~clips].tolist() == [[0, 0, 1]] * 4
    assert sorted(targets[clips].argmax(axis=1).tolist()) == [0, 0, 0, 1, 1, 1]
    assert clips.tolist() != sorted(clips.tolist(), reverse=True)  # mixed, so that shards are alike


def test_a_teacher_sees_the_segments_and_their_label():
    seen = []

    def teacher(x, targets):
        seen.append((x, targets))
        return np.full_like(targets, 0.25)

    made = batches(share=0.5, teacher=teacher)
    x, targets = made.batch(np.arange(6), np.random.default_rng(0))
    ((segments, labels),) = seen
    assert labels.tolist() == [[0, 0, 1]] * 3
    clips = x[:, 0, 0] >= 1000
    assert sorted(one.tobytes() for one in segments) == sorted(one.tobytes() for one in x[~clips])
    assert targets[~clips].tolist() == [[0.25] * 3] * 3
    assert sorted(targets[clips].max(axis=1).tolist()) == [1] * 6  # of clips, its class
    assert made.contents() != batches(share=0.5).contents()


def test_batches_are_the_same_for_any_number_of_threads():
    one, two = ([*shuffled(batches(), 2, 0, 1, threads)] for threads in (1, 2))
    assert len(one) == 3
    assert all(np.array_equal(a[0], b[0]) and np.array_equal(a[1], b[1]) for a, b in zip(one, two, strict=True))


def test_contents_tell_of_the_background():
    assert batches().contents() != batches(share=1.0).contents()
    assert batches().contents()["audio"] == "clips"


def test_hard_targets_are_refused():
    with pytest.raises(ParameterError, match="pass classes to ClipBatches"):
        WithBackground(ClipBatches(Clips(), np.arange(6) % 2), segments(), 1)
