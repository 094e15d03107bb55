"""Talk made of a corpus' own words."""

import numpy as np

from wavenetlite.recipes.joined import faded, joined_words, piece_of

SR = 1000


def clips():
    made = np.zeros((3, SR), np.float32)
    for n in range(3):
        made[n, 300:700] = np.linspace(0.2, 1.0, 400) * (n + 1)
    return made


def test_rows_are_full_of_pieces_of_words():
    rows = joined_words(clips(), [0, 2], 3, 4000, SR)
    assert rows.shape == (3, 4000)
    assert rows.dtype == np.float32
    assert (rows > 0).mean() > 0.7
    assert rows.max() > 1.5  # the louder word
    assert np.array_equal(rows, joined_words(clips(), [0, 2], 3, 4000, SR))
    assert not np.array_equal(rows, joined_words(clips(), [0, 2], 3, 4000, SR, seed=1))
    assert not np.array_equal(rows[0], rows[1])


def test_no_piece_is_a_whole_word():
    y, rng = clips()[0], np.random.default_rng(0)
    whole = y[300:700]
    for _ in range(100):
        piece = piece_of(y, rng)
        if piece[0] > piece[-1]:
            assert 350 <= len(piece) <= 400  # reversed
        else:
            assert len(piece) < 0.8 * len(whole)
            assert np.square(piece).sum() < 0.5 * np.square(whole).sum()


def test_silent_clips_and_short_pieces_do_no_harm():
    assert len(piece_of(np.zeros(50, np.float32), np.random.default_rng(0))) == 50
    assert faded(np.ones(1, np.float32), 20).shape == (1,)
    assert faded(np.ones(3, np.float32), 20).shape == (3,)
    assert joined_words(np.zeros((1, 50), np.float32), [0], 1, 200, SR).tolist() == [[0.0] * 200]


def test_ends_fade():
    made = faded(np.ones(100, np.float32), 10)
    assert np.all(np.diff(made[:10]) > 0)
    assert np.allclose(made[:10], made[::-1][:10])
    assert made[50] == 1
