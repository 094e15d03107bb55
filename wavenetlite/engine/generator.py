"""Generator: one voice."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from wavenetlite.engine.generator_pool import GeneratorPool
from wavenetlite.support.arrays import Floats


class Generator:
    """Generation by one network, block by block: a stream that reads its own output.

    Made by ``model.generator()``. The samples are bit-identical to ``wl.generate(model, ...)`` with the same seed, in
    any blocks. A call that raises leaves the generator as it was. A generator serves one thread at a time; different
    ones run in parallel, as the work is done without the GIL.

    Examples
    --------
    >>> import numpy as np, wavenetlite as wl
    >>> model = wl.WaveNet(1, 256, dilations=[1, 2, 4, 8])
    >>> generator = model.generator(seed=3)
    >>> audio = np.concatenate([generator.process(samples=100), generator.process(samples=1)])
    >>> bool((audio == wl.generate(model, 101, seed=3)).all())
    True
    """

    def __init__(self, pool: GeneratorPool, sid: int) -> None:
        self._pool, self._sid = pool, sid

    def process(self, condition: Floats | None = None, *, samples: int | None = None) -> npt.NDArray[Any]:
        """Draw the next samples.

        Parameters
        ----------
        condition
            Their conditioning, float32, (n, condition_channels), a frame for every `condition_period` samples; None:
            the network has none, or it is constant.
        samples
            How many; None: as many as the conditioning is for.

        Returns
        -------
        (samples,): int32 classes, or float32.

        Raises
        ------
        ParameterError, ArrayTypeError
            The conditioning does not fit, or the network's output is not finite; nothing has changed.
        """
        return self._pool.process({self._sid: condition}, samples)[self._sid]

    def reset(self) -> None:
        """Start over, with the same seed and settings."""
        self._pool.reset(self._sid)

    def snapshot(self) -> bytes:
        """The state as bytes, with seed and settings; see `GeneratorPool.snapshot`."""
        return self._pool.snapshot(self._sid)

    def restore(self, snapshot: bytes | bytearray | memoryview) -> None:
        """Resume from a snapshot of the same network; the present state is discarded."""
        self._pool.restore(self._sid, snapshot)

    def fork(self) -> Generator:
        """An independent copy."""
        pool = self._pool
        twin = GeneratorPool(pool.plan, pool.condition_plan, pool.sampling, 1)
        sid = twin.open()
        twin.restore(sid, self.snapshot())
        return Generator(twin, sid)

    @property
    def samples(self) -> int:
        """Samples drawn since the start or the last reset."""
        return self._pool.samples(self._sid)

    @property
    def condition_period(self) -> int:
        """Samples per frame of the conditioning."""
        return self._pool.condition_period

    @property
    def output(self) -> str:
        """What the network puts out: "categorical", "mixture" or "gaussian"."""
        return self._pool.sampling.distribution

    def __repr__(self) -> str:
        return f"Generator(output={self.output!r}, condition_period={self.condition_period}, samples={self.samples})"
