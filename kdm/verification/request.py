"""What a verification is asked to do: how that is called, and whether an older report is an answer to the same."""

import hashlib
import json
import shlex
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from kdm.presets import PRESETS
from kdm.training.distillation import distillation_experiment
from kdm.training.runs import RunFolder
from kdm.trajectories import open_trajectories
from koopman_analysis.report import require_report_or_nothing, saved_inputs


@dataclass(frozen=True, kw_only=True)
class Request:
    """One command.

    Attributes:
        target: A preset, or the folder of a RUN.
        data: A data set, where it should differ from the preset's or the RUN's.
        seed: Seed of everything random.
        fast: Few pairs and little training.

    Raises:
        ValueError: If the target is neither a preset nor a folder.
    """

    target: str
    data: Path | None
    seed: int
    fast: bool

    def __post_init__(self) -> None:
        if self.target not in PRESETS and not self.is_run:
            raise ValueError(
                f"expected one of the presets {', '.join(PRESETS)}, or the folder of a run, got {self.target!r}"
            )

    @property
    def is_run(self) -> bool:
        """Whether the target is a RUN; a preset of the same name comes first."""
        return self.target not in PRESETS and Path(self.target).exists()

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
        given = [] if self.digest is None else [self.digest[:8]]
        variant = [*(["fast"] if self.fast else []), *given, *([f"seed{self.seed}"] if self.seed else [])]
        return "-".join([_name_of_run(Path(self.target)) if self.is_run else self.target, *variant])

    @property
    def command(self) -> str:
        """The command line that asks the same."""
        options = [*(["--data", str(self.data)] if self.data else []), *(["--fast"] if self.fast else [])]
        return shlex.join(["kdm", "verify", self.target, *options, "--seed", str(self.seed)])

    def to_json(self) -> dict[str, Any]:
        """What decides the answer, wherever the folders are, and under `line` the command itself.

        Raises:
            RunError: If the target is a folder but no RUN.
        """
        asked: dict[str, Any] = {"line": self.command, "seed": self.seed, "fast": self.fast}
        if not self.is_run:
            return asked | {"target": self.target} | ({} if self.digest is None else {"data": self.digest})
        experiment = json.dumps(distillation_experiment(RunFolder(Path(self.target))), sort_keys=True)
        return asked | {"target": hashlib.sha256(experiment.encode()).hexdigest()}

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


def _name_of_run(run: Path) -> str:
    """The folder's name; with its parent's where that is the RUN inside of another's work folder."""
    path = run.resolve()
    return f"{path.parent.name.removeprefix('verify-')}-run" if path.name == "run" else path.name
