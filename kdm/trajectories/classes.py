"""The rows of one class, as a data set of their own.

Where labels are conditions, each class has a flow of its own, and what is said of *the* flow is said of one of them:
its rows, its teacher, its held-out part. The order of rows is kept, so that no row changes sides.
"""

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Int

from kdm.teachers.conditional import ClassConditional
from kdm.trajectories.manifest import FEWEST, DataError
from kdm.trajectories.storage import Trajectories


def of_class(data: Trajectories, label: int) -> Trajectories:
    """The trajectories with this label, in memory; their teacher is that of the class, where one is known.

    Raises:
        DataError: If the labels of the data are no conditions, or too few rows have this one.
    """
    labels = _conditions(data)
    mine = labels == label
    first_heldout = len(data) - data.manifest.heldout
    count, heldout = int(mine.sum()), int(mine[first_heldout:].sum())
    if count < FEWEST or heldout == 0:
        raise DataError(
            f"expected at least {FEWEST} rows of class {label}, some of them held out, got {count}, {heldout} of them "
            f"held out: there are classes {np.unique(labels).tolist()}"
        )
    teacher = data.teacher
    source = {name: value for name, value in data.manifest.source.items() if name not in {"labels", "teacher"}}
    if isinstance(teacher, ClassConditional):
        source["teacher"] = teacher.of.of_class(label).config()
    source |= {"class": label, "all": {"digest": data.manifest.digest, "source": dict(data.manifest.source)}}
    manifest = replace(data.manifest, n=count, heldout=heldout, source=source, files={})
    return replace(
        data,
        noise=np.asarray(data.noise[mine]),
        data=np.asarray(data.data[mine]),
        trajectory=None if data.trajectory is None else np.asarray(data.trajectory[mine]),
        labels=None,
        manifest=manifest,
        folder=None,
    )


def largest_class(data: Trajectories) -> int:
    """The class with most held-out rows, the first of several.

    Raises:
        DataError: If the labels of the data are no conditions.
    """
    return int(np.bincount(_conditions(data)[len(data) - data.manifest.heldout :]).argmax())


def require_classes(data: Trajectories, classes: int) -> None:
    """Refuses data whose labels are not those of a model that is told one of so many classes.

    Where some class between the first and the last has no training pair, a warning says so.

    Raises:
        DataError: If there are no labels, some are negative, or the largest one is not that of the last class.
    """
    if data.labels is None:
        raise DataError(
            f"expected a label of 0 to {classes - 1} for each pair, which the model is told, got none: take data with "
            "labels, or a model without classes"
        )
    labels = np.asarray(data.labels)
    least, most = int(labels.min()), int(labels.max())
    if least < 0:
        raise DataError(f"expected labels from 0 on, got {least} to {most}: number the classes 0, 1, 2, …")
    if most + 1 != classes:
        raise DataError(
            f"expected labels up to {classes - 1}, that of the last of {classes} classes, got {least} to {most}: train "
            f"a model of {most + 1} classes (kdm train --classes {most + 1}), or take other data"
        )
    counts = np.bincount(labels[: len(data) - data.manifest.heldout], minlength=classes)
    if absent := np.flatnonzero(counts == 0).tolist():
        warnings.warn(f"no training pair is of the classes {absent}: samples of them will mean nothing", stacklevel=2)


def whole_of(data: Trajectories) -> tuple[str, Mapping[str, Any]]:
    """Digest and source of all classes of the data, where these are of one; of the data themselves where not."""
    manifest = data.manifest
    found = manifest.source.get("all", {"digest": manifest.digest, "source": manifest.source})
    return found["digest"], found["source"]


def _conditions(data: Trajectories) -> Int[np.ndarray, " n"]:
    if not data.conditional or data.labels is None:
        raise DataError("expected data of classes, whose labels were asked for, got others: leave the class out")
    return np.asarray(data.labels)
