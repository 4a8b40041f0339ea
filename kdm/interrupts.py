"""What stops a program from outside, as exceptions: Ctrl-C is KeyboardInterrupt, SIGTERM is `Terminated`.

An exception lets every `finally` run: temporary files vanish, locks are released, other processes are told. SIGTERM has
no exception of its own in Python and would end the process where it stands. Where a unit of work must not be cut, both
wait for its end.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STATUS = 128 + signal.SIGTERM
"""Exit status of a terminated program, as shells count it: 143."""


class Terminated(SystemExit):
    """SIGTERM came; uncaught, it ends the program with status 143."""

    def __init__(self) -> None:
        super().__init__(STATUS)


class Deferral:
    """Whether an interrupt came while it was deferred, and which."""

    def __init__(self) -> None:
        self._number: int | None = None

    @property
    def interrupted(self) -> bool:
        """Whether one came."""
        return self._number is not None

    def note(self, number: int) -> None:
        """Takes note of a signal."""
        self._number = number

    def raise_noted(self) -> None:
        """Raises what came, if anything did.

        Raises:
            KeyboardInterrupt: On SIGINT.
            Terminated: On SIGTERM.
        """
        if self._number == signal.SIGTERM:
            raise Terminated
        if self._number is not None:
            raise KeyboardInterrupt


@contextmanager
def termination_raised() -> Iterator[None]:
    """Within, the first SIGTERM raises Terminated, and later ones leave its clean-up alone.

    Nothing changes outside of the main thread, or where SIGTERM is ignored or handled already.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_IGN)
        raise Terminated

    if not _in_main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def deferred_interrupts() -> Iterator[Deferral]:
    """Within, an interrupt is only noted; a second Ctrl-C acts at once. Signals that are ignored stay so.

    A second SIGTERM is not a wish for haste: what sends it, as `timeout` does, often sends it twice.
    """
    deferral = Deferral()

    def note(number: int, frame: FrameType | None) -> None:
        deferral.note(number)
        signal.signal(number, previous[number] if number == signal.SIGINT else signal.SIG_IGN)

    handlers = {int(number): signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    previous = {
        number: handler
        for number, handler in handlers.items()
        if _in_main_thread() and handler not in (signal.SIG_IGN, None)
    }
    try:
        for number in previous:
            signal.signal(number, note)
        yield deferral
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
