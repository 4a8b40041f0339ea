"""One benchmark's page: tables, the goals with what was reached, and the machine; as Markdown and as JSON."""

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias

import psutil

from kdm.storage import replaced_file, write_json
from koopman_analysis.claims import Side
from koopman_analysis.report.environment import current_environment
from koopman_analysis.resampling import Interval

from .cost import Cost

Cell: TypeAlias = str | int | float | Interval
Row: TypeAlias = Mapping[str, Cell]
DISTRIBUTIONS = ("kdm", "numpy", "scipy", "scikit-learn", "torch")


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows of named cells; a cell that a row does not have stays empty.

    Attributes:
        columns: The format of each column's numbers, by name.
        rows: The cells, by column.
    """

    columns: Mapping[str, str]
    rows: Sequence[Row]

    def markdown(self) -> str:
        """The table as Markdown."""
        lines = [list(self.columns), ["---"] * len(self.columns)]
        lines += [[_told(row.get(name, ""), form) for name, form in self.columns.items()] for row in self.rows]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines)

    def to_json(self) -> list[dict[str, Any]]:
        """The rows; an interval is `{estimate, low, high}`."""
        return [
            {name: cell.to_json() if isinstance(cell, Interval) else cell for name, cell in row.items()}
            for row in self.rows
        ]


@dataclass(frozen=True, kw_only=True)
class Goal:
    """What a quantity should reach, and what it reached: the worst value measured."""

    quantity: str
    measured: float
    side: Side
    bound: float
    form: str = ".3g"

    @property
    def met(self) -> bool:
        """Whether it did."""
        return self.measured <= self.bound if self.side is Side.AT_MOST else self.measured >= self.bound


@dataclass(frozen=True, kw_only=True)
class Page:
    """What one benchmark measured.

    Attributes:
        title: Its heading.
        about: What is measured, and how.
        tables: What came out.
        goals: What should have.
        notes: What a reader must know to read the numbers.
    """

    title: str
    about: str
    tables: Sequence[Table]
    goals: Sequence[Goal] = ()
    notes: Sequence[str] = ()

    def save(self, folder: Path, *, name: str, command: str, threads: int, cost: Cost) -> None:
        """Writes NAME.md and NAME.json into the folder."""
        record = {**_environment(), "command": command, "threads": threads, "seconds": asdict(cost)}
        parts = [f"# {self.title}", self.about, *(table.markdown() for table in self.tables)]
        if self.goals:
            rows = [_goal_cells(goal) for goal in self.goals]
            parts.append(Table(columns=dict.fromkeys(rows[0], ""), rows=rows).markdown())
        parts += ["\n".join(f"- {note}" for note in self.notes)] if self.notes else []
        parts.append(_record_lines(record))
        with replaced_file(folder / f"{name}.md") as temporary:
            temporary.write_text("\n\n".join(parts) + "\n")
        goals = [{**asdict(goal), "side": goal.side.value, "met": goal.met} for goal in self.goals]
        tables = [table.to_json() for table in self.tables]
        write_json(folder / f"{name}.json", {"tables": tables, "goals": goals, "record": record})


def number(cell: Cell) -> float:
    """The number in a cell: of an interval its estimate."""
    return cell.estimate if isinstance(cell, Interval) else float(cell)


def _told(cell: Cell, form: str) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, Interval):
        return f"{cell.estimate:{form}} [{cell.low:{form}}, {cell.high:{form}}]"
    return f"{cell:{form}}"


def _goal_cells(goal: Goal) -> Row:
    sign = "≤" if goal.side is Side.AT_MOST else "≥"
    return {
        "goal": f"{goal.quantity} {sign} {goal.bound:{goal.form}}",
        "measured": f"{goal.measured:{goal.form}}",
        "met": "yes" if goal.met else "**no**",
    }


def _environment() -> dict[str, Any]:
    environment = current_environment(DISTRIBUTIONS)
    return {
        "date": environment["date"],
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "python": environment["python"],
        "packages": environment["packages"],
    }


def _cpu_model() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text().splitlines() if path.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _record_lines(record: Mapping[str, Any]) -> str:
    seconds = record["seconds"]
    versions = ", ".join(f"{name} {version}" for name, version in record["packages"].items())
    return "\n".join(
        [
            f"`{record['command']}` · {record['date']} · {record['threads']} thread(s) · "
            f"{seconds['wall']:.0f} s by the clock, {seconds['cpu']:.0f} s of CPU, "
            f"others kept {seconds['others']:.2f} cores busy  ",
            f"{record['cpu']}, {record['cores']} cores, {record['memory_gib']} GiB · "
            f"Python {record['python']}, {versions}",
        ]
    )
