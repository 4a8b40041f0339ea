"""Data sets that are made in groups of rows, so that making them can be interrupted.

What is planned determines every array. So the same call goes on where an interrupted one stopped, opens what is
finished, and refuses a folder that is to become, or is, anything else.
"""

import json
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeAlias

import numpy as np

from kdm.storage import differences
from kdm.trajectories.draft import MANIFEST, Draft
from kdm.trajectories.manifest import DataError, Manifest
from kdm.trajectories.storage import Trajectories, open_trajectories, require_vacant

DETERMINING = ("n", "times", "source", "solver", "seed", "permutation_seed")
"""The fields of a manifest that determine the arrays; the measured error of the solver follows from them."""


Fill: TypeAlias = Callable[..., None]
"""`fill(arrays, done=…, made=…)` makes the rows from `done` on, and tells `made` after each group how many are."""


def made_in_groups(
    out: Path,
    planned: Manifest,
    names: Collection[str],
    *,
    fill: Fill,
    completed: Callable[[Mapping[str, np.ndarray]], Manifest],
) -> Trajectories:
    """The planned data set in the folder `out`, opened; what of it is not there yet is made.

    Args:
        out: the folder.
        planned: what the data set is, before its arrays are known.
        names: of its arrays.
        fill: makes them.
        completed: the manifest of the finished arrays, or what is wrong with them as a DataError.

    Raises:
        DataError: if `out` holds something else, the disk is full, or the finished arrays are refused; these are gone.
        FolderInUse: if another process is writing it.
    """
    draft = Draft(out=out, recipe={name: getattr(planned, name) for name in DETERMINING})
    if (made := _finished(draft, planned)) is not None:
        return made
    with draft.claimed():
        # Until now another process may have been at it.
        if (made := _finished(draft, planned)) is not None:
            return made
        arrays = draft.open_arrays(planned.specifications(names))
        fill(arrays, done=draft.done, made=partial(draft.record, arrays))
        try:
            manifest = completed(arrays)
        except DataError:
            draft.discard()  # the same arrays would be refused again
            raise
        draft.finish(manifest)
    return open_trajectories(out)


def _finished(draft: Draft, planned: Manifest) -> Trajectories | None:
    """The data set where it is there already; None where the place is vacant, anything else is refused."""
    if (draft.out / MANIFEST).is_file():
        found = open_trajectories(draft.out)
        if other := _differences(found.manifest, planned):
            raise DataError(
                f"'{draft.out}' already holds another data set (it differs in {', '.join(other)}): "
                "remove it, or choose another --out."
            )
        with suppress(OSError):  # on a read-only file system it stays, and does no harm
            draft.clear_progress()
        return found
    require_vacant(draft.out)
    return None


def _differences(made: Manifest, planned: Manifest) -> list[str]:
    """In what a finished data set is not the one planned; its measured error follows from the rest."""
    found, wanted = ({name: getattr(each, name) for name in DETERMINING} for each in (made, planned))
    found["solver"] = {name: value for name, value in made.solver.items() if name != "error"}
    return differences(*(json.loads(json.dumps(each)) for each in (found, wanted)))
