"""The claims as a table of plain text, for a terminal."""

import textwrap
from collections.abc import Iterable

from koopman_analysis.claims import Claim, Control
from koopman_analysis.report.numbers import bound_of, measured, outcome_of

_HEADER = ("claim", "measured [95 %]", "bound", "verdict", "its controls")
_CLAIM_WIDTH = 54


def summary_table(claims: Iterable[Claim]) -> str:
    """One aligned row for each claim; every control that misbehaves is named."""
    rows = [_row(claim) for claim in claims]
    widths = [max(map(len, column)) for column in zip(_HEADER, *(row for row in rows if row[1]), strict=True)]
    widths[0] = max(widths[0], *(len(row[0]) for row in rows), 0)
    widths[0] = min(widths[0], _CLAIM_WIDTH)
    lines = [line for row in (_HEADER, *rows) for line in _lines(row, widths)]
    rule = "─" * max(map(len, lines))
    return "\n".join([lines[0], rule, *lines[1:]])


def _row(claim: Claim) -> tuple[str, ...]:
    hypothesis = claim.hypothesis.rstrip(".")
    if not claim.applicable:
        return (f"{hypothesis} ({claim.because})", "", "", "", "")
    return (hypothesis, measured(claim.interval), bound_of(claim), claim.verdict.value, control_summary(claim.controls))


def _lines(row: tuple[str, ...], widths: list[int]) -> list[str]:
    """The row with its first cell folded; a row with nothing measured has the whole line for it."""
    if not any(row[1:]):
        return textwrap.wrap(row[0], sum(widths) + 2 * (len(widths) - 1), subsequent_indent="  ")
    first, *folded = textwrap.wrap(row[0], widths[0], subsequent_indent="  ")
    cells = "  ".join(cell.ljust(width) for cell, width in zip((first, *row[1:]), widths, strict=True))
    return [cells.rstrip(), *folded]


def control_summary(controls: tuple[Control, ...]) -> str:
    """The controls in a few words: all that misbehave, or the first and how many more."""
    if not controls:
        return "none"
    failing = [control for control in controls if not control.behaves]
    if failing:
        return "; ".join(f"{control.name}: {outcome_of(control)}" for control in failing)
    first, *others = controls
    more = f" (and {len(others)} more ✓)" if others else ""
    return f"{first.name}: {outcome_of(first)}{more}"
