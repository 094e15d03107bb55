"""The real-time promises: with `out=` nothing is allocated; a stream's memory is bounded by its receptive field."""

import ctypes
import sys
import threading
import tracemalloc

import numpy as np
import pytest
from catalogue import CATALOGUE, condition, open_stream, randomised, signal

import wavenetlite as wl

nn = wl.nn
FLOAT = 4


def peak_of(function, arguments):
    """Peak of Python's allocations while `function` is called with each of the arguments; the first ten warm up."""
    tracemalloc.start()
    try:
        for argument in arguments[:10]:
            function(argument)
        before = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        for argument in arguments[10:]:
            function(argument)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        tracemalloc.stop()


def least_peak_of(stream, function, arguments):
    """The least of three, each from the stream's beginning: what a call allocates comes every time.

    Now and then there is something of the interpreter, or of another thread that runs while a call is without the lock.
    """

    def once():
        stream.reset()
        return peak_of(function, arguments)

    return min(once() for _ in range(3))


def nothing(_):
    pass


class Mallinfo2(ctypes.Structure):
    """glibc's account of its heap, in bytes."""

    _fields_ = [(name, ctypes.c_size_t) for name in ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks",
                                                     "fsmblks", "uordblks", "fordblks", "keepcost")]  # fmt: skip


def heap_in_use():
    """Bytes that glibc has given out, small and mapped ones."""
    info = LIBC.mallinfo2()
    return info.uordblks + info.hblkhd


LIBC = ctypes.CDLL(None) if sys.platform.startswith("linux") else None
if hasattr(LIBC, "mallinfo2"):
    LIBC.mallinfo2.restype = Mallinfo2
needs_glibc = pytest.mark.skipif(not hasattr(LIBC, "mallinfo2"), reason="needs mallinfo2 of glibc 2.33")


def heap_growth(function, arguments):
    """Bytes by which C's heap grows while `function` is called with each of the arguments; the first ten warm up."""
    for argument in arguments[:10]:
        function(argument)
    before = heap_in_use()
    for argument in arguments[10:]:
        function(argument)
    return heap_in_use() - before


DENORMAL = np.float32(1e-40)
STEPPED = ("tcn", "wavenet condition", "separable", "pool then conv", "concat pool", "conv groups")


@pytest.mark.parametrize("size", [1, 16, 64, 1000])
@pytest.mark.parametrize("name", CATALOGUE)
def test_process_into_out_allocates_nothing(name, size):
    case = CATALOGUE[name]
    model, x, c = case.model(), signal(size, case.in_channels), condition(size, case.condition_channels)
    twin, stream = open_stream(model, x), open_stream(model, x)
    outs = [twin.process(x, c) for _ in range(50)]  # of several lengths, if the model strides
    assert least_peak_of(stream, lambda out: stream.process(x, c, out=out), outs) <= peak_of(nothing, outs)


@needs_glibc
@pytest.mark.parametrize("scale", [1, DENORMAL, 0])
@pytest.mark.parametrize("size", [1, 16, 1000])
@pytest.mark.parametrize("name", ["tcn", "wavenet condition", "strides", "nested", "concat pool", "freq stack"])
def test_process_into_out_leaves_the_heap_of_c_alone(name, size, scale):
    """Also with numbers so small that a CPU is slow with them, and in the silence after them."""
    case = CATALOGUE[name]
    model, x, c = case.model(), signal(size, case.in_channels), condition(size, case.condition_channels)
    x *= np.float32(scale)
    twin, stream = open_stream(model, x), open_stream(model, x)
    outs = [twin.process(x, c) for _ in range(50)]
    assert heap_growth(lambda out: stream.process(x, c, out=out), outs) == 0
    assert least_peak_of(stream, lambda out: stream.process(x, c, out=out), outs) <= peak_of(nothing, outs)


@pytest.mark.parametrize("scale", [1, DENORMAL])
@pytest.mark.parametrize("streams", [1, 5, 64, 200])
@pytest.mark.parametrize(
    "name", ["tcn", "wavenet condition", "separable", "pool then conv", "concat pool", "conv groups"]
)
def test_a_step_into_out_allocates_nothing(name, streams, scale):
    case = CATALOGUE[name]
    model = case.model()
    pool = model.pool(streams, channels=None if model.in_channels else case.in_channels)
    ids = np.array([pool.open() for _ in range(streams)])
    x, c = signal(streams, case.in_channels) * np.float32(scale), condition(streams, case.condition_channels)
    outs = [np.empty((streams, pool.plan.out_channels), np.float32) for _ in range(50)]
    # The least of three: the interpreter itself allocates now and then, and what a step allocates comes every time.
    assert min(peak_of(lambda out: pool.step(x, ids, c, out=out), outs) for _ in range(3)) <= peak_of(nothing, outs)
    if hasattr(LIBC, "mallinfo2"):
        assert heap_growth(lambda out: pool.step(x, ids, c, out=out), outs) == 0


@needs_glibc
def test_the_measure_of_the_heap_sees_an_allocation():
    stream, x = CATALOGUE["tcn"].model().stream(), signal(1000, 40)
    kept = []
    assert heap_growth(lambda block: kept.append(stream.process(block)), [x] * 20) >= 10 * 1000 * 12 * FLOAT


