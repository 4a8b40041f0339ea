"""Collecting trajectories of a teacher, so that it can be interrupted.

Rows are made in groups of `GROUP`, or of fewer where the teacher says so; the labels that are asked for and the noise
of group g are drawn from a generator seeded by (seed, g) alone. A group is therefore the same whether it follows the
others in one run or is the first one after an interruption, and the whole is the same bit for bit.

The labels of a conditional teacher are asked for, and the manifest says so; those of another are read off its data.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kdm.flows import Flow, integrate, kept_times, solver_error
from kdm.progress import progress_bar
from kdm.schedules import edm_sigmas
from kdm.teachers import Teacher
from kdm.trajectories.groups import made_in_groups
from kdm.trajectories.manifest import CONDITIONS, NOISE_DEVIATION, Manifest
from kdm.trajectories.storage import Trajectories, require_finite

GROUP = 4096
"""Rows whose noise is drawn from one seed; part of what determines the data."""
ERROR_ROWS = 512
"""Rows on which the error of the solver is measured; at most an eighth of those that a teacher makes together."""


@dataclass(frozen=True, kw_only=True)
class _Recipe:
    """All that determines the arrays of a collection."""

    teacher: Teacher
    n: int
    steps: int
    keep: tuple[int, ...]
    seed: int

    @cached_property
    def group(self) -> int:
        return min(GROUP, self.teacher.together)

    @cached_property
    def source(self) -> dict[str, Any]:
        asked = {"labels": CONDITIONS} if self.teacher.conditional else {}
        other = self.teacher.noise_deviation != self.teacher.sigma_noise
        start = {NOISE_DEVIATION: self.teacher.noise_deviation} if other else {}
        return {"kind": "teacher", "teacher": self.teacher.config(), "group": self.group, **asked, **start}

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
        seed = np.random.SeedSequence([self.seed, first // self.group]).generate_state(1, np.uint64)[0]
        generator, n = torch.Generator().manual_seed(int(seed)), min(self.group, self.n - first)
        asked = self.teacher.sample_conditions(n, generator=generator)
        # Rounded to what is stored before it is integrated: the stored pair is then a pair of the flow.
        noise = self.teacher.given(asked).sample_noise(n, generator=generator).float()
        flow = self.flow(noise, asked, device=device)
        made = {"noise": flow.noise, "data": flow.data, "trajectory": flow.states}
        labels = self.teacher.labels(flow.data.float()) if asked is None else asked
        return made if labels is None else {**made, "labels": labels}

    def flow(self, noise: torch.Tensor, labels: torch.Tensor | None, *, device: torch.device) -> Flow:
        """From these samples of the noise end."""
        return integrate(
            self.teacher, noise.to(device, self.teacher.precision), steps=self.steps, keep=self.keep,
            labels=None if labels is None else labels.to(device),
        )  # fmt: skip

    def measured(self, arrays: Mapping[str, np.ndarray], *, device: torch.device) -> Manifest:
        """The manifest, with the error of the solver on the first rows."""
        rows = min(ERROR_ROWS, max(1, self.teacher.together // 8))
        noise = torch.tensor(arrays["noise"][:rows], dtype=self.teacher.precision, device=device)
        asked = torch.tensor(arrays["labels"][:rows], device=device) if self.teacher.conditional else None
        error = asdict(solver_error(self.teacher, noise, steps=self.steps, labels=asked))
        return replace(self.manifest, solver={**self.manifest.solver, "error": error})


def collect(
    teacher: Teacher,
    n: int,
    *,
    generator: torch.Generator,
    steps: int | None = None,
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
        steps: Heun steps; None for as many as the teacher's own, `Teacher.steps`.
        keep: indices of times, 0 (noise) to `steps` (data), at which states are kept beside the two ends.
        out: the folder to save in; None to keep the arrays in memory.
        device: on which to integrate.
        progress: draw a bar on the standard error stream.

    Raises:
        DataError: if `out` holds something else, or the disk is full.
        FolderInUse: if another process is writing it.
    """
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    steps = teacher.steps if steps is None else steps
    recipe = _Recipe(teacher=teacher, n=n, steps=steps, keep=tuple(kept_times(keep, steps=steps)), seed=seed)
    place = torch.device(device)
    fill = partial(_fill, recipe, device=place, progress=progress)
    measured = partial(recipe.measured, device=place)
    if out is not None:
        return made_in_groups(Path(out), recipe.manifest, recipe.names, fill=fill, completed=measured)
    specifications = recipe.manifest.specifications(recipe.names)
    arrays = {name: np.empty(shape, dtype) for name, (shape, dtype) in specifications.items()}
    fill(arrays, done=0, made=lambda done: None)
    return Trajectories(
        noise=arrays["noise"], data=arrays["data"], trajectory=arrays.get("trajectory"), labels=arrays.get("labels"),
        manifest=measured(arrays),
    )  # fmt: skip


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
        for first in range(done, recipe.n, recipe.group):
            rows = recipe.rows(first, device=device)
            following = first + len(rows["noise"])
            for name, array in arrays.items():
                values = rows[name].cpu().numpy()
                require_finite(values, name=f"{name} collected from the teacher '{recipe.teacher.kind}'")
                array[first:following] = values
            made(following)
            bar.update(following - first)
