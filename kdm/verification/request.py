"""What a verification is asked to do: how that is called, and whether an older report is an answer to the same."""

import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kdm.training.runs import RunFolder
from kdm.trajectories import open_trajectories
from kdm.verification.subjects import digest_of_run, name_of_run
from kdm.verification.targets import Target, target_named
from koopman_analysis.report import require_report_or_nothing, saved_inputs


@dataclass(frozen=True, kw_only=True)
class Request:
    """One command.

    Attributes:
        target: A preset, the folder of a RUN, or MODULE:OBJECT.
        data: A data set, where it should differ from the preset's or the RUN's, or where the model knows of none.
        beside: RUNs to measure on the same held-out pairs.
        seed: Seed of everything random.
        fast: Few pairs and little training.
        label: The class to look at, where the model is told classes.

    Raises:
        ValueError: If the target is nothing that can be verified, no data are given for a model that was trained
            elsewhere, or two RUNs beside it have one name.
        RunError: If the target is a folder but no RUN, or what is beside it is no finished one.
    """

    target: str
    data: Path | None
    seed: int
    fast: bool
    beside: tuple[Path, ...] = ()
    label: int | None = None

    def __post_init__(self) -> None:
        _ = self.what  # what cannot be verified is refused at once
        names = [name_of_run(run) for run in self.beside]
        if len(set(names)) < len(names):
            raise ValueError(f"expected RUNs of different names beside the model, got {', '.join(names)}: rename one")
        for run in self.beside:
            RunFolder(run).require_finished()

    @cached_property
    def what(self) -> Target:
        """What the target means."""
        return target_named(self.target, data=self.data)

    @cached_property
    def digest(self) -> str | None:
        """That of the data given.

        Raises:
            DataError: If they are no data set.
        """
        return None if self.data is None else open_trajectories(self.data).manifest.digest

    @property
    def name(self) -> str:
        """The target's name, and what tells this request from others of the same target."""
        return self._named([] if self.label is None else [f"class{self.label}"])

    @property
    def trainings(self) -> str:
        """A name for what is collected and trained, which serves all classes."""
        return self._named([])

    def _named(self, of_class: list[str]) -> str:
        given = [] if self.digest is None else [self.digest[:8]]
        beside = [f"beside-{name_of_run(run)}" for run in self.beside]
        variant = [
            *(["fast"] if self.fast else []), *of_class, *given, *beside,
            *([f"seed{self.seed}"] if self.seed else []),
        ]  # fmt: skip
        return "-".join([self.what.name, *variant])

    @property
    def command(self) -> str:
        """The command line that asks the same."""
        options = [*(["--data", str(self.data)] if self.data else []), *(["--fast"] if self.fast else [])]
        options += [] if self.label is None else ["--label", str(self.label)]
        beside = [word for run in self.beside for word in ("--beside", str(run))]
        return shlex.join(["kdm", "verify", self.target, *options, *beside, "--seed", str(self.seed)])

    def to_json(self) -> dict[str, Any]:
        """What decides the answer, wherever the folders are, and under `line` the command itself.

        Raises:
            ModelObjectError: If the target is MODULE:OBJECT and names no model of the data.
        """
        asked: dict[str, Any] = {"line": self.command, "seed": self.seed, "fast": self.fast}
        beside = {"beside": [digest_of_run(run) for run in self.beside]} if self.beside else {}
        of_class = {} if self.label is None else {"label": self.label}
        return asked | self.what.key | beside | of_class

    def require_replaceable(self, folder: Path) -> None:
        """Refuses a destination that holds anything but an older report of the same request.

        Raises:
            FileExistsError: If it does.
        """
        require_report_or_nothing(folder)
        if not (folder / "claims.json").exists():
            return
        found = (saved_inputs(folder) or {}).get("command")
        found = found if isinstance(found, dict) else {}
        if found | {"line": ""} != self.to_json() | {"line": ""}:
            raise FileExistsError(
                f"'{folder}' holds the report of another command ({found.get('line', 'it does not say which')}): "
                "choose another --out, or remove it"
            )
