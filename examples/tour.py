"""A tour in one minute: build a network, stream it, check it, time it. No arguments."""

import time

import numpy as np

import wavenetlite as wl


def stream_frame_by_frame(model: wl.TCN, x: np.ndarray) -> tuple[np.ndarray, float]:
    """Outputs of a stream fed one frame at a time, and the median seconds per frame."""
    stream = model.stream()
    y = np.empty((len(x), model.out_channels), np.float32)
    seconds = []
    for n in range(len(x)):
        start = time.perf_counter()
        stream.process(x[n : n + 1], out=y[n : n + 1])
        seconds.append(time.perf_counter() - start)
    return y, float(np.median(seconds))


def main() -> None:
    model = wl.TCN(in_channels=40, out_channels=12, channels=64, kernel_size=5, dilations=[1, 2, 4, 8] * 2)
    print(model.summary(), end="\n\n")
    x = np.random.default_rng(0).standard_normal((3000, 40), dtype=np.float32)
    model(x)
    start = time.perf_counter()
    whole = model(x)
    offline = time.perf_counter() - start
    streamed, frame = stream_frame_by_frame(model, x)
    print(f"instruction set      {wl.isa()}")
    print(f"offline              {1e6 * offline / len(x):.2f} us per frame")
    print(
        f"one frame at a time  {1e6 * frame:.2f} us per frame, {0.01 / frame:,.0f} x real time at 100 frames per second"
    )
    print(f"same bits            {bool((whole == streamed).all())}")
    print(wl.verify_stream(model))


if __name__ == "__main__":
    main()
