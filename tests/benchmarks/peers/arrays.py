"""The data that all contestants read, and features as anyone would write them for a library that lacks them."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from worker import settings

Lift = Callable[[np.ndarray], np.ndarray]


def pairs(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """States before and after, one a row."""
    return np.load(folder / "before.npy"), np.load(folder / "after.npy")


def snapshots(folder: Path) -> tuple[np.ndarray, int]:
    """A trajectory, one state a row, and the rank to keep."""
    return np.load(folder / "snapshots.npy"), settings(folder)["rank"]


def scale(folder: Path) -> float:
    """The length scale of Gaussians and of random waves."""
    return float(settings(folder)["scale"])


def centres(folder: Path) -> np.ndarray:
    """The centres of Gaussians, one a row."""
    return np.load(folder / "centres.npy")


def waves(folder: Path) -> np.ndarray:
    """Wave vectors, one a column."""
    return np.load(folder / "waves.npy")


def of_waves(folder: Path) -> Lift:
    """Cosines, then sines, of these waves."""
    vectors = waves(folder)

    def lift(states: np.ndarray) -> np.ndarray:
        phase = states @ vectors
        return np.hstack([np.cos(phase), np.sin(phase)])

    return lift


def distances(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Two distance matrices of the same objects."""
    return np.load(folder / "first.npy"), np.load(folder / "second.npy")


def points(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Two representations of the same objects, a row each."""
    return np.load(folder / "points.npy"), np.load(folder / "semantic.npy")
