import signal
import threading
import time

import pytest

from kdm.interrupts import Deferral, Terminated, deferred_interrupts, termination_raised

BOTH = pytest.mark.parametrize(
    ("number", "error"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, Terminated)], ids=["ctrl-c", "term"]
)


@pytest.fixture(autouse=True)
def _handlers_come_back():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    assert {number: signal.getsignal(number) for number in before} == before


def test_a_terminated_program_ends_with_the_status_that_shells_give_it():
    assert Terminated().code == 143
    assert isinstance(Terminated(), SystemExit)


def test_termination_runs_what_must_run_and_is_not_cut_by_a_second():
    ran = []

    def terminated() -> None:
        with termination_raised():
            try:
                signal.raise_signal(signal.SIGTERM)
            finally:
                signal.raise_signal(signal.SIGTERM)
                ran.append("clean-up")

    with pytest.raises(Terminated):
        terminated()
    assert ran == ["clean-up"]


@pytest.mark.parametrize("handler", [signal.SIG_IGN, lambda number, frame: None], ids=["ignored", "handled"])
def test_termination_that_someone_else_takes_care_of_is_left_to_them(handler):
    previous = signal.signal(signal.SIGTERM, handler)
    try:
        with termination_raised():
            assert signal.getsignal(signal.SIGTERM) is handler
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, previous)


@BOTH
def test_a_deferred_interrupt_is_raised_when_asked_for(number, error):
    with deferred_interrupts() as deferral:
        deferral.raise_noted()
        assert not deferral.interrupted
        signal.raise_signal(number)
        assert deferral.interrupted
        with pytest.raises(error):
            deferral.raise_noted()


def test_a_second_ctrl_c_acts_at_once_and_a_second_termination_waits_like_the_first():
    with deferred_interrupts() as deferral:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
        assert deferral.interrupted


def test_a_termination_that_has_waited_long_enough_is_raised_wherever_the_program_stands():
    def compiled() -> None:
        with deferred_interrupts(patience=0.1) as deferral:
            signal.raise_signal(signal.SIGTERM)
            signal.raise_signal(signal.SIGTERM)
            assert deferral.interrupted
            threading.Event().wait(60)
            raise AssertionError("nothing came")

    before = time.monotonic()
    with pytest.raises(Terminated):
        compiled()
    assert 0.1 <= time.monotonic() - before < 30


def test_a_termination_that_waited_less_is_not_sent_again():
    threads = threading.active_count()
    with deferred_interrupts(patience=0.5) as deferral:
        signal.raise_signal(signal.SIGTERM)
    assert deferral.interrupted
    assert threading.active_count() == threads
    time.sleep(1)  # longer than the patience


def test_a_signal_that_is_ignored_stays_ignored():
    previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with deferred_interrupts() as deferral:
            signal.raise_signal(signal.SIGINT)
            assert not deferral.interrupted
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, previous)


def test_a_deferred_termination_is_the_commands_own():
    def command() -> None:
        with termination_raised():
            with deferred_interrupts() as deferral:
                signal.raise_signal(signal.SIGTERM)
            deferral.raise_noted()

    with pytest.raises(Terminated):
        command()


def test_a_thread_leaves_the_handlers_alone():
    found = []

    def work() -> None:
        with termination_raised(), deferred_interrupts() as deferral:
            found.append((isinstance(deferral, Deferral), signal.getsignal(signal.SIGTERM)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(True, signal.getsignal(signal.SIGTERM))]
