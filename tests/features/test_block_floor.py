"""BlockFloor: against its definition, in any blocks, and states that do not fit."""

import numpy as np
import pytest
from catalogue import same_bits

from wavenetlite.features import BlockFloor
from wavenetlite.support.errors import SnapshotError


def by_definition(x, ends, below):
    y = [
        np.maximum(part, part.max(axis=(1, 2), keepdims=True) - np.float32(below)) for part in np.split(x, ends, axis=1)
    ]
    return np.concatenate(y, axis=1)


def frames_of(signals, frames, channels):
    return np.random.default_rng(channels).uniform(-100, 0, (signals, frames, channels)).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 3, 8, 32, 37])
@pytest.mark.parametrize(("first", "ends"), [(None, [8, 16]), (5, [5, 13, 21])])
def test_the_definition_in_any_blocks(channels, first, ends):
    step, x = BlockFloor(8, 30.0, first=first), frames_of(2, 22, channels)
    expected = by_definition(x, ends, 30.0)
    assert same_bits(step.apply(x), expected)
    for cuts in ([1, 2, 3, 9, 20], [5, 5, 21], [13], [7, 8, 15]):
        state, parts = step.open(2, channels), []
        for part in np.split(x, cuts, axis=1):
            parts.append(state.process(part))
            other = step.open(2, channels)
            other.load(state.save())
            state = other
        assert same_bits(np.concatenate([*parts, state.flush(x[:, :0])], axis=1), expected)


def test_a_state_holds_fewer_frames_than_its_block():
    step = BlockFloor(8, 30.0, first=5)
    frame = np.zeros((2, 1, 3), np.float32)
    for begun, most in ((b"\0", 4), (b"\1", 7)):
        step.open(2, 3).load(begun + frame.tobytes() * most)
        with pytest.raises(SnapshotError, match="does not fit"):
            step.open(2, 3).load(begun + frame.tobytes() * (most + 1))
    for state in (b"", b"\2", b"\0\0", b"\1" + np.full((2, 1, 3), np.nan, np.float32).tobytes()):
        with pytest.raises(SnapshotError, match="does not fit"):
            step.open(2, 3).load(state)


@pytest.mark.parametrize("shape", [(1, 9, 3), (3, 9, 3), (2, 9, 2), (2, 9, 4), (2, 27), (6,)])
def test_frames_of_other_signals_or_channels_are_refused(shape):
    state = BlockFloor(8, 30.0).open(2, 3)
    with pytest.raises(ValueError, match=r"it must be \(2, frames, 3\)"):
        state.process(np.zeros(shape, np.float32))
    assert state.process(np.zeros((2, 8, 3), np.float32)).shape == (2, 8, 3)
