"""Run in its own process by test_fit.py: a training that is killed, or interrupted, in the middle of an epoch.

Arguments: folder, step at which it stops (counted from 1; 0: never), how ("kill", "interrupt", "raise").
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np
from fit_data import SETTINGS, data, network

import wavenetlite as wl


class Stopping(wl.train.Arrays):
    """Arrays whose n-th batch never comes."""

    def __init__(self, x, y, stop_at, how):
        super().__init__(x, y)
        self.taken, self.stop_at, self.how = 0, stop_at, how

    def batch(self, indices, rng):
        self.taken += 1
        if self.taken == self.stop_at:
            if self.how == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.how == "raise":
                raise OSError("the disc is gone")
            os.kill(os.getpid(), signal.SIGINT)
        return super().batch(indices, rng)


def main(folder, stop_at, how):
    x, y = data(48)
    model = network()
    before = model.state_dict()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        wl.train.fit(model, Stopping(x, y, stop_at, how), data(16, 1), folder=folder, **SETTINGS)
    except (KeyboardInterrupt, OSError) as error:
        same = all(np.array_equal(before[name], value) for name, value in model.state_dict().items())
        print(type(error).__name__, "weights unchanged" if same else "weights changed")
        return
    np.savez(Path(folder) / "weights.npz", **model.state_dict())


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
