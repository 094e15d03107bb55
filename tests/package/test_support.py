"""The small tools of `wavenetlite.support` that several rooms share."""

import threading

import pytest

import wavenetlite as wl
from wavenetlite.support.one_thread import OneThread
from wavenetlite.support.options import option_names


def test_a_second_thread_gets_an_error_and_does_not_wait():
    guard, found = OneThread("stream"), []

    def enter():
        try:
            with guard:
                found.append("in")
        except wl.StreamStateError as error:
            found.append(str(error))

    with guard:
        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
    enter()
    assert found == ["stream is in use by another thread; give each thread its own stream", "in"]


def test_a_guard_is_free_after_an_error():
    guard = OneThread("pool")
    with pytest.raises(KeyError), guard:
        raise KeyError
    with guard:
        pass


def test_names_of_options():
    class Thing:
        def __init__(self, a, /, b, *rest, c=1, **more):
            pass

    assert option_names(Thing) == ("b", "c")
    assert option_names(wl.nn.AmpLayer)[:3] == ("channels", "condition_channels", "kernel_size")
