"""The small tools of `wavenetlite.support` that several rooms share."""

import threading

import numpy as np
import pytest

import wavenetlite as wl
from wavenetlite.support import checks
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


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, -1e300, np.float32("inf"), 10**400])
def test_a_number_must_be_finite(value):
    with pytest.raises(wl.ParameterError, match=r"^gain=\S+ must be finite$"):
        checks.number("gain", value)


@pytest.mark.parametrize("kind", [int, float, np.float16, np.float32, np.float64, np.int8])
def test_a_number_of_any_type_is_taken_without_a_warning(kind):
    assert type(checks.number("gain", kind(3), least=-1.0)) is float
    with pytest.raises(wl.ParameterError, match="must be finite and at least 4"):
        checks.number("gain", kind(3), least=4.0)


@pytest.mark.parametrize("value", [0.5, 0.5 - 1e-12, -3])
def test_the_least_number(value):
    if value < 0.5:
        with pytest.raises(wl.ParameterError, match=r"must be finite and at least 0\.5$"):
            checks.number("gain", value, least=0.5)
    else:
        assert checks.number("gain", value, least=0.5) == value
