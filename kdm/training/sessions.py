"""Training in a RUN: resumed, saved at every measurement, by one process or by several together.

Of several, one writes: that of rank 0. All read the same save, and go on from the same step.
"""

import json
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, cast

from kdm.evaluation import OneStepGenerator
from kdm.interrupts import Terminated, deferred_interrupts
from kdm.objectives import Objective
from kdm.shapes import can_be_shown
from kdm.training.distributed import Processes, current_processes
from kdm.training.loop import Step, TrainingState, train
from kdm.training.pictures import picture_of
from kdm.training.runs import RunError, RunFolder
from kdm.trajectories import IndexedPairs, Pairs


@contextmanager
def claimed_together(folder: RunFolder, experiment: dict[str, Any], *, data_folder: Path | None) -> Iterator[None]:
    """`RunFolder.claimed`, by the process that writes, for all.

    Raises:
        RunError: If the folder holds anything but this experiment.
        FolderInUse: If others train in it.
        ProcessLost: In the other processes, where that one raises.
    """
    with ExitStack() as claim:
        current_processes().told(lambda: claim.enter_context(folder.claimed(experiment, data_folder=data_folder)))
        yield


def train_in_folder(
    folder: RunFolder, *, state: TrainingState, objective: Objective, training: IndexedPairs, heldout: Pairs,
    log_every: int = 50,
) -> Generator[Step, None, None]:  # fmt: skip
    """Trains from where the folder's last save left off, and saves at every held-out measurement; for its claimant.

    An interrupt waits for the end of the step, saves, and is then raised: KeyboardInterrupt of Ctrl-C, `Terminated` of
    SIGTERM. One that reaches any process stops all of them after the same step. What does not wait so long, a second
    Ctrl-C or a SIGTERM at the end of its patience (`kdm.interrupts`), loses the steps since the last save.

    Yields:
        Every finished step.

    Raises:
        RunError: If the folder's last save is damaged, or not the same for all processes.
    """
    processes = current_processes()
    _resume(folder, state, processes)
    lines: list[str] = []
    with deferred_interrupts() as deferral:
        for step in train(state, objective, training, heldout, processes=processes):
            interrupted = processes.anywhere(deferral.interrupted)
            if processes.rank == 0:
                if step.index % log_every == 0 or step.heldout is not None:
                    lines.append(json.dumps(_logged(step)) + "\n")
                if step.heldout is not None or interrupted:
                    folder.save(state, lines)
                    lines = []
                if step.heldout is not None:
                    _save_picture(folder, state, heldout)
            deferral.raise_noted()
            if interrupted:
                raise Terminated
            yield step


def _resume(folder: RunFolder, state: TrainingState, processes: Processes) -> None:
    folder.restore(state)
    # Nobody saves before everybody is here, so that all have read the same file, if there is one file.
    first = processes.told(lambda: state.step)
    if first != state.step:
        raise RunError(
            f"expected a save after {first} steps in '{folder.path}', as the process of rank 0 finds it, got one after "
            f"{state.step} in that of rank {processes.rank}: put the run where all processes see it"
        )
    if processes.rank == 0:
        folder.drop_metrics_after(state.step)
        if state.finished:
            folder.save_weights(state)  # a kill came between the two, or someone removed them


def _save_picture(folder: RunFolder, state: TrainingState, heldout: Pairs) -> None:
    if len(heldout) > 0 and can_be_shown(tuple(heldout.data.shape[1:])):
        picture = picture_of(cast(OneStepGenerator, state.result()), heldout)
        folder.save_picture(f"step-{state.step:06d}.png", picture)


def _logged(step: Step) -> dict[str, Any]:
    values: dict[str, Any] = {
        "step": step.index,
        "learning_rate": step.learning_rate,
        "total": step.losses.total.item(),
    }
    values |= {name: part.item() for name, part in step.losses.parts.items()}
    if step.gradient_norm is not None:
        values["gradient_norm"] = step.gradient_norm.item()
    if step.heldout is not None:
        heldout = step.heldout
        values |= {
            "heldout_paired_error": heldout.relative_rmse, "heldout_median": heldout.median,
            "heldout_pairs": heldout.pairs,
        }  # fmt: skip
    return values
