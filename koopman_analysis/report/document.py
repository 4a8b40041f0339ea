"""A report: claims with their explanations, pictures and tables, and everything needed to make it again."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from koopman_analysis.claims import Claim
from koopman_analysis.figures import Figure, draw_claims, figure_of
from koopman_analysis.report.explanations import Explanation, explanation_of

FigureBuilder = Callable[[], Figure]

VOLATILE = ("date", "duration_seconds", "host")
"""The fields of the environment that differ between two runs of one command; nothing else in `claims.json` does."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A claim as the page shows it.

    Attributes:
        claim: The claim.
        figure: Name of the picture that shows it, or None.
        explanation: What it means; that of the claim's id where None.
    """

    claim: Claim
    figure: str | None = None
    explanation: Explanation | None = None

    @property
    def explained(self) -> Explanation:
        """The explanation given, or that of the claim's id."""
        return self.explanation or explanation_of(self.claim)


@dataclass(frozen=True, kw_only=True)
class Table:
    """Numbers beside the claims: baselines, solver steps.

    Attributes:
        title: Above the table.
        columns: Heads of the columns.
        rows: Cells as text, as many in each row as there are columns.
        note: A sentence under the table.
    """

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def __post_init__(self) -> None:
        ragged = [row for row in self.rows if len(row) != len(self.columns)]
        if ragged:
            raise ValueError(f"expected {len(self.columns)} cells in each row of {self.title!r}, got {list(ragged[0])}")


@dataclass(frozen=True, kw_only=True)
class Report:
    """Claims, pictures and tables, with what produced them.

    Attributes:
        title: Of the page.
        introduction: A paragraph that says what was verified, for a reader who did not run it.
        entries: The claims, in the order of the page.
        figures: How each picture is made, by name; made when asked for.
        tables: Further numbers.
        command: What reproduces the report.
        seed: Of the run; None where generators were handed in.
        inputs: What went in (data with their hash, sizes, tolerances), JSON.
        environment: Versions and machine, JSON; the keys of `VOLATILE` belong here.
    """

    title: str
    introduction: str = ""
    entries: tuple[Entry, ...] = ()
    figures: Mapping[str, FigureBuilder] = field(default_factory=dict)
    tables: tuple[Table, ...] = ()
    command: str = ""
    seed: int | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ids = [entry.claim.id for entry in self.entries]
        repeated = sorted({id for id in ids if ids.count(id) > 1})
        if repeated:
            raise ValueError(f"expected every claim to have its own id, got {repeated} more than once: rename one")
        absent = sorted({entry.figure for entry in self.entries if entry.figure} - set(self.figures))
        if absent:
            raise ValueError(f"expected a figure for each name that an entry shows, got none for {absent}")

    @property
    def pictures(self) -> dict[str, FigureBuilder]:
        """Every picture of the page: the claims against their bounds, and the figures."""
        measured = [claim for claim in self.claims.values() if math.isfinite(claim.interval.estimate)]
        if not measured:
            return dict(self.figures)
        height = 1.0 + 0.42 * len(measured)
        return {
            "claims": lambda: figure_of(lambda ax: draw_claims(ax, measured), size=(9.6, height)),
            **self.figures,
        }

    @property
    def claims(self) -> dict[str, Claim]:
        """The claims by id, in the order of the page."""
        return {entry.claim.id: entry.claim for entry in self.entries}

    def figure(self, name: str) -> Figure:
        """The named picture, made anew.

        Raises:
            KeyError: If there is no such picture.
        """
        if name not in self.pictures:
            raise KeyError(f"expected one of the figures {sorted(self.pictures)}, got {name!r}")
        return self.pictures[name]()

    def including(
        self,
        *entries: Entry,
        figures: Mapping[str, FigureBuilder] | None = None,
        tables: Sequence[Table] = (),
        first: Sequence[Entry] = (),
    ) -> "Report":
        """The report with more in it.

        Args:
            entries: Claims after those it has.
            figures: Pictures, by name.
            tables: Tables after those it has, or before them where there are claims before those it has.
            first: Claims before those it has.
        """
        return replace(
            self,
            entries=(*first, *self.entries, *entries),
            figures={**self.figures, **(figures or {})},
            tables=(*tables, *self.tables) if first else (*self.tables, *tables),
        )

    def to_json(self) -> dict[str, Any]:
        """The report as it stands in `claims.json`."""
        return {
            "claims": [claim.to_json() for claim in self.claims.values()],
            "environment": dict(self.environment),
            "seed": self.seed,
            "inputs": dict(self.inputs),
        }

    def save(self, folder: str | Path) -> Path:
        """Writes `index.html`, `claims.json` and `figures/`, and returns the path of the page.

        The folder appears complete or not at all; an older report in its place is replaced.

        Raises:
            FileExistsError: If the folder holds anything that is not a report.
        """
        from koopman_analysis.report.folder import write_report

        return write_report(self, Path(folder))
