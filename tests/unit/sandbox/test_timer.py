"""The limit on processor time: never sooner than said, whatever the kernel's ticks say."""

import os
import signal
import time

import pytest

from verifier.sandbox import timer


@pytest.fixture(autouse=True)
def _as_before():
    before = signal.getsignal(signal.SIGPROF)
    yield
    timer.stop()
    signal.signal(signal.SIGPROF, before)


def spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_it_ends_endless_work_and_not_too_soon():
    began = time.process_time()
    timer.start(0.3, TimeoutError)
    with pytest.raises(TimeoutError):
        spin(30)
    assert 0.3 <= time.process_time() - began < 3


def test_a_signal_that_comes_too_soon_ends_nothing():
    timer.start(0.4, TimeoutError)
    os.kill(os.getpid(), signal.SIGPROF)
    spin(0.1)
    with pytest.raises(TimeoutError):
        spin(30)


def test_work_that_ends_in_time_is_left_alone():
    timer.start(0.2, TimeoutError)
    spin(0.05)
    timer.stop()
    spin(0.3)