@needs_glibc
@pytest.mark.parametrize("name", ["tcn", "wavenet condition", "strides", "freq stack"])
def test_a_stream_is_its_state(name):
    """The scratch memory belongs to the model, however many streams there are and whatever they have done."""
    case = CATALOGUE[name]
    model, x, c = case.model(), signal(130, case.in_channels), condition(130, case.condition_channels)
    state = open_stream(model, x).state_bytes
    for frames in (1, 130):
        given = (x[:frames], None if c is None else c[:frames])
        open_stream(model, x).process(*given)
        before = heap_in_use()
        streams = [open_stream(model, x) for _ in range(50)]
        outputs = [stream.process(*given).nbytes for stream in streams]
        assert heap_in_use() - before <= 50 * (state + 1024)
        del outputs


@needs_glibc
def test_threads_leave_as_many_workspaces_as_have_run_at_once():
    model, x = CATALOGUE["tcn"].model(), signal(2000, 40)
    plan, start = model.plan(), threading.Barrier(4)

    def work():
        stream, out = model.stream(), np.empty((2000, 12), np.float32)
        start.wait()
        for _ in range(5):
            stream.process(x, out=out)

    def run():
        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    before = heap_in_use()
    run()
    assert heap_in_use() - before <= 4 * 2 * (plan.workspace_bytes + 65536)
    most = heap_in_use()
    for _ in range(10):
        run()
    assert heap_in_use() - most <= 3 * 2 * (plan.workspace_bytes + 65536)


def test_a_pool_needs_as_much_as_its_streams():
    model = randomised(stack(*STACKS["dense"]))
    alone, together = model.stream().state_bytes, model.pool(50).state_bytes
    assert 50 * needed(*STACKS["dense"]) <= together <= 50 * (alone + 1024)


def test_streams_opened_and_closed_leave_nothing_behind():
    pool = CATALOGUE["tcn"].model().pool(16)
    x = signal(3, 40)

    def come_and_go(_):
        sid = pool.open()
        pool.process({sid: x})
        pool.close(sid)

    come_and_go(0)
    tracemalloc.start()
    try:
        for _ in range(50):
            come_and_go(0)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(500):
            come_and_go(0)
        assert tracemalloc.get_traced_memory()[0] - before < 500
    finally:
        tracemalloc.stop()


def test_the_measure_sees_an_allocation():
    stream, x = CATALOGUE["tcn"].model().stream(), signal(16, 40)
    blocks = [x] * 20
    assert peak_of(stream.process, blocks) >= peak_of(nothing, blocks) + 16 * 12 * FLOAT


STACKS = {
    "dense": (64, [(3, d) for d in (1, 8, 64, 512)]),
    "amplifier": (16, [(3, 2**i) for i in range(10)]),
    "long": (32, [(2, 65536)]),
    "odd": (7, [(9, 300), (5, 1000)]),
    "one channel": (1, [(2, 4000), (33, 100)]),
}


def stack(channels, shapes):
    return wl.Sequential([nn.Conv1d(channels, channels, k, dilation=d) for k, d in shapes])


def needed(channels, shapes):
    """The bytes any stream must keep: the past inputs of every convolution."""
    return sum((k - 1) * d * channels * FLOAT for k, d in shapes)


@pytest.mark.parametrize("name", STACKS)
def test_state_is_bounded_by_the_receptive_field(name):
    channels, shapes = STACKS[name]
    state = stack(channels, shapes).stream().state_bytes
    padded = -(-channels // 16) * 16
    overhead = 256 * padded * FLOAT * (len(shapes) + 2) + 4096  # a chunk of frames a layer, and fixed costs
    assert state >= needed(channels, shapes)
    assert state <= 2 * needed(padded, shapes) + overhead


def test_state_does_not_grow_with_the_signal():
    stream = randomised(stack(*STACKS["dense"])).stream()
    before = stream.state_bytes
    stream.process(signal(20_000, 64))
    assert stream.state_bytes == before
    stream.reset()
    assert stream.state_bytes == before


def test_alignment_of_branches_costs_only_what_it_delays():
    late = nn.Add([nn.Conv1d(8, 8, 3, dilation=1000, padding="same"), []])
    state = late.stream().state_bytes
    delayed = (2000 + 1000) * 16 * FLOAT
    assert state <= 2 * delayed + 256 * 16 * FLOAT * 4 + 4096


def test_pools_over_all_time_need_little():
    for kind in ("mean", "max", "last"):
        model = wl.Sequential([nn.Linear(8, 8), nn.CumulativePool(kind)])
        assert model.stream().state_bytes <= 64 * 1024


def test_the_summary_reports_the_state():
    model = stack(*STACKS["odd"])
    digits = "".join(character for character in model.summary() if character not in ",_")
    assert str(model.stream().state_bytes) in digits or "iB" in digits or "kB" in digits


def test_a_model_shares_its_weights_between_streams():
    model = randomised(nn.Linear(500, 500))
    model(signal(2, 500))
    tracemalloc.start()
    try:
        streams = [model.stream() for _ in range(10)]
        assert tracemalloc.get_traced_memory()[0] < 500 * 500 * FLOAT
        assert len(streams) == 10
    finally:
        tracemalloc.stop()
