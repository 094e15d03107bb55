"""A pool of so much work that a call runs in pieces of a few frames: outputs are those of lone streams."""

import numpy as np
import pytest

import wavenetlite as wl

STREAMS = 90


def network(condition_channels):
    if condition_channels:
        return wl.WaveNet(in_channels=3, out_channels=2, residual_channels=256, skip_channels=256, kernel_size=3,
                          dilations=[1, 2], condition_channels=condition_channels, seed=0)  # fmt: skip
    return wl.TCN(in_channels=3, out_channels=2, channels=320, kernel_size=5, dilations=[1, 2], seed=0)


@pytest.mark.parametrize("condition_channels", [0, 2])
@pytest.mark.parametrize("lengths", [(12, 13), (9, 23), (0, 12)])
def test_pieces_shorter_than_a_tile(condition_channels, lengths):
    """Such a piece is run frame by frame for all streams, which moves their outputs and conditions on by itself."""
    model = network(condition_channels)
    rng = np.random.default_rng(0)
    pool = model.pool(STREAMS)
    ids = [pool.open() for _ in range(STREAMS)]
    for _ in range(2):
        blocks = {sid: rng.standard_normal((rng.integers(*lengths), 3), dtype=np.float32) for sid in ids}
        given = {sid: rng.standard_normal((len(x), condition_channels), dtype=np.float32) for sid, x in blocks.items()}
        extra = {"c": given} if condition_channels else {}
        before = {sid: pool.snapshot(sid) for sid in ids[::30]}
        found = pool.process(blocks, **extra)
        for sid, snapshot in before.items():
            alone = model.stream()
            alone.restore(snapshot)
            one = {"c": given[sid]} if condition_channels else {}
            np.testing.assert_array_equal(found[sid], alone.process(blocks[sid], **one))
