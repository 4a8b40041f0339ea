"""How far work has come: a bar on a terminal, and a line now and then where nobody watches, as in the log of a job."""

import sys
from functools import partial

from tqdm import tqdm

SECONDS = 30.0
"""Between two lines of a log."""


class _Lines:
    """The standard error stream, where what would be drawn over is written below."""

    def write(self, text: str) -> None:
        line = text.strip("\r\n ")
        if line:
            sys.stderr.write(f"{line}\n")

    def flush(self) -> None:
        sys.stderr.flush()


def progress_bar(*, total: int, doing: str, unit: str, shown: bool, initial: int = 0) -> tqdm:
    """A bar on the standard error stream; where that is no terminal, a line every `SECONDS` and one at the end.

    Args:
        total: Units of all the work.
        doing: What is done, as "training".
        unit: What is counted, as "step".
        shown: Whether anything is shown at all.
        initial: Units that were done before.
    """
    bar = partial(tqdm, total=total, initial=initial, desc=doing, unit=unit, disable=not shown)
    if sys.stderr.isatty():
        return bar()
    return bar(file=_Lines(), mininterval=SECONDS, ncols=100, ascii=True)
