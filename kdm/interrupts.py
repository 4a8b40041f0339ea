"""What stops a program from outside, as exceptions: Ctrl-C is KeyboardInterrupt, SIGTERM is `Terminated`.

An exception lets every `finally` run: temporary files vanish, locks are released, other processes are told. SIGTERM has
no exception of its own in Python and would end the process where it stands. Where a unit of work should not be cut,
both wait for its end, but not for ever, for it can be long: a first step waits for the compilation of networks. A
second Ctrl-C acts at once, and SIGTERM after `PATIENCE`, since who sends it kills the process soon after.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from types import FrameType

STATUS = 128 + signal.SIGTERM
"""Exit status of a terminated program, as shells count it: 143."""
PATIENCE = 20.0
"""Seconds that SIGTERM waits for the end of what it should not cut; schedulers mostly kill 30 seconds after it."""


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
def deferred_interrupts(*, patience: float = PATIENCE) -> Iterator[Deferral]:
    """Within, an interrupt is only noted; a second Ctrl-C acts at once. Signals that are ignored stay so.

    A second SIGTERM is not a wish for haste: what sends it, as `timeout` does, often sends it twice.

    Args:
        patience: Seconds after which a noted SIGTERM is raised wherever the program then stands.

    Raises:
        KeyboardInterrupt: On a second Ctrl-C.
        Terminated: On a SIGTERM whose patience is at its end.
    """
    deferral, watch = Deferral(), _Watch(patience)

    def note(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGTERM and watch.overdue:
            signal.signal(number, signal.SIG_IGN)
            raise Terminated
        deferral.note(number)
        if number == signal.SIGTERM:
            watch.begin()
        else:
            signal.signal(number, previous[number])

    handlers = {int(number): signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    previous = {
        number: handler
        for number, handler in handlers.items()
        if _in_main_thread() and handler not in (signal.SIG_IGN, None)
    }
    try:
        for number in previous:
            signal.signal(number, note)
        with watch:
            yield deferral
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


class _Watch:
    """A thread that sends SIGTERM once more to the one it was made in, when it has waited long enough.

    It stands ready before a signal comes, and is told by a queue: a handler must not start threads or take locks.
    """

    def __init__(self, patience: float) -> None:
        self.overdue = False
        self._patience, self._begun, self._told = patience, False, SimpleQueue[None]()
        self._watched = threading.get_ident()
        self._thread = threading.Thread(target=self._wait, daemon=True)

    def begin(self) -> None:
        """Time runs from the first call on."""
        if not self._begun:
            self._begun = True
            self._told.put(None)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *raised: object) -> None:
        self.begin()
        self._told.put(None)
        self._thread.join()

    def _wait(self) -> None:
        self._told.get()
        try:
            self._told.get(timeout=self._patience)
        except Empty:
            self.overdue = True
            signal.pthread_kill(self._watched, signal.SIGTERM)


def _in_main_thread() -> bool:
    return threading.current_thread() is threading.main_thread()
