"""One model, many streams, many threads: the bits of one thread; and an error where two meet in one stream."""

import sys
import sysconfig
import threading

import numpy as np
import pytest
from catalogue import CATALOGUE, condition, open_stream, same_bits, signal

import wavenetlite as wl


def in_threads(count, work):
    """Run work(0) ... work(count - 1), each in its own thread, at once; what they raise is raised here."""
    gate, failures = threading.Barrier(count), []

    def run(number):
        gate.wait()
        try:
            work(number)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


@pytest.mark.parametrize("name", ["tcn", "wavenet condition", "strides", "nested", "concat pool", "freq stack"])
def test_many_streams_of_one_model(name):
    case = CATALOGUE[name]
    model = case.model()
    signals = [signal(400, case.in_channels, seed) for seed in range(6)]
    c = condition(400, case.condition_channels)
    whole = [model(x, c) for x in signals]

    def work(number):
        x = signals[number]
        for size in (1, 7, 64, 400):
            stream = open_stream(model, x)
            parts = [
                stream.process(x[at : at + size], None if c is None else c[at : at + size])
                for at in range(0, 400, size)
            ]
            assert same_bits(np.concatenate([*parts, stream.fork().flush()]), whole[number])
            assert stream.snapshot()

    in_threads(6, work)


def test_the_first_streams_of_a_fresh_model_in_many_threads():
    """Drawing weights, compiling and hashing happen once, whoever comes first."""
    for seed in range(5):
        model = wl.TCN(8, 3, channels=8, dilations=[1, 2], seed=seed)
        blobs = [b""] * 6

        def work(number, model=model, blobs=blobs):
            blobs[number] = model.stream().snapshot()

        in_threads(6, work)
        assert len(set(blobs)) == 1


@pytest.mark.parametrize("call", ["process", "flush", "reset", "snapshot", "restore", "fork"])
def test_two_threads_on_one_stream(call):
    model = wl.TCN(40, 12, channels=64, kernel_size=5, dilations=[1, 2, 4, 8])
    x = signal(20_000, 40)
    stream, whole = model.stream(), model(x)
    arguments = {"process": (x[:1],), "restore": (model.stream().snapshot(),)}.get(call, ())
    started, got = threading.Event(), []

    def feed():
        started.set()
        got.append(stream.process(x))

    thread = threading.Thread(target=feed)
    thread.start()
    started.wait()
    refused = 0
    while thread.is_alive() and not refused:
        if stream.frames_in == 0 and not got:
            try:
                getattr(stream, call)(*arguments)
            except wl.StreamStateError as error:
                refused += "another thread" in str(error)
                continue
            pytest.skip("the other thread had not begun")  # so rare that it does not matter
    thread.join()
    if refused:
        assert same_bits(got[0], whole)


def test_no_lock_of_the_interpreter_is_needed():
    """The extension modules say that they run without it; a free-threaded interpreter keeps it off when they load."""
    if not sysconfig.get_config_var("Py_GIL_DISABLED"):
        pytest.skip("this interpreter is not free-threaded")
    assert not sys._is_gil_enabled()


def test_a_thread_that_has_ended_keeps_nobody_from_the_interpreter():
    """It leaves while it is its turn, call after call; who comes next goes on, with the same bits."""
    model = wl.TCN(40, 12, channels=32, dilations=[1, 2, 4], seed=0)  # enough work that calls release the lock
    x = signal(60, 40)
    stream, parts = model.stream(), []

    def feed(at):
        parts.append(stream.process(x[at : at + 1]))

    for at in range(60):
        thread = threading.Thread(target=feed, args=(at,), daemon=True)
        thread.start()
        thread.join(timeout=20)
        assert not thread.is_alive()
    assert same_bits(np.concatenate(parts), model(x))


def test_weights_are_replaced_all_at_once():
    """Calls, streams and copies of the weights meanwhile have all of the old or all of the new ones."""
    model = wl.TCN(4, 3, channels=8, kernel_size=3, dilations=[1, 2, 4], seed=0)
    states = [model.state_dict(), wl.TCN(4, 3, channels=8, kernel_size=3, dilations=[1, 2, 4], seed=1).state_dict()]
    x, wanted = signal(40, 4), []
    for state in states:
        model.load_state_dict(state)
        wanted.append(model(x).tobytes())

    def work(number):
        for turn in range(40):
            if number == 0:
                model.load_state_dict(states[turn % 2])
            elif number == 1:
                assert model(x).tobytes() in wanted
            elif number == 2:
                assert model.stream().process(x).tobytes() in wanted
            else:
                copied = model.state_dict()
                assert any(all((copied[name] == state[name]).all() for name in state) for state in states)

    in_threads(4, work)
