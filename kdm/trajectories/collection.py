"""Collecting trajectories of a teacher, so that it can be interrupted.

Rows are made in groups of `GROUP`; the noise of group g is drawn from a generator seeded by (seed, g) alone. A group is
therefore the same whether it follows the others in one run or is the first one after an interruption, and the whole is
the same bit for bit.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kdm.flows import integrate, kept_times, solver_error
from kdm.progress import progress_bar
from kdm.schedules import edm_sigmas
from kdm.teachers import Teacher
from kdm.trajectories.groups import Fill, made_in_groups
from kdm.trajectories.manifest import Manifest
from kdm.trajectories.storage import Trajectories, require_finite

GROUP = 4096
"""Rows whose noise is drawn from one seed; part of what determines the data."""
ERROR_ROWS = 512
"""Rows on which the error of the solver is measured."""


@dataclass(frozen=True, kw_only=True)
class _Recipe:
    """All that determines the arrays of a collection."""

    teacher: Teacher
    n: int
    steps: int
    keep: tuple[int, ...]
    seed: int

    @property
    def source(self) -> dict[str, Any]:
        return {"kind": "teacher", "teacher": self.teacher.config(), "group": GROUP}

    @cached_property
    def manifest(self) -> Manifest:
        """What is being collected, before the error of the solver is known."""
        sigmas = edm_sigmas(self.steps, sigma_noise=self.teacher.sigma_noise, sigma_data=self.teacher.sigma_data)
        return Manifest.now(
            n=self.n,
            shape=self.teacher.shape,
            times=sigmas[list(self.keep)].tolist(),
            time_name="sigma",
            source=self.source,
            solver={"method": "heun", "steps": self.steps, "precision": str(self.teacher.precision)},
            seed=self.seed,
        )

    @property
    def names(self) -> list[str]:
        """The arrays that there will be."""
        optional = {"trajectory": len(self.keep) > 2, "labels": self.teacher.number_of_labels > 0}
        return ["noise", "data", *(name for name, present in optional.items() if present)]

    def rows(self, first: int, *, device: torch.device) -> dict[str, torch.Tensor]:
        """The group of rows that begins at `first`."""
        seed = np.random.SeedSequence([self.seed, first // GROUP]).generate_state(1, np.uint64)[0]
        generator = torch.Generator().manual_seed(int(seed))
        # Rounded to what is stored before it is integrated: the stored pair is then a pair of the flow.
        noise = self.teacher.sample_noise(min(GROUP, self.n - first), generator=generator).float()
        flow = integrate(self.teacher, noise.to(device, self.teacher.precision), steps=self.steps, keep=self.keep)
        made = {"noise": flow.noise, "data": flow.data, "trajectory": flow.states}
        labels = self.teacher.labels(flow.data.float())
        return made if labels is None else {**made, "labels": labels}


def collect(
    teacher: Teacher,
    n: int,
    *,
    generator: torch.Generator,
    steps: int = 64,
    keep: Iterable[int] = (),
    out: str | Path | None = None,
    device: torch.device | str = "cpu",
    progress: bool = False,
) -> Trajectories:
    """Trajectories of the teacher from n samples of its noise end, with the measured error of the solver.

    With `out`, the same call goes on where an interrupted one stopped, and a finished data set is opened, not made
    again.

    Args:
        teacher: whose flow it is.
        n: trajectories.
        generator: gives the seed of the noise.
        steps: Heun steps.
        keep: indices of times, 0 (noise) to `steps` (data), at which states are kept beside the two ends.
        out: the folder to save in; None to keep the arrays in memory.
        device: on which to integrate.
        progress: draw a bar on the standard error stream.

    Raises:
        DataError: if `out` holds something else, or the disk is full.
        FolderInUse: if another process is writing it.
    """
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    recipe = _Recipe(teacher=teacher, n=n, steps=steps, keep=tuple(kept_times(keep, steps=steps)), seed=seed)
    fill = partial(_fill, recipe, device=torch.device(device), progress=progress)
    return _in_memory(recipe, fill) if out is None else _on_disk(recipe, fill, Path(out))


def _in_memory(recipe: _Recipe, fill: Fill) -> Trajectories:
    specifications = recipe.manifest.specifications(recipe.names)
    arrays = {name: np.empty(shape, dtype) for name, (shape, dtype) in specifications.items()}
    fill(arrays, done=0, made=lambda done: None)
    return Trajectories(
        noise=arrays["noise"],
        data=arrays["data"],
        trajectory=arrays.get("trajectory"),
        labels=arrays.get("labels"),
        manifest=_measured(recipe, arrays["noise"]),
    )


def _on_disk(recipe: _Recipe, fill: Fill, out: Path) -> Trajectories:
    return made_in_groups(
        out, recipe.manifest, recipe.names, fill=fill, completed=lambda arrays: _measured(recipe, arrays["noise"])
    )


def _fill(
    recipe: _Recipe,
    arrays: Mapping[str, np.ndarray],
    *,
    done: int,
    made: Callable[[int], None],
    device: torch.device,
    progress: bool,
) -> None:
    """Make the rows from `done` on, and tell `made` after each group how many there are."""
    with progress_bar(total=recipe.n, initial=done, doing="collecting", unit="pair", shown=progress) as bar:
        for first in range(done, recipe.n, GROUP):
            rows = recipe.rows(first, device=device)
            following = first + len(rows["noise"])
            for name, array in arrays.items():
                values = rows[name].cpu().numpy()
                require_finite(values, name=f"{name} collected from the teacher '{recipe.teacher.kind}'")
                array[first:following] = values
            made(following)
            bar.update(following - first)


def _measured(recipe: _Recipe, noise: np.ndarray) -> Manifest:
    """The manifest, with the error of the solver on the first rows."""
    sample = torch.tensor(noise[:ERROR_ROWS], dtype=recipe.teacher.precision)
    error = asdict(solver_error(recipe.teacher, sample, steps=recipe.steps))
    planned = recipe.manifest
    return replace(planned, solver={**planned.solver, "error": error})
